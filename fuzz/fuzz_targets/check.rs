//! Runs `trimtab_fuzz::check`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trimtab_fuzz::check(bytes));
