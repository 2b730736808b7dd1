//! What differs between two definitions.

use console::Style;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::{route, versions};
use crate::client::{Api, Call};
use crate::commands::Session;
use crate::exit::UsageError;
use crate::input;
use crate::output::{clean, count, text};

pub(super) fn run(
    session: &Session,
    api: &Api,
    id: &str,
    from: Option<u64>,
    to: Option<u64>,
    file: Option<&str>,
) -> anyhow::Result<()> {
    let definition = |version: Option<u64>| -> anyhow::Result<(String, String)> {
        let view = api.json(Call::get(route(id, &[])).maybe("version", version))?;
        let name = match count(&view, "/version").as_str() {
            "" => format!("{} (not published)", text(&view, "/name")),
            number => format!("{} version {number}", text(&view, "/name")),
        };
        Ok((name, text(&view, "/definition_text").to_owned()))
    };
    let (old, new) = match (from, to, file) {
        (from, _, Some(file)) => (definition(from)?, (file.to_owned(), input::file(file)?)),
        (Some(from), to, None) => (definition(Some(from))?, definition(to)?),
        (None, to, None) => {
            let known = versions(api, id)?;
            let newest = to.or_else(|| known.iter().copied().max());
            let before = newest.and_then(|newest| known.iter().copied().filter(|version| *version < newest).max());
            let Some(before) = before else {
                let text = format!("{id} has no earlier version: --file compares it with a file");
                return Err(UsageError(text).into());
            };
            (definition(Some(before))?, definition(newest)?)
        }
    };
    show(session, &old, &new)
}

/// The lines that differ, with three around them.
fn show(session: &Session, old: &(String, String), new: &(String, String)) -> anyhow::Result<()> {
    let diff = TextDiff::from_lines(&old.1, &new.1);
    let unified = diff.unified_diff().context_radius(3).header(&old.0, &new.0).to_string();
    if session.out.json {
        let same = old.1 == new.1;
        return Ok(session.out.value(&json!({ "from": old.0, "to": new.0, "same": same, "diff": unified }))?);
    }
    if old.1 == new.1 {
        session.out.note(&format!("{} and {} are the same.", clean(&old.0), clean(&new.0)));
        return Ok(());
    }
    if !session.out.color {
        return Ok(session.out.text(&clean(&unified))?);
    }
    let style = |tag: ChangeTag| match tag {
        ChangeTag::Delete => Style::new().force_styling(true).red(),
        ChangeTag::Insert => Style::new().force_styling(true).green(),
        ChangeTag::Equal => Style::new(),
    };
    for line in clean(&unified).lines() {
        let tag = match line.as_bytes().first() {
            Some(b'-') => ChangeTag::Delete,
            Some(b'+') => ChangeTag::Insert,
            _ => ChangeTag::Equal,
        };
        session.out.line(&style(tag).apply_to(line).to_string())?;
    }
    Ok(())
}
