//! What is added to an activation at one site of one layer.

use burn::tensor::{DType, Tensor, activation};
use trimtab_model::Site;

/// Something added to the activation at a site.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// A vector `[1, width]`.
    Add(Tensor<2>),
    /// `sigmoid(gate . x) vector`, both `[1, width]`.
    AddGated { gate: Tensor<2>, vector: Tensor<2> },
    /// `scale input A B` with `a` `[inputs, rank]` and `b` `[rank, outputs]`.
    Project {
        a: Tensor<2>,
        b: Tensor<2>,
        scale: f32,
    },
}

impl Action {
    /// The action times `strength`.
    fn scaled(self, strength: f32) -> Self {
        match self {
            Self::Add(vector) => Self::Add(vector * strength),
            Self::AddGated { gate, vector } => Self::AddGated {
                gate,
                vector: vector * strength,
            },
            Self::Project { a, b, scale } => Self::Project {
                a,
                b,
                scale: scale * strength,
            },
        }
    }

    /// Whether what is added depends on the activation at the site.
    pub(crate) fn reads_site(&self) -> bool {
        matches!(self, Self::AddGated { .. })
    }

    /// What is added, in the dtype of the model: `[tokens, width]`, or `[1, width]` for all tokens.
    ///
    /// `x` is the activation at the site before anything was added, for actions that read it;
    /// `input` is what the projection at the site reads.
    pub(crate) fn delta(
        &self,
        x: Option<&Tensor<2>>,
        input: Option<&Tensor<2>>,
        dtype: DType,
    ) -> Tensor<2> {
        match self {
            Self::Add(vector) => vector.clone().cast(dtype),
            Self::AddGated { gate, vector } => {
                let x = x.expect("kept for actions that read it").clone();
                let product = (x.cast(DType::F32) * gate.clone()).sum_dim(1); // [tokens, 1]
                (activation::sigmoid(product) * vector.clone()).cast(dtype)
            }
            Self::Project { a, b, scale } => {
                let input = input.expect("LoRA acts at projections").clone();
                let low = input.matmul(a.clone().cast(dtype)); // [tokens, rank]
                low.matmul(b.clone().cast(dtype)) * *scale
            }
        }
    }
}

/// The actions of a form, by layer.
#[derive(Clone, Debug)]
pub(crate) struct Actions(Vec<Vec<(Site, Action)>>);

impl Actions {
    /// No actions in any of `num_hidden_layers` layers.
    pub(crate) fn none(num_hidden_layers: usize) -> Self {
        Self(vec![vec![]; num_hidden_layers])
    }

    pub(crate) fn push(&mut self, layer: usize, site: Site, action: Action) {
        self.0[layer].push((site, action));
    }

    /// The action at a site of a layer; a form has at most one there.
    pub(crate) fn at(&self, layer: usize, site: Site) -> Option<&Action> {
        let mut actions = self.0.get(layer)?.iter();
        actions
            .find(|(at, _)| *at == site)
            .map(|(_, action)| action)
    }

    /// Layer and site of every action.
    pub(crate) fn sites(&self) -> impl Iterator<Item = (usize, Site)> {
        let layers = self.0.iter().enumerate();
        layers.flat_map(|(layer, actions)| actions.iter().map(move |(site, _)| (layer, *site)))
    }

    /// All actions times `strength`.
    pub(crate) fn scaled(self, strength: f32) -> Self {
        if strength == 1.0 {
            return self;
        }
        let scale = |(site, action): (Site, Action)| (site, action.scaled(strength));
        let layers = self.0.into_iter();
        Self(
            layers
                .map(|actions| actions.into_iter().map(scale).collect())
                .collect(),
        )
    }
}
