//! What the APIs behind service integrations return, for mocked results: types, lengths and ranges.
//!
//! Only fields that a result has are compared; a field that an API does not have is accepted, as by the service. An API
//! that is not here is not compared. Names are those of results in a state machine: they begin with an upper case letter.
//! Source: the API references of the services.

use serde_json::Value;

/// The shape of a value.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// A text with that many characters.
    Text(usize, usize),
    /// Binary data as a text, with that many characters.
    Blob(usize, usize),
    /// An integer in that range.
    Integer(i64, i64),
    /// Any number.
    Number,
    Boolean,
    List(&'static Shape),
    Map(&'static Shape),
    Object(&'static [(&'static str, Shape)]),
    /// Not compared.
    Any,
}

use Shape::{Any, Blob, Boolean, Integer, List, Map, Number, Object, Text};

const MANY: usize = usize::MAX;
const TEXT: Shape = Text(0, MANY);
const TEXTS: Shape = List(&TEXT);
const COUNT: Shape = Integer(i64::MIN, i64::MAX);

const ATTRIBUTE: Shape = Object(&[
    ("S", TEXT),
    ("N", TEXT),
    ("B", Blob(0, MANY)),
    ("SS", TEXTS),
    ("NS", TEXTS),
    ("BS", TEXTS),
    ("M", Map(&Any)),
    ("L", List(&Any)),
    ("NULL", Boolean),
    ("BOOL", Boolean),
]);
const ITEM: Shape = Map(&ATTRIBUTE);
const CAPACITY: Shape =
    Object(&[("ReadCapacityUnits", Number), ("WriteCapacityUnits", Number), ("CapacityUnits", Number)]);
const CONSUMED: Shape = Object(&[
    ("TableName", Text(1, 1024)),
    ("CapacityUnits", Number),
    ("ReadCapacityUnits", Number),
    ("WriteCapacityUnits", Number),
    ("Table", CAPACITY),
    ("LocalSecondaryIndexes", Map(&CAPACITY)),
    ("GlobalSecondaryIndexes", Map(&CAPACITY)),
]);
const COLLECTION: Shape = Object(&[("ItemCollectionKey", ITEM), ("SizeEstimateRangeGB", List(&Number))]);
const WRITTEN: Shape =
    Object(&[("Attributes", ITEM), ("ConsumedCapacity", CONSUMED), ("ItemCollectionMetrics", COLLECTION)]);
const READ: Shape = Object(&[("Item", ITEM), ("ConsumedCapacity", CONSUMED)]);
const FOUND: Shape = Object(&[
    ("Items", List(&ITEM)),
    ("Count", COUNT),
    ("ScannedCount", COUNT),
    ("LastEvaluatedKey", ITEM),
    ("ConsumedCapacity", CONSUMED),
]);

const FUNCTION_FIELDS: &[(&str, Shape)] = &[
    ("FunctionName", Text(1, 170)),
    ("FunctionArn", TEXT),
    ("Runtime", TEXT),
    ("Role", TEXT),
    ("Handler", Text(0, 128)),
    ("CodeSize", COUNT),
    ("Description", Text(0, 256)),
    ("Timeout", Integer(1, i64::MAX)),
    ("MemorySize", Integer(128, 10_240)),
    ("LastModified", TEXT),
    ("CodeSha256", TEXT),
    ("Version", Text(1, 1024)),
    (
        "VpcConfig",
        Object(&[
            ("SubnetIds", TEXTS),
            ("SecurityGroupIds", TEXTS),
            ("VpcId", TEXT),
            ("Ipv6AllowedForDualStack", Boolean),
        ]),
    ),
    ("DeadLetterConfig", Object(&[("TargetArn", TEXT)])),
    ("Environment", Object(&[("Variables", Map(&TEXT)), ("Error", Object(&[("ErrorCode", TEXT), ("Message", TEXT)]))])),
    ("KMSKeyArn", TEXT),
    ("TracingConfig", Object(&[("Mode", TEXT)])),
    ("MasterArn", TEXT),
    ("RevisionId", TEXT),
    (
        "Layers",
        List(&Object(&[
            ("Arn", Text(1, 140)),
            ("CodeSize", COUNT),
            ("SigningProfileVersionArn", TEXT),
            ("SigningJobArn", TEXT),
        ])),
    ),
    ("State", TEXT),
    ("StateReason", TEXT),
    ("StateReasonCode", TEXT),
    ("LastUpdateStatus", TEXT),
    ("LastUpdateStatusReason", TEXT),
    ("LastUpdateStatusReasonCode", TEXT),
    ("FileSystemConfigs", List(&Object(&[("Arn", Text(0, 200)), ("LocalMountPath", Text(0, 160))]))),
    ("PackageType", TEXT),
    ("SigningProfileVersionArn", TEXT),
    ("SigningJobArn", TEXT),
    ("Architectures", TEXTS),
    ("EphemeralStorage", Object(&[("Size", Integer(512, 10_240))])),
    ("SnapStart", Object(&[("ApplyOn", TEXT), ("OptimizationStatus", TEXT)])),
];
const FUNCTION: Shape = Object(FUNCTION_FIELDS);
const GET_FUNCTION: Shape = Object(&[
    ("Configuration", FUNCTION),
    (
        "Code",
        Object(&[
            ("RepositoryType", TEXT),
            ("Location", TEXT),
            ("ImageUri", TEXT),
            ("ResolvedImageUri", TEXT),
            ("SourceKMSKeyArn", TEXT),
        ]),
    ),
    ("Tags", Map(&TEXT)),
    ("TagsError", Object(&[("ErrorCode", Text(10, 21)), ("Message", Text(84, 1000))])),
    ("Concurrency", Object(&[("ReservedConcurrentExecutions", Integer(0, i64::MAX))])),
]);
/// The optimized integration gives the payload as JSON.
const INVOKED: Shape = Object(&[
    ("StatusCode", COUNT),
    ("FunctionError", TEXT),
    ("LogResult", TEXT),
    ("Payload", Any),
    ("ExecutedVersion", Text(1, 1024)),
]);

const KEY_ID: Shape = Text(1, 2048);
const CIPHERTEXT: Shape = Blob(1, 6144);
const PLAINTEXT: Shape = Blob(1, 4096);

const PUT_EVENTS: Shape = Object(&[
    ("FailedEntryCount", COUNT),
    ("Entries", List(&Object(&[("EventId", TEXT), ("ErrorCode", TEXT), ("ErrorMessage", TEXT)]))),
]);
const SENT: Shape = Object(&[
    ("MD5OfMessageBody", TEXT),
    ("MD5OfMessageAttributes", TEXT),
    ("MD5OfMessageSystemAttributes", TEXT),
    ("MessageId", TEXT),
    ("SequenceNumber", TEXT),
]);
const PUBLISHED: Shape = Object(&[("MessageId", TEXT), ("SequenceNumber", TEXT)]);
const STORED: Shape = Object(&[
    ("ETag", TEXT),
    ("Expiration", TEXT),
    ("VersionId", TEXT),
    ("ServerSideEncryption", TEXT),
    ("SSEKMSKeyId", TEXT),
    ("BucketKeyEnabled", Boolean),
    ("ChecksumCRC32", TEXT),
    ("ChecksumCRC32C", TEXT),
    ("ChecksumSHA1", TEXT),
    ("ChecksumSHA256", TEXT),
    ("RequestCharged", TEXT),
]);
const OBJECT: Shape = Object(&[
    ("Body", TEXT),
    ("DeleteMarker", Boolean),
    ("AcceptRanges", TEXT),
    ("ContentLength", COUNT),
    ("ContentType", TEXT),
    ("ContentEncoding", TEXT),
    ("ContentDisposition", TEXT),
    ("ContentLanguage", TEXT),
    ("ContentRange", TEXT),
    ("CacheControl", TEXT),
    ("ETag", TEXT),
    ("VersionId", TEXT),
    ("MissingMeta", COUNT),
    ("Metadata", Map(&TEXT)),
    ("PartsCount", COUNT),
    ("TagCount", COUNT),
    ("ServerSideEncryption", TEXT),
    ("StorageClass", TEXT),
]);
const LISTED: Shape = Object(&[
    ("IsTruncated", Boolean),
    ("Contents", List(&Object(&[("Key", Text(1, MANY)), ("ETag", TEXT), ("Size", COUNT), ("StorageClass", TEXT)]))),
    ("Name", TEXT),
    ("Prefix", TEXT),
    ("Delimiter", TEXT),
    ("MaxKeys", COUNT),
    ("CommonPrefixes", List(&Object(&[("Prefix", TEXT)]))),
    ("EncodingType", TEXT),
    ("KeyCount", COUNT),
    ("ContinuationToken", TEXT),
    ("NextContinuationToken", TEXT),
    ("StartAfter", TEXT),
]);
const STARTED: Shape = Object(&[("ExecutionArn", Text(1, 256)), ("StartDate", Any)]);
const DESCRIBED: Shape = Object(&[
    ("ExecutionArn", Text(1, 256)),
    ("StateMachineArn", Text(1, 256)),
    ("Name", Text(1, 80)),
    ("Status", TEXT),
    ("Input", Any),
    ("Output", Any),
    ("Error", Text(0, 256)),
    ("Cause", Text(0, 32_768)),
]);
const SECRET: Shape = Object(&[
    ("ARN", Text(20, 2048)),
    ("Name", Text(1, 256)),
    ("VersionId", Text(32, 64)),
    ("SecretBinary", Blob(1, 65_536)),
    ("SecretString", Text(1, 65_536)),
    ("VersionStages", List(&Text(1, 256))),
]);
const PARAMETER: Shape = Object(&[(
    "Parameter",
    Object(&[
        ("Name", Text(1, 2048)),
        ("Type", TEXT),
        ("Value", TEXT),
        ("Version", COUNT),
        ("Selector", Text(0, 128)),
        ("SourceResult", TEXT),
        ("ARN", TEXT),
        ("DataType", Text(0, 128)),
    ]),
)]);

/// What the call of a resource, as `service:action` without `aws-sdk:`, returns.
fn shape(call: &str) -> Option<Shape> {
    Some(match call {
        "dynamodb:putItem" | "dynamodb:updateItem" | "dynamodb:deleteItem" => WRITTEN,
        "dynamodb:getItem" => READ,
        "dynamodb:query" | "dynamodb:scan" => FOUND,
        "events:putEvents" | "eventbridge:putEvents" => PUT_EVENTS,
        "kms:encrypt" => Object(&[("CiphertextBlob", CIPHERTEXT), ("KeyId", KEY_ID), ("EncryptionAlgorithm", TEXT)]),
        "kms:decrypt" => Object(&[
            ("KeyId", KEY_ID),
            ("Plaintext", PLAINTEXT),
            ("EncryptionAlgorithm", TEXT),
            ("CiphertextForRecipient", CIPHERTEXT),
            ("KeyMaterialId", Text(64, 64)),
        ]),
        "kms:generateDataKey" => Object(&[
            ("CiphertextBlob", CIPHERTEXT),
            ("Plaintext", PLAINTEXT),
            ("KeyId", KEY_ID),
            ("CiphertextForRecipient", CIPHERTEXT),
            ("KeyMaterialId", Text(64, 64)),
        ]),
        "lambda:invoke" => INVOKED,
        "lambda:getFunction" => GET_FUNCTION,
        "lambda:createFunction"
        | "lambda:getFunctionConfiguration"
        | "lambda:publishVersion"
        | "lambda:updateFunctionCode"
        | "lambda:updateFunctionConfiguration" => FUNCTION,
        "lambda:listFunctions" => Object(&[("NextMarker", TEXT), ("Functions", List(&FUNCTION))]),
        "s3:getObject" => OBJECT,
        "s3:putObject" => STORED,
        "s3:listObjectsV2" => LISTED,
        "s3:listBuckets" => Object(&[
            ("Buckets", List(&Object(&[("Name", TEXT), ("BucketRegion", TEXT), ("BucketArn", Text(1, 128))]))),
            ("Owner", Object(&[("DisplayName", TEXT), ("ID", TEXT)])),
            ("ContinuationToken", TEXT),
            ("Prefix", TEXT),
        ]),
        "secretsmanager:getSecretValue" => SECRET,
        "sfn:describeExecution" => DESCRIBED,
        "sfn:startExecution" | "states:startExecution" => STARTED,
        "sns:publish" => PUBLISHED,
        "sqs:sendMessage" => SENT,
        "ssm:getParameter" => PARAMETER,
        _ => return None,
    })
}

/// What is wrong with a mocked result of a resource, in the service's words.
pub(super) fn problem(resource: &str, result: &Value) -> Option<String> {
    let (_, call) = resource.split_once(":states:::")?;
    let call = call.strip_prefix("aws-sdk:").unwrap_or(call);
    // A job's result and what comes with a token are not what the call returns.
    if call.contains('.') {
        return None;
    }
    compare("", result, shape(call)?)
}

/// Shapes are finite, so this ends however deep the value is.
fn compare(field: &str, value: &Value, shape: Shape) -> Option<String> {
    let wrong = |what: &str| Some(format!("Field '{field}' {what}"));
    match (shape, value) {
        (Any, _) | (_, Value::Null) | (Boolean, Value::Bool(_)) | (Number, Value::Number(_)) => None,
        (Text(least, most) | Blob(least, most), Value::String(text)) => match text.chars().count() {
            length if length < least => wrong("is smaller than the minimum length"),
            length if length > most => wrong("exceeds the maximum length"),
            _ => None,
        },
        (Integer(least, most), Value::Number(number)) => match number.as_i64() {
            Some(number) if number < least => wrong("is less than the minimum value"),
            Some(number) if number > most => wrong("exceeds the maximum value"),
            Some(_) => None,
            None => wrong("must be an integer"),
        },
        (List(shape), Value::Array(items)) => items.iter().find_map(|item| compare(field, item, *shape)),
        (Map(shape), Value::Object(fields)) => fields.iter().find_map(|(name, value)| compare(name, value, *shape)),
        (Object(known), Value::Object(fields)) => fields.iter().find_map(|(name, value)| {
            let (_, shape) = known.iter().find(|(known, _)| known == name)?;
            compare(name, value, *shape)
        }),
        (Text(..) | Blob(..), _) => wrong("must be a string"),
        (Integer(..) | Number, _) => wrong("must be a number"),
        (Boolean, _) => wrong("must be a boolean"),
        (List(_), _) => wrong("must be an array"),
        (Map(_) | Object(_), _) => wrong("must be an object"),
    }
}
