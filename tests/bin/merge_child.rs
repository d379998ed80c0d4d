//! Merges vectors into a checkpoint and prints the peak resident size in bytes, for the test of
//! merging memory.
//!
//! Usage: `merge_child CHECKPOINT OUTPUT`

use std::path::Path;

use trimtab_model::ModelConfig;
use trimtab_model::tensor_file::HostTensor;
use trimtab_steer::export::{SlidingWindowPolicy, merge_checkpoint};
use trimtab_steer::{Form, SteeringFile, SteeringMetadata};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (source, out) = (Path::new(&arguments[1]), Path::new(&arguments[2]));
    let config = ModelConfig::from_dir(source).expect("a good configuration");
    let shape = vec![config.num_hidden_layers, config.hidden_size];
    let data = vec![0.5; shape[0] * shape[1]];
    let metadata = SteeringMetadata {
        form: Form::default(),
        token_filter: None,
        base_model: String::new(),
        base_sha256: String::new(),
        model_type: None,
        allowed_config_keys: vec![],
        num_hidden_layers: shape[0],
        hidden_size: shape[1],
        step: 0,
        recipe: serde_json::Value::Null,
    };
    let vectors = HostTensor { shape, data };
    let parameters = vec![("vectors".to_owned(), vectors)];
    let steering = SteeringFile {
        parameters,
        metadata,
    };
    merge_checkpoint(source, &steering, SlidingWindowPolicy::Refuse, out)
        .expect("a good checkpoint");
    println!("{}", trimtab_tests::peak_memory_bytes());
}
