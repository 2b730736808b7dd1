//! Tags of state machines and activities.

use millrace_app::activities::{self, ActivityError};
use millrace_app::ports::Ports;
use millrace_app::workflows::{self, StateMachineArn, Tag};
use serde_json::{Value, json};

use super::nothing;
use crate::error::ApiError;
use crate::fields::{ARN, Fields, Text};
use crate::handler::{Answered, Call};

const KEY: Text = Text::new(1, 128);
const VALUE: Text = Text::new(0, 256);

/// A list of tags.
pub(super) fn read(fields: &mut Fields<'_>, name: &str) -> Result<Option<Vec<Tag>>, ApiError> {
    let Some(items) = fields.list(name)? else { return Ok(None) };
    let mut tags = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        tags.push(fields.element(name, index, item, |item| {
            Ok(Tag { key: item.required("key", KEY)?, value: item.text("value", VALUE)?.unwrap_or_default() })
        })?);
    }
    Ok(Some(tags))
}

pub(crate) async fn tag<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("resourceArn", ARN)?;
    let tags = read(&mut fields, "tags")?;
    if tags.is_none() {
        fields.required_list("tags")?;
    }
    fields.check()?;
    let tags = tags.unwrap_or_default();
    match is_activity(&arn) {
        true => activities::tag_activity(call.ports, &arn, &tags).await.map_err(|error| of_activity(error, &arn))?,
        false => workflows::tag_workflow(call.ports, check(&arn)?, &tags).await?,
    }
    Ok(nothing())
}

pub(crate) async fn untag<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("resourceArn", ARN)?;
    let items = fields.required_list("tagKeys")?;
    fields.check()?;
    let keys: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if keys.len() < items.len() {
        return Err(ApiError::serialization("a tag's key must be a String"));
    }
    match is_activity(&arn) {
        true => activities::untag_activity(call.ports, &arn, &keys).await.map_err(|error| of_activity(error, &arn))?,
        false => workflows::untag_workflow(call.ports, check(&arn)?, &keys).await?,
    }
    Ok(nothing())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("resourceArn", ARN)?;
    fields.check()?;
    let tags = match is_activity(&arn) {
        true => {
            let activity = activities::describe_activity(call.ports, &arn).await;
            activity.map_err(|error| of_activity(error, &arn))?.tags
        }
        false => workflows::list_tags(call.ports, check(&arn)?).await?,
    };
    let tags: Vec<Value> = tags.iter().map(|tag| json!({ "key": tag.key, "value": tag.value })).collect();
    Ok(json!({ "tags": tags }))
}

fn is_activity(arn: &str) -> bool {
    arn.split(':').nth(5) == Some("activity")
}

/// Versions and aliases have no tags.
fn check(arn: &str) -> Result<&str, ApiError> {
    let parsed = StateMachineArn::parse(arn)?;
    if parsed.qualifier.is_some() || parsed.label.is_some() {
        return Err(not_found(arn));
    }
    Ok(arn)
}

fn not_found(arn: &str) -> ApiError {
    workflows::not_found(arn).into()
}

fn of_activity(error: ActivityError, arn: &str) -> ApiError {
    match error {
        ActivityError::DoesNotExist(_) => not_found(arn),
        other => other.into(),
    }
}
