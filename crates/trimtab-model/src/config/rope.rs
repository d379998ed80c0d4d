//! The settings of a rotary embedding.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::{ConfigError, refuse};
use super::keys::{ConfigKeys, shorten};

/// A rotary position embedding.
///
/// Pair `i` of `rotary_dim / 2` pairs has the frequency `rope_theta^(-2i / rotary_dim)` before
/// scaling (RoFormer, arXiv:2104.09864, eq. 15).
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Base of the frequencies.
    pub rope_theta: f64,
    /// How many numbers of a head are rotated; the others are left as they are.
    pub rotary_dim: usize,
    /// Longest text before scaling, in tokens.
    pub max_position_embeddings: usize,
    /// How the frequencies are scaled.
    pub scaling: RopeScaling,
}

/// How frequencies are scaled for longer texts, with the keys of `rope_scaling` in `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "rope_type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RopeScaling {
    /// No scaling.
    Default {},
    /// Every frequency is divided by `factor` (position interpolation, arXiv:2306.15595).
    Linear {
        /// How many times longer texts become.
        factor: f64,
    },
    /// The base grows with the length of texts beyond `max_position_embeddings` (NTK-aware
    /// scaling).
    Dynamic {
        /// How many times longer texts become.
        factor: f64,
    },
    /// Low frequencies are divided by `factor`, high ones are not, with a ramp between (YaRN,
    /// arXiv:2309.00071).
    Yarn {
        /// How many times longer texts become.
        factor: f64,
        /// Longest text before scaling.
        original_max_position_embeddings: Option<usize>,
        /// Cosines and sines are multiplied by it.
        attention_factor: Option<f64>,
        /// Frequencies with more rotations over the original length stay; 32 if not given.
        beta_fast: Option<f64>,
        /// Frequencies with fewer rotations over the original length are divided; 1 if not given.
        beta_slow: Option<f64>,
        /// Weight of `ln(factor)` in the numerator of `attention_factor`.
        mscale: Option<f64>,
        /// Weight of `ln(factor)` in the denominator of `attention_factor`.
        mscale_all_dim: Option<f64>,
        /// Whether the ends of the ramp are rounded outwards to whole pairs.
        #[serde(default = "default_truncate")]
        truncate: bool,
    },
    /// Each frequency has a divisor of its own, one for short texts and one for long ones
    /// (LongRoPE, arXiv:2402.13753).
    Longrope {
        /// Divisors for texts up to `original_max_position_embeddings`.
        short_factor: Vec<f64>,
        /// Divisors for longer texts.
        long_factor: Vec<f64>,
        /// Longest text before scaling.
        original_max_position_embeddings: usize,
        /// Cosines and sines are multiplied by it.
        attention_factor: Option<f64>,
        /// Not used: it follows from the two lengths.
        factor: Option<f64>,
    },
    /// Low frequencies are divided by `factor`, high ones are not, with a ramp between (Llama 3.1).
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Frequencies with fewer rotations over the original length are divided.
        low_freq_factor: f64,
        /// Frequencies with more rotations over the original length stay.
        high_freq_factor: f64,
        /// Longest text before scaling.
        original_max_position_embeddings: usize,
    },
}

impl RopeConfig {
    /// A rotary embedding of whole heads without scaling.
    pub(crate) fn plain(rope_theta: f64, head_dim: usize) -> Self {
        Self {
            rope_theta,
            rotary_dim: head_dim,
            max_position_embeddings: 1,
            scaling: RopeScaling::Default {},
        }
    }

    /// Takes `rope_theta` and `rope_scaling`, or `rope_parameters`, which holds both in newer
    /// files.
    pub(crate) fn read(
        keys: &mut ConfigKeys,
        default_theta: f64,
        head_dim: usize,
        max_position_embeddings: usize,
    ) -> Result<Self, ConfigError> {
        let original = keys.optional("original_max_position_embeddings")?;
        let parameters = keys.optional::<Value>("rope_parameters")?;
        let scaling = keys.optional::<Value>("rope_scaling")?;
        let mut rope_theta = keys.or("rope_theta", default_theta)?;
        let mut partial_rotary_factor: f64 = keys.or("partial_rotary_factor", 1.0)?;
        let key = if parameters.is_some() {
            "rope_parameters"
        } else {
            "rope_scaling"
        };
        let scaling = match parameters.or(scaling) {
            None => RopeScaling::Default {},
            Some(Value::Object(mut fields)) => {
                take_number(&mut fields, "rope_theta", &mut rope_theta)?;
                let factor = &mut partial_rotary_factor;
                take_number(&mut fields, "partial_rotary_factor", factor)?;
                RopeScaling::read(key, fields, original)?
            }
            Some(other) => return refuse(key, other, "it must be an object"),
        };
        Ok(Self {
            rope_theta,
            rotary_dim: (head_dim as f64 * partial_rotary_factor) as usize,
            max_position_embeddings,
            scaling,
        })
    }

    /// Refuses numbers of which no frequency can be computed.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (theta, dim) = (self.rope_theta, self.rotary_dim);
        if !(theta > 1.0 && theta.is_finite()) {
            return refuse("rope_theta", theta, "it must be finite and above 1");
        }
        if dim < 2 || !dim.is_multiple_of(2) {
            let expected = "an even number of a head's numbers must be rotated, at least 2";
            return refuse("partial_rotary_factor", format!("{dim} numbers"), expected);
        }
        self.scaling.check(dim)
    }

    /// Longest text after scaling, in tokens.
    pub(crate) fn max_len(&self) -> usize {
        let (original, factor) = match &self.scaling {
            RopeScaling::Linear { factor } | RopeScaling::Dynamic { factor } => {
                (self.max_position_embeddings, *factor)
            }
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings,
                ..
            } => (
                original_max_position_embeddings.unwrap_or(self.max_position_embeddings),
                *factor,
            ),
            _ => (self.max_position_embeddings, 1.0),
        };
        (original as f64 * factor) as usize
    }

    /// Length of the longest text that has the frequencies of short texts, if longer texts have
    /// others (LongRoPE). A text that grows beyond it must be computed anew from its first token.
    pub(crate) fn longrope_threshold(&self) -> Option<usize> {
        match self.scaling {
            RopeScaling::Longrope {
                original_max_position_embeddings,
                ..
            } => Some(original_max_position_embeddings),
            _ => None,
        }
    }
}

impl RopeScaling {
    /// Reads the object at `key`; `original` is what older files have beside it.
    fn read(
        key: &str,
        mut fields: Map<String, Value>,
        original: Option<Value>,
    ) -> Result<Self, ConfigError> {
        // Older files say `type`, and some say both.
        let old = fields.remove("type");
        let kind = fields
            .remove("rope_type")
            .or(old)
            .unwrap_or("default".into());
        let kind = if kind == "su" {
            "longrope".into()
        } else {
            kind
        };
        if kind == "longrope"
            && let Some(original) = original
        {
            fields.insert("original_max_position_embeddings".to_owned(), original);
        }
        fields.insert("rope_type".to_owned(), kind);
        let fields = Value::Object(fields);
        let shown = shorten(&fields);
        serde_json::from_value(fields).or_else(|error| refuse(key, shown, error.to_string()))
    }

    /// Refuses numbers of which no frequency of `dim / 2` pairs can be computed.
    fn check(&self, dim: usize) -> Result<(), ConfigError> {
        match self {
            Self::Default {} => Ok(()),
            Self::Linear { factor } => positive("factor", *factor),
            Self::Dynamic { factor } if dim > 2 => positive("factor", *factor),
            Self::Dynamic { .. } => {
                let expected = "heads must rotate more than 2 numbers";
                refuse("rope_scaling", "dynamic", expected)
            }
            Self::Yarn {
                factor,
                attention_factor,
                beta_fast,
                beta_slow,
                mscale,
                mscale_all_dim,
                original_max_position_embeddings: original,
                ..
            } => {
                positive("factor", *factor)?;
                let original = original.unwrap_or(1) as f64;
                positive("original_max_position_embeddings", original)?;
                for (key, value) in [
                    ("attention_factor", attention_factor),
                    ("beta_fast", beta_fast),
                    ("beta_slow", beta_slow),
                    ("mscale", mscale),
                    ("mscale_all_dim", mscale_all_dim),
                ] {
                    positive(key, value.unwrap_or(1.0))?;
                }
                Ok(())
            }
            Self::Longrope {
                short_factor,
                long_factor,
                original_max_position_embeddings: original,
                attention_factor,
                ..
            } => {
                positive("attention_factor", attention_factor.unwrap_or(1.0))?;
                if *original < 2 {
                    let expected = "it must be at least 2";
                    return refuse("original_max_position_embeddings", original, expected);
                }
                positive_pairs("short_factor", short_factor, dim)?;
                positive_pairs("long_factor", long_factor, dim)
            }
            Self::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            } => {
                positive("factor", *factor)?;
                positive("low_freq_factor", *low)?;
                positive("original_max_position_embeddings", *original as f64)?;
                positive("high_freq_factor - low_freq_factor", high - low)
            }
        }
    }
}

/// Takes the number at `key`, if there is one, to replace `value`.
fn take_number(
    fields: &mut Map<String, Value>,
    key: &str,
    value: &mut f64,
) -> Result<(), ConfigError> {
    if let Some(found) = fields.remove(key) {
        match found.as_f64() {
            Some(number) => *value = number,
            None => return refuse(key, found, "it must be a number"),
        }
    }
    Ok(())
}

fn positive(key: &str, value: f64) -> Result<(), ConfigError> {
    if value.is_normal() && value > 0.0 {
        Ok(())
    } else {
        let key = format!("rope_scaling.{key}");
        refuse(key, value, "it must be finite and above 0")
    }
}

fn positive_pairs(key: &str, factors: &[f64], dim: usize) -> Result<(), ConfigError> {
    if factors.len() != dim / 2 {
        let found = format!("a list of {}", factors.len());
        return refuse(key, found, format!("heads rotate {} pairs", dim / 2));
    }
    factors.iter().try_for_each(|&factor| positive(key, factor))
}

fn default_truncate() -> bool {
    true
}
