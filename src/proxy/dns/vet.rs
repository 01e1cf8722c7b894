//! What an answer must be before the pod sees it: about what was asked, of the Internet's class, and, for a name of the
//! public Internet, not leading into the pod's own network.

use crate::flow::{Kind, Reason};
use crate::protocol::dns::{Answer, Class, Data, Name, Query, Record, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A public name leads to a private address (DNS rebinding).
pub(super) const REBINDING: Reason =
    Reason::new("dns-rebinding", Kind::Attack, "a public name leads to a private, local or metadata address");
/// A record is about a name that nobody asked for.
pub(super) const OWNER: Reason =
    Reason::new("dns-answer-owner", Kind::Attack, "an answer brings records of names that were not asked for");
/// A record of another class than IN.
pub(super) const CLASS: Reason =
    Reason::new("dns-answer-class", Kind::Attack, "an answer brings records of another class than IN");

/// Whether a name is one of the cluster's or the owner's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inside {
    Yes,
    No,
}

/// Why an answer does not pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Objection {
    pub(super) why: Reason,
    pub(super) detail: String,
}

/// Aliases followed from the name that was asked for. Longer chains do not exist in practice.
const ALIASES: usize = 32;

/// Looks at every record of the answer section.
pub(super) fn check(answer: &Answer, query: &Query, inside: Inside) -> Result<(), Objection> {
    if let Some(record) = answer.records().find(|record| record.class != Class::IN) {
        return Err(Objection { why: CLASS, detail: format!("class {} of {}", record.class.0, record.owner) });
    }
    let names = chain(answer, &query.name);
    if let Some(record) = answer.answers.iter().find(|record| !is_asked(record, &names)) {
        return Err(Objection { why: OWNER, detail: format!("{} {}", record.of.name(), record.owner) });
    }
    let wrong =
        answer.records().flat_map(Record::addresses).find(|address| inside == Inside::No && is_private(*address));
    match wrong {
        Some(address) => Err(Objection { why: REBINDING, detail: format!("{} leads to {address}", query.name) }),
        None => Ok(()),
    }
}

/// The name asked for, and every alias that leads on from it.
fn chain(answer: &Answer, asked: &Name) -> Vec<Name> {
    let mut names = vec![asked.clone()];
    for _ in 0..ALIASES {
        let Some(last) = names.last() else { break };
        let alias = |record: &&Record| record.of == Type::CNAME && record.owner == *last;
        let next = answer.answers.iter().find(alias).and_then(Record::alias);
        match next.filter(|next| !names.contains(next)) {
            Some(next) => names.push(next.clone()),
            None => break,
        }
    }
    names
}

/// A DNAME stands above the name that it redirects (RFC 6672 §2.3), its signature beside it.
fn is_asked(record: &Record, names: &[Name]) -> bool {
    let above = matches!(record.of, Type::DNAME | Type::RRSIG);
    names.iter().any(|name| record.owner == *name || above && name.is_within(&record.owner))
}

/// Takes out what a stub resolver has no use for: additional records, and of authorities all that proves nothing.
pub(super) fn trim(answer: &mut Answer, query: &Query) {
    let dnssec = query.dnssec();
    answer.additional.clear();
    answer.authorities.retain(|record| match record.of {
        Type::SOA => true,
        Type::NS | Type::DS | Type::NSEC | Type::NSEC3 | Type::RRSIG => dnssec,
        _ => false,
    });
}

/// Takes out Encrypted ClientHello keys: a connection whose name is hidden cannot be held against its grant.
pub(super) fn strip_ech(answer: &mut Answer) {
    for record in answer.records_mut() {
        if let Data::Svcb(svcb) = &mut record.data {
            svcb.strip_ech();
        }
    }
}

/// Bytes of records that can hold anything: what a tunnel brings in.
pub(super) fn free_bytes(answer: &Answer) -> usize {
    let free = |record: &&Record| {
        !matches!(record.of, Type::A | Type::AAAA | Type::SOA | Type::NS | Type::RRSIG | Type::DNSKEY | Type::DS)
            && !matches!(record.of, Type::NSEC | Type::NSEC3 | Type::SRV | Type::PTR | Type::SVCB | Type::HTTPS)
    };
    answer.answers.iter().filter(free).map(|record| record.data.bytes()).sum()
}

/// Addresses that no public name has a reason to lead to (RFC 6890, RFC 6598, RFC 4193, and those embedded by RFC 4291
/// §2.5.5.2, RFC 6052 §2.1, RFC 3056 §2).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => {
            embedded(address).is_some_and(is_private_v4)
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || first == 0
        || first == 100 && second & 0xC0 == 64
        || first == 192 && second == 0
        || first == 198 && second & 0xFE == 18
        || first >= 240
}

fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let low = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xFFFF, a, b] | [0x64, 0xFF9B, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => Some(low(a, b)),
        [0, 0, 0, 0, 0, 0, a, b] if a > 0 => Some(low(a, b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::dns::Rcode;
    use crate::protocol::dns::header::Flags;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn query(text: &str) -> Query {
        Query { id: 1, flags: Flags(Flags::RD), name: name(text), of: Type::A, edns: None }
    }

    fn record(owner: &str, of: Type, data: Data) -> Record {
        Record { owner: name(owner), of, class: Class::IN, ttl: 60, data }
    }

    fn address(owner: &str, address: &str) -> Record {
        record(owner, Type::A, Data::Address(address.parse().unwrap()))
    }

    fn alias(owner: &str, to: &str) -> Record {
        let data = Data::Names { before: Box::new([]), names: vec![name(to)], after: Box::new([]) };
        record(owner, Type::CNAME, data)
    }

    fn answer(answers: Vec<Record>) -> Answer {
        Answer {
            id: 1,
            flags: Flags(Flags::QR),
            code: Rcode::NOERROR,
            name: name("a.example.org"),
            of: Type::A,
            class: Class::IN,
            answers,
            authorities: Vec::new(),
            additional: Vec::new(),
            edns: None,
        }
    }

    fn objection(answers: Vec<Record>) -> Option<&'static str> {
        check(&answer(answers), &query("A.example.org"), Inside::No).err().map(|objection| objection.why.name)
    }

    #[test]
    fn private_address_of_a_public_name_is_rebinding() {
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert_eq!(objection(vec![address("a.example.org", private)]), Some("dns-rebinding"), "{private}");
            let inside = check(&answer(vec![address("a.example.org", private)]), &query("a.example.org"), Inside::Yes);
            assert_eq!(inside, Ok(()));
        }
        for public in ["93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "::ffff:8.8.8.8"] {
            assert_eq!(objection(vec![address("a.example.org", public)]), None, "{public}");
        }
    }

    #[test]
    fn aliases_are_followed() {
        let chain =
            vec![alias("a.example.org", "b.cdn.net"), alias("b.cdn.net", "c.cdn.net"), address("c.cdn.net", "8.8.8.8")];
        assert_eq!(objection(chain), None);
        assert_eq!(objection(vec![address("b.example.org", "8.8.8.8")]), Some("dns-answer-owner"));
        let round = vec![alias("a.example.org", "b.cdn.net"), alias("b.cdn.net", "a.example.org")];
        assert_eq!(objection(round), None);
    }

    #[test]
    fn other_class_is_refused() {
        let record = Record { class: Class(3), ..address("a.example.org", "8.8.8.8") };
        assert_eq!(objection(vec![record]), Some("dns-answer-class"));
    }
}
