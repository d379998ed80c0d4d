//! Logs of JSON lines, each with the step that it belongs to.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use trimtab_model::file::write_atomically;

/// Adds lines to a log.
pub(crate) fn append(
    path: &Path,
    lines: impl IntoIterator<Item = impl Serialize>,
) -> io::Result<()> {
    let mut text = String::new();
    for line in lines {
        text += &serde_json::to_string(&line).expect("a record is plain data");
        text.push('\n');
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Removes what a stopped run wrote after its last checkpoint, lines of later steps and a line cut in the middle; gives what
/// is left.
pub(crate) fn trim(path: &Path, step: u64) -> io::Result<Vec<u8>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        read => read?,
    };
    let step_of = |line: &[u8]| -> Option<u64> {
        let line: serde_json::Value = serde_json::from_slice(line).ok()?;
        line.get("step")?.as_u64()
    };
    let kept: Vec<u8> = bytes
        .split_inclusive(|&byte| byte == b'\n')
        .filter(|line| line.ends_with(b"\n") && step_of(line).is_some_and(|of| of <= step))
        .flatten()
        .copied()
        .collect();
    if kept.len() != bytes.len() {
        write_atomically(path, &kept)?;
    }
    Ok(kept)
}

/// The lines of a log that [`trim`] gave.
pub(crate) fn parse<T: DeserializeOwned>(lines: &[u8]) -> Vec<T> {
    let values = serde_json::Deserializer::from_slice(lines).into_iter();
    values.map_while(Result::ok).collect()
}
