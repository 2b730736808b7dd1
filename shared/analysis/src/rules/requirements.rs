//! `requirements.txt`, line by line, as pip's documentation describes the format.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::{Finding, Severity};
use super::{finding, id};

#[expect(clippy::expect_used, reason = "the pattern is a constant and the tests compile it")]
static REQUIREMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^
        (?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?) \s*
        (?:\[[A-Za-z0-9._,\s-]*\])? \s*
        (?P<version> @\s*\S+ | \(?\s*(?:(?:===|~=|==|!=|<=|>=|<|>)\s*[^\s,;()]+\s*,?\s*)+\)? )? \s*
        (?:;.*)? $",
    )
    .expect("a valid pattern")
});

/// Reports lines that pip refuses, and dependencies without or with an open version.
pub(super) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (line, number) in text.lines().zip(1_u32..) {
        let plain = !line.contains(';') && !line.trim_start().starts_with(['#', '-', '.', '/']);
        let Some(name) = name(line).filter(|_| plain) else { continue };
        if let Some(first) = seen.insert(name.clone(), number) {
            let message = format!("`{name}` is declared on line {first} too: keep one");
            findings.push(finding(id::DUPLICATE_DEPENDENCY, Severity::Major, path, (number, 1), message));
        }
    }
    let mut continued = String::new();
    let mut start = 0;
    for (line, number) in text.lines().zip(1_u32..) {
        if continued.is_empty() {
            start = number;
        }
        if let Some(head) = line.strip_suffix('\\') {
            continued.push_str(head);
            continue;
        }
        continued.push_str(line);
        check_line(path, &continued, start, findings);
        continued.clear();
    }
    if !continued.is_empty() {
        check_line(path, &continued, start, findings);
    }
}

/// The name of a distribution as PEP 503 compares it.
pub(super) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The name in a requirement, normalised.
pub(super) fn name(requirement: &str) -> Option<String> {
    let requirement = requirement.trim();
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')));
    let name = requirement.get(..end.unwrap_or(requirement.len()))?;
    (name.starts_with(|c: char| c.is_ascii_alphanumeric())).then(|| normal(name))
}

/// The names in a file of requirements.
pub(super) fn names(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| !line.trim_start().starts_with(['#', '-', '.', '/'])).filter_map(name)
}

fn check_line(path: &str, line: &str, number: u32, findings: &mut Vec<Finding>) {
    let line = match line.find(" #") {
        Some(at) => line.get(..at).unwrap_or(line),
        None => line,
    }
    .trim();
    let is_path = line.starts_with('.') || line.starts_with('/') || line.contains("://") && !line.contains('@');
    if line.is_empty() || line.starts_with('#') || line.starts_with('-') || is_path {
        return;
    }
    let requirement = line.split(" --").next().unwrap_or(line).trim();
    let Some(captures) = REQUIREMENT.captures(requirement) else {
        let message = "pip refuses this line: write `name==version`".to_owned();
        findings.push(finding(id::MANIFEST_INVALID, Severity::Blocker, path, (number, 1), message));
        return;
    };
    let name = captures.name("name").map_or("", |m| m.as_str());
    match captures.name("version").map(|m| m.as_str()) {
        None => {
            let message = format!("`{name}` has no version: pin it, for example `{name}==1.2.3`");
            findings.push(finding(id::UNPINNED, Severity::Minor, path, (number, 1), message));
        }
        Some(version)
            if !version.contains("==")
                && !version.contains("~=")
                && !version.contains('@')
                && !version.contains('<') =>
        {
            let message = format!("`{name}` has no upper bound: any later release may be installed");
            findings.push(finding(id::UNPINNED, Severity::Info, path, (number, 1), message));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::*;

    #[test]
    fn lines() {
        let text = "# c\nflask==3.0.0\nrequests\nboto3>=1.30  # aws\nuvicorn[standard]~=0.30 ; python_version >= '3.9'\n-r dev.txt\nfoo @ https://example.org/foo.whl\n./local\na>=1,<2\nb==1.0 \\\n  --hash=sha256:00\n";
        assert_eq!(found(id::MANIFEST_INVALID, "requirements.txt", text), [""; 0]);
        let unpinned = found(id::UNPINNED, "requirements.txt", text);
        assert_eq!(unpinned.len(), 2, "{unpinned:?}");
        assert!(unpinned.iter().any(|f| f.starts_with("minor 3 `requests`")));
        assert!(unpinned.iter().any(|f| f.starts_with("info 4 `boto3`")));
    }

    #[test]
    fn refused_lines() {
        for text in ["flask = 3.0\n", "two words\n", "==1.0\n", "flask==\n", "{\n"] {
            assert_eq!(found(id::MANIFEST_INVALID, "api/requirements-dev.txt", text).len(), 1, "{text}");
        }
    }
}
