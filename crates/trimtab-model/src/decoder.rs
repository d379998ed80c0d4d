//! The decoder: embedding, pre-norm layers with grouped-query attention and `SwiGLU`, unembedding.
//!
//! Weights are plain tensors that ask for no gradient, so back-propagation through a [`Model`] computes activation
//! gradients only. Sequences are *ragged*: tokens of all rows lie end to end in one `[tokens, hidden_size]` tensor, and
//! rows are told apart only inside attention. Nothing is padded there but completions of one group, to the longest.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use crate::attention::{PromptKeys, RowKeys, attend_completions, attend_next, attend_prompts};
use crate::config::ModelConfig;
use crate::rope::Rope;

/// What is done to the residual stream after each decoder layer: `(layer, resid_post) -> resid_post`, where
/// `resid_post` is `[tokens, hidden_size]`. The same function serves steering and capture.
pub type ResidPostHook<'a> = &'a (dyn Fn(usize, Tensor<2>) -> Tensor<2> + Sync);

/// A frozen decoder. Cloning is cheap: tensors are shared.
#[derive(Clone, Debug)]
pub struct Model {
    /// The shape of the model.
    pub config: ModelConfig,
    pub(crate) embed_tokens: Tensor<2>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) norm: RmsNorm,
    /// `[hidden_size, vocab_size]`
    pub(crate) unembedding: Tensor<2>,
    pub(crate) rope: Rope,
}

#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) input_layernorm: RmsNorm,
    pub(crate) q_proj: Linear,
    pub(crate) k_proj: Linear,
    pub(crate) v_proj: Linear,
    pub(crate) o_proj: Linear,
    pub(crate) post_attention_layernorm: RmsNorm,
    pub(crate) gate_proj: Linear,
    pub(crate) up_proj: Linear,
    pub(crate) down_proj: Linear,
}

impl Model {
    /// Builds a model from a function that yields each tensor by its checkpoint name and shape; a vector of `n`
    /// numbers (shape `[n]`) comes as `[1, n]`.
    ///
    /// # Errors
    ///
    /// Whatever `tensor` returns.
    #[expect(
        clippy::type_complexity,
        reason = "a named type would hide what the function is given"
    )]
    pub fn build<E>(
        config: ModelConfig,
        tensor: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor<2>, E>,
    ) -> Result<Self, E> {
        let head_dim = config.head_dim();
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let (queries, keys) = (
            config.num_attention_heads * head_dim,
            config.num_key_value_heads * head_dim,
        );
        let embed_tokens = tensor("model.embed_tokens.weight", &[config.vocab_size, hidden])?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| {
                let mut norm = |name: &str| -> Result<RmsNorm, E> {
                    let weight = tensor(&format!("model.layers.{index}.{name}.weight"), &[hidden])?;
                    Ok(RmsNorm {
                        weight,
                        eps: config.rms_norm_eps,
                    })
                };
                let (input_layernorm, post_attention_layernorm) =
                    (norm("input_layernorm")?, norm("post_attention_layernorm")?);
                let mut linear =
                    |name: &str, outputs: usize, inputs: usize, bias: bool| -> Result<Linear, E> {
                        let name = format!("model.layers.{index}.{name}");
                        let weight =
                            tensor(&format!("{name}.weight"), &[outputs, inputs])?.transpose();
                        let bias = bias
                            .then(|| tensor(&format!("{name}.bias"), &[outputs]))
                            .transpose()?;
                        Ok(Linear { weight, bias })
                    };
                Ok(Layer {
                    input_layernorm,
                    q_proj: linear("self_attn.q_proj", queries, hidden, true)?,
                    k_proj: linear("self_attn.k_proj", keys, hidden, true)?,
                    v_proj: linear("self_attn.v_proj", keys, hidden, true)?,
                    o_proj: linear("self_attn.o_proj", hidden, queries, false)?,
                    post_attention_layernorm,
                    gate_proj: linear("mlp.gate_proj", inner, hidden, false)?,
                    up_proj: linear("mlp.up_proj", inner, hidden, false)?,
                    down_proj: linear("mlp.down_proj", hidden, inner, false)?,
                })
            })
            .collect::<Result<Vec<_>, E>>()?;
        let norm = RmsNorm {
            weight: tensor("model.norm.weight", &[hidden])?,
            eps: config.rms_norm_eps,
        };
        let unembedding = if config.tie_word_embeddings {
            embed_tokens.clone().transpose()
        } else {
            tensor("lm_head.weight", &[config.vocab_size, hidden])?.transpose()
        };
        let rope = Rope::new(&config);
        Ok(Self {
            config,
            embed_tokens,
            layers,
            norm,
            unembedding,
            rope,
        })
    }
}

impl Model {
    /// Runs whole sequences from their first token, each attending to itself only.
    ///
    /// Returns the residual stream after the last layer, `[tokens, hidden_size]`, rows end to end, and the keys and
    /// values of each sequence, behind which [`Self::complete`] and [`Self::next`] continue.
    pub fn read(&self, prompts: &[&[u32]], hook: Option<ResidPostHook>) -> (Tensor<2>, Prompts) {
        let lens: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
        let positions = lens.iter().flat_map(|&len| 0..len);
        let mut layers = Vec::with_capacity(self.layers.len());
        let resid = self.run(&prompts.concat(), positions, hook, |_, q, k, v| {
            let (mixed, keys) = attend_prompts(q, k, v, &lens);
            layers.push(keys);
            mixed
        });
        (resid, Prompts { lens, layers })
    }

    /// Runs whole completions behind their prompts: `completions[g]` holds the rows of group `g`, which share the
    /// prompt `g`. Returns `[tokens, hidden_size]`, rows end to end in the order given.
    pub fn complete(
        &self,
        prompts: &Prompts,
        completions: &[Vec<&[u32]>],
        hook: Option<ResidPostHook>,
    ) -> Tensor<2> {
        let lens: Vec<Vec<usize>> = completions
            .iter()
            .map(|group| group.iter().map(|row| row.len()).collect())
            .collect();
        let positions = lens
            .iter()
            .zip(&prompts.lens)
            .flat_map(|(rows, &start)| rows.iter().flat_map(move |&len| start..start + len));
        let tokens: Vec<u32> = completions
            .iter()
            .flatten()
            .flat_map(|row| row.iter().copied())
            .collect();
        self.run(&tokens, positions, hook, |layer, q, k, v| {
            attend_completions(q, k, v, &lens, &prompts.layers[layer])
        })
    }

    /// Runs one more token of every row in `rows`; `tokens` has one per row. Returns `[rows, hidden_size]`.
    pub fn next(
        &self,
        prompts: &Prompts,
        rows: &mut Rows,
        tokens: &[u32],
        hook: Option<ResidPostHook>,
    ) -> Tensor<2> {
        let positions: Vec<usize> = rows
            .groups
            .iter()
            .flat_map(|&(group, count)| vec![prompts.lens[group] + rows.len; count])
            .collect();
        let (groups, len) = (rows.groups.clone(), rows.len);
        let resid = self.run(tokens, positions.into_iter(), hook, |layer, q, k, v| {
            attend_next(
                q,
                k,
                v,
                &mut rows.layers[layer],
                len,
                &groups,
                &prompts.layers[layer],
            )
        });
        rows.len += 1;
        resid
    }

    /// Logits `[tokens, vocab_size]` of a residual stream `[tokens, hidden_size]` after the last layer.
    pub fn logits(&self, resid_post: Tensor<2>) -> Tensor<2> {
        self.norm
            .forward(resid_post)
            .matmul(self.unembedding.clone())
    }

    /// Log-probability of each of `targets` under `softmax(logits / temperature)`, `[tokens]` in nats; `resid_post` is
    /// the residual stream after the last layer at the positions that predict them.
    pub fn logprobs(&self, resid_post: Tensor<2>, targets: &[u32], temperature: f32) -> Tensor<1> {
        let targets: Vec<i64> = targets.iter().map(|&token| i64::from(token)).collect();
        let count = targets.len();
        let targets =
            Tensor::<2, Int>::from_data(TensorData::new(targets, [count, 1]), &resid_post.device());
        let logprobs = activation::log_softmax(self.logits(resid_post) / temperature, 1);
        logprobs.gather(1, targets).squeeze_dim(1)
    }

    /// What directions in the residual stream add to the logits when nothing comes between: `W_U (g * d)`, with the
    /// weight `g` of the final norm and without its division. `directions` is `[n, hidden_size]`, the result
    /// `[n, vocab_size]`.
    pub fn direct_logits(&self, directions: Tensor<2>) -> Tensor<2> {
        (directions * self.norm.weight.clone()).matmul(self.unembedding.clone())
    }

    /// The device that holds the weights.
    pub fn device(&self) -> Device {
        self.embed_tokens.device()
    }

    /// The same weights on the differentiating side of their device, still asking for no gradient.
    #[must_use]
    pub fn autodiff(&self) -> Self {
        let mut model = self.clone();
        for tensor in model.tensors_mut() {
            tensor.inplace(Tensor::autodiff);
        }
        model
    }

    fn tensors_mut(&mut self) -> Vec<&mut Tensor<2>> {
        let mut tensors = vec![
            &mut self.embed_tokens,
            &mut self.norm.weight,
            &mut self.unembedding,
        ];
        for layer in &mut self.layers {
            tensors.extend([
                &mut layer.input_layernorm.weight,
                &mut layer.post_attention_layernorm.weight,
            ]);
            for linear in [
                &mut layer.q_proj,
                &mut layer.k_proj,
                &mut layer.v_proj,
                &mut layer.o_proj,
                &mut layer.gate_proj,
                &mut layer.up_proj,
                &mut layer.down_proj,
            ] {
                tensors.push(&mut linear.weight);
                tensors.extend(&mut linear.bias);
            }
        }
        tensors
    }

    /// The layers over `tokens` at `positions`; `attend` mixes rotated queries, rotated keys and values
    /// (`[tokens, heads, head_dim]`) into `[tokens, hidden_size]`.
    fn run(
        &self,
        tokens: &[u32],
        positions: impl Iterator<Item = usize>,
        hook: Option<ResidPostHook>,
        mut attend: impl FnMut(usize, Tensor<3>, Tensor<3>, Tensor<3>) -> Tensor<2>,
    ) -> Tensor<2> {
        let device = self.device();
        let count = tokens.len();
        let [heads, kv_heads] = [
            self.config.num_attention_heads,
            self.config.num_key_value_heads,
        ];
        let head_dim = self.config.head_dim();
        let rotation = self.rope.at(positions, &device);
        let ids: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
        let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [count]), &device);
        let mut resid = self.embed_tokens.clone().select(0, ids); // [tokens, hidden_size]
        for (index, layer) in self.layers.iter().enumerate() {
            let normed = layer.input_layernorm.forward(resid.clone());
            let q = layer
                .q_proj
                .forward(normed.clone())
                .reshape([count, heads, head_dim]);
            let k = layer
                .k_proj
                .forward(normed.clone())
                .reshape([count, kv_heads, head_dim]);
            let v = layer
                .v_proj
                .forward(normed)
                .reshape([count, kv_heads, head_dim]);
            let mixed = attend(index, rotation.rotate(q), rotation.rotate(k), v);
            resid = resid + layer.o_proj.forward(mixed); // resid_mid
            let normed = layer.post_attention_layernorm.forward(resid.clone());
            let gate = activation::silu(layer.gate_proj.forward(normed.clone()));
            resid = resid
                + layer
                    .down_proj
                    .forward(gate * layer.up_proj.forward(normed));
            if let Some(hook) = hook {
                resid = hook(index, resid);
            }
        }
        resid
    }
}

/// Keys and values of some prompts, each computed once whatever the number of completions behind it.
#[derive(Clone, Debug)]
pub struct Prompts {
    /// Length of each prompt in tokens.
    pub(crate) lens: Vec<usize>,
    /// By layer, then by prompt.
    pub(crate) layers: Vec<Vec<PromptKeys>>,
}

/// Keys and values of the completions in progress: all rows are equally long, and those of one group lie together.
#[derive(Debug)]
pub struct Rows {
    /// `(prompt, number of rows)`, in row order.
    groups: Vec<(usize, usize)>,
    /// Tokens that every row has so far.
    len: usize,
    layers: Vec<RowKeys>,
}

impl Rows {
    /// Room for `capacity` tokens in each of the rows that `groups` counts as `(prompt, number of rows)`.
    pub fn new(model: &Model, mut groups: Vec<(usize, usize)>, capacity: usize) -> Self {
        groups.retain(|&(_, count)| count > 0);
        let rows = groups.iter().map(|&(_, count)| count).sum();
        let shape = [
            rows,
            model.config.num_key_value_heads,
            capacity,
            model.config.head_dim(),
        ];
        let device = model.device();
        let layers = model
            .layers
            .iter()
            .map(|_| RowKeys::zeros(shape, &device))
            .collect();
        Self {
            groups,
            len: 0,
            layers,
        }
    }

    /// Leaves out every row that `keep` (one entry per row) does not mark.
    pub fn retain(&mut self, keep: &[bool]) {
        let device = self.layers[0].keys.device();
        let indices: Vec<i64> = (0i64..)
            .zip(keep)
            .filter_map(|(row, &keep)| keep.then_some(row))
            .collect();
        let count = indices.len();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [count]), &device);
        for layer in &mut self.layers {
            layer.keys.inplace(|keys| keys.select(0, indices.clone()));
            layer
                .values
                .inplace(|values| values.select(0, indices.clone()));
        }
        let mut row = 0;
        for (_, count) in &mut self.groups {
            let kept = keep[row..row + *count].iter().filter(|&&keep| keep).count();
            row += *count;
            *count = kept;
        }
        self.groups.retain(|&(_, count)| count > 0);
    }
}

/// `x * weight / sqrt(mean(x^2) + eps)` over the last axis (arXiv:1910.07467, eq. 4).
#[derive(Clone, Debug)]
pub(crate) struct RmsNorm {
    /// `[1, hidden_size]`
    pub(crate) weight: Tensor<2>,
    pub(crate) eps: f64,
}

impl RmsNorm {
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let mean_square = (x.clone() * x.clone()).mean_dim(1); // [tokens, 1]
        x * (mean_square + self.eps).sqrt().recip() * self.weight.clone()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Linear {
    /// `[inputs, outputs]`, a transposed view of the checkpoint's tensor
    pub(crate) weight: Tensor<2>,
    /// `[1, outputs]`
    pub(crate) bias: Option<Tensor<2>>,
}

impl Linear {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let y = x.matmul(self.weight.clone());
        match &self.bias {
            Some(bias) => y + bias.clone(),
            None => y,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// `mlp.down_proj` and a tied unembedding included: back-propagation makes gradients of activations only.
    #[test]
    fn no_weight_gets_a_gradient() {
        let config: ModelConfig = serde_json::from_str(
            r#"{"model_type": "qwen2", "vocab_size": 11, "hidden_size": 12, "intermediate_size": 17,
                "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
                "max_position_embeddings": 32, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": true}"#,
        )
        .expect("literal JSON");
        let model = Model::build(config, &mut |_, shape| {
            let [rows, columns] = if let [rows, columns] = *shape {
                [rows, columns]
            } else {
                [1, shape[0]]
            };
            let data: Vec<f32> = (0..rows * columns)
                .map(|index| (index % 7) as f32 / 7.0 - 0.4)
                .collect();
            Ok::<_, Infallible>(Tensor::from_data(
                TensorData::new(data, [rows, columns]),
                &Device::flex(),
            ))
        });
        let Ok(model) = model;
        let mut model = model.autodiff();
        let vector = Tensor::<2>::zeros([1, 12], &model.device()).require_grad();
        let steer = |_: usize, resid_post: Tensor<2>| resid_post + vector.clone();
        let (resid, prompts) = model.read(&[&[1, 2, 3]], Some(&steer));
        let completed = model.complete(&prompts, &[vec![&[4, 5], &[6]]], Some(&steer));
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
