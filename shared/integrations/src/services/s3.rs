//! S3: `aws-sdk:s3:…`, over its own REST protocol, and the requests that the storage of a distributed Map shares with it.

use http::{HeaderName, Method};
use millrace_client::s3::{self, Target, checksum};
use millrace_client::{Answer, encode_path, encode_query, xml};
use roxmltree::Node;
use serde_json::{Map, Value, json};

use crate::aws::Aws;
use crate::fault::Fault;
use crate::shape::{moment_text, text_of};

/// Arguments that are headers.
const HEADERS: [(&str, &str); 24] = [
    ("ACL", "x-amz-acl"),
    ("Acl", "x-amz-acl"),
    ("CacheControl", "cache-control"),
    ("ChecksumMode", "x-amz-checksum-mode"),
    ("ContentDisposition", "content-disposition"),
    ("ContentEncoding", "content-encoding"),
    ("ContentLanguage", "content-language"),
    ("ContentType", "content-type"),
    ("CopySource", "x-amz-copy-source"),
    ("ExpectedBucketOwner", "x-amz-expected-bucket-owner"),
    ("IfMatch", "if-match"),
    ("IfModifiedSince", "if-modified-since"),
    ("IfNoneMatch", "if-none-match"),
    ("IfUnmodifiedSince", "if-unmodified-since"),
    ("MetadataDirective", "x-amz-metadata-directive"),
    ("Range", "range"),
    ("RequestPayer", "x-amz-request-payer"),
    ("SSEKMSKeyId", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("SsekmsKeyId", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("ServerSideEncryption", "x-amz-server-side-encryption"),
    ("StorageClass", "x-amz-storage-class"),
    ("Tagging", "x-amz-tagging"),
    ("TaggingDirective", "x-amz-tagging-directive"),
    ("WebsiteRedirectLocation", "x-amz-website-redirect-location"),
];

/// Arguments that are parts of the query.
const QUERY: [(&str, &str); 15] = [
    ("ContinuationToken", "continuation-token"),
    ("Delimiter", "delimiter"),
    ("EncodingType", "encoding-type"),
    ("FetchOwner", "fetch-owner"),
    ("Marker", "marker"),
    ("MaxKeys", "max-keys"),
    ("PartNumber", "partNumber"),
    ("Prefix", "prefix"),
    ("ResponseCacheControl", "response-cache-control"),
    ("ResponseContentDisposition", "response-content-disposition"),
    ("ResponseContentEncoding", "response-content-encoding"),
    ("ResponseContentLanguage", "response-content-language"),
    ("ResponseContentType", "response-content-type"),
    ("StartAfter", "start-after"),
    ("VersionId", "versionId"),
];

/// How a header is told.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    Date,
}

/// Headers of an answer that are members of the result.
const ANSWERED: [(&str, &str, Kind); 27] = [
    ("accept-ranges", "AcceptRanges", Kind::Text),
    ("cache-control", "CacheControl", Kind::Text),
    ("content-disposition", "ContentDisposition", Kind::Text),
    ("content-encoding", "ContentEncoding", Kind::Text),
    ("content-language", "ContentLanguage", Kind::Text),
    ("content-length", "ContentLength", Kind::Number),
    ("content-range", "ContentRange", Kind::Text),
    ("content-type", "ContentType", Kind::Text),
    ("etag", "ETag", Kind::Text),
    ("expires", "Expires", Kind::Date),
    ("last-modified", "LastModified", Kind::Date),
    ("x-amz-checksum-crc32", "ChecksumCRC32", Kind::Text),
    ("x-amz-checksum-crc32c", "ChecksumCRC32C", Kind::Text),
    ("x-amz-checksum-crc64nvme", "ChecksumCRC64NVME", Kind::Text),
    ("x-amz-checksum-sha1", "ChecksumSHA1", Kind::Text),
    ("x-amz-checksum-sha256", "ChecksumSHA256", Kind::Text),
    ("x-amz-checksum-type", "ChecksumType", Kind::Text),
    ("x-amz-delete-marker", "DeleteMarker", Kind::Flag),
    ("x-amz-expiration", "Expiration", Kind::Text),
    ("x-amz-mp-parts-count", "PartsCount", Kind::Number),
    ("x-amz-request-charged", "RequestCharged", Kind::Text),
    ("x-amz-server-side-encryption", "ServerSideEncryption", Kind::Text),
    ("x-amz-server-side-encryption-aws-kms-key-id", "SSEKMSKeyId", Kind::Text),
    ("x-amz-storage-class", "StorageClass", Kind::Text),
    ("x-amz-tagging-count", "TagCount", Kind::Number),
    ("x-amz-version-id", "VersionId", Kind::Text),
    ("x-amz-website-redirect-location", "WebsiteRedirectLocation", Kind::Text),
];

/// Members that describe a body; only an answer with one of its own has them.
const OF_BODIES: [&str; 3] = ["ContentLength", "ContentType", "AcceptRanges"];

/// Makes a request; an answer of a 2xx status, or S3's error. A bucket of another region is asked there.
pub(crate) async fn request(
    aws: &Aws,
    role: Option<&str>,
    method: Method,
    target: Target<'_>,
) -> Result<Answer, Fault> {
    let endpoints = aws.client.endpoints();
    let mut call = s3::call(endpoints, method, target);
    let mut answer = aws.call(role, &call).await?;
    if let Some(region) = s3::elsewhere(endpoints, &answer) {
        call.region = Some(region);
        answer = aws.call(role, &call).await?;
    }
    if answer.succeeded() { Ok(answer) } else { Err(xml::fault(&answer).into()) }
}

fn invalid(reason: String) -> Fault {
    Fault::Client(reason)
}

/// The arguments of an operation as a request.
fn target<'a>(operation: &str, arguments: &'a Value) -> Result<Target<'a>, Fault> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut target = Target { bucket: text("Bucket"), key: text("Key"), ..Target::default() };
    let mut query: Vec<(&str, String)> = Vec::new();
    if operation == "ListObjectsV2" {
        query.push(("list-type", "2".to_owned()));
    }
    if matches!(operation, "GetObject" | "HeadObject" | "PutObject" | "DeleteObject" | "CopyObject")
        && target.key.is_empty()
    {
        return Err(super::missing("Key"));
    }
    if operation != "ListBuckets" && target.bucket.is_empty() {
        return Err(super::missing("Bucket"));
    }
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let header = HEADERS.iter().find(|(known, _)| known == name);
        let part = QUERY.iter().find(|(known, _)| known == name);
        match (name.as_str(), value) {
            ("Bucket" | "Key", _) | (_, Value::Null) => {}
            ("Body", body) => target.body = text_of(body).into(),
            ("Metadata", Value::Object(own)) => {
                for (name, value) in own {
                    let header = HeaderName::try_from(format!("x-amz-meta-{}", name.to_ascii_lowercase()));
                    let header = header.map_err(|_| invalid(format!("'{name}' of Metadata can't be a header")))?;
                    target.headers.push((header, text_of(value)));
                }
            }
            ("CopySource", source) => {
                let source = encode_path(source.as_str().unwrap_or_default().trim_start_matches('/'));
                target.headers.push((HeaderName::from_static("x-amz-copy-source"), source));
            }
            _ => match (header, part) {
                (Some((_, header)), _) => {
                    target.headers.push((HeaderName::from_static(header), text_of(value)));
                }
                (None, Some((_, part))) => query.push((part, text_of(value))),
                (None, None) => return Err(invalid(format!("'{name}' of s3:{operation} is not supported"))),
            },
        }
    }
    target.query = encode_query(query.iter().map(|(name, value)| (*name, value.as_str())));
    if operation == "PutObject" {
        target.headers.push(checksum(&target.body));
    }
    Ok(target)
}

/// The members that an answer's headers are.
fn from_headers(answer: &Answer) -> Map<String, Value> {
    let mut result = Map::new();
    for (header, member, kind) in ANSWERED {
        let Some(text) = answer.response.header(header) else { continue };
        let value = match kind {
            Kind::Text => json!(text),
            Kind::Number => text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)),
            Kind::Flag => json!(text == "true"),
            Kind::Date => jiff::fmt::rfc2822::parse(text)
                .map_or_else(|_| json!(text), |date| json!(moment_text(date.timestamp().as_millisecond()))),
        };
        result.insert(member.to_owned(), value);
    }
    result
}

fn metadata(answer: &Answer) -> Value {
    let headers = answer.response.headers.iter();
    let own = headers.filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), json!(String::from_utf8_lossy(value.as_bytes()))))
    });
    Value::Object(own.collect())
}

/// An element of a listing: lists, numbers, flags and moments by their names.
fn from_element(node: Node<'_, '_>) -> Value {
    let mut members = Map::new();
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let text = child.text().unwrap_or_default();
        let value = match name {
            "Buckets" => xml::children(child, "Bucket").map(from_element).collect(),
            "Size" | "MaxKeys" | "KeyCount" => text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number)),
            "IsTruncated" | "IsRestoreInProgress" => json!(text == "true"),
            "LastModified" | "CreationDate" => match millrace_app::Timestamp::parse(text) {
                Some(moment) => json!(moment_text(moment.millis())),
                None => json!(text),
            },
            _ if child.children().any(|inner| inner.is_element()) => from_element(child),
            _ => json!(text),
        };
        if matches!(name, "Contents" | "CommonPrefixes" | "ChecksumAlgorithm") {
            let list = members.entry(name).or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.push(value);
            }
        } else {
            members.insert(name.to_owned(), value);
        }
    }
    Value::Object(members)
}

/// `aws-sdk:s3:<operation>`
pub(crate) async fn sdk(aws: &Aws, role: Option<&str>, operation: &str, arguments: &Value) -> Result<Value, Fault> {
    let method = match operation {
        "PutObject" | "CopyObject" => Method::PUT,
        "DeleteObject" => Method::DELETE,
        "HeadObject" => Method::HEAD,
        _ => Method::GET,
    };
    let answer = request(aws, role, method, target(operation, arguments)?).await?;
    let unreadable = || invalid(format!("s3:{operation} was answered with what is no XML"));
    let mut result = match operation {
        "ListObjectsV2" | "ListObjects" | "ListBuckets" => {
            let listing = xml::read(&answer.response, |root| Some(from_element(root))).ok_or_else(unreadable)?;
            return Ok(sorted(listing));
        }
        "GetObject" | "HeadObject" => {
            let mut result = from_headers(&answer);
            result.insert("Metadata".to_owned(), metadata(&answer));
            if operation == "GetObject" {
                // A result is JSON: bytes that are no text can't be told in it.
                result.insert("Body".to_owned(), json!(String::from_utf8_lossy(&answer.response.body)));
            }
            result
        }
        _ => {
            let mut result = from_headers(&answer);
            result.retain(|name, _| !OF_BODIES.contains(&name.as_str()));
            if operation == "CopyObject" {
                let copied = xml::read(&answer.response, |root| Some(from_element(root))).ok_or_else(unreadable)?;
                result.insert("CopyObjectResult".to_owned(), copied);
            }
            result
        }
    };
    result.sort_keys();
    Ok(Value::Object(result))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            members.sort_keys();
            Value::Object(members)
        }
        other => other,
    }
}
