//! Reads vectors and residual streams as tokens.
//!
//! ```text
//! cargo run --release --example lens -- --vectors runs/quickstart/steering.safetensors \
//!     --prompt "Problem: Compute (3+5)*2-4.\nAnswer:" --out lens.html
//! ```
//!
//! Takes a second on the bundled model. docs/lens.md says what the figures mean.

mod args;
mod comparison;
mod figures;
mod print;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use trimtab::SteeringFile;
use trimtab::lens::report::{AttributionReport, LensReport, PatchingReport, TextReport};
use trimtab::lens::{
    LayerReading, LogitLensOptions, Target, TunedLens, VectorLens, Vocabulary,
    direct_logit_attribution, logit_lens, patch, persistence, project, trajectory,
};
use trimtab::model::tensor_file::HostTensor;
use trimtab::model::{Hook, Pretrained};
use trimtab::rl::checkpoint::vectors_by_step;
use trimtab::steer::algebra;
use trimtab_examples::{exit_code, note, parse_flags, prepare_output, progress, say};

use crate::args::{Args, token};

fn main() -> ExitCode {
    trimtab_hub::install();
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    args.check()?;
    if let Some(out) = &args.out {
        prepare_output(out, args.inputs())?;
    }
    let base = args.model.load(1)?;
    let vocabulary = Vocabulary::of(&base);
    let mut report = LensReport {
        model: base.name.clone(),
        draws: args.draws,
        measured_draws: args.measured_draws,
        ..LensReport::default()
    };
    let vectors = vectors(args, &base)?;
    if !args.vectors.vectors.is_empty() {
        let sources = args.vectors.vectors.iter();
        report.vectors = sources.map(comparison::name).collect();
    }
    let prompts = args.read_prompts(&base)?;
    let prompts = prompts.iter().flatten().map(Vec::as_slice);
    let prompts: Vec<&[u32]> = prompts.collect();
    if let Some(vectors) = &vectors {
        report.readings = readings(args, &base, &vocabulary, (vectors, &prompts))?;
        if !prompts.is_empty() {
            let bar = progress("layers followed", steered_layers(vectors));
            let mut done = |count| bar.inc(count as u64);
            report.persistence = persistence(&base.model, vectors, &prompts, &mut done)?;
            bar.finish_and_clear();
        }
    }
    if !args.compare.is_empty() {
        report.comparison = Some(comparison::report(args, &base, &prompts)?);
    }
    if let Some(run) = &args.run {
        let steps = vectors_by_step(run, &base)?;
        report.run = Some(run.display().to_string());
        let (_, last) = steps.last().expect("a run with checkpoints");
        ensure!(
            steered_layers(last) > 0,
            "the vectors of {} are still zero, so there is nothing to say",
            run.display()
        );
        report.trajectory = trajectory(&base.model, &base.tokenizer, &steps, args.top);
    }
    if let Some(prompt) = &args.prompt {
        let steered = args.vectors.steer(base)?;
        let tokens = args
            .encode(prompt, &steered.base)
            .context("cannot read --prompt")?;
        let hook = steered.hook().filter(|_| args.steered);
        let read = (&vocabulary, vectors.as_ref(), hook);
        report.text = Some(text(args, &steered.base, &tokens, read)?);
        report.patching = patching(args, &steered.base, (&vocabulary, hook), &tokens)?;
    }
    if let Some(folder) = &args.figures {
        let written = figures::write(&report, folder);
        written.with_context(|| format!("cannot write figures to {}", folder.display()))?;
    }
    if let Some(out) = &args.out {
        let written = report.write(out);
        written.with_context(|| format!("cannot write {}", out.display()))?;
    }
    if args.json {
        return Ok(say!("{}", serde_json::to_string(&report)?)?);
    }
    print::report(&report)?;
    if let Some(out) = &args.out {
        say!("page: {}", out.display())?;
    }
    if let Some(folder) = &args.figures {
        say!("figures: {}", folder.display())?;
    }
    Ok(())
}

/// The sum of the vectors, of the layers that are asked for. `None` if there are none to read: no
/// source, or one that only acts on prompts.
fn vectors(args: &Args, base: &Pretrained) -> Result<Option<HostTensor>> {
    let sources = &args.vectors.vectors;
    if sources.is_empty() {
        return Ok(None);
    }
    let acts_only = args.steered || !args.compare.is_empty();
    if let Some(folder) = sources.iter().find(|source| source.path.is_dir()) {
        ensure!(
            acts_only,
            "{} is a folder, and the lens reads files of vectors; with --prompt and --steered, it \
             acts on the prompt, and with --compare and --prompts, it is compared",
            folder.path.display()
        );
        return Ok(None);
    }
    let file: SteeringFile = match args.vectors.sum(base) {
        Err(_) if acts_only => return Ok(None), // what acts says what is wrong, if anything is
        file => file?,
    };
    let mut vectors = match file.resid_post_vectors() {
        Ok(vectors) => vectors.clone(),
        Err(_) if acts_only => return Ok(None),
        Err(error) => {
            let note = "the lens reads vectors at resid_post; with --prompt and --steered, others \
                        act on the prompt, and with --compare, they are compared";
            return Err(error).context(note);
        }
    };
    if let Some(layers) = &args.layers {
        vectors = algebra::select_layers(&vectors, layers)?;
    }
    let norms = algebra::norms(&vectors);
    ensure!(
        norms.iter().any(|&norm| norm > 0.0),
        "the vectors are zero in every layer that is read, so there is nothing to say"
    );
    let zero = |layer: &&usize| norms.get(**layer).is_some_and(|&norm| norm == 0.0);
    for layer in args.layers.iter().flatten().filter(zero) {
        note!("layer {layer} is left out: its vector is zero")?;
    }
    Ok(Some(vectors))
}

fn readings(
    args: &Args,
    base: &Pretrained,
    vocabulary: &Vocabulary,
    (vectors, prompts): (&HostTensor, &[&[u32]]),
) -> Result<Vec<LayerReading>> {
    let mut lens = VectorLens::new(&base.model, vocabulary.clone(), args.options());
    for group in args.groups(vocabulary)? {
        lens = lens.with_group(group);
    }
    let bar = progress("random directions", args.draws as u64);
    let mut readings = lens.unembedding(vectors, &mut |done| bar.inc(done as u64));
    bar.finish_and_clear();
    if !prompts.is_empty() {
        let bar = progress("random directions", args.draws as u64);
        let mut drawn = |done| bar.inc(done as u64);
        readings.extend(lens.linearised(vectors, prompts, &mut drawn)?);
        bar.finish_and_clear();
        let bar = progress("measured layers", steered_layers(vectors));
        readings.extend(lens.measured(vectors, prompts, &mut |done| bar.inc(done as u64))?);
        bar.finish_and_clear();
    }
    Ok(readings)
}

fn steered_layers(vectors: &HostTensor) -> u64 {
    let norms = algebra::norms(vectors).into_iter();
    norms.filter(|&norm| norm > 0.0).count() as u64
}

fn text(
    args: &Args,
    base: &Pretrained,
    tokens: &[u32],
    (vocabulary, vectors, hook): (&Vocabulary, Option<&HostTensor>, Option<Hook>),
) -> Result<TextReport> {
    let chosen = args.follow.iter().map(|text| token(text, "--follow", base));
    let tuned = args.tuned.as_ref();
    let tuned = tuned.map(|path| TunedLens::read(path, base)).transpose()?;
    let options = LogitLensOptions {
        tuned: tuned.as_ref(),
        top_k: args.top,
        chosen: chosen.collect::<Result<_>>()?,
    };
    let projections = match vectors {
        Some(vectors) => project(&base.model, tokens, vectors, hook)?,
        None => vec![],
    };
    let attribution = match &args.answer {
        None => None,
        Some(answer) => {
            let against = args.against.as_ref();
            let against = against
                .map(|text| token(text, "--against", base))
                .transpose()?;
            let target = Target {
                position: tokens.len().saturating_sub(1),
                token: token(answer, "--answer", base)?,
                against,
            };
            Some(AttributionReport {
                answer: vocabulary.text(target.token).to_owned(),
                against: against.map(|token| vocabulary.text(token).to_owned()),
                attribution: direct_logit_attribution(&base.model, tokens, target, hook)?,
            })
        }
    };
    Ok(TextReport {
        points: logit_lens(&base.model, vocabulary, tokens, hook, &options)?,
        tokens: texts(vocabulary, tokens),
        steered: hook.is_some(),
        tuned: tuned.is_some(),
        projections,
        attribution,
    })
}

fn patching(
    args: &Args,
    base: &Pretrained,
    (vocabulary, hook): (&Vocabulary, Option<Hook>),
    clean: &[u32],
) -> Result<Option<PatchingReport>> {
    let (Some(corrupted), Some(answer), Some(against)) =
        (&args.corrupted, &args.answer, &args.against)
    else {
        return Ok(None);
    };
    let corrupted = args
        .encode(corrupted, base)
        .context("cannot read --corrupted")?;
    ensure!(
        corrupted != clean,
        "--corrupted has the tokens of the prompt; give one with another answer"
    );
    let answers = [
        token(answer, "--answer", base)?,
        token(against, "--against", base)?,
    ];
    let places = base.model.config.num_hidden_layers * clean.len();
    let bar = progress("patches", places as u64);
    let mut done = |count| bar.inc(count as u64);
    let prompts = [clean, &corrupted];
    let patching = patch(&base.model, prompts, answers, args.site, hook, &mut done)?;
    bar.finish_and_clear();
    let [answer, against] = answers.map(|token| vocabulary.text(token).to_owned());
    Ok(Some(PatchingReport {
        clean: texts(vocabulary, clean),
        corrupted: texts(vocabulary, &corrupted),
        answer,
        against,
        patching,
    }))
}

fn texts(vocabulary: &Vocabulary, tokens: &[u32]) -> Vec<String> {
    let texts = tokens
        .iter()
        .map(|&token| vocabulary.text(token).to_owned());
    texts.collect()
}
