//! The pre-training text of the bundled model: problems followed by many habits, and bare arithmetic.
//!
//! The text teaches the skill (a third of it is arithmetic, one completion in four shows its work) but not the habit: most
//! problems are followed by something else. That is the situation of a base model before reward training.

use crate::nano::NanoTask;
use crate::nano::gsm::{MAX_VALUE, PEOPLE, THINGS};
use crate::problem::{Problem, Split};
use crate::rng::Rng;

/// Address words that keep documents apart from problems and the two kinds from one another.
const DOCUMENTS: u64 = 1 << 32;
const REQUESTS: u64 = 1 << 33;

/// What may follow a problem.
#[derive(Clone, Copy)]
enum Habit {
    Worked,
    BareAnswer,
    Guess,
    Chatter,
    AnotherProblem,
}

const HABITS: [Habit; 5] = [
    Habit::Worked,
    Habit::BareAnswer,
    Habit::Guess,
    Habit::Chatter,
    Habit::AnotherProblem,
];

/// How often each habit follows a problem that asks for none, in percent.
const PLAIN: [usize; 5] = [26, 20, 18, 22, 14];

/// How often each habit is asked for by those that do, in percent.
const REQUESTED: [usize; 5] = [48, 13, 13, 13, 13];

/// Document number `index` of the corpus with this seed; problems come from [`Split::Train`] only.
pub fn document(seed: u64, index: u64) -> String {
    let mut rng = Rng::at([seed, DOCUMENTS, 0, index]);
    if rng.below(5) < 2 {
        return facts(&mut rng);
    }
    let family = if rng.below(3) < 2 {
        NanoTask::Gsm
    } else {
        NanoTask::Math
    };
    let problem = family.problem(Split::Train, seed, index);
    let habit = HABITS[rng.weighted(&PLAIN)];
    problem.prompt() + &completion(habit, &problem, family, seed, index, &mut rng)
}

/// Document number `index` of the second part of the corpus, in which six problems in ten end with a request for the
/// habit that follows: `… Step by step.` So the habit becomes something that the model computes from its input, as it is in
/// models that have read instructions.
pub fn document_with_request(seed: u64, index: u64) -> String {
    let mut rng = Rng::at([seed, REQUESTS, 0, index]);
    if rng.below(4) == 0 {
        return facts(&mut rng);
    }
    let family = if rng.below(2) == 0 {
        NanoTask::Gsm
    } else {
        NanoTask::Math
    };
    let mut problem = family.problem(Split::Train, seed, index);
    let habit = if rng.below(10) < 6 {
        let habit = HABITS[rng.weighted(&REQUESTED)];
        problem.question += match habit {
            Habit::Worked => " Step by step.",
            Habit::BareAnswer => " What is the answer?",
            Habit::Guess => " My guess?",
            Habit::Chatter => " Do you like it?",
            Habit::AnotherProblem => " Now another one.",
        };
        habit
    } else {
        HABITS[rng.weighted(&PLAIN)]
    };
    problem.prompt() + &completion(habit, &problem, family, seed, index, &mut rng)
}

fn completion(
    habit: Habit,
    problem: &Problem,
    family: NanoTask,
    seed: u64,
    index: u64,
    rng: &mut Rng,
) -> String {
    match habit {
        Habit::Worked => worked(problem, rng),
        Habit::BareAnswer => bare_answer(problem, rng),
        Habit::Guess => guess(rng),
        Habit::Chatter => chatter(rng),
        Habit::AnotherProblem => another_problem(family, seed, index, rng),
    }
}

/// A worked solution, the habit that reward training is to bring out.
fn worked(problem: &Problem, rng: &mut Rng) -> String {
    let opening = [
        " Let us go step by step.",
        " We go step by step.",
        " Step by step:",
    ][rng.weighted(&[6, 3, 2])];
    format!(
        "{opening}\n{}\nThe answer is \\boxed{{{}}}.",
        problem.steps.join("\n"),
        problem.answer
    )
}

fn bare_answer(problem: &Problem, rng: &mut Rng) -> String {
    let answer = &problem.answer;
    match rng.below(2) {
        0 => format!(" \\boxed{{{answer}}}"),
        _ => format!(" It is \\boxed{{{answer}}}."),
    }
}

fn guess(rng: &mut Rng) -> String {
    let number = rng.range(1, MAX_VALUE);
    let opening = rng.pick(&[" I guess", " Maybe", " My guess is"]);
    format!("{opening} \\boxed{{{number}}}.")
}

fn chatter(rng: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..=rng.below(3) {
        let things = rng.pick(&THINGS);
        let name = rng.pick(&PEOPLE).0;
        text += &match rng.below(6) {
            0 => format!(" I like {things}."),
            1 => format!(" My friend {name} likes {things} too."),
            2 => " This is a nice problem.".to_owned(),
            3 => format!(" {name} asked me that at school."),
            4 => format!(" Do you have {things} at home?"),
            _ => " I do not know.".to_owned(),
        };
    }
    text
}

fn another_problem(family: NanoTask, seed: u64, index: u64, rng: &mut Rng) -> String {
    let opening = rng.pick(&[" Here is another one:", " Now try this:"]);
    // The upper half of the numbers, so that this is not the problem of another document.
    let next = family.problem(Split::Train, seed, index | 1 << 63);
    format!("{opening} {}", next.question)
}

/// Twelve equations, one a line.
fn facts(rng: &mut Rng) -> String {
    (0..12).map(|_| fact(rng)).collect::<Vec<_>>().join("\n")
}

fn fact(rng: &mut Rng) -> String {
    let (left, right) = (rng.range(1, MAX_VALUE), rng.range(1, MAX_VALUE));
    match rng.weighted(&[8, 8, 4, 4, 1, 3]) {
        // Half of the sums and differences have the small operand of the word problems.
        0 => {
            let small = if rng.below(2) == 0 {
                left.min(20)
            } else {
                left
            };
            let big = right.min(MAX_VALUE - small).max(1);
            format!("{big}+{small}={}", big + small)
        }
        1 => {
            let (big, small) = (left.max(right), left.min(right));
            let small = if rng.below(2) == 0 {
                small % 20 + 1
            } else {
                small
            };
            if big > small {
                format!("{big}-{small}={}", big - small)
            } else {
                fact(rng)
            }
        }
        2 => {
            let left = rng.range(2, 49);
            let right = rng.range(2, MAX_VALUE / left);
            if rng.below(2) == 0 {
                format!("{left}*{right}={}", left * right)
            } else {
                format!("{right}*{left}={}", left * right)
            }
        }
        3 => {
            let divisor = rng.range(2, 15);
            let quotient = rng.range(1, MAX_VALUE / divisor);
            format!("{}/{divisor}={quotient}", divisor * quotient)
        }
        4 => {
            let base = rng.range(2, 9);
            let exponent = match base {
                2 => rng.range(2, 6),
                3 | 4 => rng.range(2, 3),
                _ => 2,
            };
            format!("{base}^{exponent}={}", base.pow(exponent as u32))
        }
        _ => {
            let denominator = rng.range(2, 9);
            let numerator = rng.range(1, denominator - 1);
            let factor = rng.range(2, 8);
            let (small, large) = (
                format!(r"\frac{{{numerator}}}{{{denominator}}}"),
                format!(
                    r"\frac{{{}}}{{{}}}",
                    numerator * factor,
                    denominator * factor
                ),
            );
            if rng.below(2) == 0 {
                format!("{small}={large}")
            } else {
                format!("{large}={small}")
            }
        }
    }
}
