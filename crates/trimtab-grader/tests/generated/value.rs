//! The values that answers have.

use crate::tape::Tape;

/// A fraction in lowest terms, with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fraction {
    pub(crate) numerator: i64,
    pub(crate) denominator: i64,
}

impl Fraction {
    pub(crate) fn new(numerator: i64, denominator: i64) -> Self {
        let divisor = gcd(numerator.abs(), denominator.abs()).max(1) * denominator.signum();
        Self {
            numerator: numerator / divisor,
            denominator: denominator / divisor,
        }
    }

    pub(crate) fn whole(number: i64) -> Self {
        Self::new(number, 1)
    }

    pub(crate) fn is_whole(self) -> bool {
        self.denominator == 1
    }

    pub(crate) fn negated(self) -> Self {
        Self::new(-self.numerator, self.denominator)
    }

    pub(crate) fn plus(self, number: i64) -> Self {
        Self::new(self.numerator + number * self.denominator, self.denominator)
    }

    pub(crate) fn value(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// The number of decimals of a decimal that ends.
    pub(crate) fn decimals(self) -> Option<usize> {
        (0..7)
            .find(|&places| (self.numerator * 10_i64.pow(places)) % self.denominator == 0)
            .map(|places| places as usize)
    }
}

pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A set of numbers between two ends. No end means that it has no bound there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(crate) low: Option<Fraction>,
    pub(crate) high: Option<Fraction>,
    pub(crate) low_closed: bool,
    pub(crate) high_closed: bool,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Number(Fraction),
    Percent(Fraction),
    /// The number `digits`, with a point after its first digit, times a power of ten.
    PowerOfTen {
        digits: i64,
        exponent: i64,
    },
    /// `factor` times a root of `radicand`.
    Root {
        factor: Fraction,
        radicand: i64,
        index: i64,
    },
    /// `whole` plus `factor` times the square root of `radicand`.
    Surd {
        whole: i64,
        factor: i64,
        radicand: i64,
    },
    /// A multiple of pi.
    Pi(Fraction),
    Complex(i64, i64),
    /// A function of small numbers, such as a factorial.
    Term(Term),
    Ratio(i64, i64),
    Tuple(Vec<Fraction>),
    Interval(Interval),
    Union(Interval, Interval),
    Set(Vec<Fraction>),
    List(Vec<Fraction>),
    Matrix(Vec<Vec<i64>>),
    /// Coefficients, from the constant up.
    Polynomial(Vec<i64>),
    /// `offset` plus a multiple `k` of `period`, times pi if `angle`.
    Family {
        offset: Fraction,
        period: i64,
        angle: bool,
        natural: bool,
    },
    Choice(char),
    /// Hours of 24 and minutes.
    Time(i64, i64),
    /// A number and the base to write it in.
    Base(i64, i64),
    Money(Fraction),
    /// An amount and the index of its unit.
    Quantity(Fraction, usize),
    Degrees(Fraction),
    Word(&'static str),
}

/// A function of small whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Term {
    Factorial(i64),
    Binomial(i64, i64),
    Power(i64, i64),
    LogOf(i64),
    ExpOf(i64),
    Infinity { negative: bool },
    Empty,
}

/// Words that are answers.
pub(crate) const WORDS: [&str; 12] = [
    "Yes",
    "No",
    "True",
    "False",
    "even",
    "odd",
    "Monday",
    "Friday",
    "red",
    "Alice",
    "Infinitely many",
    "None",
];

impl Value {
    /// The name of its kind.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Number(number) if number.is_whole() => "integer",
            Self::Number(number) if number.decimals().is_some() => "decimal",
            Self::Number(_) => "fraction",
            Self::Percent(_) => "percent",
            Self::PowerOfTen { .. } => "power of ten",
            Self::Root { .. } | Self::Surd { .. } => "root",
            Self::Pi(_) => "pi",
            Self::Complex(..) => "complex",
            Self::Term(_) => "term",
            Self::Ratio(..) => "ratio",
            Self::Tuple(_) => "tuple",
            Self::Interval(_) => "interval",
            Self::Union(..) => "union",
            Self::Set(_) => "set",
            Self::List(_) => "list",
            Self::Matrix(_) => "matrix",
            Self::Polynomial(_) => "polynomial",
            Self::Family { .. } => "family",
            Self::Choice(_) => "choice",
            Self::Time(..) => "time",
            Self::Base(..) => "base",
            Self::Money(_) => "money",
            Self::Quantity(..) => "quantity",
            Self::Degrees(_) => "degrees",
            Self::Word(_) => "word",
        }
    }

    /// Draws a value; the plainest is the integer 2.
    pub(crate) fn draw(tape: &mut Tape) -> Self {
        match tape.pick(26) {
            1 => Self::Number(decimal(tape)),
            2 => Self::Number(fraction(tape)),
            3 => Self::Percent(if tape.once_in(3) {
                decimal(tape)
            } else {
                Fraction::whole(tape.number(2, 150))
            }),
            4 => power_of_ten(tape),
            5 => root(tape),
            6 => Self::Pi(pi_factor(tape)),
            7 => Self::Complex(coefficient(tape), nonzero(tape, 9)),
            8 => Self::Term(term(tape)),
            9 => ratio(tape),
            10 => Self::Tuple(several(tape, 2, 4)),
            11 => Self::Interval(interval(tape)),
            12 => union(tape),
            13 => Self::Set(distinct(tape)),
            14 => Self::List(distinct(tape)),
            15 => matrix(tape),
            16 => polynomial(tape),
            17 => family(tape),
            18 => Self::Choice(*tape.item(&['A', 'B', 'C', 'D', 'E'])),
            19 => Self::Time(tape.number(1, 23), tape.number(1, 59)),
            20 => base(tape),
            21 => Self::Money(money(tape)),
            22 => Self::Quantity(amount(tape), tape.pick(crate::unit::UNITS.len())),
            23 => Self::Degrees(Fraction::whole(tape.number(2, 359))),
            24 => Self::Word(WORDS[tape.pick(WORDS.len())]),
            _ => Self::Number(integer(tape)),
        }
    }

    /// The numbers that it may stand for, if it is a number.
    fn numbers(&self) -> Vec<(f64, f64)> {
        let real = |value: f64| vec![(value, 0.0)];
        match *self {
            Self::Number(number) | Self::Money(number) | Self::Quantity(number, _) => {
                vec![(number.value(), 0.0)]
            }
            Self::Percent(number) => vec![(number.value(), 0.0), (number.value() / 100.0, 0.0)],
            Self::PowerOfTen { digits, exponent } => {
                let places = digits.abs().to_string().len() as i64 - 1;
                real(digits as f64 * 10_f64.powi((exponent - places) as i32))
            }
            Self::Root {
                factor,
                radicand,
                index,
            } => real(factor.value() * (radicand as f64).powf(1.0 / index as f64)),
            Self::Surd {
                whole,
                factor,
                radicand,
            } => real(whole as f64 + factor as f64 * (radicand as f64).sqrt()),
            Self::Pi(factor) => real(factor.value() * std::f64::consts::PI),
            Self::Complex(re, im) => vec![(re as f64, im as f64)],
            Self::Ratio(a, b) => real(a as f64 / b as f64),
            Self::Base(number, _) => real(number as f64),
            Self::Degrees(number) => {
                vec![(number.value(), 0.0), (number.value().to_radians(), 0.0)]
            }
            Self::Term(term) => term.value().map_or(Vec::new(), real),
            _ => Vec::new(),
        }
    }

    /// Whether a fair reader could take both for the same answer.
    pub(crate) fn may_equal(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() <= 1e-5 * a.abs().max(b.abs());
        let (left, right) = (self.numbers(), other.numbers());
        let by_number = left
            .iter()
            .any(|a| right.iter().any(|b| same(a.0, b.0) && same(a.1, b.1)));
        let by_items = match (self.items(), other.items()) {
            (Some(a), Some(b)) => sorted(a) == sorted(b),
            _ => false,
        };
        let by_clock = match (self, other) {
            (Self::Time(hour, minute), Self::Time(hour2, minute2)) => {
                (hour - hour2) % 12 == 0 && minute == minute2
            }
            _ => false,
        };
        self == other || by_number || by_items || by_clock
    }

    fn items(&self) -> Option<&[Fraction]> {
        match self {
            Self::Set(items) | Self::List(items) => Some(items),
            Self::Number(number) => Some(std::slice::from_ref(number)),
            _ => None,
        }
    }
}

impl Term {
    fn value(self) -> Option<f64> {
        let factorial = |n: i64| (1..=n).map(|k| k as f64).product::<f64>();
        match self {
            Self::Factorial(n) => Some(factorial(n)),
            Self::Binomial(n, k) => Some((factorial(n) / factorial(k) / factorial(n - k)).round()),
            Self::Power(base, exponent) => Some((base as f64).powi(exponent as i32)),
            Self::LogOf(n) => Some((n as f64).ln()),
            Self::ExpOf(n) => Some((n as f64).exp()),
            Self::Infinity { .. } | Self::Empty => None,
        }
    }
}

fn sorted(items: &[Fraction]) -> Vec<Fraction> {
    let mut items = items.to_vec();
    items.sort_by(|a, b| a.value().total_cmp(&b.value()));
    items
}

/// An integer of one to nine digits.
fn integer(tape: &mut Tape) -> Fraction {
    let size = match tape.pick(5) {
        1 => tape.number(10, 99),
        2 => tape.number(100, 999),
        3 => tape.number(1000, 999_999),
        4 => tape.number(1_000_000, 999_999_999),
        _ => tape.number(2, 9),
    };
    Fraction::whole(if tape.once_in(3) { -size } else { size })
}

/// A number with one to four decimals.
fn decimal(tape: &mut Tape) -> Fraction {
    let scale = *tape.item(&[10, 100, 1000, 10_000]);
    let (whole, part) = (tape.number(0, 40), tape.number(1, scale - 1));
    let part = if part % 10 == 0 { part + 1 } else { part };
    let sign = if tape.once_in(4) { -1 } else { 1 };
    Fraction::new(sign * (whole * scale + part), scale)
}

fn fraction(tape: &mut Tape) -> Fraction {
    let denominator = *tape.item(&[2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 27, 60]);
    let numerator = tape.number(1, 40);
    let numerator = if gcd(numerator, denominator) > 1 {
        numerator * denominator + 1
    } else {
        numerator
    };
    Fraction::new(
        if tape.once_in(4) {
            -numerator
        } else {
            numerator
        },
        denominator,
    )
}

fn nonzero(tape: &mut Tape, size: i64) -> i64 {
    let number = tape.number(1, size);
    if tape.once_in(3) { -number } else { number }
}

/// A digit, zero or a negative digit; the plainest is one.
fn coefficient(tape: &mut Tape) -> i64 {
    let choice = tape.pick(19) as i64;
    if choice < 9 { choice + 1 } else { 9 - choice }
}

/// Mostly a small integer, sometimes a half or a negative.
fn element(tape: &mut Tape) -> Fraction {
    match tape.pick(6) {
        4 => Fraction::new(2 * tape.number(0, 9) + 1, 2),
        5 => Fraction::new(nonzero(tape, 20), tape.number(3, 7)),
        3 => Fraction::whole(-tape.number(1, 20)),
        _ => Fraction::whole(tape.number(1, 40)),
    }
}

fn power_of_ten(tape: &mut Tape) -> Value {
    let digits = match tape.pick(3) {
        1 => tape.number(11, 99),
        2 => tape.number(101, 999),
        _ => tape.number(2, 9),
    };
    let digits = if digits > 9 && digits % 10 == 0 {
        digits + 1
    } else {
        digits
    };
    let exponent = tape.number(2, 12);
    Value::PowerOfTen {
        digits: if tape.once_in(5) { -digits } else { digits },
        exponent: if tape.once_in(2) { -exponent } else { exponent },
    }
}

fn root(tape: &mut Tape) -> Value {
    let radicand = *tape.item(&[2, 3, 5, 6, 7, 10, 11, 13, 15, 17, 21]);
    match tape.pick(4) {
        1 => Value::Root {
            factor: Fraction::whole(nonzero(tape, 9)),
            radicand,
            index: 2,
        },
        2 => Value::Root {
            factor: Fraction::new(nonzero(tape, 9), tape.number(2, 7)),
            radicand,
            index: *tape.item(&[2, 3]),
        },
        3 => Value::Surd {
            whole: nonzero(tape, 9),
            factor: nonzero(tape, 5),
            radicand,
        },
        _ => Value::Root {
            factor: Fraction::whole(1),
            radicand,
            index: *tape.item(&[2, 3, 4]),
        },
    }
}

fn pi_factor(tape: &mut Tape) -> Fraction {
    let numerator = tape.number(1, 12);
    let denominator = *tape.item(&[1, 2, 3, 4, 6, 12]);
    Fraction::new(
        if tape.once_in(4) {
            -numerator
        } else {
            numerator
        },
        denominator,
    )
}

fn term(tape: &mut Tape) -> Term {
    match tape.pick(7) {
        1 => {
            let n = tape.number(4, 12);
            Term::Binomial(n, tape.number(2, n - 2))
        }
        2 => Term::Power(tape.number(2, 7), tape.number(3, 30)),
        3 => Term::LogOf(tape.number(2, 12)),
        4 => Term::ExpOf(tape.number(2, 12)),
        5 => Term::Infinity {
            negative: tape.once_in(2),
        },
        6 => Term::Empty,
        _ => Term::Factorial(tape.number(4, 12)),
    }
}

fn ratio(tape: &mut Tape) -> Value {
    let (a, b) = (tape.number(2, 9), tape.number(1, 9));
    let divisor = gcd(a, b);
    if a == b {
        Value::Ratio(2, 1)
    } else {
        Value::Ratio(a / divisor, b / divisor)
    }
}

fn several(tape: &mut Tape, low: i64, high: i64) -> Vec<Fraction> {
    let count = tape.number(low, high);
    (0..count).map(|_| element(tape)).collect()
}

/// Two to five different elements.
fn distinct(tape: &mut Tape) -> Vec<Fraction> {
    let mut items: Vec<Fraction> = Vec::new();
    for item in several(tape, 2, 5) {
        let mut item = item;
        while items.contains(&item) {
            item = item.plus(1);
        }
        items.push(item);
    }
    items
}

fn interval(tape: &mut Tape) -> Interval {
    let low = element(tape);
    let high = low.plus(tape.number(1, 9));
    let (low_closed, high_closed) =
        *tape.item(&[(false, false), (true, true), (true, false), (false, true)]);
    let open = tape.pick(4);
    Interval {
        low: (open != 2).then_some(low),
        high: (open != 3).then_some(high),
        low_closed: low_closed && open != 2,
        high_closed: high_closed && open != 3,
    }
}

fn union(tape: &mut Tape) -> Value {
    let end = element(tape);
    let next = end.plus(tape.number(1, 9));
    let (low_closed, high_closed) =
        *tape.item(&[(false, false), (true, true), (true, false), (false, true)]);
    let bounded = tape.once_in(2);
    Value::Union(
        Interval {
            low: bounded.then(|| end.plus(-3)),
            high: Some(end),
            low_closed: bounded && low_closed,
            high_closed: low_closed,
        },
        Interval {
            low: Some(next),
            high: bounded.then(|| next.plus(4)),
            low_closed: high_closed,
            high_closed: bounded && high_closed,
        },
    )
}

fn matrix(tape: &mut Tape) -> Value {
    let (rows, columns) = *tape.item(&[(2, 2), (2, 3), (3, 2), (3, 3)]);
    Value::Matrix(
        (0..rows)
            .map(|_| (0..columns).map(|_| coefficient(tape)).collect())
            .collect(),
    )
}

fn polynomial(tape: &mut Tape) -> Value {
    let degree = tape.number(1, 4);
    let mut coefficients: Vec<i64> = (0..degree).map(|_| coefficient(tape)).collect();
    coefficients.push(nonzero(tape, 9));
    if coefficients.iter().filter(|&&c| c != 0).count() < 2 {
        coefficients[0] = 1;
    }
    Value::Polynomial(coefficients)
}

fn family(tape: &mut Tape) -> Value {
    let angle = !tape.once_in(2);
    let period = tape.number(1, 4);
    let offset = if angle {
        Fraction::new(1, *tape.item(&[3, 4, 6, 12]))
    } else {
        Fraction::whole(tape.number(0, period))
    };
    Value::Family {
        offset,
        period: if angle { period } else { period + 1 },
        angle,
        natural: !angle && tape.once_in(2),
    }
}

fn base(tape: &mut Tape) -> Value {
    let base = *tape.item(&[2, 3, 4, 5, 6, 7, 8, 9]);
    Value::Base(tape.number(10, 300), base)
}

fn money(tape: &mut Tape) -> Fraction {
    match tape.pick(4) {
        1 => Fraction::new(tape.number(101, 9999), 100),
        2 => Fraction::whole(tape.number(1000, 2_000_000)),
        3 => Fraction::whole(-tape.number(2, 999)),
        _ => Fraction::whole(tape.number(2, 999)),
    }
}

fn amount(tape: &mut Tape) -> Fraction {
    match tape.pick(4) {
        1 => decimal(tape),
        2 => Fraction::whole(tape.number(1000, 99_999)),
        3 => Fraction::whole(-tape.number(2, 99)),
        _ => Fraction::whole(tape.number(4, 99)),
    }
}
