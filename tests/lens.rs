//! The lenses against what plain PyTorch hooks compute, and against identities.

use std::fs;
use std::ops::ControlFlow;

use serde_json::Value;
use trimtab_lens::{
    Component, LayerReading, LensPoint, LogitLensOptions, Patching, Reading, Target, TunedLens,
    TunedLensConfig, TunedLensError, VectorLens, VectorLensOptions, Vocabulary, changes,
    direct_logit_attribution, logit_lens, patch, persistence, project,
};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Device, Hook, Model, Precision, Pretrained, Site};
use trimtab_steer::effect::pairwise_kl;
use trimtab_steer::{SteeringVectors, algebra};
use trimtab_tests::{bundled_model, fixture, fixture_model, random_vectors};

const MODELS: [&str; 3] = ["nano", "gemma2", "granite"];

fn expected() -> Value {
    let text = fs::read_to_string(fixture("lens").join("expected.json")).expect("committed");
    serde_json::from_str(&text).expect("JSON")
}

fn model(name: &str) -> Model {
    match name {
        "nano" => nano().model,
        name => fixture_model(name),
    }
}

fn nano() -> Pretrained {
    Pretrained::load(&bundled_model(), Precision::F32, &Device::flex()).expect("the bundled model")
}

fn tokens(value: &Value) -> Vec<u32> {
    let tokens = value.as_array().expect("tokens").iter();
    tokens
        .map(|token| token.as_u64().expect("an id") as u32)
        .collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("numbers").iter();
    numbers
        .map(|number| number.as_f64().expect("a number"))
        .collect()
}

fn id(value: &Value) -> u32 {
    value.as_u64().expect("an id") as u32
}

#[track_caller]
fn close(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() < 1e-4,
        "{what}: {found}, not {expected}"
    );
}

#[test]
fn the_logit_lens_says_what_hooks_in_torch_say() {
    let expected = expected();
    let text = tokens(&expected["tokens"]);
    let options = LogitLensOptions {
        top_k: 3,
        chosen: vec![id(&expected["chosen"])],
        ..LogitLensOptions::default()
    };
    for name in MODELS {
        let model = model(name);
        let points =
            logit_lens(&model, &some_texts(&model), &text, None, &options).expect("a good text");
        let known = expected["models"][name]["lens"].as_array().expect("points");
        assert_eq!(points.len(), known.len());
        for (point, known) in points.iter().zip(known) {
            let what = format!("{name}, layer {}, position {}", point.layer, point.position);
            assert_eq!(point.layer as u64, known["layer"], "{what}");
            assert_eq!(point.position as u64, known["position"], "{what}");
            close(
                point.entropy,
                known["entropy"].as_f64().expect("nats"),
                &what,
            );
            close(point.kl, known["kl"].as_f64().expect("nats"), &what);
            match (point.cross_entropy, known["cross_entropy"].as_f64()) {
                (Some(found), Some(known)) => close(found, known, &what),
                (found, known) => assert_eq!(found, known, "{what}"),
            }
            for (top, known) in point
                .top
                .iter()
                .zip(known["top"].as_array().expect("tokens"))
            {
                close(top.probability, known[1].as_f64().expect("a number"), &what);
                // Of two tokens that are equally likely, either may come first.
                let is_clear = known[1].as_f64().is_some_and(|p| {
                    let same =
                        |other: &&Value| other[1].as_f64().is_some_and(|q| (p - q).abs() < 1e-5);
                    known_top(point.layer, point.position, &expected, name)
                        .iter()
                        .filter(same)
                        .count()
                        == 1
                });
                assert!(!is_clear || top.id == id(&known[0]), "{what}");
            }
            let chosen = &point.chosen[0];
            close(
                chosen.probability,
                known["chosen"][0].as_f64().expect("a number"),
                &what,
            );
            assert_eq!(chosen.rank as u64, known["chosen"][1], "{what}");
        }
    }
}

fn known_top<'a>(layer: usize, position: usize, expected: &'a Value, name: &str) -> &'a Vec<Value> {
    let points = expected["models"][name]["lens"].as_array().expect("points");
    let at =
        |point: &&Value| point["layer"] == layer as u64 && point["position"] == position as u64;
    points.iter().find(at).expect("a point")["top"]
        .as_array()
        .expect("tokens")
}

#[test]
fn a_logit_is_the_sum_of_what_hooks_in_torch_give_each_part() {
    let expected = expected();
    let text = tokens(&expected["tokens"]);
    let target = Target {
        position: text.len() - 1,
        token: id(&expected["chosen"]),
        against: Some(id(&expected["against"])),
    };
    for name in MODELS {
        let model = model(name);
        let found = direct_logit_attribution(&model, &text, target, None).expect("a good text");
        let known = &expected["models"][name]["attribution"];
        close(
            found.logit,
            known["logit"].as_f64().expect("a number"),
            name,
        );
        for contribution in &found.contributions {
            let known = match contribution.component {
                Component::Embedding => &known["embedding"],
                Component::Attention { layer } => &known["attention"][layer],
                Component::Head { layer, head } => &known["heads"][layer][head],
                Component::Mlp { layer } => &known["mlp"][layer],
                Component::Steering { .. } => panic!("nothing steers"),
            };
            let known = known.as_f64().expect("a number");
            close(
                contribution.logit,
                known,
                &format!("{name}, {:?}", contribution.component),
            );
        }
    }
}

#[test]
fn what_steering_adds_is_a_part_of_a_logit() {
    let base = nano();
    let vectors = random_vectors(&base.model, 3);
    let hook = SteeringVectors::from_host(&vectors, &base.model.device());
    let hook = hook.hook();
    let text = base
        .tokenizer
        .encode("Problem: Compute 3+4.")
        .expect("a text");
    let target = Target {
        position: text.len() - 1,
        token: 7,
        against: None,
    };
    let found = direct_logit_attribution(&base.model, &text, target, Some(&hook)).expect("good");
    let (resid_post, _) = base.model.prefill(&[&text], Some(&hook));
    let logits = base.model.logits(resid_post.narrow(0, text.len() - 1, 1));
    let logits: Vec<f32> = logits.try_into_vec_as().expect("f32");
    close(
        found.logit,
        f64::from(logits[7]),
        "the logit of the steered model",
    );
    let steering = |component: &Component| matches!(component, Component::Steering { .. });
    let parts = found
        .contributions
        .iter()
        .filter(|it| steering(&it.component));
    assert_eq!(parts.clone().count(), 4);
    assert!(parts.map(|part| part.logit.abs()).sum::<f64>() > 1e-2);
}

#[test]
fn every_reading_of_a_vector_is_what_torch_computes() {
    let expected = expected();
    let text = tokens(&expected["tokens"]);
    for name in MODELS {
        let model = model(name);
        let known = &expected["models"][name];
        let layer = known["layer"].as_u64().expect("a layer") as usize;
        let vectors = known_vector(&model, known);
        let everything = VectorLensOptions {
            top_k: model.config.vocab_size,
            draws: 20,
            measured_draws: 20,
            seed: 1,
        };
        let lens = VectorLens::new(&model, some_texts(&model), everything);
        let mut progress = |_| ();
        let mut readings = lens.unembedding(&vectors, &mut progress);
        let linearised = lens.linearised(&vectors, &[&text], &mut progress);
        readings.extend(linearised.expect("a good text"));
        let measured = lens.measured(&vectors, &[&text], &mut progress);
        readings.extend(measured.expect("a good text"));
        assert_eq!(readings.len(), 4);
        for reading in readings {
            assert_eq!(reading.layer, layer);
            let what = reading.reading.name();
            let known = numbers(&known["readings"][what]);
            let largest = known.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
            assert!(largest > 1e-3, "{name}, {what}: nothing to compare");
            for effect in reading
                .promoted
                .tokens
                .iter()
                .chain(&reading.suppressed.tokens)
            {
                let known = known[effect.id as usize];
                close(f64::from(effect.logit), known, &format!("{name}, {what}"));
            }
            assert_eq!(reading.promoted.tokens.len(), known.len());
        }
    }
}

/// Zero but in the layer of the known vector.
fn known_vector(model: &Model, known: &Value) -> HostTensor {
    let layer = known["layer"].as_u64().expect("a layer") as usize;
    vector_in(model, layer, &numbers(&known["vector"]))
}

/// A vector in one layer, and zeros in the others.
fn vector_in(model: &Model, layer: usize, vector: &[f64]) -> HostTensor {
    let shape = vec![model.config.num_hidden_layers, model.config.hidden_size];
    let mut data = vec![0.0; shape[0] * shape[1]];
    for (x, known) in data[layer * shape[1]..].iter_mut().zip(vector) {
        *x = *known as f32;
    }
    HostTensor { shape, data }
}

#[test]
fn a_vector_becomes_in_later_layers_what_it_becomes_in_torch() {
    let expected = expected();
    let text = tokens(&expected["tokens"]);
    for name in MODELS {
        let model = model(name);
        let known = &expected["models"][name];
        let vectors = known_vector(&model, known);
        // Means over tokens do not change when a prompt is there twice.
        let points = persistence(&model, &vectors, &[&text, &text], &mut |_| ());
        let points = points.expect("a good text");
        let layer = known["layer"].as_u64().expect("a layer") as usize;
        let known = known["persistence"].as_array().expect("a row a layer");
        assert_eq!(points.len(), known.len());
        for (point, (later, known)) in points.iter().zip((layer..).zip(known)) {
            assert_eq!((point.vector_layer, point.layer), (layer, later));
            let what = format!("{name}, layer {later}");
            let known = numbers(known);
            close(point.cosine, known[0], &what);
            close(point.growth, known[1], &what);
            close(point.relative_norm, known[2], &what);
        }
        close(points[0].growth, 1.0, "the vector itself");
        assert!(points[points.len() - 1].cosine < 0.99, "nothing follows");
    }
}

#[test]
fn changes_of_runs_are_as_alike_as_in_torch() {
    let expected = expected();
    let text = tokens(&expected["tokens"]);
    for name in MODELS {
        let model = model(name);
        let known = &expected["models"][name];
        let vectors = known_vector(&model, known);
        let mut rolled = numbers(&known["vector"]);
        rolled.rotate_right(1);
        let first = vector_in(&model, 0, &rolled);
        let half = algebra::scale(&vectors, -0.5);
        let sets = [&vectors, &half, &first];
        let sets = sets.map(|set| SteeringVectors::from_host(set, &model.device()).hook());
        let runs = sets.each_ref().map(|hook| (&model, Some(hook as Hook)));
        // Norms and cosines over all tokens do not change when a prompt is there twice.
        let found = changes(&model, &runs, &[&text, &text]).expect("a good text");
        let known = known["changes"].as_array().expect("a layer each");
        assert_eq!(found.len(), known.len());
        for (layer, known) in found.iter().zip(known) {
            let what = format!("{name}, layer {}", layer.layer);
            let norms = numbers(&known["relative_norms"]);
            for (found, known) in layer.relative_norms.iter().zip(&norms) {
                close(*found, *known, &what);
            }
            let rows = known["cosines"].as_array().expect("a row a run");
            for (i, (row, known)) in layer.cosines.iter().zip(rows).enumerate() {
                for (j, (cosine, known)) in row.iter().zip(numbers(known)).enumerate() {
                    assert_eq!(cosine.is_some(), norms[i] * norms[j] > 0.0, "{what}");
                    close(cosine.unwrap_or(0.0), known, &what);
                }
            }
        }
    }
}

#[test]
fn other_weights_change_the_residual_stream_too() {
    let base = nano().model;
    let rounded = Pretrained::load(&bundled_model(), Precision::Bf16, &Device::flex());
    let rounded = rounded.expect("the bundled model").model;
    let text: &[u32] = &[5, 17, 3, 38, 8];
    let found = changes(&base, &[(&rounded, None), (&base, None)], &[text]).expect("a good text");
    for layer in found {
        let [rounded, same] = layer.relative_norms[..] else {
            panic!("two runs");
        };
        assert!((1e-5..2e-2).contains(&rounded), "{rounded}");
        assert_eq!((same, layer.cosines[0][1]), (0.0, None));
    }
    let runs = [(&base, None), (&rounded, None)];
    let kl = pairwise_kl(&[text], &runs).expect("a good text");
    assert!(kl[0][1] > 0.0 && kl[1][0] > 0.0, "{kl:?}");
}

#[test]
fn maps_of_a_tuned_lens_are_trained_as_in_torch() {
    let expected = expected();
    let text = tokens(&expected["tokens"]);
    let config = TunedLensConfig {
        steps: 4,
        tokens_per_step: text.len(),
        learning_rate: 0.5,
        seed: 0,
    };
    for name in MODELS {
        let model = model(name);
        let known = expected["models"][name]["tuned"]
            .as_array()
            .expect("layers");
        let known: Vec<Vec<f64>> = known.iter().map(numbers).collect();
        let mut steps = 0;
        let tuned = TunedLens::train(&model, &[&text], &config, &mut |step, kl| {
            steps += 1;
            assert_eq!((step, kl.len()), (steps, known.len()));
            for (layer, (&kl, known)) in kl.iter().zip(&known).enumerate() {
                close(
                    kl,
                    known[step - 1],
                    &format!("{name}, layer {layer}, step {step}"),
                );
            }
            ControlFlow::Continue(())
        });
        let tuned = tuned.expect("a good text");
        assert_eq!(steps, config.steps);
        // The points of the lens have the KL that training has lowered.
        let options = LogitLensOptions {
            tuned: Some(&tuned),
            ..LogitLensOptions::default()
        };
        let read = |options: &LogitLensOptions| {
            logit_lens(&model, &some_texts(&model), &text, None, options).expect("a good text")
        };
        let (points, plain) = (read(&options), read(&LogitLensOptions::default()));
        for (layer, known) in known.iter().enumerate() {
            let kl = points.iter().filter(|point| point.layer == layer);
            let kl = kl.map(|point| point.kl).sum::<f64>() / text.len() as f64;
            close(kl, known[config.steps], &format!("{name}, layer {layer}"));
        }
        let last = model.config.num_hidden_layers - 1;
        let of_last = |points: &[LensPoint]| -> Vec<f64> {
            let points = points.iter().filter(|point| point.layer == last);
            points.map(|point| point.entropy).collect()
        };
        assert_eq!(of_last(&points), of_last(&plain), "it has no map");
    }
}

#[test]
fn a_tuned_lens_is_kept_in_a_file_for_its_model() {
    let base = nano();
    let text = base.tokenizer.encode("Compute 3+5.").expect("a text");
    let config = TunedLensConfig {
        steps: 2,
        ..TunedLensConfig::default()
    };
    let tuned = TunedLens::train(&base.model, &[&text], &config, &mut go_on).expect("a text");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tuned.safetensors");
    tuned.write(&path, &base).expect("it can be written");
    let read = TunedLens::read(&path, &base).expect("it was written");
    let vocabulary = Vocabulary::of(&base);
    let points = |tuned| {
        let options = LogitLensOptions {
            top_k: 2,
            tuned,
            ..LogitLensOptions::default()
        };
        logit_lens(&base.model, &vocabulary, &text, None, &options).expect("a good text")
    };
    assert_eq!(points(Some(&tuned)), points(Some(&read)));
    assert_ne!(points(Some(&tuned)), points(None));
    let identity = TunedLens::identity(&base.model);
    assert_eq!(points(Some(&identity)), points(None));
    let other = Pretrained {
        sha256: "another".to_owned(),
        ..nano()
    };
    let refused = TunedLens::read(&path, &other);
    assert!(matches!(refused, Err(TunedLensError::OtherBase { .. })));
    for file in ["model.safetensors", "config.json"] {
        let refused = TunedLens::read(&bundled_model().join(file), &base);
        assert!(refused.is_err(), "{file}");
    }
    let too_fast = TunedLensConfig {
        learning_rate: 1e38,
        ..config
    };
    let diverged = TunedLens::train(&base.model, &[&text], &too_fast, &mut go_on);
    assert!(matches!(
        diverged,
        Err(TunedLensError::NonFinite { step: 2 })
    ));
    let mut steps = 0;
    let mut stop = |step: usize, _: &[f64]| {
        steps = step;
        ControlFlow::Break(())
    };
    TunedLens::train(&base.model, &[&text], &config, &mut stop).expect("maps of one step");
    assert_eq!(steps, 1);
    let empty = TunedLens::train(&base.model, &[&[]], &config, &mut go_on);
    assert!(matches!(empty, Err(TunedLensError::Texts(_))));
}

#[test]
fn patches_change_what_they_change_in_torch() {
    let expected = expected();
    let texts = [&expected["tokens"], &expected["corrupted"]].map(tokens);
    let answers = [&expected["chosen"], &expected["against"]].map(id);
    for name in MODELS {
        let model = model(name);
        let found = patch_resid_post(&model, [&texts[0], &texts[1]], answers);
        let known = &expected["models"][name]["patching"];
        close(
            found.clean,
            known["clean"].as_f64().expect("a number"),
            name,
        );
        close(
            found.corrupted,
            known["corrupted"].as_f64().expect("a number"),
            name,
        );
        let known = numbers(&known["patches"]);
        assert_eq!(found.patches.len(), known.len());
        for (patch, known) in found.patches.iter().zip(known) {
            close(patch.difference, known, &format!("{name}, {patch:?}"));
        }
        let last = found.patches.last().expect("patches");
        close(
            last.recovered.expect("they differ"),
            1.0,
            "all of the last residual stream",
        );
        let same = patch_resid_post(&model, [&texts[0], &texts[0]], answers);
        assert!(same.patches.iter().all(|patch| patch.recovered.is_none()));
    }
}

fn patch_resid_post(model: &Model, texts: [&[u32]; 2], answers: [u32; 2]) -> Patching {
    patch(model, texts, answers, Site::ResidPost, None, &mut |_| ()).expect("good texts")
}

#[test]
fn patches_of_a_steered_run_are_steered() {
    let base = nano();
    let vectors = random_vectors(&base.model, 11);
    let steering = SteeringVectors::from_host(&vectors, &base.model.device());
    let hook = steering.hook();
    let texts = [[5, 17, 3, 38], [5, 17, 19, 38]];
    let site = Site::ResidPost;
    let steered = patch(
        &base.model,
        [&texts[0], &texts[1]],
        [7, 12],
        site,
        Some(&hook),
        &mut |_| (),
    );
    let steered = steered.expect("good texts");
    for (text, expected) in texts.iter().zip([steered.clean, steered.corrupted]) {
        let (resid_post, _) = base.model.prefill(&[text], Some(&hook));
        let logits = base.model.logits(resid_post.narrow(0, 3, 1));
        let logits: Vec<f32> = logits.try_into_vec_as().expect("f32");
        close(
            f64::from(logits[7]) - f64::from(logits[12]),
            expected,
            "the steered difference",
        );
    }
    let last = steered.patches.last().expect("patches");
    close(
        last.recovered.expect("they differ"),
        1.0,
        "all of the last residual stream",
    );
}

/// Vectors along rows of the unembedding, as the final norm weighs them.
#[test]
fn tokens_that_a_vector_was_made_of_are_found_and_random_ones_are_not() {
    let base = nano();
    let (layers, width) = (
        base.model.config.num_hidden_layers,
        base.model.config.hidden_size,
    );
    let vocabulary = Vocabulary::of(&base);
    let lens = VectorLens::new(
        &base.model,
        vocabulary,
        VectorLensOptions {
            top_k: 2,
            draws: 2000,
            ..VectorLensOptions::default()
        },
    );
    let rows = unembedding_rows(&base);
    let chosen = [40, 90];
    let mean: Vec<f32> = (0..width)
        .map(|column| rows.iter().map(|row| row[column]).sum::<f32>() / rows.len() as f32)
        .collect();
    let direction: Vec<f32> = (0..width)
        .map(|column| {
            let unit = |token: usize| {
                let centred: Vec<f32> = rows[token].iter().zip(&mean).map(|(x, m)| x - m).collect();
                let norm = centred.iter().map(|x| x * x).sum::<f32>().sqrt();
                centred[column] / norm
            };
            chosen.iter().map(|&token| unit(token)).sum()
        })
        .collect();
    let mut vectors = random_vectors(&base.model, 8);
    vectors.data[width..2 * width].copy_from_slice(&direction);
    let readings = lens.unembedding(&vectors, &mut |_| ());
    assert_eq!(readings.len(), layers);
    let made = &readings[1];
    let mut found: Vec<u32> = made
        .promoted
        .tokens
        .iter()
        .map(|effect| effect.id)
        .collect();
    found.sort_unstable();
    assert_eq!(found, chosen.map(|token| token as u32));
    assert!(
        made.promoted
            .tokens
            .iter()
            .all(|effect| effect.p_corrected < 1e-3)
    );
    assert!(made.promoted.p_value < 1e-3);
    for reading in readings.iter().filter(|reading| reading.layer != 1) {
        let all = reading
            .promoted
            .tokens
            .iter()
            .chain(&reading.suppressed.tokens);
        let least = all.map(|effect| effect.p_corrected).fold(1.0, f64::min);
        assert!(least > 0.001, "{reading:?}");
    }
}

/// The corrected p-value of the token that changes most, and those of the lists.
#[test]
fn p_values_of_random_vectors_are_uniform() {
    let base = nano();
    let read = |top_k: usize| -> Vec<LayerReading> {
        let options = VectorLensOptions {
            top_k,
            draws: 400,
            ..VectorLensOptions::default()
        };
        let lens = VectorLens::new(&base.model, Vocabulary::of(&base), options);
        let vectors = (1000..1050).map(|seed| random_vectors(&base.model, seed));
        let readings = vectors.flat_map(|vectors| lens.unembedding(&vectors, &mut |_| ()));
        readings.collect()
    };
    let smallest = |reading: LayerReading| {
        let all = reading.promoted.tokens.iter();
        all.map(|effect| effect.p_corrected).fold(1.0, f64::min)
    };
    let whole = read(base.model.config.vocab_size);
    assert_uniform("token", whole.into_iter().map(smallest).collect());
    let lists = read(5);
    assert_uniform(
        "promoted",
        lists.iter().map(|it| it.promoted.p_value).collect(),
    );
    assert_uniform(
        "suppressed",
        lists.iter().map(|it| it.suppressed.p_value).collect(),
    );
}

/// Kolmogorov-Smirnov: the distance is above `1.63 / sqrt(n)` in one of a hundred cases. The null
/// of 400 draws has an error of its own, `1.36 / sqrt(400)` in one of twenty.
#[track_caller]
fn assert_uniform(what: &str, mut p_values: Vec<f64>) {
    p_values.sort_by(f64::total_cmp);
    let count = p_values.len() as f64;
    let distances = p_values.iter().enumerate().map(|(index, p)| {
        let below = index as f64 / count;
        (p - below).abs().max((p - below - 1.0 / count).abs())
    });
    let distance = distances.fold(0.0, f64::max);
    assert!(
        distance < 1.63 / count.sqrt() + 1.36 / 20.0,
        "{what}: {distance}"
    );
}

#[test]
fn measured_readings_have_nulls_too() {
    let base = nano();
    let text = base
        .tokenizer
        .encode("Problem: Tom has 3 apples.")
        .expect("a text");
    let options = VectorLensOptions {
        top_k: 3,
        measured_draws: 99,
        ..VectorLensOptions::default()
    };
    let lens = VectorLens::new(&base.model, Vocabulary::of(&base), options);
    // The last layer's vector raises one token and stands still otherwise.
    let rows = unembedding_rows(&base);
    let mut vectors = random_vectors(&base.model, 5);
    let width = base.model.config.hidden_size;
    let last = vectors.data.len() - width;
    for (x, row) in vectors.data[last..].iter_mut().zip(&rows[60]) {
        *x = 3.0 * row;
    }
    let readings = lens
        .measured(&vectors, &[&text], &mut |_| ())
        .expect("a good text");
    for reading in [Reading::SameLayer, Reading::LastLayer] {
        let last = readings
            .iter()
            .find(|it| it.reading == reading && it.layer == 3);
        let strongest = &last.expect("a layer").promoted;
        assert_eq!(strongest.tokens[0].id, 60);
        assert!(strongest.tokens[0].p_corrected < 0.011, "{strongest:?}");
        assert!(
            strongest
                .p_shuffled
                .is_some_and(|p| (p - 0.25).abs() < 1e-9),
            "{strongest:?}"
        );
        let first = readings
            .iter()
            .find(|it| it.reading == reading && it.layer == 0);
        let random = &first.expect("a layer").promoted.tokens[0];
        assert!(random.p_corrected > 0.02, "{random:?}");
    }
}

#[test]
fn a_text_lies_along_what_was_added_to_it() {
    let base = nano();
    let text = base
        .tokenizer
        .encode("Problem: Tom has 3 apples.")
        .expect("a text");
    let vectors = random_vectors(&base.model, 2);
    let steering = SteeringVectors::from_host(&vectors, &base.model.device());
    let hook = steering.hook();
    let before = project(&base.model, &text, &vectors, None).expect("a good text");
    let after = project(&base.model, &text, &vectors, Some(&hook)).expect("a good text");
    assert_eq!(before.len(), 4 * text.len());
    for (before, after) in before
        .iter()
        .zip(&after)
        .filter(|(before, _)| before.layer == 0)
    {
        let norm = f64::from(steering.norms()[0]);
        close(
            after.projection - before.projection,
            norm,
            "the length of the vector",
        );
        assert!(after.cosine > before.cosine && after.cosine <= 1.0);
    }
}

/// Texts for the tokens of a model without a tokenizer.
fn some_texts(model: &Model) -> Vocabulary {
    let texts = (0..model.config.vocab_size).map(|token| format!("t{token}"));
    Vocabulary::new(texts.collect())
}

fn go_on(_: usize, _: &[f64]) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn unembedding_rows(base: &Pretrained) -> Vec<Vec<f32>> {
    let path = bundled_model().join("model.safetensors");
    let weights = trimtab_model::tensor_file::TensorFile::read(&path).expect("bundled weights");
    let rows = weights.tensors["model.embed_tokens.weight"].data.clone();
    let rows = rows.chunks_exact(base.model.config.hidden_size);
    rows.map(<[f32]>::to_vec).collect()
}
