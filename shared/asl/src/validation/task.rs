//! Task states.

use crate::definition::{Pattern, Resource};
use crate::query::QueryLanguage;

use super::machine::Checker;
use super::report::At;
use super::resource::recognised;
use super::scalars::{Fields, LONGEST};

impl Checker {
    pub(super) fn task(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        self.resource(state, at);
        for (field, path) in [("TimeoutSeconds", "TimeoutSecondsPath"), ("HeartbeatSeconds", "HeartbeatSecondsPath")] {
            self.exclusive(state, &[field, path], at);
            self.path(state, path, at);
        }
        let timeout = self.integer(state, "TimeoutSeconds", (1, LONGEST), language, at);
        let heartbeat = self.integer(state, "HeartbeatSeconds", (1, LONGEST), language, at);
        if let (Some(heartbeat), Some(timeout)) = (heartbeat, timeout)
            && heartbeat >= timeout
        {
            self.report.schema(&at.field("HeartbeatSeconds"), "HeartbeatSeconds must be smaller than TimeoutSeconds");
        }
        self.credentials(state, language, at);
    }

    fn resource(&mut self, state: &Fields, at: &At) {
        let Some(text) = self.string_field(state, "Resource", at) else { return };
        let here = at.field("Resource");
        let Some(resource) = recognised(text) else {
            let message = format!(
                "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is \
                 not available in this region."
            );
            self.report.schema(&here, message);
            return;
        };
        if !self.express {
            return;
        }
        match resource {
            Resource::Activity => self.report.schema(&here, "Express state machine does not support Activity ARN"),
            Resource::Service { pattern, .. } if pattern != Pattern::RequestResponse => {
                // The space at the end is the service's.
                let message =
                    format!("Express state machine does not support '{}' service integration ", pattern.suffix());
                self.report.schema(&here, message);
            }
            Resource::Service { .. } | Resource::Lambda | Resource::Own { .. } => {}
        }
    }

    fn credentials(&mut self, state: &Fields, language: QueryLanguage, at: &At) {
        let Some(value) = state.get("Credentials") else { return };
        let here = at.field("Credentials");
        if self.is_expression(value, language, &here) {
            return;
        }
        let Some(credentials) = self.object(value, &here) else { return };
        let dynamic = language == QueryLanguage::JsonPath && credentials.contains_key("RoleArn.$");
        if !dynamic && !credentials.contains_key("RoleArn") {
            self.report.schema(&here, "The field 'RoleArn' is required but was missing");
            return;
        }
        for name in credentials.keys().filter(|name| !matches!(name.as_str(), "RoleArn" | "RoleArn.$")) {
            self.unsupported(name, &here);
        }
        self.template(state, "Credentials", language, at);
        if let Some(role) = credentials.get("RoleArn")
            && !self.is_expression(role, language, &here.field("RoleArn"))
        {
            self.string(role, &here.field("RoleArn"));
        }
    }
}
