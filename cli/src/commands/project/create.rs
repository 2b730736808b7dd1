//! `millrace project create`.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::arguments::Create;
use super::{questions, sentence, watch};
use crate::client::{Api, ApiError, Call, path};
use crate::commands::Session;
use crate::exit::UsageError;
use crate::input;
use crate::output::{items, text};

pub(super) fn run(options: &Create, session: &Session) -> anyhow::Result<()> {
    let mut body = Map::new();
    if let Some(given) = &options.requirements {
        body.insert("requirements".to_owned(), json!(input::text(given)?));
    }
    let mut parameters = match &options.parameters {
        Some(given) => match input::json("--parameters", given)? {
            Value::Object(parameters) => parameters,
            _ => return Err(UsageError("--parameters must be a JSON object".to_owned()).into()),
        },
        None => Map::new(),
    };
    parameters.extend(input::parameters(&options.parameter)?);
    if let Some(file) = &options.workflow {
        body.insert("workflow".to_owned(), json!(input::file(file)?));
    }
    let api = session.api()?;
    if let Some(file) = &options.archive {
        let bytes = std::fs::read(file).with_context(|| format!("{} can't be read", file.display()))?;
        body.insert("archive".to_owned(), json!(STANDARD.encode(bytes)));
    }
    if options.requirements.is_none() && options.archive.is_none() {
        let asks = options.ask || (input::is_interactive() && !session.out.json);
        let template = match &options.template {
            Some(template) => template.clone(),
            None if asks => choose(&api)?,
            None => {
                let text = "say what to make: --template (`millrace template list` shows them), --requirements in words, or --archive";
                return Err(UsageError(text.to_owned()).into());
            }
        };
        if asks && needs_answers(options, &parameters) {
            let known = api.get(path(&["api", "templates", &template]))?;
            questions::ask(known.get("parameters").unwrap_or(&Value::Null), &mut parameters, options.ask)?;
        }
        body.insert("template_id".to_owned(), json!(template));
        body.insert("parameters".to_owned(), Value::Object(parameters));
    }
    body.extend(options.name.as_ref().map(|name| ("name".to_owned(), json!(name))));
    body.extend(options.description.as_ref().map(|text| ("description".to_owned(), json!(text))));
    body.extend(options.budget.body().map(|budget| ("budget".to_owned(), budget)));
    body.extend(options.approve_plan.then(|| ("approve_plan".to_owned(), json!(true))));
    body.extend(options.no_start.then(|| ("start".to_owned(), json!(false))));
    let call = Call::post("/api/projects".to_owned(), Value::Object(body)).keyed(options.idempotency_key.clone())?;
    let view = api.json(call).map_err(|error| explained(error, options))?;
    let id = text(&view, "/id").to_owned();
    if options.wait {
        session.out.note(&sentence(&view));
        return watch(session, &api, &id, options.timeout);
    }
    session.out.changed(&view, &id, &sentence(&view))?;
    if !session.out.json && !options.no_start {
        session.out.note(&format!("`millrace project watch {id}` shows what happens."));
    }
    Ok(())
}

/// Somebody who gave parameters in a file has answered.
fn needs_answers(options: &Create, parameters: &Map<String, Value>) -> bool {
    options.ask || options.template.is_none() || (options.parameters.is_none() && !parameters.contains_key("name"))
}

fn choose(api: &Api) -> anyhow::Result<String> {
    let list = api.get("/api/templates".to_owned())?;
    let known: Vec<(&str, &str)> =
        items(&list, "/items").iter().map(|one| (text(one, "/id"), text(one, "/name"))).collect();
    let width = known.iter().map(|(id, _)| id.len()).max().unwrap_or_default();
    for (number, (id, name)) in known.iter().enumerate() {
        eprintln!("  {} {id:<width$}  {}", number + 1, crate::output::clean(name));
    }
    loop {
        let answer = input::ask("Template", known.first().map(|(id, _)| *id))?;
        let chosen = answer.parse::<usize>().ok().and_then(|number| known.get(number.checked_sub(1)?));
        if let Some((id, _)) = chosen.or_else(|| known.iter().find(|(id, _)| *id == answer)) {
            return Ok((*id).to_owned());
        }
        eprintln!("There is no template {answer:?}.");
    }
}

/// Adds where the template's parameters are explained.
fn explained(error: anyhow::Error, options: &Create) -> anyhow::Error {
    let about_parameters = error
        .downcast_ref::<ApiError>()
        .is_some_and(|error| error.fields().iter().any(|(field, _)| field.starts_with("/parameters")));
    match &options.template {
        Some(template) if about_parameters => {
            error.context(format!("the parameters are not right (`millrace template show {template}` explains them)"))
        }
        _ => error,
    }
}
