//! Every plausible reading of a request path. Servers read one spelling differently; the message travels on as it was
//! spelled, and is judged under each reading that common servers give it (narrowed by what a port declares of its
//! application). What no honest client sends is refused by name, whatever the readings: `refused`.
//!
//! Canonical text: percent-decoded but for `%2F` (a slash that is data), `%25` (a percent sign) and bytes that are no
//! UTF-8 text (`%FF`), so that two paths are one exactly when their canonical texts are.

pub mod fold;
mod read;
pub mod refused;

use crate::flow::Reason;
use schemars::JsonSchema;
use serde::Deserialize;
use std::borrow::Cow;

/// How the application behind a port reads paths. By default nothing is known: every plausible reading counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Readings {
    /// `%2F`: a slash that separates segments, or data within one.
    pub encoded_slash: Separator,
    /// `\` and `%5C`: a slash that separates segments, or data within one.
    pub backslash: Separator,
    /// `;v=1` at the end of a segment: kept as part of it, or cut off.
    pub params: Params,
    /// `//`: merged into one slash, or kept. When nothing is declared, a path that begins with `//` is also read as
    /// URL parsers do: host, then path.
    pub slashes: Slashes,
    /// `%2541`: decoded once, or on to the bottom. Decoded again, `%3F` begins a query: a path ends there too.
    pub decoding: Decoding,
    /// Whether letter case matters to the application. Paths are not changed by it; policies ask.
    pub case: Case,
}

/// How a doubtful separator is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Separator {
    /// Either way.
    #[default]
    Both,
    /// As a slash.
    Separator,
    /// As data.
    Data,
}

/// How path parameters are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Params {
    /// Either way.
    #[default]
    Both,
    /// As part of their segment.
    Kept,
    /// Not as part of the path.
    Cut,
}

/// How repeated slashes are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Slashes {
    /// Either way.
    #[default]
    Both,
    /// As they are.
    Kept,
    /// As one.
    Merged,
}

/// How often escapes are undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decoding {
    /// Once, or by a framework and its application one after the other.
    #[default]
    Both,
    /// Once.
    Once,
}

/// Whether letter case matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// Not known: what is forbidden is forbidden in any case, what is granted is granted as it is written.
    #[default]
    Both,
    /// `/A` is not `/a`.
    Sensitive,
    /// `/A` is `/a`.
    Insensitive,
}

/// The readings of one path, without repetitions. `1 <= len() <= Paths::MAX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths<'a> {
    first: Cow<'a, str>,
    others: Vec<String>,
}

impl<'a> Paths<'a> {
    /// Most readings of one path; one that has more is refused.
    pub const MAX: usize = 16;

    /// The reading that changes least.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// Every reading, the one that changes least first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.first).chain(self.others.iter().map(String::as_str))
    }

    /// Every reading, handed over.
    pub fn into_readings(self) -> impl Iterator<Item = Cow<'a, str>> {
        std::iter::once(self.first).chain(self.others.into_iter().map(Cow::Owned))
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty)] // there is always one
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }
}

/// Every reading of `path`, a request path as it was spelled, without its query. An empty one is `/`.
///
/// # Errors
/// With the name of what no honest client sends, or when there are more readings than [`Paths::MAX`].
pub fn readings<'a>(path: &'a [u8], how: &Readings) -> Result<Paths<'a>, Reason> {
    if let Some(plain) = plain(path) {
        return Ok(Paths { first: Cow::Borrowed(plain), others: Vec::new() });
    }
    let layers = refused::check(path)?;
    read::all(path, how, layers)
}

/// The path itself when it has only one reading: no escape, no parameter, no backslash, no repeated slash, no segment
/// that begins with a dot.
fn plain(path: &[u8]) -> Option<&str> {
    let mut before = 0;
    for byte in path {
        let plain = matches!(byte, b'!'..=b'~') && !matches!(byte, b'%' | b';' | b'\\');
        let starts_segment = matches!(before, 0 | b'/');
        if !plain || (starts_segment && *byte == b'.') || (before == b'/' && *byte == b'/') {
            return None;
        }
        before = *byte;
    }
    if path.is_empty() { Some("/") } else { std::str::from_utf8(path).ok() }
}

#[cfg(test)]
mod tests;
