//! A killed evaluation is resumed to the same bytes as an uninterrupted one.
//!
//! This test has a process of its own: a child that starts holds the locks of all open files for a
//! moment.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{SAMPLES, bytes, complete, finished, go_on, items, open};
use trimtab_tasks::evaluation::samples_path;

#[test]
fn a_killed_run_ends_in_the_same_bytes() {
    const OUT: &str = "TRIMTAB_KILLED_RUN";
    if let Some(out) = std::env::var_os(OUT) {
        // The child: a slow run that is killed somewhere.
        let (out, items) = (PathBuf::from(out), items());
        let mut run = open(&out, &items).expect("files of this run");
        for (index, item) in items.iter().enumerate().skip(run.samples().len()) {
            run.append(vec![complete(index, item)])
                .expect("a writable folder");
            sleep(Duration::from_millis(20));
        }
        sleep(Duration::from_mins(1));
        unreachable!("the parent kills this process");
    }
    let (folder, _, expected) = finished();
    for problems in 1..=4 {
        let out = folder.path().join(format!("killed{problems}.json"));
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "a_killed_run_ends_in_the_same_bytes"])
            .env(OUT, &out)
            .stdout(Stdio::null())
            .spawn()
            .expect("this test starts");
        let lines =
            || fs::read_to_string(samples_path(&out)).map_or(0, |text| text.lines().count());
        let started = Instant::now();
        while lines() < problems * SAMPLES {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the child writes nothing"
            );
            sleep(Duration::from_millis(1));
        }
        child.kill().expect("a running child"); // SIGKILL
        child.wait().expect("a dead child");
        go_on(&out);
        assert!(bytes(&out) == expected, "killed after problem {problems}");
    }
}
