//! `template.yaml` gives each function what its configuration reads, and what the ports promise of the queues.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "these are tests")]

use std::collections::BTreeSet;

use millrace_app::ports::Queue;
use millrace_aws::Function;
use serde_json::Value;

/// The template as plain YAML: without the tags of CloudFormation's functions (`!Ref Table` is the text `Table`).
fn template() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
    let text = std::fs::read_to_string(path).expect("template.yaml is there");
    let plain: Vec<String> = text
        .lines()
        .map(|line| {
            let mut line = line.to_owned();
            for tag in ["Ref", "Sub", "GetAtt", "If", "Equals", "Not", "And", "Or", "Condition", "Join", "FindInMap"] {
                line = line.replace(&format!("!{tag} "), "");
                line = line.strip_suffix(&format!("!{tag}")).map(str::to_owned).unwrap_or(line);
            }
            line
        })
        .collect();
    serde_saphyr::from_str(&plain.join("\n")).expect("template.yaml is YAML")
}

fn logical_id(function: Function) -> &'static str {
    match function {
        Function::Api => "ApiFunction",
        Function::PmAgent => "PmAgentFunction",
        Function::DevAgent => "DevAgentFunction",
        Function::QaAgent => "QaAgentFunction",
        Function::OpsAgent => "OpsAgentFunction",
        Function::Integrations => "IntegrationsFunction",
        Function::Functions => "FunctionsFunction",
        Function::ModelWorker => "ModelWorkerFunction",
        Function::Scheduler => "SchedulerFunction",
        Function::Notifier => "NotifierFunction",
        Function::Orchestrator => "OrchestratorFunction",
        Function::Webhook => "WebhookFunction",
        Function::Trigger => "TriggerFunction",
        Function::Authorizer => "AuthorizerFunction",
        Function::Websocket => "WebsocketFunction",
    }
}

fn variables(environment: &Value) -> BTreeSet<&str> {
    environment["Environment"]["Variables"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn each_function_has_the_variables_that_it_reads() {
    let template = template();
    let global = variables(&template["Globals"]["Function"]);
    for function in Function::ALL {
        let properties = &template["Resources"][logical_id(function)]["Properties"];
        assert_eq!(properties["CodeUri"], format!("lambdas/{}", function.name()));
        let given: BTreeSet<&str> = variables(properties).union(&global).copied().collect();
        let mut read: BTreeSet<&str> = function.needs().variables().into_iter().collect();
        // Every function's log filter, what makes it a new version, and what only one function reads, in its own crate.
        read.extend(["LOG_LEVEL", "REVISION", "MILLRACE_EXECUTION_RETENTION_DAYS"]);
        // What the telemetry of all reads.
        read.extend(["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"]);
        if function == Function::Webhook {
            read.extend(["WEBHOOK_OWNER", "VERIFY_WEBHOOK_SIGNATURE"]);
        }
        if function == Function::Trigger {
            read.extend(["TRIGGER_OWNER"]);
        }
        if matches!(function, Function::Api | Function::Functions | Function::Trigger) {
            read.extend(["API_AUTHORIZATION", "CORS_ORIGINS", "MILLRACE_RATE_LIMIT"]);
        }
        if matches!(function, Function::Api | Function::ModelWorker) {
            read.extend(["MILLRACE_MODEL", "MILLRACE_MODEL_SINGLE", "MILLRACE_PRICES"]);
        }
        if matches!(function, Function::PmAgent | Function::DevAgent) {
            read.extend(["MILLRACE_MODEL", "MILLRACE_PRICES"]);
        }
        if function == Function::Integrations {
            read.extend(["INTEGRATIONS_ROLE_ARN", "AWS_ENDPOINT_URL_SFN", "SYNC_SOURCE", "SYSTEM_OWNER"]);
        }
        if matches!(function, Function::Api | Function::Scheduler | Function::Trigger) {
            read.extend(["DAILY_REPORT_WORKFLOW_ID", "CLEANUP_WORKFLOW_ID", "SYNC_WORKFLOW_ID"]);
        }
        if function == Function::Scheduler {
            read.extend(["SYSTEM_OWNER"]);
        }
        if function == Function::Websocket {
            read.extend(["API_AUTHORIZATION", "CORS_ORIGINS", "CONSOLE_ORIGIN", "CONNECTIONS_URL"]);
        }
        if matches!(function, Function::Authorizer | Function::Api | Function::Websocket) {
            read.extend(["MILLRACE_OIDC_ISSUER", "MILLRACE_OIDC_AUDIENCE", "MILLRACE_OIDC_DEFAULT_ROLE"]);
            read.extend(["MILLRACE_OIDC_OWNER_CLAIM", "MILLRACE_OIDC_ROLES_CLAIM", "MILLRACE_OIDC_ROLE_PREFIX"]);
        }
        if matches!(function, Function::Authorizer | Function::Websocket) {
            read.extend(["MILLRACE_ACCOUNT_ID", "MILLRACE_OIDC_JWKS_URL"]);
        }
        if function == Function::Api {
            read.extend(["MILLRACE_OIDC_CLIENT_ID", "MILLRACE_OIDC_SCOPE", "LOG_GROUPS"]);
        }
        assert_eq!(given, read, "{}", function.name());
    }
}

#[test]
fn each_queue_is_as_the_ports_say() {
    let template = template();
    for (queue, name, function) in [
        (Queue::Engine, "Engine", Function::Orchestrator),
        (Queue::Pm, "Pm", Function::PmAgent),
        (Queue::Dev, "Dev", Function::DevAgent),
        (Queue::Qa, "Qa", Function::QaAgent),
        (Queue::Ops, "Ops", Function::OpsAgent),
        (Queue::Integrations, "Integrations", Function::Integrations),
        (Queue::Functions, "Functions", Function::Functions),
        (Queue::Models, "Models", Function::ModelWorker),
        (Queue::Scheduler, "Scheduler", Function::Scheduler),
        (Queue::Notifications, "Notifications", Function::Notifier),
    ] {
        let properties = &template["Resources"][format!("{name}Queue")]["Properties"];
        assert_eq!(properties["VisibilityTimeout"], queue.visibility().as_secs(), "{name}");
        assert_eq!(properties["RedrivePolicy"]["maxReceiveCount"], Queue::MAX_RECEIVES, "{name}");
        assert_eq!(properties["RedrivePolicy"]["deadLetterTargetArn"], format!("{name}Dlq.Arn"));
        assert_eq!(properties["QueueName"], format!("${{AWS::StackName}}-{}-queue", queue.name()));
        let function = &template["Resources"][logical_id(function)]["Properties"];
        assert_eq!(function["Timeout"], queue.function_timeout().as_secs(), "{name}");
        let events = function["Events"].as_object().expect("the function has events");
        let mapping = events.values().find(|event| event["Type"] == "SQS").expect("the queue triggers the function");
        assert_eq!(mapping["Properties"]["Queue"], format!("{name}Queue.Arn"));
        assert_eq!(mapping["Properties"]["FunctionResponseTypes"][0], "ReportBatchItemFailures");
    }
}

/// What the stream's readers hear of is what the application says.
#[test]
fn the_stream_is_filtered_as_the_application_says() {
    let template = template();
    let table = &template["Resources"]["Table"]["Properties"]["StreamSpecification"];
    assert_eq!(table["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let changes = &template["Resources"]["NotifierFunction"]["Properties"]["Events"]["Changes"]["Properties"];
    let filters = changes["FilterCriteria"]["Filters"].as_array().expect("there are filters");
    let read = |filter: &Value| {
        let text = filter["Pattern"].as_str().expect("a pattern is a text");
        serde_json::from_str::<Value>(text).expect("and JSON")
    };
    let filters: Vec<Value> = filters.iter().map(read).collect();
    let wanted: Vec<Value> = millrace_app::changes::NOTIFIED.iter().map(|pattern| pattern.filter()).collect();
    assert_eq!(filters, wanted);
    assert_eq!(changes["FunctionResponseTypes"][0], "ReportBatchItemFailures");
}

/// A body is there for as long as the event whose it is, and a day longer.
#[test]
fn bodies_of_webhooks_outlive_their_events() {
    let template = template();
    let rules = template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"].clone();
    let rules = rules.as_array().expect("there are rules").clone();
    let rule = rules.iter().find(|rule| rule["Prefix"] == "webhooks/").expect("there is one for webhooks");
    assert_eq!(rule["ExpirationInDays"], millrace_app::webhooks::KEPT_DAYS + 1);
}

#[test]
fn no_policy_of_ours_is_for_everything() {
    let template = template();
    let mut statements = 0;
    for (id, resource) in template["Resources"].as_object().expect("there are resources") {
        let properties = &resource["Properties"];
        let policies = match resource["Type"].as_str() {
            Some("AWS::IAM::Role") => properties["Policies"].as_array().cloned().unwrap_or_default(),
            Some("AWS::IAM::ManagedPolicy" | "AWS::IAM::Policy") => vec![properties.clone()],
            _ => continue,
        };
        let listed = policies.iter().filter_map(|policy| policy["PolicyDocument"]["Statement"].as_array()).flatten();
        // One that is there under a condition stands between the condition's name and what is there without it.
        for statement in listed.map(|statement| statement.get(1).unwrap_or(statement)) {
            statements += 1;
            assert_eq!(statement["Effect"], "Allow", "{id}");
            let texts = |value: &Value| match value {
                Value::Array(all) => all.clone(),
                one => vec![one.clone()],
            };
            for action in texts(&statement["Action"]) {
                assert!(!action.as_str().expect("an action is a text").contains('*'), "{id}: {action}");
            }
            // Traces have no resources that a policy could name.
            if id == "TracesPolicy" {
                assert!(texts(&statement["Action"]).iter().all(|action| {
                    ["xray:PutTraceSegments", "xray:PutTelemetryRecords"].contains(&action.as_str().unwrap_or_default())
                }));
                continue;
            }
            for target in texts(&statement["Resource"]) {
                let target = target.as_str().expect("a resource is a text");
                // `*` may stand for the objects of one bucket or the names below one path, never for everything.
                assert!(!target.trim_end_matches("/*").contains('*') && target != "/*", "{id}: {target}");
            }
        }
    }
    assert!(statements > 20, "{statements} statements were found");
}
