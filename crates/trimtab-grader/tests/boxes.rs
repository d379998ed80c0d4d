//! Boxes: what stands in them and around them, and which of several counts.

use trimtab_grader::{Grade, Rules, Verdict};

fn grade(gold: &str, text: &str) -> Grade {
    trimtab_grader::grade(gold, text, &Rules::DEFAULT)
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
fn a_condition_in_a_box_belongs_to_the_answer() {
    let text = r"\boxed{2k \text{ where } k \text{ is an integer}}";
    let found = grade(r"2k, k \in \mathbb{N}", text);
    assert!(!found.verdict.is_correct(), "{found:?}");
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
