//! What was sent and is not yet answered, and what came of what has run.

use std::cell::Cell;
use std::rc::Rc;

/// How many rows may come, of one statement, portal or cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// At most so many.
    pub most: u64,
    /// So many have come.
    pub brought: Rc<Cell<u64>>,
}

impl Ceiling {
    /// A ceiling of which nothing has come yet.
    pub fn new(most: u64) -> Self {
        Self { most, brought: Rc::default() }
    }

    /// So many more may come.
    pub(super) fn left(&self) -> u64 {
        self.most.saturating_sub(self.brought.get())
    }
}

/// A message that the server will answer.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) kind: SentKind,
    /// The denial it stands for: its error is rewritten.
    pub(super) denied: Option<Box<Denied>>,
    /// It runs a statement: the first of those that are running, once it is the first of what is unanswered.
    pub(super) runs: bool,
    /// Rows that it has brought or changed.
    pub(super) rows: u64,
    /// Rows have come since its last command was over.
    pub(super) bringing: bool,
    pub(super) failed: Option<[u8; 5]>,
    /// The newest statement and portal when it was sent: it can close no newer ones.
    pub(super) newest: (u64, u64),
}

impl Sent {
    pub(super) fn new(kind: SentKind) -> Self {
        Self { kind, denied: None, runs: false, rows: 0, bringing: false, failed: None, newest: (0, 0) }
    }

    /// The server says that it is ready when it has answered it.
    pub(super) fn ends(&self) -> bool {
        matches!(self.kind, SentKind::Sync | SentKind::Query)
    }

    /// The server answers it only in a copy, if at all.
    pub(super) fn is_of_a_copy(&self) -> bool {
        matches!(self.kind, SentKind::CopyData | SentKind::CopyEnd)
    }

    /// It may bring rows, and be told that it is complete.
    pub(super) fn is_run(&self) -> bool {
        matches!(self.kind, SentKind::Query | SentKind::Execute)
    }
}

/// A statement that runs.
#[derive(Debug)]
pub(super) struct Running<T> {
    /// How many rows it may bring.
    pub(super) ceiling: Option<Ceiling>,
    /// What is to be told when it is over.
    pub(super) run: T,
}

/// A statement that the server has run.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran<T> {
    /// What was remembered of it when it was sent.
    pub run: T,
    /// Rows that it has brought or changed.
    pub rows: u64,
    /// The error's code, if it failed.
    pub failed: Option<[u8; 5]>,
}

/// A statement that was replaced by one that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The id of the event, for the client.
    pub event: Box<str>,
    /// The error's code.
    pub code: &'static str,
}

/// What was sent.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each variant is the message it is named after
pub enum SentKind {
    Query,
    Parse {
        name: Box<[u8]>,
        number: u64,
    },
    Bind {
        portal: Box<[u8]>,
        number: u64,
    },
    Describe,
    Execute,
    CloseStatement(Box<[u8]>),
    ClosePortal(Box<[u8]>),
    Sync,
    /// Data of a copy that the server has not yet asked for; it is not answered.
    CopyData,
    /// The end of one.
    CopyEnd,
}
