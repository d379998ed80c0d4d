//! Files on the Hugging Face hub, through its local cache.

use std::path::PathBuf;

use hf_hub::api::sync::ApiBuilder;
use hf_hub::{Cache, Repo, RepoType};
use trimtab_tasks::dataset::DatasetError;

/// The local copy of `hf://datasets/OWNER/NAME[@REVISION]/PATH`, which is downloaded if it is
/// missing.
///
/// `HF_HOME` sets the cache and `HF_ENDPOINT` the hub.
pub(crate) fn fetch(uri: &str) -> Result<PathBuf, DatasetError> {
    let failed = |reason: String| DatasetError::Hub {
        uri: uri.to_owned(),
        reason,
    };
    let (owner, name, revision, path) = parts(uri).ok_or_else(|| DatasetError::Uri {
        uri: uri.to_owned(),
    })?;
    let revision = revision.unwrap_or("main").to_owned();
    let repo = Repo::with_revision(format!("{owner}/{name}"), RepoType::Dataset, revision);
    if offline() {
        return Cache::from_env()
            .repo(repo)
            .get(path)
            .ok_or_else(|| failed("it is not in the cache, and HF_HUB_OFFLINE is set".to_owned()));
    }
    let mut builder = ApiBuilder::from_env().with_progress(false);
    if let Ok(token) = std::env::var("HF_TOKEN") {
        builder = builder.with_token(Some(token));
    }
    builder
        .build()
        .and_then(|api| api.repo(repo).get(path))
        .map_err(|error| failed(error.to_string()))
}

fn parts(uri: &str) -> Option<(&str, &str, Option<&str>, &str)> {
    let mut parts = uri.strip_prefix("hf://datasets/")?.splitn(3, '/');
    let (owner, name, path) = (parts.next()?, parts.next()?, parts.next()?);
    let (name, revision) = match name.split_once('@') {
        Some((name, revision)) => (name, Some(revision)),
        None => (name, None),
    };
    let plain = |text: &str| !text.is_empty() && text != "." && text != "..";
    let whole = plain(owner) && plain(name) && revision.is_none_or(plain);
    (whole && path.split('/').all(plain)).then_some((owner, name, revision, path))
}

/// Whether `HF_HUB_OFFLINE` is set. The client library does not read it.
fn offline() -> bool {
    std::env::var("HF_HUB_OFFLINE").is_ok_and(|value| {
        matches!(
            value.to_ascii_lowercase().as_str(),
            "1" | "on" | "yes" | "true"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(
            parts("hf://datasets/openai/gsm8k/main/test.parquet"),
            Some(("openai", "gsm8k", None, "main/test.parquet"))
        );
        assert_eq!(
            parts("hf://datasets/a/b@v1/c.jsonl"),
            Some(("a", "b", Some("v1"), "c.jsonl"))
        );
        for bad in [
            "",
            "gsm8k",
            "hf://datasets/openai/gsm8k",
            "hf://datasets/openai/gsm8k/",
            "hf://datasets//gsm8k/x",
            "hf://datasets/a/b@/x",
            "hf://datasets/a/../x",
            "hf://datasets/a/b/../../x",
            "hf://models/a/b/x",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
