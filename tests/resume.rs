//! A stopped run resumes as if it had not been stopped, byte for byte, wherever it was stopped.
//!
//! A run folder that cannot be used gives a typed error and does not change.

#![cfg(target_os = "linux")] // signals, permissions and `/dev/full`
#![expect(
    clippy::type_complexity,
    reason = "tables of cases read best as they are"
)]
#![expect(
    clippy::semicolon_if_nothing_returned,
    reason = "tables of cases read best as they are"
)]
#![expect(
    clippy::too_many_lines,
    reason = "tables of cases read best as they are"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use tempfile::TempDir;
use trimtab_model::tensor_file::{TensorFile, TensorFileError};
use trimtab_model::{Precision, Pretrained};
use trimtab_rl::checkpoint::{CheckpointError, vectors_by_step};
use trimtab_rl::optim::AdamWConfig;
use trimtab_rl::reward::BuiltIn;
use trimtab_rl::{Recipe, RecipeConfig, Run, RunError};
use trimtab_steer::SteeringFile;
use trimtab_tasks::Template;
use trimtab_tests::{bundled_model, error_chain};

const METRICS: &str = "metrics.jsonl";
const COMPLETIONS: &str = "completions.jsonl";
const EVENTS: &str = "events.out.tfevents.0.trimtab";
const STEERING: &str = "steering.safetensors";

fn checkpoint(step: u64) -> String {
    format!("checkpoint-{step:06}.safetensors")
}

#[test]
fn a_run_reopened_after_every_step_ends_in_the_same_bytes() {
    let folder = copy(&started());
    for step in 1..RECIPE.steps {
        let mut run = open(&folder).expect("a good folder");
        assert_eq!(run.step(), step);
        assert_eq!(
            run.advance()
                .expect("a good step")
                .map(|step| step.metrics.step),
            Some(step + 1)
        );
        run.suspend().expect("a writable folder");
    }
    finish(&folder);
    assert_same(&folder, "reopened after every step");
}

#[test]
fn the_reference_run_moves() {
    // Random rewards give every step a signal, whatever the model answers, and the moments in the
    // first checkpoint move the vectors. In the last step the cosine schedule has brought the
    // learning rate to zero.
    let norms: Vec<String> = String::from_utf8_lossy(&REFERENCE.last()[METRICS])
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).expect("JSON")["vector_norms"]
                .to_string()
        })
        .collect();
    assert_eq!(norms.len() as u64, RECIPE.steps);
    for pair in norms[..norms.len() - 1].windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}

/// Every state in which a process can die between two checkpoints: parts of a later step in the
/// logs, and a checkpoint half written under its temporary name.
#[test]
fn log_lines_after_the_last_checkpoint_are_trimmed() {
    const NEXT_CHECKPOINT: &str = "checkpoint-000003.safetensors.tmp";
    let [before, after, later] = [2, 3, 4].map(|step| &REFERENCE.after_step[step - 1]);
    let half = |bytes: &[u8], old: &[u8]| bytes[..usize::midpoint(old.len(), bytes.len())].to_vec();
    let junk = |bytes: &[u8], junk: &[u8]| [bytes, junk].concat();
    let states: [(&str, Vec<(&str, Vec<u8>)>); 6] = [
        (
            "metrics of the next step",
            vec![(METRICS, after[METRICS].clone())],
        ),
        (
            "half a line of metrics",
            vec![(METRICS, half(&after[METRICS], &before[METRICS]))],
        ),
        (
            "half the completions and half a checkpoint",
            vec![
                (METRICS, after[METRICS].clone()),
                (COMPLETIONS, half(&after[COMPLETIONS], &before[COMPLETIONS])),
                (NEXT_CHECKPOINT, half(&after[&checkpoint(3)], b"")),
            ],
        ),
        (
            "all of the next step but its checkpoint",
            vec![
                (METRICS, after[METRICS].clone()),
                (COMPLETIONS, after[COMPLETIONS].clone()),
                (NEXT_CHECKPOINT, after[&checkpoint(3)].clone()),
                (EVENTS, after[EVENTS].clone()),
            ],
        ),
        (
            "logs two steps ahead",
            vec![
                (METRICS, later[METRICS].clone()),
                (COMPLETIONS, later[COMPLETIONS].clone()),
            ],
        ),
        (
            "lines that are none",
            vec![
                (METRICS, junk(&before[METRICS], b"\0\0\0\n{}\n7\n")),
                (COMPLETIONS, junk(&before[COMPLETIONS], b"\xff")),
            ],
        ),
    ];
    for (name, files) in states {
        let folder = tempfile::tempdir().expect("a temporary folder");
        restore(before, folder.path());
        for (file, bytes) in files {
            fs::write(folder.path().join(file), bytes).expect("a writable folder");
        }
        let run = open(&folder).expect("a good folder");
        assert_eq!(run.step(), 2, "{name}");
        drop(run);
        for log in [METRICS, COMPLETIONS, EVENTS] {
            assert!(
                fs::read(folder.path().join(log)).expect("a log") == before[log],
                "{name}: {log} is not trimmed"
            );
        }
        finish(&folder);
        assert_same(&folder, name);
    }
}

#[test]
fn logs_without_a_checkpoint_are_discarded() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let before = &REFERENCE.after_step[0];
    fs::write(folder.path().join("config.toml"), RECIPE.to_toml()).expect("a writable folder");
    for log in [METRICS, COMPLETIONS] {
        fs::write(folder.path().join(log), &before[log]).expect("a writable folder");
    }
    let run = open(&folder).expect("a good folder");
    assert_eq!(run.step(), 0);
    for log in [METRICS, COMPLETIONS] {
        assert_eq!(
            fs::read(folder.path().join(log)).expect("a log"),
            b"",
            "{log}"
        );
    }
}

/// Kills a run fifty times, at moments spread evenly from the start of the process to its usual
/// end: while it loads, samples, and writes logs and checkpoints. A run that is killed until it
/// ends leaves the same bytes as an uninterrupted one.
#[test]
fn killed_processes_end_in_the_same_bytes() {
    const KILLS: u32 = 50;
    let (mut killed, mut runs) = (0, 0);
    let mut usual: Option<Duration> = None;
    while killed < KILLS {
        let folder = copy(&started());
        let recipe = folder.path().join("recipe.toml");
        fs::write(&recipe, RECIPE.to_toml()).expect("a writable folder");
        let begun = Instant::now();
        loop {
            let mut child = spawn(&recipe, &folder, &[]);
            if let Some(usual) = usual {
                // Fractional parts of multiples of the golden ratio, which spread evenly.
                let share = (f64::from(killed + runs) * 0.618_033_988_749_895).fract();
                sleep(Duration::mul_f64(usual, share));
                child.kill().expect("a child of mine");
            }
            let status = child.wait().expect("a child");
            if status.signal() != Some(9) {
                assert!(status.success(), "{status}");
                break;
            }
            killed += 1;
            assert!(killed < 10 * KILLS, "no run comes to its end");
        }
        // The shortest, or a busy moment at the first would put every kill after the end.
        usual = Some(usual.map_or(begun.elapsed(), |usual| usual.min(begun.elapsed())));
        runs += 1;
        assert_same(&folder, &format!("killed {killed} times so far"));
    }
    eprintln!("{killed} processes were killed, {runs} runs came to their end");
}

#[test]
fn a_folder_belongs_to_one_process() {
    let folder = copy(&started());
    let recipe = folder.path().join("recipe.toml");
    fs::write(&recipe, RECIPE.to_toml()).expect("a writable folder");
    let mut child = spawn(&recipe, &folder, &["hold"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a pipe");
    assert_eq!(line, "open at step 1\n");
    let refused = open(&folder).map(|run| run.step());
    assert!(
        matches!(&refused, Err(RunError::Locked { folder: named }) if named == folder.path()),
        "{refused:?}"
    );
    drop(child.stdin.take());
    assert!(child.wait().expect("a child").success());
    let run = open(&folder).expect("the lock went with the process");
    assert!(
        matches!(open(&folder), Err(RunError::Locked { .. })),
        "a process locks out itself too"
    );
    drop(run);
    open(&folder).expect("the lock went with the run");
}

#[test]
fn damaged_checkpoints_are_refused() {
    let name = checkpoint(2);
    let good = &REFERENCE.after_step[1][&name];
    let refuse = |name: &str, bytes: &[u8], expected: fn(&CheckpointError) -> bool| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        restore(&REFERENCE.after_step[1], folder.path());
        fs::write(folder.path().join(checkpoint(2)), bytes).expect("a writable folder");
        // A line that resuming from a valid checkpoint would trim. A folder that is refused does
        // not change.
        let metrics = [&REFERENCE.after_step[1][METRICS][..], b"half a line"].concat();
        fs::write(folder.path().join(METRICS), &metrics).expect("a writable folder");
        let refused = open(&folder).map(|run| run.step());
        assert!(
            matches!(&refused, Err(RunError::Checkpoint(error)) if expected(error)),
            "{name}: {refused:?}"
        );
        assert!(
            fs::read(folder.path().join(checkpoint(2))).expect("a file") == bytes,
            "{name}: checkpoint changed"
        );
        assert!(
            fs::read(folder.path().join(METRICS)).expect("a file") == metrics,
            "{name}: metrics changed"
        );
    };
    for len in [0, 1, 7, 8, 100, good.len() / 2, good.len() - 1] {
        refuse(&format!("cut to {len} bytes"), &good[..len], |error| {
            matches!(
                error,
                CheckpointError::File(TensorFileError::Malformed { .. })
            )
        });
    }
    // In the data: the lowest bit of a value, the sign of another. In the header: the step.
    for index in [good.len() - 4, good.len() / 2] {
        let mut damaged = good.clone();
        damaged[index - index % 4] ^= 1;
        refuse(&format!("bit {index} flipped"), &damaged, |error| {
            matches!(
                error,
                CheckpointError::File(TensorFileError::Checksum { .. })
            )
        });
    }
    let step = good
        .windows(8)
        .position(|bytes| bytes == br#"step\":2"#)
        .expect("the step is in the header");
    let mut damaged = good.clone();
    damaged[step + 7] = b'3';
    refuse("another step", &damaged, |error| {
        matches!(
            error,
            CheckpointError::File(TensorFileError::Checksum { .. })
        )
    });
    let mut infinite = good.clone();
    let last = infinite.len() - 4;
    infinite[last..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    refuse("infinity", &infinite, |error| {
        matches!(
            error,
            CheckpointError::File(TensorFileError::NonFinite { .. })
        )
    });

    // Complete files with a correct checksum that are not checkpoints of this run.
    let changed = |change: &dyn Fn(&mut TensorFile)| {
        let mut file =
            TensorFile::from_bytes(good, Path::new("checkpoint")).expect("a good checkpoint");
        change(&mut file);
        file.to_bytes()
    };
    let format: fn(&CheckpointError) -> bool =
        |error| matches!(error, CheckpointError::Format { .. });
    for name in ["vectors", "vectors.moments.first", "vectors.moments.second"] {
        refuse(
            name,
            &changed(&|file| drop(file.tensors.remove(name))),
            format,
        );
        refuse(
            name,
            &changed(&|file| file.tensors.get_mut(name).expect(name).shape.reverse()),
            format,
        );
    }
    for key in ["progress", "recipe_sha256", "base_sha256"] {
        refuse(
            key,
            &changed(&|file| drop(file.metadata.remove(key))),
            format,
        );
        refuse(
            key,
            &changed(&|file| drop(file.metadata.insert(key.to_owned(), (-1).into()))),
            format,
        );
    }
    let transposed = |file: &mut TensorFile| {
        file.tensors
            .values_mut()
            .for_each(|tensor| tensor.shape.reverse())
    };
    refuse("all of another shape", &changed(&transposed), format);
    let steering = &REFERENCE.last()[STEERING];
    refuse("steering vectors instead", steering, format);
}

#[test]
fn checkpoints_of_other_runs_are_refused() {
    let folder = copy(&started());
    let files = snapshot(folder.path());
    let other = |base: &Pretrained, config: RecipeConfig, what: &str| {
        let recipe = config.build().expect("a good recipe");
        let refused = Run::open(folder.path(), base, &recipe).map(|run| run.step());
        let named = match &refused {
            Err(RunError::Checkpoint(CheckpointError::OtherRun { what, .. })) => what.as_str(),
            Err(RunError::OtherRecipe { key, .. }) => key.as_str(),
            _ => panic!("{refused:?}"),
        };
        assert_eq!(named, what);
    };
    other(
        nano(),
        RecipeConfig {
            seed: 1,
            ..config()
        },
        "seed",
    );
    other(
        nano(),
        RecipeConfig {
            steps: RECIPE.steps + 1,
            ..config()
        },
        "steps",
    );
    let adamw = AdamWConfig {
        beta2: 0.99,
        ..RECIPE.adamw
    };
    other(nano(), RecipeConfig { adamw, ..config() }, "adamw.beta2");
    let same_result = RecipeConfig {
        keep_checkpoints: 7,
        checkpoint_every: 2,
        micro_batch_tokens: 99,
        ..config()
    };
    let same_result = same_result.build().expect("a good recipe");
    Run::open(folder.path(), nano(), &same_result).expect("nothing that the result depends on");
    fs::write(folder.path().join("config.toml"), &files["config.toml"]).expect("a folder");
    other(
        &Pretrained {
            sha256: "0".repeat(64),
            ..nano().clone()
        },
        config(),
        "base model",
    );
    assert!(
        snapshot(folder.path()) == files,
        "a folder that is refused stays as it is"
    );
}

#[test]
fn the_vectors_of_all_checkpoints_of_a_run_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for files in &REFERENCE.after_step {
        restore(files, folder.path());
    }
    let found = vectors_by_step(folder.path(), nano()).expect("a run of this model");
    let steps: Vec<u64> = found.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, (1..=RECIPE.steps).collect::<Vec<_>>());
    let exported = SteeringFile::read(&folder.path().join(STEERING), nano()).expect("exported");
    let (_, last) = found.last().expect("the recipe has steps");
    assert_eq!(last, exported.vectors().expect("plain vectors"));
    assert_ne!(found[0].1, *last);

    let other = Pretrained {
        sha256: "0".repeat(64),
        ..nano().clone()
    };
    let refused = vectors_by_step(folder.path(), &other);
    assert!(matches!(refused, Err(CheckpointError::OtherBase { .. })));
    let path = folder.path().join(checkpoint(1));
    fs::copy(folder.path().join(checkpoint(2)), &path).expect("a writable folder");
    let refused = vectors_by_step(folder.path(), nano());
    assert!(matches!(refused, Err(CheckpointError::Foreign { .. })));
    fs::write(&path, "damaged").expect("a writable folder");
    let refused = vectors_by_step(folder.path(), nano());
    assert!(matches!(refused, Err(CheckpointError::File(_))));
    let config = folder.path().join("config.toml");
    for (recipe, expected) in [
        ("[steer]\nform = \"lora\"", "a run that trains `lora`"),
        ("[steer]\nform = \"full\"", "a run that trains `full`"),
        (
            "[steer]\nsite = \"mlp_out\"",
            "a run that trains at `mlp_out`",
        ),
        (
            "[steer]\nwhere = { only = { part = \"generated\" } }",
            "at some tokens",
        ),
        ("steps = \"many\"", "is not the recipe of a run"),
    ] {
        fs::remove_file(&path).ok();
        fs::write(&config, recipe).expect("a writable folder");
        let error = vectors_by_step(folder.path(), nano()).expect_err(recipe);
        assert!(error_chain(&error).contains(expected), "{error}");
    }
    let empty = tempfile::tempdir().expect("a temporary folder");
    let refused = vectors_by_step(empty.path(), nano());
    assert!(matches!(refused, Err(CheckpointError::Disk { .. })));
    fs::write(empty.path().join("config.toml"), "").expect("a writable folder");
    let refused = vectors_by_step(empty.path(), nano());
    assert!(matches!(refused, Err(CheckpointError::None { .. })));
}

#[test]
fn a_suspended_run_continues_between_its_checkpoints() {
    let config = RecipeConfig {
        steps: 5,
        checkpoint_every: 2,
        keep_checkpoints: 1,
        ..config()
    };
    let recipe = config.build().expect("a good recipe");
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
    let open = |folder: &TempDir| Run::open(folder.path(), nano(), &recipe).expect("a good folder");
    let names = |folder: &TempDir| {
        let files = snapshot(folder.path());
        let names = files
            .into_keys()
            .filter(|name| name.starts_with("checkpoint"));
        names.collect::<Vec<_>>()
    };
    let mut run = open(&folders[0]);
    while run.advance().expect("a good step").is_some() {}
    run.export().expect("a writable folder");
    for step in 1..=3 {
        let mut run = open(&folders[1]);
        assert_eq!(run.step(), step - 1);
        run.advance().expect("a good step");
        run.suspend().expect("a writable folder");
        let kept = if step == 3 { vec![2, 3] } else { vec![step] };
        assert_eq!(
            names(&folders[1]),
            kept.into_iter().map(checkpoint).collect::<Vec<_>>()
        );
    }
    let mut run = open(&folders[1]);
    while run.advance().expect("a good step").is_some() {}
    run.export().expect("a writable folder");
    let [whole, stopped] = folders.each_ref().map(|folder| snapshot(folder.path()));
    assert!(whole == stopped, "the folders differ");
}

/// Another format gives other numbers, so the run would not be the same.
#[test]
fn a_run_keeps_the_format_of_its_weights() {
    let folder = copy(&started());
    let other = Pretrained::load(&bundled_model(), Precision::Q8, &Device::flex());
    let other = other.expect("the bundled model");
    let refused = Run::open(folder.path(), &other, &RECIPE).map(|run| run.step());
    let Err(error) = refused else {
        panic!("continued in q8");
    };
    assert!(
        error
            .to_string()
            .contains("another number format of the weights (`--dtype f32`, here q8)"),
        "{error}"
    );
}

#[test]
fn files_of_others_are_not_overwritten() {
    for name in [
        "config.toml",
        METRICS,
        COMPLETIONS,
        "steering.safetensors",
        "report.html",
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join(name);
        fs::write(&path, "precious").expect("a writable folder");
        let refused = open(&folder).map(|run| run.step());
        assert!(
            matches!(&refused, Err(RunError::OtherFile { path: other }) if *other == path),
            "{name}: {refused:?}"
        );
        assert_eq!(fs::read(&path).expect("still there"), b"precious");
    }
}

#[test]
fn a_start_without_a_step_does_not_block_the_next_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let chat = RecipeConfig {
        template: Some(Template::Chat),
        ..config()
    };
    let chat = chat.build().expect("a good recipe");
    let mut run = Run::open(folder.path(), nano(), &chat).expect("an empty folder");
    let error = run.advance().map(drop).expect_err("no chat template");
    assert!(error.to_string().contains("no chat template"), "{error}");
    drop(run);
    // What an evaluation of the base with that recipe leaves.
    let validation = folder.path().join("validation.jsonl");
    fs::write(&validation, r#"{"step": 0}"#).expect("a writable folder");
    let mut run = open(&folder).expect("a folder without a step");
    assert!(run.validations().is_empty() && !validation.exists());
    run.advance().expect("a good step");
    // A step without its checkpoint is kept from other recipes, and not from its own.
    run.export().expect("a writable folder");
    drop(run);
    fs::remove_file(folder.path().join(checkpoint(1))).expect("written with the step");
    let refused = Run::open(folder.path(), nano(), &chat).map(|run| run.step());
    assert!(
        matches!(&refused, Err(RunError::OtherRecipe { key, .. }) if key == "template"),
        "{refused:?}"
    );
    open(&folder).expect("the same recipe");
}

#[test]
fn folders_that_cannot_be_used_give_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("a writable folder");
    // Permissions do not stop root, but nobody can make a folder in /proc.
    for path in [
        file.clone(),
        file.join("run"),
        PathBuf::from("/proc/trimtab/run"),
    ] {
        let refused = Run::open(&path, nano(), &RECIPE).map(|run| run.step());
        assert!(
            matches!(refused, Err(RunError::Io { .. })),
            "{}: {refused:?}",
            path.display()
        );
    }
    for name in ["lock", METRICS, COMPLETIONS, "config.toml"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join(name)).expect("a writable folder");
        let refused = open(&folder).map(|run| run.step());
        assert!(
            matches!(
                &refused,
                Err(RunError::Io { path, .. }) if *path == folder.path().join(name)
            ),
            "{name}: {refused:?}"
        );
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join(checkpoint(1))).expect("a writable folder");
    let refused = open(&folder).map(|run| run.step());
    let unreadable = |error: &CheckpointError| {
        matches!(error, CheckpointError::File(TensorFileError::Read { .. }))
    };
    assert!(
        matches!(&refused, Err(RunError::Checkpoint(error)) if unreadable(error)),
        "{refused:?}"
    );
}

#[test]
fn a_folder_that_may_only_be_read_gives_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = copy(&started());
    let files = snapshot(folder.path());
    let allow = |mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.path(), permissions).expect("a folder of mine");
    };
    allow(0o555);
    if fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("skipped: permissions do not stop this user");
        return;
    }
    let refused = open(&folder).map(|run| run.step());
    allow(0o755);
    assert!(
        matches!(&refused, Err(RunError::Io { path, .. }) if path.starts_with(folder.path())),
        "{refused:?}"
    );
    assert!(snapshot(folder.path()) == files);
}

/// The disk fills up in the middle of a step. Once there is room, the run ends in the same bytes.
#[test]
fn a_full_disk_costs_one_step() {
    let folder = copy(&started());
    for log in [METRICS, COMPLETIONS] {
        let (path, kept) = (folder.path().join(log), folder.path().join("kept"));
        let mut run = open(&folder).expect("a good folder");
        fs::rename(&path, &kept).expect("a log");
        std::os::unix::fs::symlink("/dev/full", &path).expect("a writable folder");
        let failed = run.advance();
        assert!(
            matches!(&failed, Err(RunError::Io { path: named, .. }) if *named == path),
            "{log}: {failed:?}"
        );
        fs::rename(&kept, &path).expect("a writable folder");
    }
    let mut run = open(&folder).expect("a good folder");
    // The temporary file of the checkpoint cannot be written.
    let temporary = folder.path().join(checkpoint(2) + ".tmp");
    std::os::unix::fs::symlink("/dev/full", &temporary).expect("a writable folder");
    let failed = run.advance();
    let refused = |error: &CheckpointError| {
        matches!(error, CheckpointError::File(TensorFileError::Write { .. }))
    };
    assert!(
        matches!(&failed, Err(RunError::Checkpoint(error)) if refused(error)),
        "{failed:?}"
    );
    drop(run);
    assert!(!temporary.is_symlink(), "no temporary file stays behind");
    finish(&folder);
    assert_same(&folder, "full disk");
}

#[test]
fn recipes_that_cannot_work_are_refused() {
    let nan = f32::NAN;
    let adamw = |change: fn(&mut AdamWConfig)| {
        let mut recipe = config();
        change(&mut recipe.adamw);
        recipe
    };
    let bad = [
        (
            "steps",
            RecipeConfig {
                steps: 0,
                ..config()
            },
        ),
        (
            "prompts_per_step",
            RecipeConfig {
                prompts_per_step: 0,
                ..config()
            },
        ),
        (
            "group_size",
            RecipeConfig {
                group_size: 1,
                ..config()
            },
        ),
        (
            "max_new_tokens",
            RecipeConfig {
                max_new_tokens: 0,
                ..config()
            },
        ),
        (
            "temperature",
            RecipeConfig {
                temperature: 0.0,
                ..config()
            },
        ),
        (
            "temperature",
            RecipeConfig {
                temperature: nan,
                ..config()
            },
        ),
        (
            "learning_rate",
            RecipeConfig {
                learning_rate: -0.1,
                ..config()
            },
        ),
        (
            "learning_rate",
            RecipeConfig {
                learning_rate: f32::INFINITY,
                ..config()
            },
        ),
        (
            "max_grad_norm",
            RecipeConfig {
                max_grad_norm: 0.0,
                ..config()
            },
        ),
        (
            "max_grad_norm",
            RecipeConfig {
                max_grad_norm: nan,
                ..config()
            },
        ),
        ("adamw.beta1", adamw(|adamw| adamw.beta1 = 1.0)),
        ("adamw.beta1", adamw(|adamw| adamw.beta1 = -0.1)),
        ("adamw.beta2", adamw(|adamw| adamw.beta2 = f32::NAN)),
        ("adamw.eps", adamw(|adamw| adamw.eps = 0.0)),
        (
            "adamw.weight_decay",
            adamw(|adamw| adamw.weight_decay = -1.0),
        ),
        // TOML has no larger integers, and the recipe is saved as TOML.
        (
            "seed",
            RecipeConfig {
                seed: u64::MAX,
                ..config()
            },
        ),
        (
            "steps",
            RecipeConfig {
                steps: u64::MAX,
                ..config()
            },
        ),
        (
            "warmup_steps",
            RecipeConfig {
                warmup_steps: u64::MAX,
                ..config()
            },
        ),
    ];
    for (key, config) in bad {
        let error = config.build().expect_err(key).to_string();
        assert!(error.starts_with(&format!("`{key}` is ")), "{key}: {error}");
    }
}

#[test]
fn recipes_are_read_strictly() {
    for (text, named) in [
        ("stepz = 3", "stepz"),
        ("[adamw]\nbeta3 = 0.5", "beta3"),
        ("task = \"nano-chess\"", "nano-chess"),
        ("schedule = \"square\"", "square"),
        ("steps = -1", "-1"),
        ("steps = 1.5", "1.5"),
        ("steps = \"many\"", "many"),
        ("group_size = 2\ngroup_size = 3", "group_size"),
    ] {
        let error = toml::from_str::<RecipeConfig>(text)
            .expect_err(text)
            .to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
    assert_eq!(
        toml::from_str::<RecipeConfig>("").expect("all defaults"),
        RecipeConfig::default()
    );
    let text = RECIPE.to_toml();
    assert_eq!(
        toml::from_str::<RecipeConfig>(&text).expect("just written"),
        config()
    );
}

static RECIPE: LazyLock<Recipe> = LazyLock::new(|| {
    RecipeConfig {
        steps: 5,
        prompts_per_step: 4,
        group_size: 4,
        max_new_tokens: 24,
        warmup_steps: 2,
        keep_checkpoints: 1,
        seed: 9,
        reward: BTreeMap::from([(BuiltIn::Correctness, 1.0), (BuiltIn::Random, 0.5)]),
        ..RecipeConfig::default()
    }
    .build()
    .expect("a good recipe")
});

fn config() -> RecipeConfig {
    RecipeConfig::clone(&RECIPE)
}

type Files = BTreeMap<String, Vec<u8>>;

/// A run that is never stopped.
struct Reference {
    /// The folder after step 1, 2, and so on. The last one has the exported vectors.
    after_step: Vec<Files>,
}

impl Reference {
    fn last(&self) -> &Files {
        self.after_step.last().expect("the recipe has steps")
    }
}

/// The first step starts from zero. Then its checkpoint gets numbers as after a long run, so that
/// vectors, moments and step all matter to every later step, whatever the rewards are.
static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut run = open(&folder).expect("an empty folder");
    run.advance().expect("a good step");
    drop(run);
    let path = folder.path().join(checkpoint(1));
    let mut checkpoint = TensorFile::read(&path).expect("just written");
    for (name, scale) in [
        ("vectors", 0.05),
        ("vectors.moments.first", 0.01),
        ("vectors.moments.second", 0.001),
    ] {
        let numbers = &mut checkpoint.tensors.get_mut(name).expect(name).data;
        for (index, value) in (0_u32..).zip(numbers) {
            let noise =
                f64::from(index.wrapping_add(1).wrapping_mul(2_654_435_761)) / f64::from(u32::MAX);
            let noise = if name == "vectors.moments.second" {
                noise
            } else {
                2.0 * noise - 1.0
            };
            *value += (scale * noise) as f32;
        }
    }
    checkpoint.write(&path).expect("a writable folder");
    let mut after_step = vec![snapshot(folder.path())];
    let mut run = open(&folder).expect("a good folder");
    while run.advance().expect("a good step").is_some() {
        after_step.push(snapshot(folder.path()));
    }
    run.export().expect("a writable folder");
    *after_step.last_mut().expect("steps") = snapshot(folder.path());
    Reference { after_step }
});

/// The reference after its first step.
fn started() -> Files {
    REFERENCE.after_step[0].clone()
}

fn nano() -> &'static Pretrained {
    static NANO: LazyLock<Pretrained> = LazyLock::new(|| {
        Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
            .expect("the bundled model")
    });
    &NANO
}

/// A lock outlives its run while another test is between fork and exec, since its child holds a
/// copy of the lock.
fn open(folder: &TempDir) -> Result<Run<'static>, RunError> {
    for _ in 0..100 {
        match Run::open(folder.path(), nano(), &RECIPE) {
            Err(RunError::Locked { .. }) => sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
    Run::open(folder.path(), nano(), &RECIPE)
}

/// Takes the remaining steps and exports the vectors.
fn finish(folder: &TempDir) {
    let mut run = open(folder).expect("a good folder");
    while run.advance().expect("a good step").is_some() {}
    assert_eq!(run.step(), RECIPE.steps);
    run.export().expect("a writable folder");
}

/// All files except the lock and those that tests added.
fn snapshot(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a folder").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if !["lock", "recipe.toml", "kept"].contains(&&*name) && !name.ends_with(".tmp") {
            files.insert(name.to_string(), fs::read(&path).expect("a file"));
        }
    }
    files
}

fn restore(files: &Files, folder: &Path) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a writable folder");
    }
}

fn copy(files: &Files) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    restore(files, folder.path());
    folder
}

fn assert_same(folder: &TempDir, name: &str) {
    let found = snapshot(folder.path());
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(REFERENCE.last()), "{name}");
    for (file, bytes) in REFERENCE.last() {
        assert!(
            found[file] == *bytes,
            "{name}: {file} differs from the uninterrupted run"
        );
    }
}

fn spawn(recipe: &Path, folder: &TempDir, mode: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_train_child"))
        .args([bundled_model().as_path(), recipe, folder.path()])
        .args(mode)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary was built with this test")
}
