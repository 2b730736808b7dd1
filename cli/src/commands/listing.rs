//! Listings: pages of the API as one table.

use serde_json::{Value, json};

use super::Session;
use crate::client::{Api, Call};
use crate::output::{Cell, Table, clean, items, text};

/// The API's largest page.
const PAGE: usize = 100;

/// How much of a listing is shown.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Paging {
    /// At most so many.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = at_least_one, conflicts_with = "all")]
    pub(crate) limit: usize,

    /// All that there are.
    #[arg(long)]
    pub(crate) all: bool,

    /// Go on where an earlier call ended: its `next_cursor`.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

impl Paging {
    /// Everything.
    pub(crate) const fn everything() -> Self {
        Self { limit: 0, all: true, cursor: None }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("must be a number from 1 to 1000000".to_owned()),
    }
}

/// A column: its head, and what of an item stands in it. The first one is what `--quiet` leaves.
pub(crate) type Column = (&'static str, fn(&Value) -> Cell);

/// Reads as many items as were asked for: a page as the API has it.
pub(crate) fn read(api: &Api, call: &Call, paging: &Paging) -> anyhow::Result<Value> {
    let (mut found, mut cursor) = (Vec::new(), paging.cursor.clone());
    loop {
        let wanted = if paging.all { PAGE } else { PAGE.min(paging.limit - found.len()) };
        let page = api.json(call.clone().query("limit", wanted).maybe("cursor", cursor.as_ref()))?;
        found.extend_from_slice(items(&page, "/items"));
        cursor = Some(text(&page, "/next_cursor").to_owned()).filter(|cursor| !cursor.is_empty());
        if cursor.is_none() || (!paging.all && found.len() >= paging.limit) {
            return Ok(json!({ "items": found, "next_cursor": cursor }));
        }
    }
}

/// Reads and shows a listing.
pub(crate) fn list(
    session: &Session,
    api: &Api,
    call: &Call,
    paging: &Paging,
    columns: &[Column],
) -> anyhow::Result<()> {
    show(session, &read(api, call, paging)?, columns)
}

/// Shows a page.
pub(crate) fn show(session: &Session, page: &Value, columns: &[Column]) -> anyhow::Result<()> {
    let out = &session.out;
    if out.json {
        return Ok(out.value(page)?);
    }
    let found = items(page, "/items");
    if out.quiet {
        let Some((_, id)) = columns.first() else { return Ok(()) };
        for item in found {
            out.line(id(item).as_str())?;
        }
        return Ok(());
    }
    if found.is_empty() {
        out.note("There are none.");
        return Ok(());
    }
    let mut table = Table::new(&columns.iter().map(|(head, _)| *head).collect::<Vec<_>>());
    for item in found {
        table.row(columns.iter().map(|(_, cell)| cell(item)).collect());
    }
    out.table(&table)?;
    let next = text(page, "/next_cursor");
    if !next.is_empty() {
        out.note(&format!("There are more: --all shows them, --cursor {} goes on.", clean(next)));
    }
    Ok(())
}
