//! The rules that hold for entries of every format.

use std::collections::BTreeMap;
use std::io::Read;

use super::error::shown;
use super::{ArchiveError, ArchiveFile, ArchiveLimits, Skipped, select};
use crate::projects::paths::{self, PathSet};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// Anything else, in words.
    Other(&'static str),
}

/// The files of an archive as they are found.
pub(super) struct Collector<'a> {
    pub(super) limits: &'a ArchiveLimits,
    /// Only what somebody wrote, at paths that a project may have.
    sources: bool,
    entries: usize,
    total: u64,
    paths: PathSet,
    files: Vec<ArchiveFile>,
    skipped: BTreeMap<String, (&'static str, u64)>,
}

impl<'a> Collector<'a> {
    pub(super) fn of_everything(limits: &'a ArchiveLimits) -> Self {
        Self {
            limits,
            sources: false,
            entries: 0,
            total: 0,
            paths: PathSet::default(),
            files: Vec::new(),
            skipped: BTreeMap::new(),
        }
    }

    pub(super) fn of_sources(limits: &'a ArchiveLimits) -> Self {
        Self { sources: true, ..Self::of_everything(limits) }
    }

    /// Looks at an entry's name and kind; the path when its contents are to be read.
    pub(super) fn consider(&mut self, name: &[u8], kind: Kind) -> Result<Option<String>, ArchiveError> {
        self.entries += 1;
        if self.entries > self.limits.max_entries {
            return Err(ArchiveError::TooManyEntries { limit: self.limits.max_entries });
        }
        let Ok(name) = std::str::from_utf8(name) else {
            return Err(ArchiveError::Name { path: shown(&String::from_utf8_lossy(name)) });
        };
        // `tar c .` names everything below `./`.
        let path = name.strip_prefix("./").unwrap_or(name);
        let path = if kind == Kind::Folder { path.strip_suffix('/').unwrap_or(path) } else { path };
        if kind == Kind::Folder && (path.is_empty() || path == ".") {
            return Ok(None);
        }
        let refused = |problem: String| ArchiveError::Path { path: shown(name), problem };
        paths::check_path(path).map_err(|problem| refused(problem.to_string()))?;
        if let Some((what, reason)) = select::skipped(path, kind == Kind::Folder).filter(|_| self.sources) {
            let entry = self.skipped.entry(what).or_insert((reason, 0));
            entry.1 += u64::from(kind != Kind::Folder);
            return Ok(None);
        }
        match kind {
            Kind::Folder => return Ok(None),
            Kind::Other(kind) => return Err(ArchiveError::NoFile { path: shown(name), kind }),
            Kind::File => {}
        }
        if self.sources {
            paths::check_new(path).map_err(|problem| refused(format!("the path {problem}")))?;
        }
        if self.files.len() >= self.limits.max_files {
            return Err(ArchiveError::TooManyFiles { path: shown(name), limit: self.limits.max_files });
        }
        self.paths.insert(path).map_err(|problem| refused(problem.to_string()))?;
        Ok(Some(path.to_owned()))
    }

    /// Reads a file's contents, which by the archive's headers have `packed` bytes (where each file is packed by itself) and
    /// `size` bytes unpacked.
    pub(super) fn read(
        &mut self,
        path: String,
        contents: impl Read,
        packed: Option<u64>,
        size: u64,
        executable: bool,
    ) -> Result<(), ArchiveError> {
        let limits = self.limits;
        let too_large = |path: &str| ArchiveError::FileTooLarge { path: shown(path), limit: limits.max_file_bytes };
        if size > limits.max_file_bytes {
            return Err(too_large(&path));
        }
        let left = limits.max_total_bytes.saturating_sub(self.total);
        let by_ratio =
            packed.map_or(u64::MAX, |packed| packed.saturating_mul(limits.max_ratio).max(limits.ratio_free_bytes));
        let allowed = limits.max_file_bytes.min(left).min(by_ratio);
        let mut bytes = Vec::new();
        let read = contents.take(allowed.saturating_add(1)).read_to_end(&mut bytes);
        let read = read.map_err(|problem| ArchiveError::damaged(Some(&path), &problem))?;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        if read > allowed {
            return Err(if allowed == by_ratio {
                ArchiveError::Ratio { path: shown(&path), limit: limits.max_ratio }
            } else if allowed == left {
                ArchiveError::TotalTooLarge { path: shown(&path), limit: limits.max_total_bytes }
            } else {
                too_large(&path)
            });
        }
        self.total = self.total.saturating_add(read);
        self.files.push(ArchiveFile { path, contents: bytes, executable });
        Ok(())
    }

    /// Bytes of the files so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.total
    }

    pub(super) fn finish(self) -> (Vec<ArchiveFile>, Vec<Skipped>) {
        let skipped = self.skipped.into_iter().filter(|(_, (_, entries))| *entries > 0);
        let skipped = skipped.map(|(path, (reason, entries))| Skipped { path, reason: reason.to_owned(), entries });
        (self.files, skipped.collect())
    }
}
