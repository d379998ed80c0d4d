//! Sampling of completions: groups share their prompt, finished rows make room for new ones, and every draw has an address.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;
use rayon::prelude::*;
use trimtab_kernels as kernels;

use crate::cache::{KvCache, PromptCache};
use crate::decoder::{Model, Sequence};
use crate::hook::Hook;
use crate::sampling::{Sampling, SamplingError};

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

/// Whether a completion with these tokens is over.
pub type StopFn<'a> = &'a (dyn Fn(&[u32]) -> bool + Sync);

/// What acts while completions are made.
#[derive(Clone, Copy, Default)]
pub struct GenerateOptions<'a> {
    /// Looks at and changes activations. To it, the prompt of a token is the number of its request, so that every request
    /// can be steered by vectors of its own.
    pub hook: Option<Hook<'a>>,
    /// Asked after each token with the completion so far; `true` ends it. [`stop_on_text`](crate::stop_at) makes one from texts.
    pub stop: Option<StopFn<'a>>,
    /// Once it is `true`, no token is added any more.
    pub cancel: Option<&'a AtomicBool>,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The sampled tokens, the stop token included.
    pub tokens: Vec<u32>,
    /// Natural logarithm of each token's probability under `softmax(logits / temperature)`.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish_reason: FinishReason,
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It wrote a stop token, or [`GenerateOptions::stop`] ended it.
    Stop,
    /// It reached `max_new_tokens`.
    Length,
    /// It was cancelled.
    Cancelled,
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
    #[error(transparent)]
    Sampling(#[from] SamplingError),
    #[error(
        "the logits after prompt {index} are not finite; are the vectors too long, or the weights damaged?"
    )]
    NonFinite { index: u64 },
}

/// Completes every request; the result has one list of `samples` completions per request, in order.
///
/// Requests are spread over lanes that run in parallel, each with as many rows at once as its cache has room for; the lanes
/// follow from the requests alone, not from the number of threads.
///
/// # Errors
///
/// See [`GenerateError`]; requests are checked before anything is computed.
pub fn generate(
    model: &Model,
    requests: &[Request],
    sampling: &Sampling,
    options: GenerateOptions,
) -> Result<Vec<Vec<Completion>>, GenerateError> {
    let numbered: Vec<(usize, Request)> = requests.iter().copied().enumerate().collect();
    let rows: usize = requests.iter().map(|request| request.samples).sum();
    let rows_per_lane = if is_small(model) {
        rows.div_ceil(SMALL_LANES).clamp(MIN_ROWS, MAX_ROWS)
    } else {
        rows_at_once(model, sampling)
    };
    let rows_per_lane = rows_per_lane.max(rows.div_ceil(MAX_LANES));
    let mut lanes: Vec<&[(usize, Request)]> = vec![];
    let (mut start, mut room) = (0, rows_per_lane);
    for (index, request) in requests.iter().enumerate() {
        if request.samples > room && index > start {
            lanes.push(&numbered[start..index]);
            (start, room) = (index, rows_per_lane);
        }
        room = room.saturating_sub(request.samples);
    }
    lanes.push(&numbered[start..]);
    let completed: Vec<Vec<Vec<Completion>>> = lanes
        .par_iter()
        .map(|lane| {
            let mut generation = Generation::of(model, lane.to_vec(), sampling, options)?;
            while generation.step()? {
                generation.drawn.clear(); // nobody listens
            }
            Ok(generation.finish())
        })
        .collect::<Result<_, GenerateError>>()?;
    Ok(completed.into_iter().flatten().collect())
}

/// Most rows that decode together; fixed, so that results do not depend on the number of threads.
const MAX_ROWS: usize = 256;

/// Bytes that the keys and values of rows that decode together may take.
const MAX_CACHE_BYTES: usize = 1 << 30;

/// Tokens that rows have room for at first; the room grows with them.
const FIRST_CAPACITY: usize = 1024;

/// Most lanes that requests are spread over.
const MAX_LANES: usize = 64;

/// Lanes that the rows of a small model are spread over.
const SMALL_LANES: usize = 16;

/// Rows below which a lane of a small model is not worth its own.
const MIN_ROWS: usize = 16;

/// Weights of a layer below which a model is small.
const SMALL_LAYER: usize = 1 << 20;

/// Logits that are held at once, in numbers: a wide vocabulary is walked in pieces.
const MAX_LOGITS: usize = 1 << 24;

/// Prompt tokens that are read at once, unless one prompt has more.
const MAX_PROMPT_TOKENS: usize = 8192;

/// Finished rows are left out, and new ones let in, once they are one in this many: both copy the cache of the rest.
const FINISHED_SHARE: usize = 8;

/// Whether single operations of the model are too short to be shared by the threads of the CPU.
fn is_small(model: &Model) -> bool {
    let config = &model.config;
    let heads = config.num_attention_heads + config.num_key_value_heads;
    let width = 2 * heads * config.head_dim + 3 * config.intermediate_size;
    kernels::is_cpu(&model.device()) && config.hidden_size * width < SMALL_LAYER
}

fn rows_at_once(model: &Model, sampling: &Sampling) -> usize {
    let config = &model.config;
    let numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    let bytes = numbers
        .saturating_mul(4)
        .saturating_mul(sampling.max_new_tokens.max(1));
    (MAX_CACHE_BYTES / bytes).clamp(1, MAX_ROWS)
}

/// Completions in progress: an iterator over the tokens as they are drawn. [`generate`] runs it to the end.
///
/// ```no_run
/// # use trimtab_model::{Generation, GenerateOptions, Pretrained, Request, Sampling};
/// # fn stream(base: &Pretrained, prompt: &[u32]) -> Result<(), trimtab_model::GenerateError> {
/// let request = [Request { prompt, index: 0, samples: 1 }];
/// let sampling = Sampling { stop_tokens: base.model.config.eos_token_id.clone(), ..Sampling::default() };
/// let mut tokens = vec![];
/// for drawn in Generation::start(&base.model, &request, &sampling, GenerateOptions::default())? {
///     tokens.push(drawn?.token);
///     println!("{}", base.tokenizer.decode(&tokens));
/// }
/// # Ok(())
/// # }
/// ```
pub struct Generation<'a> {
    model: &'a Model,
    sampling: &'a Sampling,
    options: GenerateOptions<'a>,
    /// With the number by which hooks know each.
    requests: Vec<(usize, Request<'a>)>,
    /// The completion that is begun next.
    next_request: usize,
    next_sample: usize,
    /// The prompt that was read last; samples of its request may be left.
    open_prompt: Option<(PromptCache, Tensor<2>)>,
    max_rows: usize,
    rows: KvCache,
    live: Vec<Row>,
    /// Residual stream from which the next tokens are drawn, `[rows, hidden_size]`, one per row of `live`.
    resid: Tensor<2>,
    /// By request, then by sample.
    completions: Vec<Vec<Completion>>,
    drawn: VecDeque<SampledToken>,
}

/// A token as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledToken {
    /// Number of the request.
    pub request: usize,
    /// Number of its completion.
    pub sample: usize,
    /// The token.
    pub token: u32,
    /// As in [`Completion::logprobs`].
    pub logprob: f32,
    /// Why the completion ends with this token, if it does.
    pub finish_reason: Option<FinishReason>,
}

/// A row of the batch; it may have finished and wait for being left out.
struct Row {
    request: usize,
    sample: usize,
    finished: bool,
}

impl<'a> Generation<'a> {
    /// Checks the requests and reads the first prompts.
    ///
    /// # Errors
    ///
    /// A request that cannot be completed.
    pub fn start(
        model: &'a Model,
        requests: &[Request<'a>],
        sampling: &'a Sampling,
        options: GenerateOptions<'a>,
    ) -> Result<Self, GenerateError> {
        let numbered = requests.iter().copied().enumerate().collect();
        Self::of(model, numbered, sampling, options)
    }

    fn of(
        model: &'a Model,
        requests: Vec<(usize, Request<'a>)>,
        sampling: &'a Sampling,
        options: GenerateOptions<'a>,
    ) -> Result<Self, GenerateError> {
        sampling.check()?;
        for (_, request) in &requests {
            check(model, request, sampling)?;
        }
        let unwritten = Completion {
            tokens: vec![],
            logprobs: vec![],
            finish_reason: FinishReason::Length,
        };
        let completions = requests
            .iter()
            .map(|(_, request)| vec![unwritten.clone(); request.samples])
            .collect();
        let width = model.config.hidden_size;
        let mut generation = Self {
            model,
            sampling,
            options,
            requests,
            next_request: 0,
            next_sample: 0,
            open_prompt: None,
            max_rows: rows_at_once(model, sampling),
            rows: model.kv_cache(vec![], sampling.max_new_tokens.min(FIRST_CAPACITY)),
            live: vec![],
            resid: Tensor::zeros([1, width], (&model.device(), model.dtype())), // of no row; never read
            completions,
            drawn: VecDeque::new(),
        };
        if sampling.max_new_tokens == 0 {
            generation.next_request = generation.requests.len(); // all are complete
        }
        generation.begin();
        Ok(generation)
    }

    /// Ends a completion as it stands.
    pub fn cancel(&mut self, request: usize, sample: usize) {
        for row in &mut self.live {
            if (row.request, row.sample) == (request, sample) && !row.finished {
                row.finished = true;
                self.completions[request][sample].finish_reason = FinishReason::Cancelled;
            }
        }
    }

    /// What has been written so far, by request and sample.
    pub fn completions(&self) -> &[Vec<Completion>] {
        &self.completions
    }

    /// The completions, by request and sample.
    pub fn finish(self) -> Vec<Vec<Completion>> {
        self.completions
    }

    /// Draws one token for every completion in progress; `false` when there is none left.
    fn step(&mut self) -> Result<bool, GenerateError> {
        // From a thread of the pool, products share their work at once; from outside, each would wait to be let in.
        rayon::scope(|_| self.step_in_pool())
    }

    fn step_in_pool(&mut self) -> Result<bool, GenerateError> {
        if self
            .options
            .cancel
            .is_some_and(|cancel| cancel.load(Ordering::Relaxed))
        {
            self.cancel_all();
        }
        if self.live.iter().all(|row| row.finished) {
            // All rows were cancelled, or nothing is left.
            self.rows.refill(&vec![false; self.live.len()], vec![]);
            self.live.clear();
            self.begin();
        }
        if self.live.is_empty() {
            return Ok(false);
        }
        let tokens = self.draw()?;
        self.go_on(tokens);
        Ok(true)
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
            let logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
            let drawn: Vec<Option<(u32, f32)>> = self.live[start..start + count]
                .par_iter()
                .zip(logits.par_chunks_exact(vocab_size))
                .with_min_len(MAX_LOGITS / 256 / vocab_size + 1)
                .map(|(row, logits)| {
                    let (_, request) = self.requests[row.request];
                    if row.finished {
                        return Some((request.prompt[0], 0.0)); // any token: nothing of this row is read again
                    }
                    let written = &self.completions[row.request][row.sample].tokens;
                    let uniform = self.sampling.uniform(
                        request.index,
                        self.sampling.first_sample + row.sample as u64,
                        written.len() as u64,
                    );
                    self.sampling
                        .draw(logits, [request.prompt, written], uniform)
                })
                .collect();
            for (row, drawn) in (start..).zip(drawn) {
                let Some((token, logprob)) = drawn else {
                    let index = self.requests[self.live[row].request].1.index;
                    return Err(GenerateError::NonFinite { index });
                };
                tokens.push(token);
                if !self.live[row].finished {
                    self.note(row, token, logprob);
                }
            }
        }
        Ok(tokens)
    }

    fn note(&mut self, row: usize, token: u32, logprob: f32) {
        let row = &mut self.live[row];
        let completion = &mut self.completions[row.request][row.sample];
        completion.tokens.push(token);
        completion.logprobs.push(logprob);
        let stops = self.sampling.stop_tokens.contains(&token)
            || self
                .options
                .stop
                .is_some_and(|stop| stop(&completion.tokens));
        let finish_reason = if stops {
            Some(FinishReason::Stop)
        } else if completion.tokens.len() == self.sampling.max_new_tokens {
            Some(FinishReason::Length)
        } else {
            None
        };
        if let Some(reason) = finish_reason {
            completion.finish_reason = reason;
            row.finished = true;
        }
        self.drawn.push_back(SampledToken {
            request: row.request,
            sample: row.sample,
            token,
            logprob,
            finish_reason,
        });
    }

    /// Runs the tokens just drawn, one per row, and changes finished rows for new ones.
    fn go_on(&mut self, mut tokens: Vec<u32>) {
        let finished = self.live.iter().filter(|row| row.finished).count();
        let leave = finished * FINISHED_SHARE >= self.live.len();
        let overgrown: Vec<bool> = self.live.iter().map(|row| self.is_overgrown(row)).collect();
        let keep: Vec<bool> = self
            .live
            .iter()
            .zip(&overgrown)
            .map(|(row, overgrown)| !(leave && row.finished || *overgrown))
            .collect();
        let mut again = vec![];
        if keep.contains(&false) {
            self.rows.refill(&keep, vec![]);
            let mut kept = keep.iter();
            tokens.retain(|_| *kept.next().expect("one mark per row"));
            let live = std::mem::take(&mut self.live);
            for ((row, keep), overgrown) in live.into_iter().zip(&keep).zip(overgrown) {
                if *keep {
                    self.live.push(row);
                } else if overgrown {
                    again.push(row);
                }
            }
        }
        if !tokens.is_empty() {
            self.resid = self
                .model
                .decode_step(&mut self.rows, &tokens, self.options.hook);
        }
        self.read_again(again);
        if leave {
            self.begin();
        }
    }

    /// Whether the text of a row has just grown to where its rotary frequencies change, so that it is read anew.
    fn is_overgrown(&self, row: &Row) -> bool {
        let written = self.completions[row.request][row.sample].tokens.len();
        let len = self.requests[row.request].1.prompt.len() + written;
        !row.finished && self.model.rope_switch_len().is_some_and(|at| len == at + 1)
    }

    fn read_again(&mut self, again: Vec<Row>) {
        for row in again {
            let (index, request) = self.requests[row.request];
            let written = &self.completions[row.request][row.sample].tokens;
            let read = self.read(&[Sequence {
                tokens: &[request.prompt, written].concat(),
                prompt_len: request.prompt.len(),
                index,
            }]);
            let (prompts, resids): (Vec<_>, Vec<_>) = read
                .into_iter()
                .map(|(prompt, last)| ((prompt, 1), last))
                .unzip();
            self.add(prompts, resids, vec![row]);
        }
    }

    /// Begins as many completions as there is room for.
    fn begin(&mut self) {
        let plan = self.plan();
        let new: Vec<usize> = plan
            .iter()
            .filter(|(_, samples)| samples.start == 0)
            .map(|&(request, _)| request)
            .collect();
        let mut read = self.read_prompts(&new).into_iter();
        let (mut groups, mut resids, mut rows) = (vec![], vec![], vec![]);
        for (request, samples) in plan {
            if samples.start == 0 {
                self.open_prompt = read.next();
            }
            let (prompt, last) = self
                .open_prompt
                .as_ref()
                .expect("begun with its first sample");
            groups.push((prompt.clone(), samples.len()));
            resids.push(last.clone().repeat_dim(0, samples.len()));
            rows.extend(samples.map(|sample| Row {
                request,
                sample,
                finished: false,
            }));
        }
        self.add(groups, resids, rows);
    }

    /// The samples that begin next, by request, as many as there is room for.
    fn plan(&mut self) -> Vec<(usize, Range<usize>)> {
        let mut room = self.max_rows.saturating_sub(self.live.len());
        let mut plan = vec![];
        while room > 0 && self.next_request < self.requests.len() {
            let samples = self.requests[self.next_request].1.samples;
            let end = samples.min(self.next_sample + room);
            if end > self.next_sample {
                plan.push((self.next_request, self.next_sample..end));
            }
            room -= end - self.next_sample;
            self.next_sample = end;
            if end == samples {
                self.next_request += 1;
                self.next_sample = 0;
            }
        }
        plan
    }

    /// The prompts of requests, each with the residual stream from which its first token is drawn, `[1, hidden_size]`.
    fn read_prompts(&self, requests: &[usize]) -> Vec<(PromptCache, Tensor<2>)> {
        let mut read = vec![];
        let mut left = requests;
        while !left.is_empty() {
            let mut tokens = 0;
            let fits = |&&request: &&usize| {
                tokens += self.requests[request].1.prompt.len();
                tokens <= MAX_PROMPT_TOKENS
            };
            let count = left.iter().take_while(fits).count().max(1);
            let (now, later) = left.split_at(count);
            left = later;
            let sequences: Vec<Sequence> = now
                .iter()
                .map(|&request| {
                    let (index, request) = self.requests[request];
                    Sequence {
                        tokens: request.prompt,
                        prompt_len: request.prompt.len(),
                        index,
                    }
                })
                .collect();
            read.extend(self.read(&sequences));
        }
        read
    }

    /// Reads sequences whose completions go on behind them.
    fn read(&self, sequences: &[Sequence]) -> Vec<(PromptCache, Tensor<2>)> {
        let (resid, prompts) = self.model.prefill_sequences(sequences, self.options.hook);
        let mut end = 0;
        let with_last = |prompt: PromptCache| {
            end += prompt.len;
            (prompt, resid.clone().narrow(0, end - 1, 1))
        };
        prompts.into_iter().map(with_last).collect()
    }

    /// Adds rows behind the others; `resids` holds what their next tokens are drawn from.
    fn add(&mut self, groups: Vec<(PromptCache, usize)>, resids: Vec<Tensor<2>>, rows: Vec<Row>) {
        if rows.is_empty() {
            return;
        }
        self.rows.refill(&vec![true; self.live.len()], groups);
        let before = (!self.live.is_empty()).then(|| self.resid.clone());
        self.resid = Tensor::cat(before.into_iter().chain(resids).collect(), 0);
        self.live.extend(rows);
    }

    fn cancel_all(&mut self) {
        for row in self.live.iter_mut().filter(|row| !row.finished) {
            row.finished = true;
            self.completions[row.request][row.sample].finish_reason = FinishReason::Cancelled;
        }
        // What has not been begun ends before its first token.
        while self.next_request < self.requests.len() {
            for completion in &mut self.completions[self.next_request][self.next_sample..] {
                completion.finish_reason = FinishReason::Cancelled;
            }
            self.next_request += 1;
            self.next_sample = 0;
        }
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<SampledToken, GenerateError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.drawn.is_empty() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.cancel_all();
                    return Some(Err(error));
                }
            }
        }
        self.drawn.pop_front().map(Ok)
    }
}

fn check(model: &Model, request: &Request, sampling: &Sampling) -> Result<(), GenerateError> {
    let (index, len) = (request.index, request.prompt.len());
    let (vocab_size, most) = (model.config.vocab_size, model.config.max_len());
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
