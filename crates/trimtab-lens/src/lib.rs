//! What steering vectors and residual streams say.
//!
//! - [`VectorLens`] reads vectors as changes of logits in four ways, with random directions as the
//!   null. [`vector_tokens`] is the quick look without one.
//! - [`logit_lens`] reads the residual stream of a text after every layer, as it is or through a
//!   [`TunedLens`].
//! - [`direct_logit_attribution`] says which layer and head adds what to a logit.
//! - [`project`] says how far each token of a text lies along the vectors.
//! - [`patch`] finds what carries the difference between two prompts.
//! - [`persistence`] follows what a vector adds through the later layers.
//! - [`trajectory`] follows vectors through their training, and [`compare`] says how alike the
//!   vectors of several runs are. [`changes`] says how alike what they do is, whether by vectors,
//!   LoRA or other weights.
//! - [`Ablation`] changes vectors, so that an evaluation says what causes their effect.
//!
//! [`report`] shows all of it on one page.

mod ablation;
mod attribution;
mod changes;
mod comparison;
mod logit_lens;
mod patching;
mod persistence;
mod projection;
mod ranking;
mod readout;
pub mod report;
pub mod significance;
mod token_groups;
mod trajectory;
mod tuned_lens;
mod vector_lens;
mod vector_tokens;

pub use ablation::Ablation;
pub use attribution::{Attribution, Component, Contribution, Target, direct_logit_attribution};
pub use changes::{LayerChanges, changes};
pub use comparison::{Comparison, LayerCosines, compare};
pub use logit_lens::{LensPoint, LogitLensOptions, RankedToken, TokenProbability, logit_lens};
pub use patching::{Patch, Patching, PatchingError, patch};
pub use persistence::{Persistence, persistence};
pub use projection::{Projection, project};
pub use token_groups::{TokenGroup, TokenGroupError, Vocabulary};
pub use trajectory::{TrajectoryPoint, shown_steps, trajectory};
pub use tuned_lens::{TunedLens, TunedLensConfig, TunedLensError};
pub use vector_lens::{
    GroupEffect, LayerReading, Reading, TokenEffect, TokenList, VectorLens, VectorLensOptions,
};
pub use vector_tokens::{LayerTokens, TokenLogit, vector_tokens};
