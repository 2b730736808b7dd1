//! Delivery packages: a reproducible zip with a manifest and checksums.
//!
//! [`build()`] gives the same bytes for the same files in any order, on any day; `millrace_app::archives` reads them again.
//! [`detect()`] says what kind of project the files are, writes the configuration that
//! is missing, and says how to deploy it. This module reads and writes no disk.

mod archive;
mod configure;
mod deploy;
pub mod detect;
mod files;
pub mod stack;

pub use archive::{FORMAT_VERSION, Manifest, ManifestFile, Package, PackageLimits, Project, build, sha256_hex};
pub use detect::{DetectedProject, ProjectKind, detect};
pub use millrace_app::archives::ArchiveFile as Entry;
pub use millrace_app::projects::paths::{MAX_PATH_BYTES, PathError, PathSet, check_path};

/// Why a package could not be made.
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
    /// The zip library could not write.
    #[error("the archive cannot be written")]
    Zip(#[from] zip::result::ZipError),
    /// The zip's bytes could not be written.
    #[error("the archive's data cannot be written")]
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
