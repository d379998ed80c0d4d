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

/// Elements in memory that begins at a cache line.
#[derive(Debug)]
pub(crate) struct Lines<T> {
    pub(crate) memory: Vec<Line>,
    len: usize,
    element: PhantomData<T>,
}

impl<T: Pod> Lines<T> {
    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        Self::reusing(vec![], len)
    }

    /// `len` elements with the values of `memory`, or zeros if it is too short.
    pub(crate) fn reusing(mut memory: Vec<Line>, len: usize) -> Self {
        let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
        if memory.len() < lines {
            memory = bytemuck::zeroed_vec(lines);
        }
        Self {
            memory,
            len,
            element: PhantomData,
        }
    }
}

impl<T: Pod> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let bytes: &[u8] = bytemuck::cast_slice(&self.memory);
        bytemuck::cast_slice(&bytes[..self.len * size_of::<T>()])
    }
}

impl<T: Pod> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.memory);
        bytemuck::cast_slice_mut(&mut bytes[..self.len * size_of::<T>()])
    }
}
