//! From the settings of an evaluation to its items and protocol.

use trimtab_model::{Precision, Pretrained};
use trimtab_tasks::Split;
use trimtab_tasks::dataset::DatasetError;
use trimtab_tasks::evaluation::{Decoding, EvaluationSettings, Item, Protocol};

use crate::rollout::{RolloutError, prompt_item};

/// What an evaluation measures, and how.
#[derive(Clone, Debug)]
pub struct EvaluationPlan {
    /// The problems, with their prompts.
    pub items: Vec<Item>,
    /// How they are measured.
    pub protocol: Protocol,
}

/// Why an evaluation cannot be planned.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum EvaluationPlanError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    #[error("{task} has no problems")]
    Empty { task: String },
}

impl EvaluationPlan {
    /// Loads the problems and makes their prompts for `base`, whose weights have this `precision`.
    /// Completions are no longer than the context of the model allows after the longest prompt.
    ///
    /// # Errors
    ///
    /// The problems cannot be loaded, there are none, or the model cannot take the prompts.
    pub fn new(
        base: &Pretrained,
        precision: Precision,
        settings: &EvaluationSettings,
    ) -> Result<Self, EvaluationPlanError> {
        let template = settings.template();
        let problems = settings.task.problems(Split::HeldOut, settings.seed)?;
        let items = problems
            .iter()
            .take(settings.limit)
            .map(|problem| prompt_item(base.chat_template.as_ref(), &template, &problem));
        let items = items.collect::<Result<Vec<Item>, _>>()?;
        let task = settings.task.to_string();
        if items.is_empty() {
            return Err(EvaluationPlanError::Empty { task });
        }
        let mut longest = 0;
        for item in &items {
            let tokens = base.tokenizer.encode(&item.prompt);
            longest = longest.max(tokens.map_err(RolloutError::from)?.len());
        }
        let room = base.model.config.max_len().saturating_sub(longest);
        let usual = settings.decoding();
        let decoding = Decoding {
            max_new_tokens: usual.max_new_tokens.min(room),
            ..usual
        };
        let pattern = template.pattern();
        let protocol = Protocol::new(
            &task,
            &pattern,
            &items,
            decoding,
            settings.rules,
            precision.name(),
        );
        Ok(Self { items, protocol })
    }
}
