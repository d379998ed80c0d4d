//! The built-in rewards.

use std::collections::HashSet;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};
use trimtab_grader::{Rules, check};
use trimtab_model::FinishReason;

use crate::rollout::{Group, Rollout};

/// A reward that comes with the library.
///
/// `L` is the length of a completion in tokens, and `M` is `max_new_tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuiltIn {
    /// 1 for the right answer in the last closed box, else -1.
    Correctness,
    /// 1 for a closed box with any content, else 0. Alone it is the format-only control.
    BoxFormat,
    /// 1 for `<think>…</think>`, then `<answer>…</answer>`, then nothing, else 0.
    ///
    /// The first tag may be in the prompt.
    ThinkAnswer,
    /// `1 - L / M`.
    LengthLinear,
    /// From 1 down to 0.5 for right answers, along half a cosine of `L / M`. Others: from -1 up to
    /// -0.5.
    ///
    /// Short right answers are best, short wrong ones are worst (arXiv:2502.03373).
    LengthCosine,
    /// `-|L - S| / M`, where `S` is the length of the group's shortest right completion.
    ///
    /// Where none is right, `S` is the mean length (arXiv:2504.21370).
    ShorterBetter,
    /// Minus the share of repeated word trigrams (arXiv:2502.03373).
    Repetition,
    /// 0 up to `4 M / 5`, then falling to -1 at `M` (DAPO, arXiv:2503.14476, eq. 13).
    SoftOverlong,
    /// 1 for the most frequent answer of the group, else -1 (arXiv:2504.16084).
    ///
    /// It needs no gold answer. It does not apply where no completion has an answer.
    MajorityVote,
    /// A control: 1 or -1 by a fair draw (arXiv:2506.10947).
    Random,
    /// A control: 1.
    Constant,
}

impl BuiltIn {
    /// All built-in rewards.
    pub const ALL: [Self; 11] = [
        Self::Correctness,
        Self::BoxFormat,
        Self::ThinkAnswer,
        Self::LengthLinear,
        Self::LengthCosine,
        Self::ShorterBetter,
        Self::Repetition,
        Self::SoftOverlong,
        Self::MajorityVote,
        Self::Random,
        Self::Constant,
    ];

    /// The name in recipes and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correctness => "correctness",
            Self::BoxFormat => "box-format",
            Self::ThinkAnswer => "think-answer",
            Self::LengthLinear => "length-linear",
            Self::LengthCosine => "length-cosine",
            Self::ShorterBetter => "shorter-better",
            Self::Repetition => "repetition",
            Self::SoftOverlong => "soft-overlong",
            Self::MajorityVote => "majority-vote",
            Self::Random => "random",
            Self::Constant => "constant",
        }
    }

    /// The reward of each rollout of a group.
    pub(crate) fn rewards(
        self,
        group: &Group,
        max_new_tokens: usize,
        seed: u64,
    ) -> Vec<Option<f32>> {
        let max = max_new_tokens as f32;
        let each = |reward: &dyn Fn(&Rollout) -> f32| {
            group.rollouts.iter().map(|one| Some(reward(one))).collect()
        };
        match self {
            Self::Correctness => each(&|one| sign(one.grade.verdict.is_correct())),
            Self::BoxFormat => each(&|one| share(one.grade.extracted.is_some())),
            Self::ThinkAnswer => each(&|one| share(thinks_then_answers(&one.text))),
            Self::LengthLinear => each(&|one| 1.0 - length(one) / max),
            Self::LengthCosine => each(&|one| {
                let swing = 0.5 * (1.0 + (std::f32::consts::PI * length(one) / max).cos());
                sign(one.grade.verdict.is_correct()) * (0.5 + 0.5 * swing)
            }),
            Self::ShorterBetter => {
                let wanted = wanted_length(group);
                each(&|one| -(length(one) - wanted).abs() / max)
            }
            Self::Repetition => each(&|one| -repeated_trigrams(&one.text)),
            Self::SoftOverlong => {
                let margin = (max / 5.0).max(1.0);
                each(&|one| match one.completion.finish_reason {
                    FinishReason::Length => -1.0,
                    _ => ((max - margin - length(one)) / margin).clamp(-1.0, 0.0),
                })
            }
            Self::MajorityVote => majority_votes(group),
            Self::Random => (0..group.rollouts.len() as u64)
                .map(|sample| Some(sign(coin(seed, group, sample))))
                .collect(),
            Self::Constant => each(&|_| 1.0),
        }
    }
}

fn sign(good: bool) -> f32 {
    if good { 1.0 } else { -1.0 }
}

fn share(good: bool) -> f32 {
    if good { 1.0 } else { 0.0 }
}

fn length(rollout: &Rollout) -> f32 {
    rollout.completion.tokens.len() as f32
}

fn thinks_then_answers(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix("<think>").unwrap_or(text);
    let tags = ["<think>", "</think>", "<answer>", "</answer>"];
    let counts = tags.map(|tag| text.matches(tag).count());
    counts == [0, 1, 1, 1]
        && text.ends_with("</answer>")
        && text.find("</think>") < text.find("<answer>")
}

fn wanted_length(group: &Group) -> f32 {
    let right = group
        .rollouts
        .iter()
        .filter(|one| one.grade.verdict.is_correct());
    right.map(length).reduce(f32::min).unwrap_or_else(|| {
        group.rollouts.iter().map(length).sum::<f32>() / group.rollouts.len() as f32
    })
}

fn repeated_trigrams(text: &str) -> f32 {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    let trigrams = words.windows(3);
    let count = trigrams.len();
    let different = trigrams.collect::<HashSet<_>>().len();
    if count == 0 {
        return 0.0;
    }
    1.0 - different as f32 / count as f32
}

/// Two answers are the same if their texts are equal or the checker accepts one for the other.
/// In a tie, the answer that came first wins.
fn majority_votes(group: &Group) -> Vec<Option<f32>> {
    let mut answers: Vec<(&str, usize)> = vec![];
    let mut choices = vec![];
    for rollout in &group.rollouts {
        let choice = rollout.grade.extracted.as_deref().map(|text| {
            let same = answers.iter().position(|(answer, _)| *answer == text);
            let same = same.or_else(|| {
                answers
                    .iter()
                    .position(|(answer, _)| check(answer, text, &Rules::DEFAULT).is_correct())
            });
            let choice = same.unwrap_or_else(|| {
                answers.push((text, 0));
                answers.len() - 1
            });
            answers[choice].1 += 1;
            choice
        });
        choices.push(choice);
    }
    let most = answers.iter().map(|(_, votes)| *votes).max();
    let winner = answers.iter().position(|(_, votes)| Some(*votes) == most);
    choices
        .into_iter()
        .map(|choice| winner.map(|_| sign(choice == winner)))
        .collect()
}

fn coin(seed: u64, group: &Group, sample: u64) -> bool {
    let mut key = [0; 32];
    let words = [seed, group.step, group.index, sample];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(1); // stream 0 draws the tokens
    rng.next_u32() & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::tests::group;

    fn of(built_in: BuiltIn, texts: &[&str]) -> Vec<f32> {
        let values = built_in.rewards(&group(texts, "4"), 10, 0);
        values
            .into_iter()
            .map(|value| value.expect("it applies"))
            .collect()
    }

    #[test]
    fn names_are_those_of_recipes() {
        for built_in in BuiltIn::ALL {
            let json = serde_json::to_string(&built_in).expect("a name");
            assert_eq!(json, format!("\"{}\"", built_in.name()));
        }
    }

    /// The rollouts of a test group have one token per word.
    #[test]
    fn a_hand_computed_table() {
        let right = r"a b \boxed{4}";
        let wrong = r"a b c d \boxed{5}";
        assert_eq!(
            of(BuiltIn::Correctness, &[right, wrong, "4"]),
            [1.0, -1.0, -1.0]
        );
        assert_eq!(
            of(BuiltIn::BoxFormat, &[right, wrong, "4"]),
            [1.0, 1.0, 0.0]
        );
        assert_eq!(of(BuiltIn::LengthLinear, &[right, wrong]), [0.7, 0.5]);
        // cos(pi / 2) = 0 at five tokens of ten
        let cosine = of(BuiltIn::LengthCosine, &[wrong, r"a b c d \boxed{4}"]);
        assert!((cosine[0] + 0.75).abs() < 1e-6 && (cosine[1] - 0.75).abs() < 1e-6);
        assert_eq!(of(BuiltIn::ShorterBetter, &[right, wrong]), [0.0, -0.2]);
        assert_eq!(of(BuiltIn::ShorterBetter, &["a", "a b c"]), [-0.1, -0.1]);
        // four trigrams, two of them different
        assert_eq!(
            of(BuiltIn::Repetition, &["x y x y x y", "x y"]),
            [-0.5, 0.0]
        );
        let overlong = of(
            BuiltIn::SoftOverlong,
            &[
                "1 2 3 4 5 6 7 8",
                "1 2 3 4 5 6 7 8 9",
                "1 2 3 4 5 6 7 8 9 10",
            ],
        );
        assert_eq!(overlong, [0.0, -0.5, -1.0]);
        let tags = [
            "<think>a</think> <answer>b</answer>",
            "a</think><answer>b</answer> ",
            "<think>a</think> <answer>b</answer> and more",
            "<answer>b</answer><think>a</think>",
            "<think><think>a</think> <answer>b</answer>",
        ];
        assert_eq!(of(BuiltIn::ThinkAnswer, &tags), [1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(of(BuiltIn::Constant, &["a"]), [1.0]);
    }

    #[test]
    fn the_majority_needs_no_gold_answer() {
        let texts = [r"\boxed{1/2}", "none", r"\boxed{7}", r"\boxed{0.5}"];
        assert_eq!(of(BuiltIn::MajorityVote, &texts), [1.0, -1.0, -1.0, 1.0]);
        let none = BuiltIn::MajorityVote.rewards(&group(&["a", "b"], "4"), 10, 0);
        assert_eq!(none, [None, None]);
    }

    #[test]
    fn coins_are_fair_and_have_an_address() {
        let texts = ["a"; 1000];
        let heads = of(BuiltIn::Random, &texts)
            .iter()
            .filter(|&&x| x > 0.0)
            .count();
        assert!((440..560).contains(&heads), "{heads}");
        assert_eq!(
            of(BuiltIn::Random, &texts[..5]),
            of(BuiltIn::Random, &texts)[..5]
        );
    }
}
