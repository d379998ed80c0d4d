//! What a rendering may cost.

use std::cell::Cell;

use crate::error::Error;

/// Bytes of text for one unit of fuel.
const BYTES_PER_UNIT: usize = 32;

/// What is left of the cost that a rendering may have: one unit for a step, for an item of a new
/// list, or for 32 bytes of a new text.
#[derive(Debug)]
pub(crate) struct Fuel(Cell<u64>);

impl Fuel {
    pub(crate) fn new(units: u64) -> Self {
        Self(Cell::new(units))
    }

    /// Spends `units`.
    pub(crate) fn spend(&self, units: usize) -> Result<(), Error> {
        let left = self.0.get().checked_sub(units as u64).ok_or(Error::Limit)?;
        self.0.set(left);
        Ok(())
    }

    /// Spends what a text of `bytes` costs, which is at least one unit.
    pub(crate) fn text(&self, bytes: usize) -> Result<(), Error> {
        self.spend(1 + bytes / BYTES_PER_UNIT)
    }
}
