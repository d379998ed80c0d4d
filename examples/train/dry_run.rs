//! What a run would take, without reading the weights.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{BinaryBytes, HumanCount, HumanDuration};
use serde_json::json;
use trimtab::Recipe;
use trimtab::rl::Plan;
use trimtab::rl::plan::MemoryPlan;
use trimtab_examples::{available_memory_bytes, say};

use crate::args::Args;

/// Prints the plan of a run, and fails if it needs more memory than there is.
pub(crate) fn dry_run(args: &Args, recipe: &Recipe) -> Result<()> {
    let completions = recipe.prompts_per_step * recipe.group_size;
    let (outline, precision) = args.model.outline(completions)?;
    let plan = Plan::new(&outline, precision, recipe)?;
    let available = match args.memory {
        Some(gibibytes) => Some((gibibytes * f64::from(1 << 30)) as u64),
        None => available_memory_bytes(),
    };
    if args.json {
        say!(
            "{}",
            json!({ "plan": plan, "peak": plan.memory.peak(), "available": available })
        )?;
    } else {
        print(args, recipe, &plan, available)?;
    }
    if plan.prompts.too_long > 0 {
        bail!(
            "{} of {} prompts leave no room for a completion: the longest has {} tokens, and the \
             model reads {}; take shorter problems",
            plan.prompts.too_long,
            plan.prompts.count,
            plan.prompts.max,
            plan.prompts.max_len
        );
    }
    let limit = available.map_or(usize::MAX, |bytes| bytes as usize);
    if plan.memory.peak() <= limit {
        return Ok(());
    }
    let savings = plan.savings(&outline, recipe, limit);
    let settings: Vec<String> = savings.iter().map(|settings| settings.join(" ")).collect();
    let advice = match &savings[..] {
        [] => "no two settings make it fit; take a smaller model or another machine".to_owned(),
        [settings] if settings.len() > 1 => {
            format!(
                "these settings together make it fit: {}",
                settings.join(" ")
            )
        }
        _ => format!(
            "each of these settings makes it fit: {}",
            settings.join(", ")
        ),
    };
    bail!(
        "the run may need {}, and {} are available; {advice}",
        BinaryBytes(plan.memory.peak() as u64),
        BinaryBytes(limit as u64)
    );
}

fn print(args: &Args, recipe: &Recipe, plan: &Plan, available: Option<u64>) -> Result<()> {
    let count = |number: usize| HumanCount(number as u64);
    let prompts = &plan.prompts;
    say!(
        "model    {} parameters in {}",
        count(plan.num_parameters),
        plan.precision.name()
    )?;
    say!("trains   {} numbers", count(plan.trained))?;
    say!(
        "prompts  {} of {}: {} to {} tokens, half of them up to {}, 95 % up to {}",
        count(prompts.count),
        recipe.task,
        prompts.min,
        prompts.max,
        prompts.median,
        prompts.p95
    )?;
    say!(
        "         the model reads {} tokens; {} prompts leave less than the {} of a completion",
        count(prompts.max_len),
        count(prompts.cramped + prompts.too_long),
        recipe.max_new_tokens
    )?;
    say!(
        "step     {} prompts x {} completions of at most {} tokens: {} tokens to sample and train on",
        recipe.prompts_per_step,
        recipe.group_size,
        recipe.max_new_tokens,
        count(plan.tokens)
    )?;
    match args.tokens_per_second {
        Some(rate) => {
            let step = plan.tokens as f64 / rate;
            let all = Duration::try_from_secs_f64(step * recipe.steps as f64);
            let all = all.context("--tokens-per-second is too small for a time")?;
            say!(
                "time     at most {step:.1} s a step, {} for {} steps, at {rate} tokens/s",
                HumanDuration(all),
                recipe.steps
            )?;
        }
        None => {
            say!("time     give the tokens/s of a step that you have run: --tokens-per-second")?;
        }
    }
    let available = available.map_or("an unknown amount".to_owned(), |bytes| {
        BinaryBytes(bytes).to_string()
    });
    say!(
        "memory   at most {}, of {available} available",
        BinaryBytes(plan.memory.peak() as u64)
    )?;
    for (name, bytes) in parts(&plan.memory) {
        say!(
            "         {:>11}  {name}",
            BinaryBytes(bytes as u64).to_string()
        )?;
    }
    say!("first prompt:\n{}", plan.first_prompt)?;
    Ok(())
}

fn parts(memory: &MemoryPlan) -> [(&'static str, usize); 7] {
    [
        ("program and tokenizer", memory.program),
        ("weights", memory.weights),
        ("trained numbers, gradients and moments", memory.trained),
        ("sampling: keys and values", memory.kv_cache),
        ("sampling: logits", memory.sampling),
        ("training: activations that are kept", memory.activations),
        ("training: work on a layer or on logits", memory.backward),
    ]
}
