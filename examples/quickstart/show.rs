//! What the report and the terminal show.

use std::io;

use trimtab::NanoTask;
use trimtab::rl::reporting::{Answer, Example, Measured as Row, RunReport, TaskOutcomes};
use trimtab::tasks::{Sample, Split};
use trimtab_examples_common::say;

use crate::Args;
use crate::measure::Measured;

/// Problems shown side by side.
const EXAMPLES: usize = 8;
/// The task of the default recipe.
const TRAINED_ON: NanoTask = NanoTask::Gsm;

/// The accuracies of both tasks.
pub(crate) fn tasks(before: &Measured, after: &Measured, control: &Measured) -> Vec<TaskOutcomes> {
    let outcomes = |task: NanoTask| {
        let row = |label: &str, measured: &Measured| Row {
            label: label.to_owned(),
            outcome: measured.outcomes[&task].clone(),
        };
        let note = if task == TRAINED_ON {
            "trained on this task, measured on other problems"
        } else {
            "never trained on: any gain is transfer"
        };
        TaskOutcomes {
            task: task.name().to_owned(),
            note: note.to_owned(),
            before: row("before", before),
            after: row("after", after),
            control: Some(row("control", control)),
        }
    };
    NanoTask::ALL.map(outcomes).into()
}

/// The first problems of the task that is trained on, whatever the answers.
pub(crate) fn examples(seed: u64, before: &Measured, after: &Measured) -> Vec<Example> {
    let pairs = before.samples[&TRAINED_ON]
        .iter()
        .zip(&after.samples[&TRAINED_ON]);
    let example = |(index, (before, after)): (u64, (&Vec<Sample>, &Vec<Sample>))| {
        let question = TRAINED_ON.problem(Split::HeldOut, seed, index).question;
        let answer = |label: &str, samples: &[Sample]| Answer {
            label: label.to_owned(),
            question: question.clone(),
            gold: samples[0].gold.clone(),
            text: samples[0].prediction.clone(),
            correct: samples[0].is_correct(),
        };
        Example {
            before: answer("before", before),
            after: answer("after", after),
        }
    };
    (0..).zip(pairs).take(EXAMPLES).map(example).collect()
}

/// Prints the accuracies and the tokens of the last layer.
pub(crate) fn summarise(report: &RunReport) -> io::Result<()> {
    let steps = report.metrics.len();
    say!("{} numbers, trained for {steps} steps\n", report.parameters)?;
    say!(
        "{:<10} {:>22} {:>22} {:>22}",
        "",
        "base",
        "steered",
        "random directions"
    )?;
    for row in &report.tasks {
        let share = |measured: &Row| {
            let [low, high] = measured.outcome.ci95.map(|share| 100.0 * share);
            let accuracy = 100.0 * measured.outcome.accuracy;
            format!("{accuracy:.1} % ({low:.1} to {high:.1})")
        };
        let control = row.control.as_ref().map(share).unwrap_or_default();
        say!(
            "{:<10} {:>22} {:>22} {control:>22}",
            row.task,
            share(&row.before),
            share(&row.after),
        )?;
    }
    if let Some(last) = report.tokens.last() {
        let tokens = last.promoted.iter().map(|(token, _)| format!("{token:?}"));
        let tokens: Vec<String> = tokens.collect();
        say!("\nthe last layer raises {}", tokens.join(" "))?;
    }
    Ok(())
}

/// The command that repeats the run.
pub(crate) fn command(args: &Args) -> String {
    let mut command = format!(
        "cargo run --release --example quickstart -- --seed {}",
        args.seed
    );
    if let Some(steps) = args.steps {
        command += &format!(" --steps {steps}");
    }
    if let Some(model) = &args.model {
        command += &format!(" --model {}", model.display());
    }
    command
}
