//! From a row to a problem: the fields of each data set.

use std::collections::BTreeMap;

use serde_json::Value;
use trimtab_grader::{ExtractionRule, Grader, Verifier, last_boxed};

use super::RowError;
use super::conversation::{Conversation, Reply};
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

/// Where other data sets have the question, if not in a conversation.
const QUESTIONS: &[&str] = &["/problem", "/Problem", "/question", "/Question", "/query"];

/// Where other data sets have the answer alone.
const ANSWERS: &[&str] = &[
    "/answer",
    "/Answer",
    "/expected_answer",
    "/final_answer",
    "/reward_model/ground_truth",
    "/ground_truth",
    "/gt_answer",
    "/target",
    "/label",
];

/// Where they have an answer with the way to it.
const SOLUTIONS: &[&str] = &["/solution", "/Solution", "/reference_solution", "/response"];

impl Fields {
    pub(super) fn problem(&self, id: String, row: &Value) -> Result<Problem, RowError> {
        let tags = self.tags(row);
        let answer = self.answer(row, &tags);
        let is_reply = matches!(answer, Ok(Answer::Reply(_)));
        let question = self.question(row, is_reply)?;
        let (Answer::Given(answer) | Answer::Reply(answer)) = answer?;
        Ok(Problem {
            id,
            question,
            answer,
            steps: self.steps(row),
            tags,
            verifier: Verifier::Equal,
        })
    }

    /// The question: the field, or the last message of the user.
    ///
    /// `is_reply` says that the answer is a message of the row's conversation.
    fn question(&self, row: &Value, is_reply: bool) -> Result<String, RowError> {
        let own = match first(row, self.question) {
            Err(missing @ RowError::Missing(_)) => missing,
            found => return self.with_body(row, unwrapped(&found?)),
        };
        let found = match (first(row, QUESTIONS), Conversation::of(row)) {
            (Err(RowError::Missing(_)), Some(conversation)) if is_reply => {
                conversation.until_reply().question()
            }
            (Err(RowError::Missing(_)), Some(conversation)) => conversation.question(),
            (Err(RowError::Missing(_)), None) => text(row, "/prompt").unwrap_or(Err(own)),
            (found, _) => found,
        };
        found.map(|question| unwrapped(&question))
    }

    fn with_body(&self, row: &Value, question: String) -> Result<String, RowError> {
        let body = match &self.body {
            Some(Body::Required(field)) => Some(first(row, &[field])?),
            Some(Body::Optional(field)) => text(row, field).transpose()?,
            None => None,
        };
        Ok(match body {
            Some(body) if body.ends_with(['.', ',', '!', '?', ':', ';']) => {
                format!("{body} {question}")
            }
            Some(body) => format!("{body}. {question}"),
            None => question,
        })
    }

    /// The gold answer.
    ///
    /// If the field is missing or empty: the answer that is known, another field, the worked
    /// solution, or the assistant's message.
    fn answer(&self, row: &Value, tags: &BTreeMap<String, String>) -> Result<Answer, RowError> {
        let missing = match self.gold.find(row) {
            Err(error @ (RowError::EmptyGold | RowError::Missing(_))) => error,
            found => return found.map(Answer::Given),
        };
        let source = tags
            .get("source")
            .filter(|_| missing == RowError::EmptyGold);
        let mut known = self.missing_golds.iter();
        if let Some((_, gold)) = known.find(|(of, _)| source.is_some_and(|source| source == of)) {
            return Ok(Answer::Given((*gold).to_owned()));
        }
        match first_answer(row, ANSWERS) {
            Err(RowError::Missing(_) | RowError::EmptyField(_)) => {}
            found => return found.map(Answer::Given),
        }
        let mut solutions = SOLUTIONS
            .iter()
            .filter_map(|field| prose(row.pointer(field)?));
        if let Some(answer) = solutions.find_map(|solution| worked(&solution)) {
            return Ok(Answer::Given(answer));
        }
        let reply = match Conversation::of(row).and_then(|conversation| conversation.reply()) {
            Some(Reply::Answer(answer)) => answer,
            Some(Reply::Text(text)) => {
                worked(&text).ok_or(RowError::NoGold("in the assistant's message"))?
            }
            None => return Err(missing),
        };
        match reply.trim() {
            "" => Err(RowError::EmptyGold),
            answer => Ok(Answer::Reply(answer.to_owned())),
        }
    }

    fn tags(&self, row: &Value) -> BTreeMap<String, String> {
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
        self.tags.iter().filter_map(tag).collect()
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

/// A gold answer.
enum Answer {
    /// From a field.
    Given(String),
    /// From a message of the assistant.
    Reply(String),
}

impl Gold {
    fn find(&self, row: &Value) -> Result<String, RowError> {
        let gold = match self {
            Self::Field(fields) => first_answer(row, fields),
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

/// The answer of a worked solution: its last box, what it announces as the answer, or the whole
/// text if that is one formula or word.
fn worked(text: &str) -> Option<String> {
    let rules = [
        ExtractionRule::Boxes,
        ExtractionRule::Phrase,
        ExtractionRule::Whole,
    ];
    let found = || Grader::new().with_rules(&rules).grade("", text).extracted;
    let word = || Some(text.trim()).filter(|text| !text.contains(char::is_whitespace));
    let answer = boxed(text).map(str::to_owned).or_else(found);
    let answer = answer.or_else(|| word().map(str::to_owned))?;
    Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty())
}

/// A text, or a list of texts below each other.
fn prose(value: &Value) -> Option<String> {
    match value {
        Value::Array(texts) => {
            let texts: Option<Vec<&str>> = texts.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join("\n"))
        }
        text => text.as_str().map(str::to_owned),
    }
}

/// The answer in the first field present. A list of one answer counts as that answer, also if it
/// is a text such as `["34"]`.
fn first_answer(row: &Value, fields: &[&'static str]) -> Result<String, RowError> {
    let answer = |field: &&'static str| match row.pointer(field)? {
        Value::Array(list) if list.len() == 1 => scalar(&list[0], field),
        value => scalar(value, field),
    };
    let found = fields.iter().find_map(answer);
    let text = found.unwrap_or(Err(RowError::Missing(fields[0])))?;
    match serde_json::from_str::<[String; 1]>(&text) {
        Ok([answer]) => Ok(answer.trim().to_owned()),
        Err(_) => Ok(text),
    }
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
    scalar(row.pointer(field)?, field)
}

fn scalar(value: &Value, field: &'static str) -> Option<Result<String, RowError>> {
    let text = match value {
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

/// Instructions that data for reward training has around the question. Here the template adds them.
const WRAPPERS: [(&str, &str); 6] = [
    (
        "Solve the following math problem step by step. The last line of your response should be \
         of the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.",
        "Remember to put your answer on its own line after \"Answer:\".",
    ),
    (
        "",
        "Remember to put your answer on its own line after \"Answer:\".",
    ),
    (
        "",
        r"Let's think step by step and output the final answer within \boxed{}.",
    ),
    (
        "",
        "Let's think step by step and output the final answer after \"####\".",
    ),
    (
        "",
        r"Please reason step by step, and put your final answer within \boxed{}.",
    ),
    (
        "",
        r"Present the answer in LaTex format: \boxed{Your answer}",
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
