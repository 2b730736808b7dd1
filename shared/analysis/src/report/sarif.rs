//! The findings as SARIF 2.1.0 (OASIS Standard, "Static Analysis Results Interchange Format"), for code scanning.

use serde_json::{Map, Value, json};

use super::Report;
use crate::rules::catalogue::{self, RULES};
use crate::{Finding, Severity};

/// The schema of the format.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the findings as SARIF, with the rules that they follow. Columns count Unicode code points.
///
/// # Errors
///
/// Only if serialization fails, which strings and numbers do not do.
pub fn to_sarif(report: &Report) -> Result<String, serde_json::Error> {
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Millrace QA",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules(),
            } },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "PROJECT": { "description": { "text": "the root of the project" } } },
            "results": results,
            "properties": {
                "project": report.project,
                "rating": report.summary.score.rating,
                "score": report.summary.score.score,
                "debtRatio": report.summary.score.debt_ratio,
                "remediationMinutes": report.summary.score.remediation_minutes,
            },
        }],
    });
    let mut text = serde_json::to_string_pretty(&document)?;
    text.push('\n');
    Ok(text)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "error",
        Severity::Major => "warning",
        Severity::Minor | Severity::Info => "note",
    }
}

fn rules() -> Vec<Value> {
    let describe = |rule: &catalogue::Rule| {
        json!({
            "id": rule.id,
            "shortDescription": { "text": rule.about },
            "defaultConfiguration": { "level": level(rule.worst()) },
        })
    };
    RULES.iter().map(describe).collect()
}

fn result(finding: &Finding) -> Value {
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), json!(finding.rule));
    if let Some(index) = RULES.iter().position(|rule| rule.id == finding.rule) {
        result.insert("ruleIndex".to_owned(), json!(index));
    }
    result.insert("level".to_owned(), json!(level(finding.severity)));
    result.insert("message".to_owned(), json!({ "text": finding.message }));
    if !finding.path.is_empty() {
        let mut place = Map::new();
        place.insert("artifactLocation".to_owned(), json!({ "uri": uri(&finding.path), "uriBaseId": "PROJECT" }));
        if finding.line > 0 {
            let region = match finding.column {
                0 => json!({ "startLine": finding.line }),
                column => json!({ "startLine": finding.line, "startColumn": column }),
            };
            place.insert("region".to_owned(), region);
        }
        result.insert("locations".to_owned(), json!([{ "physicalLocation": place }]));
    }
    let properties = json!({
        "severity": finding.severity,
        "blocking": finding.is_blocking(),
        "remediationMinutes": finding.remediation_minutes,
    });
    result.insert("properties".to_owned(), properties);
    Value::Object(result)
}

/// A path as a relative reference of RFC 3986: what is not allowed in one is escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    /// What the schema of SARIF 2.1.0 requires of the parts that are used here.
    fn validate(document: &Value) {
        let text = |value: &Value| value.as_str().is_some_and(|it| !it.is_empty());
        assert_eq!(document["version"], "2.1.0");
        let runs = document["runs"].as_array().unwrap();
        for run in runs {
            let driver = &run["tool"]["driver"];
            assert!(text(&driver["name"]));
            let rules = driver["rules"].as_array().unwrap();
            for rule in rules {
                assert!(text(&rule["id"]) && text(&rule["shortDescription"]["text"]));
                assert!(
                    ["none", "note", "warning", "error"]
                        .contains(&rule["defaultConfiguration"]["level"].as_str().unwrap())
                );
            }
            assert!(["utf16CodeUnits", "unicodeCodePoints"].contains(&run["columnKind"].as_str().unwrap()));
            for result in run["results"].as_array().unwrap() {
                assert!(text(&result["message"]["text"]));
                assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
                let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
                assert_eq!(rules[index]["id"], result["ruleId"]);
                for location in result["locations"].as_array().into_iter().flatten() {
                    let place = &location["physicalLocation"];
                    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
                    assert!(!uri.is_empty() && !uri.contains([' ', '"', '<', '\\']));
                    let base = place["artifactLocation"]["uriBaseId"].as_str().unwrap();
                    assert!(run["originalUriBaseIds"].get(base).is_some());
                    if let Some(region) = place.get("region") {
                        assert!(region["startLine"].as_u64().unwrap() >= 1);
                        assert!(region.get("startColumn").is_none_or(|it| it.as_u64().unwrap() >= 1));
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_schema_requires() {
        let report = report(&[
            ("src/a b.py", "def f(:\n"),
            ("b.js", "// FIXME\nlet a = 1;\nlet a = 2;\n"),
            ("c.py", "password = 'hunter2'\n"),
        ]);
        let text = to_sarif(&report).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        validate(&document);
        let results = document["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), report.findings.len());
        assert!(results.iter().any(|it| it["level"] == "error"
            && it["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "src/a%20b.py"));
        assert!(results.iter().any(|it| it.get("locations").is_none()), "a finding on the project has no place");
        assert!(!text.contains("hunter2"));
    }
}
