//! Products with AMX tiles of bfloat16 (`tdpbf16ps`).
//!
//! A tile has 16 rows of 64 bytes. The instruction multiplies a tile of activations, 16 rows of 16
//! pairs, by a tile of weights, 16 rows of pairs for 16 columns, and adds the product to 16 rows of
//! 16 sums in f32. Pairs are those of [`avx512_bf16`](crate::avx512_bf16).
//!
//! The compiler has no stable access to tiles, so the instructions are assembly. Nothing else uses
//! tiles: they are empty before and after each call of [`multiply`].

#![cfg(target_arch = "x86_64")]

use std::arch::asm;
use std::mem::MaybeUninit;
use std::slice::Chunks;

use crate::avx512_output::Output;
use crate::microkernel::PANEL_WIDTH;
use crate::transpose::prefetch;

/// Rows of a tile, columns of its sums, and pairs of depth that an instruction multiplies.
pub(crate) const TILE: usize = 16;

/// Bytes of a row of a tile.
const ROW_BYTES: usize = 64;

/// Whether this processor has AMX with bfloat16, and the system lets this process use it.
pub(crate) fn is_available() -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::arch::x86_64::{__cpuid, __cpuid_count};
        use std::sync::OnceLock;

        /// Bits of `edx` of leaf 7.
        const AMX_BF16: u32 = 1 << 22;
        const AMX_TILE: u32 = 1 << 24;
        /// `arch_prctl`: asks for the use of a large register state in this process.
        const ARCH_REQ_XCOMP_PERM: libc::c_int = 0x1023;
        const XFEATURE_XTILE_DATA: libc::c_ulong = 18;

        static AVAILABLE: OnceLock<bool> = OnceLock::new();
        *AVAILABLE.get_or_init(|| {
            let needed = AMX_BF16 | AMX_TILE;
            let has_tiles = __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & needed == needed;
            // SAFETY: the call changes nothing but what this process may use.
            let ask = || unsafe {
                libc::syscall(
                    libc::SYS_arch_prctl,
                    ARCH_REQ_XCOMP_PERM,
                    XFEATURE_XTILE_DATA,
                )
            };
            has_tiles && ask() == 0
        })
    }
    #[cfg(not(target_os = "linux"))]
    false
}

/// The layout of the tiles, as `ldtilecfg` reads it.
#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight whole tiles.
static WHOLE_TILES: TileConfig = {
    let mut config = TileConfig {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    let mut tile = 0;
    while tile < 8 {
        config.row_bytes[tile] = ROW_BYTES as u16;
        config.rows[tile] = TILE as u8;
        tile += 1;
    }
    config
};

/// As [`avx512_bf16::multiply`](crate::avx512_bf16::multiply), with the additions in another order.
///
/// The 32 products of a step of depth are summed first, those of the even and those of the odd
/// numbers in a chain each, and the two together. Every number is one chain of such steps, whatever
/// the other rows are, as long as blocks of depth begin at multiples of [`TILE`].
///
/// # Shapes
///
/// - `a`: `[rows, depth]` pairs, with zeros up to the next multiple of [`TILE`] pairs, and any
///   numbers up to the next multiple of [`TILE`] rows
/// - `panel`: `[depth, PANEL_WIDTH]` pairs
/// - `next`: what the next call will read, which this one brings into the cache
/// - `output`: `[rows, columns]`
///
/// # Safety
///
/// Needs [`is_available`]. The output is as for
/// [`avx512_bf16::multiply`](crate::avx512_bf16::multiply).
pub(crate) unsafe fn multiply(
    rows: usize,
    depth: usize,
    a: &[u32],
    a_stride: usize,
    panel: &[u32],
    next: Option<&[u32]>,
    output: Output,
) {
    if rows == 0 {
        return;
    }
    let padded = [rows, depth].map(|count| count.next_multiple_of(TILE));
    assert!(
        panel.len() >= depth * PANEL_WIDTH
            && padded[1] <= a_stride
            && (padded[0] - 1) * a_stride + padded[1] <= a.len()
            && output.columns <= PANEL_WIDTH
    );
    let steps = depth / TILE;
    let whole = steps * TILE;
    let mut rest = [0; TILE * PANEL_WIDTH];
    rest[..(depth - whole) * PANEL_WIDTH]
        .copy_from_slice(&panel[whole * PANEL_WIDTH..depth * PANEL_WIDTH]);
    // SAFETY: the processor has the instruction.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const WHOLE_TILES, options(nostack, readonly));
    }
    let blocks = rows.div_ceil(2 * TILE);
    let mut ahead = lines(next.unwrap_or(&[]), blocks * steps);
    for row in (0..rows).step_by(2 * TILE) {
        let a = &a[row * a_stride..];
        let block = RowBlock {
            a: a.as_ptr(),
            a_stride,
            rows: (rows - row).min(2 * TILE),
            output: Output {
                data: output.data.wrapping_add(row * output.row_stride),
                ..output
            },
        };
        // SAFETY: the assertion holds for these rows, and the caller vouches for the output.
        unsafe {
            if block.rows > TILE {
                block.multiply::<2>(steps, panel, &mut ahead, (whole < depth).then_some(&rest));
            } else {
                block.multiply::<1>(steps, panel, &mut ahead, (whole < depth).then_some(&rest));
            }
        }
    }
    // SAFETY: as above.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// Parts of whole cache lines, at most `count`.
fn lines(numbers: &[u32], count: usize) -> Chunks<'_, u32> {
    let len = numbers.len().div_ceil(count.max(1));
    numbers.chunks(len.next_multiple_of(ROW_BYTES / size_of::<u32>()).max(1))
}

/// Up to two tiles of rows of a product.
struct RowBlock {
    a: *const u32,
    a_stride: usize,
    rows: usize,
    output: Output,
}

impl RowBlock {
    /// Multiplies `TILES` tiles of rows. Tiles 0 to 3 hold the sums, 4 and 5 activations, 6 and 7
    /// weights.
    ///
    /// # Safety
    ///
    /// Needs configured tiles. `panel` has `steps` whole tiles of depth and `a` as many, or one
    /// more if there is a `rest`. The output is valid.
    unsafe fn multiply<const TILES: usize>(
        &self,
        steps: usize,
        panel: &[u32],
        ahead: &mut Chunks<u32>,
        rest: Option<&[u32; TILE * PANEL_WIDTH]>,
    ) {
        let output = self.output;
        let mut staged = [MaybeUninit::<[f32; TILE * TILE]>::uninit(); 4];
        let sums: [SumTile; 4] = std::array::from_fn(|index| {
            let (row, column) = (index / 2 * TILE, index % 2 * TILE);
            let count = |all: usize, first: usize| all.saturating_sub(first).min(TILE);
            SumTile {
                output: output.data.wrapping_add(row * output.row_stride + column),
                row_stride: output.row_stride,
                rows: count(self.rows, row),
                columns: count(output.columns, column),
                staged: staged[index].as_mut_ptr().cast(),
            }
        });
        // SAFETY: the caller's promises.
        unsafe {
            sums[0].begin::<0>(output.accumulate);
            sums[1].begin::<1>(output.accumulate);
            if TILES == 2 {
                sums[2].begin::<2>(output.accumulate);
                sums[3].begin::<3>(output.accumulate);
            }
            for step in 0..steps {
                ahead.next().map(prefetch);
                let panel = panel.as_ptr().add(step * TILE * PANEL_WIDTH);
                self.step::<TILES>(self.a.add(step * TILE), panel);
            }
            if let Some(rest) = rest {
                self.step::<TILES>(self.a.add(steps * TILE), rest.as_ptr());
            }
            sums[0].end::<0>();
            sums[1].end::<1>();
            if TILES == 2 {
                sums[2].end::<2>();
                sums[3].end::<3>();
            }
        }
    }

    /// Adds the products of one tile of depth.
    ///
    /// # Safety
    ///
    /// `a` is valid for reads of a row of pairs of each tile row, and `b` of a tile of a panel.
    #[inline(always)]
    unsafe fn step<const TILES: usize>(&self, a: *const u32, b: *const u32) {
        let [a_stride, b_stride] = [self.a_stride, PANEL_WIDTH].map(|x| x * size_of::<u32>());
        // SAFETY: the caller's promises.
        unsafe {
            load::<4>(a.cast(), a_stride);
            load::<6>(b.cast(), b_stride);
            load::<7>(b.add(TILE).cast(), b_stride);
            dot::<0, 4, 6>();
            dot::<1, 4, 7>();
            if TILES == 2 {
                load::<5>(a.add(TILE * self.a_stride).cast(), a_stride);
                dot::<2, 5, 6>();
                dot::<3, 5, 7>();
            }
        }
    }
}

/// Where a tile of sums belongs. A tile at an edge of the output goes through a copy.
struct SumTile {
    output: *mut f32,
    row_stride: usize,
    rows: usize,
    columns: usize,
    /// Room for a tile.
    staged: *mut f32,
}

impl SumTile {
    /// Sets tile `T` to the sums of the output, or to zeros.
    ///
    /// # Safety
    ///
    /// Needs configured tiles. If it accumulates, the output is valid.
    #[inline(always)]
    unsafe fn begin<const T: u8>(&self, accumulate: bool) {
        // SAFETY: the caller's promises.
        unsafe {
            if !accumulate {
                asm!("tilezero tmm{T}", T = const T, options(nostack, nomem));
            } else if self.is_whole() {
                load::<T>(self.output.cast(), self.row_stride * size_of::<f32>());
            } else {
                for row in 0..self.rows {
                    let output = self.output.add(row * self.row_stride);
                    let staged = self.staged.add(row * TILE);
                    staged.copy_from_nonoverlapping(output, self.columns);
                }
                load::<T>(self.staged.cast(), ROW_BYTES);
            }
        }
    }

    /// Brings the sums of tile `T` to the output.
    ///
    /// # Safety
    ///
    /// Needs configured tiles. The output is valid.
    #[inline(always)]
    unsafe fn end<const T: u8>(&self) {
        // SAFETY: the caller's promises.
        unsafe {
            if self.is_whole() {
                store::<T>(self.output.cast(), self.row_stride * size_of::<f32>());
                return;
            }
            store::<T>(self.staged.cast(), ROW_BYTES);
            for row in 0..self.rows {
                let output = self.output.add(row * self.row_stride);
                let staged = self.staged.add(row * TILE);
                output.copy_from_nonoverlapping(staged, self.columns);
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.rows == TILE && self.columns == TILE
    }
}

/// Loads tile `T`, whose rows lie `stride` bytes apart.
///
/// # Safety
///
/// Needs configured tiles and a pointer that is valid for reads of every row.
#[inline(always)]
unsafe fn load<const T: u8>(from: *const u8, stride: usize) {
    // SAFETY: the caller's promises.
    unsafe {
        asm!(
            "tileloadd tmm{T}, [{from} + {stride}]",
            T = const T,
            from = in(reg) from,
            stride = in(reg) stride,
            options(nostack, readonly),
        );
    }
}

/// Stores tile `T`, as [`load`] loads it.
///
/// # Safety
///
/// Needs configured tiles and a pointer that is valid for writes of every row.
#[inline(always)]
unsafe fn store<const T: u8>(to: *mut u8, stride: usize) {
    // SAFETY: the caller's promises.
    unsafe {
        asm!(
            "tilestored [{to} + {stride}], tmm{T}",
            T = const T,
            to = in(reg) to,
            stride = in(reg) stride,
            options(nostack),
        );
    }
}

/// Adds the product of tiles `A` and `B` to tile `C`.
///
/// # Safety
///
/// Needs configured tiles.
#[inline(always)]
unsafe fn dot<const C: u8, const A: u8, const B: u8>() {
    // SAFETY: the caller's promise.
    unsafe {
        asm!(
            "tdpbf16ps tmm{C}, tmm{A}, tmm{B}",
            C = const C,
            A = const A,
            B = const B,
            options(nostack, nomem),
        );
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::isa::Isa;
    use crate::matrix::unpack_pair;
    use crate::testing::{bits, noise, pairs_of, proptest_cases};

    /// A sum as the manual of the instruction defines it (Intel 64 and IA-32 Architectures Software
    /// Developer's Manual, volume 2, `TDPBF16PS`), with numbers that are not subnormal.
    fn sum(start: f32, pairs: &[[u32; 2]]) -> f32 {
        pairs.chunks(TILE).fold(start, |sum, step| {
            let chain = |half: usize| {
                step.iter().fold(0.0f32, |sum, sides| {
                    let [a, b] = sides.map(|pair| unpack_pair(pair)[half]);
                    a.mul_add(b, sum)
                })
            };
            sum + (chain(0) + chain(1))
        })
    }

    proptest! {
        #![proptest_config(proptest_cases(64))]

        #[test]
        fn products_are_those_of_the_manual(
            rows in 1usize..70,
            depth in 0usize..70,
            columns in 1usize..=PANEL_WIDTH,
            gap in 0usize..3,
            accumulate: bool,
            seed in 0u64..1000,
        ) {
            if !Isa::available().contains(&Isa::Amx) {
                eprintln!("skipped: this processor has no tiles");
                return Ok(());
            }
            let a_stride = (depth.div_ceil(TILE) + gap) * TILE;
            let mut a = pairs_of(&noise(seed, 2 * rows.next_multiple_of(TILE) * a_stride));
            for row in a.chunks_mut(a_stride.max(1)) {
                row[depth..].fill(0);
            }
            let panel = pairs_of(&noise(seed + 1, 2 * depth * PANEL_WIDTH));
            let c_stride = columns + gap;
            let before = noise(seed + 2, rows * c_stride);
            let mut c = before.clone();
            let output = Output {
                data: c.as_mut_ptr(),
                row_stride: c_stride,
                columns,
                accumulate,
            };
            // SAFETY: the processor has the instructions, and `c` is as large as the output says.
            unsafe { multiply(rows, depth, &a, a_stride, &panel, Some(&panel), output) };
            let expected: Vec<f32> = (0..before.len())
                .map(|index| {
                    let (row, column) = (index / c_stride, index % c_stride);
                    if column >= columns {
                        return before[index]; // between the rows
                    }
                    let a = a[row * a_stride..].iter();
                    let b = panel.iter().skip(column).step_by(PANEL_WIDTH);
                    let sides: Vec<[u32; 2]> = a.zip(b).map(|(&a, &b)| [a, b]).collect();
                    sum(if accumulate { before[index] } else { 0.0 }, &sides)
                })
                .collect();
            prop_assert_eq!(bits(&c), bits(&expected));
        }
    }
}
