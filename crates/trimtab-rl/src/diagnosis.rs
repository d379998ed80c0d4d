//! What the figures of a run say is wrong, why, and what to set.
//!
//! [`warnings`] is a pure function of a [`History`]: what was measured so far. The first step shows
//! whether the recipe fits the model and the problems, before an hour is lost. Later steps are
//! compared with the first ones.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trimtab_tasks::Template;

use crate::metrics::{Skipped, StepMetrics};
use crate::recipe::Recipe;
use crate::reward::BuiltIn;
use crate::validation::Validation;

/// What a diagnosis is made from.
#[derive(Clone, Copy, Debug)]
pub struct History<'a> {
    /// Settings of the run.
    pub recipe: &'a Recipe,
    /// Whether the base comes with a chat template.
    pub has_chat_template: bool,
    /// The figures of the steps so far, in order.
    pub metrics: &'a [StepMetrics],
    /// The evaluations so far, in order.
    pub validations: &'a [Validation],
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Symptom {
    /// More than a fifth of the completions is cut.
    Truncation,
    /// Few of the completions of the first step that end have the form that counts.
    RareFormat,
    /// Most groups of the first step have no signal.
    FewSignals,
    /// No group had a signal for three steps.
    NoSignal,
    /// More completions have the form, and fewer of these are right.
    HollowFormat,
    /// Another part of the reward rises while fewer completions are right.
    RewardHacking,
    /// Completions are half as long as at the start, and no more of them are right.
    LengthCollapse,
    /// Validation is worse than for the base.
    WorseThanBase,
    /// The mean reward of ten steps is that of the ten before.
    RewardFlat,
    /// The entropy is a tenth of what it was, and no more completions are right.
    EntropyCollapse,
    /// The last step made no update, because of a value that was not finite.
    NonFinite,
}

/// A symptom, with its cause and what to set.
///
/// A line of `warnings.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Warning {
    /// The step after which it was said.
    pub step: u64,
    /// What goes wrong.
    pub symptom: Symptom,
    /// What is seen, why, and what to set.
    pub advice: String,
}

/// Fewest steps at the start and at the end that are compared with each other.
const WINDOW: usize = 5;
/// Steps in a row after which a problem is reported.
const STREAK: usize = 3;
/// Steps that are compared with as many before them, for a reward that does not move.
const FLAT_WINDOW: usize = 10;
/// Steps without a symptom after which it counts as gone.
const GONE_AFTER: u64 = 5;
/// Share of completions above which cutting is a problem.
const MAX_CUT: f64 = 0.2;
/// Share of completions below which a form is rare.
const RARE_FORMAT: f64 = 0.3;
/// A limit on lengths that is suggested is at most this many times the present one.
const MAX_RAISE: usize = 4;

/// What was said in the course of a run, in order.
///
/// A symptom is said once. It is said again if it comes back after five steps without it.
pub fn warnings(history: &History) -> Vec<Warning> {
    let mut seen = BTreeMap::new();
    let mut said = vec![];
    for count in 1..=history.metrics.len() {
        let step = history.metrics[count - 1].step;
        for (symptom, advice) in history.up_to(count).symptoms() {
            let before: Option<u64> = seen.insert(symptom, step);
            if before.is_none_or(|before| step - before > GONE_AFTER) {
                said.push(Warning {
                    step,
                    symptom,
                    advice,
                });
            }
        }
    }
    said
}

impl History<'_> {
    /// The history as it was after `count` steps.
    fn up_to(&self, count: usize) -> Self {
        let metrics = &self.metrics[..count];
        let step = metrics[count - 1].step;
        let validations = self.validations.partition_point(|one| one.step <= step);
        Self {
            metrics,
            validations: &self.validations[..validations],
            ..*self
        }
    }

    /// The symptoms after the last step, each with advice.
    fn symptoms(&self) -> Vec<(Symptom, String)> {
        let no_signal = self.no_signal();
        let flat = if no_signal.is_some() {
            None
        } else {
            self.reward_flat()
        };
        let found = [
            (Symptom::NonFinite, self.non_finite()),
            (Symptom::Truncation, self.truncation()),
            (Symptom::RareFormat, self.rare_format()),
            (Symptom::FewSignals, self.few_signals()),
            (Symptom::NoSignal, no_signal),
            (Symptom::HollowFormat, self.hollow_format()),
            (Symptom::RewardHacking, self.reward_hacking()),
            (Symptom::LengthCollapse, self.length_collapse()),
            (Symptom::WorseThanBase, self.worse_than_base()),
            (Symptom::RewardFlat, flat),
            (Symptom::EntropyCollapse, self.entropy_collapse()),
        ];
        let found = found.into_iter();
        found
            .filter_map(|(symptom, advice)| Some((symptom, advice?)))
            .collect()
    }

    fn non_finite(&self) -> Option<String> {
        match &self.metrics.last()?.skipped {
            Some(Skipped::NonFinite(reason)) => Some(format!(
                "the step was skipped, because {reason}. Set a lower learning_rate, such as {}.",
                self.lower_rate()
            )),
            _ => None,
        }
    }

    fn truncation(&self) -> Option<String> {
        let steps = self.last(STREAK.min(self.metrics.len()))?;
        let cut = mean(steps, |step| step.truncation_rate);
        (cut > MAX_CUT).then(|| {
            format!(
                "{} of the completions are cut at max_new_tokens = {}, and what is cut is hardly \
                 ever right. {}",
                percent(cut),
                self.recipe.max_new_tokens,
                self.longer(steps)
            )
        })
    }

    /// What to do about completions that are cut.
    fn longer(&self, steps: &[StepMetrics]) -> String {
        let present = self.recipe.max_new_tokens;
        let highest = MAX_RAISE * present;
        let lengths: Vec<f64> = steps.iter().filter_map(|step| step.length_p95).collect();
        let p95 = lengths.iter().sum::<f64>() / lengths.len() as f64; // NaN if there are none
        if p95 < highest as f64 {
            let wanted = (p95 as usize / 64 + 1) * 64;
            return format!(
                "Set max_new_tokens = {wanted}: by the lengths of those that end, 95 % would fit \
                 into {p95:.0} tokens."
            );
        }
        let reason = if lengths.is_empty() {
            "Too few end by themselves to tell a better limit"
        } else {
            "By the lengths of those that end, the rest is much longer"
        };
        let chat = if self.could_chat() {
            ", or set template = \"chat\", which shows the model where to stop"
        } else {
            ""
        };
        format!("{reason}: begin with max_new_tokens = {highest}{chat}.")
    }

    fn rare_format(&self) -> Option<String> {
        let step = self.first_step()?;
        let ended = 1.0 - step.truncation_rate;
        if ended < MAX_CUT || step.format_rate >= RARE_FORMAT * ended {
            return None; // where nothing ends, the limit is the cause
        }
        let template = self.recipe.template();
        let asks = matches!(
            template,
            Template::ZeroShot | Template::QwenMath | Template::Chat | Template::FewShot(_)
        );
        let cause = if asks {
            ""
        } else {
            ", which the prompt does not ask for"
        };
        let remedy = match (self.could_chat(), asks) {
            (true, _) => "Set template = \"chat\": it asks for a box, in the form of the model.",
            (false, false) => "Set template = \"qwen_math\" or \"zero_shot\": they ask for a box.",
            (false, true) => {
                "Look at completions.jsonl. If answers stand outside a box, set \
                 grader.boxed_only = false."
            }
        };
        Some(format!(
            "{} of the completions have an answer in a box{cause}; others count as wrong. \
             {remedy}",
            percent(step.format_rate)
        ))
    }

    fn few_signals(&self) -> Option<String> {
        let step = self.first_step()?;
        if step.signal_rate >= 0.5 {
            return None;
        }
        let groups = |share: f64| (share * step.prompts as f64).round() as usize;
        Some(format!(
            "{} of {} groups have no signal: in {} every completion is right, in {} none is. {}",
            groups(1.0 - step.signal_rate),
            step.prompts,
            groups(step.solve_all_rate),
            groups(step.solve_none_rate),
            self.other_problems(std::slice::from_ref(step))
        ))
    }

    fn no_signal(&self) -> Option<String> {
        let steps = self.last(STREAK)?;
        let without = steps.iter().all(|step| step.signal_rate == 0.0);
        without.then(|| {
            format!(
                "no group had a signal for {STREAK} steps, so nothing is learned: all completions \
                 of a problem have the same reward. {}",
                self.other_problems(steps)
            )
        })
    }

    /// What to do where the completions of a problem are all right or all wrong.
    fn other_problems(&self, steps: &[StepMetrics]) -> String {
        let all = mean(steps, |step| step.solve_all_rate);
        let none = mean(steps, |step| step.solve_none_rate);
        let larger = format!(
            "a larger group_size, such as {}, or zero_variance = \"resample\"",
            2 * self.recipe.group_size
        );
        if none > 2.0 * all && mean(steps, |step| step.truncation_rate) > MAX_CUT {
            format!("Let fewer completions be cut first. If that does not help, set {larger}.")
        } else if none > 2.0 * all && mean(steps, |step| step.format_rate) < RARE_FORMAT {
            format!("Let more completions have a box first. If that does not help, set {larger}.")
        } else if none > 2.0 * all {
            format!("Take easier problems, or set {larger}.")
        } else if all > 2.0 * none {
            format!("Take harder problems, or set {larger}.")
        } else {
            format!("Take problems that the base solves now and then, or set {larger}.")
        }
    }

    fn hollow_format(&self) -> Option<String> {
        let format = self.change(|step| Some(step.format_rate))?;
        let given = self.change(|step| step.accuracy_given_format)?;
        let accuracy = self.change(|step| Some(step.accuracy))?;
        // In simulated runs of 8 prompts with 8 completions these bounds find a fall of `given`
        // from 33 to 15 % in half of the cases within 14 steps, and in four fifths within 28. Where
        // `given` stays and the form becomes usual, they are wrong in one run of 14.
        let is_hollow = format.rose(0.05, 2.0) && given.fell(0.05, 1.5) && accuracy.fell(0.02, 1.0);
        is_hollow.then(|| {
            format!(
                "more completions have an answer in a box ({} at the start, now {}), but fewer of \
                 these are right ({}, now {}): an answer that is there pays before one that is \
                 right. {}",
                percent(format.before),
                percent(format.after),
                percent(given.before),
                percent(given.after),
                self.against_hollow_format()
            )
        })
    }

    fn against_hollow_format(&self) -> String {
        let start = &self.metrics[..WINDOW];
        if mean(start, |step| step.truncation_rate) > MAX_CUT {
            return format!(
                "At the start long completions were cut, so short ones won, right or wrong. Begin \
                 again with room for them. {}",
                self.longer(start)
            );
        }
        let for_form = [BuiltIn::BoxFormat, BuiltIn::ThinkAnswer];
        let paid = for_form.iter().find(|part| self.weight(part.name()) > 0.0);
        match paid {
            Some(part) => format!(
                "The part `{}` pays for that. Begin again with a smaller weight of it, or none.",
                part.name()
            ),
            None => format!(
                "Begin again with a lower learning_rate, such as {}, or with problems that the \
                 base solves now and then.",
                self.lower_rate()
            ),
        }
    }

    fn reward_hacking(&self) -> Option<String> {
        let accuracy = self.change(|step| Some(step.accuracy))?;
        if !accuracy.fell(0.03, 2.0) {
            return None;
        }
        let parts = self.metrics.last()?.parts.keys();
        let rising = parts.filter(|&name| {
            let sign = self.weight(name).signum();
            let value = |step: &StepMetrics| Some(sign * step.parts.get(name).copied()?);
            let rises = self.change(value).is_some_and(|part| part.rose(0.02, 2.0));
            name != BuiltIn::Correctness.name() && rises
        });
        let rising: Vec<String> = rising.map(|name| format!("`{name}`")).collect();
        (!rising.is_empty()).then(|| {
            format!(
                "the reward {} rises while fewer completions are right ({} at the start, now {}): \
                 the model earns it without solving the problem. Begin again with a smaller \
                 weight of it, or with a part that a wrong answer cannot earn.",
                rising.join(" and "),
                percent(accuracy.before),
                percent(accuracy.after)
            )
        })
    }

    fn length_collapse(&self) -> Option<String> {
        let (start, last) = (self.metrics.get(..STREAK)?, self.last(STREAK)?);
        let [before, after] = [start, last].map(|steps| mean(steps, |step| step.mean_length));
        let [was_right, is_right] = [start, last].map(|steps| mean(steps, |step| step.accuracy));
        let for_length = [
            BuiltIn::LengthLinear,
            BuiltIn::LengthCosine,
            BuiltIn::ShorterBetter,
        ];
        let wants_short = for_length.iter().any(|part| self.weight(part.name()) > 0.0);
        let most = if wants_short {
            was_right - 0.02
        } else {
            was_right
        };
        (after <= 0.5 * before && is_right <= most).then(|| {
            let cause = if wants_short {
                "The reward for short completions outweighs that for right ones. Begin again with \
                 a smaller weight of it."
                    .to_owned()
            } else {
                format!(
                    "The model stops working problems out. Begin again with a lower \
                     learning_rate, such as {}, and see that few completions are cut.",
                    self.lower_rate()
                )
            };
            format!(
                "completions have {after:.0} tokens, {before:.0} at the start, and {} are right, \
                 {} at the start. {cause}",
                percent(is_right),
                percent(was_right)
            )
        })
    }

    fn worse_than_base(&self) -> Option<String> {
        let [base, .., last] = self.validations else {
            return None;
        };
        let is_worse = base.step == 0 && last.outcome.ci95[1] < base.outcome.accuracy;
        is_worse.then(|| {
            format!(
                "{} of the validation problems are right after step {}, and {} for the base: \
                 training makes it worse. Do not wait for the end; \
                 docs/when-training-gets-worse.md says what to try.",
                percent(last.outcome.accuracy),
                last.step,
                percent(base.outcome.accuracy)
            )
        })
    }

    fn reward_flat(&self) -> Option<String> {
        let (before, after) = self.last(2 * FLAT_WINDOW)?.split_at(FLAT_WINDOW);
        let moved = mean_reward(after) - mean_reward(before); // not a number without rewards
        let is_solved = mean(after, |step| step.accuracy) > 0.9;
        (moved.abs() < 0.01 && !is_solved).then(|| {
            "the reward has not moved for 20 steps. Set a higher learning_rate or a larger \
             group_size, or take easier problems."
                .to_owned()
        })
    }

    fn entropy_collapse(&self) -> Option<String> {
        let last = &self.last(2 * FLAT_WINDOW)?[FLAT_WINDOW..];
        let start = &self.metrics[..STREAK];
        let [before, after] = [start, last].map(|steps| mean(steps, |step| step.entropy));
        let [was_right, is_right] = [start, last].map(|steps| mean(steps, |step| step.accuracy));
        (after < 0.1 * before && is_right <= was_right).then(|| {
            format!(
                "the entropy fell to a tenth, so completions are nearly alike, and no more of \
                 them are right. Set a lower learning_rate, such as {}, or loss.entropy_coef or \
                 kl.coef.",
                self.lower_rate()
            )
        })
    }

    /// The first step, as long as it is the only one.
    fn first_step(&self) -> Option<&StepMetrics> {
        match self.metrics {
            [first] => Some(first),
            _ => None,
        }
    }

    /// The last `count` steps.
    fn last(&self, count: usize) -> Option<&[StepMetrics]> {
        self.metrics.get(self.metrics.len().checked_sub(count)?..)
    }

    /// How a figure changed from the first steps to the last.
    fn change(&self, of: impl Fn(&StepMetrics) -> Option<f64>) -> Option<Change> {
        Change::of(&self.metrics.iter().filter_map(of).collect::<Vec<f64>>())
    }

    /// The weight of a part of the reward. One that the recipe does not name comes from code.
    fn weight(&self, part: &str) -> f64 {
        let mut built_in = self.recipe.reward.iter();
        let of_command = self.recipe.reward_command.as_ref();
        match built_in.find(|(name, _)| name.name() == part) {
            Some((_, &weight)) => weight.into(),
            None if BuiltIn::ALL.iter().any(|name| name.name() == part) => 0.0,
            None => of_command.map_or(1.0, |command| command.weight.into()),
        }
    }

    /// Whether the base has a chat template that the recipe does not use.
    fn could_chat(&self) -> bool {
        self.has_chat_template && self.recipe.template() != Template::Chat
    }

    fn lower_rate(&self) -> String {
        format!("{:.1e}", self.recipe.learning_rate / 3.0)
    }
}

/// The mean of a figure over the first third of the steps and over the last third.
#[derive(Clone, Copy, Debug)]
struct Change {
    before: f64,
    after: f64,
    /// Standard error of the difference.
    error: f64,
}

impl Change {
    /// `None` before the tenth value. A third has at least five.
    ///
    /// With `w` values on each side, the standard error is `sqrt(2 s^2 / w)`. The variance `s^2` of
    /// a step is half the mean squared difference of neighbours (von Neumann, 1941), which a trend
    /// hardly changes. It comes from the steps, since the completions of a problem are alike.
    fn of(values: &[f64]) -> Option<Self> {
        let window = WINDOW.max(values.len() / 3);
        let last = values.get(values.len().checked_sub(window)?..)?;
        let squares = values.windows(2).map(|pair| (pair[1] - pair[0]).powi(2));
        let variance = squares.sum::<f64>() / (values.len() - 1) as f64 / 2.0;
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        (values.len() >= 2 * WINDOW).then(|| Self {
            before: mean(&values[..window]),
            after: mean(last),
            error: (2.0 * variance / window as f64).sqrt(),
        })
    }

    /// Whether it rose by at least `least`, and by more than so many standard errors.
    fn rose(self, least: f64, errors: f64) -> bool {
        let by = self.after - self.before;
        by >= least && by > errors * self.error
    }

    fn fell(self, least: f64, errors: f64) -> bool {
        let mirrored = Self {
            before: self.after,
            after: self.before,
            ..self
        };
        mirrored.rose(least, errors)
    }
}

fn mean(steps: &[StepMetrics], of: impl Fn(&StepMetrics) -> f64) -> f64 {
    steps.iter().map(of).sum::<f64>() / steps.len() as f64
}

/// Mean of the steps' mean rewards, without the steps that have none.
fn mean_reward(steps: &[StepMetrics]) -> f64 {
    let rewards: Vec<f64> = steps.iter().filter_map(|step| step.reward).collect();
    rewards.iter().sum::<f64>() / rewards.len() as f64
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validation::tests::validations;

    /// A run of `count` steps in which nothing is wrong, changed step by step. The second argument
    /// of `change` goes from 0 at the first step to 1 at the last.
    fn history(count: u64, change: impl Fn(&mut StepMetrics, f64)) -> Vec<StepMetrics> {
        let step = |step: u64| {
            let done = (step - 1) as f64 / (count - 1).max(1) as f64;
            let mut metrics = StepMetrics {
                reward: Some(-0.5 + 0.5 * done),
                accuracy: 0.25 + 0.25 * done,
                format_rate: 0.7,
                mean_length: 200.0,
                length_p95: Some(310.0),
                truncation_rate: 0.05,
                zero_variance_rate: 0.2,
                signal_rate: 0.8,
                solve_all_rate: 0.1,
                solve_none_rate: 0.1,
                entropy: 0.4,
                prompts: 8,
                ..StepMetrics::from_groups(step, &[])
            };
            change(&mut metrics, done);
            let wobble = if step.is_multiple_of(2) { 0.01 } else { -0.01 };
            metrics.accuracy = (metrics.accuracy + wobble).max(0.0);
            metrics.accuracy_given_format = Some(metrics.accuracy / metrics.format_rate);
            metrics
        };
        (1..=count).map(step).collect()
    }

    fn recipe(settings: &[&str]) -> Recipe {
        let usual = ["template=chat", "max_new_tokens=320", "task=countdown:1"];
        let settings = usual.iter().chain(settings).map(|&one| one.to_owned());
        Recipe::resolve("", &settings.collect::<Vec<_>>()).expect("a good recipe")
    }

    fn said(recipe: &Recipe, metrics: &[StepMetrics], validations: &[Validation]) -> Vec<Warning> {
        warnings(&History {
            recipe,
            has_chat_template: true,
            metrics,
            validations,
        })
    }

    /// The steps and symptoms of what is said.
    fn told(recipe: &Recipe, metrics: &[StepMetrics]) -> Vec<(u64, Symptom)> {
        let said = said(recipe, metrics, &[]);
        said.iter().map(|one| (one.step, one.symptom)).collect()
    }

    #[test]
    fn a_run_that_learns_is_left_alone() {
        for count in [1, 2, 3, 9, 10, 20, 50] {
            assert_eq!(told(&recipe(&[]), &history(count, |_, _| ())), []);
        }
        assert_eq!(told(&recipe(&[]), &[]), []);
    }

    /// The 80 steps of `examples/quickstart`, seed 0: accuracy rises from 24 % to 93 %, the entropy
    /// falls to a fifteenth, and in the end a third of the groups is solved by every completion.
    #[test]
    fn the_run_of_the_bundled_model_is_left_alone() {
        let table = include_str!("../tests/fixtures/quickstart_metrics.csv");
        let step = |line: &str| {
            let numbers = line.split(',').map(|cell| cell.parse().expect("a number"));
            let numbers: Vec<f64> = numbers.collect();
            let [
                step,
                reward,
                accuracy,
                format_rate,
                mean_length,
                truncation,
                equal,
                entropy,
            ] = numbers[..]
            else {
                panic!("{line}");
            };
            StepMetrics {
                reward: Some(reward),
                accuracy,
                format_rate,
                accuracy_given_format: Some(accuracy / format_rate),
                mean_length,
                truncation_rate: truncation,
                zero_variance_rate: equal,
                signal_rate: 1.0 - equal,
                entropy,
                prompts: 32,
                ..StepMetrics::from_groups(step as u64, &[])
            }
        };
        let metrics: Vec<StepMetrics> = table.lines().skip(1).map(step).collect();
        assert_eq!(metrics.len(), 80);
        assert_eq!(told(&Recipe::default(), &metrics), []);
    }

    #[test]
    fn the_first_step_is_looked_at() {
        let cut = |share: f64, p95: Option<f64>| {
            history(1, |step, _| {
                (step.truncation_rate, step.length_p95) = (share, p95);
            })
        };
        let advice = |metrics: &[StepMetrics], settings: &[&str]| {
            let said = said(&recipe(settings), metrics, &[]);
            assert_eq!(said.len(), 1, "{said:?}");
            (said[0].symptom, said[0].advice.clone())
        };
        assert_eq!(told(&recipe(&[]), &cut(0.19, Some(400.0))), []);
        let (symptom, text) = advice(&cut(0.35, Some(497.3)), &[]);
        assert_eq!(symptom, Symptom::Truncation);
        assert_eq!(
            text,
            "35 % of the completions are cut at max_new_tokens = 320, and what is cut is hardly \
             ever right. Set max_new_tokens = 512: by the lengths of those that end, 95 % would \
             fit into 497 tokens."
        );
        assert!(
            advice(&cut(0.35, Some(512.0)), &[])
                .1
                .contains("max_new_tokens = 576:")
        );
        for (p95, reason) in [
            (None, "Too few end"),
            (Some(2000.0), "the rest is much longer"),
        ] {
            let (_, text) = advice(&cut(0.9, p95), &["template=zero_shot"]);
            assert!(text.contains(reason), "{text}");
            assert!(
                text.contains("begin with max_new_tokens = 1280, or set template = \"chat\""),
                "{text}"
            );
            let (_, text) = advice(&cut(0.9, p95), &[]);
            assert!(
                text.ends_with("begin with max_new_tokens = 1280."),
                "{text}"
            );
        }

        let rare = |share: f64| history(1, |step, _| step.format_rate = share);
        assert_eq!(told(&recipe(&[]), &rare(0.3)), []);
        for (settings, remedy) in [
            (
                &["template=plain"][..],
                "which the prompt does not ask for; others count as wrong. \
                Set template = \"chat\"",
            ),
            (
                &["template=zero_shot"][..],
                "in a box; others count as wrong. Set template = \"chat\"",
            ),
            (&[][..], "grader.boxed_only = false"),
        ] {
            let (symptom, text) = advice(&rare(0.25), settings);
            assert_eq!(symptom, Symptom::RareFormat);
            assert!(text.contains(remedy), "{text}");
        }
        // What is cut has no box: that is not the fault of the prompt.
        let both = history(1, |step, _| {
            (step.format_rate, step.truncation_rate) = (0.25, 0.6);
        });
        assert_eq!(told(&recipe(&[]), &both), [(1, Symptom::Truncation)]);
    }

    #[test]
    fn groups_without_a_signal_are_told_with_their_cause() {
        let signals = |signal: f64, all: f64, none: f64, cut: f64| {
            history(1, |step, _| {
                (step.signal_rate, step.truncation_rate) = (signal, cut);
                (step.solve_all_rate, step.solve_none_rate) = (all, none);
            })
        };
        assert_eq!(told(&recipe(&[]), &signals(0.5, 0.0, 0.5, 0.0)), []);
        for (all, none, remedy) in [
            (
                0.0,
                0.625,
                "Take easier problems, or set a larger group_size, such as 32",
            ),
            (0.625, 0.0, "Take harder problems"),
            (0.25, 0.375, "that the base solves now and then"),
        ] {
            let said = said(&recipe(&[]), &signals(0.375, all, none, 0.0), &[]);
            assert_eq!(said[0].symptom, Symptom::FewSignals);
            assert!(
                said[0].advice.starts_with("5 of 8 groups have no signal"),
                "{said:?}"
            );
            assert!(said[0].advice.contains(remedy), "{said:?}");
        }
        let said = said(&recipe(&[]), &signals(0.375, 0.0, 0.625, 0.5), &[]);
        assert_eq!(said[0].symptom, Symptom::Truncation);
        assert!(
            said[1]
                .advice
                .contains("Let fewer completions be cut first"),
            "{said:?}"
        );
        let formless = history(1, |step, _| {
            (step.signal_rate, step.solve_none_rate, step.format_rate) = (0.0, 1.0, 0.1);
        });
        let said = super::tests::said(&recipe(&[]), &formless, &[]);
        assert!(
            said[1]
                .advice
                .contains("Let more completions have a box first"),
            "{said:?}"
        );
        // Later on, problems that are all solved are a success.
        let solved = history(30, |step, done| {
            (step.signal_rate, step.solve_all_rate) = (0.8 - 0.7 * done, 0.9 * done);
        });
        assert_eq!(told(&recipe(&[]), &solved), []);
    }

    #[test]
    fn a_symptom_is_said_again_once_it_was_gone() {
        let silent_at = |steps: &[u64]| {
            history(30, |step, _| {
                if steps.contains(&step.step) {
                    step.signal_rate = 0.0;
                }
            })
        };
        assert_eq!(told(&recipe(&[]), &silent_at(&[4, 5, 7, 8])), []);
        let no_signal = |step: u64| (step, Symptom::NoSignal);
        let of = |steps: &[u64]| told(&recipe(&[]), &silent_at(steps));
        assert_eq!(of(&[4, 5, 6, 7, 9, 10, 11]), [no_signal(6)]);
        assert_eq!(of(&[4, 5, 6, 20, 21, 22]), [no_signal(6), no_signal(22)]);
    }

    #[test]
    fn a_form_without_content_is_told() {
        let fall = |step: &mut StepMetrics, done: f64| {
            (step.format_rate, step.accuracy) = (0.7 + 0.25 * done, 0.23 - 0.12 * done);
        };
        let metrics = history(14, fall);
        let said = said(&recipe(&["learning_rate=2e-3"]), &metrics, &[]);
        let hollow = said.iter().find(|one| one.symptom == Symptom::HollowFormat);
        let hollow = hollow.expect("it is told");
        assert!((10..=12).contains(&hollow.step), "{hollow:?}");
        assert!(
            hollow.advice.contains("learning_rate, such as 6.7e-4"),
            "{hollow:?}"
        );
        let advice = |settings: &[&str], metrics: &[StepMetrics]| -> String {
            let said = super::tests::said(&recipe(settings), metrics, &[]);
            said.into_iter().map(|one| one.advice).collect()
        };
        assert!(
            advice(&["reward.box-format=0.5"], &metrics).contains("The part `box-format` pays")
        );
        let cut = history(14, |step, done| {
            fall(step, done);
            (step.truncation_rate, step.length_p95) = (0.35 - 0.3 * done, Some(490.0));
        });
        assert!(advice(&[], &cut).contains("Begin again with room for them. Set max_new_tokens"));
        // More boxes of which fewer are right can still be more right answers.
        let more = history(14, |step, done| {
            (step.format_rate, step.accuracy) = (0.4 + 0.55 * done, 0.16 + 0.08 * done);
        });
        assert_eq!(told(&recipe(&[]), &more), []);
        // The same fall in nine steps, or within what chance does, is not told.
        assert_eq!(told(&recipe(&[]), &metrics[..9]), []);
        let noise = history(14, |step, done| {
            step.format_rate = 0.7 + 0.25 * done;
            step.accuracy = 0.3 - 0.06 * done + 0.1 * (9.0 * step.step as f64).sin();
        });
        assert_eq!(told(&recipe(&[]), &noise), []);
    }

    #[test]
    fn a_part_of_the_reward_against_right_answers_is_told() {
        let parts = |rise: f64, fall: f64| {
            history(20, move |step, done| {
                step.accuracy = 0.4 - fall * done;
                step.format_rate = 0.95;
                step.parts
                    .insert("correctness".to_owned(), 2.0 * step.accuracy - 1.0);
                step.parts
                    .insert("repetition".to_owned(), -0.3 + rise * done);
            })
        };
        let with = recipe(&["reward.repetition=0.2"]);
        let found = told(&with, &parts(0.3, 0.2));
        assert!(
            matches!(found[..], [(10..=16, Symptom::RewardHacking)]),
            "{found:?}"
        );
        for (rise, fall) in [(0.3, 0.0), (0.3, -0.2), (0.0, 0.2), (-0.3, 0.2)] {
            assert_eq!(told(&with, &parts(rise, fall)), [], "{rise} {fall}");
        }
        // A part with a negative weight is earned by its fall.
        let found = told(&recipe(&["reward.repetition=-0.2"]), &parts(-0.3, 0.2));
        assert!(
            matches!(found[..], [(_, Symptom::RewardHacking)]),
            "{found:?}"
        );
    }

    #[test]
    fn completions_that_become_short_are_told_unless_that_is_wanted() {
        let short = |length: f64, accuracy: f64| {
            history(16, move |step, done| {
                step.mean_length = 240.0 + (length - 240.0) * done;
                step.accuracy = 0.2 + (accuracy - 0.2) * done;
            })
        };
        let found = told(&recipe(&[]), &short(24.0, 0.0));
        assert!(
            matches!(found[..], [(8..=12, Symptom::LengthCollapse)]),
            "{found:?}"
        );
        assert_eq!(told(&recipe(&[]), &short(24.0, 0.4)), []);
        assert_eq!(told(&recipe(&[]), &short(150.0, 0.1)), []);
        let wanted = recipe(&["reward.length-linear=0.2"]);
        assert_eq!(told(&wanted, &short(24.0, 0.2)), []);
        assert!(!told(&wanted, &short(24.0, 0.0)).is_empty());
    }

    #[test]
    fn a_validation_below_the_base_is_told() {
        let metrics = history(20, |_, _| ());
        let told = |accuracies: &[f64]| -> Vec<(u64, Symptom)> {
            let said = said(&recipe(&[]), &metrics, &validations(accuracies));
            said.iter().map(|one| (one.step, one.symptom)).collect()
        };
        assert_eq!(told(&[0.25, 0.24, 0.21]), []);
        assert_eq!(told(&[0.25, 0.24, 0.15]), [(20, Symptom::WorseThanBase)]);
        assert_eq!(told(&[0.25, 0.15, 0.15]), [(10, Symptom::WorseThanBase)]);
    }

    #[test]
    fn what_stands_still_and_what_is_skipped_is_told() {
        let of = |change: fn(&mut StepMetrics, f64)| told(&recipe(&[]), &history(25, change));
        assert_eq!(
            of(|step, _| step.reward = Some(0.3)),
            [(20, Symptom::RewardFlat)]
        );
        assert_eq!(
            of(|step, _| (step.reward, step.accuracy) = (Some(1.0), 0.99)),
            []
        );
        let collapse = |step: &mut StepMetrics, _: f64| {
            step.entropy = (-(step.step as f64) / 3.0).exp();
            step.accuracy = 0.25 - 0.02 * (step.step as f64 / 25.0);
        };
        assert_eq!(of(collapse), [(20, Symptom::EntropyCollapse)]);
        assert_eq!(
            of(|step, _| step.entropy = (-(step.step as f64) / 3.0).exp()),
            []
        );
        let skipped = of(|step, _| {
            if step.step == 7 {
                step.skipped = Some(Skipped::NonFinite("the loss is not finite".to_owned()));
            }
        });
        assert_eq!(skipped, [(7, Symptom::NonFinite)]);
        assert_eq!(of(|step, _| step.skipped = Some(Skipped::NoSignal)), []);
    }
}
