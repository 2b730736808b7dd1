//! Records in one DynamoDB table: the partition key `pk` is the collection, the sort key `sk` the id.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use domain::repository::{Item, Page, Repository, RepositoryError};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Keeps records in a table.
pub struct DynamoRepository {
    client: Client,
    table: String,
}

impl DynamoRepository {
    /// A repository over a table that exists.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Repository for DynamoRepository {
    async fn get(&self, collection: &str, id: &str) -> Result<Option<Item>, RepositoryError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(collection, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed)?;
        output.item.map(read_item).transpose()
    }

    async fn list(
        &self,
        collection: &str,
        limit: usize,
        after: Option<&str>,
    ) -> Result<Page, RepositoryError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .expression_attribute_names("#pk", "pk")
            .expression_attribute_values(":pk", AttributeValue::S(collection.to_owned()))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        query = match after {
            None => query.key_condition_expression("#pk = :pk"),
            Some(after) => query
                .key_condition_expression("#pk = :pk AND #sk > :after")
                .expression_attribute_names("#sk", "sk")
                .expression_attribute_values(":after", AttributeValue::S(after.to_owned())),
        };
        let output = query.send().await.map_err(failed)?;
        let last = output.last_evaluated_key.and_then(|mut key| key.remove("sk"));
        let items = output.items.unwrap_or_default();
        Ok(Page {
            items: items.into_iter().map(read_item).collect::<Result<_, _>>()?,
            after: last.and_then(|id| id.as_s().ok().cloned()),
        })
    }

    async fn put(
        &self,
        collection: &str,
        id: &str,
        item: Item,
        expected_version: Option<u64>,
    ) -> Result<(), RepositoryError> {
        let mut stored: HashMap<String, AttributeValue> =
            item.into_iter().map(|(name, value)| (name, stored_value(value))).collect();
        stored.extend(key(collection, id));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(stored));
        let put = match expected_version {
            None => put
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", "pk"),
            Some(version) => put
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":expected", AttributeValue::N(version.to_string())),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(cause) if cause.is_conditional_check_failed_exception() => {
                    Err(RepositoryError::Conflict)
                }
                _ => Err(failed(error)),
            },
        }
    }

    async fn delete(&self, collection: &str, id: &str) -> Result<bool, RepositoryError> {
        let output = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(collection, id)))
            .return_values(ReturnValue::AllOld)
            .send()
            .await
            .map_err(failed)?;
        Ok(output.attributes.is_some())
    }
}

fn key(collection: &str, id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(collection.to_owned())),
        ("sk".to_owned(), AttributeValue::S(id.to_owned())),
    ])
}

fn stored_value(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(stored_value).collect()),
        Value::Object(members) => AttributeValue::M(
            members.into_iter().map(|(name, member)| (name, stored_value(member))).collect(),
        ),
    }
}

fn read_item(mut item: HashMap<String, AttributeValue>) -> Result<Item, RepositoryError> {
    item.remove("pk");
    item.remove("sk");
    read_members(item)
}

fn read_members(
    members: HashMap<String, AttributeValue>,
) -> Result<Map<String, Value>, RepositoryError> {
    members.into_iter().map(|(name, value)| Ok((name, read_value(value)?))).collect()
}

fn read_value(value: AttributeValue) -> Result<Value, RepositoryError> {
    Ok(match value {
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::Bool(flag) => Value::Bool(flag),
        AttributeValue::N(text) => Value::Number(text.parse::<Number>().map_err(failed)?),
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::L(values) => {
            Value::Array(values.into_iter().map(read_value).collect::<Result<_, _>>()?)
        }
        AttributeValue::M(members) => Value::Object(read_members(members)?),
        other => return Err(failed(format!("a record holds {other:?}, which is never written"))),
    })
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::Failed(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_as_they_were_stored() {
        let value =
            json!({"text": "x", "count": 3, "share": 0.1, "flag": true, "list": [null, {"a": 1}]});
        assert_eq!(read_value(stored_value(value.clone())).expect("readable"), value);
    }

    #[test]
    fn keys_are_not_part_of_records() {
        let mut item = key("things", "1");
        item.insert("id".to_owned(), AttributeValue::S("1".to_owned()));
        let read = read_item(item).expect("readable");
        assert_eq!(Value::Object(read), json!({"id": "1"}));
    }
}
