//! Lines, tokens and decisions of SQL, which is counted without a syntax tree.

use std::collections::{BTreeSet, HashMap};

use super::super::sql::{Kind, Token, tokens};
use super::{Comment, Measured, maintainability_index, round2};

/// Counts a file. Each `WHEN`, `IF`, `ELSIF` and loop is a decision; `CASE`, `IF` and loops nest.
pub(super) fn count(text: &str, out: &mut Measured) {
    let lines = super::super::walk::Lines::new(text);
    let mut code = BTreeSet::new();
    let mut comments = BTreeSet::new();
    let mut operators: HashMap<String, u64> = HashMap::new();
    let mut operands: HashMap<String, u64> = HashMap::new();
    let all = tokens(text);
    for token in &all {
        let first = lines.line(token.start);
        let rows = (first..).zip(token.of(text).lines()).filter(|(_, line)| !line.trim().is_empty());
        match token.kind {
            Kind::Comment => {
                comments.extend(rows.map(|(row, _)| row));
                out.comments.push(Comment { start: token.start, end: token.end });
                continue;
            }
            _ => code.extend(rows.map(|(row, _)| row)),
        }
        let shown = token.of(text).to_ascii_lowercase();
        if matches!(shown.as_str(), ")" | "]") {
            continue;
        }
        let is_operator = token.kind == Kind::Sign || KEYWORDS.contains(&shown.as_str());
        *if is_operator { &mut operators } else { &mut operands }.entry(shown).or_default() += 1;
    }
    let words: Vec<Token> =
        all.into_iter().filter(|token| token.kind == Kind::Word || token.kind == Kind::Sign).collect();
    let (decisions, cognitive) = decisions(text, &words);
    let metrics = &mut out.metrics;
    metrics.sloc = u32::try_from(code.len()).unwrap_or(u32::MAX);
    metrics.comment_lines = u32::try_from(comments.difference(&code).count()).unwrap_or(u32::MAX);
    let length: u64 = operators.values().chain(operands.values()).sum();
    let vocabulary = operators.len() + operands.len();
    if vocabulary > 0 {
        metrics.cyclomatic = 1 + decisions;
        metrics.cognitive = cognitive;
        metrics.halstead_volume = round2(length as f64 * (vocabulary as f64).log2());
        metrics.maintainability_index =
            Some(maintainability_index(metrics.halstead_volume, metrics.cyclomatic, metrics.sloc));
    }
}

/// Words that do something to others, the operators of Halstead's measure.
const KEYWORDS: [&str; 28] = [
    "select", "from", "where", "and", "or", "not", "in", "is", "like", "between", "insert", "into", "values", "update",
    "set", "delete", "create", "table", "join", "on", "group", "order", "by", "having", "union", "case", "when", "as",
];

fn decisions(text: &str, words: &[Token]) -> (u32, u32) {
    let mut decisions = 0_u32;
    let mut cognitive = 0_u32;
    let mut nesting = 0_u32;
    let mut before = "";
    for (at, token) in words.iter().enumerate() {
        let word = token.of(text);
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        let after = words.get(at + 1).map_or("", |next| next.of(text));
        let after_is = |other: &str| after.eq_ignore_ascii_case(other);
        let ends = before.eq_ignore_ascii_case("end");
        if ends {
            before = word;
            continue;
        }
        // `IF [NOT] EXISTS` is part of a definition; `FOR UPDATE` and `FOR EACH ROW` are no loops.
        let is_if = is("if") && !after_is("exists") && !after_is("not");
        let is_loop = is("while") || is("loop") && !before.eq_ignore_ascii_case("do");
        if is("when") || is("elsif") || is("elseif") || is_if || is_loop {
            decisions += 1;
        }
        if is("else") || is("elsif") || is("elseif") {
            cognitive += 1;
        }
        if is("case") || is_if && after != "(" || is_loop {
            cognitive += 1 + nesting;
            nesting += 1;
        } else if is("end") {
            nesting = nesting.saturating_sub(1);
        }
        before = word;
    }
    (decisions, cognitive)
}
