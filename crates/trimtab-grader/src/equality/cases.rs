//! Functions that are given case by case.

use super::intervals::{RealSet, complement};
use super::real_set::variable;
use super::{Comparer, Equality};
use crate::Reason;
use crate::evaluate::{Fault, Point};
use crate::expr::Expr;
use crate::rule::Rule;

/// A value and its condition.
type Piece = (Expr, Expr);

impl Comparer<'_> {
    /// Compares two answers if at least one is given by cases.
    ///
    /// `None` if neither is, or if one is a relation, whose value has to be found first.
    pub(super) fn cases(&mut self, gold: &Expr, answer: &Expr) -> Option<Equality> {
        match (gold, answer) {
            (Expr::Relation(..), _) | (_, Expr::Relation(..)) => None,
            (Expr::Cases(golds), Expr::Cases(answers)) => Some(self.pieces(golds, answers)),
            (Expr::Cases(_), _) | (_, Expr::Cases(_)) => {
                Some(Equality::Unknown(Reason::NotUnderstood))
            }
            _ => None,
        }
    }

    /// Compares the values of the pieces with the same conditions, in any order.
    fn pieces(&mut self, golds: &[Piece], answers: &[Piece]) -> Equality {
        if golds.len() != answers.len() {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        let order = match self.matching(golds, answers) {
            Ok(Some(order)) => order,
            Ok(None) => return Equality::Unknown(Reason::NotUnderstood),
            Err(Fault::Stop(reason)) => return reason.into(),
            Err(Fault::Undefined) => return Equality::Unknown(Reason::Precision),
        };
        let answers = order.iter().map(|index| &answers[*index].0);
        match self.in_order(golds.iter().map(|piece| &piece.0).zip(answers)) {
            Equality::Equal => self.equal_by(Rule::SameItems),
            Equality::Different => self.different_by(Rule::OtherValue),
            unknown @ Equality::Unknown(_) => unknown,
        }
    }

    /// For each gold piece, the answer's piece with the same condition. `None` if one is missing.
    fn matching(
        &mut self,
        golds: &[Piece],
        answers: &[Piece],
    ) -> Result<Option<Vec<usize>>, Fault> {
        let sets = (self.domains(golds)?, self.domains(answers)?);
        let mut order = Vec::with_capacity(golds.len());
        for (index, gold) in golds.iter().enumerate() {
            let mut found = None;
            for (at, answer) in answers.iter().enumerate() {
                let same = match &sets {
                    (Some(golds), Some(answers)) if golds.0 == answers.0 => {
                        self.same_intervals(&golds.1[index], &answers.1[at])?
                    }
                    _ => self.compare(&gold.1, &answer.1) == Equality::Equal,
                };
                if same && !order.contains(&at) {
                    found = Some(at);
                    break;
                }
            }
            let Some(at) = found else { return Ok(None) };
            order.push(at);
        }
        Ok(Some(order))
    }

    /// The variable and the sets on which the pieces apply. `None` if a condition is not about the
    /// one variable.
    fn domains<'e>(
        &mut self,
        pieces: &'e [Piece],
    ) -> Result<Option<(&'e str, Vec<RealSet>)>, Fault> {
        let is_rest =
            |condition: &Expr| matches!(condition, Expr::Text(text) if text == "otherwise");
        let conditions = pieces.iter().map(|piece| &piece.1);
        let Some(name) = conditions.clone().find_map(variable) else {
            return Ok(None);
        };
        let mut sets = Vec::with_capacity(pieces.len());
        let mut rest = complement(&Vec::new());
        for condition in conditions.clone().filter(|condition| !is_rest(condition)) {
            if condition.symbols() != [name] {
                return Ok(None);
            }
            let Some(set) = self.real_set(condition, Point::new(self.seed))? else {
                return Ok(None);
            };
            rest = self.intersection(&rest, &complement(&set))?;
            sets.push(set);
        }
        for (index, condition) in conditions.enumerate() {
            if is_rest(condition) {
                sets.insert(index, rest.clone());
            }
        }
        Ok(Some((name, sets)))
    }
}
