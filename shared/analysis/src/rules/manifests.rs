//! Dependency manifests: package.json, pyproject.toml, Cargo.toml, requirements files, go.mod, pom.xml, Gemfile and
//! composer.json.
//!
//! Syntax errors are reported elsewhere; these rules look at manifests that parse.

mod go;
mod maven;
mod php;
mod ruby;
mod versions;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::super::language::file_name;
use super::super::{Finding, Severity};
use super::toml_view::{Value, View};
use super::{finding, id, requirements};

/// Whether a file is a dependency manifest that these rules read.
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    let name = file_name(path);
    matches!(
        name,
        "package.json" | "pyproject.toml" | "Cargo.toml" | "go.mod" | "pom.xml" | "Gemfile" | "composer.json"
    ) || is_requirements(name)
}

pub(super) fn is_requirements(name: &str) -> bool {
    name.starts_with("requirements") && name.ends_with(".txt")
}

pub(super) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    // Third-party code that was copied in is not the project's to declare.
    if path.split('/').any(|part| matches!(part, "node_modules" | "vendor")) {
        return;
    }
    let mut check = Check { path, text, findings };
    match file_name(path) {
        "package.json" => check.package_json(text),
        "pyproject.toml" => check.toml(text, Check::pyproject),
        "Cargo.toml" => check.toml(text, Check::cargo),
        "go.mod" => check.go_mod(),
        "pom.xml" => check.pom(),
        "Gemfile" => check.gemfile(),
        "composer.json" => check.composer(),
        name if is_requirements(name) => requirements::check(path, text, check.findings),
        _ => {}
    }
}

struct Check<'a> {
    path: &'a str,
    text: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Check<'_> {
    fn invalid(&mut self, place: (u32, u32), message: String) {
        self.findings.push(finding(id::MANIFEST_INVALID, Severity::Blocker, self.path, place, message));
    }

    fn incomplete(&mut self, key: &str) {
        let message = format!("no `{key}`: add it");
        self.findings.push(finding(id::MANIFEST_INCOMPLETE, Severity::Minor, self.path, (0, 0), message));
    }

    fn unpinned(&mut self, line: u32, name: &str, version: &str) {
        let column = u32::from(line > 0);
        let message = format!("`{name}` accepts any version (`{version}`): give a version");
        self.findings.push(finding(id::UNPINNED, Severity::Minor, self.path, (line, column), message));
    }

    fn bad_version(&mut self, line: u32, name: &str, version: &str, form: &str) {
        let shown: String = version.chars().take(40).collect();
        let message = format!("`{shown}` is no version that can be resolved for `{name}`: write it as {form}");
        self.findings.push(finding(id::BAD_VERSION, Severity::Major, self.path, (line, u32::from(line > 0)), message));
    }

    fn duplicate(&mut self, line: u32, name: &str, other: &str) {
        let message = format!("`{name}` is declared {other} too: keep one");
        let place = (line, u32::from(line > 0));
        self.findings.push(finding(id::DUPLICATE_DEPENDENCY, Severity::Major, self.path, place, message));
    }

    /// The first line that holds a text; 0 without one.
    fn line_of(&self, needle: &str) -> u32 {
        let at = self.text.lines().position(|line| line.contains(needle));
        at.map_or(0, |at| u32::try_from(at + 1).unwrap_or(0))
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
        let names = |section: &str| package.get(section).and_then(Json::as_object).into_iter().flat_map(Map::keys);
        let main: BTreeMap<&String, ()> = names("dependencies").map(|name| (name, ())).collect();
        for name in names("devDependencies").filter(|name| main.contains_key(name)) {
            let line = self.line_of(&format!("\"{name}\""));
            self.duplicate(line, name, "among the other dependencies");
        }
    }

    fn package_section(&mut self, section: &str, entries: &Map<String, Json>) {
        for (name, value) in entries {
            let Json::String(text) = value else {
                self.invalid((0, 0), format!("`{section}.{name}` must be a string"));
                continue;
            };
            let open = matches!(text.trim(), "" | "*" | "x" | "latest" | "next");
            if section == "scripts" {
                continue;
            }
            let line = self.line_of(&format!("\"{name}\""));
            if open && section != "peerDependencies" {
                self.unpinned(line, name, text);
            } else if !open && !versions::is_npm(text) {
                self.bad_version(line, name, text, "`^1.2.3`");
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
            match version {
                Some(_) if name == "python" => {}
                Some(open) if matches!(open.trim(), "*" | "") => self.unpinned(line, name, open),
                Some(given) if file_name(self.path) == "Cargo.toml" && !versions::is_cargo(given) => {
                    self.bad_version(line, name, given, "`1.2.3`");
                }
                _ => {}
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
