//! Where-clauses: at which tokens something acts, how strongly, and on what condition.

use serde::{Deserialize, Serialize};
use trimtab_model::ModelConfig;
use trimtab_model::hook::TokenInfo;

/// The tokens that are steered. The default is every token of every text, at strength 1.
///
/// ```
/// use trimtab_steer::TokenFilter;
///
/// // The first two and the last two tokens of the prompt, but never token 0.
/// let filter: TokenFilter = toml::from_str(r#"
///     only = { part = "prompt", first = 2, last = 2 }
///     except = { ids = [0] }
///     strength = 0.5
/// "#)?;
/// assert_eq!(filter.strength, 0.5);
/// # Ok::<_, toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenFilter {
    /// The tokens that are steered.
    pub only: TokenSet,
    /// Exceptions: tokens of `only` that are not steered.
    pub except: Option<TokenSet>,
    /// Factor on what is added.
    pub strength: f32,
    /// A condition on the activations of a token, which must hold too.
    pub condition: Option<Condition>,
}

impl Default for TokenFilter {
    fn default() -> Self {
        Self {
            only: TokenSet::default(),
            except: None,
            strength: 1.0,
            condition: None,
        }
    }
}

/// A set of tokens: those that meet all of the criteria given.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSet {
    /// The part of the text.
    pub part: Part,
    /// The first tokens of the part, this many. Together with `last`: both ends.
    pub first: Option<usize>,
    /// The last tokens of the part, this many. The part must be the prompt, since nobody knows
    /// where a completion will end.
    pub last: Option<usize>,
    /// Positions in the text, from 0.
    pub positions: Option<Vec<usize>>,
    /// Token ids.
    pub ids: Option<Vec<u32>>,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Prompt and completion.
    #[default]
    All,
    /// The prompt.
    Prompt,
    /// The completion.
    Generated,
}

/// A token is steered where `cos(resid_post of the layer, vector) > threshold` holds for it.
///
/// This is the similarity threshold of conditional activation steering (CAST, arXiv:2409.05907).
/// CAST decides once for a whole prompt; here every token decides for itself. For "below the
/// threshold", negate vector and threshold.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The layer whose `resid_post` is compared, before anything is added to it. Layers below it
    /// cannot be steered on this condition.
    pub layer: usize,
    /// The vector that it is compared with, `hidden_size` numbers.
    pub vector: Vec<f32>,
    /// The cosine similarity that must be exceeded.
    pub threshold: f32,
}

/// Why a token filter does not fit a model.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TokenFilterError {
    #[error("`last` counts from the end of the prompt; it needs part = \"prompt\"")]
    LastOfUnknownLength,
    #[error("`{key}` is not finite")]
    NotFinite { key: &'static str },
    #[error("the condition reads layer {layer}, but the model has layers 0 to {}", count - 1)]
    UnknownLayer { layer: usize, count: usize },
    #[error(
        "the condition has a vector of {found} numbers; \
         it needs {expected}, the width of the model, and not all of them 0"
    )]
    ConditionVector { found: usize, expected: usize },
}

impl TokenFilter {
    /// Whether a token is selected, leaving the condition aside.
    pub fn contains(&self, token: &TokenInfo) -> bool {
        self.only.contains(token)
            && !self
                .except
                .as_ref()
                .is_some_and(|except| except.contains(token))
    }

    /// Whether every token is selected, leaving the condition aside.
    pub(crate) fn is_everywhere(&self) -> bool {
        self.only == TokenSet::default() && self.except.is_none()
    }

    /// Whether one filter selects from prompts and the other from completions, so that no token is
    /// selected by both.
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

impl TokenSet {
    /// Whether a token is in the set.
    pub fn contains(&self, token: &TokenInfo) -> bool {
        let (position, prompt_len) = (token.position, token.prompt_len);
        let (in_part, start) = match self.part {
            Part::All => (true, 0),
            Part::Prompt => (!token.is_generated(), 0),
            Part::Generated => (token.is_generated(), prompt_len),
        };
        let at_an_end = match (self.first, self.last) {
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
        let has_id = self.ids.as_ref().is_none_or(|ids| ids.contains(&token.id));
        in_part && at_an_end && at_position && has_id
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
