//! The figures of a model on a task, from its graded completions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_grader::{AnswerSource, Rules, check};

use super::item::Sample;
use crate::stats::{mean, mean95, pass_at_k};

/// The figures of a model on a task.
///
/// Every problem has the same weight. The intervals are over problems; see [`mean95`].
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Outcome {
    /// avg@k: share of completions with the right answer.
    pub accuracy: f64,
    /// 95 % interval of the accuracy.
    pub ci95: [f64; 2],
    /// pass@k for k = `samples`: share of problems with a right answer among their completions.
    pub pass_at_k: f64,
    /// 95 % interval of `pass_at_k`.
    pub pass_at_k_ci95: [f64; 2],
    /// maj@k for k = `samples`: share of problems whose most frequent answer is right; see
    /// [`majority`].
    pub maj_at_k: f64,
    /// 95 % interval of `maj_at_k`.
    pub maj_at_k_ci95: [f64; 2],
    /// pass@1, pass@2, … pass@`samples`, each estimated from all completions; see [`pass_at_k`].
    pub pass_curve: Vec<f64>,
    /// Share of completions with a closed box.
    pub format_rate: f64,
    /// Accuracy of the completions with a closed box, or `None` if there are none.
    pub accuracy_given_format: Option<f64>,
    /// Share of completions with an undecided verdict, which counts as wrong.
    pub undecided_rate: f64,
    /// Share of completions that announce no answer, so that the last formula or number counted.
    pub fallback_rate: f64,
    /// Share of completions that were truncated at the token limit.
    pub truncation_rate: f64,
    /// Mean length of a completion in tokens.
    pub mean_length: f64,
    /// Number of problems.
    pub problems: usize,
    /// Number of completions per problem.
    pub samples: usize,
}

impl Outcome {
    /// Summarises the completions of each problem. `None` if there are none, or if the problems
    /// have different numbers of completions.
    pub fn of<S: AsRef<[Sample]>>(problems: &[S]) -> Option<Self> {
        let samples = problems.first()?.as_ref().len();
        if samples == 0
            || problems
                .iter()
                .any(|completions| completions.as_ref().len() != samples)
        {
            return None;
        }
        let all = || problems.iter().flat_map(AsRef::as_ref);
        let total = (problems.len() * samples) as f64;
        let count = |wanted: fn(&Sample) -> bool| all().filter(|one| wanted(one)).count() as f64;
        let boxed = count(|one| one.boxed);
        let correct: Vec<usize> = problems
            .iter()
            .map(|completions| count_correct(completions.as_ref()))
            .collect();
        let pass = |k| -> Vec<f64> {
            correct
                .iter()
                .map(|&correct| pass_at_k(samples, correct, k))
                .collect()
        };
        let accuracies: Vec<f64> = correct
            .iter()
            .map(|&correct| correct as f64 / samples as f64)
            .collect();
        let majorities: Vec<f64> = problems
            .iter()
            .map(|completions| majority(completions.as_ref()))
            .collect();
        let boxed_and_correct = count(|one| one.boxed && one.is_correct());
        Some(Self {
            accuracy: count(Sample::is_correct) / total,
            ci95: mean95(&accuracies)?,
            pass_at_k: mean(&pass(samples))?,
            pass_at_k_ci95: mean95(&pass(samples))?,
            maj_at_k: mean(&majorities)?,
            maj_at_k_ci95: mean95(&majorities)?,
            pass_curve: (1..=samples)
                .map(|k| mean(&pass(k)))
                .collect::<Option<_>>()?,
            format_rate: boxed / total,
            accuracy_given_format: (boxed > 0.0).then(|| boxed_and_correct / boxed),
            undecided_rate: count(|one| one.verdict == "undecided") / total,
            fallback_rate: count(|one| one.source.is_some_and(AnswerSource::is_fallback)) / total,
            truncation_rate: count(|one| one.truncated) / total,
            mean_length: all().map(|one| one.length as f64).sum::<f64>() / total,
            problems: problems.len(),
            samples,
        })
    }

    /// The outcome for each value of each tag. A problem without a tag does not count there.
    pub fn by_tag(problems: &[Vec<Sample>]) -> Breakdown<Self> {
        breakdown(problems, |indices| {
            let part: Vec<&[Sample]> = indices.iter().map(|&index| &problems[index][..]).collect();
            Self::of(&part)
        })
    }
}

/// A result for each value of each tag. Tags that name single problems, such as a source, are left
/// out.
pub type Breakdown<T> = BTreeMap<String, BTreeMap<String, T>>;

/// Calls `summarise` with the indices of the problems that have each value of each tag.
pub(crate) fn breakdown<T>(
    problems: &[Vec<Sample>],
    summarise: impl Fn(&[usize]) -> Option<T>,
) -> Breakdown<T> {
    let mut indices: Breakdown<Vec<usize>> = BTreeMap::new();
    for (index, completions) in problems.iter().enumerate() {
        for (tag, value) in completions.first().iter().flat_map(|one| &one.tags) {
            let values = indices.entry(tag.clone()).or_default();
            values.entry(value.clone()).or_default().push(index);
        }
    }
    let of_values = |values: BTreeMap<String, Vec<usize>>| {
        let each = values.into_iter();
        each.filter_map(|(value, indices)| Some((value, summarise(&indices)?)))
            .collect()
    };
    indices
        .into_iter()
        .filter(|(_, values)| !names_problems(values.len(), problems.len()))
        .map(|(tag, values)| (tag, of_values(values)))
        .collect()
}

/// Whether a tag names problems and says nothing about groups of them: it has many values, and
/// hardly two problems share one.
fn names_problems(values: usize, problems: usize) -> bool {
    values > 20 && values > problems / 2
}

/// Number of right completions.
pub(crate) fn count_correct(completions: &[Sample]) -> usize {
    completions.iter().filter(|one| one.is_correct()).count()
}

/// maj@k of one problem with k completions: whether the most frequent answer is right.
///
/// Two answers are the same if their texts are equal or [`check`] accepts one for the other.
/// Completions without an answer do not vote. If several answers are tied, the value is the share
/// of right ones among them, so the order of completions does not matter. Majority voting over
/// sampled answers is called self-consistency (arXiv:2203.11171).
pub fn majority(completions: &[Sample]) -> f64 {
    struct Answer<'a> {
        text: &'a str,
        votes: usize,
        right: usize,
    }
    let mut votes: Vec<(&str, bool)> = completions
        .iter()
        .filter_map(|one| Some((one.extracted.as_deref()?, one.is_correct())))
        .collect();
    votes.sort_unstable(); // by text, so that the order of the completions does not matter
    let mut answers: Vec<Answer> = vec![];
    for (text, right) in votes {
        let same_text = answers.iter().position(|answer| answer.text == text);
        let known = same_text.or_else(|| {
            answers
                .iter()
                .position(|answer| check(answer.text, text, &Rules::DEFAULT).is_correct())
        });
        let index = known.unwrap_or_else(|| {
            answers.push(Answer {
                text,
                votes: 0,
                right: 0,
            });
            answers.len() - 1
        });
        answers[index].votes += 1;
        answers[index].right += usize::from(right);
    }
    let most = answers.iter().map(|answer| answer.votes).max();
    let tied: Vec<f64> = answers
        .iter()
        .filter(|answer| Some(answer.votes) == most)
        .map(|answer| answer.right as f64 / answer.votes as f64)
        .collect();
    mean(&tied).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::evaluation::{Item, Tags};
    use crate::stats::{Z95, bootstrap95, wilson_interval};
    use trimtab_grader::Verifier;

    /// The completions of a problem with the answer 4. An empty one was truncated.
    fn problem<const N: usize>(texts: [&str; N]) -> Vec<Sample> {
        let item = Item {
            id: "two and two".to_owned(),
            prompt: "2+2=".to_owned(),
            gold: "4".to_owned(),
            chat: false,
            verifier: Verifier::Equal,
            tags: Tags::new(),
        };
        (0..)
            .zip(texts)
            .map(|(sample, text)| {
                Sample::graded(
                    &item,
                    sample,
                    text.to_owned(),
                    text.len(),
                    text.is_empty(),
                    &Rules::DEFAULT,
                )
            })
            .collect()
    }

    #[test]
    fn one_completion_of_each_problem() {
        let problems =
            [r"\boxed{4}", r"so \boxed{5}", "", r"\boxed{ 4 }"].map(|text| problem([text]));
        let outcome = Outcome::of(&problems).expect("four completions");
        let wilson = wilson_interval(2, 4, Z95).expect("four trials");
        assert_eq!(
            [outcome.ci95, outcome.pass_at_k_ci95, outcome.maj_at_k_ci95],
            [wilson; 3]
        );
        assert_eq!(
            [outcome.accuracy, outcome.pass_at_k, outcome.maj_at_k],
            [0.5; 3]
        );
        assert_eq!(
            [
                outcome.format_rate,
                outcome.truncation_rate,
                outcome.mean_length
            ],
            [0.75, 0.25, 8.0]
        );
        assert_eq!(outcome.accuracy_given_format, Some(2.0 / 3.0));
    }

    #[test]
    fn several_completions_of_each_problem() {
        let problems = [
            problem([r"\boxed{4}", r"\boxed{7}", r"\boxed{4}"]),
            problem([r"\boxed{4}", r"\boxed{7}", r"\boxed{7}"]),
            problem(["nothing", r"\boxed{4}", r"\boxed{7}"]),
            problem(["", "", ""]),
        ];
        let outcome = Outcome::of(&problems).expect("twelve completions");
        assert!((outcome.accuracy - 4.0 / 12.0).abs() < 1e-12);
        // Right, wrong, a tie of a right and a wrong answer, no answer.
        assert_eq!([outcome.pass_at_k, outcome.maj_at_k], [0.75, 1.5 / 4.0]);
        // Two of three are right: any pair has one. One of three is right: two in three pairs do.
        for (pass, expected) in outcome.pass_curve.iter().zip([1.0 / 3.0, 7.0 / 12.0, 0.75]) {
            assert!((pass - expected).abs() < 1e-12, "{:?}", outcome.pass_curve);
        }
        let accuracies = [2.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0];
        assert_eq!(Some(outcome.ci95), bootstrap95(&accuracies));
        assert_eq!(Some(outcome.pass_at_k_ci95), wilson_interval(3, 4, Z95));
    }

    #[test]
    fn equal_answers_vote_together_whatever_their_form() {
        let forms = [
            r"\boxed{4}",
            r"\boxed{4.0}",
            r"\boxed{7}",
            r"\boxed{8/2}",
            r"\boxed{7}",
        ];
        assert_eq!(majority(&problem(forms)), 1.0);
        assert_eq!(
            majority(&problem([r"\boxed{7}", r"\boxed{4}", r"\boxed{14/2}"])),
            0.0
        );
        // Three answers are tied, one of them right.
        assert_eq!(
            majority(&problem([r"\boxed{7}", r"\boxed{4}", r"\boxed{5}", "none"])),
            1.0 / 3.0
        );
        assert_eq!(majority(&[]), 0.0);
        // 50 % equals both 50 and 0.5. Either group is fine, if the order does not decide.
        let mut unclear = problem([
            r"\boxed{50\%}",
            r"\boxed{50}",
            r"\boxed{4}",
            r"\boxed{4}",
            r"\boxed{0.5}",
        ]);
        let value = majority(&unclear);
        unclear.rotate_left(1);
        assert_eq!(majority(&unclear), value);
    }

    #[test]
    fn nothing_has_no_outcome() {
        assert_eq!(Outcome::of::<Vec<Sample>>(&[]), None);
        assert_eq!(Outcome::of(&[vec![]]), None);
        assert_eq!(Outcome::of(&[problem([""]).as_slice(), &[]]), None);
        let unformatted = Outcome::of(&[problem(["?"])]).expect("one completion");
        assert_eq!(
            (unformatted.format_rate, unformatted.accuracy_given_format),
            (0.0, None)
        );
    }

    #[test]
    fn a_breakdown_is_the_outcome_of_its_part() {
        let tagged = |texts, tags: &[(&str, &str)]| {
            let mut completions: Vec<Sample> = problem(texts);
            let own = |&(tag, value): &(&str, &str)| (tag.to_owned(), value.to_owned());
            for one in &mut completions {
                one.tags = tags.iter().map(own).collect();
            }
            completions
        };
        let problems = [
            tagged([r"\boxed{4}", ""], &[("level", "1"), ("subject", "sums")]),
            tagged([r"\boxed{5}", "?"], &[("level", "2"), ("subject", "sums")]),
            tagged([r"\boxed{4}", r"\boxed{4}"], &[("level", "1")]),
        ];
        let by_tag = Outcome::by_tag(&problems);
        assert_eq!(by_tag.keys().collect::<Vec<_>>(), ["level", "subject"]);
        let part = |indices: &[usize]| {
            let part: Vec<Vec<Sample>> = indices.iter().map(|&i| problems[i].clone()).collect();
            Outcome::of(&part).expect("a part of them")
        };
        assert_eq!(by_tag["level"]["1"], part(&[0, 2]));
        assert_eq!(by_tag["level"]["2"], part(&[1]));
        assert_eq!(by_tag["subject"]["sums"], part(&[0, 1]));
    }

    #[test]
    fn a_tag_that_names_problems_is_no_group_of_them() {
        let tagged = |number: usize| {
            let mut completions: Vec<Sample> = problem([r"\boxed{4}"]);
            let tags = [
                ("source", number.to_string()),
                ("level", (number % 30).to_string()),
            ];
            completions[0].tags = tags.map(|(tag, value)| (tag.to_owned(), value)).into();
            completions
        };
        let problems: Vec<Vec<Sample>> = (0..100).map(tagged).collect();
        let by_tag = Outcome::by_tag(&problems);
        assert_eq!(by_tag.keys().collect::<Vec<_>>(), ["level"]);
        assert_eq!(by_tag["level"].len(), 30);
        // Twenty problems fit on a screen, whatever their tags are.
        assert_eq!(Outcome::by_tag(&problems[..20]).len(), 2);
    }

    proptest! {
        #[test]
        fn the_order_of_completions_and_problems_does_not_matter(
            texts in prop::collection::vec(prop::collection::vec(0..7_usize, 5), 1..5),
            shuffled in Just((0..5).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            const TEXTS: [&str; 7] = [
                r"\boxed{4}", r"\boxed{4.0}", r"\boxed{7}", r"\boxed{x+1}", r"\boxed{14/2}", "none",
                r"\boxed{50\%}",
            ];
            let of = |choice: &Vec<usize>| problem([0, 1, 2, 3, 4].map(|i| TEXTS[choice[i]]));
            let problems: Vec<Vec<Sample>> = texts.iter().map(of).collect();
            let reorder = |completions: &Vec<Sample>| -> Vec<Sample> {
                shuffled.iter().map(|&i| completions[i].clone()).collect()
            };
            let reordered: Vec<Vec<Sample>> = problems.iter().rev().map(reorder).collect();
            let one = Outcome::of(&problems).expect("some");
            let other = Outcome::of(&reordered).expect("some");
            let figures = |of: &Outcome| [of.accuracy, of.pass_at_k, of.maj_at_k];
            for (one, other) in figures(&one).into_iter().zip(figures(&other)) {
                prop_assert!((one - other).abs() < 1e-12);
            }
            prop_assert!(one.maj_at_k <= one.pass_at_k + 1e-12);
            prop_assert!(one.accuracy <= one.pass_at_k + 1e-12);
            // With one completion each, all three are the share of right completions.
            let firsts: Vec<&[Sample]> = problems.iter().map(|all| &all[..1]).collect();
            let single = Outcome::of(&firsts).expect("some");
            prop_assert_eq!([single.pass_at_k, single.maj_at_k], [single.accuracy; 2]);
            prop_assert!((one.pass_curve[0] - one.accuracy).abs() < 1e-12);
        }
    }
}
