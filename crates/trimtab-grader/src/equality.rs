//! Whether two answers are equal.

mod cases;
mod collection;
mod commas;
mod conditions;
mod constants;
mod expected;
mod intervals;
mod matrix;
mod names;
mod number_sets;
mod quadratic;
mod quantity;
mod real_set;
mod relation;
mod residue;
mod rounding;
mod scalar;
mod structure;
mod times;
mod unit_vectors;
mod wording;

use self::commas::other_commas;
use self::wording::{same_choices, same_wording};
use crate::budget::Budget;
use crate::date;
use crate::expr::Expr;
use crate::lex::{Commas, Lexeme, Token, lex};
use crate::numeral::digits_in_base;
use crate::parse::{is_number_set, parse};
use crate::prose::{
    choice_letter, marked_letter, means_nothing, names_no_number, number_elsewhere, picks_choice,
    prose, roman,
};
use crate::rule::Rule;
use crate::rules::{Expected, Rounding, Rules};
use crate::verdict::Reason;

/// The result of a comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Equality {
    Equal,
    Different,
    Unknown(Reason),
}

impl From<Reason> for Equality {
    fn from(reason: Reason) -> Self {
        Self::Unknown(reason)
    }
}

/// Compares a gold answer with an answer: as texts first, then as mathematics. Adds the rules that
/// led to the result to `because`.
pub(crate) fn compare(gold: &str, answer: &str, rules: Rules, because: &mut Vec<Rule>) -> Equality {
    let mut budget = Budget::new();
    let commas = Commas::from(rules.language);
    let gold_tokens = lex(gold, commas, &mut budget);
    let answer_tokens = lex(answer, commas, &mut budget);
    if answer_tokens.as_ref().is_ok_and(Vec::is_empty) {
        because.push(Rule::NoAnswer); // nothing but delimiters
        return Equality::Different;
    }
    let (gold_tokens, answer_tokens) = match (gold_tokens, answer_tokens) {
        (Ok(gold), Ok(answer)) => (gold, answer),
        (Err(reason), _) | (_, Err(reason)) => return reason.into(),
    };
    if multiplies_vectors(gold) || multiplies_vectors(answer) {
        return Reason::NotUnderstood.into(); // the same text was accepted before
    }
    let (gold_side, answer_side) = ((gold, &*gold_tokens), (answer, &*answer_tokens));
    let decided = same_texts(gold_side, answer_side, rules.any_order)
        .map(|rule| (Equality::Equal, Some(rule)))
        .or_else(|| compare_dates(gold_side, answer_side))
        .or_else(|| compare_choices(gold_side, answer_side));
    if let Some((equality, rule)) = decided {
        because.extend(rule);
        return equality;
    }
    // As products, "VI" and "IV" are the same.
    if let (Some(left), Some(right)) = (roman(&gold_tokens), roman(&answer_tokens))
        && left != right
        && left.max(right) < 40
    {
        because.push(Rule::OtherValue);
        return Equality::Different;
    }
    match rules.expected {
        Expected::Choice => {
            because.push(Rule::NotExpected);
            return Equality::Different;
        }
        Expected::Text => return Reason::NotUnderstood.into(),
        _ => {}
    }
    let bytes = gold.bytes().chain(answer.bytes());
    let seed = bytes.fold(0_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    // A gold answer that says that it is rounded.
    let approximate = matches!(gold_tokens.first(), Some(first)
        if matches!(first.token, Token::Op('≈' | '∼') | Token::Word("about" | "approximately")));
    let mut rules = rules;
    if approximate && rules.rounding == Rounding::Long {
        rules.rounding = Rounding::Gold;
    }
    let mut comparer = Comparer {
        budget: &mut budget,
        spare: Budget::small(),
        seed,
        rules,
        because,
    };
    let equality = comparer.compare_mathematics((gold, &gold_tokens), (answer, &answer_tokens));
    if let Equality::Unknown(_) = equality {
        because.clear();
    }
    equality
}

/// Whether a text has a product of vectors, which is no product of numbers: `\mathbf a \times
/// \mathbf b`, `\nabla \cdot F`.
pub(crate) fn multiplies_vectors(text: &str) -> bool {
    const VECTORS: [&str; 4] = ["\\mathbf", "\\vec", "\\boldsymbol", "\\bm"];
    let has = |command: &str| text.contains(command);
    has("\\nabla") || has("\\times") && VECTORS.iter().any(|vector| has(vector))
}

/// The text of an answer and its tokens.
type Side<'s> = (&'s str, &'s [Lexeme<'s>]);

/// Whether two answers are the same tokens or the same words, and by which rule.
fn same_texts(
    (gold, gold_tokens): Side,
    (answer, answer_tokens): Side,
    any_order: bool,
) -> Option<Rule> {
    if gold_tokens
        .iter()
        .map(|lexeme| lexeme.token)
        .eq(answer_tokens.iter().map(|lexeme| lexeme.token))
    {
        return Some(Rule::SameText);
    }
    let has_order = is_tuple(gold_tokens) || is_tuple(answer_tokens) || !any_order;
    if let (Some(gold), Some(answer)) = (prose(gold_tokens), prose(answer_tokens))
        && (gold.is_text || answer.is_text)
        && (gold.letters == answer.letters
            || !has_order && same_wording(gold_tokens, answer_tokens))
    {
        return Some(Rule::SameWords);
    }
    if means_nothing(gold_tokens) && means_nothing(answer_tokens) {
        return Some(Rule::SameWords);
    }
    if !has_order && same_choices(gold_tokens, answer_tokens) {
        return Some(Rule::SameChoice);
    }
    // "2a_{16}" has the digits of "2A_{16}".
    let in_base = |token: Token| match token {
        Token::Number(digits) => digits_in_base(gold) == Some(digits.len()),
        _ => false,
    };
    let same_digits = gold.eq_ignore_ascii_case(answer)
        && gold_tokens
            .first()
            .is_some_and(|first| in_base(first.token));
    same_digits.then_some(Rule::SameValue)
}

/// Whether two runs of capital letters have the same letters in another order: `HTT` and `THT`.
/// They may be codes, and no products.
fn is_anagram(gold: &Expr, answer: &Expr) -> bool {
    let letters = |expr: &Expr| match expr {
        Expr::Product(factors) => factors
            .iter()
            .map(|factor| match factor {
                Expr::Symbol(name) => name
                    .bytes()
                    .next()
                    .filter(|first| name.len() == 1 && first.is_ascii_uppercase()),
                _ => None,
            })
            .collect::<Option<Vec<u8>>>(),
        _ => None,
    };
    let (Some(mut gold), Some(mut answer)) = (letters(gold), letters(answer)) else {
        return false;
    };
    if gold == answer {
        return false;
    }
    gold.sort_unstable();
    answer.sort_unstable();
    gold == answer
}

/// Whether parentheses enclose several items, which then have an order: `(True, False)`.
fn is_tuple(tokens: &[Lexeme]) -> bool {
    let is = |lexeme: Option<&Lexeme>, operator: char| {
        lexeme.is_some_and(|lexeme| lexeme.token == Token::Op(operator))
    };
    is(tokens.first(), '(')
        && is(tokens.last(), ')')
        && tokens.iter().any(|lexeme| lexeme.token == Token::Op(','))
}

/// Compares two answers of which at least one is a date. `None` if none is.
fn compare_dates(
    (gold, gold_tokens): Side,
    (answer, answer_tokens): Side,
) -> Option<(Equality, Option<Rule>)> {
    let has_no_word = |tokens: &[Lexeme]| {
        !tokens
            .iter()
            .any(|lexeme| matches!(lexeme.token, Token::Word(_) | Token::Text(_)))
    };
    Some(match (date::parse(gold), date::parse(answer)) {
        (None, None) => return None,
        (Some(gold), Some(answer)) if gold == answer => (Equality::Equal, Some(Rule::SameDate)),
        (Some(_), Some(_)) => (Equality::Different, Some(Rule::OtherValue)),
        // The day alone is not the date.
        (Some(_), None) if has_no_word(answer_tokens) => {
            (Equality::Different, Some(Rule::OtherKind))
        }
        (None, Some(_)) if has_no_word(gold_tokens) => (Equality::Different, Some(Rule::OtherKind)),
        // The name of a month is no unit: "5 May" is not 5.
        _ => (Reason::NotUnderstood.into(), None),
    })
}

/// Compares two answers if the gold answer is the letter of a choice and the answer picks one, or
/// the other way round. `None` if they are not such a pair.
fn compare_choices(
    (gold, _): Side,
    (answer, answer_tokens): Side,
) -> Option<(Equality, Option<Rule>)> {
    if let Some(letter) = choice_letter(gold) {
        let picked = picks_choice(letter, gold.contains('('), answer).or_else(|| {
            let picked = marked_letter(answer_tokens)?;
            Some(if picked == letter {
                Equality::Equal
            } else {
                Equality::Different
            })
        });
        match picked {
            Some(Equality::Equal) => return Some((Equality::Equal, Some(Rule::SameChoice))),
            Some(other) => return Some((other, Some(Rule::OtherChoice))),
            None => {}
        }
    }
    let letter = choice_letter(answer)?;
    (picks_choice(letter, false, gold) == Some(Equality::Equal))
        .then_some((Equality::Equal, Some(Rule::SameChoice)))
}

/// Compares a gold answer with an answer as mathematics.
struct Comparer<'b> {
    budget: &'b mut Budget,
    /// For parts of values that are too large to be computed.
    spare: Budget,
    /// Picks the points at which variables are evaluated. It depends on both texts, so that no
    /// answer can be written to equal the gold answer at these points only.
    seed: u64,
    rules: Rules,
    /// The rules that led to the result.
    because: &'b mut Vec<Rule>,
}

impl Comparer<'_> {
    /// Parses both answers and compares them, with another reading of commas where there is one.
    fn compare_mathematics(
        &mut self,
        (gold, gold_tokens): (&str, &[Lexeme]),
        (answer, answer_tokens): (&str, &[Lexeme]),
    ) -> Equality {
        let commas = Commas::from(self.rules.language);
        let gold_tree = parse(gold_tokens, commas, self.budget);
        let answer_tree = parse(answer_tokens, commas, self.budget);
        let equality = match (&gold_tree, &answer_tree) {
            (Ok(gold), Ok(answer)) => self.compare_expected(gold, answer),
            (Err(Reason::Budget), _) | (_, Err(Reason::Budget)) => return Reason::Budget.into(),
            _ => Equality::Unknown(Reason::NotUnderstood),
        };
        if equality == Equality::Equal {
            // `110100` may be a number in Indian groups, or the three numbers of a list.
            if commas::may_be_list(gold) && !answer.contains(',') {
                return Reason::NotUnderstood.into();
            }
            return equality;
        }
        let differs = self.because.len();
        if let Some(Equality::Equal) = other_commas(gold, answer, &gold_tree, &answer_tree, self) {
            self.because.retain(|rule| !rule.is_difference());
            return self.equal_by(Rule::OtherComma);
        }
        self.because.truncate(differs);
        if let (Ok(gold), Ok(answer)) = (&gold_tree, &answer_tree)
            && let Some((gold, answer)) = constants::with_same_constants(gold, answer)
        {
            if self.compare_expected(&gold, &answer) == Equality::Equal {
                self.because.retain(|rule| !rule.is_difference());
                return self.equal_by(Rule::SameConstants);
            }
            self.because.truncate(differs);
        }
        if let Some(outcome) = self.numerals(
            (&gold_tree, gold, gold_tokens),
            (&answer_tree, answer, answer_tokens),
        ) {
            return outcome;
        }
        // A number and a plain word are both understood, and they differ.
        let is_number = |tree: &Result<Expr, Reason>| {
            tree.as_ref()
                .is_ok_and(|tree| tree.is_scalar() && tree.symbols().is_empty())
        };
        if equality == Equality::Unknown(Reason::NotUnderstood)
            && (is_number(&gold_tree) && names_no_number(answer_tokens)
                || is_number(&answer_tree) && names_no_number(gold_tokens))
        {
            return self.different_by(Rule::OtherKind);
        }
        equality
    }

    /// Compares a number with a Roman numeral, or with a number in the words of another language.
    /// `None` if the answers are not such a pair.
    fn numerals(
        &mut self,
        (gold, gold_text, gold_tokens): (&Result<Expr, Reason>, &str, &[Lexeme]),
        (answer, answer_text, answer_tokens): (&Result<Expr, Reason>, &str, &[Lexeme]),
    ) -> Option<Equality> {
        let is_number = |tree: &Result<Expr, Reason>| {
            tree.as_ref()
                .is_ok_and(|tree| tree.is_scalar() && tree.symbols().is_empty())
        };
        let (number, text, tokens) = match (gold, answer) {
            (Ok(number), _) if is_number(gold) && !is_number(answer) => {
                (number, answer_text, answer_tokens)
            }
            (_, Ok(number)) if is_number(answer) && !is_number(gold) => {
                (number, gold_text, gold_tokens)
            }
            _ => return None,
        };
        let value = roman(tokens).or_else(|| number_elsewhere(text))?;
        Some(self.values(number, &Expr::integer(value)))
    }

    /// Equal, by this rule too.
    fn equal_by(&mut self, rule: Rule) -> Equality {
        if !self.because.contains(&rule) {
            self.because.push(rule);
        }
        Equality::Equal
    }

    /// Different, by this rule.
    fn different_by(&mut self, rule: Rule) -> Equality {
        self.because.push(rule);
        Equality::Different
    }

    /// Compares two expressions. Of the rules that applied on the way, those of a comparison that
    /// came to nothing are forgotten.
    fn compare(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        let before = self.because.len();
        let equality = self.compare_kinds(gold, answer);
        match equality {
            Equality::Equal => {
                let mut kept = before;
                for index in before..self.because.len() {
                    if !self.because[index].is_difference() {
                        self.because[kept] = self.because[index];
                        kept += 1;
                    }
                }
                self.because.truncate(kept);
            }
            Equality::Different => {
                let rule = self.because[before..]
                    .iter()
                    .rfind(|rule| rule.is_difference());
                let rule = rule.copied().unwrap_or(Rule::OtherKind);
                self.because.truncate(before);
                self.because.push(rule);
            }
            Equality::Unknown(_) => self.because.truncate(before),
        }
        equality
    }

    /// Compares two expressions by their kinds.
    fn compare_kinds(&mut self, gold: &Expr, answer: &Expr) -> Equality {
        if let Err(reason) = self.budget.spend(2) {
            return reason.into();
        }
        if let (Expr::Number { .. }, Expr::Number { .. }) = (gold, answer) {
            return self.values(gold, answer);
        }
        if is_anagram(gold, answer) {
            return Equality::Unknown(Reason::NotUnderstood);
        }
        if let Some(outcome) = self.residues(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.by_unit_vectors(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.times(gold, answer) {
            return outcome;
        }
        if let (Expr::Symbol(left), Expr::Symbol(right)) = (gold, answer)
            && is_number_set(left)
            && is_number_set(right)
            && left.trim_start_matches("mathbb ") == right.trim_start_matches("mathbb ")
        {
            return self.equal_by(Rule::SameText); // R is the real numbers in another font
        }
        let is_value = |expr: &Expr| {
            expr.is_scalar()
                && !has_sign(expr)
                && !matrix::holds_matrix(expr)
                && names::point(expr).is_none()
        };
        if is_value(gold) && is_value(answer) {
            return match self.scalars(gold, answer) {
                Equality::Unknown(Reason::Budget | Reason::Precision)
                    if self.same_structure(gold, answer) =>
                {
                    self.equal_by(Rule::SameValue)
                }
                outcome => outcome,
            };
        }
        if let Some(outcome) = self.given(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.matrices(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.cases(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.relations(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.real_sets(gold, answer) {
            return outcome;
        }
        if let Some(outcome) = self.collections(gold, answer) {
            return outcome;
        }
        match (gold, answer) {
            (
                Expr::Tuple { open, close, items },
                Expr::Tuple {
                    open: other_open,
                    close: other_close,
                    items: others,
                },
            ) => {
                let same = kind(*open) == kind(*other_open) && kind(*close) == kind(*other_close);
                if !same || items.len() != others.len() {
                    return self.different_by(Rule::OtherItems);
                }
                self.in_order(items.iter().zip(others))
            }
            // Collections, and times of day such as "9:30 a.m.".
            (Expr::Quantity(left, unit), Expr::Quantity(right, other)) if unit == other => {
                self.compare(left, right)
            }
            (Expr::Quantity(..), Expr::Quantity(..)) => Equality::Unknown(Reason::Units),
            (Expr::Quantity(left, _), right) if !left.is_scalar() => self.compare(left, right),
            (left, Expr::Quantity(right, _)) if !right.is_scalar() => self.compare(left, right),
            (Expr::Ratio(parts), Expr::Ratio(others)) => self.ratios(parts, others),
            // A proportion has no unit.
            (Expr::Ratio(_), Expr::Quantity(..)) | (Expr::Quantity(..), Expr::Ratio(_)) => {
                Reason::Units.into()
            }
            // "1 to 5" may be a range.
            (Expr::Ratio(_), Expr::Tuple { .. }) | (Expr::Tuple { .. }, Expr::Ratio(_)) => {
                Reason::NotUnderstood.into()
            }
            (Expr::Ratio(parts), other) if parts.len() == 2 && other.is_scalar() => {
                self.scalars(gold, other)
            }
            (other, Expr::Ratio(parts)) if parts.len() == 2 && other.is_scalar() => {
                self.scalars(other, answer)
            }
            (Expr::Text(gold), Expr::Text(answer)) if gold.eq_ignore_ascii_case(answer) => {
                self.equal_by(Rule::SameWords)
            }
            (Expr::Text(_), _) | (_, Expr::Text(_)) => Equality::Unknown(Reason::NotUnderstood),
            _ => Equality::Different,
        }
    }

    /// Compares item by item.
    fn in_order<'e>(&mut self, pairs: impl Iterator<Item = (&'e Expr, &'e Expr)>) -> Equality {
        let mut unknown = None;
        for (gold, answer) in pairs {
            match self.compare(gold, answer) {
                Equality::Equal => {}
                Equality::Different => return Equality::Different,
                Equality::Unknown(reason) => unknown = Some(reason),
            }
        }
        match unknown {
            Some(reason) => reason.into(),
            None => self.equal_by(Rule::SameOrder),
        }
    }
}

fn has_sign(expr: &Expr) -> bool {
    expr.has_sign()
}

/// The shape of a delimiter: square brackets differ from parentheses and angle brackets.
fn kind(delimiter: char) -> u8 {
    match delimiter {
        '[' | ']' => 1,
        _ => 0,
    }
}
