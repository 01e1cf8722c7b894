//! Each rule with the smallest message that breaks it; what is written again is what was read.

use super::header::{Flags, Header};
use super::*;
use crate::flow::Reason;
use proptest::prelude::*;
use std::net::IpAddr;

const HEAD: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0";
const ASKED: &[u8] = b"\x03aPi\x03svc\0\0\x01\0\x01";
const OPT: &[u8] = b"\0\0\x29\x10\0\0\0\x80\0\0\0";

fn query(changes: &[(usize, u8)], more: &[&[u8]]) -> Vec<u8> {
    let mut message = [HEAD, ASKED, &more.concat()].concat();
    changes.iter().for_each(|(at, byte)| message[*at] = *byte);
    message
}

/// An answer to `ASKED` with these records, and their count.
fn answer(records: &[&[u8]]) -> Vec<u8> {
    let mut message = [HEAD, ASKED, &records.concat()].concat();
    (message[2], message[3], message[7]) = (0x81, 0x80, records.len() as u8);
    message
}

fn refused(message: &[u8]) -> &'static str {
    Query::decode(message).unwrap_err().why.name
}

fn refused_answer(message: &[u8]) -> Reason {
    Answer::decode(message).unwrap_err().why
}

#[test]
fn query_is_read() {
    let query = Query::decode(&query(&[(11, 1)], &[OPT])).unwrap();
    assert_eq!((query.id, query.name.to_string(), query.of), (0x1234, "aPi.svc".into(), Type::A));
    assert!(query.dnssec() && query.flags.has(Flags::RD));
    assert_eq!(query.udp_bytes(), 4096);
}

#[test]
fn rule_that_a_query_breaks_is_named() {
    for (name, changes, more) in [
        ("dns-not-a-query", &[(2, 0x81)][..], &[][..]),
        ("dns-opcode", &[(2, 0x28)], &[]),
        ("dns-question-count", &[(5, 0)], &[]),
        ("dns-question-count", &[(5, 2)], &[]),
        ("dns-query-records", &[(2, 0x03)], &[]),
        ("dns-query-records", &[(7, 1)], &[]),
        ("dns-query-records", &[(9, 1)], &[]),
        ("dns-query-records", &[(3, 1)], &[]),
        ("dns-question-type", &[(22, 0)], &[]),
        ("dns-question-type", &[(22, 41)], &[]),
        ("dns-class", &[(24, 3)], &[]),
        ("dns-name-short", &[(11, 1)], &[]),
        ("dns-query-additional", &[(11, 1)], &[&b"\0\0\x01\0\x01\0\0\0\0\0\x04\x0a\0\0\x01"[..]]),
        ("dns-opt-owner", &[(11, 1)], &[&b"\xC0\x0C\0\x29\x10\0\0\0\0\0\0\0"[..]]),
        ("dns-opt-misplaced", &[(11, 2)], &[OPT, OPT]),
        ("dns-opt-option", &[(11, 1)], &[&b"\0\0\x29\x10\0\0\0\0\0\0\x04\0\x0A\0\x01"[..]]),
        ("dns-name-pointer", &[(12, 0xC0), (13, 0x0C)], &[]),
    ] {
        assert_eq!(refused(&query(changes, more)), name);
    }
    for end in 0..HEAD.len() + ASKED.len() {
        assert!(Query::decode(&query(&[], &[])[..end]).is_err());
    }
}

#[test]
fn trailing_bytes_options_do_not_travel() {
    let odd = query(&[(11, 1), (3, 0x40)], &[b"\0\0\x29\xFF\xFF\0\0\0\0\0\x06\xFD\xE9\0\x02hi", b"payload"]);
    let mut out = Vec::new();
    Query::decode(&odd).unwrap().emit(7, &mut out);
    assert_eq!(out, [b"\0\x07\x01\0\0\x01\0\0\0\0\0\x01", ASKED, b"\0\0\x29\x04\xD0\0\0\0\0\0\0"].concat());
}

#[test]
fn records_are_read() {
    let message = answer(&[
        b"\xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x04\x01b\xC0\x10",
        b"\xC0\x25\0\x01\0\x01\0\0\0\x3C\0\x04\x0A\0\0\x01",
    ]);
    let answer = Answer::decode(&message).unwrap();
    assert_eq!(answer.answers[0].alias().unwrap().to_string(), "b.svc");
    assert_eq!(answer.answers[1].owner.to_string(), "b.svc");
    assert_eq!(answer.answers[1].addresses(), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
}

#[test]
fn rule_that_an_answer_breaks_is_named() {
    for (name, records) in [
        ("dns-record-data", &[&b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x03\x0A\0\0"[..]][..]),
        ("dns-record-data", &[b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x05\x0A\0\0\x01\0"]),
        ("dns-record-data", &[b"\xC0\x0C\0\x10\0\x01\0\0\0\x3C\0\x02\x02a"]),
        ("dns-record-data", &[b"\xC0\x0C\0\x10\0\x01\0\0\0\x3C\0\0"]),
        ("dns-short", &[b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\x0A\0"]),
        ("dns-name-pointer", &[b"\xC0\x0C\0\x05\0\x01\0\0\0\x3C\0\x02\xC0\x25"]),
        ("dns-opt-misplaced", &[OPT]),
        ("dns-svcb-parameters", &[b"\xC0\x0C\0\x41\0\x01\0\0\0\x3C\0\x0B\0\x01\0\0\x05\0\0\0\x05\0\0"]),
        ("dns-svcb-hint", &[b"\xC0\x0C\0\x41\0\x01\0\0\0\x3C\0\x0A\0\x01\0\0\x04\0\x03\x0A\0\0"]),
    ] {
        assert_eq!(refused_answer(&answer(records)).name, name);
    }
    assert_eq!(refused_answer(&query(&[], &[])).name, "dns-not-an-answer");
    assert_eq!(refused_answer(&[answer(&[]), vec![0]].concat()).name, "dns-trailing-bytes");
}

#[test]
fn records_are_taken_up_to_their_limit() {
    let many = |count: usize| {
        let mut message = answer(&[]);
        (message[6], message[7]) = ((count >> 8) as u8, count as u8);
        (0..count).for_each(|_| message.extend_from_slice(b"\xC0\x0C\0\x01\0\x01\0\0\0\0\0\x04\x0A\0\0\x01"));
        Answer::decode(&message).map(|answer| answer.answers.len()).map_err(|fault| fault.why.name)
    };
    assert_eq!(many(answer::MAX_RECORDS), Ok(answer::MAX_RECORDS));
    assert_eq!(many(answer::MAX_RECORDS + 1), Err("dns-too-many-records"));
}

#[test]
fn answer_over_its_limit_is_cut() {
    let message = answer(&[&b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\x0A\0\0\x01"[..]; 40]);
    let (query, answer) = (Query::decode(&query(&[], &[])).unwrap(), Answer::decode(&message).unwrap());
    let mut whole = Vec::new();
    answer.emit(&query, 0, MAX_MESSAGE, &mut whole);
    for (limit, cut) in [(whole.len(), false), (whole.len() - 1, true)] {
        let mut out = vec![7; 3];
        answer.emit(&query, 10, limit, &mut out);
        let again = Answer::decode(&out[3..]).unwrap();
        assert_eq!(again.flags.has(Flags::TC), cut);
        assert_eq!(again.answers.len(), if cut { 0 } else { 40 });
        assert!(again.answers.iter().all(|record| record.ttl == 50));
    }
}

#[test]
fn refusal_explains_itself_to_those_who_know_edns() {
    let why = || Some(ExtendedError { code: ExtendedError::BLOCKED, text: "01J".into() });
    for (message, explained) in [(query(&[(11, 1)], &[OPT]), true), (query(&[], &[]), false)] {
        let query = Query::decode(&message).unwrap();
        let mut out = Vec::new();
        Refusal { code: Rcode::NXDOMAIN, why: why() }.emit(&query, &mut out);
        let answer = Answer::decode(&out).unwrap();
        assert_eq!((answer.id, answer.code, answer.answers(&query)), (0x1234, Rcode::NXDOMAIN, true));
        assert_eq!(answer.edns.map(|edns| edns.errors), explained.then(|| vec![why().unwrap()]));
    }
}

#[test]
fn ech_is_taken_out() {
    let data = b"\0\x01\0\0\x01\0\x03\x02h2\0\x04\0\x04\x0A\0\0\x01\0\x05\0\x02xx";
    let record = [b"\xC0\x0C\0\x41\0\x01\0\0\0\x3C\0\x18", &data[..]].concat();
    let mut answer = Answer::decode(&answer(&[&record[..]])).unwrap();
    let Data::Svcb(svcb) = &mut answer.answers[0].data else { panic!("no service binding") };
    assert!(svcb.strip_ech());
    assert!(!svcb.strip_ech());
    assert_eq!(svcb.addresses().collect::<Vec<_>>(), ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    assert_eq!(svcb.parameters.len(), 2);
}

#[test]
fn stream_is_identified() {
    let message = query(&[], &[]);
    let stream = [&(message.len() as u16).to_be_bytes(), &message[..]].concat();
    for end in 0..stream.len() {
        let guess = (PROTOCOL.identify)(&stream[..end]);
        assert_eq!(guess, if end < 18 { Guess::NeedMore } else { Guess::Yes }, "{end}");
    }
    for other in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-OpenSSH_9\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03aaaaaaaa"]
    {
        assert_eq!((PROTOCOL.identify)(other), Guess::No);
    }
}

fn names() -> impl Strategy<Value = Name> {
    let label = prop::collection::vec(any::<u8>(), 1..12);
    prop::collection::vec(label, 0..5).prop_map(|labels| {
        let mut wire: Vec<u8> = vec![0; 12];
        for label in labels {
            wire.push(label.len() as u8);
            wire.extend(label);
        }
        wire.push(0);
        name::read(&wire, 12).unwrap().0
    })
}

fn records() -> impl Strategy<Value = Record> {
    let names_of = |of: Type, before: usize, count: usize, after: usize| {
        let names = prop::collection::vec(names(), count);
        let octets = |count| prop::collection::vec(any::<u8>(), count).prop_map(Vec::into_boxed_slice);
        (octets(before), names, octets(after))
            .prop_map(move |(before, names, after)| (of, Data::Names { before, names, after }))
    };
    let data = prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| (Type::A, Data::Address(octets.into()))),
        any::<[u8; 16]>().prop_map(|octets| (Type::AAAA, Data::Address(octets.into()))),
        names_of(Type::CNAME, 0, 1, 0),
        names_of(Type::SOA, 0, 2, 20),
        names_of(Type::SRV, 6, 1, 0),
        names_of(Type::RRSIG, 18, 1, 30),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|octets| (Type(65280), Data::Octets(octets.into()))),
    ];
    (names(), data, 0..=i32::MAX as u32).prop_map(|(owner, (of, data), ttl)| Record {
        owner,
        of,
        class: Class::IN,
        ttl,
        data,
    })
}

proptest! {
    /// What is written, compressed as it may be, is what was meant.
    #[test]
    fn answer_written_is_answer_read(
        name in names(),
        answers in prop::collection::vec(records(), 0..20),
        authorities in prop::collection::vec(records(), 0..4),
    ) {
        let flags = Flags(Flags::QR | Flags::RA | Flags::RD);
        let query = Query { id: 9, flags: Flags(Flags::RD), name: name.clone(), of: Type::A, edns: None };
        let answer = Answer {
            id: 9, flags, code: Rcode::NOERROR, name, of: Type::A, class: Class::IN,
            answers, authorities, additional: Vec::new(), edns: None,
        };
        let mut out = Vec::new();
        answer.emit(&query, 0, MAX_MESSAGE, &mut out);
        prop_assert_eq!(Answer::decode(&out), Ok(answer));
    }

    /// A name as text is the name again, and its key does not depend on its letter case.
    #[test]
    fn name_written_is_name_read(name in names()) {
        let text = name.to_string();
        let again = Name::parse(if name.is_root() { "" } else { &text }).unwrap();
        prop_assert_eq!(again.wire(), name.wire());
        let text = name.canonical();
        let canonical = Name::parse(if name.is_root() { "" } else { &text }).unwrap();
        prop_assert_eq!(canonical.key(), name.key());
    }

    /// Headers are sixteen-bit words and nothing else.
    #[test]
    fn header_written_is_header_read(id: u16, flags: u16, counts: [u16; 4]) {
        let header = Header { id, flags: Flags(flags), counts };
        let mut out = Vec::new();
        header.emit(&mut out);
        prop_assert_eq!(Header::read(&mut input::Input::new(&out)), Ok(header));
    }
}
