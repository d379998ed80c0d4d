//! The ASCII or LaTeX spelling of single characters.

/// The decimal digit of another script.
pub(super) fn digit(character: char) -> Option<char> {
    const ZEROS: [u32; 21] = [
        0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
        0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1FBF0,
    ];
    let code = character as u32;
    let value = match code {
        0x1D7CE..=0x1D7FF => (code - 0x1D7CE) % 10,
        _ => ZEROS
            .iter()
            .find_map(|zero| code.checked_sub(*zero).filter(|value| *value < 10))?,
    };
    char::from_digit(value, 10)
}

/// The plain form of a raised character.
pub(super) fn superscript(character: char) -> Option<char> {
    Some(match character {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_digit(character as u32 - '⁰' as u32, 10)?,
        '⁺' => '+',
        '⁻' => '-',
        '⁽' => '(',
        '⁾' => ')',
        'ⁿ' => 'n',
        'ⁱ' => 'i',
        'ᵃ' => 'a',
        'ᵇ' => 'b',
        'ᶜ' => 'c',
        'ᵈ' => 'd',
        'ᵉ' => 'e',
        'ʰ' => 'h',
        'ʲ' => 'j',
        'ᵏ' => 'k',
        'ᵐ' => 'm',
        'ᵖ' => 'p',
        'ʳ' => 'r',
        'ˢ' => 's',
        'ᵗ' => 't',
        'ˣ' => 'x',
        'ʸ' => 'y',
        'ᵀ' => 'T',
        _ => return None,
    })
}

/// The plain form of a lowered character.
pub(super) fn subscript(character: char) -> Option<char> {
    Some(match character {
        '₀'..='₉' => char::from_digit(character as u32 - '₀' as u32, 10)?,
        '₊' => '+',
        '₋' => '-',
        'ₐ' => 'a',
        'ₑ' => 'e',
        'ₕ' => 'h',
        'ᵢ' => 'i',
        'ⱼ' => 'j',
        'ₖ' => 'k',
        'ₗ' => 'l',
        'ₘ' => 'm',
        'ₙ' => 'n',
        'ₒ' => 'o',
        'ₚ' => 'p',
        'ᵣ' => 'r',
        'ₛ' => 's',
        'ₜ' => 't',
        'ₓ' => 'x',
        _ => return None,
    })
}

/// Numerator and denominator of a vulgar fraction.
pub(super) fn fraction(character: char) -> Option<(u8, u8)> {
    Some(match character {
        '¼' => (1, 4),
        '½' => (1, 2),
        '¾' => (3, 4),
        '⅐' => (1, 7),
        '⅑' => (1, 9),
        '⅒' => (1, 10),
        '⅓' => (1, 3),
        '⅔' => (2, 3),
        '⅕' => (1, 5),
        '⅖' => (2, 5),
        '⅗' => (3, 5),
        '⅘' => (4, 5),
        '⅙' => (1, 6),
        '⅚' => (5, 6),
        '⅛' => (1, 8),
        '⅜' => (3, 8),
        '⅝' => (5, 8),
        '⅞' => (7, 8),
        '↉' => (0, 3),
        _ => return None,
    })
}

/// The command of an accent that combines with the character before it.
pub(super) fn accent(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{305}' => "overline",
        '\u{304}' => "bar",
        '\u{307}' => "dot",
        '\u{308}' => "ddot",
        '\u{302}' => "hat",
        '\u{303}' => "tilde",
        '\u{20d7}' => "vec",
        _ => return None,
    })
}

/// The LaTeX spelling of a character that has no other meaning.
pub(super) fn latex(character: char) -> Option<&'static str> {
    Some(match character {
        '∛' => "\\sqrt[3]",
        '∜' => "\\sqrt[4]",
        'ℝ' => "\\mathbb{R}",
        'ℤ' => "\\mathbb{Z}",
        'ℕ' => "\\mathbb{N}",
        'ℚ' => "\\mathbb{Q}",
        'ℂ' => "\\mathbb{C}",
        'ℙ' => "\\mathbb{P}",
        '∠' => "\\angle",
        '△' | '▵' | '∆' => "\\triangle",
        '⊥' => "\\perp",
        '∂' => "\\partial",
        '∇' => "\\nabla",
        '∑' => "\\sum",
        '∏' => "\\prod",
        '∫' => "\\int",
        '∀' => "\\forall",
        '∃' => "\\exists",
        '∉' => "\\notin",
        '⊂' => "\\subset",
        '⊆' => "\\subseteq",
        '⊕' => "\\oplus",
        '⊗' => "\\otimes",
        'ℓ' => "\\ell",
        'ℏ' => "\\hbar",
        '⋯' | '⋮' | '⋱' => "\\cdots",
        '≔' => ":=",
        '∎' | '■' | '◼' => "\\blacksquare",
        '□' | '◻' | '▢' => "\\square",
        '″' => "''",
        '‰' => "\\permil",
        '℃' => "°\\text{C}",
        '℉' => "°\\text{F}",
        // Marks and invisible characters.
        '✓'
        | '✔'
        | '✅'
        | '⭐'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{ad}'
        | '\u{fe0e}'
        | '\u{fe0f}'
        | '\u{feff}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' => "",
        _ => return None,
    })
}

/// The ASCII form of a full-width or styled character.
pub(super) fn ascii(character: char) -> Option<char> {
    let code = character as u32;
    let letter = |offset: u32| {
        let base = if offset < 26 {
            'A' as u32
        } else {
            'a' as u32 - 26
        };
        char::from_u32(base + offset)
    };
    match code {
        0xFF01..=0xFF5E => char::from_u32(code - 0xFF01 + 0x21),
        0x3000 => Some(' '),
        // Bold, italic and other styles of the Latin alphabet, then of the Greek one.
        0x1D400..=0x1D6A3 => letter((code - 0x1D400) % 52),
        0x1D6A8..=0x1D7C9 => match (code - 0x1D6A8) % 58 {
            offset @ (0..=16 | 18..=24) => char::from_u32(0x391 + offset),
            offset @ 26..=50 => char::from_u32(0x3B1 + offset - 26),
            _ => None,
        },
        _ => Some(match character {
            '٫' => '.',
            '٬' => ',',
            'ℎ' => 'h',
            'ℯ' | 'ⅇ' => 'e',
            'ⅈ' => 'i',
            'ⅆ' => 'd',
            '〈' | '《' => '⟨',
            '〉' | '》' => '⟩',
            '【' | '〔' => '[',
            '】' | '〕' => ']',
            '‘' => '\'',
            '✕' | '✖' | '⨯' | '∗' => '×',
            '➗' => '÷',
            '➖' | '‐' | '‑' | '‒' => '-',
            '⟶' | '↦' => '→',
            _ => return None,
        }),
    }
}
