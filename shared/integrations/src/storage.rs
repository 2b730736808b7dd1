//! S3 as the storage of distributed Maps.

use std::ops::Range;

use http::{HeaderName, Method};
use millrace_app::Timestamp;
use millrace_app::storage::{ObjectInfo, ObjectPage, ObjectRef, ObjectStorage, StorageError};
use millrace_client::s3::{Target, checksum};
use millrace_client::{encode_query, xml};

use crate::Integrations;
use crate::fault::Fault;
use crate::service::S3;
use crate::services::s3::request;

/// A refusal is the workflow's; that nobody answers, or that S3 fails, passes.
fn problem(operation: &'static str, fault: Fault) -> StorageError {
    let passes = match &fault {
        Fault::Service(fault) => fault.status >= 500 || fault.status == 429,
        Fault::Client(_) => true,
        Fault::Named(_) => false,
    };
    let failure = fault.sdk(&S3);
    let (error, cause) = (failure.error.unwrap_or_default(), failure.cause.unwrap_or_default());
    if passes {
        StorageError::Unavailable { operation, source: format!("{error}: {cause}").into() }
    } else {
        StorageError::Refused { error, cause }
    }
}

/// Does the fault say that the object ends before the range begins?
fn is_past_end(fault: &Fault) -> bool {
    matches!(fault, Fault::Service(fault) if fault.status == 416)
}

impl ObjectStorage for Integrations {
    async fn get(&self, object: &ObjectRef, range: Option<Range<u64>>) -> Result<Vec<u8>, StorageError> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Ok(Vec::new());
        }
        let version = object.version.as_deref().map(|version| ("versionId", version));
        let range = range.map(|range| format!("bytes={}-{}", range.start, range.end - 1));
        let target = Target {
            bucket: &object.bucket,
            key: &object.key,
            query: encode_query(version),
            headers: range.into_iter().map(|range| (HeaderName::from_static("range"), range)).collect(),
            ..Target::default()
        };
        match Box::pin(request(self.aws(), None, Method::GET, target)).await {
            Ok(answer) => Ok(answer.response.body.into()),
            Err(fault) if is_past_end(&fault) => Ok(Vec::new()),
            Err(fault) => Err(problem("s3:GetObject", fault)),
        }
    }

    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>, content_type: &str) -> Result<(), StorageError> {
        let headers = vec![(HeaderName::from_static("content-type"), content_type.to_owned()), checksum(&bytes)];
        let target = Target { bucket, key, headers, body: bytes.into(), ..Target::default() };
        let put = Box::pin(request(self.aws(), None, Method::PUT, target)).await;
        put.map(|_| ()).map_err(|fault| problem("s3:PutObject", fault))
    }

    async fn list(&self, bucket: &str, prefix: &str, token: Option<&str>) -> Result<ObjectPage, StorageError> {
        const OPERATION: &str = "s3:ListObjectsV2";
        let mut query = vec![("list-type", "2"), ("prefix", prefix)];
        query.extend(token.map(|token| ("continuation-token", token)));
        let target = Target { bucket, query: encode_query(query), ..Target::default() };
        let listed = Box::pin(request(self.aws(), None, Method::GET, target)).await;
        let answer = listed.map_err(|fault| problem(OPERATION, fault))?;
        let page = xml::read(&answer.response, |root| {
            let text = |node, name| xml::text(node, &[name]);
            let objects = xml::children(root, "Contents").map(|found| {
                Some(ObjectInfo {
                    key: text(found, "Key")?,
                    size: text(found, "Size")?.parse().ok()?,
                    etag: text(found, "ETag").unwrap_or_default(),
                    last_modified: Timestamp::parse(&text(found, "LastModified")?)?,
                    storage_class: text(found, "StorageClass").unwrap_or_else(|| "STANDARD".to_owned()),
                })
            });
            Some(ObjectPage {
                objects: objects.collect::<Option<Vec<_>>>()?,
                next: text(root, "NextContinuationToken").filter(|token| !token.is_empty()),
            })
        });
        page.ok_or_else(|| StorageError::Unavailable {
            operation: OPERATION,
            source: "S3 answered what is no listing".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use millrace_simulation::http::{Answer, Fake};
    use millrace_stepfunctions::StepFunctionsConfig;

    use super::*;
    use crate::Config;

    #[tokio::test]
    async fn objects_are_read_in_parts_written_and_listed() {
        let fake = Fake::start(|request| match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/bucket/data.csv?versionId=v1") => match request.header("range") {
                Some("bytes=2-4") => Answer::status(206, "cde"),
                Some(_) => Answer::status(416, "<Error><Code>InvalidRange</Code><Message>no</Message></Error>"),
                None => Answer::ok("abcdef"),
            },
            ("PUT", "/bucket/out/1.json") => {
                assert_eq!((request.text(), request.header("content-type")), ("[]", Some("application/json")));
                Answer::ok("")
            }
            ("GET", "/bucket?list-type=2&prefix=in%2F&continuation-token=t%2B1") => Answer::ok(
                "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t2</NextContinuationToken>\
                 <Contents><Key>in/a &amp; b</Key><LastModified>2026-01-31T09:30:00.000Z</LastModified>\
                 <ETag>&quot;e&quot;</ETag><Size>7</Size><StorageClass>GLACIER</StorageClass></Contents>\
                 </ListBucketResult>",
            ),
            ("GET", "/bucket/busy") => {
                Answer::status(503, "<Error><Code>SlowDown</Code><Message>wait</Message></Error>")
            }
            _ => Answer::status(404, "<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>"),
        })
        .await;
        let variables = [("AWS_ENDPOINT_URL_S3".to_owned(), fake.url.clone())];
        let storage = Integrations::new(Config::from_variables(variables).unwrap(), StepFunctionsConfig::default());
        let object = ObjectRef { bucket: "bucket".into(), key: "data.csv".into(), version: Some("v1".into()) };
        assert_eq!(storage.get(&object, None).await.unwrap(), b"abcdef");
        assert_eq!(storage.get(&object, Some(2..5)).await.unwrap(), b"cde");
        assert_eq!(storage.get(&object, Some(9..12)).await.unwrap(), b"");
        assert_eq!(storage.get(&object, Some(3..3)).await.unwrap(), b"");
        storage.put("bucket", "out/1.json", b"[]".to_vec(), "application/json").await.unwrap();
        let page = storage.list("bucket", "in/", Some("t+1")).await.unwrap();
        assert_eq!(page.next.as_deref(), Some("t2"));
        let info = page.objects.first().unwrap();
        assert_eq!((info.key.as_str(), info.size, info.etag.as_str()), ("in/a & b", 7, "\"e\""));
        let key = |key: &str| ObjectRef { bucket: "bucket".into(), key: key.into(), version: None };
        let gone = storage.get(&key("gone"), None).await.unwrap_err();
        assert!(matches!(gone, StorageError::Refused { error, .. } if error == "S3.NoSuchKeyException"));
        let busy = storage.get(&key("busy"), None).await.unwrap_err();
        assert!(matches!(busy, StorageError::Unavailable { .. }));
    }
}
