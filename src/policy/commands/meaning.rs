//! A rule under `caches` as written → conditions as meant.

use super::Granted;
use crate::policy::document::{CacheRule, OneOrMany, Protocol};
use crate::policy::meaning::{Reader, Text, sorted};
use crate::policy::pattern::{Glob, Wrong};
use crate::policy::rule::{Conditions, Party};
use std::collections::BTreeMap;

/// What is done to keys and to channels, besides commands by their name.
const ON_KEYS: &[&str] = &["read", "write"];
const ON_CHANNELS: &[&str] = &["publish", "subscribe"];

impl Reader<'_> {
    pub(in crate::policy) fn cache(&mut self, field: &str, rule: &CacheRule) -> Option<Conditions> {
        let before = self.problems.len();
        let numbers = rule.database.as_ref().map(OneOrMany::as_slice).unwrap_or_default();
        let granted = Granted {
            keys: self.objects(&format!("{field}.keys"), &rule.keys, ON_KEYS),
            channels: self.objects(&format!("{field}.channels"), &rule.channels, ON_CHANNELS),
            commands: self.command_names(&format!("{field}.commands"), &rule.commands),
            databases: sorted(numbers.iter().map(|number| number.to_string().into())),
        };
        if granted.keys.is_empty() && granted.channels.is_empty() && granted.commands.is_empty() {
            let remedy = "add `keys: {\"session:*\": [read, write]}`";
            self.wrong(&format!("{field}.keys"), "", Wrong::new("what is granted", remedy));
        }
        let party = match (&rule.from, &rule.to) {
            (Some(from), None) => Party::From(self.callers(field, from)),
            (None, Some(to)) => Party::To(self.destinations(field, to)),
            _ => {
                let remedy = "`from` for a store that this pod runs, `to` for one that it calls";
                self.wrong(&format!("{field}.from"), "", Wrong::new("`from` or `to`", remedy));
                return None;
            }
        };
        let conditions = Conditions {
            party,
            ports: self.ports(field, rule.port.as_ref()),
            commands: granted,
            ..Conditions::nothing(Protocol::Redis)
        };
        (self.problems.len() == before).then_some(conditions)
    }

    fn objects(&mut self, field: &str, written: &BTreeMap<String, Text>, words: &[&str]) -> Vec<(Glob, Vec<Box<str>>)> {
        let mut read = Vec::new();
        for (pattern, granted) in written {
            let field = format!("{field}.{pattern}");
            self.not_empty(&field, granted, words.join(", ").as_str());
            let mut known = Vec::new();
            for word in granted.as_slice() {
                if words.contains(&word.as_str()) {
                    known.push(word.as_str().into());
                } else {
                    known.extend(self.command_name(&field, word, words));
                }
            }
            read.extend(self.right(&field, pattern, Glob::parse(pattern)).map(|glob| (glob, sorted(known))));
        }
        sorted(read)
    }

    fn command_names(&mut self, field: &str, written: &[String]) -> Vec<Box<str>> {
        sorted(written.iter().filter_map(|name| self.command_name(field, name, &[])).collect::<Vec<_>>())
    }

    /// The name of a command, in upper case, with its second word if it has one.
    fn command_name(&mut self, field: &str, name: &str, words: &[&str]) -> Option<Box<str>> {
        let plain = |word: &str| !word.is_empty() && !word.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'*');
        let expected = match words {
            [] => "a command such as `INFO` or `CONFIG GET`".to_owned(),
            words => format!("{}, or a command such as `GET`", words.join(", ")),
        };
        if name.split(' ').count() > 2 || !name.split(' ').all(plain) {
            let remedy = if name == "*" { "name each: some of them run code or rewrite the server" } else { "" };
            self.wrong(field, name, Wrong::new(expected, remedy));
            return None;
        }
        let upper = name.to_ascii_uppercase();
        if upper != name {
            self.wrong(field, name, Wrong::new(expected, format!("write `{upper}`")));
            return None;
        }
        Some(name.into())
    }
}
