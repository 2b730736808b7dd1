//! Reading the items of a map run from object storage.

use std::io::Read as _;

use millrace_asl::Failure;
use millrace_asl::map_run::Work;
use serde::Deserialize;
use serde_json::{Value, json};

use super::formats::{self, Lines, Separated};
use super::pages::PageWriter;
use super::write;
use crate::error::Error;
use crate::ports::{Ports, StoreError};
use crate::storage::{ObjectRef, ObjectStorage, StorageError};
use crate::workers::{Task, TaskError, TaskResult};

/// How much of an object is read at once, in bytes.
const PART: u64 = 8 * 1024 * 1024;
/// How large a file of an inventory may be when it is unpacked: 1 GiB.
const LARGEST_FILE: u64 = 1024 * 1024 * 1024;
/// The error of everything that goes wrong here.
const FAILED: &str = "States.ItemReaderFailed";

/// Does the tasks of map runs that need object storage: `millrace:map:read` and `millrace:map:write`.
///
/// # Errors
/// [`TaskError::Failed`] for the workflow, [`TaskError::Unable`] where the same may succeed later.
pub async fn execute<P: Ports, S: ObjectStorage>(ports: &P, storage: &S, task: &Task) -> Result<TaskResult, TaskError> {
    match Work::of(&task.resource) {
        Some(Work::Read) => read(ports, storage, &task.input).await.map(TaskResult::Succeeded),
        Some(Work::Write) => write::write(ports, storage, &task.input).await.map(TaskResult::Succeeded),
        Some(Work::Split | Work::Load) | None => {
            Err(TaskError::failed("Millrace.UnknownResource", format!("'{}' needs no object storage", task.resource)))
        }
    }
}

/// What [`Work::Read`] is given.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    reader: Reader,
    page_size: u64,
}

#[derive(Debug, Deserialize)]
struct Reader {
    lists: bool,
    arguments: Arguments,
    config: Config,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Arguments {
    bucket: Option<String>,
    key: Option<String>,
    version_id: Option<String>,
    prefix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "InputType")]
    input_type: Option<String>,
    #[serde(rename = "Transformation")]
    transformation: Option<String>,
    #[serde(rename = "ManifestType")]
    manifest_type: Option<String>,
    #[serde(rename = "CSVHeaderLocation")]
    header_location: Option<String>,
    #[serde(rename = "CSVHeaders")]
    headers: Option<Vec<String>>,
    #[serde(rename = "CSVDelimiter")]
    delimiter: Option<String>,
    #[serde(rename = "ItemsPointer")]
    items_pointer: Option<String>,
    #[serde(rename = "MaxItems")]
    max_items: Option<u64>,
}

/// A failure of the storage as the workflow or the engine sees it.
pub(super) fn refused(name: &str, problem: StorageError) -> TaskError {
    match problem {
        StorageError::Refused { cause, .. } => TaskError::failed(name, cause),
        StorageError::Unavailable { operation, source } => {
            TaskError::Unable(Error::Store(StoreError::Unavailable { operation, source }))
        }
    }
}

fn failed(cause: impl Into<String>) -> TaskError {
    TaskError::Failed(Failure::new(FAILED, cause))
}

async fn read<P: Ports, S: ObjectStorage>(ports: &P, storage: &S, given: &Value) -> Result<Value, TaskError> {
    let Given { reader, page_size } =
        Given::deserialize(given).map_err(|problem| failed(format!("The ItemReader is not valid: {problem}")))?;
    let Reader { lists, arguments, config } = reader;
    let bucket = arguments.bucket.ok_or_else(|| failed("The ItemReader needs a Bucket."))?;
    let pages = PageWriter::new(ports, usize::try_from(page_size).unwrap_or(usize::MAX));
    let left = config.max_items.filter(|most| *most > 0).unwrap_or(u64::MAX);
    let mut items = Items { storage, pages, left, config, keyed: false };
    if lists {
        items.listing(&bucket, arguments.prefix.as_deref().unwrap_or_default()).await?;
    } else {
        let key = arguments.key.ok_or_else(|| failed("The ItemReader needs a Key."))?;
        let object = ObjectRef { bucket, key, version: arguments.version_id };
        items.object(&object).await?;
    }
    let mut divided = items.pages.finish().await?;
    divided.keyed = items.keyed;
    Ok(json!(divided))
}

/// Takes items from the storage to the pages.
struct Items<'a, P, S> {
    storage: &'a S,
    pages: PageWriter<'a, P>,
    /// How many more may come.
    left: u64,
    config: Config,
    keyed: bool,
}

impl<P: Ports, S: ObjectStorage> Items<'_, P, S> {
    async fn push(&mut self, item: Value, bytes: usize) -> Result<(), TaskError> {
        if self.left > 0 {
            self.left -= 1;
            self.pages.push(item, bytes).await?;
        }
        Ok(())
    }

    async fn listing(&mut self, bucket: &str, prefix: &str) -> Result<(), TaskError> {
        let flatten = self.config.transformation.as_deref() == Some("LOAD_AND_FLATTEN");
        let mut token = None;
        loop {
            let page = self.storage.list(bucket, prefix, token.as_deref()).await;
            let page = page.map_err(|problem| refused(FAILED, problem))?;
            for object in page.objects {
                if self.left == 0 {
                    return Ok(());
                }
                if flatten {
                    self.pages.origin = Some(format!("S3://{bucket}/{}", object.key));
                    let object = ObjectRef { bucket: bucket.to_owned(), key: object.key, version: None };
                    self.data(&object).await?;
                    continue;
                }
                let bytes = 160 + object.key.len();
                let item = json!({
                    "Etag": object.etag,
                    "Key": object.key,
                    "LastModified": object.last_modified.millis().div_euclid(1000),
                    "Size": object.size,
                    "StorageClass": object.storage_class,
                });
                self.push(item, bytes).await?;
            }
            token = page.next;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    async fn object(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        let is_inventory = match self.config.manifest_type.as_deref() {
            Some("ATHENA_DATA") => return self.athena(object).await,
            Some(_) => true,
            None => self.config.input_type.as_deref() == Some("MANIFEST"),
        };
        if is_inventory { self.inventory(object).await } else { self.data(object).await }
    }

    async fn data(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        match self.config.input_type.as_deref() {
            Some("CSV") => self.csv(object).await,
            Some("JSONL") => self.jsonl(object).await,
            Some("JSON") | None => self.json(object).await,
            Some(other) => Err(failed(format!("The InputType {other} can't be read."))),
        }
    }

    async fn whole(&self, object: &ObjectRef) -> Result<Vec<u8>, TaskError> {
        self.storage.get(object, None).await.map_err(|problem| refused(FAILED, problem))
    }

    /// The next part of an object from `at` on; the last one is shorter than [`PART`].
    async fn part(&self, object: &ObjectRef, at: u64) -> Result<Vec<u8>, TaskError> {
        let part = self.storage.get(object, Some(at..at + PART)).await;
        part.map_err(|problem| refused(FAILED, problem))
    }

    async fn json(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        let bytes = self.whole(object).await?;
        let size = bytes.len();
        let mut value: Value = serde_json::from_slice(&bytes)
            .map_err(|problem| failed(format!("The object is not valid JSON: {problem}")))?;
        drop(bytes);
        let pointer = self.config.items_pointer.clone().filter(|pointer| !pointer.is_empty());
        if let Some(pointer) = &pointer {
            value = value.pointer_mut(pointer).map(Value::take).unwrap_or_default();
        }
        match value {
            Value::Array(items) => {
                let each = size / items.len().max(1);
                for item in items {
                    self.push(item, each).await?;
                }
                Ok(())
            }
            Value::Object(fields) if pointer.is_some() => {
                self.keyed = true;
                let each = size / fields.len().max(1);
                for (key, value) in fields {
                    self.push(json!({ "Key": key, "Value": value }), each).await?;
                }
                Ok(())
            }
            _ => Err(failed("Attempting to map over non-iterable node.")),
        }
    }

    async fn jsonl(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        let (mut lines, mut at) = (Lines::default(), 0);
        loop {
            let part = self.part(object, at).await?;
            at += part.len() as u64;
            for line in lines.take(&part) {
                self.line(&line).await?;
            }
            if (part.len() as u64) < PART || self.left == 0 {
                break;
            }
        }
        self.line(&lines.end()).await
    }

    async fn line(&mut self, line: &[u8]) -> Result<(), TaskError> {
        if line.trim_ascii().is_empty() || self.left == 0 {
            return Ok(());
        }
        let item = serde_json::from_slice(line)
            .map_err(|problem| failed(format!("A line of the object is not valid JSON: {problem}")))?;
        self.push(item, line.len()).await
    }

    fn delimiter(&self) -> u8 {
        match self.config.delimiter.as_deref() {
            Some("PIPE") => b'|',
            Some("SEMICOLON") => b';',
            Some("SPACE") => b' ',
            Some("TAB") => b'\t',
            _ => b',',
        }
    }

    async fn csv(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        let given = self.config.header_location.as_deref() == Some("GIVEN");
        let mut headers = self.config.headers.clone().filter(|_| given);
        check_headers(headers.as_deref())?;
        let (mut records, mut at) = (Separated::new(self.delimiter()), 0);
        loop {
            let mut part = self.part(object, at).await?;
            let is_last = (part.len() as u64) < PART;
            if at == 0 && part.starts_with(b"\xef\xbb\xbf") {
                at += 3;
                part.drain(..3);
            }
            at += part.len() as u64;
            let mut complete = records.take(&part).map_err(|problem| failed(problem.to_string()))?;
            if is_last {
                complete.extend(records.end().map_err(|problem| failed(problem.to_string()))?);
            }
            for record in complete {
                match &headers {
                    None => {
                        check_headers(Some(&record))?;
                        headers = Some(record);
                    }
                    Some(headers) => {
                        let bytes = record.iter().chain(headers).map(|text| text.len() + 6).sum();
                        let item = formats::item(headers, record);
                        self.push(item, bytes).await?;
                    }
                }
            }
            if is_last || self.left == 0 {
                return Ok(());
            }
        }
    }

    /// An inventory of S3: a manifest that names packed files of separated values, without headers.
    async fn inventory(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Manifest {
            file_format: Option<String>,
            file_schema: Option<String>,
            files: Vec<File>,
        }
        #[derive(Deserialize)]
        struct File {
            key: String,
        }
        let manifest: Manifest = serde_json::from_slice(&self.whole(object).await?)
            .map_err(|problem| failed(format!("The manifest is not that of an inventory: {problem}")))?;
        if manifest.file_format.as_deref() != Some("CSV") {
            return Err(failed("The files of an inventory must be CSV."));
        }
        let schema = manifest.file_schema.unwrap_or_default();
        let headers: Vec<String> = schema.split(',').map(|header| header.trim().to_owned()).collect();
        for file in manifest.files {
            if self.left == 0 {
                break;
            }
            let file = ObjectRef { bucket: object.bucket.clone(), key: file.key, version: None };
            let mut bytes = self.whole(&file).await?;
            if bytes.starts_with(b"\x1f\x8b") {
                bytes =
                    unpack(&bytes).map_err(|problem| failed(format!("{} can't be unpacked: {problem}", file.key)))?;
            }
            let mut records = Separated::new(b',');
            let mut complete = records.take(&bytes).map_err(|problem| failed(problem.to_string()))?;
            complete.extend(records.end().map_err(|problem| failed(problem.to_string()))?);
            drop(bytes);
            for record in complete {
                let size = record.iter().chain(&headers).map(|text| text.len() + 6).sum();
                self.push(formats::item(&headers, record), size).await?;
            }
        }
        Ok(())
    }

    /// A manifest of Athena's `UNLOAD`: a line for each object with data.
    async fn athena(&mut self, object: &ObjectRef) -> Result<(), TaskError> {
        let text =
            String::from_utf8(self.whole(object).await?).map_err(|_| failed("The manifest is not UTF-8 text."))?;
        for line in text.lines().map(|line| line.trim().trim_matches('"')).filter(|line| !line.is_empty()) {
            let named = line.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let (bucket, key) = named.ok_or_else(|| failed(format!("The manifest names {line:?}, no object.")))?;
            self.pages.origin = Some(format!("S3://{bucket}/{key}"));
            let object = ObjectRef { bucket: bucket.to_owned(), key: key.to_owned(), version: None };
            self.data(&object).await?;
            if self.left == 0 {
                break;
            }
        }
        Ok(())
    }
}

fn check_headers(headers: Option<&[String]>) -> Result<(), TaskError> {
    match headers.is_some_and(formats::has_duplicates) {
        true => Err(failed("CSV headers cannot contain duplicates.")),
        false => Ok(()),
    }
}

/// Unpacks a gzip file, up to [`LARGEST_FILE`].
fn unpack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).take(LARGEST_FILE + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() as u64 > LARGEST_FILE {
        return Err(std::io::Error::other("it is larger than 1 GiB"));
    }
    Ok(unpacked)
}
