//! Python as CPython's compiler understands it, by `ruff_python_parser`: the grammar, and the errors that the compiler finds
//! after it (`return` outside of a function, a parameter twice, `await` where nothing is asynchronous).

use std::cell::RefCell;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, Expr, Parameters, PySourceType, PythonVersion, Stmt};
use ruff_python_parser::semantic_errors::{
    LazyImportContext, SemanticSyntaxChecker, SemanticSyntaxContext, SemanticSyntaxError,
};
use ruff_python_parser::{ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextRange};

use super::{Problem, guard};

/// The errors in a text; None when the parser could not tell.
pub(crate) fn check(path: &str, text: &str) -> Option<Vec<Problem>> {
    let source_type = if path.ends_with(".pyi") { PySourceType::Stub } else { PySourceType::Python };
    guard::run(move || {
        let version = PythonVersion::latest();
        let parsed = parse_unchecked(text, ParseOptions::from(source_type).with_target_version(version));
        let mut problems: Vec<Problem> = parsed
            .errors()
            .iter()
            .map(|error| Problem { byte: error.location.start().to_usize(), message: error.error.to_string() })
            .collect();
        problems.extend(
            parsed
                .unsupported_syntax_errors()
                .iter()
                .map(|error| Problem { byte: error.range.start().to_usize(), message: error.to_string() }),
        );
        if problems.is_empty()
            && let Some(module) = parsed.syntax().as_module()
        {
            let mut checker = Compiler {
                checker: SemanticSyntaxChecker::new(),
                text,
                version,
                is_stub: source_type == PySourceType::Stub,
                scopes: vec![Scope::new(Kind::Module)],
                found: RefCell::default(),
            };
            checker.declare(&module.body);
            checker.visit_body(&module.body);
            problems.extend(
                checker
                    .found
                    .into_inner()
                    .into_iter()
                    .map(|error| Problem { byte: error.range.start().to_usize(), message: error.to_string() }),
            );
        }
        problems
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Module,
    Class,
    Function { is_async: bool },
    Lambda,
    Generator,
    Comprehension { is_async: bool },
}

/// A scope around the node that is looked at.
struct Scope {
    kind: Kind,
    /// Loops around it within the scope.
    loops: usize,
    parameters: Vec<String>,
    /// Names declared `global`, with the place.
    globals: Vec<(String, TextRange)>,
}

impl Scope {
    const fn new(kind: Kind) -> Self {
        Self { kind, loops: 0, parameters: Vec::new(), globals: Vec::new() }
    }
}

/// Walks a module and asks the checker at each statement and expression.
struct Compiler<'a> {
    checker: SemanticSyntaxChecker,
    text: &'a str,
    version: PythonVersion,
    is_stub: bool,
    scopes: Vec<Scope>,
    found: RefCell<Vec<SemanticSyntaxError>>,
}

/// Collects the `global` statements of one scope.
#[derive(Default)]
struct Globals {
    names: Vec<(String, TextRange)>,
}

impl Visitor<'_> for Globals {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Global(global) => {
                self.names.extend(global.names.iter().map(|name| (name.as_str().to_owned(), global.range())));
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, _: &Expr) {}
}

impl Compiler<'_> {
    fn declare(&mut self, body: &[Stmt]) {
        let mut globals = Globals::default();
        globals.visit_body(body);
        if let Some(scope) = self.scopes.last_mut() {
            scope.globals = globals.names;
        }
    }

    fn within(&mut self, scope: Scope, visit: impl FnOnce(&mut Self)) {
        self.scopes.push(scope);
        visit(self);
        self.scopes.pop();
    }

    fn in_loop(&mut self, visit: impl FnOnce(&mut Self)) {
        self.count_loop(1);
        visit(self);
        self.count_loop(-1);
    }

    fn count_loop(&mut self, by: isize) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.loops = scope.loops.saturating_add_signed(by);
        }
    }

    fn comprehension(&mut self, generators: &[Comprehension], kind: Kind, visit: impl FnOnce(&mut Self)) {
        // The first iterable belongs to the scope around the comprehension.
        if let Some(first) = generators.first() {
            self.visit_expr(&first.iter);
        }
        self.within(Scope::new(kind), |it| {
            for (index, generator) in generators.iter().enumerate() {
                if index > 0 {
                    it.visit_expr(&generator.iter);
                }
                it.visit_expr(&generator.target);
                for condition in &generator.ifs {
                    it.visit_expr(condition);
                }
            }
            visit(it);
        });
    }
}

fn names_of(parameters: &Parameters) -> Vec<String> {
    parameters.iter().map(|parameter| parameter.name().as_str().to_owned()).collect()
}

impl Visitor<'_> for Compiler<'_> {
    fn visit_stmt(&mut self, stmt: &Stmt) {
        let mut checker = std::mem::take(&mut self.checker);
        checker.visit_stmt(stmt, self);
        self.checker = checker;
        match stmt {
            Stmt::FunctionDef(function) => {
                for decorator in &function.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(parameters) = &function.type_params {
                    self.visit_type_params(parameters);
                }
                self.visit_parameters(&function.parameters);
                if let Some(returns) = &function.returns {
                    self.visit_annotation(returns);
                }
                let mut scope = Scope::new(Kind::Function { is_async: function.is_async });
                scope.parameters = names_of(&function.parameters);
                self.within(scope, |it| {
                    it.declare(&function.body);
                    it.visit_body(&function.body);
                });
            }
            Stmt::ClassDef(class) => {
                for decorator in &class.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(parameters) = &class.type_params {
                    self.visit_type_params(parameters);
                }
                if let Some(arguments) = &class.arguments {
                    self.visit_arguments(arguments);
                }
                self.within(Scope::new(Kind::Class), |it| {
                    it.declare(&class.body);
                    it.visit_body(&class.body);
                });
            }
            Stmt::For(node) => {
                self.visit_expr(&node.iter);
                self.visit_expr(&node.target);
                self.in_loop(|it| it.visit_body(&node.body));
                self.visit_body(&node.orelse);
            }
            Stmt::While(node) => {
                self.visit_expr(&node.test);
                self.in_loop(|it| it.visit_body(&node.body));
                self.visit_body(&node.orelse);
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &Expr) {
        let mut checker = std::mem::take(&mut self.checker);
        checker.visit_expr(expr, self);
        self.checker = checker;
        let is_async = |generators: &[Comprehension]| generators.iter().any(|generator| generator.is_async);
        match expr {
            Expr::Lambda(lambda) => {
                let mut scope = Scope::new(Kind::Lambda);
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                    scope.parameters = names_of(parameters);
                }
                self.within(scope, |it| it.visit_expr(&lambda.body));
            }
            Expr::ListComp(it) => {
                let kind = Kind::Comprehension { is_async: is_async(&it.generators) };
                self.comprehension(&it.generators, kind, |compiler| compiler.visit_expr(&it.elt));
            }
            Expr::SetComp(it) => {
                let kind = Kind::Comprehension { is_async: is_async(&it.generators) };
                self.comprehension(&it.generators, kind, |compiler| compiler.visit_expr(&it.elt));
            }
            Expr::Generator(it) => {
                self.comprehension(&it.generators, Kind::Generator, |compiler| compiler.visit_expr(&it.elt));
            }
            Expr::DictComp(it) => {
                let kind = Kind::Comprehension { is_async: is_async(&it.generators) };
                self.comprehension(&it.generators, kind, |compiler| {
                    visitor::walk_expr(&mut KeyAndValue(compiler), expr);
                });
            }
            _ => visitor::walk_expr(self, expr),
        }
    }
}

/// Visits what a comprehension makes, without its generators.
struct KeyAndValue<'a, 'b>(&'a mut Compiler<'b>);

impl Visitor<'_> for KeyAndValue<'_, '_> {
    fn visit_comprehension(&mut self, _: &Comprehension) {}

    fn visit_expr(&mut self, expr: &Expr) {
        self.0.visit_expr(expr);
    }
}

impl SemanticSyntaxContext for Compiler<'_> {
    fn future_annotations_or_stub(&self) -> bool {
        self.is_stub
    }

    fn lazy_import_context(&self) -> Option<LazyImportContext> {
        None
    }

    fn python_version(&self) -> PythonVersion {
        self.version
    }

    fn source(&self) -> &str {
        self.text
    }

    fn global(&self, name: &str) -> Option<TextRange> {
        let scope = self.scopes.last()?;
        scope.globals.iter().find(|(other, _)| other == name).map(|(_, range)| *range)
    }

    /// Names are not resolved here, so every name is taken for bound.
    fn has_nonlocal_binding(&self, _: &str) -> bool {
        true
    }

    fn in_async_context(&self) -> bool {
        for scope in self.scopes.iter().rev() {
            match scope.kind {
                Kind::Class | Kind::Lambda | Kind::Module => return false,
                Kind::Function { is_async } => return is_async,
                Kind::Generator | Kind::Comprehension { .. } => {}
            }
        }
        false
    }

    fn in_await_allowed_context(&self) -> bool {
        for scope in self.scopes.iter().rev() {
            match scope.kind {
                Kind::Class | Kind::Module => return false,
                Kind::Function { .. } | Kind::Lambda => return true,
                Kind::Generator | Kind::Comprehension { .. } => {}
            }
        }
        false
    }

    fn in_yield_allowed_context(&self) -> bool {
        matches!(self.scopes.last().map(|scope| scope.kind), Some(Kind::Function { .. } | Kind::Lambda))
    }

    fn in_sync_comprehension(&self) -> bool {
        self.scopes.iter().any(|scope| scope.kind == Kind::Comprehension { is_async: false })
    }

    fn in_class_body_comprehension(&self) -> bool {
        for scope in self.scopes.iter().rev() {
            match scope.kind {
                Kind::Class => return true,
                Kind::Generator | Kind::Comprehension { .. } => {}
                Kind::Module | Kind::Function { .. } | Kind::Lambda => return false,
            }
        }
        false
    }

    fn in_module_scope(&self) -> bool {
        self.scopes.len() == 1
    }

    fn in_function_scope(&self) -> bool {
        self.in_yield_allowed_context()
    }

    fn in_generator_context(&self) -> bool {
        self.scopes.iter().any(|scope| scope.kind == Kind::Generator)
    }

    fn in_notebook(&self) -> bool {
        false
    }

    fn report_semantic_error(&self, error: SemanticSyntaxError) {
        self.found.borrow_mut().push(error);
    }

    fn in_loop_context(&self) -> bool {
        self.scopes.last().is_some_and(|scope| scope.loops > 0)
    }

    fn is_bound_parameter(&self, name: &str) -> bool {
        self.scopes.last().is_some_and(|scope| scope.parameters.iter().any(|other| other == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        let problems = check("a.py", text).unwrap();
        problems.into_iter().map(|it| (text[..it.byte].matches('\n').count() + 1, it.message)).collect()
    }

    #[test]
    fn errors_of_the_parser_and_of_the_compiler() {
        for (text, line) in [
            ("x = 1\nreturn x\n", 2),
            ("def f():\n    pass\nbreak\n", 3),
            ("for x in y:\n    pass\nelse:\n    continue\n", 4),
            ("def f(a,\n      a):\n    pass\n", 2),
            ("class A:\n    yield 1\n", 2),
            ("def f():\n    await g()\n", 2),
            ("def f():\n    x = 1\n    global x\n", 2),
            ("f(a=1,\n  a=2)\n", 2),
            ("def f(x):\n    global x\n", 2),
            ("None = 1\n", 1),
            ("f() = 1\n", 1),
            ("if x:\n\ty = 1\n        z = 2\n", 3),
            ("x = 1\nfrom __future__ import annotations\n", 2),
            ("print 'x'\n", 1),
            ("exec 'x'\n", 1),
            ("def f():\n\nx = 1\n", 3),
            ("x = '''\n", 1),
            ("match x:\n    case _:\n        pass\n    case 1:\n        pass\n", 2),
            ("async def f():\n    return [x async for x in y for z in [await q for w in v]]\nlambda: await x\n", 3),
        ] {
            let found = found(text);
            assert!(found.iter().any(|(at, _)| *at == line), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn what_is_right_has_none() {
        for text in [
            "def f():\n    for x in y:\n        if x:\n            continue\n        break\n    else:\n        return 1\n    yield x\n",
            "async def f():\n    async with a as b, c:\n        return [await x async for x in b if await x]\n",
            "def f():\n    global x\n    x = 1\n    g = lambda a, *b, **c: (yield a)\n",
            "class A[T: int](B, metaclass=C):\n    x: int = [y for y in range(3)]\n    def f(self): return super().f()\n",
            "type X[T] = list[T]\nmatch x:\n    case {'a': [1, *rest], **more} if rest:\n        pass\n    case A(b=1) | None:\n        pass\n",
            "x = f'{a!r:>{width}} {b[\"c\"]}'\ny = {**a, 'b': 1}\nz = {k: v for k, v in a if v}\n",
            "try:\n    pass\nexcept (A, B) as e:\n    raise X from e\nexcept* C:\n    pass\n"
                .replace("except* C:\n    pass\n", "")
                .as_str(),
            "if (n := 10) > 5:\n    print(n, end='')\nwhile True:\n    break\n",
            "async def f():\n    return [x for x in await g()]\n",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }
}
