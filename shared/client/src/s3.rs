//! Addresses of buckets and objects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, Method};

use crate::call::{Answer, Call};
use crate::endpoints::Endpoints;
use crate::service::Service;
use crate::sigv4::{encode, encode_path};

/// A request to a bucket, an object, or, without a bucket, to S3.
#[derive(Debug, Default)]
pub struct Target<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The object's key, not encoded.
    pub key: &'a str,
    /// Encoded.
    pub query: String,
    /// Headers.
    pub headers: Vec<(HeaderName, String)>,
    /// The body.
    pub body: Bytes,
}

/// Can the bucket be a part of a host's name that a certificate of S3 covers?
fn is_host(bucket: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&bucket.len()) && bucket.bytes().all(plain) && !bucket.starts_with('-') && !bucket.ends_with('-')
}

/// A call of S3. A configured endpoint has no host name for each bucket: the path names it there.
#[must_use]
pub fn call<'a>(endpoints: &Endpoints, method: Method, target: Target<'a>) -> Call<'a> {
    let overridden = endpoints.of(&Service::S3, endpoints.region()).overridden;
    let subdomain = (!overridden && is_host(target.bucket)).then_some(target.bucket);
    let path = match (subdomain, target.bucket) {
        (Some(_), _) | (None, "") => format!("/{}", encode_path(target.key)),
        (None, bucket) if target.key.is_empty() => format!("/{}", encode(bucket)),
        (None, bucket) => format!("/{}/{}", encode(bucket), encode_path(target.key)),
    };
    Call {
        method,
        path,
        query: target.query,
        headers: target.headers,
        subdomain,
        ..Call::post(&Service::S3, target.body)
    }
}

/// The checksum that goes along with a body, and that S3 keeps with the object.
#[must_use]
pub fn checksum(body: &[u8]) -> (HeaderName, String) {
    let sum = crc32fast::hash(body).to_be_bytes();
    (HeaderName::from_static("x-amz-checksum-crc32"), STANDARD.encode(sum))
}

/// The region in which to ask again, where an answer says that the bucket is in another one.
#[must_use]
pub fn elsewhere(endpoints: &Endpoints, answer: &Answer) -> Option<String> {
    let region = answer.response.header("x-amz-bucket-region").filter(|region| *region != endpoints.region())?;
    let overridden = endpoints.of(&Service::S3, region).overridden;
    (!overridden && matches!(answer.response.status, 301 | 307 | 400)).then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_part_of_the_host_where_that_works() {
        let (aws, _) = Endpoints::read([]);
        let own = [("AWS_ENDPOINT_URL_S3".to_owned(), "http://127.0.0.1:1".to_owned())];
        let (own, _) = Endpoints::read(own);
        for (endpoints, bucket, key, expected) in [
            (&aws, "bucket", "a b/c", (Some("bucket"), "/a%20b/c")),
            (&aws, "with.dot", "k", (None, "/with.dot/k")),
            (&aws, "bucket", "", (Some("bucket"), "/")),
            (&own, "bucket", "k", (None, "/bucket/k")),
            (&own, "bucket", "", (None, "/bucket")),
        ] {
            let call = call(endpoints, Method::GET, Target { bucket, key, ..Target::default() });
            assert_eq!((call.subdomain, call.path.as_str()), expected);
        }
    }
}
