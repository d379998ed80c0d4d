//! Direct logit attribution: which part of the model says a token.

use std::sync::{Mutex, PoisonError};

use burn::tensor::{Tensor, TensorData};
use serde::Serialize;
use trimtab_model::hook::{HookFn, begin_forward};
use trimtab_model::{Hook, HookPoint, Intervention, Model, Site};
use trimtab_steer::effect::{EffectError, check_texts};

use crate::readout::dot;

/// Rows of logits that are in memory at a time.
const CHUNK: usize = 64;

/// A part of a model that writes to the residual stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Component {
    /// The embedding of the token.
    Embedding,
    /// Attention of a layer, all heads and the bias.
    Attention {
        /// Its layer.
        layer: usize,
    },
    /// One head, which is a part of the attention of its layer.
    Head {
        /// Its layer.
        layer: usize,
        /// Its number, from 0.
        head: usize,
    },
    /// The MLP of a layer.
    Mlp {
        /// Its layer.
        layer: usize,
    },
    /// What steering adds after a layer.
    Steering {
        /// The layer.
        layer: usize,
    },
}

/// What a component adds to a logit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// The component.
    pub component: Component,
    /// What it adds, in nats.
    pub logit: f64,
}

/// The parts of one logit, or of the difference of two.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attribution {
    /// The logit before the cap of some families.
    pub logit: f64,
    /// What each component adds. All but the heads add up to the logit. The heads add up to the
    /// attention of their layer, but for the bias.
    pub contributions: Vec<Contribution>,
}

/// What is attributed: the logit of a token at a position of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The position whose next token it is.
    pub position: usize,
    /// The token.
    pub token: u32,
    /// A token whose logit is subtracted.
    pub against: Option<u32>,
}

/// Splits a logit into what each component adds to it: `W_U[t] (g * c) / rms(r)` for a component
/// that adds `c` to the residual stream, with the weight `g` of the final norm and the residual
/// stream `r` that it divides ([Elhage et al. 2021](https://transformer-circuits.pub/2021/framework/index.html)).
///
/// # Errors
///
/// The model cannot run the text, or has no such position or token.
pub fn direct_logit_attribution(
    model: &Model,
    tokens: &[u32],
    target: Target,
    hook: Option<Hook>,
) -> Result<Attribution, EffectError> {
    check_texts(model, &[tokens])?;
    check_texts(model, &[&[target.token]])?;
    check_texts(model, &[&[target.against.unwrap_or(target.token)]])?;
    if target.position >= tokens.len() {
        let (index, len, max_len) = (0, target.position + 1, tokens.len());
        return Err(EffectError::TooLong {
            index,
            len,
            max_len,
        });
    }
    let rows = Rows::capture(model, tokens, target.position, hook);
    let components = rows.components(model);
    let components = components.filter(|(component, _)| {
        hook.is_some() || !matches!(component, Component::Steering { .. })
    });
    let (names, directions): (Vec<Component>, Vec<Vec<f32>>) = components.unzip();
    let width = model.config.hidden_size;
    let square = dot(&rows.last, &rows.last) / width as f64;
    let rms = (square + model.config.rms_norm_eps).sqrt();
    let mut logits = vec![];
    for chunk in directions.chunks(CHUNK) {
        let shape = [chunk.len(), width];
        let chunk = TensorData::new(chunk.concat(), shape);
        let chunk = model.direct_logits(Tensor::from_data(chunk, &model.device()));
        let column = |token: u32| -> Vec<f32> {
            let column = chunk.clone().narrow(1, token as usize, 1);
            column.try_into_vec_as().expect("logits are f32")
        };
        let against = target.against.map(column);
        for (row, logit) in column(target.token).into_iter().enumerate() {
            let against = against
                .as_ref()
                .map_or(0.0, |against| f64::from(against[row]));
            logits.push((f64::from(logit) - against) / rms);
        }
    }
    let contributions = names.into_iter().zip(logits);
    let contributions: Vec<Contribution> = contributions
        .map(|(component, logit)| Contribution { component, logit })
        .collect();
    let is_part = |it: &&Contribution| !matches!(it.component, Component::Head { .. });
    Ok(Attribution {
        logit: contributions
            .iter()
            .filter(is_part)
            .map(|it| it.logit)
            .sum(),
        contributions,
    })
}

/// Activations of one position.
#[derive(Default)]
struct Rows {
    resid_pre: Vec<Vec<f32>>,
    /// What `o_proj` gets and gives; empty for a layer without it.
    o_proj: Vec<[Vec<f32>; 2]>,
    attn_out: Vec<Vec<f32>>,
    mlp_out: Vec<Vec<f32>>,
    resid_post: Vec<Vec<f32>>,
    /// The residual stream that the final norm gets.
    last: Vec<f32>,
}

impl Rows {
    fn capture(model: &Model, tokens: &[u32], position: usize, hook: Option<Hook>) -> Self {
        let layers = &model.config.architecture.layers;
        let capture = Capture {
            hook,
            position,
            rows: Mutex::new(Self {
                o_proj: vec![[vec![], vec![]]; layers.len()],
                ..Self::default()
            }),
        };
        let (resid_post, _) = model.prefill(&[tokens], Some(&capture));
        let mut rows = capture
            .rows
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        rows.last = row(&resid_post, position);
        rows
    }

    /// Every component with what it adds to the residual stream.
    fn components(&self, model: &Model) -> impl Iterator<Item = (Component, Vec<f32>)> {
        let mut found = vec![(Component::Embedding, self.resid_pre[0].clone())];
        for layer in 0..self.resid_post.len() {
            let [pre, attention, mlp, post] = [
                &self.resid_pre,
                &self.attn_out,
                &self.mlp_out,
                &self.resid_post,
            ]
            .map(|rows| &rows[layer]);
            found.push((Component::Attention { layer }, attention.clone()));
            let heads = self.heads(model, layer).into_iter().enumerate();
            found.extend(heads.map(|(head, added)| (Component::Head { layer, head }, added)));
            found.push((Component::Mlp { layer }, mlp.clone()));
            let steering: Vec<f32> = post
                .iter()
                .zip(pre)
                .zip(attention.iter().zip(mlp))
                .map(|((post, pre), (attention, mlp))| post - (pre + attention + mlp))
                .collect();
            found.push((Component::Steering { layer }, steering));
        }
        found.into_iter()
    }

    /// What each head of a layer adds.
    fn heads(&self, model: &Model, layer: usize) -> Vec<Vec<f32>> {
        let [mixed, projected] = &self.o_proj[layer];
        let (heads, head_dim) = (model.config.num_attention_heads, model.config.head_dim);
        if mixed.len() != heads * head_dim {
            return vec![];
        }
        let mut alone = vec![0.0; heads * mixed.len()];
        for head in 0..heads {
            let own = head * head_dim..(head + 1) * head_dim;
            alone[head * mixed.len()..][own.clone()].copy_from_slice(&mixed[own]);
        }
        let alone = TensorData::new(alone, [heads, mixed.len()]);
        let alone = Tensor::from_data(alone, &model.device());
        let Some(added) = model.o_proj(layer, alone) else {
            return vec![];
        };
        let added: Vec<f32> = added.try_into_vec_as().expect("activations convert to f32");
        // A norm or factor after the projection scales each number by what it did to their sum.
        let added = added.chunks_exact(projected.len()).map(|row| {
            let scaled = row.iter().zip(projected.iter().zip(&self.attn_out[layer]));
            let scaled = scaled.map(|(&x, (&before, &after))| {
                if before == 0.0 {
                    0.0
                } else {
                    x * after / before
                }
            });
            scaled.collect()
        });
        added.collect()
    }
}

/// Keeps the rows of one position, as another hook leaves them.
struct Capture<'a> {
    hook: Option<Hook<'a>>,
    position: usize,
    rows: Mutex<Rows>,
}

impl Intervention for Capture<'_> {
    fn begin_forward(&self) -> HookFn<'_> {
        let mut inner = begin_forward(self.hook);
        Box::new(move |at: HookPoint, x| {
            let x = inner(at, x);
            let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
            let found = || row(&x, self.position);
            match at.site {
                Site::ResidPre => rows.resid_pre.push(found()),
                Site::OProj => {
                    let input = at.input.expect("a projection has an input");
                    rows.o_proj[at.layer] = [row(input, self.position), found()];
                }
                Site::AttnOut => rows.attn_out.push(found()),
                Site::MlpOut => rows.mlp_out.push(found()),
                Site::ResidPost => rows.resid_post.push(found()),
                _ => {}
            }
            x
        })
    }

    fn hooks(&self, layer: usize, site: Site) -> bool {
        let captured = [
            Site::ResidPre,
            Site::OProj,
            Site::AttnOut,
            Site::MlpOut,
            Site::ResidPost,
        ];
        captured.contains(&site) || self.hook.is_some_and(|hook| hook.hooks(layer, site))
    }
}

fn row(x: &Tensor<2>, position: usize) -> Vec<f32> {
    let row = x.clone().narrow(0, position, 1);
    row.try_into_vec_as().expect("activations convert to f32")
}
