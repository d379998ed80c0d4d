//! Memory of the programs.

/// Activations come and go by the megabyte; the system's allocator hands each back and clears it anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Place of `mi_option_purge_delay` in `mi_option_t` of mimalloc 3.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed memory for what comes next instead of handing it back to the system after a second, which would clear it
/// anew: steps of a training run need as much as the one before.
pub fn keep_freed_memory() {
    #[expect(unsafe_code, reason = "mimalloc has no safe way to set an option")]
    // SAFETY: the function takes any option and any value, at any time; -1 stands for never.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1);
    }
}

/// Largest resident size of this process so far, in bytes, where the system tells.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()?
            * 1024,
    )
}
