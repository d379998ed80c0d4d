//! Hands steering vectors to other runtimes. Reloads what it wrote and compares before it reports
//! success.
//!
//! ```text
//! cargo run --release --example export -- --to hf --out runs/merged \
//!     --vectors runs/quickstart/steering.safetensors
//! ```
//!
//! Takes a second; logits differ by less than 0.0001. docs/export.md says which runtime takes what.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Error, Result, bail, ensure};
use clap::Parser;
use serde_json::json;
use trimtab::Precision;
use trimtab::steer::export::{
    ExportError, ExportTarget, SlidingWindowPolicy, Verification, export,
};
use trimtab_examples::{ModelArgs, VectorsArgs, exit_code, keep_inputs, parse_flags, say, spinner};

/// Writes steering vectors for another runtime.
#[derive(Parser)]
#[command(mut_arg("vectors", |vectors| vectors.required(true)))]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    vectors: VectorsArgs,
    /// What to write: gguf (a control vector for llama.cpp), hf (a Hugging Face checkpoint with the
    /// vectors inside), gguf-merged (a GGUF model with the vectors inside), safetensors or npy.
    #[arg(long, value_parser = ["gguf", "hf", "gguf-merged", "safetensors", "npy"])]
    to: String,
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
    /// Changes nothing: an export draws no random numbers.
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    exit_code(run(&mut parse_flags()))
}

fn run(args: &mut Args) -> Result<()> {
    let dtype = *args.model.device.dtype.get_or_insert(Precision::F32);
    ensure!(
        dtype == Precision::F32,
        "an export is compared with the steered model in f32; leave out --dtype"
    );
    for (flag, given, of) in [
        ("--gguf", args.gguf.is_some(), "gguf-merged"),
        ("--drop-layer-0", args.drop_layer_0, "gguf"),
        ("--limit-context", args.limit_context, "hf"),
    ] {
        ensure!(!given || args.to == of, "{flag} is for --to {of} only");
    }
    if let Some(source) = args.vectors.vectors.iter().find(|one| one.path.is_dir()) {
        bail!(
            "{} is a folder; LoRA and full tuning need no export: other runtimes read their files \
             directly",
            source.path.display()
        );
    }
    keep_inputs(&args.out, args.model.inputs(&args.vectors))?;
    let base = args.model.load(1)?;
    let mut file = args.vectors.sum(&base)?;
    if args.drop_layer_0 {
        file = file.without_layer_0()?;
    }
    let spinner = spinner("exporting and comparing");
    let verification = export(base, &file, &target(args), &args.out).map_err(with_flag)?;
    spinner.finish_and_clear();
    let (what, difference) = match verification {
        Verification::Logits { max_difference } => ("logits", Some(max_difference)),
        Verification::Tensors => ("tensors", None),
    };
    if args.json {
        let (to, out) = (&args.to, &args.out);
        say!(
            "{}",
            json!({ "to": to, "out": out, "checked": what, "max_logit_difference": difference })
        )?;
    } else {
        let result = match difference {
            Some(difference) => format!("logits differ by at most {difference:.1e}"),
            None => "a quantised model is not run here; every tensor was compared".to_owned(),
        };
        say!("{}: {result}", args.out.display())?;
    }
    Ok(())
}

fn target(args: &Args) -> ExportTarget {
    match args.to.as_str() {
        "safetensors" => ExportTarget::Safetensors,
        "npy" => ExportTarget::Npy,
        "gguf" => ExportTarget::ControlVector,
        "hf" if args.limit_context => ExportTarget::Checkpoint(SlidingWindowPolicy::LimitContext),
        "hf" => ExportTarget::Checkpoint(SlidingWindowPolicy::Refuse),
        _ => ExportTarget::Gguf(args.gguf.clone().expect("clap requires it")),
    }
}

/// The error, with the flag that helps.
fn with_flag(error: ExportError) -> Error {
    let is_layer_0 = matches!(error, ExportError::LayerZero);
    let error = Error::from(error);
    if is_layer_0 {
        error.context("cannot export the vectors; --drop-layer-0 leaves the one of layer 0 out")
    } else {
        error
    }
}
