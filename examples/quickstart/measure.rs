//! The measurement before and after.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use trimtab::grader::Rules;
use trimtab::tasks::evaluation::{Decoding, Item, Sample};
use trimtab::{NanoTask, Outcome, Pretrained, Recipe, SteeringVectors, evaluate};
use trimtab_examples_common::{Stop, progress};

/// Held-out problems of each task.
const PROBLEMS: u64 = 500;

/// Both tasks, measured in one way.
pub(crate) struct Measured {
    /// The outcome of each task.
    pub(crate) outcomes: BTreeMap<NanoTask, Outcome>,
    /// The samples of each task, by problem.
    pub(crate) samples: BTreeMap<NanoTask, Vec<Vec<Sample>>>,
}

/// Measures both tasks on held-out problems, one completion each, sampled as in training.
pub(crate) fn measure(
    base: &Pretrained,
    vectors: Option<&SteeringVectors>,
    recipe: &Recipe,
    label: &'static str,
    stop: &Stop,
) -> Result<Measured> {
    let hook = vectors.map(SteeringVectors::hook);
    let hook = hook.as_ref().map(|hook| hook as _);
    let decoding = Decoding {
        samples: 1,
        temperature: recipe.temperature,
        max_new_tokens: recipe.max_new_tokens,
        seed: recipe.seed,
        stop: vec![],
    };
    let bar = progress(label, PROBLEMS * NanoTask::ALL.len() as u64);
    let (mut outcomes, mut all_samples) = (BTreeMap::new(), BTreeMap::new());
    for task in NanoTask::ALL {
        let items = Item::held_out(task, recipe.seed, PROBLEMS);
        let mut samples = vec![];
        for batch in evaluate(base, hook, &items, &decoding, &Rules::DEFAULT, 0) {
            let batch = batch?;
            bar.inc(batch.len() as u64);
            samples.extend(batch);
            stop.check("stopped; the same command continues from here")?;
        }
        let outcome = Outcome::of(&samples).context("no problem was measured")?;
        outcomes.insert(task, outcome);
        all_samples.insert(task, samples);
    }
    bar.finish_and_clear();
    Ok(Measured {
        outcomes,
        samples: all_samples,
    })
}
