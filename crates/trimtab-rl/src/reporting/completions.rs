//! The completions that the report shows side by side.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use trimtab_grader::Rules;
use trimtab_tasks::Problem;

use super::report::{Answer, Example};
use crate::data::Data;
use crate::rollout::Group;

/// The first completion of some groups, of the first step and of the last.
#[derive(Debug, Default)]
pub(crate) struct ShownCompletions {
    rules: Rules,
    first: Vec<Answer>,
    last: Vec<Answer>,
}

/// Groups of a step that are shown.
const GROUPS: usize = 4;
/// Bytes that are read at either end of the log, which may be large.
const MAX_READ_BYTES: u64 = 1 << 20;

/// What is read of a line of `completions.jsonl`.
#[derive(Deserialize)]
struct Line {
    step: u64,
    index: u64,
    sample: usize,
    text: String,
}

impl ShownCompletions {
    /// Finds them in the log of a run that goes on, whose problems come from `data`.
    pub(crate) fn read(log: &Path, mut data: Data, rules: Rules) -> io::Result<Self> {
        let mut file = match File::open(log) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    rules,
                    ..Self::default()
                });
            }
            opened => opened?,
        };
        let mut answers = |lines: &[Line], step: Option<u64>| -> Vec<Answer> {
            let of_step = lines.iter().filter(|line| Some(line.step) == step);
            let firsts = of_step.filter(|line| line.sample == 0).take(GROUPS);
            let shown = firsts.filter_map(|line| {
                let problem = data.problem(line.index)?;
                Some(answer(line.step, &problem, &line.text, rules))
            });
            shown.collect()
        };
        let head = lines(BufReader::new((&mut file).take(MAX_READ_BYTES)));
        let first = answers(&head, head.first().map(|line| line.step));
        let end = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(end.saturating_sub(MAX_READ_BYTES)))?;
        let tail = lines(BufReader::new(file));
        let last = answers(&tail, tail.last().map(|line| line.step));
        Ok(Self { rules, first, last })
    }

    /// Takes those of a step that was made.
    pub(crate) fn add(&mut self, groups: &[Group]) {
        let rules = self.rules;
        let shown = groups.iter().take(GROUPS).filter_map(|group| {
            let rollout = group.rollouts.first()?;
            Some(answer(group.step, &group.problem, &rollout.text, rules))
        });
        self.last = shown.collect();
        if self.first.is_empty() {
            self.first.clone_from(&self.last);
        }
    }

    /// Those of the first step beside those of the last; nothing where there is only one step.
    pub(crate) fn examples(&self) -> Vec<Example> {
        if self.first.first().map(|answer| &answer.label)
            == self.last.first().map(|answer| &answer.label)
        {
            return vec![];
        }
        let pairs = self.first.iter().cloned().zip(self.last.iter().cloned());
        pairs
            .map(|(before, after)| Example { before, after })
            .collect()
    }
}

/// The whole lines among those of `reader`.
fn lines(reader: impl BufRead) -> Vec<Line> {
    let lines = reader.split(b'\n').map_while(Result::ok);
    lines
        .filter_map(|line| serde_json::from_slice(&line).ok())
        .collect()
}

fn answer(step: u64, problem: &Problem, text: &str, rules: Rules) -> Answer {
    Answer {
        label: format!("step {step}"),
        question: problem.question.clone(),
        gold: problem.answer.clone(),
        text: text.to_owned(),
        correct: problem.grade(text, &rules).verdict.is_correct(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::recipe::Recipe;
    use crate::rollout::tests::group;

    fn data() -> Data {
        Data::load(&Recipe::default()).expect("generated problems")
    }

    #[test]
    fn a_run_that_goes_on_shows_what_an_uninterrupted_one_does() {
        let mut log = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut whole = ShownCompletions::default();
        for step in [1, 2, 30] {
            let groups: Vec<Group> = (0..6)
                .map(|number| {
                    let index = 10 * step + number;
                    let problem = data().problem(index).expect("a problem");
                    let texts = [
                        format!("it is \\boxed{{{}}}", problem.answer),
                        String::new(),
                    ];
                    Group {
                        problem,
                        index,
                        step,
                        ..group(&texts.each_ref().map(String::as_str), "4")
                    }
                })
                .collect();
            whole.add(&groups);
            for record in groups.iter().flat_map(Group::records) {
                let line = serde_json::to_string(&record).expect("plain data");
                writeln!(log, "{line}").expect("a writable file");
            }
        }
        let read =
            ShownCompletions::read(log.path(), data(), Rules::DEFAULT).expect("a readable file");
        let examples = read.examples();
        assert_eq!(examples.len(), GROUPS);
        assert_eq!([&read.first, &read.last], [&whole.first, &whole.last]);
        assert_eq!(examples[3].after.label, "step 30");
        assert!(examples[3].after.correct);
        assert_eq!(
            Some(&examples[3].after.question),
            data().problem(303).map(|problem| problem.question).as_ref()
        );
    }

    #[test]
    fn nothing_is_shown_before_the_second_step() {
        let none = ShownCompletions::read("no such file".as_ref(), data(), Rules::DEFAULT)
            .expect("no log yet");
        assert!(none.examples().is_empty());
        let mut one = ShownCompletions::default();
        one.add(&[group(&["a"], "4")]);
        assert!(one.examples().is_empty());
    }
}
