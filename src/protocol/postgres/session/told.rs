//! What has run is told of the statement that was sent, whatever is sent and however a server answers: held against a model that
//! keeps what runs in the same list as what is unanswered.

use super::*;
use proptest::prelude::*;

/// What a client sends.
#[derive(Clone, Copy, Debug)]
enum Send {
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
    CopyEnd,
}

/// How a server goes on with what it is to answer next.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Rows(u64),
    /// A command is over, in a text one of several.
    Complete,
    /// All of it is.
    Done,
    Failed,
    CopyIn,
    /// It says something of its own accord.
    Notice,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(Send),
    Answer(Answer),
}

fn step() -> impl Strategy<Value = Step> {
    use Answer::*;
    let sends = prop_oneof![
        2 => any::<bool>().prop_map(|runs| Send::Query { runs }),
        4 => Just(Send::Execute),
        1 => Just(Send::Parse),
        1 => Just(Send::Bind),
        1 => Just(Send::Describe),
        1 => Just(Send::CloseStatement),
        2 => Just(Send::Sync),
        1 => Just(Send::CopyEnd),
    ];
    let answers = prop_oneof![
        2 => (1..4_u64).prop_map(Rows),
        2 => Just(Complete),
        6 => Just(Done),
        1 => Just(Failed),
        1 => Just(CopyIn),
        1 => Just(Notice),
    ];
    prop_oneof![1 => sends.prop_map(Step::Send), 1 => answers.prop_map(Step::Answer)]
}

/// What was sent, and its run beside it.
#[derive(Debug)]
struct Asked {
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
        matches!(self.send, Send::Sync | Send::CopyEnd)
    }

    fn ends(&self) -> bool {
        matches!(self.send, Send::Query { .. } | Send::Sync)
    }
}

/// A server that keeps to the protocol, and what is to be told of it.
#[derive(Default)]
struct Server {
    asked: VecDeque<Asked>,
    /// After an error, up to the next end of a pipeline.
    skips: bool,
    /// It waits for the end of a copy.
    copies: bool,
    told: Vec<(usize, u64, bool)>,
}

impl Server {
    /// Takes what is sent; says whether the client may send it at all.
    fn takes(&mut self, send: Send, run: Option<usize>) -> bool {
        match send {
            Send::CopyEnd if self.copies => {
                self.copies = false;
                return true;
            }
            // Before the server has asked for it: behind what may yet become a copy. Otherwise it is ignored.
            Send::CopyEnd if !self.asked.back().is_some_and(Asked::is_run) => return false,
            // Ignored while the copy lasts.
            Send::Sync if self.copies => return true,
            _ if self.copies => return false,
            _ => {}
        }
        let asked = Asked { send, run, rows: 0, bringing: false, failed: false };
        if self.skips && !asked.ends() {
            return true;
        }
        if asked.ends() {
            self.skips = false;
        }
        self.asked.push_back(asked);
        true
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
    fn says(&mut self, answer: Answer) -> Vec<Back<'static>> {
        const READY: Back<'static> = Back::Ready { in_transaction: true };
        let complete = Back::Complete { drops_all: false, rows: 5 };
        if matches!(answer, Answer::Notice) {
            return vec![Back::Other];
        }
        while self.asked.front().is_some_and(|asked| matches!(asked.send, Send::CopyEnd)) {
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
                    says.push(READY);
                    return says;
                }
                while self.asked.front().is_some_and(|asked| !asked.ends()) {
                    self.asked.pop_front();
                }
                self.skips = self.asked.is_empty();
                return says;
            }
            _ if waits => {}
            (Answer::Rows(rows), _) if is_run => {
                first.rows += rows;
                first.bringing = true;
                self.asked.push_front(first);
                return vec![Back::Row; rows as usize];
            }
            // Any other message would break it.
            (Answer::CopyIn, _) if is_run && self.asked.iter().take(during).all(Asked::may_be_in_a_copy) => {
                // What was sent as a sync before the copy is over is ignored in it.
                self.asked.drain(..during);
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
                    Send::Query { .. } => vec![READY],
                    Send::Execute => {
                        Self::complete(&mut first, 5);
                        vec![complete]
                    }
                    Send::Parse => vec![Back::ParseComplete],
                    Send::Bind => vec![Back::BindComplete],
                    Send::Describe => vec![Back::Described],
                    Send::CloseStatement => vec![Back::CloseComplete],
                    Send::Sync => vec![READY],
                    Send::CopyEnd => Vec::new(),
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn what_has_run_is_what_was_sent(steps in prop::collection::vec(step(), 1..60)) {
        let mut session: Session<(), usize> = Session::new(&Limits::default());
        session.phase = Phase::Ready;
        let mut server = Server::default();
        let (mut next, mut told) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Send(send) => {
                    let run = matches!(send, Send::Query { runs: true } | Send::Execute).then_some(next);
                    if !server.takes(send, run) {
                        continue;
                    }
                    next += 1;
                    match (send, run) {
                        (Send::CopyEnd, _) => session.admits(&Front::CopyEnd),
                        (Send::Query { .. }, Some(run)) => session.runs(SentKind::Query, None, run),
                        (Send::Query { .. }, None) => session.sent(SentKind::Query),
                        (_, Some(run)) => session.runs(SentKind::Execute, Some(Ceiling::new(u64::MAX)), run),
                        (Send::Parse, _) => session.parse(b"a", Rc::new(())),
                        (Send::Bind, _) => session.bind(b"p", Held::new()),
                        (Send::Describe, _) => session.sent(SentKind::Describe),
                        (Send::CloseStatement, _) => session.sent(SentKind::CloseStatement(Box::default())),
                        _ => session.sent(SentKind::Sync),
                    }.unwrap();
                }
                Step::Answer(answer) => for back in server.says(answer) {
                    session.answered(back).unwrap();
                },
            }
            while let Some(Ran { run, rows, failed }) = session.ran() {
                told.push((run, rows, failed.is_some()));
            }
            prop_assert_eq!(&told, &server.told);
            prop_assert_eq!(session.running.len(), session.unanswered.iter().filter(|sent| sent.runs).count());
            let is_answered = |asked: &&Asked| !matches!(asked.send, Send::CopyEnd);
            if server.asked.iter().filter(is_answered).count() == 0 {
                prop_assert!(session.is_quiet(), "{:?}", session.unanswered);
            }
        }
    }
}
