//! The decoder: embedding, layers, unembedding.
//!
//! Weights do not require gradients, so back-propagation through a [`Model`] computes gradients of
//! activations only. Sequences are *ragged*: the tokens of all rows are concatenated in one tensor
//! `[tokens, hidden_size]`, and only attention distinguishes rows. Nothing is padded except
//! completions of one group in attention, to the longest of them.

mod assemble;

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};
use trimtab_kernels as kernels;

pub use assemble::{Rows, Wanted};

use crate::attention::{AttentionConfig, softcap};
use crate::cache::{KvCache, PromptCache};
use crate::config::{ModelConfig, RopeConfig};
use crate::hook::{Hook, LayerHooks, TokenInfo};
use crate::layer::{Layer, RmsNorm};
use crate::mixing::{Mixing, mix_completions, mix_decode, mix_prompts};
use crate::rope::Rotation;
use crate::weight::{Weight, uses_cpu_kernels};

/// A frozen decoder. Cloning is cheap: tensors are shared.
#[derive(Clone, Debug)]
pub struct Model {
    /// The sizes of the model and the conventions of its family.
    pub config: ModelConfig,
    /// `[hidden_size, vocab_size]`, stored like the unembedding, which may share its memory.
    embed_tokens: Weight,
    layers: Vec<Layer<Weight>>,
    norm: RmsNorm<Weight>,
    /// `[hidden_size, vocab_size]`
    unembedding: Weight,
    device: Device,
    /// The dtype of activations.
    dtype: DType,
}

/// A token sequence to prefill, from its first token.
pub(crate) struct Sequence<'a> {
    pub(crate) tokens: &'a [u32],
    /// How many of them are the prompt. The others were generated.
    pub(crate) prompt_len: usize,
    /// The prompt index that hooks get.
    pub(crate) index: usize,
}

/// The tokens of a forward pass, and how their queries and keys are rotated.
#[derive(Debug)]
pub(crate) struct Positions {
    tokens: Vec<TokenInfo>,
    /// By index of the rotary embedding.
    rotations: Vec<Rotation>,
}

impl Model {
    /// Runs whole sequences from their first token, each attending to itself only.
    ///
    /// Returns the residual stream after the last layer and the keys and values of each sequence,
    /// from which [`Self::forward_completions`] and [`Self::decode_step`] continue. To `hook`,
    /// sequence `i` is prompt `i`.
    ///
    /// # Shapes
    ///
    /// - output: `[tokens, hidden_size]`, sequences concatenated in the order given
    ///
    /// # Panics
    ///
    /// A sequence is empty, or a token is not in the vocabulary.
    pub fn prefill(&self, prompts: &[&[u32]], hook: Option<Hook>) -> (Tensor<2>, Vec<PromptCache>) {
        let sequences: Vec<Sequence> = prompts
            .iter()
            .enumerate()
            .map(|(index, &tokens)| Sequence {
                tokens,
                prompt_len: tokens.len(),
                index,
            })
            .collect();
        self.prefill_sequences(&sequences, hook)
    }

    pub(crate) fn prefill_sequences(
        &self,
        sequences: &[Sequence],
        hook: Option<Hook>,
    ) -> (Tensor<2>, Vec<PromptCache>) {
        let lens: Vec<usize> = sequences
            .iter()
            .map(|sequence| sequence.tokens.len())
            .collect();
        assert!(!lens.contains(&0), "a sequence has at least one token");
        let mut prompts: Vec<PromptCache> = sequences
            .iter()
            .map(|sequence| PromptCache {
                index: sequence.index,
                len: sequence.tokens.len(),
                prompt_len: sequence.prompt_len,
                layers: Vec::with_capacity(self.layers.len()),
            })
            .collect();
        // Every token is computed with the frequencies of the whole text.
        let (mut tokens, mut at) = (vec![], vec![]);
        for (sequence, prompt) in sequences.iter().zip(&prompts) {
            tokens.extend_from_slice(sequence.tokens);
            let ids = sequence.tokens.iter().enumerate();
            at.extend(ids.map(|(position, &id)| (prompt.token(position, id), prompt.len)));
        }
        let resid = self.run(&tokens, &at, hook, |config, _, mixing| {
            let (mixed, layers) = mix_prompts(config, mixing, &lens);
            for (prompt, layer) in prompts.iter_mut().zip(layers) {
                prompt.layers.push(layer);
            }
            mixed
        });
        (resid, prompts)
    }

    /// Runs whole completions after their prompts. The completions of group `g`, `completions[g]`,
    /// share the prompt `prompts[g]`. Returns the residual stream after the last layer.
    ///
    /// Every token gets the rotary frequencies of its own length. With LongRoPE this equals
    /// [`generate`](crate::generate()) only if prompt and completion are on one side of
    /// [`Self::longrope_threshold`].
    ///
    /// # Shapes
    ///
    /// - output: `[tokens, hidden_size]`, completions concatenated in the order given
    ///
    /// # Panics
    ///
    /// There are not as many groups as prompts, or a token is not in the vocabulary.
    pub fn forward_completions(
        &self,
        prompts: &[PromptCache],
        completions: &[Vec<&[u32]>],
        hook: Option<Hook>,
    ) -> Tensor<2> {
        assert_eq!(prompts.len(), completions.len(), "prompts and groups");
        let lens: Vec<Vec<usize>> = completions
            .iter()
            .map(|group| group.iter().map(|row| row.len()).collect())
            .collect();
        let (mut tokens, mut at) = (vec![], vec![]);
        for (prompt, group) in prompts.iter().zip(completions) {
            for row in group {
                tokens.extend_from_slice(row);
                at.extend(prompt.positions_after(row));
            }
        }
        self.run(&tokens, &at, hook, |config, layer, mixing| {
            let prompts: Vec<_> = prompts.iter().map(|prompt| &prompt.layers[layer]).collect();
            mix_completions(config, mixing, &lens, &prompts)
        })
    }

    /// A cache of empty completions for [`Self::decode_step`]. Each pair is a prompt and the number
    /// of its completions. The cache starts with room for `capacity` tokens and grows when needed.
    pub fn kv_cache(&self, groups: Vec<(PromptCache, usize)>, capacity: usize) -> KvCache {
        KvCache::new(&self.config, self.dtype(), groups, capacity, &self.device())
    }

    /// Runs one more token of every completion in `cache`. Returns the residual stream after the
    /// last layer.
    ///
    /// # Shapes
    ///
    /// - `tokens`: one per row of `cache`
    /// - output: `[rows, hidden_size]`
    ///
    /// # Panics
    ///
    /// There are not as many tokens as rows, or a token is not in the vocabulary.
    pub fn decode_step(
        &self,
        cache: &mut KvCache,
        tokens: &[u32],
        hook: Option<Hook>,
    ) -> Tensor<2> {
        assert_eq!(tokens.len(), cache.rows(), "tokens and rows of the cache");
        cache.make_room();
        let at: Vec<(TokenInfo, usize)> = cache
            .tokens(tokens)
            .into_iter()
            .map(|token| (token, token.position + 1))
            .collect();
        let resid = self.run(tokens, &at, hook, |config, layer, mixing| {
            let (rows, step) = cache.layer(layer);
            mix_decode(config, mixing, rows, &step)
        });
        cache.advance();
        resid
    }

    /// Logits in f32 of a residual stream after the last layer.
    ///
    /// # Shapes
    ///
    /// - `resid_post`: `[tokens, hidden_size]`
    /// - output: `[tokens, vocab_size]`
    ///
    /// # Panics
    ///
    /// The shape does not fit.
    pub fn logits(&self, resid_post: Tensor<2>) -> Tensor<2> {
        let logits = self.unembed(self.final_norm(resid_post));
        softcap(logits, self.config.architecture.final_logit_softcapping)
    }

    /// What the unembedding gets: the final norm of a residual stream, times the scale that some
    /// families give their logits.
    ///
    /// # Shapes
    ///
    /// - `resid_post` and output: `[tokens, hidden_size]`
    ///
    /// # Panics
    ///
    /// The shape does not fit.
    pub fn final_norm(&self, resid_post: Tensor<2>) -> Tensor<2> {
        self.assert_width(&resid_post);
        let normed = self.norm.forward(resid_post);
        match self.config.architecture.logits_scale {
            1.0 => normed,
            scale => normed * scale,
        }
    }

    /// `W_U x` in f32: the unembedding alone, without norm and without the cap of some families.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, hidden_size]`
    /// - output: `[n, vocab_size]`
    ///
    /// # Panics
    ///
    /// The shape does not fit.
    pub fn unembed(&self, x: Tensor<2>) -> Tensor<2> {
        self.assert_width(&x);
        let x = x.cast(self.dtype());
        self.unembedding.linear(x, None).cast(DType::F32)
    }

    /// Log-probability of each of `targets` under `softmax(logits / temperature)`, in nats.
    ///
    /// # Shapes
    ///
    /// - `resid_post`: `[tokens, hidden_size]`, the residual stream after the last layer at the
    ///   positions that predict the targets
    /// - `targets`: one per row of `resid_post`
    /// - output: `[tokens]`
    ///
    /// # Panics
    ///
    /// The shapes do not fit, or a target is not in the vocabulary.
    pub fn logprobs(&self, resid_post: Tensor<2>, targets: &[u32], temperature: f32) -> Tensor<1> {
        self.assert_width(&resid_post);
        self.assert_known(targets);
        assert_eq!(resid_post.dims()[0], targets.len(), "rows and targets");
        let cap = self.config.architecture.final_logit_softcapping;
        if let (Weight::Matrix(unembedding), None) = (&self.unembedding, cap) {
            let normed = self.final_norm(resid_post);
            let scale = 1.0 / temperature;
            return kernels::unembed_logprobs(normed, unembedding.clone(), targets.into(), scale);
        }
        let logits = self.logits(resid_post);
        if uses_cpu_kernels(&logits) {
            return kernels::logprobs(logits, targets.into(), 1.0 / temperature);
        }
        let targets: Vec<i64> = targets.iter().map(|&token| i64::from(token)).collect();
        let count = targets.len();
        let targets =
            Tensor::<2, Int>::from_data(TensorData::new(targets, [count, 1]), &self.device);
        let logprobs = activation::log_softmax(logits / temperature, 1);
        logprobs.gather(1, targets).squeeze_dim(1)
    }

    /// The direct effect of directions `d` in the residual stream on the logits (direct logit
    /// attribution): `W_U (g * d)`, with the weight `g` of the final norm and without its division.
    /// It is scaled as logits are, and not capped as some families cap them.
    ///
    /// # Shapes
    ///
    /// - `directions`: `[n, hidden_size]`
    /// - output: `[n, vocab_size]`
    ///
    /// # Panics
    ///
    /// The shape does not fit.
    pub fn direct_logits(&self, directions: Tensor<2>) -> Tensor<2> {
        self.assert_width(&directions);
        let directions = directions.cast(DType::F32);
        let scale = self.norm.scale(&directions) * self.config.architecture.logits_scale;
        self.unembed(directions * scale)
    }

    /// `x W_O^T`: the output projection of attention in a layer, without its bias. `None` if the
    /// attention of the layer is linear.
    ///
    /// # Shapes
    ///
    /// - `x`: `[n, num_attention_heads * head_dim]`
    /// - output: `[n, hidden_size]`
    ///
    /// # Panics
    ///
    /// There is no such layer, or the shape does not fit.
    pub fn o_proj(&self, layer: usize, x: Tensor<2>) -> Option<Tensor<2>> {
        self.layers[layer].o_proj(x.cast(self.dtype()))
    }

    /// Length in tokens beyond which texts have other rotary frequencies (LongRoPE); `None` for
    /// models without such a threshold. A text that grows beyond it must be computed anew, as
    /// [`generate`](crate::generate()) does.
    pub fn longrope_threshold(&self) -> Option<usize> {
        self.config
            .architecture
            .ropes
            .iter()
            .find_map(RopeConfig::longrope_threshold)
    }

    /// The device of activations.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// The dtype of activations.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The same weights on the autodiff side of their device. They still require no gradients.
    #[must_use]
    pub fn autodiff(&self) -> Self {
        let mut model = self.clone();
        for tensor in model.tensors_mut() {
            tensor.inplace(Tensor::autodiff);
        }
        model.device = model.device.autodiff();
        model
    }

    /// All weights that are not packed.
    fn tensors_mut(&mut self) -> Vec<&mut Tensor<2>> {
        let outer = [
            &mut self.embed_tokens,
            &mut self.norm.weight,
            &mut self.unembedding,
        ];
        outer
            .into_iter()
            .chain(self.layers.iter_mut().flat_map(Layer::tensors_mut))
            .filter_map(Weight::tensor_mut)
            .collect()
    }

    /// Runs all layers over `tokens`. `at` has an entry for each token, as in [`Self::positions`].
    /// `mix` gets the index of the layer.
    fn run(
        &self,
        tokens: &[u32],
        at: &[(TokenInfo, usize)],
        hook: Option<Hook>,
        mix: impl FnMut(AttentionConfig, usize, Mixing) -> Tensor<2>,
    ) -> Tensor<2> {
        let positions = self.positions(at);
        let resid = self.embed_tokens(tokens);
        self.run_layers(0..self.layers.len(), resid, &positions, hook, mix)
    }

    /// Positions and rotations of tokens. Each token comes with a length of the text, in tokens. It
    /// gets the rotary frequencies of that length.
    pub(crate) fn positions(&self, at: &[(TokenInfo, usize)]) -> Positions {
        let positions: Vec<(usize, usize)> = at
            .iter()
            .map(|&(token, len)| (token.position, len))
            .collect();
        let ropes = self.config.architecture.ropes.iter();
        Positions {
            tokens: at.iter().map(|&(token, _)| token).collect(),
            rotations: ropes
                .map(|rope| rope.rotation(&positions, &self.device))
                .collect(),
        }
    }

    /// The residual stream before the first layer, `[tokens, hidden_size]`.
    pub(crate) fn embed_tokens(&self, tokens: &[u32]) -> Tensor<2> {
        self.assert_known(tokens);
        let resid = self.embed_tokens.embed(tokens, &self.device);
        match self.config.architecture.embedding_scale {
            1.0 => resid,
            scale => resid * scale,
        }
    }

    /// Runs some of the layers, from the residual stream before the first of them to that after the
    /// last.
    pub(crate) fn run_layers(
        &self,
        layers: Range<usize>,
        mut resid: Tensor<2>,
        positions: &Positions,
        hook: Option<Hook>,
        mut mix: impl FnMut(AttentionConfig, usize, Mixing) -> Tensor<2>,
    ) -> Tensor<2> {
        let architecture = &self.config.architecture;
        let mut hook = hook.map(|hook| (hook, hook.begin_forward()));
        for index in layers {
            let layer_config = &architecture.layers[index];
            let attention = AttentionConfig {
                scale: architecture.attention_scale,
                sliding_window: layer_config.sliding_window,
                softcap: architecture.attn_logit_softcapping,
            };
            resid = self.layers[index].forward(
                &self.config,
                resid,
                layer_config.rope.map(|rope| &positions.rotations[rope]),
                |mixing| mix(attention, index, mixing),
                LayerHooks {
                    hook: hook.as_mut().map(|(hook, call)| (*hook, call)),
                    layer: index,
                    tokens: &positions.tokens,
                },
            );
        }
        resid
    }

    /// # Panics
    ///
    /// `x` is not a residual stream `[tokens, hidden_size]`.
    pub(crate) fn assert_width(&self, x: &Tensor<2>) {
        let (width, hidden_size) = (x.dims()[1], self.config.hidden_size);
        assert_eq!(width, hidden_size, "width of the residual stream");
    }

    /// # Panics
    ///
    /// A token is not in the vocabulary.
    fn assert_known(&self, tokens: &[u32]) {
        let vocab_size = self.config.vocab_size;
        for &token in tokens {
            assert!(
                (token as usize) < vocab_size,
                "token {token} is not among the {vocab_size} tokens of the model"
            );
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::hook::resid_post_hook;
    use crate::precision::Precision;

    fn tied_qwen2() -> ModelConfig {
        ModelConfig::from_json(
            r#"{"model_type": "qwen2", "vocab_size": 11, "hidden_size": 12, "intermediate_size": 17,
                "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
                "max_position_embeddings": 32, "rms_norm_eps": 1e-6, "rope_theta": 1e4,
                "tie_word_embeddings": true}"#,
        )
        .expect("a sound configuration")
    }

    fn some_tensor(shape: &[usize], device: &Device) -> Tensor<2> {
        let [rows, columns] = match *shape {
            [rows, columns] => [rows, columns],
            _ => [1, shape[0]],
        };
        let data: Vec<f32> = (0..rows * columns)
            .map(|index| (index % 7) as f32 / 7.0 - 0.4)
            .collect();
        Tensor::from_data(TensorData::new(data, [rows, columns]), device)
    }

    /// A model as it is loaded for the CPU.
    pub(crate) fn packed_model() -> Model {
        let device = Device::flex();
        let rows = &mut |_: &str, shape: &[usize], rows: Range<usize>, _| {
            let whole = some_tensor(shape, &device);
            Ok::<_, Infallible>(whole.narrow(0, rows.start, rows.len()).into())
        };
        let Ok(model) = Model::from_rows(tied_qwen2(), Precision::F32, &device, rows);
        model
    }

    /// Full tuning needs a gradient of every tensor.
    #[test]
    fn every_tensor_that_asks_gets_a_gradient() {
        let device = Device::flex().autodiff();
        let mut leaves = vec![];
        let Ok(model) = Model::from_tensors(tied_qwen2(), &mut |name, shape| {
            let leaf = some_tensor(shape, &device).require_grad();
            leaves.push((name.to_owned(), leaf.clone()));
            Ok::<_, Infallible>(leaf)
        });
        assert_eq!(leaves.len(), 2 + 3 * (2 + 7 + 3), "tied embeddings once");
        let (resid, prompts) = model.prefill(&[&[1, 2, 3]], None);
        let completed = model.forward_completions(&prompts, &[vec![&[4, 5], &[6]]], None);
        let resid = Tensor::cat(vec![resid, completed], 0);
        let loss = model.logprobs(resid, &[2, 3, 4, 5, 6, 7], 1.0).sum();
        let grads = loss.backward();
        for (name, leaf) in leaves {
            let grad = leaf.grad(&grads).expect(&name).abs().sum();
            let grad = grad.into_scalar::<f32>();
            // Small for `k_proj.bias`: without the rotation it would add the same number to all
            // scores of a query, and have no gradient.
            assert!(grad > 1e-6, "{name} {grad}");
        }
    }

    /// Back-propagation computes gradients of activations only, also at `mlp.down_proj` and with
    /// tied embeddings.
    #[test]
    fn no_weight_gets_a_gradient() {
        let Ok(model) = Model::from_tensors(tied_qwen2(), &mut |_, shape| {
            Ok::<_, Infallible>(some_tensor(shape, &Device::flex()))
        });
        let mut model = model.autodiff();
        let vector = Tensor::<2>::zeros([1, 12], &model.device()).require_grad();
        let steer = resid_post_hook(|_, resid_post| resid_post + vector.clone());
        let (resid, prompts) = model.prefill(&[&[1, 2, 3]], Some(&steer));
        let completed = model.forward_completions(&prompts, &[vec![&[4, 5], &[6]]], Some(&steer));
        let loss = model
            .logprobs(
                Tensor::cat(vec![resid, completed], 0),
                &[2, 3, 4, 5, 6, 7],
                1.0,
            )
            .sum();
        let grads = loss.backward();
        let of_vector = vector
            .grad(&grads)
            .expect("the one leaf that asks for it")
            .abs()
            .sum()
            .into_scalar::<f32>();
        assert!(of_vector > 1e-3, "{of_vector}");
        let tensors = model.tensors_mut();
        assert_eq!(
            tensors.len(),
            3 + 3 * (2 + 7 + 3),
            "a tensor is missing from `tensors_mut`"
        );
        for (index, tensor) in tensors.into_iter().enumerate() {
            assert!(
                !tensor.is_require_grad() && tensor.grad(&grads).is_none(),
                "tensor {index}"
            );
        }
    }
}
