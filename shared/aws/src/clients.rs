//! The SDK's clients, each made when it is first used, so that a function starts quickly.

use std::sync::OnceLock;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_dynamodb::config::{Region, SharedHttpClient, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::config::Config;

/// The credentials that Lambda puts into the environment. Nothing else is tried: no files, no metadata service.
#[derive(Debug)]
struct EnvironmentCredentials;

impl EnvironmentCredentials {
    fn read() -> Result<Credentials, CredentialsError> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => {
                Ok(Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment"))
            }
            _ => Err(CredentialsError::not_loaded("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")),
        }
    }
}

impl ProvideCredentials for EnvironmentCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Self::read())
    }
}

/// All clients over one connection pool.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) config: Config,
    http: OnceLock<SharedHttpClient>,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
    s3: OnceLock<aws_sdk_s3::Client>,
    ssm: OnceLock<aws_sdk_ssm::Client>,
    scheduler: OnceLock<aws_sdk_scheduler::Client>,
}

/// What the five builders share: they are of different types with the same methods.
macro_rules! configured {
    ($clients:expr, $service:ident) => {{
        let clients = $clients;
        let mut builder = $service::Config::builder()
            .region(Region::new(clients.config.region.clone()))
            .credentials_provider(EnvironmentCredentials)
            .http_client(clients.http())
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_secs(3))
                    .read_timeout(Duration::from_secs(30))
                    .build(),
            );
        builder.set_endpoint_url(clients.config.endpoint_url.clone());
        builder
    }};
}

impl Clients {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            config,
            http: OnceLock::new(),
            dynamodb: OnceLock::new(),
            sqs: OnceLock::new(),
            s3: OnceLock::new(),
            ssm: OnceLock::new(),
            scheduler: OnceLock::new(),
        }
    }

    fn http(&self) -> SharedHttpClient {
        self.http
            .get_or_init(|| {
                aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
            })
            .clone()
    }

    pub(crate) fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::from_conf(configured!(self, aws_sdk_dynamodb).build()))
    }

    pub(crate) fn sqs(&self) -> &aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::from_conf(configured!(self, aws_sdk_sqs).build()))
    }

    pub(crate) fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            // A custom endpoint has no host name for each bucket.
            let path_style = self.config.endpoint_url.is_some();
            aws_sdk_s3::Client::from_conf(configured!(self, aws_sdk_s3).force_path_style(path_style).build())
        })
    }

    pub(crate) fn ssm(&self) -> &aws_sdk_ssm::Client {
        self.ssm.get_or_init(|| aws_sdk_ssm::Client::from_conf(configured!(self, aws_sdk_ssm).build()))
    }

    pub(crate) fn scheduler(&self) -> &aws_sdk_scheduler::Client {
        self.scheduler
            .get_or_init(|| aws_sdk_scheduler::Client::from_conf(configured!(self, aws_sdk_scheduler).build()))
    }
}
