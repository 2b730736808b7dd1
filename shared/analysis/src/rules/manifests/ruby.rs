//! `Gemfile`, as far as it is written plainly. It is a program, so nothing is said about what it computes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::{Check, versions};

#[expect(clippy::expect_used, reason = "the pattern is a constant and the tests compile it")]
static GEM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\s*gem\s*\(?\s*["'](?P<name>[A-Za-z0-9._-]+)["'](?P<rest>.*)$"#).expect("a valid pattern")
});

impl Check<'_> {
    pub(super) fn gemfile(&mut self) {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        let text = self.text;
        for (line, number) in text.lines().zip(1_u32..) {
            let Some(gem) = GEM.captures(line) else { continue };
            let part = |name: &str| gem.name(name).map_or("", |it| it.as_str());
            let rest = part("rest").split(" #").next().unwrap_or("");
            // What follows a `key:` are options.
            let positional = rest.split([':', '=']).next().unwrap_or("");
            let is_elsewhere =
                ["path:", "git:", "github:", ":path", ":git", "source:"].iter().any(|it| rest.contains(it));
            let mut has_version = false;
            for version in rest.split(['"', '\'']).skip(1).step_by(2).filter(|it| positional.contains(*it)) {
                has_version = true;
                if !versions::is_gem(version) {
                    self.bad_version(number, part("name"), version, "`~> 1.2`");
                }
            }
            let is_open = !has_version && !is_elsewhere && !rest.contains(['=', '(', '*']);
            if is_open && !rest.trim_end().ends_with(',') {
                self.unpinned(number, part("name"), "");
            }
            let name = gem.name("name").and_then(|it| line.get(it.range())).unwrap_or("");
            let is_conditional = line.contains(" if ") || line.contains(" unless ") || line.contains("platform");
            if let Some(first) = seen.insert(name, number).filter(|_| !is_conditional) {
                self.duplicate(number, name, &format!("on line {first}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::id;
    use super::super::super::testing::analysis;

    #[test]
    fn gems() {
        let text = "source 'https://rubygems.org'\nruby '3.3.0'\ngem 'rails', '~> 7.1'\ngem \"pg\", \">= 1.1\", \"< 2\"\ngem 'x', path: '../x'\ngem 'puma'\ngem 'rack', '^2'\ngem 'rails', '7.0'\ngroup :test do\n  gem 'rspec', '~> 3.0', require: false\nend\n";
        let found = analysis(&[("Gemfile", text), ("README.md", "")]).findings;
        let mut rules: Vec<_> =
            found.into_iter().filter(|it| it.rule != id::MISSING_TESTS).map(|it| (it.line, it.rule)).collect();
        rules.sort();
        assert_eq!(
            rules,
            [(6, id::UNPINNED.to_owned()), (7, id::BAD_VERSION.to_owned()), (8, id::DUPLICATE_DEPENDENCY.to_owned())]
        );
    }
}
