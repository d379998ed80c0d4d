//! The projections of a model under the names that a checkpoint gives them.

use trimtab_model::{ModelConfig, Site};

use crate::form::{Lora, width};

/// What PEFT puts before the names of a model.
pub(super) const WRAPPER: &str = "base_model.model.";

/// The parts of a name that may stand before `layers`: of a text model, of the text part of a model
/// that reads images (as transformers named it before 4.52 and names it since), and of a model
/// without its head.
const DECODERS: [&str; 4] = [
    "model.language_model.",
    "language_model.model.",
    "model.",
    "",
];

/// Parts of a model that reads images or sound which its text decoder does not use.
const OTHER_PARTS: [&str; 7] = [
    "audio",
    "embed_audio",
    "embed_vision",
    "multi_modal",
    "multimodal",
    "vision",
    "visual",
];

/// A linear layer of a decoder layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// The name within the decoder layer, such as `self_attn.q_proj`.
    pub(super) name: &'static str,
    /// The projections that it computes, one after the other.
    pub(super) sites: &'static [Site],
}

impl Module {
    const fn new(name: &'static str, sites: &'static [Site]) -> Self {
        Self { name, sites }
    }

    /// The linear layers of each decoder layer.
    pub(super) fn of(config: &ModelConfig) -> Vec<Self> {
        use Site::{DownProj, GateProj, KProj, OProj, QProj, UpProj, VProj};
        let (qkv, gate_up) = if config.architecture.fused_projections {
            (
                vec![Self::new("self_attn.qkv_proj", &[QProj, KProj, VProj])],
                vec![Self::new("mlp.gate_up_proj", &[GateProj, UpProj])],
            )
        } else {
            (
                vec![
                    Self::new("self_attn.q_proj", &[QProj]),
                    Self::new("self_attn.k_proj", &[KProj]),
                    Self::new("self_attn.v_proj", &[VProj]),
                ],
                vec![
                    Self::new("mlp.gate_proj", &[GateProj]),
                    Self::new("mlp.up_proj", &[UpProj]),
                ],
            )
        };
        let o_proj = vec![Self::new("self_attn.o_proj", &[OProj])];
        let down_proj = vec![Self::new("mlp.down_proj", &[DownProj])];
        [qkv, o_proj, gate_up, down_proj].concat()
    }

    /// The shape of its weight, `[outputs, inputs]`.
    pub(super) fn shape(&self, config: &ModelConfig) -> [usize; 2] {
        let outputs = self.sites.iter().map(|&site| width(config, site)).sum();
        let inputs = Lora::inputs(config, self.sites[0]);
        [outputs, inputs]
    }

    /// Whether it computes one of `sites`.
    pub(super) fn has_any(&self, sites: &[Site]) -> bool {
        self.sites.iter().any(|site| sites.contains(site))
    }

    /// The last part of its name.
    pub(super) fn leaf(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

/// What a tensor of an adapter is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A factor of the update of a module.
    Factor {
        layer: usize,
        module: Module,
        /// The path of the module in its model.
        path: String,
        /// Whether it is the second factor, `B`.
        second: bool,
    },
    /// Something for images or sound.
    OtherPart,
}

/// The role of a tensor, or why it has none.
pub(super) fn role(name: &str, modules: &[Module]) -> Result<Role, &'static str> {
    let Some(inside) = name.strip_prefix(WRAPPER) else {
        return Err("PEFT begins every name with `base_model.model.`");
    };
    let mut ends = ["lora_A", "lora_B"].into_iter().zip([false, true]);
    let factor = ends.find_map(|(factor, second)| {
        let path = inside.strip_suffix(&format!(".{factor}.weight"))?;
        Some((path, second))
    });
    let first = inside.strip_prefix("model.").unwrap_or(inside);
    if OTHER_PARTS.iter().any(|part| first.starts_with(part)) {
        return Ok(Role::OtherPart);
    }
    let Some((path, second)) = factor else {
        return Err(refusal(inside));
    };
    let found = DECODERS.iter().find_map(|decoder| {
        let rest = path.strip_prefix(decoder)?.strip_prefix("layers.")?;
        let (layer, rest) = rest.split_once('.')?;
        let module = modules.iter().find(|module| module.name == rest)?;
        Some((layer.parse().ok()?, module.clone()))
    });
    let (layer, module) = found.ok_or_else(|| refusal(inside))?;
    Ok(Role::Factor {
        layer,
        module,
        path: path.to_owned(),
        second,
    })
}

/// Why a tensor is none of the factors.
fn refusal(name: &str) -> &'static str {
    if name.contains("lora_magnitude_vector") {
        "it belongs to DoRA, which is not supported"
    } else if name.contains("lora_A.default.") || name.contains("lora_B.default.") {
        "it names the adapter inside; `save_pretrained` of PEFT leaves that out"
    } else if name.contains("embed_tokens") || name.contains("lm_head") || name.contains("score") {
        "only the projections of the layers can be updated"
    } else if name.contains(".linear_attn.") {
        "updates of linear attention are not supported; `merge_and_unload` of PEFT puts them into \
         the model"
    } else if name.contains("experts") {
        "updates of experts are not supported"
    } else {
        "the model has no such projection; does the adapter belong to it?"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: Module = Module::new("self_attn.q_proj", &[Site::QProj]);

    #[test]
    fn names_of_text_decoders_are_found_in_every_model_that_has_one() {
        for before in DECODERS {
            let path = format!("{before}layers.12.self_attn.q_proj");
            let name = format!("{WRAPPER}{path}.lora_B.weight");
            let expected = Role::Factor {
                layer: 12,
                module: Q,
                path,
                second: true,
            };
            assert_eq!(role(&name, &[Q]), Ok(expected));
        }
        for name in [
            "model.vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.lora_A.weight",
            "visual.blocks.0.attn.qkv.lora_A.weight",
            "multi_modal_projector.linear_1.lora_B.weight",
        ] {
            assert_eq!(role(&format!("{WRAPPER}{name}"), &[Q]), Ok(Role::OtherPart));
        }
    }

    #[test]
    fn other_tensors_are_refused_with_the_reason() {
        for (name, reason) in [
            (
                "model.layers.0.self_attn.q_proj.lora_A.weight",
                "base_model",
            ),
            ("base_model.model.lm_head.lora_A.weight", "of the layers"),
            (
                "base_model.model.model.embed_tokens.lora_embedding_A",
                "of the layers",
            ),
            (
                "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
                "DoRA",
            ),
            (
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight",
                "save_pretrained",
            ),
            (
                "base_model.model.model.layers.0.mlp.experts.3.up_proj.lora_A.weight",
                "experts",
            ),
            (
                "base_model.model.model.layers.0.self_attn.qkv_proj.lora_A.weight",
                "belong",
            ),
            (
                "base_model.model.model.layers.x.self_attn.q_proj.lora_A.weight",
                "belong",
            ),
            (
                "base_model.model.encoder.layers.0.self_attn.q_proj.lora_A.weight",
                "belong",
            ),
        ] {
            let refused = role(name, &[Q]).expect_err(name);
            assert!(refused.contains(reason), "{name}: {refused}");
        }
    }
}
