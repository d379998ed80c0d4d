//! Remainders, inverses and congruences.

use trimtab_grader::Verifier;

use super::Generated;
use crate::rng::Rng;

/// Levels: a number, a product, a power, an inverse, two congruences.
pub(super) fn generate(rng: &mut Rng, level: u8) -> Generated {
    // Remainders of 0 and 1 are so frequent that guessing them would pay.
    let (template, question, answer) = loop {
        let problem = problem(rng, level);
        if problem.2 > 1 {
            break problem;
        }
    };
    Generated {
        signature: question.clone(),
        template: template.to_owned(),
        question,
        answer: answer.to_string(),
        steps: Vec::new(),
        verifier: Verifier::Numbers,
    }
}

/// Template, question and answer.
fn problem(rng: &mut Rng, level: u8) -> (&'static str, String, i64) {
    let modulus = rng.range(41, 99);
    match level {
        1 => {
            let number = rng.range(500, 9999);
            (
                "number",
                format!("What is the remainder when {number} is divided by {modulus}?"),
                number % modulus,
            )
        }
        2 => {
            let (a, b) = (rng.range(50, 999), rng.range(50, 999));
            (
                "product",
                format!("What is the remainder when {a} * {b} is divided by {modulus}?"),
                a * b % modulus,
            )
        }
        3 => {
            let (base, exponent) = (rng.range(2, 40), rng.range(5, 60));
            (
                "power",
                format!("What is the remainder when {base}^{exponent} is divided by {modulus}?"),
                (0..exponent).fold(1, |power, _| power * base % modulus),
            )
        }
        4 => {
            let (a, inverse) = loop {
                let a = rng.range(2, modulus - 1);
                if let Some(inverse) = (1..modulus).find(|inverse| a * inverse % modulus == 1) {
                    break (a, inverse);
                }
            };
            (
                "inverse",
                format!(
                    "Find the whole number x between 1 and {} for which {a}x leaves the remainder \
                     1 when divided by {modulus}.",
                    modulus - 1
                ),
                inverse,
            )
        }
        _ => {
            let other = loop {
                let other = rng.range(41, 99);
                if gcd(modulus, other) == 1 {
                    break other;
                }
            };
            let x = rng.range(100, modulus * other - 1);
            (
                "congruences",
                format!(
                    "Find the smallest positive whole number that leaves the remainder {} when \
                     divided by {modulus} and the remainder {} when divided by {other}.",
                    x % modulus,
                    x % other
                ),
                x,
            )
        }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
