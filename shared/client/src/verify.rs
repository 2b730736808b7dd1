//! Checking somebody else's AWS Signature Version 4 of a request, whose pieces `sigv4.rs` puts together.

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Method, Uri};
use millrace_app::Timestamp;
use millrace_app::identity::same_secret;
use millrace_app::ports::Secret;

use crate::sigv4::{canonical_query, encode_path, signature_of, trimmed};

/// How far a signature's time may be from ours, as AWS has it: five minutes.
pub const SKEW_MILLIS: i64 = 5 * 60 * 1000;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: &str = "x-amz-date";

/// Why a signature can't be right, whoever made it. The texts are AWS's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// There is none.
    #[error("Missing Authentication Token")]
    Missing,
    /// The header lacks parts, or has parts that are no such thing.
    #[error("{0}")]
    Incomplete(String),
    /// Its time, its scope or the signature itself is wrong.
    #[error("{0}")]
    Invalid(String),
}

/// What a request says of its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Who says to have signed.
    pub access_key_id: String,
    /// For which region.
    pub region: String,
    range: String,
    stamp: String,
    headers: Vec<String>,
    signature: String,
}

fn incomplete(what: &str) -> SignatureFault {
    SignatureFault::Incomplete(format!("Authorization header requires {what}"))
}

impl Signed {
    /// Reads the header `Authorization`, and checks all of it but the signature: that it is for this service, that its time is
    /// near `now`, and that it covers the host and every header that AWS's protocols give a meaning (`x-amz-…`).
    ///
    /// # Errors
    /// [`SignatureFault`]
    pub fn read(headers: &HeaderMap, service: &str, now: Timestamp) -> Result<Self, SignatureFault> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let text = match (given.next(), given.next()) {
            (Some(one), None) => one.to_str().map_err(|_| incomplete("ASCII"))?,
            (Some(_), Some(_)) => return Err(incomplete("one value")),
            (None, _) => return Err(SignatureFault::Missing),
        };
        let rest = text.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' '));
        let rest = rest.ok_or_else(|| incomplete(&format!("the algorithm '{ALGORITHM}'")))?;
        let part = |name: &str| {
            let mut parts = rest.split(',').filter_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            match (parts.next(), parts.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value),
                _ => Err(incomplete(&format!("'{name}' parameter"))),
            }
        };
        let (credential, names, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
        let mut scope = credential.splitn(2, '/');
        let (access_key_id, range) = (scope.next().unwrap_or_default(), scope.next().unwrap_or_default());
        let parts: Vec<&str> = range.split('/').collect();
        let [day, region, for_service, "aws4_request"] = *parts.as_slice() else {
            return Err(SignatureFault::Invalid(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{credential}'"
            )));
        };
        if for_service != service {
            let text = format!("Credential should be scoped to correct service: '{service}'.");
            return Err(SignatureFault::Invalid(text));
        }
        let stamp = headers.get(DATE).and_then(|value| value.to_str().ok());
        let stamp = stamp.ok_or_else(|| incomplete("existence of either a 'X-Amz-Date' or a 'Date' header"))?;
        check_time(stamp, day, now)?;
        let headers_signed: Vec<String> = names.split(';').map(str::to_owned).collect();
        let covers = |name: &str| headers_signed.iter().any(|signed| signed == name);
        let protected = headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
        if let Some(open) = std::iter::once(HOST.as_str()).chain(protected).find(|name| !covers(name)) {
            let text = format!("'{open}' must be a 'SignedHeader' in the AWS Authorization.");
            return Err(SignatureFault::Invalid(text));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            region: region.to_owned(),
            range: range.to_owned(),
            stamp: stamp.to_owned(),
            headers: headers_signed,
            signature: signature.to_owned(),
        })
    }

    /// Did who knows one of `secrets` sign this request, with a body of this SHA-256 in lower-case hexadecimal?
    ///
    /// # Errors
    /// [`SignatureFault::Invalid`]
    pub fn check(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body_sha256: &str,
        secrets: &[Secret],
    ) -> Result<(), SignatureFault> {
        let canonical = self.canonical(method, uri, headers, body_sha256);
        let right = |secret: &Secret| {
            canonical.as_ref().is_some_and(|canonical| {
                same_secret(&signature_of(canonical, &self.stamp, &self.range, secret), &self.signature)
            })
        };
        // Each is looked at, so that the time tells nothing of which.
        if secrets.iter().fold(false, |any, secret| any | right(secret)) {
            return Ok(());
        }
        Err(SignatureFault::Invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ))
    }

    fn canonical(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body_sha256: &str) -> Option<String> {
        let mut lines = String::new();
        for name in &self.headers {
            let values: Vec<&str> =
                headers.get_all(name).iter().map(|value| value.to_str()).collect::<Result<_, _>>().ok()?;
            // A header that is said to be signed and is not there can't have been.
            (!values.is_empty()).then_some(())?;
            let values: Vec<String> = values.into_iter().map(trimmed).collect();
            lines.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        let path = encode_path(&normalized(uri.path()));
        let query = canonical_query(uri.query().unwrap_or_default());
        Some(format!("{method}\n{path}\n{query}\n{lines}\n{}\n{body_sha256}", self.headers.join(";")))
    }
}

/// A path without empty segments and those that mean another one (RFC 3986, 5.2.4).
fn normalized(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            other => kept.push(other),
        }
    }
    let tail = if kept.is_empty() || !path.ends_with('/') { "" } else { "/" };
    format!("/{}{tail}", kept.join("/"))
}

fn read_time(stamp: &str) -> Option<Timestamp> {
    let bytes = stamp.as_bytes();
    let fits = bytes.len() == 16
        && bytes.iter().enumerate().all(|(place, byte)| match place {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let part = |from: usize, to: usize| stamp.get(from..to).unwrap_or_default();
    let text =
        format!("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 6), part(6, 8), part(9, 11), part(11, 13), part(13, 15));
    fits.then(|| Timestamp::parse(&text)).flatten()
}

fn check_time(stamp: &str, day: &str, now: Timestamp) -> Result<(), SignatureFault> {
    let Some(at) = read_time(stamp) else {
        return Err(SignatureFault::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{stamp}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )));
    };
    if stamp.get(..8) != Some(day) {
        return Err(SignatureFault::Invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != \
             '{}', from '{stamp}'.",
            stamp.get(..8).unwrap_or_default()
        )));
    }
    let basic = |at: Timestamp| -> String {
        let text = at.to_string();
        let digits = text.split('.').next().unwrap_or_default().replace(['-', ':'], "");
        format!("{}Z", digits.trim_end_matches('Z'))
    };
    let (earliest, latest) = (now.plus_millis(-SKEW_MILLIS), now.plus_millis(SKEW_MILLIS));
    if at < earliest {
        return Err(SignatureFault::Invalid(format!(
            "Signature expired: {stamp} is now earlier than {} ({} - 5 min.)",
            basic(earliest),
            basic(now)
        )));
    }
    if at > latest {
        return Err(SignatureFault::Invalid(format!(
            "Signature not yet current: {stamp} is still later than {} ({} + 5 min.)",
            basic(latest),
            basic(now)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use millrace_app::digest::sha256_hex;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn now() -> Timestamp {
        Timestamp::from_millis(1_440_938_160_000)
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn signed(names: &str, signature: &str, more: &[(&str, &str)]) -> HeaderMap {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, \
             Signature={signature}"
        );
        let mut all = vec![("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        all.extend(more);
        all.push(("authorization", &authorization));
        headers(&all)
    }

    fn check(method: &str, path: &str, headers: &HeaderMap, body: &str) -> Result<(), SignatureFault> {
        let uri: Uri = path.parse().unwrap();
        let secrets = [Secret::new("another"), Secret::new(SECRET)];
        let method = method.parse().unwrap();
        Signed::read(headers, "service", now())?.check(&method, &uri, headers, &sha256_hex(body.as_bytes()), &secrets)
    }

    /// From the test suite that AWS publishes (2015-08-30T12:36:00Z, `service` in us-east-1).
    #[test]
    fn the_published_vectors() {
        let two = "host;x-amz-date";
        for (method, path, names, more, body, signature) in [
            ("GET", "/", two, [].as_slice(), "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("POST", "/", two, &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "POST",
                "/?Param1=value1",
                two,
                &[],
                "",
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
            (
                "GET",
                "/?Param2=value2&Param1=value1",
                two,
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            // normalize-path/get-relative, get-slash, get-relative-relative: all of them are the root.
            ("GET", "/example/..", two, &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("GET", "//", two, &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            ("GET", "/./", two, &[], "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "GET",
                "/example1/example2/../..",
                two,
                &[],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "/",
                "content-type;host;x-amz-date",
                &[("content-type", "application/x-www-form-urlencoded")],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "GET",
                "/",
                "host;my-header1;my-header2;x-amz-date",
                &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
                "",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "GET",
                "/",
                "host;my-header1;x-amz-date",
                &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
                "",
                "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            ),
        ] {
            let headers = signed(names, signature, more);
            assert_eq!(check(method, path, &headers, body), Ok(()), "{method} {path}");
            assert!(check(method, path, &headers, &format!("{body} ")).is_err(), "{method} {path}: another body");
            assert!(check("PUT", path, &headers, body).is_err(), "{method} {path}: another method");
            assert!(check(method, "/elsewhere", &headers, body).is_err(), "{method} {path}: another path");
            assert!(check(method, "/?x=y", &headers, body).is_err(), "{method} {path}: another query");
            let mut moved = headers.clone();
            moved.insert("host", "evil.example".parse().unwrap());
            assert!(check(method, path, &moved, body).is_err(), "{method} {path}: another host");
        }
    }

    #[test]
    fn what_can_t_be_right_is_refused_before_any_key_is_looked_up() {
        let good = signed("host;x-amz-date", EMPTY, &[]);
        assert!(Signed::read(&good, "service", now()).is_ok());
        assert_eq!(Signed::read(&HeaderMap::new(), "service", now()), Err(SignatureFault::Missing));
        let with = |change: &dyn Fn(&mut HeaderMap)| {
            let mut headers = good.clone();
            change(&mut headers);
            Signed::read(&headers, "service", now()).unwrap_err()
        };
        let authorization = good["authorization"].to_str().unwrap();
        let replaced = |from: &str, to: &str| {
            let text = authorization.replace(from, to);
            with(&|headers| drop(headers.insert("authorization", text.parse().unwrap())))
        };
        for (from, to) in [
            ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
            ("AWS4-HMAC-SHA256 ", "Bearer "),
            ("Credential=", "Cred="),
            ("SignedHeaders=host;x-amz-date", "SignedHeaders="),
            ("Signature=", "Signature=a, Signature="),
        ] {
            assert!(matches!(replaced(from, to), SignatureFault::Incomplete(_)), "{from} → {to}");
        }
        for (from, to) in [
            ("/service/", "/states/"),
            ("aws4_request", "aws4"),
            ("20150830/", "20150831/"),
            ("host;x-amz-date", "host"),
            ("host;x-amz-date", "x-amz-date"),
        ] {
            assert!(matches!(replaced(from, to), SignatureFault::Invalid(_)), "{from} → {to}");
        }
        let target =
            with(&|headers| drop(headers.insert("x-amz-target", "AWSStepFunctions.StopExecution".parse().unwrap())));
        assert!(target.to_string().contains("x-amz-target"), "{target}");
        let twice = with(&|headers| assert!(headers.append("authorization", authorization.parse().unwrap())));
        assert!(matches!(twice, SignatureFault::Incomplete(_)));
        for date in ["20150830", "20150830T123600", "2015-08-30T12:36:00Z", "20151330T123600Z"] {
            let refused = with(&|headers| drop(headers.insert("x-amz-date", date.parse().unwrap())));
            assert!(matches!(refused, SignatureFault::Incomplete(_)), "{date}");
        }
    }

    #[test]
    fn a_signature_holds_for_five_minutes_either_way() {
        let headers = signed("host;x-amz-date", EMPTY, &[]);
        let at = |millis: i64| Signed::read(&headers, "service", now().plus_millis(millis));
        assert!(at(SKEW_MILLIS).is_ok() && at(-SKEW_MILLIS).is_ok());
        let late = at(SKEW_MILLIS + 1_000).unwrap_err().to_string();
        assert_eq!(
            late,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
        );
        let early = at(-SKEW_MILLIS - 1_000).unwrap_err().to_string();
        assert!(early.starts_with("Signature not yet current: "), "{early}");
    }
}
