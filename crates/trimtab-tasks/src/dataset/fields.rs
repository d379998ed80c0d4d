//! From a row to a problem: the fields of each data set.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use trimtab_grader::{Rules, Verifier, grade, last_boxed};

use super::conversation::{Conversation, FIELDS as CONVERSATIONS, Reply};
use super::error::name;
use super::{RowError, unshown};
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

/// What `NuminaMath` has in place of an answer.
const PLACEHOLDERS: [&str; 2] = ["proof", "notfound"];

/// Where they have an answer with the way to it.
const SOLUTIONS: &[&str] = &["/solution", "/Solution", "/reference_solution", "/response"];

impl Fields {
    pub(super) fn problem(&self, id: String, row: &Value) -> Result<Problem, RowError> {
        let row = &*unpacked(row);
        unshown::refuse(row)?;
        let tags = self.tags(row);
        let answer = self.answer(row, &tags);
        let is_reply = matches!(answer, Ok(Answer::Reply(_)));
        let question = self.question(row, is_reply)?;
        let (Answer::Given(answer) | Answer::Reply(answer)) = answer?;
        let answer = after_hashes(answer);
        if is_data(&answer) {
            return Err(RowError::DataGold);
        }
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
        if let Some(found) = first(row, self.question) {
            return self.with_body(row, unwrapped(&found?));
        }
        let found = match (first(row, QUESTIONS), Conversation::of(row)) {
            (Some(found), _) => found,
            (None, Some(conversation)) if is_reply => conversation.until_reply().question(),
            (None, Some(conversation)) => conversation.question(),
            (None, None) => text(row, "/prompt").unwrap_or_else(|| {
                let fields = [self.question, QUESTIONS, &CONVERSATIONS].concat();
                Err(missing(row, "question", names(&fields)))
            }),
        };
        found.map(|question| unwrapped(&question))
    }

    fn with_body(&self, row: &Value, question: String) -> Result<String, RowError> {
        let body = match &self.body {
            Some(Body::Required(field)) => {
                let none = || Err(missing(row, "text before the question", names(&[field])));
                Some(text(row, field).unwrap_or_else(none)?)
            }
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
        let mut is_empty = match self.gold.find(row) {
            None => false,
            Some(Err(RowError::EmptyGold)) => true,
            Some(found) => return found.map(Answer::Given),
        };
        let source = tags.get("source").filter(|_| is_empty);
        let mut known = self.missing_golds.iter();
        if let Some((_, gold)) = known.find(|(of, _)| source.is_some_and(|source| source == of)) {
            return Ok(Answer::Given((*gold).to_owned()));
        }
        match first_answer(row, ANSWERS) {
            None => {}
            Some(Err(RowError::EmptyField(_))) => is_empty = true,
            Some(found) => return found.map(Answer::Given),
        }
        let mut solutions = SOLUTIONS
            .iter()
            .filter_map(|field| prose(row.pointer(field)?));
        if let Some(answer) = solutions.find_map(|solution| worked(&solution)) {
            return Ok(Answer::Given(answer));
        }
        let reply = match Conversation::of(row).and_then(|conversation| conversation.reply()) {
            Some(Reply::Answer(answer)) => Some(answer.trim().to_owned()),
            Some(Reply::Text(text)) => match worked(&text) {
                None if !is_empty => return Err(RowError::NoGold("in the assistant's message")),
                answer => answer,
            },
            None if !is_empty => return Err(self.missing_answer(row)),
            None => None,
        };
        let answer = reply.filter(|answer| !is_blank(answer));
        answer.map(Answer::Reply).ok_or(RowError::EmptyGold)
    }

    fn missing_answer(&self, row: &Value) -> RowError {
        let own: &[&str] = match &self.gold {
            Gold::Field(fields) => fields,
            Gold::AfterHashes(field) | Gold::LastBox(field) | Gold::WithoutUnits(field) => &[field],
        };
        let fields = names(&[own, ANSWERS].concat());
        let tried = format!("{fields}, or as the end of {}", names(SOLUTIONS));
        missing(row, "gold answer", tried)
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
    /// `None` if the field is missing or null.
    fn find(&self, row: &Value) -> Option<Result<String, RowError>> {
        let gold = match self {
            Self::Field(fields) => first_answer(row, fields)?,
            Self::AfterHashes(field) => text(row, field)?.and_then(|text| {
                let gold = text
                    .rsplit_once("####")
                    .map(|(_, gold)| gold.trim().to_owned());
                gold.ok_or(RowError::NoGold("after `####`"))
            }),
            Self::LastBox(field) => text(row, field)?.and_then(|text| {
                let gold = boxed(&text).map(|gold| gold.trim().to_owned());
                gold.ok_or(RowError::NoGold("in a box"))
            }),
            Self::WithoutUnits(field) => text(row, field)?.map(|text| {
                let value = |part: &str| part.split(" (").next().unwrap_or("").trim().to_owned();
                text.split(';').map(value).collect::<Vec<_>>().join(", ")
            }),
        };
        Some(match gold {
            Err(RowError::EmptyField(_)) => Err(RowError::EmptyGold),
            Ok(gold) if is_blank(&gold) => Err(RowError::EmptyGold),
            _ => gold,
        })
    }
}

/// Whether a gold answer is none: no text, dots alone, or a placeholder.
fn is_blank(gold: &str) -> bool {
    gold.chars().all(|c| matches!(c, '.' | '…')) || PLACEHOLDERS.contains(&gold)
}

/// Whether a gold answer is a JSON object, or a list of objects or texts. A list of numbers may be
/// an interval, a vector or a matrix, and `{}` the empty set.
fn is_data(gold: &str) -> bool {
    fn holds_data(value: &Value) -> bool {
        match value {
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(values) => values.iter().any(|it| it.is_string() || holds_data(it)),
            _ => false,
        }
    }
    gold.starts_with(['{', '[']) && serde_json::from_str(gold).is_ok_and(|it| holds_data(&it))
}

/// The row with conversations and answers as they are, where a table has written them as JSON in a
/// text.
fn unpacked(row: &Value) -> Cow<'_, Value> {
    let mut row = Cow::Borrowed(row);
    for field in [&CONVERSATIONS[..], &["/reward_model"]].concat() {
        let Some(Value::String(text)) = row.pointer(field) else {
            continue;
        };
        let is_packed = |value: &Value| match value {
            Value::Array(messages) => !messages.is_empty() && messages.iter().all(Value::is_object),
            other => field == "/reward_model" && other.is_object(),
        };
        if let Some(value) = serde_json::from_str(text).ok().filter(is_packed)
            && let Some(place) = row.to_mut().pointer_mut(field)
        {
            *place = value;
        }
    }
    row
}

/// What follows the last `####` that begins a line, as GSM8K has it, or the whole answer.
fn after_hashes(answer: String) -> String {
    match answer.rsplit_once("\n####") {
        Some((_, gold)) if !gold.trim().is_empty() => gold.trim().to_owned(),
        _ => answer,
    }
}

/// The content of the last box. A box without braces, `\boxed 7`, ends at the next `$`.
fn boxed(text: &str) -> Option<&str> {
    last_boxed(text).or_else(|| text.rsplit_once(r"\boxed ")?.1.split('$').next())
}

/// The answer of a worked solution: its last box, what it announces as the answer, or the whole
/// text if that is one formula or word. What was thought before `</think>` is no answer.
fn worked(text: &str) -> Option<String> {
    let text = match text.rsplit_once("</think>") {
        Some((_, after)) => after,
        None if text.contains("<think>") => return None, // it never ends
        None => text,
    };
    let rules = Rules {
        fallback: false,
        ..Rules::DEFAULT
    };
    let found = || grade("", text, &rules).extracted;
    let word = || Some(text.trim()).filter(|text| !text.contains(char::is_whitespace));
    let answer = boxed(text).map(str::to_owned).or_else(found);
    let answer = answer.or_else(|| word().map(str::to_owned))?;
    Some(answer.trim().to_owned()).filter(|answer| !is_blank(answer))
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
/// is a text such as `["34"]`. A placeholder is an empty field.
fn first_answer(row: &Value, fields: &[&'static str]) -> Option<Result<String, RowError>> {
    let answer = |field: &&'static str| {
        let text = match row.pointer(field)? {
            Value::Array(list) if list.len() == 1 => scalar(&list[0], field)?,
            value => scalar(value, field)?,
        };
        Some(text.map(without_list).and_then(|text| match text {
            text if is_blank(&text) => Err(RowError::EmptyField(field)),
            text => Ok(text),
        }))
    };
    fields.iter().find_map(answer)
}

fn without_list(text: String) -> String {
    match serde_json::from_str::<[String; 1]>(&text) {
        Ok([answer]) => answer.trim().to_owned(),
        Err(_) => text,
    }
}

/// The text of the first field present.
fn first(row: &Value, fields: &[&'static str]) -> Option<Result<String, RowError>> {
    fields.iter().find_map(|field| text(row, field))
}

/// The error of a row that has none of the fields tried.
fn missing(row: &Value, what: &'static str, tried: String) -> RowError {
    /// How many fields of the row are named.
    const MOST: usize = 16;
    let of = |(name, value): (&String, &Value)| {
        let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
        format!(
            "`{name}`{}",
            if value.is_null() {
                ", which is null"
            } else {
                ""
            }
        )
    };
    let has = match row.as_object() {
        Some(fields) if fields.is_empty() => "no fields".to_owned(),
        Some(fields) => {
            // Their order in the map depends on a feature of `serde_json`.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let more = if fields.len() > MOST { ", …" } else { "" };
            let named: Vec<String> = fields.into_iter().take(MOST).map(of).collect();
            named.join(", ") + more
        }
        None => "no fields but messages".to_owned(),
    };
    RowError::Missing { what, tried, has }
}

/// The names of fields between backticks, each once.
fn names(fields: &[&str]) -> String {
    let mut names: Vec<String> = vec![];
    for field in fields {
        let name = format!("`{}`", name(field));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
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
