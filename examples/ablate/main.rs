//! Measures what causes the effect of vectors: other strengths, one layer left out or alone, random
//! directions of the same lengths, a text put before the answer.
//!
//! ```text
//! cargo run --release --example ablate -- --vectors runs/quickstart/steering.safetensors \
//!     --prefix To --out runs/ablation
//! ```
//!
//! Takes some seconds on the bundled model. The same command continues a run that was stopped.
//! docs/lens.md says how to read the table.

mod figure;
mod table;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, value_parser};
use serde::Serialize;
use trimtab::SteeringFile;
use trimtab::lens::Ablation;
use trimtab::model::file::{sha256_hex, write_atomically};
use trimtab::model::tensor_file::HostTensor;
use trimtab::model::{Hook, Pretrained};
use trimtab::rl::evaluation::EvaluationPlan;
use trimtab::steer::{SteeringVectors, algebra};
use trimtab::tasks::evaluation::{
    Arm, ArmVectors, Comparison, Difference, Outcome, Protocol, Sample,
};
use trimtab_examples::{
    EvaluationArgs, ModelArgs, Stop, VectorsArgs, exit_code, measure_arm, note, parse_flags,
    prompt_text, say,
};

/// Measures a model with its vectors changed one way at a time, on the same problems.
#[derive(Parser)]
#[command(mut_arg("vectors", |vectors| {
    vectors
        .required(true)
        .value_name("FILE[@STRENGTH]")
        .help("Vectors that are changed: a native file, a GGUF control vector or an npy matrix. \
               May be given several times; they are summed")
        .long_help(None)
}))]
struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    evaluation: EvaluationArgs,
    #[command(flatten)]
    vectors: VectorsArgs,
    /// Factors on all vectors, separated by commas, besides 0 (the base) and 1.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "-1,-0.5,0.5,1.5,2",
        value_parser = |text: &str| text.trim().parse::<f32>()
    )]
    strengths: Vec<f32>,
    /// Sets of random directions with the lengths of the vectors.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 3,
        value_parser = value_parser!(u64).range(..=1000)
    )]
    random: u64,
    /// Measure the base with answers that begin with this text, such as `To`; may be given several
    /// times.
    #[arg(long, value_name = "TEXT")]
    prefix: Vec<String>,
    /// Folder of the results: one evaluation each, ablation.json and ablation.svg.
    #[arg(long, value_name = "DIR", default_value = "runs/ablation")]
    out: PathBuf,
    /// Print a JSON list on standard output instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a model did under one change.
#[derive(Debug, Serialize)]
struct Measured {
    /// The name, such as `without layer 3`.
    name: String,
    /// The change of the vectors; none for a text before the answer.
    ablation: Option<Ablation>,
    /// The figures.
    outcome: Outcome,
    /// The paired difference to the base.
    against_base: Difference,
    /// The paired difference to the vectors as they are.
    against_vectors: Difference,
}

/// An evaluation before it is compared.
struct Finished {
    name: String,
    ablation: Option<Ablation>,
    outcome: Outcome,
    samples: Vec<Vec<Sample>>,
}

fn main() -> ExitCode {
    trimtab_hub::install();
    exit_code(run(&parse_flags()))
}

fn run(args: &Args) -> Result<()> {
    if let Some(strength) = args.strengths.iter().find(|it| !it.is_finite()) {
        bail!("--strengths has {strength}; give finite numbers");
    }
    ensure!(
        !args.prefix.iter().any(String::is_empty),
        "--prefix is empty; give a text, or leave it out"
    );
    if let Some(folder) = args.vectors.vectors.iter().find(|it| it.path.is_dir()) {
        bail!(
            "{} is a folder; ablate changes vectors, which are files",
            folder.path.display()
        );
    }
    ensure!(
        !args.out.join("config.toml").exists(),
        "{} is the folder of a training run; give another --out",
        args.out.display()
    );
    let stop = Stop::on_ctrl_c()?;
    let base = args.model.load(usize::MAX)?;
    let file = args.vectors.sum(&base)?;
    file.to_vectors(&base.model.device())?; // refuses what is not added to every token
    for &strength in &args.strengths {
        SteeringFile::check_size(&file.parameters, strength, &args.vectors.vectors[0].path)
            .context("cannot take this value of --strengths")?;
    }
    let vectors = file.vectors()?;
    ensure!(
        algebra::norms(vectors).iter().any(|&norm| norm > 0.0),
        "the vectors are zero, so there is nothing to measure"
    );
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let plan = EvaluationPlan::new(&base, base.precision, &args.evaluation.settings()?)?;
    for prefix in &args.prefix {
        check_room(&base, &with_prefix(&plan, &prompt_text(prefix)), prefix)?;
    }
    let measured = measure(args, &base, vectors, &plan, &stop)?;
    write(
        args,
        "ablation.json",
        &(serde_json::to_string_pretty(&measured)? + "\n"),
    )?;
    write(args, "ablation.svg", &figure::forest_plot(&measured)?)?;
    if args.json {
        say!("{}", serde_json::to_string(&measured)?)?;
    } else {
        say!("{}", table::table(&measured).trim_end())?;
        say!("figure: {}", args.out.join("ablation.svg").display())?;
    }
    Ok(())
}

fn write(args: &Args, name: &str, text: &str) -> Result<()> {
    let path = args.out.join(name);
    write_atomically(&path, text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

fn measure(
    args: &Args,
    base: &Pretrained,
    vectors: &HostTensor,
    plan: &EvaluationPlan,
    stop: &Stop,
) -> Result<Vec<Measured>> {
    let ablations = Ablation::all(vectors, &args.strengths, args.random);
    let prefixes: BTreeSet<String> = args.prefix.iter().map(|it| prompt_text(it)).collect();
    let count = ablations.len() + prefixes.len();
    let mut done: Vec<Finished> = vec![];
    let mut one =
        |name: String, file: String, ablation: Option<Ablation>, plan: &EvaluationPlan| {
            stop.check("stopped; the same command continues from here")?;
            note!("{} of {count}: {name}", done.len() + 1)?;
            let changed = ablation.filter(|it| *it != BASE);
            let changed = changed.map(|it| it.apply(vectors, args.evaluation.seed));
            let steering = changed
                .as_ref()
                .map(|it| SteeringVectors::from_host(it, &base.model.device()));
            let hook = steering.as_ref().map(SteeringVectors::hook);
            let hook: Option<Hook> = hook.as_ref().map(|hook| hook as Hook);
            let arm = arm(args, base, &name, changed.as_ref());
            let out = args.out.join(file + ".json");
            let (report, samples) = measure_arm((base, hook), plan, arm, Some(&out), stop)?;
            let outcome = report.outcome.expect("a finished evaluation");
            done.push(Finished {
                name,
                ablation,
                outcome,
                samples,
            });
            anyhow::Ok(())
        };
    for ablation in ablations {
        let name = ablation.to_string();
        let file = name.replace(' ', "-");
        one(name, file, Some(ablation), plan)?;
    }
    for prefix in &prefixes {
        let file = format!("prefix-{}", &sha256_hex(prefix.as_bytes())[..12]);
        let name = format!("base, answers begin with {prefix:?}");
        one(name, file, None, &with_prefix(plan, prefix))?;
    }
    // The first two are the base and the vectors.
    let samples: Vec<&[Vec<Sample>]> = done.iter().map(|arm| &arm.samples[..]).collect();
    let against = |reference: usize, arm: usize| {
        Comparison::of(samples[reference], samples[arm]).map(|comparison| comparison.overall)
    };
    let differences = (0..done.len()).map(|arm| Ok((against(0, arm)?, against(1, arm)?)));
    let differences = differences.collect::<Result<Vec<_>>>()?;
    let measured = done.into_iter().zip(differences);
    let measured = measured.map(|(arm, (against_base, against_vectors))| Measured {
        name: arm.name,
        ablation: arm.ablation,
        outcome: arm.outcome,
        against_base,
        against_vectors,
    });
    Ok(measured.collect())
}

const BASE: Ablation = Ablation::Strength { strength: 0.0 };

/// The problems with a text at the end of each prompt.
fn with_prefix(plan: &EvaluationPlan, text: &str) -> EvaluationPlan {
    let mut items = plan.items.clone();
    for item in &mut items {
        item.prompt.push_str(text);
    }
    let protocol = &plan.protocol;
    let protocol = Protocol::new(
        &protocol.task,
        &(protocol.prompt_template.clone() + text),
        &items,
        protocol.decoding.clone(),
        protocol.rules,
        &protocol.dtype,
    );
    EvaluationPlan { items, protocol }
}

/// Refuses a prefix that leaves no room for completions, before the hours that come first.
fn check_room(base: &Pretrained, plan: &EvaluationPlan, prefix: &str) -> Result<()> {
    let (new, most) = (
        plan.protocol.decoding.max_new_tokens,
        base.model.config.max_len(),
    );
    for item in &plan.items {
        let len = base.tokenizer.encode_rendered(&item.prompt)?.len();
        ensure!(
            len + new <= most,
            "--prefix `{}` makes a prompt of {len} tokens, and with --max-new-tokens {new} the \
             model's {most} are too few; shorten one of them",
            prefix.chars().take(40).collect::<String>()
        );
    }
    Ok(())
}

/// The hash is that of the changed vectors, in little-endian f32.
fn arm(args: &Args, base: &Pretrained, name: &str, changed: Option<&HostTensor>) -> Arm {
    let sources = args.vectors.vectors.iter().map(|source| {
        let file = source.path.file_name().unwrap_or_default();
        format!("{}@{}", file.to_string_lossy(), source.strength)
    });
    let sources: Vec<String> = sources.collect();
    let vectors = changed.map(|changed| {
        let bytes: Vec<u8> = changed.data.iter().flat_map(|x| x.to_le_bytes()).collect();
        ArmVectors {
            file: format!("{}: {name}", sources.join(" + ")),
            sha256: sha256_hex(&bytes),
            strength: 1.0,
        }
    });
    Arm {
        model: base.name.clone(),
        model_sha256: base.sha256.clone(),
        vectors: vectors.into_iter().collect(),
        device: args.model.device.device.clone(),
        allowed_config_keys: base.allowed_config_keys.clone(),
    }
}
