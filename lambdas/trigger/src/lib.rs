//! The trigger function: starts workflows for requests of API Gateway, events of EventBridge and direct invocations, and
//! imports for archives that are put into the stack's bucket.
//!
//! All but the last bring the same: `{definition_id, input_data, name?, initiated_by?}`, in the body of a request, the `detail` of an event,
//! or as the invocation's event. An event of EventBridge that comes twice starts one execution, which is named by its id.

use axum::Router;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, LambdaEvent};
use millrace_api::{ApiConfig, behind_gateway, limited, rest_config};
use millrace_app::Error;
use millrace_app::builtins::BuiltinIds;
use millrace_app::origin::Origin;
use millrace_app::ports::Ports;
use millrace_app::traces::{self, Kind, Remote};
use millrace_app::triggers::{Trigger, Triggered, UPLOADS, Upload, import_upload, trigger_workflow};
use millrace_app::workflows::{Place, WorkflowError};
use millrace_aws::telemetry::flush;
use millrace_rest::{RestConfig, trigger_router};
use millrace_stepfunctions::StepFunctionsConfig;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower::{Service, ServiceExt};
use tracing::Instrument as _;

/// Why an event was not handled. Lambda records it as a failed invocation, and repeats what came by itself.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The event brings no trigger.
    #[error(
        "the event is no request of API Gateway, no event of EventBridge with a trigger in its detail, and no trigger: {0}"
    )]
    Unknown(String),
    /// The workflow could not be started.
    #[error("the workflow was not started: {0}")]
    NotStarted(String),
    /// An archive could not be imported.
    #[error("{key} was not imported: {problem}")]
    NotImported {
        /// The object's key.
        key: String,
        /// Why.
        problem: String,
    },
}

/// Whose workflows events and invocations start, and where those are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerConfig {
    /// Their owner.
    pub owner: String,
    /// Where they are.
    pub place: Place,
    /// The stack's bucket: uploads to others are not looked at.
    pub bucket: String,
    /// The workflows that take the places of built-in ones.
    pub builtins: BuiltinIds,
}

/// The environment can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("TRIGGER_OWNER is missing: set it to the owner of the workflows, such as aws:123456789012")]
pub struct TriggerConfigError;

impl TriggerConfig {
    /// Reads `TRIGGER_OWNER`, `BUCKET_NAME`, the variables of [`BuiltinIds`] and where the workflows are. The owner `aws:` and an account says the account.
    ///
    /// # Errors
    /// [`TriggerConfigError`]
    pub fn from_env() -> Result<Self, TriggerConfigError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
        let bucket = variable("BUCKET_NAME").unwrap_or_default();
        let config = Self::of(variable("TRIGGER_OWNER"), bucket, &StepFunctionsConfig::from_env())?;
        Ok(Self { builtins: BuiltinIds::from_variables(variable), ..config })
    }

    fn of(owner: Option<String>, bucket: String, config: &StepFunctionsConfig) -> Result<Self, TriggerConfigError> {
        let owner = owner.ok_or(TriggerConfigError)?;
        let place = Place::of_owner(&owner, &config.region, &config.account);
        Ok(Self { owner, place, bucket, builtins: BuiltinIds::default() })
    }
}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To an event or an invocation.
    Started {
        /// The execution's id.
        execution_id: String,
        /// Its ARN.
        execution_arn: String,
        /// Its name.
        name: String,
        /// Was it started before?
        replayed: bool,
    },
    /// To uploads.
    Imported {
        /// The ids of the projects, in the order of the uploads.
        projects: Vec<String>,
    },
    /// To API Gateway.
    Response(Value),
}

impl From<Triggered> for Answer {
    fn from(started: Triggered) -> Self {
        Self::Started {
            execution_id: started.id.into(),
            execution_arn: started.arn,
            name: started.name,
            replayed: started.replayed,
        }
    }
}

/// An event of EventBridge.
#[derive(Deserialize)]
struct BusEvent {
    id: String,
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Value,
}

/// Handles events.
pub struct Handler<P> {
    ports: P,
    config: TriggerConfig,
    router: Router,
}

/// A bucket and an object of it, as S3 tells them to EventBridge and to functions.
#[derive(Deserialize)]
struct ObjectEvent {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
    #[serde(alias = "version-id", alias = "versionId")]
    version: Option<String>,
    #[serde(alias = "eTag")]
    etag: Option<String>,
}

/// A notification that S3 sends to functions itself.
#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    s3: ObjectEvent,
}

/// A key as notifications encode it: like a form.
fn form_decoded(key: &str) -> String {
    let spaced = key.replace('+', " ");
    let bytes = spaced.as_bytes();
    let (mut all, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let code = spaced.get(at + 1..at + 3).filter(|_| *byte == b'%');
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                all.push(code);
                at += 3;
            }
            None => {
                all.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

impl<P: Ports> Handler<P> {
    /// A handler over ports.
    pub fn new(ports: P, api: ApiConfig, config: TriggerConfig) -> Self {
        let limit = api.limit();
        let rest =
            RestConfig { builtins: config.builtins.clone(), ..rest_config(api, &StepFunctionsConfig::from_env()) };
        let routes = limited(trigger_router(ports.clone(), rest), ports.clone(), limit);
        Self { router: behind_gateway(routes), ports, config }
    }

    /// Handles an event.
    ///
    /// # Errors
    /// [`HandleError`]
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, HandleError> {
        let text = event.payload.get();
        let unreadable = |error: serde_json::Error| HandleError::Unknown(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(unreadable)?;
        if value.get("requestContext").is_some_and(|context| context.get("http").is_some()) {
            let request: LambdaRequest = serde_json::from_str(text).map_err(unreadable)?;
            return Ok(Answer::Response(self.respond(LambdaEvent::new(request, event.context)).await));
        }
        let id = event.context.request_id;
        let remote = || event.context.xray_trace_id.as_deref().and_then(Remote::from_amazon);
        let mut span = traces::request(remote, Kind::Consumer, || "trigger".to_owned());
        let origin = Origin { request: Some(id.as_str().into()), span: span.context() };
        let log = tracing::info_span!("request", request_id = id);
        let answered = origin.scope(Box::pin(self.receive(value)).instrument(log)).await;
        if answered.is_err() {
            span.fail("refused");
        }
        drop(span);
        flush().await;
        answered
    }

    /// Does what an event asks that is no request of the gateway's.
    async fn receive(&self, value: Value) -> Result<Answer, HandleError> {
        let unreadable = |error: serde_json::Error| HandleError::Unknown(error.to_string());
        if value.get("Records").is_some() {
            let notification = Notification::deserialize(&value).map_err(unreadable)?;
            let decoded = |mut record: Record| {
                record.s3.object.key = form_decoded(&record.s3.object.key);
                record.s3
            };
            return self.import(notification.records.into_iter().map(decoded).collect()).await;
        }
        if value.get("detail-type").is_some() && value.get("detail").is_some() {
            let event = BusEvent::deserialize(&value).map_err(unreadable)?;
            if event.source == "aws.s3" {
                let written = ObjectEvent::deserialize(&event.detail).map_err(unreadable)?;
                return self.import(vec![written]).await;
            }
            let trigger = Trigger::read(event.detail, "/detail").map_err(refused)?;
            let initiated_by = trigger.initiated_by.or_else(|| Some(format!("{} {}", event.source, event.detail_type)));
            return self.start(Trigger { initiated_by, ..trigger }, Some(&event.id)).await;
        }
        let trigger = Trigger::read(value, "").map_err(refused)?;
        self.start(trigger, None).await
    }

    async fn start(&self, trigger: Trigger, event_id: Option<&str>) -> Result<Answer, HandleError> {
        let TriggerConfig { owner, place, builtins, .. } = &self.config;
        match trigger_workflow(&self.ports, owner, place, builtins, trigger, event_id).await {
            Ok(started) => {
                tracing::info!(execution_id = %started.id, replayed = started.replayed, "triggered");
                Ok(started.into())
            }
            Err(WorkflowError::App(error)) => Err(refused(error)),
            Err(error) => Err(HandleError::NotStarted(error.to_string())),
        }
    }

    /// Imports what was put below `imports/` of the stack's bucket.
    async fn import(&self, written: Vec<ObjectEvent>) -> Result<Answer, HandleError> {
        let mut projects = Vec::new();
        for ObjectEvent { bucket, object } in written {
            if bucket.name != self.config.bucket || !object.key.starts_with(UPLOADS) || object.key.ends_with('/') {
                tracing::warn!(bucket = bucket.name, key = object.key, "an object that is no upload was not looked at");
                continue;
            }
            let version = object.version.or(object.etag).unwrap_or_default();
            let upload = Upload { key: object.key, size: object.size, version };
            match import_upload(&self.ports, &self.config.owner, &upload).await {
                Ok(created) => {
                    let project = created.project.value;
                    tracing::info!(project_id = %project.id, replayed = created.replayed, key = upload.key, "imported");
                    projects.push(project.id.into());
                }
                Err(error) => {
                    let problem = match error {
                        Error::Invalid(problems) => {
                            problems.into_iter().map(|one| one.message).collect::<Vec<_>>().join("; ")
                        }
                        other => other.to_string(),
                    };
                    return Err(HandleError::NotImported { key: upload.key, problem });
                }
            }
        }
        Ok(Answer::Imported { projects })
    }

    async fn respond(&self, request: LambdaEvent<LambdaRequest>) -> Value {
        let mut adapter = Adapter::from(self.router.clone());
        let answered = match ServiceExt::<LambdaEvent<LambdaRequest>>::ready(&mut adapter).await {
            Ok(ready) => ready.call(request).await,
            Err(never) => match never {},
        };
        match answered {
            Ok(response) => serde_json::to_value(response).unwrap_or_else(|error| {
                tracing::error!(%error, "a response can't be written");
                json!({ "statusCode": 500 })
            }),
            Err(never) => match never {},
        }
    }
}

fn refused(error: Error) -> HandleError {
    match error {
        Error::Invalid(problems) => {
            let told: Vec<String> = problems.iter().map(|one| format!("{} {}", one.field, one.message)).collect();
            HandleError::Unknown(told.join("; "))
        }
        other => HandleError::NotStarted(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use lambda_http::Context;
    use millrace_app::ports::BlobStore;
    use millrace_app::projects::get_project;
    use millrace_app::workflows::{Configuration, CreateWorkflow, WorkflowType, create_workflow};
    use millrace_simulation::MemoryPorts;

    use super::*;

    const ACCOUNT: &str = "123456789012";

    async fn handler() -> Handler<MemoryPorts> {
        let ports = MemoryPorts::new(1);
        let step_functions = StepFunctionsConfig { region: "us-east-1".into(), ..StepFunctionsConfig::default() };
        let config = TriggerConfig::of(Some(format!("aws:{ACCOUNT}")), "bucket".into(), &step_functions).unwrap();
        let create = CreateWorkflow {
            place: config.place.clone(),
            owner: config.owner.clone(),
            name: "greet".into(),
            definition: r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#.into(),
            kind: WorkflowType::Standard,
            configuration: Configuration::default(),
            publish: false,
            version_description: None,
            tags: Vec::new(),
        };
        create_workflow(&ports, create).await.unwrap();
        Handler::new(
            ports,
            ApiConfig { authorized: true, cors_origins: Vec::new(), builtins: BuiltinIds::default(), rate_limit: None },
            config,
        )
    }

    type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value, HandleError>> + 'a>>;

    fn answer<'a>(handler: &'a Handler<MemoryPorts>, event: &str) -> Answering<'a> {
        let payload = RawValue::from_string(event.to_owned()).unwrap();
        Box::pin(async {
            let answer = Box::pin(handler.handle(LambdaEvent::new(payload, Context::default()))).await?;
            Ok(serde_json::to_value(answer).unwrap())
        })
    }

    macro_rules! event {
        ($name:literal) => {
            include_str!(concat!("../../../events/trigger/", $name, ".json"))
        };
    }

    #[tokio::test]
    async fn an_event_of_the_bus_starts_one_execution() {
        let handler = handler().await;
        let first = answer(&handler, event!("event-bridge")).await.unwrap();
        assert!(first["name"].as_str().unwrap().starts_with("event-"));
        let again = answer(&handler, event!("event-bridge")).await.unwrap();
        assert_eq!((&again["execution_id"], &again["replayed"]), (&first["execution_id"], &json!(true)));
    }

    #[tokio::test]
    async fn an_invocation_starts_an_execution_by_its_name() {
        let handler = handler().await;
        let first = answer(&handler, event!("invocation")).await.unwrap();
        assert_eq!((&first["name"], &first["replayed"]), (&json!("greeting-42"), &json!(false)));
        assert_eq!(answer(&handler, event!("invocation")).await.unwrap()["replayed"], true);
    }

    #[tokio::test]
    async fn a_request_is_answered() {
        let handler = handler().await;
        let made = answer(&handler, event!("request")).await.unwrap();
        assert_eq!(made["statusCode"], 202, "{made}");
        let body: Value = serde_json::from_str(made["body"].as_str().unwrap()).unwrap();
        assert!(body["execution_id"].as_str().unwrap().starts_with("exe_"));
        assert_eq!(answer(&handler, event!("request-unauthorized")).await.unwrap()["statusCode"], 401);
    }

    /// A zip with one stored file: `main.py`, `print(1)`.
    const ZIP: &[u8] = include_bytes!("../testdata/shop.zip");

    #[tokio::test]
    async fn an_uploaded_archive_becomes_a_project_once() {
        let handler = handler().await;
        let missing = answer(&handler, event!("object-created")).await.unwrap_err().to_string();
        assert!(missing.contains("imports/my shop.zip was not imported"), "{missing}");
        handler.ports.put("imports/my shop.zip", ZIP.to_vec(), "application/zip").await.unwrap();
        let first = answer(&handler, event!("object-created")).await.unwrap();
        assert_eq!(first["projects"].as_array().unwrap().len(), 1);
        assert_eq!(answer(&handler, event!("object-created")).await.unwrap(), first);
        // S3's own notification of the same object.
        assert_eq!(answer(&handler, event!("s3-notification")).await.unwrap(), first);
        let id = first["projects"][0].as_str().unwrap().parse().unwrap();
        let project = get_project(&handler.ports, &handler.config.owner, &id).await.unwrap().value;
        assert_eq!(project.name, "my shop");
        handler.ports.put("imports/my shop.zip", b"no archive".to_vec(), "application/zip").await.unwrap();
        let other = event!("object-created").replace("\"version-id\": \"", "\"version-id\": \"x");
        assert!(matches!(answer(&handler, &other).await, Err(HandleError::NotImported { .. })));
        let elsewhere = event!("object-created").replace("imports/", "payloads/");
        assert_eq!(answer(&handler, &elsewhere).await.unwrap()["projects"], json!([]));
    }

    #[tokio::test]
    async fn what_brings_no_trigger_is_refused_with_every_problem() {
        let handler = handler().await;
        let refused = answer(&handler, event!("malformed")).await.unwrap_err().to_string();
        assert!(refused.contains("/detail/definition_id") && refused.contains("/detail/input"), "{refused}");
        let missing = json!({ "definition_id": "none" }).to_string();
        assert!(matches!(answer(&handler, &missing).await, Err(HandleError::NotStarted(_))));
    }
}
