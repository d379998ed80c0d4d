//! The flags of an evaluation.

use anyhow::{Result, ensure};
use clap::Args;
use trimtab::tasks::evaluation::EvaluationSettings;
use trimtab::tasks::{Task, Template};

use crate::RulesArgs;

/// Flags that say what is measured, and how.
#[derive(Args, Debug)]
pub struct EvaluationArgs {
    /// Task: nano-gsm, nano-math, a generated one (countdown, sorting:3, …) or a data set
    /// (gsm8k:FILE, math500:FILE, …). docs/benchmarks.md lists them.
    #[arg(long, value_name = "NAME[:PATH]", default_value = "nano-gsm")]
    pub task: Task,
    /// Prompt template: nano, plain, zero_shot, qwen_math, r1 or chat [default: the task's own].
    #[arg(long)]
    pub template: Option<Template>,
    /// Put eight worked problems of this task, such as gsm8k-train:FILE, before each question.
    #[arg(long, value_name = "NAME[:PATH]", conflicts_with = "template")]
    pub shots: Option<Task>,
    /// Largest number of problems; the first ones are taken.
    #[arg(long, default_value_t = 500)]
    pub limit: usize,
    /// Completions of each problem [default: the task's own; 1 at temperature 0].
    #[arg(long)]
    pub samples: Option<usize>,
    /// Sampling temperature; 0 takes the most likely token [default: the task's own].
    #[arg(long)]
    pub temperature: Option<f32>,
    /// Longest completion in tokens; less where the model has no room for it [default: the
    /// task's own].
    #[arg(long)]
    pub max_new_tokens: Option<usize>,
    /// Seed of problems and sampling.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Where answers count, and what is equal.
    #[command(flatten)]
    pub rules: RulesArgs,
}

/// Worked problems before each question, as GSM8K is usually put to base models.
const SHOTS: usize = 8;

impl EvaluationArgs {
    /// The settings that the flags say.
    ///
    /// # Errors
    ///
    /// A number is zero, or the problems of `--shots` cannot be loaded.
    pub fn settings(&self) -> Result<EvaluationSettings> {
        ensure!(
            self.limit >= 1 && self.samples != Some(0) && self.max_new_tokens != Some(0),
            "--limit, --samples and --max-new-tokens must be at least 1"
        );
        let shots = self.shots.as_ref();
        let shots = shots.map(|task| task.few_shot(SHOTS, self.seed));
        let few_shot = shots.transpose()?.map(Template::FewShot);
        Ok(EvaluationSettings {
            task: self.task.clone(),
            template: self.template.clone().or(few_shot),
            limit: self.limit,
            samples: self.samples,
            temperature: self.temperature,
            max_new_tokens: self.max_new_tokens,
            seed: self.seed,
            rules: self.rules.rules(),
        })
    }
}
