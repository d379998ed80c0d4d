//! Whether a box is only a part of its formula: an operand, or an element of a list.

use std::ops::Range;

/// Longest text beside a box that is read, in bytes.
const MAX_BYTES: usize = 160;

/// Commands whose argument is a box that stands in them or behind them.
const FUNCTIONS: [&str; 63] = [
    "ln", "log", "lg", "exp", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos",
    "arctan", "sinh", "cosh", "tanh", "max", "min", "gcd", "lcm", "det", "sqrt", "frac", "dfrac",
    "tfrac", "cfrac", "binom", "dbinom", "tbinom", "overline", "bar", "vec", "hat", "lfloor",
    "lceil", "lvert", "vert", "pm", "mp", "times", "cdot", "div", "over", "choose", "bmod", "mod",
    "cup", "cap", "setminus", "pi", "sum", "prod", "int", "ldots", "dots", "cdots", "infty",
    "alpha", "beta", "theta", "lambda", "mu", "phi",
];

/// Commands that compare two values.
const RELATIONS: [&str; 20] = [
    "lt", "gt", "le", "leq", "leqslant", "leqq", "ge", "geq", "geqslant", "geqq", "ne", "neq",
    "nleq", "ngeq", "ll", "gg", "lesssim", "gtrsim", "nless", "ngtr",
];

/// What stands beside a box on its line, within its formula as far as that is known.
struct Beside<'a> {
    before: &'a str,
    after: &'a str,
    /// Whether the box stands in a formula.
    math: bool,
}

/// Whether a box is an operand or an element of its formula, or the bound of an inequality.
pub(super) fn is_operand(text: &str, whole: &Range<usize>) -> bool {
    let beside = beside(text, whole);
    beside.is_bound() || beside.is_argument() || beside.is_enclosed() || beside.goes_on()
}

fn beside<'a>(text: &'a str, whole: &Range<usize>) -> Beside<'a> {
    const OPENERS: [&str; 5] = ["$", "\\(", "\\[", "\\\\", "&"];
    let start = text.floor_char_boundary(whole.start.saturating_sub(MAX_BYTES));
    let line = &text[start..whole.start];
    let line = line.rfind('\n').map_or(line, |at| &line[at + 1..]);
    let opener = OPENERS
        .iter()
        .filter_map(|opener| Some((line.rfind(opener)?, *opener)))
        .max();
    let dollars = line.bytes().filter(|byte| *byte == b'$').count();
    let before = opener.map_or(line, |(at, opener)| &line[at + opener.len()..]);
    let after = &text[whole.end..];
    let after = &after[..after.floor_char_boundary(MAX_BYTES)];
    let after = after.lines().next().unwrap_or_default();
    let math = match opener {
        Some((_, "$")) => dollars % 2 == 1 && after.contains('$'),
        Some((at, _)) => !line[at..].contains("\\)") && !line[at..].contains("\\]"),
        None => false,
    };
    let end = ["$", "\\)", "\\]", "\\\\", "&"]
        .iter()
        .filter_map(|closer| after.find(closer))
        .min();
    Beside {
        before,
        after: &after[..end.unwrap_or(after.len())],
        math,
    }
}

impl Beside<'_> {
    /// Whether the box is a side of an inequality: `x < \boxed{5}`.
    fn is_bound(&self) -> bool {
        let before = without_blanks_behind(self.before);
        let sign = before.chars().next_back();
        let bounds = match sign {
            Some('≤' | '≥' | '≠' | '≪' | '≫') => true,
            Some('<') => !before.ends_with("<<"),
            Some('>') => !is_arrow_or_tag(before),
            Some('=') => {
                ["!=", "<=", ">="].iter().any(|it| before.ends_with(it))
                    || before.ends_with("\\not=")
            }
            _ => last_command(before)
                .is_some_and(|(name, rest)| rest.is_empty() && RELATIONS.contains(&name)),
        };
        bounds || self.math && RELATIONS.contains(&first_command(without_blanks(self.after)))
    }

    /// Whether a function, a factor or a digit stands directly before the box.
    fn is_argument(&self) -> bool {
        let before = without_blanks_behind(self.before);
        let is_function = last_command(before).is_some_and(|(name, rest)| {
            let is_script = rest.is_empty() || rest.starts_with(['_', '^']);
            let is_digit = name.ends_with("frac") && rest.bytes().all(|it| it.is_ascii_digit());
            FUNCTIONS.contains(&name) && (is_script && !rest.contains(' ') || is_digit)
        });
        let mut signs = self.before.chars().rev();
        let (last, second) = (signs.next(), signs.next());
        let is_factor = self.math
            && last.is_some_and(|c| c.is_ascii_alphabetic())
            && !second.is_some_and(|c| c.is_alphabetic() || c == '\\')
            && last_command(self.before).is_none_or(|(_, rest)| !rest.is_empty());
        let is_fraction =
            matches!(last, Some('.' | ',' | ':')) && second.is_some_and(|c| c.is_ascii_digit());
        let is_multiplied = before.ends_with(['×', '÷', '·', '√'])
            || self.math && before.ends_with('*') && !before.ends_with("**");
        // An element of a list: `3, \boxed{5}`, `3 : \boxed{5}`.
        let is_listed = self.math
            && before.strip_suffix([',', ':']).is_some_and(|rest| {
                without_blanks_behind(rest).ends_with(|c: char| c.is_ascii_digit())
            });
        let word = before.trim_end_matches(['}', ' ']);
        let is_joined = self.math
            && !before.contains("box")
            && ["\\text{ or", "\\text{or", "\\text{ and"]
                .iter()
                .any(|joint| word.ends_with(joint));
        is_listed || is_joined || is_function || is_factor || is_fraction || is_multiplied
    }

    /// Whether an open group or bracket makes the box an argument or an element.
    fn is_enclosed(&self) -> bool {
        let bars = self.math && self.before.matches('|').count() % 2 == 1;
        bars && self.after.contains('|')
            || open_groups(self.before).iter().any(|open| {
                let (outside, inside) = (&self.before[..*open], &self.before[open + 1..]);
                if self.before[*open..].starts_with('{') && !outside.ends_with('\\') {
                    return is_argument_group(outside);
                }
                let outside = ["\\left", "\\big", "\\Big", "\\bigl", "\\Bigl", "\\"]
                    .iter()
                    .find_map(|size| outside.strip_suffix(size))
                    .unwrap_or(outside);
                let is_called = self.math
                    && (outside.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ')'));
                let is_signed = inside.is_empty() && outside.ends_with(['-', '−', '+', '/', '^'])
                    || inside.is_empty() && self.after.starts_with(")^");
                is_called || self.math && is_signed || self.is_element(inside)
            })
    }

    /// Whether a comma separates the box from other elements of the bracket that is open.
    fn is_element(&self, inside: &str) -> bool {
        if has_words(inside) {
            return false;
        }
        let close = self.after.find([')', ']', '}']);
        let rest = close.map_or("", |at| &self.after[..at]);
        inside.contains([',', ';'])
            || without_blanks(rest).starts_with([',', ';']) && !has_words(rest)
    }

    /// Whether the formula goes on behind the box, or its number does.
    fn goes_on(&self) -> bool {
        let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let glued = self.after;
        let next = without_blanks(glued);
        let spaced = without_thin_blanks(glued);
        let groups = glued.strip_prefix(',').is_some_and(|rest| {
            rest.len() > 2 && rest.bytes().take(3).all(|byte| byte.is_ascii_digit())
        });
        let is_indexed = glued
            .strip_prefix('_')
            .is_some_and(|rest| digit(rest) || rest.starts_with(['{', '\\']));
        let cut =
            digit(spaced) || groups || is_indexed || glued.strip_prefix(':').is_some_and(digit);
        if cut || !self.math {
            return cut;
        }
        let mut rest = next.chars();
        let (first, behind) = (rest.next(), rest.as_str());
        let ends_word = !behind.starts_with(|c: char| c.is_alphabetic());
        match first {
            Some('+' | '-' | '−' | '/' | '*' | '±' | '×' | '÷' | '·') => {
                without_blanks(behind).starts_with(|c: char| c.is_alphanumeric() || c == '\\')
            }
            Some('<' | '>' | '≤' | '≥' | '≠') => true,
            Some(',' | ':') => digit(without_blanks(behind).trim_start_matches('-')),
            Some('(') => glued.starts_with('('),
            Some('\\') => FUNCTIONS.contains(&first_command(next)),
            // Other letters may be units.
            Some(letter) => "ixyznkabepqruvw".contains(letter) && ends_word || digit(next),
            None => false,
        }
    }
}

/// Whether the group that opens behind `outside` is an argument that is changed: `\frac{1}{`, `^{`.
fn is_argument_group(outside: &str) -> bool {
    const STRUCK: [&str; 7] = [
        "cancel",
        "xcancel",
        "bcancel",
        "sout",
        "st",
        "not",
        "underbrace",
    ];
    const MAX_GROUPS: usize = 4;
    let mut outside = outside.trim_end();
    if outside.ends_with(['^', '_']) {
        return true;
    }
    for _ in 0..MAX_GROUPS {
        let inner = match outside.as_bytes().last() {
            Some(b'}') => outside.rfind('{'),
            Some(b']') => outside.rfind('['),
            Some(b'0'..=b'9') => Some(outside.len() - 1),
            _ => break,
        };
        let Some(at) = inner else { break };
        outside = outside[..at].trim_end();
    }
    last_command(outside).is_some_and(|(name, rest)| {
        rest.is_empty() && (FUNCTIONS.contains(&name) || STRUCK.contains(&name))
    })
}

/// Where the groups and brackets open that no sign closes.
fn open_groups(text: &str) -> Vec<usize> {
    let mut open: Vec<usize> = Vec::new();
    for (at, sign) in text.bytes().enumerate() {
        match sign {
            b'(' | b'[' | b'{' => open.push(at),
            b')' | b']' | b'}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open
}

/// Whether a text that ends with `>` ends with an arrow or a tag, or quotes a line.
fn is_arrow_or_tag(text: &str) -> bool {
    let before = &text[..text.len() - 1];
    let is_tag = before.rfind('<').is_some_and(|at| {
        let name = &before[at + 1..];
        name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '|'))
            && name.len() > 1
    });
    is_tag || before.trim().is_empty() || before.ends_with(['-', '=', '>', '–', '—'])
}

/// Whether a text has a word of two or more letters that is no command.
fn has_words(text: &str) -> bool {
    text.split(|c: char| !c.is_alphabetic() && c != '\\')
        .any(|word| !word.contains('\\') && word.chars().count() > 1)
}

/// The last command of a text, and what follows its name.
fn last_command(text: &str) -> Option<(&str, &str)> {
    let command = &text[text.rfind('\\')? + 1..];
    let name = command.bytes().take_while(u8::is_ascii_alphabetic).count();
    Some((&command[..name], &command[name..]))
}

/// The name of the command that opens a text, or nothing.
fn first_command(text: &str) -> &str {
    let Some(command) = text.strip_prefix('\\') else {
        return "";
    };
    let name = command.bytes().take_while(u8::is_ascii_alphabetic).count();
    &command[..name]
}

const THIN_BLANKS: [&str; 4] = ["\\,", "\\!", "{}", "\\;"];

fn without_thin_blanks(mut text: &str) -> &str {
    while let Some(rest) = THIN_BLANKS
        .iter()
        .find_map(|blank| text.strip_prefix(blank))
    {
        text = rest;
    }
    text
}

fn without_blanks(mut text: &str) -> &str {
    loop {
        let before = text.len();
        text = without_thin_blanks(text.trim_start_matches([' ', '~']));
        text = text.strip_prefix("\\ ").unwrap_or(text);
        if text.len() == before {
            return text;
        }
    }
}

fn without_blanks_behind(mut text: &str) -> &str {
    loop {
        let before = text.len();
        text = text.trim_end_matches([' ', '~']);
        text = THIN_BLANKS
            .iter()
            .find_map(|blank| text.strip_suffix(blank))
            .unwrap_or(text);
        text = text.strip_suffix('\\').unwrap_or(text);
        if text.len() == before {
            return text;
        }
    }
}
