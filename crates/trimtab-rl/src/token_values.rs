//! Numbers by token: advantages, rewards and log-probabilities of a group's completions.

use crate::rollout::Group;

/// One number per token of a group's completions, completion after completion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenValues {
    values: Vec<f32>,
    /// Number of tokens of each completion.
    lens: Vec<usize>,
}

impl TokenValues {
    /// Takes one number per token of `group`, completion after completion.
    ///
    /// # Panics
    ///
    /// The group has more or fewer tokens than there are numbers.
    pub(crate) fn new(group: &Group, values: Vec<f32>) -> Self {
        let rollouts = group.rollouts.iter();
        let lens: Vec<usize> = rollouts.map(|one| one.completion.tokens.len()).collect();
        assert_eq!(
            lens.iter().sum::<usize>(),
            values.len(),
            "one number per token"
        );
        Self { values, lens }
    }

    /// Concatenates the numbers of each completion of `group`.
    pub(crate) fn concat(group: &Group, completions: impl IntoIterator<Item = Vec<f32>>) -> Self {
        Self::new(group, completions.into_iter().flatten().collect())
    }

    /// The log-probabilities of the sampler.
    pub(crate) fn sampled_logprobs(group: &Group) -> Self {
        let rollouts = group.rollouts.iter();
        Self::concat(group, rollouts.map(|one| one.completion.logprobs.clone()))
    }

    /// All numbers, completion after completion.
    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// The numbers of each completion.
    pub(crate) fn completions(&self) -> impl Iterator<Item = &[f32]> {
        let mut rest = &self.values[..];
        self.lens.iter().map(move |&len| {
            let (completion, others) = rest.split_at(len);
            rest = others;
            completion
        })
    }

    /// The first completion with a number that is not finite.
    pub(crate) fn first_non_finite(&self) -> Option<usize> {
        self.completions()
            .position(|values| values.iter().any(|value| !value.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::tests::group;

    #[test]
    fn numbers_are_cut_by_completion() {
        let group = group(&["a b", "", "c"], "4");
        let values = TokenValues::new(&group, vec![1.0, 2.0, f32::NAN]);
        let lens: Vec<usize> = values.completions().map(<[f32]>::len).collect();
        assert_eq!(lens, [2, 0, 1]);
        assert_eq!(values.completions().next(), Some(&[1.0, 2.0][..]));
        assert_eq!(values.first_non_finite(), Some(2));
        assert_eq!(
            TokenValues::sampled_logprobs(&group).as_slice(),
            [-1.0, -1.0, -1.0]
        );
    }
}
