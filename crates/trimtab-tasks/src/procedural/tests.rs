use std::collections::{HashMap, HashSet};

use num_rational::Rational64;
use proptest::prelude::*;
use trimtab_grader::{Rules, Verdict};

use super::*;

fn cells() -> impl Iterator<Item = (ProceduralTask, Level)> {
    ProceduralTask::ALL
        .into_iter()
        .flat_map(|task| Level::ALL.map(|level| (task, level)))
}

fn problems(task: ProceduralTask, level: Level, count: u64) -> impl Iterator<Item = Problem> {
    (0..count).map(move |index| task.problem(level, Split::Train, 0, index))
}

fn boxed(answer: &str) -> String {
    format!(r"So the answer is $\boxed{{{answer}}}$.")
}

proptest! {
    #[test]
    fn gold_answers_pass_and_others_fail(
        kind in 0..6_usize, level in 1..=5_u8, seed: u64, index: u64, held_out: bool
    ) {
        let level = Level::try_from(level).expect("levels go to 5");
        let split = if held_out { Split::HeldOut } else { Split::Train };
        let task = ProceduralTask::ALL[kind];
        let problem = task.problem(level, split, seed, index);
        prop_assert_eq!(&problem, &task.problem(level, split, seed, index));
        let verdict = |answer: &str| problem.grade(&boxed(answer), &Rules::DEFAULT).verdict;
        prop_assert_eq!(verdict(&problem.answer), Verdict::Correct);
        prop_assert_eq!(problem.level(), Some(u32::from(level.get())));
        let next = task.problem(level, split, seed, index.wrapping_add(1));
        if next.answer != problem.answer {
            prop_assert_eq!(verdict(&next.answer), Verdict::Wrong);
        }
    }
}

#[test]
fn cheap_answers_score_nothing() {
    for (task, level) in cells() {
        for problem in problems(task, level, 200) {
            let question = &problem.question;
            let numbers: Vec<&str> = question
                .split(|c: char| !c.is_ascii_digit())
                .filter(|digits| !digits.is_empty())
                .collect();
            let cheap = [
                String::new(),
                boxed(""),
                boxed(" "),
                boxed(question),
                boxed(&numbers.join(", ")),
                boxed(&numbers.join(" * ")),
                boxed(&problem.steps.concat()),
                boxed("x"),
                boxed("the answer"),
                boxed(r"\boxed{}"),
            ];
            for text in &cheap {
                let verdict = problem.grade(text, &Rules::DEFAULT).verdict;
                assert!(!verdict.is_correct(), "{}: {text}", problem.id);
            }
            // The expressions that the question itself contains are not answers.
            for expression in question.split(['=', '?', '.', ':', ',']) {
                let verdict = problem.grade(&boxed(expression), &Rules::DEFAULT).verdict;
                assert!(!verdict.is_correct(), "{}: {expression}", problem.id);
            }
        }
    }
}

#[test]
fn no_constant_answer_pays() {
    for (task, level) in cells() {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for problem in problems(task, level, 500) {
            *counts.entry(problem.answer).or_default() += 1;
        }
        let most = counts.values().max().expect("500 problems");
        assert!(*most <= 25, "{} {}: {most}", task.name(), level.get());
    }
}

#[test]
fn splits_share_no_question_and_problems_vary() {
    for (task, level) in cells() {
        let questions = |split| -> HashSet<String> {
            (0..300)
                .map(|index| task.problem(level, split, 0, index).question)
                .collect()
        };
        let (train, held_out) = (questions(Split::Train), questions(Split::HeldOut));
        let cell = format!("{} {}", task.name(), level.get());
        assert!(train.is_disjoint(&held_out), "{cell}");
        assert!(train.len() > 100, "{cell}: {}", train.len());
    }
}

#[test]
fn harder_problems_are_larger() {
    // Mean count of digits and signs in question and solution.
    let size = |task, level| {
        let counted = |text: &str| {
            text.chars()
                .filter(|c| "0123456789+-*/^".contains(*c))
                .count()
        };
        problems(task, level, 200)
            .map(|problem| counted(&problem.question) + counted(&problem.answer))
            .sum::<usize>()
    };
    for task in ProceduralTask::ALL {
        let [easiest, .., hardest] = Level::ALL.map(|level| size(task, level));
        assert!(
            4 * hardest > 5 * easiest,
            "{}: {easiest} {hardest}",
            task.name()
        );
    }
    for level in Level::ALL {
        let steps = ProceduralTask::SymbolicGsm
            .problem(level, Split::Train, 0, 0)
            .steps;
        assert_eq!(steps.len(), [2, 4, 6, 6, 10][usize::from(level.get()) - 1]);
    }
}

/// The value of `5(3x - 2)` or `x + 2y - z`, by a second, independent reading of the text.
fn value(side: &str, solution: &[Rational64]) -> Rational64 {
    let whole = |digits: &str| Rational64::from(digits.parse::<i64>().expect("a number"));
    if let Some((factor, inner)) = side.split_once('(') {
        return whole(factor) * value(inner.trim_end_matches(')'), solution);
    }
    side.replace(" - ", " + -")
        .split(" + ")
        .map(|term| match term.find(['x', 'y', 'z']) {
            None => whole(term),
            Some(at) => {
                let coefficient = match &term[..at] {
                    "" => 1.into(),
                    "-" => (-1).into(),
                    digits => whole(digits),
                };
                coefficient * solution[(term.as_bytes()[at] - b'x') as usize]
            }
        })
        .sum()
}

#[test]
fn solutions_solve_their_equations() {
    for level in Level::ALL {
        for problem in problems(ProceduralTask::LinearEquations, level, 200) {
            let solution: Vec<Rational64> = problem
                .answer
                .trim_matches(['(', ')'])
                .split(", ")
                .map(|number| number.parse().expect("a number"))
                .collect();
            let task = problem
                .question
                .trim_start_matches("Solve ")
                .trim_start_matches("the system ");
            let equations = task.split(" for x").next().expect("a task");
            let equations = equations.split(". Give").next().expect("a task");
            for equation in equations.split(", ") {
                let (left, right) = equation.split_once(" = ").expect("an equation");
                assert_eq!(
                    value(left, &solution),
                    value(right, &solution),
                    "{problem:?}"
                );
            }
        }
    }
}

#[test]
fn answers_are_right_by_a_second_reading() {
    for problem in problems(ProceduralTask::BaseConversion, Level(5), 300) {
        let words: Vec<&str> = problem.question.split(' ').collect();
        let base = |word: &str| word.trim_end_matches('.').parse::<u32>().expect("a base");
        let (from, to) = (base(words[7]), base(words[12]));
        let read = |digits, base| u64::from_str_radix(digits, base).expect("digits");
        assert_eq!(
            read(words[2], from),
            read(&problem.answer, to),
            "{problem:?}"
        );
    }
    for level in Level::ALL {
        for problem in problems(ProceduralTask::ModularArithmetic, level, 100) {
            let numbers: Vec<u64> = problem
                .question
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|digits| digits.parse().ok())
                .collect();
            let answer: u64 = problem.answer.parse().expect("a number");
            let power = || (0..numbers[1]).fold(1, |power, _| power * numbers[0] % numbers[2]);
            let right = match level.get() {
                1 => answer == numbers[0] % numbers[1],
                2 => answer == numbers[0] * numbers[1] % numbers[2],
                3 => answer == power(),
                4 => answer < numbers[4] && answer * numbers[2] % numbers[4] == numbers[3],
                _ => {
                    (1..=answer)
                        .find(|x| x % numbers[1] == numbers[0] && x % numbers[3] == numbers[2])
                        == Some(answer)
                }
            };
            assert!(right, "{problem:?}");
        }
    }
    for problem in problems(ProceduralTask::SymbolicGsm, Level(5), 300) {
        for pair in problem.steps.windows(2) {
            let value = pair[0].split_once('=').expect("an equation").1;
            assert!(pair[1].starts_with(value), "{problem:?}");
        }
        let last = problem.steps.last().expect("ten steps");
        assert!(last.ends_with(&format!("={}", problem.answer)));
    }
}

/// What is generated is written into results, so it must not change by accident.
#[test]
fn a_problem_is_its_number() {
    let problem = ProceduralTask::ModularArithmetic.problem(Level(2), Split::HeldOut, 7, 3);
    assert_eq!(problem.id, "modular-arithmetic-2/held-out/7/3");
    let texts: Vec<String> = ProceduralTask::ALL
        .into_iter()
        .map(|task| task.problem(Level(1), Split::Train, 0, 0).question)
        .collect();
    let expected = [
        "Use each of the numbers 8, 9, 19 exactly once, with +, -, *, / and brackets, to make 20. \
         Give the expression as the answer.",
        "Solve -8x + 16 = 8 for x.",
        "The number 164 is written in base 10. Write it in base 2.",
        "What is the remainder when 5419 is divided by 67?",
        "Put these numbers into order, from the largest to the smallest: 31, 25, 17, 54. \
         Give them as a list divided by commas.",
        "Olga fills 6 racks of 19 bottles in the dairy. Olga packs all the bottles that there are \
         now into boxes of 6. How many boxes are needed?",
    ];
    assert_eq!(texts, expected);
}
