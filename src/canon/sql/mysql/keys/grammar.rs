//! What the words are in the grammar: which are never names, and which may stand before the columns of a SELECT.

use super::Key;

impl Key {
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
    pub(in crate::canon::sql::mysql) fn is_modifier(self) -> bool {
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
