//! The vocabulary: what each command does, and where its keys stand. A command that is missing here asks for its name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

/// What a command does to what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads keys.
    Read,
    /// Changes keys; it may read them too.
    Write,
    /// Concerns the connection or its transaction: comes with any grant.
    Free,
    /// Reaches beyond keys, or keys cannot be told: it must be named.
    Named,
    /// Named, and what it does to its keys is reading.
    NamedRead,
    /// Named, and what it does to its keys is writing.
    NamedWrite,
    /// Sends to channels.
    Publish,
    /// Listens to channels.
    Subscribe,
    /// Makes the connection speak something else.
    Unsupported,
}

/// Where a command's keys stand; the command's own name is word 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Nowhere.
    None,
    /// From `first` to `last` (from the end where it is negative), each `step`th word.
    #[allow(missing_docs)] // said above
    Range { first: usize, last: isize, step: usize },
    /// Their number stands at `at`, the keys behind it; with `target`, word 1 is one too.
    #[allow(missing_docs)] // said above
    Counted { at: usize, target: bool },
    /// Behind STREAMS: half keys, half positions.
    Streams,
    /// SORT: BY and GET read other keys, STORE writes one.
    Sort,
    /// GEORADIUS: STORE and STOREDIST write one.
    GeoStore,
    /// MIGRATE: word 3, or those behind KEYS.
    Migrate,
    /// Channels from here on.
    Channels(usize),
    /// One channel.
    Channel,
    /// Patterns of channels.
    Patterns,
    /// The number of a database at this place.
    Database(usize),
}

/// A command with what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it does.
    pub class: Class,
    /// Its keys.
    pub keys: Keys,
}

const fn range(first: usize, last: isize, step: usize) -> Keys {
    Keys::Range { first, last, step }
}

const ONE: Keys = range(1, 1, 1);
const TWO: Keys = range(1, 2, 1);
const ALL: Keys = range(1, -1, 1);
const SECOND: Keys = range(2, 2, 1);

const fn counted(at: usize) -> Keys {
    Keys::Counted { at, target: false }
}

type Group = (Class, Keys, &'static [&'static str]);

/// Every command that is known, by what it does and where its keys stand.
#[rustfmt::skip]
static GROUPS: &[Group] = &[
    (Class::Read, ONE, &[
        "GET", "STRLEN", "GETRANGE", "SUBSTR", "GETBIT", "BITCOUNT", "BITPOS", "BITFIELD_RO", "DIGEST",
        "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "TYPE",
        "LLEN", "LINDEX", "LRANGE", "LPOS",
        "SCARD", "SISMEMBER", "SMISMEMBER", "SMEMBERS", "SRANDMEMBER", "SSCAN",
        "ZCARD", "ZCOUNT", "ZLEXCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZRANGEBYLEX", "ZREVRANGE", "ZREVRANGEBYSCORE",
        "ZREVRANGEBYLEX", "ZRANK", "ZREVRANK", "ZSCORE", "ZMSCORE", "ZRANDMEMBER", "ZSCAN",
        "HGET", "HMGET", "HGETALL", "HKEYS", "HVALS", "HLEN", "HEXISTS", "HSTRLEN", "HRANDFIELD", "HSCAN",
        "HTTL", "HPTTL", "HEXPIRETIME", "HPEXPIRETIME",
        "GEODIST", "GEOHASH", "GEOPOS", "GEOSEARCH", "GEORADIUS_RO", "GEORADIUSBYMEMBER_RO",
        "XLEN", "XRANGE", "XREVRANGE", "XPENDING",
    ]),
    (Class::Read, SECOND, &[
        "OBJECT ENCODING", "OBJECT FREQ", "OBJECT IDLETIME", "OBJECT REFCOUNT", "MEMORY USAGE",
        "XINFO STREAM", "XINFO GROUPS", "XINFO CONSUMERS",
    ]),
    (Class::Read, ALL, &["MGET", "EXISTS", "TOUCH", "SINTER", "SUNION", "SDIFF", "PFCOUNT", "WATCH"]),
    (Class::Read, TWO, &["LCS"]),
    (Class::Read, counted(1), &["SINTERCARD", "ZINTERCARD", "ZUNION", "ZINTER", "ZDIFF"]),
    (Class::Read, Keys::Streams, &["XREAD"]),
    (Class::Read, Keys::Sort, &["SORT_RO"]),
    (Class::Write, ONE, &[
        "SET", "SETNX", "SETEX", "PSETEX", "GETSET", "GETDEL", "GETEX", "APPEND", "INCR", "DECR", "INCRBY", "DECRBY",
        "INCRBYFLOAT", "SETRANGE", "SETBIT", "BITFIELD", "DELEX",
        "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "PERSIST",
        "LPUSH", "RPUSH", "LPUSHX", "RPUSHX", "LPOP", "RPOP", "LSET", "LTRIM", "LREM", "LINSERT",
        "SADD", "SREM", "SPOP",
        "ZADD", "ZREM", "ZINCRBY", "ZPOPMIN", "ZPOPMAX", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZREMRANGEBYLEX",
        "HSET", "HMSET", "HSETNX", "HDEL", "HINCRBY", "HINCRBYFLOAT", "HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT",
        "HPERSIST", "HGETEX", "HGETDEL", "HSETEX",
        "PFADD", "GEOADD", "XADD", "XDEL", "XTRIM", "XSETID", "XACK", "XCLAIM", "XAUTOCLAIM", "XACKDEL", "XDELEX",
    ]),
    (Class::Write, SECOND, &[
        "XGROUP CREATE", "XGROUP DESTROY", "XGROUP SETID", "XGROUP CREATECONSUMER", "XGROUP DELCONSUMER",
    ]),
    (Class::Write, ALL, &["DEL", "UNLINK", "PFMERGE", "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]),
    (Class::Write, TWO, &[
        "RENAME", "RENAMENX", "RPOPLPUSH", "BRPOPLPUSH", "LMOVE", "BLMOVE", "SMOVE", "ZRANGESTORE",
        "GEOSEARCHSTORE",
    ]),
    (Class::Write, range(1, -1, 2), &["MSET", "MSETNX"]),
    (Class::Write, range(1, -2, 1), &["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"]),
    (Class::Write, range(2, -1, 1), &["BITOP"]),
    (Class::Write, counted(1), &["LMPOP", "ZMPOP"]),
    (Class::Write, counted(2), &["BLMPOP", "BZMPOP"]),
    (Class::Write, Keys::Counted { at: 2, target: true }, &["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE"]),
    (Class::Write, Keys::Streams, &["XREADGROUP"]),
    (Class::Write, Keys::Sort, &["SORT"]),
    (Class::Write, Keys::GeoStore, &["GEORADIUS", "GEORADIUSBYMEMBER"]),
    (Class::Free, Keys::None, &[
        "AUTH", "HELLO", "PING", "ECHO", "QUIT", "RESET", "MULTI", "EXEC", "DISCARD", "UNWATCH", "TIME",
        "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "READONLY", "READWRITE", "ASKING",
        "CLIENT SETNAME", "CLIENT GETNAME", "CLIENT SETINFO", "CLIENT ID", "CLIENT INFO", "CLIENT REPLY",
        "CLIENT NO-EVICT", "CLIENT NO-TOUCH", "CLIENT CAPA",
        "COMMAND", "COMMAND DOCS", "COMMAND COUNT", "COMMAND INFO", "COMMAND LIST", "COMMAND GETKEYS",
        "COMMAND GETKEYSANDFLAGS", "COMMAND HELP",
    ]),
    (Class::Free, Keys::Database(1), &["SELECT"]),
    (Class::Publish, Keys::Channel, &["PUBLISH", "SPUBLISH"]),
    (Class::Subscribe, Keys::Channels(1), &["SUBSCRIBE", "SSUBSCRIBE"]),
    (Class::Subscribe, Keys::Patterns, &["PSUBSCRIBE"]),
    // What copies a key to another database, or out of any, must be named besides.
    (Class::NamedWrite, ONE, &["MOVE", "RESTORE", "RESTORE-ASKING"]),
    (Class::NamedWrite, TWO, &["COPY"]),
    (Class::NamedWrite, Keys::Migrate, &["MIGRATE"]),
    (Class::NamedWrite, counted(2), &["EVAL", "EVALSHA", "FCALL"]),
    (Class::NamedRead, counted(2), &["EVAL_RO", "EVALSHA_RO", "FCALL_RO"]),
    (Class::NamedRead, ONE, &["DUMP"]),
    (Class::NamedRead, SECOND, &["DEBUG OBJECT"]),
    (Class::Named, Keys::None, &[
        "INFO", "DBSIZE", "SCAN", "KEYS", "RANDOMKEY", "FLUSHALL", "FLUSHDB", "SWAPDB", "SAVE", "BGSAVE", "BGREWRITEAOF",
        "SHUTDOWN", "SLAVEOF", "REPLICAOF", "FAILOVER", "ROLE", "LASTSAVE", "LOLWUT", "WAIT", "WAITAOF", "PFSELFTEST",
        "PFDEBUG",
    ]),
    (Class::Unsupported, Keys::None, &["MONITOR", "SYNC", "PSYNC", "REPLCONF"]),
];

/// Commands whose second word says what they do. What is not listed above must be named, both words.
pub static CONTAINERS: &[&str] = &[
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT",
    "PUBSUB", "SCRIPT", "SENTINEL", "SLOWLOG", "XGROUP", "XINFO",
];

static KNOWN: LazyLock<HashMap<&'static str, Command>> = LazyLock::new(|| {
    let command =
        |(class, keys, names): &'static Group| names.iter().map(|name| (*name, Command { class: *class, keys: *keys }));
    GROUPS.iter().flat_map(command).collect()
});

/// Longer names are of no command.
const LONGEST: usize = 64;

/// The name that policies and records know a command by: upper case, with its second word where that says what it does.
/// What is no name is told by one word that no rule can grant.
pub fn name<'a>(words: &[&[u8]]) -> Cow<'a, str> {
    let Some(first) = words.first().and_then(|word| plain(word)) else { return Cow::Borrowed("?") };
    let known = KNOWN.get_key_value(first.as_str()).map(|(name, _)| *name);
    let second = words.get(1).filter(|_| CONTAINERS.contains(&first.as_str()));
    match (second, known) {
        (None, Some(name)) => Cow::Borrowed(name),
        (None, None) => Cow::Owned(first),
        (Some(second), _) => match plain(second) {
            Some(second) => Cow::Owned(format!("{first} {second}")),
            None => Cow::Owned(format!("{first} ?")),
        },
    }
}

/// What is known of a command by its [`name`]. What nobody knows must be named, and its keys cannot be told.
pub fn command(name: &str) -> Command {
    KNOWN.get(name).copied().unwrap_or(Command { class: Class::Named, keys: Keys::None })
}

/// Whether a name that a rule grants is one of a command that is known.
pub fn is_known(name: &str) -> bool {
    let container = name.split_once(' ').is_some_and(|(first, _)| CONTAINERS.contains(&first));
    KNOWN.contains_key(name) || container
}

/// All names, for those who look for a near one.
pub fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|(_, _, names)| names.iter().copied())
}

fn plain(word: &[u8]) -> Option<String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'|' | b':');
    let name = std::str::from_utf8(word).ok().filter(|_| word.len() <= LONGEST && word.iter().all(is_plain));
    name.filter(|name| !name.is_empty()).map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        name(&words).into_owned()
    }

    #[test]
    fn names_are_unique() {
        assert_eq!(names().count(), KNOWN.len());
    }

    #[test]
    fn name_has_a_second_word_where_that_counts() {
        assert_eq!(name_of(&["gEt", "k"]), "GET");
        assert_eq!(name_of(&["config", "set", "dir"]), "CONFIG SET");
        assert_eq!(name_of(&["config"]), "CONFIG");
        assert_eq!(name_of(&["json.get", "k"]), "JSON.GET");
        assert_eq!(name_of(&["a b"]), "?");
        assert_eq!(name_of(&["config", "a b"]), "CONFIG ?");
        assert_eq!(name_of(&[]), "?");
    }

    #[test]
    fn what_reaches_beyond_keys_must_be_named() {
        for name in [
            "CONFIG SET",
            "CONFIG",
            "MODULE LOAD",
            "EVAL",
            "EVALSHA",
            "FCALL",
            "SCRIPT LOAD",
            "FUNCTION LOAD",
            "SLAVEOF",
            "REPLICAOF",
            "DEBUG",
            "DEBUG SLEEP",
            "MIGRATE",
            "SAVE",
            "BGSAVE",
            "SHUTDOWN",
            "KEYS",
            "FLUSHALL",
            "FLUSHDB",
            "ACL SETUSER",
            "CLIENT KILL",
            "CLIENT PAUSE",
            "CLIENT TRACKING",
            "CLUSTER FAILOVER",
            "SWAPDB",
            "JSON.GET",
            "SENTINEL MASTERS",
            "LATENCY RESET",
            "SLOWLOG GET",
            "INFO",
            "RESTORE",
            "DUMP",
            "?",
        ] {
            let class = command(name).class;
            assert!(matches!(class, Class::Named | Class::NamedRead | Class::NamedWrite), "{name}: {class:?}");
        }
    }
}
