//! Runs `trimtab_fuzz::template`.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| trimtab_fuzz::template(bytes));
