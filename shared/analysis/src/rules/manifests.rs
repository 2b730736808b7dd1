//! Dependency manifests: package.json, pyproject.toml, Cargo.toml and requirements files.
//!
//! Syntax errors are reported elsewhere; these rules look at manifests that parse.

use serde_json::{Map, Value as Json};

use super::super::language::file_name;
use super::super::{Finding, Severity};
use super::toml_view::{Value, View};
use super::{finding, id, requirements};

/// Whether a file is a dependency manifest that these rules read.
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    let name = file_name(path);
    matches!(name, "package.json" | "pyproject.toml" | "Cargo.toml") || is_requirements(name)
}

fn is_requirements(name: &str) -> bool {
    name.starts_with("requirements") && name.ends_with(".txt")
}

pub(super) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    // Third-party code that was copied in is not the project's to declare.
    if path.split('/').any(|part| part == "node_modules") {
        return;
    }
    let mut check = Check { path, findings };
    match file_name(path) {
        "package.json" => check.package_json(text),
        "pyproject.toml" => check.toml(text, Check::pyproject),
        "Cargo.toml" => check.toml(text, Check::cargo),
        name if is_requirements(name) => requirements::check(path, text, check.findings),
        _ => {}
    }
}

struct Check<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    fn invalid(&mut self, place: (u32, u32), message: String) {
        self.findings.push(finding(id::MANIFEST_INVALID, Severity::Blocker, self.path, place, message, 20));
    }

    fn incomplete(&mut self, key: &str) {
        let message = format!("no `{key}`: add it");
        self.findings.push(finding(id::MANIFEST_INCOMPLETE, Severity::Minor, self.path, (0, 0), message, 5));
    }

    fn unpinned(&mut self, line: u32, name: &str, version: &str) {
        let column = u32::from(line > 0);
        let message = format!("`{name}` accepts any version (`{version}`): give a version");
        self.findings.push(finding(id::UNPINNED, Severity::Minor, self.path, (line, column), message, 5));
    }

    fn package_json(&mut self, text: &str) {
        let Ok(value) = serde_json::from_str::<Json>(text) else {
            self.invalid((0, 0), "not JSON, or nested too deeply".to_owned());
            return;
        };
        let Json::Object(package) = value else {
            self.invalid((1, 1), "package.json must hold an object".to_owned());
            return;
        };
        let private = package.get("private") == Some(&Json::Bool(true));
        for key in ["name", "version"] {
            match package.get(key) {
                Some(Json::String(text)) if !text.trim().is_empty() => {}
                None if private => {}
                None => self.incomplete(key),
                Some(_) => self.invalid((0, 0), format!("`{key}` must be a string that is not empty")),
            }
        }
        for section in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "scripts"] {
            match package.get(section) {
                None => {}
                Some(Json::Object(entries)) => self.package_section(section, entries),
                Some(_) => self.invalid((0, 0), format!("`{section}` must be an object")),
            }
        }
    }

    fn package_section(&mut self, section: &str, entries: &Map<String, Json>) {
        for (name, value) in entries {
            let Json::String(text) = value else {
                self.invalid((0, 0), format!("`{section}.{name}` must be a string"));
                continue;
            };
            let open = matches!(text.trim(), "" | "*" | "x" | "latest" | "next");
            if open && section != "scripts" && section != "peerDependencies" {
                self.unpinned(0, name, text);
            }
        }
    }

    fn toml(&mut self, text: &str, check: fn(&mut Self, &View)) {
        let Some(view) = View::parse(text) else {
            self.invalid((0, 0), "not TOML".to_owned());
            return;
        };
        for (line, column, message) in &view.duplicates {
            self.invalid((*line, *column), message.clone());
        }
        check(self, &view);
    }

    fn pyproject(&mut self, view: &View) {
        let dynamic = matches!(view.get(&["project", "dynamic"]), Some(Value::Array(list)) if list.contains("version"));
        if view.has(&["project"]) {
            if !view.has_text(&["project", "name"]) {
                self.incomplete("project.name");
            }
            if !view.has_text(&["project", "version"]) && !dynamic {
                self.incomplete("project.version");
            }
        } else if view.has(&["tool", "poetry"]) {
            let package_mode = view.get(&["tool", "poetry", "package-mode"]);
            if package_mode != Some(&Value::Other("false".into())) {
                for key in ["name", "version"] {
                    if !view.has_text(&["tool", "poetry", key]) {
                        self.incomplete(&format!("tool.poetry.{key}"));
                    }
                }
            }
            self.open_versions(view, &["tool", "poetry", "dependencies"]);
        }
    }

    fn cargo(&mut self, view: &View) {
        if view.has(&["package"]) {
            if !view.has_text(&["package", "name"]) {
                self.invalid((0, 0), "cargo needs `package.name`".to_owned());
            }
            let inherited = view.get(&["package", "version", "workspace"]).is_some();
            if !view.has_text(&["package", "version"]) && !inherited {
                self.incomplete("package.version");
            }
        } else if !view.has(&["workspace"]) {
            self.invalid((0, 0), "cargo needs a [package] or a [workspace]".to_owned());
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            self.open_versions(view, &[section]);
        }
        self.open_versions(view, &["workspace", "dependencies"]);
    }

    /// Reports `*` and dependencies of which the source is not said at all.
    fn open_versions(&mut self, view: &View, section: &[&str]) {
        for (name, value, line) in view.below(section) {
            let mut key = section.to_vec();
            key.push(name);
            let version = match value {
                Value::Text(version) => Some(version.as_str()),
                Value::Table => {
                    key.push("version");
                    match view.get(&key) {
                        Some(Value::Text(version)) => Some(version.as_str()),
                        _ => None,
                    }
                }
                Value::Array(_) | Value::Other(_) => None,
            };
            if version.is_some_and(|version| matches!(version.trim(), "*" | "")) && name != "python" {
                self.unpinned(line, name, version.unwrap_or(""));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{analysis, found};
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<String> {
        let found = analysis(&[(path, text), ("README.md", "")]).findings;
        found.into_iter().map(|f| f.rule).collect()
    }

    #[test]
    fn package_json() {
        let rules = |text: &str| rules("web/package.json", text);
        assert_eq!(rules(r#"{"name": "a", "version": "1.0.0", "dependencies": {"b": "^1"}}"#), [""; 0]);
        assert_eq!(rules(r#"{"private": true, "scripts": {"test": "node --test"}}"#), [""; 0]);
        assert_eq!(rules("{}"), [id::MANIFEST_INCOMPLETE; 2]);
        assert_eq!(rules("[]"), [id::MANIFEST_INVALID]);
        assert_eq!(rules(r#"{"name": 1, "version": "1"}"#), [id::MANIFEST_INVALID]);
        assert_eq!(
            rules(r#"{"private": true, "dependencies": {"b": "*", "c": 1}}"#),
            [id::MANIFEST_INVALID, id::UNPINNED]
        );
        assert_eq!(rules(r#"{"name": "#), [id::SYNTAX]);
    }

    #[test]
    fn pyproject() {
        let rules = |text: &str| rules("pyproject.toml", text);
        assert_eq!(rules("[project]\nname = 'a'\nversion = '1'\n"), [""; 0]);
        assert_eq!(rules("[project]\nname = 'a'\ndynamic = ['version']\n"), [""; 0]);
        assert_eq!(rules("[tool.ruff]\nline-length = 100\n"), [""; 0]);
        assert_eq!(rules("[project]\nversion = '1'\n"), [id::MANIFEST_INCOMPLETE]);
        assert_eq!(
            rules("[tool.poetry]\nname = 'a'\nversion = '1'\n[tool.poetry.dependencies]\npython = '*'\nb = '*'\n"),
            [id::UNPINNED]
        );
        assert_eq!(rules("[project]\nname = 'a'\nname = 'b'\nversion = '1'\n"), [id::MANIFEST_INVALID]);
        assert_eq!(rules("[project\n"), [id::SYNTAX]);
    }

    #[test]
    fn cargo() {
        let rules = |text: &str| rules("Cargo.toml", text);
        assert_eq!(rules("[package]\nname = 'a'\nversion.workspace = true\n[dependencies]\nserde = '1'\n"), [""; 0]);
        assert_eq!(rules("[workspace]\nmembers = ['a']\n"), [""; 0]);
        assert_eq!(rules("[package]\nname = 'a'\n"), [id::MANIFEST_INCOMPLETE]);
        assert_eq!(rules("[dependencies]\n"), [id::MANIFEST_INVALID]);
        let found = found(
            id::UNPINNED,
            "Cargo.toml",
            "[package]\nname = 'a'\nversion = '1'\n[dependencies]\nb = '*'\nc = { version = '*' }\nd = { path = 'd' }\n",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|f| f.starts_with("minor 5 `b`")));
    }
}
