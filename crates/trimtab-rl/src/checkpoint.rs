//! Checkpoints: all that a run needs to continue, in one file.
//!
//! A checkpoint has three times the size of what is trained.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{Pretrained, Site};
use trimtab_steer::{Adapter, FormError, TokenFilter};
use trimtab_tasks::stream::Cursor;

use crate::optim::Moments;
use crate::recipe::{Recipe, RecipeError};
use crate::run::CONFIG;
use crate::value::ValueHead;

/// What changes during a run.
///
/// Random draws follow from the step and their address, so there is no generator to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is trained.
    pub adapter: Adapter,
    /// The optimiser's moments of each parameter, in the order of [`Adapter::parameters`].
    pub moments: Vec<Moments>,
    /// The value head, if the recipe has one.
    pub value: Option<ValueHead>,
    /// How far the run is.
    pub progress: Progress,
}

/// The whole numbers of a [`State`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Number of steps done.
    pub step: u64,
    /// Number of updates of the parameters.
    pub updates: u64,
    /// Number of updates of the value.
    pub value_updates: u64,
    /// Number of skipped steps in a row, up to the last step.
    pub skipped_in_row: u64,
    /// Position in the stream of problems.
    pub cursor: Cursor,
}

/// The run that a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// [Fingerprint](crate::Recipe::fingerprint) of the recipe.
    pub recipe_sha256: String,
    /// SHA-256 of the base model's weights.
    pub base_sha256: String,
    /// Name of the number format of the base model's weights.
    pub precision: String,
}

/// Why a checkpoint cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error(
        "{path} is not a checkpoint of this version ({reason}); give another folder with --out, or \
         remove this one to start over"
    )]
    Format { path: PathBuf, reason: String },
    #[error(
        "{path} belongs to a run with another {what}; give another folder with --out, or remove \
         this one"
    )]
    OtherRun { path: PathBuf, what: String },
    #[error("cannot read {path}")]
    Disk { path: PathBuf, source: io::Error },
    #[error("{path} is not the recipe of a run")]
    Recipe { path: PathBuf, source: RecipeError },
    #[error("{folder} has no checkpoint of a run")]
    None { folder: PathBuf },
    #[error("{folder} is a run of another base model; load the one that it was trained on")]
    OtherBase { folder: PathBuf },
    #[error("{path} belongs to another run, or another step of it, than its name and place say")]
    Foreign { path: PathBuf },
    #[error(
        "{folder} is a run that trains {what}; only runs of plain vectors at `resid_post` of every \
         token can be followed"
    )]
    NotVectors { folder: PathBuf, what: String },
    #[error("{path} does not hold what its recipe trains")]
    Parameters { path: PathBuf, source: FormError },
}

/// The vectors in each checkpoint of a run in `folder`, with the number of steps, in order.
///
/// A run keeps its last two checkpoints unless its recipe says otherwise (`keep_checkpoints`).
///
/// # Shapes
///
/// - each: `[num_hidden_layers, hidden_size]`
///
/// # Errors
///
/// There is no run, it belongs to another base model, it does not train plain vectors at
/// `resid_post`, or a file is damaged.
pub fn vectors_by_step(
    folder: &Path,
    base: &Pretrained,
) -> Result<Vec<(u64, HostTensor)>, CheckpointError> {
    let disk = |path: &Path| {
        let path = path.to_owned();
        |source| CheckpointError::Disk { path, source }
    };
    let path = folder.join(CONFIG);
    let text = fs::read_to_string(&path).map_err(disk(&path))?;
    let recipe = Recipe::resolve(&text, &[]);
    let recipe = recipe.map_err(|source| CheckpointError::Recipe { path, source })?;
    let mut found = checkpoints(folder).map_err(disk(folder))?;
    found.reverse();
    if found.is_empty() {
        let folder = folder.into();
        return Err(CheckpointError::None { folder });
    }
    let text = |file: &TensorFile, key| {
        let value = file.metadata.get(key).and_then(serde_json::Value::as_str);
        value.map(str::to_owned)
    };
    let run = TensorFile::read(&found[0].1)?;
    if text(&run, BASE).as_ref() != Some(&base.sha256) {
        let folder = folder.into();
        return Err(CheckpointError::OtherBase { folder });
    }
    let start = plain_vectors(&recipe, folder, base)?;
    let vectors = found.into_iter().map(|(step, path)| {
        let mut file = TensorFile::read(&path)?;
        let of_step = file
            .metadata
            .get("progress")
            .and_then(|it| it["step"].as_u64());
        let of_run = [RECIPE, BASE].map(|key| text(&file, key) == text(&run, key));
        if of_run != [true; 2] || of_step != Some(step) {
            return Err(CheckpointError::Foreign { path });
        }
        // A checkpoint also has moments and a value head.
        let names = start.parameters().iter().map(|(name, _)| name);
        let parameters = names.filter_map(|name| file.tensors.remove_entry(name));
        let (form, parameters) = (start.form().clone(), parameters.collect());
        let adapter = Adapter::from_parameters(form, &base.model.config, parameters);
        let adapter = adapter.map_err(|source| parameters_error(&path, source))?;
        let (_, vectors) = adapter.plain_vectors().expect("its form has them");
        Ok((step, vectors))
    });
    vectors.collect()
}

/// What the recipe trains, if it is plain vectors at `resid_post` of every token.
fn plain_vectors(
    recipe: &Recipe,
    folder: &Path,
    base: &Pretrained,
) -> Result<Adapter, CheckpointError> {
    let refuse = |what: String| {
        let folder = folder.into();
        Err(CheckpointError::NotVectors { folder, what })
    };
    let form = &recipe.steer.form;
    if recipe.steer.token_filter != TokenFilter::default() {
        return refuse("at some tokens (`where`)".to_owned());
    }
    let start = Adapter::init(form.clone(), &base.model.config).ok();
    let vectors = start.as_ref().and_then(Adapter::plain_vectors);
    match (start, vectors) {
        (Some(start), Some((Site::ResidPost, _))) => Ok(start),
        (_, Some((site, _))) => refuse(format!("at `{}`", site.name())),
        _ => refuse(format!("`{}`", form.name())),
    }
}

fn parameters_error(path: &Path, source: FormError) -> CheckpointError {
    let path = path.into();
    CheckpointError::Parameters { path, source }
}

impl State {
    /// A run before its first step. `cursor` is the beginning of its stream of problems.
    pub fn new(adapter: Adapter, value: Option<ValueHead>, cursor: Cursor) -> Self {
        let parameters = adapter.parameters().iter();
        Self {
            moments: parameters
                .map(|(_, tensor)| Moments::zeros(tensor.data.len()))
                .collect(),
            adapter,
            value,
            progress: Progress {
                step: 0,
                updates: 0,
                value_updates: 0,
                skipped_in_row: 0,
                cursor,
            },
        }
    }

    /// Writes a checkpoint to `path`. A crash leaves the old file or none.
    ///
    /// # Errors
    ///
    /// A value is not finite, or writing fails.
    pub fn write(&self, path: &Path, identity: &Identity) -> Result<(), CheckpointError> {
        let mut file = TensorFile::default();
        for (name, tensor, moments) in self.parameters() {
            let like = |data: &[f32]| HostTensor {
                shape: tensor.shape.clone(),
                data: data.to_vec(),
            };
            let [value, first, second] = names(name);
            file.tensors.insert(value, tensor.clone());
            file.tensors.insert(first, like(&moments.first));
            file.tensors.insert(second, like(&moments.second));
        }
        let progress = serde_json::to_value(&self.progress).expect("whole numbers are JSON");
        file.metadata.insert("progress".to_owned(), progress);
        for (key, value) in identity.entries() {
            file.metadata.insert(key.to_owned(), value.clone().into());
        }
        Ok(file.write(path)?)
    }

    /// Reads a checkpoint of the run that `self` is the beginning of.
    ///
    /// The checkpoint has the same parameters, the same stream and this identity.
    ///
    /// # Errors
    ///
    /// The file is damaged, or belongs to another run.
    pub fn read(&self, path: &Path, identity: &Identity) -> Result<Self, CheckpointError> {
        let mut file = TensorFile::read(path)?;
        let format = |reason: String| CheckpointError::Format {
            path: path.into(),
            reason,
        };
        for (key, expected) in identity.entries() {
            match file.metadata.get(key).and_then(serde_json::Value::as_str) {
                None => return Err(format(format!("no `{key}`"))),
                Some(found) if found == expected => {}
                Some(found) => {
                    let what = match key {
                        RECIPE => "recipe".to_owned(),
                        PRECISION => format!(
                            "number format of the weights (`--dtype {found}`, here {expected})"
                        ),
                        _ => "base model".to_owned(),
                    };
                    let path = path.into();
                    return Err(CheckpointError::OtherRun { path, what });
                }
            }
        }
        let progress = file.metadata.remove("progress");
        let progress = progress.ok_or_else(|| format("no `progress`".to_owned()))?;
        let progress: Progress =
            serde_json::from_value(progress).map_err(|error| format(error.to_string()))?;
        if progress.cursor.stream != self.progress.cursor.stream {
            let (path, what) = (path.into(), "data set".to_owned());
            return Err(CheckpointError::OtherRun { path, what });
        }
        let mut take = |name: String, shape: &[usize]| match file.tensors.remove(&name) {
            Some(tensor) if tensor.shape == shape => Ok(tensor),
            Some(tensor) => Err(format(format!(
                "`{name}` is {:?}, not {shape:?}",
                tensor.shape
            ))),
            None => Err(format(format!("no tensor `{name}`"))),
        };
        let mut taken = vec![];
        for (name, tensor, _) in self.parameters() {
            let [value, first, second] = names(name);
            let moments = Moments {
                first: take(first, &tensor.shape)?.data,
                second: take(second, &tensor.shape)?.data,
            };
            taken.push((take(value, &tensor.shape)?.data, moments));
        }
        let mut state = self.clone();
        state.progress = progress;
        for ((value, moments), (value_taken, moments_taken)) in state.values_mut().zip(taken) {
            (*value, *moments) = (value_taken, moments_taken);
        }
        Ok(state)
    }

    /// Name, values and moments of all that is learned.
    fn parameters(&self) -> impl Iterator<Item = (&str, &HostTensor, &Moments)> {
        let value = self.value.iter().flat_map(ValueHead::params);
        let value = value.map(|param| (param.name, &param.value, &param.moments));
        let trained = self.adapter.parameters().iter().zip(&self.moments);
        let trained = trained.map(|((name, tensor), moments)| (&**name, tensor, moments));
        trained.chain(value)
    }

    /// Values and moments of all that is learned.
    fn values_mut(&mut self) -> impl Iterator<Item = (&mut Vec<f32>, &mut Moments)> {
        let value = self.value.iter_mut().flat_map(ValueHead::params_mut);
        let value = value.map(|param| (&mut param.value.data, &mut param.moments));
        self.adapter
            .values_mut()
            .zip(&mut self.moments)
            .chain(value)
    }
}

const RECIPE: &str = "recipe_sha256";
const BASE: &str = "base_sha256";
const PRECISION: &str = "precision";

impl Identity {
    fn entries(&self) -> [(&'static str, &String); 3] {
        [
            (RECIPE, &self.recipe_sha256),
            (BASE, &self.base_sha256),
            (PRECISION, &self.precision),
        ]
    }
}

fn names(param: &str) -> [String; 3] {
    ["", ".moments.first", ".moments.second"].map(|part| format!("{param}{part}"))
}

/// The checkpoints in `folder` with their steps, the newest first.
///
/// # Errors
///
/// The folder cannot be read.
pub(crate) fn checkpoints(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let step = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| {
                name.strip_prefix("checkpoint-")?
                    .strip_suffix(".safetensors")
            })
            .and_then(|step| step.parse().ok());
        found.extend(step.map(|step| (step, path)));
    }
    found.sort_unstable_by_key(|(step, _)| std::cmp::Reverse(*step));
    Ok(found)
}

/// The file of the checkpoint after `step`.
pub(crate) fn checkpoint_path(folder: &Path, step: u64) -> PathBuf {
    folder.join(format!("checkpoint-{step:06}.safetensors"))
}
