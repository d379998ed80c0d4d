//! Completes a prompt, streamed.
//!
//!     cargo run --release --example generate -- --prompt "Problem: Compute (3+5)*2-4.
//!     Answer:" --vectors runs/quickstart/steering.safetensors

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use trimtab::model::file::write_atomically;
use trimtab::model::generation::{Generation, stop_on_text};
use trimtab::model::{ChatMessage, GenerateOptions};
use trimtab::{Request, Sampling};
use trimtab_examples::{ModelArgs, Stop};

/// Completes a prompt.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Text to continue; `\n` may be written for a line break.
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// Steering vectors.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Longest completion in tokens.
    #[arg(long, default_value_t = 96)]
    max_new_tokens: usize,
    /// Sampling temperature; 0 is greedy.
    #[arg(long, default_value_t = 1.0)]
    temperature: f32,
    /// Draw from the so many most likely tokens only; 0 is all.
    #[arg(long, default_value_t = 0)]
    top_k: usize,
    /// Draw from the fewest tokens that together have this probability.
    #[arg(long, default_value_t = 1.0)]
    top_p: f32,
    /// Draw from tokens at least this many times as likely as the likeliest.
    #[arg(long, default_value_t = 0.0)]
    min_p: f32,
    /// Push down tokens that the text already has; 1 does not.
    #[arg(long, default_value_t = 1.0)]
    repetition_penalty: f32,
    /// End at this text; may be given several times.
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Put the prompt to the model as a user's message, through its chat template.
    #[arg(long)]
    chat: bool,
    /// Seed of the sampling.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write the JSON object to this file too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object on standard output instead of the text.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let stop = Stop::on_ctrl_c()?;
    let steered = args.model.load_steered(args.vectors.as_deref())?;
    let base = &steered.base;
    let text = args.prompt.replace("\\n", "\n");
    let prompt = if args.chat {
        let template = base
            .chat_template
            .as_ref()
            .context("this model has no chat template")?;
        let rendered = template.render(&[ChatMessage::new("user", text)], true)?;
        base.tokenizer.encode_rendered(&rendered)?
    } else {
        base.tokenizer.encode(&text)?
    };
    let sampling = Sampling {
        repetition_penalty: args.repetition_penalty,
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
        max_new_tokens: args.max_new_tokens,
        stop_tokens: base.model.config.eos_token_id.clone(),
        seed: args.seed,
        ..Sampling::default()
    };
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
    let mut printed = String::new();
    let mut tokens = vec![];
    while let Some(drawn) = generation.next() {
        tokens.push(drawn?.token);
        print_rest(&base.tokenizer.decode(&tokens)?, &mut printed, args.json)?;
        if stop.requested() {
            generation.cancel(0, 0);
        }
    }
    let completion = generation.finish().remove(0).remove(0);
    let text = base.tokenizer.decode(&completion.tokens)?;
    print_rest(&text, &mut printed, args.json)?;
    let report = serde_json::json!({
        "token_ids": completion.tokens,
        "text": text,
        "logprobs": completion.logprobs,
        "finish_reason": completion.finish_reason,
    });
    if let Some(path) = &args.out {
        write_atomically(path, format!("{report}\n").as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!(
        "{}",
        if args.json {
            report.to_string()
        } else {
            String::new()
        }
    );
    stop.check("stopped");
    Ok(())
}

/// Prints what `text` has beyond what is on the screen; text that changed under way waits for the next call.
fn print_rest(text: &str, printed: &mut String, silent: bool) -> Result<()> {
    if let (false, Some(rest)) = (silent, text.strip_prefix(printed.as_str())) {
        print!("{rest}");
        std::io::stdout().flush()?;
        *printed = text.to_owned();
    }
    Ok(())
}
