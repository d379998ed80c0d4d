//! Curves over training steps, laid out for the page.

use serde::Serialize;

use super::format::{fixed, position};

/// A curve in percent of the plot's width and height, from the top left.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    /// What the curve shows.
    name: String,
    /// Its unit, or what it is a share of.
    unit: String,
    /// What follows each number of the vertical axis.
    suffix: &'static str,
    dots: Vec<Mark>,
    /// SVG path of the moving average, in a 100 by 100 box.
    average: String,
    /// Measurements, each with the ends of its interval.
    measured: Vec<Interval>,
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

/// A measurement with the ends of its interval.
#[derive(Debug, Serialize)]
struct Interval {
    x: String,
    y: String,
    low: String,
    high: String,
    label: String,
}

/// How the values of a curve are shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// As they are, on an axis that has zero.
    Plain,
    /// Shares, in percent from 0 to 100.
    Share,
}

/// Values of a curve by step, with its name and unit.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) unit: String,
    pub(super) scale: Scale,
    /// `(step, value)`.
    pub(super) points: Vec<(u64, f64)>,
    /// `(step, value, [low, high])` of measurements that are shown above the curve.
    pub(super) measured: Vec<(u64, f64, [f64; 2])>,
}

impl Series {
    /// The value of all points, if they have one in common and nothing was measured.
    pub(super) fn constant(&self) -> Option<String> {
        let (_, first) = *self.points.first()?;
        let same = self.points.iter().all(|&(_, value)| value == first);
        (same && self.measured.is_empty()).then(|| match self.scale {
            Scale::Plain => format!("{first}"),
            Scale::Share => format!("{}\u{a0}%", 100.0 * first),
        })
    }
}

impl Chart {
    /// Lays out `series`, with the mean of `half_window` steps on either side of each.
    pub(super) fn new(series: &Series, half_window: usize) -> Self {
        let (factor, suffix) = match series.scale {
            Scale::Plain => (1.0, ""),
            Scale::Share => (100.0, "\u{a0}%"),
        };
        let points: Vec<(f64, f64)> = series
            .points
            .iter()
            .map(|&(step, value)| (step as f64, factor * value))
            .filter(|point| point.1.is_finite())
            .collect();
        let measured = series.measured.iter();
        let steps = series.points.iter().map(|point| point.0);
        let last = steps.chain(measured.map(|one| one.0)).max();
        let right = last.unwrap_or(1).max(1) as f64;
        let axis = match series.scale {
            Scale::Plain => Axis::around(points.iter().map(|point| point.1)),
            Scale::Share => Axis::new(0.0, 100.0),
        };
        let x_step = tick_step(right).max(1.0);
        let x_ticks = (0..=(right / x_step + 0.001) as usize).map(|index| Mark {
            x: position(index as f64 * x_step, right),
            y: String::new(),
            label: fixed(index as f64 * x_step, 0),
        });
        let y_ticks = axis.ticks().map(|(y, label)| Mark {
            x: String::new(),
            y: axis.place(y),
            label: label + suffix,
        });
        let dot = |&(x, y): &(f64, f64)| Mark {
            x: position(x, right),
            y: axis.place(y),
            label: format!("step {x}: {}{suffix}", significant(y)),
        };
        let interval = |&(step, value, [low, high]): &(u64, f64, [f64; 2])| Interval {
            x: position(step as f64, right),
            y: axis.place(factor * value),
            low: axis.place(factor * low),
            high: axis.place(factor * high),
            label: format!("after step {step}: {}{suffix}", significant(factor * value)),
        };
        Self {
            name: series.name.clone(),
            unit: series.unit.clone(),
            suffix,
            dots: points.iter().map(dot).collect(),
            average: average(
                &points,
                half_window,
                |x| position(x, right),
                |y| axis.place(y),
            ),
            measured: series.measured.iter().map(interval).collect(),
            x_ticks: x_ticks.collect(),
            y_ticks: y_ticks.collect(),
        }
    }
}

/// SVG path of the moving average of `points`.
fn average(
    points: &[(f64, f64)],
    half_window: usize,
    x: impl Fn(f64) -> String,
    y: impl Fn(f64) -> String,
) -> String {
    let place = |(index, point): (usize, &(f64, f64))| {
        // The window shrinks evenly at both ends, so that the line does not lag there.
        let half = half_window.min(index).min(points.len() - 1 - index);
        let near = &points[index - half..=index + half];
        let mean = near.iter().map(|point| point.1).sum::<f64>() / near.len() as f64;
        let command = if index == 0 { 'M' } else { 'L' };
        format!("{command}{} {}", x(point.0), y(mean))
    };
    points.iter().enumerate().map(place).collect()
}

/// The vertical axis, between two round numbers.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    fn new(low: f64, high: f64) -> Self {
        let step = tick_step(high - low);
        Self {
            low: (low / step + 1e-9).floor() * step,
            high: (high / step - 1e-9).ceil() * step,
            step,
        }
    }

    /// The axis that has zero and all `values`.
    fn around(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(0.0, f64::min);
        let high = values.fold(0.0, f64::max);
        Self::new(low, if high > low { high } else { low + 1.0 })
    }

    /// Place of `value` in percent from the top.
    fn place(&self, value: f64) -> String {
        position(self.high - value, self.high - self.low)
    }

    fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(move |index| {
            let at = self.low + index as f64 * self.step;
            (
                at,
                fixed(if at.abs() < 1e-9 * self.step { 0.0 } else { at }, decimals),
            )
        })
    }
}

/// The round number (1, 2 or 5 times a power of ten) that cuts a span into at most five parts.
fn tick_step(span: f64) -> f64 {
    if span <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf((span / 5.0).log10().floor());
    let steps = [power, 2.0 * power, 5.0 * power];
    let fitting = steps.into_iter().find(|step| span / step < 5.001);
    fitting.unwrap_or(10.0 * power)
}

/// About four digits of `value`.
fn significant(value: f64) -> String {
    let whole = value.abs().max(1e-6).log10().floor();
    fixed(value, (3.0 - whole).clamp(0.0, 6.0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        Series {
            name: "loss".to_owned(),
            unit: "nats".to_owned(),
            scale: Scale::Plain,
            points: (1..).zip(values.iter().copied()).collect(),
            measured: vec![],
        }
    }

    #[test]
    fn axes_end_at_round_numbers_and_have_zero() {
        let labels = |values: &[f64]| -> Vec<String> {
            let axis = Axis::around(values.iter().copied());
            axis.ticks().map(|tick| tick.1).collect()
        };
        assert_eq!(labels(&[0.14]), ["0.00", "0.05", "0.10", "0.15"]);
        assert_eq!(labels(&[110.0]), ["0", "50", "100", "150"]);
        assert_eq!(
            labels(&[-0.3, 0.2]),
            ["−0.3", "−0.2", "−0.1", "0.0", "0.1", "0.2"]
        );
        assert_eq!(labels(&[-4.0]), ["−4", "−3", "−2", "−1", "0"]);
        assert_eq!(labels(&[]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn the_line_is_the_mean_of_its_neighbours_and_skips_what_is_not_finite() {
        let chart = Chart::new(&series(&[1.0, f64::NAN, 0.0, 2.0]), 1);
        assert_eq!(chart.dots.len(), 3);
        // Steps 1, 3 and 4 of 4, on an axis from 0 to 2.
        assert_eq!(chart.average, "M25.00 50.00L75.00 50.00L100.00 0.00");
        assert_eq!(chart.dots[2].label, "step 4: 2.000");
    }

    #[test]
    fn constant_curves_are_told_apart() {
        assert_eq!(series(&[0.0, 0.0]).constant().as_deref(), Some("0"));
        assert_eq!(series(&[0.0, 1.0]).constant(), None);
        assert_eq!(series(&[f64::NAN]).constant(), None);
        let shares = Series {
            scale: Scale::Share,
            ..series(&[0.5])
        };
        assert_eq!(shares.constant().as_deref(), Some("50\u{a0}%"));
        let chart = Chart::new(&shares, 1);
        assert_eq!(chart.dots[0].y, "50.00");
        assert_eq!(
            chart.y_ticks.last().map(|tick| tick.label.as_str()),
            Some("100\u{a0}%")
        );
    }
}
