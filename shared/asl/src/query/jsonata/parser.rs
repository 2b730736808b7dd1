//! From tokens to a tree, by the binding powers of the operators (V. Pratt, "Top down operator precedence", 1973).
//! The tree is raw: [`super::process`] makes paths of it.

use regex::Regex;

use super::ast::Operator;
use super::lexer::{Lexer, Token};
use super::problem::{Fallible, fail, problem};
use super::signature::Signature;

/// How deeply a tree may be nested, so that nothing that walks it runs out of stack, also in threads with 2 MiB and builds
/// that are not optimized. Evaluation stops at as much.
const DEEPEST: usize = 100;
/// The same with operators in a row (`1 + 1 + 1`), which nest to the left.
const LONGEST: usize = 500;

#[derive(Debug)]
pub(super) struct Raw {
    pub(super) kind: RawKind,
    pub(super) keep_array: bool,
    /// How deeply it is nested, operators in a row counted once.
    depth: usize,
    /// How deeply it is nested.
    height: usize,
}

#[derive(Debug)]
pub(super) enum RawKind {
    Binary(&'static str, Box<Raw>, Box<Raw>),
    Group(Box<Raw>, Vec<(Raw, Raw)>),
    Sort(Box<Raw>, Vec<(bool, Raw)>),
    Negate(Box<Raw>),
    Array(Vec<Raw>),
    Object(Vec<(Raw, Raw)>),
    Call(Box<Raw>, Vec<Raw>),
    Partial(Box<Raw>, Vec<Option<Raw>>),
    Lambda(Vec<String>, Option<Signature>, Box<Raw>),
    Condition(Box<Raw>, Box<Raw>, Option<Box<Raw>>),
    Transform(Box<Raw>, Box<Raw>, Option<Box<Raw>>),
    Block(Vec<Raw>),
    Name(String),
    Variable(String),
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
    Wildcard,
    Descendants,
    Parent,
    Regex(Regex),
    End,
}

impl RawKind {
    /// Calls `visit` with each part.
    fn parts(&self, visit: &mut impl FnMut(&Raw)) {
        let pairs = |pairs: &[(Raw, Raw)], visit: &mut dyn FnMut(&Raw)| {
            for (key, value) in pairs {
                visit(key);
                visit(value);
            }
        };
        match self {
            Self::Binary(_, left, right) => {
                visit(left);
                visit(right);
            }
            Self::Group(left, group) => {
                visit(left);
                pairs(group, visit);
            }
            Self::Sort(left, terms) => {
                visit(left);
                terms.iter().for_each(|(_, term)| visit(term));
            }
            Self::Negate(inner) | Self::Lambda(_, _, inner) => visit(inner),
            Self::Array(items) | Self::Block(items) => items.iter().for_each(visit),
            Self::Object(group) => pairs(group, visit),
            Self::Call(procedure, arguments) => {
                visit(procedure);
                arguments.iter().for_each(visit);
            }
            Self::Partial(procedure, arguments) => {
                visit(procedure);
                arguments.iter().flatten().for_each(visit);
            }
            Self::Condition(one, two, three) | Self::Transform(one, two, three) => {
                visit(one);
                visit(two);
                three.iter().for_each(|raw| visit(raw));
            }
            Self::Name(_)
            | Self::Variable(_)
            | Self::Text(_)
            | Self::Number(_)
            | Self::Bool(_)
            | Self::Null
            | Self::Wildcard
            | Self::Descendants
            | Self::Parent
            | Self::Regex(_)
            | Self::End => {}
        }
    }

    /// An operator between two values, as one of many in a row.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Binary(operator, ..) if Operator::of(operator).is_some())
    }

    fn depth_and_height(&self) -> (usize, usize) {
        let (mut depth, mut height) = (0, 0);
        self.parts(&mut |part| {
            depth = depth.max(part.depth);
            height = height.max(part.height);
        });
        match self {
            Self::Binary(_, left, right) if self.is_plain() && left.kind.is_plain() => {
                (left.depth.max(right.depth + 1), height + 1)
            }
            _ => (depth + 1, height + 1),
        }
    }
}

fn power(operator: &str) -> u32 {
    match operator {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "^" | "!=" | "<=" | ">=" | "~>" | "in" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

pub(super) fn parse(text: &str) -> Fallible<Raw> {
    let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, depth: 0 };
    parser.advance(None, false)?;
    let tree = parser.expression(0)?;
    match &parser.token {
        Token::End => Ok(tree),
        other => Err(problem("S0201").with_token_json(other.json())),
    }
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    token: Token,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self, expected: Option<&'static str>, after_value: bool) -> Fallible<Token> {
        if let Some(expected) = expected
            && !self.token.is(expected)
        {
            return Err(match &self.token {
                Token::End => problem("S0203").with_value(quoted(expected)),
                other => problem("S0202").with_value(quoted(expected)).with_token_json(other.json()),
            });
        }
        let next = self.lexer.next(after_value)?;
        if let Token::Operator(unknown @ ("!" | "~")) = next {
            return Err(problem("S0204").with_token(unknown));
        }
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn expression(&mut self, least: u32) -> Fallible<Raw> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(too_deep());
        }
        let token = self.advance(None, true)?;
        let mut left = self.prefix(token)?;
        while let Token::Operator(operator) = self.token
            && least < power(operator)
        {
            self.advance(None, false)?;
            left = self.infix(operator, left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn node(&self, kind: RawKind) -> Fallible<Raw> {
        let (depth, height) = kind.depth_and_height();
        if depth > DEEPEST || height > LONGEST {
            return Err(too_deep());
        }
        Ok(Raw { kind, keep_array: false, depth, height })
    }

    fn boxed(&mut self, least: u32) -> Fallible<Box<Raw>> {
        self.expression(least).map(Box::new)
    }

    fn prefix(&mut self, token: Token) -> Fallible<Raw> {
        let kind = match token {
            Token::Text(text) => RawKind::Text(text),
            Token::Number(number) => RawKind::Number(number),
            Token::Bool(flag) => RawKind::Bool(flag),
            Token::Null => RawKind::Null,
            Token::Name(name) => RawKind::Name(name),
            Token::Variable(name) => RawKind::Variable(name),
            Token::Regex(regex) => RawKind::Regex(regex),
            Token::End => RawKind::End,
            Token::Operator(operator) => match operator {
                "and" | "or" | "in" => RawKind::Name(operator.to_owned()),
                "-" => RawKind::Negate(self.boxed(70)?),
                "*" => RawKind::Wildcard,
                "**" => RawKind::Descendants,
                "%" => RawKind::Parent,
                "(" => {
                    let mut expressions = Vec::new();
                    while !self.token.is(")") {
                        expressions.push(self.expression(0)?);
                        if !self.token.is(";") {
                            break;
                        }
                        self.advance(Some(";"), false)?;
                    }
                    self.advance(Some(")"), true)?;
                    RawKind::Block(expressions)
                }
                "[" => RawKind::Array(self.items()?),
                "{" => RawKind::Object(self.pairs()?),
                "|" => {
                    let pattern = self.boxed(0)?;
                    self.advance(Some("|"), false)?;
                    let update = self.boxed(0)?;
                    let mut delete = None;
                    if self.token.is(",") {
                        self.advance(Some(","), false)?;
                        delete = Some(self.boxed(0)?);
                    }
                    self.advance(Some("|"), false)?;
                    RawKind::Transform(pattern, update, delete)
                }
                other => return Err(problem("S0211").with_token(other)),
            },
        };
        self.node(kind)
    }

    fn items(&mut self) -> Fallible<Vec<Raw>> {
        let mut items = Vec::new();
        if !self.token.is("]") {
            loop {
                let mut item = self.expression(0)?;
                if self.token.is("..") {
                    self.advance(Some(".."), false)?;
                    let end = self.boxed(0)?;
                    item = self.node(RawKind::Binary("..", Box::new(item), end))?;
                }
                items.push(item);
                if !self.token.is(",") {
                    break;
                }
                self.advance(Some(","), false)?;
            }
        }
        self.advance(Some("]"), true)?;
        Ok(items)
    }

    fn pairs(&mut self) -> Fallible<Vec<(Raw, Raw)>> {
        let mut pairs = Vec::new();
        if !self.token.is("}") {
            loop {
                let key = self.expression(0)?;
                self.advance(Some(":"), false)?;
                pairs.push((key, self.expression(0)?));
                if !self.token.is(",") {
                    break;
                }
                self.advance(Some(","), false)?;
            }
        }
        self.advance(Some("}"), true)?;
        Ok(pairs)
    }

    fn infix(&mut self, operator: &'static str, left: Raw) -> Fallible<Raw> {
        let power = power(operator);
        let kind = match operator {
            "(" => return self.invocation(left),
            "[" if self.token.is("]") => {
                self.advance(Some("]"), false)?;
                return Ok(keeping(left));
            }
            "[" => {
                let filter = self.boxed(0)?;
                self.advance(Some("]"), true)?;
                RawKind::Binary("[", Box::new(left), filter)
            }
            "{" => RawKind::Group(Box::new(left), self.pairs()?),
            "^" => {
                self.advance(Some("("), false)?;
                let mut terms = Vec::new();
                loop {
                    let descending = self.token.is(">");
                    if descending || self.token.is("<") {
                        self.advance(None, false)?;
                    }
                    terms.push((descending, self.expression(0)?));
                    if !self.token.is(",") {
                        break;
                    }
                    self.advance(Some(","), false)?;
                }
                self.advance(Some(")"), false)?;
                RawKind::Sort(Box::new(left), terms)
            }
            ":=" => {
                if !matches!(left.kind, RawKind::Variable(_)) {
                    return fail("S0212");
                }
                RawKind::Binary(":=", Box::new(left), self.boxed(power - 1)?)
            }
            "@" | "#" => {
                let right = self.boxed(power)?;
                if !matches!(right.kind, RawKind::Variable(_)) {
                    return Err(problem("S0214").with_token(operator));
                }
                RawKind::Binary(operator, Box::new(left), right)
            }
            "?" => {
                let then = self.boxed(0)?;
                let mut otherwise = None;
                if self.token.is(":") {
                    self.advance(Some(":"), false)?;
                    otherwise = Some(self.boxed(0)?);
                }
                RawKind::Condition(Box::new(left), then, otherwise)
            }
            _ => RawKind::Binary(operator, Box::new(left), self.boxed(power)?),
        };
        self.node(kind)
    }

    fn invocation(&mut self, left: Raw) -> Fallible<Raw> {
        let mut arguments = Vec::new();
        if !self.token.is(")") {
            loop {
                if self.token.is("?") {
                    self.advance(Some("?"), false)?;
                    arguments.push(None);
                } else {
                    arguments.push(Some(self.expression(0)?));
                }
                if !self.token.is(",") {
                    break;
                }
                self.advance(Some(","), false)?;
            }
        }
        self.advance(Some(")"), true)?;
        if matches!(&left.kind, RawKind::Name(name) if name == "function" || name == "\u{3bb}") {
            return self.lambda(arguments);
        }
        let kind = if arguments.iter().all(Option::is_some) {
            RawKind::Call(Box::new(left), arguments.into_iter().flatten().collect())
        } else {
            RawKind::Partial(Box::new(left), arguments)
        };
        self.node(kind)
    }

    fn lambda(&mut self, arguments: Vec<Option<Raw>>) -> Fallible<Raw> {
        let mut parameters = Vec::with_capacity(arguments.len());
        for (place, argument) in arguments.into_iter().enumerate() {
            match argument.map(|raw| raw.kind) {
                Some(RawKind::Variable(name)) => parameters.push(name),
                _ => return Err(problem("S0208").with_value((place + 1).to_string())),
            }
        }
        let mut signature = None;
        if self.token.is("<") {
            let mut text = "<".to_owned();
            let mut depth = 1;
            while depth > 0 && !self.token.is("{") && !matches!(self.token, Token::End) {
                self.advance(None, false)?;
                depth += i32::from(self.token.is("<")) - i32::from(self.token.is(">"));
                text.push_str(&self.token.shown());
            }
            self.advance(Some(">"), false)?;
            signature = Some(Signature::parse(&text)?);
        }
        self.advance(Some("{"), false)?;
        let body = self.boxed(0)?;
        self.advance(Some("}"), false)?;
        self.node(RawKind::Lambda(parameters, signature, body))
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn too_deep() -> Box<super::problem::Problem> {
    problem("S0000").with_message(format!("The expression is nested more than {DEEPEST} levels deep. Split it."))
}

/// `[]` marks the innermost of the filtered values.
fn keeping(mut raw: Raw) -> Raw {
    fn mark(raw: &mut Raw) {
        match &mut raw.kind {
            RawKind::Binary("[", left, _) => mark(left),
            _ => raw.keep_array = true,
        }
    }
    mark(&mut raw);
    raw
}
