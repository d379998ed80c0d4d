//! Threads, and memory that they use again.

use std::cell::RefCell;

use bytemuck::Pod;
use rayon::prelude::*;

/// Multiplications below which sharing the work costs more than doing it.
const SMALL: usize = 1 << 18;

/// Whether that many multiplications are done faster by one thread.
pub(crate) fn is_small(multiplications: usize) -> bool {
    multiplications < SMALL
}

/// `len` numbers, computed by `fill` in parts of at least `at_least` rows of `width`; it gets the number of the first row.
pub(crate) fn by_rows(
    len: usize,
    width: usize,
    at_least: usize,
    fill: impl Fn(usize, &mut [f32]) + Sync,
) -> Vec<f32> {
    let mut result = vec![0.0; len];
    let rows = len.checked_div(width).unwrap_or(0);
    assert_eq!(rows * width, len, "whole rows");
    if len < 1 << 15 {
        if rows > 0 {
            fill(0, &mut result);
        }
        return result;
    }
    let part = rows
        .div_ceil(4 * rayon::current_num_threads())
        .max(at_least);
    result
        .par_chunks_mut(part * width)
        .enumerate()
        .for_each(|(index, chunk)| fill(index * part, chunk));
    result
}

/// An address that several threads write to, each to places of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared(pub(crate) *mut f32);

// SAFETY: it is only a number; whoever writes through it says why nobody else writes there.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The address of a number further on.
    pub(crate) fn at(self, index: usize) -> *mut f32 {
        self.0.wrapping_add(index)
    }
}

/// Calls `act` with `len` numbers of any value, from memory that the thread keeps.
pub(crate) fn scratch<T: Pod, R>(len: usize, act: impl FnOnce(&mut [T]) -> R) -> R {
    thread_local! {
        static MEMORY: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    }
    // Taken out, so that `act` may ask for scratch memory itself.
    let mut memory = MEMORY.take();
    let words = (len * size_of::<T>()).div_ceil(8);
    if memory.len() < words {
        memory.resize(words, 0);
    }
    let result = act(&mut bytemuck::cast_slice_mut(&mut memory[..words])[..len]);
    MEMORY.replace(memory);
    result
}
