//! What a word does to the numbers around it.

use super::piece::is_unspaced;
use crate::vocabulary::{self, Meaning};

/// The part of a word in a sentence about numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tag {
    /// No part.
    Plain,
    /// A single letter, which may be a variable.
    Letter,
    /// `pi`, `infinity`.
    Constant,
    /// `sin`, `sqrt`.
    Function,
    /// `twelve`.
    Number,
    /// `one`, which is often no number.
    One,
    /// `million`, `dozen`: they multiply the number before them.
    Scale,
    /// `half`, `third`, `quarters`.
    Part,
    /// `twice`, `double`: it multiplies what follows.
    Hidden,
    /// `percent`, `degrees`.
    Sign,
    /// `squared`, `factorial`.
    Power,
    /// `plus`, `times`.
    Operator,
    /// `minus`, `negative`.
    Negative,
    /// What is said comes next: `is`, `equals`, `gives`.
    Copula,
    /// As a copula, but its number may come before it: `left`, `total`.
    Gives,
    /// Words between a copula and its number: `about`, `exactly`.
    Adverb,
    /// `a`, `an`.
    Article,
    /// What follows is known already: `the`, `all`, `her`.
    Definite,
    /// `step`, `figure`: the number after it is a label.
    Label,
    /// `day`, `room`: the number after it may be a label.
    Place,
    /// `than`, `as`.
    Than,
    /// `not`, `except`.
    Not,
    /// `since`, `if`: a clause with reasons or conditions follows.
    Subordinate,
    /// `so`, `therefore`: a conclusion follows.
    Conclusion,
    /// `which`, `leaving`: what has been said so far comes to what follows.
    Which,
    /// `at`, `in`, `for`.
    Preposition,
    /// `of`.
    Of,
    /// `to`.
    To,
    /// `out`.
    Out,
    /// `per`, `each`, `every`.
    Per,
    /// `and`.
    And,
    /// `or`.
    Or,
    /// `sum`, `product`: the numbers after it are not the result.
    Operation,
    /// `more`, `less`.
    More,
    /// `between`, `from`.
    Between,
    /// The name of a currency before its number: `USD`.
    Currency,
    /// `p.m.`
    Daytime,
    /// `January`.
    Month,
}

/// Whether a word names a month in one of the larger European languages.
pub(super) fn names_month(word: &str) -> bool {
    const NAMES: [&str; 50] = [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
        "januar",
        "februar",
        "märz",
        "juni",
        "juli",
        "oktober",
        "dezember",
        "janeiro",
        "fevereiro",
        "março",
        "maio",
        "junho",
        "julho",
        "setembro",
        "outubro",
        "dezembro",
        "gennaio",
        "febbraio",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "settembre",
        "ottobre",
        "dicembre",
        "мая",
    ];
    tag(word) == Tag::Month || NAMES.contains(&word.to_lowercase().as_str())
}

/// The tag of a word.
pub(super) fn tag(word: &str) -> Tag {
    const MAX_BYTES: usize = 24;
    let mut buffer = [0; MAX_BYTES];
    if !word.is_ascii() {
        return other_script(word);
    }
    let Some(lower) = buffer.get_mut(..word.len()) else {
        return Tag::Plain;
    };
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let Ok(lower) = std::str::from_utf8(lower) else {
        return Tag::Plain;
    };
    english(lower)
        .or_else(|| european(lower))
        .or_else(|| mathematical(word, lower))
        .unwrap_or(Tag::Plain)
}

fn english(word: &str) -> Option<Tag> {
    Some(match word {
        "is" | "are" | "was" | "were" | "be" | "equals" | "equal" | "that's" | "it's" => {
            Tag::Copula
        }
        "gives" | "give" | "gave" | "giving" | "get" | "gets" | "got" | "yields" | "yield"
        | "yielding" | "leaves" | "leave" | "left" | "makes" | "make" | "making" | "totals"
        | "totaling" | "totalling" | "becomes" | "become" | "obtain" | "obtains" | "find"
        | "comes" | "costs" | "cost" | "spends" | "earns" | "pays" | "total" | "result"
        | "remains" => Tag::Gives,
        "about" | "approximately" | "around" | "roughly" | "nearly" | "almost" | "only"
        | "just" | "exactly" | "now" | "still" | "simply" | "precisely" | "clearly"
        | "altogether" | "actually" | "indeed" | "again" | "always" | "least" | "most" => {
            Tag::Adverb
        }
        "a" | "an" => Tag::Article,
        "the" | "all" | "her" | "his" | "their" | "its" | "my" | "our" | "your" | "these"
        | "those" | "original" | "remaining" | "other" | "first" | "last" | "next" | "another" => {
            Tag::Definite
        }
        "step" | "cell" | "figure" | "fig" | "equation" | "eq" | "eqn" | "page" | "pages"
        | "problem" | "question" | "theorem" | "lemma" | "corollary" | "proposition"
        | "definition" | "section" | "chapter" | "table" | "example" | "exercise" | "case"
        | "part" | "option" | "method" | "version" | "appendix" | "line" | "row" | "column"
        | "item" | "note" | "footnote" | "property" | "rule" | "axiom" | "scenario" | "no"
        | "number" | "volume" | "hint" | "remark" | "steps" | "equations" | "approach"
        | "solution" | "statement" | "condition" => Tag::Label,
        "day" | "room" | "year" | "level" | "grade" | "stop" | "week" | "month" | "round"
        | "game" | "team" | "player" | "group" | "house" | "floor" | "bus" | "lane" | "bin"
        | "box" | "door" | "channel" | "chapters" | "class" | "gate" | "platform" | "route" => {
            Tag::Place
        }
        "than" | "as" => Tag::Than,
        "not" | "isn't" | "aren't" | "wasn't" | "doesn't" | "don't" | "cannot" | "can't"
        | "except" | "without" | "instead" | "rather" | "never" | "didn't" | "won't"
        | "neither" | "nor" => Tag::Not,
        "since" | "because" | "if" | "when" | "while" | "where" | "given" | "although"
        | "though" | "unless" | "once" | "whereas" | "suppose" | "assuming" | "until" | "who"
        | "whose" | "whom" | "whenever" | "e.g." => Tag::Subordinate,
        "so" | "therefore" | "thus" | "hence" | "consequently" | "finally" | "overall"
        | "ultimately" | "i.e." | "accordingly" => Tag::Conclusion,
        "which" | "leaving" => Tag::Which,
        "in" | "at" | "for" | "with" | "by" | "on" | "after" | "before" | "during" | "over"
        | "under" | "within" | "into" | "among" | "across" | "through" => Tag::Preposition,
        "of" => Tag::Of,
        "to" => Tag::To,
        "out" => Tag::Out,
        "per" | "each" | "every" => Tag::Per,
        "and" => Tag::And,
        "or" => Tag::Or,
        "sum" | "product" | "difference" | "quotient" | "root" | "square" | "cube"
        | "logarithm" | "sine" | "cosine" | "tangent" | "power" | "powers" | "multiple"
        | "multiples" | "factor" | "factors" | "divisor" | "divisors" | "divisible"
        | "reciprocal" | "inverse" | "opposite" | "remainder" | "modulo" | "mean" | "median"
        | "average" | "multiplying" | "adding" | "dividing" | "subtracting" | "compute"
        | "calculate" | "evaluate" => Tag::Operation,
        "more" | "less" | "fewer" | "greater" | "older" | "younger" | "taller" | "longer"
        | "shorter" | "higher" | "lower" | "larger" | "smaller" | "farther" | "further" => {
            Tag::More
        }
        "between" | "from" => Tag::Between,
        "usd" | "us" | "eur" | "gbp" | "inr" | "rs" | "rs." | "rp" | "cad" | "aud" | "hk"
        | "nz" | "nt" => Tag::Currency,
        "a.m." | "a.m" | "p.m." | "p.m" | "am" | "pm" | "o'clock" => Tag::Daytime,
        "january" | "february" | "march" | "april" | "june" | "july" | "august" | "september"
        | "october" | "november" | "december" | "jan" | "feb" | "mar" | "apr" | "jun" | "jul"
        | "aug" | "sept" | "oct" | "nov" | "dec" | "may" => Tag::Month,
        "one" => Tag::One,
        "million" | "billion" | "trillion" | "dozen" | "dozens" | "hundreds" | "thousands"
        | "millions" | "lakh" | "crore" => Tag::Scale,
        "half" | "halves" | "third" | "thirds" | "quarter" | "quarters" | "fourth" | "fourths"
        | "fifth" | "fifths" | "sixth" | "sixths" | "seventh" | "sevenths" | "eighth"
        | "eighths" | "ninth" | "ninths" | "tenth" | "tenths" | "twelfth" | "twelfths" => Tag::Part,
        "twice" | "double" | "triple" | "thrice" => Tag::Hidden,
        "percent" | "percentage" | "pct" | "percents" | "degrees" | "degree" | "deg" => Tag::Sign,
        "squared" | "cubed" | "factorial" | "mod" | "base" | "recurring" | "repeating" => {
            Tag::Power
        }
        "plus" | "times" | "divided" | "multiplied" => Tag::Operator,
        "minus" | "negative" => Tag::Negative,
        _ => return None,
    })
}

/// Words of other European languages that have no accents.
fn european(word: &str) -> Option<Tag> {
    Some(match word {
        "ist" | "sind" | "ergibt" | "lautet" | "bleiben" | "bleibt" | "est" | "sont" | "vaut"
        | "fait" | "donne" | "igual" | "da" | "sono" | "fa" | "jest" | "wynosi" | "fica"
        | "resta" | "restano" | "quedan" | "queda" | "restam" | "bedraagt" | "zijn" => Tag::Copula,
        "daher" | "somit" | "folglich" | "deshalb" | "donc" | "ainsi" | "luego" | "entonces"
        | "portanto" | "logo" | "quindi" | "dunque" | "zatem" | "dus" | "jadi" => Tag::Conclusion,
        "menos" | "moins" | "meno" | "eksi" | "negativ" | "negativo" | "negativa" => Tag::Negative,
        "nicht" | "kein" | "nie" | "niet" | "ohne" | "sans" => Tag::Not,
        "weil" | "wenn" | "da\u{df}" | "parce" | "porque" | "wegen" | "dla" => Tag::Subordinate,
        "oder" | "ou" | "oppure" | "lub" | "atau" => Tag::Or,
        "prozent" | "pourcent" | "procent" => Tag::Sign,
        "summe" | "somme" | "suma" | "soma" | "somma" | "produkt" | "produit" | "producto" => {
            Tag::Operation
        }
        "seite" | "aufgabe" | "schritt" | "abbildung" | "gleichung" | "exercice" | "paso"
        | "pagina" | "passo" => Tag::Label,
        _ => return None,
    })
}

fn mathematical(word: &str, lower: &str) -> Option<Tag> {
    if word.len() == 1 {
        return Some(Tag::Letter);
    }
    if vocabulary::is_number_word(lower)
        && vocabulary::spoken(lower).is_some_and(|number| !number.ordinal)
    {
        return Some(Tag::Number);
    }
    match vocabulary::plain_word(word) {
        Some(Meaning::Construct("min" | "max" | "frac" | "binom" | "mod")) => return None,
        Some(Meaning::Construct(_)) => return Some(Tag::Function),
        Some(Meaning::Operator('∞')) => return Some(Tag::Constant),
        Some(Meaning::Symbol) if word == "pi" => return Some(Tag::Constant),
        Some(Meaning::Symbol) => return Some(Tag::Letter),
        _ => {}
    }
    None
}

/// Whether a sentence goes on after the word.
pub(super) fn leaves_open(tag: Tag, word: &str) -> bool {
    const PRONOUNS: [&str; 8] = ["we", "he", "she", "they", "you", "will", "can", "has"];
    let determiner =
        tag == Tag::Definite && !matches!(word, "remaining" | "all" | "first" | "last");
    determiner
        || matches!(
            tag,
            Tag::Article
                | Tag::Of
                | Tag::To
                | Tag::And
                | Tag::Or
                | Tag::Copula
                | Tag::Preposition
                | Tag::Subordinate
                | Tag::Conclusion
                | Tag::Which
        )
        || PRONOUNS
            .iter()
            .any(|pronoun| pronoun.eq_ignore_ascii_case(word))
}

/// Words with letters beyond ASCII.
fn other_script(word: &str) -> Tag {
    if word.starts_with(is_unspaced) {
        return unspaced(word);
    }
    match word {
        "π" => Tag::Constant,
        "it’s"
        | "that’s"
        | "beträgt"
        | "égale"
        | "é"
        | "è"
        | "são"
        | "dá"
        | "равен"
        | "равна"
        | "равно"
        | "является"
        | "это"
        | "составляет"
        | "là"
        | "είναι"
        | "هو"
        | "هي"
        | "है"
        | "हैं"
        | "يساوي" => Tag::Copula,
        "минус" | "négatif" | "mínus" | "âm" | "ناقص" | "سالب" | "मैनस" | "ऋण" | "μείον" => {
            Tag::Negative
        }
        "isn’t" | "aren’t" | "can’t" | "doesn’t" | "don’t" | "не" | "não" | "δεν" | "नहीं"
        | "không" => Tag::Not,
        "или" | "або" | "ή" | "या" | "أو" => Tag::Or,
        "поэтому" | "итак" | "следовательно" | "por\u{a0}tanto" | "إذن" | "अतः" => {
            Tag::Conclusion
        }
        "если" | "когда" | "так" | "während" | "falls\u{a0}" => Tag::Subordinate,
        "percentuálne" | "процент" | "процентов" | "процента" => Tag::Sign,
        "сумма" | "произведение" => Tag::Operation,
        _ if word.chars().count() == 1 && vocabulary::greek(first(word)).is_some() => Tag::Letter,
        _ => Tag::Plain,
    }
}

fn first(word: &str) -> char {
    word.chars().next().unwrap_or(' ')
}

/// Words of Chinese, Japanese, Korean and Thai. The end of the run counts.
fn unspaced(word: &str) -> Tag {
    let ends = |endings: &[&str]| endings.iter().any(|ending| word.ends_with(ending));
    if ends(&["负", "負", "マイナス", "마이너스"]) {
        Tag::Negative
    } else if ends(&["不是", "而非", "非", "不等于"]) {
        Tag::Not
    } else if ends(&["或", "或者", "または", "또는"]) {
        Tag::Or
    } else if ends(&["第", "步骤", "题", "图", "页", "例"]) {
        Tag::Label
    } else if word.contains("因此") || word.contains("所以") || word.contains("故") {
        Tag::Conclusion
    } else if ends(&[
        "是", "为", "為", "等于", "等於", "得", "得到", "共", "は", "は約", "는", "은", "が",
    ]) {
        Tag::Copula
    } else {
        Tag::Plain
    }
}
