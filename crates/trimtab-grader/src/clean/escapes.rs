//! TeX commands that lost their backslash.

/// The backslash and letter that a string escape turned into the control character at `at`, if the
/// rest of a command follows: `\f` of `\frac` is a form feed.
pub(super) fn eaten(text: &str, at: usize) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let rest = &bytes[at + 1..];
    // Most blanks end a line.
    if !rest.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let (letter, commands) = match bytes[at] {
        b'\x07' => ("\\a", BELL),
        b'\x08' => ("\\b", BACKSPACE),
        b'\t' => ("\\t", TAB),
        b'\n' => ("\\n", NEWLINE),
        b'\x0b' => ("\\v", VERTICAL_TAB),
        b'\x0c' => ("\\f", FORM_FEED),
        b'\r' => ("\\r", RETURN),
        b'\x1b' => ("\\e", ESCAPE),
        _ => return None,
    };
    let is_next = |command: &[u8]| {
        rest.starts_with(command) && !rest.get(command.len()).is_some_and(u8::is_ascii_alphabetic)
    };
    let known = commands.iter().any(|command| is_next(command.as_bytes()));
    // "an" and "o" are words too.
    let in_formula = || {
        let before = text[..at].bytes().next_back();
        before.is_some_and(|before| b"{($=+-*/^[".contains(&before))
    };
    let tan = bytes[at] == b'\t' && (is_next(b"an") || is_next(b"o")) && in_formula();
    (known || tan).then_some(letter)
}

/// What follows the first letter of a command.
const BELL: &[&str] = &[
    "lpha", "ngle", "pprox", "rctan", "rccos", "rcsin", "rg", "st", "symp", "cute",
];
const BACKSPACE: &[&str] = &[
    "oxed",
    "eta",
    "ar",
    "inom",
    "egin",
    "ig",
    "igl",
    "igr",
    "igg",
    "iggl",
    "iggr",
    "mod",
    "f",
    "ullet",
    "ecause",
    "oldsymbol",
    "ackslash",
    "igcup",
    "igcap",
    "lacksquare",
    "eth",
    "ot",
    "race",
    "rack",
];
const TAB: &[&str] = &[
    "ext",
    "extbf",
    "extit",
    "extrm",
    "extsf",
    "exttt",
    "extstyle",
    "extnormal",
    "imes",
    "heta",
    "au",
    "anh",
    "frac",
    "binom",
    "ilde",
    "riangle",
    "herefore",
    "hinspace",
    "hickspace",
    "ag",
];
const NEWLINE: &[&str] = &[
    "eq", "otin", "abla", "leq", "geq", "ewline", "onumber", "ot",
];
const VERTICAL_TAB: &[&str] = &[
    "ec",
    "ee",
    "arphi",
    "arepsilon",
    "artheta",
    "arnothing",
    "dots",
    "ert",
    "phantom",
];
const FORM_FEED: &[&str] = &[
    "rac",
    "box",
    "orall",
    "lat",
    "rown",
    "ramebox",
    "ootnotesize",
];
const RETURN: &[&str] = &[
    "ight",
    "ightarrow",
    "ho",
    "angle",
    "floor",
    "ceil",
    "vert",
    "m",
    "brace",
    "brack",
];
const ESCAPE: &[&str] = &["psilon", "ta", "ll", "xp", "quiv", "mptyset", "xists", "nd"];

/// The length of an escaped backslash, `\u005c`, at the start of `text`.
pub(super) fn escaped_backslash(text: &str) -> Option<usize> {
    const ESCAPED: [&str; 4] = ["\\u005c", "\\u005C", "\\x5c", "\\x5C"];
    let escaped = ESCAPED.iter().find(|escaped| text.starts_with(**escaped))?;
    Some(escaped.len())
}

/// The length of a command without its backslash, or without its first letter too, that ends
/// `text`, and the command.
pub(super) fn bare_command(text: &str) -> Option<(usize, &'static str)> {
    const COMMANDS: [(&str, &str); 9] = [
        ("/boxed", "\\boxed"),
        ("boxed", "\\boxed"),
        ("oxed", "\\boxed"),
        ("dfrac", "\\dfrac"),
        ("tfrac", "\\tfrac"),
        ("frac", "\\frac"),
        ("rac", "\\frac"),
        ("fbox", "\\fbox"),
        ("sqrt", "\\sqrt"),
    ];
    let (bare, command) = COMMANDS.iter().find(|(bare, _)| text.ends_with(bare))?;
    let before = text[..text.len() - bare.len()].chars().next_back();
    let is_bare = before.is_none_or(|c| !c.is_alphabetic() && !matches!(c, '\\' | '/'));
    (is_bare || bare.starts_with('/')).then_some((bare.len(), *command))
}
