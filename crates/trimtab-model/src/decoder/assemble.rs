//! How a model is made of the tensors of a checkpoint.

use std::convert::Infallible;
use std::ops::Range;

use burn::tensor::{DType, Device, Tensor};
use trimtab_kernels::{self as kernels, Format, Matrix};

use super::Model;
use crate::config::ModelConfig;
use crate::layer::{Layer, RmsNorm, TensorSpec};
use crate::precision::Precision;
use crate::weight::Weight;

/// How [`Model::from_rows`] asks for the rows of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// As a tensor on the device of the model.
    Tensor,
    /// As a matrix for the CPU in that format, or without one in that of the checkpoint. A tensor
    /// will do; it is packed.
    Matrix(Option<Format>),
}

/// Rows of a tensor of a checkpoint; a vector is one row.
#[derive(Debug)]
pub enum Rows {
    /// `[rows, columns]`
    Tensor(Tensor<2>),
    /// The columns are the inputs of the matrix, the rows its outputs.
    Matrix(Matrix),
}

impl From<Tensor<2>> for Rows {
    fn from(rows: Tensor<2>) -> Self {
        Self::Tensor(rows)
    }
}

impl Rows {
    fn tensor(self) -> Tensor<2> {
        match self {
            Self::Tensor(rows) => rows,
            Self::Matrix(_) => panic!("a tensor was wanted"),
        }
    }

    fn matrix(self, format: Option<Format>) -> Matrix {
        match self {
            Self::Matrix(matrix) => matrix,
            Self::Tensor(rows) => kernels::pack(format.unwrap_or(Format::F32), rows.transpose()),
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
    /// On the CPU, matrices are packed for its kernels. Other devices use the tensors as they are.
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
    /// `rows` returns a matrix where a tensor is wanted.
    #[expect(
        clippy::type_complexity,
        reason = "a named type would hide the arguments of the function"
    )]
    pub fn from_rows<E>(
        config: ModelConfig,
        precision: Precision,
        device: &Device,
        rows: &mut dyn FnMut(&str, &[usize], Range<usize>, Wanted) -> Result<Rows, E>,
    ) -> Result<Self, E> {
        let mut dtype = DType::F32;
        let mut take = |spec: TensorSpec| {
            let mut read = |needed, wanted| rows(&spec.name, &spec.shape, needed, wanted);
            if let [count, _, _] = spec.shape[..] {
                let convolution = read(0..count, Wanted::Tensor)?.tensor();
                return Ok(Weight::Tensor(if kernels::is_cpu(device) {
                    convolution.cast(DType::F32)
                } else {
                    convolution
                }));
            }
            let [count, _] = spec.shape[..] else {
                let row = read(0..1, Wanted::Tensor)?.tensor();
                let row = match spec.rows.clone() {
                    Some(part) => row.narrow(1, part.start, part.len()),
                    None => row,
                };
                return Ok(Weight::vector(row, spec.offset));
            };
            let needed = spec.rows.clone().unwrap_or(0..count);
            if !kernels::is_cpu(device) {
                let weight = read(needed, Wanted::Tensor)?.tensor().transpose();
                dtype = weight.dtype();
                return Ok(Weight::Tensor(weight));
            }
            let format = spec.format(precision);
            let matrix = read(needed, Wanted::Matrix(format))?.matrix(format);
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

    /// Number of parameters of a model.
    pub fn num_parameters(config: &ModelConfig) -> usize {
        let shapes = Self::tensor_shapes(config).into_iter();
        let counts = shapes.map(|(_, shape)| shape.iter().product::<usize>());
        counts.sum()
    }

    /// Bytes that the weights of a model take on the CPU.
    ///
    /// `stored` is the format of a matrix in the checkpoint, for [`Precision::File`].
    pub fn weight_bytes(
        config: &ModelConfig,
        precision: Precision,
        stored: impl Fn(&str) -> Option<Format>,
    ) -> usize {
        let mut bytes = 0;
        let Ok(_) = ModelWeights::assemble(config, &mut |spec: TensorSpec| {
            let part = |all: usize| spec.rows.as_ref().map_or(all, ExactSizeIterator::len);
            bytes += if let [rows, columns] = spec.shape[..] {
                let format = spec.format(precision).or_else(|| stored(&spec.name));
                let format = format.unwrap_or(Format::F32);
                format.packed_bytes([columns, part(rows)])
            } else {
                size_of::<f32>() * part(spec.shape.iter().product())
            };
            Ok::<_, Infallible>(())
        });
        bytes
    }
}

impl TensorSpec {
    /// The format of a matrix on the CPU, unless it is that of the checkpoint.
    fn format(&self, precision: Precision) -> Option<Format> {
        if self.exact {
            Some(Format::F32)
        } else {
            precision.format()
        }
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
