//! Activities and their tasks.

use millrace_app::activities::{self, Activity, ActivityError, CreateActivity, LONGEST_POLL};
use millrace_app::ports::Ports;
use serde_json::{Value, json};

use super::state_machines::encryption;
use super::{nothing, tags};
use crate::error::ApiError;
use crate::fields::{ARN, Fields, NAME, PAGE_TOKEN};
use crate::handler::{Answered, Call};
use crate::paging;
use crate::views::{self, Answer, seconds};

pub(crate) async fn create<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let name = fields.required("name", NAME)?;
    let encryption = encryption(&mut fields)?;
    let tags = tags::read(&mut fields, "tags")?.unwrap_or_default();
    fields.check()?;
    let create = CreateActivity {
        arn: call.scope.place.activity(&name),
        owner: call.scope.owner.clone(),
        encryption: encryption.as_ref().map(views::encryption),
        tags,
    };
    let activity = activities::create_activity(call.ports, create).await?;
    Ok(Answer::new().set("activityArn", activity.arn).time("creationDate", activity.created_at).into())
}

pub(crate) async fn describe<P: Ports>(call: &Call<'_, P>) -> Answered {
    let arn = activity_arn(call)?;
    let Activity { arn, name, created_at, encryption, .. } = activities::describe_activity(call.ports, &arn).await?;
    Ok(Answer::new()
        .set("activityArn", arn)
        .set("name", name)
        .time("creationDate", created_at)
        .set("encryptionConfiguration", encryption.unwrap_or_else(|| json!({ "type": "AWS_OWNED_KEY" })))
        .into())
}

pub(crate) async fn delete<P: Ports>(call: &Call<'_, P>) -> Answered {
    let arn = activity_arn(call)?;
    activities::delete_activity(call.ports, &arn).await?;
    Ok(nothing())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let limit = fields.page_size()?;
    let token = fields.text("nextToken", PAGE_TOKEN)?;
    fields.check()?;
    let (place, owner) = (&call.scope.place, &call.scope.owner);
    let prefix = place.activity("");
    let listing = ["activities", owner.as_str(), prefix.as_str()];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    let page = activities::list_activities(call.ports, owner, &place.region, limit, cursor).await?;
    let items: Vec<Value> = page
        .items
        .iter()
        // Where everything has one owner, other accounts' activities are listed with ours.
        .filter(|activity| activity.arn.starts_with(&prefix))
        .map(|activity| {
            Answer::new()
                .set("activityArn", activity.arn.as_str())
                .set("name", activity.name.as_str())
                .set("creationDate", seconds(activity.created_at))
                .into()
        })
        .collect();
    let next = page.next.map(|next| paging::seal(&listing, next, call.now()));
    Ok(Answer::new().set("activities", items).maybe("nextToken", next).into())
}

pub(crate) async fn get_task<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("activityArn", ARN)?;
    let worker = fields.text("workerName", NAME)?;
    fields.check()?;
    let wait = call.longest_poll.min(LONGEST_POLL);
    let task = activities::get_activity_task(call.ports, &arn, worker.as_deref(), wait).await?;
    Ok(match task {
        Some(task) => json!({ "taskToken": task.token, "input": task.input.to_string() }),
        None => nothing(),
    })
}

fn activity_arn<P>(call: &Call<'_, P>) -> Result<String, ApiError> {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("activityArn", ARN)?;
    fields.check()?;
    Ok(arn)
}

impl From<ActivityError> for ApiError {
    fn from(error: ActivityError) -> Self {
        let message = error.to_string();
        let name = match error {
            ActivityError::TooManyTags { arn, .. } => {
                return Self { more: Some(("resourceName", arn)), ..Self::new("TooManyTags", message) };
            }
            ActivityError::InvalidArn(_) => "InvalidArn",
            ActivityError::InvalidName(_) => "InvalidName",
            ActivityError::AlreadyExists(_) => "ActivityAlreadyExists",
            ActivityError::DoesNotExist(_) => "ActivityDoesNotExist",
            ActivityError::InvalidToken => "InvalidToken",
            ActivityError::App(error) => return error.into(),
            _ => "InternalFailure",
        };
        Self::new(name, message)
    }
}
