//! What models cost: the table that comes with Millrace. What was synchronised goes before it, and what the operator says before
//! both.

use millrace_app::models::PriceTable;

/// `data/prices.json`, with its date and its sources.
const TABLE: &str = include_str!("../data/prices.json");

/// The table that comes with Millrace.
#[must_use]
pub fn builtin() -> PriceTable {
    // A test reads it.
    PriceTable::read(TABLE.as_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use millrace_app::models::{ModelRef, TokenUsage};

    use super::*;

    fn model(name: &str) -> ModelRef {
        name.parse().unwrap()
    }

    #[test]
    fn the_table_is_read_and_the_longest_name_counts() {
        let prices = builtin();
        assert!(prices.len() > 30);
        let of = |name: &str| prices.of(&model(name)).map(|price| (price.input, price.output));
        assert_eq!(of("anthropic/claude-opus-5-5"), Some((4.0, 20.0)));
        assert_eq!(of("anthropic/claude-opus-5-20260724"), Some((5.0, 25.0)));
        assert_eq!(of("bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0"), Some((1.1, 5.5)));
        assert_eq!(of("ollama/qwen3:8b"), Some((0.0, 0.0)));
        // Another model than the one whose name it begins with.
        assert_eq!(of("openai/gpt-5-codex-next"), None);
        assert_eq!(of("openai/unheard-of"), None);
        for (name, price) in prices.iter() {
            assert!(price.cached_input.is_none_or(|cached| cached <= price.input), "{name}");
            assert!(price.long.is_none_or(|long| long.input >= price.input && long.output >= price.output), "{name}");
        }
    }

    #[test]
    fn a_long_call_costs_more() {
        let price = builtin().of(&model("gemini/gemini-2.5-pro")).unwrap();
        let usd = |input, output| price.of(TokenUsage { input, output, ..TokenUsage::default() });
        assert!((usd(200_000, 1_000) - 0.26).abs() < 1e-9);
        assert!((usd(400_000, 1_000) - 1.015).abs() < 1e-9);
    }

    #[test]
    fn what_the_operator_says_counts() {
        let mut prices = builtin();
        let own = r#"{"openai/unheard-of": {"input": 1, "output": 2}, "openai/local-*": {"input": 0, "output": 0}}"#;
        prices.replace(&PriceTable::read_prices(own).unwrap());
        assert_eq!(prices.of(&model("openai/unheard-of")).unwrap().output, 2.0);
        assert!(prices.of(&model("openai/local-7b")).is_some());
        for bad in [
            "[]",
            "{",
            r#"{"x": {"input": 1, "output": 2}}"#,
            r#"{"openai/x": {"input": -1, "output": 2}}"#,
            r#"{"openai/x": {"input": 1}}"#,
        ] {
            assert!(PriceTable::read_prices(bad).is_err(), "{bad}");
        }
    }
}
