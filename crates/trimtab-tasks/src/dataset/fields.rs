//! From a row to a problem: the fields of each data set.

use std::collections::BTreeMap;

use serde_json::Value;
use trimtab_grader::{Verifier, last_boxed};

use super::RowError;
use crate::problem::Problem;

/// The fields of a row, as JSON pointers (RFC 6901). Of several, the first one present is used.
#[derive(Debug)]
pub(crate) struct Fields {
    /// A text before the question.
    pub(super) body: Option<Body>,
    pub(super) question: &'static [&'static str],
    pub(super) gold: Gold,
    /// Names and fields of tags.
    pub(super) tags: &'static [(&'static str, &'static str)],
    /// Rows that are published without a gold answer: the tag `source`, and the right answer.
    pub(super) missing_golds: &'static [(&'static str, &'static str)],
}

/// A text before the question.
#[derive(Debug)]
pub(super) enum Body {
    Required(&'static str),
    /// May be missing or null.
    Optional(&'static str),
}

/// Where the gold answer is.
#[derive(Debug)]
pub(super) enum Gold {
    /// The field.
    Field(&'static [&'static str]),
    /// What follows the last `####` of the field. The worked solution precedes it.
    AfterHashes(&'static str),
    /// The last box of the field.
    LastBox(&'static str),
    /// The values without their units: `5, 7` for `5 (cm); 7 (cm)`.
    WithoutUnits(&'static str),
}

impl Fields {
    pub(super) fn problem(&self, id: String, row: &Value) -> Result<Problem, RowError> {
        let question = unwrapped(&first(row, self.question)?);
        let body = match &self.body {
            Some(Body::Required(field)) => Some(first(row, &[field])?),
            Some(Body::Optional(field)) => text(row, field).transpose()?,
            None => None,
        };
        let question = match body {
            Some(body) if body.ends_with(['.', ',', '!', '?', ':', ';']) => {
                format!("{body} {question}")
            }
            Some(body) => format!("{body}. {question}"),
            None => question,
        };
        let tag = |(name, field): &(&str, &'static str)| {
            let value = text(row, field)?.ok()?;
            let value = match *name {
                // `Level 5`, or `Level ?` if it is not known.
                "level" => value
                    .trim_start_matches("Level ")
                    .parse::<u32>()
                    .ok()?
                    .to_string(),
                _ => value,
            };
            Some(((*name).to_owned(), value))
        };
        let tags: BTreeMap<String, String> = self.tags.iter().filter_map(tag).collect();
        let known = self
            .missing_golds
            .iter()
            .find(|(source, _)| tags.get("source").is_some_and(|tagged| tagged == source));
        let answer = match (self.gold.find(row), known) {
            (Err(RowError::EmptyGold), Some((_, gold))) => (*gold).to_owned(),
            (found, _) => found?,
        };
        Ok(Problem {
            id,
            question,
            answer,
            steps: self.steps(row),
            tags,
            verifier: Verifier::Equal,
        })
    }

    /// The lines before `####`, without calculator annotations such as `<<3+4=7>>`.
    fn steps(&self, row: &Value) -> Vec<String> {
        let Gold::AfterHashes(field) = self.gold else {
            return Vec::new();
        };
        let Some(Ok(solution)) = text(row, field) else {
            return Vec::new();
        };
        let solution = solution
            .rsplit_once("####")
            .map_or("", |(solution, _)| solution);
        let lines = solution
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        lines.map(without_annotations).collect()
    }
}

impl Gold {
    fn find(&self, row: &Value) -> Result<String, RowError> {
        let gold = match self {
            Self::Field(fields) => first(row, fields),
            Self::AfterHashes(field) => {
                let text = first(row, &[field])?;
                let gold = text
                    .rsplit_once("####")
                    .ok_or(RowError::NoGold("after `####`"))?
                    .1;
                Ok(gold.trim().to_owned())
            }
            Self::LastBox(field) => {
                let text = first(row, &[field])?;
                let gold = boxed(&text).ok_or(RowError::NoGold("in a box"))?;
                Ok(gold.trim().to_owned())
            }
            Self::WithoutUnits(field) => {
                let text = first(row, &[field])?;
                let value = |part: &str| part.split(" (").next().unwrap_or("").trim().to_owned();
                Ok(text.split(';').map(value).collect::<Vec<_>>().join(", "))
            }
        };
        match gold {
            Err(RowError::EmptyField(_)) => Err(RowError::EmptyGold),
            Ok(gold) if gold.is_empty() => Err(RowError::EmptyGold),
            _ => gold,
        }
    }
}

/// The content of the last box. A box without braces, `\boxed 7`, ends at the next `$`.
fn boxed(text: &str) -> Option<&str> {
    last_boxed(text).or_else(|| text.rsplit_once(r"\boxed ")?.1.split('$').next())
}

/// The text of the first field present.
fn first(row: &Value, fields: &[&'static str]) -> Result<String, RowError> {
    fields
        .iter()
        .find_map(|field| text(row, field))
        .unwrap_or(Err(RowError::Missing(fields[0])))
}

/// The trimmed text of a field, or its number in decimal digits. `None` if it is missing or null.
fn text(row: &Value, field: &'static str) -> Option<Result<String, RowError>> {
    let text = match row.pointer(field)? {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => match number.as_f64() {
            // `27.0` becomes 27. A whole number above 2^53 keeps all digits.
            Some(value) if number.is_f64() => value.to_string(),
            _ => number.to_string(),
        },
        _ => return Some(Err(RowError::WrongType(field))),
    };
    Some(if text.is_empty() {
        Err(RowError::EmptyField(field))
    } else {
        Ok(text)
    })
}

/// Instructions that verl and DAPO put around the question. Here the template adds them.
const WRAPPERS: [(&str, &str); 2] = [
    (
        "",
        r"Let's think step by step and output the final answer within \boxed{}.",
    ),
    (
        "Solve the following math problem step by step. The last line of your response should be \
         of the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.",
        "Remember to put your answer on its own line after \"Answer:\".",
    ),
];

fn unwrapped(question: &str) -> String {
    WRAPPERS
        .iter()
        .find_map(|(before, after)| question.strip_prefix(before)?.strip_suffix(after))
        .unwrap_or(question)
        .trim()
        .to_owned()
}

fn without_annotations(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("<<") {
        kept += before;
        rest = after.split_once(">>").map_or("", |(_, after)| after);
    }
    kept + rest
}
