//! Sorting with a comparison that can fail.

use std::cmp::Ordering;

use crate::error::Error;
use crate::fuel::Fuel;

/// `items` in a stable order.
pub(crate) fn sorted<T>(
    mut items: Vec<T>,
    compare: impl Fn(&T, &T) -> Result<Ordering, Error>,
    fuel: &Fuel,
) -> Result<Vec<T>, Error> {
    fuel.spend(items.len())?;
    let mut failure = None;
    items.sort_by(|left, right| match compare(left, right) {
        _ if failure.is_some() => Ordering::Equal,
        Ok(order) => order,
        Err(error) => {
            failure = Some(error);
            Ordering::Equal
        }
    });
    match failure {
        Some(error) => Err(error),
        None => Ok(items),
    }
}
