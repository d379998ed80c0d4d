//! Values that a word of another language than English joins: "2 oder 5".

use super::language::Language;
use crate::extract::value::{is_formula, starts_sentence};

/// The values of words that joints separate, as a list. `None` if there is only one.
pub(super) fn joined(text: &str, language: &Language) -> Option<String> {
    const MAX_BYTES: usize = 128;
    // Words that stand between blanks, and those of scripts without blanks.
    const WORDS: [&str; 26] = [
        "und", "oder", "et", "ou", "y", "o", "e", "и", "или", "lub", "albo", "i", "oraz", "nebo",
        "a", "og", "och", "eller", "en", "of", "ve", "veya", "dan", "atau", "và", "hoặc",
    ];
    const INLINE: [&str; 9] = [
        "或者",
        "或",
        "和",
        "または",
        "と",
        "또는",
        "와",
        "과",
        "والا",
    ];
    if text.len() > MAX_BYTES || language.decimal_point && text.is_ascii() {
        return None;
    }
    let mut separated = String::with_capacity(text.len());
    for word in text.split(' ') {
        if WORDS.contains(&word) {
            separated.push('\n');
        } else {
            separated.push_str(word);
        }
        separated.push(' ');
    }
    for joint in INLINE {
        if separated.contains(joint) {
            separated = separated.replace(joint, "\n");
        }
    }
    let values: Vec<&str> = separated.split('\n').map(str::trim).collect();
    let is_value = |value: &&str| {
        value.contains(|c: char| c.is_ascii_digit()) && is_formula(value) && !starts_sentence(value)
    };
    (values.len() > 1 && values.iter().all(is_value)).then(|| values.join(", "))
}
