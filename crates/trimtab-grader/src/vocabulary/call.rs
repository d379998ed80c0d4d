//! Names of program code: SymPy, NumPy and Mathematica.

/// The name under which the parser knows the call at the start of `text`, and the length of the
/// name in `text`: `np.array(`, `Interval.open(`, `Sqrt[`.
pub(crate) fn call(text: &str) -> Option<(usize, &'static str)> {
    const MODULES: [&str; 6] = ["np.", "numpy.", "sp.", "sympy.", "math.", "cmath."];
    let module = MODULES
        .iter()
        .find(|module| text.starts_with(**module))
        .map_or(0, |module| module.len());
    let rest = &text[module..];
    let length = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
        .count();
    let name = match (&rest[..length], rest.as_bytes().get(length)) {
        (word, Some(b'(')) => called(word).or_else(|| {
            let plain = super::function(word).or((word == "sqrt").then_some("sqrt"));
            plain.filter(|_| module > 0)
        }),
        (word, Some(b'[')) => indexed(word),
        ("pi", _) if module > 0 => Some("pi"),
        (word, _) => constant(word),
    }?;
    Some((module + length, name))
}

/// A function of Python with parentheses.
fn called(word: &str) -> Option<&'static str> {
    Some(match word {
        "Rational" | "Fraction" => "rational",
        "Integer" | "Float" => "number",
        "pow" | "Pow" => "pow",
        "Matrix" | "ImmutableMatrix" | "array" | "matrix" => "matrix",
        "Interval" => "closed interval",
        "Interval.open" => "open interval",
        "Interval.Lopen" => "left-open interval",
        "Interval.Ropen" => "right-open interval",
        "Union" => "union",
        "Intersection" => "intersection",
        "Complement" => "complement",
        "FiniteSet" => "set",
        "Tuple" => "tuple",
        "Eq" => "equation",
        "Ne" => "inequation",
        "And" => "both",
        "Or" => "either",
        "Piecewise" => "piecewise",
        "Abs" => "abs",
        "factorial" => "factorial",
        "binomial" | "comb" | "nCr" | "choose" => "binomial",
        "perm" | "nPr" => "permutations",
        "root" => "nth root",
        "ceiling" => "ceil",
        "conjugate" => "conj",
        "re" => "re",
        "im" => "im",
        "Max" => "max",
        "Min" => "min",
        _ => return None,
    })
}

/// A function of Mathematica with square brackets.
fn indexed(word: &str) -> Option<&'static str> {
    Some(match word {
        "Sqrt" => "square root",
        "Power" => "pow",
        "Rational" => "rational",
        "Binomial" => "binomial",
        "Factorial" => "factorial",
        "Abs" => "abs",
        "Sin" => "sin",
        "Cos" => "cos",
        "Tan" => "tan",
        "Cot" => "cot",
        "Sec" => "sec",
        "Csc" => "csc",
        "ArcSin" => "arcsin",
        "ArcCos" => "arccos",
        "ArcTan" => "arctan",
        "Exp" => "exp",
        "Log" => "log",
        "Floor" => "floor",
        "Ceiling" => "ceil",
        _ => return None,
    })
}

/// A name without arguments.
fn constant(word: &str) -> Option<&'static str> {
    Some(match word {
        "Pi" | "PI" => "pi",
        "S.Reals" => "reals",
        "S.Integers" => "integers",
        "EmptySet" | "S.EmptySet" => "empty set",
        _ => return None,
    })
}
