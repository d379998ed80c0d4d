//! The flags of the answer checker.

use clap::Args;
use trimtab::grader::{Expected, Language, Rounding, Rules};

/// Flags that say where answers count, and what is equal. docs/answer-checking.md has examples.
#[derive(Args, Debug)]
#[command(next_help_heading = "Answer checking")]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
pub struct RulesArgs {
    /// Count an answer in a box only.
    #[arg(long)]
    pub boxed_only: bool,
    /// Do not take the last formula or number where nothing announces an answer.
    #[arg(long)]
    pub no_fallback: bool,
    /// The form that an answer must have: any, number, expression, choice, set or text.
    #[arg(long, value_name = "FORM", default_value_t, hide_default_value = true)]
    pub expected: Expected,
    /// When a decimal stands for a value that it rounds: off, long (six or more digits) or gold
    /// (long, and any gold answer with decimals).
    #[arg(long, value_name = "WHEN", default_value_t, hide_default_value = true)]
    pub rounding: Rounding,
    /// Do not accept an answer that leaves out the unit.
    #[arg(long)]
    pub no_units: bool,
    /// Do not take 50 % for 50.
    #[arg(long)]
    pub no_percent: bool,
    /// Compare lists in order.
    #[arg(long)]
    pub ordered: bool,
    /// How numbers are written: any, english (1,234.5) or decimal_comma (1.234,5).
    #[arg(
        long,
        value_name = "LANGUAGE",
        default_value_t,
        hide_default_value = true
    )]
    pub language: Language,
}

impl RulesArgs {
    /// The rules that the flags say.
    pub fn rules(&self) -> Rules {
        Rules {
            boxed_only: self.boxed_only,
            fallback: !self.no_fallback,
            expected: self.expected,
            rounding: self.rounding,
            units: !self.no_units,
            percent: !self.no_percent,
            any_order: !self.ordered,
            language: self.language,
        }
    }
}
