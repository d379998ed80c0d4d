use burn::tensor::Tensor;
use rand_distr::{Distribution, Uniform};
use serde::{Deserialize, Serialize};
use trimtab_model::{ModelConfig, Site};

use super::error::FormError;
use super::layers::{attention_width, checked_layers, selected_layers, width};
use super::parameter::{NamedTensor, in_range, rng_at, with_values, zeros};
use crate::action::{Action, Actions};

/// A low-rank update of weights: `y + (alpha / rank) B A x` at each target projection
/// (LoRA, arXiv:2106.09685, eq. 3).
///
/// `A` starts with draws of `U(-1 / sqrt(inputs), 1 / sqrt(inputs))` and `B` at zero, as in PEFT.
/// The defaults are those of arXiv:2505.18706: rank 4, alpha 4, `down_proj`.
///
/// Parameters, for each layer and each target in that order: `layers.L.MODULE.lora_A`,
/// `[rank, inputs]`, and `layers.L.MODULE.lora_B`, `[outputs, rank]`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lora {
    /// Rank of the update.
    pub rank: usize,
    /// The update is multiplied by `alpha / rank`.
    pub alpha: f32,
    /// The projections that are updated, in the layers that have them.
    pub target_modules: Vec<Site>,
    /// The layers whose projections are updated, in rising order; all if left out.
    pub layers: Option<Vec<usize>>,
    /// Seed of the initial values of `A`.
    pub seed: u64,
}

/// Largest rank. Ranks above the width of a projection are of no use, but PEFT allows them.
const MAX_RANK: usize = 1 << 14;

impl Default for Lora {
    fn default() -> Self {
        Self {
            rank: 4,
            alpha: 4.0,
            target_modules: vec![Site::DownProj],
            layers: None,
            seed: 0,
        }
    }
}

impl Lora {
    /// Layer, target, and the shape of its weight, `[outputs, inputs]`, in the order of the
    /// parameters. Layers without a target are left out, as in PEFT.
    pub(crate) fn targets(&self, config: &ModelConfig) -> Vec<(usize, Site, [usize; 2])> {
        let layers = selected_layers(self.layers.as_deref(), config.num_hidden_layers);
        let of_layer = |layer| {
            let sites = self.target_modules.iter().filter(move |site| {
                let layer = config.architecture.layers.get(layer);
                layer.is_none_or(|layer| site.missing_in(layer).is_none())
            });
            sites.map(move |&site| {
                (
                    layer,
                    site,
                    [width(config, site), Self::inputs(config, site)],
                )
            })
        };
        layers.into_iter().flat_map(of_layer).collect()
    }

    /// Width of what the projection at a site gets.
    pub(crate) fn inputs(config: &ModelConfig, site: Site) -> usize {
        match site {
            Site::OProj => attention_width(config),
            Site::DownProj => config.intermediate_size,
            _ => config.hidden_size,
        }
    }

    /// Whether the settings fit the model.
    pub(crate) fn check(&self, config: &ModelConfig) -> Result<(), FormError> {
        let layers = checked_layers(self.layers.as_deref(), config, &[])?;
        for site in &self.target_modules {
            let is_in = |layer: &usize| {
                site.missing_in(&config.architecture.layers[*layer])
                    .is_none()
            };
            if !layers.iter().any(is_in) {
                checked_layers(Some(&layers), config, &[*site])?;
            }
        }
        in_range("rank", self.rank, 1..=MAX_RANK)?;
        if !self.alpha.is_finite() {
            return Err(FormError::NotFinite { key: "alpha" });
        }
        let targets = &self.target_modules;
        let repeated = (1..targets.len()).any(|index| targets[..index].contains(&targets[index]));
        if targets.is_empty() || repeated || targets.iter().any(|site| !site.is_projection()) {
            return Err(FormError::TargetModules);
        }
        Ok(())
    }

    pub(super) fn init(&self, config: &ModelConfig) -> Result<Vec<NamedTensor>, FormError> {
        self.check(config)?;
        let pair = |(layer, site, [outputs, inputs]): (usize, Site, [usize; 2])| {
            let [a, b] = Self::names(layer, site);
            let bound = 1.0 / (inputs as f32).sqrt();
            let uniform = Uniform::new(-bound, bound).expect("a finite range");
            let values = uniform.sample_iter(rng_at(self.seed, layer as u64, site as u64));
            let values = values.take(self.rank * inputs).collect();
            [
                with_values(&a, [self.rank, inputs], values),
                zeros(&b, [outputs, self.rank]),
            ]
        };
        Ok(self.targets(config).into_iter().flat_map(pair).collect())
    }

    /// The names of the two factors of a target.
    pub(crate) fn names(layer: usize, site: Site) -> [String; 2] {
        let module = site.module().unwrap_or_default();
        ["lora_A", "lora_B"].map(|factor| format!("layers.{layer}.{module}.{factor}"))
    }

    pub(super) fn actions(&self, config: &ModelConfig, parameters: &[Tensor<2>]) -> Actions {
        let mut actions = Actions::none(config.num_hidden_layers);
        for ((layer, site, _), pair) in self.targets(config).into_iter().zip(parameters.chunks(2)) {
            let action = Action::Project {
                a: pair[0].clone().transpose(),
                b: pair[1].clone().transpose(),
                scale: self.alpha / self.rank as f32,
            };
            actions.push(layer, site, action);
        }
        actions
    }
}
