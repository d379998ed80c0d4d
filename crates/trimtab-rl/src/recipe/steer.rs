//! What a run trains.

use serde::{Deserialize, Serialize};
use toml::Table;
use trimtab_steer::{Form, TokenFilter};

/// What is trained and at which tokens it acts: the table `[steer]` of a recipe.
///
/// The table has the keys of the [`Form`] and the key `where`.
///
/// ```
/// use trimtab_rl::Recipe;
/// use trimtab_steer::form::{Form, LowRank};
///
/// let recipe = Recipe::resolve(r#"
///     [steer]
///     form = "low_rank"
///     rank = 2
///     where = { only = { part = "generated" } }
/// "#, &[])?;
/// assert_eq!(recipe.steer.form, Form::LowRank(LowRank { rank: 2, ..LowRank::default() }));
/// # Ok::<_, trimtab_rl::recipe::RecipeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Table")]
pub struct SteerConfig {
    /// The form. By default, one vector per layer.
    #[serde(flatten)]
    pub form: Form,
    /// The tokens at which it acts.
    #[serde(rename = "where", skip_serializing_if = "is_default")]
    pub token_filter: TokenFilter,
}

impl TryFrom<Table> for SteerConfig {
    type Error = toml::de::Error;

    fn try_from(mut table: Table) -> Result<Self, Self::Error> {
        let token_filter = table.remove("where");
        let token_filter = token_filter.map(toml::Value::try_into).transpose()?;
        let form = Form::default().name().into();
        table.entry("form").or_insert(form);
        Ok(Self {
            form: table.try_into()?,
            token_filter: token_filter.unwrap_or_default(),
        })
    }
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
