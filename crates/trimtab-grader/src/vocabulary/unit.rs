//! Names of units.

use super::{LONGEST, find, lowered};

/// The parts of a unit's name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct UnitName {
    /// The prefix in full: `kilo`.
    pub(crate) prefix: &'static str,
    /// The singular name without the prefix: `meter`. A compound is spelled out:
    /// `mile/hour`.
    pub(crate) base: &'static str,
}

/// The unit that a word or a symbol of at least two letters names.
pub(crate) fn unit(word: &str) -> Option<UnitName> {
    if let Some((prefix, base)) = find(&SYMBOLS, word) {
        return Some(UnitName { prefix, base });
    }
    let mut buffer = [0; LONGEST];
    let lower = lowered(word, &mut buffer)?;
    let named = |word: &str| {
        find(&NAMES, word)
            .or_else(|| find(&NAMES, word.strip_suffix('s').filter(|one| one.len() > 1)?))
    };
    if let Some(base) = named(lower) {
        return Some(UnitName { prefix: "", base });
    }
    let (prefix, rest) = PREFIXES
        .iter()
        .find_map(|(prefix, _)| Some((*prefix, lower.strip_prefix(prefix)?)))?;
    let base = named(rest)?;
    (rest.len() > 2 && takes_prefix(base)).then_some(UnitName { prefix, base })
}

/// The unit that a single letter stands for where only a unit can stand.
pub(crate) fn unit_letter(letter: &str) -> Option<&'static str> {
    Some(match letter {
        "m" => "meter",
        "g" => "gram",
        "s" => "second",
        "h" => "hour",
        "l" | "L" => "liter",
        "N" => "newton",
        "J" => "joule",
        "W" => "watt",
        "V" => "volt",
        "A" => "ampere",
        "K" => "kelvin",
        "C" => "coulomb",
        "F" => "farad",
        "T" => "tesla",
        "Ω" => "ohm",
        _ => return None,
    })
}

/// Prefixes and their powers of ten.
pub(crate) const PREFIXES: [(&str, i32); 12] = [
    ("kilo", 3),
    ("centi", -2),
    ("milli", -3),
    ("micro", -6),
    ("nano", -9),
    ("mega", 6),
    ("giga", 9),
    ("pico", -12),
    ("deci", -1),
    ("deca", 1),
    ("hecto", 2),
    ("tera", 12),
];

/// Whether a unit is combined with prefixes.
pub(crate) fn takes_prefix(base: &str) -> bool {
    matches!(
        base,
        "meter"
            | "gram"
            | "second"
            | "liter"
            | "newton"
            | "joule"
            | "watt"
            | "volt"
            | "ampere"
            | "ohm"
            | "hertz"
            | "pascal"
            | "coulomb"
            | "farad"
            | "tesla"
            | "mole"
            | "calorie"
            | "electronvolt"
            | "byte"
            | "bit"
    )
}

/// Symbols of two and more letters, whose case matters, in the order of their bytes.
const SYMBOLS: [(&str, (&str, &str)); 53] = [
    ("GB", ("giga", "byte")),
    ("GHz", ("giga", "hertz")),
    ("GW", ("giga", "watt")),
    ("GeV", ("giga", "electronvolt")),
    ("Hz", ("", "hertz")),
    ("KB", ("kilo", "byte")),
    ("MB", ("mega", "byte")),
    ("MHz", ("mega", "hertz")),
    ("MJ", ("mega", "joule")),
    ("MN", ("mega", "newton")),
    ("MPa", ("mega", "pascal")),
    ("MW", ("mega", "watt")),
    ("MeV", ("mega", "electronvolt")),
    ("Pa", ("", "pascal")),
    ("TB", ("tera", "byte")),
    ("Wh", ("", "watt hour")),
    ("cL", ("centi", "liter")),
    ("cl", ("centi", "liter")),
    ("cm", ("centi", "meter")),
    ("dL", ("deci", "liter")),
    ("dl", ("deci", "liter")),
    ("dm", ("deci", "meter")),
    ("eV", ("", "electronvolt")),
    ("kA", ("kilo", "ampere")),
    ("kB", ("kilo", "byte")),
    ("kHz", ("kilo", "hertz")),
    ("kJ", ("kilo", "joule")),
    ("kN", ("kilo", "newton")),
    ("kPa", ("kilo", "pascal")),
    ("kV", ("kilo", "volt")),
    ("kW", ("kilo", "watt")),
    ("kWh", ("kilo", "watt hour")),
    ("kcal", ("kilo", "calorie")),
    ("keV", ("kilo", "electronvolt")),
    ("kg", ("kilo", "gram")),
    ("km", ("kilo", "meter")),
    ("mA", ("milli", "ampere")),
    ("mJ", ("milli", "joule")),
    ("mL", ("milli", "liter")),
    ("mN", ("milli", "newton")),
    ("mT", ("milli", "tesla")),
    ("mV", ("milli", "volt")),
    ("mW", ("milli", "watt")),
    ("mg", ("milli", "gram")),
    ("ml", ("milli", "liter")),
    ("mm", ("milli", "meter")),
    ("mmol", ("milli", "mole")),
    ("ms", ("milli", "second")),
    ("nC", ("nano", "coulomb")),
    ("nF", ("nano", "farad")),
    ("nm", ("nano", "meter")),
    ("ns", ("nano", "second")),
    ("pF", ("pico", "farad")),
];

/// Words in lower case and the singular, in alphabetical order.
const NAMES: [(&str, &str); 128] = [
    ("acre", "acre"),
    ("am", "am"),
    ("amp", "ampere"),
    ("ampere", "ampere"),
    ("atm", "atmosphere"),
    ("atmosphere", "atmosphere"),
    ("bar", "bar"),
    ("bit", "bit"),
    ("bpm", "bpm"),
    ("buck", "dollar"),
    ("byte", "byte"),
    ("cal", "calorie"),
    ("calorie", "calorie"),
    ("cc", "centimeter^3"),
    ("celsius", "celsius"),
    ("cent", "cent"),
    ("centigrade", "celsius"),
    ("centurie", "century"),
    ("century", "century"),
    ("cny", "yuan"),
    ("coulomb", "coulomb"),
    ("cup", "cup"),
    ("day", "day"),
    ("decade", "decade"),
    ("dollar", "dollar"),
    ("electronvolt", "electronvolt"),
    ("erg", "erg"),
    ("eur", "euro"),
    ("euro", "euro"),
    ("fahrenheit", "fahrenheit"),
    ("farad", "farad"),
    ("feet", "foot"),
    ("foot", "foot"),
    ("fps", "fps"),
    ("ft", "foot"),
    ("gal", "gallon"),
    ("gallon", "gallon"),
    ("gbp", "pound"),
    ("gram", "gram"),
    ("gramme", "gram"),
    ("ha", "hectare"),
    ("hectare", "hectare"),
    ("hertz", "hertz"),
    ("hour", "hour"),
    ("hr", "hour"),
    ("inch", "inch"),
    ("inche", "inch"),
    ("inr", "rupee"),
    ("joule", "joule"),
    ("jpy", "yen"),
    ("kelvin", "kelvin"),
    ("kmh", "kilometer/hour"),
    ("kmph", "kilometer/hour"),
    ("kph", "kilometer/hour"),
    ("krw", "won"),
    ("lb", "pound"),
    ("lbs", "pound"),
    ("liter", "liter"),
    ("litre", "liter"),
    ("meter", "meter"),
    ("metre", "meter"),
    ("mi", "mile"),
    ("mile", "mile"),
    ("min", "minute"),
    ("minute", "minute"),
    ("mol", "mole"),
    ("mole", "mole"),
    ("month", "month"),
    ("mpg", "mile/gallon"),
    ("mph", "mile/hour"),
    ("newton", "newton"),
    ("ohm", "ohm"),
    ("ounce", "ounce"),
    ("oz", "ounce"),
    ("pascal", "pascal"),
    ("pcs", "piece"),
    ("pence", "penny"),
    ("pennie", "penny"),
    ("penny", "penny"),
    ("people", "person"),
    ("person", "person"),
    ("pint", "pint"),
    ("pm", "pm"),
    ("point", "point"),
    ("pound", "pound"),
    ("ppm", "ppm"),
    ("psi", "psi"),
    ("pt", "pint"),
    ("qt", "quart"),
    ("quart", "quart"),
    ("rad", "radian"),
    ("radian", "radian"),
    ("renminbi", "yuan"),
    ("rev", "revolution"),
    ("revolution", "revolution"),
    ("rmb", "yuan"),
    ("rouble", "ruble"),
    ("rpm", "revolution/minute"),
    ("rs", "rupee"),
    ("rub", "ruble"),
    ("ruble", "ruble"),
    ("rupee", "rupee"),
    ("sec", "second"),
    ("second", "second"),
    ("sqft", "foot^2"),
    ("stone", "stone"),
    ("tablespoon", "tablespoon"),
    ("tbsp", "tablespoon"),
    ("teaspoon", "teaspoon"),
    ("tesla", "tesla"),
    ("time", "time"),
    ("ton", "ton"),
    ("tonne", "tonne"),
    ("tsp", "teaspoon"),
    ("unit", "unit"),
    ("usd", "dollar"),
    ("volt", "volt"),
    ("watt", "watt"),
    ("way", "way"),
    ("week", "week"),
    ("wk", "week"),
    ("won", "won"),
    ("yard", "yard"),
    ("yd", "yard"),
    ("year", "year"),
    ("yen", "yen"),
    ("yr", "year"),
    ("yuan", "yuan"),
];

#[cfg(test)]
mod tests {
    use super::{NAMES, SYMBOLS};

    #[test]
    fn tables_are_sorted() {
        assert!(NAMES.is_sorted_by(|left, right| left.0 < right.0));
        assert!(SYMBOLS.is_sorted_by(|left, right| left.0 < right.0));
    }
}
