//! No text makes the grader panic or costs more than milliseconds and a few megabytes.

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use trimtab_grader::{Grade, Rules, Verdict};

fn check(gold: &str, answer: &str) -> Verdict {
    trimtab_grader::check(gold, answer, &Rules::DEFAULT)
}

fn grade(gold: &str, text: &str) -> Grade {
    trimtab_grader::grade(gold, text, &Rules::DEFAULT)
}

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MEGABYTE: usize = 1 << 20;

/// An optimised build on an idle machine needs at most fifty milliseconds. Tests run unoptimised
/// and side by side.
const LONGEST: Duration = Duration::from_secs(1);

/// Pieces that are repeated up to one megabyte.
const REPEATED: &[&str] = &[
    "\\",
    "{",
    "}",
    "{{}}",
    "(",
    "[",
    "|",
    "$",
    "$ $",
    "$1$, ",
    "\\boxed{",
    "\\boxed{1}",
    "\\boxed{1}, ",
    "\\boxed",
    "\\frac",
    "\\frac{1}",
    "\\sqrt",
    "\\sqrt{",
    "\\text{",
    "\\text{a",
    "\\left(",
    "^",
    "^{",
    "2^",
    "9^{9",
    "_",
    "x_",
    "x_{",
    "-",
    "+",
    "*",
    "/",
    "1/",
    "!",
    "9!",
    "%",
    "1,",
    "1,111,",
    "1 111 ",
    ".",
    "1.",
    "'",
    "x'",
    "\\pm",
    "\\pm 1",
    "\\pm 1, ",
    "=",
    "x=",
    "x<",
    "∪",
    "[0,1]\\cup",
    "\\sin",
    "\\sin ",
    "\\log_",
    "\\sum_{k=1}^{9}",
    "\\int ",
    "\\begin{pmatrix}",
    "&",
    "\\\\",
    "1 & 2 \\\\",
    "answer",
    "answer ",
    "answer is ",
    "the answer is 1. ",
    "#### ",
    "<think>",
    "</think>",
    "< /think",
    "[THINK]",
    "◁",
    "<|",
    "<|im_start|>",
    "<|im_start|>user",
    "<|channel|>",
    "<pad>",
    "</s>",
    "[",
    "\nQuestion: 1\n",
    "\nProblem 1:",
    "\n\nUser",
    "<answer>",
    "a",
    "ab ",
    "word ",
    "A ",
    "é",
    "√",
    "²",
    "0",
    "1",
    "1e9",
    ":",
    "1:",
    ";",
    "1;",
    "1,2;",
    "and ",
    "1 and ",
    "\\quad",
    "\\quadx",
    "f(",
    "f(x",
    "f(x)",
    "!=",
    "<=",
    "\n",
    " ",
    "\0",
    "\u{202f}",
    "\\operatorname{",
    "\\vec",
    "\\vec{",
    "\\choose",
    "\\over",
    "{n \\choose k}",
    "\\binom",
    "⌊",
    "\\lfloor",
    "\\{",
    "\\{x|",
    "x∈",
    "\\overset",
    "\\hspace{",
    "\\mod",
    "5 \\bmod ",
    "≈",
    "1≈",
    "\\Rightarrow",
    "x \\Rightarrow ",
    "for all ",
    "x for ",
    "°",
    "1°",
    "\\%",
];

/// Small texts with a huge value, or with none.
const EXPENSIVE: &[&str] = &[
    "10^{10^{10}}",
    "10^{10^{10^{10}}}",
    "9^{9^{9}}",
    "2^{2^{2^{49}}}",
    "9**9**9**9",
    "1000000!",
    "100000!",
    "10!!!!!",
    "3000!",
    "3000!/2999!",
    "\\binom{1000000000}{500000000}",
    "\\binom{2000}{1000}",
    "\\binom{x}{1000}",
    "\\sum_{k=1}^{1000000000} k",
    "\\sum_{k=1}^{5000} \\sqrt{k}",
    "\\prod_{k=1}^{100000} k",
    "\\prod_{k=1}^{900} k",
    "\\sum_{k=1}^{5000} \\frac{1}{k}",
    "\\sum_{k=1}^{100} \\sum_{j=1}^{100} \\sin(kj)",
    "1e99999",
    "1e9999",
    "1e-9999",
    "(1e3000)^3",
    "1.0000001^{1000}",
    "1.0000001^{10000000}",
    "(x+y+z+1)^{300}",
    "\\sqrt[1000001]{2}",
    "\\sqrt[60]{1e300}",
    "e^{e^{e^{e^{e}}}}",
    "\\sin(10^{300})",
    "\\tan(\\pi/2)",
    "\\ln 0",
    "0^0",
    "0^{-1}",
    "1/0",
    "\\frac{0}{0}",
    "\\infty - \\infty",
    "\\infty/\\infty",
    "0\\cdot\\infty",
    "\\sqrt{-1}^{\\sqrt{-1}}",
    "(-8)^{1/3}",
    "(-1)^{0.1}",
    "x^{x^{x^{x^x}}}",
    "2^{1000000007/3}",
    "\\log_1 5",
    "\\log_0 0",
    "\\gcd(0,0)",
    "5 \\bmod 0",
    "1_{0}",
    "1_{99}",
    "ZZ_{36}",
    "9223372036854775807+1",
    "-9223372036854775808",
    "9223372036854775808/(-9223372036854775808)",
    "\\lfloor 10^{30}\\pi \\rfloor",
    "\\lfloor -\\frac{1}{3} \\rfloor",
    "\\arcsin 2",
    "\\arctan i",
    "\\arccos(10^{20})",
    "\\cosh 1000",
    "\\exp(-1000)",
    "\\exp(1000i)",
    "(1+10^{-300})^{1000}",
    "10^{300}\\cdot\\pi\\cdot 10^{300}",
    "10^{-300}\\cdot\\pi\\cdot 10^{-300}",
    "\\int x^{1000} dx",
    "\\int (1+x)^{16}(1-x)^{16} dx",
];

#[test]
fn hostile_texts_are_cheap() {
    let mut worst = (Duration::ZERO, String::new());
    let mut most = (0, String::new());
    for text in texts() {
        let boxed = format!("so \\boxed{{{text}}}");
        let announced = format!("The answer is {text}");
        let longer = format!("{text}1");
        let runs: [(&str, &dyn Fn()); 7] = [
            ("check answer", &|| {
                _ = check("7", &text);
            }),
            ("check gold", &|| {
                _ = check(&text, "7");
            }),
            ("check both", &|| {
                _ = check(&text, &longer);
            }),
            ("grade", &|| drop(grade("7", &text))),
            ("grade boxed", &|| drop(grade("7", &boxed))),
            ("grade announced", &|| drop(grade("B", &announced))),
            ("grade with gold", &|| drop(grade(&text, &boxed))),
        ];
        for (name, run) in runs {
            let start_text: String = text.chars().take(40).collect();
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let timed = || {
                let start = Instant::now();
                run();
                start.elapsed()
            };
            let mut elapsed = timed();
            if elapsed > LONGEST / 100 {
                elapsed = elapsed.min(timed()).min(timed()); // perhaps it was the machine
            }
            let peak = ALLOCATOR.peak_usage() - before;
            if elapsed > worst.0 {
                worst = (elapsed, format!("{name} of {start_text:?}"));
            }
            if peak > most.0 {
                most = (peak, format!("{name} of {start_text:?}"));
            }
        }
    }
    eprintln!(
        "longest: {:?}, {}; most memory: {} KiB, {}",
        worst.0,
        worst.1,
        most.0 / 1024,
        most.1
    );
    assert!(worst.0 < LONGEST, "{} took {:?}", worst.1, worst.0);
    assert!(most.0 < 16 * MEGABYTE, "{} took {} bytes", most.1, most.0);
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for unit in REPEATED {
        for size in [8_000, MEGABYTE] {
            texts.push(unit.repeat(size / unit.len()));
        }
    }
    texts.extend(well_formed());
    for text in EXPENSIVE {
        texts.push((*text).to_owned());
        texts.push(format!("\\pm {text}"));
        texts.push(format!("[0, {text}) \\cup ({text}, \\infty)"));
        texts.push(format!("x < {text}"));
        texts.push(format!("x^2 = {text} y"));
    }
    texts
}

/// Well-formed texts that are expensive to compute in full.
fn well_formed() -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    for depth in [10, 40, 47, 60, 1_000, 100_000] {
        texts.push(nested("(", "x", ")", depth));
        texts.push(nested("{", "x", "}", depth));
        texts.push(nested("\\boxed{", "x", "}", depth));
        texts.push(nested("\\sqrt{", "x", "}", depth));
        texts.push(nested("\\sin(", "x", ")", depth));
        texts.push(nested("\\frac{1}{1+", "x", "}", depth));
        texts.push(nested("x^{", "x", "}", depth));
        texts.push(nested("|", "x", "|", depth));
        texts.push(nested("\\lfloor ", "x", "\\rfloor ", depth));
        texts.push(nested("(1+", "\\sqrt{2}", ")^2", depth));
        texts.push(nested("(x+y+", "z", ")^7", depth));
        texts.push(nested("((", "1\\pm 2", "))!", depth));
        texts.push(nested("\\sum_{k=1}^{9}(", "k", ")", depth));
        texts.push(nested("\\int (", "x", ") dx", depth));
        texts.push(nested("f(", "x", ")", depth));
    }
    let list = |item: &str, count: usize| vec![item; count].join(", ");
    for count in [50, 300, 2_000] {
        texts.push(list("1", count));
        texts.push(list("x^2+1", count));
        texts.push(list("\\sqrt{2}", count));
        texts.push(format!("\\{{{}\\}}", list("\\sin x", count)));
        texts.push(list("(1,2)", count));
        texts.push(vec!["[0,1]"; count].join(" \\cup "));
        texts.push(vec!["x<1"; count].join(" or "));
        texts.push(format!(
            "\\begin{{pmatrix}}{}\\end{{pmatrix}}",
            vec!["1 & x"; count].join(" \\\\ ")
        ));
        texts.push(
            (0..count)
                .map(|index| format!("{index}"))
                .collect::<Vec<_>>()
                .join(", "),
        );
        texts.push(
            (0..count)
                .map(|index| format!("1/{index}"))
                .collect::<Vec<_>>()
                .join("+"),
        );
        texts.push(
            (1..count)
                .map(|index| format!("\\frac{{x}}{{x+{index}}}"))
                .collect::<Vec<_>>()
                .join("+"),
        );
        texts.push(
            (1..count)
                .map(|index| format!("\\sqrt{{{index}}}"))
                .collect::<Vec<_>>()
                .join("+"),
        );
    }
    texts
}
