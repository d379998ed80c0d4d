//! What steering vectors and residual streams say.
//!
//! - [`VectorLens`] reads vectors as changes of logits in four ways, with random directions as the
//!   null. [`vector_tokens`] is the quick look without one.
//! - [`logit_lens`] reads the residual stream of a text after every layer.
//! - [`direct_logit_attribution`] says which layer and head adds what to a logit.
//! - [`project`] says how far each token of a text lies along the vectors.
//! - [`patch`] finds what carries the difference between two prompts.
//! - [`persistence`] follows what a vector adds through the later layers.
//! - [`Ablation`] changes vectors, so that an evaluation says what causes their effect.
//!
//! [`report`] shows all of it on one page.

mod ablation;
mod attribution;
mod logit_lens;
mod patching;
mod persistence;
mod projection;
mod ranking;
mod readout;
pub mod report;
pub mod significance;
mod token_groups;
mod vector_lens;
mod vector_tokens;

pub use ablation::Ablation;
pub use attribution::{Attribution, Component, Contribution, Target, direct_logit_attribution};
pub use logit_lens::{LensPoint, LogitLensOptions, RankedToken, TokenProbability, logit_lens};
pub use patching::{Patch, Patching, PatchingError, patch};
pub use persistence::{Persistence, persistence};
pub use projection::{Projection, project};
pub use token_groups::{TokenGroup, TokenGroupError, Vocabulary};
pub use vector_lens::{
    GroupEffect, LayerReading, Reading, TokenEffect, TokenList, VectorLens, VectorLensOptions,
};
pub use vector_tokens::{LayerTokens, TokenLogit, vector_tokens};
