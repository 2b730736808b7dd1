//! Where `sync` fetches files: `SYNC_SOURCE`, which only the operator sets.
//!
//! An address of the internet is reached through the client that connects to no address of the own network, whatever its name stands
//! for at that moment, and follows no redirection. Without TLS only this machine is reached.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use millrace_app::builtins::sync::{Fetch, FetchError};
use millrace_app::storage::{ObjectRef, ObjectStorage as _, StorageError};
use millrace_client::{HttpError, Limits, is_loopback};

use crate::Integrations;

/// How long a file may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A source, read.
#[derive(Debug, PartialEq, Eq)]
enum Source<'a> {
    /// Of the internet, or of this machine.
    Web { address: &'a str, is_local: bool },
    /// A bucket and what keys begin with.
    Bucket { bucket: &'a str, prefix: &'a str },
    /// A folder of this machine.
    Folder(&'a str),
}

fn parse(source: &str) -> Result<Source<'_>, &'static str> {
    const WANTED: &str = "must be the address of a folder: https://host/folder/, s3://bucket/folder/ or, for a local server, file:/folder/";
    if !source.ends_with('/') {
        return Err(WANTED);
    }
    if let Some(rest) = source.strip_prefix("s3://") {
        let (bucket, prefix) = rest.split_once('/').ok_or(WANTED)?;
        return if bucket.is_empty() { Err(WANTED) } else { Ok(Source::Bucket { bucket, prefix }) };
    }
    if let Some(path) = source.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.starts_with('/') { Ok(Source::Folder(path)) } else { Err(WANTED) };
    }
    let uri: http::Uri = source.parse().map_err(|_| WANTED)?;
    let authority = uri.authority().ok_or(WANTED)?.as_str();
    if authority.contains('@') || uri.query().is_some() {
        return Err("must have no user, no password and no query in it");
    }
    match uri.scheme_str() {
        Some("https") => Ok(Source::Web { address: source, is_local: false }),
        Some("http") if is_loopback(source) => Ok(Source::Web { address: source, is_local: true }),
        _ => Err(WANTED),
    }
}

/// Says what is wrong with a source.
pub(crate) fn check(source: &str) -> Result<(), &'static str> {
    parse(source).map(|_| ())
}

fn too_large(most: usize) -> FetchError {
    FetchError::Refused(format!("it has more than {most} bytes"))
}

impl Integrations {
    async fn web(&self, url: String, is_local: bool, most: usize) -> Result<Vec<u8>, FetchError> {
        let request = http::Request::get(&url)
            .header("user-agent", concat!("millrace/", env!("CARGO_PKG_VERSION")))
            .body(Bytes::new())
            .map_err(|_| FetchError::Refused("its address can't be used".to_owned()))?;
        let client = if is_local { self.aws().http() } else { &self.0.guarded };
        match client.send(request, Limits { timeout: TIMEOUT, body: most }).await {
            Ok(answer) if answer.status == 200 => Ok(answer.body.into()),
            Ok(answer) if answer.status >= 500 || answer.status == 429 => {
                Err(FetchError::Unavailable(format!("the source answers {}", answer.status)))
            }
            // A redirection leads who knows where.
            Ok(answer) => Err(FetchError::Refused(format!("the source answers {}", answer.status))),
            Err(HttpError::TooLarge { .. }) => Err(too_large(most)),
            Err(error @ HttpError::NoRoots) => Err(FetchError::Refused(error.to_string())),
            Err(error) => Err(FetchError::Unavailable(error.to_string())),
        }
    }

    async fn bucket(&self, bucket: &str, key: String, most: usize) -> Result<Vec<u8>, FetchError> {
        let object = ObjectRef { bucket: bucket.to_owned(), key, version: None };
        let end = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let bytes = self.get(&object, Some(0..end)).await.map_err(|error| match error {
            StorageError::Unavailable { .. } => FetchError::Unavailable(error.to_string()),
            other => FetchError::Refused(other.to_string()),
        })?;
        if bytes.len() > most { Err(too_large(most)) } else { Ok(bytes) }
    }
}

fn from_folder(path: &str, most: usize) -> Result<Vec<u8>, FetchError> {
    let unread = |error: std::io::Error| FetchError::Refused(format!("{path} can't be read: {error}"));
    let file = std::fs::File::open(path).map_err(unread)?;
    let mut bytes = Vec::new();
    let end = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(end).read_to_end(&mut bytes).map_err(unread)?;
    if bytes.len() > most { Err(too_large(most)) } else { Ok(bytes) }
}

impl Fetch for Integrations {
    async fn fetch(&self, source: &str, path: &str, most: usize) -> Result<Vec<u8>, FetchError> {
        match parse(source).map_err(|why| FetchError::Refused(format!("the source {why}")))? {
            Source::Web { address, is_local } => self.web(format!("{address}{path}"), is_local, most).await,
            Source::Bucket { bucket, prefix } => self.bucket(bucket, format!("{prefix}{path}"), most).await,
            Source::Folder(folder) => from_folder(&format!("{folder}{path}"), most),
        }
    }
}

#[cfg(test)]
mod tests {
    use millrace_simulation::http::{Answer, Fake};
    use millrace_stepfunctions::StepFunctionsConfig;

    use super::*;
    use crate::Config;

    fn integrations() -> Integrations {
        Integrations::new(Config::from_variables([]).unwrap(), StepFunctionsConfig::default())
    }

    #[test]
    fn a_source_is_a_folder_that_only_the_operator_can_mean() {
        for fine in ["https://example.com/", "https://example.com/a/", "s3://b/", "s3://b/a/", "file:/a/", "file:///a/"]
        {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
        assert!(matches!(parse("http://127.0.0.1:80/"), Ok(Source::Web { is_local: true, .. })));
        for wrong in [
            "https://example.com",
            "http://example.com/",
            "https://a:b@example.com/",
            "https://example.com/?a=/",
            "s3:///a/",
            "file:a/",
            "ftp://example.com/",
            "",
            "/",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn files_come_from_this_machine_s_server_with_their_limits() {
        let fake = Fake::start(|request| match request.path.as_str() {
            "/tables/a.json" => Answer::ok("abc"),
            _ => Answer::status(404, "none"),
        })
        .await;
        let (integrations, source) = (integrations(), format!("{}/tables/", fake.url));
        assert_eq!(integrations.fetch(&source, "a.json", 3).await, Ok(b"abc".to_vec()));
        assert!(matches!(integrations.fetch(&source, "a.json", 2).await, Err(FetchError::Refused(_))));
        assert!(matches!(integrations.fetch(&source, "b.json", 9).await, Err(FetchError::Refused(_))));
    }

    #[tokio::test]
    async fn nothing_of_the_own_network_is_reached_by_a_name_or_a_number() {
        let fake = Fake::start(|_| Answer::ok("secret")).await;
        let port = fake.url.rsplit(':').next().unwrap().to_owned();
        for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"] {
            let fetched = integrations().fetch(&format!("https://{host}:{port}/"), "a", 9).await;
            assert!(matches!(fetched, Err(FetchError::Unavailable(_) | FetchError::Refused(_))), "{host}");
        }
        assert_eq!(fake.connections(), 0);
    }

    #[test]
    fn a_folder_s_files_are_read_with_their_limits() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(from_folder(path, 1 << 20).unwrap().starts_with(b"[package]"));
        assert!(from_folder(path, 5).is_err() && from_folder("/no/such/file", 5).is_err());
    }
}
