//! Unicode spellings of mathematics, rewritten in ASCII and LaTeX.
//!
//! `１２` becomes `12`, `x²` becomes `x^{2}`, and `½` becomes `\frac{1}{2}`.

use std::borrow::Cow;

mod characters;

use characters::{accent, ascii, digit, fraction, latex, subscript, superscript};

/// The text without typographic characters.
pub(crate) fn plain_spelling(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut writer = Writer {
        out: String::with_capacity(text.len() + 16),
        accent: None,
    };
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if character.is_ascii() {
            writer.out.push(character);
            1
        } else {
            writer.write(character, rest)
        };
        rest = &rest[length..];
    }
    Cow::Owned(writer.out)
}

struct Writer {
    out: String,
    /// The last accent over a digit: where its content and the whole command end.
    accent: Option<(usize, usize)>,
}

impl Writer {
    /// Writes `character`, with which `rest` starts, and what belongs to it. Returns the number of
    /// bytes read.
    fn write(&mut self, character: char, rest: &str) -> usize {
        let length = character.len_utf8();
        if superscript(character).is_some() {
            return self.superscripts(rest);
        }
        if subscript(character).is_some() {
            return self.run(rest, "_{", subscript);
        }
        if character == '⅟' {
            return length + self.reciprocal(&rest[length..]);
        }
        if let Some(name) = accent(character) {
            self.accented(name);
        } else if let Some((above, below)) = fraction(character) {
            self.fraction(above, below);
        } else if let Some(digit) = digit(character) {
            self.out.push(digit);
        } else if let Some(number) = circled(character) {
            // A list of statements: "①③".
            if self.out.ends_with(|last| circled(last).is_some()) {
                self.out.push_str(", ");
            }
            self.out.push(number);
        } else if character == '，' {
            // Between full-width digits it may separate thousands.
            let between = rest[length..].starts_with(|c: char| digit(c).is_some());
            self.out.push_str(if between { "," } else { ", " });
        } else if let Some(spelling) = latex(character) {
            self.out.push_str(spelling);
            // `\pi` must not run into a letter.
            if spelling.ends_with(|c: char| c.is_ascii_alphabetic()) && spelling.starts_with('\\') {
                self.out.push(' ');
            }
        } else {
            match ascii(character) {
                Some(plain) => self.out.push(plain),
                None => self.out.push(character),
            }
        }
        length
    }

    /// Raised characters: an exponent, or the numerator of `³⁄₁₆`.
    fn superscripts(&mut self, rest: &str) -> usize {
        let end = run_end(rest, superscript);
        let denominator = rest[end..]
            .strip_prefix(['⁄', '/', '∕'])
            .filter(|below| below.starts_with(|c: char| subscript(c).is_some()));
        let Some(below) = denominator else {
            return self.run(rest, "^{", superscript);
        };
        self.out.push_str("\\frac");
        self.run(rest, "{", superscript);
        rest.len() - below.len() + self.run(below, "{", subscript)
    }

    /// A run of raised or lowered characters as a group.
    fn run(&mut self, rest: &str, open: &str, plain: fn(char) -> Option<char>) -> usize {
        let end = run_end(rest, plain);
        self.out.push_str(open);
        self.out.extend(rest[..end].chars().filter_map(plain));
        self.out.push('}');
        end
    }

    /// The denominator after `⅟`.
    fn reciprocal(&mut self, rest: &str) -> usize {
        self.out.push_str("\\frac{1}");
        if rest.starts_with(|c: char| subscript(c).is_some()) {
            return self.run(rest, "{", subscript);
        }
        let any_digit = |c: char| Some(c).filter(char::is_ascii_digit).or_else(|| digit(c));
        self.run(rest, "{", any_digit)
    }

    fn fraction(&mut self, above: u8, below: u8) {
        self.out.push_str(&format!("\\frac{{{above}}}{{{below}}}"));
    }

    /// An accent above the character before it: `x̄`, `0.6̅`.
    fn accented(&mut self, name: &str) {
        let Some(character) = self
            .out
            .chars()
            .next_back()
            .filter(char::is_ascii_alphanumeric)
        else {
            return;
        };
        self.out.pop();
        // A bar over several digits is one bar.
        if let Some((content, end)) = self.accent
            && end == self.out.len()
            && name == "overline"
        {
            self.out.truncate(content);
        } else {
            self.out.push('\\');
            self.out.push_str(name);
            self.out.push('{');
        }
        self.out.push(character);
        let content = self.out.len();
        self.out.push('}');
        self.accent = (name == "overline").then_some((content, self.out.len()));
    }
}

fn run_end(rest: &str, plain: fn(char) -> Option<char>) -> usize {
    rest.find(|c| plain(c).is_none()).unwrap_or(rest.len())
}

/// A circled number, which labels a statement.
fn circled(character: char) -> Option<char> {
    matches!(character, '①'..='⑳').then_some(character)
}

#[cfg(test)]
mod tests {
    use super::plain_spelling;

    #[test]
    fn characters_become_latex() {
        for (text, expected) in [
            ("x+1 & 2 < 3", "x+1 & 2 < 3"),
            ("１２３", "123"),
            ("−１／２", "−1/2"),
            ("（１，０２４）", "(1,024)"),
            ("１，２", "1,2"),
            ("1，024", "1, 024"),
            ("٣٫٥", "3.5"),
            ("४२", "42"),
            ("x²y⁻¹⁰", "x^{2}y^{-10}"),
            ("x₁₂", "x_{12}"),
            ("1½", r"1\frac{1}{2}"),
            ("³⁄₁₆", r"\frac{3}{16}"),
            ("⅟₇ ⅟12", r"\frac{1}{7} \frac{1}{12}"),
            ("0.6̅", r"0.\overline{6}"),
            ("0.1̅2̅", r"0.\overline{12}"),
            ("0.1̇2̇", r"0.\dot{1}\dot{2}"),
            ("x̄ v⃗", r"\bar{x} \vec{v}"),
            ("∛5", r"\sqrt[3]5"),
            ("ℝ∖{0}", r"\mathbb{R}∖{0}"),
            ("𝑥 + 𝟏", "x + 1"),
            ("①③", "①, ③"),
            ("5\u{2060}\u{200e}", "5"),
        ] {
            assert_eq!(plain_spelling(text), expected, "{text}");
        }
    }
}
