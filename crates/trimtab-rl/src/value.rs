//! A learned value of each token and the advantages that follow from it: the critic of PPO.

use serde::{Deserialize, Serialize};

use crate::update::{AdamWConfig, Parameter};

/// Settings of the learned value, for the advantage `value`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValueConfig {
    /// Learning rate of its own AdamW, constant.
    pub learning_rate: f32,
    /// Updates of the value with each batch.
    pub updates: u64,
    /// Discount of later rewards per token.
    pub gamma: f32,
    /// How far advantages look: 0 one token, 1 to the end.
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

/// Generalised advantage estimation over the tokens of one completion: advantages and returns.
///
/// `delta_t = r_t + gamma V_(t+1) - V_t` with a value of zero after the end, `A_t = delta_t + gamma lambda A_(t+1)` and
/// `R_t = A_t + V_t`: arXiv:1506.02438, eq. 16, backwards. `rewards` and `values` have one number per token.
///
/// ```
/// use trimtab_rl::gae;
///
/// // With lambda 1 and no discount the return of every token is what is still to come.
/// let (advantages, returns) = gae(&[0.0, 0.0, 1.0], &[0.25, 0.5, 0.75], 1.0, 1.0);
/// assert_eq!(returns, [1.0, 1.0, 1.0]);
/// assert_eq!(advantages, [0.75, 0.5, 0.25]);
/// ```
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

/// `(A - mean) / sqrt(variance + 1e-8)` over all tokens of a batch, with the sample variance, as PPO normalises advantages.
pub fn whiten(advantages: &mut [f32]) {
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

/// `1 - Var(returns - values) / Var(returns)`: 1 where the value knows the return, 0 where it knows the mean only; `None`
/// where all returns are equal.
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

/// A linear value of the captured residual stream: `V = w . h / rms(h) + b`.
///
/// The trunk below it is the frozen, steered model, and no gradient goes from the value into the steering.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueHead {
    /// `w`, `[1, hidden_size]`, and `b`, `[1, 1]`.
    pub params: [Parameter; 2],
}

impl ValueHead {
    /// A value of zero everywhere.
    pub fn new(hidden_size: usize) -> Self {
        Self {
            params: [
                Parameter::zeros("value.weight", &[1, hidden_size]),
                Parameter::zeros("value.bias", &[1, 1]),
            ],
        }
    }

    /// The value of each row of `features`, `[tokens, hidden_size]` as [`Self::features`] makes them.
    pub fn values(&self, features: &[f32]) -> Vec<f32> {
        let weight = &self.params[0].value.data;
        features
            .chunks(weight.len())
            .map(|row| dot(row, weight) + self.params[1].value.data[0])
            .collect()
    }

    /// Rows of a residual stream, each divided by the root of its mean square.
    pub fn features(&self, mut resid: Vec<f32>) -> Vec<f32> {
        for row in resid.chunks_mut(self.params[0].value.data.len()) {
            let rms = (dot(row, row) / row.len() as f32 + 1e-6).sqrt();
            for value in row {
                *value /= rms;
            }
        }
        resid
    }

    /// Update number `step` (from 1) towards `returns`; gives the loss before it, `mean((V - R)^2) / 2`.
    pub fn update(
        &mut self,
        features: &[f32],
        returns: &[f32],
        step: u64,
        learning_rate: f32,
    ) -> f64 {
        let values = self.values(features);
        let width = self.params[0].value.data.len();
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
