//! Groups of tokens: digits, connectors, code and others.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use trimtab_model::Pretrained;

/// Words that join statements.
const CONNECTORS: [&str; 30] = [
    "accordingly",
    "also",
    "although",
    "and",
    "as",
    "because",
    "but",
    "consequently",
    "else",
    "further",
    "furthermore",
    "hence",
    "however",
    "if",
    "instead",
    "moreover",
    "nor",
    "or",
    "otherwise",
    "since",
    "so",
    "then",
    "therefore",
    "though",
    "thus",
    "unless",
    "when",
    "whereas",
    "while",
    "yet",
];

/// Words that order the solution of a problem.
const STRUCTURE: [&str; 35] = [
    "answer",
    "assume",
    "calculate",
    "case",
    "check",
    "compute",
    "conclusion",
    "consider",
    "define",
    "denote",
    "determine",
    "example",
    "final",
    "finally",
    "find",
    "first",
    "firstly",
    "given",
    "last",
    "lastly",
    "let",
    "next",
    "note",
    "now",
    "problem",
    "proof",
    "question",
    "recall",
    "second",
    "secondly",
    "solution",
    "solve",
    "step",
    "suppose",
    "third",
];

/// Words of programming languages.
const CODE: [&str; 40] = [
    "args",
    "async",
    "await",
    "bool",
    "break",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "def",
    "elif",
    "enum",
    "extends",
    "float",
    "fn",
    "func",
    "function",
    "impl",
    "import",
    "include",
    "int",
    "lambda",
    "namespace",
    "new",
    "none",
    "null",
    "print",
    "private",
    "public",
    "return",
    "self",
    "sizeof",
    "static",
    "std",
    "struct",
    "this",
    "typedef",
    "var",
    "void",
];

/// Punctuation of programming languages.
const CODE_MARKS: [&str; 16] = [
    "{", "}", ";", "()", "::", "->", "=>", "==", "!=", "&&", "||", "//", "/*", "</", "[]", "```",
];

/// Signs of calculations.
const OPERATORS: &str = "+-*/=<>^%×÷±≤≥≠≈√∑∏∫·";

/// The text of every token of a model.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    texts: Vec<String>,
}

impl Vocabulary {
    /// The vocabulary of `base`.
    pub fn of(base: &Pretrained) -> Self {
        let tokens = 0..base.model.config.vocab_size as u32;
        Self {
            texts: tokens
                .map(|token| base.tokenizer.token_text(token))
                .collect(),
        }
    }

    /// A vocabulary with these texts, in the order of their ids.
    pub fn new(texts: Vec<String>) -> Self {
        Self { texts }
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of `token`.
    ///
    /// # Panics
    ///
    /// There is no such token.
    pub fn text(&self, token: u32) -> &str {
        &self.texts[token as usize]
    }

    fn matching(&self, belongs: impl Fn(&str) -> bool) -> Vec<u32> {
        let texts = (0..).zip(&self.texts);
        let matching = texts.filter(|(_, text)| belongs(text));
        matching.map(|(token, _)| token).collect()
    }
}

/// Tokens that have something in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGroup {
    /// The name.
    pub name: String,
    /// The ids, in ascending order.
    pub tokens: Vec<u32>,
}

/// Why a group cannot be read from a file.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TokenGroupError {
    #[error("cannot read the words of {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("none of the {words} words of {path} is a token of the model; one word a line")]
    NoToken { path: PathBuf, words: usize },
}

impl TokenGroup {
    /// The groups that every vocabulary has, without those that are empty in this one.
    ///
    /// | name | tokens |
    /// |---|---|
    /// | `connectors` | words that join statements, such as `because` |
    /// | `structure` | words that order a solution, such as `First` |
    /// | `digits` | digits only |
    /// | `operators` | signs of calculations only |
    /// | `code` | words and punctuation of programming languages |
    /// | `other scripts` | a letter that is not Latin |
    /// | `line breaks` | blanks with a line break |
    ///
    /// Words count in upper and lower case, and with blanks around them.
    pub fn built_in(vocabulary: &Vocabulary) -> Vec<Self> {
        let words =
            |list: &'static [&str]| move |text: &str| list.contains(&&*text.trim().to_lowercase());
        let all = |text: &str, belongs: &dyn Fn(char) -> bool| {
            let text = text.trim();
            !text.is_empty() && text.chars().all(belongs)
        };
        let groups: [(&str, Belongs); 7] = [
            ("connectors", &words(&CONNECTORS)),
            ("structure", &words(&STRUCTURE)),
            ("digits", &|text| all(text, &char::is_numeric)),
            ("operators", &|text| all(text, &|c| OPERATORS.contains(c))),
            ("code", &|text| {
                words(&CODE)(text) || CODE_MARKS.iter().any(|mark| text.contains(mark))
            }),
            ("other scripts", &|text| text.chars().any(is_other_letter)),
            ("line breaks", &|text| {
                text.contains('\n') && text.trim().is_empty()
            }),
        ];
        let groups = groups.into_iter().map(|(name, belongs)| Self {
            name: name.to_owned(),
            tokens: vocabulary.matching(belongs),
        });
        groups.filter(|group| !group.tokens.is_empty()).collect()
    }

    /// The tokens whose text is one of the words in the file at `path`, one a line.
    ///
    /// Upper and lower case and blanks around a word do not matter.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or no word is a token.
    pub fn read(name: &str, path: &Path, vocabulary: &Vocabulary) -> Result<Self, TokenGroupError> {
        let text = fs::read_to_string(path);
        let text = text.map_err(|source| TokenGroupError::Read {
            path: path.into(),
            source,
        })?;
        let words = text.lines().map(|line| line.trim().to_lowercase());
        let words: BTreeSet<String> = words.filter(|word| !word.is_empty()).collect();
        let tokens = vocabulary.matching(|text| words.contains(&text.trim().to_lowercase()));
        if tokens.is_empty() {
            return Err(TokenGroupError::NoToken {
                path: path.into(),
                words: words.len(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            tokens,
        })
    }
}

/// Whether the text of a token belongs to a group.
type Belongs<'a> = &'a dyn Fn(&str) -> bool;

/// Whether a character is a letter outside the Latin script.
fn is_other_letter(c: char) -> bool {
    c.is_alphabetic()
        && !matches!(c, '\0'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(texts: &[&str]) -> Vocabulary {
        Vocabulary::new(texts.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn tokens_are_where_a_reader_would_put_them() {
        let vocabulary = vocabulary(&[
            " Therefore",
            "First",
            "17",
            " +",
            "{\n",
            "Привет",
            "\n\n",
            "naïve",
            "return",
            " 你",
            "",
            "==",
            "step",
            "x2",
        ]);
        let groups = TokenGroup::built_in(&vocabulary);
        let of = |name: &str| {
            let group = groups.iter().find(|group| group.name == name);
            group.map_or(vec![], |group| group.tokens.clone())
        };
        for (name, expected) in [
            ("connectors", vec![0]),
            ("structure", vec![1, 12]),
            ("digits", vec![2]),
            ("operators", vec![3, 11]),
            ("code", vec![4, 8, 11]),
            ("other scripts", vec![5, 9]),
            ("line breaks", vec![6]),
        ] {
            assert_eq!(of(name), expected, "{name}");
        }
    }

    #[test]
    fn words_of_a_file_are_found_in_any_case() {
        let vocabulary = vocabulary(&["happy", " Happy", "sad", " glad"]);
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        fs::write(file.path(), "Happy\n\n  glad \nmirthful\n").expect("writable");
        let group = TokenGroup::read("joy", file.path(), &vocabulary).expect("two words");
        assert_eq!((&*group.name, group.tokens), ("joy", vec![0, 1, 3]));
        fs::write(file.path(), "mirthful\n").expect("writable");
        let error = TokenGroup::read("joy", file.path(), &vocabulary).expect_err("none");
        assert!(matches!(error, TokenGroupError::NoToken { words: 1, .. }));
        TokenGroup::read("joy", "missing".as_ref(), &vocabulary).expect_err("no file");
    }
}
