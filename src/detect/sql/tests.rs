//! What is denied and what is not, by context and dialect; and how much reading costs at worst.

use super::*;
use crate::flow::Place;
use proptest::prelude::*;

fn weight(value: &[u8]) -> u32 {
    weight_at(Place::QueryValue, value)
}

fn weight_at(place: Place, value: &[u8]) -> u32 {
    let part = Part::plain(place, b"q", value);
    let mut found = Found::default();
    SQL.inspect(&part, &mut found, &mut Fuel::new(1_000_000));
    found.total()
}

#[track_caller]
fn denied(values: &[&str]) {
    for value in values {
        assert!(weight(value.as_bytes()) >= 100, "passes: {value}");
    }
}

#[track_caller]
fn allowed(values: &[&str]) {
    for value in values {
        assert!(weight(value.as_bytes()) < 100, "denied: {value}");
    }
}

#[test]
fn tautology_is_denied_in_each_context() {
    denied(&[
        "7 or 3=3",
        "x' or 'q'='q",
        "x\" or \"q\"=\"q",
        "x') or ('q'='q",
        "7) or (3=3",
        "x%' or 2>1 -- ",
        "x` or 3=3#",
    ]);
}

#[test]
fn tautology_is_denied_in_each_spelling() {
    denied(&[
        "7 || 3=3",
        "7 && 3 like 3",
        "7 or not 3=4",
        "7 and 3 between 2 and 4",
        "7/**/or/**/3=3",
        "7\u{a0}or\u{b}3=3",
        "7+or+3=3",
        "7 xor 3 rlike 3",
        "7 or true-- ",
        "x' or not false#",
        "x' or 0x33=0x33-- a",
        "7 or pin=pin",
        "7 and char(51)=char(51)",
    ]);
}

#[test]
fn union_is_denied_in_each_spelling() {
    denied(&[
        "9 union select name,2 from staff",
        "9/**/UnIoN/**/aLl/**/sElEcT/**/1,2",
        "9 union(select(1),(2))",
        "x' union distinct select null,null#",
        "9 /*!50000union*/ /*!50000select*/ 1,2",
        "-1e0union\nselect\t1,@@version",
        "-.9union select 1,2",
        "9dunion select 1,2 from dual",
        "9) union all select 1,2-- q",
        "9 union values(1,2)",
    ]);
}

#[test]
fn stacked_statement_is_denied() {
    denied(&[
        "4; drop table staff",
        "x'; exec master..xp_dirtree 'c:'--",
        "4;waitfor delay '0:0:9'",
        "x' waitfor delay '0:0:9'--",
        "x'; select pg_sleep(9)--",
        "4;declare @a varchar(9);set @a=0x41;exec(@a)",
        "x';copy staff from program 'id'--",
        "x'; update staff set pin=1 where name='q",
        "x'; call wipe#",
        "4; alter table staff disable trigger all",
    ]);
}

#[test]
fn sort_key_that_goes_on_is_denied() {
    denied(&[
        "price desc,(select sleep(9))",
        "items.price asc, (select pin from staff)",
        "price asc, if(3=3,sleep(9),0)",
        "price desc; drop table staff",
        "case when (3=3) then name else price end",
        "4; grant all on *.* to mallory",
    ]);
    allowed(&[
        "price desc",
        "items.price asc, name desc",
        "price desc, 2",
        "name asc; price desc",
        "case when it rains",
        "in case when (a) is late",
    ]);
}

#[test]
fn time_and_error_functions_are_denied() {
    denied(&[
        "x' and sleep(9)-- -",
        "4 and 0=benchmark(900000,md5(1))",
        "x'||pg_sleep(9)--",
        "x'||dbms_pipe.receive_message('a',9)||'",
        "x' and extractvalue(1,concat(0x7e,version()))#",
        "x' and 1=utl_inaddr.get_host_address((select user from dual))--",
        "4 and 1=cast((select pin from staff limit 1)::text as int)",
        "4 or 1=(select count(*) from sysusers a,sysusers b)",
        "4 and 1=convert(int,@@version)",
        "x' and randomblob(900000000) and 'q'='q",
    ]);
}

#[test]
fn blind_conditions_are_denied() {
    denied(&[
        "4 and ascii(substring((select pin from staff limit 1),1,1))>64",
        "x' and ord(mid((select pin from staff order by id limit 0,1),1,1))>64#",
        "(select case when (3=3) then 1 else 1/(select 0) end)",
        "x' and length(database())=6 and 'q'='q",
        "4 and exists(select * from staff)",
        "x' and substr((select name from sqlite_master),1,1)='a",
    ]);
}

#[test]
fn clauses_and_probes_are_denied() {
    denied(&[
        "4 order by 11-- q",
        "x' order by 4#",
        "4 group by 1,2 having 3=3",
        "4 limit 1,1 procedure analyse(1,1)",
        "x' into outfile '/tmp/q'#",
        "x') as t where 3=3 or ('q'='q",
        "x' in boolean mode) or 3=3#",
    ]);
}

#[test]
fn truncation_is_denied() {
    denied(&["admin'-- ", "admin') --", "x\"--", "x' or 3=3/*"]);
    denied(&["admin' #", "admin'#", "admin '#", "x\" # ", "x'/*", "'#"]);
    allowed(&["charcoal soap 1 '#", "'#'", "the mark '#'.", "5' #3", "12\" #2", "the Smiths' #1 fan"]);
}

/// As the funnel does it: woken first.
fn woken(value: &str) -> bool {
    let part = Part::plain(Place::QueryValue, b"q", value.as_bytes());
    let mut found = Found::default();
    static ALONE: &[&dyn Detector] = &[&SQL];
    crate::detect::Detectors::compile(ALONE, Vec::new()).inspect(&[part], &mut found, &mut Fuel::new(1_000_000));
    found.total() >= 100
}

#[test]
fn condition_of_numbers_alone_wakes_the_detector() {
    for value in ["7 || 3=3", "7||3=3", "7||5>3", "7||3<5", "7&&3=3", "7 && 5>3"] {
        assert!(woken(value), "{value}");
    }
    for value in ["3=3", "7|3", "3=3|4=4", "5>3", "1-2=3"] {
        assert!(!woken(value), "{value}");
    }
}

#[test]
fn statement_of_its_own_wakes_the_detector() {
    for value in [
        "create table q (a text);",
        "alter table q add a int;",
        "truncate table q;",
        "select * from q;drop table q",
        "select 1; drop table q",
        "7;call shop.wipe(@q)",
        "7 or pin is not null",
        "7||pin is not null",
        "select * from q; copy q to '/tmp/q';",
        "uni\\\",\\\"on sel\\\",\\\"ect 1,2",
    ] {
        assert!(woken(value), "{value}");
    }
    for value in [
        "create table",
        "select * from q;",
        "create table bookings; thanks",
        "at 5; call me back",
        "7; call me back",
        "please alter table q; sit down",
    ] {
        assert!(!woken(value), "{value}");
    }
}

#[test]
fn statement_in_an_attribute_is_its_own() {
    assert!(weight_at(Place::XmlAttribute, b"drop table q;") >= 100);
    assert!(weight_at(Place::XmlText, b"drop table q;") < 100);
}

#[test]
fn dialect_decides_where_a_string_ends() {
    denied(&["x\\' or 3=3-- ", "x' or $$q$$=$$q", "x' or q'[a]'=q'[a]'--", "x' or e'q'='q", "x' or [pin]=[pin]--"]);
}

#[test]
fn names_and_prose_are_allowed() {
    allowed(&[
        "O'Reilly",
        "d'Artagnan et l'Homme, c'est l'union",
        "rock 'n' roll or jazz",
        "the union select committee meets at 9",
        "please select one or order by phone; drop by the table",
        "It's \"fine\" and it's here -- really",
        "5'6\" or taller",
        "7\" #2 needle and 3/4\" - old",
        "the girls' or boys' team",
        "insert coin; update your records; delete from memory",
        ":'-( or :'-)",
        "1950 or 1960",
        "buy 1 and get 1",
        "Select all that apply",
        "we sleep (8 hours) and wake",
    ]);
}

#[test]
fn other_languages_are_allowed() {
    allowed(&[
        "Price gt 20 and Name eq 'x'",
        "rate(http_requests_total{code=\"500\"}[5m]) > 0 and up == 1",
        "(used / size) * 100 > 90 and size > 0",
        "title:\"foo\" AND (status:open OR status:new)",
        "a=b; c=d; session=1",
        "if (a == b && c != d) { return x; }",
        "Mozilla/5.0 (X11; Linux x86_64; rv:1.9) Gecko/1 Firefox/2",
        "project = WEB AND status = Open ORDER BY created",
        "{\"a\": \"b\", \"c\": [1, 2]}",
        "const a = 'b' + c + 'd';",
        "color: #fff; width: calc(1px + 2px)",
        "text/html,application/xml;q=0.9,*/*;q=0.8",
        "2026-01-02T03:04:05+00:00",
        "f(x) = (x - 1) * 2",
        "SELECT o.id, o.total FROM orders o WHERE o.day > '2026-01-01' ORDER BY o.total LIMIT 5;",
    ]);
}

#[test]
fn script_of_statements_is_allowed_where_texts_stand() {
    let script = b"CREATE TABLE a (b text DEFAULT ''); UPDATE a SET b = 'c'; DELETE FROM a WHERE b = 'd';";
    assert!(weight_at(Place::JsonValue, script) < 100);
    assert!(weight_at(Place::QueryValue, script) >= 100);
}

#[test]
fn endless_expression_is_denied_at_its_limit() {
    let within = format!("x{}", "'+1".to_owned() + &"+1".repeat(MAX_EFFORT / 2 - 1));
    let beyond = format!("x{}", "'+1".to_owned() + &"+1".repeat(MAX_EFFORT / 2));
    assert_eq!((weight(within.as_bytes()), weight(beyond.as_bytes())), (0, 100));
}

#[test]
fn empty_budget_finds_nothing_further() {
    assert_eq!(heaviest(b"7 or 3=3", Classes::in_bytes(b"7 or 3=3"), &mut Fuel::new(3)), Err(Empty));
}

#[test]
fn counts_do_not_wrap_on_a_long_value() {
    let padding = "3=3,".repeat(70_000);
    let part = format!("7 in ({padding}3) or 3=3");
    let found = heaviest(part.as_bytes(), Classes::in_bytes(part.as_bytes()), &mut Fuel::new(u64::MAX)).unwrap();
    assert!(found.is_some_and(|(_, weight, _)| weight == Weight::CERTAIN));
}

/// Steps that reading takes.
fn steps(value: &[u8]) -> u64 {
    let mut fuel = Fuel::new(u64::MAX);
    assert!(heaviest(value, Classes::in_bytes(value), &mut fuel).is_ok());
    u64::MAX - fuel.left()
}

fn bound(value: &[u8]) -> u64 {
    STEPS_PER_BYTE * (value.len() + MAX_EFFORT) as u64
}

/// Looks for the dearest 1 KB among repetitions of a few pieces.
#[test]
fn searched_worst_inputs_stay_within_the_bound() {
    let pieces = [
        "'", "''", "\"", "`", "a", "1", "a=", ";", "#", "$", "+", "(", ")", ",", "/**/", "--\n", "or ", "select ",
        "a.", "case ",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap_or_default()
    };
    for _ in 0..3000 {
        let start = pieces[random(pieces.len())].to_owned() + pieces[random(pieces.len())];
        let pattern: String = (0..=random(3)).map(|_| pieces[random(pieces.len())]).collect();
        let mut value = (start + &pattern.repeat(1024 / pattern.len())).into_bytes();
        value.truncate(1024);
        assert!(steps(&value) <= bound(&value), "{} steps: {}", steps(&value), String::from_utf8_lossy(&value));
    }
}

proptest! {
    #[test]
    fn steps_are_bounded(value in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(steps(&value) <= bound(&value));
    }

    #[test]
    fn steps_are_bounded_for_what_looks_like_sql(value in "['\"`()#;+, a1=/*-]{0,300}") {
        prop_assert!(steps(value.as_bytes()) <= bound(value.as_bytes()));
    }
}

#[test]
fn comparison_that_begins_a_text_is_no_condition() {
    allowed(&["5 < 7 and 9 > 3, as everyone knows", "/v1/5 < 7 and 9 > 3; it's all", "(5 < 7 and 9 > 3; it's all"]);
    denied(&["5 or 3=3, as everyone knows", " or 3=3, as everyone knows", "5 < 7 and 9 > 3"]);
}

#[test]
fn last_word_in_quotes_is_no_operator() {
    allowed(&["the word is 'and'", "the word is \"or\". ", "select 'and'"]);
    denied(&["x'or'", "x 'or'q'='q", "x 'or'--"]);
}
