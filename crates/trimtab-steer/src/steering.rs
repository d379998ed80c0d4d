//! Sets of trained parameters at work on a model.

use std::sync::{Arc, Mutex};

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use trimtab_model::hook::{HookFn, TokenInfo, add_vector};
use trimtab_model::{HookPoint, Intervention, Site};

use crate::action::{Action, Actions};
use crate::adapter::DeviceAdapter;
use crate::token_filter::{Condition, TokenFilter, TokenFilterError};

/// What happens where several sets act on one token at one site of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// All act. Each computes from the tensor as it was before any of them, so their order does not matter.
    #[default]
    Sum,
    /// The first that acts on the token there is the only one.
    Priority,
    /// Sets that might meet are refused by [`Steering::new`]: sets that share a site of a layer, unless one acts on prompts
    /// and the other on what was generated.
    Error,
}

/// Why sets cannot act together.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SteeringSetError {
    #[error("set {set}: {reason}")]
    TokenFilter {
        set: usize,
        reason: TokenFilterError,
    },
    #[error(
        "set {set} acts at {} of layer {layer}, before its condition is known, which looks at resid_post of layer {condition}",
        site.name()
    )]
    TooEarly {
        set: usize,
        layer: usize,
        site: Site,
        condition: usize,
    },
    #[error("sets {first} and {second} both act at {} of layer {layer}", site.name())]
    Conflict {
        first: usize,
        second: usize,
        layer: usize,
        site: Site,
    },
    #[error("sets 0 and {set} belong to models of other shapes")]
    OtherModel { set: usize },
}

/// Sets of parameters, each with its where-clause: the [`Hook`](trimtab_model::Hook) that makes them act.
#[derive(Debug)]
pub struct Steering {
    sets: Vec<Set>,
    conflict: Conflict,
    trace: Option<Mutex<Vec<SteeredToken>>>,
    memory: Option<ConditionCache>,
}

/// What one forward pass found out: where conditions hold. Cloning shares it. For a pass whose layers are run by several calls, or
/// run again for their gradient, see [`Steering::with_condition_cache`].
#[derive(Clone, Debug, Default)]
pub struct ConditionCache(Arc<Mutex<Vec<Chosen>>>);

/// A token that was steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SteeredToken {
    /// Number of the set.
    pub set: usize,
    /// Number of the prompt or request, as in [`TokenInfo`]; rows of one prompt have an entry each.
    pub prompt: usize,
    /// Place in the text.
    pub position: usize,
    /// The layer.
    pub layer: usize,
    /// Where in the layer.
    pub site: Site,
}

#[derive(Debug)]
struct Set {
    actions: Actions,
    token_filter: TokenFilter,
    /// The unit vector of the condition, `[1, hidden_size]`.
    condition: Option<Tensor<2>>,
}

impl Steering {
    /// Sets that act together. Under full tuning nothing acts: see [`DeviceAdapter::model`].
    ///
    /// # Errors
    ///
    /// A where-clause cannot be followed, or sets may meet where that is an error.
    pub fn new(
        sets: Vec<(DeviceAdapter, TokenFilter)>,
        conflict: Conflict,
    ) -> Result<Self, SteeringSetError> {
        let mut built: Vec<Set> = vec![];
        for (set, (leaves, token_filter)) in sets.iter().enumerate() {
            if leaves.config() != sets[0].0.config() {
                return Err(SteeringSetError::OtherModel { set });
            }
            let actions = leaves.actions();
            check(set, &actions, token_filter, leaves)?;
            if conflict == Conflict::Error {
                refuse_meeting(&built, &actions, token_filter)?;
            }
            let condition = token_filter.condition.as_ref();
            built.push(Set {
                actions: actions.scaled(token_filter.strength),
                token_filter: token_filter.clone(),
                condition: condition.map(|condition| unit(condition, &leaves.device())),
            });
        }
        Ok(Self {
            sets: built,
            conflict,
            trace: None,
            memory: None,
        })
    }

    /// The same, and every token that is steered is noted, for [`Self::take_trace`].
    #[must_use]
    pub fn traced(mut self) -> Self {
        self.trace = Some(Mutex::default());
        self
    }

    /// The same, for one forward pass in several calls, by this steering or by others of the same sets: what was found at a layer decides
    /// at later ones, whichever call runs them, and a layer that is run again acts as it did.
    #[must_use]
    pub fn with_condition_cache(mut self, memory: &ConditionCache) -> Self {
        self.memory = Some(memory.clone());
        self
    }

    /// What was steered since the last call, in order; nothing unless [`Self::traced`].
    pub fn take_trace(&self) -> Vec<SteeredToken> {
        let Some(trace) = &self.trace else {
            return vec![];
        };
        let mut steered = std::mem::take(&mut *trace.lock().expect("no pass panicked"));
        steered.sort_unstable(); // passes run at the same time
        steered
    }

    /// What goes on from a site; `chosen` is what is known of each set in this pass.
    fn steer(&self, chosen: &mut [Chosen], at: HookPoint, mut x: Tensor<2>) -> Tensor<2> {
        let (dtype, device) = (x.dtype(), x.device());
        for (set, chosen) in self.sets.iter().zip(chosen.iter_mut()) {
            if set.looks_at(at.layer, at.site) {
                chosen.condition = set.condition.as_ref().map(|unit| set.fulfilled(unit, &x));
            }
        }
        let acting: Vec<(usize, &Action)> = (0..)
            .zip(&self.sets)
            .filter_map(|(set, of_set)| Some((set, of_set.actions.at(at.layer, at.site)?)))
            .collect();
        let reads_site = acting.iter().any(|(_, action)| action.reads_site());
        let before = reads_site.then(|| x.clone());
        let mut free = Mask::Every; // the tokens that no set has taken
        for (set, action) in acting {
            let mut mask = chosen[set].mask(&self.sets[set].token_filter, at.tokens, &device);
            if self.conflict == Conflict::Priority {
                mask = mask.and(free.clone());
                free = free.and(mask.clone().not());
            }
            self.note(set, at, &mask);
            x = match mask {
                Mask::None => continue,
                Mask::Every => add_vector(x, action.delta(before.as_ref(), at.input, dtype)),
                Mask::Some(mask) => {
                    x + action.delta(before.as_ref(), at.input, dtype) * mask.cast(dtype)
                }
            };
        }
        x
    }

    fn note(&self, set: usize, at: HookPoint, mask: &Mask) {
        let Some(trace) = &self.trace else { return };
        let steered = mask.on_host(at.tokens.len());
        let steered = at
            .tokens
            .iter()
            .zip(steered)
            .filter(|(_, steered)| *steered);
        let mut trace = trace.lock().expect("no pass panicked");
        trace.extend(steered.map(|(token, _)| SteeredToken {
            set,
            prompt: token.prompt,
            position: token.position,
            layer: at.layer,
            site: at.site,
        }));
    }
}

impl Intervention for Steering {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut chosen: Vec<Chosen> = self.sets.iter().map(|_| Chosen::default()).collect();
        let Some(ConditionCache(memory)) = &self.memory else {
            return Box::new(move |at, x| self.steer(&mut chosen, at, x));
        };
        Box::new(move |at, x| {
            // Not locked meanwhile: a thread that waits for a product may do something else.
            let known = std::mem::take(&mut *memory.lock().expect("nobody panics with it"));
            if !known.is_empty() {
                chosen = known;
            }
            let x = self.steer(&mut chosen, at, x);
            *memory.lock().expect("nobody panics with it") = std::mem::take(&mut chosen);
            x
        })
    }

    fn hooks(&self, layer: usize, site: Site) -> bool {
        self.sets
            .iter()
            .any(|set| set.looks_at(layer, site) || set.actions.at(layer, site).is_some())
    }
}

impl Set {
    fn looks_at(&self, layer: usize, site: Site) -> bool {
        let condition = self.token_filter.condition.as_ref();
        site == Site::ResidPost && condition.is_some_and(|condition| condition.layer == layer)
    }

    /// 1 where the condition holds, 0 elsewhere, `[tokens, 1]`; nothing flows back through it.
    fn fulfilled(&self, unit: &Tensor<2>, x: &Tensor<2>) -> Tensor<2> {
        let condition = self
            .token_filter
            .condition
            .as_ref()
            .expect("it has a vector");
        let x = x.clone().detach().cast(DType::F32);
        let norm = (x.clone() * x.clone()).sum_dim(1).sqrt();
        let product = (x * unit.clone()).sum_dim(1);
        // cos > threshold without a division, so that a residual of zero fulfils nothing above 0
        let holds = product.greater(norm * condition.threshold);
        holds.float().cast(DType::F32)
    }
}

/// What is known of a set in a pass.
#[derive(Debug, Default)]
struct Chosen {
    /// The tokens of its where-clause, once they were asked for.
    tokens: Option<Mask>,
    /// Where its condition holds, once its layer was passed.
    condition: Option<Tensor<2>>,
}

impl Chosen {
    fn mask(&mut self, token_filter: &TokenFilter, tokens: &[TokenInfo], device: &Device) -> Mask {
        let mask = self
            .tokens
            .get_or_insert_with(|| Mask::of(token_filter, tokens, device))
            .clone();
        match &self.condition {
            Some(condition) => mask.and(Mask::Some(condition.clone())),
            None => mask,
        }
    }
}

/// Some of the tokens of a pass.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each set at a time"
)]
#[derive(Clone, Debug)]
enum Mask {
    Every,
    None,
    /// 1 or 0 for each, `[tokens, 1]` in f32.
    Some(Tensor<2>),
}

impl Mask {
    fn of(token_filter: &TokenFilter, tokens: &[TokenInfo], device: &Device) -> Self {
        if token_filter.is_everywhere() {
            return Self::Every;
        }
        let chosen: Vec<f32> = tokens
            .iter()
            .map(|token| f32::from(u8::from(token_filter.contains(token))))
            .collect();
        if !chosen.contains(&1.0) {
            Self::None
        } else if !chosen.contains(&0.0) {
            Self::Every
        } else {
            let count = chosen.len();
            Self::Some(Tensor::from_data(
                TensorData::new(chosen, [count, 1]),
                device,
            ))
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::Every, mask) | (mask, Self::Every) => mask,
            (Self::Some(left), Self::Some(right)) => Self::Some(left * right),
        }
    }

    fn not(self) -> Self {
        match self {
            Self::Every => Self::None,
            Self::None => Self::Every,
            Self::Some(mask) => Self::Some(-mask + 1.0),
        }
    }

    fn on_host(&self, count: usize) -> Vec<bool> {
        match self {
            Self::Every => vec![true; count],
            Self::None => vec![false; count],
            Self::Some(mask) => {
                let mask: Vec<f32> = mask.clone().try_into_vec_as().expect("made as f32");
                mask.into_iter().map(|chosen| chosen != 0.0).collect()
            }
        }
    }
}

fn unit(condition: &Condition, device: &Device) -> Tensor<2> {
    let norm = condition
        .vector
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt();
    let unit: Vec<f32> = condition
        .vector
        .iter()
        .map(|value| (f64::from(*value) / norm) as f32)
        .collect();
    let width = unit.len();
    Tensor::from_data(TensorData::new(unit, [1, width]), device)
}

/// Whether a where-clause can be followed by what a set does.
fn check(
    set: usize,
    actions: &Actions,
    token_filter: &TokenFilter,
    leaves: &DeviceAdapter,
) -> Result<(), SteeringSetError> {
    token_filter
        .check(leaves.config())
        .map_err(|reason| SteeringSetError::TokenFilter { set, reason })?;
    let Some(condition) = &token_filter.condition else {
        return Ok(());
    };
    let known_at = (condition.layer, Site::ResidPost);
    match actions
        .places()
        .find(|&token_filter| token_filter < known_at)
    {
        Some((layer, site)) => Err(SteeringSetError::TooEarly {
            set,
            layer,
            site,
            condition: condition.layer,
        }),
        None => Ok(()),
    }
}

fn refuse_meeting(
    others: &[Set],
    actions: &Actions,
    token_filter: &TokenFilter,
) -> Result<(), SteeringSetError> {
    for (first, other) in others.iter().enumerate() {
        let meeting = actions
            .places()
            .find(|&(layer, site)| other.actions.at(layer, site).is_some());
        if let Some((layer, site)) = meeting
            && !token_filter.is_apart_from(&other.token_filter)
        {
            return Err(SteeringSetError::Conflict {
                first,
                second: others.len(),
                layer,
                site,
            });
        }
    }
    Ok(())
}
