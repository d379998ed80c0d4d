//! Answers in words of several languages.

use trimtab_grader::{Rules, Verdict, check};

fn verdict(gold: &str, answer: &str) -> Verdict {
    check(gold, answer, &Rules::DEFAULT)
}

#[test]
fn units_and_percent_signs() {
    for (gold, answer) in [
        (r"35\%", "35 Prozent"),
        (r"35\%", "35 pour cent"),
        (r"35\%", "35 por ciento"),
        (r"35\%", "35 процентов"),
        ("60 km/h", "60 Kilometer pro Stunde"),
        ("3 hours", "3 Stunden"),
        ("3 hours", "3 heures"),
        ("3 hours", "3 часа"),
        ("3 hours", r"3 \text{ heures}"),
        ("180 minutes", "3 horas"),
        ("3", "3 Stunden"),
        ("15:30", "15:30 Uhr"),
    ] {
        assert_eq!(verdict(gold, answer), Verdict::Correct, "{gold}, {answer}");
    }
    for (gold, answer) in [
        ("3 hours", "4 Stunden"),
        ("3 hours", "3 Minuten"),
        (r"35\%", "36 Prozent"),
        ("5 meters", "5 Kilometer"),
        ("15:30", "16:30 Uhr"),
    ] {
        assert_eq!(verdict(gold, answer), Verdict::Wrong, "{gold}, {answer}");
    }
}

#[test]
fn items_joined_by_words() {
    for (gold, answer) in [
        ("1,2,3", "1, 2 und 3"),
        ("1,2,3", "1, 2 et 3"),
        ("1,2,3", "1, 2 и 3"),
        ("x=2 or x=-7", "x = 2 oder x = -7"),
        ("x=2 or x=-7", "$x = 2$ oder $x = -7$"),
        ("x=2 or x=-7", r"x = 2 \text{ oder } x = -7"),
    ] {
        assert_eq!(verdict(gold, answer), Verdict::Correct, "{gold}, {answer}");
    }
    for (gold, answer) in [
        ("1,2,3", "1, 2 und 4"),
        ("3", "1, 2 und 3"),
        ("2", "2 und 3"),
    ] {
        assert_eq!(verdict(gold, answer), Verdict::Wrong, "{gold}, {answer}");
    }
}

#[test]
fn words_of_programs_are_no_numbers() {
    for (gold, answer) in [("0", "null"), ("100", "cent"), ("600", "DC"), ("C", "C#")] {
        let found = verdict(gold, answer);
        assert!(!found.is_correct(), "{gold}, {answer}: {found:?}");
    }
    let found = trimtab_grader::grade("0", "#### null", &Rules::DEFAULT);
    assert!(!found.verdict.is_correct(), "{found:?}");
    assert_eq!(verdict("14", "XIV"), Verdict::Correct);
}
