//! Arguments and results of Task states against what services send: spelling of members, moments, metadata.

use jiff::Timestamp;
use millrace_client::{Answer, request_id};
use serde_json::{Map, Value, json};

use crate::service::{Json, Spelling};

/// Members whose keys are the user's own, so that they are never respelt.
const MAPS: [&str; 8] = [
    "dockerLabels",
    "driverOpts",
    "labels",
    "options",
    "stageVariables",
    "fields",
    "expressionAttributeNames",
    "variables",
];

fn with_first(text: &str, change: fn(&char) -> char) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| change(&first).to_string() + letters.as_str()).unwrap_or_default()
}

fn respell(value: Value, change: fn(&char) -> char) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let own = MAPS.iter().any(|map| map.eq_ignore_ascii_case(&name));
                (with_first(&name, change), if own { value } else { respell(value, change) })
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| respell(item, change)).collect(),
        other => other,
    }
}

/// A Task state's arguments as the service spells them.
pub(crate) fn to_wire(arguments: Value, json: Json) -> Value {
    match json.spelling {
        Spelling::Pascal => arguments,
        Spelling::Camel => respell(arguments, char::to_ascii_lowercase),
    }
}

/// How a result tells moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moments {
    /// Milliseconds since 1970, as optimized integrations do.
    Millis,
    /// RFC 3339, as `aws-sdk` integrations do.
    Text,
}

/// Is a member of that name a moment? A service without its model can only be read by names; what is counted, like
/// `ExecutionTime`, is too small a number for a moment of this century.
fn is_moment(name: &str, seconds: f64) -> bool {
    let named = ["Date", "Time", "Timestamp", "At"].iter().any(|end| name.ends_with(end));
    named && (9.0e8..1.0e11).contains(&seconds)
}

/// RFC 3339, with milliseconds where there are some.
pub(crate) fn moment_text(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(moment) if millis % 1_000 == 0 => moment.to_string(),
        Ok(moment) => format!("{moment:.3}"),
        Err(_) => millis.to_string(),
    }
}

fn with_moments(value: Value, moments: Moments) -> Value {
    let tell = |seconds: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "below 1e14")]
        let millis = (seconds * 1000.0).round() as i64;
        match moments {
            Moments::Millis => json!(millis),
            Moments::Text => json!(moment_text(millis)),
        }
    };
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let value = match value.as_f64().filter(|seconds| value.is_number() && is_moment(&name, *seconds)) {
                    Some(seconds) => tell(seconds),
                    None => with_moments(value, moments),
                };
                (name, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| with_moments(item, moments)).collect(),
        other => other,
    }
}

/// What a service answered, as a Task state's result.
pub(crate) fn from_wire(result: Value, json: Json, moments: Moments) -> Value {
    let spelt = match json.spelling {
        Spelling::Pascal => result,
        Spelling::Camel => respell(result, char::to_ascii_uppercase),
    };
    with_moments(spelt, moments)
}

/// A member that the service wants as text may be given as any JSON.
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Makes a member text, where it is there and is none; `null` counts as absent.
pub(crate) fn make_text(arguments: &mut Value, name: &str) {
    let Some(members) = arguments.as_object_mut() else { return };
    match members.get_mut(name) {
        Some(Value::Null) => {
            members.shift_remove(name);
        }
        Some(value) => *value = Value::String(text_of(value)),
        None => {}
    }
}

/// A header's name as services write it; the client knows it in small letters only.
fn header_name(name: &str, connection: &str) -> String {
    const KNOWN: [&str; 12] = [
        "Content-Length",
        "Content-Type",
        "Date",
        "Server",
        "Transfer-Encoding",
        "X-Amz-Executed-Version",
        "X-Amz-Function-Error",
        "X-Amz-Log-Result",
        "X-Amzn-Trace-Id",
        "x-amzn-ErrorType",
        "x-amzn-Remapped-Content-Length",
        "x-amzn-RequestId",
    ];
    if name == "connection" {
        return connection.to_owned();
    }
    KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).map_or_else(|| name.to_owned(), |known| (*known).into())
}

/// An optimized integration's result: with the metadata of the exchange, members by name. `connection` is how the service
/// writes that header.
pub(crate) fn with_metadata(result: Map<String, Value>, answer: &Answer, connection: &str) -> Value {
    let mut all = Map::new();
    let mut first = Map::new();
    for (name, value) in &answer.response.headers {
        let (name, value) = (header_name(name.as_str(), connection), String::from_utf8_lossy(value.as_bytes()));
        first.entry(name.clone()).or_insert_with(|| json!(value));
        if let Some(values) = all.entry(name).or_insert_with(|| json!([])).as_array_mut() {
            values.push(json!(value));
        }
    }
    all.sort_keys();
    first.sort_keys();
    let mut result = result;
    result.insert(
        "SdkHttpMetadata".to_owned(),
        json!({ "AllHttpHeaders": all, "HttpHeaders": first, "HttpStatusCode": answer.response.status }),
    );
    result.insert("SdkResponseMetadata".to_owned(), json!({ "RequestId": request_id(&answer.response) }));
    result.sort_keys();
    Value::Object(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{DYNAMODB, SFN};

    #[test]
    fn members_are_respelt_for_services_that_begin_them_small() {
        let sfn = SFN.json.unwrap();
        let arguments = json!({ "StateMachineArn": "a", "Tags": [{ "Key": "K", "Value": "V" }] });
        let wire = json!({ "stateMachineArn": "a", "tags": [{ "key": "K", "value": "V" }] });
        assert_eq!(to_wire(arguments.clone(), sfn), wire);
        assert_eq!(from_wire(wire, sfn, Moments::Text), arguments);
        let item = json!({ "Item": { "id": { "S": "x" }, "created_at": { "N": "1" } } });
        assert_eq!(to_wire(item.clone(), DYNAMODB.json.unwrap()), item);
    }

    #[test]
    fn moments_are_told_by_their_names() {
        let sfn = SFN.json.unwrap();
        let wire = json!({ "startDate": 1_700_000_000.5, "executionTime": 12, "name": 1_700_000_000 });
        assert_eq!(
            from_wire(wire.clone(), sfn, Moments::Text),
            json!({ "StartDate": "2023-11-14T22:13:20.500Z", "ExecutionTime": 12, "Name": 1_700_000_000 })
        );
        assert_eq!(from_wire(wire, sfn, Moments::Millis)["StartDate"], json!(1_700_000_000_500_i64));
    }

    #[test]
    fn any_json_can_be_text() {
        let mut arguments = json!({ "Input": { "a": 1 }, "Name": null, "Text": "t" });
        for name in ["Input", "Name", "Text", "Absent"] {
            make_text(&mut arguments, name);
        }
        assert_eq!(arguments, json!({ "Input": "{\"a\":1}", "Text": "t" }));
    }
}
