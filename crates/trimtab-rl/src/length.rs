//! The length that nearly all completions would have without a limit.

/// Share of completions that are no longer than [`length_p95`].
const SHARE: f64 = 0.95;

/// 95th percentile of the length of completions in tokens, from the lengths of those that `ended`
/// by themselves and the number that were `cut` at `limit`.
///
/// If at most 5 % were cut, it is the percentile of the sample. Otherwise it is extrapolated from
/// an exponential tail: beyond the median `a` of those that ended, a completion ends at each token
/// with the same probability `1/t`. The estimate of `t` with the largest likelihood, where some
/// lengths are only known to exceed the limit, is
///
/// ```text
/// t = sum over all (length - a, if positive) / number that ended beyond a
/// ```
///
/// Lawless, Statistical Models and Methods for Lifetime Data, section 4.1. With the share `c` that
/// was cut, `c exp(-x/t) = 0.05` at `x = t ln(c / 0.05)` tokens beyond the limit.
///
/// `None` if no completion ended beyond the median, as when all were cut.
pub(crate) fn length_p95(ended: &[usize], cut: usize, limit: usize) -> Option<f64> {
    let mut ended = ended.to_vec();
    ended.sort_unstable();
    let count = ended.len() + cut;
    let rank = (SHARE * count as f64).ceil() as usize; // counts from 1
    if count == 0 {
        return None;
    }
    if rank <= ended.len() {
        return Some(ended[rank - 1] as f64);
    }
    let median = *ended.get(ended.len() / 2)?;
    let beyond: Vec<usize> = ended
        .iter()
        .map(|&len| len.saturating_sub(median))
        .collect();
    let ended_beyond = beyond.iter().filter(|&&len| len > 0).count();
    if ended_beyond == 0 {
        return None;
    }
    let sum = beyond.iter().sum::<usize>() + cut * limit.saturating_sub(median);
    let tail = sum as f64 / ended_beyond as f64;
    let cut_share = cut as f64 / count as f64;
    Some(limit as f64 + tail * (cut_share / (1.0 - SHARE)).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_cuts_leave_the_percentile_of_the_sample() {
        let ended: Vec<usize> = (1..=99).collect();
        assert_eq!(length_p95(&ended, 1, 100), Some(95.0));
        assert_eq!(length_p95(&[7], 0, 100), Some(7.0));
        assert_eq!(length_p95(&[], 0, 100), None);
    }

    /// Lengths of an exponential distribution with mean 200 beyond 40 tokens. Whatever the limit,
    /// the estimate is near the 95th percentile, 40 + 200 ln 20 = 639.
    #[test]
    fn the_tail_is_extrapolated() {
        let quantile = |rank: u32| 40.0 - 200.0 * (1.0 - (f64::from(rank) + 0.5) / 1000.0).ln();
        let lengths: Vec<usize> = (0..1000).map(|rank| quantile(rank) as usize).collect();
        for limit in [160, 240, 320, 480, 600] {
            let ended: Vec<usize> = lengths.iter().copied().filter(|&len| len < limit).collect();
            let cut = lengths.len() - ended.len();
            let found = length_p95(&ended, cut, limit).expect("some end");
            assert!((found - 639.0).abs() < 10.0, "{limit}: {found}");
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_ends() {
        assert_eq!(length_p95(&[], 64, 96), None);
        assert_eq!(length_p95(&[3, 3], 62, 96), None);
    }
}
