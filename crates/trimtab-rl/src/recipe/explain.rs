//! What is wrong with a recipe, in plain words.
//!
//! serde speaks of Rust's types (`expected u64`), which nobody who writes a recipe has to know.

use std::fmt;

/// What does not fit in a recipe, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The table or key, where it is known.
    place: Option<String>,
    problem: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "`{place}`: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl From<toml::de::Error> for Misfit {
    fn from(error: toml::de::Error) -> Self {
        let text = error.to_string();
        let place = text.lines().find_map(|line| {
            let place = line.trim().strip_prefix("in `")?;
            Some(place.strip_suffix('`')?.to_owned())
        });
        Self {
            place,
            // Without the lines that name places: a table inside was read on its own.
            problem: plain(error.message().lines().next().unwrap_or_default()),
        }
    }
}

/// The nearest of `candidates`, if it is near.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LEAST: f64 = 0.8;
    let score = |candidate: &&str| strsim::jaro_winkler(name, candidate);
    let best = candidates
        .into_iter()
        .max_by(|a, b| score(a).total_cmp(&score(b)))?;
    (score(&best) >= LEAST).then_some(best)
}

/// A message of serde in plain words; as it is if it has another shape.
fn plain(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("there is no key", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("there is no value", rest);
    }
    for start in ["invalid type: ", "invalid value: "] {
        let found = message.strip_prefix(start);
        if let Some((found, expected)) = found.and_then(|rest| rest.rsplit_once(", expected ")) {
            return format!("it is {}; it must be {}", value(found), kind(expected));
        }
    }
    if let Some((_, expected)) = message
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("it must be {}", kind(expected));
    }
    message.to_owned()
}

/// ``stepz`, expected one of `steps`, `seed`` as a sentence.
fn unknown(what: &str, rest: &str) -> String {
    let mut names = rest.split('`').skip(1).step_by(2);
    let name = names.next().unwrap_or_default();
    let candidates: Vec<&str> = names.collect();
    let listed = || {
        let quoted = candidates.iter().map(|name| format!("`{name}`"));
        quoted.collect::<Vec<_>>().join(", ")
    };
    match nearest(name, candidates.iter().copied()) {
        Some(near) => format!("{what} `{name}`; did you mean `{near}`?"),
        None if candidates.is_empty() => format!("{what} `{name}`"),
        None => format!("{what} `{name}`; there are {}", listed()),
    }
}

/// ``integer `-1``` as the value alone.
fn value(found: &str) -> &str {
    let quoted = found.split_once(' ').map(|(_, value)| value);
    match (found, quoted) {
        ("map", _) => "a table",
        ("sequence", _) => "a list",
        (_, Some(value)) => value,
        (other, None) => other,
    }
}

/// A type of Rust as what to write.
fn kind(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a string" | "str" | "string" => "a text between quotes",
        "a sequence" => "a list between brackets",
        "an array of length 2" | "fewer elements in array" => {
            "a list of two numbers, [LOWEST, HIGHEST]"
        }
        "a map" => "a table",
        other if other.starts_with("struct ") || other.contains("enum") => "a table",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use crate::recipe::Recipe;

    fn message(setting: &str) -> String {
        let error = Recipe::resolve("", &[setting.to_owned()]).expect_err(setting);
        error.to_string()
    }

    /// Common mistakes. None of the messages has a word of serde.
    #[test]
    fn mistakes_are_explained_in_plain_words() {
        for (setting, expected) in [
            ("stepz=3", "there is no key `stepz`; did you mean `steps`?"),
            ("loss.cliphigh=3", "did you mean `clip_high`?"),
            (
                "steps=many",
                "`steps`: it is \"many\"; it must be a whole number from 0",
            ),
            (
                "steps=-3",
                "`steps`: it is `-3`; it must be a whole number from 0",
            ),
            ("steps=1.5", "must be a whole number from 0"),
            ("learning_rate=fast", "must be a number"),
            ("loss=3", "must be a table"),
            ("filter.steps=3", "must be a list of two numbers"),
            ("filter.steps=[2]", "must be a list of two numbers"),
            ("filter.steps=[2, 3, 4]", "must be a list of two numbers"),
            ("filter.step=[2, 3]", "did you mean `steps`?"),
            (
                "zero_variance=dorp",
                "there is no value `dorp`; did you mean `drop`?",
            ),
            ("reward.kindness=1", "kindness"),
            ("steer={form=\"lorra\"}", "`lora`"),
            ("steer={form=\"lora\", rnk=3}", "did you mean `rank`?"),
            (
                "steer={form=\"lora\", rank=\"3\"}",
                "must be a whole number from 0",
            ),
            ("seed=18446744073709551615", "9223372036854775807"),
            ("seed=9223372036854775808", "9223372036854775807"),
        ] {
            let message = message(setting);
            assert!(message.contains(expected), "{setting}: {message}");
            for word in [
                "u64",
                "usize",
                "f32",
                "variant",
                "struct",
                "serde",
                "invalid type",
            ] {
                assert!(!message.contains(word), "{setting}: {message}");
            }
        }
    }
}
