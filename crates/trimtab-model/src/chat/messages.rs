//! Messages as transformers 5 gives them to a template.

use trimtab_jinja::Value;
use trimtab_jinja::value::{Dict, Key};

use super::ChatError;

/// Names of a message's reasoning. The first is the one that most templates read.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// The messages without keys of value null. Reasoning under any of its names has the first two.
///
/// Source: `_normalize_chat_messages` and `_alias_reasoning_fields` in
/// `transformers.utils.chat_template_utils`.
pub(super) fn normalized(messages: Value) -> Result<Value, ChatError> {
    let Value::List(messages) = &messages else {
        return Err(refused("a conversation must be a list of messages"));
    };
    if messages.is_empty() {
        return Err(refused("a conversation needs a message"));
    }
    let messages = messages.iter().map(|message| match message {
        Value::Dict(message) => Ok(Value::from(with_reasoning(without_nulls(message)))),
        _ => Err(refused(
            "a message must have named fields, such as `role` and `content`",
        )),
    });
    Ok(Value::from(messages.collect::<Result<Vec<_>, _>>()?))
}

fn refused(message: &str) -> ChatError {
    let reason = message.to_owned();
    ChatError::Render { reason }
}

fn without_nulls(message: &Dict) -> Dict {
    let is_given = |(_, value): &(&Key, &Value)| !matches!(value, Value::None);
    let given = message.iter().filter(is_given);
    given
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn with_reasoning(message: Dict) -> Dict {
    let Some(reasoning) = REASONING
        .iter()
        .find_map(|name| message.get(*name))
        .cloned()
    else {
        return message;
    };
    let mut result = Dict::from_iter([(Key::from("thinking"), reasoning.clone())]);
    result.extend(message);
    result.insert(Key::from("reasoning_content"), reasoning);
    result
}
