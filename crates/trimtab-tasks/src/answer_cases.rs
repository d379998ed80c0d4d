//! Files of answers to grade: one `{id, gold, prediction, form?, expected?}` a line.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use trimtab_grader::{AnswerSource, Grade, Rule, Rules, Verdict, grade, grade_answer};

/// A line of the input; other fields are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct AnswerCase {
    /// A string or a number, which the output repeats as it is written.
    pub id: Box<RawValue>,
    /// The right answer. A number is read as its text, with all digits.
    #[serde(deserialize_with = "text_or_number")]
    pub gold: String,
    /// What a model wrote.
    #[serde(deserialize_with = "text_or_number")]
    pub prediction: String,
    /// What the prediction is; a response if left out.
    pub form: Option<PredictionForm>,
    /// Whether the prediction is right, where that is known.
    pub expected: Option<bool>,
}

/// What to do if a field is missing.
const RENAME: &str = "a case has the fields `id`, `gold` and `prediction`; if yours have other \
    names, rename them, as with jq -c '{id: .key, gold: .answer, prediction: .response}'";

/// What a prediction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionForm {
    /// A bare answer, with nothing to extract.
    Answer,
    /// A text that holds the answer.
    Response,
}

/// A line of the output.
#[derive(Clone, Debug, Serialize)]
pub struct CaseVerdict<'a> {
    /// The case's own.
    pub id: &'a RawValue,
    /// `correct`, `wrong` or `undecided`.
    pub verdict: &'static str,
    /// The answer that was judged, if one was found.
    pub extracted: Option<&'a str>,
    /// How it was found.
    pub source: Option<AnswerSource>,
    /// The bytes of the prediction that hold it.
    pub span: Option<[usize; 2]>,
    /// The rules that led to the verdict.
    pub because: &'a [Rule],
    /// Why nothing was judged, or nothing decided.
    pub reason: Option<String>,
    /// The case's own. The line leaves it out where the case does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<bool>,
}

/// Why a file of cases cannot be read.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum AnswerCaseError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{path} has 0 cases; a case is one line `{{\"id\": …, \"gold\": …, \"prediction\": …}}`"
    )]
    Empty { path: PathBuf },
    #[error("{path}, line {line}: {reason}")]
    Malformed {
        path: PathBuf,
        line: usize,
        reason: String,
    },
}

impl AnswerCase {
    /// Reads a JSON Lines file, or standard input if `path` is `-`. Empty lines are skipped.
    ///
    /// # Errors
    ///
    /// The file cannot be read, a line is not a case, or there is none.
    pub fn read_jsonl(path: &Path) -> Result<Vec<Self>, AnswerCaseError> {
        let (path, bytes) = if path == Path::new("-") {
            let mut bytes = vec![];
            let read = io::stdin().read_to_end(&mut bytes);
            (Path::new("standard input"), read.map(|_| bytes))
        } else {
            (path, std::fs::read(path))
        };
        let bytes = bytes.map_err(|source| AnswerCaseError::Read {
            path: path.into(),
            source,
        })?;
        let lines = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let cases: Vec<Self> = lines
            .split(|&byte| byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.trim_ascii().is_empty())
            .map(|(index, line)| {
                Self::parse(line).map_err(|reason| AnswerCaseError::Malformed {
                    path: path.into(),
                    line: index + 1,
                    reason,
                })
            })
            .collect::<Result<_, _>>()?;
        if cases.is_empty() {
            return Err(AnswerCaseError::Empty { path: path.into() });
        }
        Ok(cases)
    }

    fn parse(line: &[u8]) -> Result<Self, String> {
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err("a line must be one JSON object `{id, gold, prediction, …}`".to_owned());
        }
        let case: Self = serde_json::from_slice(line).map_err(|error| {
            // serde_json counts lines within what it was given, which is one line.
            let message = error.to_string();
            let message = message.replace(" at line 1 column ", " at column ");
            if message.starts_with("missing field") {
                message + "; " + RENAME
            } else {
                message
            }
        })?;
        if is_text(&case.id) || is_number(&case.id) {
            Ok(case)
        } else {
            Err("`id` is neither a string nor a number".to_owned())
        }
    }

    /// Grades the prediction. An answer is extracted from it, unless its form is `answer`.
    pub fn grade(&self, rules: &Rules) -> Grade {
        if self.form == Some(PredictionForm::Answer) {
            grade_answer(&self.gold, &self.prediction, rules)
        } else {
            grade(&self.gold, &self.prediction, rules)
        }
    }

    /// The line of the output for this case and its grade.
    pub fn verdict<'a>(&'a self, grade: &'a Grade) -> CaseVerdict<'a> {
        let reason = match &grade.verdict {
            Verdict::Undecided(reason) => Some(reason.to_string()),
            _ if grade.extracted.is_none() => Some("no answer in the response".to_owned()),
            _ => None,
        };
        CaseVerdict {
            id: &self.id,
            verdict: grade.verdict.name(),
            extracted: grade.extracted.as_deref(),
            source: grade.source,
            span: grade.span.as_ref().map(|span| [span.start, span.end]),
            because: &grade.because,
            reason,
            expected: self.expected,
        }
    }
}

fn text_or_number<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    let value = Box::<RawValue>::deserialize(source)?;
    if is_number(&value) {
        return Ok(value.get().to_owned());
    }
    if !is_text(&value) {
        return Err(D::Error::custom(
            "`gold` and `prediction` must be texts or numbers",
        ));
    }
    serde_json::from_str(value.get()).map_err(|error| {
        let message = error.to_string();
        let (reason, _place_in_value) = message.split_once(" at line ").unwrap_or((&message, ""));
        D::Error::custom(reason)
    })
}

fn is_text(value: &RawValue) -> bool {
    value.get().starts_with('"')
}

fn is_number(value: &RawValue) -> bool {
    value
        .get()
        .starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// How many cases were accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseSummary {
    /// All cases.
    pub cases: usize,
    /// Those with the verdict `correct`.
    pub correct: usize,
    /// Those with the verdict `undecided`.
    pub undecided: usize,
    /// Of the cases that are known to be right: how many were accepted, and how many there are.
    pub right: [usize; 2],
    /// The same of the cases that are known to be wrong.
    pub wrong: [usize; 2],
}

impl CaseSummary {
    /// Counts the grades of cases.
    pub fn of<'a>(graded: impl IntoIterator<Item = (&'a AnswerCase, &'a Grade)>) -> Self {
        let mut summary = Self::default();
        for (case, grade) in graded {
            let accepted = usize::from(grade.verdict.is_correct());
            summary.cases += 1;
            summary.correct += accepted;
            summary.undecided += usize::from(matches!(grade.verdict, Verdict::Undecided(_)));
            if let Some(expected) = case.expected {
                let counts = if expected {
                    &mut summary.right
                } else {
                    &mut summary.wrong
                };
                counts[0] += accepted;
                counts[1] += 1;
            }
        }
        summary
    }
}

/// One line for people.
impl fmt::Display for CaseSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cases,
            correct,
            undecided,
            ..
        } = self;
        let wrong = cases - correct - undecided;
        let s = if *cases == 1 { "" } else { "s" };
        write!(
            f,
            "{cases} case{s}: {correct} correct, {wrong} wrong, {undecided} undecided"
        )?;
        for (label, [accepted, total]) in [("right", self.right), ("wrong", self.wrong)] {
            if total > 0 {
                let percent = 100.0 * accepted as f64 / total as f64;
                write!(
                    f,
                    "; {label} ones accepted: {accepted} of {total} ({percent:.1} %)"
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(json: &str) -> Result<AnswerCase, String> {
        AnswerCase::parse(json.as_bytes())
    }

    #[test]
    fn a_form_says_whether_an_answer_is_extracted() {
        let bare = case(r#"{"id": 7, "gold": "4", "prediction": "4.0", "form": "answer"}"#);
        let bare = bare.expect("a case");
        let (grade, line) = (bare.grade(&Rules::DEFAULT), |grade| {
            serde_json::to_string(&bare.verdict(grade)).expect("plain data")
        });
        assert_eq!(
            line(&grade),
            concat!(
                r#"{"id":7,"verdict":"correct","extracted":"4.0","source":null,"span":null,"#,
                r#""because":["same_value"],"reason":null}"#
            )
        );
        let whole = case(r#"{"id": "a", "gold": "4", "prediction": ""}"#).expect("a case");
        let grade = whole.grade(&Rules::DEFAULT);
        let verdict = whole.verdict(&grade);
        assert_eq!(verdict.reason.as_deref(), Some("no answer in the response"));
    }

    #[test]
    fn malformed_lines_are_explained() {
        let error = case(r#"{"id": null, "gold": "4", "prediction": ""}"#).expect_err("no id");
        assert_eq!(error, "`id` is neither a string nor a number");
        let error = case("[1, 2]").expect_err("an array");
        assert_eq!(
            error,
            "a line must be one JSON object `{id, gold, prediction, …}`"
        );
        let error = case(r#"{"id": 1, "gold": null, "prediction": ""}"#).expect_err("no text");
        assert!(error.contains("must be texts or numbers"), "{error}");
        let number = case(r#"{"id": 1, "gold": 4, "prediction": 4.0}"#).expect("numbers");
        assert_eq!(
            (number.gold.as_str(), number.prediction.as_str()),
            ("4", "4.0")
        );
        let error = case(r#"{"id": 1, "gold": "\ud800", "prediction": ""}"#).expect_err("no text");
        assert!(error.matches(" at column ").count() == 1, "{error}");
        let error = case(r#"{"id": 1}"#).expect_err("no gold");
        let reason = "missing field `gold` at column 9; a case has the fields `id`, `gold` and";
        assert!(error.starts_with(reason), "{error}");
    }

    #[test]
    fn numbers_keep_their_digits() {
        for number in [
            "12345678901234567890123",
            "-9007199254740993.0",
            "0.10000000000000000000001",
            "1e400",
            "1E-7",
        ] {
            let line = format!(r#"{{"id": {number}, "gold": {number}, "prediction": {number}}}"#);
            let case = case(&line).expect("a case");
            assert_eq!([&case.gold, &case.prediction], [number; 2]);
            let grade = case.grade(&Rules::DEFAULT);
            let line = serde_json::to_string(&case.verdict(&grade)).expect("plain data");
            let start = format!(r#"{{"id":{number},"verdict":"correct""#);
            assert!(line.starts_with(&start), "{line}");
        }
        for (gold, prediction, is_right) in [
            ("12345678901234567890123", "12345678901234567890124", false),
            ("9007199254740993.0", "9007199254740992", false),
            ("1e3", "1000", true),
            ("1E+3", "1000.0", true),
            ("2.5e-1", "1/4", true),
        ] {
            let line = format!(r#"{{"id": "a", "gold": {gold}, "prediction": "{prediction}"}}"#);
            let verdict = case(&line).expect("a case").grade(&Rules::DEFAULT).verdict;
            assert_eq!(verdict.is_correct(), is_right, "{line}");
        }
    }

    #[test]
    fn a_file_without_cases_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        for text in ["", "\n\n", "\u{feff}"] {
            std::fs::write(file.path(), text).expect("a writable file");
            let error = AnswerCase::read_jsonl(file.path()).expect_err("no cases");
            assert!(error.to_string().contains(" has 0 cases; "), "{error}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = "\u{feff}{\"id\": 1, \"gold\": \"4\", \"prediction\": \"4\"}\r\n";
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("a writable file");
        assert_eq!(
            AnswerCase::read_jsonl(file.path()).expect("a case").len(),
            1
        );
    }

    #[test]
    fn a_summary_counts_what_was_expected() {
        let cases: Vec<AnswerCase> = [("4", true), ("5", true), ("4", false)]
            .iter()
            .map(|(prediction, expected)| AnswerCase {
                id: RawValue::from_string("1".to_owned()).expect("JSON"),
                gold: "4".to_owned(),
                prediction: (*prediction).to_owned(),
                form: Some(PredictionForm::Answer),
                expected: Some(*expected),
            })
            .collect();
        let grades: Vec<Grade> = cases
            .iter()
            .map(|case| case.grade(&Rules::DEFAULT))
            .collect();
        let summary = CaseSummary::of(cases.iter().zip(&grades));
        assert_eq!(
            summary.to_string(),
            "3 cases: 2 correct, 1 wrong, 0 undecided; right ones accepted: 1 of 2 (50.0 %); \
             wrong ones accepted: 1 of 1 (100.0 %)"
        );
        let summary = CaseSummary::of([(&cases[0], &grades[0])]);
        assert!(
            summary.to_string().starts_with("1 case: 1 correct"),
            "{summary}"
        );
        let line = serde_json::to_string(&cases[2].verdict(&grades[2])).expect("plain data");
        assert!(line.ends_with(r#""expected":false}"#), "{line}");
    }
}
