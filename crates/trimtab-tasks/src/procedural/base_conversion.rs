//! Numbers written in another base.

use trimtab_grader::Verifier;

use super::Generated;
use crate::rng::Rng;

/// Levels: decimal to binary, binary to decimal, bases to 9, bases to 16, and bases to 16 with
/// large numbers.
pub(super) fn generate(rng: &mut Rng, level: u8) -> Generated {
    let (from, to) = match level {
        1 => (10, 2),
        2 => (2, 10),
        _ => loop {
            let largest = if level == 3 { 9 } else { 16 };
            let (from, to) = (rng.range(2, largest), rng.range(2, largest));
            if from != to {
                break (from as u64, to as u64);
            }
        },
    };
    let [smallest, largest] = [
        [32, 255],
        [64, 511],
        [64, 999],
        [256, 4095],
        [65_536, 999_999],
    ][usize::from(level) - 1];
    let number = rng.range(smallest, largest) as u64;
    Generated {
        signature: format!("{number} {from} {to}"),
        template: format!("base {from} to base {to}"),
        question: format!(
            "The number {} is written in base {from}. Write it in base {to}.",
            written(number, from)
        ),
        answer: written(number, to),
        steps: Vec::new(),
        verifier: Verifier::Digits { base: to as u32 },
    }
}

fn written(mut number: u64, base: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.push(b"0123456789ABCDEF"[(number % base) as usize] as char);
        number /= base;
    }
    digits.iter().rev().collect()
}
