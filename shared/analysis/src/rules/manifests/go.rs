//! `go.mod`, after the reference of Go modules.

use std::collections::BTreeMap;

use super::{Check, versions};

impl Check<'_> {
    pub(super) fn go_mod(&mut self) {
        let mut block: Option<&str> = None;
        let mut has_module = false;
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for (line, number) in self.text.lines().zip(1_u32..) {
            let line = line.split("//").next().unwrap_or("").trim();
            let mut words = line.split_whitespace();
            let Some(first) = words.next() else { continue };
            match (block, first) {
                (Some(_), ")") => block = None,
                (None, _) if line.ends_with('(') => {
                    if !is_directive(first) {
                        self.invalid((number, 1), format!("go.mod has no directive `{}`", shorten(first)));
                    }
                    block = Some(first);
                }
                (Some("require"), path) => self.go_require(path, words.next(), number, &mut seen),
                (Some(_), _) => {}
                (None, "module") => has_module = words.next().is_some(),
                (None, "require") => {
                    let path = words.next().unwrap_or("");
                    self.go_require(path, words.next(), number, &mut seen);
                }
                (None, word) if is_directive(word) => {}
                (None, word) => self.invalid((number, 1), format!("go.mod has no directive `{}`", shorten(word))),
            }
        }
        if block.is_some() {
            self.invalid((0, 0), "a `(` is never closed".to_owned());
        }
        if !has_module {
            self.invalid((0, 0), "go needs `module` with the module's path".to_owned());
        }
    }

    fn go_require(&mut self, path: &str, version: Option<&str>, line: u32, seen: &mut BTreeMap<String, u32>) {
        match version {
            Some(version) if versions::is_go(version.trim_matches('"')) => {}
            Some(version) => self.bad_version(line, path, version, "`v1.2.3`"),
            None => self.bad_version(line, path, "", "`v1.2.3`"),
        }
        if let Some(first) = seen.insert(path.to_owned(), line) {
            self.duplicate(line, path, &format!("on line {first}"));
        }
    }
}

fn is_directive(word: &str) -> bool {
    matches!(
        word,
        "module" | "go" | "toolchain" | "godebug" | "require" | "replace" | "exclude" | "retract" | "tool" | "ignore"
    )
}

fn shorten(word: &str) -> String {
    word.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::id;
    use super::super::super::testing::analysis;

    fn rules(text: &str) -> Vec<(String, u32)> {
        let found = analysis(&[("go.mod", text), ("README.md", "")]).findings;
        found.into_iter().map(|it| (it.rule, it.line)).collect()
    }

    #[test]
    fn directives_and_requirements() {
        let good = "module example.org/a\n\ngo 1.22\ntoolchain go1.22.1\n\nrequire (\n\tgithub.com/a/b v1.2.3 // indirect\n\tgithub.com/c/d v0.0.0-20240101000000-abcdef123456\n)\n\nreplace github.com/a/b => ../b\n";
        assert_eq!(rules(good), []);
        assert_eq!(rules("go 1.22\n"), [(id::MANIFEST_INVALID.to_owned(), 0)]);
        assert_eq!(rules("module a\nrequires x v1.0.0\n"), [(id::MANIFEST_INVALID.to_owned(), 2)]);
        assert_eq!(
            rules("module a\nrequire (\n\tg.org/x v1.0.0\n\tg.org/y 1.0\n\tg.org/x v1.1.0\n)\n"),
            [(id::BAD_VERSION.to_owned(), 4), (id::DUPLICATE_DEPENDENCY.to_owned(), 5)]
        );
    }
}
