//! A resumed evaluation of the bundled model ends in the same bytes as an uninterrupted one.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use trimtab::Rules;
use trimtab_model::{Precision, Pretrained};
use trimtab_rl::evaluate;
use trimtab_tasks::evaluation::{Arm, Decoding, EvaluationRun, Item, Protocol, samples_path};
use trimtab_tasks::{NanoTask, Template};
use trimtab_tests::bundled_model;

/// Two batches: 128 problems and the rest.
const PROBLEMS: u64 = 140;
const SAMPLES: usize = 4;

/// Evaluates to the end, or stops after a number of batches.
fn measure(base: &Pretrained, out: &Path, batches: usize) {
    let items = Item::held_out(NanoTask::Gsm, 0, PROBLEMS);
    let decoding = Decoding {
        samples: SAMPLES,
        temperature: 1.0,
        max_new_tokens: 32,
        seed: 5,
        stop: vec![],
    };
    let protocol = Protocol::new(
        "nano-gsm",
        &Template::Nano.pattern(),
        &items,
        decoding.clone(),
        Rules::DEFAULT,
        "f32",
    );
    let arm = Arm {
        model: base.name.clone(),
        model_sha256: base.sha256.clone(),
        vectors: vec![],
        device: "flex".to_owned(),
        allowed_config_keys: vec![],
    };
    let mut run = EvaluationRun::open(Some(out), protocol, arm, &items).expect("files of this run");
    let first = run.samples().len();
    for batch in evaluate(base, None, &items, &decoding, &Rules::DEFAULT, first).take(batches) {
        run.append(batch.expect("prompts that fit"))
            .expect("a writable folder");
    }
    if run.samples().len() == items.len() {
        run.finish().expect("a writable folder");
    }
}

#[test]
fn a_cut_evaluation_ends_in_the_same_bytes() {
    let base = Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
        .expect("the bundled model");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = |out: &Path| {
        [out, &samples_path(out)].map(|path| fs::read_to_string(path).expect("a file of the run"))
    };
    let whole = folder.path().join("whole.json");
    measure(&base, &whole, usize::MAX);
    let expected = bytes(&whole);

    let cut = folder.path().join("cut.json");
    measure(&base, &cut, 1);
    let [unfinished, first_batch] = bytes(&cut);
    assert_eq!(first_batch.lines().count(), 128 * SAMPLES);
    assert!(expected[1].starts_with(&first_batch));
    measure(&base, &cut, usize::MAX);
    assert!(bytes(&cut) == expected, "cut between two batches");

    // Cut inside a batch, as a kill during a write leaves it. The rest then runs in other batches.
    for (problems, part) in [(3, 700), (127, 1), (139, 900)] {
        let whole_lines: String = expected[1]
            .split_inclusive('\n')
            .take(problems * SAMPLES)
            .collect();
        let end = expected[1].floor_char_boundary(whole_lines.len() + part);
        fs::write(&cut, &unfinished).expect("a writable folder");
        fs::write(samples_path(&cut), &expected[1][..end]).expect("a writable folder");
        measure(&base, &cut, usize::MAX);
        assert!(
            bytes(&cut) == expected,
            "cut after {problems} problems and {part} bytes"
        );
    }
}
