//! `config.json` gives a configuration or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use trimtab_model::{Model, ModelConfig};

fuzz_target!(|text: &str| {
    if let Ok(config) = ModelConfig::from_json(text) {
        assert!(!Model::tensor_shapes(&config).is_empty());
    }
});
