//! What tells one service from another on the wire.

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// The end of `AWS_ENDPOINT_URL_<SERVICE>`.
    pub variable: &'static str,
    /// The first part of its host name, and its name in signatures.
    pub host: &'static str,
}

impl Service {
    /// Systems Manager, where secrets are.
    pub const SSM: Self = Self::new("SSM", "ssm");
    /// Security Token Service.
    pub const STS: Self = Self::new("STS", "sts");
    /// Simple Queue Service.
    pub const SQS: Self = Self::new("SQS", "sqs");
    /// Simple Storage Service.
    pub const S3: Self = Self::new("S3", "s3");
    /// DynamoDB.
    pub const DYNAMODB: Self = Self::new("DYNAMODB", "dynamodb");
    /// EventBridge Scheduler.
    pub const SCHEDULER: Self = Self::new("SCHEDULER", "scheduler");

    /// A service by the end of its variable and the first part of its host name.
    #[must_use]
    pub const fn new(variable: &'static str, host: &'static str) -> Self {
        Self { variable, host }
    }
}
