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
    name: String,
    /// The model with its weights.
    model: Model,
    /// What acts on the model.
    steering: Option<Box<dyn Intervention>>,
    /// The vectors, if it has some.
    vectors: Option<HostTensor>,
}

/// `--vectors` beside each of `--compare`.
pub(crate) fn report(args: &Args, base: &Pretrained) -> Result<ComparisonReport> {
    let prompts = args.read_prompts(base)?.unwrap_or_default();
    let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
    let together = VectorsArgs {
        vectors: args.vectors.vectors.clone(),
        force: args.vectors.force,
    };
    let alone = args.compare.iter().map(|source| VectorsArgs {
        vectors: vec![source.clone()],
        force: args.vectors.force,
    });
    let sides = std::iter::once(together).chain(alone).map(|vectors| {
        let names: Vec<String> = vectors.vectors.iter().map(name).collect();
        let name = names.join(" + ");
        let side = side(args, base, &vectors, !prompts.is_empty());
        let (model, steering, vectors) = side.with_context(|| format!("cannot compare {name}"))?;
        Ok(Side {
            name,
            model,
            steering,
            vectors,
        })
    });
    let sides = sides.collect::<Result<Vec<_>>>()?;
    let mut report = ComparisonReport {
        names: sides.iter().map(|side| side.name.clone()).collect(),
        comparison: compare(
            &sides
                .iter()
                .map(|it| it.vectors.clone())
                .collect::<Vec<_>>(),
        ),
        changes: vec![],
        kl: vec![],
    };
    if !prompts.is_empty() {
        let mut runs: Vec<Run> = vec![(&base.model, None)];
        runs.extend(
            sides
                .iter()
                .map(|side| (&side.model, side.steering.as_deref())),
        );
        report.changes = changes(&base.model, &runs[1..], &prompts)?;
        report.kl = pairwise_kl(&prompts, &runs)?;
    }
    Ok(report)
}

type Parts = (Model, Option<Box<dyn Intervention>>, Option<HostTensor>);

fn side(args: &Args, base: &Pretrained, vectors: &VectorsArgs, on_prompts: bool) -> Result<Parts> {
    let by_effect = || -> Result<Parts> {
        ensure!(
            args.layers.is_none(),
            "it has no vectors at resid_post to choose by layer; leave out --layers"
        );
        ensure!(
            on_prompts,
            "it is compared by what it does; give --prompts FILE"
        );
        let steered = vectors.steer(base.clone())?;
        let steering = steered
            .steering
            .map(|it| Box::new(it) as Box<dyn Intervention>);
        Ok((steered.base.model, steering, None))
    };
    if vectors.vectors.iter().any(|source| source.path.is_dir()) {
        return by_effect();
    }
    let file = match vectors.sum(base) {
        Ok(file) => file,
        // Only vectors at resid_post can be scaled and summed.
        Err(_) if on_prompts => return by_effect(),
        Err(error) => return Err(error),
    };
    if let Some(layers) = &args.layers {
        let vectors = algebra::select_layers(file.resid_post_vectors()?, layers)?;
        let steering = SteeringVectors::from_host(&vectors, &base.model.device()).hook();
        return Ok((base.model.clone(), Some(Box::new(steering)), Some(vectors)));
    }
    // Vectors at other sites have directions too, and act there. Other forms only act.
    let steering = file.to_steering(&base.model)?;
    let vectors = file.vectors().ok().cloned();
    ensure!(
        vectors.is_some() || on_prompts,
        "it has no vector a layer, so it is compared by what it does; give --prompts FILE"
    );
    Ok((base.model.clone(), Some(Box::new(steering)), vectors))
}

/// What is read, with its strength.
pub(crate) fn name(source: &SteeringSource) -> String {
    match source.strength {
        1.0 => source.path.display().to_string(),
        strength => format!("{}@{strength}", source.path.display()),
    }
}
