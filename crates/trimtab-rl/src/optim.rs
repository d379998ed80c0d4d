//! The optimiser: gradient clipping, AdamW, and the learning rate by step.

use serde::{Deserialize, Serialize};

/// Settings of AdamW. The defaults are PyTorch's, but without weight decay.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay rate of the running mean of the gradient.
    pub beta1: f32,
    /// Decay rate of the running mean of the squared gradient.
    pub beta2: f32,
    /// Added to the denominator.
    pub eps: f32,
    /// Decoupled weight decay. Each step subtracts this share of a parameter times the rate.
    pub weight_decay: f32,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// The moments of one parameter tensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient.
    pub first: Vec<f32>,
    /// Running mean of the squared gradient.
    pub second: Vec<f32>,
}

impl Moments {
    /// The moments of `len` parameters before the first step.
    pub fn zeros(len: usize) -> Self {
        Self {
            first: vec![0.0; len],
            second: vec![0.0; len],
        }
    }
}

impl AdamWConfig {
    /// One update of `params` in place.
    ///
    /// `step` counts from 1. `lr` gives the learning rate of the parameter with an index. With
    /// gradient `g`:
    ///
    /// ```text
    /// m = beta1 m + (1 - beta1) g
    /// v = beta2 v + (1 - beta2) g^2
    /// p = p - lr (m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + eps) + weight_decay p)
    /// ```
    ///
    /// This is algorithm 2 of arXiv:1711.05101, with the decay scaled by the learning rate as in
    /// PyTorch.
    ///
    /// # Panics
    ///
    /// Parameters, gradients and moments differ in number.
    pub fn update(
        &self,
        params: &mut [f32],
        grads: &[f32],
        moments: &mut Moments,
        step: u64,
        lr: impl Fn(usize) -> f32,
    ) {
        let lens = [grads.len(), moments.first.len(), moments.second.len()];
        assert_eq!(
            lens,
            [params.len(); 3],
            "one gradient and moment per parameter"
        );
        let correction1 = 1.0 - self.beta1.powf(step as f32);
        let correction2 = 1.0 - self.beta2.powf(step as f32);
        let moments = moments.first.iter_mut().zip(&mut moments.second);
        for (index, ((param, &grad), (first, second))) in
            params.iter_mut().zip(grads).zip(moments).enumerate()
        {
            *first = self.beta1 * *first + (1.0 - self.beta1) * grad;
            *second = self.beta2 * *second + (1.0 - self.beta2) * grad * grad;
            let direction = (*first / correction1) / ((*second / correction2).sqrt() + self.eps);
            *param -= lr(index) * (direction + self.weight_decay * *param);
        }
    }
}

/// Learning rate after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays at its peak.
    Constant,
    /// It falls to zero along a line.
    Linear,
    /// It falls to zero along half a cosine.
    Cosine,
}

impl Schedule {
    /// Factor on the peak learning rate at `step` of `steps`, which counts from 1.
    ///
    /// It rises linearly over the first `warmup` steps.
    pub fn factor(self, step: u64, steps: u64, warmup: u64) -> f32 {
        if step <= warmup {
            return step as f32 / warmup as f32;
        }
        let done = (step - warmup) as f32 / steps.saturating_sub(warmup).max(1) as f32;
        match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - done.min(1.0),
            Self::Cosine => 0.5 * (1.0 + (std::f32::consts::PI * done.min(1.0)).cos()),
        }
    }
}

/// Scales `grads` so that their joint Euclidean norm is at most `max_norm`.
///
/// Returns the norm before.
pub fn clip_grad_norm(grads: &mut [Vec<f32>], max_norm: f32) -> f32 {
    let squares = grads
        .iter()
        .flatten()
        .map(|&grad| f64::from(grad) * f64::from(grad));
    let norm = squares.sum::<f64>().sqrt() as f32;
    if norm > max_norm {
        for grad in grads.iter_mut().flatten() {
            *grad *= max_norm / norm;
        }
    }
    norm
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.optim.AdamW([1.0, -2.0], lr=0.1, weight_decay=0.01)` with gradients (0.5, -1.0) and
    /// (0.25, 3.0), torch 2.9.1, float64.
    #[test]
    fn two_steps_equal_pytorch() {
        let config = AdamWConfig {
            weight_decay: 0.01,
            ..AdamWConfig::default()
        };
        let (mut params, mut moments) = (vec![1.0, -2.0], Moments::zeros(2));
        config.update(&mut params, &[0.5, -1.0], &mut moments, 1, |_| 0.1);
        config.update(&mut params, &[0.25, 3.0], &mut moments, 2, |_| 0.1);
        for (param, expected) in params.iter().zip(TORCH) {
            assert!((param - expected).abs() < 1e-6, "{params:?}");
        }
    }

    const TORCH: [f32; 2] = [0.804_883_04, -1.945_521];

    #[test]
    fn rates_rise_and_fall() {
        let rates: Vec<f32> = (1..=6)
            .map(|step| Schedule::Cosine.factor(step, 6, 2))
            .collect();
        let expected = [0.5, 1.0, 0.853_553_4, 0.5, 0.146_446_6, 0.0];
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-6, "{rates:?}");
        }
        let rates: Vec<f32> = (1..=6)
            .map(|step| Schedule::Linear.factor(step, 6, 2))
            .collect();
        assert_eq!(rates, [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]);
        assert!((Schedule::Constant.factor(9, 9, 2) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn clipping_keeps_the_direction() {
        let mut grads = vec![vec![3.0], vec![4.0, 0.0]];
        assert!((clip_grad_norm(&mut grads, 1.0) - 5.0).abs() < 1e-6);
        assert!(
            (grads[0][0] - 0.6).abs() < 1e-6 && (grads[1][0] - 0.8).abs() < 1e-6,
            "{grads:?}"
        );
        assert!((clip_grad_norm(&mut grads, 2.0) - 1.0).abs() < 1e-6);
    }
}
