//! Files that hold what steers a model: the native format, and those of other projects.

mod error;
mod metadata;
mod other_formats;

use std::path::Path;

use burn::tensor::Device;
use serde_json::json;
use trimtab_model::file::read_limited;
use trimtab_model::gguf::MAGIC;
use trimtab_model::tensor_file::{HostTensor, TensorFile};
use trimtab_model::{Model, ModelConfig, Pretrained, Site};

pub use crate::npy::NpyError;
pub use error::SteeringFileError;
pub use metadata::SteeringMetadata;

use crate::adapter::Adapter;
use crate::algebra::{self, select_layers};
use crate::control_vector::{ControlVector, names_type};
use crate::form::{Form, FormError, width};
use crate::npy;
use crate::steered_model::SteeringSource;
use crate::steering::{Conflict, Steering};
use crate::steering_vectors::SteeringVectors;
use crate::token_filter::TokenFilter;
use metadata::plain_form;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// Largest number times its strength. The activations of models are below 10^6, and f32 has seven
/// digits.
const MAX_VALUE: f32 = 1e9;
/// The name of the one parameter of plain vectors.
const VECTORS_NAME: &str = "vectors";

/// What steers a model: plain vectors, gated vectors or LoRA, with the base that they belong to.
#[derive(Clone, Debug, PartialEq)]
pub struct SteeringFile {
    /// The parameters of the form, with its names and in its order. Plain vectors are one parameter
    /// named `vectors`, `[num_hidden_layers, width]`.
    pub parameters: Vec<(String, HostTensor)>,
    /// What the parameters are, and where they come from.
    pub metadata: SteeringMetadata,
}

/// A file that was transferred to another model, and how that model differs.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferredFile {
    /// The file with its new base.
    pub file: SteeringFile,
    /// The differences between the two models, a readable phrase each; empty if there are none.
    pub differences: Vec<String>,
}

impl SteeringFile {
    /// Vectors that were made for `base`, added to `resid_post` at every token.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    pub fn new(
        vectors: HostTensor,
        base: &Pretrained,
        step: u64,
        recipe: serde_json::Value,
    ) -> Self {
        let mut file = Self::without_base(vectors, recipe);
        file.metadata.step = step;
        file.set_base(base);
        file
    }

    /// An adapter that was trained on `base` and acts on the tokens of `filter`. Forms that are
    /// vectors are stored as plain vectors.
    pub fn from_adapter(
        adapter: &Adapter,
        filter: &TokenFilter,
        base: &Pretrained,
        step: u64,
        recipe: serde_json::Value,
    ) -> Self {
        let (form, parameters) = match adapter.plain_vectors() {
            Some((site, vectors)) => (plain_form(site), vec![(VECTORS_NAME.to_owned(), vectors)]),
            None => (adapter.form().clone(), adapter.parameters().to_vec()),
        };
        let mut metadata = SteeringMetadata::without_base(form, recipe);
        metadata.token_filter = (*filter != TokenFilter::default()).then(|| filter.clone());
        metadata.step = step;
        let mut file = Self {
            parameters,
            metadata,
        };
        file.set_base(base);
        file
    }

    /// Writes the native format. Equal parameters and metadata give equal bytes.
    ///
    /// # Errors
    ///
    /// A value is not finite, or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), SteeringFileError> {
        let mut file = TensorFile::default();
        for (name, tensor) in &self.parameters {
            let name = match self.metadata.plain_site() {
                Some(site) => site.name(),
                None => name,
            };
            file.tensors.insert(name.to_owned(), tensor.clone());
        }
        let metadata = serde_json::to_value(&self.metadata).expect("the metadata is plain data");
        file.metadata = metadata
            .as_object()
            .expect("a struct becomes an object")
            .clone();
        Ok(file.write(path)?)
    }

    /// Reads what steers the model `base`: a native file, a GGUF control vector or an npy matrix.
    /// The first bytes tell which.
    ///
    /// A control vector has no vector for layer 0 and may leave out others; these are zero.
    ///
    /// ```no_run
    /// use trimtab_model::{Device, Precision, Pretrained};
    /// use trimtab_steer::SteeringFile;
    ///
    /// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
    /// let file = SteeringFile::read("steering.gguf".as_ref(), &base)?;
    /// let steering = file.to_steering(&base.model)?;
    /// let tokens = base.tokenizer.encode("Hello")?;
    /// let (resid_post, _) = base.model.prefill(&[&tokens], Some(&steering));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file is damaged, is something else, or was made for another base. For the last case see
    /// [`Self::transfer`].
    pub fn read(path: &Path, base: &Pretrained) -> Result<Self, SteeringFileError> {
        Self::from_bytes(&read_bytes(path)?, path, base)
    }

    /// As [`Self::read`], from the bytes of a file. `path` is for messages only.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub fn from_bytes(
        bytes: &[u8],
        path: &Path,
        base: &Pretrained,
    ) -> Result<Self, SteeringFileError> {
        let mut file = Self::parse(bytes, path, &base.model.config)?;
        let metadata = &file.metadata;
        if !metadata.base_sha256.is_empty() && metadata.base_sha256 != base.sha256 {
            return Err(SteeringFileError::OtherBase {
                path: path.into(),
                base_model: metadata.base_model.clone(),
                expected: metadata.base_sha256.clone(),
                found: base.sha256.clone(),
            });
        }
        let model_type = &base.model.config.model_type;
        if let Some(expected) = &metadata.model_type
            && !names_type(expected, model_type)
        {
            return Err(SteeringFileError::OtherType {
                path: path.into(),
                expected: expected.clone(),
                found: model_type.clone(),
            });
        }
        file.check(path, &base.model.config)?;
        if file.metadata.base_sha256.is_empty() {
            file.set_base(base);
        }
        file.metadata.model_type = Some(model_type.clone());
        Ok(file)
    }

    /// Reads a file for `base`, whichever model it was made for.
    ///
    /// # Errors
    ///
    /// The file is damaged, is something else, or does not have the layers and the width of `base`.
    pub fn transfer(path: &Path, base: &Pretrained) -> Result<TransferredFile, SteeringFileError> {
        Self::transfer_bytes(&read_bytes(path)?, path, base)
    }

    /// As [`Self::transfer`], from the bytes of a file. `path` is for messages only.
    pub(crate) fn transfer_bytes(
        bytes: &[u8],
        path: &Path,
        base: &Pretrained,
    ) -> Result<TransferredFile, SteeringFileError> {
        let mut file = Self::parse(bytes, path, &base.model.config)?;
        file.check(path, &base.model.config)?;
        let old = file.metadata.clone();
        file.set_base(base);
        let new = &mut file.metadata;
        let differences = differences(&old, new);
        if !differences.is_empty() {
            new.recipe = json!({
                "transferred_from": {
                    "base_model": old.base_model,
                    "base_sha256": old.base_sha256,
                    "model_type": old.model_type,
                },
                "recipe": old.recipe,
            });
        }
        Ok(TransferredFile { file, differences })
    }

    /// The sum of vectors, each times its strength, as one file for `base`; and how `base` differs
    /// from the models that they were made for.
    ///
    /// # Errors
    ///
    /// A source is no file of vectors at `resid_post` of every token, or does not belong to `base`.
    /// A single source at strength 1 may be of any form.
    ///
    /// # Panics
    ///
    /// There is no source.
    pub fn sum(
        sources: &[SteeringSource],
        base: &Pretrained,
    ) -> Result<(Self, Vec<String>), SteeringFileError> {
        let mut differences = vec![];
        let mut sum: Option<Self> = None;
        let mut parts = vec![];
        for source in sources {
            let path = &source.path;
            let mut file = if source.any_base {
                let transferred = Self::transfer(path, base)?;
                differences.extend(transferred.differences);
                transferred.file
            } else {
                Self::read(path, base)?
            };
            if sources.len() == 1 && source.strength == 1.0 {
                return Ok((file, differences));
            }
            Self::check_size(&file.parameters, source.strength, path)?;
            let mut vectors = algebra::scale(file.resid_post_vectors()?, source.strength);
            parts.push(json!({ "strength": source.strength, "recipe": file.metadata.recipe }));
            if let Some(sum) = &sum {
                vectors = algebra::add(sum.resid_post_vectors()?, &vectors).expect("both fit");
            }
            file.parameters = vec![(VECTORS_NAME.to_owned(), vectors)];
            file.metadata.recipe = json!({ "sum": parts });
            sum = Some(file);
        }
        Ok((sum.expect("at least one source"), differences))
    }

    /// Makes the parameters act on `model`, whatever their form, at the tokens of the filter.
    ///
    /// # Errors
    ///
    /// The filter or the parameters do not fit the model.
    pub fn to_steering(&self, model: &Model) -> Result<Steering, SteeringFileError> {
        let adapter = self.adapter(&model.config)?.to_device(&model.device());
        let filter = self.metadata.token_filter.clone().unwrap_or_default();
        Ok(Steering::new(vec![(adapter, filter)], Conflict::Sum)?)
    }

    /// The vectors on a device.
    ///
    /// # Errors
    ///
    /// The form is not plain vectors, or they do not act at `resid_post` of every token.
    pub fn to_vectors(&self, device: &Device) -> Result<SteeringVectors, SteeringFileError> {
        Ok(SteeringVectors::from_host(
            self.resid_post_vectors()?,
            device,
        ))
    }

    /// The vectors in main memory, `[num_hidden_layers, width]`.
    ///
    /// # Errors
    ///
    /// The form is not plain vectors.
    pub fn vectors(&self) -> Result<&HostTensor, SteeringFileError> {
        match (self.metadata.plain_site(), &self.parameters[..]) {
            (Some(_), [(_, vectors)]) => Ok(vectors),
            _ => Err(SteeringFileError::NotVectors {
                form: self.metadata.form.name(),
            }),
        }
    }

    /// The same file with zeros for layer 0, for GGUF control vectors, which have no such layer.
    ///
    /// # Errors
    ///
    /// The form is not plain vectors.
    pub fn without_layer_0(&self) -> Result<Self, SteeringFileError> {
        let vectors = self.vectors()?;
        let others: Vec<usize> = (1..vectors.shape[0]).collect();
        let vectors = select_layers(vectors, &others).expect("these layers exist");
        Ok(Self {
            parameters: vec![(VECTORS_NAME.to_owned(), vectors)],
            metadata: self.metadata.clone(),
        })
    }

    /// The vectors in main memory, `[num_hidden_layers, hidden_size]`, if they act at `resid_post`
    /// of every token.
    ///
    /// # Errors
    ///
    /// The form is not plain vectors, or they act elsewhere.
    pub fn resid_post_vectors(&self) -> Result<&HostTensor, SteeringFileError> {
        let vectors = self.vectors()?;
        let filter = self.metadata.token_filter.as_ref();
        let filtered = filter.is_some_and(|filter| *filter != TokenFilter::default());
        match self.metadata.plain_site() {
            Some(Site::ResidPost) if !filtered => Ok(vectors),
            site => Err(SteeringFileError::NotEverywhere {
                site: site.unwrap_or(Site::ResidPost),
                filtered,
            }),
        }
    }

    /// Parses the bytes of a file in any format. A control vector gets a row for each layer.
    fn parse(bytes: &[u8], path: &Path, config: &ModelConfig) -> Result<Self, SteeringFileError> {
        if bytes.starts_with(MAGIC) {
            let ControlVector {
                vectors,
                model_hint,
            } = ControlVector::from_bytes(bytes, path, config.num_hidden_layers)?;
            let mut file = Self::without_base(vectors, json!({ "imported": "gguf" }));
            file.metadata.model_type = model_hint;
            return Ok(file);
        }
        if let Some(what) = other_formats::of_bytes(bytes) {
            let path = path.into();
            return Err(SteeringFileError::OtherFormat { path, what });
        }
        if bytes.starts_with(npy::MAGIC) {
            let vectors = npy::from_bytes(bytes, path)?;
            return Ok(Self::without_base(vectors, json!({ "imported": "npy" })));
        }
        Self::parse_native(bytes, path, config)
    }

    fn parse_native(
        bytes: &[u8],
        path: &Path,
        config: &ModelConfig,
    ) -> Result<Self, SteeringFileError> {
        let mut file = TensorFile::from_bytes(bytes, path)?;
        if let Some(what) = other_formats::of_tensors(&file) {
            let path = path.into();
            return Err(SteeringFileError::OtherFormat { path, what });
        }
        let format = |reason: String| SteeringFileError::Format {
            path: path.into(),
            reason,
        };
        let metadata = serde_json::Value::Object(file.metadata);
        let metadata: SteeringMetadata =
            serde_json::from_value(metadata).map_err(|error| format(error.to_string()))?;
        if metadata.base_sha256.is_empty() {
            return Err(format(
                "it does not say which weights it belongs to".to_owned(),
            ));
        }
        let mut take = |name: &str| {
            let tensor = file.tensors.remove(name);
            tensor.ok_or_else(|| format(format!("it has no tensor `{name}`")))
        };
        let names: Vec<(String, String)> = if let Some(site) = metadata.plain_site() {
            vec![(VECTORS_NAME.to_owned(), site.name().to_owned())]
        } else {
            let parameters = metadata.form.init(config).map_err(unfit(path))?.into_iter();
            parameters.map(|(name, _)| (name.clone(), name)).collect()
        };
        let parameters = names
            .into_iter()
            .map(|(name, stored)| Ok((name, take(&stored)?)))
            .collect::<Result<_, SteeringFileError>>()?;
        Ok(Self {
            parameters,
            metadata,
        })
    }

    fn without_base(vectors: HostTensor, recipe: serde_json::Value) -> Self {
        let mut metadata = SteeringMetadata::without_base(Form::default(), recipe);
        metadata.num_hidden_layers = vectors.shape.first().copied().unwrap_or(0);
        metadata.hidden_size = vectors.shape.last().copied().unwrap_or(0);
        Self {
            parameters: vec![(VECTORS_NAME.to_owned(), vectors)],
            metadata,
        }
    }

    /// The parameters as an adapter.
    pub(crate) fn adapter(&self, config: &ModelConfig) -> Result<Adapter, FormError> {
        Adapter::from_parameters(self.metadata.form.clone(), config, self.parameters.clone())
    }

    /// Refuses parameters that are absurdly large at a strength.
    ///
    /// # Errors
    ///
    /// One is above 10^9, or not a number. `path` is named in the message.
    pub fn check_size(
        parameters: &[(String, HostTensor)],
        strength: f32,
        path: &Path,
    ) -> Result<(), SteeringFileError> {
        let values = parameters.iter().flat_map(|(_, tensor)| &tensor.data);
        let too_large = |value: &&f32| (**value * strength).abs() > MAX_VALUE;
        match values.copied().find(|value| too_large(&value)) {
            None => Ok(()),
            Some(value) => Err(SteeringFileError::TooLarge {
                path: path.into(),
                value,
                strength,
            }),
        }
    }

    /// Whether the parameters are those of the form on this model.
    fn check(&self, path: &Path, config: &ModelConfig) -> Result<(), SteeringFileError> {
        if let (Some(site), Ok(vectors)) = (self.metadata.plain_site(), self.vectors()) {
            let expected = [config.num_hidden_layers, width(config, site)];
            if vectors.shape != expected {
                return Err(SteeringFileError::Shape {
                    path: path.into(),
                    found: vectors.shape.clone(),
                    expected,
                });
            }
        }
        self.adapter(config).map_err(unfit(path))?;
        Self::check_size(&self.parameters, 1.0, path)
    }

    fn set_base(&mut self, base: &Pretrained) {
        let config = &base.model.config;
        let metadata = &mut self.metadata;
        metadata.base_model = base.name.clone();
        metadata.base_sha256 = base.sha256.clone();
        metadata.model_type = Some(config.model_type.clone());
        metadata.allowed_config_keys = base.allowed_config_keys.clone();
        metadata.num_hidden_layers = config.num_hidden_layers;
        metadata.hidden_size = config.hidden_size;
    }
}

/// Makes the error that the parameters of a file do not fit the model.
fn unfit(path: &Path) -> impl Fn(FormError) -> SteeringFileError {
    move |source| SteeringFileError::Form {
        path: path.into(),
        source,
    }
}

/// The bytes of a steering file.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, SteeringFileError> {
    read_limited(path, MAX_FILE_BYTES).map_err(|source| SteeringFileError::Read {
        path: path.into(),
        source,
    })
}

/// The differences between two base models, a phrase each.
fn differences(old: &SteeringMetadata, new: &SteeringMetadata) -> Vec<String> {
    let mut differences = vec![];
    if old.base_sha256.is_empty() {
        differences.push("the file does not say which weights it was made for".to_owned());
    } else if old.base_sha256 != new.base_sha256 {
        differences.push(format!(
            "the file was made for the weights of `{}` (sha256 {}), \
             and these are the weights of `{}` (sha256 {})",
            old.base_model, old.base_sha256, new.base_model, new.base_sha256
        ));
    }
    if let (Some(old), Some(new)) = (&old.model_type, &new.model_type)
        && !names_type(old, new)
    {
        differences.push(format!(
            "the file was made for a `{old}`, and this model is a `{new}`"
        ));
    }
    differences
}
