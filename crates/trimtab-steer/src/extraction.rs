//! Steering vectors without training, from contrastive prompts.
//!
//! The model runs prompts of two classes. In each layer, the direction that separates the residual
//! streams of the classes is the vector. `docs/extraction.md` compares the methods.

mod logistic;
mod prompt_files;

use std::str::FromStr;

use burn::tensor::Tensor;
use nalgebra::{DMatrix, DVector};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Site};

pub use prompt_files::{PromptFileError, read_paragraphs};

use crate::algebra;
use crate::effect::{EffectError, batches, check_texts};

/// Prompts of two classes, as token ids.
#[derive(Clone, Debug, PartialEq)]
pub struct ContrastivePrompts {
    /// Prompts that the vectors should steer towards.
    pub positive: Vec<Vec<u32>>,
    /// Prompts that they should steer away from.
    pub negative: Vec<Vec<u32>>,
    /// Whether prompt `i` of one class belongs to prompt `i` of the other.
    pub paired: bool,
}

/// How the direction between two classes is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The difference of the means of the two classes.
    MeanDifference,
    /// The first principal component of the differences of pairs, centred at their mean: `pca_diff`
    /// of repeng. It finds what varies between pairs, not what they have in common.
    PcaDiff,
    /// The first principal component of all prompts, each centred at the mean of its pair:
    /// `pca_center` of repeng. Without pairs, all are centred at the midpoint of the class means.
    PcaCenter,
    /// The weights of a logistic regression (L2 with `C = 1`, the default of scikit-learn).
    Logistic,
}

/// The token whose residual stream stands for a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The last token.
    Last,
    /// The mean over all tokens.
    Mean,
    /// The token at this position, from 0.
    Index(usize),
}

/// Why no vectors can be extracted.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExtractError {
    #[error("the {class} prompts cannot be used")]
    Prompts {
        class: &'static str,
        source: EffectError,
    },
    #[error("{positive} positive and {negative} negative prompts cannot be paired")]
    Pairs { positive: usize, negative: usize },
    #[error("pca_diff needs pairs; without them use pca_center, mean_difference or logistic")]
    Unpaired,
    #[error("a {class} prompt has {len} tokens, but position {position} was asked for")]
    TooShort {
        class: &'static str,
        len: usize,
        position: usize,
    },
    #[error("the residual stream after layer {layer} is not finite")]
    NonFinite { layer: usize },
    #[error("the two classes do not differ at the token that is read; do all prompts end alike?")]
    NoDifference,
}

/// Vectors that steer from the negative prompts to the positive ones, `[num_hidden_layers,
/// hidden_size]`.
///
/// With every method the vector of a layer is as long as the difference of the class means there,
/// so a strength means the same for all methods. `progress` is called with the number of prompts
/// that were run since its last call.
///
/// ```no_run
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::SteeringFile;
/// use trimtab_steer::extraction::{ContrastivePrompts, Method, Pooling, extract};
///
/// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// let prompts = ContrastivePrompts {
///     positive: vec![base.tokenizer.encode("The film was wonderful")?],
///     negative: vec![base.tokenizer.encode("The film was dreadful")?],
///     paired: true,
/// };
/// let (method, pooling) = (Method::MeanDifference, Pooling::Last);
/// let vectors = extract(&base.model, &prompts, method, pooling, &mut |_| ())?;
/// SteeringFile::new(vectors, &base, 0, "two films".into()).write("mood.safetensors".as_ref())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// See [`ExtractError`].
pub fn extract(
    model: &Model,
    prompts: &ContrastivePrompts,
    method: Method,
    pooling: Pooling,
    progress: &mut dyn FnMut(usize),
) -> Result<HostTensor, ExtractError> {
    let (positive, negative) = (prompts.positive.len(), prompts.negative.len());
    if prompts.paired && positive != negative {
        return Err(ExtractError::Pairs { positive, negative });
    }
    if method == Method::PcaDiff && !prompts.paired {
        return Err(ExtractError::Unpaired);
    }
    let positive = resid_post(model, &prompts.positive, pooling, "positive", progress)?;
    let negative = resid_post(model, &prompts.negative, pooling, "negative", progress)?;
    let mut data = vec![];
    for (positive, negative) in positive.iter().zip(&negative) {
        data.extend(
            direction(positive, negative, prompts.paired, method)
                .iter()
                .map(|&x| x as f32),
        );
    }
    let vectors = HostTensor {
        shape: vec![model.config.num_hidden_layers, model.config.hidden_size],
        data,
    };
    if algebra::norms(&vectors).iter().all(|&norm| norm == 0.0) {
        return Err(ExtractError::NoDifference);
    }
    Ok(vectors)
}

impl FromStr for Method {
    type Err = serde::de::value::Error;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::deserialize(name.into_deserializer())
    }
}

impl FromStr for Pooling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "mean" => Ok(Self::Mean),
            _ => match text.parse() {
                Ok(index) => Ok(Self::Index(index)),
                Err(_) => Err(format!(
                    "`{text}` is not `last`, `mean` or a position from 0"
                )),
            },
        }
    }
}

/// For each layer, the residual stream of every prompt, `[prompts, hidden_size]`.
fn resid_post(
    model: &Model,
    prompts: &[Vec<u32>],
    pooling: Pooling,
    class: &'static str,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<DMatrix<f64>>, ExtractError> {
    let texts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    check_texts(model, &texts).map_err(|source| ExtractError::Prompts { class, source })?;
    if let Pooling::Index(position) = pooling
        && let Some(text) = texts.iter().find(|text| text.len() <= position)
    {
        return Err(ExtractError::TooShort {
            class,
            len: text.len(),
            position,
        });
    }
    let mut layers = vec![Vec::<f64>::new(); model.config.num_hidden_layers];
    for batch in batches(&texts) {
        let lens: Vec<usize> = batch.iter().map(|text| text.len()).collect();
        let (_, cache) = model.run_with_cache(batch, &[Site::ResidPost], None);
        for (layer, rows) in layers.iter_mut().enumerate() {
            let resid_post = cache.get(Site::ResidPost, layer).expect("every layer ran");
            rows.extend(pooled_rows(resid_post.clone(), &lens, pooling));
        }
        progress(batch.len());
    }
    let matrix = |(layer, values): (usize, Vec<f64>)| {
        if values.iter().all(|value| value.is_finite()) {
            Ok(DMatrix::from_row_slice(
                prompts.len(),
                model.config.hidden_size,
                &values,
            ))
        } else {
            Err(ExtractError::NonFinite { layer })
        }
    };
    layers.into_iter().enumerate().map(matrix).collect()
}

/// One row for each text of `lens` tokens. `resid_post` has a row for each token of the texts, one
/// text after the other.
fn pooled_rows(resid_post: Tensor<2>, lens: &[usize], pooling: Pooling) -> Vec<f64> {
    let [_, width] = resid_post.dims();
    let values: Vec<f32> = resid_post
        .try_into_vec_as()
        .expect("activations convert to f32");
    let mut rows = vec![];
    let mut rest = values.chunks_exact(width);
    for &len in lens {
        let text: Vec<&[f32]> = rest.by_ref().take(len).collect();
        match pooling {
            Pooling::Last => rows.extend(text[len - 1].iter().copied().map(f64::from)),
            Pooling::Index(position) => {
                rows.extend(text[position].iter().copied().map(f64::from));
            }
            Pooling::Mean => rows.extend((0..width).map(|column| {
                text.iter().map(|row| f64::from(row[column])).sum::<f64>() / len as f64
            })),
        }
    }
    rows
}

/// The direction from `negative` to `positive`, both `[prompts, hidden_size]`, as long as the
/// difference of their means.
fn direction(
    positive: &DMatrix<f64>,
    negative: &DMatrix<f64>,
    paired: bool,
    method: Method,
) -> DVector<f64> {
    let means = [positive, negative].map(|rows| rows.row_mean().transpose());
    let difference = &means[0] - &means[1];
    let direction = match method {
        Method::MeanDifference => return difference,
        Method::PcaDiff => {
            let mut differences = positive - negative;
            let mean = differences.row_mean();
            for mut row in differences.row_iter_mut() {
                row -= &mean;
            }
            first_component(&differences)
        }
        // Centred at the means of the pairs, prompts are half the differences and their negatives.
        Method::PcaCenter if paired => first_component(&(positive - negative)),
        Method::PcaCenter => {
            let midpoint = ((&means[0] + &means[1]) / 2.0).transpose();
            let rows: Vec<_> = positive.row_iter().chain(negative.row_iter()).collect();
            let rows: Vec<_> = rows.into_iter().map(|row| row - &midpoint).collect();
            first_component(&DMatrix::from_rows(&rows))
        }
        Method::Logistic => logistic::weights(positive, negative),
    };
    let norm = direction.norm();
    if norm == 0.0 {
        return direction;
    }
    let sign = if paired {
        sign_by_pairs(&(positive * &direction), &(negative * &direction))
    } else if direction.dot(&difference) < 0.0 {
        -1.0
    } else {
        1.0
    };
    direction * (sign * difference.norm() / norm)
}

/// -1 if in more pairs the negative prompt is further along the direction than the positive one, as
/// in repeng; otherwise 1.
fn sign_by_pairs(positive: &DVector<f64>, negative: &DVector<f64>) -> f64 {
    let pairs = || positive.iter().zip(negative.iter());
    let smaller = pairs().filter(|(positive, negative)| positive < negative);
    let larger = pairs().filter(|(positive, negative)| positive > negative);
    if smaller.count() > larger.count() {
        -1.0
    } else {
        1.0
    }
}

/// The right singular vector of the largest singular value of `rows`, times that value; zero if all
/// rows are zero.
fn first_component(rows: &DMatrix<f64>) -> DVector<f64> {
    let is_wide = rows.nrows() <= rows.ncols();
    let square = if is_wide {
        rows * rows.transpose()
    } else {
        rows.transpose() * rows
    };
    let eigen = square.symmetric_eigen();
    let largest = eigen.eigenvalues.imax();
    let vector = eigen.eigenvectors.column(largest).into_owned();
    if is_wide {
        rows.transpose() * vector
    } else {
        vector * eigen.eigenvalues[largest].max(0.0).sqrt()
    }
}
