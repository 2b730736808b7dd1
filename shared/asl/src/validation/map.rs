//! Map states, inline and distributed.

use serde_json::Value;

use crate::query::QueryLanguage;

use super::WorkflowType;
use super::machine::{Checker, Part};
use super::report::At;
use super::scalars::Fields;

/// The most characters of a label.
const LONGEST_LABEL: usize = 40;
/// Characters that a label may not have.
const NOT_IN_LABELS: &str = "?*<>{}[]:;,\\|^~$#%&`\"/";

impl Checker {
    pub(super) fn map(&mut self, _name: &str, state: &Fields, language: QueryLanguage, at: &At) {
        self.exclusive(state, &["ItemProcessor", "Iterator"], at);
        if !state.contains_key("Iterator") {
            self.require(state, &["ItemProcessor"], at);
        }
        self.exclusive(state, &["ItemSelector", "Parameters"], at);
        let mut distributed = false;
        for field in ["ItemProcessor", "Iterator"] {
            let here = at.field(field);
            let Some(processor) = state.get(field).and_then(|processor| self.object(processor, &here)) else {
                continue;
            };
            distributed |= self.processor(processor, &here);
        }
        self.items(state, language, at);
        self.template(state, "ItemSelector", language, at);
        for (field, most) in [("MaxConcurrency", i64::MAX), ("ToleratedFailureCount", i64::MAX)] {
            self.integer(state, field, (0, most), language, at);
        }
        self.number(state, "ToleratedFailurePercentage", (0.0, 100.0), language, at);
        for (field, path) in [
            ("MaxConcurrency", "MaxConcurrencyPath"),
            ("ToleratedFailureCount", "ToleratedFailureCountPath"),
            ("ToleratedFailurePercentage", "ToleratedFailurePercentagePath"),
        ] {
            self.exclusive(state, &[field, path], at);
            self.path(state, path, at);
        }
        if distributed {
            self.label(state, at);
            self.reader(state, language, at);
            self.batcher(state, language, at);
            self.writer(state, language, at);
        } else {
            for field in ["Label", "ItemReader", "ItemBatcher", "ResultWriter"] {
                if state.contains_key(field) {
                    let message = format!("Field '{field}' is only supported for a Map state in DISTRIBUTED mode");
                    self.report.schema(at, message);
                }
            }
        }
    }

    /// The item processor; whether it is distributed.
    fn processor(&mut self, processor: &Fields, at: &At) -> bool {
        let (mut distributed, mut express) = (false, self.express);
        let here = at.field("ProcessorConfig");
        if let Some(config) = processor.get("ProcessorConfig").and_then(|config| self.object(config, &here)) {
            self.only(config, &["Mode", "ExecutionType"], &here);
            distributed = self.choice_of(config, "Mode", &["INLINE", "DISTRIBUTED"], &here) == Some("DISTRIBUTED");
            let kind = self.choice_of(config, "ExecutionType", &["STANDARD", "EXPRESS"], &here);
            if distributed {
                self.require(config, &["ExecutionType"], &here);
                express = kind == Some("EXPRESS");
                if self.workflow_type == WorkflowType::Express {
                    let message = "Express state machine does not support Map state in DISTRIBUTED mode";
                    self.report.schema(&here.field("Mode"), message);
                }
            } else if kind.is_some() {
                self.unsupported("ExecutionType", &here);
            }
        }
        let outer = std::mem::replace(&mut self.express, express);
        self.machine(processor, Part::ItemProcessor, at);
        self.express = outer;
        distributed
    }

    fn items(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        self.path(state, "ItemsPath", at);
        if let Some(items) = state.get("Items")
            && !self.is_expression(items, language, &at.field("Items"))
        {
            if items.is_array() || items.is_object() {
                self.template(state, "Items", language, at);
            } else {
                self.report.schema(&at.field("Items"), "Value must be an array, an object or a JSONata expression");
            }
        }
    }

    fn label(&mut self, state: &Fields, at: &At) {
        let Some(label) = self.string_field(state, "Label", at) else { return };
        let here = at.field("Label");
        if label.is_empty() {
            self.report.error("INVALID_LABEL_NAME", &here, "Label cannot be empty");
        }
        if label.chars().count() > LONGEST_LABEL {
            let message = format!("Label exceeds the maximum length of {LONGEST_LABEL} characters");
            self.report.error("INVALID_LABEL_NAME", &here, message);
        }
        let refused = |c: char| c.is_whitespace() || c.is_control() || NOT_IN_LABELS.contains(c);
        if let Some(character) = label.chars().find(|c| refused(*c)) {
            let message = format!("Label contains invalid character: '{}'", character.escape_default());
            self.report.error("INVALID_LABEL_NAME", &here, message);
        }
        if !self.labels.insert(label.to_owned()) {
            self.report.error("DUPLICATE_LABEL_NAME", &here, format!("Duplicate label name: {label}"));
        }
    }

    /// `Parameters` in JSONPath, `Arguments` in JSONata; the other is refused.
    fn call(&mut self, object: &Fields, language: QueryLanguage, at: &At) {
        let (ours, theirs, other) = match language {
            QueryLanguage::JsonPath => ("Parameters", "Arguments", QueryLanguage::Jsonata),
            QueryLanguage::Jsonata => ("Arguments", "Parameters", QueryLanguage::JsonPath),
        };
        self.template(object, ours, language, at);
        if object.contains_key(theirs) {
            let message = format!(
                "The QueryLanguage is set to '{}', but field '{theirs}' is only supported for the '{}' QueryLanguage",
                language.name(),
                other.name()
            );
            self.report.schema(at, message);
        }
    }

    fn store(&mut self, object: &Fields, calls: &[&str], at: &At) {
        let Some(resource) = self.string_field(object, "Resource", at) else { return };
        let known = resource
            .split_once(":states:::")
            .is_some_and(|(partition, call)| partition.starts_with("arn:aws") && calls.contains(&call));
        if !known {
            let message = format!(
                "The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the resource \
                 is not available in this region."
            );
            self.report.schema(&at.field("Resource"), message);
        }
    }

    fn reader(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        let here = at.field("ItemReader");
        let Some(reader) = state.get("ItemReader").and_then(|reader| self.object(reader, &here)) else { return };
        self.only(reader, &["Resource", "ReaderConfig", "Parameters", "Arguments"], &here);
        self.require(reader, &["Resource"], &here);
        self.store(reader, &["s3:getObject", "s3:listObjectsV2"], &here);
        self.call(reader, language, &here);
        let place = here.field("ReaderConfig");
        let Some(config) = reader.get("ReaderConfig").and_then(|config| self.object(config, &place)) else { return };
        self.only(
            config,
            &[
                "InputType",
                "CSVHeaderLocation",
                "CSVHeaders",
                "CSVDelimiter",
                "MaxItems",
                "MaxItemsPath",
                "ManifestType",
                "ItemsPointer",
                "Transformation",
            ],
            &place,
        );
        self.choice_of(config, "InputType", &["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"], &place);
        self.choice_of(config, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"], &place);
        self.choice_of(config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"], &place);
        self.choice_of(config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"], &place);
        let header = self.choice_of(config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"], &place);
        if header == Some("GIVEN") {
            self.require(config, &["CSVHeaders"], &place);
        }
        let headers = place.field("CSVHeaders");
        if let Some(names) = config.get("CSVHeaders").and_then(|names| self.array(names, &headers)) {
            for (index, name) in names.iter().enumerate() {
                self.string(name, &headers.item(index));
            }
        }
        self.string_field(config, "ItemsPointer", &place);
        self.exclusive(config, &["MaxItems", "MaxItemsPath"], &place);
        self.integer(config, "MaxItems", (0, 100_000_000), language, &place);
        self.json_path_only(config, "MaxItemsPath", language, &place);
    }

    fn batcher(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        let here = at.field("ItemBatcher");
        let Some(batcher) = state.get("ItemBatcher").and_then(|batcher| self.object(batcher, &here)) else { return };
        let limits = [
            ("MaxItemsPerBatch", "MaxItemsPerBatchPath", (1, i64::MAX)),
            ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", (1, 262_144)),
        ];
        let mut known = vec!["BatchInput"];
        let mut given = 0;
        for (field, path, range) in limits {
            known.extend([field, path]);
            given += self.exclusive(batcher, &[field, path], &here);
            self.integer(batcher, field, range, language, &here);
            self.json_path_only(batcher, path, language, &here);
        }
        self.only(batcher, &known, &here);
        if given == 0 {
            let message = "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]";
            self.report.schema(&here, message);
        }
        self.template(batcher, "BatchInput", language, &here);
    }

    fn writer(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        let here = at.field("ResultWriter");
        let Some(writer) = state.get("ResultWriter").and_then(|writer| self.object(writer, &here)) else { return };
        self.only(writer, &["Resource", "Parameters", "Arguments", "WriterConfig"], &here);
        if !writer.contains_key("WriterConfig") {
            self.require(writer, &["Resource"], &here);
        }
        self.store(writer, &["s3:putObject"], &here);
        self.call(writer, language, &here);
        let place = here.field("WriterConfig");
        if let Some(config) = writer.get("WriterConfig").and_then(|config| self.object(config, &place)) {
            self.only(config, &["Transformation", "OutputType"], &place);
            self.choice_of(config, "Transformation", &["NONE", "COMPACT", "FLATTEN"], &place);
            self.choice_of(config, "OutputType", &["JSON", "JSONL"], &place);
        }
    }

    /// A path field inside a configuration, which only JSONPath has.
    fn json_path_only(&mut self, object: &Fields, field: &str, language: QueryLanguage, at: &At) {
        if language == QueryLanguage::JsonPath {
            self.path(object, field, at);
        } else if object.get(field).is_some_and(|value: &Value| !value.is_null()) {
            let message = format!(
                "The QueryLanguage is set to 'JSONata', but field '{field}' is only supported for the 'JSONPath' QueryLanguage"
            );
            self.report.schema(at, message);
        }
    }
}
