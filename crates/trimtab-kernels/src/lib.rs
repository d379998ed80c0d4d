//! Kernels for frozen language models on the CPU, as an extension of burn.
//!
//! Weights that never change are packed once, in the order in which products read them ([`Matrix`]), and held in
//! bfloat16 if asked for. The operations of a decoder ([`linear`], [`rms_norm`], [`gated`], [`rotate`],
//! [`attend_rows`], [`logprobs`]) run on them, on tensors of burn's CPU backend, with gradients for activations only. Each has a
//! path for AVX-512 with bfloat16 dot products, AVX-512, AVX2, NEON and everything else, chosen at run time ([`Isa`]).
//!
//! Results do not depend on the number of threads or on the other rows of a batch, to the bit.
//!
//! All `unsafe` code of the workspace is here.
#![expect(
    unsafe_code,
    reason = "vector instructions and threads that write to one buffer need it; each block says why it is sound"
)]
#![expect(
    clippy::inline_always,
    reason = "vector code must be inlined into functions that enable the instructions"
)]
#![cfg_attr(
    not(feature = "burn"),
    allow(
        dead_code,
        unused_imports,
        reason = "some kernels are called by the operations on tensors alone"
    )
)]

mod attention;
mod exp;
mod gate;
mod isa;
mod matrix;
mod norm;
#[cfg(feature = "burn")]
mod ops;
mod pairs;
mod product;
mod rotary;
mod row;
mod softmax;
#[cfg(feature = "burn")]
mod step;
#[cfg(test)]
mod testing;
mod tile;
mod turn;
mod work;

pub use attention::{Heads, Keys};
pub use gate::Activation;
pub use isa::Isa;
pub use matrix::{Format, Matrix, Weight};
#[cfg(feature = "burn")]
pub use ops::{
    Angles, Kept, SharedPrompt, add_row, attend_next, attend_rows, gated, is_cpu, linear,
    linear_onto, logprobs, pack, read, rms_norm, rotate, unembedded_logprobs,
};
pub use softmax::Weights;
pub use tile::PANEL;
