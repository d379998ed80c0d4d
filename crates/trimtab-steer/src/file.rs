//! Files of what steers: the native one, which knows its base, and those of others.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use serde_json::json;
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{Model, ModelConfig, Pretrained, Site};

use crate::adapter::Adapter;
use crate::control_vector::ControlVector;
use crate::form::{Form, FormError, PerLayer, width};
use crate::gguf::{self, GgufError};
use crate::npy::{self, NpyError};
use crate::steering::{Conflict, Steering, SteeringSetError};
use crate::token_filter::TokenFilter;
use crate::vectors::SteeringVectors;

/// Value of `format` in the metadata of plain vectors, one for each layer, in a tensor named by the site.
const VECTORS: &str = "trimtab-steering-1";
/// Of other forms, named by the metadata, with a tensor for each parameter.
const FORM: &str = "trimtab-steering-2";

/// What steers a model, as a file holds it: vectors, or the parameters of a form that is more than vectors.
#[derive(Clone, Debug, PartialEq)]
pub struct SteeringFile {
    /// The parameters of the form, in its order and with its names; of plain vectors `vectors`, `[num_hidden_layers, width]`.
    pub parameters: Vec<(String, HostTensor)>,
    /// Where they come from.
    pub metadata: SteeringMetadata,
}

/// What a steering file says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Entries", into = "Entries")]
pub struct SteeringMetadata {
    /// What the parameters are.
    pub form: Form,
    /// At which tokens they act; absent: at all.
    pub where_clause: Option<TokenFilter>,
    /// Name of the base model; empty where the file does not say.
    pub base_model: String,
    /// SHA-256 of the weights that the vectors were made for; empty where the file does not say.
    pub base_sha256: String,
    /// `model_type` of the base model, where the file says it.
    pub model_type: Option<String>,
    /// Number of layers of the model.
    pub num_hidden_layers: usize,
    /// Width of its residual stream.
    pub hidden_size: usize,
    /// Training steps behind them.
    pub step: u64,
    /// The settings that they were made with.
    pub recipe: serde_json::Value,
}

/// What was moved to another model, with what differs between the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Transfer {
    /// The same with the new base.
    pub file: SteeringFile,
    /// What differs, one readable phrase each; empty if nothing does.
    pub differences: Vec<String>,
}

/// Why steering vectors could not be loaded.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum SteeringError {
    #[error(transparent)]
    File(#[from] TensorFileError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error(transparent)]
    Npy(#[from] NpyError),
    #[error("{path} holds no steering vectors of this version ({reason})")]
    Format { path: PathBuf, reason: String },
    #[error(
        "{path} was trained on `{base_model}` (sha256 {expected}), not on this model (sha256 {found})"
    )]
    OtherBase {
        path: PathBuf,
        base_model: String,
        expected: String,
        found: String,
    },
    #[error("{path} was made for a model of the type `{expected}`, and this one is a `{found}`")]
    OtherType {
        path: PathBuf,
        expected: String,
        found: String,
    },
    #[error("{path} holds {found:?} numbers, but the model has {expected:?} (layers, width)")]
    Shape {
        path: PathBuf,
        found: Vec<usize>,
        expected: [usize; 2],
    },
    #[error("what steers does not fit this model: {0}")]
    Form(#[from] FormError),
    #[error("the where-clause of the file cannot be followed: {0}")]
    TokenFilter(#[from] SteeringSetError),
    #[error(
        "these vectors act at {}{}, where only vectors that act at resid_post and at every token can be used",
        site.name(),
        if *conditional { " at some tokens" } else { "" }
    )]
    NotEverywhere { site: Site, conditional: bool },
    #[error("this is the form `{form}`, where only plain vectors can be used")]
    NoVectors { form: &'static str },
}

impl SteeringFile {
    /// Vectors that were made for `base`, added to `resid_post` at every token.
    pub fn new(
        vectors: HostTensor,
        base: &Pretrained,
        step: u64,
        recipe: serde_json::Value,
    ) -> Self {
        let mut file = Self::unknown_base(vectors, recipe);
        file.metadata.step = step;
        file.belong_to(base);
        file
    }

    /// What was trained on `base` and acts at the tokens of `token_filter`. Forms that are vectors become the vectors that they stand for.
    pub fn of(
        adapter: &Adapter,
        token_filter: &TokenFilter,
        base: &Pretrained,
        step: u64,
        recipe: serde_json::Value,
    ) -> Self {
        let (form, parameters) = match adapter.materialise() {
            Some((site, vectors)) => (vectors_at(site), vec![(NAME.to_owned(), vectors)]),
            None => (adapter.form().clone(), adapter.parameters().to_vec()),
        };
        let mut metadata = SteeringMetadata::unknown_base(form, recipe);
        metadata.where_clause =
            (*token_filter != TokenFilter::default()).then(|| token_filter.clone());
        metadata.step = step;
        let mut file = Self {
            parameters,
            metadata,
        };
        file.belong_to(base);
        file
    }

    /// Writes the native file; equal parameters and metadata give equal bytes.
    ///
    /// # Errors
    ///
    /// A value is not finite, or the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), SteeringError> {
        let mut file = TensorFile::default();
        for (name, tensor) in &self.parameters {
            let name = match self.metadata.plain() {
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

    /// Reads what steers the model `base` from a native file, a GGUF control vector or an npy matrix; the first bytes
    /// tell which.
    ///
    /// A control vector has no vector for layer 0 and may leave others out: these are zero.
    ///
    /// ```no_run
    /// use trimtab_model::{Device, Precision, Pretrained};
    /// use trimtab_steer::SteeringFile;
    ///
    /// let device = Device::flex();
    /// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &device)?;
    /// let steering = SteeringFile::read("steering.gguf".as_ref(), &base)?.to_steering(&base.model)?;
    /// let (resid_post, _) = base.model.prefill(&[&base.tokenizer.encode("Hello")?], Some(&steering));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file is damaged, holds something else, or was made for another base ([`Self::transfer`] takes it none the
    /// less).
    pub fn read(path: &Path, base: &Pretrained) -> Result<Self, SteeringError> {
        let mut file = Self::open(path, &base.model.config)?;
        let metadata = &file.metadata;
        if !metadata.base_sha256.is_empty() && metadata.base_sha256 != base.sha256 {
            return Err(SteeringError::OtherBase {
                path: path.into(),
                base_model: metadata.base_model.clone(),
                expected: metadata.base_sha256.clone(),
                found: base.sha256.clone(),
            });
        }
        let model_type = &base.model.config.model_type;
        if let Some(expected) = &metadata.model_type
            && expected != model_type
        {
            return Err(SteeringError::OtherType {
                path: path.into(),
                expected: expected.clone(),
                found: model_type.clone(),
            });
        }
        file.check(path, &base.model.config)?;
        if file.metadata.base_sha256.is_empty() {
            file.belong_to(base);
        }
        file.metadata.model_type = Some(model_type.clone());
        Ok(file)
    }

    /// Reads a file as [`Self::read`] does, for `base` whatever it was made for, if layers and width are equal.
    ///
    /// # Errors
    ///
    /// The file is damaged, holds something else, or has another shape.
    pub fn transfer(path: &Path, base: &Pretrained) -> Result<Transfer, SteeringError> {
        let mut file = Self::open(path, &base.model.config)?;
        file.check(path, &base.model.config)?;
        let old = file.metadata.clone();
        file.belong_to(base);
        let new = &mut file.metadata;
        let mut differences = vec![];
        if old.base_sha256.is_empty() {
            differences.push("the file does not say which weights it was made for".to_owned());
        } else if old.base_sha256 != new.base_sha256 {
            differences.push(format!(
                "it was made for the weights of `{}` (sha256 {}), and these are those of `{}` (sha256 {})",
                old.base_model, old.base_sha256, new.base_model, new.base_sha256
            ));
        }
        if let (Some(old), Some(new)) = (&old.model_type, &new.model_type)
            && old != new
        {
            differences.push(format!(
                "it was made for a `{old}`, and this model is a `{new}`"
            ));
        }
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
        Ok(Transfer { file, differences })
    }

    /// What acts on `model`, whatever the form, at the tokens of the where-clause.
    ///
    /// # Errors
    ///
    /// The where-clause cannot be followed, or the parameters are not those of the form.
    pub fn to_steering(&self, model: &Model) -> Result<Steering, SteeringError> {
        let leaves = self.adapter(&model.config)?.to_device(&model.device());
        let set = (
            leaves,
            self.metadata.where_clause.clone().unwrap_or_default(),
        );
        Ok(Steering::new(vec![set], Conflict::Sum)?)
    }

    /// The vectors ready to steer with.
    ///
    /// # Errors
    ///
    /// They are no vectors, act elsewhere, or at some tokens only.
    pub fn to_vectors(&self, device: &Device) -> Result<SteeringVectors, SteeringError> {
        Ok(SteeringVectors::from_host(self.everywhere()?, device))
    }

    /// The vectors, `[num_hidden_layers, width]`.
    ///
    /// # Errors
    ///
    /// The file holds something else.
    pub fn vectors(&self) -> Result<&HostTensor, SteeringError> {
        match (self.metadata.plain(), &self.parameters[..]) {
            (Some(_), [(_, vectors)]) => Ok(vectors),
            _ => Err(SteeringError::NoVectors {
                form: self.metadata.form.name(),
            }),
        }
    }

    /// The vectors, if all they do is to be added to `resid_post` at every token.
    pub(crate) fn everywhere(&self) -> Result<&HostTensor, SteeringError> {
        let vectors = self.vectors()?;
        let token_filter = &self.metadata.where_clause;
        let conditional = token_filter
            .as_ref()
            .is_some_and(|of| *of != TokenFilter::default());
        match self.metadata.plain() {
            Some(Site::ResidPost) if !conditional => Ok(vectors),
            site => Err(SteeringError::NotEverywhere {
                site: site.unwrap_or(Site::ResidPost),
                conditional,
            }),
        }
    }

    /// What the file at `path` says; a control vector gets at least a row for each layer.
    fn open(path: &Path, config: &ModelConfig) -> Result<Self, SteeringError> {
        let mut magic = vec![];
        let read = |source| TensorFileError::Read {
            path: path.into(),
            source,
        };
        if !std::fs::metadata(path).map_err(read)?.is_file() {
            return Err(read(io::Error::other("it is not a file")).into()); // a pipe would wait
        }
        let file = File::open(path).map_err(read)?;
        file.take(6).read_to_end(&mut magic).map_err(read)?;
        if magic.starts_with(gguf::MAGIC) {
            let ControlVector {
                vectors,
                model_hint,
            } = ControlVector::read(path, config.num_hidden_layers)?;
            let mut file = Self::unknown_base(vectors, json!({ "imported": "gguf" }));
            file.metadata.model_type = model_hint;
            return Ok(file);
        }
        if magic == npy::MAGIC {
            let vectors = npy::read(path)?;
            return Ok(Self::unknown_base(vectors, json!({ "imported": "npy" })));
        }
        Self::open_native(path, config)
    }

    fn open_native(path: &Path, config: &ModelConfig) -> Result<Self, SteeringError> {
        let mut file = TensorFile::read(path)?;
        let format = |reason: String| SteeringError::Format {
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
            tensor.ok_or_else(|| format(format!("no tensor `{name}`")))
        };
        let names: Vec<(String, String)> = if let Some(site) = metadata.plain() {
            vec![(NAME.to_owned(), site.name().to_owned())]
        } else {
            let parameters = metadata.form.initial(config)?.into_iter();
            parameters.map(|(name, _)| (name.clone(), name)).collect()
        };
        let parameters = names
            .into_iter()
            .map(|(name, stored)| Ok((name, take(&stored)?)))
            .collect::<Result<_, SteeringError>>()?;
        Ok(Self {
            parameters,
            metadata,
        })
    }

    fn unknown_base(vectors: HostTensor, recipe: serde_json::Value) -> Self {
        let mut metadata = SteeringMetadata::unknown_base(Form::default(), recipe);
        metadata.num_hidden_layers = vectors.shape.first().copied().unwrap_or(0);
        metadata.hidden_size = vectors.shape.last().copied().unwrap_or(0);
        Self {
            parameters: vec![(NAME.to_owned(), vectors)],
            metadata,
        }
    }

    fn adapter(&self, config: &ModelConfig) -> Result<Adapter, FormError> {
        Adapter::from_parameters(self.metadata.form.clone(), config, self.parameters.clone())
    }

    /// Whether the parameters are those of the form on this model.
    fn check(&self, path: &Path, config: &ModelConfig) -> Result<(), SteeringError> {
        if let (Some(site), Ok(vectors)) = (self.metadata.plain(), self.vectors()) {
            let expected = [config.num_hidden_layers, width(config, site)];
            if vectors.shape != expected {
                return Err(SteeringError::Shape {
                    path: path.into(),
                    found: vectors.shape.clone(),
                    expected,
                });
            }
        }
        self.adapter(config)?;
        Ok(())
    }

    fn belong_to(&mut self, base: &Pretrained) {
        let config = &base.model.config;
        let metadata = &mut self.metadata;
        metadata.base_model = base.name.clone();
        metadata.base_sha256 = base.sha256.clone();
        metadata.model_type = Some(config.model_type.clone());
        metadata.num_hidden_layers = config.num_hidden_layers;
        metadata.hidden_size = config.hidden_size;
    }
}

/// The name of the one parameter of plain vectors.
const NAME: &str = "vectors";

/// A vector for each layer at a site.
fn vectors_at(site: Site) -> Form {
    Form::PerLayer(PerLayer { site, layers: None })
}

impl SteeringMetadata {
    fn unknown_base(form: Form, recipe: serde_json::Value) -> Self {
        Self {
            form,
            where_clause: None,
            base_model: String::new(),
            base_sha256: String::new(),
            model_type: None,
            num_hidden_layers: 0,
            hidden_size: 0,
            step: 0,
            recipe,
        }
    }

    /// The site of plain vectors, one for each layer.
    fn plain(&self) -> Option<Site> {
        match self.form {
            Form::PerLayer(PerLayer { site, layers: None }) => Some(site),
            _ => None,
        }
    }
}

/// The metadata as it stands in a file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    format: String,
    /// Of plain vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<Site>,
    /// Of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    form: Option<Form>,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    where_clause: Option<TokenFilter>,
    base_model: String,
    base_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_type: Option<String>,
    num_hidden_layers: usize,
    hidden_size: usize,
    step: u64,
    recipe: serde_json::Value,
}

impl From<SteeringMetadata> for Entries {
    fn from(metadata: SteeringMetadata) -> Self {
        let site = metadata.plain();
        Self {
            format: if site.is_some() { VECTORS } else { FORM }.to_owned(),
            form: site.is_none().then_some(metadata.form),
            site,
            where_clause: metadata.where_clause,
            base_model: metadata.base_model,
            base_sha256: metadata.base_sha256,
            model_type: metadata.model_type,
            num_hidden_layers: metadata.num_hidden_layers,
            hidden_size: metadata.hidden_size,
            step: metadata.step,
            recipe: metadata.recipe,
        }
    }
}

impl TryFrom<Entries> for SteeringMetadata {
    type Error = String;

    fn try_from(entries: Entries) -> Result<Self, String> {
        let form = match (&*entries.format, entries.site, entries.form) {
            (VECTORS, Some(site), None) => vectors_at(site),
            (FORM, None, Some(form @ (Form::Gated(_) | Form::Lora(_)))) => form,
            (FORM, None, Some(form)) => {
                return Err(format!("`{}` is no form of this file", form.name()));
            }
            (VECTORS, _, _) => return Err("vectors have a site and no form".to_owned()),
            (FORM, _, _) => return Err("a form stands in `form` and not in `site`".to_owned()),
            (format, _, _) => return Err(format!("format `{format}`")),
        };
        Ok(Self {
            form,
            where_clause: entries.where_clause,
            base_model: entries.base_model,
            base_sha256: entries.base_sha256,
            model_type: entries.model_type,
            num_hidden_layers: entries.num_hidden_layers,
            hidden_size: entries.hidden_size,
            step: entries.step,
            recipe: entries.recipe,
        })
    }
}
