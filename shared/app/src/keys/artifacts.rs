//! Artifacts, by kind. Each prefix ends in a slash, so that no id is the prefix of another.

use crate::ids::{FunctionId, PlanId, ProjectId, ReportId, TestId};

/// Values that are too large for a record, by what they belong to and the SHA-256 of their bytes.
pub const PAYLOADS: &str = "payloads/";

/// Everything that the agents wrote for a project.
#[must_use]
pub fn project(id: &ProjectId) -> String {
    format!("projects/{id}/")
}

/// The contents of a project's file, by the SHA-256 of its bytes in lower-case hexadecimal.
#[must_use]
pub fn file(id: &ProjectId, sha256: &str) -> String {
    format!("projects/{id}/files/{sha256}")
}

/// A model's answer that is too long for a record, by the SHA-256 of its bytes.
#[must_use]
pub fn model_answer(id: &ProjectId, sha256: &str) -> String {
    format!("projects/{id}/calls/{sha256}")
}

/// A project's plans.
#[must_use]
pub fn plans(id: &ProjectId) -> String {
    format!("plans/{id}/")
}

/// A plan as JSON.
#[must_use]
pub fn plan(id: &ProjectId, plan: &PlanId) -> String {
    format!("plans/{id}/{plan}.json")
}

/// A project's deployment packages.
#[must_use]
pub fn deployments(id: &ProjectId) -> String {
    format!("deployments/{id}/")
}

/// A deployment package: its name and the first twelve digits of its SHA-256. Without the extension.
#[must_use]
pub fn deployment(id: &ProjectId, name: &str, sha256: &str) -> String {
    let short: String = sha256.chars().take(12).collect();
    format!("deployments/{id}/{name}-{short}")
}

/// A project's test reports.
#[must_use]
pub fn tests(id: &ProjectId) -> String {
    format!("test_results/{id}/")
}

/// One form of a test report.
#[must_use]
pub fn test(id: &ProjectId, test: &TestId, file: &str) -> String {
    format!("test_results/{id}/{test}/{file}")
}

/// All sources of a function.
#[must_use]
pub fn function(id: &FunctionId) -> String {
    format!("functions/{id}/")
}

/// A source of a function, by the SHA-256 of its bytes in lower-case hexadecimal.
#[must_use]
pub fn function_code(id: &FunctionId, sha256: &str) -> String {
    format!("functions/{id}/{sha256}")
}

/// What the keys of webhooks' bodies begin with, before the day.
pub const WEBHOOKS: &str = "webhooks/";

/// The body of a webhook: the day of its receipt, so that the oldest come first, and the SHA-256 of its bytes in lower-case
/// hexadecimal.
#[must_use]
pub fn webhook_body(received_at: millrace_asl::Timestamp, sha256: &str) -> String {
    let day: String = received_at.to_string().chars().take(10).collect();
    format!("{WEBHOOKS}{day}/{sha256}")
}

/// All forms of a report.
#[must_use]
pub fn reports_of(id: &ReportId) -> String {
    format!("reports/{id}/")
}

/// A form of a report, by its extension.
#[must_use]
pub fn report(id: &ReportId, extension: &str) -> String {
    format!("reports/{id}/report.{extension}")
}

/// A version of a table that is synchronised from elsewhere, by the SHA-256 of its bytes.
#[must_use]
pub fn synced(table: &str, sha256: &str) -> String {
    format!("sync/{table}/{sha256}")
}

/// All prefixes under which a project has artifacts.
#[must_use]
pub fn of_project(id: &ProjectId) -> [String; 4] {
    [project(id), plans(id), deployments(id), tests(id)]
}
