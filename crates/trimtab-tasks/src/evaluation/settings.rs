//! What a caller sets of an evaluation.

use trimtab_grader::Rules;

use super::report::Decoding;
use crate::prompt::Template;
use crate::task::Task;

/// Settings of an evaluation. What is `None` is [as the task is usually measured](Task::protocol).
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationSettings {
    /// Where the problems come from.
    pub task: Task,
    /// How a question is put to the model.
    pub template: Option<Template>,
    /// Largest number of problems; the first ones are taken.
    pub limit: usize,
    /// Completions of each problem.
    pub samples: Option<usize>,
    /// Sampling temperature; 0 takes the most likely token.
    pub temperature: Option<f32>,
    /// Longest completion in tokens.
    pub max_new_tokens: Option<usize>,
    /// Seed of problems and sampling.
    pub seed: u64,
    /// Where answers count and what is equal.
    pub rules: Rules,
}

impl EvaluationSettings {
    /// The template that is used.
    pub fn template(&self) -> Template {
        let usual = || self.task.protocol().template;
        self.template.clone().unwrap_or_else(usual)
    }

    /// How completions are drawn. At temperature 0 all completions of a problem are the same, so
    /// there is one, unless `samples` says otherwise.
    pub fn decoding(&self) -> Decoding {
        let usual = self.task.protocol();
        let temperature = self.temperature.unwrap_or(usual.temperature);
        let samples = if temperature == 0.0 { 1 } else { usual.samples };
        Decoding {
            samples: self.samples.unwrap_or(samples),
            temperature,
            max_new_tokens: self.max_new_tokens.unwrap_or(usual.max_new_tokens),
            stop: self
                .template()
                .stop()
                .iter()
                .map(|&text| text.to_owned())
                .collect(),
            seed: self.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(task: &str, temperature: Option<f32>, samples: Option<usize>) -> usize {
        let settings = EvaluationSettings {
            task: task.parse().expect("a task"),
            template: None,
            limit: 10,
            samples,
            temperature,
            max_new_tokens: None,
            seed: 0,
            rules: Rules::DEFAULT,
        };
        settings.decoding().samples
    }

    #[test]
    fn greedy_decoding_draws_one_completion_unless_told_otherwise() {
        let usual = |task: &str| task.parse::<Task>().expect("a task").protocol().samples;
        assert_eq!(usual("aime24:FILE"), 32, "a task with several samples");
        assert_eq!(samples("aime24:FILE", None, None), 32);
        assert_eq!(samples("aime24:FILE", Some(0.7), None), 32);
        assert_eq!(samples("aime24:FILE", Some(0.0), None), 1);
        assert_eq!(samples("aime24:FILE", Some(0.0), Some(3)), 3);
    }
}
