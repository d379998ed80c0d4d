//! The report as text.

use std::io;

use trimtab::lens::report::{LensReport, TextReport};
use trimtab::lens::significance::stars;
use trimtab::lens::{
    Component, LayerReading, LensPoint, Persistence, Reading, TokenEffect, TokenList,
};
use trimtab_examples::say;

/// Parts of a logit that are listed.
const PARTS: usize = 10;

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
                Some(share) => format!("{share:>6.2}"),
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

fn text(text: &TextReport) -> io::Result<()> {
    let Some(last) = text.tokens.len().checked_sub(1) else {
        return Ok(());
    };
    let steered = if text.steered { ", steered" } else { "" };
    say!("after {:?}{steered}, layer by layer:", text.tokens[last])?;
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
            let name = match part.component {
                Component::Embedding => "embedding".to_owned(),
                Component::Attention { layer } => format!("layer {layer}, attention"),
                Component::Head { layer, head } => format!("layer {layer}, head {head}"),
                Component::Mlp { layer } => format!("layer {layer}, MLP"),
                Component::Steering { layer } => format!("layer {layer}, steering"),
            };
            say!("    {:+.2}  {name}", part.logit)?;
        }
    }
    Ok(())
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
