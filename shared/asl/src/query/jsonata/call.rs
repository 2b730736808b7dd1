//! Calls: applying functions, partial application, `~>`, and functions that end with a call.

use std::rc::Rc;

use super::ast::{Kind, Node};
use super::evaluate::{Evaluation, no_function};
use super::functions::{self, matcher};
use super::problem::{Fallible, Problem, problem};
use super::value::{Func, Lambda, Val, shown};

impl<'a> Evaluation<'a, '_> {
    /// Calls what `procedure` evaluates to; `first` comes before the arguments.
    #[inline(never)]
    pub(super) fn call(
        &mut self,
        procedure: &'a Node,
        arguments: &'a [Node],
        input: &Val<'a>,
        frame: usize,
        first: Option<Val<'a>>,
    ) -> Fallible<Val<'a>> {
        let function = self.evaluate(procedure, input, frame)?;
        let name = name_of(procedure);
        if function.is_undefined()
            && matches!(procedure.kind, Kind::Path { .. })
            && let Some(name) = name
            && !self.lookup(frame, name).is_undefined()
        {
            return Err(problem("T1005").with_token(name));
        }
        let mut given: Vec<Val<'a>> = first.into_iter().collect();
        for argument in arguments {
            given.push(self.evaluate(argument, input, frame)?);
        }
        self.apply(&function, given, input, frame).map_err(|problem| named(problem, name))
    }

    /// Applies a function; `input` is what stands for a missing argument that may come from the context.
    pub(super) fn apply(
        &mut self,
        function: &Val<'a>,
        arguments: Vec<Val<'a>>,
        input: &Val<'a>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        let mut result = self.apply_once(function, arguments, input, frame)?;
        // A function that ends with a call gives a thunk, which is called here and needs no stack.
        while let Some((procedure, arguments, thunk)) = thunk(&result) {
            let next = self.evaluate(procedure, &thunk.input, thunk.frame)?;
            let mut given = Vec::with_capacity(arguments.len());
            for argument in arguments {
                given.push(self.evaluate(argument, &thunk.input, thunk.frame)?);
            }
            let name = name_of(procedure);
            result = self.apply_once(&next, given, input, frame).map_err(|problem| named(problem, name))?;
        }
        Ok(result)
    }

    fn apply_once(
        &mut self,
        function: &Val<'a>,
        arguments: Vec<Val<'a>>,
        input: &Val<'a>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        self.budget.step(1)?;
        let Val::Function(function) = function else { return no_function() };
        match &**function {
            Func::Builtin(number) => functions::run(self, *number, arguments, input, frame),
            Func::Lambda(lambda) => {
                let arguments = match lambda.signature {
                    Some(signature) => signature.validate(arguments, input)?,
                    None => arguments,
                };
                let inner = self.frame(lambda.frame)?;
                let mut arguments = arguments.into_iter();
                for parameter in &lambda.parameters {
                    self.bind(inner, parameter, arguments.next().unwrap_or(Val::Undefined));
                }
                self.evaluate(lambda.body, &lambda.input, inner)
            }
            Func::Regex(regex) => {
                let text = arguments.into_iter().next().unwrap_or(Val::Undefined);
                match text.as_str() {
                    Some(text) => matcher::found(self, regex, &Rc::from(text), 0),
                    None => Ok(Val::Undefined),
                }
            }
            Func::NextMatch(regex, text, from) => matcher::next(self, regex, text, *from),
            Func::Transform { pattern, update, delete, frame } => {
                let value = arguments.into_iter().next().unwrap_or(Val::Undefined);
                self.transform(value, pattern, update, *delete, *frame)
            }
            Func::PartialBuiltin(number, known) => {
                let mut given = arguments.into_iter();
                let all = known
                    .iter()
                    .map(|known| known.clone().unwrap_or_else(|| given.next().unwrap_or(Val::Undefined)))
                    .collect();
                functions::run_unchecked(self, *number, all, input, frame)
            }
            Func::Chain(first, second) => {
                let middle = self.apply(first, arguments, &Val::Null, frame)?;
                self.apply(second, vec![middle], &Val::Null, frame)
            }
        }
    }

    /// Calls a function that was given as an argument, with as many of the arguments as it takes.
    pub(super) fn callback(
        &mut self,
        function: &Val<'a>,
        mut arguments: Vec<Val<'a>>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        arguments.truncate(arity(function).max(1));
        self.apply(function, arguments, &Val::Null, frame)
    }

    #[inline(never)]
    pub(super) fn partial(
        &mut self,
        procedure: &'a Node,
        arguments: &'a [Option<Node>],
        input: &Val<'a>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        let mut given = Vec::with_capacity(arguments.len());
        for argument in arguments {
            given.push(argument.as_ref().map(|argument| self.evaluate(argument, input, frame)).transpose()?);
        }
        let function = self.evaluate(procedure, input, frame)?;
        let name = name_of(procedure);
        if function.is_undefined()
            && matches!(procedure.kind, Kind::Path { .. })
            && let Some(name) = name
            && !self.lookup(frame, name).is_undefined()
        {
            return Err(problem("T1007").with_token(name));
        }
        let Val::Function(function) = &function else { return Err(named(problem("T1008"), name)) };
        let made = match &**function {
            Func::Builtin(number) => {
                given.resize(functions::arity(*number), Some(Val::Undefined));
                Func::PartialBuiltin(*number, given)
            }
            Func::Lambda(lambda) => {
                let inner = self.frame(lambda.frame)?;
                let mut open = Vec::new();
                let mut given = given.into_iter();
                for parameter in &lambda.parameters {
                    match given.next() {
                        Some(None) => open.push(*parameter),
                        Some(Some(value)) => self.bind(inner, parameter, value),
                        None => self.bind(inner, parameter, Val::Undefined),
                    }
                }
                Func::Lambda(Lambda { parameters: open, signature: None, frame: inner, ..lambda.clone() })
            }
            Func::PartialBuiltin(number, known) => {
                let mut given = given.into_iter();
                let merged = known.iter().map(|known| match known {
                    Some(value) => Some(value.clone()),
                    None => given.next().unwrap_or(Some(Val::Undefined)),
                });
                Func::PartialBuiltin(*number, merged.collect())
            }
            _ => return Err(named(problem("T1008"), name)),
        };
        Val::Function(Rc::new(made)).checked()
    }

    #[inline(never)]
    pub(super) fn apply_operator(
        &mut self,
        left: &'a Node,
        right: &'a Node,
        input: &Val<'a>,
        frame: usize,
    ) -> Fallible<Val<'a>> {
        let first = self.evaluate(left, input, frame)?;
        if let (Kind::Call { procedure, arguments }, true) = (&right.kind, right.predicate.is_empty()) {
            return self.call(procedure, arguments, input, frame, Some(first));
        }
        let function = self.evaluate(right, input, frame)?;
        if !function.is_function() {
            return Err(problem("T2006").with_value(shown(&function)));
        }
        if first.is_function() {
            return Val::Function(Rc::new(Func::Chain(first, function))).checked();
        }
        self.apply(&function, vec![first], &Val::Null, frame)
    }
}

/// The call that a thunk stands for.
fn thunk<'a>(value: &Val<'a>) -> Option<(&'a Node, &'a [Node], Lambda<'a>)> {
    let Val::Function(function) = value else { return None };
    match &**function {
        Func::Lambda(lambda) if lambda.thunk => match &lambda.body.kind {
            Kind::Call { procedure, arguments } => Some((procedure, arguments, lambda.clone())),
            _ => None,
        },
        _ => None,
    }
}

/// How many arguments a function takes.
pub(super) fn arity(function: &Val<'_>) -> usize {
    let Val::Function(function) = function else { return 0 };
    match &**function {
        Func::Builtin(number) => functions::arity(*number),
        Func::Lambda(lambda) => lambda.parameters.len(),
        Func::Regex(_) => 2,
        Func::NextMatch(..) => 0,
        Func::Transform { .. } | Func::Chain(..) => 1,
        Func::PartialBuiltin(_, arguments) => arguments.iter().filter(|argument| argument.is_none()).count(),
    }
}

fn name_of(procedure: &Node) -> Option<&str> {
    match &procedure.kind {
        Kind::Path { steps, .. } => match &steps.first()?.kind {
            Kind::Name(name) => Some(name),
            Kind::Variable(name) => Some(name),
            _ => None,
        },
        Kind::Variable(name) | Kind::Text(name) => Some(name),
        _ => None,
    }
}

fn named(problem: Box<Problem>, name: Option<&str>) -> Box<Problem> {
    match name {
        Some(name) if problem.token.is_none() => problem.with_token(name),
        _ => problem,
    }
}
