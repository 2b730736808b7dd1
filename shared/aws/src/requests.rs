//! Requests and responses of DynamoDB, as far as the stores use them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::attribute::Item;

/// `PutItem`, `DeleteItem`, `UpdateItem` and `GetItem`, also as parts of a transaction.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ItemRequest<'a> {
    pub(crate) table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) condition_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) update_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression_attribute_names: Option<HashMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expression_attribute_values: Option<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) return_values: Option<&'static str>,
}

/// A part of a transaction.
#[derive(Debug, Serialize)]
pub(crate) enum TransactItem<'a> {
    Put(ItemRequest<'a>),
    Update(ItemRequest<'a>),
    Delete(ItemRequest<'a>),
}

/// `TransactWriteItems`
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Transaction<'a> {
    /// The same for every try: one that was done before succeeds again and changes nothing.
    pub(crate) client_request_token: String,
    pub(crate) transact_items: Vec<TransactItem<'a>>,
}

/// `Query`
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueryRequest<'a> {
    pub(crate) table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index_name: Option<&'a str>,
    pub(crate) key_condition_expression: &'a str,
    pub(crate) expression_attribute_values: HashMap<&'a str, crate::attribute::AttributeValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scan_index_forward: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consistent_read: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exclusive_start_key: Option<Item>,
}

/// What `GetItem` answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ItemAnswer {
    pub(crate) item: Option<Item>,
}

/// What `UpdateItem` answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttributesAnswer {
    pub(crate) attributes: Option<Item>,
}

/// What `Query` answers: a page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct QueryAnswer {
    #[serde(default)]
    pub(crate) items: Vec<Item>,
    pub(crate) last_evaluated_key: Option<Item>,
}
