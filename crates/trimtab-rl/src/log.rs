//! Logs of JSON lines, each with the step that it belongs to.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use trimtab_model::file::write_atomically;

/// A line of a log that is damaged, or of another version.
#[derive(Debug, thiserror::Error)]
#[error("cannot read line {line} of {path}; it stays in the file and counts nowhere")]
pub struct LogError {
    /// The log.
    pub path: PathBuf,
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

/// What a log holds up to a step.
pub(crate) struct LogContents<T> {
    pub(crate) records: Vec<T>,
    pub(crate) unreadable: Vec<LogError>,
}

/// What every line has.
#[derive(Deserialize)]
pub(crate) struct LineStep {
    step: u64,
}

/// Adds lines to a log.
pub(crate) fn append(
    path: &Path,
    lines: impl IntoIterator<Item = impl Serialize>,
) -> io::Result<()> {
    let text = self::lines(lines);
    if text.is_empty() {
        return Ok(());
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Records as lines.
pub(crate) fn lines(records: impl IntoIterator<Item = impl Serialize>) -> String {
    let mut text = String::new();
    for record in records {
        text += &serde_json::to_string(&record).expect("a record is plain data");
        text.push('\n');
    }
    text
}

/// Waits until the disk holds what was added to a log. A log that does not exist holds nothing.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    match OpenOptions::new().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.sync_data(),
    }
}

/// Reads a log up to `step` and removes what a stopped run wrote after that.
///
/// What goes is everything after the last line of a step up to `step`: lines of later steps, and a
/// line that was cut in the middle. A line before that which cannot be read is reported.
pub(crate) fn trim<T: DeserializeOwned>(path: &Path, step: u64) -> io::Result<LogContents<T>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
        read => read?,
    };
    let lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
    let counts = |line: &&[u8]| {
        let of = serde_json::from_slice::<LineStep>(line);
        line.ends_with(b"\n") && of.is_ok_and(|of| of.step <= step)
    };
    let count = lines.iter().rposition(counts).map_or(0, |last| last + 1);
    let kept = lines[..count].concat();
    if kept.len() != bytes.len() {
        write_atomically(path, &kept)?;
    }
    let mut contents = LogContents {
        records: vec![],
        unreadable: vec![],
    };
    for (line, number) in lines[..count].iter().zip(1..) {
        match serde_json::from_slice(line) {
            Ok(record) => contents.records.push(record),
            Err(source) => contents.unreadable.push(LogError {
                path: path.into(),
                line: number,
                source,
            }),
        }
    }
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Line {
        step: u64,
        value: u32,
    }

    #[test]
    fn a_line_that_cannot_be_read_costs_no_other() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("log");
        let kept = "{\"step\":1,\"value\":7}\n{\"step\":2}\n\0\n{\"step\":3,\"value\":9}\n";
        fs::write(&path, format!("{kept}{{\"step\":4,\"value\":1}}\n{{\"st")).expect("a file");
        let contents = trim::<Line>(&path, 3).expect("a file");
        let [first, last] = [(1, 7), (3, 9)].map(|(step, value)| Line { step, value });
        assert_eq!(contents.records, [first, last]);
        let numbers: Vec<usize> = contents.unreadable.iter().map(|one| one.line).collect();
        assert_eq!(numbers, [2, 3]);
        assert_eq!(fs::read_to_string(&path).expect("a file"), kept);
    }
}
