//! Commas that have more than one reading.

use super::{Comparer, Equality};
use crate::Reason;
use crate::expr::Expr;
use crate::lex::{Commas, lex};
use crate::parse::parse;
use crate::rules::Language;

/// Compares with another reading of the commas, if the texts have one.
pub(super) fn other_commas(
    gold: &str,
    answer: &str,
    gold_tree: &Result<Expr, Reason>,
    answer_tree: &Result<Expr, Reason>,
    comparer: &mut Comparer,
) -> Option<Equality> {
    let language = comparer.rules.language;
    if language == Language::DecimalComma {
        return None;
    }
    let reread = |text: &str, commas: Commas, comparer: &mut Comparer| {
        let tokens = lex(text, commas, comparer.budget).ok()?;
        parse(&tokens, commas, comparer.budget).ok()
    };
    let is_list =
        |tree: &Result<Expr, Reason>| matches!(tree, Ok(Expr::List { .. } | Expr::Set(_)));
    let is_decimal = |tree: &Result<Expr, Reason>| tree.as_ref().is_ok_and(is_decimal);
    if groups_thousands(answer) && is_list(gold_tree) {
        let answer = reread(answer, Commas::Separators, comparer)?;
        return Some(comparer.compare(gold_tree.as_ref().ok()?, &answer));
    }
    if groups_thousands(gold) && is_list(answer_tree) {
        let gold = reread(gold, Commas::Separators, comparer)?;
        return Some(comparer.compare(&gold, answer_tree.as_ref().ok()?));
    }
    if language == Language::English {
        return None;
    }
    // Semicolons separate the items: "(1,5; 2)".
    if answer.contains(';') && has_digits_around_comma(answer) {
        let answer = reread(answer, Commas::Decimals, comparer)?;
        return Some(comparer.compare(gold_tree.as_ref().ok()?, &answer));
    }
    if gold.contains(';') && has_digits_around_comma(gold) {
        let gold = reread(gold, Commas::Decimals, comparer)?;
        return Some(comparer.compare(&gold, answer_tree.as_ref().ok()?));
    }
    if has_decimal_comma(answer) && is_decimal(gold_tree) {
        let answer = reread(answer, Commas::Decimals, comparer)?;
        return Some(comparer.compare(gold_tree.as_ref().ok()?, &answer));
    }
    // A gold answer with one or two digits after a comma is read as a list.
    if has_decimal_comma(gold) && decimals_behind_comma(gold) > 2 && is_decimal(answer_tree) {
        let gold = reread(gold, Commas::Decimals, comparer)?;
        return Some(comparer.compare(&gold, answer_tree.as_ref().ok()?));
    }
    None
}

/// Whether an answer is a decimal, with or without a sign and a measure.
fn is_decimal(tree: &Expr) -> bool {
    match tree {
        Expr::Number { decimals, .. } => decimals.is_some(),
        Expr::Negative(inner)
        | Expr::Percent(inner)
        | Expr::Degrees(inner)
        | Expr::Quantity(inner, _) => is_decimal(inner),
        _ => false,
    }
}

/// Whether a comma could separate thousands as well as items. No item has a leading zero, so
/// `1,000` is no list.
fn groups_thousands(text: &str) -> bool {
    let groups = |text: &[u8]| {
        text[0].is_ascii_digit() && text[1] == b',' && text[2..].iter().all(u8::is_ascii_digit)
    };
    let mut found = text.as_bytes().windows(5).filter(|window| groups(window));
    let mut leading_zeros = found.clone().map(|window| window[2] == b'0');
    found.next().is_some() && !leading_zeros.any(|zero| zero)
}

fn has_digits_around_comma(text: &str) -> bool {
    text.as_bytes()
        .windows(3)
        .any(|window| window[0].is_ascii_digit() && window[1] == b',' && window[2].is_ascii_digit())
}

fn decimals_behind_comma(text: &str) -> usize {
    text.find(',').map_or(0, |at| {
        text[at + 1..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count()
    })
}

/// Whether the only comma can be a decimal comma: `3,5`, `0,111`.
fn has_decimal_comma(text: &str) -> bool {
    let mut commas = text.match_indices(',');
    let (Some((at, _)), None) = (commas.next(), commas.next()) else {
        return false;
    };
    let before = text[..at]
        .bytes()
        .rev()
        .take_while(u8::is_ascii_digit)
        .count();
    let after = text[at + 1..]
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count();
    let thousands = after == 3 && (1..=3).contains(&before) && &text[at - before..at] != "0";
    before > 0 && after > 0 && !thousands
}
