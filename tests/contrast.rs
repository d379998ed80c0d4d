//! Contrastive vectors and effect measures, compared with repeng, scikit-learn and plain
//! arithmetic.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use safetensors::SafeTensors;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{HookPoint, Model};
use trimtab_steer::effect::{
    EffectError, SweepPoint, measure_effect, pairwise_kl, perplexity, strongest_within, sweep,
};
use trimtab_steer::extraction::{ContrastivePrompts, ExtractError, Method, Pooling, extract};
use trimtab_steer::{SteeringVectors, algebra};
use trimtab_tests::{captured, matrix, tiny};

/// `tests/interop/repeng_vectors.py` computed these with repeng 0.4.0 and scikit-learn 1.9.1.
#[test]
fn directions_are_those_of_repeng_and_scikit_learn() {
    let model = tiny().model;
    let read = |name: &str| {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/golden/repeng");
        fs::read(golden.join(name)).expect("it is committed")
    };
    let pairs: Vec<[Vec<u32>; 2]> = serde_json::from_slice(&read("prompts.json")).expect("tokens");
    let contrast = ContrastivePrompts {
        positive: pairs.iter().map(|[positive, _]| positive.clone()).collect(),
        negative: pairs.iter().map(|[_, negative]| negative.clone()).collect(),
        paired: true,
    };
    let bytes = read("directions.safetensors");
    let golden = SafeTensors::deserialize(&bytes).expect("a whole file");
    let expected = |name: &str| {
        let tensor = golden.tensor(name).expect("the script wrote it");
        let (words, _) = tensor.data().as_chunks::<4>();
        HostTensor {
            shape: tensor.shape().to_vec(),
            data: words.iter().map(|&word| f32::from_le_bytes(word)).collect(),
        }
    };
    let norms = algebra::norms(&expected("mean_difference"));
    for (method, name) in [
        (Method::MeanDifference, "mean_difference"),
        (Method::PcaDiff, "pca_diff"),
        (Method::PcaCenter, "pca_center"),
        (Method::Logistic, "logistic"),
    ] {
        let found =
            extract(&model, &contrast, method, Pooling::Last, &mut |_| ()).expect("good prompts");
        let cosines = algebra::cosines(&found, &expected(name)).expect("one shape");
        for (layer, cosine) in cosines.into_iter().enumerate() {
            let cosine = cosine.expect("no vector is zero");
            assert!(cosine > 1.0 - 1e-5, "{name}, layer {layer}: {cosine}");
        }
        for (norm, expected) in algebra::norms(&found).into_iter().zip(&norms) {
            assert!(
                (norm / expected - 1.0).abs() < 1e-4,
                "{name}: {norm} {expected}"
            );
        }
    }
}

#[test]
fn the_residual_stream_is_read_at_the_token_that_was_asked_for() {
    let model = tiny().model;
    let (a, b): (&[u32], &[u32]) = (&[3, 1, 4, 1, 5], &[9, 2, 6]);
    let resid = |tokens: &[u32]| {
        captured(&|_: HookPoint, x| x, |hook| {
            drop(model.prefill(&[tokens], Some(hook)));
        })
    };
    let (of_a, of_b) = (resid(a), resid(b));
    let contrast = ContrastivePrompts {
        positive: vec![a.to_vec()],
        negative: vec![b.to_vec()],
        paired: false,
    };
    for (read_at, at_a, at_b) in [
        (Pooling::Last, 4..5, 2..3),
        (Pooling::Index(1), 1..2, 1..2),
        (Pooling::Mean, 0..5, 0..3),
    ] {
        let found = extract(
            &model,
            &contrast,
            Method::MeanDifference,
            read_at,
            &mut |_| (),
        );
        let found = found.expect("good prompts");
        for (layer, row) in found.data.chunks(found.shape[1]).enumerate() {
            for (column, value) in row.iter().enumerate() {
                let mean = |rows: &[Vec<f32>]| {
                    rows.iter().map(|row| row[column]).sum::<f32>() / rows.len() as f32
                };
                let expected = mean(&of_a[layer][at_a.clone()]) - mean(&of_b[layer][at_b.clone()]);
                assert!(
                    (value - expected).abs() < 1e-5,
                    "{read_at:?} {layer} {column}"
                );
            }
        }
    }
    assert_eq!("mean".parse(), Ok(Pooling::Mean));
    assert_eq!("last".parse(), Ok(Pooling::Last));
    assert_eq!("7".parse(), Ok(Pooling::Index(7)));
    assert!("-1".parse::<Pooling>().is_err());
}

#[test]
fn prompts_without_a_contrast_are_refused() {
    let model = tiny().model;
    let extracted = |positive: &[&[u32]], negative: &[&[u32]], paired, method, read_at| {
        let owned = |texts: &[&[u32]]| texts.iter().map(|text| text.to_vec()).collect();
        let contrast = ContrastivePrompts {
            positive: owned(positive),
            negative: owned(negative),
            paired,
        };
        extract(&model, &contrast, method, read_at, &mut |_| ())
    };
    let mean = |positive: &[&[u32]], negative: &[&[u32]]| {
        extracted(
            positive,
            negative,
            false,
            Method::MeanDifference,
            Pooling::Last,
        )
        .expect_err("refused")
    };
    let prompts = |class, source| ExtractError::Prompts { class, source };
    assert_eq!(
        mean(&[], &[&[1]]),
        prompts("positive", EffectError::NoTokens)
    );
    let empty = EffectError::Empty { index: 1 };
    assert_eq!(mean(&[&[1]], &[&[1], &[]]), prompts("negative", empty));
    let unknown = EffectError::UnknownToken {
        index: 0,
        token: 89,
        vocab_size: 89,
    };
    assert_eq!(mean(&[&[89]], &[&[1]]), prompts("positive", unknown));
    let long = vec![1; 129];
    let too_long = EffectError::TooLong {
        index: 0,
        len: 129,
        max_len: 128,
    };
    assert_eq!(mean(&[&long], &[&[1]]), prompts("positive", too_long));
    for method in [Method::MeanDifference, Method::PcaCenter, Method::Logistic] {
        let same = extracted(&[&[1, 2]], &[&[1, 2]], true, method, Pooling::Last);
        assert_eq!(same, Err(ExtractError::NoDifference), "{method:?}");
    }
    let unpaired = extracted(&[&[1]], &[&[2]], false, Method::PcaDiff, Pooling::Last);
    assert_eq!(unpaired, Err(ExtractError::Unpaired));
    let odd = extracted(&[&[1], &[2]], &[&[2]], true, Method::PcaDiff, Pooling::Last);
    let pairs = ExtractError::Pairs {
        positive: 2,
        negative: 1,
    };
    assert_eq!(odd, Err(pairs));
    let short = extracted(
        &[&[1, 2]],
        &[&[2]],
        true,
        Method::Logistic,
        Pooling::Index(1),
    );
    assert!(
        matches!(short, Err(ExtractError::TooShort { .. })),
        "{short:?}"
    );
}

/// `KL(p || q)` from the logits, without batching.
#[test]
fn effects_and_perplexities_are_what_the_logits_say() {
    let model = tiny().model;
    let long: Vec<u32> = (0..128).map(|index| index * 7 % 89).collect();
    let texts: [&[u32]; 3] = [&[3, 1, 4, 1, 5, 9], &[2], &long];
    let steering = steering(&model, 0.2);
    let hook = steering.hook();
    let (mut kls, mut nlls, mut changed) = (vec![], vec![], 0);
    for text in texts {
        let logprobs = |steered: bool| {
            let hook = steered.then_some(&hook as _);
            let logits = matrix(model.logits(model.prefill(&[text], hook).0));
            let row = |logits: Vec<f32>| -> Vec<f64> {
                let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
                logits
                    .iter()
                    .map(|&logit| f64::from(logit) - sum.ln())
                    .collect()
            };
            logits.into_iter().map(row).collect::<Vec<_>>()
        };
        let (p, q) = (logprobs(true), logprobs(false));
        let likeliest = |row: &[f64]| {
            (0..row.len())
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                .expect("tokens")
        };
        for (p, q) in p.iter().zip(&q) {
            kls.push(p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum::<f64>());
            changed += usize::from(likeliest(p) != likeliest(q));
        }
        let next = p.iter().zip(&text[1..]);
        nlls.extend(next.map(|(row, &token)| -row[token as usize]));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let found = measure_effect(&model, &texts, Some(&hook), None).expect("good texts");
    assert_eq!(found.tokens, 6 + 1 + 128);
    assert!(
        (found.mean_kl - mean(&kls)).abs() < 1e-6,
        "{found:?} {}",
        mean(&kls)
    );
    let largest = kls.iter().copied().fold(0.0, f64::max);
    assert!((found.max_kl - largest).abs() < 1e-5, "{found:?} {largest}");
    assert!((found.argmax_changed - changed as f64 / 135.0).abs() < 1e-9 && changed > 0);
    let steered = perplexity(&model, &texts, Some(&hook)).expect("good texts");
    assert!(
        (steered / mean(&nlls).exp() - 1.0).abs() < 1e-5,
        "{steered}"
    );
    let nothing = measure_effect(&model, &texts, None, None).expect("good texts");
    assert_eq!(
        (nothing.mean_kl, nothing.max_kl, nothing.argmax_changed),
        (0.0, 0.0, 0.0)
    );
    let table = pairwise_kl(&texts, &[(&model, None), (&model, Some(&hook))]).expect("good texts");
    assert_eq!(
        (table[0][0], table[1][1], table[1][0]),
        (0.0, 0.0, found.mean_kl)
    );
    assert!(
        table[0][1] > 0.0 && table[0][1] != table[1][0],
        "KL has a direction: {table:?}"
    );
    assert_eq!(
        perplexity(&model, &[&[1], &[2]], None),
        Err(EffectError::NoTokens)
    );
    assert_eq!(
        measure_effect(&model, &[], None, None),
        Err(EffectError::NoTokens)
    );
}

#[test]
fn a_sweep_measures_each_strength() {
    let model = tiny().model;
    let vectors = host(&model, 1.0);
    let texts: [&[u32]; 2] = [&[3, 1, 4, 1, 5, 9, 2, 6], &[5, 3, 5, 8, 9, 7, 9]];
    let strengths = [0.0, 0.02, 0.5, -0.5];
    let rows = sweep(&model, &vectors, &strengths, &texts, &texts).expect("good texts");
    let rows: Vec<SweepPoint> = rows.collect::<Result<_, _>>().expect("good texts");
    assert_eq!((rows[0].kl, rows[0].perplexity_ratio), (0.0, 1.0));
    assert!(
        rows[1].kl > 0.0 && rows[2].kl > 10.0 * rows[1].kl,
        "{rows:?}"
    );
    for (row, strength) in rows.iter().zip(strengths) {
        let steering = steering(&model, strength as f32);
        let hook = steering.hook();
        let alone = perplexity(&model, &texts, Some(&hook)).expect("good texts");
        assert!(
            (row.perplexity - alone).abs() < 1e-6 * alone,
            "{row:?} {alone}"
        );
    }
    let strongest = strongest_within(&rows, f64::INFINITY).expect("all pass");
    assert_eq!(strongest.strength.abs(), 0.5);
    assert!(strongest_within(&rows, 0.0).is_none());
}

fn host(model: &Model, scale: f32) -> HostTensor {
    let shape = vec![model.config.num_hidden_layers, model.config.hidden_size];
    let value = |index: usize| scale * ((index * 37 % 101) as f32 / 50.0 - 1.0);
    HostTensor {
        data: (0..shape[0] * shape[1]).map(value).collect(),
        shape,
    }
}

fn steering(model: &Model, scale: f32) -> SteeringVectors {
    SteeringVectors::from_host(&host(model, scale), &Device::flex())
}
