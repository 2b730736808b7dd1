//! What `Resource` of a Task state names, as far as this crate does it.

use millrace_asl::definition::{Pattern, Resource as Named};

use crate::service::{self, JSON_SERVICES, Service};

/// A call that this crate can make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// A Lambda function by its ARN.
    Function(String),
    /// `lambda:invoke`
    InvokeFunction,
    /// `sqs:sendMessage`
    SendMessage,
    /// `sns:publish`
    Publish,
    /// `events:putEvents`
    PutEvents,
    /// `dynamodb:{getItem,putItem,updateItem,deleteItem}`, with the operation as the service has it.
    Item(&'static str),
    /// `states:startExecution`
    StartExecution,
    /// `http:invoke`
    Http,
    /// `aws-sdk:lambda:invoke`
    SdkInvoke,
    /// `aws-sdk:sns:publish`
    SdkPublish,
    /// `aws-sdk:s3:…`, by the operation's own name.
    S3(&'static str),
    /// Any operation of a service that speaks awsJson, by the operation's own name.
    Json(&'static Service, String),
}

/// A resource that this crate does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    pub(crate) action: Action,
    pattern: Pattern,
}

/// The operations of S3 that are done.
pub(crate) const S3_OPERATIONS: [&str; 8] = [
    "GetObject",
    "PutObject",
    "HeadObject",
    "DeleteObject",
    "CopyObject",
    "ListObjectsV2",
    "ListObjects",
    "ListBuckets",
];

/// A resource that nobody can do, with what could be done instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnknownResource(String);

/// `getItem` as the service has it: `GetItem`.
fn operation(action: &str) -> String {
    let mut letters = action.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

impl Resource {
    /// How long the task lasts.
    #[must_use]
    pub const fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The token, where what the call begins brings it back at its end.
    pub(crate) const fn waiting<'a>(&self, token: Option<&'a str>) -> Option<&'a str> {
        match self.pattern {
            Pattern::Sync | Pattern::Sync2 => token,
            Pattern::RequestResponse | Pattern::WaitForTaskToken => None,
        }
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// [`UnknownResource`] for what this crate does not do; the text says what it does.
    pub fn parse(resource: &str) -> Result<Self, UnknownResource> {
        let (service, named, pattern) = match Named::of(resource) {
            Named::Lambda => {
                return Ok(Self { action: Action::Function(resource.to_owned()), pattern: Pattern::RequestResponse });
            }
            Named::Service { service, resource, pattern } => (service, resource, pattern),
            Named::Activity | Named::Own { .. } => {
                return Err(UnknownResource(format!(
                    "'{resource}' is no resource that is called: it must be the ARN of a Lambda function, \
                     arn:aws:states:::<service>:<action> or arn:aws:states:::aws-sdk:<service>:<action>"
                )));
            }
        };
        let action = named.split('.').next().unwrap_or_default();
        let action = match service.strip_prefix("aws-sdk:") {
            Some(service) => sdk(resource, service, action)?,
            None => optimized(resource, service, action)?,
        };
        if matches!(pattern, Pattern::Sync | Pattern::Sync2) && action != Action::StartExecution {
            return Err(UnknownResource(format!(
                "'{resource}' can't be called with '.sync': only states:startExecution waits for what it began"
            )));
        }
        Ok(Self { action, pattern })
    }
}

fn optimized(resource: &str, service: &str, action: &str) -> Result<Action, UnknownResource> {
    Ok(match (service, action) {
        ("lambda", "invoke") => Action::InvokeFunction,
        ("sqs", "sendMessage") => Action::SendMessage,
        ("sns", "publish") => Action::Publish,
        ("events", "putEvents") => Action::PutEvents,
        ("dynamodb", "getItem") => Action::Item("GetItem"),
        ("dynamodb", "putItem") => Action::Item("PutItem"),
        ("dynamodb", "updateItem") => Action::Item("UpdateItem"),
        ("dynamodb", "deleteItem") => Action::Item("DeleteItem"),
        ("states", "startExecution") => Action::StartExecution,
        ("http", "invoke") => Action::Http,
        _ => {
            return Err(UnknownResource(format!(
                "'{resource}' is not supported: there are lambda:invoke, sqs:sendMessage, sns:publish, \
                 events:putEvents, dynamodb:getItem, putItem, updateItem and deleteItem, states:startExecution and \
                 http:invoke, and aws-sdk:<service>:<action>"
            )));
        }
    })
}

fn sdk(resource: &str, service: &str, action: &str) -> Result<Action, UnknownResource> {
    let name = operation(action);
    match (service, name.as_str()) {
        ("lambda", "Invoke") => Ok(Action::SdkInvoke),
        ("sns", "Publish") => Ok(Action::SdkPublish),
        ("s3", _) => match S3_OPERATIONS.into_iter().find(|known| *known == name) {
            Some(known) => Ok(Action::S3(known)),
            None => Err(UnknownResource(format!(
                "'{resource}' is not supported: of s3 there are {}",
                S3_OPERATIONS.join(", ")
            ))),
        },
        _ => match service::json_service(service) {
            Some(found) if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                Ok(Action::Json(found, name))
            }
            _ => Err(UnknownResource(format!(
                "'{resource}' is not supported: aws-sdk has lambda:invoke, sns:publish, operations of s3, and every \
                 operation of {}",
                JSON_SERVICES.map(|service| service.sdk).join(", ")
            ))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_called_and_how_it_ends() {
        let action = |resource| Resource::parse(resource).unwrap().action;
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:hello";
        assert_eq!(action(arn), Action::Function(arn.into()));
        assert_eq!(action("arn:aws:states:::lambda:invoke"), Action::InvokeFunction);
        assert_eq!(action("arn:aws-cn:states:::dynamodb:updateItem"), Action::Item("UpdateItem"));
        assert_eq!(action("arn:aws:states:::aws-sdk:s3:getObject"), Action::S3("GetObject"));
        let query = action("arn:aws:states:::aws-sdk:dynamodb:query");
        assert_eq!(query, Action::Json(&JSON_SERVICES[1], "Query".into()));
        let waits = Resource::parse("arn:aws:states:::sqs:sendMessage.waitForTaskToken").unwrap();
        assert_eq!((waits.action, waits.pattern), (Action::SendMessage, Pattern::WaitForTaskToken));
    }

    #[test]
    fn what_nobody_does_is_said_with_what_there_is() {
        for (resource, hint) in [
            ("arn:aws:states:::lambda:invoke.sync", "'.sync'"),
            ("arn:aws:states:::batch:submitJob.sync", "http:invoke"),
            ("arn:aws:states:::glue:startJobRun", "http:invoke"),
            ("arn:aws:states:::aws-sdk:s3:putBucketPolicy", "ListObjectsV2"),
            ("arn:aws:states:::aws-sdk:ec2:runInstances", "secretsmanager"),
            ("arn:aws:states:::aws-sdk:kms:", "kms"),
            ("arn:aws:states:us-east-1:123456789012:activity:a", "Lambda function"),
            ("arn:aws:s3:::bucket", "Lambda function"),
            ("hello", "Lambda function"),
        ] {
            let error = Resource::parse(resource).unwrap_err().to_string();
            assert!(error.contains(hint) && error.contains(resource), "{error}");
        }
    }
}
