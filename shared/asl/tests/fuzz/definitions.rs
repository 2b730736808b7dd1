//! Random definitions: valid ones by construction more often than not, then damaged.

use millrace_asl::query::Entropy;
use serde_json::{Map, Value, json};

use super::texts;

pub struct Maker<'e> {
    pub entropy: &'e mut Entropy,
    names: u32,
    depth: u32,
}

impl<'e> Maker<'e> {
    pub fn new(entropy: &'e mut Entropy) -> Self {
        Self { entropy, names: 0, depth: 0 }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.entropy.below(count) == 0
    }

    fn pick<'v, T>(&mut self, from: &'v [T]) -> &'v T {
        &from[usize::try_from(self.entropy.below(from.len() as u64)).unwrap()]
    }

    pub fn definition(&mut self) -> Value {
        let jsonata = self.one_in(2);
        let mut machine = self.machine(jsonata);
        if jsonata {
            machine["QueryLanguage"] = json!("JSONata");
        }
        if self.one_in(4) {
            machine["Comment"] = json!("made");
            machine["TimeoutSeconds"] = json!(60);
        }
        if self.one_in(4) { self.damaged(machine) } else { machine }
    }

    fn machine(&mut self, jsonata: bool) -> Value {
        let count = 1 + self.entropy.below(4);
        let names: Vec<String> = (0..count)
            .map(|_| {
                self.names += 1;
                format!("S{}", self.names)
            })
            .collect();
        let mut states = Map::new();
        for (index, name) in names.iter().enumerate() {
            let state = self.state(names.get(index + 1), &names, jsonata);
            states.insert(name.clone(), state);
        }
        json!({ "StartAt": names[0], "States": states })
    }

    fn state(&mut self, next: Option<&String>, names: &[String], jsonata: bool) -> Value {
        let nests = self.depth < 3;
        let kind = *self.pick(&["Pass", "Pass", "Task", "Wait", "Choice", "Parallel", "Map", "Fail", "Succeed"]);
        let kind = match (kind, next) {
            ("Choice" | "Fail" | "Succeed", Some(_)) if kind != "Choice" => "Pass",
            ("Choice", None) => "Succeed",
            ("Parallel" | "Map", _) if !nests => "Pass",
            (kind, _) => kind,
        };
        let mut state = json!({ "Type": kind });
        if !matches!(kind, "Choice" | "Fail" | "Succeed") {
            match next {
                Some(next) => state["Next"] = json!(next),
                None => state["End"] = json!(true),
            }
        }
        self.common(&mut state, kind, jsonata);
        match kind {
            "Task" => self.task(&mut state, names, jsonata),
            "Wait" => self.wait(&mut state, jsonata),
            "Choice" => self.choice(&mut state, next, jsonata),
            "Fail" => state["Error"] = self.text(jsonata),
            "Parallel" => {
                self.depth += 1;
                let branches: Vec<Value> = (0..1 + self.entropy.below(2)).map(|_| self.machine(jsonata)).collect();
                self.depth -= 1;
                state["Branches"] = json!(branches);
            }
            "Map" => {
                self.depth += 1;
                state["ItemProcessor"] = self.machine(jsonata);
                self.depth -= 1;
                match jsonata {
                    true => state["Items"] = json!([1, "two", { "three": 3 }]),
                    false => state["ItemsPath"] = json!("$.list"),
                }
                if self.one_in(3) {
                    state["MaxConcurrency"] = json!(self.entropy.below(5));
                }
                if self.one_in(3) {
                    state["ItemSelector"] = self.template(jsonata);
                }
            }
            _ => {}
        }
        if matches!(kind, "Task" | "Parallel" | "Map") && self.one_in(3) {
            state["Retry"] = json!([{ "ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": self.entropy.below(3) },
                { "ErrorEquals": ["States.ALL"], "BackoffRate": 1.5, "JitterStrategy": "FULL", "MaxDelaySeconds": 5 }]);
        }
        if let Some(next) = next
            && matches!(kind, "Task" | "Parallel" | "Map")
            && self.one_in(3)
        {
            state["Catch"] = json!([{ "ErrorEquals": ["States.ALL"], "Next": next }]);
        }
        state
    }

    fn common(&mut self, state: &mut Value, kind: &str, jsonata: bool) {
        if kind != "Fail" && kind != "Succeed" && self.one_in(4) {
            state["Assign"] = self.template(jsonata);
        }
        if jsonata {
            if kind != "Fail" && kind != "Choice" && self.one_in(2) {
                state["Output"] = self.template(true);
            }
            if matches!(kind, "Task" | "Parallel") && self.one_in(2) {
                state["Arguments"] = self.template(true);
            }
            return;
        }
        if kind != "Fail" && self.one_in(4) {
            state["InputPath"] = if self.one_in(5) { Value::Null } else { json!(texts::path(self.entropy)) };
        }
        if kind != "Fail" && self.one_in(6) {
            state["OutputPath"] = json!(self.pick(&["$", "$.a", "$$.Execution.Name"]));
        }
        if matches!(kind, "Pass" | "Task" | "Parallel" | "Map") && self.one_in(4) {
            state["ResultPath"] = json!(self.pick(&["$", "$.a", "$.a.b", "$['x'][0]"]));
        }
        if kind == "Pass" && self.one_in(4) {
            state["Result"] = json!({ "list": [1, 2], "a": "text" });
        }
        if matches!(kind, "Pass" | "Task" | "Parallel") && self.one_in(2) {
            state["Parameters"] = self.template(false);
        }
        if matches!(kind, "Task" | "Parallel" | "Map") && self.one_in(4) {
            state["ResultSelector"] = self.template(false);
        }
    }

    fn task(&mut self, state: &mut Value, _names: &[String], jsonata: bool) {
        state["Resource"] = json!(self.pick(&[
            "millrace:model",
            "millrace:function:shop/pack",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:states:us-east-1:123456789012:activity:a",
        ]));
        if self.one_in(3) {
            state["TimeoutSeconds"] = if jsonata { json!("{% 5 + 5 %}") } else { json!(10) };
            state["HeartbeatSeconds"] = json!(5);
        }
    }

    fn wait(&mut self, state: &mut Value, jsonata: bool) {
        match (self.entropy.below(3), jsonata) {
            (0, _) => state["Seconds"] = json!(self.entropy.below(3)),
            (1, _) => state["Timestamp"] = json!("2030-01-31T12:00:00Z"),
            (_, true) => state["Seconds"] = json!("{% 1 + 1 %}"),
            (_, false) => state["SecondsPath"] = json!(texts::path(self.entropy)),
        }
    }

    fn choice(&mut self, state: &mut Value, next: Option<&String>, jsonata: bool) {
        let next = json!(next);
        state["Default"] = next.clone();
        let rule = if jsonata {
            json!({ "Condition": format!("{{% {} %}}", texts::jsonata(self.entropy)), "Next": next })
        } else {
            let mut rule = json!({ "Variable": texts::path(self.entropy), "NumericGreaterThan": 1 });
            if self.one_in(3) {
                rule = json!({ "And": [rule, { "Not": { "Variable": "$.a", "IsPresent": true } }] });
            }
            rule["Next"] = next;
            rule
        };
        state["Choices"] = json!([rule]);
    }

    fn text(&mut self, jsonata: bool) -> Value {
        if jsonata && self.one_in(2) { json!(format!("{{% {} %}}", texts::jsonata(self.entropy))) } else { json!("E") }
    }

    fn template(&mut self, jsonata: bool) -> Value {
        let mut fields = Map::new();
        for name in ["a", "b", "list"] {
            match (self.entropy.below(4), jsonata) {
                (0, _) => {
                    fields.insert(name.to_owned(), json!([1, { "x": null }]));
                }
                (_, true) => {
                    let text = format!("{{% {} %}}", texts::jsonata(self.entropy));
                    fields.insert(name.to_owned(), json!(text));
                }
                (1, false) => {
                    fields.insert(format!("{name}.$"), json!(texts::intrinsic(self.entropy)));
                }
                (_, false) => {
                    fields.insert(format!("{name}.$"), json!(texts::path(self.entropy)));
                }
            }
        }
        Value::Object(fields)
    }

    /// The same with a value somewhere left out or replaced.
    fn damaged(&mut self, value: Value) -> Value {
        match value {
            Value::Object(mut fields) if !fields.is_empty() => {
                let index = usize::try_from(self.entropy.below(fields.len() as u64)).unwrap();
                let name = fields.keys().nth(index).cloned().unwrap();
                match self.entropy.below(6) {
                    0 => drop(fields.remove(&name)),
                    1 => {
                        let value = self.anything();
                        fields.insert(name, value);
                    }
                    2 => {
                        let value = self.anything();
                        fields.insert("Odd".to_owned(), value);
                    }
                    _ => {
                        let value = fields.remove(&name).unwrap_or_default();
                        let value = self.damaged(value);
                        fields.insert(name, value);
                    }
                }
                Value::Object(fields)
            }
            Value::Array(mut items) if !items.is_empty() => {
                let index = usize::try_from(self.entropy.below(items.len() as u64)).unwrap();
                items[index] = self.damaged(items[index].clone());
                Value::Array(items)
            }
            _ => self.anything(),
        }
    }

    fn anything(&mut self) -> Value {
        match self.entropy.below(8) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1),
            3 => json!(1.5),
            4 => json!(""),
            5 => json!([]),
            6 => json!({}),
            _ => json!(texts::path(self.entropy)),
        }
    }
}
