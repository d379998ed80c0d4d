//! Recipes as text: a preset, a file over it, and single settings over both.

use toml::Table;

use super::{Preset, Recipe, UnknownPreset};

/// Why a recipe cannot be used.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error("`{key}` is {value} in the recipe; it must be {expected}")]
    Value {
        key: &'static str,
        value: String,
        expected: &'static str,
    },
    #[error("the recipe is not TOML: {0}")]
    Toml(toml::de::Error),
    #[error("the recipe does not fit: {0}")]
    Key(toml::de::Error),
    #[error("the setting `{0}` is not KEY=VALUE")]
    Setting(String),
    #[error(transparent)]
    Preset(#[from] UnknownPreset),
    #[error("`preset` must be a name between quotes")]
    PresetType,
}

impl Recipe {
    /// The recipe that `text` (TOML) and `settings` (`KEY=VALUE`, the later over the earlier) describe.
    ///
    /// What they leave out is as in the preset that the key `preset` names, or as by default. A value that is not TOML is
    /// taken for a string, so that `task=nano-math` needs no quotes.
    ///
    /// ```
    /// use trimtab_rl::{Recipe, Surrogate};
    ///
    /// let recipe = Recipe::resolve("preset = 'dapo'\nsteps = 20", &["loss.clip_high=0.3".to_owned()])?;
    /// assert_eq!(recipe.loss.surrogate, Surrogate::Clipped);
    /// assert_eq!((recipe.steps, recipe.loss.clip_high), (20, 0.3));
    /// # Ok::<(), trimtab_rl::RecipeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`RecipeError`]: unknown keys are refused, and values that cannot work.
    pub fn resolve(text: &str, settings: &[String]) -> Result<Self, RecipeError> {
        let mut table: Table = text.parse().map_err(RecipeError::Toml)?;
        for setting in settings {
            merge(&mut table, parse(setting)?);
        }
        let preset = match table.remove("preset") {
            None => Recipe::default(),
            Some(toml::Value::String(name)) => name.parse::<Preset>()?.recipe(),
            Some(_) => return Err(RecipeError::PresetType),
        };
        let mut resolved = Table::try_from(preset).expect("a recipe is plain data");
        merge(&mut resolved, table);
        let recipe: Self = resolved.try_into().map_err(RecipeError::Key)?;
        recipe.check()?;
        Ok(recipe)
    }

    /// The whole recipe as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is plain data")
    }
}

fn parse(setting: &str) -> Result<Table, RecipeError> {
    let wrong = || RecipeError::Setting(setting.to_owned());
    let (key, value) = setting.split_once('=').ok_or_else(wrong)?;
    format!("{key} = {value}")
        .parse()
        .or_else(|_| format!("{key} = {value:?}").parse())
        .map_err(|_| wrong())
}

fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(over)) => merge(inner, over),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Advantage, BuiltIn};

    #[test]
    fn later_settings_win_and_tables_are_merged() {
        let text =
            "preset = 'grpo'\ntask = 'nano-math'\n[adamw]\nbeta1 = 0.8\n[reward]\nbox-format = 0.1";
        let settings = ["adamw.beta2=0.99", "steps=3", "steps=4", "task=nano-gsm"];
        let recipe = Recipe::resolve(text, &settings.map(str::to_owned)).expect("a good recipe");
        assert_eq!(recipe.advantage, Advantage::GroupStandardised);
        assert_eq!((recipe.adamw.beta1, recipe.adamw.beta2), (0.8, 0.99));
        assert_eq!(recipe.steps, 4);
        assert_eq!(recipe.task, Recipe::default().task);
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
            Table::try_from(Recipe::default()).expect("data"),
        )];
        let mut keys = vec![];
        while let Some((prefix, table)) = tables.pop() {
            for (key, value) in table {
                match value {
                    toml::Value::Table(inner) => tables.push((format!("{prefix}{key}."), inner)),
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
