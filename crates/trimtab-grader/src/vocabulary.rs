//! The meaning of LaTeX commands and plain words.

/// The meaning of a LaTeX command or a word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// Spacing, size or style, which is ignored.
    Nothing,
    /// Ignored together with the group that follows: `\hspace{1cm}`, `\color{red}`.
    NothingWithGroup,
    /// An operator or a delimiter, written as one character.
    Operator(char),
    /// A construct that the parser knows by this name.
    Construct(&'static str),
    /// A letter or another symbol.
    Symbol,
    /// A command whose group is text.
    Text,
    /// A command whose group names an operator: `\operatorname{lcm}`.
    OperatorName,
    /// A mark above its group, which turns it into another name: `\vec{v}`, `\overline{AB}`,
    /// `\mathbb{R}`.
    Accent,
}

/// The meaning of `\name`, if it is a known command.
pub(crate) fn command(name: &str) -> Option<Meaning> {
    use Meaning::{
        Accent, Construct, Nothing, NothingWithGroup, Operator, OperatorName, Symbol, Text,
    };
    Some(match name {
        "left" | "right" | "middle" | "mleft" | "mright" | "big" | "Big" | "bigg" | "Bigg"
        | "bigl" | "bigr" | "Bigl" | "Bigr" | "biggl" | "biggr" | "Biggl" | "Biggr" | "bigm"
        | "quad" | "qquad" | "displaystyle" | "textstyle" | "scriptstyle" | "limits"
        | "nolimits" | "rm" | "bf" | "it" | "boxed" | "fbox" | "framebox" | "mathbf"
        | "boldsymbol" | "bm" | "mathit" | "mathnormal" | "underline" | "underbrace"
        | "thinspace" | "medspace" | "hfill" | "newline" | "euro" | "pounds" | "yen" | "bold"
        | "displaylimits" | "strut" | "pmb" | "ensuremath" | "medskip" | "smallskip" => Nothing,
        "hspace" | "vspace" | "color" | "textcolor" | "label" | "tag" | "phantom" | "hphantom"
        | "vphantom" => NothingWithGroup,
        "text" | "textbf" | "textrm" | "textit" | "textnormal" | "textsf" | "texttt" | "textup"
        | "mbox" | "hbox" | "mathrm" | "mathsf" | "mathtt" | "textsc" | "emph" => Text,
        "operatorname" => OperatorName,
        "vec" | "hat" | "bar" | "dot" | "ddot" | "tilde" | "widehat" | "widetilde" | "overline"
        | "overrightarrow" | "overleftrightarrow" | "overset" | "mathbb" | "mathcal"
        | "mathfrak" | "mathscr" | "wideparen" | "overarc" | "underset" | "stackrel" => Accent,
        "times" | "cdot" | "ast" | "cdotp" | "bullet" => Operator('*'),
        "div" => Operator('/'),
        "pm" => Operator('±'),
        "mp" => Operator('∓'),
        "le" | "leq" | "leqslant" | "leqq" => Operator('≤'),
        "ge" | "geq" | "geqslant" | "geqq" => Operator('≥'),
        "lt" => Operator('<'),
        "gt" => Operator('>'),
        "ne" | "neq" => Operator('≠'),
        "approx" | "simeq" | "sim" | "thickapprox" | "cong" => Operator('≈'),
        "equiv" => Operator('≡'),
        "in" => Operator('∈'),
        "cup" | "bigcup" => Operator('∪'),
        "cap" | "bigcap" => Operator('∩'),
        "setminus" | "backslash" | "smallsetminus" => Operator('∖'),
        "infty" | "infin" => Operator('∞'),
        "emptyset" | "varnothing" => Operator('∅'),
        "circ" => Operator('∘'),
        "degree" | "textdegree" | "deg" => Operator('°'),
        "prime" => Operator('\''),
        "to" | "rightarrow" | "longrightarrow" | "mapsto" => Operator('→'),
        "implies" | "Rightarrow" | "Longrightarrow" | "iff" | "Leftrightarrow" => Operator('⇒'),
        "mid" => Operator('∣'),
        "vert" | "lvert" | "rvert" => Operator('|'),
        "Vert" | "lVert" | "rVert" | "|" => Operator('‖'),
        "lfloor" => Operator('⌊'),
        "rfloor" => Operator('⌋'),
        "lceil" => Operator('⌈'),
        "rceil" => Operator('⌉'),
        "lbrace" | "{" => Operator('⦃'),
        "rbrace" | "}" => Operator('⦄'),
        "lbrack" => Operator('['),
        "rbrack" => Operator(']'),
        "lparen" | "lgroup" => Operator('('),
        "rparen" | "rgroup" => Operator(')'),
        "langle" => Operator('⟨'),
        "rangle" => Operator('⟩'),
        "ldots" | "dots" | "cdots" | "dotsc" | "dotsb" | "hdots" => Operator('…'),
        "land" | "wedge" => Operator('∧'),
        "lor" | "vee" => Operator('∨'),
        "colon" => Operator(':'),
        "%" => Operator('%'),
        "frac" | "dfrac" | "tfrac" | "cfrac" | "nicefrac" | "sfrac" => Construct("frac"),
        "sqrt" | "surd" => Construct("sqrt"),
        "binom" | "dbinom" | "tbinom" => Construct("binom"),
        "choose" => Construct("choose"),
        "over" => Construct("over"),
        "begin" => Construct("begin"),
        "end" => Construct("end"),
        "sum" => Construct("sum"),
        "prod" => Construct("prod"),
        "int" => Construct("int"),
        "lim" => Construct("lim"),
        "bmod" | "mod" => Construct("mod"),
        "pmod" => Construct("pmod"),
        "exponentialE" => Construct("e"), // MathLive's names
        "imaginaryI" => Construct("i"),
        _ => {
            if let Some(name) = function(name) {
                return Some(Construct(name));
            }
            if is_greek(name) || SYMBOLS.contains(&name) {
                return Some(Symbol);
            }
            return None;
        }
    })
}

const SYMBOLS: [&str; 22] = [
    "hbar",
    "ell",
    "angle",
    "measuredangle",
    "triangle",
    "partial",
    "nabla",
    "Re",
    "Im",
    "aleph",
    "imath",
    "jmath",
    "odot",
    "oplus",
    "otimes",
    "perp",
    "parallel",
    "cdotp",
    "forall",
    "exists",
    "dagger",
    "square",
];

/// The name under which the parser knows a function, given by a command or a plain word.
pub(crate) fn function(word: &str) -> Option<&'static str> {
    Some(match word {
        "sin" => "sin",
        "cos" => "cos",
        "tan" | "tg" => "tan",
        "cot" | "ctg" => "cot",
        "sec" => "sec",
        "csc" | "cosec" => "csc",
        "arcsin" | "asin" => "arcsin",
        "arccos" | "acos" => "arccos",
        "arctan" | "atan" | "arctg" => "arctan",
        "arccot" => "arccot",
        "sinh" => "sinh",
        "cosh" => "cosh",
        "tanh" => "tanh",
        "coth" => "coth",
        "arcsinh" | "asinh" | "arsinh" => "arcsinh",
        "arccosh" | "acosh" | "arcosh" => "arccosh",
        "arctanh" | "atanh" | "artanh" => "arctanh",
        "ln" => "ln",
        "log" => "log",
        "lg" => "lg",
        "exp" => "exp",
        "abs" => "abs",
        "floor" => "floor",
        "ceil" => "ceil",
        "min" => "min",
        "max" => "max",
        "gcd" => "gcd",
        "lcm" => "lcm",
        "cbrt" => "cbrt",
        _ => return None,
    })
}

/// The meaning of a plain word outside text groups. `None` if it may be a product of letters.
pub(crate) fn plain_word(word: &str) -> Option<Meaning> {
    if let Some(name) = function(word) {
        return Some(Meaning::Construct(name));
    }
    Some(match word {
        "sqrt" => Meaning::Construct("sqrt"),
        "frac" | "dfrac" => Meaning::Construct("frac"),
        "binom" => Meaning::Construct("binom"),
        "mod" => Meaning::Construct("mod"),
        "and" | "And" | "AND" => Meaning::Operator('∧'),
        "or" | "Or" | "OR" => Meaning::Operator('∨'),
        "inf" | "infty" | "infinity" | "Infinity" => Meaning::Operator('∞'),
        "percent" | "percentage" | "pct" => Meaning::Operator('%'),
        "degrees" | "degree" | "deg" => Meaning::Operator('°'),
        "cup" => Meaning::Operator('∪'),
        _ if is_greek(word) => Meaning::Symbol,
        _ => return None,
    })
}

/// Whether `word` is a Greek letter's name.
pub(crate) fn is_greek(word: &str) -> bool {
    const NAMES: [&str; 44] = [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "vartheta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "omicron",
        "pi",
        "rho",
        "varrho",
        "sigma",
        "varsigma",
        "tau",
        "upsilon",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
        "varpi",
        "varkappa",
        "digamma",
        "Alpha",
    ];
    word.len() >= 2 && NAMES.contains(&word)
}

/// The name of a Greek letter.
pub(crate) fn greek(letter: char) -> Option<&'static str> {
    Some(match letter {
        'π' => "pi",
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' => "delta",
        'ε' | 'ϵ' => "epsilon",
        'θ' => "theta",
        'λ' => "lambda",
        'μ' | 'µ' => "mu",
        'ρ' => "rho",
        'σ' => "sigma",
        'τ' => "tau",
        'φ' | 'ϕ' => "phi",
        'ω' => "omega",
        'Δ' => "Delta",
        'Ω' => "Omega",
        'Σ' => "Sigma",
        _ => return None,
    })
}

/// The canonical form of an operator or delimiter, which may have several Unicode spellings.
pub(crate) fn operator(character: char) -> Option<char> {
    Some(match character {
        '+' | '-' | '*' | '/' | '^' | '_' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '!' | '='
        | '<' | '>' | ',' | ';' | ':' | '%' | '&' | '±' | '∓' | '≤' | '≥' | '≠' | '≈' | '≡'
        | '∈' | '∪' | '∩' | '∖' | '∞' | '∅' | '∘' | '°' | '\'' | '→' | '⇒' | '∣' | '‖' | '⌊'
        | '⌋' | '⌈' | '⌉' | '…' | '∧' | '∨' | '⟨' | '⟩' => character,
        '−' | '–' | '—' | '﹣' | '－' => '-',
        '＋' => '+',
        '×' | '·' | '⋅' | '∙' | '•' | '＊' => '*',
        '÷' | '∕' | '⁄' | '／' => '/',
        '⩽' | '≦' => '≤',
        '⩾' | '≧' => '≥',
        '＝' => '=',
        '（' => '(',
        '）' => ')',
        '，' | '、' => ',',
        '；' => ';',
        '：' | '∶' => ':',
        '％' | '٪' => '%',
        '′' | '’' => '\'',
        'º' | '˚' => '°',
        '∼' | '≃' | '≅' => '≈',
        '⇔' | '⟹' => '⇒',
        '∥' => '‖',
        'Ø' | '⌀' => '∅',
        _ => return None,
    })
}

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

/// The value of a number in words below a billion: `twelve`, `twenty-five`,
/// `three hundred and four`.
pub(crate) fn number_phrase(text: &str) -> Option<i64> {
    let (mut total, mut group) = (0_i64, 0_i64);
    let mut said = false;
    for word in text.split([' ', '-']).filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case("and") && said {
            continue;
        }
        match number_word(word)? {
            100 => group = group.max(1).checked_mul(100)?,
            scale @ (1_000 | 1_000_000) => {
                total = total.checked_add(group.max(1).checked_mul(scale)?)?;
                group = 0;
            }
            value => {
                // "five six" and "twenty twelve" are not numbers.
                let room = if group % 100 == 0 {
                    99
                } else if group % 10 == 0 {
                    9
                } else {
                    -1
                };
                if value > room || said && value == 0 {
                    return None;
                }
                group += value;
            }
        }
        said = true;
        if total > 1_000_000_000 || group > 999_999 {
            return None;
        }
    }
    said.then_some(total + group)
}

/// The value of a single number word.
pub(crate) fn number_word(word: &str) -> Option<i64> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    let find = |table: &[&str]| {
        table
            .iter()
            .position(|name| name.eq_ignore_ascii_case(word))
    };
    find(&SMALL)
        .map(|index| index as i64)
        .or_else(|| find(&TENS).map(|index| 20 + 10 * index as i64))
        .or_else(|| find(&["hundred"]).map(|_| 100))
        .or_else(|| find(&["thousand"]).map(|_| 1_000))
        .or_else(|| find(&["million"]).map(|_| 1_000_000))
}
