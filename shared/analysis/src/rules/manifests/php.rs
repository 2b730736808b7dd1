//! `composer.json`, after Composer's schema.

use serde_json::Value as Json;

use super::{Check, versions};

impl Check<'_> {
    pub(super) fn composer(&mut self) {
        let Ok(Json::Object(package)) = serde_json::from_str::<Json>(self.text) else {
            self.invalid((1, 1), "composer.json must hold an object".to_owned());
            return;
        };
        for section in ["require", "require-dev"] {
            let entries = match package.get(section) {
                None => continue,
                Some(Json::Object(entries)) => entries,
                // An empty PHP array is written as a list.
                Some(Json::Array(list)) if list.is_empty() => continue,
                Some(_) => {
                    self.invalid((0, 0), format!("`{section}` must be an object"));
                    continue;
                }
            };
            for (name, version) in entries {
                let line = self.line_of(&format!("\"{name}\""));
                let is_platform = name == "php" || name.starts_with("ext-") || name.starts_with("lib-");
                match version {
                    Json::String(open) if matches!(open.trim(), "*" | "") && !is_platform => {
                        self.unpinned(line, name, open);
                    }
                    Json::String(version) if !versions::is_composer(version) => {
                        self.bad_version(line, name, version, "`^1.2`");
                    }
                    Json::String(_) => {}
                    _ => self.invalid((line, 1), format!("`{section}.{name}` must be a string")),
                }
                let is_twice = section == "require-dev" && package.get("require").and_then(|it| it.get(name)).is_some();
                if is_twice {
                    self.duplicate(line, name, "under `require`");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::id;
    use super::super::super::testing::analysis;

    fn rules(text: &str) -> Vec<String> {
        let found = analysis(&[("composer.json", text), ("README.md", "")]).findings;
        found.into_iter().map(|it| it.rule).collect()
    }

    #[test]
    fn requirements() {
        assert_eq!(
            rules(r#"{"require": {"php": ">=8.1", "ext-json": "*", "a/b": "^1.0 || ^2.0"}, "require-dev": []}"#),
            [""; 0]
        );
        assert_eq!(rules(r#"{"require": {"a/b": "*"}}"#), [id::UNPINNED]);
        assert_eq!(rules(r#"{"require": {"a/b": "^^1"}}"#), [id::BAD_VERSION]);
        assert_eq!(rules(r#"{"require": {"a/b": "1"}, "require-dev": {"a/b": "1"}}"#), [id::DUPLICATE_DEPENDENCY]);
        assert_eq!(rules(r#"{"require": {"a/b": 1}}"#), [id::MANIFEST_INVALID]);
        assert_eq!(rules("[]"), [id::MANIFEST_INVALID]);
    }
}
