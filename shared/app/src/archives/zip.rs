//! Zip.

use std::io::Cursor;

use ::zip::ZipArchive;
use ::zip::result::ZipError;

use super::ArchiveError;
use super::collect::{Collector, Kind};
use super::error::shown;

pub(super) fn read(bytes: &[u8], collector: &mut Collector<'_>) -> Result<(), ArchiveError> {
    let damaged = |problem: ZipError| ArchiveError::damaged(None, &problem);
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > collector.limits.max_entries {
        return Err(ArchiveError::TooManyEntries { limit: collector.limits.max_entries });
    }
    if archive.has_duplicate_names() {
        return Err(ArchiveError::Damaged { path: None, problem: "two entries have the same name".to_owned() });
    }
    if archive.has_overlapping_entries().map_err(damaged)? {
        return Err(ArchiveError::Overlap);
    }
    for index in 0..archive.len() {
        read_entry(&mut archive, index, collector)?;
    }
    Ok(())
}

fn read_entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    collector: &mut Collector<'_>,
) -> Result<(), ArchiveError> {
    // Without a decoder: what is encrypted or packed in another way must be named, and what is skipped need not be read.
    let raw = archive.by_index_raw(index).map_err(|problem| ArchiveError::damaged(None, &problem))?;
    let entry = raw.entry();
    let name = entry.name_raw().to_vec();
    let mode = entry.unix_mode();
    // The upper bits of the mode are the type: regular file, folder, or not given.
    let kind = match mode.unwrap_or(0) & 0o170_000 {
        _ if entry.is_symlink() => Kind::Other("a symbolic link"),
        0o040_000 => Kind::Folder,
        0 | 0o100_000 if entry.is_dir() => Kind::Folder,
        0 | 0o100_000 => Kind::File,
        0o120_000 => Kind::Other("a symbolic link"),
        0o010_000 => Kind::Other("a pipe"),
        0o140_000 => Kind::Other("a socket"),
        _ => Kind::Other("a device"),
    };
    let (encrypted, packed, size) = (entry.encrypted(), entry.compressed_size(), entry.size());
    drop(raw);
    let Some(path) = collector.consider(&name, kind)? else { return Ok(()) };
    if encrypted {
        return Err(ArchiveError::Encrypted { path: shown(&path) });
    }
    let file = archive.by_index(index).map_err(|problem| ArchiveError::damaged(Some(&path), &problem))?;
    let executable = mode.is_some_and(|mode| mode & 0o111 != 0);
    collector.read(path, file, Some(packed), size, executable)
}
