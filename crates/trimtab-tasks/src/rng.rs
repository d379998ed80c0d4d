//! Addressed random numbers: the number of a problem or document alone determines its text.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A random number generator for one address. Equal addresses give equal sequences everywhere.
pub(crate) struct Rng(ChaCha8Rng);

impl Rng {
    /// The generator at `address`: four numbers that form the 256-bit key of `ChaCha8`.
    pub(crate) fn at(address: [u64; 4]) -> Self {
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip(address) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A whole number in `0..bound`, with a bias below `bound / 2^64`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A whole number in `low..=high`.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as usize) as i64
    }

    /// One of `options`.
    pub(crate) fn pick<T: Copy>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())]
    }

    /// An index into `weights`, with probabilities proportional to the weights.
    pub(crate) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut ticket = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if ticket < *weight {
                return index;
            }
            ticket -= weight;
        }
        unreachable!("a ticket is smaller than the sum of the weights")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_depend_on_every_word_of_the_address() {
        let first = |address| Rng::at(address).below(1 << 40);
        let base = first([1, 2, 3, 4]);
        assert_eq!(base, first([1, 2, 3, 4]));
        for other in [[0, 2, 3, 4], [1, 0, 3, 4], [1, 2, 0, 4], [1, 2, 3, 0]] {
            assert_ne!(base, first(other));
        }
    }

    #[test]
    fn weights_are_followed() {
        let mut rng = Rng::at([0; 4]);
        let mut counts = [0; 3];
        for _ in 0..6000 {
            counts[rng.weighted(&[1, 0, 2])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((1850..2150).contains(&counts[0]), "{counts:?}");
    }
}
