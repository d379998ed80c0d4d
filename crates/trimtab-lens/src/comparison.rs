//! How alike several sets of vectors are, such as those of runs with other seeds.

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_steer::algebra::{self, SubspaceOverlap};

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
/// Sets of other shapes, such as those of another site, have no cosine. `None` stands for a run
/// without vectors.
///
/// Two runs can find different directions with the same effect. Compare what they do with
/// [`pairwise_kl`](trimtab_steer::effect::pairwise_kl) and [`changes`](crate::changes).
///
/// # Shapes
///
/// - each of `sets`: `[num_hidden_layers, width of the site]`
pub fn compare(sets: &[Option<&HostTensor>]) -> Comparison {
    let pair = |i: usize, j: usize| {
        let (left, right) = (sets[i]?, sets[j]?);
        (left.shape == right.shape).then_some((left, right))
    };
    let cosines = |i, j| -> Option<Vec<Option<f32>>> {
        let (left, right) = pair(i, j)?;
        Some(algebra::cosines(left, right).expect("one shape"))
    };
    let overlap = |i, j| {
        let (left, right) = pair(i, j)?;
        algebra::subspace_overlap(left, right).expect("one shape")
    };
    let count = sets.len();
    let cosines = matrix(count, cosines);
    let num_layers = sets.iter().flatten().map(|set| set.shape[0]).max();
    let layers = (0..num_layers.unwrap_or(0)).filter_map(|layer| {
        let cosine = |i: usize, j: usize| {
            let cosine = *cosines[i][j].as_ref()?.get(layer)?;
            cosine.map(f64::from)
        };
        let p_value = |i: usize, j: usize| {
            let width = sets[i]?.shape[1];
            Some(cosine_p_value(cosine(i, j)?, width))
        };
        let mut pairs = (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j)));
        pairs
            .any(|(i, j)| cosine(i, j).is_some())
            .then(|| LayerCosines {
                layer,
                cosines: matrix(count, cosine),
                p_values: matrix(count, p_value),
            })
    });
    Comparison {
        layers: layers.collect(),
        overlap: matrix(count, overlap),
    }
}

fn matrix<T>(count: usize, cell: impl Fn(usize, usize) -> T) -> Vec<Vec<T>> {
    let row = |i| (0..count).map(|j| cell(i, j)).collect();
    (0..count).map(row).collect()
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
        let found = compare(&[&one, &only, &opposite].map(Some));
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
            shape: vec![4, 2],
            data: vec![1.0; 8],
        };
        let found = compare(&[Some(&vectors(1)), Some(&small), None]);
        let overlap = found.overlap.iter().enumerate();
        let others = overlap.map(|(i, row)| row.iter().enumerate().filter(move |(j, _)| *j != i));
        assert!(
            others.flatten().all(|(_, cell)| cell.is_none()),
            "no pair has one shape"
        );
        assert_eq!(found.layers, []);
        assert_eq!(compare(&[]), Comparison::default());
    }
}
