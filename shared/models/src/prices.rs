//! What models cost: a table of its date, and what the operator says instead.

use std::collections::BTreeMap;

use millrace_app::models::{ModelRef, Price, Provider};
use serde::Deserialize;

/// `data/prices.json`, with its date and its sources.
const TABLE: &str = include_str!("../data/prices.json");

#[derive(Deserialize)]
struct Table {
    prices: BTreeMap<String, Price>,
}

/// Prices by a model's name; a name that ends in `*` covers all that begin so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// The table that comes with Millrace.
    #[must_use]
    pub fn builtin() -> Self {
        // A test reads it.
        Self(serde_json::from_str::<Table>(TABLE).map(|table| table.prices).unwrap_or_default())
    }

    /// Adds prices, or puts them in the place of known ones: an object from name to price, as in `data/prices.json`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn replace(&mut self, json: &str) -> Result<(), String> {
        let given: BTreeMap<String, Price> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        for (name, price) in &given {
            name.trim_end_matches('*')
                .parse::<ModelRef>()
                .or_else(|_| format!("{name}x").parse())
                .map_err(|error| error.to_string())?;
            let long = price.long.map(|long| [Some(long.input), Some(long.output), long.cached_input]);
            let all = [Some(price.input), Some(price.output), price.cached_input];
            if all.into_iter().chain(long.into_iter().flatten()).flatten().any(|usd| !usd.is_finite() || usd < 0.0) {
                return Err(format!("{name}: a price must be 0 or more US dollars for a million tokens"));
            }
        }
        self.0.extend(given);
        Ok(())
    }

    /// The price of a model: its own, else that of the longest name that covers it.
    #[must_use]
    pub fn of(&self, model: &ModelRef) -> Option<Price> {
        let full = model.to_string();
        self.find(&full).or_else(|| {
            // Bedrock's inference profiles begin with where they run: `eu.anthropic.claude-…`.
            let (place, rest) = model.model.split_once('.').filter(|_| model.provider == Provider::Bedrock)?;
            let known = ["us", "us-gov", "eu", "apac", "jp", "au", "global"].contains(&place);
            known.then(|| self.find(&format!("bedrock/{rest}"))).flatten()
        })
    }

    fn find(&self, name: &str) -> Option<Price> {
        let covers = |known: &str| known.strip_suffix('*').map_or(known == name, |start| name.starts_with(start));
        self.0.iter().filter(|(known, _)| covers(known)).max_by_key(|(known, _)| known.len()).map(|(_, price)| *price)
    }
}

#[cfg(test)]
mod tests {
    use millrace_app::models::TokenUsage;

    use super::*;

    fn model(name: &str) -> ModelRef {
        name.parse().unwrap()
    }

    #[test]
    fn the_table_is_read_and_the_longest_name_counts() {
        let prices = Prices::builtin();
        assert!(prices.0.len() > 30);
        let of = |name: &str| prices.of(&model(name)).map(|price| (price.input, price.output));
        assert_eq!(of("anthropic/claude-opus-5-5"), Some((4.0, 20.0)));
        assert_eq!(of("anthropic/claude-opus-5-20260724"), Some((5.0, 25.0)));
        assert_eq!(of("bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0"), Some((1.1, 5.5)));
        assert_eq!(of("ollama/qwen3:8b"), Some((0.0, 0.0)));
        // Another model than the one whose name it begins with.
        assert_eq!(of("openai/gpt-5-codex-next"), None);
        assert_eq!(of("openai/unheard-of"), None);
        for (name, price) in &prices.0 {
            assert!(price.cached_input.is_none_or(|cached| cached <= price.input), "{name}");
            assert!(price.long.is_none_or(|long| long.input >= price.input && long.output >= price.output), "{name}");
        }
    }

    #[test]
    fn a_long_call_costs_more() {
        let price = Prices::builtin().of(&model("gemini/gemini-2.5-pro")).unwrap();
        let usd = |input, output| price.of(TokenUsage { input, output, ..TokenUsage::default() });
        assert!((usd(200_000, 1_000) - 0.26).abs() < 1e-9);
        assert!((usd(400_000, 1_000) - 1.015).abs() < 1e-9);
    }

    #[test]
    fn what_the_operator_says_counts() {
        let mut prices = Prices::builtin();
        prices
            .replace(r#"{"openai/unheard-of": {"input": 1, "output": 2}, "openai/local-*": {"input": 0, "output": 0}}"#)
            .unwrap();
        assert_eq!(prices.of(&model("openai/unheard-of")).unwrap().output, 2.0);
        assert!(prices.of(&model("openai/local-7b")).is_some());
        for bad in [
            "[]",
            "{",
            r#"{"x": {"input": 1, "output": 2}}"#,
            r#"{"openai/x": {"input": -1, "output": 2}}"#,
            r#"{"openai/x": {"input": 1}}"#,
        ] {
            assert!(prices.replace(bad).is_err(), "{bad}");
        }
    }
}
