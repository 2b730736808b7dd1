//! Attributes of executions: what the start says of one so that it can be found again.
//!
//! Each attribute has a record of its own beside the execution's, listed under its value: a search asks one partition of
//! an index for it.

use std::collections::BTreeMap;

use millrace_asl::Timestamp;
use serde_json::json;

use crate::error::{Error, FieldProblem};
use crate::ids::ExecutionId;
use crate::keys;
use crate::ports::{Condition, Index, Record, Write};

use super::record::Execution;

/// The attributes of an execution, by name.
pub type Attributes = BTreeMap<String, String>;

/// Attributes that an execution may have.
pub const MOST_ATTRIBUTES: usize = 10;
/// The longest name of an attribute, in bytes.
pub const ATTRIBUTE_NAME_BYTES: usize = 64;
/// The longest value of an attribute, in bytes.
pub const ATTRIBUTE_VALUE_BYTES: usize = 256;

/// Says what is wrong with an attribute.
///
/// # Errors
/// What would be right, for people.
pub fn check_attribute(name: &str, value: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > ATTRIBUTE_NAME_BYTES || !name.bytes().all(fits) {
        return Err(format!("the name must be 1 to {ATTRIBUTE_NAME_BYTES} letters, digits, '_', '-' or '.'"));
    }
    if value.is_empty() || value.len() > ATTRIBUTE_VALUE_BYTES || value.contains(char::is_control) {
        return Err(format!("the value must be 1 to {ATTRIBUTE_VALUE_BYTES} bytes without control characters"));
    }
    Ok(())
}

/// Checks the attributes of a start; problems are told under `/attributes`.
///
/// # Errors
/// [`Error::Invalid`]
pub fn check_attributes(attributes: &Attributes) -> Result<(), Error> {
    let mut problems: Vec<FieldProblem> = attributes
        .iter()
        .filter_map(|(name, value)| {
            let problem = check_attribute(name, value).err()?;
            let name: String = name.chars().take(200).collect();
            let name = name.replace('~', "~0").replace('/', "~1");
            Some(FieldProblem::new(format!("/attributes/{name}"), problem))
        })
        .collect();
    if attributes.len() > MOST_ATTRIBUTES {
        let message = format!("has {} attributes; an execution may have {MOST_ATTRIBUTES}", attributes.len());
        problems.push(FieldProblem::new("/attributes", message));
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// The writes of an execution's attributes, to go with that of its record.
pub(super) fn writes(execution: &Execution, expires_at: Option<Timestamp>) -> impl Iterator<Item = Write> + '_ {
    execution.attributes.iter().map(move |(name, value)| {
        let partition = keys::owner_executions_of_attribute(&execution.owner, name, value);
        let listing = keys::listing(Index::Status, partition, execution.started_at, execution.id.as_str());
        let record = Record {
            key: keys::execution_attribute(&execution.id, name),
            version: 0,
            body: json!({ "id": execution.id }),
            listings: vec![listing],
            expires_at,
        };
        Write::Put(record, Condition::Any)
    })
}

/// The execution whose attribute a record is.
pub(super) fn execution_of(record: &Record) -> Option<ExecutionId> {
    record.body.get("id")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_limits() {
        let one = |name: &str, value: &str| Attributes::from([(name.to_owned(), value.to_owned())]);
        for (name, value) in [("customer", "42"), ("a.b-c_d", "ü = #"), (&"n".repeat(64), &"v".repeat(256))] {
            check_attributes(&one(name, value)).unwrap();
        }
        for (name, value) in [("", "x"), ("a=b", "x"), ("a", ""), ("a", "\n"), (&"n".repeat(65), "x")] {
            assert!(check_attributes(&one(name, value)).is_err(), "{name}={value}");
        }
        let many = |count: usize| (0..count).map(|number| (format!("a{number}"), "x".to_owned())).collect();
        check_attributes(&many(MOST_ATTRIBUTES)).unwrap();
        assert!(check_attributes(&many(MOST_ATTRIBUTES + 1)).is_err());
    }
}
