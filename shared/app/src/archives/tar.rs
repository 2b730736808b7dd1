//! Tar, plain and in gzip.

use std::cell::Cell;
use std::io::{self, Read};

use ::tar::{Archive, EntryType};
use flate2::read::MultiGzDecoder;

use super::ArchiveError;
use super::collect::{Collector, Kind};

/// The size of a header.
const BLOCK: usize = 512;
/// Where a header's checksum is.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Does this begin with a header whose checksum is right? Old forms of tar have no other mark.
pub(super) fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..BLOCK) else { return false };
    let field = header.get(CHECKSUM).unwrap_or_default();
    let text = String::from_utf8_lossy(field);
    let Ok(said) = u64::from_str_radix(text.trim_matches([' ', '\0']), 8) else { return false };
    let byte = |(at, byte): (usize, &u8)| if CHECKSUM.contains(&at) { u64::from(b' ') } else { u64::from(*byte) };
    header.iter().enumerate().map(byte).sum::<u64>() == said
}

pub(super) fn read_plain(bytes: &[u8], collector: &mut Collector<'_>) -> Result<(), ArchiveError> {
    entries(bytes, collector)
}

/// Counts what is unpacked, skipped or not, and ends where it is too much.
struct Counted<'a, R> {
    inner: R,
    left: u64,
    over: &'a Cell<bool>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let count = u64::try_from(read).unwrap_or(u64::MAX);
        if count > self.left {
            self.over.set(true);
            return Err(io::Error::other("too much is unpacked"));
        }
        self.left -= count;
        Ok(read)
    }
}

pub(super) fn read_gzip(bytes: &[u8], collector: &mut Collector<'_>) -> Result<(), ArchiveError> {
    let limits = collector.limits;
    let packed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let by_ratio = packed.saturating_mul(limits.max_ratio).max(limits.ratio_free_bytes);
    let left = limits.max_inflated_bytes.min(by_ratio);
    let over = Cell::new(false);
    let mut unpacked = Counted { inner: MultiGzDecoder::new(bytes), left, over: &over };
    let mut start = Vec::new();
    let read = (&mut unpacked).take(BLOCK as u64).read_to_end(&mut start);
    let outcome = match read {
        Ok(_) if is_tar(&start) => entries(start.as_slice().chain(unpacked), collector),
        Ok(_) => Err(ArchiveError::Format { found: "gzip with something else than a tar in it" }),
        Err(problem) => Err(ArchiveError::damaged(None, &problem)),
    };
    if !over.get() {
        return outcome;
    }
    Err(if left == by_ratio {
        ArchiveError::Ratio { path: "the archive".to_owned(), limit: limits.max_ratio }
    } else {
        ArchiveError::Inflated { limit: limits.max_inflated_bytes }
    })
}

fn entries(tar: impl Read, collector: &mut Collector<'_>) -> Result<(), ArchiveError> {
    let mut archive = Archive::new(tar);
    let found = archive.entries().map_err(|problem| ArchiveError::damaged(None, &problem))?;
    for entry in found {
        let entry = entry.map_err(|problem| ArchiveError::damaged(None, &problem))?;
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Folder,
            EntryType::Symlink => Kind::Other("a symbolic link"),
            EntryType::Link => Kind::Other("a hard link"),
            EntryType::Char | EntryType::Block => Kind::Other("a device"),
            EntryType::Fifo => Kind::Other("a pipe"),
            EntryType::GNUSparse => Kind::Other("a sparse file"),
            // The commit of `git archive`, and the like: nothing of the tree.
            EntryType::XGlobalHeader => continue,
            _ => Kind::Other("of a kind that is not known"),
        };
        let name = entry.path_bytes().into_owned();
        // Old tars mark a folder by its name alone.
        let kind = if kind == Kind::File && name.ends_with(b"/") { Kind::Folder } else { kind };
        let executable = header.mode().is_ok_and(|mode| mode & 0o111 != 0);
        let size = entry.size();
        if let Some(path) = collector.consider(&name, kind)? {
            let shown = path.clone();
            let before = collector.bytes();
            collector.read(path, entry, None, size, executable)?;
            if collector.bytes() - before != size {
                return Err(ArchiveError::Damaged { path: Some(shown), problem: "it ends too early".to_owned() });
            }
        }
    }
    // What comes after the last entry is nothing, but its checksum says whether all was right.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(|problem| ArchiveError::damaged(None, &problem))?;
    Ok(())
}
