//! Measuring a model, with or without vectors, on held-out problems.

use trimtab_model::{FinishReason, Hook, Pretrained, Sampling};
use trimtab_tasks::{Family, Outcome, Scored, Split};

use crate::rollout::{Group, Rollout, RolloutError, rollouts};

/// How a model is measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The task.
    pub task: Family,
    /// Number of held-out problems.
    pub problems: u64,
    /// Completions of each.
    pub samples: usize,
    /// Sampling temperature; 0 is greedy.
    pub temperature: f32,
    /// Longest completion in tokens.
    pub max_new_tokens: usize,
    /// Seed of problems and sampling.
    pub seed: u64,
}

/// Completions between two reports of progress.
const COMPLETIONS_AT_ONCE: usize = 512;

impl Evaluation {
    /// Samples and grades; the groups are those of the problems in order. `progress` hears the number of problems done.
    ///
    /// # Errors
    ///
    /// See [`RolloutError`].
    ///
    /// # Panics
    ///
    /// `problems` or `samples` is zero.
    pub fn run(
        &self,
        base: &Pretrained,
        hook: Option<Hook>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(Outcome, Vec<Group>), RolloutError> {
        let sampling = Sampling {
            temperature: self.temperature,
            max_new_tokens: self.max_new_tokens,
            stop_tokens: base.model.config.eos_token_id.clone(),
            seed: self.seed,
            step: 0, // training steps count from 1
            ..Sampling::default()
        };
        let problems_at_once = (COMPLETIONS_AT_ONCE / self.samples).max(1);
        let mut groups: Vec<Group> = vec![];
        for first in (0..self.problems).step_by(problems_at_once) {
            let last = self.problems.min(first + problems_at_once as u64);
            let problems = (first..last)
                .map(|index| self.task.problem(Split::HeldOut, self.seed, index))
                .collect();
            groups.extend(rollouts(
                base,
                problems,
                first,
                self.samples,
                &sampling,
                hook,
            )?);
            progress(last);
        }
        let scored = |rollout: &Rollout| Scored {
            grade: rollout.grade.clone(),
            length: rollout.completion.tokens.len(),
            truncated: rollout.completion.finish_reason == FinishReason::Length,
        };
        let scored: Vec<Vec<Scored>> = groups
            .iter()
            .map(|group| group.rollouts.iter().map(scored).collect())
            .collect();
        Ok((
            Outcome::of(&scored).expect("at least one problem and one sample"),
            groups,
        ))
    }
}
