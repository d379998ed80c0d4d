//! The value of an expression at a point: an exact rational if possible, else a ball with an error
//! bound.

mod functions;
mod matrix;
mod value;

use crate::Reason;
use crate::budget::Budget;
use crate::double_double::DoubleDouble;
use crate::expr::{Expr, Integral, Series};
use crate::rational::Rational;
pub(crate) use value::{Sameness, Value, sameness};

use crate::ball::Ball;

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It has none at this point: a division by zero, or too little precision.
    Undefined,
    /// It has none at any point.
    Stop(Reason),
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self::Stop(reason)
    }
}

/// The values of the variables, and the reading of ambiguous notation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    /// Picks the values of the variables.
    pub(crate) seed: u64,
    pub(crate) variables: Variables,
    /// Whether `log` without a base is the decimal logarithm instead of the natural one.
    pub(crate) decimal_log: bool,
    /// Whether `±` is minus.
    pub(crate) minus: bool,
    /// How much larger the variables are than usual.
    pub(crate) scale: i64,
}

/// The range of the variables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Variables {
    /// Positive fractions.
    Positive,
    /// Whole numbers from one to thirty.
    Whole,
    /// Fractions of both signs. Values that are not real are then undefined.
    Signed,
}

impl Point {
    /// Positive variables and natural logarithms.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            variables: Variables::Positive,
            decimal_log: false,
            minus: false,
            scale: 1,
        }
    }
}

/// The value of `expr` at `point`.
pub(crate) fn evaluate(expr: &Expr, point: Point, budget: &mut Budget) -> Result<Value, Fault> {
    Evaluator {
        point,
        bound: Vec::new(),
        budget,
    }
    .value(expr)
}

/// The value of `expr` at `point`, with given values for some variables.
pub(crate) fn evaluate_with<'e>(
    expr: &'e Expr,
    point: Point,
    bound: &[(&'e str, Value)],
    budget: &mut Budget,
) -> Result<Value, Fault> {
    Evaluator {
        point,
        bound: bound.to_vec(),
        budget,
    }
    .value(expr)
}

struct Evaluator<'e, 'b> {
    point: Point,
    /// Given values, and the values of the indices of enclosing series.
    bound: Vec<(&'e str, Value)>,
    budget: &'b mut Budget,
}

impl<'e> Evaluator<'e, '_> {
    fn value(&mut self, expr: &'e Expr) -> Result<Value, Fault> {
        self.budget.spend(1)?;
        let value = self.any_value(expr)?;
        match value {
            Value::Ball(ball) if self.point.variables == Variables::Signed && !ball.is_real() => {
                Err(Fault::Undefined)
            }
            value => Ok(value),
        }
    }

    fn any_value(&mut self, expr: &'e Expr) -> Result<Value, Fault> {
        match expr {
            Expr::Number { value, .. } => Ok(Value::Exact(value.clone())),
            Expr::Pi => Ok(Value::Ball(Ball::pi())),
            Expr::E => Ok(Value::Ball(Ball::e())),
            Expr::I => Ok(Value::Ball(Ball::I)),
            Expr::Infinity => Ok(Value::Infinite { negative: false }),
            Expr::Symbol(name) => self.variable(name),
            Expr::Sum(terms) => {
                let mut sum = Value::ZERO;
                for term in terms {
                    let term = self.value(term)?;
                    sum = sum.plus(&term, self.budget)?;
                }
                Ok(sum)
            }
            Expr::Product(factors) => {
                let mut product = Value::ONE;
                for factor in factors {
                    let factor = self.value(factor)?;
                    product = product.times(&factor, self.budget)?;
                }
                Ok(product)
            }
            Expr::Negative(inner) => Ok(self.value(inner)?.negated()),
            Expr::PlusMinus { term, flipped } => {
                let value = self.value(term)?;
                Ok(if self.point.minus == *flipped {
                    value
                } else {
                    value.negated()
                })
            }
            Expr::Quotient(parts) => {
                let (above, below) = (self.value(&parts.0)?, self.value(&parts.1)?);
                above.times(&below.inverse(self.budget)?, self.budget)
            }
            Expr::Power(parts) => {
                let exponent = self.value(&parts.1)?;
                if matches!(parts.0, Expr::E) {
                    return exponent.exp(self.budget);
                }
                self.value(&parts.0)?.power(&exponent, self.budget)
            }
            Expr::Root(parts) => {
                let (degree, radicand) = (self.value(&parts.0)?, self.value(&parts.1)?);
                radicand.power(&degree.inverse(self.budget)?, self.budget)
            }
            Expr::Percent(inner) => self.scaled(inner, &Rational::Small(1, 100)),
            Expr::Degrees(inner) => {
                let value = self.scaled(inner, &Rational::Small(1, 180))?;
                value.times(&Value::Ball(Ball::pi()), self.budget)
            }
            Expr::Quantity(inner, _) => self.value(inner),
            Expr::Call(name, arguments) => {
                if let [Expr::Matrix(rows)] = arguments.as_slice() {
                    return self.of_matrix(name, rows);
                }
                if let [Expr::Tuple { items, .. }] = arguments.as_slice() {
                    return self.of_vector(name, items);
                }
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.value(argument)?);
                }
                functions::call(name, &values, self.point, self.budget)
            }
            Expr::Opaque(name, arguments) => {
                if let Some(function) = selection(expr) {
                    let of = self.value(&arguments[0])?;
                    let chosen = self.value(&arguments[1])?;
                    return functions::call(function, &[of, chosen], self.point, self.budget);
                }
                let mut hash = Hash::new(self.point.seed);
                hash.text(name);
                for argument in arguments {
                    let value = self.value(argument)?;
                    hash.number(value.fingerprint(self.budget)?);
                }
                Ok(Value::Exact(hash.fraction(0)))
            }
            Expr::Series(series) => self.series(series),
            Expr::Integral(integral) => self.integral(integral),
            Expr::Ratio(parts) if parts.len() == 2 => {
                let (above, below) = (self.value(&parts[0])?, self.value(&parts[1])?);
                above.times(&below.inverse(self.budget)?, self.budget)
            }
            Expr::Text(_)
            | Expr::Ratio(_)
            | Expr::Tuple { .. }
            | Expr::Set(_)
            | Expr::SetOf(_)
            | Expr::Given(_)
            | Expr::List { .. }
            | Expr::SetOperation(..)
            | Expr::Matrix(_)
            | Expr::Cases(_)
            | Expr::Relation(..) => Err(Fault::Stop(Reason::NotUnderstood)),
        }
    }

    fn scaled(&mut self, inner: &'e Expr, factor: &Rational) -> Result<Value, Fault> {
        let value = self.value(inner)?;
        value.times(&Value::Exact(factor.clone()), self.budget)
    }

    fn variable(&mut self, name: &str) -> Result<Value, Fault> {
        if let Some((_, value)) = self.bound.iter().rev().find(|(bound, _)| *bound == name) {
            return Ok(value.clone());
        }
        if name == "…" {
            return Err(Fault::Stop(Reason::NotUnderstood));
        }
        let mut hash = Hash::new(self.point.seed);
        hash.text(name);
        let scale = self.point.scale;
        let fraction = hash
            .fraction(self.point.seed % 3)
            .times(&Rational::integer(scale), self.budget)?;
        Ok(Value::Exact(match self.point.variables {
            Variables::Positive => fraction,
            Variables::Whole => Rational::integer(1 + scale * (hash.finish() % 30) as i64),
            Variables::Signed if hash.finish().is_multiple_of(2) => fraction,
            Variables::Signed => fraction.negated(),
        }))
    }

    fn series(&mut self, series: &'e Series) -> Result<Value, Fault> {
        let (from, to) = (self.value(&series.from)?, self.value(&series.to)?);
        if let (Some(from), Value::Infinite { negative: false }, false) =
            (from.as_i64(), &to, series.product)
        {
            return self.geometric(series, from);
        }
        let (Some(from), Some(to)) = (from.as_i64(), to.as_i64()) else {
            return Err(Fault::Undefined);
        };
        let mut total = if series.product {
            Value::ONE
        } else {
            Value::ZERO
        };
        for index in from..=to {
            self.budget.spend(4)?;
            self.bound
                .push((&series.index, Value::Exact(Rational::integer(index))));
            let term = self.value(&series.body);
            self.bound.pop();
            let term = term?;
            total = if series.product {
                total.times(&term, self.budget)?
            } else {
                total.plus(&term, self.budget)?
            };
        }
        Ok(total)
    }

    /// The sum of an infinite geometric series. Other series have no value here.
    fn geometric(&mut self, series: &'e Series, from: i64) -> Result<Value, Fault> {
        const LOOK: [i64; 5] = [1, 2, 5, 12, 21];
        let unknown = Fault::Stop(Reason::Precision);
        let term = |evaluator: &mut Self, index: i64| {
            let index = Value::Exact(Rational::integer(index));
            evaluator.bound.push((&series.index, index));
            let term = evaluator.value(&series.body);
            evaluator.bound.pop();
            term
        };
        let first = term(self, from)?;
        let ratio =
            term(self, from.saturating_add(1))?.times(&first.inverse(self.budget)?, self.budget)?;
        for offset in LOOK {
            let at = from.saturating_add(offset);
            let expected = term(self, at)?.times(&ratio, self.budget)?;
            let next = term(self, at.saturating_add(1))?;
            if sameness(&next, &expected, self.budget)? != Sameness::Same {
                return Err(unknown);
            }
        }
        let size = ratio.times(&ratio, self.budget)?;
        if size.order(&Value::ONE, self.budget)? != Some(std::cmp::Ordering::Less) {
            return Err(unknown);
        }
        let rest = Value::ONE.plus(&ratio.negated(), self.budget)?;
        first.times(&rest.inverse(self.budget)?, self.budget)
    }

    /// The integral of a polynomial. Other integrals are not understood.
    fn integral(&mut self, integral: &'e Integral) -> Result<Value, Fault> {
        let coefficients = self.polynomial(&integral.body, &integral.variable)?;
        let at = |evaluator: &mut Self, bound: Value| -> Result<Value, Fault> {
            let mut sum = Value::ZERO;
            for (degree, coefficient) in coefficients.iter().enumerate() {
                let next = Value::Exact(Rational::integer(degree as i64 + 1));
                let power = bound.power(&next, evaluator.budget)?;
                let term = coefficient.times(&power, evaluator.budget)?;
                let term = term.times(&next.inverse(evaluator.budget)?, evaluator.budget)?;
                sum = sum.plus(&term, evaluator.budget)?;
            }
            Ok(sum)
        };
        match &integral.bounds {
            None => {
                let variable = self.variable(&integral.variable)?;
                at(self, variable)
            }
            Some((from, to)) => {
                let (from, to) = (self.value(from)?, self.value(to)?);
                let (low, high) = (at(self, from)?, at(self, to)?);
                high.plus(&low.negated(), self.budget)
            }
        }
    }

    /// The coefficients of `expr` as a polynomial in `variable`, from the lowest degree up.
    fn polynomial(&mut self, expr: &'e Expr, variable: &str) -> Result<Vec<Value>, Fault> {
        const MAX_DEGREE: usize = 16;
        self.budget.spend(1)?;
        if !expr.any(|part| matches!(part, Expr::Symbol(name) if name == variable)) {
            return Ok(vec![self.value(expr)?]);
        }
        match expr {
            Expr::Symbol(_) => Ok(vec![Value::ZERO, Value::ONE]),
            Expr::Negative(inner) => {
                let coefficients = self.polynomial(inner, variable)?;
                Ok(coefficients.into_iter().map(Value::negated).collect())
            }
            Expr::Sum(terms) => {
                let mut sum: Vec<Value> = Vec::new();
                for term in terms {
                    for (degree, coefficient) in
                        self.polynomial(term, variable)?.into_iter().enumerate()
                    {
                        if degree < sum.len() {
                            sum[degree] = sum[degree].plus(&coefficient, self.budget)?;
                        } else {
                            sum.push(coefficient);
                        }
                    }
                }
                Ok(sum)
            }
            Expr::Product(factors) => {
                let mut product = vec![Value::ONE];
                for factor in factors {
                    let factor = self.polynomial(factor, variable)?;
                    product = self.convolve(&product, &factor)?;
                }
                Ok(product)
            }
            Expr::Quotient(parts) => {
                let above = self.polynomial(&parts.0, variable)?;
                let below = self.polynomial(&parts.1, variable)?;
                match below.as_slice() {
                    [below] => {
                        let inverse = below.inverse(self.budget)?;
                        self.convolve(&above, &[inverse])
                    }
                    _ => Err(Fault::Stop(Reason::NotUnderstood)),
                }
            }
            Expr::Power(parts) => {
                let base = self.polynomial(&parts.0, variable)?;
                let exponent = self.value(&parts.1)?.as_i64();
                let exponent = exponent.and_then(|exponent| usize::try_from(exponent).ok());
                match exponent {
                    Some(exponent) if exponent <= MAX_DEGREE => {
                        let mut power = vec![Value::ONE];
                        for _ in 0..exponent {
                            power = self.convolve(&power, &base)?;
                        }
                        Ok(power)
                    }
                    _ => Err(Fault::Stop(Reason::NotUnderstood)),
                }
            }
            _ => Err(Fault::Stop(Reason::NotUnderstood)),
        }
    }

    fn convolve(&mut self, left: &[Value], right: &[Value]) -> Result<Vec<Value>, Fault> {
        let mut product = vec![Value::ZERO; left.len() + right.len() - 1];
        for (i, a) in left.iter().enumerate() {
            for (j, b) in right.iter().enumerate() {
                let term = a.times(b, self.budget)?;
                product[i + j] = product[i + j].plus(&term, self.budget)?;
            }
        }
        Ok(product)
    }
}

/// The function of a call that counts selections: `C(10,3)`, `P(10,3)`.
pub(crate) fn selection(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Opaque(name, arguments) if arguments.len() == 2 => match name.as_str() {
            "C" => Some("binom"),
            "P" => Some("perm"),
            _ => None,
        },
        _ => None,
    }
}

/// FNV-1a with a final mix.
struct Hash(u64);

impl Hash {
    fn new(seed: u64) -> Self {
        Self(0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number)
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(23);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }

    /// A positive fraction: below one, around two, or up to ten.
    fn fraction(&self, range: u64) -> Rational {
        let bits = self.finish();
        let (numerator, denominator) = (1 + bits % 96, 97 + (bits >> 32) % 5 * 2);
        let scale = match range {
            0 => 1,
            1 => 3,
            _ => 11,
        };
        Rational::small((numerator * scale) as i64, denominator as i64).unwrap_or(Rational::ONE)
    }
}

/// Half, for the formulas of hyperbolic functions.
const HALF: Value = Value::Ball(Ball::exact(DoubleDouble::new(0.5, 0.0)));
