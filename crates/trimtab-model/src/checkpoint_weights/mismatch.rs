//! How the tensors of a checkpoint differ from those that a model needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use safetensors::tensor::Dtype;

use super::header::{Location, number_bytes};

/// How many mismatches a message spells out, and for how many the nearest name is searched.
const SHOWN: usize = 16;

/// Among how many names the nearest one is searched.
const MAX_COMPARED: usize = 4096;

/// How a tensor of a checkpoint differs from what `config.json` asks for.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    Missing {
        name: String,
        /// The most similar of the unexpected names.
        nearest: Option<String>,
    },
    Unexpected {
        name: String,
    },
    Shape {
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    Dtype {
        name: String,
        dtype: Dtype,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, nearest } => {
                write!(f, "`{name}` is missing")?;
                if name.ends_with("lm_head.weight") {
                    let hint = "if the embedding stands for it, config.json needs";
                    write!(f, " ({hint} `\"tie_word_embeddings\": true`)")?;
                }
                match nearest {
                    Some(nearest) => write!(f, " (`{nearest}` is there)"),
                    None => Ok(()),
                }
            }
            Self::Unexpected { name } => write!(f, "`{name}` is not part of the model"),
            Self::Shape {
                name,
                found,
                expected,
            } => write!(f, "`{name}` has shape {found:?}, not {expected:?}"),
            Self::Dtype { name, dtype } => {
                write!(f, "`{name}` holds {dtype:?}, not F32, F16 or BF16")
            }
        }
    }
}

/// Mismatches as the text of one error.
pub(super) fn list(mismatches: &[Mismatch]) -> String {
    let shown: Vec<String> = mismatches
        .iter()
        .take(SHOWN)
        .map(Mismatch::to_string)
        .collect();
    match mismatches.len() - shown.len() {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}

/// Compares `tensors` with the names and shapes that a model needs. Names that match `tolerated`
/// may be there although the model does not need them.
pub(super) fn compare(
    tensors: &BTreeMap<String, Location>,
    needed: &[(String, Vec<usize>)],
    tolerated: &[&str],
) -> Vec<Mismatch> {
    let names: BTreeSet<&str> = needed.iter().map(|(name, _)| name.as_str()).collect();
    let unexpected: Vec<&str> = tensors
        .keys()
        .map(String::as_str)
        .filter(|name| !names.contains(name) && !is_tolerated(name, tolerated))
        .collect();
    let mut mismatches = vec![];
    for (name, expected) in needed {
        mismatches.extend(match tensors.get(name) {
            None => Some(Mismatch::Missing {
                name: name.clone(),
                nearest: (mismatches.len() < SHOWN)
                    .then(|| nearest(name, &unexpected))
                    .flatten(),
            }),
            Some(found) if found.shape != *expected => Some(Mismatch::Shape {
                name: name.clone(),
                found: found.shape.clone(),
                expected: expected.clone(),
            }),
            Some(found) if number_bytes(found.dtype).is_none() => Some(Mismatch::Dtype {
                name: name.clone(),
                dtype: found.dtype,
            }),
            Some(_) => None,
        });
    }
    mismatches.extend(unexpected.into_iter().map(|name| Mismatch::Unexpected {
        name: name.to_owned(),
    }));
    mismatches
}

fn is_tolerated(name: &str, tolerated: &[&str]) -> bool {
    tolerated.iter().any(|entry| {
        entry.ends_with('.') && name.starts_with(entry)
            || name
                .strip_suffix(entry)
                .is_some_and(|head| head.is_empty() || head.ends_with('.'))
    })
}

/// The name among `names` that takes the fewest edits to become `name`, unless it takes more than
/// half of it.
fn nearest(name: &str, names: &[&str]) -> Option<String> {
    names
        .iter()
        .take(MAX_COMPARED)
        .filter(|other| other.len() <= 2 * name.len())
        .map(|other| (strsim::levenshtein(name, other), other))
        .min()
        .filter(|&(edits, _)| edits <= name.len() / 2)
        .map(|(_, other)| (*other).to_owned())
}
