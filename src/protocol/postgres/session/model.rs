//! A model of a server that keeps to the protocol: what it says to what it is asked, and what has run by then.

use super::*;
use proptest::prelude::*;

/// What a client sends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Send {
    /// A text; whether it is run, or stands for one that was denied, or calls a function.
    Query {
        runs: bool,
    },
    Execute,
    Parse,
    Bind,
    Describe,
    CloseStatement,
    Sync,
    CopyData,
    CopyEnd,
    /// Bind, Describe, Execute and Sync of the unnamed portal, in one piece.
    Round {
        described: bool,
    },
}

/// How a server goes on with what it is to answer next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Rows(u64),
    /// A command is over, in a text one of several.
    Complete,
    /// All of it is.
    Done,
    Failed,
    CopyIn,
    /// It says something of its own accord.
    Notice,
    /// All that is asked up to the next end of a pipeline goes well, and is answered in one piece.
    Whole(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Send(Send),
    Answer(Answer),
    /// The server says that it is in a transaction from now on, or not.
    Transaction(bool),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    use Answer::*;
    let sends = prop_oneof![
        2 => any::<bool>().prop_map(|runs| Send::Query { runs }),
        4 => Just(Send::Execute),
        1 => Just(Send::Parse),
        1 => Just(Send::Bind),
        1 => Just(Send::Describe),
        1 => Just(Send::CloseStatement),
        2 => Just(Send::Sync),
        1 => Just(Send::CopyData),
        1 => Just(Send::CopyEnd),
        6 => any::<bool>().prop_map(|described| Send::Round { described }),
    ];
    let answers = prop_oneof![
        2 => (1..4_u64).prop_map(Rows),
        2 => Just(Complete),
        6 => Just(Done),
        1 => Just(Failed),
        1 => Just(CopyIn),
        1 => Just(Notice),
        4 => (0..3_u64).prop_map(Whole),
    ];
    prop_oneof![5 => sends.prop_map(Step::Send), 5 => answers.prop_map(Step::Answer), 1 => any::<bool>().prop_map(Step::Transaction)]
}

/// What was sent, and its run beside it.
#[derive(Debug)]
pub(super) struct Asked {
    send: Send,
    run: Option<usize>,
    rows: u64,
    /// Rows came since its last command was over.
    bringing: bool,
    failed: bool,
}

impl Asked {
    fn is_run(&self) -> bool {
        matches!(self.send, Send::Query { .. } | Send::Execute)
    }

    fn may_be_in_a_copy(&self) -> bool {
        self.is_sync() || self.is_of_a_copy()
    }

    pub(super) fn is_of_a_copy(&self) -> bool {
        matches!(self.send, Send::CopyData | Send::CopyEnd)
    }

    fn is_sync(&self) -> bool {
        matches!(self.send, Send::Sync)
    }

    fn ends(&self) -> bool {
        matches!(self.send, Send::Query { .. } | Send::Sync)
    }
}

/// A server that keeps to the protocol, and what is to be told of it.
#[derive(Default)]
pub(super) struct Server {
    pub(super) asked: VecDeque<Asked>,
    /// After an error, up to the next sync.
    skips: bool,
    /// It waits for the end of a copy.
    pub(super) copies: bool,
    /// Of which data has come.
    has_data: bool,
    pub(super) in_transaction: bool,
    pub(super) told: Vec<(usize, u64, bool)>,
}

impl Server {
    /// Takes what is sent; says whether the client may send it at all.
    pub(super) fn takes(&mut self, send: Send, run: Option<usize>) -> bool {
        match send {
            Send::CopyEnd if self.copies => {
                self.copies = false;
                return true;
            }
            Send::CopyData if self.copies => {
                self.has_data = true;
                return true;
            }
            // Before the server has asked for it: behind what may yet become a copy. Otherwise it is ignored.
            Send::CopyData | Send::CopyEnd
                if !self.asked.back().is_some_and(|asked| asked.is_run() || matches!(asked.send, Send::CopyData)) =>
            {
                return false;
            }
            // Ignored while the copy lasts; behind data nobody can tell whether it still does.
            Send::Sync if self.copies => return !self.has_data,
            _ if self.copies => return false,
            _ => {}
        }
        let asked = Asked { send, run, rows: 0, bringing: false, failed: false };
        if self.skips && !asked.is_sync() {
            return true;
        }
        self.skips = false;
        self.asked.push_back(asked);
        true
    }

    /// Whether what was sent already fits into a copy, or ends it: no sync among its data.
    fn may_begin_a_copy(&self, during: usize) -> bool {
        let mut has_data = false;
        self.asked.iter().take(during).all(|asked| {
            has_data |= matches!(asked.send, Send::CopyData);
            asked.may_be_in_a_copy() && !(has_data && asked.is_sync())
        })
    }

    fn tells(&mut self, asked: &Asked) {
        self.told.extend(asked.run.map(|run| (run, asked.rows, asked.failed)));
    }

    fn complete(asked: &mut Asked, rows: u64) {
        if !std::mem::take(&mut asked.bringing) {
            asked.rows += rows;
        }
    }

    /// What the server says next, if this has a place.
    pub(super) fn says(&mut self, answer: Answer) -> Vec<Back<'static>> {
        let ready = Back::Ready { in_transaction: self.in_transaction };
        let complete = Back::Complete { drops_all: false, rows: 5 };
        if matches!(answer, Answer::Notice) {
            return vec![Back::Other];
        }
        while self.asked.front().is_some_and(Asked::is_of_a_copy) {
            self.asked.pop_front();
        }
        let Some(mut first) = self.asked.pop_front() else { return Vec::new() };
        let is_run = first.is_run();
        let waits = self.copies;
        let end = self.asked.iter().position(|asked| matches!(asked.send, Send::CopyEnd));
        let during = end.map_or(self.asked.len(), |end| end + 1);
        match (answer, first.send) {
            (Answer::Failed, _) => {
                self.copies = false;
                first.failed = true;
                self.tells(&first);
                let mut says = vec![Back::Error { fatal: false, code: *b"XX000" }];
                if first.ends() {
                    says.push(ready);
                    return says;
                }
                while self.asked.front().is_some_and(|asked| !asked.is_sync()) {
                    self.asked.pop_front();
                }
                self.skips = self.asked.is_empty();
                return says;
            }
            _ if waits => {}
            (Answer::Rows(rows), _) if first.run.is_some() => {
                first.rows += rows;
                first.bringing = true;
                self.asked.push_front(first);
                return vec![Back::Row; rows as usize];
            }
            // Any other message would break it.
            (Answer::CopyIn, _) if is_run && self.may_begin_a_copy(during) => {
                // What was sent as a sync before the copy is over is ignored in it.
                self.has_data = self.asked.drain(..during).any(|asked| matches!(asked.send, Send::CopyData));
                self.copies = end.is_none();
                self.asked.push_front(first);
                return vec![Back::CopyIn];
            }
            (Answer::Complete, Send::Query { .. }) => {
                Self::complete(&mut first, 5);
                self.asked.push_front(first);
                return vec![complete];
            }
            (Answer::Complete | Answer::Done, _) => {
                let says = match first.send {
                    Send::Query { .. } => vec![ready],
                    Send::Execute => {
                        Self::complete(&mut first, 5);
                        vec![complete]
                    }
                    Send::Parse => vec![Back::ParseComplete],
                    Send::Bind => vec![Back::BindComplete],
                    Send::Describe => vec![Back::Described],
                    Send::CloseStatement => vec![Back::CloseComplete],
                    Send::Sync => vec![ready],
                    Send::CopyData | Send::CopyEnd | Send::Round { .. } => Vec::new(),
                };
                self.tells(&first);
                return says;
            }
            _ => {}
        }
        self.asked.push_front(first);
        Vec::new()
    }
}

impl Server {
    /// All that is asked up to the next end of a pipeline goes well; each command brings so many rows.
    pub(super) fn says_all(&mut self, rows: u64) -> Vec<Back<'static>> {
        let mut says = Vec::new();
        while !self.copies
            && let Some(first) = self.asked.front()
        {
            let (is_run, ends) = (first.is_run(), first.ends());
            if first.run.is_some() && rows > 0 {
                says.extend(self.says(Answer::Rows(rows)));
            }
            if is_run && ends {
                says.extend(self.says(Answer::Complete));
            }
            says.extend(self.says(Answer::Done));
            if ends {
                break;
            }
        }
        says
    }
}
