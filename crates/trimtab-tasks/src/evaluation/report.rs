//! The result of an evaluation, with everything needed to repeat it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use trimtab_grader::Rules;

use super::item::{Item, Sample};
use super::outcome::{Breakdown, Outcome};

/// The value of `format` in the result file.
pub(crate) const FORMAT: &str = "trimtab-evaluation-3";

/// The result of an evaluation: the figures, and everything that they depend on.
///
/// It has no times and no paths, so equal runs give equal bytes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Report {
    /// Version of the format.
    pub format: String,
    /// The figures, once the run is finished.
    #[serde(flatten)]
    pub outcome: Option<Outcome>,
    /// The figures for each value of each tag.
    pub breakdown: Breakdown<Outcome>,
    /// How the model was measured.
    pub protocol: Protocol,
    /// What was measured.
    pub arm: Arm,
    /// SHA-256 of the samples file, once the run is finished.
    pub samples_sha256: Option<String>,
}

/// How a model is measured. Two runs can be compared if their protocols are equal.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Protocol {
    /// Name of the task.
    pub task: String,
    /// Number of problems.
    pub problems: usize,
    /// SHA-256 of the items, in order, as JSON lines.
    pub problems_sha256: String,
    /// The prompt with `{question}` in place of the question.
    pub prompt_template: String,
    /// The exact prompt of the first problem.
    pub prompt_example: String,
    /// How completions are sampled.
    pub decoding: Decoding,
    /// Where answers count and what is equal.
    pub rules: Rules,
    /// Number format of weights and activations.
    pub dtype: String,
    /// Version of the answer checker.
    pub checker: String,
    /// Version of trimtab.
    pub version: String,
}

/// How completions are sampled.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Decoding {
    /// Completions per problem.
    pub samples: usize,
    /// Sampling temperature; 0 is greedy.
    pub temperature: f32,
    /// Maximum length of a completion in tokens.
    pub max_new_tokens: usize,
    /// Texts that end a completion.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Seed of problems and sampling.
    pub seed: u64,
}

/// What is measured under a protocol: a model, with or without vectors.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Arm {
    /// Name of the model.
    pub model: String,
    /// SHA-256 of its weights.
    pub model_sha256: String,
    /// What steered it.
    pub vectors: Vec<ArmVectors>,
    /// The device on which the model ran.
    pub device: String,
    /// Unknown keys of its `config.json` that the user allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_config_keys: Vec<String>,
}

/// A file or folder that steered a model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ArmVectors {
    /// Its name, without the folders above it.
    pub file: String,
    /// SHA-256 of its content.
    pub sha256: String,
    /// The factor on what it adds.
    pub strength: f32,
}

impl Protocol {
    /// The protocol of this version for `items` with prompts by `prompt_template`.
    pub fn new(
        task: &str,
        prompt_template: &str,
        items: &[Item],
        decoding: Decoding,
        rules: Rules,
        dtype: &str,
    ) -> Self {
        Self {
            task: task.to_owned(),
            problems: items.len(),
            problems_sha256: lines_sha256(items),
            prompt_template: prompt_template.to_owned(),
            prompt_example: items
                .first()
                .map_or_else(String::new, |item| item.prompt.clone()),
            decoding,
            rules,
            dtype: dtype.to_owned(),
            // The name is part of the format: results with other names cannot be compared.
            checker: concat!("trimtab-tasks ", env!("CARGO_PKG_VERSION")).to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The settings that differ, such as `decoding.temperature (1.0, not 0.7)`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        differences(self, other)
    }
}

impl Report {
    /// The report of a run that is not finished.
    pub(crate) fn unfinished(protocol: Protocol, arm: Arm) -> Self {
        Self {
            format: FORMAT.to_owned(),
            outcome: None,
            breakdown: Breakdown::new(),
            protocol,
            arm,
            samples_sha256: None,
        }
    }

    /// The report with the figures of all completions.
    pub(crate) fn finished(mut self, problems: &[Vec<Sample>]) -> Self {
        self.outcome = Outcome::of(problems);
        self.breakdown = Outcome::by_tag(problems);
        self.samples_sha256 = Some(lines_sha256(problems.iter().flatten()));
        self
    }
}

/// A table for the terminal.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Protocol {
            task,
            problems,
            decoding,
            ..
        } = &self.protocol;
        let Decoding {
            samples,
            temperature,
            ..
        } = decoding;
        let vectors = if self.arm.vectors.is_empty() {
            "without vectors"
        } else {
            "with vectors"
        };
        writeln!(
            f,
            "{task}: {problems} problems x {samples} at temperature {temperature}, {} {vectors}\n",
            self.arm.model
        )?;
        let Some(outcome) = &self.outcome else {
            return writeln!(f, "not finished");
        };
        let share = |share: f64| format!("{:5.1} %", 100.0 * share);
        let interval = |value, ci95: [f64; 2]| {
            format!(
                "{}  (95 %: {:.1} to {:.1})",
                share(value),
                100.0 * ci95[0],
                100.0 * ci95[1]
            )
        };
        let mut row = |name: &str, value: String| writeln!(f, "{name:<20} {value}");
        row("accuracy", interval(outcome.accuracy, outcome.ci95))?;
        if outcome.samples > 1 {
            row(
                &format!("pass@{samples}"),
                interval(outcome.pass_at_k, outcome.pass_at_k_ci95),
            )?;
            row(
                &format!("maj@{samples}"),
                interval(outcome.maj_at_k, outcome.maj_at_k_ci95),
            )?;
        }
        row("boxed", share(outcome.format_rate))?;
        if let Some(accuracy) = outcome.accuracy_given_format {
            row("right if boxed", share(accuracy))?;
        }
        row("undecided", share(outcome.undecided_rate))?;
        row("last value counted", share(outcome.fallback_rate))?;
        row("cut at the limit", share(outcome.truncation_rate))?;
        row("length", format!("{:5.1} tokens", outcome.mean_length))?;
        for (tag, values) in &self.breakdown {
            writeln!(f, "\n{tag:<20} {:>8}   accuracy", "problems")?;
            for (value, part) in values {
                writeln!(
                    f,
                    "{value:<20} {:>8}   {}",
                    part.problems,
                    interval(part.accuracy, part.ci95)
                )?;
            }
        }
        Ok(())
    }
}

/// A value as a line of a JSON Lines file.
pub(crate) fn json_line<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("plain data") + "\n"
}

/// SHA-256 of `bytes` in lower-case hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of the JSON Lines file of `values`.
fn lines_sha256<'a, T: Serialize + 'a>(values: impl IntoIterator<Item = &'a T>) -> String {
    let mut digest = Sha256::new();
    for value in values {
        digest.update(json_line(value));
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The paths of the fields in which two values of one type differ, with both values.
pub(crate) fn differences<T: Serialize>(one: &T, other: &T) -> Vec<String> {
    let mut found = vec![];
    collect_differences("", &plain(one), &plain(other), &mut found);
    found
}

/// By way of text, so that an f32 keeps its short form.
fn plain<T: Serialize>(value: &T) -> Value {
    let text = serde_json::to_string(value).expect("plain data");
    serde_json::from_str(&text).expect("just written")
}

fn collect_differences(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                collect_differences(&path, value, other.get(key).unwrap_or(&Value::Null), found);
            }
        }
        _ if one != other => found.push(format!("{path} ({}, not {})", short(one), short(other))),
        _ => {}
    }
}

/// The value as JSON, shortened for a message.
fn short(value: &Value) -> String {
    const MAX_CHARS: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
