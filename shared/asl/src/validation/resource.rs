//! Which resources of tasks the service knows.

use crate::definition::{Pattern, Resource};

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

/// Takes a `Resource` apart. None: the service would not know it.
#[must_use]
pub fn recognised(text: &str) -> Option<Resource<'_>> {
    let resource = Resource::of(text);
    let known = match resource {
        Resource::Lambda => lambda(text),
        Resource::Activity => activity(text),
        Resource::Service { service, resource, pattern } => {
            is_partition(text)
                && resource.strip_suffix(pattern.suffix()).is_some_and(|action| integration(service, action, pattern))
        }
        Resource::Own { .. } => text.strip_prefix("millrace:").is_some_and(millrace),
    };
    known.then_some(resource)
}

fn is_partition(text: &str) -> bool {
    text.starts_with("arn:aws:") || text.starts_with("arn:aws-")
}

fn plain(part: &str) -> bool {
    !part.is_empty() && !part.contains(char::is_whitespace)
}

/// `arn:aws:lambda:{region}:{account}:function:{name}`, also with a version or alias.
fn lambda(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts.as_slice(), [_, _, _, _, _, "function", _] | [_, _, _, _, _, "function", _, _])
        && is_partition(text)
        && parts.iter().all(|part| plain(part))
}

/// `arn:aws:states:{region}:{account}:activity:{name}`
fn activity(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 7 && is_partition(text) && parts.iter().all(|part| plain(part))
}

/// The steps of the workflows that come with Millrace; `workflows/` has their definitions.
const BUILT_IN: [(&str, &[&str]); 3] = [
    ("report", &["begin", "executions", "projects", "calls", "webhooks", "schedules", "write"]),
    ("cleanup", &["begin", "clean", "report"]),
    ("sync", &["begin", "apply", "finish"]),
];

fn millrace(rest: &str) -> bool {
    match rest.split_once(':') {
        None => matches!(rest, "model" | "ai-task" | "approval"),
        Some(("agent", agent)) => AGENTS.contains(&agent),
        Some((workflow, step)) if BUILT_IN.iter().any(|(known, steps)| *known == workflow && steps.contains(&step)) => {
            true
        }
        Some(("function", function)) => {
            let named = |part: &str| {
                (1..=64).contains(&part.len())
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            };
            function.split_once('/').is_some_and(|(project, name)| named(project) && named(name))
        }
        Some(_) => false,
    }
}

fn integration(service: &str, action: &str, pattern: Pattern) -> bool {
    if let Some(sdk) = service.strip_prefix("aws-sdk:") {
        let named = !sdk.is_empty() && sdk.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let camel =
            action.starts_with(|c: char| c.is_ascii_lowercase()) && action.bytes().all(|c| c.is_ascii_alphanumeric());
        return named && camel && matches!(pattern, Pattern::RequestResponse | Pattern::WaitForTaskToken);
    }
    OPTIMIZED.iter().any(|(its_service, its_action, sync, token)| {
        let supported = match pattern {
            Pattern::RequestResponse => true,
            Pattern::Sync => *sync,
            Pattern::Sync2 => service == "states",
            Pattern::WaitForTaskToken => *token,
        };
        *its_service == service && *its_action == action && supported
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_task_may_name() {
        for (text, wanted) in [
            ("arn:aws:lambda:us-east-1:123456789012:function:pack", true),
            ("arn:aws-cn:lambda:us-east-1:123456789012:function:pack:$LATEST", true),
            ("arn:aws:lambda:us-east-1:123456789012:layer:pack", false),
            ("arn:aws:lambda:us-east-1:123456789012:function:", false),
            ("arn:aws:states:us-east-1:123456789012:activity:pack", true),
            ("arn:aws:states:::lambda:invoke", true),
            ("arn:aws:states:::dynamodb:query", false),
            ("arn:aws:states:::aws-sdk:dynamodb:query", true),
            ("arn:aws:states:::aws-sdk:dynamodb:Query", false),
            ("arn:aws:states:::aws-sdk:dynamodb:query.sync", false),
            ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", true),
            ("arn:aws:states:::sqs:sendMessage.sync", false),
            ("arn:aws:states:::states:startExecution.sync:2", true),
            ("arn:aws:states:::batch:submitJob.sync", true),
            ("arn:aws:swf:us-east-1:123456789012:task:X", false),
            ("millrace:model", true),
            ("millrace:agent:dev", true),
            ("millrace:agent:cook", false),
            ("millrace:report:write", true),
            ("millrace:report:apply", false),
            ("millrace:function:shop/pack", true),
            ("millrace:function:pack", false),
            ("millrace:function:shop/pack:2", false),
            ("millrace:function:shop/pack/it", false),
            ("pack", false),
            ("", false),
        ] {
            assert_eq!(recognised(text).is_some(), wanted, "{text}");
        }
    }
}
