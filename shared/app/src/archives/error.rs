//! Why an archive is refused.

/// Why an archive is refused. The texts are for whoever sent it; entries are named, with what can't be shown escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The archive itself is above its limit.
    #[error("the archive has {size} bytes, more than the {limit} allowed; leave out what tools can make again")]
    TooLarge {
        /// Bytes given.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// It is something else.
    #[error("the archive is {found}; zip, tar and tar.gz can be read")]
    Format {
        /// What it seems to be.
        found: &'static str,
    },
    /// Nothing is left to take.
    #[error("there is no file in the archive that can be taken; {skipped} were skipped")]
    Empty {
        /// How many entries were skipped.
        skipped: u64,
    },
    /// More entries than allowed.
    #[error("the archive has more than the {limit} entries allowed, with folders and what is skipped")]
    TooManyEntries {
        /// Entries allowed.
        limit: usize,
    },
    /// More files than allowed.
    #[error("the archive has more than the {limit} files allowed; `{path}` is one too many: leave out generated files")]
    TooManyFiles {
        /// The first file too many.
        path: String,
        /// Files allowed.
        limit: usize,
    },
    /// A file above its limit.
    #[error("`{path}` has more than the {limit} bytes allowed for one file; shrink it or leave it out")]
    FileTooLarge {
        /// The file.
        path: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// All files together above their limit.
    #[error("with `{path}` the files have more than the {limit} bytes allowed together; leave some out")]
    TotalTooLarge {
        /// The file that goes over it.
        path: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// More is unpacked than allowed, with what is skipped.
    #[error("the archive unpacks to more than {limit} bytes; leave out what tools can make again")]
    Inflated {
        /// Bytes allowed.
        limit: u64,
    },
    /// An entry, or the whole, that expands so far that it looks like an attack.
    #[error("`{path}` expands more than {limit} times; it looks like a bomb")]
    Ratio {
        /// The entry.
        path: String,
        /// Expansion allowed.
        limit: u64,
    },
    /// A path that is not safe or not unique.
    #[error("`{path}` can't be taken: {problem}; rename it")]
    Path {
        /// The entry.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A name in another encoding.
    #[error("the name `{path}` is not UTF-8; rename it or pack it with UTF-8 names")]
    Name {
        /// The name, as far as it can be read.
        path: String,
    },
    /// An encrypted entry.
    #[error("`{path}` is encrypted; pack it without a password")]
    Encrypted {
        /// The entry.
        path: String,
    },
    /// A link, device or the like.
    #[error("`{path}` is {kind}; only files and folders can be taken")]
    NoFile {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// Entries that share bytes: a way to make bombs.
    #[error("entries of the archive overlap each other")]
    Overlap,
    /// The bytes are not what they should be.
    #[error("the archive is damaged{}: {problem}", .path.as_ref().map(|path| format!(" at `{path}`")).unwrap_or_default())]
    Damaged {
        /// The entry, where it is known.
        path: Option<String>,
        /// What is wrong.
        problem: String,
    },
    /// Contents and checksum differ.
    #[error("`{path}` {problem}")]
    Checksum {
        /// The file.
        path: String,
        /// What is wrong.
        problem: String,
    },
}

impl ArchiveError {
    /// Is something larger or more than allowed, rather than wrong?
    #[must_use]
    pub const fn is_size(&self) -> bool {
        matches!(
            self,
            Self::TooLarge { .. }
                | Self::TooManyEntries { .. }
                | Self::TooManyFiles { .. }
                | Self::FileTooLarge { .. }
                | Self::TotalTooLarge { .. }
                | Self::Inflated { .. }
                | Self::Ratio { .. }
        )
    }

    pub(super) fn damaged(path: Option<&str>, problem: &dyn std::error::Error) -> Self {
        let text: String = problem.to_string().chars().filter(|char| !char.is_control()).take(200).collect();
        Self::Damaged { path: path.map(shown), problem: text }
    }
}

/// A path as a message can show it.
pub(super) fn shown(path: &str) -> String {
    path.escape_debug().take(200).collect()
}
