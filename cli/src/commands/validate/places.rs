//! Where in a text the members of a JSON or YAML document stand.

use std::collections::HashMap;

use granit_parser::{Event, Parser, Span};
use serde::de::IgnoredAny;

/// A line and a column, from 1. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Documents that nest deeper have no places there.
const DEEPEST: usize = 200;

/// The places of a document by pointers, as diagnostics have them: `/States/A/Choices[0]/Next`, or with `/0`.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Place>);

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[', '"'])
}

/// What keeps a text from being read at all, where it is.
pub(super) fn syntax_error(text: &str) -> Option<(Place, String)> {
    if is_json(text) {
        let error = serde_json::from_str::<IgnoredAny>(text).err()?;
        let message = error.to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
        return Some((
            Place { line: error.line(), column: error.column().max(1) },
            format!("this is not JSON: {message}"),
        ));
    }
    let Some(error) = Parser::new_from_str(text).find_map(Result::err) else { return unread(text) };
    let marker = error.marker();
    let message = error.to_string();
    let message = message.split(" at byte ").next().unwrap_or_default();
    let message = message.split(" at char ").next().unwrap_or_default().to_owned();
    Some((Place { line: marker.line().max(1), column: marker.col() + 1 }, format!("this is not YAML: {message}")))
}

/// What keeps YAML that is well formed from being read, such as a key that comes twice.
fn unread(text: &str) -> Option<(Place, String)> {
    let error = serde_saphyr::from_str::<serde_json::Value>(text).err()?;
    let location = error.location()?;
    let number = |number: u64| usize::try_from(number).unwrap_or_default().max(1);
    let place = Place { line: number(location.line()), column: number(location.column()) };
    let message = error.to_string();
    // The place stands before it, and what options of the reader there are behind it.
    let start = format!("line {} column {}: ", location.line(), location.column());
    let message = message.split_once(&start).map_or(message.as_str(), |(_, message)| message);
    let message = message.split(", set ").next().unwrap_or_default();
    Some((place, format!("this is not YAML: {message}")))
}

impl Places {
    /// The places of a text in JSON or YAML; none of one that is neither.
    pub(crate) fn of(text: &str) -> Self {
        let mut places = Self::default();
        if is_json(text) {
            let mut scanner = Scanner { rest: text.chars().peekable(), line: 1, column: 1, places: &mut places };
            // What is no JSON was reported; its places up to there are right.
            let _read = scanner.value(&mut String::new(), 0);
        } else {
            let mut parser = Parser::new_from_str(text);
            let _read = node(&mut parser, &mut places, &mut String::new(), 0);
        }
        places
    }

    /// Where a pointer leads; where it leads nowhere, the nearest place around it.
    pub(crate) fn find(&self, pointer: &str) -> Option<Place> {
        let mut pointer = if pointer == "/" { String::new() } else { normal(pointer) };
        loop {
            if let Some(place) = self.0.get(&pointer) {
                return Some(*place);
            }
            let end = pointer.rfind(['/', '['])?;
            pointer.truncate(end);
        }
    }

    fn put(&mut self, pointer: &str, place: Place) {
        self.0.entry(pointer.to_owned()).or_insert(place);
    }
}

/// A JSON pointer's escapes undone.
fn normal(pointer: &str) -> String {
    if !pointer.contains('~') {
        return pointer.to_owned();
    }
    pointer.replace("~1", "/").replace("~0", "~")
}

/// Walks what is below `key`, and gives the pointer back as it was.
fn below<T>(pointer: &mut String, key: &str, walk: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push_str(key);
    let walked = walk(pointer);
    pointer.truncate(length);
    walked
}

/// Reads JSON that is valid, or as far as it is.
struct Scanner<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    column: usize,
    places: &'a mut Places,
}

impl Scanner<'_> {
    const fn place(&self) -> Place {
        Place { line: self.line, column: self.column }
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest.next()?;
        if letter == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(letter)
    }

    fn peek(&mut self) -> Option<char> {
        while self.rest.peek().is_some_and(|letter| letter.is_whitespace()) {
            self.next();
        }
        self.rest.peek().copied()
    }

    fn value(&mut self, pointer: &mut String, depth: usize) -> Option<()> {
        let first = self.peek()?;
        let place = self.place();
        self.places.put(pointer, place);
        if depth > DEEPEST {
            return None;
        }
        match first {
            '{' => {
                self.next();
                while self.peek()? != '}' {
                    let place = self.place();
                    let key = self.string()?;
                    (self.peek()? == ':').then(|| self.next())?;
                    below(pointer, &format!("/{key}"), |pointer| {
                        self.places.put(pointer, place);
                        self.value(pointer, depth + 1)
                    })?;
                    if self.peek()? == ',' {
                        self.next();
                    }
                }
                self.next();
            }
            '[' => {
                self.next();
                let mut index = 0_usize;
                while self.peek()? != ']' {
                    let place = self.place();
                    // Both spellings lead there.
                    below(pointer, &format!("/{index}"), |pointer| self.places.put(pointer, place));
                    below(pointer, &format!("[{index}]"), |pointer| self.value(pointer, depth + 1))?;
                    index += 1;
                    if self.peek()? == ',' {
                        self.next();
                    }
                }
                self.next();
            }
            '"' => {
                self.string()?;
            }
            _ => {
                while self
                    .rest
                    .peek()
                    .is_some_and(|letter| !matches!(letter, ',' | '}' | ']') && !letter.is_whitespace())
                {
                    self.next();
                }
            }
        }
        Some(())
    }

    fn string(&mut self) -> Option<String> {
        let mut raw = String::new();
        raw.push(self.next().filter(|letter| *letter == '"')?);
        loop {
            let letter = self.next()?;
            raw.push(letter);
            match letter {
                '"' => return serde_json::from_str(&raw).ok(),
                '\\' => raw.push(self.next()?),
                _ => {}
            }
        }
    }
}

type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

fn start(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

/// The next event that is of the document's contents.
fn event<'a>(parser: &mut Events<'a>) -> Option<(Event<'a>, Span)> {
    loop {
        let (event, span) = parser.next_event()?.ok()?;
        match event {
            Event::StreamStart | Event::DocumentStart(..) => {}
            Event::StreamEnd | Event::DocumentEnd => return None,
            Event::Scalar(..)
            | Event::Alias(..)
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd => return Some((event, span)),
            // Comments and the like are no contents.
            _ => {}
        }
    }
}

fn node(parser: &mut Events<'_>, places: &mut Places, pointer: &mut String, depth: usize) -> Option<()> {
    let (first, span) = event(parser)?;
    places.put(pointer, start(&span));
    contents(parser, first, places, pointer, depth)
}

fn contents(
    parser: &mut Events<'_>,
    first: Event<'_>,
    places: &mut Places,
    pointer: &mut String,
    depth: usize,
) -> Option<()> {
    if depth > DEEPEST {
        return None;
    }
    match first {
        Event::MappingStart(..) => loop {
            let (key, span) = event(parser)?;
            match key {
                Event::MappingEnd => return Some(()),
                Event::Scalar(key, ..) => below(pointer, &format!("/{key}"), |pointer| {
                    places.put(pointer, start(&span));
                    node(parser, places, pointer, depth + 1)
                })?,
                // A key that is no text has no pointer.
                key => {
                    let mut nowhere = Places::default();
                    contents(parser, key, &mut nowhere, &mut String::new(), depth + 1)?;
                    node(parser, &mut nowhere, &mut String::new(), depth + 1)?;
                }
            }
        },
        Event::SequenceStart(..) => {
            let mut index = 0_usize;
            loop {
                let (item, span) = event(parser)?;
                if matches!(item, Event::SequenceEnd) {
                    return Some(());
                }
                below(pointer, &format!("/{index}"), |pointer| places.put(pointer, start(&span)));
                below(pointer, &format!("[{index}]"), |pointer| {
                    places.put(pointer, start(&span));
                    contents(parser, item, places, pointer, depth + 1)
                })?;
                index += 1;
            }
        }
        _ => Some(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, pointer: &str) -> (usize, usize) {
        let place = Places::of(text).find(pointer).unwrap();
        (place.line, place.column)
    }

    #[test]
    fn json_and_yaml() {
        let json = "{\"a\": [1,\n  {\"b/c\": \"\\ud83d\\ude00\", \"d\": {}}],\n\t\"e\": null}";
        for (pointer, expected) in [
            ("/", (1, 1)),
            ("/a", (1, 2)),
            ("/a[0]", (1, 8)),
            ("/a[1]/b/c", (2, 4)),
            ("/a[1]/b~1c", (2, 4)),
            ("/e", (3, 2)),
            ("/a/1", (2, 3)),
        ] {
            assert_eq!(at(json, pointer), expected, "{pointer}");
        }
        let yaml = "# c\na:\n  - 1\n  - {b: ü, d: x}\n? [k]\n: v\ne: null\n";
        for (pointer, expected) in [("/a", (2, 1)), ("/a[1]/d", (4, 12)), ("/e", (7, 1))] {
            assert_eq!(at(yaml, pointer), expected, "{pointer}");
        }
    }

    #[test]
    fn what_is_missing_is_at_what_is_around_it() {
        assert_eq!(at("{\n \"a\": {}}", "/a/b/c"), (2, 2));
    }
}
