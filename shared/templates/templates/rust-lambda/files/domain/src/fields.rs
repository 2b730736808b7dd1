//! Reading the fields of a body into an entity, with every problem reported at once.

use crate::entities::Entity;
use crate::http::{HttpError, Problem};
use serde_json::{Map, Value};

/// The members of a body while an entity is read from them.
pub struct Fields<'body> {
    members: &'body Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Fields<'_> {
    /// A field that must be there. When it is not or does not fit, a placeholder is returned, the problem is
    /// remembered, and [`read`] fails.
    pub fn required<T: Default>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> T {
        let value = self.optional(name, parse);
        if value.is_none() && self.value(name).is_none() {
            self.report(name, "is required");
        }
        value.unwrap_or_default()
    }

    /// A field that may be missing or null.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&Value) -> Result<T, String>,
    ) -> Option<T> {
        self.known.push(name);
        match parse(self.value(name)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                self.report(name, detail);
                None
            }
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn report(&mut self, name: &str, detail: impl Into<String>) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let detail = detail.into();
        self.problems.push(Problem { pointer, detail });
    }
}

/// Reads an entity; fails with every problem of the body.
pub fn read<E: Entity>(body: &Value) -> Result<E, HttpError> {
    let Some(members) = body.as_object() else {
        let (pointer, detail) = (String::new(), "must be an object".to_owned());
        return Err(HttpError::invalid(vec![Problem { pointer, detail }]));
    };
    let mut fields = Fields { members, known: Vec::new(), problems: Vec::new() };
    let entity = E::read(&mut fields);
    for name in members.keys() {
        if !fields.known.contains(&name.as_str()) {
            fields.report(name, "is not a known field");
        }
    }
    if fields.problems.is_empty() { Ok(entity) } else { Err(HttpError::invalid(fields.problems)) }
}
