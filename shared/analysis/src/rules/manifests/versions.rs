//! Versions as package managers read them.

use std::sync::LazyLock;

use regex::Regex;

#[expect(clippy::expect_used, reason = "the patterns are constants and the tests compile them")]
fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// A comparator of node-semver.
static NPM: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^(?:[~^]|[<>]=?|=|~>)?\s*v?(?:\d+|[xX*])(?:\.(?:\d+|[xX*])){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$",
    )
});

/// A comparator of cargo.
static CARGO: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"^(?:[~^]|[<>]=?|=)?\s*\d+(?:\.(?:\d+|\*)){0,2}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$")
});

/// A version of a Go module, with pseudo-versions.
static GO: LazyLock<Regex> = LazyLock::new(|| compile(r"^v\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$"));

/// A constraint of Composer.
static COMPOSER: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"^(?:[~^]|[<>]=?|!=|==?)?\s*v?(?:\d+|\*)(?:\.(?:\d+|[xX*])){0,3}(?:-?(?:dev|alpha|beta|RC|rc|patch|p|stable)\.?\d*)?(?:@\w+)?$",
    )
});

/// A requirement of RubyGems.
static GEM: LazyLock<Regex> =
    LazyLock::new(|| compile(r"^(?:~>|[<>]=?|!=|=)?\s*\d+(?:\.[0-9A-Za-z]+)*(?:-[0-9A-Za-z.]+)?$"));

/// Whether npm can read a dependency's value: a range, a tag, or where to get it from.
pub(super) fn is_npm(value: &str) -> bool {
    let value = value.trim();
    let is_elsewhere = value.contains(':') || value.contains('/');
    let is_tag = value.starts_with(|c: char| c.is_ascii_alphabetic()) && !value.starts_with('v');
    if is_elsewhere || is_tag {
        return true;
    }
    value.split("||").all(|range| {
        let range = range.trim();
        if let Some((low, high)) = range.split_once(" - ") {
            return NPM.is_match(low.trim()) && NPM.is_match(high.trim());
        }
        comparators(range).iter().all(|it| NPM.is_match(it))
    })
}

/// The comparators of a range, of which the operator may stand apart.
fn comparators(range: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut operator = String::new();
    for word in range.split([' ', ',']).filter(|word| !word.is_empty()) {
        if word.chars().all(|c| "<>=~^!".contains(c)) {
            operator.push_str(word);
        } else {
            out.push(format!("{operator}{word}"));
            operator.clear();
        }
    }
    if !operator.is_empty() {
        out.push(operator);
    }
    out
}

/// Whether cargo can read a requirement.
pub(super) fn is_cargo(value: &str) -> bool {
    value.split(',').all(|part| CARGO.is_match(part.trim()))
}

/// Whether Go can read a module's version.
pub(super) fn is_go(value: &str) -> bool {
    GO.is_match(value)
}

/// Whether Composer can read a constraint.
pub(super) fn is_composer(value: &str) -> bool {
    value.split(['|']).filter(|part| !part.trim().is_empty()).all(|range| {
        let range = range.trim();
        if range.starts_with("dev-") || range.ends_with("-dev") || range.starts_with('@') || range == "self.version" {
            return true;
        }
        let range = range.split(" as ").next().unwrap_or(range);
        if let Some((low, high)) = range.split_once(" - ") {
            return COMPOSER.is_match(low.trim()) && COMPOSER.is_match(high.trim());
        }
        comparators(range).iter().all(|it| COMPOSER.is_match(it))
    })
}

/// Whether RubyGems can read a requirement.
pub(super) fn is_gem(value: &str) -> bool {
    GEM.is_match(value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for good in [
            "1",
            "^1.2.3",
            "~1.2",
            ">=1 <2",
            ">= 1.0.0 < 2",
            "1.x || 2.x",
            "1.2.3 - 2.3",
            "v1.0.0-rc.1+b",
            "latest",
            "workspace:*",
            "file:../a",
            "a/b#c",
            "npm:c@^1",
        ] {
            assert!(is_npm(good), "{good}");
        }
        for bad in ["^^1", "1.2.3.4", "1..2", ">=", "^", "~a"] {
            assert!(!is_npm(bad), "{bad}");
        }
        assert!(is_cargo("1") && is_cargo(">=1.2, <2") && is_cargo("=1.0.0-alpha.1") && is_cargo("1.*"));
        assert!(!is_cargo("1.2.3.4") && !is_cargo("latest") && !is_cargo("v1"));
        assert!(is_go("v1.2.3") && is_go("v0.0.0-20240101000000-abcdef123456") && is_go("v2.0.0+incompatible"));
        assert!(!is_go("1.2.3") && !is_go("v1.2") && !is_go("latest"));
        assert!(
            is_composer("^1.0 || ^2.0")
                && is_composer(">=7.4,<9")
                && is_composer("dev-main")
                && is_composer("1.0.*@dev")
                && is_composer("*")
        );
        assert!(!is_composer("latest") && !is_composer("^^1"));
        assert!(is_gem("~> 1.2") && is_gem("1.0.pre2") && !is_gem("^1.2") && !is_gem("~>"));
    }
}
