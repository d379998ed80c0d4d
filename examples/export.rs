//! Hands steering vectors to other runtimes, reloads what it wrote, and compares before it reports success.
//!
//!     cargo run --release --example export -- --vectors runs/quickstart/steering.safetensors --to hf --out runs/merged
//!
//! docs/export.md tells which runtime takes what.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, ValueEnum};
use indicatif::ProgressBar;
use serde_json::json;
use trimtab::steer::export::{
    ReferenceLogits, SlidingWindowPolicy, Verification, merge_checkpoint, merge_gguf,
    write_control_vector, write_npy,
};
use trimtab::{Precision, Pretrained, SteeringFile};
use trimtab_examples::{ModelArgs, progress};

/// Writes steering vectors for another runtime.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Steering vectors: a native file, a GGUF control vector or an npy matrix.
    #[arg(long, value_name = "FILE")]
    vectors: PathBuf,
    /// What is written.
    #[arg(long)]
    to: Target,
    /// File to write, or folder for `hf`.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// The GGUF model that `gguf-merged` puts the vectors into.
    #[arg(long, value_name = "MODEL.gguf", required_if_eq("to", "gguf-merged"))]
    gguf: Option<PathBuf>,
    /// For `gguf`: leave out the vector of layer 0, which a control vector cannot express.
    #[arg(long)]
    drop_layer_0: bool,
    /// For `hf`: limit the context of a model with a sliding window to the window.
    #[arg(long)]
    limit_context: bool,
    /// Take vectors that were made for another model of the same shape.
    #[arg(long)]
    force: bool,
    /// Nothing is random here; accepted as every program accepts it.
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Target {
    /// Control vector for llama.cpp and repeng.
    Gguf,
    /// Hugging Face checkpoint with the vectors inside.
    Hf,
    /// GGUF model with the vectors inside.
    GgufMerged,
    /// Native file.
    Safetensors,
    /// Matrix for NumPy.
    Npy,
}

fn main() -> Result<()> {
    let mut args = Args::parse();
    let dtype = *args.model.device.dtype.get_or_insert(Precision::F32);
    ensure!(
        dtype == Precision::F32,
        "an export is compared with the steered model in f32; leave out --dtype"
    );
    let dir = args.model.dir()?;
    let base = args.model.load_dir(&dir)?;
    let file = load(&args, &base)?;
    let bar = progress("exporting", 3);
    let checked = write(&args, &dir, base, file, &bar)?;
    bar.finish_and_clear();
    let target = args.to.to_possible_value().expect("no target is skipped");
    let (what, difference) = match checked {
        Verification::Logits { max_difference } => ("logits", Some(max_difference)),
        Verification::Tensors => ("tensors", None),
    };
    if args.json {
        println!(
            "{}",
            json!({ "to": target.get_name(), "out": args.out, "checked": what, "max_logit_difference": difference })
        );
    } else {
        let result = match difference {
            Some(difference) => format!("logits differ by at most {difference:.1e}"),
            None => "a quantised model is not run here; every tensor was compared".to_owned(),
        };
        println!("{}: {result}", args.out.display());
    }
    Ok(())
}

/// The vectors for `base`, with a warning where they were made for another model.
fn load(args: &Args, base: &Pretrained) -> Result<SteeringFile> {
    let path = &args.vectors;
    if args.force {
        let transfer = SteeringFile::transfer(path, base)?;
        for difference in transfer.differences {
            eprintln!("warning: {difference}");
        }
        Ok(transfer.file)
    } else {
        SteeringFile::read(path, base)
            .context("cannot load the steering vectors; --force takes those of another model of the same shape")
    }
}

/// Writes the export, reloads it and compares.
fn write(
    args: &Args,
    dir: &Path,
    base: Pretrained,
    mut file: SteeringFile,
    bar: &ProgressBar,
) -> Result<Verification> {
    let (out, config) = (&args.out, base.model.config.clone());
    if args.to == Target::Gguf && args.drop_layer_0 {
        file = file.without_layer_0()?;
    }
    let reference = {
        let steering = file.to_steering(&base.model)?;
        ReferenceLogits::new(&base.model, Some(&steering))
    };
    bar.inc(1);
    match args.to {
        Target::Safetensors => file.write(out)?,
        Target::Npy => write_npy(&file, out)?,
        Target::Gguf => write_control_vector(&file, out)?,
        Target::Hf => {
            drop(base); // one model at a time in memory
            let window = if args.limit_context {
                SlidingWindowPolicy::LimitContext
            } else {
                SlidingWindowPolicy::Refuse
            };
            merge_checkpoint(dir, &file, window, out)?;
            bar.inc(1);
            let merged = args.model.load_dir(out)?.model;
            let max_difference = reference.compare(&merged, None)?;
            return Ok(Verification::Logits { max_difference });
        }
        Target::GgufMerged => {
            drop(base);
            let Some(source) = &args.gguf else {
                bail!("give the GGUF model with --gguf");
            };
            return Ok(merge_gguf(source, &config, &file, out)?);
        }
    }
    bar.inc(1);
    let steering = SteeringFile::read(out, &base)?.to_steering(&base.model)?;
    let max_difference = reference.compare(&base.model, Some(&steering))?;
    Ok(Verification::Logits { max_difference })
}
