//! Who calls, and where.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use millrace_app::PayloadLimit;
use millrace_app::identity::Role;
use millrace_app::workflows::Place;

/// What the API is told at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFunctionsConfig {
    /// The account of requests that name none.
    pub account: String,
    /// The region of requests that name none.
    pub region: String,
    /// The owner of all workflows; `None`: `aws:` and the account. Where the REST API lets everybody in as one owner, it
    /// is that one, so that both APIs show the same workflows.
    pub owner: Option<String>,
    /// How large the data of executions may be, where a definition does not say it.
    pub payload_limit: PayloadLimit,
    /// How long a call may wait: for a task of an activity, for the end of a synchronous execution.
    pub longest_poll: Duration,
    /// Must the front have put an [`ApiCaller`] into the request's extensions?
    pub callers_are_known: bool,
}

impl Default for StepFunctionsConfig {
    fn default() -> Self {
        Self {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            owner: None,
            payload_limit: PayloadLimit::None,
            longest_poll: Duration::from_secs(300),
            callers_are_known: false,
        }
    }
}

impl StepFunctionsConfig {
    /// Reads `MILLRACE_ACCOUNT_ID`, `AWS_REGION` and `MILLRACE_PAYLOAD_LIMIT` (`aws` or `none`); what is not set, or is
    /// none of these, keeps its default.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let default = Self::default();
        Self {
            account: variable("MILLRACE_ACCOUNT_ID").filter(|text| is_account(text)).unwrap_or(default.account),
            region: variable("AWS_REGION").filter(|text| is_region(text)).unwrap_or(default.region),
            owner: None,
            payload_limit: match variable("MILLRACE_PAYLOAD_LIMIT").as_deref() {
                Some("aws") => PayloadLimit::Aws,
                _ => PayloadLimit::None,
            },
            longest_poll: default.longest_poll,
            callers_are_known: default.callers_are_known,
        }
    }
}

/// A caller whom the front identified; in the request's extensions it stands above what the request says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCaller {
    /// Twelve digits.
    pub account: String,
    /// Who owns what they make; `None`: as the configuration has it.
    pub owner: Option<String>,
    /// What they may do.
    pub role: Role,
}

/// What a request showed of its caller was not good: the answer's error. In the request's extensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRefusal {
    pub(crate) name: &'static str,
    pub(crate) message: String,
}

impl ApiRefusal {
    /// An error's name, without its namespace, and its text.
    pub fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

/// Where a request is meant for, and who owns what it makes.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) place: Place,
    pub(crate) owner: String,
    pub(crate) payload_limit: PayloadLimit,
}

impl Scope {
    /// From the credential scope of a signature (`AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/states/…`): its
    /// region, and as account its access key where that is one. The signature itself is the front's business.
    pub(crate) fn of(config: &StepFunctionsConfig, caller: Option<&ApiCaller>, headers: &HeaderMap) -> Self {
        let mut scope = credential(headers).into_iter().flat_map(|text| text.split('/'));
        let (key, region) = (scope.next(), scope.nth(1));
        let account = match caller {
            Some(caller) => caller.account.as_str(),
            None => key.filter(|key| is_account(key)).unwrap_or(&config.account),
        };
        let region = region.filter(|region| is_region(region)).unwrap_or(&config.region);
        let partition = match region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let owner = caller.and_then(|caller| caller.owner.clone()).or_else(|| config.owner.clone());
        let owner = owner.unwrap_or_else(|| format!("aws:{account}"));
        let place = Place { partition: partition.to_owned(), region: region.to_owned(), account: account.to_owned() };
        Self { place, owner, payload_limit: config.payload_limit }
    }
}

fn credential(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, rest) = text.split_once("Credential=")?;
    rest.split([',', ' ']).next()
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 32 && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(authorization: &str) -> (String, String) {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        let scope = Scope::of(&StepFunctionsConfig::default(), None, &headers);
        (scope.place.account, scope.place.region)
    }

    #[test]
    fn account_and_region_come_from_the_credential_scope() {
        let signed = |credential: &str| format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host");
        assert_eq!(
            scope(&signed("111111111111/20260101/eu-central-1/states/aws4_request")),
            ("111111111111".to_owned(), "eu-central-1".to_owned())
        );
        assert_eq!(
            scope(&signed("AKIDEXAMPLE/20260101/eu-west-1/states/aws4_request")),
            ("000000000000".to_owned(), "eu-west-1".to_owned())
        );
        for other in ["Bearer x", "AWS4-HMAC-SHA256 Credential=", "Credential=///,"] {
            assert_eq!(scope(other), ("000000000000".to_owned(), "us-east-1".to_owned()), "{other}");
        }
    }
}
