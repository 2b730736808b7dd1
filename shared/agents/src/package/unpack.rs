//! Reading an archive that nobody vouches for.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::{Entry, PackageError, PathSet, sha256_hex};

/// What an archive may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Bytes of the archive.
    pub max_archive_bytes: u64,
    /// Number of entries, folders included.
    pub max_entries: usize,
    /// Bytes of one file when unpacked.
    pub max_file_bytes: u64,
    /// Bytes of all files when unpacked.
    pub max_total_bytes: u64,
    /// Bytes unpacked for one byte packed. Files up to [`UnpackLimits::ratio_free_bytes`] may
    /// expand further.
    pub max_ratio: u64,
    /// Size below which the ratio is not looked at.
    pub ratio_free_bytes: u64,
}

impl Default for UnpackLimits {
    /// 100 MiB packed, 10 000 entries, 100 MiB a file, 250 MiB together, ratio 200 above 1 MiB.
    fn default() -> Self {
        Self {
            max_archive_bytes: 100 * 1024 * 1024,
            max_entries: 10_000,
            max_file_bytes: 100 * 1024 * 1024,
            max_total_bytes: 250 * 1024 * 1024,
            max_ratio: 200,
            ratio_free_bytes: 1024 * 1024,
        }
    }
}

/// What was in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The files, sorted by path. Folders are left out.
    pub files: Vec<Entry>,
}

impl Unpacked {
    /// Compares the files with the checksums in `list` (normally `SHA256SUMS`). Returns how many
    /// files were checked.
    ///
    /// # Errors
    ///
    /// [`PackageError::Refused`] when there is no such list or a line is not one of `sha256sum`;
    /// [`PackageError::Checksum`] for the first file that is missing or differs.
    pub fn verify(&self, list: &str) -> Result<usize, PackageError> {
        let file = |path: &str| self.files.iter().find(|file| file.path == path);
        let text = file(list)
            .and_then(|file| std::str::from_utf8(&file.contents).ok())
            .ok_or_else(|| PackageError::Refused(format!("there is no text file `{list}`")))?;
        let mut checked = 0;
        for line in text.lines() {
            let (sum, path) = line
                .split_once("  ")
                .ok_or_else(|| PackageError::Refused(format!("`{list}` has a line without a checksum")))?;
            if file(path).is_none_or(|file| sha256_hex(&file.contents) != sum) {
                return Err(PackageError::Checksum { path: path.to_owned(), list: list.to_owned() });
            }
            checked += 1;
        }
        Ok(checked)
    }
}

/// Unpacks an archive in memory.
///
/// # Errors
///
/// [`PackageError`] when the archive is damaged; passes a limit (counted while unpacking, whatever
/// its headers say); has unsafe, repeated or overlapping entries; or holds links, devices or
/// encrypted data.
pub fn unpack(bytes: &[u8], limits: &UnpackLimits) -> Result<Unpacked, PackageError> {
    let size = bytes.len() as u64;
    if size > limits.max_archive_bytes {
        return Err(PackageError::ArchiveTooLarge { size, limit: limits.max_archive_bytes });
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes))?;
    if archive.len() > limits.max_entries {
        return Err(PackageError::TooManyFiles { count: archive.len(), limit: limits.max_entries });
    }
    if archive.has_duplicate_names() {
        return Err(PackageError::Refused("two entries have the same name".into()));
    }
    if archive.has_overlapping_entries()? {
        return Err(PackageError::Refused("entries overlap each other".into()));
    }
    let mut paths = PathSet::default();
    let mut files = Vec::new();
    let mut total = 0_u64;
    for index in 0..archive.len() {
        if let Some(entry) = read_entry(&mut archive, index, limits, limits.max_total_bytes - total)? {
            paths.insert(&entry.path).map_err(|error| PackageError::path(&entry.path, error))?;
            total += entry.contents.len() as u64;
            files.push(entry);
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Unpacked { files })
}

/// Reads one entry; None for a folder. `left` is what may still be unpacked.
fn read_entry(
    archive: &mut ZipArchive<Cursor<&[u8]>>,
    index: usize,
    limits: &UnpackLimits,
    left: u64,
) -> Result<Option<Entry>, PackageError> {
    let file = archive.by_index(index)?;
    let entry = file.entry();
    let path = std::str::from_utf8(entry.name_raw())
        .map_err(|_| PackageError::Refused("an entry's name is not UTF-8".into()))?
        .to_owned();
    let shown = path.escape_default().to_string();
    let mode = entry.unix_mode();
    if entry.encrypted() {
        return Err(PackageError::Refused(format!("`{shown}` is encrypted")));
    }
    let folder = entry.is_dir();
    // The upper bits of the mode are the type: regular file, folder, or not given.
    let kind = mode.unwrap_or(0) & 0o170_000;
    if entry.is_symlink() || !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        return Err(PackageError::Refused(format!("`{shown}` is a link or device")));
    }
    let checked = if folder { path.strip_suffix('/').unwrap_or(&path) } else { &path };
    super::check_path(checked).map_err(|error| PackageError::path(&path, error))?;
    if folder {
        return Ok(None);
    }
    let too_large = || PackageError::FileTooLarge { path: shown.clone(), limit: limits.max_file_bytes };
    if entry.size() > limits.max_file_bytes {
        return Err(too_large());
    }
    let by_ratio = entry.compressed_size().saturating_mul(limits.max_ratio).max(limits.ratio_free_bytes);
    let allowed = limits.max_file_bytes.min(left).min(by_ratio);
    let mut contents = Vec::new();
    let read = file.take(allowed.saturating_add(1)).read_to_end(&mut contents)?;
    if read as u64 > allowed {
        return Err(if allowed == by_ratio {
            PackageError::Ratio { path: shown, limit: limits.max_ratio }
        } else if allowed == left {
            PackageError::TotalTooLarge { limit: limits.max_total_bytes }
        } else {
            too_large()
        });
    }
    Ok(Some(Entry { path, contents, executable: mode.is_some_and(|mode| mode & 0o111 != 0) }))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::super::{PackageLimits, Project, build};
    use super::*;

    fn deflated() -> SimpleFileOptions {
        SimpleFileOptions::default().compression_method(CompressionMethod::Deflated)
    }

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, contents) in files {
            writer.start_file(*path, deflated()).unwrap();
            writer.write_all(contents).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn error(bytes: &[u8]) -> PackageError {
        unpack(bytes, &UnpackLimits::default()).unwrap_err()
    }

    #[test]
    fn round_trip_and_checksums() {
        let entries = vec![
            Entry { path: "a/run".into(), contents: b"#!/bin/sh\n".to_vec(), executable: true },
            Entry { path: "b.txt".into(), contents: vec![7; 5000], executable: false },
        ];
        let package =
            build(entries.clone(), Project::default(), serde_json::Map::new(), &PackageLimits::default()).unwrap();
        let mut unpacked = unpack(&package.bytes, &UnpackLimits::default()).unwrap();
        assert_eq!(unpacked.verify("SHA256SUMS").unwrap(), 3);
        let own: Vec<_> = unpacked.files.iter().filter(|f| entries.contains(f)).collect();
        assert_eq!(own.len(), 2);
        for file in &mut unpacked.files {
            if file.path == "b.txt" {
                file.contents.push(0);
            }
        }
        assert!(matches!(unpacked.verify("SHA256SUMS"), Err(PackageError::Checksum { path, .. }) if path == "b.txt"));
        assert!(unpacked.verify("none").is_err());
    }

    #[test]
    fn traversal_and_collisions() {
        for path in ["../a", "/a", "a/../../b", "a\\b", "C:/a"] {
            assert!(matches!(error(&zip(&[(path, b"x")])), PackageError::Path { .. }), "{path}");
        }
        assert!(matches!(error(&zip(&[("a", b""), ("A", b"")])), PackageError::Path { .. }));
        assert!(matches!(error(&zip(&[("a", b""), ("a/b", b"")])), PackageError::Path { .. }));
    }

    #[test]
    fn folders_are_left_out_and_links_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_directory("a", deflated()).unwrap();
        writer.start_file("a/b", deflated()).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        let files = unpack(&bytes, &UnpackLimits::default()).unwrap().files;
        assert_eq!(files.len(), 1);

        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink("a", "/etc/passwd", deflated()).unwrap();
        let bytes = writer.finish().unwrap().into_inner();
        assert!(matches!(error(&bytes), PackageError::Refused(_)));
    }

    #[test]
    fn bombs() {
        let zeros = vec![0; 4 * 1024 * 1024];
        let bytes = zip(&[("a", &zeros)]);
        assert!(matches!(error(&bytes), PackageError::Ratio { .. }));
        let small = UnpackLimits { max_file_bytes: 1000, ..UnpackLimits::default() };
        assert!(matches!(unpack(&bytes, &small), Err(PackageError::FileTooLarge { .. })));
        let small = UnpackLimits { max_total_bytes: 1500, ..UnpackLimits::default() };
        let bytes = zip(&[("a", &[1; 1000]), ("b", &[1; 1000])]);
        assert!(matches!(unpack(&bytes, &small), Err(PackageError::TotalTooLarge { .. })));
        let small = UnpackLimits { max_entries: 1, ..UnpackLimits::default() };
        assert!(matches!(unpack(&bytes, &small), Err(PackageError::TooManyFiles { .. })));
        let small = UnpackLimits { max_archive_bytes: 10, ..UnpackLimits::default() };
        assert!(matches!(unpack(&bytes, &small), Err(PackageError::ArchiveTooLarge { .. })));
    }

    /// A header that lies about the size does not help: the bytes are counted.
    #[test]
    fn sizes_in_headers_are_not_believed() {
        let mut bytes = zip(&[("a", &vec![0; 4 * 1024 * 1024])]);
        let size = (4_u32 * 1024 * 1024).to_le_bytes();
        let places: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, w)| *w == size).map(|(i, _)| i).collect();
        assert!(!places.is_empty());
        for place in places {
            bytes[place..place + 4].copy_from_slice(&10_u32.to_le_bytes());
        }
        assert!(unpack(&bytes, &UnpackLimits::default()).is_err());
    }

    #[test]
    fn damage_is_found() {
        let mut bytes = zip(&[("a", b"some text that is long enough to be packed")]);
        bytes[40] ^= 0xff;
        assert!(unpack(&bytes, &UnpackLimits::default()).is_err());
        assert!(matches!(error(b"no zip"), PackageError::Zip(_)));
        assert!(unpack(b"", &UnpackLimits::default()).is_err());
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&bytes, &UnpackLimits::default());
        }

        #[test]
        fn changed_bytes_never_panic(place in 0_usize..400, value: u8) {
            let mut bytes = zip(&[("a/b", b"hello hello hello"), ("c", b"")]);
            let place = place % bytes.len();
            bytes[place] = value;
            let _ = unpack(&bytes, &UnpackLimits::default());
        }

        #[test]
        fn packing_and_unpacking_gives_the_same(files in proptest::collection::btree_map("[a-z]{1,8}\\.txt", proptest::collection::vec(any::<u8>(), 0..200), 1..8)) {
            let entries: Vec<Entry> = files.into_iter().map(|(path, contents)| Entry { path, contents, executable: false }).collect();
            let package = build(entries.clone(), Project::default(), serde_json::Map::new(), &PackageLimits::default()).unwrap();
            let unpacked = unpack(&package.bytes, &UnpackLimits::default()).unwrap();
            prop_assert!(entries.iter().all(|e| unpacked.files.contains(e)));
            prop_assert_eq!(unpacked.files.len(), entries.len() + 2);
        }
    }
}
