//! How an operation on slices becomes one on tensors, with a gradient.

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

/// A function of `N` tensors in f32 and its gradient.
pub(crate) trait AutodiffOp<const N: usize>: Debug + Send + Sync + 'static {
    /// Shape of the result.
    fn shape(&self) -> Vec<usize>;

    fn forward(&self, inputs: [&[f32]; N]) -> Vec<f32>;

    /// As [`Self::forward`], if a gradient will be asked for: keeps what [`Self::backward`] needs beside the inputs. Called once.
    fn forward_for_gradient(&self, inputs: [&[f32]; N]) -> Vec<f32> {
        self.forward(inputs)
    }

    /// Gradients with respect to the inputs, given that with respect to the result. Where [`Self::needs_inputs`] says no, the
    /// inputs are empty.
    fn backward(&self, inputs: [&[f32]; N], gradient: &[f32]) -> [Vec<f32>; N];

    /// The input whose gradient is that of the result, if there is one; [`Self::backward`] returns nothing for it.
    fn passes(&self) -> Option<usize> {
        None
    }

    /// Whether the gradient depends on the inputs, which are then kept until it is asked for.
    fn needs_inputs(&self) -> bool {
        true
    }
}

/// Runs `step` on a tensor of the CPU.
pub(crate) fn apply1<const A: usize, const D: usize>(
    x: Tensor<A>,
    step: impl AutodiffOp<1>,
) -> Tensor<D> {
    let step: Step1 = Arc::new(step);
    Tensor::from_dispatch(<Dispatch as Steps>::step1(x.into_dispatch(), step))
}

/// Runs `step` on two tensors of the CPU.
pub(crate) fn apply2<const A: usize, const D: usize>(
    [x, y]: [Tensor<A>; 2],
    step: impl AutodiffOp<2>,
) -> Tensor<D> {
    let step: Step2 = Arc::new(step);
    Tensor::from_dispatch(<Dispatch as Steps>::step2(
        x.into_dispatch(),
        y.into_dispatch(),
        step,
    ))
}

/// Runs `step` on three tensors of the CPU.
pub(crate) fn apply3<const A: usize, const D: usize>(
    [x, y, z]: [Tensor<A>; 3],
    step: impl AutodiffOp<3>,
) -> Tensor<D> {
    let [x, y, z] = [x, y, z].map(Tensor::into_dispatch);
    let step: Step3 = Arc::new(step);
    Tensor::from_dispatch(<Dispatch as Steps>::step3(x, y, z, step))
}

/// Runs `step` on five tensors of the CPU.
pub(crate) fn apply5<const A: usize, const D: usize>(
    inputs: [Tensor<A>; 5],
    step: impl AutodiffOp<5>,
) -> Tensor<D> {
    let [q, k, v, keys, values] = inputs.map(Tensor::into_dispatch);
    let step: Step5 = Arc::new(step);
    Tensor::from_dispatch(<Dispatch as Steps>::step5(q, k, v, keys, values, step))
}

type Step1 = Arc<dyn AutodiffOp<1>>;
type Step2 = Arc<dyn AutodiffOp<2>>;
type Step3 = Arc<dyn AutodiffOp<3>>;
type Step5 = Arc<dyn AutodiffOp<5>>;

/// One operation for each number of inputs.
#[backend_extension(Flex, Autodiff)]
trait Steps: Backend {
    fn step1(x: FloatTensor<Self>, step: Step1) -> FloatTensor<Self>;
    fn step2(x: FloatTensor<Self>, y: FloatTensor<Self>, step: Step2) -> FloatTensor<Self>;
    fn step3(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        z: FloatTensor<Self>,
        step: Step3,
    ) -> FloatTensor<Self>;
    fn step5(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        step: Step5,
    ) -> FloatTensor<Self>;
}

impl Steps for Flex {
    fn step1(x: FlexTensor, step: Step1) -> FlexTensor {
        forward(&[x], &*step)
    }

    fn step2(x: FlexTensor, y: FlexTensor, step: Step2) -> FlexTensor {
        forward(&[x, y], &*step)
    }

    fn step3(x: FlexTensor, y: FlexTensor, z: FlexTensor, step: Step3) -> FlexTensor {
        forward(&[x, y, z], &*step)
    }

    fn step5(
        q: FlexTensor,
        k: FlexTensor,
        v: FlexTensor,
        keys: FlexTensor,
        values: FlexTensor,
        step: Step5,
    ) -> FlexTensor {
        forward(&[q, k, v, keys, values], &*step)
    }
}

impl<C: CheckpointStrategy> Steps for Autodiff<Flex, C> {
    fn step1(x: FloatTensor<Self>, step: Step1) -> FloatTensor<Self> {
        record::<C, 1>([x], step)
    }

    fn step2(x: FloatTensor<Self>, y: FloatTensor<Self>, step: Step2) -> FloatTensor<Self> {
        record::<C, 2>([x, y], step)
    }

    fn step3(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        z: FloatTensor<Self>,
        step: Step3,
    ) -> FloatTensor<Self> {
        record::<C, 3>([x, y, z], step)
    }

    fn step5(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        keys: FloatTensor<Self>,
        values: FloatTensor<Self>,
        step: Step5,
    ) -> FloatTensor<Self> {
        record::<C, 5>([q, k, v, keys, values], step)
    }
}

fn forward<const N: usize>(inputs: &[FlexTensor; N], step: &dyn AutodiffOp<N>) -> FlexTensor {
    let hosted = inputs.each_ref().map(host);
    let numbers = step.forward(hosted.each_ref().map(|input| &input[..]));
    tensor(numbers, step.shape())
}

fn record<C: CheckpointStrategy, const N: usize>(
    inputs: [FloatTensor<Autodiff<Flex, C>>; N],
    step: Arc<dyn AutodiffOp<N>>,
) -> FloatTensor<Autodiff<Flex, C>> {
    let nodes = inputs
        .each_ref()
        .map(FloatTensor::<Autodiff<Flex, C>>::node);
    let inputs = inputs.map(FloatTensor::<Autodiff<Flex, C>>::into_primitive);
    match Recorded.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::UnTracked(prepared) => prepared.finish(forward(&inputs, &*step)),
        OpsKind::Tracked(prepared) => {
            let hosted = inputs.each_ref().map(host);
            let numbers = step.forward_for_gradient(hosted.each_ref().map(|input| &input[..]));
            drop(hosted);
            let result = tensor(numbers, step.shape());
            let shapes = inputs
                .each_ref()
                .map(|input| input.layout().shape().to_vec());
            let inputs = step.needs_inputs().then_some(inputs);
            prepared.finish(
                SavedActivations {
                    step,
                    inputs,
                    shapes,
                },
                result,
            )
        }
    }
}

/// The backward pass of every [`Step`].
#[derive(Debug)]
struct Recorded;

/// What a step needs for its gradient.
#[derive(Clone, Debug)]
struct SavedActivations<const N: usize> {
    step: Arc<dyn AutodiffOp<N>>,
    inputs: Option<[FlexTensor; N]>,
    /// Of the inputs.
    shapes: [Vec<usize>; N],
}

impl<const N: usize> Backward<Flex, N> for Recorded {
    type State = SavedActivations<N>;

    fn backward(
        self,
        ops: Ops<SavedActivations<N>, N>,
        grads: &mut Gradients,
        _: &mut Checkpointer,
    ) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let SavedActivations {
            step,
            inputs,
            shapes,
        } = ops.state;
        let hosted = inputs.as_ref().map(|inputs| inputs.each_ref().map(host));
        let slices = match &hosted {
            Some(hosted) => hosted.each_ref().map(|input| &input[..]),
            None => [&[][..]; N],
        };
        let gradients = step.backward(slices, &host(&gradient));
        let parts = ops.parents.into_iter().zip(gradients).zip(shapes);
        for (index, ((node, own), shape)) in parts.enumerate() {
            let Some(node) = node else { continue };
            let own = if step.passes() == Some(index) {
                gradient.clone()
            } else {
                tensor(own, shape)
            };
            grads.register::<Flex>(node.id, own);
        }
    }
}

/// The numbers of a tensor, one row after the other.
fn host(tensor: &FlexTensor) -> Cow<'_, [f32]> {
    match tensor.as_slice::<f32>() {
        Some(numbers) => Cow::Borrowed(numbers),
        None => Cow::Owned(tensor.to_contiguous().storage::<f32>().to_vec()),
    }
}

fn tensor(numbers: Vec<f32>, shape: Vec<usize>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}
