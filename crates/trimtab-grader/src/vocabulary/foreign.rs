//! Words of other languages that belong to an answer: units, percent signs, conjunctions.

/// What a word of another language means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Foreign {
    /// The English word: `Stunden` is `hours`.
    Word(&'static str),
    /// "and" or "or" between two items, by its operator.
    Joint(char),
    /// A word that adds nothing to a time: `Uhr`.
    Nothing,
}

/// The word of another language at the start of a text, and its length in bytes.
///
/// The text stands behind a value or behind another such word.
pub(crate) fn foreign(text: &str) -> Option<(usize, Foreign)> {
    let first = word(text)?;
    // Two words for a percent sign.
    let behind = text[first.len()..].trim_start_matches([' ', '~']);
    if let Some(second) = word(behind)
        && PERCENT
            .iter()
            .any(|(one, two)| is(first, one) && is(second, two))
    {
        return Some((
            text.len() - behind.len() + second.len(),
            Foreign::Word("percent"),
        ));
    }
    let lower = first.to_lowercase();
    if lower == "uhr" {
        return Some((first.len(), Foreign::Nothing));
    }
    if let Some((_, operator)) = JOINTS.iter().find(|(name, _)| *name == lower) {
        return Some((first.len(), Foreign::Joint(*operator)));
    }
    let at = WORDS
        .binary_search_by(|(name, _)| (*name).cmp(&lower))
        .ok()?;
    Some((first.len(), Foreign::Word(WORDS[at].1)))
}

fn word(text: &str) -> Option<&str> {
    const MAX_BYTES: usize = 32;
    let end = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    (1..=MAX_BYTES).contains(&end).then(|| &text[..end])
}

fn is(word: &str, wanted: &str) -> bool {
    word.eq_ignore_ascii_case(wanted)
}

const PERCENT: [(&str, &str); 7] = [
    ("per", "cento"),
    ("por", "cento"),
    ("por", "cien"),
    ("por", "ciento"),
    ("pour", "cent"),
    ("pro", "cent"),
    ("на", "сто"),
];

/// Single letters are left out, which are variables.
const JOINTS: [(&str, char); 9] = [
    ("und", '∧'),
    ("oder", '∨'),
    ("et", '∧'),
    ("ou", '∨'),
    ("oppure", '∨'),
    ("en", '∧'),
    ("и", '∧'),
    ("или", '∨'),
    ("ve", '∧'),
];

/// Words in lower case, in the order of their bytes, and what they are in English.
const WORDS: [(&str, &str); 251] = [
    ("anni", "year"),
    ("anno", "year"),
    ("année", "year"),
    ("années", "year"),
    ("ano", "year"),
    ("anos", "year"),
    ("ans", "year"),
    ("año", "year"),
    ("años", "year"),
    ("centavo", "cent"),
    ("centavos", "cent"),
    ("centesimi", "cent"),
    ("centimes", "cent"),
    ("centimetri", "centimeter"),
    ("centimetro", "centimeter"),
    ("centimètre", "centimeter"),
    ("centimètres", "centimeter"),
    ("centímetro", "centimeter"),
    ("centímetros", "centimeter"),
    ("chilogrammi", "kilogram"),
    ("chilogrammo", "kilogram"),
    ("chilometri", "kilometer"),
    ("chilometro", "kilometer"),
    ("ct", "cent"),
    ("cts", "cent"),
    ("dagen", "day"),
    ("degrés", "degrees"),
    ("dia", "day"),
    ("dias", "day"),
    ("dolar", "dollar"),
    ("dolares", "dollar"),
    ("dollari", "dollar"),
    ("dollaro", "dollar"),
    ("día", "day"),
    ("días", "day"),
    ("dólar", "dollar"),
    ("dólares", "dollar"),
    ("fois", "times"),
    ("giorni", "day"),
    ("giorno", "day"),
    ("grad", "degrees"),
    ("gradi", "degrees"),
    ("grados", "degrees"),
    ("grama", "gram"),
    ("gramas", "gram"),
    ("gramm", "gram"),
    ("gramme", "gram"),
    ("grammes", "gram"),
    ("grammi", "gram"),
    ("grammo", "gram"),
    ("gramo", "gram"),
    ("gramos", "gram"),
    ("graus", "degrees"),
    ("heure", "hour"),
    ("heures", "hour"),
    ("hora", "hour"),
    ("horas", "hour"),
    ("jaar", "year"),
    ("jahr", "year"),
    ("jahre", "year"),
    ("jahren", "year"),
    ("jaren", "year"),
    ("jour", "day"),
    ("jours", "day"),
    ("kilo", "kilogram"),
    ("kilogramm", "kilogram"),
    ("kilogramme", "kilogram"),
    ("kilogrammes", "kilogram"),
    ("kilogramo", "kilogram"),
    ("kilogramos", "kilogram"),
    ("kilomètre", "kilometer"),
    ("kilomètres", "kilometer"),
    ("kilos", "kilogram"),
    ("kilómetro", "kilometer"),
    ("kilómetros", "kilometer"),
    ("litres", "liter"),
    ("litri", "liter"),
    ("litro", "liter"),
    ("litros", "liter"),
    ("maand", "month"),
    ("maanden", "month"),
    ("mal", "times"),
    ("meilen", "mile"),
    ("mes", "month"),
    ("mese", "month"),
    ("meses", "month"),
    ("mesi", "month"),
    ("metri", "meter"),
    ("metro", "meter"),
    ("metros", "meter"),
    ("miglia", "mile"),
    ("mila", "thousand"),
    ("milhas", "mile"),
    ("milhões", "million"),
    ("milioni", "million"),
    ("millas", "mile"),
    ("mille", "thousand"),
    ("milles", "mile"),
    ("millimetri", "millimeter"),
    ("millimetro", "millimeter"),
    ("millimètre", "millimeter"),
    ("millimètres", "millimeter"),
    ("millionen", "million"),
    ("millones", "million"),
    ("milímetro", "millimeter"),
    ("milímetros", "millimeter"),
    ("minuten", "minute"),
    ("minuti", "minute"),
    ("minuto", "minute"),
    ("minutos", "minute"),
    ("minuut", "minute"),
    ("mois", "month"),
    ("monat", "month"),
    ("monate", "month"),
    ("monaten", "month"),
    ("mètre", "meter"),
    ("mètres", "meter"),
    ("mês", "month"),
    ("par", "per"),
    ("percento", "percent"),
    ("personas", "person"),
    ("persone", "person"),
    ("personen", "person"),
    ("personnes", "person"),
    ("pessoas", "person"),
    ("por", "per"),
    ("porcentaje", "percent"),
    ("porcento", "percent"),
    ("porciento", "percent"),
    ("pourcent", "percent"),
    ("pro", "per"),
    ("proc", "percent"),
    ("procent", "percent"),
    ("procenti", "percent"),
    ("procento", "percent"),
    ("prozent", "percent"),
    ("quilograma", "kilogram"),
    ("quilogramas", "kilogram"),
    ("quilômetro", "kilometer"),
    ("quilômetros", "kilometer"),
    ("seconde", "second"),
    ("seconden", "second"),
    ("secondes", "second"),
    ("secondi", "second"),
    ("secondo", "second"),
    ("segundo", "second"),
    ("segundos", "second"),
    ("sekunda", "second"),
    ("sekunde", "second"),
    ("sekunden", "second"),
    ("semaine", "week"),
    ("semaines", "week"),
    ("semana", "week"),
    ("semanas", "week"),
    ("settimana", "week"),
    ("settimane", "week"),
    ("std", "hour"),
    ("stunde", "hour"),
    ("stunden", "hour"),
    ("tag", "day"),
    ("tage", "day"),
    ("tagen", "day"),
    ("tausend", "thousand"),
    ("uren", "hour"),
    ("uur", "hour"),
    ("veces", "times"),
    ("vezes", "times"),
    ("volte", "times"),
    ("weken", "week"),
    ("woche", "week"),
    ("wochen", "week"),
    ("yüzde", "percent"),
    ("zentimeter", "centimeter"),
    ("год", "year"),
    ("года", "year"),
    ("градус", "degrees"),
    ("градуса", "degrees"),
    ("градусов", "degrees"),
    ("грамм", "gram"),
    ("грамма", "gram"),
    ("граммов", "gram"),
    ("день", "day"),
    ("дней", "day"),
    ("дня", "day"),
    ("доллар", "dollar"),
    ("доллара", "dollar"),
    ("долларов", "dollar"),
    ("евро", "euro"),
    ("кг", "kilogram"),
    ("килограмм", "kilogram"),
    ("килограмма", "kilogram"),
    ("килограммов", "kilogram"),
    ("километр", "kilometer"),
    ("километра", "kilometer"),
    ("километров", "kilometer"),
    ("км", "kilometer"),
    ("лет", "year"),
    ("литр", "liter"),
    ("литра", "liter"),
    ("литров", "liter"),
    ("людей", "person"),
    ("м", "m"),
    ("месяц", "month"),
    ("месяца", "month"),
    ("месяцев", "month"),
    ("метр", "meter"),
    ("метра", "meter"),
    ("метров", "meter"),
    ("мили", "mile"),
    ("миллиметр", "millimeter"),
    ("миллиметров", "millimeter"),
    ("миллион", "million"),
    ("миллиона", "million"),
    ("миллионов", "million"),
    ("миль", "mile"),
    ("миля", "mile"),
    ("минут", "minute"),
    ("минута", "minute"),
    ("минуты", "minute"),
    ("мм", "millimeter"),
    ("недели", "week"),
    ("недель", "week"),
    ("неделя", "week"),
    ("процент", "percent"),
    ("процента", "percent"),
    ("процентов", "percent"),
    ("проценты", "percent"),
    ("раз", "times"),
    ("раза", "times"),
    ("руб", "ruble"),
    ("рублей", "ruble"),
    ("рубль", "ruble"),
    ("рубля", "ruble"),
    ("сантиметр", "centimeter"),
    ("сантиметра", "centimeter"),
    ("сантиметров", "centimeter"),
    ("секунд", "second"),
    ("секунда", "second"),
    ("секунды", "second"),
    ("см", "centimeter"),
    ("тысяч", "thousand"),
    ("тысяча", "thousand"),
    ("тысячи", "thousand"),
    ("цент", "cent"),
    ("цента", "cent"),
    ("центов", "cent"),
    ("час", "hour"),
    ("часа", "hour"),
    ("часов", "hour"),
    ("человек", "person"),
    ("человека", "person"),
];

#[cfg(test)]
mod tests {
    use super::WORDS;

    #[test]
    fn the_table_is_sorted() {
        assert!(WORDS.is_sorted_by(|left, right| left.0 < right.0));
    }
}
