//! AWS Signature Version 4 of a request with its whole body
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>).

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, HOST, HeaderValue};
use http::{Method, Uri};
use millrace_app::Timestamp;
use millrace_app::digest::sha256_hex;
use millrace_app::ports::Secret;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use crate::credentials::Credentials;
use crate::http::Request;

/// All but the unreserved characters of RFC 3986, as the signature wants it.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same within a path of several segments.
const PATH: &AsciiSet = &STRICT.remove(b'/');

/// Text as part of a path's segment, or of a query.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Text as a path: slashes stay.
#[must_use]
pub fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, PATH).to_string()
}

/// Pairs as a query, without the question mark.
#[must_use]
pub fn encode_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let pairs = pairs.into_iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// What a signature is for.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The service's name in credentials: `states`, `s3`…
    pub service: &'a str,
    /// The region.
    pub region: &'a str,
    /// When; services refuse what is off by more than five minutes.
    pub at: Timestamp,
}

/// A request that can't be signed: it has no host, or its headers are no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request can't be signed: {0}")]
pub struct SignError(&'static str);

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The query as it is signed: sorted by name, then value. It was encoded by [`encode_query`].
pub(crate) fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Runs of spaces count as one.
pub(crate) fn trimmed(value: &str) -> String {
    value.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The names and the lines of all headers, sorted.
fn canonical_headers(request: &Request) -> Result<(String, String), SignError> {
    let mut names: Vec<&str> = request.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    let mut lines = String::new();
    for name in &names {
        let values = request.headers().get_all(*name).iter().map(|value| value.to_str().map(trimmed));
        let values: Result<Vec<String>, _> = values.collect();
        let values = values.map_err(|_| SignError("a header is no text"))?;
        lines.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    Ok((names.join(";"), lines))
}

/// The time as signatures have it.
fn stamp(scope: Scope<'_>) -> Result<String, SignError> {
    let at = jiff::Timestamp::from_millisecond(scope.at.millis()).map_err(|_| SignError("the time"))?;
    Ok(at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// What a signature holds for: a day, a region, a service.
fn range(stamp: &str, scope: Scope<'_>) -> String {
    format!("{}/{}/{}/aws4_request", stamp.get(..8).unwrap_or_default(), scope.region, scope.service)
}

/// The signature of a canonical request.
fn signature(canonical: &str, stamp: &str, scope: Scope<'_>, credentials: &Credentials) -> String {
    signature_of(canonical, stamp, &range(stamp, scope), &credentials.secret_access_key)
}

/// The same for a range, `day/region/service/aws4_request`.
pub(crate) fn signature_of(canonical: &str, stamp: &str, range: &str, secret: &Secret) -> String {
    let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{range}\n{}", sha256_hex(canonical.as_bytes()));
    let secret = format!("AWS4{}", secret.expose());
    let key = range.split('/').fold(secret.into_bytes(), |key, part| mac(&key, part));
    hex(&mac(&key, &to_sign))
}

/// The address of a request of S3 that anybody may make for so long: the signature stands in its query and covers the host
/// and nothing of the body (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).
///
/// # Errors
/// [`SignError`] for an address without a host.
pub fn presign(
    method: &Method,
    url: &str,
    scope: Scope<'_>,
    credentials: &Credentials,
    valid_for: Duration,
) -> Result<String, SignError> {
    let uri: Uri = url.parse().map_err(|_| SignError("its address is none"))?;
    let host = uri.authority().ok_or(SignError("it has no host"))?;
    let stamp = stamp(scope)?;
    let credential = format!("{}/{}", credentials.access_key_id, range(&stamp, scope));
    let seconds = valid_for.as_secs().to_string();
    let mut own = vec![
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", credential.as_str()),
        ("X-Amz-Date", stamp.as_str()),
        ("X-Amz-Expires", seconds.as_str()),
        ("X-Amz-SignedHeaders", "host"),
    ];
    own.extend(credentials.session_token.as_ref().map(|token| ("X-Amz-Security-Token", token.expose())));
    let query = match uri.query() {
        Some(query) => format!("{query}&{}", encode_query(own)),
        None => encode_query(own),
    };
    let canonical =
        format!("{method}\n{}\n{}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD", uri.path(), canonical_query(&query));
    let signature = signature(&canonical, &stamp, scope, credentials);
    let base = url.split('?').next().unwrap_or_default();
    Ok(format!("{base}?{query}&X-Amz-Signature={signature}"))
}

/// Signs a request: sets `host`, `x-amz-date`, `x-amz-security-token`, for S3 `x-amz-content-sha256`, and `authorization`,
/// which covers every header.
///
/// # Errors
/// [`SignError`] for a request without a host, or with a header that is no text.
pub fn sign(request: &mut Request, scope: Scope<'_>, credentials: &Credentials) -> Result<(), SignError> {
    let stamp = stamp(scope)?;
    let authority = request.uri().authority().ok_or(SignError("it has no host"))?.as_str().to_owned();
    let text = |value: &str| HeaderValue::from_str(value).map_err(|_| SignError("a header is no text"));
    let payload = sha256_hex(request.body());
    let s3 = scope.service == "s3";
    let headers = request.headers_mut();
    headers.insert(HOST, text(&authority)?);
    headers.insert("x-amz-date", text(&stamp)?);
    if s3 {
        headers.insert("x-amz-content-sha256", text(&payload)?);
    }
    if let Some(token) = &credentials.session_token {
        let mut token = text(token.expose())?;
        token.set_sensitive(true);
        headers.insert("x-amz-security-token", token);
    }
    let (names, lines) = canonical_headers(request)?;
    // S3 signs the path as it is sent; everybody else encodes it once more.
    let path = if s3 { request.uri().path().to_owned() } else { encode_path(request.uri().path()) };
    let query = canonical_query(request.uri().query().unwrap_or_default());
    let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\n{payload}", request.method());
    let range = range(&stamp, scope);
    let signature = signature(&canonical, &stamp, scope, credentials);
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/{range}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    );
    let mut value = text(&value)?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn signature_of(
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
        scope: Scope<'_>,
        secret: &str,
    ) -> String {
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        let credentials = Credentials {
            access_key_id: if scope.service == "s3" { "AKIAIOSFODNN7EXAMPLE" } else { "AKIDEXAMPLE" }.into(),
            secret_access_key: Secret::new(secret),
            session_token: None,
        };
        sign(&mut request, scope, &credentials).unwrap();
        let value = request.headers()[AUTHORIZATION].to_str().unwrap();
        value.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// From the test suite that AWS publishes (2015-08-30T12:36:00Z, `service` in us-east-1).
    #[test]
    fn the_published_vectors() {
        let at = Timestamp::from_millis(1_440_938_160_000);
        let scope = Scope { service: "service", region: "us-east-1", at };
        let sign = |method, path: &str, headers: &[(&str, &str)], body| {
            let url = format!("https://example.amazonaws.com{path}");
            signature_of(method, &url, headers, body, scope, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        };
        let form = [("content-type", "application/x-www-form-urlencoded")];
        for (method, path, headers, body, expected) in [
            ("GET", "/", [].as_slice(), "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "/", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            ("POST", "/?Param1=value1", &[], "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            ("POST", "/", &form, "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
            (
                "GET",
                "/",
                &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
                "",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
        ] {
            assert_eq!(sign(method, path, headers, body), expected, "{method} {path}");
        }
    }

    /// The examples of S3's own documentation (2013-05-24, us-east-1).
    #[test]
    fn the_examples_of_s3() {
        let scope = Scope { service: "s3", region: "us-east-1", at: Timestamp::from_millis(1_369_353_600_000) };
        let sign = |method, path: &str, headers: &[(&str, &str)], body| {
            let url = format!("https://examplebucket.s3.amazonaws.com{path}");
            signature_of(method, &url, headers, body, scope, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
        };
        assert_eq!(
            sign("GET", "/test.txt", &[("range", "bytes=0-9")], ""),
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
        let put = [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
        assert_eq!(
            sign("PUT", &format!("/{}", encode_path("test$file.text")), &put, "Welcome to Amazon S3."),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
        assert_eq!(
            sign("GET", "/?lifecycle", &[], ""),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        );
        assert_eq!(
            sign("GET", "/?max-keys=2&prefix=J", &[], ""),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        );
    }

    #[test]
    fn the_example_of_an_address_that_signs_itself() {
        let scope = Scope { service: "s3", region: "us-east-1", at: Timestamp::from_millis(1_369_353_600_000) };
        let credentials = Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let url = "https://examplebucket.s3.amazonaws.com/test.txt";
        let signed = presign(&Method::GET, url, scope, &credentials, Duration::from_secs(86_400)).unwrap();
        let (_, signature) = signed.rsplit_once("X-Amz-Signature=").unwrap();
        assert_eq!(signature, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
        let (base, _) = signed.split_once("&X-Amz-Signature").unwrap();
        assert_eq!(
            base,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\
             AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&\
             X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        );
    }

    /// What botocore 1.x makes of the same request.
    #[test]
    fn a_path_is_encoded_twice_but_for_s3() {
        let url = "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A1%3A\
                   function%3Agreet/invocations?Qualifier=%24LATEST";
        let mut request = http::Request::post(url).body(Bytes::from_static(b"{}")).unwrap();
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: Some(Secret::new("the/token==")),
        };
        let at = Timestamp::from_millis(1_440_938_160_000);
        sign(&mut request, Scope { service: "lambda", region: "us-east-1", at }, &credentials).unwrap();
        assert_eq!(
            request.headers()[AUTHORIZATION],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/lambda/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=91665e7cc19bfa87d24daea771634ab63165f399fca408c77287ce7abd5d93ec"
        );
        assert_eq!(encode_path("/test/@connections/JBDvjfGEIAMCERw%3D"), "/test/%40connections/JBDvjfGEIAMCERw%253D");
    }

    #[test]
    fn text_is_encoded_as_the_signature_wants_it() {
        assert_eq!(encode("a b/c~d-e_f.g:h"), "a%20b%2Fc~d-e_f.g%3Ah");
        assert_eq!(encode_path("a b/ü"), "a%20b/%C3%BC");
        assert_eq!(encode_query([("b", "1+2"), ("a", "")]), "b=1%2B2&a=");
    }

    #[test]
    fn a_signature_shows_no_secret() {
        let mut request = http::Request::get("https://x.example/").body(Bytes::new()).unwrap();
        let secret = Secret::new("very-secret");
        let credentials = Credentials {
            access_key_id: "AKID".into(),
            secret_access_key: secret.clone(),
            session_token: Some(Secret::new("very-secret-token")),
        };
        sign(&mut request, Scope { service: "sqs", region: "r", at: Timestamp::from_millis(0) }, &credentials).unwrap();
        let shown = format!("{request:?} {credentials:?}");
        assert!(!shown.contains("very-secret"), "{shown}");
        assert_eq!(request.headers()["x-amz-security-token"], "very-secret-token");
    }
}
