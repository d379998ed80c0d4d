//! The final message of a text: without the turns of others, without thinking, and without the
//! problems that a base model goes on to write.

mod continuation;
mod thinking;
mod token;

use self::token::{Token, next_token};

/// The final message. `None` if it is empty, or if its thinking never ends.
pub(super) fn final_message(text: &str) -> Option<&str> {
    let turn = turn(after_plain_headers(text)?)?;
    let said = thinking::after(turn)?;
    let said = without_begins(said);
    (!said.is_empty()).then(|| continuation::without(said))
}

/// The text after the tokens that mark its begin.
fn without_begins(mut text: &str) -> &str {
    text = text.trim_start();
    while let Some((Token::Nothing, range)) =
        next_token(text, 0).filter(|(_, range)| range.start == 0)
    {
        text = text[range.end..].trim_start();
    }
    text
}

/// The first turn of the assistant that is not empty. The text may start with a prompt. A text
/// without special tokens is a turn of the assistant.
fn turn(text: &str) -> Option<&str> {
    let mut start = 0;
    let mut at = 0;
    let mut own = true;
    let mut has_turns = false;
    while let Some((token, range)) = next_token(text, at) {
        at = range.end;
        let is_empty = text[start..range.start].trim().is_empty();
        match token {
            Token::Nothing if !is_empty => continue,
            _ if own && !is_empty => return Some(&text[start..range.start]),
            Token::Nothing => {}
            // Before the text, these pad it or mark its begin.
            Token::EndOfText if own && !has_turns => {}
            Token::EndOfText | Token::EndOfTurn if own => return None,
            Token::EndOfText | Token::EndOfTurn => own = true,
            Token::Turn { of_assistant } => {
                own = of_assistant.unwrap_or(own);
                has_turns = true;
            }
        }
        start = range.end;
    }
    own.then(|| without_partial_token(&text[start..]))
}

/// The text without the start of a special token at its end.
fn without_partial_token(text: &str) -> &str {
    const MAX_TOKEN: usize = 32;
    let end = text.trim_end();
    let tail = end.ceil_char_boundary(end.len().saturating_sub(MAX_TOKEN - 1));
    match end[tail..].rfind("<|") {
        Some(at) if is_name(&end[tail + at + 2..]) => &end[..tail + at],
        _ => text,
    }
}

fn is_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// The text after headers that are left when a decoder drops the special tokens. `None` if it ends
/// before the answer.
fn after_plain_headers(text: &str) -> Option<&str> {
    let trimmed = text.trim_start();
    // Channels, as in "analysis…assistantfinal…".
    if let Some(analysis) = trimmed.strip_prefix("analysis")
        && analysis.starts_with(|c: char| c.is_ascii_uppercase())
    {
        const FINAL: &str = "assistantfinal";
        return analysis
            .rfind(FINAL)
            .map(|at| &analysis[at + FINAL.len()..]);
    }
    // Roles on their own line, as in "user\n…\nassistant\n…".
    if ["user\n", "system\n"]
        .iter()
        .any(|role| trimmed.starts_with(role))
    {
        const ROLES: [&str; 2] = ["\nassistant\n", "\nmodel\n"];
        let answer = |role: &&str| trimmed.find(role).map(|at| at + role.len());
        if let Some(at) = ROLES.iter().filter_map(answer).min() {
            return Some(&trimmed[at..]);
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::final_message;

    /// Special tokens of a model family: before the answer, and after it.
    const FAMILIES: &[(&str, &str)] = &[
        // ChatML: Qwen, Yi, SmolLM, InternLM 2, OLMo 3
        ("<|im_start|>assistant\n", "<|im_end|>\n<|im_start|>user\n"),
        ("", "<|im_end|>"),
        ("<|im_start|>", "<|im_end|>"),
        ("", "<|im_end|>\n<|im_start|>assistant\n"),
        ("", "<|endoftext|>"),
        // Phi
        ("<|assistant|>\n", "<|end|>\n<|user|>\n"),
        (
            "<|im_start|>assistant<|im_sep|>",
            "<|im_end|><|im_start|>user<|im_sep|>",
        ),
        // Llama 3 and 4
        (
            "<|begin_of_text|><|start_header_id|>assistant<|end_header_id|>\n\n",
            "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        ),
        ("", "<|eom_id|>"),
        ("", "<|end_of_text|>"),
        ("<|header_start|>assistant<|header_end|>\n\n", "<|eot|>"),
        ("", "<|finetune_right_pad_id|>"),
        // Llama 2, Mistral
        ("<s>[INST] 8 + 1? [/INST] ", "</s>"),
        ("<s> ", " [INST] Sure? [/INST]"),
        ("</s>", "</s></s>"),
        // Gemma
        (
            "<start_of_turn>model\n",
            "<end_of_turn>\n<start_of_turn>user\n",
        ),
        (
            "<bos><|turn>model\n<|channel>thought\n<channel|>",
            "<turn|>\n",
        ),
        ("<bos>", "<eos><pad><pad>"),
        ("<pad><pad><bos>", "<eos>"),
        // DeepSeek
        (
            "<｜begin▁of▁sentence｜><｜User｜>8?<｜Assistant｜>",
            "<｜end▁of▁sentence｜>",
        ),
        ("", "<|end_of_sentence|>"),
        ("", "<|end▁of▁sentence|><|User|>"),
        ("", "<|EOT|>"),
        // Cohere
        (
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
            "<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>",
        ),
        (
            "<|START_THINKING|>8<|END_THINKING|><|START_RESPONSE|>",
            "<|END_RESPONSE|>",
        ),
        // Granite
        (
            "<|start_of_role|>assistant<|end_of_role|>",
            "<|end_of_text|>\n",
        ),
        // gpt-oss
        (
            "<|channel|>analysis<|message|>8<|end|><|start|>assistant<|channel|>final<|message|>",
            "<|return|>",
        ),
        ("<|channel|>final<|message|>", "<|call|>"),
        ("analysisMaybe 8? No.assistantfinal", ""),
        // GLM
        (
            "[gMASK]<sop><|user|>\n8?<|assistant|>\n",
            "<|observation|>\n",
        ),
        // EXAONE
        ("[|assistant|]", "[|endofturn|]\n[|user|]"),
        // Kimi
        (
            "<|im_assistant|>assistant<|im_middle|>",
            "<|im_end|><|im_user|>user<|im_middle|>",
        ),
        // MiniMax
        ("]~b]ai\n", "[e~[\n]~b]user\n"),
        // Hunyuan, Seed, InternLM, nanochat
        ("<｜hy_Assistant｜>", "<｜hy_EOT｜>"),
        ("<seed:bos>assistant\n", "<seed:eos>"),
        ("<|Bot|>", "<eoa>"),
        ("<|assistant_start|>", "<|assistant_end|><|user_start|>"),
        ("", "<|end_of_turn|>"),
        ("", "<end_of_utterance>"),
        // tokens that a decoder dropped or cut
        ("user\n8 + 1?\nassistant\n", ""),
        ("", "\nuser\nSure?"),
        ("", "<|im_end"),
        ("", "<|"),
    ];

    #[test]
    fn every_family_ends_its_turn() {
        for (before, after) in FAMILIES {
            let is_cut = after.is_empty() || after.ends_with('|') || after.ends_with("im_end");
            for follows in ["", "The answer is 9.", "8\n"] {
                let follows = if is_cut { "" } else { follows };
                let text = format!("{before}The answer is 7.{after}{follows}");
                let message = final_message(&text).map(str::trim);
                assert_eq!(message, Some("The answer is 7."), "{text:?}");
            }
        }
    }

    #[test]
    fn an_empty_turn_has_no_message() {
        for text in [
            "<|im_end|>7",
            "<|im_start|>assistant\n<|im_end|>7",
            "<|im_start|>user\n7<|im_end|>",
            "<|channel|>analysis<|message|>7<|end|>",
            "<|channel|>analysis<|message|>7",
            "analysisMaybe 7",
            "[INST] 7",
        ] {
            assert_eq!(final_message(text), None, "{text:?}");
        }
    }

    #[test]
    fn signs_that_are_no_tokens_stay() {
        for text in [
            "a <|b| and c|> d 7",
            "$x<y$ and [s] [1, 2] <7>",
            "\\[ x < 7 \\] and $|x|>7$",
            "<b>7</b> <|vision_start|>",
            "[[7]]",
            "the end> of <it 7",
        ] {
            assert_eq!(final_message(text), Some(text), "{text:?}");
        }
    }

    #[test]
    fn thinking_is_no_message() {
        for (text, expected) in [
            ("<think>6</think>7", Some("7")),
            ("6</think>7", Some("7")),
            ("<think>6</think><think>8</think>7", Some("7")),
            ("<think>6 <think>8</think> 9</think> 7", Some("7")),
            ("< think >6</ think >7", Some("7")),
            ("<Thinking>6</THINKING>\n7", Some("7")),
            ("[THINK]6[/THINK]7", Some("7")),
            ("◁think▷6◁/think▷7", Some("7")),
            ("<reasoning>6</reasoning>7", Some("7")),
            ("<seed:think>6</seed:think>7", Some("7")),
            (
                concat!(
                    "<|begin_of_thought|>6<|end_of_thought|>\n",
                    "<|begin_of_solution|>7<|end_of_solution|>"
                ),
                Some("7"),
            ),
            ("7\n<think>6?</think>", Some("7\n")),
            // nothing is said, or the thinking never ends
            ("<think>7</think>", None),
            ("7</think>", None),
            ("<think>7", None),
            ("[THINK]7", None),
            ("<think>6</think>7<think>8", None),
            ("<think>7<|im_end|></think>8", None),
            // no tags
            ("I think 7", Some("I think 7")),
            ("[thinker] <thin> 7", Some("[thinker] <thin> 7")),
        ] {
            assert_eq!(final_message(text), expected, "{text:?}");
        }
    }

    #[test]
    fn another_problem_ends_the_message() {
        for (text, expected) in [
            ("#### 7\n\nQuestion: 8?\nAnswer: 9", "#### 7\n\n"),
            (
                "Question: 6?\nAnswer: 7\nProblem: 8?\nAnswer: 9",
                "Question: 6?\nAnswer: 7\n",
            ),
            ("It is 7.\n\nQ: 8?\nA: 9", "It is 7.\n\n"),
            ("The answer is 7.\nProblem:\n8?", "The answer is 7.\n"),
            ("答案是7。\n问题：8?\n", "答案是7。\n"),
            ("It is 7.\nHuman: Thanks! And 8?", "It is 7.\n"),
            (
                "Problem 1: \\boxed{7}\n\n**Question:** 8?",
                "Problem 1: \\boxed{7}\n\n",
            ),
        ] {
            assert_eq!(final_message(text), Some(expected), "{text:?}");
        }
        for text in [
            "Question: 8?\nAnswer: 7",
            "Sure.\n\n**Problem:** find it.\n\nAnswer: 7",
            "We need 6.\nQuestion: 6 + 1?\nIt is 7.",
            "Problem 1: \\boxed{6}\n\nProblem 2: \\boxed{7}",
            "The answer is 7.\nQuestionable: no.\nQ.E.D.",
            "User: 8?",
        ] {
            assert_eq!(final_message(text), Some(text), "{text:?}");
        }
    }
}
