//! The special tokens of chat templates.

use std::ops::Range;

use memchr::memchr3_iter;

/// Longest name of a token, in bytes.
const MAX_NAME: usize = 40;

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
    let rest = &text[length..];
    let token = match kind(&normal(name)?)? {
        Kind::Header => return Some(header(text, length)),
        Kind::Channel => {
            let (role, end) = role(text, length);
            let is_final = role.eq_ignore_ascii_case("final");
            return Some((turn(is_final), end));
        }
        Kind::Assistant => return Some((turn(true), length + header_end(rest))),
        Kind::Other => return Some((turn(false), length + header_end(rest))),
        Kind::End => Token::EndOfTurn,
        Kind::TextEnd => Token::EndOfText,
        Kind::Begin => Token::Nothing,
        Kind::HeaderEnd => return None,
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
    const MAX_BYTES: usize = 64;
    let bytes = text.as_bytes();
    let Some(at) = memchr::memchr2(b'<', b'\n', &bytes[..bytes.len().min(MAX_BYTES)]) else {
        return 0;
    };
    let end = name(&text[at..]).and_then(|(name, length)| {
        let name = normal(name)?;
        let ends =
            kind(&name) == Some(Kind::HeaderEnd) || matches!(&*name, b"im_sep" | b"role_end");
        ends.then_some(at + length)
    });
    end.unwrap_or(0)
}

/// The kinds of tokens.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Header,
    HeaderEnd,
    Channel,
    Assistant,
    Other,
    End,
    TextEnd,
    Begin,
}

/// The kind of the token with this name, in lower case and with `_` between words.
fn kind(name: &[u8]) -> Option<Kind> {
    Some(match name {
        b"im_start"
        | b"start_header_id"
        | b"header_start"
        | b"start_of_turn"
        | b"|turn"
        | b"start_of_role"
        | b"start_of_turn_token"
        | b"role_start"
        | b"start"
        | b"seed:bos"
        | b"]~b]" => Kind::Header,
        b"end_header_id" | b"header_end" | b"end_of_role" | b"im_middle" | b"message"
        | b"content" => Kind::HeaderEnd,
        b"channel" => Kind::Channel,
        b"assistant" | b"chatbot_token" | b"bot" | b"model" | b"im_assistant"
        | b"assistant_start" | b"/inst" => Kind::Assistant,
        b"user" | b"human" | b"system" | b"developer" | b"observation" | b"plugin" | b"ipython"
        | b"tool" | b"context" | b"user_token" | b"system_token" | b"im_user" | b"im_system"
        | b"user_start" | b"system_start" | b"inst" | b"system_prompt" => Kind::Other,
        b"im_end" | b"im_sep" | b"end" | b"eot" | b"eot_id" | b"eom" | b"eom_id" | b"eoa"
        | b"eoh" | b"eod" | b"eou" | b"eop" | b"end_of_turn" | b"endofturn" | b"turn|"
        | b"end_of_turn_token" | b"end_of_message" | b"end_of_utterance" | b"end_of_sentence"
        | b"end_of_solution" | b"end_response" | b"assistant_end" | b"user_end" | b"role_end"
        | b"return" | b"call" | b"[e~[" => Kind::End,
        b"endoftext"
        | b"end_of_text"
        | b"end_of_document"
        | b"eos"
        | b"eos_token"
        | b"seed:eos"
        | b"/s"
        | b"pad"
        | b"pad_token"
        | b"finetune_right_pad_id" => Kind::TextEnd,
        b"s"
        | b"bos"
        | b"bos_token"
        | b"begin_of_text"
        | b"begin_of_sentence"
        | b"beginning_of_sentence"
        | b"startoftext"
        | b"start_of_text"
        | b"begin_of_solution"
        | b"start_response"
        | b"gmask"
        | b"sop"
        | b"@bos@"
        | b"]~!b[" => Kind::Begin,
        _ => return None,
    })
}

/// The name of a token such as `<|im_end|>`, `<eos>`, `[INST]` or `<｜User｜>`, and the length of
/// the token.
fn name(text: &str) -> Option<(&str, usize)> {
    // Most brackets start no token.
    let next = *text.as_bytes().get(1)?;
    let may_start = match text.as_bytes()[0] {
        b'<' => matches!(next, b'|' | b'/' | b'a'..=b'z' | b'A'..=b'Z' | 0xef),
        b'[' => matches!(next, b'|' | b'/' | b'@' | b'e' | b'g' | b'A'..=b'Z'),
        _ => next == b'~',
    };
    if !may_start {
        return None;
    }
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

/// A name in lower case. Some families write `▁` or a blank for `_`.
fn normal(name: &str) -> Option<Name> {
    let mut normal = Name {
        bytes: [0; MAX_NAME],
        length: 0,
    };
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let (byte, length) = match bytes[at] {
            b' ' => (b'_', 1),
            byte if byte.is_ascii() => (byte.to_ascii_lowercase(), 1),
            _ if name[at..].starts_with('▁') => (b'_', '▁'.len_utf8()),
            _ => return None,
        };
        normal.bytes[normal.length] = byte;
        normal.length += 1;
        at += length;
    }
    Some(normal)
}

/// A short name.
struct Name {
    bytes: [u8; MAX_NAME],
    length: usize,
}

impl std::ops::Deref for Name {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
