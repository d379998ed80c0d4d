//! Numbers as languages with a decimal comma write them: "1.299 Euro", "9,00 $", "Rp1.500".

use super::language::Language;
use crate::extract::spoken;
use crate::vocabulary;

/// Signs and abbreviations of currencies, before or after a number.
const CURRENCIES: [&str; 41] = [
    "Rs",
    "Rs.",
    "₹",
    "INR",
    "GBP",
    "€",
    "$",
    "£",
    "¥",
    "US$",
    "R$",
    "Rp",
    "Rp.",
    "₫",
    "₽",
    "zł",
    "kr",
    "Kč",
    "Ft",
    "lei",
    "TL",
    "₺",
    "Euro",
    "euro",
    "euros",
    "Euros",
    "EUR",
    "USD",
    "dólares",
    "dollars",
    "Dollar",
    "pesos",
    "reais",
    "đồng",
    "rupiah",
    "рублей",
    "руб",
    "руб.",
    "гривень",
    "US-Dollar",
    "Franken",
];

/// The number in words that consist of one with a decimal comma or with points between groups, as
/// the parser reads it. A currency is left out, a unit stays.
pub(super) fn plain(text: &str, language: &Language) -> Option<String> {
    const MAX_BYTES: usize = 64;
    if text.len() > MAX_BYTES {
        return None;
    }
    if !text.contains([',', '.']) {
        return spoken(text, language);
    }
    let (sign, rest) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let before = currency_before(rest);
    let rest = rest[before.len()..].trim_start();
    let (sign, rest) = match rest.strip_prefix(['-', '−']) {
        Some(rest) if sign.is_empty() => ("-", rest),
        _ => (sign, rest),
    };
    let length = rest
        .find(|c: char| {
            !(c.is_ascii_digit() || matches!(c, ',' | '.' | ' ' | '\u{a0}' | '\u{202f}'))
        })
        .unwrap_or(rest.len());
    let number = rest[..length].trim_end();
    let unit = rest[number.len()..].trim();
    if !number.starts_with(|c: char| c.is_ascii_digit())
        || unit.contains(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    let priced = !before.is_empty() || CURRENCIES.contains(&unit);
    let is_local = !language.decimal_point || matches!(before, "R$" | "Rp" | "Rp.");
    let counted = priced
        || unit.contains(' ')
        || unit.chars().count() > 3 && vocabulary::unit(unit).is_none();
    let plain = read(number, is_local, priced, counted)?;
    let unit = match unit {
        _ if CURRENCIES.contains(&unit) => String::new(),
        "" => String::new(),
        "%" => "%".to_owned(),
        _ if vocabulary::unit(unit).is_some() => format!(" \\text{{{unit}}}"),
        _ if unit.chars().all(|c| c.is_alphabetic() || c == ' ') => String::new(),
        _ => return None,
    };
    Some(format!("{sign}{plain}{unit}"))
}

/// The number that words of another language than English say, with a noun after it at most.
fn spoken(text: &str, language: &Language) -> Option<String> {
    let says = text
        .chars()
        .all(|c| c.is_alphabetic() || matches!(c, ' ' | '-'));
    if !says || language.decimal_point && text.is_ascii() {
        return None;
    }
    let (number, length) = spoken::leading(text)?;
    let noun = text[length..].split_whitespace().count();
    (noun < 2).then(|| number.to_string())
}

/// The currency before a number.
fn currency_before(text: &str) -> &str {
    let end = text
        .find(|c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '−' | '\u{a0}'))
        .unwrap_or(0);
    let sign = &text[..end];
    if CURRENCIES.contains(&sign) { sign } else { "" }
}

/// A number with one decimal comma, or with points between its groups.
fn read(number: &str, is_local: bool, priced: bool, counted: bool) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = match number.split_once(',') {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (number, None),
    };
    let groups: Vec<&str> = whole.split(['.', ' ', '\u{a0}', '\u{202f}']).collect();
    let (first, rest) = groups.split_first()?;
    let grouped = digits(first)
        && (rest.is_empty() || first.len() <= 3 && !first.starts_with('0'))
        && rest.iter().all(|group| group.len() == 3 && digits(group));
    if !grouped || decimals.is_some_and(|decimals| !digits(decimals)) {
        return None;
    }
    let fits = match decimals {
        Some(decimals) => {
            decimals.len() != 3 && (is_local || priced && decimals.len() == 2)
                || whole == "0" && is_local
        }
        None if rest.is_empty() => priced,
        None => is_local && (counted || rest.len() > 1),
    };
    fits.then(|| {
        let whole = groups.concat();
        decimals.map_or(whole.clone(), |decimals| format!("{whole}.{decimals}"))
    })
}
