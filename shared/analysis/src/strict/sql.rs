//! SQL by `sqlparser`, in every dialect that it knows. Nobody says which one a file is written in, so a statement is right if
//! one of them accepts it. What none accepts may still be a dialect that is not known here: it is reported and does not
//! block, unless the text ends in the middle of a statement, a string, a comment or brackets.

use std::time::Instant;

use sqlparser::dialect::{
    BigQueryDialect, ClickHouseDialect, DatabricksDialect, Dialect, DuckDbDialect, GenericDialect, HiveDialect,
    MsSqlDialect, MySqlDialect, OracleDialect, PostgreSqlDialect, RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect,
};
use sqlparser::keywords::ALL_KEYWORDS;
use sqlparser::parser::{Parser, ParserError};

use super::super::Severity;
use super::super::sql::{Kind, Token, tokens};
use super::super::walk::Lines;
use super::{Problem, guard};

/// Tokens of a statement that is parsed. More is data.
const MAX_TOKENS: usize = 4_000;
/// Brackets in brackets of a statement that is parsed: deeper ones make the parser look ahead for too long.
const MAX_DEPTH: usize = 25;

/// Statements that steer the server, which every dialect has of its own.
const SESSION: [&str; 4] = ["PRAGMA", "SET", "SHOW", "ALTER"];

/// What no dialect accepts.
pub(crate) fn check(text: &str, deadline: Instant) -> Vec<(Severity, Problem)> {
    // Templates of dbt and others only become SQL when they are rendered.
    if text.contains("{{") || text.contains("{%") {
        return Vec::new();
    }
    let clean = without_client_commands(text);
    let tokens = tokens(&clean);
    if let Some(problem) = balance(&clean, &tokens) {
        return vec![(Severity::Blocker, problem)];
    }
    guard::run(|| statements(&clean, &tokens, deadline)).unwrap_or_default()
}

/// Blanks out what a client reads itself: psql's `\c`, the sqlite shell's `.mode`, `GO` and `/` on a line of their own.
fn without_client_commands(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let body = line.trim();
        let is_command = body.starts_with('\\')
            || body.starts_with('.') && body.chars().nth(1).is_some_and(|c| c.is_ascii_lowercase())
            || body == "/"
            || body.eq_ignore_ascii_case("go");
        if is_command {
            out.extend(line.chars().map(|c| {
                if c == '\n' {
                    "\n"
                } else {
                    match c.len_utf8() {
                        1 => " ",
                        2 => "  ",
                        3 => "   ",
                        _ => "    ",
                    }
                }
            }));
        } else {
            out.push_str(line);
        }
    }
    out
}

/// A string or comment that does not end, and brackets without a partner.
fn balance(text: &str, tokens: &[Token]) -> Option<Problem> {
    let mut open: Vec<usize> = Vec::new();
    for token in tokens {
        match (token.kind, token.of(text)) {
            (Kind::Open, shown) => {
                let what = if shown.starts_with("/*") { "the comment" } else { "the quoted text" };
                return Some(Problem { byte: token.start, message: format!("{what} never ends") });
            }
            (Kind::Sign, "(") => open.push(token.start),
            (Kind::Sign, ")") if open.pop().is_none() => {
                return Some(Problem { byte: token.start, message: "`)` closes nothing".to_owned() });
            }
            (Kind::Sign, ";") => {
                if let Some(byte) = open.pop() {
                    return Some(Problem { byte, message: "`(` is not closed before the statement ends".to_owned() });
                }
            }
            _ => {}
        }
    }
    open.pop().map(|byte| Problem { byte, message: "`(` is never closed".to_owned() })
}

fn dialects() -> [Box<dyn Dialect>; 14] {
    [
        Box::new(GenericDialect {}),
        Box::new(PostgreSqlDialect {}),
        Box::new(MySqlDialect {}),
        Box::new(SQLiteDialect {}),
        Box::new(MsSqlDialect {}),
        Box::new(OracleDialect {}),
        Box::new(BigQueryDialect {}),
        Box::new(SnowflakeDialect {}),
        Box::new(DuckDbDialect {}),
        Box::new(ClickHouseDialect {}),
        Box::new(RedshiftSqlDialect {}),
        Box::new(HiveDialect {}),
        Box::new(DatabricksDialect {}),
        Box::new(sqlparser::dialect::AnsiDialect {}),
    ]
}

fn statements(text: &str, tokens: &[Token], deadline: Instant) -> Vec<(Severity, Problem)> {
    let dialects = dialects();
    let mut found = Vec::new();
    let code: Vec<Token> = tokens.iter().copied().filter(|token| token.kind != Kind::Comment).collect();
    let mut rest: &[Token] = &code;
    while !rest.is_empty() && Instant::now() < deadline {
        let end = rest.iter().position(|token| token.of(text) == ";").unwrap_or(rest.len());
        let (statement, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let (Some(first), Some(last)) = (statement.first(), statement.last()) else { continue };
        if is_procedural(text, statement) {
            rest = after_block(text, statement, rest);
            continue;
        }
        let source = text.get(first.start..last.end).unwrap_or("");
        if statement.len() > MAX_TOKENS || depth(text, statement) > MAX_DEPTH || has_placeholders(source) {
            continue;
        }
        if let Some((severity, problem)) = judge(&dialects, source, deadline) {
            found.push((severity, Problem { byte: first.start + problem.byte, message: problem.message }));
        }
    }
    found
}

/// What one statement is refused for by all dialects.
fn judge(dialects: &[Box<dyn Dialect>], source: &str, deadline: Instant) -> Option<(Severity, Problem)> {
    let lines = Lines::new(source);
    let mut best: Option<(usize, String)> = None;
    let mut all_end = true;
    for dialect in dialects {
        if Instant::now() >= deadline {
            return None;
        }
        let parsed =
            Parser::new(dialect.as_ref()).try_with_sql(source).and_then(|mut parser| parser.parse_statements());
        let message = match parsed {
            Ok(_) | Err(ParserError::RecursionLimitExceeded) => return None,
            Err(ParserError::ParserError(message) | ParserError::TokenizerError(message)) => message,
        };
        let (text, place) = split_place(&message);
        let at_end = text.contains("found: EOF");
        all_end &= at_end;
        let byte = match place {
            _ if at_end => source.len(),
            Some((line, column)) => lines.byte(line, column),
            None => 0,
        };
        // The dialect that came farthest understood most.
        if best.as_ref().is_none_or(|(farthest, _)| byte > *farthest) {
            best = Some((byte, text.to_owned()));
        }
    }
    let (byte, message) = best?;
    let first = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("").to_ascii_uppercase();
    if !ALL_KEYWORDS.contains(&first.as_str()) {
        return Some((
            Severity::Major,
            Problem { byte: 0, message: format!("no statement of SQL begins with `{first}`") },
        ));
    }
    if byte == 0 || SESSION.contains(&first.as_str()) {
        // A statement of a dialect that is not known here.
        return None;
    }
    if all_end {
        return Some((Severity::Blocker, Problem { byte, message: "the statement is not complete".to_owned() }));
    }
    Some((Severity::Major, Problem { byte, message: format!("no known dialect of SQL accepts this: {message}") }))
}

/// `message at Line: 1, Column: 8` in its parts.
fn split_place(message: &str) -> (&str, Option<(usize, usize)>) {
    let Some((text, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let place = place.split_once(", Column: ").and_then(|(line, column)| {
        let column: String = column.chars().take_while(char::is_ascii_digit).collect();
        Some((line.parse().ok()?, column.parse().ok()?))
    });
    (text, place)
}

fn depth(text: &str, statement: &[Token]) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for token in statement {
        match token.of(text) {
            "(" | "[" | "{" | "<" => depth += 1,
            ")" | "]" | "}" | ">" => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Programs put values in the place of `%s` and `%(name)s`.
fn has_placeholders(source: &str) -> bool {
    source.contains("%s") || source.contains("%(") || source.contains("${")
}

/// Procedures, triggers and blocks hold statements of languages of their own.
fn is_procedural(text: &str, statement: &[Token]) -> bool {
    let Some(first) = statement.first() else { return false };
    let is = |word: &str| first.is_word(text, word);
    if is("create") || is("alter") || is("replace") {
        let head = statement.iter().take(8);
        return head.into_iter().any(|token| {
            ["procedure", "function", "trigger", "package", "event"].iter().any(|word| token.is_word(text, word))
        });
    }
    let begins_block = is("begin")
        && statement.len() > 1
        && !statement.iter().take(3).any(|token| {
            ["transaction", "tran", "work", "immediate", "deferred", "exclusive"]
                .iter()
                .any(|word| token.is_word(text, word))
        });
    begins_block || is("declare") || is("delimiter") || is("do") || is("end") || is("if") || is("while")
}

/// The tokens after the block that a statement begins: after its `END;`, or after a change of the delimiter back.
fn after_block<'t>(text: &str, statement: &[Token], rest: &'t [Token]) -> &'t [Token] {
    if statement.first().is_some_and(|token| token.is_word(text, "delimiter")) {
        let back = rest.iter().position(|token| token.is_word(text, "delimiter"));
        let after = back.and_then(|at| rest.get(at..)).unwrap_or_default();
        let end = after.iter().position(|token| token.of(text) == ";");
        return end.and_then(|at| after.get(at + 1..)).unwrap_or_default();
    }
    if !statement.iter().any(|token| ["begin", "declare", "if", "while"].iter().any(|word| token.is_word(text, word))) {
        return rest;
    }
    let mut at = 0;
    while let Some(token) = rest.get(at) {
        let is_last = token.is_word(text, "end")
            && rest.get(at + 1).is_none_or(|next| next.of(text) == ";" || next.kind == Kind::Quoted)
            || token.is_word(text, "end")
                && !rest.get(at + 1).is_some_and(|next| {
                    ["if", "loop", "case", "while", "repeat"].iter().any(|word| next.is_word(text, word))
                })
                && rest.get(at + 2).is_some_and(|next| next.of(text) == ";");
        at += 1;
        if is_last {
            break;
        }
    }
    rest.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn found(text: &str) -> Vec<(Severity, usize, String)> {
        let found = check(text, Instant::now() + Duration::from_secs(60));
        found
            .into_iter()
            .map(|(severity, it)| (severity, text[..it.byte].matches('\n').count() + 1, it.message))
            .collect()
    }

    #[test]
    fn statements_of_many_dialects() {
        for text in [
            "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT NOT NULL DEFAULT 'x');\nINSERT INTO a VALUES (1, 'it''s');\n",
            "CREATE TABLE `a` (id INT AUTO_INCREMENT, KEY `k` (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n",
            "SELECT TOP 5 [a] FROM dbo.[b] WITH (NOLOCK);\nGO\n",
            "CREATE FUNCTION f() RETURNS trigger AS $$\nBEGIN\n  NEW.x := 1;\n  RETURN NEW;\nEND;\n$$ LANGUAGE plpgsql;\nSELECT 1;\n",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  UPDATE b SET c = 1;\n  DELETE FROM d WHERE e = 1;\nEND;\nSELECT 2;\n",
            "DELIMITER //\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\nEND //\nDELIMITER ;\nSELECT 2;\n",
            "\\connect x\n.mode csv\nPRAGMA foreign_keys = ON;\nBEGIN TRANSACTION;\nCOMMIT;\n",
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5)\nSELECT n, row_number() OVER (PARTITION BY n ORDER BY n DESC) FROM t;\n",
            "INSERT INTO a (b) VALUES (1) ON CONFLICT (b) DO UPDATE SET c = excluded.c RETURNING id;\n",
            "SELECT * FROM a WHERE b = %s AND c = %(d)s;\nselect {{ ref('x') }}\n",
            "CREATE INDEX CONCURRENTLY i ON a USING gin (b jsonb_path_ops);\nGRANT SELECT ON a TO b;\nVACUUM;\n",
            "SELECT a::text, b->>'c', $1, :d FROM e WHERE f ~* 'x' LIMIT 1 OFFSET 2;\n",
            "-- nothing\n",
            "MERGE INTO a USING b ON a.c = b.c WHEN MATCHED THEN UPDATE SET d = 1 WHEN NOT MATCHED THEN INSERT (d) VALUES (1);\n",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn what_no_dialect_accepts() {
        for (text, severity, line) in [
            ("SELECT 1;\nSELECT a,\nFROM b WHERE;\n", Severity::Major, 3),
            ("SELECT 1;\nSELEC a FROM b;\n", Severity::Major, 2),
            ("INSERT INTO a (b VALUES (1);\n", Severity::Blocker, 1),
            ("SELECT 'abc;\n", Severity::Blocker, 1),
            ("SELECT 1;\n/* x\n", Severity::Blocker, 2),
            ("SELECT a FROM\n", Severity::Blocker, 1),
            ("CREATE TABLE a (\n  b INT\n  c INT\n);\n", Severity::Major, 3),
            ("UPDATE a SET b = 1 WHERE\n", Severity::Blocker, 1),
            ("SELECT 1);\n", Severity::Blocker, 1),
        ] {
            let found = found(text);
            assert!(found.iter().any(|(s, l, _)| (*s, *l) == (severity, line)), "{text:?}: {found:?}");
        }
    }
}
