//! What a Task state's `Resource` names.

/// How long a task of a service integration lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Until the call answers.
    RequestResponse,
    /// `.sync`: until the job that the call began has ended; results that are JSON stay texts.
    Sync,
    /// `.sync:2`: the same, with results as JSON.
    Sync2,
    /// `.waitForTaskToken`: until somebody brings the task's token back.
    WaitForTaskToken,
}

impl Pattern {
    /// The end of the ARN.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }

    /// Does the task go on after the call has answered?
    #[must_use]
    pub const fn outlasts_call(self) -> bool {
        !matches!(self, Self::RequestResponse)
    }
}

/// A `Resource`, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The ARN of a Lambda function.
    Lambda,
    /// The ARN of an activity.
    Activity,
    /// A service integration, `arn:aws:states:::{service}:{action}{pattern}`.
    Service {
        /// The service, like `sqs` or `aws-sdk:s3`: `resourceType` of the task's events.
        service: &'a str,
        /// The action with its pattern, like `sendMessage.waitForTaskToken`: `resource` of the task's events.
        resource: &'a str,
        /// How long the task lasts.
        pattern: Pattern,
    },
    /// One of Millrace's own, like `millrace:agent:pm`.
    Own {
        /// What stands before the last colon.
        kind: &'a str,
        /// What stands behind it.
        name: &'a str,
    },
}

impl<'a> Resource<'a> {
    /// Takes a `Resource` apart. Any text is one: what is none of the others counts as our own.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        if let ["arn", _, service, region, account, rest] = parts.as_slice() {
            match *service {
                "lambda" => return Self::Lambda,
                "states" if region.is_empty() && account.is_empty() => return Self::service(rest),
                "states" if rest.starts_with("activity:") => return Self::Activity,
                _ => {}
            }
        }
        let (kind, name) = text.rsplit_once(':').unwrap_or((text, ""));
        Self::Own { kind, name }
    }

    fn service(named: &'a str) -> Self {
        let (whole, pattern) =
            [(".sync:2", Pattern::Sync2), (".sync", Pattern::Sync), (".waitForTaskToken", Pattern::WaitForTaskToken)]
                .into_iter()
                .find_map(|(suffix, pattern)| Some((named.strip_suffix(suffix)?, pattern)))
                .unwrap_or((named, Pattern::RequestResponse));
        let at = whole.rfind(':');
        let service = at.and_then(|at| named.get(..at)).unwrap_or(named);
        let resource = at.and_then(|at| named.get(at + 1..)).unwrap_or_default();
        Self::Service { service, resource, pattern }
    }

    /// How long the task lasts; activities and functions last until their result.
    #[must_use]
    pub fn pattern(self) -> Pattern {
        match self {
            Self::Service { pattern, .. } => pattern,
            // Until a person decides.
            Self::Own { kind: "millrace", name: "approval" } => Pattern::WaitForTaskToken,
            Self::Lambda | Self::Activity | Self::Own { .. } => Pattern::RequestResponse,
        }
    }

    /// May somebody outside report on the task with its token?
    #[must_use]
    pub fn has_token(self) -> bool {
        matches!(self, Self::Activity) || self.pattern().outlasts_call()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_taken_apart() {
        let service = |service, resource, pattern| Resource::Service { service, resource, pattern };
        for (text, is) in [
            ("arn:aws:lambda:us-east-1:111111111111:function:f:live", Resource::Lambda),
            ("arn:aws-cn:lambda:cn-north-1:111111111111:function:f", Resource::Lambda),
            ("arn:aws:states:us-east-1:111111111111:activity:a", Resource::Activity),
            ("arn:aws:states:::lambda:invoke", service("lambda", "invoke", Pattern::RequestResponse)),
            ("arn:aws:states:::aws-sdk:s3:getObject", service("aws-sdk:s3", "getObject", Pattern::RequestResponse)),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                service("sqs", "sendMessage.waitForTaskToken", Pattern::WaitForTaskToken),
            ),
            ("arn:aws:states:::states:startExecution.sync", service("states", "startExecution.sync", Pattern::Sync)),
            (
                "arn:aws:states:::states:startExecution.sync:2",
                service("states", "startExecution.sync:2", Pattern::Sync2),
            ),
            ("millrace:agent:pm", Resource::Own { kind: "millrace:agent", name: "pm" }),
            ("activity", Resource::Own { kind: "activity", name: "" }),
        ] {
            assert_eq!(Resource::of(text), is, "{text}");
        }
        assert!(Resource::of("millrace:approval").has_token() && !Resource::of("millrace:agent:pm").has_token());
    }
}
