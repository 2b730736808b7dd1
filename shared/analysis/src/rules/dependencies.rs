//! Packages that are imported and that no manifest declares.
//!
//! A manifest declares for its folder and all below. Where nothing is sure (no manifest, a dynamic one, an alias of a
//! bundler) nothing is said.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::super::language::{detect, file_name};
use super::super::walk::{Lines, parse_tree};
use super::super::{Finding, Language, Severity, SourceFile};
use super::toml_view::{Value, View};
use super::{finding, id, imports, requirements};

/// Files larger than this are not read for imports.
const MAX_BYTES: usize = 512 * 1024;

/// What manifests declare, by folder.
#[derive(Default)]
struct Declared {
    npm: BTreeMap<String, BTreeSet<String>>,
    python: BTreeSet<String>,
    /// Whether everything that Python depends on is known.
    python_known: bool,
    go: BTreeMap<String, (String, Vec<String>)>,
}

/// Reports missing packages, once a file and package.
pub(super) fn check(files: &[SourceFile], findings: &mut Vec<Finding>) {
    let declared = declared(files);
    if declared.npm.is_empty() && !declared.python_known && declared.go.is_empty() {
        return;
    }
    let local = local_names(files);
    let started = Instant::now();
    for file in files {
        let language = detect(&file.path, &file.contents);
        let is_ours = !file.path.split('/').any(|part| matches!(part, "node_modules" | "vendor" | ".venv" | "venv"));
        if !is_ours || file.contents.len() > MAX_BYTES || started.elapsed() > Duration::from_secs(10) {
            continue;
        }
        let judge: &dyn Fn(&str) -> Option<String> = match language {
            Language::JavaScript | Language::TypeScript | Language::Tsx => {
                &|module| npm(&declared, files, &file.path, module)
            }
            Language::Python if declared.python_known => &|module| python(&declared, &local, module),
            Language::Go => &|module| go(&declared, &file.path, module),
            _ => continue,
        };
        let Ok(text) = std::str::from_utf8(&file.contents) else { continue };
        let Some(grammar) = language.small_grammar() else { continue };
        let Some(tree) = parse_tree(&grammar, text, Instant::now() + Duration::from_secs(2)) else { continue };
        let lines = Lines::new(text);
        let mut seen = BTreeSet::new();
        for import in imports::of(language, text, &tree).into_iter().filter(|it| !it.is_optional) {
            if let Some(message) = judge(&import.module)
                && seen.insert(message.clone())
            {
                let place = lines.position(import.range.start);
                findings.push(finding(id::MISSING_DEPENDENCY, Severity::Major, &file.path, place, message));
            }
        }
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a path lies in a folder.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn declared(files: &[SourceFile]) -> Declared {
    let mut declared = Declared::default();
    let mut python_manifests = 0;
    let mut dynamic = false;
    for file in files {
        let Ok(text) = std::str::from_utf8(&file.contents) else { continue };
        let name = file_name(&file.path);
        match name {
            "package.json" => {
                if let Ok(Json::Object(package)) = serde_json::from_str::<Json>(text) {
                    let names = declared.npm.entry(folder(&file.path).to_owned()).or_default();
                    for section in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
                        names.extend(
                            package
                                .get(section)
                                .and_then(Json::as_object)
                                .into_iter()
                                .flat_map(|it| it.keys().cloned()),
                        );
                    }
                    names.extend(package.get("name").and_then(Json::as_str).map(str::to_owned));
                }
            }
            "go.mod" => {
                let (module, required) = go_mod(text);
                declared.go.insert(folder(&file.path).to_owned(), (module, required));
            }
            "pyproject.toml" => match View::parse(text) {
                Some(view) if view.has(&["project"]) || view.has(&["tool", "poetry"]) => {
                    python_manifests += 1;
                    dynamic |= matches!(view.get(&["project", "dynamic"]), Some(Value::Array(list)) if list.contains("dependencies"));
                    pyproject(&view, &mut declared.python);
                }
                Some(_) => {}
                None => dynamic = true,
            },
            "setup.py" | "setup.cfg" | "Pipfile" | "environment.yml" | "environment.yaml" => dynamic = true,
            _ if super::manifests::is_requirements(name) || is_requirements_folder(&file.path) => {
                python_manifests += 1;
                declared.python.extend(requirements::names(text));
            }
            _ => {}
        }
    }
    declared.python_known = python_manifests > 0 && !dynamic;
    declared
}

fn is_requirements_folder(path: &str) -> bool {
    path.ends_with(".txt") && folder(path).ends_with("requirements")
}

fn pyproject(view: &View, names: &mut BTreeSet<String>) {
    let mut list = |value: Option<&Value>| {
        if let Some(Value::Array(raw)) = value {
            names.extend(raw.split(['"', '\'']).skip(1).step_by(2).filter_map(requirements::name));
        }
    };
    list(view.get(&["project", "dependencies"]));
    list(view.get(&["build-system", "requires"]));
    for group in [&["project", "optional-dependencies"][..], &["dependency-groups"]] {
        for (_, value, _) in view.below(group) {
            list(Some(value));
        }
    }
    let poetry = |section: &[&str]| -> Vec<String> {
        view.below(section).map(|(name, _, _)| requirements::normal(name)).collect()
    };
    names.extend(poetry(&["tool", "poetry", "dependencies"]));
    names.extend(poetry(&["tool", "poetry", "dev-dependencies"]));
    for (group, _, _) in view.below(&["tool", "poetry", "group"]) {
        names.extend(poetry(&["tool", "poetry", "group", group, "dependencies"]));
    }
}

/// The module's path and the paths that it requires.
fn go_mod(text: &str) -> (String, Vec<String>) {
    let mut module = String::new();
    let mut required = Vec::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or("").trim();
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("module"), Some(path), _) => module = path.trim_matches('"').to_owned(),
            (Some("require"), Some(path), Some(_)) | (Some(path), Some(_), None) if path.contains('.') => {
                required.push(path.trim_matches('"').to_owned());
            }
            (Some("replace"), Some(path), _) => required.push(path.to_owned()),
            _ => {}
        }
    }
    (module, required)
}

/// Names of folders and modules of the project, any of which a Python import may mean.
fn local_names(files: &[SourceFile]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files.iter().filter(|file| file.path.ends_with(".py") || file.path.ends_with(".pyi")) {
        for part in file.path.split('/') {
            names.insert(part.trim_end_matches(".pyi").trim_end_matches(".py").to_owned());
        }
    }
    names
}

fn npm(declared: &Declared, files: &[SourceFile], path: &str, module: &str) -> Option<String> {
    let is_bare = module.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '@') && !module.contains(':');
    if !is_bare || module.starts_with("@/") {
        return None;
    }
    let mut parts = module.split('/');
    let first = parts.next()?;
    let package = match first.strip_prefix('@') {
        Some(_) => format!("{first}/{}", parts.next()?),
        None => first.to_owned(),
    };
    let is_given = tables::NODE.split_whitespace().any(|it| it == first)
        || matches!(first, "@aws-sdk" | "aws-sdk" | "electron" | "vscode" | "bun");
    let mut nearest = declared.npm.iter().filter(|(folder, _)| is_below(path, folder)).peekable();
    if is_given || nearest.peek().is_none() {
        return None;
    }
    let types = format!("@types/{}", package.trim_start_matches('@').replace('/', "__"));
    if nearest.any(|(_, names)| names.contains(&package) || names.contains(&types)) {
        return None;
    }
    // A bundler or a compiler may know the name otherwise, and packages of a workspace know each other.
    let is_alias = files.iter().any(|file| {
        let name = file_name(&file.path);
        let configures =
            name.contains("config") || name == "deno.json" || name == "importmap.json" || name.ends_with(".html");
        configures && file.contents.windows(first.len()).any(|window| window == first.as_bytes())
    });
    let is_neighbour = declared.npm.values().any(|names| names.contains(&package) && declared.npm.len() > 1);
    (!is_alias && !is_neighbour).then(|| format!("`{package}` is imported and no package.json declares it: add it"))
}

fn python(declared: &Declared, local: &BTreeSet<String>, module: &str) -> Option<String> {
    let top = module.split('.').next().filter(|it| !it.is_empty())?;
    if tables::PYTHON.split_whitespace().any(|it| it == top) || local.contains(top) || top == "google" {
        return None;
    }
    let known = tables::DISTRIBUTIONS.iter().find(|(name, _)| *name == top).map(|(_, distributions)| *distributions);
    let normal = requirements::normal(top);
    let provides = |name: &String| match known {
        Some(distributions) => distributions.contains(&name.as_str()),
        None => name == &normal || name.contains(&normal) || normal.contains(name.as_str()),
    };
    let is_brought = tables::BROUGHT
        .iter()
        .any(|(name, modules)| modules.contains(&top) && declared.python.iter().any(|it| it == name));
    if declared.python.iter().any(provides) || is_brought {
        return None;
    }
    let package = known.and_then(|it| it.first().copied()).unwrap_or(&normal).to_owned();
    Some(format!("`{top}` is imported and no manifest declares `{package}`: add it"))
}

fn go(declared: &Declared, path: &str, module: &str) -> Option<String> {
    if !module.split('/').next().unwrap_or("").contains('.') {
        return None;
    }
    let nearest =
        declared.go.iter().filter(|(folder, _)| is_below(path, folder)).max_by_key(|(folder, _)| folder.len());
    let (_, (own, required)) = nearest?;
    let is_part = |of: &str| module == of || module.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
    let is_known = is_part(own) || required.iter().any(|it| is_part(it));
    (!is_known).then(|| format!("`{module}` is imported and go.mod does not require it: run `go get {module}`"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::analysis;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let analysis = analysis(files);
        let found = analysis.findings.iter().filter(|it| it.rule == id::MISSING_DEPENDENCY);
        found.map(|it| format!("{}:{} {}", it.path, it.line, it.message.split(" is").next().unwrap_or(""))).collect()
    }

    #[test]
    fn node() {
        let package = (
            "web/package.json",
            r#"{"private": true, "dependencies": {"express": "^4", "@a/b": "1"}, "devDependencies": {"@types/c": "1"}}"#,
        );
        let code = "import e from 'express';\nimport { x } from '@a/b/deep';\nimport type { C } from 'c';\nconst fs = require('node:fs');\nimport p from 'path';\nimport './local.js';\nimport y from '@/alias';\nimport l from 'lodash/get';\nimport z from '@q/r';\n";
        assert_eq!(found(&[package, ("web/a.ts", code)]), ["web/a.ts:8 `lodash`", "web/a.ts:9 `@q/r`"]);
        assert_eq!(found(&[("a.js", code)]), [""; 0]);
        assert_eq!(
            found(&[
                package,
                ("web/a.ts", "import x from 'app/x';\n"),
                ("web/tsconfig.json", "{\"paths\": {\"app/*\": []}}")
            ]),
            [""; 0]
        );
    }

    #[test]
    fn python() {
        let code = "import os, flask, yaml\nfrom shop.cart import x\nimport requests\nfrom sklearn import svm\nimport werkzeug\ntry:\n    import ujson\nexcept ImportError:\n    pass\n";
        let files = [
            ("requirements.txt", "Flask==3.0\nPyYAML>=6\n-r more.txt\n"),
            ("shop/cart.py", "x = 1\n"),
            ("app.py", code),
        ];
        assert_eq!(found(&files), ["app.py:3 `requests`", "app.py:4 `sklearn`"]);
        assert_eq!(found(&[("app.py", code)]), [""; 0]);
        let project = "[project]\nname = 'a'\nversion = '1'\ndependencies = ['flask>=3', \"pyyaml\", 'requests[socks]~=2.0; python_version > \"3\"']\n[dependency-groups]\nml = ['scikit-learn']\n[tool.x]\n";
        assert_eq!(found(&[("pyproject.toml", project), ("shop/cart.py", ""), ("app.py", code)]), [""; 0]);
    }

    #[test]
    fn golang() {
        let module = "module example.org/shop\n\ngo 1.22\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgithub.com/c/d/v2 v2.0.0 // indirect\n)\nrequire golang.org/x/text v0.1.0\n";
        let code = "package a\n\nimport (\n\t\"fmt\"\n\t\"example.org/shop/cart\"\n\tb \"github.com/a/b/sub\"\n\td \"github.com/c/d/v2\"\n\t\"golang.org/x/text/language\"\n\te \"github.com/e/f\"\n)\n\nvar x = []any{fmt.Sprint, cart.A, b.B, d.D, language.E, e.F}\n";
        assert_eq!(found(&[("go.mod", module), ("a/a.go", code)]), ["a/a.go:9 `github.com/e/f`"]);
    }
}
