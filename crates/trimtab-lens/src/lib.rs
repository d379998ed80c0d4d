//! trimtab-lens.
