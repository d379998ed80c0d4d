//! Runs `trimtab_fuzz::grade`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trimtab_fuzz::grade(bytes));
