//! Looking at a project's files.

use crate::analysis::SourceFile;

/// Files by path.
pub(super) struct Files<'a>(pub(super) &'a [SourceFile]);

impl<'a> Files<'a> {
    pub(super) fn text(&self, path: &str) -> Option<&'a str> {
        let file = self.0.iter().find(|file| file.path == path)?;
        std::str::from_utf8(&file.contents).ok()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.0.iter().any(|file| file.path == path)
    }

    /// The file of one of these names that is nearest to the top and passes the test.
    pub(super) fn nearest(&self, names: &[&str], test: impl Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
        self.nearest_where(|name| names.contains(&name), test)
    }

    /// The file whose name ends so that is nearest to the top and passes the test.
    pub(super) fn nearest_ending(&self, ends: &[&str], test: impl Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
        self.nearest_where(|name| ends.iter().any(|end| name.ends_with(end)), test)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(|file| file.path.as_str())
    }

    /// What `look` finds first in the files below a folder whose names end so, from the top.
    pub(super) fn find<T>(&self, root: &str, ends: &[&str], look: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
        let below = |path: &str| root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        let mut found: Vec<&SourceFile> =
            self.0.iter().filter(|file| below(&file.path) && ends.iter().any(|end| file.path.ends_with(end))).collect();
        found.sort_by_key(|file| (file.path.matches('/').count(), file.path.as_str()));
        found.into_iter().find_map(|file| look(&file.path, std::str::from_utf8(&file.contents).ok()?))
    }

    /// Is there such a file that passes the test?
    pub(super) fn any(&self, root: &str, ends: &[&str], test: impl Fn(&str) -> bool) -> bool {
        self.find(root, ends, |_, text| test(text).then_some(())).is_some()
    }

    fn nearest_where(&self, fits: impl Fn(&str) -> bool, test: impl Fn(&str) -> bool) -> Option<(&'a str, &'a str)> {
        let mut found: Vec<(usize, &str, &str)> = self
            .0
            .iter()
            .filter(|file| fits(file.path.rsplit('/').next().unwrap_or(&file.path)))
            .filter(|file| !file.path.split('/').any(|part| part == "node_modules" || part.starts_with(".aws")))
            .filter_map(|file| {
                let text = std::str::from_utf8(&file.contents).ok()?;
                let depth = file.path.matches('/').count();
                test(text).then_some((depth, file.path.as_str(), text))
            })
            .collect();
        found.sort_unstable();
        found.first().map(|&(_, path, text)| (path, text))
    }
}

pub(super) fn folder(path: &str) -> String {
    path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned())
}

pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
