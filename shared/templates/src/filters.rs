//! The template environment: strict, without automatic escaping, with a filter for each way to write a value.

use crate::{literals, names, samples};
use literals::Language;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde_json::Map;

/// An environment with every filter and no templates.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    let whitespace = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    // The build checks the delimiters, which are the usual ones here.
    if let Ok(syntax) = whitespace {
        environment.set_syntax(syntax);
    }

    environment.add_filter("snake", |text: String| names::snake(&text));
    environment.add_filter("kebab", |text: String| names::kebab(&text));
    environment.add_filter("shout", |text: String| names::shout(&text));
    environment.add_filter("pascal", |text: String| names::pascal(&text));
    environment.add_filter("camel", |text: String| names::camel(&text));
    environment.add_filter("phrase", |text: String| names::phrase(&text));
    environment.add_filter("plural", |text: String| names::plural(&text));
    environment.add_filter("python_package", |text: String| names::python_package(&text));

    environment.add_filter("pystr", |text: String| literals::python(&text));
    environment.add_filter("jsstr", |text: String| literals::javascript(&text));
    environment.add_filter("ruststr", |text: String| literals::rust(&text));
    environment.add_filter("toml", |text: String| literals::toml(&text));
    environment.add_filter("yaml", |text: String| literals::yaml(&text));
    environment.add_filter("json", |text: String| literals::json(&text));
    environment.add_filter("html", |text: String| literals::html(&text));
    environment.add_filter("markdown", |text: String| literals::markdown(&text));
    environment.add_filter("comment", |text: String| literals::comment(&text));
    environment.add_filter("line", |text: String| literals::line(&text));
    environment.add_filter("paragraphs", paragraphs);

    environment.add_filter("py", |value: Value| literal(&value, Language::Python));
    environment.add_filter("js", |value: Value| literal(&value, Language::JavaScript));
    environment.add_filter("rs", |value: Value| literal(&value, Language::Rust));
    environment.add_filter("rustfloat", rust_float);

    environment
        .add_filter("sample", |field: Value| Ok::<_, Error>(Value::from(Serde(samples::valid(&object(&field)?)))));
    environment.add_filter("wrong_type", |field: Value| {
        Ok::<_, Error>(Value::from(Serde(samples::wrong_type(&object(&field)?))))
    });
    environment.add_filter("out_of_range", |field: Value| {
        Ok::<_, Error>(Value::from(Serde(samples::out_of_range(&object(&field)?))))
    });
    environment.add_filter("min_length", |field: Value| Ok::<_, Error>(samples::text_limits(&object(&field)?).0));
    environment.add_filter("max_length", |field: Value| Ok::<_, Error>(samples::text_limits(&object(&field)?).1));
    environment
}

/// The paragraphs of a text: parts between blank lines, each on one line.
fn paragraphs(text: String) -> Vec<String> {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut paragraphs = vec![String::new()];
    for part in unified.split('\n') {
        if part.trim().is_empty() {
            paragraphs.push(String::new());
        } else if let Some(last) = paragraphs.last_mut() {
            last.push_str(part);
            last.push(' ');
        }
    }
    paragraphs.iter().map(|paragraph| literals::line(paragraph)).filter(|paragraph| !paragraph.is_empty()).collect()
}

fn literal(value: &Value, language: Language) -> Result<String, Error> {
    Ok(literals::value(&plain(value)?, language))
}

fn rust_float(value: Value) -> Result<String, Error> {
    let number = plain(&value)?.as_f64().ok_or_else(|| fault("rustfloat needs a number"))?;
    Ok(format!("{number:?}"))
}

fn object(value: &Value) -> Result<Map<String, serde_json::Value>, Error> {
    match plain(value)? {
        serde_json::Value::Object(members) => Ok(members),
        _ => Err(fault("this filter needs a field, which is an object")),
    }
}

fn plain(value: &Value) -> Result<serde_json::Value, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    serde_json::to_value(value).map_err(|error| fault("the value is not plain data").with_source(error))
}

fn fault(text: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(source: &str, context: serde_json::Value) -> Result<String, Error> {
        environment().render_str(source, Serde(context))
    }

    #[test]
    fn undefined_variables_are_errors() {
        assert!(render("{{ missing }}", json!({})).is_err());
        assert!(render("{{ missing | py }}", json!({})).is_err());
        assert!(render("{{ missing.part | pystr }}", json!({"missing": {}})).is_err());
        assert!(render("{% if missing %}{% endif %}", json!({})).is_err());
    }

    #[test]
    fn parameters_are_not_templates() {
        assert_eq!(render("{{ text | pystr }}", json!({"text": "{{ 7 * 7 }}"})).unwrap(), "\"{{ 7 * 7 }}\"");
    }

    #[test]
    fn filters_reach_fields() {
        let field = json!({"field": {"type": "number", "min": 2, "max": 4}});
        assert_eq!(render("{{ field | sample | py }} {{ field.max | rustfloat }}", field.clone()).unwrap(), "2.0 4.0");
        assert_eq!(render("{{ field | out_of_range | js }}", field).unwrap(), "[1.0, 5.0]");
        assert_eq!(render("{{ text | paragraphs | py }}", json!({"text": "a\nb\n\nc"})).unwrap(), r#"["a b", "c"]"#);
    }
}
