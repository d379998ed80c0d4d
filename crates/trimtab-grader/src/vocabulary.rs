//! The meaning of LaTeX commands, characters and plain words.

mod call;
mod command;
mod foreign;
mod number_word;
mod symbol;
mod unit;

pub(crate) use call::call;
pub(crate) use command::command;
pub(crate) use foreign::{Foreign, foreign};
pub(crate) use number_word::{denominator, is_number_word, number_phrase, scale, spoken};
pub(crate) use symbol::{currency_code, currency_sign, greek, is_greek, operator};
pub(crate) use unit::{PREFIXES, takes_prefix, unit, unit_letter};

/// The meaning of a LaTeX command or a word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Spacing, size or style, which is ignored.
    Nothing,
    /// Ignored together with so many groups that follow: `\hspace{1cm}`, `\color{red}`.
    NothingWithGroups(u8),
    /// Ignored together with a length that follows: `\kern 3pt`.
    NothingWithLength,
    /// The mark of the end of a proof, which is ignored at the end of an answer.
    EndMark,
    /// An operator or a delimiter, written as one character.
    Operator(char),
    /// A construct that the parser knows by this name.
    Construct(&'static str),
    /// A letter or another symbol.
    Symbol,
    /// A command whose group is text.
    Text,
    /// A command whose group names an operator: `\operatorname{lcm}`.
    OperatorName,
    /// A mark above its group, which turns it into another name: `\vec{v}`, `\overline{AB}`,
    /// `\mathbb{R}`.
    Accent,
    /// A set of numbers: `\R` is short for `\mathbb{R}`.
    NumberSet,
    /// A currency, by the name of its unit.
    Currency(&'static str),
    /// A number and its unit in two groups: `\qty{12}{kg}`.
    Quantity,
    /// The negation of the relation that follows: `\not=`.
    Not,
}

/// The name under which the parser knows a function, given by a command or a plain word.
pub(crate) fn function(word: &str) -> Option<&'static str> {
    Some(match word {
        "sin" => "sin",
        "cos" => "cos",
        "tan" | "tg" => "tan",
        "cot" | "ctg" => "cot",
        "sec" => "sec",
        "csc" | "cosec" => "csc",
        "arcsin" | "asin" => "arcsin",
        "arccos" | "acos" => "arccos",
        "arctan" | "atan" | "arctg" => "arctan",
        "arccot" | "acot" | "arcctg" => "arccot",
        "sinh" => "sinh",
        "cosh" => "cosh",
        "tanh" => "tanh",
        "coth" => "coth",
        "arcsinh" | "asinh" | "arsinh" => "arcsinh",
        "arccosh" | "acosh" | "arcosh" => "arccosh",
        "arctanh" | "atanh" | "artanh" => "arctanh",
        "ln" => "ln",
        "log" => "log",
        "lg" => "lg",
        "exp" => "exp",
        "abs" => "abs",
        "floor" => "floor",
        "ceil" => "ceil",
        "min" => "min",
        "max" => "max",
        "gcd" => "gcd",
        "lcm" => "lcm",
        "cbrt" => "cbrt",
        "det" => "det",
        "Re" => "re",
        "Im" => "im",
        "arg" | "Arg" => "arg",
        "conj" => "conj",
        "tr" | "Tr" => "tr",
        "cis" => "cis",
        _ => return None,
    })
}

/// The meaning of a plain word outside text groups. `None` if it may be a product of letters.
pub(crate) fn plain_word(word: &str) -> Option<Meaning> {
    if let Some(name) =
        function(word).filter(|name| !matches!(*name, "tr" | "re" | "im" | "arg" | "conj"))
    {
        return Some(Meaning::Construct(name));
    }
    Some(match word {
        "sqrt" => Meaning::Construct("sqrt"),
        "frac" | "dfrac" => Meaning::Construct("frac"),
        "binom" => Meaning::Construct("binom"),
        "mod" | "modulo" => Meaning::Construct("mod"),
        "and" | "And" | "AND" => Meaning::Operator('∧'),
        "or" | "Or" | "OR" => Meaning::Operator('∨'),
        "oo" | "inf" | "infty" | "infinity" | "Infinity" => Meaning::Operator('∞'),
        "percent" | "percentage" | "pct" => Meaning::Operator('%'),
        "degrees" | "degree" | "deg" => Meaning::Operator('°'),
        "cup" => Meaning::Operator('∪'),
        _ if is_greek(word) => Meaning::Symbol,
        _ => return None,
    })
}

/// The longest word of the tables, in bytes.
const LONGEST: usize = 24;

/// The word in lower case. `None` if it is too long for the tables or has other characters than
/// ASCII letters.
fn lowered<'b>(word: &str, buffer: &'b mut [u8; LONGEST]) -> Option<&'b str> {
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    lower.iter().all(u8::is_ascii_alphabetic).then_some(())?;
    std::str::from_utf8(lower).ok()
}

/// The value of a word in a sorted table.
fn find<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    let index = table.binary_search_by(|(name, _)| (*name).cmp(word)).ok()?;
    Some(table[index].1)
}
