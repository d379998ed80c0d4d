use super::*;
use crate::validation::tests::validations;

/// A run of `count` steps in which nothing is wrong, changed step by step. The second argument
/// of `change` goes from 0 at the first step to 1 at the last.
fn history(count: u64, change: impl Fn(&mut StepMetrics, f64)) -> Vec<StepMetrics> {
    let step = |step: u64| {
        let done = (step - 1) as f64 / (count - 1).max(1) as f64;
        let mut metrics = StepMetrics {
            reward: Some(-0.5 + 0.5 * done),
            accuracy: 0.25 + 0.25 * done,
            format_rate: 0.7,
            mean_length: 200.0,
            length_p95: Some(310.0),
            truncation_rate: 0.05,
            zero_variance_rate: 0.2,
            signal_rate: 0.8,
            solve_all_rate: 0.1,
            solve_none_rate: 0.1,
            entropy: 0.4,
            prompts: 8,
            ..StepMetrics::from_groups(step, &[])
        };
        change(&mut metrics, done);
        let wobble = if step.is_multiple_of(2) { 0.01 } else { -0.01 };
        metrics.accuracy = (metrics.accuracy + wobble).max(0.0);
        metrics.accuracy_given_format = Some(metrics.accuracy / metrics.format_rate);
        metrics
    };
    (1..=count).map(step).collect()
}

fn recipe(settings: &[&str]) -> Recipe {
    let usual = ["template=chat", "max_new_tokens=320", "task=countdown:1"];
    let settings = usual.iter().chain(settings).map(|&one| one.to_owned());
    Recipe::resolve("", &settings.collect::<Vec<_>>()).expect("a good recipe")
}

fn said(recipe: &Recipe, metrics: &[StepMetrics], validations: &[Validation]) -> Vec<Warning> {
    warnings(&History {
        recipe,
        has_chat_template: true,
        metrics,
        validations,
    })
}

/// The steps and symptoms of what is said.
fn told(recipe: &Recipe, metrics: &[StepMetrics]) -> Vec<(u64, Symptom)> {
    let said = said(recipe, metrics, &[]);
    said.iter().map(|one| (one.step, one.symptom)).collect()
}

#[test]
fn a_run_that_learns_is_left_alone() {
    for count in [1, 2, 3, 9, 10, 20, 50] {
        assert_eq!(told(&recipe(&[]), &history(count, |_, _| ())), []);
    }
    assert_eq!(told(&recipe(&[]), &[]), []);
}

/// The 80 steps of `examples/quickstart`, seed 0: accuracy rises from 24 % to 93 %, the entropy
/// falls to a fifteenth, and in the end a third of the groups is solved by every completion.
#[test]
fn the_run_of_the_bundled_model_is_left_alone() {
    let table = include_str!("../../tests/fixtures/quickstart_metrics.csv");
    let step = |line: &str| {
        let numbers = line.split(',').map(|cell| cell.parse().expect("a number"));
        let numbers: Vec<f64> = numbers.collect();
        let [
            step,
            reward,
            accuracy,
            format_rate,
            mean_length,
            truncation,
            equal,
            entropy,
        ] = numbers[..]
        else {
            panic!("{line}");
        };
        StepMetrics {
            reward: Some(reward),
            accuracy,
            format_rate,
            accuracy_given_format: Some(accuracy / format_rate),
            mean_length,
            truncation_rate: truncation,
            zero_variance_rate: equal,
            signal_rate: 1.0 - equal,
            entropy,
            prompts: 32,
            ..StepMetrics::from_groups(step as u64, &[])
        }
    };
    let metrics: Vec<StepMetrics> = table.lines().skip(1).map(step).collect();
    assert_eq!(metrics.len(), 80);
    assert_eq!(told(&Recipe::default(), &metrics), []);
}

#[test]
fn the_first_step_is_looked_at() {
    let cut = |share: f64, p95: Option<f64>| {
        history(1, |step, _| {
            (step.truncation_rate, step.length_p95) = (share, p95);
        })
    };
    let advice = |metrics: &[StepMetrics], settings: &[&str]| {
        let said = said(&recipe(settings), metrics, &[]);
        assert_eq!(said.len(), 1, "{said:?}");
        (said[0].symptom, said[0].advice.clone())
    };
    assert_eq!(told(&recipe(&[]), &cut(0.19, Some(400.0))), []);
    let (symptom, text) = advice(&cut(0.35, Some(497.3)), &[]);
    assert_eq!(symptom, Symptom::Truncation);
    assert_eq!(
        text,
        "35 % of the completions are cut at max_new_tokens = 320, and what is cut is hardly \
         ever right. Set max_new_tokens = 512: by the lengths of those that end, 95 % would \
         fit into 497 tokens."
    );
    assert!(
        advice(&cut(0.35, Some(512.0)), &[])
            .1
            .contains("max_new_tokens = 576:")
    );
    for (p95, reason) in [
        (None, "Too few end"),
        (Some(2000.0), "the rest is much longer"),
    ] {
        let (_, text) = advice(&cut(0.9, p95), &["template=zero_shot"]);
        assert!(text.contains(reason), "{text}");
        assert!(
            text.contains("begin with max_new_tokens = 1280, or set template = \"chat\""),
            "{text}"
        );
        let (_, text) = advice(&cut(0.9, p95), &[]);
        assert!(
            text.ends_with("begin with max_new_tokens = 1280."),
            "{text}"
        );
    }

    let rare = |share: f64| history(1, |step, _| step.format_rate = share);
    assert_eq!(told(&recipe(&[]), &rare(0.3)), []);
    for (settings, remedy) in [
        (
            &["template=plain"][..],
            "which the prompt does not ask for; others count as wrong. \
            Set template = \"chat\"",
        ),
        (
            &["template=zero_shot"][..],
            "in a box; others count as wrong. Set template = \"chat\"",
        ),
        (&[][..], "grader.boxed_only = false"),
    ] {
        let (symptom, text) = advice(&rare(0.25), settings);
        assert_eq!(symptom, Symptom::RareFormat);
        assert!(text.contains(remedy), "{text}");
    }
    // What is cut has no box: that is not the fault of the prompt.
    let both = history(1, |step, _| {
        (step.format_rate, step.truncation_rate) = (0.25, 0.6);
    });
    assert_eq!(told(&recipe(&[]), &both), [(1, Symptom::Truncation)]);
}

#[test]
fn groups_without_a_signal_are_told_with_their_cause() {
    let signals = |signal: f64, all: f64, none: f64, cut: f64| {
        history(1, |step, _| {
            (step.signal_rate, step.truncation_rate) = (signal, cut);
            (step.solve_all_rate, step.solve_none_rate) = (all, none);
        })
    };
    assert_eq!(told(&recipe(&[]), &signals(0.5, 0.0, 0.5, 0.0)), []);
    for (all, none, remedy) in [
        (
            0.0,
            0.625,
            "Take easier problems, or set a larger group_size, such as 32",
        ),
        (0.625, 0.0, "Take harder problems"),
        (0.25, 0.375, "that the base solves now and then"),
    ] {
        let said = said(&recipe(&[]), &signals(0.375, all, none, 0.0), &[]);
        assert_eq!(said[0].symptom, Symptom::FewSignals);
        assert!(
            said[0].advice.starts_with("5 of 8 groups have no signal"),
            "{said:?}"
        );
        assert!(said[0].advice.contains(remedy), "{said:?}");
    }
    let said = said(&recipe(&[]), &signals(0.375, 0.0, 0.625, 0.5), &[]);
    assert_eq!(said[0].symptom, Symptom::Truncation);
    assert!(
        said[1]
            .advice
            .contains("Let fewer completions be cut first"),
        "{said:?}"
    );
    let formless = history(1, |step, _| {
        (step.signal_rate, step.solve_none_rate, step.format_rate) = (0.0, 1.0, 0.1);
    });
    let said = super::tests::said(&recipe(&[]), &formless, &[]);
    assert!(
        said[1]
            .advice
            .contains("Let more completions have a box first"),
        "{said:?}"
    );
    // Later on, problems that are all solved are a success.
    let solved = history(30, |step, done| {
        (step.signal_rate, step.solve_all_rate) = (0.8 - 0.7 * done, 0.9 * done);
    });
    assert_eq!(told(&recipe(&[]), &solved), []);
}

#[test]
fn a_symptom_is_said_again_once_it_was_gone() {
    let silent_at = |steps: &[u64]| {
        history(30, |step, _| {
            if steps.contains(&step.step) {
                step.signal_rate = 0.0;
            }
        })
    };
    assert_eq!(told(&recipe(&[]), &silent_at(&[4, 5, 7, 8])), []);
    let no_signal = |step: u64| (step, Symptom::NoSignal);
    let of = |steps: &[u64]| told(&recipe(&[]), &silent_at(steps));
    assert_eq!(of(&[4, 5, 6, 7, 9, 10, 11]), [no_signal(6)]);
    assert_eq!(of(&[4, 5, 6, 20, 21, 22]), [no_signal(6), no_signal(22)]);
}

#[test]
fn a_form_without_content_is_told() {
    let fall = |step: &mut StepMetrics, done: f64| {
        (step.format_rate, step.accuracy) = (0.7 + 0.25 * done, 0.23 - 0.12 * done);
    };
    let metrics = history(14, fall);
    let said = said(&recipe(&["learning_rate=2e-3"]), &metrics, &[]);
    let hollow = said.iter().find(|one| one.symptom == Symptom::HollowFormat);
    let hollow = hollow.expect("it is told");
    assert!((10..=12).contains(&hollow.step), "{hollow:?}");
    assert!(
        hollow.advice.contains("learning_rate, such as 6.7e-4"),
        "{hollow:?}"
    );
    let advice = |settings: &[&str], metrics: &[StepMetrics]| -> String {
        let said = super::tests::said(&recipe(settings), metrics, &[]);
        said.into_iter().map(|one| one.advice).collect()
    };
    assert!(advice(&["reward.box-format=0.5"], &metrics).contains("The part `box-format` pays"));
    let cut = history(14, |step, done| {
        fall(step, done);
        (step.truncation_rate, step.length_p95) = (0.35 - 0.3 * done, Some(490.0));
    });
    assert!(advice(&[], &cut).contains("Begin again with room for them. Set max_new_tokens"));
    // More boxes of which fewer are right can still be more right answers.
    let more = history(14, |step, done| {
        (step.format_rate, step.accuracy) = (0.4 + 0.55 * done, 0.16 + 0.08 * done);
    });
    assert_eq!(told(&recipe(&[]), &more), []);
    // The same fall in nine steps, or within what chance does, is not told.
    assert_eq!(told(&recipe(&[]), &metrics[..9]), []);
    let noise = history(14, |step, done| {
        step.format_rate = 0.7 + 0.25 * done;
        step.accuracy = 0.3 - 0.06 * done + 0.1 * (9.0 * step.step as f64).sin();
    });
    assert_eq!(told(&recipe(&[]), &noise), []);
}

#[test]
fn a_part_of_the_reward_against_right_answers_is_told() {
    let parts = |rise: f64, fall: f64| {
        history(20, move |step, done| {
            step.accuracy = 0.4 - fall * done;
            step.format_rate = 0.95;
            step.parts
                .insert("correctness".to_owned(), 2.0 * step.accuracy - 1.0);
            step.parts
                .insert("repetition".to_owned(), -0.3 + rise * done);
        })
    };
    let with = recipe(&["reward.repetition=0.2"]);
    let found = told(&with, &parts(0.3, 0.2));
    assert!(
        matches!(found[..], [(10..=16, Symptom::RewardHacking)]),
        "{found:?}"
    );
    for (rise, fall) in [(0.3, 0.0), (0.3, -0.2), (0.0, 0.2), (-0.3, 0.2)] {
        assert_eq!(told(&with, &parts(rise, fall)), [], "{rise} {fall}");
    }
    // A part with a negative weight is earned by its fall.
    let found = told(&recipe(&["reward.repetition=-0.2"]), &parts(-0.3, 0.2));
    assert!(
        matches!(found[..], [(_, Symptom::RewardHacking)]),
        "{found:?}"
    );
}

#[test]
fn completions_that_become_short_are_told_unless_that_is_wanted() {
    let short = |length: f64, accuracy: f64| {
        history(16, move |step, done| {
            step.mean_length = 240.0 + (length - 240.0) * done;
            step.accuracy = 0.2 + (accuracy - 0.2) * done;
        })
    };
    let found = told(&recipe(&[]), &short(24.0, 0.0));
    assert!(
        matches!(found[..], [(8..=12, Symptom::LengthCollapse)]),
        "{found:?}"
    );
    assert_eq!(told(&recipe(&[]), &short(24.0, 0.4)), []);
    assert_eq!(told(&recipe(&[]), &short(150.0, 0.1)), []);
    let wanted = recipe(&["reward.length-linear=0.2"]);
    assert_eq!(told(&wanted, &short(24.0, 0.2)), []);
    assert!(!told(&wanted, &short(24.0, 0.0)).is_empty());
}

#[test]
fn a_validation_below_the_base_is_told() {
    let metrics = history(20, |_, _| ());
    let told = |accuracies: &[f64]| -> Vec<(u64, Symptom)> {
        let said = said(&recipe(&[]), &metrics, &validations(accuracies));
        said.iter().map(|one| (one.step, one.symptom)).collect()
    };
    assert_eq!(told(&[0.25, 0.24, 0.21]), []);
    assert_eq!(told(&[0.25, 0.24, 0.15]), [(20, Symptom::WorseThanBase)]);
    assert_eq!(told(&[0.25, 0.15, 0.15]), [(10, Symptom::WorseThanBase)]);
}

#[test]
fn what_stands_still_and_what_is_skipped_is_told() {
    let of = |change: fn(&mut StepMetrics, f64)| told(&recipe(&[]), &history(25, change));
    assert_eq!(
        of(|step, _| step.reward = Some(0.3)),
        [(20, Symptom::RewardFlat)]
    );
    assert_eq!(
        of(|step, _| (step.reward, step.accuracy) = (Some(1.0), 0.99)),
        []
    );
    let collapse = |step: &mut StepMetrics, _: f64| {
        step.entropy = (-(step.step as f64) / 3.0).exp();
        step.accuracy = 0.25 - 0.02 * (step.step as f64 / 25.0);
    };
    assert_eq!(of(collapse), [(20, Symptom::EntropyCollapse)]);
    assert_eq!(
        of(|step, _| step.entropy = (-(step.step as f64) / 3.0).exp()),
        []
    );
    let skipped = of(|step, _| {
        if step.step == 7 {
            step.skipped = Some(Skipped::NonFinite("the loss is not finite".to_owned()));
        }
    });
    assert_eq!(skipped, [(7, Symptom::NonFinite)]);
    assert_eq!(of(|step, _| step.skipped = Some(Skipped::NoSignal)), []);
}

/// Agreements as eight groups show them: around their mean with a standard deviation of 0.04.
#[test]
fn steps_of_noise_are_told_once() {
    let agreeing = |mean: f64, rise: f64| {
        history(30, |step, done| {
            let wobble = [0.05, -0.03, 0.01, -0.05, 0.02][step.step as usize % 5];
            step.grad_agreement = Some(mean + wobble);
            step.accuracy = 0.25 + rise * done;
        })
    };
    let recipe = recipe(&["prompts_per_step=8", "steps=30"]);
    let noise = agreeing(0.0, 0.0);
    let told = told(&recipe, &noise);
    assert!(
        told.contains(&(5, Symptom::NoisyGradient)) || told.contains(&(6, Symptom::NoisyGradient)),
        "{told:?}"
    );
    let of_noise = |metrics: &[StepMetrics]| {
        let said = said(&recipe, metrics, &[]);
        let said = said
            .into_iter()
            .filter(|one| one.symptom == Symptom::NoisyGradient);
        said.map(|one| one.advice).collect::<Vec<_>>()
    };
    let advice = of_noise(&noise);
    assert_eq!(advice.len(), 1, "{advice:?}");
    assert!(
        advice[0].contains("set prompts_per_step towards"),
        "{advice:?}"
    );
    assert_eq!(of_noise(&agreeing(0.3, 0.0)), [""; 0], "the groups agree");
    assert_eq!(of_noise(&noise[..4]), [""; 0], "too early to tell");
    // Many small steps of noise can still lead somewhere, which is seen from the tenth on.
    let learning = agreeing(0.0, 0.5);
    let later = &of_noise(&learning);
    assert!(later.len() <= 1, "{later:?}");
}

#[test]
fn a_gap_between_sampling_and_training_is_told() {
    let with_gap = |gap: f32| history(3, |step, _| step.max_logprob_gap = gap);
    assert_eq!(told(&recipe(&[]), &with_gap(0.05)), []);
    assert_eq!(
        told(&recipe(&[]), &with_gap(0.3)),
        [(1, Symptom::SamplerGap)]
    );
}
