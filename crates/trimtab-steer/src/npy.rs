//! Matrices in NumPy's
//! [npy format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//!
//! Parsing is strict: it takes floating-point matrices as `numpy.save` writes them, and checks all
//! sizes before it allocates.

use std::io;
use std::path::{Path, PathBuf};

use half::f16;
use trimtab_model::tensor_file::HostTensor;

/// The first bytes of every file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// Where the text of the header begins in version 1.
const TEXT_OFFSET: usize = MAGIC.len() + 4;

/// Why an npy file could not be parsed or written.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    #[error("cannot write {path}; a file that was there before is unchanged")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is not an npy matrix of floating-point numbers: {reason}")]
    Malformed { path: PathBuf, reason: String },
}

/// Parses the bytes of a file: a matrix of floating-point numbers of 16, 32 or 64 bits, in either
/// order of bytes and of axes. `path` is for messages only.
pub(crate) fn from_bytes(bytes: &[u8], path: &Path) -> Result<HostTensor, NpyError> {
    parse(bytes).map_err(|reason| NpyError::Malformed {
        path: path.into(),
        reason,
    })
}

/// The bytes of a file that holds `matrix` as `<f4`, row by row.
pub(crate) fn to_bytes(matrix: &HostTensor) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
        matrix.shape[0], matrix.shape[1]
    );
    // Spaces and a line break bring the numbers to a multiple of 64.
    let len = (TEXT_OFFSET + header.len() + 1).next_multiple_of(64) - TEXT_OFFSET;
    header.push_str(&" ".repeat(len - 1 - header.len()));
    header.push('\n');
    let mut bytes = [MAGIC, &[1, 0], &(len as u16).to_le_bytes()].concat();
    bytes.extend(header.bytes());
    bytes.extend(matrix.data.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn parse(bytes: &[u8]) -> Result<HostTensor, String> {
    let (header, numbers) = split(bytes)?;
    let Header {
        number,
        by_columns,
        shape: [rows, columns],
    } = Header::parse(header)?;
    let expected = rows
        .checked_mul(columns)
        .and_then(|count| count.checked_mul(number.width));
    if expected != Some(numbers.len()) {
        return Err(format!(
            "it has {} bytes of numbers, which do not fit its shape ({rows}, {columns})",
            numbers.len()
        ));
    }
    let values: Vec<f32> = numbers
        .chunks_exact(number.width)
        .map(|bytes| number.value(bytes))
        .collect();
    if values.iter().any(|value| !value.is_finite()) {
        return Err("it holds a value that is not finite".to_owned());
    }
    let data = if by_columns {
        (0..rows)
            .flat_map(|row| values.iter().skip(row).step_by(rows).copied())
            .collect()
    } else {
        values
    };
    Ok(HostTensor {
        shape: vec![rows, columns],
        data,
    })
}

/// The text of the header, and the bytes of the numbers.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), String> {
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or("it does not begin as an npy file")?;
    let (len, rest) = match rest {
        [1, _, a, b, rest @ ..] => (u16::from_le_bytes([*a, *b]) as usize, rest),
        [2 | 3, _, a, b, c, d, rest @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, rest),
        _ => return Err("it is cut short or of another version".to_owned()),
    };
    let (header, numbers) = rest
        .split_at_checked(len)
        .ok_or("its header is cut short")?;
    let header = std::str::from_utf8(header).map_err(|_| "its header is not UTF-8")?;
    Ok((header, numbers))
}

/// How a number is stored.
#[derive(Clone, Copy)]
struct Number {
    /// In bytes.
    width: usize,
    is_big_endian: bool,
}

impl Number {
    /// From a `descr` such as `'<f4'`.
    fn parse(descr: &str) -> Result<Self, String> {
        let text = descr
            .strip_prefix('\'')
            .and_then(|text| text.split_once('\''));
        let (text, _) = text.ok_or("its header does not say the type of its numbers")?;
        let (order, kind) = text.split_at_checked(1).unwrap_or(("", text));
        let width = match kind {
            "f2" => 2,
            "f4" => 4,
            "f8" => 8,
            "O" => return Err("it holds a pickle of Python objects".to_owned()),
            _ => return Err(format!("its numbers are `{text}`, not f2, f4 or f8")),
        };
        let is_big_endian = match order {
            "<" => false,
            ">" => true,
            "=" | "|" => cfg!(target_endian = "big"),
            _ => return Err(format!("its numbers are `{text}`")),
        };
        Ok(Self {
            width,
            is_big_endian,
        })
    }

    fn value(self, bytes: &[u8]) -> f32 {
        let mut word = [0; 8];
        let word = &mut word[..self.width];
        word.copy_from_slice(bytes);
        if self.is_big_endian {
            word.reverse();
        }
        match *word {
            [a, b] => f16::from_le_bytes([a, b]).to_f32(),
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            _ => f64::from_le_bytes(word.try_into().expect("eight bytes")) as f32,
        }
    }
}

/// What the header says.
struct Header {
    number: Number,
    /// Whether the numbers of a column lie side by side.
    by_columns: bool,
    shape: [usize; 2],
}

impl Header {
    fn parse(header: &str) -> Result<Self, String> {
        let field = |key: &str| {
            let (_, value) = header.split_once(&format!("'{key}':"))?;
            Some(value.trim_start())
        };
        let number = Number::parse(field("descr").unwrap_or_default())?;
        let by_columns = match field("fortran_order") {
            Some(value) if value.starts_with("False") => false,
            Some(value) if value.starts_with("True") => true,
            _ => return Err("its header does not say the order of the axes".to_owned()),
        };
        let shape = field("shape")
            .and_then(shape)
            .ok_or("its shape is not two axes, (num_hidden_layers, hidden_size)")?;
        Ok(Self {
            number,
            by_columns,
            shape,
        })
    }
}

/// `(rows, columns)` at the beginning of `text`.
fn shape(text: &str) -> Option<[usize; 2]> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let (rows, columns) = inside.split_once(',')?;
    // Python 2 wrote whole numbers as `3L`, and a tuple may end in a comma.
    let number = |text: &str| text.trim().trim_end_matches(['L', ',']).parse().ok();
    let [rows, columns] = [number(rows)?, number(columns)?];
    (rows > 0 && columns > 0).then_some([rows, columns])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> HostTensor {
        HostTensor {
            shape: vec![2, 3],
            data: vec![1.0, -2.0, 0.5, 0.0, 7.25, -0.125],
        }
    }

    /// The bytes that `numpy.save` 2.3 writes for `numpy.array(DATA, dtype)` in the given order.
    fn numpy(descr: &str, order: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
        header.push_str(&" ".repeat(117 - header.len()));
        header.push('\n');
        [b"\x93NUMPY\x01\x00\x76\x00", header.as_bytes(), numbers].concat()
    }

    #[test]
    fn bytes_are_those_of_numpy_and_are_read_in_either_order_and_width() {
        let row_by_row: Vec<u8> = sample().data.iter().flat_map(|x| x.to_le_bytes()).collect();
        let written = to_bytes(&sample());
        assert_eq!(written, numpy("<f4", "False", "(2, 3)", &row_by_row));
        assert_eq!(parse(&written), Ok(sample()));
        let columns: Vec<u8> = [1.0_f64, 0.0, -2.0, 7.25, 0.5, -0.125]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        assert_eq!(
            parse(&numpy("<f8", "True", "(2, 3)", &columns)),
            Ok(sample())
        );
    }

    #[test]
    fn every_width_and_byte_order_is_read_in_every_version() {
        let data = sample().data;
        let bytes = |number: fn(f32) -> Vec<u8>| data.iter().flat_map(|x| number(*x)).collect();
        let variants: [(&str, Vec<u8>); 6] = [
            ("<f2", bytes(|x| f16::from_f32(x).to_le_bytes().to_vec())),
            (">f2", bytes(|x| f16::from_f32(x).to_be_bytes().to_vec())),
            (">f4", bytes(|x| x.to_be_bytes().to_vec())),
            ("=f4", bytes(|x| x.to_ne_bytes().to_vec())),
            ("<f8", bytes(|x| f64::from(x).to_le_bytes().to_vec())),
            (">f8", bytes(|x| f64::from(x).to_be_bytes().to_vec())),
        ];
        for (descr, numbers) in variants {
            let file = numpy(descr, "False", "(2L, 3L)", &numbers);
            assert_eq!(parse(&file), Ok(sample()), "{descr}");
            for version in [2, 3] {
                let (start, rest) = (&file[..6], &file[8..]);
                let file = [start, &[version, 0], &rest[..2], &[0, 0], &rest[2..]].concat();
                assert_eq!(parse(&file), Ok(sample()), "{descr}, version {version}");
            }
        }
        let object = parse(&numpy("|O", "False", "(2, 3)", &[0; 24])).expect_err("objects");
        assert!(object.contains("pickle"), "{object}");
        let whole = parse(&numpy("<i8", "False", "(2, 3)", &[0; 48])).expect_err("integers");
        assert!(whole.contains("`<i8`"), "{whole}");
    }

    #[test]
    fn what_is_no_matrix_is_refused() {
        let good = to_bytes(&sample());
        for len in 0..good.len() {
            assert!(parse(&good[..len]).is_err(), "cut to {len} bytes");
        }
        let huge = "(18446744073709551615, 18446744073709551615)";
        for (descr, shape) in [
            ("<f4", "(6,)"),
            ("<f4", "(1, 2, 3)"),
            ("<f4", huge),
            ("<f4", "(2, -3)"),
            ("<f4", "(0, 0)"),
            ("<f4", "((2, 3"),
            ("<i4", "(2, 3)"),
            ("f4", "(2, 3)"),
            (">f16", "(2, 3)"),
            ("|O", "(2, 3)"),
        ] {
            assert!(
                parse(&numpy(descr, "False", shape, &[0; 24])).is_err(),
                "{descr} {shape}"
            );
        }
        let nan = numpy("<f4", "False", "(1, 1)", &f32::NAN.to_le_bytes());
        assert!(parse(&nan).is_err());
    }
}
