//! Texts by their kinds: the answers that they give, and those that a careless reading would find.

mod common;

use common::gives;

#[test]
fn letters_that_are_denied_or_picked() {
    gives(&[
        ("It can't be C.", &[], &["C"]),
        ("I don't think it is C.", &[], &["C"]),
        ("It could be C.", &[], &["C"]),
        ("C: no", &[], &["C"]),
        ("(C) ✗", &[], &["C"]),
        ("A ❌ C ✅ D ❌", &["C"], &["A", "D"]),
        (
            "Option A: no. Option C: yes. Option D: no.",
            &["C"],
            &["A", "D"],
        ),
        ("- A: false\n- C: true\n- D: false", &["C"], &["A", "D"]),
        (
            "C is right. A, B and D all fail the test.",
            &["C"],
            &["A", "B", "D"],
        ),
        (
            "It must be C since A and D are too small.",
            &["C"],
            &["A", "D"],
        ),
        ("A comes close, but C is clearly correct.", &["C"], &["A"]),
        ("All but C fail.", &["C"], &[]),
        ("Nothing but C works.", &["C"], &[]),
        ("Everything except C is right.", &[], &["C"]),
        ("(A) 3 (B) 4 (C) 5", &[], &["A", "C"]),
        ("The correct option is: option 'C'.", &["C"], &[]),
        ("The correct choice is c.", &["C"], &["A"]),
        (
            r#"{"choice": "C", "why": "A and B overflow"}"#,
            &["C"],
            &["A", "B"],
        ),
        ("答案：Ｃ", &["C"], &["A"]),
        (r"\boxed{\text{Option C}}", &["C"], &["A"]),
        (r"\boxed{\text{not C}}", &[], &["C"]),
        ("It is \\boxed{16}.\n\n**Answer: C**", &["C", "16"], &["A"]),
    ]);
}

#[test]
fn labels_of_choices_before_values() {
    gives(&[
        (
            r"$\boxed{\textbf{(C)}~16}$",
            &["16", "C", r"\textbf{(C)} 16"],
            &["17", "B"],
        ),
        (r"\boxed{(\text{C})\ 16}", &["16", "C"], &["B"]),
        ("The answer is (C) 16.", &["16", "C"], &["17", "B"]),
    ]);
}

#[test]
fn answers_that_are_taken_back() {
    gives(&[
        ("The answer is 4. Just kidding, it's 9.", &["9"], &["4"]),
        ("The answer is 4, I mean 9.", &["9"], &["4"]),
        ("The answer is 4 — wait, 9.", &["9"], &["4"]),
        ("The answer is 4. Edit: 9", &["9"], &["4"]),
        (
            "I first thought the answer was 4, but it is 9.",
            &["9"],
            &["4"],
        ),
        (
            "The key says the answer is 4, but that is a typo; the right value is 9.",
            &["9"],
            &["4"],
        ),
        (
            "The answer is 9. Many people say the answer is 4.",
            &["9"],
            &["4"],
        ),
        (
            "The answer is 9. A common wrong answer is 4.",
            &["9"],
            &["4"],
        ),
        ("The answer is 4, but this is wrong.", &[], &["4"]),
        ("The answer is 4. However, that is not right.", &[], &["4"]),
        (
            "The answer is $4$.\n\nWait, that is wrong. Hence, it is $9$.",
            &["9"],
            &["4"],
        ),
        ("The answer is not\n$$4$$", &[], &["4"]),
        ("The answer is not \n4.", &[], &["4"]),
        (
            "The answer is (n+1)/2 rather than n+1.",
            &["(n+1)/2"],
            &["n+1"],
        ),
        (r"\boxed{4} was my first guess.", &[], &["4"]),
        (r"It is \boxed{9}, not \boxed{4}.", &["9"], &["4"]),
    ]);
}

#[test]
fn answers_of_one_case_and_of_several() {
    gives(&[
        (
            r"If it is sunny, \boxed{4}; otherwise, \boxed{9}.",
            &[],
            &["4", "9"],
        ),
        (
            "If n is odd the answer is 4; if not, the answer is 9.",
            &[],
            &["4", "9"],
        ),
        ("The answer is 4 unless n = 2.", &[], &["4"]),
        ("Maybe the answer is 4.", &[], &["4"]),
        ("The answer is 4?", &[], &["4"]),
        ("The answer is $4$ or $-4$.", &["4, -4"], &["4", "-4"]),
        ("The answer is 4\nor 9", &[], &["4"]),
        ("The answer is $C$ or B.", &[], &["C", "B"]),
        ("The answer is `Yes` or No.", &[], &["Yes"]),
        (r"\boxed{4} or -4", &[], &["4"]),
        (r"\boxed{4} or 4.0", &["4"], &[]),
        ("Entonces x = 138, 141.", &["138, 141"], &["138", "141"]),
        ("The answer is 4; 9.", &["4, 9"], &["4", "9"]),
        ("Ответ: x = 4 или x = 9", &["4, 9"], &["4", "9"]),
        ("Die Antwort ist 4 oder 9.", &["4, 9"], &["4", "9"]),
        ("答案是4或9。", &["4, 9"], &["4", "9"]),
    ]);
}

#[test]
fn what_is_said_about_an_answer() {
    gives(&[
        ("The answer has 4 digits.", &[], &["4"]),
        ("The answer is a number with 4 digits.", &[], &["4"]),
        ("The answer is a multiple of 4.", &[], &["4"]),
        ("The answer is close to 4.", &[], &["4"]),
        ("The answer is > 4.", &[], &["4"]),
        ("The answer is 4 over 9.", &[], &["4"]),
        ("The answer is 4 times that.", &[], &["4"]),
        ("The answer is any number but 4.", &[], &["4"]),
        ("The answer is in {1, ..., 4}.", &[], &["4"]),
        ("The answer is 4 May.", &["4 May"], &["4"]),
        ("La respuesta es 4 de mayo.", &[], &["4"]),
        ("The answer, 16, is the square of 4.", &["16"], &["4"]),
        ("The answer of 16 agrees with 4^2.", &["16"], &["4"]),
        ("The answer is in cell 4.", &[], &["4"]),
        ("The answer is 31 in base 4.", &["31_4"], &["31", "4"]),
    ]);
}

#[test]
fn values_that_are_said_twice() {
    gives(&[
        (
            "The answer is $\\frac{5}{8}$, i.e. about 0.63.",
            &["5/8"],
            &["0.63"],
        ),
        ("The answer is 5/8, or 0.625.", &["5/8", "0.625"], &["8"]),
        ("The answer is 5/8, or 0.7.", &[], &["5/8", "0.7"]),
        ("The answer is 16 (sixteen).", &["16"], &["256"]),
        ("The answer is sixteen (16).", &["16"], &["256"]),
        (
            "The answer is 3 more than 13, i.e. 16.",
            &["16"],
            &["3", "13"],
        ),
        ("The answer is 16 — done.", &["16"], &[]),
        ("The answer is 16, as expected.", &["16"], &[]),
        ("The answer is 16; 4 + 12 = 16.", &["16"], &["4"]),
        ("The answer is the square root of 49.", &["7"], &["49"]),
    ]);
}

#[test]
fn sentences_that_are_announced() {
    gives(&[
        ("Answer:\nEach of them pays 16 dollars.", &["16"], &[]),
        ("Answer: 3 pens cost $16.", &["16"], &["3"]),
        ("Final answer: In 3 weeks, he earns $16.", &[], &["3"]),
        ("答え: 1日に16回", &["16"], &["1"]),
        (r"\boxed{\text{The farmer has 16 goats.}}", &["16"], &[]),
        (r"\boxed{\text{more than } 16}", &[], &["16"]),
        (r"\boxed{\text{The total is } \$16}", &["16"], &[]),
        (r"\[\boxed{\int_0^4 x\,dx = 8}\]", &["8"], &["4"]),
    ]);
}

#[test]
fn numbers_of_other_languages() {
    gives(&[
        ("Die Antwort ist 2.450 Euro.", &["2450"], &["2.45"]),
        ("Also kostet es 2.450 Euro.", &["2450"], &["2.45"]),
        ("The mass is 2.450 kg.", &["2.45"], &["2450"]),
        ("Die Antwort ist 8,00 €.", &["8"], &["800"]),
        ("La réponse est 0,25.", &["1/4"], &["25"]),
        ("Jawaban: Rp2.450,00", &["2450"], &["2.45"]),
        ("答案是2.5万元。", &["25000"], &["2.5"]),
        ("答案是二十四。", &["24"], &["4", "20"]),
        (
            "Insgesamt sind es einunddreißig Kinder.",
            &["31"],
            &["1", "30"],
        ),
        ("La réponse est quatre-vingt-douze.", &["92"], &["4", "12"]),
        ("El resultado es menos doce.", &["-12"], &["12"]),
        ("The rest is due.", &[], &["2"]),
    ]);
}

#[test]
fn words_of_the_last_sentence() {
    gives(&[
        ("Hence the claim is false.", &["False"], &["True"]),
        ("Hence the claim is not false.", &[], &["False"]),
        (
            "The function is neither odd nor even.",
            &[],
            &["odd", "even"],
        ),
        (
            "Therefore $\\sqrt 7$ is irrational.",
            &["irrational"],
            &["rational"],
        ),
        ("Yes, it converges.", &["Yes"], &["No"]),
        ("Is it true?", &[], &["true"]),
        ("It falls on a Friday.", &["Friday"], &["Monday"]),
    ]);
}

#[test]
fn remarks_steps_and_marks_after_an_answer() {
    gives(&[
        (
            "She saved $45. Note: this assumes a 30-day month.",
            &["45"],
            &["30"],
        ),
        (
            "She saved $45. This assumes 30 days a month.",
            &["45"],
            &["30"],
        ),
        (
            "The total is 45. Substituting back, 45/9 = 5.",
            &["45"],
            &["5"],
        ),
        (
            "The total is 45.\n45 / 9 = 5 confirms the mean.",
            &["45"],
            &["5"],
        ),
        ("The length is 45 feet. [2]", &["45"], &["2"]),
        (
            "Ann is 45.\n\n---\n*Generated by a model, 300 tokens*",
            &["45"],
            &["300"],
        ),
        ("Ann is 45.\n\nI am 95% confident.", &["45"], &["95"]),
        ("Ann is 45. (3 points)", &["45"], &["3"]),
        (
            "Step 1: find the price.\nStep 2: multiply by 6.",
            &[],
            &["6"],
        ),
        ("Then we divide both sides by 6.", &[], &["6"]),
        ("Divide by 6 to get 45.", &["45"], &["6"]),
        ("1. Add the prices.\n2. Halve the sum.\n3.", &[], &["3"]),
        ("We use x + 5:\n\n40 + 5 = 45", &["45"], &["5"]),
        (
            "She pays 45 dollars. As an alternative, we cou",
            &["45"],
            &[],
        ),
    ]);
}

#[test]
fn values_beside_the_result() {
    gives(&[
        (
            "He has 45 coins, which is 6 more than Tom.",
            &["45"],
            &["6"],
        ),
        (
            "She has 45 beads left after giving 6 to Mary.",
            &["45"],
            &["6"],
        ),
        (
            "So 45 dollars is what they pay for 6 books.",
            &["45"],
            &["6"],
        ),
        ("That makes 45 boys out of a class of 60.", &["45"], &["60"]),
        ("The cost is $45 for 6 books.", &["45"], &["6"]),
        ("It takes 45 days to finish 6 books.", &["45"], &["6"]),
        ("It takes 14 days, or 2 weeks.", &["14"], &["2"]),
        ("3x = 45, x = 15", &["15"], &["45"]),
        ("20 - 5 = 15, 15 / 3 = 5", &["5"], &["15"]),
        ("因此每人分到 9 个,还剩 2 个。", &[], &["2"]),
        ("There are at least 6.", &[], &["6"]),
        ("There are over 6 of them.", &[], &["6"]),
        ("There are 6 or more.", &[], &["6"]),
        ("n is a multiple of 6.", &[], &["6"]),
        ("So we exclude 6.", &[], &["6"]),
        ("x = 6 is impossible.", &[], &["6"]),
        ("x = 2, and x = -6 is extraneous.", &["2"], &["-6"]),
        ("So it is 6 + x.", &[], &["6"]),
        (
            "So it is -2 < x < 1 or 3 < x < 6.",
            &[],
            &["(-2,1)", "(3,6)"],
        ),
        ("It is 10 (base 2).", &[], &["10"]),
    ]);
}

#[test]
fn what_belongs_to_a_number() {
    gives(&[
        ("The depth is ⁻45 feet.", &["-45"], &["45"]),
        ("The side is root 7.", &["\\sqrt{7}"], &["7"]),
        ("The side is 2 root 7.", &["2\\sqrt{7}"], &["2", "7"]),
        ("This is (-2)^4.", &["16"], &["-2", "4"]),
        ("The density is 6 g/cm3.", &["6"], &["3"]),
        ("The resistance is 6Ω.", &["6"], &[]),
        ("It started on 2024-03-09.", &["2024-03-09"], &["9", "2024"]),
        ("They paid $6k.", &["6000"], &["6"]),
        ("She came in 6th place.", &["6"], &[]),
        ("The probability is 7 out of 16.", &["7/16"], &["7", "16"]),
        ("The chance is 1 in 8.", &["1/8"], &["1", "8"]),
        ("The exponent is log_2 6.", &["\\log_2 6"], &["2", "6"]),
        ("The point is at 6; 8.", &[], &["6", "8"]),
        ("Hence it is 1-2√2.", &["1-2\\sqrt{2}"], &["2"]),
    ]);
}

#[test]
fn a_number_or_an_operator_touches_a_box() {
    gives(&[
        (r"2\boxed{6}", &[], &["6"]),
        (r"\boxed{6}+1", &[], &["6"]),
        (r"\boxed{6}!", &[], &["6"]),
        (r"\boxed{6}\sqrt{2}", &[], &["6"]),
        (r"\boxed{6}x", &[], &["6"]),
        (r"\boxed{6} cm", &["6"], &[]),
        (r"- \boxed{6}", &["6"], &[]),
        (r"so we get \boxed{\(6\)", &[], &["6"]),
        (r"so we get \boxed{$\colorbox{red}{6}$", &[], &["6"]),
        (r"Answer - \boxed{6}", &["6"], &[]),
        (r"x - \boxed{6}", &[], &["6"]),
        (r"\Boxed{6}", &["6"], &[]),
        ("Write `\\boxed{number}`. The number is 6.", &["6"], &[]),
    ]);
}
