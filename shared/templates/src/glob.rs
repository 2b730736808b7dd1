//! Globs over paths: `*` stands for any characters within one segment, a segment `**` for any number of segments.

/// Whether the pattern names the path.
pub(crate) fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    segments(&pattern, &path)
}

fn segments(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => {
            (0..=path.len()).any(|skipped| path.get(skipped..).is_some_and(|tail| segments(rest, tail)))
        }
        Some((first, rest)) => {
            path.split_first().is_some_and(|(segment, tail)| segment_matches(first, segment) && segments(rest, tail))
        }
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == segment;
    };
    let Some(rest) = segment.strip_prefix(head) else {
        return false;
    };
    let starts = rest.char_indices().map(|(index, _)| index).chain([rest.len()]);
    starts.into_iter().any(|start| rest.get(start..).is_some_and(|end| segment_matches(tail, end)))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn matches_segments_and_trees() {
        assert!(matches("README.md", "README.md"));
        assert!(matches("src/*.py", "src/a.py"));
        assert!(!matches("src/*.py", "src/b/a.py"));
        assert!(matches("src/**", "src/b/a.py"));
        assert!(matches("**/test_*.py", "tests/deep/test_a.py"));
        assert!(matches("**/a.py", "a.py"));
        assert!(!matches("src/**", "source/a.py"));
        assert!(matches("*é*", "caféx"));
    }
}
