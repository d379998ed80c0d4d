//! Matrices in NumPy's
//! [npy format](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
//!
//! Parsing is strict: it takes floating-point matrices as `numpy.save` writes them, and checks all
//! sizes before it allocates.

use std::io;
use std::path::{Path, PathBuf};

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

/// Parses the bytes of a file: a matrix of 32-bit or 64-bit floating-point numbers, in either order
/// of the axes. `path` is for messages only.
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
        is_double,
        by_columns,
        shape: [rows, columns],
    } = Header::parse(header)?;
    let width = if is_double { 8 } else { 4 };
    let expected = rows
        .checked_mul(columns)
        .and_then(|count| count.checked_mul(width));
    if expected != Some(numbers.len()) {
        return Err(format!(
            "it has {} bytes of numbers, which do not fit its shape ({rows}, {columns})",
            numbers.len()
        ));
    }
    let values: Vec<f32> = if is_double {
        let (words, _) = numbers.as_chunks::<8>();
        words
            .iter()
            .map(|&word| f64::from_le_bytes(word) as f32)
            .collect()
    } else {
        let (words, _) = numbers.as_chunks::<4>();
        words.iter().map(|&word| f32::from_le_bytes(word)).collect()
    };
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

/// What the header says.
struct Header {
    /// Whether numbers have 64 bits.
    is_double: bool,
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
        let is_double = match field("descr") {
            Some(value) if value.starts_with("'<f4'") => false,
            Some(value) if value.starts_with("'<f8'") => true,
            _ => return Err("its numbers are neither `<f4` nor `<f8`".to_owned()),
        };
        let by_columns = match field("fortran_order") {
            Some(value) if value.starts_with("False") => false,
            Some(value) if value.starts_with("True") => true,
            _ => return Err("its header does not say the order of the axes".to_owned()),
        };
        let shape = field("shape")
            .and_then(shape)
            .ok_or("its shape does not have two axes")?;
        Ok(Self {
            is_double,
            by_columns,
            shape,
        })
    }
}

/// `(rows, columns)` at the beginning of `text`.
fn shape(text: &str) -> Option<[usize; 2]> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let (rows, columns) = inside.split_once(',')?;
    let [rows, columns] = [rows.trim().parse().ok()?, columns.trim().parse().ok()?];
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
            (">f4", "(2, 3)"),
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
