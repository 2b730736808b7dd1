//! Rules: which events start which workflow.

use serde_json::Value;

use super::input::InputTemplate;
use super::model::{RuleTarget, WebhookRule};
use super::store;
use crate::builtins::{self, BuiltinIds};
use crate::error::{Error, FieldProblem};
use crate::ids::WebhookRuleId;
use crate::keys;
use crate::patterns::{Pattern, PatternProblem};
use crate::ports::{Clock, Condition, Ports, RecordStore, StoreError, Write};
use crate::projects::Stored;
use crate::workflows::{self, Place, StateMachineArn, WorkflowError};

/// How many rules an owner may have.
pub const MOST_RULES: usize = 200;
/// The longest name of a rule, in characters.
const NAME_CHARS: usize = 120;

/// A rule to make.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRule {
    /// Its name.
    pub name: String,
    /// Is it looked at?
    pub enabled: bool,
    /// Which events.
    pub pattern: Value,
    /// The workflow, by its id, ARN or name, or that of a built-in one.
    pub workflow: String,
    /// A version's number or an alias.
    pub qualifier: Option<String>,
    /// What the workflow is given.
    pub input: Option<InputTemplate>,
}

/// What to change of a rule; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleChanges {
    /// Its name.
    pub name: Option<String>,
    /// Is it looked at?
    pub enabled: Option<bool>,
    /// Which events.
    pub pattern: Option<Value>,
    /// The workflow; the qualifier is changed with it.
    pub workflow: Option<(String, Option<String>)>,
    /// What the workflow is given; `Some(None)` is the event itself.
    pub input: Option<Option<InputTemplate>>,
}

fn at_pattern(problem: PatternProblem) -> FieldProblem {
    FieldProblem::new(format!("/pattern{}", problem.pointer), problem.message)
}

fn check_parts(name: Option<&str>, pattern: Option<&Value>, input: Option<&InputTemplate>) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if name.is_some_and(|name| name.trim().is_empty() || name.chars().count() > NAME_CHARS) {
        problems.push(FieldProblem::new("/name", format!("must have 1 to {NAME_CHARS} characters")));
    }
    if let Some(Err(wrong)) = pattern.map(Pattern::parse) {
        problems.extend(wrong.into_iter().map(at_pattern));
    }
    if let Some(Err(wrong)) = input.map(InputTemplate::check) {
        problems.extend(wrong);
    }
    problems
}

fn refuse(problems: Vec<FieldProblem>) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(Error::Invalid(problems)) }
}

/// The target of a rule: a workflow of the owner's or a built-in one, with a version or an alias that it has.
async fn target<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    ids: &BuiltinIds,
    workflow: &str,
    qualifier: Option<String>,
) -> Result<RuleTarget, Error> {
    let refused = |field: &str, error: WorkflowError| match error {
        WorkflowError::App(error) => error,
        other => Error::invalid(field, other.to_string()),
    };
    let (found, _) = builtins::find(ports, owner, place, workflow, ids).await.map_err(|error| match error {
        WorkflowError::DoesNotExist(_) => Error::invalid("/workflow", "there is no such workflow"),
        other => refused("/workflow", other),
    })?;
    if let Some(qualifier) = &qualifier {
        let base = StateMachineArn::parse(&found.arn).map_err(|error| refused("/workflow", error))?;
        let arn = StateMachineArn { qualifier: Some(qualifier.clone()), ..base };
        let (field, is_there) = match arn.version() {
            Some(_) => ("/version", workflows::describe_workflow(ports, &arn).await.map(|_| ())),
            None => ("/alias", workflows::describe_alias(ports, &arn).await.map(|_| ())),
        };
        is_there.map_err(|error| match error {
            WorkflowError::App(error) => error,
            _ => Error::invalid(field, "the workflow has no such version or alias"),
        })?;
    }
    Ok(RuleTarget { workflow_arn: found.arn, qualifier })
}

/// Makes a rule. It holds for events that are matched from now on.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers; [`Error::WrongState`] where there are too many.
pub async fn create_rule<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    ids: &BuiltinIds,
    new: NewRule,
) -> Result<Stored<WebhookRule>, Error> {
    refuse(check_parts(Some(&new.name), Some(&new.pattern), new.input.as_ref()))?;
    let target = target(ports, owner, place, ids, &new.workflow, new.qualifier).await?;
    if store::all_rules(ports, owner).await?.len() >= MOST_RULES {
        return Err(Error::WrongState(format!("there are {MOST_RULES} rules: delete one first")));
    }
    let now = ports.clock().now();
    let rule = WebhookRule {
        id: WebhookRuleId::new(ports),
        owner: owner.to_owned(),
        name: new.name,
        enabled: new.enabled,
        pattern: new.pattern,
        target,
        input: new.input,
        created_at: now,
        updated_at: now,
    };
    ports.records().write(vec![Write::Put(store::rule_record(&rule)?, Condition::Absent)]).await?;
    Ok(Stored { value: rule, version: 1 })
}

/// An owner's rule.
///
/// # Errors
/// [`Error::NotFound`]
pub async fn get_rule<P: Ports>(ports: &P, owner: &str, id: &WebhookRuleId) -> Result<Stored<WebhookRule>, Error> {
    store::load_rule(ports, owner, id).await
}

/// All rules of an owner, by creation.
///
/// # Errors
/// [`Error::Store`]
pub async fn list_rules<P: Ports>(ports: &P, owner: &str) -> Result<Vec<WebhookRule>, Error> {
    Ok(store::all_rules(ports, owner).await?.into_iter().map(|stored| stored.value).collect())
}

/// Changes a rule; with `expected` only that version of it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`] with JSON pointers, [`Error::VersionMismatch`]
pub async fn update_rule<P: Ports>(
    ports: &P,
    owner: &str,
    place: &Place,
    ids: &BuiltinIds,
    id: &WebhookRuleId,
    expected: Option<u64>,
    changes: RuleChanges,
) -> Result<Stored<WebhookRule>, Error> {
    let stored = store::load_rule(ports, owner, id).await?;
    let mismatch = || Error::VersionMismatch { what: "the rule" };
    if expected.is_some_and(|version| version != stored.version) {
        return Err(mismatch());
    }
    let input = changes.input.as_ref().and_then(Option::as_ref);
    refuse(check_parts(changes.name.as_deref(), changes.pattern.as_ref(), input))?;
    let mut rule = stored.value;
    if let Some((workflow, qualifier)) = changes.workflow {
        rule.target = target(ports, owner, place, ids, &workflow, qualifier).await?;
    }
    rule.name = changes.name.unwrap_or(rule.name);
    rule.enabled = changes.enabled.unwrap_or(rule.enabled);
    rule.pattern = changes.pattern.unwrap_or(rule.pattern);
    rule.input = changes.input.unwrap_or(rule.input);
    rule.updated_at = ports.clock().now();
    let write = Write::Put(store::rule_record(&rule)?, Condition::Version(stored.version));
    match ports.records().write(vec![write]).await {
        Ok(()) => Ok(Stored { value: rule, version: stored.version + 1 }),
        Err(StoreError::Conflict) => Err(mismatch()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes a rule; with `expected` only that version of it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::VersionMismatch`]
pub async fn delete_rule<P: Ports>(
    ports: &P,
    owner: &str,
    id: &WebhookRuleId,
    expected: Option<u64>,
) -> Result<(), Error> {
    let stored = store::load_rule(ports, owner, id).await?;
    if expected.is_some_and(|version| version != stored.version) {
        return Err(Error::VersionMismatch { what: "the rule" });
    }
    let delete = Write::Delete(keys::webhook_rule(owner, id), Condition::Version(stored.version));
    match ports.records().write(vec![delete]).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict) => Err(Error::VersionMismatch { what: "the rule" }),
        Err(error) => Err(error.into()),
    }
}

/// What a pattern, and a template with it, make of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct TestedPattern {
    /// Does the event fit?
    pub matches: bool,
    /// The input that the workflow would get.
    pub input: Option<Value>,
    /// Why it would get none.
    pub problem: Option<String>,
}

/// Tries a pattern, and a template where one is given, on an event.
///
/// # Errors
/// [`Error::Invalid`] with JSON pointers
pub fn test_pattern<P: Ports>(
    ports: &P,
    pattern: &Value,
    input: Option<InputTemplate>,
    event: &Value,
) -> Result<TestedPattern, Error> {
    refuse(check_parts(None, Some(pattern), input.as_ref()))?;
    let parsed =
        Pattern::parse(pattern).map_err(|wrong| Error::Invalid(wrong.into_iter().map(at_pattern).collect()))?;
    let now = ports.clock().now();
    let rule = WebhookRule {
        id: WebhookRuleId::derived("test"),
        owner: String::new(),
        name: "test".to_owned(),
        enabled: true,
        pattern: pattern.clone(),
        target: RuleTarget { workflow_arn: String::new(), qualifier: None },
        input,
        created_at: now,
        updated_at: now,
    };
    let made = super::input::input_of(&rule, event, 0, now);
    let (input, problem) = match made {
        Ok(input) => (Some(input), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(TestedPattern { matches: parsed.matches(event), input, problem })
}
