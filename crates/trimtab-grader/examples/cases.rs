//! Scores the grader on a file of cases, and lists the cases on which it disagrees.
//!
//! ```text
//! cargo run --release -p trimtab-grader --example cases -- FILE.jsonl [--list]
//! ```
//!
//! Where cases have a `kind`, each kind has a line with its recall, which is the share of right
//! answers that are accepted, and its precision, which is the share of accepted answers that are
//! right, each with a 95 % Wilson interval.
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use trimtab_grader::{Grade, Rules, grade, grade_answer};

#[derive(Deserialize)]
struct Case {
    id: serde_json::Value,
    gold: String,
    prediction: String,
    expected: bool,
    form: Option<String>,
    kind: Option<String>,
    flag: Option<String>,
}

impl Case {
    fn grade(&self) -> Grade {
        if self.form.as_deref() == Some("answer") {
            grade_answer(&self.gold, &self.prediction, &Rules::DEFAULT)
        } else {
            grade(&self.gold, &self.prediction, &Rules::DEFAULT)
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("a file of cases");
    let list = arguments.next().is_some();
    let text = std::fs::read_to_string(path).expect("a readable file");
    let cases: Vec<Case> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case"))
        .collect();
    let mut counts = [[0_usize; 2]; 4];
    let mut kinds: BTreeMap<&str, [[usize; 2]; 2]> = BTreeMap::new();
    for case in &cases {
        let start = Instant::now();
        let grade = case.grade();
        let elapsed = start.elapsed();
        let accepted = grade.verdict.is_correct();
        let side = usize::from(!case.expected);
        counts[side][usize::from(accepted)] += 1;
        if case.flag.is_none() {
            counts[2 + side][usize::from(accepted)] += 1;
            if let Some(kind) = &case.kind {
                kinds.entry(kind).or_default()[side][usize::from(accepted)] += 1;
            }
        }
        if list && (accepted != case.expected || elapsed.as_millis() > 9) {
            print_case(case, &grade, elapsed);
        }
    }
    print_shares("all", [counts[0], counts[1]]);
    print_shares("unflagged", [counts[2], counts[3]]);
    for (kind, [right, wrong]) in &kinds {
        println!(
            "{kind:>24}  recall {}  precision {}",
            wilson(right[1], right[0] + right[1]),
            wilson(right[1], right[1] + wrong[1])
        );
    }
    print_speed(&cases);
}

/// A share and its 95 % Wilson interval, in percent: Wilson, JASA 22 (1927), 209-212.
fn wilson(hits: usize, total: usize) -> String {
    const Z: f64 = 1.96;
    if total == 0 {
        return format!("{:27}", "-");
    }
    let (n, p) = (total as f64, hits as f64 / total as f64);
    let centre = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let [low, high] = [centre - half, centre + half].map(|end| 100.0 * end / (1.0 + Z * Z / n));
    let counts = format!("{hits}/{total}");
    format!("{:5.1} ({low:4.1}-{high:5.1}) {counts:>9}", 100.0 * p)
}

/// Prints a case on which grader and file disagree, or that took long.
fn print_case(case: &Case, grade: &Grade, elapsed: Duration) {
    let short = |text: &str| {
        let end: String = text.chars().rev().take(110).collect();
        end.chars().rev().collect::<String>().replace('\n', "\\n")
    };
    println!(
        "{} want {} flag {:?} got {:?} in {elapsed:?}\n   gold {}\n   pred {}\n   extr {:?} {:?}",
        case.id,
        case.expected,
        case.flag,
        grade.verdict,
        short(&case.gold),
        short(&case.prediction),
        grade.extracted.as_deref().map(short),
        grade.source
    );
}

/// Prints the share of accepted cases among the right and the wrong ones.
fn print_shares(name: &str, [right, wrong]: [[usize; 2]; 2]) {
    let share = |count: [usize; 2]| 100.0 * count[1] as f64 / (count[0] + count[1]).max(1) as f64;
    println!(
        "{name}: right {:.2} % of {}, wrong {:.2} % of {}",
        share(right),
        right[0] + right[1],
        share(wrong),
        wrong[0] + wrong[1]
    );
}

/// Prints how many cases are graded in a second.
fn print_speed(cases: &[Case]) {
    let mut rates = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        let accepted = cases
            .iter()
            .filter(|case| case.grade().verdict.is_correct())
            .count();
        rates.push(cases.len() as f64 / start.elapsed().as_secs_f64());
        assert!(accepted <= cases.len());
    }
    rates.sort_by(f64::total_cmp);
    println!(
        "{:.0} grades a second (median of {}), best {:.0}",
        rates[rates.len() / 2],
        rates.len(),
        rates[rates.len() - 1]
    );
}
