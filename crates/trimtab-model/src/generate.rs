//! Sampling of completions: groups share their prompt, finished rows leave the batch, and every draw has an address.

use burn::tensor::{Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

use crate::decoder::{Model, Prompts, ResidPostHook, Rows};

/// Rows that one thread decodes together; fixed, so that results do not depend on the number of threads.
const ROWS_PER_BATCH: usize = 256;

/// Logits that are held at once, in numbers: a wide vocabulary is walked in pieces.
const MAX_LOGITS: usize = 1 << 24;

/// Finished rows are left out once they are one in this many: leaving out copies the cache of the rest.
const FINISHED_SHARE: usize = 8;

/// How completions are drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits are divided by it; 0 takes the most likely token.
    pub temperature: f32,
    /// Longest completion in tokens.
    pub max_new_tokens: usize,
    /// Tokens that end a completion; the one that did is its last token.
    pub stop_tokens: Vec<u32>,
    /// Seed of the run.
    pub seed: u64,
    /// Step of the run: another step, another draw.
    pub step: u64,
}

/// One prompt to be completed several times.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The tokens to continue.
    pub prompt: &'a [u32],
    /// Number of the prompt in its stream. With seed, step and the number of the sample it is the address of the draws,
    /// so a completion is the same whatever else is in the batch.
    pub index: u64,
    /// Number of completions.
    pub samples: usize,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The sampled tokens, the stop token included.
    pub tokens: Vec<u32>,
    /// Natural logarithm of the probability with which each token was sampled.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It wrote a stop token.
    Stop,
    /// It reached `max_new_tokens`.
    Length,
}

/// Why nothing can be sampled.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GenerateError {
    #[error("prompt {index} is empty; a model needs at least one token to continue")]
    EmptyPrompt { index: u64 },
    #[error("prompt {index} holds token {token}, but the model has {vocab_size} tokens")]
    UnknownToken {
        index: u64,
        token: u32,
        vocab_size: usize,
    },
    #[error(
        "prompt {index} has {len} tokens and {new} may follow, more than the {most} positions of the model; \
         shorten the prompt or lower max_new_tokens"
    )]
    TooLong {
        index: u64,
        len: usize,
        new: usize,
        most: usize,
    },
    #[error("the temperature is {temperature}; it must be 0 or a positive number")]
    Temperature { temperature: f32 },
    #[error(
        "the logits after prompt {index} are not finite; are the vectors too long, or the weights damaged?"
    )]
    NonFinite { index: u64 },
}

/// Completes every request; the result has one list of `samples` completions per request, in order.
///
/// # Errors
///
/// See [`GenerateError`]; requests are checked before anything is computed.
pub fn generate(
    model: &Model,
    requests: &[Request],
    sampling: &Sampling,
    hook: Option<ResidPostHook>,
) -> Result<Vec<Vec<Completion>>, GenerateError> {
    let mut batches: Vec<Vec<Request>> = vec![];
    let mut room = 0;
    for request in requests {
        if request.samples > room || batches.is_empty() {
            batches.push(vec![]);
            room = ROWS_PER_BATCH;
        }
        room = room.saturating_sub(request.samples);
        batches.last_mut().expect("just pushed").push(*request);
    }
    let completed: Vec<Vec<Vec<Completion>>> = batches
        .par_iter()
        .map(|batch| {
            let mut generation = Generation::start(model, batch, sampling, hook)?;
            while generation.step()? {}
            Ok(generation.finish())
        })
        .collect::<Result<_, GenerateError>>()?;
    Ok(completed.into_iter().flatten().collect())
}

/// Completions in progress, one token per [`Self::step`]; [`generate`] runs many of them.
pub struct Generation<'a> {
    model: &'a Model,
    hook: Option<ResidPostHook<'a>>,
    sampling: &'a Sampling,
    requests: Vec<Request<'a>>,
    prompts: Prompts,
    rows: Rows,
    /// Residual stream from which the next tokens are drawn, `[rows, hidden_size]`.
    resid: Tensor<2>,
    live: Vec<Row>,
    /// By request, then by sample.
    completions: Vec<Vec<Completion>>,
}

/// A row of the batch; it may have finished and wait for being left out.
struct Row {
    request: usize,
    sample: usize,
    finished: bool,
}

impl<'a> Generation<'a> {
    /// Reads the prompts.
    ///
    /// # Errors
    ///
    /// A request that cannot be completed.
    pub fn start(
        model: &'a Model,
        requests: &[Request<'a>],
        sampling: &'a Sampling,
        hook: Option<ResidPostHook<'a>>,
    ) -> Result<Self, GenerateError> {
        for request in requests {
            check(model, request, sampling)?;
        }
        let tokens: Vec<&[u32]> = requests.iter().map(|request| request.prompt).collect();
        let (resid, prompts) = model.read(&tokens, hook);
        let mut last_token = -1;
        let mut last_tokens = vec![];
        let mut live = vec![];
        let mut groups = vec![];
        for (index, request) in requests.iter().enumerate() {
            last_token += request.prompt.len() as i64;
            last_tokens.extend(vec![last_token; request.samples]);
            live.extend((0..request.samples).map(|sample| Row {
                request: index,
                sample,
                finished: sampling.max_new_tokens == 0,
            }));
            groups.push((index, request.samples));
        }
        let last_tokens = Tensor::<1, Int>::from_data(
            TensorData::new(last_tokens, [live.len()]),
            &model.device(),
        );
        let unwritten = Completion {
            tokens: vec![],
            logprobs: vec![],
            finish_reason: FinishReason::Length,
        };
        Ok(Self {
            model,
            hook,
            sampling,
            requests: requests.to_vec(),
            prompts,
            rows: Rows::new(model, groups, sampling.max_new_tokens),
            resid: resid.select(0, last_tokens),
            live,
            completions: requests
                .iter()
                .map(|request| vec![unwritten.clone(); request.samples])
                .collect(),
        })
    }

    /// Draws one token for every completion that goes on; `false` when there is none left.
    ///
    /// # Errors
    ///
    /// [`GenerateError::NonFinite`].
    pub fn step(&mut self) -> Result<bool, GenerateError> {
        if self.live.iter().all(|row| row.finished) {
            return Ok(false);
        }
        let tokens = self.draw()?;
        let finished = self.live.iter().filter(|row| row.finished).count();
        if finished == self.live.len() {
            return Ok(false);
        }
        let mut tokens = tokens;
        if finished * FINISHED_SHARE >= self.live.len() {
            let keep: Vec<bool> = self.live.iter().map(|row| !row.finished).collect();
            self.rows.retain(&keep);
            let mut kept = keep.iter();
            tokens.retain(|_| *kept.next().expect("one mark per row"));
            self.live.retain(|row| !row.finished);
        }
        self.resid = self
            .model
            .next(&self.prompts, &mut self.rows, &tokens, self.hook);
        Ok(true)
    }

    /// What has been written so far, by request and sample.
    pub fn completions(&self) -> &[Vec<Completion>] {
        &self.completions
    }

    /// The completions, by request and sample.
    pub fn finish(self) -> Vec<Vec<Completion>> {
        self.completions
    }

    /// Draws the next token of every row, whether or not it has finished, and notes those of unfinished rows.
    fn draw(&mut self) -> Result<Vec<u32>, GenerateError> {
        let vocab_size = self.model.config.vocab_size;
        let rows_at_once = (MAX_LOGITS / vocab_size).max(1);
        let mut tokens = Vec::with_capacity(self.live.len());
        for start in (0..self.live.len()).step_by(rows_at_once) {
            let count = rows_at_once.min(self.live.len() - start);
            let logits = self
                .model
                .logits(self.resid.clone().narrow(0, start, count));
            let logits = logits
                .try_into_vec_as::<f32>()
                .expect("logits convert to f32");
            for (row, logits) in self.live[start..]
                .iter_mut()
                .zip(logits.chunks_exact(vocab_size))
            {
                let request = &self.requests[row.request];
                if row.finished {
                    tokens.push(request.prompt[0]); // any token: nothing of this row is read again
                    continue;
                }
                let completion = &mut self.completions[row.request][row.sample];
                let uniform = self.sampling.uniform(
                    request.index,
                    row.sample as u64,
                    completion.tokens.len() as u64,
                );
                let Some((token, logprob)) = sample(logits, self.sampling.temperature, uniform)
                else {
                    return Err(GenerateError::NonFinite {
                        index: request.index,
                    });
                };
                completion.tokens.push(token);
                completion.logprobs.push(logprob);
                if self.sampling.stop_tokens.contains(&token) {
                    completion.finish_reason = FinishReason::Stop;
                    row.finished = true;
                }
                row.finished |= completion.tokens.len() == self.sampling.max_new_tokens;
                tokens.push(token);
            }
        }
        Ok(tokens)
    }
}

impl Sampling {
    /// A number in `[0, 1)` that only its address decides: `ChaCha8` keyed by (seed, step, prompt, sample), at the
    /// position of the token.
    fn uniform(&self, prompt: u64, sample: u64, token: u64) -> f64 {
        let mut key = [0; 32];
        for (bytes, word) in key
            .chunks_exact_mut(8)
            .zip([self.seed, self.step, prompt, sample])
        {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_word_pos(2 * u128::from(token));
        (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn check(model: &Model, request: &Request, sampling: &Sampling) -> Result<(), GenerateError> {
    let (index, len) = (request.index, request.prompt.len());
    let (vocab_size, most) = (
        model.config.vocab_size,
        model.config.max_position_embeddings,
    );
    let temperature = sampling.temperature;
    // The reciprocal of a smaller number than the normal ones is infinite.
    if temperature != 0.0 && !(temperature.is_normal() && temperature > 0.0) {
        return Err(GenerateError::Temperature { temperature });
    }
    if len == 0 {
        return Err(GenerateError::EmptyPrompt { index });
    }
    if let Some(&token) = request
        .prompt
        .iter()
        .find(|&&token| token as usize >= vocab_size)
    {
        return Err(GenerateError::UnknownToken {
            index,
            token,
            vocab_size,
        });
    }
    let new = sampling.max_new_tokens;
    if len.saturating_add(new) > most {
        return Err(GenerateError::TooLong {
            index,
            len,
            new,
            most,
        });
    }
    Ok(())
}

/// The token at `uniform` on the cumulative distribution of `softmax(logits / temperature)` with its log-probability;
/// `None` if the logits are not finite.
fn sample(logits: &[f32], temperature: f32, uniform: f64) -> Option<(u32, f32)> {
    if logits.iter().any(|logit| !logit.is_finite()) {
        return None;
    }
    let (best, max) = logits
        .iter()
        .copied()
        .enumerate()
        .rev()
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let scale = if temperature == 0.0 {
        1.0
    } else {
        1.0 / temperature
    };
    let weights = || {
        logits
            .iter()
            .map(|logit| f64::from((logit - max) * scale).exp())
    };
    let total: f64 = weights().sum();
    let token = if temperature == 0.0 {
        best
    } else {
        let mut left = uniform * total;
        // Rounding may leave a crumb at the end of the walk; the most likely token takes it.
        let drawn = weights().position(|weight| {
            left -= weight;
            left < 0.0
        });
        drawn.unwrap_or(best)
    };
    let logprob = f64::from((logits[token] - max) * scale) - total.ln();
    Some((token as u32, logprob as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_the_distribution() {
        let logits = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        assert_eq!(sample(&logits, 1.0, 0.0).map(|drawn| drawn.0), Some(0));
        assert_eq!(sample(&logits, 1.0, 0.124).map(|drawn| drawn.0), Some(0));
        assert_eq!(sample(&logits, 1.0, 0.126).map(|drawn| drawn.0), Some(1));
        assert_eq!(sample(&logits, 1.0, 0.376).map(|drawn| drawn.0), Some(2));
        let (_, logprob) = sample(&logits, 1.0, 0.2).expect("finite logits");
        assert!((logprob - 0.25_f32.ln()).abs() < 1e-6);
        // At temperature 1/2 the weights are squared: 1, 4, 25.
        let (token, logprob) = sample(&logits, 0.5, 0.1).expect("finite logits");
        assert_eq!(token, 1);
        assert!((logprob - (4.0_f32 / 30.0).ln()).abs() < 1e-6);
    }

    #[test]
    fn greedy_takes_the_first_of_equal_maxima() {
        assert_eq!(
            sample(&[1.0, 3.0, 3.0], 0.0, 0.99).map(|drawn| drawn.0),
            Some(1)
        );
        assert_eq!(sample(&[1.0, f32::NAN], 1.0, 0.5), None);
        assert_eq!(sample(&[f32::INFINITY, 0.0], 0.0, 0.5), None);
    }

    #[test]
    fn every_word_of_an_address_counts() {
        let sampling = |seed, step| Sampling {
            temperature: 1.0,
            max_new_tokens: 1,
            stop_tokens: vec![],
            seed,
            step,
        };
        let base = sampling(1, 2).uniform(3, 4, 5);
        assert!((0.0..1.0).contains(&base));
        let others = [
            sampling(9, 2).uniform(3, 4, 5),
            sampling(1, 9).uniform(3, 4, 5),
            sampling(1, 2).uniform(9, 4, 5),
            sampling(1, 2).uniform(3, 9, 5),
            sampling(1, 2).uniform(3, 4, 9),
        ];
        assert!(
            others.iter().all(|other| (other - base).abs() > 1e-9),
            "{others:?}"
        );
    }
}
