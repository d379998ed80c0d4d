//! The text around an answer.

use crate::dress::Place;
use crate::language::Language;
use crate::tape::{Section, Tape};

/// A number that is mentioned but is not the answer, ready to stand in prose.
pub(crate) struct Other(pub(crate) String);

/// Puts a dressed answer into a text.
pub(crate) fn sentence(
    answer: &str,
    place: Place,
    language: &Language,
    other: &Other,
    is_choice: bool,
    tape: &mut Tape,
) -> String {
    let core = match place {
        Place::Alone => return answer.to_owned(),
        Place::Announced => announced(answer, language, other, is_choice, tape),
        Place::Boxed => boxed(answer, other, tape),
        Place::Told => told(answer, language, tape),
        Place::Withheld => withheld(answer, other, tape),
    };
    tape.section(Section::Frame);
    let text = before(&core, other, place, language, tape);
    turns(text, other, tape)
}

fn announced(
    answer: &str,
    language: &Language,
    other: &Other,
    is_choice: bool,
    tape: &mut Tape,
) -> String {
    let index = tape.pick(language.announced.len());
    let (before, after) = language.announced[index];
    let nested = after.contains("**") && answer.contains('*');
    let (before, after) = if nested {
        language.announced[0]
    } else {
        (before, after)
    };
    if index > 0 {
        tape.note(before);
    }
    let (mut before, mut after) = (before.to_owned(), after.to_owned());
    if language.english && is_choice && tape.once_in(2) {
        let start = *tape.item(&[
            "The correct option is ",
            "The correct choice is ",
            "Option: ",
            "So the answer is option ",
        ]);
        tape.note("option");
        (before, after) = (start.to_owned(), ".".to_owned());
    }
    if language.english && after == "." && tape.once_in(3) {
        after = reason(&other.0, tape);
    }
    format!("{before}{answer}{after}")
}

/// What follows an answer in its sentence, or behind it.
fn reason(other: &str, tape: &mut Tape) -> String {
    tape.part(vec![
        ("", ".".to_owned()),
        ("(not other)", format!(" (not {other}).")),
        (", not other", format!(", not {other}.")),
        ("it can't be other", format!(", it can't be {other}.")),
        ("rather than other", format!(" rather than {other}.")),
        ("because", ", because the rest cancels.".to_owned()),
        ("since", ", since both sides agree.".to_owned()),
        (
            "sentence behind",
            ". This completes the solution.".to_owned(),
        ),
        ("number behind", ". We used 3 steps to find it.".to_owned()),
        (
            "other behind",
            format!(".\n\nA common mistake is to write {other}."),
        ),
        ("formula behind", ". Check: $2 + 2 = 4$.".to_owned()),
        ("as required", ", as required.".to_owned()),
        (
            "hope",
            ".\n\nI hope this helps! Let me know if you have 1 or 2 questions.".to_owned(),
        ),
    ])
}

fn boxed(answer: &str, other: &Other, tape: &mut Tape) -> String {
    let other = &other.0;
    tape.part(vec![
        ("", answer.to_owned()),
        ("box in a sentence", format!("Therefore, we get {answer}.")),
        (
            "number behind box",
            format!("So it is {answer}. We used 3 steps."),
        ),
        (
            "other behind box",
            format!("So it is {answer}, which is not {other}."),
        ),
        (
            "box behind other",
            format!("We tried {other} first. {answer}"),
        ),
        (
            "wrong box first",
            format!("\\boxed{{{other}}}\n\nWait, that is wrong. Let me correct it.\n\n{answer}"),
        ),
        (
            "box and words",
            format!("{answer}\n\nThis is the final result."),
        ),
        (
            "heading and box",
            format!(
                "### Solution\n\n1. Add 2 and 3.\n2. Divide by 7.\n\n**Final Answer**\n{answer}"
            ),
        ),
        ("answer is box", format!("The final answer is {answer}")),
    ])
}

/// Texts without an answer, or with two.
fn withheld(answer: &str, Other(other): &Other, tape: &mut Tape) -> String {
    tape.note("(withheld)");
    tape.part(vec![
        ("", format!("<think>\nThe answer is {answer}.")),
        ("negated answer", format!("The answer is not {answer}.")),
        (
            "answer or other",
            format!("The answer is {answer} or {other}."),
        ),
        (
            "other or answer",
            format!("The answer is {other} or {answer}."),
        ),
        (
            "either box",
            format!("Either \\boxed{{{other}}} or \\boxed{{{answer}}}."),
        ),
        (
            "box that is cut off",
            format!("Therefore, we get \\boxed{{{answer}"),
        ),
        (
            "empty box last",
            format!("\\boxed{{{answer}}}\n\nNo, that is wrong: \\boxed{{}}"),
        ),
        (
            "thoughts alone",
            format!("<think>\nIt might be {answer}.\n</think>\n\nI could not solve it."),
        ),
        (
            "retracted",
            format!("The answer is {answer}.\n\nWait, that is wrong. The answer is {other}."),
        ),
        (
            "box, then other",
            format!("\\boxed{{{answer}}}\n\nWait, the final answer is {other}."),
        ),
    ])
}

fn told(answer: &str, language: &Language, tape: &mut Tape) -> String {
    let index = tape.pick(language.told.len());
    let (before, after) = language.told[index];
    if index > 0 {
        tape.note(before);
    }
    tape.note("(told)");
    format!("{before}{answer}{after}")
}

/// What stands before the sentence with the answer.
fn before(core: &str, other: &Other, place: Place, language: &Language, tape: &mut Tape) -> String {
    if !tape.once_in(3) {
        return core.to_owned();
    }
    let other = &other.0;
    let mut choices = vec![
        ("", core.to_owned()),
        (
            "steps before",
            format!("There are 12 of the first and 7 of the second kind. 12 + 7 = 19.\n\n{core}"),
        ),
        (
            "formula before",
            format!("We compute $44 + 45 = 89$ on the way.\n\n{core}"),
        ),
        (
            "think",
            format!("<think>\nIt might be {other}. The answer is {other}.\n</think>\n\n{core}"),
        ),
        (
            "think with box",
            format!("<think>\n\\boxed{{{other}}}\n</think>\n{core}"),
        ),
        ("[THINK]", format!("[THINK]It is {other}.[/THINK]{core}")),
        (
            "other before",
            format!("One might guess {other}.\n\n{core}"),
        ),
    ];
    if language.english && place != Place::Boxed {
        choices.push((
            "answer changed",
            format!("The answer is {other}.\n\nWait, that is wrong. {core}"),
        ));
    }
    tape.part(choices)
}

/// Marks that end the turn, and what follows them.
fn turns(text: String, other: &Other, tape: &mut Tape) -> String {
    const MARKS: [&str; 18] = [
        "<|im_end|>",
        "<|eot_id|>",
        "<end_of_turn>",
        "<|end|>",
        "</s>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<|eom_id|>",
        "<eos>",
        "<｜end▁of▁sentence｜>",
        "<|end_of_turn|>",
        "<|END_OF_TURN_TOKEN|>",
        "<|return|>",
        "<pad>",
        "<|im_end|>\n<|im_start|>user",
        "[INST]",
        "<|user|>",
        "<start_of_turn>user",
    ];
    if !tape.once_in(6) {
        return text;
    }
    let mark = *tape.item(&MARKS);
    tape.note(mark);
    match tape.pick(3) {
        1 => format!("{text}{mark}\nThe answer is {}.", other.0),
        2 => format!("{text}{mark}\n\\boxed{{{}}}", other.0),
        _ => format!("{text}{mark}"),
    }
}
