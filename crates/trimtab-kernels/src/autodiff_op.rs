//! Makes an operation on slices one on tensors, with a gradient.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Tensor, TensorData};
use burn_flex::FlexTensor;

/// A differentiable function of `N` f32 tensors.
pub(crate) trait AutodiffOp<const N: usize>: Debug + Send + Sync + 'static {
    /// Shape of the output.
    fn shape(&self) -> Vec<usize>;

    /// The output.
    fn forward(&self, inputs: [&[f32]; N]) -> Vec<f32>;

    /// As [`Self::forward`], and saves what [`Self::backward`] needs besides the inputs.
    ///
    /// Called once, instead of [`Self::forward`], if an input requires a gradient.
    fn forward_and_save(&self, inputs: [&[f32]; N]) -> Vec<f32> {
        self.forward(inputs)
    }

    /// The gradients with respect to the inputs, given that with respect to the output.
    ///
    /// The inputs are empty unless [`Self::saves_inputs`].
    fn backward(&self, inputs: [&[f32]; N], gradient: &[f32]) -> [Vec<f32>; N];

    /// The index of an input whose gradient is that of the output.
    ///
    /// [`Self::backward`] returns an empty vector for it.
    fn identity_input(&self) -> Option<usize> {
        None
    }

    /// Whether [`Self::backward`] needs the inputs, which are then kept until it runs.
    fn saves_inputs(&self) -> bool {
        true
    }
}

/// Runs `op` on a CPU tensor.
pub(crate) fn apply1<const A: usize, const D: usize>(
    x: Tensor<A>,
    op: impl AutodiffOp<1>,
) -> Tensor<D> {
    let op: Op1 = Arc::new(op);
    Tensor::from_dispatch(<Dispatch as AutodiffOps>::op1(x.into_dispatch(), op))
}

/// Runs `op` on two CPU tensors.
pub(crate) fn apply2<const A: usize, const D: usize>(
    [x, y]: [Tensor<A>; 2],
    op: impl AutodiffOp<2>,
) -> Tensor<D> {
    let op: Op2 = Arc::new(op);
    Tensor::from_dispatch(<Dispatch as AutodiffOps>::op2(
        x.into_dispatch(),
        y.into_dispatch(),
        op,
    ))
}

/// Runs `op` on three CPU tensors.
pub(crate) fn apply3<const A: usize, const D: usize>(
    [x, y, z]: [Tensor<A>; 3],
    op: impl AutodiffOp<3>,
) -> Tensor<D> {
    let [x, y, z] = [x, y, z].map(Tensor::into_dispatch);
    let op: Op3 = Arc::new(op);
    Tensor::from_dispatch(<Dispatch as AutodiffOps>::op3(x, y, z, op))
}

/// Runs `op` on five CPU tensors.
pub(crate) fn apply5<const A: usize, const D: usize>(
    inputs: [Tensor<A>; 5],
    op: impl AutodiffOp<5>,
) -> Tensor<D> {
    let [q, k, v, keys, values] = inputs.map(Tensor::into_dispatch);
    let op: Op5 = Arc::new(op);
    Tensor::from_dispatch(<Dispatch as AutodiffOps>::op5(q, k, v, keys, values, op))
}

type Op1 = Arc<dyn AutodiffOp<1>>;
type Op2 = Arc<dyn AutodiffOp<2>>;
type Op3 = Arc<dyn AutodiffOp<3>>;
type Op5 = Arc<dyn AutodiffOp<5>>;

/// One operation for each number of inputs.
#[backend_extension(Flex, Autodiff)]
trait AutodiffOps: Backend {
    fn op1(x: FloatTensor<Self>, op: Op1) -> FloatTensor<Self>;
    fn op2(x: FloatTensor<Self>, y: FloatTensor<Self>, op: Op2) -> FloatTensor<Self>;
    fn op3(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        z: FloatTensor<Self>,
        op: Op3,
    ) -> FloatTensor<Self>;
    fn op5(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        op: Op5,
    ) -> FloatTensor<Self>;
}

impl AutodiffOps for Flex {
    fn op1(x: FlexTensor, op: Op1) -> FlexTensor {
        forward(&[x], &*op)
    }

    fn op2(x: FlexTensor, y: FlexTensor, op: Op2) -> FlexTensor {
        forward(&[x, y], &*op)
    }

    fn op3(x: FlexTensor, y: FlexTensor, z: FlexTensor, op: Op3) -> FlexTensor {
        forward(&[x, y, z], &*op)
    }

    fn op5(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        keys: FlexTensor,
        values: FlexTensor,
        op: Op5,
    ) -> FlexTensor {
        forward(&[q, k, v, keys, values], &*op)
    }
}

impl<C: CheckpointStrategy> AutodiffOps for Autodiff<Flex, C> {
    fn op1(x: FloatTensor<Self>, op: Op1) -> FloatTensor<Self> {
        record::<C, 1>([x], op)
    }

    fn op2(x: FloatTensor<Self>, y: FloatTensor<Self>, op: Op2) -> FloatTensor<Self> {
        record::<C, 2>([x, y], op)
    }

    fn op3(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        z: FloatTensor<Self>,
        op: Op3,
    ) -> FloatTensor<Self> {
        record::<C, 3>([x, y, z], op)
    }

    fn op5(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        op: Op5,
    ) -> FloatTensor<Self> {
        record::<C, 5>([q, k, v, keys, values], op)
    }
}

fn forward<const N: usize>(inputs: &[FlexTensor; N], op: &dyn AutodiffOp<N>) -> FlexTensor {
    let slices = inputs.each_ref().map(contiguous);
    let output = op.forward(slices.each_ref().map(|input| &input[..]));
    tensor(output, op.shape())
}

fn record<C: CheckpointStrategy, const N: usize>(
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
    op: Arc<dyn AutodiffOp<N>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs
        .each_ref()
        .map(FloatTensor::<Autodiff<Flex, C>>::node);
    let inputs = inputs.map(FloatTensor::<Autodiff<Flex, C>>::into_primitive);
    match OpBackward.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::UnTracked(prepared) => prepared.finish(forward(&inputs, &*op)),
        OpsKind::Tracked(prepared) => {
            let slices = inputs.each_ref().map(contiguous);
            let output = op.forward_and_save(slices.each_ref().map(|input| &input[..]));
            drop(slices);
            let result = tensor(output, op.shape());
            let shapes = inputs
                .each_ref()
                .map(|input| input.layout().shape().to_vec());
            let inputs = op.saves_inputs().then_some(inputs);
            prepared.finish(SavedState { op, inputs, shapes }, result)
        }
    }
}

/// The backward pass of every [`AutodiffOp`].
#[derive(Debug)]
struct OpBackward;

/// What an [`AutodiffOp`] needs for its gradient.
#[derive(Clone, Debug)]
struct SavedState<const N: usize> {
    op: Arc<dyn AutodiffOp<N>>,
    inputs: Option<[FlexTensor; N]>,
    /// The shapes of the inputs.
    shapes: [Vec<usize>; N],
}

impl<const N: usize> Backward<Flex, N> for OpBackward {
    type State = SavedState<N>;

    fn backward(self, ops: Ops<SavedState<N>, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let SavedState { op, inputs, shapes } = ops.state;
        let saved = inputs
            .as_ref()
            .map(|inputs| inputs.each_ref().map(contiguous));
        let slices = match &saved {
            Some(saved) => saved.each_ref().map(|input| &input[..]),
            None => [&[][..]; N],
        };
        let gradients = op.backward(slices, &contiguous(&gradient));
        let parts = ops.parents.into_iter().zip(gradients).zip(shapes);
        for (index, ((node, input_gradient), shape)) in parts.enumerate() {
            let Some(node) = node else { continue };
            let input_gradient = if op.identity_input() == Some(index) {
                gradient.clone()
            } else {
                tensor(input_gradient, shape)
            };
            grads.register::<Flex>(node.id, input_gradient);
        }
    }
}

/// The elements of a tensor in row-major order.
fn contiguous(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(output) => Cow::Borrowed(output),
        None => Cow::Owned(tensor.to_contiguous().storage::<f32>().to_vec()),
    }
}

fn tensor(output: Vec<f32>, shape: Vec<usize>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(output, shape))
}
