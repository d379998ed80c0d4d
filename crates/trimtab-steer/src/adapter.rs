//! A form with its parameters in main memory.

use burn::tensor::{Device, FloatDType};
use trimtab_model::checkpoint_weights::{CheckpointWeights, WeightsError};
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, ModelConfig, Site};

use crate::device_adapter::DeviceAdapter;
use crate::form::{Form, FormError, Full, NamedTensor};

/// A [`Form`] with its parameters in main memory.
///
/// A training step is the same for every form:
///
/// ```no_run
/// # use trimtab_model::{Hook, Model};
/// # use trimtab_steer::{Adapter, Form, FormError};
/// # use burn::tensor::Tensor;
/// fn loss(model: &Model, hook: Hook) -> Tensor<1> {
///     let (resid_post, _) = model.prefill(&[&[1, 2, 3]], Some(hook));
///     -model.logprobs(resid_post, &[2, 3, 4], 1.0).sum()
/// }
///
/// # fn step(base: &Model) -> Result<(), FormError> {
/// let base = base.autodiff();
/// let mut adapter = Adapter::init(Form::default(), &base.config)?;
/// let on_device = adapter.to_device(&base.device());
/// let model = on_device.model(&base);
/// let grads = on_device.grads(&loss(&model, &on_device.to_steering()).backward());
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
    parameters: Vec<NamedTensor>,
    /// Fixed values that follow from the form.
    constant: Option<HostTensor>,
}

impl Adapter {
    /// An untrained adapter. It changes nothing: the steered model is the base, to the bit.
    ///
    /// # Errors
    ///
    /// The form does not fit the model, or it is full tuning, which needs [`Self::full`].
    pub fn init(form: Form, config: &ModelConfig) -> Result<Self, FormError> {
        let parameters = form.init(config)?;
        if matches!(form, Form::Full(_)) {
            return Err(FormError::NeedsWeights);
        }
        Ok(Self::with(form, config, parameters))
    }

    /// Full tuning that starts from the weights of a checkpoint, as f32.
    ///
    /// # Errors
    ///
    /// The checkpoint lacks a tensor or cannot be read.
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

    /// An adapter with parameters that were trained before, with the names and in the order of
    /// [`Self::parameters`].
    ///
    /// # Errors
    ///
    /// The form does not fit the model, names or shapes are not those of the form, or a value is
    /// not finite.
    pub fn from_parameters(
        form: Form,
        config: &ModelConfig,
        parameters: Vec<(String, HostTensor)>,
    ) -> Result<Self, FormError> {
        let listed = |parameters: &[NamedTensor]| {
            let shown = parameters
                .iter()
                .map(|(name, tensor)| format!("{name} {:?}", tensor.shape));
            shown.collect::<Vec<_>>().join(", ")
        };
        let (found, expected) = (listed(&parameters), listed(&form.init(config)?));
        let is_whole =
            |(_, tensor): &NamedTensor| tensor.data.len() == tensor.shape.iter().product::<usize>();
        if found != expected || !parameters.iter().all(is_whole) {
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

    fn with(form: Form, config: &ModelConfig, parameters: Vec<NamedTensor>) -> Self {
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

    /// The parameters, by name.
    pub fn parameters(&self) -> &[(String, HostTensor)] {
        &self.parameters
    }

    /// The values of each parameter, row-major, for an optimiser to update in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Vec<f32>> {
        self.parameters
            .iter_mut()
            .map(|(_, tensor)| &mut tensor.data)
    }

    /// The layers that each parameter belongs to, in the order of [`Self::parameters`].
    ///
    /// A parameter consists of as many parts of equal length as its list is long, one after the
    /// other, and entry `i` is the layer of part `i`. It is `None` for a part that layers share,
    /// such as the second factor of `low_rank` or an embedding.
    pub fn part_layers(&self) -> Vec<Vec<Option<usize>>> {
        self.form.part_layers(&self.config)
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.parameters
            .iter()
            .map(|(_, tensor)| tensor.data.len())
            .sum()
    }

    /// Copies the parameters to a device. On an autodiff device they require gradients.
    pub fn to_device(&self, device: &Device) -> DeviceAdapter {
        DeviceAdapter::new(
            self.form.clone(),
            self.config.clone(),
            self.parameters.iter().map(|(_, tensor)| tensor),
            self.constant.as_ref(),
            device,
        )
    }

    /// The plain vectors, `[num_hidden_layers, width]`, that do the same as the adapter, and the
    /// site where they are added. `None` for gated vectors, LoRA and full tuning.
    pub fn plain_vectors(&self) -> Option<(Site, HostTensor)> {
        let (site, vectors) = self.to_device(&Device::flex()).vectors()?;
        let shape = vectors.dims().to_vec();
        let data = vectors.try_into_vec_as().expect("computed in f32");
        Some((site, HostTensor { shape, data }))
    }
}
