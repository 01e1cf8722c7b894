//! What a request asks for: one access for each reading of its path and each method that it may be acted on under.
//! All of them must be granted.

use super::spoken::Shape;
use super::{Form, Head, Header, REGISTERED, Request, query};
use crate::canon::path::{self, Readings};
use crate::flow::{Access, Fact, FactKind, Kind, Part, Place, Reason};
use crate::protocol::Malformed;
use crate::protocol::forwarded;
use crate::protocol::names::{self, Is};
use std::borrow::Cow;

/// A method to act under instead that is no token, or one of many.
pub const METHOD_OVERRIDE: Reason = Reason::new(
    "http-method-override",
    Kind::Policy,
    "the method that a server is asked to act under is no token, or one of many",
);
/// A header that asks the server to act on another path.
pub const PATH_OVERRIDE: Reason =
    Reason::new("http-path-override", Kind::Policy, "a header asks the server to act on another path");

/// Methods to act under instead; each is asked for under each reading of the path.
const MAX_METHODS: usize = 4;

impl<'a> Request<'a> {
    /// Notes what follows from a head.
    pub fn new(head: Head<'a>) -> Self {
        let facts = facts(&head);
        let methods = methods(&head, &facts);
        let hosts = forwarded::hosts(&head.headers, head.host.as_ref());
        let refused = refused(&head, &methods).or(hosts.as_ref().err().copied());
        Self { head, facts, methods, hosts: hosts.unwrap_or_default(), refused }
    }

    /// What it asks for, under every plausible reading.
    ///
    /// # Errors
    /// When its path has what no honest client sends, or a header asks the server to act on another path.
    pub fn accesses(&self, how: &Readings) -> Result<Vec<Access<'_>>, Malformed> {
        if let Some(why) = self.refused {
            return Err(Malformed::new(0, why));
        }
        let mut accesses = Vec::with_capacity(1);
        match self.head.form {
            Form::Authority => self.under_each_method(Cow::Borrowed("/"), &mut accesses),
            Form::Asterisk => self.under_each_method(Cow::Borrowed("*"), &mut accesses),
            Form::Origin | Form::Absolute => {
                let paths = path::readings(self.head.path, how).map_err(|why| Malformed::new(0, why))?;
                paths.into_readings().for_each(|path| self.under_each_method(path, &mut accesses));
            }
        }
        Ok(accesses)
    }

    /// The same request, to be acted on under the methods that its body names.
    #[must_use]
    pub fn under(mut self, methods: Vec<String>) -> Self {
        self.methods = methods;
        self.refused = refused(&self.head, &self.methods).or(self.refused);
        self
    }

    fn methods(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.head.method).chain(self.methods.iter().map(String::as_str))
    }

    /// Its own host, and those that headers name instead.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        let own = self.head.host.as_ref().map_or("", |host| &host.name);
        std::iter::once(own).chain(self.hosts.iter().map(String::as_str))
    }

    fn under_each_method<'s>(&'s self, path: Cow<'s, str>, accesses: &mut Vec<Access<'s>>) {
        for method in self.methods() {
            accesses.extend(self.hosts().map(|authority| Access {
                action: method,
                scheme: "http",
                authority,
                path: path.clone(),
                facts: &self.facts,
            }));
        }
    }
}

fn refused(head: &Head<'_>, methods: &[String]) -> Option<Reason> {
    let redirects = |header: &Header<'_>| header.known.is_some_and(|known| known.is == Is::PathOverride);
    if head.headers.iter().any(redirects) {
        return Some(PATH_OVERRIDE);
    }
    let tokens = methods.iter().all(|method| !method.is_empty() && method.bytes().all(names::is_token));
    (!tokens || methods.len() > MAX_METHODS).then_some(METHOD_OVERRIDE)
}

/// The methods that frameworks let a request name instead: in a header, or with POST as `_method` in the query.
fn methods(head: &Head<'_>, facts: &[Fact<'_>]) -> Vec<String> {
    let mut methods = Vec::new();
    let headers = head.headers.iter().filter(|header| header.known.is_some_and(|known| known.is == Is::MethodOverride));
    methods.extend(headers.map(|header| query::text(header.value).to_ascii_uppercase()));
    if head.method == "POST" {
        let named = facts
            .iter()
            .filter(|fact| fact.kind == FactKind::Query && fact.name == "_method" && !fact.value.is_empty());
        methods.extend(named.map(|fact| fact.value.to_ascii_uppercase()));
    }
    methods.retain(|method| method != head.method);
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// The methods that a body asks the server to act under instead: frameworks let POST name one in a form, and some in
/// JSON, where only the name of a method is taken for one.
pub fn methods_in_body(method: &str, parts: &[Part<'_>]) -> Vec<String> {
    let named = parts.iter().filter(|part| method == "POST" && &*part.name == b"_method" && !part.raw.is_empty());
    let methods = named.filter_map(|part| {
        let method = query::text(&part.canonical).to_ascii_uppercase();
        match part.place {
            Place::FormValue => Some(method),
            Place::JsonValue => REGISTERED.contains(&&*method).then_some(method),
            _ => None,
        }
    });
    let mut methods: Vec<_> = methods.filter(|named| named != method).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

fn facts<'a>(head: &Head<'a>) -> Vec<Fact<'a>> {
    let fact = |kind, name: &'static str| Fact { kind, name: Cow::Borrowed(name), value: Cow::Borrowed("") };
    let mut facts = Vec::with_capacity(head.headers.len() + 4);
    facts.extend(head.upgrade.map(|name| fact(FactKind::Upgrade, name)));
    facts.extend(Shape::of(head).speaks().map(|name| fact(FactKind::Protocol, name)));
    if head.form != Form::Origin {
        let port = head.host.as_ref().and_then(|host| host.port).map(|port| port.to_string());
        facts.push(Fact { value: port.unwrap_or_default().into(), ..fact(FactKind::TargetForm, head.form.name()) });
    }
    facts.extend(query::pairs_of_all_readings(head.query.unwrap_or_default()).map(query_fact));
    let told = head.headers.iter().filter(|header| header.forwarded && !forwarded::is_claim(header));
    facts.extend(told.map(header_fact));
    facts
}

fn query_fact(pair: query::Pair<'_>) -> Fact<'_> {
    Fact {
        kind: FactKind::Query,
        name: query::form_text(pair.name),
        value: query::form_text(pair.value.unwrap_or_default()),
    }
}

fn header_fact<'a>(header: &Header<'a>) -> Fact<'a> {
    let name = match header.known {
        Some(known) => Cow::Borrowed(known.lower),
        None => match query::text(header.name) {
            name if name.bytes().any(|b| b.is_ascii_uppercase()) => Cow::Owned(name.to_ascii_lowercase()),
            name => name,
        },
    };
    Fact { kind: FactKind::Header, name, value: query::text(header.value) }
}
