//! Families whose layers differ in kind: mixtures of experts beside dense layers, linear attention
//! beside full attention.
//!
//! `parity.rs` compares their logits with those of transformers; here are gradients, caches, and
//! sites that some layers do not have.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{
    Completion, FinishReason, GenerateOptions, Model, ModelConfig, Precision, Pretrained, Request,
    Sampling, Site, generate,
};
use trimtab_rl::gradient::{BackwardConfig, GroupLoss, LogprobGrads, group_gradient};
use trimtab_steer::form::{Lora, PerLayer};
use trimtab_steer::{Adapter, Form};
use trimtab_tests::{TINY_TOKENIZER, fixture, fixture_model, matrix, max_difference, policy};

const FAMILIES: [&str; 4] = [
    "qwen3_moe",
    "qwen3_moe_step",
    "qwen3_5_text",
    "qwen3_5_moe_text",
];

/// What `generate_mixed.py` recorded of the first text of a family.
struct Recorded {
    prompt: Vec<u32>,
    completions: Vec<Vec<u32>>,
    vector_grads: Vec<f32>,
}

fn recorded(name: &str) -> Recorded {
    let folder = fixture("families").join(name);
    let about = fs::read(folder.join("expected.json")).expect("a committed file");
    let about: Value = serde_json::from_slice(&about).expect("JSON");
    let facts = &about["sequences"][0];
    let tokens = |list: &Value| -> Vec<u32> {
        let list = list.as_array().expect("a list of tokens");
        let ids = list.iter().map(|id| id.as_u64().expect("a token"));
        ids.map(|id| id as u32).collect()
    };
    let prompt_len = facts["prompt_len"].as_u64().expect("a length") as usize;
    let bytes = fs::read(folder.join("expected.safetensors")).expect("a committed file");
    let file = SafeTensors::deserialize(&bytes).expect("a whole file");
    let grads = file.tensor("0.vector_grads").expect("recorded");
    let (words, _) = grads.data().as_chunks::<4>();
    let completions = facts["completions"].as_array().expect("a list");
    Recorded {
        prompt: tokens(&facts["token_ids"])[..prompt_len].to_vec(),
        completions: completions.iter().map(tokens).collect(),
        vector_grads: words.iter().map(|&word| f32::from_le_bytes(word)).collect(),
    }
}

fn zero_vectors(config: &ModelConfig) -> HostTensor {
    let shape = vec![config.num_hidden_layers, config.hidden_size];
    let data = vec![0.0; shape.iter().product()];
    HostTensor { shape, data }
}

/// The gradient of the log-probability of all completions with respect to a vector after each
/// layer.
fn gradient(model: &Model, recorded: &Recorded, config: &BackwardConfig) -> Vec<f32> {
    let completions: Vec<Completion> = recorded
        .completions
        .iter()
        .map(|tokens| Completion {
            tokens: tokens.clone(),
            logprobs: vec![0.0; tokens.len()],
            finish_reason: FinishReason::Length,
        })
        .collect();
    let tokens: usize = completions.iter().map(|one| one.tokens.len()).sum();
    let group = GroupLoss {
        prompt: &recorded.prompt,
        completions: completions.iter().collect(),
        temperature: 1.0,
        logprob_grads: LogprobGrads::Fixed(vec![1.0; tokens]),
        entropy_weights: vec![],
    };
    let policy = policy(&zero_vectors(&model.config), &model.config);
    let gradient = group_gradient(&model.autodiff(), &policy, &group, config);
    gradient.grads.concat()
}

/// Through experts and their router, through the state of linear attention, and from completions
/// into the prompt that they share. With linear attention, torch in f32 differs from torch in f64
/// by 2e-5 of the largest number.
#[test]
fn gradients_are_those_of_torch() {
    for name in FAMILIES {
        let (model, recorded) = (fixture_model(name), recorded(name));
        let largest = recorded
            .vector_grads
            .iter()
            .fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(largest > 1.0, "{name}: {largest}");
        for (gradient_checkpointing, tokens_per_part) in [(false, usize::MAX), (true, 10)] {
            let config = BackwardConfig {
                tokens_per_part,
                gradient_checkpointing,
            };
            let found = gradient(&model, &recorded, &config);
            let error = max_difference(&[found], std::slice::from_ref(&recorded.vector_grads));
            eprintln!("{name}: error {error:.1e} of {largest:.1e}");
            assert!(error < 5e-5 * largest, "{name}: {error} of {largest}");
        }
    }
}

/// Rows of different lengths, a row without tokens, and two groups.
#[test]
fn completions_behind_shared_prompts_compute_what_whole_texts_compute() {
    for name in FAMILIES {
        let model = fixture_model(name);
        let text = |seed: u32, len: u32| -> Vec<u32> {
            (0..len)
                .map(|index| 3 + (seed + 7 * index + index * index) % 37)
                .collect()
        };
        let prompts = [text(1, 71), text(2, 2)];
        let groups = [vec![text(3, 5), text(4, 68), vec![]], vec![text(5, 3)]];
        let prompt_slices: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let (_, caches) = model.prefill(&prompt_slices, None);
        let rows: Vec<Vec<&[u32]>> = groups
            .iter()
            .map(|group| group.iter().map(Vec::as_slice).collect())
            .collect();
        let found = matrix(model.forward_completions(&caches, &rows, None));
        let mut expected = vec![];
        for (prompt, group) in prompts.iter().zip(&groups) {
            for completion in group {
                let whole = [prompt.as_slice(), completion].concat();
                let resid = matrix(model.prefill(&[&whole], None).0);
                expected.extend_from_slice(&resid[prompt.len()..]);
            }
        }
        let error = max_difference(&found, &expected);
        assert!(error < 1e-4, "{name}: {error}");
    }
}

/// Rows are refilled while others go on, so each must keep its own state.
#[test]
fn generation_in_groups_gives_what_each_text_alone_gives() {
    for name in FAMILIES {
        let model = fixture_model(name);
        let prompts: Vec<Vec<u32>> = (1..7)
            .map(|seed| {
                (0..3 * seed)
                    .map(|index| 3 + (5 * seed + index) % 37)
                    .collect()
            })
            .collect();
        let requests: Vec<Request> = prompts
            .iter()
            .enumerate()
            .map(|(index, prompt)| Request {
                prompt,
                index: index as u64,
                samples: 1 + index % 3,
            })
            .collect();
        let sampling = Sampling {
            max_new_tokens: 20,
            stop_tokens: vec![3, 4, 5],
            ..Sampling::default()
        };
        let run = |requests: &[Request]| {
            generate(&model, requests, &sampling, GenerateOptions::default()).expect("finite")
        };
        let together = run(&requests);
        for (request, together) in requests.iter().zip(&together) {
            let alone = run(std::slice::from_ref(request));
            for (together, alone) in together.iter().zip(&alone[0]) {
                assert_eq!(together.tokens, alone.tokens, "{name}");
                let whole = [request.prompt, &together.tokens].concat();
                let (resid, _) = model.prefill(&[&whole[..whole.len() - 1]], None);
                let generated = together.tokens.len();
                let resid = resid.narrow(0, request.prompt.len() - 1, generated);
                let expected = model.logprobs(resid, &together.tokens, 1.0);
                let expected: Vec<f32> = expected.try_into_vec_as().expect("f32");
                let error = max_difference(std::slice::from_ref(&together.logprobs), &[expected]);
                assert!(error < 1e-5, "{name}: {error}");
            }
        }
    }
}

#[test]
fn sites_that_a_layer_does_not_have_are_refused() {
    let vectors = |site, layers| Form::PerLayer(PerLayer { site, layers });
    let refusal = |name: &str, form: Form| {
        let config = fixture_model(name).config;
        Adapter::init(form, &config)
            .expect_err("a missing site")
            .to_string()
    };
    let message = refusal("qwen3_moe", vectors(Site::GateProj, None));
    assert!(message.contains("layer 0 has no `gate_proj`") && message.contains("experts"));
    let message = refusal("qwen3_5_text", vectors(Site::OProj, None));
    assert!(message.contains("layer 0 has no `o_proj`") && message.contains("linear"));
    let lora = Lora {
        target_modules: vec![Site::QProj, Site::DownProj],
        ..Lora::default()
    };
    let linear = Lora {
        layers: Some(vec![0, 1]),
        ..lora.clone()
    };
    let message = refusal("qwen3_5_text", Form::Lora(linear));
    assert!(message.contains("layer 0 has no `q_proj`"), "{message}");
    // Like PEFT, LoRA updates the projections where they are.
    let config = fixture_model("qwen3_5_text").config;
    let adapter = Adapter::init(Form::Lora(lora.clone()), &config).expect("some layers have it");
    let names = adapter.parameters().iter().map(|(name, _)| name);
    let names: Vec<&String> = names
        .filter(|name| name.ends_with("q_proj.lora_A"))
        .collect();
    assert_eq!(names, ["layers.2.self_attn.q_proj.lora_A"]);

    // The layers that have them are fine; `q_proj` of Qwen3.5 is twice as wide.
    let layers = Some(vec![2]);
    let lora = Form::Lora(Lora {
        layers: layers.clone(),
        ..lora
    });
    let adapter = Adapter::init(lora, &config).expect("layer 2 is full attention");
    let shapes: Vec<_> = adapter
        .parameters()
        .iter()
        .map(|(_, tensor)| &tensor.shape)
        .collect();
    assert_eq!(shapes[1], &[2 * 4 * 16, 4]);
    Adapter::init(vectors(Site::QProj, layers), &config).expect("layer 2 has it");
    Adapter::init(vectors(Site::AttnOut, None), &config).expect("every layer has it");
}

/// As transformers 5 keeps them in memory and some files have them.
#[test]
fn fused_experts_are_the_same_model() {
    let folder = fixture("families").join("qwen3_5_moe_text");
    let separate = fs::read(folder.join("model.safetensors")).expect("a committed file");
    let separate = SafeTensors::deserialize(&separate).expect("a whole file");
    let out = tempfile::tempdir().expect("a temporary folder");
    let mut fused: HashMap<String, (Vec<usize>, Vec<u8>)> = HashMap::new();
    for (name, tensor) in separate.iter() {
        let Some((head, rest)) = name.split_once(".experts.") else {
            fused.insert(
                name.to_owned(),
                (tensor.shape().to_vec(), tensor.data().to_vec()),
            );
            continue;
        };
        if rest.starts_with("0.gate_proj") || rest.starts_with("0.down_proj") {
            let of = |expert: usize, projection: &str| {
                let name = format!("{head}.experts.{expert}.{projection}.weight");
                separate.tensor(&name).expect("all experts").data().to_vec()
            };
            let [rows, columns] = [tensor.shape()[0], tensor.shape()[1]];
            let (projections, name, rows) = if rest.starts_with("0.gate") {
                (&["gate_proj", "up_proj"][..], "gate_up_proj", 2 * rows)
            } else {
                (&["down_proj"][..], "down_proj", rows)
            };
            let bytes = (0..7).flat_map(|expert| {
                projections
                    .iter()
                    .flat_map(move |projection| of(expert, projection))
            });
            let value = (vec![7, rows, columns], bytes.collect());
            fused.insert(format!("{head}.experts.{name}"), value);
        }
    }
    let views = fused.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes);
        (name, view.expect("as many bytes as numbers"))
    });
    let bytes = safetensors::serialize(views, None).expect("distinct names");
    fs::write(out.path().join("model.safetensors"), bytes).expect("a writable folder");

    let weights = CheckpointWeights::open(out.path()).expect("a whole file");
    let original = CheckpointWeights::open(&folder).expect("a whole file");
    let config = ModelConfig::from_dir(&folder).expect("a good configuration");
    let needed = Model::tensor_shapes(&config);
    weights
        .check(&needed, &[])
        .expect("all tensors and no others");
    let read = |weights: &CheckpointWeights, name: &str| -> Tensor<2> {
        weights
            .tensor(name, FloatDType::F32, &Device::flex())
            .expect("a sound tensor")
    };
    for (name, _) in needed {
        assert_eq!(
            matrix(read(&weights, &name)),
            matrix(read(&original, &name)),
            "{name}"
        );
    }
}

/// A checkpoint that also reads images names its decoder otherwise, and has tensors that text does
/// not need. Some are saved with the names of the one kind and the configuration of the other.
#[test]
fn the_text_part_loads_under_either_name() {
    let source = fixture("families").join("qwen3_5_text");
    let config = fs::read(source.join("config.json")).expect("a committed file");
    let text: Value = serde_json::from_slice(&config).expect("JSON");
    let whole = json!({
        "model_type": "qwen3_5", "architectures": ["Qwen3_5ForConditionalGeneration"],
        "text_config": text, "tie_word_embeddings": false, "image_token_id": 39,
        "vision_start_token_id": 38, "vision_config": {"depth": 1, "model_type": "qwen3_5"},
    });
    let tokens = [3, 17, 5, 29, 11];
    let expected = {
        let model = fixture_model("qwen3_5_text");
        matrix(model.logits(model.prefill(&[&tokens], None).0))
    };
    for config in [&text, &whole] {
        for decoder in ["model", "model.language_model"] {
            let folder = renamed(&source, decoder, config);
            let loaded = Pretrained::load(folder.path(), Precision::F32, &Device::flex());
            let model = loaded
                .unwrap_or_else(|error| panic!("{decoder}: {error}"))
                .model;
            let found = matrix(model.logits(model.prefill(&[&tokens], None).0));
            assert_eq!(found, expected, "{decoder}");
        }
    }
}

/// The checkpoint with the prefix of its decoder replaced, and with tensors beside it.
fn renamed(source: &Path, decoder: &str, config: &Value) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let bytes = fs::read(source.join("model.safetensors")).expect("a committed file");
    let tensors = SafeTensors::deserialize(&bytes).expect("a whole file");
    let zeros = TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]).expect("one number");
    let beside = ["mtp.norm.weight", "model.visual.pos_embed.weight"];
    let beside = beside.map(|name| (name.to_owned(), zeros.clone()));
    let own = tensors.iter().map(|(name, tensor)| {
        let name = match name.strip_prefix("model.") {
            Some(rest) => format!("{decoder}.{rest}"),
            None => name.to_owned(),
        };
        (name, tensor)
    });
    let count = match config["model_type"].as_str() {
        Some("qwen3_5") => 2,
        Some("qwen3_5_text" | "qwen3_5_moe_text") => 1,
        _ => 0,
    };
    let beside = beside.into_iter().take(count);
    let bytes = safetensors::serialize(own.chain(beside), None).expect("distinct names");
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("a writable folder");
    };
    write("model.safetensors", &bytes);
    write("config.json", config.to_string().as_bytes());
    let tokenizer = TINY_TOKENIZER.replace(r#", "last": 88"#, "");
    write("tokenizer.json", tokenizer.as_bytes());
    folder
}

/// As published: Qwen3-Coder, and Qwen3.5 with and without the parts around its decoder.
#[test]
fn published_keys_are_read_and_other_architectures_refused() {
    let coder = json!({
        "model_type": "qwen3_moe", "head_dim": 128, "hidden_size": 6144,
        "max_window_layers": 62, "mlp_only_layers": [], "moe_intermediate_size": 2560,
        "norm_topk_prob": true, "num_attention_heads": 96, "num_experts": 160,
        "num_hidden_layers": 62, "num_key_value_heads": 8, "output_router_logits": false,
        "qkv_bias": false, "router_aux_loss_coef": 0.0, "shared_expert_intermediate_size": 0,
        "use_qk_norm": true, "use_sliding_window": false, "sliding_window": null,
    });
    let read = |config: &Value| ModelConfig::from_json(&config.to_string());
    let config = read(&coder).expect("a published configuration");
    let experts = config.architecture.layers[61]
        .experts
        .expect("all layers have experts");
    assert_eq!((experts.num_experts, experts.num_experts_per_tok), (160, 8));

    let text = json!({
        "model_type": "qwen3_5_text", "attn_output_gate": true, "full_attention_interval": 4,
        "mamba_ssm_dtype": "float32", "mtp_num_hidden_layers": 1,
        "mtp_use_dedicated_embeddings": false, "num_hidden_layers": 8,
        "output_gate_type": "swish", "partial_rotary_factor": 0.25,
        "rope_parameters": {"mrope_interleaved": true, "mrope_section": [11, 11, 10],
                            "partial_rotary_factor": 0.25, "rope_theta": 10_000_000,
                            "rope_type": "default"},
    });
    let config = read(&text).expect("a published configuration");
    let is_linear = config
        .architecture
        .layers
        .iter()
        .map(|layer| layer.linear_attention.is_some());
    let is_linear: Vec<bool> = is_linear.collect();
    assert_eq!(
        is_linear,
        [true, true, true, false, true, true, true, false]
    );
    assert_eq!(config.architecture.ropes[0].rotary_dim, 64);

    let refused = |mut config: Value, key: &str, value: Value| {
        config[key] = value;
        let message = read(&config).expect_err(key).to_string();
        assert!(message.contains(key), "{message}");
    };
    refused(coder.clone(), "shared_expert_intermediate_size", json!(512));
    refused(coder.clone(), "router_jitter_noise", json!(0.1));
    refused(coder.clone(), "decoder_sparse_step", json!(0));
    refused(coder.clone(), "num_experts_per_tok", json!(161));
    refused(coder, "num_experts", json!(1_000_000));
    refused(text.clone(), "attn_output_gate", json!(false));
    refused(text.clone(), "layer_types", json!(vec!["mamba"; 8]));
    refused(text.clone(), "linear_num_value_heads", json!(33));
    refused(text, "linear_conv_kernel_dim", json!(1));
}

/// Full tuning trains experts, routers, convolutions and decays too, and writes them as
/// transformers reads them.
#[test]
fn full_tuning_reaches_every_tensor_and_writes_it_back() {
    for name in FAMILIES {
        let folder = fixture("families").join(name);
        let weights = CheckpointWeights::open(&folder).expect("a whole file");
        let model = fixture_model(name);
        let adapter = Adapter::full(&model.config, &weights).expect("all tensors");
        let tokens: Vec<u32> = (0..90).map(|index| 3 + (index * index) % 37).collect();
        let base = model.autodiff();
        let on_device = adapter.to_device(&base.device());
        let tuned = on_device.model(&base);
        let (resid, _) = tuned.prefill(&[&tokens], None);
        let expected = matrix(model.logits(model.prefill(&[&tokens], None).0));
        let error = max_difference(&matrix(tuned.logits(resid.clone())), &expected);
        assert!(error < 1e-4, "{name}: {error}");

        let loss = tuned
            .logprobs(resid.narrow(0, 0, 89), &tokens[1..], 1.0)
            .sum();
        let grads = on_device.grads(&loss.backward());
        let mut idle = 0;
        for ((tensor, _), grad) in adapter.parameters().iter().zip(grads) {
            let largest = grad.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            if tensor.contains(".experts.") && largest == 0.0 {
                idle += 1; // no token chose this expert
                continue;
            }
            assert!(largest > 1e-5, "{name}: {tensor} {largest}");
        }
        assert!(idle <= 2 * 3, "{name}: {idle} tensors of experts");

        let out = tempfile::tempdir().expect("a temporary folder");
        fs::write(out.path().join("config.json"), "{}").expect("a writable folder");
        let source = renamed(&folder, "model", &config_of(&folder));
        adapter
            .write_checkpoint(source.path(), out.path())
            .expect("a writable folder");
        let written = CheckpointWeights::open(out.path()).expect("a whole file");
        let needed = Model::tensor_shapes(&model.config);
        written
            .check(&needed, &[])
            .expect("the same names and shapes");
    }
}

fn config_of(folder: &Path) -> Value {
    let config = fs::read(folder.join("config.json")).expect("a committed file");
    serde_json::from_slice(&config).expect("JSON")
}

/// The router and the decays are not rounded, so experts are chosen as in f32.
#[test]
fn rounded_weights_compute_nearly_the_same() {
    let tokens: Vec<u32> = (0..80).map(|index| 3 + (7 * index) % 37).collect();
    for name in FAMILIES {
        let folder = fixture("families").join(name);
        let source = renamed(&folder, "model", &config_of(&folder));
        let logits = |precision| {
            let loaded = Pretrained::load(source.path(), precision, &Device::flex());
            let model = loaded
                .unwrap_or_else(|error| panic!("{name}: {error}"))
                .model;
            matrix(model.logits(model.prefill(&[&tokens], None).0))
        };
        let exact = logits(Precision::F32);
        for (precision, bound) in [(Precision::Bf16, 0.1), (Precision::Q8, 0.4)] {
            let pairs = logits(precision)
                .into_iter()
                .flatten()
                .zip(exact.iter().flatten());
            let (mut sum, mut count) = (0.0, 0.0);
            for (rounded, exact) in pairs {
                sum += (rounded - exact).powi(2);
                count += 1.0;
            }
            let error = f32::sqrt(sum / count);
            eprintln!("{name}: {precision:?} {error}");
            assert!(error < bound, "{name}: {precision:?} {error}");
        }
    }
}
