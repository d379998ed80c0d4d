//! How much memory keys and values take, and how requests are split so that it stays bounded.

use burn::tensor::DType;
use trimtab_kernels::{self as kernels, PANEL_WIDTH};

use super::Request;
use crate::config::ModelConfig;
use crate::decoder::Model;
use crate::sampling::Sampling;

/// Bytes that the keys and values of one call may take, prompts included, whatever runs in
/// parallel. A single completion that needs more runs alone.
pub const MAX_CACHE_BYTES: usize = 1 << 30;

/// Most rows that decode together.
pub const MAX_ROWS: usize = 256;

/// Most lanes that requests are split into.
const MAX_LANES: usize = 64;

/// Lanes that the rows of a small model are split into.
const SMALL_LANES: usize = 16;

/// Rows below which a lane of a small model does not pay.
const MIN_ROWS: usize = 16;

/// Weights of a layer below which a model is small.
const SMALL_LAYER: usize = 1 << 20;

/// The most bytes that keys and values of requests can take.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheSize {
    /// Bytes of the states of linear attention, of a prompt and of each completion.
    states: usize,
    /// Bytes of a token of a prompt.
    prompt_token: usize,
    /// Bytes of a token of a completion.
    row_token: usize,
    /// Tokens that memory is reserved for at a time.
    granularity: usize,
    max_new_tokens: usize,
    longrope_threshold: Option<usize>,
}

impl CacheSize {
    pub(super) fn of(model: &Model, sampling: &Sampling) -> Self {
        let config = &model.config;
        let layers = &config.architecture.layers;
        let linear = layers.iter().filter_map(|layer| layer.linear_attention);
        let token = config.kv_numbers() * model.dtype().size();
        let is_packed = kernels::is_cpu(&model.device()) && model.dtype() == DType::F32;
        Self {
            states: linear
                .map(|sizes| sizes.state_numbers() * size_of::<f32>())
                .sum(),
            prompt_token: token,
            // Buffers of tensors have up to twice as many slots as tokens.
            row_token: if is_packed { token } else { 2 * token },
            granularity: if is_packed { PANEL_WIDTH } else { 1 },
            max_new_tokens: sampling.max_new_tokens,
            longrope_threshold: model.longrope_threshold(),
        }
    }

    /// Bytes of the prompt of `request`, which its completions share.
    pub(super) fn prompt(&self, request: &Request) -> usize {
        let tokens = self.prompt_tokens(request.prompt.len());
        tokens.saturating_add(self.states)
    }

    /// Bytes of one completion of `request`.
    pub(super) fn row(&self, request: &Request) -> usize {
        let plain = self.row_tokens(self.max_new_tokens);
        let plain = plain.saturating_add(self.states);
        let (len, new) = (request.prompt.len(), self.max_new_tokens);
        match self.longrope_threshold {
            // Such a text becomes a prompt of its own when it crosses the threshold.
            Some(threshold) if len <= threshold && len.saturating_add(new) > threshold => {
                let own_prompt = self.prompt_tokens(threshold + 1);
                let rest = self.row_tokens(len + new - threshold - 1);
                plain.max(own_prompt.saturating_add(rest))
            }
            _ => plain,
        }
    }

    /// Bytes of a request that is completed at once.
    fn request(&self, request: &Request) -> usize {
        let rows = self.row(request).saturating_mul(request.samples);
        self.prompt(request).saturating_add(rows)
    }

    /// Bytes without which a request cannot be completed.
    fn smallest(&self, request: &Request) -> usize {
        self.prompt(request).saturating_add(self.row(request))
    }

    fn prompt_tokens(&self, count: usize) -> usize {
        self.prompt_token
            .saturating_mul(count.next_multiple_of(self.granularity))
    }

    fn row_tokens(&self, count: usize) -> usize {
        self.row_token
            .saturating_mul(count.max(1).next_multiple_of(self.granularity))
    }
}

/// Requests that run in one batch, while other lanes run in parallel.
pub(super) struct Lane<'a, 'b> {
    /// With the index by which hooks know each.
    pub(super) requests: &'b [(usize, Request<'a>)],
    /// What its keys and values may take.
    pub(super) max_bytes: usize,
}

/// Splits requests into lanes. The lanes follow from the model and the requests alone, so that
/// results do not depend on the number of threads.
pub(super) fn lanes<'a, 'b>(
    model: &Model,
    size: CacheSize,
    requests: &'b [(usize, Request<'a>)],
) -> Vec<Lane<'a, 'b>> {
    let is_small = kernels::is_cpu(&model.device()) && is_small(&model.config);
    split(size, is_small, requests)
}

fn split<'a, 'b>(
    size: CacheSize,
    is_small: bool,
    requests: &'b [(usize, Request<'a>)],
) -> Vec<Lane<'a, 'b>> {
    let rows: usize = requests.iter().map(|(_, request)| request.samples).sum();
    let wanted = if is_small {
        rows.div_ceil(SMALL_LANES).clamp(MIN_ROWS, MAX_ROWS)
    } else {
        MAX_ROWS
    };
    let mut rows_per_lane = wanted.max(rows.div_ceil(MAX_LANES));
    let total = requests
        .iter()
        .map(|(_, request)| size.request(request))
        .fold(0, usize::saturating_add);
    let mut lanes = by_rows(rows_per_lane, requests);
    let fits = total <= MAX_CACHE_BYTES;
    while !fits && lanes.len() > max_lanes(size, is_small, requests) {
        rows_per_lane *= 2;
        lanes = by_rows(rows_per_lane, requests);
    }
    let bytes = |lane: &[(usize, Request)]| -> usize {
        if fits {
            lane.iter().map(|(_, request)| size.request(request)).sum()
        } else {
            MAX_CACHE_BYTES / lanes.len()
        }
    };
    lanes
        .iter()
        .map(|&requests| Lane {
            requests,
            max_bytes: bytes(requests),
        })
        .collect()
}

/// How many lanes may share the memory. A small model needs many lanes to keep the threads busy,
/// so a lane needs room for one completion. For other models full batches are worth more.
fn max_lanes(size: CacheSize, is_small: bool, requests: &[(usize, Request)]) -> usize {
    let largest = requests
        .iter()
        .map(|(_, request)| size.smallest(request))
        .max();
    let rows = if is_small { 1 } else { MAX_ROWS };
    let lane = largest.unwrap_or(1).saturating_mul(rows);
    (MAX_CACHE_BYTES / lane.max(1)).max(1)
}

/// Runs of requests with at most `rows` completions together, or one request.
fn by_rows<'a, 'b>(
    rows: usize,
    requests: &'b [(usize, Request<'a>)],
) -> Vec<&'b [(usize, Request<'a>)]> {
    let mut lanes = vec![];
    let (mut start, mut room) = (0, rows);
    for (index, (_, request)) in requests.iter().enumerate() {
        if request.samples > room && index > start {
            lanes.push(&requests[start..index]);
            (start, room) = (index, rows);
        }
        room = room.saturating_sub(request.samples);
    }
    lanes.push(&requests[start..]);
    lanes
}

/// Whether single operations of the model are too short to be split over threads.
fn is_small(config: &ModelConfig) -> bool {
    let heads = config.num_attention_heads + config.num_key_value_heads;
    let width = 2 * heads * config.head_dim + 3 * config.intermediate_size;
    config.hidden_size * width < SMALL_LAYER
}

#[cfg(test)]
mod tests {
    use super::*;

    /// About the cache of a model with 1.5 billion weights.
    const SIZE: CacheSize = CacheSize {
        states: 0,
        prompt_token: 57 << 10,
        row_token: 57 << 10,
        granularity: 32,
        max_new_tokens: 2048,
        longrope_threshold: None,
    };

    fn requests(prompt: &[u32], count: usize, samples: usize) -> Vec<(usize, Request<'_>)> {
        let request = |index| Request {
            prompt,
            index: index as u64,
            samples,
        };
        (0..count).map(|index| (index, request(index))).collect()
    }

    #[test]
    fn all_lanes_together_stay_within_the_bound() {
        for (prompt_len, max_new_tokens) in [(1, 64), (900, 64), (100, 2048), (9000, 1)] {
            let size = CacheSize {
                max_new_tokens,
                ..SIZE
            };
            let prompt = vec![1; prompt_len];
            for is_small in [true, false] {
                for (count, samples) in [(1, 1), (3, 700), (512, 1), (64, 16), (5000, 4)] {
                    let requests = requests(&prompt, count, samples);
                    let lanes = split(size, is_small, &requests);
                    let total: usize = lanes.iter().map(|lane| lane.max_bytes).sum();
                    assert!(total <= MAX_CACHE_BYTES, "{} lanes", lanes.len());
                    let split: Vec<usize> = lanes
                        .iter()
                        .flat_map(|lane| lane.requests.iter().map(|&(index, _)| index))
                        .collect();
                    assert_eq!(split, (0..count).collect::<Vec<_>>());
                    let smallest = size.smallest(&requests[0].1);
                    assert!(lanes.len() == 1 || lanes[0].max_bytes >= smallest);
                }
            }
        }
    }

    /// The bundled model: 2 KiB a token, 16 lanes as before there was a bound over all of them.
    #[test]
    fn requests_that_fit_are_split_by_rows_alone() {
        let size = CacheSize {
            prompt_token: 2 << 10,
            row_token: 2 << 10,
            max_new_tokens: 128,
            ..SIZE
        };
        let lens = |count, samples| -> Vec<usize> {
            let requests = requests(&[1; 60], count, samples);
            let lanes = split(size, true, &requests);
            lanes.iter().map(|lane| lane.requests.len()).collect()
        };
        assert_eq!(lens(512, 1), [32; 16]);
        assert_eq!(lens(16, 16), [1; 16]);
        assert_eq!(lens(5, 3), [5]);
        assert_eq!(lens(0, 3), [0]);
    }

    #[test]
    fn a_text_that_crosses_the_threshold_becomes_a_prompt_of_its_own() {
        let size = CacheSize {
            states: 0,
            prompt_token: 1,
            row_token: 1,
            granularity: 1,
            max_new_tokens: 10,
            longrope_threshold: Some(20),
        };
        let row = |len| {
            let prompt = vec![1; len];
            size.row(&requests(&prompt, 1, 1)[0].1)
        };
        assert_eq!(row(10), 10, "it ends at the threshold");
        assert_eq!(row(15), 21 + 4);
        assert_eq!(row(21), 10, "it is beyond from the start");
    }
}
