//! The tokens of a report.

use trimtab::lens::TokenLogit;
use trimtab::rl::reporting::LayerTokens;
use trimtab::{Pretrained, SteeringVectors, logit_lens};

/// Tokens shown for each layer and direction.
const TOP: usize = 8;

/// What each layer's vector does to the logits, as a report shows it.
pub fn token_table(base: &Pretrained, vectors: &SteeringVectors) -> Vec<LayerTokens> {
    let row = |effects: Vec<TokenLogit>| {
        let row = effects.into_iter();
        row.map(|effect| (effect.token, effect.logit)).collect()
    };
    let readings = logit_lens(&base.model, &base.tokenizer, vectors, TOP);
    readings
        .into_iter()
        .map(|reading| LayerTokens {
            layer: reading.layer,
            raised: row(reading.raised),
            lowered: row(reading.lowered),
        })
        .collect()
}
