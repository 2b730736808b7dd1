//! What passes over the pipes between a process and its children: frames of length and body, fields of length and bytes.

use std::io::{self, Read, Write};
use std::time::Duration;

use crate::compile::{CompileError, CompileErrorKind, Compiled, Language};
use crate::invocation::{Context, FunctionError, Invocation, Level, Limits, LogLine, Request};

/// No frame is longer: a source, an event or a result with room to spare.
const MAX_FRAME: usize = 256 << 20;

/// Writes fields one after the other.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// A frame of that kind.
    pub(crate) fn new(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind])
    }

    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Sends the frame.
    pub(crate) fn send(mut self, to: &mut impl Write) -> io::Result<()> {
        let length = self.0.len() - 4;
        let length = u32::try_from(length).map_err(|_| io::Error::other("a frame over 4 GiB"))?;
        if let Some(head) = self.0.get_mut(..4) {
            head.copy_from_slice(&length.to_le_bytes());
        }
        to.write_all(&self.0)?;
        to.flush()
    }
}

/// Reads fields one after the other.
#[derive(Debug)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
    at: usize,
}

impl Reader {
    /// Waits for a frame. None where the pipe ends between frames.
    pub(crate) fn receive(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; 4];
        match from.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = usize::try_from(u32::from_le_bytes(head)).unwrap_or(usize::MAX);
        if length > MAX_FRAME {
            return Err(bad());
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes)?;
        Ok(Some(Self { bytes, at: 0 }))
    }

    fn take(&mut self, length: usize) -> io::Result<&[u8]> {
        let end = self.at.checked_add(length).ok_or_else(bad)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(bad)?;
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> io::Result<u8> {
        self.take(1)?.first().copied().ok_or_else(bad)
    }

    pub(crate) fn number(&mut self) -> io::Result<u64> {
        let bytes = self.take(8)?.try_into().map_err(|_| bad())?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn size(&mut self) -> io::Result<usize> {
        usize::try_from(self.number()?).map_err(|_| bad())
    }

    pub(crate) fn bytes(&mut self) -> io::Result<Vec<u8>> {
        let length = self.size()?;
        Ok(self.take(length)?.to_vec())
    }

    pub(crate) fn text(&mut self) -> io::Result<String> {
        String::from_utf8(self.bytes()?).map_err(|_| bad())
    }
}

fn bad() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame that is none")
}

/// A request as it travels.
#[derive(Debug)]
pub(crate) struct OwnedRequest {
    event: String,
    function_name: String,
    project_id: String,
    invocation_id: String,
    timestamp: i64,
    environment: Vec<(String, String)>,
}

impl OwnedRequest {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        Self {
            event: request.event.to_owned(),
            function_name: request.context.function_name.to_owned(),
            project_id: request.context.project_id.to_owned(),
            invocation_id: request.context.invocation_id.to_owned(),
            timestamp: request.context.timestamp,
            environment: request.environment.to_vec(),
        }
    }

    pub(crate) fn borrow(&self) -> Request<'_> {
        Request {
            event: &self.event,
            context: Context {
                function_name: &self.function_name,
                project_id: &self.project_id,
                invocation_id: &self.invocation_id,
                timestamp: self.timestamp,
            },
            environment: &self.environment,
        }
    }
}

pub(crate) fn write_request(to: &mut Writer, request: &Request<'_>, limits: &Limits) {
    to.text(request.event).text(request.context.function_name).text(request.context.project_id);
    to.text(request.context.invocation_id).number(request.context.timestamp.cast_unsigned());
    to.number(request.environment.len() as u64);
    for (name, value) in request.environment {
        to.text(name).text(value);
    }
    write_limits(to, limits);
}

pub(crate) fn write_limits(to: &mut Writer, limits: &Limits) {
    to.number(limits.memory_bytes as u64).number(limits.stack_bytes as u64);
    to.number(u64::try_from(limits.time.as_nanos()).unwrap_or(u64::MAX));
    to.number(limits.output_bytes as u64).number(limits.log_bytes as u64).number(limits.log_lines as u64);
}

pub(crate) fn read_limits(from: &mut Reader) -> io::Result<Limits> {
    Ok(Limits {
        memory_bytes: from.size()?,
        stack_bytes: from.size()?,
        time: Duration::from_nanos(from.number()?),
        output_bytes: from.size()?,
        log_bytes: from.size()?,
        log_lines: from.size()?,
    })
}

pub(crate) fn read_request(from: &mut Reader) -> io::Result<(OwnedRequest, Limits)> {
    let mut request = OwnedRequest {
        event: from.text()?,
        function_name: from.text()?,
        project_id: from.text()?,
        invocation_id: from.text()?,
        timestamp: from.number()?.cast_signed(),
        environment: Vec::new(),
    };
    for _ in 0..from.number()? {
        request.environment.push((from.text()?, from.text()?));
    }
    let limits = read_limits(from)?;
    Ok((request, limits))
}

pub(crate) fn write_invocation(to: &mut Writer, invocation: &Invocation) {
    match &invocation.result {
        Ok(result) => to.number(0).text(result),
        Err(error) => to.number(1).text(&error.name).text(&error.message).text(&error.stack),
    };
    to.number(u64::try_from(invocation.duration.as_nanos()).unwrap_or(u64::MAX));
    to.number(invocation.logs.len() as u64);
    for line in &invocation.logs {
        to.number(line.level as u64).text(&line.message).number(line.time.cast_unsigned());
    }
}

pub(crate) fn read_invocation(from: &mut Reader) -> io::Result<Invocation> {
    let result = match from.number()? {
        0 => Ok(from.text()?),
        _ => Err(FunctionError { name: from.text()?, message: from.text()?, stack: from.text()? }),
    };
    let duration = Duration::from_nanos(from.number()?);
    let mut logs = Vec::new();
    for _ in 0..from.number()? {
        let level = Level::from_number(u8::try_from(from.number()?).map_err(|_| bad())?);
        logs.push(LogLine { level, message: from.text()?, time: from.number()?.cast_signed() });
    }
    Ok(Invocation { result, duration, logs })
}

pub(crate) fn write_module(to: &mut Writer, compiled: &Compiled) {
    to.text(compiled.file_name()).bytes(compiled.bytecode());
}

pub(crate) fn read_module(from: &mut Reader) -> io::Result<Compiled> {
    Ok(Compiled::from_parts(from.text()?, from.bytes()?))
}

pub(crate) fn write_source(to: &mut Writer, file_name: &str, source: &str, language: Language) {
    to.text(file_name).text(source).number(u64::from(language == Language::TypeScript));
}

pub(crate) fn read_source(from: &mut Reader) -> io::Result<(String, String, Language)> {
    let (file_name, source) = (from.text()?, from.text()?);
    let language = if from.number()? == 1 { Language::TypeScript } else { Language::JavaScript };
    Ok((file_name, source, language))
}

const KINDS: [CompileErrorKind; 5] = [
    CompileErrorKind::Syntax,
    CompileErrorKind::CommonJs,
    CompileErrorKind::Import,
    CompileErrorKind::NoHandler,
    CompileErrorKind::TooLarge,
];

pub(crate) fn write_compiled(to: &mut Writer, compiled: &Result<Compiled, CompileError>) {
    match compiled {
        Ok(compiled) => write_module(to.number(0), compiled),
        Err(error) => {
            let kind = KINDS.iter().position(|kind| *kind == error.kind).unwrap_or_default();
            to.number(1).number(kind as u64).text(&error.file_name).text(&error.message);
            to.number(u64::from(error.line)).number(u64::from(error.column));
        }
    }
}

pub(crate) fn read_compiled(from: &mut Reader) -> io::Result<Result<Compiled, CompileError>> {
    if from.number()? == 0 {
        return Ok(Ok(read_module(from)?));
    }
    let kind = KINDS.get(from.size()?).copied().ok_or_else(bad)?;
    let (file_name, message) = (from.text()?, from.text()?);
    let line = u32::try_from(from.number()?).map_err(|_| bad())?;
    let column = u32::try_from(from.number()?).map_err(|_| bad())?;
    Ok(Err(CompileError { kind, file_name, line, column, message }))
}
