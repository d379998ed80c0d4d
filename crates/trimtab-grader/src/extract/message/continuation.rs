//! The problems and turns that a base model goes on to write after its answer.

/// The text before the first line that starts another problem or another's turn.
///
/// A line that starts a problem counts only after an answer. Before it, the model repeats the
/// problem.
pub(super) fn without(text: &str) -> &str {
    let mut seen = Seen::default();
    let mut read = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        match start(line) {
            Some(Start::Turn) if !text[..at].trim().is_empty() => return &text[..at],
            Some(Start::Problem { name, numbered }) => {
                seen.add(&text[read..at]);
                read = at;
                let answered = seen.announcement || seen.value && seen.blank_line;
                if answered && !(numbered && seen.problems & 1 << name != 0) {
                    return &text[..at];
                }
                seen.problems |= 1 << name;
            }
            _ => {}
        }
        at += line.len();
    }
    text
}

/// What the lines so far hold.
#[derive(Default)]
struct Seen {
    value: bool,
    announcement: bool,
    /// The last line is blank.
    blank_line: bool,
    /// A bit for each name of [`PROBLEMS`] that starts a line.
    problems: u32,
}

impl Seen {
    fn add(&mut self, lines: &str) {
        let Some(last) = lines.lines().next_back() else {
            return;
        };
        self.blank_line = last.trim().is_empty();
        self.value |= lines
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte == b'$');
        self.announcement |= ["nswer", "NSWER", "boxed", "####", "答"]
            .iter()
            .any(|word| lines.contains(word));
    }
}

/// What a line starts.
enum Start {
    /// The turn of somebody else.
    Turn,
    /// A problem, announced by the noun at `name` of [`PROBLEMS`].
    Problem { name: usize, numbered: bool },
}

const PROBLEMS: [&str; 21] = [
    "Question",
    "QUESTION",
    "Problem",
    "PROBLEM",
    "Q",
    "Exercise",
    "问题",
    "题目",
    "問題",
    "質問",
    "Frage",
    "Aufgabe",
    "Pregunta",
    "Problema",
    "Pergunta",
    "Domanda",
    "Problème",
    "Вопрос",
    "Задача",
    "Soru",
    "문제",
];

fn start(line: &str) -> Option<Start> {
    const TURNS: [&str; 8] = [
        "Human:",
        "HUMAN:",
        "User:",
        "USER:",
        "Instruction:",
        "user\n",
        "User\n",
        "Human\n",
    ];
    let line = line.trim_start_matches([' ', '*', '#', '_']);
    // Most lines start with none of the words.
    if !line.starts_with(|c: char| !c.is_ascii() || c.is_ascii_uppercase() || c == 'u') {
        return None;
    }
    if TURNS.iter().any(|turn| line.starts_with(turn)) {
        return Some(Start::Turn);
    }
    PROBLEMS.iter().enumerate().find_map(|(name, noun)| {
        let rest = line.strip_prefix(noun)?;
        let rest = rest.trim_start_matches([' ', '#', '*']);
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_heading = after
            .trim_start_matches([' ', '*', '_'])
            .starts_with([':', '：']);
        is_heading.then_some(Start::Problem {
            name,
            numbered: after.len() < rest.len(),
        })
    })
}
