//! What all programs share: devices, progress bars, a clean stop, error messages, memory.

mod device;
mod error;
mod memory;
mod report;
mod stop;

use indicatif::{ProgressBar, ProgressStyle};

pub use device::{DeviceArgs, bundled_model};
pub use error::exit_code;
pub use memory::{keep_freed_memory, peak_memory_bytes};
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_bar_template_is_valid() {
        super::progress("testing", 1).finish();
    }
}
