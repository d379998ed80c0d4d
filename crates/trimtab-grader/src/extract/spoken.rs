//! Numbers in words of other languages than English: "einundzwanzig", "quatre-vingt-douze",
//! "三百零五".

use std::sync::LazyLock;

/// The words for numbers in a language, the longest first.
struct Words {
    /// Words that are added.
    parts: &'static [(&'static str, i64)],
    /// Words that multiply what comes before them.
    scales: &'static [(&'static str, i64)],
    /// A word between two parts.
    joint: &'static str,
}

/// Words for a minus sign.
const MINUS: [&str; 7] = ["minus", "moins", "menos", "meno", "минус", "负", "負"];

/// The number that a text in words starts with, and the length of its words. Articles such as "un"
/// and "eine" alone are none.
pub(crate) fn leading(text: &str) -> Option<(i64, usize)> {
    const MAX_BYTES: usize = 96;
    const MAX_WORDS: usize = 6;
    let text = &text[..text.floor_char_boundary(MAX_BYTES)];
    let unsigned = MINUS.iter().find_map(|word| text.strip_prefix(word));
    let body = unsigned.map_or(text, str::trim_start);
    let skipped = text.len() - body.len();
    let sign = if unsigned.is_some() { -1 } else { 1 };
    if !body
        .bytes()
        .next()
        .is_some_and(|byte| FIRST[usize::from(byte.to_ascii_lowercase())])
    {
        return None;
    }
    if let Some((number, length)) = chinese(body, unsigned.is_some()) {
        return Some((sign * number, skipped + length));
    }
    let mut ends: Vec<usize> = body
        .char_indices()
        .filter(|(_, c)| !(c.is_alphabetic() || *c == '-'))
        .map(|(at, _)| at)
        .take(MAX_WORDS)
        .collect();
    if ends.len() < MAX_WORDS {
        ends.push(body.len());
    }
    let word = body
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(body.len());
    let starts = |language: &Words| {
        let parts = language.parts.iter().chain(language.scales);
        parts
            .map(|(part, _)| *part)
            .any(|part| is_prefix(part, &body[..word]))
    };
    if !LANGUAGES.iter().any(starts) {
        return None;
    }
    let lower = body.to_lowercase();
    if lower.len() != body.len() {
        return None;
    }
    ends.iter().rev().find_map(|end| {
        let words = &lower[..*end];
        let number = LANGUAGES.iter().find_map(|language| language.read(words))?;
        let is_article = number == 1 && unsigned.is_none();
        (!is_article).then_some((sign * number, skipped + end))
    })
}

/// The bytes with which the words for numbers start.
static FIRST: LazyLock<[bool; 256]> = LazyLock::new(|| {
    let mut table = [false; 256];
    for language in &LANGUAGES {
        for (word, _) in language.parts.iter().chain(language.scales) {
            table[usize::from(word.as_bytes()[0])] = true;
        }
    }
    // Letters in upper case, and digits of Chinese.
    for byte in [0xc3, 0xd0, 0xd1, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9] {
        table[byte] = true;
    }
    table
});

impl Words {
    /// The number that a whole text in lower case is.
    fn read(&self, text: &str) -> Option<i64> {
        const MAX_PARTS: usize = 12;
        let mut rest = text;
        let (mut total, mut current): (i64, i64) = (0, 0);
        let mut joined = false;
        let mut started = false;
        for _ in 0..MAX_PARTS {
            let after = rest.trim_start_matches([' ', '-']);
            if after.is_empty() {
                break;
            }
            if let Some((value, after)) = strip(after, self.parts) {
                current = fitted(current, value, started, joined)?;
                (rest, started, joined) = (after, true, false);
            } else if let Some((scale, after)) = strip(after, self.scales) {
                if scale == 100 {
                    current = if current % 100 == 0 {
                        current + 100
                    } else {
                        current * 100
                    };
                } else {
                    total += current.max(1) * scale;
                    current = 0;
                }
                (rest, started, joined) = (after, true, false);
            } else if started && !joined && !self.joint.is_empty() {
                rest = after.strip_prefix(self.joint)?;
                joined = true;
            } else {
                return None;
            }
        }
        (started && !joined && rest.trim().is_empty()).then_some(total + current)
    }
}

/// The sum of what has been read and the next part, if the two make one number.
fn fitted(current: i64, value: i64, started: bool, joined: bool) -> Option<i64> {
    let fits = !started
        || current % 1000 == 0 && value < 1000
        || current % 100 == 0 && value < 100
        || current % 10 == 0 && current % 100 >= 20 && value < 10
        || matches!(current % 100, 60 | 80) && value < 20
        || joined && current % 100 < 10 && (20..100).contains(&value);
    fits.then_some(current + value)
}

/// Whether a text starts with a word in lower case, apart from the case of its first letter.
fn is_prefix(word: &str, text: &str) -> bool {
    let first = word.chars().next().map_or(0, char::len_utf8);
    let start = text.chars().next().map_or(0, char::len_utf8);
    first == start
        && text[start..].starts_with(&word[first..])
        && text
            .chars()
            .next()
            .is_some_and(|c| c.to_lowercase().eq(word.chars().take(1)))
}

/// The longest of `words` at the start of `text`, and what follows it.
fn strip<'a>(text: &'a str, words: &[(&str, i64)]) -> Option<(i64, &'a str)> {
    words
        .iter()
        .find_map(|(word, value)| Some((*value, text.strip_prefix(word)?)))
}

/// A number in Chinese or Japanese, and the length of its characters. One digit alone
/// is none unless it is signed.
fn chinese(text: &str, signed: bool) -> Option<(i64, usize)> {
    let (mut total, mut section, mut digit): (i64, i64, Option<i64>) = (0, 0, None);
    let mut length = 0;
    let mut characters = 0;
    for character in text.chars() {
        let scale = match character {
            '十' => 10,
            '百' => 100,
            '千' => 1_000,
            '万' | '萬' => 10_000,
            '亿' | '億' => 100_000_000,
            _ => 0,
        };
        match "零一二三四五六七八九"
            .chars()
            .position(|known| known == character)
        {
            Some(0) if digit.is_none() => {}
            Some(value) if digit.is_none() => digit = i64::try_from(value).ok(),
            Some(_) => return None, // digits in a row
            None if character == '两' && digit.is_none() => digit = Some(2),
            None if scale >= 10_000 => {
                total = total.checked_add((section + digit.take().unwrap_or(0)).max(1) * scale)?;
                section = 0;
            }
            None if scale > 0 => {
                section += digit.take().unwrap_or(1) * scale;
            }
            None => break,
        }
        length += character.len_utf8();
        characters += 1;
        if characters > 16 {
            return None;
        }
    }
    (characters > 1 || characters == 1 && (signed || section == 10))
        .then_some((total + section + digit.unwrap_or(0), length))
}

/// The only number in words that the last sentence of a text has.
pub(super) fn in_last_sentence(text: &str) -> Option<i64> {
    const MAX_SENTENCE: usize = 256;
    let text = text.trim_end_matches(|c: char| !c.is_alphanumeric());
    let start = text.ceil_char_boundary(text.len().saturating_sub(MAX_SENTENCE));
    let stop = text[start..].rfind(['.', '\n', '。', '!', '?', '！', '？']);
    let mut rest = &text[stop.map_or(start, |at| start + at)..];
    if is_english(rest) {
        return None;
    }
    let mut found = None;
    while !rest.is_empty() {
        let length = match leading(rest) {
            Some((number, length)) if ends_word(&rest[length..]) || !rest.is_ascii() => {
                if found.replace(number).is_some() {
                    return None;
                }
                length
            }
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
        // On to the next word, or the next character of a script without blanks.
        let first = rest.chars().next().unwrap_or(' ');
        let word = match rest.find(|c: char| !c.is_alphabetic()) {
            Some(end) if first.is_alphabetic() && !super::piece::is_unspaced(first) => end,
            _ => 1,
        };
        let next = rest.ceil_char_boundary(length.max(word).min(rest.len()));
        rest = &rest[next..];
    }
    found
}

/// Whether a sentence has words of English, in which words such as "due" or "once" are no numbers.
fn is_english(sentence: &str) -> bool {
    const WORDS: [&str; 16] = [
        "the", "is", "of", "to", "and", "are", "it", "this", "we", "that", "for", "be", "not",
        "at", "i", "with",
    ];
    sentence
        .split(|c: char| !c.is_alphabetic())
        .any(|word| WORDS.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(char::is_alphabetic)
}

static LANGUAGES: [Words; 7] = [
    Words {
        parts: &[
            ("zeventien", 17),
            ("negentien", 19),
            ("veertien", 14),
            ("achttien", 18),
            ("zeventig", 70),
            ("negentig", 90),
            ("dertien", 13),
            ("vijftien", 15),
            ("zestien", 16),
            ("twintig", 20),
            ("veertig", 40),
            ("vijftig", 50),
            ("tachtig", 80),
            ("dertig", 30),
            ("zestig", 60),
            ("twaalf", 12),
            ("negen", 9),
            ("zeven", 7),
            ("twee", 2),
            ("drie", 3),
            ("vier", 4),
            ("vijf", 5),
            ("acht", 8),
            ("tien", 10),
            ("nul", 0),
            ("zes", 6),
            ("elf", 11),
            ("een", 1),
        ],
        scales: &[("honderd", 100), ("duizend", 1000)],
        joint: "en",
    },
    Words {
        parts: &[
            ("fünfzehn", 15),
            ("dreizehn", 13),
            ("vierzehn", 14),
            ("sechzehn", 16),
            ("siebzehn", 17),
            ("achtzehn", 18),
            ("neunzehn", 19),
            ("dreißig", 30),
            ("dreissig", 30),
            ("fünfzig", 50),
            ("zwanzig", 20),
            ("vierzig", 40),
            ("sechzig", 60),
            ("siebzig", 70),
            ("achtzig", 80),
            ("neunzig", 90),
            ("sieben", 7),
            ("zwölf", 12),
            ("einen", 1),
            ("fünf", 5),
            ("sechs", 6),
            ("eins", 1),
            ("eine", 1),
            ("zwei", 2),
            ("drei", 3),
            ("vier", 4),
            ("acht", 8),
            ("neun", 9),
            ("zehn", 10),
            ("ein", 1),
            ("elf", 11),
        ],
        scales: &[("hundert", 100), ("tausend", 1000)],
        joint: "und",
    },
    Words {
        parts: &[
            ("quatre-vingts", 80),
            ("quatre-vingt", 80),
            ("cinquante", 50),
            ("quatorze", 14),
            ("dix-sept", 17),
            ("dix-huit", 18),
            ("dix-neuf", 19),
            ("quarante", 40),
            ("soixante", 60),
            ("septante", 70),
            ("huitante", 80),
            ("nonante", 90),
            ("quatre", 4),
            ("treize", 13),
            ("quinze", 15),
            ("trente", 30),
            ("zéro", 0),
            ("trois", 3),
            ("douze", 12),
            ("seize", 16),
            ("vingt", 20),
            ("deux", 2),
            ("cinq", 5),
            ("sept", 7),
            ("huit", 8),
            ("neuf", 9),
            ("onze", 11),
            ("une", 1),
            ("six", 6),
            ("dix", 10),
            ("un", 1),
        ],
        scales: &[("cents", 100), ("mille", 1000), ("cent", 100)],
        joint: "et",
    },
    Words {
        parts: &[
            ("cuatrocientos", 400),
            ("veinticuatro", 24),
            ("veintitrés", 23),
            ("veinticinco", 25),
            ("veintiséis", 26),
            ("veintisiete", 27),
            ("veintinueve", 29),
            ("trescientos", 300),
            ("seiscientos", 600),
            ("setecientos", 700),
            ("ochocientos", 800),
            ("novecientos", 900),
            ("dieciséis", 16),
            ("diecisiete", 17),
            ("diecinueve", 19),
            ("veintidós", 22),
            ("veintiocho", 28),
            ("doscientos", 200),
            ("doscientas", 200),
            ("quinientos", 500),
            ("dieciocho", 18),
            ("veintiuno", 21),
            ("veintiún", 21),
            ("veintiuna", 21),
            ("cincuenta", 50),
            ("cuarenta", 40),
            ("catorce", 14),
            ("treinta", 30),
            ("sesenta", 60),
            ("setenta", 70),
            ("ochenta", 80),
            ("noventa", 90),
            ("cuatro", 4),
            ("quince", 15),
            ("veinte", 20),
            ("ciento", 100),
            ("cinco", 5),
            ("siete", 7),
            ("nueve", 9),
            ("trece", 13),
            ("cero", 0),
            ("tres", 3),
            ("seis", 6),
            ("ocho", 8),
            ("diez", 10),
            ("once", 11),
            ("doce", 12),
            ("cien", 100),
            ("uno", 1),
            ("una", 1),
            ("dos", 2),
            ("un", 1),
        ],
        scales: &[("mil", 1000)],
        joint: "y",
    },
    Words {
        parts: &[
            ("quattordici", 14),
            ("diciassette", 17),
            ("diciannove", 19),
            ("cinquanta", 50),
            ("quindici", 15),
            ("diciotto", 18),
            ("quaranta", 40),
            ("cinquant", 50),
            ("sessanta", 60),
            ("settanta", 70),
            ("quattro", 4),
            ("tredici", 13),
            ("quarant", 40),
            ("sessant", 60),
            ("settant", 70),
            ("ottanta", 80),
            ("novanta", 90),
            ("cinque", 5),
            ("undici", 11),
            ("dodici", 12),
            ("sedici", 16),
            ("trenta", 30),
            ("ottant", 80),
            ("novant", 90),
            ("sette", 7),
            ("dieci", 10),
            ("venti", 20),
            ("trent", 30),
            ("zero", 0),
            ("tré", 3),
            ("otto", 8),
            ("nove", 9),
            ("vent", 20),
            ("uno", 1),
            ("una", 1),
            ("due", 2),
            ("tre", 3),
            ("sei", 6),
            ("un", 1),
        ],
        scales: &[("cento", 100), ("mille", 1000), ("mila", 1000)],
        joint: "",
    },
    Words {
        parts: &[
            ("quatrocentos", 400),
            ("quinhentos", 500),
            ("seiscentos", 600),
            ("setecentos", 700),
            ("oitocentos", 800),
            ("novecentos", 900),
            ("dezesseis", 16),
            ("dezasseis", 16),
            ("dezessete", 17),
            ("dezassete", 17),
            ("cinquenta", 50),
            ("trezentos", 300),
            ("quatorze", 14),
            ("dezenove", 19),
            ("dezanove", 19),
            ("quarenta", 40),
            ("sessenta", 60),
            ("duzentos", 200),
            ("duzentas", 200),
            ("catorze", 14),
            ("dezoito", 18),
            ("setenta", 70),
            ("oitenta", 80),
            ("noventa", 90),
            ("quatro", 4),
            ("quinze", 15),
            ("trinta", 30),
            ("três", 3),
            ("cinco", 5),
            ("treze", 13),
            ("vinte", 20),
            ("cento", 100),
            ("zero", 0),
            ("dois", 2),
            ("duas", 2),
            ("seis", 6),
            ("sete", 7),
            ("oito", 8),
            ("nove", 9),
            ("onze", 11),
            ("doze", 12),
            ("uma", 1),
            ("dez", 10),
            ("cem", 100),
            ("um", 1),
        ],
        scales: &[("mil", 1000)],
        joint: "e",
    },
    Words {
        parts: &[
            ("четырнадцать", 14),
            ("восемнадцать", 18),
            ("девятнадцать", 19),
            ("одиннадцать", 11),
            ("шестнадцать", 16),
            ("восемьдесят", 80),
            ("двенадцать", 12),
            ("тринадцать", 13),
            ("пятнадцать", 15),
            ("семнадцать", 17),
            ("шестьдесят", 60),
            ("пятьдесят", 50),
            ("семьдесят", 70),
            ("девяносто", 90),
            ("четыреста", 400),
            ("восемьсот", 800),
            ("девятьсот", 900),
            ("двадцать", 20),
            ("тридцать", 30),
            ("шестьсот", 600),
            ("пятьсот", 500),
            ("семьсот", 700),
            ("четыре", 4),
            ("восемь", 8),
            ("девять", 9),
            ("десять", 10),
            ("двести", 200),
            ("триста", 300),
            ("шесть", 6),
            ("сорок", 40),
            ("ноль", 0),
            ("один", 1),
            ("одна", 1),
            ("одно", 1),
            ("пять", 5),
            ("семь", 7),
            ("два", 2),
            ("две", 2),
            ("три", 3),
            ("сто", 100),
        ],
        scales: &[("тысяча", 1000), ("тысячи", 1000), ("тысяч", 1000)],
        joint: "",
    },
];

#[cfg(test)]
mod tests {
    use super::{in_last_sentence, leading};

    #[test]
    fn numbers_in_words() {
        for (text, number, length) in [
            ("einundzwanzig Kinder", 21, 13),
            ("zweihundertfünf", 205, 16),
            ("viertausenddreihundert", 4_300, 22),
            ("quatre-vingt-douze élèves", 92, 18),
            ("soixante et onze", 71, 16),
            ("cent vingt", 120, 10),
            ("deux mille trois", 2_003, 16),
            ("treinta y cinco", 35, 15),
            ("doscientos cuatro", 204, 17),
            ("vinte e um", 21, 10),
            ("ventuno", 21, 7),
            ("trentotto", 38, 9),
            ("двадцать один", 21, 25),
            ("минус семь", -7, 19),
            ("moins sept", -7, 10),
            ("三百零五人", 305, 12),
            ("三万五千", 35_000, 12),
            ("负十五", -15, 9),
            ("二十四", 24, 9),
        ] {
            assert_eq!(leading(text), Some((number, length)), "{text}");
        }
        for text in [
            "Kinder",
            "une pomme",
            "eine",
            "sieben acht",
            "двадцать десять",
            "一",
            "二〇二三",
            "und",
            "",
            "-",
        ] {
            assert_eq!(
                leading(text).filter(|(_, end)| *end == text.len()),
                None,
                "{text}"
            );
        }
    }

    #[test]
    fn the_only_number_of_the_last_sentence() {
        for (text, number) in [
            ("Damit ist x gleich minus sieben.", Some(-7)),
            (
                "Erst sechs.\nInsgesamt sind es einundzwanzig Kinder.",
                Some(21),
            ),
            ("On obtient donc quatre-vingt-douze élèves.", Some(92)),
            ("El resultado es menos doce.", Some(-12)),
            ("所以,共有三百零五人参加。", Some(305)),
            ("Es sind sieben oder acht.", None),
            ("Il y a une pomme.", None),
            ("Es sind Siebenschläfer.", None),
            ("", None),
        ] {
            assert_eq!(in_last_sentence(text), number, "{text}");
        }
    }
}
