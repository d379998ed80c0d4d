//! Experts that a checkpoint stores as one tensor for each projection.
//!
//! transformers 5 keeps all experts of a layer in `experts.gate_up_proj`,
//! `[num_experts, 2 * inner, hidden_size]`, and `experts.down_proj`,
//! `[num_experts, hidden_size, inner]`. Older checkpoints have tensors for each expert, such as
//! `experts.3.gate_proj.weight`. Since experts follow each other in the file, the former can be
//! read as the latter.

use std::collections::BTreeMap;

use super::header::Location;

const GATE_UP: &str = ".experts.gate_up_proj";
const DOWN: &str = ".experts.down_proj";

/// Replaces fused tensors by the tensors of each expert.
pub(super) fn split(tensors: &mut BTreeMap<String, Location>) {
    let fused: Vec<String> = tensors
        .iter()
        .filter(|(name, location)| {
            let rows_are_pairs = !name.ends_with(GATE_UP) || location.shape[1].is_multiple_of(2);
            (name.ends_with(GATE_UP) || name.ends_with(DOWN))
                && location.shape.len() == 3
                && rows_are_pairs
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in fused {
        let location = tensors.remove(&name).expect("it was just listed");
        let (module, projections) = match name.strip_suffix(GATE_UP) {
            Some(module) => (module, &["gate_proj", "up_proj"][..]),
            None => (name.trim_end_matches(DOWN), &["down_proj"][..]),
        };
        let [experts, rows, columns] = location.shape[..] else {
            unreachable!("only tensors of three axes were listed")
        };
        let shape = vec![rows / projections.len(), columns];
        let mut part = Location { shape, ..location };
        for expert in 0..experts {
            for projection in projections {
                let name = format!("{module}.experts.{expert}.{projection}.weight");
                tensors.entry(name).or_insert_with(|| part.clone());
                part.offset += part.byte_len() as u64;
            }
        }
    }
}
