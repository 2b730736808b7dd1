//! Aliases.

use millrace_app::ports::Ports;
use millrace_app::workflows::{self, Alias, CreateAlias, StateMachineArn, UpdateAlias};
use serde_json::{Value, json};

use super::{nothing, unlabelled};
use crate::error::ApiError;
use crate::fields::{ARN, DESCRIPTION, Fields, PAGE_TOKEN, Text};
use crate::handler::{Answered, Call};
use crate::paging;
use crate::views::{Answer, seconds};

/// `CharacterRestrictedName`
const ALIAS_NAME: Text = Text::new(1, 80).matching("^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$", is_alias_name);

fn is_alias_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.bytes().all(allowed) && text.bytes().any(|byte| !byte.is_ascii_digit())
}

pub(crate) async fn create<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let description = fields.text("description", DESCRIPTION)?;
    let name = fields.required("name", ALIAS_NAME)?;
    let routes = routes(&mut fields)?;
    if routes.is_none() {
        fields.required_list("routingConfiguration")?;
    }
    fields.check()?;
    let create = CreateAlias { name, description, routes: routes.unwrap_or_default() };
    let (base, alias) = workflows::create_alias(call.ports, create).await.map_err(routing)?;
    Ok(Answer::new()
        .set("stateMachineAliasArn", format!("{base}:{}", alias.name))
        .time("creationDate", alias.created_at)
        .into())
}

pub(crate) async fn update<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineAliasArn", ARN)?;
    let description = fields.text("description", DESCRIPTION)?;
    let routes = routes(&mut fields)?;
    fields.check()?;
    if description.is_none() && routes.is_none() {
        return Err(ApiError {
            more: Some(("reason", "MISSING_REQUIRED_PARAMETER".to_owned())),
            ..ApiError::validation("Either the description or the RoutingConfiguration must be specified")
        });
    }
    let update = UpdateAlias { description, routes };
    let at = workflows::update_alias(call.ports, &StateMachineArn::parse(&arn)?, update).await.map_err(routing)?;
    Ok(Answer::new().time("updateDate", at).into())
}

pub(crate) async fn describe<P: Ports>(call: &Call<'_, P>) -> Answered {
    let arn = alias_arn(call)?;
    let parsed = StateMachineArn::parse(&arn)?;
    let Alias { name, description, routes, created_at, updated_at } =
        workflows::describe_alias(call.ports, &parsed).await?;
    let base = parsed.base();
    let routes: Vec<Value> = routes
        .iter()
        .map(|route| json!({ "stateMachineVersionArn": format!("{base}:{}", route.version), "weight": route.weight }))
        .collect();
    Ok(Answer::new()
        .set("stateMachineAliasArn", arn)
        .set("name", name)
        .maybe("description", description)
        .set("routingConfiguration", routes)
        .time("creationDate", created_at)
        .time("updateDate", updated_at)
        .into())
}

pub(crate) async fn delete<P: Ports>(call: &Call<'_, P>) -> Answered {
    let arn = alias_arn(call)?;
    workflows::delete_alias(call.ports, &StateMachineArn::parse(&arn)?).await?;
    Ok(nothing())
}

pub(crate) async fn list<P: Ports>(call: &Call<'_, P>) -> Answered {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineArn", ARN)?;
    let limit = fields.page_size()?;
    let token = fields.text("nextToken", PAGE_TOKEN)?;
    fields.check()?;
    let parsed = unlabelled(StateMachineArn::parse(&arn)?)?;
    let listing = ["aliases", arn.as_str()];
    let cursor = paging::open(&listing, token.as_deref(), call.now())?;
    let page = workflows::list_aliases(call.ports, &parsed, limit, cursor).await?;
    let base = parsed.base();
    let items: Vec<Value> = page
        .items
        .iter()
        .map(|alias| {
            Answer::new()
                .set("stateMachineAliasArn", format!("{base}:{}", alias.name))
                .set("creationDate", seconds(alias.created_at))
                .into()
        })
        .collect();
    let next = page.next.map(|next| paging::seal(&listing, next, call.now()));
    Ok(Answer::new().set("stateMachineAliases", items).maybe("nextToken", next).into())
}

fn alias_arn<P>(call: &Call<'_, P>) -> Result<String, ApiError> {
    let mut fields = Fields::new(call.members);
    let arn = fields.required("stateMachineAliasArn", ARN)?;
    fields.check()?;
    Ok(arn)
}

/// `routingConfiguration`: versions with weights.
fn routes(fields: &mut Fields<'_>) -> Result<Option<Vec<(String, u32)>>, ApiError> {
    let Some(items) = fields.list("routingConfiguration")? else { return Ok(None) };
    let mut routes = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        routes.push(fields.element("routingConfiguration", index, item, |item| {
            let arn = item.required("stateMachineVersionArn", ARN)?;
            let weight = item.integer("weight", 0, 100)?;
            if weight.is_none() {
                item.required("weight", Text::new(0, usize::MAX))?;
            }
            Ok((arn, weight.and_then(|weight| u32::try_from(weight).ok()).unwrap_or_default()))
        })?);
    }
    if routes.is_empty() || routes.len() > 2 {
        let shown: Vec<String> = routes
            .iter()
            .map(|(arn, weight)| format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})"))
            .collect();
        let constraint = match routes.len() {
            0 => "must have length greater than or equal to 1",
            _ => "must have length less than or equal to 2",
        };
        fields.wrong_length("routingConfiguration", &format!("[{}]", shown.join(", ")), constraint);
    }
    Ok(Some(routes))
}

/// Names the reason where the routes are at fault.
fn routing(error: workflows::WorkflowError) -> ApiError {
    let error = ApiError::from(error);
    match error.name {
        "ValidationException" => {
            ApiError { more: Some(("reason", "INVALID_ROUTING_CONFIGURATION".to_owned())), ..error }
        }
        _ => error,
    }
}
