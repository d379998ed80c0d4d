//! Rotary position embedding in the rotate-half layout of Hugging Face checkpoints, with the scalings that stretch it
//! over longer texts.

use std::f64::consts::PI;
use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::Deserialize;
use trimtab_kernels::RotaryAngles;

use crate::config::{ConfigError, ConfigKeys, refuse};
use crate::weight::is_fast;

/// A rotary embedding: `rotary_dim / 2` frequencies, of which pair `i` has `rope_theta^(-2i / rotary_dim)` before scaling
/// (RoFormer, arXiv:2104.09864, eq. 15).
#[derive(Clone, Debug, PartialEq)]
pub struct RopeConfig {
    /// Base of the frequencies.
    pub rope_theta: f64,
    /// How many of a head's numbers are rotated; the others stay as they are.
    pub rotary_dim: usize,
    /// Longest text before scaling, in tokens.
    pub max_position_embeddings: usize,
    /// How the frequencies are changed.
    pub scaling: RopeScaling,
}

/// Scalings of the frequencies, with the keys of `rope_scaling` in `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "rope_type", rename_all = "snake_case", deny_unknown_fields)]
pub enum RopeScaling {
    /// None.
    Default {},
    /// Every frequency over `factor` (position interpolation, arXiv:2306.15595).
    Linear {
        /// How many times longer texts become.
        factor: f64,
    },
    /// A larger base for texts beyond `max_position_embeddings`, growing with their length (NTK-aware scaling).
    Dynamic {
        /// How many times longer texts become.
        factor: f64,
    },
    /// High frequencies stay, low ones are divided by `factor`, with a ramp between (YaRN, arXiv:2309.00071).
    Yarn {
        /// How many times longer texts become.
        factor: f64,
        /// Longest text before scaling.
        original_max_position_embeddings: Option<usize>,
        /// What cosines and sines are multiplied by.
        attention_factor: Option<f64>,
        /// Rotations over the original length above which a frequency stays; 32 if not given.
        beta_fast: Option<f64>,
        /// Rotations over the original length below which a frequency is divided; 1 if not given.
        beta_slow: Option<f64>,
        /// Weight of the logarithm in the numerator of `attention_factor`.
        mscale: Option<f64>,
        /// The same in its denominator.
        mscale_all_dim: Option<f64>,
        /// Whether the ends of the ramp are rounded outwards.
        #[serde(default = "yes")]
        truncate: bool,
    },
    /// Each frequency over a factor of its own, one list for short texts and one for long (LongRoPE, arXiv:2402.13753).
    Longrope {
        /// Divisors up to `original_max_position_embeddings`.
        short_factor: Vec<f64>,
        /// Divisors beyond.
        long_factor: Vec<f64>,
        /// Longest text before scaling.
        original_max_position_embeddings: usize,
        /// What cosines and sines are multiplied by.
        attention_factor: Option<f64>,
        /// Not used: the two lengths say it.
        factor: Option<f64>,
    },
    /// High frequencies stay, low ones are divided by `factor`, with a ramp between (Llama 3.1).
    Llama3 {
        /// Divisor of low frequencies.
        factor: f64,
        /// Rotations over the original length below which a frequency is divided.
        low_freq_factor: f64,
        /// Rotations over the original length above which a frequency stays.
        high_freq_factor: f64,
        /// Longest text before scaling.
        original_max_position_embeddings: usize,
    },
}

impl RopeConfig {
    /// A rope without scaling over whole heads.
    pub(crate) fn plain(rope_theta: f64, head_dim: usize) -> Self {
        Self {
            rope_theta,
            rotary_dim: head_dim,
            max_position_embeddings: 1,
            scaling: RopeScaling::Default {},
        }
    }

    /// Takes `rope_theta` and `rope_scaling`, or `rope_parameters`, which holds both in newer files.
    pub(crate) fn read(
        keys: &mut ConfigKeys,
        default_theta: f64,
        head_dim: usize,
        max_position_embeddings: usize,
    ) -> Result<Self, ConfigError> {
        let original: Option<serde_json::Value> =
            keys.optional("original_max_position_embeddings")?;
        let parameters = keys.optional::<serde_json::Value>("rope_parameters")?;
        let scaling = keys.optional::<serde_json::Value>("rope_scaling")?;
        let mut rope_theta = keys.or("rope_theta", default_theta)?;
        let mut partial_rotary_factor: f64 = keys.or("partial_rotary_factor", 1.0)?;
        let key = if parameters.is_some() {
            "rope_parameters"
        } else {
            "rope_scaling"
        };
        let scaling = match parameters.or(scaling) {
            None => RopeScaling::Default {},
            Some(serde_json::Value::Object(mut fields)) => {
                for (field, value) in [
                    ("rope_theta", &mut rope_theta),
                    ("partial_rotary_factor", &mut partial_rotary_factor),
                ] {
                    if let Some(inside) = fields.remove(field) {
                        match inside.as_f64() {
                            Some(number) => *value = number,
                            None => return refuse(field, inside, "it must be a number"),
                        }
                    }
                }
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
                let shown = crate::config::shorten(&serde_json::Value::Object(fields.clone()));
                match serde_json::from_value(serde_json::Value::Object(fields)) {
                    Ok(scaling) => scaling,
                    Err(error) => return refuse(key, shown, error.to_string()),
                }
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

    /// Refuses numbers with which no frequency can be computed.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (theta, dim) = (self.rope_theta, self.rotary_dim);
        if !(theta > 1.0 && theta.is_finite()) {
            return refuse("rope_theta", theta, "it must be finite and above 1");
        }
        if dim < 2 || !dim.is_multiple_of(2) {
            let expected = "an even number of a head's numbers must be rotated, at least 2";
            return refuse("partial_rotary_factor", format!("{dim} numbers"), expected);
        }
        let positive = |key: &str, value: f64| {
            if value.is_normal() && value > 0.0 {
                Ok(())
            } else {
                refuse(
                    format!("rope_scaling.{key}"),
                    value,
                    "it must be finite and above 0",
                )
            }
        };
        match &self.scaling {
            RopeScaling::Default {} => Ok(()),
            RopeScaling::Linear { factor } => positive("factor", *factor),
            RopeScaling::Dynamic { factor } if dim > 2 => positive("factor", *factor),
            RopeScaling::Dynamic { .. } => refuse(
                "rope_scaling",
                "dynamic",
                "heads must rotate more than 2 numbers",
            ),
            RopeScaling::Yarn {
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
                positive(
                    "original_max_position_embeddings",
                    original.unwrap_or(1) as f64,
                )?;
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
            RopeScaling::Longrope {
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
                for (key, factors) in [("short_factor", short_factor), ("long_factor", long_factor)]
                {
                    if factors.len() != dim / 2 {
                        let found = format!("a list of {}", factors.len());
                        return refuse(key, found, format!("heads rotate {} pairs", dim / 2));
                    }
                    for factor in factors {
                        positive(key, *factor)?;
                    }
                }
                Ok(())
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings: original,
            } => {
                positive("factor", *factor)?;
                positive("low_freq_factor", *low_freq_factor)?;
                positive("original_max_position_embeddings", *original as f64)?;
                positive(
                    "high_freq_factor - low_freq_factor",
                    high_freq_factor - low_freq_factor,
                )
            }
        }
    }

    /// The frequencies of a text of `len` tokens, in radians per position.
    fn frequencies(&self, len: usize) -> Vec<f32> {
        let dim = self.rotary_dim as f64;
        let base = match &self.scaling {
            RopeScaling::Dynamic { factor } => {
                let longer = len.max(self.max_position_embeddings) as f64
                    / self.max_position_embeddings as f64;
                self.rope_theta * (factor * longer - (factor - 1.0)).powf(dim / (dim - 2.0))
            }
            _ => self.rope_theta,
        };
        (0..self.rotary_dim / 2)
            .map(|pair| {
                let plain = base.powf(-2.0 * pair as f64 / dim);
                self.scaled(plain, pair, len) as f32
            })
            .collect()
    }

    /// The frequency of one pair after scaling.
    fn scaled(&self, frequency: f64, pair: usize, len: usize) -> f64 {
        match &self.scaling {
            RopeScaling::Default {} | RopeScaling::Dynamic { .. } => frequency,
            RopeScaling::Linear { factor } => frequency / factor,
            RopeScaling::Yarn {
                factor,
                original_max_position_embeddings,
                beta_fast,
                beta_slow,
                truncate,
                ..
            } => {
                let original =
                    original_max_position_embeddings.unwrap_or(self.max_position_embeddings) as f64;
                // The pair that turns `rotations` times over the original length.
                let pair_of = |rotations: f64| {
                    self.rotary_dim as f64 * (original / (rotations * 2.0 * PI)).ln()
                        / (2.0 * self.rope_theta.ln())
                };
                let (mut low, mut high) = (
                    pair_of(beta_fast.unwrap_or(32.0)),
                    pair_of(beta_slow.unwrap_or(1.0)),
                );
                if *truncate {
                    (low, high) = (low.floor(), high.ceil());
                }
                (low, high) = (low.max(0.0), high.min(self.rotary_dim as f64 - 1.0));
                if low == high {
                    high += 0.001;
                }
                let divided = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                frequency / factor * divided + frequency * (1.0 - divided)
            }
            RopeScaling::Longrope {
                short_factor,
                long_factor,
                original_max_position_embeddings,
                ..
            } => {
                let long = len > *original_max_position_embeddings;
                frequency
                    / if long {
                        long_factor[pair]
                    } else {
                        short_factor[pair]
                    }
            }
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                let rotations = *original_max_position_embeddings as f64 * frequency / (2.0 * PI);
                let kept = (rotations - low_freq_factor) / (high_freq_factor - low_freq_factor);
                let kept = kept.clamp(0.0, 1.0);
                frequency / factor * (1.0 - kept) + frequency * kept
            }
        }
    }

    /// What cosines and sines are multiplied by.
    fn attention_factor(&self) -> f64 {
        match &self.scaling {
            RopeScaling::Yarn {
                factor,
                attention_factor,
                mscale,
                mscale_all_dim,
                ..
            } => {
                let of = |mscale: f64| {
                    if *factor <= 1.0 {
                        1.0
                    } else {
                        0.1 * mscale * factor.ln() + 1.0
                    }
                };
                attention_factor.unwrap_or_else(|| match (mscale, mscale_all_dim) {
                    (Some(mscale), Some(all)) => of(*mscale) / of(*all),
                    _ => of(1.0),
                })
            }
            RopeScaling::Longrope {
                original_max_position_embeddings,
                attention_factor,
                ..
            } => {
                let original = *original_max_position_embeddings as f64;
                let factor = self.max_position_embeddings as f64 / original;
                attention_factor.unwrap_or_else(|| {
                    if factor <= 1.0 {
                        1.0
                    } else {
                        (1.0 + factor.ln() / original.ln()).sqrt()
                    }
                })
            }
            _ => 1.0,
        }
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

    /// The length up to which texts have one set of frequencies and beyond which they have another: a text that grows over it
    /// must be computed anew from its first token.
    pub(crate) fn rope_switch_len(&self) -> Option<usize> {
        match self.scaling {
            RopeScaling::Longrope {
                original_max_position_embeddings,
                ..
            } => Some(original_max_position_embeddings),
            _ => None,
        }
    }

    /// Whether the frequencies depend on the length of the text.
    fn depends_on_len(&self) -> bool {
        matches!(
            self.scaling,
            RopeScaling::Dynamic { .. } | RopeScaling::Longrope { .. }
        )
    }

    /// The rotation of tokens, given as (position, length of the text that the token is computed with).
    pub(crate) fn at(&self, tokens: &[(usize, usize)], device: &Device) -> Rotation {
        let half = self.rotary_dim / 2;
        let factor = self.attention_factor() as f32;
        let mut frequencies = self.frequencies(0);
        let mut last_len = 0;
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for &(position, len) in tokens {
            if self.depends_on_len() && len != last_len {
                frequencies = self.frequencies(len);
                last_len = len;
            }
            for frequency in &frequencies {
                // The angle is rounded to f32 before the cosine, as transformers does.
                let (s, c) = (position as f32 * frequency).sin_cos();
                cos.push(factor * c);
                sin.push(factor * s);
            }
        }
        Rotation {
            angles: Arc::new(RotaryAngles { cos, sin }),
            device: device.clone(),
            half,
        }
    }
}

/// The rotation of each token.
#[derive(Debug)]
pub(crate) struct Rotation {
    angles: Arc<RotaryAngles>,
    device: Device,
    /// Half the rotary dimension.
    half: usize,
}

impl Rotation {
    /// Rotates the pairs `(x[i], x[i + rotary_dim / 2])` of `x`, `[tokens, heads, head_dim]`, in f32.
    pub(crate) fn rotate(&self, x: Tensor<3>) -> Tensor<3> {
        if is_fast(&x) {
            return trimtab_kernels::apply_rotary(x, self.angles.clone());
        }
        let dtype = x.dtype();
        let x = x.cast(DType::F32);
        let (half, [tokens, _, head_dim]) = (self.half, x.dims());
        let part = |start, len| x.clone().narrow(2, start, len);
        let (first, second) = (part(0, half), part(half, half));
        let table = |numbers: &[f32]| {
            let numbers = TensorData::new(numbers.to_vec(), [tokens, 1, half]);
            Tensor::<3>::from_data(numbers, &self.device)
        };
        let (cos, sin) = (table(&self.angles.cos), table(&self.angles.sin));
        let mut parts = vec![
            first.clone() * cos.clone() - second.clone() * sin.clone(),
            second * cos + first * sin,
        ];
        if head_dim > 2 * half {
            parts.push(part(2 * half, head_dim - 2 * half));
        }
        Tensor::cat(parts, 2).cast(dtype)
    }
}

fn yes() -> bool {
    true
}
