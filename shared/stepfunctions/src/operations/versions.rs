//! Published versions.

use millrace_app::ports::Ports;
use millrace_app::workflows::{self, StateMachineArn};
use serde_json::Value;

use super::{nothing, unlabelled, unqualified};
use crate::fields::{ARN, DESCRIPTION, Fields, LONG_ARN, PAGE_TOKEN, Text};
use crate::handler::{Answered, Call};
use crate::paging;
use crate::views::{Answer, seconds};

pub(crate) async fn publish<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineArn", ARN)?;
    let revision = fields.text("revisionId", Text::new(0, usize::MAX))?;
    let description = fields.text("description", DESCRIPTION)?;
    fields.check()?;
    unqualified(&arn)?;
    let version = workflows::publish_version(call.ports, &arn, revision.as_deref(), description.as_deref()).await?;
    Ok(Answer::new()
        .time("creationDate", version.created_at)
        .set("stateMachineVersionArn", format!("{arn}:{}", version.number))
        .into())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineArn", ARN)?;
    let limit = fields.page_size()?;
    let token = fields.text("nextToken", PAGE_TOKEN)?;
    fields.check()?;
    let base = unlabelled(StateMachineArn::parse(&arn)?)?.base();
    let listing = ["versions", base.as_str()];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    let page = workflows::list_versions(call.ports, &base, limit, cursor).await?;
    let items: Vec<Value> = page
        .items
        .iter()
        .map(|version| {
            Answer::new()
                .set("stateMachineVersionArn", format!("{base}:{}", version.number))
                .set("creationDate", seconds(version.created_at))
                .into()
        })
        .collect();
    let next = page.next.map(|next| paging::seal(&listing, next, call.now()));
    Ok(Answer::new().set("stateMachineVersions", items).maybe("nextToken", next).into())
}

pub(crate) async fn delete<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineVersionArn", LONG_ARN)?;
    fields.check()?;
    workflows::delete_version(call.ports, &StateMachineArn::parse(&arn)?).await?;
    Ok(nothing())
}
