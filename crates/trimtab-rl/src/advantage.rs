//! Advantages: how much better a completion did than the others of its group.

/// Leave-one-out advantages of one group: `A_i = r_i - mean(r_j, j != i)`.
///
/// RLOO, arXiv:2402.14740, section 3.3; the baseline does not depend on the completion it is subtracted from, so the
/// gradient stays unbiased. A group of equal rewards has advantages of exactly zero.
///
/// # Panics
///
/// The group has fewer than two completions.
pub fn leave_one_out(rewards: &[f32]) -> Vec<f32> {
    assert!(
        rewards.len() >= 2,
        "a group of {} has nothing to compare",
        rewards.len()
    );
    let others = (rewards.len() - 1) as f32;
    let sum: f32 = rewards.iter().sum();
    let differs = rewards
        .iter()
        .any(|reward| (reward - rewards[0]).abs() > 0.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_computed_table() {
        assert_eq!(leave_one_out(&[1.0, -1.0, -1.0]), [2.0, -1.0, -1.0]);
        assert_eq!(
            leave_one_out(&[1.0, 1.0, -1.0, -1.0, -1.0]),
            [1.5, 1.5, -1.0, -1.0, -1.0]
        );
        assert_eq!(leave_one_out(&[0.1, 0.1, 0.1]), [0.0; 3]);
    }
}
