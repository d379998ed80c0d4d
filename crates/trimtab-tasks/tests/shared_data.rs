//! Row counts, hashes, gold answers and overlaps of the data sets beside the workspace, if they are
//! there.

use std::path::PathBuf;
use std::time::Instant;

use trimtab_grader::{Rules, check};
use trimtab_tasks::contamination::overlaps;
use trimtab_tasks::dataset::{Dataset, LoadedDataset, MalformedRows};
use trimtab_tasks::filter::ProblemFilter;
use trimtab_tasks::prompt::{FewShot, Prompt, Template};
use trimtab_tasks::{Problem, Split, Task};

/// A file or folder beside the workspace. `None`, with a note, if it is not there.
fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

fn load(dataset: &str, file: &str) -> Option<LoadedDataset> {
    let dataset = Dataset::named(dataset).expect("a data set");
    Some(
        dataset
            .load(&data(file)?, MalformedRows::Refuse)
            .expect(file),
    )
}

fn problems(dataset: &str, file: &str) -> Option<Vec<Problem>> {
    Some(load(dataset, file)?.problems)
}

/// Data set, file, rows, rows with a level, rows with a subject, and the first digits of the file's
/// SHA-256.
const FILES: [(&str, &str, usize, usize, usize, &str); 17] = [
    ("gsm8k-train", "gsm8k_train.jsonl", 7473, 0, 0, "17f347dc"),
    ("gsm8k", "gsm8k_test.jsonl", 1319, 0, 0, "3730d312"),
    (
        "math-train",
        "math_train.jsonl",
        7500,
        7498,
        7500,
        "c33696e0",
    ),
    ("math-test", "math_test.jsonl", 5000, 5000, 5000, "9235b7d0"),
    ("math500", "math500.jsonl", 500, 500, 500, "35dc4108"),
    ("aime24", "aime24.jsonl", 30, 0, 0, "af2b8bd2"),
    ("aime25", "aime25.jsonl", 30, 0, 0, "b672f9c6"),
    ("amc23", "amc23.jsonl", 40, 0, 0, "43707e1c"),
    ("minerva", "minerva_math.jsonl", 272, 0, 272, "0e656b43"),
    (
        "olympiadbench",
        "olympiadbench.jsonl",
        675,
        0,
        675,
        "bb8c1e38",
    ),
    ("svamp", "svamp.json", 1000, 0, 1000, "5be77703"),
    ("asdiv", "asdiv.jsonl", 2305, 2305, 2305, "0968ce72"),
    ("gsm-hard", "gsm_hard.jsonl", 1319, 0, 0, "2032b018"),
    (
        "gsm-plus",
        "gsm_plus_testmini.jsonl",
        2400,
        0,
        2400,
        "6653b4b9",
    ),
    ("dapo-17k", "dapo_math_17k.jsonl", 17_917, 0, 0, "a9af1344"),
    (
        "deepscaler",
        "deepscaler_dsr_sub.jsonl",
        1209,
        0,
        0,
        "f1e8b011",
    ),
    (
        "deepscaler",
        "deepscaler_aime_1983_2023.json",
        975,
        0,
        0,
        "78f1b9ba",
    ),
];

#[test]
fn every_file_loads_with_its_rows_and_golds() {
    for (name, file, rows, levels, subjects, sha256) in FILES {
        let start = Instant::now();
        let Some(loaded) = load(name, file) else {
            return;
        };
        let seconds = start.elapsed().as_secs_f64();
        let dataset = Dataset::named(name).expect("a data set");
        // One problem of the DeepScaleR part was published with an empty answer.
        let without_gold = usize::from(file == "deepscaler_dsr_sub.jsonl");
        assert_eq!(loaded.skipped, without_gold, "{file}");
        assert_eq!(loaded.problems.len() + without_gold, rows, "{file}");
        assert!(dataset.rows == rows || name == "deepscaler", "{file}");
        assert!(loaded.files[0].sha256.starts_with(sha256), "{file}");
        let count =
            |has: &dyn Fn(&Problem) -> bool| loaded.problems.iter().filter(|it| has(it)).count();
        assert_eq!(
            count(&|problem| problem.level().is_some()),
            levels,
            "{file}"
        );
        assert_eq!(
            count(&|problem| problem.subject().is_some()),
            subjects,
            "{file}"
        );
        assert_eq!(
            count(&|problem| problem.question.trim().is_empty()),
            0,
            "{file}"
        );
        let not_equal_to_itself = count(&|problem| {
            !check(&problem.answer, &problem.answer, &Rules::DEFAULT).is_correct()
        });
        assert_eq!(not_equal_to_itself, 0, "{file}");
        eprintln!("{name:14} {rows:6} rows in {seconds:.2} s, {without_gold} without gold");
    }
}

/// Gold answers that are numbers are read as numbers.
#[test]
fn golds_of_number_sets_are_numbers() {
    for (name, file, at_least) in [
        ("gsm8k", "gsm8k_test.jsonl", 1319),
        ("gsm8k-train", "gsm8k_train.jsonl", 7473),
        ("aime24", "aime24.jsonl", 30),
        ("aime25", "aime25.jsonl", 30),
        ("amc23", "amc23.jsonl", 40),
        ("svamp", "svamp.json", 1000),
        ("gsm-hard", "gsm_hard.jsonl", 1319),
        ("dapo-17k", "dapo_math_17k.jsonl", 17_917),
        // 300 golds are `None`, the question having no answer; 7 are fractions.
        ("gsm-plus", "gsm_plus_testmini.jsonl", 2093),
        ("asdiv", "asdiv.jsonl", 2050),
    ] {
        let Some(problems) = problems(name, file) else {
            return;
        };
        let number = |problem: &&Problem| problem.answer.replace(',', "").parse::<f64>().is_ok();
        let numbers = problems.iter().filter(number).count();
        eprintln!(
            "{name}: {numbers} of {} golds are decimal numbers",
            problems.len()
        );
        assert!(numbers >= at_least, "{name}: {numbers}");
    }
}

#[test]
fn math12k_is_the_rest_of_math() {
    let Some(folder) = data("") else { return };
    let task: Task = format!("math12k:{}", folder.display())
        .parse()
        .expect("a task");
    let problems = task
        .problems(Split::Train, 0)
        .expect("the three files of MATH");
    assert_eq!(problems.len(), Some(12_000));
    let hard = ProblemFilter {
        levels: Some([5, 5]),
        subjects: vec!["Geometry".to_owned()],
        ..ProblemFilter::default()
    };
    let hard = problems
        .iter()
        .filter(|problem| hard.keeps(problem))
        .count();
    assert!((100..1000).contains(&hard), "{hard}");
}

#[test]
fn eight_shots_of_gsm8k() {
    let Some(train) = problems("gsm8k-train", "gsm8k_train.jsonl") else {
        return;
    };
    assert!(train.iter().all(|problem| !problem.steps.is_empty()));
    let template = Template::FewShot(FewShot::sample("gsm8k-train", &train, 8, 0));
    let Prompt::Text(text) = template.render("How many?") else {
        panic!("few-shot prompts are text");
    };
    assert_eq!(text.matches("\n\nQuestion: ").count(), 8);
    assert!(!text.contains("<<"));
}

/// Texts that are equal up to blanks and case. The README of the data has independent counts, which
/// distinguish the case.
#[test]
fn overlaps_are_those_known() {
    let tests = [
        ("math-test", "math_test.jsonl"),
        ("math500", "math500.jsonl"),
        ("amc23", "amc23.jsonl"),
        ("olympiadbench", "olympiadbench.jsonl"),
        ("aime24", "aime24.jsonl"),
        ("aime25", "aime25.jsonl"),
        ("minerva", "minerva_math.jsonl"),
        ("gsm8k", "gsm8k_test.jsonl"),
    ];
    for (train, file, known) in [
        ("gsm8k-train", "gsm8k_train.jsonl", [0; 8]),
        ("math-train", "math_train.jsonl", [2, 0, 0, 0, 0, 0, 0, 0]),
        (
            "dapo-17k",
            "dapo_math_17k.jsonl",
            [972, 4, 6, 4, 0, 0, 0, 0],
        ),
        (
            "deepscaler",
            "deepscaler_dsr_sub.jsonl",
            [1, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "deepscaler",
            "deepscaler_aime_1983_2023.json",
            [21, 4, 0, 0, 0, 0, 0, 0],
        ),
    ] {
        let Some(training) = problems(train, file) else {
            return;
        };
        for ((test, test_file), known) in tests.into_iter().zip(known) {
            let test_problems = problems(test, test_file).expect("it lies beside the other");
            let start = Instant::now();
            let found = overlaps(&training, &test_problems);
            let seconds = start.elapsed().as_secs_f64();
            let equal = found
                .iter()
                .filter(|overlap| overlap.equal.is_some())
                .count();
            let half = found
                .iter()
                .filter(|overlap| overlap.share() >= 0.5)
                .count();
            let any = found.len();
            eprintln!(
                "{file} -> {test}: {equal} equal, {half} share half their 13-grams, {any} any \
                 ({seconds:.2} s)"
            );
            assert_eq!(equal, known, "{file} -> {test}");
            assert!(seconds < 20.0);
        }
    }
}
