//! State machines.

use millrace_app::ports::Ports;
use millrace_app::workflows::{
    self, Configuration, CreateWorkflow, Encryption, Listed, LogLevel, Logging, Resolved, StateMachineArn,
    UpdateWorkflow, WorkflowType,
};
use serde_json::Value;

use super::{nothing, tags, unlabelled, unqualified};
use crate::error::ApiError;
use crate::fields::{ARN, DEFINITION, DESCRIPTION, Fields, NAME, PAGE_TOKEN, Text};
use crate::handler::{Answered, Call};
use crate::paging;
use crate::views::{self, Answer, seconds};

pub(super) const TYPES: &[(&str, WorkflowType)] =
    &[("STANDARD", WorkflowType::Standard), ("EXPRESS", WorkflowType::Express)];
const LEVELS: &[(&str, LogLevel)] =
    &[("ALL", LogLevel::All), ("ERROR", LogLevel::Error), ("FATAL", LogLevel::Fatal), ("OFF", LogLevel::Off)];
/// `includedData`: with data, or the metadata only.
pub(super) const INCLUDED: &[(&str, bool)] = &[("ALL_DATA", true), ("METADATA_ONLY", false)];

pub(crate) async fn create<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let name = fields.required("name", NAME)?;
    let definition = fields.required("definition", DEFINITION)?;
    let role_arn = fields.required("roleArn", ARN)?;
    let kind = fields.word("type", TYPES)?.unwrap_or_default();
    let configuration = Configuration {
        role_arn: role_arn.clone(),
        logging: logging(&mut fields)?.unwrap_or_default(),
        tracing: tracing(&mut fields)?.unwrap_or_default(),
        encryption: encryption(&mut fields)?.unwrap_or_default(),
        input_schema: None,
    };
    let publish = fields.flag("publish")?.unwrap_or_default();
    let version_description = fields.text("versionDescription", DESCRIPTION)?;
    let tags = tags::read(&mut fields, "tags")?.unwrap_or_default();
    fields.check()?;
    check_role(&role_arn)?;
    let created = workflows::create_workflow(
        call.ports,
        CreateWorkflow {
            place: call.scope.place.clone(),
            owner: call.scope.owner.clone(),
            name,
            definition,
            kind,
            configuration,
            publish,
            version_description,
            tags,
        },
    )
    .await?;
    let arn = created.workflow.arn.as_str();
    Ok(Answer::new()
        .set("stateMachineArn", arn)
        .time("creationDate", created.workflow.created_at)
        .maybe("stateMachineVersionArn", created.version.map(|version| format!("{arn}:{version}")))
        .into())
}

pub(crate) async fn describe<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineArn", ARN)?;
    let with_data = fields.word("includedData", INCLUDED)?.unwrap_or(true);
    fields.check()?;
    let resolved = workflows::describe_workflow(call.ports, &unlabelled(StateMachineArn::parse(&arn)?)?).await?;
    let definition = workflows::definition_text(call.ports, resolved.revision()).await?;
    let Resolved { workflow, version } = &resolved;
    let revision = resolved.revision();
    let answer = Answer::new()
        .set("stateMachineArn", arn)
        .set("name", workflow.name.as_str())
        .set("status", workflow.status.name())
        .set("definition", if with_data { definition.as_str() } else { "" })
        .set("roleArn", revision.configuration.role_arn.as_str())
        .set("type", workflow.kind.name())
        .time("creationDate", resolved.created_at())
        .maybe("revisionId", revision.revision_id.as_deref())
        .maybe("description", version.as_ref().and_then(|version| version.description.as_deref()));
    let answer = views::configuration(answer, &revision.configuration);
    Ok(answer.maybe("variableReferences", views::variables(&definition)).into())
}

pub(crate) async fn update<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineArn", ARN)?;
    let update = UpdateWorkflow {
        definition: fields.text("definition", DEFINITION)?,
        role_arn: fields.text("roleArn", ARN)?,
        logging: logging(&mut fields)?,
        tracing: tracing(&mut fields)?,
        encryption: encryption(&mut fields)?,
        input_schema: None,
        publish: fields.flag("publish")?.unwrap_or_default(),
        version_description: fields.text("versionDescription", DESCRIPTION)?,
    };
    fields.check()?;
    if let Some(role) = &update.role_arn {
        check_role(role)?;
    }
    unqualified(&arn)?;
    let updated = workflows::update_workflow(call.ports, &arn, update).await?;
    Ok(Answer::new()
        .time("updateDate", updated.at)
        .maybe("revisionId", updated.revision_id)
        .maybe("stateMachineVersionArn", updated.version.map(|version| format!("{arn}:{version}")))
        .into())
}

pub(crate) async fn delete<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineArn", ARN)?;
    fields.check()?;
    let parsed = unlabelled(StateMachineArn::parse(&arn)?)?;
    if parsed.qualifier.is_some() {
        return Err(ApiError::validation("The ARN of a state machine without a version or an alias must be specified"));
    }
    workflows::delete_workflow(call.ports, &arn).await?;
    Ok(nothing())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let limit = fields.page_size()?;
    let token = fields.text("nextToken", PAGE_TOKEN)?;
    fields.check()?;
    let place = call.scope.place.clone();
    let prefix = place.prefix();
    let listing = ["state machines", prefix.as_str()];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    let page = workflows::list_workflows(call.ports, &Listed::Of(place), limit, cursor).await?;
    let items: Vec<Value> = page
        .items
        .iter()
        .map(|workflow| {
            Answer::new()
                .set("stateMachineArn", workflow.arn.as_str())
                .set("name", workflow.name.as_str())
                .set("type", workflow.kind.name())
                .set("creationDate", seconds(workflow.created_at))
                .into()
        })
        .collect();
    let next = page.next.map(|next| paging::seal(&listing, next, call.now()));
    Ok(Answer::new().set("stateMachines", items).maybe("nextToken", next).into())
}

fn check_role(arn: &str) -> Result<(), ApiError> {
    if arn.starts_with("arn:") {
        return Ok(());
    }
    Err(ApiError::new("InvalidArn", format!("Invalid Arn: 'Invalid ARN prefix: {arn}'")))
}

fn logging(fields: &mut Fields<'_>) -> Result<Option<Logging>, ApiError> {
    fields.inside("loggingConfiguration", |inner| {
        let level = inner.word("level", LEVELS)?.unwrap_or_default();
        let include_execution_data = inner.flag("includeExecutionData")?.unwrap_or_default();
        let named = inner.list("destinations")?;
        let mut destinations = Vec::new();
        for (index, item) in named.unwrap_or_default().iter().enumerate() {
            let arn = inner.element("destinations", index, item, |item| {
                item.inside("cloudWatchLogsLogGroup", |group| group.text("logGroupArn", ARN))
            })?;
            destinations.extend(arn.flatten());
        }
        Ok(Logging { level, include_execution_data, destinations: named.map(|_| destinations) })
    })
}

fn tracing(fields: &mut Fields<'_>) -> Result<Option<bool>, ApiError> {
    let read = fields.inside("tracingConfiguration", |inner| inner.flag("enabled"))?;
    Ok(read.map(Option::unwrap_or_default))
}

/// `encryptionConfiguration`
pub(super) fn encryption(fields: &mut Fields<'_>) -> Result<Option<Encryption>, ApiError> {
    let invalid =
        |why: &str| ApiError::new("InvalidEncryptionConfiguration", format!("Invalid Encryption Configuration: {why}"));
    let read = fields.inside("encryptionConfiguration", |inner| {
        let is_owned = inner.word("type", &[("AWS_OWNED_KEY", true), ("CUSTOMER_MANAGED_KMS_KEY", false)])?;
        if !inner.has("type") {
            inner.required("type", Text::new(0, usize::MAX))?;
        }
        let key = inner.text("kmsKeyId", Text::new(1, 2048))?;
        let reuse = inner.integer("kmsDataKeyReusePeriodSeconds", 60, 900)?;
        Ok((is_owned.unwrap_or(true), key, reuse.and_then(|seconds| u32::try_from(seconds).ok())))
    })?;
    Ok(match read {
        None => None,
        Some((true, None, None)) => Some(Encryption::OwnedKey),
        Some((true, ..)) => return Err(invalid("an AWS owned key has neither kmsKeyId nor a reuse period")),
        Some((false, None, _)) => return Err(invalid("kmsKeyId is required for a customer managed key")),
        Some((false, Some(key), reuse_seconds)) => Some(Encryption::CustomerKey { key, reuse_seconds }),
    })
}
