//! Some of the tokens of a forward pass.

use burn::tensor::{Device, Tensor, TensorData};
use trimtab_model::hook::TokenInfo;

use crate::token_filter::TokenFilter;

/// Some of the tokens of a forward pass.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each adapter at a time"
)]
#[derive(Clone, Debug)]
pub(super) enum Mask {
    All,
    None,
    /// 1 for tokens of the set, 0 for others, `[tokens, 1]` in f32.
    Some(Tensor<2>),
}

impl Mask {
    /// The tokens that a filter selects.
    pub(super) fn new(filter: &TokenFilter, tokens: &[TokenInfo], device: &Device) -> Self {
        if filter.is_everywhere() {
            return Self::All;
        }
        let mask: Vec<f32> = tokens
            .iter()
            .map(|token| f32::from(u8::from(filter.contains(token))))
            .collect();
        if !mask.contains(&1.0) {
            Self::None
        } else if !mask.contains(&0.0) {
            Self::All
        } else {
            let count = mask.len();
            Self::Some(Tensor::from_data(TensorData::new(mask, [count, 1]), device))
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, mask) | (mask, Self::All) => mask,
            (Self::Some(left), Self::Some(right)) => Self::Some(left * right),
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Some(mask) => Self::Some(-mask + 1.0),
        }
    }

    /// Whether each of `count` tokens is in the set.
    pub(super) fn to_vec(&self, count: usize) -> Vec<bool> {
        match self {
            Self::All => vec![true; count],
            Self::None => vec![false; count],
            Self::Some(mask) => {
                let mask: Vec<f32> = mask.clone().try_into_vec_as().expect("made as f32");
                mask.into_iter().map(|value| value != 0.0).collect()
            }
        }
    }
}
