//! What the grader looks for, and what it counts as equal.

use std::fmt;
use std::str::FromStr;

/// What [`grade`](crate::grade()) looks for, and what [`check`](crate::check()) counts as equal.
///
/// ```
/// use trimtab_grader::{Rounding, Rules, Verdict, check, grade};
///
/// // A reward that only pays for boxed answers.
/// let rules = Rules { boxed_only: true, ..Rules::DEFAULT };
/// assert_eq!(grade("4", "The answer is 4.", &rules).extracted, None);
///
/// // A gold answer that was rounded to two decimals.
/// let rules = Rules { rounding: Rounding::Gold, ..Rules::DEFAULT };
/// assert_eq!(check("0.33", r"\frac{1}{3}", &rules), Verdict::Correct);
/// ```
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent settings, named where they are set"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Rules {
    /// Only a box counts, `\boxed{..}` or `\fbox{..}`. The other places are not looked at.
    pub boxed_only: bool,
    /// The last formula or number counts if nothing announces an answer.
    pub fallback: bool,
    /// The form that the answer must have.
    pub expected: Expected,
    /// When a decimal stands for a value that it rounds.
    pub rounding: Rounding,
    /// One side may leave out its unit.
    pub units: bool,
    /// `50\%` equals `50` and `0.5`.
    pub percent: bool,
    /// The items of a list may stand in any order.
    pub any_order: bool,
    /// The language whose way of writing numbers is read.
    pub language: Language,
}

impl Rules {
    /// The settings of an evaluation.
    pub const DEFAULT: Self = Self {
        boxed_only: false,
        fallback: true,
        expected: Expected::Any,
        rounding: Rounding::Long,
        units: true,
        percent: true,
        any_order: true,
        language: Language::Any,
    };
}

impl Default for Rules {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The form that an answer must have.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Expected {
    /// Any form.
    #[default]
    Any,
    /// One number, in any notation, with or without a unit.
    Number,
    /// One value, which may contain variables.
    Expression,
    /// The letter of a choice.
    Choice,
    /// Several values, whose order and brackets do not matter.
    Set,
    /// Words. They are compared as text.
    Text,
}

/// When a decimal stands for a value that it rounds.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Rounding {
    /// Never: `0.333333` is not `1/3`.
    Off,
    /// If it has six or more digits: `0.333333` is `1/3`, `0.33` is not.
    #[default]
    Long,
    /// As [`Rounding::Long`], and a gold answer with decimals equals every value that rounds to it.
    Gold,
}

/// The language in which numbers are written.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Language {
    /// Any language. `1,234` is read in the English way, and `3,5` is a decimal if the other side
    /// is one.
    #[default]
    Any,
    /// `1,234.5`: a comma separates thousands, a point decimals.
    English,
    /// `1.234,5`: a point separates thousands, a comma decimals, as in German, Spanish or Russian.
    DecimalComma,
}

/// A name that no setting has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownName {
    name: String,
    known: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not one of {}", self.name, self.known.join(", "))
    }
}

impl std::error::Error for UnknownName {}

/// Prints and reads the variants of a setting by the names that they have in files.
macro_rules! names {
    ($setting:ident: $($variant:ident $name:literal),+) => {
        impl fmt::Display for $setting {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $name,)+
                })
            }
        }

        impl FromStr for $setting {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName {
                        name: name.to_owned(),
                        known: &[$($name),+],
                    }),
                }
            }
        }
    };
}

names!(Expected: Any "any", Number "number", Expression "expression", Choice "choice", Set "set",
    Text "text");
names!(Rounding: Off "off", Long "long", Gold "gold");
names!(Language: Any "any", English "english", DecimalComma "decimal_comma");
