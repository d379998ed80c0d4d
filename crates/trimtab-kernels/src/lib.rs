//! CPU kernels for frozen language models, as an extension of burn.
//!
//! A weight that never changes is packed once, in the order in which products read it ([`Matrix`]).
//! It may be stored in bfloat16 or in blocks of integers. The operations of a decoder
//! ([`linear`], [`rms_norm`], [`glu`], [`apply_rotary`], [`attend_prefill`], [`logprobs`]) work on
//! packed weights and on tensors of burn's CPU backend. Gradients flow to activations only.
//!
//! Each kernel has a path for AVX-512 with bfloat16 dot products, AVX-512, AVX2, NEON and portable
//! code. Products in bfloat16 also have one for AMX. The path is chosen at run time ([`Isa`]).
//!
//! Results are bit for bit the same for any number of threads and any other rows in the batch.
//!
//! All `unsafe` code of the workspace's libraries is in this crate.
#![expect(
    unsafe_code,
    reason = "SIMD and threads that share an output buffer need it; each block says why it is sound"
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
        reason = "only the tensor operations call some of the kernels"
    )
)]

mod add_row;
mod amx;
mod attention;
#[cfg(feature = "burn")]
mod autodiff_op;
mod avx512_bf16;
mod avx512_output;
mod avx512_vnni;
mod exp;
mod gemm;
mod glu;
mod isa;
mod lines;
mod matrix;
mod microkernel;
#[cfg(feature = "burn")]
mod ops;
mod parallel;
mod quantised;
mod rms_norm;
mod rotary;
mod scratch;
mod softmax;
#[cfg(test)]
mod testing;
mod transpose;

pub use attention::{AttentionParams, PackedKv};
pub use glu::Activation;
pub use isa::Isa;
pub use matrix::{Element, Format, Matrix};
pub use microkernel::PANEL_WIDTH;
#[cfg(feature = "burn")]
pub use ops::{
    RotaryAngles, SavedActivations, SharedPrompt, add_row, apply_rotary, attend_decode,
    attend_prefill, glu, is_cpu, linear, linear_residual, logprobs, pack, rms_norm,
    unembed_logprobs, with_slice,
};
pub use quantised::{BLOCK, BlockFormat, CodeBlock};
pub use softmax::SoftmaxTerms;
