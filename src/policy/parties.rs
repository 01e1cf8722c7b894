//! Who calls and what is called, as written → as meant.

use super::caller::{Caller, Destination};
use super::document::{FromEntry, OneOrMany, ToEntry, Written};
use super::meaning::{Reader, numbered, sorted};
use super::pattern::{Host, Network, Wrong};
use super::shorthand;
use crate::flow::IdPattern;
use std::borrow::Cow;

impl Reader<'_> {
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
        let written = Named {
            exact: ("principal", from.principal.as_deref()),
            namespace: from.namespace.as_deref(),
            account: from.service_account.as_deref(),
            domain: from.trust_domain.as_deref(),
        };
        match (self.identity(field, &written)?, network) {
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
    fn identity(&mut self, field: &str, written: &Named<'_>) -> Option<Option<IdPattern>> {
        let Named { exact: (name, exact), namespace, account, domain } = *written;
        let named = namespace.is_some() || account.is_some();
        if let Some(text) = exact {
            if named || domain.is_some() {
                let expected = format!("`{name}` alone");
                let wrong = Wrong::new(expected, "it says trust domain, namespace and service account itself");
                self.wrong(&format!("{field}.{name}"), text, wrong);
                return None;
            }
            let read = IdPattern::parse(text).map_err(Wrong::from);
            return self.right(&format!("{field}.{name}"), text, read).map(Some);
        }
        if !named {
            let Some(domain) = domain else { return Some(None) };
            let read = IdPattern::domain(domain).map_err(Wrong::from);
            return self.right(&format!("{field}.trustDomain"), domain, read).map(Some);
        }
        let written = domain.or(self.document.value.trust_domain.as_deref());
        let Some(domain) = written.or(self.context.trust_domain) else {
            let wrong = Wrong::new("a trust domain for it", "add `trustDomain: DOMAIN` at the top of the document");
            self.wrong(field, namespace.unwrap_or("*"), wrong);
            return None;
        };
        let found = format!("{}/{}", namespace.unwrap_or("*"), account.unwrap_or("*"));
        let read = IdPattern::kubernetes(domain, namespace, account).map_err(Wrong::from);
        self.right(field, &found, read).map(Some)
    }

    pub(super) fn destinations(&mut self, field: &str, to: &OneOrMany<Written<ToEntry>>) -> Vec<Destination> {
        let mut destinations = Vec::new();
        for (field, written) in numbered(&format!("{field}.to"), to) {
            destinations.extend(match written {
                Written::Line(line) => match self.right(&field, line, destination(line)) {
                    Some(fields) => self.destination(&field, &fields),
                    None => None,
                },
                Written::Fields(fields) => self.destination(&field, fields),
            });
        }
        self.not_empty(&format!("{field}.to"), to, "what may be called");
        sorted(destinations)
    }

    /// The names that may be looked up.
    pub(super) fn names(&mut self, field: &str, to: &OneOrMany<Written<ToEntry>>) -> Vec<Destination> {
        let mut names = Vec::new();
        for (field, written) in numbered(&format!("{field}.to"), to) {
            let text = match written {
                Written::Line(line) => Some(line),
                Written::Fields(to) if *to == (ToEntry { host: to.host.clone(), ..ToEntry::default() }) => {
                    to.host.as_ref()
                }
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
        let written = Named {
            exact: ("spiffeId", to.spiffe_id.as_deref()),
            namespace: to.namespace.as_deref(),
            account: to.service_account.as_deref(),
            domain: to.trust_domain.as_deref(),
        };
        read.id = self.identity(field, &written).flatten();
        if read == Destination::default() && self.problems.len() == before {
            let expected =
                "at least one of `address`, `cidr`, `host`, `spiffeId`, `namespace`, `serviceAccount`, `trustDomain`";
            self.wrong(field, "", Wrong::new(expected, "for every address write `cidr: 0.0.0.0/0` and `cidr: ::/0`"));
        }
        (self.problems.len() == before).then_some(read)
    }
}

/// An identity as it is written.
struct Named<'a> {
    /// The field that has all of it, and what stands there.
    exact: (&'static str, Option<&'a str>),
    namespace: Option<&'a str>,
    account: Option<&'a str>,
    domain: Option<&'a str>,
}

/// One entry of `to` in one line: an identity, a network, or a host.
fn destination(line: &str) -> Result<ToEntry, Wrong> {
    let mut to = ToEntry::default();
    let address = line.split('/').next().unwrap_or_default();
    if line.contains("://") {
        IdPattern::parse(line)?;
        to.spiffe_id = Some(line.to_owned());
    } else if address.parse::<std::net::IpAddr>().is_ok() {
        Network::parse(line)?;
        to.cidr = Some(line.to_owned());
    } else if let Some((namespace, account)) = line.split_once('/') {
        to.namespace = Some(namespace.to_owned());
        to.service_account = Some(account.to_owned());
    } else {
        Host::parse(line)?;
        to.host = Some(line.to_owned());
    }
    Ok(to)
}
