//! Completes a prompt and prints the text while it is sampled.
//!
//! ```text
//! cargo run --release --example generate -- --prompt "Problem: Compute (3+5)*2-4.
//! Answer:" --vectors runs/quickstart/steering.safetensors
//! ```
//!
//! Takes a second; the vectors of the quickstart make the bundled model answer 12.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use trimtab::Request;
use trimtab::model::file::write_atomically;
use trimtab::model::generation::{Generation, stop_on_text};
use trimtab::model::tokenizer::TextStream;
use trimtab::model::{ChatMessage, GenerateOptions, Pretrained};
use trimtab_examples::{
    ModelArgs, SamplingArgs, Stop, VectorsArgs, exit_code, note, parse_flags, prepare_output,
    prompt_text, say,
};

/// Completes a prompt.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Text to continue; `\n` stands for a line break, unless a small letter follows, as in
    /// `\neq`.
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    #[command(flatten)]
    vectors: VectorsArgs,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// End at this text; may be given several times.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    stop: Vec<String>,
    /// Send the prompt as a user's message, through the model's chat template.
    #[arg(long)]
    chat: bool,
    /// Show what is sent to the model, as text and token ids, before the completion.
    #[arg(long)]
    show_prompt: bool,
    /// Write the JSON object to this file too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object on standard output instead of the text.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    if let Some(folder) = args.out.as_ref().filter(|path| path.is_dir()) {
        bail!("{} is a folder; name a file with --out", folder.display());
    }
    if let Some(out) = &args.out {
        prepare_output(out, args.model.inputs(&args.vectors))?;
    }
    let stop = Stop::on_ctrl_c()?;
    let steered = args.model.load_steered(&args.vectors, 1)?;
    let base = &steered.base;
    let (prompt_text, prompt) = prompt(args, base)?;
    if args.show_prompt {
        let shown = format!("prompt: {prompt_text}\ntoken_ids: {prompt:?}\n");
        if args.json {
            note!("{shown}")?;
        } else {
            say!("{shown}")?;
        }
    }
    let sampling = args.sampling.sampling(&base.model.config);
    let request = [Request {
        prompt: &prompt,
        index: 0,
        samples: 1,
    }];
    let at_text = stop_on_text(&base.tokenizer, &args.stop);
    let options = GenerateOptions {
        hook: steered.hook(),
        stop: (!args.stop.is_empty()).then_some(&at_text),
        cancel: None,
    };
    let mut generation = Generation::start(&base.model, &request, &sampling, options)?;
    let mut text = TextStream::new(&base.tokenizer);
    while let Some(sampled) = generation.next() {
        print(args, &text.push(sampled?.token)?)?;
        if stop.requested() {
            generation.cancel(0, 0);
        }
    }
    print(args, &text.finish()?)?;
    let completion = generation.finish().remove(0).remove(0);
    let mut report = serde_json::json!({
        "token_ids": completion.tokens,
        "text": base.tokenizer.decode(&completion.tokens)?,
        "logprobs": completion.logprobs,
        "finish_reason": completion.finish_reason,
        "vectors": steered.sources,
    });
    if args.show_prompt {
        report["prompt"] = prompt_text.into();
        report["prompt_token_ids"] = prompt.into();
    }
    if let Some(path) = &args.out {
        write_atomically(path, format!("{report}\n").as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let last = args.json.then(|| report.to_string());
    say!("{}", last.unwrap_or_default())?;
    Ok(stop.check("stopped")?)
}

/// What is sent to the model, as text with its special tokens and as token ids.
fn prompt(args: &Args, base: &Pretrained) -> Result<(String, Vec<u32>)> {
    let text = prompt_text(&args.prompt);
    if !args.chat {
        let tokens = base.tokenizer.encode(&text)?;
        return Ok((base.tokenizer.decode_with_special_tokens(&tokens)?, tokens));
    }
    let template = base
        .chat_template
        .as_ref()
        .context("this model has no chat template")?;
    let rendered = template.render(&[ChatMessage::new("user", text)], true)?;
    let tokens = base.tokenizer.encode_rendered(&rendered)?;
    Ok((rendered, tokens))
}

/// Shows a piece of the completion at once.
fn print(args: &Args, text: &str) -> Result<()> {
    if !args.json {
        let mut stdout = io::stdout();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
    }
    Ok(())
}
