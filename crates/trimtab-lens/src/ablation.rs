//! Changes of vectors that show, when each is measured, what causes their effect.

use std::fmt;

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_steer::algebra;

use crate::significance::random_directions;

/// A change of vectors.
///
/// What the model does under it says whether it matters: measure each on the same problems, as the
/// program `ablate` does.
///
/// ```
/// use trimtab_lens::Ablation;
/// use trimtab_model::tensor_file::HostTensor;
///
/// let vectors = HostTensor { shape: vec![3, 2], data: vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0] };
/// let arms = Ablation::all(&vectors, &[-1.0, 2.0], 1);
/// let names: Vec<String> = arms.iter().map(Ablation::to_string).collect();
/// assert_eq!(names[..4], ["base", "vectors", "strength -1", "strength 2"]);
/// assert_eq!(names[4..6], ["without layer 1", "without layer 2"]);
/// assert_eq!(names[6..], ["only layer 1", "only layer 2", "random directions 1"]);
/// let without = Ablation::Without { layer: 1 }.apply(&vectors, 0);
/// assert_eq!(without.data, [0.0, 0.0, 0.0, 0.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ablation {
    /// All vectors times a factor. 0 is the base, 1 the vectors as they are.
    Strength {
        /// The factor.
        strength: f32,
    },
    /// All vectors but one.
    Without {
        /// The layer that is left out.
        layer: usize,
    },
    /// One vector alone.
    Only {
        /// The layer that is kept.
        layer: usize,
    },
    /// Vectors of the same lengths in random directions.
    Random {
        /// Number of the draw, from 1.
        draw: u64,
    },
}

impl Ablation {
    /// The base, the vectors, each of `strengths`, each layer left out, each layer alone, and
    /// `draws` sets of random directions.
    ///
    /// Layers whose vector is zero are left out. If only one has a vector, it is not left out and
    /// not taken alone.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    pub fn all(vectors: &HostTensor, strengths: &[f32], draws: u64) -> Vec<Self> {
        let mut all = vec![];
        for strength in [0.0, 1.0].iter().chain(strengths) {
            let strength = Self::Strength {
                strength: *strength,
            };
            if !all.contains(&strength) {
                all.push(strength);
            }
        }
        let norms = algebra::norms(vectors).into_iter().enumerate();
        let layers: Vec<usize> = norms
            .filter(|&(_, norm)| norm > 0.0)
            .map(|(layer, _)| layer)
            .collect();
        if layers.len() > 1 {
            all.extend(layers.iter().map(|&layer| Self::Without { layer }));
            all.extend(layers.iter().map(|&layer| Self::Only { layer }));
        }
        all.extend((1..=draws).map(|draw| Self::Random { draw }));
        all
    }

    /// The changed vectors. `seed` is that of the random directions.
    ///
    /// # Shapes
    ///
    /// - `vectors` and what is returned: `[num_hidden_layers, hidden_size]`
    ///
    /// # Panics
    ///
    /// The vectors have no such layer, or the draw is number 0.
    pub fn apply(self, vectors: &HostTensor, seed: u64) -> HostTensor {
        let (layers, width) = (vectors.shape[0], vectors.shape[1]);
        let kept = |is_kept: &dyn Fn(usize) -> bool| {
            let kept: Vec<usize> = (0..layers).filter(|&layer| is_kept(layer)).collect();
            algebra::select_layers(vectors, &kept).expect("layers of the vectors")
        };
        match self {
            Self::Strength { strength } => algebra::scale(vectors, strength),
            Self::Without { layer } => kept(&|other| other != layer),
            Self::Only { layer } => kept(&|other| other == layer),
            Self::Random { draw } => {
                // Draws follow each other in one sequence, so seeds have none in common.
                let before = (draw as usize - 1) * layers;
                let all = random_directions(before + layers, width, seed);
                let random = HostTensor {
                    shape: vectors.shape.clone(),
                    data: all[before * width..].to_vec(),
                };
                algebra::match_norms(&random, &algebra::norms(vectors)).expect("a norm a layer")
            }
        }
    }
}

/// The name, such as `without layer 3`.
impl fmt::Display for Ablation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strength { strength: 0.0 } => f.write_str("base"),
            Self::Strength { strength: 1.0 } => f.write_str("vectors"),
            Self::Strength { strength } => write!(f, "strength {strength}"),
            Self::Without { layer } => write!(f, "without layer {layer}"),
            Self::Only { layer } => write!(f, "only layer {layer}"),
            Self::Random { draw } => write!(f, "random directions {draw}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> HostTensor {
        let mut data = vec![0.0; 3 * 64];
        data[64..].fill(0.5);
        data[128] = 7.0;
        let shape = vec![3, 64];
        HostTensor { shape, data }
    }

    #[test]
    fn random_directions_keep_lengths_and_nothing_else() {
        let vectors = vectors();
        let random = |draw, seed| Ablation::Random { draw }.apply(&vectors, seed);
        let one = random(1, 0);
        let lengths = algebra::norms(&one).into_iter();
        for (found, expected) in lengths.zip(algebra::norms(&vectors)) {
            assert!((found - expected).abs() < 1e-5 * (1.0 + expected));
        }
        let cosines = algebra::cosines(&one, &vectors).expect("one shape");
        assert_eq!(cosines[0], None);
        assert!(
            cosines[1..].iter().flatten().all(|it| it.abs() < 0.5),
            "{cosines:?}"
        );
        assert_eq!(random(1, 0), one);
        assert_ne!(random(2, 0), one);
        assert_ne!(random(1, 1), random(2, 0), "seeds share no directions");
    }

    #[test]
    fn one_layer_is_left_out_or_alone() {
        let vectors = vectors();
        let only = Ablation::Only { layer: 2 }.apply(&vectors, 0);
        let without = Ablation::Without { layer: 2 }.apply(&vectors, 0);
        assert_eq!(algebra::add(&only, &without), Ok(vectors.clone()));
        assert!(only.data[..128].iter().all(|&x| x == 0.0));
        assert!(without.data[128..].iter().all(|&x| x == 0.0));
        let scaled = Ablation::Strength { strength: -0.5 }.apply(&vectors, 0);
        assert_eq!((scaled.data[64], scaled.data[128]), (-0.25, -3.5));
        // With a single vector there is nothing to leave out.
        let arms = Ablation::all(&only, &[1.0, 0.0], 0);
        let names: Vec<String> = arms.iter().map(Ablation::to_string).collect();
        assert_eq!(names, ["base", "vectors"]);
    }
}
