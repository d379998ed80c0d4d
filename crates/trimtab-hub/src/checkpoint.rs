//! Checkpoints from the Hugging Face hub, kept in the cache of its own programs.
//!
//! The crate `hf-hub` downloads. This module chooses the files that a model needs, takes all of
//! them from one commit, and uses none before it is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Component, Path, PathBuf};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The files of a checkpoint beside its weights; those that exist are fetched.
const FILES: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
];

/// Largest index of weights, in bytes.
const MAX_INDEX_BYTES: u64 = 64 << 20;

/// Most files of weights of one checkpoint.
const MAX_SHARDS: usize = 1024;

/// A hub and the local cache of what came from it.
///
/// ```no_run
/// use trimtab_hub::Hub;
///
/// let dir = Hub::from_env().snapshot("Qwen/Qwen2.5-1.5B@main", &mut |_| ())?;
/// # Ok::<(), trimtab_hub::HubError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    /// The address of the hub.
    pub endpoint: String,
    /// The cache, which has a folder for each repository.
    pub cache: PathBuf,
    /// The access token of the user.
    pub token: Option<String>,
    /// Whether to use the cache only.
    pub offline: bool,
}

/// Progress of the download of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Download {
    /// Name of the file.
    pub file: String,
    /// Bytes that have arrived.
    pub done: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

/// Why a checkpoint could not be fetched from the hub.
#[expect(missing_docs, reason = "the messages document the variants")]
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error(
        "`{name}` is not the name of a hub repository; names look like owner/model or \
         owner/model@revision"
    )]
    Name { name: String },
    #[error("{name} is not in the cache {cache}, and HF_HUB_OFFLINE forbids fetching it")]
    Offline { name: String, cache: PathBuf },
    #[error("the hub {endpoint} has no {name}")]
    NotFound { name: String, endpoint: String },
    #[error(
        "the hub {endpoint} does not give {name} to this user; is the name right, and does \
         HF_TOKEN hold the token of someone with access?"
    )]
    Denied { name: String, endpoint: String },
    #[error(
        "cannot fetch {file} of {name} from the hub; what has arrived is kept, so try again: \
         {reason}"
    )]
    Fetch {
        name: String,
        file: String,
        reason: String,
    },
    #[error("{file} of {name} arrived damaged")]
    Damaged { name: String, file: String },
    #[error("{name} has no safetensors weights{}", offer(name, gguf))]
    NoWeights { name: String, gguf: Vec<String> },
    #[error("{name} has no file {file}{}", offer(name, gguf))]
    NoFile {
        name: String,
        file: String,
        gguf: Vec<String>,
    },
    #[error("the index of the weights of {name} cannot be used: {reason}")]
    Index { name: String, reason: String },
    #[error("cannot use {path} in the cache of the hub")]
    Cache { path: PathBuf, source: io::Error },
}

impl Hub {
    /// The hub that the environment names, by the same variables as in Hugging Face's own programs:
    ///
    /// - `HF_ENDPOINT`: the address
    /// - `HF_HUB_CACHE`: the cache; by default `hub` in `HF_HOME`
    /// - `HF_TOKEN`: the token; by default in the file `HF_TOKEN_PATH`, or `token` in `HF_HOME`
    /// - `HF_HUB_OFFLINE`: whether to use the cache only
    /// - `HF_HOME`: by default `huggingface` in `XDG_CACHE_HOME` or `~/.cache`
    pub fn from_env() -> Self {
        Self::from_variables(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let path = |name| variable(name).map(PathBuf::from);
        let home = path("HF_HOME").unwrap_or_else(|| {
            path("XDG_CACHE_HOME")
                .unwrap_or_else(|| path("HOME").unwrap_or_default().join(".cache"))
                .join("huggingface")
        });
        let endpoint = variable("HF_ENDPOINT");
        let endpoint = endpoint.as_deref().unwrap_or("https://huggingface.co");
        let token = variable("HF_TOKEN").or_else(|| {
            fs::read_to_string(path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"))).ok()
        });
        let offline = variable("HF_HUB_OFFLINE").unwrap_or_default();
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")),
            token: token
                .map(|token| token.trim().to_owned())
                .filter(|token| !token.is_empty()),
            offline: ["1", "ON", "YES", "TRUE"].contains(&offline.to_uppercase().as_str()),
        }
    }

    /// Fetches the files of a repository that are not in the cache and returns their folder.
    ///
    /// `name` is `ID` or `ID@REVISION`, where the revision is a branch, a tag or a commit and
    /// `main` by default. If the hub cannot be reached, a revision in the cache is used.
    ///
    /// `progress` is called for every part of a file that arrives.
    ///
    /// # Errors
    ///
    /// See [`HubError`].
    pub fn snapshot(
        &self,
        name: &str,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<PathBuf, HubError> {
        self.fetch(name, &Part::All, progress)
    }

    /// Fetches everything but the weights, as [`Self::snapshot`] does, for
    /// [`Outline`](https://docs.rs/trimtab-model/latest/trimtab_model/struct.Outline.html).
    ///
    /// # Errors
    ///
    /// See [`HubError`].
    pub fn outline(
        &self,
        name: &str,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<PathBuf, HubError> {
        self.fetch(name, &Part::Outline, progress)
    }

    /// Fetches the GGUF file `file` of a repository, with all parts if it is one of several, and
    /// returns its path.
    ///
    /// `name` and `progress` are as for [`Self::snapshot`]. No other file is fetched.
    ///
    /// # Errors
    ///
    /// See [`HubError`].
    pub fn gguf(
        &self,
        name: &str,
        file: &str,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<PathBuf, HubError> {
        if !file.split('/').all(is_plain) {
            return Err(HubError::NoFile {
                name: name.to_owned(),
                file: file.to_owned(),
                gguf: vec![],
            });
        }
        Ok(self.fetch(name, &Part::Gguf(file), progress)?.join(file))
    }

    /// Fetches a part of a repository.
    fn fetch(
        &self,
        name: &str,
        part: &Part,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<PathBuf, HubError> {
        let (id, revision) = parse(name).ok_or_else(|| HubError::Name {
            name: name.to_owned(),
        })?;
        let files = match part {
            Part::Gguf(file) => gguf_parts(file),
            Part::All | Part::Outline => vec!["config.json".to_owned()],
        };
        if self.offline {
            return self
                .cached(id, revision, &files)
                .ok_or_else(|| HubError::Offline {
                    name: name.to_owned(),
                    cache: self.cache.clone(),
                });
        }
        let api = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .build()
            .map_err(|error| self.failure(name, "the list of files", error))?;
        let repository = |revision: &str| {
            Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned())
        };
        let info = match catch_panics(|| api.repo(repository(revision)).info()) {
            Ok(info) => info,
            Err(error) => {
                let error = self.failure(name, "the list of files", error);
                return match self.cached(id, revision, &files) {
                    Some(dir) if matches!(error, HubError::Fetch { .. }) => Ok(dir),
                    _ => Err(error),
                };
            }
        };
        if !is_commit(&info.sha) {
            return Err(HubError::Damaged {
                name: name.to_owned(),
                file: "the list of files".to_owned(),
            });
        }
        let mut fetch = Fetch {
            hub: self,
            name,
            api: &api,
            folder: self.folder(id),
            commit: &info.sha,
            repo: api.repo(repository(&info.sha)),
            progress,
        };
        let siblings = info.siblings.iter();
        let there = siblings.map(|file| file.rfilename.as_str()).collect();
        match part {
            Part::All => fetch.all(&there)?,
            Part::Outline => fetch.outline(&there)?,
            Part::Gguf(file) => fetch.gguf(file, &files, &there)?,
        }
        let dir = fetch.folder.join("snapshots").join(&info.sha);
        if !matches!(part, Part::Outline) {
            self.record_revision(id, revision, &info.sha)?; // without weights it is not whole
        }
        Ok(dir)
    }

    /// The folder of a revision in the cache that has these files.
    fn cached(&self, id: &str, revision: &str, files: &[String]) -> Option<PathBuf> {
        let folder = self.folder(id);
        let commit = if is_commit(revision) {
            revision.to_owned()
        } else {
            fs::read_to_string(folder.join("refs").join(revision))
                .ok()?
                .trim()
                .to_owned()
        };
        let dir = folder.join("snapshots").join(&commit);
        let is_there = |file: &String| dir.join(file).exists();
        (is_commit(&commit) && files.iter().all(is_there)).then_some(dir)
    }

    /// Records the commit of a revision, once all its files are there.
    fn record_revision(&self, id: &str, revision: &str, commit: &str) -> Result<(), HubError> {
        let refs = self.folder(id).join("refs");
        drop(fs::remove_file(refs.join(commit))); // `hf-hub` makes one for the commit itself
        if is_commit(revision) {
            return Ok(());
        }
        let repo = Repo::with_revision(id.to_owned(), RepoType::Model, revision.to_owned());
        let cache = Cache::new(self.cache.clone()).repo(repo);
        cache.create_ref(commit).map_err(|source| HubError::Cache {
            path: refs.join(revision),
            source,
        })
    }

    fn folder(&self, id: &str) -> PathBuf {
        let repo = Repo::new(id.to_owned(), RepoType::Model);
        self.cache.join(repo.folder_name())
    }

    fn failure(&self, name: &str, file: &str, error: ApiError) -> HubError {
        let (name, endpoint) = (name.to_owned(), self.endpoint.clone());
        if let ApiError::RequestError(request) = &error {
            match **request {
                ureq::Error::StatusCode(404) => return HubError::NotFound { name, endpoint },
                ureq::Error::StatusCode(401 | 403) => return HubError::Denied { name, endpoint },
                _ => {}
            }
        }
        HubError::Fetch {
            name,
            file: file.to_owned(),
            reason: error.to_string(),
        }
    }
}

/// What is fetched of a repository.
enum Part<'a> {
    All,
    Outline,
    /// The model in a file.
    Gguf(&'a str),
}

/// The download of one commit.
struct Fetch<'a> {
    hub: &'a Hub,
    name: &'a str,
    api: &'a Api,
    folder: PathBuf,
    commit: &'a str,
    repo: ApiRepo,
    progress: &'a mut dyn FnMut(&Download),
}

impl Fetch<'_> {
    /// Downloads those of the files `there` that a model needs.
    fn all(&mut self, there: &BTreeSet<&str>) -> Result<(), HubError> {
        self.outline(there)?;
        if there.contains("model.safetensors") {
            self.file("model.safetensors")?;
        } else if there.contains("model.safetensors.index.json") {
            let index = self.file("model.safetensors.index.json")?;
            let shards = shard_names(&index).map_err(|reason| HubError::Index {
                name: self.name.to_owned(),
                reason,
            })?;
            for shard in shards {
                self.file(&shard)?;
            }
        } else {
            return Err(self.no_weights(there));
        }
        Ok(())
    }

    fn no_weights(&self, there: &BTreeSet<&str>) -> HubError {
        HubError::NoWeights {
            name: self.name.to_owned(),
            gguf: gguf_models(there),
        }
    }

    /// Downloads those of the files `there` that have no weights.
    fn outline(&mut self, there: &BTreeSet<&str>) -> Result<(), HubError> {
        if !there.contains("config.json") {
            return Err(self.no_weights(there));
        }
        for file in FILES.into_iter().filter(|file| there.contains(file)) {
            self.file(file)?;
        }
        Ok(())
    }

    /// Downloads the `parts` of the model in `file`.
    fn gguf(
        &mut self,
        file: &str,
        parts: &[String],
        there: &BTreeSet<&str>,
    ) -> Result<(), HubError> {
        for part in parts {
            if !there.contains(part.as_str()) {
                return Err(HubError::NoFile {
                    name: self.name.to_owned(),
                    file: file.to_owned(),
                    gguf: gguf_models(there),
                });
            }
            self.file(part)?;
        }
        Ok(())
    }

    /// Downloads a file into the cache. A download that broke off is resumed, and tried again as
    /// long as each attempt brings something.
    fn file(&mut self, file: &str) -> Result<PathBuf, HubError> {
        let path = self.folder.join("snapshots").join(self.commit).join(file);
        if path.exists() {
            return Ok(path);
        }
        let url = self.repo.url(file);
        let metadata = catch_panics(|| self.api.metadata(&url))
            .map_err(|error| self.hub.failure(self.name, file, error))?;
        let (etag, size) = (metadata.etag(), metadata.size() as u64);
        let damaged = || HubError::Damaged {
            name: self.name.to_owned(),
            file: file.to_owned(),
        };
        if metadata.commit_hash() != self.commit || !is_plain(etag) {
            return Err(damaged()); // the etag becomes a file name
        }
        let blob = self.folder.join("blobs").join(etag);
        let part = blob.with_extension("part"); // as `hf-hub` names it
        let mut had = len(&part);
        if had >= size {
            drop(fs::remove_file(&part)); // there is nothing left to ask for
            had = 0;
        }
        loop {
            let resumed = had > 0;
            let report = Report {
                file,
                done: 0,
                total: size,
                progress: self.progress,
            };
            match catch_panics(|| self.repo.download_with_progress(file, report)) {
                Ok(_) if is_whole(&blob, size, etag) => return Ok(path),
                Ok(_) => {
                    drop(fs::remove_file(&path));
                    drop(fs::remove_file(&blob));
                    if !resumed {
                        return Err(damaged());
                    }
                    had = 0; // the part was of another file, or the hub cannot resume: start over
                }
                Err(error) => {
                    let have = len(&part);
                    if have <= had {
                        return Err(self.hub.failure(self.name, file, error));
                    }
                    had = have;
                }
            }
        }
    }
}

/// Passes the progress of `hf-hub` to the caller of [`Hub::snapshot`].
struct Report<'a> {
    file: &'a str,
    done: u64,
    total: u64,
    progress: &'a mut dyn FnMut(&Download),
}

impl Progress for Report<'_> {
    fn init(&mut self, _size: usize, _file: &str) {
        self.done = 0;
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        (self.progress)(&Download {
            file: self.file.to_owned(),
            done: self.done,
            total: self.total,
        });
    }

    fn finish(&mut self) {}
}

/// All files of the model of which `file` is one: llama.cpp ends their names in
/// `-00001-of-00003.gguf`.
fn gguf_parts(file: &str) -> Vec<String> {
    let split = || {
        let (head, count) = file.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, number) = head.rsplit_once('-')?;
        let is_number = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
        let parts: usize = count.parse().ok()?;
        let is_split = is_number(number) && is_number(count) && (1..=MAX_SHARDS).contains(&parts);
        is_split.then(|| {
            let part = |number| format!("{stem}-{number:05}-of-{count}.gguf");
            (1..=parts).map(part).collect()
        })
    };
    split().unwrap_or_else(|| vec![file.to_owned()])
}

/// The GGUF models among files, by their first parts. Image encoders are called `mmproj`.
fn gguf_models(there: &BTreeSet<&str>) -> Vec<String> {
    let is_model = |file: &str| {
        let is_gguf = Path::new(file).extension().is_some_and(|end| end == "gguf");
        is_gguf && !file.contains("mmproj") && gguf_parts(file)[0] == file
    };
    let models = there.iter().filter(|file| is_model(file));
    models.map(|&file| file.to_owned()).collect()
}

/// The part of a message that says which GGUF files there are.
fn offer(name: &str, gguf: &[String]) -> String {
    match gguf {
        [] => String::new(),
        [first, ..] => format!(
            "; it has {}, so name one of them, such as {name}:{first}",
            gguf.join(", ")
        ),
    }
}

/// Splits `ID[@REVISION]`. Its parts become parts of paths and addresses.
fn parse(name: &str) -> Option<(&str, &str)> {
    let (id, revision) = name.split_once('@').unwrap_or((name, "main"));
    let is_path = |text: &str| text.split('/').all(is_plain);
    (id.split('/').count() <= 2 && is_path(id) && is_path(revision)).then_some((id, revision))
}

/// Whether a text is safe as a file name.
fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(allowed)
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The files that an index names, each of which lies beside it.
fn shard_names(index: &Path) -> Result<BTreeSet<String>, String> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    if len(index) > MAX_INDEX_BYTES {
        return Err(format!("it has more than {MAX_INDEX_BYTES} bytes"));
    }
    let bytes = fs::read(index).map_err(|error| error.to_string())?;
    let index: Index = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let shards: BTreeSet<String> = index.weight_map.into_values().collect();
    if !(1..=MAX_SHARDS).contains(&shards.len()) {
        return Err(format!("it names {} files", shards.len()));
    }
    for shard in &shards {
        let mut parts = Path::new(shard).components();
        if !matches!(parts.next(), Some(Component::Normal(only)) if only == shard.as_str()) {
            return Err(format!("`{shard}` is not the name of a file beside it"));
        }
    }
    Ok(shards)
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Whether a file has its size and, if its etag is a SHA-256 as for large files, that hash.
fn is_whole(path: &Path, size: u64, etag: &str) -> bool {
    let hash = || -> io::Result<String> {
        let mut hash = Sha256::new();
        io::copy(&mut File::open(path)?, &mut hash)?;
        Ok(format!("{:x}", hash.finalize()))
    };
    len(path) == size && (etag.len() != 64 || hash().is_ok_and(|hash| hash == etag))
}

/// Runs `work` and turns a panic into an error: `hf-hub` trusts the answers of a hub.
fn catch_panics<T>(work: impl FnOnce() -> Result<T, ApiError>) -> Result<T, ApiError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(io::Error::other("the hf-hub library panicked").into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_an_id_and_a_revision() {
        assert_eq!(parse("gpt2"), Some(("gpt2", "main")));
        assert_eq!(
            parse("Qwen/Qwen2.5-1.5B@refs/pr/3"),
            Some(("Qwen/Qwen2.5-1.5B", "refs/pr/3"))
        );
        for wrong in [
            "",
            "@",
            "a@",
            "@main",
            "a/b/c",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/..",
            "a@../b",
            "a@b/../c",
            "a b",
            "a?b",
            "a@b@c",
            "a\\b",
            "a@b%2F",
            "é/b",
            ".hidden/a",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    /// The rules of
    /// https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    #[test]
    fn the_environment_decides_as_for_other_programs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().to_str().expect("UTF-8").to_owned();
        fs::write(folder.path().join("token"), "of the file\n").expect("a writable folder");
        let hub = |variables: &[(&str, &str)]| {
            Hub::from_variables(&|name| {
                variables
                    .iter()
                    .find_map(|(key, value)| (*key == name).then(|| (*value).to_owned()))
            })
        };
        let plain = hub(&[("HOME", "/nobody")]);
        assert_eq!(plain.endpoint, "https://huggingface.co");
        assert_eq!(plain.cache, Path::new("/nobody/.cache/huggingface/hub"));
        assert_eq!((plain.token, plain.offline), (None, false));
        let xdg = hub(&[("HOME", "/nobody"), ("XDG_CACHE_HOME", "/cache")]);
        assert_eq!(xdg.cache, Path::new("/cache/huggingface/hub"));
        let homed = hub(&[("HF_HOME", &home), ("HF_ENDPOINT", "http://mirror/")]);
        assert_eq!(homed.cache, folder.path().join("hub"));
        assert_eq!(homed.endpoint, "http://mirror");
        assert_eq!(homed.token.as_deref(), Some("of the file"));
        let set = hub(&[
            ("HF_HOME", &home),
            ("HF_HUB_CACHE", "/hubs"),
            ("HF_TOKEN", "mine"),
        ]);
        assert_eq!(set.cache, Path::new("/hubs"));
        assert_eq!(set.token.as_deref(), Some("mine"));
        for (value, offline) in [
            ("1", true),
            ("true", true),
            ("YES", true),
            ("0", false),
            ("off", false),
        ] {
            assert_eq!(
                hub(&[("HF_HUB_OFFLINE", value)]).offline,
                offline,
                "{value}"
            );
        }
    }

    #[test]
    fn parts_of_a_model_are_named_as_llama_cpp_names_them() {
        assert_eq!(gguf_parts("a/b.gguf"), ["a/b.gguf"]);
        let parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"];
        assert_eq!(gguf_parts(parts[0]), parts);
        assert_eq!(gguf_parts(parts[1]), parts);
        for whole in [
            "m-1-of-2.gguf",
            "m-00001-of-99999.gguf",
            "m-00001-of-00000.gguf",
        ] {
            assert_eq!(gguf_parts(whole), [whole]);
        }
        let there = BTreeSet::from([parts[0], parts[1], "mmproj-m.gguf", "q.gguf", "config.json"]);
        assert_eq!(gguf_models(&there), [parts[0], "q.gguf"]);
    }

    #[test]
    fn shards_are_files_beside_the_index() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let index = folder.path().join("index.json");
        let names = |text: &str| {
            fs::write(&index, text).expect("a writable folder");
            shard_names(&index)
        };
        let found = names(r#"{"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}}"#);
        assert_eq!(found, Ok(BTreeSet::from(["1.safetensors".to_owned()])));
        for wrong in [
            "",
            "{}",
            r#"{"weight_map": {}}"#,
            r#"{"weight_map": {"a": "../1"}}"#,
            r#"{"weight_map": {"a": "/1"}}"#,
            r#"{"weight_map": {"a": "b/1"}}"#,
            r#"{"weight_map": {"a": ""}}"#,
        ] {
            assert!(names(wrong).is_err(), "{wrong}");
        }
    }
}
