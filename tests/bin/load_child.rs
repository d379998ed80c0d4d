//! Loads a checkpoint and prints the peak resident size in bytes, for the test of loading memory.
//!
//! Usage: `load_child CHECKPOINT FORMAT`

use std::path::Path;

use burn::tensor::Device;
use trimtab_model::{Precision, Pretrained};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let dtype = match arguments[2].as_str() {
        "bf16" => Precision::Bf16,
        _ => Precision::F32,
    };
    let base = Pretrained::load(Path::new(&arguments[1]), dtype, &Device::flex());
    let base = base.expect("a good checkpoint");
    println!("{}", trimtab_tests::peak_memory_bytes());
    drop(base);
}
