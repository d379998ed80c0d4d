//! How alike several sets of vectors are, such as those of runs with other seeds.

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Hook, Model};
use trimtab_steer::algebra::{self, SubspaceOverlap};
use trimtab_steer::effect::{EffectError, pairwise_kl};
use trimtab_steer::{SteeringVectors, algebra::AlgebraError};

use crate::significance::cosine_p_value;

/// How alike sets of vectors are. Matrices have a row and a column for each set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The directions of each layer in which two sets have a vector.
    pub layers: Vec<LayerCosines>,
    /// The subspaces that the vectors of all layers span. `None` for sets of zeros.
    pub overlap: Vec<Vec<Option<SubspaceOverlap>>>,
    /// Mean `KL(row || column)` of the next token in nats, over the tokens of texts. The first row
    /// and column are the base. Empty if there are no texts.
    pub kl: Vec<Vec<f64>>,
}

/// Cosines between the vectors that several sets have in one layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerCosines {
    /// The layer.
    pub layer: usize,
    /// The cosine of two sets. `None` where one is zero.
    pub cosines: Vec<Vec<Option<f64>>>,
    /// The probability that a random direction has a cosine of this size.
    pub p_values: Vec<Vec<Option<f64>>>,
}

/// Compares sets of vectors by their directions, by the subspaces that they span, and, on `texts`,
/// by what they do.
///
/// Two runs can find different directions with the same effect: then cosines are near 0, and
/// `KL(one || other)` is small beside the KL of either and the base.
///
/// # Shapes
///
/// - each of `sets`: `[num_hidden_layers, hidden_size]`
///
/// # Errors
///
/// The shapes differ, or the model cannot run a text.
pub fn compare(
    model: &Model,
    sets: &[HostTensor],
    texts: &[&[u32]],
) -> Result<Comparison, ComparisonError> {
    let pairs = algebra::pairwise_cosines(sets)?;
    let width = model.config.hidden_size;
    let matrix = |layer: usize| -> Vec<Vec<Option<f64>>> {
        let cosine = |i, j| pairs.between(i, j)[layer].map(f64::from);
        let row = |i| (0..sets.len()).map(|j| cosine(i, j)).collect();
        (0..sets.len()).map(row).collect()
    };
    let mut layers = vec![];
    for layer in 0..sets.first().map_or(0, |set| set.shape[0]) {
        let cosines = matrix(layer);
        let others = cosines
            .iter()
            .enumerate()
            .map(|(i, row)| row[i + 1..].iter().flatten().count());
        if others.sum::<usize>() == 0 {
            continue;
        }
        let p_value = |cosine: &Option<f64>| cosine.map(|it| cosine_p_value(it, width));
        layers.push(LayerCosines {
            layer,
            p_values: cosines
                .iter()
                .map(|row| row.iter().map(p_value).collect())
                .collect(),
            cosines,
        });
    }
    let overlap = sets.iter().map(|left| {
        let row = sets
            .iter()
            .map(|right| algebra::subspace_overlap(left, right));
        row.collect::<Result<_, _>>()
    });
    let overlap = overlap.collect::<Result<_, AlgebraError>>()?;
    let kl = if texts.is_empty() {
        vec![]
    } else {
        let steering: Vec<SteeringVectors> = sets
            .iter()
            .map(|set| SteeringVectors::from_host(set, &model.device()))
            .collect();
        let hooks: Vec<_> = steering.iter().map(SteeringVectors::hook).collect();
        let hooks = hooks.iter().map(|hook| Some(hook as Hook));
        let runs: Vec<Option<Hook>> = std::iter::once(None).chain(hooks).collect();
        pairwise_kl(model, texts, &runs)?
    };
    Ok(Comparison {
        layers,
        overlap,
        kl,
    })
}

/// Why sets of vectors cannot be compared.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    #[error(transparent)]
    Vectors(#[from] AlgebraError),
    #[error(transparent)]
    Texts(#[from] EffectError),
}
