//! Which paths may be stored in a package or written from one.

use std::collections::BTreeMap;

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
}
