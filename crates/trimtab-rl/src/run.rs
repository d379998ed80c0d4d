//! A run folder: settings, metrics, completions, checkpoint and vectors, kept so that a run can stop at any instant.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use trimtab_model::{Pretrained, sha256_hex, write_atomically};
use trimtab_steer::{SteeringError, SteeringFile};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::recipe::{Recipe, RecipeError};
use crate::trainer::{StepError, StepMetrics, Trainer};

/// A run on disk. While it lives, no other process can open the same folder.
#[derive(Debug)]
pub struct Run<'a> {
    folder: PathBuf,
    base: &'a Pretrained,
    recipe: &'a Recipe,
    recipe_sha256: String,
    trainer: Trainer<'a>,
    _lock: File,
}

/// Why a run could not be started or go on.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error(transparent)]
    Steering(#[from] SteeringError),
    #[error("cannot use {path}: {source}")]
    Disk { path: PathBuf, source: io::Error },
    #[error(
        "{folder} is in use by another process; wait for it, or give another folder with --out"
    )]
    Locked { folder: PathBuf },
}

impl<'a> Run<'a> {
    /// Starts a run in `folder`, or takes up the one that was stopped there.
    ///
    /// # Errors
    ///
    /// The recipe cannot work, the folder belongs to another run or process, or the disk refuses.
    pub fn open(folder: &Path, base: &'a Pretrained, recipe: &'a Recipe) -> Result<Self, RunError> {
        recipe.check()?;
        fs::create_dir_all(folder).map_err(|source| disk(folder, source))?;
        let lock = lock(folder)?;
        let text = toml::to_string(recipe).expect("a recipe is plain data");
        let recipe_sha256 = sha256_hex(text.as_bytes());
        let mut trainer = Trainer::new(base, recipe);
        let path = folder.join(CHECKPOINT);
        if path.exists() {
            let checkpoint = Checkpoint::read(&path, &recipe_sha256, &base.sha256)?;
            if checkpoint.vectors.shape != trainer.vectors.shape {
                let (found, expected) = (checkpoint.vectors.shape, trainer.vectors.shape);
                let reason = format!("its vectors are {found:?}, not {expected:?}");
                return Err(CheckpointError::Format { path, reason }.into());
            }
            (trainer.vectors, trainer.moments, trainer.step) =
                (checkpoint.vectors, checkpoint.moments, checkpoint.step);
        }
        for log in [METRICS, COMPLETIONS] {
            let path = folder.join(log);
            drop_lines_after(&path, trainer.step).map_err(|source| disk(&path, source))?;
        }
        let config = folder.join(CONFIG);
        write_atomically(&config, text.as_bytes()).map_err(|source| disk(&config, source))?;
        Ok(Self {
            folder: folder.into(),
            base,
            recipe,
            recipe_sha256,
            trainer,
            _lock: lock,
        })
    }

    /// Steps done so far.
    pub fn step(&self) -> u64 {
        self.trainer.step
    }

    /// The run in main memory.
    pub fn trainer(&self) -> &Trainer<'a> {
        &self.trainer
    }

    /// Takes one step and writes it down: first the logs, then the checkpoint that makes it count. `None` when all steps
    /// of the recipe are done.
    ///
    /// # Errors
    ///
    /// See [`RunError`]; the folder then holds the run as it was before the step.
    pub fn advance(&mut self) -> Result<Option<StepMetrics>, RunError> {
        if self.trainer.step >= self.recipe.steps {
            return Ok(None);
        }
        let (metrics, groups) = self.trainer.step()?;
        self.append(METRICS, [&metrics])?;
        self.append(
            COMPLETIONS,
            groups.iter().flat_map(|group| group.records(metrics.step)),
        )?;
        let checkpoint = Checkpoint {
            vectors: self.trainer.vectors.clone(),
            moments: self.trainer.moments.clone(),
            step: self.trainer.step,
            recipe_sha256: self.recipe_sha256.clone(),
            base_sha256: self.base.sha256.clone(),
        };
        checkpoint.write(&self.folder.join(CHECKPOINT))?;
        Ok(Some(metrics))
    }

    /// Writes the vectors as they are now to `steering.safetensors` and returns its path.
    ///
    /// # Errors
    ///
    /// The disk refuses.
    pub fn export(&self) -> Result<PathBuf, RunError> {
        let path = self.folder.join(STEERING);
        let recipe = serde_json::to_value(self.recipe).expect("a recipe is plain data");
        SteeringFile::new(
            self.trainer.vectors.clone(),
            self.base,
            self.trainer.step,
            recipe,
        )
        .write(&path)?;
        Ok(path)
    }

    /// The lines of `metrics.jsonl` so far.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn metrics(&self) -> Result<Vec<serde_json::Value>, RunError> {
        let path = self.folder.join(METRICS);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(|source| disk(&path, source))?,
        };
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    fn append(
        &self,
        log: &str,
        lines: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<(), RunError> {
        let path = self.folder.join(log);
        let mut text = String::new();
        for line in lines {
            text += &serde_json::to_string(&line).expect("a record is plain data");
            text.push('\n');
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|source| disk(&path, source))?;
        file.write_all(text.as_bytes())
            .map_err(|source| disk(&path, source))
    }
}

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const COMPLETIONS: &str = "completions.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
const STEERING: &str = "steering.safetensors";

fn disk(path: &Path, source: io::Error) -> RunError {
    RunError::Disk {
        path: path.into(),
        source,
    }
}

/// The lock goes with the process, however it ends.
fn lock(folder: &Path) -> Result<File, RunError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|source| disk(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(RunError::Locked {
            folder: folder.into(),
        }),
        Err(fs::TryLockError::Error(source)) => Err(disk(&path, source)),
    }
}

/// Removes what a stopped run wrote after its last checkpoint: lines of later steps, and a line cut in the middle.
fn drop_lines_after(log: &Path, step: u64) -> io::Result<()> {
    let bytes = match fs::read(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
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
    if kept.len() == bytes.len() {
        Ok(())
    } else {
        write_atomically(log, &kept)
    }
}
