//! Logit lens: which tokens steering vectors raise and lower.

use serde::Serialize;
use trimtab_model::{Model, Tokenizer};
use trimtab_steer::SteeringVectors;

/// What one layer's vector does to the logits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReading {
    /// The layer after which the vector is added.
    pub layer: usize,
    /// The tokens whose logits it raises most, strongest first.
    pub raised: Vec<TokenEffect>,
    /// The tokens whose logits it lowers most, strongest first.
    pub lowered: Vec<TokenEffect>,
}

/// The effect on one token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenEffect {
    /// The token's text.
    pub token: String,
    /// What is added to its logit before the final norm's division.
    pub logit: f32,
}

/// Reads each layer's vector `s_l` through the unembedding: `W_U (g * s_l)`, with the weight `g` of the final norm.
///
/// Section 4 of arXiv:2505.18706 reads `W_U s_l`; the norm's weight stands between the two in the model, so it is
/// applied. Its division is not: it scales all logits of a token alike. What later layers make of a vector is not in this
/// reading, so it says most about the last layers.
pub fn read_vectors(model: &Model, tokenizer: &Tokenizer, vectors: &SteeringVectors, top: usize) -> Vec<LayerReading> {
    let logits = model.direct_logits(vectors.vectors.val());
    let [_, vocab_size] = logits.dims();
    let logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
    logits
        .chunks_exact(vocab_size)
        .enumerate()
        .map(|(layer, logits)| {
            let mut order: Vec<u32> = (0..vocab_size as u32).collect();
            order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
            let effect = |&token: &u32| TokenEffect { token: tokenizer.token_text(token), logit: logits[token as usize] };
            LayerReading {
                layer,
                raised: order.iter().take(top).map(effect).collect(),
                lowered: order.iter().rev().take(top).map(effect).collect(),
            }
        })
        .collect()
}
