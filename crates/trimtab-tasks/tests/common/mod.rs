//! A small evaluation without a model, for the tests of its files.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use trimtab_grader::Rules;
use trimtab_tasks::evaluation::{
    Arm, Decoding, EvaluationError, EvaluationRun, Item, Protocol, Sample, samples_path,
};
use trimtab_tasks::{NanoTask, Template};

/// Completions per problem.
pub(crate) const SAMPLES: usize = 3;

/// The problems of the run.
pub(crate) fn items() -> Vec<Item> {
    Item::held_out(NanoTask::Gsm, 0, 5)
}

/// The protocol of the run.
pub(crate) fn protocol(items: &[Item]) -> Protocol {
    let decoding = Decoding {
        samples: SAMPLES,
        temperature: 0.7,
        max_new_tokens: 96,
        seed: 0,
        stop: vec![],
    };
    Protocol::new(
        "nano-gsm",
        &Template::Nano.pattern(),
        items,
        decoding,
        Rules::DEFAULT,
        "f32",
    )
}

/// What is measured.
pub(crate) fn arm() -> Arm {
    Arm {
        model: "fake".to_owned(),
        model_sha256: "00".to_owned(),
        vectors: vec![],
        device: "none".to_owned(),
        allowed_config_keys: vec![],
    }
}

/// What a model might write: right answers, wrong ones, none, and characters of several bytes.
pub(crate) fn complete(index: usize, item: &Item) -> Vec<Sample> {
    let text = |sample| match (index + sample) % 4 {
        0 => format!("So \\boxed{{{}}}.", item.gold),
        1 => "\\boxed{0}".to_owned(),
        2 => "… \u{1f600} \"\\\n".to_owned(),
        _ => format!("\\boxed{{{}.0}}", item.gold),
    };
    (0..SAMPLES)
        .map(|sample| {
            Sample::graded(
                item,
                sample,
                text(sample),
                7 + sample,
                sample == 2,
                &Rules::DEFAULT,
            )
        })
        .collect()
}

/// Starts or resumes the run.
pub(crate) fn open<'a>(
    out: &Path,
    items: &'a [Item],
) -> Result<EvaluationRun<'a>, EvaluationError> {
    EvaluationRun::open(Some(out), protocol(items), arm(), items)
}

/// Finishes the run, one problem at a time.
pub(crate) fn go_on(out: &Path) {
    let items = items();
    let mut run = open(out, &items).expect("files of this run");
    while let Some(item) = items.get(run.samples().len()) {
        let samples = complete(run.samples().len(), item);
        run.append(vec![samples]).expect("a writable folder");
    }
    run.finish().expect("a writable folder");
}

/// The bytes of the result and the samples.
pub(crate) fn bytes(out: &Path) -> [Vec<u8>; 2] {
    [out, &samples_path(out)].map(|path| fs::read(path).expect("a file of the run"))
}

/// A folder, the result file in it, and the bytes of an uninterrupted run.
pub(crate) fn finished() -> (TempDir, PathBuf, [Vec<u8>; 2]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("made/base.json");
    go_on(&out);
    let bytes = bytes(&out);
    (folder, out, bytes)
}
