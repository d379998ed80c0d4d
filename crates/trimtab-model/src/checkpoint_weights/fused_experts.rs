//! Experts that a checkpoint stores as one tensor for each projection.
//!
//! transformers 5 keeps all experts of a layer in `experts.gate_up_proj`,
//! `[num_experts, 2 * inner, hidden_size]`, and `experts.down_proj`,
//! `[num_experts, hidden_size, inner]`. Older checkpoints have tensors for each expert, such as
//! `experts.3.gate_proj.weight`. Since experts follow each other in the file, the former can be
//! read as the latter.

use std::collections::BTreeMap;

use super::header::Location;
use crate::config::architecture::MAX_EXPERTS;

const GATE_UP: &str = ".experts.gate_up_proj";
const DOWN: &str = ".experts.down_proj";

/// Replaces fused tensors by the tensors of each expert.
pub(super) fn split(tensors: &mut BTreeMap<String, Location>) {
    let is_fused = |(name, location): &(&String, &Location)| match location.shape[..] {
        [_, rows, _] => name.ends_with(DOWN) || name.ends_with(GATE_UP) && rows.is_multiple_of(2),
        _ => false,
    };
    let mut room = 2 * MAX_EXPERTS;
    let fits = |(_, location): &(&String, &Location)| {
        let enough = location.shape[0] <= room;
        room = room.saturating_sub(location.shape[0]);
        enough
    };
    let fused = tensors.iter().filter(is_fused).take_while(fits);
    let fused: Vec<String> = fused.map(|(name, _)| name.clone()).collect();
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
