//! Why a call failed, and how Step Functions names that.
//!
//! Optimized integrations name errors as the AWS SDK for Java 1 does, `aws-sdk` ones as its version 2: prefix, class name,
//! and a cause with the service's own text.

use millrace_asl::Failure;
use millrace_client::{CallError, CredentialsError, ServiceFault};

use crate::service::Service;

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service said so.
    Service(Box<ServiceFault>),
    /// There was no answer that could be used: `SdkClientException`.
    Client(String),
    /// Something else that has its name already.
    Named(Failure),
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        Self::Client(error.to_string())
    }
}

impl From<CredentialsError> for Fault {
    fn from(error: CredentialsError) -> Self {
        Self::Client(error.to_string())
    }
}

impl From<ServiceFault> for Fault {
    fn from(fault: ServiceFault) -> Self {
        Self::Service(Box::new(fault))
    }
}

/// How an optimized integration names its errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optimized {
    /// `DynamoDB` in `DynamoDB.ResourceNotFoundException`
    pub(crate) prefix: &'static str,
    /// The service's name in causes: `AmazonDynamoDBv2`.
    pub(crate) service: &'static str,
    /// The class of what the service does not declare: `AmazonDynamoDBException`.
    pub(crate) base: &'static str,
}

pub(crate) const LAMBDA: Optimized = Optimized { prefix: "Lambda", service: "AWSLambda", base: "AWSLambdaException" };
pub(crate) const SQS: Optimized = Optimized { prefix: "SQS", service: "AmazonSQS", base: "AmazonSQSException" };
pub(crate) const SNS: Optimized = Optimized { prefix: "SNS", service: "AmazonSNS", base: "AmazonSNSException" };
pub(crate) const EVENTS: Optimized =
    Optimized { prefix: "EventBridge", service: "AmazonEventBridge", base: "AmazonEventBridgeException" };
pub(crate) const DYNAMODB: Optimized =
    Optimized { prefix: "DynamoDB", service: "AmazonDynamoDBv2", base: "AmazonDynamoDBException" };
pub(crate) const STATES: Optimized =
    Optimized { prefix: "StepFunctions", service: "AWSStepFunctions", base: "AWSStepFunctionsException" };

/// What every service answers and (nearly) none declares: told by the service's base class.
const UNDECLARED: [&str; 24] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InternalFailure",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "RequestExpired",
    "SerializationException",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "Throttling",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationError",
    "ValidationException",
    "InvalidAction",
];

/// S3 declares few of its many errors.
const DECLARED_BY_S3: [&str; 12] = [
    "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou",
    "EncryptionTypeMismatch",
    "IdempotencyParameterMismatch",
    "InvalidObjectState",
    "InvalidRequest",
    "InvalidWriteOffset",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchUpload",
    "ObjectAlreadyInActiveTierError",
    "TooManyParts",
];

fn is_declared(sdk: &str, code: &str) -> bool {
    match sdk {
        "s3" => DECLARED_BY_S3.contains(&code),
        // Step Functions declares it: the reason is a member of its own.
        "sfn" if code == "ValidationException" => true,
        _ => !code.is_empty() && !UNDECLARED.contains(&code),
    }
}

/// The name of an error's class.
fn class(code: &str) -> String {
    match code.strip_suffix("Fault") {
        Some(name) => format!("{name}Exception"),
        None if code.ends_with("Exception") => code.to_owned(),
        None => format!("{code}Exception"),
    }
}

impl Fault {
    /// As an optimized integration tells it.
    pub(crate) fn optimized(self, names: Optimized, service: &Service) -> Failure {
        let prefix = names.prefix;
        match self {
            Self::Named(failure) => failure,
            Self::Client(reason) => Failure::new(format!("{prefix}.SdkClientException"), reason),
            Self::Service(fault) => {
                let declared = is_declared(service.sdk, &fault.code);
                let class = if declared { class(&fault.code) } else { names.base.to_owned() };
                let code = fault.legacy_code.as_ref().unwrap_or(&fault.code);
                let cause = format!(
                    "{} (Service: {}; Status Code: {}; Error Code: {code}; Request ID: {}; Proxy: null)",
                    fault.message, names.service, fault.status, fault.request_id
                );
                Failure::new(format!("{prefix}.{class}"), cause)
            }
        }
    }

    /// As an `aws-sdk` integration tells it.
    pub(crate) fn sdk(self, service: &Service) -> Failure {
        let prefix = service.error;
        match self {
            Self::Named(failure) => failure,
            Self::Client(reason) => Failure::new(format!("{prefix}.SdkClientException"), reason),
            Self::Service(fault) => {
                let declared = is_declared(service.sdk, &fault.code);
                let class = if declared { class(&fault.code) } else { format!("{prefix}Exception") };
                let extended = fault.extended_request_id.map(|id| format!(", Extended Request ID: {id}"));
                let cause = format!(
                    "{} (Service: {prefix}, Status Code: {}, Request ID: {}{}) (SDK Attempt Count: {})",
                    fault.message,
                    fault.status,
                    fault.request_id,
                    extended.unwrap_or_default(),
                    fault.attempts
                );
                Failure::new(format!("{prefix}.{class}"), cause)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service;

    fn fault(status: u16, code: &str) -> Fault {
        Fault::Service(Box::new(ServiceFault {
            status,
            code: code.into(),
            legacy_code: None,
            message: "No".into(),
            request_id: "r-1".into(),
            extended_request_id: None,
            attempts: 1,
        }))
    }

    fn parts(failure: Failure) -> (String, String) {
        (failure.error.unwrap_or_default(), failure.cause.unwrap_or_default())
    }

    #[test]
    fn an_optimized_integration_tells_errors_as_the_first_sdk() {
        let (error, cause) = parts(fault(404, "ResourceNotFoundException").optimized(LAMBDA, &service::LAMBDA));
        assert_eq!(error, "Lambda.ResourceNotFoundException");
        assert_eq!(
            cause,
            "No (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: r-1; Proxy: null)"
        );
        let name = |fault: Fault, names, service| parts(fault.optimized(names, service)).0;
        assert_eq!(
            name(fault(400, "ValidationException"), DYNAMODB, &service::DYNAMODB),
            "DynamoDB.AmazonDynamoDBException"
        );
        assert_eq!(
            name(fault(400, "StateMachineDoesNotExist"), STATES, &service::SFN),
            "StepFunctions.StateMachineDoesNotExistException"
        );
        assert_eq!(name(fault(400, "InvalidParameter"), SNS, &service::SNS), "SNS.InvalidParameterException");
        assert_eq!(name(Fault::Client("x".into()), SQS, &service::SQS), "SQS.SdkClientException");
    }

    #[test]
    fn an_aws_sdk_integration_tells_errors_as_the_second_sdk() {
        let (error, cause) = parts(fault(400, "InvalidToken").sdk(&service::SFN));
        assert_eq!(error, "Sfn.InvalidTokenException");
        assert_eq!(cause, "No (Service: Sfn, Status Code: 400, Request ID: r-1) (SDK Attempt Count: 1)");
        let name = |code, service| parts(fault(400, code).sdk(service)).0;
        assert_eq!(name("ValidationException", &service::DYNAMODB), "DynamoDb.DynamoDbException");
        assert_eq!(name("ValidationException", &service::SFN), "Sfn.ValidationException");
        assert_eq!(name("NoSuchBucket", &service::S3), "S3.NoSuchBucketException");
        assert_eq!(name("AccessDenied", &service::S3), "S3.S3Exception");
    }
}
