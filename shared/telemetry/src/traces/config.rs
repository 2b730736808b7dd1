//! OpenTelemetry's own variables
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>,
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::time::Duration;

use http::Uri;
use millrace_app::ports::Secret;
use percent_encoding::percent_decode_str;

use super::sampler::Sampler;

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a problem, naming the variable.
    pub problems: Vec<String>,
}

/// Where spans go, and which.
#[derive(Debug, Clone, PartialEq)]
pub struct TracesConfig {
    pub(super) endpoint: Uri,
    /// Sent with every request; their values may be secret.
    pub(super) headers: Vec<(String, Secret)>,
    pub(super) timeout: Duration,
    /// What is known of the process, `service.name` among it.
    pub(super) resource: Vec<(String, String)>,
    pub(super) sampler: Sampler,
    /// How long spans wait to be sent.
    pub(super) delay: Duration,
    /// So many spans wait at the most; more are lost.
    pub(super) queue: usize,
    /// So many spans go with a request.
    pub(super) batch: usize,
}

const OWN_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

impl TracesConfig {
    /// Reads the environment of a process that is called `service` where nothing else is said. `None`: nothing is traced.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn from_env(service: &str) -> Result<Option<Self>, ConfigError> {
        Self::from_variables(service, |name| std::env::var(name).ok())
    }

    /// The same from other variables. An empty one counts as a missing one.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn from_variables(
        service: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let variable = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let own_or = |own: &str, common: &str| variable(own).or_else(|| variable(common));
        let mut problems = Vec::new();
        let exporter = variable("OTEL_TRACES_EXPORTER");
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let endpoint = match (variable(OWN_ENDPOINT), variable(ENDPOINT)) {
            (Some(own), _) => Some((OWN_ENDPOINT, own)),
            (None, Some(common)) => Some((ENDPOINT, format!("{}/v1/traces", common.trim_end_matches('/')))),
            (None, None) if exporter.as_deref() == Some("otlp") => {
                Some((ENDPOINT, "http://localhost:4318/v1/traces".to_owned()))
            }
            (None, None) => None,
        };
        let Some((name, endpoint)) = endpoint.filter(|_| !is_off && exporter.as_deref() != Some("none")) else {
            return Ok(None);
        };
        if let Some(other) = exporter.filter(|name| name != "otlp") {
            problems.push(format!("OTEL_TRACES_EXPORTER is {other:?}: it must be otlp or none"));
        }
        let protocol = own_or("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
        if let Some(other) = protocol.filter(|protocol| protocol != "http/json") {
            problems.push(format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is {other:?}: only http/json is spoken; collectors take it too"
            ));
        }
        let read = endpoint.parse::<Uri>().ok();
        let read = read.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        if read.is_none() {
            problems.push(format!("{name} is {endpoint:?}: it must be a URL that begins with http:// or https://"));
        }
        let headers = own_or("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS").unwrap_or_default();
        let Some(headers) = pairs(&headers) else {
            // What is wrong may be secret.
            problems.push("OTEL_EXPORTER_OTLP_HEADERS must be like name=value,other=value".to_owned());
            return Err(ConfigError { problems });
        };
        let mut resource = vec![("service.name".to_owned(), service.to_owned())];
        match pairs(&variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default()) {
            Some(given) => given.into_iter().for_each(|pair| put(&mut resource, pair)),
            None => problems.push("OTEL_RESOURCE_ATTRIBUTES must be like name=value,other=value".to_owned()),
        }
        if let Some(name) = variable("OTEL_SERVICE_NAME") {
            put(&mut resource, ("service.name".to_owned(), name));
        }
        let sampler = Sampler::read(variable("OTEL_TRACES_SAMPLER"), variable("OTEL_TRACES_SAMPLER_ARG"));
        let sampler = sampler.unwrap_or_else(|problem| {
            problems.push(problem);
            Sampler::default()
        });
        let mut number = |name: &str, usual: u64| match variable(name).map(|text| text.parse::<u64>().map_err(|_| text))
        {
            None => usual,
            Some(Ok(number)) if number > 0 => number,
            Some(other) => {
                let given = other.map_or_else(|text| text, |number| number.to_string());
                problems.push(format!("{name} is {given:?}: it must be a whole number over 0"));
                usual
            }
        };
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let own_timeout = variable("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT").is_some();
        let timeout = if own_timeout { "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" } else { "OTEL_EXPORTER_OTLP_TIMEOUT" };
        let timeout = Duration::from_millis(number(timeout, 10_000));
        let delay = Duration::from_millis(number("OTEL_BSP_SCHEDULE_DELAY", 5_000));
        let queue = whole(number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048));
        let batch = whole(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)).min(queue);
        let headers = headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect();
        match read {
            Some(endpoint) if problems.is_empty() => {
                Ok(Some(Self { endpoint, headers, timeout, resource, sampler, delay, queue, batch }))
            }
            _ => Err(ConfigError { problems }),
        }
    }
}

fn put(resource: &mut Vec<(String, String)>, (name, value): (String, String)) {
    resource.retain(|(known, _)| *known != name);
    resource.push((name, value));
}

/// `name=value,other=value`, with values percent-encoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim();
        (!name.is_empty())
            .then(|| Some((name.to_owned(), percent_decode_str(value.trim()).decode_utf8().ok()?.into_owned())))?
    };
    pairs.map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TracesConfig>, ConfigError> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        TracesConfig::from_variables("millrace", find)
    }

    #[test]
    fn nothing_is_traced_unless_somebody_says_where_to() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for off in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[endpoint, ("OTEL_SDK_DISABLED", "true")],
            &[endpoint, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(read(off), Ok(None), "{off:?}");
        }
        let usual = read(&[("OTEL_TRACES_EXPORTER", "otlp")]).unwrap().unwrap();
        assert_eq!(usual.endpoint, "http://localhost:4318/v1/traces");
    }

    #[test]
    fn the_standard_variables_are_read() {
        let config = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example:4318/"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20eA==, x-team = blue"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,service.name=other"),
            ("OTEL_SERVICE_NAME", "mine"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let config = config.unwrap().unwrap();
        assert_eq!(config.endpoint, "https://collector.example:4318/v1/traces");
        let headers: Vec<_> = config.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(headers, [("authorization", "Basic eA=="), ("x-team", "blue")]);
        assert!(!format!("{config:?}").contains("eA=="));
        assert_eq!(config.timeout, Duration::from_millis(250));
        let resource = [("deployment.environment.name", "prod"), ("service.name", "mine")];
        assert_eq!(config.resource, resource.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(config.sampler, Sampler::ParentOr(Box::new(Sampler::Ratio(0.25))));
        let own = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/somewhere"),
        ]);
        assert_eq!(own.unwrap().unwrap().endpoint, "http://b/somewhere");
    }

    #[test]
    fn every_problem_is_told_together() {
        let error = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_TRACES_SAMPLER", "sometimes"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_RESOURCE_ATTRIBUTES", "x"),
        ]);
        let problems = error.unwrap_err().problems;
        assert_eq!(problems.len(), 6, "{problems:#?}");
        let secret = read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"), ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")]);
        assert!(!secret.unwrap_err().to_string().contains("hunter2"));
    }
}
