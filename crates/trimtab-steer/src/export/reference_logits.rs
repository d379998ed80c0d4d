//! Comparing an export with the steered model that it was made from.

use trimtab_model::{Hook, Model};

use super::error::{ExportError, MAX_LOGIT_DIFFERENCE};

/// Logits of a steered model on fixed texts, to compare an export with.
///
/// ```no_run
/// # use trimtab_model::{Device, Precision, Pretrained};
/// # use trimtab_steer::SteeringFile;
/// use trimtab_steer::export::{ReferenceLogits, SlidingWindowPolicy, merge_checkpoint};
///
/// # let load = |dir: &str| Pretrained::load(dir.as_ref(), Precision::F32, &Device::flex());
/// let base = load("checkpoint")?;
/// let file = SteeringFile::read("steering.safetensors".as_ref(), &base)?;
/// let reference = ReferenceLogits::new(&base.model, Some(&file.to_steering(&base.model)?));
/// let policy = SlidingWindowPolicy::Refuse;
/// merge_checkpoint("checkpoint".as_ref(), &file, policy, "merged".as_ref())?;
/// let difference = reference.compare(&load("merged")?.model, None)?;
/// println!("logits differ by at most {difference}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReferenceLogits {
    texts: Vec<Vec<u32>>,
    /// Of all tokens of all texts, row-major.
    logits: Vec<f32>,
}

impl ReferenceLogits {
    /// Runs `model` with `hook`. No text is longer than a sliding window of the model, because
    /// merged checkpoints have none.
    pub fn new(model: &Model, hook: Option<Hook>) -> Self {
        let config = &model.config;
        let windows = config.architecture.layers.iter();
        let max_len = windows
            .filter_map(|layer| layer.sliding_window)
            .fold(config.max_len(), usize::min);
        let vocab_size = config.vocab_size;
        let texts: Vec<Vec<u32>> = [1, 7, 16]
            .into_iter()
            .enumerate()
            .map(|(text, len)| {
                let token = |position| ((text * 7919 + position * 104_729 + 3) % vocab_size) as u32;
                (0..len.min(max_len)).map(token).collect()
            })
            .collect();
        let logits = logits(model, hook, &texts);
        Self { texts, logits }
    }

    /// The largest difference of a logit when `model` runs the same texts with `hook`.
    ///
    /// # Errors
    ///
    /// [`ExportError::Differs`]: the difference is above [`MAX_LOGIT_DIFFERENCE`] or is NaN, or the
    /// vocabularies differ.
    pub fn compare(&self, model: &Model, hook: Option<Hook>) -> Result<f32, ExportError> {
        compare_logits(&self.logits, &logits(model, hook, &self.texts))
    }
}

fn logits(model: &Model, hook: Option<Hook>, texts: &[Vec<u32>]) -> Vec<f32> {
    let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let (resid_post, _) = model.prefill(&texts, hook);
    let logits = model.logits(resid_post);
    logits.try_into_vec_as().expect("logits convert to f32")
}

fn compare_logits(left: &[f32], right: &[f32]) -> Result<f32, ExportError> {
    let difference = if left.len() == right.len() {
        let pairs = left.iter().zip(right);
        pairs
            .map(|(left, right)| (left - right).abs())
            .map(|difference| {
                if difference.is_nan() {
                    f32::INFINITY
                } else {
                    difference
                }
            })
            .fold(0.0, f32::max)
    } else {
        f32::INFINITY
    };
    if difference <= MAX_LOGIT_DIFFERENCE {
        Ok(difference)
    } else {
        Err(ExportError::Differs { difference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_differences_are_refused() {
        assert_eq!(compare_logits(&[1.0, 2.0], &[1.0, 2.0]).ok(), Some(0.0));
        assert!(compare_logits(&[1.0, 2.0], &[1.0, 2.000_05]).is_ok());
        for wrong in [
            &[1.0, 2.001][..],
            &[1.0],
            &[1.0, f32::NAN],
            &[f32::NAN, 2.0],
            &[1.0, f32::INFINITY],
        ] {
            assert!(compare_logits(&[1.0, 2.0], wrong).is_err(), "{wrong:?}");
        }
    }
}
