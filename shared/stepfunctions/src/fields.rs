//! Reading the members of a request, with the service's texts for those that break their constraints.
//!
//! Constraints are checked all together and told in one `ValidationException`; a member of the wrong type ends the reading
//! at once with a `SerializationException`. A member that is null is as good as absent.

use serde_json::{Map, Value};

use crate::error::ApiError;

/// A regular expression as messages tell it, and what it matches.
type Pattern = (&'static str, fn(&str) -> bool);

/// What holds for a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    min: usize,
    max: usize,
    pattern: Option<Pattern>,
    /// Its value is not repeated in messages.
    sensitive: bool,
}

impl Text {
    pub(crate) const fn new(min: usize, max: usize) -> Self {
        Self { min, max, pattern: None, sensitive: false }
    }

    pub(crate) const fn sensitive(self) -> Self {
        Self { sensitive: true, ..self }
    }

    pub(crate) const fn matching(self, pattern: &'static str, matches: fn(&str) -> bool) -> Self {
        Self { pattern: Some((pattern, matches)), ..self }
    }
}

/// `Arn`
pub(crate) const ARN: Text = Text::new(1, 256);
/// `LongArn`
pub(crate) const LONG_ARN: Text = Text::new(1, 2000);
/// `Name`
pub(crate) const NAME: Text = Text::new(1, 80);
/// `Definition`
pub(crate) const DEFINITION: Text = Text::new(1, 1_048_576).sensitive();
/// `PageToken`
pub(crate) const PAGE_TOKEN: Text = Text::new(1, 1024);
/// `VersionDescription`, `AliasDescription`
pub(crate) const DESCRIPTION: Text = Text::new(0, 256).sensitive();
/// Data of any size: there is no wall.
pub(crate) const DATA: Text = Text::new(0, usize::MAX).sensitive();
/// `SensitiveError`
pub(crate) const ERROR: Text = Text::new(0, 256).sensitive();
/// `SensitiveCause`
pub(crate) const CAUSE: Text = Text::new(0, 32_768).sensitive();
/// `TraceHeader`
pub(crate) const TRACE: Text = Text::new(0, 256).matching("\\p{ASCII}*", str::is_ascii);

/// A request's members.
pub(crate) struct Fields<'a> {
    members: &'a Map<String, Value>,
    /// What stands before the members' names: `routingConfiguration.1.member.`
    path: String,
    problems: Vec<String>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(members: &'a Map<String, Value>) -> Self {
        Self { members, path: String::new(), problems: Vec::new() }
    }

    /// A member that is there.
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    fn problem(&mut self, value: Option<&str>, name: &str, constraint: &str) {
        let value = value.map_or_else(String::new, |value| format!(" {value}"));
        let path = &self.path;
        self.problems.push(format!("Value{value} at '{path}{name}' failed to satisfy constraint: Member {constraint}"));
    }

    fn missing(&mut self, name: &str) {
        self.problem(Some("null"), name, "must not be null");
    }

    /// A text, if it is there.
    pub(crate) fn text(&mut self, name: &str, rule: Text) -> Result<Option<String>, ApiError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let Value::String(text) = value else { return Err(wrong_type(value, "a String")) };
        let shown = format!("'{text}'");
        let shown = (!rule.sensitive).then_some(shown.as_str());
        // Characters are counted only where there could be too many.
        let longest = if text.len() > rule.max { text.encode_utf16().count() } else { text.len() };
        if longest > rule.max {
            self.problem(shown, name, &format!("must have length less than or equal to {}", rule.max));
        }
        if text.len() < rule.min {
            self.problem(shown, name, &format!("must have length greater than or equal to {}", rule.min));
        }
        if let Some((pattern, matches)) = rule.pattern
            && !matches(text)
        {
            self.problem(shown, name, &format!("must satisfy regular expression pattern: {pattern}"));
        }
        Ok(Some(text.clone()))
    }

    /// A text that must be there; empty where it is not, which [`Fields::check`] tells.
    pub(crate) fn required(&mut self, name: &str, rule: Text) -> Result<String, ApiError> {
        let text = self.text(name, rule)?;
        if text.is_none() {
            self.missing(name);
        }
        Ok(text.unwrap_or_default())
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, ApiError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let Value::String(text) = value else { return Err(wrong_type(value, "a String")) };
        let found = words.iter().find(|(word, _)| word == text);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let constraint = format!("must satisfy enum value set: [{}]", all.join(", "));
            self.problem(Some(&format!("'{text}'")), name, &constraint);
        }
        Ok(found.map(|(_, value)| *value))
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, name: &str, min: i64, max: i64) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let Some(number) = value.as_i64() else { return Err(wrong_type(value, "an Integer")) };
        let shown = format!("'{number}'");
        if number > max {
            self.problem(Some(&shown), name, &format!("must have value less than or equal to {max}"));
        }
        if number < min {
            self.problem(Some(&shown), name, &format!("must have value greater than or equal to {min}"));
        }
        Ok(Some(number))
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &str, min: f64, max: f64) -> Result<Option<f64>, ApiError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let Some(number) = value.as_f64() else { return Err(wrong_type(value, "a Float")) };
        let shown = format!("'{number}'");
        if number > max {
            self.problem(Some(&shown), name, &format!("must have value less than or equal to {max}"));
        }
        if number < min {
            self.problem(Some(&shown), name, &format!("must have value greater than or equal to {min}"));
        }
        Ok(Some(number))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong_type(other, "a Boolean")),
        }
    }

    /// `maxResults`: how many to answer; 0 and absent are 100.
    pub(crate) fn page_size(&mut self) -> Result<usize, ApiError> {
        let number = self.integer("maxResults", 0, 1000)?.filter(|number| *number > 0).unwrap_or(100);
        Ok(usize::try_from(number).unwrap_or(100))
    }

    /// The elements of a list.
    pub(crate) fn list(&self, name: &str) -> Result<Option<&'a [Value]>, ApiError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(other) => Err(wrong_type(other, "a List")),
        }
    }

    /// The elements of a list that must be there.
    pub(crate) fn required_list(&mut self, name: &str) -> Result<&'a [Value], ApiError> {
        let list = self.list(name)?;
        if list.is_none() {
            self.missing(name);
        }
        Ok(list.unwrap_or_default())
    }

    /// A list with another number of elements than it may have.
    pub(crate) fn wrong_length(&mut self, name: &str, shown: &str, constraint: &str) {
        self.problem(Some(&format!("'{shown}'")), name, constraint);
    }

    /// Reads the members of a structure.
    pub(crate) fn inside<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields<'a>) -> Result<T, ApiError>,
    ) -> Result<Option<T>, ApiError> {
        match self.member(name) {
            None => Ok(None),
            Some(value) => self.below(value, &format!("{name}."), read).map(Some),
        }
    }

    /// Reads the members of a list's element; `index` counts from 0.
    pub(crate) fn element<T>(
        &mut self,
        name: &str,
        index: usize,
        value: &'a Value,
        read: impl FnOnce(&mut Fields<'a>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.below(value, &format!("{name}.{}.member.", index + 1), read)
    }

    fn below<T>(
        &mut self,
        value: &'a Value,
        path: &str,
        read: impl FnOnce(&mut Fields<'a>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let Value::Object(members) = value else { return Err(wrong_type(value, "a Structure")) };
        let mut inner = Fields { members, path: format!("{}{path}", self.path), problems: Vec::new() };
        let read = read(&mut inner)?;
        self.problems.append(&mut inner.problems);
        Ok(read)
    }

    /// Tells everything that is wrong.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        let count = self.problems.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        Err(ApiError::validation(format!("{count} validation {errors} detected: {}", self.problems.join("; "))))
    }
}

fn wrong_type(value: &Value, wanted: &str) -> ApiError {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    ApiError::serialization(format!("{found} can not be converted to {wanted}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_together() {
        let body = json!({ "name": "", "maxResults": 1001, "other": null });
        let mut fields = Fields::new(body.as_object().unwrap());
        fields.required("name", NAME).unwrap();
        fields.required("other", ARN).unwrap();
        fields.page_size().unwrap();
        let error = fields.check().unwrap_err();
        assert_eq!(
            error.message,
            "3 validation errors detected: Value '' at 'name' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value null at 'other' failed to satisfy constraint: Member must not be null; \
             Value '1001' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to \
             1000"
        );
        let error = fields.text("maxResults", NAME).unwrap_err();
        assert_eq!(
            (error.name, error.message.as_str()),
            ("SerializationException", "NUMBER_VALUE can not be converted to a String")
        );
    }
}
