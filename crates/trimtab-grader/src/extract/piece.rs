//! A text as pieces: numbers, words, formulas and signs.

use super::digits::{self, Form};
use super::formula::Formula;
use crate::vocabulary::{self, Meaning};

/// What a piece is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A number in digits.
    Number(Form),
    /// A word, a letter or an abbreviation.
    Word,
    /// A formula between delimiters.
    Formula,
    /// A TeX command with its groups: `\frac{1}{2}`.
    Command,
    /// Raised or lowered digits: `²`.
    Raised,
    /// A label of a list item at the start of a line: `2.`, `-`.
    Marker,
    /// An operator, a delimiter or punctuation, in its canonical form.
    Sign(char),
    /// Something else that cannot be part of a value: an address, a tag.
    Other,
}

/// A piece of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether a blank comes before it.
    pub(super) spaced: bool,
    /// The number of line breaks before it.
    pub(super) lines: u8,
    /// Whether it stands in bold letters, in code font or the like.
    pub(super) bold: bool,
}

/// The sign that stands for all currencies.
pub(super) const CURRENCY: char = '$';

/// The pieces of `text` from `start`.
pub(super) fn pieces(text: &str, start: usize, formulas: &[Formula]) -> Vec<Piece> {
    let first = formulas.partition_point(|formula| formula.whole.start < start);
    let mut reader = Reader {
        text,
        at: start,
        formulas: &formulas[first..],
        spaced: true,
        lines: 1,
        bold: None,
        pieces: Vec::with_capacity((text.len() - start) / 4),
    };
    reader.start_of_line();
    while reader.at < text.len() {
        reader.step();
    }
    reader.pieces
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    formulas: &'a [Formula],
    spaced: bool,
    lines: u8,
    /// The sign that ends the emphasis that has begun.
    bold: Option<&'static str>,
    pieces: Vec<Piece>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: Kind, length: usize) {
        let start = self.at;
        self.at += length;
        self.pieces.push(Piece {
            kind,
            start,
            end: self.at,
            spaced: self.spaced,
            lines: self.lines,
            bold: self.bold.is_some(),
        });
        self.spaced = false;
        self.lines = 0;
    }

    fn blank(&mut self, length: usize) {
        self.at += length;
        self.spaced = true;
    }

    /// The character before the current position.
    fn before(&self) -> Option<char> {
        self.text[..self.at].chars().next_back()
    }

    fn step(&mut self) {
        if let Some(formula) = self.formulas.first()
            && formula.whole.start == self.at
        {
            self.formulas = &self.formulas[1..];
            self.push(Kind::Formula, formula.whole.len());
            return;
        }
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return;
        };
        match first {
            '\n' => {
                self.lines = self.lines.saturating_add(1);
                self.blank(1);
                self.start_of_line();
            }
            ' ' | '\t' | '\r' => self.blank(1),
            '0'..='9' => self.number(),
            'a'..='z' | 'A'..='Z' => self.word(),
            '*' | '_' | '`' => self.emphasis(first),
            '\\' => self.command(),
            '<' => self.angle(),
            _ => self.other(first),
        }
    }

    /// Marks of headings, quotations and list items.
    fn start_of_line(&mut self) {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '>', '#']);
        if trimmed.len() < rest.len() && rest.contains(['>', '#']) {
            let skipped = rest.len() - trimmed.len();
            self.blank(skipped);
        }
        let rest = self.rest().trim_start_matches([' ', '\t']);
        let indent = self.rest().len() - rest.len();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let marker = match rest.as_bytes() {
            [b'-' | b'*' | b'+', b' ', ..] => 1,
            _ if rest.starts_with("• ") || rest.starts_with("– ") => '•'.len_utf8(),
            _ if (1..=2).contains(&digits) && rest[digits..].starts_with(['.', ')']) => digits + 1,
            _ => return,
        };
        let after = &rest[marker..];
        let line = after.lines().next().unwrap_or("");
        // "42." alone is not a label, unless the list before it has come to 41.
        let labels = match after.trim() {
            "" => self.follows_marker(&rest[..marker]),
            _ => line.starts_with([' ', '\t']) && !line.trim().is_empty(),
        };
        if labels {
            self.blank(indent);
            self.push(Kind::Marker, marker);
        }
    }

    /// Whether the last label of the list is the one before `marker`: `2.` before `3.`
    fn follows_marker(&self, marker: &str) -> bool {
        let number = |label: &str| label[..label.len() - 1].parse::<u32>().ok();
        let last = self.pieces.iter().rfind(|piece| piece.kind == Kind::Marker);
        let last = last.and_then(|piece| number(&self.text[piece.start..piece.end]));
        last.is_some_and(|last| number(marker) == Some(last + 1))
    }

    fn number(&mut self) {
        match digits::number(self.rest()) {
            Some(digits) => self.push(Kind::Number(digits.form), digits.length),
            None => self.push(
                Kind::Other,
                self.rest().chars().next().map_or(1, char::len_utf8),
            ),
        }
    }

    /// A run of letters, or an abbreviation such as `p.m.`
    fn word(&mut self) {
        let rest = self.rest();
        if rest.starts_with("http") || rest.starts_with("www.") {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            self.push(Kind::Other, end);
            return;
        }
        let bytes = rest.as_bytes();
        let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
        // Letters with full stops: "a.m.", "i.e."
        if bytes.get(1) == Some(&b'.') && letter(2) && !letter(3) {
            let dot = usize::from(bytes.get(3) == Some(&b'.'));
            self.push(Kind::Word, 3 + dot);
            return;
        }
        let mut end = 0;
        if let Some(unit) = rest.strip_prefix(['µ', 'μ'])
            && unit.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            let letters = unit.bytes().take_while(u8::is_ascii_alphabetic).count();
            self.push(Kind::Word, rest.len() - unit.len() + letters);
            return;
        }
        for (at, character) in rest.char_indices() {
            let apostrophe = matches!(character, '\'' | '’')
                && rest[at + character.len_utf8()..].starts_with(char::is_alphabetic);
            if !(character.is_alphabetic() || apostrophe) || vocabulary::greek(character).is_some()
            {
                break;
            }
            // A word of one script: "x的值".
            if at > 0 && is_unspaced(character) != rest.starts_with(is_unspaced) {
                break;
            }
            end = at + character.len_utf8();
        }
        let end = end.max(rest.chars().next().map_or(1, char::len_utf8));
        self.push(Kind::Word, end);
    }

    /// Stars, underscores and backticks: emphasis or operators.
    fn emphasis(&mut self, sign: char) {
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| *byte == sign as u8).count();
        let before = self.before().filter(|_| !self.spaced || self.at == 0);
        let after = rest[length..].chars().next();
        let joins =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "()[]{}\\".contains(c));
        let between = joins(before) && joins(after);
        if sign == '`' {
            let fence = length >= 3;
            self.bold = if self.bold.is_some() || fence {
                None
            } else {
                Some("`")
            };
            self.blank(0);
            self.at += length;
            return;
        }
        let opened = self.bold == Some(if length > 1 { "**" } else { "*" });
        if between && !(opened && sign == '*') {
            let operator = match (sign, length) {
                ('*', 1) => '*',
                ('*', 2) => '^',
                ('_', 1) => '_',
                _ => '…', // a blank to fill in
            };
            self.push(Kind::Sign(operator), length);
            return;
        }
        let spaced_after = after.is_none_or(char::is_whitespace);
        if sign == '*' && length == 1 && self.spaced && spaced_after && self.lines == 0 {
            self.push(Kind::Sign('*'), length);
            return;
        }
        if length > 2 && sign == '_' {
            self.push(Kind::Sign('…'), length);
            return;
        }
        self.bold = if self.bold.is_some() || spaced_after {
            None
        } else {
            Some(if length > 1 { "**" } else { "*" })
        };
        self.at += length;
    }

    /// A backslash and what follows.
    fn command(&mut self) {
        let rest = self.rest();
        let name_length = rest[1..]
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let name = &rest[1..=name_length];
        if name.is_empty() {
            let next = rest[1..].chars().next();
            let length = 1 + next.map_or(0, char::len_utf8);
            match next {
                Some('$') => self.push(Kind::Sign(CURRENCY), length),
                Some('%') => self.push(Kind::Sign('%'), length),
                Some('{') => self.push(Kind::Sign('{'), length),
                Some('}') => self.push(Kind::Sign('}'), length),
                Some('(' | ')' | '[' | ']') => self.push(Kind::Sign('\\'), length),
                _ => self.blank(length),
            }
            return;
        }
        match vocabulary::command(name) {
            Some(Meaning::Nothing) => self.blank(1 + name_length),
            Some(Meaning::Operator(sign)) if sign != '∅' => {
                self.push(Kind::Sign(sign), 1 + name_length);
            }
            _ => {
                let length = 1 + name_length + groups(&rest[1 + name_length..]);
                self.push(Kind::Command, length);
            }
        }
    }

    /// An angle bracket: a tag, a calculation in double brackets, or a relation.
    fn angle(&mut self) {
        let rest = self.rest();
        if rest.starts_with("<<") {
            let line = rest.lines().next().unwrap_or("");
            match line.find(">>") {
                Some(end) => self.at += end + 2,
                None => self.push(Kind::Sign('\\'), 2), // never closed
            }
            return;
        }
        if let Some((length, sign)) = tag(rest) {
            match sign {
                Some(sign) => self.push(Kind::Sign(sign), length),
                None => self.blank(length),
            }
            return;
        }
        let (sign, length) = if rest.starts_with("<=") {
            ('≤', 2)
        } else {
            ('<', 1)
        };
        self.push(Kind::Sign(sign), length);
    }

    fn other(&mut self, first: char) {
        let rest = self.rest();
        let pairs = [
            ("!=", '≠'),
            (">=", '≥'),
            ("==>", '⇒'),
            ("=>", '⇒'),
            ("->", '⇒'),
            ("==", '='),
            ("...", '…'),
        ];
        if let Some((text, sign)) = pairs.into_iter().find(|(text, _)| rest.starts_with(text)) {
            self.push(Kind::Sign(sign), text.len());
            return;
        }
        let length = first.len_utf8();
        let point = matches!(first, '.' | ',')
            && rest[1..].starts_with(|c: char| c.is_ascii_digit())
            && !self.before().is_some_and(char::is_alphanumeric);
        let sign = match first {
            '.' if point => return self.number(),
            ',' if point && self.spaced => return self.number(),
            '.' | '?' | '。' | '．' | '।' | '？' | '؟' => first,
            '！' => '!',
            '€' | '£' | '¥' | '₹' | '₩' | '₽' | '¢' | '₫' | '₺' | '฿' | '￥' | '＄' => {
                CURRENCY
            }
            '$' => CURRENCY,
            '√' | '∛' | '∜' => '√',
            '∴' | '→' | '➡' => '⇒',
            '—' => '—',
            '−' | '－' => '−',
            '‐' | '‑' => '-',
            '№' | '§' | '#' => '#',
            '~' if rest[1..].starts_with(|c: char| c.is_ascii_digit() || c == '$') => '≈',
            '"' | '“' | '”' | '«' | '»' | '「' | '」' | '『' | '』' | '【' | '】' | '✓' | '✅'
            | '∎' | '■' | '□' | '~' => return self.blank(length),
            _ if first.is_whitespace() || first == '\u{200b}' || first == '\u{feff}' => {
                return self.blank(length);
            }
            _ if digits::is_digit(first) => return self.number(),
            _ if raised(first) => {
                let end = rest.find(|c| !raised(c)).unwrap_or(rest.len());
                return self.push(Kind::Raised, end);
            }
            'µ' | 'μ' => return self.word(),
            _ if vocabulary::greek(first).is_some() => return self.push(Kind::Word, length),
            _ => match vocabulary::operator(first) {
                Some(operator) => operator,
                None if first.is_alphabetic() => return self.word(),
                None => return self.push(Kind::Other, length),
            },
        };
        self.push(Kind::Sign(sign), length);
    }
}

/// Whether a character is from a script that has no blanks between words, or ends words with
/// particles.
pub(super) fn is_unspaced(character: char) -> bool {
    let code = u32::from(character);
    let is_hangul = matches!(code, 0x1100..=0x11FF | 0xAC00..=0xD7AF);
    is_hangul || matches!(code, 0x0E00..=0x0E7F | 0x3040..=0x30FF | 0x3400..=0x9FFF)
}

fn raised(character: char) -> bool {
    matches!(
        character,
        '⁰' | '¹' | '²' | '³' | '⁴'..='⁹' | '⁺' | '⁻' | 'ⁿ' | '₀'..='₉'
    )
}

/// The length of the groups that follow the name of a command: `{1}{2}`, `[3]{2}`.
fn groups(text: &str) -> usize {
    const MAX_BYTES: usize = 512;
    let bytes = text.as_bytes();
    let mut end = 0;
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(MAX_BYTES) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    end = at + 1;
                }
            }
            b'\n' => break,
            b' ' if depth == 0 && bytes.get(at + 1) == Some(&b'{') => {}
            _ if depth == 0 => break,
            _ => {}
        }
    }
    end
}

/// The length of the HTML tag at the start of `text`, and the operator that it stands for.
fn tag(text: &str) -> Option<(usize, Option<char>)> {
    const NAMES: [&str; 22] = [
        "b", "i", "u", "p", "br", "em", "strong", "span", "div", "code", "pre", "li", "ul", "ol",
        "td", "tr", "th", "table", "mark", "center", "sub", "sup",
    ];
    const MAX_BYTES: usize = 64;
    let inner = text.strip_prefix('<')?;
    let end = inner
        .bytes()
        .take(MAX_BYTES)
        .position(|byte| byte == b'>')?;
    let closing = inner.starts_with('/');
    let name = inner[..end].trim_matches('/').split([' ', '/']).next()?;
    let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name));
    let tag = inner[..end].trim_start_matches('/');
    let unknown = tag.len() > 1
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if known.is_none() && !unknown {
        return None;
    }
    let operator = match name {
        "sub" if !closing => Some('_'),
        "sup" if !closing => Some('^'),
        _ => None,
    };
    Some((end + 2, operator))
}
