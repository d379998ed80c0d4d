//! Where a number in digits ends, and how it is written for the parser.

/// A number as it stands in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Digits {
    /// Its length in bytes.
    pub(super) length: usize,
    pub(super) form: Form,
}

/// How the digits of a number are to be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// As they are: `12`, `1,234.5`, `2,5`.
    Plain,
    /// With separators or digits that other languages use: `1.234.567`, `1 234,5`, `１２`.
    Foreign,
    /// Not a number: a version, an address, a date.
    Odd,
}

/// The value of a digit in any of the scripts that have decimal digits of their own.
fn digit(character: char) -> Option<u32> {
    const ZEROS: [char; 7] = ['０', '٠', '۰', '०', '০', '๐', '၀'];
    if character.is_ascii() {
        return character.to_digit(10);
    }
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(character).wrapping_sub(u32::from(*zero));
        (value < 10).then_some(value)
    })
}

/// Whether a number can start with this character.
pub(super) fn is_digit(character: char) -> bool {
    digit(character).is_some() || fraction(character).is_some()
}

/// The fraction that a single character stands for.
fn fraction(character: char) -> Option<&'static str> {
    Some(match character {
        '½' => "1/2",
        '⅓' => "1/3",
        '⅔' => "2/3",
        '¼' => "1/4",
        '¾' => "3/4",
        '⅕' => "1/5",
        '⅖' => "2/5",
        '⅗' => "3/5",
        '⅘' => "4/5",
        '⅙' => "1/6",
        '⅚' => "5/6",
        '⅐' => "1/7",
        '⅛' => "1/8",
        '⅜' => "3/8",
        '⅝' => "5/8",
        '⅞' => "7/8",
        '⅑' => "1/9",
        '⅒' => "1/10",
        _ => return None,
    })
}

/// The number at the start of `text`. `None` if there is no digit.
pub(super) fn number(text: &str) -> Option<Digits> {
    if let Some(single) = text.chars().next().filter(|c| fraction(*c).is_some()) {
        let length = single.len_utf8();
        let form = Form::Foreign;
        return Some(Digits { length, form });
    }
    let plain = text.bytes().take_while(u8::is_ascii_digit).count();
    let next = text.as_bytes().get(plain);
    if plain > 0 && next.is_none_or(|next| b";:)]}/%*=<>-+\n".contains(next)) {
        let form = Form::Plain;
        return Some(Digits {
            length: plain,
            form,
        });
    }
    let mut runs = Runs::default();
    let mut at = runs.read(text, 0);
    if at == 0 && !text.starts_with(['.', ',']) {
        return None;
    }
    while let Some((separator, length)) = separator(&text[at..]) {
        let run = digits(&text[at + length..]);
        if run.count == 0 || separator == ' ' && !runs.groups(run.count, &text[at + length..]) {
            break;
        }
        runs.separators.push(separator);
        at = runs.read(text, at + length);
    }
    if at == 0 || runs.counts.len() < 2 && runs.counts[0] == 0 {
        return None;
    }
    let mut form = runs.form();
    let exponent = exponent(&text[at..]);
    at += exponent;
    if !text[at - exponent..at].is_ascii() {
        form = form.max_foreign();
    }
    let next = text[at..].chars().next();
    if exponent == 0 && next.is_some_and(|next| fraction(next).is_some()) {
        at += next.map_or(0, char::len_utf8);
        form = form.max_foreign();
    }
    Some(Digits { length: at, form })
}

impl Form {
    fn max_foreign(self) -> Self {
        if self == Self::Odd {
            Self::Odd
        } else {
            Self::Foreign
        }
    }
}

/// Digits in a row.
struct Run {
    count: usize,
    length: usize,
    foreign: bool,
}

fn digits(text: &str) -> Run {
    let mut run = Run {
        count: 0,
        length: 0,
        foreign: false,
    };
    for character in text.chars().take_while(|c| digit(*c).is_some()) {
        run.count += 1;
        run.length += character.len_utf8();
        run.foreign |= !character.is_ascii();
    }
    run
}

/// The runs of digits of a number, and what separates them.
#[derive(Default)]
struct Runs {
    counts: Vec<usize>,
    separators: Vec<char>,
    foreign: bool,
    leading_zero: bool,
}

impl Runs {
    /// Reads the digits at `at` and returns where they end.
    fn read(&mut self, text: &str, at: usize) -> usize {
        let run = digits(&text[at..]);
        if self.counts.is_empty() {
            self.leading_zero = run.count > 1 && text[at..].starts_with('0');
        }
        self.foreign |= run.foreign;
        self.counts.push(run.count);
        at + run.length
    }

    /// Whether `count` digits, with which `rest` starts, can follow a blank as thousands.
    fn groups(&self, count: usize, rest: &str) -> bool {
        count == 3
            && !self.leading_zero
            && (1..=3).contains(&self.counts[0])
            && self.separators.iter().all(|separator| *separator == ' ')
            && !rest.chars().nth(3).is_some_and(char::is_alphabetic)
    }

    fn form(&self) -> Form {
        let plain = if self.foreign {
            Form::Foreign
        } else {
            Form::Plain
        };
        let Some((last, before)) = self.separators.split_last() else {
            return plain;
        };
        let has_decimals = matches!(last, '.' | ',' | '٫') && !before.contains(last);
        let groups = if has_decimals {
            before
        } else {
            &self.separators
        };
        let counts = &self.counts[1..=groups.len()];
        let one_kind = groups.windows(2).all(|pair| pair[0] == pair[1]);
        let short = groups.is_empty() || self.counts[0] <= 3;
        let thousands = one_kind && short && counts.iter().all(|count| *count == 3);
        let english = groups.iter().all(|separator| *separator == ',');
        let lakhs = english
            && self.counts[0] <= 2
            && counts
                .split_last()
                .is_some_and(|(last, middle)| *last == 3 && middle.iter().all(|count| *count == 2));
        match (thousands, lakhs) {
            (true, _) if english && *last != '٫' => plain,
            (true, _) | (_, true) => Form::Foreign,
            // "3,4,5" is a list, "3.2.1" a version.
            _ if english && *last == ',' => plain,
            _ => Form::Odd,
        }
    }
}

/// The separator between digits at the start of `text`, in one of its spellings, and its length.
/// All blanks are the same.
fn separator(text: &str) -> Option<(char, usize)> {
    let first = text.chars().next()?;
    let found = match first {
        '.' | ',' | '٫' => (first, first.len_utf8()),
        '．' => ('.', first.len_utf8()),
        '\'' | '’' => ('\'', first.len_utf8()),
        '٬' => (',', first.len_utf8()),
        ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2007}' | '\u{2008}' | '\u{200a}' => {
            (' ', first.len_utf8())
        }
        '{' if text.starts_with("{,}") => (',', 3),
        '\\' if text.starts_with("\\,") => (' ', 2),
        _ => return None,
    };
    // English text has a blank after a comma, and `1,\!234` a negative one.
    let after = &text[found.1..];
    let more = match found.0 {
        ',' if after.starts_with("\\!") => 2,
        _ => 0,
    };
    Some((found.0, found.1 + more))
}

/// Words for ten thousand and a hundred million.
const MYRIADS: [char; 4] = ['万', '萬', '亿', '億'];

/// Whether a number goes on after its first scale: `3万5千`.
fn goes_on(text: &str) -> bool {
    text.chars()
        .nth(1)
        .is_some_and(|next| digit(next).is_some() || MYRIADS.contains(&next))
}

/// The length of the exponent at the start of `text`: `e3`, `E-3`.
fn exponent(text: &str) -> usize {
    let unspaced = text.trim_start_matches(' ');
    if unspaced.starts_with(MYRIADS) && !goes_on(unspaced) {
        return text.len() - unspaced.len() + '万'.len_utf8();
    }
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let digits_at = rest.strip_prefix(['-', '+', '−', '–']).unwrap_or(rest);
    let length = digits_at.bytes().take_while(u8::is_ascii_digit).count();
    let after = digits_at[length..].chars().next();
    if length == 0 || after.is_some_and(char::is_alphanumeric) {
        return 0;
    }
    text.len() - digits_at.len() + length
}

/// A number as the parser reads it: ASCII digits, a decimal point, no separators.
pub(super) fn normal(number: &str) -> String {
    let mantissa_end = number
        .find(['e', 'E', '万', '萬', '亿', '億'])
        .unwrap_or(number.len());
    let (mantissa, exponent) = number.split_at(mantissa_end);
    let exponent = match exponent {
        "万" | "萬" => "e4",
        "亿" | "億" => "e8",
        exponent => exponent,
    };
    let mantissa = mantissa.trim_end();
    // The last separator is a decimal one if it is there once and is no group of thousands.
    let last = mantissa.rfind(['.', ',', '٫', '．']);
    let decimal = last.filter(|at| {
        let (before, behind) = mantissa.split_at(*at);
        let mut behind = behind.chars();
        let sign = behind.next().unwrap_or('.');
        let grouped = before.chars().any(|c| digit(c).is_none());
        !before.contains(sign) && (sign != ',' || grouped || behind.count() != 3)
    });
    let mut text = String::new();
    for (at, character) in mantissa.char_indices() {
        if let Some(value) = digit(character).and_then(|value| char::from_digit(value, 10)) {
            text.push(value);
        } else if let Some(fraction) = fraction(character) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(fraction);
        } else if decimal == Some(at) {
            text.push('.');
        }
    }
    text.extend(exponent.chars().map(|c| match c {
        '−' | '–' => '-',
        c => c,
    }));
    text
}

#[cfg(test)]
mod tests {
    use super::{Form, normal, number};

    #[test]
    fn a_number_ends_where_its_digits_do() {
        for (text, length, form) in [
            ("12 apples", "12", Form::Plain),
            ("12. Then", "12", Form::Plain),
            ("2.5.", "2.5", Form::Plain),
            ("4085.0", "4085.0", Form::Plain),
            (".35", ".35", Form::Plain),
            ("1,234,567.", "1,234,567", Form::Plain),
            ("1 234 km", "1 234", Form::Foreign),
            ("1\u{202f}234 km", "1\u{202f}234", Form::Foreign),
            ("1 2345", "1", Form::Plain),
            ("12 34", "12", Form::Plain),
            ("2019 450", "2019", Form::Plain),
            ("007 432", "007", Form::Plain),
            ("1.234.567", "1.234.567", Form::Foreign),
            ("3'450'000.", "3'450'000", Form::Foreign),
            ("1,20,000", "1,20,000", Form::Foreign),
            ("52,000.75", "52,000.75", Form::Plain),
            ("52.000,75", "52.000,75", Form::Foreign),
            ("3,75 kg", "3,75", Form::Plain),
            ("3.2.1", "3.2.1", Form::Odd),
            ("72'dir", "72", Form::Plain),
            ("2e3", "2e3", Form::Plain),
            ("2e3x", "2", Form::Plain),
            ("1.5E-3.", "1.5E-3", Form::Plain),
            ("1⅓ cups", "1⅓", Form::Foreign),
            ("１２８元", "１２８", Form::Foreign),
        ] {
            let found = number(text).expect(text);
            assert_eq!(
                (&text[..found.length], found.form),
                (length, form),
                "{text}"
            );
        }
        assert_eq!(number("apples"), None);
        assert_eq!(number(". 5"), None);
    }

    #[test]
    fn other_spellings_become_plain() {
        for (text, plain) in [
            ("1.234.567", "1234567"),
            ("52.000,75", "52000.75"),
            ("1,20,000", "120000"),
            ("3'450'000", "3450000"),
            ("1 234,5", "1234.5"),
            ("1⅓", "1 1/3"),
            ("½", "1/2"),
            ("٤٢", "42"),
            ("０．１", "0.1"),
            ("3٫5", "3.5"),
            ("1.5e−3", "1.5e-3"),
        ] {
            assert_eq!(normal(text), plain, "{text}");
        }
    }
}
