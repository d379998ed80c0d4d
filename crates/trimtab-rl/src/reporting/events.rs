//! Event files for TensorBoard: records of protocol buffers with lengths and checksums.
//!
//! A record is `length (u64)`, `masked CRC-32C of length`, `data`, `masked CRC-32C of data`, in
//! little-endian order (tensorflow: tensorflow/core/lib/io/record_writer.h). The data is an `Event`
//! (tensorflow/core/util/event.proto).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use trimtab_model::file::write_atomically;

use crate::metrics::StepMetrics;
use crate::validation::Validation;

/// The event file of a run.
pub(crate) const EVENTS: &str = "events.out.tfevents.0.trimtab";

/// The open event file.
///
/// The time of an event is its step in seconds, so that equal runs have equal bytes.
#[derive(Debug)]
pub(crate) struct Events(File);

impl Events {
    /// Writes the file again with the steps and evaluations so far, and keeps it open.
    pub(crate) fn rewrite(
        path: &Path,
        metrics: &[StepMetrics],
        validations: &[Validation],
    ) -> io::Result<Self> {
        let mut bytes = record(&event(0, &[(3, Field::Bytes(b"brain.Event:2".to_vec()))]));
        let steps = metrics.iter().map(|one| (one.step, step_event(one)));
        let evaluations = validations
            .iter()
            .map(|one| (one.step, validation_event(one)));
        let mut events: Vec<(u64, Vec<u8>)> = steps.chain(evaluations).collect();
        events.sort_by_key(|(step, _)| *step); // a step stays before its evaluation
        bytes.extend(events.iter().flat_map(|(_, event)| record(event)));
        write_atomically(path, &bytes)?;
        Ok(Self(OpenOptions::new().append(true).open(path)?))
    }

    /// Adds a step.
    pub(crate) fn append(&mut self, metrics: &StepMetrics) -> io::Result<()> {
        self.0.write_all(&record(&step_event(metrics)))
    }

    /// Adds an evaluation.
    pub(crate) fn append_validation(&mut self, validation: &Validation) -> io::Result<()> {
        self.0.write_all(&record(&validation_event(validation)))
    }
}

/// The event with all scalars of an evaluation.
fn validation_event(validation: &Validation) -> Vec<u8> {
    let outcome = &validation.outcome;
    let named = [
        ("validation/accuracy", outcome.accuracy),
        ("validation/moving_accuracy", validation.moving_accuracy),
        ("validation/mean_length", outcome.mean_length),
    ];
    scalars(
        validation.step,
        named.map(|(name, value)| (name.to_owned(), value)),
    )
}

/// The event with all scalars of a step.
fn step_event(metrics: &StepMetrics) -> Vec<u8> {
    let norms = metrics.vector_norms.iter().map(|norm| norm * norm);
    let reward = metrics
        .reward
        .map(|reward| ("train/reward".to_owned(), reward));
    let mut named: Vec<(String, f64)> = reward.into_iter().collect();
    named.extend([
        ("train/accuracy".to_owned(), metrics.accuracy),
        ("train/format_rate".to_owned(), metrics.format_rate),
        ("train/mean_length".to_owned(), metrics.mean_length),
        ("train/truncation_rate".to_owned(), metrics.truncation_rate),
        (
            "train/zero_variance_rate".to_owned(),
            metrics.zero_variance_rate,
        ),
        ("train/signal_rate".to_owned(), metrics.signal_rate),
        ("train/solve_all_rate".to_owned(), metrics.solve_all_rate),
        ("train/solve_none_rate".to_owned(), metrics.solve_none_rate),
        ("policy/loss".to_owned(), metrics.loss),
        ("policy/entropy".to_owned(), metrics.entropy),
        ("policy/clip_fraction".to_owned(), metrics.clip_fraction),
        ("policy/grad_norm".to_owned(), metrics.grad_norm.into()),
        (
            "policy/learning_rate".to_owned(),
            metrics.learning_rate.into(),
        ),
    ]);
    if let Some(agreement) = metrics.grad_agreement {
        named.push(("policy/grad_agreement".to_owned(), agreement));
    }
    if !metrics.vector_norms.is_empty() {
        let norm = norms.sum::<f32>().sqrt();
        named.push(("policy/vector_norm".to_owned(), norm.into()));
    }
    let optional = [
        ("train/accuracy_given_format", metrics.accuracy_given_format),
        ("train/length_p95", metrics.length_p95),
        ("policy/kl", metrics.kl),
        ("value/loss", metrics.value_loss),
        ("value/explained_variance", metrics.explained_variance),
    ];
    let optional = optional.into_iter();
    named.extend(optional.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let parts = metrics.parts.iter();
    named.extend(parts.map(|(name, &value)| (format!("reward/{name}"), value)));
    scalars(metrics.step, named)
}

/// The event with these scalars of a step.
fn scalars(step: u64, named: impl IntoIterator<Item = (String, f64)>) -> Vec<u8> {
    let mut summary = vec![];
    for (tag, value) in named {
        let mut entry = vec![];
        put(&mut entry, 1, &Field::Bytes(tag.into_bytes()));
        put(&mut entry, 2, &Field::Float(value as f32));
        put(&mut summary, 1, &Field::Bytes(entry));
    }
    event(step, &[(5, Field::Bytes(summary))])
}

/// A value of a protocol buffer.
enum Field {
    Double(f64),
    Float(f32),
    Varint(u64),
    Bytes(Vec<u8>),
}

/// An `Event`: time 1, step 2, then the fields given.
fn event(step: u64, fields: &[(u8, Field)]) -> Vec<u8> {
    let mut bytes = vec![];
    put(&mut bytes, 1, &Field::Double(step as f64));
    put(&mut bytes, 2, &Field::Varint(step));
    for (number, field) in fields {
        put(&mut bytes, *number, field);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, number: u8, field: &Field) {
    let wire_type = match field {
        Field::Varint(_) => 0,
        Field::Double(_) => 1,
        Field::Bytes(_) => 2,
        Field::Float(_) => 5,
    };
    bytes.push(number << 3 | wire_type);
    match field {
        Field::Varint(value) => varint(bytes, *value),
        Field::Double(value) => bytes.extend(value.to_le_bytes()),
        Field::Float(value) => bytes.extend(value.to_le_bytes()),
        Field::Bytes(value) => {
            varint(bytes, value.len() as u64);
            bytes.extend(value);
        }
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mask = |bytes: &[u8]| {
        let checksum = crc32c::crc32c(bytes).rotate_right(15);
        checksum.wrapping_add(0xa282_ead8).to_le_bytes()
    };
    [&length[..], &mask(&length), data, &mask(data)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that `tensorboard.summary.writer.record_writer.RecordWriter` (tensorboard 2.21.0)
    /// writes for `Event(wall_time=300, step=300, summary=Summary(value=[Value(tag="a/b",
    /// simple_value=0.5)]))`.
    #[test]
    fn records_equal_those_of_tensorboard() {
        let mut entry = vec![];
        put(&mut entry, 1, &Field::Bytes(b"a/b".to_vec()));
        put(&mut entry, 2, &Field::Float(0.5));
        let mut summary = vec![];
        put(&mut summary, 1, &Field::Bytes(entry));
        let found = record(&event(300, &[(5, Field::Bytes(summary))]));
        let hex: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, TENSORBOARD);
    }

    const TENSORBOARD: &str =
        "1a00000000000000129bd82d090000000000c0724010ac022a0c0a0a0a03612f62150000003f38eab80b";
}
