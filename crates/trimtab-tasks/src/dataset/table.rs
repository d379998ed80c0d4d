//! The table of data sets.

use super::fields::{Body, Fields, Gold};
use super::{Dataset, DatasetPurpose, DefaultProtocol};
use crate::prompt::Template;

/// Temperature 1 and the mean of 32 samples, for sets of 30 to 40 problems (arXiv:2505.18706 v3).
const AVG_32: DefaultProtocol = DefaultProtocol {
    template: Template::QwenMath,
    temperature: 1.0,
    samples: 32,
    max_new_tokens: 4096,
};

/// Temperature 1 and one sample (arXiv:2505.18706 v3).
const ONE_SAMPLE: DefaultProtocol = DefaultProtocol {
    samples: 1,
    ..AVG_32
};

/// Temperature 1 and the mean of 8 samples, short completions (arXiv:2505.18706 v1).
const AVG_8: DefaultProtocol = DefaultProtocol {
    samples: 8,
    max_new_tokens: 1024,
    ..AVG_32
};

/// Greedy, as Qwen2.5-Math and others measure the easier sets.
const GREEDY: DefaultProtocol = DefaultProtocol {
    temperature: 0.0,
    samples: 1,
    max_new_tokens: 2048,
    ..AVG_32
};

/// A training group of 16 (arXiv:2505.18706 v3).
const GROUP_16: DefaultProtocol = DefaultProtocol {
    samples: 16,
    ..AVG_32
};

const MATH_TAGS: &[(&str, &str)] = &[
    ("source", "/unique_id"),
    ("level", "/level"),
    ("subject", "/type"),
];

const GSM8K: Fields = Fields {
    body: None,
    question: &["/question"],
    gold: Gold::AfterHashes("/answer"),
    tags: &[],
    missing_golds: &[],
};

const MATH: Fields = Fields {
    body: None,
    question: &["/problem"],
    gold: Gold::LastBox("/solution"),
    tags: MATH_TAGS,
    // Both solutions show that a range has no primes, and end in `\boxed{}` instead of the count,
    // 0.
    missing_golds: &[
        ("train/number_theory/7115.json", "0"),
        ("train/number_theory/7117.json", "0"),
    ],
};

/// `problem` and `answer`, as other sets have them, or the layout of verl.
const TRAINING: Fields = Fields {
    body: None,
    question: &["/problem"],
    gold: Gold::Field(&["/answer"]),
    tags: &[
        ("source", "/extra_info/index"),
        ("source", "/index"),
        ("year", "/year"),
        ("difficulty", "/difficulty"),
    ],
    missing_golds: &[],
};

/// Every data set, training sets first.
pub static DATASETS: [Dataset; 17] = [
    Dataset {
        name: "gsm8k-train",
        purpose: DatasetPurpose::Training,
        rows: 7473,
        files: &["gsm8k_train.jsonl"],
        without: None,
        hub: &["hf://datasets/openai/gsm8k/main/train-00000-of-00001.parquet"],
        licence: "MIT",
        protocol: AVG_8,
        fields: GSM8K,
    },
    Dataset {
        name: "math-train",
        purpose: DatasetPurpose::Training,
        rows: 7500,
        files: &["math_train.jsonl"],
        without: None,
        hub: &[],
        licence: "MIT",
        protocol: AVG_8,
        fields: MATH,
    },
    Dataset {
        name: "math12k",
        purpose: DatasetPurpose::Training,
        rows: 12_000,
        files: &["math_train.jsonl", "math_test.jsonl"],
        without: Some("math500.jsonl"),
        hub: &[],
        licence: "MIT",
        protocol: AVG_8,
        fields: MATH,
    },
    Dataset {
        name: "dapo-17k",
        purpose: DatasetPurpose::Training,
        rows: 17_917,
        files: &["dapo_math_17k.jsonl"],
        without: None,
        hub: &[],
        licence: "Apache-2.0",
        protocol: GROUP_16,
        fields: TRAINING,
    },
    Dataset {
        name: "deepscaler",
        purpose: DatasetPurpose::Training,
        rows: 40_315,
        files: &["deepscaler.json"],
        without: None,
        hub: &["hf://datasets/agentica-org/DeepScaleR-Preview-Dataset/deepscaler.json"],
        licence: "MIT",
        protocol: GROUP_16,
        fields: TRAINING,
    },
    Dataset {
        name: "gsm8k",
        purpose: DatasetPurpose::Evaluation,
        rows: 1319,
        files: &["gsm8k_test.jsonl"],
        without: None,
        hub: &["hf://datasets/openai/gsm8k/main/test-00000-of-00001.parquet"],
        licence: "MIT",
        protocol: AVG_8,
        fields: GSM8K,
    },
    Dataset {
        name: "math-test",
        purpose: DatasetPurpose::Evaluation,
        rows: 5000,
        files: &["math_test.jsonl"],
        without: None,
        hub: &[],
        licence: "MIT",
        protocol: AVG_8,
        fields: MATH,
    },
    Dataset {
        name: "math500",
        purpose: DatasetPurpose::Evaluation,
        rows: 500,
        files: &["math500.jsonl"],
        without: None,
        hub: &["hf://datasets/HuggingFaceH4/MATH-500/test.jsonl"],
        licence: "MIT",
        protocol: ONE_SAMPLE,
        fields: Fields {
            body: None,
            question: &["/problem"],
            gold: Gold::Field(&["/answer"]),
            tags: &[
                ("source", "/unique_id"),
                ("level", "/level"),
                ("subject", "/subject"),
            ],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "aime24",
        purpose: DatasetPurpose::Evaluation,
        rows: 30,
        files: &["aime24.jsonl"],
        without: None,
        hub: &[],
        licence: "MIT; texts by the MAA",
        protocol: AVG_32,
        fields: Fields {
            body: None,
            question: &["/problem", "/Problem"],
            gold: Gold::Field(&["/answer", "/Answer"]),
            tags: &[("source", "/url")],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "aime25",
        purpose: DatasetPurpose::Evaluation,
        rows: 30,
        files: &["aime25.jsonl"],
        without: None,
        hub: &["hf://datasets/math-ai/aime25/test.jsonl"],
        licence: "Apache-2.0; texts by the MAA",
        protocol: AVG_32,
        fields: Fields {
            body: None,
            question: &["/problem", "/question"],
            gold: Gold::Field(&["/expected_answer", "/answer"]),
            tags: &[("source", "/id")],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "amc23",
        purpose: DatasetPurpose::Evaluation,
        rows: 40,
        files: &["amc23.jsonl"],
        without: None,
        hub: &[],
        licence: "MIT; texts by the MAA",
        protocol: AVG_32,
        fields: Fields {
            body: None,
            question: &["/problem", "/question"],
            gold: Gold::Field(&["/answer"]),
            tags: &[("source", "/url")],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "minerva",
        purpose: DatasetPurpose::Evaluation,
        rows: 272,
        files: &["minerva_math.jsonl"],
        without: None,
        hub: &[],
        licence: "MIT; texts CC BY-NC-SA 4.0",
        protocol: ONE_SAMPLE,
        fields: Fields {
            body: None,
            question: &["/problem"],
            gold: Gold::LastBox("/solution"),
            tags: &[("source", "/idx"), ("subject", "/type")],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "olympiadbench",
        purpose: DatasetPurpose::Evaluation,
        rows: 675,
        files: &["olympiadbench.jsonl"],
        without: None,
        hub: &[],
        licence: "MIT",
        protocol: ONE_SAMPLE,
        fields: Fields {
            body: Some(Body::Optional("/context")),
            question: &["/question"],
            gold: Gold::Field(&["/final_answer/0"]),
            tags: &[
                ("source", "/id"),
                ("subject", "/subfield"),
                ("answer_type", "/answer_type"),
                ("unit", "/unit"),
                ("error", "/error"),
            ],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "svamp",
        purpose: DatasetPurpose::Evaluation,
        rows: 1000,
        files: &["svamp.json"],
        without: None,
        hub: &[],
        licence: "MIT",
        protocol: GREEDY,
        fields: Fields {
            body: Some(Body::Required("/Body")),
            question: &["/Question"],
            gold: Gold::Field(&["/Answer"]),
            tags: &[("source", "/ID"), ("subject", "/Type")],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "asdiv",
        purpose: DatasetPurpose::Evaluation,
        rows: 2305,
        files: &["asdiv.jsonl"],
        without: None,
        hub: &[],
        licence: "CC BY-NC 4.0",
        protocol: GREEDY,
        fields: Fields {
            body: Some(Body::Required("/body")),
            question: &["/question"],
            gold: Gold::WithoutUnits("/answer"),
            tags: &[
                ("source", "/id"),
                ("level", "/grade"),
                ("subject", "/solution_type"),
            ],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "gsm-hard",
        purpose: DatasetPurpose::Evaluation,
        rows: 1319,
        files: &["gsm_hard.jsonl"],
        without: None,
        hub: &["hf://datasets/reasoning-machines/gsm-hard/gsmhardv2.jsonl"],
        licence: "Apache-2.0",
        protocol: GREEDY,
        fields: Fields {
            body: None,
            question: &["/input"],
            gold: Gold::Field(&["/target"]),
            tags: &[],
            missing_golds: &[],
        },
    },
    Dataset {
        name: "gsm-plus",
        purpose: DatasetPurpose::Evaluation,
        rows: 2400,
        files: &["gsm_plus_testmini.jsonl"],
        without: None,
        hub: &[],
        licence: "none stated",
        protocol: GREEDY,
        fields: Fields {
            body: None,
            question: &["/question"],
            gold: Gold::Field(&["/answer"]),
            tags: &[("subject", "/perturbation_type")],
            missing_golds: &[],
        },
    },
];
