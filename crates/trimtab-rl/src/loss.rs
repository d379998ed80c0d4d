//! The loss of a completion and its slope: pure functions of log-probabilities.
//!
//! Every objective here is a function of the log-probabilities that the policy gives to the tokens of a completion. So
//! the loss and its derivative with respect to each of them (the *slope*) are computed on the host, and back-propagation
//! needs only the weighted sum of log-probabilities whose weights are the slopes ([`group_gradient`](crate::group_gradient)).

use serde::{Deserialize, Serialize};

/// How advantages and probabilities make a loss. With `A` the advantage, `r = exp(logprob - old_logprob)` the ratio of the
/// present to the sampling policy, and `clip(r) = min(max(r, 1 - low), 1 + high)`, the loss of a token is:
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrogate {
    /// `-A logprob` (REINFORCE).
    PolicyGradient,
    /// `-min(r A, clip(r) A)`: PPO, arXiv:1707.06347, eq. 7; `high > low` is "Clip-Higher" of DAPO, arXiv:2503.14476.
    Clipped,
    /// As clipped, and for `A < 0` at most `-dual A`: arXiv:1912.09729.
    DualClip,
    /// `-sg(clip(r)) A logprob`, where `sg` stops the gradient: CISPO, arXiv:2506.13585, eq. 4.
    Cispo,
    /// As clipped, with one ratio for the whole completion, `exp(mean_t(logprob_t - old_logprob_t))`: GSPO,
    /// arXiv:2507.18071, eq. 5 and 7.
    Gspo,
}

/// How the losses of tokens make the loss of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// Sum over the number of tokens of the whole batch: DAPO, arXiv:2503.14476, eq. 12.
    TokenMean,
    /// Mean over tokens of each completion, then over completions: GRPO, arXiv:2402.03300, eq. 3.
    SequenceMean,
    /// Sum over completions times `max_new_tokens`: Dr. GRPO, arXiv:2503.20783.
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

    /// What the weighted sum over a batch is divided by; at least 1.
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
    /// How advantages and probabilities make a loss.
    pub surrogate: Surrogate,
    /// How the losses of tokens make the loss of a step.
    pub aggregation: Aggregation,
    /// How far below 1 the ratio counts.
    pub clip_low: f32,
    /// How far above 1 the ratio counts.
    pub clip_high: f32,
    /// Largest ratio that counts where the advantage is negative, for `dual-clip`; above 1.
    pub dual_clip: f32,
    /// Weight of the policy's entropy, which is added to the objective; 0 computes none.
    pub entropy_coef: f32,
    /// Updates made with each batch. With more than one, ratios are taken to the log-probabilities of the first.
    pub updates_per_batch: u64,
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
            updates_per_batch: 1,
        }
    }
}

/// How the distance to the unsteered model is estimated from one token. With `d = ref_logprob - logprob`:
/// <http://joschu.net/blog/kl-approx.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KlEstimator {
    /// `-d`: unbiased, may be negative.
    K1,
    /// `d^2 / 2`: biased, and its gradient is that of the divergence.
    K2,
    /// `exp(d) - d - 1`: unbiased and never negative.
    K3,
}

impl KlEstimator {
    /// The estimate for one token, in nats.
    pub fn of(self, logprob: f32, ref_logprob: f32) -> f32 {
        let d = ref_logprob - logprob;
        match self {
            Self::K1 => -d,
            Self::K2 => 0.5 * d * d,
            Self::K3 => d.exp_m1() - d,
        }
    }

    /// Its derivative with respect to `logprob`.
    fn slope(self, logprob: f32, ref_logprob: f32) -> f32 {
        let d = ref_logprob - logprob;
        match self {
            Self::K1 => 1.0,
            Self::K2 => -d,
            Self::K3 => -d.exp_m1(),
        }
    }
}

/// Where the penalty is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KlPlace {
    /// Added to the loss of each token, and differentiated.
    Loss,
    /// Subtracted from the reward: of the completion, or with a learned value of each token.
    Reward,
}

/// Settings of the penalty for leaving the unsteered model.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KlConfig {
    /// Its weight; 0 computes none.
    pub coef: f32,
    /// How it is estimated.
    pub estimator: KlEstimator,
    /// Where it is put.
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

/// What belongs to a completion beside its log-probabilities; one number per token.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The advantage.
    pub advantages: &'a [f32],
    /// Log-probabilities under the policy that the first update of the batch started from; `None` in that update, where the
    /// ratio is 1.
    pub old_logprobs: Option<&'a [f32]>,
    /// Log-probabilities of the unsteered model, where the loss has a penalty for leaving it.
    pub ref_logprobs: Option<&'a [f32]>,
}

/// The loss of one completion, not yet divided by what its batch is divided by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CompletionLoss {
    /// Weighted sum of the losses of its tokens, without the entropy bonus.
    pub loss: f64,
    /// Derivative of `loss` with respect to each log-probability.
    pub slopes: Vec<f32>,
    /// Tokens whose ratio was clipped, so that they teach nothing (CISPO: whose weight was).
    pub clipped: usize,
}

/// Loss of the policy for one completion whose tokens have these `logprobs`.
///
/// ```
/// use trimtab_rl::{KlConfig, LossConfig, Surrogate, Terms, completion_loss};
///
/// let loss = LossConfig { surrogate: Surrogate::Clipped, ..LossConfig::default() };
/// let old = [-1.0, -1.0];
/// let terms = Terms { advantages: &[1.0, 1.0], old_logprobs: Some(&old), ref_logprobs: None };
/// let found = completion_loss(&loss, &KlConfig::default(), &[-1.0, -0.5], terms);
/// assert_eq!(found.slopes, [-1.0, 0.0]); // the second ratio, exp(0.5), lies above 1.2
/// assert_eq!(found.clipped, 1);
/// ```
pub fn completion_loss(
    config: &LossConfig,
    kl: &KlConfig,
    logprobs: &[f32],
    terms: Terms,
) -> CompletionLoss {
    let weight = config.aggregation.token_weight(logprobs.len());
    let old = |token: usize| terms.old_logprobs.map_or(logprobs[token], |old| old[token]);
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
        let (mut loss, mut slope, clipped) = config.token(terms.advantages[token], logprob, ratio);
        if let Some(reference) = terms.ref_logprobs {
            loss += kl.coef * kl.estimator.of(logprob, reference[token]);
            slope += kl.coef * kl.estimator.slope(logprob, reference[token]);
        }
        found.loss += f64::from(weight * loss);
        found.slopes.push(weight * slope);
        found.clipped += usize::from(clipped);
    }
    if shared.is_some() && terms.old_logprobs.is_some() {
        spread(&mut found.slopes, terms, *kl, logprobs, weight);
    }
    found
}

impl LossConfig {
    /// Loss of a token, its derivative with respect to the log-probability, and whether it was clipped.
    fn token(&self, advantage: f32, logprob: f32, ratio: f32) -> (f32, f32, bool) {
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

/// The ratio of a completion depends on all its log-probabilities equally: each token's slope is the mean of all, beside
/// the slope of its own penalty.
fn spread(slopes: &mut [f32], terms: Terms, kl: KlConfig, logprobs: &[f32], weight: f32) {
    let own: Vec<f32> = logprobs
        .iter()
        .enumerate()
        .map(|(token, &logprob)| {
            terms.ref_logprobs.map_or(0.0, |reference| {
                weight * kl.coef * kl.estimator.slope(logprob, reference[token])
            })
        })
        .collect();
    let policy: f32 = slopes
        .iter()
        .zip(&own)
        .map(|(slope, own)| slope - own)
        .sum();
    let mean = policy / slopes.len().max(1) as f32;
    for (slope, own) in slopes.iter_mut().zip(own) {
        *slope = mean + own;
    }
}
