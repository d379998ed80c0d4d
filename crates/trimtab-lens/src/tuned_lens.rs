//! The tuned lens: an affine map for each layer that makes its residual stream readable.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, Tensor, TensorData, activation};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Uniform};
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{Model, Pretrained, Site};
use trimtab_steer::effect::{EffectError, check_texts};

/// Logits that are in memory at a time, with their gradient: 16 MB each.
const LOGITS: usize = 1 << 22;

/// An affine map `r + W r + b` of the residual stream after each layer but the last, which brings
/// it closer to what the last layer will make of it.
///
/// The logit lens assumes that all layers speak the language of the last. Early ones do not, so it
/// finds little there. The maps are trained so that the distribution that the final norm and the
/// unembedding read from them is that of the model ([Belrose et al.
/// 2023](https://arxiv.org/abs/2303.08112)).
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use trimtab_lens::{LogitLensOptions, TunedLens, TunedLensConfig, Vocabulary, logit_lens};
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// # let texts: Vec<Vec<u32>> = vec![];
/// let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
/// let tuned = TunedLens::train(&base.model, &texts, &TunedLensConfig::default(), &mut |step, kl| {
///     println!("step {step}: {kl:?}");
///     ControlFlow::Continue(())
/// })?;
/// tuned.write("tuned.safetensors".as_ref(), &base)?;
/// let options = LogitLensOptions { top_k: 3, tuned: Some(&tuned), ..LogitLensOptions::default() };
/// let points = logit_lens(&base.model, &Vocabulary::of(&base), texts[0], None, &options)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TunedLens {
    maps: Vec<AffineMap>,
}

/// `W` and `b`.
#[derive(Clone, Debug)]
struct AffineMap {
    weight: Tensor<2>,
    bias: Tensor<2>,
}

/// How maps are trained: stochastic gradient descent with Nesterov momentum 0.9, on gradients whose
/// length over all maps is 1 at most, with a rate that falls linearly to 0. These are the settings
/// of the paper's code, without its weight decay:
/// <https://github.com/AlignmentResearch/tuned-lens/blob/8db471b/tuned_lens/scripts/ingredients.py>.
#[derive(Clone, Debug, PartialEq)]
pub struct TunedLensConfig {
    /// Number of steps.
    pub steps: usize,
    /// Tokens of a step, about: it takes whole texts.
    pub tokens_per_step: usize,
    /// Rate of the first step.
    pub learning_rate: f64,
    /// Seed of the choice of texts.
    pub seed: u64,
}

impl Default for TunedLensConfig {
    fn default() -> Self {
        Self {
            steps: 250,
            tokens_per_step: 2048,
            learning_rate: 0.1,
            seed: 0,
        }
    }
}

const MOMENTUM: f64 = 0.9;
const MAX_GRAD_NORM: f64 = 1.0;

/// Why there is no tuned lens.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TunedLensError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error("{path} is a tuned lens for another model")]
    OtherBase { path: PathBuf },
    #[error("{path} is not a tuned lens: {reason}")]
    Format { path: PathBuf, reason: String },
    #[error("the texts cannot be used")]
    Texts(#[from] EffectError),
    #[error("step {step} gave a loss or gradient that is not finite; lower the learning rate")]
    NonFinite { step: usize },
}

impl TunedLens {
    /// Maps that change nothing: with them, the tuned lens is the logit lens.
    pub fn identity(model: &Model) -> Self {
        let (layers, device) = (model.config.num_hidden_layers, model.device());
        let map = |_| AffineMap::zeros(model.config.hidden_size, &device);
        Self {
            maps: (1..layers).map(map).collect(),
        }
    }

    /// Trains the maps on `texts`: each step takes random texts and lowers the mean of
    /// `KL(model || lens)` over their tokens, summed over the layers.
    ///
    /// `progress` is called after each step with its number, from 1, and the mean KL of each map
    /// in nats before the step. If it breaks, the maps are those so far.
    ///
    /// # Errors
    ///
    /// The model cannot run a text, or the training diverges.
    pub fn train(
        model: &Model,
        texts: &[&[u32]],
        config: &TunedLensConfig,
        progress: &mut dyn FnMut(usize, &[f64]) -> ControlFlow<()>,
    ) -> Result<Self, TunedLensError> {
        check_texts(model, texts)?;
        let mut lens = Self::identity(model);
        let mut velocity = lens.maps.clone();
        let differentiable = model.autodiff();
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        for step in 1..=config.steps {
            let batch = draw(texts, config.tokens_per_step, &mut rng);
            let (last, cache) = model.run_with_cache(&batch, &[Site::ResidPost], None);
            let rate =
                config.learning_rate * (config.steps + 1 - step) as f64 / config.steps as f64;
            let resids = (0..lens.maps.len()).map(|layer| {
                let resid: &Tensor<2> = cache.get(Site::ResidPost, layer).expect("asked for");
                resid.clone().cast(DType::F32)
            });
            let resids: Vec<Tensor<2>> = resids.collect();
            let gradients = gradients(&lens.maps, &differentiable, &resids, &last);
            let losses: Vec<f64> = gradients.iter().map(|(loss, _)| *loss).collect();
            let squares = gradients.iter().map(|(_, gradient)| gradient.square());
            let norm = squares.sum::<f64>().sqrt();
            if !(losses.iter().all(|loss| loss.is_finite()) && norm.is_finite()) {
                return Err(TunedLensError::NonFinite { step });
            }
            let clip = (MAX_GRAD_NORM / (norm + 1e-6)).min(1.0);
            let maps = lens.maps.iter_mut().zip(&mut velocity).zip(gradients);
            for ((map, velocity), (_, gradient)) in maps {
                let gradient = gradient.scale(clip);
                *velocity = velocity.scale(MOMENTUM).add(&gradient);
                let change = velocity.scale(MOMENTUM).add(&gradient);
                *map = map.add(&change.scale(-rate));
            }
            if progress(step, &losses).is_break() {
                break;
            }
        }
        Ok(lens)
    }

    /// What the map of `layer` makes of its residual stream. That of the last layer stays as it is.
    ///
    /// # Shapes
    ///
    /// - `resid_post` and output: `[tokens, hidden_size]`
    ///
    /// # Panics
    ///
    /// There is no such layer, or the shape does not fit.
    pub fn translate(&self, layer: usize, resid_post: Tensor<2>) -> Tensor<2> {
        assert!(layer <= self.maps.len(), "there is no layer {layer}");
        match self.maps.get(layer) {
            Some(map) => map.apply(resid_post.cast(DType::F32)),
            None => resid_post,
        }
    }

    /// Writes the maps of `base` to `path`, whole or not at all: `layers.{layer}.weight` and
    /// `layers.{layer}.bias` in safetensors.
    ///
    /// # Errors
    ///
    /// Writing fails.
    pub fn write(&self, path: &Path, base: &Pretrained) -> Result<(), TunedLensError> {
        let mut file = TensorFile::default();
        for (layer, map) in self.maps.iter().enumerate() {
            let [weight, bias] = names(layer);
            let width = map.bias.dims()[1];
            file.tensors.insert(weight, host(&map.weight, &[width; 2]));
            file.tensors.insert(bias, host(&map.bias, &[width]));
        }
        file.metadata
            .insert(BASE.to_owned(), base.sha256.clone().into());
        Ok(file.write(path)?)
    }

    /// Reads the maps for `base`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or belongs to another model.
    pub fn read(path: &Path, base: &Pretrained) -> Result<Self, TunedLensError> {
        let mut file = TensorFile::read(path)?;
        let format = |reason: String| TunedLensError::Format {
            path: path.into(),
            reason,
        };
        match file.metadata.get(BASE).and_then(serde_json::Value::as_str) {
            None => return Err(format(format!("its metadata has no `{BASE}`"))),
            Some(found) if found != base.sha256 => {
                return Err(TunedLensError::OtherBase { path: path.into() });
            }
            Some(_) => {}
        }
        let (width, device) = (base.model.config.hidden_size, base.model.device());
        let mut take = |name: String, shape: &[usize], rows: [usize; 2]| {
            let tensor = file.tensors.remove(&name);
            let tensor = tensor.ok_or_else(|| format(format!("there is no `{name}`")))?;
            if tensor.shape != shape {
                return Err(format(format!(
                    "`{name}` is {:?}, not {shape:?}",
                    tensor.shape
                )));
            }
            Ok(Tensor::from_data(
                TensorData::new(tensor.data, rows),
                &device,
            ))
        };
        let maps = (1..base.model.config.num_hidden_layers).map(|layer| {
            let [weight, bias] = names(layer - 1);
            Ok(AffineMap {
                weight: take(weight, &[width; 2], [width; 2])?,
                bias: take(bias, &[width], [1, width])?,
            })
        });
        Ok(Self {
            maps: maps.collect::<Result<_, TunedLensError>>()?,
        })
    }
}

impl AffineMap {
    fn zeros(width: usize, device: &Device) -> Self {
        Self {
            weight: Tensor::zeros([width; 2], (device, DType::F32)),
            bias: Tensor::zeros([1, width], (device, DType::F32)),
        }
    }

    fn apply(&self, resid: Tensor<2>) -> Tensor<2> {
        let change = resid.clone().matmul(self.weight.clone().transpose());
        resid + change + self.bias.clone()
    }

    fn add(&self, other: &Self) -> Self {
        Self {
            weight: self.weight.clone() + other.weight.clone(),
            bias: self.bias.clone() + other.bias.clone(),
        }
    }

    fn scale(&self, factor: f64) -> Self {
        Self {
            weight: self.weight.clone() * factor,
            bias: self.bias.clone() * factor,
        }
    }

    /// The sum of the squares of all numbers.
    fn square(&self) -> f64 {
        let square = |it: &Tensor<2>| it.clone().powi_scalar(2).sum().into_scalar::<f64>();
        square(&self.weight) + square(&self.bias)
    }
}

/// Mean `KL(model || lens)` over tokens and its gradient, for each map.
///
/// `model` differentiates. The residual streams are not on its side of the device.
fn gradients(
    maps: &[AffineMap],
    model: &Model,
    resids: &[Tensor<2>],
    last: &Tensor<2>,
) -> Vec<(f64, AffineMap)> {
    let [tokens, width] = last.dims();
    let zeros = || (0.0, AffineMap::zeros(width, &last.device()));
    let mut sums: Vec<(f64, AffineMap)> = maps.iter().map(|_| zeros()).collect();
    let chunk = (LOGITS / model.config.vocab_size).max(1);
    for first in (0..tokens).step_by(chunk) {
        let count = chunk.min(tokens - first);
        let part = |it: &Tensor<2>| it.clone().narrow(0, first, count).autodiff();
        let leaf = |it: &Tensor<2>| it.clone().autodiff().require_grad();
        let logprobs = |resid| activation::log_softmax(model.logits(resid), 1);
        let target = logprobs(part(last)).detach();
        let probabilities = target.clone().exp();
        for ((map, resid), (loss, sum)) in maps.iter().zip(resids).zip(&mut sums) {
            let map = AffineMap {
                weight: leaf(&map.weight),
                bias: leaf(&map.bias),
            };
            let difference = target.clone() - logprobs(map.apply(part(resid)));
            let kl = (probabilities.clone() * difference).sum() / tokens as f64;
            let grads = kl.backward();
            *loss += kl.into_scalar::<f64>();
            let grad = |leaf: &Tensor<2>| leaf.grad(&grads).expect("both are used");
            *sum = sum.add(&AffineMap {
                weight: grad(&map.weight),
                bias: grad(&map.bias),
            });
        }
    }
    sums
}

/// Random texts until there are enough tokens. A text may come twice.
fn draw<'a>(texts: &[&'a [u32]], tokens: usize, rng: &mut ChaCha8Rng) -> Vec<&'a [u32]> {
    let index = Uniform::new(0, texts.len()).expect("there are texts");
    let (mut batch, mut count) = (vec![], 0);
    while count < tokens.max(1) {
        let text = texts[index.sample(rng)];
        count += text.len();
        batch.push(text);
    }
    batch
}

const BASE: &str = "base_sha256";

fn names(layer: usize) -> [String; 2] {
    ["weight", "bias"].map(|part| format!("layers.{layer}.{part}"))
}

fn host(tensor: &Tensor<2>, shape: &[usize]) -> HostTensor {
    HostTensor {
        shape: shape.to_vec(),
        data: tensor.clone().try_into_vec_as().expect("it is f32"),
    }
}
