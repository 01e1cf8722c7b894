//! Rules in one line, for the common case. A line means what the mapping of the same fields means.
//!
//! ```text
//! inbound  = ( methods path | "tcp" ) "from" callers [ "on" port ]      GET,POST /orders/{id} from shop/frontend, ops/*
//! deny     = methods path [ "from" callers ] [ "on" port ]              ANY /admin/{rest...}
//! outbound = ( methods path | protocol ) "to" target [ ":" port ]       GET /items/{id} to catalog.shop:8080
//! outbound = target [ ":" port ] protocol                               api.stripe.com:443 https
//! outbound = "dns" "to" name                                            dns to *.example.com
//! Where methods and path stand, `grpc SERVICE/METHOD` may: `grpc shop.Orders/* from shop/frontend`.
//! methods  = "ANY" | METHOD *( "," METHOD )
//! callers  = caller *( "," caller )                                     see `caller`
//! ```

use super::document::{Beacons, DenyRule, FromEntry, InboundRule, OneOrMany, OutboundRule, Protocol, Written};
use super::pattern::Wrong;
use super::spoken::Spoken;
use crate::document::nearest;
use std::collections::BTreeMap;

const INBOUND: &str = "a rule such as `GET /orders/{id} from shop/frontend`";
const DENY: &str = "a rule such as `ANY /admin/{rest...}` or `DELETE /orders/{id} from shop/*`";
const OUTBOUND: &str =
    "a rule such as `api.stripe.com:443 https`, `GET /items/{id} to catalog.shop:8080`, `tcp to 10.0.0.7:5432`";

pub(super) fn inbound(line: &str) -> Result<InboundRule, Wrong> {
    let words = Words::of(line, INBOUND, &["from", "on"])?;
    let Some(from) = words.after("from") else {
        return Err(Wrong::new(
            INBOUND,
            "say who may call: `from NAMESPACE/SERVICEACCOUNT`, `from spiffe://…`, `from any`",
        ));
    };
    let (protocol, methods, path) = asked(&words.first, INBOUND)?;
    Ok(InboundRule {
        name: None,
        owner: None,
        reason: None,
        expires: None,
        from: callers(from),
        port: words.port()?,
        protocol,
        methods,
        host: None,
        path,
        grpc: None,
        headers: BTreeMap::new(),
        query: None,
        upgrade: Vec::new(),
        absolute_form: false,
        stream: false,
    })
}

pub(super) fn deny(line: &str) -> Result<DenyRule, Wrong> {
    let words = Words::of(line, DENY, &["from", "on"])?;
    let (_, methods, Some(path)) = asked(&words.first, DENY)? else {
        return Err(Wrong::new(DENY, "name methods and a path"));
    };
    Ok(DenyRule {
        name: None,
        owner: None,
        reason: None,
        from: words.after("from").map(callers),
        port: words.port()?,
        methods,
        host: None,
        path,
        headers: BTreeMap::new(),
        query: Vec::new(),
    })
}

pub(super) fn outbound(line: &str) -> Result<OutboundRule, Wrong> {
    let words = Words::of(line, OUTBOUND, &["to"])?;
    let (to, (spoken, methods, path)) = match (words.after("to"), words.first.as_slice()) {
        (Some(to), first) => (to, called(first)?),
        (None, [to, protocol]) if !to.is_empty() => (*to, target_first(to, protocol)?),
        _ => return Err(Wrong::new(OUTBOUND, "say what may be called: `HOST:PORT PROTOCOL`, `to 10.0.0.0/8`")),
    };
    let (target, port) = split_port(to)?;
    Ok(OutboundRule {
        name: None,
        owner: None,
        reason: None,
        expires: None,
        to: OneOrMany::One(Written::Line(target.to_owned())),
        port: port.map(OneOrMany::One),
        protocol: spoken,
        methods,
        path,
        types: None,
        tls: false,
        ech: false,
        without_name: false,
        budget: None,
        action: None,
        beacons: Beacons::Tell,
        upgrade: Vec::new(),
    })
}

/// What is said to a destination: a protocol alone, or methods and a path.
type Called = (Spoken, Option<OneOrMany<String>>, Option<OneOrMany<String>>);

fn called(words: &[&str]) -> Result<Called, Wrong> {
    if let [word] = words
        && let Some(spoken) = Spoken::parse(word)
    {
        return Ok((spoken, None, None));
    }
    match (asked(words, OUTBOUND), words) {
        (Ok((spoken, methods, path)), _) => Ok((spoken, methods, path)),
        (Err(_), [word]) if word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) => Err(unknown(word)),
        (Err(wrong), _) => Err(wrong),
    }
}

/// `api.stripe.com:443 https`. A lookup has no port, and says `dns to`.
fn target_first(target: &str, protocol: &str) -> Result<Called, Wrong> {
    if target.starts_with(|c: char| c.is_ascii_uppercase()) && protocol.starts_with('/') {
        return Err(Wrong::new(OUTBOUND, "say what may be called: `to HOST:PORT`"));
    }
    match Spoken::parse(protocol) {
        Some(Spoken { protocol: Protocol::Dns, .. }) => {
            Err(Wrong::new(OUTBOUND, format!("for lookups write `dns to {target}`")))
        }
        Some(spoken) => Ok((spoken, None, None)),
        None => Err(unknown(protocol)),
    }
}

fn unknown(protocol: &str) -> Wrong {
    let near = nearest(protocol, Spoken::names());
    let remedy = near.map_or_else(
        || "`tcp` is anything that has no rules of its own".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Wrong::new("a protocol that is told apart, such as `https`, `kafka`, `tcp`", remedy)
}

/// One entry of `from` in one line, taken apart: `any` is nothing at all.
///
/// ```text
/// caller = "any" | namespace "/" account | "spiffe://" … | address [ "/" prefix ]
/// ```
pub(super) fn caller(line: &str) -> Result<Option<FromEntry>, Wrong> {
    let mut from =
        FromEntry { principal: None, namespace: None, service_account: None, trust_domain: None, cidr: None };
    let line = line.trim();
    if line == "any" {
        return Ok(None);
    }
    let address = line.split('/').next().unwrap_or_default();
    if address.parse::<std::net::IpAddr>().is_ok() {
        from.cidr = Some(line.to_owned());
    } else if line.contains("://") {
        from.principal = Some(line.to_owned());
    } else if let Some((namespace, account)) = line.split_once('/') {
        from.namespace = Some(namespace.to_owned());
        from.service_account = (account != "*").then(|| account.to_owned());
    } else {
        let expected = "`any`, `NAMESPACE/SERVICEACCOUNT`, `NAMESPACE/*`, a SPIFFE ID or a network";
        return Err(Wrong::new(expected, format!("for all of a namespace write `{line}/*`")));
    }
    Ok(Some(from))
}

/// What is asked for: a protocol alone, or methods and a path.
type Asked = Called;

fn asked(words: &[&str], expected: &str) -> Result<Asked, Wrong> {
    match words {
        [word] if let Some(spoken) = Spoken::parse(word) => Ok((spoken, None, None)),
        ["grpc", call] => {
            let path = call_path(call)?;
            Ok((Protocol::Http.into(), Some(OneOrMany::One("POST".to_owned())), Some(OneOrMany::One(path))))
        }
        [methods, path] if path.starts_with('/') => {
            let methods =
                methods.split(',').map(|method| if method == "ANY" { "any" } else { method }.to_owned()).collect();
            Ok((Protocol::Http.into(), Some(OneOrMany::Many(methods)), Some(OneOrMany::One((*path).to_owned()))))
        }
        [_, path] => Err(Wrong::new(expected, format!("start the path with a slash: `/{path}`"))),
        [_] => Err(Wrong::new(expected, "name methods and a path; `ANY` is any method")),
        _ => Err(Wrong::new(expected, "a path with spaces, and more conditions, need the form with fields")),
    }
}

/// The path that calls a gRPC method: `shop.Orders/Get`, or `shop.Orders/*` for all of the service.
pub(super) fn call_path(call: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::new("a gRPC method such as `shop.Orders/Get`", "for all of a service write `shop.Orders/*`");
    let (service, method) = call.split_once('/').ok_or_else(wrong)?;
    let named =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
    match method {
        "*" if named(service) => Ok(format!("/{service}/{{method}}")),
        _ if named(service) && named(method) => Ok(format!("/{service}/{method}")),
        _ => Err(wrong()),
    }
}

fn callers(words: &str) -> OneOrMany<Written<FromEntry>> {
    OneOrMany::Many(words.split(',').map(|caller| Written::Line(caller.trim().to_owned())).collect())
}

/// `host:port`, `[::1]:port`, or without a port. A bare IPv6 address and a SPIFFE ID keep their colons.
fn split_port(target: &str) -> Result<(&str, Option<u16>), Wrong> {
    let bare_v6 = target.split('/').next().is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok());
    let Some((host, port)) = target.rsplit_once(':').filter(|_| !bare_v6 && !target.starts_with("spiffe://")) else {
        return Ok((target, None));
    };
    let port = port.parse().map_err(|_| Wrong::new(OUTBOUND, "write the port as a number from 1 to 65535"))?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Ok((host, Some(port)))
}

/// The words of a line, cut at its keywords.
struct Words<'a> {
    first: Vec<&'a str>,
    /// Each keyword, with the text between it and the next.
    clauses: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    /// Keywords are words of their own; each stands at most once, in this order.
    fn of(line: &'a str, expected: &str, keywords: &[&str]) -> Result<Self, Wrong> {
        let mut rest = line.trim();
        let mut clauses = Vec::new();
        for keyword in keywords.iter().rev() {
            let spaced = format!(" {keyword} ");
            let Some(at) = rest.rfind(&spaced) else { continue };
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let clause = after.get(spaced.len()..).unwrap_or_default().trim();
            if clause.is_empty() {
                return Err(Wrong::new(expected, format!("something is missing after `{keyword}`")));
            }
            clauses.push((after.get(1..=keyword.len()).unwrap_or_default(), clause));
            rest = before;
        }
        Ok(Self { first: rest.split_whitespace().collect(), clauses })
    }

    fn after(&self, keyword: &str) -> Option<&'a str> {
        self.clauses.iter().find(|(known, _)| *known == keyword).map(|(_, clause)| *clause)
    }

    fn port(&self) -> Result<Option<OneOrMany<u16>>, Wrong> {
        let Some(port) = self.after("on") else { return Ok(None) };
        let wrong = |_| Wrong::new("a port after `on`", "write the port as a number from 1 to 65535");
        port.parse().map(|port| Some(OneOrMany::One(port))).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_becomes_fields() {
        let rule = inbound("GET,POST  /orders/{id} from shop/frontend, ops/* on 8080").unwrap();
        assert_eq!(rule.methods.unwrap().as_slice(), ["GET", "POST"]);
        assert_eq!(rule.path.unwrap().as_slice(), ["/orders/{id}"]);
        assert_eq!(rule.port.unwrap().as_slice(), [8080]);
        assert_eq!(rule.from.as_slice().len(), 2);
    }

    #[test]
    fn call_becomes_a_path() {
        let rule = inbound("grpc shop.Orders/Get from shop/frontend").unwrap();
        assert_eq!(rule.methods.unwrap().as_slice(), ["POST"]);
        assert_eq!(rule.path.unwrap().as_slice(), ["/shop.Orders/Get"]);
        assert_eq!(call_path("shop.Orders/*").unwrap(), "/shop.Orders/{method}");
        for wrong in ["shop.Orders", "/Get", "shop.Orders/", "*/Get", "shop.Orders/{x}", "a/b/c"] {
            assert!(call_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn target_keeps_its_port() {
        for (target, host, port) in [
            ("catalog.shop:8080", "catalog.shop", Some(8080)),
            ("catalog.shop", "catalog.shop", None),
            ("[2001:db8::7]:53", "2001:db8::7", Some(53)),
            ("2001:db8::/32", "2001:db8::/32", None),
            ("10.0.0.0/8", "10.0.0.0/8", None),
            ("spiffe://d/ns/a/sa/b", "spiffe://d/ns/a/sa/b", None),
        ] {
            assert_eq!(split_port(target).unwrap(), (host, port));
        }
    }

    #[test]
    fn incomplete_line_is_refused() {
        for line in [
            "",
            "GET",
            "GET /a",
            "from any",
            "/a from any",
            "GET a from any",
            "GET /a b from any",
            "GET /a from ",
            "GET /a from any on x",
            "GET /a from any on",
        ] {
            assert!(
                inbound(line)
                    .and_then(|rule| match rule.from.as_slice() {
                        [Written::Line(line), ..] => caller(line),
                        _ => Ok(None),
                    })
                    .is_err(),
                "{line}"
            );
        }
        assert!(outbound("tcp 10.0.0.1").is_err());
        assert!(deny("tcp").is_err());
    }
}
