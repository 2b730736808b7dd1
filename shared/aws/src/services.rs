//! Calls of the services that the ports are made of, and how each is spoken to.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use millrace_app::ports::{StoreError, StoreResult};
use millrace_client::s3::{self, Target};
use millrace_client::{
    Answer, Backoff, Call, CallError, Client, Repeat, Service, ServiceFault, encode, json_fault, xml,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// How a service that speaks awsJson is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol {
    service: Service,
    /// Of awsJson.
    version: &'static str,
    /// What stands before an operation's name.
    target: &'static str,
    backoff: Backoff,
    /// Of a try.
    timeout: Duration,
}

pub(crate) const DYNAMODB: Protocol = Protocol {
    service: Service::DYNAMODB,
    version: "1.0",
    target: "DynamoDB_20120810",
    backoff: Backoff::DYNAMODB,
    timeout: Duration::from_secs(10),
};

pub(crate) const SQS: Protocol = Protocol {
    service: Service::SQS,
    version: "1.0",
    target: "AmazonSQS",
    backoff: Backoff::STANDARD,
    // Longer than the longest poll.
    timeout: Duration::from_secs(30),
};

pub(crate) const SSM: Protocol = Protocol {
    service: Service::SSM,
    version: "1.1",
    target: "AmazonSSM",
    backoff: Backoff::STANDARD,
    timeout: Duration::from_secs(10),
};

/// Of a try to make a schedule.
const SCHEDULE: Duration = Duration::from_secs(10);
/// Of a try to read or write an object, whatever its size.
const OBJECT: Duration = Duration::from_secs(120);
/// The largest object that one request writes.
const LARGEST_OBJECT: usize = 5 << 30;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallFailed {
    /// The service said so.
    #[error("{fault}")]
    Refused {
        fault: Box<ServiceFault>,
        /// Why a transaction was cancelled: a code for each of its items, `None` for one that is not to blame.
        reasons: Vec<String>,
    },
    /// There was no answer.
    #[error(transparent)]
    NoAnswer(#[from] CallError),
    /// The answer is not what the service promises.
    #[error("{0} answered what can't be read")]
    Unreadable(&'static str, #[source] Option<serde_json::Error>),
}

impl CallFailed {
    fn fault(&self) -> Option<&ServiceFault> {
        match self {
            Self::Refused { fault, .. } => Some(fault),
            Self::NoAnswer(_) | Self::Unreadable(..) => None,
        }
    }

    /// Does the service name this error, by its code or by the one that it used before?
    pub(crate) fn is(&self, code: &str) -> bool {
        self.fault().is_some_and(|fault| {
            fault.code == code
                || fault.legacy_code.as_deref().is_some_and(|legacy| legacy.rsplit('.').next() == Some(code))
        })
    }

    /// Does the service blame its caller?
    pub(crate) fn is_callers(&self) -> bool {
        self.fault().is_some_and(|fault| (400..500).contains(&fault.status))
    }

    pub(crate) fn of_json(answer: &Answer) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        struct Cancelled {
            cancellation_reasons: Vec<Reason>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Reason {
            code: Option<String>,
        }
        let cancelled: Cancelled = serde_json::from_slice(&answer.response.body).unwrap_or_default();
        let reasons = cancelled.cancellation_reasons.into_iter().filter_map(|reason| reason.code).collect();
        Self::Refused { fault: Box::new(json_fault(answer)), reasons }
    }
}

/// A request's body.
pub(crate) fn body(operation: &'static str, request: &impl Serialize) -> StoreResult<Bytes> {
    match serde_json::to_vec(request) {
        Ok(body) => Ok(body.into()),
        Err(error) => Err(StoreError::unavailable(operation, error)),
    }
}

/// The services of a stack, over one pool of connections.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) config: Config,
    client: Client,
}

impl Services {
    pub(crate) fn new(config: Config) -> Self {
        let client = Client::new(config.endpoints.clone());
        Self { config, client }
    }

    /// Does an operation and answers its response as it came.
    pub(crate) async fn json(
        &self,
        protocol: &Protocol,
        operation: &'static str,
        body: Bytes,
    ) -> Result<Bytes, CallFailed> {
        let Protocol { service, version, target, backoff, timeout } = protocol;
        let call = Call {
            timeout: *timeout,
            backoff: *backoff,
            repeat: Repeat::Always,
            ..Call::json(service, version, target, operation, body)
        };
        let answer = self.client.call(&call).await?;
        if answer.succeeded() { Ok(answer.response.body) } else { Err(CallFailed::of_json(&answer)) }
    }

    /// The same with the response read.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        protocol: &Protocol,
        operation: &'static str,
        body: Bytes,
    ) -> Result<T, CallFailed> {
        let answer = self.json(protocol, operation, body).await?;
        serde_json::from_slice(&answer).map_err(|error| CallFailed::Unreadable(protocol.service.host, Some(error)))
    }

    /// Makes a one-time schedule.
    pub(crate) async fn create_schedule(&self, name: &str, body: Bytes) -> Result<(), CallFailed> {
        let call = Call {
            path: format!("/schedules/{}", encode(name)),
            timeout: SCHEDULE,
            repeat: Repeat::Always,
            ..Call::post(&Service::SCHEDULER, body).header("content-type", "application/json")
        };
        let answer = self.client.call(&call).await?;
        if answer.succeeded() { Ok(()) } else { Err(CallFailed::of_json(&answer)) }
    }

    /// Makes a request to the stack's bucket or to an object in it.
    pub(crate) async fn s3(&self, method: Method, target: Target<'_>) -> Result<Answer, CallFailed> {
        let call = Call {
            timeout: OBJECT,
            largest: LARGEST_OBJECT,
            repeat: Repeat::Always,
            ..s3::call(&self.config.endpoints, method, Target { bucket: &self.config.bucket, ..target })
        };
        let answer = self.client.call(&call).await?;
        if answer.succeeded() {
            return Ok(answer);
        }
        Err(CallFailed::Refused { fault: Box::new(xml::fault(&answer)), reasons: Vec::new() })
    }

    /// An address by which anybody may read an object for so long.
    pub(crate) async fn s3_address(&self, key: &str, query: String, valid_for: Duration) -> Result<String, CallFailed> {
        let target = Target { bucket: &self.config.bucket, key, query, ..Target::default() };
        let call = s3::call(&self.config.endpoints, Method::GET, target);
        Ok(self.client.presigned(&call, valid_for).await?)
    }
}
