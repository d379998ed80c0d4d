//! The names of the rules by which two answers are equal, or are not.

/// A rule by which the grader decided.
///
/// `docs/answer-checking.md` has an example of each, which the tests run.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Rule {
    /// The texts are the same, apart from blanks and TeX dress.
    SameText,
    /// The words are the same, apart from case and punctuation.
    SameWords,
    /// The dates are the same.
    SameDate,
    /// The letters of the choices are the same.
    SameChoice,
    /// The values are the same: exactly, or to twenty digits at several points.
    SameValue,
    /// A decimal stands for the value that it rounds.
    Rounding,
    /// A percentage equals its number, or a hundredth of it.
    Percent,
    /// An angle in degrees equals its number, or the angle in radians.
    Degrees,
    /// One side leaves out the unit.
    UnitLeftOut,
    /// The letters of constants agree: `I` or `j` is `i`, and `+ K` is `+ C`.
    SameConstants,
    /// One side leaves out the modulus: `7 \\pmod{10}` is `7`.
    ModulusLeftOut,
    /// The quantities are the same in different units: `1 m` is `100 cm`.
    UnitConverted,
    /// One side leaves out the name of the value: `x = 5` is `5`.
    NameLeftOut,
    /// The items of a list or set are the same, in any order.
    SameItems,
    /// The items of a tuple or matrix are the same, in the same order.
    SameOrder,
    /// The proportions are the same.
    SameRatio,
    /// The sets of real numbers are the same.
    SameSet,
    /// The equations or inequalities are the same up to a factor.
    SameEquation,
    /// A comma was read in the other way, as a separator or as a decimal comma.
    OtherComma,
    /// The values differ.
    OtherValue,
    /// The number of items or their values differ.
    OtherItems,
    /// The letters of the choices differ.
    OtherChoice,
    /// The answers are of different kinds, such as a number and a word.
    OtherKind,
    /// The answer does not have the expected form.
    NotExpected,
    /// There is no answer.
    NoAnswer,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 25] = [
        Self::SameText,
        Self::SameWords,
        Self::SameDate,
        Self::SameChoice,
        Self::SameValue,
        Self::Rounding,
        Self::Percent,
        Self::Degrees,
        Self::UnitLeftOut,
        Self::SameConstants,
        Self::ModulusLeftOut,
        Self::UnitConverted,
        Self::NameLeftOut,
        Self::SameItems,
        Self::SameOrder,
        Self::SameRatio,
        Self::SameSet,
        Self::SameEquation,
        Self::OtherComma,
        Self::OtherValue,
        Self::OtherItems,
        Self::OtherChoice,
        Self::OtherKind,
        Self::NotExpected,
        Self::NoAnswer,
    ];

    /// Whether the rule says that two answers differ.
    pub(crate) fn is_difference(self) -> bool {
        matches!(
            self,
            Self::OtherValue
                | Self::OtherItems
                | Self::OtherChoice
                | Self::OtherKind
                | Self::NotExpected
                | Self::NoAnswer
        )
    }

    /// The name of the rule in files: `same_value`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SameText => "same_text",
            Self::SameWords => "same_words",
            Self::SameDate => "same_date",
            Self::SameChoice => "same_choice",
            Self::SameValue => "same_value",
            Self::Rounding => "rounding",
            Self::Percent => "percent",
            Self::Degrees => "degrees",
            Self::UnitLeftOut => "unit_left_out",
            Self::SameConstants => "same_constants",
            Self::ModulusLeftOut => "modulus_left_out",
            Self::UnitConverted => "unit_converted",
            Self::NameLeftOut => "name_left_out",
            Self::SameItems => "same_items",
            Self::SameOrder => "same_order",
            Self::SameRatio => "same_ratio",
            Self::SameSet => "same_set",
            Self::SameEquation => "same_equation",
            Self::OtherComma => "other_comma",
            Self::OtherValue => "other_value",
            Self::OtherItems => "other_items",
            Self::OtherChoice => "other_choice",
            Self::OtherKind => "other_kind",
            Self::NotExpected => "not_expected",
            Self::NoAnswer => "no_answer",
        }
    }

    /// What the rule says, as a clause.
    pub fn description(self) -> &'static str {
        match self {
            Self::SameText => "the texts are the same",
            Self::SameWords => "the words are the same",
            Self::SameDate => "the dates are the same",
            Self::SameChoice => "both pick the same choice",
            Self::SameValue => "the values are the same",
            Self::Rounding => "the decimal stands for the value that it rounds",
            Self::Percent => "a percent sign may be left out or divided by",
            Self::Degrees => "a degree sign may be left out or turned into radians",
            Self::UnitLeftOut => "one side may leave out the unit",
            Self::SameConstants => "the letters of constants mean the same",
            Self::ModulusLeftOut => "one side may leave out the modulus",
            Self::UnitConverted => "the quantities are the same in different units",
            Self::NameLeftOut => "one side may leave out the name",
            Self::SameItems => "the items are the same, in any order",
            Self::SameOrder => "the items are the same, in order",
            Self::SameRatio => "the proportions are the same",
            Self::SameSet => "the sets of real numbers are the same",
            Self::SameEquation => "the relations are the same up to a factor",
            Self::OtherComma => "the comma has another reading",
            Self::OtherValue => "the values differ",
            Self::OtherItems => "the items differ",
            Self::OtherChoice => "they pick different choices",
            Self::OtherKind => "they are of different kinds",
            Self::NotExpected => "the answer does not have the expected form",
            Self::NoAnswer => "there is no answer",
        }
    }
}
