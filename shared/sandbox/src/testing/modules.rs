//! Which module an import of the project means, and what kind of module it is. Nothing outside of the project is a module.

use std::collections::BTreeMap;

use super::TestRun;

/// Modules of ours that tests may import, by the name under which `start.js` has them.
const OURS: &[(&str, &str)] = &[
    ("node:assert", "node:assert"),
    ("assert", "node:assert"),
    ("node:assert/strict", "node:assert/strict"),
    ("assert/strict", "node:assert/strict"),
    ("node:test", "node:test"),
    ("node:events", "node:events"),
    ("events", "node:events"),
    ("node:path", "node:path"),
    ("path", "node:path"),
    ("node:path/posix", "node:path/posix"),
    ("path/posix", "node:path/posix"),
    ("node:util", "node:util"),
    ("util", "node:util"),
    ("node:timers", "node:timers"),
    ("timers", "node:timers"),
    ("node:timers/promises", "node:timers/promises"),
    ("timers/promises", "node:timers/promises"),
    ("node:process", "node:process"),
    ("process", "node:process"),
    ("@jest/globals", "@jest/globals"),
    ("vitest", "vitest"),
];

/// Node's own modules that are absent; they may be named with `node:` or without.
const NODE: &[&str] = &[
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "crypto",
    "dgram",
    "dns",
    "fs",
    "fs/promises",
    "http",
    "http2",
    "https",
    "module",
    "net",
    "os",
    "perf_hooks",
    "querystring",
    "readline",
    "stream",
    "stream/promises",
    "string_decoder",
    "tls",
    "tty",
    "url",
    "v8",
    "vm",
    "worker_threads",
    "zlib",
];

/// What an import means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A file of the project.
    File(String),
    /// One of [`OURS`].
    Ours(&'static str),
    /// Something that the sandbox does not have, in words.
    Absent(String),
    /// A file that the project should have.
    Missing(String),
}

/// What kind of module a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Es,
    CommonJs,
    Json,
    /// Its syntax decides.
    Either,
    /// No module that the engine can read.
    Foreign,
}

/// The files of a project as modules.
#[derive(Debug)]
pub(super) struct Modules {
    files: BTreeMap<String, String>,
    /// Folders with a `package.json`, and its `type`.
    types: BTreeMap<String, Option<String>>,
    /// Extensions may be left out, as bundlers and jest take it.
    lenient: bool,
}

impl Modules {
    /// `type_of` reads the `type` of a `package.json`.
    pub(super) fn new(run: TestRun, mut type_of: impl FnMut(&str) -> Option<String>) -> Self {
        let mut types = BTreeMap::new();
        for file in &run.files {
            if let Some(folder) = file.path.strip_suffix("package.json")
                && (folder.is_empty() || folder.ends_with('/'))
            {
                types.insert(folder.trim_end_matches('/').to_owned(), type_of(&file.text));
            }
        }
        let files = run.files.into_iter().map(|file| (file.path, file.text)).collect();
        Self { files, types, lenient: run.globals }
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    pub(super) fn kind(&self, path: &str) -> Kind {
        match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "json" => Kind::Json,
            "mjs" | "mts" => Kind::Es,
            "cjs" | "cts" => Kind::CommonJs,
            extension @ ("js" | "ts") => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                match self.nearest_type(folder) {
                    Some("module") => Kind::Es,
                    Some("commonjs") if extension == "js" => Kind::CommonJs,
                    _ => Kind::Either,
                }
            }
            _ => Kind::Foreign,
        }
    }

    fn nearest_type(&self, folder: &str) -> Option<&str> {
        let mut at = folder;
        loop {
            if let Some(kind) = self.types.get(at) {
                return kind.as_deref();
            }
            if at.is_empty() {
                return None;
            }
            at = at.rsplit_once('/').map_or("", |(folder, _)| folder);
        }
    }

    /// What `name` means in the file `base`. `required` is CommonJS, where extensions may be left out.
    pub(super) fn resolve(&self, base: &str, name: &str, required: bool) -> Found {
        if let Some((_, ours)) = OURS.iter().find(|(known, _)| *known == name) {
            return Found::Ours(ours);
        }
        if name.starts_with("node:") || NODE.contains(&name) {
            return Found::Absent(format!("node:{}", name.trim_start_matches("node:")));
        }
        if !(name.starts_with("./") || name.starts_with("../") || name == "." || name == "..") {
            return Found::Absent(match name.chars().next() {
                Some('#') => format!("the package.json's import map ({name})"),
                Some('/') => format!("absolute paths ({name})"),
                _ if name.contains(':') => format!("modules from elsewhere ({name})"),
                _ => format!("npm packages ({})", package_of(name)),
            });
        }
        let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
        let name = name.split(['?', '#']).next().unwrap_or(name);
        let Some(path) = joined(folder, name) else {
            return Found::Absent(format!("files outside of the project ({name})"));
        };
        let is_typed = matches!(base.rsplit_once('.'), Some((_, "ts" | "mts" | "cts")));
        let mut candidates = vec![path.clone()];
        // TypeScript names the file that the compiler would write.
        for (written, source) in [(".js", ".ts"), (".mjs", ".mts"), (".cjs", ".cts")] {
            if let Some(stem) = path.strip_suffix(written) {
                candidates.push(format!("{stem}{source}"));
            }
        }
        if required || self.lenient || is_typed {
            let stem = if path.is_empty() { String::new() } else { format!("{path}/") };
            let extensions = ["js", "ts", "mjs", "cjs", "mts", "cts", "json", "jsx", "tsx"];
            candidates.extend(extensions.iter().map(|extension| format!("{path}.{extension}")));
            candidates.extend(extensions.iter().map(|extension| format!("{stem}index.{extension}")));
        }
        match candidates.into_iter().find(|candidate| self.files.contains_key(candidate)) {
            Some(found) if self.kind(&found) == Kind::Foreign => {
                Found::Absent(format!("modules of that kind ({found})"))
            }
            Some(found) => Found::File(found),
            None if is_code(&path) => Found::Missing(path),
            None => Found::Absent(format!("modules of that kind ({path})")),
        }
    }
}

/// A path that a module of code can have; others are styles, pictures and the like, which were not handed over.
fn is_code(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.rsplit_once('.') {
        None => true,
        Some((_, extension)) => matches!(extension, "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "json"),
    }
}

fn package_of(name: &str) -> String {
    let parts = if name.starts_with('@') { 2 } else { 1 };
    name.split('/').take(parts).collect::<Vec<_>>().join("/")
}

/// A relative path from a folder; none where it leaves the project.
fn joined(folder: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Names that a CommonJS module exports, as far as its text shows them.
pub(super) fn exported_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |name: &str| {
        let known = names.iter().any(|other| other == name);
        if !name.is_empty() && !known && name != "default" && !name.starts_with(|first: char| first.is_ascii_digit()) {
            names.push(name.to_owned());
        }
    };
    for (at, mark) in text.match_indices("exports.") {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        let name = identifier(rest);
        let after = rest.get(name.len()..).unwrap_or_default().trim_start();
        if after.starts_with('=') && !after.starts_with("==") {
            add(name);
        }
    }
    for (at, mark) in text.match_indices("module.exports") {
        let rest = text.get(at + mark.len()..).unwrap_or_default().trim_start();
        let Some(body) = rest.strip_prefix('=').map(str::trim_start).and_then(|rest| rest.strip_prefix('{')) else {
            continue;
        };
        let mut depth = 0_usize;
        let mut expects_name = true;
        for (place, sign) in body.char_indices() {
            match sign {
                '{' | '(' | '[' => depth += 1,
                '}' | ')' | ']' if depth > 0 => depth -= 1,
                '}' => break,
                ',' if depth == 0 => expects_name = true,
                sign if depth == 0 && expects_name && !sign.is_whitespace() => {
                    expects_name = false;
                    let rest = body.get(place..).unwrap_or_default();
                    let name = identifier(rest);
                    add(if name == "async" || name == "get" { "" } else { name });
                }
                _ => {}
            }
        }
    }
    names
}

fn identifier(text: &str) -> &str {
    let end = text.find(|sign: char| !sign.is_alphanumeric() && sign != '_' && sign != '$').unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::ProjectFile;
    use super::*;

    fn modules(paths: &[&str], globals: bool) -> Modules {
        let file = |path: &&str| ProjectFile { path: (*path).to_owned(), text: "module".into() };
        let run = TestRun { files: paths.iter().map(file).collect(), entry: String::new(), globals };
        Modules::new(run, |text| Some(text.to_owned()))
    }

    #[test]
    fn imports_stay_in_the_project() {
        let all = modules(&["a.js", "lib/b.js", "lib/c.ts", "lib/index.js", "x.jsx"], false);
        let file = |path: &str| Found::File(path.to_owned());
        assert_eq!(all.resolve("lib/b.js", "../a.js", false), file("a.js"));
        assert_eq!(all.resolve("lib/b.js", "./c.js", false), file("lib/c.ts"));
        assert_eq!(all.resolve("a.js", "./lib/b", false), Found::Missing("lib/b".into()), "as in Node");
        assert_eq!(all.resolve("a.js", "./lib/b", true), file("lib/b.js"));
        assert_eq!(all.resolve("a.js", "./lib", true), file("lib/index.js"));
        assert_eq!(modules(&["lib/b.js"], true).resolve("a.js", "./lib/b", false), file("lib/b.js"));
        assert_eq!(all.resolve("a.js", "assert", false), Found::Ours("node:assert"));
        for (name, what) in [
            ("../a.js", "outside of the project"),
            ("node:fs", "node:fs"),
            ("fs", "node:fs"),
            ("@scope/pkg/deep", "(@scope/pkg)"),
            ("express", "(express)"),
            ("#x", "import map"),
            ("/etc/passwd", "absolute"),
            ("https://x/y.js", "elsewhere"),
            ("./x.jsx", "that kind"),
            ("./style.css", "that kind"),
        ] {
            let found = all.resolve("a.js", name, false);
            assert!(matches!(&found, Found::Absent(words) if words.contains(what)), "{name}: {found:?}");
        }
    }

    #[test]
    fn kinds_follow_extension_and_package() {
        let all = modules(&["package.json"], false);
        assert_eq!((all.kind("a/b.js"), all.kind("a.cjs"), all.kind("a.json")), (Kind::Es, Kind::CommonJs, Kind::Json));
        assert_eq!(modules(&[], false).kind("a.js"), Kind::Either);
        assert_eq!(all.kind("a.tsx"), Kind::Foreign);
    }

    #[test]
    fn names_of_common_js() {
        let text = "exports.a = 1; module.exports.b = 2; if (exports.c === 1) {}\nmodule.exports = { d, e: { f: 1 }, g() {}, 'h': 2 };";
        assert_eq!(exported_names(text), ["a", "b", "d", "e", "g"]);
        assert_eq!(exported_names("module.exports = class {};"), [""; 0]);
    }
}
