//! The words that decide what a MySQL statement asks for. All others are names.

/// A keyword, or any other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each variant is the keyword it is named after
pub enum Key {
    All,
    Alter,
    Analyze,
    And,
    Any,
    As,
    Asc,
    Begin,
    Between,
    Binary,
    By,
    Call,
    Cascade,
    Case,
    Change,
    Character,
    Check,
    Collate,
    Column,
    Commit,
    Convert,
    Create,
    Cross,
    CurrentDate,
    CurrentTime,
    CurrentTimestamp,
    CurrentUser,
    Database,
    Deallocate,
    Default,
    Delete,
    Desc,
    Describe,
    Distinct,
    Distinctrow,
    Div,
    Do,
    Drop,
    Dual,
    Dumpfile,
    Duplicate,
    Else,
    End,
    Escape,
    Except,
    Execute,
    Exists,
    Explain,
    False,
    Fetch,
    For,
    Force,
    From,
    Full,
    Fulltext,
    Grant,
    Group,
    Handler,
    Having,
    HighPriority,
    If,
    Ignore,
    In,
    Index,
    Infile,
    Inner,
    Insert,
    Intersect,
    Interval,
    Into,
    Is,
    Join,
    Key,
    Kill,
    Lateral,
    Left,
    Like,
    Limit,
    Load,
    Local,
    Localtime,
    Localtimestamp,
    Lock,
    LowPriority,
    Match,
    Merge,
    Mod,
    Names,
    Natural,
    Not,
    Null,
    Offset,
    On,
    Optimize,
    Option,
    Or,
    Order,
    Outer,
    Outfile,
    Over,
    Partition,
    Prepare,
    Procedure,
    Purge,
    Quick,
    Range,
    Recursive,
    Regexp,
    Release,
    Rename,
    Repair,
    Replace,
    Require,
    Restrict,
    Returning,
    Revoke,
    Right,
    Rlike,
    Rollback,
    Row,
    Rows,
    Savepoint,
    Select,
    Separator,
    Session,
    Set,
    Show,
    Sounds,
    SqlBigResult,
    SqlBufferResult,
    SqlCache,
    SqlCalcFoundRows,
    SqlNoCache,
    SqlSmallResult,
    Start,
    StraightJoin,
    Table,
    Terminated,
    Then,
    To,
    Transaction,
    Trigger,
    True,
    Truncate,
    Union,
    Unique,
    Unlock,
    Update,
    Usage,
    Use,
    User,
    Using,
    UtcDate,
    UtcTime,
    UtcTimestamp,
    Value,
    Values,
    View,
    When,
    Where,
    Window,
    With,
    Xor,
    /// No word of these.
    Other,
}

/// Every keyword with its spelling.
static KEYS: &[(&[u8], Key)] = &[
    (b"all", Key::All),
    (b"alter", Key::Alter),
    (b"analyze", Key::Analyze),
    (b"and", Key::And),
    (b"any", Key::Any),
    (b"as", Key::As),
    (b"asc", Key::Asc),
    (b"begin", Key::Begin),
    (b"between", Key::Between),
    (b"binary", Key::Binary),
    (b"by", Key::By),
    (b"call", Key::Call),
    (b"cascade", Key::Cascade),
    (b"case", Key::Case),
    (b"change", Key::Change),
    (b"character", Key::Character),
    (b"check", Key::Check),
    (b"collate", Key::Collate),
    (b"column", Key::Column),
    (b"commit", Key::Commit),
    (b"convert", Key::Convert),
    (b"create", Key::Create),
    (b"cross", Key::Cross),
    (b"current_date", Key::CurrentDate),
    (b"current_time", Key::CurrentTime),
    (b"current_timestamp", Key::CurrentTimestamp),
    (b"current_user", Key::CurrentUser),
    (b"database", Key::Database),
    (b"deallocate", Key::Deallocate),
    (b"default", Key::Default),
    (b"delete", Key::Delete),
    (b"desc", Key::Desc),
    (b"describe", Key::Describe),
    (b"distinct", Key::Distinct),
    (b"distinctrow", Key::Distinctrow),
    (b"div", Key::Div),
    (b"do", Key::Do),
    (b"drop", Key::Drop),
    (b"dual", Key::Dual),
    (b"dumpfile", Key::Dumpfile),
    (b"duplicate", Key::Duplicate),
    (b"else", Key::Else),
    (b"end", Key::End),
    (b"escape", Key::Escape),
    (b"except", Key::Except),
    (b"execute", Key::Execute),
    (b"exists", Key::Exists),
    (b"explain", Key::Explain),
    (b"false", Key::False),
    (b"fetch", Key::Fetch),
    (b"for", Key::For),
    (b"force", Key::Force),
    (b"from", Key::From),
    (b"full", Key::Full),
    (b"fulltext", Key::Fulltext),
    (b"grant", Key::Grant),
    (b"group", Key::Group),
    (b"handler", Key::Handler),
    (b"having", Key::Having),
    (b"high_priority", Key::HighPriority),
    (b"if", Key::If),
    (b"ignore", Key::Ignore),
    (b"in", Key::In),
    (b"index", Key::Index),
    (b"infile", Key::Infile),
    (b"inner", Key::Inner),
    (b"insert", Key::Insert),
    (b"intersect", Key::Intersect),
    (b"interval", Key::Interval),
    (b"into", Key::Into),
    (b"is", Key::Is),
    (b"join", Key::Join),
    (b"key", Key::Key),
    (b"kill", Key::Kill),
    (b"lateral", Key::Lateral),
    (b"left", Key::Left),
    (b"like", Key::Like),
    (b"limit", Key::Limit),
    (b"load", Key::Load),
    (b"local", Key::Local),
    (b"localtime", Key::Localtime),
    (b"localtimestamp", Key::Localtimestamp),
    (b"lock", Key::Lock),
    (b"low_priority", Key::LowPriority),
    (b"match", Key::Match),
    (b"merge", Key::Merge),
    (b"mod", Key::Mod),
    (b"names", Key::Names),
    (b"natural", Key::Natural),
    (b"not", Key::Not),
    (b"null", Key::Null),
    (b"offset", Key::Offset),
    (b"on", Key::On),
    (b"optimize", Key::Optimize),
    (b"option", Key::Option),
    (b"or", Key::Or),
    (b"order", Key::Order),
    (b"outer", Key::Outer),
    (b"outfile", Key::Outfile),
    (b"over", Key::Over),
    (b"partition", Key::Partition),
    (b"prepare", Key::Prepare),
    (b"procedure", Key::Procedure),
    (b"purge", Key::Purge),
    (b"quick", Key::Quick),
    (b"range", Key::Range),
    (b"recursive", Key::Recursive),
    (b"regexp", Key::Regexp),
    (b"release", Key::Release),
    (b"rename", Key::Rename),
    (b"repair", Key::Repair),
    (b"replace", Key::Replace),
    (b"require", Key::Require),
    (b"restrict", Key::Restrict),
    (b"returning", Key::Returning),
    (b"revoke", Key::Revoke),
    (b"right", Key::Right),
    (b"rlike", Key::Rlike),
    (b"rollback", Key::Rollback),
    (b"row", Key::Row),
    (b"rows", Key::Rows),
    (b"savepoint", Key::Savepoint),
    (b"select", Key::Select),
    (b"separator", Key::Separator),
    (b"session", Key::Session),
    (b"set", Key::Set),
    (b"show", Key::Show),
    (b"sounds", Key::Sounds),
    (b"sql_big_result", Key::SqlBigResult),
    (b"sql_buffer_result", Key::SqlBufferResult),
    (b"sql_cache", Key::SqlCache),
    (b"sql_calc_found_rows", Key::SqlCalcFoundRows),
    (b"sql_no_cache", Key::SqlNoCache),
    (b"sql_small_result", Key::SqlSmallResult),
    (b"start", Key::Start),
    (b"straight_join", Key::StraightJoin),
    (b"table", Key::Table),
    (b"terminated", Key::Terminated),
    (b"then", Key::Then),
    (b"to", Key::To),
    (b"transaction", Key::Transaction),
    (b"trigger", Key::Trigger),
    (b"true", Key::True),
    (b"truncate", Key::Truncate),
    (b"union", Key::Union),
    (b"unique", Key::Unique),
    (b"unlock", Key::Unlock),
    (b"update", Key::Update),
    (b"usage", Key::Usage),
    (b"use", Key::Use),
    (b"user", Key::User),
    (b"using", Key::Using),
    (b"utc_date", Key::UtcDate),
    (b"utc_time", Key::UtcTime),
    (b"utc_timestamp", Key::UtcTimestamp),
    (b"value", Key::Value),
    (b"values", Key::Values),
    (b"view", Key::View),
    (b"when", Key::When),
    (b"where", Key::Where),
    (b"window", Key::Window),
    (b"with", Key::With),
    (b"xor", Key::Xor),
];

const LONGEST: usize = 19;

impl Key {
    /// The keyword that these bytes spell, in any letter case.
    pub fn of(word: &[u8]) -> Self {
        let mut folded = [0; LONGEST];
        let Some(folded) = folded.get_mut(..word.len()) else { return Self::Other };
        folded.copy_from_slice(word);
        folded.make_ascii_lowercase();
        let found = KEYS.binary_search_by(|(text, _)| (*text).cmp(&*folded));
        found.ok().and_then(|index| KEYS.get(index)).map_or(Self::Other, |(_, key)| *key)
    }

    /// Words that are reserved in MySQL and in MariaDB: unquoted, they are operators, clauses, constants or functions.
    pub fn is_reserved(self) -> bool {
        matches!(
            self,
            Self::All
                | Self::Alter
                | Self::Analyze
                | Self::And
                | Self::As
                | Self::Asc
                | Self::Between
                | Self::By
                | Self::Call
                | Self::Cascade
                | Self::Case
                | Self::Change
                | Self::Character
                | Self::Check
                | Self::Collate
                | Self::Column
                | Self::Convert
                | Self::Create
                | Self::Cross
                | Self::CurrentDate
                | Self::CurrentTime
                | Self::CurrentTimestamp
                | Self::CurrentUser
                | Self::Default
                | Self::Delete
                | Self::Desc
                | Self::Describe
                | Self::Distinct
                | Self::Distinctrow
                | Self::Div
                | Self::Drop
                | Self::Dual
                | Self::Else
                | Self::Exists
                | Self::Explain
                | Self::False
                | Self::Fetch
                | Self::For
                | Self::Force
                | Self::From
                | Self::Fulltext
                | Self::Grant
                | Self::Group
                | Self::Having
                | Self::HighPriority
                | Self::If
                | Self::Ignore
                | Self::In
                | Self::Index
                | Self::Infile
                | Self::Inner
                | Self::Insert
                | Self::Interval
                | Self::Into
                | Self::Is
                | Self::Join
                | Self::Key
                | Self::Kill
                | Self::Left
                | Self::Like
                | Self::Limit
                | Self::Load
                | Self::Localtime
                | Self::Localtimestamp
                | Self::Lock
                | Self::LowPriority
                | Self::Match
                | Self::Mod
                | Self::Natural
                | Self::Not
                | Self::Null
                | Self::On
                | Self::Optimize
                | Self::Option
                | Self::Or
                | Self::Order
                | Self::Outer
                | Self::Outfile
                | Self::Partition
                | Self::Procedure
                | Self::Purge
                | Self::Range
                | Self::Regexp
                | Self::Release
                | Self::Rename
                | Self::Repair
                | Self::Replace
                | Self::Require
                | Self::Restrict
                | Self::Revoke
                | Self::Right
                | Self::Rlike
                | Self::Select
                | Self::Separator
                | Self::Set
                | Self::Show
                | Self::SqlBigResult
                | Self::SqlCalcFoundRows
                | Self::SqlSmallResult
                | Self::StraightJoin
                | Self::Table
                | Self::Terminated
                | Self::Then
                | Self::To
                | Self::Trigger
                | Self::True
                | Self::Union
                | Self::Unique
                | Self::Unlock
                | Self::Update
                | Self::Usage
                | Self::Use
                | Self::Using
                | Self::UtcDate
                | Self::UtcTime
                | Self::UtcTimestamp
                | Self::Values
                | Self::When
                | Self::Where
                | Self::With
                | Self::Xor
        )
    }

    /// Words that may stand between SELECT and its first column.
    pub(super) fn is_modifier(self) -> bool {
        matches!(
            self,
            Self::Distinct
                | Self::Distinctrow
                | Self::All
                | Self::HighPriority
                | Self::StraightJoin
                | Self::SqlSmallResult
                | Self::SqlBigResult
                | Self::SqlBufferResult
                | Self::SqlNoCache
                | Self::SqlCache
                | Self::SqlCalcFoundRows
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_found_in_any_case() {
        assert!(KEYS.is_sorted_by(|(left, _), (right, _)| left < right));
        assert_eq!(KEYS.iter().map(|(text, _)| text.len()).max(), Some(LONGEST));
        for (text, key) in KEYS {
            assert_eq!(Key::of(&text.to_ascii_uppercase()), *key);
        }
        assert_eq!(Key::of(b"orders"), Key::Other);
        assert_eq!(Key::of(&[b'a'; 40]), Key::Other);
    }
}
