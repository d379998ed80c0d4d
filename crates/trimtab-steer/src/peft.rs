//! LoRA adapters in the layout of [PEFT](https://huggingface.co/docs/peft): a folder with
//! `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use trimtab_model::file::read_limited;
use trimtab_model::file::write_atomically;
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{ModelConfig, Site};

use crate::adapter::Adapter;
use crate::form::{Form, FormError, Lora, NamedTensor};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";
/// Largest configuration that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Largest file of tensors that is read, in bytes.
const MAX_TENSOR_BYTES: u64 = 16 << 30;

/// Why a PEFT adapter cannot be read or written.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum PeftError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not a LoRA configuration: {reason}")]
    Config { path: PathBuf, reason: String },
    #[error("{path} has `{key}` = {value}, which is not supported")]
    Unsupported {
        path: PathBuf,
        key: String,
        value: Value,
    },
    #[error(transparent)]
    Tensors(#[from] TensorFileError),
    #[error(
        "{path} holds `{name}`, which is not a LoRA factor of this model; \
         does the adapter belong to it?"
    )]
    UnexpectedTensor { path: PathBuf, name: String },
    #[error(
        "{path} updates other projections in some layers than in others; \
         the same ones must be updated in each"
    )]
    Uneven { path: PathBuf },
    #[error("{path} does not fit this model")]
    Form { path: PathBuf, source: FormError },
    #[error("only LoRA can be written for PEFT")]
    NotLora,
    #[error("PEFT cannot name single projections of this model, whose checkpoint fuses them")]
    Fused,
}

/// The two files of an adapter, in memory.
#[derive(Debug)]
pub(crate) struct PeftFiles {
    dir: PathBuf,
    pub(crate) config: Vec<u8>,
    pub(crate) tensors: Vec<u8>,
}

impl PeftFiles {
    /// Whether a folder holds an adapter.
    pub(crate) fn are_in(dir: &Path) -> bool {
        dir.join(CONFIG).exists()
    }

    /// Reads the files of the folder `dir`.
    pub(crate) fn read(dir: &Path) -> Result<Self, PeftError> {
        let read = |name: &str, limit: u64| {
            let path = dir.join(name);
            read_limited(&path, limit).map_err(|source| PeftError::Read { path, source })
        };
        Ok(Self {
            dir: dir.into(),
            config: read(CONFIG, MAX_CONFIG_BYTES)?,
            tensors: read(TENSORS, MAX_TENSOR_BYTES)?,
        })
    }
}

impl Adapter {
    /// Reads a LoRA adapter that PEFT wrote for this model. The tensors tell which projections and
    /// layers it updates.
    ///
    /// # Errors
    ///
    /// See [`PeftError`]. Anything but plain LoRA is refused: `DoRA`, ranks that differ, other
    /// trained modules.
    pub fn read_peft(dir: &Path, config: &ModelConfig) -> Result<Self, PeftError> {
        Self::from_peft(&PeftFiles::read(dir)?, config)
    }

    /// Parses the files of a LoRA adapter.
    pub(crate) fn from_peft(files: &PeftFiles, config: &ModelConfig) -> Result<Self, PeftError> {
        let (rank, alpha) = parse_config(&files.config, &files.dir.join(CONFIG))?;
        let path = files.dir.join(TENSORS);
        let mut tensors = BTreeMap::new();
        for (name, tensor) in TensorFile::from_bytes(&files.tensors, &path)?.tensors {
            let Some(factor) = factor_of(&name, config) else {
                return Err(PeftError::UnexpectedTensor { path, name });
            };
            tensors.insert(factor, tensor);
        }
        let layers: BTreeSet<usize> = tensors.keys().map(|&(layer, ..)| layer).collect();
        let targets: BTreeSet<Site> = tensors.keys().map(|&(_, site, _)| site).collect();
        if tensors.len() != 2 * layers.len() * targets.len() {
            return Err(PeftError::Uneven { path });
        }
        let form = Lora {
            rank,
            alpha,
            target_modules: targets.into_iter().collect(),
            layers: (layers.len() < config.num_hidden_layers).then(|| layers.into_iter().collect()),
            seed: 0,
        };
        // In the order of the form: layer, target, A before B.
        let parameters = tensors.into_iter().map(named).collect();
        Self::from_parameters(Form::Lora(form), config, parameters)
            .map_err(|source| PeftError::Form { path, source })
    }

    /// Writes a LoRA adapter for PEFT to the folder `dir`, which is created if it is missing.
    /// `base_model` is the name or path under which PEFT finds the base.
    ///
    /// # Errors
    ///
    /// The form is not LoRA, the checkpoint of the model fuses projections, or a file cannot be
    /// written.
    pub fn write_peft(&self, dir: &Path, base_model: &str) -> Result<(), PeftError> {
        let Form::Lora(form) = self.form() else {
            return Err(PeftError::NotLora);
        };
        let architecture = &self.config().architecture;
        if architecture.fused_projections {
            return Err(PeftError::Fused);
        }
        let mut file = TensorFile::default();
        for (name, tensor) in self.parameters() {
            let name = format!("{}{name}.weight", prefix(architecture.names.decoder));
            file.tensors.insert(name, tensor.clone());
        }
        let targets = form.target_modules.iter().map(|site| site.name());
        let config = json!({
            "base_model_name_or_path": base_model,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "layers_to_transform": form.layers,
            "lora_alpha": form.alpha,
            "lora_dropout": 0.0,
            "peft_type": "LORA",
            "r": form.rank,
            "target_modules": targets.collect::<Vec<_>>(),
            "task_type": "CAUSAL_LM",
            "use_rslora": false,
        });
        let config = serde_json::to_string_pretty(&config).expect("plain data") + "\n";
        let write = |path: PathBuf, result: io::Result<()>| {
            result.map_err(|source| PeftError::Write { path, source })
        };
        write(dir.into(), fs::create_dir_all(dir))?;
        file.write(&dir.join(TENSORS))?;
        let path = dir.join(CONFIG);
        let written = write_atomically(&path, config.as_bytes());
        write(path, written)
    }
}

/// The part of a tensor's name before `layers`.
fn prefix(decoder: &str) -> String {
    format!("base_model.model.{decoder}.")
}

/// Layer and projection of a tensor, and whether it is the second factor.
fn factor_of(name: &str, config: &ModelConfig) -> Option<(usize, Site, bool)> {
    let name = name.strip_prefix(&prefix(config.architecture.names.decoder))?;
    let name = name.strip_suffix(".weight")?;
    let (layer, _) = name.strip_prefix("layers.")?.split_once('.')?;
    let layer: usize = layer.parse().ok()?;
    let site = Site::ALL.into_iter().find_map(|site| {
        site.module()?;
        let second = Lora::names(layer, site).iter().position(|of| of == name)?;
        Some((layer, site, second == 1))
    });
    site.filter(|_| !config.architecture.fused_projections)
}

fn named(((layer, site, second), tensor): ((usize, Site, bool), HostTensor)) -> NamedTensor {
    let [a, b] = Lora::names(layer, site);
    (if second { b } else { a }, tensor)
}

/// Keys that change nothing when an adapter is used: how it was trained, what it was made for, and
/// what its tensors say themselves.
const WITHOUT_EFFECT: [&str; 18] = [
    "arrow_config",
    "auto_mapping",
    "base_model_name_or_path",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "lora_dropout",
    "megatron_config",
    "megatron_core",
    "merge_weights",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
];

/// Rank and alpha, as [`Lora`] defines them. `path` is for messages only.
fn parse_config(bytes: &[u8], path: &Path) -> Result<(usize, f32), PeftError> {
    let malformed = |reason: String| PeftError::Config {
        path: path.into(),
        reason,
    };
    let mut keys: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let unsupported = |key: &str, value: Value| PeftError::Unsupported {
        path: path.into(),
        key: key.to_owned(),
        value,
    };
    let rank = keys.remove("r").as_ref().and_then(Value::as_u64);
    let rank = rank.ok_or_else(|| malformed("it has no rank `r`".to_owned()))?;
    let alpha = keys.remove("lora_alpha").as_ref().and_then(Value::as_f64);
    let alpha = alpha.ok_or_else(|| malformed("it has no number `lora_alpha`".to_owned()))?;
    match keys.remove("peft_type") {
        Some(Value::String(name)) if name == "LORA" => {}
        other => return Err(unsupported("peft_type", other.unwrap_or_default())),
    }
    // alpha / sqrt(r) instead of alpha / r (arXiv:2312.03732)
    let rank_stabilised = keys.remove("use_rslora") == Some(Value::Bool(true));
    let factor = if rank_stabilised {
        (rank as f64).sqrt()
    } else {
        1.0
    };
    // Other initialisations change the weights of the base.
    match keys.remove("init_lora_weights") {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(Value::String(name)) if name == "gaussian" => {}
        Some(other) => return Err(unsupported("init_lora_weights", other)),
    }
    for (key, value) in keys {
        let is_off = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::String(text) => text == "none",
            Value::Bool(true) | Value::Number(_) => false,
        };
        if !is_off && !WITHOUT_EFFECT.contains(&key.as_str()) {
            return Err(unsupported(&key, value));
        }
    }
    Ok((rank as usize, (alpha * factor) as f32))
}
