//! The last value of a text that does not announce an answer: where it begins and ends, and which
//! one counts.

mod common;

use common::gives;
use trimtab_grader::{Rules, Verdict, grade};

/// A sign, a currency and brackets belong to the number.
#[test]
fn signs_and_currencies() {
    gives(&[
        ("The change was –7 points.", &["-7"], &["7"]),
        ("The change was −7 points.", &["-7"], &["7"]),
        ("The change was ‑7 points.", &["-7"], &["7"]),
        ("The change was －7 points.", &["-7"], &["7"]),
        ("The score is - 7.", &["-7"], &["7"]),
        ("Total - 7", &[], &["7", "-7"]),
        ("It moved by ±7 units.", &["\\pm 7"], &["7", "-7"]),
        ("His balance is -$7.", &["-7"], &["7"]),
        ("His balance is $-7.", &["-7"], &["7"]),
        ("His balance is ($7).", &[], &["7", "-7"]),
        ("So the value is -$5$.", &["-5"], &["5"]),
        ("Each one costs US$ 1.50.", &["1.5"], &["50", "1"]),
        ("Each one costs 1,50 €.", &["1.5"], &["50", "1"]),
        ("102 $ / 3 = 34 $", &["34"], &["3", "102"]),
        ("There are $20-$13=$7 left.", &["7"], &["13", "-13", "20"]),
        ("Das Ergebnis ist minus 5.", &["-5"], &["5"]),
        ("El resultado es menos 5.", &["-5"], &["5"]),
        ("结果是负5。", &["-5"], &["5"]),
    ]);
}

/// Roots, functions, powers and constants belong to the number.
#[test]
fn operators_and_powers() {
    gives(&[
        ("The diagonal is √2.", &["\\sqrt{2}"], &["2"]),
        (
            "The diagonal is 3√2 metres.",
            &["3\\sqrt{2}"],
            &["2", "3", "6"],
        ),
        ("The side is ∛9.", &["\\sqrt[3]{9}"], &["9", "3"]),
        ("The diagonal is \\sqrt 2.", &["\\sqrt{2}"], &["2"]),
        ("The diagonal is sqrt(2).", &["\\sqrt{2}"], &["2"]),
        ("The value is sin 30.", &[], &["30"]),
        ("The value is log_2 10.", &[], &["2", "10"]),
        ("The angle is pi/2.", &["\\frac{\\pi}{2}"], &["2"]),
        ("The area is 3π.", &["3\\pi"], &["3"]),
        ("It weighs 10^3 grams.", &["1000"], &["3", "10"]),
        ("It weighs 10³ grams.", &["1000"], &["3", "10"]),
        ("It weighs 10**3 grams.", &["1000"], &["3", "10"]),
        ("It weighs 2e3 grams.", &["2000"], &["3", "2"]),
        ("It weighs 2 x 10^3 grams.", &["2000"], &["3", "2", "10"]),
        ("It weighs 1.5E-3 grams.", &["0.0015"], &["3", "1.5"]),
        ("There are 5! orders.", &["120"], &["5"]),
        ("We get 5!", &[], &["5", "120"]),
        ("The root is 5i.", &["5i"], &["5"]),
        ("The length is 5x.", &["5x"], &["5"]),
        ("It takes 2 1/2 hours.", &["5/2"], &["2", "1/2"]),
        ("Each gets 1⅓ cups.", &["4/3"], &["1", "1/3"]),
        ("The total is 11₉.", &["10"], &["11"]),
        (
            "20 (first) + 60 (second) = 80 cards",
            &["80"],
            &["60", "20"],
        ),
        ("0.3333 * 100 ≈ 33%", &["33"], &[]),
        (
            "Difference = R - D\nDifference = 30 - 9\nDifference = 21",
            &["21"],
            &["9"],
        ),
        ("Finally $y = 12", &[], &["12"]),
        ("The number is 101_2.", &["5", "101_2"], &["2", "101"]),
        ("The code is 0x1F.", &[], &["0", "1"]),
        ("x + 5 = 7", &[], &["7", "5"]),
        ("He makes 60*4=<<60*4=240>>240 dollars", &["240"], &["4"]),
    ]);
}

/// Units and their powers belong to the number, and are no numbers themselves.
#[test]
fn units() {
    gives(&[
        ("The area is 16 m^2.", &["16", "16 \\text{ m}^2"], &["2"]),
        ("The area is 16 cm2.", &["16", "16 cm^2"], &["2"]),
        ("The area is 48 m² in all.", &["48"], &["2"]),
        ("The area is 16 square metres.", &["16"], &[]),
        ("The speed is 16 m/s^2.", &["16"], &["2"]),
        ("The speed is 16 km per hour.", &["16", "16 km/h"], &[]),
        ("The area is $16$ cm^2.", &["16"], &["2"]),
        ("They meet at 3:30 p.m.", &["3:30"], &["30", "3"]),
        ("The ratio is 3:4.", &["3:4"], &["3", "4"]),
        (
            "The ratio of boys to girls is 3 to 2.",
            &["3:2"],
            &["3", "2"],
        ),
        ("He is 5 ft 7 in tall.", &[], &["5", "7"]),
        ("It takes 1 hour and 20 minutes.", &[], &["1", "20"]),
        ("It grew by 25%.", &["25", "0.25"], &["5"]),
        ("It is 5+ years old.", &[], &["5"]),
    ]);
}

/// Digits are read with their groups and decimals, in the ways of several languages.
#[test]
fn groups_and_decimals() {
    gives(&[
        (
            "There were 1 234 567 people.",
            &["1234567"],
            &["567", "234"],
        ),
        ("There were 1\u{202f}234 people.", &["1234"], &["234"]),
        ("There were 1\u{2009}234 people.", &["1234"], &["234"]),
        ("There were 1'234'567 people.", &["1234567"], &["567", "1"]),
        ("There were 1’234 people.", &["1234"], &["234", "1"]),
        (
            "There were 1.234.567 people.",
            &["1234567"],
            &["567", "1.234"],
        ),
        ("There were 12,34,567 people.", &["1234567"], &["567", "12"]),
        ("It weighs 1.234,5 kg.", &["1234.5"], &["5", "1.234"]),
        ("The parcel weighs 3,75 kg.", &["3.75"], &["75", "3"]),
        ("Das sind 18.000 Euro.", &[], &["18", "0"]),
        ("The total is ０．１.", &["0.1"], &["1", "0"]),
        ("The counter shows 007 432.", &[], &["432", "7"]),
        ("The current version is 3.2.1.", &[], &["1", "3.2", "3"]),
        ("The chance is .35", &["0.35"], &["35"]),
    ]);
}

/// Several values are a list, a range or a tuple, and none of them alone.
#[test]
fn lists_and_ranges() {
    gives(&[
        ("The numbers are 3, 4 and 5.", &["3, 4, 5"], &["3", "5"]),
        ("The roots are 3 and 5.", &["3, 5"], &["3", "5"]),
        ("The total is 1,-1.", &["1,-1"], &["1", "-1"]),
        ("So x = 3 and y = 4.", &["x = 3, y = 4"], &["3", "4"]),
        ("So x = 3, y = 4.", &["x = 3, y = 4"], &["3", "4"]),
        ("The point is (3, 5).", &["(3,5)"], &["3", "5"]),
        ("The interval is [3, 5).", &["[3,5)"], &["3", "5"]),
        ("It takes 3-5 days.", &[], &["3", "5", "-2"]),
        ("It takes 3–5 days.", &[], &["3", "5"]),
        ("It takes 3 to 5 days.", &[], &["3", "5"]),
        ("It takes between 3 and 5 days.", &[], &["3", "5"]),
        ("The total is 12 or 13.", &[], &["12", "13"]),
        ("The party is on 5 May 2021.", &["May 5, 2021"], &["2021"]),
        ("5 May", &["May 5"], &["5"]),
        ("The party is on 5/6/2021.", &[], &["2021", "5", "6"]),
    ]);
}

/// Labels, names and program code have no values.
#[test]
fn labels() {
    gives(&[
        ("So x is 7, as shown in Theorem 6.2.", &["7"], &["6.2"]),
        ("See page 112.", &[], &["112"]),
        ("See equation (12).", &[], &["12"]),
        ("The substance is H2O.", &[], &["2"]),
        ("I asked GPT-4.", &[], &["4", "-4"]),
        ("The largest root is x_3.", &[], &["3"]),
        ("Therefore a_{10} = 55", &["55"], &["10"]),
        ("The code is 5A7.", &[], &["5", "7"]),
        ("It is a 3-digit number.", &[], &["3"]),
        ("See https://example.org/381", &[], &["381"]),
        (
            "1. Double it.\n2. Add one.\nThis gives fifteen.",
            &["15"],
            &["1", "2"],
        ),
        ("The 8th term is 21.", &["21"], &["8"]),
        ("There are 7 left.\nprint(count(3)['8'])", &["7"], &["8"]),
    ]);
}

/// A sentence says the value after "is" or "=", in its conclusion, in bold, or its only one.
#[test]
fn the_result_of_a_sentence() {
    gives(&[
        ("So she has 12 apples left.", &["12"], &[]),
        ("So the total is **12 apples**.", &["12"], &[]),
        ("The total is = $12 per day", &["12"], &[]),
        ("She has 5 apples left and 3 pears.", &[], &["5", "3"]),
        ("Hence 8 workers finish it in 12 days.", &[], &["8", "12"]),
        ("There are **12** ways for 5 people.", &["12"], &["5"]),
        ("She got 18 out of 20.", &["18"], &["20"]),
        (
            "She is left with 6 of her original 30 coins.",
            &["6"],
            &["30"],
        ),
        ("It takes 45 minutes to clean all 6 rooms.", &["45"], &["6"]),
        (
            "17 boxes are needed, since 16 boxes hold only 96 eggs.",
            &["17"],
            &["16", "96"],
        ),
        (
            "In 2019 there were 45 people, so in 2024 there are 54.",
            &["54"],
            &["45", "2024"],
        ),
        ("By 6 p.m. he has sold 71 papers.", &["71"], &["6"]),
        ("20% of 80 is 16.", &["16"], &["20", "80"]),
        ("16 is 20% of 80.", &[], &["20", "80"]),
        ("The sum of 5 and 7 is twelve.", &["12"], &["5", "7"]),
        ("The sum of 5 and 7 is even.", &[], &["5", "7"]),
        ("7 is prime.", &[], &["7"]),
        (
            "After 12 months, Jan has a balance of $220.",
            &["220"],
            &["12"],
        ),
        (
            "The three of them have a total of 122 crabs.",
            &["122"],
            &["3"],
        ),
        ("13 = the number of rooms", &["13"], &[]),
        ("They can divide it into 14 bags.", &["14"], &[]),
        ("She has 12, not 13.", &["12"], &["13"]),
        ("She has fewer than 7.", &[], &["7"]),
        ("Tom is 3 times as old as Ann.", &[], &["3"]),
        ("It is the square root of 16.", &[], &["16"]),
        ("If x = 7.", &[], &["7"]),
        ("He paid $12 (in 3 coins).", &["12"], &["3"]),
        ("The chance is 25% (1/4).", &["25\\%"], &[]),
        ("The price rose by 5%, so it is higher now.", &[], &["5"]),
        ("For n = 3 the value is 18.", &["18"], &["3"]),
        (
            "There are 4 integers in the interval $(-2, 3)$.",
            &["4"],
            &["(-2,3)"],
        ),
    ]);
}

/// Checks, questions and thanks after the result do not count; doubts and cuts do.
#[test]
fn sentences_around_the_result() {
    gives(&[
        (
            "So she needs 18 tickets. (Check: 18 × 3 = 54.)",
            &["18"],
            &["54"],
        ),
        (
            "So she pays $52.\n\nWould you like me to explain step 2?",
            &["52"],
            &["2"],
        ),
        (
            "There are 380 pages. Let me know if you need the other 3!",
            &["380"],
            &["3"],
        ),
        ("It could be 3. It could be 4.", &[], &["3", "4"]),
        ("First, we add 5 and 7.", &[], &["5", "7", "12"]),
        ("So is it 12?", &[], &["12"]),
        ("It is 12. Wait, that is wrong.", &[], &["12"]),
        ("She has 5 apples. So Tom wins.", &[], &["5"]),
        ("7 × 3 =", &[], &["3", "7", "21"]),
        ("the ratio of the two is 5:", &[], &["5"]),
        ("For n = 44 we", &[], &["44"]),
        ("He makes 60*4=<<60*4=240", &[], &["240", "4"]),
        (
            "1. The pens cost $12\n2. The books cost $10\n3. **Add",
            &[],
            &["10"],
        ),
        (
            "We get\n$$\\begin{aligned} x &= 3 + 4 \\\\ &= 7 \\end{aligned}$$",
            &["7"],
            &["4", "3"],
        ),
    ]);
}

/// Where nothing shows which value is the answer, the verdict says so.
#[test]
fn an_unclear_value_is_undecided() {
    use trimtab_grader::Reason::UnclearValue;
    for text in [
        "She has 5 apples and 3 pears.",
        "It takes 3-5 days.",
        "So is it 5?",
    ] {
        for gold in ["5", "3", "7"] {
            let graded = grade(gold, text, &Rules::DEFAULT);
            assert_eq!(graded.verdict, Verdict::Undecided(UnclearValue), "{text}");
            assert!(graded.extracted.is_some(), "{text}");
        }
    }
}

/// A calculation on a line of its own is a sentence, whatever the line before it plans.
#[test]
fn calculations_behind_a_colon() {
    gives(&[
        (
            "Finally, let's calculate the savings:\n\nSavings = $15 - $9 = $6",
            &["6"],
            &["9", "15"],
        ),
        (
            "We can find the total:\n\n46 + 36 + 40 = 122",
            &["122"],
            &["40"],
        ),
        (
            "So \\begin{equation*}\n7\n\\end{equation*} is the answer.",
            &["7"],
            &["8"],
        ),
        (
            "First, we assume that the speed is:\n\nv = 60",
            &[],
            &["61"],
        ),
    ]);
}
