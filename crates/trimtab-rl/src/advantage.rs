//! Advantages: how much better a completion did than was to be expected.

use serde::{Deserialize, Serialize};

/// What a completion's reward is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Advantage {
    /// The mean of the others of its group: RLOO, arXiv:2402.14740, section 3.3. The baseline does not depend on the
    /// completion it is subtracted from, so the gradient is unbiased.
    LeaveOneOut,
    /// The mean of its group, undivided: Dr. GRPO, arXiv:2503.20783, and version 1 of arXiv:2505.18706.
    GroupMean,
    /// The mean of its group, in units of the group's standard deviation: GRPO, arXiv:2402.03300, section 4.1.2.
    GroupStandardised,
    /// The mean of the step's whole batch, in units of its standard deviation: REINFORCE++, arXiv:2501.03262.
    BatchNormalised,
    /// A learned value of each token, by generalised advantage estimation: PPO, arXiv:1707.06347; see
    /// [`gae`](crate::gae).
    Value,
    /// Nothing: the advantage is the reward (REINFORCE).
    None,
}

/// Added to a standard deviation before it divides, as TRL does.
const EPSILON: f64 = 1e-4;

impl Advantage {
    /// The advantage of each completion from the rewards of each group.
    ///
    /// With `m` and `s` the mean and the sample standard deviation of the group (or of the batch) and `G` its size:
    ///
    /// - leave-one-out: `r_i - (sum_j r_j - r_i) / (G - 1)`
    /// - group mean: `r_i - m`
    /// - group standardised and batch normalised: `(r_i - m) / (s + 1e-4)`
    /// - value and none: `r_i`; a learned value is subtracted token by token elsewhere
    ///
    /// Where all rewards that are compared are equal, the advantages are exactly zero.
    ///
    /// ```
    /// use trimtab_rl::Advantage;
    ///
    /// let rewards = [vec![1.0, -1.0, -1.0]];
    /// assert_eq!(Advantage::LeaveOneOut.of(&rewards), [[2.0, -1.0, -1.0]]);
    /// ```
    ///
    /// # Panics
    ///
    /// A group that is compared within itself has fewer than two completions.
    pub fn of(self, rewards: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let by_group = |of: fn(&[f32]) -> Vec<f32>| rewards.iter().map(|group| of(group)).collect();
        match self {
            Self::LeaveOneOut => by_group(leave_one_out),
            Self::GroupMean => by_group(|group| centred(group, 0.0, Some(1.0))),
            Self::GroupStandardised => by_group(|group| centred(group, EPSILON, None)),
            Self::BatchNormalised => {
                let mut all = centred(&rewards.concat(), EPSILON, None).into_iter();
                rewards
                    .iter()
                    .map(|group| all.by_ref().take(group.len()).collect())
                    .collect()
            }
            Self::Value | Self::None => rewards.to_vec(),
        }
    }
}

/// Whether completions of a group have different rewards; a group without teaches nothing.
pub(crate) fn differs(rewards: &[f32]) -> bool {
    rewards
        .iter()
        .any(|reward| (reward - rewards[0]).abs() > 0.0)
}

fn leave_one_out(rewards: &[f32]) -> Vec<f32> {
    compared(rewards);
    let others = (rewards.len() - 1) as f32;
    let sum: f32 = rewards.iter().sum();
    let differs = differs(rewards);
    rewards
        .iter()
        .map(|reward| {
            if differs {
                reward - (sum - reward) / others
            } else {
                0.0
            }
        })
        .collect()
}

/// Less the mean, over `scale` or the sample standard deviation, plus `epsilon`.
fn centred(rewards: &[f32], epsilon: f64, scale: Option<f64>) -> Vec<f32> {
    compared(rewards);
    if !differs(rewards) {
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

fn compared(rewards: &[f32]) {
    assert!(
        rewards.len() >= 2,
        "a group of {} has nothing to compare",
        rewards.len()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_table() {
        let of =
            |advantage: Advantage, rewards: &[f32]| advantage.of(&[rewards.to_vec()]).remove(0);
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
        }
    }

    #[test]
    fn leave_one_out_is_the_group_mean_scaled() {
        let rewards = [vec![0.5, -1.25, 3.0, 2.0]];
        let [loo, mean] =
            [Advantage::LeaveOneOut, Advantage::GroupMean].map(|kind| kind.of(&rewards));
        for (loo, mean) in loo[0].iter().zip(&mean[0]) {
            assert!((loo - mean * 4.0 / 3.0).abs() < 1e-6);
        }
    }
}
