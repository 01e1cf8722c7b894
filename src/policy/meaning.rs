//! The fields of a rule as written → conditions as meant. Every field is read even when another is wrong, so that all
//! problems are found at once.

use super::caller::{Caller, Destination};
use super::compile::Context;
use super::database::Granted;
use super::document::{
    Allowlist, DenyRule, ExceptionRule, FromEntry, InboundRule, OneOrMany, OutboundRule, Probe, Protocol,
    Query as WrittenQuery, ToEntry, Written,
};
use super::exceptions::Excepted;
use super::pattern::{Host, IdPattern, Network, PathTemplate, Wrong};
use super::rule::{Conditions, Expiry, Header, Methods, Party, Query};
use super::shorthand;
use crate::document::{Document, Problem, Severity};
use crate::flow::Exception;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Reads the rules of one document; what is wrong goes to `problems`.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Document<Allowlist>,
    pub(super) context: &'a Context<'a>,
    pub(super) problems: &'a mut Vec<Problem>,
}

pub(super) type Text = OneOrMany<String>;

impl Reader<'_> {
    /// The fields of a rule, also when it is written as a line; nothing if the line is wrong.
    pub(super) fn fields<'w, T: Clone>(
        &mut self,
        field: &str,
        written: &'w Written<T>,
        line: fn(&str) -> Result<T, Wrong>,
    ) -> Option<Cow<'w, T>> {
        match written {
            Written::Fields(rule) => Some(Cow::Borrowed(rule)),
            Written::Line(text) => self.right(field, text, line(text)).map(Cow::Owned),
        }
    }

    pub(super) fn inbound(&mut self, field: &str, rule: &InboundRule) -> Option<Conditions> {
        let before = self.problems.len();
        let (methods, paths) = match &rule.grpc {
            Some(calls) => self.calls(field, rule, calls),
            None => self.requests(field, rule),
        };
        let conditions = Conditions {
            party: Party::From(self.callers(field, &rule.from)),
            protocol: rule.protocol,
            ports: self.ports(field, rule.port.as_ref()),
            hosts: self.each(&format!("{field}.host"), rule.host.as_ref(), Host::parse),
            headers: self.headers(field, &rule.headers),
            query: self.query(field, rule.query.as_ref()),
            websocket: !rule.upgrade.is_empty(),
            absolute_form: rule.absolute_form,
            stream: rule.stream,
            database: Granted::default(),
            paths,
            methods,
        };
        (self.problems.len() == before).then_some(conditions)
    }

    /// gRPC methods are paths that are posted to.
    fn calls(&mut self, field: &str, rule: &InboundRule, calls: &OneOrMany<String>) -> (Methods, Vec<PathTemplate>) {
        if rule.methods.is_some() || rule.path.is_some() || rule.protocol != Protocol::Http {
            let remedy = "a rule has `grpc`, or `methods` and `path`";
            self.wrong(
                &format!("{field}.grpc"),
                "",
                Wrong::new("no `methods`, `path` or `protocol` beside it", remedy),
            );
        }
        let path = |call: &str| shorthand::call_path(call).and_then(|path| PathTemplate::parse(&path));
        let paths = self.each(&format!("{field}.grpc"), Some(calls), path);
        (Methods { any: false, named: vec!["POST".into()] }, paths)
    }

    pub(super) fn outbound(&mut self, field: &str, rule: &OutboundRule) -> Option<Conditions> {
        let before = self.problems.len();
        let http = rule.protocol == Protocol::Http;
        let mut methods = match rule.protocol {
            Protocol::Dns => self.types(field, rule.types.as_ref()),
            _ => self.methods(field, rule.methods.as_ref()),
        };
        methods.any |= http && rule.methods.is_none();
        if rule.protocol != Protocol::Dns && rule.types.is_some() {
            self.wrong(&format!("{field}.types"), "", Wrong::new("no `types`", "they go with `protocol: dns`"));
        }
        let mut paths = self.paths(field, rule.path.as_ref());
        if http && rule.path.is_none() {
            paths.push(PathTemplate::everything());
        }
        self.no_requests(field, rule.protocol, rule.methods.is_some() || rule.path.is_some());
        let conditions = Conditions {
            party: Party::To(match rule.protocol {
                Protocol::Dns => self.names(field, &rule.to),
                _ => self.destinations(field, &rule.to),
            }),
            ports: self.ports(field, rule.port.as_ref()),
            paths,
            methods,
            stream: rule.protocol != Protocol::Dns,
            ..Conditions::nothing(rule.protocol)
        };
        (self.problems.len() == before).then_some(conditions)
    }

    pub(super) fn deny(&mut self, field: &str, rule: &DenyRule) -> Option<Conditions> {
        let before = self.problems.len();
        let mut methods = self.methods(field, rule.methods.as_ref());
        methods.any |= rule.methods.is_none();
        let from = rule.from.as_ref();
        let conditions = Conditions {
            party: Party::From(from.map_or_else(|| vec![Caller::Anyone], |from| self.callers(field, from))),
            ports: self.ports(field, rule.port.as_ref()),
            hosts: self.each(&format!("{field}.host"), rule.host.as_ref(), Host::parse),
            headers: self.headers(field, &rule.headers),
            query: Query { forbidden: sorted(rule.query.iter().map(|key| key.as_str().into())), ..Query::default() },
            paths: sorted(self.paths(field, Some(&rule.path)).iter().map(PathTemplate::folded)),
            methods,
            ..Conditions::nothing(Protocol::Http)
        };
        (self.problems.len() == before).then_some(conditions)
    }

    pub(super) fn probe(&mut self, field: &str, probe: &Probe) -> Option<Conditions> {
        let (path, query) = probe.path.split_once('?').unwrap_or((&probe.path, ""));
        let field = format!("{field}.path");
        let template = self.right(&field, path, PathTemplate::parse(path))?;
        if !template.is_literal() || query.contains(['%', '+', '#']) {
            let remedy = "write the path and query out, decoded; nothing in a probe is a pattern";
            self.wrong(&field, &probe.path, Wrong::new("the path of a probe, as in the pod's `httpGet.path`", remedy));
            return None;
        }
        let pair = |pair: &str| {
            pair.split_once('=').map_or((pair.into(), "".into()), |(key, value)| (key.into(), value.into()))
        };
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect();
        Some(Conditions {
            party: Party::From(vec![Caller::Anyone]),
            ports: vec![probe.port],
            methods: Methods { any: false, named: vec!["GET".into()] },
            paths: vec![template],
            query: Query { exactly: Some(pairs), ..Query::default() },
            ..Conditions::nothing(Protocol::Http)
        })
    }

    pub(super) fn exception(&mut self, field: &str, rule: &ExceptionRule) -> Option<Excepted> {
        let before = self.problems.len();
        if rule.owner.is_none() && self.document.value.owner.is_none() {
            self.wrong(
                &format!("{field}.owner"),
                "",
                Wrong::new("who answers for it", "add `owner:` here or at the top"),
            );
        }
        let texts = |given: Option<&Text>| {
            sorted(given.iter().flat_map(|given| given.as_slice()).map(|text| text.as_str().into()))
        };
        self.not_empty(&format!("{field}.signature"), &rule.signature, "at least one");
        let places = rule.place.as_ref().map(OneOrMany::as_slice).unwrap_or_default();
        let exception = Exception {
            name: rule.name.as_str().into(),
            signs: texts(Some(&rule.signature)),
            places: sorted(places.iter().map(|place| place.name())),
            parameters: texts(rule.parameter.as_ref()),
        };
        let excepted = Excepted {
            exception: Arc::new(exception),
            ports: self.ports(field, rule.port.as_ref()),
            paths: self.paths(field, Some(&rule.path)),
            expires: self.expiry(field, rule.expires.as_deref()),
        };
        (self.problems.len() == before).then_some(excepted)
    }

    /// The first moment after the last day on which a rule grants.
    pub(super) fn expiry(&mut self, field: &str, expires: Option<&str>) -> Option<Expiry> {
        let last_day = expires?;
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let next_day = time::Date::parse(last_day, format).ok().and_then(time::Date::next_day);
        let seconds = next_day.and_then(|day| u64::try_from(day.midnight().assume_utc().unix_timestamp()).ok());
        let end = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        match end {
            Some(end) => Some(Expiry { last_day: last_day.into(), end }),
            None => {
                let wrong = Wrong::new("a date such as `2027-01-31`", "");
                self.wrong(&format!("{field}.expires"), last_day, wrong);
                None
            }
        }
    }

    pub(super) fn callers(&mut self, field: &str, from: &OneOrMany<Written<FromEntry>>) -> Vec<Caller> {
        let mut callers = Vec::new();
        for (field, written) in numbered(&format!("{field}.from"), from) {
            let fields = match written {
                Written::Fields(fields) => Some(Some(Cow::Borrowed(fields))),
                Written::Line(line) => {
                    self.right(&field, line, shorthand::caller(line)).map(|from| from.map(Cow::Owned))
                }
            };
            match fields {
                Some(Some(fields)) => callers.extend(self.caller(&field, &fields)),
                Some(None) => callers.push(Caller::Anyone),
                None => {}
            }
        }
        self.not_empty(&format!("{field}.from"), from, "who may call");
        sorted(callers)
    }

    fn caller(&mut self, field: &str, from: &FromEntry) -> Option<Caller> {
        let network = match &from.cidr {
            Some(text) => Some(self.right(&format!("{field}.cidr"), text, Network::parse(text))?),
            None => None,
        };
        match (self.identity(field, from)?, network) {
            (Some(id), Some(network)) => Some(Caller::Both(id, network)),
            (Some(id), None) => Some(Caller::Identity(id)),
            (None, Some(network)) => Some(Caller::Network(network)),
            (None, None) => {
                let expected = "at least one of `principal`, `namespace`, `serviceAccount`, `trustDomain`, `cidr`";
                self.wrong(field, "", Wrong::new(expected, "for everyone write `from: any`"));
                None
            }
        }
    }

    /// The identity that is asked for, if one is; nothing at all if it is wrong.
    #[allow(clippy::option_option)] // wrong, none asked for, one asked for
    fn identity(&mut self, field: &str, from: &FromEntry) -> Option<Option<IdPattern>> {
        let named = from.namespace.is_some() || from.service_account.is_some();
        if let Some(text) = &from.principal {
            if named || from.trust_domain.is_some() {
                let wrong =
                    Wrong::new("`principal` alone", "it says trust domain, namespace and service account itself");
                self.wrong(&format!("{field}.principal"), text, wrong);
                return None;
            }
            return self.right(&format!("{field}.principal"), text, IdPattern::parse(text)).map(Some);
        }
        if !named {
            let Some(domain) = &from.trust_domain else { return Some(None) };
            return self.right(&format!("{field}.trustDomain"), domain, IdPattern::domain(domain)).map(Some);
        }
        let written = from.trust_domain.as_deref().or(self.document.value.trust_domain.as_deref());
        let Some(domain) = written.or(self.context.trust_domain) else {
            let wrong = Wrong::new("a trust domain for it", "add `trustDomain: DOMAIN` at the top of the document");
            self.wrong(field, from.namespace.as_deref().unwrap_or("*"), wrong);
            return None;
        };
        let (namespace, account) = (from.namespace.as_deref(), from.service_account.as_deref());
        let found = format!("{}/{}", namespace.unwrap_or("*"), account.unwrap_or("*"));
        self.right(field, &found, IdPattern::kubernetes(domain, namespace, account)).map(Some)
    }

    fn destinations(&mut self, field: &str, to: &OneOrMany<Written<ToEntry>>) -> Vec<Destination> {
        let mut destinations = Vec::new();
        for (field, written) in numbered(&format!("{field}.to"), to) {
            destinations.extend(match written {
                Written::Line(line) => self.right(&field, line, destination(line)),
                Written::Fields(fields) => self.destination(&field, fields),
            });
        }
        self.not_empty(&format!("{field}.to"), to, "what may be called");
        sorted(destinations)
    }

    /// The names that may be looked up.
    fn names(&mut self, field: &str, to: &OneOrMany<Written<ToEntry>>) -> Vec<Destination> {
        let mut names = Vec::new();
        for (field, written) in numbered(&format!("{field}.to"), to) {
            let text = match written {
                Written::Line(line) => Some(line),
                Written::Fields(ToEntry { host, address: None, cidr: None, spiffe_id: None }) => host.as_ref(),
                Written::Fields(_) => None,
            };
            let Some(text) = text else {
                self.wrong(&field, "", Wrong::new("a name such as `api.example.com`, `*.example.com`, `*`", ""));
                continue;
            };
            let host = self.right(&field, text, Host::name(text));
            names.extend(host.map(|host| Destination { host: Some(host), ..Destination::default() }));
        }
        self.not_empty(&format!("{field}.to"), to, "which names may be looked up");
        sorted(names)
    }

    fn destination(&mut self, field: &str, to: &ToEntry) -> Option<Destination> {
        let before = self.problems.len();
        let mut read = Destination::default();
        if to.address.is_some() && to.cidr.is_some() {
            self.wrong(field, "", Wrong::new("`address` or `cidr`, not both", "remove one of the two"));
        }
        for (name, text) in [("address", &to.address), ("cidr", &to.cidr)] {
            let Some(text) = text else { continue };
            read.network = self.right(&format!("{field}.{name}"), text, Network::parse(text));
        }
        if let Some(text) = &to.host {
            read.host = self.right(&format!("{field}.host"), text, Host::parse(text));
        }
        if let Some(text) = &to.spiffe_id {
            read.id = self.right(&format!("{field}.spiffeId"), text, IdPattern::parse(text));
        }
        if read == Destination::default() && self.problems.len() == before {
            let expected = "at least one of `address`, `cidr`, `host`, `spiffeId`";
            self.wrong(field, "", Wrong::new(expected, "for every address write `cidr: 0.0.0.0/0` and `cidr: ::/0`"));
        }
        (self.problems.len() == before).then_some(read)
    }

    pub(super) fn ports(&mut self, field: &str, ports: Option<&OneOrMany<u16>>) -> Vec<u16> {
        let field = format!("{field}.port");
        let Some(ports) = ports else { return Vec::new() };
        if ports.as_slice().contains(&0) {
            self.wrong(&field, "0", Wrong::new("a port from 1 to 65535", ""));
        }
        self.not_empty(&field, ports, "ports; for all of them leave it out");
        sorted(ports.as_slice().iter().copied())
    }

    fn methods(&mut self, field: &str, methods: Option<&Text>) -> Methods {
        let named = self.each(&format!("{field}.methods"), methods, method);
        let any = named.iter().any(|name| **name == *"any");
        Methods { any, named: sorted(named.into_iter().filter(|name| **name != *"any")) }
    }

    /// The record types that a DNS rule grants.
    fn types(&mut self, field: &str, types: Option<&Text>) -> Methods {
        let Some(types) = types else {
            let named = ["A", "AAAA", "CNAME", "HTTPS", "PTR", "SRV", "SVCB"];
            return Methods { any: false, named: named.map(Into::into).into() };
        };
        let field = format!("{field}.types");
        let named: Vec<Box<str>> = self.each(&field, Some(types), record_type);
        let any = named.iter().any(|name| **name == *"any");
        self.not_empty(&field, types, "types; for the usual ones leave it out");
        Methods { any, named: sorted(named.into_iter().filter(|name| **name != *"any")) }
    }

    fn paths(&mut self, field: &str, paths: Option<&Text>) -> Vec<PathTemplate> {
        sorted(self.each(&format!("{field}.path"), paths, PathTemplate::parse))
    }

    /// An HTTP rule says methods and paths; CONNECT has no path. Other protocols have neither.
    fn requests(&mut self, field: &str, rule: &InboundRule) -> (Methods, Vec<PathTemplate>) {
        let methods = self.methods(field, rule.methods.as_ref());
        let mut paths = self.paths(field, rule.path.as_ref());
        self.no_requests(field, rule.protocol, rule.methods.is_some() || rule.path.is_some());
        if rule.protocol == Protocol::Dns {
            let wrong = Wrong::new("http or tcp", "a pod answers no DNS questions: write the rule in `outbound`");
            self.wrong(&format!("{field}.protocol"), "dns", wrong);
        }
        if rule.protocol != Protocol::Http {
            return (methods, paths);
        }
        if rule.methods.is_none() {
            let wrong = Wrong::new("the methods that are granted", "add `methods: [GET]`, or `methods: any`");
            self.wrong(&format!("{field}.methods"), "", wrong);
        }
        if rule.path.is_none() && methods.only_connect() {
            paths.push(PathTemplate::everything());
        } else if rule.path.is_none() {
            let remedy = "add `path: /orders/{id}`, or `path: /{rest...}` for every path";
            self.wrong(&format!("{field}.path"), "", Wrong::new("the paths that are granted", remedy));
        }
        (methods, paths)
    }

    fn no_requests(&mut self, field: &str, protocol: Protocol, has_requests: bool) {
        if protocol != Protocol::Http && has_requests {
            let wrong =
                Wrong::new("no `methods` and no `path` with this protocol", "remove them, or leave `protocol` out");
            self.wrong(&format!("{field}.protocol"), protocol.scheme(), wrong);
        }
    }

    fn headers(&mut self, field: &str, headers: &BTreeMap<String, Text>) -> Vec<Header> {
        let mut read = Vec::new();
        for (name, values) in headers {
            let field = format!("{field}.headers.{name}");
            if !is_token(name) || name.eq_ignore_ascii_case("host") {
                let remedy = if is_token(name) { "hosts have a field of their own: `host`" } else { "" };
                self.wrong(&field, name, Wrong::new("the name of a header", remedy));
            }
            self.not_empty(&field, values, "values; `*` is any");
            let any = values.as_slice().iter().any(|value| value == "*");
            let values = values.as_slice().iter().filter(|_| !any).map(|value| value.as_str().into());
            read.push(Header { name: name.to_ascii_lowercase().into(), values: sorted(values) });
        }
        sorted(read)
    }

    fn query(&mut self, field: &str, query: Option<&WrittenQuery>) -> Query {
        let keys = |keys: &[String]| sorted(keys.iter().map(|key| key.as_str().into()));
        match query {
            None => Query::default(),
            Some(WrittenQuery::Allowed(allowed)) => Query { allowed: Some(keys(allowed)), ..Query::default() },
            Some(WrittenQuery::Keys(written)) => {
                if written.allowed.is_none() && written.required.is_empty() {
                    let wrong = Wrong::new("`allowed` or `required` keys", "for no query at all write `query: []`");
                    self.wrong(&format!("{field}.query"), "", wrong);
                }
                let allowed = written.allowed.as_deref().map(keys);
                Query { allowed, required: keys(&written.required), ..Query::default() }
            }
        }
    }

    /// Each value understood; those that are not are reported where they stand.
    fn each<T>(&mut self, field: &str, written: Option<&Text>, parse: fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        let Some(written) = written else { return Vec::new() };
        self.not_empty(field, written, "at least one");
        let values = numbered(field, written);
        values.into_iter().filter_map(|(field, text)| self.right(&field, text, parse(text))).collect()
    }

    pub(super) fn not_empty<T>(&mut self, field: &str, written: &OneOrMany<T>, expected: &str) {
        if written.as_slice().is_empty() {
            let problem = self.document.problem(Severity::Error, field, "an empty list", expected, "");
            self.problems.push(problem);
        }
    }

    pub(super) fn right<T>(&mut self, field: &str, found: &str, read: Result<T, Wrong>) -> Option<T> {
        read.map_err(|wrong| self.wrong(field, found, wrong)).ok()
    }

    pub(super) fn wrong(&mut self, field: &str, found: &str, wrong: Wrong) {
        let found = if found.is_empty() { "nothing".to_owned() } else { format!("`{found}`") };
        let problem = self.document.problem(Severity::Error, field, found, wrong.expected, wrong.remedy);
        self.problems.push(problem);
    }
}

impl Conditions {
    /// No caller, no request.
    pub(super) fn nothing(protocol: Protocol) -> Self {
        Self {
            party: Party::From(Vec::new()),
            protocol,
            ports: Vec::new(),
            methods: Methods::default(),
            hosts: Vec::new(),
            paths: Vec::new(),
            headers: Vec::new(),
            query: Query::default(),
            websocket: false,
            absolute_form: false,
            stream: false,
            database: Granted::default(),
        }
    }
}

/// One entry of `to` in one line: an identity, a network, or a host.
fn destination(line: &str) -> Result<Destination, Wrong> {
    let mut read = Destination::default();
    let address = line.split('/').next().unwrap_or_default();
    if line.contains("://") {
        read.id = Some(IdPattern::parse(line)?);
    } else if address.parse::<std::net::IpAddr>().is_ok() {
        read.network = Some(Network::parse(line)?);
    } else {
        read.host = Some(Host::parse(line)?);
    }
    Ok(read)
}

/// `any`, or a method's name. Names have case (RFC 9110 §9.1), and all that are registered are upper case.
fn method(text: &str) -> Result<Box<str>, Wrong> {
    if text == "any" {
        return Ok(text.into());
    }
    if !is_token(text) {
        return Err(Wrong::new("an HTTP method such as `GET`, or `any`", ""));
    }
    if text.bytes().any(|b| b.is_ascii_lowercase()) {
        return Err(Wrong::new(
            "an HTTP method in upper case, or `any`",
            format!("write `{}`", text.to_ascii_uppercase()),
        ));
    }
    Ok(text.into())
}

/// `any`, or a type's name in upper case.
fn record_type(text: &str) -> Result<Box<str>, Wrong> {
    let named = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    match text {
        "any" => Ok(text.into()),
        text if named(text) && text.len() <= 10 => Ok(text.into()),
        _ => Err(Wrong::new("a record type such as `A`, `TXT`, `TYPE65280`, or `any`", "")),
    }
}

/// RFC 9110 §5.6.2.
fn is_token(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.len() <= 256 && text.bytes().all(allowed)
}

/// The values with the path of each: `inbound[2].from` or `inbound[2].from[1]`.
fn numbered<'w, T>(field: &str, written: &'w OneOrMany<T>) -> Vec<(String, &'w T)> {
    match written {
        OneOrMany::One(value) => vec![(field.to_owned(), value)],
        OneOrMany::Many(values) => {
            values.iter().enumerate().map(|(at, value)| (format!("{field}[{at}]"), value)).collect()
        }
    }
}

pub(super) fn sorted<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.dedup();
    values
}
