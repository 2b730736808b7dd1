//! What the resource of a task names.

/// How a service integration is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The task ends with the answer.
    RequestResponse,
    /// `.sync`: it ends when the job ends.
    Sync,
    /// `.sync:2`: the same, with the output as JSON.
    Sync2,
    /// `.waitForTaskToken`: it ends when the token comes back.
    WaitForTaskToken,
}

impl Pattern {
    /// The end of the ARN.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RequestResponse => "",
            Self::Sync => ".sync",
            Self::Sync2 => ".sync:2",
            Self::WaitForTaskToken => ".waitForTaskToken",
        }
    }
}

/// A resource that a Task state may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The ARN of a Lambda function.
    Lambda,
    /// The ARN of an activity.
    Activity,
    /// `arn:aws:states:::<service>:<action>` or `arn:aws:states:::aws-sdk:<service>:<action>`.
    Integration {
        /// How it is called.
        pattern: Pattern,
    },
    /// `millrace:…`
    Millrace,
}

/// An optimized integration: service, action, whether it has `.sync`, whether it has `.waitForTaskToken`. Source: the
/// developer guide, "Integrating optimized services".
const OPTIMIZED: &[(&str, &str, bool, bool)] = &[
    ("apigateway", "invoke", false, true),
    ("athena", "startQueryExecution", true, false),
    ("athena", "stopQueryExecution", false, false),
    ("athena", "getQueryExecution", false, false),
    ("athena", "getQueryResults", false, false),
    ("batch", "submitJob", true, false),
    ("bedrock", "invokeModel", false, true),
    ("bedrock", "createModelCustomizationJob", true, false),
    ("codebuild", "startBuild", true, false),
    ("codebuild", "stopBuild", false, false),
    ("codebuild", "batchDeleteBuilds", false, false),
    ("codebuild", "batchGetReports", false, false),
    ("codebuild", "startBuildBatch", true, false),
    ("codebuild", "stopBuildBatch", false, false),
    ("codebuild", "retryBuildBatch", true, false),
    ("codebuild", "deleteBuildBatch", false, false),
    ("databrew", "startJobRun", true, false),
    ("dynamodb", "getItem", false, false),
    ("dynamodb", "putItem", false, false),
    ("dynamodb", "deleteItem", false, false),
    ("dynamodb", "updateItem", false, false),
    ("ecs", "runTask", true, true),
    ("eks", "createCluster", true, false),
    ("eks", "deleteCluster", true, false),
    ("eks", "createFargateProfile", true, false),
    ("eks", "deleteFargateProfile", true, false),
    ("eks", "createNodegroup", true, false),
    ("eks", "deleteNodegroup", true, false),
    ("eks", "call", false, true),
    ("eks", "runJob", true, false),
    ("elasticmapreduce", "createCluster", true, false),
    ("elasticmapreduce", "terminateCluster", true, false),
    ("elasticmapreduce", "addStep", true, false),
    ("elasticmapreduce", "cancelStep", false, false),
    ("elasticmapreduce", "setClusterTerminationProtection", false, false),
    ("elasticmapreduce", "modifyInstanceFleetByName", false, false),
    ("elasticmapreduce", "modifyInstanceGroupByName", false, false),
    ("emr-containers", "createVirtualCluster", false, false),
    ("emr-containers", "deleteVirtualCluster", true, false),
    ("emr-containers", "startJobRun", true, false),
    ("emr-serverless", "createApplication", true, false),
    ("emr-serverless", "startApplication", true, false),
    ("emr-serverless", "stopApplication", true, false),
    ("emr-serverless", "deleteApplication", true, false),
    ("emr-serverless", "startJobRun", true, false),
    ("emr-serverless", "cancelJobRun", true, false),
    ("events", "putEvents", false, true),
    ("glue", "startJobRun", true, false),
    ("http", "invoke", false, false),
    ("lambda", "invoke", false, true),
    ("mediaconvert", "createJob", true, false),
    ("sagemaker", "createEndpoint", false, false),
    ("sagemaker", "createEndpointConfig", false, false),
    ("sagemaker", "createHyperParameterTuningJob", true, false),
    ("sagemaker", "createLabelingJob", true, false),
    ("sagemaker", "createModel", false, false),
    ("sagemaker", "createProcessingJob", true, false),
    ("sagemaker", "createTrainingJob", true, false),
    ("sagemaker", "createTransformJob", true, false),
    ("sagemaker", "updateEndpoint", false, false),
    ("sns", "publish", false, true),
    ("sqs", "sendMessage", false, true),
    ("states", "startExecution", true, true),
];

/// The agents that do work: `millrace:agent:…`.
const AGENTS: [&str; 4] = ["pm", "dev", "qa", "ops"];

impl Resource {
    /// Reads a resource. None: the service would not know it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("millrace:") {
            return millrace(rest).then_some(Self::Millrace);
        }
        let mut parts = text.splitn(6, ':');
        let (scheme, partition) = (parts.next()?, parts.next()?);
        let (service, region, account, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if scheme != "arn" || !(partition == "aws" || partition.starts_with("aws-")) {
            return None;
        }
        match service {
            "lambda" => {
                let name = rest.strip_prefix("function:")?;
                let plain = |part: &str| !part.is_empty() && !part.contains(char::is_whitespace);
                let fits =
                    plain(region) && plain(account) && name.split(':').count() <= 2 && name.split(':').all(plain);
                fits.then_some(Self::Lambda)
            }
            "states" if !region.is_empty() => {
                let name = rest.strip_prefix("activity:")?;
                (!account.is_empty() && !name.is_empty() && !name.contains(':')).then_some(Self::Activity)
            }
            "states" if account.is_empty() => integration(rest),
            _ => None,
        }
    }
}

fn millrace(rest: &str) -> bool {
    match rest.split_once(':') {
        None => matches!(rest, "model" | "approval"),
        Some(("agent", agent)) => AGENTS.contains(&agent),
        Some(("function", function)) => function
            .split_once('/')
            .is_some_and(|(project, name)| !project.is_empty() && !name.is_empty() && !name.contains(['/', ':'])),
        Some(_) => false,
    }
}

fn integration(rest: &str) -> Option<Resource> {
    let (call, pattern) = [Pattern::Sync2, Pattern::Sync, Pattern::WaitForTaskToken]
        .into_iter()
        .find_map(|pattern| rest.strip_suffix(pattern.suffix()).map(|call| (call, pattern)))
        .unwrap_or((rest, Pattern::RequestResponse));
    let resource = Resource::Integration { pattern };
    if let Some(sdk) = call.strip_prefix("aws-sdk:") {
        let (service, action) = sdk.split_once(':')?;
        let named = !service.is_empty() && service.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let camel =
            action.starts_with(|c: char| c.is_ascii_lowercase()) && action.bytes().all(|c| c.is_ascii_alphanumeric());
        let waits = matches!(pattern, Pattern::RequestResponse | Pattern::WaitForTaskToken);
        return (named && camel && waits).then_some(resource);
    }
    let (service, action) = call.split_once(':')?;
    let (_, _, sync, token) =
        OPTIMIZED.iter().find(|(its_service, its_action, ..)| *its_service == service && *its_action == action)?;
    let supported = match pattern {
        Pattern::RequestResponse => true,
        Pattern::Sync => *sync,
        Pattern::Sync2 => service == "states",
        Pattern::WaitForTaskToken => *token,
    };
    supported.then_some(resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_task_may_name() {
        let request = Some(Resource::Integration { pattern: Pattern::RequestResponse });
        for (text, wanted) in [
            ("arn:aws:lambda:us-east-1:123456789012:function:pack", Some(Resource::Lambda)),
            ("arn:aws-cn:lambda:us-east-1:123456789012:function:pack:$LATEST", Some(Resource::Lambda)),
            ("arn:aws:lambda:us-east-1:123456789012:layer:pack", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:", None),
            ("arn:aws:states:us-east-1:123456789012:activity:pack", Some(Resource::Activity)),
            ("arn:aws:states:::lambda:invoke", request),
            ("arn:aws:states:::dynamodb:query", None),
            ("arn:aws:states:::aws-sdk:dynamodb:query", request),
            ("arn:aws:states:::aws-sdk:dynamodb:Query", None),
            ("arn:aws:states:::aws-sdk:dynamodb:query.sync", None),
            (
                "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                Some(Resource::Integration { pattern: Pattern::WaitForTaskToken }),
            ),
            ("arn:aws:states:::sqs:sendMessage.sync", None),
            ("arn:aws:states:::states:startExecution.sync:2", Some(Resource::Integration { pattern: Pattern::Sync2 })),
            ("arn:aws:states:::batch:submitJob.sync", Some(Resource::Integration { pattern: Pattern::Sync })),
            ("arn:aws:swf:us-east-1:123456789012:task:X", None),
            ("millrace:model", Some(Resource::Millrace)),
            ("millrace:agent:dev", Some(Resource::Millrace)),
            ("millrace:agent:cook", None),
            ("millrace:function:shop/pack", Some(Resource::Millrace)),
            ("millrace:function:pack", None),
            ("pack", None),
            ("", None),
        ] {
            assert_eq!(Resource::parse(text), wanted, "{text}");
        }
    }
}
