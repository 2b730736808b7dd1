//! `millrace graph`: pictures of definitions in files, without a server.

use millrace_asl::StateMachine;
use millrace_asl::export::{Graph, mermaid, svg};
use serde_json::{Value, json};

use super::execution::{Drawing, GraphFormat};
use super::{Session, validate};
use crate::exit::InvalidError;
use crate::input;
use crate::output::{Cell, Table, at, items, text};

/// Draw a definition in a file, without a server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  millrace graph orders.asl.yaml -o orders.svg
  millrace graph orders.json --format mermaid
  millrace graph orders.json --json | jq '.states[].name'")]
pub(crate) struct Draw {
    /// The file with the definition in JSON or YAML; - is standard input.
    file: String,
    #[command(flatten)]
    drawing: Drawing,
}

pub(crate) fn run(options: &Draw, session: &Session) -> anyhow::Result<()> {
    let definition = input::file(&options.file)?;
    let Ok(machine) = StateMachine::parse(&definition) else {
        let found = validate::look(&options.file, &definition, validate::Kind::Standard);
        for line in found.lines() {
            session.out.note(&line);
        }
        return Err(InvalidError(format!("{} is no valid definition", options.file)).into());
    };
    let graph = Graph::of(&machine);
    let form = match options.drawing.form()? {
        None if session.out.json => Some(GraphFormat::Json),
        form => form,
    };
    match form {
        None => table(session, &described(&graph)),
        Some(GraphFormat::Json) => options.drawing.write(session, format!("{:#}\n", described(&graph)).as_bytes()),
        Some(GraphFormat::Mermaid) => options.drawing.write(session, mermaid(&graph, None).as_bytes()),
        Some(GraphFormat::Svg) => options.drawing.write(session, svg(&graph, None).as_bytes()),
    }
}

/// A graph as the API describes it.
fn described(graph: &Graph) -> Value {
    let name = |index: usize| graph.nodes.get(index).map(|node| node.name.as_str());
    let states = graph.nodes.iter().map(|node| {
        let branches: Vec<Value> = node.inner.iter().map(described).collect();
        json!({ "name": node.name, "type": node.kind, "status": null, "entered": 0, "end": node.is_end, "branches": branches })
    });
    let transitions = graph.edges.iter().map(
        |edge| json!({ "from": name(edge.from), "to": name(edge.to), "kind": edge.kind.name(), "label": edge.label }),
    );
    json!({
        "start_at": graph.start.and_then(name),
        "states": states.collect::<Vec<_>>(),
        "transitions": transitions.collect::<Vec<_>>(),
    })
}

/// The states of a graph with where they lead.
pub(crate) fn table(session: &Session, graph: &Value) -> anyhow::Result<()> {
    fn lines(graph: &Value, indent: usize, table: &mut Table) {
        for state in items(graph, "/states") {
            let name = text(state, "/name");
            let leads = items(graph, "/transitions").iter().filter(|edge| text(edge, "/from") == name).map(|edge| {
                match text(edge, "/kind") {
                    "next" => text(edge, "/to").to_owned(),
                    kind => format!("{} ({kind} {})", text(edge, "/to"), text(edge, "/label")).replace(" )", ")"),
                }
            });
            let end = at(state, "/end") == &Value::Bool(true);
            let leads: Vec<String> = leads.chain(end.then(|| "end".to_owned())).collect();
            table.row(vec![
                Cell::new(format!("{}{name}", "  ".repeat(indent))),
                Cell::new(text(state, "/type")),
                Cell::new(leads.join(", ")),
            ]);
            for branch in items(state, "/branches") {
                lines(branch, indent + 1, table);
            }
        }
    }
    if session.out.json {
        return Ok(session.out.value(graph)?);
    }
    let mut table = Table::new(&["STATE", "TYPE", "LEADS TO"]);
    lines(graph, 0, &mut table);
    Ok(session.out.table(&table)?)
}
