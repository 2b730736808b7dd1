//! What differs between two definitions.

use console::Style;
use serde_json::json;
use similar::{ChangeTag, TextDiff};

use super::{route, schema_text, versions};
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
    let definition = |version: Option<u64>| -> anyhow::Result<Side> {
        let view = api.json(Call::get(route(id, &[])).maybe("version", version))?;
        let name = match count(&view, "/version").as_str() {
            "" => format!("{} (not published)", text(&view, "/name")),
            number => format!("{} version {number}", text(&view, "/name")),
        };
        let definition = text(&view, "/definition_text").to_owned();
        Ok(Side { name, definition, schema: schema_text(&view) })
    };
    let (old, new) = match (from, to, file) {
        (from, _, Some(file)) => {
            let old = definition(from)?;
            // A file has no schema: what it would be stored with stays as it is.
            let new = Side { name: file.to_owned(), definition: input::file(file)?, schema: old.schema.clone() };
            (old, new)
        }
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

/// One of two that are compared.
struct Side {
    name: String,
    definition: String,
    /// The schema of the input; empty where there is none.
    schema: String,
}

/// The lines that differ, with three around them.
fn unified(old: (&str, &str), new: (&str, &str)) -> String {
    let ends = |text: &str| if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let (before, after) = (ends(old.1), ends(new.1));
    TextDiff::from_lines(&before, &after).unified_diff().context_radius(3).header(old.0, new.0).to_string()
}

fn show(session: &Session, old: &Side, new: &Side) -> anyhow::Result<()> {
    let same = old.definition == new.definition && old.schema == new.schema;
    let mut unified_text = unified((&old.name, &old.definition), (&new.name, &new.definition));
    if old.schema != new.schema {
        let of = |side: &Side| format!("{}, input", side.name);
        unified_text.push_str(&unified((&of(old), &old.schema), (&of(new), &new.schema)));
    }
    if session.out.json {
        let value = json!({ "from": old.name, "to": new.name, "same": same, "diff": unified_text });
        return Ok(session.out.value(&value)?);
    }
    if same {
        session.out.note(&format!("{} and {} are the same.", clean(&old.name), clean(&new.name)));
        return Ok(());
    }
    if !session.out.color {
        return Ok(session.out.text(&clean(&unified_text))?);
    }
    let style = |tag: ChangeTag| match tag {
        ChangeTag::Delete => Style::new().force_styling(true).red(),
        ChangeTag::Insert => Style::new().force_styling(true).green(),
        ChangeTag::Equal => Style::new(),
    };
    for line in clean(&unified_text).lines() {
        let tag = match line.as_bytes().first() {
            Some(b'-') => ChangeTag::Delete,
            Some(b'+') => ChangeTag::Insert,
            _ => ChangeTag::Equal,
        };
        session.out.line(&style(tag).apply_to(line).to_string())?;
    }
    Ok(())
}
