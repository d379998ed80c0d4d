//! Models that several benchmarks measure.
//!
//! The benchmarks are in `speed.rs` and `steering.rs`; `cargo bench` runs them.

use std::convert::Infallible;
use std::path::Path;

use burn::tensor::{Device, Distribution, Tensor};
use trimtab::model::{Model, ModelConfig};
use trimtab::{Precision, Pretrained};

/// The bundled model.
///
/// # Panics
///
/// Panics if its folder is damaged.
pub fn nano(precision: Precision) -> Model {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/nano");
    let base = Pretrained::load(&dir, precision, &Device::flex());
    base.expect("the bundled model").model
}

/// Random weights in the shape of Qwen2.5-0.5B, in the fastest format.
pub fn qwen() -> Model {
    let config = ModelConfig::from_json(
        r#"{"model_type": "qwen2", "vocab_size": 151936, "hidden_size": 896,
             "intermediate_size": 4864,
            "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
            "max_position_embeddings": 32768, "rope_theta": 1000000.0,
             "tie_word_embeddings": true}"#,
    )
    .unwrap_or_else(|_| unreachable!("a sound configuration"));
    let device = Device::flex();
    let spread = Distribution::Normal(0.0, 0.02);
    let precision = Precision::fastest(&device);
    let built: Result<Model, Infallible> =
        Model::from_rows(config, precision, &device, &mut |_, shape, rows, _| {
            let shape = [rows.len(), shape[shape.len() - 1]];
            Ok(Tensor::random(shape, spread, &device).into())
        });
    let Ok(model) = built;
    model
}
