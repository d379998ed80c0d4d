//! Measures training steps. Prints one JSON object.
//!
//! `benches/peers/trl_step.py` measures the same with TRL.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use trimtab::rl::optim::Schedule;
use trimtab::rl::reward::BuiltIn;
use trimtab::{Device, Precision, Pretrained, RecipeConfig, Trainer};
use trimtab_examples_common::{keep_freed_memory, peak_memory_bytes};

/// Measures training steps.
#[derive(Parser)]
struct Args {
    /// Folder of a Hugging Face checkpoint.
    #[arg(long)]
    model: PathBuf,
    /// Prompts of a step.
    #[arg(long, default_value_t = 4)]
    prompts: usize,
    /// Completions of each prompt.
    #[arg(long, default_value_t = 8)]
    group: usize,
    /// Tokens of each completion, all of them sampled.
    #[arg(long, default_value_t = 128)]
    new_tokens: usize,
    /// Measured steps, after one that is not.
    #[arg(long, default_value_t = 5)]
    steps: u64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    keep_freed_memory();
    let mut base = Pretrained::load(
        &args.model,
        Precision::fastest(&Device::flex()),
        &Device::flex(),
    )?;
    base.model.config.eos_token_id.clear(); // every completion has all its tokens
    let recipe = RecipeConfig {
        prompts_per_step: args.prompts,
        group_size: args.group,
        max_new_tokens: args.new_tokens,
        learning_rate: 1e-3,
        schedule: Schedule::Constant,
        warmup_steps: 0,
        // The amount of work does not depend on the rewards.
        reward: BTreeMap::from([(BuiltIn::Random, 1.0)]),
        ..RecipeConfig::default()
    }
    .build()?;
    let mut trainer = Trainer::new(&base, &recipe)?;
    let (mut seconds, mut prompts) = (vec![], vec![]);
    for _ in 0..=args.steps {
        let started = Instant::now();
        let groups = trainer.step()?.groups;
        seconds.push(started.elapsed().as_secs_f64());
        let texts = groups.into_iter().map(|group| group.prompt_text);
        prompts.extend(texts);
    }
    println!(
        "{}",
        serde_json::json!({
            "step_seconds": seconds[1..],
            "peak_memory_bytes": peak_memory_bytes(),
            "prompts": prompts,
        })
    );
    Ok(())
}
