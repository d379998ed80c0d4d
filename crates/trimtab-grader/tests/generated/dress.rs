//! What is put around an answer: delimiters, fonts, boxes and damage.

use crate::spelling::{Mode, Spelling};
use crate::tape::Tape;

/// Where the answer stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// It is the whole text, and nothing is to be found.
    Alone,
    /// Behind a phrase that announces it.
    Announced,
    /// In a box.
    Boxed,
    /// Mentioned in a text that gives no answer, or two.
    Withheld,
    /// In a sentence that does not say that it is the answer.
    Told,
}

/// Dresses a spelling for its place.
pub(crate) fn dress(mut spelling: Spelling, place: Place, tape: &mut Tape) -> String {
    if spelling.text.contains("\\boxed") {
        return spelling.text;
    }
    if spelling.mode != Mode::Prose && tape.once_in(3) {
        spelling = inner(spelling, tape);
    }
    let text = &spelling.text;
    let choices = match (place, spelling.mode) {
        (Place::Boxed, Mode::Prose) => prose_boxes(text),
        (Place::Boxed, _) => boxes(text),
        (Place::Alone, Mode::Prose) => markdown(text)
            .into_iter()
            .filter(|(part, _)| *part != "quotes")
            .collect(),
        (_, Mode::Prose) => markdown(text),
        (Place::Alone, _) => [vec![("", text.clone())], delimiters(text), boxes(text)].concat(),
        (Place::Announced, Mode::Plain) => [markdown(text), delimiters(text), boxes(text)].concat(),
        (Place::Announced, Mode::Tex) => [
            delimiters(text),
            vec![("bare TeX", text.clone())],
            boxes(text),
        ]
        .concat(),
        (Place::Told | Place::Withheld, Mode::Plain) => [markdown(text), delimiters(text)].concat(),
        (Place::Told | Place::Withheld, Mode::Tex) => delimiters(text),
    };
    tape.part(choices)
}

/// Dress inside of the formula.
fn inner(spelling: Spelling, tape: &mut Tape) -> Spelling {
    let text = spelling.text.as_str();
    let wrap = |before: &str, after: &str| format!("{before}{text}{after}");
    let mut choices = Vec::new();
    // Braces around a list may be those of a set.
    let wraps = WRAPS
        .into_iter()
        .filter(|wrap| !wrap.1.starts_with('{') || !text.contains(','));
    for (part, before, after) in wraps {
        choices.push((part, wrap(before, after)));
    }
    let is_text = text.chars().all(|c| c.is_alphabetic() || c == ' ')
        || text
            .chars()
            .all(|c| !c.is_alphabetic() && !"^_√%".contains(c));
    if spelling.mode == Mode::Plain && is_text {
        for (part, before, after) in TEXT_WRAPS {
            choices.push((part, wrap(before, after)));
        }
    }
    Spelling {
        text: tape.part(choices),
        mode: Mode::Tex,
        rare: true,
    }
}

const WRAPS: [(&str, &str, &str); 51] = [
    ("thin space behind", "", "\\,"),
    ("braces", "{", "}"),
    ("displaystyle", "\\displaystyle ", ""),
    ("displaystyle in braces", "{\\displaystyle ", "}"),
    ("textstyle", "\\textstyle ", ""),
    ("mathbf", "\\mathbf{", "}"),
    ("boldsymbol", "\\boldsymbol{", "}"),
    ("bm", "\\bm{", "}"),
    ("pmb", "\\pmb{", "}"),
    ("\\bf in braces", "{\\bf ", "}"),
    ("\\bf", "\\bf ", ""),
    ("\\large", "\\large ", ""),
    ("\\Large of braces", "\\Large{", "}"),
    ("\\Large in braces", "{\\Large ", "}"),
    ("\\huge", "\\huge ", ""),
    ("\\LARGE", "\\LARGE ", ""),
    ("\\small", "\\small ", ""),
    ("color", "\\color{red}{", "}"),
    ("color switch", "\\color{blue} ", ""),
    ("color in braces", "{\\color{red} ", "}"),
    ("textcolor", "\\textcolor{red}{", "}"),
    ("colorbox", "\\colorbox{yellow}{", "}"),
    ("underline", "\\underline{", "}"),
    ("ensuremath", "\\ensuremath{", "}"),
    ("mathstrut", "\\mathstrut ", ""),
    ("thin space before", "\\,", ""),
    ("thick spaces", "\\;", "\\;"),
    ("negative space", "\\!", "\\!"),
    ("~ behind", "", "~"),
    ("~ before", "~", ""),
    ("quad behind", "", " \\quad"),
    ("qquad before", "\\qquad ", ""),
    ("control space", "", "\\ "),
    ("hspace", "", "\\hspace{2mm}"),
    ("hfill", "", "\\hfill"),
    ("full stop", "", "."),
    ("full stop behind a space", "", "\\,."),
    ("comma behind", "", ","),
    ("line end", "", " \\\\"),
    ("line end with space", "", " \\\\[4pt]"),
    ("blacksquare", "", " \\blacksquare"),
    ("square", "", "\\square"),
    ("qed", "", " \\quad \\blacksquare"),
    ("checkmark", "", " \\checkmark"),
    ("tag", "", " \\tag{1}"),
    ("label", "", " \\label{eq:1}"),
    ("aligned", "\\begin{aligned} ", " \\end{aligned}"),
    ("aligned with &", "\\begin{aligned} & ", " \\end{aligned}"),
    ("gathered", "\\begin{gathered} ", " \\end{gathered}"),
    ("big in braces", "{{", "}}"),
    ("nonumber", "", " \\nonumber"),
];

const TEXT_WRAPS: [(&str, &str, &str); 12] = [
    ("text", "\\text{", "}"),
    ("mathrm", "\\mathrm{", "}"),
    ("textbf", "\\textbf{", "}"),
    ("textit", "\\textit{", "}"),
    ("mbox", "\\mbox{", "}"),
    ("hbox", "\\hbox{", "}"),
    ("emph", "\\emph{", "}"),
    ("texttt", "\\texttt{", "}"),
    ("mathsf", "\\mathsf{", "}"),
    ("\\rm", "{\\rm ", "}"),
    ("\\it", "{\\it ", "}"),
    ("textrm", "\\textrm{", "}"),
];

fn delimiters(text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("$", format!("${text}$")),
        ("$ with blanks", format!("$ {text} $")),
        ("$$", format!("$${text}$$")),
        ("\\(", format!("\\({text}\\)")),
        ("\\( with blanks", format!("\\( {text} \\)")),
        ("\\[", format!("\\[{text}\\]")),
        ("\\[ on lines", format!("\n\\[\n{text}\n\\]\n")),
        ("$$ on lines", format!("\n$$\n{text}\n$$\n")),
        (
            "equation",
            format!("\\begin{{equation}}{text}\\end{{equation}}"),
        ),
        (
            "equation*",
            format!("\\begin{{equation*}}\n{text}\n\\end{{equation*}}"),
        ),
        (
            "align*",
            format!("\\begin{{align*}} {text} \\end{{align*}}"),
        ),
        ("bold $", format!("**${text}$**")),
    ]
}

fn boxes(text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("boxed", format!("\\boxed{{{text}}}")),
        ("$boxed", format!("$\\boxed{{{text}}}$")),
        ("\\[boxed", format!("\\[\\boxed{{{text}}}\\]")),
        ("fbox", format!("\\fbox{{{text}}}")),
        ("$$boxed on lines", format!("$$\n\\boxed{{{text}}}\n$$")),
        ("boxed with blanks", format!("\\boxed{{ {text} }}")),
        ("boxed $", format!("\\boxed{{${text}$}}")),
        ("boxed, blank before brace", format!("\\boxed {{{text}}}")),
        ("boxed with a full stop", format!("$\\boxed{{{text}}}.$")),
        ("bold boxed", format!("**\\boxed{{{text}}}**")),
        ("bold boxed", format!("\\boldsymbol{{\\boxed{{{text}}}}}")),
        ("boxed boxed", format!("\\boxed{{\\boxed{{{text}}}}}")),
        ("framebox", format!("\\framebox{{{text}}}")),
        ("fbox $", format!("\\fbox{{${text}$}}")),
        ("(boxed", format!("\\( \\boxed{{{text}}} \\)")),
    ]
}

fn prose_boxes(text: &str) -> Vec<(&'static str, String)> {
    vec![
        ("boxed text", format!("\\boxed{{\\text{{{text}}}}}")),
        ("boxed prose", format!("\\boxed{{{text}}}")),
        ("boxed mbox", format!("\\boxed{{\\mbox{{{text}}}}}")),
        ("boxed textbf", format!("$\\boxed{{\\textbf{{{text}}}}}$")),
    ]
}

fn markdown(text: &str) -> Vec<(&'static str, String)> {
    let mut choices = vec![("", text.to_owned())];
    if !text.contains(['*', '_', '`']) {
        choices.push(("bold", format!("**{text}**")));
        choices.push(("code", format!("`{text}`")));
        choices.push(("bold underscores", format!("__{text}__")));
        choices.push(("italic", format!("*{text}*")));
        choices.push(("bold italic", format!("***{text}***")));
        choices.push(("<b>", format!("<b>{text}</b>")));
        choices.push(("quotes", format!("\"{text}\"")));
    }
    choices
}
