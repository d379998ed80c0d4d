//! The configuration of a GGUF file: its metadata as the `config.json` of a family.
//!
//! Keys and defaults are those of llama.cpp (`llama-model.cpp`, `models/*.cpp`, `conversion/*.py`).
//! A key that this module does not translate keeps its name, so that the family's reader decides
//! as for a folder whether it may be ignored.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::architecture::Architecture;
use super::error::GgufError;
use super::value::Value;
use super::{GgufFile, TensorType};
use crate::config::ModelConfig;
use crate::tokenizer::end_of_generation;

/// Most layers of a model, and most pairs of a rotary embedding.
const MAX_LAYERS: usize = 1 << 10;
const MAX_PAIRS: u64 = 1 << 11;

/// Keys without effect on a forward pass, or of a part of the model that is not read.
const WITHOUT_EFFECT: [&str; 5] = [
    "expert_used_count",
    "pooling_type",
    "rope.scaling.finetuned",
    "tensor_data_layout",
    "vocab_size", // the embedding has as many rows
];

/// Prefixes of keys of an image encoder in the same file.
const IMAGES: [&str; 2] = ["mm.", "vision."];

impl ModelConfig {
    /// Translates and checks the metadata of a GGUF file.
    ///
    /// # Errors
    ///
    /// The architecture is not supported, a key is missing or of another type, or asks for
    /// something that is not computed.
    pub fn from_gguf(file: &GgufFile) -> Result<Self, GgufError> {
        Self::from_gguf_allowing(file, &[])
    }

    /// As [`Self::from_gguf`], with keys that the user knows to be without effect.
    ///
    /// # Errors
    ///
    /// As [`Self::from_gguf`], or an allowed key is not in the file, or is computed.
    pub fn from_gguf_allowing(file: &GgufFile, allowed: &[String]) -> Result<Self, GgufError> {
        let json = config_json(file)?;
        let model_type = json["model_type"].as_str().unwrap_or_default().to_owned();
        let config = Self::parse(&Json::Object(json).to_string(), allowed);
        config.map_err(|source| GgufError::Config {
            path: file.path().into(),
            model_type,
            source: Box::new(source),
        })
    }
}

/// The `config.json` of a checkpoint folder with the same model.
///
/// # Errors
///
/// The architecture is not supported, or a key is missing or of another type.
pub fn config_json(file: &GgufFile) -> Result<Map<String, Json>, GgufError> {
    let architecture = Architecture::of(file)?;
    let mut metadata = Metadata {
        file,
        prefix: format!("{}.", architecture.name),
        taken: BTreeSet::new(),
        json: Map::new(),
    };
    metadata.sizes()?;
    metadata.rope()?;
    metadata.tokens()?;
    let model_type = (architecture.read)(&mut metadata)?;
    metadata.json.insert("model_type".into(), model_type.into());
    metadata.keep_others();
    Ok(metadata.json)
}

/// The metadata of a file on its way to a `config.json`.
pub(super) struct Metadata<'a> {
    pub(super) file: &'a GgufFile,
    /// Of the keys, the architecture with a dot.
    prefix: String,
    /// Keys that were asked for, without their prefix.
    taken: BTreeSet<&'static str>,
    pub(super) json: Map<String, Json>,
}

impl Metadata<'_> {
    /// Sets a key of the `config.json`.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Json>) {
        self.json.insert(key.to_owned(), value.into());
    }

    /// The whole number at `key`; a list of one for each layer must repeat one number.
    pub(super) fn count(&mut self, key: &'static str) -> Result<Option<u64>, GgufError> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let count = match value.as_i64s().as_deref() {
            Some([first, rest @ ..]) if rest.iter().all(|next| next == first) => {
                u64::try_from(*first).ok()
            }
            _ => value.as_u64(),
        };
        match count {
            Some(count) => Ok(Some(count)),
            None => Err(self.refuse(key, "one whole number for all layers")),
        }
    }

    /// The number at `key`.
    pub(super) fn number(&mut self, key: &'static str) -> Result<Option<f64>, GgufError> {
        self.taken.insert(key);
        self.file.f64(&format!("{}{key}", self.prefix))
    }

    /// The text at `key`.
    fn text(&mut self, key: &'static str) -> Result<Option<String>, GgufError> {
        self.taken.insert(key);
        let text = self.file.string(&format!("{}{key}", self.prefix))?;
        Ok(text.map(str::to_owned))
    }

    /// The truth value at `key`.
    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, GgufError> {
        match self.value(key).map(Value::as_bool) {
            None => Ok(None),
            Some(Some(flag)) => Ok(Some(flag)),
            Some(None) => Err(self.refuse(key, "a truth value")),
        }
    }

    /// Takes the value at `key`, which has no effect.
    pub(super) fn ignore(&mut self, key: &'static str) {
        self.taken.insert(key);
    }

    /// The value at `key`, of whichever type.
    fn value(&mut self, key: &'static str) -> Option<&Value> {
        self.taken.insert(key);
        self.file.value(&format!("{}{key}", self.prefix))
    }

    /// The error that `key` is missing.
    pub(super) fn required(&self, key: &str) -> GgufError {
        GgufError::Missing {
            path: self.file.path().into(),
            key: format!("{}{key}", self.prefix),
        }
    }

    /// The error that the value of `key` must be something else.
    pub(super) fn refuse(&self, key: &str, expected: impl Into<String>) -> GgufError {
        let key = format!("{}{key}", self.prefix);
        let found = self.file.value(&key).map(Value::describe);
        let found = found.unwrap_or_else(|| "missing".to_owned());
        GgufError::Value {
            path: self.file.path().into(),
            key,
            reason: format!("{found}, and it must be {}", expected.into()),
        }
    }

    /// Whether a tensor of some layer has one of these names.
    pub(super) fn has_tensor(&self, names: &[String]) -> bool {
        self.file.tensors().any(|tensor| {
            let inside = tensor.name.strip_prefix("blk.");
            inside
                .and_then(|name| name.split_once('.'))
                .is_some_and(|(_, name)| names.iter().any(|known| known == name))
        })
    }

    /// The sizes that all architectures have.
    fn sizes(&mut self) -> Result<(), GgufError> {
        for (key, name) in [
            ("context_length", "max_position_embeddings"),
            ("block_count", "num_hidden_layers"),
            ("embedding_length", "hidden_size"),
            ("feed_forward_length", "intermediate_size"),
            ("attention.head_count", "num_attention_heads"),
        ] {
            let count = self.count(key)?.ok_or_else(|| self.required(key))?;
            self.set(name, count);
        }
        if self.layers() > MAX_LAYERS {
            return Err(self.refuse("block_count", format!("at most {MAX_LAYERS}")));
        }
        let heads = self.json["num_attention_heads"].clone();
        let key_heads = self.count("attention.head_count_kv")?.map(Json::from);
        self.set("num_key_value_heads", key_heads.unwrap_or(heads));
        let eps = "attention.layer_norm_rms_epsilon";
        let eps = self.number(eps)?.ok_or_else(|| self.required(eps))?;
        self.set("rms_norm_eps", eps);
        let head_dim = self.head_dim()?;
        self.set("head_dim", head_dim);
        let values = self.count("attention.value_length")?.unwrap_or(head_dim);
        if values != head_dim {
            return Err(self.refuse("attention.value_length", "that of the keys"));
        }
        if self.count("expert_count")?.unwrap_or(0) > 0 {
            return Err(self.refuse("expert_count", "0: mixtures of experts are not read"));
        }
        match self.value("attention.causal").map(Value::as_bool) {
            None | Some(Some(true)) => Ok(()),
            Some(_) => Err(self.refuse("attention.causal", "true")),
        }
    }

    fn head_dim(&mut self) -> Result<u64, GgufError> {
        if let Some(head_dim) = self.count("attention.key_length")? {
            return Ok(head_dim);
        }
        let (width, heads) = (self.size("hidden_size"), self.size("num_attention_heads"));
        match width.checked_div(heads) {
            Some(head_dim) if head_dim * heads == width => Ok(head_dim),
            _ => Err(self.required("attention.key_length")),
        }
    }

    /// Base, rotated part and scaling of the rotary embedding.
    fn rope(&mut self) -> Result<(), GgufError> {
        let theta = self.number("rope.freq_base")?;
        let theta = theta.or(self.number("rope.global.freq_base")?); // as Ollama calls it
        let theta = theta.unwrap_or(10_000.0);
        self.set("rope_theta", theta);
        let head_dim = self.size("head_dim");
        let rotated = self.count("rope.dimension_count")?.unwrap_or(head_dim);
        if rotated != head_dim {
            // The product is rounded down.
            let exact = rotated as f64 / head_dim as f64;
            let is_exact = (head_dim as f64 * exact) as u64 == rotated;
            let above = (rotated as f64 + 0.5) / head_dim as f64;
            self.set(
                "partial_rotary_factor",
                if is_exact { exact } else { above },
            );
        }
        if let Some(scaling) = self.rope_scaling()? {
            self.set("rope_scaling", scaling);
        }
        Ok(())
    }

    fn rope_scaling(&mut self) -> Result<Option<Json>, GgufError> {
        let kind = self.text("rope.scaling.type")?;
        let factor = self.number("rope.scaling.factor")?;
        let factor = factor.or(self.number("rope.scale_linear")?); // the key of old files
        let factor = factor.filter(|&factor| factor != 0.0 && factor != 1.0);
        let original = self.count("rope.scaling.original_context_length")?;
        let attention_factor = self.number("rope.scaling.attn_factor")?;
        let long = self.factors("rope_factors_long.weight")?;
        let short = self.factors("rope_factors_short.weight")?;
        if let (Some(long), Some(short)) = (long, short) {
            // Phi-3 takes it from here, before its default.
            self.set("original_max_position_embeddings", original);
            return Ok(Some(json!({
                "rope_type": "longrope",
                "long_factor": long,
                "short_factor": short,
                "attention_factor": attention_factor,
            })));
        }
        if attention_factor.unwrap_or(1.0) != 1.0 {
            let expected = "1, since the file has no rope_factors_long.weight";
            return Err(self.refuse("rope.scaling.attn_factor", expected));
        }
        let factors = self.factors("rope_freqs.weight")?;
        let factors = factors.filter(|factors| factors.iter().any(|&factor| factor != 1.0));
        if let Some(factors) = factors {
            if factor.is_some() {
                return Err(self.refuse("rope.scaling.factor", "1 beside rope_freqs.weight"));
            }
            // Factors of Llama 3. They do not depend on the length of the text.
            return Ok(Some(json!({
                "rope_type": "longrope",
                "long_factor": factors,
                "short_factor": factors,
                "original_max_position_embeddings": self.json["max_position_embeddings"],
                "attention_factor": 1.0,
            })));
        }
        match (kind.as_deref(), factor) {
            (Some("none" | "longrope"), _) | (None | Some("linear" | "yarn"), None) => Ok(None),
            (None | Some("linear"), Some(factor)) => {
                Ok(Some(json!({ "rope_type": "linear", "factor": factor })))
            }
            (Some("yarn"), Some(factor)) => self.yarn(factor, original).map(Some),
            (Some(_), _) => Err(self.refuse("rope.scaling.type", "none, linear, yarn or longrope")),
        }
    }

    fn yarn(&mut self, factor: f64, original: Option<u64>) -> Result<Json, GgufError> {
        if self.number("rope.scaling.yarn_ext_factor")?.unwrap_or(1.0) != 1.0 {
            return Err(self.refuse("rope.scaling.yarn_ext_factor", "1"));
        }
        Ok(json!({
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": original,
            "attention_factor": self.number("rope.scaling.yarn_attn_factor")?,
            "beta_fast": self.number("rope.scaling.yarn_beta_fast")?,
            "beta_slow": self.number("rope.scaling.yarn_beta_slow")?,
        }))
    }

    /// Divisors of frequencies, a tensor of its own.
    fn factors(&self, name: &str) -> Result<Option<Vec<f32>>, GgufError> {
        match self.file.tensor(name) {
            None => Ok(None),
            Some(tensor) if tensor.count() <= MAX_PAIRS && tensor.kind == TensorType::F32 => {
                self.file.floats(name).map(Some)
            }
            Some(_) => Err(self
                .file
                .malformed(format!("`{name}` is not a vector of F32"))),
        }
    }

    /// The vocabulary and its special tokens.
    fn tokens(&mut self) -> Result<(), GgufError> {
        let file = self.file;
        let embedding = file.tensor("token_embd.weight");
        let Some(&[_, rows]) = embedding.map(|tensor| &tensor.dims[..]) else {
            return Err(file.malformed("it has no matrix `token_embd.weight`"));
        };
        self.set("vocab_size", rows);
        self.set(
            "tie_word_embeddings",
            file.tensor("output.weight").is_none(),
        );
        let inside = |token: &u32| u64::from(*token) < rows;
        let bos = file.u32("tokenizer.ggml.bos_token_id")?.filter(inside);
        self.set("bos_token_id", bos);
        let mut end = end_of_generation(file)?;
        end.retain(inside);
        self.set("eos_token_id", end);
        Ok(())
    }

    /// Hands on what nobody asked for.
    fn keep_others(&mut self) {
        for (key, value) in self.file.metadata() {
            let Some(short) = key.strip_prefix(&self.prefix) else {
                continue;
            };
            let off = value.as_f64() == Some(0.0);
            if IMAGES.iter().any(|part| short.starts_with(part)) {
                continue;
            }
            if !self.taken.contains(short) && !WITHOUT_EFFECT.contains(&short) && !off {
                let json = value.to_json();
                let is_long = json.as_array().is_some_and(|list| list.len() > MAX_LAYERS);
                let json = if is_long { true.into() } else { json };
                self.json.insert(key.clone(), json);
            }
        }
    }

    /// Number of layers.
    pub(super) fn layers(&self) -> usize {
        self.size("num_hidden_layers") as usize
    }

    /// A size that has been set.
    pub(super) fn size(&self, key: &str) -> u64 {
        self.json[key].as_u64().unwrap_or(0)
    }

    /// Sets `layer_types`: by the list of truth values at `attention.sliding_window_pattern`, or
    /// else every layer but each `pattern`-th has a window; the number at that key replaces
    /// `pattern`.
    pub(super) fn layer_types(&mut self, pattern: u64) -> Result<(), GgufError> {
        let (key, layers) = ("attention.sliding_window_pattern", self.layers());
        let found = self
            .value(key)
            .map(|value| (value.as_bools(), value.as_u64()));
        let windows: Vec<bool> = match found {
            Some((Some(windows), _)) if windows.len() == layers => windows,
            None | Some((None, Some(_))) => {
                let pattern = found.and_then(|(_, number)| number).unwrap_or(pattern);
                let is_full = |layer: u64| pattern > 0 && (layer + 1).is_multiple_of(pattern);
                (0..layers as u64).map(|layer| !is_full(layer)).collect()
            }
            Some(_) => return Err(self.refuse(key, "a number, or a truth value for each layer")),
        };
        let name = |&window: &bool| {
            if window {
                "sliding_attention"
            } else {
                "full_attention"
            }
        };
        self.set("layer_types", windows.iter().map(name).collect::<Vec<_>>());
        Ok(())
    }
}
