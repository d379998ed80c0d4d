//! The cost of weights in bfloat16, q8 and q4, and that sampling and training compute the same
//! numbers.

use std::path::Path;

use trimtab_model::{
    Completion, Device, GenerateOptions, Precision, Pretrained, Request, Sampling, generate,
};
use trimtab_rl::gradient::group_logprobs;
use trimtab_steer::SteeringVectors;
use trimtab_steer::effect::perplexity;
use trimtab_tasks::corpus::document;

fn nano(precision: Precision) -> Pretrained {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/nano");
    Pretrained::load(&dir, precision, &Device::flex()).expect("the bundled model")
}

/// On unseen text of the same kind as the training text.
#[test]
fn the_perplexity_of_bf16_is_that_of_f32_within_a_five_hundredth() {
    let perplexity = |precision: Precision| {
        let base = nano(precision);
        let texts: Vec<Vec<u32>> = (0..64)
            .map(|index| base.tokenizer.encode(&document(77, index)).expect("a text"))
            .collect();
        let texts: Vec<&[u32]> = texts
            .iter()
            .map(|text| &text[..text.len().min(400)])
            .collect();
        perplexity(&base.model, &texts, None).expect("texts that fit")
    };
    let exact = perplexity(Precision::F32);
    for (precision, most) in [
        (Precision::Bf16, 0.002),
        (Precision::Q8, 0.005),
        (Precision::Q4, 0.2),
    ] {
        let found = perplexity(precision);
        println!("{}: {found:.5}, f32: {exact:.5}", precision.name());
        assert!(
            (found / exact - 1.0).abs() < most,
            "{}: {found} instead of {exact}",
            precision.name()
        );
    }
}

#[test]
fn sampling_and_training_agree_to_the_bit() {
    for precision in [Precision::F32, Precision::Bf16, Precision::Q8] {
        let base = nano(precision);
        let config = &base.model.config;
        let zeros = SteeringVectors::zeros(
            config.num_hidden_layers,
            config.hidden_size,
            &Device::flex(),
        );
        let vectors = SteeringVectors::from_tensor(zeros.vectors.val() + 0.05);
        let hook = vectors.hook();
        let prompts = [
            "Tom has 3 apples and buys 4 more. How many?",
            "What is 2 + 2?",
        ]
        .map(|text| base.tokenizer.encode(text).expect("a text"));
        let requests: Vec<Request> = (0..)
            .zip(&prompts)
            .map(|(index, prompt)| Request {
                prompt,
                index,
                samples: 7,
            })
            .collect();
        let sampling = Sampling {
            temperature: 0.9,
            max_new_tokens: 40,
            stop_tokens: config.eos_token_id.clone(),
            ..Sampling::default()
        };
        let options = GenerateOptions {
            hook: Some(&hook),
            ..GenerateOptions::default()
        };
        let groups = generate(&base.model, &requests, &sampling, options).expect("finite logits");
        for (prompt, group) in prompts.iter().zip(&groups) {
            let completions: Vec<&Completion> = group.iter().collect();
            let model = base.model.autodiff();
            let (trained, _) = group_logprobs(
                &model,
                Some(&hook),
                prompt,
                &completions,
                sampling.temperature,
            );
            let sampled: Vec<f32> = group.iter().flat_map(|c| c.logprobs.clone()).collect();
            assert_eq!(sampled, trained, "{}", precision.name());
        }
    }
}
