//! Activation patching: what carries the difference between two prompts.

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use trimtab_model::hook::{HookFn, begin_forward};
use trimtab_model::{ActivationCache, Hook, HookPoint, Intervention, Model, Site};
use trimtab_steer::effect::{EffectError, MAX_BATCH_TOKENS, check_texts};

/// What patching found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Patching {
    /// Where activations were patched.
    pub site: Site,
    /// The difference of logits, `logit(answer) - logit(other)`, after the clean prompt.
    pub clean: f64,
    /// The same after the corrupted prompt.
    pub corrupted: f64,
    /// Layer by layer, and position by position within a layer.
    pub patches: Vec<Patch>,
}

/// The corrupted prompt with one activation of the clean one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Patch {
    /// The layer.
    pub layer: usize,
    /// Position of the token, from 0.
    pub position: usize,
    /// The difference of logits.
    pub difference: f64,
    /// How much of the way from corrupted to clean that is: 0 for no effect, 1 for all of it.
    /// `None` if the two prompts do not differ.
    pub recovered: Option<f64>,
}

/// Why two prompts cannot be patched.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PatchingError {
    #[error(transparent)]
    Text(#[from] EffectError),
    #[error(
        "the prompts have {clean} and {corrupted} tokens; patching goes position by position and \
         needs as many in both"
    )]
    Lengths { clean: usize, corrupted: usize },
    #[error(
        "{} is a projection; patch resid_pre, attn_out, resid_mid, mlp_out or resid_post", .0.name()
    )]
    Projection(Site),
}

/// Runs the corrupted prompt once for every layer and position, each time with the activation that
/// the clean prompt has at `site` there ([Meng et al. 2022](https://arxiv.org/abs/2202.05262),
/// [Zhang and Nanda 2024](https://arxiv.org/abs/2309.16042)).
///
/// `answer` and `other` are the tokens that follow the clean and the corrupted prompt. `hook` acts
/// on all runs. `progress` is called with a number of patches after each part of the work.
///
/// # Errors
///
/// The model cannot run a prompt, the prompts differ in length, or the site is a projection.
pub fn patch(
    model: &Model,
    [clean, corrupted]: [&[u32]; 2],
    [answer, other]: [u32; 2],
    site: Site,
    hook: Option<Hook>,
    progress: &mut dyn FnMut(usize),
) -> Result<Patching, PatchingError> {
    check_texts(model, &[clean, corrupted, &[answer, other]])?;
    if clean.len() != corrupted.len() {
        let (clean, corrupted) = (clean.len(), corrupted.len());
        return Err(PatchingError::Lengths { clean, corrupted });
    }
    if site.is_projection() {
        return Err(PatchingError::Projection(site));
    }
    let difference = |last: Tensor<2>| -> Vec<f64> {
        let logits = model.logits(last);
        let column = |token: u32| -> Vec<f32> {
            let column = logits.clone().narrow(1, token as usize, 1);
            column.try_into_vec_as().expect("logits are f32")
        };
        let pairs = column(answer).into_iter().zip(column(other));
        pairs
            .map(|(answer, other)| f64::from(answer) - f64::from(other))
            .collect()
    };
    let len = clean.len();
    let (resid_post, cache) = model.run_with_cache(&[clean], &[site], hook);
    let clean_difference = difference(resid_post.narrow(0, len - 1, 1))[0];
    let (resid_post, _) = model.prefill(&[corrupted], hook);
    let corrupted_difference = difference(resid_post.narrow(0, len - 1, 1))[0];
    let all = clean_difference - corrupted_difference;

    let layers = 0..model.config.num_hidden_layers;
    let places: Vec<(usize, usize)> = layers
        .flat_map(|layer| (0..len).map(move |position| (layer, position)))
        .collect();
    let mut patches = vec![];
    for places in places.chunks((MAX_BATCH_TOKENS / len).max(1)) {
        let replacing = PatchHook {
            hook,
            cache: &cache,
            site,
            places,
        };
        let (resid_post, _) = model.prefill(&vec![corrupted; places.len()], Some(&replacing));
        let last =
            (0..places.len()).map(|row| resid_post.clone().narrow(0, (row + 1) * len - 1, 1));
        let differences = difference(Tensor::cat(last.collect(), 0));
        let found = places
            .iter()
            .zip(differences)
            .map(|(&(layer, position), difference)| Patch {
                layer,
                position,
                difference,
                recovered: (all != 0.0).then(|| (difference - corrupted_difference) / all),
            });
        patches.extend(found);
        progress(places.len());
    }
    Ok(Patching {
        site,
        clean: clean_difference,
        corrupted: corrupted_difference,
        patches,
    })
}

/// Replaces the activation at `places[i]`, a layer and a position, in prompt `i`.
struct PatchHook<'a> {
    /// Acts before.
    hook: Option<Hook<'a>>,
    cache: &'a ActivationCache,
    site: Site,
    places: &'a [(usize, usize)],
}

impl Intervention for PatchHook<'_> {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut inner = begin_forward(self.hook);
        Box::new(move |at: HookPoint, x| {
            let x = inner(at, x);
            if self.patches(at.layer, at.site) {
                self.patched(at, x)
            } else {
                x
            }
        })
    }

    fn hooks(&self, layer: usize, site: Site) -> bool {
        self.patches(layer, site) || self.hook.is_some_and(|hook| hook.hooks(layer, site))
    }
}

impl PatchHook<'_> {
    fn patches(&self, layer: usize, site: Site) -> bool {
        site == self.site && self.places.iter().any(|place| place.0 == layer)
    }

    fn patched(&self, at: HookPoint, x: Tensor<2>) -> Tensor<2> {
        let clean = self.cache.get(self.site, at.layer);
        let clean = clean.expect("it was asked for").clone();
        let ([_, width], dtype, device) = (x.dims(), x.dtype(), x.device());
        let clean: Vec<f32> = clean.try_into_vec_as().expect("f32");
        let mut rows: Vec<f32> = x.try_into_vec_as().expect("f32");
        for (row, token) in rows.chunks_exact_mut(width).zip(at.tokens) {
            if self.places[token.prompt] == (at.layer, token.position) {
                row.copy_from_slice(&clean[token.position * width..][..width]);
            }
        }
        let shape = [at.tokens.len(), width];
        Tensor::<2>::from_data(TensorData::new(rows, shape), &device).cast(dtype)
    }
}
