//! A command as accesses and parts: one access for each key, channel or database it names, or one for the command alone.

use super::commands::{Class, command, name};
use super::keys::{Object, objects};
use crate::flow::{Access, Fact, FactKind, Part, Place};
use crate::protocol::exchange::Asked;
use std::borrow::Cow;

/// Bytes of keys in a record's resource.
const SHOWN: usize = 200;

/// Shows what a command asks for.
pub fn asked(words: &[&[u8]], look: &mut dyn FnMut(&Asked<'_>)) {
    let name = name(words);
    let command = command(&name);
    let objects = objects(command.keys, words);
    // Where keys cannot be told, the command must be named whatever it is.
    let alone = match (&objects, command.class) {
        (None, _) | (_, Class::Named | Class::NamedRead | Class::NamedWrite | Class::Unsupported) => Some("named"),
        (Some(objects), Class::Free) if objects.is_empty() => Some("free"),
        // EVAL without keys and the like.
        (Some(objects), _) if objects.is_empty() => Some("named"),
        (Some(_), _) => None,
    };
    let mut things: Vec<Thing<'_>> = objects.iter().flatten().map(|object| Thing::of(*object, command.class)).collect();
    things.sort();
    things.dedup();
    things.extend(alone.map(|class| Thing { kind: "command", text: Cow::Borrowed(""), pattern: false, class }));
    let facts: Vec<[Fact<'_>; 2]> = things.iter().map(Thing::facts).collect();
    let access = |(thing, facts)| access(&name, thing, facts);
    let accesses: Vec<Access<'_>> = things.iter().zip(&facts).map(access).collect();
    let resource = resource(&things);
    look(&Asked {
        action: &name,
        resource: &resource,
        accesses: &accesses,
        parts: &parts(&name, command.class, words),
    });
}

/// What is done to one thing.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Thing<'a> {
    kind: &'static str,
    text: Cow<'a, str>,
    pattern: bool,
    class: &'static str,
}

impl<'a> Thing<'a> {
    fn of(object: Object<'a>, class: Class) -> Self {
        let on_keys = match class {
            Class::Read | Class::NamedRead => "read",
            Class::Publish => "publish",
            Class::Subscribe => "subscribe",
            _ => "write",
        };
        let (kind, text, pattern, class) = match object {
            Object::Key(text) => ("key", text, false, on_keys),
            Object::Stored(text) => ("key", text, false, "write"),
            Object::KeyPattern(text) => ("key", text, true, "read"),
            Object::Channel(text) => ("channel", text, false, on_keys),
            Object::ChannelPattern(text) => ("channel", text, true, on_keys),
            Object::Database(text) => ("database", text, false, "free"),
        };
        Self { kind, text: spelled(text), pattern, class }
    }

    fn facts(&self) -> [Fact<'static>; 2] {
        let pattern = if self.pattern { "pattern" } else { "" };
        [
            Fact { kind: FactKind::Object, name: self.kind.into(), value: pattern.into() },
            Fact { kind: FactKind::Class, name: self.class.into(), value: "".into() },
        ]
    }
}

fn access<'a>(name: &'a str, thing: &'a Thing<'_>, facts: &'a [Fact<'a>; 2]) -> Access<'a> {
    Access { action: name, scheme: "redis", authority: "", path: Cow::Borrowed(&thing.text), facts }
}

/// `redis:session:7`, with the number of the others.
fn resource(things: &[Thing<'_>]) -> String {
    let named = || things.iter().filter(|thing| thing.kind != "command");
    let first: String = named().next().map_or("", |thing| &thing.text).chars().take(SHOWN).collect();
    let others = named().count().saturating_sub(1);
    if others == 0 { format!("redis:{first}") } else { format!("redis:{first} and {others} more") }
}

/// Keys as text: what is no printable character, and `\`, is escaped, so that two keys never look alike.
fn spelled(key: &[u8]) -> Cow<'_, str> {
    let is_plain = |text: &&str| text.chars().all(|c| !c.is_control() && c != '\\' && c != char::REPLACEMENT_CHARACTER);
    if let Some(text) = std::str::from_utf8(key).ok().filter(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(key.len() + 16);
    for byte in key {
        match byte {
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7E => text.push(char::from(*byte)),
            byte => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    Cow::Owned(text)
}

/// What is looked at for attacks: scripts, values, and the words of commands that change the server. Never what proves
/// who somebody is.
fn parts<'a>(name: &str, class: Class, words: &[&'a [u8]]) -> Vec<Part<'a>> {
    let first = usize::from(name.contains(' ')) + 1;
    let all = words.get(first..).unwrap_or_default();
    let part = |place, word: &&'a [u8]| Part::plain(place, b"redis", word);
    match name {
        "AUTH" | "HELLO" | "ACL SETUSER" | "MIGRATE" => Vec::new(),
        "EVAL" | "EVAL_RO" => {
            let script = all.iter().take(1).map(|word| part(Place::Script, word));
            script.chain(all.iter().skip(1).map(|word| part(Place::StoredValue, word))).collect()
        }
        "SCRIPT LOAD" | "FUNCTION LOAD" | "FUNCTION RESTORE" => {
            all.iter().map(|word| part(Place::Script, word)).collect()
        }
        _ if matches!(class, Class::Read | Class::Free | Class::Subscribe) => Vec::new(),
        _ => all.iter().map(|word| part(Place::StoredValue, word)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        let mut shown = Vec::new();
        asked(&words, &mut |asked| {
            for access in asked.accesses {
                let [object, class] = access.facts else { panic!("two facts") };
                shown.push(format!("{} {} {} {}{}", access.action, class.name, object.name, access.path, object.value));
            }
            shown.push(asked.parts.iter().map(|part| part.place.name()).collect::<Vec<_>>().join(","));
        });
        shown.join("; ")
    }

    #[test]
    fn each_key_is_asked_for_once() {
        assert_eq!(shown("MGET b a b"), "MGET read key a; MGET read key b; ");
        let sort = "SORT write key a; SORT write key d; SORT read key x_*pattern; ";
        assert_eq!(shown("SORT a GET x_* STORE d"), format!("{sort}{}", ["stored-value"; 5].join(",")));
    }

    #[test]
    fn named_commands_ask_for_their_name_too() {
        assert_eq!(shown("EVAL s 1 k"), "EVAL write key k; EVAL named command ; script,stored-value,stored-value");
        assert_eq!(shown("CONFIG SET dir /x"), "CONFIG SET named command ; stored-value,stored-value");
        assert_eq!(shown("GET"), "GET named command ; ");
        assert_eq!(shown("PING"), "PING free command ; ");
        assert_eq!(shown("SELECT 2"), "SELECT free database 2; ");
        assert_eq!(shown("HELLO 3 AUTH u secret"), "HELLO free command ; ");
    }

    #[test]
    fn two_keys_never_look_alike() {
        assert_eq!(spelled(b"a b"), "a b");
        assert_eq!(spelled("schlüssel".as_bytes()), "schlüssel");
        assert_eq!(spelled(b"a\\x00"), "a\\\\x00");
        assert_eq!(spelled(b"a\x00\xFF"), "a\\x00\\xff");
    }
}
