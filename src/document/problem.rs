//! One thing that is wrong with a text: where, what was found, what was expected, and what to do. Rendered for a
//! terminal; control characters of the text never reach it raw.

use super::limits;
use super::source::{Mark, Source};
use std::fmt;
use std::fmt::Write;
use std::sync::Arc;

/// Whether a problem stops the document from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The document is used; its owner should know.
    Warning,
    /// The document is refused.
    Error,
}

/// One thing that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the document is refused for it.
    pub severity: Severity,
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// Characters meant, at least 1.
    pub width: u32,
    /// The path of the field: `inbound[2].from`; empty for the document itself.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What should stand there.
    pub expected: String,
    /// What to do, one sentence; may be empty.
    pub remedy: String,
    /// The source line; of a long one, [`Problem::EXCERPT`] characters around the place.
    pub excerpt: String,
    /// Characters of the line before the excerpt.
    skipped: usize,
}

impl Problem {
    /// Characters shown of a source line.
    pub const EXCERPT: usize = 160;

    pub(super) fn new(severity: Severity, source: &Source, mark: Mark, field: &str) -> Self {
        let column = mark.column as usize;
        let skipped = if column > Self::EXCERPT * 3 / 4 { column - Self::EXCERPT / 2 } else { 0 };
        Self {
            severity,
            file: Arc::clone(&source.file),
            line: mark.line,
            column: mark.column,
            width: mark.width,
            field: field.to_owned(),
            found: String::new(),
            expected: String::new(),
            remedy: String::new(),
            excerpt: source.line(mark.line).chars().skip(skipped).take(Self::EXCERPT).collect(),
            skipped,
        }
    }

    /// An error of a whole file, which has no line to show: it cannot be read, or is not what was asked for.
    pub fn of_file(file: &str) -> Self {
        Self::error(&Source::new(file, ""), Mark::START, "")
    }

    pub(super) fn error(source: &Source, mark: Mark, field: &str) -> Self {
        Self::new(Severity::Error, source, mark, field)
    }

    /// The same problem, saying what was found.
    #[must_use]
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    /// The same problem, saying what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }

    /// The same problem, saying what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The problem in one line, for logs: `allowlist.yaml:3:5: error: inbound[0].from: found …, expected …`.
    pub fn one_line(&self) -> String {
        let place = format!("{}:{}:{}", self.file, self.line, self.column);
        tame(&format!("{place}: {}: {}", self.severity, self.sentence()))
    }

    /// The problem with its source line and a caret, in several lines, the last one ended:
    ///
    /// ```text
    /// error: inbound[0].from: found unknown field `principle`, expected one of `principal`, `namespace`
    ///   --> allowlist.yaml:3:5
    ///    |
    ///  3 |     principle: spiffe://prod/ns/shop/sa/web
    ///    |     ^^^^^^^^^
    ///    = help: did you mean `principal`?
    /// ```
    pub fn render(&self) -> String {
        let gutter = self.line.to_string().len().max(2);
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}", self.severity, tame(&self.sentence()));
        let _ = writeln!(out, "{:gutter$}--> {}:{}:{}", "", tame(&self.file), self.line, self.column);
        if !self.excerpt.trim().is_empty() {
            let _ = writeln!(out, "{:gutter$} |", "");
            let _ = writeln!(out, "{:>gutter$} | {}", self.line, tame(&self.excerpt));
            let _ = writeln!(out, "{:gutter$} | {}", "", self.carets());
        }
        if !self.remedy.is_empty() {
            let _ = writeln!(out, "{:gutter$} = help: {}", "", tame(&self.remedy));
        }
        out
    }

    fn sentence(&self) -> String {
        let field = if self.field.is_empty() { "document" } else { &self.field };
        let found = if self.found.is_empty() { String::new() } else { format!("found {}", self.found) };
        let expected = if self.expected.is_empty() { String::new() } else { format!("expected {}", self.expected) };
        let comma = if found.is_empty() || expected.is_empty() { "" } else { ", " };
        format!("{field}: {found}{comma}{expected}")
    }

    /// Carets below the characters meant, within the excerpt.
    fn carets(&self) -> String {
        let before = (self.column as usize).saturating_sub(1 + self.skipped).min(Self::EXCERPT);
        let shown = self.excerpt.chars().count().saturating_sub(before).max(1);
        let width = (self.width as usize).clamp(1, shown);
        let indent: usize = self.excerpt.chars().take(before).map(shown_width).sum();
        format!("{}{}", " ".repeat(indent), "^".repeat(width))
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.one_line())
    }
}

/// Whether one of the problems is an error.
pub fn is_refused(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// All problems, one after the other with an empty line between.
pub fn render_all(problems: &[Problem]) -> String {
    problems.iter().map(Problem::render).collect::<Vec<_>>().join("\n")
}

/// At most [`limits::PROBLEMS`], in the order of the files and their lines; the last one says if there were more.
pub fn capped(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    let all = problems.len();
    problems.truncate(limits::PROBLEMS);
    if all > limits::PROBLEMS
        && let Some(last) = problems.last_mut()
    {
        last.remedy = format!("{} (and {} more problems)", last.remedy, all - limits::PROBLEMS).trim().to_owned();
    }
    problems
}

/// Text that is safe on a terminal: a tab is a space, other control and direction characters are spelled out.
fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if is_wild(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn shown_width(c: char) -> usize {
    if c != '\t' && is_wild(c) { c.escape_unicode().count() } else { 1 }
}

/// Control characters, and those that change the direction or hide text.
fn is_wild(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
