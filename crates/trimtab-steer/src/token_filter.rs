//! Where-clauses: at which tokens a set of vectors acts, how strongly, and on what condition.

use serde::{Deserialize, Serialize};
use trimtab_model::ModelConfig;
use trimtab_model::hook::TokenInfo;

/// Where a set acts. The default is every token of every text, at strength 1.
///
/// ```
/// use trimtab_steer::TokenFilter;
///
/// // The first two and the last two tokens of the prompt, but never token 0.
/// let token_filter: TokenFilter = toml::from_str(r#"
///     only = { part = "prompt", first = 2, last = 2 }
///     except = { ids = [0] }
///     strength = 0.5
/// "#)?;
/// assert_eq!(token_filter.strength, 0.5);
/// # Ok::<_, toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenFilter {
    /// The tokens where it acts.
    pub only: Tokens,
    /// Of those, the tokens where it does not.
    pub except: Option<Tokens>,
    /// What is added is multiplied by this.
    pub strength: f32,
    /// What a token must fulfil beside.
    pub condition: Option<Condition>,
}

impl Default for TokenFilter {
    fn default() -> Self {
        Self {
            only: Tokens::default(),
            except: None,
            strength: 1.0,
            condition: None,
        }
    }
}

/// A set of tokens: those that meet all of the criteria given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tokens {
    /// The part of the text.
    pub part: Part,
    /// The first so many tokens of the part. With `last`, both ends.
    pub first: Option<usize>,
    /// The last so many tokens of the part, which must be the prompt: where a text will end, nobody knows.
    pub last: Option<usize>,
    /// Places in the text, from 0.
    pub positions: Option<Vec<usize>>,
    /// Tokens of the vocabulary.
    pub ids: Option<Vec<u32>>,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// All of it.
    #[default]
    All,
    /// What was given.
    Prompt,
    /// What was generated.
    Generated,
}

/// A token is steered where `cos(resid_post of the layer, vector) > threshold` holds for the token itself.
///
/// The similarity threshold of conditional activation steering (CAST, arXiv:2409.05907), which decides once for a whole prompt; here
/// every token decides for itself. For "below", turn the vector round and negate the threshold.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The layer that is looked at, before anything is added to its `resid_post`. Nothing below it can be steered on this condition.
    pub layer: usize,
    /// What it is compared with, `hidden_size` numbers.
    pub vector: Vec<f32>,
    /// The cosine that must be exceeded.
    pub threshold: f32,
}

/// Why a where-clause cannot be followed.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TokenFilterError {
    #[error("`last` counts from the end of the prompt; it needs part = \"prompt\"")]
    LastOfUnknownLength,
    #[error("`{key}` is not finite")]
    NotFinite { key: &'static str },
    #[error("the condition looks at layer {layer}, but the model has layers 0 to {}", count - 1)]
    UnknownLayer { layer: usize, count: usize },
    #[error(
        "the condition has a vector of {found} numbers, but the model is {expected} wide; it must not be all zeros"
    )]
    ConditionVector { found: usize, expected: usize },
}

impl TokenFilter {
    /// Whether a token is among those meant, apart from the condition.
    pub fn contains(&self, token: &TokenInfo) -> bool {
        self.only.contains(token)
            && !self
                .except
                .as_ref()
                .is_some_and(|except| except.contains(token))
    }

    /// Whether every token is meant.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.only == Tokens::default() && self.except.is_none()
    }

    /// Whether no token can be meant by both: one clause is for prompts and the other for what was generated.
    pub(crate) fn is_apart_from(&self, other: &Self) -> bool {
        matches!(
            (self.only.part, other.only.part),
            (Part::Prompt, Part::Generated) | (Part::Generated, Part::Prompt)
        )
    }

    pub(crate) fn check(&self, config: &ModelConfig) -> Result<(), TokenFilterError> {
        for tokens in std::iter::once(&self.only).chain(&self.except) {
            if tokens.last.is_some() && tokens.part != Part::Prompt {
                return Err(TokenFilterError::LastOfUnknownLength);
            }
        }
        if !self.strength.is_finite() {
            return Err(TokenFilterError::NotFinite { key: "strength" });
        }
        self.condition
            .as_ref()
            .map_or(Ok(()), |condition| condition.check(config))
    }
}

impl Tokens {
    /// Whether a token is in the set.
    pub fn contains(&self, token: &TokenInfo) -> bool {
        let (position, prompt_len) = (token.position, token.prompt_len);
        let (in_part, start) = match self.part {
            Part::All => (true, 0),
            Part::Prompt => (!token.is_generated(), 0),
            Part::Generated => (token.is_generated(), prompt_len),
        };
        let in_window = match (self.first, self.last) {
            (None, None) => true,
            (first, last) => {
                first.is_some_and(|first| position < start.saturating_add(first))
                    || last.is_some_and(|last| position.saturating_add(last) >= prompt_len)
            }
        };
        let at_position = self
            .positions
            .as_ref()
            .is_none_or(|positions| positions.contains(&position));
        let is_named = self.ids.as_ref().is_none_or(|ids| ids.contains(&token.id));
        in_part && in_window && at_position && is_named
    }
}

impl Condition {
    fn check(&self, config: &ModelConfig) -> Result<(), TokenFilterError> {
        let (layer, count) = (self.layer, config.num_hidden_layers);
        if layer >= count {
            return Err(TokenFilterError::UnknownLayer { layer, count });
        }
        if !self.threshold.is_finite() {
            return Err(TokenFilterError::NotFinite { key: "threshold" });
        }
        if !self.vector.iter().all(|value| value.is_finite()) {
            return Err(TokenFilterError::NotFinite { key: "vector" });
        }
        let (found, expected) = (self.vector.len(), config.hidden_size);
        if found != expected || self.vector.iter().all(|&value| value == 0.0) {
            return Err(TokenFilterError::ConditionVector { found, expected });
        }
        Ok(())
    }
}
