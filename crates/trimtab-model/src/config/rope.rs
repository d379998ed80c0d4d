//! The settings of a rotary embedding.

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
    /// How queries are scaled by their position, after they are rotated.
    pub query_scaling: Option<QueryScaling>,
}

/// Queries at position `p` are multiplied by `1 + b ln(1 + floor(p / n))`, so that attention stays
/// sharp in long texts (Llama 4 and Ministral 3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueryScaling {
    /// `b`
    pub llama_4_scaling_beta: f64,
    /// `n`: queries at the positions before it stay.
    pub original_max_position_embeddings: usize,
}

/// How frequencies are scaled for longer texts, with the keys of `rope_scaling` in `config.json`.
#[derive(Clone, Debug, PartialEq)]
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
        original_max_position_embeddings: usize,
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
        /// How many times longer texts become, from which `attention_factor` follows; the ratio of
        /// the two lengths if not given.
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

/// What a family's class in transformers does with `partial_rotary_factor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PartialRotary {
    /// It rotates that part of each head.
    Used,
    /// It rotates whole heads. Together with a scaling, it fails.
    Ignored,
}

/// What the fields of a rotary embedding are when `config.json` does not say.
#[derive(Clone, Debug)]
pub(crate) struct RopeDefaults {
    pub(crate) rope_theta: f64,
    pub(crate) partial: PartialRotary,
    /// Whether queries are scaled by their position ([`QueryScaling`]).
    pub(crate) query_scaling: bool,
    pub(crate) head_dim: usize,
    pub(crate) max_position_embeddings: usize,
}

impl RopeConfig {
    /// Takes the rotary embedding of all layers, as transformers 5 does.
    ///
    /// `rope_scaling`, the older form, replaces `rope_parameters` where both are given. Beside
    /// either there may be `rope_theta`, `partial_rotary_factor` and
    /// `original_max_position_embeddings`. The first two give way to fields of the same name, the
    /// third does not.
    pub(crate) fn read(
        keys: &mut ConfigKeys,
        defaults: &RopeDefaults,
    ) -> Result<Self, ConfigError> {
        let parameters: Map<String, Value> = keys.or("rope_parameters", Map::new())?;
        let scaling: Map<String, Value> = keys.or("rope_scaling", Map::new())?;
        let rope_theta = keys.or("rope_theta", defaults.rope_theta)?;
        let partial = keys.optional("partial_rotary_factor")?;
        let original = keys.optional("original_max_position_embeddings")?;
        let (key, mut fields) = if scaling.is_empty() {
            ("rope_parameters", parameters)
        } else {
            ("rope_scaling", scaling)
        };
        if let Some(partial) = partial {
            fields.entry("partial_rotary_factor").or_insert(partial);
        }
        if let Some(original) = original {
            fields.insert("original_max_position_embeddings".to_owned(), original);
        }
        let defaults = RopeDefaults {
            rope_theta,
            ..defaults.clone()
        };
        keys.within(key, fields, |fields| Self::read_fields(fields, &defaults))
    }

    /// Takes the fields of one rotary embedding.
    pub(crate) fn read_fields(
        fields: &mut ConfigKeys,
        defaults: &RopeDefaults,
    ) -> Result<Self, ConfigError> {
        let head_dim = defaults.head_dim;
        let scaling = RopeScaling::read(fields, defaults.max_position_embeddings)?;
        let partial: f64 = fields.or("partial_rotary_factor", 1.0)?;
        let part = (head_dim as f64 * partial) as usize;
        let rotary_dim = match defaults.partial {
            PartialRotary::Used => part,
            PartialRotary::Ignored if part == head_dim => head_dim,
            PartialRotary::Ignored if scaling == RopeScaling::Default {} => head_dim,
            PartialRotary::Ignored => {
                let expected = format!(
                    "`{}` rotates whole heads and cannot scale a part of them",
                    fields.model_type
                );
                return refuse("partial_rotary_factor", partial, expected);
            }
        };
        Ok(Self {
            rope_theta: fields.or("rope_theta", defaults.rope_theta)?,
            rotary_dim,
            max_position_embeddings: defaults.max_position_embeddings,
            query_scaling: if defaults.query_scaling {
                Some(QueryScaling::read(fields, &scaling)?)
            } else {
                None
            },
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
        if let Some(scaling) = self.query_scaling {
            let beta = scaling.llama_4_scaling_beta;
            if !(beta.is_finite() && beta >= 0.0) {
                let expected = "it must be finite and not below 0";
                return refuse("llama_4_scaling_beta", beta, expected);
            }
            let original = scaling.original_max_position_embeddings as f64;
            positive("original_max_position_embeddings", original)?;
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
            } => (*original_max_position_embeddings, *factor),
            RopeScaling::Default {} | RopeScaling::Longrope { .. } | RopeScaling::Llama3 { .. } => {
                (self.max_position_embeddings, 1.0)
            }
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
            RopeScaling::Default {}
            | RopeScaling::Linear { .. }
            | RopeScaling::Dynamic { .. }
            | RopeScaling::Yarn { .. }
            | RopeScaling::Llama3 { .. } => None,
        }
    }
}

impl QueryScaling {
    /// Takes the fields that scale queries. Its length is that of the rotary embedding if it has
    /// one.
    fn read(fields: &mut ConfigKeys, scaling: &RopeScaling) -> Result<Self, ConfigError> {
        let original = match scaling {
            RopeScaling::Yarn {
                original_max_position_embeddings,
                ..
            }
            | RopeScaling::Longrope {
                original_max_position_embeddings,
                ..
            }
            | RopeScaling::Llama3 {
                original_max_position_embeddings,
                ..
            } => *original_max_position_embeddings,
            RopeScaling::Default {} | RopeScaling::Linear { .. } | RopeScaling::Dynamic { .. } => {
                fields.required("original_max_position_embeddings")?
            }
        };
        Ok(Self {
            llama_4_scaling_beta: fields.required("llama_4_scaling_beta")?,
            original_max_position_embeddings: original,
        })
    }
}

impl RopeScaling {
    /// Takes `rope_type`, or `type` as older files say, and the fields of that type. The others
    /// have no effect.
    fn read(fields: &mut ConfigKeys, max_len: usize) -> Result<Self, ConfigError> {
        let old: Option<String> = fields.optional("type")?;
        let kind = fields.optional("rope_type")?.or(old);
        let original = "original_max_position_embeddings";
        match kind.as_deref() {
            None | Some("default") => Ok(Self::Default {}),
            Some("linear") => Ok(Self::Linear {
                factor: fields.required("factor")?,
            }),
            Some("dynamic") => Ok(Self::Dynamic {
                factor: fields.required("factor")?,
            }),
            Some("yarn") => {
                let original = fields.or(original, max_len)?;
                let factor = if fields.contains("factor") {
                    fields.or("factor", max_len as f64 / original as f64)?
                } else {
                    fields.required("factor")?
                };
                let mut unless_zero = |key: &str| -> Result<Option<f64>, ConfigError> {
                    Ok(fields.optional(key)?.filter(|&value: &f64| value != 0.0))
                };
                Ok(Self::Yarn {
                    factor,
                    original_max_position_embeddings: original,
                    beta_fast: unless_zero("beta_fast")?,
                    beta_slow: unless_zero("beta_slow")?,
                    mscale: unless_zero("mscale")?,
                    mscale_all_dim: unless_zero("mscale_all_dim")?,
                    attention_factor: fields.optional("attention_factor")?,
                    truncate: fields.or("truncate", true)?,
                })
            }
            Some("longrope") => Ok(Self::Longrope {
                short_factor: fields.required("short_factor")?,
                long_factor: fields.required("long_factor")?,
                original_max_position_embeddings: fields.or(original, max_len)?,
                attention_factor: fields.optional("attention_factor")?,
                factor: fields.optional("factor")?,
            }),
            Some("llama3") => Ok(Self::Llama3 {
                factor: fields.required("factor")?,
                low_freq_factor: fields.required("low_freq_factor")?,
                high_freq_factor: fields.required("high_freq_factor")?,
                original_max_position_embeddings: fields.or(original, max_len)?,
            }),
            Some(other) => refuse(
                fields.name("rope_type"),
                format!("`{}`", shorten(&other.into())),
                "supported are default, linear, dynamic, yarn, longrope and llama3",
            ),
        }
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
                positive("original_max_position_embeddings", *original as f64)?;
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
                factor,
            } => {
                positive("attention_factor", attention_factor.unwrap_or(1.0))?;
                positive("factor", factor.unwrap_or(1.0))?;
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
