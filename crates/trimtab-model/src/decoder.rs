//! The decoder: embedding, layers, unembedding.
//!
//! Weights are plain tensors that ask for no gradient, so back-propagation through a [`Model`] computes activation
//! gradients only. Sequences are *ragged*: tokens of all rows lie end to end in one `[tokens, hidden_size]` tensor, and
//! rows are told apart only inside attention. Nothing is padded there but completions of one group, to the longest.

use std::convert::Infallible;
use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};
use trimtab_kernels::{self as kernels, Matrix, PANEL_WIDTH};

use crate::attention::{AttentionConfig, attend_completions, attend_decode, attend_prompts};
use crate::cache::{KvCache, PromptCache};
use crate::config::ModelConfig;
use crate::hook::{Hook, LayerHooks, TokenInfo};
use crate::layer::{Layer, RmsNorm, Source};
use crate::rope::{RopeConfig, Rotation};
use crate::weight::{Precision, Weight, is_fast};

/// A frozen decoder. Cloning is cheap: tensors are shared.
#[derive(Clone, Debug)]
pub struct Model {
    /// The shape of the model.
    pub config: ModelConfig,
    /// `[hidden_size, vocab_size]`, as the unembedding, with which it may share its numbers.
    embed_tokens: Weight,
    layers: Vec<Layer<Weight>>,
    norm: RmsNorm<Weight>,
    /// `[hidden_size, vocab_size]`
    unembedding: Weight,
    device: Device,
    /// The number format of activations.
    dtype: DType,
}

impl Model {
    /// Builds a model from a function that yields each tensor by its checkpoint name and shape; a vector of `n`
    /// numbers (shape `[n]`) comes as `[1, n]`. Every name is asked for once.
    ///
    /// The tensors are used as they are, on their device and in their type, and may ask for gradients; [`Self::frozen`]
    /// computes faster with weights that do not change.
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
        let mut last: Option<(String, Tensor<2>)> = None; // fused projections ask for one tensor several times
        let mut place = None;
        let mut take = |source: Source| {
            let whole = match last.take() {
                Some((name, tensor)) if name == source.name => tensor,
                _ => tensor(&source.name, &source.shape)?,
            };
            place = Some((whole.device(), whole.dtype()));
            let is_matrix = source.shape.len() == 2;
            let part = match source.rows {
                Some(rows) => {
                    last = Some((source.name, whole.clone()));
                    whole.narrow(usize::from(!is_matrix), rows.start, rows.len())
                }
                None => whole,
            };
            Ok(Weight::Tensor(if is_matrix {
                part.transpose()
            } else {
                part
            }))
        };
        let parts = Parts::assemble(&config, &mut take)?;
        let (device, dtype) = place.expect("a model has tensors");
        Ok(Self::of_parts(config, parts, device, dtype))
    }

    /// A model on `device` with weights that never change, from a function that yields some rows of each tensor by its checkpoint
    /// name and shape; a vector of `n` numbers is one row. On the CPU, matrices are packed for its kernels some rows at a
    /// time, so that none is there twice; other devices use the tensors as they are.
    ///
    /// # Errors
    ///
    /// Whatever `rows` returns.
    #[expect(
        clippy::type_complexity,
        reason = "a named type would hide what the function is given"
    )]
    pub fn frozen<E>(
        config: ModelConfig,
        precision: Precision,
        device: &Device,
        rows: &mut dyn FnMut(&str, &[usize], Range<usize>) -> Result<Tensor<2>, E>,
    ) -> Result<Self, E> {
        let mut dtype = DType::F32;
        let mut take = |source: Source| {
            let mut read = |wanted| rows(&source.name, &source.shape, wanted);
            let [count, width] = source.shape[..] else {
                let row = read(0..1)?;
                let row = match source.rows.clone() {
                    Some(part) => row.narrow(1, part.start, part.len()),
                    None => row,
                };
                return Ok(Weight::vector(row, source.offset));
            };
            let wanted = source.rows.clone().unwrap_or(0..count);
            if !kernels::is_cpu(device) {
                let weight = read(wanted)?.transpose();
                dtype = weight.dtype();
                return Ok(Weight::Tensor(weight));
            }
            let format = precision.format();
            let mut matrix = Matrix::empty(format, [width, wanted.len()]);
            for start in wanted.clone().step_by(band(width)) {
                let end = wanted.end.min(start + band(width));
                matrix.append(kernels::pack(format, read(start..end)?.transpose()));
            }
            Ok(Weight::Matrix(matrix.into()))
        };
        let parts = Parts::assemble(&config, &mut take)?;
        Ok(Self::of_parts(config, parts, device.clone(), dtype))
    }

    fn of_parts(config: ModelConfig, parts: Parts<Weight>, device: Device, dtype: DType) -> Self {
        Self {
            config,
            unembedding: parts.lm_head.unwrap_or_else(|| parts.embed_tokens.clone()),
            embed_tokens: parts.embed_tokens,
            layers: parts.layers,
            norm: parts.norm,
            device,
            dtype,
        }
    }

    /// The checkpoint's tensors that [`Self::build`] asks for, by name and shape, in its order.
    pub fn tensors(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
        let mut tensors: Vec<(String, Vec<usize>)> = vec![];
        let Ok(_) = Parts::assemble(config, &mut |source: Source| {
            if tensors.last().is_none_or(|(name, _)| *name != source.name) {
                tensors.push((source.name, source.shape));
            }
            Ok::<_, Infallible>(())
        });
        tensors
    }
}

/// Rows of `width` numbers that are read and packed at a time: about a million numbers, whole panels.
fn band(width: usize) -> usize {
    ((1 << 20) / (width * PANEL_WIDTH)).max(1) * PANEL_WIDTH
}

/// The tensors of a model, or nothing in their place.
struct Parts<T> {
    embed_tokens: T,
    layers: Vec<Layer<T>>,
    norm: RmsNorm<T>,
    lm_head: Option<T>,
}

impl<T> Parts<T> {
    fn assemble<E>(
        config: &ModelConfig,
        take: &mut dyn FnMut(Source) -> Result<T, E>,
    ) -> Result<Self, E> {
        let names = config.architecture.names;
        let matrix = |name: String| Source {
            name: name + ".weight",
            shape: vec![config.vocab_size, config.hidden_size],
            rows: None,
            offset: 0.0,
        };
        let embed_tokens = take(matrix(format!("{}.embed_tokens", names.decoder)))?;
        let lm_head = (!config.tie_word_embeddings).then(|| take(matrix(names.lm_head.to_owned())));
        let lm_head = lm_head.transpose()?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::assemble(config, index, take))
            .collect::<Result<_, E>>()?;
        let norm = RmsNorm::assemble(
            config,
            format!("{}.norm", names.decoder),
            config.hidden_size,
            take,
        )?;
        Ok(Self {
            embed_tokens,
            layers,
            norm,
            lm_head,
        })
    }
}

/// Tokens to be run from their first one on.
pub(crate) struct Sequence<'a> {
    pub(crate) tokens: &'a [u32],
    /// How many of them are prompt; the others were generated.
    pub(crate) prompt_len: usize,
    /// Number by which hooks know it.
    pub(crate) index: usize,
}

impl Model {
    /// Runs whole sequences from their first token, each attending to itself only.
    ///
    /// Returns the residual stream after the last layer, `[tokens, hidden_size]`, rows end to end, and the keys and
    /// values of each sequence, behind which [`Self::forward_completions`] and [`Self::decode_step`] continue. To a [`Hook`], sequence
    /// `i` is prompt `i`.
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
        let mut prompts: Vec<PromptCache> = sequences
            .iter()
            .map(|sequence| PromptCache {
                index: sequence.index,
                len: sequence.tokens.len(),
                given: sequence.prompt_len,
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
        let resid = self.run(&tokens, &at, hook, |config, _, q, k, v| {
            let (mixed, keys) = attend_prompts(config, q, k, v, &lens);
            for (prompt, keys) in prompts.iter_mut().zip(keys) {
                prompt.layers.push(keys);
            }
            mixed
        });
        (resid, prompts)
    }

    /// Runs whole completions behind their prompts: `completions[g]` holds the rows of group `g`, which share
    /// `prompts[g]`. Returns `[tokens, hidden_size]`, rows end to end in the order given.
    pub fn forward_completions(
        &self,
        prompts: &[PromptCache],
        completions: &[Vec<&[u32]>],
        hook: Option<Hook>,
    ) -> Tensor<2> {
        let lens: Vec<Vec<usize>> = completions
            .iter()
            .map(|group| group.iter().map(|row| row.len()).collect())
            .collect();
        let (mut tokens, mut at) = (vec![], vec![]);
        for (prompt, group) in prompts.iter().zip(completions) {
            for row in group {
                tokens.extend_from_slice(row);
                at.extend(prompt.followed_by(row));
            }
        }
        self.run(&tokens, &at, hook, |config, layer, q, k, v| {
            let prompts: Vec<_> = prompts.iter().map(|prompt| &prompt.layers[layer]).collect();
            attend_completions(config, q, k, v, &lens, &prompts)
        })
    }

    /// Empty rows behind prompts, as many as each pair says, for [`Self::decode_step`]; `capacity` is the number of tokens that
    /// they have room for at first.
    pub fn kv_cache(&self, groups: Vec<(PromptCache, usize)>, capacity: usize) -> KvCache {
        KvCache::new(&self.config, self.dtype(), groups, capacity, &self.device())
    }

    /// Runs one more token of every row in `rows`; `tokens` has one per row. Returns `[rows, hidden_size]`.
    pub fn decode_step(&self, rows: &mut KvCache, tokens: &[u32], hook: Option<Hook>) -> Tensor<2> {
        rows.make_room();
        let at: Vec<(TokenInfo, usize)> = rows
            .tokens(tokens)
            .into_iter()
            .map(|token| (token, token.position + 1))
            .collect();
        let resid = self.run(tokens, &at, hook, |config, layer, q, k, v| {
            let (keys, slots) = rows.layer(layer);
            attend_decode(config, q, k, v, keys, &slots)
        });
        rows.advance();
        resid
    }

    /// Logits `[tokens, vocab_size]` in f32 of a residual stream `[tokens, hidden_size]` after the last layer.
    pub fn logits(&self, resid_post: Tensor<2>) -> Tensor<2> {
        let normed = self.norm.forward(resid_post);
        self.unembedding.multiply(normed, None).cast(DType::F32)
    }

    /// Log-probability of each of `targets` under `softmax(logits / temperature)`, `[tokens]` in nats; `resid_post` is
    /// the residual stream after the last layer at the positions that predict them.
    pub fn logprobs(&self, resid_post: Tensor<2>, targets: &[u32], temperature: f32) -> Tensor<1> {
        if let Weight::Matrix(unembedding) = &self.unembedding {
            let normed = self.norm.forward(resid_post);
            let scale = 1.0 / temperature;
            return kernels::unembed_logprobs(normed, unembedding.clone(), targets.into(), scale);
        }
        let logits = self.logits(resid_post);
        if is_fast(&logits) {
            return kernels::logprobs(logits, targets.into(), 1.0 / temperature);
        }
        let targets: Vec<i64> = targets.iter().map(|&token| i64::from(token)).collect();
        let count = targets.len();
        let targets =
            Tensor::<2, Int>::from_data(TensorData::new(targets, [count, 1]), &self.device);
        let logprobs = activation::log_softmax(logits / temperature, 1);
        logprobs.gather(1, targets).squeeze_dim(1)
    }

    /// What directions in the residual stream add to the logits when nothing comes between: `W_U (g * d)`, with the
    /// weight `g` of the final norm and without its division. `directions` is `[n, hidden_size]`, the result
    /// `[n, vocab_size]`.
    pub fn direct_logits(&self, directions: Tensor<2>) -> Tensor<2> {
        let directions = directions.cast(DType::F32);
        let scale = self.norm.scale(&directions);
        let scaled = (directions * scale).cast(self.dtype());
        self.unembedding.multiply(scaled, None).cast(DType::F32)
    }

    /// The length over which a growing text must be read anew, because its rotary frequencies change there (LongRoPE).
    /// [`generate`](crate::generate()) does so; [`Self::forward_completions`] runs every token with the frequencies of its own length, so
    /// that it agrees with sampling only where prompt and completion lie on one side.
    pub fn rope_switch_len(&self) -> Option<usize> {
        self.config
            .architecture
            .ropes
            .iter()
            .find_map(RopeConfig::rope_switch_len)
    }

    /// The device that activations live on.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// The number format of activations.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The same weights on the differentiating side of their device, still asking for no gradient.
    #[must_use]
    pub fn autodiff(&self) -> Self {
        let mut model = self.clone();
        for tensor in model.tensors_mut() {
            tensor.inplace(Tensor::autodiff);
        }
        model.device = model.device.autodiff();
        model
    }

    /// Those that are not packed.
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

    /// The layers over `tokens`, each with its place and the length of the text that it is computed with; `attend` gets the
    /// layer's number, rotated queries, rotated keys and values.
    fn run(
        &self,
        tokens: &[u32],
        at: &[(TokenInfo, usize)],
        hook: Option<Hook>,
        attend: impl FnMut(AttentionConfig, usize, Tensor<3>, Tensor<3>, Tensor<3>) -> Tensor<2>,
    ) -> Tensor<2> {
        let places = self.places(at);
        let resid = self.embed_tokens(tokens);
        self.run_layers(0..self.layers.len(), resid, &places, hook, attend)
    }

    /// Where tokens stand; each comes with the length of the text that it is computed with.
    pub(crate) fn places(&self, at: &[(TokenInfo, usize)]) -> Places {
        let positions: Vec<(usize, usize)> = at
            .iter()
            .map(|&(token, len)| (token.position, len))
            .collect();
        let ropes = self.config.architecture.ropes.iter();
        Places {
            tokens: at.iter().map(|&(token, _)| token).collect(),
            rotations: ropes
                .map(|rope| rope.at(&positions, &self.device))
                .collect(),
        }
    }

    /// The residual stream before the first layer, `[tokens, hidden_size]`.
    pub(crate) fn embed_tokens(&self, tokens: &[u32]) -> Tensor<2> {
        let resid = self.embed_tokens.columns(tokens, &self.device);
        match self.config.architecture.embedding_scale {
            1.0 => resid,
            scale => resid * scale,
        }
    }

    /// Some of the layers, from the residual stream before the first of them to that after the last.
    pub(crate) fn run_layers(
        &self,
        layers: Range<usize>,
        mut resid: Tensor<2>,
        places: &Places,
        hook: Option<Hook>,
        mut attend: impl FnMut(AttentionConfig, usize, Tensor<3>, Tensor<3>, Tensor<3>) -> Tensor<2>,
    ) -> Tensor<2> {
        let architecture = &self.config.architecture;
        let mut pass = hook.map(|hook| (hook, hook.begin_forward()));
        for index in layers {
            let layer_config = &architecture.layers[index];
            let attention = AttentionConfig {
                scale: architecture.attention_scale,
                sliding_window: layer_config.sliding_window,
            };
            resid = self.layers[index].forward(
                &self.config,
                resid,
                &places.rotations[layer_config.rope],
                |q, k, v| attend(attention, index, q, k, v),
                LayerHooks {
                    hook: pass.as_mut().map(|(hook, pass)| (*hook, pass)),
                    layer: index,
                    tokens: &places.tokens,
                },
            );
        }
        resid
    }
}

/// Where the tokens of a pass stand, and how their queries and keys are rotated.
#[derive(Debug)]
pub(crate) struct Places {
    tokens: Vec<TokenInfo>,
    /// By the number of the rope.
    rotations: Vec<Rotation>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::resid_post_hook;

    fn tied_qwen2() -> ModelConfig {
        ModelConfig::from_json(
            r#"{"model_type": "qwen2", "vocab_size": 11, "hidden_size": 12, "intermediate_size": 17,
                "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
                "max_position_embeddings": 32, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": true}"#,
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

    /// A model of leaves, each of which gets its gradient: what full tuning needs.
    #[test]
    fn every_tensor_that_asks_gets_a_gradient() {
        let device = Device::flex().autodiff();
        let mut leaves = vec![];
        let Ok(model) = Model::build(tied_qwen2(), &mut |name, shape| {
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
            // A bias of all keys shifts all scores of a query alike, but for the rotation.
            assert!(grad > 1e-6, "{name} {grad}");
        }
    }

    /// `mlp.down_proj` and a tied unembedding included: back-propagation makes gradients of activations only.
    #[test]
    fn no_weight_gets_a_gradient() {
        let Ok(model) = Model::build(tied_qwen2(), &mut |_, shape| {
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
