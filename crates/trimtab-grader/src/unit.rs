//! Units: one spelling for each, and the exact ratios between them.
//!
//! A unit is written as its factors in alphabetical order: `hour^-1 kilometer`.

use crate::date::MONTHS;
use crate::vocabulary::{self, PREFIXES};

/// The spelling of a unit that `km/h`, `kph` and `kilometers per hour` share. `None` if the words
/// are not a unit, because they change or qualify the value before them.
///
/// Any other words count as the name of what is counted: `apples`, `square tiles`.
pub(crate) fn canonical(text: &str) -> Option<String> {
    const MAX_BYTES: usize = 200;
    if text.len() > MAX_BYTES {
        return None;
    }
    // "a.m."
    let half = text.trim().trim_end_matches('.');
    for (half_of_day, spelling) in [("am", "a.m"), ("pm", "p.m")] {
        if half.eq_ignore_ascii_case(spelling) {
            return Some(half_of_day.to_owned());
        }
    }
    let mut factors = Vec::new();
    Reader {
        rest: text,
        factors: &mut factors,
    }
    .read(1)?;
    (!factors.is_empty()).then(|| spelled(factors))
}

/// How many of unit `of` are one of unit `unit`, as a fraction. `None` unless both measure the same
/// and the ratio is exact.
pub(crate) fn ratio(unit: &str, of: &str) -> Option<(i64, i64)> {
    let mut size = Size::default();
    size.multiply(unit, 1)?;
    size.multiply(of, -1)?;
    if size.base.iter().any(|(_, power)| *power != 0) {
        return None;
    }
    Some((size.above.try_into().ok()?, size.below.try_into().ok()?))
}

/// Whether all factors of a unit are known units.
pub(crate) fn is_known(unit: &str) -> bool {
    factors_of(unit).all(|(name, _)| name == "time" || vocabulary::unit(name).is_some())
}

/// The product of two units.
pub(crate) fn product(left: &str, right: &str) -> String {
    let factors = factors_of(left).chain(factors_of(right));
    spelled(
        factors
            .map(|(name, power)| (name.to_owned(), power))
            .collect(),
    )
}

/// One unit per another.
pub(crate) fn quotient(above: &str, below: &str) -> Option<String> {
    canonical(&format!("{above}/({below})"))
}

fn spelled(factors: Vec<(String, i32)>) -> String {
    let mut merged: Vec<(String, i32)> = Vec::with_capacity(factors.len());
    for (name, power) in factors {
        match merged.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => *sum += power,
            None => merged.push((name, power)),
        }
    }
    merged.sort_unstable();
    let spell = |(name, power): (String, i32)| match power {
        1 => name,
        power => format!("{name}^{power}"),
    };
    merged.into_iter().map(spell).collect::<Vec<_>>().join(" ")
}

fn factors_of(unit: &str) -> impl Iterator<Item = (&str, i32)> {
    unit.split(' ')
        .filter(|factor| !factor.is_empty())
        .map(|factor| match factor.split_once('^') {
            Some((name, power)) => (name, power.parse().unwrap_or(1)),
            None => (factor, 1),
        })
}

/// Reads the spelling of a unit.
struct Reader<'a, 'f> {
    rest: &'a str,
    factors: &'f mut Vec<(String, i32)>,
}

impl<'a> Reader<'a, '_> {
    /// Reads factors up to the end or a closing parenthesis. `sign` is -1 in a denominator.
    fn read(&mut self, sign: i32) -> Option<()> {
        let mut divides = false;
        let mut power = 1; // of the next word: "square"
        loop {
            self.skip_blanks();
            let Some(first) = self.rest.chars().next() else {
                return (!divides && power == 1).then_some(());
            };
            match first {
                ')' => return (!divides && power == 1).then_some(()),
                '/' | '⁄' => {
                    self.rest = &self.rest[first.len_utf8()..];
                    divides = true;
                    continue;
                }
                '(' if self.factors.len() < 8 => {
                    self.rest = &self.rest[1..];
                    self.read(if divides { -sign } else { sign })?;
                    self.rest = self.rest.strip_prefix(')')?;
                    divides = false;
                    continue;
                }
                _ => {}
            }
            if self.rest.starts_with('\\') {
                self.macro_name(&mut divides, &mut power, sign)?;
                continue;
            }
            let word = self.word()?;
            let lower = word.to_lowercase();
            match lower.as_str() {
                "per" => divides = true,
                "a" | "an" if word != "A" => divides |= !self.factors.is_empty(),
                "the" | "of" => {}
                "square" | "sq" | "cubic" | "cu" => {
                    power = if lower.starts_with("sq") { 2 } else { 3 };
                }
                lower if changes_value(lower) => return None,
                _ => {
                    let exponent = self.exponent()? * power;
                    let sign = if divides { -sign } else { sign };
                    self.push(word, sign * exponent)?;
                    (divides, power) = (false, 1);
                }
            }
        }
    }

    /// A macro of `siunitx`: `\kilo\gram`, `\per`, `\squared`.
    fn macro_name(&mut self, divides: &mut bool, power: &mut i32, sign: i32) -> Option<()> {
        self.rest = &self.rest[1..];
        let name = self.word()?;
        let name = match name {
            "per" => {
                *divides = true;
                return Some(());
            }
            "square" | "cubic" => {
                *power = if name == "square" { 2 } else { 3 };
                return Some(());
            }
            "squared" | "cubed" => {
                let times = if name == "squared" { 2 } else { 3 };
                self.factors.last_mut()?.1 *= times;
                return Some(());
            }
            "degreeCelsius" | "celsius" => "celsius".to_owned(),
            "percent" | "degree" => return None,
            prefix if PREFIXES.iter().any(|(name, _)| *name == prefix) => {
                self.rest = self.rest.strip_prefix('\\')?;
                format!("{prefix}{}", self.word()?)
            }
            name => name.to_owned(),
        };
        vocabulary::unit(&name)?;
        let exponent = self.exponent()? * *power;
        self.push(&name, if *divides { -sign } else { sign } * exponent)?;
        (*divides, *power) = (false, 1);
        Some(())
    }

    /// Skips blanks, dots, multiplication signs and the braces of LaTeX.
    fn skip_blanks(&mut self) {
        const COMMANDS: [&str; 12] = [
            "\\cdot", "\\times", "\\mathrm", "\\text", "\\rm", "\\,", "\\ ", "\\;", "\\:", "\\!",
            "\\left", "\\right",
        ];
        loop {
            let before = self.rest.len();
            self.rest = self.rest.trim_start_matches(|c: char| {
                c.is_whitespace()
                    || matches!(
                        c,
                        '~' | '.' | '·' | '⋅' | '*' | '×' | '{' | '}' | '-' | '$' | ','
                    )
            });
            for command in COMMANDS {
                if let Some(rest) = self.rest.strip_prefix(command)
                    && !(command.len() > 2 && rest.starts_with(|c: char| c.is_ascii_alphabetic()))
                {
                    self.rest = rest;
                }
            }
            if self.rest.len() == before {
                return;
            }
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let length = self
            .rest
            .find(|c: char| !(c.is_alphabetic() || c == '\'' || c == '°'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length > 0).then_some(word)
    }

    /// The exponent after a word: `^2`, `^{-1}`, `2`, `squared`.
    fn exponent(&mut self) -> Option<i32> {
        for (word, power) in [("squared", 2), ("cubed", 3)] {
            if let Some(rest) = self.rest.trim_start_matches([' ', '~']).strip_prefix(word) {
                self.rest = rest;
                return Some(power);
            }
        }
        let marked = self
            .rest
            .trim_start_matches(['}', ' '])
            .strip_prefix('^')
            .or_else(|| self.rest.strip_prefix("**"));
        let digits = marked.unwrap_or(self.rest).trim_start_matches(['{', ' ']);
        let unsigned = digits.strip_prefix(['-', '−']).unwrap_or(digits);
        let length = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return marked.is_none().then_some(1);
        }
        let value: i32 = unsigned[..length]
            .parse()
            .ok()
            .filter(|value| *value <= 9)?;
        // `m s-1`, but not the dash of `foot - 2`.
        if marked.is_none() && self.rest.starts_with([' ', '{']) {
            return None;
        }
        self.rest = &unsigned[length..];
        Some(if unsigned.len() < digits.len() {
            -value
        } else {
            value
        })
    }

    /// Adds a factor.
    fn push(&mut self, word: &str, power: i32) -> Option<()> {
        const MOST: usize = 16;
        if self.factors.len() >= MOST {
            return None;
        }
        let name = match word {
            "°C" => "celsius".to_owned(),
            "°F" => "fahrenheit".to_owned(),
            "in" => "inch".to_owned(),
            word => match vocabulary::unit(word) {
                Some(unit) if unit.base.contains(|c: char| !c.is_alphabetic()) => {
                    return self.push_compound(&format!("{}{}", unit.prefix, unit.base), power);
                }
                Some(unit) => format!("{}{}", unit.prefix, unit.base),
                None => match (vocabulary::unit_letter(word), micro(word)) {
                    (Some(name), _) => name.to_owned(),
                    (None, Some(name)) => name,
                    (None, None) => counted(word),
                },
            },
        };
        self.factors.push((name, power));
        Some(())
    }

    fn push_compound(&mut self, spelling: &str, power: i32) -> Option<()> {
        let mut factors = Vec::new();
        Reader {
            rest: spelling,
            factors: &mut factors,
        }
        .read(1)?;
        let raised = factors.into_iter().map(|(name, of)| (name, of * power));
        self.factors.extend(raised);
        Some(())
    }
}

/// A unit with the sign of a millionth: `μm`.
fn micro(word: &str) -> Option<String> {
    let unit = word.strip_prefix(['μ', 'µ'])?;
    Some(format!("micro{}", vocabulary::unit_letter(unit)?))
}

/// The name of things that are counted: in lower case and the singular.
fn counted(word: &str) -> String {
    let lower = word.to_lowercase();
    match lower.strip_suffix('s') {
        Some(singular) if singular.len() > 2 && !singular.ends_with('s') => singular.to_owned(),
        _ => lower,
    }
}

/// Whether a word changes or qualifies the value before it, so that it is not a unit.
fn changes_value(word: &str) -> bool {
    const QUALIFIERS: [&str; 40] = [
        "and",
        "are",
        "base",
        "choose",
        "each",
        "factorial",
        "for",
        "if",
        "is",
        "mod",
        "modulo",
        "more",
        "less",
        "not",
        "or",
        "pi",
        "recurring",
        "remainder",
        "repeat",
        "repeating",
        "to",
        "where",
        "with",
        "when",
        "over",
        "percent",
        "than",
        // Words that judge.
        "fewer",
        "false",
        "wrong",
        "incorrect",
        "rejected",
        "invalid",
        "impossible",
        "extraneous",
        "excluded",
        "undefined",
        "no",
        "nope",
        "never",
    ];
    QUALIFIERS.contains(&word)
        || word != "may" && MONTHS.contains(&word)
        || vocabulary::is_number_word(word) && vocabulary::unit(word).is_none()
}

/// The size of a unit in base units.
struct Size {
    above: i128,
    below: i128,
    base: Vec<(String, i32)>,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            above: 1,
            below: 1,
            base: Vec::new(),
        }
    }
}

impl Size {
    fn multiply(&mut self, unit: &str, power: i32) -> Option<()> {
        for (name, exponent) in factors_of(unit) {
            self.multiply_factor(name, exponent * power)?;
        }
        Some(())
    }

    fn multiply_factor(&mut self, name: &str, power: i32) -> Option<()> {
        let prefixed = PREFIXES.iter().find_map(|(prefix, exponent)| {
            let base = name.strip_prefix(prefix)?;
            // A kilobyte may be 1024 bytes.
            let scales = vocabulary::takes_prefix(base) && !matches!(base, "byte" | "bit");
            scales.then_some((base, *exponent))
        });
        let name = match prefixed {
            Some((base, exponent)) => {
                let ten = 10_i128.checked_pow(exponent.unsigned_abs())?;
                let (above, below) = if exponent > 0 { (ten, 1) } else { (1, ten) };
                self.scale(above, below, power)?;
                base
            }
            None => name,
        };
        if let Some((above, below, base)) = definition(name) {
            self.scale(above, below, power)?;
            return self.multiply(base, power);
        }
        match self.base.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => *sum += power,
            None => self.base.push((name.to_owned(), power)),
        }
        Some(())
    }

    fn scale(&mut self, above: i128, below: i128, power: i32) -> Option<()> {
        let (above, below) = if power < 0 {
            (below, above)
        } else {
            (above, below)
        };
        for _ in 0..power.unsigned_abs() {
            self.above = self.above.checked_mul(above)?;
            self.below = self.below.checked_mul(below)?;
            let (mut left, mut right) = (self.above, self.below);
            while right != 0 {
                (left, right) = (right, left % right);
            }
            self.above /= left;
            self.below /= left;
        }
        Some(())
    }
}

/// A unit as a fraction of other units, if that is exact.
fn definition(name: &str) -> Option<(i128, i128, &'static str)> {
    Some(match name {
        "minute" => (60, 1, "second"),
        "hour" => (3_600, 1, "second"),
        "day" => (86_400, 1, "second"),
        "week" => (604_800, 1, "second"),
        "year" => (12, 1, "month"),
        "decade" => (120, 1, "month"),
        "century" => (1_200, 1, "month"),
        "inch" => (254, 10_000, "meter"),
        "foot" => (3_048, 10_000, "meter"),
        "yard" => (9_144, 10_000, "meter"),
        "mile" => (1_609_344, 1_000, "meter"),
        "pound" => (45_359_237, 100_000, "gram"),
        "ounce" => (45_359_237, 1_600_000, "gram"),
        "stone" => (14 * 45_359_237, 100_000, "gram"),
        "tonne" => (1_000_000, 1, "gram"),
        "liter" => (1, 1_000, "meter^3"),
        "hectare" => (10_000, 1, "meter^2"),
        "acre" => (40_468_564_224, 10_000_000, "meter^2"),
        "quart" => (1, 4, "gallon"),
        "pint" => (1, 8, "gallon"),
        "newton" => (1_000, 1, "gram meter second^-2"),
        "joule" => (1_000, 1, "gram meter^2 second^-2"),
        "watt" => (1_000, 1, "gram meter^2 second^-3"),
        "pascal" => (1_000, 1, "gram meter^-1 second^-2"),
        "volt" => (1_000, 1, "gram meter^2 second^-3 ampere^-1"),
        "ohm" => (1_000, 1, "gram meter^2 second^-3 ampere^-2"),
        "hertz" => (1, 1, "second^-1"),
        "coulomb" => (1, 1, "ampere second"),
        "cent" => (1, 100, "dollar"),
        "penny" => (1, 100, "pound"),
        "byte" => (8, 1, "bit"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{canonical, ratio};

    #[test]
    fn one_spelling_for_each_unit() {
        for (spellings, expected) in [
            (
                &[
                    "km/h",
                    "kph",
                    "kilometers per hour",
                    "kilometres an hour",
                    r"km \cdot h^{-1}",
                ][..],
                "hour^-1 kilometer",
            ),
            (
                &[
                    "m/s^2",
                    "metres per second squared",
                    r"m \cdot s^{-2}",
                    "m s-2",
                    "m/s/s",
                    r"\mathrm{m}/\mathrm{s}^{2}",
                ],
                "meter second^-2",
            ),
            (
                &[
                    "cm^2",
                    "cm2",
                    "square centimetres",
                    "sq. cm",
                    "centimeters squared",
                ],
                "centimeter^2",
            ),
            (
                &["kg m/(s A)", "kg·m·s^{-1}·A^{-1}"],
                "ampere^-1 kilogram meter second^-1",
            ),
            (
                &["kWh", "kilowatt-hours", "kilowatt hours"],
                "hour kilowatt",
            ),
            (&["apples", "apple", "of the apples"], "apple"),
            (&["miles per hour", "mph"], "hour^-1 mile"),
        ] {
            for spelling in spellings {
                assert_eq!(canonical(spelling).as_deref(), Some(expected), "{spelling}");
            }
        }
        for words in [
            "",
            "per",
            "m/",
            "square",
            "more apples",
            "apples and pears",
            "dozen",
            "m^x",
            "5",
            "m^{22}",
            "(m",
        ] {
            assert_eq!(canonical(words), None, "{words}");
        }
    }

    #[test]
    fn ratios_are_exact() {
        let between = |unit: &str, of: &str| ratio(&canonical(unit)?, &canonical(of)?);
        assert_eq!(between("m", "cm"), Some((100, 1)));
        assert_eq!(between("km/h", "m/s"), Some((5, 18)));
        assert_eq!(between("N", "kg m/s^2"), Some((1, 1)));
        assert_eq!(between("m^3", "l"), Some((1_000, 1)));
        assert_eq!(between("ft", "inches"), Some((12, 1)));
        assert_eq!(between("cents", "dollars"), Some((1, 100)));
        assert_eq!(between("kWh", "MJ"), Some((18, 5)));
        for (unit, of) in [
            ("m", "s"),
            ("m", "m^2"),
            ("KB", "bytes"),
            ("cents", "euros"),
            ("apples", "pears"),
            ("K", "celsius"),
        ] {
            assert_eq!(between(unit, of), None, "{unit} {of}");
        }
    }
}
