//! Arithmetic and comparison of steering vectors, layer by layer.
//!
//! All functions take matrices `[num_hidden_layers, hidden_size]` in main memory. Sums run in f64.
//!
//! ```
//! use trimtab_model::tensor_file::HostTensor;
//! use trimtab_steer::algebra;
//!
//! let right = HostTensor { shape: vec![1, 2], data: vec![3.0, 0.0] };
//! let up = HostTensor { shape: vec![1, 2], data: vec![0.0, 4.0] };
//! let sum = algebra::add(&right, &up)?;
//! assert_eq!(algebra::norms(&sum), [5.0]);
//! assert_eq!(algebra::cosines(&sum, &right)?, [Some(0.6)]);
//! assert_eq!(algebra::project_out(&sum, &right)?, up);
//! # Ok::<(), algebra::AlgebraError>(())
//! ```

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;

/// Why vectors cannot be combined.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AlgebraError {
    #[error("the shapes of the vectors differ: {left:?} and {right:?} (layers, width)")]
    Shape { left: Vec<usize>, right: Vec<usize> },
    #[error("there is no layer {layer}: the vectors have {layers}, numbered from 0")]
    Layer { layer: usize, layers: usize },
}

/// `left + right`.
///
/// # Errors
///
/// The shapes differ.
pub fn add(left: &HostTensor, right: &HostTensor) -> Result<HostTensor, AlgebraError> {
    combine(left, right, |left, right| left + right)
}

/// `left - right`.
///
/// # Errors
///
/// The shapes differ.
pub fn subtract(left: &HostTensor, right: &HostTensor) -> Result<HostTensor, AlgebraError> {
    combine(left, right, |left, right| left - right)
}

/// `(1 - t) left + t right`.
///
/// # Errors
///
/// The shapes differ.
pub fn interpolate(
    left: &HostTensor,
    right: &HostTensor,
    t: f32,
) -> Result<HostTensor, AlgebraError> {
    combine(left, right, |left, right| (1.0 - t) * left + t * right)
}

/// Every number times `factor`.
pub fn scale(vectors: &HostTensor, factor: f32) -> HostTensor {
    map_rows(vectors, |_, row| {
        for x in row {
            *x *= factor;
        }
    })
}

/// The vectors of `layers`, with zeros in the other layers.
///
/// # Errors
///
/// `layers` names a layer that does not exist.
pub fn select_layers(vectors: &HostTensor, layers: &[usize]) -> Result<HostTensor, AlgebraError> {
    let count = vectors.shape[0];
    if let Some(&layer) = layers.iter().find(|&&layer| layer >= count) {
        return Err(AlgebraError::Layer {
            layer,
            layers: count,
        });
    }
    Ok(map_rows(vectors, |layer, row| {
        if !layers.contains(&layer) {
            row.fill(0.0);
        }
    }))
}

/// Vectors of length 1 in the same directions. Vectors of zero stay zero.
pub fn normalise(vectors: &HostTensor) -> HostTensor {
    match_norms(vectors, &vec![1.0; vectors.shape[0]]).expect("one norm for each layer")
}

/// Vectors of the lengths `norms` in the same directions. Vectors of zero stay zero.
///
/// # Errors
///
/// There is not exactly one norm for each layer.
pub fn match_norms(vectors: &HostTensor, norms: &[f32]) -> Result<HostTensor, AlgebraError> {
    if norms.len() != vectors.shape[0] {
        return Err(AlgebraError::Shape {
            left: vectors.shape.clone(),
            right: vec![norms.len(), vectors.shape[1]],
        });
    }
    Ok(map_rows(vectors, |layer, row| {
        let norm = dot(row, row).sqrt();
        if norm > 0.0 {
            let factor = f64::from(norms[layer]) / norm;
            for x in row {
                *x = (f64::from(*x) * factor) as f32;
            }
        }
    }))
}

/// `v - (v·d / d·d) d` in every layer: the component of `vectors` that is orthogonal to
/// `directions`. Where a direction is zero, the vector stays as it is.
///
/// # Errors
///
/// The shapes differ.
pub fn project_out(
    vectors: &HostTensor,
    directions: &HostTensor,
) -> Result<HostTensor, AlgebraError> {
    check_shapes(vectors, directions)?;
    let width = vectors.shape[1];
    Ok(map_rows(vectors, |layer, row| {
        let direction = &directions.data[layer * width..][..width];
        let square = dot(direction, direction);
        if square > 0.0 {
            let factor = dot(row, direction) / square;
            for (x, d) in row.iter_mut().zip(direction) {
                *x = (f64::from(*x) - factor * f64::from(*d)) as f32;
            }
        }
    }))
}

/// Gram-Schmidt in every layer: makes each set of vectors orthogonal to all sets before it, without
/// normalising.
///
/// # Errors
///
/// The shapes differ.
pub fn orthogonalise(sets: &[HostTensor]) -> Result<Vec<HostTensor>, AlgebraError> {
    let mut orthogonal: Vec<HostTensor> = vec![];
    for set in sets {
        let mut rest = set.clone();
        // Twice, since in f32 one pass leaves a remainder where sets are nearly parallel.
        for other in orthogonal.iter().chain(&orthogonal) {
            rest = project_out(&rest, other)?;
        }
        orthogonal.push(rest);
    }
    Ok(orthogonal)
}

/// The Euclidean norm of each layer's vector.
pub fn norms(vectors: &HostTensor) -> Vec<f32> {
    rows(vectors)
        .map(|row| dot(row, row).sqrt() as f32)
        .collect()
}

/// The cosine between the two vectors of each layer; `None` where one is zero.
///
/// # Errors
///
/// The shapes differ.
pub fn cosines(left: &HostTensor, right: &HostTensor) -> Result<Vec<Option<f32>>, AlgebraError> {
    check_shapes(left, right)?;
    Ok(rows(left)
        .zip(rows(right))
        .map(|(left, right)| {
            let norms = (dot(left, left) * dot(right, right)).sqrt();
            (norms > 0.0).then(|| (dot(left, right) / norms) as f32)
        })
        .collect())
}

/// How far the subspaces that two sets of vectors span are the same.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SubspaceOverlap {
    /// Mean squared cosine of the principal angles: 0 if all directions are orthogonal, 1 if one
    /// subspace holds the other.
    pub share: f64,
    /// The mean share of random subspaces of these dimensions.
    pub chance: f64,
}

/// Compares the subspaces that the vectors of all layers span, whatever the layer of each.
///
/// With orthonormal bases `A` and `B` of `a` and `b` directions in width `d`, the share is
/// `|A B^T|^2 / min(a, b)` with the Frobenius norm, the mean of the squared cosines of the
/// principal angles ([Björck and Golub 1973](https://doi.org/10.2307/2005662)). For random
/// subspaces its mean is `max(a, b) / d`. `None` if all vectors of a set are zero.
///
/// # Errors
///
/// The shapes differ.
pub fn subspace_overlap(
    left: &HostTensor,
    right: &HostTensor,
) -> Result<Option<SubspaceOverlap>, AlgebraError> {
    check_shapes(left, right)?;
    let (left_basis, right_basis) = (orthonormal_basis(left), orthonormal_basis(right));
    let (few, many) = match (left_basis.len(), right_basis.len()) {
        (left, right) if left <= right => (left, right),
        (left, right) => (right, left),
    };
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let pairs = left_basis
        .iter()
        .flat_map(|x| right_basis.iter().map(move |y| product(x, y).powi(2)));
    let sum: f64 = pairs.sum();
    Ok((few > 0).then(|| SubspaceOverlap {
        share: sum / few as f64,
        chance: many as f64 / left.shape[1] as f64,
    }))
}

/// An orthonormal basis of the span of all vectors, by Gram and Schmidt. A vector of which less
/// than 1e-6 is new adds no direction, since that is the rounding of f32.
fn orthonormal_basis(vectors: &HostTensor) -> Vec<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = vec![];
    for row in rows(vectors) {
        let mut rest: Vec<f64> = row.iter().map(|&x| x.into()).collect();
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let whole = norm(&rest);
        for direction in basis.iter().chain(&basis) {
            let along: f64 = rest.iter().zip(direction).map(|(x, y)| x * y).sum();
            for (x, y) in rest.iter_mut().zip(direction) {
                *x -= along * y;
            }
        }
        let new = norm(&rest);
        if new > 1e-6 * whole {
            for x in &mut rest {
                *x /= new;
            }
            basis.push(rest);
        }
    }
    basis
}

fn check_shapes(left: &HostTensor, right: &HostTensor) -> Result<(), AlgebraError> {
    if left.shape == right.shape && left.shape.len() == 2 {
        Ok(())
    } else {
        Err(AlgebraError::Shape {
            left: left.shape.clone(),
            right: right.shape.clone(),
        })
    }
}

fn combine(
    left: &HostTensor,
    right: &HostTensor,
    each: impl Fn(f32, f32) -> f32,
) -> Result<HostTensor, AlgebraError> {
    check_shapes(left, right)?;
    let pairs = left.data.iter().zip(&right.data);
    Ok(HostTensor {
        shape: left.shape.clone(),
        data: pairs.map(|(&left, &right)| each(left, right)).collect(),
    })
}

fn map_rows(vectors: &HostTensor, mut change: impl FnMut(usize, &mut [f32])) -> HostTensor {
    let mut vectors = vectors.clone();
    let width = vectors.shape[1].max(1);
    for (layer, row) in vectors.data.chunks_exact_mut(width).enumerate() {
        change(layer, row);
    }
    vectors
}

fn rows(vectors: &HostTensor) -> impl Iterator<Item = &[f32]> {
    vectors.data.chunks_exact(vectors.shape[1].max(1))
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    let pairs = left.iter().zip(right);
    pairs
        .map(|(&left, &right)| f64::from(left) * f64::from(right))
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set() -> impl Strategy<Value = HostTensor> {
        proptest::collection::vec(-8.0_f32..8.0, 3 * 5).prop_map(|data| HostTensor {
            shape: vec![3, 5],
            data,
        })
    }

    fn close(left: &HostTensor, right: &HostTensor) -> bool {
        let pairs = left.data.iter().zip(&right.data);
        left.shape == right.shape && pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-4)
    }

    proptest! {
        #[test]
        fn sums_and_mixtures_undo_each_other(a in set(), b in set()) {
            let sum = add(&a, &b).expect("one shape");
            prop_assert!(close(&subtract(&sum, &b).expect("one shape"), &a));
            prop_assert_eq!(interpolate(&a, &b, 0.0).expect("one shape"), a.clone());
            prop_assert_eq!(interpolate(&a, &b, 1.0).expect("one shape"), b.clone());
            let half = scale(&sum, 0.5);
            prop_assert!(close(&interpolate(&a, &b, 0.5).expect("one shape"), &half));
        }

        #[test]
        fn what_is_projected_out_is_gone_and_the_rest_stays(a in set(), b in set(), c in set()) {
            let rest = project_out(&a, &b).expect("one shape");
            let left = cosines(&rest, &b).expect("one shape");
            prop_assert!(left.into_iter().flatten().all(|cosine| cosine.abs() < 1e-4));
            prop_assert!(close(&project_out(&rest, &b).expect("one shape"), &rest));
            // What was taken away points along b.
            let taken = cosines(&subtract(&a, &rest).expect("one shape"), &b).expect("one shape");
            prop_assert!(taken.into_iter().flatten().all(|cosine| cosine.abs() > 0.999));
            let sets = orthogonalise(&[a.clone(), b, c]).expect("one shape");
            prop_assert_eq!(&sets[0], &a);
            for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
                let found = cosines(&sets[i], &sets[j]).expect("one shape");
                prop_assert_eq!(found.len(), 3);
                for cosine in found {
                    let expected = if i == j { 1.0 } else { 0.0 };
                    prop_assert!(cosine.is_none_or(|cosine| (cosine - expected).abs() < 1e-3));
                }
            }
        }

        #[test]
        fn norms_are_what_was_asked_for_and_directions_stay(a in set()) {
            let wanted = [1.0, 2.5, 7.0];
            let matched = match_norms(&a, &wanted).expect("three layers");
            for (norm, wanted) in norms(&matched).into_iter().zip(wanted) {
                prop_assert!((norm - wanted).abs() < 1e-5);
            }
            let same = cosines(&matched, &a).expect("one shape");
            prop_assert!(same.into_iter().flatten().all(|cosine| cosine > 0.9999));
        }
    }

    #[test]
    fn zeros_stay_zeros_and_what_does_not_fit_is_refused() {
        let matrix = |layers: usize, width: usize, value: f32| HostTensor {
            shape: vec![layers, width],
            data: vec![value; layers * width],
        };
        let (zeros, ones) = (matrix(3, 5, 0.0), matrix(3, 5, 1.0));
        assert_eq!(normalise(&zeros), zeros);
        assert_eq!(project_out(&ones, &zeros), Ok(ones.clone()));
        assert_eq!(cosines(&ones, &zeros), Ok(vec![None; 3]));
        let one_layer = select_layers(&ones, &[1]).expect("there is a layer 1");
        assert_eq!(norms(&one_layer), [0.0, 5.0_f32.sqrt(), 0.0]);
        assert_eq!(
            select_layers(&ones, &[0, 3]),
            Err(AlgebraError::Layer {
                layer: 3,
                layers: 3
            })
        );
        let refused = AlgebraError::Shape {
            left: vec![3, 5],
            right: vec![5, 3],
        };
        assert_eq!(add(&ones, &matrix(5, 3, 1.0)), Err(refused));
        assert!(match_norms(&ones, &[1.0]).is_err());
    }
    /// By `scipy.linalg.subspace_angles` 1.17.1, for the first two rows of either; the third adds
    /// nothing.
    #[test]
    fn subspaces_overlap_as_in_scipy() {
        let set = |rows: [[f32; 4]; 3]| HostTensor {
            shape: vec![3, 4],
            data: rows.concat(),
        };
        let left = set([
            [1.0, 2.0, 0.0, 0.0],
            [0.0, 1.0, 1.0, 0.0],
            [2.0, 5.0, 1.0, 0.0],
        ]);
        let right = set([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0], [0.0; 4]]);
        let overlap = |left, right| subspace_overlap(left, right).expect("one shape");
        let found = overlap(&left, &right).expect("vectors");
        assert!((found.share - 1.0 / 6.0).abs() < 1e-9, "{found:?}");
        assert!((found.chance - 0.5).abs() < 1e-12);
        let line = select_layers(&left, &[2]).expect("a layer");
        let found = overlap(&line, &left).expect("vectors");
        assert!((found.share - 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(overlap(&left, &scale(&left, 0.0)), None);
    }
}
