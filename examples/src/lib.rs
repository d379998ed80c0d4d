//! Flags that several programs share, and what all programs share.

mod evaluation_args;
mod inputs;
mod measure_arm;
mod model_args;
mod prompt_text;
mod rules_args;
mod sampling_args;
mod strength_args;
mod vectors_args;

pub use evaluation_args::EvaluationArgs;
pub use inputs::{keep_inputs, prepare_output};
pub use measure_arm::measure_arm;
pub use model_args::ModelArgs;
pub use prompt_text::prompt_text;
pub use rules_args::RulesArgs;
pub use sampling_args::SamplingArgs;
pub use strength_args::StrengthArgs;
pub use trimtab_examples_common::*;
pub use vectors_args::VectorsArgs;
