#![doc = include_str!("../README.md")]

pub use trimtab_grader as grader;
pub use trimtab_lens as lens;
pub use trimtab_model as model;
pub use trimtab_rl as rl;
pub use trimtab_steer as steer;
pub use trimtab_tasks as tasks;

pub use trimtab_grader::{Rules, Verdict, check, grade};
pub use trimtab_lens::vector_tokens;
pub use trimtab_model::{Device, LoadOptions, Precision, Pretrained, Request, Sampling, generate};
pub use trimtab_rl::{Recipe, RecipeConfig, Run, Trainer, evaluate};
pub use trimtab_steer::{SteeredModel, SteeringFile, SteeringVectors};
pub use trimtab_tasks::{NanoTask, Outcome};
