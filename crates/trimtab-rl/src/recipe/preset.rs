//! Known algorithms by name.

use std::collections::BTreeMap;

use trimtab_tasks::Template;

use super::{RecipeConfig, ValidationConfig, ZeroVariance};
use crate::advantage::Advantage;
use crate::gradient::BackwardConfig;
use crate::loss::{Aggregation, KlConfig, KlEstimator, KlPlace, LossConfig, Surrogate};
use crate::optim::Schedule;
use crate::reward::BuiltIn;

/// The settings of a known algorithm.
///
/// The presets of arXiv:2505.18706 have the sizes and rates of that paper, for models with
/// billions of weights, and [`RealSmall`](Self::RealSmall) has those for half a billion. All others
/// have those of [`RecipeConfig::default`], for the bundled model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Version 1 of arXiv:2505.18706: group mean, KL penalty, 64 completions per prompt.
    PaperV1,
    /// Version 3 of arXiv:2505.18706: leave-one-out, no penalty, 128 prompts with 16 completions.
    ///
    /// Its 314 steps are one epoch of 40,000 problems.
    PaperV3,
    /// GRPO, arXiv:2402.03300: standardised by group, clipped, mean over each completion, KL
    /// penalty in the loss.
    Grpo,
    /// Dr. GRPO, arXiv:2503.20783: group mean, clipped, divided by a constant.
    DrGrpo,
    /// DAPO, arXiv:2503.14476: clipped higher above than below, mean over tokens, dynamic
    /// sampling, overlong reward shaping.
    Dapo,
    /// GSPO, arXiv:2507.18071: standardised by group, clipped by completion.
    Gspo,
    /// PPO, arXiv:1707.06347 as in arXiv:2203.02155: a value head, clipped, KL penalty in the
    /// reward.
    Ppo,
    /// RLOO, arXiv:2402.14740: leave-one-out, KL penalty in the reward.
    Rloo,
    /// Instruction models of about half a billion weights on a CPU: steps of 256 completions
    /// through the chat template, each of which takes minutes.
    RealSmall,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 9] = [
        Self::PaperV1,
        Self::PaperV3,
        Self::Grpo,
        Self::DrGrpo,
        Self::Dapo,
        Self::Gspo,
        Self::Ppo,
        Self::Rloo,
        Self::RealSmall,
    ];

    /// The name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::PaperV1 => "paper-v1",
            Self::PaperV3 => "paper-v3",
            Self::Grpo => "grpo",
            Self::DrGrpo => "dr-grpo",
            Self::Dapo => "dapo",
            Self::Gspo => "gspo",
            Self::Ppo => "ppo",
            Self::Rloo => "rloo",
            Self::RealSmall => "real-small",
        }
    }

    /// Its settings.
    pub fn config(self) -> RecipeConfig {
        match self {
            Self::PaperV1 => paper_v1(),
            Self::PaperV3 => paper_v3(),
            Self::Grpo => grpo(),
            Self::DrGrpo => dr_grpo(),
            Self::Dapo => dapo(),
            Self::Gspo => gspo(),
            Self::Ppo => ppo(),
            Self::Rloo => rloo(),
            Self::RealSmall => real_small(),
        }
    }
}

fn paper_v1() -> RecipeConfig {
    RecipeConfig {
        advantage: Advantage::GroupMean,
        group_size: 64,
        max_new_tokens: 1024,
        learning_rate: 5e-4,
        kl: KlConfig {
            coef: 0.01,
            ..KlConfig::default()
        },
        ..paper_v3()
    }
}

fn paper_v3() -> RecipeConfig {
    RecipeConfig {
        steps: 314,
        prompts_per_step: 128,
        max_new_tokens: 8192,
        learning_rate: 1e-3,
        warmup_steps: 10, // 3 % of the steps
        schedule: Schedule::Constant,
        max_grad_norm: 2.0,
        ..RecipeConfig::default()
    }
}

fn grpo() -> RecipeConfig {
    RecipeConfig {
        advantage: Advantage::GroupStandardised,
        loss: LossConfig {
            aggregation: Aggregation::SequenceMean,
            ..clipped()
        },
        kl: KlConfig {
            coef: 0.04,
            ..KlConfig::default()
        },
        ..RecipeConfig::default()
    }
}

fn dr_grpo() -> RecipeConfig {
    RecipeConfig {
        advantage: Advantage::GroupMean,
        loss: LossConfig {
            aggregation: Aggregation::ConstantLength,
            ..clipped()
        },
        ..RecipeConfig::default()
    }
}

fn dapo() -> RecipeConfig {
    RecipeConfig {
        advantage: Advantage::GroupStandardised,
        zero_variance: ZeroVariance::Resample,
        reward: BTreeMap::from([(BuiltIn::Correctness, 1.0), (BuiltIn::SoftOverlong, 1.0)]),
        loss: LossConfig {
            clip_high: 0.28,
            ..clipped()
        },
        ..RecipeConfig::default()
    }
}

fn gspo() -> RecipeConfig {
    RecipeConfig {
        advantage: Advantage::GroupStandardised,
        loss: LossConfig {
            surrogate: Surrogate::Gspo,
            aggregation: Aggregation::SequenceMean,
            clip_low: 3e-4,
            clip_high: 4e-4,
            num_iterations: 2, // with one there is nothing to clip
            ..LossConfig::default()
        },
        ..RecipeConfig::default()
    }
}

fn ppo() -> RecipeConfig {
    RecipeConfig {
        advantage: Advantage::Value,
        loss: LossConfig {
            num_iterations: 4,
            ..clipped()
        },
        kl: penalty_in_reward(),
        ..RecipeConfig::default()
    }
}

fn rloo() -> RecipeConfig {
    RecipeConfig {
        kl: penalty_in_reward(),
        ..RecipeConfig::default()
    }
}

fn real_small() -> RecipeConfig {
    RecipeConfig {
        template: Some(Template::Chat),
        steps: 32,
        group_size: 8,
        temperature: 0.8,
        max_new_tokens: 512,
        learning_rate: 1e-3,
        warmup_steps: 1,
        schedule: Schedule::Constant,
        zero_variance: ZeroVariance::Drop,
        loss: LossConfig {
            aggregation: Aggregation::ConstantLength,
            ..LossConfig::default()
        },
        // About 4 GB beside the model.
        micro_batch_tokens: 4096,
        backward: BackwardConfig {
            tokens_per_part: 2048,
            ..BackwardConfig::default()
        },
        validation: ValidationConfig {
            every: 8,
            problems: 128,
            ..ValidationConfig::default()
        },
        ..RecipeConfig::default()
    }
}

fn clipped() -> LossConfig {
    LossConfig {
        surrogate: Surrogate::Clipped,
        ..LossConfig::default()
    }
}

fn penalty_in_reward() -> KlConfig {
    KlConfig {
        coef: 0.05,
        estimator: KlEstimator::K1,
        place: KlPlace::Reward,
    }
}

impl std::str::FromStr for Preset {
    type Err = UnknownPreset;

    fn from_str(name: &str) -> Result<Self, UnknownPreset> {
        Self::ALL
            .into_iter()
            .find(|preset| preset.name() == name)
            .ok_or_else(|| UnknownPreset(name.to_owned()))
    }
}

/// A name that no preset has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no preset `{0}`; there are paper-v1, paper-v3, grpo, dr-grpo, dapo, gspo, ppo, \
     rloo and real-small"
)]
pub struct UnknownPreset(String);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn every_preset_works_and_has_its_own_name() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            let recipe = preset.config().build().expect("a good recipe");
            let toml = format!("preset = '{}'", preset.name());
            let resolved = Recipe::resolve(&toml, &[]).expect("a good recipe");
            assert_eq!(resolved, recipe);
        }
    }
}
