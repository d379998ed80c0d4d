//! `batch_gradient FILE.gguf|DIR f32|bf16|q8`: the loss of given completions with given advantages,
//! and its gradient with respect to one vector per layer.
//!
//! Reads a JSON object `{"vectors", "groups": [{"prompt", "completions", "advantages"}]}` from
//! standard input and prints `{"loss", "gradient"}`. The loss is that of the policy gradient, as a
//! mean over tokens. `tests/interop` compares both with PyTorch.

use std::io::stdin;
use std::path::PathBuf;

use burn::tensor::Device;
use serde::Deserialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Completion, FinishReason, Precision, Pretrained};
use trimtab_rl::gradient::{BackwardConfig, GroupLoss, LogprobGrads, group_gradient};
use trimtab_rl::loss::{CompletionLoss, KlConfig, LossConfig, LossInputs, completion_loss};
use trimtab_tests::policy;

#[derive(Deserialize)]
struct Batch {
    /// One vector per layer.
    vectors: Vec<Vec<f32>>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    /// In tokens.
    prompt: Vec<u32>,
    /// In tokens.
    completions: Vec<Vec<u32>>,
    /// One for each completion.
    advantages: Vec<f32>,
}

#[expect(clippy::print_stdout, reason = "the result of a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("no file or folder")?);
    let precision: Precision = std::env::args().nth(2).ok_or("no precision")?.parse()?;
    let base = Pretrained::load(&path, precision, &Device::flex())?;
    let batch: Batch = serde_json::from_reader(stdin())?;
    let width = base.model.config.hidden_size;
    let vectors = HostTensor {
        shape: vec![batch.vectors.len(), width],
        data: batch.vectors.concat(),
    };
    let policy = policy(&vectors, &base.model.config);
    let model = base.model.autodiff();
    let (mut loss, mut gradient) = (0.0, vec![0.0; vectors.data.len()]);
    for group in &batch.groups {
        let completions = group.completions();
        let logprob_grads = |logprobs: &[f32]| -> Vec<f32> {
            let losses = group.losses(logprobs).into_iter();
            losses.flat_map(|one| one.logprob_grads).collect()
        };
        let group_loss = GroupLoss {
            prompt: &group.prompt,
            completions: completions.iter().collect(),
            temperature: 1.0,
            logprob_grads: LogprobGrads::Computed(Box::new(logprob_grads)),
            entropy_weights: vec![],
        };
        let found = group_gradient(&model, &policy, &group_loss, &BackwardConfig::default());
        loss += group
            .losses(&found.logprobs)
            .iter()
            .map(|one| one.loss)
            .sum::<f64>();
        for (sum, value) in gradient.iter_mut().zip(&found.grads[0]) {
            *sum += value;
        }
    }
    let completions = batch.groups.iter().flat_map(|group| &group.completions);
    let (count, tokens) = completions.fold((0, 0), |(count, tokens), one| {
        (count + 1, tokens + one.len())
    });
    let divisor = LossConfig::default().aggregation.divisor(count, tokens, 0);
    let gradient: Vec<f32> = gradient.iter().map(|value| value / divisor).collect();
    let rows: Vec<&[f32]> = gradient.chunks(width).collect();
    let result = serde_json::json!({ "loss": loss / f64::from(divisor), "gradient": rows });
    println!("{result}");
    Ok(())
}

impl Group {
    fn completions(&self) -> Vec<Completion> {
        let completions = self.completions.iter().map(|tokens| Completion {
            tokens: tokens.clone(),
            logprobs: vec![0.0; tokens.len()], // those of the sampler play no part
            finish_reason: FinishReason::Length,
        });
        completions.collect()
    }

    /// The loss of each completion under a policy with these log-probabilities.
    fn losses(&self, mut logprobs: &[f32]) -> Vec<CompletionLoss> {
        let completions = self.completions.iter().zip(&self.advantages);
        let losses = completions.map(|(tokens, &advantage)| {
            let (own, others) = logprobs.split_at(tokens.len());
            logprobs = others;
            let inputs = LossInputs {
                advantages: &vec![advantage; own.len()],
                old_logprobs: None,
                ref_logprobs: None,
            };
            completion_loss(&LossConfig::default(), &KlConfig::default(), own, inputs)
        });
        losses.collect()
    }
}
