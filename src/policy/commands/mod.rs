//! What a rule grants on a store of keys and values: commands on keys, on channels, by name alone. An access is one key,
//! channel or database with what is done to it, or a command that names none. Which command does what comes with the
//! access: nothing here knows a protocol's vocabulary.

mod meaning;

use super::describe::listed;
use super::pattern::Glob;
use super::rule::facts;
use crate::flow::{Access, FactKind};
use std::fmt;

/// What a rule grants on a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    /// What may be done to which keys; sorted.
    pub(super) keys: Vec<(Glob, Vec<Box<str>>)>,
    /// What may be done with which channels; sorted.
    pub(super) channels: Vec<(Glob, Vec<Box<str>>)>,
    /// Commands that are granted by their name; sorted.
    pub(super) commands: Vec<Box<str>>,
    /// Databases that may be selected, besides the first.
    pub(super) databases: Vec<Box<str>>,
}

/// What an access lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Command,
    Key,
    KeyCommand,
    Channel,
    ChannelCommand,
    Database,
}

impl Granted {
    /// What an access lacks to be granted.
    pub(super) fn lacks(&self, access: &Access<'_>) -> Option<Lack> {
        let object = facts(access, FactKind::Object).next().unwrap_or_default();
        let class = facts(access, FactKind::Class).next().map_or("named", |(name, _)| name);
        let lists = |list, none, other| lacks(list, access, class, object.1 == "pattern", none, other);
        match object.0 {
            "key" => lists(&self.keys, Lack::Key, Lack::KeyCommand),
            "channel" => lists(&self.channels, Lack::Channel, Lack::ChannelCommand),
            "database" => {
                let known = access.path == "0" || self.databases.iter().any(|known| **known == *access.path);
                (!known).then_some(Lack::Database)
            }
            _ => {
                let known = class == "free" || self.commands.iter().any(|known| **known == *access.action);
                (!known).then_some(Lack::Command)
            }
        }
    }

    /// Whether everything that the other grants is granted.
    pub(super) fn covers(&self, other: &Self) -> bool {
        type List = [(Glob, Vec<Box<str>>)];
        fn cover(mine: &List, theirs: &List) -> bool {
            let has = |words: &[Box<str>], word: &str| words.iter().any(|known| **known == *word);
            let granted = |glob: &Glob, word: &str| mine.iter().any(|(my, words)| my.covers(glob) && has(words, word));
            theirs.iter().all(|(glob, words)| words.iter().all(|word| granted(glob, word)))
        }
        cover(&self.keys, &other.keys)
            && cover(&self.channels, &other.channels)
            && other.commands.iter().all(|name| self.commands.contains(name))
            && other.databases.iter().all(|number| self.databases.contains(number))
    }

    /// What a rule does not grant, in words; keys are left out.
    pub(super) fn says(lack: Lack, access: &Access<'_>) -> String {
        match lack {
            Lack::Command => format!("does not name {}", access.action),
            Lack::Key => "does not grant this key".to_owned(),
            Lack::KeyCommand => format!("does not grant {} on this key", access.action),
            Lack::Channel => "does not grant this channel".to_owned(),
            Lack::ChannelCommand => format!("does not grant {} on this channel", access.action),
            Lack::Database => "does not grant this database".to_owned(),
        }
    }
}

/// Whether a list grants what is done to what a path names: by the command's name, or by what it does.
fn lacks(
    list: &[(Glob, Vec<Box<str>>)],
    access: &Access<'_>,
    class: &str,
    is_pattern: bool,
    none: Lack,
    other: Lack,
) -> Option<Lack> {
    let takes = |glob: &Glob| if is_pattern { glob.takes_all(&access.path) } else { glob.takes(&access.path) };
    let does = |word: &str| word == class || word == access.action;
    let mut lack = none;
    for (_, words) in list.iter().filter(|(glob, _)| takes(glob)) {
        if words.iter().any(|word| does(word)) {
            return None;
        }
        lack = other;
    }
    Some(lack)
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |list: &[(Glob, Vec<Box<str>>)]| {
            list.iter().map(|(glob, words)| format!("{glob}: {}", words.join(","))).collect::<Vec<_>>().join("; ")
        };
        write!(f, "redis {{{}}}", list(&self.keys))?;
        if !self.channels.is_empty() {
            write!(f, " channels {{{}}}", list(&self.channels))?;
        }
        let named = [("commands", listed(&self.commands)), ("databases", listed(&self.databases))];
        named.iter().filter(|(_, list)| !list.is_empty()).try_for_each(|(name, list)| write!(f, " {name} [{list}]"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Fact;

    fn granted() -> Granted {
        let list = |list: &[(&str, &[&str])]| {
            let read = |(glob, words): &(&str, &[&str])| {
                (Glob::parse(glob).unwrap(), words.iter().map(|word| (*word).into()).collect())
            };
            list.iter().map(read).collect()
        };
        Granted {
            keys: list(&[("session:*", &["read", "write"]), ("stock:*", &["read"]), ("queue", &["LPUSH"])]),
            channels: list(&[("orders.*", &["subscribe"])]),
            commands: vec!["CONFIG GET".into(), "EVAL".into()],
            databases: vec!["2".into()],
        }
    }

    fn lacks(action: &str, class: &'static str, object: &'static str, path: &str) -> Option<Lack> {
        let pattern = if path.contains('*') { "pattern" } else { "" };
        let facts = [
            Fact { kind: FactKind::Object, name: object.into(), value: pattern.into() },
            Fact { kind: FactKind::Class, name: class.into(), value: "".into() },
        ];
        granted().lacks(&Access { action, scheme: "redis", authority: "", path: path.into(), facts: &facts })
    }

    #[test]
    fn keys_are_granted_by_what_is_done_to_them() {
        assert_eq!(lacks("GET", "read", "key", "session:7"), None);
        assert_eq!(lacks("SET", "write", "key", "session:7"), None);
        assert_eq!(lacks("SET", "write", "key", "stock:7"), Some(Lack::KeyCommand));
        assert_eq!(lacks("LPUSH", "write", "key", "queue"), None);
        assert_eq!(lacks("LPOP", "write", "key", "queue"), Some(Lack::KeyCommand));
        assert_eq!(lacks("GET", "read", "key", "other"), Some(Lack::Key));
        assert_eq!(lacks("SORT", "read", "key", "stock:*"), None);
        assert_eq!(lacks("SORT", "read", "key", "s*"), Some(Lack::Key));
    }

    #[test]
    fn channels_databases_and_commands_are_granted_by_name() {
        assert_eq!(lacks("SUBSCRIBE", "subscribe", "channel", "orders.eu"), None);
        assert_eq!(lacks("PSUBSCRIBE", "subscribe", "channel", "orders.e*"), None);
        assert_eq!(lacks("PSUBSCRIBE", "subscribe", "channel", "o*"), Some(Lack::Channel));
        assert_eq!(lacks("PUBLISH", "publish", "channel", "orders.eu"), Some(Lack::ChannelCommand));
        assert_eq!(lacks("SELECT", "free", "database", "0"), None);
        assert_eq!(lacks("SELECT", "free", "database", "2"), None);
        assert_eq!(lacks("SELECT", "free", "database", "1"), Some(Lack::Database));
        assert_eq!(lacks("PING", "free", "command", ""), None);
        assert_eq!(lacks("CONFIG GET", "named", "command", ""), None);
        assert_eq!(lacks("CONFIG SET", "named", "command", ""), Some(Lack::Command));
        assert_eq!(lacks("GET", "named", "command", ""), Some(Lack::Command));
    }

    #[test]
    fn rule_covers_what_it_grants() {
        let (all, mut less) = (granted(), granted());
        less.keys.pop();
        assert!(all.covers(&less) && !less.covers(&all));
        assert!(all.to_string().starts_with("redis {session:*: read,write; stock:*: read; queue: LPUSH} channels"));
    }
}
