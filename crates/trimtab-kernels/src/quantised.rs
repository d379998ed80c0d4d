//! Weights as small integers, with a scale for each block of 32 inputs of an output.

use std::ops::Range;

use rayon::prelude::*;

use crate::lines::Lines;
use crate::microkernel::PANEL_WIDTH;

/// Inputs of a block.
pub const BLOCK: usize = 32;

/// Codes that products read together: four neighbouring inputs of an output make a 32-bit word.
pub(crate) const QUAD: usize = 4;

/// How 32 neighbouring inputs of an output are kept.
///
/// A number is `scale * (code - zero) - minimum`. The scale and the minimum are f32; formats with a
/// minimum have no zero, and the others no minimum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlockFormat {
    /// 4 bits, zero 8. 5 bits a number.
    Q4,
    /// 4 bits and a minimum. 6 bits a number.
    Q4Min,
    /// 5 bits, zero 16. 6 bits a number.
    Q5,
    /// 5 bits and a minimum. 7 bits a number.
    Q5Min,
    /// 6 bits, zero 32, and a scale for each 16 inputs. 8 bits a number.
    Q6,
    /// 8 bits, zero 128. 9 bits a number.
    Q8,
}

/// 32 neighbouring inputs of an output: number `i` is
/// `scales[i / 16] * (codes[i] - zero) - minimum`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CodeBlock {
    /// Codes without a sign, of as many bits as the format has.
    pub codes: [u8; BLOCK],
    /// Scales of the first and the second half; the same where the format has one.
    pub scales: [f32; 2],
    /// 0 where the format has no minimum.
    pub minimum: f32,
}

impl CodeBlock {
    /// The numbers. `format` says which code is zero.
    pub fn numbers(&self, format: BlockFormat) -> [f32; BLOCK] {
        std::array::from_fn(|i| {
            let code = i32::from(self.codes[i]) - format.zero();
            self.scales[2 * i / BLOCK] * code as f32 - self.minimum
        })
    }
}

impl BlockFormat {
    /// All formats. Kernels are compiled for each, by its place.
    pub const ALL: [Self; 6] = [
        Self::Q4,
        Self::Q4Min,
        Self::Q5,
        Self::Q5Min,
        Self::Q6,
        Self::Q8,
    ];

    /// The code of the number 0, before a minimum is taken away.
    pub const fn zero(self) -> i32 {
        match self {
            Self::Q4 => 8,
            Self::Q5 => 16,
            Self::Q6 => 32,
            Self::Q8 => 128,
            Self::Q4Min | Self::Q5Min => 0,
        }
    }

    /// Bits of a code; also the rows of a block of a panel that have codes.
    pub(crate) const fn bits(self) -> usize {
        match self {
            Self::Q4 | Self::Q4Min => 4,
            Self::Q5 | Self::Q5Min => 5,
            Self::Q6 => 6,
            Self::Q8 => 8,
        }
    }

    /// Scales of a block.
    pub(crate) const fn scales(self) -> usize {
        match self {
            Self::Q6 => 2,
            _ => 1,
        }
    }

    pub(crate) const fn has_minimum(self) -> bool {
        matches!(self, Self::Q4Min | Self::Q5Min)
    }

    /// Rows of a block of a panel: words of codes, scales, minima.
    pub(crate) const fn rows(self) -> usize {
        self.bits() + self.scales() + self.has_minimum() as usize
    }

    /// The words of an output: first the low four bits of the codes, or all eight.
    ///
    /// Byte `i` of word `r` of four bits holds the code of input `4 r + i` of the first half of the
    /// block, and above it that of the second half. The fifth bits of these two are bits `r` and
    /// `r + 4` of byte `i` of one more word. Of six bits, the fifth and sixth are bits `2 r` and
    /// `2 r + 1` there, in a word for each half.
    fn words(self, codes: &[u8; BLOCK]) -> [u32; 8] {
        let quads: [u32; 8] = std::array::from_fn(|quad| {
            let codes = &codes[QUAD * quad..];
            u32::from_le_bytes([codes[0], codes[1], codes[2], codes[3]])
        });
        if self == Self::Q8 {
            return quads;
        }
        let mut words = [0; 8];
        for r in 0..4 {
            let halves = [quads[r], quads[r + 4]];
            let [low, high] = halves.map(|quad| quad & 0x0f0f_0f0f);
            words[r] = low | high << 4;
            let [low, high] = halves.map(|quad| quad >> 4 & 0x0303_0303);
            match self.bits() {
                5 => words[4] |= low << r | high << (r + 4),
                6 => {
                    words[4] |= low << (2 * r);
                    words[5] |= high << (2 * r);
                }
                _ => {}
            }
        }
        words
    }

    /// The code of input `i` of the words that `word` gives.
    #[inline(always)]
    fn code(self, i: usize, word: impl Fn(usize) -> u32) -> u32 {
        let (quad, byte) = (i / QUAD, 8 * (i % QUAD));
        if self == Self::Q8 {
            return word(quad) >> byte & 0xff;
        }
        let (half, r) = (quad / 4, quad % 4);
        let low = word(r) >> (byte + 4 * half) & 15;
        match self.bits() {
            5 => low | (word(4) >> (byte + r + 4 * half) & 1) << 4,
            6 => low | (word(4 + half) >> (byte + 2 * r) & 3) << 4,
            _ => low,
        }
    }

    /// The number of input `i` of the words that `word` gives for the rows of a block.
    #[inline(always)]
    fn number(self, i: usize, word: impl Fn(usize) -> u32) -> f32 {
        let scale = f32::from_bits(word(self.bits() + 2 * i / BLOCK % self.scales()));
        let minimum = if self.has_minimum() {
            f32::from_bits(word(self.rows() - 1))
        } else {
            0.0
        };
        let code = self.code(i, word) as i32 - self.zero();
        scale * code as f32 - minimum
    }

    /// Rounds numbers to a block.
    ///
    /// A block of multiples of one number is kept exactly, if its multiples are codes. So are the
    /// blocks of many formats of GGUF files. Other numbers are rounded to the nearest. The one of
    /// largest size becomes the code of 127 or -127, or of fewer bits the least code. With a
    /// minimum, the largest and the smallest number become the largest code and 0.
    pub(crate) fn quantise(self, numbers: &[f32; BLOCK]) -> CodeBlock {
        if self.has_minimum() {
            let (least, most) = range(numbers);
            let scale = (most - least) / self.largest_code();
            return self.round(numbers, [scale; 2], -least);
        }
        if self.scales() == 1
            && let Some(exact) = self.multiples(numbers)
        {
            return exact;
        }
        let scale = |numbers: &[f32]| {
            let larger = |most: f32, x: &f32| if x.abs() > most.abs() { *x } else { most };
            let largest = numbers.iter().fold(0.0, larger);
            match self {
                Self::Q8 => largest.abs() / 127.0,
                _ => largest / -self.zero() as f32,
            }
        };
        let scales = if self.scales() == 1 {
            [scale(numbers); 2]
        } else {
            let (first, second) = numbers.split_at(BLOCK / 2);
            [scale(first), scale(second)]
        };
        self.round(numbers, scales, 0.0)
    }

    /// The nearest codes.
    fn round(self, numbers: &[f32; BLOCK], scales: [f32; 2], minimum: f32) -> CodeBlock {
        let code = |i| {
            let code = nearest((numbers[i] + minimum) / scales[2 * i / BLOCK]);
            (code + self.zero() as f32).clamp(0.0, self.largest_code()) as u8
        };
        CodeBlock {
            codes: std::array::from_fn(code),
            scales,
            minimum,
        }
    }

    /// A block that has all numbers exactly, if there is one.
    fn multiples(self, numbers: &[f32; BLOCK]) -> Option<CodeBlock> {
        let (least, most) = range(numbers);
        let largest = most.max(-least);
        // The greatest common divisor. Remainders of floats are exact.
        let mut step = 0.0;
        for number in numbers.map(f32::abs) {
            if number == 0.0 || nearest(number / step) * step == number {
                continue;
            }
            let mut rest = number;
            while rest > 0.0 {
                if 256.0 * rest < largest {
                    return None;
                }
                (step, rest) = (rest, step % rest);
            }
        }
        [step, -step].into_iter().find_map(|scale| {
            let block = self.round(numbers, [scale; 2], 0.0);
            (block.numbers(self) == *numbers).then_some(block)
        })
    }

    fn largest_code(self) -> f32 {
        ((1 << self.bits()) - 1) as f32
    }
}

/// The least and the largest number.
fn range(numbers: &[f32; BLOCK]) -> (f32, f32) {
    let first = (numbers[0], numbers[0]);
    let wider = |(least, most): (f32, f32), &x: &f32| (least.min(x), most.max(x));
    numbers.iter().fold(first, wider)
}

/// The nearest integer of a number below a million, without a call of the mathematical library.
fn nearest(x: f32) -> f32 {
    const LAST_BIT_IS_ONE: f32 = 1.5 * (1 << 23) as f32;
    (x + LAST_BIT_IS_ONE) - LAST_BIT_IS_ONE
}

/// The panels of a matrix in blocks.
#[derive(Debug)]
pub(crate) struct Quantised {
    pub(crate) format: BlockFormat,
    /// `[panels, blocks, rows of a block, 32 outputs]`. The rows of a block are the words of codes,
    /// then the bits of its scales in f32, then those of its minima.
    pub(crate) data: Lines<u32>,
    /// Bytes of a code of the activations in products, 1 or 2.
    pub(crate) activation_bytes: usize,
}

impl Quantised {
    /// The blocks that `fill` writes for a range of outputs, `[outputs, blocks]`.
    pub(crate) fn from_blocks<E: Send>(
        format: BlockFormat,
        outputs: usize,
        blocks: usize,
        activation_bytes: usize,
        fill: impl Fn(Range<usize>, &mut [CodeBlock]) -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        let block_len = format.rows() * PANEL_WIDTH;
        let panel_len = blocks * block_len;
        let mut data = Lines::zeroed(outputs.div_ceil(PANEL_WIDTH) * panel_len);
        let panels = data.par_chunks_exact_mut(panel_len.max(1)).enumerate();
        panels.try_for_each_init(Vec::new, |of_panel, (panel, data)| {
            let outputs = panel * PANEL_WIDTH..outputs.min((panel + 1) * PANEL_WIDTH);
            of_panel.clear();
            of_panel.resize(outputs.len() * blocks, CodeBlock::default());
            fill(outputs, of_panel)?;
            for (lane, row) in of_panel.chunks_exact(blocks).enumerate() {
                for (code_block, data) in row.iter().zip(data.chunks_exact_mut(block_len)) {
                    let words = format.words(&code_block.codes);
                    let scales = code_block.scales.map(f32::to_bits);
                    let minimum = code_block.minimum.to_bits();
                    let of_output = words[..format.bits()].iter();
                    let of_output = of_output
                        .chain(&scales[..format.scales()])
                        .chain([&minimum]);
                    let column = data[lane..].iter_mut().step_by(PANEL_WIDTH);
                    column.zip(of_output).for_each(|(word, x)| *word = *x);
                }
            }
            Ok(())
        })?;
        Ok(Self {
            format,
            data,
            activation_bytes,
        })
    }

    /// The rows of a block of a panel, counted over all panels.
    pub(crate) fn block(&self, index: usize) -> &[u32] {
        let len = self.format.rows() * PANEL_WIDTH;
        &self.data[index * len..][..len]
    }

    /// A number of a block: its input there, and its output in the panel.
    pub(crate) fn number(&self, block: usize, input: usize, lane: usize) -> f32 {
        let block = self.block(block);
        let word = |row| block[row * PANEL_WIDTH + lane];
        self.format.number(input, word)
    }

    /// The numbers of the first inputs of a block, `[inputs, PANEL_WIDTH]`.
    #[inline(always)]
    pub(crate) fn dequantise(&self, block: usize, output: &mut [f32]) {
        let block = self.block(block);
        for (input, output) in output.chunks_exact_mut(PANEL_WIDTH).enumerate() {
            for (lane, number) in output.iter_mut().enumerate() {
                let word = |row| block[row * PANEL_WIDTH..][..PANEL_WIDTH][lane];
                *number = self.format.number(input, word);
            }
        }
    }
}
