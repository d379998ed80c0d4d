//! The figures of the report as SVG files, for papers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use trimtab::lens::report::{LensReport, TextReport};
use trimtab::lens::significance::stars;
use trimtab::lens::{LayerReading, Reading, TokenList, TrajectoryPoint};
use trimtab::model::file::write_atomically;
use trimtab::model::tokenizer::visible_token;

use crate::print::component_name;

const UP: RGBColor = RGBColor(11, 111, 179);
const DOWN: RGBColor = RGBColor(196, 122, 16);
const ROW: i32 = 18;
const MARGIN: i32 = 12;
/// Letters of a token that fit.
const LETTERS: usize = 10;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Writes a file for each figure that the report has something for.
pub(crate) fn write(report: &LensReport, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, svg) in figures(report)? {
        write_atomically(&folder.join(format!("{name}.svg")), svg.as_bytes())?;
    }
    Ok(())
}

/// Names and figures.
fn figures(report: &LensReport) -> Result<Vec<(String, String)>> {
    let mut figures = vec![];
    for reading in Reading::ALL {
        let layers = report.readings.iter().filter(|it| it.reading == reading);
        let layers: Vec<&LayerReading> = layers.collect();
        if !layers.is_empty() {
            figures.push((format!("vectors-{}", reading.name()), token_lists(&layers)?));
        }
    }
    let mut add = |name: &str, svg| figures.push((name.to_owned(), svg));
    if !report.persistence.is_empty() {
        let vectors = report.persistence.iter().map(|point| point.vector_layer);
        let vectors: Vec<usize> = vectors.collect::<BTreeSet<_>>().into_iter().collect();
        let cells = report.persistence.iter().map(|point| {
            let column = vectors.partition_point(|&layer| layer < point.vector_layer);
            ((point.layer, column), Cell::signed(point.cosine, 1.0, 2))
        });
        let columns = vectors.iter().map(usize::to_string).collect();
        let title = "Cosine of the vector of a layer (column) with the change after a layer (row)";
        add("persistence", HeatMap::new(title, columns, cells).draw()?);
    }
    if !report.trajectory.is_empty() {
        add("trajectory", training(&report.trajectory)?);
    }
    if let Some(found) = &report.comparison {
        let count = found.names.len();
        let pairs = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
        let pairs: Vec<(usize, usize)> = pairs.collect();
        let cells = found.comparison.layers.iter().flat_map(|layer| {
            let pairs = pairs.iter().enumerate();
            pairs.filter_map(|(column, &(i, j))| {
                let cosine = layer.cosines[i][j]?;
                Some(((layer.layer, column), Cell::signed(cosine, 1.0, 2)))
            })
        });
        let columns = pairs
            .iter()
            .map(|(i, j)| format!("{} and {}", i + 1, j + 1));
        let columns = columns.collect();
        let names = (1..).zip(&found.names);
        let notes = names.map(|(number, name)| format!("{number}: {name}"));
        let mut map = HeatMap::new("Cosine of two sets of vectors, by layer", columns, cells);
        map.notes = notes.collect();
        add("comparison", map.draw()?);
    }
    if let Some(text) = &report.text {
        of_text(text, &mut add)?;
    }
    if let Some(found) = &report.patching {
        let cells = found.patching.patches.iter().map(|patch| {
            let recovered = patch.recovered.unwrap_or_default();
            (
                (patch.layer, patch.position),
                Cell::signed(recovered, 1.0, 2),
            )
        });
        let title = "Share of the difference that one patch brings back";
        add(
            "patching",
            HeatMap::of_tokens(title, &found.clean, cells).draw()?,
        );
    }
    Ok(figures)
}

fn of_text(text: &TextReport, add: &mut impl FnMut(&str, String)) -> Result<()> {
    if !text.points.is_empty() {
        let cells = text.points.iter().map(|point| {
            let top = point.top.first();
            let cell = Cell {
                share: top.map_or(0.0, |top| top.probability),
                text: top.map_or(String::new(), |top| shortened(&top.token)),
            };
            ((point.layer, point.position), cell)
        });
        let title = "Likeliest next token after each layer; the color is its probability";
        add(
            "logit-lens",
            HeatMap::of_tokens(title, &text.tokens, cells).draw()?,
        );
        add("curves", curves(text)?);
    }
    if !text.projections.is_empty() {
        let cosines = text.projections.iter().map(|point| point.cosine.abs());
        let largest = cosines.fold(1e-9, f64::max);
        let cells = text.projections.iter().map(|point| {
            let cell = Cell::signed(point.cosine, largest, 2);
            ((point.layer, point.position), cell)
        });
        let title = "Cosine of the residual stream with the vector of the layer";
        add(
            "projection",
            HeatMap::of_tokens(title, &text.tokens, cells).draw()?,
        );
    }
    if let Some(found) = &text.attribution {
        let parts = found.attribution.contributions.iter();
        let parts = parts.map(|part| (component_name(part.component), part.logit));
        let mut parts: Vec<(String, f64)> = parts.collect();
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        parts.truncate(20);
        let against = found.against.as_ref();
        let against = against.map_or(String::new(), |it| format!(" over {}", visible_token(it)));
        let title = format!(
            "Logit of {}{against}, in nats",
            visible_token(&found.answer)
        );
        add("attribution", bars(&title, &parts)?);
    }
    Ok(())
}

/// Most tokens of a figure, which is some 3,000 pixels wide then.
const TOKENS: usize = 48;

/// A cell of a heat map.
struct Cell {
    /// From -1 to 1.
    share: f64,
    text: String,
}

impl Cell {
    fn signed(value: f64, largest: f64, decimals: usize) -> Self {
        Self {
            share: (value / largest).clamp(-1.0, 1.0),
            text: signed(value, decimals),
        }
    }
}

/// A number with a proper minus, and none for a zero.
fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.chars().all(|it| matches!(it, '-' | '0' | '.'));
    text.replace('-', if is_zero { "" } else { "\u{2212}" })
}

/// Cells by layer and column. The last layer is on top.
struct HeatMap<'a> {
    title: &'a str,
    columns: Vec<String>,
    /// Cells with their columns, by layer.
    rows: BTreeMap<usize, Vec<(usize, Cell)>>,
    /// Lines below the cells.
    notes: Vec<String>,
}

impl<'a> HeatMap<'a> {
    /// Cells come with layer and column.
    fn new(
        title: &'a str,
        columns: Vec<String>,
        cells: impl Iterator<Item = ((usize, usize), Cell)>,
    ) -> Self {
        let mut rows: BTreeMap<usize, Vec<(usize, Cell)>> = BTreeMap::new();
        for ((layer, column), cell) in cells {
            rows.entry(layer).or_default().push((column, cell));
        }
        Self {
            title,
            columns,
            rows,
            notes: vec![],
        }
    }

    /// A column for each token of a text, or for the last ones of a long text.
    fn of_tokens(
        title: &'a str,
        tokens: &[String],
        cells: impl Iterator<Item = ((usize, usize), Cell)>,
    ) -> Self {
        let first = tokens.len().saturating_sub(TOKENS);
        let columns = tokens[first..].iter().map(|it| shortened(it)).collect();
        let cells = cells.filter_map(|((layer, position), cell)| {
            Some(((layer, position.checked_sub(first)?), cell))
        });
        let mut map = Self::new(title, columns, cells);
        if first > 0 {
            let note = format!("the last {TOKENS} of {} tokens", tokens.len());
            map.notes.push(note);
        }
        map
    }

    fn draw(&self) -> Result<String> {
        const WIDTH: i32 = 66;
        const LEFT: i32 = 64;
        const TOP: i32 = 56;
        let size = (
            (LEFT + WIDTH * self.columns.len() as i32 + MARGIN).max(480),
            TOP + ROW * (self.rows.len() + self.notes.len()) as i32 + MARGIN,
        );
        svg(size, |area| {
            let below = TOP + ROW * self.rows.len() as i32;
            for (line, note) in (0..).zip(&self.notes) {
                let middle = below + ROW * line + ROW / 2 + 4;
                text(area, note, (MARGIN, middle), 11, HPos::Left)?;
            }
            text(area, self.title, (MARGIN, 18), 14, HPos::Left)?;
            for (column, name) in (0..).zip(&self.columns) {
                let x = LEFT + WIDTH * column + WIDTH / 2;
                text(area, name, (x, TOP - 11), 11, HPos::Center)?;
            }
            for (row, (layer, cells)) in (0..).zip(self.rows.iter().rev()) {
                let y = TOP + ROW * row;
                let middle = y + ROW / 2;
                text(
                    area,
                    &format!("layer {layer}"),
                    (LEFT - 6, middle),
                    11,
                    HPos::Right,
                )?;
                for (column, cell) in cells {
                    let x = LEFT + WIDTH * *column as i32;
                    let corners = [(x, y), (x + WIDTH - 1, y + ROW - 1)];
                    let color = if cell.share > 0.0 { UP } else { DOWN };
                    let color = color.mix(0.75 * cell.share.abs());
                    area.draw(&Rectangle::new(corners, color.filled()))?;
                    text(area, &cell.text, (x + WIDTH / 2, middle), 11, HPos::Center)?;
                }
            }
            Ok(())
        })
    }
}

/// The names of columns of tokens.
/// As much of a token as fits. Letters beyond ASCII can be twice as wide.
fn shortened(token: &str) -> String {
    let token = visible_token(token);
    let mut width = 0;
    let is_within = |letter: &char| {
        width += if letter.is_ascii() { 1 } else { 2 };
        width <= LETTERS
    };
    let start: String = token.chars().take_while(is_within).collect();
    if start.len() < token.len() {
        return format!("{start}…");
    }
    start
}

/// Bars from a middle line to both sides.
fn bars(title: &str, parts: &[(String, f64)]) -> Result<String> {
    const WIDTH: i32 = 560;
    const MIDDLE: i32 = 320;
    const REACH: f64 = 170.0;
    const TOP: i32 = 40;
    let largest = parts
        .iter()
        .map(|(_, value)| value.abs())
        .fold(1e-9, f64::max);
    svg((WIDTH, TOP + ROW * parts.len() as i32 + MARGIN), |area| {
        text(area, title, (MARGIN, 18), 14, HPos::Left)?;
        for (row, (name, value)) in (0..).zip(parts) {
            let y = TOP + ROW * row;
            text(area, name, (MARGIN, y + ROW / 2), 12, HPos::Left)?;
            let end = MIDDLE + (REACH * value / largest) as i32;
            bar(area, (MIDDLE, end), (y + 3, y + ROW - 3), *value)?;
            let value = format!("{value:+.2}").replace('-', "\u{2212}");
            text(area, &value, (WIDTH - MARGIN, y + ROW / 2), 12, HPos::Right)?;
        }
        Ok(())
    })
}

fn bar(area: &Area, (from, to): (i32, i32), (top, bottom): (i32, i32), value: f64) -> Drawn {
    let color = if value > 0.0 { UP } else { DOWN };
    let corners = [(from.min(to), top), (from.max(to), bottom)];
    Ok(area.draw(&Rectangle::new(corners, color.filled()))?)
}

/// What the vectors of the layers raise and lower, a block for each.
fn token_lists(layers: &[&LayerReading]) -> Result<String> {
    const IN_ROW: usize = 3;
    const BLOCK: i32 = 330;
    let tokens = |list: &TokenList| list.tokens.len();
    let lists = layers.iter().flat_map(|it| [&it.promoted, &it.suppressed]);
    let longest = lists.clone().map(tokens).max().unwrap_or(0) as i32;
    let logits = lists
        .flat_map(|list| &list.tokens)
        .map(|it| f64::from(it.logit).abs());
    let largest = logits.fold(1e-9, f64::max);
    let height = ROW * (longest + 3);
    let columns = layers.len().min(IN_ROW) as i32;
    let rows = layers.len().div_ceil(IN_ROW) as i32;
    svg((BLOCK * columns + MARGIN, height * rows + 30), |area| {
        let title = format!(
            "{}: nats, with corrected p-values * < 0.05, ** < 0.01, *** < 0.001",
            layers[0].reading.name()
        );
        text(area, &title, (MARGIN, 16), 12, HPos::Left)?;
        for (index, layer) in layers.iter().enumerate() {
            let x = BLOCK * (index % IN_ROW) as i32 + MARGIN;
            let y = height * (index / IN_ROW) as i32 + 36;
            let name = format!("layer {}, length {:.3}", layer.layer, layer.norm);
            text(area, &name, (x, y), 13, HPos::Left)?;
            for (side, list) in (0..).zip([&layer.promoted, &layer.suppressed]) {
                let x = x + side * (BLOCK / 2);
                let name = format!(
                    "{}, p = {:.3}{}",
                    ["raises", "lowers"][side as usize],
                    list.p_value,
                    stars(list.p_value)
                );
                text(area, &name, (x, y + ROW), 11, HPos::Left)?;
                for (row, effect) in (2..).zip(&list.tokens) {
                    let y = y + ROW * row;
                    let reach = 60.0 * f64::from(effect.logit).abs() / largest;
                    let across = (x, x + reach as i32 + 1);
                    bar(area, across, (y + 6, y + 9), effect.logit.into())?;
                    let token = shortened(&effect.token);
                    text(area, &token, (x, y - 1), 11, HPos::Left)?;
                    let marks = stars(effect.p_corrected);
                    let value = format!("{:+.2}{marks}", effect.logit).replace('-', "\u{2212}");
                    text(area, &value, (x + 78, y - 1), 11, HPos::Left)?;
                }
            }
        }
        Ok(())
    })
}

/// Lines of a panel, each with its name and points.
type Lines = Vec<(String, Vec<(f64, f64)>)>;

fn curves(text: &TextReport) -> Result<String> {
    let panel = |value: &dyn Fn(&trimtab::lens::LensPoint) -> Option<f64>| -> Lines {
        let mut layers: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for point in &text.points {
            layers.entry(point.layer).or_default().extend(value(point));
        }
        let means = layers.into_iter().filter(|(_, values)| !values.is_empty());
        let means = means.map(|(layer, values)| {
            (
                layer as f64,
                values.iter().sum::<f64>() / values.len() as f64,
            )
        });
        vec![(String::new(), means.collect())]
    };
    let panels = [
        ("Entropy, nats", panel(&|point| Some(point.entropy))),
        ("KL to the model, nats", panel(&|point| Some(point.kl))),
        (
            "Cross-entropy of the text, nats",
            panel(&|point| point.cross_entropy),
        ),
    ];
    lines("layer", &panels)
}

fn training(points: &[TrajectoryPoint]) -> Result<String> {
    let panel = |value: &dyn Fn(&TrajectoryPoint) -> Option<f64>| -> Lines {
        let mut layers: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
        for point in points {
            let found = value(point).map(|value| (point.step as f64, value));
            layers.entry(point.tokens.layer).or_default().extend(found);
        }
        let named = layers.into_iter();
        named
            .map(|(layer, points)| (format!("layer {layer}"), points))
            .collect()
    };
    let panels = [
        ("Length of the vectors", panel(&|point| Some(point.norm))),
        ("Cosine with the last vector", panel(&|point| point.cosine)),
    ];
    lines("step", &panels)
}

/// Panels side by side, with the same lines. A legend names them if there are several.
fn lines(x_name: &str, panels: &[(&str, Lines)]) -> Result<String> {
    const SIZE: (i32, i32) = (330, 260);
    let names = panels.first().map_or(&[][..], |(_, lines)| lines);
    let names: Vec<&String> = names.iter().map(|(name, _)| name).collect();
    let names = if names.len() > 1 { names } else { vec![] };
    let legend = if names.is_empty() { 0 } else { 90 };
    let height = SIZE.1.max(30 + ROW * names.len() as i32);
    svg((SIZE.0 * panels.len() as i32 + legend, height), |area| {
        let (charts, _) = area.split_horizontally(SIZE.0 * panels.len() as i32);
        let charts = charts.split_evenly((1, panels.len()));
        for (area, (title, lines)) in charts.iter().zip(panels) {
            let points = lines.iter().flat_map(|(_, points)| points);
            let range = |axis: &dyn Fn(&(f64, f64)) -> f64| {
                let values = points.clone().map(axis);
                let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), x| {
                    (low.min(x), high.max(x))
                });
                if low <= high { (low, high) } else { (0.0, 1.0) }
            };
            let (left, right) = range(&|point| point.0);
            let (low, high) = range(&|point| point.1);
            let (low, high) = (low.min(0.0), high.max(1e-9));
            let mut chart = ChartBuilder::on(area)
                .margin(10)
                .caption(*title, ("sans-serif", 13))
                .x_label_area_size(34)
                .y_label_area_size(44)
                .build_cartesian_2d(left..right.max(left + 1e-9), low..high * 1.05)?;
            chart
                .configure_mesh()
                .light_line_style(WHITE)
                // No more than there are whole numbers.
                .x_labels(6.min((right - left) as usize + 1))
                .y_labels(6)
                .x_label_formatter(&|x| format!("{x:.0}"))
                .x_desc(x_name)
                .draw()?;
            for (index, (_, points)) in lines.iter().enumerate() {
                let style = color(index, lines.len()).stroke_width(2);
                chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            }
        }
        for (row, (index, name)) in (0..).zip(names.iter().enumerate()) {
            let (x, y) = (SIZE.0 * panels.len() as i32, 30 + ROW * row);
            let color = color(index, names.len());
            area.draw(&Rectangle::new([(x, y - 2), (x + 12, y)], color.filled()))?;
            text(area, name, (x + 18, y - 1), 11, HPos::Left)?;
        }
        Ok(())
    })
}

/// The color of a line, from that of the first to that of the last.
fn color(index: usize, lines: usize) -> RGBColor {
    let share = index as f64 / (lines.max(2) - 1) as f64;
    let part = |from: u8, to: u8| (f64::from(from) * (1.0 - share) + f64::from(to) * share) as u8;
    RGBColor(part(UP.0, DOWN.0), part(UP.1, DOWN.1), part(UP.2, DOWN.2))
}

fn svg((width, height): (i32, i32), draw: impl FnOnce(&Area) -> Drawn) -> Result<String> {
    let mut svg = String::new();
    {
        let size = (width as u32, height as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let drawn = area.fill(&WHITE).map_err(Into::into);
        let drawn = drawn.and_then(|()| draw(&area));
        let drawn = drawn.and_then(|()| Ok(area.present()?));
        drawn.ok().context("cannot draw a figure")?;
    }
    Ok(svg)
}

/// Text beside a point, in the middle of its line.
fn text(area: &Area, text: &str, at: (i32, i32), size: i32, anchor: HPos) -> Drawn {
    let style = ("sans-serif", size).into_text_style(area);
    Ok(area.draw_text(text, &style.pos(Pos::new(anchor, VPos::Center)), at)?)
}
