//! Which paths may be planned, written, stored in a package or written from one.

use std::collections::BTreeMap;

use super::work;

/// Longest accepted path, in bytes.
pub const MAX_PATH_BYTES: usize = 512;

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing between the quotes.
    #[error("the path is empty")]
    Empty,
    /// Longer than [`MAX_PATH_BYTES`].
    #[error("the path has more than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// Begins with `/` or `~`.
    #[error("the path is absolute")]
    Absolute,
    /// Holds a `..` part.
    #[error("the path leaves its folder with `..`")]
    Parent,
    /// Holds a `.` or empty part, or ends with `/`.
    #[error("the path has an empty part or `.`")]
    EmptyPart,
    /// Holds a backslash, which separates folders on Windows.
    #[error("the path holds a backslash; use `/`")]
    Backslash,
    /// Holds NUL or another control character.
    #[error("the path holds a control character")]
    Control,
    /// Holds `:`, which marks drives and streams on Windows.
    #[error("the path holds `:`, as a drive letter does")]
    Drive,
    /// A part ends with a dot or blank, which Windows drops.
    #[error("a part of the path ends with a dot or blank")]
    Trailing,
    /// Equal to another path.
    #[error("the path is given twice")]
    Duplicate,
    /// Equal to another path except for upper and lower case.
    #[error("the path differs only in case from `{0}`")]
    CaseCollision(String),
    /// A file where another path needs a folder.
    #[error("`{0}` is both a file and a folder")]
    FileAndFolder(String),
}

/// Names that Windows takes for devices, with or without an extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The longest part of a path, in bytes, that common file systems take.
const PART_BYTES: usize = 255;

/// Checks one path by itself.
///
/// # Errors
///
/// The first reason for which the path is refused.
pub fn check_path(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(PathError::TooLong);
    }
    if path.chars().any(char::is_control) {
        return Err(PathError::Control);
    }
    if path.contains('\\') {
        return Err(PathError::Backslash);
    }
    if path.starts_with('/') || path == "~" || path.starts_with("~/") {
        return Err(PathError::Absolute);
    }
    if path.contains(':') {
        return Err(PathError::Drive);
    }
    for part in path.split('/') {
        match part {
            ".." => return Err(PathError::Parent),
            "" | "." => return Err(PathError::EmptyPart),
            _ if part.ends_with(['.', ' ']) => return Err(PathError::Trailing),
            _ => {}
        }
    }
    Ok(())
}

/// Paths that can stand beside each other, also where upper and lower case are the same.
#[derive(Debug, Clone, Default)]
pub struct PathSet {
    /// Lower-case path → path, and whether it is a file.
    seen: BTreeMap<String, (String, bool)>,
}

impl PathSet {
    /// Adds a file's path.
    ///
    /// # Errors
    ///
    /// [`PathError`] when the path is unsafe, equal to one in the set (also if only case differs),
    /// or would be a file and a folder at once. The set is unchanged then.
    pub fn insert(&mut self, path: &str) -> Result<(), PathError> {
        check_path(path)?;
        let lower = path.to_lowercase();
        match self.seen.get(&lower) {
            Some((other, _)) if other == path => return Err(self.taken(&lower, path)),
            Some((other, true)) => return Err(PathError::CaseCollision(other.clone())),
            Some((other, false)) => return Err(PathError::FileAndFolder(other.clone())),
            None => {}
        }
        let mut folders = Vec::new();
        for (at, _) in path.match_indices('/') {
            let folder = path.get(..at).unwrap_or(path);
            let key = folder.to_lowercase();
            match self.seen.get(&key) {
                Some((other, true)) => return Err(PathError::FileAndFolder(other.clone())),
                Some((other, false)) if other != folder => {
                    return Err(PathError::CaseCollision(other.clone()));
                }
                Some(_) => {}
                None => folders.push((key, folder.to_owned())),
            }
        }
        for (key, folder) in folders {
            self.seen.insert(key, (folder, false));
        }
        self.seen.insert(lower, (path.to_owned(), true));
        Ok(())
    }

    /// Whether a path is in the set, without regard to case.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.seen.contains_key(&path.to_lowercase())
    }

    fn taken(&self, lower: &str, path: &str) -> PathError {
        match self.seen.get(lower) {
            Some((_, true)) => PathError::Duplicate,
            _ => PathError::FileAndFolder(path.to_owned()),
        }
    }
}

/// May a project have a file of this path, whatever else it has?
///
/// # Errors
/// Why not, in words to be read after the path.
pub fn check_new(path: &str) -> Result<(), String> {
    work::check_path(path).map_err(str::to_owned)?;
    for part in path.split('/') {
        let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_lowercase();
        let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
        if DEVICES.contains(&stem.as_str())
            || numbered.is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(format!("has the part {part:?}, which is a device on Windows"));
        }
        if part.len() > PART_BYTES {
            return Err(format!("has a part of more than {PART_BYTES} bytes"));
        }
    }
    Ok(())
}

/// Can a file of this path be made beside the files that are there? A path that is there already can.
///
/// # Errors
/// Why not, in words to be read after the path.
pub fn check_beside<'a>(existing: impl Iterator<Item = &'a String>, path: &str) -> Result<(), String> {
    check_new(path)?;
    // Whatever is wrong among the files that are there is not this path's fault.
    let mut beside = PathSet::default();
    for existing in existing {
        if existing == path {
            return Ok(());
        }
        let _ = beside.insert(existing);
    }
    beside.insert(path).map_err(|problem| format!("can't stand beside the other files: {problem}"))
}

/// The language of a file in lower case, by its name: what a file's record says before anybody has read it. `text` when it has
/// none.
#[must_use]
pub fn language_of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    match name.as_str() {
        "dockerfile" | "containerfile" => return "dockerfile",
        "makefile" => return "makefile",
        "gemfile" | "rakefile" => return "ruby",
        "cargo.lock" | "poetry.lock" | "uv.lock" | "pipfile" => return "toml",
        _ => {}
    }
    let extension = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or("", |(_, extension)| extension);
    match extension {
        "sh" | "bash" => "bash",
        "c" | "h" => "c",
        "cc" | "cpp" | "cxx" | "hh" | "hpp" => "c++",
        "cs" => "c#",
        "css" => "css",
        "go" => "go",
        "html" | "htm" => "html",
        "java" => "java",
        "js" | "mjs" | "cjs" | "jsx" => "javascript",
        "json" | "jsonc" | "webmanifest" => "json",
        "kt" | "kts" => "kotlin",
        "md" | "markdown" => "markdown",
        "php" => "php",
        "py" | "pyi" => "python",
        "rb" | "erb" => "ruby",
        "rs" => "rust",
        "sql" => "sql",
        "svelte" => "svelte",
        "swift" => "swift",
        "toml" => "toml",
        "ts" | "mts" | "cts" => "typescript",
        "tsx" => "tsx",
        "vue" => "vue",
        "xml" | "csproj" | "svg" => "xml",
        "yaml" | "yml" => "yaml",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_paths() {
        for path in ["a", "a/b.txt", ".github/x.yml", "..a", "a b/c", "é", "~a"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        for (path, error) in [
            ("", PathError::Empty),
            ("/a", PathError::Absolute),
            ("~/a", PathError::Absolute),
            ("..", PathError::Parent),
            ("a/../b", PathError::Parent),
            ("a//b", PathError::EmptyPart),
            ("./a", PathError::EmptyPart),
            ("a/", PathError::EmptyPart),
            ("a\\b", PathError::Backslash),
            ("a\0b", PathError::Control),
            ("a\nb", PathError::Control),
            ("C:a", PathError::Drive),
            ("a./b", PathError::Trailing),
        ] {
            assert_eq!(check_path(path), Err(error), "{path:?}");
        }
        assert_eq!(check_path(&"a".repeat(513)), Err(PathError::TooLong));
    }

    #[test]
    fn sets_of_paths() {
        let mut set = PathSet::default();
        assert_eq!(set.insert("src/a.py"), Ok(()));
        assert_eq!(set.insert("src/b.py"), Ok(()));
        assert_eq!(set.insert("src/a.py"), Err(PathError::Duplicate));
        assert_eq!(set.insert("src/A.py"), Err(PathError::CaseCollision("src/a.py".into())));
        assert_eq!(set.insert("SRC/c.py"), Err(PathError::CaseCollision("src".into())));
        assert_eq!(set.insert("src"), Err(PathError::FileAndFolder("src".into())));
        assert_eq!(set.insert("src/a.py/x"), Err(PathError::FileAndFolder("src/a.py".into())));
        assert!(set.contains("SRC/A.PY"));
    }

    #[test]
    fn unsafe_and_colliding_paths_are_refused() {
        let there = ["src/app.py", "README.md"].map(str::to_owned);
        for good in ["src/app.py", "src/new.py", "console.py", "com/x.py", "auxiliary/a", "compose.yaml", ".gitignore"]
        {
            assert_eq!(check_beside(there.iter(), good), Ok(()), "{good}");
        }
        let long = "a".repeat(256);
        let bad = [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a\\b",
            "C:/x",
            "a\0b",
            ".git/hooks/pre-commit",
            "con",
            "src/NUL.txt",
            "lpt1.py",
            "COM9",
            "SRC/b.py",
            "readme.MD",
            "README.md/x",
            "src",
            long.as_str(),
        ];
        for bad in bad {
            assert!(check_beside(there.iter(), bad).is_err(), "{bad:?}");
        }
    }
}
