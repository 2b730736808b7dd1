//! Calls as the process, as the role of all calls, or as a task's own role.

use millrace_app::Timestamp;
use millrace_asl::Failure;
use millrace_client::{Answer, Call, Client, Credentials, Endpoint, HttpClient, Service, encode_query, now, xml};

use crate::config::Config;
use crate::fault::Fault;

/// Services as configured. Connections and credentials are shared by all calls.
#[derive(Debug)]
pub(crate) struct Aws {
    pub(crate) client: Client,
    role_arn: Option<String>,
}

impl Aws {
    pub(crate) fn new(config: Config) -> Self {
        Self { client: Client::new(config.endpoints), role_arn: config.role_arn }
    }

    pub(crate) const fn http(&self) -> &HttpClient {
        self.client.http()
    }

    /// Calls a service as `role`, or as the process itself. An answer of any status is an answer.
    ///
    /// # Errors
    /// [`Fault::Client`] where there are no credentials or no answer; [`Fault::Named`] where the role can't be assumed.
    pub(crate) async fn call(&self, role: Option<&str>, call: &Call<'_>) -> Result<Answer, Fault> {
        let endpoint = self.client.endpoint(call);
        let credentials = self.credentials(role, &endpoint).await?;
        Ok(self.client.call_as(call, &endpoint, &credentials).await?)
    }

    /// As whom a call is made: the process itself, then the role of all calls, then the task's own.
    async fn credentials(&self, role: Option<&str>, endpoint: &Endpoint) -> Result<Credentials, Fault> {
        let mut credentials = self.client.credentials(endpoint).await?;
        let endpoints = self.client.endpoints();
        let sts = endpoints.of(&Service::STS, endpoints.region());
        // A service on this machine without an STS beside it knows no roles.
        if endpoint.is_local() && !sts.overridden {
            return Ok(credentials);
        }
        let mut chain = String::new();
        for role in self.role_arn.as_deref().into_iter().chain(role) {
            chain.push_str(role);
            chain.push(' ');
            credentials = match self.client.cache().get(&chain, now()) {
                Some(known) => known,
                None => {
                    let (assumed, end) = self.assume(role, &sts, &credentials).await?;
                    self.client.cache().put(&chain, assumed.clone(), end);
                    assumed
                }
            };
        }
        Ok(credentials)
    }

    async fn assume(
        &self,
        role: &str,
        sts: &Endpoint,
        credentials: &Credentials,
    ) -> Result<(Credentials, Timestamp), Fault> {
        let body = encode_query([
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", "millrace"),
        ]);
        let call = Call::post(&Service::STS, body.into()).header("content-type", "application/x-www-form-urlencoded");
        let answer = self.client.call_as(&call, sts, credentials).await?;
        let refused = |reason: String| {
            let cause = format!("The role {role} is not authorized to be assumed by the workflow: {reason}");
            Fault::Named(Failure::new("States.Permissions", cause))
        };
        if !answer.succeeded() {
            return Err(refused(xml::fault(&answer).to_string()));
        }
        let read = xml::read(&answer.response, |root| {
            let found = xml::child(xml::child(root, "AssumeRoleResult")?, "Credentials")?;
            let fields = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"];
            let fields = fields.map(|name| (name, xml::text(found, &[name]).unwrap_or_default()));
            Credentials::from_json(&fields.into_iter().collect())
        });
        read.ok_or_else(|| refused("STS answered no credentials".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use millrace_simulation::http::{Answer as Told, Fake};

    use super::*;
    use crate::service::LAMBDA;

    fn aws(variables: &[(&str, &str)]) -> Aws {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Aws::new(Config::from_variables(variables).unwrap())
    }

    #[tokio::test]
    async fn a_role_is_assumed_once_and_then_signs() {
        let sts = Fake::start(|request| {
            let role = if request.text().contains("role%2Fbase") { "BASE" } else { "TASK" };
            assert!(request.text().starts_with("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam"));
            Told::ok(format!(
                "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
                 <AccessKeyId>{role}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-{role}\
                 </SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>\
                 </AssumeRoleResponse>"
            ))
        })
        .await;
        let lambda = Fake::start(|request| {
            let told = [request.header("authorization"), request.header("x-amz-security-token")];
            Told::ok(told.map(Option::unwrap_or_default).join(" "))
        })
        .await;
        let aws = aws(&[
            ("AWS_ENDPOINT_URL_STS", &sts.url),
            ("AWS_ENDPOINT_URL_LAMBDA", &lambda.url),
            ("INTEGRATIONS_ROLE_ARN", "arn:aws:iam::1:role/base"),
        ]);
        let call = Call::post(&LAMBDA.wire, Bytes::new());
        for (role, id) in [(None, "BASE"), (Some("arn:aws:iam::2:role/task"), "TASK"), (None, "BASE")] {
            let answer = aws.call(role, &call).await.unwrap();
            let text = String::from_utf8(answer.response.body.to_vec()).unwrap();
            assert!(text.starts_with(&format!("AWS4-HMAC-SHA256 Credential={id}/")), "{text}");
            assert!(
                text.contains("/us-east-1/lambda/aws4_request") && text.ends_with(&format!("token-{id}")),
                "{text}"
            );
        }
        assert_eq!(sts.connections(), 1);
    }

    #[tokio::test]
    async fn a_role_that_refuses_is_told_and_a_machine_without_sts_knows_no_roles() {
        let sts = Fake::start(|_| {
            Told::status(
                403,
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
            )
        })
        .await;
        let lambda = Fake::start(|_| Told::ok("fine")).await;
        let call = Call::post(&LAMBDA.wire, Bytes::new());
        let role = Some("arn:aws:iam::2:role/task");
        let both = aws(&[("AWS_ENDPOINT_URL_STS", &sts.url), ("AWS_ENDPOINT_URL_LAMBDA", &lambda.url)]);
        let Err(Fault::Named(failure)) = both.call(role, &call).await else { panic!("the role refuses") };
        assert_eq!(failure.error.as_deref(), Some("States.Permissions"));
        assert!(failure.cause.unwrap().ends_with("AccessDenied: no"));
        let alone = aws(&[("AWS_ENDPOINT_URL_LAMBDA", &lambda.url)]);
        assert!(alone.call(role, &call).await.unwrap().succeeded());
    }
}
