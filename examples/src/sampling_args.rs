//! The flags of sampling.

use clap::Args;
use trimtab::Sampling;
use trimtab::model::ModelConfig;

/// Flags that say how tokens are sampled.
#[derive(Args, Debug)]
pub struct SamplingArgs {
    /// Longest completion in tokens.
    #[arg(long, default_value_t = 96)]
    pub max_new_tokens: usize,
    /// Sampling temperature; 0 takes the most likely token.
    #[arg(long, default_value_t = 1.0)]
    pub temperature: f32,
    /// Sample from this many most likely tokens; 0 means all.
    #[arg(long, default_value_t = 0)]
    pub top_k: usize,
    /// Sample from the smallest set of tokens that has this probability.
    #[arg(long, default_value_t = 1.0)]
    pub top_p: f32,
    /// Sample from tokens at least this many times as likely as the most likely one.
    #[arg(long, default_value_t = 0.0)]
    pub min_p: f32,
    /// Make tokens that the text has already less likely; 1 changes nothing.
    #[arg(long, default_value_t = 1.0)]
    pub repetition_penalty: f32,
    /// Seed of the sampling.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

impl SamplingArgs {
    /// The sampling that the flags say. A completion ends at an end-of-text token of `config`.
    pub fn sampling(&self, config: &ModelConfig) -> Sampling {
        Sampling {
            repetition_penalty: self.repetition_penalty,
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            max_new_tokens: self.max_new_tokens,
            stop_tokens: config.eos_token_id.clone(),
            seed: self.seed,
            ..Sampling::default()
        }
    }
}
