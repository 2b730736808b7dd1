//! Links to CloudWatch Logs Insights: no call is made, and no permission needed.
//!
//! The console keeps a query in its address, behind `#`: `?queryDetail=` with `?` and `=` written as `$3F` and `$3D`, then an
//! object as JSURL has it (<https://github.com/Sage/jsurl>): `~(name~'text~name~(~'text~'text))`. In texts only letters,
//! digits, `_`, `-` and `.` stand for themselves; `$` is `!`, and others are `*` with two small hexadecimal digits or `**` with
//! four for each of their UTF-16 units. AWS documents no form; that is how its console writes its own addresses.

use millrace_app::logs::{LogAnswer, LogLevel, LogOrder, LogQuery, LogSource, Logs};
use millrace_app::ports::{Clock as _, StoreError};
use millrace_app::{Error, Timestamp};

use crate::clock::SystemClock;
use crate::config::ConfigError;

/// What work goes on with after an execution's end, and how late its lines come.
const AFTER_THE_END_MILLIS: i64 = 600_000;
/// What a request does before the execution is there.
const BEFORE_THE_START_MILLIS: i64 = 60_000;
/// So many records the query asks for: the most that the service shows.
const RECORDS: u32 = 10_000;

/// The log groups of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsightsLinks {
    region: String,
    groups: Vec<String>,
}

impl InsightsLinks {
    /// Those of a region.
    #[must_use]
    pub const fn new(region: String, groups: Vec<String>) -> Self {
        Self { region, groups }
    }

    /// Reads `AWS_REGION`, and `LOG_GROUPS`: the names of the groups, separated by commas.
    ///
    /// # Errors
    /// [`ConfigError`] where one is missing.
    pub fn from_env() -> Result<Self, ConfigError> {
        let variable = |name| std::env::var(name).unwrap_or_default();
        Self::parse(variable("AWS_REGION"), &variable("LOG_GROUPS"))
    }

    fn parse(region: String, groups: &str) -> Result<Self, ConfigError> {
        let groups: Vec<String> =
            groups.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect();
        let mut problems = Vec::new();
        if region.is_empty() {
            problems.push("AWS_REGION is not set: it must be the stack's region".to_owned());
        }
        if groups.is_empty() {
            problems.push(
                "LOG_GROUPS is not set: it must be the names of the stack's log groups, separated by commas".to_owned(),
            );
        }
        if problems.is_empty() { Ok(Self { region, groups }) } else { Err(ConfigError { problems }) }
    }

    /// The address of the console with a query for what was asked, in the time from start to end.
    fn link(&self, query: &LogQuery, now: Timestamp) -> String {
        let region = &self.region;
        let start = query.began.plus_millis(-BEFORE_THE_START_MILLIS);
        let end = query.ended.map_or(now, |ended| ended.plus_millis(AFTER_THE_END_MILLIS));
        let sources: String = self.groups.iter().map(|group| format!("~{}", text(group))).collect();
        format!(
            "https://{region}.{}/cloudwatch/home?region={region}#logsV2:logs-insights$3FqueryDetail$3D~(end~{}~start~{}\
             ~timeType~'ABSOLUTE~tz~'UTC~editorString~{}~isLiveTail~false~source~({sources}))",
            console(region),
            text(&end.to_string()),
            text(&start.to_string()),
            text(&editor(query)),
        )
    }
}

impl LogSource for InsightsLinks {
    fn find(&self, query: LogQuery) -> LogAnswer<'_> {
        let link = match query.cursor {
            // There are no pages, so nobody has a cursor.
            Some(_) => Err(Error::Store(StoreError::InvalidCursor)),
            None => Ok(Logs::Link(self.link(&query, SystemClock.now()))),
        };
        Box::pin(std::future::ready(link))
    }
}

/// The console's name behind the region, by partition.
fn console(region: &str) -> &'static str {
    match region {
        china if china.starts_with("cn-") => "console.amazonaws.cn",
        gov if gov.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
        _ => "console.aws.amazon.com",
    }
}

/// The query, in the language of Logs Insights.
fn editor(query: &LogQuery) -> String {
    let (field, id) = query.subject.field();
    let mut lines = vec![
        "fields @timestamp, function_name, level, message, state, error, request_id, @log".to_owned(),
        format!("filter {field} = {}", quoted(id)),
    ];
    if let Some(least) = query.level {
        let levels: Vec<String> = LogLevel::ALL
            .into_iter()
            .filter(|level| *level <= least)
            .map(|level| quoted(&level.name().to_uppercase()))
            .collect();
        lines.push(format!("filter level in [{}]", levels.join(", ")));
    }
    if let Some(wanted) = &query.text {
        lines.push(format!("filter strcontains(tolower(@message), {})", quoted(&wanted.to_lowercase())));
    }
    let order = match query.order {
        LogOrder::Oldest => "asc",
        LogOrder::Newest => "desc",
    };
    lines.push(format!("sort @timestamp {order}"));
    lines.push(format!("limit {RECORDS}"));
    lines.join("\n| ")
}

/// A text of the query language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A text of JSURL.
fn text(text: &str) -> String {
    let mut encoded = String::from("'");
    for unit in text.encode_utf16() {
        match char::from_u32(unit.into()) {
            Some(plain) if plain.is_ascii_alphanumeric() || matches!(plain, '_' | '-' | '.') => encoded.push(plain),
            Some('$') => encoded.push('!'),
            _ if unit < 0x100 => encoded.push_str(&format!("*{unit:02x}")),
            _ => encoded.push_str(&format!("**{unit:04x}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use millrace_app::logs::LogSubject;

    use super::*;

    /// Forms that the console itself writes, from addresses that people published.
    #[test]
    fn texts_are_encoded_as_the_console_does() {
        assert_eq!(text("2025-05-30T05:00:00.000Z"), "'2025-05-30T05*3a00*3a00.000Z");
        assert_eq!(text("/aws/lambda/ThicccBenchmark"), "'*2faws*2flambda*2fThicccBenchmark");
        assert_eq!(
            text("fields @timestamp, @message\n| sort @timestamp desc\n| limit 10000"),
            "'fields*20*40timestamp*2c*20*40message*0a*7c*20sort*20*40timestamp*20desc*0a*7c*20limit*2010000"
        );
        assert_eq!(
            text("/(Init Duration|\"coldstart\":true)/ count(*) `x`"),
            "'*2f*28Init*20Duration*7c*22coldstart*22*3atrue*29*2f*20count*28*2a*29*20*60x*60"
        );
        assert_eq!(text("$1 'a' ~ é € 🦀"), "'!1*20*27a*27*20*7e*20*e9*20**20ac*20**d83e**dd80");
    }

    fn query() -> LogQuery {
        LogQuery {
            subject: LogSubject::Execution("exe_01k8zq3v5x9m2n4p6r8t0w1y3z".parse().unwrap()),
            began: Timestamp::parse("2026-01-02T03:04:05Z").unwrap(),
            ended: Some(Timestamp::parse("2026-01-02T04:00:00Z").unwrap()),
            level: None,
            text: None,
            order: LogOrder::Oldest,
            limit: 20,
            cursor: None,
        }
    }

    #[test]
    fn a_link_has_the_query_the_groups_and_the_time() {
        let groups = " /aws/lambda/shop-api, /aws/lambda/shop-dev-agent,";
        let links = InsightsLinks::parse("eu-central-1".to_owned(), groups).unwrap();
        let link = links.link(&query(), Timestamp::from_millis(0));
        assert_eq!(
            link,
            "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1\
             #logsV2:logs-insights$3FqueryDetail$3D~(end~'2026-01-02T04*3a10*3a00.000Z~start~'2026-01-02T03*3a03*3a05.000Z\
             ~timeType~'ABSOLUTE~tz~'UTC~editorString~'fields*20*40timestamp*2c*20function_name*2c*20level*2c*20message*2c*20state\
             *2c*20error*2c*20request_id*2c*20*40log*0a*7c*20filter*20execution_id*20*3d*20*22exe_01k8zq3v5x9m2n4p6r8t0w1y3z*22\
             *0a*7c*20sort*20*40timestamp*20asc*0a*7c*20limit*2010000~isLiveTail~false\
             ~source~(~'*2faws*2flambda*2fshop-api~'*2faws*2flambda*2fshop-dev-agent))"
        );
        // It is an address: nothing in it needs another encoding.
        assert!(
            link.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'%' | b'|')),
            "{link}"
        );
        let running = LogQuery { ended: None, ..query() };
        let now = Timestamp::parse("2026-01-05T00:00:00Z").unwrap();
        assert!(links.link(&running, now).contains("(end~'2026-01-05T00*3a00*3a00.000Z~"));
    }

    #[test]
    fn filters_are_a_part_of_the_query() {
        let asked = LogQuery {
            level: Some(LogLevel::Warn),
            text: Some("a \"Quote\" \\".to_owned()),
            order: LogOrder::Newest,
            ..query()
        };
        let lines: Vec<String> = editor(&asked).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                r#"| filter level in ["ERROR", "WARN"]"#,
                r#"| filter strcontains(tolower(@message), "a \"quote\" \\")"#,
                "| sort @timestamp desc",
                "| limit 10000",
            ]
        );
    }

    #[test]
    fn partitions_have_consoles_of_their_own() {
        for (region, host) in [
            ("us-east-1", "us-east-1.console.aws.amazon.com"),
            ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
            ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
        ] {
            let link =
                InsightsLinks::new(region.to_owned(), vec!["g".to_owned()]).link(&query(), Timestamp::from_millis(0));
            assert!(link.starts_with(&format!("https://{host}/cloudwatch/home?region={region}#")), "{link}");
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let error = InsightsLinks::parse(String::new(), " ,").unwrap_err().to_string();
        assert!(error.contains("AWS_REGION") && error.contains("LOG_GROUPS"), "{error}");
    }
}
