//! Units.

/// The lower-case, singular, unabbreviated form of a word that names a unit.
pub(crate) fn unit(word: &str) -> Option<&'static str> {
    const UNITS: [(&str, &str); 66] = [
        ("cm", "centimeter"),
        ("mm", "millimeter"),
        ("km", "kilometer"),
        ("meter", "meter"),
        ("metre", "meter"),
        ("centimeter", "centimeter"),
        ("kilometer", "kilometer"),
        ("millimeter", "millimeter"),
        ("inch", "inch"),
        ("inches", "inch"),
        ("foot", "foot"),
        ("feet", "foot"),
        ("ft", "foot"),
        ("yard", "yard"),
        ("mile", "mile"),
        ("mi", "mile"),
        ("kg", "kilogram"),
        ("kilogram", "kilogram"),
        ("gram", "gram"),
        ("mg", "milligram"),
        ("pound", "pound"),
        ("lb", "pound"),
        ("lbs", "pound"),
        ("ounce", "ounce"),
        ("oz", "ounce"),
        ("ton", "ton"),
        ("second", "second"),
        ("sec", "second"),
        ("ms", "millisecond"),
        ("minute", "minute"),
        ("mins", "minute"),
        ("hour", "hour"),
        ("hr", "hour"),
        ("hrs", "hour"),
        ("day", "day"),
        ("week", "week"),
        ("month", "month"),
        ("year", "year"),
        ("yr", "year"),
        ("dollar", "dollar"),
        ("usd", "dollar"),
        ("cent", "cent"),
        ("euro", "euro"),
        ("eur", "euro"),
        ("yuan", "yuan"),
        ("rupee", "rupee"),
        ("liter", "liter"),
        ("litre", "liter"),
        ("ml", "milliliter"),
        ("gallon", "gallon"),
        ("mph", "mph"),
        ("kmh", "kmh"),
        ("unit", "unit"),
        ("point", "point"),
        ("people", "people"),
        ("person", "person"),
        ("watt", "watt"),
        ("joule", "joule"),
        ("newton", "newton"),
        ("radian", "radian"),
        ("rad", "radian"),
        ("times", "time"),
        ("way", "way"),
        ("am", "am"),
        ("pm", "pm"),
        ("erg", "erg"),
    ];
    let find = |word: &str| {
        UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
    };
    let singular = word.strip_suffix('s').filter(|singular| singular.len() > 2);
    find(word)
        .or_else(|| singular.and_then(find))
        .map(|(_, unit)| *unit)
}
