//! What a row has besides its text and no prompt shows.

use serde_json::Value;

use super::RowError;

const CHOICES: [&str; 2] = ["choices", "options"];

const MEDIA: [&str; 6] = ["image", "images", "video", "videos", "audio", "audios"];

/// Fails if the row has choices, images, videos or sounds. Fields without content are ignored.
pub(super) fn refuse(row: &Value) -> Result<(), RowError> {
    let fields = row.as_object().into_iter().flatten();
    for (name, _) in fields.filter(|(_, value)| has_content(value)) {
        let is_one = |names: &[&str]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        if is_one(&CHOICES) {
            return Err(RowError::Choices(name.clone()));
        }
        if is_one(&MEDIA) {
            return Err(RowError::Media(name.clone()));
        }
    }
    Ok(())
}

/// Whether a text or number is in it: Parquet has `{"bytes": null}` for a missing image.
fn has_content(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => values.iter().any(has_content),
        Value::Object(fields) => fields.values().any(has_content),
        Value::Bool(true) | Value::Number(_) => true,
    }
}
