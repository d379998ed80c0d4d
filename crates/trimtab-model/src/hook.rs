//! Hooks: functions that read and change activations while a model runs.

use burn::tensor::Tensor;
use trimtab_kernels as kernels;

use crate::config::LayerConfig;
use crate::weight::uses_cpu_kernels;

/// What acts on a forward pass. Capture, steering and patching are all hooks.
pub type Hook<'a> = &'a dyn Intervention;

/// Something that gets activations and returns what the model continues with.
///
/// A function of a [`HookPoint`] and the tensor found there is one. It is called at every site of
/// every layer except at projections. Returning the tensor as it came changes and copies nothing.
/// A closure must name the type of its first argument.
///
/// ```
/// use burn::tensor::Tensor;
/// use trimtab_model::{HookPoint, Site};
///
/// // Removes what the MLP of layer 3 adds at generated tokens.
/// let hook = |at: HookPoint, x: Tensor<2>| {
///     if (at.site, at.layer) != (Site::MlpOut, 3) {
///         return x;
///     }
///     let factor = |generated| if generated { 0.0 } else { 1.0 };
///     let kept: Vec<f32> =
///         at.tokens.iter().map(|token| factor(token.is_generated())).collect();
///     let kept = Tensor::<1>::from_floats(&kept[..], &x.device());
///     x * kept.unsqueeze_dim(1)
/// };
/// # let _: trimtab_model::Hook = &hook;
/// ```
///
/// Implement the trait to carry state from layer to layer or to be called at projections.
pub trait Intervention: Sync {
    /// Begins a forward pass. Passes may run at the same time; each has its own state.
    fn begin_forward(&self) -> HookFn<'_>;

    /// Whether the function is called at `site` of `layer`. Projections that are not hooked may be
    /// fused with other operations.
    fn hooks(&self, layer: usize, site: Site) -> bool {
        let _ = layer;
        !site.is_projection()
    }
}

/// An [`Intervention`] during one forward pass.
///
/// It is called layer after layer, in each layer in the order of [`Site::ALL`].
///
/// # Shapes
///
/// - input and output: `[tokens, hidden_size]`, at a projection `[tokens, outputs]`
pub type HookFn<'a> = Box<dyn FnMut(HookPoint, Tensor<2>) -> Tensor<2> + 'a>;

impl<F: Fn(HookPoint, Tensor<2>) -> Tensor<2> + Sync> Intervention for F {
    fn begin_forward(&self) -> HookFn<'_> {
        Box::new(self)
    }
}

/// Begins a forward pass of `hook`, for an intervention that acts after it. The function leaves
/// everything as it is where `hook` is not called, or if there is none.
pub fn begin_forward(hook: Option<Hook<'_>>) -> HookFn<'_> {
    let Some(hook) = hook else {
        return Box::new(|_, x| x);
    };
    let mut call = hook.begin_forward();
    Box::new(move |at, x| {
        if hook.hooks(at.layer, at.site) {
            call(at, x)
        } else {
            x
        }
    })
}

/// Where in a forward pass a [`Hook`] is called.
#[derive(Clone, Copy, Debug)]
pub struct HookPoint<'a> {
    /// Index of the decoder layer, from 0.
    pub layer: usize,
    /// Place in the layer.
    pub site: Site,
    /// The token of each row of the tensor.
    pub tokens: &'a [TokenInfo],
    /// At a projection its input, `[tokens, inputs]`; `None` elsewhere.
    pub input: Option<&'a Tensor<2>>,
}

/// A place in a decoder layer where a hook can act, named as in TransformerLens.
///
/// The tensor there is `[tokens, hidden_size]`, at a projection `[tokens, outputs]`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// The residual stream before the layer.
    ResidPre,
    /// The queries with their bias, before norm and rotation.
    QProj,
    /// The keys with their bias, before norm and rotation.
    KProj,
    /// The values with their bias.
    VProj,
    /// The output projection of attention with its bias.
    OProj,
    /// What attention adds to the residual stream, after the norm and the factor that some families
    /// have there.
    AttnOut,
    /// The residual stream between attention and MLP.
    ResidMid,
    /// The gate of the MLP, before its activation function.
    GateProj,
    /// What the gate is multiplied with.
    UpProj,
    /// The output projection of the MLP with its bias.
    DownProj,
    /// What the MLP adds to the residual stream, after the norm and the factor that some families
    /// have there.
    MlpOut,
    /// The residual stream after the layer.
    ResidPost,
}

impl Site {
    /// All sites, in the order in which a layer computes them.
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

    /// The name of the projection within its layer of a checkpoint, such as `self_attn.q_proj`.
    /// `None` at other sites.
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

    /// Why a layer does not have the site; `None` if it has it.
    ///
    /// Linear attention has other projections than attention, and a mixture of experts has several
    /// of each. An intervention is never called at a site that a layer does not have.
    pub fn missing_in(self, layer: &LayerConfig) -> Option<&'static str> {
        match self {
            Self::QProj | Self::KProj | Self::VProj | Self::OProj => layer
                .linear_attention
                .map(|_| "its attention is linear and has other projections"),
            Self::GateProj | Self::UpProj | Self::DownProj => layer
                .experts
                .map(|_| "its MLP is a mixture of experts, which have one each"),
            Self::ResidPre | Self::AttnOut | Self::ResidMid | Self::MlpOut | Self::ResidPost => {
                None
            }
        }
    }

    /// Whether the site is the output of one of the seven projections.
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
#[error("there is no site `{0}`; the sites are {all}", all = Site::ALL.map(Site::name).join(", "))]
pub struct UnknownSite(String);

/// A token of a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Index of its prompt among those given to [`Model::prefill`](crate::Model::prefill), or of
    /// its request among those given to [`generate`](crate::generate()).
    pub prompt: usize,
    /// Its position in the text, from 0.
    pub position: usize,
    /// Length of the prompt in tokens; the tokens after it were generated.
    pub prompt_len: usize,
    /// The token id.
    pub id: u32,
}

impl TokenInfo {
    /// Whether the token comes after the prompt.
    pub fn is_generated(&self) -> bool {
        self.position >= self.prompt_len
    }
}

/// `x + vector`, which is what most interventions compute.
///
/// On the CPU it is faster than the addition of tensors if `vector` has one row.
///
/// # Shapes
///
/// - `x`: `[tokens, width]`
/// - `vector`: `[1, width]` for every token or `[tokens, width]`, with the dtype of `x`
/// - output: `[tokens, width]`
///
/// # Panics
///
/// The shapes do not fit.
pub fn add_vector(x: Tensor<2>, vector: Tensor<2>) -> Tensor<2> {
    let ([tokens, width], [rows, columns]) = (x.dims(), vector.dims());
    assert!(
        columns == width && (rows == 1 || rows == tokens),
        "a vector of shape [{rows}, {columns}] cannot be added to [{tokens}, {width}]"
    );
    if rows == 1 && uses_cpu_kernels(&x) && uses_cpu_kernels(&vector) {
        kernels::add_row(x, vector)
    } else {
        x + vector
    }
}

/// A hook at `resid_post` alone: `act` gets the layer and the residual stream after it.
pub fn resid_post_hook(
    act: impl Fn(usize, Tensor<2>) -> Tensor<2> + Sync,
) -> impl Fn(HookPoint, Tensor<2>) -> Tensor<2> + Sync {
    move |at: HookPoint, x| match at.site {
        Site::ResidPost => act(at.layer, x),
        _ => x,
    }
}

/// The hook of a forward pass as one layer sees it.
pub(crate) struct LayerHooks<'a, 'b> {
    pub(crate) hook: Option<(Hook<'a>, &'b mut HookFn<'a>)>,
    pub(crate) layer: usize,
    pub(crate) tokens: &'b [TokenInfo],
}

impl LayerHooks<'_, '_> {
    /// What the model continues with after `x` at a `site` that is no projection.
    pub(crate) fn at(&mut self, site: Site, x: Tensor<2>) -> Tensor<2> {
        self.call(site, None, x)
    }

    /// What the model continues with after the projection `forward(x)`.
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
            Some((hook, call)) if hook.hooks(at.layer, site) => call(at, x),
            _ => x,
        }
    }
}
