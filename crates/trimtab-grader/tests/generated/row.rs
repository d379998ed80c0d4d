//! A generated case: a gold answer, a text, and whether the text answers it.

use crate::dress::{Place, dress};
use crate::language::{LANGUAGES, Language};
use crate::miss::near_miss;
use crate::noise;
use crate::sentence::{Other, sentence};
use crate::spell::{spell, spell_gold};
use crate::spelling::{Mode, Spelling};
use crate::tape::{Section, Tape};
use crate::value::Value;

/// A case with its label.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) gold: String,
    pub(crate) prediction: String,
    /// Whether a grader should accept the prediction.
    pub(crate) expected: bool,
    /// Whether the prediction is the answer itself.
    pub(crate) alone: bool,
    /// The kind of the value that the prediction has.
    pub(crate) kind: &'static str,
    /// What made the row, without what is plain.
    pub(crate) parts: Vec<&'static str>,
}

/// Makes a row from choices, or none if the choices have no fair label.
pub(crate) fn row(tape: &mut Tape) -> Option<Row> {
    tape.section(Section::Label);
    let expected = tape.pick(2) == 0;
    let swapped = tape.pick(2) == 1;
    let place = *tape.item(&[Place::Alone, Place::Announced, Place::Boxed, Place::Told]);
    let language = draw_language(place, tape);
    tape.section(Section::Value);
    let value = Value::draw(tape);
    let (how, miss) = near_miss(&value, tape)?;
    if !expected {
        tape.note(how);
    }
    let (gold, answer) = match (expected, swapped) {
        (true, _) => (&value, &value),
        (false, false) => (&value, &miss),
        (false, true) => (&miss, &value),
    };
    let other = if expected { &miss } else { gold };
    tape.section(Section::Gold);
    let spelled_gold = spell_gold(gold, language, tape);
    tape.section(Section::Spelling);
    let spelled = spell(answer, language, tape);
    if !is_fair(expected, gold, &spelled_gold, &spelled, place, tape) {
        return None;
    }
    tape.section(Section::Dress);
    let mut dressed = dress(spelled, place, tape);
    tape.section(Section::Noise);
    dressed = noise::around(dressed, tape);
    let other = Other(mentioned(other));
    let is_choice = matches!(answer, Value::Choice(_));
    tape.section(Section::Sentence);
    let text = sentence(&dressed, place, language, &other, is_choice, tape);
    tape.section(Section::Text);
    let prediction = noise::through(text, tape);
    tape.section(Section::GoldDress);
    Some(Row {
        gold: dress_gold(spelled_gold, tape),
        prediction,
        expected,
        alone: place == Place::Alone,
        kind: answer.kind(),
        parts: tape.parts().to_vec(),
    })
}

/// English, or another language where there is a sentence.
fn draw_language(place: Place, tape: &mut Tape) -> &'static Language {
    let index = tape.pick(19).saturating_sub(9);
    match place {
        Place::Announced | Place::Told => {
            tape.note(LANGUAGES[index].name);
            &LANGUAGES[index]
        }
        Place::Alone | Place::Boxed => &LANGUAGES[0],
    }
}

/// Writes a value that is mentioned and is not the answer.
fn mentioned(value: &Value) -> String {
    let spelling = spell_gold(value, &LANGUAGES[0], &mut Tape::replay(Vec::new()));
    match spelling.mode {
        Mode::Tex => format!("${}$", spelling.text),
        Mode::Plain | Mode::Prose => spelling.text,
    }
}

/// A gold answer as data sets write it.
fn dress_gold(gold: Spelling, tape: &mut Tape) -> String {
    let text = gold.text;
    if gold.mode == Mode::Prose || !tape.once_in(4) {
        return text;
    }
    let wrapped = vec![
        ("gold in $", format!("${text}$")),
        ("gold in box", format!("\\boxed{{{text}}}")),
        ("gold in \\(", format!("\\({text}\\)")),
        ("gold in $ with a full stop", format!("${text}$.")),
    ];
    let index = tape.pick(wrapped.len() + 1);
    match wrapped.into_iter().nth(index.wrapping_sub(1)) {
        Some((part, text)) => {
            tape.note(part);
            text
        }
        None => text,
    }
}

/// Whether the label holds in this place.
fn is_fair(
    expected: bool,
    gold: &Value,
    spelled_gold: &Spelling,
    answer: &Spelling,
    place: Place,
    tape: &Tape,
) -> bool {
    let has = |part: &str| tape.parts().contains(&part);
    // A comma is decimal only where the gold answer has decimals.
    if has("decimal comma") || has("decimal {,}") {
        let shows_decimals = spelled_gold.text.contains('.');
        if !matches!(gold, Value::Number(_)) || (expected && !shows_decimals) {
            return false;
        }
    }
    // Nobody looks for a letter, a word or a list in a sentence that does not announce it.
    let is_told = !matches!(
        gold.kind(),
        "choice" | "word" | "time" | "family" | "list" | "set"
    );
    if expected && place == Place::Told && (!is_told || answer.text.contains(['x', '='])) {
        return false;
    }
    if expected && place == Place::Told && answer.mode != Mode::Tex {
        let simple = matches!(
            gold.kind(),
            "integer"
                | "decimal"
                | "fraction"
                | "percent"
                | "power of ten"
                | "root"
                | "pi"
                | "ratio"
                | "money"
                | "quantity"
                | "degrees"
                | "complex"
        );
        if !simple || answer.text.contains(['*', '÷', '(', '+']) {
            return false;
        }
    }
    true
}
