//! Recipes as text: a preset, a file over it, and single settings over both.

use toml::{Table, Value};

use super::explain::Misfit;
use super::{Preset, Recipe, RecipeConfig, UnknownPreset};

/// Why a recipe cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("`{key}` is {value} in the recipe; it must be {expected}")]
    Value {
        key: &'static str,
        value: String,
        expected: String,
    },
    #[error("the recipe is not TOML: {0}")]
    Toml(toml::de::Error),
    #[error("the recipe has a key or value that does not fit: {0}")]
    Key(Misfit),
    #[error("`{key}` is {value}; whole numbers of a recipe go up to 9223372036854775807")]
    TooLarge { key: String, value: String },
    #[error("the key `{old}` is now called `{new}`; rename it in the recipe")]
    Renamed {
        old: &'static str,
        new: &'static str,
    },
    #[error("the setting `{0}` is not KEY=VALUE")]
    Setting(String),
    #[error(transparent)]
    Preset(#[from] UnknownPreset),
    #[error("`preset` must be a name between quotes")]
    PresetType,
}

/// Largest whole number of TOML.
const MAX_WHOLE: u128 = i64::MAX as u128;

/// Keys of earlier versions with their names of today.
const RENAMED_KEYS: [(&str, &str); 4] = [
    ("most_skipped_steps", "max_skipped_steps"),
    ("loss.updates_per_batch", "loss.num_iterations"),
    ("tokens_at_once", "micro_batch_tokens"),
    ("selection", "validation"),
];

impl Recipe {
    /// Reads a recipe from `text` in TOML and from `settings` of the form `KEY=VALUE`.
    ///
    /// A setting wins over the text, and a later setting over an earlier one. What they leave out
    /// comes from the preset that the key `preset` names, or else from the defaults. A value that
    /// is not TOML is taken as a string, so `task=nano-math` needs no quotes.
    ///
    /// ```
    /// use trimtab_rl::Recipe;
    /// use trimtab_rl::loss::Surrogate;
    ///
    /// let settings = ["loss.clip_high=0.3".to_owned()];
    /// let recipe = Recipe::resolve("preset = 'dapo'\nsteps = 20", &settings)?;
    /// assert_eq!(recipe.loss.surrogate, Surrogate::Clipped);
    /// assert_eq!((recipe.steps, recipe.loss.clip_high), (20, 0.3));
    /// # Ok::<(), trimtab_rl::recipe::RecipeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`RecipeError`]. Unknown keys are refused, and values that cannot work.
    pub fn resolve(text: &str, settings: &[String]) -> Result<Self, RecipeError> {
        let mut table: Table = text.parse().map_err(RecipeError::Toml)?;
        for setting in settings {
            merge(&mut table, parse(setting)?);
        }
        refuse_renamed(&table)?;
        let preset = match table.remove("preset") {
            None => RecipeConfig::default(),
            Some(Value::String(name)) => name.parse::<Preset>()?.config(),
            Some(_) => return Err(RecipeError::PresetType),
        };
        let mut resolved = Table::try_from(preset).expect("a recipe is plain data");
        merge(&mut resolved, table);
        let config: RecipeConfig = resolved
            .try_into()
            .map_err(|error: toml::de::Error| RecipeError::Key(error.into()))?;
        config.build()
    }
}

fn refuse_renamed(table: &Table) -> Result<(), RecipeError> {
    let holds = |path: &str| {
        let (parents, key) = path.rsplit_once('.').unwrap_or(("", path));
        let mut parents = parents.split('.').filter(|parent| !parent.is_empty());
        let table = parents.try_fold(table, |table, parent| table.get(parent)?.as_table());
        table.is_some_and(|table| table.contains_key(key))
    };
    match RENAMED_KEYS.into_iter().find(|(old, _)| holds(old)) {
        None => Ok(()),
        Some((old, new)) => Err(RecipeError::Renamed { old, new }),
    }
}

fn parse(setting: &str) -> Result<Table, RecipeError> {
    let malformed = || RecipeError::Setting(setting.to_owned());
    let (key, value) = setting.split_once('=').ok_or_else(malformed)?;
    let digits = value.trim().trim_start_matches('+');
    if digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u128>().is_ok_and(|it| it > MAX_WHOLE)
    {
        return Err(RecipeError::TooLarge {
            key: key.trim().to_owned(),
            value: digits.to_owned(),
        });
    }
    format!("{key} = {value}")
        .parse()
        .or_else(|_| format!("{key} = {value:?}").parse())
        .map_err(|_| malformed())
}

fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(over)) => merge(inner, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advantage::Advantage;
    use crate::reward::BuiltIn;

    #[test]
    fn later_settings_win_and_tables_are_merged() {
        let text =
            "preset = 'grpo'\ntask = 'nano-math'\n[adamw]\nbeta1 = 0.8\n[reward]\nbox-format = 0.1";
        let settings = ["adamw.beta2=0.99", "steps=3", "steps=4", "task=nano-gsm"];
        let recipe = Recipe::resolve(text, &settings.map(str::to_owned)).expect("a good recipe");
        assert_eq!(recipe.advantage, Advantage::GroupStandardised);
        assert_eq!((recipe.adamw.beta1, recipe.adamw.beta2), (0.8, 0.99));
        assert_eq!(recipe.steps, 4);
        assert_eq!(recipe.task, RecipeConfig::default().task);
        assert_eq!(recipe.reward[&BuiltIn::Correctness], 1.0);
        assert_eq!(recipe.reward[&BuiltIn::BoxFormat], 0.1);
        let again = Recipe::resolve(&recipe.to_toml(), &[]).expect("just written");
        assert_eq!(again, recipe);
    }

    #[test]
    fn every_key_is_documented() {
        let page = include_str!("../../../../docs/recipe.md");
        let mut tables = vec![(
            String::new(),
            Table::try_from(RecipeConfig::default()).expect("data"),
        )];
        let mut keys = vec![];
        while let Some((prefix, table)) = tables.pop() {
            for (key, value) in table {
                match value {
                    Value::Table(inner) => tables.push((format!("{prefix}{key}."), inner)),
                    _ => keys.push(format!("{prefix}{key}")),
                }
            }
        }
        assert!(keys.len() > 40, "{keys:?}");
        let parts = BuiltIn::ALL.map(|part| part.name().to_owned());
        for key in keys.iter().filter(|key| !key.starts_with("reward.")) {
            assert!(page.contains(&format!("`{key}`")), "{key}");
        }
        for part in parts {
            assert!(page.contains(&format!("`{part}`")), "{part}");
        }
    }

    #[test]
    fn old_keys_are_refused_with_their_new_name() {
        for (old, new) in RENAMED_KEYS {
            let value = if old == "selection" { "{}" } else { "1" };
            for (text, settings) in [
                (format!("{old} = {value}"), vec![]),
                (String::new(), vec![format!("{old}={value}")]),
            ] {
                let error = Recipe::resolve(&text, &settings)
                    .expect_err(old)
                    .to_string();
                assert!(error.contains(&format!("`{new}`")), "{old}: {error}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, setting, named) in [
            ("stepz = 3", "steps=3", "stepz"),
            ("", "loss.clip=0.1", "clip"),
            ("[reward]\nkindness = 1", "steps=3", "kindness"),
            ("preset = 'trpo'", "steps=3", "trpo"),
            ("preset = 3", "steps=3", "preset"),
            ("steps = [", "steps=3", "TOML"),
            ("", "steps", "`steps`"),
            ("", "steps=0", "steps"),
            ("[reward]\ncorrectness = 0", "steps=3", "reward"),
            ("", "reward.random=nan", "random"),
            (
                "reward_command = { program = [] }",
                "steps=3",
                "reward_command.program",
            ),
        ] {
            let error = Recipe::resolve(text, &[setting.to_owned()]).expect_err(text);
            assert!(
                error.to_string().contains(named),
                "{text:?} {setting}: {error}"
            );
        }
    }
}
