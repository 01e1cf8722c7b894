//! The words that mean something to the grammar of SQL, in any of the dialects.

use super::Lengths;

/// A keyword, or any other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each variant is the keyword it is named after
pub enum Word {
    All,
    Alter,
    Analyse,
    And,
    Any,
    As,
    Asc,
    Attach,
    Backup,
    Begin,
    Between,
    Binary,
    Bulk,
    By,
    Call,
    Case,
    Collate,
    Column,
    Commit,
    Copy,
    Create,
    Cross,
    CurrentDate,
    CurrentTimestamp,
    CurrentUser,
    Data,
    Database,
    Declare,
    Delay,
    Delete,
    Desc,
    Describe,
    Distinct,
    Distinctrow,
    Div,
    Do,
    Drop,
    Dumpfile,
    Else,
    End,
    Escape,
    Except,
    Exec,
    Execute,
    Exists,
    Explain,
    Extension,
    False,
    Fetch,
    For,
    From,
    Function,
    Glob,
    Grant,
    Group,
    Handler,
    Having,
    If,
    Ilike,
    In,
    Index,
    Inner,
    Insert,
    Intersect,
    Interval,
    Into,
    Is,
    Join,
    Kill,
    Left,
    Like,
    Limit,
    Load,
    Lock,
    Login,
    Merge,
    Minus,
    Mod,
    Natural,
    Not,
    Null,
    Offset,
    On,
    Or,
    Order,
    Outer,
    Outfile,
    Pragma,
    Procedure,
    Recursive,
    Regexp,
    Rename,
    Replace,
    Restore,
    Returning,
    Revoke,
    Right,
    Rlike,
    Role,
    Rollback,
    Rownum,
    Schema,
    Select,
    Sequence,
    SessionUser,
    Set,
    Share,
    Show,
    Shutdown,
    Similar,
    Some,
    Sounds,
    StraightJoin,
    Sysdate,
    SystemUser,
    Table,
    Tablespace,
    Temp,
    Temporary,
    Then,
    Time,
    To,
    Top,
    Trigger,
    True,
    Truncate,
    Union,
    Unique,
    Unknown,
    Update,
    Use,
    User,
    Using,
    Value,
    Values,
    View,
    Waitfor,
    When,
    Where,
    Window,
    With,
    Xor,
    /// No keyword.
    Other,
}

/// Keywords of at most eight bytes, sorted by [`key`], for binary search over plain numbers.
static SHORT: &[(u64, Word)] = &[
    (key(b"if"), Word::If),
    (key(b"in"), Word::In),
    (key(b"on"), Word::On),
    (key(b"do"), Word::Do),
    (key(b"to"), Word::To),
    (key(b"or"), Word::Or),
    (key(b"as"), Word::As),
    (key(b"is"), Word::Is),
    (key(b"by"), Word::By),
    (key(b"asc"), Word::Asc),
    (key(b"and"), Word::And),
    (key(b"end"), Word::End),
    (key(b"mod"), Word::Mod),
    (key(b"use"), Word::Use),
    (key(b"all"), Word::All),
    (key(b"top"), Word::Top),
    (key(b"for"), Word::For),
    (key(b"xor"), Word::Xor),
    (key(b"set"), Word::Set),
    (key(b"not"), Word::Not),
    (key(b"div"), Word::Div),
    (key(b"any"), Word::Any),
    (key(b"data"), Word::Data),
    (key(b"glob"), Word::Glob),
    (key(b"exec"), Word::Exec),
    (key(b"desc"), Word::Desc),
    (key(b"load"), Word::Load),
    (key(b"like"), Word::Like),
    (key(b"role"), Word::Role),
    (key(b"time"), Word::Time),
    (key(b"some"), Word::Some),
    (key(b"case"), Word::Case),
    (key(b"else"), Word::Else),
    (key(b"true"), Word::True),
    (key(b"with"), Word::With),
    (key(b"lock"), Word::Lock),
    (key(b"bulk"), Word::Bulk),
    (key(b"call"), Word::Call),
    (key(b"kill"), Word::Kill),
    (key(b"null"), Word::Null),
    (key(b"from"), Word::From),
    (key(b"then"), Word::Then),
    (key(b"when"), Word::When),
    (key(b"join"), Word::Join),
    (key(b"into"), Word::Into),
    (key(b"temp"), Word::Temp),
    (key(b"drop"), Word::Drop),
    (key(b"user"), Word::User),
    (key(b"left"), Word::Left),
    (key(b"view"), Word::View),
    (key(b"show"), Word::Show),
    (key(b"copy"), Word::Copy),
    (key(b"merge"), Word::Merge),
    (key(b"ilike"), Word::Ilike),
    (key(b"rlike"), Word::Rlike),
    (key(b"table"), Word::Table),
    (key(b"share"), Word::Share),
    (key(b"where"), Word::Where),
    (key(b"false"), Word::False),
    (key(b"value"), Word::Value),
    (key(b"using"), Word::Using),
    (key(b"fetch"), Word::Fetch),
    (key(b"begin"), Word::Begin),
    (key(b"login"), Word::Login),
    (key(b"union"), Word::Union),
    (key(b"group"), Word::Group),
    (key(b"order"), Word::Order),
    (key(b"inner"), Word::Inner),
    (key(b"alter"), Word::Alter),
    (key(b"outer"), Word::Outer),
    (key(b"cross"), Word::Cross),
    (key(b"minus"), Word::Minus),
    (key(b"right"), Word::Right),
    (key(b"limit"), Word::Limit),
    (key(b"grant"), Word::Grant),
    (key(b"index"), Word::Index),
    (key(b"delay"), Word::Delay),
    (key(b"schema"), Word::Schema),
    (key(b"pragma"), Word::Pragma),
    (key(b"revoke"), Word::Revoke),
    (key(b"rename"), Word::Rename),
    (key(b"escape"), Word::Escape),
    (key(b"update"), Word::Update),
    (key(b"create"), Word::Create),
    (key(b"delete"), Word::Delete),
    (key(b"unique"), Word::Unique),
    (key(b"having"), Word::Having),
    (key(b"attach"), Word::Attach),
    (key(b"rownum"), Word::Rownum),
    (key(b"column"), Word::Column),
    (key(b"backup"), Word::Backup),
    (key(b"regexp"), Word::Regexp),
    (key(b"sounds"), Word::Sounds),
    (key(b"values"), Word::Values),
    (key(b"exists"), Word::Exists),
    (key(b"select"), Word::Select),
    (key(b"offset"), Word::Offset),
    (key(b"commit"), Word::Commit),
    (key(b"except"), Word::Except),
    (key(b"insert"), Word::Insert),
    (key(b"window"), Word::Window),
    (key(b"binary"), Word::Binary),
    (key(b"replace"), Word::Replace),
    (key(b"outfile"), Word::Outfile),
    (key(b"declare"), Word::Declare),
    (key(b"restore"), Word::Restore),
    (key(b"analyse"), Word::Analyse),
    (key(b"sysdate"), Word::Sysdate),
    (key(b"collate"), Word::Collate),
    (key(b"execute"), Word::Execute),
    (key(b"natural"), Word::Natural),
    (key(b"between"), Word::Between),
    (key(b"explain"), Word::Explain),
    (key(b"unknown"), Word::Unknown),
    (key(b"similar"), Word::Similar),
    (key(b"trigger"), Word::Trigger),
    (key(b"handler"), Word::Handler),
    (key(b"waitfor"), Word::Waitfor),
    (key(b"describe"), Word::Describe),
    (key(b"sequence"), Word::Sequence),
    (key(b"dumpfile"), Word::Dumpfile),
    (key(b"database"), Word::Database),
    (key(b"truncate"), Word::Truncate),
    (key(b"rollback"), Word::Rollback),
    (key(b"interval"), Word::Interval),
    (key(b"function"), Word::Function),
    (key(b"shutdown"), Word::Shutdown),
    (key(b"distinct"), Word::Distinct),
];

/// The longer ones.
static LONG: &[(&[u8], Word)] = &[
    (b"current_date", Word::CurrentDate),
    (b"current_timestamp", Word::CurrentTimestamp),
    (b"current_user", Word::CurrentUser),
    (b"distinctrow", Word::Distinctrow),
    (b"extension", Word::Extension),
    (b"intersect", Word::Intersect),
    (b"procedure", Word::Procedure),
    (b"recursive", Word::Recursive),
    (b"returning", Word::Returning),
    (b"session_user", Word::SessionUser),
    (b"straight_join", Word::StraightJoin),
    (b"system_user", Word::SystemUser),
    (b"tablespace", Word::Tablespace),
    (b"temporary", Word::Temporary),
];

/// Which lengths the longer ones have, by first letter.
static LENGTHS: Lengths = Lengths::of_pairs(LONG);

impl Word {
    /// The keyword that these bytes spell, in any letter case.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() > 8 {
            let found = LENGTHS.fits(bytes).then(|| LONG.iter().find(|(text, _)| text.eq_ignore_ascii_case(bytes)));
            return found.flatten().map_or(Self::Other, |(_, word)| *word);
        }
        let wanted = key(bytes);
        let found = SHORT.binary_search_by_key(&wanted, |(key, _)| *key);
        found.ok().and_then(|index| SHORT.get(index)).map_or(Self::Other, |(_, word)| *word)
    }
}

/// At most eight bytes as a number, letters in lower case. What is no letter, digit or `_` gives the key of no keyword.
const fn key(bytes: &[u8]) -> u64 {
    let mut key = 0;
    let mut shift = 0;
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        key |= (first.to_ascii_lowercase() as u64) << shift;
        shift += 8;
        rest = tail;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_words_are_sorted() {
        assert!(SHORT.is_sorted_by(|(left, _), (right, _)| left < right));
        assert!(LONG.iter().all(|(text, _)| text.len() > 8));
    }

    #[test]
    fn every_long_word_is_found_in_any_case() {
        for (text, word) in LONG {
            assert_eq!(Word::of(text), *word);
            assert_eq!(Word::of(&text.to_ascii_uppercase()), *word);
        }
    }

    #[test]
    fn every_short_word_is_found_in_any_case() {
        for (key, word) in SHORT {
            let bytes = key.to_le_bytes();
            let text = bytes.split(|byte| *byte == 0).next().unwrap();
            assert_eq!(Word::of(text), *word);
            assert_eq!(Word::of(&text.to_ascii_uppercase()), *word);
        }
    }

    #[test]
    fn other_words_are_no_keywords() {
        assert_eq!(Word::of(b"current_timestampx"), Word::Other);
        assert_eq!(Word::of(b"selects"), Word::Other);
        assert_eq!(Word::of(b""), Word::Other);
    }
}
