//! The head of an HTTP request, whichever version carried it: what it asks for (`accesses`) and what its sender
//! controls (`parts`). A codec fills in a [`Head`]; nothing here knows how its bytes were framed.
//!
//! ```
//! use podwall::canon::path::Readings;
//! use podwall::protocol::http1::{Limits, RequestHead};
//!
//! let buffer = b"GET /items%2F7?q=a+b HTTP/1.1\r\nHost: Catalog:8080\r\n\r\n";
//! let head = RequestHead::decode(buffer, &Limits::default()).unwrap().unwrap();
//! let request = head.view(buffer).request();
//! let resources: Vec<_> = request.accesses(&Readings::default()).unwrap().iter().map(|a| a.resource()).collect();
//! assert_eq!(resources, ["http://catalog/items%2F7", "http://catalog/items/7"]);
//! assert!(request.parts().iter().any(|part| &*part.canonical == b"a b"));
//! ```

mod accesses;
mod parts;
pub mod query;
pub mod spoken;

pub use accesses::{METHOD_OVERRIDE, PATH_OVERRIDE, methods_in_body};
pub use parts::{Parts, trailer_parts};

use super::names::Name;
use crate::canon::host::Host;
use crate::flow::{Fact, Reason};

/// RFC 9110 §9.3 and RFC 5789.
const REGISTERED: [&str; 9] = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE"];

/// A request's head, as its codec understood it.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// A token.
    pub method: &'a str,
    /// Whom the request is for; only HTTP/1.0 may leave it out.
    pub host: Option<Host<'a>>,
    /// The target's form.
    pub form: Form,
    /// The path as it was spelled, without the query; `*` in asterisk form.
    pub path: &'a [u8],
    /// The query as it was spelled, without its question mark.
    pub query: Option<&'a [u8]>,
    /// The protocol that it wants to change to, where that is allowed on: `websocket`.
    pub upgrade: Option<&'static str>,
    /// Every header line, in order.
    pub headers: Vec<Header<'a>>,
}

/// A header line. The name keeps its spelling; the value has no whitespace around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// As it was spelled.
    pub name: &'a [u8],
    /// Without the whitespace around it.
    pub value: &'a [u8],
    /// What the name means, where it means something to us.
    pub known: Option<&'static Name>,
    /// Whether it goes on as it is; hop-by-hop fields, and what we set ourselves, do not.
    pub forwarded: bool,
}

impl Header<'_> {
    /// Whether it has this name, in any letter case.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The form of a target (RFC 9112 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// `/path?query`.
    Origin,
    /// `http://host/path?query`.
    Absolute,
    /// `host:port`, of CONNECT alone.
    Authority,
    /// `*`, of OPTIONS alone.
    Asterisk,
}

impl Form {
    /// The word that policies and records use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Absolute => "absolute",
            Self::Authority => "authority",
            Self::Asterisk => "asterisk",
        }
    }
}

/// A head with what follows from it.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    head: Head<'a>,
    facts: Vec<Fact<'a>>,
    /// The methods that it asks the server to act under instead.
    methods: Vec<String>,
    /// The hosts that its headers name instead.
    hosts: Vec<String>,
    refused: Option<Reason>,
}

impl<'a> Request<'a> {
    /// The head, as its codec understood it.
    pub fn head(&self) -> &Head<'a> {
        &self.head
    }

    /// What is known about the request besides method, host and path; shared by all its accesses.
    pub fn facts(&self) -> &[Fact<'a>] {
        &self.facts
    }
}

#[cfg(test)]
mod tests;
