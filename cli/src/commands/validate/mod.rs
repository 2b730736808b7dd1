//! `millrace validate`: definitions in files, without a server.

mod places;

use clap::ValueEnum;
use millrace_asl::StateMachine;
use millrace_asl::definition::Severity;
use millrace_asl::validation::{self, Options, WorkflowType};
use serde_json::{Value, json};

use super::Session;
use crate::exit::InvalidError;
use crate::input;
use crate::output::clean;

pub(crate) use places::{Place, Places};

/// What a definition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Long, durable, exactly once.
    Standard,
    /// Short: no activities, callbacks or distributed Maps.
    Express,
}

impl Kind {
    /// Its name in the API.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Express => "EXPRESS",
        }
    }
}

/// Check definitions in files, without a server.
///
/// Reads JSON and YAML in the Amazon States Language and says what is wrong at which line and column, as FILE:LINE:COLUMN.
/// The exit code is 0 when all files are valid, else 9.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace validate workflows/*.asl.yaml
  millrace validate - < orders.json
  millrace validate orders.json --type express --strict --json")]
pub(crate) struct Validate {
    /// Files with definitions in JSON or YAML; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// What they are for.
    #[arg(long = "type", value_enum, default_value_t = Kind::Standard)]
    kind: Kind,
    /// Warnings are errors too.
    #[arg(long)]
    strict: bool,
}

/// One thing that is to say of a definition.
#[derive(Debug)]
struct Finding {
    severity: Severity,
    code: &'static str,
    message: String,
    pointer: Option<String>,
    place: Option<Place>,
}

/// What is to say of a file.
#[derive(Debug)]
pub(crate) struct Findings {
    file: String,
    all: Vec<Finding>,
}

impl Finding {
    const fn severity(&self) -> &'static str {
        match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// `file:line:column`
pub(crate) fn place(file: &str, place: Option<Place>) -> String {
    let file = if file == "-" { "<stdin>" } else { file };
    match place {
        Some(Place { line, column }) => format!("{file}:{line}:{column}"),
        None => file.to_owned(),
    }
}

impl Findings {
    /// Of a file that can't be read.
    fn unread(file: &str, error: &anyhow::Error) -> Self {
        let message = format!("{error:#}");
        let one = Finding { severity: Severity::Error, code: "UNREADABLE_FILE", message, pointer: None, place: None };
        Self { file: file.to_owned(), all: vec![one] }
    }

    /// How many errors there are.
    pub(crate) fn errors(&self) -> usize {
        self.all.iter().filter(|one| one.severity == Severity::Error).count()
    }

    /// A line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |one: &Finding| {
            let at = match (&one.place, &one.pointer) {
                // Where it is was not found in the text: the pointer tells it.
                (None, Some(pointer)) => format!(" (at {pointer})"),
                _ => String::new(),
            };
            let message = one.message.split('\n').next().unwrap_or_default();
            clean(&format!("{}: {}: {} [{}]{at}", place(&self.file, one.place), one.severity(), message, one.code))
        };
        self.all.iter().map(line).collect()
    }

    fn json(&self) -> Value {
        let all = self.all.iter().map(|one| {
            json!({
                "severity": one.severity().to_uppercase(),
                "code": one.code,
                "message": one.message,
                "pointer": one.pointer,
                "line": one.place.map(|place| place.line),
                "column": one.place.map(|place| place.column),
            })
        });
        json!({ "file": self.file, "valid": self.errors() == 0, "diagnostics": all.collect::<Vec<_>>() })
    }
}

/// Looks at a definition: as a server does before it stores it.
pub(crate) fn look(file: &str, text: &str, kind: Kind) -> Findings {
    let workflow_type = match kind {
        Kind::Standard => WorkflowType::Standard,
        Kind::Express => WorkflowType::Express,
    };
    let mut all = Vec::new();
    if let Some((place, message)) = places::syntax_error(text) {
        all.push(Finding {
            severity: Severity::Error,
            code: "INVALID_JSON_DESCRIPTION",
            message,
            pointer: None,
            place: Some(place),
        });
        return Findings { file: file.to_owned(), all };
    }
    let places = Places::of(text);
    let options = Options { severity: Severity::Warning, ..Options::for_type(workflow_type) };
    let validated = validation::validate(text, &options);
    let valid = validated.is_valid();
    for one in validated.diagnostics {
        let place = one.location.as_deref().and_then(|pointer| places.find(pointer));
        all.push(Finding {
            severity: one.severity,
            code: one.code,
            message: one.message,
            pointer: one.location,
            place,
        });
    }
    // What the language takes and the engine can't run.
    if let (true, Err(refused)) = (valid, StateMachine::parse(text)) {
        for one in refused.diagnostics {
            let place = places.find(&one.location);
            let pointer = Some(one.location);
            all.push(Finding { severity: one.severity, code: one.code, message: one.message, pointer, place });
        }
    }
    all.sort_by_key(|one| one.place.map_or((usize::MAX, 0), |place| (place.line, place.column)));
    Findings { file: file.to_owned(), all }
}

pub(crate) fn run(options: &Validate, session: &Session) -> anyhow::Result<()> {
    let out = &session.out;
    let mut found = Vec::new();
    for file in &options.files {
        found.push(match input::file(file) {
            Ok(text) => look(file, &text, options.kind),
            Err(error) => Findings::unread(file, &error),
        });
    }
    let wrong = |one: &Findings| if options.strict { one.all.len() } else { one.errors() };
    let invalid = found.iter().filter(|one| wrong(one) > 0).count();
    if out.json {
        let items: Vec<Value> = found.iter().map(Findings::json).collect();
        out.value(&json!({ "valid": invalid == 0, "files": items }))?;
    } else {
        for line in found.iter().flat_map(Findings::lines) {
            out.line(&line)?;
        }
    }
    let count = found.len();
    let files = if count == 1 { "file" } else { "files" };
    if invalid > 0 {
        return Err(InvalidError(format!("{invalid} of {count} {files} not valid")).into());
    }
    if !out.json {
        out.note(&format!("{count} {files} valid."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_line_and_column() {
        let json = "{\n  \"StartAt\": \"A\",\n  \"States\": {\n    \"A\": { \"Type\": \"Pass\",\n      \"Next\": \"B\" }\n  }\n}\n";
        let lines = look("a.json", json, Kind::Standard).lines();
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with("a.json:5:7: error: ") && line.contains("MISSING_TRANSITION_TARGET")),
            "{lines:?}"
        );
        let yaml = "StartAt: A\nStates:\n  A:\n    Type: Choice\n    Choices:\n      - {Variable: $.x, IsPresent: true, Next: B}\n    Default: C\n  C: {Type: Succeed}\n";
        let lines = look("a.yaml", yaml, Kind::Standard).lines();
        assert!(lines.iter().any(|line| line.starts_with("a.yaml:6:42: error: ")), "{lines:?}");
        assert!(look("a.yaml", &yaml.replace("Next: B", "Next: C"), Kind::Standard).lines().is_empty());
    }

    #[test]
    fn broken_text_has_its_place_too() {
        for (text, expected) in [
            ("{\n  \"StartAt\": }", "x:2:14: error: "),
            ("StartAt: A\nStates: [\n", "x:2:9: error: "),
            ("{\"a\": 1} x", "x:1:10: error: "),
            (
                "StartAt: A\nStartAt: B\nStates: {}\n",
                "x:2:1: error: this is not YAML: duplicate mapping key: StartAt [",
            ),
        ] {
            let lines = look("x", text, Kind::Standard).lines();
            assert!(lines.len() == 1 && lines[0].starts_with(expected), "{lines:?}");
        }
        assert_eq!(look("-", "", Kind::Standard).errors(), 1);
    }

    #[test]
    fn kinds_differ() {
        let wait = r#"{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":"x","MessageBody.$":"$$.Task.Token"},"End":true}}}"#;
        assert_eq!(look("x", wait, Kind::Standard).errors(), 0);
        assert!(look("x", wait, Kind::Express).errors() > 0);
    }
}
