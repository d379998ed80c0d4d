//! Numbers in English words.

/// The value of a number in words below a billion: `twelve`, `twenty-five`,
/// `three hundred and four`.
pub(crate) fn number_phrase(text: &str) -> Option<i64> {
    let (mut total, mut group) = (0_i64, 0_i64);
    let mut said = false;
    for word in text.split([' ', '-']).filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case("and") && said {
            continue;
        }
        match number_word(word)? {
            100 => group = group.max(1).checked_mul(100)?,
            scale @ (1_000 | 1_000_000) => {
                total = total.checked_add(group.max(1).checked_mul(scale)?)?;
                group = 0;
            }
            value => {
                // "five six" and "twenty twelve" are not numbers.
                let room = if group % 100 == 0 {
                    99
                } else if group % 10 == 0 {
                    9
                } else {
                    -1
                };
                if value > room || said && value == 0 {
                    return None;
                }
                group += value;
            }
        }
        said = true;
        if total > 1_000_000_000 || group > 999_999 {
            return None;
        }
    }
    said.then_some(total + group)
}

/// The value of a single number word.
pub(crate) fn number_word(word: &str) -> Option<i64> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let find = |table: &[&str]| {
        table
            .iter()
            .position(|name| name.eq_ignore_ascii_case(word))
    };
    find(&SMALL)
        .map(|index| index as i64)
        .or_else(|| find(&TENS).map(|index| 20 + 10 * index as i64))
        .or_else(|| find(&["hundred"]).map(|_| 100))
        .or_else(|| find(&["thousand"]).map(|_| 1_000))
        .or_else(|| find(&["million"]).map(|_| 1_000_000))
}
