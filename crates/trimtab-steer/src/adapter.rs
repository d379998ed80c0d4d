//! A form with its parameters: in main memory, and as leaves on a device.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;

use burn::tensor::{Device, FloatDType, Gradients, Tensor};
use trimtab_model::checkpoint_weights::{CheckpointWeights, WeightsError};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, ModelConfig, Precision, Site};

use crate::action::Actions;
use crate::form::{Form, FormError, Full, Parameter, on_device};
use crate::steering::Steering;
use crate::token_filter::TokenFilter;

/// A form with its parameters in main memory.
///
/// What a trainer does with it, whatever the form:
///
/// ```no_run
/// # use trimtab_model::Model;
/// # use trimtab_steer::{Adapter, Form};
/// fn loss(model: &Model, hook: trimtab_model::Hook) -> burn::tensor::Tensor<1> {
///     let (resid, _) = model.prefill(&[&[1, 2, 3]], Some(hook));
///     -model.logprobs(resid, &[2, 3, 4], 1.0).sum()
/// }
///
/// # fn step(base: &Model) -> Result<(), trimtab_steer::FormError> {
/// let base = base.autodiff();
/// let mut adapter = Adapter::init(Form::default(), &base.config)?;
/// let leaves = adapter.to_device(&base.device());
/// let model = leaves.model(&base);
/// let grads = leaves.grads(&loss(&model, &leaves.to_steering()).backward());
/// for (values, grad) in adapter.values_mut().zip(grads) {
///     for (value, grad) in values.iter_mut().zip(grad) {
///         *value -= 0.1 * grad;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter {
    form: Form,
    config: ModelConfig,
    parameters: Vec<Parameter>,
    /// Fixed numbers that follow from the form.
    constant: Option<HostTensor>,
}

impl Adapter {
    /// The form before training, when it changes nothing: the model under it is the base, to the bit.
    ///
    /// # Errors
    ///
    /// The form does not fit the model. Full tuning needs [`Self::full`].
    pub fn init(form: Form, config: &ModelConfig) -> Result<Self, FormError> {
        let parameters = form.initial(config)?;
        if matches!(form, Form::Full(_)) {
            return Err(FormError::NeedsWeights);
        }
        Ok(Self::with(form, config, parameters))
    }

    /// Full tuning that begins with the weights of a checkpoint, as f32.
    ///
    /// # Errors
    ///
    /// The checkpoint lacks a tensor, or cannot be read.
    pub fn full(config: &ModelConfig, weights: &CheckpointWeights) -> Result<Self, WeightsError> {
        let read = |(name, shape): (String, Vec<usize>)| {
            let tensor = weights.tensor(&name, FloatDType::F32, &Device::flex())?;
            let data = tensor.try_into_vec_as().expect("read as f32");
            Ok((name, HostTensor { shape, data }))
        };
        let parameters = Model::tensor_shapes(config).into_iter().map(read);
        let parameters = parameters.collect::<Result<_, WeightsError>>()?;
        Ok(Self::with(Form::Full(Full {}), config, parameters))
    }

    /// The form with parameters that were trained before, in the order and with the names of [`Self::parameters`].
    ///
    /// # Errors
    ///
    /// The form does not fit the model, names or shapes are not those of the form, or a value is not finite.
    pub fn from_parameters(
        form: Form,
        config: &ModelConfig,
        parameters: Vec<(String, HostTensor)>,
    ) -> Result<Self, FormError> {
        let listed = |parameters: &[Parameter]| {
            let shown = parameters
                .iter()
                .map(|(name, tensor)| format!("{name} {:?}", tensor.shape));
            shown.collect::<Vec<_>>().join(", ")
        };
        let (found, expected) = (listed(&parameters), listed(&form.initial(config)?));
        let whole =
            |(_, tensor): &Parameter| tensor.data.len() == tensor.shape.iter().product::<usize>();
        if found != expected || !parameters.iter().all(whole) {
            return Err(FormError::Parameters { found, expected });
        }
        let damaged = parameters
            .iter()
            .find(|(_, tensor)| !tensor.data.iter().all(|value| value.is_finite()));
        if let Some((name, _)) = damaged {
            return Err(FormError::NonFiniteParameter { name: name.clone() });
        }
        Ok(Self::with(form, config, parameters))
    }

    fn with(form: Form, config: &ModelConfig, parameters: Vec<Parameter>) -> Self {
        Self {
            constant: form.constant(config),
            form,
            config: config.clone(),
            parameters,
        }
    }

    /// The form.
    pub fn form(&self) -> &Form {
        &self.form
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// What is trained, by name.
    pub fn parameters(&self) -> &[(String, HostTensor)] {
        &self.parameters
    }

    /// The numbers of each parameter, row-major, to be changed in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.parameters
            .iter_mut()
            .map(|(_, tensor)| &mut tensor.data)
    }

    /// The layers that parts of each parameter belong to, in the order of [`Self::parameters`]: a parameter is cut into as many parts of
    /// equal length as its list is long. `None` for a part that layers share, such as the second factor of `low_rank` or an
    /// embedding.
    pub fn layers_of_parts(&self) -> Vec<Vec<Option<usize>>> {
        self.form.layers_of_parts(&self.config)
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.parameters
            .iter()
            .map(|(_, tensor)| tensor.data.len())
            .sum()
    }

    /// The parameters on a device; on the differentiating side of one, they ask for gradients.
    pub fn to_device(&self, device: &Device) -> DeviceAdapter {
        let leaf = |(_, tensor): &Parameter| {
            let tensor = on_device(tensor, device);
            if device.is_autodiff() {
                tensor.require_grad()
            } else {
                tensor
            }
        };
        DeviceAdapter {
            form: self.form.clone(),
            config: self.config.clone(),
            tensors: self.parameters.iter().map(leaf).collect(),
            constant: self
                .constant
                .as_ref()
                .map(|tensor| on_device(tensor, device)),
        }
    }

    /// The plain vectors, `[num_hidden_layers, width]`, that do the same, and the site where they are added. `None` for forms that are no vectors:
    /// gated ones, LoRA and full tuning.
    pub fn materialise(&self) -> Option<(Site, HostTensor)> {
        let leaves = self.to_device(&Device::flex());
        let constant = leaves.constant.as_ref();
        let (site, matrix) = self.form.matrix(&self.config, &leaves.tensors, constant)?;
        let shape = matrix.dims().to_vec();
        let data = matrix.try_into_vec_as().expect("computed in f32");
        Some((site, HostTensor { shape, data }))
    }
}

/// The parameters of an [`Adapter`] on a device, in f32.
#[derive(Clone, Debug)]
pub struct DeviceAdapter {
    form: Form,
    config: ModelConfig,
    tensors: Vec<Tensor<2>>,
    constant: Option<Tensor<2>>,
}

impl DeviceAdapter {
    /// What acts on a model, at every token. See [`Steering::new`] for less than that, and for several adapters at once.
    pub fn to_steering(&self) -> Steering {
        let everywhere = vec![(self.clone(), TokenFilter::default())];
        Steering::new(everywhere, crate::Conflict::Sum).expect("one set without conditions")
    }

    /// The model that the intervention acts on: `base`, or under full tuning a model of the parameters in its number format.
    pub fn model(&self, base: &Model) -> Model {
        if !self.is_model() {
            return base.clone();
        }
        let mut leaves = self.tensors.iter();
        let Ok(model) = Model::from_tensors(base.config.clone(), &mut |_, _| {
            let leaf = leaves.next().expect("one leaf for each tensor");
            Ok::<_, Infallible>(leaf.clone().cast(base.dtype()))
        });
        model
    }

    /// Whether the parameters are a model of their own, so that [`Self::model`] is another one than the base.
    pub fn is_model(&self) -> bool {
        matches!(self.form, Form::Full(_))
    }

    /// The same as [`Self::model`], faster, for parameters that ask for no gradient: under full tuning its weights are packed, on
    /// the CPU as f32, so that sampling computes what training does.
    pub fn frozen(&self, base: &Model) -> Model {
        if !self.is_model() {
            return base.clone();
        }
        let names = Model::tensor_shapes(&base.config).into_iter();
        let leaves: HashMap<String, &Tensor<2>> =
            names.map(|(name, _)| name).zip(&self.tensors).collect();
        let rows = &mut |name: &str, _: &[usize], rows: Range<usize>| {
            let rows = leaves[name].clone().narrow(0, rows.start, rows.len());
            Ok::<_, Infallible>(rows.cast(base.dtype()))
        };
        let (config, device) = (base.config.clone(), self.device());
        let Ok(model) = Model::from_rows(config, Precision::F32, &device, rows);
        model
    }

    /// The same numbers, not copied, as leaves of their own on the differentiating side of their device. What back-propagation passes it forgets,
    /// so each backward pass needs leaves of its own, and a [`Self::model`] of them.
    #[must_use]
    pub fn with_grad(&self) -> Self {
        let mut on_autodiff = self.on_autodiff();
        for tensor in &mut on_autodiff.tensors {
            tensor.inplace(Tensor::require_grad);
        }
        on_autodiff
    }

    /// The same numbers, not copied, on the differentiating side of their device, asking for no gradient.
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
            tensors: self.tensors.iter().map(lift).collect(),
            constant: self.constant.as_ref().map(lift),
            ..self.clone()
        }
    }

    /// The gradient of each parameter, row-major; zeros for one that the loss does not depend on.
    pub fn grads(&self, grads: &Gradients) -> Vec<Vec<f32>> {
        let mut sums = self.zeros();
        self.add_grads(grads, &mut sums);
        sums
    }

    /// As many zeros as each parameter has numbers.
    pub fn zeros(&self) -> Vec<Vec<f32>> {
        let zeros = |leaf: &Tensor<2>| vec![0.0; leaf.dims().iter().product()];
        self.tensors.iter().map(zeros).collect()
    }

    /// Adds the gradient of each parameter, row-major, to `sums`, which begin as [`Self::zeros`].
    pub fn add_grads(&self, grads: &Gradients, sums: &mut [Vec<f32>]) {
        for (leaf, sum) in self.tensors.iter().zip(sums) {
            let Some(grad) = leaf.grad(grads) else {
                continue;
            };
            let grad: Vec<f32> = grad.try_into_vec_as().expect("gradients convert to f32");
            for (sum, grad) in sum.iter_mut().zip(grad) {
                *sum += grad;
            }
        }
    }

    pub(crate) fn actions(&self) -> Actions {
        let constant = self.constant.as_ref();
        self.form.actions(&self.config, &self.tensors, constant)
    }

    /// Where the parameters are.
    pub(crate) fn device(&self) -> Device {
        self.tensors[0].device()
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }
}
