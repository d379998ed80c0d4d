//! Endless, mixed and resumable streams of problems.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::dataset::{DataFile, Loaded, content_sha256};
use crate::draw::Draw;
use crate::problem::{Family, Problem, Split};
use crate::procedural::{Level, Procedure};

/// Problems by number: a list, or generated without end.
#[derive(Clone, Debug)]
pub struct Problems {
    kind: Kind,
    files: Vec<DataFile>,
    skipped: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    List(Arc<[Problem]>),
    Nano(Family, Split, u64),
    Generated(Procedure, Level, Split, u64),
}

/// Problems of an endless source that its content hash looks at.
const HASHED: u64 = 64;

impl Problems {
    /// The problems of a nano family.
    pub fn nano(family: Family, split: Split, seed: u64) -> Self {
        Kind::Nano(family, split, seed).into()
    }

    /// Generated problems of a level.
    pub fn generated(procedure: Procedure, level: Level, split: Split, seed: u64) -> Self {
        Kind::Generated(procedure, level, split, seed).into()
    }

    /// Problem number `index`; `None` at the end of a list.
    pub fn get(&self, index: u64) -> Option<Problem> {
        match &self.kind {
            Kind::List(problems) => problems.get(usize::try_from(index).ok()?).cloned(),
            Kind::Nano(family, split, seed) => Some(family.problem(*split, *seed, index)),
            Kind::Generated(procedure, level, split, seed) => {
                Some(procedure.problem(*level, *split, *seed, index))
            }
        }
    }

    /// The problems in order; without end where they are generated.
    pub fn iter(&self) -> impl Iterator<Item = Problem> + '_ {
        (0..).map_while(|index| self.get(index))
    }

    /// How many there are; `None` where they are generated.
    pub fn len(&self) -> Option<u64> {
        match &self.kind {
            Kind::List(problems) => Some(problems.len() as u64),
            Kind::Nano(..) | Kind::Generated(..) => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The files that they were read from; none where they are generated.
    pub fn files(&self) -> &[DataFile] {
        &self.files
    }

    /// How many rows of the files were left out; see [`Loaded::skipped`].
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// [`content_sha256`] of a list, or of the first 64 generated problems.
    pub fn content_sha256(&self) -> String {
        match &self.kind {
            Kind::List(problems) => content_sha256(problems),
            Kind::Nano(..) | Kind::Generated(..) => {
                content_sha256(&self.iter().take(HASHED as usize).collect::<Vec<_>>())
            }
        }
    }
}

impl From<Vec<Problem>> for Problems {
    fn from(problems: Vec<Problem>) -> Self {
        Kind::List(problems.into()).into()
    }
}

impl From<Loaded> for Problems {
    fn from(loaded: Loaded) -> Self {
        Self {
            kind: Kind::List(loaded.problems.into()),
            files: loaded.files,
            skipped: loaded.skipped.len(),
        }
    }
}

impl From<Kind> for Problems {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            files: Vec::new(),
            skipped: 0,
        }
    }
}

/// An endless stream over one or more sources, each as often as its weight says.
///
/// A list is gone through in a new order in every epoch; generated problems come in their own. Nothing is drawn from a
/// running generator: the source at a position depends on (seed, position), the order of an epoch on (seed, source,
/// epoch). So a stream that [seeks](Stream::seek) to a [`Cursor`] goes on as the one that left it.
///
/// ```
/// use trimtab_tasks::{Family, Level, Problems, Procedure, Split, Stream};
///
/// let words = Problems::nano(Family::NanoGsm, Split::Train, 0);
/// let games = Problems::generated(Procedure::Countdown, Level::EASIEST, Split::Train, 0);
/// let mut stream = Stream::new(7, vec![(words, 3), (games, 1)])?;
/// let first: Vec<_> = stream.by_ref().take(10).collect();
///
/// let cursor = stream.cursor(); // a small value for the checkpoint
/// let next = stream.next();
/// stream.seek(&cursor)?;
/// assert_eq!(stream.next(), next);
/// # Ok::<(), trimtab_tasks::StreamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    seed: u64,
    sources: Vec<Weighted>,
    weights: Vec<usize>,
    identity: String,
    position: u64,
}

#[derive(Clone, Debug)]
struct Weighted {
    problems: Problems,
    /// Problems taken so far.
    taken: u64,
    /// The order of the epoch gone through now.
    order: Option<(u64, Vec<u32>)>,
}

/// Where a stream is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// [`Stream::identity`] of the stream that it belongs to.
    pub stream: String,
    /// Problems taken from each source.
    pub taken: Vec<u64>,
}

/// Address words of the choice of a source and of an epoch's order; the number of the source is added to the latter.
const MIX: u64 = 1 << 36;
const SHUFFLE: u64 = 1 << 37;

impl Stream {
    /// A stream from its start. A weight is a whole number of parts.
    ///
    /// # Errors
    ///
    /// There is no source with a weight, or one is empty; see [`StreamError`].
    pub fn new(seed: u64, sources: Vec<(Problems, u32)>) -> Result<Self, StreamError> {
        if sources.iter().all(|(_, weight)| *weight == 0) {
            return Err(StreamError::NoSource);
        }
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        for (number, (problems, weight)) in sources.iter().enumerate() {
            if problems
                .len()
                .is_some_and(|len| len == 0 || len > u64::from(u32::MAX))
            {
                return Err(StreamError::Size { number });
            }
            hash.update(weight.to_le_bytes());
            hash.update(problems.content_sha256());
        }
        Ok(Self {
            seed,
            weights: sources.iter().map(|(_, weight)| *weight as usize).collect(),
            sources: sources
                .into_iter()
                .map(|(problems, _)| Weighted {
                    problems,
                    taken: 0,
                    order: None,
                })
                .collect(),
            identity: format!("{:x}", hash.finalize()),
            position: 0,
        })
    }

    /// SHA-256 in hexadecimal of seed, weights and contents.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Where the stream is now.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            stream: self.identity.clone(),
            taken: self.sources.iter().map(|source| source.taken).collect(),
        }
    }

    /// Goes to where `cursor` was taken.
    ///
    /// # Errors
    ///
    /// The cursor belongs to a stream of other data, weights or seed.
    pub fn seek(&mut self, cursor: &Cursor) -> Result<(), StreamError> {
        let position = cursor
            .taken
            .iter()
            .try_fold(0_u64, |sum, taken| sum.checked_add(*taken));
        let fits = cursor.stream == self.identity && cursor.taken.len() == self.sources.len();
        let Some(position) = position.filter(|_| fits) else {
            return Err(StreamError::OtherStream);
        };
        self.position = position;
        for (source, taken) in self.sources.iter_mut().zip(&cursor.taken) {
            source.taken = *taken;
        }
        Ok(())
    }
}

impl Iterator for Stream {
    type Item = Problem;

    fn next(&mut self) -> Option<Problem> {
        let number = Draw::at([self.seed, MIX, self.position, 0]).weighted(&self.weights);
        let source = &mut self.sources[number];
        let index = match source.problems.len() {
            Some(len) => {
                let (epoch, within) = (source.taken / len, source.taken % len);
                u64::from(source.order(self.seed, number, epoch, len)[within as usize])
            }
            None => source.taken,
        };
        self.position += 1;
        source.taken += 1;
        source.problems.get(index)
    }
}

impl Weighted {
    /// The shuffled order of an epoch (Fisher and Yates), made when it is first asked for.
    fn order(&mut self, seed: u64, number: usize, epoch: u64, len: u64) -> &[u32] {
        if self.order.as_ref().is_none_or(|(made, _)| *made != epoch) {
            let mut draw = Draw::at([seed, SHUFFLE | number as u64, epoch, 0]);
            let mut order: Vec<u32> = (0..len as u32).collect();
            for last in (1..order.len()).rev() {
                order.swap(last, draw.below(last + 1));
            }
            self.order = Some((epoch, order));
        }
        &self.order.as_ref().expect("it was made above").1
    }
}

/// Why a stream cannot be made or taken up.
#[expect(missing_docs, reason = "the messages document the variants")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error("a stream needs a source with a weight above 0")]
    NoSource,
    #[error("source number {number} has no problem, or more than 4,294,967,295")]
    Size { number: usize },
    #[error("the cursor belongs to another stream: data, weights or seed differ")]
    OtherStream,
}

/// Which problems to keep.
///
/// ```
/// use trimtab_tasks::{Filter, Level, Problems, Procedure, Split};
///
/// let all = Problems::generated(Procedure::Sorting, Level::EASIEST, Split::Train, 0);
/// let mut problems: Vec<_> = all.iter().take(100).collect();
/// let short = Filter { question_chars: Some([0, 120]), ..Filter::default() };
/// problems.retain(|problem| short.keeps(problem));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Lowest and highest level; a problem without a level is dropped.
    pub levels: Option<[u32; 2]>,
    /// Subjects; a problem without one is dropped. Empty keeps all.
    pub subjects: Vec<String>,
    /// Fewest and most characters of the question.
    pub question_chars: Option<[usize; 2]>,
}

impl Filter {
    /// Whether the problem passes.
    pub fn keeps(&self, problem: &Problem) -> bool {
        let level = self.levels.is_none_or(|[low, high]| {
            problem
                .level()
                .is_some_and(|level| (low..=high).contains(&level))
        });
        let subject = self.subjects.is_empty()
            || problem
                .subject()
                .is_some_and(|subject| self.subjects.iter().any(|kept| kept == subject));
        let length = self
            .question_chars
            .is_none_or(|[low, high]| (low..=high).contains(&problem.question.chars().count()));
        level && subject && length
    }
}

/// Sets about `share` of the problems aside: those kept, then those set aside, each in their order.
///
/// The hash of (seed, question) decides, so a problem that comes twice stays on one side and more problems change
/// nothing for the others.
///
/// # Panics
///
/// `share` is not between 0 and 1.
pub fn set_aside(problems: Vec<Problem>, share: f64, seed: u64) -> (Vec<Problem>, Vec<Problem>) {
    assert!((0.0..=1.0).contains(&share), "a share lies between 0 and 1");
    problems.into_iter().partition(|problem| {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(problem.question.trim());
        let first: [u8; 4] = hash.finalize()[..4].try_into().expect("four bytes");
        f64::from(u32::from_le_bytes(first)) >= share * 2.0_f64.powi(32)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn list(name: &str, count: usize) -> Vec<Problem> {
        let problem = |index| Problem {
            id: format!("{name}/{index}"),
            ..Family::NanoGsm.problem(Split::Train, 0, index as u64)
        };
        (0..count).map(problem).collect()
    }

    fn mixed(seed: u64) -> Stream {
        let sources = vec![
            (list("a", 5).into(), 3),
            (list("b", 7).into(), 1),
            (Problems::nano(Family::NanoMath, Split::Train, 1), 2),
            (list("never", 3).into(), 0),
        ];
        Stream::new(seed, sources).expect("four sources")
    }

    #[test]
    fn an_epoch_has_each_problem_once_in_its_own_order() {
        let stream = Stream::new(0, vec![(list("a", 11).into(), 1)]).expect("a source");
        let ids: Vec<String> = stream.take(33).map(|problem| problem.id).collect();
        let epochs: Vec<&[String]> = ids.chunks(11).collect();
        for epoch in &epochs {
            let mut sorted = epoch.to_vec();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 11);
        }
        assert_ne!(epochs[0], epochs[1]);
        assert_ne!(epochs[1], epochs[2]);
    }

    #[test]
    fn weights_are_followed_and_sources_do_not_disturb_one_another() {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for problem in mixed(0).take(6000) {
            let source = problem.id.split('/').next().expect("a name").to_owned();
            *counts.entry(source).or_default() += 1;
        }
        assert!((2850..3150).contains(&counts["a"]), "{counts:?}");
        assert!((900..1100).contains(&counts["b"]), "{counts:?}");
        assert_eq!(counts.get("never"), None);
        let generated: Vec<String> = mixed(0)
            .map(|problem| problem.id)
            .filter(|id| id.starts_with("nano-math"))
            .take(20)
            .collect();
        let expected: Vec<String> = (0..20)
            .map(|index| format!("nano-math/train/1/{index}"))
            .collect();
        assert_eq!(generated, expected);
    }

    proptest! {
        #[test]
        fn a_stream_taken_up_goes_on_as_before(seed: u64, before in 0..60_usize, after in 1..60_usize) {
            let mut whole = mixed(seed);
            whole.by_ref().take(before).for_each(drop);
            let cursor = serde_json::to_string(&whole.cursor()).expect("a small value");
            let mut resumed = mixed(seed);
            resumed.seek(&serde_json::from_str(&cursor).expect("a cursor")).expect("the same stream");
            let rest = |stream: Stream| stream.take(after).collect::<Vec<_>>();
            prop_assert_eq!(rest(whole), rest(resumed));
        }
    }

    #[test]
    fn a_cursor_of_other_data_is_refused() {
        let cursor = mixed(0).cursor();
        assert_eq!(mixed(1).seek(&cursor), Err(StreamError::OtherStream));
        let too_far = Cursor {
            taken: vec![u64::MAX; 4],
            ..cursor.clone()
        };
        assert_eq!(mixed(0).seek(&too_far), Err(StreamError::OtherStream));
        let mut other = list("a", 5);
        other[2].answer = "0".to_owned();
        let stream =
            |problems: Vec<Problem>| Stream::new(0, vec![(problems.into(), 1)]).expect("a source");
        let cursor = stream(list("a", 5)).cursor();
        assert_eq!(stream(other).seek(&cursor), Err(StreamError::OtherStream));
        assert_eq!(stream(list("a", 5)).seek(&cursor), Ok(()));
    }

    #[test]
    fn a_stream_of_nothing_is_refused() {
        for sources in [vec![], vec![(Problems::from(list("a", 2)), 0)]] {
            assert_eq!(Stream::new(0, sources).err(), Some(StreamError::NoSource));
        }
        let empty = vec![(Problems::from(vec![]), 1)];
        assert_eq!(
            Stream::new(0, empty).err(),
            Some(StreamError::Size { number: 0 })
        );
    }

    #[test]
    fn filters_keep_what_they_say() {
        let mut problem = list("a", 1).remove(0);
        problem.question = "12345".to_owned();
        let mut tagged = problem.clone();
        tagged.tags = [("level", "3"), ("subject", "Algebra")]
            .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
            .into();
        let levels = |low, high| Filter {
            levels: Some([low, high]),
            ..Filter::default()
        };
        let subject = |name: &str| Filter {
            subjects: vec!["Geometry".to_owned(), name.to_owned()],
            ..Filter::default()
        };
        let chars = |low, high| Filter {
            question_chars: Some([low, high]),
            ..Filter::default()
        };
        for (filter, plain, with_tags) in [
            (Filter::default(), true, true),
            (levels(3, 5), false, true),
            (levels(4, 5), false, false),
            (subject("Algebra"), false, true),
            (subject("algebra"), false, false),
            (chars(5, 5), true, true),
            (chars(6, 9), false, false),
        ] {
            assert_eq!(filter.keeps(&problem), plain, "{filter:?}");
            assert_eq!(filter.keeps(&tagged), with_tags, "{filter:?}");
        }
    }

    #[test]
    fn setting_aside_goes_by_content() {
        let problems = list("a", 2000);
        let (kept, aside) = set_aside(problems.clone(), 0.2, 0);
        assert_eq!(kept.len() + aside.len(), 2000);
        assert!((350..450).contains(&aside.len()), "{}", aside.len());
        let (_, reversed) = set_aside(problems.iter().rev().cloned().collect(), 0.2, 0);
        assert!(reversed.iter().rev().eq(&aside));
        let (_, other_seed) = set_aside(problems.clone(), 0.2, 1);
        assert_ne!(other_seed, aside);
        assert_eq!(set_aside(problems.clone(), 0.0, 0).1, []);
        assert_eq!(set_aside(problems, 1.0, 0).0, []);
    }
}
