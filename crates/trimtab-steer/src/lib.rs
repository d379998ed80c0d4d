//! trimtab-steer.
