//! The values that answers have.

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
    /// `whole` plus and minus `factor` times the square root of `radicand`.
    PlusMinus {
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
    /// The line `a x + b y = c`.
    Line(i64, i64, i64),
    /// `(a x + b) / c`.
    Quotient(i64, i64, i64),
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
    /// A month from one and a day.
    Date(usize, i64),
    /// A number and the index of a word that multiplies it.
    Scaled(i64, usize),
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
    Sum(i64, i64),
    Product(i64, i64),
    Binomial(i64, i64),
    Power(i64, i64),
    LogOf(i64),
    ExpOf(i64),
    Infinity { negative: bool },
    Empty,
}

/// Words that multiply a number.
pub(crate) const SCALES: [(&str, i64); 5] = [
    ("million", 1_000_000),
    ("thousand", 1000),
    ("billion", 1_000_000_000),
    ("hundred", 100),
    ("dozen", 12),
];

/// The months.
pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

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
            Self::PlusMinus { .. } => "plus minus",
            Self::Line(..) => "line",
            Self::Quotient(..) => "quotient",
            Self::Date(..) => "date",
            Self::Scaled(..) => "scaled",
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
            Self::Scaled(number, scale) => real((number * SCALES[scale].1) as f64),
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
            Self::Sum(a, b) => Some((a + b) as f64),
            Self::Product(a, b) => Some((a * b) as f64),
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
