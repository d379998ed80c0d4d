//! Checkpoints with quantised weights.

use serde_json::{Map, Value};

use super::error::ConfigError;
use super::keys::{ConfigKeys, shorten};

/// Where programs say how they quantised the weights. MLX says `quantization`.
const KEYS: [&str; 3] = ["quantization_config", "quantization", "compression_config"];

/// Refuses weights that are quantised, with the name of the method.
pub(crate) fn refuse_quantised(keys: &mut ConfigKeys) -> Result<(), ConfigError> {
    for key in KEYS {
        let settings: Option<Value> = keys.optional(key)?;
        let method = match &settings {
            None => continue,
            Some(Value::Object(fields)) if fields.values().all(Value::is_null) => continue,
            Some(Value::Object(fields)) => method(key, fields),
            Some(_) => UNNAMED.to_owned(),
        };
        return Err(ConfigError::Quantised {
            key: key.to_owned(),
            method,
        });
    }
    Ok(())
}

const UNNAMED: &str = "a method that it does not name";

fn method(key: &str, fields: &Map<String, Value>) -> String {
    let has = |field: &str| fields.contains_key(field);
    match fields
        .get("quant_method")
        .or_else(|| fields.get("quant_algo"))
    {
        Some(Value::String(name)) => match name.as_str() {
            "awq" => "AWQ".to_owned(),
            "gptq" => "GPTQ".to_owned(),
            "bitsandbytes" if fields.get("load_in_4bit") == Some(&true.into()) => {
                "bitsandbytes (4 bits)".to_owned()
            }
            "bitsandbytes" => "bitsandbytes (8 bits)".to_owned(),
            other => shorten(&other.into()).trim_matches('"').to_owned(),
        },
        _ if has("load_in_4bit") || has("load_in_8bit") => "bitsandbytes".to_owned(),
        _ if key == "quantization" && has("group_size") => "MLX".to_owned(),
        _ if has("zero_point") => "AWQ".to_owned(),
        _ if has("desc_act") => "GPTQ".to_owned(),
        _ => UNNAMED.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantised_weights_are_refused_by_the_name_of_their_method() {
        for (settings, expected) in [
            (
                r#""quantization_config": {"quant_method": "awq", "bits": 4}"#,
                "AWQ",
            ),
            (r#""quantization_config": {"quant_method": "gptq"}"#, "GPTQ"),
            (
                r#""quantization_config": {"quant_method": "compressed-tensors"}"#,
                "compressed-tensors",
            ),
            (r#""quantization_config": {"quant_method": "fp8"}"#, "fp8"),
            (
                r#""quantization_config": {"quant_method": "mxfp4"}"#,
                "mxfp4",
            ),
            (
                r#""quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}"#,
                "bitsandbytes (4 bits)",
            ),
            (
                r#""quantization_config": {"load_in_8bit": true}"#,
                "bitsandbytes",
            ),
            (r#""quantization_config": {"bits": 4}"#, UNNAMED),
            (r#""quantization": {"group_size": 64, "bits": 4}"#, "MLX"),
        ] {
            let mut keys = ConfigKeys::parse(&format!(r#"{{"model_type": "llama", {settings}}}"#));
            let keys = keys.as_mut().expect("an object");
            match refuse_quantised(keys) {
                Err(ConfigError::Quantised { method, .. }) => assert_eq!(method, expected),
                other => panic!("{settings}: {other:?}"),
            }
        }
        for settings in [
            r#""quantization_config": null"#,
            r#""quantization_config": {}"#,
            r#""quantization_config": {"quant_method": null}"#,
        ] {
            let keys = ConfigKeys::parse(&format!(r#"{{"model_type": "llama", {settings}}}"#));
            let mut keys = keys.expect("an object");
            assert!(refuse_quantised(&mut keys).is_ok(), "{settings}");
        }
    }
}
