//! Objects in buckets that belong to the user, by bucket and key: what a distributed Map reads its items from and writes its
//! results to. Not a port of the stores: whoever does integrations reaches it.

use std::future::Future;
use std::ops::Range;

use millrace_asl::Timestamp;

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The storage refused: no such bucket or key, no permission. The workflow's business.
    #[error("{error}: {cause}")]
    Refused {
        /// The error's name as integrations spell it, such as `S3.NoSuchKeyException`.
        error: String,
        /// The storage's own message.
        cause: String,
    },
    /// The storage can't answer now; the same call may succeed later.
    #[error("{operation} is unavailable")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// The adapter's own error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectRef {
    /// Its bucket.
    pub bucket: String,
    /// Its key, not encoded.
    pub key: String,
    /// One of its versions; `None` is the newest.
    pub version: Option<String>,
}

/// What a listing says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, with the quotation marks that S3 puts around it.
    pub etag: String,
    /// When it was last written.
    pub last_modified: Timestamp,
    /// Its storage class, such as `STANDARD`.
    pub storage_class: String,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectPage {
    /// The objects in order of key.
    pub objects: Vec<ObjectInfo>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<String>,
}

/// S3's objects, or what speaks its protocol.
pub trait ObjectStorage: Send + Sync {
    /// Reads an object, or the bytes of it that lie in `range`: fewer where it ends before, none where it ends before the
    /// range begins.
    fn get(
        &self,
        object: &ObjectRef,
        range: Option<Range<u64>>,
    ) -> impl Future<Output = Result<Vec<u8>, StorageError>> + Send;

    /// Writes an object; replaces one of the same key.
    fn put(
        &self,
        bucket: &str,
        key: &str,
        bytes: Vec<u8>,
        content_type: &str,
    ) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// One page (up to 1,000) of the objects whose keys begin with `prefix`, in order of key. `token` is the `next` of the
    /// page before.
    fn list(
        &self,
        bucket: &str,
        prefix: &str,
        token: Option<&str>,
    ) -> impl Future<Output = Result<ObjectPage, StorageError>> + Send;
}
