//! Packed products against f64, and the identities that make them reproducible.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::testing::{EPS, bits, noise, proptest_cases, to_f64, with_threads};

/// Formats of weights, and bytes of a code of activations beside blocks.
fn formats() -> impl Iterator<Item = (Format, usize)> {
    let blocks = BlockFormat::ALL.map(Format::Blocks);
    let blocks = blocks
        .into_iter()
        .flat_map(|format| [(format, 1), (format, 2)]);
    [(Format::F32, 1), (Format::Bf16, 1)]
        .into_iter()
        .chain(blocks)
}

fn bias_only(bias: &[f32]) -> Epilogue<'_> {
    Epilogue {
        bias: Some(bias),
        resid: None,
    }
}

fn rounded(x: f32) -> f64 {
    f64::from(bf16::from_f32(x).to_f32())
}

/// The numbers of a block, each rounded to a multiple of the largest divided by the largest code.
fn nearest_codes(block: &[f32], bytes: usize) -> Vec<f64> {
    let most = if bytes == 1 { 127.0 } else { 32_512.0 };
    let largest = block.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    if largest == 0.0 {
        return vec![0.0; block.len()];
    }
    let (scale, inverse) = (f64::from(largest / most), most / largest);
    let code = |x: f32| f64::from((x * inverse).round_ties_even());
    block.iter().map(|&x| scale * code(x)).collect()
}

/// Compares `x W + bias`, or `y W^T` if `transposed`, with a product in f64 of the operands as this
/// path rounds them: `|difference| <= (depth + 4) eps (sum |a| |b| + |bias|)`. A chain of `depth`
/// products and sums in f32 has an error of at most `depth eps sum |a| |b|`. The rest is for scales
/// and the bias. Where minima are summed apart, `|b|` is the size of both parts of a weight.
fn check_product(isa: Isa, matrix: &Matrix, x: &[f32], bias: Option<&[f32]>, transposed: bool) {
    let (inputs, outputs) = (matrix.inputs(), matrix.outputs());
    let (depth, width) = if transposed {
        (outputs, inputs)
    } else {
        (inputs, outputs)
    };
    let result = if transposed {
        matrix.multiply_transposed_with(isa, x)
    } else {
        matrix.multiply_with(isa, x, Epilogue { bias, resid: None })
    };
    let rows = x.len() / depth;
    assert_eq!(result.len(), rows * width);
    let all: Vec<u32> = (0..outputs as u32).collect();
    let weights = matrix.gather_columns(&all); // [outputs, inputs]
    let bytes = match &matrix.storage {
        Storage::Quantised(blocks) if isa.has_byte_dot() => Some(blocks.activation_bytes),
        _ => None,
    };
    let minimum = |input: usize, output: usize| match &matrix.storage {
        Storage::Quantised(blocks) if bytes.is_some() && blocks.format.has_minimum() => {
            let panel = output / PANEL_WIDTH * inputs.div_ceil(BLOCK);
            let minima = (blocks.format.rows() - 1) * PANEL_WIDTH;
            let block = blocks.block(panel + input / BLOCK);
            f64::from(f32::from_bits(block[minima + output % PANEL_WIDTH]))
        }
        _ => 0.0,
    };
    let pairs = isa >= Isa::Avx512Bf16 && matrix.format() == Format::Bf16;
    let round = |numbers: &[f32], code_bytes: Option<usize>| -> Vec<f64> {
        if let Some(code_bytes) = code_bytes {
            let blocks = numbers.chunks(BLOCK);
            blocks
                .flat_map(|block| nearest_codes(block, code_bytes))
                .collect()
        } else if pairs {
            numbers.iter().copied().map(rounded).collect()
        } else {
            to_f64(numbers)
        }
    };
    let right: Vec<Vec<f64>> = (0..width)
        .map(|column| {
            let at = |index: usize| {
                if transposed {
                    weights[index * inputs + column]
                } else {
                    weights[column * inputs + index]
                }
            };
            // Sums over outputs need other blocks than those that the weights are stored in.
            let code_bytes = (bytes.is_some() && transposed).then_some(1);
            round(&(0..depth).map(at).collect::<Vec<_>>(), code_bytes)
        })
        .collect();
    for row in 0..rows {
        let left = round(&x[row * depth..][..depth], bytes);
        for column in 0..width {
            let bias = bias.map_or(0.0, |bias| f64::from(bias[column]));
            let (mut exact, mut size) = (bias, bias.abs());
            for (index, (left, right)) in left.iter().zip(&right[column]).enumerate() {
                exact += left * right;
                size += left.abs() * right.abs();
                if !transposed {
                    size += left.abs() * 2.0 * minimum(index, column).abs();
                }
            }
            let got = f64::from(result[row * width + column]);
            let bound = (depth as f64 + 4.0) * EPS * size;
            assert!(
                (got - exact).abs() <= bound,
                "{isa:?} {:?} transposed {transposed} [{rows}, {inputs}, {outputs}] \
                 at ({row}, {column}): {got}, not {exact} +- {bound}",
                matrix.format(),
            );
        }
    }
}

/// A random matrix and its weights as `[inputs, outputs]`.
///
/// It is packed from weights with gaps between them, column-major if `transposed`.
fn packed(
    (format, activation_bytes): (Format, usize),
    [inputs, outputs]: [usize; 2],
    transposed: bool,
    gap: usize,
    seed: u64,
) -> (Matrix, Vec<f32>) {
    let strides = if transposed {
        [1 + gap, inputs * (1 + gap)]
    } else {
        [outputs + gap, 1]
    };
    let data = noise(seed, inputs * strides[0] + outputs * strides[1] + 1);
    let at = |index: usize| data[index / outputs * strides[0] + index % outputs * strides[1]];
    let plain = (0..inputs * outputs).map(at).collect();
    let mut matrix = Matrix::pack(format, [inputs, outputs], &data, strides);
    if let Storage::Quantised(blocks) = &mut matrix.storage {
        blocks.activation_bytes = activation_bytes;
    }
    (matrix, plain)
}

proptest! {
    #![proptest_config(proptest_cases(48))]

    #[test]
    fn products_are_those_of_the_rounded_operands(
        rows in 1usize..40,
        inputs in 1usize..150,
        outputs in 1usize..100,
        transposed: bool,
        gap in 0usize..3,
        seed in 0u64..1000,
    ) {
        let x = noise(seed, rows * inputs);
        let y = noise(seed + 1, rows * outputs);
        let bias = noise(seed + 2, outputs);
        for format in formats() {
            let (matrix, _) = packed(format, [inputs, outputs], transposed, gap, seed + 3);
            for isa in Isa::available() {
                check_product(isa, &matrix, &x, (seed % 2 == 0).then_some(&bias), false);
                check_product(isa, &matrix, &y, None, true);
            }
        }
    }

    #[test]
    fn packed_numbers_are_the_nearest_of_their_format(
        inputs in 1usize..70,
        outputs in 1usize..70,
        transposed: bool,
        gap in 0usize..3,
        seed in 0u64..1000,
    ) {
        for (format, bytes) in formats() {
            let (matrix, plain) = packed((format, bytes), [inputs, outputs], transposed, gap, seed);
            for output in 0..outputs {
                let column = (0..inputs).map(|input| plain[input * outputs + output]);
                let column: Vec<f32> = column.collect();
                let got = matrix.gather_columns(&[output as u32]);
                for (got, block) in got.chunks(BLOCK).zip(column.chunks(BLOCK)) {
                    let largest = block.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                    for (&got, &x) in got.iter().zip(block) {
                        let error = (f64::from(got) - f64::from(x)).abs() / f64::from(largest);
                        match format {
                            Format::F32 => prop_assert_eq!(got, x),
                            Format::Bf16 => prop_assert_eq!(f64::from(got), rounded(x)),
                            Format::Blocks(format) => {
                                // Half a step. A whole one at the end that has one code less.
                                let steps = match format {
                                    BlockFormat::Q8 => 0.5 / 127.0,
                                    BlockFormat::Q4Min | BlockFormat::Q5Min => {
                                        1.0 / f64::from((1 << format.bits()) - 1)
                                    }
                                    _ => 1.0 / f64::from(format.zero()),
                                };
                                prop_assert!(error <= steps + 1e-6, "{format:?} {error}");
                            }
                        }
                    }
                }
            }
        }
    }

    /// As in files whose blocks are codes times a scale.
    #[test]
    fn multiples_of_a_number_are_kept_exactly(
        blocks in 1usize..4,
        most in 1i16..=127,
        scale in any::<f32>().prop_filter("a scale of half precision", |x| {
            half::f16::from_f32(*x).is_normal()
        }),
        seed in 0u64..1000,
    ) {
        let scale = half::f16::from_f32(scale).to_f32();
        for (format, least, most) in [
            (BlockFormat::Q8, -most, most),
            (BlockFormat::Q5, -16, 15),
            (BlockFormat::Q4, -8, 7),
        ] {
            let code = |x: f32| {
                let code = f32::from(least) + x.midpoint(1.0) * f32::from(most - least);
                code.round()
            };
            let numbers = noise(seed, blocks * BLOCK).into_iter().map(|x| scale * code(x));
            let numbers: Vec<f32> = numbers.collect();
            let format = Format::Blocks(format);
            let matrix = Matrix::pack(format, [numbers.len(), 1], &numbers, [1, 1]);
            let kept = matrix.gather_columns(&[0]);
            prop_assert!(kept == numbers, "{kept:?} instead of {numbers:?}");
        }
    }

    #[test]
    fn blocks_are_kept_as_they_are(blocks in 1usize..4, outputs in 1usize..70, seed in 0u64..1000) {
        for format in BlockFormat::ALL {
            let most = ((1 << format.bits()) - 1) as f32;
            let block = |output: usize, block: usize| {
                let noise = noise(seed + (output * blocks + block) as u64, BLOCK + 3);
                let [first, second, minimum] = [noise[BLOCK], noise[BLOCK + 1], noise[BLOCK + 2]];
                CodeBlock {
                    codes: std::array::from_fn(|i| (noise[i].midpoint(1.0) * most).round() as u8),
                    scales: [first, if format.scales() == 1 { first } else { second }],
                    minimum: if format.has_minimum() { minimum } else { 0.0 },
                }
            };
            let fill = |range: Range<usize>, to: &mut [CodeBlock]| {
                for (output, row) in range.zip(to.chunks_exact_mut(blocks)) {
                    for (index, to) in row.iter_mut().enumerate() {
                        *to = block(output, index);
                    }
                }
                Ok::<_, Infallible>(())
            };
            let Ok(matrix) = Matrix::from_blocks(format, [blocks * BLOCK, outputs], fill);
            prop_assert_eq!(matrix.format(), Format::Blocks(format));
            for output in 0..outputs {
                let expected = (0..blocks).flat_map(|index| block(output, index).numbers(format));
                let expected: Vec<f32> = expected.collect();
                prop_assert_eq!(bits(&matrix.gather_columns(&[output as u32])), bits(&expected));
            }
        }
    }

    #[test]
    fn a_row_is_the_same_alone_and_in_a_batch(
        rows in 1usize..40,
        inputs in 1usize..150,
        outputs in 1usize..100,
        seed in 0u64..1000,
    ) {
        let x = noise(seed, rows * inputs);
        let y = noise(seed + 1, rows * outputs);
        let bias = noise(seed + 2, outputs);
        for format in formats() {
            let (matrix, _) = packed(format, [inputs, outputs], false, 0, seed + 3);
            for isa in Isa::available() {
                let whole = matrix.multiply_with(isa, &x, bias_only(&bias));
                let transposed = matrix.multiply_transposed_with(isa, &y);
                for (x, whole) in x.chunks(inputs).zip(whole.chunks(outputs)) {
                    let alone = matrix.multiply_with(isa, x, bias_only(&bias));
                    prop_assert_eq!(bits(&alone), bits(whole));
                }
                for (y, whole) in y.chunks(outputs).zip(transposed.chunks(inputs)) {
                    let alone = matrix.multiply_transposed_with(isa, y);
                    prop_assert_eq!(bits(&alone), bits(whole));
                }
            }
        }
    }
}

/// Matrices of several blocks of depth, in both directions.
#[test]
fn a_packed_matrix_takes_the_bytes_that_its_format_says() {
    for (format, _) in formats() {
        for shape @ [inputs, outputs] in [[1, 1], [31, 33], [70, 64], [96, 5]] {
            let numbers = vec![0.5f32; inputs * outputs];
            let bytes = match Matrix::pack(format, shape, &numbers, [outputs, 1]).storage {
                Storage::F32(lines) => size_of_val::<[f32]>(&lines),
                Storage::Bf16(lines) => size_of_val::<[u32]>(&lines),
                Storage::Quantised(blocks) => size_of_val::<[u32]>(&blocks.data),
            };
            assert_eq!(bytes, format.packed_bytes(shape), "{format:?}, {shape:?}");
        }
    }
}

#[test]
fn blocks_of_depth_are_summed() {
    let [rows, long, short] = [13, 4999, 70];
    let x = noise(1, rows * long);
    let bias = noise(2, short);
    for format in formats() {
        let (wide, _) = packed(format, [long, short], false, 0, 3);
        let (tall, _) = packed(format, [short, long], false, 0, 4);
        for isa in Isa::available() {
            check_product(isa, &wide, &x, Some(&bias), false);
            check_product(isa, &tall, &x, None, true);
        }
    }
}

/// With rows, depths and columns of several blocks.
#[test]
fn rows_of_every_block_are_as_if_alone() {
    let [rows, long, short] = [300, 1200, 600];
    let x = noise(1, rows * long);
    let bias = noise(2, short);
    let resid = noise(3, rows * short);
    for format in formats() {
        let (wide, _) = packed(format, [long, short], false, 0, 4);
        let (tall, _) = packed(format, [short, long], false, 0, 5);
        for isa in Isa::available() {
            let product = |x: &[f32], resid: &[f32]| {
                let epilogue = Epilogue {
                    bias: Some(&bias),
                    resid: Some(resid),
                };
                wide.multiply_with(isa, x, epilogue)
            };
            let whole = product(&x, &resid);
            let transposed = tall.multiply_transposed_with(isa, &x);
            for row in [0, 1, 255, 256, 299] {
                let of_row = |all: &[f32], width: usize| all[row * width..][..width].to_vec();
                let x = of_row(&x, long);
                let alone = product(&x, &of_row(&resid, short));
                assert_eq!(
                    bits(&alone),
                    bits(&of_row(&whole, short)),
                    "{isa:?} {format:?} {row}"
                );
                let alone = tall.multiply_transposed_with(isa, &x);
                let together = of_row(&transposed, short);
                assert_eq!(bits(&alone), bits(&together), "{isa:?} {format:?} {row}");
            }
        }
    }
}

#[test]
fn products_do_not_depend_on_the_number_of_threads() {
    // Large enough for every part to be shared: the product, and the rounding of its rows.
    let [rows, long, short] = [37, 1801, 70];
    let x = noise(1, rows * long);
    for format in formats() {
        let (wide, _) = packed(format, [long, short], false, 0, 2);
        let (tall, _) = packed(format, [short, long], false, 0, 3);
        for isa in Isa::available() {
            let compute = || {
                [
                    wide.multiply_with(isa, &x, Epilogue::default()),
                    tall.multiply_transposed_with(isa, &x),
                ]
            };
            let alone = with_threads(1, compute);
            for threads in [2, 3] {
                let shared = with_threads(threads, compute);
                assert_eq!(
                    alone.each_ref().map(|x| bits(x)),
                    shared.each_ref().map(|x| bits(x)),
                    "{isa:?} {format:?}"
                );
            }
            let row = wide.multiply_with(isa, &x[5 * long..6 * long], Epilogue::default());
            assert_eq!(
                bits(&row),
                bits(&alone[0][5 * short..6 * short]),
                "{isa:?} {format:?}"
            );
        }
    }
}

#[test]
fn a_number_that_is_not_finite_shows_in_its_row_alone() {
    for format in formats() {
        let (matrix, _) = packed(format, [70, 40], false, 0, 1);
        for isa in Isa::available() {
            for odd in [
                f32::NAN,
                -f32::NAN,
                f32::INFINITY,
                f32::NEG_INFINITY,
                1e-45,
                1e-38,
            ] {
                let [mut x, mut y] = [noise(2, 3 * 70), noise(3, 3 * 40)];
                (x[70 + 37], y[40 + 33]) = (odd, odd);
                let products = [
                    (matrix.multiply_with(isa, &x, Epilogue::default()), 40),
                    (matrix.multiply_transposed_with(isa, &y), 70),
                ];
                for (product, width) in products {
                    let finite = product
                        .chunks(width)
                        .map(|row| row.iter().all(|x| x.is_finite()));
                    let expected = [true, odd.is_finite(), true];
                    assert!(finite.eq(expected), "{isa:?} {format:?} {odd}");
                    let row = &product[width..2 * width];
                    assert!(odd.is_finite() || row.iter().all(|x| !x.is_finite()));
                }
                // A block of nothing else.
                let product = matrix.multiply_with(isa, &[odd; 70], Epilogue::default());
                let is_small = product.iter().all(|x| x.abs() < 1e-30);
                assert_eq!(
                    is_small,
                    odd.is_finite(),
                    "{isa:?} {format:?} {odd}: {product:?}"
                );
            }
        }
    }
}

#[test]
fn no_rows_no_outputs_and_columns_of_zeros_are_fine() {
    for (format, _) in formats() {
        let empty = Matrix::pack(format, [3, 0], &[0.0f32; 0], [1, 3]);
        assert_eq!(empty.multiply(&[1.0, 2.0, 3.0], None), [0.0f32; 0]);
        let matrix = Matrix::pack(format, [3, 2], &[0.0f32, 1.0, 0.0, -2.0, 0.0, 0.5], [2, 1]);
        for isa in Isa::available() {
            assert_eq!(
                matrix.multiply_with(isa, &[], Epilogue::default()),
                [0.0f32; 0]
            );
            let result =
                matrix.multiply_with(isa, &[1.0, 0.0, 0.0, 5.0, 1.0, 0.0], Epilogue::default());
            assert_eq!(result[0], 0.0);
            assert_eq!(result[2], 0.0);
            assert!(
                (result[3] - 3.0).abs() < 0.4,
                "{format:?} {isa:?}: {result:?}"
            );
        }
    }
}
