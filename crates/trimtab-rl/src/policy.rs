//! The policy: the frozen model with the adapter that is trained.

use std::borrow::Cow;

use trimtab_model::{Model, Pretrained};
use trimtab_steer::{Conflict, DeviceAdapter, Steering, SteeringError, TokenFilter};

/// What is trained, on a device, and the tokens at which it acts.
///
/// ```no_run
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # use trimtab_rl::{Recipe, Trainer};
/// # let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// # let recipe = Recipe::default();
/// let policy = Trainer::new(&base, &recipe)?.policy();
/// let (model, steering) = (policy.model(&base.model), policy.steering());
/// let (resid_post, _) = model.prefill(&[&base.tokenizer.encode("Hello")?], Some(&steering));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    adapter: DeviceAdapter,
    token_filter: TokenFilter,
}

impl Policy {
    /// Parameters that act at the tokens of `token_filter`.
    ///
    /// # Errors
    ///
    /// The token filter does not work with these parameters.
    pub fn new(adapter: DeviceAdapter, token_filter: TokenFilter) -> Result<Self, SteeringError> {
        Steering::new(vec![(adapter.clone(), token_filter.clone())], Conflict::Sum)?;
        Ok(Self {
            adapter,
            token_filter,
        })
    }

    /// The hook on [`Self::model`].
    pub fn steering(&self) -> Steering {
        let set = (self.adapter.clone(), self.token_filter.clone());
        Steering::new(vec![set], Conflict::Sum).expect("checked when the policy was made")
    }

    /// The model that the steering acts on: the base, or under full tuning one with other weights.
    ///
    /// For gradients, `base` is on the autodiff side of its device.
    pub fn model(&self, base: &Model) -> Model {
        self.adapter.model(base)
    }

    /// The policy as it samples.
    pub(crate) fn rollout_policy<'a>(&self, base: &'a Pretrained) -> RolloutPolicy<'a> {
        let base = if self.adapter.replaces_weights() {
            Cow::Owned(Pretrained {
                model: self.adapter.inference_model(&base.model),
                ..base.clone()
            })
        } else {
            Cow::Borrowed(base)
        };
        RolloutPolicy {
            base,
            steering: self.steering(),
        }
    }

    /// The same parameters as leaves of one backward pass.
    pub(crate) fn with_grad(&self) -> Self {
        Self {
            adapter: self.adapter.with_grad(),
            token_filter: self.token_filter.clone(),
        }
    }

    /// The same parameters on the autodiff side of the device, without a gradient.
    pub(crate) fn on_autodiff(&self) -> Self {
        Self {
            adapter: self.adapter.on_autodiff(),
            token_filter: self.token_filter.clone(),
        }
    }

    pub(crate) fn adapter(&self) -> &DeviceAdapter {
        &self.adapter
    }
}

/// A policy that samples: a model, and what acts on it.
#[derive(Debug)]
pub(crate) struct RolloutPolicy<'a> {
    /// The base, or under full tuning the base with other weights.
    pub(crate) base: Cow<'a, Pretrained>,
    pub(crate) steering: Steering,
}
