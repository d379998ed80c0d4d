//! Answers in words, letters of choices, and numbers and relations in words.

use super::table;

#[test]
fn wording() {
    table(&[
        ("hyperbola", "a hyperbola", true),
        ("hyperbola", "an ellipse", false),
        ("the second bag", "second bag", true),
        ("the second bag", "the third bag", false),
        ("square", "squares", true),
        ("cherry", "cherries", true),
        ("median", "mean", false),
        ("gold, silver and bronze", "bronze, gold, silver", true),
        ("gold, silver and bronze", "gold and silver", false),
        ("gold or silver", "gold and silver", false),
        ("Friday", "Fri.", true),
        ("Friday", "Sat", false),
        ("scalene", "scalene (no two sides are equal)", false), // "no" may take it back
        ("scalene", "scalene (three different sides)", true),
        ("scalene", "scalene (not isosceles)", false),
        ("prime", "prime, because it has no other divisor", true),
        ("prime", "prime or composite", false),
        ("DNE", r"\text{does not exist}", true),
        ("DNE", "0", false),
        (
            "infinitely many",
            "There are infinitely many solutions",
            true,
        ),
        ("infinitely many", "many", false),
        ("diverges", "divergent", true),
        ("diverges", "converges", false),
        ("Kim is older than Lee", "Lee is older than Kim", false),
        ("5 mW", "5 MW", false),
        (r"\pi", r"\text{-pi}", false),
        (
            "Maybe",
            r"\begin{aligned} & \text{maybe}, \end{aligned}",
            true,
        ),
    ]);
}

#[test]
fn judgements() {
    table(&[
        ("Yes", "Yes, because 9 is odd", true),
        ("No", "No, it is not.", true),
        ("Yes", "Yes and no", false),
        ("Yes", "Yes, but only if n is odd", false),
        ("Yes", "Yes, no", false),
        ("No", "Yes, there is no other", false),
        ("True", "The statement is true", true),
        ("True", "The statement is not true", false),
        ("False", "not true", true),
        ("False", "not false", false),
    ]);
}

#[test]
fn choices() {
    table(&[
        ("B, D", "BD", true),
        ("BDE", "B, D and E", true),
        ("BDE", "B, D", false),
        ("DB", "B, E", false),
        ("(D)", "d", true),
        ("D", "(d)", true),
        ("D", "d", false), // a variable
        ("(D)", "e", false),
        ("D", "Option (D)", true),
        ("D", "choice D or E", false),
        ("D", r"\textcolor{blue}{D)}", true),
        ("D", r"\textcolor{blue}{E)}", false),
        ("I and IV", r"\text{I, IV}", true),
        ("I and IV", r"\text{I, VI}", false),
    ]);
}

#[test]
fn nothing_in_words() {
    table(&[
        ("none", "no solution", true),
        (r"\emptyset", "None", true),
        (r"\emptyset", r"x \in \varnothing", true),
        ("no solution", "There are no real roots", true),
        ("no solution", "no positive solution", false),
        ("none", "none of these", false),
        ("none", "0", false),
        ("no", "no solution", false),
        (r"\emptyset", r"\{\emptyset\}", false),
        (r"\infty", "negative infinity", false),
        (r"-\infty", "negative infinity", true),
    ]);
}

#[test]
fn leads_and_remarks() {
    table(&[
        ("Hence there are 15 paths.", "15 paths", true),
        ("Hence there are 15 paths.", "16 paths", false),
        ("15", "There are at least 15", false),
        ("15", "It is not 15", false),
        ("14", "14 (fourteen)", true),
        ("14", "14 (fifteen)", false),
        ("14", "14 (or 15)", false),
        ("2/5 (0.4)", "0.16", false), // no product
        ("2/5 (0.4)", "0.4", true),
        (r"3\sqrt2", r"3\sqrt2 (\approx 4.24)", true),
        (r"3\sqrt2", r"3\sqrt2 (\approx 4.34)", false),
    ]);
}

#[test]
fn relations_and_ratios() {
    table(&[
        (r"m \ge 4", "m is at least 4", true),
        (r"m \ge 4", r"m \text{ is greater than } 4", false),
        ("m > 4", "m is greater than 4", true),
        (r"m \le 4", "m is less than or equal to 4", true),
        ("m = 4", "m equals 4", true),
        ("7:9", "7 to 9", true),
        ("7:9", "9 to 7", false),
        ("[7,9]", "7 to 9", false),
        (r"\frac{3}{11}", "3 out of 11", true),
        (r"\frac{1}{8}", "1 in 8", true),
        (r"\frac{1}{8}", "1 in 9", false),
    ]);
}

#[test]
fn numbers_of_other_languages() {
    table(&[
        ("34", "vierunddreißig", true),
        ("34", "dreiundvierzig", false),
        ("-8", "minus acht", true),
        ("8", "minus acht", false),
        ("75", "soixante-quinze", true),
        ("94", "quatre-vingt-quatorze", true),
        ("42", "cuarenta y dos", true),
        ("28", "ventotto", true),
        ("63", "sessenta e três", true),
        ("45", "сорок пять", true),
        ("58", "achtenvijftig", true),
        ("36", "三十六", true),
        ("36", "六十三", false),
        ("9", "IX", true),
        ("11", "IX", false),
        ("40", "XXXX", false),
        ("IX", "XI", false),
        ("10", "X", false), // a variable
    ]);
}
