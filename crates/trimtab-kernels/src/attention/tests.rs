//! Attention against a reference in f64, and the identities that make it reproducible.

use proptest::prelude::*;

use super::backward::Gradients;
use super::*;
use crate::testing::{EPS, bits, central_difference, noise, proptest_cases, to_f64, with_threads};

/// Random sequences behind a prompt, which may be empty.
struct Case {
    params: AttentionParams,
    lens: Vec<usize>,
    prompt_len: usize,
    q: Vec<f32>,
    kv: [Vec<f32>; 2],
    prompt: [Vec<f32>; 2],
    d_out: Vec<f32>,
}

impl Case {
    fn new(params: AttentionParams, lens: &[usize], prompt_len: usize, seed: u64) -> Self {
        let tokens: usize = lens.iter().sum();
        let random = |number, len| noise(10 * seed + number, len);
        Self {
            params,
            lens: lens.to_vec(),
            prompt_len,
            q: random(0, tokens * params.query_width()),
            kv: [1, 2].map(|number| random(number, tokens * params.kv_width())),
            prompt: [3, 4].map(|number| random(number, prompt_len * params.kv_width())),
            d_out: random(5, tokens * params.query_width()),
        }
    }

    /// The range of sequence `row` in a tensor with `width` elements for each token.
    fn own(&self, row: usize, width: usize) -> std::ops::Range<usize> {
        let start: usize = self.lens[..row].iter().sum();
        start * width..(start + self.lens[row]) * width
    }

    fn sequence_kv(&self, row: usize) -> Vec<PackedKv> {
        let own = self.own(row, self.params.kv_width());
        PackedKv::pack_heads(&self.params, &self.kv[0][own.clone()], &self.kv[1][own])
    }

    /// Empty if there is no prompt.
    fn prompt_kv(&self) -> Vec<PackedKv> {
        if self.prompt_len == 0 {
            vec![]
        } else {
            PackedKv::pack_heads(&self.params, &self.prompt[0], &self.prompt[1])
        }
    }

    fn forward(&self, isa: Isa) -> Vec<f32> {
        let sequences: Vec<Vec<PackedKv>> = (0..self.lens.len())
            .map(|row| self.sequence_kv(row))
            .collect();
        let prompt = self.prompt_kv();
        let group = SequenceGroup {
            prompt: &prompt,
            sequences: sequences.iter().map(Vec::as_slice).collect(),
        };
        super::forward(
            isa,
            &self.params,
            &self.q,
            &[group],
            std::slice::from_ref(&self.lens),
        )
    }

    /// Computed as the sampler does: token by token, all sequences that have not ended together.
    fn forward_by_token(&self, isa: Isa) -> Vec<f32> {
        let params = &self.params;
        let (width, dim) = (params.query_width(), params.head_dim);
        let prompt = self.prompt_kv();
        let mut rows = vec![vec![PackedKv::new(dim); params.num_key_value_heads]; self.lens.len()];
        let mut result = vec![0.0; self.q.len()];
        for time in 0..self.lens.iter().max().copied().unwrap_or(0) {
            let live: Vec<usize> = (0..self.lens.len())
                .filter(|&row| time < self.lens[row])
                .collect();
            let mut q = vec![];
            for &row in &live {
                q.extend_from_slice(&self.q[self.own(row, width)][time * width..][..width]);
                for (head, keys) in rows[row].iter_mut().enumerate() {
                    let of = |x: &[f32]| {
                        x[self.own(row, params.kv_width())][time * params.kv_width() + head * dim..]
                            [..dim]
                            .to_vec()
                    };
                    keys.push(&of(&self.kv[0]), &of(&self.kv[1]));
                }
            }
            let group = SequenceGroup {
                prompt: &prompt,
                sequences: live.iter().map(|&row| &rows[row][..]).collect(),
            };
            let mixed = super::forward(isa, params, &q, &[group], &[vec![1; live.len()]]);
            for (mixed, &row) in mixed.chunks(width).zip(&live) {
                result[self.own(row, width)][time * width..][..width].copy_from_slice(mixed);
            }
        }
        result
    }

    fn backward(&self, isa: Isa) -> Gradients {
        let prompt = (self.prompt_len > 0).then(|| self.prompt.each_ref().map(|x| &x[..]));
        let inputs = Inputs {
            q: &self.q,
            kv: self.kv.each_ref().map(|x| &x[..]),
            prompt,
            lens: &self.lens,
        };
        backward(isa, &self.params, inputs, &self.d_out)
    }

    /// Queries, keys, values, and keys and values of the prompt.
    fn inputs(&self) -> [Vec<f64>; 5] {
        [
            &self.q,
            &self.kv[0],
            &self.kv[1],
            &self.prompt[0],
            &self.prompt[1],
        ]
        .map(|x| to_f64(x))
    }

    /// The definition, in f64.
    fn reference(&self, [q, k, v, prompt_k, prompt_v]: [&[f64]; 5]) -> Vec<f64> {
        let AttentionParams {
            num_attention_heads,
            num_key_value_heads,
            head_dim,
            scale,
            sliding_window,
            softcap,
        } = self.params;
        let ratio = num_attention_heads / num_key_value_heads;
        let mut result = vec![];
        let mut first = 0;
        for &len in &self.lens {
            for place in 0..len {
                for head in 0..num_attention_heads {
                    let q =
                        &q[((first + place) * num_attention_heads + head) * head_dim..][..head_dim];
                    let now = self.prompt_len + place;
                    let seen: Vec<usize> = (0..=now)
                        .filter(|key| sliding_window.is_none_or(|window| now - key < window))
                        .collect();
                    let number = |of_prompt: &[f64], own: &[f64], key: usize, i: usize| {
                        let (from, token) = if key < self.prompt_len {
                            (of_prompt, key)
                        } else {
                            (own, first + key - self.prompt_len)
                        };
                        from[(token * num_key_value_heads + head / ratio) * head_dim + i]
                    };
                    let score = |&key: &usize| {
                        (0..head_dim)
                            .map(|i| q[i] * number(prompt_k, k, key, i))
                            .sum::<f64>()
                    };
                    let capped = |score: f64| match softcap.map(f64::from) {
                        Some(cap) => cap * (score / cap).tanh(),
                        None => score,
                    };
                    let weights: Vec<f64> = seen
                        .iter()
                        .map(|key| capped(f64::from(scale) * score(key)).exp())
                        .collect();
                    let total: f64 = weights.iter().sum();
                    result.extend((0..head_dim).map(|i| {
                        let mixed = seen
                            .iter()
                            .zip(&weights)
                            .map(|(&key, weight)| weight * number(prompt_v, v, key, i));
                        mixed.sum::<f64>() / total
                    }));
                }
            }
            first += len;
        }
        result
    }

    fn num_keys(&self) -> usize {
        self.prompt_len + self.lens.iter().max().copied().unwrap_or(0)
    }

    /// The error of a score is `head_dim eps` of its largest value, `scale head_dim`. The relative
    /// error of a weight is as much, twice because of the sum. A mean of `keys` values below 1 adds
    /// `keys eps`.
    fn check_forward(&self, isa: Isa) {
        let inputs = self.inputs();
        let exact = self.reference(inputs.each_ref().map(|x| &x[..]));
        let dim = self.params.head_dim as f64;
        let bound =
            EPS * (2.0 * dim * dim * f64::from(self.params.scale) + self.num_keys() as f64 + 8.0);
        for (index, (got, exact)) in self.forward(isa).into_iter().zip(exact).enumerate() {
            assert!(
                (f64::from(got) - exact).abs() <= bound,
                "{isa:?} {index}: {got}, not {exact} +- {bound}"
            );
        }
    }

    /// Compares about `samples` entries of every gradient with differences of the reference.
    ///
    /// An entry is a chain of at most `head_dim + keys + queries` sums, so `|difference| <= 4 eps
    /// chain (1 + largest entry) + 1e-8`, where the last term is the error of the differences.
    fn check_backward(&self, isa: Isa, samples: usize) {
        let gradient = self.backward(isa);
        let [prompt_k, prompt_v] = gradient.prompt.unwrap_or_default();
        let [k, v] = gradient.kv;
        let mut inputs = self.inputs();
        let queries = self.lens.iter().sum::<usize>() * self.params.queries_per_kv_head();
        let chain = (self.params.head_dim + self.num_keys() + queries) as f64;
        for (number, got) in [gradient.q, k, v, prompt_k, prompt_v]
            .into_iter()
            .enumerate()
        {
            assert_eq!(got.len(), inputs[number].len());
            let largest = got.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            let bound = 4.0 * EPS * chain * (1.0 + f64::from(largest)) + 1e-8;
            let step = (got.len() / samples).max(1) | 1;
            for index in (0..got.len()).step_by(step) {
                let mut own = std::mem::take(&mut inputs[number]);
                let exact = central_difference(&mut own, index, |own| {
                    let mut all = inputs.each_ref().map(|x| &x[..]);
                    all[number] = own;
                    self.reference(all)
                        .iter()
                        .zip(&self.d_out)
                        .map(|(y, d_out)| y * f64::from(*d_out))
                        .sum()
                });
                inputs[number] = own;
                let got = f64::from(got[index]);
                let name = ["q", "k", "v", "prompt k", "prompt v"][number];
                assert!(
                    (got - exact).abs() <= bound,
                    "{isa:?} {name} {index}: {got}, not {exact} +- {bound}"
                );
            }
        }
    }
}

fn shapes() -> impl Strategy<Value = AttentionParams> {
    let shape = (
        1usize..3,
        prop::sample::select(vec![1usize, 3, 7]),
        prop::sample::select(vec![4usize, 5, 12, 16]),
    );
    let window = prop::option::of(1usize..50);
    let softcap = prop::option::of(0.2f32..3.0);
    (shape, window, softcap).prop_map(
        |((num_key_value_heads, ratio, head_dim), sliding_window, softcap)| AttentionParams {
            num_attention_heads: ratio * num_key_value_heads,
            num_key_value_heads,
            head_dim,
            scale: 1.0 / (head_dim as f32).sqrt(),
            sliding_window,
            softcap,
        },
    )
}

fn lens(longest: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..longest, 1..4)
}

fn prompts() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1usize..70]
}

proptest! {
    #![proptest_config(proptest_cases(24))]

    #[test]
    fn attention_agrees_with_f64(
        params in shapes(),
        lens in lens(70),
        prompt_len in prompts(),
        seed in 0u64..1000,
    ) {
        let case = Case::new(params, &lens, prompt_len, seed);
        for isa in Isa::available() {
            case.check_forward(isa);
        }
    }

    #[test]
    fn prefill_decoding_and_sequences_alone_give_the_same_bits(
        params in shapes(),
        lens in lens(80),
        prompt_len in prompts(),
        seed in 0u64..1000,
    ) {
        let case = Case::new(params, &lens, prompt_len, seed);
        for isa in Isa::available() {
            let whole = case.forward(isa);
            prop_assert_eq!(bits(&whole), bits(&case.forward_by_token(isa)), "{:?}", isa);
            let prompt = case.prompt_kv();
            for (row, &len) in lens.iter().enumerate() {
                let (own, keys) = (case.own(row, params.query_width()), case.sequence_kv(row));
                let group = SequenceGroup { prompt: &prompt, sequences: vec![&keys] };
                let q = &case.q[own.clone()];
                let alone = super::forward(isa, &params, q, &[group], &[vec![len]]);
                prop_assert_eq!(bits(&alone), bits(&whole[own]), "{:?}", isa);
            }
        }
    }
}

proptest! {
    #![proptest_config(proptest_cases(24))]

    #[test]
    fn gradients_agree_with_differences(
        params in shapes(),
        lens in lens(12),
        prompt_len in prop_oneof![Just(0), 1usize..12],
        seed in 0u64..1000,
    ) {
        let sliding_window = params.sliding_window.map(|window| window % 12 + 1);
        let params = AttentionParams { sliding_window, ..params };
        let case = Case::new(params, &lens, prompt_len, seed);
        for isa in Isa::available() {
            case.check_backward(isa, 12);
        }
    }
}

const PARAMS: AttentionParams = AttentionParams {
    num_attention_heads: 14,
    num_key_value_heads: 2,
    head_dim: 5,
    scale: 0.6,
    sliding_window: None,
    softcap: None,
};

#[test]
fn gradients_of_long_rows_agree_with_differences() {
    for (sliding_window, softcap) in [(None, None), (Some(37), None), (Some(37), Some(0.7))] {
        let case = Case::new(
            AttentionParams {
                sliding_window,
                softcap,
                ..PARAMS
            },
            &[41, 3],
            35,
            9,
        );
        for isa in Isa::available() {
            case.check_backward(isa, 6);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let case = Case::new(PARAMS, &[70, 33, 1], 40, 3);
    for isa in Isa::available() {
        let compute = || {
            let Gradients {
                q,
                kv: [k, v],
                prompt,
            } = case.backward(isa);
            let [prompt_k, prompt_v] = prompt.expect("there is a prompt");
            [case.forward(isa), q, k, v, prompt_k, prompt_v].map(|x| bits(&x))
        };
        let alone = with_threads(1, compute);
        assert!(
            [2, 3]
                .into_iter()
                .all(|threads| with_threads(threads, compute) == alone),
            "{isa:?}"
        );
    }
}

#[test]
fn groups_are_computed_as_if_alone() {
    let cases = [
        Case::new(PARAMS, &[9, 40], 33, 1),
        Case::new(PARAMS, &[2], 0, 2),
    ];
    let rows = cases.each_ref().map(|case| {
        (0..case.lens.len())
            .map(|row| case.sequence_kv(row))
            .collect::<Vec<_>>()
    });
    let prompts = cases.each_ref().map(Case::prompt_kv);
    let groups = [0, 1].map(|i| SequenceGroup {
        prompt: &prompts[i],
        sequences: rows[i].iter().map(Vec::as_slice).collect(),
    });
    let q = [&cases[0].q[..], &cases[1].q].concat();
    for isa in Isa::available() {
        let both = super::forward(
            isa,
            &PARAMS,
            &q,
            &groups,
            &cases.each_ref().map(|case| case.lens.clone()),
        );
        let alone = [cases[0].forward(isa), cases[1].forward(isa)].concat();
        assert_eq!(bits(&both), bits(&alone), "{isa:?}");
    }
}

#[test]
fn empty_rows_and_prompts_are_fine() {
    let case = Case::new(PARAMS, &[3, 0, 2, 0], 0, 4);
    let empty: &[f32] = &[];
    for isa in Isa::available() {
        case.check_forward(isa);
        case.check_backward(isa, 6);
        let inputs = |prompt| Inputs {
            q: &case.q,
            kv: case.kv.each_ref().map(|x| &x[..]),
            prompt,
            lens: &case.lens,
        };
        let without = backward(isa, &PARAMS, inputs(None), &case.d_out);
        let with = backward(isa, &PARAMS, inputs(Some([empty; 2])), &case.d_out);
        assert_eq!(bits(&with.q), bits(&without.q), "{isa:?}");
    }
}
