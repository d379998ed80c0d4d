//! The policy: a model with what is trained at work on it.

use std::borrow::Cow;

use trimtab_model::{Model, Pretrained};
use trimtab_steer::{Conflict, Leaves, Steering, SteeringSetError, Where};

/// What is trained, on a device, and where it acts.
///
/// ```no_run
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # use trimtab_rl::{Recipe, Trainer};
/// # let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// # let recipe = Recipe::default();
/// let policy = Trainer::new(&base, &recipe)?.policy();
/// let (model, steering) = (policy.model(&base.model), policy.steering());
/// let (resid_post, _) = model.read(&[&base.tokenizer.encode("Hello")?], Some(&steering));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    leaves: Leaves,
    place: Where,
}

impl Policy {
    /// Parameters that act at the tokens of `place`.
    ///
    /// # Errors
    ///
    /// The where-clause cannot be followed.
    pub fn new(leaves: Leaves, place: Where) -> Result<Self, SteeringSetError> {
        Steering::new(vec![(leaves.clone(), place.clone())], Conflict::Sum)?;
        Ok(Self { leaves, place })
    }

    /// What acts on the model: on the base, or under full tuning on a model of the parameters.
    pub fn steering(&self) -> Steering {
        let set = (self.leaves.clone(), self.place.clone());
        Steering::new(vec![set], Conflict::Sum).expect("checked when the policy was made")
    }

    /// The policy as it samples and is measured.
    pub(crate) fn acting<'a>(&self, base: &'a Pretrained) -> Acting<'a> {
        let base = if self.leaves.is_model() {
            Cow::Owned(Pretrained {
                model: self.leaves.frozen(&base.model),
                ..base.clone()
            })
        } else {
            Cow::Borrowed(base)
        };
        Acting {
            base,
            steering: self.steering(),
        }
    }

    /// The same numbers as leaves for one backward pass.
    pub(crate) fn differentiable(&self) -> Self {
        Self {
            leaves: self.leaves.differentiable(),
            place: self.place.clone(),
        }
    }

    /// The same numbers beside tensors that are differentiated, asking for no gradient.
    pub(crate) fn lifted(&self) -> Self {
        Self {
            leaves: self.leaves.lifted(),
            place: self.place.clone(),
        }
    }

    /// The model that the steering acts on; `base` is on the differentiating side of its device where gradients are wanted.
    pub fn model(&self, base: &Model) -> Model {
        self.leaves.model(base)
    }

    pub(crate) fn leaves(&self) -> &Leaves {
        &self.leaves
    }
}

/// A policy that samples: a model, and what acts on it.
#[derive(Debug)]
pub(crate) struct Acting<'a> {
    /// The base, under full tuning with other weights.
    pub(crate) base: Cow<'a, Pretrained>,
    pub(crate) steering: Steering,
}
