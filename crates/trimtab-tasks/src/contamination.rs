//! Test problems that occur in training data.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Length of the word sequences that are compared (GPT-3, arXiv:2005.14165, appendix C).
const NGRAM: usize = 13;

/// An n-gram that occurs in more test problems than this is a phrase of the benchmark.
const MAX_OWNERS: usize = 10;

/// A test problem whose question occurs in the training data, in whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Overlap {
    /// Number of the test problem, from 0.
    pub test: usize,
    /// Number of the first training problem with the same question, up to blanks and case.
    pub equal: Option<usize>,
    /// How many of the test question's 13-grams occur in the training data.
    pub shared: usize,
    /// How many 13-grams the test question has. A question of fewer than 13 words has none.
    pub ngrams: usize,
    /// Number of the first training problem that shares the most 13-grams.
    pub closest: Option<usize>,
}

impl Overlap {
    /// The share of 13-grams that occur in the training data, or 1 for an equal question.
    pub fn share(&self) -> f64 {
        if self.equal.is_some() {
            1.0
        } else {
            self.shared as f64 / self.ngrams.max(1) as f64
        }
    }
}

/// The test problems whose questions occur in the training data, in whole or in part.
///
/// Two questions are equal if they differ only in blanks and case. Otherwise the 13-grams of their
/// words are compared, where a word is a run of letters and digits in lower case. 13-grams that
/// occur in more than ten test problems do not count. A paraphrase is not found.
///
/// Takes one pass over each side. Time and memory are linear in the length of the texts.
///
/// ```
/// use trimtab_tasks::contamination::overlaps;
/// use trimtab_tasks::{Level, ProceduralTask, Split};
///
/// let problem = |index| ProceduralTask::Sorting.problem(Level::EASIEST, Split::Train, 0, index);
/// let train: Vec<_> = (0..50).map(problem).collect();
/// let found = overlaps(&train, &train[7..8]);
/// assert_eq!(found[0].equal, Some(7));
/// ```
pub fn overlaps(train: &[Problem], test: &[Problem]) -> Vec<Overlap> {
    let mut by_text: HashMap<String, usize> = HashMap::new();
    for (number, problem) in train.iter().enumerate() {
        by_text
            .entry(normalised(&problem.question))
            .or_insert(number);
    }
    // Each 13-gram of the test side, with the problems that have it.
    let mut owners: HashMap<u64, Vec<usize>> = HashMap::new();
    for (number, problem) in test.iter().enumerate() {
        for gram in ngrams(&problem.question) {
            owners.entry(gram).or_default().push(number);
        }
    }
    owners.retain(|_, numbers| numbers.len() <= MAX_OWNERS);
    let mut found: Vec<Overlap> = test
        .iter()
        .enumerate()
        .map(|(number, problem)| Overlap {
            test: number,
            equal: by_text.get(&normalised(&problem.question)).copied(),
            shared: 0,
            ngrams: 0,
            closest: None,
        })
        .collect();
    for number in owners.values().flatten() {
        found[*number].ngrams += 1;
    }
    let mut seen: HashSet<u64> = HashSet::new();
    let mut most = vec![0; test.len()];
    for (number, problem) in train.iter().enumerate() {
        let mut common: HashMap<usize, usize> = HashMap::new();
        for gram in ngrams(&problem.question) {
            let Some(owners) = owners.get(&gram) else {
                continue;
            };
            let new = seen.insert(gram);
            for owner in owners {
                found[*owner].shared += usize::from(new);
                *common.entry(*owner).or_default() += 1;
            }
        }
        for (owner, count) in common {
            if count > most[owner] {
                most[owner] = count;
                found[owner].closest = Some(number);
            }
        }
    }
    found.retain(|overlap| overlap.equal.is_some() || overlap.shared > 0);
    found
}

fn normalised(question: &str) -> String {
    question
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The hashes of the different 13-grams.
fn ngrams(question: &str) -> HashSet<u64> {
    let text = question.to_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words
        .windows(NGRAM)
        .map(|gram| {
            let mut hasher = DefaultHasher::new();
            gram.hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NanoTask, Split};

    fn problems(questions: &[&str]) -> Vec<Problem> {
        questions
            .iter()
            .map(|question| Problem {
                question: (*question).to_owned(),
                ..NanoTask::Gsm.problem(Split::Train, 0, 0)
            })
            .collect()
    }

    const LONG: &str = "A farmer has one hundred sheep and sells twenty of them on each of the \
                        three market days in May";

    #[test]
    fn equal_texts_are_found_whatever_blanks_and_case() {
        let train = problems(&["other", "What is $x + 1$?", "what is $x+1$ ?"]);
        let found = overlaps(&train, &problems(&["What is  $X+1$?", "What is $x-1$?"]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].test, found[0].equal), (0, Some(1)));
        assert_eq!(found[0].share(), 1.0);
    }

    #[test]
    fn parts_of_thirteen_words_are_found() {
        // 20 words, so 8 n-grams; the copies keep the first 13 and the first 15.
        let words: Vec<&str> = LONG.split(' ').collect();
        assert_eq!(words.len(), 20);
        let copy = |count: usize| format!("Here: {} or so.", words[..count].join(", "));
        let train = [copy(12), copy(13), copy(15)];
        let train = problems(&train.iter().map(String::as_str).collect::<Vec<_>>());
        let found = overlaps(&train, &problems(&["short", LONG]));
        let expected = Overlap {
            test: 1,
            equal: None,
            shared: 3,
            ngrams: 8,
            closest: Some(2),
        };
        assert_eq!(found, [expected]);
        assert_eq!(found[0].share(), 0.375);
        assert_eq!(overlaps(&train[..1], &problems(&[LONG])), []);
    }

    #[test]
    fn phrases_of_the_benchmark_do_not_count() {
        let test: Vec<String> = (0..11).map(|number| format!("{LONG} {number}")).collect();
        let test = problems(&test.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(overlaps(&problems(&[LONG]), &test), []);
        assert_eq!(overlaps(&problems(&[LONG]), &test[..10]).len(), 10);
    }
}
