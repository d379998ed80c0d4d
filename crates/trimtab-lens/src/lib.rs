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
pub fn read_vectors(
    model: &Model,
    tokenizer: &Tokenizer,
    vectors: &SteeringVectors,
    top: usize,
) -> Vec<LayerReading> {
    let logits = model.direct_logits(vectors.vectors.val());
    let [_, vocab_size] = logits.dims();
    let logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
    logits
        .chunks_exact(vocab_size)
        .enumerate()
        .map(|(layer, logits)| {
            let mut order: Vec<u32> = (0..vocab_size as u32).collect();
            order.sort_by(|&a, &b| logits[b as usize].total_cmp(&logits[a as usize]));
            let effect = |&token: &u32| TokenEffect {
                token: tokenizer.token_text(token),
                logit: logits[token as usize],
            };
            LayerReading {
                layer,
                raised: order.iter().take(top).map(effect).collect(),
                lowered: order.iter().rev().take(top).map(effect).collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use trimtab_model::tensor_file::{HostTensor, TensorFile};
    use trimtab_model::{Device, Precision, Pretrained};

    use super::*;

    /// Vectors along rows of the unembedding of the bundled model, with the weight of the final norm divided out.
    #[test]
    fn a_row_of_the_unembedding_raises_its_token_first() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets/nano");
        let base =
            Pretrained::load(&folder, Precision::F32, &Device::flex()).expect("the bundled model");
        let weights =
            TensorFile::read(&folder.join("model.safetensors")).expect("the bundled weights");
        let (embedding, norm) = (
            &weights.tensors["model.embed_tokens.weight"],
            &weights.tensors["model.norm.weight"],
        );
        let width = norm.data.len();
        let rows: Vec<&[f32]> = embedding.data.chunks_exact(width).collect();
        let dot = |a: &[f32], b: &[f32]| {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum::<f64>()
        };
        // No row has a larger product with the longest row than this row itself.
        let longest = (0..rows.len())
            .max_by(|&a, &b| dot(rows[a], rows[a]).total_cmp(&dot(rows[b], rows[b])));
        let longest = longest.expect("a vocabulary");
        // Layer by layer: nothing, the row, its negative, half of it.
        let scales = [0.0, 1.0, -1.0, 0.5];
        let row = || {
            rows[longest]
                .iter()
                .zip(&norm.data)
                .map(|(value, weight)| value / weight)
        };
        let data = scales
            .iter()
            .flat_map(|scale| row().map(move |value| scale * value))
            .collect();
        let vectors = HostTensor {
            shape: vec![scales.len(), width],
            data,
        };
        let vectors = SteeringVectors::from_host(&vectors, &Device::flex());
        let readings = read_vectors(&base.model, &base.tokenizer, &vectors, 5);

        let mut effects: Vec<(f64, u32)> = (0..)
            .zip(&rows)
            .map(|(token, row)| (dot(row, rows[longest]), token))
            .collect();
        effects.sort_by(|a, b| b.0.total_cmp(&a.0));
        let highest = &effects[..5];
        let lowest: Vec<(f64, u32)> = effects.iter().rev().take(5).copied().collect();
        let name = base.tokenizer.token_text(longest as u32);
        for (layer, (reading, scale)) in readings.iter().zip(scales).enumerate() {
            assert_eq!(reading.layer, layer);
            let (raised, lowered) = if scale < 0.0 {
                (&lowest[..], highest)
            } else {
                (highest, &lowest[..])
            };
            for (shown, expected) in [(&reading.raised, raised), (&reading.lowered, lowered)] {
                assert_eq!(shown.len(), 5);
                for (effect, &(logit, token)) in shown.iter().zip(expected) {
                    let logit = logit * f64::from(scale);
                    // Sums of 128 products in f32 of logits below 20.
                    assert!(
                        (f64::from(effect.logit) - logit).abs() <= 2e-5,
                        "layer {layer}: {effect:?}, not {logit}"
                    );
                    if scale.abs() > 0.0 {
                        assert_eq!(
                            effect.token,
                            base.tokenizer.token_text(token),
                            "layer {layer}"
                        );
                    }
                }
            }
        }
        assert_eq!(
            [&readings[1].raised[0].token, &readings[3].raised[0].token],
            [&name, &name]
        );
        assert_eq!(readings[2].lowered[0].token, name);
        assert!(readings[1].raised[0].logit > 0.0 && readings[2].lowered[0].logit < 0.0);
        assert!(
            readings[0]
                .raised
                .iter()
                .chain(&readings[0].lowered)
                .all(|effect| effect.logit.abs() <= 0.0)
        );
    }
}
