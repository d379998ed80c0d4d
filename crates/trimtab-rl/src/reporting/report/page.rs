//! Renders the HTML report from its template.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;

use trimtab_model::tokenizer::visible_token;

use super::chart::{Chart, Scale, Series};
use super::{RunReport, format};
use crate::metrics::StepMetrics;

pub(super) fn render(report: &RunReport) -> String {
    let half_window = (report.metrics.len() / 20).clamp(1, 10);
    let chart = |series: &Series| Chart::new(series, half_window);
    let of_run = Curves(report);
    let (constant, moving): (Vec<Series>, Vec<Series>) = of_run
        .secondary()
        .into_iter()
        .filter(|series| !series.points.is_empty())
        .partition(|series| series.constant().is_some());
    let constant: Vec<(String, String)> = constant
        .iter()
        .filter_map(|series| Some((series.name.clone(), series.constant()?)))
        .collect();
    let skipped: Vec<(u64, String)> = report
        .metrics
        .iter()
        .filter_map(|step| Some((step.step, step.skipped.as_ref()?.to_string())))
        .collect();
    let layers = report.tokens.iter();
    let effects = layers.flat_map(|layer| layer.promoted.iter().chain(&layer.suppressed));
    let norms = report.metrics.last().map(|step| step.vector_norms.clone());
    let tokens: usize = report.metrics.iter().map(|step| step.tokens).sum();
    environment()
        .get_template("page")
        .expect("just added")
        .render(context! {
            report => Value::from(Serde(report)),
            headline => Value::from(Serde(Headline::of(report))),
            task => report.recipe.task.to_string(),
            steps => report.metrics.last().map_or(0, |step| step.step),
            tokens_sampled => tokens,
            best_file => report.best.as_ref().and_then(|best| file_name(best.result.as_ref()?)),
            last_file => file_name(&report.result),
            skipped,
            window => 2 * half_window + 1,
            primary => Value::from(Serde(of_run.primary().map(|series| chart(&series)))),
            secondary => Value::from(Serde(moving.iter().map(chart).collect::<Vec<_>>())),
            constant,
            norms => norms.unwrap_or_default(),
            strongest => effects.map(|effect| effect.1.abs()).fold(0.0, f32::max),
            same_problems => report.examples.iter().all(same_problem),
            recipe_text => report.recipe.to_toml(),
        })
        .expect("the template fits its values")
}

/// The name in the run folder.
fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

fn same_problem(example: &super::Example) -> bool {
    example.before.question == example.after.question
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("duration", format::duration);
    environment.add_filter("fixed", format::fixed);
    environment.add_filter("percent", format::percent);
    environment.add_filter("position", format::position);
    environment.add_filter("signed", format::signed);
    environment.add_filter("thousands", format::thousands);
    environment.add_filter("visible", |token: &str| visible_token(token));
    for (name, source) in [
        ("page", include_str!("page.html.jinja")),
        ("parts", include_str!("parts.html.jinja")),
        ("style", include_str!("page.css")),
    ] {
        environment
            .add_template(name, source)
            .expect("a constant template");
    }
    environment
}

/// Accuracy before and after, in one sentence.
#[derive(Debug, PartialEq, Serialize)]
struct Headline {
    task: String,
    before: f64,
    after: f64,
    /// If no task was measured, the two accuracies are means over this many first and last training
    /// steps.
    training_steps: Option<usize>,
}

impl Headline {
    /// The first measured task, or else the completions sampled in the first and last steps.
    fn of(report: &RunReport) -> Option<Self> {
        if let Some(row) = report.tasks.first() {
            return Some(Self {
                task: row.task.clone(),
                before: row.before.outcome.accuracy,
                after: row.after.outcome.accuracy,
                training_steps: None,
            });
        }
        let count = (report.metrics.len() / 2).min(5);
        let mean = |steps: &[StepMetrics]| {
            steps.iter().map(|step| step.accuracy).sum::<f64>() / count as f64
        };
        (count > 0).then(|| Self {
            task: report.recipe.task.to_string(),
            before: mean(&report.metrics[..count]),
            after: mean(&report.metrics[report.metrics.len() - count..]),
            training_steps: Some(count),
        })
    }
}

/// The curves of a run.
struct Curves<'a>(&'a RunReport);

impl Curves<'_> {
    /// The main curves.
    fn primary(&self) -> [Series; 3] {
        let validations = self.0.validations.iter();
        let mut accuracy =
            self.shares("Right answers", "share of the step's completions", |step| {
                Some(step.accuracy)
            });
        accuracy.measured = validations
            .map(|one| (one.step, one.outcome.accuracy, one.outcome.ci95))
            .collect();
        let length = |step: &StepMetrics| Some(step.mean_length);
        [
            accuracy,
            self.values("Completion length", "mean, in tokens", length),
            self.values("Reward", "mean", |step| step.reward),
        ]
    }

    /// Diagnostics: why a run does well or badly.
    fn secondary(&self) -> Vec<Series> {
        let norm = |step: &StepMetrics| {
            let squares = step.vector_norms.iter().map(|&norm| f64::from(norm * norm));
            (!step.vector_norms.is_empty()).then(|| squares.sum::<f64>().sqrt())
        };
        let gap = |step: &StepMetrics| Some(f64::from(step.max_logprob_gap));
        let mut curves = vec![
            self.shares("Format rate", "completions with a box", |step| {
                Some(step.format_rate)
            }),
            self.shares("Accuracy given format", "completions with a box", |step| {
                step.accuracy_given_format
            }),
            self.shares("Truncation rate", "completions cut at the limit", |step| {
                Some(step.truncation_rate)
            }),
            self.shares("Zero-variance rate", "groups with equal rewards", |step| {
                Some(step.zero_variance_rate)
            }),
            self.shares("Signal rate", "groups with an advantage", |step| {
                Some(step.signal_rate)
            }),
            self.shares("All solved", "groups with right answers only", |step| {
                Some(step.solve_all_rate)
            }),
            self.shares("None solved", "groups without a right answer", |step| {
                Some(step.solve_none_rate)
            }),
            self.values("Entropy", "nats per token", |step| Some(step.entropy)),
            self.values("KL to the unsteered model", "nats per token", |step| {
                step.kl
            }),
            self.shares("Clip fraction", "tokens with a clipped ratio", |step| {
                Some(step.clip_fraction)
            }),
            self.values("Policy loss", "before the update", |step| Some(step.loss)),
            self.values("Gradient norm", "before clipping", |step| {
                Some(step.grad_norm.into())
            }),
            self.values("Vector norm", "all layers together", norm),
            self.values("Log-probability gap", "sampler to trainer, nats", gap),
            self.values("Value loss", "before the update", |step| step.value_loss),
            self.values("Explained variance", "of the value", |step| {
                step.explained_variance
            }),
        ];
        let parts = self.0.metrics.iter().flat_map(|step| step.parts.keys());
        let parts: std::collections::BTreeSet<&String> = parts.collect();
        if parts.len() > 1 {
            curves.extend(parts.into_iter().map(|name| {
                let part = |step: &StepMetrics| step.parts.get(name).copied();
                self.values(&format!("Reward: {name}"), "mean of this part", part)
            }));
        }
        curves
    }

    fn values(
        &self,
        name: &str,
        unit: &str,
        value: impl Fn(&StepMetrics) -> Option<f64>,
    ) -> Series {
        let steps = self.0.metrics.iter();
        Series {
            name: name.to_owned(),
            unit: unit.to_owned(),
            scale: Scale::Plain,
            points: steps
                .filter_map(|step| Some((step.step, value(step)?)))
                .collect(),
            measured: vec![],
        }
    }

    fn shares(
        &self,
        name: &str,
        unit: &str,
        value: impl Fn(&StepMetrics) -> Option<f64>,
    ) -> Series {
        Series {
            scale: Scale::Share,
            ..self.values(name, unit, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use trimtab_tasks::Outcome;

    use super::*;
    use crate::diagnosis::{Symptom, Warning};
    use crate::recipe::Recipe;
    use crate::reporting::report::{
        Answer, BaseModel, BestStep, Example, Measured, TaskOutcomes, TokenRow,
    };
    use crate::validation;
    use crate::validation::tests::validations;

    fn outcome(accuracy: f64, accuracy_given_format: Option<f64>) -> Outcome {
        Outcome {
            ci95: [accuracy - 0.04, accuracy + 0.04],
            format_rate: 0.713,
            accuracy_given_format,
            mean_length: 25.31,
            problems: 500,
            ..validation::tests::outcome(accuracy)
        }
    }

    fn step(step: u64, accuracy: f64) -> StepMetrics {
        StepMetrics {
            accuracy,
            grad_norm: f32::NAN,
            loss: 0.25,
            mean_length: 24.0,
            tokens: 1234,
            vector_norms: vec![0.62, 2.31],
            ..StepMetrics::from_groups(step, &[])
        }
    }

    /// A report in which every text from outside is `text`.
    fn report(text: &str) -> RunReport {
        let text = || text.to_owned();
        let measured = |accuracy, given| Measured {
            label: text(),
            outcome: outcome(accuracy, given),
        };
        let answer = |correct| Answer {
            label: "before".to_owned(),
            question: text(),
            gold: text(),
            text: text(),
            correct,
        };
        RunReport {
            base: BaseModel {
                name: text(),
                sha256: "9f86d081".to_owned(),
                parameters: 1_934_208,
            },
            form: "per_layer".to_owned(),
            parameters: 512,
            recipe: Recipe::default(),
            metrics: vec![step(1, 0.25), step(2, 0.75)],
            validations: vec![],
            best: None,
            result: "runs/one/steering.safetensors".into(),
            warnings: vec![],
            tasks: vec![TaskOutcomes {
                task: text(),
                note: text(),
                before: measured(0.294, Some(0.414)),
                after: measured(0.882, Some(0.896)),
                control: Some(measured(0.286, None)),
            }],
            tokens: vec![TokenRow {
                layer: 1,
                promoted: vec![(text(), 4.6)],
                suppressed: vec![(text(), -3.9)],
            }],
            examples: vec![Example {
                before: answer(false),
                after: answer(true),
            }],
            wall_seconds: Some(252.4),
            peak_memory_bytes: Some(431_000_000),
            command: Some(text()),
        }
    }

    #[test]
    fn numbers_appear() {
        let page = render(&report("nano")).replace('\u{a0}', " ");
        let numbers = ">512 numbers|>29.4 %<|>88.2 %<|25.4 to 33.4 %|71.3 %|>n&#x2f;a<|>25.3<\
            |+58.8|−0.8|1,934,208|norm 2.31|+4.60|−3.90|>2 <small>of 80<|4 min 12 s|411 MiB\
            |9f86d081\
            |before: 0 of 1|before: 1 of 1|step 2: 75.00 %|500 problems|2,468|Policy loss 0.25\
            |steps = 80";
        for number in numbers.split('|') {
            assert!(page.contains(number), "{number} is missing");
        }
        assert!(!page.contains("NaN"), "a gradient norm that is not finite");
    }

    #[test]
    fn texts_are_escaped() {
        let mut hostile = report("\"'><script>alert(1)</script></pre>");
        hostile.metrics[1].skipped = Some("<script>alert(1)".to_owned().into());
        let page = render(&hostile);
        assert!(!page.contains("<script") && !page.contains("\"'>") && !page.contains("&amp;"));
        assert!(page.matches("&lt;script&gt;alert(1)").count() > 20);
        assert_eq!(page.matches("</pre>").count(), 4);
    }

    #[test]
    fn the_headline_is_a_measurement_or_else_from_training() {
        let mut run = report("nano");
        let headline = |run: &RunReport| {
            Headline::of(run).map(|one| (one.before, one.after, one.training_steps))
        };
        assert_eq!(headline(&run), Some((0.294, 0.882, None)));
        run.tasks.clear();
        assert_eq!(headline(&run), Some((0.25, 0.75, Some(1))));
        run.metrics = (1..=20).map(|number| step(number, number as f64)).collect();
        assert_eq!(headline(&run), Some((3.0, 18.0, Some(5))));
        run.metrics.truncate(1);
        assert_eq!(headline(&run), None);
    }

    #[test]
    fn parts_without_data_are_left_out() {
        let mut run = report("");
        assert!(render(&run).contains("(empty)"));
        (run.tasks, run.examples, run.tokens) = (vec![], vec![], vec![]);
        (run.wall_seconds, run.peak_memory_bytes, run.command) = (None, None, None);
        let page = render(&run);
        assert!(page.contains("Norms of the vectors") && !page.contains("peak memory"));
        run.metrics.clear();
        run.form = "lora".to_owned();
        let page = render(&run);
        assert!(page.contains("no training steps recorded") && page.contains("0 steps"));
        assert!(page.contains("<code>lora</code>") && !page.contains("Norms of"));
    }

    #[test]
    fn validations_and_warnings_are_shown() {
        let mut run = report("");
        run.warnings = vec![Warning {
            step: 3,
            symptom: Symptom::Truncation,
            advice: "<too many> are cut".to_owned(),
        }];
        run.metrics.push(step(20, 0.5));
        run.validations = validations(&[0.25, 0.4, 0.375]);
        run.best = Some(BestStep {
            step: 10,
            accuracy: 0.4,
            result: Some("runs/one/best-steering.safetensors".into()),
        });
        let page = render(&run).replace('\u{a0}', " ");
        assert!(page.contains("after step 10: 40.00 %"), "the measurement");
        let best = "is that after step 10, 40.0 %: <code>best-steering.safetensors</code>";
        assert!(page.contains(best), "the best step");
        let last = "After step 20 it is 37.5 %: <code>steering.safetensors</code>.";
        assert!(page.contains(last), "the last step");
        run.best = Some(BestStep {
            step: 0,
            accuracy: 0.4,
            result: None,
        });
        assert!(render(&run).contains("No step is better than the base"));
        let advice = "Warning after step 3:</strong> &lt;too many&gt; are cut";
        assert!(page.contains(advice), "the advice");
    }
}
