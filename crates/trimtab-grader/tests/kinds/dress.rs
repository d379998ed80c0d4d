//! Dress, money and units in their many spellings.

use super::table;

#[test]
fn braces_of_dress() {
    table(&[
        ("(2,3)", r"\boxed{x=2, y=3}", true),
        ("(2,3)", r"\boxed{x=3, y=2}", false),
        (r"\{2,3\}", r"\fbox{(2,3)}", false),
        (
            r"\frac{\pi}{4}+k\pi, k \in \mathbb{Z}",
            r"\boxed{\bm{\frac{\pi}{4}+m\pi, m \in \mathbb{Z}}}",
            true,
        ),
        ("7/6", r"**\boxed{1 1/6.}**", true),
        (r"\frac{2}{7}", r"\genfrac{}{}{}{}{2}{7}", true),
        (r"\binom{7}{2}", r"\genfrac{(}{)}{0pt}{}{7}{2}", true),
        (r"\binom{7}{2}", r"\genfrac{}{}{}{}{7}{2}", false),
        ("y-2", r"\underbrace{y-2}_{\text{result}}", true),
        ("y-2", r"\underbrace{y-3}_{y-2}", false),
        ("21", "7 choose 2", true),
        (r"x=6 \text{ (double root)}", "x=6", true),
        (r"x=6 \text{ (not a root)}", "x=6", false),
        ("31,500", r"31,\\!500", true),
        ("3, 4", r"\\(3,4\\)", true),
        ("7 March", r"\color{red}{\text{March 7}}", true),
        ("7 March", r"\color{red}{\text{March 8}}", false),
        (r"[0.2,0.4]", r"[\dfrac {1}{5}; \dfrac {2}{5}]", true),
    ]);
}

#[test]
fn degrees() {
    table(&[
        (r"35^\circ", "35^{o}", true),
        (r"35^\circ", r"35\text{°}", true),
        (r"35^\circ", r"35 \circ", true),
        (r"35^\circ", r"36^{\text{o}}", false),
        (r"m\angle B = 35^\circ", r"35^\circ", true),
    ]);
}

#[test]
fn money() {
    table(&[
        (r"\$7", "$7", true),
        ("7 cents", "$7", false),
        ("7 cents", r"\$0.07", true),
        ("-7", "-$7", true),
        ("7", "$7$", true),
        ("26", "26 US-Dollar", true),
        ("26", "26 U.S. dollars", true),
        ("8", "8,00 €", true),
        ("8", "20,00 $ - 12,00 $ = 8,00 $", true),
        ("800", "8,00 €", false),
        ("37.80", "R$ 37,80", true),
        (r"\frac{3}{4}", "0,75", true),
        ("3,5", r"\frac{7}{2}", false), // a list
        ("35", "3,5", false),
        ("5,00", "5", true),
        ("5", "5,00,1", false),
        ("2,20,200", "220200", false),
        ("2,00,200", "200200", true),
    ]);
}

#[test]
fn units() {
    table(&[
        ("8 years old", "8", true),
        ("24 new cars", "24", true),
        (r"6\,\Omega", "6 ohms", true),
        (r"6\,\Omega", "7 ohms", false),
        (r"3\text{ mi}", "3mi", true),
        ("3", "3mi", false), // a product with i
        (r"\frac{1}{4}\text{ ft}", "¼ft", true),
        (r"0.25\text{ m}^2", "¼ m2", true),
        ("2A_{16}", "2a_{16}", true),
        ("2A_{16}", "2b_{16}", false),
    ]);
}
