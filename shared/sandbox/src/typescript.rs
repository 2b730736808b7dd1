//! TypeScript to JavaScript: types become blanks, so that every line and column stays where it was.
//!
//! Only syntax that can be erased is taken, as in Node's `--experimental-strip-types`: enums, namespaces with code and
//! parameter properties are refused.

use std::sync::{Arc, Mutex, PoisonError};

use swc_common::errors::{DiagnosticBuilder, Emitter, Handler};
use swc_common::sync::Lrc;
use swc_common::{BytePos, SourceMap};
use swc_ts_fast_strip::{Mode, Options, operate};

/// What is wrong, with line and column (from 1).
#[derive(Debug)]
pub(crate) struct StripError {
    pub(crate) message: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

type Found = Arc<Mutex<Option<(String, Option<BytePos>)>>>;

/// Keeps the first problem.
struct First(Found);

impl Emitter for First {
    fn emit(&mut self, diagnostic: &mut DiagnosticBuilder<'_>) {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_none() {
            *found = Some((diagnostic.message(), diagnostic.span.primary_span().map(|span| span.lo)));
        }
    }
}

/// The source without its types, of the same length and with the same lines.
pub(crate) fn strip(source: &str) -> Result<String, StripError> {
    let map: Lrc<SourceMap> = Lrc::default();
    let found = Found::default();
    let handler = Handler::with_emitter(false, false, Box::new(First(Arc::clone(&found))));
    let options = Options { module: Some(true), mode: Mode::StripOnly, ..Options::default() };
    let error = match operate(&map, &handler, source.to_owned(), options) {
        Ok(output) => return Ok(output.code),
        Err(error) => error,
    };
    let first = found.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (message, position) = first.unwrap_or((error.message, None));
    let (line, column) = position.map_or((1, 1), |position| {
        let place = map.lookup_char_pos(position);
        (u32::try_from(place.line).unwrap_or(u32::MAX), u32::try_from(place.col.0 + 1).unwrap_or(u32::MAX))
    });
    Err(StripError { message, line, column })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_blanks() {
        let source = "interface A { x: number }\nexport const f = (a: A): number => a.x as number;\n";
        let code = strip(source).unwrap();
        assert_eq!(code.lines().count(), source.lines().count());
        let second = code.lines().nth(1).unwrap();
        assert_eq!(second.find("a.x"), source.lines().nth(1).unwrap().find("a.x"));
        assert!(!code.contains("number"), "{code}");
    }

    #[test]
    fn what_cannot_be_erased_is_refused() {
        let error = strip("\n  enum A { B }\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 3), "{error:?}");
        assert!(error.message.contains("enum"), "{error:?}");
    }

    #[test]
    fn a_syntax_error_has_its_place() {
        let error = strip("const a: = 1;").unwrap_err();
        assert_eq!(error.line, 1);
        assert!(error.column > 5, "{error:?}");
    }
}
