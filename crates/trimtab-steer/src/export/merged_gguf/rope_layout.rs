//! The order of a head's numbers, in which `llama` and `qwen2` differ in llama.cpp.

/// Which numbers of a head RoPE rotates together.
#[derive(Clone, Copy)]
pub(super) enum RopeLayout {
    /// Numbers `2i` and `2i + 1`: `llama` in llama.cpp.
    Interleaved,
    /// Numbers `i` and `i + head_dim / 2`: `qwen2` in llama.cpp, and every checkpoint folder.
    Halves,
}

/// Counts of the heads of a model whose queries and keys change their layout.
pub(super) struct HeadCounts {
    pub(super) queries: u64,
    pub(super) keys: u64,
}

impl HeadCounts {
    /// The count of heads in the rows of the tensor `name`, if its rows are in the layout of RoPE.
    pub(super) fn of(&self, name: &str) -> Option<u64> {
        let (_, part) = name.strip_prefix("blk.")?.split_once('.')?;
        match part {
            "attn_q.weight" | "attn_q.bias" => Some(self.queries),
            "attn_k.weight" | "attn_k.bias" => Some(self.keys),
            _ => None,
        }
    }
}

/// Moves rows from the other layout to the layout `to`. `None` if `rows` are not `heads` heads.
///
/// Rows are bytes of one length, so quantised rows move as a whole.
pub(super) fn permuted(bytes: &[u8], rows: usize, heads: usize, to: RopeLayout) -> Option<Vec<u8>> {
    if heads == 0 || !rows.is_multiple_of(2 * heads) || !bytes.len().is_multiple_of(rows) {
        return None;
    }
    let (head_dim, len) = (rows / heads, bytes.len() / rows);
    let mut out = Vec::with_capacity(bytes.len());
    for row in 0..rows {
        let (head, index) = (row / head_dim, row % head_dim);
        let from = match to {
            RopeLayout::Interleaved => index / 2 + (index % 2) * (head_dim / 2),
            RopeLayout::Halves => 2 * (index % (head_dim / 2)) + index / (head_dim / 2),
        };
        out.extend_from_slice(&bytes[(head * head_dim + from) * len..][..len]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two heads of six rows, as `convert_hf_to_gguf.py` permutes them:
    /// `reshape(2, 2, 3).swapaxes(1, 2)`.
    #[test]
    fn rows_are_permuted_as_in_the_conversion_script_and_back() {
        let halves: Vec<u8> = (0..12).collect();
        let interleaved = vec![0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
        let there = permuted(&halves, 12, 2, RopeLayout::Interleaved);
        assert_eq!(there.as_ref(), Some(&interleaved));
        let back = permuted(&interleaved, 12, 2, RopeLayout::Halves);
        assert_eq!(back, Some(halves));
        let pairs: Vec<u8> = (0..12).flat_map(|row| [row, 100 + row]).collect();
        let moved = permuted(&pairs, 12, 2, RopeLayout::Interleaved).expect("whole heads");
        assert!(
            moved
                .chunks(2)
                .zip(&interleaved)
                .all(|(row, &first)| row == [first, 100 + first])
        );
        assert_eq!(permuted(&pairs, 12, 5, RopeLayout::Halves), None);
    }
}
