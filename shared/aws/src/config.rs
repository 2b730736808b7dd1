//! What a function reads from its environment.
//!
//! `template.yaml` sets these variables; a test compares the two. Lambda itself sets the region and the credentials.

use std::collections::HashMap;

use millrace_app::executions::Retention;
use millrace_app::ports::Queue;
use millrace_client::{Endpoints, Service};

/// The functions of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `lambdas/api`
    Api,
    /// `lambdas/pm-agent`
    PmAgent,
    /// `lambdas/dev-agent`
    DevAgent,
    /// `lambdas/qa-agent`
    QaAgent,
    /// `lambdas/ops-agent`
    OpsAgent,
    /// `lambdas/integrations`
    Integrations,
    /// `lambdas/functions`
    Functions,
    /// `lambdas/model-worker`
    ModelWorker,
    /// `lambdas/scheduler`
    Scheduler,
    /// `lambdas/notifier`
    Notifier,
    /// `lambdas/orchestrator`
    Orchestrator,
    /// `lambdas/webhook`
    Webhook,
    /// `lambdas/trigger`
    Trigger,
    /// `lambdas/authorizer`
    Authorizer,
    /// `lambdas/websocket`
    Websocket,
}

/// The environment can't be used; every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not valid: {}", .problems.join("; "))]
pub struct ConfigError {
    /// One sentence a problem, naming the variable.
    pub problems: Vec<String>,
}

/// Names and addresses of what the stack consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub(crate) endpoints: Endpoints,
    pub(crate) table: String,
    pub(crate) bucket: String,
    pub(crate) queues: HashMap<Queue, String>,
    pub(crate) dead_letter_queues: HashMap<Queue, String>,
    pub(crate) secrets_prefix: Option<String>,
    pub(crate) schedule_group: String,
    pub(crate) schedule_role_arn: String,
    pub(crate) retention: Retention,
}

/// What the ports call.
const SERVICES: [Service; 5] = [Service::DYNAMODB, Service::SQS, Service::S3, Service::SSM, Service::SCHEDULER];

const AWS_REGION: &str = "AWS_REGION";
const TABLE_NAME: &str = "TABLE_NAME";
const BUCKET_NAME: &str = "BUCKET_NAME";
const SCHEDULE_GROUP: &str = "SCHEDULE_GROUP";
const SCHEDULE_ROLE_ARN: &str = "SCHEDULE_ROLE_ARN";
const SECRETS_PREFIX: &str = "SECRETS_PREFIX";

const fn queue_variable(queue: Queue) -> &'static str {
    match queue {
        Queue::Engine => "ENGINE_QUEUE_URL",
        Queue::Pm => "PM_QUEUE_URL",
        Queue::Dev => "DEV_QUEUE_URL",
        Queue::Qa => "QA_QUEUE_URL",
        Queue::Ops => "OPS_QUEUE_URL",
        Queue::Integrations => "INTEGRATIONS_QUEUE_URL",
        Queue::Functions => "FUNCTIONS_QUEUE_URL",
        Queue::Models => "MODELS_QUEUE_URL",
        Queue::Scheduler => "SCHEDULER_QUEUE_URL",
        Queue::Notifications => "NOTIFICATIONS_QUEUE_URL",
    }
}

const fn dead_letter_variable(queue: Queue) -> &'static str {
    match queue {
        Queue::Engine => "ENGINE_DLQ_URL",
        Queue::Pm => "PM_DLQ_URL",
        Queue::Dev => "DEV_DLQ_URL",
        Queue::Qa => "QA_DLQ_URL",
        Queue::Ops => "OPS_DLQ_URL",
        Queue::Integrations => "INTEGRATIONS_DLQ_URL",
        Queue::Functions => "FUNCTIONS_DLQ_URL",
        Queue::Models => "MODELS_DLQ_URL",
        Queue::Scheduler => "SCHEDULER_DLQ_URL",
        Queue::Notifications => "NOTIFICATIONS_DLQ_URL",
    }
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Api,
        Self::PmAgent,
        Self::DevAgent,
        Self::QaAgent,
        Self::OpsAgent,
        Self::Integrations,
        Self::Functions,
        Self::ModelWorker,
        Self::Scheduler,
        Self::Notifier,
        Self::Orchestrator,
        Self::Webhook,
        Self::Trigger,
        Self::Authorizer,
        Self::Websocket,
    ];

    /// The word that names it: the folder under `lambdas/` and the end of the function's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::PmAgent => "pm-agent",
            Self::DevAgent => "dev-agent",
            Self::QaAgent => "qa-agent",
            Self::OpsAgent => "ops-agent",
            Self::Integrations => "integrations",
            Self::Functions => "functions",
            Self::ModelWorker => "model-worker",
            Self::Scheduler => "scheduler",
            Self::Notifier => "notifier",
            Self::Orchestrator => "orchestrator",
            Self::Webhook => "webhook",
            Self::Trigger => "trigger",
            Self::Authorizer => "authorizer",
            Self::Websocket => "websocket",
        }
    }

    /// Who asks models reads their keys, who calls endpoints their connections, who notifies what signs, who runs functions their environment, who
    /// receives webhooks their secrets; who shows the stack's health looks at dead letters.
    #[must_use]
    pub const fn needs(self) -> Needs {
        Needs {
            secrets: matches!(
                self,
                Self::Api
                    | Self::PmAgent
                    | Self::DevAgent
                    | Self::QaAgent
                    | Self::Integrations
                    | Self::Functions
                    | Self::ModelWorker
                    | Self::Webhook
                    | Self::Notifier
            ),
            dead_letters: matches!(self, Self::Api),
        }
    }
}

/// What is used beside the table, the bucket, the queues and the timers: every function moves workflows on, so every one
/// knows those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Secrets: `SECRETS_PREFIX`.
    pub secrets: bool,
    /// Looking at dead letters and sending them back: the `…_DLQ_URL` of every queue.
    pub dead_letters: bool,
}

impl Needs {
    /// The variables that there must be, beside the ones that Lambda sets.
    #[must_use]
    pub fn variables(self) -> Vec<&'static str> {
        let mut names = vec![TABLE_NAME, BUCKET_NAME, SCHEDULE_GROUP, SCHEDULE_ROLE_ARN];
        names.extend(Queue::ALL.map(queue_variable));
        if self.dead_letters {
            names.extend(Queue::ALL.map(dead_letter_variable));
        }
        if self.secrets {
            names.push(SECRETS_PREFIX);
        }
        names
    }
}

/// Reads variables and collects what is wrong with them.
struct Reader<L> {
    lookup: L,
    problems: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    fn required(&mut self, name: &str, what: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problems.push(format!("{name} is missing: set it to {what}"));
            String::new()
        })
    }

    fn url(&mut self, name: &str, what: &str) -> String {
        let url = self.required(name, what);
        if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
            self.problems.push(format!("{name} is {url:?}: it must be a URL that begins with https:// or http://"));
        }
        url
    }
}

impl Config {
    /// Reads a function's environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or malformed variable.
    pub fn from_env(function: Function) -> Result<Self, ConfigError> {
        Self::from_lookup(function.needs(), |name| std::env::var(name).ok())
    }

    /// The same from any lookup. An empty variable counts as a missing one.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or malformed variable.
    pub fn from_lookup(needs: Needs, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, problems: Vec::new() };
        reader.required(AWS_REGION, "the stack's region");
        let services = SERVICES.map(|service| format!("AWS_ENDPOINT_URL_{}", service.variable));
        let names = [AWS_REGION.to_owned(), "AWS_ENDPOINT_URL".to_owned()].into_iter().chain(services);
        let variables = names.filter_map(|name| Some((name.clone(), reader.optional(&name)?)));
        let (endpoints, problems) = Endpoints::read(variables.collect::<Vec<_>>());
        reader.problems.extend(problems);
        let table = reader.required(TABLE_NAME, "the name of the DynamoDB table");
        let bucket = reader.required(BUCKET_NAME, "the name of the S3 bucket");
        let queues = Queue::ALL.map(|queue| (queue, reader.url(queue_variable(queue), "the URL of the SQS queue")));
        let dead_letter_queues = if needs.dead_letters {
            Queue::ALL
                .map(|queue| {
                    (queue, reader.url(dead_letter_variable(queue), "the URL of the queue's dead-letter queue"))
                })
                .into()
        } else {
            HashMap::new()
        };
        let secrets_prefix =
            needs.secrets.then(|| reader.required(SECRETS_PREFIX, "the path of the SSM parameters, like /millrace/"));
        if let Some(prefix) = secrets_prefix.as_deref().filter(|prefix| !prefix.is_empty())
            && !(prefix.starts_with('/') && prefix.ends_with('/'))
        {
            reader.problems.push(format!("{SECRETS_PREFIX} is {prefix:?}: it must begin and end with /"));
        }
        let schedule_group = reader.required(SCHEDULE_GROUP, "the name of the EventBridge Scheduler group");
        let schedule_role_arn =
            reader.required(SCHEDULE_ROLE_ARN, "the ARN of the role with which timers send to the queues");
        let retention = Retention::from_variables(&reader.lookup).unwrap_or_else(|error| {
            reader.problems.push(error.to_string());
            Retention::default()
        });
        if !reader.problems.is_empty() {
            return Err(ConfigError { problems: reader.problems });
        }
        Ok(Self {
            endpoints,
            table,
            bucket,
            queues: queues.into(),
            dead_letter_queues,
            secrets_prefix,
            schedule_group,
            schedule_role_arn,
            retention,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        Some(match name {
            name if name.starts_with("AWS_ENDPOINT_URL") => return None,
            Retention::VARIABLE => "30".into(),
            "SECRETS_PREFIX" => "/millrace/".into(),
            name if name.ends_with("_URL") => format!("https://sqs.eu-west-1.amazonaws.com/1/{name}"),
            name => name.to_lowercase(),
        })
    }

    #[test]
    fn every_variable_is_read() {
        let config = Config::from_lookup(Function::Api.needs(), value).unwrap();
        assert_eq!((config.table.as_str(), config.retention.days()), ("table_name", 30));
        assert_eq!(config.queues.len(), Queue::ALL.len());
        assert!(config.queues[&Queue::Dev].ends_with("/DEV_QUEUE_URL"));
        assert!(config.dead_letter_queues[&Queue::Ops].ends_with("/OPS_DLQ_URL"));
    }

    #[test]
    fn every_problem_is_reported_together() {
        let needs = Function::DevAgent.needs();
        let error = Config::from_lookup(needs, |name| match name {
            "AWS_REGION" => Some("eu-west-1".into()),
            "AWS_ENDPOINT_URL" => Some("localhost:4566".into()),
            "SECRETS_PREFIX" => Some("millrace".into()),
            "PM_QUEUE_URL" => Some("pm".into()),
            Retention::VARIABLE => Some("0".into()),
            "TABLE_NAME" => Some("  ".into()),
            _ => None,
        })
        .unwrap_err();
        let text = error.to_string();
        for variable in needs.variables().into_iter().chain(["AWS_ENDPOINT_URL", Retention::VARIABLE]) {
            assert!(text.contains(variable), "{variable}: {text}");
        }
        assert_eq!(error.problems.len(), needs.variables().len() + 2);
    }

    #[test]
    fn only_what_a_function_needs_is_required() {
        for function in Function::ALL {
            let needs = function.needs();
            let variables = needs.variables();
            let lookup =
                |name: &str| (name == "AWS_REGION" || variables.contains(&name)).then(|| value(name)).flatten();
            let config = Config::from_lookup(needs, lookup).unwrap();
            assert_eq!(config.secrets_prefix.is_some(), needs.secrets);
            assert_eq!(config.dead_letter_queues.is_empty(), !needs.dead_letters);
            for missing in &variables {
                let error = Config::from_lookup(needs, |name| lookup(name).filter(|_| name != *missing)).unwrap_err();
                assert_eq!(error.problems.len(), 1, "{}: {error}", function.name());
            }
        }
    }
}
