use std::fmt;

use serde_json::{Map, Value};

use crate::query::limits::check_depth;
use crate::query::path_parser::{Root, Step};
use crate::query::{Path, PathError, PathSyntaxError, Scope};

/// A reference path: a path of `.name`, `['name']` and `[0]` only, which names exactly one place.
///
/// Reading may also start from the Context Object or a variable; writing needs the input (`$`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePath(Path);

impl fmt::Display for ReferencePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ReferencePath {
    /// Parses a reference path.
    ///
    /// # Errors
    ///
    /// [`PathSyntaxError`] if the text is no path or uses anything but names and indexes.
    pub fn parse(text: &str) -> Result<Self, PathSyntaxError> {
        let path = Path::parse(text)?;
        let plain = path.steps().iter().all(|step| match step {
            Step::Names(names) => names.len() == 1,
            Step::Indexes(indexes) => matches!(indexes.as_slice(), [index] if *index >= 0),
            Step::Slice { .. } | Step::Wildcard | Step::Filter(_) | Step::Scan | Step::Function(_) => false,
        });
        if plain {
            Ok(Self(path))
        } else {
            Err(PathSyntaxError::new(text, 0, "a reference path may only use .name, ['name'] and [0]"))
        }
    }

    /// The path as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// The same as a path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Whether the path starts from the input, as a `ResultPath` must.
    #[must_use]
    pub fn is_input(&self) -> bool {
        *self.0.root() == Root::Input
    }

    /// Reads the value.
    ///
    /// # Errors
    ///
    /// As [`Path::read`].
    pub fn read(&self, scope: &Scope<'_>) -> Result<Value, PathError> {
        self.0.read(scope)
    }

    /// Puts a value at the path, as `ResultPath` does: `$` replaces everything, missing objects are created, and what is
    /// already there is replaced. An index must exist.
    ///
    /// # Errors
    ///
    /// [`PathError::NotWritable`] if a step meets something it cannot be applied to or the path does not start from the
    /// input, [`PathError::Limit`] if the result is nested too deeply.
    pub fn write(&self, mut target: Value, value: Value) -> Result<Value, PathError> {
        let steps = self.0.steps();
        check_depth(&value, steps.len())?;
        if !self.is_input() || !fits(&target, steps) {
            return Err(PathError::NotWritable { path: self.text().to_owned(), input: target.to_string() });
        }
        let mut slot = &mut target;
        for step in steps {
            let inner = match (step, slot) {
                (Step::Names(names), Value::Object(members)) => {
                    names.first().map(|name| members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())))
                }
                (Step::Indexes(indexes), Value::Array(items)) => indexes
                    .first()
                    .and_then(|index| usize::try_from(*index).ok())
                    .and_then(|index| items.get_mut(index)),
                _ => None,
            };
            match inner {
                Some(inner) => slot = inner,
                None => {
                    return Err(PathError::NotWritable { path: self.text().to_owned(), input: value.to_string() });
                }
            }
        }
        *slot = value;
        Ok(target)
    }
}

/// Whether every step can be applied, so that nothing is changed by half.
fn fits(target: &Value, steps: &[Step]) -> bool {
    let mut here = Some(target);
    for step in steps {
        here = match (step, here) {
            (Step::Names(names), Some(Value::Object(members))) => names.first().and_then(|name| members.get(name)),
            (Step::Names(_), None) => None,
            (Step::Indexes(indexes), Some(Value::Array(items))) => {
                let index = indexes.first().and_then(|index| usize::try_from(*index).ok());
                match index.and_then(|index| items.get(index)) {
                    Some(item) => Some(item),
                    None => return false,
                }
            }
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn write(path: &str, target: Value, value: Value) -> Result<Value, PathError> {
        ReferencePath::parse(path).unwrap().write(target, value)
    }

    #[test]
    fn accepts_names_and_indexes_only() {
        for good in ["$", "$.a", "$.a-b[0]['c d']", "$$.Execution.Input", "$list[2]"] {
            assert!(ReferencePath::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["$.a[*]", "$..a", "$.a[0:1]", "$.a[?(@.b)]", "$.a[0,1]", "$['a','b']", "$.a[-1]", "$.a.length()", "a"]
        {
            assert!(ReferencePath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_and_creates() {
        assert_eq!(write("$", json!({"a": 1}), json!(2)).unwrap(), json!(2));
        assert_eq!(write("$.b.c", json!({"a": 1}), json!(2)).unwrap(), json!({"a": 1, "b": {"c": 2}}));
        assert_eq!(write("$.a", json!({"a": {"x": 1}}), json!([])).unwrap(), json!({"a": []}));
        assert_eq!(write("$.a[1].b", json!({"a": [0, {}]}), json!(1)).unwrap(), json!({"a": [0, {"b": 1}]}));
        assert_eq!(write("$[0]", json!([1]), json!(2)).unwrap(), json!([2]));
    }

    #[test]
    fn refuses_what_it_cannot_apply_to() {
        for (path, target) in [
            ("$.a.b", json!({"a": 1})),
            ("$.a", json!("text")),
            ("$.a[0]", json!({})),
            ("$.a[3]", json!({"a": [1]})),
            ("$$.a", json!({})),
        ] {
            let error = write(path, target.clone(), json!(1)).unwrap_err();
            assert_eq!(error.to_string(), format!("Unable to apply ReferencePath {path} to input {target}"));
            assert_eq!(crate::query::QueryFailure::from(error).error, "States.ResultPathMatchFailure");
        }
    }

    #[test]
    fn reads() {
        let (input, context) = (json!({"a": [{"b": 1}]}), json!({"State": {"Name": "S"}}));
        let scope = Scope::new(&input, &context);
        assert_eq!(ReferencePath::parse("$.a[0].b").unwrap().read(&scope).unwrap(), json!(1));
        assert_eq!(ReferencePath::parse("$$.State.Name").unwrap().read(&scope).unwrap(), json!("S"));
    }
}
