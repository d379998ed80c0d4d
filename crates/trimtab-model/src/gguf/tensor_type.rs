//! The number formats of tensors in GGUF files.

use std::fmt;

/// The number format of a tensor: plain numbers, or blocks of quantised ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TensorType(u32);

impl TensorType {
    /// 32-bit floating point.
    pub const F32: Self = Self(0);
    /// IEEE half precision.
    pub const F16: Self = Self(1);
    /// bfloat16.
    pub const BF16: Self = Self(30);

    pub(super) const Q4_0: Self = Self(2);
    pub(super) const Q4_1: Self = Self(3);
    pub(super) const Q5_0: Self = Self(6);
    pub(super) const Q5_1: Self = Self(7);
    pub(super) const Q8_0: Self = Self(8);
    pub(super) const Q2_K: Self = Self(10);
    pub(super) const Q3_K: Self = Self(11);
    pub(super) const Q4_K: Self = Self(12);
    pub(super) const Q5_K: Self = Self(13);
    pub(super) const Q6_K: Self = Self(14);
    pub(super) const IQ4_NL: Self = Self(20);
    pub(super) const IQ4_XS: Self = Self(23);

    /// The type that files know by `number`, if there is one.
    pub fn from_number(number: u32) -> Option<Self> {
        let known = TYPES.iter().any(|(known, ..)| *known == number);
        known.then_some(Self(number))
    }

    /// The number of the type in files.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The name that llama.cpp gives to the type, such as `Q4_K`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// How many numbers are in a block, and how many bytes a block takes.
    pub fn block(self) -> (usize, usize) {
        let (_, _, numbers, bytes) = *self.row();
        (numbers, bytes)
    }

    /// Whether the numbers are plain floating-point numbers.
    pub fn is_float(self) -> bool {
        [Self::F32, Self::F16, Self::BF16].contains(&self)
    }

    fn row(self) -> &'static (u32, &'static str, usize, usize) {
        let row = TYPES.iter().find(|(number, ..)| *number == self.0);
        row.expect("every value is one of the table")
    }
}

impl fmt::Debug for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Types as (number, name, numbers in a block, bytes of a block), from `GGML_QUANT_SIZES` of the
/// package `gguf`.
const TYPES: [(u32, &str, usize, usize); 34] = [
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 40),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `tests/interop/llama_cpp_vectors.py` took the sizes from the package `gguf` 0.19.0.
    #[test]
    fn types_have_the_sizes_that_llama_cpp_gives_them() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/interop/golden/llama_cpp/expected.json"
        );
        let text = std::fs::read_to_string(path).expect("it is committed");
        let expected: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = expected["quant_sizes"].as_object().expect("an object");
        assert_eq!(expected.len(), TYPES.len());
        for (number, name, numbers, bytes) in TYPES {
            assert_eq!(
                expected[&number.to_string()],
                serde_json::json!([numbers, bytes]),
                "{name}"
            );
        }
    }
}
