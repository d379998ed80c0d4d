//! No text makes the grader panic or hang, and what it extracts grades as the text does.
//!
//! `cargo +nightly fuzz run grade` in `crates/trimtab-tasks`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_tasks::{check, grade};

fuzz_target!(|texts: (&str, &str)| {
    let (gold, text) = texts;
    let graded = grade(gold, text);
    if let Some(extracted) = &graded.extracted {
        assert_eq!(graded.verdict, check(gold, extracted));
    }
});
