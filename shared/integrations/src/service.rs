//! The services that are called, with the names that each goes by.

/// How member names of an awsJson service are spelt on the wire. Arguments and results of Task states are in PascalCase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As they are.
    Pascal,
    /// With a small first letter.
    Camel,
}

/// An awsJson service's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Json {
    /// `1.0` or `1.1`
    pub(crate) version: &'static str,
    /// What stands before the operation in `X-Amz-Target`.
    pub(crate) target: &'static str,
    pub(crate) spelling: Spelling,
}

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Service {
    /// Where it is.
    pub(crate) wire: millrace_client::Service,
    /// Its name after `aws-sdk:`.
    pub(crate) sdk: &'static str,
    /// Its name in the errors of `aws-sdk` resources: `Sfn` in `Sfn.InvalidTokenException`.
    pub(crate) error: &'static str,
    /// Present where it speaks awsJson.
    pub(crate) json: Option<Json>,
}

const fn json(version: &'static str, target: &'static str) -> Option<Json> {
    Some(Json { version, target, spelling: Spelling::Pascal })
}

const fn camel(version: &'static str, target: &'static str) -> Option<Json> {
    Some(Json { version, target, spelling: Spelling::Camel })
}

/// A row of the table.
const fn service(
    variable: &'static str,
    host: &'static str,
    sdk: &'static str,
    error: &'static str,
    json: Option<Json>,
) -> Service {
    Service { wire: millrace_client::Service::new(variable, host), sdk, error, json }
}

pub(crate) const LAMBDA: Service = service("LAMBDA", "lambda", "lambda", "Lambda", None);
pub(crate) const S3: Service = service("S3", "s3", "s3", "S3", None);
pub(crate) const SNS: Service = service("SNS", "sns", "sns", "Sns", None);
pub(crate) const SQS: Service = service("SQS", "sqs", "sqs", "Sqs", json("1.0", "AmazonSQS"));
pub(crate) const DYNAMODB: Service =
    service("DYNAMODB", "dynamodb", "dynamodb", "DynamoDb", json("1.0", "DynamoDB_20120810"));
pub(crate) const EVENTS: Service =
    service("EVENTBRIDGE", "events", "eventbridge", "EventBridge", json("1.1", "AWSEvents"));
pub(crate) const SFN: Service = service("SFN", "states", "sfn", "Sfn", camel("1.0", "AWSStepFunctions"));
pub(crate) const SECRETS_MANAGER: Service =
    service("SECRETS_MANAGER", "secretsmanager", "secretsmanager", "SecretsManager", json("1.1", "secretsmanager"));

/// Every service whose operations are called by `aws-sdk:<service>:<operation>` without knowing them: their protocol is
/// awsJson throughout.
pub(crate) const JSON_SERVICES: [Service; 17] = [
    SQS,
    DYNAMODB,
    EVENTS,
    SFN,
    SECRETS_MANAGER,
    service("ATHENA", "athena", "athena", "Athena", json("1.1", "AmazonAthena")),
    service("CLOUDWATCH_LOGS", "logs", "cloudwatchlogs", "CloudWatchLogs", camel("1.1", "Logs_20140328")),
    service("COMPREHEND", "comprehend", "comprehend", "Comprehend", json("1.1", "Comprehend_20171127")),
    service("ECS", "ecs", "ecs", "Ecs", camel("1.1", "AmazonEC2ContainerServiceV20141113")),
    service("FIREHOSE", "firehose", "firehose", "Firehose", json("1.1", "Firehose_20150804")),
    service("GLUE", "glue", "glue", "Glue", json("1.1", "AWSGlue")),
    service("KINESIS", "kinesis", "kinesis", "Kinesis", json("1.1", "Kinesis_20131202")),
    service("KMS", "kms", "kms", "Kms", json("1.1", "TrentService")),
    service("REKOGNITION", "rekognition", "rekognition", "Rekognition", json("1.1", "RekognitionService")),
    service("SSM", "ssm", "ssm", "Ssm", json("1.1", "AmazonSSM")),
    service("TEXTRACT", "textract", "textract", "Textract", json("1.1", "Textract")),
    service("TRANSLATE", "translate", "translate", "Translate", json("1.1", "AWSShineFrontendService_20170701")),
];

/// The awsJson service of that name.
pub(crate) fn json_service(sdk: &str) -> Option<&'static Service> {
    JSON_SERVICES.iter().find(|service| service.sdk == sdk)
}
