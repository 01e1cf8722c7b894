//! What has run is told of the statement that was sent, whatever is sent and however a server answers: held against a
//! server's [`model`](super::model). And rounds come to the same as the messages they are made of: held
//! against a session that follows those one by one.

use super::model::{Answer, Asked, Send, Server, Step, step};
use super::*;
use proptest::prelude::*;

/// As the server spells it.
fn spelled(says: &[Back<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for back in says {
        bytes.extend_from_slice(match back {
            Back::BindComplete => b"2\0\0\0\x04",
            Back::Described => b"T\0\0\0\x06\0\0",
            Back::Row => b"D\0\0\0\x06\0\0",
            Back::Complete { .. } => b"C\0\0\0\x0dUPDATE 5\0",
            Back::Ready { in_transaction: true } => b"Z\0\0\0\x05T",
            Back::Ready { in_transaction: false } => b"Z\0\0\0\x05I",
            other => panic!("{other:?}"),
        });
    }
    bytes
}

/// A session, and what it has told.
struct Told {
    session: Session<(), usize>,
    told: Vec<(usize, u64, bool)>,
    /// It follows the messages of rounds one by one.
    spells: bool,
}

impl Told {
    fn new(spells: bool) -> Self {
        let mut session = Session::new(&Limits::default());
        session.phase = Phase::Ready;
        Self { session, told: Vec::new(), spells }
    }

    fn tells(&mut self, ran: Ran<usize>) {
        self.told.push((ran.run, ran.rows, ran.failed.is_some()));
    }

    fn sends(&mut self, send: Send, run: Option<usize>) {
        let session = &mut self.session;
        match (send, run) {
            (Send::CopyEnd, _) => session.admits(&Front::CopyEnd),
            (Send::CopyData, _) => session.admits(&Front::CopyData),
            (Send::Query { .. }, Some(run)) => session.runs(SentKind::Query, None, run),
            (Send::Query { .. }, None) => session.sent(SentKind::Query),
            (Send::Round { described }, Some(run)) => {
                let ceiling = Ceiling::new(u64::MAX);
                match session.in_a_round(b"a").map(Rc::clone) {
                    Some(statement) => {
                        session.runs_prepared(statement, described, Some(ceiling), run);
                        Ok(())
                    }
                    None => {
                        session.bind(b"", Held::new()).unwrap();
                        if described {
                            session.sent(SentKind::Describe).unwrap();
                        }
                        session.runs(SentKind::Execute, Some(ceiling), run).unwrap();
                        session.sent(SentKind::Sync)
                    }
                }
            }
            (_, Some(run)) => session.runs(SentKind::Execute, Some(Ceiling::new(u64::MAX)), run),
            (Send::Parse, _) => session.parse(b"a", Rc::new(())),
            (Send::Bind, _) => session.bind(b"p", Held::new()),
            (Send::Describe, _) => session.sent(SentKind::Describe),
            (Send::CloseStatement, _) => session.sent(SentKind::CloseStatement(Box::default())),
            _ => session.sent(SentKind::Sync),
        }
        .unwrap();
        if self.spells {
            self.session.spell_out().unwrap();
        }
    }

    fn hears(&mut self, says: &[Back<'static>], in_one_piece: bool) {
        if in_one_piece && self.session.round.is_some() {
            let in_transaction = says.contains(&Back::Ready { in_transaction: true });
            let outlives = self.session.round.as_ref().is_some_and(|round| round.messages() > 1) && in_transaction;
            let ran = self.session.answered_at_once(&spelled(says));
            assert_eq!(ran.is_none(), outlives);
            if let Some(ran) = ran {
                return self.tells(ran);
            }
        }
        for back in says {
            self.session.answered(*back).unwrap();
        }
        while let Some(ran) = self.session.ran() {
            self.tells(ran);
        }
    }

    /// What can be seen of it when no round is under way.
    fn seen(&self) -> Option<[usize; 6]> {
        let session = &self.session;
        let portals = |name: &[u8]| session.portals.of(name, session.pipeline()).len();
        session.round.is_none().then(|| {
            let statements = session.statements.of(b"a", session.pipeline()).len();
            let flags = usize::from(session.skipping) + 2 * usize::from(session.copying);
            [portals(b""), portals(b"p"), statements, session.pipeline as usize, session.unanswered.len(), flags]
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn what_has_run_is_what_was_sent(steps in prop::collection::vec(step(), 1..60)) {
        let (mut told, mut other) = (Told::new(false), Told::new(true));
        let mut server = Server::default();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Send(send) => {
                    let pieces = match send {
                        Send::Round { described: true } => vec![Send::Bind, Send::Describe, Send::Execute, Send::Sync],
                        Send::Round { described: false } => vec![Send::Bind, Send::Execute, Send::Sync],
                        _ => vec![send],
                    };
                    if matches!(send, Send::Round { .. }) && server.copies {
                        continue;
                    }
                    let is_run = matches!(send, Send::Query { runs: true } | Send::Execute | Send::Round { .. });
                    let run = is_run.then_some(next);
                    let takes = |send| {
                        let runs = matches!(send, Send::Query { runs: true } | Send::Execute);
                        server.takes(send, run.filter(|_| runs))
                    };
                    if !pieces.into_iter().all(takes) {
                        continue;
                    }
                    next += 1;
                    told.sends(send, run);
                    other.sends(send, run);
                }
                Step::Answer(answer) => {
                    let says = match answer {
                        Answer::Whole(rows) => server.says_all(rows),
                        _ => server.says(answer),
                    };
                    told.hears(&says, matches!(answer, Answer::Whole(_)));
                    other.hears(&says, false);
                }
                Step::Transaction(in_transaction) => server.in_transaction = in_transaction,
            }
            for told in [&told, &other] {
                prop_assert_eq!(&told.told, &server.told);
                let session = &told.session;
                prop_assert_eq!(session.running.len(), session.unanswered.iter().filter(|sent| sent.runs).count());
                prop_assert!(session.round.is_none() || session.unanswered.is_empty());
                let is_answered = |asked: &&Asked| !asked.is_of_a_copy();
                if server.asked.iter().filter(is_answered).count() == 0 {
                    prop_assert!(session.is_quiet(), "{:?}", session.unanswered);
                }
            }
            prop_assert_eq!(told.session.unanswered(), other.session.unanswered());
            if told.seen().is_some() {
                prop_assert_eq!(told.seen(), other.seen());
            }
        }
        told.session.spell_out().unwrap();
        prop_assert_eq!(told.seen(), other.seen());
    }
}
