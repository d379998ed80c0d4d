//! How far a text lies along the vectors.

use serde::Serialize;
use trimtab_model::tensor_file::HostTensor;
use trimtab_model::{Hook, Model, Site};
use trimtab_steer::effect::{EffectError, check_texts};

use crate::readout::dot;

/// Where the residual stream of a token lies relative to the vector of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Projection {
    /// The layer.
    pub layer: usize,
    /// Position of the token, from 0.
    pub position: usize,
    /// `r s / |s|`: the length of the component along the vector, with its sign.
    pub projection: f64,
    /// `r s / (|r| |s|)`
    pub cosine: f64,
}

/// Projects `resid_post` of every layer and token on the vector of the layer. Layers with a vector
/// of zero are left out.
///
/// `hook` acts on the run. If it adds the vectors, they are part of what is projected.
///
/// # Shapes
///
/// - `vectors`: `[num_hidden_layers, hidden_size]`
///
/// # Errors
///
/// The model cannot run the text.
///
/// # Panics
///
/// The vectors do not fit the model.
pub fn project(
    model: &Model,
    tokens: &[u32],
    vectors: &HostTensor,
    hook: Option<Hook>,
) -> Result<Vec<Projection>, EffectError> {
    check_texts(model, &[tokens])?;
    let (layers, width) = (model.config.num_hidden_layers, model.config.hidden_size);
    assert_eq!(vectors.shape, [layers, width], "vectors of this model");
    let (_, cache) = model.run_with_cache(&[tokens], &[Site::ResidPost], hook);
    let mut found = vec![];
    for (layer, vector) in vectors.data.chunks_exact(width).enumerate() {
        let norm = dot(vector, vector).sqrt();
        if norm == 0.0 {
            continue;
        }
        let resid = cache.get(Site::ResidPost, layer).expect("it was asked for");
        let resid: Vec<f32> = resid.clone().try_into_vec_as().expect("f32");
        for (position, row) in resid.chunks_exact(width).enumerate() {
            let projection = dot(row, vector) / norm;
            let length = dot(row, row).sqrt();
            found.push(Projection {
                layer,
                position,
                projection,
                cosine: if length > 0.0 {
                    projection / length
                } else {
                    0.0
                },
            });
        }
    }
    Ok(found)
}
