//! What a run would take, without reading the weights.

use std::time::Duration;

use anyhow::{Result, bail};
use indicatif::{BinaryBytes, HumanCount, HumanDuration};
use serde_json::json;
use trimtab::Recipe;
use trimtab::rl::Plan;
use trimtab::rl::plan::MemoryPlan;
use trimtab::rl::recipe::ZeroVariance;
use trimtab_examples::{available_memory_bytes, say};

use crate::args::Args;

const A_THOUSAND_YEARS: Duration = Duration::from_hours(1000 * 365 * 24);

/// Prints the plan of a run, and fails if it needs more memory than there is.
pub(crate) fn dry_run(args: &Args, recipe: &Recipe) -> Result<()> {
    let completions = recipe.prompts_per_step * recipe.group_size;
    let (outline, precision) = args.model.outline(completions)?;
    let plan = Plan::new(&outline, precision, recipe)?;
    let available = match args.memory {
        Some(gibibytes) => Some((gibibytes * f64::from(1 << 30)) as u64),
        None => available_memory_bytes(),
    };
    let limit = available.map_or(usize::MAX, |bytes| bytes as usize);
    let savings = if plan.memory.peak() <= limit {
        vec![]
    } else {
        plan.savings(&outline, recipe, limit)
    };
    if args.json {
        let seconds = args.tokens_per_second.map(|rate| plan.seconds(rate));
        let plan = json!({
            "plan": plan, "peak": plan.memory.peak(), "available": available, "savings": savings,
            "seconds_per_step": seconds.map(|(step, _)| step),
            "seconds": seconds.map(|(_, all)| all),
        });
        say!("{plan}")?;
    } else {
        print(args, recipe, &plan, available)?;
    }
    let prompts = &plan.prompts;
    if prompts.too_long > 0 {
        let room = match prompts.max_len.checked_sub(prompts.max) {
            Some(room) if room > 0 => format!("set max_new_tokens={room}, or "),
            _ => String::new(),
        };
        bail!(
            "{} of {} prompts leave no room for {} tokens: the longest has {}, and the model reads \
             {}; {room}take shorter problems, as `filter.question_chars` does of a data set",
            prompts.too_long,
            prompts.count,
            recipe.max_new_tokens,
            prompts.max,
            prompts.max_len
        );
    }
    if plan.memory.peak() <= limit {
        return Ok(());
    }
    let settings: Vec<String> = savings.iter().map(|it| it.join(" ")).collect();
    let advice = match &savings[..] {
        [] => "no two of format, length, parts and checkpointing make it fit; take a smaller \
               model or another machine"
            .to_owned(),
        [one] if one.len() > 1 => format!("these two settings make it fit: {}", settings[0]),
        [_] => format!("this setting makes it fit: {}", settings[0]),
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
        "prompts  {} of {}: {} to {} tokens, half up to {}, 95 % up to {}",
        count(prompts.count),
        recipe.task,
        prompts.min,
        prompts.max,
        prompts.median,
        prompts.p95
    )?;
    let room = match prompts.too_long {
        0 => "every prompt leaves".to_owned(),
        few => format!("all but {} leave", count(few)),
    };
    say!(
        "         the model reads {} tokens; {room} room for {} more",
        count(prompts.max_len),
        count(recipe.max_new_tokens)
    )?;
    let rounds = match recipe.zero_variance {
        ZeroVariance::Resample => format!(" in {} rounds at most", recipe.resample_rounds),
        _ => String::new(),
    };
    say!(
        "step     {} prompts x {} completions of at most {} tokens: {} tokens to sample{rounds}",
        count(recipe.prompts_per_step),
        count(recipe.group_size),
        count(recipe.max_new_tokens),
        count(plan.tokens)
    )?;
    if plan.validation_tokens > 0 {
        say!(
            "         and at most {} to measure the validation problems, all in all",
            count(plan.validation_tokens)
        )?;
    }
    match args.tokens_per_second {
        Some(rate) => {
            let (step, all) = plan.seconds(rate);
            let all = match Duration::try_from_secs_f64(all) {
                Ok(all) if all < A_THOUSAND_YEARS => HumanDuration(all).to_string(),
                _ => "more than a thousand years".to_owned(),
            };
            say!(
                "time     at most {step:.1} s a step, {all} for {} steps",
                HumanCount(recipe.steps)
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
        "memory   at most {}, of {available} available; {} groups at a time on {} threads",
        BinaryBytes(plan.memory.peak() as u64),
        plan.memory.groups_at_once,
        rayon::current_num_threads()
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
