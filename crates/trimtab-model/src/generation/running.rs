//! Completions in progress.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::Ordering;

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::memory::{CacheSize, MAX_CACHE_BYTES, MAX_ROWS};
use super::{Completion, FinishReason, GenerateError, GenerateOptions, Request, check};
use crate::cache::{KvCache, PromptCache};
use crate::decoder::{Model, Sequence};
use crate::sampling::Sampling;

/// Tokens that rows have room for at first; the room grows with them.
const FIRST_CAPACITY: usize = 1024;

/// Logits that are in memory at once, in numbers.
const MAX_LOGITS: usize = 1 << 24;

/// Prompt tokens that run at once, unless one prompt has more.
const MAX_PROMPT_TOKENS: usize = 8192;

/// Finished rows are removed, and new ones added, once they are one in this many: both copy the
/// cache of the other rows.
const FINISHED_SHARE: usize = 8;

/// Completions in progress: an iterator over tokens as they are sampled.
/// [`generate`](crate::generate()) runs it to the end.
///
/// ```no_run
/// # use trimtab_model::generation::Generation;
/// # use trimtab_model::{GenerateOptions, Pretrained, Request, Sampling};
/// # fn stream(base: &Pretrained, prompt: &[u32]) -> Result<(), Box<dyn std::error::Error>> {
/// let request = [Request { prompt, index: 0, samples: 1 }];
/// let stop_tokens = base.model.config.eos_token_id.clone();
/// let sampling = Sampling { stop_tokens, ..Sampling::default() };
/// let options = GenerateOptions::default();
/// let mut tokens = vec![];
/// for sampled in Generation::start(&base.model, &request, &sampling, options)? {
///     tokens.push(sampled?.token);
///     println!("{}", base.tokenizer.decode(&tokens)?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Generation<'a> {
    model: &'a Model,
    sampling: &'a Sampling,
    options: GenerateOptions<'a>,
    /// With the index by which hooks know each.
    requests: Vec<(usize, Request<'a>)>,
    /// Address of the completion that begins next.
    next_request: usize,
    next_sample: usize,
    /// The prompt of `next_request` if some of its completions have begun, with the residual stream
    /// at its last token, `[1, hidden_size]`.
    open_prompt: Option<(PromptCache, Tensor<2>)>,
    cache_size: CacheSize,
    /// What keys and values may take.
    max_bytes: usize,
    cache: KvCache,
    /// One per row of `cache`.
    rows: Vec<Row>,
    /// Residual stream of which the next tokens are sampled, `[rows, hidden_size]`.
    resid: Tensor<2>,
    /// By request, then by sample.
    completions: Vec<Vec<Completion>>,
    sampled: VecDeque<SampledToken>,
}

/// A token that was just sampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledToken {
    /// Index of the request.
    pub request: usize,
    /// Index of its completion.
    pub sample: usize,
    /// The token.
    pub token: u32,
    /// Log-probability, as in [`Completion::logprobs`].
    pub logprob: f32,
    /// Why the completion ends with this token, if it does.
    pub finish_reason: Option<FinishReason>,
}

/// A row of the batch. It may have finished and not be removed yet.
struct Row {
    request: usize,
    sample: usize,
    finished: bool,
}

/// Rows to be added to the batch.
#[derive(Default)]
struct NewRows {
    /// Each prompt with its number of rows.
    groups: Vec<(PromptCache, usize)>,
    /// What the first tokens of each group are sampled from, `[rows, hidden_size]`.
    resids: Vec<Tensor<2>>,
    rows: Vec<Row>,
}

impl<'a> Generation<'a> {
    /// Checks the requests and runs the first prompts.
    ///
    /// # Errors
    ///
    /// A request cannot be completed.
    pub fn start(
        model: &'a Model,
        requests: &[Request<'a>],
        sampling: &'a Sampling,
        options: GenerateOptions<'a>,
    ) -> Result<Self, GenerateError> {
        check(model, requests, sampling)?;
        let requests = requests.iter().copied().enumerate().collect();
        Ok(Self::new(
            model,
            requests,
            sampling,
            options,
            MAX_CACHE_BYTES,
        ))
    }

    /// Runs the first prompts of requests that were checked.
    pub(super) fn new(
        model: &'a Model,
        requests: Vec<(usize, Request<'a>)>,
        sampling: &'a Sampling,
        options: GenerateOptions<'a>,
        max_bytes: usize,
    ) -> Self {
        let empty = Completion {
            tokens: vec![],
            logprobs: vec![],
            finish_reason: FinishReason::Length,
        };
        let completions = requests
            .iter()
            .map(|(_, request)| vec![empty.clone(); request.samples])
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
            cache_size: CacheSize::of(model, sampling),
            max_bytes,
            cache: model.kv_cache(vec![], sampling.max_new_tokens.min(FIRST_CAPACITY)),
            rows: vec![],
            resid: Tensor::zeros([1, width], (&model.device(), model.dtype())), // never read
            completions,
            sampled: VecDeque::new(),
        };
        if sampling.max_new_tokens == 0 {
            generation.next_request = generation.requests.len(); // all are complete
        }
        generation.begin_completions();
        generation
    }

    /// Ends a completion as it is.
    pub fn cancel(&mut self, request: usize, sample: usize) {
        for row in &mut self.rows {
            if (row.request, row.sample) == (request, sample) && !row.finished {
                row.finished = true;
                self.completions[request][sample].finish_reason = FinishReason::Cancelled;
            }
        }
    }

    /// The completions so far, by request and sample.
    pub fn completions(&self) -> &[Vec<Completion>] {
        &self.completions
    }

    /// The completions, by request and sample.
    pub fn finish(self) -> Vec<Vec<Completion>> {
        self.completions
    }

    /// Samples until all completions have ended.
    pub(super) fn run(mut self) -> Result<Vec<Vec<Completion>>, GenerateError> {
        while self.step()? {
            self.sampled.clear(); // nobody iterates
        }
        Ok(self.finish())
    }

    /// Samples one token for every completion in progress; `false` if there is none left.
    fn step(&mut self) -> Result<bool, GenerateError> {
        // Operations share work at once from a thread of the pool. From outside each would wait to
        // enter the pool.
        rayon::scope(|_| self.step_in_pool())
    }

    fn step_in_pool(&mut self) -> Result<bool, GenerateError> {
        let cancel = self.options.cancel;
        if cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            self.cancel_all();
        }
        if self.rows.iter().all(|row| row.finished) {
            // All rows were cancelled, or none is left.
            self.cache.refill(&vec![false; self.rows.len()], vec![]);
            self.rows.clear();
            self.begin_completions();
        }
        if self.rows.is_empty() {
            return Ok(false);
        }
        let tokens = self.sample_tokens()?;
        self.run_tokens(tokens);
        Ok(true)
    }

    /// Samples the next token of every row and records those of rows that have not finished.
    fn sample_tokens(&mut self) -> Result<Vec<u32>, GenerateError> {
        let vocab_size = self.model.config.vocab_size;
        let rows_at_once = (MAX_LOGITS / vocab_size).max(1);
        let mut tokens = Vec::with_capacity(self.rows.len());
        for start in (0..self.rows.len()).step_by(rows_at_once) {
            let count = rows_at_once.min(self.rows.len() - start);
            let resid = self.resid.clone().narrow(0, start, count);
            let logits = self.model.logits(resid);
            let logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
            let sampled: Vec<Option<(u32, f32)>> = self.rows[start..start + count]
                .par_iter()
                .zip(logits.par_chunks_exact(vocab_size))
                .with_min_len(MAX_LOGITS / 256 / vocab_size + 1)
                .map(|(row, logits)| self.sample_token(row, logits))
                .collect();
            for (row, sampled) in (start..).zip(sampled) {
                let Some((token, logprob)) = sampled else {
                    let index = self.requests[self.rows[row].request].1.index;
                    return Err(GenerateError::NonFinite { index });
                };
                tokens.push(token);
                if !self.rows[row].finished {
                    self.record(row, token, logprob);
                }
            }
        }
        Ok(tokens)
    }

    /// The next token of a row and its log-probability; `None` if the logits are not finite.
    fn sample_token(&self, row: &Row, logits: &[f32]) -> Option<(u32, f32)> {
        let (_, request) = self.requests[row.request];
        if row.finished {
            return Some((request.prompt[0], 0.0)); // any token: nothing of this row is read again
        }
        let written = &self.completions[row.request][row.sample].tokens;
        let sample = self.sampling.first_sample + row.sample as u64;
        let position = written.len() as u64;
        let uniform = self.sampling.uniform(request.index, sample, position);
        self.sampling
            .sample(logits, [request.prompt, written], uniform)
    }

    fn record(&mut self, row: usize, token: u32, logprob: f32) {
        let row = &mut self.rows[row];
        let completion = &mut self.completions[row.request][row.sample];
        completion.tokens.push(token);
        completion.logprobs.push(logprob);
        let stop = self.options.stop;
        let stops = self.sampling.stop_tokens.contains(&token)
            || stop.is_some_and(|stop| stop(&completion.tokens));
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
        self.sampled.push_back(SampledToken {
            request: row.request,
            sample: row.sample,
            token,
            logprob,
            finish_reason,
        });
    }

    /// Runs the tokens just sampled, one per row, and replaces finished rows by new ones.
    fn run_tokens(&mut self, mut tokens: Vec<u32>) {
        let finished = self.rows.iter().filter(|row| row.finished).count();
        let remove_finished = finished * FINISHED_SHARE >= self.rows.len();
        let (mut keep, mut crossing) = (vec![], vec![]);
        for row in &self.rows {
            let crosses = self.crosses_longrope_threshold(row);
            keep.push(!(remove_finished && row.finished || crosses));
            crossing.push(crosses);
        }
        let mut again = vec![];
        if keep.contains(&false) {
            self.cache.refill(&keep, vec![]);
            let mut kept = keep.iter();
            tokens.retain(|_| *kept.next().expect("one mark per row"));
            let rows = std::mem::take(&mut self.rows);
            for ((row, keep), crosses) in rows.into_iter().zip(&keep).zip(crossing) {
                if *keep {
                    self.rows.push(row);
                } else if crosses {
                    again.push(row);
                }
            }
        }
        if !tokens.is_empty() {
            let hook = self.options.hook;
            self.resid = self.model.decode_step(&mut self.cache, &tokens, hook);
        }
        self.prefill_again(again);
        if remove_finished {
            self.begin_completions();
        }
    }

    /// Whether the text of a row has just grown to where its rotary frequencies change.
    fn crosses_longrope_threshold(&self, row: &Row) -> bool {
        let written = self.completions[row.request][row.sample].tokens.len();
        let len = self.requests[row.request].1.prompt.len() + written;
        let threshold = self.model.longrope_threshold();
        !row.finished && threshold.is_some_and(|threshold| len == threshold + 1)
    }

    /// Runs the whole texts of rows as prompts, since their rotary frequencies have changed.
    fn prefill_again(&mut self, rows: Vec<Row>) {
        for row in rows {
            let (index, request) = self.requests[row.request];
            let written = &self.completions[row.request][row.sample].tokens;
            let mut new = NewRows::default();
            let prefilled = self.prefill(&[Sequence {
                tokens: &[request.prompt, written].concat(),
                prompt_len: request.prompt.len(),
                index,
            }]);
            for (prompt, last) in prefilled {
                new.groups.push((prompt, 1));
                new.resids.push(last);
            }
            new.rows.push(row);
            self.add_rows(new);
        }
    }

    /// Begins as many completions as there is room for.
    fn begin_completions(&mut self) {
        let next = self.take_next();
        let requests: Vec<usize> = next
            .iter()
            .filter(|(_, samples)| samples.start == 0)
            .map(|&(request, _)| request)
            .collect();
        let mut prefilled = self.prefill_requests(&requests).into_iter();
        let mut new = NewRows::default();
        for (request, samples) in next {
            if samples.start == 0 {
                self.open_prompt = prefilled.next();
            }
            let (prompt, last) = self
                .open_prompt
                .as_ref()
                .expect("set with the first sample");
            new.groups.push((prompt.clone(), samples.len()));
            new.resids.push(last.clone().repeat_dim(0, samples.len()));
            new.rows.extend(samples.map(|sample| Row {
                request,
                sample,
                finished: false,
            }));
        }
        if self.next_sample == 0 {
            self.open_prompt = None; // all of its completions have begun
        }
        self.add_rows(new);
    }

    /// The completions that begin next, as many as there is room for: requests with ranges of
    /// their samples.
    fn take_next(&mut self) -> Vec<(usize, Range<usize>)> {
        let mut rows = self.rows.len();
        let mut bytes = self.cache_bytes();
        let mut next = vec![];
        while rows < MAX_ROWS && self.next_request < self.requests.len() {
            let (_, request) = &self.requests[self.next_request];
            let row = self.cache_size.row(request);
            let prompt = if self.next_sample == 0 {
                self.cache_size.prompt(request)
            } else {
                0 // counted as the open prompt
            };
            let room = self.max_bytes.saturating_sub(bytes.saturating_add(prompt)) / row;
            let room = if rows == 0 { room.max(1) } else { room };
            let left = request.samples - self.next_sample;
            let count = left.min(room).min(MAX_ROWS - rows);
            if count > 0 {
                let end = self.next_sample + count;
                next.push((self.next_request, self.next_sample..end));
                rows += count;
                bytes = bytes.saturating_add(prompt.saturating_add(count.saturating_mul(row)));
                self.next_sample = end;
            }
            if count < left {
                break;
            }
            self.next_request += 1;
            self.next_sample = 0;
        }
        next
    }

    /// The most bytes that keys and values of the rows and their prompts can take.
    fn cache_bytes(&self) -> usize {
        let mut prompts: BTreeSet<usize> = self.rows.iter().map(|row| row.request).collect();
        if self.next_sample > 0 {
            prompts.insert(self.next_request);
        }
        let request = |index: &usize| &self.requests[*index].1;
        let prompts = prompts
            .iter()
            .map(|index| self.cache_size.prompt(request(index)));
        let rows = self.rows.iter();
        let rows = rows.map(|row| self.cache_size.row(request(&row.request)));
        prompts.chain(rows).fold(0, usize::saturating_add)
    }

    /// The prompts of requests, each with the residual stream at its last token,
    /// `[1, hidden_size]`.
    fn prefill_requests(&self, requests: &[usize]) -> Vec<(PromptCache, Tensor<2>)> {
        let mut prefilled = vec![];
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
            prefilled.extend(self.prefill(&sequences));
        }
        prefilled
    }

    /// Keys and values of sequences, each with the residual stream at its last token,
    /// `[1, hidden_size]`.
    fn prefill(&self, sequences: &[Sequence]) -> Vec<(PromptCache, Tensor<2>)> {
        let hook = self.options.hook;
        let (resid, prompts) = self.model.prefill_sequences(sequences, hook);
        let mut end = 0;
        let with_last = |prompt: PromptCache| {
            end += prompt.len;
            let last = resid.clone().narrow(0, end - 1, 1);
            (prompt.for_decoding(), last)
        };
        prompts.into_iter().map(with_last).collect()
    }

    /// Adds rows after the others.
    fn add_rows(&mut self, new: NewRows) {
        if new.rows.is_empty() {
            return;
        }
        self.cache.refill(&vec![true; self.rows.len()], new.groups);
        let before = (!self.rows.is_empty()).then(|| self.resid.clone());
        self.resid = Tensor::cat(before.into_iter().chain(new.resids).collect(), 0);
        self.rows.extend(new.rows);
    }

    fn cancel_all(&mut self) {
        for row in self.rows.iter_mut().filter(|row| !row.finished) {
            row.finished = true;
            self.completions[row.request][row.sample].finish_reason = FinishReason::Cancelled;
        }
        // Completions that have not begun end before their first token.
        while self.next_request < self.requests.len() {
            for completion in &mut self.completions[self.next_request][self.next_sample..] {
                completion.finish_reason = FinishReason::Cancelled;
            }
            self.next_request += 1;
            self.next_sample = 0;
        }
        self.open_prompt = None;
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<SampledToken, GenerateError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.sampled.is_empty() {
            match self.step() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.cancel_all();
                    return Some(Err(error));
                }
            }
        }
        self.sampled.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoder::tests::packed_model;

    #[test]
    fn keys_and_values_stay_within_their_bound_and_completions_do_not_depend_on_it() {
        let model = packed_model();
        let sampling = Sampling {
            max_new_tokens: 9,
            stop_tokens: vec![3],
            ..Sampling::default()
        };
        let prompts: Vec<Vec<u32>> = (0..12)
            .map(|index| (0..20).map(|token| (index + token) % 11).collect())
            .collect();
        let requests: Vec<(usize, Request)> = prompts
            .iter()
            .enumerate()
            .map(|(index, prompt)| {
                let request = Request {
                    prompt,
                    index: index as u64,
                    samples: 1 + index % 4,
                };
                (index, request)
            })
            .collect();
        let start = |max_bytes| {
            let options = GenerateOptions::default();
            Generation::new(&model, requests.clone(), &sampling, options, max_bytes)
        };
        let unbounded = start(MAX_CACHE_BYTES).run().expect("finite logits");
        let config = &model.config;
        let heads = config.num_hidden_layers * config.num_key_value_heads;
        let token_bytes = 2 * heads * config.head_dim * size_of::<f32>();
        for max_bytes in [64, 100, 200].map(|tokens| tokens * token_bytes) {
            let mut generation = start(max_bytes);
            let mut largest = 0;
            loop {
                let bytes = generation.cache.stored_tokens() * token_bytes;
                largest = largest.max(bytes);
                assert!(bytes <= max_bytes, "{bytes} of {max_bytes} bytes");
                if !generation.step().expect("finite logits") {
                    break;
                }
            }
            assert!(4 * largest > max_bytes, "{largest} of {max_bytes} bytes");
            let tokens = |all: &[Vec<Completion>]| -> Vec<Vec<u32>> {
                all.iter().flatten().map(|one| one.tokens.clone()).collect()
            };
            assert_eq!(tokens(&generation.finish()), tokens(&unbounded));
        }
    }
}
