//! Helpers that several tests share: fixtures, the tiny model, and comparisons of numbers.

#[cfg(doctest)]
mod pages;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType, WeightsError};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Hook, HookPoint, Model, ModelConfig, Precision, Pretrained, Rows, Site};
use trimtab_rl::Policy;
use trimtab_steer::{Adapter, Form, SteeringVectors, TokenFilter};

/// The elements of a tensor with one row per token.
pub type Matrix = Vec<Vec<f32>>;

/// The folder `tests/fixtures/<name>`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// The messages of an error and its sources, as `anyhow` prints them.
///
/// # Panics
///
/// A message says what its source says: `anyhow` would print that twice.
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let messages: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    for pair in messages.windows(2) {
        assert!(!pair[0].contains(&pair[1]), "said twice: {messages:?}");
    }
    messages.join(": ")
}

/// Vectors in random directions, `[num_hidden_layers, hidden_size]`.
pub fn random_vectors(model: &Model, seed: u64) -> HostTensor {
    let shape = [model.config.num_hidden_layers, model.config.hidden_size];
    let ones = HostTensor {
        shape: shape.to_vec(),
        data: vec![0.05; shape[0] * shape[1]],
    };
    let random = SteeringVectors::from_host(&ones, &model.device()).random_directions(seed);
    HostTensor {
        shape: shape.to_vec(),
        data: random.vectors.val().try_into_vec_as().expect("f32"),
    }
}

/// The folder of the bundled model.
pub fn bundled_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/nano")
}

/// The `tokenizer.json` of [`tiny_checkpoint`]: seven words split at spaces, with no token for
/// unknown ones.
pub const TINY_TOKENIZER: &str = r#"{
  "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
  "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
  "model": {"type": "WordLevel", "unk_token": "<unk>",
            "vocab": {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "last": 88}}
}"#;

/// A copy of the fixture `tiny_qwen2` as a checkpoint folder, with [`TINY_TOKENIZER`].
pub fn tiny_checkpoint() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(fixture("tiny_qwen2").join(name), folder.path().join(name))
            .expect("the fixture is committed");
    }
    fs::write(folder.path().join("tokenizer.json"), TINY_TOKENIZER)
        .expect("a writable temporary folder");
    folder
}

/// The checkpoint of [`tiny_checkpoint`], loaded on the CPU.
pub fn tiny() -> Pretrained {
    Pretrained::load(tiny_checkpoint().path(), Precision::F32, &Device::flex())
        .expect("a good checkpoint")
}

/// The model of `fixtures/families/<name>`, which has no tokenizer.
pub fn fixture_model(name: &str) -> Model {
    let (config, weights) = fixture_weights(name);
    let device = Device::flex();
    Model::from_rows(config, Precision::F32, &device, &mut |name, _, rows, _| {
        let rows = weights.rows(name, rows, FloatDType::F32, &device);
        rows.map(Rows::from)
    })
    .expect("sound tensors")
}

/// As [`fixture_model`], with the operations of burn instead of the kernels for the CPU.
pub fn generic_fixture_model(name: &str) -> Model {
    let (config, weights) = fixture_weights(name);
    Model::from_tensors(config, &mut |name, _| {
        let tensor = weights.tensor(name, FloatDType::F32, &Device::flex())?;
        Ok::<_, WeightsError>(tensor.cast(FloatDType::F64)) // the kernels are for f32
    })
    .expect("sound tensors")
}

fn fixture_weights(name: &str) -> (ModelConfig, CheckpointWeights) {
    let folder = fixture("families").join(name);
    let config = ModelConfig::from_dir(&folder).expect("a good configuration");
    let weights = CheckpointWeights::open(&folder).expect("a whole file");
    let unused = config.architecture.names.unused;
    weights
        .check(&Model::tensor_shapes(&config), unused)
        .expect("all tensors and no others");
    (config, weights)
}

/// A policy of vectors `[num_hidden_layers, hidden_size]` at every token.
pub fn policy(vectors: &HostTensor, config: &ModelConfig) -> Policy {
    let vectors = vec![("vectors".to_owned(), vectors.clone())];
    let adapter = Adapter::from_parameters(Form::default(), config, vectors);
    let leaves = adapter
        .expect("vectors of this model")
        .to_device(&Device::flex());
    Policy::new(leaves, TokenFilter::default()).expect("every token")
}

/// The rows of `tensor`.
pub fn matrix(tensor: Tensor<2>) -> Matrix {
    let [_, columns] = tensor.dims();
    let values = tensor
        .try_into_vec_as::<f32>()
        .expect("models compute in f32");
    values.chunks(columns).map(<[f32]>::to_vec).collect()
}

/// The largest absolute difference between two matrices of the same shape. Infinite if a number is
/// not finite.
pub fn max_difference(left: &[Vec<f32>], right: &[Vec<f32>]) -> f32 {
    let shape = |matrix: &[Vec<f32>]| matrix.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(shape(left), shape(right), "shapes");
    let pairs = left.iter().flatten().zip(right.iter().flatten());
    pairs
        .map(|(left, right)| (left - right).abs())
        .map(|difference| {
            if difference.is_finite() {
                difference
            } else {
                f32::INFINITY
            }
        })
        .fold(0.0, f32::max)
}

/// The bits of every number, for exact comparisons.
pub fn bits(matrix: &[Vec<f32>]) -> Vec<Vec<u32>> {
    matrix
        .iter()
        .map(|row| row.iter().map(|value| value.to_bits()).collect())
        .collect()
}

/// The residual stream that `steer` left after each layer while `forward` ran. The tokens of all
/// calls follow each other.
pub fn captured(steer: Hook, forward: impl FnOnce(Hook)) -> Vec<Matrix> {
    let layers = Mutex::new(Vec::<Matrix>::new());
    forward(&|at: HookPoint, x| {
        let steered = steer.begin_forward()(at, x);
        if at.site == Site::ResidPost {
            let mut layers = layers.lock().expect("no hook panicked");
            if layers.len() <= at.layer {
                layers.resize(at.layer + 1, Matrix::new());
            }
            layers[at.layer].extend(matrix(steered.clone()));
        }
        steered
    });
    layers.into_inner().expect("no hook panicked")
}

/// JSON values made of the given words, sometimes truncated.
pub fn json_text(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    let word = prop::sample::select(words);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (0..20_u64).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    (tree, 0..8_usize).prop_map(|(tree, cut)| {
        let mut text = tree.to_string();
        if cut == 0 {
            text.pop();
        }
        text
    })
}

/// Peak resident size of this process so far, in bytes.
pub fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak
        .and_then(|peak| peak.trim().strip_suffix(" kB"))
        .expect("a peak");
    peak.trim().parse::<u64>().expect("a number") * 1024
}
