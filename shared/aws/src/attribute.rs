//! Attributes as DynamoDB's JSON has them: an object whose one member names the type.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An item, or a part of one.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The types that the table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttributeValue {
    /// Text.
    S(String),
    /// A number, exactly.
    N(String),
    /// Bytes.
    B(Vec<u8>),
    /// A set of numbers.
    Ns(Vec<String>),
    /// Of a type that is never written here.
    Foreign,
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::S(text) => map.serialize_entry("S", text)?,
            Self::N(number) => map.serialize_entry("N", number)?,
            Self::B(bytes) => map.serialize_entry("B", &STANDARD.encode(bytes))?,
            Self::Ns(numbers) => map.serialize_entry("NS", numbers)?,
            Self::Foreign => return Err(serde::ser::Error::custom("an attribute of a foreign type can't be written")),
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "UPPERCASE")]
        struct Typed {
            s: Option<String>,
            n: Option<String>,
            b: Option<String>,
            ns: Option<Vec<String>>,
        }
        let bytes = |encoded: String| STANDARD.decode(encoded).map_err(serde::de::Error::custom);
        Ok(match Typed::deserialize(deserializer)? {
            Typed { s: Some(text), .. } => Self::S(text),
            Typed { n: Some(number), .. } => Self::N(number),
            Typed { b: Some(encoded), .. } => Self::B(bytes(encoded)?),
            Typed { ns: Some(numbers), .. } => Self::Ns(numbers),
            _ => Self::Foreign,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_come_back_and_foreign_ones_do_no_harm() {
        let item = Item::from([
            ("text".into(), AttributeValue::S("é\u{0}\"".into())),
            ("number".into(), AttributeValue::N("-0.5".into())),
            ("bytes".into(), AttributeValue::B(vec![0, 255, 1])),
            ("set".into(), AttributeValue::Ns(vec!["1".into(), "2".into()])),
        ]);
        let wire = serde_json::to_value(&item).unwrap();
        assert_eq!(wire["bytes"], json!({ "B": "AP8B" }));
        assert_eq!(wire["set"], json!({ "NS": ["1", "2"] }));
        assert_eq!(serde_json::from_value::<Item>(wire).unwrap(), item);
        let foreign: Item = serde_json::from_value(json!({ "flag": { "BOOL": true }, "map": { "M": {} } })).unwrap();
        assert_eq!((&foreign["flag"], &foreign["map"]), (&AttributeValue::Foreign, &AttributeValue::Foreign));
        assert!(serde_json::from_value::<Item>(json!({ "b": { "B": "%" } })).is_err());
        assert!(serde_json::to_string(&foreign).is_err());
    }
}
