//! Helpers that the tests of this crate share.

use half::bf16;
use proptest::prelude::ProptestConfig;

/// `count` random cases, or two under Miri, which is slow.
pub(crate) fn proptest_cases(count: u32) -> ProptestConfig {
    ProptestConfig::with_cases(if cfg!(miri) { 2 } else { count })
}

/// The distance from 1 to the next f32, as f64.
pub(crate) const EPS: f64 = f32::EPSILON as f64;

/// Neighbouring numbers as bfloat16, two to a word, the first in the low half.
pub(crate) fn pairs_of(x: &[f32]) -> Vec<u32> {
    let bits = |x: Option<&f32>| x.map_or(0, |&x| u32::from(bf16::from_f32(x).to_bits()));
    let pairs = x.chunks(2);
    pairs
        .map(|x| bits(x.first()) | bits(x.get(1)) << 16)
        .collect()
}

/// `len` numbers in `-1..1` that use all bits of the mantissa. The seed decides them.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<f32> {
    // splitmix64 (Steele, Lea and Flood, 2014)
    let number = |index: u64| {
        let mut z = (seed << 32)
            .wrapping_add(index + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len as u64).map(number).collect()
}

/// What `compute` returns in a pool of `threads` threads.
pub(crate) fn with_threads<T: Send>(threads: usize, compute: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads start").install(compute)
}

/// The bits of `x`, which tell `-0` from `0` and can be compared where there are NaNs.
pub(crate) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// `x` in f64.
pub(crate) fn to_f64(x: &[f32]) -> Vec<f64> {
    x.iter().copied().map(f64::from).collect()
}

/// The derivative of `f` with respect to entry `index` of `x`, by central differences.
///
/// `x` is unchanged afterwards.
pub(crate) fn central_difference(x: &mut [f64], index: usize, f: impl Fn(&[f64]) -> f64) -> f64 {
    const STEP: f64 = 1e-5;
    let at = x[index];
    x[index] = at + STEP;
    let above = f(x);
    x[index] = at - STEP;
    let below = f(x);
    x[index] = at;
    (above - below) / (2.0 * STEP)
}
