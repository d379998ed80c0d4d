//! A mixture of experts: each token is computed by the few perceptrons that a router chooses.

use burn::tensor::{DType, Device, Int, Tensor, TensorData, activation};

use super::mlp::GatedMlp;
use super::{LayerTensors, Linear};
use crate::config::{Activation, ExpertsConfig};
use crate::weight::Weight;

/// The router and the experts of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Experts<T> {
    config: ExpertsConfig,
    router: Linear<T>,
    mlps: Vec<GatedMlp<T>>,
    shared: Option<SharedExpert<T>>,
}

/// An expert that computes every token, times the sigmoid of a number of each token.
#[derive(Clone, Debug)]
struct SharedExpert<T> {
    mlp: GatedMlp<T>,
    gate: Linear<T>,
}

impl<T> Experts<T> {
    pub(super) fn assemble<E>(
        tensors: &mut LayerTensors<T, E>,
        config: ExpertsConfig,
    ) -> Result<Self, E> {
        let (hidden, inner) = (tensors.config.hidden_size, config.moe_intermediate_size);
        let router = tensors.exact_linear("mlp.gate", [config.num_experts, hidden])?;
        let expert = |index| {
            let module = format!("mlp.experts.{index}");
            GatedMlp::assemble(tensors, &module, inner, false)
        };
        let mlps = (0..config.num_experts)
            .map(expert)
            .collect::<Result<_, E>>()?;
        let shared = match config.shared_expert_intermediate_size {
            None => None,
            Some(inner) => Some(SharedExpert {
                mlp: GatedMlp::assemble(tensors, "mlp.shared_expert", inner, false)?,
                gate: tensors.exact_linear("mlp.shared_expert_gate", [1, hidden])?,
            }),
        };
        Ok(Self {
            config,
            router,
            mlps,
            shared,
        })
    }

    pub(super) fn tensors_mut(&mut self) -> Vec<&mut T> {
        let mut tensors: Vec<&mut T> = self.router.tensors_mut().collect();
        tensors.extend(self.mlps.iter_mut().flat_map(GatedMlp::tensors_mut));
        if let Some(shared) = &mut self.shared {
            tensors.extend(shared.mlp.tensors_mut());
            tensors.extend(shared.gate.tensors_mut());
        }
        tensors
    }
}

/// The experts of each token.
struct Routes {
    /// Of all tokens, `[tokens * num_experts_per_tok]`; those of a token follow each other.
    experts: Vec<usize>,
    /// What their outputs are multiplied by, in f32.
    weights: Tensor<1>,
}

impl Experts<Weight> {
    /// The weighted sum of what each token's experts compute (arXiv:1701.06538, eq. 1).
    ///
    /// Tokens are grouped by expert, so that an expert runs once for all of its tokens. Gradients
    /// flow through the weights, but not through the choice.
    ///
    /// # Shapes
    ///
    /// - `x` and output: `[tokens, hidden_size]`
    pub(super) fn forward(&self, activation: Activation, x: &Tensor<2>) -> Tensor<2> {
        let ([tokens, hidden], device) = (x.dims(), x.device());
        if tokens == 0 {
            return x.clone();
        }
        let routes = self.route(x);
        let per_token = self.config.num_experts_per_tok;
        let mut slots_of: Vec<Vec<usize>> = vec![vec![]; self.mlps.len()];
        for (slot, &expert) in routes.experts.iter().enumerate() {
            slots_of[expert].push(slot);
        }
        let (mut outputs, mut order) = (vec![], vec![]);
        for (expert, slots) in self.mlps.iter().zip(slots_of) {
            if slots.is_empty() {
                continue;
            }
            let token_ids = indices(slots.iter().map(|slot| slot / per_token), &device);
            let weights = routes.weights.clone();
            let weights = weights.select(0, indices(slots.iter().copied(), &device));
            let y = expert.forward(activation, &x.clone().select(0, token_ids));
            let weights = weights.cast(y.dtype()).unsqueeze_dim::<2>(1);
            outputs.push(y * weights);
            order.extend(slots);
        }
        let mut place = vec![0; order.len()];
        for (index, slot) in order.into_iter().enumerate() {
            place[slot] = index;
        }
        let outputs = Tensor::cat(outputs, 0).select(0, indices(place.into_iter(), &device));
        let by_token = outputs.reshape([tokens, per_token, hidden]);
        let sum = by_token.sum_dim(1).reshape([tokens, hidden]);
        match &self.shared {
            None => sum,
            Some(shared) => {
                let gate = activation::sigmoid(shared.gate.forward(x.clone())); // [tokens, 1]
                sum + shared.mlp.forward(activation, x) * gate
            }
        }
    }

    /// Chooses the experts with the largest probabilities, the first of equal ones.
    fn route(&self, x: &Tensor<2>) -> Routes {
        let (count, tokens) = (self.config.num_experts_per_tok, x.dims()[0]);
        let logits = self.router.forward(x.clone()).cast(DType::F32);
        let probs = activation::softmax(logits, 1); // [tokens, num_experts]
        let numbers: Vec<f32> = probs.clone().try_into_vec_as().expect("computed in f32");
        let mut experts = Vec::with_capacity(tokens * count);
        for probs in numbers.chunks_exact(self.config.num_experts) {
            let mut order: Vec<usize> = (0..probs.len()).collect();
            order.sort_by(|&left, &right| probs[right].total_cmp(&probs[left]));
            experts.extend_from_slice(&order[..count]);
        }
        let chosen: Vec<i64> = experts.iter().map(|&expert| expert as i64).collect();
        let chosen = TensorData::new(chosen, [tokens, count]);
        let mut weights = probs.gather(1, Tensor::<2, Int>::from_data(chosen, &x.device()));
        if self.config.norm_topk_prob {
            weights = weights.clone() / weights.sum_dim(1);
        }
        Routes {
            experts,
            weights: weights.reshape([tokens * count]),
        }
    }
}

fn indices(values: impl Iterator<Item = usize>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.map(|value| value as i64).collect();
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}
