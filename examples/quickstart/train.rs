//! The training.

use anyhow::Result;
use trimtab::{Recipe, Run};
use trimtab_examples_common::{Stop, note, progress};

/// Takes the steps that are left.
pub(crate) fn train(run: &mut Run, recipe: &Recipe, stop: &Stop) -> Result<()> {
    let bar = progress("training", recipe.steps).with_position(run.step());
    while let Some(step) = run.advance()? {
        let right = format!("{:.0} % right", 100.0 * step.metrics.accuracy);
        bar.set_position(run.step());
        if bar.is_hidden() && run.step().is_multiple_of(10) {
            note!("step {}: {right}", run.step())?;
        }
        bar.set_message(right);
        stop.check(&format!(
            "stopped after step {}; the same command continues from here",
            run.step()
        ))?;
    }
    bar.finish_and_clear();
    Ok(())
}
