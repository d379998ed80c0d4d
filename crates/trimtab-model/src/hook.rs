//! Looking at and acting on the residual stream while a model runs.

use burn::tensor::Tensor;

/// Something that is called at every [`Site`] of every layer with what is computed there, and returns what the model goes
/// on with. The tensor is `[tokens, hidden_size]`. The same function serves capture, steering and patching; where it returns
/// what it got, nothing changes and nothing is copied.
///
/// ```
/// use burn::tensor::Tensor;
/// use trimtab_model::{At, Site};
///
/// // Takes away what the MLP of layer 3 adds at generated tokens.
/// let hook = |at: At, x: Tensor<2>| {
///     if (at.site, at.layer) != (Site::MlpOut, 3) {
///         return x;
///     }
///     let kept: Vec<f32> = at.tokens.iter().map(|token| if token.generated { 0.0 } else { 1.0 }).collect();
///     let kept = Tensor::<1>::from_floats(&kept[..], &x.device());
///     x * kept.unsqueeze_dim(1)
/// };
/// # let _: trimtab_model::Hook = &hook;
/// ```
pub type Hook<'a> = &'a (dyn Fn(At, Tensor<2>) -> Tensor<2> + Sync);

/// Where in a forward pass a [`Hook`] is called.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    /// Index of the decoder layer, from 0.
    pub layer: usize,
    /// Place in the layer.
    pub site: Site,
    /// What each row of the tensor belongs to.
    pub tokens: &'a [TokenAt],
}

/// Places in a decoder layer, in the order in which they are passed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The residual stream before the layer.
    ResidPre,
    /// What attention adds to it, after its norm if the family has one there.
    AttnOut,
    /// The residual stream between attention and MLP.
    ResidMid,
    /// What the MLP adds to it, after its norm if the family has one there.
    MlpOut,
    /// The residual stream after the layer.
    ResidPost,
}

impl Site {
    /// All sites, in the order in which a layer passes them.
    pub const ALL: [Self; 5] = [
        Self::ResidPre,
        Self::AttnOut,
        Self::ResidMid,
        Self::MlpOut,
        Self::ResidPost,
    ];

    /// The name in files and flags: `resid_pre`, `attn_out`, `resid_mid`, `mlp_out`, `resid_post`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResidPre => "resid_pre",
            Self::AttnOut => "attn_out",
            Self::ResidMid => "resid_mid",
            Self::MlpOut => "mlp_out",
            Self::ResidPost => "resid_post",
        }
    }
}

impl std::str::FromStr for Site {
    type Err = UnknownSite;

    fn from_str(name: &str) -> Result<Self, UnknownSite> {
        let site = Self::ALL.into_iter().find(|site| site.name() == name);
        site.ok_or_else(|| UnknownSite(name.to_owned()))
    }
}

/// A name that no [`Site`] has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no site `{0}`; the sites are resid_pre, attn_out, resid_mid, mlp_out and resid_post"
)]
pub struct UnknownSite(String);

/// A token of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAt {
    /// Number of its prompt among those given to [`Model::read`](crate::Model::read), or of its request among those given
    /// to [`generate`](crate::generate()).
    pub prompt: usize,
    /// Its place in the text, from 0.
    pub position: usize,
    /// Whether it stands behind the prompt.
    pub generated: bool,
}

/// A hook that acts on `resid_post` alone: `act` gets the layer and the residual stream after it.
pub fn at_resid_post(
    act: impl Fn(usize, Tensor<2>) -> Tensor<2> + Sync,
) -> impl Fn(At, Tensor<2>) -> Tensor<2> + Sync {
    move |at: At, x| match at.site {
        Site::ResidPost => act(at.layer, x),
        _ => x,
    }
}
