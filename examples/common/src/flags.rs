//! Parsing of the command line.

use std::ffi::OsString;

use clap::{Command, Parser};

/// The flags of a program. A value may begin with a hyphen, as in `--strength -1`.
///
/// Clap takes such a value for an unknown flag, unless it is told for each flag that it is none,
/// and would then take a known flag for a value too.
pub fn parse_flags<A: Parser>() -> A {
    A::parse_from(attach_values(&A::command(), std::env::args_os()))
}

/// Writes `--flag -value` as `--flag=-value`.
fn attach_values(command: &Command, args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut attached: Vec<OsString> = vec![];
    let mut flag = None; // the last argument, if it is a flag that waits for a value
    for arg in args {
        match flag.take() {
            Some(flag) if begins_with_one_hyphen(&arg) => {
                attached.pop();
                let mut both: OsString = flag;
                both.push("=");
                both.push(&arg);
                attached.push(both);
            }
            _ => {
                flag = takes_value(command, &arg).then(|| arg.clone());
                attached.push(arg);
            }
        }
    }
    attached
}

/// Whether an argument is no flag, though it looks like a short one. Programs have no short flags
/// but `-h` and `-V`.
fn begins_with_one_hyphen(arg: &OsString) -> bool {
    let text = arg.to_string_lossy();
    let short = text == "-h" || text == "-V";
    text.len() > 1 && text.starts_with('-') && !text.starts_with("--") && !short
}

fn takes_value(command: &Command, arg: &OsString) -> bool {
    let name = arg.to_str().and_then(|arg| arg.strip_prefix("--"));
    let found = name.and_then(|name| {
        let mut arguments = command.get_arguments();
        arguments.find(|argument| argument.get_long() == Some(name))
    });
    found.is_some_and(|argument| argument.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[derive(Debug, Parser)]
    struct Args {
        #[arg(long)]
        strength: Option<f64>,
        #[arg(long, value_delimiter = ',')]
        strengths: Vec<f64>,
        #[arg(long)]
        tokens: Option<u32>,
        #[arg(long)]
        prompt: Option<String>,
        #[arg(long)]
        json: bool,
    }

    fn parse(args: &str) -> Result<Args, clap::Error> {
        let args = args.split(' ').map(OsString::from);
        let args = attach_values(&<Args as clap::CommandFactory>::command(), args);
        Args::try_parse_from(args)
    }

    #[test]
    fn values_may_be_negative_or_begin_with_a_hyphen() {
        let args = parse("program --strength -1 --strengths -0.5,2 --prompt -x --json");
        let args = args.expect("good flags");
        assert_eq!(args.strength, Some(-1.0));
        assert_eq!(args.strengths, [-0.5, 2.0]);
        assert_eq!((args.prompt.as_deref(), args.json), (Some("-x"), true));
        let args = parse("program --strength -1e-3 --json").expect("good flags");
        assert_eq!(args.strength, Some(-1e-3));
        let message = parse("program --tokens -1")
            .expect_err("no token")
            .to_string();
        assert!(message.contains("-1 is not in 0..="), "{message}");
    }

    /// A flag is never taken for a value, nor a value for a flag.
    #[test]
    fn flags_without_their_value_are_refused() {
        for wrong in [
            "program --prompt --json",
            "program --prompt --jsno",
            "program --prompt -h",
            "program --json -1",
            "program -1",
        ] {
            parse(wrong).expect_err(wrong);
        }
    }

    /// The programs parse their flags and print in this way.
    #[test]
    fn no_program_parses_or_prints_in_another_way() {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut folders = vec![programs];
        let mut checked = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("the programs") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && !path.ends_with("common") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = fs::read_to_string(&path).expect("source code");
                    for wrong in ["Args::parse()", "println!", "print!("] {
                        assert!(!text.contains(wrong), "{}: {wrong}", path.display());
                    }
                    checked += 1;
                }
            }
        }
        assert!(checked > 20, "{checked}");
    }
}
