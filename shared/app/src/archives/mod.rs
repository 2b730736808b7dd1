//! Reading archives that nobody vouches for: zip, tar and tar.gz, in memory.
//!
//! [`unpack`] gives every file of an archive, or refuses all of it and names the entry. [`unpack_sources`] gives a project's own
//! files: without what tools make, without the folder that hosts put round a repository, and without what a package of ours
//! adds. It knows no stores. Start reading at `collect.rs`, which has every rule that holds for all formats.

mod collect;
mod error;
mod select;
mod tar;
#[cfg(test)]
mod tests;
mod zip;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::sha256_hex;
use collect::Collector;

pub use error::ArchiveError;
pub use select::SKIPPED_FOLDERS;

/// What an archive may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of the archive.
    pub max_archive_bytes: u64,
    /// Number of entries, with folders and what is skipped.
    pub max_entries: usize,
    /// Number of files.
    pub max_files: usize,
    /// Bytes of one file when unpacked.
    pub max_file_bytes: u64,
    /// Bytes of all files when unpacked.
    pub max_total_bytes: u64,
    /// Bytes that are unpacked at the most, with what is skipped: a tar.gz must be unpacked to be skipped.
    pub max_inflated_bytes: u64,
    /// Bytes unpacked for one byte packed. Up to [`ArchiveLimits::ratio_free_bytes`] may expand further.
    pub max_ratio: u64,
    /// Size of a zip's entry, or of the whole tar of a tar.gz, below which the ratio is not looked at.
    pub ratio_free_bytes: u64,
}

impl Default for ArchiveLimits {
    /// For projects that are imported: 25 MiB packed, 20,000 entries, 2,000 files, 10 MiB a file, 50 MiB together, 256 MiB
    /// unpacked, ratio 200 above 1 MiB.
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            max_archive_bytes: 25 * MIB,
            max_entries: 20_000,
            max_files: 2_000,
            max_file_bytes: 10 * MIB,
            max_total_bytes: 50 * MIB,
            max_inflated_bytes: 256 * MIB,
            max_ratio: 200,
            ratio_free_bytes: MIB,
        }
    }
}

impl ArchiveLimits {
    /// For packages that this server made: as much as a package may hold.
    #[must_use]
    pub fn of_packages() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            max_archive_bytes: 100 * MIB,
            max_entries: 10_100,
            max_files: 10_100,
            max_file_bytes: 100 * MIB,
            max_total_bytes: 251 * MIB,
            ..Self::default()
        }
    }
}

/// The formats that can be read, by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ArchiveFormat {
    /// Zip, stored or deflated.
    #[serde(rename = "zip")]
    Zip,
    /// Tar: ustar, GNU or pax.
    #[serde(rename = "tar")]
    Tar,
    /// Tar in gzip.
    #[serde(rename = "tar.gz")]
    TarGz,
}

impl ArchiveFormat {
    /// The name in records and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
        }
    }
}

impl fmt::Display for ArchiveFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveFile {
    /// Its path below the archive's root, with `/` between segments.
    pub path: String,
    /// Its bytes.
    pub contents: Vec<u8>,
    /// Is it a program to be run? By its Unix permissions; false where the archive has none.
    pub executable: bool,
}

impl ArchiveFile {
    /// Unix permissions.
    #[must_use]
    pub const fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

/// Entries that are not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// A file, or a folder with all that is in it, which then ends with `/`.
    pub path: String,
    /// Why, in a few words.
    pub reason: String,
    /// How many files and links.
    pub entries: u64,
}

/// What was in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The archive's format.
    pub format: ArchiveFormat,
    /// The folder that held everything and was taken away.
    pub top_folder: Option<String>,
    /// The files, sorted by path. Folders are left out.
    pub files: Vec<ArchiveFile>,
    /// What was left out, sorted by path.
    pub skipped: Vec<Skipped>,
}

impl Unpacked {
    /// Compares the files with the checksums in `list` (normally `SHA256SUMS`). Returns how many files were checked.
    ///
    /// # Errors
    /// [`ArchiveError::Checksum`] when there is no such list, a line is not one of `sha256sum`, or a file is missing or differs.
    pub fn verify(&self, list: &str) -> Result<usize, ArchiveError> {
        let failed = |problem: &str| ArchiveError::Checksum { path: error::shown(list), problem: problem.to_owned() };
        let file = |path: &str| self.files.iter().find(|file| file.path == path);
        let text = file(list).and_then(|file| std::str::from_utf8(&file.contents).ok());
        let text = text.ok_or_else(|| failed("is no text file of the archive"))?;
        let mut checked = 0;
        for line in text.lines() {
            let (sum, path) = line.split_once("  ").ok_or_else(|| failed("has a line without a checksum"))?;
            if file(path).is_none_or(|file| sha256_hex(&file.contents) != sum) {
                let problem = format!("does not match its checksum in {list}; the package was changed or damaged");
                return Err(ArchiveError::Checksum { path: error::shown(path), problem });
            }
            checked += 1;
        }
        Ok(checked)
    }
}

/// Every file of an archive, as it is there.
///
/// # Errors
/// [`ArchiveError`] when it is damaged or of another format; passes a limit (counted while unpacking, whatever its headers say);
/// has unsafe, repeated or overlapping entries; or holds links, devices or what is encrypted.
pub fn unpack(bytes: &[u8], limits: &ArchiveLimits) -> Result<Unpacked, ArchiveError> {
    read(bytes, Collector::of_everything(limits))
}

/// The files that somebody wrote: what tools make is skipped, a folder that holds everything is taken away, and so is what a
/// package of ours adds to a project.
///
/// # Errors
/// As [`unpack`]; also for paths that no project may have, and where nothing is left.
pub fn unpack_sources(bytes: &[u8], limits: &ArchiveLimits) -> Result<Unpacked, ArchiveError> {
    let mut unpacked = read(bytes, Collector::of_sources(limits))?;
    select::strip_top_folder(&mut unpacked);
    select::drop_package_lists(&mut unpacked);
    if unpacked.files.is_empty() {
        return Err(ArchiveError::Empty { skipped: unpacked.skipped.iter().map(|one| one.entries).sum() });
    }
    unpacked.skipped.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(unpacked)
}

fn read(bytes: &[u8], mut collector: Collector<'_>) -> Result<Unpacked, ArchiveError> {
    let limit = collector.limits.max_archive_bytes;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > limit {
        return Err(ArchiveError::TooLarge { size, limit });
    }
    let format = format_of(bytes)?;
    match format {
        ArchiveFormat::Zip => zip::read(bytes, &mut collector)?,
        ArchiveFormat::Tar => tar::read_plain(bytes, &mut collector)?,
        ArchiveFormat::TarGz => tar::read_gzip(bytes, &mut collector)?,
    }
    let (mut files, skipped) = collector.finish();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Unpacked { format, top_folder: None, files, skipped })
}

/// The format, by what the bytes are and not by what somebody says of them.
fn format_of(bytes: &[u8]) -> Result<ArchiveFormat, ArchiveError> {
    const OTHERS: [(&[u8], &str); 6] = [
        (b"BZh", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"Rar!", "rar"),
        (b"\x1f\x9d", "compress (.Z)"),
    ];
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(ArchiveFormat::Zip);
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Ok(ArchiveFormat::TarGz);
    }
    if tar::is_tar(bytes) {
        return Ok(ArchiveFormat::Tar);
    }
    let other = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| *name);
    let found = if bytes.is_empty() { "empty" } else { other.unwrap_or("of no known format") };
    Err(ArchiveError::Format { found })
}
