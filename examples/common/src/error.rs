//! How a program ends.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Error, Result};

use crate::stop::{STOPPED, Stopped};

/// Success, or failure with the error on standard error as one paragraph. A stop that was asked
/// for is not an error, but has its own exit code. Nothing is said where nobody reads any more.
pub fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Stopped>() => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(STOPPED)
        }
        Err(error) if is_closed_pipe(&error) => ExitCode::from(CLOSED_PIPE),
        Err(error) => {
            // Nothing is left to do if even this cannot be written.
            let _ = writeln!(io::stderr(), "error: {}", paragraph(&error));
            ExitCode::FAILURE
        }
    }
}

/// Exit code of a program whose output nobody reads any more, as shells have it.
const CLOSED_PIPE: u8 = 141;

/// Whether printing failed because nobody reads any more. Pipes to other programs have errors of
/// their own.
fn is_closed_pipe(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The messages of an error and its causes, without those that the message before ends in already.
fn paragraph(error: &Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text += ": ";
            text += &cause;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cause_is_told_twice() {
        let error = anyhow::anyhow!("no such file")
            .context("cannot read a.toml: no such file")
            .context("cannot start");
        assert_eq!(
            paragraph(&error),
            "cannot start: cannot read a.toml: no such file"
        );
    }
}
