//! Threads, and memory that they use again.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

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
    let [result] = several_by_rows(len, width, at_least, |first, [part]| fill(first, part));
    result
}

/// As [`by_rows`] with several results, which are computed together.
pub(crate) fn several_by_rows<T: Pod + Send, const N: usize>(
    len: usize,
    width: usize,
    at_least: usize,
    fill: impl Fn(usize, [&mut [T]; N]) + Sync,
) -> [Vec<T>; N] {
    let mut results = [(); N].map(|()| vec![T::zeroed(); len]);
    let rows = len.checked_div(width).unwrap_or(0);
    assert_eq!(rows * width, len, "whole rows");
    if rows == 0 {
        return results;
    }
    let part = if len < 1 << 15 {
        rows
    } else {
        rows.div_ceil(4 * rayon::current_num_threads())
            .max(at_least)
    };
    let mut chunks = results
        .each_mut()
        .map(|result| result.chunks_mut(part * width));
    let parts: Vec<[&mut [T]; N]> = (0..rows.div_ceil(part))
        .map(|_| {
            chunks
                .each_mut()
                .map(|chunks| chunks.next().expect("as many parts"))
        })
        .collect();
    let one = |(index, part_of_each): (usize, [&mut [T]; N])| fill(index * part, part_of_each);
    if parts.len() == 1 {
        parts.into_iter().enumerate().for_each(one);
    } else {
        parts.into_par_iter().enumerate().for_each(one);
    }
    results
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

/// `len` numbers of any value, in memory that the thread keeps for the next who asks.
pub(crate) fn scratch<T: Pod>(len: usize) -> Scratch<T> {
    let mut memory = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    let words = (len * size_of::<T>()).div_ceil(8);
    if memory.len() < words {
        memory.resize(words, 0);
    }
    Scratch {
        memory,
        len,
        of: PhantomData,
    }
}

thread_local! {
    static FREE: RefCell<Vec<Vec<u64>>> = const { RefCell::new(Vec::new()) };
}

/// See [`scratch`].
#[derive(Debug)]
pub(crate) struct Scratch<T> {
    memory: Vec<u64>,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Pod> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &bytemuck::cast_slice(&self.memory)[..self.len]
    }
}

impl<T: Pod> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut bytemuck::cast_slice_mut(&mut self.memory)[..self.len]
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        FREE.with_borrow_mut(|free| free.push(std::mem::take(&mut self.memory)));
    }
}
