//! How alike several sets of vectors are, such as those of runs with other seeds.

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_steer::algebra::{self, AlgebraError, SubspaceOverlap};

use crate::significance::cosine_p_value;

/// How alike sets of vectors are. Matrices have a row and a column for each set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The directions of each layer in which two sets have a vector.
    pub layers: Vec<LayerCosines>,
    /// The subspaces that the vectors of all layers span. `None` for sets of zeros.
    pub overlap: Vec<Vec<Option<SubspaceOverlap>>>,
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

/// Compares sets of vectors by their directions and by the subspaces that they span.
///
/// Two runs can find different directions with the same effect. Compare what they do with
/// [`pairwise_kl`](trimtab_steer::effect::pairwise_kl).
///
/// # Shapes
///
/// - each of `sets`: `[num_hidden_layers, hidden_size]`
///
/// # Errors
///
/// The shapes differ.
pub fn compare(sets: &[HostTensor]) -> Result<Comparison, AlgebraError> {
    let pairs = algebra::pairwise_cosines(sets)?;
    let width = sets.first().map_or(0, |set| set.shape[1]);
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
    Ok(Comparison { layers, overlap })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::significance::random_directions;

    #[test]
    fn sets_of_vectors_are_compared_by_direction_and_subspace() {
        let vectors = |seed| HostTensor {
            shape: vec![4, 128],
            data: random_directions(4, 128, seed),
        };
        let close = |found: f64, expected: f64, what: &str| {
            assert!(
                (found - expected).abs() < 1e-6,
                "{what}: {found}, not {expected}"
            );
        };
        let one = vectors(1);
        let only = algebra::select_layers(&one, &[2]).expect("a layer");
        let opposite = algebra::scale(&only, -1.0);
        let found = compare(&[one, only, opposite]).expect("vectors of one model");
        assert_eq!(found.layers.len(), 1, "the others have one vector");
        let layer = &found.layers[0];
        assert_eq!(layer.layer, 2);
        close(layer.cosines[0][1].expect("two vectors"), 1.0, "the same");
        close(
            layer.cosines[1][2].expect("two vectors"),
            -1.0,
            "the opposite",
        );
        assert!(layer.p_values[0][2].expect("two vectors") < 1e-6);
        let share = |i: usize, j: usize| found.overlap[i][j].expect("vectors").share;
        close(share(0, 1), 1.0, "a subspace of the other");
        close(share(1, 2), 1.0, "the same line");
        let small = HostTensor {
            shape: vec![1, 2],
            data: vec![1.0, 0.0],
        };
        let refused = compare(&[vectors(1), small]);
        assert!(matches!(refused, Err(AlgebraError::Shape { .. })));
        assert_eq!(compare(&[]).expect("nothing"), Comparison::default());
    }
}
