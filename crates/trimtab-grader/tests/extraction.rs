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
fn a_factorial_in_a_box_is_no_exclamation() {
    assert_eq!(grade("24", r"\boxed{4 !}").verdict, Verdict::Correct);
    assert_eq!(grade("4", r"\boxed{4 !}").verdict, Verdict::Wrong);
}

#[test]
fn the_problem_in_a_box_is_no_answer() {
    let found = grade("x = 2", r"\boxed{\text{Solve } 3x = 6 \text{ for } x.}");
    assert!(!found.verdict.is_correct(), "{found:?}");
    let found = grade("x = -1", r"\boxed{Solve -8x - 9 = -1 for x.}");
    assert!(!found.verdict.is_correct(), "{found:?}");
}

#[test]
fn a_second_guess_is_no_answer() {
    for gold in ["2", "3"] {
        let found = grade(gold, r"\boxed{2} or possibly \boxed{3}");
        assert!(!found.verdict.is_correct(), "{found:?}");
    }
}

#[test]
fn labelled_boxes_answer_the_parts_in_their_order() {
    for (gold, text, expected) in [
        (
            "(a) 1 (b) 2",
            r"(a) \boxed{1} (b) \boxed{2}",
            Verdict::Correct,
        ),
        ("1, 2", r"(a) \boxed{1} (b) \boxed{2}", Verdict::Correct),
        ("2, 1", r"(a) \boxed{1} (b) \boxed{2}", Verdict::Wrong),
        ("1, 3", r"(a) \boxed{1} (b) \boxed{2}", Verdict::Wrong),
        ("2", r"(a) \boxed{1} (b) \boxed{2}", Verdict::Correct),
        ("1", r"(a) \boxed{1} (b) \boxed{2}", Verdict::Wrong),
        (
            "(1, 2)",
            r"$x = \boxed{1}$, $y = \boxed{2}$",
            Verdict::Correct,
        ),
        ("1, 2", r"First \boxed{1}, then \boxed{2}", Verdict::Wrong),
    ] {
        assert_eq!(grade(gold, text).verdict, expected, "{gold}, {text}");
    }
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

/// Asserts that no text is graded right for 5, and names all that are.
fn none_is_right(texts: &[&str]) {
    let right: Vec<_> = texts
        .iter()
        .filter(|text| grade("5", text).verdict.is_correct())
        .collect();
    assert!(right.is_empty(), "{right:#?}");
}

/// Asserts that every text is graded right, and names those that are not.
fn all_are_right(gold: &str, texts: &[&str]) {
    let missed: Vec<_> = texts
        .iter()
        .filter(|text| !grade(gold, text).verdict.is_correct())
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_bound_before_a_box_leaves_it_undecided() {
    none_is_right(&[
        r"The answer is at least $\boxed{5}$.",
        r"It is more than $\boxed{5}$.",
        r"It is at most **$\boxed{5}$**.",
        r"It is less than \(\boxed5\).",
        r"It is up to \boxed{5}.",
        "It is greater than\n\n$$\n\\boxed{5}\n$$",
        r"$x<\boxed5$",
        r"$x > \boxed{5}$",
        r"$x\ne\boxed5$",
        r"$x \neq \boxed{5}$",
        r"$x\le\boxed5$",
        r"$x \geq \boxed{5}$",
        r"$x \leqslant \boxed{5}$",
        "x ≤ \\boxed{5}",
        r"x <= \boxed{5}",
        r"x != \boxed{5}",
        r"It is between \boxed{5} and 6.",
    ]);
    all_are_right(
        "5",
        &[
            r"<answer>\boxed{5}</answer>",
            r"So x => \boxed{5}",
            r"-> \boxed{5}",
            r"> \boxed{5}",
            r"$2 < 3$, so $x = \boxed{5}$",
            r"It is $\ge 4$ and at most 6, hence \boxed{5}",
            r"The number of terms less than 6 is $\boxed{5}$.",
        ],
    );
}

#[test]
fn a_doubt_or_denial_before_a_box_leaves_it_undecided() {
    none_is_right(&[
        r"I doubt that the answer is $\boxed{5}$.",
        r"The answer can't be $\boxed5$",
        r"The answer can not be $\boxed5$.",
        r"It is false that x = $\boxed5$",
        r"It is certainly not equal to $\boxed5$",
        r"It is impossible that x = \boxed{5}.",
        r"It is not true that x = \boxed{5}.",
        r"It isn't the case that $x = \boxed{5}$.",
        r"Incorrect: $\boxed5$",
        r"Wrong: \boxed{5}",
        r"The wrong answer is \boxed{5}.",
        r"An incorrect answer would be \boxed{5}.",
        r"$x$ does not equal $\boxed{5}$.",
        r"It is unlikely that it is \boxed{5}.",
        r"I don't think the answer is \boxed{5}.",
        r"I am not sure that it is \boxed{5}.",
        r"It is anything but \boxed{5}.",
        r"It is not \textbf{\boxed{5}}",
        r"$\boxed{5}$ (wrong)",
        r"$\boxed{5}$ is too large.",
        "The wrong answer is\n\n\\[\\boxed{5}\\]",
        r"\boxed6. Note: a common wrong answer is \boxed{5}",
    ]);
    all_are_right(
        "5",
        &[
            r"There is no doubt that the answer is $\boxed{5}$.",
            r"Without a doubt, it is \boxed{5}.",
            r"It is false that x = 4, so x = $\boxed5$",
            r"The number of marbles that are not red is $\boxed{5}$.",
            r"The number of wrong answers is $\boxed{5}$.",
            r"Since it is not 4, it is \boxed{5}.",
            r"It is not 4. It is \boxed{5}.",
            r"\boxed5. Note: a common wrong answer is \boxed{6}",
            r"\boxed{5}. A common wrong answer is \boxed{6}.",
        ],
    );
}

#[test]
fn what_takes_a_box_back_leaves_it_undecided() {
    none_is_right(&[
        "\\boxed{5}\n\nOops, I made a mistake. It should be 6.",
        r"$\boxed{5}$. Oops, I made a mistake. It should be 6.",
        r"\boxed{5}. Sorry, it should be $6$.",
        r"\boxed{5}. Actually, that is wrong.",
        r"\boxed{5}. Actually 6.",
        r"\boxed{5}. Hmm, no, 6.",
        r"\boxed{5}. Edit: 6",
        r"\boxed{5}. The correct value is 6.",
        r"One might think it is \boxed{5}. However, the true answer is 6.",
        r"We get \boxed{5}. However, the true answer is 6.",
        r"\boxed{6} (previously I said \boxed{5})",
        r"\boxed{6}, my earlier answer was \boxed{5}",
    ]);
    all_are_right(
        "5",
        &[
            r"\boxed{5} (previously I said \boxed{6})",
            r"\boxed{5}. The answer should be in metres.",
            r"\boxed{5}. Wait, 2 + 3 is indeed 5.",
            r"\boxed{5}. No other value works for $x < 9$.",
            r"\boxed{5}. The answer is 5 because 2 + 3 = 5.",
            r"First I made a mistake, but now I get \boxed{5}.",
            "\\boxed{5}\n\nThe answer makes sense, as 2 + 3 = 5.",
        ],
    );
}

#[test]
fn a_box_inside_a_larger_formula_leaves_it_undecided() {
    none_is_right(&[
        r"$\frac1{\boxed5}$",
        r"$\frac{1}{\boxed{5}}$",
        r"$\ln(\boxed5)$",
        r"$\ln \boxed{5}$",
        r"$\cos\boxed5$",
        r"$f(\boxed{5}) = 2$",
        r"$x = 2^{\boxed{5}}$",
        r"$a_{\boxed{5}}$",
        r"$0.\boxed5$",
        r"$\boxed5\,000$",
        r"$\boxed{5}\,000$",
        r"$\boxed{5},000$",
        r"$\boxed5{}00$",
        r"$\boxed5 i$",
        r"$\boxed{5} i$",
        r"$\boxed{5}i$",
        r"$\boxed{5}_8$",
        r"$\boxed{5}_{8}$",
        r"$(3,\boxed5)$",
        r"$(\boxed{5}, 3)$",
        r"$x \in [\boxed5,\infty)$",
        r"$\left(3, \boxed{5}\right)$",
        r"$\{3, \boxed{5}\}$",
        r"$|\boxed{5} - 7|$",
        r"$\boxed{5} + 3$",
        r"$\boxed{5} \pm 3$",
        r"$\boxed{5}\frac{1}{2}$",
        r"$3 \cdot \boxed{5}$",
        r"$(\boxed{5})^2$",
        r"$-(\boxed{5})$",
        r"$3 : \boxed{5}$",
        r"$3, \boxed{5}$",
        r"$3 \text{ or } \boxed{5}$",
        r"$x\boxed{5}$",
        r"$\overline{\boxed{5}}$",
    ]);
    all_are_right(
        "5",
        &[
            r"$x=\boxed5$",
            r"$f(2)=\boxed{5}$",
            r"$\boxed{5}\text{ cm}$",
            r"\boxed5.",
            r"(so $x = \boxed{5}$)",
            r"$(\boxed{5})$",
            r"_\boxed{5}_",
            r"$\textcolor{red}{\boxed{5}}$",
            r"$\mathbf{\boxed{5}}$",
            r"${\boxed{5}}$",
            r"$\boxed{5}\ \mathrm{m}$",
            r"$\boxed{5}$, a prime",
            r"\boxed{5} - this is the answer.",
            r"$\begin{aligned} x &= 2 + 3 \\ &= \boxed{5} \end{aligned}$",
            r"$\log_2(32) = \boxed{5}$",
            r"$\frac{10}{2} = \boxed{5}$",
            r"$(1, 2) \to \boxed{5}$",
            r"(a) \boxed{5}",
            r"1) \boxed{5}",
            r"We get $P(A|B) = \boxed{5}$",
            r"So $|x| = \boxed{5}$.",
            r"$\boxed{5} = 2 + 3$",
            r"It costs $\$\boxed{5}$.",
        ],
    );
    all_are_right(
        r"5^\circ",
        &[r"$\angle A=\boxed{5}^\circ$", r"$\boxed{5}^{\circ}$"],
    );
}

#[test]
fn words_beside_a_box_change_its_value() {
    none_is_right(&[
        r"$\boxed5$ million",
        r"$\boxed{5}$ dozen",
        r"$\boxed{5}\text{ thousand}$",
        r"$\boxed{5}$ and a half",
        r"$\boxed{5}$ squared",
        r"$\boxed{5}$ out of 6",
        r"$\boxed{5}$ below zero",
        r"$\boxed{5}$ hours and 20 minutes",
        r"$\boxed{5}$ feet 6 inches",
        r"$\boxed{5}$ or more",
        r"$\boxed{5}$ times 3",
        r"$\boxed{5}$ and two thirds",
        r"$\boxed{5}$ percent of 20",
        r"$\boxed{5}$ point 3",
        r"minus $\boxed{5}$",
        r"It is negative \boxed{5}",
        r"twice $\boxed{5}$",
        r"It is half of $\boxed{5}$",
        r"the square root of \boxed{5}",
    ]);
    all_are_right(
        "5",
        &[
            r"$\boxed{5}$ apples and some pears",
            r"$\boxed{5}$ hours",
            r"$\boxed{5}$ and we are done",
            r"Half of 10 is \boxed{5}",
            r"2 and 3 add up to \boxed{5}",
            r"It grows by a factor of \boxed{5}",
        ],
    );
}

#[test]
fn a_box_that_is_struck_out_or_commented_out_does_not_count() {
    none_is_right(&[
        r"$\cancel{\boxed5}$",
        r"$\cancel{\boxed{5}}$",
        r"\sout{\boxed{5}}",
        r"~~\boxed5~~",
        r"~~\boxed{5}~~",
        r"~~$\boxed{5}$~~",
        r"\boxed{6} % \boxed{5}",
        r"Please put your final answer in \boxed{5} format.",
        r"Write your answer inside \boxed{5}.",
        r"For example, \boxed{5}",
        r"<del>\boxed{5}</del>",
    ]);
    all_are_right(
        "5",
        &[
            r"\boxed{5} % \boxed{6}",
            r"\boxed{5} ~~\boxed{6}~~",
            r"50% of 10 is \boxed{5}",
            r"So I put my final answer in a box: \boxed{5}",
        ],
    );
}

#[test]
fn words_in_a_box_change_its_value() {
    none_is_right(&[
        r"\boxed{5 \text{ is wrong}}",
        r"\boxed{5 \text{ below zero}}",
        r"\boxed{5 \text{ with remainder } 2}",
        r"\boxed{5 \text{ negative}}",
        r"\boxed{\text{negative } 5}",
        r"\boxed{5 \text{ out of } 6}",
        r"\boxed{\text{almost } 5}",
        r"\boxed{\text{nearly } 5}",
        r"\boxed{\text{a loss of } 5}",
        r"\boxed{5 \text{ too many}}",
        r"\boxed{5 \text{ doubled}}",
        r"\boxed{5 \text{ in debt}}",
        r"\boxed{5?}",
    ]);
    for text in [
        r"\boxed{\text{B is wrong}}",
        r"\boxed{B?}",
        r"\boxed{\text{B is not it}}",
    ] {
        assert!(!grade("B", text).verdict.is_correct(), "{text}");
    }
    all_are_right(
        "5",
        &[r"\boxed{5 \text{ apples}}", r"\boxed{\text{exactly } 5}"],
    );
    all_are_right("-5", &[r"\boxed{\text{negative } 5}"]);
    all_are_right(
        r"5 \text{ with remainder } 2",
        &[r"\boxed{5 \text{ with remainder } 2}"],
    );
    all_are_right("B", &[r"\boxed{\text{B because it fits}}"]);
}

#[test]
fn blanks_of_tex_end_no_sentence() {
    let text = r"So $4\;012\;003$ is the answer.";
    assert_eq!(grade("4012003", text).verdict, Verdict::Correct);
    assert_eq!(grade("3", text).verdict, Verdict::Wrong);
}

#[test]
fn a_condition_in_a_box_belongs_to_the_answer() {
    let text = r"\boxed{2k \text{ where } k \text{ is an integer}}";
    let found = grade(r"2k, k \in \mathbb{N}", text);
    assert!(!found.verdict.is_correct(), "{found:?}");
}
