//! Renders the page from its template.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use serde::Serialize;
use trimtab_model::tokenizer::visible_token;
use trimtab_steer::algebra::SubspaceOverlap;

use super::{ComparisonReport, LensReport};
use crate::attribution::{Component, Contribution};
use crate::logit_lens::LensPoint;
use crate::significance::stars;
use crate::trajectory::{TrajectoryPoint, shown_steps};
use crate::vector_lens::{LayerReading, Reading};

pub(super) fn render(report: &LensReport) -> String {
    // The most telling one first.
    let mut readings = Reading::ALL.map(|reading| Readings::of(report, reading));
    readings.reverse();
    let readings: Vec<&Readings> = readings.iter().filter(|it| !it.layers.is_empty()).collect();
    let text = report.text.as_ref();
    let heat = text.map(|text| rows_by_layer(&text.points, |point| point.layer));
    let projections = text.map(|text| rows_by_layer(&text.projections, |point| point.layer));
    let largest_cosine = text.map_or(0.0, |text| {
        largest(text.projections.iter().map(|point| point.cosine))
    });
    let persistence = rows_by_layer(&report.persistence, |point| point.layer);
    let patches = report.patching.as_ref();
    let patches = patches.map(|it| rows_by_layer(&it.patching.patches, |patch| patch.layer));
    environment()
        .get_template("page")
        .expect("just added")
        .render(context! {
            report => Value::from(Serde(report)),
            readings => Value::from(Serde(readings)),
            heat => Value::from(Serde(heat)),
            curves => Value::from(Serde(text.map(|text| Curves::of(&text.points)))),
            projections => Value::from(Serde(projections)),
            largest_cosine,
            parts => Value::from(Serde(text.and_then(|text| text.attribution.as_ref()).map(
                |it| Parts::of(&it.attribution.contributions)
            ))),
            persistence => Value::from(Serde(persistence)),
            trajectory => Value::from(Serde(Trajectory::of(&report.trajectory))),
            comparison => Value::from(Serde(report.comparison.as_ref().map(Alike::of))),
            patches => Value::from(Serde(patches)),
        })
        .expect("the template fits its values")
}

/// One reading of all layers.
#[derive(Serialize)]
struct Readings<'a> {
    name: &'static str,
    title: &'static str,
    formula: &'static str,
    layers: Vec<&'a LayerReading>,
    /// The largest change of a logit, the length of a full bar.
    largest: f64,
    draws: usize,
}

impl<'a> Readings<'a> {
    fn of(report: &'a LensReport, reading: Reading) -> Self {
        let layers = report.readings.iter().filter(|it| it.reading == reading);
        let layers: Vec<&LayerReading> = layers.collect();
        let effects = layers
            .iter()
            .flat_map(|it| it.promoted.tokens.iter().chain(&it.suppressed.tokens));
        let is_measured = matches!(reading, Reading::SameLayer | Reading::LastLayer);
        let (title, formula) = match reading {
            Reading::Unembedding => ("Through the unembedding", "W_U s"),
            Reading::Linearised => (
                "Linearised at the mean residual stream",
                "The derivative of W_U norm(r) along s",
            ),
            Reading::SameLayer => (
                "Measured at the vector's layer",
                "The mean of W_U (norm(r + s) − norm(r)) over the tokens of the prompts",
            ),
            Reading::LastLayer => (
                "Measured at the end of the model",
                "The mean change of the model's logits over the tokens of the prompts",
            ),
        };
        Self {
            name: reading.name(),
            title,
            formula,
            largest: largest(effects.map(|effect| f64::from(effect.logit))),
            layers,
            draws: if is_measured {
                report.measured_draws
            } else {
                report.draws
            },
        }
    }
}

/// The last layer first, as the residual stream rises.
fn rows_by_layer<T>(items: &[T], layer: impl Fn(&T) -> usize) -> Vec<(usize, Vec<&T>)> {
    let mut rows: BTreeMap<usize, Vec<&T>> = BTreeMap::new();
    for item in items {
        rows.entry(layer(item)).or_default().push(item);
    }
    rows.into_iter().rev().collect()
}

/// The steps of a training run that fit on a page.
#[derive(Serialize)]
struct Trajectory<'a> {
    steps: Vec<u64>,
    /// The last layer first, each with the steps in order.
    layers: Vec<(usize, Vec<&'a TrajectoryPoint>)>,
}

impl<'a> Trajectory<'a> {
    /// `None` if there are no steps.
    fn of(points: &'a [TrajectoryPoint]) -> Option<Self> {
        const COLUMNS: usize = 12;
        let steps = shown_steps(points, COLUMNS);
        if steps.is_empty() {
            return None;
        }
        let points = points.iter().filter(|it| steps.contains(&it.step));
        let mut layers: BTreeMap<usize, Vec<&TrajectoryPoint>> = BTreeMap::new();
        for point in points {
            layers.entry(point.tokens.layer).or_default().push(point);
        }
        let layers = layers.into_iter().rev().collect();
        Some(Self { steps, layers })
    }
}

/// Sets of vectors, pair by pair.
#[derive(Serialize)]
struct Alike<'a> {
    names: &'a [String],
    overlap: &'a [Vec<Option<SubspaceOverlap>>],
    /// The base, then the sets.
    kl: &'a [Vec<f64>],
    /// Numbers of the two sets of each pair, from 1.
    pairs: Vec<(usize, usize)>,
    /// The last layer first, with cosine and p-value of each pair.
    layers: Vec<(usize, Vec<CosineAndP>)>,
    /// The last layer first, with the cosine of each pair's changes.
    changes: Vec<(usize, Vec<Option<f64>>)>,
}

type CosineAndP = Option<(f64, f64)>;

impl<'a> Alike<'a> {
    fn of(report: &'a ComparisonReport) -> Self {
        let count = report.names.len();
        let pairs = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
        let pairs: Vec<(usize, usize)> = pairs.collect();
        let layers = report.comparison.layers.iter().rev().map(|layer| {
            let cells = pairs
                .iter()
                .map(|&(i, j)| layer.cosines[i][j].zip(layer.p_values[i][j]));
            (layer.layer, cells.collect())
        });
        let changes = report.changes.iter().rev().map(|layer| {
            let cells = pairs.iter().map(|&(i, j)| layer.cosines[i][j]);
            (layer.layer, cells.collect())
        });
        Self {
            names: &report.names,
            changes: changes.collect(),
            overlap: &report.comparison.overlap,
            kl: &report.kl,
            layers: layers.collect(),
            pairs: pairs.into_iter().map(|(i, j)| (i + 1, j + 1)).collect(),
        }
    }
}

/// Means over the positions of a text, by layer.
#[derive(Serialize)]
struct Curves {
    entropy: Curve,
    kl: Curve,
    cross_entropy: Curve,
}

/// A curve over layers in a box of 100 by 100, from the top left.
#[derive(Serialize)]
struct Curve {
    path: String,
    /// The value at the top.
    top: f64,
    /// Layers with their values and places.
    points: Vec<(usize, f64, f64, f64)>,
}

impl Curves {
    fn of(points: &[LensPoint]) -> Self {
        Self {
            entropy: Curve::of(points, |point| Some(point.entropy)),
            kl: Curve::of(points, |point| Some(point.kl)),
            cross_entropy: Curve::of(points, |point| point.cross_entropy),
        }
    }
}

impl Curve {
    fn of(points: &[LensPoint], value: impl Fn(&LensPoint) -> Option<f64>) -> Self {
        let mut sums: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
        for point in points {
            if let Some(value) = value(point) {
                let (sum, count) = sums.entry(point.layer).or_default();
                *sum += value;
                *count += 1;
            }
        }
        let means: Vec<(usize, f64)> = sums
            .into_iter()
            .map(|(layer, (sum, count))| (layer, sum / count as f64))
            .collect();
        let top = means.iter().map(|(_, mean)| *mean).fold(1e-9, f64::max);
        let last = means.last().map_or(1, |(layer, _)| *layer).max(1) as f64;
        let points: Vec<(usize, f64, f64, f64)> = means
            .into_iter()
            .map(|(layer, mean)| {
                let (x, y) = (100.0 * layer as f64 / last, 100.0 - 100.0 * mean / top);
                (layer, mean, x, y)
            })
            .collect();
        let steps = points.iter().enumerate().map(|(index, (_, _, x, y))| {
            let step = if index == 0 { 'M' } else { 'L' };
            format!("{step}{x:.2} {y:.2}")
        });
        Self {
            path: steps.collect(),
            top,
            points,
        }
    }
}

/// What components add to a logit.
#[derive(Serialize)]
struct Parts {
    /// All but the heads, in the order of the model: name and nats.
    components: Vec<(String, f64)>,
    largest: f64,
    /// The heads that add or take most.
    heads: Vec<(String, f64)>,
    largest_head: f64,
}

impl Parts {
    fn of(contributions: &[Contribution]) -> Self {
        const HEADS: usize = 12;
        let name = |component: Component| match component {
            Component::Embedding => "embedding".to_owned(),
            Component::Attention { layer } => format!("{layer} attention"),
            Component::Head { layer, head } => format!("layer {layer}, head {head}"),
            Component::Mlp { layer } => format!("{layer} MLP"),
            Component::Steering { layer } => format!("{layer} steering"),
        };
        let is_head = |it: &&Contribution| matches!(it.component, Component::Head { .. });
        let (mut heads, components): (Vec<&Contribution>, Vec<&Contribution>) =
            contributions.iter().partition(|it| is_head(it));
        heads.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
        heads.truncate(HEADS);
        let named = |parts: &[&Contribution]| -> Vec<(String, f64)> {
            let parts = parts.iter().map(|it| (name(it.component), it.logit));
            parts.collect()
        };
        Self {
            largest: largest(components.iter().map(|it| it.logit)),
            components: named(&components),
            largest_head: largest(heads.iter().map(|it| it.logit)),
            heads: named(&heads),
        }
    }
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.map(f64::abs).fold(1e-9, f64::max)
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
    environment.add_filter("fixed", |value: f64, decimals: usize| {
        format!("{value:.decimals$}").replace('-', "\u{2212}")
    });
    environment.add_filter("signed", |value: f64, decimals: usize| {
        format!("{value:+.decimals$}").replace('-', "\u{2212}")
    });
    environment.add_filter("p", p_value);
    environment.add_filter("stars", stars);
    environment.add_filter("visible", |token: &str| visible_token(token));
    environment.add_filter("share", |value: f64, whole: f64| {
        format!("{:.1}", (100.0 * value.abs() / whole).clamp(0.0, 100.0))
    });
    for (name, source) in [
        ("page", include_str!("page.html.jinja")),
        ("style", include_str!("page.css")),
    ] {
        let added = environment.add_template(name, source);
        added.expect("the template is part of the program");
    }
    environment
}

/// A p-value for people.
fn p_value(p: f64) -> String {
    match p {
        p if p < 1e-4 => format!("{p:.0e}"),
        p if p < 0.01 => format!("{p:.4}"),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::Attribution;
    use crate::changes::LayerChanges;
    use crate::comparison::{Comparison, LayerCosines};
    use crate::logit_lens::{RankedToken, TokenProbability};
    use crate::patching::{Patch, Patching};
    use crate::persistence::Persistence;
    use crate::projection::Projection;
    use crate::report::{AttributionReport, PatchingReport, TextReport};
    use crate::vector_lens::{GroupEffect, TokenEffect, TokenList};
    use crate::vector_tokens::{LayerTokens, TokenLogit};
    use trimtab_model::Site;

    const HOSTILE: &str = "<script>alert(1)</script>\u{202e}";
    const NAME: &str = "<script>name";

    fn list() -> TokenList {
        TokenList {
            p_value: 0.0005,
            p_shuffled: None,
            tokens: vec![TokenEffect {
                token: HOSTILE.to_owned(),
                id: 3,
                logit: -1.25,
                z: -6.0,
                p_value: 1e-9,
                p_corrected: 0.0009,
            }],
        }
    }

    fn point_of_run(step: u64) -> TrajectoryPoint {
        TrajectoryPoint {
            step,
            norm: 0.25,
            cosine: (step > 0).then_some(0.5),
            tokens: LayerTokens {
                layer: 2,
                promoted: vec![TokenLogit {
                    token: HOSTILE.to_owned(),
                    logit: 1.0,
                }],
                suppressed: vec![],
            },
        }
    }

    fn two_sets() -> ComparisonReport {
        let matrix = |own, other| vec![vec![Some(own), Some(other)], vec![Some(other), Some(own)]];
        ComparisonReport {
            names: vec![NAME.to_owned(), NAME.to_owned()],
            comparison: Comparison {
                layers: vec![LayerCosines {
                    layer: 2,
                    cosines: matrix(1.0, -0.5),
                    p_values: matrix(0.0, 0.004),
                }],
                overlap: vec![vec![None; 2]; 2],
            },
            changes: vec![LayerChanges {
                layer: 2,
                relative_norms: vec![0.25; 2],
                cosines: matrix(1.0, 0.375),
            }],
            kl: vec![vec![0.0, 0.125, 0.25]; 3],
        }
    }

    fn whole() -> LensReport {
        let reading = |reading| LayerReading {
            layer: 2,
            reading,
            norm: 0.5,
            promoted: list(),
            suppressed: list(),
            groups: vec![GroupEffect {
                name: NAME.to_owned(),
                tokens: 4,
                logit: 0.1,
                z: 2.0,
                p_corrected: 0.2,
            }],
        };
        let point = |layer| LensPoint {
            layer,
            position: 0,
            top: vec![TokenProbability {
                token: HOSTILE.to_owned(),
                id: 3,
                probability: 0.5,
            }],
            chosen: vec![RankedToken {
                token: HOSTILE.to_owned(),
                id: 3,
                probability: 0.5,
                rank: 0,
            }],
            entropy: 1.0,
            kl: 2.0,
            cross_entropy: None,
        };
        let contributions = [
            Component::Embedding,
            Component::Head { layer: 0, head: 1 },
            Component::Steering { layer: 0 },
        ];
        let contributions = contributions.map(|component| Contribution {
            component,
            logit: -0.5,
        });
        LensReport {
            model: NAME.to_owned(),
            vectors: vec![NAME.to_owned()],
            readings: Reading::ALL.map(reading).to_vec(),
            draws: 100,
            measured_draws: 20,
            persistence: vec![Persistence {
                vector_layer: 0,
                layer: 1,
                cosine: 0.25,
                growth: 1.5,
                relative_norm: 0.5,
            }],
            run: Some(NAME.to_owned()),
            trajectory: (0..30).map(point_of_run).collect(),
            comparison: Some(two_sets()),
            text: Some(TextReport {
                tokens: vec![HOSTILE.to_owned()],
                steered: true,
                tuned: true,
                points: vec![point(0), point(1)],
                projections: vec![Projection {
                    layer: 1,
                    position: 0,
                    projection: 2.0,
                    cosine: -0.25,
                }],
                attribution: Some(AttributionReport {
                    answer: HOSTILE.to_owned(),
                    against: Some(HOSTILE.to_owned()),
                    attribution: Attribution {
                        logit: -1.0,
                        contributions: contributions.to_vec(),
                    },
                }),
            }),
            patching: Some(PatchingReport {
                clean: vec![HOSTILE.to_owned()],
                corrupted: vec![HOSTILE.to_owned()],
                answer: HOSTILE.to_owned(),
                against: HOSTILE.to_owned(),
                patching: Patching {
                    site: Site::ResidPost,
                    clean: 1.0,
                    corrupted: -1.0,
                    patches: vec![Patch {
                        layer: 0,
                        position: 0,
                        difference: 0.0,
                        recovered: Some(0.5),
                    }],
                },
            }),
        }
    }

    #[test]
    fn every_part_is_shown_and_every_text_is_escaped() {
        let page = render(&whole());
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains('\u{202e}'), "{page}");
        for part in [
            "Through the unembedding",
            "Measured at the end of the model",
            "groups of tokens",
            "What each layer would say next",
            "KL to the model",
            "strongest heads",
            "How the text lies along the vectors",
            "What becomes of each vector",
            "How the vectors came to be",
            "How alike the runs are",
            "−0.50**",
            "through a tuned lens",
            "1.50 times its length, 50.00 %",
            "What carries the difference",
            "−1.25***",
            "p = 0.0005***",
            "0.50",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let page = render(&LensReport::default());
        assert!(!page.contains("<section>"), "{page}");
        let mut report = whole();
        let text = report.text.as_mut().expect("a text");
        (text.projections, text.attribution) = (vec![], None);
        (report.patching, report.readings, report.persistence) = (None, vec![], vec![]);
        (report.trajectory, report.comparison) = (vec![], None);
        assert_eq!(render(&report).matches("<section>").count(), 1);
    }
    #[test]
    fn a_long_run_is_shown_from_its_first_step_to_its_last() {
        let report = whole();
        let shown = Trajectory::of(&report.trajectory).expect("steps").steps;
        assert_eq!((shown.len(), shown[0], shown[11]), (12, 0, 29));
        let few = Trajectory::of(&report.trajectory[..3]).expect("steps");
        assert_eq!(few.steps, [0, 1, 2]);
        let one = Trajectory::of(&report.trajectory[4..5]).expect("a step");
        assert_eq!((one.steps, one.layers.len()), (vec![4], 1));
    }
}
