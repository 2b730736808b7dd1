//! Which paths a model may write.

use millrace_app::projects::work;

use crate::package::PathSet;

use super::Tree;

/// Names that Windows takes for devices, with or without an extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The longest part of a path, in bytes, that common file systems take.
const PART_BYTES: usize = 255;

/// Can a file of this path be made beside the files of `tree`? A path that is there already can.
///
/// # Errors
/// Why not, in words to be read after the path.
pub fn check_new_path(tree: &Tree, path: &str) -> Result<(), String> {
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
    if tree.contains_key(path) {
        return Ok(());
    }
    // Whatever is wrong among the files that are there is not this path's fault.
    let mut beside = PathSet::default();
    for existing in tree.keys() {
        let _ = beside.insert(existing);
    }
    beside.insert(path).map_err(|problem| format!("can't stand beside the other files: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_and_colliding_paths_are_refused() {
        let tree: Tree = ["src/app.py", "README.md"].map(|path| (path.to_owned(), Vec::new())).into();
        for good in ["src/app.py", "src/new.py", "console.py", "com/x.py", "auxiliary/a", "compose.yaml", ".gitignore"]
        {
            assert_eq!(check_new_path(&tree, good), Ok(()), "{good}");
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
            assert!(check_new_path(&tree, bad).is_err(), "{bad:?}");
        }
    }
}
