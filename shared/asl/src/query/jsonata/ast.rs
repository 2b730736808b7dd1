//! What an expression is, once it has been parsed.

use regex::Regex;

use super::signature::Signature;

/// A part of an expression.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Filters on the value, outside of paths.
    pub(super) predicate: Vec<Node>,
    /// Filters and positions on a step of a path.
    pub(super) stages: Vec<Stage>,
    /// Pairs of a grouping.
    pub(super) group: Option<Vec<(Node, Node)>>,
    /// `[]`: a sequence of one stays an array.
    pub(super) keep_array: bool,
    /// Is a stream of bindings carried on from here?
    pub(super) tuple: bool,
    /// Is this array, or what the block ends with, kept whole in a path?
    pub(super) cons: bool,
    /// `@$name`
    pub(super) focus: Option<String>,
    /// `#$name`
    pub(super) index: Option<String>,
    /// The slot of a `%` that means what this step is applied to.
    pub(super) ancestor: Option<usize>,
}

#[derive(Debug)]
pub(super) enum Stage {
    Filter(Node),
    Index(String),
}

#[derive(Debug)]
pub(super) enum Kind {
    Path {
        steps: Vec<Node>,
        keep_singleton: bool,
    },
    Binary {
        operator: Operator,
        left: Box<Node>,
        right: Box<Node>,
    },
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Name(String),
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
    Wildcard,
    Descendants,
    /// `%`, with its slot.
    Parent(usize),
    Condition {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    Block(Vec<Node>),
    Bind {
        name: String,
        value: Box<Node>,
    },
    Regex(Regex),
    Call {
        procedure: Box<Node>,
        arguments: Vec<Node>,
    },
    /// `None` is `?`.
    Partial {
        procedure: Box<Node>,
        arguments: Vec<Option<Node>>,
    },
    Variable(String),
    Lambda {
        parameters: Vec<String>,
        signature: Option<Signature>,
        body: Box<Node>,
        thunk: bool,
    },
    Apply {
        left: Box<Node>,
        right: Box<Node>,
    },
    Transform {
        pattern: Box<Node>,
        update: Box<Node>,
        delete: Option<Box<Node>>,
    },
    Sort(Vec<Term>),
}

/// One of the terms of an order-by.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) descending: bool,
    pub(super) expression: Node,
}

/// A binary operator that works on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concat,
    Range,
    In,
    And,
    Or,
}

impl Operator {
    pub(super) fn of(text: &str) -> Option<Self> {
        Some(match text {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "&" => Self::Concat,
            ".." => Self::Range,
            "in" => Self::In,
            "and" => Self::And,
            "or" => Self::Or,
            _ => return None,
        })
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Concat => "&",
            Self::Range => "..",
            Self::In => "in",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

impl Node {
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            predicate: Vec::new(),
            stages: Vec::new(),
            group: None,
            keep_array: false,
            tuple: false,
            cons: false,
            focus: None,
            index: None,
            ancestor: None,
        }
    }

    /// Calls `visit` with this node and everything below, outermost first.
    pub(super) fn walk<'n>(&'n self, visit: &mut impl FnMut(&'n Self)) {
        visit(self);
        self.predicate.iter().for_each(|node| node.walk(visit));
        for stage in &self.stages {
            if let Stage::Filter(node) = stage {
                node.walk(visit);
            }
        }
        for (key, value) in self.group.iter().flatten() {
            key.walk(visit);
            value.walk(visit);
        }
        match &self.kind {
            Kind::Path { steps, .. } => steps.iter().for_each(|node| node.walk(visit)),
            Kind::Array(nodes) | Kind::Block(nodes) => nodes.iter().for_each(|node| node.walk(visit)),
            Kind::Binary { left, right, .. } | Kind::Apply { left, right } => {
                left.walk(visit);
                right.walk(visit);
            }
            Kind::Negate(node) => node.walk(visit),
            Kind::Object(pairs) => pairs.iter().for_each(|(key, value)| {
                key.walk(visit);
                value.walk(visit);
            }),
            Kind::Condition { condition, then, otherwise } => {
                condition.walk(visit);
                then.walk(visit);
                otherwise.iter().for_each(|node| node.walk(visit));
            }
            Kind::Bind { value, .. } => value.walk(visit),
            Kind::Call { procedure, arguments } => {
                procedure.walk(visit);
                arguments.iter().for_each(|node| node.walk(visit));
            }
            Kind::Partial { procedure, arguments } => {
                procedure.walk(visit);
                arguments.iter().flatten().for_each(|node| node.walk(visit));
            }
            Kind::Lambda { body, .. } => body.walk(visit),
            Kind::Transform { pattern, update, delete } => {
                pattern.walk(visit);
                update.walk(visit);
                delete.iter().for_each(|node| node.walk(visit));
            }
            Kind::Sort(terms) => terms.iter().for_each(|term| term.expression.walk(visit)),
            Kind::Name(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Bool(_)
            | Kind::Null
            | Kind::Wildcard
            | Kind::Descendants
            | Kind::Parent(_)
            | Kind::Regex(_)
            | Kind::Variable(_) => {}
        }
    }
}
