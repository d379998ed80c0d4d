//! The examples of the rules in `docs/answer-checking.md`.

use trimtab_grader::{Grade, Rule, Rules, grade_answer};

const PAGE: &str = include_str!("../../../docs/answer-checking.md");

/// A row `rule | gold | answer | verdict` of the page.
struct Example {
    rule: &'static str,
    gold: String,
    answer: String,
    verdict: &'static str,
}

fn examples() -> Vec<Example> {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let [rule, gold, answer, verdict] = cells.as_slice() else {
            return None;
        };
        let verdict = verdict.trim_end_matches([' ', '|']);
        let code = |cell: &str| cell.trim_matches('`').replace("\\|", "|");
        matches!(verdict, "correct" | "wrong" | "undecided").then(|| Example {
            rule: rule.trim_start_matches("| ").trim_matches('`'),
            gold: code(gold),
            answer: code(answer),
            verdict,
        })
    });
    rows.collect()
}

fn names(grade: &Grade) -> Vec<&'static str> {
    grade.because.iter().map(|rule| rule.name()).collect()
}

#[test]
fn each_example_has_its_verdict_by_its_rule() {
    for example in examples() {
        let grade = grade_answer(&example.gold, &example.answer, &Rules::DEFAULT);
        let (gold, answer) = (&example.gold, &example.answer);
        assert_eq!(grade.verdict.name(), example.verdict, "{gold} and {answer}");
        let names = names(&grade);
        assert!(
            names.contains(&example.rule),
            "{gold} and {answer}: {names:?}"
        );
    }
}

#[test]
fn each_rule_has_an_example() {
    let examples = examples();
    for rule in Rule::ALL {
        // A form is expected only where the caller says so.
        let shown = examples.iter().any(|example| example.rule == rule.name());
        assert!(shown || rule == Rule::NotExpected, "{rule:?}");
    }
}
