//! Kernels for frozen language models on the CPU, as an extension of burn.
//!
//! Weights that never change are packed once, in the order in which products read them ([`Matrix`]), and held in
//! bfloat16 if asked for. The operations of a decoder ([`linear`], [`rms_norm`], [`gated`], [`rotate`],
//! [`attend_prefill`], [`logprobs`]) run on them, on tensors of burn's CPU backend, with gradients for activations only. Each has a
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

mod add_row;
mod attention;
#[cfg(feature = "burn")]
mod autodiff_op;
mod avx512_bf16;
mod exp;
mod gemm;
mod glu;
mod isa;
mod matrix;
mod microkernel;
mod norm;
#[cfg(feature = "burn")]
mod ops;
mod parallel;
mod rotary;
mod softmax;
#[cfg(test)]
mod testing;
mod transpose;

pub use attention::{Heads, PackedKv};
pub use glu::Activation;
pub use isa::Isa;
pub use matrix::{Element, Format, Matrix};
pub use microkernel::PANEL;
#[cfg(feature = "burn")]
pub use ops::{
    RotaryAngles, SavedActivations, SharedPrompt, add_row, apply_rotary, attend_decode,
    attend_prefill, glu, is_cpu, linear, linear_residual, logprobs, pack, rms_norm,
    unembed_logprobs, with_slice,
};
pub use softmax::SoftmaxTerms;
