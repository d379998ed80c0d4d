//! Sentences and their pieces.

use super::piece::{Kind, Piece};
use super::word::{Tag, tag};

/// The pieces of a sentence.
#[derive(Clone, Copy)]
pub(super) struct Sentence<'t, 'p> {
    pub(super) text: &'t str,
    pub(super) pieces: &'p [Piece],
    pub(super) tags: &'p [Tag],
}

impl<'t> Sentence<'t, '_> {
    pub(super) fn word(&self, at: usize) -> &'t str {
        self.pieces
            .get(at)
            .map_or("", |piece| &self.text[piece.start..piece.end])
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.pieces.get(at).map(|piece| piece.kind)
    }

    pub(super) fn tag(&self, at: usize) -> Option<Tag> {
        match self.kind(at)? {
            Kind::Word => Some(self.tags[at]),
            _ => None,
        }
    }

    pub(super) fn sign(&self, at: usize) -> Option<char> {
        match self.kind(at)? {
            Kind::Sign(sign) => Some(sign),
            _ => None,
        }
    }

    /// Whether the piece follows the one before it without a blank.
    pub(super) fn glued(&self, at: usize) -> bool {
        at > 0 && self.pieces.get(at).is_some_and(|piece| !piece.spaced)
    }

    pub(super) fn is_number(&self, at: usize) -> bool {
        matches!(self.kind(at), Some(Kind::Number(_)))
    }
}

/// The tags of pieces.
pub(super) fn tags(text: &str, pieces: &[Piece]) -> Vec<Tag> {
    let tag_of = |piece: &Piece| match piece.kind {
        Kind::Word => tag(&text[piece.start..piece.end]),
        _ => Tag::Plain,
    };
    pieces.iter().map(tag_of).collect()
}

/// Whether a sign relates two sides.
pub(super) fn is_relation(sign: char) -> bool {
    matches!(sign, '=' | '≈' | '≠' | '<' | '>' | '≤' | '≥' | '≡' | '∈')
}

/// The start of the sentence that ends at `end`.
pub(super) fn start(text: &str, pieces: &[Piece], end: usize) -> usize {
    const MAX_PIECES: usize = 256;
    let mut at = end;
    while at > end.saturating_sub(MAX_PIECES) {
        if at < end && ends_before(text, pieces, at) {
            break;
        }
        at -= 1;
    }
    at
}

/// Whether a sentence ends between the piece and the one before it.
fn ends_before(text: &str, pieces: &[Piece], at: usize) -> bool {
    let (before, piece) = (&pieces[at - 1], &pieces[at]);
    let next_word = matches!(piece.kind, Kind::Word);
    let lower = text[piece.start..].starts_with(char::is_lowercase);
    match before.kind {
        Kind::Sign('。' | '।' | '？' | '؟' | '．') => return true,
        Kind::Sign('.' | '?') if piece.spaced => {
            let abbreviated =
                at >= 2 && is_abbreviation(&text[pieces[at - 2].start..pieces[at - 2].end]);
            if !(abbreviated && piece.lines == 0) {
                return true;
            }
        }
        Kind::Sign('!') if piece.spaced && !lower && next_word => return true,
        _ => {}
    }
    if piece.lines == 0 {
        return false;
    }
    if piece.kind == Kind::Marker {
        return true;
    }
    if before.kind == Kind::Sign(':') && starts_calculation(&pieces[at..]) {
        return true;
    }
    // A line goes on after a colon, an operator or a word, and before an operator.
    let open = match before.kind {
        Kind::Sign(sign) => {
            matches!(sign, ':' | ',' | '+' | '-' | '−' | '*' | '/' | '⇒') || is_relation(sign)
        }
        Kind::Word => {
            lower
                || piece.lines == 1
                    && matches!(piece.kind, Kind::Number(_) | Kind::Formula | Kind::Command)
                || matches!(
                    tag(&text[before.start..before.end]),
                    Tag::Copula | Tag::Gives | Tag::Of | Tag::To | Tag::Article
                )
        }
        _ => lower && next_word && piece.lines == 1,
    };
    let continued = match piece.kind {
        Kind::Sign(sign) => is_relation(sign),
        _ => false,
    };
    !(open || continued)
}

/// Whether a line starts with these pieces that says what a calculation comes to: `15 - 9 = 6`.
fn starts_calculation(pieces: &[Piece]) -> bool {
    let goes_on = pieces.iter().skip(1).take_while(|piece| piece.lines == 0);
    let line = pieces.iter().take(1).chain(goes_on);
    let mut operates = false;
    for piece in line {
        match piece.kind {
            Kind::Sign('+' | '-' | '−' | '*' | '×' | '/' | '÷') => operates = true,
            Kind::Sign('=' | '≈') if operates => return true,
            _ => {}
        }
    }
    false
}

/// Whether a full stop after the word does not end a sentence.
fn is_abbreviation(word: &str) -> bool {
    const KNOWN: [&str; 20] = [
        "approx", "no", "fig", "eq", "sq", "cu", "mr", "mrs", "ms", "dr", "st", "vs", "ca", "resp",
        "etc", "nos", "prof", "rs", "cf", "ex",
    ];
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(word))
}
