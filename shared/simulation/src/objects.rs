//! Buckets in memory, with some objects in them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use millrace_app::Timestamp;
use millrace_app::storage::{ObjectInfo, ObjectPage, ObjectRef, ObjectStorage, StorageError};

/// Objects by bucket and key. The bucket `samples` holds seven people as `people.json`, `people.jsonl` and `people.csv`,
/// and `many.csv` with 2,500 rows.
#[derive(Debug)]
pub struct MemoryObjects {
    objects: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

impl Default for MemoryObjects {
    fn default() -> Self {
        let mut lines = Vec::new();
        let mut csv = "n,name\n".to_owned();
        for n in 0..7 {
            lines.push(format!("{{\"n\":{n},\"name\":\"person {n}\"}}"));
            // Writing to a String can't fail.
            let _ = writeln!(csv, "{n},person {n}");
        }
        let many = (0..2_500).fold("n\n".to_owned(), |mut text, n| {
            let _ = writeln!(text, "{n}");
            text
        });
        let samples = [
            ("people.json", format!("[{}]", lines.join(","))),
            ("people.jsonl", lines.join("\n")),
            ("people.csv", csv),
            ("many.csv", many),
        ];
        let objects = samples.map(|(key, text)| (("samples".to_owned(), key.to_owned()), text.into_bytes()));
        Self { objects: Mutex::new(objects.into_iter().collect()) }
    }
}

impl MemoryObjects {
    /// An object's text.
    #[must_use]
    pub fn text(&self, bucket: &str, key: &str) -> Option<String> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(objects.get(&(bucket.to_owned(), key.to_owned()))?.clone()).ok()
    }

    /// The keys of a bucket.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.keys().filter(|(other, _)| other == bucket).map(|(_, key)| key.clone()).collect()
    }
}

impl ObjectStorage for MemoryObjects {
    async fn get(&self, object: &ObjectRef, range: Option<Range<u64>>) -> Result<Vec<u8>, StorageError> {
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let found = objects.get(&(object.bucket.clone(), object.key.clone()));
        let Some(bytes) = found else {
            let (error, cause) = ("S3.NoSuchKeyException", "The specified key does not exist.");
            return Err(StorageError::Refused { error: error.to_owned(), cause: cause.to_owned() });
        };
        let Some(range) = range else { return Ok(bytes.clone()) };
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes.get(place(range.start)..place(range.end)).unwrap_or_default().to_vec())
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>, _: &str) -> Result<(), StorageError> {
        let mut objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        objects.insert((bucket.to_owned(), key.to_owned()), bytes);
        Ok(())
    }

    async fn list(&self, bucket: &str, prefix: &str, token: Option<&str>) -> Result<ObjectPage, StorageError> {
        /// Small, so that listings have several pages.
        const PAGE: usize = 2;
        let objects = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = ObjectPage::default();
        for ((_, key), bytes) in objects.iter().filter(|((other, key), _)| other == bucket && key.starts_with(prefix)) {
            if token.is_some_and(|token| key.as_str() <= token) {
                continue;
            }
            if page.objects.len() == PAGE {
                page.next = page.objects.last().map(|last| last.key.clone());
                break;
            }
            page.objects.push(ObjectInfo {
                key: key.clone(),
                size: bytes.len() as u64,
                etag: format!("\"{}\"", bytes.len()),
                last_modified: Timestamp::from_millis(1_700_000_000_000),
                storage_class: "STANDARD".to_owned(),
            });
        }
        Ok(page)
    }
}
