//! `report.html`: the curves of a run on one page without scripts.

use minijinja::{Environment, context};

use super::warnings;
use crate::metrics::StepMetrics;
use crate::recipe::Recipe;
use crate::run::Measurement;

/// Width and height of a curve in the units of its drawing.
const SIZE: [f64; 2] = [320.0, 120.0];

/// The page of a run so far.
pub(crate) fn page(recipe: &Recipe, metrics: &[StepMetrics], measured: &[Measurement]) -> String {
    let of = |name: &str, value: &dyn Fn(&StepMetrics) -> Option<f64>| {
        let points = metrics
            .iter()
            .filter_map(|step| Some((step.step, value(step)?)));
        curve(name, points.collect())
    };
    let norm = |step: &StepMetrics| {
        let squares = step.vector_norms.iter().map(|&norm| f64::from(norm * norm));
        (!step.vector_norms.is_empty()).then(|| squares.sum::<f64>().sqrt())
    };
    let selection = measured.iter().map(|one| (one.step, one.outcome.accuracy));
    let curves = [
        of("reward", &|step| Some(step.reward)),
        of("accuracy", &|step| Some(step.accuracy)),
        curve("accuracy on the selection problems", selection.collect()),
        of("format rate", &|step| Some(step.format_rate)),
        of("mean length, tokens", &|step| Some(step.mean_length)),
        of("truncation rate", &|step| Some(step.truncation_rate)),
        of("zero-variance rate", &|step| Some(step.zero_variance_rate)),
        of("entropy, nats", &|step| Some(step.entropy)),
        of("distance to the unsteered model, nats", &|step| step.kl),
        of("clip fraction", &|step| Some(step.clip_fraction)),
        of("loss", &|step| Some(step.loss)),
        of("gradient norm", &|step| Some(step.grad_norm.into())),
        of("vector norm", &norm),
        of("explained variance", &|step| step.explained_variance),
    ];
    let curves: Vec<minijinja::Value> = curves.into_iter().flatten().collect();
    let advice: Vec<&str> = warnings(metrics)
        .iter()
        .map(|warning| warning.advice())
        .collect();
    let skipped: Vec<(u64, String)> = metrics
        .iter()
        .filter_map(|step| Some((step.step, step.skipped.clone()?)))
        .collect();
    let mut environment = Environment::new();
    environment
        .add_template("page.html", include_str!("page.html.jinja"))
        .expect("a constant template");
    let template = environment.get_template("page.html").expect("just added");
    let recipe_text = recipe.to_toml();
    let steps = metrics.len();
    let of = recipe.steps;
    template
        .render(context! { curves, advice, skipped, recipe_text, steps, of })
        .expect("the template fits its values")
}

/// Points of a line, lowest and highest value; `None` without a point.
fn curve(name: &str, points: Vec<(u64, f64)>) -> Option<minijinja::Value> {
    let (first, last) = (points.first()?, points.last()?);
    let values = || points.iter().map(|&(_, value)| value);
    let (low, high) = (
        values().fold(f64::INFINITY, f64::min),
        values().fold(f64::NEG_INFINITY, f64::max),
    );
    let scale = |value: f64, low: f64, high: f64| {
        if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        }
    };
    let line: Vec<String> = points
        .iter()
        .map(|&(step, value)| {
            let x = SIZE[0] * scale(step as f64, first.0 as f64, last.0 as f64);
            let y = SIZE[1] * (1.0 - scale(value, low, high));
            format!("{x:.1},{y:.1}")
        })
        .collect();
    let text = |value: f64| format!("{value:.4}");
    Some(context! {
        name,
        line => line.join(" "),
        low => text(low),
        high => text(high),
        last => text(last.1),
        from => first.0,
        to => last.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_curves_that_have_points() {
        let mut steps: Vec<StepMetrics> = (1..=3)
            .map(|step| StepMetrics {
                reward: step as f64,
                ..StepMetrics::of_groups(step, &[])
            })
            .collect();
        steps[2].skipped = Some("<b>".to_owned());
        let html = page(&Recipe::default(), &steps, &[]);
        assert!(html.contains("0.0,120.0 160.0,60.0 320.0,0.0"), "{html}");
        assert!(
            html.contains("&lt;b&gt;") && !html.contains("<b>"),
            "{html}"
        );
        assert!(!html.contains("explained variance"), "{html}");
        assert!(page(&Recipe::default(), &[], &[]).contains("0 of 80"));
    }
}
