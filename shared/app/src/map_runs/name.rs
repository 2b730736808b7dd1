//! The ARNs of map runs and of their executions.

use millrace_asl::map_run::RunName;

/// The name at the end of a map run's ARN, `arn:aws:states:{region}:{account}:mapRun:{stateMachine}/{label}:{uuid}`.
pub(super) fn of_run(arn: &str) -> Option<RunName> {
    last(arn, "mapRun")
}

/// The name at the end of the ARN of a map run's execution, `…:execution:{stateMachine}/{label}:{uuid}`; `None` for other
/// executions.
pub(super) fn of_execution(arn: &str) -> Option<RunName> {
    last(arn, "execution")
}

fn last(arn: &str, kind: &str) -> Option<RunName> {
    match arn.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "states", _, _, found, machine, name] if *found == kind && machine.contains('/') => {
            name.parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_their_own_arns_name_something() {
        let uuid = "123e4567-e89b-42d3-a456-426614174000";
        let arn = |kind: &str, machine: &str| format!("arn:aws:states:us-east-1:000000000000:{kind}:{machine}:{uuid}");
        assert_eq!(of_run(&arn("mapRun", "shop/Label")).map(|name| name.to_string()).as_deref(), Some(uuid));
        assert!(of_execution(&arn("execution", "shop/Label")).is_some());
        assert!(of_execution(&arn("execution", "shop")).is_none());
        assert!(of_run(&arn("execution", "shop/Label")).is_none());
        assert!(of_run("nonsense").is_none());
    }
}
