//! Linear equations in one to three unknowns.

use num_rational::Rational64;
use trimtab_grader::Verifier;

use super::Generated;
use crate::rng::Rng;

/// Levels: `ax + b = c`, `ax + b = cx + d`, `a(bx + c) = dx + e` with a fractional solution, two
/// unknowns, three unknowns.
pub(super) fn generate(rng: &mut Rng, level: u8) -> Generated {
    match level {
        1..=3 => one_unknown(rng, level),
        4 => system(rng, &['x', 'y']),
        _ => system(rng, &['x', 'y', 'z']),
    }
}

fn one_unknown(rng: &mut Rng, level: u8) -> Generated {
    let (left, right, solution) = match level {
        1 => one_term(rng),
        2 => both_sides(rng),
        _ => brackets(rng),
    };
    Generated {
        signature: format!("{left}={right}"),
        template: format!("one unknown {level}"),
        question: format!("Solve {left} = {right} for x."),
        answer: solution.to_string(),
        steps: Vec::new(),
        verifier: Verifier::Numbers,
    }
}

/// Left side, right side, solution.
type Equation = (String, String, Rational64);

fn one_term(rng: &mut Rng) -> Equation {
    let x = rng.range(-40, 40);
    let (a, b) = (nonzero(rng, 12), nonzero(rng, 30));
    (sum(&[(a, "x"), (b, "")]), (a * x + b).to_string(), x.into())
}

fn both_sides(rng: &mut Rng) -> Equation {
    let x = rng.range(-40, 40);
    let (a, b, c) = (nonzero(rng, 12), nonzero(rng, 30), nonzero(rng, 12));
    if a == c {
        return both_sides(rng);
    }
    (
        sum(&[(a, "x"), (b, "")]),
        sum(&[(c, "x"), ((a - c) * x + b, "")]),
        x.into(),
    )
}

fn brackets(rng: &mut Rng) -> Equation {
    let (factor, a, b) = (rng.range(2, 9), nonzero(rng, 12), nonzero(rng, 12));
    let (c, d) = (nonzero(rng, 20), nonzero(rng, 40));
    if factor * a == c || factor * b == d {
        return brackets(rng);
    }
    (
        format!("{factor}({})", sum(&[(a, "x"), (b, "")])),
        sum(&[(c, "x"), (d, "")]),
        Rational64::new(d - factor * b, factor * a - c),
    )
}

/// A system with a nonzero determinant and a solution in whole numbers.
fn system(rng: &mut Rng, unknowns: &[char]) -> Generated {
    let size = unknowns.len();
    let solution: Vec<i64> = (0..size).map(|_| rng.range(-15, 15)).collect();
    let rows = loop {
        let rows: Vec<Vec<i64>> = (0..size)
            .map(|_| (0..size).map(|_| nonzero(rng, 9)).collect())
            .collect();
        if determinant(&rows) != 0 {
            break rows;
        }
    };
    let names: Vec<String> = unknowns.iter().map(char::to_string).collect();
    let equations: Vec<String> = rows
        .iter()
        .map(|row| {
            let terms: Vec<(i64, &str)> = row
                .iter()
                .copied()
                .zip(names.iter().map(String::as_str))
                .collect();
            let value: i64 = row.iter().zip(&solution).map(|(a, x)| a * x).sum();
            format!("{} = {value}", sum(&terms))
        })
        .collect();
    let values: Vec<String> = solution.iter().map(i64::to_string).collect();
    Generated {
        signature: equations.join(";"),
        template: format!("{size} unknowns"),
        question: format!(
            "Solve the system {}. Give the answer as ({}).",
            equations.join(", "),
            names.join(", ")
        ),
        answer: format!("({})", values.join(", ")),
        steps: Vec::new(),
        verifier: Verifier::Numbers,
    }
}

/// `3x - 4y + 5`, without terms whose coefficient is zero.
fn sum(terms: &[(i64, &str)]) -> String {
    let mut text = String::new();
    for (coefficient, unknown) in terms.iter().filter(|(coefficient, _)| *coefficient != 0) {
        text += match (text.is_empty(), *coefficient < 0) {
            (true, false) => "",
            (true, true) => "-",
            (false, false) => " + ",
            (false, true) => " - ",
        };
        if coefficient.abs() != 1 || unknown.is_empty() {
            text += &coefficient.abs().to_string();
        }
        text += unknown;
    }
    if text.is_empty() {
        "0".to_owned()
    } else {
        text
    }
}

fn nonzero(rng: &mut Rng, largest: i64) -> i64 {
    let value = rng.range(1, largest);
    if rng.below(2) == 0 { value } else { -value }
}

fn determinant(rows: &[Vec<i64>]) -> i64 {
    match rows {
        [a, b] => a[0] * b[1] - a[1] * b[0],
        [a, b, c] => {
            a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
                + a[2] * (b[0] * c[1] - b[1] * c[0])
        }
        _ => unreachable!("systems have two or three unknowns"),
    }
}
