//! Sorting numbers.

use std::cmp::Reverse;

use trimtab_grader::Verifier;

use super::Generated;
use crate::rng::Rng;

/// The levels have 4, 6, 8, 12 and 16 numbers, with signs from level 3 and decimals from level 4.
pub(super) fn generate(rng: &mut Rng, level: u8) -> Generated {
    let count = [4, 6, 8, 12, 16][usize::from(level) - 1];
    let (low, high) = match level {
        1 => (1, 99),
        2 => (1, 999),
        3 => (-999, 999),
        _ => (-9999, 9999), // hundredths
    };
    let descending = rng.below(2) == 1;
    let (numbers, sorted) = loop {
        let numbers: Vec<i64> = (0..count).map(|_| rng.range(low, high)).collect();
        let mut sorted = numbers.clone();
        if descending {
            sorted.sort_unstable_by_key(|number| Reverse(*number));
        } else {
            sorted.sort_unstable();
        }
        if sorted != numbers {
            break (numbers, sorted);
        }
    };
    let list = |numbers: &[i64]| {
        let texts: Vec<String> = numbers
            .iter()
            .map(|number| match level {
                1..=3 => number.to_string(),
                _ => hundredths(*number),
            })
            .collect();
        texts.join(", ")
    };
    let order = if descending {
        "from the largest to the smallest"
    } else {
        "from the smallest to the largest"
    };
    Generated {
        signature: format!("{descending} {sorted:?}"),
        template: order.to_owned(),
        question: format!(
            "Put these numbers into order, {order}: {}. Give them as a list divided by commas.",
            list(&numbers)
        ),
        answer: list(&sorted),
        steps: Vec::new(),
        verifier: Verifier::Numbers,
    }
}

fn hundredths(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let size = number.abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}
