//! The files of a model that is split.

use std::path::{Path, PathBuf};

use super::Part;
use super::error::GgufError;
use super::header::Header;
use super::value::Value;

/// Most files of one model.
const MAX_PARTS: u64 = 1024;

/// All parts of the model of which `part` is one, in the order of their numbers. Only the first
/// keeps its metadata.
pub(super) fn open_all(part: Part) -> Result<Vec<Part>, GgufError> {
    let refuse = |part: &Part, reason: String| GgufError::Parts {
        path: part.path.clone(),
        reason,
    };
    let count = number(&part.header, "split.count").unwrap_or(1);
    if count <= 1 {
        return Ok(vec![part]);
    }
    if count > MAX_PARTS {
        return Err(refuse(&part, format!("it is one of {count}")));
    }
    let Some(stem) = stem(&part.path, count) else {
        let expected = format!("its name does not end in -00001-of-{count:05}.gguf");
        return Err(refuse(&part, expected));
    };
    let given = number(&part.header, "split.no");
    let mut given = given.map(|index| (index, part));
    let mut parts: Vec<Part> = vec![];
    for index in 0..count {
        let mut part = match given.take_if(|(number, _)| *number == index) {
            Some((_, part)) => part,
            None => Part::open(&name(&stem, index, count))?,
        };
        let found = ["split.no", "split.count"].map(|key| number(&part.header, key));
        if found != [Some(index), Some(count)] {
            return Err(refuse(&part, format!("it is not part {index} of {count}")));
        }
        if index > 0 {
            part.header.metadata = vec![];
        }
        parts.push(part);
    }
    let tensors: usize = parts.iter().map(|part| part.header.tensors.len()).sum();
    match number(&parts[0].header, "split.tensors.count") {
        Some(expected) if expected != tensors as u64 => Err(refuse(
            &parts[0],
            format!("they hold {tensors} tensors and not {expected}"),
        )),
        _ => Ok(parts),
    }
}

/// The path of part `index` of `count`, as llama.cpp names it.
fn name(stem: &Path, index: u64, count: u64) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(format!("-{:05}-of-{count:05}.gguf", index + 1));
    name.into()
}

/// The path of a part up to its number, if it is named as llama.cpp does.
fn stem(path: &Path, count: u64) -> Option<PathBuf> {
    let file = path.file_name()?.to_str()?;
    let (stem, number) = file
        .strip_suffix(&format!("-of-{count:05}.gguf"))?
        .rsplit_once('-')?;
    let is_number = number.len() == 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| path.with_file_name(stem))
}

fn number(header: &Header, key: &str) -> Option<u64> {
    header.value(key).and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use super::super::{GgufFile, TensorInfo, TensorType, header_bytes};
    use super::*;

    /// The bytes of a part with one tensor `t0`, `t1`, …
    fn part(index: u16, count: u16, tensors: u32) -> Vec<u8> {
        let short = |number: u16| Value {
            kind: super::super::value::UINT16,
            bytes: number.to_le_bytes().to_vec(),
        };
        let metadata = [
            (
                "general.name".to_owned(),
                Value::string(&format!("{index}")),
            ),
            ("split.no".to_owned(), short(index)),
            ("split.count".to_owned(), short(count)),
            ("split.tensors.count".to_owned(), Value::uint32(tensors)),
        ];
        let tensor = TensorInfo::new(format!("t{index}"), vec![8], TensorType::F32);
        let mut bytes = header_bytes(&metadata, &[tensor]);
        bytes.extend([index as u8; 32]);
        bytes
    }

    fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, bytes).expect("a writable folder");
        path
    }

    #[test]
    fn any_part_opens_all() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for index in 0..3 {
            let name = format!("m-{:05}-of-00003.gguf", index + 1);
            write(folder.path(), &name, &part(index, 3, 3));
        }
        for index in 1..4 {
            let path = folder.path().join(format!("m-{index:05}-of-00003.gguf"));
            let file = GgufFile::open(&path).expect("three parts");
            assert_eq!(file.num_parts(), 3);
            assert_eq!(file.string("general.name").expect("a text"), Some("0"));
            assert_eq!(file.bytes("t2").expect("in part 3"), [2; 32]);
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let cases = [
            ("other names", [("a", part(0, 2, 2)), ("b", part(1, 2, 2))]),
            (
                "twice the first",
                [
                    ("m-00001-of-00002.gguf", part(0, 2, 2)),
                    ("m-00002-of-00002.gguf", part(0, 2, 2)),
                ],
            ),
            (
                "another count",
                [
                    ("m-00001-of-00002.gguf", part(0, 2, 2)),
                    ("m-00002-of-00002.gguf", part(1, 3, 2)),
                ],
            ),
            (
                "more tensors",
                [
                    ("m-00001-of-00002.gguf", part(0, 2, 3)),
                    ("m-00002-of-00002.gguf", part(1, 2, 3)),
                ],
            ),
            (
                "no such part",
                [
                    ("m-00001-of-00009.gguf", part(0, 9, 2)),
                    ("m-00002-of-00009.gguf", part(1, 9, 2)),
                ],
            ),
        ];
        for (what, files) in cases {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let paths = files.map(|(name, bytes)| write(folder.path(), name, &bytes));
            for path in paths {
                assert!(GgufFile::open(&path).is_err(), "{what}");
            }
        }
    }
}
