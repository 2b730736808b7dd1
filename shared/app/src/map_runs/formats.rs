//! Text in the formats that items come in, taken in parts of any length.

use serde_json::{Map, Value};

/// Reads separated values: records of fields. A field may stand in quotation marks, with each mark in it doubled.
#[derive(Debug)]
pub(super) struct Separated {
    delimiter: u8,
    field: Vec<u8>,
    record: Vec<Vec<u8>>,
    place: Place,
    /// Has the record that is being read anything in it?
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Plain,
    Quoted,
    /// After a mark in a quoted field: another makes one, anything else ends the quotation.
    Mark,
}

impl Separated {
    pub(super) const fn new(delimiter: u8) -> Self {
        Self { delimiter, field: Vec::new(), record: Vec::new(), place: Place::FieldStart, begun: false }
    }

    /// Takes more text, answers the records that are complete with it.
    pub(super) fn take(&mut self, text: &[u8]) -> Result<Vec<Vec<String>>, NotText> {
        let mut records = Vec::new();
        for byte in text.iter().copied() {
            match (self.place, byte) {
                (Place::FieldStart, b'"') => (self.place, self.begun) = (Place::Quoted, true),
                (Place::Quoted, b'"') => self.place = Place::Mark,
                (Place::Mark, b'"') => {
                    self.field.push(byte);
                    self.place = Place::Quoted;
                }
                (Place::Quoted, _) => self.field.push(byte),
                (_, b'\r') => {}
                (_, b'\n') => records.extend(self.end()?),
                (_, byte) if byte == self.delimiter => {
                    self.record.push(std::mem::take(&mut self.field));
                    (self.place, self.begun) = (Place::FieldStart, true);
                }
                (_, byte) => {
                    self.field.push(byte);
                    (self.place, self.begun) = (Place::Plain, true);
                }
            }
        }
        Ok(records)
    }

    /// The end of a record; `None` for an empty line.
    pub(super) fn end(&mut self) -> Result<Option<Vec<String>>, NotText> {
        self.place = Place::FieldStart;
        if !std::mem::take(&mut self.begun) {
            return Ok(None);
        }
        self.record.push(std::mem::take(&mut self.field));
        let record = std::mem::take(&mut self.record);
        record
            .into_iter()
            .map(|field| String::from_utf8(field).map_err(|_| NotText))
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// Bytes that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The data is not UTF-8 text.")]
pub(super) struct NotText;

/// A record as an item: its fields by header. What lacks is empty, what is too much is left out.
pub(super) fn item(headers: &[String], record: Vec<String>) -> Value {
    let fields = record.into_iter().map(Value::String).chain(std::iter::repeat_with(|| Value::String(String::new())));
    Value::Object(headers.iter().cloned().zip(fields).collect::<Map<String, Value>>())
}

/// Does some header come twice?
pub(super) fn has_duplicates(headers: &[String]) -> bool {
    headers.iter().enumerate().any(|(place, header)| headers.iter().take(place).any(|other| other == header))
}

/// Reads lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes more text, answers the lines that are complete with it.
    pub(super) fn take(&mut self, text: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                lines.push(std::mem::take(&mut self.rest));
            }
        }
        lines
    }

    /// What follows the last end of a line.
    pub(super) fn end(self) -> Vec<u8> {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn separated(text: &str, part: usize) -> Vec<Vec<String>> {
        let mut reader = Separated::new(b',');
        let mut records = Vec::new();
        for part in text.as_bytes().chunks(part) {
            records.extend(reader.take(part).unwrap());
        }
        records.extend(reader.end().unwrap());
        records
    }

    #[test]
    fn records_do_not_depend_on_where_the_text_is_cut() {
        let text = "a,b,c\r\n1,\"two, \"\"and\"\" a\nhalf\",3\n\n,,,\n   \nlast,é";
        let whole = separated(text, usize::MAX);
        assert_eq!(whole.len(), 5);
        assert_eq!(whole[1], ["1", "two, \"and\" a\nhalf", "3"]);
        assert_eq!(whole[2], ["", "", "", ""]);
        assert_eq!(whole[3], ["   "]);
        assert_eq!(whole[4], ["last", "é"]);
        for part in 1..text.len() {
            assert_eq!(separated(text, part), whole, "{part}");
        }
    }

    #[test]
    fn a_record_fills_its_headers() {
        let headers = ["x".to_owned(), "y".to_owned()];
        assert_eq!(item(&headers, vec!["1".into()]), json!({ "x": "1", "y": "" }));
        assert_eq!(item(&headers, vec!["1".into(), "2".into(), "3".into()]), json!({ "x": "1", "y": "2" }));
        assert!(!has_duplicates(&headers));
        assert!(has_duplicates(&["x".to_owned(), "x".to_owned()]));
    }

    #[test]
    fn lines_do_not_depend_on_where_the_text_is_cut() {
        let text = b"one\ntwo\n\nthree";
        for part in 1..=text.len() {
            let mut reader = Lines::default();
            let mut lines: Vec<Vec<u8>> = text.chunks(part).flat_map(|part| reader.take(part)).collect();
            lines.push(reader.end());
            assert_eq!(lines, [&b"one\n"[..], b"two\n", b"\n", b"three"], "{part}");
        }
    }

    #[test]
    fn what_is_no_text_is_said_to_be_none() {
        assert_eq!(Separated::new(b',').take(b"\xff\xfe\n"), Err(NotText));
    }
}
