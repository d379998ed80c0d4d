//! Characters and the names of Greek letters.

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
        'Γ' => "Gamma",
        'Θ' => "Theta",
        'Λ' => "Lambda",
        'Ξ' => "Xi",
        'Π' => "Pi",
        'Φ' => "Phi",
        'Ψ' => "Psi",
        'ζ' => "zeta",
        'η' => "eta",
        'ι' => "iota",
        'κ' => "kappa",
        'ν' => "nu",
        'ξ' => "xi",
        'χ' => "chi",
        'ψ' => "psi",
        _ => return None,
    })
}

/// The canonical form of an operator or delimiter, which may have several Unicode spellings.
pub(crate) fn operator(character: char) -> Option<char> {
    Some(match character {
        '+' | '-' | '*' | '/' | '^' | '_' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '!' | '='
        | '<' | '>' | ',' | ';' | ':' | '%' | '&' | '±' | '∓' | '≤' | '≥' | '≠' | '≈' | '≡'
        | '∼' | '≅' | '¬' | '⇔' | '∈' | '∪' | '∩' | '∖' | '∞' | '∅' | '∘' | '°' | '\'' | '→'
        | '⇒' | '∣' | '‖' | '⌊' | '⌋' | '⌈' | '⌉' | '…' | '∧' | '∨' | '⟨' | '⟩' => {
            character
        }
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
        '≃' => '≈',
        '⟺' => '⇔',
        '⟹' => '⇒',
        '∥' => '‖',
        'Ø' | '⌀' => '∅',
        _ => return None,
    })
}

/// The unit of a currency sign.
pub(crate) fn currency_sign(character: char) -> Option<&'static str> {
    Some(match character {
        '€' => "euro",
        '£' => "pound",
        '¢' => "cent",
        '₹' => "rupee",
        '₽' => "ruble",
        '₩' => "won",
        '元' => "yuan",
        '円' => "yen",
        '¥' | '￥' => "¥", // yuan or yen
        _ => return None,
    })
}

/// The unit of a currency code before an amount.
pub(crate) fn currency_code(word: &str) -> Option<&'static str> {
    Some(match word {
        "USD" | "US" => "dollar",
        "EUR" => "euro",
        "GBP" => "pound",
        "INR" | "Rs" => "rupee",
        "CNY" | "RMB" => "yuan",
        "JPY" => "yen",
        _ => return None,
    })
}
