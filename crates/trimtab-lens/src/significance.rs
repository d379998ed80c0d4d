//! How likely an effect is by chance.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use statrs::function::beta::beta_reg;

use crate::ranking::largest;
use crate::token_groups::TokenGroup;

/// Probability that a random direction has a cosine with a fixed vector of at least `cosine` in
/// size: `I_{1 - c^2}((d - 1) / 2, 1 / 2)`, with the regularised incomplete beta function.
///
/// Directions are uniform on the sphere in `width` dimensions. Then `c^2` has the beta distribution
/// with parameters `1 / 2` and `(d - 1) / 2`.
///
/// ```
/// use trimtab_lens::significance::cosine_p_value;
///
/// // In three dimensions, cosines are uniform (Archimedes).
/// assert!((cosine_p_value(0.25, 3) - 0.75).abs() < 1e-12);
/// ```
///
/// # Panics
///
/// `width` is below 2.
pub fn cosine_p_value(cosine: f64, width: usize) -> f64 {
    assert!(width >= 2, "directions need two dimensions");
    if cosine.is_nan() {
        return 1.0; // a vector of zero has no direction
    }
    let square = (cosine * cosine).min(1.0);
    beta_reg((width as f64 - 1.0) / 2.0, 0.5, 1.0 - square)
}

/// Probability of a value of at least `value` among `null` values by chance: `(1 + b) / (1 + n)`
/// with the number `b` of null values that reach it, of `n`
/// ([Phipson and Smyth 2010](https://doi.org/10.2202/1544-6115.1585)).
///
/// It is never 0. With `n` null values the smallest is `1 / (n + 1)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Null {
    /// In ascending order.
    values: Vec<f64>,
}

impl Null {
    pub(crate) fn new(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        Self { values }
    }

    pub(crate) fn p_value(&self, value: f64) -> f64 {
        // Rounding must not decide between equal values.
        let least = value - 1e-9 * value.abs();
        let below = self.values.partition_point(|&null| null < least);
        (1 + self.values.len() - below) as f64 / (1 + self.values.len()) as f64
    }
}

/// What one direction does to the logits of a vocabulary, in a few numbers.
///
/// `z_t` is the change of the logit of token `t`, divided by its standard deviation among random
/// directions.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    /// The largest `|z|`.
    pub(crate) max: f64,
    /// The mean `z` of the `top_k` largest, and the mean `-z` of the `top_k` smallest.
    pub(crate) lists: [f64; 2],
    /// The mean `z` of each group of tokens.
    pub(crate) groups: Vec<f64>,
}

impl Statistics {
    pub(crate) fn of(z: &[f32], top_k: usize, groups: &[TokenGroup]) -> Self {
        let mean = |values: &mut dyn ExactSizeIterator<Item = f32>| {
            let count = values.len().max(1) as f64;
            values.map(f64::from).sum::<f64>() / count
        };
        let top_mean = |values: &[f32]| {
            let top = largest(values, top_k);
            mean(&mut top.iter().map(|&index| values[index]))
        };
        let negated: Vec<f32> = z.iter().map(|z| -z).collect();
        let groups = groups.iter().map(|group| {
            let tokens = group.tokens.iter();
            mean(&mut tokens.map(|&token| z[token as usize]))
        });
        Self {
            max: f64::from(z.iter().fold(0.0_f32, |max, z| max.max(z.abs()))),
            lists: [top_mean(z), top_mean(&negated)],
            groups: groups.collect(),
        }
    }
}

/// The statistics of random directions.
#[derive(Clone, Debug)]
pub(crate) struct NullStatistics {
    max: Null,
    lists: [Null; 2],
    /// The largest `|z|` of all groups.
    group_max: Null,
    /// The standard deviation of the mean `z` of each group.
    group_deviations: Vec<f64>,
}

impl NullStatistics {
    pub(crate) fn new(draws: &[Statistics]) -> Self {
        let groups = draws.first().map_or(0, |first| first.groups.len());
        let deviation = |index: usize| {
            let squares = draws.iter().map(|draw| draw.groups[index].powi(2));
            (squares.sum::<f64>() / draws.len() as f64).sqrt()
        };
        let group_deviations: Vec<f64> = (0..groups).map(deviation).collect();
        let group_max = draws.iter().map(|draw| {
            let z = draw.groups.iter().zip(&group_deviations);
            z.map(|(mean, deviation)| (mean / deviation).abs())
                .fold(0.0, f64::max)
        });
        Self {
            max: Null::new(draws.iter().map(|draw| draw.max).collect()),
            lists: [0, 1].map(|side| Null::new(draws.iter().map(|it| it.lists[side]).collect())),
            group_max: Null::new(group_max.collect()),
            group_deviations,
        }
    }

    /// The p-value of a token, corrected for the size of the vocabulary: how often the largest
    /// `|z|` of a random direction is as large (Westfall and Young's single-step maxT).
    pub(crate) fn token(&self, z: f32) -> f64 {
        self.max.p_value(f64::from(z.abs()))
    }

    /// The p-values of both lists as a whole.
    pub(crate) fn lists(&self, means: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|side| self.lists[side].p_value(means[side]))
    }

    /// `z` of group `index` with this mean, and its p-value, corrected for the number of groups as
    /// that of a token is for the vocabulary.
    pub(crate) fn group(&self, index: usize, mean: f64) -> (f64, f64) {
        let z = mean / self.group_deviations[index];
        (z, self.group_max.p_value(z.abs()))
    }
}

/// The usual marks: `***` for p below 0.001, `**` below 0.01, `*` below 0.05.
pub fn stars(p: f64) -> &'static str {
    match p {
        p if p < 0.001 => "***",
        p if p < 0.01 => "**",
        p if p < 0.05 => "*",
        _ => "",
    }
}

/// The stream of the generator. A model whose weights began as draws of the same generator with the
/// same seed would otherwise have these directions in its embedding; the bundled model has.
const STREAM: u64 = u64::from_be_bytes(*b"the lens");

/// `count` uniform directions of length 1, end to end.
pub(crate) fn random_directions(count: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(STREAM);
    let mut directions = Vec::with_capacity(count * width);
    for _ in 0..count {
        let normal: Vec<f64> = StandardNormal.sample_iter(&mut rng).take(width).collect();
        let norm = normal.iter().map(|x| x * x).sum::<f64>().sqrt();
        directions.extend(normal.iter().map(|x| (x / norm) as f32));
    }
    directions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_of_random_directions_are_uniform() {
        const COUNT: usize = 4000;
        for width in [2, 5, 64, 896] {
            let directions = random_directions(COUNT, width, 3);
            let cosines = directions.chunks_exact(width).map(|row| f64::from(row[0]));
            let mut p_values: Vec<f64> = cosines
                .map(|cosine| cosine_p_value(cosine, width))
                .collect();
            p_values.sort_by(f64::total_cmp);
            let distance = (0_u32..).zip(&p_values).map(|(i, p)| {
                let share = f64::from(i) / COUNT as f64;
                (p - share)
                    .abs()
                    .max((p - share - 1.0 / COUNT as f64).abs())
            });
            // Kolmogorov-Smirnov: above 1.63 / sqrt(n) in one of a hundred cases.
            let distance = distance.fold(0.0, f64::max);
            assert!(
                distance < 1.63 / (COUNT as f64).sqrt(),
                "{width}: {distance}"
            );
        }
    }

    #[test]
    fn tails_are_those_of_the_normal_distribution() {
        // mpmath.betainc(447.5, 0.5, 0, 1 - mpf(z)**2 / 896, regularized=True)
        for (z, expected) in [(1.96, 0.049_941_693_636), (5.0, 4.874_155_606_75e-7)] {
            let found = cosine_p_value(z / 896_f64.sqrt(), 896);
            assert!((found / expected - 1.0).abs() < 1e-9, "{z}: {found}");
        }
        assert!((cosine_p_value(0.0, 896) - 1.0).abs() < 1e-12);
        assert!(cosine_p_value(1.0, 896) < 1e-300);
        assert!((cosine_p_value(f64::NAN, 896) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_null_counts_what_reaches_a_value() {
        let null = Null::new(vec![3.0, 1.0, 2.0, 2.0]);
        for (value, expected) in [(0.0, 1.0), (2.0, 0.8), (2.5, 0.4), (9.0, 0.2)] {
            assert!((null.p_value(value) - expected).abs() < 1e-12, "{value}");
        }
    }
}
