//! A run folder: settings, logs, checkpoints and result, kept so that a run can stop at any instant.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use trimtab_model::{Pretrained, sha256_hex, write_atomically};
use trimtab_steer::{ExportError, PeftError, SteeringError};
use trimtab_tasks::{Decoding, Item, Outcome, Sample};

use crate::checkpoint::{CheckpointError, Identity, checkpoint_path, checkpoints};
use crate::evaluate::evaluate;
use crate::export::export;
use crate::log::{append, parse, trim};
use crate::metrics::StepMetrics;
use crate::recipe::{Recipe, RecipeError};
use crate::reporting::{
    self, BaseModel, Events, Measured, RunReport, ShownCompletions, TaskOutcomes, Warning,
};
use crate::reward::Rewards;
use crate::rollout::{Group, Rollout, RolloutError, stop_texts};
use crate::trainer::{TrainError, Trainer};

/// A run on disk. While it lives, no other process can open the same folder.
#[derive(Debug)]
pub struct Run<'a> {
    folder: PathBuf,
    base: &'a Pretrained,
    recipe: &'a Recipe,
    identity: Identity,
    trainer: Trainer<'a>,
    selection: Vec<Item>,
    metrics: Vec<StepMetrics>,
    measured: Vec<Measurement>,
    damaged: Vec<CheckpointError>,
    shown: ShownCompletions,
    events: Events,
    _lock: File,
}

/// A measurement on the selection problems, a line of `selection.jsonl`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, Serialize)]
pub struct Measurement {
    /// The step after which it was made.
    pub step: u64,
    /// What the model did.
    pub outcome: Outcome,
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
    Train(#[from] TrainError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Steering(#[from] SteeringError),
    #[error(transparent)]
    Peft(#[from] PeftError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(
        "cannot use {path}: {source}; the run goes on from its last checkpoint once that is mended, or start it in \
         another folder with --out"
    )]
    Disk { path: PathBuf, source: io::Error },
    #[error(
        "{folder} is in use by another process; wait for it, or give another folder with --out"
    )]
    Locked { folder: PathBuf },
    #[error(
        "{folder} has no checkpoint of step {step}, from which the step after it could be made again; \
         raise keep_checkpoints"
    )]
    NotKept { folder: PathBuf, step: u64 },
}

impl<'a> Run<'a> {
    /// Starts a run in `folder`, or takes up the one that was stopped there, from its newest checkpoint that is whole.
    ///
    /// # Errors
    ///
    /// The recipe cannot work, the folder belongs to another run or process, or the disk refuses.
    pub fn open(folder: &Path, base: &'a Pretrained, recipe: &'a Recipe) -> Result<Self, RunError> {
        recipe.check()?;
        fs::create_dir_all(folder).map_err(|source| disk(folder, source))?;
        let lock = lock(folder)?;
        let identity = Identity {
            recipe_sha256: sha256_hex(recipe.identity().to_toml().as_bytes()),
            base_sha256: base.sha256.clone(),
        };
        let mut trainer = Trainer::new(base, recipe)?;
        let damaged = resume(&mut trainer, folder, &identity)?;
        let step = trainer.state.progress.step;
        remove_old(folder, step, recipe.keep_checkpoints)?; // a process may have been killed before it did
        let trim_log = |log: &str| {
            let path = folder.join(log);
            trim(&path, step).map_err(|source| disk(&path, source))
        };
        trim_log(COMPLETIONS)?;
        let completions = folder.join(COMPLETIONS);
        let shown = ShownCompletions::read(&completions, trainer.data.clone())
            .map_err(|source| disk(&completions, source))?;
        let metrics = parse(&trim_log(METRICS)?);
        let measured = parse(&trim_log(SELECTION)?);
        let path = folder.join(CONFIG);
        write_atomically(&path, recipe.to_toml().as_bytes())
            .map_err(|source| disk(&path, source))?;
        let events = Events::rewrite(folder, &metrics, &measured)
            .map_err(|source| disk(&folder.join(reporting::EVENTS), source))?;
        let selection = if recipe.selection.every > 0 {
            trainer.data.selection(base, recipe)?
        } else {
            vec![]
        };
        Ok(Self {
            folder: folder.into(),
            base,
            recipe,
            identity,
            trainer,
            selection,
            metrics,
            measured,
            damaged,
            shown,
            events,
            _lock: lock,
        })
    }

    /// The same with other rewards than those that the recipe names. They are no part of the run's identity: give the same
    /// ones when it is taken up.
    #[must_use]
    pub fn with_rewards(mut self, rewards: Rewards) -> Self {
        self.trainer = self.trainer.with_rewards(rewards);
        self
    }

    /// Steps done so far.
    pub fn step(&self) -> u64 {
        self.trainer.state.progress.step
    }

    /// Its settings.
    pub fn recipe(&self) -> &Recipe {
        self.recipe
    }

    /// The run in main memory.
    pub fn trainer(&self) -> &Trainer<'a> {
        &self.trainer
    }

    /// The figures of the steps so far.
    pub fn metrics(&self) -> &[StepMetrics] {
        &self.metrics
    }

    /// The measurements on the selection problems so far.
    pub fn measured(&self) -> &[Measurement] {
        &self.measured
    }

    /// Checkpoints that were damaged when the run was taken up from an older one.
    pub fn damaged(&self) -> &[CheckpointError] {
        &self.damaged
    }

    /// What a person should know now, with what to try.
    pub fn warnings(&self) -> Vec<Warning> {
        reporting::warnings(&self.metrics)
    }

    /// Takes one step and writes it down: first the logs, then the checkpoint that makes it count. `None` when all steps
    /// of the recipe are done.
    ///
    /// # Errors
    ///
    /// See [`RunError`]; the folder then holds the run as it was after its last checkpoint.
    pub fn advance(&mut self) -> Result<Option<StepMetrics>, RunError> {
        if self.step() >= self.recipe.steps {
            return Ok(None);
        }
        let (metrics, groups) = self.trainer.step()?;
        self.append(METRICS, [&metrics])?;
        let records = groups.iter().flat_map(Group::records);
        self.append(COMPLETIONS, records)?;
        self.shown.add(&groups);
        let every = self.recipe.selection.every;
        if every > 0 && metrics.step.is_multiple_of(every) {
            let measurement = self.measure()?;
            self.append(SELECTION, [&measurement])?;
            self.measured.push(measurement);
        }
        let measured = self.measured.last().filter(|one| one.step == metrics.step);
        self.events
            .append(&metrics, measured)
            .map_err(|source| disk(&self.folder.join(reporting::EVENTS), source))?;
        self.metrics.push(metrics.clone());
        let last = metrics.step == self.recipe.steps;
        if last || metrics.step.is_multiple_of(self.recipe.checkpoint_every) {
            self.save()?;
        }
        Ok(Some(metrics))
    }

    /// Writes what is trained as it is now and returns the path: vectors in the file `steering.safetensors`, LoRA in the folder `adapter`
    /// as PEFT has it (in `steering.safetensors` if it acts at some tokens only), and under full tuning the checkpoint folder `model`.
    ///
    /// # Errors
    ///
    /// PEFT cannot name the projections of the model, or the disk refuses.
    pub fn export(&self) -> Result<PathBuf, RunError> {
        let adapter = &self.trainer.state.adapter;
        export(&self.folder, self.base, adapter, self.step(), self.recipe)
    }

    /// What `report.html` shows of the run so far. A program adds what it knows beyond that, and
    /// [writes](RunReport::write) the page.
    pub fn report(&self) -> RunReport {
        let adapter = &self.trainer.state.adapter;
        let parameters = adapter.parameters().iter();
        RunReport {
            base: BaseModel {
                name: self.base.name.clone(),
                sha256: self.base.sha256.clone(),
                parameters: self.base.num_parameters,
            },
            form: adapter.form().name().to_owned(),
            parameters: parameters.map(|(_, tensor)| tensor.data.len()).sum(),
            recipe: self.recipe.clone(),
            metrics: self.metrics.clone(),
            selection: self.measured.clone(),
            tasks: self.selection_outcomes().into_iter().collect(),
            tokens: vec![],
            examples: self.shown.examples(),
            wall_seconds: None,
            peak_memory_bytes: None,
            command: None,
        }
    }

    /// The first measurement on the selection problems beside the last.
    fn selection_outcomes(&self) -> Option<TaskOutcomes> {
        let [first, .., last] = &self.measured[..] else {
            return None;
        };
        let measured = |measurement: &Measurement| Measured {
            label: format!("step {}", measurement.step),
            outcome: measurement.outcome.clone(),
        };
        Some(TaskOutcomes {
            task: self.recipe.task.to_string(),
            note: "selection problems, which are not trained on".to_owned(),
            before: measured(first),
            after: measured(last),
            control: None,
        })
    }

    /// Makes a completion of `step` again, alone, from the checkpoint before it; see [`Trainer::replay`].
    ///
    /// # Errors
    ///
    /// The checkpoint is not kept; see [`RunError`].
    pub fn replay(&self, step: u64, index: u64, sample: usize) -> Result<Rollout, RunError> {
        let before = step.saturating_sub(1);
        let mut trainer = Trainer::new(self.base, self.recipe)?;
        if before > 0 {
            let path = checkpoint_path(&self.folder, before);
            if !path.exists() {
                let folder = self.folder.clone();
                return Err(RunError::NotKept {
                    folder,
                    step: before,
                });
            }
            trainer.state = trainer.state.read(&path, &self.identity)?;
        }
        Ok(trainer.replay(step, index, sample)?)
    }

    /// How the model does on the selection problems.
    fn measure(&self) -> Result<Measurement, RunError> {
        let decoding = Decoding {
            samples: self.recipe.selection.samples,
            temperature: self.recipe.temperature,
            max_new_tokens: self.recipe.max_new_tokens,
            seed: self.recipe.seed,
            stop: stop_texts(&self.recipe.template()),
        };
        let rollout_policy = self.trainer.rollout_policy();
        let hook = Some(&rollout_policy.steering as _);
        let batches = evaluate(&rollout_policy.base, hook, &self.selection, &decoding, 0);
        let samples: Vec<Vec<Vec<Sample>>> = batches.collect::<Result<_, _>>()?;
        let outcome = Outcome::of(&samples.concat()).expect("there are selection problems");
        Ok(Measurement {
            step: self.step(),
            outcome,
        })
    }

    /// Writes the checkpoint of now, then removes those that are not kept any more.
    fn save(&self) -> Result<(), RunError> {
        let path = checkpoint_path(&self.folder, self.step());
        self.trainer.state.write(&path, &self.identity)?;
        remove_old(&self.folder, self.step(), self.recipe.keep_checkpoints)
    }

    fn append(
        &self,
        log: &str,
        lines: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<(), RunError> {
        let path = self.folder.join(log);
        append(&path, lines).map_err(|source| disk(&path, source))
    }
}

const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const COMPLETIONS: &str = "completions.jsonl";
const SELECTION: &str = "selection.jsonl";

fn disk(path: &Path, source: io::Error) -> RunError {
    RunError::Disk {
        path: path.into(),
        source,
    }
}

/// Takes the state of the newest checkpoint that is whole; gives what is wrong with newer ones. Where there are only damaged
/// ones it is an error: to begin again would throw the run away.
fn resume(
    trainer: &mut Trainer,
    folder: &Path,
    identity: &Identity,
) -> Result<Vec<CheckpointError>, RunError> {
    let mut damaged = vec![];
    for (_, path) in checkpoints(folder).map_err(|source| disk(folder, source))? {
        match trainer.state.read(&path, identity) {
            Ok(state) => {
                trainer.state = state;
                return Ok(damaged);
            }
            Err(other @ CheckpointError::OtherRun { .. }) => return Err(other.into()),
            Err(error) => damaged.push(error),
        }
    }
    if damaged.is_empty() {
        Ok(damaged)
    } else {
        Err(damaged.remove(0).into())
    }
}

/// Removes the checkpoints up to `step` but the newest `keep`. Later ones are damaged, and are written again.
fn remove_old(folder: &Path, step: u64, keep: usize) -> Result<(), RunError> {
    let found = checkpoints(folder).map_err(|source| disk(folder, source))?;
    let whole = found.into_iter().filter(|(of, _)| *of <= step);
    for (_, old) in whole.skip(keep) {
        fs::remove_file(&old).map_err(|source| disk(&old, source))?;
    }
    Ok(())
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
