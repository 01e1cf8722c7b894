//! A text with its name, cut into lines once, so that every problem can show the line it stands on.

use std::ops::Range;
use std::sync::Arc;

/// A place in a text: a line, a column and how many characters are meant. Lines and columns count from 1, in
/// characters; `width >= 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters, from 1.
    pub column: u32,
    /// Characters meant, at least 1; never reaches into the next line.
    pub width: u32,
}

impl Mark {
    /// The beginning of a text.
    pub const START: Self = Self { line: 1, column: 1, width: 1 };
}

/// A text with its name.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: Arc<str>,
    text: String,
    lines: Vec<Range<usize>>,
}

impl Source {
    pub(super) fn new(file: &str, text: &str) -> Arc<Self> {
        let mut at = 0;
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            lines.push(at..at + line.trim_end_matches(['\n', '\r']).len());
            at += line.len();
        }
        Arc::new(Self { file: file.into(), text: text.to_owned(), lines })
    }

    /// A line without its end, counted from 1; empty beyond the text.
    pub(super) fn line(&self, number: u32) -> &str {
        let range = usize::try_from(number).ok().and_then(|n| self.lines.get(n.checked_sub(1)?)).cloned();
        range.and_then(|range| self.text.get(range)).unwrap_or_default()
    }
}
