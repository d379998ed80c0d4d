//! No text makes the grader panic or hang, and what it extracts grades as the text does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_grader::{check, grade};

fuzz_target!(|texts: (&str, &str)| {
    let (gold, text) = texts;
    let graded = grade(gold, text);
    if let Some(extracted) = &graded.extracted {
        assert_eq!(graded.verdict, check(gold, extracted));
    }
});
