//! A training run in a process of its own, for tests that kill it.
//!
//! Usage: `train_child MODEL RECIPE FOLDER [hold]`
//!
//! It prints a line once it has locked the run folder. Then it trains to the end or, with `hold`,
//! waits for the end of its input.

use std::io::{self, Read};
use std::path::Path;

use burn::tensor::Device;
use trimtab_model::{Precision, Pretrained};
use trimtab_rl::{Recipe, Run};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let base = Pretrained::load(Path::new(&args[0]), Precision::F32, &Device::flex())
        .expect("a model folder");
    let recipe = std::fs::read_to_string(&args[1]).expect("a recipe");
    let recipe = Recipe::resolve(&recipe, &[]).expect("a recipe");
    let mut run = Run::open(Path::new(&args[2]), &base, &recipe).expect("a free run folder");
    println!("open at step {}", run.step());
    if args.get(3).is_some_and(|mode| mode == "hold") {
        io::stdin().read_to_end(&mut vec![]).expect("a pipe");
        return;
    }
    while run.advance().expect("a good step").is_some() {}
    run.export().expect("a writable folder");
}
