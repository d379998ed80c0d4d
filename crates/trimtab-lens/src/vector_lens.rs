//! Which tokens the vectors of a model raise and lower, and whether random ones would.

mod measured;

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Model, Site};
use trimtab_steer::algebra;
use trimtab_steer::effect::{EffectError, batches, check_texts};

use crate::ranking::{largest, smallest};
use crate::readout::{NormDerivative, Readout, ReadoutKind, standardise};
use crate::significance::{NullStatistics, Statistics, cosine_p_value};
use crate::token_groups::{TokenGroup, Vocabulary};

/// How a vector `s_l` becomes changes of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// `W_U s_l`, as in section 4 of arXiv:2505.18706.
    Unembedding,
    /// The derivative of `W_U norm(r)` along `s_l`, where `norm` is the final norm and `r` the mean
    /// residual stream of the prompts at the vector's layer.
    Linearised,
    /// The mean of `W_U (norm(r_t + s_l) - norm(r_t))` over the tokens `t` of the prompts, with
    /// their residual streams `r_t` at the vector's layer.
    SameLayer,
    /// The mean change of the model's own logits over the tokens of the prompts when this vector
    /// alone is added.
    LastLayer,
}

impl Reading {
    /// All readings, from the cheapest to the most telling.
    pub const ALL: [Self; 4] = [
        Self::Unembedding,
        Self::Linearised,
        Self::SameLayer,
        Self::LastLayer,
    ];

    /// The name in flags and files: `unembedding`, `linearised` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unembedding => "unembedding",
            Self::Linearised => "linearised",
            Self::SameLayer => "same_layer",
            Self::LastLayer => "last_layer",
        }
    }
}

/// What the vector of one layer does, by one reading.
///
/// Logits are changes in nats before the cap of some families, minus their mean over the
/// vocabulary: what is added to all logits alike changes no probability.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerReading {
    /// The layer after which the vector is added.
    pub layer: usize,
    /// How it was read.
    pub reading: Reading,
    /// The length of the vector.
    pub norm: f32,
    /// The tokens whose logits rise most, strongest first.
    pub promoted: TokenList,
    /// The tokens whose logits fall most, strongest first.
    pub suppressed: TokenList,
    /// Groups of tokens.
    pub groups: Vec<GroupEffect>,
}

/// Tokens with their effects.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenList {
    /// Probability that the list of a random direction of the same length is as strong: the mean
    /// `z` of its tokens.
    pub p_value: f64,
    /// The same for the vectors of the other layers, put into this one. `None` where the reading
    /// does not depend on the layer, or if no other layer has a vector.
    pub p_shuffled: Option<f64>,
    /// The tokens.
    pub tokens: Vec<TokenEffect>,
}

/// What a vector does to the logit of one token.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenEffect {
    /// The text.
    pub token: String,
    /// The id.
    pub id: u32,
    /// The change of its logit, in nats.
    pub logit: f32,
    /// The change divided by its standard deviation among random directions of the same length. For
    /// the linear readings this is `sqrt(hidden_size)` times the cosine.
    pub z: f32,
    /// Probability of such a change, or a larger one of either sign, from a random direction.
    pub p_value: f64,
    /// The same, corrected for the size of the vocabulary: that the random direction changes any
    /// token as much, measured by `z`.
    pub p_corrected: f64,
}

/// What a vector does to a group of tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupEffect {
    /// The name of the group.
    pub name: String,
    /// How many tokens it has.
    pub tokens: usize,
    /// Their mean change of logit, in nats.
    pub logit: f64,
    /// Their mean [`z`](TokenEffect::z), divided by its standard deviation among random directions.
    pub z: f64,
    /// Probability that a random direction changes any group as much, measured by `z`.
    pub p_corrected: f64,
}

/// Settings of a [`VectorLens`].
#[derive(Clone, Debug)]
pub struct VectorLensOptions {
    /// Tokens of a list.
    pub top_k: usize,
    /// Random directions for the linear readings. The smallest corrected p-value is
    /// `1 / (draws + 1)`.
    pub draws: usize,
    /// Random directions for the measured readings, which cost a pass over the prompts each.
    pub measured_draws: usize,
    /// Seed of the random directions.
    pub seed: u64,
}

impl Default for VectorLensOptions {
    fn default() -> Self {
        Self {
            top_k: 10,
            draws: 1000,
            measured_draws: 100,
            seed: 0,
        }
    }
}

/// Reads steering vectors as changes of logits, with random directions as the null.
///
/// ```no_run
/// use trimtab_lens::{VectorLens, VectorLensOptions, Vocabulary};
/// use trimtab_model::{Device, Precision, Pretrained};
/// use trimtab_steer::SteeringFile;
///
/// let base = Pretrained::load("checkpoint".as_ref(), Precision::F32, &Device::flex())?;
/// let file = SteeringFile::read("steering.safetensors".as_ref(), &base)?;
/// let vocabulary = Vocabulary::of(&base);
/// let lens = VectorLens::new(&base.model, vocabulary, VectorLensOptions::default());
/// for layer in lens.unembedding(file.vectors()?, &mut |_| ()) {
///     let strongest = &layer.promoted.tokens[0];
///     println!("{}: {:?}, p = {}", layer.layer, strongest.token, strongest.p_corrected);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct VectorLens<'a> {
    model: &'a Model,
    vocabulary: Vocabulary,
    groups: Vec<TokenGroup>,
    options: VectorLensOptions,
}

impl<'a> VectorLens<'a> {
    /// A lens with the [groups](TokenGroup::built_in) that every vocabulary has.
    ///
    /// # Panics
    ///
    /// The vocabulary has not as many tokens as the model.
    pub fn new(model: &'a Model, vocabulary: Vocabulary, options: VectorLensOptions) -> Self {
        let vocab_size = model.config.vocab_size;
        assert_eq!(vocabulary.len(), vocab_size, "a text for each token");
        Self {
            groups: TokenGroup::built_in(&vocabulary),
            model,
            vocabulary,
            options,
        }
    }

    /// Looks at another group of tokens too.
    #[must_use]
    pub fn with_group(mut self, group: TokenGroup) -> Self {
        self.groups.push(group);
        self
    }

    /// The text of every token.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// [`Reading::Unembedding`] of every layer whose vector is not zero.
    ///
    /// `progress` is called with a number of random directions after each part of the work.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    ///
    /// # Panics
    ///
    /// The vectors do not fit the model.
    pub fn unembedding(
        &self,
        vectors: &HostTensor,
        progress: &mut dyn FnMut(usize),
    ) -> Vec<LayerReading> {
        let layers = self.layers(vectors);
        let readout = Readout::new(self.model, ReadoutKind::Unembedding);
        // The map is the same for all layers, and so is what is random.
        let nulls = self.nulls(&readout, &[None], progress);
        let row_norms = readout.row_norms(&[None]);
        let read = |(layer, vector): (usize, &[f32])| {
            let logits = readout.read(vector, None);
            self.linear(
                Reading::Unembedding,
                (layer, vector),
                logits,
                &row_norms[0],
                &nulls[0],
            )
        };
        layers.into_iter().map(read).collect()
    }

    /// [`Reading::Linearised`] of every layer whose vector is not zero.
    ///
    /// # Shapes
    ///
    /// - `vectors`: `[num_hidden_layers, hidden_size]`
    ///
    /// # Errors
    ///
    /// The model cannot run a prompt.
    ///
    /// # Panics
    ///
    /// As [`Self::unembedding`].
    pub fn linearised(
        &self,
        vectors: &HostTensor,
        prompts: &[&[u32]],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<LayerReading>, EffectError> {
        let layers = self.layers(vectors);
        let means = self.mean_resid_post(prompts)?;
        let eps = self.model.config.rms_norm_eps;
        let norms = layers
            .iter()
            .map(|(layer, _)| Some(NormDerivative::at(&means[*layer], eps)));
        let norms: Vec<Option<NormDerivative>> = norms.collect();
        let readout = Readout::new(self.model, ReadoutKind::FinalNorm);
        let nulls = self.nulls(&readout, &norms, progress);
        let row_norms = readout.row_norms(&norms);
        let each = layers
            .into_iter()
            .zip(&norms)
            .zip(row_norms.iter().zip(&nulls));
        let read = each.map(|((layer, norm), (row_norms, null))| {
            let logits = readout.read(layer.1, norm.as_ref());
            self.linear(Reading::Linearised, layer, logits, row_norms, null)
        });
        Ok(read.collect())
    }

    /// The layers whose vectors are not zero, with their vectors.
    fn layers<'v>(&self, vectors: &'v HostTensor) -> Vec<(usize, &'v [f32])> {
        let config = &self.model.config;
        let expected = [config.num_hidden_layers, config.hidden_size];
        assert_eq!(vectors.shape, expected, "vectors of this model");
        let rows = vectors.data.chunks_exact(config.hidden_size).enumerate();
        rows.filter(|(_, row)| row.iter().any(|&x| x != 0.0))
            .collect()
    }

    fn nulls(
        &self,
        readout: &Readout,
        norms: &[Option<NormDerivative>],
        progress: &mut dyn FnMut(usize),
    ) -> Vec<NullStatistics> {
        let options = &self.options;
        let statistics = (options.top_k, &self.groups[..]);
        readout.nulls(norms, statistics, (options.draws, options.seed), progress)
    }

    /// A linear reading from the logits of a vector.
    fn linear(
        &self,
        reading: Reading,
        (layer, vector): (usize, &[f32]),
        logits: Vec<f32>,
        row_norms: &[f32],
        null: &NullStatistics,
    ) -> LayerReading {
        let width = vector.len();
        let norm = vector_norm(vector);
        let mut z: Vec<f32> = logits.iter().map(|logit| logit / norm).collect();
        standardise(&mut z, row_norms, width);
        let root = (width as f64).sqrt();
        let p_value = |token: usize| cosine_p_value(f64::from(z[token]) / root, width);
        let read = Read {
            reading,
            layer,
            norm,
            logits: &logits,
            z: &z,
        };
        self.describe(&read, &p_value, null, None)
    }

    /// The lists and groups of a reading. `shuffled` are the statistics of other layers' vectors.
    fn describe(
        &self,
        read: &Read,
        p_value: &dyn Fn(usize) -> f64,
        null: &NullStatistics,
        shuffled: Option<&NullStatistics>,
    ) -> LayerReading {
        let (top_k, z) = (self.options.top_k, read.z);
        let statistics = Statistics::of(z, top_k, &self.groups);
        let p_values = null.lists(statistics.lists);
        let p_shuffled = shuffled.map(|null| null.lists(statistics.lists));
        let list = |side: usize, tokens: Vec<usize>| TokenList {
            p_value: p_values[side],
            p_shuffled: p_shuffled.map(|p_values| p_values[side]),
            tokens: tokens
                .into_iter()
                .map(|token| TokenEffect {
                    token: self.vocabulary.text(token as u32).to_owned(),
                    id: token as u32,
                    logit: read.logits[token],
                    z: z[token],
                    p_value: p_value(token),
                    p_corrected: null.token(z[token]),
                })
                .collect(),
        };
        let groups = self.groups.iter().zip(&statistics.groups).enumerate();
        let groups = groups.map(|(index, (group, &mean))| {
            let tokens = group.tokens.iter();
            let logits = tokens.map(|&token| f64::from(read.logits[token as usize]));
            let (z, p_corrected) = null.group(index, mean);
            GroupEffect {
                name: group.name.clone(),
                tokens: group.tokens.len(),
                logit: logits.sum::<f64>() / group.tokens.len() as f64,
                z,
                p_corrected,
            }
        });
        LayerReading {
            layer: read.layer,
            reading: read.reading,
            norm: read.norm,
            promoted: list(0, largest(read.logits, top_k)),
            suppressed: list(1, smallest(read.logits, top_k)),
            groups: groups.collect(),
        }
    }

    /// The mean residual stream after each layer, over all tokens of `prompts`.
    fn mean_resid_post(&self, prompts: &[&[u32]]) -> Result<Vec<Vec<f32>>, EffectError> {
        let model = self.model;
        check_texts(model, prompts)?;
        let (layers, width) = (model.config.num_hidden_layers, model.config.hidden_size);
        let mut sums = vec![vec![0.0; width]; layers];
        for batch in batches(prompts) {
            let (_, cache) = model.run_with_cache(batch, &[Site::ResidPost], None);
            for (_, layer, resid_post) in cache.iter() {
                let of_batch = measured::row_sum(resid_post.clone());
                for (sum, x) in sums[layer].iter_mut().zip(of_batch) {
                    *sum += x;
                }
            }
        }
        let means = sums.iter().map(|sums| measured::means(sums, prompts));
        Ok(means.collect())
    }
}

/// The logits of a layer and what they are in standard deviations.
struct Read<'a> {
    reading: Reading,
    layer: usize,
    norm: f32,
    logits: &'a [f32],
    z: &'a [f32],
}

fn vector_norm(vector: &[f32]) -> f32 {
    let row = HostTensor {
        shape: vec![1, vector.len()],
        data: vector.to_vec(),
    };
    algebra::norms(&row)[0]
}
