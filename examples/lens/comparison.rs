//! What steers the model beside what else could.

use anyhow::{Context, Result, ensure};
use trimtab::lens::report::ComparisonReport;
use trimtab::lens::{changes, compare};
use trimtab::model::tensor_file::HostTensor;
use trimtab::model::{Intervention, Model, Pretrained};
use trimtab::steer::effect::{Run, pairwise_kl};
use trimtab::steer::{SteeringSource, SteeringVectors, algebra};
use trimtab_examples::VectorsArgs;

use crate::args::Args;

/// One side of the comparison.
struct Side {
    /// The model with its weights.
    model: Model,
    /// What acts on the model.
    steering: Option<Box<dyn Intervention>>,
    /// The vectors, if it has some.
    vectors: Option<HostTensor>,
}

/// `--vectors` beside each of `--compare`, by what they do on prompts if there are some.
pub(crate) fn report(
    args: &Args,
    base: &Pretrained,
    prompts: &[&[u32]],
) -> Result<ComparisonReport> {
    let alone = args.compare.iter().map(|source| VectorsArgs {
        vectors: vec![source.clone()],
        force: args.vectors.force,
    });
    let (mut names, mut sides) = (vec![], vec![]);
    for vectors in std::iter::once(args.vectors.clone()).chain(alone) {
        let parts: Vec<String> = vectors.vectors.iter().map(name).collect();
        let name = parts.join(" + ");
        let side = Side::new(args, base, &vectors, !prompts.is_empty());
        sides.push(side.with_context(|| format!("cannot compare {name}"))?);
        names.push(name);
    }
    let sets: Vec<Option<&HostTensor>> = sides.iter().map(|it| it.vectors.as_ref()).collect();
    let mut report = ComparisonReport {
        names,
        comparison: compare(&sets),
        changes: vec![],
        kl: vec![],
    };
    if !prompts.is_empty() {
        let steered = sides.iter().map(|it| (&it.model, it.steering.as_deref()));
        let runs: Vec<Run> = std::iter::once((&base.model, None))
            .chain(steered)
            .collect();
        report.changes = changes(&base.model, &runs[1..], prompts)?;
        report.kl = pairwise_kl(prompts, &runs)?;
    }
    Ok(report)
}

impl Side {
    fn new(
        args: &Args,
        base: &Pretrained,
        vectors: &VectorsArgs,
        on_prompts: bool,
    ) -> Result<Self> {
        if vectors.vectors.iter().any(|source| source.path.is_dir()) {
            return Self::by_effect(args, base, vectors, on_prompts);
        }
        let file = match vectors.sum(base) {
            Ok(file) => file,
            // Only vectors at resid_post can be scaled and summed.
            Err(_) if on_prompts => return Self::by_effect(args, base, vectors, on_prompts),
            Err(error) => return Err(error),
        };
        if let Some(layers) = &args.layers {
            let vectors = algebra::select_layers(file.resid_post_vectors()?, layers)?;
            let steering = SteeringVectors::from_host(&vectors, &base.model.device()).hook();
            return Ok(Self {
                model: base.model.clone(),
                steering: Some(Box::new(steering)),
                vectors: Some(vectors),
            });
        }
        // Vectors at other sites have directions too, and act there. Other forms only act.
        let vectors = file.vectors().ok().cloned();
        ensure!(vectors.is_some() || on_prompts, "{BY_EFFECT}");
        Ok(Self {
            model: base.model.clone(),
            steering: Some(Box::new(file.to_steering(&base.model)?)),
            vectors,
        })
    }

    /// What has no vectors to compare.
    fn by_effect(
        args: &Args,
        base: &Pretrained,
        vectors: &VectorsArgs,
        on_prompts: bool,
    ) -> Result<Self> {
        ensure!(
            args.layers.is_none(),
            "it has no vectors at resid_post to choose by layer; leave out --layers"
        );
        ensure!(on_prompts, "{BY_EFFECT}");
        let steered = vectors.steer(base.clone())?;
        let steering = steered.steering.map(|it| Box::new(it) as _);
        Ok(Self {
            model: steered.base.model,
            steering,
            vectors: None,
        })
    }
}

const BY_EFFECT: &str = "it has no vector a layer, so it is compared by what it does; give \
                         --prompts FILE";

/// What is read, with its strength.
pub(crate) fn name(source: &SteeringSource) -> String {
    match source.strength {
        1.0 => source.path.display().to_string(),
        strength => format!("{}@{strength}", source.path.display()),
    }
}
