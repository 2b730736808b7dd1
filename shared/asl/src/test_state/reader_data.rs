//! `mapItemReaderData`: the items in what an item reader is said to have read.

use serde_json::{Map, Value, json};

use crate::validation::parse_json;

use super::TestStateError;

/// Items, and whether they are the fields of an object.
pub(super) type Read = (Vec<Value>, bool);

fn refuse<T>(message: impl std::fmt::Display) -> Result<T, TestStateError> {
    Err(TestStateError::Validation(format!("Invalid mapItemReaderData provided: {message}")))
}

/// Reads data as `ReaderConfig` says.
pub(super) fn read(data: &str, config: &Value) -> Result<Read, TestStateError> {
    let (mut items, keyed) = match config.get("InputType").and_then(Value::as_str).unwrap_or("JSON") {
        "JSON" => json(data, config.get("ItemsPointer").and_then(Value::as_str))?,
        "JSONL" => (lines(data)?, false),
        "CSV" => (csv(data, config)?, false),
        other => return refuse(format!("items of the type '{other}' can't be given; give JSON, JSONL or CSV")),
    };
    if let Some(most) = config.get("MaxItems").and_then(Value::as_u64).filter(|most| *most > 0) {
        items.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    }
    Ok((items, keyed))
}

fn json(data: &str, pointer: Option<&str>) -> Result<Read, TestStateError> {
    let value = parse_json(data).or_else(refuse)?;
    let found = match pointer {
        Some(pointer) => value.pointer(pointer).cloned(),
        None => Some(value),
    };
    match found {
        Some(Value::Array(items)) => Ok((items, false)),
        Some(Value::Object(fields)) => {
            Ok((fields.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect(), true))
        }
        Some(_) => refuse("the items must be an array or an object"),
        None => refuse("the ItemsPointer leads nowhere"),
    }
}

fn lines(data: &str) -> Result<Vec<Value>, TestStateError> {
    data.lines().filter(|line| !line.trim().is_empty()).map(|line| parse_json(line).or_else(refuse)).collect()
}

fn csv(data: &str, config: &Value) -> Result<Vec<Value>, TestStateError> {
    let delimiter = match config.get("CSVDelimiter").and_then(Value::as_str).unwrap_or("COMMA") {
        "PIPE" => '|',
        "SEMICOLON" => ';',
        "SPACE" => ' ',
        "TAB" => '\t',
        _ => ',',
    };
    let mut records = records(data, delimiter).into_iter();
    let headers: Vec<String> = match config.get("CSVHeaders").and_then(Value::as_array) {
        Some(given) => given.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        None => records.next().unwrap_or_default(),
    };
    let item = |record: Vec<String>| {
        let named = headers.iter().cloned().zip(record.into_iter().map(Value::String));
        Value::Object(named.collect::<Map<String, Value>>())
    };
    Ok(records.map(item).collect())
}

/// The records of a CSV text (RFC 4180); empty lines are none.
fn records(data: &str, delimiter: char) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut began) = (false, false);
    let mut characters = data.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => (quoted, began) = (true, true),
            c if quoted => field.push(c),
            '\r' => {}
            '\n' => {
                if began || !field.is_empty() {
                    record.push(std::mem::take(&mut field));
                    records.push(std::mem::take(&mut record));
                }
                began = false;
            }
            c if c == delimiter => {
                record.push(std::mem::take(&mut field));
                began = true;
            }
            c => {
                field.push(c);
                began = true;
            }
        }
    }
    if began || !field.is_empty() {
        record.push(field);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_every_type() {
        assert_eq!(read("[1,2,3]", &json!({ "MaxItems": 2 })), Ok((vec![json!(1), json!(2)], false)));
        assert_eq!(read(r#"{"a":1}"#, &Value::Null), Ok((vec![json!({ "Key": "a", "Value": 1 })], true)));
        assert_eq!(read(r#"{"x":{"y":[7]}}"#, &json!({ "ItemsPointer": "/x/y" })), Ok((vec![json!(7)], false)));
        assert_eq!(read("1\n\n{}\n", &json!({ "InputType": "JSONL" })), Ok((vec![json!(1), json!({})], false)));
        let csv = json!({ "InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW" });
        let item = json!({ "a": "x,\n\"y\"", "b": "" });
        assert_eq!(read("a,b\r\n\"x,\n\"\"y\"\"\",\r\n\r\n", &csv), Ok((vec![item], false)));
        let given = json!({ "InputType": "CSV", "CSVHeaders": ["n"], "CSVDelimiter": "TAB" });
        assert_eq!(read("1\t2\n3", &given), Ok((vec![json!({ "n": "1" }), json!({ "n": "3" })], false)));
    }

    #[test]
    fn what_is_no_data() {
        for (data, config) in [
            ("{", json!({})),
            ("1", json!({})),
            ("[]", json!({ "ItemsPointer": "/x" })),
            ("", json!({ "InputType": "PARQUET" })),
        ] {
            let text = read(data, &config).unwrap_err().to_string();
            assert!(text.starts_with("Invalid mapItemReaderData provided: "), "{text}");
        }
    }
}
