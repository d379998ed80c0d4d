//! `adapter_config.json`.

use std::path::Path;

use fancy_regex::Regex;
use serde_json::{Map, Value};

use super::PeftError;

/// What a LoRA configuration says about the tensors beside it.
#[derive(Debug)]
pub(super) struct PeftConfig {
    rank: u64,
    alpha: f64,
    /// Other ranks and alphas of some modules.
    rank_pattern: Vec<(Pattern, u64)>,
    alpha_pattern: Vec<(Pattern, f64)>,
    /// `alpha / sqrt(r)` instead of `alpha / r` (arXiv:2312.03732).
    use_rslora: bool,
    /// The modules that are updated; `None` where the configuration leaves it to the tensors.
    target_modules: Option<Vec<Pattern>>,
    exclude_modules: Vec<Pattern>,
    layers_to_transform: Option<Vec<u64>>,
}

/// Keys that change nothing when an adapter is used: how it was trained, what it was made for, and
/// settings of variants that are switched on by other keys.
const WITHOUT_EFFECT: [&str; 20] = [
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "fan_in_fan_out", // PEFT ignores it at linear layers, which all projections are
    "inference_mode",
    "layers_pattern",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_config",
    "megatron_core",
    "merge_weights",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
    "velora_config",
];

/// Largest number of modules with a rank or alpha of their own.
const MAX_PATTERNS: usize = 1 << 13;

/// Initialisations that leave the weights of the base as they are.
const PLAIN_INITIALISATIONS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

impl PeftConfig {
    /// Parses the bytes of the file. `path` is for messages only.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, PeftError> {
        let malformed = |reason: String| PeftError::Config {
            path: path.into(),
            reason,
        };
        let mut keys: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        check_method(&keys, path)?;
        keys.remove("peft_type");
        let config = Self {
            rank: take(&mut keys, "r", "whole number", Value::as_u64, 8).map_err(malformed)?,
            alpha: take(&mut keys, "lora_alpha", "number", Value::as_f64, 8.0)
                .map_err(malformed)?,
            rank_pattern: pattern_values(&mut keys, "rank_pattern", Value::as_u64)
                .map_err(malformed)?,
            alpha_pattern: pattern_values(&mut keys, "alpha_pattern", Value::as_f64)
                .map_err(malformed)?,
            use_rslora: keys.remove("use_rslora") == Some(Value::Bool(true)),
            target_modules: modules(keys.remove("target_modules")),
            exclude_modules: modules(keys.remove("exclude_modules")).unwrap_or_default(),
            layers_to_transform: layers(keys.remove("layers_to_transform")),
        };
        check_rest(keys, path)?;
        Ok(config)
    }

    /// Whether PEFT updates a module, such as `model.layers.3.self_attn.q_proj`.
    pub(super) fn targets(&self, module: &str, layer: usize) -> bool {
        let named = |patterns: &[Pattern]| patterns.iter().any(|it| it.names(module));
        let layers = self.layers_to_transform.as_ref();
        self.target_modules.as_deref().is_none_or(named)
            && !named(&self.exclude_modules)
            && layers.is_none_or(|layers| layers.contains(&(layer as u64)))
    }

    /// The rank of the update of a module.
    pub(super) fn rank(&self, module: &str) -> u64 {
        value_of(&self.rank_pattern, module).unwrap_or(self.rank)
    }

    /// The factor on the update of a module.
    pub(super) fn scale(&self, module: &str) -> f64 {
        let rank = self.rank(module) as f64;
        let alpha = value_of(&self.alpha_pattern, module).unwrap_or(self.alpha);
        alpha / if self.use_rslora { rank.sqrt() } else { rank }
    }
}

/// A name of modules: the end of their path, or a regular expression.
#[derive(Debug)]
enum Pattern {
    /// The whole path, or what follows a dot in it.
    Suffix(String),
    /// A regular expression of Python for the whole path.
    Path(Option<Regex>),
    /// A regular expression of Python for the whole path, or what follows a dot in it.
    PathOrSuffix(Option<Regex>),
    /// Every projection.
    All,
}

impl Pattern {
    /// An expression that this program cannot follow is taken to match nothing in the patterns of
    /// ranks, where a wrong rank shows, and everything in those of modules.
    fn names(&self, module: &str) -> bool {
        let matches = |regex: &Regex, unknown| regex.is_match(module).unwrap_or(unknown);
        match self {
            Self::All => true,
            Self::Suffix(name) => module
                .strip_suffix(&**name)
                .is_some_and(|before| before.is_empty() || before.ends_with('.')),
            Self::Path(regex) => regex.as_ref().is_none_or(|it| matches(it, true)),
            Self::PathOrSuffix(regex) => regex.as_ref().is_some_and(|it| matches(it, false)),
        }
    }
}

/// Refuses what is no LoRA of PEFT.
fn check_method(keys: &Map<String, Value>, path: &Path) -> Result<(), PeftError> {
    let path = path.to_owned();
    if ["lora_parameters", "fine_tune_type", "lora_layers"]
        .iter()
        .any(|key| keys.contains_key(*key))
    {
        return Err(PeftError::Mlx { path });
    }
    match keys.get("peft_type") {
        Some(Value::String(name)) if name == "LORA" => Ok(()),
        Some(Value::String(method)) => Err(PeftError::Method {
            path,
            method: method.clone(),
        }),
        other => Err(PeftError::Config {
            path,
            reason: match other {
                None | Some(Value::Null) => "it has no `peft_type`".to_owned(),
                Some(value) => format!("`peft_type` is {value}"),
            },
        }),
    }
}

/// Refuses variants of LoRA, and keys that may be one.
fn check_rest(mut keys: Map<String, Value>, path: &Path) -> Result<(), PeftError> {
    let unsupported = |key: &str, value: Value| PeftError::Unsupported {
        path: path.into(),
        key: key.to_owned(),
        value,
    };
    // Other initialisations change the weights of the base.
    match keys.remove("init_lora_weights") {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(Value::String(name)) if PLAIN_INITIALISATIONS.contains(&&*name) => {}
        Some(other) => return Err(unsupported("init_lora_weights", other)),
    }
    for (key, value) in keys {
        let is_off = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::String(text) => ["none", ""].contains(&&**text),
            Value::Bool(true) | Value::Number(_) => false,
        };
        if !is_off && !WITHOUT_EFFECT.contains(&key.as_str()) {
            return Err(unsupported(&key, value));
        }
    }
    Ok(())
}

/// The number of a key, or its default in PEFT.
fn take<T>(
    keys: &mut Map<String, Value>,
    key: &str,
    what: &str,
    read: impl Fn(&Value) -> Option<T>,
    default: T,
) -> Result<T, String> {
    match keys.remove(key) {
        None => Ok(default),
        Some(value) => read(&value).ok_or_else(|| format!("`{key}` is {value}, not a {what}")),
    }
}

/// The numbers of a key that maps modules to numbers.
fn pattern_values<T>(
    keys: &mut Map<String, Value>,
    key: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<(Pattern, T)>, String> {
    let map = match keys.remove(key) {
        None | Some(Value::Null) => return Ok(vec![]),
        Some(Value::Object(map)) if map.len() <= MAX_PATTERNS => map,
        Some(Value::Object(map)) => return Err(format!("`{key}` has {} entries", map.len())),
        Some(other) => return Err(format!("`{key}` is {other}, not a table")),
    };
    let pair = |(pattern, value): (String, Value)| {
        let number = read(&value);
        let number =
            number.ok_or_else(|| format!("`{key}` has {value} for `{pattern}`, not a number"))?;
        // As `get_pattern_key` of PEFT.
        let regex = Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$"));
        Ok((Pattern::PathOrSuffix(regex.ok()), number))
    };
    map.into_iter().map(pair).collect()
}

fn value_of<T: Copy>(patterns: &[(Pattern, T)], module: &str) -> Option<T> {
    let found = patterns.iter().find(|(pattern, _)| pattern.names(module));
    found.map(|(_, value)| *value)
}

/// The value of `target_modules` or `exclude_modules`.
fn modules(value: Option<Value>) -> Option<Vec<Pattern>> {
    match value? {
        Value::String(text) if text.eq_ignore_ascii_case("all-linear") => Some(vec![Pattern::All]),
        Value::String(regex) => {
            let regex = Regex::new(&format!("^(?:{regex})$"));
            Some(vec![Pattern::Path(regex.ok())])
        }
        Value::Array(names) => {
            let names = names.into_iter();
            let name = |name: Value| Some(Pattern::Suffix(name.as_str()?.to_owned()));
            Some(names.filter_map(name).collect())
        }
        _ => None,
    }
}

/// The value of `layers_to_transform`.
fn layers(value: Option<Value>) -> Option<Vec<u64>> {
    match value? {
        Value::Array(layers) if !layers.is_empty() => {
            Some(layers.iter().filter_map(Value::as_u64).collect())
        }
        Value::Number(layer) => Some(layer.as_u64().into_iter().collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(mut keys: Value) -> PeftConfig {
        keys["peft_type"] = json!("LORA");
        PeftConfig::parse(keys.to_string().as_bytes(), "adapter_config.json".as_ref())
            .expect("a good configuration")
    }

    /// PEFT 0.21: `LoraModel._create_and_replace` and `get_pattern_key`.
    #[test]
    fn ranks_and_scales_are_those_of_peft() {
        let config = parse(json!({
            "r": 8, "lora_alpha": 16,
            "rank_pattern": {"self_attn.q_proj": 4, r".*\.layers\.3\..*(k_proj|v_proj)": 2},
            "alpha_pattern": {"q_proj": 2, "^v_proj": 100},
        }));
        for (module, rank, scale) in [
            ("model.layers.0.self_attn.q_proj", 4, 0.5),
            ("model.layers.3.self_attn.k_proj", 2, 8.0),
            ("model.layers.13.self_attn.k_proj", 8, 2.0),
            ("model.layers.0.self_attn.v_proj", 8, 2.0), // an anchor never matches
            ("model.layers.0.mlp.up_proj", 8, 2.0),
        ] {
            let found = (config.rank(module), config.scale(module));
            assert_eq!(found, (rank, scale), "{module}");
        }
        let stabilised = parse(json!({"r": 4, "lora_alpha": 6, "use_rslora": true}));
        assert_eq!(stabilised.scale("q_proj"), 3.0);
        assert_eq!(parse(json!({})).scale("q_proj"), 1.0); // the defaults of PEFT
    }

    #[test]
    fn target_modules_are_lists_expressions_or_all() {
        let q = "model.layers.2.self_attn.q_proj";
        for (keys, expected) in [
            (json!({}), true),
            (json!({"target_modules": null}), true),
            (json!({"target_modules": ["q_proj", "v_proj"]}), true),
            (json!({"target_modules": ["self_attn.q_proj"]}), true),
            (json!({"target_modules": ["proj"]}), false),
            (json!({"target_modules": "all-linear"}), true),
            (
                json!({"target_modules": r"^(?!.*visual).*(q|v)_proj"}),
                true,
            ),
            (json!({"target_modules": "q_proj"}), false), // the whole path, unlike a list
            (json!({"target_modules": "("}), true),
            (json!({"exclude_modules": ["q_proj"]}), false),
            (json!({"exclude_modules": r".*\.layers\.2\..*"}), false),
            (json!({"layers_to_transform": [0, 2]}), true),
            (json!({"layers_to_transform": 1}), false),
            (json!({"layers_to_transform": []}), true),
        ] {
            assert_eq!(parse(keys.clone()).targets(q, 2), expected, "{keys}");
        }
    }
}
