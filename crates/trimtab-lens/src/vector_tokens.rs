//! The tokens that vectors raise and lower, at a glance.

use serde::Serialize;
use trimtab_model::{Model, Tokenizer};
use trimtab_steer::SteeringVectors;

use crate::ranking::{largest, smallest};

/// The tokens that the vector of one layer raises and lowers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerTokens {
    /// The layer after which the vector is added.
    pub layer: usize,
    /// The tokens whose logits rise most, strongest first.
    pub promoted: Vec<TokenLogit>,
    /// The tokens whose logits fall most, strongest first.
    pub suppressed: Vec<TokenLogit>,
}

/// What a vector adds to the logit of one token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenLogit {
    /// The text of the token.
    pub token: String,
    /// What is added to its logit, before the division of the final norm.
    pub logit: f32,
}

/// Multiplies the vector `s_l` of each layer with the unembedding, `W_U (g * s_l)`, and returns the
/// `top_k` tokens that it raises most and the `top_k` that it lowers most.
///
/// `g` is the weight of the final norm. Section 4 of arXiv:2505.18706 reads `W_U s_l`; the model
/// applies the weight between the two, so it is applied here. The division of the norm is left out
/// because it scales all logits alike. What later layers do with a vector is ignored, so this says
/// most about the last layers. [`VectorLens`](crate::VectorLens) has more readings, and says what
/// random vectors would give.
///
/// ```no_run
/// use trimtab_lens::vector_tokens;
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::SteeringFile;
///
/// let device = Device::flex();
/// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &device)?;
/// let file = SteeringFile::read("steering.safetensors".as_ref(), &base)?;
/// let vectors = file.to_vectors(&device)?;
/// for layer in vector_tokens(&base.model, &base.tokenizer, &vectors, 5) {
///     println!("layer {}: {:?}", layer.layer, layer.promoted);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Shapes
///
/// - `vectors`: `[num_hidden_layers, hidden_size]`
///
/// # Panics
///
/// The vectors do not have the width of the model.
pub fn vector_tokens(
    model: &Model,
    tokenizer: &Tokenizer,
    vectors: &SteeringVectors,
    top_k: usize,
) -> Vec<LayerTokens> {
    let vectors = vectors.vectors.val();
    let [_, width] = vectors.dims();
    assert_eq!(width, model.config.hidden_size, "the width of the model");
    let logits = model.direct_logits(vectors);
    let [_, vocab_size] = logits.dims();
    let logits: Vec<f32> = logits.try_into_vec_as().expect("logits convert to f32");
    logits
        .chunks_exact(vocab_size)
        .enumerate()
        .map(|(layer, logits)| LayerTokens::of(layer, logits, tokenizer, top_k))
        .collect()
}

impl LayerTokens {
    /// The `top_k` tokens at either end.
    pub(crate) fn of(layer: usize, logits: &[f32], tokenizer: &Tokenizer, top_k: usize) -> Self {
        let shown = |tokens: Vec<usize>| {
            let tokens = tokens.into_iter().map(|token| TokenLogit {
                token: tokenizer.token_text(token as u32),
                logit: logits[token],
            });
            tokens.collect()
        };
        Self {
            layer,
            promoted: shown(largest(logits, top_k)),
            suppressed: shown(smallest(logits, top_k)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use trimtab_model::tensor_file::{HostTensor, TensorFile};
    use trimtab_model::{Device, Precision, Pretrained};

    use super::*;

    /// Vectors along rows of the unembedding of the bundled model, divided by the weight of the
    /// final norm.
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
        let layers = vector_tokens(&base.model, &base.tokenizer, &vectors, 5);

        let mut effects: Vec<(f64, u32)> = (0..)
            .zip(&rows)
            .map(|(token, row)| (dot(row, rows[longest]), token))
            .collect();
        effects.sort_by(|a, b| b.0.total_cmp(&a.0));
        let highest = &effects[..5];
        let lowest: Vec<(f64, u32)> = effects.iter().rev().take(5).copied().collect();
        let name = base.tokenizer.token_text(longest as u32);
        for (layer, (tokens, scale)) in layers.iter().zip(scales).enumerate() {
            assert_eq!(tokens.layer, layer);
            let (promoted, suppressed) = if scale < 0.0 {
                (&lowest[..], highest)
            } else {
                (highest, &lowest[..])
            };
            for (shown, expected) in [
                (&tokens.promoted, promoted),
                (&tokens.suppressed, suppressed),
            ] {
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
            [&layers[1].promoted[0].token, &layers[3].promoted[0].token],
            [&name, &name]
        );
        assert_eq!(layers[2].suppressed[0].token, name);
        assert!(layers[1].promoted[0].logit > 0.0 && layers[2].suppressed[0].logit < 0.0);
        assert!(
            layers[0]
                .promoted
                .iter()
                .chain(&layers[0].suppressed)
                .all(|effect| effect.logit.abs() <= 0.0)
        );
    }
}
