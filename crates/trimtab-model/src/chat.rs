//! Chat templates: the Jinja program of a checkpoint that turns messages into text.
//!
//! A template is untrusted code. [`trimtab_jinja`] runs it with a limited amount of fuel, which
//! every step, list item and text uses up, in a thread of its own with room for deep recursion.

mod loading;
mod messages;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use trimtab_jinja::Value;
use trimtab_jinja::value::{Dict, Key};

/// Largest template, in bytes. Templates in use have less than 20 thousand.
const MAX_SOURCE_BYTES: usize = 64 << 10;

/// Fuel of one rendering: a step costs 1, and so do an item of a list and 32 bytes of text.
const FUEL: u64 = 1 << 20;

/// How long one rendering may take. Usual ones take a millisecond.
const TIME: Duration = Duration::from_secs(10);

/// Stack of the thread that renders. The system provides it as it is used.
const STACK_BYTES: usize = 512 << 20;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ChatMessage {
    /// Who speaks: `system`, `user`, `assistant` or another role that the template has.
    pub role: String,
    /// What is said.
    pub content: String,
}

impl ChatMessage {
    /// A message of `role`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            content: content.into(),
        }
    }
}

/// The chat template of a checkpoint.
///
/// ```no_run
/// use trimtab_model::{ChatTemplate, ChatMessage};
///
/// let template = ChatTemplate::from_dir("checkpoint".as_ref())?.expect("an instruction model");
/// let text = template.render(&[ChatMessage::new("user", "What is 6 * 7?")], true)?;
/// # Ok::<(), trimtab_model::chat::ChatError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    /// The file that it comes from.
    path: PathBuf,
    /// The source, or why it cannot be used.
    source: Result<String, String>,
    /// `bos_token`, `eos_token` and so on, from the tokenizer configuration.
    special_tokens: BTreeMap<String, String>,
}

/// Why a chat template could not be read or rendered.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "the chat template of {path} cannot be used: {reason}; without it, give the model plain \
         text"
    )]
    Malformed { path: PathBuf, reason: String },
    #[error("the chat template refuses these messages: {message}")]
    Refused { message: String },
    #[error("the chat template cannot be rendered: {reason}")]
    Render { reason: String },
    #[error("the chat template takes too long, or its text grows without limit")]
    Limit,
}

impl ChatTemplate {
    /// Reads the template of the checkpoint folder `dir`. It returns `None` if there is none, as in
    /// most base models.
    ///
    /// The template is in `chat_template.jinja`, or else at the key `chat_template` of
    /// `tokenizer_config.json` or `chat_template.json`. There can be more of them, by name: in the
    /// folder `additional_chat_templates`, or as a list or an object at the key. The one named
    /// `default` is used.
    ///
    /// A template that cannot be used is no error here but in [`Self::render`]: the model needs
    /// none for plain text.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn from_dir(dir: &Path) -> Result<Option<Self>, ChatError> {
        loading::from_dir(dir)
    }

    /// A template from elsewhere: `source` comes from the file `path`, which errors name. Special
    /// tokens have the names that templates use, such as `bos_token`.
    pub fn from_source(
        path: impl Into<PathBuf>,
        source: &str,
        special_tokens: BTreeMap<String, String>,
    ) -> Self {
        Self {
            path: path.into(),
            source: loading::sized(source),
            special_tokens,
        }
    }

    /// The text of `messages`, followed by the beginning of an answer if `add_generation_prompt`.
    ///
    /// The text has its special tokens already. Encode it with
    /// [`Tokenizer::encode_rendered`](crate::Tokenizer::encode_rendered).
    ///
    /// # Errors
    ///
    /// The template cannot be used, refuses the messages (some have no role `system`), fails, or
    /// takes too long.
    pub fn render(
        &self,
        messages: &[ChatMessage],
        add_generation_prompt: bool,
    ) -> Result<String, ChatError> {
        let no_variables: BTreeMap<&str, &str> = BTreeMap::new();
        self.render_with(messages, add_generation_prompt, no_variables)
    }

    /// As [`Self::render`], with messages of any form and more variables, such as `tools` or
    /// `enable_thinking`. Maps keep the order in which they serialize, also in `tojson`.
    ///
    /// As in transformers, a key of a message whose value is null is left out, and
    /// `reasoning_content`, `thinking` and `reasoning` stand for each other.
    ///
    /// # Errors
    ///
    /// As [`Self::render`].
    pub fn render_with(
        &self,
        messages: impl Serialize,
        add_generation_prompt: bool,
        variables: impl Serialize,
    ) -> Result<String, ChatError> {
        let source = self
            .source
            .clone()
            .map_err(|reason| self.malformed(reason))?;
        let unusable = |error: trimtab_jinja::Unserializable| ChatError::Render {
            reason: error.to_string(),
        };
        let messages = Value::from_serialize(messages).map_err(unusable)?;
        let Value::Dict(given) = Value::from_serialize(variables).map_err(unusable)? else {
            return Err(ChatError::Render {
                reason: "the variables of a chat template need names".to_owned(),
            });
        };
        // `tools` and `documents` are always defined in transformers.
        let mut variables: Dict = ["tools", "documents"]
            .map(|name| (Key::from(name), Value::None))
            .into_iter()
            .collect();
        for (name, token) in &self.special_tokens {
            variables.insert(Key::from(name.as_str()), Value::from(token.as_str()));
        }
        variables.extend(
            given
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        let prompt = Value::Bool(add_generation_prompt);
        variables.insert(Key::from("messages"), messages::normalized(messages)?);
        variables.insert(Key::from("add_generation_prompt"), prompt);
        self.run(source, Value::from(variables))
    }

    fn malformed(&self, reason: String) -> ChatError {
        ChatError::Malformed {
            path: self.path.clone(),
            reason,
        }
    }

    /// Renders a template in a thread of its own, which contains panics and deep recursion.
    fn run(&self, source: String, variables: Value) -> Result<String, ChatError> {
        let (sender, receiver) = mpsc::channel();
        let failed = |reason: String| ChatError::Render { reason };
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let text = trimtab_jinja::render(&source, variables, FUEL);
                drop(sender.send(text)); // nobody waits after `TIME`
            })
            .map_err(|error| failed(error.to_string()))?;
        match receiver.recv_timeout(TIME) {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(error)) => Err(match error {
                trimtab_jinja::Error::Syntax { .. } => self.malformed(error.to_string()),
                trimtab_jinja::Error::Raised { message } => ChatError::Refused { message },
                trimtab_jinja::Error::Limit => ChatError::Limit,
                error => failed(error.to_string()),
            }),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(ChatError::Limit),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(failed("the engine panicked".to_owned()))
            }
        }
    }
}
