//! The work that one comparison may cost.

use super::Reason;

/// Work units of one comparison. A unit is about fifty nanoseconds: a token, a node, an operation on two machine
/// words, a share of one on big integers.
const WORK: u64 = 40_000;

/// Counts work down. Whatever loops or recurses spends from it, so a comparison ends.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { left: WORK }
    }

    /// Takes `work` units, or fails for good once they are used up.
    pub(crate) fn spend(&mut self, work: u64) -> Result<(), Reason> {
        let enough = self.left >= work;
        self.left = self.left.saturating_sub(work);
        if enough { Ok(()) } else { Err(Reason::Budget) }
    }
}
