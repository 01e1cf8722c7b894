//! Which keys, channels and databases a command names.

use super::commands::Keys;

/// One thing that a command names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// A key.
    Key(&'a [u8]),
    /// A key that is written although the command is one that reads otherwise, or the other way round.
    Stored(&'a [u8]),
    /// All keys that a pattern may become.
    KeyPattern(&'a [u8]),
    /// A channel.
    Channel(&'a [u8]),
    /// All channels that a pattern takes.
    ChannelPattern(&'a [u8]),
    /// A database by its number.
    Database(&'a [u8]),
}

/// Everything that a command names; nothing when the words do not have the form that the command has, so that it cannot
/// be told. A word more than a server would take is no harm.
pub fn objects<'a>(keys: Keys, words: &[&'a [u8]]) -> Option<Vec<Object<'a>>> {
    let at = |place: usize| words.get(place).copied();
    let from = |place: usize| words.get(place..).unwrap_or_default();
    match keys {
        Keys::None => Some(Vec::new()),
        Keys::Range { first, last, step } => range(words, first, last, step),
        Keys::Counted { at: place, target } => counted(words, place, target),
        Keys::Streams => streams(words),
        Keys::Sort => sort(words),
        Keys::GeoStore => {
            let stored = words.windows(2).skip(2).filter_map(|pair| match pair {
                [option, key] if is(option, "STORE") || is(option, "STOREDIST") => Some(Object::Stored(key)),
                _ => None,
            });
            Some([Object::Key(at(1)?)].into_iter().chain(stored).collect())
        }
        Keys::Migrate => {
            let single = at(3).filter(|key| !key.is_empty()).map(Object::Key);
            let behind = words.iter().skip(6).position(|word| is(word, "KEYS")).map_or(words.len(), |place| place + 7);
            let all: Vec<_> = single.into_iter().chain(from(behind).iter().copied().map(Object::Key)).collect();
            (!all.is_empty()).then_some(all)
        }
        Keys::Channels(first) => some(from(first).iter().copied().map(Object::Channel).collect()),
        Keys::Channel => Some(vec![Object::Channel(at(1)?)]),
        Keys::Patterns => some(from(1).iter().copied().map(Object::ChannelPattern).collect()),
        Keys::Database(place) => Some(vec![Object::Database(at(place)?)]),
    }
}

fn some(objects: Vec<Object<'_>>) -> Option<Vec<Object<'_>>> {
    (!objects.is_empty()).then_some(objects)
}

fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}

fn range<'a>(words: &[&'a [u8]], first: usize, last: isize, step: usize) -> Option<Vec<Object<'a>>> {
    let end = match usize::try_from(last) {
        Ok(last) => last + 1,
        // -1 is the last word.
        Err(_) => words.len().checked_sub(last.unsigned_abs() - 1)?,
    };
    let keys = words.get(first..end)?;
    some(keys.iter().step_by(step).copied().map(Object::Key).collect())
}

/// The number of keys, as servers read it.
fn count(word: &[u8]) -> Option<usize> {
    std::str::from_utf8(word).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

fn counted<'a>(words: &[&'a [u8]], at: usize, target: bool) -> Option<Vec<Object<'a>>> {
    let count = count(words.get(at)?)?;
    let keys = words.get(at + 1..at.checked_add(1)?.checked_add(count)?)?;
    let target = words.get(1).filter(|_| target);
    Some(target.into_iter().chain(keys).copied().map(Object::Key).collect())
}

/// Options take words of their own, one of which may be spelled STREAMS too.
fn streams<'a>(words: &[&'a [u8]]) -> Option<Vec<Object<'a>>> {
    let mut at = 1;
    loop {
        let word = words.get(at)?;
        at += match word {
            word if is(word, "STREAMS") => break,
            word if is(word, "COUNT") || is(word, "BLOCK") || is(word, "CLAIM") => 2,
            word if is(word, "GROUP") => 3,
            word if is(word, "NOACK") => 1,
            _ => return None,
        };
    }
    let rest = words.get(at + 1..)?;
    let keys = rest.get(..rest.len() / 2).filter(|_| rest.len() % 2 == 0)?;
    some(keys.iter().copied().map(Object::Key).collect())
}

fn sort<'a>(words: &[&'a [u8]]) -> Option<Vec<Object<'a>>> {
    let mut objects = vec![Object::Key(words.get(1)?)];
    let mut at = 2;
    while let Some(word) = words.get(at) {
        let pattern = |pattern: &'a [u8]| {
            // `key->field` is a field of a hash.
            let end = pattern.windows(2).position(|pair| pair == b"->").unwrap_or(pattern.len());
            pattern.contains(&b'*').then(|| Object::KeyPattern(pattern.get(..end).unwrap_or_default()))
        };
        match word {
            word if is(word, "ASC") || is(word, "DESC") || is(word, "ALPHA") => at += 1,
            word if is(word, "LIMIT") => at += 3,
            word if is(word, "BY") || is(word, "GET") => {
                objects.extend(pattern(words.get(at + 1)?));
                at += 2;
            }
            word if is(word, "STORE") => {
                objects.push(Object::Stored(words.get(at + 1)?));
                at += 2;
            }
            _ => return None,
        }
    }
    Some(objects)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::redis::commands::{command, name};

    /// The keys of a command in words, `=` before what is stored, `~` before patterns, `#` before channels.
    fn keys(text: &str) -> Option<Vec<String>> {
        let words: Vec<&[u8]> = text.split(' ').map(|word| if word == "''" { b"" } else { word.as_bytes() }).collect();
        let shown = |object: Object<'_>| {
            let (sign, text) = match object {
                Object::Key(text) => ("", text),
                Object::Stored(text) => ("=", text),
                Object::KeyPattern(text) => ("~", text),
                Object::Channel(text) => ("#", text),
                Object::ChannelPattern(text) => ("~#", text),
                Object::Database(text) => ("@", text),
            };
            format!("{sign}{}", String::from_utf8_lossy(text))
        };
        let objects = objects(command(&name(&words)).keys, &words)?;
        Some(objects.into_iter().map(shown).collect())
    }

    #[test]
    fn all_keys_are_told() {
        for (text, expected) in [
            ("GET a", "a"),
            ("MSET a 1 b 2", "a b"),
            ("DEL a b c", "a b c"),
            ("BLPOP a b 0", "a b"),
            ("BITOP AND d a b", "d a b"),
            ("RENAME a b", "a b"),
            ("XREAD COUNT 2 BLOCK 0 STREAMS a b 0 0", "a b"),
            ("XREADGROUP GROUP streams me NOACK STREAMS a >", "a"),
            ("XREAD COUNT STREAMS STREAMS a 0", "a"),
            ("SORT a BY w_* LIMIT 0 5 GET # GET o_*->f ALPHA STORE d", "a ~w_* ~o_* =d"),
            ("SORT a BY nosort GET x", "a"),
            ("SORT a LIMIT STORE 1 STORE d", "a =d"),
            ("EVAL return 2 a b c", "a b"),
            ("EVAL return 0", ""),
            ("FCALL f 1 a x", "a"),
            ("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "d a b"),
            ("BZMPOP 0 2 a b MIN", "a b"),
            ("GEORADIUS a 1 2 3 km STORE d STOREDIST e", "a =d =e"),
            ("MIGRATE h 1 a 0 10", "a"),
            ("MIGRATE h 1 '' 0 10 COPY AUTH x KEYS a b", "a b"),
            ("OBJECT ENCODING a", "a"),
            ("XINFO STREAM a", "a"),
            ("XGROUP CREATE a g $", "a"),
            ("PUBLISH c m", "#c"),
            ("SUBSCRIBE a b", "#a #b"),
            ("PSUBSCRIBE a.*", "~#a.*"),
            ("SELECT 3", "@3"),
        ] {
            assert_eq!(keys(text).map(|keys| keys.join(" ")).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        for text in [
            "GET",
            "EVAL x 2 a",
            "EVAL x -1 a",
            "EVAL x 18446744073709551615 a",
            "ZUNION x a",
            "XREAD STREAMS a",
            "XREAD a b",
            "SORT a STORE",
            "SORT a NONSENSE d",
            "MSET",
            "BLPOP 0",
            "SUBSCRIBE",
        ] {
            assert_eq!(keys(text), None, "{text}");
        }
    }
}
