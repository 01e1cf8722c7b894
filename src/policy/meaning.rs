//! The fields of a rule as written → conditions as meant. Every field is read even when another is wrong, so that all
//! problems are found at once.

use super::caller::Caller;
use super::commands;
use super::compile::Context;
use super::database::Granted;
use super::document::{
    Allowlist, DenyRule, ExceptionRule, FromEntry, InboundRule, OneOrMany, PlaceGroup, Probe, Protocol,
    Query as WrittenQuery, Written,
};
use super::exceptions::Excepted;
use super::pattern::{Host, PathTemplate, Wrong};
use super::rule::{Conditions, Expiry, Header, Methods, Party, Query, Unsaid};
use super::shorthand;
use super::spoken::Spoken;
use crate::document::{Document, Problem, Severity};
use crate::flow::{Exception, Leaving};
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

/// Which requests a rule takes something back from. What is not given holds for all.
pub(super) struct Restricted<'a> {
    pub(super) from: Option<&'a OneOrMany<Written<FromEntry>>>,
    pub(super) port: Option<&'a OneOrMany<u16>>,
    pub(super) methods: Option<&'a Text>,
    pub(super) host: Option<&'a Text>,
    pub(super) path: Option<&'a Text>,
}

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
            protocol: rule.protocol.protocol,
            inside: rule.protocol.inside,
            leaving: Leaving::default(),
            ports: self.ports(field, rule.port.as_ref()),
            hosts: self.each(&format!("{field}.host"), rule.host.as_ref(), Host::parse),
            headers: self.headers(field, &rule.headers),
            query: self.query(field, rule.query.as_ref()),
            websocket: !rule.upgrade.is_empty() || rule.protocol.inside == Some("websocket"),
            absolute_form: rule.absolute_form,
            stream: rule.stream,
            tls: false,
            unsaid: Unsaid::default(),
            database: Granted::default(),
            commands: commands::Granted::default(),
            paths,
            methods,
        };
        (self.problems.len() == before).then_some(conditions)
    }

    /// gRPC methods are paths that are posted to.
    fn calls(&mut self, field: &str, rule: &InboundRule, calls: &OneOrMany<String>) -> (Methods, Vec<PathTemplate>) {
        if rule.methods.is_some() || rule.path.is_some() || rule.protocol != Protocol::Http.into() {
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

    pub(super) fn deny(&mut self, field: &str, rule: &DenyRule) -> Option<Conditions> {
        let before = self.problems.len();
        let restricted = Restricted {
            from: rule.from.as_ref(),
            port: rule.port.as_ref(),
            methods: rule.methods.as_ref(),
            host: rule.host.as_ref(),
            path: Some(&rule.path),
        };
        let conditions = Conditions {
            headers: self.headers(field, &rule.headers),
            query: Query { forbidden: sorted(rule.query.iter().map(|key| key.as_str().into())), ..Query::default() },
            ..self.restricted(field, &restricted)
        };
        (self.problems.len() == before).then_some(conditions)
    }

    /// What a denial or a rate holds for; paths are folded.
    pub(super) fn restricted(&mut self, field: &str, rule: &Restricted<'_>) -> Conditions {
        let mut methods = self.methods(field, rule.methods);
        methods.any |= rule.methods.is_none();
        let paths = rule.path.map_or_else(|| vec![PathTemplate::everything()], |path| self.paths(field, Some(path)));
        Conditions {
            party: Party::From(rule.from.map_or_else(|| vec![Caller::Anyone], |from| self.callers(field, from))),
            ports: self.ports(field, rule.port),
            hosts: self.each(&format!("{field}.host"), rule.host, Host::parse),
            paths: sorted(paths.iter().map(PathTemplate::folded)),
            methods,
            ..Conditions::nothing(Protocol::Http)
        }
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
        let of_requests = rule.parameter.is_some() || places.iter().any(|place| *place != PlaceGroup::Dns);
        let said = rule.path.is_some() || !of_requests && (rule.domain.is_some() || rule.port.is_some());
        if !said {
            let remedy = "add `path: /comments/{id}`, `domain: \"*.lists.example\"`, or the `port` of another protocol";
            self.wrong(&format!("{field}.path"), "", Wrong::new("where it holds", remedy));
        }
        let excepted = Excepted {
            exception: Arc::new(exception),
            ports: self.ports(field, rule.port.as_ref()),
            paths: self.paths(field, rule.path.as_ref()),
            domains: sorted(self.each(&format!("{field}.domain"), rule.domain.as_ref(), Host::name)),
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

    pub(super) fn ports(&mut self, field: &str, ports: Option<&OneOrMany<u16>>) -> Vec<u16> {
        let field = format!("{field}.port");
        let Some(ports) = ports else { return Vec::new() };
        if ports.as_slice().contains(&0) {
            self.wrong(&field, "0", Wrong::new("a port from 1 to 65535", ""));
        }
        self.not_empty(&field, ports, "ports; for all of them leave it out");
        sorted(ports.as_slice().iter().copied())
    }

    pub(super) fn methods(&mut self, field: &str, methods: Option<&Text>) -> Methods {
        let named = self.each(&format!("{field}.methods"), methods, method);
        let any = named.iter().any(|name| **name == *"any");
        Methods { any, named: sorted(named.into_iter().filter(|name| **name != *"any")) }
    }

    /// The record types that a DNS rule grants.
    pub(super) fn types(&mut self, field: &str, types: Option<&Text>) -> Methods {
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

    pub(super) fn paths(&mut self, field: &str, paths: Option<&Text>) -> Vec<PathTemplate> {
        sorted(self.each(&format!("{field}.path"), paths, PathTemplate::parse))
    }

    /// An HTTP rule says methods and paths, unless it says what requests speak besides; CONNECT has no path. Other protocols
    /// have neither.
    fn requests(&mut self, field: &str, rule: &InboundRule) -> (Methods, Vec<PathTemplate>) {
        let mut methods = self.methods(field, rule.methods.as_ref());
        let mut paths = self.paths(field, rule.path.as_ref());
        let Spoken { protocol, inside } = rule.protocol;
        self.no_requests(field, protocol, rule.methods.is_some() || rule.path.is_some());
        match protocol {
            Protocol::Http => {}
            Protocol::Dns => {
                let wrong = Wrong::new("http or tcp", "a pod answers no DNS questions: write the rule in `outbound`");
                self.wrong(&format!("{field}.protocol"), "dns", wrong);
            }
            Protocol::Named(name) => {
                let wrong =
                    Wrong::new("`http`, `tcp`, or what is spoken in HTTP", "it is told apart only in `outbound`");
                self.wrong(&format!("{field}.protocol"), name, wrong);
            }
            Protocol::Postgres | Protocol::Mysql | Protocol::Redis => {
                let wrong = Wrong::new("http or tcp", "write the rule in `databases`");
                self.wrong(&format!("{field}.protocol"), protocol.name(), wrong);
            }
            Protocol::Tcp => {}
        }
        if protocol != Protocol::Http {
            return (methods, paths);
        }
        methods.any |= inside.is_some() && rule.methods.is_none();
        if rule.methods.is_none() && inside.is_none() {
            let wrong = Wrong::new("the methods that are granted", "add `methods: [GET]`, or `methods: any`");
            self.wrong(&format!("{field}.methods"), "", wrong);
        }
        if rule.path.is_none() && (methods.only_connect() || inside.is_some()) {
            paths.push(PathTemplate::everything());
        } else if rule.path.is_none() {
            let remedy = "add `path: /orders/{id}`, or `path: /{rest...}` for every path";
            self.wrong(&format!("{field}.path"), "", Wrong::new("the paths that are granted", remedy));
        }
        (methods, paths)
    }

    pub(super) fn no_requests(&mut self, field: &str, protocol: Protocol, has_requests: bool) {
        if protocol != Protocol::Http && has_requests {
            let wrong =
                Wrong::new("no `methods` and no `path` with this protocol", "remove them, or leave `protocol` out");
            self.wrong(&format!("{field}.protocol"), protocol.name(), wrong);
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
            tls: false,
            unsaid: Unsaid::default(),
            inside: None,
            leaving: Leaving::default(),
            database: Granted::default(),
            commands: commands::Granted::default(),
        }
    }
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
pub(super) fn numbered<'w, T>(field: &str, written: &'w OneOrMany<T>) -> Vec<(String, &'w T)> {
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
