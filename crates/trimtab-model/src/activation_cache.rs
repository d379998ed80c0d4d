//! Activations that a forward pass leaves behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use burn::tensor::Tensor;

use crate::decoder::Model;
use crate::hook::{Hook, HookFn, HookPoint, Intervention, Site, begin_forward};

/// Activations of one forward pass, by site and layer; [`Model::run_with_cache`] fills it.
#[derive(Clone, Debug)]
pub struct ActivationCache {
    activations: BTreeMap<(Site, usize), Tensor<2>>,
}

impl ActivationCache {
    /// What the model continued with at `site` of `layer`; `None` if that site was not asked for
    /// or the model has no such layer.
    ///
    /// # Shapes
    ///
    /// - output: `[tokens, hidden_size]`, at a projection `[tokens, outputs]`
    pub fn get(&self, site: Site, layer: usize) -> Option<&Tensor<2>> {
        self.activations.get(&(site, layer))
    }

    /// All activations with their site and layer, in the order of [`Site::ALL`], then by layer.
    pub fn iter(&self) -> impl Iterator<Item = (Site, usize, &Tensor<2>)> {
        let entries = self.activations.iter();
        entries.map(|(&(site, layer), activation)| (site, layer, activation))
    }
}

impl Model {
    /// Runs whole sequences like [`Model::prefill`] and keeps the activations at `sites` of every
    /// layer. They are kept after `hook` has changed them. To `hook`, sequence `i` is prompt `i`.
    ///
    /// Returns the residual stream after the last layer, of which [`Model::logits`] makes logits.
    ///
    /// ```no_run
    /// # use trimtab_model::{Pretrained, Site};
    /// # fn run(base: &Pretrained) -> Result<(), Box<dyn std::error::Error>> {
    /// let tokens = base.tokenizer.encode("The capital of France is")?;
    /// let (resid_post, cache) = base.model.run_with_cache(&[&tokens], &[Site::MlpOut], None);
    /// let logits = base.model.logits(resid_post);
    /// let mlp_out = cache.get(Site::MlpOut, 3).expect("the model has four layers");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Shapes
    ///
    /// - output and activations: `[tokens, width]`, sequences end to end in the order given
    ///
    /// # Panics
    ///
    /// As [`Model::prefill`].
    pub fn run_with_cache(
        &self,
        sequences: &[&[u32]],
        sites: &[Site],
        hook: Option<Hook>,
    ) -> (Tensor<2>, ActivationCache) {
        let capture = Capture {
            hook,
            sites,
            activations: Mutex::default(),
        };
        let (resid_post, _) = self.prefill(sequences, Some(&capture));
        let activations = capture.activations.into_inner();
        let activations = activations.unwrap_or_else(PoisonError::into_inner);
        (resid_post, ActivationCache { activations })
    }
}

/// An intervention that changes nothing by itself and keeps what another one leaves.
struct Capture<'a> {
    hook: Option<Hook<'a>>,
    sites: &'a [Site],
    activations: Mutex<BTreeMap<(Site, usize), Tensor<2>>>,
}

impl Intervention for Capture<'_> {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut inner = begin_forward(self.hook);
        Box::new(move |at: HookPoint, x| {
            let x = inner(at, x);
            if self.sites.contains(&at.site) {
                let activations = self.activations.lock();
                let mut activations = activations.unwrap_or_else(PoisonError::into_inner);
                activations.insert((at.site, at.layer), x.clone());
            }
            x
        })
    }

    fn hooks(&self, layer: usize, site: Site) -> bool {
        self.sites.contains(&site) || self.hook.is_some_and(|hook| hook.hooks(layer, site))
    }
}
