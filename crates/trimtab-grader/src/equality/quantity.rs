//! Quantities in different units.

use super::{Comparer, Equality};
use crate::expr::Expr;
use crate::rule::Rule;
use crate::unit;
use crate::vocabulary;

impl Comparer<'_> {
    /// Compares two values in different units that measure the same. `None` if they do not, or if
    /// there is no exact ratio.
    pub(super) fn quantities(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        match (gold, answer) {
            // An angle in radians does not equal the number of its degrees.
            (Expr::Quantity(angle, unit), Expr::Degrees(_)) if unit == "radian" => {
                Some(self.values(angle, answer))
            }
            (Expr::Degrees(_), Expr::Quantity(angle, unit)) if unit == "radian" => {
                Some(self.values(gold, angle))
            }
            (Expr::Quantity(value, unit), Expr::Quantity(other_value, other)) if unit != other => {
                self.converted((value, unit), (other_value, other))
            }
            // Letters are units where the other side has one: "3 h" and "3 hours".
            (Expr::Quantity(value, unit), letters) => {
                let (other_value, other) = in_letters(letters, unit)?;
                self.converted((value, unit), (&other_value, &other))
            }
            (letters, Expr::Quantity(value, unit)) => {
                let (other_value, other) = in_letters(letters, unit)?;
                self.converted((&other_value, &other), (value, unit))
            }
            _ => None,
        }
    }

    fn converted(
        &mut self,
        (gold, unit): (&Expr, &str),
        (answer, other): (&Expr, &str),
    ) -> Option<Equality> {
        // The sign of yuan and yen is the same.
        if [unit, other].iter().any(|unit| unit.contains('¥'))
            && ["yuan", "yen"]
                .iter()
                .any(|name| unit.replace('¥', name) == other.replace('¥', name))
        {
            return Some(self.values(gold, answer));
        }
        let (above, below) = unit::ratio(unit, other)?;
        if above == below {
            return Some(self.values(gold, answer));
        }
        let ratio = Expr::Quotient(Box::new((Expr::integer(above), Expr::integer(below))));
        let converted = Expr::Product(vec![gold.clone(), ratio]);
        Some(match self.values(&converted, answer) {
            Equality::Equal => self.equal_by(Rule::UnitConverted),
            other => other,
        })
    }
}

/// A product that ends in letters as a quantity in the unit that they spell, if that is a unit of
/// the kind of `wanted`: `25 m/s`.
fn in_letters(expr: &Expr, wanted: &str) -> Option<(Expr, String)> {
    let mut value = Vec::new();
    let mut letters = String::new();
    split(expr, 1, &mut value, &mut letters)?;
    if letters.is_empty() || value.is_empty() {
        return None;
    }
    // "5 N m" or "5 mN"
    let joined = letters.replace(' ', "");
    [letters, joined].iter().find_map(|letters| {
        let unit = unit::canonical(letters)?;
        unit::ratio(&unit, wanted)?;
        Some((Expr::Product(value.clone()), unit))
    })
}

/// Splits the factors of a product into numbers and letters of units. `None` if there are others.
fn split(expr: &Expr, sign: i32, value: &mut Vec<Expr>, letters: &mut String) -> Option<()> {
    match expr {
        Expr::Symbol(name) => {
            let letter = match name.as_str() {
                "mu" => "μ",
                "Omega" => "Ω",
                name => name,
            };
            if vocabulary::unit_letter(letter).is_none() && !"kcdMGnμp".contains(letter) {
                return None;
            }
            letters.push(' ');
            letters.push_str(letter);
            if sign < 0 {
                letters.push_str("^-1");
            }
        }
        // `4mi`
        Expr::I if sign > 0 => letters.push_str(" i"),
        Expr::Power(parts) if matches!(parts.0, Expr::Symbol(_)) => {
            let Expr::Symbol(name) = &parts.0 else {
                return None;
            };
            vocabulary::unit_letter(name)?;
            let exponent = match &parts.1 {
                Expr::Number { value, .. } => value.as_i64()?,
                Expr::Negative(inner) => match &**inner {
                    Expr::Number { value, .. } => -value.as_i64()?,
                    _ => return None,
                },
                _ => return None,
            };
            letters.push_str(&format!(" {name}^{}", exponent * i64::from(sign)));
        }
        Expr::Product(factors) => {
            for factor in factors {
                split(factor, sign, value, letters)?;
            }
        }
        Expr::Quotient(parts) if !expr.symbols().is_empty() => {
            split(&parts.0, sign, value, letters)?;
            split(&parts.1, -sign, value, letters)?;
        }
        Expr::Negative(inner) if !expr.symbols().is_empty() => {
            value.push(Expr::Negative(Box::new(Expr::integer(1))));
            split(inner, sign, value, letters)?;
        }
        number if sign > 0 && number.symbols().is_empty() => value.push(number.clone()),
        _ => return None,
    }
    Some(())
}
