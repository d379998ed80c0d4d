//! The hub client against a local server and against a cache that huggingface_hub wrote.
//!
//! The server answers as the hub does, and cuts connections when told to.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;
use trimtab_hub::{Download, Hub, HubError};
use trimtab_model::checkpoint_weights::{CheckpointWeights, FloatDType};
use trimtab_model::file::sha256_hex;
use trimtab_model::{ChatMessage, ChatTemplate};
use trimtab_tests::fixture;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn a_snapshot_is_fetched_once_and_then_taken_from_the_cache() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let mut parts: Vec<Download> = vec![];
    let dir = server
        .hub(&cache)
        .snapshot("tiny/model", &mut |part| parts.push(part.clone()))
        .expect("a whole repository");
    assert_eq!(
        dir,
        cache
            .path()
            .join("models--tiny--model/snapshots")
            .join(COMMIT)
    );
    for (name, content) in &server.state().files {
        let fetched = fs::read(dir.join(name)).ok();
        let wanted = name != "README.md" && !name.contains("consolidated");
        assert_eq!(fetched.as_ref(), wanted.then_some(content), "{name}");
    }
    let main = fs::read_to_string(cache.path().join("models--tiny--model/refs/main"));
    assert_eq!(main.expect("the branch is recorded"), COMMIT);
    let last = parts
        .iter()
        .rfind(|part| part.file == SHARDS[1])
        .expect("a part of it");
    assert_eq!((last.done, last.total), (LARGE as u64, LARGE as u64));

    let before = server.state().requests.len();
    for name in [
        "tiny/model",
        "tiny/model@main",
        &format!("tiny/model@{COMMIT}"),
    ] {
        assert_eq!(
            server.hub(&cache).snapshot(name, &mut |_| ()).expect(name),
            dir
        );
    }
    let asked = server.state().requests[before..].to_vec();
    assert!(
        asked.iter().all(|request| request.contains("/api/models/")),
        "{asked:?}"
    );
    for name in ["tiny/model", &format!("tiny/model@{COMMIT}")] {
        let offline = Hub {
            offline: true,
            endpoint: "http://127.0.0.1:1".to_owned(),
            ..server.hub(&cache)
        };
        assert_eq!(offline.snapshot(name, &mut |_| ()).expect(name), dir);
        let unreachable = Hub {
            offline: false,
            ..offline
        };
        assert_eq!(unreachable.snapshot(name, &mut |_| ()).expect(name), dir);
    }
}

#[test]
fn an_outline_has_no_weights_and_leaves_them_to_a_snapshot() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let hub = server.hub(&cache);
    let dir = hub.outline("tiny/model", &mut |_| ()).expect("files");
    assert!(dir.join("config.json").exists());
    let are_there = || SHARDS.map(|shard| dir.join(shard).exists());
    assert_eq!(are_there(), [false; 2]);
    let refs = cache.path().join("models--tiny--model/refs/main");
    assert!(!refs.exists(), "without weights the revision is not whole");
    let whole = hub.snapshot("tiny/model", &mut |_| ()).expect("the rest");
    assert_eq!((whole, are_there()), (dir.clone(), [true; 2]));
}

#[test]
fn a_gguf_model_is_fetched_with_its_parts_and_nothing_else() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let hub = server.hub(&cache);
    let parts = [1, 2].map(|part| format!("Q8/m-{part:05}-of-00002.gguf"));
    for (name, content) in [
        (parts[0].as_str(), b"first"),
        (&parts[1], b"other"),
        ("mmproj.gguf", b"image"),
    ] {
        let mut state = server.state();
        state.files.insert(name.to_owned(), content.to_vec());
    }
    let path = hub
        .gguf("tiny/model", &parts[1], &mut |_| ())
        .expect("two parts");
    assert_eq!(fs::read(&path).expect("fetched"), b"other");
    let folder = path.parent().expect("Q8");
    assert_eq!(
        fs::read(folder.join("m-00001-of-00002.gguf")).expect("fetched"),
        b"first"
    );
    let snapshot = folder.parent().expect("the snapshot");
    assert_eq!(fs::read_dir(snapshot).expect("a folder").count(), 1);
    let offline = Hub {
        offline: true,
        ..hub.clone()
    };
    assert_eq!(
        offline
            .gguf("tiny/model", &parts[1], &mut |_| ())
            .expect("cached"),
        path
    );
    for wrong in ["m.gguf", "../m.gguf", "Q8/../m.gguf", "/m.gguf", ""] {
        let error = hub.gguf("tiny/model", wrong, &mut |_| ()).expect_err(wrong);
        assert!(matches!(error, HubError::NoFile { .. }), "{error:?}");
    }
    server.state().files.remove("model.safetensors.index.json");
    let error = hub
        .snapshot("tiny/model", &mut |_| ())
        .expect_err("no weights");
    let words = "name one of them, such as tiny/model:Q8/m-00001-of-00002.gguf";
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_broken_download_resumes() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    server
        .state()
        .cuts
        .insert(SHARDS[0].to_owned(), vec![70_000, 1, 0]);
    let error = server
        .hub(&cache)
        .snapshot("tiny/model", &mut |_| ())
        .expect_err("cut");
    assert!(
        matches!(&error, HubError::Fetch { file, .. } if file == SHARDS[0]),
        "{error:?}"
    );
    let refs = cache.path().join("models--tiny--model/refs/main");
    assert!(!refs.exists(), "nothing points to a part of a snapshot");

    let dir = server
        .hub(&cache)
        .snapshot("tiny/model", &mut |_| ())
        .expect("the rest");
    assert_eq!(
        fs::read(dir.join(SHARDS[0])).ok().as_ref(),
        server.state().files.get(SHARDS[0])
    );
    let ranges: Vec<String> = server
        .state()
        .requests
        .iter()
        .filter(|request| request.contains("/cdn/") && request.contains(SHARDS[0]))
        .filter_map(|request| Some(request.split_once("bytes=")?.1.to_owned()))
        .filter(|range| range != "0-0")
        .collect();
    assert_eq!(ranges, ["0-", "70000-", "70001-", "70001-"]);
}

#[test]
fn a_damaged_download_is_refused() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    server.state().damaged = Some(SHARDS[1].to_owned());
    let error = server
        .hub(&cache)
        .snapshot("tiny/model", &mut |_| ())
        .expect_err("damaged");
    assert!(
        matches!(&error, HubError::Damaged { file, .. } if file == SHARDS[1]),
        "{error:?}"
    );
    server.state().damaged = None;
    let dir = server
        .hub(&cache)
        .snapshot("tiny/model", &mut |_| ())
        .expect("sound now");
    assert_eq!(
        fs::read(dir.join(SHARDS[1])).ok().as_ref(),
        server.state().files.get(SHARDS[1])
    );
}

#[test]
fn a_partial_download_of_another_file_is_discarded() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let blobs = cache.path().join("models--tiny--model/blobs");
    fs::create_dir_all(&blobs).expect("a writable folder");
    for (shard, len) in [(SHARDS[0], 5_000), (SHARDS[1], 2 * LARGE)] {
        let etag = sha256_hex(&server.state().files[shard]);
        fs::write(blobs.join(format!("{etag}.part")), vec![7; len]).expect("a writable folder");
    }
    let dir = server
        .hub(&cache)
        .snapshot("tiny/model", &mut |_| ())
        .expect("a whole repository");
    for shard in SHARDS {
        assert_eq!(
            fs::read(dir.join(shard)).ok().as_ref(),
            server.state().files.get(shard)
        );
    }
}

#[test]
fn missing_and_forbidden_repositories_are_typed_errors() {
    let server = Server::start();
    let cache = tempfile::tempdir().expect("a temporary folder");
    let hub = server.hub(&cache);
    let fetch = |hub: &Hub, name: &str| hub.snapshot(name, &mut |_| ()).expect_err(name);
    assert!(matches!(
        fetch(&hub, "tiny/other"),
        HubError::NotFound { .. }
    ));
    assert!(matches!(
        fetch(&hub, "tiny/model@missing"),
        HubError::NotFound { .. }
    ));
    assert!(matches!(fetch(&hub, "tiny/gated"), HubError::Denied { .. }));
    assert!(matches!(fetch(&hub, "../model"), HubError::Name { .. }));
    assert!(matches!(
        fetch(&hub, "tiny/empty"),
        HubError::NoWeights { .. }
    ));
    let member = Hub {
        token: Some("sesame".to_owned()),
        ..hub.clone()
    };
    member
        .snapshot("tiny/gated", &mut |_| ())
        .expect("the token opens it");
    let offline = Hub {
        offline: true,
        ..hub
    };
    assert!(matches!(
        fetch(&offline, "tiny/model"),
        HubError::Offline { .. }
    ));
    let nowhere = Hub {
        endpoint: "http://127.0.0.1:1".to_owned(),
        offline: false,
        ..offline
    };
    assert!(matches!(
        fetch(&nowhere, "tiny/model"),
        HubError::Fetch { .. }
    ));
}

#[test]
fn a_hostile_hub_writes_nothing_outside_the_cache() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for etag in ["../../../../evil", "", ".", "a/b", "a\\b"] {
        let cache = TempDir::new_in(folder.path()).expect("a temporary folder");
        server.state().etag = Some(etag.to_owned());
        let error = server
            .hub(&cache)
            .snapshot("tiny/model", &mut |_| ())
            .expect_err(etag);
        assert!(
            matches!(error, HubError::Damaged { .. } | HubError::Fetch { .. }),
            "{error:?}"
        );
    }
    server.state().etag = None;
    for commit in ["../../../evil", "main", ""] {
        let cache = TempDir::new_in(folder.path()).expect("a temporary folder");
        server.state().commit = commit.to_owned();
        let error = server
            .hub(&cache)
            .snapshot("tiny/model", &mut |_| ())
            .expect_err(commit);
        assert!(matches!(error, HubError::Damaged { .. }), "{error:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_cache_that_huggingface_hub_wrote_is_read_offline() {
    let hub = Hub {
        endpoint: "http://127.0.0.1:1".to_owned(),
        cache: fixture("hub").join("cache"),
        token: None,
        offline: true,
    };
    let dir = hub
        .snapshot("tiny/model", &mut |_| ())
        .expect("it is in the cache");
    let weights = CheckpointWeights::open(&dir).expect("whole weights");
    let device = trimtab_model::Device::flex();
    let norm = weights
        .tensor("norm.weight", FloatDType::F32, &device)
        .expect("a vector");
    assert_eq!(
        norm.try_into_vec_as::<f32>().expect("f32"),
        [1.0, 2.0, -0.5]
    );
    let template = ChatTemplate::from_dir(&dir)
        .expect("a good file")
        .expect("a template");
    let text = template.render(&[ChatMessage::new("user", "hello")], false);
    assert_eq!(text.expect("a simple template"), "<s>hello");
}

const SHARDS: [&str; 2] = [
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
];
const LARGE: usize = 300_000;

struct State {
    files: BTreeMap<String, Vec<u8>>,
    /// The number of bytes after which the next transfers of a file break off.
    cuts: HashMap<String, Vec<usize>>,
    damaged: Option<String>,
    etag: Option<String>,
    commit: String,
    /// Path and range of each request.
    requests: Vec<String>,
}

struct Server {
    endpoint: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    fn start() -> Self {
        let bytes = |seed: usize| {
            (0..LARGE)
                .map(|index| (index * index + seed) as u8)
                .collect()
        };
        let index = format!(
            r#"{{"weight_map": {{"a": "{}", "b": "{}"}}}}"#,
            SHARDS[0], SHARDS[1]
        );
        let files = BTreeMap::from([
            ("README.md".to_owned(), b"not needed".to_vec()),
            ("config.json".to_owned(), b"{}".to_vec()),
            (
                "consolidated.safetensors".to_owned(),
                b"not needed".to_vec(),
            ),
            (
                "model.safetensors.index.json".to_owned(),
                index.into_bytes(),
            ),
            (SHARDS[0].to_owned(), bytes(1)),
            (SHARDS[1].to_owned(), bytes(2)),
            ("tokenizer.json".to_owned(), b"{ }".to_vec()),
        ]);
        let state = Arc::new(Mutex::new(State {
            files,
            cuts: HashMap::new(),
            damaged: None,
            etag: None,
            commit: COMMIT.to_owned(),
            requests: vec![],
        }));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                thread::spawn(move || drop(answer(stream, &state)));
            }
        });
        Self { endpoint, state }
    }

    fn hub(&self, cache: &TempDir) -> Hub {
        Hub {
            endpoint: self.endpoint.clone(),
            cache: cache.path().to_owned(),
            token: None,
            offline: false,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked with it")
    }
}

/// Answers one request and closes the connection.
#[expect(
    clippy::too_many_lines,
    reason = "one request from its first line to its answer"
)]
fn answer(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = HashMap::new();
    for line in lines {
        match line?.split_once(": ") {
            Some((key, value)) => drop(headers.insert(key.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let range = headers.get("range").cloned();
    let mut state = state.lock().expect("no test panicked with it");
    state
        .requests
        .push(format!("{path} {}", range.clone().unwrap_or_default()));

    let mut reply = |status: &str, headers: &[(&str, &str)], body: &[u8], sent: usize| {
        let mut head = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n",
            body.len()
        );
        for (key, value) in headers {
            write!(head, "{key}: {value}\r\n").expect("memory");
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        stream.write_all(&body[..sent.min(body.len())])
    };
    if let Some(rest) = path.strip_prefix("/api/models/tiny/") {
        let (repository, revision) = rest.split_once("/revision/").unwrap_or_default();
        let is_member = headers
            .get("authorization")
            .is_some_and(|value| value == "Bearer sesame");
        let names: Vec<&String> = state
            .files
            .keys()
            .filter(|_| repository != "empty")
            .collect();
        return match (repository, revision) {
            ("gated", _) if !is_member => reply("403 Forbidden", &[], b"", 0),
            ("model" | "gated" | "empty", "main" | COMMIT) => {
                let siblings: Vec<String> = names
                    .iter()
                    .map(|name| format!(r#"{{"rfilename": "{name}"}}"#))
                    .collect();
                let body = format!(
                    r#"{{"sha": "{}", "siblings": [{}]}}"#,
                    state.commit,
                    siblings.join(",")
                );
                reply("200 OK", &[], body.as_bytes(), usize::MAX)
            }
            _ => reply("404 Not Found", &[], b"", 0),
        };
    }
    let resolved = path
        .split_once("/resolve/")
        .and_then(|(_, rest)| rest.split_once('/'));
    let name = resolved.map_or("", |(_, file)| file).to_owned();
    let Some(content) = state.files.get(&name).cloned() else {
        return reply("404 Not Found", &[], b"", 0);
    };
    let is_large = [".safetensors", ".gguf"]
        .iter()
        .any(|end| name.ends_with(end));
    let etag = if is_large {
        sha256_hex(&content)
    } else {
        format!("{:040x}", content.len()) // the hub's is a SHA-1, which nobody checks
    };
    let etag = format!("\"{}\"", state.etag.as_ref().unwrap_or(&etag));
    let commit = state.commit.clone();
    if is_large && !path.starts_with("/cdn/") {
        let headers = [
            (
                "Location",
                &*format!("http://{}/cdn{path}", headers["host"]),
            ),
            ("X-Linked-Etag", &*etag),
            ("X-Repo-Commit", &*commit),
        ];
        return reply("302 Found", &headers, b"", 0);
    }
    let (first, last) = range
        .as_ref()
        .and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
        .map_or((0, None), |(first, last)| {
            (first.parse().unwrap_or(0), last.parse::<usize>().ok())
        });
    if first >= content.len() {
        return reply("416 Range Not Satisfiable", &[], b"", 0);
    }
    let last = last.unwrap_or(usize::MAX).min(content.len() - 1);
    let mut body = content[first..=last].to_vec();
    let sent = match state.cuts.get_mut(&name) {
        Some(cuts) if body.len() > 1 && !cuts.is_empty() => cuts.remove(0),
        _ => usize::MAX,
    };
    if state.damaged.as_ref() == Some(&name) {
        body[0] ^= 1;
    }
    let of = format!("bytes {first}-{last}/{}", content.len());
    let headers = [
        ("ETag", &*etag),
        ("X-Repo-Commit", &*commit),
        ("Content-Range", &*of),
    ];
    reply("206 Partial Content", &headers, &body, sent)
}
