//! Grades answers: a file of `{id, gold, prediction, form?}` lines in, one verdict a line out.
//!
//! ```text
//! cargo run --release --example check_answers -- --cases FILE.jsonl > verdicts.jsonl
//! ```
//!
//! A line with `"form": "answer"` holds a bare answer; from any other the answer is extracted, and `source` says by
//! which rule (`docs/answer-checking.md`). Where the lines carry `expected`, the summary on standard error says how
//! many right and wrong ones were accepted.
//! Many thousand lines take about a second.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trimtab::grader::{AnswerSource, Grade, Verdict, check, grade};

/// Grades answers and prints one JSON object a line.
#[derive(Parser)]
struct Args {
    /// The cases: one JSON object `{id, gold, prediction, form?, expected?}` a line.
    #[arg(long)]
    cases: PathBuf,
    /// Accepted for symmetry with the other programs; the output is JSON lines anyway.
    #[arg(long)]
    json: bool,
    /// Writes the verdicts here instead of to standard output.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// A line of the input; other fields are ignored.
#[derive(Deserialize)]
struct Case {
    /// A string or a number; it is passed on as it is.
    id: Value,
    gold: String,
    prediction: String,
    form: Option<String>,
    expected: Option<bool>,
}

/// A line of the output.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a Value,
    verdict: &'static str,
    extracted: Option<&'a str>,
    source: Option<AnswerSource>,
    reason: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let cases = read_cases(&args.cases)?;
    let grades: Vec<Grade> = cases.par_iter().map(grade_case).collect();
    match &args.out {
        Some(path) => File::create(path)
            .and_then(|file| write_lines(file, &cases, &grades))
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => match write_lines(io::stdout().lock(), &cases, &grades) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {} // the reader has seen enough
            result => result.context("cannot write to standard output")?,
        },
    }
    summarise(&cases, &grades)
}

fn read_cases(path: &Path) -> Result<Vec<Case>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines: Vec<(usize, &[u8])> = bytes
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .collect();
    let parsed: Vec<Result<Case>> = lines
        .par_iter()
        .map(|(index, line)| {
            parse_case(line).with_context(|| format!("{}, line {}", path.display(), index + 1))
        })
        .collect();
    parsed.into_iter().collect() // of several malformed lines, the first is reported
}

fn parse_case(line: &[u8]) -> Result<Case> {
    let case: Case = serde_json::from_slice(line).map_err(|error| {
        // serde_json counts lines within what it was given, which is one line.
        anyhow!(
            error
                .to_string()
                .replace(" at line 1 column ", " at column ")
        )
    })?;
    ensure!(
        case.id.is_string() || case.id.is_number(),
        "`id` is neither a string nor a number"
    );
    Ok(case)
}

fn grade_case(case: &Case) -> Grade {
    if case.form.as_deref() == Some("answer") {
        Grade {
            verdict: check(&case.gold, &case.prediction),
            extracted: Some(case.prediction.clone()),
            source: None,
        }
    } else {
        grade(&case.gold, &case.prediction)
    }
}

fn write_lines(out: impl Write, cases: &[Case], grades: &[Grade]) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    for (case, grade) in cases.iter().zip(grades) {
        let reason = match grade.verdict {
            Verdict::Undecided(reason) => Some(reason.to_string()),
            _ if grade.extracted.is_none() => Some("no answer in the response".to_owned()),
            _ => None,
        };
        let (verdict, extracted) = (grade.verdict.name(), grade.extracted.as_deref());
        serde_json::to_writer(
            &mut out,
            &Line {
                id: &case.id,
                verdict,
                extracted,
                source: grade.source,
                reason,
            },
        )?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn summarise(cases: &[Case], grades: &[Grade]) -> Result<()> {
    let count = |counts: &dyn Fn(&Case, &Grade) -> bool| {
        cases
            .iter()
            .zip(grades)
            .filter(|(case, grade)| counts(case, grade))
            .count()
    };
    let accepted = count(&|_, grade| grade.verdict.is_correct());
    let undecided = count(&|_, grade| matches!(grade.verdict, Verdict::Undecided(_)));
    let wrong = cases.len() - accepted - undecided;
    let mut summary = format!(
        "{} cases: {accepted} correct, {wrong} wrong, {undecided} undecided",
        cases.len()
    );
    for (label, expected) in [("right", true), ("wrong", false)] {
        let total = count(&|case, _| case.expected == Some(expected));
        let accepted =
            count(&|case, grade| case.expected == Some(expected) && grade.verdict.is_correct());
        if total > 0 {
            let percent = 100.0 * accepted as f64 / total as f64;
            write!(
                summary,
                "; {label} ones accepted: {accepted} of {total} ({percent:.1} %)"
            )?;
        }
    }
    summary.push('\n');
    match io::stderr().write_all(summary.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard error")
        }
        _ => Ok(()),
    }
}
