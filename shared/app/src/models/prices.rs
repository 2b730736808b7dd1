//! What models cost: a table of prices, as files have them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::caller::Price;
use super::chat::{ModelRef, Provider};
use crate::builtins::sync::tables::{self, Table};
use crate::error::Error;
use crate::ports::{Ports, StoreError};

/// Prices by a model's name; a name that ends in `*` covers all that begin so.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PriceTable(BTreeMap<String, Price>);

/// A file of prices; what else it says is for people.
#[derive(Deserialize)]
struct File {
    prices: BTreeMap<String, Price>,
}

impl PriceTable {
    /// Reads a file: `{"prices": {"provider/model": {"input": …, "output": …}}}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let File { prices } = serde_json::from_slice(file).map_err(|error| error.to_string())?;
        Self::checked(prices)
    }

    /// Reads prices alone: an object from name to price.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_prices(json: &str) -> Result<Self, String> {
        Self::checked(serde_json::from_str(json).map_err(|error| error.to_string())?)
    }

    fn checked(prices: BTreeMap<String, Price>) -> Result<Self, String> {
        for (name, price) in &prices {
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
        Ok(Self(prices))
    }

    /// Adds prices, or puts them in the place of known ones.
    pub fn replace(&mut self, other: &Self) {
        self.0.extend(other.0.iter().map(|(name, price)| (name.clone(), *price)));
    }

    /// How many names have a price.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Has none a price?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names with their prices.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.0.iter().map(|(name, price)| (name.as_str(), price))
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

/// The prices that were synchronised from elsewhere, unless they are those of the content `known`: then `None` within.
/// `Some((content, table))` where they are others; the content is `None`, and the table empty, where there are none.
///
/// # Errors
/// [`Error::Store`]
pub async fn synced_prices<P: Ports>(
    ports: &P,
    known: Option<&str>,
) -> Result<Option<(Option<String>, PriceTable)>, Error> {
    let current = tables::current(ports, Table::Prices).await?;
    if current.as_deref() == known {
        return Ok(None);
    }
    let Some(sha256) = current else { return Ok(Some((None, PriceTable::default()))) };
    let file = tables::content(ports, Table::Prices, &sha256).await?;
    let table = PriceTable::read(&file).map_err(|why| StoreError::corrupt(format!("prices {sha256}"), why))?;
    Ok(Some((Some(sha256), table)))
}
