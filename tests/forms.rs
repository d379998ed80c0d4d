//! Every form of adapter, on a model small enough for finite differences.

use std::convert::Infallible;

use burn::tensor::{Device, Tensor, TensorData};
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Hook, Model, ModelConfig, Site};
use trimtab_steer::form::{Full, Gated, Lora, LowRank, PerLayer, RandomProjection, Scaled};
use trimtab_steer::{Adapter, Form, FormError};
use trimtab_tests::{Matrix, bits, fixture, matrix, max_difference};

const PROJECTIONS: [Site; 7] = [
    Site::QProj,
    Site::KProj,
    Site::VProj,
    Site::OProj,
    Site::GateProj,
    Site::UpProj,
    Site::DownProj,
];

/// The model has 3 layers with a hidden size of 36, an intermediate size of 31, 6 heads and 2 key
/// heads of width 6, and 89 tokens.
#[test]
fn counts_are_those_of_the_equations() {
    let layers = Some(vec![0, 2]);
    let per_layer = |site, layers| Form::PerLayer(PerLayer { site, layers });
    let table = [
        (per_layer(Site::ResidPost, None), 3 * 36),
        (per_layer(Site::ResidPost, layers.clone()), 2 * 36),
        (per_layer(Site::VProj, Some(vec![1])), 12),
        (
            Form::Scaled(Scaled {
                layers: layers.clone(),
                ..Scaled::default()
            }),
            2 * 37,
        ),
        (
            Form::LowRank(LowRank {
                rank: 2,
                ..LowRank::default()
            }),
            3 * 2 + 2 * 36,
        ),
        (Form::RandomProjection(RandomProjection::default()), 13),
        (Form::Gated(Gated::default()), 2 * 3 * 36),
        (Form::Lora(Lora::default()), 3 * 4 * (36 + 31)),
        (
            Form::Lora(Lora {
                rank: 2,
                target_modules: PROJECTIONS.to_vec(),
                layers,
                ..Lora::default()
            }),
            2 * 2 * (2 * (36 + 36) + 2 * (36 + 12) + 3 * (36 + 31)),
        ),
    ];
    for (form, count) in table {
        assert_eq!(init(form.clone()).parameter_count(), count, "{form:?}");
    }
    let attention = 2 * (36 * 36) + 36 + 2 * (12 * 36 + 12);
    let layer = attention + 3 * 36 * 31 + 2 * 36;
    assert_eq!(full().parameter_count(), 2 * 89 * 36 + 3 * layer + 36);
    let mut tied = config();
    tied.tie_word_embeddings = true;
    let tied = Adapter::full(&tied, &weights()).expect("one matrix is not asked for");
    assert_eq!(tied.parameter_count(), 89 * 36 + 3 * layer + 36);
}

#[test]
fn before_training_every_form_is_the_base_to_the_bit() {
    let base = base(&Device::flex());
    let expected = bits(&resid_posts(&base, None));
    for adapter in all_forms() {
        let leaves = adapter.to_device(&base.device());
        let found = resid_posts(&leaves.model(&base), Some(&leaves.to_steering()));
        assert!(bits(&found) == expected, "{:?}", adapter.form());
    }
}

/// A model in half precision keeps its number format, and the parameters keep theirs.
#[test]
fn forms_act_on_models_in_bf16() {
    let weights = weights();
    let base = Model::from_tensors(config(), &mut |name, _| {
        weights.tensor(name, FloatDType::BF16, &Device::flex())
    })
    .expect("sound tensors");
    let autodiff = base.clone().autodiff();
    let plain = resid_posts(&base, None);
    for mut adapter in all_forms() {
        let run = |adapter: &Adapter| {
            let leaves = adapter.to_device(&base.device());
            let model = leaves.model(&base);
            assert_eq!(model.dtype(), base.dtype());
            resid_posts(&model, Some(&leaves.to_steering()))
        };
        assert!(bits(&run(&adapter)) == bits(&plain), "{:?}", adapter.form());
        shake(&mut adapter, 0.5);
        let difference = max_difference(&run(&adapter), &plain);
        assert!(
            difference.is_finite() && difference > 0.1,
            "{:?}",
            adapter.form()
        );
        let grads = gradient(&autodiff, &adapter);
        assert!(grads.iter().flatten().all(|grad| grad.is_finite()));
        assert!(grads.iter().flatten().any(|grad| *grad != 0.0));
    }
}

#[test]
fn before_training_some_parameter_has_a_gradient() {
    let base = base(&Device::flex()).autodiff();
    for adapter in all_forms() {
        let grads = gradient(&base, &adapter);
        let largest = grads
            .iter()
            .flatten()
            .fold(0.0, |most: f32, x| most.max(x.abs()));
        assert!(largest > 1e-2, "{:?}: {largest}", adapter.form());
    }
}

/// Along the gradient of each parameter and along an unrelated direction, away from the initial
/// values, where some gradients vanish.
#[test]
fn gradients_equal_central_differences() {
    const STEP: f64 = 2e-3;
    let base = base(&Device::flex());
    let autodiff = base.clone().autodiff();
    for mut adapter in all_forms() {
        // Full tuning starts from random weights. Small numbers are enough for the others.
        if !matches!(adapter.form(), Form::Full(_)) {
            shake(&mut adapter, 0.1);
        }
        let form = adapter.form().clone();
        let grads = gradient(&autodiff, &adapter);
        for (index, grad) in grads.iter().enumerate() {
            let name = adapter.parameters()[index].0.clone();
            let unrelated: Vec<f32> = (0..grad.len())
                .map(|i| ((i * 7919 + 13) % 17) as f32 / 8.0 - 1.0)
                .collect();
            for direction in [grad.clone(), unrelated] {
                let length = dot(&direction, &direction).sqrt();
                let expected = dot(grad, &direction) / length;
                let moved = |step: f64| {
                    let mut adapter = adapter.clone();
                    let values = adapter.values_mut().nth(index).expect("a parameter");
                    for (value, direction) in values.iter_mut().zip(&direction) {
                        *value += (step * f64::from(*direction) / length) as f32;
                    }
                    loss(&base, &adapter)
                };
                let found = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                let scale = dot(grad, grad).sqrt().max(1.0);
                assert!(
                    (found - expected).abs() < 2e-2 * scale,
                    "{form:?} {name}: {found} by differences, {expected} by back-propagation"
                );
            }
        }
    }
}

/// An existing bias (`v_proj`) is added to, and a missing one (`o_proj`, `down_proj`) is created.
#[test]
fn vectors_at_a_projection_are_its_bias() {
    let base = base(&Device::flex());
    for (site, module) in [
        (Site::VProj, "self_attn.v_proj"),
        (Site::OProj, "self_attn.o_proj"),
        (Site::DownProj, "mlp.down_proj"),
    ] {
        let mut adapter = init(Form::PerLayer(PerLayer { site, layers: None }));
        shake(&mut adapter, 1.0);
        let vectors = adapter.parameters()[0].1.clone();
        let mut config = config();
        config.architecture.biases.o = site == Site::OProj;
        config.architecture.biases.mlp = site == Site::DownProj;
        let weights = weights();
        let in_file = Model::tensor_shapes(&base.config);
        let biased = Model::from_tensors(config, &mut |name, shape| {
            let tensor = if in_file.iter().any(|(of, _)| of == name) {
                weights
                    .tensor(name, FloatDType::F32, &Device::flex())
                    .expect("in the file")
            } else {
                Tensor::zeros([1, shape[0]], &Device::flex())
            };
            let layer = (0..3).find(|layer| name.ends_with(&format!("{layer}.{module}.bias")));
            Ok::<_, Infallible>(match layer {
                Some(layer) => tensor + row(&vectors, layer),
                None => tensor,
            })
        });
        let Ok(biased) = biased;
        let leaves = adapter.to_device(&Device::flex());
        let found = resid_posts(&base, Some(&leaves.to_steering()));
        let difference = max_difference(&found, &resid_posts(&biased, None));
        assert!(difference < 1e-4, "{site:?} {difference}");
        assert!(max_difference(&found, &resid_posts(&base, None)) > 0.1);
    }
}

#[test]
fn lora_is_an_update_of_the_weights() {
    let base = base(&Device::flex());
    let mut adapter = init(Form::Lora(Lora {
        rank: 2,
        alpha: 6.0,
        target_modules: PROJECTIONS.to_vec(),
        layers: Some(vec![0, 2]),
        seed: 3,
    }));
    shake(&mut adapter, 0.3);
    let weights = weights();
    let Ok(merged) = Model::from_tensors(config(), &mut |name, _| {
        let tensor = weights
            .tensor(name, FloatDType::F32, &Device::flex())
            .expect("in the file");
        let module = name.trim_start_matches("model.").trim_end_matches("weight");
        let factor = |end: &str| {
            let wanted = format!("{module}{end}");
            let parameter = adapter
                .parameters()
                .iter()
                .find(|(name, _)| *name == wanted);
            parameter.map(|(_, tensor)| on_device(tensor))
        };
        Ok::<_, Infallible>(match (factor("lora_A"), factor("lora_B")) {
            (Some(a), Some(b)) => tensor + b.matmul(a) * 3.0,
            _ => tensor,
        })
    });
    let leaves = adapter.to_device(&Device::flex());
    let found = resid_posts(&base, Some(&leaves.to_steering()));
    let difference = max_difference(&found, &resid_posts(&merged, None));
    assert!(difference < 2e-4, "{difference}");
    assert!(max_difference(&found, &resid_posts(&base, None)) > 0.1);
}

#[test]
fn forms_that_are_vectors_equal_the_vectors_that_they_stand_for() {
    let base = base(&Device::flex());
    for mut adapter in all_forms() {
        if matches!(adapter.form(), Form::Full(_)) {
            continue;
        }
        shake(&mut adapter, 0.5);
        let is_vectors = !matches!(adapter.form(), Form::Gated(_) | Form::Lora(_));
        let Some((site, vectors)) = adapter.plain_vectors() else {
            assert!(!is_vectors, "{:?}", adapter.form());
            continue;
        };
        assert!(is_vectors && vectors.shape[0] == 3);
        let plain = Form::PerLayer(PerLayer { site, layers: None });
        let plain = Adapter::from_parameters(
            plain,
            &config(),
            vec![("vectors".to_owned(), vectors.clone())],
        )
        .expect("finite vectors");
        let run = |adapter: &Adapter| {
            let leaves = adapter.to_device(&Device::flex());
            resid_posts(&base, Some(&leaves.to_steering()))
        };
        let difference = max_difference(&run(&adapter), &run(&plain));
        assert!(difference < 1e-5, "{:?} {difference}", adapter.form());
        assert!(vectors.data.iter().any(|value| value.abs() > 1e-2));
    }
}

/// `a_l v_l` and `A B`, computed in f64, without layer 1.
#[test]
fn products_are_those_of_the_equations() {
    let layers = Some(vec![0, 2]);
    let scaled = Form::Scaled(Scaled {
        layers: layers.clone(),
        ..Scaled::default()
    });
    let low_rank = Form::LowRank(LowRank {
        rank: 2,
        layers,
        ..LowRank::default()
    });
    for form in [scaled, low_rank] {
        let mut adapter = init(form);
        shake(&mut adapter, 1.0);
        let (_, vectors) = adapter.plain_vectors().expect("these are vectors");
        let [left, right] = [0, 1].map(|index| adapter.parameters()[index].1.clone());
        let value = |row: usize, column: usize| -> f64 {
            match adapter.form() {
                Form::Scaled(_) => {
                    f64::from(left.data[row * 36 + column]) * f64::from(right.data[row])
                }
                _ => (0..2)
                    .map(|rank| {
                        f64::from(left.data[row * 2 + rank])
                            * f64::from(right.data[rank * 36 + column])
                    })
                    .sum(),
            }
        };
        for (index, found) in vectors.data.iter().enumerate() {
            let expected = match index / 36 {
                0 => value(0, index % 36),
                2 => value(1, index % 36),
                _ => 0.0,
            };
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{:?}",
                adapter.form()
            );
        }
    }
}

/// `x + sigmoid(g . x) v`, computed in f64 from the residual stream of the base.
#[test]
fn a_gate_is_that_of_the_equation() {
    let mut adapter = init(Form::Gated(Gated {
        layers: Some(vec![2]),
        ..Gated::default()
    }));
    shake(&mut adapter, 0.05);
    let base = base(&Device::flex());
    let leaves = adapter.to_device(&Device::flex());
    let steered = resid_posts(&base, Some(&leaves.to_steering()));
    let [gate, vector] = [0, 1].map(|index| &adapter.parameters()[index].1.data);
    let mut strengths = vec![];
    for (x, steered) in resid_posts(&base, None).iter().zip(steered) {
        let strength = 1.0 / (1.0 + (-dot(gate, x)).exp());
        strengths.push(strength);
        for ((x, v), found) in x.iter().zip(vector).zip(steered) {
            let expected = f64::from(*x) + strength * f64::from(*v);
            assert!((f64::from(found) - expected).abs() < 1e-5);
        }
    }
    let [low, high] = [f64::min, f64::max].map(|of| strengths.iter().copied().reduce(of));
    assert!(
        low < Some(0.4) && high > Some(0.6),
        "tokens differ: {strengths:?}"
    );
}

/// The initial values of a layer do not depend on which other layers have vectors, but do depend on
/// the seed.
#[test]
fn random_numbers_have_an_address() {
    let vectors = |layers: Option<Vec<usize>>, seed| {
        let mut adapter = init(Form::RandomProjection(RandomProjection {
            layers,
            seed,
            ..RandomProjection::default()
        }));
        adapter.values_mut().next().expect("the numbers").fill(1.0);
        let (_, vectors) = adapter.plain_vectors().expect("these are vectors");
        vectors
            .data
            .chunks(36)
            .map(<[f32]>::to_vec)
            .collect::<Matrix>()
    };
    let all = vectors(None, 5);
    let some = vectors(Some(vec![1]), 5);
    assert!(max_difference(&some[1..2], &all[1..2]) < 1e-6);
    assert_eq!(some[0], [0.0; 36]);
    assert!(max_difference(&vectors(None, 6), &all) > 0.1);
    // A sum of 13 vectors of length 1 in random directions has a length of about sqrt(13).
    for vector in &all {
        let length = dot(vector, vector).sqrt();
        assert!((2.0..6.0).contains(&length), "{length}");
    }
    assert!(max_difference(&all[..1], &all[1..2]) > 0.1, "layers differ");
}

#[test]
fn forms_that_do_not_fit_say_why() {
    let per_layer = |layers| {
        Form::PerLayer(PerLayer {
            site: Site::ResidPost,
            layers: Some(layers),
        })
    };
    let lora = |rank, target_modules| {
        Form::Lora(Lora {
            rank,
            target_modules,
            ..Lora::default()
        })
    };
    let low_rank = Form::LowRank(LowRank {
        rank: 4,
        ..LowRank::default()
    });
    let many = Form::RandomProjection(RandomProjection {
        numbers: usize::MAX,
        ..RandomProjection::default()
    });
    let loud = Form::Scaled(Scaled {
        scale: f32::INFINITY,
        ..Scaled::default()
    });
    let table = [
        (
            per_layer(vec![0, 3]),
            "layer 3, but the model has layers 0 to 2",
        ),
        (per_layer(vec![2, 1]), "rising order"),
        (per_layer(vec![1, 1]), "rising order"),
        (per_layer(vec![]), "rising order"),
        (low_rank, "`rank` is 4, but it must be in 1..=3"),
        (many, "`numbers` is"),
        (loud, "`scale` is not finite"),
        (lora(0, vec![Site::DownProj]), "`rank` is 0"),
        (lora(1, vec![]), "target_modules"),
        (lora(1, vec![Site::ResidPost]), "target_modules"),
        (lora(1, vec![Site::QProj, Site::QProj]), "target_modules"),
        (Form::Full(Full {}), "Adapter::full"),
    ];
    for (form, message) in table {
        let error = Adapter::init(form, &config()).expect_err(message);
        assert!(error.to_string().contains(message), "{error}");
    }
    let parameters = |shape: Vec<usize>, value: f32| {
        let data = vec![value; 108];
        let tensor = HostTensor { shape, data };
        let parameters = vec![("vectors".to_owned(), tensor)];
        Adapter::from_parameters(Form::default(), &config(), parameters)
    };
    assert!(parameters(vec![3, 36], 1.0).is_ok());
    assert!(matches!(
        parameters(vec![36, 3], 1.0),
        Err(FormError::Parameters { .. })
    ));
    assert!(matches!(
        parameters(vec![3, 36], f32::NAN),
        Err(FormError::NonFiniteParameter { name }) if name == "vectors"
    ));
}

#[test]
fn forms_refuse_unknown_keys_and_values() {
    for adapter in all_forms() {
        let text = toml::to_string(adapter.form()).expect("plain data");
        let read: Form = toml::from_str(&text).expect("just written");
        assert_eq!(&read, adapter.form(), "{text}");
        let wrong = format!("{text}\nrnak = 3\n");
        assert!(toml::from_str::<Form>(&wrong).is_err(), "{wrong}");
    }
}

/// One adapter of each form, and vectors at each site.
fn all_forms() -> Vec<Adapter> {
    let layers = Some(vec![0, 2]);
    let sites = [
        Site::ResidPost,
        Site::AttnOut,
        Site::MlpOut,
        Site::OProj,
        Site::VProj,
        Site::DownProj,
    ];
    let mut adapters: Vec<Adapter> = sites
        .map(|site| init(Form::PerLayer(PerLayer { site, layers: None })))
        .to_vec();
    adapters.extend([
        init(Form::PerLayer(PerLayer {
            layers: layers.clone(),
            ..PerLayer::default()
        })),
        init(Form::Scaled(Scaled {
            layers: layers.clone(),
            ..Scaled::default()
        })),
        init(Form::LowRank(LowRank {
            rank: 2,
            ..LowRank::default()
        })),
        init(Form::RandomProjection(RandomProjection {
            layers: layers.clone(),
            ..RandomProjection::default()
        })),
        init(Form::Gated(Gated::default())),
        init(Form::Gated(Gated {
            site: Site::VProj,
            layers,
        })),
        init(Form::Lora(Lora {
            rank: 2,
            target_modules: PROJECTIONS.to_vec(),
            ..Lora::default()
        })),
        full(),
    ]);
    adapters
}

fn init(form: Form) -> Adapter {
    Adapter::init(form, &config()).expect("a form that fits")
}

fn full() -> Adapter {
    Adapter::full(&config(), &weights()).expect("a whole file")
}

fn config() -> ModelConfig {
    ModelConfig::from_dir(&fixture("tiny_qwen2")).expect("a good configuration")
}

fn weights() -> CheckpointWeights {
    CheckpointWeights::open(&fixture("tiny_qwen2")).expect("a whole file")
}

fn base(device: &Device) -> Model {
    let weights = weights();
    Model::from_tensors(config(), &mut |name, _| {
        weights.tensor(name, FloatDType::F32, device)
    })
    .expect("sound tensors")
}

/// Adds nonzero numbers of the given size to every parameter.
fn shake(adapter: &mut Adapter, size: f32) {
    for (parameter, values) in adapter.values_mut().enumerate() {
        for (index, value) in values.iter_mut().enumerate() {
            *value += size * (((index * 31 + parameter * 7) % 13) as f32 / 6.5 - 0.95);
        }
    }
}

const PROMPTS: [&[u32]; 2] = [&[3, 14, 15, 9, 2, 6], &[53, 58]];

/// The last residual stream of two prompts and of three completions of them.
fn resid(model: &Model, hook: Option<Hook>) -> Tensor<2> {
    let (read, prompts) = model.prefill(&PROMPTS, hook);
    let completions: [Vec<&[u32]>; 2] = [vec![&[7, 1], &[88, 4, 20]], vec![&[5]]];
    Tensor::cat(
        vec![
            read,
            model.forward_completions(&prompts, &completions, hook),
        ],
        0,
    )
}

fn resid_posts(model: &Model, hook: Option<Hook>) -> Matrix {
    matrix(resid(model, hook))
}

/// A sum of log-probabilities of arbitrary tokens.
fn logprobs(model: &Model, hook: Hook) -> Tensor<1> {
    let resid = resid(model, Some(hook));
    let targets: Vec<u32> = (0..resid.dims()[0] as u32)
        .map(|i| (i * 37 + 5) % 89)
        .collect();
    model.logprobs(resid, &targets, 1.0)
}

fn gradient(autodiff: &Model, adapter: &Adapter) -> Vec<Vec<f32>> {
    let leaves = adapter.to_device(&autodiff.device());
    let model = leaves.model(autodiff);
    let loss = logprobs(&model, &leaves.to_steering()).sum();
    leaves.grads(&loss.backward())
}

/// The same loss, summed in f64.
fn loss(base: &Model, adapter: &Adapter) -> f64 {
    let leaves = adapter.to_device(&base.device());
    let logprobs = logprobs(&leaves.model(base), &leaves.to_steering());
    let logprobs: Vec<f32> = logprobs.try_into_vec_as().expect("computed in f32");
    logprobs.into_iter().map(f64::from).sum()
}

fn dot(left: &[f32], right: &[f32]) -> f64 {
    let products = left.iter().zip(right);
    products
        .map(|(left, right)| f64::from(*left) * f64::from(*right))
        .sum()
}

fn on_device(tensor: &HostTensor) -> Tensor<2> {
    let shape = [tensor.shape[0], tensor.shape[1]];
    Tensor::from_data(TensorData::new(tensor.data.clone(), shape), &Device::flex())
}

fn row(tensor: &HostTensor, row: usize) -> Tensor<2> {
    on_device(tensor).narrow(0, row, 1)
}
