//! From source to bytecode, with every check that can be made without running the code.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use rquickjs_core::context::intrinsic;
use rquickjs_core::loader::{ImportAttributes, Loader, Resolver};
use rquickjs_core::module::{Declared, WriteOptions};
use rquickjs_core::{Context, Ctx, Error, Exception, Module, Runtime};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::typescript;

/// The language of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// An ES module.
    JavaScript,
    /// An ES module with types that can be erased.
    TypeScript,
}

impl Language {
    /// By the file name's extension: `.ts` and `.mts` are TypeScript, everything else is JavaScript.
    pub fn of(file_name: &str) -> Self {
        let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if matches!(extension, "ts" | "mts") { Self::TypeScript } else { Self::JavaScript }
    }
}

/// What is wrong with a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileErrorKind {
    /// It is no module of the language.
    Syntax,
    /// It is CommonJS.
    CommonJs,
    /// It imports something.
    Import,
    /// It doesn't export `handler`.
    NoHandler,
    /// It is longer than a source may be, or too deeply nested.
    TooLarge,
}

/// Why a source cannot be compiled. Displays as `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file_name}:{line}:{column}: {message}")]
pub struct CompileError {
    /// What kind of mistake it is.
    pub kind: CompileErrorKind,
    /// The file's name as it was given.
    pub file_name: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A compiled module. Cheap to clone. Only this crate makes it, from a source, so its bytecode is what the engine of this
/// program wrote.
#[derive(Debug, Clone)]
pub struct Compiled(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file_name: String,
    bytecode: Vec<u8>,
    digest: [u8; 32],
}

impl Compiled {
    /// SHA-256 of the bytecode.
    pub fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }

    /// The name that stacks show.
    pub fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// The length of the bytecode: about what a cached module takes.
    pub fn size(&self) -> usize {
        self.0.bytecode.len()
    }

    /// What the engine reads.
    pub(crate) fn bytecode(&self) -> &[u8] {
        &self.0.bytecode
    }

    /// Bytecode that came over a pipe from the process of this program that compiled it, or that is to run it.
    pub(crate) fn from_parts(file_name: String, bytecode: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytecode).into();
        Self(Arc::new(Inner { file_name, bytecode, digest }))
    }
}

/// The longest source, in bytes.
pub(crate) const MAX_SOURCE: usize = 5 << 20;
/// Of the engine's heap while it compiles.
const MEMORY: usize = 512 << 20;
/// Parsers descend: the thread's stack, the engine's share of it, and how deep brackets may nest for the other parser.
pub(crate) const THREAD_STACK: usize = 64 << 20;
const ENGINE_STACK: usize = 8 << 20;
const MAX_NESTING: usize = 1_000;

/// Checks a source and compiles it. Strips the types first if it is TypeScript. Nothing of the code is run.
///
/// # Errors
///
/// The first mistake, with its line and column: a syntax error, an `import`, CommonJS, no export `handler`.
///
/// # Aborts
///
/// A TypeScript source that was made for it (a hundred thousand operators in each other) overflows the stack of its parser,
/// and that ends the process. Sources of others go through [`Pool::compile`](crate::Pool::compile) of a pool of processes.
pub fn compile(file_name: &str, source: &str, language: Language) -> Result<Compiled, CompileError> {
    let fail = |kind, line, column, message: String| CompileError {
        kind,
        file_name: file_name.to_owned(),
        line,
        column,
        message,
    };
    if source.len() > MAX_SOURCE {
        let message = format!("the source has {} bytes; at most {MAX_SOURCE} are taken", source.len());
        return Err(fail(CompileErrorKind::TooLarge, 1, 1, message));
    }
    if let Some(position) = file_name.find('\0').or_else(|| source.find('\0')) {
        let (line, column) = place(source, position);
        return Err(fail(CompileErrorKind::Syntax, line, column, "a NUL character; remove it".into()));
    }
    let work = || {
        if language == Language::JavaScript {
            return compile_javascript(file_name, source);
        }
        if let Some(position) = too_deep(source) {
            let (line, column) = place(source, position);
            let message = format!("more than {MAX_NESTING} brackets are open here");
            return Err(fail(CompileErrorKind::TooLarge, line, column, message));
        }
        let code = typescript::strip(source)
            .map_err(|error| fail(CompileErrorKind::Syntax, error.line, error.column, error.message))?;
        compile_javascript(file_name, &code)
    };
    let lost = || fail(CompileErrorKind::TooLarge, 1, 1, "the compiler could not take this source".into());
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("compile".into()).stack_size(THREAD_STACK);
        let thread = thread.spawn_scoped(scope, work).map_err(|_| lost())?;
        thread.join().unwrap_or_else(|_| Err(lost()))
    })
}

/// Where more brackets are open than the TypeScript parser should see. Brackets in strings and comments count too.
pub(crate) fn too_deep(source: &str) -> Option<usize> {
    let mut open = 0_usize;
    source.bytes().position(|byte| {
        match byte {
            b'(' | b'[' | b'{' | b'<' => open += 1,
            b')' | b']' | b'}' | b'>' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_NESTING
    })
}

/// Line and column, from 1, of a place in the source.
fn place(source: &str, position: usize) -> (u32, u32) {
    let before = source.get(..position.min(source.len())).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The name under which the probe imports the user's module, and one that no module exports.
const PROBED: &str = "millrace:probed";
const NOTHING: &str = "__millrace_nothing";

/// Answers for imports: refuses all but the probe's, and remembers the first specifier that it refused.
#[derive(Clone)]
struct Imports {
    module: Rc<str>,
    refused: Rc<RefCell<Option<String>>>,
}

impl Resolver for Imports {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs_core::Result<String> {
        if base == PROBED {
            return Ok(self.module.to_string());
        }
        self.refused.borrow_mut().get_or_insert_with(|| name.to_owned());
        Err(Error::new_resolving(base, name))
    }
}

impl Loader for Imports {
    fn load<'js>(
        &mut self,
        _: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> rquickjs_core::Result<Module<'js, Declared>> {
        Err(Error::new_loading(name))
    }
}

fn compile_javascript(file_name: &str, source: &str) -> Result<Compiled, CompileError> {
    let imports = Imports { module: file_name.into(), refused: Rc::default() };
    let outcome = with_compiler(&imports, |ctx| {
        let module = Module::declare(ctx.clone(), file_name, source).map_err(|_| caught(ctx))?;
        let options = WriteOptions { strip_source: true, ..WriteOptions::default() };
        let bytecode = module.write(options).map_err(|_| caught(ctx))?;
        Ok((bytecode, has_handler(ctx)))
    });
    let fail =
        |kind, (line, column), message| CompileError { kind, file_name: file_name.to_owned(), line, column, message };
    let (bytecode, handler) = match outcome {
        Ok(compiled) => compiled,
        Err((message, at)) => {
            if let Some(name) = imports.refused.take() {
                let position = source.find(&format!("\"{name}\"")).or_else(|| source.find(&format!("'{name}'")));
                let mut text = format!("import of \"{name}\": a function is one file and cannot import anything");
                let _ = write!(text, "; bundle what it needs into the file, as an ES module");
                return Err(fail(CompileErrorKind::Import, place(source, position.unwrap_or(0)), text));
            }
            let kind = match message.as_str() {
                "out of memory" | "Maximum call stack size exceeded" => CompileErrorKind::TooLarge,
                _ => CompileErrorKind::Syntax,
            };
            return Err(fail(kind, at, message));
        }
    };
    if handler {
        return Ok(Compiled::from_parts(file_name.to_owned(), bytecode));
    }
    if let Some(position) = common_js(source) {
        let message = "this is CommonJS; write (or have your bundler write) an ES module: \
                       `export async function handler(event, context) { … }`, esbuild --format=esm";
        return Err(fail(CompileErrorKind::CommonJs, place(source, position), message.into()));
    }
    let message = "nothing named `handler` is exported; add `export async function handler(event, context) { … }`";
    Err(fail(CompileErrorKind::NoHandler, (1, 1), message.into()))
}

/// The module system of CommonJS at work, in a source that has no export `handler`.
fn common_js(source: &str) -> Option<usize> {
    ["module.exports", "exports.handler", "exports[", "exports.", "require("].iter().find_map(|mark| source.find(mark))
}

type Failure = (String, (u32, u32));

/// Runs `work` with a context that can compile and nothing else.
fn with_compiler<T>(imports: &Imports, work: impl FnOnce(&Ctx<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
    let broken = |error: Error| (error.to_string(), (1, 1));
    let runtime = Runtime::new().map_err(broken)?;
    runtime.set_memory_limit(MEMORY);
    runtime.set_max_stack_size(ENGINE_STACK);
    runtime.set_loader(imports.clone(), imports.clone());
    // The engine assumes promises where it links modules.
    let context = Context::custom::<(intrinsic::Eval, intrinsic::RegExpCompiler, intrinsic::Promise)>(&runtime);
    let context = context.map_err(broken)?;
    context.with(|ctx| work(&ctx))
}

/// Whether the declared module exports `handler`, by linking a module that imports it and, so that linking fails and
/// nothing runs, a name that cannot be there.
fn has_handler(ctx: &Ctx<'_>) -> bool {
    let probe = format!("import {{ handler }} from 'm'; import {{ {NOTHING} }} from 'm'; handler, {NOTHING};");
    let linked = Module::declare(ctx.clone(), PROBED, probe).and_then(Module::eval);
    if linked.is_ok() {
        return true;
    }
    caught(ctx).0.contains(NOTHING)
}

/// The pending exception's message, line and column.
fn caught(ctx: &Ctx<'_>) -> Failure {
    let value = ctx.catch();
    let Some(exception) = value.into_object().and_then(Exception::from_object) else {
        return ("the source cannot be compiled".into(), (1, 1));
    };
    let message = exception.message().unwrap_or_default();
    let stack = exception.stack().unwrap_or_default();
    // The first line of the stack ends with `:line:column`.
    let first = stack.lines().next().unwrap_or_default().trim_end_matches(')');
    let mut numbers = first.rsplit(':').map_while(|number| number.parse().ok());
    let column = numbers.next().unwrap_or(1);
    (message, (numbers.next().unwrap_or(1), column))
}

/// Compiles a module of this crate that is no user's.
pub(crate) fn compile_own(file_name: &str, source: &str) -> Result<Vec<u8>, String> {
    let imports = Imports { module: file_name.into(), refused: Rc::default() };
    let compiled = with_compiler(&imports, |ctx| {
        let module = Module::declare(ctx.clone(), file_name, source).map_err(|_| caught(ctx))?;
        let options = WriteOptions { strip_source: true, strip_debug: true, ..WriteOptions::default() };
        module.write(options).map_err(|_| caught(ctx))
    });
    compiled.map_err(|(message, (line, column))| format!("{file_name}:{line}:{column}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(source: &str) -> CompileError {
        compile("a.js", source, Language::JavaScript).unwrap_err()
    }

    #[test]
    fn a_handler_in_any_form_of_export() {
        for source in [
            "export async function handler() {}",
            "export const handler = () => 1;",
            "const f = () => 1; export { f as handler };",
            "throw new Error('not run'); export function handler() {}",
        ] {
            compile("a.js", source, Language::JavaScript).unwrap();
        }
        compile("a.ts", "export const handler = async (e: { a: string }) => e.a;", Language::TypeScript).unwrap();
    }

    #[test]
    fn mistakes_have_kind_and_place() {
        let syntax = error("export function handler() {\n  let a = ;\n}");
        assert_eq!((syntax.kind, syntax.line), (CompileErrorKind::Syntax, 2), "{syntax}");
        let import = error("\nimport fs from 'node:fs';\nexport function handler() {}");
        assert_eq!((import.kind, import.line), (CompileErrorKind::Import, 2), "{import}");
        assert!(import.message.contains("node:fs"), "{import}");
        let again = error("export * from \"./other.js\";\nexport function handler() {}");
        assert_eq!(again.kind, CompileErrorKind::Import, "{again}");
        let common = error("module.exports.handler = async () => 1;");
        assert_eq!(common.kind, CompileErrorKind::CommonJs, "{common}");
        let common = error("const fs = require('fs'); exports.handler = async () => 1;");
        assert_eq!(common.kind, CompileErrorKind::CommonJs, "{common}");
        let none = error("export default function () {}");
        assert_eq!(none.kind, CompileErrorKind::NoHandler, "{none}");
        assert_eq!(error("export function handler() { with (a) {} }").kind, CompileErrorKind::Syntax);
        assert_eq!(error("a\0").kind, CompileErrorKind::Syntax);
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("export const handler = {}1{}", "(".repeat(200_000), ")".repeat(200_000));
        assert_eq!(error(&deep).kind, CompileErrorKind::TooLarge, "javascript");
        let kind = |source: &str| compile("a.ts", source, Language::TypeScript).unwrap_err().kind;
        assert_eq!(kind(&deep), CompileErrorKind::TooLarge);
        assert_eq!(error(&" ".repeat(MAX_SOURCE + 1)).kind, CompileErrorKind::TooLarge);
    }

    #[test]
    fn the_same_source_has_the_same_digest() {
        let one = compile("a.js", "export const handler = () => 1", Language::JavaScript).unwrap();
        let two = compile("a.js", "export const handler = () => 1", Language::JavaScript).unwrap();
        assert_eq!(one.digest(), two.digest());
    }
}
