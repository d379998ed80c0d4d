//! The evaluation of a model in one way of steering it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use trimtab::evaluate;
use trimtab::model::{Hook, Pretrained};
use trimtab::rl::evaluation::EvaluationPlan;
use trimtab::tasks::EvaluationRun;
use trimtab::tasks::evaluation::{Arm, Report, Sample};

use crate::{Stop, note, progress};

/// Measures an arm, or goes on with what `out` has of it. The result comes with the samples of each
/// problem.
///
/// # Errors
///
/// The files in `out` belong to another run or cannot be written, the model cannot run a prompt, or
/// the user stops the program.
pub fn measure_arm(
    (base, hook): (&Pretrained, Option<Hook>),
    plan: &EvaluationPlan,
    arm: Arm,
    out: Option<&Path>,
    stop: &Stop,
) -> Result<(Report, Vec<Vec<Sample>>)> {
    let items = &plan.items;
    let mut run = EvaluationRun::open(out, plan.protocol.clone(), arm, items)?;
    let first = run.samples().len();
    if first > 0 && first < items.len() {
        note!("{first} of {} problems are done already", items.len())?;
    }
    let bar = progress("evaluating", items.len() as u64).with_position(first as u64);
    let mut last_line = Instant::now();
    let (decoding, rules) = (&plan.protocol.decoding, &plan.protocol.rules);
    for batch in evaluate(base, hook, items, decoding, rules, first) {
        run.append(batch?)?;
        bar.set_position(run.samples().len() as u64);
        if bar.is_hidden() && last_line.elapsed() > Duration::from_secs(5) {
            note!("{} of {} problems", run.samples().len(), items.len())?;
            last_line = Instant::now();
        }
        if run.samples().len() < items.len() {
            stop.check(match out {
                Some(_) => "stopped; the same command continues from here",
                None => "stopped; without --out nothing was written",
            })?;
        }
    }
    bar.finish_and_clear();
    let samples = run.samples().to_vec();
    Ok((run.finish()?, samples))
}
