use std::io::Write;

use super::*;

pub(super) fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room on the disk");
    file
}

fn load(name: &str, text: &str, malformed: MalformedRows) -> Result<LoadedDataset, DatasetError> {
    let file = file(text.as_bytes());
    Dataset::named(name)
        .expect("a data set")
        .load(file.path(), malformed)
}

/// The only problem of a file with one row.
pub(super) fn only(name: &str, row: &str) -> Problem {
    let mut loaded = load(name, row, MalformedRows::Refuse).expect(row);
    assert_eq!(loaded.problems.len(), 1);
    loaded.problems.remove(0)
}

pub(super) fn refused(name: &str, text: &str) -> String {
    let path = std::env::temp_dir();
    let error = load(name, text, MalformedRows::Refuse)
        .expect_err(text)
        .to_string();
    // Without the random name of the temporary file.
    let start = path.display().to_string();
    assert!(error.starts_with(&start), "{error}");
    error
        .split_once(", line ")
        .map_or(error.clone(), |(_, rest)| rest.to_owned())
}

/// Data set, row, question, gold.
const ROWS: &[(&str, &str, &str, &str)] = &[
    (
        "gsm8k",
        r#"{"question": "How many?", "answer": "It is 3+4 = <<3+4=7>>7.\n#### 70,000"}"#,
        "How many?",
        "70,000",
    ),
    (
        "gsm8k",
        r#"{"question": "How many?", "answer": "Not\n#### 6\nbut\n#### 7"}"#,
        "How many?",
        "7",
    ),
    (
        "math-test",
        r#"{"problem": "P", "solution": "Not $\\boxed{1}$ but $\\boxed{\\frac{1}{2}}$."}"#,
        "P",
        r"\frac{1}{2}",
    ),
    (
        "math-test",
        r#"{"problem": "P", "solution": "It is $\\boxed 7$, yes."}"#,
        "P",
        "7",
    ),
    ("aime24", r#"{"problem": "P", "answer": "025"}"#, "P", "025"),
    (
        "aime25",
        r#"{"problem": "P", "expected_answer": "70"}"#,
        "P",
        "70",
    ),
    ("aime25", r#"{"question": "P", "answer": 70}"#, "P", "70"),
    ("amc23", r#"{"question": "P", "answer": 27.0}"#, "P", "27"),
    (
        "minerva",
        r#"{"problem": "P", "solution": "\\boxed{6.5e-2\n}"}"#,
        "P",
        "6.5e-2",
    ),
    (
        "olympiadbench",
        r#"{"context": null, "question": "P", "final_answer": ["$8$,$4$"]}"#,
        "P",
        "$8$,$4$",
    ),
    (
        "olympiadbench",
        r#"{"context": "Let x be 1.", "question": "P", "final_answer": ["2"]}"#,
        "Let x be 1. P",
        "2",
    ),
    (
        "svamp",
        r#"[{"Body": "Tom has 3 pens ", "Question": "How many?", "Answer": 3.0}]"#,
        "Tom has 3 pens. How many?",
        "3",
    ),
    (
        "asdiv",
        r#"{"body": "Tom has 3 pens.", "question": "How many?", "answer": "3 (pens)"}"#,
        "Tom has 3 pens. How many?",
        "3",
    ),
    (
        "asdiv",
        r#"{"body": "B.", "question": "Q?", "answer": "5 (cm); 7 (cm)"}"#,
        "B. Q?",
        "5, 7",
    ),
    (
        "gsm-hard",
        r#"{"input": "P", "target": -9867630.0}"#,
        "P",
        "-9867630",
    ),
    (
        "gsm-hard",
        r#"{"input": "P", "target": 0.0016791648}"#,
        "P",
        "0.0016791648",
    ),
    (
        "gsm-hard",
        r#"{"input": "P", "target": 1e22}"#,
        "P",
        "10000000000000000000000",
    ),
    (
        "gsm-plus",
        r#"{"question": "P", "answer": "None"}"#,
        "P",
        "None",
    ),
    ("dapo-17k", r#"{"problem": "P", "answer": "34"}"#, "P", "34"),
    (
        "dapo-17k",
        concat!(
            r#"{"prompt": [{"role": "user", "content": "P Let's think step by step and output "#,
            r#"the final answer within \\boxed{}."}], "reward_model": {"ground_truth": "34"}}"#,
        ),
        "P",
        "34",
    ),
    (
        "dapo-17k",
        concat!(
            r#"{"prompt": [{"content": "Solve the following math problem step by step. The last "#,
            r#"line of your response should be of the form Answer: $Answer (without quotes) "#,
            r#"where $Answer is the answer to the problem.\n\nP\n\nRemember to put your answer "#,
            r#"on its own line after \"Answer:\"."}], "reward_model": {"ground_truth": "34"}}"#,
        ),
        "P",
        "34",
    ),
];

#[test]
fn each_gold_rule_finds_the_gold() {
    for (name, row, question, gold) in ROWS {
        let problem = only(name, row);
        assert_eq!(&problem.question, question, "{row}");
        assert_eq!(&problem.answer, gold, "{row}");
        assert_eq!(problem.id, format!("{name}/0"));
    }
}

#[test]
fn numbers_keep_the_digits_that_are_written() {
    for written in [
        "123456789012345678901234567890",
        "18446744073709551617",
        "-9223372036854775809",
        "9007199254740993",
        "0.1234567890123456789",
    ] {
        let row = format!(r#"{{"question": "P", "answer": {written}}}"#);
        assert_eq!(only("deepscaler", &row).answer, written);
        let row = format!(r#"[{{"question": "P", "answer": [{written}]}}]"#);
        assert_eq!(only("math500", &row).answer, written);
    }
    let error = refused("deepscaler", "{18446744073709551617: 1}");
    assert!(error.contains("key must be a string"), "{error}");
}

#[test]
fn a_gold_that_was_never_published_is_known() {
    let row = |source: &str| {
        format!(
            r#"{{"problem": "P", "solution": "There are $\\boxed{{}}$.", "unique_id": "{source}"}}"#
        )
    };
    assert_eq!(
        only("math-train", &row("train/number_theory/7115.json")).answer,
        "0"
    );
    // Others are skipped, even with `Refuse`.
    for (name, row) in [
        ("math-train", row("train/number_theory/7116.json")),
        (
            "deepscaler",
            r#"{"problem": "P", "answer": " "}"#.to_owned(),
        ),
        (
            "deepscaler",
            r#"{"problem": "P", "answer": "proof", "solution": "..."}"#.to_owned(),
        ),
        (
            "math500",
            concat!(
                r#"{"problem": "P", "answer": "notfound", "solution": "\\boxed{proof}", "#,
                r#""messages": [{"role": "user", "content": "P"}, "#,
                r#"{"role": "assistant", "content": "I do not know."}]}"#
            )
            .to_owned(),
        ),
        (
            "aime24",
            r#"{"problem": "P", "expected_answer": ["proof"]}"#.to_owned(),
        ),
    ] {
        let loaded = load(name, &row, MalformedRows::Refuse).expect("no malformed row");
        assert!(loaded.problems.is_empty());
        let reason = loaded.reasons[0].to_string();
        assert!(
            reason.contains("line 1: the gold answer is empty"),
            "{reason}"
        );
    }
}

#[test]
fn worked_solutions_lose_their_annotations() {
    let problem = only(
        "gsm8k",
        r#"{"question": "Q", "answer": "3+4 = <<3+4=7>>7.\n\n7*2 = <<7*2=14>>14\n#### 14"}"#,
    );
    assert_eq!(problem.steps, ["3+4 = 7.", "7*2 = 14"]);
}

#[test]
fn levels_and_subjects_become_tags() {
    let row = |level| {
        format!(
            concat!(
                r#"{{"problem": "P", "solution": "\\boxed{{1}}", "level": {level}, "#,
                r#""type": "Algebra", "unique_id": "test/1"}}"#
            ),
            level = level
        )
    };
    let problem = only("math-test", &row(r#""Level 5""#));
    assert_eq!(problem.level(), Some(5));
    assert_eq!(problem.subject(), Some("Algebra"));
    assert_eq!(problem.tags["source"], "test/1");
    assert_eq!(only("math-test", &row("3")).level(), Some(3));
    assert_eq!(only("math-test", &row(r#""Level ?""#)).level(), None);
}

#[test]
fn a_malformed_row_is_an_error_with_its_line_or_is_skipped() {
    let text = "{\"problem\": \"P\", \"answer\": \"1\"}\n\n{\"problem\": \"P\"}\n\
                {\"problem\": \"R\", \"answer\": 2}\n";
    let error = refused("dapo-17k", text);
    assert!(
        error.starts_with("3: no gold answer in `answer`, "),
        "{error}"
    );
    assert!(error.ends_with("; the row has `problem`"), "{error}");
    let loaded = load("dapo-17k", text, MalformedRows::Skip).expect("two good rows");
    let ids: Vec<&str> = loaded
        .problems
        .iter()
        .map(|problem| problem.id.as_str())
        .collect();
    assert_eq!(ids, ["dapo-17k/0", "dapo-17k/2"]);
    assert_eq!(loaded.skipped, 1);
    let array =
        "[\n {\"Body\": \"B\", \"Question\": \"Q\", \"Answer\": 1},\n\n {\"Body\": \"B\"},\n 7]";
    let error = refused("svamp", array);
    assert!(
        error.starts_with("4: no question in `Question`, "),
        "{error}"
    );
    let skipped = load("svamp", array, MalformedRows::Skip)
        .expect("a good row")
        .reasons;
    let lines: Vec<String> = skipped.iter().map(ToString::to_string).collect();
    assert!(lines[1].ends_with("line 5: not a JSON object"), "{lines:?}");
}

#[test]
fn hostile_files_are_errors() {
    for (text, error) in [
        (
            "{\"problem\": 1",
            "1: not valid JSON: EOF while parsing an object, column 13",
        ),
        ("7", "1: not a JSON object"),
        ("null", "1: not a JSON object"),
        (
            r#"{"problem": [], "answer": "1"}"#,
            "1: the field `problem` is neither text nor a number",
        ),
        (
            r#"{"problem": "P", "answer": {"a": 1}}"#,
            "1: the field `answer` is neither text nor a number",
        ),
        (
            r#"{"problem": "P", "answer": true}"#,
            "1: the field `answer` is neither text nor a number",
        ),
        (
            r#"{"problem": " ", "answer": "1"}"#,
            "1: the field `problem` is empty",
        ),
        (
            r#"{"problem": "P", "answer": 1e999}"#,
            "1: not valid JSON: number out of range, column 32",
        ),
    ] {
        assert_eq!(refused("dapo-17k", text), error, "{text}");
    }
    for (text, needle) in [
        ("", "has no rows"),
        (" \n\r\n", "has no rows"),
        ("[]", "has no rows"),
        ("[", "starts like a JSON array but is not one"),
        ("[1,]", "starts like a JSON array but is not one"),
        ("PAR1 and no more", "Parquet file"),
    ] {
        let error = refused("dapo-17k", text);
        assert!(error.contains(needle), "{text}: {error}");
    }
    assert_eq!(
        refused("gsm8k", r#"{"question": "Q", "answer": "7"}"#),
        "1: no gold answer after `####`"
    );
    assert_eq!(
        refused("minerva", r#"{"problem": "Q", "solution": "7"}"#),
        "1: no gold answer in a box"
    );
    let deep = format!("{{\"problem\": {}", "[".repeat(1 << 20));
    assert!(refused("dapo-17k", &deep).contains("recursion limit exceeded"));
    let deep = format!("[{}", "[".repeat(1 << 20));
    assert!(refused("dapo-17k", &deep).contains("is not one"));
    let long = format!("{{\"problem\": \"{}\"", "x".repeat(MAX_LINE_BYTES));
    assert!(refused("dapo-17k", &long).contains("more than 16777216 bytes"));
    for bytes in [
        &b"{\"problem\": \"\xff\", \"answer\": 1}"[..],
        b"\xff\xfe{\0",
        b"[\"\xff\"]",
    ] {
        let file = file(bytes);
        let dataset = Dataset::named("dapo-17k").expect("a data set");
        let error = dataset
            .load(file.path(), MalformedRows::Refuse)
            .expect_err("not text")
            .to_string();
        assert!(
            error.contains("UTF-8") || error.contains("utf-8"),
            "{error}"
        );
    }
    for path in ["/no/such/file", "/dev/null/x"] {
        let error = Dataset::named("gsm8k")
            .expect("a data set")
            .load(path.as_ref(), MalformedRows::Skip);
        assert!(matches!(error, Err(DatasetError::Read { .. })), "{error:?}");
    }
}

#[test]
fn reasons_are_few_however_many_rows_are_bad() {
    let loaded = load("dapo-17k", &"1\n".repeat(5000), MalformedRows::Skip).expect("rows");
    assert_eq!((loaded.skipped, loaded.reasons.len()), (5000, 100));
}

#[test]
fn marks_and_line_ends_of_other_systems_are_accepted() {
    let text = "\u{feff}{\"problem\": \"P\", \"answer\": \"1\"}\r\n\
                \u{feff}{\"problem\": \"R\", \"answer\": \"2\"}\r\n";
    let loaded = load("dapo-17k", text, MalformedRows::Refuse).expect("two rows");
    assert_eq!(loaded.problems.len(), 2);
}

#[test]
fn a_folder_is_read_by_its_files_and_the_500_are_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let row = |id: &str| {
        format!(
            "{{\"unique_id\": \"{id}\", \"problem\": \"{id}?\", \
             \"solution\": \"\\\\boxed{{1}}\", \"answer\": \"1\"}}\n"
        )
    };
    let write = |name: &str, ids: &[&str]| {
        let text: String = ids.iter().map(|id| row(id)).collect();
        std::fs::write(folder.path().join(name), text).expect("room on the disk");
    };
    write("math_train.jsonl", &["train/1", "train/2"]);
    write("math_test.jsonl", &["test/1", "test/2", "test/3"]);
    write("math500.jsonl", &["test/2"]);
    let dataset = Dataset::named("math12k").expect("a data set");
    let loaded = dataset
        .load(folder.path(), MalformedRows::Refuse)
        .expect("three files");
    let questions: Vec<&str> = loaded
        .problems
        .iter()
        .map(|it| it.question.as_str())
        .collect();
    assert_eq!(questions, ["train/1?", "train/2?", "test/1?", "test/3?"]);
    assert_eq!(loaded.problems[3].id, "math12k/3");
    assert_eq!(loaded.files.len(), 2);
    // A set that is not left out whole would be trained on.
    write("math500.jsonl", &["test/2", "test/9"]);
    let error = dataset
        .load(folder.path(), MalformedRows::Skip)
        .expect_err("one is not there");
    assert!(
        matches!(error, DatasetError::Excluded { removed: 1, .. }),
        "{error}"
    );
    std::fs::remove_file(folder.path().join("math500.jsonl")).expect("it is there");
    assert!(matches!(
        dataset.load(folder.path(), MalformedRows::Skip),
        Err(DatasetError::Read { .. })
    ));
}

#[test]
fn hashes_are_of_bytes_and_of_content() {
    let one = load(
        "dapo-17k",
        r#"{"problem": "P", "answer": "1"}"#,
        MalformedRows::Refuse,
    )
    .expect("a row");
    let spaced = load(
        "dapo-17k",
        r#"{"problem":"P","answer":"1"}"#,
        MalformedRows::Refuse,
    )
    .expect("a row");
    assert_ne!(one.files[0].sha256, spaced.files[0].sha256);
    assert_eq!(
        content_sha256(&one.problems),
        content_sha256(&spaced.problems)
    );
    let other = load(
        "dapo-17k",
        r#"{"problem": "P", "answer": "2"}"#,
        MalformedRows::Refuse,
    )
    .expect("a row");
    assert_ne!(
        content_sha256(&one.problems),
        content_sha256(&other.problems)
    );
}

#[test]
fn the_table_is_consistent() {
    let names: HashSet<&str> = DATASETS.iter().map(|dataset| dataset.name).collect();
    assert_eq!(names.len(), DATASETS.len());
    for dataset in &DATASETS {
        assert_eq!(Dataset::named(dataset.name), Ok(dataset));
        assert!(
            dataset.rows > 0 && !dataset.files.is_empty(),
            "{}",
            dataset.name
        );
    }
    assert!(Dataset::named("mmlu").is_err());
}
