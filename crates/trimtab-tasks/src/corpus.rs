//! The pre-training text of the bundled model: problems with various continuations, and arithmetic.
//!
//! The text teaches how to solve problems: a third of it is arithmetic, and one problem in four is
//! followed by a worked solution. Most problems are followed by something else, as in the text that
//! base models are trained on.

use crate::nano::NanoTask;
use crate::nano::gsm::{MAX_VALUE, PEOPLE, THINGS};
use crate::problem::{Problem, Split};
use crate::rng::Rng;

/// Addresses of the two kinds of documents, which differ from those of problems.
const DOCUMENTS: u64 = 1 << 32;
const REQUESTS: u64 = 1 << 33;

/// The continuation of a problem.
#[derive(Clone, Copy)]
enum Continuation {
    Worked,
    BareAnswer,
    Guess,
    Chatter,
    AnotherProblem,
}

const CONTINUATIONS: [Continuation; 5] = [
    Continuation::Worked,
    Continuation::BareAnswer,
    Continuation::Guess,
    Continuation::Chatter,
    Continuation::AnotherProblem,
];

/// How often each continuation follows a problem without a request, in percent.
const PLAIN: [usize; 5] = [26, 20, 18, 22, 14];

/// How often each continuation is requested, in percent.
const REQUESTED: [usize; 5] = [48, 13, 13, 13, 13];

/// Document number `index` of the corpus. Its problems are from [`Split::Train`].
pub fn document(seed: u64, index: u64) -> String {
    let mut rng = Rng::at([seed, DOCUMENTS, 0, index]);
    if rng.below(5) < 2 {
        return facts(&mut rng);
    }
    let task = if rng.below(3) < 2 {
        NanoTask::Gsm
    } else {
        NanoTask::Math
    };
    let problem = task.problem(Split::Train, seed, index);
    let continuation = CONTINUATIONS[rng.weighted(&PLAIN)];
    problem.prompt() + &completion(continuation, &problem, task, seed, index, &mut rng)
}

/// Document number `index` of the second part of the corpus.
///
/// Here six problems in ten end with a request for the continuation: `… Step by step.` So the model
/// learns to follow requests, like models that have read instructions.
pub fn document_with_request(seed: u64, index: u64) -> String {
    let mut rng = Rng::at([seed, REQUESTS, 0, index]);
    if rng.below(4) == 0 {
        return facts(&mut rng);
    }
    let task = if rng.below(2) == 0 {
        NanoTask::Gsm
    } else {
        NanoTask::Math
    };
    let mut problem = task.problem(Split::Train, seed, index);
    let continuation = if rng.below(10) < 6 {
        let continuation = CONTINUATIONS[rng.weighted(&REQUESTED)];
        problem.question += match continuation {
            Continuation::Worked => " Step by step.",
            Continuation::BareAnswer => " What is the answer?",
            Continuation::Guess => " My guess?",
            Continuation::Chatter => " Do you like it?",
            Continuation::AnotherProblem => " Now another one.",
        };
        continuation
    } else {
        CONTINUATIONS[rng.weighted(&PLAIN)]
    };
    problem.prompt() + &completion(continuation, &problem, task, seed, index, &mut rng)
}

fn completion(
    continuation: Continuation,
    problem: &Problem,
    task: NanoTask,
    seed: u64,
    index: u64,
    rng: &mut Rng,
) -> String {
    match continuation {
        Continuation::Worked => worked(problem, rng),
        Continuation::BareAnswer => bare_answer(problem, rng),
        Continuation::Guess => guess(rng),
        Continuation::Chatter => chatter(rng),
        Continuation::AnotherProblem => another_problem(task, seed, index, rng),
    }
}

/// A worked solution, which reward training makes frequent.
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

fn another_problem(task: NanoTask, seed: u64, index: u64, rng: &mut Rng) -> String {
    let opening = rng.pick(&[" Here is another one:", " Now try this:"]);
    // Other documents use the lower half of the indices.
    let next = task.problem(Split::Train, seed, index | 1 << 63);
    format!("{opening} {}", next.question)
}

/// Twelve lines with an equation each.
fn facts(rng: &mut Rng) -> String {
    (0..12).map(|_| fact(rng)).collect::<Vec<_>>().join("\n")
}

fn fact(rng: &mut Rng) -> String {
    let (left, right) = (rng.range(1, MAX_VALUE), rng.range(1, MAX_VALUE));
    match rng.weighted(&[8, 8, 4, 4, 1, 3]) {
        // Half of the sums and differences have a small operand, as the word problems do.
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
