//! Selecting problems: filters and held-out parts.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Which problems to keep.
///
/// ```
/// use trimtab_tasks::filter::ProblemFilter;
/// use trimtab_tasks::{Level, ProblemSource, ProceduralTask, Split};
///
/// let all = ProblemSource::generated(ProceduralTask::Sorting, Level::EASIEST, Split::Train, 0);
/// let mut problems: Vec<_> = all.iter().take(100).collect();
/// let short = ProblemFilter { question_chars: Some([0, 120]), ..ProblemFilter::default() };
/// problems.retain(|problem| short.keeps(problem));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProblemFilter {
    /// Lowest and highest level. A problem without a level is dropped.
    pub levels: Option<[u32; 2]>,
    /// Subjects to keep, or empty for all. A problem without a subject is dropped.
    pub subjects: Vec<String>,
    /// Minimum and maximum number of characters of the question.
    pub question_chars: Option<[usize; 2]>,
    /// Minimum and maximum number of steps of the worked solution. A problem without one is
    /// dropped.
    pub steps: Option<[usize; 2]>,
}

impl ProblemFilter {
    /// Whether the filter keeps the problem.
    pub fn keeps(&self, problem: &Problem) -> bool {
        let level = self.levels.is_none_or(|[low, high]| {
            problem
                .level()
                .is_some_and(|level| (low..=high).contains(&level))
        });
        let subject = self.subjects.is_empty()
            || problem
                .subject()
                .is_some_and(|subject| self.subjects.iter().any(|kept| kept == subject));
        let length = self
            .question_chars
            .is_none_or(|[low, high]| (low..=high).contains(&problem.question.chars().count()));
        let steps = self.steps.is_none_or(|[low, high]| {
            let count = problem.steps.len();
            count > 0 && (low..=high).contains(&count)
        });
        level && subject && length && steps
    }
}

/// Holds out about `share` of the problems. Returns the other problems and the held-out ones, each
/// in their order.
///
/// The hash of seed and question decides. So duplicates stay on the same side, and adding problems
/// does not move the others.
///
/// # Panics
///
/// If `share` is not between 0 and 1.
pub fn hold_out(problems: Vec<Problem>, share: f64, seed: u64) -> (Vec<Problem>, Vec<Problem>) {
    assert!((0.0..=1.0).contains(&share), "a share lies between 0 and 1");
    problems.into_iter().partition(|problem| {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(problem.question.trim());
        let first: [u8; 4] = hash.finalize()[..4].try_into().expect("four bytes");
        f64::from(u32::from_le_bytes(first)) >= share * 2.0_f64.powi(32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NanoTask, Split};

    fn list(name: &str, count: usize) -> Vec<Problem> {
        let problem = |index| Problem {
            id: format!("{name}/{index}"),
            ..NanoTask::Gsm.problem(Split::Train, 0, index as u64)
        };
        (0..count).map(problem).collect()
    }

    #[test]
    fn filters_keep_what_they_say() {
        let mut problem = list("a", 1).remove(0);
        problem.question = "12345".to_owned();
        let mut tagged = problem.clone();
        tagged.tags = [("level", "3"), ("subject", "Algebra")]
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .into();
        let levels = |low, high| ProblemFilter {
            levels: Some([low, high]),
            ..ProblemFilter::default()
        };
        let subject = |name: &str| ProblemFilter {
            subjects: vec!["Geometry".to_owned(), name.to_owned()],
            ..ProblemFilter::default()
        };
        let chars = |low, high| ProblemFilter {
            question_chars: Some([low, high]),
            ..ProblemFilter::default()
        };
        problem.steps.clear();
        tagged.steps = vec!["1+1=2".to_owned(), "2+1=3".to_owned()];
        let steps = |low, high| ProblemFilter {
            steps: Some([low, high]),
            ..ProblemFilter::default()
        };
        for (filter, plain, with_tags) in [
            (ProblemFilter::default(), true, true),
            (levels(3, 5), false, true),
            (levels(4, 5), false, false),
            (subject("Algebra"), false, true),
            (subject("algebra"), false, false),
            (chars(5, 5), true, true),
            (chars(6, 9), false, false),
            (steps(0, 2), false, true),
            (steps(3, 9), false, false),
        ] {
            assert_eq!(filter.keeps(&problem), plain, "{filter:?}");
            assert_eq!(filter.keeps(&tagged), with_tags, "{filter:?}");
        }
    }

    #[test]
    fn setting_aside_goes_by_content() {
        let problems = list("a", 2000);
        let (kept, aside) = hold_out(problems.clone(), 0.2, 0);
        assert_eq!(kept.len() + aside.len(), 2000);
        assert!((350..450).contains(&aside.len()), "{}", aside.len());
        let (_, reversed) = hold_out(problems.iter().rev().cloned().collect(), 0.2, 0);
        assert!(reversed.iter().rev().eq(&aside));
        let (_, other_seed) = hold_out(problems.clone(), 0.2, 1);
        assert_ne!(other_seed, aside);
        assert_eq!(hold_out(problems.clone(), 0.0, 0).1, []);
        assert_eq!(hold_out(problems, 1.0, 0).0, []);
    }
}
