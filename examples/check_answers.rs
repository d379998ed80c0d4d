//! Grades answers: a file of `{id, gold, prediction, form?}` lines in, one verdict a line out.
//!
//! ```text
//! cargo run --release --example check_answers -- --cases FILE.jsonl > verdicts.jsonl
//! cargo run --release --example check_answers -- --cases FILE.jsonl --explain
//! ```
//!
//! A line with `"form": "answer"` holds a bare answer. From any other line the answer is extracted,
//! and `source` names the rule that found it (`docs/answer-checking.md`). Where the lines carry
//! `expected`, the summary on standard error counts how many right and wrong ones were accepted,
//! and says how to see those that were judged otherwise. Many thousand lines take about a second.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use rayon::prelude::*;
use trimtab::grader::{Grade, explain};
use trimtab::tasks::answer_cases::{AnswerCase, CaseSummary};
use trimtab_examples::{RulesArgs, exit_code, parse_flags, prepare_output};

/// Grades answers and prints one JSON object a line, or with --explain how each came about.
#[derive(Parser)]
struct Args {
    /// The cases, or - for standard input: one JSON object `{id, gold, prediction, form?,
    /// expected?}` a line. `form` is "response" (the default) or "answer", which has nothing to
    /// extract; `expected` is true or false.
    #[arg(long, value_name = "FILE")]
    cases: PathBuf,
    #[command(flatten)]
    rules: RulesArgs,
    /// Print a derivation of each verdict for people to read, in place of JSON; not with --json.
    #[arg(long, conflicts_with = "json")]
    explain: bool,
    /// Changes nothing: the output is JSON lines anyway.
    #[arg(long)]
    json: bool,
    /// Write the verdicts to this file instead of to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    if let Some(out) = &args.out {
        let is_stdin = args.cases == Path::new("-");
        let cases = is_stdin.then_some(Path::new("/dev/stdin")); // its name on Unix
        prepare_output(out, [("--cases", cases.unwrap_or(&args.cases).into())])?;
    }
    let rules = args.rules.rules();
    let cases = AnswerCase::read_jsonl(&args.cases)?;
    let grades: Vec<Grade> = cases.par_iter().map(|case| case.grade(&rules)).collect();
    match &args.out {
        Some(path) => File::create(path)
            .and_then(|file| write_all(args, file, &cases, &grades))
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => unless_closed(write_all(args, io::stdout().lock(), &cases, &grades))
            .context("cannot write to standard output")?,
    }
    let summary = CaseSummary::of(cases.iter().zip(&grades));
    let hints = hints(args, &summary);
    unless_closed(writeln!(io::stderr(), "{summary}{hints}"))
        .context("cannot write to standard error")
}

/// How to see the cases that were judged otherwise than expected, one line a kind.
fn hints(args: &Args, summary: &CaseSummary) -> String {
    let out = args.out.as_ref().filter(|_| !args.explain);
    let file = out.map_or("VERDICTS.jsonl".into(), |path| path.to_string_lossy());
    let [accepted, right] = summary.right;
    let mut hints = String::new();
    for (what, count, is_right, sign) in [
        ("wrong ones accepted", summary.wrong[0], false, "=="),
        ("right ones not accepted", right - accepted, true, "!="),
    ] {
        if count > 0 {
            hints += &format!(
                "\nto see the {what}: jq -c 'select(.expected == {is_right} and .verdict {sign} \
                 \"correct\")' {file}"
            );
        }
    }
    hints
}

fn write_all(
    args: &Args,
    out: impl Write,
    cases: &[AnswerCase],
    grades: &[Grade],
) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    for (case, grade) in cases.iter().zip(grades) {
        if args.explain {
            writeln!(out, "case      {}\n{}", case.id, explain(&case.gold, grade))?;
        } else {
            serde_json::to_writer(&mut out, &case.verdict(grade))?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}

/// No error where the reader has seen enough and closed the pipe.
fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn args(flags: &[&str]) -> Args {
        Args::parse_from([&["check_answers"], flags].concat())
    }

    #[test]
    fn the_summary_says_how_to_see_unexpected_verdicts() {
        let args = args(&["--cases", "-", "--out", "out.jsonl"]);
        let mut summary = CaseSummary::default();
        assert_eq!(hints(&args, &summary), "");
        summary.right = [2, 2];
        summary.wrong = [1, 3];
        assert_eq!(
            hints(&args, &summary),
            "\nto see the wrong ones accepted: \
             jq -c 'select(.expected == false and .verdict == \"correct\")' out.jsonl"
        );
        (summary.right, summary.wrong) = ([1, 2], [0, 3]);
        assert_eq!(
            hints(&args, &summary),
            "\nto see the right ones not accepted: \
             jq -c 'select(.expected == true and .verdict != \"correct\")' out.jsonl"
        );
    }

    #[test]
    fn the_cases_are_not_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cases = folder.path().join("a.jsonl");
        let text = r#"{"id": 1, "gold": "4", "prediction": "4"}"#;
        fs::write(&cases, text).expect("a writable folder");
        let cases = cases.to_str().expect("a name in UTF-8");
        let error = run(&args(&["--cases", cases, "--out", cases])).expect_err("the input");
        let error = error.to_string();
        assert!(error.contains("give another file with --out"), "{error}");
        assert_eq!(fs::read_to_string(cases).expect("still there"), text);
    }
}
