//! From blocks of quantised numbers to f32, as the package `gguf` does it to the bit.
//!
//! ggml's `ggml-quants.c` defines the layouts. A block has a scale `d` in half precision; the
//! formats `_K` have super-blocks of 256 numbers with scales of their own for 16 or 32 numbers.

use half::{bf16, f16};

use super::tensor_type::TensorType;

/// Values of the codes of IQ4_NL and IQ4_XS.
const IQ4_VALUES: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

impl TensorType {
    /// Whether [`dequantise`] knows the type.
    pub fn is_read(self) -> bool {
        block_reader(self).is_some()
    }
}

/// Writes the numbers of whole blocks to `numbers`; `None` if the type is not read.
///
/// # Panics
///
/// `bytes` and `numbers` are not the same count of whole blocks.
pub fn dequantise(kind: TensorType, bytes: &[u8], numbers: &mut [f32]) -> Option<()> {
    let read = block_reader(kind)?;
    let (block_len, block_bytes) = kind.block();
    assert!(
        bytes.len().is_multiple_of(block_bytes)
            && numbers.len() == bytes.len() / block_bytes * block_len,
        "{} bytes of {kind:?} are not {} numbers",
        bytes.len(),
        numbers.len()
    );
    let blocks = bytes.chunks_exact(block_bytes);
    for (block, numbers) in blocks.zip(numbers.chunks_exact_mut(block_len)) {
        read(block, numbers);
    }
    Some(())
}

/// A function from the bytes of a block to its numbers.
type BlockReader = fn(&[u8], &mut [f32]);

fn block_reader(kind: TensorType) -> Option<BlockReader> {
    Some(match kind {
        TensorType::F32 => |block, out| out[0] = f32::from_le_bytes(array(block, 0)),
        TensorType::F16 => |block, out| out[0] = half_at(block, 0),
        TensorType::BF16 => |block, out| out[0] = bf16::from_le_bytes(array(block, 0)).to_f32(),
        TensorType::Q4_0 => q4_0,
        TensorType::Q4_1 => q4_1,
        TensorType::Q5_0 => q5_0,
        TensorType::Q5_1 => q5_1,
        TensorType::Q8_0 => q8_0,
        TensorType::Q2_K => q2_k,
        TensorType::Q3_K => q3_k,
        TensorType::Q4_K => q4_k,
        TensorType::Q5_K => q5_k,
        TensorType::Q6_K => q6_k,
        TensorType::IQ4_NL => iq4_nl,
        TensorType::IQ4_XS => iq4_xs,
        _ => return None,
    })
}

fn q4_0(block: &[u8], out: &mut [f32]) {
    let (d, codes) = (half_at(block, 0), &block[2..]);
    fill(out, |i| d * f32::from(nibble(codes, i) as i8 - 8));
}

fn q4_1(block: &[u8], out: &mut [f32]) {
    let (d, min, codes) = (half_at(block, 0), half_at(block, 2), &block[4..]);
    fill(out, |i| d * f32::from(nibble(codes, i)) + min);
}

fn q5_0(block: &[u8], out: &mut [f32]) {
    let (d, high) = (half_at(block, 0), u32::from_le_bytes(array(block, 2)));
    let codes = &block[6..];
    fill(out, |i| {
        d * f32::from((nibble(codes, i) | bit(high, i) << 4) as i8 - 16)
    });
}

fn q5_1(block: &[u8], out: &mut [f32]) {
    let (d, min) = (half_at(block, 0), half_at(block, 2));
    let (high, codes) = (u32::from_le_bytes(array(block, 4)), &block[8..]);
    fill(out, |i| {
        d * f32::from(nibble(codes, i) | bit(high, i) << 4) + min
    });
}

fn q8_0(block: &[u8], out: &mut [f32]) {
    let (d, codes) = (half_at(block, 0), &block[2..]);
    fill(out, |i| f32::from(codes[i] as i8) * d);
}

/// 16 bytes of scales and minima, 64 of codes, `d`, `dmin`.
fn q2_k(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    fill(out, |i| {
        let scale = d * f32::from(scales[i / 16] & 15);
        let min = dmin * f32::from(scales[i / 16] >> 4);
        scale * f32::from(quarter(codes, i)) - min
    });
}

/// 32 bytes of high bits, 64 of codes, 12 of scales, `d`.
fn q3_k(block: &[u8], out: &mut [f32]) {
    let (high, codes, packed) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    let scale = |j: usize| {
        let low = packed[j % 8] >> (4 * (j / 8)) & 15;
        let high = packed[8 + j % 4] >> (2 * (j / 4)) & 3;
        f32::from((low | high << 4) as i8 - 32)
    };
    let scales: [f32; 16] = std::array::from_fn(|j| d * scale(j));
    fill(out, |i| {
        let is_low = high[i % 32] >> (i / 32) & 1 == 0;
        let code = quarter(codes, i) as i8 - if is_low { 4 } else { 0 };
        scales[i / 16] * f32::from(code)
    });
}

/// `d`, `dmin`, 12 bytes of scales and minima, 128 of codes.
fn q4_k(block: &[u8], out: &mut [f32]) {
    let (scales, codes) = (scales_and_minima(block), &block[16..]);
    fill(out, |i| {
        let (scale, min) = scales[i / 32];
        scale * f32::from(nibble_of_64(codes, i)) - min
    });
}

/// `d`, `dmin`, 12 bytes of scales and minima, 32 of high bits, 128 of codes.
fn q5_k(block: &[u8], out: &mut [f32]) {
    let (scales, high, codes) = (scales_and_minima(block), &block[16..48], &block[48..]);
    fill(out, |i| {
        let (scale, min) = scales[i / 32];
        let high = high[i % 32] >> (i / 32) & 1;
        scale * f32::from(nibble_of_64(codes, i) | high << 4) - min
    });
}

/// 128 bytes of low bits, 64 of high bits, 16 of scales, `d`.
fn q6_k(block: &[u8], out: &mut [f32]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    fill(out, |i| {
        let scale = d * f32::from(scales[i / 16] as i8);
        let low = low[i / 128 * 64 + i % 64] >> (4 * (i % 128 / 64)) & 15;
        scale * f32::from((low | quarter(high, i) << 4) as i8 - 32)
    });
}

fn iq4_nl(block: &[u8], out: &mut [f32]) {
    let (d, codes) = (half_at(block, 0), &block[2..]);
    fill(out, |i| {
        d * f32::from(IQ4_VALUES[usize::from(nibble(codes, i))])
    });
}

/// `d`, 2 bytes of high bits of scales, 4 of low bits, 128 of codes.
fn iq4_xs(block: &[u8], out: &mut [f32]) {
    let (d, high) = (half_at(block, 0), u16::from_le_bytes(array(block, 2)));
    let (low, codes) = (&block[4..8], &block[8..]);
    let scale = |j: usize| {
        let low = low[j / 2] >> (4 * (j % 2)) & 15;
        let high = (high >> (2 * j) & 3) as u8;
        d * f32::from((low | high << 4) as i8 - 32)
    };
    let scales: [f32; 8] = std::array::from_fn(scale);
    fill(out, |i| {
        let code = nibble(&codes[i / 32 * 16..], i % 32);
        scales[i / 32] * f32::from(IQ4_VALUES[usize::from(code)])
    });
}

/// Scale and minimum of each 32 numbers of Q4_K and Q5_K, whose blocks begin with `d`, `dmin` and
/// 12 bytes of 6-bit numbers.
fn scales_and_minima(block: &[u8]) -> [(f32, f32); 8] {
    let (d, dmin, packed) = (half_at(block, 0), half_at(block, 2), &block[4..16]);
    std::array::from_fn(|j| {
        let (scale, min) = if j < 4 {
            (packed[j] & 63, packed[4 + j] & 63)
        } else {
            let (scale, min, both) = (packed[j - 4], packed[j], packed[j + 4]);
            (both & 15 | scale >> 6 << 4, both >> 4 | min >> 6 << 4)
        };
        (d * f32::from(scale), dmin * f32::from(min))
    })
}

fn fill(out: &mut [f32], number: impl Fn(usize) -> f32) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = number(i);
    }
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
