//! How a model is made of the tensors of a checkpoint.

use std::convert::Infallible;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor};
use trimtab_kernels::{self as kernels, Format, Matrix, PANEL_WIDTH};

use super::Model;
use crate::config::ModelConfig;
use crate::layer::{Layer, RmsNorm, TensorSpec};
use crate::precision::Precision;
use crate::weight::Weight;

/// Some rows of a matrix of a checkpoint, or a vector as one row.
#[derive(Debug)]
pub enum Rows {
    /// `[rows, columns]`
    Floats(Tensor<2>),
    /// The same numbers, packed for the CPU: columns are its inputs, rows its outputs.
    Packed(Matrix),
}

impl From<Tensor<2>> for Rows {
    fn from(rows: Tensor<2>) -> Self {
        Self::Floats(rows)
    }
}

impl Rows {
    /// # Panics
    ///
    /// They are packed.
    fn floats(self) -> Tensor<2> {
        match self {
            Self::Floats(rows) => rows,
            Self::Packed(_) => panic!("only matrices on the CPU are packed"),
        }
    }

    /// The rows as a matrix on the CPU. Floats become `format`, or are kept as exactly as they are.
    fn pack(self, format: Option<Format>) -> Matrix {
        match self {
            Self::Packed(matrix) => matrix,
            Self::Floats(rows) => {
                let format = format.unwrap_or(match rows.dtype() {
                    DType::BF16 => Format::Bf16,
                    _ => Format::F32,
                });
                kernels::pack(format, rows.transpose())
            }
        }
    }
}

impl Model {
    /// Builds a model of the tensors that `tensor` returns for a name and shape in a checkpoint.
    ///
    /// The tensors are used as they are, with their device and dtype. They may require gradients,
    /// as in full fine-tuning. [`Self::from_rows`] computes faster with weights that do not change.
    ///
    /// # Shapes
    ///
    /// - `tensor`: the shape asked for; `[1, n]` for `[n]`, and `[rows, columns]` for
    ///   `[rows, 1, columns]`
    ///
    /// # Errors
    ///
    /// Whatever `tensor` returns.
    ///
    /// # Panics
    ///
    /// A tensor has another shape than asked for.
    #[expect(
        clippy::type_complexity,
        reason = "a named type would hide the arguments of the function"
    )]
    pub fn from_tensors<E>(
        config: ModelConfig,
        tensor: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor<2>, E>,
    ) -> Result<Self, E> {
        // Fused projections ask for one tensor several times in a row.
        let mut last: Option<(String, Tensor<2>)> = None;
        let mut device_and_dtype = None;
        let mut take = |spec: TensorSpec| {
            let whole = match last.take() {
                Some((name, tensor)) if name == spec.name => tensor,
                _ => tensor(&spec.name, &spec.shape)?,
            };
            assert_shape(&spec, whole.dims());
            device_and_dtype = Some((whole.device(), whole.dtype()));
            let is_matrix = spec.shape.len() == 2;
            let is_vector = spec.shape.len() == 1;
            let part = match spec.rows {
                Some(rows) => {
                    last = Some((spec.name, whole.clone()));
                    whole.narrow(usize::from(is_vector), rows.start, rows.len())
                }
                None => whole,
            };
            Ok(Weight::Tensor(if is_matrix {
                part.transpose()
            } else {
                part
            }))
        };
        let weights = ModelWeights::assemble(&config, &mut take)?;
        let (device, dtype) = device_and_dtype.expect("a model has tensors");
        Ok(Self::from_weights(config, weights, device, dtype))
    }

    /// Builds a frozen model on `device` of the rows that `rows` returns for a name and shape in a
    /// checkpoint; a vector is one row, and the middle axis of a convolution is left out.
    ///
    /// On the CPU, matrices are packed for its kernels some rows at a time, so that no matrix is in
    /// memory twice. They may be packed already. Other devices use the tensors as they are.
    ///
    /// # Shapes
    ///
    /// - `rows`: `[rows.len(), columns]`
    ///
    /// # Errors
    ///
    /// Whatever `rows` returns.
    ///
    /// # Panics
    ///
    /// `rows` returns something packed for another device than the CPU or for a vector, or packed
    /// parts of one matrix in different formats.
    #[expect(
        clippy::type_complexity,
        reason = "a named type would hide the arguments of the function"
    )]
    pub fn from_rows<E>(
        config: ModelConfig,
        precision: Precision,
        device: &Device,
        rows: &mut dyn FnMut(&str, &[usize], Range<usize>) -> Result<Rows, E>,
    ) -> Result<Self, E> {
        let mut dtype = DType::F32;
        let mut take = |spec: TensorSpec| {
            let mut read = |needed| rows(&spec.name, &spec.shape, needed);
            if let [count, _, _] = spec.shape[..] {
                let convolution = read(0..count)?.floats();
                return Ok(Weight::Tensor(if kernels::is_cpu(device) {
                    convolution.cast(DType::F32)
                } else {
                    convolution
                }));
            }
            let [count, width] = spec.shape[..] else {
                let row = read(0..1)?.floats();
                let row = match spec.rows.clone() {
                    Some(part) => row.narrow(1, part.start, part.len()),
                    None => row,
                };
                return Ok(Weight::vector(row, spec.offset));
            };
            let needed = spec.rows.clone().unwrap_or(0..count);
            if !kernels::is_cpu(device) {
                let weight = read(needed)?.floats().transpose();
                dtype = weight.dtype();
                return Ok(Weight::Tensor(weight));
            }
            let format = if spec.exact {
                Some(Format::F32)
            } else {
                precision.format()
            };
            let bands = needed.clone().step_by(band(width));
            let mut bands = bands.map(|start| {
                let rows = read(start..needed.end.min(start + band(width)))?;
                Ok(rows.pack(format))
            });
            let first = bands.next().expect("a matrix has rows")?;
            let mut matrix = Matrix::empty(first.format(), [width, needed.len()]);
            matrix.append(first);
            for band in bands {
                matrix.append(band?);
            }
            Ok(Weight::Matrix(matrix.into()))
        };
        let weights = ModelWeights::assemble(&config, &mut take)?;
        Ok(Self::from_weights(config, weights, device.clone(), dtype))
    }

    fn from_weights(
        config: ModelConfig,
        weights: ModelWeights<Weight>,
        device: Device,
        dtype: DType,
    ) -> Self {
        Self {
            config,
            unembedding: weights
                .lm_head
                .unwrap_or_else(|| weights.embed_tokens.clone()),
            embed_tokens: weights.embed_tokens,
            layers: weights.layers,
            norm: weights.norm,
            device,
            dtype,
        }
    }

    /// Name and shape of every tensor that a model needs from its checkpoint, in the order in which
    /// [`Self::from_tensors`] asks for them.
    pub fn tensor_shapes(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
        let mut tensors: Vec<(String, Vec<usize>)> = vec![];
        let Ok(_) = ModelWeights::assemble(config, &mut |spec: TensorSpec| {
            if tensors.last().is_none_or(|(name, _)| *name != spec.name) {
                tensors.push((spec.name, spec.shape));
            }
            Ok::<_, Infallible>(())
        });
        tensors
    }
}

fn assert_shape(spec: &TensorSpec, [rows, columns]: [usize; 2]) {
    let fits = match spec.shape[..] {
        [n] => [1, n] == [rows, columns],
        [n, 1, width] => [n, width] == [rows, columns],
        _ => spec.shape == [rows, columns],
    };
    let TensorSpec { name, shape, .. } = spec;
    assert!(
        fits,
        "tensor `{name}` has shape [{rows}, {columns}], not {shape:?}"
    );
}

/// How many rows of `width` numbers are read and packed at a time: whole panels of about a million
/// numbers.
fn band(width: usize) -> usize {
    ((1 << 20) / (width * PANEL_WIDTH)).max(1) * PANEL_WIDTH
}

/// The tensors of a model. `T` is `()` where only names and shapes are asked for.
struct ModelWeights<T> {
    embed_tokens: T,
    layers: Vec<Layer<T>>,
    norm: RmsNorm<T>,
    lm_head: Option<T>,
}

impl<T> ModelWeights<T> {
    fn assemble<E>(
        config: &ModelConfig,
        take: &mut dyn FnMut(TensorSpec) -> Result<T, E>,
    ) -> Result<Self, E> {
        let names = config.architecture.names;
        let matrix = |name: String| TensorSpec {
            name: name + ".weight",
            shape: vec![config.vocab_size, config.hidden_size],
            rows: None,
            offset: 0.0,
            exact: false,
        };
        let embed_tokens = take(matrix(format!("{}.embed_tokens", names.decoder)))?;
        let lm_head = (!config.tie_word_embeddings).then(|| take(matrix(names.lm_head.to_owned())));
        let lm_head = lm_head.transpose()?;
        let layers = (0..config.num_hidden_layers)
            .map(|index| Layer::assemble(config, index, take))
            .collect::<Result<_, E>>()?;
        let norm = RmsNorm::assemble(
            config,
            format!("{}.norm", names.decoder),
            config.hidden_size,
            take,
        )?;
        Ok(Self {
            embed_tokens,
            layers,
            norm,
            lm_head,
        })
    }
}
