//! Paths that cannot be stored safely on every system.

use super::super::{Finding, Severity, SourceFile};
use super::{finding, id};
use millrace_app::projects::paths::PathSet;

/// Reports unsafe paths, equal paths and paths that differ only in case.
pub(super) fn check(files: &[SourceFile], findings: &mut Vec<Finding>) {
    let mut paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    paths.sort_unstable();
    let mut set = PathSet::default();
    for path in paths {
        if let Err(error) = set.insert(path) {
            let shown: String = path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            let message = format!("{error}; rename the file");
            findings.push(finding(id::UNSAFE_PATH, Severity::Blocker, &shown, (0, 0), message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::analysis;
    use super::*;

    #[test]
    fn unsafe_and_colliding_paths() {
        let files = ["/etc/passwd", "../a", "a\\b", "C:/x", "Read.me", "read.ME", "x/y", "x", "ok/a.txt"];
        let files: Vec<_> = files.iter().map(|path| (*path, "")).collect();
        let analysis = analysis(&files);
        let mut found: Vec<_> =
            analysis.blocking().filter(|f| f.rule == id::UNSAFE_PATH).map(|f| f.path.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, ["../a", "/etc/passwd", "C:/x", "a\\b", "read.ME", "x/y"]);
    }
}
