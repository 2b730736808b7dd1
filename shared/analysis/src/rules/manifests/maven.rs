//! `pom.xml`, after Maven's reference of the project object model.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use super::Check;

/// Elements in elements that are read.
const MAX_DEPTH: usize = 200;

impl Check<'_> {
    pub(super) fn pom(&mut self) {
        if depth(self.text) > MAX_DEPTH {
            self.invalid((0, 0), "nested too deeply".to_owned());
            return;
        }
        let document = match Document::parse(self.text) {
            Ok(document) => document,
            Err(error) => {
                let place = error.pos();
                let text = error.to_string();
                let message = text.split(" at ").next().unwrap_or(&text).to_owned();
                self.invalid((place.row, place.col), format!("not XML: {message}"));
                return;
            }
        };
        let project = document.root_element();
        if project.tag_name().name() != "project" {
            self.invalid((1, 1), "the root must be `<project>`".to_owned());
            return;
        }
        let has_parent = child(project, "parent").is_some();
        for key in ["modelVersion", "artifactId"] {
            if text_of(project, key).is_none() {
                self.invalid((0, 0), format!("maven needs `<{key}>`"));
            }
        }
        for key in ["groupId", "version"] {
            if text_of(project, key).is_none() && !has_parent {
                self.invalid((0, 0), format!("maven needs `<{key}>`, or a `<parent>` that has it"));
            }
        }
        let is_managed = has_parent || child(project, "dependencyManagement").is_some();
        self.pom_dependencies(&document, project, is_managed);
    }

    fn pom_dependencies(&mut self, document: &Document<'_>, project: Node<'_, '_>, is_managed: bool) {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let list = child(project, "dependencies").into_iter().flat_map(|it| it.children());
        for dependency in list.filter(|it| it.tag_name().name() == "dependency") {
            let line = document.text_pos_at(dependency.range().start).row;
            let part = |name: &str| text_of(dependency, name).unwrap_or("");
            let name = format!("{}:{}", part("groupId"), part("artifactId"));
            if part("groupId").is_empty() || part("artifactId").is_empty() {
                self.invalid((line, 1), "a dependency needs `<groupId>` and `<artifactId>`".to_owned());
                continue;
            }
            match part("version") {
                "" if is_managed => {}
                "" => self.invalid((line, 1), format!("`{name}` needs a `<version>`: nothing manages it")),
                open @ ("LATEST" | "RELEASE") => self.unpinned(line, &name, open),
                _ => {}
            }
            let key = format!("{name}:{}:{}", part("type"), part("classifier"));
            if let Some(first) = seen.insert(key, line) {
                self.duplicate(line, &name, &format!("on line {first}"));
            }
        }
    }
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|it| it.tag_name().name() == name)
}

fn text_of<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name)?.text().map(str::trim).filter(|text| !text.is_empty())
}

/// How deep elements may be nested at most: open tags that were not closed yet.
fn depth(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for (at, _) in text.match_indices('<') {
        match text.as_bytes().get(at + 1) {
            Some(b'/') => depth = depth.saturating_sub(1),
            Some(b'!' | b'?') | None => {}
            Some(_) => depth += 1,
        }
        let tag = text.get(at..).and_then(|rest| rest.split('>').next()).unwrap_or("");
        if tag.ends_with('/') {
            depth = depth.saturating_sub(1);
        }
        deepest = deepest.max(depth);
        if deepest > MAX_DEPTH {
            break;
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::super::super::id;
    use super::super::super::testing::analysis;

    fn rules(text: &str) -> Vec<(String, u32)> {
        let found = analysis(&[("pom.xml", text), ("README.md", "")]).findings;
        found.into_iter().map(|it| (it.rule, it.line)).collect()
    }

    const HEAD: &str = "<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId><version>1</version>\n";

    #[test]
    fn projects_and_dependencies() {
        let dependency = |version: &str| {
            format!("<dependency><groupId>g</groupId><artifactId>x</artifactId>{version}</dependency>\n")
        };
        let one = dependency("<version>1.0</version>");
        assert_eq!(rules(&format!("{HEAD}<dependencies>\n{one}</dependencies></project>\n")), []);
        let twice = format!("{HEAD}<dependencies>\n{one}{one}</dependencies></project>\n");
        assert_eq!(rules(&twice), [(id::DUPLICATE_DEPENDENCY.to_owned(), 4)]);
        let open = format!("{HEAD}<dependencies>\n{}</dependencies></project>\n", dependency(""));
        assert_eq!(rules(&open), [(id::MANIFEST_INVALID.to_owned(), 3)]);
        let latest =
            format!("{HEAD}<dependencies>\n{}</dependencies></project>\n", dependency("<version>LATEST</version>"));
        assert_eq!(rules(&latest), [(id::UNPINNED.to_owned(), 3)]);
        assert_eq!(rules("<project>\n<a></b>\n</project>\n"), [(id::MANIFEST_INVALID.to_owned(), 2)]);
        assert_eq!(rules("<a/>\n"), [(id::MANIFEST_INVALID.to_owned(), 1)]);
        assert_eq!(rules(&"<a>".repeat(100_000)), [(id::MANIFEST_INVALID.to_owned(), 0)]);
    }
}
