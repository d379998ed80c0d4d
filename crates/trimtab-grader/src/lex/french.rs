//! French brackets of intervals, which point outwards where an end is open: `]0,1[`.

use super::{Lexeme, Token};

/// Writes the outward brackets as `⟦` and `⟧`.
pub(super) fn mark_outward_brackets(tokens: &mut [Lexeme]) {
    let mut before = None;
    for at in 0..tokens.len() {
        let after = tokens.get(at + 1).map(|next| next.token);
        match tokens[at].token {
            Token::Op(']') if !ends_value(before) && starts_value(after) => {
                tokens[at].token = Token::Op('⟦');
            }
            Token::Op('[')
                if ends_value(before) && before != Some(Token::Op(']')) && !starts_value(after) =>
            {
                tokens[at].token = Token::Op('⟧');
            }
            _ => {}
        }
        before = Some(tokens[at].token);
    }
}

/// Whether a value ends with this token.
pub(super) fn ends_value(token: Option<Token>) -> bool {
    match token {
        Some(Token::Op(operator)) => matches!(
            operator,
            ')' | ']' | '}' | '⦄' | '⟩' | '|' | '∞' | '∅' | '!' | '%' | '°' | '\''
        ),
        Some(Token::Construct(name)) => matches!(name, "end" | "e" | "i"),
        Some(Token::Number(_) | Token::Symbol(_) | Token::Word(_)) => true,
        _ => false,
    }
}

/// Whether a value starts with this token.
fn starts_value(token: Option<Token>) -> bool {
    match token {
        Some(Token::Op(operator)) => matches!(
            operator,
            '(' | '[' | '{' | '⦃' | '⟨' | '|' | '∞' | '+' | '-' | '±' | '⌊' | '⌈'
        ),
        Some(Token::Construct(name)) => name != "end",
        Some(Token::Number(_) | Token::Symbol(_) | Token::Begin(_) | Token::Accent(_)) => true,
        _ => false,
    }
}
