//! SNS: `sns:publish` and `aws-sdk:sns:publish`, over the query protocol.

use millrace_client::{Answer, Call, encode_query, xml};
use serde_json::{Map, Value, json};

use crate::aws::Aws;
use crate::fault::Fault;
use crate::service::SNS;
use crate::shape::{text_of, with_metadata};

/// The arguments of `Publish` as form fields.
fn fields(arguments: &Value) -> Vec<(String, String)> {
    let mut fields = vec![("Action".to_owned(), "Publish".to_owned()), ("Version".to_owned(), "2010-03-31".to_owned())];
    for (name, value) in arguments.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("MessageAttributes", Value::Object(attributes)) => {
                for (index, (name, attribute)) in attributes.iter().enumerate() {
                    let entry = format!("MessageAttributes.entry.{}", index + 1);
                    fields.push((format!("{entry}.Name"), name.clone()));
                    for (member, value) in attribute.as_object().into_iter().flatten() {
                        fields.push((format!("{entry}.Value.{member}"), text_of(value)));
                    }
                }
            }
            _ => fields.push((name.clone(), text_of(value))),
        }
    }
    fields
}

async fn call(aws: &Aws, role: Option<&str>, arguments: &Value) -> Result<(Map<String, Value>, Answer), Fault> {
    let fields = fields(arguments);
    let body = encode_query(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let mut call =
        Call::post(&SNS.wire, body.into()).header("content-type", "application/x-www-form-urlencoded; charset=utf-8");
    let topic = ["TopicArn", "TargetArn"].iter().find_map(|name| arguments.get(*name)?.as_str());
    call.region =
        topic.and_then(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty()).map(ToOwned::to_owned);
    let mut answer = aws.call(role, &call).await?;
    if !answer.succeeded() {
        return Err(xml::fault(&answer).into());
    }
    let told = xml::read(&answer.response, |root| {
        let found = xml::child(root, "PublishResult")?;
        let mut result = Map::new();
        for name in ["MessageId", "SequenceNumber"] {
            result.extend(xml::text(found, &[name]).map(|text| (name.to_owned(), json!(text))));
        }
        Some((result, xml::text(root, &["ResponseMetadata", "RequestId"])))
    });
    let (result, id) = told.ok_or_else(|| Fault::Client("SNS answered what is no XML".to_owned()))?;
    // The id is in the body; not every service that speaks the protocol repeats it in a header.
    if let Some(id) = id.and_then(|id| id.parse().ok())
        && !answer.response.headers.contains_key("x-amzn-requestid")
    {
        answer.response.headers.insert("x-amzn-requestid", id);
    }
    Ok((result, answer))
}

/// `sns:publish`
pub(crate) async fn publish(aws: &Aws, role: Option<&str>, arguments: &Value) -> Result<Value, Fault> {
    let (result, answer) = call(aws, role, arguments).await?;
    Ok(with_metadata(result, &answer, "connection"))
}

/// `aws-sdk:sns:publish`
pub(crate) async fn sdk(aws: &Aws, role: Option<&str>, arguments: &Value) -> Result<Value, Fault> {
    Ok(Value::Object(call(aws, role, arguments).await?.0))
}
