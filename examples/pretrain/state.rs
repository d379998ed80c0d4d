//! What a run of pre-training holds, and its checkpoint.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Normal};
use trimtab::model::tensor_file::{HostTensor, TensorFile};
use trimtab::model::{Model, ModelConfig};
use trimtab::rl::optim::Moments;

/// Everything that a stopped run needs to go on as if it had not been stopped.
pub(crate) struct State {
    pub(crate) params: BTreeMap<String, HostTensor>,
    pub(crate) moments: BTreeMap<String, Moments>,
    /// Steps taken.
    pub(crate) step: u64,
    /// Documents read.
    pub(crate) next_document: u64,
    /// Moving average of the loss over some fifty steps, in nats per token.
    pub(crate) loss: f64,
}

impl State {
    /// Norm weights one, biases zero, matrices normal. Matrices that write into the residual stream
    /// are smaller.
    pub(crate) fn init(config: &ModelConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let narrow = 0.04 / (2.0 * config.num_hidden_layers as f32).sqrt();
        let mut params = BTreeMap::new();
        let device = Device::flex();
        let built: Result<_, Infallible> =
            Model::from_tensors(config.clone(), &mut |name, shape| {
                let residual =
                    name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
                let normal = Normal::new(0.0, if residual { narrow } else { 0.04 })
                    .expect("a positive deviation");
                let len = shape.iter().product();
                let data: Vec<f32> = match shape {
                    [_] => vec![if name.ends_with("bias") { 0.0 } else { 1.0 }; len],
                    _ => normal.sample_iter(&mut rng).take(len).collect(),
                };
                let tensor = HostTensor {
                    shape: shape.to_vec(),
                    data,
                };
                let leaf = upload(&tensor, &device);
                params.insert(name.to_owned(), tensor);
                Ok(leaf)
            });
        let Ok(_) = built;
        let moments = params
            .iter()
            .map(|(name, param)| (name.clone(), Moments::zeros(param.data.len())))
            .collect();
        Self {
            params,
            moments,
            step: 0,
            next_document: 0,
            loss: f64::NAN,
        }
    }

    /// Writes the checkpoint.
    pub(crate) fn save(&self, path: &Path, seed: u64) -> Result<()> {
        let mut file = TensorFile::default();
        for (name, param) in &self.params {
            let moments = &self.moments[name];
            for (part, data) in [
                ("param", &param.data),
                ("first", &moments.first),
                ("second", &moments.second),
            ] {
                let tensor = HostTensor {
                    shape: param.shape.clone(),
                    data: data.clone(),
                };
                file.tensors.insert(format!("{part}/{name}"), tensor);
            }
        }
        let metadata = serde_json::json!({
            "seed": seed, "step": self.step, "next_document": self.next_document,
            "loss": self.loss.to_bits()
        });
        file.metadata = metadata.as_object().expect("an object literal").clone();
        Ok(file.write(path)?)
    }

    /// Reads the checkpoint of a run with this seed.
    pub(crate) fn load(path: &Path, seed: u64) -> Result<Self> {
        let mut file = TensorFile::read(path)?;
        let number = |key: &str| {
            let value = file.metadata.get(key).and_then(serde_json::Value::as_u64);
            value.with_context(|| {
                format!(
                    "{} is not a pre-training checkpoint: no `{key}`",
                    path.display()
                )
            })
        };
        let found = number("seed")?;
        ensure!(
            found == seed,
            "{} was made with --seed {found}; remove it or give that seed",
            path.display()
        );
        let (step, next_document, loss) = (
            number("step")?,
            number("next_document")?,
            f64::from_bits(number("loss")?),
        );
        let names: Vec<String> = file
            .tensors
            .keys()
            .filter_map(|name| name.strip_prefix("param/"))
            .map(str::to_owned)
            .collect();
        let (mut params, mut moments) = (BTreeMap::new(), BTreeMap::new());
        for name in names {
            let mut take = |part: &str| {
                let tensor = file.tensors.remove(&format!("{part}/{name}"));
                tensor.with_context(|| format!("{} has no `{part}/{name}`", path.display()))
            };
            let (param, first, second) =
                (take("param")?, take("first")?.data, take("second")?.data);
            params.insert(name.clone(), param);
            moments.insert(name, Moments { first, second });
        }
        Ok(Self {
            params,
            moments,
            step,
            next_document,
            loss,
        })
    }
}

/// A tensor of `[rows, columns]`; a vector becomes one row.
pub(crate) fn upload(tensor: &HostTensor, device: &Device) -> Tensor<2> {
    let columns = tensor.shape[tensor.shape.len() - 1];
    Tensor::from_data(
        TensorData::new(tensor.data.clone(), [tensor.data.len() / columns, columns]),
        device,
    )
}
