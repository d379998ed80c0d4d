//! A program does not write over what it reads.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use same_file::Handle;

/// Refuses an output that is a file that the program reads. Files are compared, not names: a link
/// to an input is refused too. Each input has the flag that names it.
///
/// # Errors
///
/// `out` is an input.
pub fn keep_inputs<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = (&'a str, PathBuf)>,
) -> Result<()> {
    let Some(written) = file(out) else {
        return Ok(()); // nothing is there yet, or a pipe or device
    };
    for (flag, input) in inputs {
        ensure!(
            file(&input).as_ref() != Some(&written),
            "{} would be overwritten, and {flag} reads it; give another file with --out",
            out.display()
        );
    }
    Ok(())
}

fn file(path: &Path) -> Option<Handle> {
    path.is_file().then(|| Handle::from_path(path).ok())?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_input_is_known_by_any_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name| folder.path().join(name);
        let (input, other) = (path("a.jsonl"), path("b.jsonl"));
        fs::write(&input, "1").expect("a writable folder");
        fs::write(&other, "1").expect("a writable folder");
        fs::hard_link(&input, path("hard")).expect("a file system with links");
        #[cfg(unix)]
        std::os::unix::fs::symlink(&input, path("soft")).expect("a file system with links");
        let mut names = vec!["a.jsonl", "./a.jsonl", "hard"];
        names.extend(cfg!(unix).then_some("soft"));
        for name in names.into_iter().map(path) {
            let error = keep_inputs(&name, [("--cases", input.clone())]).expect_err("the input");
            assert!(
                error.to_string().contains("and --cases reads it"),
                "{error}"
            );
            keep_inputs(&name, [("--cases", other.clone())]).expect("another file");
        }
        keep_inputs(&path("new.jsonl"), [("--cases", input)]).expect("a new file");
    }
}
