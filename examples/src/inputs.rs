//! A program does not write over what it reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use same_file::Handle;

/// Refuses an output that is a file that the program reads, or a file in a folder that it reads.
/// Files are compared, not names: a link to an input is refused too. Each input has the flag that
/// names it. Pages may be replaced, since programs write them beside what they show.
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
    let is_page = out.extension().is_some_and(|it| it == "html");
    for (flag, input) in inputs {
        ensure!(
            is_page || !is_within(out, &input),
            "{} would be overwritten, and {flag} reads its folder; give another file with --out",
            out.display()
        );
        ensure!(
            file(&input).as_ref() != Some(&written),
            "{} would be overwritten, and {flag} reads it; give another file with --out",
            out.display()
        );
    }
    Ok(())
}

/// Makes sure that an output file can be written at the end of long work: refuses what
/// [`keep_inputs`] refuses and folders, and creates the folder of the file.
///
/// # Errors
///
/// `out` is an input or a folder, or its folder cannot be created.
pub fn prepare_output<'a>(
    out: &Path,
    inputs: impl IntoIterator<Item = (&'a str, PathBuf)>,
) -> Result<()> {
    keep_inputs(out, inputs)?;
    ensure!(
        !out.is_dir(),
        "{} is a folder; give a file with --out",
        out.display()
    );
    let folder = out.parent().unwrap_or(Path::new(""));
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

fn is_within(file: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    match (real(file), real(folder)) {
        (Some(file), Some(folder)) => folder.is_dir() && file.starts_with(&folder),
        _ => false,
    }
}

fn file(path: &Path) -> Option<Handle> {
    path.is_file().then(|| Handle::from_path(path).ok())?
}

#[cfg(test)]
mod tests {
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
    #[test]
    fn files_of_a_folder_that_is_read_stay() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let weights = folder.path().join("model.safetensors");
        fs::write(&weights, "1").expect("a writable folder");
        let read = || [("--model", folder.path().to_owned())];
        let error = keep_inputs(&weights, read()).expect_err("a file of the input");
        assert!(
            error.to_string().contains("--model reads its folder"),
            "{error}"
        );
        let page = folder.path().join("lens.html");
        fs::write(&page, "1").expect("a writable folder");
        keep_inputs(&page, read()).expect("a page");
        keep_inputs(&folder.path().join("new.safetensors"), read()).expect("nothing is replaced");
    }

    #[test]
    fn the_folder_of_an_output_is_created() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("a/b/out.json");
        prepare_output(&out, []).expect("a writable folder");
        fs::write(&out, "1").expect("the folder is there");
        assert!(prepare_output(folder.path(), []).is_err());
        prepare_output(Path::new("out.json"), []).expect("the present folder");
    }
}
