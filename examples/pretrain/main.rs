//! Makes the bundled model from a seed: corpus, tokenizer, pre-training on the CPU.
//!
//!     cargo run --release --example pretrain -- --out runs/nano
//!
//! The same command goes on where an earlier one was stopped. Equal seeds and steps give equal weights.

mod export;
mod tokenizer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use clap::Parser;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, Normal};
use rayon::prelude::*;
use trimtab::model::tensor_file::{HostTensor, TensorFile};
use trimtab::model::{Model, ModelConfig};
use trimtab::rl::{AdamWConfig, Moments, Schedule, clip_grad_norm};
use trimtab::tasks::{document, document_with_request};
use trimtab_examples::{Stop, progress};

/// Pre-trains the bundled model.
#[derive(Parser)]
struct Args {
    /// Optimiser steps of 8,192 tokens each.
    #[arg(long, default_value_t = 5000)]
    steps: u64,
    /// Seed of corpus and initial weights.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for the checkpoint and the finished model.
    #[arg(long, default_value = "runs/nano")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

const TOKENS_PER_STEP: usize = 8192;
const TOKENS_PER_MICRO_BATCH: usize = 1024;
/// The corpus comes in two parts, each with its own rise and fall of the learning rate.
const PARTS: [Part; 2] = [
    Part {
        fifths: 4,
        document,
        peak_learning_rate: 4e-3,
        warmup_steps: 100,
    },
    Part {
        fifths: 1,
        document: document_with_request,
        peak_learning_rate: 2e-3,
        warmup_steps: 50,
    },
];
const MAX_GRAD_NORM: f32 = 1.0;
const ADAMW: AdamWConfig = AdamWConfig {
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-8,
    weight_decay: 0.1,
};
const STEPS_PER_CHECKPOINT: u64 = 100;

struct Part {
    /// Its share of the steps, in fifths.
    fifths: u64,
    document: fn(u64, u64) -> String,
    peak_learning_rate: f32,
    warmup_steps: u64,
}

/// The part that step `step` (from 1) of `steps` belongs to, with the number of the step in it and of its steps.
fn part(step: u64, steps: u64) -> (&'static Part, u64, u64) {
    let boundary = steps * PARTS[0].fifths / 5;
    if step <= boundary {
        (&PARTS[0], step, boundary)
    } else {
        (&PARTS[1], step - boundary, steps - boundary)
    }
}

fn main() -> Result<()> {
    let args = Args::parse();
    let stop = Stop::on_ctrl_c()?;
    let started = Instant::now();
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let tokenizer = tokenizer::train((0..20_000).map(|index| document(args.seed, index)))?;
    let config_json = nano_config(tokenizer.get_vocab_size(true));
    let config = ModelConfig::from_json(&config_json.to_string())?;
    let checkpoint = args.out.join("checkpoint.safetensors");
    let mut state = if checkpoint.exists() {
        State::load(&checkpoint, args.seed)?
    } else {
        State::init(&config, args.seed)
    };
    let device = Device::flex().autodiff();
    let bar = progress("pre-training", args.steps).with_position(state.step);
    while state.step < args.steps {
        state.train_step(&config, &tokenizer, &args, &device)?;
        bar.set_position(state.step);
        bar.set_message(format!("loss {:.4}", state.loss));
        if bar.is_hidden() && state.step.is_multiple_of(20) {
            eprintln!(
                "step {} loss {:.4} after {:.0} s",
                state.step,
                state.loss,
                started.elapsed().as_secs_f64()
            );
        }
        if state.step.is_multiple_of(STEPS_PER_CHECKPOINT) || stop.requested() {
            state.save(&checkpoint, args.seed)?;
        }
        if stop.requested() {
            eprintln!(
                "stopped after step {}; the same command goes on from here",
                state.step
            );
            std::process::exit(130);
        }
    }
    bar.finish();
    state.save(&checkpoint, args.seed)?;
    export::write(&args.out, &config_json, &tokenizer, &state.params)?;
    if args.json {
        let report = serde_json::json!({
            "steps": state.step,
            "tokens": state.step * TOKENS_PER_STEP as u64,
            "loss": state.loss,
            "wall_seconds": started.elapsed().as_secs_f64(),
            "out": args.out,
        });
        println!("{report}");
    }
    Ok(())
}

/// `config.json` of the model.
fn nano_config(vocab_size: usize) -> serde_json::Value {
    serde_json::json!({
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": vocab_size,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0,
        "tie_word_embeddings": true,
        "hidden_act": "silu",
        "use_sliding_window": false,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    })
}

/// Everything that a stopped run needs to go on as if it had not been stopped.
struct State {
    params: BTreeMap<String, HostTensor>,
    moments: BTreeMap<String, Moments>,
    step: u64,
    next_document: u64,
    /// Mean loss of the last hundred steps or so, in nats per token.
    loss: f64,
}

impl State {
    /// Norm weights one, biases zero, matrices normal; those that write into the residual stream are smaller.
    fn init(config: &ModelConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let narrow = 0.04 / (2.0 * config.num_hidden_layers as f32).sqrt();
        let mut params = BTreeMap::new();
        let device = Device::flex();
        let built: Result<_, std::convert::Infallible> =
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

    fn train_step(
        &mut self,
        config: &ModelConfig,
        tokenizer: &tokenizers::Tokenizer,
        args: &Args,
        device: &Device,
    ) -> Result<()> {
        let (part, part_step, part_steps) = part(self.step + 1, args.steps);
        let mut micro_batches: Vec<Vec<Vec<u32>>> = vec![vec![]];
        let (mut tokens, mut in_last) = (0, 0);
        while tokens < TOKENS_PER_STEP {
            let text = (part.document)(args.seed, self.next_document) + tokenizer::END_OF_TEXT;
            self.next_document += 1;
            let encoding = tokenizer
                .encode(text, true)
                .map_err(|error| anyhow::anyhow!("{error}"))?;
            if in_last >= TOKENS_PER_MICRO_BATCH {
                micro_batches.push(vec![]);
                in_last = 0;
            }
            let document = encoding.get_ids().to_vec();
            tokens += document.len() - 1;
            in_last += document.len() - 1;
            micro_batches
                .last_mut()
                .expect("never empty")
                .push(document);
        }
        let parts: Vec<(f64, Vec<Vec<f32>>)> = micro_batches
            .par_iter()
            .map(|batch| self.gradient(config, batch, device))
            .collect();
        let loss = parts.iter().map(|(loss, _)| loss).sum::<f64>() / tokens as f64;
        // Added in the order of the batches, so that the sum does not depend on which thread was faster.
        let mut grads: Vec<Vec<f32>> = self
            .params
            .values()
            .map(|param| vec![0.0; param.data.len()])
            .collect();
        for (_, part) in &parts {
            for (sum, grad) in grads.iter_mut().zip(part) {
                sum.iter_mut()
                    .zip(grad)
                    .for_each(|(sum, grad)| *sum += grad / tokens as f32);
            }
        }
        let norm = clip_grad_norm(&mut grads, MAX_GRAD_NORM);
        ensure!(
            loss.is_finite() && norm.is_finite(),
            "step {} gave loss {loss} and gradient norm {norm}",
            self.step + 1
        );
        self.step += 1;
        let lr = part.peak_learning_rate
            * Schedule::Cosine.factor(part_step, part_steps, part.warmup_steps);
        for ((param, moments), grad) in self
            .params
            .values_mut()
            .zip(self.moments.values_mut())
            .zip(&grads)
        {
            let weight_decay = if param.shape.len() == 2 {
                ADAMW.weight_decay
            } else {
                0.0
            };
            AdamWConfig {
                weight_decay,
                ..ADAMW
            }
            .update(&mut param.data, grad, moments, self.step, |_| lr);
        }
        self.loss = if self.loss.is_nan() {
            loss
        } else {
            0.98 * self.loss + 0.02 * loss
        };
        Ok(())
    }

    /// Summed loss of `documents` in nats and its gradient, tensor by tensor in the order of the names.
    fn gradient(
        &self,
        config: &ModelConfig,
        documents: &[Vec<u32>],
        device: &Device,
    ) -> (f64, Vec<Vec<f32>>) {
        let mut leaves = BTreeMap::new();
        let built: Result<_, std::convert::Infallible> =
            Model::from_tensors(config.clone(), &mut |name, _| {
                let leaf = upload(&self.params[name], device).require_grad();
                leaves.insert(name.to_owned(), leaf.clone());
                Ok(leaf)
            });
        let Ok(model) = built;
        let inputs: Vec<&[u32]> = documents
            .iter()
            .map(|document| &document[..document.len() - 1])
            .collect();
        let targets: Vec<i64> = documents
            .iter()
            .flat_map(|document| &document[1..])
            .map(|&id| i64::from(id))
            .collect();
        let count = targets.len();
        let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [count, 1]), device);
        let logits = model.logits(model.prefill(&inputs, None).0);
        let loss = -activation::log_softmax(logits, 1).gather(1, targets).sum();
        let grads = loss.backward();
        let host = |tensor: Tensor<2>| tensor.try_into_vec_as::<f32>().expect("f32 tensors");
        let grads = leaves
            .values()
            .map(|leaf| host(leaf.grad(&grads).expect("every weight is used")))
            .collect();
        (loss.into_scalar::<f64>(), grads)
    }

    fn save(&self, path: &Path, seed: u64) -> Result<()> {
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
            "seed": seed, "step": self.step, "next_document": self.next_document, "loss": self.loss.to_bits()
        });
        file.metadata = metadata.as_object().expect("an object literal").clone();
        Ok(file.write(path)?)
    }

    fn load(path: &Path, seed: u64) -> Result<Self> {
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

fn upload(tensor: &HostTensor, device: &Device) -> Tensor<2> {
    let columns = tensor.shape[tensor.shape.len() - 1];
    Tensor::from_data(
        TensorData::new(tensor.data.clone(), [tensor.data.len() / columns, columns]),
        device,
    )
}
