//! Weights as small integers, with a scale for each block of 32 inputs of an output.

use rayon::prelude::*;

use crate::microkernel::PANEL_WIDTH;

/// Inputs that share a scale, as in llama.cpp's `Q8_0` and `Q4_0`.
pub(crate) const BLOCK: usize = 32;

/// Codes that products read together: four neighbouring inputs of an output make a 32-bit word.
pub(crate) const QUAD: usize = 4;

/// The size of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// `-127..=127`, each in a byte.
    Eight,
    /// `-8..=7`. A byte holds the code of input `i` of a block in its low half and that of input
    /// `i + 16` in its high half.
    Four,
}

impl Bits {
    /// What is added to a code, so that it is stored without a sign.
    pub(crate) const fn zero(self) -> i32 {
        match self {
            Self::Eight => 128,
            Self::Four => 8,
        }
    }

    /// Rows of a block of a panel: words of codes, and the scales.
    pub(crate) const fn rows(self) -> usize {
        self.code_rows() + 1
    }

    /// Rows of a block that have codes.
    pub(crate) const fn code_rows(self) -> usize {
        match self {
            Self::Eight => BLOCK / QUAD,
            Self::Four => BLOCK / QUAD / 2,
        }
    }

    /// The row of a block that has the code of an input, and the first bit of the code there.
    fn place(self, input: usize) -> (usize, usize) {
        let (i, bit) = match self {
            Self::Eight => (input, 0),
            Self::Four => (input % (BLOCK / 2), input / (BLOCK / 2) * 4),
        };
        (i / QUAD, i % QUAD * 8 + bit)
    }

    /// The bits of a code.
    const fn mask(self) -> u32 {
        match self {
            Self::Eight => 0xff,
            Self::Four => 0xf,
        }
    }

    /// The codes of an output of a block as words.
    fn words(self, codes: &[i8; BLOCK]) -> impl Iterator<Item = u32> {
        let unsigned = move |i: usize| (i32::from(codes[i]) + self.zero()) as u32;
        let byte = move |i: usize| match self {
            Self::Eight => unsigned(i),
            Self::Four => unsigned(i) | unsigned(i + BLOCK / 2) << 4,
        };
        let word = move |row| (0..QUAD).fold(0, |word, i| word | byte(row * QUAD + i) << (8 * i));
        (0..self.code_rows()).map(word)
    }

    /// The scale of a block and its codes.
    ///
    /// A block of multiples of one number is kept exactly, if its multiples are codes. So are the
    /// blocks of many formats of GGUF files. Other numbers are rounded to the nearest; the one of
    /// largest size becomes the code 127 or -127, or with four bits -8.
    fn quantise(self, numbers: [f32; BLOCK]) -> (f32, [i8; BLOCK]) {
        if let Some(exact) = self.multiples(&numbers) {
            return exact;
        }
        let larger = |most: f32, x: f32| if x.abs() > most.abs() { x } else { most };
        let largest = numbers.into_iter().fold(0.0, larger);
        let scale = match self {
            Self::Eight => largest.abs() / 127.0,
            Self::Four => largest / -8.0,
        };
        let (least, most) = self.range();
        let code = |x: f32| nearest(x / scale).clamp(least, most) as i8;
        (scale, numbers.map(code))
    }

    /// A scale and codes that give all numbers exactly, if there are any.
    fn multiples(self, numbers: &[f32; BLOCK]) -> Option<(f32, [i8; BLOCK])> {
        let largest = numbers.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        if largest == 0.0 {
            return Some((0.0, [0; BLOCK]));
        }
        // The greatest common divisor. Remainders of floats are exact.
        let mut step = 0.0;
        for number in numbers.map(f32::abs) {
            if nearest(number / step) * step == number {
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
            let (least, most) = self.range();
            let mut codes = [0; BLOCK];
            for (code, &number) in codes.iter_mut().zip(numbers) {
                let multiple = nearest(number / scale);
                if multiple * scale != number || multiple < least || multiple > most {
                    return None;
                }
                *code = multiple as i8;
            }
            Some((scale, codes))
        })
    }

    /// The least and the largest code.
    fn range(self) -> (f32, f32) {
        match self {
            Self::Eight => (-127.0, 127.0),
            Self::Four => (-8.0, 7.0),
        }
    }
}

/// The nearest integer of a number below a million, without a call of the mathematical library.
fn nearest(x: f32) -> f32 {
    const LAST_BIT_IS_ONE: f32 = 1.5 * (1 << 23) as f32;
    (x + LAST_BIT_IS_ONE) - LAST_BIT_IS_ONE
}

/// The panels of a matrix in blocks.
#[derive(Debug)]
pub(crate) struct Quantised {
    pub(crate) bits: Bits,
    /// `[panels, blocks, rows of a block, 32 outputs]`. The last row of a block has the bits of its
    /// scales in f32, what the codes of each output are multiplied by. The others have the codes.
    pub(crate) data: Vec<u32>,
}

impl Quantised {
    /// Without panels, and with capacity for some.
    pub(crate) fn with_capacity(bits: Bits, panels: usize, inputs: usize) -> Self {
        let rows = panels * inputs.div_ceil(BLOCK) * bits.rows();
        Self {
            bits,
            data: Vec::with_capacity(rows * PANEL_WIDTH),
        }
    }

    /// Quantises `panels` panels. `at` gets an input and an output, which may both lie behind the
    /// last one.
    pub(crate) fn pack(
        bits: Bits,
        panels: usize,
        inputs: usize,
        at: impl Fn(usize, usize) -> f32 + Sync,
    ) -> Self {
        let block_len = bits.rows() * PANEL_WIDTH;
        let panel_len = inputs.div_ceil(BLOCK) * block_len;
        let mut data = vec![0; panels * panel_len];
        data.par_chunks_exact_mut(panel_len.max(1))
            .enumerate()
            .for_each(|(panel, data)| {
                for (block, data) in data.chunks_exact_mut(block_len).enumerate() {
                    for lane in 0..PANEL_WIDTH {
                        let output = panel * PANEL_WIDTH + lane;
                        let numbers = std::array::from_fn(|i| at(block * BLOCK + i, output));
                        let (scale, codes) = bits.quantise(numbers);
                        let words = data[lane..].iter_mut().step_by(PANEL_WIDTH);
                        let of_output = bits.words(&codes).chain([scale.to_bits()]);
                        words.zip(of_output).for_each(|(word, x)| *word = x);
                    }
                }
            });
        Self { bits, data }
    }

    /// Appends panels of the same size.
    pub(crate) fn append(&mut self, other: Self) {
        assert_eq!(self.bits, other.bits, "the same format");
        self.data.extend(other.data);
    }

    /// The rows of a block of a panel, counted over all panels.
    pub(crate) fn block(&self, index: usize) -> &[u32] {
        let len = self.bits.rows() * PANEL_WIDTH;
        &self.data[index * len..][..len]
    }

    /// A number of a block: its input there, and its output in the panel.
    pub(crate) fn number(&self, block: usize, input: usize, lane: usize) -> f32 {
        let block = self.block(block);
        let (row, shift) = self.bits.place(input);
        let code = block[row * PANEL_WIDTH + lane] >> shift & self.bits.mask();
        let scale = f32::from_bits(block[block.len() - PANEL_WIDTH + lane]);
        scale * (code as i32 - self.bits.zero()) as f32
    }

    /// The numbers of the first inputs of a block, `[inputs, PANEL_WIDTH]`.
    #[inline(always)]
    pub(crate) fn dequantise(&self, block: usize, output: &mut [f32]) {
        let block = self.block(block);
        let scales = &block[block.len() - PANEL_WIDTH..];
        let (zero, mask) = (self.bits.zero(), self.bits.mask());
        for (input, output) in output.chunks_exact_mut(PANEL_WIDTH).enumerate() {
            let (row, shift) = self.bits.place(input);
            let words = block[row * PANEL_WIDTH..][..PANEL_WIDTH].iter().zip(scales);
            for (number, (word, &scale)) in output.iter_mut().zip(words) {
                let code = (word >> shift & mask) as i32;
                *number = f32::from_bits(scale) * (code - zero) as f32;
            }
        }
    }
}
