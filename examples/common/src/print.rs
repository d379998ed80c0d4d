//! Printing that ends a program quietly when nobody reads any more, as after `train | head -1`.
//!
//! `println!` panics then.

use std::fmt::Arguments;
use std::io::{self, Write};

/// As `println!`, with an error instead of a panic. [`exit_code`](crate::exit_code) says nothing
/// about a closed pipe.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::write_line(std::io::stdout(), format_args!($($text)*)) };
}

/// As `eprintln!`, with an error instead of a panic.
#[macro_export]
macro_rules! note {
    ($($text:tt)*) => { $crate::write_line(std::io::stderr(), format_args!($($text)*)) };
}

/// Writes a line at once. Programs use [`say!`](crate::say) and [`note!`](crate::note).
///
/// # Errors
///
/// Nobody reads any more, or writing fails.
pub fn write_line(mut to: impl Write, text: Arguments) -> io::Result<()> {
    to.write_all(format!("{text}\n").as_bytes())?;
    to.flush()
}
