//! SmolLM3: Llama with layers that do not rotate queries and keys (`NoPE`), and an optional sliding
//! window in some layers.

use super::common::{Defaults, LLAMA, LayerType, layer_types, plain, set_windows};
use crate::config::architecture::ModelConfig;
use crate::config::error::{ConfigError, refuse};
use crate::config::keys::ConfigKeys;

const DEFAULTS: Defaults = Defaults {
    vocab_size: 128_256,
    hidden_size: 2048,
    num_hidden_layers: 36,
    num_attention_heads: 16,
    num_key_value_heads: Some(4),
    max_position_embeddings: 32_768,
    rope_theta: 2_000_000.0,
    tie_word_embeddings: true,
    bos_token_id: Some(128_000),
    eos_token_id: Some(128_001),
    ..LLAMA
};

pub(super) fn read(keys: &mut ConfigKeys) -> Result<ModelConfig, ConfigError> {
    let mut config = plain(keys, &DEFAULTS)?;
    let attention_bias = keys.or("attention_bias", false)?;
    config.architecture.biases.qkv = attention_bias;
    config.architecture.biases.o = attention_bias;
    config.architecture.biases.mlp = keys.or("mlp_bias", false)?;
    let rotates = read_rotates(keys, config.num_hidden_layers)?;
    let sliding_window: Option<usize> = keys.optional("sliding_window")?;
    let has_windows = keys.or("use_sliding_window", false)? && sliding_window.is_some();
    let types = layer_types(keys, config.num_hidden_layers, |layer| {
        if has_windows && !rotates[layer] {
            LayerType::SlidingAttention
        } else {
            LayerType::FullAttention
        }
    })?;
    set_windows(&mut config, &types, sliding_window)?;
    keys.ignore("max_window_layers"); // as the class of transformers does
    for (layer, rotates) in config.architecture.layers.iter_mut().zip(rotates) {
        layer.rope = rotates.then_some(0);
    }
    Ok(config)
}

/// Which layers rotate queries and keys: those that have a 1 in `no_rope_layers`, whose name says
/// the opposite, or else all but each fourth.
fn read_rotates(keys: &mut ConfigKeys, layers: usize) -> Result<Vec<bool>, ConfigError> {
    let interval: usize = keys.or("no_rope_layer_interval", 4)?;
    let given: Option<Vec<u8>> = keys.optional("no_rope_layers")?;
    match given {
        Some(given) if given.len() < layers => refuse(
            "no_rope_layers",
            format!("a list of {}", given.len()),
            format!("there are {layers} layers"),
        ),
        Some(given) => Ok(given[..layers].iter().map(|&given| given != 0).collect()),
        None if interval == 0 => {
            refuse("no_rope_layer_interval", interval, "it must be at least 1")
        }
        None => Ok((1..=layers)
            .map(|layer| !layer.is_multiple_of(interval))
            .collect()),
    }
}
