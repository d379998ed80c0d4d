use serde::{Deserialize, Serialize};
use trimtab_model::Site;

use crate::form::{Form, PerLayer};
use crate::token_filter::TokenFilter;

/// `format` of plain vectors, one for each layer, in a tensor named by the site.
const VECTORS: &str = "trimtab-steering-1";
/// `format` of other forms, which the metadata name, with a tensor for each parameter.
const FORM: &str = "trimtab-steering-2";

/// What a steering file says about its parameters.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Entries", into = "Entries")]
pub struct SteeringMetadata {
    /// What the parameters are.
    pub form: Form,
    /// The tokens that are steered; `None` for all.
    pub token_filter: Option<TokenFilter>,
    /// Name of the base model; empty where the file does not say.
    pub base_model: String,
    /// SHA-256 of the weights of the base model; empty where the file does not say.
    pub base_sha256: String,
    /// `model_type` of the base model, where the file says it.
    pub model_type: Option<String>,
    /// Unknown keys of the `config.json` of the base model that the user allowed.
    pub allowed_config_keys: Vec<String>,
    /// Number of layers of the base model.
    pub num_hidden_layers: usize,
    /// Width of its residual stream.
    pub hidden_size: usize,
    /// How many steps the parameters were trained.
    pub step: u64,
    /// The settings that they were made with.
    pub recipe: serde_json::Value,
}

impl SteeringMetadata {
    /// Metadata that do not say which base the parameters belong to.
    pub(super) fn without_base(form: Form, recipe: serde_json::Value) -> Self {
        Self {
            form,
            token_filter: None,
            base_model: String::new(),
            base_sha256: String::new(),
            model_type: None,
            allowed_config_keys: vec![],
            num_hidden_layers: 0,
            hidden_size: 0,
            step: 0,
            recipe,
        }
    }

    /// The site of plain vectors, one for each layer; `None` for other forms.
    pub(super) fn plain_site(&self) -> Option<Site> {
        match self.form {
            Form::PerLayer(PerLayer { site, layers: None }) => Some(site),
            _ => None,
        }
    }
}

/// The form of plain vectors at a site.
pub(super) fn plain_form(site: Site) -> Form {
    Form::PerLayer(PerLayer { site, layers: None })
}

/// The metadata in the layout of the file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    format: String,
    /// Of plain vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<Site>,
    /// Of everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    form: Option<Form>,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    token_filter: Option<TokenFilter>,
    base_model: String,
    base_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_type: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allowed_config_keys: Vec<String>,
    num_hidden_layers: usize,
    hidden_size: usize,
    step: u64,
    recipe: serde_json::Value,
}

impl From<SteeringMetadata> for Entries {
    fn from(metadata: SteeringMetadata) -> Self {
        let site = metadata.plain_site();
        Self {
            format: if site.is_some() { VECTORS } else { FORM }.to_owned(),
            form: site.is_none().then_some(metadata.form),
            site,
            token_filter: metadata.token_filter,
            base_model: metadata.base_model,
            base_sha256: metadata.base_sha256,
            model_type: metadata.model_type,
            allowed_config_keys: metadata.allowed_config_keys,
            num_hidden_layers: metadata.num_hidden_layers,
            hidden_size: metadata.hidden_size,
            step: metadata.step,
            recipe: metadata.recipe,
        }
    }
}

impl TryFrom<Entries> for SteeringMetadata {
    type Error = String;

    fn try_from(entries: Entries) -> Result<Self, String> {
        let form = match (&*entries.format, entries.site, entries.form) {
            (VECTORS, Some(site), None) => plain_form(site),
            (FORM, None, Some(form @ (Form::Gated(_) | Form::Lora(_)))) => form,
            (FORM, None, Some(form)) => {
                return Err(format!(
                    "its form is `{}`; such files hold gated vectors or LoRA",
                    form.name()
                ));
            }
            (VECTORS, _, _) => return Err("vectors need a `site` and no `form`".to_owned()),
            (FORM, _, _) => return Err("a form needs `form` and no `site`".to_owned()),
            (format, _, _) => return Err(format!("its format is `{format}`")),
        };
        Ok(Self {
            form,
            token_filter: entries.token_filter,
            base_model: entries.base_model,
            base_sha256: entries.base_sha256,
            model_type: entries.model_type,
            allowed_config_keys: entries.allowed_config_keys,
            num_hidden_layers: entries.num_hidden_layers,
            hidden_size: entries.hidden_size,
            step: entries.step,
            recipe: entries.recipe,
        })
    }
}
