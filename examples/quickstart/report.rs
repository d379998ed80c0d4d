//! The run's report: one self-contained HTML page, drawn by `report.html.jinja` from the numbers collected here.

use anyhow::Context as _;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::{Deserialize, Serialize};
use trimtab::lens::LayerReading;
use trimtab::{NanoTask, Outcome};

/// Everything the page shows.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Optimizer steps taken.
    pub(crate) steps: u64,
    /// Time of the whole run, in seconds.
    pub(crate) wall_seconds: f64,
    /// Largest resident size of the process in bytes, where the system tells.
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Seed of the run.
    pub(crate) seed: u64,
    /// Name of the base model.
    pub(crate) base_model: String,
    /// SHA-256 of the base model's weights, in hexadecimal.
    pub(crate) base_sha256: String,
    /// Count of trained numbers: layers times width.
    pub(crate) parameters: usize,
    /// Count of the base model's weights, none of them trained.
    pub(crate) base_parameters: usize,
    /// Measurements, one row per task; the first row trained on gives the headline.
    pub(crate) tasks: [TaskRow; 2],
    /// Training metrics, in order of step.
    pub(crate) curve: Vec<CurvePoint>,
    /// L2 norm of each layer's vector, first layer first.
    pub(crate) norms: Vec<f32>,
    /// What each layer's vector does to the logits.
    pub(crate) tokens: Vec<LayerReading>,
    /// The same problems answered before and after training.
    pub(crate) examples: Vec<Example>,
    /// The command that repeats the run.
    pub(crate) command: String,
}

/// One task, measured three ways on the same held-out problems.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskRow {
    /// Name of the task.
    pub(crate) task: NanoTask,
    /// Whether training prompts came from this task.
    pub(crate) trained_on: bool,
    /// The base model, unsteered.
    pub(crate) base: Outcome,
    /// With the trained vectors.
    pub(crate) steered: Outcome,
    /// With vectors of the same norms in random directions.
    pub(crate) control: Outcome,
}

/// What the page shows of one line of `metrics.jsonl`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct CurvePoint {
    /// Number of the step.
    pub(crate) step: u64,
    /// Share of this step's rollouts that were right.
    pub(crate) accuracy: f64,
    /// Mean completion length, in tokens.
    pub(crate) mean_length: f64,
    /// Gradient norm before clipping.
    pub(crate) grad_norm: f64,
}

/// One problem, answered before and after training.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Example {
    /// The problem.
    pub(crate) question: String,
    /// Its right answer.
    pub(crate) gold: String,
    /// The base model's answer.
    pub(crate) before: Answer,
    /// The steered model's answer.
    pub(crate) after: Answer,
}

/// A completion and its verdict.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    /// The completion, as sampled.
    pub(crate) text: String,
    /// Whether the checker accepts it.
    pub(crate) correct: bool,
}

/// Draws the page. Every text is escaped: most come from a model.
pub(crate) fn render(report: &Report) -> anyhow::Result<String> {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    env.set_syntax(syntax.context("the usual delimiters")?);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.add_filter("duration", duration);
    env.add_filter("fixed", fixed);
    env.add_filter("percent", percent);
    env.add_filter("position", position);
    env.add_filter("signed", signed);
    env.add_filter("thousands", thousands);
    env.add_filter("visible", visible);
    env.add_template("report", include_str!("report.html.jinja"))?;

    let half_window = (report.curve.len() / 20).clamp(1, 10); // steps on either side
    let chart = |value: fn(&CurvePoint) -> f64, top| {
        let points = report.curve.iter().map(|p| (p.step as f64, value(p)));
        LineChart::new(points.collect(), half_window, top)
    };
    let layers = report.tokens.iter();
    let effects = layers.flat_map(|layer| layer.raised.iter().chain(&layer.lowered));
    env.get_template("report")?
        .render(context! {
            report => Value::from(Serde(report)),
            headline => Value::from(Serde(report.tasks.iter().find(|row| row.trained_on))),
            window => 2 * half_window + 1,
            reward => Value::from(Serde(chart(|point| 100.0 * point.accuracy, Some(100.0)))),
            length => Value::from(Serde(chart(|point| point.mean_length, None))),
            gradient => Value::from(Serde(chart(|point| point.grad_norm, None))),
            strongest => effects.map(|effect| effect.logit.abs()).fold(0.0, f32::max),
        })
        .context("cannot render the report")
}

/// A curve laid out for the template: percent of the plot's width and height, from the top left.
#[derive(Debug, Serialize)]
struct LineChart {
    dots: Vec<Mark>,
    /// SVG path of the moving average, in a 100 by 100 box.
    average: String,
    x_ticks: Vec<Mark>,
    y_ticks: Vec<Mark>,
}

/// A labelled place in a chart.
#[derive(Debug, Serialize)]
struct Mark {
    x: String,
    y: String,
    label: String,
}

impl LineChart {
    /// Plots `(step, value)` from zero to `top`, or to a round number above the largest value.
    fn new(mut points: Vec<(f64, f64)>, half_window: usize, top: Option<f64>) -> Self {
        points.retain(|point| point.1.is_finite());
        let right = points.iter().map(|point| point.0).fold(1.0, f64::max);
        let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
        let y_step = tick_step(top.unwrap_or(highest));
        let top = top.unwrap_or_else(|| (highest / y_step).ceil().max(1.0) * y_step);
        let mark = |x: f64, y: f64, label: String| Mark {
            x: position(x, right),
            y: position(top - y, top),
            label,
        };
        let average = points.iter().enumerate().map(|(index, point)| {
            // The window shrinks evenly at both ends, so that the line does not lag there.
            let half = half_window.min(index).min(points.len() - 1 - index);
            let near = &points[index - half..=index + half];
            let mean = near.iter().map(|point| point.1).sum::<f64>() / near.len() as f64;
            let command = if index == 0 { 'M' } else { 'L' };
            let (x, y) = (position(point.0, right), position(top - mean, top));
            format!("{command}{x} {y}")
        });
        let dot = |&(x, y): &(f64, f64)| mark(x, y, format!("step {x}: {y:.2}"));
        let x_ticks = ticks(right, tick_step(right).max(1.0));
        let y_ticks = ticks(top, y_step);
        Self {
            average: average.collect(),
            dots: points.iter().map(dot).collect(),
            x_ticks: x_ticks.map(|(x, label)| mark(x, 0.0, label)).collect(),
            y_ticks: y_ticks.map(|(y, label)| mark(0.0, y, label)).collect(),
        }
    }
}

/// The round number (1, 2 or 5 times a power of ten) that cuts an axis into at most five parts.
fn tick_step(end: f64) -> f64 {
    if end <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf((end / 5.0).log10().floor());
    let steps = [power, 2.0 * power, 5.0 * power];
    let fitting = steps.into_iter().find(|step| end / step < 5.001);
    fitting.unwrap_or(10.0 * power)
}

/// Places and labels of the ticks from zero to `end`.
fn ticks(end: f64, step: f64) -> impl Iterator<Item = (f64, String)> {
    let decimals = (-step.log10().floor()).max(0.0) as usize;
    let places = (0..=(end / step + 0.001) as usize).map(move |index| index as f64 * step);
    places.map(move |at| (at, fixed(at, decimals)))
}

/// Place of `value` on an axis from zero to `end`, in percent; what lies outside sits on the edge.
fn position(value: f64, end: f64) -> String {
    let share = (value / end).clamp(0.0, 1.0).max(0.0); // `max` turns NaN to zero
    fixed(100.0 * share, 2)
}

fn fixed(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

fn signed(value: f64, decimals: usize) -> String {
    format!("{value:+.decimals$}").replace('-', "\u{2212}")
}

fn percent(share: Option<f64>, decimals: Option<usize>) -> String {
    let percent = |share: f64| format!("{}\u{a0}%", fixed(100.0 * share, decimals.unwrap_or(1)));
    share
        .filter(|share| share.is_finite())
        .map_or_else(|| "n/a".to_owned(), percent)
}

fn thousands(number: u64) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (above, rest) => format!("{},{rest:03}", thousands(above)),
    }
}

fn duration(seconds: f64) -> String {
    match (seconds.round() as u64 / 60, seconds.round() as u64 % 60) {
        (0, _) => format!("{seconds:.1}\u{a0}s"),
        (minutes @ 1..60, rest) => format!("{minutes}\u{a0}min {rest}\u{a0}s"),
        (minutes, _) => format!("{}\u{a0}h {}\u{a0}min", minutes / 60, minutes % 60),
    }
}

/// Makes white space, control and direction characters of a token visible.
fn visible(token: &str) -> String {
    let show = |c: char| match c {
        ' ' => "␣".to_owned(),
        '\n' => "⏎".to_owned(),
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    token.chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report whose every text is `text`.
    #[rustfmt::skip]
    fn report(text: &str) -> Report {
        let text = || text.to_owned();
        let outcome = |accuracy, accuracy_given_format| Outcome {
            accuracy, ci95: [accuracy - 0.04, accuracy + 0.04],
            pass_at_k: accuracy, pass_at_k_ci95: [0.0, 1.0], maj_at_k: accuracy, maj_at_k_ci95: [0.0, 1.0],
            pass_curve: vec![accuracy], format_rate: 0.713, accuracy_given_format, undecided_rate: 0.0,
            truncation_rate: 0.0, mean_length: 25.31, problems: 500, samples: 1,
        };
        let row = |task| TaskRow {
            task, trained_on: task == NanoTask::Gsm, base: outcome(0.294, Some(0.414)),
            steered: outcome(0.882, Some(0.896)), control: outcome(0.286, None),
        };
        let point = |step, grad_norm| CurvePoint { step, accuracy: 0.4, mean_length: 24.0, grad_norm };
        let effects = |logit| vec![trimtab::lens::TokenEffect { token: text(), logit }];
        let answer = |correct| Answer { text: text(), correct };
        Report {
            steps: 60, wall_seconds: 252.4, peak_memory_bytes: Some(431_000_000), seed: 7,
            base_model: text(), base_sha256: "9f86d081".to_owned(),
            parameters: 512, base_parameters: 1_934_208,
            tasks: NanoTask::ALL.map(row),
            curve: vec![point(1, 0.5), point(2, f64::NAN)],
            norms: vec![0.62, 2.31],
            tokens: vec![LayerReading { layer: 1, raised: effects(4.6), lowered: effects(-3.9) }],
            examples: vec![Example {
                question: text(), gold: text(), before: answer(false), after: answer(true),
            }],
            command: text(),
        }
    }

    #[test]
    fn numbers_appear() {
        let page = render(&report("nano")).unwrap().replace('\u{a0}', " ");
        let numbers = ">512 numbers|>29.4 %<|>88.2 %<|25.4 to 33.4 %|71.3 %|>n&#x2f;a<|>25.3<\
            |+58.8|−0.8|1,934,208|norm 2.31|+4.60|−3.90|>60<|4 min 12 s|411 MiB|9f86d081\
            |training: 0 of 1|after: 1 of 1|step 2: 40.00";
        for number in numbers.split('|') {
            assert!(page.contains(number), "{number} is missing");
        }
    }

    #[test]
    fn texts_are_escaped() {
        let page = render(&report("\"'><script>alert(1)</script></pre>")).unwrap();
        assert!(!page.contains("<script") && !page.contains("\"'>") && !page.contains("&amp;"));
        assert_eq!(page.matches("&lt;script&gt;alert(1)").count(), 10);
        assert_eq!(page.matches("</pre>").count(), 3);
    }

    #[test]
    fn empty_parts_render() {
        let mut report = report("");
        let page = render(&report).unwrap();
        assert!(page.contains("(empty)") && !page.contains("NaN"));
        (report.curve, report.examples, report.tokens) = (vec![], vec![], vec![]);
        (report.norms, report.peak_memory_bytes) = (vec![], None);
        let page = render(&report).unwrap();
        assert!(page.contains("no training steps recorded"));
        assert!(page.contains("No examples recorded."));
    }

    #[test]
    fn formats() {
        let labels = |end| ticks(end, tick_step(end)).map(|tick| tick.1);
        assert!(labels(0.14).eq(["0.00", "0.05", "0.10"]));
        assert!(labels(110.0).eq(["0", "50", "100"]));
        assert_eq!(position(1.0, 8.0), "12.50");
        assert_eq!(position(0.0, 0.0), "0.00");
        assert_eq!(thousands(1_934_208), "1,934,208");
        assert_eq!(thousands(7_002), "7,002");
        assert_eq!(duration(59.9).replace('\u{a0}', " "), "1 min 0 s");
        assert_eq!(visible(" Let\n\u{202e}"), "␣Let⏎\\u{202e}");
    }
}
