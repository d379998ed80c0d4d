//! The report as text.

use std::collections::BTreeMap;
use std::io;

use trimtab::lens::report::{ComparisonReport, LensReport, TextReport};
use trimtab::lens::significance::stars;
use trimtab::lens::{
    Component, LayerReading, LensPoint, Persistence, Reading, TokenEffect, TokenList,
    TrajectoryPoint, shown_steps,
};
use trimtab::steer::algebra::SubspaceOverlap;
use trimtab_examples::say;

/// Parts of a logit that are listed.
const PARTS: usize = 10;
/// Tokens of each step of a run.
const STEP_TOKENS: usize = 5;
/// Steps of a run.
const STEPS: usize = 10;

pub(crate) fn report(report: &LensReport) -> io::Result<()> {
    for reading in Reading::ALL {
        let layers: Vec<&LayerReading> = report
            .readings
            .iter()
            .filter(|it| it.reading == reading)
            .collect();
        if layers.is_empty() {
            continue;
        }
        say!(
            "{}: p by random directions, * < 0.05, ** < 0.01, *** < 0.001",
            reading.name()
        )?;
        for layer in layers {
            say!("layer {:>3}, length {:.3}", layer.layer, layer.norm)?;
            list("raises", &layer.promoted)?;
            list("lowers", &layer.suppressed)?;
            let groups = layer.groups.iter().filter(|group| group.p_corrected < 0.05);
            let groups = groups.map(|group| {
                let marks = stars(group.p_corrected);
                format!("{} {:+.3}{marks}", group.name, group.logit)
            });
            let groups: Vec<String> = groups.collect();
            if !groups.is_empty() {
                say!("    groups {}", groups.join(", "))?;
            }
        }
        say!("")?;
    }
    if !report.persistence.is_empty() {
        persistence(&report.persistence)?;
    }
    if !report.trajectory.is_empty() {
        trajectory(&report.trajectory)?;
    }
    if let Some(found) = &report.comparison {
        comparison(found)?;
    }
    if let Some(read) = &report.text {
        text(read)?;
    }
    if let Some(found) = &report.patching {
        let patching = &found.patching;
        say!(
            "logit of {:?} over {:?}: clean {:+.2}, corrupted {:+.2}; share that a {} brings back",
            found.answer,
            found.against,
            patching.clean,
            patching.corrupted,
            patching.site.name()
        )?;
        let width = found.clean.len();
        for row in patching.patches.chunks(width).rev() {
            let shares = row.iter().map(|patch| match patch.recovered {
                // Adding 0 takes the sign from a zero.
                Some(share) => format!("{:>6.2}", (100.0 * share).round() / 100.0 + 0.0),
                None => "     -".to_owned(),
            });
            say!("layer {:>3} {}", row[0].layer, shares.collect::<String>())?;
        }
    }
    Ok(())
}

fn list(what: &str, list: &TokenList) -> io::Result<()> {
    let tokens = list.tokens.iter().map(|effect: &TokenEffect| {
        format!(
            "{:?} {:+.2}{}",
            effect.token,
            effect.logit,
            stars(effect.p_corrected)
        )
    });
    let tokens: Vec<String> = tokens.collect();
    say!("    {what} (p = {:.3}) {}", list.p_value, tokens.join(", "))
}

fn persistence(points: &[Persistence]) -> io::Result<()> {
    say!(
        "cosine of each vector with what it has become, and how many times its length, at the end:"
    )?;
    for points in points.chunk_by(|a, b| a.vector_layer == b.vector_layer) {
        let (first, last) = (points[0], points[points.len() - 1]);
        let half = points.iter().find(|point| point.cosine < 0.5);
        let half = half.map_or(String::new(), |point| {
            format!(", below 0.5 from layer {} on", point.layer)
        });
        say!(
            "layer {:>3}: {:.2}, {:.1} times{half}",
            first.vector_layer,
            last.cosine,
            last.growth
        )?;
    }
    say!("")
}

fn trajectory(points: &[TrajectoryPoint]) -> io::Result<()> {
    say!("step by step: length, cosine with the last vector, and what the vector raises:")?;
    let steps = shown_steps(points, STEPS);
    let points = points.iter().filter(|point| steps.contains(&point.step));
    let mut layers: BTreeMap<usize, Vec<&TrajectoryPoint>> = BTreeMap::new();
    for point in points {
        layers.entry(point.tokens.layer).or_default().push(point);
    }
    for (layer, points) in layers {
        for point in points {
            let tokens = point.tokens.promoted.iter().map(|it| &it.token);
            let tokens = tokens.take(STEP_TOKENS).map(|token| format!("{token:?}"));
            let tokens: Vec<String> = tokens.collect();
            say!(
                "layer {layer:>3}, step {:>4}: {:.3} {:>6} {}",
                point.step,
                point.norm,
                number(point.cosine),
                tokens.join(", ")
            )?;
        }
    }
    say!("")
}

fn comparison(report: &ComparisonReport) -> io::Result<()> {
    let found = &report.comparison;
    for (index, name) in report.names.iter().enumerate() {
        say!("{} is {name}", index + 1)?;
    }
    let count = report.names.len();
    let moves = |side: usize| {
        let mut layers = report.changes.iter();
        layers.any(|layer| layer.relative_norms[side] > 0.0)
    };
    for side in (0..count).filter(|&side| !report.changes.is_empty() && !moves(side)) {
        say!("{} changes nothing on these prompts", side + 1)?;
    }
    let pairs = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
    for (i, j) in pairs {
        let has_vectors = |side: usize| found.overlap[side][side].is_some();
        let cosines = found.layers.iter().filter_map(|layer| {
            let cosine = layer.cosines[i][j]?;
            let marks = layer.p_values[i][j].map_or("", stars);
            Some(format!("{} {cosine:+.2}{marks}", layer.layer))
        });
        let cosines: Vec<String> = cosines.collect();
        let cosines = match cosines.len() {
            0 if has_vectors(i) && has_vectors(j) => "no layer in which both have a vector".into(),
            0 => "without vectors to compare".into(),
            _ => format!("cosines by layer {}", cosines.join(", ")),
        };
        say!("{} and {}: {cosines}", i + 1, j + 1)?;
        if let Some(SubspaceOverlap { share, chance }) = found.overlap[i][j] {
            say!("    overlap of subspaces {share:.3}, by chance {chance:.3}")?;
        }
        if moves(i) && moves(j) {
            let cosines = report
                .changes
                .iter()
                .map(|layer| match layer.cosines[i][j] {
                    Some(cosine) => format!("{} {cosine:+.2}", layer.layer),
                    None => format!("{} -", layer.layer),
                });
            let cosines: Vec<String> = cosines.collect();
            say!(
                "    cosines of what they change by layer {}",
                cosines.join(", ")
            )?;
        }
        if let [_, rows @ ..] = &report.kl[..] {
            say!(
                "    KL({0} || {1}) {2:.4} nats a token; KL({0} || base) {3:.4}, KL({1} || base) \
                 {4:.4}",
                i + 1,
                j + 1,
                rows[i][j + 1],
                rows[i][0],
                rows[j][0]
            )?;
        }
    }
    say!("")
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:+.3}"))
}

fn text(text: &TextReport) -> io::Result<()> {
    let Some(last) = text.tokens.len().checked_sub(1) else {
        return Ok(());
    };
    let steered = if text.steered { ", steered" } else { "" };
    let tuned = if text.tuned {
        " through the tuned lens"
    } else {
        ""
    };
    say!(
        "after {:?}{steered}, layer by layer{tuned}:",
        text.tokens[last]
    )?;
    for point in text.points.iter().filter(|point| point.position == last) {
        say!("layer {:>3} {}", point.layer, point_line(point))?;
    }
    if let Some(found) = &text.attribution {
        let against = found.against.as_ref();
        let against = against.map_or(String::new(), |token| format!(" over {token:?}"));
        say!(
            "logit of {:?}{against}: {:+.2}",
            found.answer,
            found.attribution.logit
        )?;
        let mut parts = found.attribution.contributions.clone();
        let (shown, all) = (PARTS.min(parts.len()), parts.len());
        say!("the {shown} strongest of {all} parts; a head is a part of its attention:")?;
        parts.sort_by(|a, b| b.logit.abs().total_cmp(&a.logit.abs()));
        for part in parts.iter().take(PARTS) {
            say!("    {:+.2}  {}", part.logit, component_name(part.component))?;
        }
    }
    Ok(())
}

pub(crate) fn component_name(component: Component) -> String {
    match component {
        Component::Embedding => "embedding".to_owned(),
        Component::Attention { layer } => format!("layer {layer}, attention"),
        Component::Head { layer, head } => format!("layer {layer}, head {head}"),
        Component::Mlp { layer } => format!("layer {layer}, MLP"),
        Component::Steering { layer } => format!("layer {layer}, steering"),
    }
}

fn point_line(point: &LensPoint) -> String {
    let top = point.top.iter();
    let top = top.map(|top| format!("{:?} {:.3}", top.token, top.probability));
    let chosen = point.chosen.iter();
    let chosen =
        chosen.map(|it| format!("{:?} {:.3} (rank {})", it.token, it.probability, it.rank));
    let top: Vec<String> = top.collect();
    let chosen: Vec<String> = chosen.collect();
    let followed = if chosen.is_empty() {
        String::new()
    } else {
        format!("; {}", chosen.join(", "))
    };
    format!(
        "entropy {:5.2}, KL to the model {:5.2}: {}{followed}",
        point.entropy,
        point.kl,
        top.join(", ")
    )
}
