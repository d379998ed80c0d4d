//! Rows in the layouts of published data sets for reward training.

use super::tests::{only, refused};

/// Origin of the layout, data set that reads it, row, question, gold.
const LAYOUTS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "verl, a system message first",
        "dapo-17k",
        r#"{"data_source": "d", "ability": "math",
            "prompt": [{"role": "system", "content": "You are a sage."},
                       {"role": "user", "content": "P"}],
            "reward_model": {"style": "rule", "ground_truth": "72"},
            "extra_info": {"index": 4, "answer": "40 + 32\n#### 72", "question": "Q"}}"#,
        "P",
        "72",
    ),
    (
        "verl after a table that holds texts only",
        "deepscaler",
        r#"{"prompt": "[{\"role\": \"user\", \"content\": \"P\"}]",
            "reward_model": "{\"style\": \"rule\", \"ground_truth\": \"72\"}"}"#,
        "P",
        "72",
    ),
    (
        "a distilled reply with its thoughts",
        "deepscaler",
        r#"{"messages": [{"role": "user", "content": "P"}, {"role": "assistant", "content":
            "<think>maybe \\boxed{3}</think> So it is \\boxed{72}."}]}"#,
        "P",
        "72",
    ),
    (
        "GSM8K under another name",
        "deepscaler",
        r#"{"question": "P", "answer": "40+32 = <<40+32=72>>72\n#### 72"}"#,
        "P",
        "72",
    ),
    (
        "verl's GSM8K, read as that benchmark",
        "gsm8k",
        r#####"{"prompt": [{"role": "user", "content": "P Let's think step by step and output the
            final answer after \"####\"."}],
            "reward_model": {"ground_truth": "72", "style": "rule"}}"#####,
        "P",
        "72",
    ),
    (
        "verl, several turns",
        "deepscaler",
        r#"{"prompt": [{"role": "user", "content": "first"}, {"role": "assistant", "content":
            "\\boxed{1}"},
                       {"role": "user", "content": "P"}],
            "reward_model": {"ground_truth": 5}}"#,
        "P",
        "5",
    ),
    (
        "DAPO as Open-R1 publishes it",
        "dapo-17k",
        r#"{"prompt": "P", "solution": "34", "data_source": "d",
            "source_prompt": [{"role": "user", "content": "Solve: P"}], "ability": "MATH",
            "reward_model": {"ground_truth": "34", "style": "rule"}, "extra_info": {"index":
            "u"}}"#,
        "P",
        "34",
    ),
    (
        "PRIME",
        "deepscaler",
        r#"{"prompt": [{"content": "When tackling complex tasks …", "role": "system"},
                       {"content": "P\n\nPresent the answer in LaTex format: \\boxed{Your
            answer}", "role": "user"}],
            "reward_model": {"ground_truth": "\\frac{1}{2}", "style": "rule"}}"#,
        "P",
        r"\frac{1}{2}",
    ),
    (
        "Skywork, with a list in a text",
        "deepscaler",
        r#"{"prompt": [{"content": "P", "role": "user"}], "reward_model": {"ground_truth":
            "[\"34\"]", "style": "rule"},
            "extra_info": {"index": 0, "model_difficulty": {"a": 3}}}"#,
        "P",
        "34",
    ),
    (
        "verl, a list of one answer",
        "deepscaler",
        r#"{"prompt": [{"role": "user", "content": "P"}], "reward_model": {"ground_truth":
            ["Gold"]}}"#,
        "P",
        "Gold",
    ),
    (
        "TRL, conversational",
        "deepscaler",
        r#"{"prompt": [{"role": "user", "content": "P"}], "solution": "$\\frac{3}{4}$"}"#,
        "P",
        r"$\frac{3}{4}$",
    ),
    (
        "TRL, standard",
        "deepscaler",
        r#"{"prompt": "P", "answer": "7"}"#,
        "P",
        "7",
    ),
    (
        "OpenAI, the reply as reference",
        "deepscaler",
        r#"{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "P"},
                         {"role": "assistant", "content": "Well, it is $\\boxed{8}$."}]}"#,
        "P",
        "8",
    ),
    (
        "OpenAI, an answer beside the reply",
        "math500",
        r#"{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "P"},
                         {"role": "assistant", "content": "\\boxed{8}"}], "answer": "9"}"#,
        "P",
        "9",
    ),
    (
        "OpenAI, content in parts",
        "deepscaler",
        r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "P "}, {"type":
            "text", "text": "Q"}]},
                         {"role": "assistant", "content": [{"type": "text", "text": "The answer
            is 8."}]}]}"#,
        "P Q",
        "8",
    ),
    (
        "OpenAI, thanks after the reply",
        "deepscaler",
        r#"{"messages": [{"role": "user", "content": "P"}, {"role": "assistant", "content":
            "\\boxed{8}"},
                         {"role": "user", "content": "Thanks!"}]}"#,
        "P",
        "8",
    ),
    (
        "OpenAI, examples as turns",
        "deepscaler",
        r#####"{"messages": [{"role": "user", "content": "E"}, {"role": "assistant", "content":
            "#### 1"},
                         {"role": "user", "content": "P"}, {"role": "assistant", "content":
            "So\n#### 1,000"}]}"#####,
        "P",
        "1,000",
    ),
    (
        "Tulu",
        "deepscaler",
        r#"{"messages": [{"content": "P", "role": "user"}], "ground_truth": "72", "dataset":
            "gsm8k"}"#,
        "P",
        "72",
    ),
    (
        "ShareGPT",
        "deepscaler",
        r#"{"conversations": [{"from": "system", "value": "S"}, {"from": "human", "value": "P"},
                              {"from": "gpt", "value": "42"}]}"#,
        "P",
        "42",
    ),
    (
        "OpenThoughts",
        "deepscaler",
        r#"{"system": "S", "conversations": [{"from": "user", "value": "P"},
             {"from": "assistant", "value": "<think>\\boxed{1}?</think> It is \\boxed{42}."}]}"#,
        "P",
        "42",
    ),
    (
        "ShareGPT keys in OpenAI's place",
        "deepscaler",
        r#"{"conversations": [{"role": "User", "content": "P"}, {"role": "Assistant", "content":
            "Paris"}]}"#,
        "P",
        "Paris",
    ),
    (
        "OpenRLHF",
        "deepscaler",
        r#"{"context_messages": [{"role": "user", "content": "P"}], "label": "4"}"#,
        "P",
        "4",
    ),
    (
        "Open-Reasoner-Zero",
        "deepscaler",
        r#"[[{"from": "human", "value": "P"}, {"from": "assistant", "ground_truth": {"value":
            "60^\\circ"}}]]"#,
        "P",
        r"60^\circ",
    ),
    (
        "SimpleRL-Zoo",
        "deepscaler",
        r#"{"prompt": [{"role": "user", "content": "x"}], "question": "P", "gt_answer": "3",
            "level": 4}"#,
        "P",
        "3",
    ),
    (
        "AceMath",
        "deepscaler",
        r#"{"messages": [{"role": "user", "content": "P\nPlease reason step by step, and put your
            final answer within \\boxed{}."}],
            "answer": "3"}"#,
        "P",
        "3",
    ),
    (
        "OpenR1-Math",
        "deepscaler",
        r#"{"problem": "P", "solution": "…", "answer": "3", "messages": [{"role": "user",
            "content": "x"}],
            "generations": ["a"], "correctness_math_verify": [true]}"#,
        "P",
        "3",
    ),
    (
        "NuminaMath, which has solutions only",
        "deepscaler",
        r#"{"source": "s", "problem": "P", "solution": "So $\\boxed{\\sqrt 2}$.",
            "messages": [{"role": "user", "content": "P"}, {"role": "assistant", "content":
            "…"}]}"#,
        "P",
        r"\sqrt 2",
    ),
    (
        "Big-Math",
        "deepscaler",
        r#"{"problem": "P", "answer": "3", "domain": ["Algebra"], "llama8b_solve_rate": null}"#,
        "P",
        "3",
    ),
    (
        "DeepMath",
        "deepscaler",
        r#"{"question": "P", "final_answer": "3", "difficulty": 4.5, "r1_solution_1": "x"}"#,
        "P",
        "3",
    ),
    (
        "OpenMathInstruct",
        "deepscaler",
        r#"{"question": "P", "expected_answer": "3", "generated_solution": "x"}"#,
        "P",
        "3",
    ),
    (
        "MetaMath",
        "deepscaler",
        r#"{"query": "P", "response": "Adding, we get 3. #### 3 The answer is: 3", "type": "t"}"#,
        "P",
        "3",
    ),
    (
        "AIME, capitalised",
        "deepscaler",
        r#"{"ID": "1", "Problem": "P", "Answer": 204, "Solution": "x"}"#,
        "P",
        "204",
    ),
    (
        "MATH-500 without its answer",
        "math500",
        r#"{"problem": "P", "answer": null, "solution": "Thus $x = \\boxed{\\frac{3}{4}}$."}"#,
        "P",
        r"\frac{3}{4}",
    ),
    (
        "AIME 2024 with an empty answer",
        "aime24",
        r#"{"problem": "P", "answer": "", "solution": "Hence \\boxed{025}."}"#,
        "P",
        "025",
    ),
    (
        "OlympiadBench without its answer",
        "olympiadbench",
        r#"{"context": null, "question": "P", "final_answer": null, "solution": ["One way.",
            "Thus the answer is $8$."]}"#,
        "P",
        "8",
    ),
    (
        "AIME 2025 with its reference solution",
        "aime25",
        r#"{"problem": "P", "reference_solution": "Thus $49+21=\\boxed{70}$"}"#,
        "P",
        "70",
    ),
    (
        "MATH with an answer and no solution",
        "math-test",
        r#"{"problem": "P", "answer": "7"}"#,
        "P",
        "7",
    ),
    (
        "NuminaMath 1.5, an answer in the solution alone",
        "deepscaler",
        r#"{"problem": "P", "answer": "notfound", "solution": "So it is $\\boxed{72}$."}"#,
        "P",
        "72",
    ),
    (
        "OpenR1-Math, an answer in the reply alone",
        "deepscaler",
        r#"{"problem": "P", "answer": "proof", "solution": "…", "messages": [{"role": "user",
            "content": "P"}, {"role": "assistant", "content": "\\boxed{72}"}]}"#,
        "P",
        "72",
    ),
    (
        "a word that is no placeholder",
        "deepscaler",
        r#"{"problem": "P", "answer": "a proof"}"#,
        "P",
        "a proof",
    ),
    (
        "MathVision without choices or image",
        "deepscaler",
        r#"{"question": "P", "answer": "7", "options": [], "choices": {"text": [], "label": []},
            "image": {"bytes": null, "path": ""}, "images": null}"#,
        "P",
        "7",
    ),
    (
        "a matrix, a list as text",
        "deepscaler",
        r#"{"problem": "P", "answer": "[[1, 2], [3, 4]]"}"#,
        "P",
        "[[1, 2], [3, 4]]",
    ),
    (
        "the empty set, an object as text",
        "deepscaler",
        r#"{"problem": "P", "answer": "{}"}"#,
        "P",
        "{}",
    ),
    (
        "a key that occurs twice",
        "deepscaler",
        r#"{"problem": "O", "problem": "P", "answer": "1", "answer": "2"}"#,
        "P",
        "2",
    ),
];

/// Where an answer is looked for.
macro_rules! answers {
    () => {
        "`answer`, `Answer`, `expected_answer`, `final_answer`, `reward_model.ground_truth`, \
         `ground_truth`, `gt_answer`, `target`, `label`, or as the end of `solution`, \
         `Solution`, `reference_solution`, `response`"
    };
}

const DATA_GOLD: &str = "1: the gold answer is a JSON object or list as text, such as the tests \
                         of a program; it must be a number, a formula or words";

/// Data set, row, error.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "dapo-17k",
        r#"{"prompt": [{"role": "system", "content": "S"}], "reward_model": {"ground_truth":
            "1"}}"#,
        "1: no message of the user in `prompt`",
    ),
    (
        "dapo-17k",
        r#"{"messages": [], "answer": "1"}"#,
        "1: no message of the user in `messages`",
    ),
    (
        "dapo-17k",
        r#"{"messages": [{"role": "user", "content": [{"type": "text", "text": "P"}, {"type":
            "image_url"}]}], "answer": "1"}"#,
        "1: the user's message in `messages` is not text alone",
    ),
    (
        "dapo-17k",
        r#"{"messages": [{"role": "user", "content": null}], "answer": "1"}"#,
        "1: the user's message in `messages` is not text alone",
    ),
    (
        "dapo-17k",
        r#"{"messages": [{"role": "user", "content": " "}], "answer": "1"}"#,
        "1: the field `messages` is empty",
    ),
    (
        "dapo-17k",
        r#"{"messages": [{"role": "user", "content": "P"}, {"role": "assistant", "content": "I do
            not know."}]}"#,
        "1: no gold answer in the assistant's message",
    ),
    (
        "dapo-17k",
        r#"{"messages": [{"role": "user", "content": "P"}]}"#,
        concat!(
            "1: no gold answer in ",
            answers!(),
            "; the row has `messages`"
        ),
    ),
    (
        "dapo-17k", // countdown
        r#"{"prompt": [{"role": "user", "content": "P"}], "reward_model": {"ground_truth":
            {"target": 98, "numbers": [44, 19]}}}"#,
        "1: the field `reward_model.ground_truth` is neither text nor a number",
    ),
    (
        "dapo-17k",
        r#"{"problem": "P", "answer": ["1", "2"]}"#,
        "1: the field `answer` is neither text nor a number",
    ),
    (
        "math500",
        r#"{"problem": "P", "answer": null, "solution": "It is clear."}"#,
        concat!(
            "1: no gold answer in ",
            answers!(),
            "; the row has `answer`, which is null, `problem`, `solution`"
        ),
    ),
    (
        "dapo-17k", // Alpaca
        r#"{"instruction": "P", "input": "", "answer": "1"}"#,
        "1: no question in `problem`, `Problem`, `question`, `Question`, `query`, `prompt`, \
         `messages`, `conversations`, `conversation`, `context_messages`; \
         the row has `answer`, `input`, `instruction`",
    ),
    (
        "gsm-hard",
        r#"{"question": "P", "gt": "1"}"#,
        concat!(
            "1: no gold answer in `target`, `answer`, `Answer`, `expected_answer`, ",
            "`final_answer`, `reward_model.ground_truth`, `ground_truth`, `gt_answer`, `label`, ",
            "or as the end of `solution`, `Solution`, `reference_solution`, `response`; ",
            "the row has `gt`, `question`"
        ),
    ),
    (
        "svamp",
        r#"{"Question": "P", "Answer": "1", "a\nb": 1}"#,
        "1: no text before the question in `Body`; the row has `Answer`, `Question`, `a\\nb`",
    ),
    (
        "deepscaler", // MMLU
        r#"{"question": "P", "subject": "s", "choices": ["3", "4", "5", "6"], "answer": 1}"#,
        "1: prompts do not show `choices`; write the choices into the question and \
         remove the field",
    ),
    (
        "gsm8k", // ARC
        r#"{"question": "P", "choices": {"text": ["3"], "label": ["A"]}, "answer": "\n#### A"}"#,
        "1: prompts do not show `choices`; write the choices into the question and \
         remove the field",
    ),
    (
        "deepscaler", // MathQA
        r#"{"Problem": "P", "Options": "a ) 3 , b ) 4", "answer": "b"}"#,
        "1: prompts do not show `Options`; write the choices into the question and \
         remove the field",
    ),
    (
        "dapo-17k", // verl's Geometry3K
        r#"{"prompt": [{"role": "user", "content": "<image>P"}], "images": ["x.png"], "answer":
            "72"}"#,
        "1: prompts do not show `images`; remove the row, or the field if the text suffices",
    ),
    (
        "math500", // Open-R1's multimodal set
        r#"{"problem": "P", "solution": "$\\boxed{72}$", "image": {"bytes": "x", "path": null}}"#,
        "1: prompts do not show `image`; remove the row, or the field if the text suffices",
    ),
    (
        "deepscaler",
        r#"{"problem": "P", "answer": "7", "videos": [{"path": "x.mp4"}]}"#,
        "1: prompts do not show `videos`; remove the row, or the field if the text suffices",
    ),
    (
        "deepscaler", // Eurus
        r#"{"prompt": [{"role": "user", "content": "P"}], "ability": "code", "reward_model":
            {"ground_truth": "{\"inputs\": [\"1 2\\n\"], \"outputs\": [\"3\\n\"]}"}}"#,
        DATA_GOLD,
    ),
    (
        "deepscaler", // DeepCoder
        r#"{"prompt": "P", "ground_truth": "[{\"input\": \"1 2\", \"output\": \"3\"}]"}"#,
        DATA_GOLD,
    ),
    (
        "deepscaler", // KodCode
        r#"{"prompt": "P", "ground_truth": ["[\"assert a\", \"assert b\"]"]}"#,
        DATA_GOLD,
    ),
    (
        "dapo-17k",
        r#"{"problem": "P", "answer": "1", "rate": NaN}"#,
        "1: not valid JSON: expected value, column 41",
    ),
    (
        "dapo-17k",
        r#"{"problem": "P", "answer": "1",}"#,
        "1: not valid JSON: trailing comma, column 32",
    ),
];

#[test]
fn layouts_of_published_sets_are_read() {
    for (origin, name, row, question, gold) in LAYOUTS {
        let problem = only(name, &one_line(row));
        assert_eq!(&problem.question, question, "{origin}");
        assert_eq!(&problem.answer, gold, "{origin}");
    }
}

#[test]
fn rows_that_ask_nothing_or_have_no_answer_are_refused() {
    for (name, row, error) in REFUSED {
        assert_eq!(&refused(name, &one_line(row)), error, "{row}");
    }
}

/// The rows above are wrapped.
fn one_line(row: &str) -> String {
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn files_in_other_formats_are_named() {
    for (start, format) in [
        ("\x1f\u{8b}", "compressed by gzip"),
        ("BZh9", "compressed by bzip2"),
        ("PK\x03\x04", "a ZIP archive"),
        ("ARROW1", "an Arrow file"),
        ("version https://git-lfs", "a pointer to a file in Git LFS"),
    ] {
        let bytes: Vec<u8> = start.chars().map(|byte| byte as u8).collect();
        let file = super::tests::file(&bytes);
        let dataset = super::Dataset::named("dapo-17k").expect("a data set");
        let error = dataset.load(file.path(), super::MalformedRows::Skip);
        let error = error.expect_err(format).to_string();
        assert!(error.contains(format), "{error}");
    }
}
