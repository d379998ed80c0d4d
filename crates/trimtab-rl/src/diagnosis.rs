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
    /// The gradients of the groups share next to nothing, so that steps are noise.
    NoisyGradient,
    /// Sampling and training give a token other log-probabilities.
    SamplerGap,
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
/// Share of a gradient's squared length below which what all problems have in common is lost.
const MIN_SHARED: f64 = 0.25;
/// Difference of log-probabilities in sampling and in training above which it is told, in nats.
const MAX_GAP: f32 = 0.1;
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
            (Symptom::NoisyGradient, self.noisy_gradient()),
            (Symptom::SamplerGap, self.sampler_gap()),
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

    /// Whether the groups of a step agree too little to lead anywhere, and nothing is learned.
    fn noisy_gradient(&self) -> Option<String> {
        let start = self.metrics.len().saturating_sub(4 * WINDOW);
        let steps = &self.metrics[start..];
        let values: Vec<f64> = steps
            .iter()
            .filter_map(|step| step.grad_agreement)
            .collect();
        let learns = self.change(|step| Some(step.accuracy));
        if values.len() < WINDOW || learns.is_some_and(|accuracy| accuracy.rose(0.02, 1.0)) {
            return None;
        }
        let count = values.len() as f64;
        let agreement = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - agreement).powi(2));
        let error = (squares.sum::<f64>() / (count - 1.0) / count).sqrt();
        let groups = mean(steps, |step| step.signal_rate * step.prompts as f64);
        // At most so much, by two standard errors.
        let most = agreement + 2.0 * error;
        let shared = groups * most / (1.0 + (groups - 1.0) * most);
        (shared < MIN_SHARED).then(|| {
            let wanted =
                (1.0 / most.max(1e-3) - 1.0) / (groups / self.recipe.prompts_per_step as f64);
            format!(
                "the gradients of the groups have next to nothing in common: of a step's gradient \
                 at most {} is what all problems share, and the rest is noise. Take problems that \
                 the base solves now and then, and short ones; set prompts_per_step towards {}, or \
                 else a learning_rate such as {} and many more steps.",
                percent(shared.max(0.01)),
                two_digits(wanted),
                self.lower_rate()
            )
        })
    }

    fn sampler_gap(&self) -> Option<String> {
        let gap = self.metrics.last()?.max_logprob_gap;
        (gap > MAX_GAP).then(|| {
            format!(
                "training gives a token a log-probability that is {gap:.2} nats from that of \
                 sampling, so what is learned is not quite about what was sampled. LoRA and \
                 linear attention compute in another order in training, and coarse formats make \
                 more of that: try --dtype bf16 or f32."
            )
        })
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

/// Rounded up to two digits.
fn two_digits(count: f64) -> f64 {
    let unit = 10f64.powf(count.log10().floor() - 1.0).max(1.0);
    (count / unit).ceil() * unit
}

fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests;
