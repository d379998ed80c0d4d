//! Trains steering vectors by a recipe; takes up a stopped run from its folder.
//!
//!     cargo run --release --example train -- --set steps=60 --set learning_rate=0.01 --out runs/mine

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Parser;
use trimtab::{Recipe, Run};
use trimtab_examples::{ModelArgs, Stop, progress};

/// Trains steering vectors with reward on a task.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Recipe in TOML; what it leaves out keeps its default.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key of the recipe, such as `steps=60`; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seed of problems and sampling; the same as `--set seed=N`.
    #[arg(long)]
    seed: Option<u64>,
    /// Run folder.
    #[arg(long, default_value = "runs/train")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let stop = Stop::on_ctrl_c()?;
    let recipe = recipe(&args)?;
    let base = args.model.load()?;
    let mut run = Run::open(&args.out, &base, &recipe)?;
    let bar = progress("training", recipe.steps).with_position(run.step());
    while let Some(metrics) = run.advance()? {
        bar.set_position(run.step());
        bar.set_message(format!("right {:.0} %", 100.0 * metrics.accuracy));
        if bar.is_hidden() {
            eprintln!(
                "step {} right {:.1} % length {:.1}",
                metrics.step,
                100.0 * metrics.accuracy,
                metrics.mean_length
            );
        }
        stop.check(&format!(
            "stopped after step {}; the same command goes on from here",
            run.step()
        ));
    }
    bar.finish();
    let vectors = run.export()?;
    let last = run.metrics()?.pop();
    if args.json {
        println!(
            "{}",
            serde_json::json!({ "steps": run.step(), "last": last, "vectors": vectors, "out": args.out })
        );
    } else {
        println!(
            "{} steps done; the vectors are in {}",
            run.step(),
            vectors.display()
        );
    }
    Ok(())
}

/// The recipe file with the `--set` values put over it.
fn recipe(args: &Args) -> Result<Recipe> {
    let mut table: toml::Table = match &args.config {
        None => toml::Table::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            text.parse()
                .with_context(|| format!("{} is not TOML", path.display()))?
        }
    };
    for setting in args
        .set
        .iter()
        .cloned()
        .chain(args.seed.map(|seed| format!("seed={seed}")))
    {
        let Some((key, value)) = setting.split_once('=') else {
            bail!("`--set {setting}` has no `=`; write it as key=value");
        };
        // A word that is no TOML value is meant as a string: `task=nano-math`.
        let parsed = format!("{key} = {value}")
            .parse()
            .or_else(|_| format!("{key} = {value:?}").parse::<toml::Table>());
        merge(
            &mut table,
            parsed.with_context(|| format!("`--set {setting}` is no setting"))?,
        );
    }
    table
        .try_into()
        .context("the recipe does not fit; its keys are described in docs/recipe.md")
}

fn merge(table: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) => merge(inner, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}
