//! The results as a figure.

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::Measured;

const WIDTH: u32 = 720;
const ROW: u32 = 22;
const MARGIN: u32 = 60;
/// Characters of a name.
const NAME: usize = 34;

/// A forest plot as SVG: the difference of each arm to the base in points, with its 95 % interval.
/// Dashes mark the vectors as they are.
pub(crate) fn forest_plot(measured: &[Measured]) -> Result<String> {
    let mut svg = String::new();
    let size = (WIDTH, ROW * measured.len() as u32 + MARGIN);
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area, measured)
            .ok()
            .context("cannot draw the figure")?;
    }
    Ok(svg)
}

/// A name that fits beside the figure.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(area: &Area, measured: &[Measured]) -> Result<(), Box<dyn std::error::Error>> {
    area.fill(&WHITE)?;
    let points = measured.iter().map(|arm| {
        let [low, high] = arm.against_base.ci95.map(|end| 100.0 * end);
        [low, 100.0 * arm.against_base.difference, high]
    });
    let points: Vec<[f64; 3]> = points.collect();
    let lows = points.iter().map(|point| point[0]);
    let highs = points.iter().map(|point| point[2]);
    let (low, high) = (lows.fold(-1.0, f64::min), highs.fold(1.0, f64::max));
    let room = 0.04 * (high - low);
    let rows = points.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(230)
        .build_cartesian_2d(low - room..high + room, rows - 0.5..-0.5)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc("points more than the base, 95 % interval")
        .light_line_style(WHITE)
        .draw()?;
    let line = |x: f64| PathElement::new(vec![(x, -0.5), (x, rows - 0.5)], BLACK.mix(0.4));
    chart.draw_series([line(0.0)])?;
    if let Some([_, vectors, _]) = points.get(1) {
        let dashes = DashedLineSeries::new(
            [(*vectors, -0.5), (*vectors, rows - 0.5)],
            4,
            4,
            BLUE.mix(0.6).stroke_width(1),
        );
        chart.draw_series(dashes)?;
    }
    for (row, &[low, middle, high]) in points.iter().enumerate() {
        let y = row as f64;
        let whisker = PathElement::new(vec![(low, y), (high, y)], BLACK.stroke_width(1));
        chart.draw_series([whisker])?;
        chart.draw_series([Circle::new((middle, y), 4, BLUE.filled())])?;
        let (_, pixel) = chart.backend_coord(&(0.0, y));
        let style = ("sans-serif", 13).into_text_style(area);
        area.draw_text(&shortened(&measured[row].name), &style, (12, pixel - 7))?;
    }
    area.present()?;
    Ok(())
}
