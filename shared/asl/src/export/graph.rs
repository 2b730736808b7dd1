//! The states of a definition and what leads from one to another.

use crate::definition::{Kind, MachineId, State, StateMachine, Transition};

/// A definition, a branch or an item processor, as a graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// The first state's place in `nodes`.
    pub start: Option<usize>,
    /// The states in the order in which they are written.
    pub nodes: Vec<Node>,
    /// What leads from one state to another.
    pub edges: Vec<Edge>,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: &'static str,
    /// Can the machine end here?
    pub is_end: bool,
    /// The branches of a Parallel state, the item processor of a Map state.
    pub inner: Vec<Graph>,
}

/// A transition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// From this node.
    pub from: usize,
    /// To this one.
    pub to: usize,
    /// Which field says so.
    pub kind: EdgeKind,
    /// The errors of a catcher, the number of a choice.
    pub label: String,
}

/// Which field a transition stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// `Next`
    Next,
    /// `Choices[n].Next`
    Choice,
    /// `Default`
    Default,
    /// `Catch[n].Next`
    Catch,
}

impl EdgeKind {
    /// As it is spelt in descriptions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Choice => "choice",
            Self::Default => "default",
            Self::Catch => "catch",
        }
    }
}

impl Graph {
    /// The graph of a definition.
    #[must_use]
    pub fn of(machine: &StateMachine) -> Self {
        Self::of_machine(machine, 0)
    }

    /// Definitions nest as deeply as their text may, which its parser limits.
    fn of_machine(machine: &StateMachine, id: MachineId) -> Self {
        let Some(states) = machine.states(id) else { return Self::default() };
        let place = |name: &str| states.states.iter().position(|state| state.name == name);
        let mut places = std::collections::HashMap::new();
        for (number, state) in states.states.iter().enumerate() {
            places.insert(state.name.as_str(), number);
        }
        let (mut nodes, mut edges) = (Vec::with_capacity(states.states.len()), Vec::new());
        for (from, state) in states.states.iter().enumerate() {
            nodes.push(node(machine, state));
            for (target, kind, label) in targets(state) {
                edges.extend(places.get(target).map(|to| Edge { from, to: *to, kind, label }));
            }
        }
        Self { start: place(&states.start_at), nodes, edges }
    }
}

fn node(machine: &StateMachine, state: &State) -> Node {
    let inner = match &state.kind {
        Kind::Parallel(parallel) => parallel.branches.clone(),
        Kind::Map(map) => vec![map.processor],
        Kind::Pass { .. } | Kind::Task(_) | Kind::Choice { .. } | Kind::Wait(_) | Kind::Succeed | Kind::Fail { .. } => {
            Vec::new()
        }
    };
    Node {
        name: state.name.clone(),
        kind: state.kind.name(),
        is_end: state.transition == Transition::End && !matches!(state.kind, Kind::Choice { .. }),
        inner: inner.into_iter().map(|id| Graph::of_machine(machine, id)).collect(),
    }
}

fn targets(state: &State) -> Vec<(&str, EdgeKind, String)> {
    let mut targets = Vec::new();
    if let Transition::Next(next) = &state.transition {
        targets.push((next.as_str(), EdgeKind::Next, String::new()));
    }
    let catch = match &state.kind {
        Kind::Choice { choices, default } => {
            for (number, choice) in choices.iter().enumerate() {
                targets.push((choice.next.as_str(), EdgeKind::Choice, format!("#{}", number + 1)));
            }
            targets.extend(default.as_deref().map(|next| (next, EdgeKind::Default, "default".to_owned())));
            return targets;
        }
        Kind::Task(task) => &task.catch,
        Kind::Parallel(parallel) => &parallel.catch,
        Kind::Map(map) => &map.catch,
        Kind::Pass { .. } | Kind::Wait(_) | Kind::Succeed | Kind::Fail { .. } => return targets,
    };
    targets.extend(catch.iter().map(|one| (one.next.as_str(), EdgeKind::Catch, one.error_equals.join(", "))));
    targets
}
