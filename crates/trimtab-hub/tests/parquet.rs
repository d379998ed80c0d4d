//! Data sets in Parquet files.
#![cfg(feature = "parquet")]

use trimtab_tasks::dataset::{Dataset, DatasetError, LoadedDataset, MalformedRows};

/// Written by pyarrow, see `fixtures/verl_parquet.py`; the third row has a null as its gold.
const VERL: &[u8] = include_bytes!("fixtures/verl.parquet");

fn load(bytes: &[u8], malformed: MalformedRows) -> Result<LoadedDataset, DatasetError> {
    trimtab_hub::install();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("verl.parquet");
    std::fs::write(&path, bytes).expect("a writable folder");
    Dataset::named("dapo-17k")
        .expect("a data set")
        .load(&path, malformed)
}

#[test]
fn nested_rows_are_read() {
    let loaded = load(VERL, MalformedRows::Skip).expect("two good rows");
    let rows: Vec<(&str, &str)> = loaded
        .problems
        .iter()
        .map(|problem| (problem.question.as_str(), problem.answer.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            ("What is 2 + 3?", "5"),
            ("What is 1/4 + 1/4?", r"\frac{1}{2}")
        ]
    );
    let error = load(VERL, MalformedRows::Refuse)
        .expect_err("no gold")
        .to_string();
    assert!(
        error.contains("line 3: no gold answer in `answer`"),
        "{error}"
    );
}

#[test]
fn damaged_files_are_errors_or_rows() {
    for at in 0..VERL.len() {
        let mut bytes = VERL.to_vec();
        bytes[at] ^= 0xff;
        let _ = load(&bytes, MalformedRows::Skip);
    }
    for len in 0..VERL.len() {
        let error = load(&VERL[..len], MalformedRows::Refuse);
        assert!(error.is_err(), "{len}");
    }
}
