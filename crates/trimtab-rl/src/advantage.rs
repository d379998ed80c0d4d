//! Advantages: how much better a completion did than expected.

use serde::{Deserialize, Serialize};

/// The baseline that is subtracted from a completion's reward, and the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advantage {
    /// The mean of the other completions of the group: RLOO, arXiv:2402.14740, section 3.3.
    ///
    /// The baseline does not depend on the completion, so the gradient is unbiased.
    LeaveOneOut,
    /// The mean of the group: Dr. GRPO, arXiv:2503.20783, and version 1 of arXiv:2505.18706.
    GroupMean,
    /// The mean of the group, in units of the group's standard deviation: GRPO, arXiv:2402.03300,
    /// section 4.1.2.
    GroupStandardised,
    /// The mean of the step's batch, in units of its standard deviation: REINFORCE++,
    /// arXiv:2501.03262.
    BatchNormalised,
    /// What a [value head](crate::value::ValueHead) predicts for each token, by [generalised
    /// advantage estimation](crate::value::gae): PPO, arXiv:1707.06347.
    Value,
    /// Nothing: the advantage is the reward (REINFORCE).
    None,
}

/// Added to a standard deviation before it divides, as TRL does.
const EPSILON: f64 = 1e-4;

impl Advantage {
    /// The advantage of each completion, from the rewards of each group.
    ///
    /// With `G` rewards `r_i`, their mean `m` and sample standard deviation `s`, each over the
    /// group or the batch:
    ///
    /// - leave-one-out: `r_i - (sum_j r_j - r_i) / (G - 1)`
    /// - group mean: `r_i - m`
    /// - group standardised and batch normalised: `(r_i - m) / (s + 1e-4)`
    /// - value and none: `r_i`; predicted values are subtracted by [`gae`](crate::value::gae)
    ///
    /// Where all rewards that are compared are equal, the advantages are exactly zero. So is that
    /// of a reward that has no other to be compared with.
    ///
    /// ```
    /// use trimtab_rl::advantage::Advantage;
    ///
    /// let rewards = [vec![1.0, -1.0, -1.0]];
    /// assert_eq!(Advantage::LeaveOneOut.compute(&rewards), [[2.0, -1.0, -1.0]]);
    /// ```
    pub fn compute(self, rewards: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let by_group = |advantages: fn(&[f32]) -> Vec<f32>| {
            rewards.iter().map(|group| advantages(group)).collect()
        };
        match self {
            Self::LeaveOneOut => by_group(leave_one_out),
            Self::GroupMean => by_group(|group| standardised(group, 0.0, Some(1.0))),
            Self::GroupStandardised => by_group(|group| standardised(group, EPSILON, None)),
            Self::BatchNormalised => {
                let mut all = standardised(&rewards.concat(), EPSILON, None).into_iter();
                rewards
                    .iter()
                    .map(|group| all.by_ref().take(group.len()).collect())
                    .collect()
            }
            Self::Value | Self::None => rewards.to_vec(),
        }
    }
}

/// Whether the rewards of a group differ at all.
pub(crate) fn has_variance(rewards: &[f32]) -> bool {
    rewards
        .iter()
        .any(|reward| (reward - rewards[0]).abs() > 0.0)
}

fn leave_one_out(rewards: &[f32]) -> Vec<f32> {
    if !has_variance(rewards) {
        return vec![0.0; rewards.len()];
    }
    let others = (rewards.len() - 1) as f32;
    let sum: f32 = rewards.iter().sum();
    rewards
        .iter()
        .map(|reward| reward - (sum - reward) / others)
        .collect()
}

/// `(r - mean) / (scale + epsilon)`; the scale is by default the sample standard deviation.
fn standardised(rewards: &[f32], epsilon: f64, scale: Option<f64>) -> Vec<f32> {
    if !has_variance(rewards) {
        return vec![0.0; rewards.len()];
    }
    let numbers = || rewards.iter().map(|&reward| f64::from(reward));
    let mean = numbers().sum::<f64>() / rewards.len() as f64;
    let variance =
        numbers().map(|reward| (reward - mean).powi(2)).sum::<f64>() / (rewards.len() - 1) as f64;
    let scale = scale.unwrap_or(variance.sqrt()) + epsilon;
    numbers()
        .map(|reward| ((reward - mean) / scale) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_table() {
        let of = |advantage: Advantage, rewards: &[f32]| {
            advantage.compute(&[rewards.to_vec()]).remove(0)
        };
        let loo = Advantage::LeaveOneOut;
        assert_eq!(of(loo, &[1.0, -1.0, -1.0]), [2.0, -1.0, -1.0]);
        assert_eq!(
            of(loo, &[1.0, 1.0, -1.0, -1.0, -1.0]),
            [1.5, 1.5, -1.0, -1.0, -1.0]
        );
        assert_eq!(of(Advantage::GroupMean, &[1.0, 0.0, 2.0]), [0.0, -1.0, 1.0]);
        assert_eq!(of(Advantage::None, &[1.0, 0.0]), [1.0, 0.0]);
        for advantage in [
            loo,
            Advantage::GroupMean,
            Advantage::GroupStandardised,
            Advantage::BatchNormalised,
        ] {
            assert_eq!(of(advantage, &[0.1, 0.1, 0.1]), [0.0; 3], "{advantage:?}");
            assert_eq!(of(advantage, &[0.1]), [0.0], "{advantage:?}");
            assert_eq!(of(advantage, &[]), [0.0; 0], "{advantage:?}");
        }
    }

    #[test]
    fn leave_one_out_is_the_group_mean_scaled() {
        let rewards = [vec![0.5, -1.25, 3.0, 2.0]];
        let [loo, mean] =
            [Advantage::LeaveOneOut, Advantage::GroupMean].map(|kind| kind.compute(&rewards));
        for (loo, mean) in loo[0].iter().zip(&mean[0]) {
            assert!((loo - mean * 4.0 / 3.0).abs() < 1e-6);
        }
    }
}
