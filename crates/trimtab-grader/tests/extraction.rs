//! Which answer [`grade`] finds in a text, and where.

use trimtab_grader::{AnswerSource, Grade, Rounding, Rules, Verdict, check};

fn grade(gold: &str, text: &str) -> Grade {
    trimtab_grader::grade(gold, text, &Rules::DEFAULT)
}

/// A text, the answer in it and where it is found.
type Row = (&'static str, Option<(&'static str, AnswerSource)>);

fn extracts(gold: &str, table: &[Row]) {
    for (text, expected) in table {
        let graded = grade(gold, text);
        let found = graded.extracted.as_deref().zip(graded.source);
        assert_eq!(found, *expected, "{text:?}");
        if found.is_none() {
            assert_eq!(graded.verdict, Verdict::Wrong, "{text:?}");
        }
    }
}

#[test]
fn boxes() {
    extracts(
        "7",
        &[
            (r"so $\boxed{7}$.", Some(("7", AnswerSource::Box))),
            (r"\fbox{7}", Some(("7", AnswerSource::Box))),
            (
                r"first \boxed{6}. No: \boxed{7}",
                Some(("7", AnswerSource::Box)),
            ),
            (r"\boxed{6}, no, it is 8", Some(("6", AnswerSource::Box))),
            (
                r"\boxed{\frac{14}{2}} apples",
                Some((r"\frac{14}{2}", AnswerSource::Box)),
            ),
            (
                r"\boxed{1} and $\boxed{2}$",
                Some(("1, 2", AnswerSource::Box)),
            ),
            (
                r"\boxed{1}, \boxed{2} \text{ or } \boxed{3}",
                Some(("1, 2, 3", AnswerSource::Box)),
            ),
            (r"\boxed{1} then \boxed{2}", Some(("2", AnswerSource::Box))),
            (
                r"\[\boxed{1}\] \[\boxed{2}\]",
                Some(("2", AnswerSource::Box)),
            ),
            (r"the answer is $\boxed 7$.", Some(("7", AnswerSource::Box))),
            (
                r"\boxed{6}. The final answer is $7$. I hope it is correct.",
                Some(("7", AnswerSource::Phrase)),
            ),
            // cut off
            (r"it is 7, so \boxed{7", None),
            (r"\boxed{6} or \boxed{7", None),
        ],
    );
}

#[test]
fn thinking_and_turns() {
    extracts(
        "7",
        &[
            (
                r"<think>\boxed{6}</think> \boxed{7}",
                Some(("7", AnswerSource::Box)),
            ),
            (
                r"<think>it is 6</think> The answer is 7.",
                Some(("7", AnswerSource::Phrase)),
            ),
            (r"\boxed{7}</think>", None),
            (r"<think>surely \boxed{7}", None),
            (
                r"\boxed{7}<|im_end|> \boxed{8}",
                Some(("7", AnswerSource::Box)),
            ),
        ],
    );
}

#[test]
fn phrases() {
    extracts(
        "7",
        &[
            ("The answer is 7.", Some(("7", AnswerSource::Phrase))),
            ("The answer is: **7**", Some(("7", AnswerSource::Phrase))),
            ("Answer: 7", Some(("7", AnswerSource::Phrase))),
            ("ANSWER: $7$", Some(("7", AnswerSource::Phrase))),
            (
                "**Final Answer**: 7 apples",
                Some(("7 apples", AnswerSource::Phrase)),
            ),
            ("So 3 + 4 = 7\n#### 7", Some(("7", AnswerSource::Phrase))),
            ("<answer> 7 </answer>", Some(("7", AnswerSource::Phrase))),
            (
                "The final answer is $7$. I hope it is correct.",
                Some(("7", AnswerSource::Phrase)),
            ),
            (
                "The answer is 6. Wait, the answer is 7.",
                Some(("7", AnswerSource::Phrase)),
            ),
            (
                "The answer is 7 because 3 + 4 = 7",
                Some(("7", AnswerSource::Phrase)),
            ),
            (
                "The answer to the question is 7",
                Some(("7", AnswerSource::Phrase)),
            ),
            (
                "The answer is $3$ and $4$.",
                Some(("3, 4", AnswerSource::Phrase)),
            ),
            (
                "Final answer: the smallest $n$ is 7.",
                Some(("7", AnswerSource::Phrase)),
            ),
            (
                "The answer is a circle.",
                Some(("a circle", AnswerSource::Phrase)),
            ),
            ("The answer is 2.5.", Some(("2.5", AnswerSource::Phrase))),
            ("The answer is", None),
        ],
    );
}

#[test]
fn formulas_and_numbers() {
    extracts(
        "7",
        &[
            ("7", Some(("7", AnswerSource::Whole))),
            ("$x = 7$", Some(("$x = 7$", AnswerSource::Whole))),
            (
                r"\frac{14}{2}",
                Some((r"\frac{14}{2}", AnswerSource::Whole)),
            ),
            (
                "We get $x = 7$ in the end",
                Some(("x = 7", AnswerSource::Formula)),
            ),
            (
                r"We get \(3\) and then \[7\]",
                Some(("7", AnswerSource::Formula)),
            ),
            (
                "They had $3$ left, which makes 7 in all",
                Some(("7", AnswerSource::Number)),
            ),
            (
                "It costs $5 a piece.\nSo $x = 7$ of them",
                Some(("x = 7", AnswerSource::Formula)),
            ),
            (
                r"It costs \$7.50 in total.",
                Some(("7.50", AnswerSource::Number)),
            ),
            (
                "There were 1,234 of them.",
                Some(("1,234", AnswerSource::Number)),
            ),
            ("It grew by 25%.", Some(("25%", AnswerSource::Number))),
            (
                "The ratio was 3/4 then.",
                Some(("3/4", AnswerSource::Number)),
            ),
            (
                "It fell to -7 at night.",
                Some(("-7", AnswerSource::Number)),
            ),
            (
                "They met in room #12, all 7 of them, in house #3",
                Some(("7", AnswerSource::Number)),
            ),
            (
                "There are 7 left.\nprint(count(3)['8'])",
                Some(("7", AnswerSource::Number)),
            ),
            ("I do not know.", None),
            ("", None),
        ],
    );
}

#[test]
fn choices() {
    extracts(
        "B",
        &[
            ("The answer is (B).", Some(("B", AnswerSource::Phrase))),
            (
                "The answer is clearly the second one, B.",
                Some(("B", AnswerSource::Phrase)),
            ),
            ("B. Because it fits.", Some(("B", AnswerSource::Choice))),
            (
                "It cannot be A, so it must be B",
                Some(("B", AnswerSource::Choice)),
            ),
            ("It is B, not C", Some(("B", AnswerSource::Choice))),
            ("I would go for (B) here", Some(("B", AnswerSource::Choice))),
        ],
    );
    assert_eq!(
        grade("B", "A good question. Surely B").verdict,
        Verdict::Correct
    );
    // Letters are looked for only where the gold answer is one.
    assert_eq!(grade("7", "It must be B").extracted, None);
}

#[test]
fn rules_say_where_an_answer_counts() {
    let grade = |text, rules: &Rules| trimtab_grader::grade("7", text, rules);
    let no_fallback = Rules {
        fallback: false,
        ..Rules::DEFAULT
    };
    assert_eq!(grade("We have 7 of them", &no_fallback).extracted, None);
    assert_eq!(
        grade("The answer is 7", &no_fallback).verdict,
        Verdict::Correct
    );
    let boxed_only = Rules {
        boxed_only: true,
        ..Rules::DEFAULT
    };
    assert_eq!(
        grade("The answer is 7", &boxed_only).verdict,
        Verdict::Wrong
    );
    assert_eq!(
        grade(r"\boxed{1}, \boxed{7}", &boxed_only).verdict,
        Verdict::Correct
    );
}

#[test]
fn a_gold_solution_gives_its_box() {
    assert_eq!(
        grade(r"Since $2 + 5 = 7$, it is $\boxed{7}$.", "7").verdict,
        Verdict::Correct
    );
    assert_eq!(
        grade(r"\boxed{1} and \boxed{2}", "2, 1").verdict,
        Verdict::Correct
    );
}

#[test]
fn a_rounded_gold_stands_for_what_rounds_to_it() {
    let rounded = Rules {
        rounding: Rounding::Gold,
        ..Rules::DEFAULT
    };
    for (gold, answer, expected) in [
        ("0.33", r"\frac{1}{3}", Verdict::Correct),
        ("0.33", "0.334", Verdict::Correct),
        ("0.33", "0.34", Verdict::Wrong),
        ("3.14", r"\pi", Verdict::Correct),
        ("-1.5", "-1.46", Verdict::Correct),
        (r"6.7\%", r"\frac{1}{15}", Verdict::Correct),
        ("2.65", "2.653", Verdict::Correct),
        (r"\frac{1}{3}", "0.33", Verdict::Wrong), // the gold answer is exact
        ("3", "3.1", Verdict::Wrong),             // nor is a whole number rounded
    ] {
        assert_eq!(
            check(gold, answer, &rounded),
            expected,
            "{gold} and {answer}"
        );
    }
    assert_eq!(
        check("0.33", r"\frac{1}{3}", &Rules::DEFAULT),
        Verdict::Wrong
    );
}

#[test]
fn the_colon_of_a_proportion_announces_nothing() {
    for text in ["(Answer) 2：1", "(Answer) 2:1", "The answer, then, 2：1"] {
        assert!(!grade("1", text).verdict.is_correct(), "{text}");
    }
    for text in ["Answer (as a ratio)：1", "答案（比）：1"] {
        assert!(grade("1", text).verdict.is_correct(), "{text}");
    }
}

#[test]
fn what_denies_or_doubts_an_answer_leaves_it_undecided() {
    for text in [
        r"The answer is not $\boxed{5}$.",
        r"not \boxed{5}",
        r"\boxed{5} is not the answer.",
        r"$\boxed{5}$ is wrong.",
        r"$-\boxed{5}$",
        r"$x = \sqrt{\boxed{5}}$",
        r"$\frac{\boxed{5}}{6}$",
        "The answer is `5` or `6`",
        "The answer is $5$ or 6.",
        "The answer is 5 and/or 6",
        "The answer is 5 but maybe 6.",
        "The answer is 5, no wait, 6.",
        "The answer is at least 5.",
        "It is false that the answer is 5.",
        "I doubt that the answer is 5.",
        "The wrong answer is 5.",
        "The answer would be 5 if we ignored friction.",
        "12 5 wrong",
    ] {
        assert!(!grade("5", text).verdict.is_correct(), "{text}");
    }
    for text in [
        r"So **$\boxed{5}$**.",
        r"= \boxed{5}",
        r"- \boxed{5}",
        r"It is not 6 but $\boxed{5}$.",
        r"$\boxed{5} \text{ cm}$",
        "The answer would be 5.",
        "I know that the answer is 5.",
        "The answer is $5$ or 5.0.",
        r"So \boxed{5}. Put it in \boxed{answer}.",
    ] {
        assert_eq!(grade("5", text).verdict, Verdict::Correct, "{text}");
    }
}

#[test]
fn a_long_number_is_not_cut() {
    let gold = "1".repeat(512);
    for length in [513, 600, 9_000] {
        let text = format!("The answer is {}", "1".repeat(length));
        assert!(!grade(&gold, &text).verdict.is_correct(), "{length}");
    }
    let (gold, text) = ("1".repeat(2_048), "1".repeat(9_000));
    assert!(!grade(&gold, &text).verdict.is_correct());
}

#[test]
fn a_sentence_may_say_an_answer_in_words() {
    for (gold, text, expected) in [
        ("No", "No, it is not.", Verdict::Correct),
        (r"\text{Yes}", "Yes, because 4 is even.", Verdict::Correct),
        (
            "odd",
            "We add 3 and 4. The number is odd.",
            Verdict::Correct,
        ),
        ("No", "Yes, because 4 is even.", Verdict::Wrong),
        ("odd", "The number is not odd.", Verdict::Wrong),
        ("odd", "The number is odd or even.", Verdict::Wrong),
        ("True", "The statement is not true.", Verdict::Wrong),
        ("Yes", "The answer is not\n$$\nYes\n$$\n.", Verdict::Wrong),
    ] {
        let found = grade(gold, text).verdict;
        assert_eq!(
            found.is_correct(),
            expected.is_correct(),
            "{gold}, {text}: {found:?}"
        );
    }
    let no_fallback = Rules {
        fallback: false,
        ..Rules::DEFAULT
    };
    let found = trimtab_grader::grade("odd", "The number is odd.", &no_fallback);
    assert_eq!(found.verdict, Verdict::Wrong);
}

#[test]
fn an_announced_calculation_gives_its_result() {
    for (gold, text, expected) in [
        ("720", "The answer is (8-2)! = 6! = 720 ways.", true),
        ("6", "The answer is (8-2)! = 6! = 720 ways.", false),
        (
            "60",
            "The answer is 1 (square tile) + 59 (other tiles) = 60 tiles.",
            true,
        ),
        (
            "1",
            "The answer is 1 (square tile) + 59 (other tiles) = 60 tiles.",
            false,
        ),
        ("5", "The answer is 5! We are done because 2 + 3 = 5.", true),
        ("5", "The answer is 5, as 2+3=5.", true),
    ] {
        let found = grade(gold, text);
        assert_eq!(
            found.verdict.is_correct(),
            expected,
            "{gold}, {text}: {found:?}"
        );
    }
}

#[test]
fn blanks_of_tex_end_no_sentence() {
    let text = r"So $4\;012\;003$ is the answer.";
    assert_eq!(grade("4012003", text).verdict, Verdict::Correct);
    assert_eq!(grade("3", text).verdict, Verdict::Wrong);
}
