//! Which documents a step reads, and how fast it learns from them.

use anyhow::{Result, anyhow};
use tokenizers::Tokenizer;
use trimtab::rl::optim::Schedule;
use trimtab::tasks::corpus::{document, document_with_request};

use crate::tokenizer::END_OF_TEXT;

/// Fewest tokens of a step.
pub(crate) const TOKENS_PER_STEP: usize = 8192;
/// Fewest tokens of all but the last micro-batch of a step.
const TOKENS_PER_MICRO_BATCH: usize = 1024;

/// The corpus comes in two parts, each with its own rise and fall of the learning rate.
const PARTS: [Part; 2] = [
    Part {
        fifths: 4,
        document,
        peak_learning_rate: 4e-3,
        warmup_steps: 100,
    },
    Part {
        fifths: 1,
        document: document_with_request,
        peak_learning_rate: 2e-3,
        warmup_steps: 50,
    },
];

/// A part of the corpus.
pub(crate) struct Part {
    /// Its share of the steps, in fifths.
    fifths: u64,
    document: fn(u64, u64) -> String,
    peak_learning_rate: f32,
    warmup_steps: u64,
}

/// A step of a part.
pub(crate) struct PartStep {
    part: &'static Part,
    /// Number of the step in its part, from 1.
    step: u64,
    /// Number of steps of the part.
    steps: u64,
}

/// The documents of a step as token ids.
pub(crate) struct Batch {
    /// Documents that are run together.
    pub(crate) micro_batches: Vec<Vec<Vec<u32>>>,
    /// Tokens that are predicted: all but the first of each document.
    pub(crate) tokens: usize,
}

impl PartStep {
    /// Step `step` (from 1) of `steps`.
    pub(crate) fn of(step: u64, steps: u64) -> Self {
        let boundary = steps * PARTS[0].fifths / 5;
        let (part, step, steps) = if step <= boundary {
            (&PARTS[0], step, boundary)
        } else {
            (&PARTS[1], step - boundary, steps - boundary)
        };
        Self { part, step, steps }
    }

    /// The learning rate: a cosine after a linear rise.
    pub(crate) fn learning_rate(&self) -> f32 {
        let Part {
            peak_learning_rate,
            warmup_steps,
            ..
        } = *self.part;
        peak_learning_rate * Schedule::Cosine.factor(self.step, self.steps, warmup_steps)
    }

    /// The documents from number `next_document` on, which is moved behind them.
    pub(crate) fn batch(
        &self,
        tokenizer: &Tokenizer,
        seed: u64,
        next_document: &mut u64,
    ) -> Result<Batch> {
        let mut micro_batches: Vec<Vec<Vec<u32>>> = vec![vec![]];
        let (mut tokens, mut in_last) = (0, 0);
        while tokens < TOKENS_PER_STEP {
            let text = (self.part.document)(seed, *next_document) + END_OF_TEXT;
            *next_document += 1;
            let encoding = tokenizer
                .encode(text, true)
                .map_err(|error| anyhow!("{error}"))?;
            if in_last >= TOKENS_PER_MICRO_BATCH {
                micro_batches.push(vec![]);
                in_last = 0;
            }
            let document = encoding.get_ids().to_vec();
            tokens += document.len() - 1;
            in_last += document.len() - 1;
            let last = micro_batches.last_mut().expect("never empty");
            last.push(document);
        }
        Ok(Batch {
            micro_batches,
            tokens,
        })
    }
}
