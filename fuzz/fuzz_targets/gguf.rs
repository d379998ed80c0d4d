//! Runs `trimtab_fuzz::gguf`.
#![no_main]
// A panic that a crate catches is no finding; one that it lets through still ends the process.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| trimtab_fuzz::gguf(bytes)
);
