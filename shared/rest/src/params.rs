//! Reading paths, queries and headers.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use millrace_app::ids::ProjectId;
use millrace_app::projects::{MAX_LIMIT, Paging};
use millrace_app::{Error, FieldProblem, Timestamp};

use crate::body::unknown;
use crate::frame::IDEMPOTENCY_KEY;
use crate::problem::Problem;

/// The longest cursor that is looked at.
const CURSOR_BYTES: usize = 4 * 1024;

/// The parameters of the path.
pub(crate) struct PathParams(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for PathParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = parts.uri.path().to_owned();
        // What is not UTF-8 names nothing.
        let found = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::no_route(&path))?;
        Ok(Self(found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

impl PathParams {
    /// A parameter; empty when the route has none of this name.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// A parameter that is the id of something of this kind. What is no id names nothing.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str, kind: &'static str) -> Result<T, Problem> {
        let text = self.get(name);
        text.parse().map_err(|_| Error::NotFound { kind, id: text.chars().take(80).collect() }.into())
    }

    /// The project that the path names.
    pub(crate) fn project(&self) -> Result<ProjectId, Problem> {
        self.parsed("id", "project")
    }
}

/// The parameters of the query, to be read one by one. What was never named is unknown.
pub(crate) struct QueryParams {
    given: Vec<(String, String)>,
    known: Vec<&'static str>,
    problems: Vec<FieldProblem>,
}

impl<S: Send + Sync> FromRequestParts<S> for QueryParams {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let given = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Ok(Self { given, known: Vec::new(), problems: Vec::new() })
    }
}

impl QueryParams {
    /// A parameter, read by `read`, which says what is wrong with it.
    pub(crate) fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.known.push(name);
        let (mut values, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given == name);
        self.given = rest;
        let (_, value) = values.pop()?;
        let outcome = if values.is_empty() { read(&value) } else { Err("must be given once".to_owned()) };
        outcome.map_err(|message| self.problems.push(FieldProblem::new(name, message))).ok()
    }

    /// All values of a parameter that may be given more than once.
    pub(crate) fn read_all<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        self.known.push(name);
        let (values, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given == name);
        self.given = rest;
        let mut all = Vec::with_capacity(values.len());
        for (_, value) in values {
            match read(&value) {
                Ok(value) => all.push(value),
                Err(message) => self.problems.push(FieldProblem::new(name, message)),
            }
        }
        all
    }

    /// A time.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        self.read(name, time)
    }

    /// `limit` and `cursor`.
    pub(crate) fn paging(&mut self) -> Paging {
        let limit = self.read("limit", |text| match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            _ => Err(format!("must be a whole number from 1 to {MAX_LIMIT}")),
        });
        let cursor = self.read("cursor", |text| {
            if text.is_empty() || text.len() > CURSOR_BYTES {
                return Err("is not a cursor: take next_cursor from the page before, unchanged".to_owned());
            }
            Ok(text.to_owned())
        });
        Paging { limit, cursor }
    }

    /// All problems that were found, those of unknown parameters included.
    pub(crate) fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in &self.given {
            let field: String = name.chars().take(200).collect();
            self.problems.push(FieldProblem::new(field, unknown(name, &self.known)));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(Problem::invalid(self.problems)) }
    }
}

/// Reads a time.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z".to_owned())
}

/// What `If-Match` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// Any version.
    Any,
    /// One of these versions; a tag that this API never made matches none.
    OneOf(Vec<u64>),
}

impl IfMatch {
    /// The version that a change must find, where `stored` is the one that there is; `None` for any. One tag that matches will
    /// do (RFC 9110, 13.1.1).
    pub(crate) fn expected(self, what: &'static str, stored: u64) -> Result<Option<u64>, Problem> {
        match self {
            Self::Any => Ok(None),
            Self::OneOf(versions) if versions.contains(&stored) => Ok(Some(stored)),
            Self::OneOf(_) => Err(Error::VersionMismatch { what }.into()),
        }
    }

    /// The same where the stored version is still to be read. A single one is left to the change to compare.
    pub(crate) async fn expected_of(
        self,
        what: &'static str,
        stored: impl Future<Output = Result<u64, Error>>,
    ) -> Result<Option<u64>, Problem> {
        match self {
            Self::Any => Ok(None),
            Self::OneOf(versions) if versions.len() == 1 => Ok(versions.first().copied()),
            several @ Self::OneOf(_) => several.expected(what, stored.await?),
        }
    }
}

/// Reads `If-Match`; `None` when it is not there.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Problem> {
    let wrong = || Problem::from(Error::invalid("If-Match", "must be the ETag of an answer, in its quotes, or *"));
    let mut given = headers.get_all(IF_MATCH).iter().peekable();
    if given.peek().is_none() {
        return Ok(None);
    }
    let (mut versions, mut tags) = (Vec::new(), 0_u32);
    for value in given {
        let mut rest = value.to_str().map_err(|_| wrong())?.trim();
        if rest == "*" {
            return Ok(Some(IfMatch::Any));
        }
        // A list may have empty elements, and a tag commas (RFC 9110, 5.6.1 and 8.8.3).
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (is_weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
            let (inner, after) = tag.strip_prefix('"').and_then(|tag| tag.split_once('"')).ok_or_else(wrong)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(wrong());
            }
            tags += 1;
            // A weak tag never matches where a strong one is compared (RFC 9110, 13.1.1).
            if let (false, Ok(version)) = (is_weak, inner.parse()) {
                versions.push(version);
            }
        }
    }
    if tags == 0 { Err(wrong()) } else { Ok(Some(IfMatch::OneOf(versions))) }
}

/// Reads `Idempotency-Key`; `None` when it is not there.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    single(headers, &IDEMPOTENCY_KEY, "must be one value of 1 to 255 visible ASCII characters")
}

fn single(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(first) = values.next() else { return Ok(None) };
    match (first.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.to_owned())),
        _ => Err(Error::invalid("Idempotency-Key", wanted).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(text: &'static str) -> Result<Option<IfMatch>, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(text));
        if_match(&headers)
    }

    #[test]
    fn one_tag_that_matches_will_do() {
        let wanted = || IfMatch::OneOf(vec![1, 2]);
        assert_eq!(wanted().expected("it", 2).unwrap(), Some(2));
        assert!(wanted().expected("it", 3).is_err());
        assert!(IfMatch::OneOf(Vec::new()).expected("it", 0).is_err());
        assert_eq!(IfMatch::Any.expected("it", 3).unwrap(), None);
    }

    #[test]
    fn entity_tags_are_read() {
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read("*").unwrap(), Some(IfMatch::Any));
        assert_eq!(read("\"7\"").unwrap(), Some(IfMatch::OneOf(vec![7])));
        assert_eq!(read("\"7\", W/\"8\" , \"x\"").unwrap(), Some(IfMatch::OneOf(vec![7])));
        assert_eq!(read("\"7\",,\"8\" ,").unwrap(), Some(IfMatch::OneOf(vec![7, 8])));
        assert_eq!(read("\"a, b\", \"8\"").unwrap(), Some(IfMatch::OneOf(vec![8])));
        assert!(read("\"7\" \"8\"").is_err());
        assert!(read(" , ").is_err());
        assert!(read("\"7\", *").is_err());
        assert!(read("7").is_err());
        assert!(read("\"7").is_err());
        assert!(read("").is_err());
    }
}
