//! Looking at and acting on what a model computes while it runs.

use burn::tensor::Tensor;
use trimtab_kernels as kernels;

use crate::weight::is_fast;

/// What looks at and acts on a forward pass: capture, steering and patching are all of this kind.
pub type Hook<'a> = &'a dyn Intervention;

/// Something that is shown what a model computes and says what the model goes on with.
///
/// A function of [`HookPoint`] and the tensor found there is one; it is called at every site of every layer but the projections.
/// Where it returns what it got, nothing changes and nothing is copied. A closure must name the type of its first argument.
///
/// ```
/// use burn::tensor::Tensor;
/// use trimtab_model::{HookPoint, Site};
///
/// // Takes away what the MLP of layer 3 adds at generated tokens.
/// let hook = |at: HookPoint, x: Tensor<2>| {
///     if (at.site, at.layer) != (Site::MlpOut, 3) {
///         return x;
///     }
///     let kept: Vec<f32> = at.tokens.iter().map(|token| if token.is_generated() { 0.0 } else { 1.0 }).collect();
///     let kept = Tensor::<1>::from_floats(&kept[..], &x.device());
///     x * kept.unsqueeze_dim(1)
/// };
/// # let _: trimtab_model::Hook = &hook;
/// ```
///
/// What keeps something from one layer to the next, or wants to see projections, implements the trait.
pub trait Intervention: Sync {
    /// Begins a forward pass. Passes may run at the same time; what one keeps is its own.
    fn begin_forward(&self) -> HookFn<'_>;

    /// Whether the pass is called at `site` of `layer`. A projection that nobody sees may be computed together with others.
    fn hooks(&self, layer: usize, site: Site) -> bool {
        let _ = layer;
        !site.is_projection()
    }
}

/// An [`Intervention`] in one forward pass: called with the tensor at a site, `[tokens, width]`, layer after layer, each in
/// the order of [`Site::ALL`]; the model goes on with what it returns.
pub type HookFn<'a> = Box<dyn FnMut(HookPoint, Tensor<2>) -> Tensor<2> + 'a>;

impl<F: Fn(HookPoint, Tensor<2>) -> Tensor<2> + Sync> Intervention for F {
    fn begin_forward(&self) -> HookFn<'_> {
        Box::new(self)
    }
}

/// Where in a forward pass a [`Hook`] is called.
#[derive(Clone, Copy, Debug)]
pub struct HookPoint<'a> {
    /// Index of the decoder layer, from 0.
    pub layer: usize,
    /// Place in the layer.
    pub site: Site,
    /// What each row of the tensor belongs to.
    pub tokens: &'a [TokenInfo],
    /// At a projection, what it reads, `[tokens, inputs]`; nothing elsewhere.
    pub input: Option<&'a Tensor<2>>,
}

/// Places in a decoder layer. The tensor is `[tokens, hidden_size]`, at a projection `[tokens, outputs]`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The residual stream before the layer.
    ResidPre,
    /// The queries, bias included, before norm and rotation.
    QProj,
    /// The keys, bias included, before norm and rotation.
    KProj,
    /// The values, bias included.
    VProj,
    /// The output projection of attention, bias included.
    OProj,
    /// What attention adds to the residual stream, after its norm if the family has one there.
    AttnOut,
    /// The residual stream between attention and MLP.
    ResidMid,
    /// The gate of the MLP, before its activation function.
    GateProj,
    /// What the gate is multiplied by.
    UpProj,
    /// The output projection of the MLP, bias included.
    DownProj,
    /// What the MLP adds to the residual stream, after its norm if the family has one there.
    MlpOut,
    /// The residual stream after the layer.
    ResidPost,
}

impl Site {
    /// All sites, in the order in which a layer passes them.
    pub const ALL: [Self; 12] = [
        Self::ResidPre,
        Self::QProj,
        Self::KProj,
        Self::VProj,
        Self::OProj,
        Self::AttnOut,
        Self::ResidMid,
        Self::GateProj,
        Self::UpProj,
        Self::DownProj,
        Self::MlpOut,
        Self::ResidPost,
    ];

    /// The name in files and flags: `resid_pre`, `q_proj` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResidPre => "resid_pre",
            Self::QProj => "q_proj",
            Self::KProj => "k_proj",
            Self::VProj => "v_proj",
            Self::OProj => "o_proj",
            Self::AttnOut => "attn_out",
            Self::ResidMid => "resid_mid",
            Self::GateProj => "gate_proj",
            Self::UpProj => "up_proj",
            Self::DownProj => "down_proj",
            Self::MlpOut => "mlp_out",
            Self::ResidPost => "resid_post",
        }
    }

    /// The name of the projection in its layer of a checkpoint, `self_attn.q_proj` and so on; none at other sites.
    pub fn module(self) -> Option<&'static str> {
        match self {
            Self::QProj => Some("self_attn.q_proj"),
            Self::KProj => Some("self_attn.k_proj"),
            Self::VProj => Some("self_attn.v_proj"),
            Self::OProj => Some("self_attn.o_proj"),
            Self::GateProj => Some("mlp.gate_proj"),
            Self::UpProj => Some("mlp.up_proj"),
            Self::DownProj => Some("mlp.down_proj"),
            Self::ResidPre | Self::AttnOut | Self::ResidMid | Self::MlpOut | Self::ResidPost => {
                None
            }
        }
    }

    /// Whether it is the output of one of the seven projections.
    pub fn is_projection(self) -> bool {
        self.module().is_some()
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
#[error("there is no site `{0}`; the sites are {names}", names = Site::ALL.map(Site::name).join(", "))]
pub struct UnknownSite(String);

/// A token of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Number of its prompt among those given to [`Model::prefill`](crate::Model::read), or of its request among those given
    /// to [`generate`](crate::generate()).
    pub prompt: usize,
    /// Its place in the text, from 0.
    pub position: usize,
    /// Number of tokens of the prompt; those behind were generated.
    pub prompt_len: usize,
    /// The token.
    pub id: u32,
}

impl TokenInfo {
    /// Whether it stands behind the prompt.
    pub fn is_generated(&self) -> bool {
        self.position >= self.prompt_len
    }
}

/// `x + vector`: `x` is `[tokens, width]`, and `vector`, in the same number format, `[1, width]` for every token or `[tokens, width]`.
/// What most interventions do; with one row it is faster on the CPU than the addition of tensors.
pub fn add_vector(x: Tensor<2>, vector: Tensor<2>) -> Tensor<2> {
    if vector.dims()[0] == 1 && is_fast(&x) && is_fast(&vector) {
        kernels::add_row(x, vector)
    } else {
        x + vector
    }
}

/// A hook that acts on `resid_post` alone: `act` gets the layer and the residual stream after it.
pub fn resid_post_hook(
    act: impl Fn(usize, Tensor<2>) -> Tensor<2> + Sync,
) -> impl Fn(HookPoint, Tensor<2>) -> Tensor<2> + Sync {
    move |at: HookPoint, x| match at.site {
        Site::ResidPost => act(at.layer, x),
        _ => x,
    }
}

/// A pass as one layer sees it.
pub(crate) struct LayerHooks<'a, 'b> {
    pub(crate) hook: Option<(Hook<'a>, &'b mut HookFn<'a>)>,
    pub(crate) layer: usize,
    pub(crate) tokens: &'b [TokenInfo],
}

impl LayerHooks<'_, '_> {
    /// What goes on from a `site` that is no projection.
    pub(crate) fn at(&mut self, site: Site, x: Tensor<2>) -> Tensor<2> {
        self.call(site, None, x)
    }

    /// `forward(x)`, and what goes on from it.
    pub(crate) fn project(
        &mut self,
        site: Site,
        x: Tensor<2>,
        forward: impl FnOnce(Tensor<2>) -> Tensor<2>,
    ) -> Tensor<2> {
        if !self.is_hooked(site) {
            return forward(x);
        }
        let y = forward(x.clone());
        self.call(site, Some(&x), y)
    }

    pub(crate) fn is_hooked(&self, site: Site) -> bool {
        let hook = self.hook.as_ref();
        hook.is_some_and(|(hook, _)| hook.hooks(self.layer, site))
    }

    fn call(&mut self, site: Site, input: Option<&Tensor<2>>, x: Tensor<2>) -> Tensor<2> {
        let at = HookPoint {
            layer: self.layer,
            site,
            tokens: self.tokens,
            input,
        };
        match &mut self.hook {
            Some((hook, pass)) if hook.hooks(at.layer, site) => pass(at, x),
            _ => x,
        }
    }
}
