//! Finds records in the files.
//!
//! A file is read whole, and only lines that hold the text of the wanted id are looked at. No index has to be kept right.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::PathBuf;
use std::sync::Arc;

use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use millrace_app::logs::{LogAnswer, LogLevel, LogOrder, LogPage, LogQuery, LogRecord, LogSource, Logs};
use millrace_app::ports::StoreError;
use millrace_app::{Error, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::{Segment, segments};

/// So many searches go on at once.
const SEARCHES: usize = 2;

/// What a [`super::Keeper`] keeps in a folder.
#[derive(Clone)]
pub(crate) struct KeptLogs {
    folder: PathBuf,
    places: Arc<Semaphore>,
}

impl KeptLogs {
    /// Those of a folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, places: Arc::new(Semaphore::new(SEARCHES)) }
    }
}

impl LogSource for KeptLogs {
    fn find(&self, query: LogQuery) -> LogAnswer<'_> {
        Box::pin(async move {
            let unavailable = |error: &dyn std::fmt::Display| StoreError::unavailable("Logs::find", error.to_string());
            let _place = self.places.acquire().await.map_err(|error| unavailable(&error))?;
            let folder = self.folder.clone();
            let found = tokio::task::spawn_blocking(move || find(&folder, &query)).await;
            Ok(Logs::Records(found.map_err(|error| unavailable(&error))??))
        })
    }
}

/// A place in the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    file: u64,
    byte: u64,
}

impl Place {
    const START: Self = Self { file: 0, byte: 0 };
    const END: Self = Self { file: u64::MAX, byte: u64::MAX };

    fn id(self) -> String {
        format!("{}-{}", self.file, self.byte)
    }

    fn cursor(self, order: LogOrder) -> String {
        let order = match order {
            LogOrder::Oldest => 'o',
            LogOrder::Newest => 'n',
        };
        format!("{order}-{}", self.id())
    }

    fn parse(cursor: &str, order: LogOrder) -> Result<Self, StoreError> {
        let parsed = || {
            let mut parts = cursor.splitn(3, '-');
            let (sign, file, byte) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let place = Self { file, byte };
            (sign.len() == 1 && place.cursor(order) == cursor).then_some(place)
        };
        parsed().ok_or(StoreError::InvalidCursor)
    }
}

fn failed(error: &io::Error) -> Error {
    StoreError::unavailable("Logs::find", error.to_string()).into()
}

fn find(folder: &std::path::Path, query: &LogQuery) -> Result<LogPage, Error> {
    let from = query.cursor.as_deref().map(|cursor| Place::parse(cursor, query.order)).transpose()?;
    let all = segments(folder).map_err(|error| failed(&error))?;
    // What a file holds is older than the first line of the next one.
    let is_younger =
        |next: Option<&Segment>| next.is_none_or(|next| i128::from(next.began) >= i128::from(query.began.millis()));
    let files = all.iter().enumerate().filter(|(at, _)| is_younger(all.get(at + 1))).map(|(_, file)| file);
    let wanted = Wanted::new(query);
    match query.order {
        LogOrder::Oldest => forward(files, from.unwrap_or(Place::START), query.limit, &wanted),
        LogOrder::Newest => backward(files.rev(), from.unwrap_or(Place::END), query.limit, &wanted),
    }
}

/// The bytes of a file between two places, up to its last whole line; none where it was removed meanwhile.
fn bytes_of(file: &Segment, from: u64, to: u64) -> Result<Vec<u8>, Error> {
    let read = || -> io::Result<Vec<u8>> {
        let mut opened = File::open(&file.path)?;
        opened.seek(io::SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        opened.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut bytes = match read() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(&error)),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.truncate(whole);
    Ok(bytes)
}

/// Where the lines of a file are in which the wanted id stands, from start to end.
fn lines(bytes: &[u8], wanted: &Wanted) -> Vec<(usize, usize)> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(at) = bytes.get(from..).and_then(|rest| wanted.finder.find(rest)) {
        let at = from + at;
        let start = bytes.get(..at).and_then(|before| memrchr(b'\n', before)).map_or(0, |newline| newline + 1);
        let end = bytes.get(at..).and_then(|rest| memchr(b'\n', rest)).map_or(bytes.len(), |newline| at + newline + 1);
        found.push((start, end));
        from = end;
    }
    found
}

fn forward<'a>(
    files: impl Iterator<Item = &'a Segment>,
    from: Place,
    limit: usize,
    wanted: &Wanted,
) -> Result<LogPage, Error> {
    let mut page = LogPage::default();
    let mut end = from;
    for file in files.filter(|file| file.began >= from.file) {
        let skipped = if file.began == from.file { from.byte } else { 0 };
        let bytes = bytes_of(file, skipped, u64::MAX)?;
        for (start, end) in lines(&bytes, wanted) {
            let place = Place { file: file.began, byte: skipped + start as u64 };
            let Some(record) = bytes.get(start..end).and_then(|line| wanted.record(line, place)) else { continue };
            if page.items.len() == limit {
                let next = place.cursor(LogOrder::Oldest);
                return Ok(LogPage { next: Some(next.clone()), follow: Some(next), ..page });
            }
            page.items.push(record);
        }
        end = Place { file: file.began, byte: skipped + bytes.len() as u64 };
    }
    Ok(LogPage { follow: Some(end.cursor(LogOrder::Oldest)), ..page })
}

fn backward<'a>(
    files: impl Iterator<Item = &'a Segment>,
    to: Place,
    limit: usize,
    wanted: &Wanted,
) -> Result<LogPage, Error> {
    let mut page = LogPage::default();
    for file in files.filter(|file| file.began <= to.file) {
        let bytes = bytes_of(file, 0, if file.began == to.file { to.byte } else { u64::MAX })?;
        for (start, end) in lines(&bytes, wanted).into_iter().rev() {
            let place = Place { file: file.began, byte: start as u64 };
            let Some(record) = bytes.get(start..end).and_then(|line| wanted.record(line, place)) else { continue };
            if page.items.len() == limit {
                let next = Place { file: file.began, byte: end as u64 }.cursor(LogOrder::Newest);
                return Ok(LogPage { next: Some(next), ..page });
            }
            page.items.push(record);
        }
    }
    Ok(page)
}

/// Which lines are wanted.
struct Wanted<'a> {
    query: &'a LogQuery,
    finder: Finder<'a>,
    text: Option<String>,
}

impl<'a> Wanted<'a> {
    fn new(query: &'a LogQuery) -> Self {
        let text = query.text.as_ref().map(|text| text.to_lowercase());
        Self { query, finder: Finder::new(query.subject.field().1), text }
    }

    /// The record of a line in which the id stands, if it is one that is wanted.
    fn record(&self, line: &[u8], place: Place) -> Option<LogRecord> {
        let (name, id) = self.query.subject.field();
        let mut fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
        if fields.get(name)?.as_str()? != id {
            return None;
        }
        let mut text = |name: &str| match fields.shift_remove(name) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (timestamp, level) = (text("timestamp"), LogLevel::of(&text("level"))?);
        let (message, location) = (text("message"), text("location"));
        fields.shift_remove("service");
        let is_wanted = self.query.level.is_none_or(|least| level <= least)
            && Timestamp::parse(&timestamp)?.millis() >= self.query.began.millis()
            && self.text.as_ref().is_none_or(|text| holds(&message, &fields, text));
        is_wanted.then(|| LogRecord { id: place.id(), timestamp, level, message, location, fields })
    }
}

/// Is a text in small letters in the message or in a field's value?
fn holds(message: &str, fields: &Map<String, Value>, text: &str) -> bool {
    let holds = |told: &str| told.to_lowercase().contains(text);
    holds(message)
        || fields.values().any(|value| match value {
            Value::String(value) => holds(value),
            value => holds(&value.to_string()),
        })
}
