/// Why a form or its parameters do not fit a model.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FormError {
    #[error(
        "`layers` names layer {layer}, but the model has layers 0 to {}",
        count - 1
    )]
    UnknownLayer { layer: usize, count: usize },
    #[error("`layers` must name layers in rising order, each once; leave it out for all layers")]
    LayerOrder,
    #[error(
        "layer {layer} has no `{site}`: {reason}; name layers that have it with `layers`, or \
         choose another site such as resid_post"
    )]
    MissingSite {
        layer: usize,
        site: &'static str,
        reason: &'static str,
    },
    #[error("`{key}` is {value}, but it must be in {low}..={high} for this model")]
    OutOfRange {
        key: &'static str,
        value: usize,
        low: usize,
        high: usize,
    },
    #[error("`{key}` is not finite")]
    NotFinite { key: &'static str },
    #[error("`target_modules` must name projections, each once, such as q_proj or down_proj")]
    TargetModules,
    #[error("full tuning starts from the weights of a checkpoint; use `Adapter::full`")]
    NeedsWeights,
    #[error("the parameters are {found}, but the form has {expected}")]
    Parameters { found: String, expected: String },
    #[error("parameter `{name}` holds a value that is not finite; did its training diverge?")]
    NonFiniteParameter { name: String },
}
