//! Artifacts and large values on S3.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::CONTENT_TYPE;
use millrace_app::Timestamp;
use millrace_app::ports::{BlobInfo, BlobStore, Page, StoreError, StoreResult};
use millrace_client::s3::{Target, checksum};
use millrace_client::{Answer, encode_query, xml};

use crate::cursor;
use crate::services::{CallFailed, Services};

/// Blobs as objects of the stack's bucket, under their own keys.
#[derive(Debug, Clone)]
pub struct S3BlobStore {
    services: Arc<Services>,
}

/// The most keys that S3 lists in one answer.
const MAX_KEYS: usize = 1_000;

impl S3BlobStore {
    pub(crate) const fn new(services: Arc<Services>) -> Self {
        Self { services }
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

/// A page of a listing.
fn listing(answer: &Answer) -> Option<(Vec<BlobInfo>, bool)> {
    xml::read(&answer.response, |root| {
        let info = |found| {
            Some(BlobInfo {
                key: xml::text(found, &["Key"])?,
                size: xml::text(found, &["Size"])?.parse().ok()?,
                modified_at: Timestamp::parse(&xml::text(found, &["LastModified"])?)?,
            })
        };
        let items = xml::children(root, "Contents").map(info).collect::<Option<_>>()?;
        Some((items, xml::text(root, &["IsTruncated"]).as_deref() == Some("true")))
    })
}

impl BlobStore for S3BlobStore {
    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &str) -> StoreResult<()> {
        let headers = vec![(CONTENT_TYPE, content_type.to_owned()), checksum(&bytes)];
        let target = Target { key, headers, body: bytes.into(), ..Target::default() };
        let put = self.services.s3(Method::PUT, target).await;
        put.map(|_| ()).map_err(|error| StoreError::unavailable("BlobStore::put", error))
    }

    async fn get(&self, key: &str) -> StoreResult<Option<Vec<u8>>> {
        match self.services.s3(Method::GET, Target { key, ..Target::default() }).await {
            Ok(answer) => Ok(Some(answer.response.body.into())),
            Err(error) if error.is("NoSuchKey") => Ok(None),
            Err(error) => Err(StoreError::unavailable("BlobStore::get", error)),
        }
    }

    async fn delete(&self, key: &str) -> StoreResult<()> {
        let delete = self.services.s3(Method::DELETE, Target { key, ..Target::default() }).await;
        delete.map(|_| ()).map_err(|error| StoreError::unavailable("BlobStore::delete", error))
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: usize) -> StoreResult<Page<BlobInfo>> {
        const LIST: &str = "BlobStore::list";
        let fingerprint = cursor::fingerprint(&["blobs", prefix]);
        let start = cursor.map(|cursor| cursor::decode::<1>(&fingerprint, cursor)).transpose()?;
        let limit = limit.clamp(1, MAX_KEYS).to_string();
        let mut query = vec![("list-type", "2"), ("max-keys", limit.as_str()), ("prefix", prefix)];
        query.extend(start.iter().map(|[key]| ("start-after", key.as_str())));
        let listed = self.services.s3(Method::GET, Target { query: encode_query(query), ..Target::default() }).await;
        let answer = listed.map_err(|error| StoreError::unavailable(LIST, error))?;
        let unreadable = || StoreError::unavailable(LIST, CallFailed::Unreadable("s3", None));
        let (items, more) = listing(&answer).ok_or_else(unreadable)?;
        let next = items.last().filter(|_| more).map(|last| cursor::encode(&fingerprint, &[&last.key]));
        Ok(Page { items, next })
    }

    async fn download_url(&self, key: &str, filename: &str, valid_for: Duration) -> StoreResult<String> {
        let query = encode_query([("response-content-disposition", disposition(filename).as_str())]);
        let address = self.services.s3_address(key, query, valid_for).await;
        address.map_err(|error| StoreError::unavailable("BlobStore::download_url", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read() {
        let body = "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><IsTruncated>true</IsTruncated>\
                    <Contents><Key>a &amp; b</Key><LastModified>2026-11-20T08:00:00.000Z</LastModified><Size>7</Size></Contents></ListBucketResult>";
        let response = millrace_client::Response { status: 200, headers: http::HeaderMap::new(), body: body.into() };
        let (items, more) = listing(&Answer { response, attempts: 1 }).unwrap();
        let modified_at = Timestamp::parse("2026-11-20T08:00:00Z").unwrap();
        assert_eq!((items, more), (vec![BlobInfo { key: "a & b".into(), size: 7, modified_at }], true));
    }

    #[test]
    fn a_file_name_can_not_break_the_header() {
        assert_eq!(disposition("a.zip"), "attachment; filename=\"a.zip\"; filename*=UTF-8''a.zip");
        assert_eq!(
            disposition("ü\"\r\n.zip"),
            "attachment; filename=\"____.zip\"; filename*=UTF-8''%C3%BC%22%0D%0A.zip"
        );
    }
}
