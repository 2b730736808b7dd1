//! `millrace project cat` and `download`.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::arguments::Download;
use super::route;
use crate::client::{Api, Call};
use crate::commands::{Paging, Session, listing};
use crate::exit::UsageError;
use crate::output::{Progress, at, bytes, clean, items, text};

/// The path of a file of a project: its slashes stay.
fn file_route(id: &str, file: &str) -> String {
    format!("{}/{}", route(id, &["files"]), millrace_client::encode_path(file.trim_start_matches('/')))
}

pub(super) fn cat(session: &Session, api: &Api, id: &str, file: &str) -> anyhow::Result<()> {
    let answer = api.send(Call::get(file_route(id, file)))?;
    if session.out.json {
        let contents = String::from_utf8(answer.body.to_vec())
            .map_err(|_| UsageError(format!("{file} is no text: leave --json out")))?;
        return Ok(session.out.value(&json!({ "path": file, "contents": contents }))?);
    }
    Ok(session.out.bytes(&answer.body)?)
}

pub(super) fn download(session: &Session, api: &Api, options: &Download) -> anyhow::Result<()> {
    match &options.files {
        Some(folder) => all_files(session, api, options, folder),
        None => package(session, api, options),
    }
}

/// Writes a file; nobody ever sees half of it.
pub(crate) fn save(path: &Path, contents: &[u8], overwrite: bool) -> anyhow::Result<()> {
    if !overwrite && path.exists() {
        return Err(UsageError(format!("{} is there already: say --overwrite", path.display())).into());
    }
    let name = path.file_name().with_context(|| format!("{} is no file", path.display()))?;
    let new = path.with_file_name(format!("{}.new", name.to_string_lossy()));
    let saved = std::fs::write(&new, contents).and_then(|()| std::fs::rename(&new, path));
    saved.with_context(|| format!("{} can't be written", path.display()))
}

fn package(session: &Session, api: &Api, options: &Download) -> anyhow::Result<()> {
    let page = api.json(Call::get(route(&options.id, &["deployments"])).query("limit", 1))?;
    let Some(newest) = items(&page, "/items").first() else {
        let text = format!(
            "{0} has no package yet: `millrace project watch {0}` waits for it, --files FOLDER gets the files that there are",
            options.id
        );
        return Err(anyhow::anyhow!(text));
    };
    let contents = api.download(text(newest, "/download_url"))?;
    let sum = millrace_agents::package::sha256_hex(&contents);
    ensure!(sum == text(newest, "/sha256"), "the package that was downloaded has another checksum: {sum}; try again");
    if options.output.as_deref() == Some(Path::new("-")) {
        return Ok(session.out.bytes(&contents)?);
    }
    let name = safe(text(newest, "/filename")).context("the package's name is no file's name")?;
    let path = match &options.output {
        None => name,
        Some(folder) if folder.is_dir() => folder.join(name),
        Some(file) => file.clone(),
    };
    save(&path, &contents, options.overwrite)?;
    if session.out.json {
        let result = json!({ "path": path.display().to_string(), "sha256": sum, "size": contents.len() });
        return Ok(session.out.value(&result)?);
    }
    session.out.note(&format!("{} with SHA-256 {sum}", bytes(u64::try_from(contents.len())?)));
    Ok(session.out.line(&path.display().to_string())?)
}

/// A relative path below a folder; what a server names never leads elsewhere.
fn safe(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let below = path.components().all(|part| matches!(part, Component::Normal(_)));
    (below && path.file_name().is_some()).then(|| path.to_path_buf())
}

fn all_files(session: &Session, api: &Api, options: &Download, folder: &Path) -> anyhow::Result<()> {
    let all = listing::read(api, &Call::get(route(&options.id, &["files"])), &Paging::everything())?;
    let files = items(&all, "/items");
    let mut progress = Progress::new(session.out.is_silent());
    let mut paths = Vec::new();
    // All are looked at before the first is written.
    for file in files {
        let name = text(file, "/path");
        let below =
            safe(name).with_context(|| format!("the file {:?} would lie outside of the folder", clean(name)))?;
        let path = folder.join(below);
        if !options.overwrite && path.exists() {
            return Err(UsageError(format!("{} is there already: say --overwrite", path.display())).into());
        }
        paths.push((name, path, at(file, "/executable") == &Value::Bool(true)));
    }
    for (name, path, executable) in &paths {
        progress.status(name);
        let contents = api.send(Call::get(file_route(&options.id, name)))?.body;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("{} can't be made", parent.display()))?;
        }
        save(path, &contents, options.overwrite)?;
        if *executable {
            make_executable(path).with_context(|| format!("{} can't be made executable", path.display()))?;
        }
    }
    progress.end();
    if session.out.json {
        let paths: Vec<String> = paths.iter().map(|(_, path, _)| path.display().to_string()).collect();
        return Ok(session.out.value(&json!({ "folder": folder.display().to_string(), "files": paths }))?);
    }
    session.out.note(&format!("{} files", paths.len()));
    Ok(session.out.line(&folder.display().to_string())?)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut rights = std::fs::metadata(path)?.permissions();
    rights.set_mode(rights.mode() | 0o111);
    std::fs::set_permissions(path, rights)
}

#[cfg(not(unix))]
const fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_outside_of_the_folder() {
        assert_eq!(safe("src/a.py").unwrap(), Path::new("src/a.py"));
        for wrong in ["../x", "/etc/passwd", "a/../../b", "", ".", "./x/.."] {
            assert!(safe(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_there_stays_unless_it_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        save(&path, b"1", false).unwrap();
        assert!(save(&path, b"2", false).unwrap_err().is::<UsageError>());
        save(&path, b"3", true).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"3");
    }
}
