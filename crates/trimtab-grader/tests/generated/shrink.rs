//! The smallest choices that still fail.

/// Sets choices to zero and lowers them, as long as the row still fails.
pub(crate) fn shrink(mut choices: Vec<u32>, fails: impl Fn(&[u32]) -> bool) -> Vec<u32> {
    for _ in 0..8 {
        let before = choices.clone();
        drop_tail(&mut choices, &fails);
        zero(&mut choices, &fails);
        lower(&mut choices, &fails);
        if choices == before {
            break;
        }
    }
    choices
}

/// Takes the candidate if it fails.
fn attempt(choices: &mut Vec<u32>, candidate: Vec<u32>, fails: &impl Fn(&[u32]) -> bool) -> bool {
    let better = candidate != *choices && fails(&candidate);
    if better {
        *choices = candidate;
    }
    better
}

fn drop_tail(choices: &mut Vec<u32>, fails: &impl Fn(&[u32]) -> bool) {
    let mut length = 0;
    while length < choices.len() {
        if attempt(choices, choices[..length].to_vec(), fails) {
            return;
        }
        length += 1;
    }
}

fn zero(choices: &mut Vec<u32>, fails: &impl Fn(&[u32]) -> bool) {
    for index in 0..choices.len() {
        if choices[index] != 0 {
            let mut candidate = choices.clone();
            candidate[index] = 0;
            attempt(choices, candidate, fails);
        }
    }
}

fn lower(choices: &mut Vec<u32>, fails: &impl Fn(&[u32]) -> bool) {
    for index in 0..choices.len() {
        let most = choices[index];
        for value in
            (1..most.min(24)).chain([most / 1000, most / 10, most / 2, most.saturating_sub(1)])
        {
            let mut candidate = choices.clone();
            candidate[index] = value;
            if value < most && attempt(choices, candidate, fails) {
                break;
            }
        }
    }
}
