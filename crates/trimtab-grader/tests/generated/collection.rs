//! The ways to write tuples, sets, lists, intervals and matrices.

use crate::number::{element, plain};
use crate::spelling::Spellings;
use crate::tape::Tape;
use crate::value::{Fraction, Interval, Value};

/// All ways to write a value that has several numbers.
pub(crate) fn spellings(value: &Value, tape: &mut Tape) -> Spellings {
    let style = tape.pick(5);
    let mut all = Spellings::default();
    match value {
        Value::Tuple(items) => tuple(&write(items, style), &mut all),
        Value::Set(items) => set(&write(&turned(items, tape), style), &mut all),
        Value::List(items) => list(items, &write(&turned(items, tape), style), &mut all),
        Value::Interval(interval) => self::interval(interval, style, &mut all),
        Value::Union(left, right) => union([left, right], style, &mut all),
        Value::Matrix(rows) => matrix(rows, &mut all),
        other => unreachable!("{other:?} is written elsewhere"),
    }
    all
}

fn write(items: &[Fraction], style: usize) -> Vec<String> {
    items.iter().map(|&item| element(item, style)).collect()
}

/// The items in another order: it does not matter in a set or a list.
fn turned(items: &[Fraction], tape: &mut Tape) -> Vec<Fraction> {
    let mut items = items.to_vec();
    let turn = tape.pick(items.len());
    items.rotate_left(turn);
    items
}

/// Whether elements are written with commands.
fn has_command(items: &[String]) -> bool {
    items.iter().any(|item| item.contains('\\'))
}

fn tuple(items: &[String], all: &mut Spellings) {
    let names = if items.len() > 3 {
        ["a", "b", "c", "d"]
    } else {
        ["x", "y", "z", ""]
    };
    let (tight, loose) = (items.join(","), items.join(", "));
    all.tex("", format!("({tight})"));
    all.tex("left right", format!("\\left({loose}\\right)"));
    all.rare_tex("big parentheses", format!("\\bigl({loose}\\bigr)"));
    all.rare_tex("thin space", format!("({})", items.join(",\\,")));
    all.rare_tex("semicolons", format!("({})", items.join("; ")));
    if !has_command(items) {
        all.plain("plain tuple", format!("({loose})"));
        all.rare("parentheses with blanks", format!("( {loose} )"));
        all.rare(
            "full-width parentheses",
            format!("（{}）", items.join("，")),
        );
    }
    all.rare_tex("angle brackets", format!("\\langle {loose} \\rangle"));
    let equations: Vec<String> = items
        .iter()
        .zip(names)
        .map(|(item, name)| format!("{name} = {item}"))
        .collect();
    all.rare_tex("names and", equations.join(" \\text{ and } "));
    let lines = equations.join(" \\\\ ");
    all.rare_tex("cases", format!("\\begin{{cases}} {lines} \\end{{cases}}"));
    let column = items.join(" \\\\ ");
    all.rare_tex(
        "column",
        format!("\\begin{{pmatrix}} {column} \\end{{pmatrix}}"),
    );
    let left = names[..items.len()].join(",");
    all.rare_tex("names equal tuple", format!("({left})=({loose})"));
    all.rare_tex(
        "names",
        items
            .iter()
            .zip(names)
            .map(|(item, name)| format!("{name}={item}"))
            .collect::<Vec<_>>()
            .join(", "),
    );
}

fn set(items: &[String], all: &mut Spellings) {
    let (tight, loose) = (items.join(","), items.join(", "));
    all.tex("", format!("\\{{{tight}\\}}"));
    all.tex("left right", format!("\\left\\{{{loose}\\right\\}}"));
    all.rare_tex("lbrace", format!("\\lbrace {loose} \\rbrace"));
    all.rare_tex("braces with blanks", format!("\\{{ {loose} \\}}"));
    if !has_command(items) {
        all.prose("plain braces", format!("{{{loose}}}"));
    }
    all.rare_tex("set as list", loose);
}

fn list(values: &[Fraction], items: &[String], all: &mut Spellings) {
    let (last, head) = items.split_last().expect("at least two items");
    let tex_only = has_command(items);
    let (tight, loose) = (items.join(","), items.join(", "));
    if tex_only {
        all.tex("", tight);
        all.tex("list with blanks", loose.clone());
    } else {
        all.plain("", tight);
        all.plain("list with blanks", loose.clone());
        all.prose("list with and", format!("{} and {last}", head.join(", ")));
        all.prose("list with or", format!("{} or {last}", head.join(", ")));
        if items.len() > 2 {
            all.prose(
                "list with comma and",
                format!("{}, and {last}", head.join(", ")),
            );
        }
    }
    all.tex(
        "text and",
        format!("{} \\text{{ and }} {last}", head.join(", ")),
    );
    all.rare_tex(
        "text or",
        format!("{} \\text{{ or }} {last}", head.join(", ")),
    );
    all.rare_tex("comma quad", items.join(",\\quad "));
    all.rare_tex("list as set", format!("\\{{{loose}\\}}"));
    let named = |name: &str| {
        items
            .iter()
            .map(|item| format!("{name}{item}"))
            .collect::<Vec<_>>()
    };
    all.rare_tex("name of each", named("x = ").join(", "));
    all.rare_tex("name of each or", named("x = ").join(" \\text{ or } "));
    all.rare_tex("name once", format!("x = {loose}"));
    let indexed: Vec<String> = items
        .iter()
        .enumerate()
        .map(|(n, item)| format!("x_{} = {item}", n + 1))
        .collect();
    let boxes: Vec<String> = items
        .iter()
        .map(|item| format!("\\boxed{{{item}}}"))
        .collect();
    all.prose("box of each", boxes.join(" and "));
    all.prose("box of each", boxes.join(", "));
    all.rare_tex("indexed names", indexed.join(", "));
    if let [a, b] = values
        && a.value() == -b.value()
    {
        let size = plain(if a.numerator < 0 { *b } else { *a });
        all.tex("plus minus", format!("\\pm {size}"));
        all.rare("±", format!("±{size}"));
    }
}

fn ends(interval: &Interval, style: usize) -> [String; 2] {
    [
        interval
            .low
            .map_or("-\\infty".to_owned(), |end| element(end, style)),
        interval
            .high
            .map_or("\\infty".to_owned(), |end| element(end, style)),
    ]
}

fn bracketed(interval: &Interval, style: usize) -> String {
    let [low, high] = ends(interval, style);
    let (open, close) = brackets(interval);
    format!("{open}{low}, {high}{close}")
}

fn brackets(interval: &Interval) -> (char, char) {
    (
        if interval.low_closed { '[' } else { '(' },
        if interval.high_closed { ']' } else { ')' },
    )
}

/// The interval as an inequality for `x`.
fn inequality(interval: &Interval, style: usize, signs: [&str; 2]) -> String {
    let sign = |closed: bool| if closed { signs[1] } else { signs[0] };
    let [low, high] = ends(interval, style);
    let flipped = |closed: bool| {
        sign(closed)
            .replacen('<', ">", 1)
            .replacen('l', "g", 1)
            .replace('≤', "≥")
    };
    match (interval.low, interval.high) {
        (None, _) => format!("x {} {high}", sign(interval.high_closed)),
        (_, None) => format!("x {} {low}", flipped(interval.low_closed)),
        _ => format!(
            "{low} {} x {} {high}",
            sign(interval.low_closed),
            sign(interval.high_closed)
        ),
    }
}

fn interval(interval: &Interval, style: usize, all: &mut Spellings) {
    let [low, high] = ends(interval, style);
    let (open, close) = brackets(interval);
    all.tex("", format!("{open}{low},{high}{close}"));
    all.tex(
        "left right",
        format!("\\left{open}{low}, {high}\\right{close}"),
    );
    all.rare_tex("semicolons", format!("{open}{low}; {high}{close}"));
    all.tex("inequality", inequality(interval, style, ["<", "\\le"]));
    all.rare_tex(
        "inequality with leq",
        inequality(interval, style, ["<", "\\leq"]),
    );
    all.rare_tex("inequality with ≤", inequality(interval, style, ["<", "≤"]));
    all.rare_tex(
        "inequality with leqslant",
        inequality(interval, style, ["<", "\\leqslant"]),
    );
    all.rare_tex("x in", format!("x \\in {open}{low}, {high}{close}"));
    all.rare_tex(
        "set builder",
        format!(
            "\\{{x \\mid {}\\}}",
            inequality(interval, style, ["<", "\\le"])
        ),
    );
    let le = inequality(interval, style, ["<", "\\le"]);
    all.rare_tex("set builder with colon", format!("\\{{x : {le}\\}}"));
    all.rare_tex(
        "set builder with set",
        format!("\\{{x \\in \\mathbb{{R}} \\mid {le}\\}}"),
    );
    if let (Some(_), Some(_)) = (interval.low, interval.high) {
        let one = |low: bool| Interval {
            low: interval.low.filter(|_| low),
            high: interval.high.filter(|_| !low),
            ..*interval
        };
        let [first, second] = [true, false].map(|low| inequality(&one(low), style, ["<", "\\le"]));
        all.rare_tex(
            "inequalities with and",
            format!("{first} \\text{{ and }} {second}"),
        );
    }
    let outward = (
        if interval.low_closed { '[' } else { ']' },
        if interval.high_closed { ']' } else { '[' },
    );
    if interval.low_closed != interval.high_closed || !interval.low_closed {
        all.rare_tex(
            "reversed brackets",
            format!("{}{low}, {high}{}", outward.0, outward.1),
        );
    }
    if !format!("{low}{high}").contains("frac") {
        let unicode = |text: &str| text.replace("\\infty", "∞");
        all.rare(
            "plain interval",
            format!("{open}{}, {}{close}", unicode(&low), unicode(&high)),
        );
        all.rare("plain inequality", inequality(interval, style, ["<", "≤"]));
        all.rare(
            "plain inequality with <=",
            inequality(interval, style, ["<", "<="]),
        );
        all.rare(
            "x ∈",
            format!("x ∈ {open}{}, {}{close}", unicode(&low), unicode(&high)),
        );
    }
}

fn union(both: [&Interval; 2], style: usize, all: &mut Spellings) {
    let [left, right] = both.map(|interval| bracketed(interval, style));
    all.tex("", format!("{left} \\cup {right}"));
    all.rare_tex("union reordered", format!("{right} \\cup {left}"));
    all.tex("x in", format!("x \\in {left} \\cup {right}"));
    let [first, second] = both.map(|interval| inequality(interval, style, ["<", "\\le"]));
    all.rare_tex(
        "inequalities with or",
        format!("{first} \\text{{ or }} {second}"),
    );
    all.rare_tex("∪", format!("{left} ∪ {right}"));
    if !left.contains("frac") && !right.contains("frac") {
        let plain = format!("{left} ∪ {right}").replace("\\infty", "∞");
        all.rare("plain union", plain);
        let [first, second] = both.map(|interval| inequality(interval, style, ["<", "≤"]));
        all.prose("plain inequalities with or", format!("{first} or {second}"));
    }
    if let [
        Interval {
            low: None,
            high: Some(low),
            high_closed,
            ..
        },
        Interval {
            low: Some(high),
            high: None,
            low_closed,
            ..
        },
    ] = both
    {
        let gap = Interval {
            low: Some(*low),
            high: Some(*high),
            low_closed: !high_closed,
            high_closed: !low_closed,
        };
        all.rare_tex(
            "setminus",
            format!("\\mathbb{{R}} \\setminus {}", bracketed(&gap, style)),
        );
    }
}

fn matrix(rows: &[Vec<i64>], all: &mut Spellings) {
    let join = |columns: &str, lines: &str| {
        let row = |row: &Vec<i64>| {
            row.iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(columns)
        };
        rows.iter().map(row).collect::<Vec<_>>().join(lines)
    };
    let environment = |name: &str, body: &str| format!("\\begin{{{name}}} {body} \\end{{{name}}}");
    let body = join(" & ", " \\\\ ");
    let columns = "c".repeat(rows[0].len());
    all.tex("", environment("pmatrix", &body));
    all.tex("bmatrix", environment("bmatrix", &body));
    all.tex(
        "tight pmatrix",
        format!("\\begin{{pmatrix}}{}\\end{{pmatrix}}", join("&", "\\\\")),
    );
    all.tex(
        "array",
        format!("\\left(\\begin{{array}}{{{columns}}} {body} \\end{{array}}\\right)"),
    );
    all.rare_tex(
        "array in brackets",
        format!("\\left[\\begin{{array}}{{{columns}}} {body} \\end{{array}}\\right]"),
    );
    all.rare_tex(
        "matrix",
        format!("\\left(\\begin{{matrix}} {body} \\end{{matrix}}\\right)"),
    );
    all.rare_tex(
        "smallmatrix",
        format!("\\left(\\begin{{smallmatrix}} {body} \\end{{smallmatrix}}\\right)"),
    );
    all.rare_tex(
        "rows with space",
        environment("pmatrix", &join(" & ", " \\\\[4pt] ")),
    );
    all.rare_tex(
        "rows with line breaks",
        environment("bmatrix", &format!("\n{}\n", join(" & ", " \\\\\n"))),
    );
    all.rare_tex(
        "last row ended",
        environment("pmatrix", &format!("{body} \\\\")),
    );
    all.rare("nested brackets", format!("[[{}]]", join(", ", "], [")));
}
