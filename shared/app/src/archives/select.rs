//! Which files of an archive somebody wrote.

use serde::Deserialize;

use super::{Skipped, Unpacked};

const VERSIONS: &str = "history of a version control system";
const INSTALLED: &str = "installed dependencies";
const MADE: &str = "made by a tool";
const SYSTEM: &str = "made by an operating system";

/// Folders that are not taken, wherever they are: what version control keeps, what is installed, and what tools make.
pub const SKIPPED_FOLDERS: [(&str, &str); 30] = [
    (".git", VERSIONS),
    (".hg", VERSIONS),
    (".svn", VERSIONS),
    ("node_modules", INSTALLED),
    ("bower_components", INSTALLED),
    (".venv", INSTALLED),
    ("venv", INSTALLED),
    ("site-packages", INSTALLED),
    ("target", MADE),
    ("__pycache__", MADE),
    (".pytest_cache", MADE),
    (".mypy_cache", MADE),
    (".ruff_cache", MADE),
    (".tox", MADE),
    (".nox", MADE),
    (".eggs", MADE),
    (".gradle", MADE),
    (".next", MADE),
    (".nuxt", MADE),
    (".svelte-kit", MADE),
    (".turbo", MADE),
    (".parcel-cache", MADE),
    (".cache", MADE),
    (".aws-sam", MADE),
    (".serverless", MADE),
    (".terraform", MADE),
    (".nyc_output", MADE),
    (".idea", "settings of an editor"),
    ("__MACOSX", SYSTEM),
    (".Trashes", SYSTEM),
];

/// Files that are not taken.
const SKIPPED_FILES: [(&str, &str); 4] =
    [(".DS_Store", SYSTEM), ("Thumbs.db", SYSTEM), ("desktop.ini", SYSTEM), (".git", VERSIONS)];

/// Folders that a project has at its top: one of them alone is not the folder round a project.
const OWN_FOLDERS: [&str; 19] = [
    "src",
    "lib",
    "app",
    "apps",
    "packages",
    "public",
    "static",
    "site",
    "www",
    "web",
    "test",
    "tests",
    "docs",
    "bin",
    "cmd",
    "pkg",
    "scripts",
    "functions",
    ".github",
];

/// What of a path is skipped, and why: the first folder that is, or the file.
pub(super) fn skipped(path: &str, is_folder: bool) -> Option<(String, &'static str)> {
    let mut end = 0;
    for part in path.split('/') {
        end += part.len() + 1;
        // The last part of a file's path is its name.
        if end > path.len() && !is_folder {
            break;
        }
        if let Some((_, reason)) = SKIPPED_FOLDERS.iter().find(|(name, _)| *name == part) {
            let folder = path.get(..end - 1).unwrap_or(path);
            return Some((format!("{folder}/"), reason));
        }
    }
    if is_folder {
        return None;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some((_, reason)) = SKIPPED_FILES.iter().find(|(skipped, _)| *skipped == name) {
        return Some((path.to_owned(), reason));
    }
    let is_compiled = [".pyc", ".pyo"].iter().any(|end| name.ends_with(end));
    let reason = if is_compiled { MADE } else { SYSTEM };
    (is_compiled || name.starts_with("._")).then(|| (path.to_owned(), reason))
}

/// Takes away a folder that holds everything, as hosts put one round a repository.
pub(super) fn strip_top_folder(unpacked: &mut Unpacked) {
    let first = unpacked.files.first().and_then(|file| file.path.split_once('/')).map(|(top, _)| top.to_owned());
    let Some(top) = first.filter(|top| !OWN_FOLDERS.contains(&top.as_str())) else { return };
    let prefix = format!("{top}/");
    if !unpacked.files.iter().all(|file| file.path.starts_with(&prefix)) {
        return;
    }
    let paths = unpacked.files.iter_mut().map(|file| &mut file.path);
    for path in paths.chain(unpacked.skipped.iter_mut().map(|skipped| &mut skipped.path)) {
        if let Some(rest) = path.strip_prefix(&prefix).map(str::to_owned) {
            *path = rest;
        }
    }
    unpacked.top_folder = Some(top);
}

/// The form of a package's manifest, as far as it tells one from other files of that name.
#[derive(Deserialize)]
struct Manifest {
    format_version: u32,
    files: Vec<ManifestFile>,
}

#[derive(Deserialize)]
struct ManifestFile {
    path: String,
    #[serde(rename = "sha256")]
    _sha256: String,
}

/// Takes away manifest and checksums of a package of ours: the next package has its own.
pub(super) fn drop_package_lists(unpacked: &mut Unpacked) {
    const MANIFESTS: [&str; 2] = ["package-manifest.json", "manifest.json"];
    const LISTS: [&str; 2] = ["PACKAGE-SHA256SUMS", "SHA256SUMS"];
    let text = |path: &str| {
        let file = unpacked.files.iter().find(|file| file.path == path)?;
        std::str::from_utf8(&file.contents).ok()
    };
    let manifest = MANIFESTS.into_iter().find(|path| {
        let read = text(path).and_then(|text| serde_json::from_str::<Manifest>(text).ok());
        // A list of a package never names itself.
        read.is_some_and(|manifest| {
            manifest.format_version == 1 && manifest.files.iter().all(|file| file.path != *path)
        })
    });
    let Some(manifest) = manifest else { return };
    let line = format!("  {manifest}");
    let list = LISTS.into_iter().find(|path| text(path).is_some_and(|text| text.lines().any(|at| at.ends_with(&line))));
    let Some(list) = list else { return };
    unpacked.files.retain(|file| file.path != manifest && file.path != list);
    for path in [manifest, list] {
        let reason = "added to a package; the next package has its own".to_owned();
        unpacked.skipped.push(Skipped { path: path.to_owned(), reason, entries: 1 });
    }
}
