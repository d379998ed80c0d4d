//! The parameters of an adapter on a device, and their gradients.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;

use burn::tensor::{Device, Gradients, Tensor};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, ModelConfig, Precision, Site};

use crate::action::Actions;
use crate::form::{Form, on_device};

/// The parameters of an [`Adapter`](crate::Adapter) on a device, in f32.
#[derive(Clone, Debug)]
pub struct DeviceAdapter {
    form: Form,
    config: ModelConfig,
    parameters: Vec<Tensor<2>>,
    constant: Option<Tensor<2>>,
}

impl DeviceAdapter {
    pub(crate) fn new<'a>(
        form: Form,
        config: ModelConfig,
        parameters: impl Iterator<Item = &'a HostTensor>,
        constant: Option<&HostTensor>,
        device: &Device,
    ) -> Self {
        let parameter = |tensor: &HostTensor| {
            let tensor = on_device(tensor, device);
            if device.is_autodiff() {
                tensor.require_grad()
            } else {
                tensor
            }
        };
        Self {
            form,
            config,
            parameters: parameters.map(parameter).collect(),
            constant: constant.map(|tensor| on_device(tensor, device)),
        }
    }

    /// The model to steer: `base` itself, or under full tuning a model of the parameters in the
    /// dtype of `base`.
    ///
    /// # Panics
    ///
    /// Under full tuning, if `base` has another configuration than the adapter.
    pub fn model(&self, base: &Model) -> Model {
        if !self.replaces_weights() {
            return base.clone();
        }
        self.assert_fits(base);
        let mut parameters = self.parameters.iter();
        let Ok(model) = Model::from_tensors(base.config.clone(), &mut |_, _| {
            let parameter = parameters.next().expect("one parameter for each tensor");
            Ok::<_, Infallible>(parameter.clone().cast(base.dtype()))
        });
        model
    }

    /// As [`Self::model`], faster, and without gradients.
    ///
    /// Under full tuning its weights are packed, on the CPU as f32, so sampling computes what
    /// training computes.
    ///
    /// # Panics
    ///
    /// As [`Self::model`].
    pub fn inference_model(&self, base: &Model) -> Model {
        if !self.replaces_weights() {
            return base.clone();
        }
        self.assert_fits(base);
        let names = Model::tensor_shapes(&base.config).into_iter();
        let parameters: HashMap<String, &Tensor<2>> =
            names.map(|(name, _)| name).zip(&self.parameters).collect();
        let rows = &mut |name: &str, _: &[usize], rows: Range<usize>, _| {
            let rows = parameters[name].clone().narrow(0, rows.start, rows.len());
            Ok::<_, Infallible>(rows.cast(base.dtype()).into())
        };
        let (config, device) = (base.config.clone(), self.device());
        let Ok(model) = Model::from_rows(config, Precision::F32, &device, rows);
        model
    }

    /// Whether the parameters are the weights of the model (full tuning). Then [`Self::model`] is
    /// not the base, and the steering adds nothing.
    pub fn replaces_weights(&self) -> bool {
        matches!(self.form, Form::Full(_))
    }

    /// New leaf tensors that require gradients, on the autodiff side of the device. Values are
    /// shared, not copied.
    ///
    /// Each backward pass needs leaves of its own, and its own [`Self::model`] of them, because it
    /// consumes the graph that they belong to.
    #[must_use]
    pub fn with_grad(&self) -> Self {
        let mut adapter = self.on_autodiff();
        for tensor in &mut adapter.parameters {
            tensor.inplace(Tensor::require_grad);
        }
        adapter
    }

    /// The same values on the autodiff side of the device, not copied, without gradients.
    #[must_use]
    pub fn on_autodiff(&self) -> Self {
        let lift = |tensor: &Tensor<2>| {
            if tensor.device().is_autodiff() {
                Tensor::from_inner(tensor.clone().inner())
            } else {
                tensor.clone().autodiff()
            }
        };
        Self {
            parameters: self.parameters.iter().map(lift).collect(),
            constant: self.constant.as_ref().map(lift),
            ..self.clone()
        }
    }

    /// The gradient of each parameter, row-major; zeros for one that the loss does not depend on.
    pub fn grads(&self, grads: &Gradients) -> Vec<Vec<f32>> {
        let mut sums = self.zero_grads();
        self.add_grads(grads, &mut sums);
        sums
    }

    /// A gradient of zero for each parameter.
    pub fn zero_grads(&self) -> Vec<Vec<f32>> {
        let zeros = |parameter: &Tensor<2>| vec![0.0; parameter.dims().iter().product()];
        self.parameters.iter().map(zeros).collect()
    }

    /// Adds the gradient of each parameter, row-major, to `sums`.
    ///
    /// # Panics
    ///
    /// `sums` does not have the shape of [`Self::zero_grads`].
    pub fn add_grads(&self, grads: &Gradients, sums: &mut [Vec<f32>]) {
        assert_eq!(
            sums.len(),
            self.parameters.len(),
            "a sum for each parameter"
        );
        for (parameter, sum) in self.parameters.iter().zip(sums) {
            let Some(grad) = parameter.grad(grads) else {
                continue;
            };
            let grad: Vec<f32> = grad.try_into_vec_as().expect("gradients convert to f32");
            assert_eq!(sum.len(), grad.len(), "as many sums as values");
            for (sum, grad) in sum.iter_mut().zip(grad) {
                *sum += grad;
            }
        }
    }

    /// The plain vectors that do the same; see [`Adapter::plain_vectors`](crate::Adapter).
    pub(crate) fn vectors(&self) -> Option<(Site, Tensor<2>)> {
        let constant = self.constant.as_ref();
        self.form.vectors(&self.config, &self.parameters, constant)
    }

    pub(crate) fn actions(&self) -> Actions {
        let constant = self.constant.as_ref();
        self.form.actions(&self.config, &self.parameters, constant)
    }

    pub(crate) fn device(&self) -> Device {
        self.parameters[0].device()
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    fn assert_fits(&self, base: &Model) {
        assert!(
            base.config == self.config,
            "the base is the model that the adapter was made for"
        );
    }
}
