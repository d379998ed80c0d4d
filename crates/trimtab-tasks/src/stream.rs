//! Endless, mixed and resumable streams of problems.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::rng::Rng;
use crate::source::ProblemSource;

/// An endless stream of problems from weighted sources.
///
/// A list is shuffled again in every epoch, and generated problems come in order. The random
/// choices are addressed: the source at a position depends on seed and position, the order of an
/// epoch on seed, source and epoch. So a stream that [seeks](ProblemStream::seek) to a [`Cursor`]
/// continues exactly where the cursor was taken.
///
/// ```
/// use trimtab_tasks::{Level, NanoTask, ProblemSource, ProblemStream, ProceduralTask, Split};
///
/// let words = ProblemSource::nano(NanoTask::Gsm, Split::Train, 0);
/// let task = ProceduralTask::Countdown;
/// let games = ProblemSource::generated(task, Level::EASIEST, Split::Train, 0);
/// let mut stream = ProblemStream::new(7, vec![(words, 3), (games, 1)])?;
/// let first: Vec<_> = stream.by_ref().take(10).collect();
///
/// let cursor = stream.cursor(); // a small value for the checkpoint
/// let next = stream.next();
/// stream.seek(&cursor)?;
/// assert_eq!(stream.next(), next);
/// # Ok::<(), trimtab_tasks::stream::StreamError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProblemStream {
    seed: u64,
    sources: Vec<Weighted>,
    weights: Vec<usize>,
    identity: String,
    position: u64,
}

#[derive(Clone, Debug)]
struct Weighted {
    problems: ProblemSource,
    /// ProblemSource taken so far.
    taken: u64,
    /// The current epoch and its order.
    order: Option<(u64, Vec<u32>)>,
}

/// A position in a stream.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// [`ProblemStream::identity`] of the stream.
    pub stream: String,
    /// ProblemSource taken from each source.
    pub taken: Vec<u64>,
}

/// Addresses of the choice of a source and of the order of an epoch. The number of the source is
/// added to the latter.
const MIX: u64 = 1 << 36;
const SHUFFLE: u64 = 1 << 37;

impl ProblemStream {
    /// A stream at its start. Each source is chosen in proportion to its weight.
    ///
    /// # Errors
    ///
    /// Fails if no source has a weight, or if a source is empty.
    pub fn new(seed: u64, sources: Vec<(ProblemSource, u32)>) -> Result<Self, StreamError> {
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

    /// SHA-256 of seed, weights and contents, in hexadecimal.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The current position.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            stream: self.identity.clone(),
            taken: self.sources.iter().map(|source| source.taken).collect(),
        }
    }

    /// Moves to the position of `cursor`.
    ///
    /// # Errors
    ///
    /// Fails if the cursor belongs to a stream with other data, weights or seed.
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

impl Iterator for ProblemStream {
    type Item = Problem;

    fn next(&mut self) -> Option<Problem> {
        let number = Rng::at([self.seed, MIX, self.position, 0]).weighted(&self.weights);
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
    /// The shuffled order of an epoch (Fisher and Yates), computed on first use.
    fn order(&mut self, seed: u64, number: usize, epoch: u64, len: u64) -> &[u32] {
        if self.order.as_ref().is_none_or(|(made, _)| *made != epoch) {
            let mut rng = Rng::at([seed, SHUFFLE | number as u64, epoch, 0]);
            let mut order: Vec<u32> = (0..len as u32).collect();
            for last in (1..order.len()).rev() {
                order.swap(last, rng.below(last + 1));
            }
            self.order = Some((epoch, order));
        }
        &self.order.as_ref().expect("it was made above").1
    }
}

/// Why a stream cannot be built or moved.
#[expect(missing_docs, reason = "the messages document the variants")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error("a stream needs a source with a weight above 0")]
    NoSource,
    #[error("source {number} has no problem, or more than 4,294,967,295")]
    Size { number: usize },
    #[error("the cursor belongs to a stream with other data, weights or seed")]
    OtherStream,
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::{NanoTask, Split};

    fn list(name: &str, count: usize) -> Vec<Problem> {
        let problem = |index| Problem {
            id: format!("{name}/{index}"),
            ..NanoTask::Gsm.problem(Split::Train, 0, index as u64)
        };
        (0..count).map(problem).collect()
    }

    fn mixed(seed: u64) -> ProblemStream {
        let sources = vec![
            (list("a", 5).into(), 3),
            (list("b", 7).into(), 1),
            (ProblemSource::nano(NanoTask::Math, Split::Train, 1), 2),
            (list("never", 3).into(), 0),
        ];
        ProblemStream::new(seed, sources).expect("four sources")
    }

    #[test]
    fn an_epoch_has_each_problem_once_in_its_own_order() {
        let stream = ProblemStream::new(0, vec![(list("a", 11).into(), 1)]).expect("a source");
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
        fn a_resumed_stream_continues_as_before(
            seed: u64,
            before in 0..60_usize,
            after in 1..60_usize,
        ) {
            let mut whole = mixed(seed);
            whole.by_ref().take(before).for_each(drop);
            let cursor = serde_json::to_string(&whole.cursor()).expect("a small value");
            let mut resumed = mixed(seed);
            let cursor = serde_json::from_str(&cursor).expect("a cursor");
            resumed.seek(&cursor).expect("the same stream");
            let rest = |stream: ProblemStream| stream.take(after).collect::<Vec<_>>();
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
        let stream = |problems: Vec<Problem>| {
            ProblemStream::new(0, vec![(problems.into(), 1)]).expect("a source")
        };
        let cursor = stream(list("a", 5)).cursor();
        assert_eq!(stream(other).seek(&cursor), Err(StreamError::OtherStream));
        assert_eq!(stream(list("a", 5)).seek(&cursor), Ok(()));
    }

    #[test]
    fn a_stream_of_nothing_is_refused() {
        for sources in [vec![], vec![(ProblemSource::from(list("a", 2)), 0)]] {
            assert_eq!(
                ProblemStream::new(0, sources).err(),
                Some(StreamError::NoSource)
            );
        }
        let empty = vec![(ProblemSource::from(vec![]), 1)];
        assert_eq!(
            ProblemStream::new(0, empty).err(),
            Some(StreamError::Size { number: 0 })
        );
    }
}
