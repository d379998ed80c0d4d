//! The loss of a completion and its derivative: pure functions of log-probabilities.
//!
//! Every objective here is a function of the log-probabilities that the policy gives to the tokens
//! of a completion. The loss and its derivative with respect to each log-probability are computed
//! on the host. Back-propagation then needs only a weighted sum of log-probabilities, with these
//! derivatives as weights: see [`group_gradient`](crate::gradient::group_gradient).

use serde::{Deserialize, Serialize};

/// How advantages and probabilities make the loss of a token.
///
/// Below, `A` is the advantage, `r = exp(logprob - old_logprob)` the ratio of the present to the
/// sampling policy, and `clip(r) = min(max(r, 1 - clip_low), 1 + clip_high)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrogate {
    /// `-A logprob` (REINFORCE).
    PolicyGradient,
    /// `-min(r A, clip(r) A)`: PPO, arXiv:1707.06347, eq. 7.
    ///
    /// With `clip_high > clip_low` it is "Clip-Higher" of DAPO, arXiv:2503.14476.
    Clipped,
    /// As clipped, and for `A < 0` at most `-dual_clip A`: arXiv:1912.09729.
    DualClip,
    /// `-sg(clip(r)) A logprob`, where `sg` stops the gradient: CISPO, arXiv:2506.13585, eq. 4.
    Cispo,
    /// As clipped, with one ratio for the completion, `exp(mean_t(logprob_t - old_logprob_t))`:
    /// GSPO, arXiv:2507.18071, eq. 5 and 7.
    Gspo,
}

/// How the losses of tokens make the loss of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// Sum over the number of tokens of the batch: DAPO, arXiv:2503.14476, eq. 12.
    TokenMean,
    /// Mean over the tokens of each completion, then over completions: GRPO, arXiv:2402.03300,
    /// eq. 3.
    SequenceMean,
    /// Sum over the number of completions times `max_new_tokens`: Dr. GRPO, arXiv:2503.20783.
    ConstantLength,
}

impl Aggregation {
    /// The weight of each token of a completion of `len` tokens.
    pub fn token_weight(self, len: usize) -> f32 {
        match self {
            Self::TokenMean | Self::ConstantLength => 1.0,
            Self::SequenceMean => 1.0 / len.max(1) as f32,
        }
    }

    /// The number that the weighted sum over a batch is divided by, at least 1.
    pub fn divisor(self, completions: usize, tokens: usize, max_new_tokens: usize) -> f32 {
        let divisor = match self {
            Self::TokenMean => tokens,
            Self::SequenceMean => completions,
            Self::ConstantLength => completions * max_new_tokens,
        };
        divisor.max(1) as f32
    }
}

/// Settings of the policy's loss.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// How advantages and probabilities make the loss of a token.
    pub surrogate: Surrogate,
    /// How the losses of tokens make the loss of a step.
    pub aggregation: Aggregation,
    /// Clip range of the ratio below 1.
    pub clip_low: f32,
    /// Clip range of the ratio above 1.
    pub clip_high: f32,
    /// Largest ratio for negative advantages, above 1. For `surrogate = "dual-clip"`.
    pub dual_clip: f32,
    /// Weight of the policy's entropy in the objective. With 0 it is not computed.
    pub entropy_coef: f32,
    /// Updates with each batch.
    ///
    /// In the first one the ratio is 1. The later ones compare with the log-probabilities of the
    /// first.
    pub num_iterations: u64,
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            surrogate: Surrogate::PolicyGradient,
            aggregation: Aggregation::TokenMean,
            clip_low: 0.2,
            clip_high: 0.2,
            dual_clip: 3.0,
            entropy_coef: 0.0,
            num_iterations: 1,
        }
    }
}

/// How the KL divergence from the unsteered model is estimated from one token.
///
/// Below, `d = ref_logprob - logprob`. See <http://joschu.net/blog/kl-approx.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KlEstimator {
    /// `-d`: unbiased, and may be negative.
    K1,
    /// `d^2 / 2`: biased, but its gradient is that of the divergence.
    K2,
    /// `exp(d) - d - 1`: unbiased and never negative.
    K3,
}

impl KlEstimator {
    /// The estimate for one token, in nats.
    pub fn estimate(self, logprob: f32, ref_logprob: f32) -> f32 {
        let d = ref_logprob - logprob;
        match self {
            Self::K1 => -d,
            Self::K2 => 0.5 * d * d,
            Self::K3 => d.exp_m1() - d,
        }
    }

    /// Its derivative with respect to `logprob`.
    fn derivative(self, logprob: f32, ref_logprob: f32) -> f32 {
        let d = ref_logprob - logprob;
        match self {
            Self::K1 => 1.0,
            Self::K2 => -d,
            Self::K3 => -d.exp_m1(),
        }
    }
}

/// Where the KL penalty enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KlPlace {
    /// It is added to the loss of each token and differentiated.
    Loss,
    /// It is subtracted from the reward of the completion, or of each token with a value head.
    Reward,
}

/// Settings of the KL penalty for leaving the unsteered model.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KlConfig {
    /// Weight of the penalty. With 0 it is not computed.
    pub coef: f32,
    /// How the divergence is estimated.
    pub estimator: KlEstimator,
    /// Where the penalty enters.
    pub place: KlPlace,
}

impl Default for KlConfig {
    fn default() -> Self {
        Self {
            coef: 0.0,
            estimator: KlEstimator::K3,
            place: KlPlace::Loss,
        }
    }
}

/// The inputs of a completion's loss besides its log-probabilities. One number per token.
#[derive(Clone, Copy, Debug)]
pub struct LossInputs<'a> {
    /// The advantages.
    pub advantages: &'a [f32],
    /// Log-probabilities under the policy before the first update of the batch.
    ///
    /// `None` in the first update, where the ratio is 1.
    pub old_logprobs: Option<&'a [f32]>,
    /// Log-probabilities of the unsteered model, where the loss has a KL penalty.
    pub ref_logprobs: Option<&'a [f32]>,
}

/// The loss of one completion, not yet divided by [`Aggregation::divisor`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompletionLoss {
    /// Weighted sum of the losses of its tokens, without the entropy bonus.
    pub loss: f64,
    /// Derivative of `loss` with respect to the log-probability of each token.
    pub logprob_grads: Vec<f32>,
    /// Number of tokens whose ratio was clipped.
    ///
    /// Their gradient is zero, except for CISPO, where the weight is clipped.
    pub clipped: usize,
}

/// Loss of the policy for one completion whose tokens have these `logprobs`.
///
/// ```
/// use trimtab_rl::loss::{KlConfig, LossConfig, LossInputs, Surrogate, completion_loss};
///
/// let config = LossConfig { surrogate: Surrogate::Clipped, ..LossConfig::default() };
/// let old = [-1.0, -1.0];
/// let inputs = LossInputs {
///     advantages: &[1.0, 1.0],
///     old_logprobs: Some(&old),
///     ref_logprobs: None,
/// };
/// let loss = completion_loss(&config, &KlConfig::default(), &[-1.0, -0.5], inputs);
/// assert_eq!(loss.logprob_grads, [-1.0, 0.0]); // the second ratio, exp(0.5), is above 1.2
/// assert_eq!(loss.clipped, 1);
/// ```
///
/// # Shapes
///
/// - `logprobs` and all of `inputs`: `[tokens]`
///
/// # Panics
///
/// The inputs differ in length.
pub fn completion_loss(
    config: &LossConfig,
    kl: &KlConfig,
    logprobs: &[f32],
    inputs: LossInputs,
) -> CompletionLoss {
    inputs.assert_len(logprobs.len());
    let weight = config.aggregation.token_weight(logprobs.len());
    let old = |token: usize| {
        inputs
            .old_logprobs
            .map_or(logprobs[token], |old| old[token])
    };
    let sequence_ratio = || {
        let sum: f32 = (0..logprobs.len())
            .map(|token| logprobs[token] - old(token))
            .sum();
        (sum / logprobs.len().max(1) as f32).exp()
    };
    let shared = (config.surrogate == Surrogate::Gspo).then(sequence_ratio);
    let mut found = CompletionLoss::default();
    for (token, &logprob) in logprobs.iter().enumerate() {
        let ratio = shared.unwrap_or_else(|| (logprob - old(token)).exp());
        let (mut loss, mut grad, clipped) =
            config.token_loss(inputs.advantages[token], logprob, ratio);
        if let Some(reference) = inputs.ref_logprobs {
            loss += kl.coef * kl.estimator.estimate(logprob, reference[token]);
            grad += kl.coef * kl.estimator.derivative(logprob, reference[token]);
        }
        found.loss += f64::from(weight * loss);
        found.logprob_grads.push(weight * grad);
        found.clipped += usize::from(clipped);
    }
    if shared.is_some() && inputs.old_logprobs.is_some() {
        share_ratio_grad(&mut found.logprob_grads, inputs, *kl, logprobs, weight);
    }
    found
}

impl LossInputs<'_> {
    fn assert_len(&self, len: usize) {
        assert_eq!(self.advantages.len(), len, "one advantage per token");
        for logprobs in [self.old_logprobs, self.ref_logprobs].into_iter().flatten() {
            assert_eq!(logprobs.len(), len, "one log-probability per token");
        }
    }
}

impl LossConfig {
    /// Loss of a token, its derivative with respect to the log-probability, and whether the ratio
    /// was clipped.
    fn token_loss(&self, advantage: f32, logprob: f32, ratio: f32) -> (f32, f32, bool) {
        let clip = ratio.clamp(1.0 - self.clip_low, 1.0 + self.clip_high);
        let clipped = ratio * advantage > clip * advantage;
        match self.surrogate {
            Surrogate::PolicyGradient => (-advantage * logprob, -advantage, false),
            Surrogate::Cispo => (
                -clip * advantage * logprob,
                -clip * advantage,
                clip != ratio,
            ),
            Surrogate::DualClip if advantage < 0.0 && ratio > self.dual_clip => {
                (-self.dual_clip * advantage, 0.0, true)
            }
            Surrogate::Clipped | Surrogate::DualClip | Surrogate::Gspo => {
                if clipped {
                    (-clip * advantage, 0.0, true)
                } else {
                    (-ratio * advantage, -ratio * advantage, false)
                }
            }
        }
    }
}

/// Gives each token the mean of the policy's derivatives, beside that of its own penalty.
///
/// The ratio of GSPO depends on all log-probabilities of a completion equally.
fn share_ratio_grad(
    grads: &mut [f32],
    inputs: LossInputs,
    kl: KlConfig,
    logprobs: &[f32],
    weight: f32,
) {
    let own: Vec<f32> = logprobs
        .iter()
        .enumerate()
        .map(|(token, &logprob)| {
            inputs.ref_logprobs.map_or(0.0, |reference| {
                weight * kl.coef * kl.estimator.derivative(logprob, reference[token])
            })
        })
        .collect();
    let policy: f32 = grads.iter().zip(&own).map(|(grad, own)| grad - own).sum();
    let mean = policy / grads.len().max(1) as f32;
    for (grad, own) in grads.iter_mut().zip(own) {
        *grad = mean + own;
    }
}
