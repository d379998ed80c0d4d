//! A run folder: settings, logs, checkpoints and result of a run that can stop at any instant.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use trimtab_grader::Rules;
use trimtab_model::Pretrained;
use trimtab_model::file::write_atomically;
use trimtab_tasks::evaluation::Decoding;
use trimtab_tasks::{Item, Outcome, Sample};

pub use crate::data::DataError;
pub use crate::export::ResultError;
pub use crate::log::LogError;
pub use crate::validation::Validation;

use crate::checkpoint::{CheckpointError, Identity, checkpoint_path, checkpoints};
use crate::diagnosis::{History, Warning, warnings};
use crate::evaluation::evaluate;
use crate::export::{Kept, RESULTS, check, export, result_path};
use crate::log::{self, LineStep, LogContents};
use crate::metrics::StepMetrics;
use crate::recipe::Recipe;
use crate::reporting::{
    self, BaseModel, BestStep, Events, Measured, RunReport, ShownCompletions, TaskOutcomes,
};
use crate::reward::Rewards;
use crate::rollout::{Group, Rollout, RolloutError, stop_texts};
use crate::trainer::{StepOutput, TrainError, Trainer};

/// A run on disk. While it lives, no other process can open the same folder.
#[derive(Debug)]
pub struct Run<'a> {
    folder: PathBuf,
    base: &'a Pretrained,
    recipe: &'a Recipe,
    identity: Identity,
    trainer: Trainer<'a>,
    validation_items: Vec<Item>,
    metrics: Vec<StepMetrics>,
    validations: Vec<Validation>,
    warnings: Vec<Warning>,
    damaged: Vec<RunError>,
    shown: ShownCompletions,
    events: Events,
    _lock: File,
}

/// Why a run could not be started or continued.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{path} lacks {missing} of {steps} steps; the reports leave them out")]
    MissingMetrics {
        path: PathBuf,
        missing: u64,
        steps: u64,
    },
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error(transparent)]
    Result(#[from] ResultError),
    #[error(
        "cannot use {path}; once that is solved, the run continues from its last checkpoint, or \
         start it in another folder with --out"
    )]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{folder} is in use by another process; wait for it, or give another folder with --out"
    )]
    Locked { folder: PathBuf },
    #[error(
        "{folder} holds a run with `{key}` = {found}, not {wanted}; give another folder with \
         --out, or remove this one"
    )]
    OtherRecipe {
        folder: PathBuf,
        key: String,
        found: String,
        wanted: String,
    },
    #[error(
        "{path} would be overwritten, and no run in its folder wrote it; give another folder with \
         --out, or move the file away"
    )]
    OtherFile { path: PathBuf },
    #[error(
        "{folder} has no checkpoint of step {step}, which the step after it starts from; \
         raise keep_checkpoints"
    )]
    NotKept { folder: PathBuf, step: u64 },
}

impl<'a> Run<'a> {
    /// Starts a run in `folder`, or continues the one that was stopped there.
    ///
    /// A run continues from its newest checkpoint that is not damaged.
    ///
    /// # Errors
    ///
    /// The recipe does not fit the model or the data, the folder belongs to another run or process,
    /// or one of its files cannot be read or written.
    pub fn open(folder: &Path, base: &'a Pretrained, recipe: &'a Recipe) -> Result<Self, RunError> {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
        let lock = lock(folder)?;
        let identity = Identity {
            recipe_sha256: recipe.fingerprint(),
            base_sha256: base.sha256.clone(),
            precision: base.precision.name().to_owned(),
        };
        check(&base.path, recipe)?;
        let config = allowed_keys(base) + &recipe.to_toml();
        let is_replaced = keep_other_files(folder, recipe, &config)?;
        let mut trainer = Trainer::new(base, recipe)?;
        let mut damaged = resume(&mut trainer, folder, &identity)
            .map_err(|error| name_difference(error, folder, recipe))?;
        let step = trainer.state.progress.step;
        remove_old(folder, step, recipe)?; // a killed process may not have done it
        let validation_items = if recipe.validation.every > 0 {
            trainer.data.validation_items(base, recipe)?
        } else {
            vec![]
        };
        if is_replaced {
            forget_validation(folder)?;
        }
        let logs = Logs::trim(folder, step)?;
        let path = folder.join(COMPLETIONS);
        let data = trainer.data.clone();
        let shown = ShownCompletions::read(&path, data, recipe.grader).map_err(io_error(&path))?;
        damaged.extend(logs.missing_metrics(folder, step));
        damaged.extend(logs.unreadable.into_iter().map(RunError::from));
        let path = folder.join(CONFIG);
        write_atomically(&path, config.as_bytes()).map_err(io_error(&path))?;
        let path = folder.join(reporting::EVENTS);
        let events = Events::rewrite(&path, &logs.metrics, &logs.validations);
        let mut run = Self {
            folder: folder.into(),
            base,
            recipe,
            identity,
            trainer,
            validation_items,
            metrics: logs.metrics,
            validations: logs.validations,
            warnings: vec![],
            damaged,
            shown,
            events: events.map_err(io_error(&path))?,
            _lock: lock,
        };
        run.keep_best()?; // a killed process may not have done it
        run.rewrite_warnings()?;
        Ok(run)
    }

    /// Replaces the rewards that the recipe names.
    ///
    /// They are no part of the run's identity: give the same ones when the run is opened again.
    #[must_use]
    pub fn with_rewards(mut self, rewards: Rewards) -> Self {
        self.trainer = self.trainer.with_rewards(rewards);
        self
    }

    /// Number of steps done so far.
    pub fn step(&self) -> u64 {
        self.trainer.state.progress.step
    }

    /// The settings of the run.
    pub fn recipe(&self) -> &Recipe {
        self.recipe
    }

    /// The run in memory.
    pub fn trainer(&self) -> &Trainer<'a> {
        &self.trainer
    }

    /// The metrics of the steps so far.
    pub fn metrics(&self) -> &[StepMetrics] {
        &self.metrics
    }

    /// The evaluations on the validation problems so far.
    pub fn validations(&self) -> &[Validation] {
        &self.validations
    }

    /// The best step by these evaluations, and where what was trained up to it is.
    pub fn best(&self) -> Option<BestStep> {
        let best = Validation::best(&self.validations)?;
        let path = || result_path(&self.folder, Kept::Best, self.recipe);
        Some(BestStep {
            step: best.step,
            accuracy: best.outcome.accuracy,
            result: (best.step > 0).then(path),
        })
    }

    /// What was damaged when the run was opened: newer checkpoints, and lines of the logs.
    pub fn damaged(&self) -> &[RunError] {
        &self.damaged
    }

    /// What the figures so far say is wrong, each with the step after which it was said.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Does one step and saves it. `None` when all steps of the recipe are done.
    ///
    /// The logs are written first, then the checkpoint. A step counts once it is in a checkpoint.
    /// The evaluations of `validation.every` come before the first step, after every so many, and
    /// after the last. If the step is the best so far, its result is [kept](Self::best).
    ///
    /// # Errors
    ///
    /// See [`RunError`]. The folder then holds the run as it was after its last checkpoint.
    pub fn advance(&mut self) -> Result<Option<StepOutput>, RunError> {
        if self.step() >= self.recipe.steps {
            return Ok(None);
        }
        let every = self.recipe.validation.every;
        if self.step() == 0 && every > 0 && self.validations.is_empty() {
            self.validate()?;
        }
        let output = self.trainer.step()?;
        let metrics = &output.metrics;
        self.append(METRICS, [metrics])?;
        self.append(COMPLETIONS, output.groups.iter().flat_map(Group::records))?;
        self.shown.add(&output.groups);
        let events = self.folder.join(reporting::EVENTS);
        self.events.append(metrics).map_err(io_error(&events))?;
        self.metrics.push(metrics.clone());
        let step = metrics.step;
        if is_validated(self.recipe, step) {
            self.validate()?;
        }
        let said = self.warnings.len();
        self.warnings = self.diagnose();
        self.append(WARNINGS, &self.warnings[said..])?;
        if is_saved(self.recipe, step) {
            self.save()?;
        }
        self.keep_best()?;
        Ok(Some(output))
    }

    /// Writes a checkpoint of the present step, so that the run continues from there, and
    /// [what is trained](Self::export) so far.
    ///
    /// # Errors
    ///
    /// PEFT cannot name the projections of the model, or writing fails.
    pub fn suspend(&self) -> Result<PathBuf, RunError> {
        self.save()?;
        self.export()
    }

    /// Writes what is trained and returns the path.
    ///
    /// Vectors become the file `steering.safetensors`. LoRA becomes the PEFT folder `adapter`, or
    /// `steering.safetensors` if it acts at some tokens only. Full tuning becomes the checkpoint
    /// folder `model`.
    ///
    /// # Errors
    ///
    /// PEFT cannot name the projections of the model, or writing fails.
    pub fn export(&self) -> Result<PathBuf, RunError> {
        self.write_result(Kept::Last)
    }

    fn write_result(&self, kept: Kept) -> Result<PathBuf, RunError> {
        let path = result_path(&self.folder, kept, self.recipe);
        let adapter = &self.trainer.state.adapter;
        export(&path, self.base, adapter, self.step(), self.recipe)?;
        Ok(path)
    }

    /// Writes the result of the present step as the best if it is that.
    ///
    /// It comes after the checkpoint, so the best before it is not lost with a process that dies.
    fn keep_best(&self) -> Result<(), RunError> {
        let best = Validation::best(&self.validations).map(|best| best.step);
        if self.step() > 0 && best == Some(self.step()) {
            self.write_result(Kept::Best)?;
        }
        Ok(())
    }

    /// What `report.html` shows of the run so far.
    ///
    /// A program adds what else it knows, and [writes](RunReport::write) the page.
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
            validations: self.validations.clone(),
            best: self.best(),
            result: result_path(&self.folder, Kept::Last, self.recipe),
            warnings: self.warnings.clone(),
            tasks: self.validation_outcomes().into_iter().collect(),
            tokens: vec![],
            examples: self.shown.examples(),
            wall_seconds: None,
            peak_memory_bytes: None,
            command: None,
        }
    }

    fn diagnose(&self) -> Vec<Warning> {
        warnings(&History {
            recipe: self.recipe,
            has_chat_template: self.base.chat_template.is_some(),
            metrics: &self.metrics,
            validations: &self.validations,
        })
    }

    /// Diagnoses the steps so far again. What a stopped run said of later steps is dropped.
    fn rewrite_warnings(&mut self) -> Result<(), RunError> {
        self.warnings = self.diagnose();
        let path = self.folder.join(WARNINGS);
        if !self.warnings.is_empty() || path.exists() {
            let lines = log::lines(&self.warnings);
            write_atomically(&path, lines.as_bytes()).map_err(io_error(&path))?;
        }
        Ok(())
    }

    /// The first evaluation on the validation problems beside the last.
    fn validation_outcomes(&self) -> Option<TaskOutcomes> {
        let [first, .., last] = &self.validations[..] else {
            return None;
        };
        let measured = |validation: &Validation| Measured {
            label: match validation.step {
                0 => "base".to_owned(),
                step => format!("step {step}"),
            },
            outcome: validation.outcome.clone(),
        };
        Some(TaskOutcomes {
            task: self.recipe.task.to_string(),
            note: "validation problems, which are not trained on".to_owned(),
            before: measured(first),
            after: measured(last),
            control: None,
        })
    }

    /// Samples a completion of `step` again, from the checkpoint before it.
    ///
    /// See [`Trainer::replay`] for the address.
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
                return Err(RunError::NotKept {
                    folder: self.folder.clone(),
                    step: before,
                });
            }
            trainer.state = trainer.state.read(&path, &self.identity)?;
        }
        Ok(trainer.replay(step, index, sample)?)
    }

    /// Evaluates the policy on the validation problems, and logs the result.
    fn validate(&mut self) -> Result<(), RunError> {
        let decoding = Decoding {
            samples: self.recipe.validation.samples,
            temperature: self.recipe.temperature,
            max_new_tokens: self.recipe.max_new_tokens,
            seed: self.recipe.seed,
            stop: stop_texts(&self.recipe.template()),
        };
        let policy = self.trainer.rollout_policy();
        let hook = Some(&policy.steering as _);
        let batches = evaluate(
            &policy.base,
            hook,
            &self.validation_items,
            &decoding,
            &Rules::DEFAULT,
            0,
        );
        let samples: Vec<Vec<Vec<Sample>>> = batches.collect::<Result<_, _>>()?;
        let outcome = Outcome::of(&samples.concat()).expect("there are validation problems");
        let validation = Validation::new(self.step(), outcome, &self.validations);
        self.append(VALIDATION, [&validation])?;
        let events = self.folder.join(reporting::EVENTS);
        let appended = self.events.append_validation(&validation);
        appended.map_err(io_error(&events))?;
        self.validations.push(validation);
        Ok(())
    }

    /// Writes the checkpoint, then removes those that are not kept any more.
    ///
    /// The logs are synced first: after a power cut no checkpoint is ahead of its logs.
    fn save(&self) -> Result<(), RunError> {
        for log in [
            METRICS,
            COMPLETIONS,
            VALIDATION,
            WARNINGS,
            reporting::EVENTS,
        ] {
            let path = self.folder.join(log);
            log::sync(&path).map_err(io_error(&path))?;
        }
        let path = checkpoint_path(&self.folder, self.step());
        self.trainer.state.write(&path, &self.identity)?;
        remove_old(&self.folder, self.step(), self.recipe)
    }

    fn append(
        &self,
        log: &str,
        lines: impl IntoIterator<Item = impl Serialize>,
    ) -> Result<(), RunError> {
        let path = self.folder.join(log);
        log::append(&path, lines).map_err(io_error(&path))
    }
}

pub(crate) const CONFIG: &str = "config.toml";
const METRICS: &str = "metrics.jsonl";
const COMPLETIONS: &str = "completions.jsonl";
const VALIDATION: &str = "validation.jsonl";
const WARNINGS: &str = "warnings.jsonl";

/// The logs of a run up to a step.
struct Logs {
    metrics: Vec<StepMetrics>,
    validations: Vec<Validation>,
    unreadable: Vec<LogError>,
}

impl Logs {
    /// Reads the logs in `folder` up to `step`, and removes what comes after it.
    fn trim(folder: &Path, step: u64) -> Result<Self, RunError> {
        let metrics = trim_log::<StepMetrics>(folder, METRICS, step)?;
        let completions = trim_log::<LineStep>(folder, COMPLETIONS, step)?;
        let validations = trim_log::<Validation>(folder, VALIDATION, step)?;
        let unreadable = [
            metrics.unreadable,
            completions.unreadable,
            validations.unreadable,
        ];
        Ok(Self {
            metrics: metrics.records,
            validations: validations.records,
            unreadable: unreadable.into_iter().flatten().collect(),
        })
    }

    /// What is wrong if steps have no line, as when somebody cuts the log.
    fn missing_metrics(&self, folder: &Path, steps: u64) -> Option<RunError> {
        let path = folder.join(METRICS);
        let unreadable = self.unreadable.iter().filter(|error| error.path == path);
        let lines = self.metrics.len() + unreadable.count();
        let missing = steps.saturating_sub(lines as u64);
        (missing > 0).then_some(RunError::MissingMetrics {
            path,
            missing,
            steps,
        })
    }
}

/// A comment on the unknown keys of `config.json` that the user allowed, if there are any.
fn allowed_keys(base: &Pretrained) -> String {
    base.allowed_config_keys
        .iter()
        .map(|key| {
            format!("# config.json of the model: `{key}` was allowed with --allow-config-key\n")
        })
        .collect()
}

/// Refuses a folder without a checkpoint if a new run would replace files that none wrote there.
///
/// A run that was stopped before its first checkpoint has left its recipe, `config`, and logs. If
/// it did no step, another recipe may take its place: that is what the result tells.
fn keep_other_files(folder: &Path, recipe: &Recipe, config: &str) -> Result<bool, RunError> {
    if !checkpoints(folder).map_err(io_error(folder))?.is_empty() {
        return Ok(false);
    }
    let path = folder.join(CONFIG);
    let has_steps = fs::metadata(folder.join(METRICS)).is_ok_and(|log| log.len() > 0);
    let mut is_replaced = false;
    let logs = match fs::read(&path) {
        Ok(found) if found == config.as_bytes() && has_steps => return Ok(false),
        Ok(found) if found == config.as_bytes() => &[][..],
        // A run writes its recipe, then the events. A recipe alone may be somebody's own.
        Ok(found) if folder.join(reporting::EVENTS).is_file() => {
            let difference = recipe.difference(&String::from_utf8_lossy(&found));
            if let Some(difference) = difference.filter(|_| has_steps) {
                return Err(other_recipe(folder, difference));
            }
            is_replaced = true;
            &[]
        }
        Ok(_) => return Err(RunError::OtherFile { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            &[METRICS, COMPLETIONS, VALIDATION, WARNINGS]
        }
        Err(error) => return Err(io_error(&path)(error)),
    };
    let results = RESULTS.iter().map(|name| folder.join(name));
    let logs = logs.iter().map(|name| folder.join(name));
    let mut others = results
        .filter(|path| path.exists())
        .chain(logs.filter(|path| path.is_file()));
    match others.next() {
        Some(path) => Err(RunError::OtherFile { path }),
        None => Ok(is_replaced),
    }
}

/// Removes the evaluation of the base with another recipe.
fn forget_validation(folder: &Path) -> Result<(), RunError> {
    let path = folder.join(VALIDATION);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path)(error)),
        _ => Ok(()),
    }
}

fn trim_log<T: DeserializeOwned>(
    folder: &Path,
    log: &str,
    step: u64,
) -> Result<LogContents<T>, RunError> {
    let path = folder.join(log);
    log::trim(&path, step).map_err(io_error(&path))
}

/// Makes the error of an operation on `path`.
fn io_error(path: &Path) -> impl Fn(io::Error) -> RunError {
    move |source| RunError::Io {
        path: path.into(),
        source,
    }
}

/// Reads the newest checkpoint that is not damaged; gives what is wrong with newer ones.
///
/// If all are damaged it is an error: to begin again would throw the run away.
fn resume(
    trainer: &mut Trainer,
    folder: &Path,
    identity: &Identity,
) -> Result<Vec<RunError>, RunError> {
    let mut damaged = vec![];
    for (_, path) in checkpoints(folder).map_err(io_error(folder))? {
        match trainer.state.read(&path, identity) {
            Ok(state) => {
                trainer.state = state;
                return Ok(damaged);
            }
            Err(other @ CheckpointError::OtherRun { .. }) => return Err(other.into()),
            Err(error) => damaged.push(error.into()),
        }
    }
    if damaged.is_empty() {
        Ok(damaged)
    } else {
        Err(damaged.remove(0))
    }
}

/// The error, with the first setting that differs if the folder belongs to another recipe.
fn name_difference(error: RunError, folder: &Path, recipe: &Recipe) -> RunError {
    let is_other = matches!(
        &error,
        RunError::Checkpoint(CheckpointError::OtherRun { what, .. }) if what == "recipe"
    );
    let saved = fs::read_to_string(folder.join(CONFIG))
        .ok()
        .filter(|_| is_other);
    match saved.and_then(|saved| recipe.difference(&saved)) {
        Some(difference) => other_recipe(folder, difference),
        None => error,
    }
}

fn other_recipe(folder: &Path, (key, found, wanted): (String, String, String)) -> RunError {
    RunError::OtherRecipe {
        folder: folder.into(),
        key,
        found,
        wanted,
    }
}

/// Whether the policy is evaluated after a step.
fn is_validated(recipe: &Recipe, step: u64) -> bool {
    let every = recipe.validation.every;
    every > 0 && (step == recipe.steps || step.is_multiple_of(every))
}

/// Whether a run that is never stopped writes a checkpoint after a step.
fn is_saved(recipe: &Recipe, step: u64) -> bool {
    step == recipe.steps
        || is_validated(recipe, step)
        || step.is_multiple_of(recipe.checkpoint_every)
}

/// Removes the checkpoints before `step`, but the newest of those that a run writes that is never
/// stopped.
///
/// Later ones are damaged, and will be overwritten.
fn remove_old(folder: &Path, step: u64, recipe: &Recipe) -> Result<(), RunError> {
    let found = checkpoints(folder).map_err(io_error(folder))?;
    let whole = found.into_iter().filter(|&(of, _)| of <= step);
    let (saved, others): (Vec<_>, Vec<_>) = whole.partition(|&(of, _)| is_saved(recipe, of));
    let saved = saved.into_iter().skip(recipe.keep_checkpoints);
    let others = others.into_iter().filter(|&(of, _)| of < step);
    for (_, old) in saved.chain(others) {
        fs::remove_file(&old).map_err(io_error(&old))?;
    }
    Ok(())
}

/// Locks the folder. The lock goes with the process, however it ends.
fn lock(folder: &Path) -> Result<File, RunError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(io_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(RunError::Locked {
            folder: folder.into(),
        }),
        Err(fs::TryLockError::Error(source)) => Err(io_error(&path)(source)),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use trimtab_steer::FormError;

    use super::*;
    use crate::reward::CommandError;

    /// A caller that prints an error with its sources prints each of them once.
    #[test]
    fn no_message_repeats_its_source() {
        let reason = || io::Error::other("the reason");
        let program = String::from("grade.py");
        let json = serde_json::from_str::<LineStep>("{}").map(drop);
        let errors: [Box<dyn Error>; 4] = [
            Box::new(io_error(Path::new("runs/1"))(reason())),
            Box::new(TrainError::Form(FormError::LayerOrder)),
            Box::new(CommandError::Start {
                program,
                source: reason(),
            }),
            Box::new(LogError {
                path: "metrics.jsonl".into(),
                line: 1,
                source: json.expect_err("no step"),
            }),
        ];
        for error in errors {
            let source = error.source().expect("it has a source").to_string();
            assert!(!error.to_string().contains(&source), "{error}");
        }
    }
}
