//! The numbers of a tensor in a GGUF file: as f32, as the package `gguf` has them to the bit, or as
//! codes with scales.
//!
//! ggml's `ggml-quants.c` defines the layouts. A block has a scale `d` in half precision; the
//! formats `_K` have super-blocks of 256 numbers with scales of their own for 16 or 32 numbers.

use half::{bf16, f16};
use trimtab_kernels::{BLOCK, BlockFormat, CodeBlock};

use super::tensor_type::TensorType;

/// Values of the codes of IQ4_NL and IQ4_XS.
const IQ4_VALUES: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

impl TensorType {
    /// Whether [`dequantise`] knows the type.
    pub fn is_read(self) -> bool {
        reader(self).is_some()
    }

    /// The format of kernels that has all numbers of this one exactly, if there is one.
    pub(crate) fn block_format(self) -> Option<BlockFormat> {
        match reader(self)? {
            Reader::Codes(format, _) => Some(format),
            Reader::Floats(_) => None,
        }
    }
}

/// Writes the numbers of whole blocks to `numbers`; `None` if the type is not read.
///
/// # Panics
///
/// `bytes` and `numbers` are not the same count of whole blocks.
pub fn dequantise(kind: TensorType, bytes: &[u8], numbers: &mut [f32]) -> Option<()> {
    let reader = reader(kind)?;
    let (block_len, block_bytes) = kind.block();
    assert_eq!(
        (bytes.len() % block_bytes, numbers.len()),
        (0, bytes.len() / block_bytes * block_len),
        "bytes of {kind:?} and their numbers"
    );
    let mut codes = [CodeBlock::default(); SUPER_BLOCK / BLOCK];
    let blocks = bytes.chunks_exact(block_bytes);
    for (block, numbers) in blocks.zip(numbers.chunks_exact_mut(block_len)) {
        match reader {
            Reader::Floats(read) => read(block, numbers),
            Reader::Codes(format, read) => {
                read(block, &mut codes[..block_len / BLOCK]);
                for (codes, numbers) in codes.iter().zip(numbers.chunks_exact_mut(BLOCK)) {
                    numbers.copy_from_slice(&codes.numbers(format));
                }
            }
        }
    }
    Some(())
}

/// Writes the numbers of whole blocks as codes of [`TensorType::block_format`].
///
/// # Panics
///
/// There is no such format, or `bytes` and `codes` are not the same count of whole blocks.
pub(crate) fn code_blocks(kind: TensorType, bytes: &[u8], codes: &mut [CodeBlock]) {
    let Some(Reader::Codes(_, read)) = reader(kind) else {
        panic!("{kind:?} has no codes");
    };
    let (block_len, block_bytes) = kind.block();
    assert_eq!(
        (bytes.len() % block_bytes, codes.len() * BLOCK),
        (0, bytes.len() / block_bytes * block_len),
        "bytes of {kind:?} and their codes"
    );
    let blocks = bytes.chunks_exact(block_bytes);
    for (block, codes) in blocks.zip(codes.chunks_exact_mut(block_len / BLOCK)) {
        read(block, codes);
    }
}

/// The most numbers of a block.
const SUPER_BLOCK: usize = 256;

/// A function that reads the bytes of a block.
#[derive(Clone, Copy)]
enum Reader {
    Floats(fn(&[u8], &mut [f32])),
    Codes(BlockFormat, fn(&[u8], &mut [CodeBlock])),
}

fn reader(kind: TensorType) -> Option<Reader> {
    use BlockFormat::{Q4, Q4Min, Q5, Q5Min, Q6, Q8};
    use Reader::{Codes, Floats};
    Some(match kind {
        TensorType::F32 => Floats(|block, out| out[0] = f32::from_le_bytes(array(block, 0))),
        TensorType::F16 => Floats(|block, out| out[0] = half_at(block, 0)),
        TensorType::BF16 => {
            Floats(|block, out| out[0] = bf16::from_le_bytes(array(block, 0)).to_f32())
        }
        TensorType::Q2_K => Floats(q2_k),
        TensorType::Q4_0 => Codes(Q4, q4_0),
        TensorType::Q4_1 => Codes(Q4Min, q4_1),
        TensorType::Q4_K => Codes(Q4Min, q4_k),
        TensorType::Q5_0 => Codes(Q5, q5_0),
        TensorType::Q5_1 => Codes(Q5Min, q5_1),
        TensorType::Q5_K => Codes(Q5Min, q5_k),
        TensorType::Q3_K => Codes(Q6, q3_k),
        TensorType::Q6_K => Codes(Q6, q6_k),
        TensorType::Q8_0 => Codes(Q8, q8_0),
        TensorType::IQ4_NL => Codes(Q8, iq4_nl),
        TensorType::IQ4_XS => Codes(Q8, iq4_xs),
        _ => return None,
    })
}

fn q4_0(block: &[u8], out: &mut [CodeBlock]) {
    let (d, codes) = (half_at(block, 0), &block[2..]);
    fill(out, |_| ([d; 2], 0.0), |i| nibble(codes, i));
}

fn q4_1(block: &[u8], out: &mut [CodeBlock]) {
    let (d, min, codes) = (half_at(block, 0), half_at(block, 2), &block[4..]);
    fill(out, |_| ([d; 2], -min), |i| nibble(codes, i));
}

fn q5_0(block: &[u8], out: &mut [CodeBlock]) {
    let (d, high) = (half_at(block, 0), u32::from_le_bytes(array(block, 2)));
    let codes = &block[6..];
    let code = |i| nibble(codes, i) | bit(high, i) << 4;
    fill(out, |_| ([d; 2], 0.0), code);
}

fn q5_1(block: &[u8], out: &mut [CodeBlock]) {
    let (d, min) = (half_at(block, 0), half_at(block, 2));
    let (high, codes) = (u32::from_le_bytes(array(block, 4)), &block[8..]);
    let code = |i| nibble(codes, i) | bit(high, i) << 4;
    fill(out, |_| ([d; 2], -min), code);
}

fn q8_0(block: &[u8], out: &mut [CodeBlock]) {
    let (d, codes) = (half_at(block, 0), &block[2..]);
    fill(out, |_| ([d; 2], 0.0), |i| without_sign(codes[i] as i8));
}

/// 16 bytes of scales and minima, 64 of codes, `d`, `dmin`.
fn q2_k(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (i, out) in out.iter_mut().enumerate() {
        let scale = d * f32::from(scales[i / 16] & 15);
        let min = dmin * f32::from(scales[i / 16] >> 4);
        *out = scale * f32::from(quarter(codes, i)) - min;
    }
}

/// 32 bytes of high bits, 64 of codes, 12 of scales, `d`.
fn q3_k(block: &[u8], out: &mut [CodeBlock]) {
    let (high, codes, packed) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    let scale = |j: usize| {
        let low = packed[j % 8] >> (4 * (j / 8)) & 15;
        let high = packed[8 + j % 4] >> (2 * (j / 4)) & 3;
        d * f32::from((low | high << 4) as i8 - 32)
    };
    let code = |i: usize| {
        let is_low = high[i % 32] >> (i / 32) & 1 == 0;
        32 + quarter(codes, i) - if is_low { 4 } else { 0 }
    };
    fill(out, |j| ([scale(2 * j), scale(2 * j + 1)], 0.0), code);
}

/// `d`, `dmin`, 12 bytes of scales and minima, 128 of codes.
fn q4_k(block: &[u8], out: &mut [CodeBlock]) {
    let (scales, codes) = (scales_and_minima(block), &block[16..]);
    fill(out, |j| scales[j], |i| nibble_of_64(codes, i));
}

/// `d`, `dmin`, 12 bytes of scales and minima, 32 of high bits, 128 of codes.
fn q5_k(block: &[u8], out: &mut [CodeBlock]) {
    let (scales, high, codes) = (scales_and_minima(block), &block[16..48], &block[48..]);
    let code = |i| nibble_of_64(codes, i) | (high[i % 32] >> (i / 32) & 1) << 4;
    fill(out, |j| scales[j], code);
}

/// 128 bytes of low bits, 64 of high bits, 16 of scales, `d`.
fn q6_k(block: &[u8], out: &mut [CodeBlock]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    let scale = |j: usize| d * f32::from(scales[j] as i8);
    let code = |i: usize| {
        let low = low[i / 128 * 64 + i % 64] >> (4 * (i % 128 / 64)) & 15;
        low | quarter(high, i) << 4
    };
    fill(out, |j| ([scale(2 * j), scale(2 * j + 1)], 0.0), code);
}

fn iq4_nl(block: &[u8], out: &mut [CodeBlock]) {
    let (d, codes) = (half_at(block, 0), &block[2..]);
    let code = |i| without_sign(IQ4_VALUES[usize::from(nibble(codes, i))]);
    fill(out, |_| ([d; 2], 0.0), code);
}

/// `d`, 2 bytes of high bits of scales, 4 of low bits, 128 of codes.
fn iq4_xs(block: &[u8], out: &mut [CodeBlock]) {
    let (d, high) = (half_at(block, 0), u16::from_le_bytes(array(block, 2)));
    let (low, codes) = (&block[4..8], &block[8..]);
    let scale = |j: usize| {
        let low = low[j / 2] >> (4 * (j % 2)) & 15;
        let high = (high >> (2 * j) & 3) as u8;
        d * f32::from((low | high << 4) as i8 - 32)
    };
    let code = |i: usize| {
        let code = nibble(&codes[i / 32 * 16..], i % 32);
        without_sign(IQ4_VALUES[usize::from(code)])
    };
    fill(out, |j| ([scale(j); 2], 0.0), code);
}

/// Scales and minimum of each 32 numbers of Q4_K and Q5_K, whose blocks begin with `d`, `dmin` and
/// 12 bytes of 6-bit numbers.
fn scales_and_minima(block: &[u8]) -> [([f32; 2], f32); 8] {
    let (d, dmin, packed) = (half_at(block, 0), half_at(block, 2), &block[4..16]);
    std::array::from_fn(|j| {
        let (scale, min) = if j < 4 {
            (packed[j] & 63, packed[4 + j] & 63)
        } else {
            let (scale, min, both) = (packed[j - 4], packed[j], packed[j + 4]);
            (both & 15 | scale >> 6 << 4, both >> 4 | min >> 6 << 4)
        };
        ([d * f32::from(scale); 2], dmin * f32::from(min))
    })
}

/// Writes blocks from the scales and the minimum of each, and from the codes of all.
fn fill(
    out: &mut [CodeBlock],
    scales_and_minimum: impl Fn(usize) -> ([f32; 2], f32),
    code: impl Fn(usize) -> u8,
) {
    for (index, out) in out.iter_mut().enumerate() {
        let (scales, minimum) = scales_and_minimum(index);
        *out = CodeBlock {
            codes: std::array::from_fn(|i| code(index * BLOCK + i)),
            scales,
            minimum,
        };
    }
}

/// The code of an integer in 8 bits.
fn without_sign(integer: i8) -> u8 {
    integer as u8 ^ 128
}

/// Code `i` of 32: the low halves of 16 bytes, then the high halves.
fn nibble(codes: &[u8], i: usize) -> u8 {
    codes[i % 16] >> (4 * (i / 16)) & 15
}

/// Code `i` of 256: of each 32 bytes the low halves, then the high halves.
fn nibble_of_64(codes: &[u8], i: usize) -> u8 {
    codes[i / 64 * 32 + i % 32] >> (4 * (i % 64 / 32)) & 15
}

/// Code `i` of 256: of each 32 bytes the lowest quarters, then the next.
fn quarter(codes: &[u8], i: usize) -> u8 {
    codes[i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3
}

fn bit(bits: u32, i: usize) -> u8 {
    (bits >> i & 1) as u8
}

fn half_at(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes(array(bytes, at)).to_f32()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the range has N bytes")
}
