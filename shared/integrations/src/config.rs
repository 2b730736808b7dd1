//! Where services are reached, and as whom.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;

use crate::service::Service;

/// The longest call, a Lambda function's longest run short of what its caller needs to end in time itself.
pub(crate) const LONGEST_CALL: Duration = Duration::from_secs(880);
/// Every other call.
pub(crate) const CALL: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes: an object of S3 as a task's result. Millrace has no limit of its own below.
pub(crate) const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a problem, naming the variable.
    pub problems: Vec<String>,
}

/// Region, endpoints and role. Credentials are read from the environment when a call needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub(crate) region: String,
    /// By the end of the variable's name: `LAMBDA`.
    pub(crate) endpoints: BTreeMap<String, String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) role_arn: Option<String>,
}

/// Where a service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Without a slash at the end.
    pub(crate) base: String,
    /// Configured, not AWS's own.
    pub(crate) overridden: bool,
}

impl Endpoint {
    /// Is it on this machine, or without TLS? Then it is no AWS that checks credentials.
    pub(crate) fn is_local(&self) -> bool {
        self.overridden && (self.base.starts_with("http://") || is_loopback(&self.base))
    }
}

/// Does an address name this machine?
pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const ROLE: &str = "INTEGRATIONS_ROLE_ARN";

impl Config {
    /// Reads `AWS_REGION` (or `AWS_DEFAULT_REGION`; else us-east-1), `AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, and
    /// `INTEGRATIONS_ROLE_ARN`, the role as which all calls are made where it is set.
    ///
    /// # Errors
    /// [`ConfigError`] with every malformed variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let variables = std::env::vars_os();
        Self::from_variables(
            variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// The same from any variables. An empty one counts as a missing one.
    ///
    /// # Errors
    /// [`ConfigError`] with every malformed variable.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let mut config = Self { region: String::new(), endpoints: BTreeMap::new(), endpoint: None, role_arn: None };
        let mut default_region = String::new();
        for (name, value) in variables {
            let value = value.trim().to_owned();
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "AWS_REGION" => config.region = value,
                "AWS_DEFAULT_REGION" => default_region = value,
                ROLE if value.starts_with("arn:") => config.role_arn = Some(value),
                ROLE => problems.push(format!("{ROLE} is {value:?}: it must be the ARN of a role")),
                _ => {
                    let Some(service) = name.strip_prefix(ENDPOINT) else { continue };
                    let base = value.trim_end_matches('/').to_owned();
                    let known = matches!(base.parse::<Uri>(), Ok(uri) if uri.host().is_some()
                        && matches!(uri.scheme_str(), Some("http" | "https")));
                    match service.strip_prefix('_') {
                        _ if !known => problems.push(format!(
                            "{name} is {value:?}: it must be a URL that begins with https:// or http://"
                        )),
                        None if service.is_empty() => config.endpoint = Some(base),
                        None => {}
                        Some(service) => {
                            config.endpoints.insert(service.to_owned(), base);
                        }
                    }
                }
            }
        }
        if config.region.is_empty() {
            config.region = if default_region.is_empty() { "us-east-1".to_owned() } else { default_region };
        }
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// Where a service is reached in `region`.
    pub(crate) fn endpoint(&self, service: &Service, region: &str) -> Endpoint {
        match self.endpoints.get(service.variable).or(self.endpoint.as_ref()) {
            Some(base) => Endpoint { base: base.clone(), overridden: true },
            None => {
                Endpoint { base: format!("https://{}.{region}.{}", service.host, suffix(region)), overridden: false }
            }
        }
    }

    /// Was an endpoint for exactly this service configured?
    pub(crate) fn names(&self, service: &Service) -> bool {
        self.endpoints.contains_key(service.variable)
    }
}

/// The domain of a region's partition.
fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{LAMBDA, SQS};

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_endpoint_is_the_services_own_then_the_common_one_then_that_of_aws() {
        let aws = config(&[("AWS_REGION", "eu-west-1")]).unwrap();
        assert_eq!(aws.endpoint(&LAMBDA, "eu-west-1").base, "https://lambda.eu-west-1.amazonaws.com");
        assert_eq!(aws.endpoint(&LAMBDA, "cn-north-1").base, "https://lambda.cn-north-1.amazonaws.com.cn");
        let both = [("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/"), ("AWS_ENDPOINT_URL_SQS", "https://sqs.example")];
        let both = config(&both).unwrap();
        assert_eq!(both.region, "us-east-1");
        assert_eq!(both.endpoint(&LAMBDA, "x").base, "http://127.0.0.1:4566");
        assert!(both.endpoint(&LAMBDA, "x").is_local() && !both.names(&LAMBDA));
        assert_eq!(both.endpoint(&SQS, "x").base, "https://sqs.example");
        assert!(!both.endpoint(&SQS, "x").is_local() && both.names(&SQS));
    }

    #[test]
    fn every_problem_is_reported_together() {
        let error = config(&[
            ("AWS_ENDPOINT_URL", "localhost:4566"),
            ("AWS_ENDPOINT_URL_S3", "ftp://x"),
            ("INTEGRATIONS_ROLE_ARN", "role"),
            ("AWS_ENDPOINT_URL_SNS", " "),
        ])
        .unwrap_err();
        assert_eq!(error.problems.len(), 3, "{error}");
    }

    #[test]
    fn this_machine_goes_by_several_names() {
        for (url, expected) in [
            ("http://127.0.0.1:1/x", true),
            ("https://[::1]:1", true),
            ("https://localhost", true),
            ("https://127.0.0.1.example.com", false),
            ("https://example.com", false),
        ] {
            assert_eq!(is_loopback(url), expected, "{url}");
        }
    }
}
