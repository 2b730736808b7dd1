//! A project's files from an archive.
//!
//! The archive is read completely before anything is stored. Then come the contents, the files' records, and at last the
//! project itself. Until the project is there a tombstone stands for it, which goes in the project's own transaction: what
//! an import leaves behind that never came to its end is removed like the remains of a deleted project.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize, Serializer};

use super::delete;
use super::model::{FileRecord, Project};
use super::paths::language_of;
use super::plan::{PlanContents, PlanStack};
use super::store;
use crate::archives::{ArchiveError, ArchiveFile, ArchiveLimits, Skipped, Unpacked, unpack_sources};
use crate::digest::sha256_hex;
use crate::error::Error;
use crate::keys;
use crate::ports::{BlobStore, Clock, Condition, Ports, RecordStore, Write};

/// How many files are stored at the same time.
const AT_ONCE: usize = 16;
/// How many records one transaction stores.
const RECORDS_A_WRITE: usize = 100;
/// How many skipped files and folders a project's record names.
const SKIPPED_NAMED: usize = 50;
/// The task that is said to have written imported files.
const IMPORT: &str = "import";

/// An archive to make a project from. As a part of a request only its digest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewArchive {
    /// A zip, tar or tar.gz.
    pub bytes: Vec<u8>,
    /// What it may hold.
    pub limits: ArchiveLimits,
}

impl NewArchive {
    /// An archive within the limits for imports.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, limits: ArchiveLimits::default() }
    }
}

impl Serialize for NewArchive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&sha256_hex(&self.bytes))
    }
}

/// What a project was imported from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// `zip`, `tar` or `tar.gz`.
    pub format: String,
    /// SHA-256 of the archive in lower-case hexadecimal.
    pub sha256: String,
    /// The archive's size in bytes.
    pub size: u64,
    /// How many files were taken.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// The folder that held everything and was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_folder: Option<String>,
    /// What was left out: at most 50 files and folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// How many entries were left out, also those that are not named.
    #[serde(default)]
    pub skipped_entries: u64,
}

/// The files of an archive, or why it is refused.
pub(super) fn read(archive: &NewArchive) -> Result<(Import, Unpacked), Error> {
    let mut unpacked = unpack_sources(&archive.bytes, &archive.limits).map_err(refused)?;
    let skipped_entries = unpacked.skipped.iter().map(|one| one.entries).sum();
    unpacked.skipped.truncate(SKIPPED_NAMED);
    let import = Import {
        format: unpacked.format.to_string(),
        sha256: sha256_hex(&archive.bytes),
        size: size_of(&archive.bytes),
        files: u64::try_from(unpacked.files.len()).unwrap_or(u64::MAX),
        bytes: unpacked.files.iter().map(|file| size_of(&file.contents)).sum(),
        top_folder: unpacked.top_folder.clone(),
        skipped: std::mem::take(&mut unpacked.skipped),
        skipped_entries,
    };
    Ok((import, unpacked))
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn refused(problem: ArchiveError) -> Error {
    if problem.is_size() {
        Error::TooLarge(problem.to_string())
    } else {
        Error::invalid("/archive", problem.to_string())
    }
}

/// A name for a project that has only files: that of the folder that held them, without the branch that hosts add.
pub(super) fn name_of(import: &Import) -> String {
    let folder = import.top_folder.as_deref().unwrap_or("imported-project");
    let name = ["-main", "-master"].iter().find_map(|end| folder.strip_suffix(end)).filter(|name| !name.is_empty());
    name.unwrap_or(folder).chars().filter(|char| !char.is_control()).take(100).collect()
}

/// Stores the files of a project that is not there yet. The write that ends the guard belongs into the transaction that
/// stores the project.
pub(super) async fn store_files<P: Ports>(
    ports: &P,
    project: &Project,
    files: Vec<ArchiveFile>,
) -> Result<Write, Error> {
    let id = &project.id;
    let guard = delete::guard(ports, id).await?;
    let now = ports.clock().now();
    let record = |file: &ArchiveFile| FileRecord {
        path: file.path.clone(),
        sha256: sha256_hex(&file.contents),
        size: size_of(&file.contents),
        language: language_of(&file.path).to_owned(),
        executable: file.executable,
        run: project.run,
        task_id: IMPORT.to_owned(),
        updated_at: now,
    };
    let records: Vec<FileRecord> = files.iter().map(record).collect();
    let contents: BTreeMap<String, Vec<u8>> =
        records.iter().map(|record| record.sha256.clone()).zip(files.into_iter().map(|file| file.contents)).collect();
    let puts = contents.into_iter().map(|(sha256, bytes)| async move {
        let key = keys::artifacts::file(id, &sha256);
        ports.blobs().put(&key, bytes, "application/octet-stream").await
    });
    stream::iter(puts).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    for chunk in records.chunks(RECORDS_A_WRITE) {
        let writes: Result<Vec<Write>, Error> = chunk
            .iter()
            .map(|file| Ok(Write::Put(store::fresh(keys::file(id, &file.path), file, Vec::new())?, Condition::Any)))
            .collect();
        ports.records().write(writes?).await?;
    }
    Ok(guard)
}

/// The plan of a run that takes imported files as they are: nothing is to be written.
#[must_use]
pub fn plan_of_import(project: &Project, import: &Import, files: &[FileRecord]) -> PlanContents {
    let mut languages: BTreeMap<&str, u64> = BTreeMap::new();
    for file in files.iter().filter(|file| !matches!(file.language.as_str(), "text" | "markdown" | "binary")) {
        *languages.entry(&file.language).or_default() += file.size;
    }
    let mut languages: Vec<(&str, u64)> = languages.into_iter().collect();
    languages.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    let description =
        format!("{} imported files ({}), to be checked and packaged as they are.", files.len(), import.format);
    PlanContents {
        name: slug(&project.name),
        description,
        project_type: "imported".to_owned(),
        stack: PlanStack {
            languages: languages.into_iter().map(|(name, _)| name.to_owned()).collect(),
            tools: Vec::new(),
        },
        ..PlanContents::default()
    }
}

/// A name that packages take: lower-case letters, digits and single hyphens.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for char in name.chars().take(60) {
        if char.is_ascii_alphanumeric() {
            slug.push(char.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "project".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_archives() {
        let import = |top: Option<&str>| Import {
            format: "zip".into(),
            sha256: String::new(),
            size: 0,
            files: 0,
            bytes: 0,
            top_folder: top.map(str::to_owned),
            skipped: Vec::new(),
            skipped_entries: 0,
        };
        assert_eq!(name_of(&import(None)), "imported-project");
        assert_eq!(name_of(&import(Some("shop-main"))), "shop");
        assert_eq!(name_of(&import(Some("-main"))), "-main");
        assert_eq!((slug("My Shop! 2"), slug("é")), ("my-shop-2".into(), "project".into()));
    }
}
