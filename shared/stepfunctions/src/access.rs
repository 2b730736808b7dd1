//! What a caller whom the front identified may do: by their role, and with ARNs of their own account only.

use millrace_app::identity::Role;
use serde_json::{Map, Value};

use crate::caller::ApiCaller;
use crate::error::ApiError;

/// May this caller do this, which needs `needed`?
pub(crate) fn check(
    caller: &ApiCaller,
    operation: &str,
    needed: Role,
    members: &Map<String, Value>,
) -> Result<(), ApiError> {
    let denied = |resource: &str, why: &str| {
        let who = caller.owner.as_deref().unwrap_or(&caller.account);
        let text = format!("User: {who} is not authorized to perform: states:{operation} on resource: {resource}{why}");
        Err(ApiError::new("AccessDeniedException", text))
    };
    if !caller.role.allows(needed) {
        return denied("*", &format!(" because it needs the role {needed}, and the caller has {}", caller.role));
    }
    // As with Step Functions, whether there is such a thing in another account makes no difference.
    match members.iter().find_map(|(name, value)| foreign(name, value, &caller.account)) {
        Some(arn) => denied(arn, ""),
        None => Ok(()),
    }
}

/// An ARN of Step Functions in another account, among the members that hold ARNs.
fn foreign<'a>(name: &str, value: &'a Value, account: &str) -> Option<&'a str> {
    match value {
        Value::String(text) if name.ends_with("Arn") => {
            let mut parts = text.split(':').skip(2);
            let (service, of) = (parts.next()?, parts.nth(1)?);
            (service == "states" && of != account).then_some(text)
        }
        Value::Array(items) => items.iter().find_map(|item| foreign(name, item, account)),
        Value::Object(members) => members.iter().find_map(|(name, value)| foreign(name, value, account)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_and_accounts() {
        let caller = ApiCaller { account: "111111111111".into(), owner: Some("ann".into()), role: Role::Run };
        let may = |needed, members: Value| check(&caller, "X", needed, members.as_object().unwrap()).is_ok();
        assert!(may(Role::Run, json!({})) && !may(Role::Admin, json!({})));
        let arn = |account: &str| format!("arn:aws:states:us-east-1:{account}:stateMachine:x");
        assert!(may(Role::Run, json!({ "stateMachineArn": arn("111111111111") })));
        assert!(!may(Role::Run, json!({ "stateMachineArn": arn("222222222222") })));
        assert!(!may(
            Role::Run,
            json!({ "routingConfiguration": [{ "stateMachineVersionArn": arn("222222222222") }] })
        ));
        assert!(may(Role::Run, json!({ "roleArn": "arn:aws:iam::222222222222:role/x", "input": arn("222222222222") })));
        assert!(may(Role::Run, json!({ "stateMachineArn": "nonsense" })), "its own operation says what is wrong");
    }
}
