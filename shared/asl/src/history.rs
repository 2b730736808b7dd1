//! History events, with the names and details of Step Functions' `GetExecutionHistory`.

use std::fmt;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

macro_rules! kinds {
    ($($name:ident)*) => {
        /// The type of an event, spelt as Step Functions spells it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the names are Step Functions' own")]
        pub enum EventType { $($name),* }

        impl EventType {
            /// All types.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The type's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

kinds! {
    ExecutionStarted ExecutionSucceeded ExecutionFailed ExecutionTimedOut ExecutionAborted ExecutionRedriven
    EvaluationFailed
    PassStateEntered PassStateExited
    TaskStateEntered TaskStateExited TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskFailed TaskTimedOut
    TaskStartFailed TaskSubmitFailed
    LambdaFunctionScheduled LambdaFunctionStarted LambdaFunctionSucceeded LambdaFunctionFailed LambdaFunctionTimedOut
    LambdaFunctionStartFailed
    ActivityScheduled ActivityStarted ActivitySucceeded ActivityFailed ActivityTimedOut
    ChoiceStateEntered ChoiceStateExited
    WaitStateEntered WaitStateExited
    SucceedStateEntered SucceedStateExited
    FailStateEntered
    ParallelStateEntered ParallelStateStarted ParallelStateSucceeded ParallelStateFailed ParallelStateExited
    MapStateEntered MapStateStarted MapIterationStarted MapIterationSucceeded MapIterationFailed MapIterationAborted
    MapStateSucceeded MapStateFailed MapStateExited
    MapRunStarted MapRunRedriven MapRunSucceeded MapRunFailed MapRunAborted
}

impl EventType {
    /// Is it the entry into a state?
    #[must_use]
    pub fn enters(self) -> bool {
        self.name().ends_with("StateEntered")
    }
}

/// One event of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Its type.
    #[serde(rename = "t")]
    pub kind: EventType,
    /// Its details; `input`, `output`, `parameters` and every member of `assignedVariables` hold JSON values here,
    /// texts in the API.
    #[serde(rename = "d", default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    /// The event of the same decision that led to it; `None`: the last one of the log before.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<u32>,
}

/// The details of an event. What the interpreter records is written as JSON text at once: it is stored as that, and takes
/// a tenth of the memory of the values.
#[derive(Clone)]
pub struct Details(Form);

#[derive(Clone)]
enum Form {
    Text(Box<RawValue>),
    Fields(Map<String, Value>),
}

impl Details {
    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Text(text) => text.get() == "{}",
            Form::Fields(fields) => fields.is_empty(),
        }
    }

    /// About how many bytes they take.
    pub(crate) fn weight(&self) -> usize {
        match &self.0 {
            Form::Text(text) => text.get().len(),
            Form::Fields(fields) => fields.values().map(crate::run::weigh).fold(0, usize::saturating_add),
        }
    }

    /// The fields as values.
    #[must_use]
    pub fn into_fields(self) -> Map<String, Value> {
        match self.0 {
            Form::Text(text) => serde_json::from_str(text.get()).unwrap_or_default(),
            Form::Fields(fields) => fields,
        }
    }

    /// The fields of `details`, written.
    fn written<T: Serialize>(details: &T) -> Self {
        Self(serde_json::value::to_raw_value(details).map_or_else(|_| Form::Fields(Map::new()), Form::Text))
    }
}

impl Default for Details {
    fn default() -> Self {
        Self(Form::Fields(Map::new()))
    }
}

impl From<Map<String, Value>> for Details {
    fn from(fields: Map<String, Value>) -> Self {
        if fields.is_empty() { Self(Form::Fields(fields)) } else { Self::written(&fields) }
    }
}

impl From<&[(&str, Detail<'_>)]> for Details {
    fn from(fields: &[(&str, Detail<'_>)]) -> Self {
        struct Fields<'a>(&'a [(&'a str, Detail<'a>)]);
        impl Serialize for Fields<'_> {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let mut map = to.serialize_map(Some(self.0.len()))?;
                for (name, detail) in self.0 {
                    match detail {
                        Detail::Text(text) => map.serialize_entry(name, text)?,
                        Detail::Number(number) => map.serialize_entry(name, number)?,
                        Detail::Value(value) => map.serialize_entry(name, value)?,
                        Detail::Fields(fields) => map.serialize_entry(name, fields)?,
                    }
                }
                map.end()
            }
        }
        Self::written(&Fields(fields))
    }
}

/// A field of details that are about to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Detail<'a> {
    Text(&'a str),
    Number(u32),
    Value(&'a Value),
    Fields(&'a Map<String, Value>),
}

impl PartialEq for Details {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Form::Text(one), Form::Text(other)) if one.get() == other.get() => true,
            _ => self.clone().into_fields() == other.clone().into_fields(),
        }
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Text(text) => formatter.write_str(text.get()),
            Form::Fields(fields) => fields.fmt(formatter),
        }
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Text(text) => text.serialize(to),
            Form::Fields(fields) => fields.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Not as text: an entry may come by way of a value, which has none.
        Map::deserialize(from).map(|fields| Self(Form::Fields(fields)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn details_are_the_same_as_text_and_as_values() {
        let fields = json!({ "name": "A", "input": { "x": [1, 2.5, null, "é\"\n"] } });
        let fields = fields.as_object().cloned().unwrap_or_default();
        let written = Details::from(fields.clone());
        assert_eq!(written.clone().into_fields(), fields);
        let stored = serde_json::to_string(&written).unwrap();
        assert_eq!(stored, Value::Object(fields).to_string());
        let read: Details = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, written);
        assert_eq!(serde_json::to_string(&read).unwrap(), stored);
        assert!(Details::from(Map::new()).is_empty() && Details::default().is_empty());
        let input = json!({ "x": 1 });
        let pairs: &[(&str, Detail<'_>)] = &[("name", Detail::Text("A")), ("input", Detail::Value(&input))];
        assert_eq!(
            Details::from(pairs).into_fields(),
            *json!({ "name": "A", "input": { "x": 1 } }).as_object().unwrap()
        );
    }
}
