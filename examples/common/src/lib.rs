//! What all programs share: flags, devices, progress bars, a clean stop, printing, error messages,
//! memory.

mod device;
mod error;
mod flags;
mod memory;
mod print;
mod report;
mod stop;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

pub use device::{DeviceArgs, bundled_model};
pub use error::exit_code;
pub use flags::parse_flags;
pub use memory::{available_memory_bytes, keep_freed_memory, peak_memory_bytes};
pub use print::write_line;
pub use report::{token_table, write_report};
pub use stop::Stop;

/// A bar on standard error. It is drawn on a terminal only.
///
/// # Panics
///
/// Never: a test checks the template.
pub fn progress(label: &'static str, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} {bar:30} {pos}/{len} {eta:>5} {msg}");
    ProgressBar::new(steps)
        .with_style(style.expect("a constant template"))
        .with_prefix(label)
}

/// A sign on standard error that something is going on. It is drawn on a terminal only.
pub fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bar_template_is_valid() {
        super::progress("testing", 1).finish();
    }
}
