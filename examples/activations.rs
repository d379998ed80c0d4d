//! Writes what a forward pass computes to a safetensors file: `logits`, `resid_post.0`,
//! `resid_post.1`, …
//!
//!     cargo run --release --example activations -- --prompt "Problem: Compute (3+5)*2-4." \
//!         --out activations.safetensors

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use trimtab::model::Site;
use trimtab::model::tensor_file::{HostTensor, TensorFile};
use trimtab_examples::{
    ModelArgs, VectorsArgs, exit_code, parse_flags, prepare_output, prompt_text, say,
};

/// Writes logits and residual streams of one sequence to a file.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Token ids, separated by commas.
    #[arg(long, value_delimiter = ',', conflicts_with = "prompt")]
    tokens: Option<Vec<u32>>,
    /// Text instead of token ids.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// Sites to write, separated by commas.
    #[arg(
        long,
        value_name = "SITES",
        value_delimiter = ',',
        default_value = "resid_post",
        value_parser = site_parser()
    )]
    sites: Vec<Site>,
    #[command(flatten)]
    vectors: VectorsArgs,
    /// Changes nothing: no random numbers are drawn.
    #[arg(long)]
    seed: Option<u64>,
    /// File to write.
    #[arg(long, default_value = "activations.safetensors")]
    out: PathBuf,
    /// Print one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

/// Reads the name of a site, and lists them all in the help.
fn site_parser() -> impl TypedValueParser<Value = Site> {
    PossibleValuesParser::new(Site::ALL.map(Site::name)).try_map(|name| name.parse::<Site>())
}

fn main() -> ExitCode {
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    prepare_output(&args.out, args.model.inputs(&args.vectors))?;
    let steered = args.model.load_steered(&args.vectors, 1)?;
    let base = &steered.base;
    let tokens = match (&args.tokens, &args.prompt) {
        (Some(tokens), _) => tokens.clone(),
        (None, Some(prompt)) => base.tokenizer.encode(&prompt_text(prompt))?,
        (None, None) => bail!("give the sequence with --tokens 1,2,3 or --prompt TEXT"),
    };
    let config = &base.model.config;
    ensure!(!tokens.is_empty(), "the sequence is empty");
    ensure!(
        tokens.len() <= config.max_len(),
        "the sequence has {} tokens, but the model can run {} at most",
        tokens.len(),
        config.max_len()
    );
    if let Some(token) = tokens
        .iter()
        .find(|&&token| token as usize >= config.vocab_size)
    {
        bail!(
            "token {token} is out of range: the model has {} tokens",
            config.vocab_size
        );
    }
    for site in &args.sites {
        let layers = &config.architecture.layers;
        let missing: Option<Vec<_>> = layers.iter().map(|layer| site.missing_in(layer)).collect();
        if let Some(reason) = missing.and_then(|reasons| reasons.first().copied()) {
            bail!("no layer has the site `{}`: {reason}", site.name());
        }
    }
    let (resid_post, cache) = base
        .model
        .run_with_cache(&[&tokens], &args.sites, steered.hook());
    let mut file = TensorFile::default();
    let logits = ("logits".to_owned(), base.model.logits(resid_post));
    let activations = cache
        .iter()
        .map(|(site, layer, x)| (format!("{}.{layer}", site.name()), x.clone()));
    for (name, tensor) in activations.chain([logits]) {
        file.tensors.insert(name, HostTensor::from(tensor));
    }
    if !base.allowed_config_keys.is_empty() {
        let keys = base.allowed_config_keys.clone().into();
        file.metadata.insert("allowed_config_keys".to_owned(), keys);
    }
    file.write(&args.out)?;
    if args.json {
        say!(
            "{}",
            serde_json::json!({ "tokens": tokens, "vectors": steered.sources, "out": args.out })
        )?;
    } else {
        say!(
            "{} tokens, {} layers: {}",
            tokens.len(),
            config.num_hidden_layers,
            args.out.display()
        )?;
    }
    Ok(())
}
