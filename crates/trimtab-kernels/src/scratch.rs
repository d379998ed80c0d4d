//! Temporary buffers that a thread uses again.
//!
//! A kernel needs the same few buffers at every call. Each thread keeps the buffers that it gave
//! back, up to [`MAX_POOL_BYTES`]. Larger ones are freed at once: a kernel that needs so much
//! memory computes for much longer than it allocates.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use bytemuck::Pod;

use crate::lines::{Line, Lines};

/// How much unused memory a thread keeps, in bytes.
const MAX_POOL_BYTES: usize = 16 << 20;

/// A buffer of `len` elements with arbitrary values, which goes back to its thread when dropped.
#[derive(Debug)]
pub(crate) struct Scratch<T>(Lines<T>);

impl<T: Pod> Scratch<T> {
    /// Takes a buffer from the pool of this thread, or allocates one.
    pub(crate) fn take(len: usize) -> Self {
        Self(Lines::reusing(POOL.with_borrow_mut(Pool::pop), len))
    }
}

impl<T: Pod> Deref for Scratch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Pod> DerefMut for Scratch<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        POOL.with_borrow_mut(|pool| pool.push(std::mem::take(&mut self.0.memory)));
    }
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { buffers: Vec::new(), bytes: 0 }) };
}

/// The unused buffers of a thread.
struct Pool {
    buffers: Vec<Vec<Line>>,
    /// What `buffers` hold together.
    bytes: usize,
}

impl Pool {
    fn pop(&mut self) -> Vec<Line> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.bytes -= bytes_of(&buffer);
        buffer
    }

    fn push(&mut self, buffer: Vec<Line>) {
        let bytes = self.bytes + bytes_of(&buffer);
        if bytes <= MAX_POOL_BYTES && buffer.capacity() > 0 {
            self.buffers.push(buffer);
            self.bytes = bytes;
        }
    }
}

fn bytes_of(buffer: &Vec<Line>) -> usize {
    buffer.capacity() * size_of::<Line>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What this thread keeps, in bytes.
    fn kept() -> usize {
        POOL.with_borrow(|pool| pool.buffers.iter().map(bytes_of).sum())
    }

    #[test]
    fn a_thread_keeps_a_bounded_amount_of_memory() {
        let len = MAX_POOL_BYTES / size_of::<f32>();
        drop(Scratch::<f32>::take(len + 1));
        assert_eq!(kept(), 0, "a buffer above the bound is freed");
        let parts: Vec<Scratch<f32>> = (0..8).map(|_| Scratch::take(len / 4)).collect();
        drop(parts);
        assert_eq!(kept(), MAX_POOL_BYTES, "half of the buffers are freed");
        assert_eq!(POOL.with_borrow(|pool| pool.bytes), kept());
    }

    #[test]
    fn a_buffer_is_used_again_for_other_elements() {
        let mut first = Scratch::<f32>::take(100);
        first.fill(1.0);
        let address = first.as_ptr() as usize;
        drop(first);
        let second = Scratch::<u32>::take(64);
        assert_eq!(second.as_ptr() as usize, address);
        assert_eq!(*second, [1.0f32.to_bits(); 64]);
    }
}
