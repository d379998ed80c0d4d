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
    if language == Language::DecimalComma || !gold.contains(',') && !answer.contains(',') {
        return None;
    }
    let reread = |text: &str, commas: Commas, comparer: &mut Comparer| {
        let tokens = lex(text, commas, comparer.budget).ok()?;
        parse(&tokens, commas, comparer.budget).ok()
    };
    let is_list =
        |tree: &Result<Expr, Reason>| matches!(tree, Ok(Expr::List { .. } | Expr::Set(_)));
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
    if let Some(decimals) = decimals_behind_comma(answer)
        && gold_tree
            .as_ref()
            .is_ok_and(|gold| may_equal(gold, decimals))
    {
        let answer = reread(answer, Commas::Decimals, comparer)?;
        return Some(comparer.compare(gold_tree.as_ref().ok()?, &answer));
    }
    // A gold answer with one or two digits after a comma is read as a list.
    if let Some(decimals) = decimals_behind_comma(gold)
        && (decimals.most > 2 || decimals.sure)
        && answer_tree
            .as_ref()
            .is_ok_and(|answer| may_equal(answer, decimals))
    {
        let gold = reread(gold, Commas::Decimals, comparer)?;
        return Some(comparer.compare(&gold, answer_tree.as_ref().ok()?));
    }
    None
}

/// Whether the other side may be the value of a decimal with a comma: it is a decimal or a
/// fraction, or the comma cannot be that of a list.
fn may_equal(other: &Expr, decimals: Decimals) -> bool {
    let fraction = |tree: &Expr| {
        tree.is_scalar()
            && tree.symbols().is_empty()
            && tree.any(|part| matches!(part, Expr::Quotient(_)))
    };
    is_decimal(other) || fraction(other) || decimals.sure && other.is_scalar()
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

/// Whether the commas of a gold answer may separate items although they can be read as groups of
/// two digits: `1,10,100`, but not `1,00,000` or `12,34,567`.
pub(super) fn may_be_list(text: &str) -> bool {
    let groups: Vec<&str> = text.trim().split(',').take(4).collect();
    let is_item =
        |part: &&str| !part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(groups.as_slice(), [first, second, third]
        if (first.len(), second.len(), third.len()) == (1, 2, 3) && groups.iter().all(is_item))
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

/// What follows the commas of a text, if all of them can be decimal commas.
#[derive(Clone, Copy)]
struct Decimals {
    /// The most digits behind one.
    most: usize,
    /// Whether they cannot separate items: no item starts with two zeros, and a price has two
    /// decimals.
    sure: bool,
}

/// Looks at the commas of `3,5`, `0,111` or `14,00 $ - 5,00 $ = 9,00 $`. `None` if one of them is
/// no decimal comma.
fn decimals_behind_comma(text: &str) -> Option<Decimals> {
    if !text.contains(',') {
        return None;
    }
    let count = |text: &mut dyn Iterator<Item = u8>| text.take_while(u8::is_ascii_digit).count();
    let price = text.contains(['$', '€', '£', '₽', '¥'])
        || ["USD", "EUR", "GBP", "euro", "Euro", "dollar", "Dollar"]
            .iter()
            .any(|name| text.contains(name));
    let mut found: Option<Decimals> = None;
    let mut last = 0;
    for (at, _) in text.match_indices(',') {
        let before = count(&mut text[..at].bytes().rev());
        let after = count(&mut text[at + 1..].bytes());
        let thousands = after == 3 && (1..=3).contains(&before) && &text[at - before..at] != "0";
        // "1,2,3" has a comma on both sides of a number.
        if before == 0 || after == 0 || thousands || found.is_some() && at - before == last {
            return None;
        }
        last = at + 1;
        let sure = text[at + 1..].starts_with("00") || price && after == 2;
        found = Some(match found {
            Some(decimals) => Decimals {
                most: decimals.most.max(after),
                sure: decimals.sure && sure,
            },
            None => Decimals { most: after, sure },
        });
    }
    found
}
