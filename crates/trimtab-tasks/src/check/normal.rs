//! Removing the differences of spelling that carry no meaning.

use std::ops::Range;

/// An answer with one spelling for what means the same.
#[derive(Debug, Default)]
pub(super) struct Normal {
    /// No blanks but between two digits (`1 1/2`) and between a command and a letter (`\pi r`).
    pub(super) text: String,
    /// Whether a comma stands next to a blank or `$`: it separates elements, not thousands.
    pub(super) is_list: bool,
    /// Where the content of the last `\text{..}`, `\mathrm{..}` or the like now stands in `text`.
    pub(super) last_words: Option<Range<usize>>,
}

/// Normalises an answer in one pass.
pub(super) fn normalise(answer: &str) -> Normal {
    let mut writer = Writer::default();
    let mut rest = answer.trim();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\\' => writer.command(&rest[1..]),
            _ => writer.character(first, &rest[first.len_utf8()..]),
        };
    }
    let mut normal = writer.normal;
    if normal.text.ends_with('.') {
        normal.text.pop();
        let len = normal.text.len();
        normal.last_words = normal
            .last_words
            .map(|words| words.start.min(len)..words.end.min(len));
    }
    normal
}

#[derive(Default)]
struct Writer {
    normal: Normal,
    /// Open braces; for a wrapper's, which is dropped, the place in the text where its content starts.
    open: Vec<Option<usize>>,
    /// A blank or a dollar sign was skipped since the last character.
    gap: bool,
    /// The text ends with a command name, which a letter must not prolong.
    after_name: bool,
}

impl Writer {
    /// Writes a character other than a backslash; returns the part of `rest` still to be read.
    fn character<'a>(&mut self, first: char, rest: &'a str) -> &'a str {
        match first {
            '{' => {
                if let Some(rest) = rest.strip_prefix(",}") {
                    self.push(',');
                    return rest;
                }
                self.open.push(None);
                self.push('{');
            }
            '}' => match self.open.pop() {
                Some(Some(start)) => self.normal.last_words = Some(start..self.normal.text.len()),
                _ => self.push('}'),
            },
            '^' => match degree(rest) {
                Some(rest) => return rest,
                None => self.push('^'),
            },
            '°' => {}
            '$' | '€' | '£' | '~' => self.gap = true,
            '\u{2212}' | '\u{2013}' => self.push('-'),
            '×' => self.push_name("times"),
            '·' => self.push_name("cdot"),
            'π' => self.push_name("pi"),
            blank if blank.is_whitespace() => self.gap = true,
            other => self.push(other),
        }
        rest
    }

    /// Writes the command whose backslash precedes `text`; returns the part of `text` still to be read.
    fn command<'a>(&mut self, text: &'a str) -> &'a str {
        let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
        let len = if letters > 0 {
            letters
        } else {
            text.chars().next().map_or(0, char::len_utf8)
        };
        let (name, rest) = text.split_at(len);
        match name {
            "left" | "right" | "big" | "Big" | "displaystyle" | "textstyle" | "degree" | "!" => {}
            // A thin space may group digits, but `1,\,2` is a list.
            "," => self.gap |= self.normal.text.ends_with(','),
            ";" | ":" | " " | "quad" | "qquad" | "$" | "(" | ")" | "[" | "]" => self.gap = true,
            "dfrac" | "tfrac" | "cfrac" => self.push_name("frac"),
            "%" => self.push('%'),
            "text" | "textbf" | "textit" | "textrm" | "mathrm" | "mathbf" | "mathit" | "mbox"
            | "operatorname" | "boxed" | "fbox" => {
                if let Some(rest) = rest.trim_start().strip_prefix('{') {
                    self.open.push(Some(self.normal.text.len()));
                    return rest;
                }
            }
            blank if blank.trim().is_empty() => self.gap = true,
            _ => self.push_name(name),
        }
        rest
    }

    fn push_name(&mut self, name: &str) {
        self.push('\\');
        self.normal.text.push_str(name);
        self.after_name = name.ends_with(|last: char| last.is_ascii_alphabetic());
    }

    fn push(&mut self, next: char) {
        let text = &mut self.normal.text;
        let last = text.chars().next_back();
        let is_digit = |c: char| c.is_ascii_digit();
        if self.gap && last.is_some_and(is_digit) && is_digit(next)
            || self.after_name && next.is_alphabetic()
        {
            text.push(' ');
        }
        self.normal.is_list |= self.gap && (next == ',' || last == Some(','));
        text.push(next);
        self.gap = false;
        self.after_name = false;
    }
}

/// What follows a degree sign's `\circ` or `{\circ}`, the `^` before it already read.
fn degree(rest: &str) -> Option<&str> {
    let not_longer = |rest: &&str| !rest.starts_with(|next: char| next.is_ascii_alphabetic());
    rest.strip_prefix("{\\circ}")
        .or_else(|| rest.strip_prefix("\\circ").filter(not_longer))
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn spellings_collapse() {
        let table = [
            ("", ""),
            (" 5 . ", "5"),
            (r"$$ 5 $$", "5"),
            (r"\( 5 \)", "5"),
            (r"\[ 5. \]", "5"),
            (r"\left( 1, 2 \right)", "(1,2)"),
            (r"\dfrac{1}{2}", r"\frac{1}{2}"),
            (r"\tfrac 12", r"\frac12"),
            ("1 1/2", "1 1/2"),
            ("$1$ $2$", "1 2"),
            ("1{,}234", "1,234"),
            (r"1,\!234", "1,234"),
            (r"\text{not odd}", "notodd"),
            (r"\mathrm {odd}.", "odd"),
            (r"\boxed{\boxed{7}}", "7"),
            (r"\{ 1, {2} \}", r"\{1,{2}\}"),
            (r"\pi r", r"\pi r"),
            (r"\pi{}r", r"\pi{}r"),
            (r"2 \pi", r"2\pi"),
            (r"90^\circ", "90"),
            ("90^{\\circ}", "90"),
            ("90°", "90"),
            (r"f ^ \circledast", r"f^\circledast"),
            (r"50\%", "50%"),
            (r"\$5", "5"),
            ("−5", "-5"),
            ("2 × 3", r"2\times3"),
            ("}{", "}{"),
            ("\\", ""),
            (r"\é", r"\é"),
        ];
        for (answer, expected) in table {
            assert_eq!(normalise(answer).text, expected, "{answer}");
        }
    }

    #[test]
    fn commas_beside_a_gap_make_a_list() {
        for list in ["1, 234", "1 ,234", "$1$,$234$", r"1,\,234", r"1,\quad 234"] {
            assert!(normalise(list).is_list, "{list}");
        }
        for number in ["1,234", "$1,234$", "1{,}234", r"1,\!234", "- 1,234"] {
            assert!(!normalise(number).is_list, "{number}");
        }
    }

    #[test]
    fn the_last_words_are_marked() {
        for (answer, expected) in [
            (r"5 \text{ square feet}", Some("squarefeet")),
            (r"5\,\mathrm{cm}^2", Some("cm")),
            (r"\text{ab}\text{c.}", Some("c")),
            ("5 cm", None),
        ] {
            let normal = normalise(answer);
            assert_eq!(
                normal.last_words.map(|words| &normal.text[words]),
                expected,
                "{answer}"
            );
        }
    }
}
