//! What a vector does to logits on real prompts, measured.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Site};
use trimtab_steer::SteeringVectors;
use trimtab_steer::effect::{EffectError, MAX_BATCH_TOKENS, batches, check_texts};

use super::{LayerReading, Read, Reading, VectorLens, vector_norm};
use crate::readout::centre;
use crate::significance::{NullStatistics, Statistics, random_directions};

impl VectorLens<'_> {
    /// [`Reading::SameLayer`] and [`Reading::LastLayer`] of every layer whose vector is not zero.
    ///
    /// `progress` is called with a number of layers after each part of the work.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    ///
    /// # Errors
    ///
    /// The model cannot run a prompt.
    ///
    /// # Panics
    ///
    /// The vectors do not fit the model.
    pub fn measured(
        &self,
        vectors: &HostTensor,
        prompts: &[&[u32]],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<LayerReading>, EffectError> {
        let model = self.model;
        check_texts(model, prompts)?;
        let layers = self.layers(vectors);
        let mut readings = vec![];
        for &(layer, vector) in &layers {
            let (draws, width) = (self.options.measured_draws, vector.len());
            let norm = vector_norm(vector);
            let others = layers.iter().filter(|(other, _)| *other != layer);
            let mut tried = vector.to_vec();
            let random = random_directions(draws, width, self.options.seed ^ layer as u64);
            tried.extend(random.iter().map(|x| x * norm));
            tried.extend(others.flat_map(|(_, other)| *other));
            let same_layer = same_layer(model, layer, &tried, prompts);
            let last_layer = last_layer(model, layer, &tried, prompts);
            for (reading, changes) in [
                (Reading::SameLayer, same_layer),
                (Reading::LastLayer, last_layer),
            ] {
                readings.push(self.describe_changes(reading, layer, norm, &changes));
            }
            progress(1);
        }
        readings.sort_by_key(|reading| Reading::ALL.iter().position(|it| *it == reading.reading));
        Ok(readings)
    }

    /// The reading of the first of several changes of the normed residual stream. Random ones
    /// follow, then those of other layers' vectors.
    fn describe_changes(
        &self,
        reading: Reading,
        layer: usize,
        norm: f32,
        changes: &[f32],
    ) -> LayerReading {
        let config = &self.model.config;
        let (width, vocab_size) = (config.hidden_size, config.vocab_size);
        let shape = [changes.len() / width, width];
        let changes = TensorData::new(changes.to_vec(), shape);
        let logits = self
            .model
            .unembed(Tensor::from_data(changes, &self.model.device()));
        let mut logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
        logits.par_chunks_exact_mut(vocab_size).for_each(centre);
        let pool = 1 + self.options.measured_draws;
        let z = standardised(&logits, vocab_size, pool);
        let rows: Vec<&[f32]> = z.chunks_exact(vocab_size).collect();
        let statistics: Vec<Statistics> = rows
            .par_iter()
            .map(|z| Statistics::of(z, self.options.top_k, &self.groups))
            .collect();
        let null = NullStatistics::new(&statistics[1..pool]);
        let others = &statistics[pool..];
        let shuffled = (!others.is_empty()).then(|| NullStatistics::new(others));
        let p_value = |token: usize| {
            let observed = rows[0][token].abs();
            let reached = rows[1..pool].iter().filter(|z| z[token].abs() >= observed);
            (1 + reached.count()) as f64 / pool as f64
        };
        let read = Read {
            reading,
            layer,
            norm,
            logits: &logits[..vocab_size],
            z: rows[0],
        };
        self.describe(&read, &p_value, &null, shuffled.as_ref())
    }
}

/// Every row minus the mean of the first `pool` rows, divided by their standard deviation.
///
/// The row that is tested is one of them, so under the null all of them are exchangeable.
fn standardised(rows: &[f32], width: usize, pool: usize) -> Vec<f32> {
    let moments: Vec<(f64, f64)> = (0..width)
        .into_par_iter()
        .map(|column| {
            let values = || (0..pool).map(|row| f64::from(rows[row * width + column]));
            let mean = values().sum::<f64>() / pool as f64;
            let variance = values().map(|x| (x - mean).powi(2)).sum::<f64>() / pool as f64;
            (mean, variance.sqrt())
        })
        .collect();
    let mut z = rows.to_vec();
    z.par_chunks_exact_mut(width).for_each(|row| {
        for (z, &(mean, deviation)) in row.iter_mut().zip(&moments) {
            let distance = f64::from(*z) - mean;
            *z = if deviation > 0.0 {
                (distance / deviation) as f32
            } else {
                0.0
            };
        }
    });
    z
}

/// The mean change of `norm(r_t)` when each of `tried` is added to the residual streams `r_t` after
/// `layer`, `[tried, hidden_size]`.
fn same_layer(model: &Model, layer: usize, tried: &[f32], prompts: &[&[u32]]) -> Vec<f32> {
    let width = model.config.hidden_size;
    let mut sums = vec![0.0; tried.len()];
    for batch in batches(prompts) {
        let (_, cache) = model.run_with_cache(batch, &[Site::ResidPost], None);
        let resid = cache
            .get(Site::ResidPost, layer)
            .expect("a layer of the model");
        let base = row_sum(model.final_norm(resid.clone()));
        for (sums, vector) in sums.chunks_exact_mut(width).zip(tried.chunks_exact(width)) {
            let data = TensorData::new(vector.to_vec(), [1, width]);
            let vector = Tensor::<2>::from_data(data, &model.device()).cast(resid.dtype());
            let steered = row_sum(model.final_norm(resid.clone() + vector));
            add_difference(sums, &steered, &base);
        }
    }
    means(&sums, prompts)
}

/// The mean change of the final norm's output when each of `tried` is added after `layer`,
/// `[tried, hidden_size]`.
fn last_layer(model: &Model, layer: usize, tried: &[f32], prompts: &[&[u32]]) -> Vec<f32> {
    let width = model.config.hidden_size;
    let count = tried.len() / width;
    let mut sums = vec![0.0; tried.len()];
    for prompt in prompts {
        let base = row_sum(model.final_norm(model.prefill(&[prompt], None).0));
        let at_once = (MAX_BATCH_TOKENS / prompt.len()).max(1);
        for first in (0..count).step_by(at_once) {
            let len = at_once.min(count - first);
            let sets = tried[first * width..][..len * width].chunks_exact(width);
            let sets: Vec<SteeringVectors> =
                sets.map(|vector| at_layer(model, layer, vector)).collect();
            let hook = SteeringVectors::hook_by_prompt(&sets, (0..len).map(Some).collect());
            let (resid_post, _) = model.prefill(&vec![*prompt; len], Some(&hook));
            let normed = model.final_norm(resid_post);
            for row in 0..len {
                let own = normed.clone().narrow(0, row * prompt.len(), prompt.len());
                let sums = &mut sums[(first + row) * width..][..width];
                add_difference(sums, &row_sum(own), &base);
            }
        }
    }
    means(&sums, prompts)
}

/// Vectors that are zero but in one layer.
fn at_layer(model: &Model, layer: usize, vector: &[f32]) -> SteeringVectors {
    let (layers, width) = (model.config.num_hidden_layers, vector.len());
    let mut data = vec![0.0; layers * width];
    data[layer * width..][..width].copy_from_slice(vector);
    let shape = vec![layers, width];
    SteeringVectors::from_host(&HostTensor { shape, data }, &model.device())
}

/// The sum of the rows.
pub(super) fn row_sum(rows: Tensor<2>) -> Vec<f64> {
    let [_, width] = rows.dims();
    let rows: Vec<f32> = rows.try_into_vec_as().expect("activations convert to f32");
    let mut sum = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (sum, &x) in sum.iter_mut().zip(row) {
            *sum += f64::from(x);
        }
    }
    sum
}

fn add_difference(sums: &mut [f64], steered: &[f64], base: &[f64]) {
    for (sum, (steered, base)) in sums.iter_mut().zip(steered.iter().zip(base)) {
        *sum += steered - base;
    }
}

/// Sums over all tokens of `prompts`, divided by their number.
pub(super) fn means(sums: &[f64], prompts: &[&[u32]]) -> Vec<f32> {
    let tokens: usize = prompts.iter().map(|prompt| prompt.len()).sum();
    sums.iter()
        .map(|sum| (sum / tokens as f64) as f32)
        .collect()
}
