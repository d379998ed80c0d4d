//! Reach a target from given numbers with `+ - * /`, each number used exactly once.

use trimtab_grader::Verifier;

use super::Generated;
use crate::rng::Rng;

/// Largest intermediate value.
const MAX_VALUE: u64 = 9999;

/// Level L has L + 2 numbers, from 1 to 20 at level 1 and from 1 to 100 at level 5.
pub(super) fn generate(rng: &mut Rng, level: u8) -> Generated {
    let (numbers, expression, target) = loop {
        let largest = [20, 30, 50, 75, 100][usize::from(level) - 1];
        let numbers: Vec<u64> = (0..level + 2)
            .map(|_| rng.range(1, largest) as u64)
            .collect();
        let (expression, target) = combine(rng, &numbers);
        if (10..=999).contains(&target) && !numbers.contains(&target) {
            break (numbers, expression, target);
        }
    };
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    let list = numbers.iter().map(u64::to_string).collect::<Vec<_>>();
    Generated {
        signature: format!("{sorted:?} {target}"),
        template: format!("{} numbers", numbers.len()),
        question: format!(
            "Use each of the numbers {} exactly once, with +, -, *, / and brackets, to make \
             {target}. Give the expression as the answer.",
            list.join(", ")
        ),
        answer: expression,
        steps: Vec::new(),
        verifier: Verifier::Countdown { numbers, target },
    }
}

/// Combines two random values until only one is left. All values are positive whole numbers.
fn combine(rng: &mut Rng, numbers: &[u64]) -> (String, u64) {
    let mut values: Vec<(String, u64, bool)> = numbers
        .iter()
        .map(|number| (number.to_string(), *number, true))
        .collect();
    while values.len() > 1 {
        let left = values.swap_remove(rng.below(values.len()));
        let right = values.swap_remove(rng.below(values.len()));
        let (left, right) = if left.1 >= right.1 {
            (left, right)
        } else {
            (right, left)
        };
        let mut signs = vec![('+', left.1 + right.1)];
        if left.1 > right.1 {
            signs.push(('-', left.1 - right.1));
        }
        if left.1 * right.1 <= MAX_VALUE {
            signs.push(('*', left.1 * right.1));
        }
        if left.1.is_multiple_of(right.1) && right.1 > 1 {
            signs.push(('/', left.1 / right.1));
        }
        let (sign, value) = rng.pick(&signs);
        let wrap = |(text, _, atom): &(String, u64, bool)| {
            if *atom {
                text.clone()
            } else {
                format!("({text})")
            }
        };
        values.push((
            format!("{} {sign} {}", wrap(&left), wrap(&right)),
            value,
            false,
        ));
    }
    let (expression, value, _) = values.swap_remove(0);
    (expression, value)
}
