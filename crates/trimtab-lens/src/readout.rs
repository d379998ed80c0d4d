//! Linear maps from directions in the residual stream to logits, and what is significant there.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use trimtab_model::Model;

use crate::significance::{NullStatistics, Statistics, random_directions};
use crate::token_groups::TokenGroup;

/// Directions that are read at a time. A chunk of logits for 150,000 tokens has 40 MB.
const CHUNK: usize = 64;

/// A map `A` from directions to logits, with the length of each of its rows.
///
/// A constant that is added to all logits changes no probability. So the mean over the vocabulary
/// is subtracted everywhere, and row `a_t` of the map is `w_t - mean(w)`.
#[derive(Clone, Debug)]
pub(crate) struct Readout<'a> {
    model: &'a Model,
    kind: ReadoutKind,
    /// `|a_t|^2` of each token.
    squares: Vec<f64>,
}

/// Which map it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadoutKind {
    /// `W_U`
    Unembedding,
    /// `W_U diag(g)` with the weight `g` of the final norm.
    FinalNorm,
}

/// What the division of the final norm does to a small change of a residual stream `r`:
/// `(I - c r r^T / |r|^2) / rms(r)`, the derivative of `r / rms(r)`.
#[derive(Clone, Debug)]
pub(crate) struct NormDerivative {
    /// `r / |r|`
    direction: Vec<f32>,
    /// `c = |r|^2 / (|r|^2 + d eps)`, which is nearly 1.
    share: f64,
    /// `1 / rms(r)`
    scale: f64,
}

impl NormDerivative {
    pub(crate) fn at(resid: &[f32], eps: f64) -> Self {
        let square: f64 = resid.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let width = resid.len() as f64;
        let norm = square.sqrt();
        Self {
            direction: resid
                .iter()
                .map(|&x| {
                    if norm > 0.0 {
                        (f64::from(x) / norm) as f32
                    } else {
                        0.0
                    }
                })
                .collect(),
            share: square / (square + width * eps),
            scale: 1.0 / (square / width + eps).sqrt(),
        }
    }

    /// Turns the logits of `direction` into those after the norm. `along` are the logits of the
    /// normalised residual stream.
    fn correct(&self, logits: &mut [f32], along: &[f32], direction: &[f32]) {
        let factor = self.share * dot(&self.direction, direction);
        for (logit, &along) in logits.iter_mut().zip(along) {
            *logit = ((f64::from(*logit) - factor * f64::from(along)) * self.scale) as f32;
        }
    }

    fn apply(&self, vector: &[f32]) -> Vec<f32> {
        let along = self.share * dot(&self.direction, vector);
        let pairs = vector.iter().zip(&self.direction);
        pairs
            .map(|(&x, &r)| ((f64::from(x) - along * f64::from(r)) * self.scale) as f32)
            .collect()
    }
}

impl<'a> Readout<'a> {
    pub(crate) fn new(model: &'a Model, kind: ReadoutKind) -> Self {
        let (width, vocab_size) = (model.config.hidden_size, model.config.vocab_size);
        let mut readout = Self {
            model,
            kind,
            squares: vec![0.0; vocab_size],
        };
        // The columns of the map are what it makes of the axes.
        for first in (0..width).step_by(CHUNK) {
            let count = CHUNK.min(width - first);
            let mut axes = vec![0.0; count * width];
            for row in 0..count {
                axes[row * width + first + row] = 1.0;
            }
            let columns = readout.logits(&axes);
            let columns: Vec<&[f32]> = columns.chunks_exact(vocab_size).collect();
            let squares = readout.squares.par_iter_mut().enumerate();
            squares.for_each(|(token, square)| {
                let entries = columns.iter().map(|column| f64::from(column[token]));
                *square += entries.map(|x| x * x).sum::<f64>();
            });
        }
        readout
    }

    /// The logits of directions `[n, hidden_size]`, minus their mean, `[n, vocab_size]`.
    pub(crate) fn logits(&self, directions: &[f32]) -> Vec<f32> {
        let width = self.model.config.hidden_size;
        let shape = [directions.len() / width, width];
        let device: Device = self.model.device();
        let directions =
            Tensor::<2>::from_data(TensorData::new(directions.to_vec(), shape), &device);
        let logits = match self.kind {
            ReadoutKind::Unembedding => self.model.unembed(directions),
            ReadoutKind::FinalNorm => self.model.direct_logits(directions),
        };
        let mut logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
        logits
            .par_chunks_exact_mut(self.model.config.vocab_size)
            .for_each(centre);
        logits
    }

    /// The logits of a change `vector` after `norm`.
    pub(crate) fn read(&self, vector: &[f32], norm: Option<&NormDerivative>) -> Vec<f32> {
        match norm {
            Some(norm) => self.logits(&norm.apply(vector)),
            None => self.logits(vector),
        }
    }

    /// `|a_t|` of each token, for the map after each of `norms`.
    pub(crate) fn row_norms(&self, norms: &[Option<NormDerivative>]) -> Vec<Vec<f32>> {
        let along = self.along(norms);
        let rows = norms.iter().zip(&along).map(|(norm, along)| {
            let norms = self.squares.iter().zip(along).map(|(&square, &along)| {
                let Some(norm) = norm else {
                    return square.sqrt() as f32;
                };
                let share = norm.share;
                let rest = square - (2.0 * share - share * share) * f64::from(along).powi(2);
                (rest.max(0.0).sqrt() * norm.scale) as f32
            });
            norms.collect()
        });
        rows.collect()
    }

    /// What `draws` random directions give, for the map after each of `norms`.
    ///
    /// `z_t = sqrt(d) a_t v / (|a_t| |v|)` does not depend on the length of `v`, and has about the
    /// standard normal distribution.
    pub(crate) fn nulls(
        &self,
        norms: &[Option<NormDerivative>],
        (top_k, groups): (usize, &[TokenGroup]),
        (draws, seed): (usize, u64),
        progress: &mut dyn FnMut(usize),
    ) -> Vec<NullStatistics> {
        let (width, vocab_size) = (self.model.config.hidden_size, self.model.config.vocab_size);
        let along = self.along(norms);
        let row_norms = self.row_norms(norms);
        let mut found: Vec<Vec<Statistics>> = vec![vec![]; norms.len()];
        let directions = random_directions(draws, width, seed);
        for chunk in directions.chunks(CHUNK * width) {
            let logits = self.logits(chunk);
            let rows = logits
                .chunks_exact(vocab_size)
                .zip(chunk.chunks_exact(width));
            let rows: Vec<(&[f32], &[f32])> = rows.collect();
            let layers = norms.iter().zip(&along).zip(&row_norms).zip(&mut found);
            for (((norm, along), row_norms), found) in layers {
                let of_row = |(logits, direction): &(&[f32], &[f32])| {
                    let mut z = logits.to_vec();
                    if let Some(norm) = norm {
                        norm.correct(&mut z, along, direction);
                    }
                    standardise(&mut z, row_norms, width);
                    Statistics::of(&z, top_k, groups)
                };
                found.extend(rows.par_iter().map(of_row).collect::<Vec<_>>());
            }
            progress(rows.len());
        }
        found
            .iter()
            .map(|draws| NullStatistics::new(draws))
            .collect()
    }

    /// `A r / |r|` for the residual stream of each of `norms`.
    fn along(&self, norms: &[Option<NormDerivative>]) -> Vec<Vec<f32>> {
        let along = norms.iter().map(|norm| match norm {
            Some(norm) => self.logits(&norm.direction),
            None => vec![0.0; self.squares.len()],
        });
        along.collect()
    }
}

/// Divides logits of a direction of length 1 by what their standard deviation is for a random one.
///
/// A token whose row is the mean row, up to rounding, has no direction of its own.
pub(crate) fn standardise(logits: &mut [f32], row_norms: &[f32], width: usize) {
    const LEAST_SHARE: f64 = 1e-3;
    let squares: f64 = row_norms.iter().map(|&norm| f64::from(norm).powi(2)).sum();
    let least = LEAST_SHARE * (squares / row_norms.len() as f64).sqrt();
    let root = (width as f32).sqrt();
    for (logit, &norm) in logits.iter_mut().zip(row_norms) {
        *logit = if f64::from(norm) > least {
            *logit * root / norm
        } else {
            0.0
        };
    }
}

/// Subtracts the mean.
pub(crate) fn centre(values: &mut [f32]) {
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len().max(1) as f64;
    for value in values {
        *value = (f64::from(*value) - mean) as f32;
    }
}

pub(crate) fn dot(left: &[f32], right: &[f32]) -> f64 {
    let pairs = left.iter().zip(right);
    pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use trimtab_model::{Precision, Pretrained};

    use super::*;

    /// The lengths of the rows, and the logits of a direction, are those of the map itself, column
    /// by column.
    #[test]
    fn rows_after_a_norm_have_the_length_of_their_columns() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets/nano");
        let base = Pretrained::load(&folder, Precision::F32, &Device::flex()).expect("bundled");
        let (width, vocab_size) = (base.model.config.hidden_size, base.model.config.vocab_size);
        let readout = Readout::new(&base.model, ReadoutKind::FinalNorm);
        // A residual stream along a row of the map, and an eps that is not small beside it.
        let resid: Vec<f32> = (0..width)
            .map(|i| ((i * 37 % 11) as f32 - 4.0) / 4.0)
            .collect();
        let norm = NormDerivative::at(&resid, 0.4);
        assert!((0.3..0.9).contains(&norm.share), "{}", norm.share);
        let mut squares = vec![0.0_f64; vocab_size];
        let mut direction_logits = vec![0.0_f64; vocab_size];
        let direction = &random_directions(1, width, 5)[..];
        for axis in 0..width {
            let mut unit = vec![0.0; width];
            unit[axis] = 1.0;
            for (token, logit) in readout.read(&unit, Some(&norm)).into_iter().enumerate() {
                squares[token] += f64::from(logit).powi(2);
                direction_logits[token] += f64::from(logit) * f64::from(direction[axis]);
            }
        }
        let along = &readout.along(&[Some(norm.clone())])[0];
        let found = &readout.row_norms(&[Some(norm.clone())])[0];
        let mut corrected = readout.logits(direction);
        norm.correct(&mut corrected, along, direction);
        for token in 0..vocab_size {
            let expected = squares[token].sqrt();
            let error = (f64::from(found[token]) - expected).abs();
            assert!(
                error < 1e-4 * expected,
                "{token}: {} {expected}",
                found[token]
            );
            let error = (f64::from(corrected[token]) - direction_logits[token]).abs();
            assert!(error < 1e-4 * expected, "{token}");
        }
    }
}
