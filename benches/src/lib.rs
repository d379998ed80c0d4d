//! The benchmarks are in `speed.rs`: `cargo bench`.
