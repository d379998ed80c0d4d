//! The special tokens of chat templates.

use std::ops::Range;

use memchr::memchr3_iter;

/// What a special token says about the turns of a chat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// The end of a turn.
    EndOfTurn,
    /// The end of a text, which some families also use to pad the text or to begin it.
    EndOfText,
    /// The start of a turn with its header, if the header says whose it is.
    Turn { of_assistant: Option<bool> },
    /// A token that only marks the begin of a text or of an answer.
    Nothing,
}

/// The first special token of `text` from `start`.
pub(super) fn next_token(text: &str, start: usize) -> Option<(Token, Range<usize>)> {
    memchr3_iter(b'<', b'[', b']', &text.as_bytes()[start..]).find_map(|offset| {
        let at = start + offset;
        let (token, length) = token(&text[at..])?;
        Some((token, at..at + length))
    })
}

/// The special token at the start of `text` and its length, which includes the header of a turn.
fn token(text: &str) -> Option<(Token, usize)> {
    let (name, length) = name(text)?;
    let is = |names: &[&str]| names.iter().any(|known| same(name, known));
    let rest = &text[length..];
    let token = if is(HEADERS) {
        return Some(header(text, length));
    } else if same(name, "channel") {
        let (role, end) = role(text, length);
        let is_final = role.eq_ignore_ascii_case("final");
        return Some((turn(is_final), end));
    } else if is(ASSISTANT) {
        return Some((turn(true), length + header_end(rest)));
    } else if is(OTHERS) {
        return Some((turn(false), length + header_end(rest)));
    } else if is(ENDS) {
        Token::EndOfTurn
    } else if is(TEXT_ENDS) {
        Token::EndOfText
    } else if is(BEGINS) {
        Token::Nothing
    } else {
        return None;
    };
    Some((token, length))
}

fn turn(of_assistant: bool) -> Token {
    Token::Turn {
        of_assistant: Some(of_assistant),
    }
}

/// The header of a turn, whose role begins at `start`.
fn header(text: &str, start: usize) -> (Token, usize) {
    let (role, end) = role(text, start);
    let ends = text[..end].ends_with('>')
        || text[end..].starts_with(['\n', '<', '['])
        || end == text.len();
    if role.is_empty() || !ends {
        return (Token::Turn { of_assistant: None }, start);
    }
    let of_assistant = ["assistant", "model", "ai", "bot", "chatbot"]
        .iter()
        .any(|own| role.eq_ignore_ascii_case(own));
    (turn(of_assistant), end)
}

/// The role or channel at `start`, and the end of the header.
fn role(text: &str, start: usize) -> (&str, usize) {
    const MAX_ROLE: usize = 24;
    let rest = &text[start..];
    let length = rest
        .bytes()
        .take(MAX_ROLE)
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    let end = start + length;
    (&rest[..length], end + header_end(&text[end..]))
}

/// The length of what ends a header: a token, after a second name such as `to=python`.
fn header_end(text: &str) -> usize {
    const MAX_NAME: usize = 64;
    const ENDS: &[&str] = &[
        "end_header_id",
        "header_end",
        "end_of_role",
        "im_middle",
        "im_sep",
        "message",
        "content",
        "role_end",
    ];
    let bytes = text.as_bytes();
    let Some(at) = memchr::memchr2(b'<', b'\n', &bytes[..bytes.len().min(MAX_NAME)]) else {
        return 0;
    };
    match name(&text[at..]) {
        Some((name, length)) if ENDS.iter().any(|end| same(name, end)) => at + length,
        _ => 0,
    }
}

/// Names of tokens, in lower case and with `_` between words.
const HEADERS: &[&str] = &[
    "im_start",
    "start_header_id",
    "header_start",
    "start_of_turn",
    "|turn",
    "start_of_role",
    "start_of_turn_token",
    "role_start",
    "start",
    "seed:bos",
    "]~b]",
];
const ASSISTANT: &[&str] = &[
    "assistant",
    "chatbot_token",
    "bot",
    "model",
    "im_assistant",
    "assistant_start",
    "/inst",
];
const OTHERS: &[&str] = &[
    "user",
    "human",
    "system",
    "developer",
    "observation",
    "plugin",
    "ipython",
    "tool",
    "context",
    "user_token",
    "system_token",
    "im_user",
    "im_system",
    "user_start",
    "system_start",
    "inst",
    "system_prompt",
];
const ENDS: &[&str] = &[
    "im_end",
    "im_sep",
    "end",
    "eot",
    "eot_id",
    "eom",
    "eom_id",
    "eoa",
    "eoh",
    "eod",
    "eou",
    "eop",
    "end_of_turn",
    "endofturn",
    "turn|",
    "end_of_turn_token",
    "end_of_message",
    "end_of_utterance",
    "end_of_sentence",
    "end_response",
    "end_of_solution",
    "assistant_end",
    "user_end",
    "role_end",
    "return",
    "call",
    "[e~[",
];
const TEXT_ENDS: &[&str] = &[
    "endoftext",
    "end_of_text",
    "end_of_document",
    "eos",
    "eos_token",
    "seed:eos",
    "/s",
    "pad",
    "pad_token",
    "finetune_right_pad_id",
];
const BEGINS: &[&str] = &[
    "s",
    "bos",
    "bos_token",
    "begin_of_text",
    "begin_of_sentence",
    "beginning_of_sentence",
    "startoftext",
    "start_of_text",
    "begin_of_solution",
    "start_response",
    "gmask",
    "sop",
    "@bos@",
    "]~!b[",
];

/// The name of a token such as `<|im_end|>`, `<eos>`, `[INST]` or `<｜User｜>`, and the length of
/// the token.
fn name(text: &str) -> Option<(&str, usize)> {
    const MAX_NAME: usize = 40;
    // The tokens of MiniMax.
    if let Some(token) = ["]~b]", "[e~[", "]~!b["]
        .into_iter()
        .find(|token| text.starts_with(token))
    {
        return Some((token, token.len()));
    }
    let close = if text.starts_with('<') { '>' } else { ']' };
    let inner = text.strip_prefix(['<', '['])?;
    let bytes = inner.as_bytes();
    let length = memchr::memchr(close as u8, &bytes[..bytes.len().min(MAX_NAME)])?;
    let inner = &inner[..length];
    let name = ["|", "｜"]
        .iter()
        .find_map(|bar| inner.strip_prefix(bar)?.strip_suffix(bar))
        .unwrap_or(inner);
    let name = name.strip_prefix("hy_").unwrap_or(name);
    Some((name, length + 2))
}

/// Whether a name is `known`, whatever its case. Some families write `▁` or a blank for `_`.
fn same(name: &str, known: &str) -> bool {
    let mut characters = name.chars().map(|c| match c {
        '▁' | ' ' => '_',
        c => c.to_ascii_lowercase(),
    });
    known.chars().all(|c| characters.next() == Some(c)) && characters.next().is_none()
}
