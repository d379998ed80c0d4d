//! The keys of a `config.json`. Each is taken once, so that the keys nobody took are known.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::{ConfigError, refuse};
use super::policy::{Meaning, meaning};

/// The keys that have not been taken.
pub(crate) struct ConfigKeys {
    pub(crate) model_type: String,
    /// The objects around the keys, such as `text_config.`.
    path: String,
    left: Map<String, Value>,
    taken: BTreeSet<String>,
    /// The objects among the keys that were read with [`Self::within`].
    inside: Vec<ConfigKeys>,
}

impl ConfigKeys {
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut keys = Self::untyped(text)?;
        keys.model_type = keys.required("model_type")?;
        Ok(keys)
    }

    /// The keys of a file that has no `model_type`.
    pub(crate) fn untyped(text: &str) -> Result<Self, ConfigError> {
        match serde_json::from_str(text) {
            Ok(left) => Ok(Self {
                model_type: "unknown".to_owned(),
                path: String::new(),
                left,
                taken: BTreeSet::new(),
                inside: vec![],
            }),
            Err(error) => Err(ConfigError::Parse {
                reason: error.to_string(),
            }),
        }
    }

    /// Reads the object at `key`, empty if it is absent, with `read`.
    pub(crate) fn inside<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Self) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let fields = self.or(key, Map::new())?;
        self.within(key, fields, read)
    }

    /// Reads `fields`, which were taken from `key`, with `read`. What it leaves of them counts as
    /// left here.
    pub(crate) fn within<T>(
        &mut self,
        key: &str,
        fields: Map<String, Value>,
        read: impl FnOnce(&mut Self) -> Result<T, ConfigError>,
    ) -> Result<T, ConfigError> {
        let mut inner = Self {
            model_type: self.model_type.clone(),
            path: format!("{}{key}.", self.path),
            left: fields,
            taken: BTreeSet::new(),
            inside: vec![],
        };
        let result = read(&mut inner)?;
        self.inside.push(inner);
        Ok(result)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.left.contains_key(key)
    }

    /// Whether there is nothing, or `null`, at `key`.
    pub(crate) fn is_absent(&self, key: &str) -> bool {
        self.left.get(key).is_none_or(Value::is_null)
    }

    /// The object at `key`, to be changed before it is taken.
    pub(crate) fn object_mut(&mut self, key: &str) -> Option<&mut Map<String, Value>> {
        self.left.get_mut(key)?.as_object_mut()
    }

    /// Puts `value` at `key` if nothing is there.
    pub(crate) fn set_default(&mut self, key: &str, value: impl Into<Value>) {
        self.left.entry(key).or_insert(value.into());
    }

    /// Puts `value` at `key`.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.left.insert(key.to_owned(), value.into());
    }

    /// Takes `key` and ignores its value.
    pub(crate) fn ignore(&mut self, key: &str) {
        self.take(key);
    }

    /// Ignores `key` if its value passes `test`.
    pub(crate) fn ignore_if(&mut self, key: &str, test: impl Fn(&Value) -> bool) {
        if self.left.get(key).is_some_and(test) {
            self.ignore(key);
        }
    }

    /// The value of `key`; `null` counts as absent.
    pub(crate) fn optional<T: DeserializeOwned>(
        &mut self,
        key: &str,
    ) -> Result<Option<T>, ConfigError> {
        match self.take(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let shown = shorten(&value);
                match serde_json::from_value(value) {
                    Ok(value) => Ok(Some(value)),
                    Err(error) => refuse(self.name(key), shown, error.to_string()),
                }
            }
        }
    }

    pub(crate) fn required<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, ConfigError> {
        self.optional(key)?.ok_or_else(|| ConfigError::Missing {
            key: self.name(key),
            model_type: self.model_type.clone(),
        })
    }

    pub(crate) fn or<T: DeserializeOwned>(
        &mut self,
        key: &str,
        default: T,
    ) -> Result<T, ConfigError> {
        Ok(self.optional(key)?.unwrap_or(default))
    }

    /// As [`Self::optional`], but an absent key has a default while `null` means `None`.
    pub(crate) fn nullable<T: DeserializeOwned>(
        &mut self,
        key: &str,
        default: impl Into<Option<T>>,
    ) -> Result<Option<T>, ConfigError> {
        if self.contains(key) {
            self.optional(key)
        } else {
            Ok(default.into())
        }
    }

    /// The token ids at `key`, which is a number or a list.
    pub(crate) fn tokens(&mut self, key: &str) -> Result<Vec<u32>, ConfigError> {
        match self.left.get(key) {
            Some(Value::Array(_)) => self.or(key, vec![]),
            _ => Ok(self.optional(key)?.into_iter().collect()),
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let value = self.left.remove(key)?;
        self.taken.insert(key.to_owned());
        Some(value)
    }

    /// Judges the keys that nobody took. Those in `allowed` are known to the user to be without
    /// effect; each is a name, or a path such as `rope_scaling.surprise`.
    pub(crate) fn finish(self, allowed: &[String]) -> Result<(), ConfigError> {
        for key in allowed {
            self.check_allowed(key)?;
        }
        let mut unknown = vec![];
        self.judge(allowed, &mut unknown)?;
        if unknown.is_empty() {
            return Ok(());
        }
        Err(ConfigError::Unknown {
            model_type: self.model_type,
            keys: unknown,
        })
    }

    fn judge(&self, allowed: &[String], unknown: &mut Vec<String>) -> Result<(), ConfigError> {
        for (key, value) in &self.left {
            let name = self.name(key);
            match meaning(&self.path, key, value) {
                Meaning::Acts => {
                    let expected = "it changes what the model computes and is not supported";
                    return refuse(name, shorten(value), expected);
                }
                Meaning::Unknown if !allowed.contains(&name) => unknown.push(name),
                Meaning::Unknown | Meaning::Inert => (),
            }
        }
        self.inside
            .iter()
            .try_for_each(|inner| inner.judge(allowed, unknown))
    }

    /// Refuses to allow a key that is not there or that is computed.
    fn check_allowed(&self, key: &str) -> Result<(), ConfigError> {
        let not_allowed = |reason| ConfigError::NotAllowed {
            key: key.to_owned(),
            reason,
        };
        if self.any(&|keys| keys.left.keys().any(|left| keys.name(left) == key)) {
            Ok(())
        } else if self.any(&|keys| keys.taken.iter().any(|taken| keys.name(taken) == key)) {
            Err(not_allowed("is computed"))
        } else {
            Err(not_allowed("is not in config.json"))
        }
    }

    fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        test(self) || self.inside.iter().any(|inner| inner.any(test))
    }

    /// `key` with the objects around it, as a message can show it.
    pub(crate) fn name(&self, key: &str) -> String {
        let name = format!("{}{key}", self.path);
        match name.char_indices().nth(80) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name,
        }
    }
}

/// A value as a message can show it.
pub(crate) fn shorten(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
