//! Advantages, losses and slopes against TRL and PyTorch; `fixtures/objectives/generate.py` made the numbers.

use std::collections::BTreeMap;

use serde::Deserialize;
use trimtab_rl::{
    Advantage, CompletionLoss, KlConfig, LossConfig, Terms, completion_loss, explained_variance,
    gae, whiten,
};

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
    slopes: Rows,
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
    slopes: Rows,
    explained_variance: f64,
}

#[test]
fn advantages_equal_trl() {
    let expected = expected();
    assert_eq!(expected.advantages.len(), 4);
    for (name, rows) in &expected.advantages {
        let kind: Advantage = serde_json::from_value(name.as_str().into()).expect("a name");
        close(name, &kind.of(&expected.rewards), rows);
    }
}

#[test]
fn losses_and_slopes_equal_trl() {
    let expected = expected();
    assert_eq!(expected.losses.len(), 11);
    let mut clipped = 0;
    for (name, case) in &expected.losses {
        let advantages: Rows = (expected.per_sequence.iter().zip(&expected.logprobs))
            .map(|(&advantage, tokens)| vec![advantage; tokens.len()])
            .collect();
        let (loss, slopes, count) = total(&expected, case, &advantages);
        assert!(
            (loss - case.loss).abs() < 1e-6,
            "{name}: {loss} {}",
            case.loss
        );
        close(name, &slopes, &case.slopes);
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
    whiten(&mut flat);
    let mut flat = flat.into_iter();
    let advantages: Rows = (raw
        .iter()
        .map(|row| flat.by_ref().take(row.len()).collect()))
    .collect();
    close("whitened", &advantages, &ppo.advantages);
    let known = explained_variance(&ppo.values.concat(), &ppo.returns.concat());
    let known = known.expect("returns differ");
    assert!((known - ppo.explained_variance).abs() < 1e-6, "{known}");
    let case = Case {
        loss: ppo.loss,
        slopes: ppo.slopes.clone(),
        loss_config: LossConfig {
            surrogate: trimtab_rl::Surrogate::Clipped,
            ..LossConfig::default()
        },
        kl_config: KlConfig::default(),
        on_policy: false,
    };
    let (loss, slopes, _) = total(&expected, &case, &advantages);
    assert!((loss - ppo.loss).abs() < 1e-6, "{loss} {}", ppo.loss);
    close("slopes", &slopes, &ppo.slopes);
}

/// Loss of the batch, its slopes, and how many tokens were clipped.
fn total(expected: &Expected, case: &Case, advantages: &[Vec<f32>]) -> (f64, Rows, usize) {
    let aggregation = case.loss_config.aggregation;
    let logprobs = &expected.logprobs;
    let tokens = logprobs.iter().map(Vec::len).sum();
    let divisor = aggregation.divisor(logprobs.len(), tokens, expected.max_new_tokens);
    let losses: Vec<CompletionLoss> = (0..logprobs.len())
        .map(|index| {
            let terms = Terms {
                advantages: &advantages[index],
                old_logprobs: (!case.on_policy).then_some(&expected.old_logprobs[index]),
                ref_logprobs: (case.kl_config.coef > 0.0)
                    .then_some(&expected.ref_logprobs[index][..]),
            };
            completion_loss(&case.loss_config, &case.kl_config, &logprobs[index], terms)
        })
        .collect();
    let scaled = |one: &CompletionLoss| one.slopes.iter().map(|slope| slope / divisor).collect();
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
