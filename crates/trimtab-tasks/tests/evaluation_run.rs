//! An interrupted evaluation is resumed to the same bytes as an uninterrupted one. Its samples can
//! be graded again. Files that cannot be used are refused and not changed.

mod common;

use std::fs;
use std::path::Path;

use common::{SAMPLES, arm, bytes, complete, finished, go_on, items, open, protocol};
use serde::Deserialize;
use trimtab_grader::{Rules, grade};
use trimtab_tasks::evaluation::{
    Arm, ArmVectors, Comparison, EvaluationError, EvaluationRun, Item, Protocol, read_evaluation,
    samples_path,
};

/// Starts a run and stops. Returns the result file of the unfinished run.
fn started(out: &Path) -> Vec<u8> {
    let items = items();
    let mut run = open(out, &items).expect("a free name");
    run.append(vec![complete(0, &items[0])])
        .expect("a writable folder");
    fs::read(out).expect("written before the first samples")
}

#[test]
fn a_run_cut_anywhere_ends_in_the_same_bytes() {
    let (folder, _, [result, samples]) = finished();
    let out = folder.path().join("cut");
    let started = started(&out);
    let ends: Vec<usize> = (0..samples.len())
        .filter(|&at| samples[at] == b'\n')
        .collect();
    // In the first bytes of a line, in its middle, before and after its end.
    let cuts = ends
        .iter()
        .flat_map(|end| [end - 50, *end, end + 1, end + 2]);
    for cut in [0, 1]
        .into_iter()
        .chain(cuts.filter(|&cut| cut <= samples.len()))
    {
        fs::write(&out, &started).expect("a writable folder");
        fs::write(samples_path(&out), &samples[..cut]).expect("a writable folder");
        let items = items();
        let run = open(&out, &items).expect("files of this run");
        let lines = ends.iter().filter(|&&end| end < cut).count();
        assert_eq!(
            run.samples().len(),
            lines / SAMPLES,
            "cut at byte {cut}: whole problems are kept"
        );
        drop(run);
        go_on(&out);
        assert!(
            bytes(&out) == [result.clone(), samples.clone()],
            "cut at byte {cut}"
        );
    }
}

#[test]
fn a_run_that_never_got_a_sample_does_not_bind_the_next_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (out, items) = (folder.path().join("base.json"), items());
    let mut other = protocol(&items);
    other.decoding.temperature = -1.0; // the engine refuses it
    drop(EvaluationRun::open(Some(&out), other, arm(), &items).expect("a free name"));
    go_on(&out);
}

#[test]
fn opening_a_finished_run_changes_nothing() {
    let (_folder, out, expected) = finished();
    go_on(&out);
    assert!(bytes(&out) == expected);
}

#[test]
fn main_memory_gives_the_same_report() {
    let (_folder, out, _) = finished();
    let items = items();
    let mut run = EvaluationRun::open(None, protocol(&items), arm(), &items).expect("no file");
    run.append(
        items
            .iter()
            .enumerate()
            .map(|(index, item)| complete(index, item))
            .collect(),
    )
    .expect("no file");
    let (report, samples) = read_evaluation(&out).expect("a finished run");
    assert_eq!(samples, run.samples());
    assert_eq!(report, run.finish().expect("no file"));
}

/// What `check_answers` reads from a line, and what it prints.
#[derive(Deserialize)]
struct Case {
    id: String,
    gold: String,
    prediction: String,
    form: Option<String>,
    verdict: String,
    extracted: Option<String>,
}

#[test]
fn grading_the_samples_again_gives_the_same_verdicts() {
    let (_folder, _, [_, samples]) = finished();
    let cases: Vec<Case> = serde_json::Deserializer::from_slice(&samples)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("JSON lines");
    assert_eq!(cases.len(), 5 * SAMPLES);
    for case in &cases {
        let grade = grade(&case.gold, &case.prediction, &Rules::DEFAULT);
        assert_eq!(
            (grade.verdict.name(), &grade.extracted),
            (case.verdict.as_str(), &case.extracted),
            "{}",
            case.id
        );
        assert_eq!(case.form, None);
    }
    let verdicts = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    assert!(verdicts("correct") > 3 && verdicts("wrong") > 3);
    let ids: std::collections::HashSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids.len(), cases.len());
}

#[test]
fn another_run_is_refused_with_what_differs() {
    let (_folder, out, expected) = finished();
    let items = items();
    let refused = |protocol: Protocol, arm: Arm, items: &[Item]| {
        let error = EvaluationRun::open(Some(&out), protocol, arm, items).expect_err("another run");
        assert!(matches!(error, EvaluationError::OtherRun { .. }), "{error}");
        assert!(bytes(&out) == expected);
        error.to_string()
    };
    let mut hotter = protocol(&items);
    hotter.decoding.temperature = 1.0;
    let message = refused(hotter, arm(), &items);
    assert!(
        message.contains("it differs: decoding.temperature (0.7, not 1.0);"),
        "{message}"
    );
    let steered = Arm {
        vectors: vec![ArmVectors {
            file: "a.gguf".to_owned(),
            sha256: "ab".to_owned(),
            strength: -0.5,
        }],
        ..arm()
    };
    let message = refused(protocol(&items), steered, &items);
    assert!(
        message.contains("it differs: vectors ([], not [{\"file\":\"a.gguf\""),
        "{message}"
    );
    let mut others = items.clone();
    others[4].gold += "1";
    let message = refused(protocol(&others), arm(), &others);
    assert!(message.contains("it differs: problems_sha256"), "{message}");
}

#[test]
fn samples_that_are_not_of_this_run_are_refused_by_line() {
    let (folder, _, [_, samples]) = finished();
    let out = folder.path().join("changed.json");
    started(&out);
    let text = String::from_utf8(samples).expect("UTF-8");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let changed = |line: usize, from: &str, to: &str| {
        assert!(lines[line - 1].contains(from));
        let mut lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        lines.concat()
    };
    let cases = [
        (
            "a verdict changed by hand",
            changed(2, "\"wrong\"", "\"correct\""),
            2,
            "verdict",
        ),
        (
            "another prompt",
            changed(5, "Problem", "Question"),
            5,
            "prompt",
        ),
        (
            "a missing line",
            text.replacen(lines[0], "", 1),
            1,
            "sample",
        ),
        (
            "a line in the middle that is cut",
            changed(4, "\"prediction\"", "\n"),
            4,
            "EOF",
        ),
        (
            "a line too many",
            text.clone() + lines[0],
            16,
            "more samples",
        ),
        ("no samples at all", "{}\n".to_owned(), 1, "missing field"),
    ];
    for (name, content, line, expected) in cases {
        fs::write(samples_path(&out), &content).expect("a writable folder");
        let items = items();
        let error = open(&out, &items).expect_err(name).to_string();
        assert!(
            error.contains(&format!("line {line}: ")) && error.contains(expected),
            "{name}: {error}"
        );
        assert!(
            fs::read_to_string(samples_path(&out)).expect("a file") == content,
            "{name}: the file is left as it is"
        );
    }
}

#[test]
fn other_files_are_never_overwritten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let items = items();
    let out = folder.path().join("notes.json");
    for content in ["my notes", "{}", r#"{"format": "trimtab-evaluation-0"}"#] {
        fs::write(&out, content).expect("a writable folder");
        let error = open(&out, &items).expect_err("not a result");
        assert!(matches!(error, EvaluationError::Format { .. }), "{error}");
        assert_eq!(fs::read_to_string(&out).expect("a file"), content);
    }
    let out = folder.path().join("lone.json");
    fs::write(samples_path(&out), "a line\n").expect("a writable folder");
    let error = open(&out, &items).expect_err("samples of nothing");
    assert!(matches!(error, EvaluationError::Orphan { .. }), "{error}");
    let error = open(folder.path(), &items).expect_err("a folder");
    assert!(matches!(error, EvaluationError::Disk { .. }), "{error}");
}

#[test]
fn two_processes_do_not_share_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (out, items) = (folder.path().join("base.json"), items());
    let run = open(&out, &items).expect("a free name");
    let error = open(&out, &items).expect_err("in use");
    assert!(matches!(error, EvaluationError::Locked { .. }), "{error}");
    drop(run);
    open(&out, &items).expect("free again");
}

#[test]
fn only_finished_and_unchanged_runs_are_read() {
    let (folder, out, [_, samples]) = finished();
    let unfinished = folder.path().join("unfinished.json");
    started(&unfinished);
    let error = read_evaluation(&unfinished).expect_err("no figures yet");
    assert!(
        matches!(error, EvaluationError::Unfinished { .. }),
        "{error}"
    );

    let (report, problems) = read_evaluation(&out).expect("a finished run");
    let comparison = Comparison::of(&problems, &problems).expect("the same problems");
    assert_eq!(
        (comparison.overall.difference, comparison.overall.ci95),
        (0.0, [0.0, 0.0])
    );
    assert_eq!(
        Some(comparison.overall.before),
        report.outcome.map(|outcome| outcome.accuracy)
    );
    assert!(
        report.breakdown["steps"]
            .values()
            .map(|part| part.problems)
            .sum::<usize>()
            == 5
    );

    fs::write(samples_path(&out), &samples[..samples.len() - 2]).expect("a writable folder");
    let error = read_evaluation(&out).expect_err("other samples");
    assert!(
        matches!(error, EvaluationError::OtherSamples { .. }),
        "{error}"
    );
    fs::remove_file(samples_path(&out)).expect("a file");
    let error = read_evaluation(&out).expect_err("no samples");
    assert!(matches!(error, EvaluationError::Disk { .. }), "{error}");
}

#[test]
fn result_and_samples_lie_side_by_side() {
    for (result, samples) in [
        ("base.json", "base.samples.jsonl"),
        ("v1.5", "v1.5.samples.jsonl"),
        ("base", "base.samples.jsonl"),
    ] {
        assert_eq!(
            samples_path(&Path::new("runs").join(result)),
            Path::new("runs").join(samples)
        );
    }
}
