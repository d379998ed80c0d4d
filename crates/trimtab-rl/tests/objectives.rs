//! Advantages, losses and their derivatives against TRL and PyTorch.
//!
//! `fixtures/objectives/generate.py` made the numbers.

use std::collections::BTreeMap;

use serde::Deserialize;
use trimtab_rl::advantage::Advantage;
use trimtab_rl::loss::{
    CompletionLoss, KlConfig, LossConfig, LossInputs, Surrogate, completion_loss,
};
use trimtab_rl::value::{explained_variance, gae, normalise_advantages};

/// One list per completion, one number per token.
type Rows = Vec<Vec<f32>>;

#[derive(Deserialize)]
struct Expected {
    max_new_tokens: usize,
    rewards: Rows,
    per_sequence: Vec<f32>,
    logprobs: Rows,
    old_logprobs: Rows,
    ref_logprobs: Rows,
    advantages: BTreeMap<String, Rows>,
    losses: BTreeMap<String, Case>,
    ppo: Ppo,
}

#[derive(Deserialize)]
struct Case {
    loss: f64,
    #[serde(rename = "slopes")]
    logprob_grads: Rows,
    loss_config: LossConfig,
    kl_config: KlConfig,
    on_policy: bool,
}

#[derive(Deserialize)]
struct Ppo {
    gamma: f32,
    lambda: f32,
    values: Rows,
    rewards: Rows,
    raw: Rows,
    returns: Rows,
    advantages: Rows,
    loss: f64,
    #[serde(rename = "slopes")]
    logprob_grads: Rows,
    explained_variance: f64,
}

#[test]
fn advantages_equal_trl() {
    let expected = expected();
    assert_eq!(expected.advantages.len(), 4);
    for (name, rows) in &expected.advantages {
        let kind: Advantage = serde_json::from_value(name.as_str().into()).expect("a name");
        close(name, &kind.compute(&expected.rewards), rows);
    }
}

#[test]
fn losses_and_derivatives_equal_trl() {
    let expected = expected();
    assert_eq!(expected.losses.len(), 11);
    let mut clipped = 0;
    for (name, case) in &expected.losses {
        let advantages: Rows = (expected.per_sequence.iter().zip(&expected.logprobs))
            .map(|(&advantage, tokens)| vec![advantage; tokens.len()])
            .collect();
        let (loss, grads, count) = total(&expected, case, &advantages);
        assert!(
            (loss - case.loss).abs() < 1e-6,
            "{name}: {loss} {}",
            case.loss
        );
        close(name, &grads, &case.logprob_grads);
        clipped += count;
    }
    assert!(clipped > 20, "the borders are crossed: {clipped}");
}

#[test]
fn ppo_equals_its_definition() {
    let expected = expected();
    let ppo = &expected.ppo;
    let each = ppo.rewards.iter().zip(&ppo.values);
    let (raw, returns): (Rows, Rows) = each
        .map(|(rewards, values)| gae(rewards, values, ppo.gamma, ppo.lambda))
        .unzip();
    close("advantages", &raw, &ppo.raw);
    close("returns", &returns, &ppo.returns);
    let mut flat = raw.concat();
    normalise_advantages(&mut flat);
    let mut flat = flat.into_iter();
    let advantages: Rows = (raw
        .iter()
        .map(|row| flat.by_ref().take(row.len()).collect()))
    .collect();
    close("normalised", &advantages, &ppo.advantages);
    let known = explained_variance(&ppo.values.concat(), &ppo.returns.concat());
    let known = known.expect("returns differ");
    assert!((known - ppo.explained_variance).abs() < 1e-6, "{known}");
    let case = Case {
        loss: ppo.loss,
        logprob_grads: ppo.logprob_grads.clone(),
        loss_config: LossConfig {
            surrogate: Surrogate::Clipped,
            ..LossConfig::default()
        },
        kl_config: KlConfig::default(),
        on_policy: false,
    };
    let (loss, grads, _) = total(&expected, &case, &advantages);
    assert!((loss - ppo.loss).abs() < 1e-6, "{loss} {}", ppo.loss);
    close("derivatives", &grads, &ppo.logprob_grads);
}

/// Loss of the batch, its derivatives, and how many tokens were clipped.
fn total(expected: &Expected, case: &Case, advantages: &[Vec<f32>]) -> (f64, Rows, usize) {
    let aggregation = case.loss_config.aggregation;
    let logprobs = &expected.logprobs;
    let tokens = logprobs.iter().map(Vec::len).sum();
    let divisor = aggregation.divisor(logprobs.len(), tokens, expected.max_new_tokens);
    let losses: Vec<CompletionLoss> = (0..logprobs.len())
        .map(|index| {
            let inputs = LossInputs {
                advantages: &advantages[index],
                old_logprobs: (!case.on_policy).then_some(&expected.old_logprobs[index]),
                ref_logprobs: (case.kl_config.coef > 0.0)
                    .then_some(&expected.ref_logprobs[index][..]),
            };
            completion_loss(&case.loss_config, &case.kl_config, &logprobs[index], inputs)
        })
        .collect();
    let scaled = |one: &CompletionLoss| {
        one.logprob_grads
            .iter()
            .map(|grad| grad / divisor)
            .collect()
    };
    (
        losses.iter().map(|one| one.loss).sum::<f64>() / f64::from(divisor),
        losses.iter().map(scaled).collect(),
        losses.iter().map(|one| one.clipped).sum(),
    )
}

fn expected() -> Expected {
    let text = include_str!("fixtures/objectives/expected.json");
    serde_json::from_str(text).expect("the script writes it")
}

fn close(name: &str, found: &[Vec<f32>], expected: &[Vec<f32>]) {
    let lens = |rows: &[Vec<f32>]| rows.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lens(found), lens(expected), "{name}");
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!(
            (found - expected).abs() < 2e-6,
            "{name}: {found} {expected}"
        );
    }
}
