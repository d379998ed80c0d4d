//! How a token is sampled from logits.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use trimtab_kernels::SoftmaxTerms;

/// How completions are sampled. Filters apply in the order of the fields, each to the tokens that
/// the one before left.
///
/// ```
/// use trimtab_model::Sampling;
///
/// let sampling = Sampling {
///     temperature: 0.7,
///     top_p: 0.9,
///     max_new_tokens: 200,
///     ..Sampling::default()
/// };
/// assert!(sampling.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Logits of tokens that are in the text already are divided by it if positive and multiplied
    /// if negative (CTRL, arXiv:1909.05858, section 4.1); 1 changes nothing.
    pub repetition_penalty: f32,
    /// Logits are divided by it; 0 always takes the most likely token.
    pub temperature: f32,
    /// Keeps this many of the most likely tokens, and those as likely as the last of them; 0 keeps
    /// all.
    pub top_k: usize,
    /// Keeps the fewest most likely tokens that together have this probability (nucleus sampling,
    /// arXiv:1904.09751); 1 keeps all.
    pub top_p: f32,
    /// Keeps tokens at least this many times as likely as the most likely one (min-p,
    /// arXiv:2407.01082); 0 keeps all.
    pub min_p: f32,
    /// Longest completion in tokens.
    pub max_new_tokens: usize,
    /// Tokens that end a completion; the one that did is its last token.
    pub stop_tokens: Vec<u32>,
    /// Seed of the run.
    pub seed: u64,
    /// Step of the run. Each step has its own random draws.
    pub step: u64,
    /// Number of each request's first completion. The number of a completion is part of the address
    /// of its draws, so one completion of a group can be drawn again alone.
    pub first_sample: u64,
}

impl Default for Sampling {
    /// The distribution of the model itself, at most 256 tokens.
    fn default() -> Self {
        Self {
            repetition_penalty: 1.0,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            max_new_tokens: 256,
            stop_tokens: vec![],
            seed: 0,
            step: 0,
            first_sample: 0,
        }
    }
}

/// A setting with which nothing can be sampled.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{key}` is {value}; it must be {expected}")]
pub struct SamplingError {
    key: &'static str,
    value: f32,
    expected: &'static str,
}

impl Sampling {
    /// Refuses settings with which nothing can be sampled.
    ///
    /// # Errors
    ///
    /// [`SamplingError`] names the first wrong setting.
    pub fn check(&self) -> Result<(), SamplingError> {
        // The reciprocal of a subnormal number is infinite.
        let positive = |value: f32| value.is_normal() && value > 0.0;
        let checks = [
            (
                "temperature",
                self.temperature,
                self.temperature == 0.0 || positive(self.temperature),
                "0 or a positive number",
            ),
            (
                "repetition_penalty",
                self.repetition_penalty,
                positive(self.repetition_penalty),
                "a positive number",
            ),
            (
                "top_p",
                self.top_p,
                self.top_p > 0.0 && self.top_p <= 1.0,
                "above 0 and at most 1",
            ),
            (
                "min_p",
                self.min_p,
                (0.0..=1.0).contains(&self.min_p),
                "between 0 and 1",
            ),
        ];
        match checks.into_iter().find(|&(_, _, holds, _)| !holds) {
            None => Ok(()),
            Some((key, value, _, expected)) => Err(SamplingError {
                key,
                value,
                expected,
            }),
        }
    }

    /// A random number in `[0, 1)` that depends on its address only: `ChaCha8` with the key
    /// (seed, step, prompt, sample), at the position of the token.
    pub(crate) fn uniform(&self, prompt: u64, sample: u64, token: u64) -> f64 {
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

    /// The token at `uniform` on the cumulative distribution of the tokens that the filters keep.
    /// `None` if the logits are not finite.
    ///
    /// With it comes its log-probability under `softmax(logits / temperature)`, before penalty and
    /// filters, as training computes it. `text` is prompt and completion so far.
    pub(crate) fn sample(
        &self,
        logits: &[f32],
        text: [&[u32]; 2],
        uniform: f64,
    ) -> Option<(u32, f32)> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            return None;
        }
        let scale = if self.temperature == 0.0 {
            1.0
        } else {
            1.0 / self.temperature
        };
        let plain = SoftmaxTerms::new(logits, scale);
        let penalised = (self.repetition_penalty != 1.0).then(|| self.penalise(logits, text));
        let token = match &penalised {
            None => self.pick(logits, &plain, uniform),
            Some(penalised) => self.pick(penalised, &SoftmaxTerms::new(penalised, scale), uniform),
        };
        Some((token as u32, plain.logprob(logits[token])))
    }

    fn penalise(&self, logits: &[f32], text: [&[u32]; 2]) -> Vec<f32> {
        let mut penalised = logits.to_vec();
        for &token in text.into_iter().flatten() {
            let logit = logits[token as usize];
            penalised[token as usize] = if logit > 0.0 {
                logit / self.repetition_penalty
            } else {
                logit * self.repetition_penalty
            };
        }
        penalised
    }

    fn pick(&self, logits: &[f32], weights: &SoftmaxTerms, uniform: f64) -> usize {
        let first_max = || logits.iter().position(|&logit| logit == weights.max);
        let best = first_max().expect("one of finite logits is the largest");
        if self.temperature == 0.0 {
            return best;
        }
        let filtered = self.top_k > 0 || self.top_p < 1.0 || self.min_p > 0.0;
        let sampled = if filtered {
            let kept = self.filter(&weights.exps);
            let total: f64 = kept
                .iter()
                .map(|&token| f64::from(weights.exps[token]))
                .sum();
            index_of_sum(
                kept.iter().map(|&token| weights.exps[token]),
                uniform * total,
            )
            .map(|index| kept[index])
        } else {
            index_of_sum(weights.exps.iter().copied(), uniform * weights.sum)
        };
        // Rounding may leave a rest at the end, which goes to the most likely token.
        sampled.unwrap_or(best)
    }

    /// The tokens that `top_k`, `top_p` and `min_p` keep, in the order of their ids.
    fn filter(&self, weights: &[f32]) -> Vec<usize> {
        let mut kept: Vec<usize> = (0..weights.len()).collect();
        kept.sort_by(|&a, &b| weights[b].total_cmp(&weights[a]));
        let largest = weights[kept[0]];
        if (1..kept.len()).contains(&self.top_k) {
            let least = weights[kept[self.top_k - 1]];
            kept.retain(|&token| weights[token] >= least);
        }
        let total: f64 = kept.iter().map(|&token| f64::from(weights[token])).sum();
        if self.top_p < 1.0 {
            let mut above = 0.0;
            kept.retain(|&token| {
                let keep = above < f64::from(self.top_p) * total;
                above += f64::from(weights[token]);
                keep
            });
        }
        kept.retain(|&token| weights[token] >= self.min_p * largest);
        kept.sort_unstable();
        kept
    }
}

/// The index at which the sum of `weights` first exceeds `target`.
fn index_of_sum(mut weights: impl Iterator<Item = f32>, target: f64) -> Option<usize> {
    let mut left = target;
    weights.position(|weight| {
        left -= f64::from(weight);
        left < 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(logits: &[f32], temperature: f32, uniform: f64) -> Option<(u32, f32)> {
        let sampling = Sampling {
            temperature,
            ..Sampling::default()
        };
        sampling.sample(logits, [&[], &[]], uniform)
    }

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
            seed,
            step,
            ..Sampling::default()
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
        for other in others {
            assert!((base - other).abs() > 1e-9);
        }
    }

    /// Weights 1, 2, 3, 3, 6 of 15.
    #[test]
    fn filters_leave_what_they_say() {
        let weights = [2.0, 6.0, 3.0, 1.0, 3.0];
        let kept = |top_k, top_p, min_p| {
            let sampling = Sampling {
                top_k,
                top_p,
                min_p,
                ..Sampling::default()
            };
            sampling.filter(&weights)
        };
        assert_eq!(kept(1, 1.0, 0.0), [1]);
        assert_eq!(kept(2, 1.0, 0.0), [1, 2, 4], "as likely as the second");
        assert_eq!(kept(9, 1.0, 0.0), [0, 1, 2, 3, 4]);
        assert_eq!(kept(0, 0.3, 0.0), [1]);
        assert_eq!(kept(0, 0.5, 0.0), [1, 2]);
        assert_eq!(kept(0, 0.79, 0.0), [1, 2, 4]);
        assert_eq!(kept(0, 0.81, 0.0), [0, 1, 2, 4]);
        assert_eq!(
            kept(3, 0.74, 0.0),
            [1, 2],
            "6 + 3 of the 12 that top_k leaves"
        );
        assert_eq!(kept(3, 0.76, 0.0), [1, 2, 4]);
        assert_eq!(kept(0, 1.0, 0.34), [1, 2, 4]);
        assert_eq!(kept(0, 1.0, 1.0), [1]);
    }

    #[test]
    fn a_penalty_pushes_down_what_was_said_and_leaves_the_logprob() {
        let sampling = Sampling {
            temperature: 0.0,
            repetition_penalty: 2.0,
            ..Sampling::default()
        };
        let logits = [3.0, 2.0, -1.0];
        let (token, logprob) = sampling
            .sample(&logits, [&[0], &[2]], 0.5)
            .expect("finite logits");
        assert_eq!(token, 1);
        let total: f32 = logits.iter().map(|logit| logit.exp()).sum();
        assert!((logprob - (2.0 - total.ln())).abs() < 1e-6);
        assert_eq!(
            sampling.penalise(&logits, [&[0], &[2, 2]]),
            [1.5, 2.0, -2.0]
        );
    }

    /// Evenly spaced numbers in `[0, 1)` give every token the share that transformers gives it.
    #[test]
    fn distributions_equal_those_of_transformers() {
        let expected = include_str!("../tests/fixtures/sampling/expected.json");
        let expected: serde_json::Value =
            serde_json::from_str(expected).expect("generate.py wrote it");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            serde_json::from_value(value.clone()).expect("a list of numbers")
        };
        let logits: Vec<f32> = numbers(&expected["logits"])
            .into_iter()
            .map(|x| x as f32)
            .collect();
        let text: Vec<u32> = numbers(&expected["text"])
            .into_iter()
            .map(|x| x as u32)
            .collect();
        let draws = 20_000;
        for case in expected["cases"].as_array().expect("a list") {
            let number = |key: &str, default: f64| case[key].as_f64().unwrap_or(default) as f32;
            let sampling = Sampling {
                repetition_penalty: number("repetition_penalty", 1.0),
                temperature: number("temperature", 1.0),
                top_k: number("top_k", 0.0) as usize,
                top_p: number("top_p", 1.0),
                min_p: number("min_p", 0.0),
                ..Sampling::default()
            };
            let mut counts = vec![0; logits.len()];
            for draw in 0..draws {
                let uniform = (f64::from(draw) + 0.5) / f64::from(draws);
                let halves = [&text[..4], &text[4..]];
                let (token, _) = sampling
                    .sample(&logits, halves, uniform)
                    .expect("finite logits");
                counts[token as usize] += 1;
            }
            for (token, (count, probability)) in counts
                .iter()
                .zip(numbers(&case["probabilities"]))
                .enumerate()
            {
                let share = f64::from(*count) / f64::from(draws);
                assert!(
                    (share - probability).abs() <= 1.01 / f64::from(draws),
                    "{sampling:?}, token {token}: {share} of the draws, probability {probability}"
                );
                assert!(
                    *count == 0 || probability > 0.0,
                    "{sampling:?}, token {token} is filtered"
                );
            }
        }
    }
}
