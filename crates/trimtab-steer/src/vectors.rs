//! Per-layer biases added to the residual stream.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use trimtab_model::HostTensor;

/// Steering vectors: one per layer, added to `resid_post` at every position.
#[derive(Module, Debug)]
pub struct SteeringVectors {
    /// `[num_hidden_layers, hidden_size]`; starts at zero, so an untrained steering is the base model exactly.
    pub vectors: Param<Tensor<2>>,
}

impl SteeringVectors {
    /// Vectors that change nothing.
    pub fn zeros(num_hidden_layers: usize, hidden_size: usize, device: &Device) -> Self {
        Self::from_tensor(Tensor::zeros([num_hidden_layers, hidden_size], device))
    }

    /// Vectors given as `[num_hidden_layers, hidden_size]`.
    pub fn from_tensor(vectors: Tensor<2>) -> Self {
        Self {
            vectors: Param::from_tensor(vectors),
        }
    }

    /// Vectors from main memory.
    pub fn from_host(vectors: &HostTensor, device: &Device) -> Self {
        let shape = [vectors.shape[0], vectors.shape[1]];
        Self::from_tensor(Tensor::from_data(
            TensorData::new(vectors.data.clone(), shape),
            device,
        ))
    }

    /// The intervention for [`trimtab_model::Model`]: `resid_post + s_l`, where `resid_post` is `[tokens, hidden_size]`.
    pub fn hook(&self) -> impl Fn(usize, Tensor<2>) -> Tensor<2> + Sync + use<> {
        let vectors = self.vectors.val();
        move |layer, resid_post| resid_post + vectors.clone().narrow(0, layer, 1) // [1, hidden_size] to every token
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

    /// The control of an experiment: vectors of the same norms in random directions, which `seed` decides.
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
