//! How a verdict comes about, for people to read.

use std::fmt;

use crate::answer::{MAX_BYTES, normalized};
use crate::budget::Budget;
use crate::extract::gold_answer;
use crate::lex::{Commas, lex};
use crate::parse::parse;
use crate::verdict::{Grade, Verdict};

/// How a grade came about. It prints as a derivation of some lines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The gold answer: the content of its boxes if it has some.
    pub gold: String,
    /// The gold answer as the checker reads it. `None` if it is compared as text only.
    pub gold_reading: Option<String>,
    /// The grade that is explained.
    pub grade: Grade,
    /// The extracted answer as the checker reads it.
    pub answer_reading: Option<String>,
}

/// Explains a grade against `gold`.
///
/// ```
/// use trimtab_grader::{Rules, explain, grade};
///
/// let gold = r"\frac{1}{2}";
/// let grade = grade(gold, "The answer is 0.5 metres.", &Rules::DEFAULT);
/// assert_eq!(
///     explain(gold, &grade).to_string(),
///     r"gold      \frac{1}{2}
///           read as the value (1 / 2)
/// answer    0.5 metres
///           at bytes 14 to 24, after a phrase that announces it
///           read as the quantity 1/2 in meter
/// compared  the values are the same (same_value)
///           one side may leave out the unit (unit_left_out)
/// verdict   correct
/// "
/// );
/// ```
pub fn explain(gold: &str, grade: &Grade) -> Explanation {
    let gold = normalized(&gold_answer(gold)).into_owned();
    Explanation {
        gold_reading: reading(&gold),
        gold,
        grade: grade.clone(),
        answer_reading: grade.extracted.as_deref().and_then(reading),
    }
}

/// An answer as the checker reads it.
fn reading(answer: &str) -> Option<String> {
    let answer = normalized(answer);
    if answer.len() > MAX_BYTES {
        return None;
    }
    let mut budget = Budget::new();
    let tokens = lex(&answer, Commas::Thousands, &mut budget).ok()?;
    let tree = parse(&tokens, Commas::Thousands, &mut budget).ok()?;
    Some(format!("{} {tree}", tree.kind_name()))
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |f: &mut fmt::Formatter<'_>, reading: &Option<String>| match reading {
            Some(reading) => writeln!(f, "          read as {}", shortened(reading)),
            None => writeln!(f, "          compared as text only"),
        };
        writeln!(f, "gold      {}", shortened(&self.gold))?;
        read(f, &self.gold_reading)?;
        match &self.grade.extracted {
            Some(answer) => {
                writeln!(f, "answer    {}", shortened(answer))?;
                if let Some(source) = self.grade.source {
                    let place = source.description();
                    match &self.grade.span {
                        Some(span) => writeln!(
                            f,
                            "          at bytes {} to {}, {place}",
                            span.start, span.end
                        )?,
                        None => writeln!(f, "          {place}")?,
                    }
                }
                read(f, &self.answer_reading)?;
            }
            None => writeln!(f, "answer    none was found")?,
        }
        let mut label = "compared";
        for rule in &self.grade.because {
            writeln!(f, "{label:9} {} ({})", rule.description(), rule.name())?;
            label = "";
        }
        if let Verdict::Undecided(reason) = self.grade.verdict {
            writeln!(f, "compared  {reason}")?;
        }
        writeln!(f, "verdict   {}", self.grade.verdict.name())
    }
}

/// A text on one line, of at most some hundred characters.
fn shortened(text: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_CHARACTERS)
        .collect();
    if line.len() < text.len() {
        line + "…"
    } else {
        line
    }
}
