//! A clean stop.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Set when the user asks the program to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

/// Exit code of a program that was asked to stop, as shells have it for an interrupt.
pub(crate) const STOPPED: u8 = 130;

/// The program was asked to stop. It ends as after an error, so that everything it holds is
/// released, such as the processes of a reward program.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Stopped(String);

impl Stop {
    /// Waits for Ctrl-C and termination. The first request ends the work at the next safe point,
    /// the second at once.
    ///
    /// # Errors
    ///
    /// The handler cannot be installed.
    pub fn on_ctrl_c() -> Result<Self> {
        let stop = Self::default();
        let flag = stop.0.clone();
        let handler = move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(STOPPED.into());
            }
            // A terminal that is gone must not keep the program from stopping.
            let _ = writeln!(
                io::stderr(),
                "\nstopping after the present piece of work; Ctrl-C again stops at once"
            );
        };
        ctrlc::set_handler(handler).context("cannot handle Ctrl-C")?;
        Ok(stop)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether to go on.
    ///
    /// # Errors
    ///
    /// A stop was asked for; the error says `message`.
    pub fn check(&self, message: &str) -> Result<(), Stopped> {
        if self.requested() {
            Err(Stopped(message.to_owned()))
        } else {
            Ok(())
        }
    }
}
