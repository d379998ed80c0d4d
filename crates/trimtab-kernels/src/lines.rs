//! Memory that begins at a cache line.
//!
//! A vector register or a row of a tile is as long as a cache line. Read across two lines, it takes
//! twice the time.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytemuck::{Pod, Zeroable};

/// A cache line.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Line([u64; 8]);

impl Line {
    /// How many lines `len` elements take.
    pub(crate) fn count<T>(len: usize) -> usize {
        (len * size_of::<T>()).div_ceil(size_of::<Self>())
    }

    /// The first `len` elements in some lines.
    pub(crate) fn elements<T: Pod>(lines: &[Self], len: usize) -> &[T] {
        let bytes: &[u8] = bytemuck::cast_slice(lines);
        bytemuck::cast_slice(&bytes[..len * size_of::<T>()])
    }

    /// As [`Self::elements`], to write to.
    pub(crate) fn elements_mut<T: Pod>(lines: &mut [Self], len: usize) -> &mut [T] {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(lines);
        bytemuck::cast_slice_mut(&mut bytes[..len * size_of::<T>()])
    }
}

/// A boxed slice that begins at a cache line.
#[derive(Debug)]
pub(crate) struct Lines<T> {
    memory: Vec<Line>,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Pod> Lines<T> {
    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        Self {
            memory: vec![Line::zeroed(); Line::count::<T>(len)],
            len,
            element: PhantomData,
        }
    }
}

impl<T: Pod> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        Line::elements(&self.memory, self.len)
    }
}

impl<T: Pod> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        Line::elements_mut(&mut self.memory, self.len)
    }
}
