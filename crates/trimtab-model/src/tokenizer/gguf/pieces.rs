//! SentencePiece BPE: the kind `llama`.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace, Sequence};
use tokenizers::{DecoderWrapper, Result};

use super::vocabulary::Vocabulary;

/// Most pairs of pieces that are looked up: a hundred times as many as in the largest vocabulary
/// in use.
const MAX_PAIR_BYTES: usize = 1 << 31;

/// The mark of a space in a piece.
const SPACE: &str = "▁";

/// BPE that merges the pair whose result has the highest score. Characters without a piece become
/// bytes.
pub(super) fn tokenizer(
    vocabulary: &Vocabulary,
    add_space_prefix: bool,
) -> Result<tokenizers::Tokenizer> {
    let ids: Vocab = vocabulary.tokens.iter().cloned().zip(0..).collect();
    let mut model = BPE::builder()
        .vocab_and_merges(ids, merges(vocabulary)?)
        .byte_fallback(true)
        .fuse_unk(true);
    if let Some(unknown) = vocabulary.unknown_token_id {
        model = model.unk_token(vocabulary.tokens[unknown as usize].clone());
    }
    let mut tokenizer = tokenizers::Tokenizer::new(model.build()?);
    // Every part between two added tokens gets the prefix, also one that begins with a space.
    let mut normalizers: Vec<NormalizerWrapper> = vec![];
    if add_space_prefix {
        normalizers.push(Prepend::new(SPACE.to_owned()).into());
    }
    normalizers.push(Replace::new(" ", SPACE)?.into());
    tokenizer.with_normalizer(Some(Sequence::new(normalizers)));
    tokenizer.with_decoder(Some(decoder(add_space_prefix)?));
    Ok(tokenizer)
}

fn decoder(add_space_prefix: bool) -> Result<DecoderWrapper> {
    let mut decoders = vec![
        serde_json::json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        serde_json::json!({"type": "ByteFallback"}),
        serde_json::json!({"type": "Fuse"}),
    ];
    if add_space_prefix {
        decoders.push(serde_json::json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    let sequence = serde_json::json!({"type": "Sequence", "decoders": decoders});
    Ok(serde_json::from_value(sequence)?)
}

/// Every way to make a piece of two others, from the highest score of the piece to the lowest.
///
/// SentencePiece merges by the score of the result and, among equal scores, from the left. BPE of
/// `tokenizers` merges by the rank of the pair. The two agree where no two pieces have the same
/// score; of the pairs that make one piece, the one with the longer first half comes first, as it
/// does from the left in a run of one character.
fn merges(vocabulary: &Vocabulary) -> Result<Vec<(String, String)>> {
    let pieces: HashMap<&str, usize> = vocabulary
        .tokens
        .iter()
        .map(String::as_str)
        .zip(0..)
        .collect();
    let work: usize = vocabulary
        .tokens
        .iter()
        .map(|piece| piece.len() * piece.len())
        .sum();
    if work > MAX_PAIR_BYTES {
        return Err("its tokens are longer than any in use".into());
    }
    let mut pairs = vec![];
    for (id, piece) in vocabulary.tokens.iter().enumerate() {
        for (middle, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(middle);
            if pieces.contains_key(left) && pieces.contains_key(right) {
                pairs.push((id, left, right));
            }
        }
    }
    pairs.sort_by(|(id, left, _), (other_id, other_left, _)| {
        let score = |id: usize| vocabulary.scores[id];
        score(*other_id)
            .total_cmp(&score(*id))
            .then(id.cmp(other_id))
            .then(other_left.len().cmp(&left.len()))
    });
    let owned = |(_, left, right): (usize, &str, &str)| (left.to_owned(), right.to_owned());
    Ok(pairs.into_iter().map(owned).collect())
}
