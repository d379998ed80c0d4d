//! Instruction sets and the choice among them at run time.

use std::sync::OnceLock;

use pulp::WithSimd;

#[cfg(target_arch = "x86_64")]
use crate::amx;

/// An instruction set that the kernels have a path for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What the compiler makes for every processor of the architecture.
    Portable,
    /// AArch64 with NEON.
    Neon,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512.
    Avx512,
    /// x86-64 with AVX-512 and bfloat16 dot products.
    Avx512Bf16,
    /// As `Avx512Bf16`, with AMX tiles of bfloat16. On Linux only.
    Amx,
}

impl Isa {
    /// The path that this process takes.
    ///
    /// This is the best one of the processor. The environment variable `TRIMTAB_ISA` selects
    /// another (`portable`, `neon`, `avx2`, `avx512`, `avx512_bf16` or `amx`) if the processor
    /// supports it. The choice is made once and holds for the whole process.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Isa> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let best = Self::detect();
            let wanted = std::env::var("TRIMTAB_ISA").ok();
            wanted
                .and_then(|name| Self::from_name(&name))
                .filter(|wanted| Self::available().contains(wanted))
                .unwrap_or(best)
        })
    }

    /// Every path that this processor supports.
    pub(crate) fn available() -> Vec<Self> {
        let native = match Self::detect() {
            Self::Portable => &[][..],
            Self::Neon => &[Self::Neon],
            Self::Avx2 => &[Self::Avx2],
            Self::Avx512 => &[Self::Avx2, Self::Avx512],
            Self::Avx512Bf16 => &[Self::Avx2, Self::Avx512, Self::Avx512Bf16],
            Self::Amx => &[Self::Avx2, Self::Avx512, Self::Avx512Bf16, Self::Amx],
        };
        [&[Self::Portable], native].concat()
    }

    /// Whether kernels with bfloat16 dot products may run.
    ///
    /// True only if this path has them and the processor supports it, wherever `self` comes from.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_bf16_dot(self) -> bool {
        self >= Self::Avx512Bf16
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bf16")
    }

    /// Whether kernels with tiles of bfloat16 may run.
    ///
    /// True only if this is their path and the processor and the system support it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_tiles(self) -> bool {
        self == Self::Amx && amx::is_available()
    }

    /// Whether products with weights in blocks use dot products of bytes.
    ///
    /// True only if this path has AVX-512 and the processor supports them.
    pub fn has_byte_dot(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self >= Self::Avx512
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vnni");
        #[cfg(not(target_arch = "x86_64"))]
        false
    }

    /// Whether blocks may be transposed with AVX.
    ///
    /// True only if this path includes AVX and the processor supports it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn has_fast_transpose(self) -> bool {
        self >= Self::Avx2 && is_x86_feature_detected!("avx")
    }

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "portable" => Some(Self::Portable),
            "neon" => Some(Self::Neon),
            "avx2" => Some(Self::Avx2),
            "avx512" => Some(Self::Avx512),
            "avx512_bf16" => Some(Self::Avx512Bf16),
            "amx" => Some(Self::Amx),
            _ => None,
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        if pulp::x86::V4::try_new().is_some() {
            match is_x86_feature_detected!("avx512bf16") {
                true if amx::is_available() => Self::Amx,
                true => Self::Avx512Bf16,
                false => Self::Avx512,
            }
        } else if pulp::x86::V3::try_new().is_some() {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    #[cfg(target_arch = "aarch64")]
    fn detect() -> Self {
        match pulp::aarch64::Neon::try_new() {
            Some(_) => Self::Neon,
            None => Self::Portable,
        }
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn detect() -> Self {
        Self::Portable
    }

    /// Runs `op`, compiled for this instruction set.
    pub(crate) fn dispatch<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 | Self::Avx512Bf16 | Self::Amx => match pulp::x86::V4::try_new() {
                Some(simd) => pulp::Simd::vectorize(simd, op),
                None => op.with_simd(pulp::Scalar256b),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => match pulp::x86::V3::try_new() {
                Some(simd) => pulp::Simd::vectorize(simd, op),
                None => op.with_simd(pulp::Scalar256b),
            },
            #[cfg(target_arch = "aarch64")]
            Self::Neon => match pulp::aarch64::Neon::try_new() {
                Some(simd) => pulp::Simd::vectorize(simd, op),
                None => op.with_simd(pulp::Scalar256b),
            },
            _ => op.with_simd(pulp::Scalar256b),
        }
    }
}
