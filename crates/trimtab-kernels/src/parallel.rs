//! Sharing work among threads.

use std::mem::MaybeUninit;

use bytemuck::Pod;
use rayon::prelude::*;

/// Products with fewer multiplications than this run on one thread.
const MIN_PARALLEL_MULTIPLICATIONS: usize = 1 << 18;

/// Outputs with fewer elements than this are filled by one thread.
const MIN_PARALLEL_LEN: usize = 1 << 15;

/// A part of an output has at most so many elements, if a row has not more. Its thread writes zeros
/// first, which should still be in the cache when the part is filled.
const MAX_PART_LEN: usize = 1 << 15;

/// Whether a product with this many multiplications is faster on one thread.
pub(crate) fn is_small(multiplications: usize) -> bool {
    multiplications < MIN_PARALLEL_MULTIPLICATIONS
}

/// A vector of `len` elements that threads fill in parts of whole rows.
///
/// `fill` gets the index of its first row and the part to write. A part has at least `min_rows`
/// rows of `width` elements.
pub(crate) fn par_fill_rows(
    len: usize,
    width: usize,
    min_rows: usize,
    fill: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let [output] = par_fill_rows_many(len, width, min_rows, |first, [part]| fill(first, part));
    output
}

/// As [`par_fill_rows`], with several outputs of the same shape that are filled together.
pub(crate) fn par_fill_rows_many<T: Pod + Send, const N: usize>(
    len: usize,
    width: usize,
    min_rows: usize,
    fill: impl Fn(usize, [&mut [T]; N]) + Sync,
) -> [Vec<T>; N] {
    let mut outputs = [(); N].map(|()| Vec::with_capacity(len));
    let rows = len.checked_div(width).unwrap_or(0);
    assert_eq!(rows * width, len, "whole rows");
    if rows == 0 {
        return outputs;
    }
    let part_rows = if len < MIN_PARALLEL_LEN {
        rows
    } else {
        let of_thread = rows.div_ceil(4 * rayon::current_num_threads());
        of_thread.min(MAX_PART_LEN / width).max(min_rows).max(1)
    };
    let mut chunks = outputs
        .each_mut()
        .map(|output| output.spare_capacity_mut()[..len].chunks_mut(part_rows * width));
    let parts: Vec<[&mut [MaybeUninit<T>]; N]> = (0..rows.div_ceil(part_rows))
        .map(|_| {
            chunks
                .each_mut()
                .map(|chunks| chunks.next().expect("as many parts"))
        })
        .collect();
    let fill_part = |(index, parts): (usize, [&mut [MaybeUninit<T>]; N])| {
        let parts = parts.map(|part| {
            part.fill(MaybeUninit::zeroed());
            // SAFETY: it was just written, and zeros are valid for `Pod`.
            unsafe { part.assume_init_mut() }
        });
        fill(index * part_rows, parts);
    };
    if parts.len() == 1 {
        parts.into_iter().enumerate().for_each(fill_part);
    } else {
        parts.into_par_iter().enumerate().for_each(fill_part);
    }
    for output in &mut outputs {
        // SAFETY: the parts cover all elements, and each was written.
        unsafe { output.set_len(len) };
    }
    outputs
}

/// A pointer to an output buffer that several threads write to, each at places of its own.
#[derive(Clone, Copy)]
pub(crate) struct SharedPtr(pub(crate) *mut f32);

// SAFETY: it is only an address; every write through it says why no other thread writes there.
unsafe impl Send for SharedPtr {}
// SAFETY: as above.
unsafe impl Sync for SharedPtr {}

impl SharedPtr {
    /// The address of element `index`.
    pub(crate) fn at(self, index: usize) -> *mut f32 {
        self.0.wrapping_add(index)
    }
}
