//! Trains vectors on the bundled model. Prints one JSON object with the share of right answers of
//! each step, and the problems.
//!
//! `benches/peers/trl_curve.py` trains on the same problems with TRL.

use clap::Parser;
use trimtab::rl::advantage::Advantage;
use trimtab::rl::optim::Schedule;
use trimtab::{Device, Precision, Pretrained, RecipeConfig, Trainer};
use trimtab_examples_common::{bundled_model, keep_freed_memory};

/// Trains vectors on the bundled model.
#[derive(Parser)]
struct Args {
    /// Seed of problems and sampling.
    #[arg(long)]
    seed: u64,
    /// Training steps.
    #[arg(long, default_value_t = 15)]
    steps: u64,
    /// Peak learning rate, from the first step on.
    #[arg(long, default_value_t = 0.2)]
    learning_rate: f32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    keep_freed_memory();
    let base = Pretrained::load(&bundled_model(), Precision::F32, &Device::flex())?;
    let recipe = RecipeConfig {
        steps: args.steps,
        seed: args.seed,
        learning_rate: args.learning_rate,
        schedule: Schedule::Constant,
        warmup_steps: 0,
        advantage: Advantage::GroupMean,
        ..RecipeConfig::default()
    }
    .build()?;
    let mut trainer = Trainer::new(&base, &recipe)?;
    let (mut accuracies, mut lengths, mut problems) = (vec![], vec![], vec![]);
    for _ in 0..args.steps {
        let step = trainer.step()?;
        accuracies.push(step.metrics.accuracy);
        lengths.push(step.metrics.mean_length);
        let groups = step.groups.into_iter();
        problems.extend(groups.map(|group| {
            serde_json::json!({ "prompt": group.prompt_text, "answer": group.problem.answer })
        }));
    }
    println!(
        "{}",
        serde_json::json!({ "accuracy": accuracies, "length": lengths, "problems": problems })
    );
    Ok(())
}
