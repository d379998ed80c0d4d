//! Memory of the programs.

/// Steps allocate activations by the megabyte. The system's allocator returns each of them to the
/// system, which clears it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mi_option_t`, which `libmimalloc-sys` does not export. The number
/// belongs to the version that Cargo.toml pins; a test compares it with the option's name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed memory for reuse instead of returning it to the system after a second. Each step of
/// a training run needs as much memory as the last, and the system would have to clear it again.
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

/// Bytes of memory that this process can still take, where the system tells.
pub fn available_memory_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let meminfo = read("/proc/meminfo")?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes = line.trim().strip_suffix(" kB")?;
    let system = kilobytes.trim().parse::<u64>().ok()? * 1024;
    // The limit of a container, if it has one.
    let number = |path: &str| read(path)?.trim().parse::<u64>().ok();
    let limit = number("/sys/fs/cgroup/memory.max");
    let used = number("/sys/fs/cgroup/memory.current").unwrap_or(0);
    let container = limit.map(|limit| limit.saturating_sub(used));
    Some(container.map_or(system, |container| container.min(system)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::PURGE_DELAY;

    /// mimalloc reads the option from the environment by its name, so this test in a child process
    /// shows whether the number stands for the same option.
    #[test]
    fn the_number_is_that_of_the_option() {
        const NAME: &str = "MIMALLOC_PURGE_DELAY";
        if std::env::var_os(NAME).is_some_and(|value| value == "4321") {
            #[expect(unsafe_code, reason = "mimalloc has no safe way to read an option")]
            // SAFETY: the function takes any option at any time.
            let delay = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
            assert_eq!(delay, 4321);
            return;
        }
        let output = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "memory::tests::the_number_is_that_of_the_option"])
            .env(NAME, "4321")
            .output()
            .expect("it starts");
        let output = String::from_utf8(output.stdout).expect("text");
        assert!(output.contains("1 passed"), "{output}");
    }
}
