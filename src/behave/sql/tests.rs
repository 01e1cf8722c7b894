//! What honest applications do is no sign; what tools do is one, after so many tries and not before.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn asked(watch: &Watch, text: &str, statements: usize, now: Duration) -> Vec<&'static str> {
    let signs = watch.asked(watch.kind("app"), &Asked { fingerprint: text, normalised: text, statements }, now);
    signs.iter().map(|sign| sign.name).collect()
}

fn ended(watch: &Watch, text: &str, failed: Option<&[u8; 5]>, now: Duration) {
    watch.ended(watch.kind("app"), &Ended { fingerprint: text, failed: failed.copied() }, now);
}

#[test]
fn passwords_may_fail_now_and_then() {
    let watch = Watch::default();
    let caller = watch.kind("caller");
    for number in 0..1000 {
        watch.login_failed(caller, SECOND * 10 * number);
    }
    assert_eq!(watch.opens(caller, SECOND * 10_000), None);
}

#[test]
fn guessing_is_refused_until_it_rests() {
    let watch = Watch::default();
    let (caller, other) = (watch.kind("caller"), watch.kind("other"));
    let refused = |at| watch.opens(caller, at).is_some();
    for number in 0..10 {
        assert!(!refused(SECOND), "{number}");
        watch.login_failed(caller, SECOND);
    }
    assert!(refused(SECOND) && watch.opens(other, SECOND).is_none());
    assert!(!refused(SECOND * 40));
}

#[test]
fn one_mistake_is_one_text_however_often_it_fails() {
    let watch = Watch::default();
    (0..100).for_each(|_| ended(&watch, "selec ?", Some(b"42601"), SECOND));
    assert!(asked(&watch, "select new", 1, SECOND).is_empty());
}

#[test]
fn texts_that_fail_in_many_ways_shut_out_what_is_new() {
    let watch = Watch::default();
    ended(&watch, "select own", None, SECOND);
    for number in 0..8 {
        assert!(asked(&watch, "select new", 1, SECOND).is_empty(), "{number}");
        ended(&watch, &format!("select {number}"), Some(b"42703"), SECOND);
    }
    assert_eq!(asked(&watch, "select new", 1, SECOND), ["sql-failing-variants"]);
    assert!(asked(&watch, "select own", 1, SECOND).is_empty());
    assert!(asked(&watch, "select new", 1, SECOND * 61).is_empty());
}

#[test]
fn constraints_and_conflicts_are_no_probing() {
    let watch = Watch::default();
    for (number, code) in [b"23505", b"40001", b"40P01", b"57014", b"42501"].into_iter().cycle().take(100).enumerate() {
        ended(&watch, &format!("insert {number}"), Some(code), SECOND);
    }
    assert!(asked(&watch, "select new", 1, SECOND).is_empty());
}

#[test]
fn one_character_after_the_other_is_blind_extraction() {
    for text in [
        "select id from t where a = ? and ascii ( substr ( ( select secret from vault ) , ? , ? ) ) > ?",
        "select id from t where a = ? and ( select length ( secret ) from vault ) > ?",
    ] {
        let watch = Watch::default();
        let signs: Vec<_> = (0..12).map(|_| asked(&watch, text, 1, SECOND).len()).collect();
        assert_eq!(signs, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "{text}");
    }
}

#[test]
fn runs_that_tell_by_their_time_are_told_once() {
    let watch = Watch::default();
    let took =
        |text: &str, millis| watch.took(watch.kind("app"), text, Duration::from_millis(millis), SECOND).is_some();
    let told: Vec<_> = (0..12).map(|number| took("a", if number % 2 == 0 { 1000 } else { 5 })).collect();
    assert_eq!(told.iter().position(|told| *told), Some(9));
    assert_eq!(told.iter().filter(|told| **told).count(), 1);
    // All alike, and what is neither long nor short.
    assert!((0..50).all(|_| !took("b", 1000) && !took("c", 5) && !took("d", 200)));
}

#[test]
fn pieces_are_asked_for_by_functions() {
    for (text, asks) in [
        ("select id from t where case when substr ( a , ? , ? ) > ? then f ( a ) end = ?", true),
        ("select mid ( a , ? , ? ) from t", true),
        ("select id , length from t where left = ?", false),
    ] {
        assert_eq!(asks_for_a_piece(text), asks, "{text}");
    }
}

#[test]
fn functions_on_columns_are_no_extraction() {
    for text in [
        "select id from t where length ( name ) > ? and id in ( select id from u )",
        "select ( select count ( * ) from u ) , left ( name , ? ) from t",
        "select a from ( select substring_index from t ) x",
        "select position from ( select ascii from t ) x",
    ] {
        assert!(!is_extracting(text), "{text}");
    }
}

#[test]
fn who_never_stacked_does_not_begin() {
    let watch = Watch::default();
    for _ in 0..200 {
        assert!(asked(&watch, "select ?", 1, SECOND).is_empty());
    }
    assert_eq!(asked(&watch, "select ? ; update t", 2, SECOND), ["sql-first-stacked"]);
    let watch = Watch::default();
    for number in 0..1000 {
        let statements = if number % 100 == 7 { 2 } else { 1 };
        assert!(asked(&watch, "select ?", statements, SECOND).is_empty());
    }
}

#[test]
fn many_more_rows_than_ever_are_told_once() {
    let watch = Watch::default();
    let read = |rows, at: u32| watch.read(watch.kind("app"), rows, SECOND * at).is_some();
    for window in 0..4 {
        assert!(!read(2000, window * 10));
    }
    assert_eq!([read(49_999, 41), read(1, 42), read(100_000, 43), read(50_000, 51)], [false, true, false, false]);
    let fresh = Watch::default();
    assert_eq!(fresh.read(fresh.kind("app"), 1_000_000, SECOND), None);
}
