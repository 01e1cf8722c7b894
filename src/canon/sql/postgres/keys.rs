//! The words that decide what a PostgreSQL statement asks for. All others are names.

use crate::canon::lexicon::Lexicon;

/// A keyword, or any other word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each variant is the keyword it is named after
pub enum Key {
    Abort,
    All,
    Alter,
    Analyze,
    And,
    Any,
    Array,
    As,
    Asc,
    Asymmetric,
    Authorization,
    Begin,
    Between,
    By,
    Call,
    Case,
    Cast,
    Check,
    Checkpoint,
    Close,
    Cluster,
    Collate,
    Comment,
    Commit,
    Copy,
    Create,
    Cross,
    Cursor,
    Deallocate,
    Declare,
    Default,
    Delete,
    Desc,
    Discard,
    Distinct,
    Do,
    Drop,
    Else,
    End,
    Except,
    Execute,
    Exists,
    Explain,
    False,
    Fetch,
    For,
    From,
    Full,
    Grant,
    Group,
    Having,
    Ilike,
    Import,
    In,
    Inner,
    Insert,
    Intersect,
    Into,
    Is,
    Join,
    Lateral,
    Left,
    Like,
    Limit,
    Listen,
    Load,
    Local,
    Lock,
    Materialized,
    Merge,
    Move,
    Names,
    Natural,
    Not,
    Notify,
    Null,
    Offset,
    On,
    Only,
    Or,
    Order,
    Outer,
    Overriding,
    Partition,
    Prepare,
    Prepared,
    Program,
    Reassign,
    Recursive,
    Refresh,
    Reindex,
    Release,
    Reset,
    Returning,
    Revoke,
    Right,
    Rollback,
    Row,
    Rows,
    Savepoint,
    Security,
    Select,
    Session,
    Set,
    Show,
    Similar,
    Some,
    Start,
    Stdin,
    Stdout,
    Symmetric,
    System,
    Table,
    Tablesample,
    Temp,
    Temporary,
    Then,
    Time,
    To,
    Transaction,
    True,
    Truncate,
    Union,
    Unlisten,
    Unlogged,
    Update,
    User,
    Using,
    Vacuum,
    Values,
    View,
    When,
    Where,
    Window,
    With,
    Xmltable,
    /// No word of these.
    Other,
}

/// Every keyword with its spelling.
static KEYS: Lexicon<Key, 512> = Lexicon::of(&[
    (b"abort", Key::Abort),
    (b"all", Key::All),
    (b"alter", Key::Alter),
    (b"analyse", Key::Analyze),
    (b"analyze", Key::Analyze),
    (b"and", Key::And),
    (b"any", Key::Any),
    (b"array", Key::Array),
    (b"as", Key::As),
    (b"asc", Key::Asc),
    (b"asymmetric", Key::Asymmetric),
    (b"authorization", Key::Authorization),
    (b"begin", Key::Begin),
    (b"between", Key::Between),
    (b"by", Key::By),
    (b"call", Key::Call),
    (b"case", Key::Case),
    (b"cast", Key::Cast),
    (b"check", Key::Check),
    (b"checkpoint", Key::Checkpoint),
    (b"close", Key::Close),
    (b"cluster", Key::Cluster),
    (b"collate", Key::Collate),
    (b"comment", Key::Comment),
    (b"commit", Key::Commit),
    (b"copy", Key::Copy),
    (b"create", Key::Create),
    (b"cross", Key::Cross),
    (b"cursor", Key::Cursor),
    (b"deallocate", Key::Deallocate),
    (b"declare", Key::Declare),
    (b"default", Key::Default),
    (b"delete", Key::Delete),
    (b"desc", Key::Desc),
    (b"discard", Key::Discard),
    (b"distinct", Key::Distinct),
    (b"do", Key::Do),
    (b"drop", Key::Drop),
    (b"else", Key::Else),
    (b"end", Key::End),
    (b"except", Key::Except),
    (b"execute", Key::Execute),
    (b"exists", Key::Exists),
    (b"explain", Key::Explain),
    (b"false", Key::False),
    (b"fetch", Key::Fetch),
    (b"for", Key::For),
    (b"from", Key::From),
    (b"full", Key::Full),
    (b"grant", Key::Grant),
    (b"group", Key::Group),
    (b"having", Key::Having),
    (b"ilike", Key::Ilike),
    (b"import", Key::Import),
    (b"in", Key::In),
    (b"inner", Key::Inner),
    (b"insert", Key::Insert),
    (b"intersect", Key::Intersect),
    (b"into", Key::Into),
    (b"is", Key::Is),
    (b"isnull", Key::Is),
    (b"join", Key::Join),
    (b"lateral", Key::Lateral),
    (b"left", Key::Left),
    (b"like", Key::Like),
    (b"limit", Key::Limit),
    (b"listen", Key::Listen),
    (b"load", Key::Load),
    (b"local", Key::Local),
    (b"lock", Key::Lock),
    (b"materialized", Key::Materialized),
    (b"merge", Key::Merge),
    (b"move", Key::Move),
    (b"names", Key::Names),
    (b"natural", Key::Natural),
    (b"not", Key::Not),
    (b"notify", Key::Notify),
    (b"notnull", Key::Is),
    (b"null", Key::Null),
    (b"offset", Key::Offset),
    (b"on", Key::On),
    (b"only", Key::Only),
    (b"or", Key::Or),
    (b"order", Key::Order),
    (b"outer", Key::Outer),
    (b"overriding", Key::Overriding),
    (b"partition", Key::Partition),
    (b"prepare", Key::Prepare),
    (b"prepared", Key::Prepared),
    (b"program", Key::Program),
    (b"reassign", Key::Reassign),
    (b"recursive", Key::Recursive),
    (b"refresh", Key::Refresh),
    (b"reindex", Key::Reindex),
    (b"release", Key::Release),
    (b"reset", Key::Reset),
    (b"returning", Key::Returning),
    (b"revoke", Key::Revoke),
    (b"right", Key::Right),
    (b"rollback", Key::Rollback),
    (b"row", Key::Row),
    (b"rows", Key::Rows),
    (b"savepoint", Key::Savepoint),
    (b"security", Key::Security),
    (b"select", Key::Select),
    (b"session", Key::Session),
    (b"set", Key::Set),
    (b"show", Key::Show),
    (b"similar", Key::Similar),
    (b"some", Key::Some),
    (b"start", Key::Start),
    (b"stdin", Key::Stdin),
    (b"stdout", Key::Stdout),
    (b"symmetric", Key::Symmetric),
    (b"system", Key::System),
    (b"table", Key::Table),
    (b"tablesample", Key::Tablesample),
    (b"temp", Key::Temp),
    (b"temporary", Key::Temporary),
    (b"then", Key::Then),
    (b"time", Key::Time),
    (b"to", Key::To),
    (b"transaction", Key::Transaction),
    (b"true", Key::True),
    (b"truncate", Key::Truncate),
    (b"union", Key::Union),
    (b"unlisten", Key::Unlisten),
    (b"unlogged", Key::Unlogged),
    (b"update", Key::Update),
    (b"user", Key::User),
    (b"using", Key::Using),
    (b"vacuum", Key::Vacuum),
    (b"values", Key::Values),
    (b"view", Key::View),
    (b"when", Key::When),
    (b"where", Key::Where),
    (b"window", Key::Window),
    (b"with", Key::With),
    (b"xmltable", Key::Xmltable),
]);

impl Key {
    /// The keyword that these bytes spell, in any letter case.
    #[inline]
    pub fn of(word: &[u8]) -> Self {
        KEYS.get(word).copied().unwrap_or(Self::Other)
    }

    /// Words that are never the name of a column or a function by themselves (reserved), so that they are operators,
    /// clauses or constants where an expression stands.
    pub fn is_reserved(self) -> bool {
        use Key::*;
        matches!(
            self,
            All | Analyze
                | And
                | Any
                | Array
                | As
                | Asc
                | Asymmetric
                | Between
                | Case
                | Cast
                | Check
                | Collate
                | Create
                | Cross
                | Default
                | Desc
                | Distinct
                | Do
                | Else
                | End
                | Except
                | Exists
                | False
                | Fetch
                | For
                | From
                | Full
                | Grant
                | Group
                | Having
                | Ilike
                | In
                | Inner
                | Intersect
                | Into
                | Is
                | Join
                | Lateral
                | Like
                | Limit
                | Natural
                | Not
                | Null
                | Offset
                | On
                | Only
                | Or
                | Order
                | Outer
                | Returning
                | Row
                | Select
                | Similar
                | Some
                | Symmetric
                | Table
                | Then
                | To
                | True
                | Union
                | User
                | Using
                | Values
                | When
                | Where
                | Window
                | With
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case() {
        assert_eq!(Key::of(b"select"), Key::Select);
        assert_eq!(Key::of(b"SAVEpoint"), Key::Savepoint);
        assert_eq!(Key::of(b"orders"), Key::Other);
        assert_eq!(Key::of(&[b'a'; 40]), Key::Other);
    }
}
