//! Steering: which adapters act on which tokens of a model.

mod mask;

use std::sync::{Arc, Mutex};

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use trimtab_model::hook::{HookFn, TokenInfo, add_vector};
use trimtab_model::{HookPoint, Intervention, Site};

use crate::action::{Action, Actions};
use crate::device_adapter::DeviceAdapter;
use crate::token_filter::{Condition, TokenFilter, TokenFilterError};
use mask::Mask;

/// What happens where several adapters act on one token at one site of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// All act. Each computes from the activation as it was before any of them, so their order does
    /// not matter.
    #[default]
    Sum,
    /// Only the first one acts.
    Priority,
    /// [`Steering::new`] refuses adapters that might meet: those that share a site of a layer,
    /// unless one acts on prompts and the other on completions.
    Error,
}

/// Why adapters cannot act together. Adapters are numbered from 0.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SteeringError {
    #[error("the token filter of adapter {adapter} does not fit the model")]
    TokenFilter {
        adapter: usize,
        source: TokenFilterError,
    },
    #[error(
        "adapter {adapter} acts at {} of layer {layer}, but its condition reads resid_post of \
         layer {condition}, which is computed later",
        site.name()
    )]
    TooEarly {
        adapter: usize,
        layer: usize,
        site: Site,
        condition: usize,
    },
    #[error("adapters {first} and {second} both act at {} of layer {layer}", site.name())]
    Conflict {
        first: usize,
        second: usize,
        layer: usize,
        site: Site,
    },
    #[error("adapter {adapter} was made for a model of another shape than adapter 0")]
    OtherModel { adapter: usize },
}

/// Adapters with the tokens that each acts on: a [`Hook`](trimtab_model::Hook) that steers a model.
#[derive(Debug)]
pub struct Steering {
    adapters: Vec<FilteredAdapter>,
    conflict: Conflict,
    trace: Option<Mutex<Vec<SteeredToken>>>,
    cache: Option<ConditionCache>,
}

/// Where the conditions hold in one forward pass, for passes that consist of several calls; see
/// [`Steering::with_condition_cache`]. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct ConditionCache(Arc<Mutex<Vec<Selection>>>);

/// A token that was steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SteeredToken {
    /// Index of the adapter.
    pub adapter: usize,
    /// Index of the prompt or request, as in [`TokenInfo`]. Rows of one prompt have an entry each.
    pub prompt: usize,
    /// Position in the text.
    pub position: usize,
    /// The layer.
    pub layer: usize,
    /// The site in the layer.
    pub site: Site,
}

impl Steering {
    /// Adapters that act together, each on the tokens of its filter.
    ///
    /// Under full tuning nothing is added: see [`DeviceAdapter::model`].
    ///
    /// # Errors
    ///
    /// A filter does not fit the model, the adapters belong to different models, or adapters may
    /// meet under [`Conflict::Error`].
    pub fn new(
        adapters: Vec<(DeviceAdapter, TokenFilter)>,
        conflict: Conflict,
    ) -> Result<Self, SteeringError> {
        let mut built: Vec<FilteredAdapter> = vec![];
        for (index, (adapter, filter)) in adapters.iter().enumerate() {
            if adapter.config() != adapters[0].0.config() {
                return Err(SteeringError::OtherModel { adapter: index });
            }
            let actions = adapter.actions();
            check_filter(index, &actions, filter, adapter)?;
            if conflict == Conflict::Error {
                check_disjoint(&built, &actions, filter)?;
            }
            let condition = filter.condition.as_ref();
            built.push(FilteredAdapter {
                actions: actions.scaled(filter.strength),
                filter: filter.clone(),
                unit: condition.map(|condition| unit_vector(condition, &adapter.device())),
            });
        }
        Ok(Self {
            adapters: built,
            conflict,
            trace: None,
            cache: None,
        })
    }

    /// Records every token that is steered, for [`Self::take_trace`].
    #[must_use]
    pub fn with_trace(mut self) -> Self {
        self.trace = Some(Mutex::default());
        self
    }

    /// Shares `cache` between the calls that make up one forward pass, by this steering or by
    /// another one of the same adapters.
    ///
    /// A condition that was evaluated at its layer then holds at later layers, whichever call runs
    /// them, and a layer that is run again for its gradient is steered as before.
    #[must_use]
    pub fn with_condition_cache(mut self, cache: &ConditionCache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// The tokens that were steered since the last call, sorted. Empty unless [`Self::with_trace`].
    pub fn take_trace(&self) -> Vec<SteeredToken> {
        let Some(trace) = &self.trace else {
            return vec![];
        };
        let mut steered = std::mem::take(&mut *trace.lock().expect("no pass panicked"));
        steered.sort_unstable(); // passes run concurrently, so entries come in any order
        steered
    }

    /// The activation that the model continues with. `selections` has an entry for each adapter.
    fn steer(&self, selections: &mut [Selection], at: HookPoint, mut x: Tensor<2>) -> Tensor<2> {
        let (dtype, device) = (x.dtype(), x.device());
        for (adapter, selection) in self.adapters.iter().zip(selections.iter_mut()) {
            if adapter.condition_reads(at.layer, at.site) {
                let unit = adapter.unit.as_ref();
                selection.condition = unit.map(|unit| adapter.condition_mask(unit, &x));
            }
        }
        let actions: Vec<(usize, &Action)> = (0..)
            .zip(&self.adapters)
            .filter_map(|(index, adapter)| Some((index, adapter.actions.at(at.layer, at.site)?)))
            .collect();
        let reads_site = actions.iter().any(|(_, action)| action.reads_site());
        let before = reads_site.then(|| x.clone());
        let mut unclaimed = Mask::All; // the tokens that no adapter has acted on
        for (index, action) in actions {
            let filter = &self.adapters[index].filter;
            let mut mask = selections[index].mask(filter, at.tokens, &device);
            if self.conflict == Conflict::Priority {
                mask = mask.and(unclaimed.clone());
                unclaimed = unclaimed.and(mask.clone().not());
            }
            self.record(index, at, &mask);
            x = match mask {
                Mask::None => continue,
                Mask::All => add_vector(x, action.delta(before.as_ref(), at.input, dtype)),
                Mask::Some(mask) => {
                    x + action.delta(before.as_ref(), at.input, dtype) * mask.cast(dtype)
                }
            };
        }
        x
    }

    fn record(&self, adapter: usize, at: HookPoint, mask: &Mask) {
        let Some(trace) = &self.trace else { return };
        let steered = mask.to_vec(at.tokens.len());
        let steered = at
            .tokens
            .iter()
            .zip(steered)
            .filter(|(_, steered)| *steered);
        let mut trace = trace.lock().expect("no pass panicked");
        trace.extend(steered.map(|(token, _)| SteeredToken {
            adapter,
            prompt: token.prompt,
            position: token.position,
            layer: at.layer,
            site: at.site,
        }));
    }
}

impl DeviceAdapter {
    /// The adapter acting on every token. [`Steering::new`] selects tokens, and combines adapters.
    pub fn to_steering(&self) -> Steering {
        let everywhere = vec![(self.clone(), TokenFilter::default())];
        Steering::new(everywhere, Conflict::Sum).expect("one adapter without a condition")
    }
}

impl Intervention for Steering {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut selections: Vec<Selection> =
            self.adapters.iter().map(|_| Selection::default()).collect();
        let Some(ConditionCache(cache)) = &self.cache else {
            return Box::new(move |at, x| self.steer(&mut selections, at, x));
        };
        Box::new(move |at, x| {
            // The lock is not held while the model computes: a thread that waits for a matrix
            // product may run another pass (rayon steals work), which would lock again.
            let cached = std::mem::take(&mut *cache.lock().expect("nobody panics with it"));
            if !cached.is_empty() {
                selections = cached;
            }
            let x = self.steer(&mut selections, at, x);
            *cache.lock().expect("nobody panics with it") = std::mem::take(&mut selections);
            x
        })
    }

    fn hooks(&self, layer: usize, site: Site) -> bool {
        self.adapters.iter().any(|adapter| {
            adapter.condition_reads(layer, site) || adapter.actions.at(layer, site).is_some()
        })
    }
}

/// An adapter with the tokens that it acts on.
#[derive(Debug)]
struct FilteredAdapter {
    /// Times the strength of the filter.
    actions: Actions,
    filter: TokenFilter,
    /// The unit vector of the condition, `[1, hidden_size]`.
    unit: Option<Tensor<2>>,
}

impl FilteredAdapter {
    fn condition_reads(&self, layer: usize, site: Site) -> bool {
        let condition = self.filter.condition.as_ref();
        site == Site::ResidPost && condition.is_some_and(|condition| condition.layer == layer)
    }

    /// 1 where the condition holds, 0 elsewhere, `[tokens, 1]`. No gradient flows through it.
    fn condition_mask(&self, unit: &Tensor<2>, x: &Tensor<2>) -> Tensor<2> {
        let condition = self.filter.condition.as_ref().expect("it has a vector");
        let x = x.clone().detach().cast(DType::F32);
        let norm = (x.clone() * x.clone()).sum_dim(1).sqrt();
        let product = (x * unit.clone()).sum_dim(1);
        // cos > threshold without a division: an activation of zero exceeds no positive threshold
        let holds = product.greater(norm * condition.threshold);
        holds.float().cast(DType::F32)
    }
}

/// The tokens of a forward pass that an adapter acts on, as far as they are known.
#[derive(Debug, Default)]
struct Selection {
    /// The tokens of the filter, once they were needed.
    tokens: Option<Mask>,
    /// Where the condition holds, once its layer was passed.
    condition: Option<Tensor<2>>,
}

impl Selection {
    fn mask(&mut self, filter: &TokenFilter, tokens: &[TokenInfo], device: &Device) -> Mask {
        let mask = self
            .tokens
            .get_or_insert_with(|| Mask::new(filter, tokens, device))
            .clone();
        match &self.condition {
            Some(condition) => mask.and(Mask::Some(condition.clone())),
            None => mask,
        }
    }
}

fn unit_vector(condition: &Condition, device: &Device) -> Tensor<2> {
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

/// Whether the filter fits the model, and its condition is known where the adapter acts.
fn check_filter(
    index: usize,
    actions: &Actions,
    filter: &TokenFilter,
    adapter: &DeviceAdapter,
) -> Result<(), SteeringError> {
    filter
        .check(adapter.config())
        .map_err(|source| SteeringError::TokenFilter {
            adapter: index,
            source,
        })?;
    let Some(condition) = &filter.condition else {
        return Ok(());
    };
    let known_at = (condition.layer, Site::ResidPost);
    match actions.sites().find(|&site| site < known_at) {
        Some((layer, site)) => Err(SteeringError::TooEarly {
            adapter: index,
            layer,
            site,
            condition: condition.layer,
        }),
        None => Ok(()),
    }
}

/// Whether the adapter meets none of `others`.
fn check_disjoint(
    others: &[FilteredAdapter],
    actions: &Actions,
    filter: &TokenFilter,
) -> Result<(), SteeringError> {
    for (first, other) in others.iter().enumerate() {
        let shared = actions
            .sites()
            .find(|&(layer, site)| other.actions.at(layer, site).is_some());
        if let Some((layer, site)) = shared
            && !filter.is_apart_from(&other.filter)
        {
            return Err(SteeringError::Conflict {
                first,
                second: others.len(),
                layer,
                site,
            });
        }
    }
    Ok(())
}
