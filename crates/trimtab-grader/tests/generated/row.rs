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
    let place = *tape.item(&[
        Place::Alone,
        Place::Announced,
        Place::Boxed,
        Place::Told,
        Place::Withheld,
    ]);
    let language = draw_language(place, tape);
    tape.section(Section::Value);
    let value = Value::draw(tape);
    let (how, miss) = near_miss(&value, tape)?;
    if !expected && place != Place::Withheld {
        tape.note(how);
    }
    let (gold, answer) = match (expected, swapped) {
        _ if place == Place::Withheld => (&value, &value),
        (true, _) => (&value, &value),
        (false, false) => (&value, &miss),
        (false, true) => (&miss, &value),
    };
    let other = if expected || place == Place::Withheld {
        &miss
    } else {
        gold
    };
    tape.section(Section::Gold);
    let spelled_gold = spell_gold(gold, language, tape);
    tape.section(Section::Spelling);
    let spelled = spell(answer, language, tape);
    if !is_fair(expected, gold, &spelled_gold, &spelled, place, tape) {
        return None;
    }
    tape.section(Section::Name);
    let (spelled_gold, spelled) = name(answer, spelled_gold, spelled, place, tape);
    tape.section(Section::Dress);
    let mut dressed = dress(spelled, place, tape);
    tape.section(Section::Noise);
    dressed = noise::around(dressed, tape);
    let other = Other(mentioned(other));
    let is_choice = matches!(answer, Value::Choice(_));
    tape.section(Section::Sentence);
    let text = sentence(&dressed, place, language, &other, is_choice, tape);
    tape.section(Section::Text);
    let prediction = noise::through(text, place == Place::Alone, tape);
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
        Place::Alone | Place::Boxed | Place::Withheld => &LANGUAGES[0],
    }
}

/// Writes what is named before the answer, as in `x = 5`.
fn name(
    value: &Value,
    mut gold: Spelling,
    mut answer: Spelling,
    place: Place,
    tape: &mut Tape,
) -> (Spelling, Spelling) {
    let names: &[&str] = match value.kind() {
        "integer" | "decimal" | "fraction" | "root" | "pi" | "complex" | "power of ten" => &[
            "x = ",
            "x=",
            "n = ",
            "a_1 = ",
            "AB = ",
            "f(2) = ",
            "S_{10} = ",
            "x_0=",
            "P(A) = ",
        ],
        "polynomial" | "quotient" => &["f(x) = ", "y = ", "f(x)=", "g(x) = ", "P(x) = "],
        "degrees" => &["x = ", "\\angle ABC = ", "\\theta = "],
        _ => return (gold, answer),
    };
    let choice = tape.pick(8);
    let name = *tape.item(names);
    let with_name = |spelling: &Spelling| Spelling {
        text: format!("{name}{}", spelling.text),
        mode: if name.contains(['\\', '{']) {
            Mode::Tex
        } else {
            spelling.mode
        },
        rare: spelling.rare,
    };
    let may = |spelling: &Spelling| spelling.mode != Mode::Prose && !spelling.text.contains('=');
    if matches!(choice, 5 | 6) && may(&gold) && place != Place::Told {
        tape.note("named (gold)");
        gold = with_name(&gold);
    }
    if matches!(choice, 6 | 7) && may(&answer) && place != Place::Told {
        tape.note("named");
        answer = with_name(&answer);
    }
    (gold, answer)
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
    // One of several, negated or cut off is no answer; a set may be a part of another.
    let is_one = !matches!(
        gold.kind(),
        "list" | "set" | "plus minus" | "union" | "interval" | "family"
    );
    if place == Place::Withheld && (expected || !is_one || answer.mode == Mode::Prose) {
        return false;
    }
    // A box is where an answer is looked for.
    let boxed = answer.text.contains("\\boxed");
    if boxed && (place == Place::Alone || place == Place::Told) {
        return false;
    }
    let has_dollar = answer.mode == Mode::Prose && answer.text.contains('$');
    if has_dollar && place == Place::Boxed && !boxed {
        return false;
    }
    // Pounds are not dollars.
    let gold_has_currency = spelled_gold.text.contains(['$', 'd']);
    if matches!(gold, Value::Money(_)) && has("currency") && gold_has_currency {
        return false;
    }
    // A letter behind a number is a unit only where one is expected.
    let bare = !spelled_gold
        .text
        .contains(|c: char| c.is_ascii_alphabetic());
    let letter = answer
        .text
        .split([' ', '^', '²', '³'])
        .any(|word| matches!(word, "m" | "g" | "s" | "h" | "L"));
    if expected && matches!(gold, Value::Quantity(..)) && bare && letter {
        return false;
    }
    // One side may leave out the condition.
    if has("no condition") && has("other range") {
        return false;
    }
    // A comma is decimal only where the gold answer has decimals.
    if has("decimal comma") || has("decimal {,}") {
        let shows_decimals = spelled_gold.text.contains('.');
        if !matches!(gold, Value::Number(_) | Value::Money(_)) || (expected && !shows_decimals) {
            return false;
        }
    }
    // Nobody looks for a letter, a word or a list in a sentence that does not announce it.
    let is_told = !matches!(
        gold.kind(),
        "choice" | "word" | "time" | "family" | "list" | "set"
    );
    if expected
        && place == Place::Told
        && (!is_told
            || answer.text.contains('x')
            || (answer.text.contains('=') && !has("equation")))
    {
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
