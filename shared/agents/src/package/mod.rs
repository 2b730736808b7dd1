//! Delivery packages: a reproducible zip with a manifest and checksums, and its reverse.
//!
//! [`build()`] gives the same bytes for the same files in any order, on any day. [`unpack()`] trusts
//! nothing in an archive. [`detect()`] says what kind of project the files are and how to deploy it.
//! This module reads and writes no disk.

mod archive;
mod deploy;
pub mod detect;
mod unpack;

use crate::analysis::SourceFile;

pub use archive::{FORMAT_VERSION, Manifest, ManifestFile, Package, PackageLimits, Project, build, sha256_hex};
pub use detect::{DetectedProject, ProjectKind, detect};
pub use millrace_app::projects::paths::{MAX_PATH_BYTES, PathError, PathSet, check_path};
pub use unpack::{UnpackLimits, Unpacked, unpack};

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path with `/`, relative to the package's root.
    pub path: String,
    /// The bytes.
    pub contents: Vec<u8>,
    /// Stored with mode 0755 instead of 0644.
    pub executable: bool,
}

impl Entry {
    /// Unix permissions.
    #[must_use]
    pub const fn mode(&self) -> u32 {
        if self.executable { 0o755 } else { 0o644 }
    }
}

impl From<SourceFile> for Entry {
    /// Takes files that begin with `#!` for executables.
    fn from(file: SourceFile) -> Self {
        Self { executable: file.contents.starts_with(b"#!"), path: file.path, contents: file.contents }
    }
}

/// Why a package could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A path that is not safe or not unique.
    #[error("file `{path}` cannot be packed: {source}; rename it")]
    Path {
        /// The path, control characters escaped.
        path: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// No files.
    #[error("there are no files to pack")]
    Empty,
    /// More files than allowed.
    #[error("{count} files, more than the {limit} allowed; leave out generated files")]
    TooManyFiles {
        /// Files given.
        count: usize,
        /// Files allowed.
        limit: usize,
    },
    /// A file above its limit.
    #[error("file `{path}` has more than the {limit} bytes allowed; shrink it or leave it out")]
    FileTooLarge {
        /// The file.
        path: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// All files together above their limit.
    #[error("the files have more than the {limit} bytes allowed together; leave some out")]
    TotalTooLarge {
        /// Bytes allowed.
        limit: u64,
    },
    /// The archive itself above its limit.
    #[error("the archive has {size} bytes, more than the {limit} allowed")]
    ArchiveTooLarge {
        /// Bytes given.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// An entry that expands so far that it looks like an attack.
    #[error("entry `{path}` expands more than {limit} times; it looks like a zip bomb")]
    Ratio {
        /// The entry.
        path: String,
        /// Expansion allowed.
        limit: u64,
    },
    /// An entry that is neither file nor folder, or is encrypted, or a broken set of entries.
    #[error("the archive is refused: {0}")]
    Refused(String),
    /// Contents and checksum differ.
    #[error("file `{path}` does not match its checksum in {list}; the package was changed or damaged")]
    Checksum {
        /// The file.
        path: String,
        /// The list of checksums.
        list: String,
    },
    /// The zip library could not write or read.
    #[error("the archive cannot be read or written")]
    Zip(#[from] zip::result::ZipError),
    /// The compressed data is broken.
    #[error("the archive's data is damaged")]
    Data(#[from] std::io::Error),
    /// The manifest could not be written as JSON.
    #[error("the manifest cannot be written")]
    Manifest(#[from] serde_json::Error),
}

impl PackageError {
    fn path(path: &str, source: PathError) -> Self {
        Self::Path { path: path.escape_default().to_string(), source }
    }
}
