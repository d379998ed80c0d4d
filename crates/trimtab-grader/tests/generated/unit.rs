//! Units of measurement.

use crate::spelling::Spellings;

/// A unit and the ways to write it after a number.
pub(crate) struct Unit {
    /// As a symbol, without its power.
    symbol: &'static str,
    /// In the plural, American and British.
    words: [&'static str; 2],
    /// The power that is written behind the symbol.
    pub(crate) power: usize,
}

const fn unit(symbol: &'static str, words: [&'static str; 2], power: usize) -> Unit {
    Unit {
        symbol,
        words,
        power,
    }
}

/// The units; those from [`COUNTED`] on are things that are counted.
pub(crate) const UNITS: [Unit; 26] = [
    unit("cm", ["centimeters", "centimetres"], 1),
    unit("m", ["meters", "metres"], 1),
    unit("km", ["kilometers", "kilometres"], 1),
    unit("mm", ["millimeters", "millimetres"], 1),
    unit("kg", ["kilograms", "kilograms"], 1),
    unit("g", ["grams", "grams"], 1),
    unit("L", ["liters", "litres"], 1),
    unit("ft", ["feet", "feet"], 1),
    unit("mi", ["miles", "miles"], 1),
    unit("s", ["seconds", "seconds"], 1),
    unit("min", ["minutes", "minutes"], 1),
    unit("h", ["hours", "hours"], 1),
    unit("hrs", ["hours", "hours"], 1),
    unit("lb", ["pounds", "pounds"], 1),
    unit("km/h", ["kilometers per hour", "kilometres per hour"], 1),
    unit("mph", ["miles per hour", "miles per hour"], 1),
    unit("m/s", ["meters per second", "metres per second"], 1),
    unit("cm", ["centimeters", "centimetres"], 2),
    unit("m", ["meters", "metres"], 2),
    unit("km", ["kilometers", "kilometres"], 2),
    unit("ft", ["feet", "feet"], 2),
    unit("cm", ["centimeters", "centimetres"], 3),
    unit("m", ["meters", "metres"], 3),
    unit("apples", ["apples", "apples"], 1),
    unit("people", ["people", "people"], 1),
    unit("days", ["days", "days"], 1),
];

/// The index of the first unit that is no measure.
pub(crate) const COUNTED: usize = 23;

/// All ways to write an amount that is written so already.
pub(crate) fn spellings(amount: &str, unit: &Unit) -> Spellings {
    let mut all = Spellings::default();
    let symbol = unit.symbol;
    let [american, british] = unit.words;
    let (adjective, superscript, caret) = match unit.power {
        2 => ("square ", "²", "^2"),
        3 => ("cubic ", "³", "^3"),
        _ => ("", "", ""),
    };
    all.tex("", format!("{amount}\\text{{ {symbol}}}{caret}"));
    all.tex(
        "mathrm unit",
        format!("{amount}\\,\\mathrm{{{symbol}}}{caret}"),
    );
    all.gold_prose("plain unit", format!("{amount} {symbol}{caret}"));
    all.prose("unit in words", format!("{amount} {adjective}{american}"));
    all.prose("British unit", format!("{amount} {adjective}{british}"));
    all.tex(
        "unit words in text",
        format!("{amount}\\text{{ {adjective}{american}}}"),
    );
    all.rare_tex(
        "unit words in text",
        format!("{amount}~\\text{{{adjective}{british}}}"),
    );
    all.rare_tex(
        "mathrm unit",
        format!("{amount}\\ \\mathrm{{{symbol}{caret}}}"),
    );
    all.plain("no unit", amount.to_owned());
    all.prose("unit behind $", format!("${amount}$ {symbol}{caret}"));
    all.prose("unit behind $", format!("${amount}$ {adjective}{american}"));
    all.prose(
        "unit behind box",
        format!("\\boxed{{{amount}}} {adjective}{american}"),
    );
    all.prose(
        "unit behind box",
        format!("$\\boxed{{{amount}}}$ {symbol}{caret}"),
    );
    if symbol.len() > 1 && symbol.len() < 3 {
        all.prose("unit attached", format!("{amount}{symbol}{caret}"));
    }
    if unit.power > 1 {
        all.prose(
            "unit superscript",
            format!("{amount} {symbol}{superscript}"),
        );
        all.rare_tex(
            "unit power in text",
            format!("{amount} \\text{{ {symbol}}}^{{{}}}", unit.power),
        );
        all.prose(
            "unit power digit",
            format!("{amount} {symbol}{}", unit.power),
        );
    }
    if unit.power == 2 {
        all.prose("sq unit", format!("{amount} sq {symbol}"));
        all.prose("sq. unit", format!("{amount} sq. {symbol}"));
        all.prose(
            "unit squared in words",
            format!("{amount} {american} squared"),
        );
    }
    if symbol == "km/h" {
        all.prose("kph", format!("{amount} kph"));
        all.rare_tex(
            "frac unit",
            format!("{amount}\\,\\frac{{\\text{{km}}}}{{\\text{{h}}}}"),
        );
    }
    all
}
