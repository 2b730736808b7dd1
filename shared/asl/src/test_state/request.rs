//! The request, from the API's JSON.

use serde_json::{Map, Value, json};

use crate::validation::parse_json;

use super::TestStateError;

/// How much of a test is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InspectionLevel {
    /// The result.
    #[default]
    Info,
    /// Also `inspectionData`.
    Debug,
    /// Also what an HTTP task sent and received.
    Trace,
}

/// How strictly a mocked result is compared with what the API that it stands for returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Fields must be as the API's.
    #[default]
    Strict,
    /// Fields that are there must be as the API's.
    Present,
    /// Nothing is compared.
    None,
}

/// What a task, Map or Parallel state is said to have come to.
#[derive(Debug, Clone, PartialEq)]
pub enum MockedResult {
    /// `result`
    Result(Value),
    /// `errorOutput`
    Error {
        /// `error`
        error: Option<String>,
        /// `cause`
        cause: Option<String>,
    },
}

/// `mock`
#[derive(Debug, Clone, PartialEq)]
pub struct Mock {
    /// `result` or `errorOutput`
    pub result: MockedResult,
    /// `fieldValidationMode`
    pub field_validation: FieldValidation,
}

/// `stateConfiguration`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateConfiguration {
    /// `retrierRetryCount`: how often the retriers have been used.
    pub retrier_retry_count: u64,
    /// `errorCausedByState`: the state inside of a Map or Parallel state that fails.
    pub error_caused_by_state: Option<String>,
    /// `mapIterationFailureCount`
    pub map_iteration_failure_count: Option<u64>,
    /// `mapItemReaderData`: what the item reader is said to have read.
    pub map_item_reader_data: Option<String>,
}

/// A request of `TestState`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestStateRequest {
    /// `definition`: a state, or with `state_name` a state machine.
    pub definition: String,
    /// `stateName`
    pub state_name: Option<String>,
    /// `input`
    pub input: Option<String>,
    /// `variables`
    pub variables: Option<String>,
    /// `context`
    pub context: Option<String>,
    /// `roleArn`
    pub role_arn: Option<String>,
    /// `inspectionLevel`
    pub inspection_level: InspectionLevel,
    /// `revealSecrets`
    pub reveal_secrets: bool,
    /// `mock`
    pub mock: Option<Mock>,
    /// `stateConfiguration`
    pub configuration: StateConfiguration,
}

fn refuse(message: impl Into<String>) -> TestStateError {
    TestStateError::Validation(message.into())
}

impl TestStateRequest {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// `ValidationException`, where a field is not as the API has it.
    pub fn from_json(body: &Value) -> Result<Self, TestStateError> {
        let Value::Object(body) = body else { return Err(refuse("The request must be a JSON object")) };
        let definition = text(body, "definition")?.ok_or_else(|| {
            refuse(
                "1 validation error detected: Value null at 'definition' failed to satisfy constraint: Member must not be \
                 null",
            )
        })?;
        let state_name = text(body, "stateName")?;
        if state_name.as_deref() == Some("") {
            return Err(refuse(
                "1 validation error detected: Value '' at 'stateName' failed to satisfy constraint: Member must have length \
                 greater than or equal to 1",
            ));
        }
        let levels = [InspectionLevel::Info, InspectionLevel::Debug, InspectionLevel::Trace];
        let inspection_level =
            one_of(body, "inspectionLevel", "inspectionLevel", &["INFO", "DEBUG", "TRACE"], &levels)?;
        let reveal_secrets = match body.get("revealSecrets") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => return Err(refuse("'revealSecrets' must be true or false")),
        };
        Ok(Self {
            definition,
            state_name,
            input: text(body, "input")?,
            variables: text(body, "variables")?,
            context: text(body, "context")?,
            role_arn: text(body, "roleArn")?,
            inspection_level,
            reveal_secrets,
            mock: object(body, "mock")?.map(Mock::from_json).transpose()?,
            configuration: match object(body, "stateConfiguration")? {
                Some(configuration) => StateConfiguration::from_json(configuration)?,
                None => StateConfiguration::default(),
            },
        })
    }

    /// The input as JSON; `{}` where there is none.
    pub(super) fn parsed_input(&self) -> Result<Value, TestStateError> {
        match self.input.as_deref() {
            None => Ok(json!({})),
            Some(text) if text.trim().is_empty() => {
                Err(TestStateError::InvalidExecutionInput("Invalid execution input.".to_owned()))
            }
            Some(text) => parse_json(text).map_err(|error| TestStateError::InvalidExecutionInput(error.message)),
        }
    }

    pub(super) fn parsed_variables(&self) -> Result<Map<String, Value>, TestStateError> {
        let Some(text) = self.variables.as_deref() else { return Ok(Map::new()) };
        match parse_json(text) {
            Ok(Value::Object(variables)) => Ok(variables),
            Ok(_) => Err(refuse("Invalid variables provided: variables must be a JSON object")),
            Err(error) => Err(refuse(format!("Invalid variables provided: {error}"))),
        }
    }
}

impl Mock {
    fn from_json(mock: &Map<String, Value>) -> Result<Self, TestStateError> {
        let modes = [FieldValidation::Strict, FieldValidation::Present, FieldValidation::None];
        let names = ["STRICT", "PRESENT", "NONE"];
        let field_validation = one_of(mock, "fieldValidationMode", "mock.fieldValidationMode", &names, &modes)?;
        let result = match (text(mock, "result")?, object(mock, "errorOutput")?) {
            (Some(_), Some(_)) => return Err(refuse("A test mock should have only one of result or errorOutput")),
            (None, None) => return Err(refuse("A test mock must have a result or an errorOutput")),
            (Some(result), None) => MockedResult::Result(
                parse_json(&result).map_err(|error| refuse(format!("Mocked result must be valid JSON: {error}")))?,
            ),
            (None, Some(error)) => MockedResult::Error { error: text(error, "error")?, cause: text(error, "cause")? },
        };
        Ok(Self { result, field_validation })
    }
}

impl StateConfiguration {
    fn from_json(configuration: &Map<String, Value>) -> Result<Self, TestStateError> {
        Ok(Self {
            retrier_retry_count: count(configuration, "retrierRetryCount")?.unwrap_or_default(),
            error_caused_by_state: text(configuration, "errorCausedByState")?,
            map_iteration_failure_count: count(configuration, "mapIterationFailureCount")?,
            map_item_reader_data: text(configuration, "mapItemReaderData")?,
        })
    }
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, TestStateError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(refuse(format!("'{name}' must be a string"))),
    }
}

fn object<'v>(body: &'v Map<String, Value>, name: &str) -> Result<Option<&'v Map<String, Value>>, TestStateError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(refuse(format!("'{name}' must be an object"))),
    }
}

fn count(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, TestStateError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or_else(|| {
            refuse(format!(
                "1 validation error detected: Value '{value}' at 'stateConfiguration.{name}' failed to satisfy constraint: \
                 Member must have value greater than or equal to 0"
            ))
        }),
    }
}

fn one_of<T: Copy + Default>(
    body: &Map<String, Value>,
    name: &str,
    path: &str,
    names: &[&str],
    values: &[T],
) -> Result<T, TestStateError> {
    let Some(given) = text(body, name)? else { return Ok(T::default()) };
    let found = names.iter().position(|one| *one == given).and_then(|index| values.get(index));
    found.copied().ok_or_else(|| {
        refuse(format!(
            "1 validation error detected: Value '{given}' at '{path}' failed to satisfy constraint: Member must satisfy enum \
             value set: [{}]",
            names.join(", ")
        ))
    })
}
