//! A reward by an outside program that speaks JSON Lines.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use trimtab_model::FinishReason;

use crate::rollout::Group;

/// A program that rewards completions.
///
/// It reads one JSON object a line, `{"problem", "sample", "prompt", "completion", "gold", "length", "truncated"}`, and answers
/// each with one line, in order: `{"reward": 0.5}`, or `{"reward": null}` where it does not apply. It is started once, started
/// again when it dies, and killed and started again when it does not answer in time.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Program and arguments.
    pub program: Vec<String>,
    /// Weight of what it says.
    #[serde(default = "one")]
    pub weight: f32,
    /// Longest wait for the answers to one group, in seconds.
    #[serde(default = "a_minute")]
    pub seconds: f32,
}

fn one() -> f32 {
    1.0
}

fn a_minute() -> f32 {
    60.0
}

/// Why the program gave no reward.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("`{program}` did not answer within {seconds} seconds, {ATTEMPTS} times; it was killed")]
    Hangs { program: String, seconds: f32 },
    #[error("`{program}` ended without an answer, {ATTEMPTS} times")]
    Dies { program: String },
    #[error(
        "`{program}` answered {line:?}; each line must be {{\"reward\": NUMBER}} or {{\"reward\": null}}"
    )]
    Answer { program: String, line: String },
}

/// How often a group is put to the program.
const ATTEMPTS: usize = 3;

/// The program, running or not.
pub(super) struct Command {
    config: CommandConfig,
    running: Mutex<Option<Process>>,
}

struct Process {
    child: Child,
    questions: Sender<String>,
    answers: Receiver<String>,
}

#[derive(Serialize)]
struct Question<'a> {
    problem: &'a str,
    sample: usize,
    prompt: &'a str,
    completion: &'a str,
    gold: &'a str,
    length: usize,
    truncated: bool,
}

#[derive(Deserialize)]
struct Answer {
    /// Must be there, and may be null.
    #[serde(deserialize_with = "Option::deserialize")]
    reward: Option<f32>,
}

enum Failure {
    Dies,
    Hangs,
    Answer(String),
}

impl Command {
    pub(super) fn new(config: CommandConfig) -> Self {
        Self {
            config,
            running: Mutex::new(None),
        }
    }

    /// The reward of each rollout of a group; one group at a time.
    pub(super) fn of(&self, group: &Group) -> Result<Vec<Option<f32>>, CommandError> {
        let program = self.config.program.join(" ");
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = Failure::Dies;
        for _ in 0..ATTEMPTS {
            if running.is_none() {
                *running = Some(self.start().map_err(|source| CommandError::Start {
                    program: program.clone(),
                    source,
                })?);
            }
            let process = running.as_mut().expect("it was started above");
            match process.ask(group, self.config.seconds) {
                Ok(rewards) => return Ok(rewards),
                Err(failed) => failure = failed,
            }
            *running = None; // kills it
            if let Failure::Answer(_) = failure {
                break;
            }
        }
        Err(match failure {
            Failure::Dies => CommandError::Dies { program },
            Failure::Answer(line) => CommandError::Answer { program, line },
            Failure::Hangs => CommandError::Hangs {
                program,
                seconds: self.config.seconds,
            },
        })
    }

    fn start(&self) -> io::Result<Process> {
        let mut child = std::process::Command::new(&self.config.program[0])
            .args(&self.config.program[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        // Threads of their own, so that a program that neither reads nor writes blocks nobody. They end with it.
        let (questions, asked) = channel::<String>();
        std::thread::spawn(move || {
            for lines in asked {
                if stdin
                    .write_all(lines.as_bytes())
                    .and_then(|()| stdin.flush())
                    .is_err()
                {
                    break;
                }
            }
        });
        let (answer, answers) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if answer.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Process {
            child,
            questions,
            answers,
        })
    }
}

impl Process {
    fn ask(&mut self, group: &Group, seconds: f32) -> Result<Vec<Option<f32>>, Failure> {
        let mut lines = String::new();
        for (sample, rollout) in group.rollouts.iter().enumerate() {
            let question = Question {
                problem: &group.problem.id,
                sample,
                prompt: &group.prompt_text,
                completion: &rollout.text,
                gold: &group.problem.answer,
                length: rollout.completion.tokens.len(),
                truncated: rollout.completion.finish_reason == FinishReason::Length,
            };
            lines += &serde_json::to_string(&question).expect("texts and numbers are JSON");
            lines.push('\n');
        }
        self.questions.send(lines).map_err(|_| Failure::Dies)?;
        let until = Instant::now() + Duration::from_secs_f32(seconds);
        let mut rewards = vec![];
        while rewards.len() < group.rollouts.len() {
            let left = until.saturating_duration_since(Instant::now());
            let line = self
                .answers
                .recv_timeout(left)
                .map_err(|error| match error {
                    RecvTimeoutError::Timeout => Failure::Hangs,
                    RecvTimeoutError::Disconnected => Failure::Dies,
                })?;
            let answer: Answer =
                serde_json::from_str(&line).map_err(|_| Failure::Answer(line.clone()))?;
            rewards.push(answer.reward);
        }
        Ok(rewards)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::rollout::tests::group;

    fn shell(script: &str, seconds: f32) -> Command {
        Command::new(CommandConfig {
            program: ["sh", "-c", script].map(str::to_owned).to_vec(),
            weight: 1.0,
            seconds,
        })
    }

    #[test]
    fn a_program_answers_line_by_line() {
        let script = r#"while read -r line; do case "$line" in
            *good*'"gold":"4"'*) echo '{"reward": 1.5}';; *) echo '{"reward": null}';; esac; done"#;
        let command = shell(script, 20.0);
        for _ in 0..3 {
            let rewards = command.of(&group(&["good", "bad \" \n line"], "4"));
            assert_eq!(rewards.expect("answers"), [Some(1.5), None]);
        }
    }

    #[test]
    fn a_program_that_dies_is_started_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let starts = folder.path().join("starts");
        // Answers one group of two and ends; the first start dies at once.
        let script = format!(
            r#"echo >> {0}; [ $(wc -l < {0}) -gt 1 ] || exit 1; read -r a; read -r b
               echo '{{"reward": 2}}'; echo '{{"reward": 3}}'"#,
            starts.display()
        );
        let command = shell(&script, 20.0);
        for _ in 0..3 {
            let rewards = command.of(&group(&["a", "b"], "4")).expect("answers");
            assert_eq!(rewards, [Some(2.0), Some(3.0)]);
        }
        let starts = std::fs::read_to_string(starts).expect("written by the program");
        assert_eq!(starts.lines().count(), 4);
    }

    #[test]
    fn programs_that_cannot_work_are_told_apart() {
        let group = group(&["a"], "4");
        let of = |command: Command| command.of(&group).expect_err("no answer");
        let started = Instant::now();
        let error = of(shell("exec sleep 600", 0.05));
        assert!(matches!(error, CommandError::Hangs { .. }), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "it was not killed"
        );
        let error = of(shell("exit 0", 20.0));
        assert!(matches!(error, CommandError::Dies { .. }), "{error}");
        for line in ["hello", r#"{"rewards": 1}"#, r#"{"reward": "1"}"#] {
            let error = of(shell(&format!("echo '{line}'; cat > /dev/null"), 20.0));
            assert!(matches!(error, CommandError::Answer { .. }), "{error}");
        }
        let missing = Command::new(CommandConfig {
            program: vec!["/nonexistent/program".to_owned()],
            weight: 1.0,
            seconds: 1.0,
        });
        assert!(matches!(of(missing), CommandError::Start { .. }));
    }

    /// More than a pipe holds, to a program that never reads: nobody blocks.
    #[test]
    fn a_program_that_does_not_read_is_killed() {
        let long = "long ".repeat(60_000);
        let error = shell("exec sleep 600", 0.1).of(&group(&[&long], "4"));
        assert!(matches!(error, Err(CommandError::Hangs { .. })));
    }
}
