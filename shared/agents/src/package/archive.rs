//! Building a package.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipWriter};

use super::{Entry, PackageError, PathSet};

/// The version of the manifest's format.
pub const FORMAT_VERSION: u32 = 1;

/// What a package may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageLimits {
    /// Number of files.
    pub max_files: usize,
    /// Bytes of one file.
    pub max_file_bytes: u64,
    /// Bytes of all files.
    pub max_total_bytes: u64,
}

impl Default for PackageLimits {
    /// 10 000 files, 100 MiB a file, 250 MiB together (the most a Lambda function may have).
    fn default() -> Self {
        Self { max_files: 10_000, max_file_bytes: 100 * 1024 * 1024, max_total_bytes: 250 * 1024 * 1024 }
    }
}

/// Whose files they are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// The project's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The project's name.
    pub name: String,
}

/// One file in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Unix permissions in octal digits, `0644` or `0755`.
    pub mode: String,
}

/// The manifest stored in a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Whose files they are.
    pub project: Project,
    /// The files sorted by path, without the manifest and the checksums.
    pub files: Vec<ManifestFile>,
    /// Bytes of all files.
    pub total_size: u64,
    /// What the caller adds. Left out when empty.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// A finished package.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    /// The zip.
    pub bytes: Vec<u8>,
    /// SHA-256 of the zip in lower-case hexadecimal digits.
    pub sha256: String,
    /// The manifest that is in it.
    pub manifest: Manifest,
    /// Where the manifest is: `manifest.json`, or `package-manifest.json` when the project has a
    /// file of that name (a web app's manifest).
    pub manifest_path: String,
    /// Where the checksums are: `SHA256SUMS`, or `PACKAGE-SHA256SUMS` when the project has a file
    /// of that name.
    pub checksums_path: String,
}

/// SHA-256 in lower-case hexadecimal digits.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Builds a package. The same files, project and metadata give the same bytes, in whatever order
/// the files come: entries are sorted by path, dated 1980-01-01 and have mode 0644 or 0755.
///
/// The package holds the files, a manifest and checksums, so that `sha256sum -c SHA256SUMS` checks
/// it after unzipping.
///
/// # Errors
///
/// [`PackageError`] when there are no files, a path is unsafe or not unique, or a limit is passed.
pub fn build(
    mut entries: Vec<Entry>,
    project: Project,
    metadata: Map<String, Value>,
    limits: &PackageLimits,
) -> Result<Package, PackageError> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let paths = check(&entries, limits)?;
    let manifest_path = free_name(&paths, ["manifest.json", "package-manifest.json"])?;
    let checksums_path = free_name(&paths, ["SHA256SUMS", "PACKAGE-SHA256SUMS"])?;

    let files: Vec<ManifestFile> = entries.iter().map(describe).collect();
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        project,
        total_size: files.iter().map(|file| file.size).sum(),
        files,
        metadata,
    };
    let mut json = serde_json::to_vec_pretty(&manifest)?;
    json.push(b'\n');

    let mut sums: Vec<(&str, String)> =
        manifest.files.iter().map(|file| (file.path.as_str(), file.sha256.clone())).collect();
    sums.push((manifest_path, sha256_hex(&json)));
    sums.sort();
    let mut list = String::new();
    for (path, sum) in sums {
        let _ = writeln!(list, "{sum}  {path}");
    }

    for (path, contents) in [(manifest_path, json), (checksums_path, list.into_bytes())] {
        entries.push(Entry { path: path.to_owned(), contents, executable: false });
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let bytes = write_zip(&entries)?;
    Ok(Package {
        sha256: sha256_hex(&bytes),
        bytes,
        manifest,
        manifest_path: manifest_path.to_owned(),
        checksums_path: checksums_path.to_owned(),
    })
}

fn describe(entry: &Entry) -> ManifestFile {
    ManifestFile {
        path: entry.path.clone(),
        size: entry.contents.len() as u64,
        sha256: sha256_hex(&entry.contents),
        mode: format!("{:04o}", entry.mode()),
    }
}

fn check(entries: &[Entry], limits: &PackageLimits) -> Result<PathSet, PackageError> {
    if entries.is_empty() {
        return Err(PackageError::Empty);
    }
    if entries.len() > limits.max_files {
        return Err(PackageError::TooManyFiles { count: entries.len(), limit: limits.max_files });
    }
    let mut paths = PathSet::default();
    let mut total = 0_u64;
    for entry in entries {
        paths.insert(&entry.path).map_err(|error| PackageError::path(&entry.path, error))?;
        let size = entry.contents.len() as u64;
        if size > limits.max_file_bytes {
            return Err(PackageError::FileTooLarge { path: entry.path.clone(), limit: limits.max_file_bytes });
        }
        total = total.saturating_add(size);
    }
    if total > limits.max_total_bytes {
        return Err(PackageError::TotalTooLarge { limit: limits.max_total_bytes });
    }
    Ok(paths)
}

fn free_name(paths: &PathSet, names: [&'static str; 2]) -> Result<&'static str, PackageError> {
    let free = names.into_iter().find(|name| !paths.contains(name));
    free.ok_or_else(|| PackageError::path(names[1], super::PathError::Duplicate))
}

fn write_zip(entries: &[Entry]) -> Result<Vec<u8>, PackageError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(6))
            .last_modified_time(DateTime::DEFAULT)
            .system(System::Unix)
            .unix_permissions(entry.mode());
        writer.start_file(entry.path.as_str(), options)?;
        writer.write_all(&entry.contents)?;
    }
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use millrace_app::archives::{ArchiveLimits, unpack, unpack_sources};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::super::PathError;
    use super::*;

    fn file(path: &str, text: &str) -> Entry {
        Entry { path: path.to_owned(), contents: text.as_bytes().to_vec(), executable: text.starts_with("#!") }
    }

    fn entries() -> Vec<Entry> {
        [("src/app.py", "print('héllo')\n"), ("run.sh", "#!/bin/sh\necho hi\n"), ("docs/a b.txt", ""), ("é.txt", "x")]
            .map(|(path, text)| file(path, text))
            .to_vec()
    }

    fn package(entries: Vec<Entry>) -> Result<Package, PackageError> {
        let project = Project { id: Some("prj_1".into()), name: "demo".into() };
        let mut metadata = Map::new();
        metadata.insert("score".into(), 97.into());
        build(entries, project, metadata, &PackageLimits::default())
    }

    #[test]
    fn same_files_same_bytes() {
        let first = package(entries()).unwrap();
        let mut reversed = entries();
        reversed.reverse();
        let second = package(reversed).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.sha256, sha256_hex(&first.bytes));
        // The stored date is 1980-01-01 00:00: date field 0x0021, time field 0.
        assert_eq!(first.bytes[10..14], [0, 0, 0x21, 0]);
    }

    #[test]
    fn manifest_lists_every_file() {
        let package = package(entries()).unwrap();
        let files: Vec<_> = package.manifest.files.iter().map(|f| (f.path.as_str(), f.size, f.mode.as_str())).collect();
        assert_eq!(
            files,
            [("docs/a b.txt", 0, "0644"), ("run.sh", 18, "0755"), ("src/app.py", 16, "0644"), ("é.txt", 1, "0644")]
        );
        assert_eq!(package.manifest.total_size, 35);
        let unpacked = unpack(&package.bytes, &ArchiveLimits::of_packages()).unwrap();
        let json = unpacked.files.iter().find(|f| f.path == "manifest.json").unwrap();
        let value: Value = serde_json::from_slice(&json.contents).unwrap();
        assert_eq!(value["metadata"]["score"], 97);
        assert_eq!(value["project"]["id"], "prj_1");
        assert_eq!(serde_json::from_value::<Manifest>(value).unwrap(), package.manifest);
    }

    #[test]
    fn names_that_the_project_uses_itself() {
        let mut all = entries();
        all.push(file("Manifest.json", "{}"));
        all.push(file("SHA256SUMS", ""));
        let made = package(all.clone()).unwrap();
        assert_eq!(made.manifest_path, "package-manifest.json");
        assert_eq!(made.checksums_path, "PACKAGE-SHA256SUMS");
        all.push(file("package-manifest.json", "{}"));
        assert!(matches!(package(all), Err(PackageError::Path { .. })));
    }

    #[test]
    fn refused_input() {
        assert!(matches!(package(Vec::new()), Err(PackageError::Empty)));
        for path in ["/a", "../a", "", "a\\b", "a\0", "C:/a", "RUN.sh", "run.sh", "src"] {
            let mut all = entries();
            all.push(file(path, ""));
            let error = package(all).unwrap_err();
            assert!(matches!(error, PackageError::Path { .. }), "{path:?}: {error}");
        }
        let error = PackageError::path("a\0", PathError::Control).to_string();
        assert!(error.contains("a\\u{0}"), "{error}");
        let limits = PackageLimits { max_files: 3, max_file_bytes: 17, max_total_bytes: 30 };
        let go = |entries: Vec<Entry>| build(entries, Project::default(), Map::new(), &limits).unwrap_err();
        assert!(matches!(go(entries()), PackageError::TooManyFiles { count: 4, .. }));
        assert!(matches!(go(entries()[1..].to_vec()), PackageError::FileTooLarge { .. }));
        let two = vec![entries().remove(0), Entry { path: "b".into(), contents: vec![0; 17], executable: false }];
        assert!(matches!(go(two), PackageError::TotalTooLarge { .. }));
    }

    fn exists(command: &str) -> bool {
        Command::new(command).arg("--help").output().is_ok()
    }

    #[test]
    fn other_programs_read_it() {
        let folder = std::env::temp_dir().join(format!("package-test-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let zip = folder.join("a.zip");
        std::fs::write(&zip, package(entries()).unwrap().bytes).unwrap();
        if exists("python3") {
            let output = Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&zip).output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        if exists("unzip") && exists("sha256sum") {
            let out = folder.join("out");
            let output = Command::new("unzip").arg("-q").arg(&zip).arg("-d").arg(&out).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            let output = Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(&out).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = std::fs::metadata(out.join("run.sh")).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o755);
            }
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn round_trip_and_checksums() {
        let package = package(entries()).unwrap();
        let mut unpacked = unpack(&package.bytes, &ArchiveLimits::of_packages()).unwrap();
        assert_eq!(unpacked.verify("SHA256SUMS"), Ok(5));
        if let Some(file) = unpacked.files.iter_mut().find(|file| file.path == "run.sh") {
            file.contents.push(0);
        }
        assert!(unpacked.verify("SHA256SUMS").unwrap_err().to_string().contains("run.sh"));
    }

    proptest! {
        #[test]
        fn packing_and_unpacking_gives_the_same(files in btree_map("[a-z]{1,8}\\.txt", vec(any::<u8>(), 0..200), 1..8)) {
            let entries: Vec<Entry> =
                files.into_iter().map(|(path, contents)| Entry { path, contents, executable: false }).collect();
            let package = package(entries.clone()).unwrap();
            let unpacked = unpack(&package.bytes, &ArchiveLimits::of_packages()).unwrap();
            for entry in &entries {
                let same = unpacked.files.iter().any(|file| file.path == entry.path && file.contents == entry.contents);
                prop_assert!(same, "{}", entry.path);
            }
            prop_assert_eq!(unpacked.files.len(), entries.len() + 2);
            // A project that is imported from its package has the same files, and no lists of the package's.
            prop_assert_eq!(unpack_sources(&package.bytes, &ArchiveLimits::default()).unwrap().files.len(), entries.len());
        }
    }
}
