//! Any text as `chat_template.jinja`: compiled and rendered without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_model::{ChatMessage, ChatTemplate};

// A panic that the crate catches is no find; one that it lets through still ends the process.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("chat_template.jinja"), bytes).expect("a writable folder");
    if let Ok(Some(template)) = ChatTemplate::from_dir(folder.path()) {
        let messages = [ChatMessage::new("user", "one"), ChatMessage::new("assistant", "two")];
        drop(template.render(&messages, true));
    }
});
