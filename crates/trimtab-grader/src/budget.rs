//! The work that one comparison may do.

use crate::Reason;

/// Work units of one comparison.
///
/// A unit is about fifty nanoseconds: a token, a node or an operation on two machine words.
/// Operations on big integers cost more, by their size.
const WORK: u64 = 40_000;

/// Counts down the work. Every loop and every recursion spends from it, so a comparison ends.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { left: WORK }
    }

    /// An eighth of the work of a comparison, for a second look.
    pub(crate) fn small() -> Self {
        Self { left: WORK / 8 }
    }

    /// Takes `work` units. Once they are used up, this and every later call fails.
    pub(crate) fn spend(&mut self, work: u64) -> Result<(), Reason> {
        let enough = self.left >= work;
        self.left = self.left.saturating_sub(work);
        if enough { Ok(()) } else { Err(Reason::Budget) }
    }
}
