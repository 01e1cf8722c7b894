//! Both ends of a session, step by step: who answers what, and what becomes of names.

use super::*;
use smallvec::smallvec;

const READY: Back<'_> = Back::Ready { in_transaction: false };
const DONE: Back<'_> = Back::Complete { drops_all: false, rows: 7 };
const FAILED: Back<'_> = Back::Error { fatal: false, code: *b"42601" };

fn ready() -> Session<&'static str> {
    let mut session = Session::new(&Limits::default());
    for back in [Back::Challenge, Back::Authenticated, READY] {
        session.admits(&Front::Password).ok();
        session.answered(back).unwrap();
    }
    session
}

fn denied() -> Option<Denied> {
    Some(Denied { event: "e".into(), code: "42501" })
}

#[test]
fn nothing_is_asked_before_the_server_is_ready() {
    let mut session: Session<()> = Session::new(&Limits::default());
    assert_eq!(session.admits(&Front::Query(b"")), Err(STATE));
    assert_eq!(session.admits(&Front::Password), Err(STATE));
    session.answered(Back::Challenge).unwrap();
    assert_eq!((session.admits(&Front::Password), session.admits(&Front::Password)), (Ok(()), Err(STATE)));
    session.answered(Back::Authenticated).unwrap();
    assert_eq!(session.answered(READY), Ok(Answered::Begun));
    assert_eq!(session.admits(&Front::Query(b"")), Ok(()));
    assert_eq!((session.admits(&Front::Password), session.admits(&Front::CopyData)), (Err(STATE), Ok(())));
}

#[test]
fn denial_answers_the_statement_it_stands_for() {
    let mut session = ready();
    session.sent(SentKind::Query).unwrap();
    session.replaced(SentKind::Query, denied().unwrap()).unwrap();
    assert_eq!(session.answered(FAILED), Ok(Answered::Pass));
    session.answered(READY).unwrap();
    assert_eq!(session.answered(FAILED), Ok(Answered::Denied(denied().unwrap())));
    session.answered(READY).unwrap();
    assert!(session.is_quiet());
}

#[test]
fn pipeline_after_an_error_is_skipped_to_its_sync() {
    let mut session = ready();
    session.parse(b"a", Rc::new("a")).unwrap();
    session.replaced(SentKind::Parse { name: b"x".as_slice().into(), number: 0 }, denied().unwrap()).unwrap();
    session.parse(b"b", Rc::new("b")).unwrap();
    assert_eq!(session.answered(Back::ParseComplete), Ok(Answered::Pass));
    assert_eq!(session.answered(FAILED), Ok(Answered::Denied(denied().unwrap())));
    session.parse(b"c", Rc::new("c")).unwrap();
    session.sent(SentKind::Sync).unwrap();
    session.parse(b"d", Rc::new("d")).unwrap();
    session.answered(READY).unwrap();
    let held = |name: &[u8]| session.statements.of(name, u64::MAX).len();
    assert_eq!((held(b"a"), held(b"b"), held(b"c"), held(b"d")), (1, 0, 0, 1));
}

#[test]
fn name_that_is_closed_may_be_taken_again_before_the_server_answers() {
    let mut session = ready();
    session.parse(b"a", Rc::new("old")).unwrap();
    session.sent(SentKind::Sync).unwrap();
    session.sent(SentKind::CloseStatement(b"a".as_slice().into())).unwrap();
    session.sent(SentKind::Sync).unwrap();
    session.parse(b"a", Rc::new("new")).unwrap();
    session.sent(SentKind::Sync).unwrap();
    for back in [Back::ParseComplete, READY, Back::CloseComplete, READY, Back::ParseComplete, READY] {
        session.answered(back).unwrap();
    }
    assert_eq!(session.statements.of(b"a", u64::MAX).as_slice(), [Rc::new("new")]);
}

#[test]
fn sync_during_a_copy_is_not_answered() {
    let mut session = ready();
    session.bind(b"", smallvec![Rc::new("copy")]).unwrap();
    session.sent(SentKind::Execute).unwrap();
    session.sent(SentKind::Sync).unwrap();
    session.answered(Back::BindComplete).unwrap();
    session.answered(Back::CopyIn).unwrap();
    assert_eq!(session.admits(&Front::Query(b"")), Err(STATE));
    for front in [Front::CopyData, Front::CopyEnd] {
        assert_eq!(session.admits(&front), Ok(()));
    }
    session.sent(SentKind::Sync).unwrap();
    session.answered(DONE).unwrap();
    session.answered(READY).unwrap();
    assert!(session.is_quiet());
}

#[test]
fn copy_that_ends_before_it_is_asked_for_is_over() {
    let mut session = ready();
    session.sent(SentKind::Query).unwrap();
    for front in [Front::CopyData, Front::CopyEnd] {
        assert_eq!(session.admits(&front), Ok(()));
    }
    session.sent(SentKind::Sync).unwrap();
    session.answered(Back::CopyIn).unwrap();
    assert_eq!(session.admits(&Front::Query(b"")), Ok(()));
    session.answered(READY).unwrap();
    session.answered(READY).unwrap();
    assert!(session.is_quiet());
}

#[test]
fn unanswered_messages_end_at_their_limit() {
    let mut session = ready();
    session.most_unanswered = 1;
    session.sent(SentKind::Sync).unwrap();
    assert_eq!(session.sent(SentKind::Sync), Err(TOO_MANY));
}

#[test]
fn rows_end_at_their_ceiling() {
    let mut session = ready();
    assert_eq!(session.answered(Back::Row), Err(STATE));
    let ceiling = Ceiling::new(2);
    for _ in 0..2 {
        session.runs(SentKind::Execute, Some(ceiling.clone()), ()).unwrap();
    }
    assert_eq!((session.brings(1), session.answered(DONE)), (Ok(()), Ok(Answered::Pass)));
    assert_eq!((session.brings(1), session.answered(Back::Row)), (Ok(()), Err(ROWS)));
}

#[test]
fn rows_of_rounds_end_at_their_ceiling() {
    let mut session = ready();
    let ceiling = Ceiling::new(2);
    let asks = |session: &mut Session<&'static str>, rows: usize| {
        session.runs(SentKind::Query, Some(ceiling.clone()), ()).unwrap();
        let rows = b"D\0\0\0\x06\0\0".repeat(rows);
        session.answered_at_once(&[&rows[..], b"C\0\0\0\x0dUPDATE 7\0Z\0\0\0\x05I"].concat()).map(|ran| ran.rows)
    };
    // What is changed does not count, what is brought does, of all that has this ceiling.
    assert_eq!((asks(&mut session, 0), asks(&mut session, 1)), (Some(7), Some(1)));
    assert_eq!((asks(&mut session, 2), session.brings(1), session.brings(1)), (None, Ok(()), Err(ROWS)));
}

#[test]
fn what_has_run_is_told_with_its_rows() {
    let mut session: Session<&str, u8> = Session::new(&Limits::default());
    session.phase = Phase::Ready;
    session.runs(SentKind::Query, None, 1).unwrap();
    for number in 2..5 {
        session.runs(SentKind::Execute, None, number).unwrap();
    }
    session.sent(SentKind::Sync).unwrap();
    // The first sends two rows and changes seven, the second suspends after one, the third fails, the fourth is skipped.
    for back in [Back::Row, Back::Row, DONE, DONE, READY, Back::Row, DONE, FAILED, READY] {
        session.answered(back).unwrap();
    }
    let ran = |run, rows, failed| Some(Ran { run, rows, failed });
    assert_eq!((session.ran(), session.ran()), (ran(1, 9, None), ran(2, 1, None)));
    assert_eq!((session.ran(), session.ran()), (ran(3, 0, Some(*b"42601")), None));
}

#[test]
fn what_runs_when_the_server_ends_the_session_has_failed() {
    let mut session: Session<&str, u8> = Session::new(&Limits::default());
    session.phase = Phase::Ready;
    for number in 1..3 {
        session.runs(SentKind::Query, None, number).unwrap();
    }
    assert_eq!(session.answered(Back::Error { fatal: true, code: *b"57P01" }), Ok(Answered::Pass));
    assert_eq!((session.ran(), session.ran()), (Some(Ran { run: 1, rows: 0, failed: Some(*b"57P01") }), None));
    assert!(session.is_over());
}

#[test]
fn server_that_answers_what_was_not_asked_is_refused() {
    let mut session = ready();
    assert_eq!(session.answered(Back::ParseComplete), Err(STATE));
    assert_eq!(session.answered(Back::CopyBoth), Err(UNSUPPORTED));
    assert_eq!(session.answered(Back::Authenticated), Err(STATE));
    let encoding = Back::Parameter { name: b"client_encoding", value: b"SJIS" };
    assert_eq!(session.answered(encoding), Err(ENCODING));
}
