//! Whether two answers are the same text, apart from blanks and TeX dress.

use std::str::Chars;

use memchr::memchr2_iter;

use crate::vocabulary::{self, Meaning};

/// Whether two texts are the same apart from dress.
///
/// Dress is what does not change what is read: blanks, the delimiters of formulas, the size of
/// brackets, styles, the wrapper of a text group, braces around one sign, a final full stop, the
/// case of words outside formulas. One pass over each text, which stops at the first difference.
pub(crate) fn same_text(left: &str, right: &str) -> bool {
    let (mut left, mut right) = (Pieces::new(left), Pieces::new(right));
    let mut pieces = 0;
    loop {
        match (left.next(), right.next()) {
            (None, None) => return pieces > 0,
            (a, b) if a == b => pieces += 1,
            _ => return false,
        }
    }
}

/// A sign or a command that is no dress.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Piece<'a> {
    Sign(char),
    Command(&'a str),
}

/// The pieces of a text.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
    /// The last piece, which tells whether a blank and the braces of a wrapper matter.
    last: Option<Piece<'a>>,
    blank: bool,
    /// A full stop that counts only if something follows.
    stop: bool,
    /// For each open brace, whether it is dress, and whether it starts words.
    braces: Vec<Brace>,
    /// Whether this is inside a formula. `None` if the text has no delimiters of formulas.
    in_formula: Option<bool>,
    /// A piece that was read ahead.
    ahead: Option<Piece<'a>>,
}

#[derive(Clone, Copy)]
struct Brace {
    dress: bool,
    words: bool,
}

impl<'a> Pieces<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let has_formulas = memchr2_iter(b'$', b'\\', bytes).any(|at| {
            // Not behind a backslash, with which it would end a row.
            bytes[at] == b'$'
                || matches!(bytes.get(at + 1), Some(b'(' | b'['))
                    && (at == 0 || bytes[at - 1] != b'\\')
        });
        Self {
            text,
            at: 0,
            last: None,
            blank: false,
            stop: false,
            braces: Vec::new(),
            in_formula: has_formulas.then_some(false),
            ahead: None,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn chars(&self) -> Chars<'a> {
        self.rest().chars()
    }

    /// The next piece, or `None` at the end.
    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(piece) = self.ahead.take() {
            self.last = Some(piece);
            return Some(piece);
        }
        let piece = loop {
            if self.at >= self.text.len() {
                return None;
            }
            if let Some(piece) = self.step() {
                break piece;
            }
        };
        // What stood before the piece counts now that the piece is there.
        let before = if std::mem::take(&mut self.stop) {
            Some(Piece::Sign('.'))
        } else if std::mem::take(&mut self.blank)
            && self.last.is_some_and(|last| joins(last, piece))
        {
            Some(Piece::Sign(' '))
        } else {
            None
        };
        self.blank = false;
        let Some(before) = before else {
            self.last = Some(piece);
            return Some(piece);
        };
        self.ahead = Some(piece);
        self.last = Some(before);
        Some(before)
    }

    /// Reads on. Returns a piece unless what was read is dress.
    fn step(&mut self) -> Option<Piece<'a>> {
        let character = self.chars().next()?;
        let length = character.len_utf8();
        match character {
            '\\' => return self.command(),
            '$' => {
                self.at += 1;
                if self.rest().starts_with('$') {
                    self.at += 1;
                }
                self.in_formula = self.in_formula.map(|inside| !inside);
            }
            '~' | '\u{200b}' | '\u{feff}' => {
                self.at += length;
                self.blank = true;
            }
            _ if character.is_whitespace() => {
                self.at += length;
                self.blank = true;
            }
            '.' | '。' => {
                let dots = self.rest().bytes().take_while(|byte| *byte == b'.').count();
                if dots > 1 {
                    self.at += dots;
                    return Some(Piece::Sign('…'));
                }
                self.at += length;
                let decimal = self
                    .chars()
                    .next()
                    .is_some_and(|next| next.is_ascii_digit());
                if decimal {
                    return Some(Piece::Sign('.'));
                }
                self.stop = true;
            }
            '{' => return self.open(),
            '}' => {
                self.at += 1;
                match self.braces.pop() {
                    Some(Brace { dress: true, .. }) => {}
                    _ => return Some(Piece::Sign('}')),
                }
            }
            'a'..='z' | 'A'..='Z' => return Some(self.letter(character)),
            _ => {
                self.at += length;
                return Some(match vocabulary::greek(character) {
                    Some(name) => Piece::Command(name),
                    None => Piece::Sign(vocabulary::operator(character).unwrap_or(character)),
                });
            }
        }
        None
    }

    /// An opening brace. Braces around a single sign are dress, except within a number.
    fn open(&mut self) -> Option<Piece<'a>> {
        let mut inner = self.rest()[1..].chars();
        let single = inner.next().filter(char::is_ascii_alphanumeric);
        let closed = inner.next() == Some('}');
        let after = inner.next();
        let touches =
            |neighbour: Option<char>| neighbour.is_some_and(|c| c.is_ascii_alphanumeric());
        let before = match self.last {
            Some(Piece::Sign(sign)) => Some(sign),
            _ => None,
        };
        self.at += 1;
        let dress = single.is_some() && closed && !touches(before) && !touches(after);
        self.braces.push(Brace {
            dress,
            words: self.in_words(),
        });
        (!dress).then_some(Piece::Sign('{'))
    }

    /// Whether the text here is words rather than a formula.
    fn in_words(&self) -> bool {
        match self.braces.last() {
            Some(brace) => brace.words,
            None => self.in_formula == Some(false),
        }
    }

    /// A letter. The case of words does not matter: of runs of letters among words, and of the
    /// first letter of long ones elsewhere.
    fn letter(&mut self, letter: char) -> Piece<'a> {
        const LONG: usize = 4;
        let bytes = self.text.as_bytes();
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        let starts = self.at == 0 || !is_letter(bytes.get(self.at - 1));
        let run = bytes[self.at..]
            .iter()
            .take(LONG)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let lower = |run: &[u8]| run.iter().all(u8::is_ascii_lowercase);
        let is_word = if self.in_words() {
            run > 1 || !starts
        } else {
            starts && run == LONG && lower(&bytes[self.at + 1..self.at + LONG])
        };
        self.at += 1;
        Piece::Sign(if is_word {
            letter.to_ascii_lowercase()
        } else {
            letter
        })
    }

    /// A backslash and what it starts.
    fn command(&mut self) -> Option<Piece<'a>> {
        let rest = &self.rest()[1..];
        let length = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let name = &rest[..length];
        self.at += 1 + length;
        if name.is_empty() {
            return self.escaped();
        }
        match vocabulary::command(name) {
            Some(Meaning::Nothing) => {
                self.blank = true;
                if matches!(name, "left" | "right") && self.rest().starts_with('.') {
                    self.at += 1;
                }
                self.unwrap(None);
                None
            }
            Some(Meaning::Text) => {
                self.unwrap(Some(true));
                None
            }
            Some(Meaning::Operator(operator)) => Some(Piece::Sign(operator)),
            Some(Meaning::Construct(name)) => Some(Piece::Command(name)),
            _ => Some(Piece::Command(name)),
        }
    }

    /// A backslash before a sign that is no letter.
    fn escaped(&mut self) -> Option<Piece<'a>> {
        let character = self.chars().next()?;
        self.at += character.len_utf8();
        match character {
            '(' | ')' | '[' | ']' => {
                self.in_formula = Some(matches!(character, '(' | '['));
                None
            }
            '\\' => {
                self.skip_row_gap();
                Some(Piece::Command("\\"))
            }
            // Inside a number it marks thousands.
            '!' if self.last == Some(Piece::Sign(',')) => Some(Piece::Command("!")),
            ',' | '!' | ';' | ':' | '>' | ' ' | '/' | '\n' => {
                self.blank = true;
                None
            }
            '$' => None,
            '{' => Some(Piece::Sign('⦃')),
            '}' => Some(Piece::Sign('⦄')),
            '|' => Some(Piece::Sign('‖')),
            '%' => Some(Piece::Sign('%')),
            _ => Some(Piece::Sign(character)),
        }
    }

    /// Skips the space after a row: the `[4pt]` of `\\[4pt]`.
    fn skip_row_gap(&mut self) {
        const LONGEST: usize = 12;
        let rest = self.rest();
        if !rest.starts_with('[') {
            return;
        }
        let end = rest.bytes().take(LONGEST).position(|byte| byte == b']');
        if let Some(end) = end
            && ["pt", "ex", "em", "mm", "cm"]
                .iter()
                .any(|unit| rest[..end].ends_with(unit))
        {
            self.at += end + 1;
        }
    }

    /// Drops the braces of a wrapper, unless they hold the argument of something else.
    fn unwrap(&mut self, words: Option<bool>) {
        let rest = self.rest();
        let inner = rest.trim_start_matches(' ');
        let is_argument = matches!(self.last, Some(Piece::Command(_) | Piece::Sign('^' | '_')));
        if inner.starts_with('{') && !is_argument {
            self.at += rest.len() - inner.len() + 1;
            self.braces.push(Brace {
                dress: true,
                words: words.unwrap_or(self.in_words()),
            });
        }
    }
}

/// Whether a blank between two pieces matters: between letters and between digits.
fn joins(left: Piece, right: Piece) -> bool {
    match (left, right) {
        (Piece::Sign(left), Piece::Sign(right)) => {
            left.is_alphabetic() && right.is_alphabetic() || left.is_numeric() && right.is_numeric()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::same_text;

    #[test]
    fn dress_does_not_matter() {
        for (left, right) in [
            ("odd $n$", "Odd $n$."),
            ("odd $n$", r"\text{odd } n"),
            (
                r"$g(x)=\dfrac{a}{x}$ for some $a>0$",
                r"g(x) = \tfrac{a}{x} for some a > 0",
            ),
            (r"x^{2} \left( y \right)", "x^2(y)"),
            (r"\left\{1,\, 2\right\}", r"\{1, 2\}"),
            (
                r"\begin{pmatrix}1\\[4pt]2\end{pmatrix}",
                r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}",
            ),
            (r"\mathrm{cm}", "cm"),
            (r"\alpha\le \beta", r"α \leqslant β"),
            (r"\left. f \right|_0", "f|_0"),
            ("1, 2, 3, ...", r"1, 2, 3, \ldots."),
        ] {
            assert!(same_text(left, right), "{left} and {right}");
        }
    }

    #[test]
    fn everything_else_matters() {
        for (left, right) in [
            ("", ""),
            ("$", "."),
            ("1 2", "12"),
            (r"1\,2", "12"),
            ("a b", "ab"),
            (r"\frac{1}{23}", r"\frac{12}{3}"),
            (r"x^{12}", "x^12"),
            (r"x^{1}2", "x^{12}"),
            (r"x^{1}2", "x^12"),
            (r"1{2}", "12"),
            ("1, 2, 3, ...", "1, 2, 3"),
            (".5", "5"),
            ("1.5", "15"),
            ("1. 5", "15"),
            ("5!", "5"),
            ("$n$ odd", "$N$ odd"),
            ("AB", "ab"),
            ("ABCD", "abcd"),
            (r"(1,\!234)", "(1,234)"),
            (r"e^\text{ab}", "e^ab"),
            (r"\{1\}", "{1}"),
            ("-1", "1"),
            ("[0, 1)", "[0, 1]"),
            (r"\mathbb{R}", "R"),
        ] {
            assert!(!same_text(left, right), "{left} and {right}");
        }
    }
}
