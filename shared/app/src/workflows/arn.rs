//! ARNs of state machines and executions.

use super::error::WorkflowError;
use super::model::WorkflowType;

/// An account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Place {
    /// An account in a region; the region says the partition.
    #[must_use]
    pub fn new(region: &str, account: &str) -> Self {
        let partition = match region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { partition: partition.to_owned(), region: region.to_owned(), account: account.to_owned() }
    }

    /// Where the workflows of an owner are whom the operator has named: `aws:` and an account says the account, else it is the
    /// server's.
    #[must_use]
    pub fn of_owner(owner: &str, region: &str, account: &str) -> Self {
        Self::new(region, owner.strip_prefix("aws:").unwrap_or(account))
    }

    /// What every ARN of Step Functions there begins with.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("arn:{}:states:{}:{}", self.partition, self.region, self.account)
    }

    /// The ARN of a state machine.
    #[must_use]
    pub fn state_machine(&self, name: &str) -> String {
        format!("{}:stateMachine:{name}", self.prefix())
    }

    /// The ARN of an activity.
    #[must_use]
    pub fn activity(&self, name: &str) -> String {
        format!("{}:activity:{name}", self.prefix())
    }
}

/// The parts of an ARN of Step Functions: where it is, the kind of resource, and the rest.
fn parse(arn: &str) -> Result<(Place, &str, &str), WorkflowError> {
    let wrong = |why: String| WorkflowError::InvalidArn(why);
    if !arn.starts_with("arn:") {
        return Err(wrong(format!("Invalid ARN prefix: {arn}")));
    }
    let parts: Vec<&str> = arn.splitn(7, ':').collect();
    let [_, partition, service, region, account, kind, rest] = parts.as_slice() else {
        return Err(wrong(format!("Malformed ARN: {arn}")));
    };
    if *service != "states" {
        return Err(wrong(format!("Invalid service: {service}")));
    }
    if region.is_empty() || account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong(format!("Malformed ARN: {arn}")));
    }
    if rest.is_empty() {
        return Err(wrong(format!("Malformed ARN: {arn}")));
    }
    let place =
        Place { partition: (*partition).to_owned(), region: (*region).to_owned(), account: (*account).to_owned() };
    Ok((place, kind, rest))
}

fn wrong_kind(kind: &str) -> WorkflowError {
    WorkflowError::InvalidArn(format!("Resource type not valid in this context: {kind}"))
}

/// `arn:…:stateMachine:name`, with a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachineArn {
    /// Where it is.
    pub place: Place,
    /// The state machine's name.
    pub name: String,
    /// A Map state's label: `name/label`.
    pub label: Option<String>,
    /// A version's number or an alias's name.
    pub qualifier: Option<String>,
}

impl StateMachineArn {
    /// Reads the ARN of a state machine, a version or an alias.
    ///
    /// # Errors
    /// [`WorkflowError::InvalidArn`]
    pub fn parse(arn: &str) -> Result<Self, WorkflowError> {
        let (place, kind, rest) = parse(arn)?;
        if kind != "stateMachine" {
            return Err(wrong_kind(kind));
        }
        let (name, qualifier) = match rest.split_once(':') {
            Some((_, "")) => return Err(WorkflowError::InvalidArn(format!("Malformed ARN: {arn}"))),
            Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
            None => (rest, None),
        };
        let (name, label) = match name.split_once('/') {
            Some((name, label)) => (name, Some(label.to_owned())),
            None => (name, None),
        };
        Ok(Self { place, name: name.to_owned(), label, qualifier })
    }

    /// Without label and qualifier.
    #[must_use]
    pub fn base(&self) -> String {
        self.place.state_machine(&self.name)
    }

    /// The number, where the qualifier is one.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        self.qualifier.as_deref().and_then(version_number)
    }

    /// The alias, where the qualifier is one.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        self.qualifier.as_deref().filter(|qualifier| version_number(qualifier).is_none())
    }
}

/// A version's number: digits without a leading zero.
fn version_number(text: &str) -> Option<u64> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `arn:…:execution:stateMachine:name`, or `arn:…:express:stateMachine:name:id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionArn {
    /// Where it is.
    pub place: Place,
    /// `STANDARD` or `EXPRESS`.
    pub kind: WorkflowType,
    /// The state machine's name, with the label of a Map state in an execution that a map run started.
    pub state_machine: String,
    /// The execution's name.
    pub name: String,
}

impl ExecutionArn {
    /// Reads the ARN of an execution.
    ///
    /// # Errors
    /// [`WorkflowError::InvalidArn`]
    pub fn parse(arn: &str) -> Result<Self, WorkflowError> {
        let (place, kind, rest) = parse(arn)?;
        let kind = match kind {
            "execution" => WorkflowType::Standard,
            "express" => WorkflowType::Express,
            other => return Err(wrong_kind(other)),
        };
        let malformed = || WorkflowError::InvalidArn(format!("Malformed ARN: {arn}"));
        let (state_machine, name) = rest.split_once(':').ok_or_else(malformed)?;
        if state_machine.is_empty() || name.is_empty() {
            return Err(malformed());
        }
        Ok(Self { place, kind, state_machine: state_machine.to_owned(), name: name.to_owned() })
    }

    /// Was it started by a map run?
    #[must_use]
    pub fn is_of_map_run(&self) -> bool {
        self.state_machine.contains('/')
    }

    /// The same, for what only executions of `STANDARD` workflows have.
    ///
    /// # Errors
    /// [`WorkflowError::InvalidArn`]
    pub fn parse_standard(arn: &str) -> Result<Self, WorkflowError> {
        let parsed = Self::parse(arn)?;
        if parsed.kind == WorkflowType::Express { Err(wrong_kind("express")) } else { Ok(parsed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_and_what_is_none() {
        let arn = StateMachineArn::parse("arn:aws:states:us-east-1:111111111111:stateMachine:shop:7").unwrap();
        assert_eq!((arn.version(), arn.alias()), (Some(7), None));
        assert_eq!(arn.base(), "arn:aws:states:us-east-1:111111111111:stateMachine:shop");
        let arn = StateMachineArn::parse("arn:aws:states:us-east-1:111111111111:stateMachine:shop:live").unwrap();
        assert_eq!((arn.version(), arn.alias()), (None, Some("live")));
        let arn = StateMachineArn::parse("arn:aws:states:us-east-1:111111111111:stateMachine:shop/Items").unwrap();
        assert_eq!(arn.label.as_deref(), Some("Items"));
        let arn = ExecutionArn::parse("arn:aws:states:us-east-1:111111111111:express:shop:a:b").unwrap();
        assert_eq!((arn.state_machine.as_str(), arn.name.as_str()), ("shop", "a:b"));
        for wrong in [
            "x",
            "arn:",
            "arn:aws:states:us-east-1:1:stateMachine:x",
            "arn:aws:states:us-east-1:111111111111:stateMachine:",
            "arn:aws:states:us-east-1:111111111111:stateMachine:x:",
            "arn:aws:states:us-east-1:111111111111:activity:x",
            "arn:aws:lambda:us-east-1:111111111111:stateMachine:x",
        ] {
            assert!(matches!(StateMachineArn::parse(wrong), Err(WorkflowError::InvalidArn(_))), "{wrong}");
        }
        assert!(ExecutionArn::parse("arn:aws:states:us-east-1:111111111111:execution:x").is_err());
        assert!(ExecutionArn::parse_standard("arn:aws:states:us-east-1:111111111111:express:x:y").is_err());
    }
}
