//! What the programs share: progress bars and a clean stop on Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

/// Set when the user asks the program to stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Watches for Ctrl-C and termination. The first request ends the work at the next safe point, the second at once.
    ///
    /// # Errors
    ///
    /// The handler cannot be installed.
    pub fn on_ctrl_c() -> anyhow::Result<Self> {
        let stop = Self::default();
        let flag = stop.0.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
        })?;
        Ok(stop)
    }

    /// Whether to stop.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A bar on standard error that shows itself on a terminal only.
///
/// # Panics
///
/// Never: the template is checked by a test.
pub fn progress(label: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} {bar:30} {pos}/{len} {eta:>5} {msg}");
    ProgressBar::new(steps).with_style(style.expect("a constant template")).with_prefix(label)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bar_template_is_valid() {
        super::progress("testing", 1).finish();
    }
}
