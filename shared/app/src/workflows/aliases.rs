//! Aliases.

use millrace_asl::Timestamp;

use super::arn::StateMachineArn;
use super::error::WorkflowError;
use super::model::{Alias, Route};
use super::{list, store, versions};
use crate::ids::WorkflowId;
use crate::keys;
use crate::ports::{Clock, Condition, Order, Page, Ports, Query, RecordStore, StoreError, Write};

/// The most aliases of a workflow.
const MOST: usize = 100;

/// What an alias is made of.
#[derive(Debug, Clone)]
pub struct CreateAlias {
    /// Its name.
    pub name: String,
    /// What its maker says of it.
    pub description: Option<String>,
    /// ARNs of one or two versions of the same workflow, with weights.
    pub routes: Vec<(String, u32)>,
}

/// What changes in an alias; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct UpdateAlias {
    /// What its maker says of it.
    pub description: Option<String>,
    /// ARNs of one or two versions of the alias's workflow, with weights.
    pub routes: Option<Vec<(String, u32)>>,
}

/// Makes an alias; answers the workflow's ARN with it. Idempotent.
///
/// # Errors
/// [`WorkflowError::Invalid`] for the routes; [`WorkflowError::Conflict`] where there is another of that name;
/// [`WorkflowError::NotFound`] where a version does not exist; [`WorkflowError::DoesNotExist`],
/// [`WorkflowError::Deleting`]
pub async fn create_alias<P: Ports>(ports: &P, create: CreateAlias) -> Result<(String, Alias), WorkflowError> {
    let (base, routes) = check_routes(&create.routes)?;
    let workflow = store::load_active(ports, &base).await?.value;
    let had = load(ports, &workflow.id, &create.name).await?;
    if had.is_none() && all(ports, &workflow.id).await?.len() >= MOST {
        return Err(WorkflowError::Invalid(format!("A state machine can have at most {MOST} aliases")));
    }
    check_versions(ports, &workflow.id, &routes).await?;
    let now = ports.clock().now();
    let alias = Alias { name: create.name, description: create.description, routes, created_at: now, updated_at: now };
    if let Some(had) = had {
        return idempotent(base, had, &alias);
    }
    match ports.records().write(vec![store::put_alias(&workflow.id, &alias, Condition::Absent)?]).await {
        Ok(()) => Ok((base, alias)),
        Err(StoreError::Conflict) => {
            let had = load(ports, &workflow.id, &alias.name).await?.ok_or_else(|| no_alias(&alias.name))?;
            idempotent(base, had, &alias)
        }
        Err(error) => Err(error.into()),
    }
}

fn idempotent(base: String, had: Alias, wanted: &Alias) -> Result<(String, Alias), WorkflowError> {
    if had.routes == wanted.routes && had.description == wanted.description {
        return Ok((base, had));
    }
    Err(WorkflowError::Conflict(
        "Failed to create alias because an alias with the same name and a different routing configuration already \
         exists."
            .to_owned(),
    ))
}

/// Changes an alias; answers when.
///
/// # Errors
/// Those of [`create_alias`]; [`WorkflowError::NotFound`] where there is no such alias.
pub async fn update_alias<P: Ports>(
    ports: &P,
    arn: &StateMachineArn,
    update: UpdateAlias,
) -> Result<Timestamp, WorkflowError> {
    let name = arn.alias().ok_or_else(|| no_alias(arn.qualifier.as_deref().unwrap_or_default()))?;
    let id = WorkflowId::derived(&arn.base());
    let key = keys::alias(&id, name);
    let routes = match &update.routes {
        Some(routes) => {
            let (base, routes) = check_routes(routes)?;
            if base != arn.base() {
                return Err(other_workflow());
            }
            check_versions(ports, &id, &routes).await?;
            Some(routes)
        }
        None => None,
    };
    let stored = store::get::<P, Alias>(ports, &key).await?.ok_or_else(|| no_alias(name))?;
    let now = ports.clock().now();
    let had = stored.value;
    let alias = Alias {
        description: update.description.or_else(|| had.description.clone()),
        routes: routes.unwrap_or_else(|| had.routes.clone()),
        updated_at: now,
        ..had
    };
    let write = store::put_alias(&id, &alias, Condition::Version(stored.version))?;
    match ports.records().write(vec![write]).await {
        Err(StoreError::Conflict) => {
            Err(WorkflowError::Conflict("The alias was changed at the same time: try again".to_owned()))
        }
        written => {
            written?;
            Ok(now)
        }
    }
}

/// An alias by its ARN.
///
/// # Errors
/// [`WorkflowError::NotFound`]
pub async fn describe_alias<P: Ports>(ports: &P, arn: &StateMachineArn) -> Result<Alias, WorkflowError> {
    let name = arn.alias().ok_or_else(|| no_alias(arn.qualifier.as_deref().unwrap_or_default()))?;
    load(ports, &WorkflowId::derived(&arn.base()), name).await?.ok_or_else(|| no_alias(name))
}

/// Deletes an alias.
///
/// # Errors
/// [`WorkflowError::NotFound`] where there is none.
pub async fn delete_alias<P: Ports>(ports: &P, arn: &StateMachineArn) -> Result<(), WorkflowError> {
    describe_alias(ports, arn).await?;
    let key = keys::alias(&WorkflowId::derived(&arn.base()), arn.alias().unwrap_or_default());
    Ok(ports.records().write(vec![Write::Delete(key, Condition::Any)]).await?)
}

/// A page of a workflow's aliases, by name; only those that point to `version`, if one is given.
///
/// # Errors
/// [`WorkflowError::DoesNotExist`]; [`WorkflowError::InvalidToken`]
pub async fn list_aliases<P: Ports>(
    ports: &P,
    arn: &StateMachineArn,
    limit: usize,
    cursor: Option<String>,
) -> Result<Page<Alias>, WorkflowError> {
    let workflow = store::load(ports, &arn.base()).await?.value;
    let mut page: Page<Alias> = list::page(ports, &query(&workflow.id, limit, cursor)).await?;
    if let Some(version) = arn.version() {
        page.items.retain(|alias| alias.routes.iter().any(|route| route.version == version));
    }
    Ok(page)
}

fn query(id: &WorkflowId, limit: usize, cursor: Option<String>) -> Query {
    Query {
        index: None,
        partition: keys::workflow_partition(id),
        sort_prefix: keys::ALIAS.to_owned(),
        sort_to: None,
        order: Order::Ascending,
        limit,
        cursor,
    }
}

/// Every alias of a workflow: they are at most [`MOST`].
pub(super) async fn all<P: Ports>(ports: &P, id: &WorkflowId) -> Result<Vec<Alias>, WorkflowError> {
    let page: Page<Alias> = list::page(ports, &query(id, 1_000, None)).await?;
    Ok(page.items)
}

/// An alias by name.
pub(super) async fn load<P: Ports>(ports: &P, id: &WorkflowId, name: &str) -> Result<Option<Alias>, WorkflowError> {
    Ok(store::get(ports, &keys::alias(id, name)).await?.map(|stored| stored.value))
}

/// One of the versions, each as often as its weight says.
pub(super) fn pick(routes: &[Route], random: [u8; 16]) -> Option<u64> {
    let number = random.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let mut point = u32::try_from(number % 100).unwrap_or_default();
    for route in routes {
        if point < route.weight {
            return Some(route.version);
        }
        point -= route.weight;
    }
    routes.last().map(|route| route.version)
}

fn no_alias(name: &str) -> WorkflowError {
    missing("alias", name.to_owned())
}

fn missing(kind: &'static str, id: String) -> WorkflowError {
    WorkflowError::NotFound { kind, id, told: "Request references a resource that does not exist.".to_owned() }
}

fn other_workflow() -> WorkflowError {
    WorkflowError::Invalid("Routing configuration must contain versions of the same state machine.".to_owned())
}

/// The workflow's ARN and the routes, where the routes are distinct versions of one workflow with weights that sum up
/// to 100.
fn check_routes(routes: &[(String, u32)]) -> Result<(String, Vec<Route>), WorkflowError> {
    let arns = || routes.iter().map(|(arn, _)| arn.as_str()).collect::<Vec<_>>().join(", ");
    let mut parsed = Vec::with_capacity(routes.len());
    for (arn, weight) in routes {
        let arn = StateMachineArn::parse(arn)?;
        let Some(version) = arn.version() else {
            return Err(WorkflowError::Invalid(format!(
                "Routing configuration must contain state machine version ARNs. Received: [{}]",
                arns()
            )));
        };
        parsed.push((arn.base(), Route { version, weight: *weight }));
    }
    let [(base, first), rest @ ..] = parsed.as_slice() else {
        return Err(WorkflowError::Invalid("Routing configuration must contain one or two versions.".to_owned()));
    };
    if rest.iter().any(|(other, route)| other == base && route.version == first.version) {
        return Err(WorkflowError::Invalid(format!(
            "Routing configuration must contain distinct state machine version ARNs. Received: [{}]",
            arns()
        )));
    }
    if rest.iter().any(|(other, _)| other != base) {
        return Err(other_workflow());
    }
    if routes.iter().map(|(_, weight)| u64::from(*weight)).sum::<u64>() != 100 {
        let weights: Vec<String> = routes.iter().map(|(_, weight)| weight.to_string()).collect();
        return Err(WorkflowError::Invalid(format!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            weights.join(", ")
        )));
    }
    let base = base.clone();
    Ok((base, parsed.into_iter().map(|(_, route)| route).collect()))
}

async fn check_versions<P: Ports>(ports: &P, id: &WorkflowId, routes: &[Route]) -> Result<(), WorkflowError> {
    for route in routes {
        let found = versions::load(ports, id, route.version).await?;
        found.ok_or_else(|| missing("version", route.version.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_decide_how_often() {
        let routes = [Route { version: 1, weight: 30 }, Route { version: 2, weight: 70 }];
        let picked = |number: u64| {
            let mut random = [0; 16];
            random[..8].copy_from_slice(&number.to_be_bytes());
            pick(&routes, random)
        };
        let first = (0..100).filter(|number| picked(*number) == Some(1)).count();
        assert_eq!(first, 30);
        assert_eq!(pick(&[Route { version: 9, weight: 100 }], [0xff; 16]), Some(9));
        assert_eq!(pick(&[], [0; 16]), None);
    }
}
