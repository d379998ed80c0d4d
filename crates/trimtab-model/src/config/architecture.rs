//! What a decoder computes.

use std::ops::RangeInclusive;

use trimtab_kernels::Activation;

use super::error::{ConfigError, refuse};
use super::rope::RopeConfig;

/// What a decoder computes: its sizes, named as in `config.json`, and the conventions of its family
/// in [`Architecture`].
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// The family, such as `qwen2`. Forward passes do not depend on it.
    pub model_type: String,
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key and value heads; a divisor of `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one attention head.
    pub head_dim: usize,
    /// Longest sequence the model was made for, in tokens.
    pub max_position_embeddings: usize,
    /// Epsilon of every `RMSNorm`.
    pub rms_norm_eps: f64,
    /// Whether the unembedding is the embedding.
    pub tie_word_embeddings: bool,
    /// First token of every sequence.
    pub bos_token_id: Option<u32>,
    /// Tokens that end a completion.
    pub eos_token_id: Vec<u32>,
    /// The conventions of the family.
    pub architecture: Architecture,
}

/// The conventions of a family: norms, biases, rotary embedding, activation function and the names
/// of its tensors.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// How a checkpoint names its tensors.
    pub names: TensorNames,
    /// The norms around attention and MLP.
    pub norms: NormNames,
    /// Added to the weight of every norm: 1 where a checkpoint stores the difference from 1, else
    /// 0.
    pub norm_offset: f64,
    /// Norms on queries and keys before they are rotated.
    pub qk_norm: Option<QkNorm>,
    /// Which projections have a bias.
    pub biases: Biases,
    /// Whether attention has a gate on its output: `q_proj` gives the queries and the gate of each
    /// head, and what `o_proj` gets is multiplied by the sigmoid of the gate.
    pub output_gate: bool,
    /// Whether a checkpoint stores queries, keys and values as one tensor (`qkv_proj`), and gate
    /// and up as another (`gate_up_proj`).
    pub fused_projections: bool,
    /// The function on the gate of the MLP.
    pub activation: Activation,
    /// Embeddings are multiplied by it.
    pub embedding_scale: f64,
    /// Attention scores are multiplied by it before the softmax.
    pub attention_scale: f64,
    /// `c`, if scores `s` are capped as `c tanh(s / c)` before the softmax (Gemma 2,
    /// arXiv:2408.00118, section 2).
    pub attn_logit_softcapping: Option<f64>,
    /// What attention and the MLP add to the residual stream is multiplied by it.
    pub residual_scale: f64,
    /// Logits are multiplied by it.
    pub logits_scale: f64,
    /// `c`, if logits are capped as `c tanh(logit / c)`.
    pub final_logit_softcapping: Option<f64>,
    /// What differs from layer to layer.
    pub layers: Vec<LayerConfig>,
    /// The rotary embeddings of all layers.
    pub ropes: Vec<RopeConfig>,
}

/// Which projections have a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Biases {
    /// Queries, keys and values.
    pub qkv: bool,
    /// The attention output.
    pub o: bool,
    /// The three projections of the MLP.
    pub mlp: bool,
}

/// What may differ from layer to layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerConfig {
    /// A token attends to itself and the `sliding_window - 1` tokens before it; `None`: to all.
    pub sliding_window: Option<usize>,
    /// Index into [`Architecture::ropes`]; `None`: queries and keys are not rotated (`NoPE`,
    /// arXiv:2305.19466).
    pub rope: Option<usize>,
    /// `None`: softmax attention.
    pub linear_attention: Option<LinearAttentionConfig>,
    /// `None`: one MLP for all tokens.
    pub experts: Option<ExpertsConfig>,
}

/// The sizes of a gated `DeltaNet` (arXiv:2412.06464) in place of attention, named as in
/// `config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearAttentionConfig {
    /// Number of query and key heads.
    pub linear_num_key_heads: usize,
    /// Number of value heads; a multiple of `linear_num_key_heads`.
    pub linear_num_value_heads: usize,
    /// Width of a query or key head.
    pub linear_key_head_dim: usize,
    /// Width of a value head.
    pub linear_value_head_dim: usize,
    /// Tokens that the causal convolution sees, at least 2.
    pub linear_conv_kernel_dim: usize,
}

/// A mixture of experts in place of the MLP, with sizes named as in `config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpertsConfig {
    /// Number of experts.
    pub num_experts: usize,
    /// How many of them compute each token.
    pub num_experts_per_tok: usize,
    /// Width inside an expert.
    pub moe_intermediate_size: usize,
    /// Whether the weights of a token's experts are scaled so that their sum is 1.
    pub norm_topk_prob: bool,
    /// Width inside the expert that computes every token; `None`: there is none.
    pub shared_expert_intermediate_size: Option<usize>,
}

impl LinearAttentionConfig {
    /// Width of all queries, and of all keys.
    pub(crate) fn key_width(&self) -> usize {
        self.linear_num_key_heads * self.linear_key_head_dim
    }

    /// Width of all values.
    pub(crate) fn value_width(&self) -> usize {
        self.linear_num_value_heads * self.linear_value_head_dim
    }

    /// Width of queries, keys and values together, which the convolution sees.
    pub(crate) fn conv_width(&self) -> usize {
        2 * self.key_width() + self.value_width()
    }

    /// How many numbers a text carries along: the state, and what the convolution still sees.
    pub(crate) fn state_numbers(&self) -> usize {
        self.linear_key_head_dim * self.value_width()
            + (self.linear_conv_kernel_dim - 1) * self.conv_width()
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (key, value, range) in [
            (
                "linear_num_key_heads",
                self.linear_num_key_heads,
                1..=1 << 10,
            ),
            (
                "linear_num_value_heads",
                self.linear_num_value_heads,
                1..=1 << 10,
            ),
            ("linear_key_head_dim", self.linear_key_head_dim, 1..=1 << 12),
            (
                "linear_value_head_dim",
                self.linear_value_head_dim,
                1..=1 << 12,
            ),
            (
                "linear_conv_kernel_dim",
                self.linear_conv_kernel_dim,
                2..=1 << 6,
            ),
        ] {
            in_range(key, value, range)?;
        }
        if !self
            .linear_num_value_heads
            .is_multiple_of(self.linear_num_key_heads)
        {
            return refuse(
                "linear_num_value_heads",
                self.linear_num_value_heads,
                format!(
                    "it must be a multiple of linear_num_key_heads ({})",
                    self.linear_num_key_heads
                ),
            );
        }
        Ok(())
    }
}

impl ExpertsConfig {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("num_experts", self.num_experts, 1..=1 << 12)?;
        let per_token = self.num_experts_per_tok;
        in_range("num_experts_per_tok", per_token, 1..=self.num_experts)?;
        in_range(
            "moe_intermediate_size",
            self.moe_intermediate_size,
            1..=1 << 18,
        )?;
        let shared = self.shared_expert_intermediate_size.unwrap_or(1);
        in_range("shared_expert_intermediate_size", shared, 1..=1 << 18)
    }
}

fn in_range(
    key: &'static str,
    value: usize,
    range: RangeInclusive<usize>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    refuse(key, value, format!("it must lie in {least}..={most}"))
}

/// Names of modules in a checkpoint. Tensors are named after them with `.weight` or `.bias`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorNames {
    /// The prefix of `embed_tokens`, `layers` and `norm`, such as `model`.
    pub decoder: &'static str,
    /// The unembedding, unless it is tied to the embedding.
    pub lm_head: &'static str,
    /// Prefixes of tensors that a text decoder does not use.
    pub unused: &'static [&'static str],
}

/// Names of the norms of a layer. A norm without a name does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormNames {
    /// On the input of attention.
    pub pre_attention: Option<&'static str>,
    /// On the output of attention.
    pub post_attention: Option<&'static str>,
    /// On the input of the MLP.
    pub pre_mlp: Option<&'static str>,
    /// On the output of the MLP.
    pub post_mlp: Option<&'static str>,
}

/// What a norm on queries and keys normalises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QkNorm {
    /// Each head by itself; all heads share one weight of `head_dim` numbers.
    Head,
    /// All heads together, with a weight of all their numbers.
    Projection,
}

/// Most experts of all layers.
pub(crate) const MAX_EXPERTS: usize = 1 << 17;

/// Longest text of any model, in tokens.
const MAX_LEN: usize = 1 << 24;

impl ModelConfig {
    /// How many numbers the keys and values of a token are, in all layers.
    pub fn kv_numbers(&self) -> usize {
        let layers = self.architecture.layers.iter();
        let with_attention = layers.filter(|layer| layer.linear_attention.is_none());
        2 * with_attention.count() * self.num_key_value_heads * self.head_dim
    }

    /// Longest text that the model can run, in tokens: `max_position_embeddings`, or the length
    /// that rotary scaling extends it to.
    pub fn max_len(&self) -> usize {
        let stretched = self.architecture.ropes.iter().map(RopeConfig::max_len);
        stretched
            .fold(self.max_position_embeddings, usize::max)
            .min(MAX_LEN)
    }

    /// Refuses sizes that no checkpoint has or that do not fit together.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        for (key, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 12),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                MAX_LEN,
            ),
        ] {
            if !(1..=most).contains(&value) {
                return refuse(key, value, format!("it must lie in 1..={most}"));
            }
        }
        let heads = self.num_attention_heads;
        if !heads.is_multiple_of(self.num_key_value_heads) {
            return refuse(
                "num_key_value_heads",
                self.num_key_value_heads,
                format!("it must divide num_attention_heads ({heads})"),
            );
        }
        if !self.head_dim.is_multiple_of(2) {
            return refuse("head_dim", self.head_dim, "it must be even".to_owned());
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps < 1.0) {
            return refuse(
                "rms_norm_eps",
                self.rms_norm_eps,
                "it must lie between 0 and 1".to_owned(),
            );
        }
        let scale = self.architecture.attention_scale;
        if !(scale.is_normal() && scale > 0.0) {
            return refuse(
                "query_pre_attn_scalar",
                scale,
                "the scale of the scores must be finite and above 0".to_owned(),
            );
        }
        for layer in &self.architecture.layers {
            if layer.sliding_window == Some(0) {
                return refuse(
                    "sliding_window",
                    0,
                    "a token sees at least itself".to_owned(),
                );
            }
            layer
                .linear_attention
                .map_or(Ok(()), |sizes| sizes.check())?;
            layer.experts.map_or(Ok(()), |sizes| sizes.check())?;
        }
        let experts = self.architecture.layers.iter();
        let experts = experts.filter_map(|layer| Some(layer.experts?.num_experts));
        let experts: usize = experts.sum();
        if experts > MAX_EXPERTS {
            let expected = format!("all layers together may have at most {MAX_EXPERTS}");
            return refuse("num_experts", format!("{experts} in all"), expected);
        }
        for rope in &self.architecture.ropes {
            rope.check()?;
        }
        let tokens = self
            .eos_token_id
            .iter()
            .map(|&token| ("eos_token_id", token));
        for (key, token) in tokens.chain(self.bos_token_id.map(|token| ("bos_token_id", token))) {
            if token as usize >= self.vocab_size {
                let expected = format!("the vocabulary has {} tokens", self.vocab_size);
                return refuse(key, token, expected);
            }
        }
        Ok(())
    }
}
