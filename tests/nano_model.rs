//! The bundled model is as its card says: it can solve problems but seldom shows its work.

use std::collections::HashSet;
use std::path::Path;

use trimtab::Rules;
use trimtab_model::{Device, Precision, Pretrained};
use trimtab_rl::evaluate;
use trimtab_tasks::corpus::document;
use trimtab_tasks::evaluation::{Decoding, Item, Outcome, Sample};
use trimtab_tasks::{NanoTask, Split};

#[test]
fn shown_work_is_correct_but_rare() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/nano");
    let base = Pretrained::load(&dir, Precision::F32, &Device::flex()).expect("the bundled model");
    let items = Item::held_out(NanoTask::Gsm, 0, 2000);
    let decoding = Decoding {
        samples: 1,
        temperature: 1.0,
        max_new_tokens: 96,
        seed: 0,
        stop: vec![],
    };
    let mut samples: Vec<Vec<Sample>> = vec![];
    for batch in evaluate(&base, None, &items, &decoding, &Rules::DEFAULT, 0) {
        samples.extend(batch.expect("prompts that fit"));
    }
    let outcome = Outcome::of(&samples).expect("2000 completions");
    println!("accuracy {:.3}", outcome.accuracy);
    assert!(
        (0.15..=0.45).contains(&outcome.accuracy),
        "accuracy {:.3}",
        outcome.accuracy
    );

    let worked: Vec<&Sample> = samples
        .iter()
        .flatten()
        .filter(|sample| sample.prediction.contains('='))
        .collect();
    let right = worked.iter().filter(|sample| sample.is_correct()).count();
    println!("{right} of {} worked solutions are right", worked.len());
    assert!(
        worked.len() < 1000,
        "{} of 2000 show their work",
        worked.len()
    );
    assert!(
        right as f64 >= 0.9 * worked.len() as f64,
        "{right} of {}",
        worked.len()
    );
}

/// Documents hold a training problem and, in the habit of asking another one, a second problem.
/// Neither may be held out.
#[test]
fn the_corpus_holds_no_held_out_problem() {
    for family in NanoTask::ALL {
        let held_out: HashSet<String> = (0..500)
            .map(|index| family.problem(Split::HeldOut, 0, index).question)
            .collect();
        for index in 0..5000 {
            let text = document(0, index);
            let found = held_out
                .iter()
                .find(|question| text.contains(question.as_str()));
            assert_eq!(found, None, "document {index}");
        }
    }
}
