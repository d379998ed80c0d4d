//! The critic of PPO: a value head that predicts the return from each token, and advantages from
//! it.

use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;

use crate::optim::{AdamWConfig, Moments};

/// Settings of the value head, for the advantage `value`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValueConfig {
    /// Learning rate of its AdamW, which is constant.
    pub learning_rate: f32,
    /// Updates with each batch.
    pub updates: u64,
    /// Discount of later rewards, per token.
    pub gamma: f32,
    /// How far advantages look ahead: with 0 one token, with 1 to the end.
    pub lambda: f32,
}

impl Default for ValueConfig {
    fn default() -> Self {
        Self {
            learning_rate: 0.05,
            updates: 8,
            gamma: 1.0,
            lambda: 0.95,
        }
    }
}

/// Generalised advantage estimation over the tokens of one completion.
///
/// Returns advantages `A` and returns `R`. `rewards` and `values` have one number per token. From
/// the last token to the first, with a value of zero after the end:
///
/// ```text
/// delta_t = r_t + gamma V_(t+1) - V_t
/// A_t = delta_t + gamma lambda A_(t+1)
/// R_t = A_t + V_t
/// ```
///
/// This is eq. 16 of arXiv:1506.02438.
///
/// ```
/// use trimtab_rl::value::gae;
///
/// // With lambda 1 and no discount, the return of a token is the sum of the rewards from it on.
/// let (advantages, returns) = gae(&[0.0, 0.0, 1.0], &[0.25, 0.5, 0.75], 1.0, 1.0);
/// assert_eq!(returns, [1.0, 1.0, 1.0]);
/// assert_eq!(advantages, [0.75, 0.5, 0.25]);
/// ```
///
/// # Panics
///
/// There are fewer values than rewards.
pub fn gae(rewards: &[f32], values: &[f32], gamma: f32, lambda: f32) -> (Vec<f32>, Vec<f32>) {
    let (mut advantage, mut next_value) = (0.0, 0.0);
    let mut advantages = vec![0.0; rewards.len()];
    for token in (0..rewards.len()).rev() {
        let delta = rewards[token] + gamma * next_value - values[token];
        advantage = delta + gamma * lambda * advantage;
        advantages[token] = advantage;
        next_value = values[token];
    }
    let returns = advantages.iter().zip(values).map(|(a, v)| a + v).collect();
    (advantages, returns)
}

/// Normalises the advantages of all tokens of a batch, as PPO does.
///
/// `(A - mean) / sqrt(variance + 1e-8)`, with the sample variance.
pub fn normalise_advantages(advantages: &mut [f32]) {
    let count = advantages.len() as f64;
    if advantages.len() < 2 {
        return;
    }
    let mean = advantages.iter().map(|&a| f64::from(a)).sum::<f64>() / count;
    let squares = advantages.iter().map(|&a| (f64::from(a) - mean).powi(2));
    let scale = 1.0 / (squares.sum::<f64>() / (count - 1.0) + 1e-8).sqrt();
    for advantage in advantages {
        *advantage = ((f64::from(*advantage) - mean) * scale) as f32;
    }
}

/// Share of the variance of returns that the values explain: `1 - Var(R - V) / Var(R)`.
///
/// It is 1 where each value is the return, and 0 where the values are constant. `None` if all
/// returns are equal.
pub fn explained_variance(values: &[f32], returns: &[f32]) -> Option<f64> {
    let variance = |numbers: &dyn Fn(usize) -> f64| {
        let count = returns.len() as f64;
        let mean = (0..returns.len()).map(numbers).sum::<f64>() / count;
        let squares = (0..returns.len()).map(|i| (numbers(i) - mean).powi(2));
        squares.sum::<f64>() / count
    };
    let of_returns = variance(&|i| f64::from(returns[i]));
    let of_errors = variance(&|i| f64::from(returns[i]) - f64::from(values[i]));
    (of_returns > 0.0).then(|| 1.0 - of_errors / of_returns)
}

/// A value that is linear in the normalised residual stream `h`: `V = w . h / rms(h) + b`.
///
/// The model below it is frozen. No gradient flows from the value into the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueHead {
    /// `w`, `[1, hidden_size]`, and `b`, `[1, 1]`.
    params: [ValueParam; 2],
}

/// A parameter of the value head with its optimiser state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ValueParam {
    /// Its name in checkpoints.
    pub(crate) name: &'static str,
    pub(crate) value: HostTensor,
    pub(crate) moments: Moments,
}

impl ValueParam {
    fn zeros(name: &'static str, shape: [usize; 2]) -> Self {
        let len = shape.iter().product();
        Self {
            name,
            value: HostTensor {
                shape: shape.to_vec(),
                data: vec![0.0; len],
            },
            moments: Moments::zeros(len),
        }
    }
}

impl ValueHead {
    /// A value of zero everywhere.
    pub fn new(hidden_size: usize) -> Self {
        Self {
            params: [
                ValueParam::zeros("value.weight", [1, hidden_size]),
                ValueParam::zeros("value.bias", [1, 1]),
            ],
        }
    }

    pub(crate) fn params(&self) -> &[ValueParam] {
        &self.params
    }

    pub(crate) fn params_mut(&mut self) -> &mut [ValueParam] {
        &mut self.params
    }

    /// The value of each token.
    ///
    /// # Shapes
    ///
    /// - `features`: `[tokens, hidden_size]`, row-major, from [`Self::features`]
    /// - output: `[tokens]`
    pub fn values(&self, features: &[f32]) -> Vec<f32> {
        let weight = &self.params[0].value.data;
        features
            .chunks(weight.len())
            .map(|row| dot(row, weight) + self.params[1].value.data[0])
            .collect()
    }

    /// Divides each row of a residual stream by its root mean square.
    ///
    /// # Shapes
    ///
    /// - `resid`: `[tokens, hidden_size]`, row-major
    /// - output: `[tokens, hidden_size]`
    ///
    /// # Panics
    ///
    /// The rows are not whole.
    pub fn features(&self, mut resid: Vec<f32>) -> Vec<f32> {
        let width = self.params[0].value.data.len();
        assert!(
            resid.len().is_multiple_of(width),
            "whole rows of {width} numbers"
        );
        for row in resid.chunks_mut(width) {
            let rms = (dot(row, row) / row.len() as f32 + 1e-6).sqrt();
            for value in row {
                *value /= rms;
            }
        }
        resid
    }

    /// Update number `step`, from 1, towards `returns`.
    ///
    /// Returns the loss before it, `mean((V - R)^2) / 2`.
    ///
    /// # Shapes
    ///
    /// - `features`: `[tokens, hidden_size]`, row-major
    /// - `returns`: `[tokens]`
    ///
    /// # Panics
    ///
    /// There is not one row of features per return.
    pub fn update(
        &mut self,
        features: &[f32],
        returns: &[f32],
        step: u64,
        learning_rate: f32,
    ) -> f64 {
        let values = self.values(features);
        let width = self.params[0].value.data.len();
        assert_eq!(
            values.len(),
            returns.len(),
            "one row of features per return"
        );
        let count = returns.len().max(1) as f32;
        let (mut weight, mut bias, mut loss) = (vec![0.0; width], 0.0, 0.0);
        for ((row, value), target) in features.chunks(width).zip(values).zip(returns) {
            let error = value - target;
            loss += 0.5 * f64::from(error) * f64::from(error);
            bias += error / count;
            for (sum, feature) in weight.iter_mut().zip(row) {
                *sum += error * feature / count;
            }
        }
        for (param, grad) in self.params.iter_mut().zip([weight, vec![bias]]) {
            let (value, moments) = (&mut param.value.data, &mut param.moments);
            AdamWConfig::default().update(value, &grad, moments, step, |_| learning_rate);
        }
        loss / f64::from(count)
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_value_is_learned() {
        // Returns that are linear in the normalised features, so that the value can know them all.
        let mut head = ValueHead::new(3);
        let rows = (0..60).map(|i| (i as f32 * 0.7).sin() + if i % 3 == 0 { 0.5 } else { -0.2 });
        let features = head.features(rows.collect());
        let target = |row: &[f32]| 2.0 * row[0] - row[1] + 0.5;
        let returns: Vec<f32> = features.chunks(3).map(target).collect();
        assert_eq!(
            explained_variance(&head.values(&features), &returns),
            Some(0.0)
        );
        let losses: Vec<f64> = (1..=2000)
            .map(|step| head.update(&features, &returns, step, 0.01))
            .collect();
        assert!(
            losses[1999] < 1e-4 * losses[0],
            "{} {}",
            losses[0],
            losses[1999]
        );
        let known = explained_variance(&head.values(&features), &returns).expect("they differ");
        assert!(known > 0.999, "{known}");
        assert_eq!(explained_variance(&[0.0, 1.0], &[2.0, 2.0]), None);
    }
}
