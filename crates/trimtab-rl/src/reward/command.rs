//! A reward by an outside program that speaks JSON Lines.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use trimtab_model::FinishReason;

use crate::rollout::Group;

/// A program that rewards completions.
///
/// It reads one JSON object per line from its standard input: `{"id", "problem", "sample",
/// "prompt", "completion", "gold", "length", "truncated"}`. It answers each with one line on its
/// standard output, in order: `{"reward": 0.5}`, or `{"reward": null}` where the reward does not
/// apply. An answer may repeat the `id` of its question, which is then compared.
///
/// The program is started once. If it ends, or does not answer in time, it is started again. On
/// Unix it leads a process group, and the programs that it started are killed with it. Elsewhere
/// only the program itself is killed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Program and arguments.
    pub program: Vec<String>,
    /// Weight of its rewards.
    #[serde(default = "default_weight")]
    pub weight: f32,
    /// Longest wait for the answers to one group, in seconds.
    #[serde(default = "default_seconds")]
    pub seconds: f32,
}

fn default_weight() -> f32 {
    1.0
}

fn default_seconds() -> f32 {
    60.0
}

/// Why the program gave no reward.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot start `{program}`")]
    Start { program: String, source: io::Error },
    #[error("`{program}` did not answer within {seconds} seconds, {ATTEMPTS} times; it was killed")]
    Hangs { program: String, seconds: f32 },
    #[error("`{program}` ended without an answer, {ATTEMPTS} times")]
    Dies { program: String },
    #[error(
        "`{program}` answered {line:?}; each line must be {{\"reward\": NUMBER}} or \
         {{\"reward\": null}}"
    )]
    Answer { program: String, line: String },
    #[error("`{program}` answered {line:?}, but the question has the id {id}")]
    WrongId {
        program: String,
        line: String,
        id: u64,
    },
    #[error("`{program}` wrote {line:?} before it was asked; it must write one line per question")]
    Surplus { program: String, line: String },
}

/// How often a group is given to the program.
const ATTEMPTS: usize = 3;

/// The program, running or not.
pub(super) struct Command {
    config: CommandConfig,
    running: Mutex<Option<Process>>,
}

#[derive(Serialize)]
struct Question<'a> {
    id: u64,
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
    id: Option<u64>,
    /// Must be there, and may be null.
    #[serde(deserialize_with = "Option::deserialize")]
    reward: Option<f32>,
}

enum Failure {
    Dies,
    Hangs,
    Answer(String),
    WrongId(String, u64),
    Surplus(String),
}

impl Command {
    pub(super) fn new(config: CommandConfig) -> Self {
        Self {
            config,
            running: Mutex::new(None),
        }
    }

    /// The reward of each rollout of a group; one group at a time.
    pub(super) fn rewards(&self, group: &Group) -> Result<Vec<Option<f32>>, CommandError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut failure = Failure::Dies;
        for _ in 0..ATTEMPTS {
            if running.is_none() {
                *running = Some(Process::start(&self.config.program).map_err(|source| {
                    let program = self.config.program.join(" ");
                    CommandError::Start { program, source }
                })?);
            }
            let process = running.as_mut().expect("it was started above");
            match process.ask(group, self.config.seconds) {
                Ok(rewards) => return Ok(rewards),
                Err(failed) => failure = failed,
            }
            *running = None; // kills it
            if !matches!(failure, Failure::Dies | Failure::Hangs) {
                break; // it would write the same again
            }
        }
        Err(self.error(failure))
    }

    fn error(&self, failure: Failure) -> CommandError {
        let program = self.config.program.join(" ");
        let seconds = self.config.seconds;
        match failure {
            Failure::Dies => CommandError::Dies { program },
            Failure::Hangs => CommandError::Hangs { program, seconds },
            Failure::Answer(line) => CommandError::Answer { program, line },
            Failure::WrongId(line, id) => CommandError::WrongId { program, line, id },
            Failure::Surplus(line) => CommandError::Surplus { program, line },
        }
    }
}

/// The running program. Two threads write and read, so that a program that does neither blocks
/// nobody.
struct Process {
    child: Child,
    questions: Option<Sender<String>>,
    answers: Receiver<String>,
    next_id: u64,
}

impl Process {
    fn start(program: &[String]) -> io::Result<Self> {
        let mut command = std::process::Command::new(&program[0]);
        command
            .args(&program[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        let (questions, asked) = channel();
        let (answer, answers) = channel();
        std::thread::spawn(move || write_lines(stdin, asked));
        std::thread::spawn(move || read_lines(stdout, answer));
        Ok(Self {
            child,
            questions: Some(questions),
            answers,
            next_id: 0,
        })
    }

    fn ask(&mut self, group: &Group, seconds: f32) -> Result<Vec<Option<f32>>, Failure> {
        match self.answers.try_recv() {
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(Failure::Dies),
            Ok(line) => return Err(Failure::Surplus(line)),
        }
        let first_id = self.next_id;
        self.next_id += group.rollouts.len() as u64;
        let lines = questions(group, first_id);
        let sender = self.questions.as_ref().expect("the program runs");
        sender.send(lines).map_err(|_| Failure::Dies)?;
        let deadline = Instant::now() + Duration::from_secs_f32(seconds);
        let ids = first_id..self.next_id;
        ids.map(|id| self.answer(id, deadline)).collect()
    }

    fn answer(&self, id: u64, deadline: Instant) -> Result<Option<f32>, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = self.answers.recv_timeout(left);
        let line = line.map_err(|error| match error {
            RecvTimeoutError::Timeout => Failure::Hangs,
            RecvTimeoutError::Disconnected => Failure::Dies,
        })?;
        match serde_json::from_str::<Answer>(&line) {
            Err(_) => Err(Failure::Answer(line)),
            Ok(answer) if answer.id.is_some_and(|found| found != id) => {
                Err(Failure::WrongId(line, id))
            }
            Ok(answer) => Ok(answer.reward),
        }
    }

    /// Ends the program and those that it started. The two threads then end on their own.
    fn kill(&mut self) {
        self.questions = None;
        // All of this fails only where it has ended already. Until `wait`, no other process can
        // have its id.
        #[cfg(unix)]
        {
            use nix::sys::signal::{Signal, killpg};
            let group = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
            let _ = killpg(group, Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The questions about a group, one per line. Their ids count from `first_id`.
fn questions(group: &Group, first_id: u64) -> String {
    let mut lines = String::new();
    for ((sample, rollout), id) in group.rollouts.iter().enumerate().zip(first_id..) {
        let question = Question {
            id,
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
    lines
}

fn write_lines(mut stdin: ChildStdin, lines: Receiver<String>) {
    for lines in lines {
        let written = stdin.write_all(lines.as_bytes());
        if written.and_then(|()| stdin.flush()).is_err() {
            break;
        }
    }
}

fn read_lines(stdout: ChildStdout, lines: Sender<String>) {
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            break;
        }
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
            let rewards = command.rewards(&group(&["good", "bad \" \n line"], "4"));
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
            let rewards = command.rewards(&group(&["a", "b"], "4")).expect("answers");
            assert_eq!(rewards, [Some(2.0), Some(3.0)]);
        }
        let starts = std::fs::read_to_string(starts).expect("written by the program");
        assert_eq!(starts.lines().count(), 4);
    }

    #[test]
    fn programs_that_cannot_work_are_told_apart() {
        let group = group(&["a"], "4");
        let of = |command: Command| command.rewards(&group).expect_err("no answer");
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
            let script = format!("read -r question; echo '{line}'; cat > /dev/null");
            let error = of(shell(&script, 20.0));
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
        let error = shell("exec sleep 600", 0.1).rewards(&group(&[&long], "4"));
        assert!(matches!(error, Err(CommandError::Hangs { .. })));
    }

    #[test]
    fn a_line_too_many_is_not_the_next_answer() {
        let script = r#"read -r a; echo '{"reward": 1}'; echo '{"reward": 7}'
                        while read -r a; do echo '{"reward": 2}'; done"#;
        let command = shell(script, 20.0);
        let group = group(&["a"], "4");
        assert_eq!(command.rewards(&group).expect("an answer"), [Some(1.0)]);
        std::thread::sleep(Duration::from_millis(300)); // the second line arrives
        let error = command.rewards(&group).expect_err("a line too many");
        assert!(
            matches!(&error, CommandError::Surplus { line, .. } if line.contains('7')),
            "{error}"
        );
        assert_eq!(command.rewards(&group).expect("started again"), [Some(1.0)]);
    }

    #[test]
    fn an_id_in_an_answer_must_be_that_of_the_question() {
        let group = group(&["a", "b"], "4");
        // Gives back the id of each question, which is the first field.
        let script = r#"while read -r line; do id=${line#*:}; id=${id%%,*}
                        echo "{\"id\": $id, \"reward\": $id}"; done"#;
        let command = shell(script, 20.0);
        for ids in [[0.0, 1.0], [2.0, 3.0]] {
            let rewards = command.rewards(&group).expect("the right ids");
            assert_eq!(rewards, ids.map(Some));
        }
        let script = r#"while read -r line; do echo '{"id": 0, "reward": 1}'; done"#;
        let error = shell(script, 20.0).rewards(&group).expect_err("0 again");
        assert!(
            matches!(error, CommandError::WrongId { id: 1, .. }),
            "{error}"
        );
    }

    /// A grandchild holds the pipe, so that the reader would wait for it as long as it lives.
    #[test]
    fn what_a_program_started_ends_with_it() {
        let program = ["sh", "-c", "sleep 600 & echo $!; cat"].map(str::to_owned);
        let mut process = Process::start(&program).expect("sh is there");
        let grandchild = process.answers.recv_timeout(Duration::from_secs(20));
        let grandchild: i32 = grandchild.expect("its id").parse().expect("a number");
        let pid = nix::unistd::Pid::from_raw(grandchild);
        assert!(nix::sys::signal::kill(pid, None).is_ok(), "it runs");
        process.kill();
        let ended = process.answers.recv_timeout(Duration::from_secs(10));
        assert_eq!(
            ended,
            Err(RecvTimeoutError::Disconnected),
            "the reader waits"
        );
    }
}
