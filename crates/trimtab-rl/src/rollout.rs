//! Rollouts: groups of sampled completions, one group per problem, with their grades.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;
use trimtab_grader::{Grade, Rules};
use trimtab_model::chat::ChatError;
use trimtab_model::generation::{GenerateError, stop_on_text};
use trimtab_model::tokenizer::TokenizerError;
use trimtab_model::{
    ChatMessage, ChatTemplate, Completion, GenerateOptions, Hook, Pretrained, Request, Sampling,
    Tokenizer, generate,
};
use trimtab_tasks::{Item, Problem, Prompt, Template};

/// A problem with its completions.
#[derive(Clone, Debug)]
pub struct Group {
    /// The problem.
    pub problem: Problem,
    /// Number of the problem in the run's stream.
    ///
    /// Seed, step, this number and the number of the sample are the address of a completion's
    /// random draws.
    pub index: u64,
    /// The step it was sampled in.
    pub step: u64,
    /// The prompt as text.
    pub prompt_text: String,
    /// The prompt in tokens.
    pub prompt: Vec<u32>,
    /// The completions, by sample.
    pub rollouts: Vec<Rollout>,
}

/// One completion of a problem.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// Tokens and log-probabilities.
    pub completion: Completion,
    /// The completion as text.
    pub text: String,
    /// The grade of the answer.
    pub grade: Grade,
    /// The reward. Empty until [`Rewards::score`](crate::Rewards::score) fills it in.
    pub score: Score,
}

/// The reward of a completion.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// The rewards by name, before their weights. `None` where a reward does not apply.
    pub parts: BTreeMap<String, Option<f32>>,
    /// The weighted sum of those that apply. `None` if none does.
    pub sum: Option<f32>,
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
    #[error(transparent)]
    Chat(#[from] ChatError),
    #[error("this model has no chat template; choose another template, such as qwen_math")]
    NoChatTemplate,
}

/// A line of `completions.jsonl`.
#[derive(Serialize)]
pub struct RolloutRecord<'a> {
    /// Step of the run.
    pub step: u64,
    /// Name of the problem.
    pub problem: &'a str,
    /// Number of the problem in the run's stream.
    pub index: u64,
    /// Number of the completion in its group.
    pub sample: usize,
    /// The completion.
    pub text: &'a str,
    /// Its length in tokens.
    pub length: usize,
    /// The answer found in it.
    pub extracted: Option<&'a str>,
    /// The weighted sum of its rewards. `None` if none applies.
    pub reward: Option<f32>,
    /// The rewards by name, before their weights.
    pub parts: &'a BTreeMap<String, Option<f32>>,
}

/// Samples `samples` completions of each problem and grades them by `rules`.
///
/// Each problem comes with its number in the stream, which addresses the draws.
///
/// # Errors
///
/// See [`RolloutError`].
pub fn rollouts(
    base: &Pretrained,
    template: &Template,
    problems: Vec<(u64, Problem)>,
    samples: usize,
    sampling: &Sampling,
    hook: Option<Hook>,
    rules: &Rules,
) -> Result<Vec<Group>, RolloutError> {
    let prompts = problems
        .iter()
        .map(|(_, problem)| {
            let chat = base.chat_template.as_ref();
            encode_prompt(&base.tokenizer, chat, template, problem)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let requests: Vec<Request> = prompts
        .iter()
        .zip(&problems)
        .map(|((_, prompt), (index, _))| Request {
            prompt,
            index: *index,
            samples,
        })
        .collect();
    let texts = stop_texts(template);
    let stop = stop_on_text(&base.tokenizer, &texts);
    let options = GenerateOptions {
        hook,
        stop: (!texts.is_empty()).then_some(&stop),
        cancel: None,
    };
    let completed = generate(&base.model, &requests, sampling, options)?;
    let groups = problems.into_par_iter().zip(prompts).zip(completed).map(
        |(((index, problem), (prompt_text, prompt)), completions)| {
            let rollouts = completions
                .into_iter()
                .map(|completion| Rollout::graded(base, &problem, completion, *rules));
            Ok(Group {
                rollouts: rollouts.collect::<Result<_, RolloutError>>()?,
                problem,
                index,
                step: sampling.step,
                prompt_text,
                prompt,
            })
        },
    );
    groups.collect()
}

/// A problem with the text that the model completes, as an evaluation takes it.
///
/// # Errors
///
/// The template is a chat and the model has no chat template, or the chat template refuses.
pub fn prompt_item(
    chat: Option<&ChatTemplate>,
    template: &Template,
    problem: &Problem,
) -> Result<Item, RolloutError> {
    let messages = match template.render(&problem.question) {
        Prompt::Text(text) => return Ok(Item::new(problem, text)),
        Prompt::Chat(messages) => messages,
    };
    let chat = chat.ok_or(RolloutError::NoChatTemplate)?;
    let messages: Vec<ChatMessage> = messages
        .into_iter()
        .map(|message| ChatMessage::new(message.role, message.content))
        .collect();
    Ok(Item {
        chat: true,
        ..Item::new(problem, chat.render(&messages, true)?)
    })
}

/// Texts that end a completion.
pub(crate) fn stop_texts(template: &Template) -> Vec<String> {
    template
        .stop()
        .iter()
        .map(|&text| text.to_owned())
        .collect()
}

/// The tokens of an item's prompt.
pub(crate) fn encode_item(tokenizer: &Tokenizer, item: &Item) -> Result<Vec<u32>, TokenizerError> {
    if item.chat {
        tokenizer.encode_rendered(&item.prompt)
    } else {
        tokenizer.encode(&item.prompt)
    }
}

/// Text and tokens that the model completes.
pub(crate) fn encode_prompt(
    tokenizer: &Tokenizer,
    chat: Option<&ChatTemplate>,
    template: &Template,
    problem: &Problem,
) -> Result<(String, Vec<u32>), RolloutError> {
    let item = prompt_item(chat, template, problem)?;
    let tokens = encode_item(tokenizer, &item)?;
    Ok((item.prompt, tokens))
}

impl Rollout {
    fn graded(
        base: &Pretrained,
        problem: &Problem,
        completion: Completion,
        rules: Rules,
    ) -> Result<Self, RolloutError> {
        let text = base.tokenizer.decode(&completion.tokens)?;
        Ok(Self {
            grade: problem.grade(&text, &rules),
            completion,
            text,
            score: Score::default(),
        })
    }
}

impl Group {
    /// The rewards of those of its completions that have one.
    pub fn rewards(&self) -> Vec<f32> {
        self.rollouts
            .iter()
            .filter_map(|one| one.score.sum)
            .collect()
    }

    /// Its completions, as the loss takes them.
    pub fn completions(&self) -> Vec<&Completion> {
        self.rollouts.iter().map(|one| &one.completion).collect()
    }

    /// Number of tokens of its completions.
    pub fn tokens(&self) -> usize {
        self.rollouts
            .iter()
            .map(|one| one.completion.tokens.len())
            .sum()
    }

    /// The group's lines of `completions.jsonl`.
    pub fn records(&self) -> impl Iterator<Item = RolloutRecord<'_>> {
        self.rollouts
            .iter()
            .enumerate()
            .map(|(sample, rollout)| RolloutRecord {
                step: self.step,
                problem: &self.problem.id,
                index: self.index,
                sample,
                text: &rollout.text,
                length: rollout.completion.tokens.len(),
                extracted: rollout.grade.extracted.as_deref(),
                reward: rollout.score.sum,
                parts: &rollout.score.parts,
            })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use trimtab_model::FinishReason;
    use trimtab_tasks::{NanoTask, Split};

    use super::*;
    use crate::recipe::Recipe;

    /// A group of these texts, one token per word, with its answers graded against `gold`.
    pub(crate) fn group(texts: &[&str], gold: &str) -> Group {
        let problem = Problem {
            id: "p".to_owned(),
            answer: gold.to_owned(),
            ..NanoTask::Gsm.problem(Split::Train, 0, 0)
        };
        let rollout = |text: &&str| {
            let words = text.split_whitespace().count();
            Rollout {
                completion: Completion {
                    tokens: vec![1; words],
                    logprobs: vec![-1.0; words],
                    finish_reason: FinishReason::Stop,
                },
                text: (*text).to_owned(),
                grade: problem.grade(text, &Recipe::default().grader),
                score: Score::default(),
            }
        };
        Group {
            index: 0,
            step: 1,
            prompt_text: problem.prompt(),
            prompt: vec![1],
            rollouts: texts.iter().map(rollout).collect(),
            problem,
        }
    }
}
