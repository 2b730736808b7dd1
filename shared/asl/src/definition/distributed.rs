//! The fields of a Map state that runs its items as executions of their own.

use serde_json::Value;

use crate::query::{Dynamic, Template};

use super::fields::{Diagnostics, Fields, SCHEMA};

/// The most items that Step Functions reads.
pub const MOST_ITEMS: u64 = 100_000_000;

/// `ItemProcessor` with the mode `DISTRIBUTED`, and the fields that go with it.
#[derive(Debug)]
pub struct Distributed {
    /// `ExecutionType` is `EXPRESS`.
    pub express: bool,
    /// `Label`
    pub label: Option<String>,
    /// `ItemReader`
    pub reader: Option<ItemReader>,
    /// `ItemBatcher`
    pub batcher: Option<ItemBatcher>,
    /// `ResultWriter`
    pub writer: Option<ResultWriter>,
    /// `ToleratedFailureCount` or its path.
    pub tolerated_count: Option<Dynamic<f64>>,
    /// `ToleratedFailurePercentage` or its path.
    pub tolerated_percentage: Option<Dynamic<f64>>,
}

/// `ItemReader`
#[derive(Debug)]
pub struct ItemReader {
    /// `Resource` is `arn:aws:states:::s3:listObjectsV2`, not `…getObject`.
    pub lists: bool,
    /// `Parameters` or `Arguments`
    pub arguments: Option<Template>,
    /// `ReaderConfig` but for `MaxItems` and its path.
    pub config: Value,
    /// `MaxItems` or its path; 0 is no limit.
    pub max_items: Option<Dynamic<f64>>,
}

/// `ItemBatcher`
#[derive(Debug)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch` or its path.
    pub max_items: Option<Dynamic<f64>>,
    /// `MaxInputBytesPerBatch` or its path.
    pub max_bytes: Option<Dynamic<f64>>,
    /// `BatchInput`
    pub input: Option<Template>,
}

/// `ResultWriter`
#[derive(Debug)]
pub struct ResultWriter {
    /// Is there a `Resource` to write to?
    pub exports: bool,
    /// `Parameters` or `Arguments`
    pub arguments: Option<Template>,
    /// `WriterConfig`
    pub config: Option<Value>,
}

/// What `ProcessorConfig` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Processor {
    pub(super) distributed: bool,
    pub(super) express: bool,
}

/// Reads `ProcessorConfig`.
pub(super) fn processor(processor: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Processor {
    let (place, language) = (processor.at("ProcessorConfig"), processor.language);
    let Some(value) = processor.take("ProcessorConfig") else { return Processor::default() };
    let Some(mut config) = Fields::new(value, place, language, diagnostics) else { return Processor::default() };
    let mode = one_of(&mut config, "Mode", &["INLINE", "DISTRIBUTED"], diagnostics);
    let kind = one_of(&mut config, "ExecutionType", &["STANDARD", "EXPRESS"], diagnostics);
    config.finish("a 'ProcessorConfig'", diagnostics);
    Processor { distributed: mode == Some("DISTRIBUTED"), express: kind == Some("EXPRESS") }
}

/// Reads the fields of a Map state that only a distributed one has.
pub(super) fn distributed(
    fields: &mut Fields<'_>,
    processor: Processor,
    diagnostics: &mut Diagnostics,
) -> Option<Box<Distributed>> {
    const ONLY: [&str; 8] = [
        "ItemReader",
        "ItemBatcher",
        "ResultWriter",
        "Label",
        "ToleratedFailureCount",
        "ToleratedFailureCountPath",
        "ToleratedFailurePercentage",
        "ToleratedFailurePercentagePath",
    ];
    if !processor.distributed {
        for field in ONLY {
            if !fields.has(field) {
                continue;
            }
            fields.take(field);
            // Step Functions accepts tolerated failures where they mean nothing.
            if field.starts_with("Tolerated") {
                continue;
            }
            let message =
                format!("'{field}' needs an 'ItemProcessor' whose 'ProcessorConfig' has the 'Mode' \"DISTRIBUTED\"");
            diagnostics.error(SCHEMA, &fields.at(field), message);
        }
        return None;
    }
    let label = fields.string("Label", diagnostics).map(ToOwned::to_owned);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let most = MOST_ITEMS as f64;
    Some(Box::new(Distributed {
        express: processor.express,
        label,
        reader: reader(fields, diagnostics),
        batcher: batcher(fields, diagnostics),
        writer: writer(fields, diagnostics),
        tolerated_count: fields.dynamic_whole(
            "ToleratedFailureCount",
            "ToleratedFailureCountPath",
            0.0..=most,
            diagnostics,
        ),
        tolerated_percentage: fields.dynamic_number(
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
            0.0..=100.0,
            diagnostics,
        ),
    }))
}

/// A text that is one of `words`.
fn one_of<'a>(
    fields: &mut Fields<'a>,
    field: &'static str,
    words: &[&str],
    diagnostics: &mut Diagnostics,
) -> Option<&'a str> {
    let word = fields.string(field, diagnostics)?;
    if !words.contains(&word) {
        diagnostics.error(SCHEMA, &fields.at(field), format!("'{field}' must be one of {}", words.join(", ")));
    }
    Some(word)
}

fn arguments(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Template> {
    let field = if fields.has("Arguments") { "Arguments" } else { "Parameters" };
    fields.template(field, diagnostics)
}

fn reader(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<ItemReader> {
    /// What an object may be; a listing need not say.
    const TYPES: [&str; 5] = ["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"];
    let (place, language) = (fields.at("ItemReader"), fields.language);
    let mut reader = Fields::new(fields.take("ItemReader")?, place, language, diagnostics)?;
    let lists = match reader.required_string("Resource", diagnostics) {
        Some("arn:aws:states:::s3:listObjectsV2") => true,
        Some("arn:aws:states:::s3:getObject") | None => false,
        Some(other) => {
            let message = format!(
                "'Resource' is arn:aws:states:::s3:getObject or arn:aws:states:::s3:listObjectsV2, not {other:?}"
            );
            diagnostics.error(SCHEMA, &reader.at("Resource"), message);
            false
        }
    };
    let mut read =
        ItemReader { lists, arguments: arguments(&mut reader, diagnostics), config: Value::Null, max_items: None };
    let place = reader.at("ReaderConfig");
    if let Some(value) = reader.take("ReaderConfig")
        && let Some(mut config) = Fields::new(value, place, language, diagnostics)
    {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let most = MOST_ITEMS as f64;
        let kind = one_of(&mut config, "InputType", &TYPES, diagnostics);
        if kind == Some("PARQUET") {
            let message = "the 'InputType' \"PARQUET\" is not available; store the items as CSV, JSON or JSONL";
            diagnostics.error(SCHEMA, &config.at("InputType"), message);
        }
        one_of(&mut config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"], diagnostics);
        one_of(&mut config, "ManifestType", &["S3_INVENTORY", "ATHENA_DATA"], diagnostics);
        one_of(&mut config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"], diagnostics);
        one_of(&mut config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"], diagnostics);
        config.string("ItemsPointer", diagnostics);
        config.array("CSVHeaders", diagnostics);
        read.max_items = config.dynamic_whole("MaxItems", "MaxItemsPath", 0.0..=most, diagnostics);
        config.finish("a 'ReaderConfig'", diagnostics);
        read.config = value.clone();
    }
    reader.finish("an 'ItemReader'", diagnostics);
    Some(read)
}

fn batcher(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<ItemBatcher> {
    /// The largest input of an execution, in bytes.
    const LARGEST: f64 = 262_144.0;
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let most = MOST_ITEMS as f64;
    let (place, language) = (fields.at("ItemBatcher"), fields.language);
    let mut batcher = Fields::new(fields.take("ItemBatcher")?, place, language, diagnostics)?;
    let read = ItemBatcher {
        max_items: batcher.dynamic_whole("MaxItemsPerBatch", "MaxItemsPerBatchPath", 1.0..=most, diagnostics),
        max_bytes: batcher.dynamic_whole(
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            1.0..=LARGEST,
            diagnostics,
        ),
        input: batcher.template("BatchInput", diagnostics),
    };
    batcher.finish("an 'ItemBatcher'", diagnostics);
    Some(read)
}

fn writer(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<ResultWriter> {
    let (place, language) = (fields.at("ResultWriter"), fields.language);
    let mut writer = Fields::new(fields.take("ResultWriter")?, place, language, diagnostics)?;
    let resource = writer.string("Resource", diagnostics);
    if let Some(other) = resource.filter(|resource| *resource != "arn:aws:states:::s3:putObject") {
        let message = format!("'Resource' is arn:aws:states:::s3:putObject, not {other:?}");
        diagnostics.error(SCHEMA, &writer.at("Resource"), message);
    }
    let arguments = arguments(&mut writer, diagnostics);
    let place = writer.at("WriterConfig");
    let config = writer.take("WriterConfig");
    if let Some(value) = config
        && let Some(mut config) = Fields::new(value, place, language, diagnostics)
    {
        one_of(&mut config, "Transformation", &["NONE", "COMPACT", "FLATTEN"], diagnostics);
        one_of(&mut config, "OutputType", &["JSON", "JSONL"], diagnostics);
        config.finish("a 'WriterConfig'", diagnostics);
    }
    if resource.is_none() && config.is_none() {
        let message = "a 'ResultWriter' needs 'Resource' with 'Parameters' or 'Arguments', 'WriterConfig', or both";
        diagnostics.error(SCHEMA, &writer.pointer, message);
    }
    writer.finish("a 'ResultWriter'", diagnostics);
    Some(ResultWriter { exports: resource.is_some(), arguments, config: config.cloned() })
}
