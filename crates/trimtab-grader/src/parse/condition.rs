//! Conditions of an answer: `k \in \mathbb{Z}`, `where k is an integer`, `(n \ge 1)`.

use super::{Parser, operand};
use crate::Reason;
use crate::expr::{Expr, Joint};
use crate::lex::Token;

/// Words that start a condition.
const STARTS: [&str; 10] = [
    "for", "where", "with", "if", "when", "whenever", "given", "provided", "assuming", "such",
];

/// Words of a condition that say nothing about a domain.
const FILLERS: [&str; 28] = [
    "for",
    "where",
    "with",
    "if",
    "when",
    "whenever",
    "given",
    "provided",
    "assuming",
    "such",
    "that",
    "all",
    "any",
    "every",
    "some",
    "each",
    "is",
    "are",
    "be",
    "an",
    "a",
    "the",
    "and",
    "arbitrary",
    "number",
    "numbers",
    "values",
    "of",
];

impl Parser<'_, '_, '_> {
    /// The condition that comes next, if one does.
    pub(super) fn trailing_condition(&mut self, closers: &[char]) -> Result<Option<Expr>, Reason> {
        if let Some(condition) = self.bracketed_condition()? {
            return Ok(Some(condition));
        }
        if !self.starts_condition(0) {
            return Ok(None);
        }
        let start = self.at;
        let end = self.end_of_condition(closers)?;
        self.at = end;
        self.worded(start, end).map(Some)
    }

    /// A condition that stands alone between separators: `k \text{ is an integer}`.
    pub(super) fn standing_condition(&mut self, closers: &[char]) -> Result<Option<Expr>, Reason> {
        if !matches!(self.peek(), Some(Token::Symbol(_))) {
            return Ok(None);
        }
        let says_kind = match self.peek_at(1) {
            Some(Token::Word("is")) => (2..5).any(|offset| match self.peek_at(offset) {
                Some(Token::Text(words) | Token::Word(words)) => kind_of(words).is_some(),
                _ => false,
            }),
            Some(Token::Text(words) | Token::Word(words)) => kind_of(words).is_some(),
            Some(Token::Symbol("i")) => {
                self.peek_at(2) == Some(Token::Symbol("s"))
                    && (3..6).any(|offset| match self.peek_at(offset) {
                        Some(Token::Text(words) | Token::Word(words)) => kind_of(words).is_some(),
                        _ => false,
                    })
            }
            _ => false,
        };
        if !says_kind {
            return Ok(None);
        }
        let start = self.at;
        let end = self.end_of_condition(closers)?;
        self.at = end;
        self.worded(start, end).map(Some)
    }

    /// Whether a word that starts a condition comes at `offset`.
    pub(super) fn starts_condition(&self, offset: usize) -> bool {
        let Some(Token::Text(word) | Token::Word(word)) = self.peek_at(offset) else {
            return false;
        };
        let first = word.split_whitespace().next().unwrap_or("");
        STARTS.iter().any(|start| start.eq_ignore_ascii_case(first))
    }

    /// Whether a group in parentheses comes next that holds a condition, not a factor.
    pub(super) fn next_is_condition(&self) -> bool {
        const LOOK: usize = 24;
        if !self.next_is('(') {
            return false;
        }
        if self.starts_condition(1) {
            return true;
        }
        let mut depth = 0_usize;
        for offset in 1..LOOK {
            match self.peek_at(offset) {
                None | Some(Token::Op(';' | '∣')) => return false,
                Some(Token::Op('(' | '[' | '⦃')) => depth += 1,
                Some(Token::Op(')' | ']' | '⦄')) if depth == 0 => return false,
                Some(Token::Op(')' | ']' | '⦄')) => depth -= 1,
                Some(Token::Op('∈' | '<' | '>' | '≤' | '≥' | '≠')) if depth == 0 => {
                    return true;
                }
                Some(Token::Text(words)) if depth == 0 && kind_of(words).is_some() => return true,
                Some(_) => {}
            }
        }
        false
    }

    fn bracketed_condition(&mut self) -> Result<Option<Expr>, Reason> {
        if !self.next_is_condition() {
            return Ok(None);
        }
        self.at += 1;
        let start = self.at;
        let end = self.end_of_condition(&[')'])?;
        self.at = end;
        self.expect(')')?;
        self.worded(start, end).map(Some)
    }

    /// Where the condition that starts here ends. What follows "for" or "if" ends at a separator
    /// after its first relation.
    fn end_of_condition(&mut self, closers: &[char]) -> Result<usize, Reason> {
        let first = match self.peek() {
            Some(Token::Text(word) | Token::Word(word)) => word.split_whitespace().next(),
            _ => None,
        };
        let short = first.is_some_and(|first| {
            ["for", "if", "when"]
                .iter()
                .any(|start| start.eq_ignore_ascii_case(first))
        });
        let mut depth = 0_usize;
        let (mut complete, mut relates) = (false, false);
        let mut offset = 0;
        while let Some(token) = self.peek_at(offset) {
            self.budget.spend(1)?;
            match token {
                Token::Op(closer) if depth == 0 && closers.contains(&closer) => break,
                Token::Construct("end") => break,
                // "for some constants a, b"
                Token::Op(',' | '∧')
                    if depth == 0
                        && !relates
                        && offset > 0
                        && self.lone_symbol(offset - 1, closers)
                        && self.lone_symbol(offset + 1, closers) => {}
                Token::Op(',' | ';' | '∧' | '∨') if depth == 0 && short && complete => break,
                Token::Op('(' | '[' | '{' | '⦃') => depth += 1,
                Token::Op(')' | ']' | '}' | '⦄') => depth = depth.saturating_sub(1),
                Token::Op('∈' | '<' | '>' | '≤' | '≥' | '≠' | '=' | '≡') => {
                    complete = true;
                    relates = true;
                }
                Token::Text(words) | Token::Word(words) => {
                    complete |= offset > 0 || words.contains(' ');
                }
                _ => {}
            }
            offset += 1;
        }
        Ok(self.at + offset)
    }

    /// Whether the token at `offset` is a symbol that no operator joins with what follows.
    fn lone_symbol(&self, offset: usize, closers: &[char]) -> bool {
        matches!(self.peek_at(offset), Some(Token::Symbol(_)))
            && match self.peek_at(offset + 1) {
                None | Some(Token::Op(',' | '∧')) => true,
                Some(Token::Op(operator)) => closers.contains(&operator),
                _ => false,
            }
    }

    /// The condition in the tokens from `start` to `end`: relations, or words about symbols.
    fn worded(&mut self, start: usize, end: usize) -> Result<Expr, Reason> {
        let tokens = &self.tokens[start..end];
        self.budget.spend(2 * tokens.len() as u64)?;
        // "nonnegative integers" may be one token or two.
        let mut said = String::new();
        let mut symbols = Vec::new();
        let mut plain = true;
        let mut relates = false;
        let mut first = None;
        let mut at = 0;
        while at < tokens.len() {
            match tokens[at].token {
                Token::Text(words) | Token::Word(words) => {
                    for word in words.split([' ', '-', ',']) {
                        if word.len() == 1 && !word.eq_ignore_ascii_case("a") {
                            symbols.push(word);
                        } else {
                            plain &= is_plain(word);
                        }
                    }
                    said.push(' ');
                    said.push_str(words);
                }
                Token::Symbol(name) => {
                    let length = 1 + tokens[at + 1..]
                        .iter()
                        .take_while(|next| {
                            !next.spaced
                                && matches!(next.token, Token::Symbol(name) if name.len() == 1)
                        })
                        .count();
                    let run: String = tokens[at..at + length]
                        .iter()
                        .map(|lexeme| operand::spelling(lexeme.token))
                        .collect();
                    if length > 1 && FILLERS.contains(&run.as_str()) {
                        at += length;
                        continue;
                    }
                    first = first.or(Some(at));
                    symbols.push(name);
                }
                Token::Op('∈' | '<' | '>' | '≤' | '≥' | '≠' | '=' | '≡') => {
                    relates = true;
                }
                Token::Op(',' | '∧' | '{' | '}') => {}
                _ => {
                    first = first.or(Some(at));
                    plain &= relates;
                }
            }
            at += 1;
        }
        let kind = kind_of(&said);
        let member = |name: &str, set: &str| {
            let set = Expr::Symbol(format!("mathbb {set}"));
            Expr::Relation(Box::new(Expr::Symbol(name.to_owned())), vec![('∈', set)])
        };
        if relates && plain {
            let mut inner = Parser {
                tokens: &self.tokens[start + first.unwrap_or(0)..end],
                at: 0,
                consumed_digits: 0,
                commas: self.commas,
                depth: self.depth,
                chained: self.chained,
                bars: 0,
                budget: &mut *self.budget,
            };
            let parsed = inner.nested(|parser| parser.list(&[]));
            let complete = inner.at == inner.tokens.len();
            match parsed {
                Ok(condition) if complete => {
                    return Ok(match (kind, symbols.first()) {
                        (Some(kind), Some(name)) => Expr::List {
                            joint: Joint::And,
                            items: vec![member(name, kind), condition],
                        },
                        _ => condition,
                    });
                }
                Err(Reason::Budget) => return Err(Reason::Budget),
                _ => {}
            }
        } else if plain && !symbols.is_empty() {
            let kind = kind.unwrap_or("any");
            let mut items: Vec<Expr> = symbols.iter().map(|name| member(name, kind)).collect();
            return Ok(match items.len() {
                1 => items.remove(0),
                _ => Expr::List {
                    joint: Joint::And,
                    items,
                },
            });
        }
        let words: Vec<String> = tokens
            .iter()
            .map(|lexeme| operand::spelling(lexeme.token).to_lowercase())
            .collect();
        Ok(Expr::Text(words.join(" ")))
    }
}

/// Whether a word says nothing more than what set of numbers something belongs to.
fn is_plain(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word.is_empty()
        || FILLERS
            .iter()
            .any(|filler| filler.eq_ignore_ascii_case(word))
        || kind_of(word).is_some()
        || [
            "non",
            "positive",
            "nonnegative",
            "negative",
            "constants",
            "constant",
        ]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// The set of numbers that words name.
fn kind_of(words: &str) -> Option<&'static str> {
    let words = words.to_lowercase();
    let has = |word: &str| {
        words
            .split(|c: char| !c.is_alphanumeric())
            .any(|piece| piece == word)
    };
    let nonnegative = has("nonnegative") || has("non") && has("negative");
    if has("negative") && !nonnegative {
        return None;
    }
    Some(if has("even") {
        "even"
    } else if has("odd") {
        "odd"
    } else if has("integer") || has("integers") || has("whole") {
        match (
            has("positive"),
            nonnegative || has("whole") && !has("integer"),
        ) {
            (true, _) => "Z+",
            (_, true) => "Z0",
            _ => "Z",
        }
    } else if has("natural") || has("naturals") {
        "N"
    } else if has("real") || has("reals") {
        match (has("positive"), nonnegative) {
            (true, _) => "R+",
            (_, true) => "R0",
            _ => "R",
        }
    } else if has("rational") || has("rationals") {
        "Q"
    } else if has("complex") {
        "C"
    } else if has("constant") || has("constants") {
        "any"
    } else {
        return None;
    })
}

/// Replaces a list of whole numbers that goes on by what it says: `k = 0, 1, 2, \ldots` at the end
/// is `k ≥ 0` and `k ∈ ℤ`, and `k = 0, \pm 1, \ldots` is `k ∈ ℤ`.
pub(super) fn fold_range(items: &mut Vec<Expr>) {
    let Some((Expr::Symbol(dots), before)) = items.split_last() else {
        return;
    };
    let listed = |expr: &Expr| matches!(expr, Expr::Number { .. } | Expr::PlusMinus { .. });
    let Some(at) = before.iter().rposition(|item| !listed(item)) else {
        return;
    };
    let Expr::Relation(name, rest) = &before[at] else {
        return;
    };
    let (Expr::Symbol(_), [('=', Expr::Number { value, .. })]) = (&**name, rest.as_slice()) else {
        return;
    };
    let Some(first) = value
        .as_i64()
        .filter(|_| dots == "…" && at + 1 < before.len())
    else {
        return;
    };
    let mut following = before[at + 1..].iter().zip(1_i64..);
    let whole = |expr: &Expr| match expr {
        Expr::Number { value, .. } => value.as_i64(),
        _ => None,
    };
    let counts_up = following
        .clone()
        .all(|(item, step)| whole(item) == first.checked_add(step));
    let both_ways = first == 0
        && following.all(|(item, step)| match item {
            Expr::PlusMinus { term, .. } => whole(term) == Some(step),
            _ => false,
        });
    if !counts_up && !both_ways {
        return;
    }
    let relation = |sign, other| Expr::Relation(name.clone(), vec![(sign, other)]);
    let mut range = vec![relation('∈', Expr::Symbol("mathbb Z".to_owned()))];
    if counts_up {
        range.push(relation('≥', Expr::integer(first)));
    }
    items.truncate(at);
    items.append(&mut range);
}

/// Joins the conditions among the items of an answer with what they are about.
pub(super) fn with_conditions(joint: Joint, mut items: Vec<Expr>) -> Expr {
    const MOST: usize = 32; // in longer lists nothing is a condition
    let mut answers: Vec<Expr> = Vec::new();
    let mut conditions: Vec<Expr> = Vec::new();
    let mut mixed = false;
    if items.len() == 1 {
        return items.remove(0);
    }
    let relates = |item: &Expr| matches!(item, Expr::Relation(..));
    let is_condition: Vec<bool> = match items.len() {
        2..=MOST if items.iter().any(relates) => (0..items.len())
            .map(|at| is_condition(joint, &items, at))
            .collect(),
        _ => Vec::new(),
    };
    if !is_condition.contains(&true) || !is_condition.contains(&false) {
        return Expr::List { joint, items };
    }
    for (item, condition) in items.into_iter().zip(is_condition) {
        if condition {
            conditions.push(item);
        } else {
            if !conditions.is_empty() && !answers.is_empty() {
                mixed = true;
                attach(&mut answers, &mut conditions);
            }
            answers.push(item);
        }
    }
    if mixed {
        attach(&mut answers, &mut conditions);
    }
    let answer = match answers.len() {
        1 => answers.remove(0),
        _ => Expr::List {
            joint,
            items: answers,
        },
    };
    given(answer, conditions)
}

/// Attaches the conditions to the last answer.
fn attach(answers: &mut Vec<Expr>, conditions: &mut Vec<Expr>) {
    if let Some(last) = answers.pop() {
        answers.push(given(last, std::mem::take(conditions)));
    }
}

/// The answer under conditions, if there are any.
pub(super) fn given(answer: Expr, mut conditions: Vec<Expr>) -> Expr {
    let condition = match conditions.len() {
        0 => return answer,
        1 => conditions.remove(0),
        _ => Expr::List {
            joint: Joint::And,
            items: conditions,
        },
    };
    Expr::Given(Box::new((answer, condition)))
}

/// Whether the item at this place is a condition on another: what a symbol belongs to, a
/// relation other than an equation,
/// about a symbol of an item that is none, or a symbol that shares the next one's.
fn is_condition(joint: Joint, items: &[Expr], at: usize) -> bool {
    let bounds = |item: &Expr| match item {
        Expr::Relation(_, rest) => rest
            .iter()
            .all(|(relation, _)| matches!(relation, '<' | '>' | '≤' | '≥' | '≠' | '∈')),
        _ => false,
    };
    let member = |item: &Expr| match item {
        Expr::Relation(_, rest) => {
            matches!(rest.as_slice(), [('∈', Expr::Symbol(set))] if is_number_set(set))
        }
        _ => false,
    };
    let subject = |item: &Expr| match item {
        Expr::Relation(first, _) => first.symbols().first().map(|name| (*name).to_owned()),
        Expr::Symbol(name) => Some(name.clone()),
        _ => None,
    };
    let mut next = at;
    while matches!(items.get(next), Some(Expr::Symbol(_))) {
        next += 1;
    }
    let Some(relation) = items.get(next) else {
        return false;
    };
    if !bounds(relation) {
        return false;
    }
    let names: Vec<String> = items[at..=next].iter().filter_map(subject).collect();
    let occurs = |item: &Expr| {
        item.symbols()
            .iter()
            .any(|symbol| names.iter().any(|name| name == symbol))
    };
    if member(relation) {
        return items
            .iter()
            .enumerate()
            .any(|(index, item)| !(at..=next).contains(&index) && !member(item) && occurs(item));
    }
    if joint == Joint::Or {
        return false;
    }
    let lone = |item: &Expr| matches!(item, Expr::Symbol(_));
    items
        .iter()
        .any(|item| !(bounds(item) || lone(item) && next > at) && occurs(item))
        && items.iter().any(|item| !bounds(item) && !lone(item))
}

/// Whether a symbol names a set of numbers.
pub(crate) fn is_number_set(name: &str) -> bool {
    if matches!(name, "mathbb even" | "mathbb odd") {
        return true;
    }
    let name = name.strip_prefix("mathbb ").unwrap_or(name);
    name.starts_with(['N', 'Z', 'Q', 'R', 'C', 'ℕ', 'ℤ', 'ℚ', 'ℝ', 'ℂ'])
        && !name[1..].starts_with(|c: char| c.is_ascii_alphabetic())
}
