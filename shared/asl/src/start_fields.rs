//! What a definition says of the start of its executions (`limits`, `attributes`): extensions of ours at its top. Their
//! texts may be paths or expressions over the execution's input.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::query::{Entropy, Expression, Jsonata, QueryLanguage, Scope};
use crate::snapshot::{ExecutionContext, Moment};

/// Limits that one definition may name.
pub const MOST_LIMITS: usize = 10;
/// Attributes that one definition may name.
const MOST_ATTRIBUTES: usize = 10;
/// The highest figure of a limit.
pub const HIGHEST_LIMIT: u32 = 1_000_000;
/// The longest window of a rate in seconds: 30 days.
pub const LONGEST_WINDOW: u32 = 30 * 24 * 3600;
/// The longest key, in bytes.
pub const KEY_BYTES: usize = 256;
/// Priorities lie between this and its negative.
pub const HIGHEST_PRIORITY: i32 = 1_000;

/// Something wrong with a field: a JSON pointer from the field at the definition's top on, and what would be right.
pub type FieldFault = (String, String);

/// A text that is written in the definition, or found when an execution starts.
#[derive(Debug)]
enum Formula {
    Literal(String),
    JsonPath(Expression),
    Jsonata(Jsonata),
}

impl Formula {
    fn parse(text: &str, language: QueryLanguage) -> Result<Self, String> {
        let no_variables = |names: Vec<&str>| match names.first() {
            Some(name) => Err(format!("reads the variable ${name}; there are no variables at the start")),
            None => Ok(()),
        };
        match language {
            QueryLanguage::JsonPath if text.starts_with('$') || text.starts_with("States.") => {
                let expression = Expression::parse(text).map_err(|problem| problem.to_string())?;
                no_variables(expression.variables())?;
                Ok(Self::JsonPath(expression))
            }
            QueryLanguage::Jsonata if Jsonata::inside(text).is_some() => {
                let expression = Jsonata::parse(Jsonata::inside(text).unwrap_or_default());
                let expression = expression.map_err(|problem| problem.to_string())?;
                no_variables(expression.variables())?;
                Ok(Self::Jsonata(expression))
            }
            _ => Ok(Self::Literal(text.to_owned())),
        }
    }

    fn evaluate(&self, field: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Value, String> {
        let found = match self {
            Self::Literal(text) => return Ok(Value::String(text.clone())),
            Self::JsonPath(expression) => expression.evaluate(field, scope, entropy),
            Self::Jsonata(expression) => expression.evaluate(field, scope, entropy),
        };
        found.map_err(|failure| failure.cause)
    }

    /// A text, a number or a truth value as text; `None` for null.
    fn text(&self, field: &str, scope: &Scope<'_>, entropy: &mut Entropy) -> Result<Option<String>, String> {
        let text = match self.evaluate(field, scope, entropy)? {
            Value::Null => return Ok(None),
            Value::String(text) => text,
            other @ (Value::Bool(_) | Value::Number(_)) => other.to_string(),
            Value::Array(_) => return Err("gives an array; a string, a number, true or false is needed".to_owned()),
            Value::Object(_) => return Err("gives an object; a string, a number, true or false is needed".to_owned()),
        };
        check_key(&text)?;
        Ok(Some(text))
    }
}

/// Says what is wrong with the key of a limit, or the value of an attribute.
///
/// # Errors
/// What would be right, for people.
pub fn check_key(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > KEY_BYTES || text.contains(char::is_control) {
        return Err(format!("must be 1 to {KEY_BYTES} bytes without control characters"));
    }
    Ok(())
}

/// `limits`
#[derive(Debug)]
pub struct Limits {
    concurrency: Vec<(Option<Formula>, u32)>,
    rate: Vec<(Option<Formula>, Rate)>,
    priority: Option<Formula>,
}

/// How many executions may start in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rate {
    /// The window's length.
    pub per_seconds: u32,
    /// How many.
    pub limit: u32,
}

/// What an execution asks of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The key.
    pub key: String,
    /// How many may run at once, this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How many may start, by the length of the window.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
}

/// What an execution asks before it may run, and how soon its turn comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// By key, each once.
    pub demands: Vec<Demand>,
    /// Those with a higher one come first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// Reads the members of an object one by one.
struct Members<'a> {
    object: &'a Map<String, Value>,
    at: String,
    faults: Vec<FieldFault>,
}

impl<'a> Members<'a> {
    fn of(value: &'a Value, at: String, known: &[&str]) -> Result<Self, Vec<FieldFault>> {
        let Value::Object(object) = value else { return Err(vec![(at, "must be an object".to_owned())]) };
        let unknown = object.keys().filter(|name| !known.contains(&name.as_str()));
        let told =
            |name: &String| (format!("{at}/{name}"), format!("is not known here; known are {}", known.join(", ")));
        let faults = unknown.map(told).collect();
        Ok(Self { object, at, faults })
    }

    fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.faults.push((format!("{}/{name}", self.at), message.into()));
    }

    fn number(&mut self, name: &str, highest: u32) -> u32 {
        let found = self.object.get(name).map(|value| value.as_u64().and_then(|number| u32::try_from(number).ok()));
        match found {
            Some(Some(number)) if (1..=highest).contains(&number) => return number,
            Some(_) => self.fault(name, format!("must be a whole number from 1 to {highest}")),
            None => self.fault(name, format!("is missing: a whole number from 1 to {highest}")),
        }
        1
    }

    fn formula(&mut self, name: &str, language: QueryLanguage) -> Option<Formula> {
        match self.object.get(name)? {
            Value::String(text) => match Formula::parse(text, language) {
                Ok(Formula::Literal(text)) => {
                    if let Err(problem) = check_key(&text) {
                        self.fault(name, problem);
                    }
                    Some(Formula::Literal(text))
                }
                Ok(formula) => Some(formula),
                Err(problem) => {
                    self.fault(name, problem);
                    None
                }
            },
            _ => {
                self.fault(name, "must be a string: a text, or a path or expression over the execution's input");
                None
            }
        }
    }

    fn list(&mut self, name: &str) -> &'a [Value] {
        match self.object.get(name) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.fault(name, "must be an array");
                &[]
            }
        }
    }
}

impl Limits {
    /// Reads `limits`.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn parse(value: &Value, language: QueryLanguage) -> Result<Self, Vec<FieldFault>> {
        let mut fields = Members::of(value, "/limits".to_owned(), &["concurrency", "rate", "priority"])?;
        let mut concurrency = Vec::new();
        let mut rate = Vec::new();
        for (place, value) in fields.list("concurrency").iter().enumerate() {
            match Members::of(value, format!("/limits/concurrency/{place}"), &["key", "limit"]) {
                Ok(mut item) => {
                    concurrency.push((item.formula("key", language), item.number("limit", HIGHEST_LIMIT)));
                    fields.faults.append(&mut item.faults);
                }
                Err(mut faults) => fields.faults.append(&mut faults),
            }
        }
        for (place, value) in fields.list("rate").iter().enumerate() {
            match Members::of(value, format!("/limits/rate/{place}"), &["key", "limit", "per_seconds"]) {
                Ok(mut item) => {
                    let limit = item.number("limit", HIGHEST_LIMIT);
                    let per_seconds = item.number("per_seconds", LONGEST_WINDOW);
                    rate.push((item.formula("key", language), Rate { per_seconds, limit }));
                    fields.faults.append(&mut item.faults);
                }
                Err(mut faults) => fields.faults.append(&mut faults),
            }
        }
        if concurrency.len() + rate.len() > MOST_LIMITS {
            let message = format!("names {} limits; at most {MOST_LIMITS}", concurrency.len() + rate.len());
            fields.faults.push(("/limits".to_owned(), message));
        }
        let priority = match fields.object.get("priority") {
            Some(Value::Number(number)) => {
                if priority_of(&Value::Number(number.clone())).is_none() {
                    fields.fault("priority", priority_rule());
                }
                Some(Formula::Literal(number.to_string()))
            }
            Some(_) => {
                let formula = fields.formula("priority", language);
                if matches!(formula, Some(Formula::Literal(_))) {
                    fields.fault("priority", format!("{}, or a path or expression", priority_rule()));
                }
                formula
            }
            None => None,
        };
        if fields.faults.is_empty() { Ok(Self { concurrency, rate, priority }) } else { Err(fields.faults) }
    }

    /// What an execution asks that is started with `input`. A limit whose key is null is not asked for; one without a key
    /// has the state machine's id for a key.
    ///
    /// # Errors
    /// Keys and priorities that can't be found or used.
    pub fn admission(
        &self,
        execution: &ExecutionContext,
        input: &Value,
        moment: Moment,
    ) -> Result<Admission, Vec<FieldFault>> {
        let context = context_of(execution, input);
        let scope = Scope::new(input, &context).at(moment.now);
        let mut entropy = Entropy::from_u64(moment.seed);
        let mut faults = Vec::new();
        let mut demands: BTreeMap<String, Demand> = BTreeMap::new();
        let mut key_of = |formula: &Option<Formula>, at: String| match formula {
            None => Some(execution.state_machine_id.clone()),
            Some(formula) => formula.text(&at, &scope, &mut entropy).unwrap_or_else(|problem| {
                faults.push((format!("/{at}"), problem));
                None
            }),
        };
        let of_key = |key: &String| Demand { key: key.clone(), concurrency: None, rates: Vec::new() };
        for (place, (key, limit)) in self.concurrency.iter().enumerate() {
            let Some(key) = key_of(key, format!("limits/concurrency/{place}/key")) else { continue };
            let demand = demands.entry(key.clone()).or_insert_with(|| of_key(&key));
            demand.concurrency = Some(demand.concurrency.map_or(*limit, |other| other.min(*limit)));
        }
        for (place, (key, rate)) in self.rate.iter().enumerate() {
            let Some(key) = key_of(key, format!("limits/rate/{place}/key")) else { continue };
            let rates = &mut demands.entry(key.clone()).or_insert_with(|| of_key(&key)).rates;
            match rates.iter_mut().find(|other| other.per_seconds == rate.per_seconds) {
                Some(other) => other.limit = other.limit.min(rate.limit),
                None => rates.push(*rate),
            }
        }
        let mut priority = 0;
        if let Some(formula) = &self.priority {
            match formula.evaluate("limits/priority", &scope, &mut entropy) {
                Ok(value) => match priority_of(&value) {
                    Some(found) => priority = found,
                    None => {
                        faults.push(("/limits/priority".to_owned(), format!("gives {value}; it {}", priority_rule())))
                    }
                },
                Err(problem) => faults.push(("/limits/priority".to_owned(), problem)),
            }
        }
        if faults.is_empty() {
            Ok(Admission { demands: demands.into_values().collect(), priority })
        } else {
            Err(faults)
        }
    }
}

fn priority_rule() -> String {
    format!("must be a whole number from -{HIGHEST_PRIORITY} to {HIGHEST_PRIORITY}")
}

/// A priority, written as a number or as the text of one.
fn priority_of(value: &Value) -> Option<i32> {
    let number = match value {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|float| float.fract() == 0.0).map(|float| float as i64))
        }
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.and_then(|number| i32::try_from(number).ok()).filter(|number| number.abs() <= HIGHEST_PRIORITY)
}

/// `attributes`: what executions can be found by, where the start does not say otherwise.
#[derive(Debug, Default)]
pub struct AttributeFields(BTreeMap<String, Formula>);

impl AttributeFields {
    /// Reads `attributes`. Names are checked by whoever keeps the attributes.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub(crate) fn parse(value: &Value, language: QueryLanguage) -> Result<Self, Vec<FieldFault>> {
        let Value::Object(object) = value else {
            return Err(vec![("/attributes".to_owned(), "must be an object".to_owned())]);
        };
        let names: Vec<&str> = object.keys().map(String::as_str).collect();
        let mut fields = Members::of(value, "/attributes".to_owned(), &names)?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let mut all = BTreeMap::new();
        for name in names {
            if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
                fields.fault(name, "the name must be 1 to 64 letters, digits, '_', '-' or '.'");
            }
            if let Some(formula) = fields.formula(name, language) {
                all.insert(name.to_owned(), formula);
            }
        }
        if all.len() > MOST_ATTRIBUTES {
            let message = format!("names {} attributes; at most {MOST_ATTRIBUTES}", all.len());
            fields.faults.push(("/attributes".to_owned(), message));
        }
        if fields.faults.is_empty() { Ok(Self(all)) } else { Err(fields.faults) }
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attributes of an execution that is started with `input`, without those that are null.
    ///
    /// # Errors
    /// Attributes that can't be found or used.
    pub fn evaluate(
        &self,
        execution: &ExecutionContext,
        input: &Value,
        moment: Moment,
    ) -> Result<BTreeMap<String, String>, Vec<FieldFault>> {
        let context = context_of(execution, input);
        let scope = Scope::new(input, &context).at(moment.now);
        let mut entropy = Entropy::from_u64(moment.seed);
        let (mut all, mut faults) = (BTreeMap::new(), Vec::new());
        for (name, formula) in &self.0 {
            match formula.text(&format!("attributes/{name}"), &scope, &mut entropy) {
                Ok(Some(text)) => {
                    all.insert(name.clone(), text);
                }
                Ok(None) => {}
                Err(problem) => faults.push((format!("/attributes/{name}"), problem)),
            }
        }
        if faults.is_empty() { Ok(all) } else { Err(faults) }
    }
}

/// What `$$` and `$states.context` are before there is a state.
fn context_of(execution: &ExecutionContext, input: &Value) -> Value {
    json!({
        "Execution": {
            "Id": execution.id,
            "Input": input,
            "Name": execution.name,
            "RoleArn": execution.role_arn,
            "StartTime": execution.start_time.to_string(),
        },
        "StateMachine": { "Id": execution.state_machine_id, "Name": execution.state_machine_name },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PayloadLimit, Timestamp};

    fn context() -> ExecutionContext {
        ExecutionContext {
            id: "arn:e".to_owned(),
            name: "e".to_owned(),
            start_time: Timestamp::default(),
            role_arn: String::new(),
            input: None,
            state_machine_id: "arn:m".to_owned(),
            state_machine_name: "m".to_owned(),
            deadline: None,
            key: String::new(),
            payload_limit: PayloadLimit::None,
            redrive_count: Some(0),
        }
    }

    fn admission(limits: Value, language: QueryLanguage, input: Value) -> Result<Admission, Vec<FieldFault>> {
        let moment = Moment { now: Timestamp::default(), seed: 1 };
        Limits::parse(&limits, language)?.admission(&context(), &input, moment)
    }

    #[test]
    fn demands_follow_from_the_input() {
        let limits = json!({
            "concurrency": [{ "limit": 3 }, { "key": "$.customer", "limit": 5 }, { "key": "7", "limit": 2 }],
            "rate": [
                { "key": "States.Format('c-{}', $.customer)", "limit": 10, "per_seconds": 60 },
                { "key": "$.nothing", "limit": 1, "per_seconds": 1 },
            ],
            "priority": "$.urgency",
        });
        let input = json!({ "customer": 7, "urgency": -3, "nothing": null });
        let found = admission(limits, QueryLanguage::JsonPath, input).unwrap();
        let of =
            |key: &str, concurrency, rates: &[Rate]| Demand { key: key.to_owned(), concurrency, rates: rates.to_vec() };
        let rate = Rate { per_seconds: 60, limit: 10 };
        assert_eq!(found.demands, [of("7", Some(2), &[]), of("arn:m", Some(3), &[]), of("c-7", None, &[rate])]);
        assert_eq!(found.priority, -3);
        let limits = json!({
            "concurrency": [{ "key": "{% 'c-' & $states.input.customer %}", "limit": 5 }],
            "priority": "{% $states.input.urgency * 10 %}",
        });
        let found = admission(limits, QueryLanguage::Jsonata, json!({ "customer": "x", "urgency": 4 })).unwrap();
        assert_eq!((found.demands, found.priority), (vec![of("c-x", Some(5), &[])], 40));
    }

    #[test]
    fn faults_name_their_places() {
        let places = |limits: Value| -> Vec<String> {
            let refused = admission(limits, QueryLanguage::JsonPath, json!({ "list": [] })).unwrap_err();
            refused.into_iter().map(|(place, _)| place).collect()
        };
        assert_eq!(places(json!([])), ["/limits"]);
        assert_eq!(places(json!({ "concurency": [] })), ["/limits/concurency"]);
        assert_eq!(places(json!({ "concurrency": [{}] })), ["/limits/concurrency/0/limit"]);
        assert_eq!(places(json!({ "concurrency": [{ "limit": 0 }] })), ["/limits/concurrency/0/limit"]);
        assert_eq!(places(json!({ "concurrency": [{ "limit": 1_000_001 }] })), ["/limits/concurrency/0/limit"]);
        assert_eq!(
            places(json!({ "rate": [{ "limit": 1, "key": "" }] })),
            ["/limits/rate/0/per_seconds", "/limits/rate/0/key"]
        );
        assert_eq!(
            places(json!({ "rate": [{ "limit": 1, "per_seconds": 1, "key": "$x.y" }] })),
            ["/limits/rate/0/key"]
        );
        assert_eq!(places(json!({ "priority": "high" })), ["/limits/priority"]);
        assert_eq!(places(json!({ "priority": 1001 })), ["/limits/priority"]);
        assert_eq!(places(json!({ "concurrency": vec![json!({ "limit": 1 }); 11] })), ["/limits"]);
        for key in ["$.list", "$.absent"] {
            assert_eq!(places(json!({ "concurrency": [{ "key": key, "limit": 1 }] })), ["/limits/concurrency/0/key"]);
        }
    }

    #[test]
    fn attributes_follow_from_the_input() {
        let fields = json!({ "customer": "$.customer.id", "kind": "order", "note": "$.note" });
        let fields = AttributeFields::parse(&fields, QueryLanguage::JsonPath).unwrap();
        let moment = Moment { now: Timestamp::default(), seed: 1 };
        let found = fields.evaluate(&context(), &json!({ "customer": { "id": 7 }, "note": null }), moment).unwrap();
        assert_eq!(
            found,
            BTreeMap::from([("customer".to_owned(), "7".to_owned()), ("kind".to_owned(), "order".to_owned())])
        );
        let refused = fields.evaluate(&context(), &json!({ "note": "x" }), moment).unwrap_err();
        assert_eq!(refused.first().map(|(place, _)| place.as_str()), Some("/attributes/customer"));
        assert!(AttributeFields::parse(&json!({ "a b": "x" }), QueryLanguage::JsonPath).is_err());
    }
}
