//! Rollouts: problems, several completions of each, and what each is worth.

use rayon::prelude::*;
use serde::Serialize;
use trimtab_model::{
    Completion, GenerateError, GenerateOptions, Hook, Pretrained, Request, Sampling,
    TokenizerError, generate,
};
use trimtab_tasks::{Grade, Grader, Problem, Rule};

/// A problem with its graded completions.
#[derive(Clone, Debug)]
pub struct Group {
    /// The problem.
    pub problem: Problem,
    /// Its prompt in tokens.
    pub prompt: Vec<u32>,
    /// The completions, by sample.
    pub rollouts: Vec<Rollout>,
}

/// One completion of a problem.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// Tokens and log-probabilities.
    pub completion: Completion,
    /// Its text.
    pub text: String,
    /// What the checker says of it.
    pub grade: Grade,
}

impl Rollout {
    /// +1 for the right answer, -1 for everything else, as the paper's runs have it.
    pub fn reward(&self) -> f32 {
        if self.grade.verdict.is_correct() {
            1.0
        } else {
            -1.0
        }
    }
}

/// Why no rollouts could be made.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
}

/// A line of `completions.jsonl`.
#[derive(Serialize)]
pub struct RolloutRecord<'a> {
    /// Step of the run.
    pub step: u64,
    /// The problem's name.
    pub problem: &'a str,
    /// Number of the completion in its group.
    pub sample: usize,
    /// The completion.
    pub text: &'a str,
    /// Its length in tokens.
    pub length: usize,
    /// The answer found in it.
    pub extracted: Option<&'a str>,
    /// +1 or -1.
    pub reward: f32,
}

/// Completes each problem `samples` times and grades the texts. Problem `i` is prompt `first + i` of the stream that
/// `sampling` names, so any part of it can be made again alone.
///
/// # Errors
///
/// See [`RolloutError`].
pub fn rollouts(
    base: &Pretrained,
    problems: Vec<Problem>,
    first: u64,
    samples: usize,
    sampling: &Sampling,
    hook: Option<Hook>,
) -> Result<Vec<Group>, RolloutError> {
    let prompts = problems
        .iter()
        .map(|problem| base.tokenizer.encode(&problem.prompt()))
        .collect::<Result<Vec<_>, _>>()?;
    let requests: Vec<Request> = prompts
        .iter()
        .zip(first..)
        .map(|(prompt, index)| Request {
            prompt,
            index,
            samples,
        })
        .collect();
    let options = GenerateOptions {
        hook,
        ..GenerateOptions::default()
    };
    let completed = generate(&base.model, &requests, sampling, options)?;
    // The reward pays for the form too: an answer counts in a box only.
    let grader = Grader::new().with_rules(&[Rule::LastBox]);
    let groups = problems.into_par_iter().zip(prompts).zip(completed).map(
        |((problem, prompt), completions)| {
            let rollouts = completions
                .into_iter()
                .map(|completion| {
                    let text = base.tokenizer.decode(&completion.tokens);
                    let grade = problem.grade(&grader, &text);
                    Rollout {
                        completion,
                        text,
                        grade,
                    }
                })
                .collect();
            Group {
                problem,
                prompt,
                rollouts,
            }
        },
    );
    Ok(groups.collect())
}

impl Group {
    /// The group's lines of `completions.jsonl`.
    pub fn records(&self, step: u64) -> impl Iterator<Item = RolloutRecord<'_>> {
        self.rollouts
            .iter()
            .enumerate()
            .map(move |(sample, rollout)| RolloutRecord {
                step,
                problem: &self.problem.id,
                sample,
                text: &rollout.text,
                length: rollout.completion.tokens.len(),
                extracted: rollout.grade.extracted.as_deref(),
                reward: rollout.reward(),
            })
    }
}
