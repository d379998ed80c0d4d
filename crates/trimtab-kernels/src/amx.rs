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

use crate::avx512_output::Output;
use crate::microkernel::PANEL_WIDTH;

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
                block.multiply::<2>(steps, panel, (whole < depth).then_some(&rest));
            } else {
                block.multiply::<1>(steps, panel, (whole < depth).then_some(&rest));
            }
        }
    }
    // SAFETY: as above.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
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
        rest: Option<&[u32; TILE * PANEL_WIDTH]>,
    ) {
        let output = self.output;
        let mut staged = [[0.0f32; TILE * TILE]; 4];
        let sums: [SumTile; 4] = std::array::from_fn(|index| {
            let (row, column) = (index / 2 * TILE, index % 2 * TILE);
            let count = |all: usize, first: usize| all.saturating_sub(first).min(TILE);
            SumTile {
                output: output.data.wrapping_add(row * output.row_stride + column),
                row_stride: output.row_stride,
                rows: count(self.rows, row),
                columns: count(output.columns, column),
                staged: staged[index].as_mut_ptr(),
            }
        });
        // SAFETY: the caller's promises.
        unsafe {
            asm!("tilezero tmm0", "tilezero tmm1", options(nostack, nomem));
            if TILES == 2 {
                asm!("tilezero tmm2", "tilezero tmm3", options(nostack, nomem));
            }
            if output.accumulate {
                let [(a, a_stride), (b, b_stride), (c, c_stride), (d, d_stride)] =
                    sums.each_ref().map(|sums| sums.read());
                asm!(
                    "tileloadd tmm0, [{a} + {a_stride}]",
                    "tileloadd tmm1, [{b} + {b_stride}]",
                    a = in(reg) a, a_stride = in(reg) a_stride,
                    b = in(reg) b, b_stride = in(reg) b_stride,
                    options(nostack, readonly),
                );
                if TILES == 2 {
                    asm!(
                        "tileloadd tmm2, [{c} + {c_stride}]",
                        "tileloadd tmm3, [{d} + {d_stride}]",
                        c = in(reg) c, c_stride = in(reg) c_stride,
                        d = in(reg) d, d_stride = in(reg) d_stride,
                        options(nostack, readonly),
                    );
                }
            }
            for step in 0..steps {
                let panel = panel.as_ptr().add(step * TILE * PANEL_WIDTH);
                self.step::<TILES>(self.a.add(step * TILE), panel);
            }
            if let Some(rest) = rest {
                self.step::<TILES>(self.a.add(steps * TILE), rest.as_ptr());
            }
            let [(a, a_stride), (b, b_stride), (c, c_stride), (d, d_stride)] =
                sums.each_ref().map(|sums| sums.place());
            asm!(
                "tilestored [{a} + {a_stride}], tmm0",
                "tilestored [{b} + {b_stride}], tmm1",
                a = in(reg) a, a_stride = in(reg) a_stride,
                b = in(reg) b, b_stride = in(reg) b_stride,
                options(nostack),
            );
            if TILES == 2 {
                asm!(
                    "tilestored [{c} + {c_stride}], tmm2",
                    "tilestored [{d} + {d_stride}], tmm3",
                    c = in(reg) c, c_stride = in(reg) c_stride,
                    d = in(reg) d, d_stride = in(reg) d_stride,
                    options(nostack),
                );
            }
            sums[..2 * TILES].iter().for_each(|sums| sums.write());
        }
    }

    /// Adds the products of one tile of depth.
    ///
    /// # Safety
    ///
    /// `a` is valid for reads of a row of pairs of each tile row, and `b` of a tile of a panel.
    #[inline(always)]
    unsafe fn step<const TILES: usize>(&self, a: *const u32, b: *const u32) {
        let a_stride = self.a_stride * size_of::<u32>();
        // SAFETY: the caller's promises.
        unsafe {
            asm!(
                "tileloadd tmm4, [{a} + {a_stride}]",
                "tileloadd tmm6, [{b} + {b_stride}]",
                "tileloadd tmm7, [{b} + {b_stride} + 64]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                a = in(reg) a, a_stride = in(reg) a_stride,
                b = in(reg) b, b_stride = in(reg) PANEL_WIDTH * size_of::<u32>(),
                options(nostack, readonly),
            );
            if TILES == 2 {
                asm!(
                    "tileloadd tmm5, [{a} + {a_stride}]",
                    "tdpbf16ps tmm2, tmm5, tmm6",
                    "tdpbf16ps tmm3, tmm5, tmm7",
                    a = in(reg) a.add(TILE * self.a_stride), a_stride = in(reg) a_stride,
                    options(nostack, readonly),
                );
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
    staged: *mut f32,
}

impl SumTile {
    fn is_whole(&self) -> bool {
        self.rows == TILE && self.columns == TILE
    }

    /// The address and the bytes from row to row.
    fn place(&self) -> (*mut f32, usize) {
        if self.is_whole() {
            (self.output, self.row_stride * size_of::<f32>())
        } else {
            (self.staged, ROW_BYTES)
        }
    }

    /// As [`Self::place`], with the sums of the output.
    ///
    /// # Safety
    ///
    /// The output has these numbers, and the copy is a tile.
    unsafe fn read(&self) -> (*mut f32, usize) {
        if !self.is_whole() {
            for row in 0..self.rows {
                // SAFETY: the caller's promise.
                unsafe {
                    let output = self.output.add(row * self.row_stride);
                    let staged = self.staged.add(row * TILE);
                    staged.copy_from_nonoverlapping(output, self.columns);
                }
            }
        }
        self.place()
    }

    /// Brings the sums of the copy to the output.
    ///
    /// # Safety
    ///
    /// As for [`Self::read`].
    unsafe fn write(&self) {
        if !self.is_whole() {
            for row in 0..self.rows {
                // SAFETY: the caller's promise.
                unsafe {
                    let output = self.output.add(row * self.row_stride);
                    let staged = self.staged.add(row * TILE);
                    output.copy_from_nonoverlapping(staged, self.columns);
                }
            }
        }
    }
}
