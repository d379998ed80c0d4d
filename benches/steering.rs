//! The cost of steering in decoding, as a ratio of two times with an interval.
//!
//! Steered and unsteered runs take turns in one process, `a b b a` in each of many short rounds. So
//! other load on the machine slows both. Each round gives one ratio.
//!
//!     cargo bench --bench steering                # all; some minutes
//!     cargo bench --bench steering -- nano        # one model: nano, qwen-1 or qwen-16

use std::hint::black_box;
use std::time::Instant;

use burn::tensor::Device;
use trimtab::model::{GenerateOptions, Hook, Model};
use trimtab::steer::form::{Gated, Lora};
use trimtab::steer::token_filter::{Part, TokenSet};
use trimtab::steer::{Adapter, Conflict, Form, Steering, TokenFilter};
use trimtab::{Precision, Request, Sampling, SteeringVectors, generate};
use trimtab_benches::{nano, qwen};

/// A model and what it decodes in one run.
struct Load {
    name: &'static str,
    model: Model,
    /// Prompts of two tokens, with one completion each.
    prompts: usize,
    new_tokens: usize,
    rounds: usize,
}

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let is_wanted = |name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    if is_wanted("nano") {
        compare(&Load {
            name: "nano, 64 rows",
            model: nano(Precision::fastest(&Device::flex())),
            prompts: 64,
            new_tokens: 16,
            rounds: 200,
        });
    }
    if is_wanted("qwen-1") {
        compare(&Load {
            name: "shape of Qwen2.5-0.5B, 1 row",
            model: qwen(),
            prompts: 1,
            new_tokens: 4,
            rounds: 40,
        });
    }
    if is_wanted("qwen-16") {
        compare(&Load {
            name: "shape of Qwen2.5-0.5B, 16 rows",
            model: qwen(),
            prompts: 16,
            new_tokens: 3,
            rounds: 30,
        });
    }
}

/// Prints the ratios of a load.
fn compare(load: &Load) {
    let config = &load.model.config;
    let [layers, width] = [config.num_hidden_layers, config.hidden_size];
    let zeros = SteeringVectors::zeros(layers, width, &Device::flex());
    let sets = load.prompts;
    let many = SteeringVectors::hook_by_prompt(&vec![zeros; sets], (0..sets).map(Some).collect());
    let form = |form: Form, token_filter: TokenFilter| {
        let adapter = Adapter::init(form, config).expect("a form that fits");
        let leaves = adapter.to_device(&Device::flex());
        Steering::new(vec![(leaves, token_filter)], Conflict::Sum).expect("a sound clause")
    };
    let one = form(Form::default(), TokenFilter::default());
    let prompt_only = TokenFilter {
        only: TokenSet {
            part: Part::Prompt,
            last: Some(1),
            ..TokenSet::default()
        },
        ..TokenFilter::default()
    };
    let prompt_only = form(Form::default(), prompt_only);
    let gated = form(Form::Gated(Gated::default()), TokenFilter::default());
    let lora = form(Form::Lora(Lora::default()), TokenFilter::default());
    let sets = format!("{sets} sets / one set");
    let pairs: [(&str, Option<Hook>, Option<Hook>); 6] = [
        ("none / none", None, None),
        ("one set / none", Some(&one), None),
        (&sets, Some(&many), Some(&one)),
        ("last token of the prompt / none", Some(&prompt_only), None),
        ("gated / none", Some(&gated), None),
        ("lora / none", Some(&lora), None),
    ];
    println!("{}", load.name);
    for (name, other, base) in pairs {
        let ratios = (0..load.rounds).map(|_| load.ratio(other, base)).collect();
        let [low, median, high] = interval(ratios).map(|ratio| 100.0 * (ratio - 1.0));
        println!("  {name:34} {median:+6.2} % ({low:+.2} to {high:+.2})");
    }
}

impl Load {
    /// The time of a run with one hook, divided by that with another.
    fn ratio(&self, other: Option<Hook>, base: Option<Hook>) -> f64 {
        let first = self.seconds(base);
        let steered = self.seconds(other) + self.seconds(other);
        steered / (first + self.seconds(base))
    }

    fn seconds(&self, hook: Option<Hook>) -> f64 {
        let requests: Vec<Request> = (0..self.prompts as u64)
            .map(|index| Request {
                prompt: &[2, 3],
                index,
                samples: 1,
            })
            .collect();
        let sampling = Sampling {
            max_new_tokens: self.new_tokens,
            ..Sampling::default()
        };
        let options = GenerateOptions {
            hook,
            ..GenerateOptions::default()
        };
        let begun = Instant::now();
        let completed = generate(&self.model, black_box(&requests), &sampling, options);
        black_box(completed.expect("prompts that fit"));
        begun.elapsed().as_secs_f64()
    }
}

/// The median with its 95 % interval, between the order statistics of the sign test. It assumes
/// nothing about the distribution of the ratios.
fn interval(mut ratios: Vec<f64>) -> [f64; 3] {
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len() as f64;
    let half_width = 1.96 * count.sqrt() / 2.0;
    let low = (count / 2.0 - half_width).floor() as usize;
    [
        ratios[low],
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1 - low],
    ]
}
