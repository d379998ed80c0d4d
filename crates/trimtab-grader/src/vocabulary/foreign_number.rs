//! Whole numbers in the words of other languages, up to one hundred, and in Chinese characters.

/// The words of a language.
struct Language {
    /// Zero to nineteen, or as far as numbers have words of their own. Several spellings are
    /// separated by bars.
    small: &'static [&'static str],
    /// Twenty, thirty and so on to one hundred.
    tens: [&'static str; 9],
    /// How the ones join the tens.
    joint: Joint,
    minus: &'static str,
}

enum Joint {
    /// `einundzwanzig`: the ones, this word, the tens.
    OnesFirst(&'static [&'static str]),
    /// `vinte e um`: the tens, this word, the ones.
    TensFirst(&'static str),
}

const LANGUAGES: [Language; 7] = [
    Language {
        small: &[
            "null",
            "eins|ein|eine",
            "zwei|zwo",
            "drei",
            "vier",
            "fünf|fuenf",
            "sechs",
            "sieben",
            "acht",
            "neun",
            "zehn",
            "elf",
            "zwölf|zwoelf",
            "dreizehn",
            "vierzehn",
            "fünfzehn|fuenfzehn",
            "sechzehn",
            "siebzehn",
            "achtzehn",
            "neunzehn",
        ],
        tens: [
            "zwanzig",
            "dreißig|dreissig",
            "vierzig",
            "fünfzig|fuenfzig",
            "sechzig",
            "siebzig",
            "achtzig",
            "neunzig",
            "hundert|einhundert",
        ],
        joint: Joint::OnesFirst(&["und"]),
        minus: "minus",
    },
    Language {
        small: &[
            "nul",
            "een|één",
            "twee",
            "drie",
            "vier",
            "vijf",
            "zes",
            "zeven",
            "acht",
            "negen",
            "tien",
            "elf",
            "twaalf",
            "dertien",
            "veertien",
            "vijftien",
            "zestien",
            "zeventien",
            "achttien",
            "negentien",
        ],
        tens: [
            "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig",
            "honderd",
        ],
        joint: Joint::OnesFirst(&["en", "ën"]),
        minus: "min|minus",
    },
    Language {
        small: &[
            "zéro|zero",
            "un|une",
            "deux",
            "trois",
            "quatre",
            "cinq",
            "six",
            "sept",
            "huit",
            "neuf",
            "dix",
            "onze",
            "douze",
            "treize",
            "quatorze",
            "quinze",
            "seize",
            "dix sept",
            "dix huit",
            "dix neuf",
        ],
        tens: [
            "vingt",
            "trente",
            "quarante",
            "cinquante",
            "soixante",
            "septante",
            "quatre vingt|quatre vingts|huitante|octante",
            "nonante",
            "cent",
        ],
        joint: Joint::TensFirst("et"),
        minus: "moins",
    },
    Language {
        small: &[
            "cero",
            "uno|un|una",
            "dos",
            "tres",
            "cuatro",
            "cinco",
            "seis",
            "siete",
            "ocho",
            "nueve",
            "diez",
            "once",
            "doce",
            "trece",
            "catorce",
            "quince",
            "dieciséis|dieciseis",
            "diecisiete",
            "dieciocho",
            "diecinueve",
            "veinte",
            "veintiuno|veintiún|veintiun",
            "veintidós|veintidos",
            "veintitrés|veintitres",
            "veinticuatro",
            "veinticinco",
            "veintiséis|veintiseis",
            "veintisiete",
            "veintiocho",
            "veintinueve",
        ],
        tens: [
            "veinte",
            "treinta",
            "cuarenta",
            "cincuenta",
            "sesenta",
            "setenta",
            "ochenta",
            "noventa",
            "cien|ciento",
        ],
        joint: Joint::TensFirst("y"),
        minus: "menos",
    },
    Language {
        small: &[
            "zero",
            "um|uma",
            "dois|duas",
            "três|tres",
            "quatro",
            "cinco",
            "seis",
            "sete",
            "oito",
            "nove",
            "dez",
            "onze",
            "doze",
            "treze",
            "catorze|quatorze",
            "quinze",
            "dezesseis|dezasseis",
            "dezessete|dezassete",
            "dezoito",
            "dezenove|dezanove",
        ],
        tens: [
            "vinte",
            "trinta",
            "quarenta",
            "cinquenta",
            "sessenta",
            "setenta",
            "oitenta",
            "noventa",
            "cem|cento",
        ],
        joint: Joint::TensFirst("e"),
        minus: "menos",
    },
    Language {
        small: &[
            "zero",
            "uno|un|una",
            "due",
            "tre|tré",
            "quattro",
            "cinque",
            "sei",
            "sette",
            "otto",
            "nove",
            "dieci",
            "undici",
            "dodici",
            "tredici",
            "quattordici",
            "quindici",
            "sedici",
            "diciassette",
            "diciotto",
            "diciannove",
        ],
        tens: [
            "venti|vent",
            "trenta|trent",
            "quaranta|quarant",
            "cinquanta|cinquant",
            "sessanta|sessant",
            "settanta|settant",
            "ottanta|ottant",
            "novanta|novant",
            "cento",
        ],
        joint: Joint::TensFirst(""),
        minus: "meno",
    },
    Language {
        small: &[
            "ноль|нуль",
            "один|одна|одно",
            "два|две",
            "три",
            "четыре",
            "пять",
            "шесть",
            "семь",
            "восемь",
            "девять",
            "десять",
            "одиннадцать",
            "двенадцать",
            "тринадцать",
            "четырнадцать",
            "пятнадцать",
            "шестнадцать",
            "семнадцать",
            "восемнадцать",
            "девятнадцать",
        ],
        tens: [
            "двадцать",
            "тридцать",
            "сорок",
            "пятьдесят",
            "шестьдесят",
            "семьдесят",
            "восемьдесят",
            "девяносто",
            "сто",
        ],
        joint: Joint::TensFirst(""),
        minus: "минус",
    },
];

/// The value of a whole number in words that fill the text, which is in lower case.
pub(crate) fn spoken_elsewhere(text: &str) -> Option<i64> {
    const LONGEST: usize = 64;
    let text = text.trim();
    if text.len() > LONGEST {
        return None;
    }
    if let Some(value) = chinese(text) {
        return Some(value);
    }
    LANGUAGES.iter().find_map(|language| language.number(text))
}

impl Language {
    fn number(&self, text: &str) -> Option<i64> {
        let positive = self
            .minus
            .split('|')
            .find_map(|minus| text.strip_prefix(minus)?.strip_prefix(' '));
        match positive {
            Some(text) => self.size(text).map(|size| -size),
            None => self.size(text),
        }
    }

    fn size(&self, text: &str) -> Option<i64> {
        if let Some(value) = self.below_twenty(text) {
            return Some(value);
        }
        for (index, words) in self.tens.iter().enumerate() {
            let tens = 20 + 10 * index as i64;
            for word in words.split('|') {
                if text == word {
                    return Some(tens);
                }
                if tens == 100 {
                    continue;
                }
                if let Some(value) = self.compound(text, word, tens) {
                    return Some(value);
                }
            }
        }
        None
    }

    /// The value of tens and ones.
    fn compound(&self, text: &str, word: &str, tens: i64) -> Option<i64> {
        match self.joint {
            Joint::OnesFirst(joints) => {
                let ones = text.strip_suffix(word)?;
                let ones = joints.iter().find_map(|joint| ones.strip_suffix(joint))?;
                let ones = self
                    .below_twenty(ones)
                    .filter(|ones| (1..10).contains(ones))?;
                Some(tens + ones)
            }
            Joint::TensFirst(joint) => {
                let rest = text.strip_prefix(word)?.trim_start_matches(' ');
                let ones = rest
                    .strip_prefix(joint)
                    .and_then(|rest| rest.strip_prefix(' '))
                    .unwrap_or(rest);
                // "soixante-dix" and "quatre-vingt-treize" count on to nineteen.
                let most = if joint == "et" && matches!(tens, 60 | 80) {
                    20
                } else {
                    10
                };
                let ones = self
                    .below_twenty(ones)
                    .filter(|ones| (1..most).contains(ones))?;
                Some(tens + ones)
            }
        }
    }

    fn below_twenty(&self, text: &str) -> Option<i64> {
        let is_named = |words: &&str| words.split('|').any(|word| word == text);
        self.small
            .iter()
            .position(is_named)
            .map(|index| index as i64)
    }
}

/// The value of a number in Chinese characters: `二十四`, `负十五`, `三百零五`.
fn chinese(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix(['负', '負']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mut total, mut group, mut digit) = (0_i64, 0_i64, None);
    let mut any = false;
    for character in text.chars() {
        let value = match character {
            '零' | '〇' => 0,
            '一' => 1,
            '二' | '两' | '兩' => 2,
            '三' => 3,
            '四' => 4,
            '五' => 5,
            '六' => 6,
            '七' => 7,
            '八' => 8,
            '九' => 9,
            '十' => 10,
            '百' => 100,
            '千' => 1_000,
            '万' | '萬' => 10_000,
            _ => return None,
        };
        any = true;
        match value {
            0..=9 => {
                if digit.is_some_and(|digit| digit != 0) {
                    return None; // digits one by one
                }
                digit = Some(value);
            }
            10_000 => {
                total = (total + group + digit.unwrap_or(0)).checked_mul(value)?;
                (group, digit) = (0, None);
            }
            scale => {
                group += digit.filter(|digit| *digit > 0).unwrap_or(1) * scale;
                digit = None;
            }
        }
    }
    let value = total + group + digit.unwrap_or(0);
    any.then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::spoken_elsewhere;

    #[test]
    fn numbers_of_other_languages() {
        for (text, expected) in [
            ("einundzwanzig", 21),
            ("minus sieben", -7),
            ("dreißig", 30),
            ("tweeëntwintig", 22),
            ("quatre vingt douze", 92),
            ("soixante et onze", 71),
            ("vingt et un", 21),
            ("treinta y uno", 31),
            ("menos doce", -12),
            ("veintitrés", 23),
            ("vinte e cinco", 25),
            ("ventuno", 21),
            ("trentatré", 33),
            ("двадцать один", 21),
            ("сто", 100),
            ("二十四", 24),
            ("负十五", -15),
            ("三百零五", 305),
        ] {
            assert_eq!(spoken_elsewhere(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "zwanzigund",
            "elfundzwanzig",
            "vingt onze",
            "二三",
            "hundertzwei x",
        ] {
            assert_eq!(spoken_elsewhere(text), None, "{text}");
        }
    }
}
