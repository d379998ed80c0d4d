//! Sets that are given by a condition: `\{x \mid x > 2\}`, `\{2k : k \in \mathbb{Z}\}`.

use super::{Parser, condition};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::Token;

impl Parser<'_, '_, '_> {
    /// The set after its opening brace, if it is given by a condition.
    pub(super) fn set_builder(&mut self) -> Result<Option<Expr>, Reason> {
        let Some((bar, end)) = self.bar()? else {
            return Ok(None);
        };
        let tokens = self.tokens;
        let (head, tail) = (&tokens[self.at..bar], &tokens[bar + 1..end]);
        let head = self.slice(head)?;
        let mut conditions = Vec::new();
        let (name, body) = match head {
            Expr::Symbol(name) => (Some(name), None),
            Expr::Relation(first, rest) => match (&*first, rest.as_slice()) {
                (Expr::Symbol(name), [('∈', _)]) => {
                    let name = name.clone();
                    conditions.push(Expr::Relation(first, rest));
                    (Some(name), None)
                }
                _ => return Err(Reason::NotUnderstood),
            },
            body => (None, Some(body)),
        };
        collect(self.slice(tail)?, &mut conditions);
        self.at = end;
        Ok(Some(match (name, body) {
            (Some(name), _) => of_name(&name, conditions),
            (None, Some(body)) => condition::given(body, conditions),
            (None, None) => return Err(Reason::NotUnderstood),
        }))
    }

    /// Where the bar and the closing brace of a set builder are.
    fn bar(&mut self) -> Result<Option<(usize, usize)>, Reason> {
        let mut depth = 0_usize;
        let (mut mid, mut colon, mut bar, mut bars) = (None, None, None, 0);
        let mut conditional = false; // whether a condition stands behind the colon
        let mut end = None;
        for (offset, lexeme) in self.tokens[self.at..].iter().enumerate() {
            let at = self.at + offset;
            match lexeme.token {
                Token::Op('⦄') if depth == 0 => {
                    end = Some(at);
                    break;
                }
                Token::Op('(' | '[' | '{' | '⦃' | '⟨') => depth += 1,
                Token::Op(')' | ']' | '}' | '⦄' | '⟩') => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                Token::Op('∣') => mid = mid.or(Some(at)),
                Token::Op(':') => colon = colon.or(Some(at)),
                Token::Op('|') => {
                    bars += 1;
                    bar = bar.or(Some(at));
                }
                Token::Op('∈' | '<' | '>' | '≤' | '≥' | '≠' | '=' | '≡')
                | Token::Text(_)
                | Token::Word(_) => conditional |= colon.is_some(),
                _ => {}
            }
        }
        let Some(end) = end else { return Ok(None) };
        self.budget.spend((end - self.at) as u64 / 2 + 1)?;
        let colon = colon.filter(|_| conditional);
        let bar = bar.filter(|_| bars % 2 == 1);
        let found = mid.or(colon).or(bar).filter(|at| *at > self.at);
        Ok(found.map(|at| (at, end)))
    }
}

/// Adds the conditions that a list of conditions joins.
fn collect(condition: Expr, conditions: &mut Vec<Expr>) {
    match condition {
        Expr::List {
            joint: Joint::Comma | Joint::And,
            items,
        } => {
            for item in items {
                collect(item, conditions);
            }
        }
        Expr::Given(parts) => {
            collect(parts.0, conditions);
            collect(parts.1, conditions);
        }
        condition => conditions.push(condition),
    }
}

/// The set of all `name` under conditions. If one says what the name is, it is the family of that:
/// `\{x \mid x = 2k, k \in \mathbb{Z}\}`.
fn of_name(name: &str, mut conditions: Vec<Expr>) -> Expr {
    let is_name = |expr: &Expr| matches!(expr, Expr::Symbol(symbol) if symbol == name);
    let value = conditions.iter().position(|condition| match condition {
        Expr::Relation(first, rest) => {
            is_name(first)
                && matches!(rest.as_slice(), [('=', value)]
                    if !value.symbols().is_empty() && !value.any(is_name))
        }
        _ => false,
    });
    if let Some(at) = value
        && let Expr::Relation(_, mut rest) = conditions.remove(at)
        && let Some((_, value)) = rest.pop()
    {
        conditions.retain(|condition| !condition.any(is_name));
        return condition::given(value, conditions);
    }
    let member = |condition: &Expr| match condition {
        Expr::Relation(first, rest) if is_name(first) => match rest.as_slice() {
            [('∈', Expr::Symbol(set))] => Some(set.trim_start_matches("mathbb ").to_owned()),
            _ => None,
        },
        _ => None,
    };
    let sets: Vec<Option<String>> = conditions.iter().map(member).collect();
    let parity = sets
        .iter()
        .flatten()
        .find(|set| matches!(set.as_str(), "even" | "odd"));
    let whole = |set: &Option<String>| matches!(set.as_deref(), Some("Z" | "even" | "odd"));
    if let Some(parity) = parity
        && sets.iter().all(whole)
    {
        return every_second(name, parity == "odd");
    }
    Expr::SetOf(Box::new(match conditions.len() {
        1 => conditions.remove(0),
        _ => Expr::List {
            joint: Joint::And,
            items: conditions,
        },
    }))
}

/// The even or the odd integers: `2k, k \in \mathbb{Z}`.
pub(super) fn every_second(name: &str, odd: bool) -> Expr {
    multiples(name, 2, i64::from(odd))
}

/// The multiples of a number and a rest.
pub(super) fn multiples(name: &str, of: i64, rest: i64) -> Expr {
    let parameter = Expr::Symbol(name.to_owned());
    let multiple = Expr::Product(vec![Expr::integer(of), parameter.clone()]);
    let value = match rest {
        0 => multiple,
        rest => Expr::Sum(vec![multiple, Expr::integer(rest)]),
    };
    let whole = Expr::Symbol("mathbb Z".to_owned());
    let condition = Expr::Relation(Box::new(parameter), vec![('∈', whole)]);
    condition::given(value, vec![condition])
}
