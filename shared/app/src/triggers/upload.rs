//! An archive that was put among the artifacts starts an import.

use crate::archives::ArchiveLimits;
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::ports::{BlobStore, Ports};
use crate::projects::{Created, NewArchive, NewProject, create_project};

/// What the keys of uploaded archives begin with.
pub const UPLOADS: &str = "imports/";
/// What is left away of a file's name where a project is named by it.
const EXTENSIONS: [&str; 4] = [".tar.gz", ".tgz", ".tar", ".zip"];
/// The longest name of a project that comes of it, in characters.
const NAME_CHARS: usize = 100;

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// `imports/{file}`, or `imports/{owner}/{file}` with the owner's name percent-encoded.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// What tells it from another object that is written to that key: a version or an entity tag.
    pub version: String,
}

fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let (mut all, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            all.push(u8::from_str_radix(text.get(at + 1..at + 3)?, 16).ok()?);
            at += 3;
        } else {
            all.push(*byte);
            at += 1;
        }
    }
    String::from_utf8(all).ok()
}

/// Whose an upload is, and the name of its file.
fn parts(key: &str) -> Option<(Option<String>, &str)> {
    let rest = key.strip_prefix(UPLOADS)?;
    let (owner, file) = match rest.split_once('/') {
        Some((owner, file)) => (Some(decoded(owner)?), file),
        None => (None, rest),
    };
    (!file.is_empty() && !file.contains('/') && owner.as_deref() != Some("")).then_some((owner, file))
}

/// Creates a project from an uploaded archive and starts its delivery, once for each version of the object. It belongs to the
/// owner whom the key names, else to `owner`: who may write artifacts is trusted with that.
///
/// # Errors
/// [`Error::Invalid`], [`Error::TooLarge`] for what is no such archive; [`Error::NotFound`] where it is gone;
/// [`Error::Store`].
pub async fn import_upload<P: Ports>(ports: &P, owner: &str, upload: &Upload) -> Result<Created, Error> {
    let (named, file) = parts(&upload.key).ok_or_else(|| {
        Error::invalid("key", "must be imports/FILE or imports/OWNER/FILE, with the owner's name percent-encoded")
    })?;
    let limits = ArchiveLimits::default();
    if upload.size > limits.max_archive_bytes {
        let most = limits.max_archive_bytes;
        return Err(Error::TooLarge(format!("the archive has {} bytes; at most {most} are possible", upload.size)));
    }
    let bytes = ports.blobs().get(&upload.key).await?;
    let bytes = bytes.ok_or_else(|| Error::NotFound { kind: "upload", id: upload.key.clone() })?;
    let stem = EXTENSIONS.iter().find_map(|end| file.strip_suffix(end)).filter(|stem| !stem.is_empty());
    let name: String = stem.unwrap_or(file).chars().filter(|char| !char.is_control()).take(NAME_CHARS).collect();
    let new = NewProject { name: Some(name), archive: Some(NewArchive { bytes, limits }), ..NewProject::default() };
    let idempotency_key = format!("upload-{}", sha256_hex(format!("{}\n{}", upload.key, upload.version).as_bytes()));
    create_project(ports, named.as_deref().unwrap_or(owner), new, Some(&idempotency_key)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_owners() {
        let owner = |name: &str| Some(name.to_owned());
        assert_eq!(parts("imports/shop.zip"), Some((None, "shop.zip")));
        assert_eq!(parts("imports/aws%3A123456789012/a.tar.gz"), Some((owner("aws:123456789012"), "a.tar.gz")));
        assert_eq!(parts("imports/aws:123456789012/a.zip"), Some((owner("aws:123456789012"), "a.zip")));
        for wrong in
            ["imports/", "imports//a.zip", "imports/a/b/c.zip", "payloads/a.zip", "imports/a%2/b.zip", "imports/x/"]
        {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
