//! YAML text → a tree of values with their places. Built from the parser's events with a stack, never by recursion.
//!
//! Tolerates all of YAML 1.2 that configuration needs. Refuses, by name: anchors and aliases (an alias bomb is small),
//! tags, keys that are not plain scalars, duplicate keys, and what is over [`limits`]. Scalars follow the core schema
//! (YAML 1.2.2 §10.3.2) without octal, hexadecimal, infinities: `no` and `2027-01-31` are text.

use super::limits;
use super::problem::{self, Problem};
use super::source::{Mark, Source};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use std::collections::HashSet;
use std::sync::Arc;

/// One document: a tree of values with their places, not yet held against a type.
#[derive(Debug)]
pub struct Tree {
    pub(super) source: Arc<Source>,
    pub(super) root: Node,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key with its value. Keys are scalars and keep their spelling, so `8080:` is the key `8080`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_mark: Mark,
    pub(super) value: Node,
}

impl Node {
    /// What stands there, for people: text `GET`, number 7, a list.
    pub(super) fn describe(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Bool(value) => format!("{value}"),
            Data::Integer(value) => format!("number {value}"),
            Data::Float(value) => format!("number {value}"),
            Data::Text(text) => format!("text `{}`", shortened(text)),
            Data::Sequence(_) => "a list".to_owned(),
            Data::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The place of a key, or of the item `index` of a list, made if need be; nothing if there can be none.
    fn place_of(&mut self, key: &str, index: Option<usize>, mark: Mark) -> Option<&mut Node> {
        let fresh = Node { mark, data: Data::Null };
        match &mut self.data {
            Data::Mapping(entries) => {
                if !entries.iter().any(|entry| entry.key == key) {
                    entries.push(Entry { key: key.to_owned(), key_mark: mark, value: fresh });
                }
                entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
            }
            Data::Sequence(items) => {
                if index == Some(items.len()) {
                    items.push(fresh);
                }
                items.get_mut(index?)
            }
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.data {
            Data::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }
}

impl Tree {
    /// The text of a top-level field, for telling kinds apart before decoding: `kind`, `apiVersion`.
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.root.get(field).map(|node| &node.data) {
            Some(Data::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A problem at a field of this document: `metadata.name`, `inbound[2].from`.
    pub fn problem(&self, field: &str) -> Problem {
        let mark = match field.split_once(['.', '[']) {
            None if field.is_empty() => self.root.mark,
            None => self.root.get(field).map_or(self.root.mark, |node| node.mark),
            Some((first, _)) => self.root.get(first).map_or(self.root.mark, |node| node.mark),
        };
        Problem::error(&self.source, mark, field)
    }

    /// Puts what `rewrite` answers in the place of each text that it answers; the result is typed again, as plain
    /// YAML would be, so that a number may come out. For the expansion of variables.
    ///
    /// # Errors
    /// A problem for each text that `rewrite` refuses.
    pub fn rewrite(&mut self, rewrite: impl Fn(&str) -> Result<Option<String>, Refusal>) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut waiting = vec![&mut self.root];
        while let Some(node) = waiting.pop() {
            if let Data::Text(text) = &node.data {
                match rewrite(text) {
                    Ok(None) => {}
                    Ok(Some(written)) => node.data = plain(written),
                    Err(refusal) => problems.push(refusal.at(&self.source, node.mark)),
                }
                continue;
            }
            match &mut node.data {
                Data::Sequence(items) => waiting.extend(items),
                Data::Mapping(entries) => waiting.extend(entries.iter_mut().map(|entry| &mut entry.value)),
                _ => {}
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problem::capped(problems)) }
    }

    /// Puts a value at a path of mapping keys and list indexes, adding what is missing on the way (to a list, one item
    /// at its end). The value is YAML of its own (`8080`, `[a, b]`). For overriding a setting from outside of the file.
    ///
    /// # Errors
    /// What is wrong with the value's YAML, or with the path: it leads through something that has no such place.
    pub fn set(&mut self, path: &[&str], origin: &str, value: &str) -> Result<(), Vec<Problem>> {
        let given = parse(origin, value)?;
        let mark = self.root.mark;
        let data = given.into_iter().next().map_or(Data::Null, |tree| tree.root.data);
        let mut node = &mut self.root;
        for key in path {
            let index = key.parse::<usize>().ok();
            if node.data == Data::Null {
                node.data = if index.is_some() { Data::Sequence(Vec::new()) } else { Data::Mapping(Vec::new()) };
            }
            let found = node.describe();
            let Some(inner) = node.place_of(key, index, mark) else {
                let problem = Problem::error(&Source::new(origin, value), Mark::START, &path.join("."));
                return Err(vec![problem.found(found).expected(format!("something that could hold `{key}`"))]);
            };
            node = inner;
        }
        node.data = data;
        Ok(())
    }
}

/// Why a text of a document is refused.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

impl Refusal {
    fn at(self, source: &Source, mark: Mark) -> Problem {
        Problem::error(source, mark, "").found(self.found).expected(self.expected).remedy(self.remedy)
    }
}

/// Every document of a YAML text that is not empty.
///
/// # Errors
/// What keeps the text from being read: its first fault of syntax, or everything that is refused by name.
pub fn parse(file: &str, text: &str) -> Result<Vec<Tree>, Vec<Problem>> {
    let source = Source::new(file, if text.len() > limits::TEXT_BYTES { "" } else { text });
    if text.len() > limits::TEXT_BYTES {
        let problem = Problem::error(&source, Mark::START, "").found(format!("{} bytes", text.len()));
        return Err(vec![problem.expected(format!("at most {}", limits::TEXT_BYTES)).remedy("split the file")]);
    }
    let mut builder = Builder::new(&source);
    if builder.build(text).is_err() || !builder.problems.is_empty() {
        return Err(problem::capped(builder.problems));
    }
    let full = builder.roots.into_iter().filter(|root| root.data != Data::Null);
    Ok(full.map(|root| Tree { source: Arc::clone(&source), root }).collect())
}

/// The text cannot be read any further; the last problem says why.
struct Stopped;

/// What is open while events arrive. `open.len() <= limits::DEPTH`.
struct Builder<'a> {
    source: &'a Source,
    open: Vec<Open>,
    roots: Vec<Node>,
    problems: Vec<Problem>,
    nodes: usize,
}

struct Open {
    mark: Mark,
    holds: Holds,
}

enum Holds {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: HashSet<String>, key: Option<(String, Mark)> },
}

impl<'a> Builder<'a> {
    fn new(source: &'a Source) -> Self {
        Self { source, open: Vec::new(), roots: Vec::new(), problems: Vec::new(), nodes: 0 }
    }

    fn build(&mut self, text: &str) -> Result<(), Stopped> {
        let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => self.event(event, span)?,
                Err(error) => {
                    let mark = mark_of(Span::empty(*error.marker()));
                    return self.stop(mark, error.info(), "YAML".to_owned(), hint(error.info()));
                }
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stopped> {
        let mark = mark_of(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain_node(anchor, tag.is_some(), mark)?;
                self.scalar(text.into_owned(), style == ScalarStyle::Plain, mark)
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain_node(anchor, tag.is_some(), mark)?;
                self.descend(mark, Holds::Sequence(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.plain_node(anchor, tag.is_some(), mark)?;
                self.descend(mark, Holds::Mapping { entries: Vec::new(), seen: HashSet::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.ascend(),
            Event::Alias(_) => {
                let problem = self.refuse(mark, "an alias (`*name`)").expected("the value itself");
                self.problems.push(problem.remedy("write the value out: anchors and aliases are not supported"));
                self.place(Node { mark, data: Data::Null })
            }
            Event::DocumentStart(_) if self.roots.len() >= limits::DOCUMENTS => {
                self.stop(mark, "one more document", format!("at most {}", limits::DOCUMENTS), "split the file")
            }
            _ => Ok(()),
        }
    }

    /// Counts a node, and refuses what may be attached to one.
    fn plain_node(&mut self, anchor: usize, tagged: bool, mark: Mark) -> Result<(), Stopped> {
        self.nodes += 1;
        if self.nodes > limits::NODES {
            let expected = format!("at most {} in a file", limits::NODES);
            return self.stop(mark, "one more value", expected, "split the file");
        }
        if anchor > 0 {
            let problem = self.refuse(mark, "an anchor (`&name`)").expected("a value");
            self.problems
                .push(problem.remedy("anchors and aliases are not supported: write the value out where it is used"));
        }
        if tagged {
            let problem = self.refuse(mark, "a tag (`!name`)").expected("a value");
            self.problems.push(problem.remedy("tags are not supported: put text that looks like a number in quotes"));
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, is_plain: bool, mark: Mark) -> Result<(), Stopped> {
        if let Some(Open { holds: Holds::Mapping { seen, key: key @ None, .. }, .. }) = self.open.last_mut() {
            let fresh = seen.insert(text.clone());
            *key = Some((text.clone(), mark));
            if !fresh {
                let problem = self.refuse(mark, &format!("key `{}` a second time", shortened(&text)));
                self.problems
                    .push(problem.expected("each key once").remedy("remove one of the two, or join their values"));
            }
            return Ok(());
        }
        let data = if is_plain { plain(text) } else { Data::Text(text) };
        self.place(Node { mark, data })
    }

    fn descend(&mut self, mark: Mark, holds: Holds) -> Result<(), Stopped> {
        if let Some(Open { holds: Holds::Mapping { key: None, .. }, .. }) = self.open.last() {
            return self.stop(mark, "a list or mapping as a key", "text".to_owned(), "put the key in quotes");
        }
        if self.open.len() >= limits::DEPTH {
            let expected = format!("at most {}", limits::DEPTH);
            return self.stop(mark, "one more level of nesting", expected, "nothing that we read nests this deep");
        }
        self.open.push(Open { mark, holds });
        Ok(())
    }

    fn ascend(&mut self) -> Result<(), Stopped> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let data = match open.holds {
            Holds::Sequence(items) => Data::Sequence(items),
            Holds::Mapping { entries, .. } => Data::Mapping(entries),
        };
        self.place(Node { mark: open.mark, data })
    }

    /// Puts a finished value where it belongs: into what is open, or among the documents.
    fn place(&mut self, mut node: Node) -> Result<(), Stopped> {
        match self.open.last_mut().map(|open| &mut open.holds) {
            None => self.roots.push(node),
            Some(Holds::Sequence(items)) => items.push(node),
            Some(Holds::Mapping { entries, key, .. }) => match key.take() {
                Some((key, key_mark)) => {
                    if node.data == Data::Null {
                        node.mark = key_mark; // the parser puts an absent value on a later line
                    }
                    entries.push(Entry { key, key_mark, value: node });
                }
                None => return Err(Stopped), // an alias as a key: reported where it stands
            },
        }
        Ok(())
    }

    /// Reports the problem after which nothing more can be read.
    fn stop(&mut self, mark: Mark, found: &str, expected: String, remedy: &str) -> Result<(), Stopped> {
        let problem = self.refuse(mark, found).expected(expected).remedy(remedy);
        self.problems.push(problem);
        Err(Stopped)
    }

    fn refuse(&self, mark: Mark, found: &str) -> Problem {
        Problem::error(self.source, mark, "").found(found)
    }
}

/// A plain scalar's value.
fn plain(text: String) -> Data {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Data::Text(text);
    }
    if let Ok(integer) = text.parse() {
        return Data::Integer(integer);
    }
    match text.parse() {
        Ok(float) if f64::is_finite(float) && text.contains(|c: char| c.is_ascii_digit()) => Data::Float(float),
        _ => Data::Text(text),
    }
}

fn mark_of(span: Span) -> Mark {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let on_one_line = span.end.line() == span.start.line() && span.end.col() > span.start.col();
    let width = if on_one_line { span.end.col() - span.start.col() } else { 1 };
    Mark {
        line: small(span.start.line()).max(1),
        column: small(span.start.col()).saturating_add(1),
        width: small(width),
    }
}

/// The parser's sentence says what it saw; these say what people usually did.
fn hint(info: &str) -> &'static str {
    match info {
        _ if info.contains("tab") => "indent with spaces",
        _ if info.contains("anchor") => "put text that begins with `*` or `&` in quotes",
        _ if info.contains("quoted scalar") => "close the quotes; within `\"`, write `\\\\` for a backslash",
        _ if info.contains("mapping values are not allowed") => {
            "put text that contains `: ` in quotes, or mend the indentation"
        }
        _ if info.contains("while parsing a flow") => {
            "put text that contains `{`, `[` or `,` in quotes inside of brackets"
        }
        _ => "check the indentation, and put text with special characters in quotes",
    }
}

pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}
