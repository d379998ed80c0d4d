//! No two answers make the checker panic or hang, and every answer equals itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_grader::{Verdict, check};

fuzz_target!(|answers: (&str, &str)| {
    let (gold, answer) = answers;
    let there = check(gold, answer);
    if gold.trim() == answer.trim() && !gold.trim().is_empty() && !gold.contains("box") {
        assert_eq!(there, Verdict::Correct);
    }
    check(answer, gold);
});
