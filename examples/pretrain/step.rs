//! One optimiser step: the gradient of a batch, and AdamW.

use std::collections::BTreeMap;
use std::convert::Infallible;

use anyhow::{Result, ensure};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use rayon::prelude::*;
use tokenizers::Tokenizer;
use trimtab::model::{Model, ModelConfig};
use trimtab::rl::optim::{AdamWConfig, clip_grad_norm};

use crate::corpus::PartStep;
use crate::state::{State, upload};

const MAX_GRAD_NORM: f32 = 1.0;
const ADAMW: AdamWConfig = AdamWConfig {
    beta1: 0.9,
    beta2: 0.98,
    eps: 1e-8,
    weight_decay: 0.1,
};

/// What all steps of a run share.
pub(crate) struct Training {
    pub(crate) config: ModelConfig,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) seed: u64,
    /// Number of steps.
    pub(crate) steps: u64,
    /// A device that differentiates.
    pub(crate) device: Device,
}

impl Training {
    /// Takes the next step.
    ///
    /// # Errors
    ///
    /// The loss or the gradient is not finite.
    pub(crate) fn step(&self, state: &mut State) -> Result<()> {
        let part = PartStep::of(state.step + 1, self.steps);
        let batch = part.batch(&self.tokenizer, self.seed, &mut state.next_document)?;
        let parts: Vec<(f64, Vec<Vec<f32>>)> = batch
            .micro_batches
            .par_iter()
            .map(|documents| self.gradient(state, documents))
            .collect();
        let loss = parts.iter().map(|(loss, _)| loss).sum::<f64>() / batch.tokens as f64;
        let mut grads = mean(&parts, state, batch.tokens);
        let norm = clip_grad_norm(&mut grads, MAX_GRAD_NORM);
        ensure!(
            loss.is_finite() && norm.is_finite(),
            "step {} gave loss {loss} and gradient norm {norm}",
            state.step + 1
        );
        state.step += 1;
        update(state, &grads, part.learning_rate());
        state.loss = if state.loss.is_nan() {
            loss
        } else {
            0.98 * state.loss + 0.02 * loss
        };
        Ok(())
    }

    /// Summed loss of `documents` in nats and its gradient, one tensor after another by name.
    fn gradient(&self, state: &State, documents: &[Vec<u32>]) -> (f64, Vec<Vec<f32>>) {
        let mut leaves = BTreeMap::new();
        let built: Result<_, Infallible> =
            Model::from_tensors(self.config.clone(), &mut |name, _| {
                let leaf = upload(&state.params[name], &self.device).require_grad();
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
        let targets = TensorData::new(targets.clone(), [targets.len(), 1]);
        let targets = Tensor::<2, Int>::from_data(targets, &self.device);
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
}

/// The gradient per token. It is summed in the order of the micro-batches, so that the result does
/// not depend on which thread was faster.
fn mean(parts: &[(f64, Vec<Vec<f32>>)], state: &State, tokens: usize) -> Vec<Vec<f32>> {
    let params = state.params.values();
    let mut grads: Vec<Vec<f32>> = params.map(|param| vec![0.0; param.data.len()]).collect();
    for (_, part) in parts {
        for (sum, grad) in grads.iter_mut().zip(part) {
            sum.iter_mut()
                .zip(grad)
                .for_each(|(sum, grad)| *sum += grad / tokens as f32);
        }
    }
    grads
}

/// AdamW; norm weights and biases do not decay.
fn update(state: &mut State, grads: &[Vec<f32>], learning_rate: f32) {
    let params = state.params.values_mut().zip(state.moments.values_mut());
    for ((param, moments), grad) in params.zip(grads) {
        let is_matrix = param.shape.len() == 2;
        let adamw = AdamWConfig {
            weight_decay: if is_matrix { ADAMW.weight_decay } else { 0.0 },
            ..ADAMW
        };
        adamw.update(&mut param.data, grad, moments, state.step, |_| {
            learning_rate
        });
    }
}
