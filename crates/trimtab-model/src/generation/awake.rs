//! Threads that wait for work without sleeping.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::Yield;

/// How long a thread spins before it lets other processes run.
const SPIN: Duration = Duration::from_micros(200);

/// Runs `work`, which keeps `busy` threads of the pool busy, while the others look for parts of it.
///
/// A token of one sequence is hundreds of products of some ten microseconds. Threads that fall
/// asleep between them are woken too late to help.
///
/// Several callers may do this at the same time. A thread waits for a part of its own work only
/// after others took all of its lookers, which lie before that part in its queue. So two callers
/// cannot wait for each other, but a waiting one may look for the other's work until that is done.
pub(super) fn with_idle_threads_awake<R: Send>(busy: usize, work: impl FnOnce() -> R + Send) -> R {
    /// Says that the work is done, also if it panics.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_done = AtomicBool::new(false);
    rayon::scope(|scope| {
        let done = Done(&is_done);
        for _ in busy..rayon::current_num_threads() {
            scope.spawn(|_| look_for_work(&is_done));
        }
        let result = work();
        drop(done);
        result
    })
}

fn look_for_work(is_done: &AtomicBool) {
    let mut last_work = Instant::now();
    while !is_done.load(Ordering::Relaxed) {
        if rayon::yield_now() == Some(Yield::Executed) {
            last_work = Instant::now();
        } else if last_work.elapsed() < SPIN {
            spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn callers_at_the_same_time_all_finish() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
        let pool = pool.expect("threads");
        // Long enough for other threads to take parts, and for all to wait for each other.
        let square = |x: u64| {
            std::thread::sleep(Duration::from_micros(20));
            x * x
        };
        let sum = || (0..16).into_par_iter().map(square).sum::<u64>();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10 {
                        let sums = || (0..20).map(|_| sum()).collect::<Vec<_>>();
                        let sums = pool.install(|| with_idle_threads_awake(1, sums));
                        assert_eq!(sums, [1_240; 20]);
                    }
                });
            }
        });
    }
}
