//! Files that are mistaken for steering files, and what to do with them.

use trimtab_model::tensor_file::TensorFile;

/// What a file is, by its first bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"PK\x03\x04") {
        let start = &bytes[..bytes.len().min(256)];
        let holds_npy = start.windows(4).any(|window| window == b".npy");
        return Some(if holds_npy {
            "an npz archive; save its matrix with `numpy.save`, which writes npy"
        } else {
            PICKLE
        });
    }
    // A safetensors file begins with the length of its header, which begins with a brace.
    if matches!(bytes, [0x80, 2..=5, ..]) && bytes.get(8) != Some(&b'{') {
        return Some(PICKLE);
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Some("a pointer of Git LFS in place of the file; fetch it with `git lfs pull`");
    }
    None
}

/// What a safetensors file is that holds no steering.
pub(super) fn of_tensors(file: &TensorFile) -> Option<&'static str> {
    if file.metadata.contains_key("recipe_sha256") {
        return Some(
            "a checkpoint of a training run, not its result; take steering.safetensors, adapter or \
             model from the run's folder, which `train` writes when it ends",
        );
    }
    if !file.metadata.is_empty() {
        return None;
    }
    let holds = |part: &str| file.tensors.keys().any(|name| name.contains(part));
    Some(if holds(".lora_A.") || holds(".lora_B.") {
        "the tensors of a LoRA adapter; give their folder, which holds adapter_config.json too"
    } else if holds("layers.") {
        "the weights of a model; give their folder if it was tuned from the base"
    } else {
        "a safetensors file that trimtab did not write; a matrix of vectors is read from npy"
    })
}

const PICKLE: &str = "a pickle of PyTorch, which can run code and is not read; save its matrix \
                      with `numpy.save(PATH, tensor.float().numpy())`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_and_pickles_are_told_apart() {
        for (bytes, expected) in [
            (&b"PK\x03\x04\x14\0\0\0arr_0.npy"[..], Some("npz")),
            (b"PK\x03\x04\0\0archive/data.pkl", Some("pickle")),
            (b"\x80\x02\x8a\nl\xfc", Some("pickle")),
            (b"version https://git-lfs.github.com/spec/v1", Some("LFS")),
            (b"\x93NUMPY", None),
            (b"GGUF", None),
            (b"\x80\x02\0\0\0\0\0\0{", None), // a safetensors header of 640 bytes
            (b"", None),
        ] {
            let found = of_bytes(bytes);
            assert_eq!(found.is_some(), expected.is_some(), "{bytes:?}");
            assert!(
                found
                    .unwrap_or_default()
                    .contains(expected.unwrap_or_default())
            );
        }
    }
}
