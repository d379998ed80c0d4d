//! Two files from one input, cut at its first zero byte: `tokenizer.json` and
//! `tokenizer_config.json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_model::{ChatMessage, ChatTemplate, Tokenizer};

// A panic that the crate catches is no find; one that it lets through still ends the process.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = bytes.splitn(2, |&byte| byte == 0);
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let content = files.next().unwrap_or_default();
        std::fs::write(folder.path().join(name), content).expect("a writable folder");
    }
    if let Ok(tokenizer) = Tokenizer::from_dir(folder.path(), 89)
        && let Ok(ids) = tokenizer.encode("one two\n three")
    {
        assert!(ids.iter().all(|&id| id < 89));
        tokenizer.decode(&ids).expect("encoded ids decode");
    }
    if let Ok(Some(template)) = ChatTemplate::from_dir(folder.path()) {
        drop(template.render(&[ChatMessage::new("user", "one")], true));
    }
});
