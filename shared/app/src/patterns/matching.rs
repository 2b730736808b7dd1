//! Whether an event fits.

use serde_json::Value;

use super::{Field, Leaf, Node, Pattern};

impl Pattern {
    /// Does the event fit? One that is no object fits no pattern.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        event.is_object() && self.root.holds(Some(event), event)
    }
}

impl Node {
    /// `value` is an object, or an array of which one item must be one for which all holds. Without it only what asks for
    /// nothing holds.
    fn holds(&self, value: Option<&Value>, event: &Value) -> bool {
        match value {
            Some(Value::Array(items)) if items.iter().any(|item| self.holds(Some(item), event)) => true,
            Some(object @ Value::Object(_)) => self.holds_for(Some(object), event),
            _ => self.holds_for(None, event),
        }
    }

    fn holds_for(&self, object: Option<&Value>, event: &Value) -> bool {
        let fields = self.fields.iter().all(|(name, field)| {
            let value = object.and_then(|object| object.get(name));
            match field {
                Field::Object(node) => node.holds(value, event),
                Field::Leaf(leaf) => leaf.holds(value, event),
            }
        });
        let chosen = |nodes: &Vec<Self>| nodes.iter().any(|node| node.holds_for(object, event));
        fields && self.alternatives.iter().all(chosen)
    }
}

impl Leaf {
    fn holds(&self, value: Option<&Value>, event: &Value) -> bool {
        value.is_some_and(|value| self.holds_for(value)) || self.absent && !has_leaf(event, &self.path)
    }

    /// Objects are no values: only what stands at the leaves of an event is compared.
    fn holds_for(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.holds_for(item)),
            Value::Object(_) => false,
            value => self.any.iter().any(|comparison| comparison.holds(value)),
        }
    }
}

/// Has the event a value there, in whichever item of the arrays on the way?
fn has_leaf(value: &Value, path: &[String]) -> bool {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().any(|item| has_leaf(item, path)),
        (Value::Object(members), Some((name, rest))) => members.get(name).is_some_and(|member| has_leaf(member, rest)),
        (Value::Object(_), None) => false,
        (_, rest) => rest.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn matches(pattern: Value, event: &Value) -> bool {
        Pattern::parse(&pattern).unwrap_or_else(|problems| panic!("{pattern}: {problems:?}")).matches(event)
    }

    /// The event of "Comparison operators for use in event patterns".
    fn event() -> Value {
        json!({
            "version": "0",
            "id": "3e3c153a-8339-4e30-8c35-687ebef853fe",
            "detail-type": "EC2 Instance Launch Successful",
            "source": "aws.autoscaling",
            "account": "123456789012",
            "time": "2015-11-11T21:31:47Z",
            "region": "us-east-1",
            "resources": ["arn:aws:autoscaling:us-east-1:123456789012:group/g", "arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"],
            "detail": {
                "eventVersion": "",
                "responseElements": null,
                "c-count": 5,
                "d-count": 3.0,
                "x-limit": 301.8,
                "big": 12_345_678_901_i64,
                "flag": true,
                "sourceIPAddress": "10.0.0.123",
                "six": "2001:db8::1",
                "file": "dir/a.PNG",
                "path": "a*b\\c",
                "empty": [],
                "owner": { "id": "" },
                "items": [{ "k": "a", "v": 1 }, { "k": "b", "v": 2, "deep": [[{ "x": 1 }]] }]
            }
        })
    }

    #[test]
    fn each_comparison() {
        let event = event();
        for (pattern, fits) in [
            (json!({ "source": ["aws.autoscaling"] }), true),
            (json!({ "source": ["aws.ec2"] }), false),
            (json!({ "source": ["aws.ec2", "aws.autoscaling"] }), true),
            (json!({ "SOURCE": ["aws.autoscaling"] }), false),
            (json!({ "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-b188560f"] }), true),
            (json!({ "detail": { "eventVersion": [""] } }), true),
            (json!({ "detail": { "responseElements": [null] } }), true),
            (json!({ "detail": { "eventVersion": [null] } }), false),
            (json!({ "detail": { "flag": [true] } }), true),
            (json!({ "detail": { "flag": ["true"] } }), false),
            (json!({ "detail": { "c-count": [5] } }), true),
            (json!({ "detail": { "c-count": [5.0] } }), true),
            (json!({ "detail": { "d-count": [3] } }), true),
            (json!({ "detail": { "c-count": ["5"] } }), false),
            (json!({ "detail": { "big": [12_345_678_901_i64] } }), true),
            (json!({ "time": [{ "prefix": "2015-11-11" }] }), true),
            (json!({ "time": [{ "prefix": "2015-12" }] }), false),
            (json!({ "source": [{ "prefix": { "equals-ignore-case": "AWS." } }] }), true),
            (json!({ "source": [{ "prefix": "AWS." }] }), false),
            (json!({ "detail": { "file": [{ "suffix": ".PNG" }] } }), true),
            (json!({ "detail": { "file": [{ "suffix": ".png" }] } }), false),
            (json!({ "detail": { "file": [{ "suffix": { "equals-ignore-case": ".pnG" } }] } }), true),
            (json!({ "detail-type": [{ "equals-ignore-case": "ec2 instance launch successful" }] }), true),
            (json!({ "detail-type": [{ "equals-ignore-case": "ec2 instance launch" }] }), false),
            (json!({ "detail": { "x-limit": [{ "numeric": ["=", 301.8] }] } }), true),
            (json!({ "detail": { "x-limit": [{ "numeric": [">", 300, "<", 302] }] } }), true),
            (json!({ "detail": { "x-limit": [{ "numeric": [">", 301.8] }] } }), false),
            (json!({ "detail": { "x-limit": [{ "numeric": [">=", 301.8] }] } }), true),
            (json!({ "detail": { "c-count": [{ "numeric": ["<=", 5] }] } }), true),
            (json!({ "detail": { "c-count": [{ "numeric": ["<", 5] }] } }), false),
            (json!({ "detail": { "eventVersion": [{ "numeric": ["<", 5] }] } }), false),
            (json!({ "detail": { "sourceIPAddress": [{ "cidr": "10.0.0.0/24" }] } }), true),
            (json!({ "detail": { "sourceIPAddress": [{ "cidr": "10.0.1.0/24" }] } }), false),
            (json!({ "detail": { "six": [{ "cidr": "2001:db8::/32" }] } }), true),
            (json!({ "source": [{ "cidr": "10.0.0.0/8" }] }), false),
            (json!({ "detail": { "file": [{ "wildcard": "dir/*.PNG" }] } }), true),
            (json!({ "detail": { "file": [{ "wildcard": "dir/*.png" }] } }), false),
            (json!({ "detail": { "file": [{ "wildcard": "*" }] } }), true),
            (json!({ "detail": { "file": [{ "wildcard": "*a*G" }] } }), true),
            (json!({ "detail": { "file": [{ "wildcard": "dir" }] } }), false),
            (json!({ "detail": { "path": [{ "wildcard": "a\\*b\\\\*" }] } }), true),
            (json!({ "detail": { "path": [{ "wildcard": "a\\*c*" }] } }), false),
        ] {
            assert_eq!(matches(pattern.clone(), &event), fits, "{pattern}");
        }
    }

    #[test]
    fn anything_but() {
        let event = event();
        for (but, fits) in [
            (json!("aws.ec2"), true),
            (json!("aws.autoscaling"), false),
            (json!(["aws.ec2", "aws.s3"]), true),
            (json!(["aws.ec2", "aws.autoscaling"]), false),
            (json!(5), true),
            (json!({ "prefix": "aws." }), false),
            (json!({ "prefix": "AWS." }), true),
            (json!({ "prefix": ["my.", "aws."] }), false),
            (json!({ "prefix": { "equals-ignore-case": "AWS." } }), false),
            (json!({ "suffix": "scaling" }), false),
            (json!({ "suffix": [".ec2", ".s3"] }), true),
            (json!({ "suffix": { "equals-ignore-case": ["SCALING"] } }), false),
            (json!({ "equals-ignore-case": "AWS.AUTOSCALING" }), false),
            (json!({ "equals-ignore-case": ["AWS.EC2", "x"] }), true),
            (json!({ "wildcard": "aws.*" }), false),
            (json!({ "wildcard": ["*.ec2", "*.s3"] }), true),
        ] {
            assert_eq!(matches(json!({ "source": [{ "anything-but": but }] }), &event), fits, "{but}");
        }
        let count = |but: Value| matches(json!({ "detail": { "c-count": [{ "anything-but": but }] } }), &event);
        assert!(count(json!([1, 2])) && !count(json!([4, 5])) && !count(json!(5.0)) && count(json!("5")));
        assert!(count(json!({ "prefix": "5" })), "a number is no string");
        assert!(!matches(json!({ "none": [{ "anything-but": "x" }] }), &event), "there must be something");
        assert!(matches(json!({ "detail": { "responseElements": [{ "anything-but": "x" }] } }), &event));
        let group = "arn:aws:autoscaling:us-east-1:123456789012:group/g";
        assert!(matches(json!({ "resources": [{ "anything-but": group }] }), &event), "another item is not it");
    }

    #[test]
    fn existence() {
        let event = event();
        for (pattern, fits) in [
            (json!({ "source": [{ "exists": true }] }), true),
            (json!({ "source": [{ "exists": false }] }), false),
            (json!({ "none": [{ "exists": true }] }), false),
            (json!({ "none": [{ "exists": false }] }), true),
            (json!({ "none": ["x", { "exists": false }] }), true),
            (json!({ "source": ["x", { "exists": false }] }), false),
            (json!({ "detail": { "responseElements": [{ "exists": true }] } }), true),
            // It is for leaves only.
            (json!({ "detail": [{ "exists": true }] }), false),
            (json!({ "detail": [{ "exists": false }] }), true),
            (json!({ "detail": { "empty": [{ "exists": true }] } }), false),
            (json!({ "detail": { "empty": [{ "exists": false }] } }), true),
            (json!({ "detail": { "none": { "at": { "all": [{ "exists": false }] } } } }), true),
            (json!({ "detail": { "none": { "at": [{ "exists": true }] } } }), false),
            (json!({ "source": { "x": [{ "exists": false }] } }), true),
            // No item may have it.
            (json!({ "detail": { "items": { "deep": { "x": [{ "exists": false }] } } } }), false),
            (json!({ "detail": { "items": { "w": [{ "exists": false }], "k": ["a"] } } }), true),
        ] {
            assert_eq!(matches(pattern.clone(), &event), fits, "{pattern}");
        }
    }

    #[test]
    fn objects_in_arrays() {
        let event = event();
        for (pattern, fits) in [
            (json!({ "k": ["a"], "v": [1] }), true),
            (json!({ "k": ["a"], "v": [2] }), false),
            (json!({ "v": [{ "numeric": [">", 1] }] }), true),
            (json!({ "k": ["b"], "deep": { "x": [1] } }), true),
            (json!({ "k": ["a"], "deep": { "x": [1] } }), false),
        ] {
            assert_eq!(matches(json!({ "detail": { "items": pattern } }), &event), fits, "{pattern}");
        }
    }

    #[test]
    fn alternatives() {
        let event = event();
        let source = |name: &str| json!({ "source": [name] });
        for (pattern, fits) in [
            (json!({ "$or": [source("x"), source("aws.autoscaling")] }), true),
            (json!({ "$or": [source("x"), source("y")] }), false),
            (json!({ "region": ["eu-west-1"], "$or": [source("x"), source("aws.autoscaling")] }), false),
            (json!({ "detail": { "$or": [{ "c-count": [{ "numeric": [">", 10] }] }, { "d-count": [3] }] } }), true),
            (json!({ "$or": [{ "$or": [source("x"), source("y")] }, { "detail": { "flag": [true] } }] }), true),
            (json!({ "detail": { "items": { "$or": [{ "k": ["a"], "v": [2] }, { "k": ["b"], "v": [1] }] } } }), false),
            (json!({ "$or": [source("x"), { "none": [{ "exists": false }] }] }), true),
        ] {
            assert_eq!(matches(pattern.clone(), &event), fits, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_object_fits_nothing() {
        for event in [json!(1), json!(null), json!([{ "a": 1 }]), json!("a")] {
            assert!(!matches(json!({ "a": [1, { "exists": false }] }), &event), "{event}");
        }
    }

    #[test]
    fn wildcards_take_no_longer_than_they_must() {
        let pattern = json!({ "a": [{ "wildcard": "*a".repeat(40) + "b" }] });
        assert!(!matches(pattern.clone(), &json!({ "a": "a".repeat(20_000) })));
        assert!(matches(pattern, &json!({ "a": "a".repeat(20_000) + "ab" })));
    }
}
