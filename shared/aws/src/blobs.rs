//! Artifacts and large values on S3.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use millrace_app::ports::{BlobInfo, BlobStore, Page, StoreError, StoreResult};

use crate::clients::Clients;
use crate::cursor;

/// Blobs as objects of the stack's bucket, under their own keys.
#[derive(Debug, Clone)]
pub struct S3BlobStore {
    clients: Arc<Clients>,
}

/// The most keys that S3 lists in one answer.
const MAX_KEYS: usize = 1_000;

impl S3BlobStore {
    pub(crate) const fn new(clients: Arc<Clients>) -> Self {
        Self { clients }
    }

    fn bucket(&self) -> &str {
        &self.clients.config.bucket
    }
}

/// `Content-Disposition` for a file name: a plain ASCII form, and the exact one as RFC 6266 writes it.
fn disposition(filename: &str) -> String {
    let plain: String = filename
        .chars()
        .map(|char| if char.is_ascii_graphic() && !matches!(char, '"' | '\\' | '/' | '%') { char } else { '_' })
        .collect();
    let mut exact = String::new();
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            exact.push(char::from(byte));
        } else {
            exact.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

impl BlobStore for S3BlobStore {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> StoreResult<()> {
        let call = self.clients.s3().put_object().bucket(self.bucket()).key(key);
        let call = call.content_type(content_type).body(ByteStream::from(bytes));
        call.send().await.map(|_| ()).map_err(|error| StoreError::unavailable("BlobStore::put", error))
    }

    async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        const GET: &str = "BlobStore::get";
        let answer = match self.clients.s3().get_object().bucket(self.bucket()).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                return Ok(None);
            }
            Err(error) => return Err(StoreError::unavailable(GET, error)),
        };
        let bytes = answer.body.collect().await.map_err(|error| StoreError::unavailable(GET, error))?;
        Ok(Some(bytes.to_vec()))
    }

    async fn delete(&self, key: &str) -> StoreResult<()> {
        let call = self.clients.s3().delete_object().bucket(self.bucket()).key(key);
        call.send().await.map(|_| ()).map_err(|error| StoreError::unavailable("BlobStore::delete", error))
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> StoreResult<Page<BlobInfo>> {
        let fingerprint = cursor::fingerprint(&["blobs", prefix]);
        let start = cursor.map(|cursor| cursor::decode::<1>(&fingerprint, cursor)).transpose()?;
        let answer = self
            .clients
            .s3()
            .list_objects_v2()
            .bucket(self.bucket())
            .prefix(prefix)
            .max_keys(i32::try_from(limit.clamp(1, MAX_KEYS)).unwrap_or(1))
            .set_start_after(start.map(|[key]| key))
            .send()
            .await
            .map_err(|error| StoreError::unavailable("BlobStore::list", error))?;
        let more = answer.is_truncated().unwrap_or_default();
        let info = |object: aws_sdk_s3::types::Object| BlobInfo {
            size: object.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
            key: object.key.unwrap_or_default(),
        };
        let items: Vec<BlobInfo> = answer.contents.unwrap_or_default().into_iter().map(info).collect();
        let next = items.last().filter(|_| more).map(|last| cursor::encode(&fingerprint, &[&last.key]));
        Ok(Page { items, next })
    }

    async fn download_url(&self, key: &str, filename: &str, valid_for: Duration) -> StoreResult<String> {
        const URL: &str = "BlobStore::download_url";
        let valid = PresigningConfig::expires_in(valid_for).map_err(|error| StoreError::unavailable(URL, error))?;
        let call = self.clients.s3().get_object().bucket(self.bucket()).key(key);
        let request = call
            .response_content_disposition(disposition(filename))
            .presigned(valid)
            .await
            .map_err(|error| StoreError::unavailable(URL, error))?;
        Ok(request.uri().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_can_not_break_the_header() {
        assert_eq!(disposition("a.zip"), "attachment; filename=\"a.zip\"; filename*=UTF-8''a.zip");
        assert_eq!(
            disposition("ü\"\r\n.zip"),
            "attachment; filename=\"____.zip\"; filename*=UTF-8''%C3%BC%22%0D%0A.zip"
        );
    }
}
