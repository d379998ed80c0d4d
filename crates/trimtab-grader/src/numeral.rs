//! The spelling of a number: its digits, separators, repeating part and exponent.

use crate::lex::Commas;

/// Decimals from which a number stands for what it rounds, so that dots after it add nothing.
const LONG_FRACTION: usize = 6;

/// The parts of a number as written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Numeral<'a> {
    /// The bytes of the whole spelling.
    pub(crate) length: usize,
    /// 16 for `0x1F`, 2 for `0b101`, else 10.
    pub(crate) radix: u32,
    /// What precedes the decimal point, with separators of thousands.
    pub(crate) whole: &'a str,
    /// What follows the decimal point. `None` without a point.
    pub(crate) fraction: Option<&'a str>,
    /// The digits that repeat after the fraction, with marks between them: `0.1\overline{6}`.
    pub(crate) repeating: &'a str,
    /// The sign and the digits of the exponent: `-3` in `2e-3`.
    pub(crate) exponent: &'a str,
}

/// Reads the number at the start of `text`, which is a digit or a decimal point before one.
///
/// In parentheses (`nested`), plain commas separate items.
pub(crate) fn read(text: &str, commas: Commas, nested: bool) -> Numeral<'_> {
    if let Some(numeral) = in_other_radix(text) {
        return numeral;
    }
    let mut end = whole_end(text, commas, nested);
    let mut numeral = Numeral {
        length: end,
        radix: 10,
        whole: &text[..end],
        fraction: None,
        repeating: "",
        exponent: "",
    };
    if let Some(point) = decimal_point(&text[end..], commas, nested) {
        let start = end + point;
        end = fraction_end(text, start);
        let fraction = &text[start..end];
        numeral.fraction = Some(fraction);
        if let Some((length, digits)) = repeating(&text[end..], fraction) {
            numeral.repeating = digits;
            end += length;
        }
    }
    if let Some((length, exponent)) = exponent(&text[end..]) {
        numeral.exponent = exponent;
        end += length;
    }
    numeral.length = end;
    numeral
}

/// The length of digits above nine with a base after them: `1A3_{12}`, `FF_{16}`. But `2A_{12}` is
/// twice a letter with an index.
pub(crate) fn digits_in_base(text: &str) -> Option<usize> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F');
    let length = text.bytes().take_while(is_digit).count();
    let run = &text.as_bytes()[..length];
    let letter = run.iter().position(u8::is_ascii_uppercase)?;
    let base = text[length..]
        .strip_prefix('_')?
        .trim_start_matches(['{', '(']);
    let base = &base[..digits(base)];
    let between = run[letter..].iter().any(u8::is_ascii_digit) && letter > 0;
    (length > 1 && (base == "16" || between && matches!(base, "11" | "12" | "13" | "14" | "15")))
        .then_some(length)
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// `0x1F`, `0b1010`, `0o17`.
fn in_other_radix(text: &str) -> Option<Numeral<'_>> {
    let radix = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'b' | b'B', ..] => 2,
        [b'0', b'o' | b'O', ..] => 8,
        _ => return None,
    };
    let rest = &text[2..];
    let length = rest
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(rest.len());
    // `0x^2` and `0b + 1` are products.
    let ends =
        !rest[length..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '^' | '_' | '.'));
    (length > 0 && ends).then_some(Numeral {
        length: 2 + length,
        radix,
        whole: &rest[..length],
        fraction: None,
        repeating: "",
        exponent: "",
    })
}

/// The end of the digits before the point, with the separators of groups.
fn whole_end(text: &str, commas: Commas, nested: bool) -> usize {
    let leading = digits(text);
    if !(1..=3).contains(&leading) || &text[..leading] == "0" {
        return leading;
    }
    if commas == Commas::Thousands
        && !nested
        && let Some(end) = indian_end(text)
    {
        return end;
    }
    let mut end = leading;
    let mut kind = None;
    let mut groups = 0;
    while let Some(separator) = separator(&text[end..], commas, nested)
        && kind.is_none_or(|kind| kind == separator.kind)
        && digits(&text[end + separator.length..]) == 3
    {
        kind = Some(separator.kind);
        end += separator.length + 3;
        groups += 1;
    }
    let left = &text[end..];
    let undone = match kind {
        // A plain comma separates thousands only if all groups have three digits.
        Some(',') => left.strip_prefix(',').is_some_and(starts_with_digit),
        // One point is a decimal point, unless a comma is.
        Some('.') => left.starts_with('.') || commas != Commas::Decimals && groups < 2,
        _ => false,
    };
    if undone { leading } else { end }
}

/// The end of a number with groups of two digits before the last three: `1,00,000`.
fn indian_end(text: &str) -> Option<usize> {
    let mut end = digits(text);
    let mut pairs = 0;
    if end > 2 {
        return None;
    }
    while let Some(rest) = text[end..].strip_prefix(',') {
        match digits(rest) {
            2 => {
                pairs += 1;
                end += 3;
            }
            3 if pairs > 0 => {
                end += 4;
                let more = text[end..].strip_prefix(',').is_some_and(starts_with_digit);
                return (!more).then_some(end);
            }
            _ => return None,
        }
    }
    None
}

/// A separator of groups of digits.
struct Separator {
    /// All separators of one number are of the same kind.
    kind: char,
    /// In bytes.
    length: usize,
}

/// The separator at the start of `text`, if a digit follows it.
fn separator(text: &str, commas: Commas, nested: bool) -> Option<Separator> {
    const FIXED: [(&str, char); 17] = [
        (",\\!", '!'),
        (",\\,", '!'),
        ("\\,", 't'),
        ("\\ ", 't'),
        ("\\;", 't'),
        ("\\:", 't'),
        ("{\\,}", 't'),
        ("\\thinspace", 't'),
        ("~", 't'),
        ("\u{a0}", 'u'),
        ("\u{2007}", 'u'),
        ("\u{2008}", 'u'),
        ("\u{2009}", 'u'),
        ("\u{202f}", 'u'),
        ("'", '\''),
        ("’", '\''),
        ("_", '_'),
    ];
    let first = *text.as_bytes().first()?;
    if first.is_ascii_digit() || first.is_ascii_alphabetic() {
        return None;
    }
    let blank = |from: usize| {
        text[from..]
            .bytes()
            .take_while(|byte| *byte == b' ')
            .count()
    };
    let fixed = FIXED
        .iter()
        .find(|(piece, _)| text.starts_with(piece))
        .map(|(piece, kind)| (*kind, piece.len()));
    let (kind, length) = match (fixed, first) {
        // A blank may follow: `1,\! 234`.
        (Some((kind, length)), _) if matches!(kind, '!' | 't') => (kind, length + blank(length)),
        (Some(fixed), _) => fixed,
        (None, b',') if commas == Commas::Thousands && !nested => (',', 1),
        (None, b'.') => ('.', 1),
        (None, b' ') if !nested && text[1..].starts_with(|c: char| c.is_ascii_digit()) => (' ', 1),
        _ => ('{', braced_comma(text)?),
    };
    starts_with_digit(&text[length..]).then_some(Separator { kind, length })
}

/// The length of a comma in a group of its own: `{,}`, `{,}\!`.
fn braced_comma(text: &str) -> Option<usize> {
    let inner = text
        .trim_start_matches(' ')
        .strip_prefix('{')?
        .trim_start_matches(' ');
    let left = inner
        .strip_prefix(',')?
        .trim_start_matches(' ')
        .strip_prefix('}')?;
    let left = left.strip_prefix("\\!").unwrap_or(left);
    Some(text.len() - left.len())
}

/// The length of the decimal point at the start of `text`.
fn decimal_point(text: &str, commas: Commas, nested: bool) -> Option<usize> {
    match text.as_bytes().first()? {
        // A full stop is not a decimal point.
        b'.' => {
            let next = text.as_bytes().get(1)?;
            (next.is_ascii_digit() || matches!(next, b'\\' | b'(' | b'e' | b'E')).then_some(1)
        }
        b',' if !nested => {
            let decimals = commas == Commas::Decimals
                && (starts_with_digit(&text[1..]) || text[1..].starts_with('('));
            (decimals || starts_with_repetition(&text[1..])).then_some(1)
        }
        _ => braced_comma(text).filter(|length| {
            let left = &text[*length..];
            starts_with_digit(left) || left.starts_with('(') || starts_with_repetition(left)
        }),
    }
}

/// Whether digits under a bar or a dot come next.
fn starts_with_repetition(text: &str) -> bool {
    text.starts_with('\\') && repeating(text, "").is_some()
}

/// The end of the digits after the point, which may stand in groups of three: `3.141\,592`.
fn fraction_end(text: &str, start: usize) -> usize {
    let mut end = start + digits(&text[start..]);
    let thin = |text: &str| {
        separator(text, Commas::Separators, true).filter(|found| matches!(found.kind, 't' | 'u'))
    };
    if end == start + 3 {
        while let Some(separator) = thin(&text[end..]) {
            let group = digits(&text[end + separator.length..]);
            if !(1..=3).contains(&group) {
                break;
            }
            end += separator.length + group;
            if group < 3 {
                break;
            }
        }
    }
    end
}

/// The length of the mark of a repeating part, and its digits.
fn repeating<'a>(rest: &'a str, fraction: &'a str) -> Option<(usize, &'a str)> {
    let first = *rest.as_bytes().first()?;
    let length = |left: &str| rest.len() - left.len();
    match first {
        b'\\' | b' ' => {
            let command = rest.trim_start_matches(' ').strip_prefix('\\')?;
            for name in ["overline", "bar", "widebar"] {
                if let Some(left) = command.strip_prefix(name)
                    && let Some((digits, left)) = argument(left)
                {
                    return Some((length(left), digits));
                }
            }
            if command.starts_with("dot") {
                return dotted(rest);
            }
        }
        b'(' => {
            let count = digits(&rest[1..]);
            let left = rest[1 + count..].strip_prefix(')')?;
            let product = left.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '^' | '('));
            return (count > 0 && !product).then(|| (length(left), &rest[1..=count]));
        }
        _ => {}
    }
    let dots = ["...", "…", "\\ldots", "\\dots", "\\cdots"];
    let left = dots.iter().find_map(|dots| {
        rest.trim_start_matches("\\,")
            .trim_start_matches(' ')
            .strip_prefix(dots)
    })?;
    let block = repeated_block(fraction);
    (block.is_some() || fraction.len() >= LONG_FRACTION)
        .then(|| (length(left), block.unwrap_or("")))
}

/// The digits in the argument of a command, and what follows it: `{12}`, ` 3`.
fn argument(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(' ');
    if let Some(inner) = text.strip_prefix('{') {
        let inner = inner.trim_start_matches(' ');
        let count = digits(inner);
        let left = inner[count..].trim_start_matches(' ').strip_prefix('}')?;
        return (count > 0).then_some((&inner[..count], left));
    }
    starts_with_digit(text).then(|| text.split_at(1))
}

/// `\dot{3}` or `\dot{1}2\dot{3}`.
fn dotted(rest: &str) -> Option<(usize, &str)> {
    let mark = |text: &str| {
        Some(
            argument(text.trim_start_matches(' ').strip_prefix("\\dot")?)?
                .1
                .len(),
        )
    };
    let left = mark(rest)?;
    let first = rest.len() - left;
    let middle = first + digits(&rest[first..]);
    let end = mark(&rest[middle..]).map_or(first, |left| rest.len() - left);
    Some((end, &rest[..end]))
}

/// The block that a decimal visibly repeats at its end: `6` in `1666`, `45` in `4545`.
fn repeated_block(fraction: &str) -> Option<&str> {
    const LONGEST: usize = 12;
    for length in 1..=(fraction.len() / 2).min(LONGEST) {
        let block = &fraction[fraction.len() - length..];
        let mut times = 0;
        let mut left = fraction;
        while let Some(shorter) = left.strip_suffix(block) {
            left = shorter;
            times += 1;
        }
        // Two blocks may be chance: `2.718281828...`
        if times >= 3 || times == 2 && left.is_empty() && length > 1 {
            return Some(block);
        }
    }
    None
}

/// The length of an exponent, and its sign and digits: `e3`, `E+03`, `\text{e}-3`.
fn exponent(rest: &str) -> Option<(usize, &str)> {
    const LETTERS: [&str; 8] = [
        "e",
        "E",
        "\\text{e}",
        "\\text{E}",
        "\\mathrm{e}",
        "\\mathrm{E}",
        "{\\rm e}",
        "{\\rm E}",
    ];
    if !matches!(rest.as_bytes().first()?, b'e' | b'E' | b'\\' | b'{') {
        return None;
    }
    let after = LETTERS
        .iter()
        .find_map(|letter| rest.strip_prefix(letter))?;
    let (inner, braced) = match after.strip_prefix('{') {
        Some(inner) => (inner, true),
        None => (after, false),
    };
    let unsigned = inner.strip_prefix(['+', '-', '−', '–']).unwrap_or(inner);
    let count = digits(unsigned);
    let left = &unsigned[count..];
    let value = &inner[..inner.len() - left.len()];
    let left = if braced {
        left.strip_prefix('}')?
    } else {
        left
    };
    let ends = !left.starts_with(|c: char| c.is_ascii_alphabetic());
    (count > 0 && ends).then(|| (rest.len() - left.len(), value))
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::lex::Commas;

    /// How much of a text is one number.
    fn number(text: &str, commas: Commas) -> &str {
        &text[..read(text, commas, false).length]
    }

    #[test]
    fn a_number_ends_where_it_ends() {
        for (text, expected) in [
            ("12 + 3", "12"),
            ("1,234,567 m", "1,234,567"),
            ("1,23", "1"),
            ("1,234,56", "1"),
            ("1,00,000", "1,00,000"),
            ("12,34,567.8", "12,34,567.8"),
            ("1,00", "1"),
            ("100,00,000", "100"),
            ("1'250'000", "1'250'000"),
            ("5'10", "5"),
            ("1_000_000", "1_000_000"),
            ("1010_2", "1010"),
            ("1.234.567", "1.234.567"),
            ("1.234.56", "1.234"),
            ("1\u{202f}234", "1\u{202f}234"),
            ("1{,}234", "1{,}234"),
            ("2{,}75", "2{,}75"),
            ("0{,}125", "0{,}125"),
            (r"3.141\,592\,65", r"3.141\,592\,65"),
            (r"0.\overline{3} + 1", r"0.\overline{3}"),
            (r"0.\overline 36", r"0.\overline 3"),
            (r"0.\overline{x}", "0."),
            (r"0.\dot{1}2\dot{3}4", r"0.\dot{1}2\dot{3}"),
            (r"0.1\dot63", r"0.1\dot6"),
            ("0.1(6)", "0.1(6)"),
            ("0.1(6)^2", "0.1"),
            ("0.1(x)", "0.1"),
            ("0.333... + 1", "0.333..."),
            (r"0.1666\ldots", r"0.1666\ldots"),
            ("0.33...", "0.33"),
            ("2.7182...", "2.7182"),
            ("1...", "1"),
            ("2e3", "2e3"),
            ("2E+03", "2E+03"),
            ("2e−3", "2e−3"),
            (r"2\text{e}{-3}", r"2\text{e}{-3}"),
            ("2e", "2"),
            ("2e3x", "2"),
            ("0x1F", "0x1F"),
            ("0b1010", "0b1010"),
            ("0b12", "0"),
            ("0x^2", "0"),
        ] {
            assert_eq!(number(text, Commas::Thousands), expected, "{text}");
        }
        for (text, expected) in [
            ("1.234,5", "1.234,5"),
            ("1.234", "1.234"),
            ("1,234", "1,234"),
            ("12,5,3", "12,5"),
        ] {
            assert_eq!(number(text, Commas::Decimals), expected, "{text}");
        }
    }
}
