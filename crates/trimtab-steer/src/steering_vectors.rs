//! Per-layer biases added to the residual stream.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use trimtab_model::hook::{HookFn, TokenInfo, add_vector, resid_post_hook};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{HookPoint, Intervention, Site};

/// Steering vectors: one per layer, added to `resid_post` at every position.
#[derive(Module, Debug)]
pub struct SteeringVectors {
    /// `[num_hidden_layers, hidden_size]`. Vectors of zero leave the base model exactly as it is.
    pub vectors: Param<Tensor<2>>,
}

impl SteeringVectors {
    /// Vectors that change nothing.
    pub fn zeros(num_hidden_layers: usize, hidden_size: usize, device: &Device) -> Self {
        Self::from_tensor(Tensor::zeros([num_hidden_layers, hidden_size], device))
    }

    /// Vectors from a tensor.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    pub fn from_tensor(vectors: Tensor<2>) -> Self {
        Self {
            vectors: Param::from_tensor(vectors),
        }
    }

    /// Vectors from main memory.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    ///
    /// # Panics
    ///
    /// `vectors` has not two axes.
    pub fn from_host(vectors: &HostTensor, device: &Device) -> Self {
        let [layers, width] = vectors.shape[..] else {
            panic!(
                "vectors are [num_hidden_layers, hidden_size], not {:?}",
                vectors.shape
            );
        };
        Self::from_tensor(Tensor::from_data(
            TensorData::new(vectors.data.clone(), [layers, width]),
            device,
        ))
    }

    /// The hook that steers a [`Model`](trimtab_model::Model): `resid_post + s_l`.
    ///
    /// # Shapes
    ///
    /// - `resid_post` and what the hook returns: `[tokens, hidden_size]`
    pub fn hook(&self) -> impl Fn(HookPoint, Tensor<2>) -> Tensor<2> + Sync + use<> {
        let vectors = self.vectors.val();
        resid_post_hook(move |layer, resid_post| {
            let vector = vectors.clone().narrow(0, layer, 1).cast(resid_post.dtype());
            add_vector(resid_post, vector)
        })
    }

    /// One hook for a batch in which prompts are steered by different vectors.
    ///
    /// The tokens of prompt (or request) `i` are steered by `sets[set_of_prompt[i]]`. Prompts with
    /// `None`, and prompts beyond the list, are not steered.
    ///
    /// # Panics
    ///
    /// The sets differ in shape.
    pub fn hook_by_prompt(
        sets: &[Self],
        set_of_prompt: Vec<Option<usize>>,
    ) -> impl Intervention + use<> {
        let [layers, width] = sets.first().map_or([0, 0], |set| set.vectors.dims());
        for set in sets {
            assert_eq!(set.vectors.dims(), [layers, width], "sets of one shape");
        }
        let by_layer = (0..layers)
            .map(|layer| {
                let rows: Vec<Tensor<2>> = sets
                    .iter()
                    .map(|set| set.vectors.val().narrow(0, layer, 1))
                    .collect();
                let none = rows[0].zeros_like();
                Tensor::cat(rows.into_iter().chain([none]).collect(), 0)
            })
            .collect();
        ByPrompt {
            by_layer,
            unsteered: sets.len(),
            set_of_prompt,
        }
    }

    /// Every vector times `factor`.
    #[must_use]
    pub fn scale(&self, factor: f32) -> Self {
        Self::from_tensor(self.vectors.val() * factor)
    }

    /// The Euclidean norm of each layer's vector.
    pub fn norms(&self) -> Vec<f32> {
        let squares = self.vectors.val().powi_scalar(2).sum_dim(1);
        squares
            .sqrt()
            .try_into_vec_as()
            .expect("norms convert to f32")
    }

    /// A control for experiments: vectors of the same norms in random directions.
    #[must_use]
    pub fn random_directions(&self, seed: u64) -> Self {
        let [layers, width] = self.vectors.dims();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let data: Vec<f32> = self
            .norms()
            .into_iter()
            .flat_map(|norm| {
                let direction: Vec<f32> =
                    StandardNormal.sample_iter(&mut rng).take(width).collect();
                let length = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
                direction.into_iter().map(move |x| x * norm / length)
            })
            .collect();
        Self::from_tensor(Tensor::from_data(
            TensorData::new(data, [layers, width]),
            &self.vectors.device(),
        ))
    }
}

/// Several sets of vectors, of which each prompt has at most one.
struct ByPrompt {
    /// `[sets + 1, hidden_size]` for each layer; the last row is for unsteered prompts.
    by_layer: Vec<Tensor<2>>,
    /// Index of that row.
    unsteered: usize,
    set_of_prompt: Vec<Option<usize>>,
}

impl Intervention for ByPrompt {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut rows = None; // the same in all layers
        Box::new(move |at: HookPoint, x| {
            let rows = rows.get_or_insert_with(|| self.rows(at.tokens, &x.device()));
            let vectors = self.by_layer[at.layer].clone().select(0, rows.clone());
            let vectors = vectors.cast(x.dtype());
            x + vectors
        })
    }

    fn hooks(&self, _: usize, site: Site) -> bool {
        site == Site::ResidPost && !self.by_layer.is_empty()
    }
}

impl ByPrompt {
    /// The row of each token.
    fn rows(&self, tokens: &[TokenInfo], device: &Device) -> Tensor<1, Int> {
        let row = |token: &TokenInfo| {
            let set = self.set_of_prompt.get(token.prompt).copied().flatten();
            set.unwrap_or(self.unsteered) as i64
        };
        let rows: Vec<i64> = tokens.iter().map(row).collect();
        Tensor::from_data(TensorData::new(rows, [tokens.len()]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_directions_keep_the_norms_and_nothing_else() {
        let data = (0..3 * 61).map(|i| (i % 7) as f32 - 2.0).collect();
        let vectors = SteeringVectors::from_host(
            &HostTensor {
                shape: vec![3, 61],
                data,
            },
            &Device::flex(),
        );
        let control = vectors.random_directions(5);
        for (norm, expected) in control.norms().iter().zip(vectors.norms()) {
            assert!((norm - expected).abs() < 1e-4, "{norm} {expected}");
        }
        let (a, b) = (vectors.vectors.val(), control.vectors.val());
        let cosine = (a * b).sum().into_scalar::<f32>()
            / vectors.norms().iter().map(|norm| norm * norm).sum::<f32>();
        assert!(cosine.abs() < 0.3, "{cosine}");
        assert_eq!(control.norms(), vectors.random_directions(5).norms());
        let zeros = SteeringVectors::zeros(3, 61, &Device::flex()).random_directions(5);
        assert_eq!(zeros.norms(), [0.0; 3]);
    }
}
