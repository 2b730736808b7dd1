//! A request as it came, before anything is believed of it.

/// What the names of headers contain that hold something secret or prove something.
const PRIVATE: [&str; 10] =
    ["auth", "cookie", "token", "secret", "signature", "hmac", "passw", "credential", "key", "session"];
/// Names that contain one of these, and say nothing secret.
const PUBLIC: [&str; 1] = ["idempotency-key"];
/// The longest value of a header that is kept, in bytes.
const VALUE_BYTES: usize = 1_024;
/// At most so many headers are kept.
const MOST_KEPT: usize = 64;

/// Headers by their names in lower case, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// All values of a header. One that came more than once is not joined: a list of signatures is not one signature.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The headers that may be kept: without what is secret or proves something, cut to a reasonable size.
    #[must_use]
    pub fn without_secrets(&self) -> Vec<(String, String)> {
        let is_private = |name: &str| PRIVATE.iter().any(|part| name.contains(part)) && !PUBLIC.contains(&name);
        let kept = self.0.iter().filter(|(name, _)| !is_private(name)).take(MOST_KEPT);
        kept.map(|(name, value)| (name.clone(), cut(value, VALUE_BYTES).to_owned())).collect()
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(headers: T) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into())).collect())
    }
}

/// A text without what lies behind its first `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

/// A request to a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// Its headers.
    pub headers: Headers,
    /// The query, without the question mark; empty where there is none.
    pub query: String,
    /// The body's bytes exactly as they were sent.
    pub body: Vec<u8>,
}

impl Request {
    /// Is the body a form (`application/x-www-form-urlencoded`)?
    #[must_use]
    pub fn is_form(&self) -> bool {
        self.media_type() == "application/x-www-form-urlencoded"
    }

    /// The body's media type in lower case, without parameters; empty where the request names none.
    #[must_use]
    pub fn media_type(&self) -> String {
        let given = self.headers.get("content-type").unwrap_or_default();
        given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// A parameter of the query.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut all = form_urlencoded::parse(self.query.as_bytes());
        all.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_kept() {
        let headers = Headers::from_iter([
            ("X-GitHub-Event", "push"),
            ("X-Hub-Signature-256", "sha256=ab"),
            ("X-Gitlab-Token", "t"),
            ("Authorization", "Bearer x"),
            ("Cookie", "a=b"),
            ("X-Shopify-Hmac-Sha256", "h"),
            ("X-Api-Key", "k"),
            ("X-Amz-Security-Token", "k"),
            ("Cf-Webhook-Auth", "k"),
            ("X-Functions-Key", "k"),
            ("X-Passwd", "k"),
            ("Idempotency-Key", "1"),
            ("User-Agent", "GitHub-Hookshot/1"),
        ]);
        let kept = headers.without_secrets();
        let names: Vec<&str> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["x-github-event", "idempotency-key", "user-agent"]);
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let headers = Headers::from_iter([("a", "ä".repeat(1_000))]);
        assert_eq!(headers.without_secrets()[0].1.len(), 1_024);
        assert_eq!(cut("aä", 2), "a");
    }
}
