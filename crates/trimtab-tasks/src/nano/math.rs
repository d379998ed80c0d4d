//! nano-math: expressions with parentheses, powers or fractions, similar to MATH.

use super::GeneratedProblem;
use super::gsm::MAX_VALUE;
use crate::rng::Rng;

const TASKS: [&str; 5] = [
    "Compute {x}.",
    "What is {x}?",
    "Find the value of {x}.",
    "Evaluate {x}.",
    "Simplify {x}.",
];

/// Generates a problem of 2 to 5 steps.
pub(super) fn generate(rng: &mut Rng) -> GeneratedProblem {
    let kind = rng.weighted(&[5, 3, 2]);
    let (expression, answer, steps) = loop {
        let expression = match kind {
            0 => arithmetic(rng, false),
            1 => arithmetic(rng, true),
            _ => fractions(rng),
        };
        if let Some(expression) = expression {
            break expression;
        }
    };
    let task = rng.below(TASKS.len());
    GeneratedProblem {
        signature: format!("task{task} {expression}"),
        question: TASKS[task].replace("{x}", &expression),
        answer,
        steps,
    }
}

type Expression = (String, String, Vec<String>);

/// An expression of 2 to 4 operations on whole numbers, with the necessary parentheses.
fn arithmetic(rng: &mut Rng, with_power: bool) -> Option<Expression> {
    let operations = 2 + rng.below(3);
    let mut tree = grow(rng, operations);
    if with_power && !insert_power(rng, &mut tree) {
        return None;
    }
    let text = render(&tree);
    let mut steps = Vec::new();
    let value = solve(&tree, &mut steps)?;
    let parenthesised = text.contains('(');
    ((2..=5).contains(&steps.len()) && (with_power || parenthesised))
        .then(|| (text, value.to_string(), steps))
}

enum Node {
    Number(i64),
    Power(i64, i64),
    Operation(char, Box<Node>, Box<Node>),
}

fn grow(rng: &mut Rng, operations: usize) -> Node {
    if operations == 0 {
        return Node::Number(rng.range(2, 15));
    }
    let left = rng.below(operations);
    let sign = rng.pick(&['+', '+', '-', '-', '*', '*', '/']);
    Node::Operation(
        sign,
        Box::new(grow(rng, left)),
        Box::new(grow(rng, operations - 1 - left)),
    )
}

/// Turns the leftmost or the rightmost number into a power with a value of at most 99.
fn insert_power(rng: &mut Rng, node: &mut Node) -> bool {
    match node {
        Node::Number(number) => {
            *node = match rng.below(3) {
                0 => Node::Power(2, rng.range(3, 6)),
                1 => Node::Power(*number % 3 + 2, 3),
                _ => Node::Power(*number % 8 + 2, 2),
            };
            true
        }
        Node::Power(..) => false,
        Node::Operation(_, left, right) => {
            let side = if rng.below(2) == 0 { left } else { right };
            insert_power(rng, side)
        }
    }
}

fn render(node: &Node) -> String {
    match node {
        Node::Number(number) => number.to_string(),
        Node::Power(base, exponent) => format!("{base}^{exponent}"),
        Node::Operation(sign, left, right) => {
            let tight = matches!(sign, '*' | '/');
            // `a-(b+c)`, `a/(b*c)` and `a*(b/c)` keep their parentheses; `a+b+c` needs none.
            let left_text = wrap(left, |inner| tight && matches!(inner, '+' | '-'));
            let right_text = wrap(right, |inner| match sign {
                '+' => false,
                '-' => matches!(inner, '+' | '-'),
                _ => true,
            });
            format!("{left_text}{sign}{right_text}")
        }
    }
}

fn wrap(node: &Node, needs: impl Fn(char) -> bool) -> String {
    match node {
        Node::Operation(sign, ..) if needs(*sign) => format!("({})", render(node)),
        _ => render(node),
    }
}

/// The value of `node`, with one equation per operation. `None` if a value is not a whole number in
/// `1..=99`.
fn solve(node: &Node, steps: &mut Vec<String>) -> Option<i64> {
    let (text, value) = match node {
        Node::Number(number) => return Some(*number),
        Node::Power(base, exponent) => (format!("{base}^{exponent}"), base.pow(*exponent as u32)),
        Node::Operation(sign, left, right) => {
            let (left, right) = (solve(left, steps)?, solve(right, steps)?);
            let value = match sign {
                '+' => left + right,
                '-' => left - right,
                '*' => left * right,
                _ => (left % right == 0).then(|| left / right)?,
            };
            (format!("{left}{sign}{right}"), value)
        }
    };
    steps.push(format!("{text}={value}"));
    (1..=MAX_VALUE).contains(&value).then_some(value)
}

/// A sum or difference of two fractions with small denominators.
fn fractions(rng: &mut Rng) -> Option<Expression> {
    let (b, d) = (rng.range(2, 9), rng.range(2, 9));
    let (a, c) = (rng.range(1, b - 1), rng.range(1, d - 1));
    let common = b * d / gcd(b, d);
    let sign = rng.pick(&['+', '-']);
    let (left, right) = (a * common / b, c * common / d);
    let numerator = if sign == '+' {
        left + right
    } else {
        left - right
    };
    if gcd(a, b) != 1 || gcd(c, d) != 1 || numerator < 1 || common > 40 {
        return None;
    }
    let fraction =
        |numerator: i64, denominator: i64| format!(r"\frac{{{numerator}}}{{{denominator}}}");
    let mut steps = Vec::new();
    for (from, to) in [((a, b), left), ((c, d), right)] {
        if from.1 != common {
            steps.push(format!(
                "{}={}",
                fraction(from.0, from.1),
                fraction(to, common)
            ));
        }
    }
    let total = fraction(numerator, common);
    steps.push(format!(
        "{}{sign}{}={total}",
        fraction(left, common),
        fraction(right, common)
    ));
    let shared = gcd(numerator, common);
    let answer = match (shared, numerator / shared, common / shared) {
        (1, ..) => total,
        (_, whole, 1) => whole.to_string(),
        (_, numerator, denominator) => fraction(numerator, denominator),
    };
    if shared > 1 {
        steps.push(format!("{}={answer}", fraction(numerator, common)));
    }
    (2..=5).contains(&steps.len()).then(|| {
        (
            format!("{}{sign}{}", fraction(a, b), fraction(c, d)),
            answer,
            steps,
        )
    })
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
