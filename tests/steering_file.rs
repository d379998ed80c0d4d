//! `steering.safetensors`: files are read back as written, and those of another model are refused.

#![expect(
    clippy::semicolon_if_nothing_returned,
    reason = "tables of cases read best as they are"
)]

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use burn::tensor::Device;
use serde_json::json;
use trimtab_model::tensor_file::{HostTensor, TensorFile, TensorFileError};
use trimtab_model::{Precision, Pretrained, Site};
use trimtab_steer::form::{Gated, Lora, PerLayer};
use trimtab_steer::token_filter::{Part, TokenSet};
use trimtab_steer::{
    Adapter, Conflict, Form, FormError, Steering, SteeringFile, SteeringFileError, SteeringVectors,
    TokenFilter,
};
use trimtab_tests::{bits, bundled_model, matrix};

#[test]
fn files_are_read_back_as_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    let file = sample();
    file.write(&path).expect("a writable folder");
    let read = SteeringFile::read(&path, nano()).expect("just written");
    assert_eq!(read, file);
    let metadata = read.metadata;
    assert_eq!(
        (metadata.form, metadata.token_filter),
        (Form::default(), None)
    );
    assert_eq!(
        (metadata.base_model.as_str(), metadata.base_sha256),
        ("nano", nano().sha256.clone())
    );
    assert_eq!(
        vec![metadata.num_hidden_layers, metadata.hidden_size],
        shape()
    );
    assert_eq!(
        (metadata.step, metadata.recipe),
        (7, json!({ "steps": 7, "seed": 3 }))
    );
    assert_eq!(
        fs::read_dir(folder.path()).expect("the folder").count(),
        1,
        "no temporary file stays behind"
    );
}

#[test]
fn equal_content_gives_equal_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |file: &SteeringFile, name: &str| {
        let path = folder.path().join(name);
        file.write(&path).expect("a writable folder");
        fs::read(path).expect("just written")
    };
    let first = write(&sample(), "first");
    // Written again over another file, and written after being read.
    assert!(write(&sample(), "second") == first);
    fs::write(folder.path().join("third"), "something else").expect("a writable folder");
    assert!(write(&sample(), "third") == first);
    let read = SteeringFile::read(&folder.path().join("first"), nano()).expect("just written");
    assert!(write(&read, "fourth") == first);
    let mut other = sample();
    other.parameters[0].1.data[1] *= -1.0;
    assert!(write(&other, "fifth") != first);
}

#[test]
fn files_of_other_models_are_refused() {
    let other = Pretrained {
        sha256: "0".repeat(64),
        ..nano().clone()
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    sample().write(&path).expect("a writable folder");
    let refused = SteeringFile::read(&path, &other).expect_err("another base");
    let SteeringFileError::OtherBase {
        base_model,
        expected,
        found,
        ..
    } = refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (base_model, expected, found),
        ("nano".to_owned(), nano().sha256.clone(), other.sha256)
    );
}

#[test]
fn vectors_move_to_another_model_when_asked_and_say_what_differs() {
    let other = Pretrained {
        sha256: "0".repeat(64),
        name: "other".to_owned(),
        ..nano().clone()
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    sample().write(&path).expect("a writable folder");
    let moved = SteeringFile::transfer(&path, &other).expect("one shape");
    assert_eq!(moved.differences.len(), 1, "{:?}", moved.differences);
    assert!(
        moved.differences[0].contains(&nano().sha256) && moved.differences[0].contains("`other`")
    );
    assert_eq!(moved.file.parameters, sample().parameters);
    let metadata = &moved.file.metadata;
    assert_eq!(
        (metadata.base_model.as_str(), &metadata.base_sha256),
        ("other", &other.sha256)
    );
    assert_eq!(metadata.recipe["transferred_from"]["base_model"], "nano");
    assert_eq!(metadata.recipe["recipe"], sample().metadata.recipe);
    // A file that was moved belongs to the new model. In the original model nothing differs.
    let again = folder.path().join("moved.safetensors");
    moved.file.write(&again).expect("a writable folder");
    assert_eq!(
        SteeringFile::read(&again, &other).expect("its base now"),
        moved.file
    );
    let at_home = SteeringFile::transfer(&path, nano()).expect("its own base");
    assert_eq!((at_home.differences.len(), at_home.file), (0, sample()));
    // Another model type is one more mismatch, another width an error.
    let mut llama = sample();
    llama.metadata.model_type = Some("llama".to_owned());
    llama.write(&path).expect("a writable folder");
    let refused = SteeringFile::read(&path, nano());
    assert!(
        matches!(refused, Err(SteeringFileError::OtherType { .. })),
        "{refused:?}"
    );
    let moved = SteeringFile::transfer(&path, &other).expect("one shape");
    assert_eq!(moved.differences.len(), 2, "{:?}", moved.differences);
    let refused = SteeringFile::transfer(&path, &trimtab_tests::tiny());
    assert!(
        matches!(refused, Err(SteeringFileError::Shape { .. })),
        "{refused:?}"
    );
}

/// Files from before the keys `where` and `model_type`, and files whose vectors act at other sites.
#[test]
fn missing_keys_have_defaults_and_others_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    sample().write(&path).expect("a writable folder");
    let mut old = TensorFile::read(&path).expect("just written");
    assert!(old.metadata.remove("model_type").is_some() && !old.metadata.contains_key("where"));
    old.write(&path).expect("a writable folder");
    let read = SteeringFile::read(&path, nano()).expect("an old file");
    assert_eq!(read, sample());
    read.to_vectors(&Device::flex()).expect("at every token");

    let mut other = sample();
    other.metadata.form = Form::PerLayer(PerLayer {
        site: Site::AttnOut,
        layers: None,
    });
    other.metadata.token_filter = Some(generated());
    other.write(&path).expect("a writable folder");
    let names: Vec<String> = TensorFile::read(&path)
        .expect("just written")
        .tensors
        .into_keys()
        .collect();
    assert_eq!(names, ["attn_out"]);
    let read = SteeringFile::read(&path, nano()).expect("just written");
    assert_eq!(read, other);
    let refused = read.to_vectors(&Device::flex());
    let Err(SteeringFileError::NotEverywhere { site, filtered }) = refused else {
        panic!("it would act elsewhere")
    };
    assert_eq!((site, filtered), (Site::AttnOut, true));
}

/// Gated vectors, and LoRA at some tokens only, which the format of PEFT cannot express.
///
/// They are read back as written, and they compute what the parameters do.
#[test]
fn other_forms_are_kept_with_their_parameters() {
    let base = nano();
    let tokens: Vec<u32> = (5..25).collect();
    let gated = Form::Gated(Gated {
        layers: Some(vec![1, 3]),
        ..Gated::default()
    });
    for (form, token_filter) in [
        (gated, TokenFilter::default()),
        (Form::Lora(Lora::default()), generated()),
    ] {
        let mut adapter = Adapter::init(form.clone(), &base.model.config).expect("it fits");
        for values in adapter.values_mut() {
            for (value, index) in values.iter_mut().zip(0..) {
                *value += (index % 7) as f32 / 64.0 - 0.05;
            }
        }
        let file =
            SteeringFile::from_adapter(&adapter, &token_filter, base, 3, json!({ "seed": 1 }));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("steering.safetensors");
        file.write(&path).expect("a writable folder");
        let raw = TensorFile::read(&path).expect("just written");
        assert_eq!(raw.metadata["format"], "trimtab-steering-2");
        assert_eq!(raw.metadata["form"]["form"], form.name());
        assert_eq!(raw.tensors.len(), adapter.parameters().len());
        let read = SteeringFile::read(&path, base).expect("just written");
        assert_eq!(read, file);
        assert_eq!(read.parameters, adapter.parameters());
        let refused = read.to_vectors(&Device::flex());
        assert!(
            matches!(refused, Err(SteeringFileError::NotVectors { .. })),
            "no plain vectors"
        );
        let logits = |hook| matrix(base.model.logits(base.model.prefill(&[&tokens], hook).0));
        let set = (adapter.to_device(&Device::flex()), token_filter);
        let expected = Steering::new(vec![set], Conflict::Sum).expect("it can be followed");
        let found = read.to_steering(&base.model).expect("it can be followed");
        let found = logits(Some(&found));
        assert!(bits(&found) == bits(&logits(Some(&expected))));
        // These are prompts, where the LoRA does nothing.
        let acts = matches!(form, Form::Gated(_));
        assert_eq!(bits(&found) != bits(&logits(None)), acts);

        let mut short = file.clone();
        let tensor = &mut short.parameters[1].1;
        tensor.shape[0] += 1;
        tensor.data.extend(vec![0.0; tensor.shape[1]]);
        short.write(&path).expect("a writable folder");
        let refused = SteeringFile::read(&path, base);
        assert!(
            matches!(
                refused,
                Err(SteeringFileError::Form {
                    source: FormError::Parameters { .. },
                    ..
                })
            ),
            "{refused:?}"
        );
        let mut less = raw.clone();
        less.tensors.pop_first();
        less.write(&path).expect("a writable folder");
        let refused = SteeringFile::read(&path, base);
        assert!(
            matches!(refused, Err(SteeringFileError::Format { .. })),
            "{refused:?}"
        );
        let mut vectors = raw;
        vectors.metadata["form"] = json!({ "form": "low_rank", "rank": 1 });
        vectors.write(&path).expect("a writable folder");
        let refused =
            SteeringFile::read(&path, base).expect_err("files of vectors hold the vectors");
        assert!(refused.to_string().contains("`low_rank`"), "{refused}");
    }
}

/// A clause that cannot be applied is refused before anything runs.
#[test]
fn where_clauses_of_files_are_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    let mut file = sample();
    file.metadata.token_filter = Some(TokenFilter {
        only: TokenSet {
            last: Some(2),
            ..TokenSet::default()
        },
        ..TokenFilter::default()
    });
    file.write(&path).expect("a writable folder");
    let read = SteeringFile::read(&path, nano()).expect("plain data");
    let refused = read.to_steering(&nano().model).map(|_| ());
    assert!(
        matches!(refused, Err(SteeringFileError::Steering(_))),
        "{refused:?}"
    );
}

#[test]
fn files_that_do_not_fit_are_refused() {
    let shaped = |shape: &[usize]| {
        let vectors = HostTensor {
            shape: shape.to_vec(),
            data: vec![0.5; shape.iter().product()],
        };
        SteeringFile {
            parameters: vec![("vectors".to_owned(), vectors)],
            ..sample()
        }
    };
    let [layers, width] = [shape()[0], shape()[1]];
    for wrong in [
        &[layers + 1, width][..],
        &[layers, width - 1],
        &[width, layers],
        &[layers * width],
        &[1, layers, width],
        &[],
    ] {
        let refused = read(|path| shaped(wrong).write(path).expect("a writable folder"))
            .expect_err("another shape");
        let SteeringFileError::Shape {
            found, expected, ..
        } = refused
        else {
            panic!("{refused:?}")
        };
        assert_eq!((&found[..], expected), (wrong, [layers, width]));
    }
    let format = |name: &str, change: &dyn Fn(&mut TensorFile)| {
        let refused = read(|path| {
            sample().write(path).expect("a writable folder");
            let mut file = TensorFile::read(path).expect("just written");
            change(&mut file);
            file.write(path).expect("a writable folder");
        });
        let expected = |error: &SteeringFileError| {
            let is_format = matches!(error, SteeringFileError::Format { .. });
            is_format || matches!(error, SteeringFileError::OtherFormat { .. })
        };
        assert!(refused.as_ref().is_err_and(expected), "{name}: {refused:?}");
    };
    for (key, value) in [
        ("format", json!("trimtab-steering-2")),
        ("format", json!("trimtab-steering-3")),
        ("form", json!({ "form": "gated" })),
        ("where", json!({ "generated": true })),
        ("where", json!({ "only": { "part": "answer" } })),
        ("wehre", json!({ "strength": 2.0 })),
        ("site", json!("resid_mid")),
        ("step", json!(-1)),
        ("hidden_size", json!("wide")),
        ("base_sha256", json!(null)),
        ("base_sha256", json!("")),
    ] {
        format(key, &|file| {
            drop(file.metadata.insert(key.to_owned(), value.clone()))
        });
        if !["form", "where", "wehre"].contains(&key) {
            format(key, &|file| drop(file.metadata.remove(key)));
        }
    }
    format("no metadata", &|file| file.metadata.clear());
    format("no tensor", &|file| {
        let vectors = file
            .tensors
            .remove("resid_post")
            .expect("the tensor is named by its site");
        file.tensors.insert("resid_mid".to_owned(), vectors);
    });
}

#[test]
fn damaged_files_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    sample().write(&path).expect("a writable folder");
    let good = fs::read(&path).expect("just written");
    for len in [0, 1, 8, 200, good.len() / 2, good.len() - 1] {
        let refused = read(|path| fs::write(path, &good[..len]).expect("a writable folder"));
        assert!(
            matches!(
                refused,
                Err(SteeringFileError::TensorFile(
                    TensorFileError::Malformed { .. }
                ))
            ),
            "{len}: {refused:?}"
        );
    }
    // Flipped bits all over the file, in header and data. Each is noticed.
    for bit in (0..8 * good.len()).step_by(37) {
        let mut damaged = good.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let refused = read(|path| fs::write(path, &damaged).expect("a writable folder"));
        let expected = |error: &SteeringFileError| {
            matches!(
                error,
                SteeringFileError::TensorFile(_)
                    | SteeringFileError::Format { .. }
                    | SteeringFileError::OtherFormat { .. }
            )
        };
        assert!(
            refused.as_ref().is_err_and(expected),
            "bit {bit}: {refused:?}"
        );
    }
    let refused = SteeringFile::read(&folder.path().join("nothing"), nano());
    assert!(
        matches!(refused, Err(SteeringFileError::Read { .. })),
        "{refused:?}"
    );
}

#[test]
fn values_that_are_not_finite_are_neither_written_nor_read() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut file = sample();
        file.parameters[0].1.data[5] = value;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("steering.safetensors");
        sample().write(&path).expect("a writable folder");
        let refused = file.write(&path);
        assert!(
            matches!(
                refused,
                Err(SteeringFileError::TensorFile(
                    TensorFileError::NonFinite { .. }
                ))
            ),
            "{refused:?}"
        );
        SteeringFile::read(&path, nano()).expect("the old file is still there");
        // Another program may write it, with a correct checksum.
        let mut raw = TensorFile::read(&path).expect("the old file");
        raw.tensors.get_mut("resid_post").expect("the vectors").data[5] = value;
        let refused = read(|path| fs::write(path, raw.to_bytes()).expect("a writable folder"));
        assert!(
            matches!(
                refused,
                Err(SteeringFileError::TensorFile(
                    TensorFileError::NonFinite { .. }
                ))
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn the_control_has_the_norms_and_no_direction() {
    let vectors = SteeringVectors::from_host(&sample().parameters[0].1, &Device::flex());
    let control = vectors.random_directions(1);
    for (layer, (norm, expected)) in control.norms().into_iter().zip(vectors.norms()).enumerate() {
        // Norms are about 3. The largest error measured was 5e-7.
        assert!(
            (norm - expected).abs() <= 2e-6,
            "layer {layer}: {norm} {expected}"
        );
    }
    let values = |vectors: &SteeringVectors| -> Vec<f32> {
        vectors.vectors.val().try_into_vec_as().expect("f32")
    };
    assert_eq!(
        values(&control),
        values(&vectors.random_directions(1)),
        "a seed decides the directions"
    );
    assert_ne!(values(&control), values(&vectors.random_directions(2)));
    // Random directions in 128 dimensions have a cosine of 0 +- 0.09: with the vectors, between
    // layers, and between seeds.
    let width = shape()[1];
    let cosine = |a: &[f32], b: &[f32]| {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    };
    let (own, first, second) = (
        values(&vectors),
        values(&control),
        values(&vectors.random_directions(2)),
    );
    for (a, b) in [(&own, &first), (&own, &second), (&first, &second)] {
        for (a, b) in a.chunks(width).zip(b.chunks(width)) {
            assert!(cosine(a, b).abs() < 0.4, "{}", cosine(a, b));
        }
    }
    assert!(cosine(&first[..width], &first[width..2 * width]).abs() < 0.4);
}

/// The result of [`SteeringFile::read`] for the file that `write` makes.
fn read(write: impl FnOnce(&Path)) -> Result<SteeringFile, SteeringFileError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("steering.safetensors");
    write(&path);
    SteeringFile::read(&path, nano())
}

fn generated() -> TokenFilter {
    TokenFilter {
        only: TokenSet {
            part: Part::Generated,
            ..TokenSet::default()
        },
        ..TokenFilter::default()
    }
}

fn sample() -> SteeringFile {
    let data = (0..shape().iter().product())
        .map(|index: usize| (index % 7) as f32 / 8.0 - 0.25)
        .collect();
    let vectors = HostTensor {
        shape: shape(),
        data,
    };
    SteeringFile::new(vectors, nano(), 7, json!({ "steps": 7, "seed": 3 }))
}

/// `[num_hidden_layers, hidden_size]` of the bundled model.
fn shape() -> Vec<usize> {
    let config = &nano().model.config;
    vec![config.num_hidden_layers, config.hidden_size]
}

fn nano() -> &'static Pretrained {
    static NANO: LazyLock<Pretrained> = LazyLock::new(|| {
        Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())
            .expect("the bundled model")
    });
    &NANO
}
