//! Chat templates: the Jinja program of a checkpoint that turns messages into text.
//!
//! A template is untrusted code. It runs in `minijinja` with a limited budget of fuel, for a
//! limited time, and in a thread of its own with room for deep recursion. Instructions and output
//! use fuel.
//!
//! One case is not stopped: a value that contains itself many times over, such as `[x, x]` thirty
//! times in a row. The engine compares and joins such values without using fuel. The caller gets
//! [`ChatError::Limit`], but the thread keeps running.

mod loading;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind, merge_maps};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, context, escape_formatter};
use minijinja_contrib::pycompat;
use serde::{Deserialize, Serialize};

use crate::python_json;

/// Largest template, in bytes. Templates in use have less than 20 thousand.
const MAX_SOURCE_BYTES: usize = 64 << 10;

/// Fuel of one rendering. An instruction costs 1, and so do 64 bytes of output.
const FUEL: u64 = 1 << 20;

/// How long one rendering may take. Usual ones take a millisecond.
const TIME: Duration = Duration::from_secs(10);

/// Stack of the thread that renders: enough for the depth that [`MAX_SOURCE_BYTES`] and [`FUEL`]
/// allow. The system provides it as it is used.
const STACK_BYTES: usize = 512 << 20;

/// Bytes of printed lists, maps and JSON for one unit of fuel.
const BYTES_PER_FUEL: u64 = 4;

/// Name of the template in its environment.
const NAME: &str = "chat template";

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
    /// A template that cannot be used is no error here but in [`Self::render`]: the model needs none
    /// for plain text.
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
    /// The template refuses the messages (some have no role `system`), fails, or takes too long.
    pub fn render(
        &self,
        messages: &[ChatMessage],
        add_generation_prompt: bool,
    ) -> Result<String, ChatError> {
        self.render_with(messages, add_generation_prompt, context! {})
    }

    /// As [`Self::render`], with messages of any form and more variables, such as `tools` or
    /// `enable_thinking`. Maps keep the order in which they serialize, also in `tojson`.
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
        let messages = Value::from(Serde(messages));
        let variables = Value::from(Serde(variables));
        let source = self.source.as_ref();
        let source = source.map_err(|reason| self.malformed(reason))?;
        let variables = merge_maps([
            context! { tools => (), documents => () }, // always defined in transformers
            Value::from(Serde(&self.special_tokens)),
            variables,
            context! { messages, add_generation_prompt },
        ]);
        self.run(source, variables)
    }

    fn malformed(&self, reason: &str) -> ChatError {
        ChatError::Malformed {
            path: self.path.clone(),
            reason: reason.to_owned(),
        }
    }

    /// Compiles and renders a template, in a thread of its own that contains panics and deep
    /// recursion.
    fn run(&self, source: &str, variables: Value) -> Result<String, ChatError> {
        let unusable = |reason: &str| ChatError::Render {
            reason: reason.to_owned(),
        };
        let source = without_generation_tags(source);
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let mut environment = environment();
                let text = environment
                    .add_template(NAME, &source)
                    .and_then(|()| environment.get_template(NAME)?.render(variables));
                // An error may hold a value that nests deeply, so that it stays in this thread.
                let result = text.map_err(|error| (error.kind(), ChatError::from(error)));
                drop(sender.send(result)); // nobody waits after `TIME`
            })
            .map_err(|error| unusable(&error.to_string()))?;
        match receiver.recv_timeout(TIME) {
            Ok(Err((ErrorKind::SyntaxError, ChatError::Render { reason }))) => {
                Err(self.malformed(&reason))
            }
            Ok(result) => result.map_err(|(_, error)| error),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(ChatError::Limit),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(unusable("the engine panicked")),
        }
    }
}

impl From<Error> for ChatError {
    fn from(error: Error) -> Self {
        let refusal =
            std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Refusal>());
        match (error.kind(), refusal) {
            (ErrorKind::OutOfFuel, _) => Self::Limit,
            (_, Some(Refusal(message))) => Self::Refused {
                message: message.clone(),
            },
            _ => Self::Render {
                reason: error.to_string(),
            },
        }
    }
}

/// The argument of `raise_exception` in a template.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// An environment as `transformers.utils.chat_template_utils` makes it.
fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_unknown_method_callback(|state, value, method, arguments| match method {
        // It pads to any width before it uses fuel.
        "format" => Err(ErrorKind::UnknownMethod.into()),
        _ => pycompat::unknown_method_callback(state, value, method, arguments),
    });
    environment.set_fuel(Some(FUEL));
    environment.set_formatter(|output, state, value| match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Plain => {
            Ok(output.write_str(&limited(state, |text| write!(text, "{value}"))?)?)
        }
        _ => escape_formatter(output, state, value),
    });
    environment.add_filter("tojson", tojson);
    environment.add_filter("string", |state: &State, value: &Value| {
        limited(state, |text| write!(text, "{value}"))
    });
    environment.add_test("iterable", |value: &Value| {
        // `none` is iterable in minijinja
        !matches!(
            value.kind(),
            ValueKind::None | ValueKind::Bool | ValueKind::Number
        )
    });
    environment.add_function("raise_exception", |message: String| -> Result<(), Error> {
        let error = Error::new(ErrorKind::InvalidOperation, message.clone());
        Err(error.with_source(Refusal(message)))
    });
    environment.add_function("strftime_now", |format: &str| {
        strftime(format, &Zoned::now())
    });
    environment
}

/// The filter `tojson` with the arguments that it has in transformers.
fn tojson(
    state: &State,
    value: &Value,
    indent: Option<usize>,
    options: Kwargs,
) -> Result<Value, Error> {
    let indent = indent.or(options.get("indent")?);
    let ascii: Option<bool> = options.get("ensure_ascii")?;
    let separators: Option<Vec<String>> = options.get("separators")?;
    options.assert_all_used()?; // `sort_keys` is not supported
    let style = python_json::Style::new(indent, separators, ascii.unwrap_or(false));
    limited(state, |text| Ok(python_json::dump(value, style, text)?)).map(Value::from)
}

/// The output of `write`, as long as the fuel lasts: a small value can have an endless text.
fn limited(
    state: &State,
    write: impl FnOnce(&mut Limited) -> io::Result<()>,
) -> Result<String, Error> {
    let (_, fuel) = state.fuel_levels().unwrap_or((0, FUEL));
    let mut text = Limited {
        bytes: Vec::new(),
        limit: fuel.saturating_mul(BYTES_PER_FUEL) as usize,
    };
    match write(&mut text) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return Err(ErrorKind::OutOfFuel.into());
        }
        Err(error) => return Err(Error::new(ErrorKind::InvalidOperation, error.to_string())),
    }
    state.consume_fuel(text.bytes.len() as u64 / BYTES_PER_FUEL)?;
    Ok(String::from_utf8(text.bytes).expect("only whole strings are written"))
}

/// A buffer with a limit.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn strftime(format: &str, time: &Zoned) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, time)
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

/// Replaces `{% generation %}`, which marks the assistant's part and prints nothing, by a scope.
fn without_generation_tags(source: &str) -> String {
    let mut result = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start + 2);
        result += before;
        rest = tag;
        let Some(end) = tag.find("%}") else { break };
        let inner = &tag[..end];
        let open = if inner.starts_with(['-', '+']) {
            &inner[..1]
        } else {
            ""
        };
        let close = if inner.ends_with(['-', '+']) {
            &inner[inner.len() - 1..]
        } else {
            ""
        };
        let plain = match inner.trim_matches(['-', '+']).trim() {
            "generation" => "with",
            "endgeneration" => "endwith",
            _ => continue,
        };
        result += &format!("{open} {plain} {close}");
        rest = &tag[end..];
    }
    result + rest
}
