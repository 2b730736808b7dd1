//! Where services are reached.

use std::collections::BTreeMap;
use std::net::IpAddr;

use http::Uri;

use crate::service::Service;

/// The region, and the addresses that take the place of AWS's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    region: String,
    /// By the end of the variable's name: `LAMBDA`.
    own: BTreeMap<String, String>,
    common: Option<String>,
}

/// Where a service is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without a slash at the end.
    pub base: String,
    /// Configured, not AWS's own.
    pub overridden: bool,
}

impl Endpoint {
    /// Is it on this machine, or without TLS? Then it is no AWS that checks credentials.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.overridden && (self.base.starts_with("http://") || is_loopback(&self.base))
    }
}

/// Does an address name this machine?
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let Some(host) = uri.host() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

const ENDPOINT: &str = "AWS_ENDPOINT_URL";

impl Endpoints {
    /// Reads `AWS_REGION` (or `AWS_DEFAULT_REGION`; else us-east-1), `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL`.
    /// An empty variable counts as a missing one. Answers also what is wrong, one sentence a problem, naming the variable.
    pub fn read(variables: impl IntoIterator<Item = (String, String)>) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let mut endpoints = Self::default();
        let mut default_region = String::new();
        for (name, value) in variables {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match name.as_str() {
                "AWS_REGION" => value.clone_into(&mut endpoints.region),
                "AWS_DEFAULT_REGION" => value.clone_into(&mut default_region),
                _ => {
                    let Some(service) = name.strip_prefix(ENDPOINT) else { continue };
                    let base = value.trim_end_matches('/').to_owned();
                    let known = matches!(base.parse::<Uri>(), Ok(uri) if uri.host().is_some()
                        && matches!(uri.scheme_str(), Some("http" | "https")));
                    match service.strip_prefix('_') {
                        _ if !known => problems.push(format!(
                            "{name} is {value:?}: it must be a URL that begins with https:// or http://"
                        )),
                        None if service.is_empty() => endpoints.common = Some(base),
                        None => {}
                        Some(service) => {
                            endpoints.own.insert(service.to_owned(), base);
                        }
                    }
                }
            }
        }
        if endpoints.region.is_empty() {
            endpoints.region = if default_region.is_empty() { "us-east-1".to_owned() } else { default_region };
        }
        (endpoints, problems)
    }

    /// The region of calls that name no other.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Where a service is reached in `region`.
    #[must_use]
    pub fn of(&self, service: &Service, region: &str) -> Endpoint {
        match self.own.get(service.variable).or(self.common.as_ref()) {
            Some(base) => Endpoint { base: base.clone(), overridden: true },
            None => {
                Endpoint { base: format!("https://{}.{region}.{}", service.host, suffix(region)), overridden: false }
            }
        }
    }

    /// Was an endpoint for exactly this service configured?
    #[must_use]
    pub fn names(&self, service: &Service) -> bool {
        self.own.contains_key(service.variable)
    }
}

/// The domain of a region's partition.
fn suffix(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMBDA: Service = Service::new("LAMBDA", "lambda");

    fn read(variables: &[(&str, &str)]) -> (Endpoints, Vec<String>) {
        Endpoints::read(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn an_endpoint_is_the_services_own_then_the_common_one_then_that_of_aws() {
        let (aws, _) = read(&[("AWS_REGION", "eu-west-1")]);
        assert_eq!(aws.of(&LAMBDA, "eu-west-1").base, "https://lambda.eu-west-1.amazonaws.com");
        assert_eq!(aws.of(&LAMBDA, "cn-north-1").base, "https://lambda.cn-north-1.amazonaws.com.cn");
        let both = [("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/"), ("AWS_ENDPOINT_URL_SQS", "https://sqs.example")];
        let (both, problems) = read(&both);
        assert_eq!((both.region(), problems.len()), ("us-east-1", 0));
        assert_eq!(both.of(&LAMBDA, "x").base, "http://127.0.0.1:4566");
        assert!(both.of(&LAMBDA, "x").is_local() && !both.names(&LAMBDA));
        assert_eq!(both.of(&Service::SQS, "x").base, "https://sqs.example");
        assert!(!both.of(&Service::SQS, "x").is_local() && both.names(&Service::SQS));
    }

    #[test]
    fn every_problem_is_reported_together() {
        let (_, problems) = read(&[
            ("AWS_ENDPOINT_URL", "localhost:4566"),
            ("AWS_ENDPOINT_URL_S3", "ftp://x"),
            ("AWS_ENDPOINT_URL_SNS", " "),
        ]);
        assert_eq!(problems.len(), 2, "{problems:?}");
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
