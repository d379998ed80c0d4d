//! Vectors without training, from prompts of two kinds.
//!
//! The residual stream is read after every layer at a token of each prompt, and a direction that tells the kinds apart
//! is computed layer by layer. `docs/extraction.md` compares the methods.

use std::str::FromStr;

use burn::tensor::Tensor;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Site};

use crate::algebra;
use crate::effect::{EffectError, batches, check};
use crate::logistic;

/// Prompts of two kinds, as token ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Contrast {
    /// Prompts that the vectors should lead to.
    pub positive: Vec<Vec<u32>>,
    /// Prompts that they should lead away from.
    pub negative: Vec<Vec<u32>>,
    /// Whether prompt `i` of one kind belongs to prompt `i` of the other.
    pub paired: bool,
}

/// How a direction is computed from the residual streams of two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The mean of the positive ones minus the mean of the negative ones.
    MeanDifference,
    /// First principal component of the differences of pairs, about their mean: `pca_diff` of repeng. It finds what varies
    /// between pairs and not what all have in common.
    PcaDiff,
    /// First principal component about the centre of each pair (`pca_center` of repeng), or, without pairs, about the middle
    /// of the two means.
    PcaCenter,
    /// Weights of a logistic regression (L2, `C = 1`, as scikit-learn's default).
    Logistic,
}

/// At which token of a prompt the residual stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// The last one.
    Last,
    /// The mean over all.
    Mean,
    /// The one at this position, from 0.
    Index(usize),
}

/// Why no vectors could be extracted.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExtractError {
    #[error("prompts of the {kind} kind: {error}")]
    Prompts {
        kind: &'static str,
        error: EffectError,
    },
    #[error(
        "{positive} positive and {negative} negative prompts make no pairs; give as many of both"
    )]
    Pairs { positive: usize, negative: usize },
    #[error("pca_diff needs pairs; without them take pca_center, mean_difference or logistic")]
    Unpaired,
    #[error("a prompt of the {kind} kind has {len} tokens, and none at position {position}")]
    TooShort {
        kind: &'static str,
        len: usize,
        position: usize,
    },
    #[error("the residual stream after layer {layer} is not finite")]
    NonFinite { layer: usize },
    #[error(
        "the two kinds do not differ at the token that is read; is it part of what they have in common?"
    )]
    NoDifference,
}

/// Vectors `[num_hidden_layers, hidden_size]` that lead from the negative prompts to the positive ones.
///
/// Whatever the method, each is as long as the difference of the means in its layer, so that one strength means the same
/// for all. `progress` is told how many prompts were read since it was told last.
///
/// ```no_run
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::{Contrast, Method, ReadAt, SteeringFile, extract};
///
/// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// let contrast = Contrast {
///     positive: vec![base.tokenizer.encode("The film was wonderful")?],
///     negative: vec![base.tokenizer.encode("The film was dreadful")?],
///     paired: true,
/// };
/// let vectors = extract(&base.model, &contrast, Method::MeanDifference, ReadAt::Last, &mut |_| ())?;
/// SteeringFile::new(vectors, &base, 0, "two films".into()).write("mood.safetensors".as_ref())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// See [`ExtractError`].
pub fn extract(
    model: &Model,
    contrast: &Contrast,
    method: Method,
    read_at: ReadAt,
    progress: &mut dyn FnMut(usize),
) -> Result<HostTensor, ExtractError> {
    let (positive, negative) = (contrast.positive.len(), contrast.negative.len());
    if contrast.paired && positive != negative {
        return Err(ExtractError::Pairs { positive, negative });
    }
    if method == Method::PcaDiff && !contrast.paired {
        return Err(ExtractError::Unpaired);
    }
    let positive = read(model, &contrast.positive, read_at, "positive", progress)?;
    let negative = read(model, &contrast.negative, read_at, "negative", progress)?;
    let mut data = vec![];
    for (positive, negative) in positive.iter().zip(&negative) {
        data.extend(
            direction(positive, negative, contrast.paired, method)
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

impl FromStr for ReadAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            "mean" => Ok(Self::Mean),
            _ => match text.parse() {
                Ok(index) => Ok(Self::Index(index)),
                Err(_) => Err(format!(
                    "`{text}` is neither `last` nor `mean` nor a position from 0"
                )),
            },
        }
    }
}

/// By layer, the residual streams of `prompts`, `[prompts, hidden_size]`.
fn read(
    model: &Model,
    prompts: &[Vec<u32>],
    read_at: ReadAt,
    kind: &'static str,
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<DMatrix<f64>>, ExtractError> {
    let texts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    check(model, &texts).map_err(|error| ExtractError::Prompts { kind, error })?;
    if let ReadAt::Index(position) = read_at
        && let Some(text) = texts.iter().find(|text| text.len() <= position)
    {
        return Err(ExtractError::TooShort {
            kind,
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
            rows.extend(read_rows(resid_post.clone(), &lens, read_at));
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

/// One row for each text of `lens` tokens, of the rows of `resid_post`, which lie end to end.
fn read_rows(resid_post: Tensor<2>, lens: &[usize], read_at: ReadAt) -> Vec<f64> {
    let [_, width] = resid_post.dims();
    let values: Vec<f32> = resid_post
        .try_into_vec_as()
        .expect("activations convert to f32");
    let mut rows = vec![];
    let mut rest = values.chunks_exact(width);
    for &len in lens {
        let text: Vec<&[f32]> = rest.by_ref().take(len).collect();
        match read_at {
            ReadAt::Last => rows.extend(text[len - 1].iter().copied().map(f64::from)),
            ReadAt::Index(position) => {
                rows.extend(text[position].iter().copied().map(f64::from));
            }
            ReadAt::Mean => rows.extend((0..width).map(|column| {
                text.iter().map(|row| f64::from(row[column])).sum::<f64>() / len as f64
            })),
        }
    }
    rows
}

/// The direction from `negative` to `positive`, both `[prompts, hidden_size]`, as long as the difference of their means.
fn direction(
    positive: &DMatrix<f64>,
    negative: &DMatrix<f64>,
    paired: bool,
    method: Method,
) -> DVector<f64> {
    let means = [positive, negative].map(|rows| rows.row_mean().transpose());
    let difference = &means[0] - &means[1];
    let found = match method {
        Method::MeanDifference => return difference,
        Method::PcaDiff => {
            let mut differences = positive - negative;
            let mean = differences.row_mean();
            for mut row in differences.row_iter_mut() {
                row -= &mean;
            }
            first_component(&differences)
        }
        // About the centres of the pairs lie half the differences and their negatives.
        Method::PcaCenter if paired => first_component(&(positive - negative)),
        Method::PcaCenter => {
            let middle = ((&means[0] + &means[1]) / 2.0).transpose();
            let rows: Vec<_> = positive.row_iter().chain(negative.row_iter()).collect();
            let rows: Vec<_> = rows.into_iter().map(|row| row - &middle).collect();
            first_component(&DMatrix::from_rows(&rows))
        }
        Method::Logistic => logistic::weights(positive, negative),
    };
    let norm = found.norm();
    if norm == 0.0 {
        return found;
    }
    let sign = if paired {
        sign_by_pairs(&(positive * &found), &(negative * &found))
    } else if found.dot(&difference) < 0.0 {
        -1.0
    } else {
        1.0
    };
    found * (sign * difference.norm() / norm)
}

/// -1 if the negative one of more pairs lies further along the direction than the positive one, as in repeng.
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

/// The right singular vector of the largest singular value of `rows`, times that value; zero if all rows are.
fn first_component(rows: &DMatrix<f64>) -> DVector<f64> {
    let is_flat = rows.nrows() <= rows.ncols();
    let square = if is_flat {
        rows * rows.transpose()
    } else {
        rows.transpose() * rows
    };
    let eigen = square.symmetric_eigen();
    let largest = eigen.eigenvalues.imax();
    let vector = eigen.eigenvectors.column(largest).into_owned();
    if is_flat {
        rows.transpose() * vector
    } else {
        vector * eigen.eigenvalues[largest].max(0.0).sqrt()
    }
}
