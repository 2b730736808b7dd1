//! `Assign`: variables and their names.

use crate::query::QueryLanguage;

use super::machine::Checker;
use super::report::At;
use super::scalars::Fields;

/// The most characters in the name of a variable.
const LONGEST_NAME: usize = 80;

impl Checker {
    pub(super) fn assign(&mut self, object: &Fields, language: QueryLanguage, at: &At) {
        let Some(value) = object.get("Assign") else { return };
        let here = at.field("Assign");
        let Some(variables) = self.object(value, &here) else { return };
        for key in variables.keys() {
            let name = match language {
                QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
                QueryLanguage::Jsonata => key,
            };
            if let Some(problem) = problem(name) {
                self.report.schema(&here, format!("Invalid variable name '{name}': {problem}"));
            }
        }
        self.template(object, "Assign", language, at);
    }
}

/// What is wrong with the name of a variable: it follows Unicode's rule for identifiers, and `states` is the language's.
fn problem(name: &str) -> Option<String> {
    let mut characters = name.chars();
    let starts = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    if !starts || !characters.all(|c| c.is_alphanumeric() || c == '_') {
        return Some("a variable name has letters, digits and '_' and does not begin with a digit".to_owned());
    }
    if name.chars().count() > LONGEST_NAME {
        return Some(format!("a variable name has at most {LONGEST_NAME} characters"));
    }
    (name == "states").then(|| "the name 'states' is reserved".to_owned())
}
