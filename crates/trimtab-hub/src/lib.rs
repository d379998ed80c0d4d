//! Checkpoints and data sets from the Hugging Face hub, through its local cache.
//!
//! [`Hub::snapshot`] fetches a checkpoint. [`install`] lets `trimtab-tasks` read data sets from the
//! hub and, with the feature `parquet`, from Parquet files. Programs that use neither do not depend
//! on this crate, and build without an HTTP client.

mod checkpoint;
mod dataset;
#[cfg(feature = "parquet")]
mod parquet;

pub use checkpoint::{Download, Hub, HubError};

/// Lets `trimtab-tasks` read data sets from the hub and, with the feature `parquet`, from Parquet
/// files. Call it once, at the start of a program.
///
/// ```no_run
/// use trimtab_tasks::{Split, Task};
///
/// trimtab_hub::install();
/// let task: Task = "math500".parse()?;
/// assert_eq!(task.problems(Split::HeldOut, 0)?.len(), Some(500));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn install() {
    trimtab_tasks::reader::install_fetch(dataset::fetch);
    #[cfg(feature = "parquet")]
    trimtab_tasks::reader::install_parquet(parquet::rows);
}

/// The examples of the README, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
