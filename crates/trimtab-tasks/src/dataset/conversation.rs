//! Rows that hold a conversation: those of verl, of the OpenAI format and of ShareGPT.

use serde_json::Value;

use super::RowError;

/// Where rows have a conversation, or a prompt that is one text.
pub(super) const FIELDS: [&str; 5] = [
    "/prompt",
    "/messages",
    "/conversations",
    "/conversation",
    "/context_messages",
];

const USER: [&str; 3] = ["user", "human", "prompter"];
const ASSISTANT: [&str; 5] = ["assistant", "gpt", "model", "bot", "chatgpt"];

/// The messages of a row.
pub(super) struct Conversation<'a> {
    field: &'static str,
    messages: &'a [Value],
}

impl<'a> Conversation<'a> {
    /// The conversation of a row: a field of it, or the row itself if that is a list.
    pub(super) fn of(row: &'a Value) -> Option<Self> {
        let list = |field| Some((field, row.pointer(field)?.as_array()?));
        let whole = row.as_array().map(|messages| ("row", messages));
        let (field, messages) = FIELDS.into_iter().find_map(list).or(whole)?;
        Some(Self { field, messages })
    }

    /// The last message of the user. What came before it is left out.
    pub(super) fn question(&self) -> Result<String, RowError> {
        let messages = self.messages.iter();
        let mut asked = messages.rev().filter(|message| is_by(message, &USER));
        let asked = asked.next().ok_or(RowError::NoUser(self.field))?;
        let text = content(asked).ok_or(RowError::NoText(self.field))?;
        Some(text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .ok_or(RowError::EmptyField(self.field))
    }

    /// The last message of the assistant.
    pub(super) fn reply(&self) -> Option<Reply> {
        let message = &self.messages[self.last_reply()?];
        let truth = message
            .pointer("/ground_truth/value")
            .and_then(Value::as_str);
        match truth {
            Some(answer) => Some(Reply::Answer(answer.to_owned())),
            None => content(message).map(Reply::Text),
        }
    }

    /// The conversation up to the last message of the assistant, which answers it.
    pub(super) fn until_reply(self) -> Self {
        let end = self.last_reply().unwrap_or(self.messages.len());
        Self {
            messages: &self.messages[..end],
            ..self
        }
    }

    fn last_reply(&self) -> Option<usize> {
        let is_reply = |message: &Value| is_by(message, &ASSISTANT);
        self.messages.iter().rposition(is_reply)
    }
}

/// A message of the assistant.
pub(super) enum Reply {
    /// What it said.
    Text(String),
    /// The right answer in place of what it said, as in the data of Open-Reasoner-Zero.
    Answer(String),
}

/// Whether one of `roles` said it. A message without a role is the user's.
fn is_by(message: &Value, roles: &[&str]) -> bool {
    let role = message.get("role").or_else(|| message.get("from"));
    match role.and_then(Value::as_str) {
        Some(role) => roles.iter().any(|one| role.eq_ignore_ascii_case(one)),
        None => roles == USER,
    }
}

/// The text of a message: a text, or a list of parts that are all text.
fn content(message: &Value) -> Option<String> {
    match message.get("content").or_else(|| message.get("value"))? {
        Value::Array(parts) => parts.iter().map(part).collect(),
        whole => whole.as_str().map(str::to_owned),
    }
}

fn part(part: &Value) -> Option<&str> {
    part.as_str().or_else(|| part.get("text")?.as_str())
}
