//! A clean stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};

/// Set when the user asks the program to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

/// Exit code of a program that was asked to stop, as shells have it for an interrupt.
const STOPPED: i32 = 130;

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
                std::process::exit(STOPPED);
            }
        };
        ctrlc::set_handler(handler).context("cannot handle Ctrl-C")?;
        Ok(stop)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Ends the program with `message` if a stop was asked for.
    pub fn check(&self, message: &str) {
        if self.requested() {
            eprintln!("\n{message}");
            std::process::exit(STOPPED);
        }
    }
}
