//! Data sets by name, from a hub that this test plays on a local port.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use trimtab_tasks::{Split, Task};

const FILE: &str = "/datasets/reasoning-machines/gsm-hard/resolve/main/gsmhardv2.jsonl";
const ROWS: &str = "{\"input\": \"What is 2 + 3?\", \"target\": 5.0}\n\
    {\"input\": \"What is 7 / 2?\", \"target\": 3.5}\n";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with one file.
struct Hub {
    endpoint: String,
    requests: Arc<AtomicUsize>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Hub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let hub = Self {
            endpoint: format!("http://{address}"),
            requests: Arc::default(),
            tokens: Arc::default(),
        };
        let (requests, tokens) = (hub.requests.clone(), hub.tokens.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                requests.fetch_add(1, Ordering::SeqCst);
                let tokens = tokens.clone();
                std::thread::spawn(move || answer(stream, &tokens));
            }
        });
        hub
    }
}

/// Answers one request and hangs up.
fn answer(mut stream: TcpStream, tokens: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let Some(Ok(request)) = lines.next() else {
        return;
    };
    let mut first = 0;
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        if name.eq_ignore_ascii_case("authorization") {
            tokens.lock().expect("no panic").push(value.to_owned());
        }
        if name.eq_ignore_ascii_case("range") {
            let start = value.trim_start_matches("bytes=").split('-').next();
            first = start.and_then(|start| start.parse().ok()).unwrap_or(0);
        }
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next(), words.next());
    let (status, body) = if path == Some(FILE) {
        ("206 Partial Content", &ROWS[first..])
    } else {
        ("404 Not Found", "no such file")
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\
         Content-Range: bytes {first}-{}/{}\r\nETag: \"abc123\"\r\n\
         X-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
        body.len(),
        ROWS.len() - 1,
        ROWS.len()
    );
    let body = if method == Some("HEAD") { "" } else { body };
    // The client may have hung up.
    let _ = stream.write_all((head + body).as_bytes());
}

/// Runs [`child`] on a task with this cache and endpoint, and gives its output.
fn load(task: &str, home: &Path, endpoint: &str, offline: bool) -> String {
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("TASK", task)
        .env("HF_HOME", home)
        .env("HF_ENDPOINT", endpoint)
        .env("HF_TOKEN", "secret")
        .env("HF_HUB_OFFLINE", if offline { "1" } else { "0" })
        .env_remove("HF_HUB_CACHE")
        .env_remove("HUGGINGFACE_HUB_CACHE")
        .output()
        .expect("it starts");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "run by the tests below, with their environment"]
fn child() {
    let Ok(task) = std::env::var("TASK") else {
        return;
    };
    trimtab_hub::install();
    let task: Task = task.parse().expect("a task");
    match task.problems(Split::HeldOut, 0) {
        Ok(problems) => {
            for problem in problems.iter() {
                println!("{} {} {}", problem.id, problem.question, problem.answer);
            }
        }
        Err(error) => println!("error: {error}"),
    }
}

#[test]
fn a_data_set_comes_by_name_and_stays_in_the_cache() {
    let hub = Hub::start();
    let home = tempfile::tempdir().expect("a temporary folder");
    let first = load("gsm-hard", home.path(), &hub.endpoint, false);
    assert!(first.contains("gsm-hard/0 What is 2 + 3? 5\n"), "{first}");
    assert!(first.contains("gsm-hard/1 What is 7 / 2? 3.5\n"), "{first}");
    assert!(
        hub.tokens
            .lock()
            .expect("no panic")
            .iter()
            .all(|token| token == "Bearer secret")
    );
    assert!(!hub.tokens.lock().expect("no panic").is_empty());

    let before = hub.requests.load(Ordering::SeqCst);
    let uri = "gsm-hard:hf://datasets/reasoning-machines/gsm-hard/gsmhardv2.jsonl";
    let offline = load(uri, home.path(), &hub.endpoint, true);
    assert!(
        offline.contains("gsm-hard/1 What is 7 / 2? 3.5\n"),
        "{offline}"
    );
    assert_eq!(hub.requests.load(Ordering::SeqCst), before);
}

#[test]
fn what_cannot_be_had_is_an_error() {
    let hub = Hub::start();
    let home = tempfile::tempdir().expect("a temporary folder");
    let missing = "gsm-hard:hf://datasets/reasoning-machines/gsm-hard/none.jsonl";
    for (task, offline, needle) in [
        (
            missing,
            false,
            "error: cannot download hf://datasets/reasoning-machines/gsm-hard/none.jsonl",
        ),
        (
            "gsm-hard",
            true,
            "error: cannot download hf://datasets/reasoning-machines/gsm-hard/gsmhardv2.jsonl",
        ),
        (
            "gsm-hard:hf://gsm-hard",
            false,
            "is not of the form hf://datasets/",
        ),
        ("svamp", false, "give a file: `svamp:PATH`"),
    ] {
        let output = load(task, home.path(), &hub.endpoint, offline);
        assert!(output.contains(needle), "{task}: {output}");
    }
}
