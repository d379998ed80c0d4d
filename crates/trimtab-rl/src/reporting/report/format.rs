//! How the page writes numbers and texts: the filters of its template.

/// `value` with so many decimals.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('-', "\u{2212}")
}

/// The same, with a sign in front of positive values too.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    format!("{value:+.decimals$}").replace('-', "\u{2212}")
}

/// A share in percent.
pub(super) fn percent(share: Option<f64>, decimals: Option<usize>) -> String {
    let percent = |share: f64| format!("{}\u{a0}%", fixed(100.0 * share, decimals.unwrap_or(1)));
    share
        .filter(|share| share.is_finite())
        .map_or_else(|| "n/a".to_owned(), percent)
}

/// Digits in groups of three.
pub(super) fn thousands(number: u64) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (above, rest) => format!("{},{rest:03}", thousands(above)),
    }
}

/// `3.2 s`, `4 min 12 s` or `2 h 5 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 60, whole % 60) {
        (0, _) => format!("{seconds:.1}\u{a0}s"),
        (minutes @ 1..60, rest) => format!("{minutes}\u{a0}min {rest}\u{a0}s"),
        (minutes, _) => format!("{}\u{a0}h {}\u{a0}min", minutes / 60, minutes % 60),
    }
}

/// Place of `value` on an axis from zero to `end`, in percent. What lies outside sits on the edge.
pub(super) fn position(value: f64, end: f64) -> String {
    let share = (value / end).clamp(0.0, 1.0).max(0.0); // `max` turns NaN to zero
    format!("{:.2}", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tokens_are_written_for_people() {
        assert_eq!(position(1.0, 8.0), "12.50");
        assert_eq!(position(0.0, 0.0), "0.00");
        assert_eq!(fixed(-1.25, 1), "−1.2");
        assert_eq!(signed(0.5, 1), "+0.5");
        assert_eq!(percent(Some(0.294), None), "29.4\u{a0}%");
        assert_eq!(percent(Some(f64::NAN), None), "n/a");
        assert_eq!(thousands(1_934_208), "1,934,208");
        assert_eq!(thousands(7_002), "7,002");
        assert_eq!(duration(59.9), "1\u{a0}min 0\u{a0}s");
    }
}
