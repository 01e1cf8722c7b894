//! Statements behind a semicolon, behind an operand (SQL Server needs no semicolon), or at the start of the text. Only
//! their first words are held to a shape; the rest is searched for calls and catalogues.

use super::{Clause, Expect, Fits, Frame, Grammar, Sort};
use crate::canon::cursor;
use crate::canon::sql::{Kind, Operator, Token, Word};
use crate::detect::sql::functions::Purpose;

/// What is created and dropped.
const OBJECTS: &[Word] = &[
    Word::Table,
    Word::Database,
    Word::User,
    Word::View,
    Word::Index,
    Word::Function,
    Word::Procedure,
    Word::Trigger,
    Word::Login,
    Word::Role,
    Word::Extension,
    Word::Tablespace,
    Word::Sequence,
    Word::Schema,
    Word::Temporary,
    Word::Temp,
    Word::Or,
    Word::Unique,
    Word::Column,
];

/// Statements whose shape prose has as well: `; use it`, `; show me`.
const SPOKEN: &[Word] = &[
    Word::Desc,
    Word::Describe,
    Word::Show,
    Word::Handler,
    Word::Call,
    Word::Use,
    Word::Pragma,
    Word::Begin,
    Word::Do,
    Word::If,
    Word::Set,
    Word::Kill,
    Word::Copy,
    Word::Exec,
    Word::Execute,
    Word::Grant,
    Word::Revoke,
    Word::Load,
    Word::Shutdown,
];

impl Grammar<'_> {
    /// A semicolon: what comes next may be a statement.
    pub(super) fn boundary(&mut self) -> Fits {
        self.facts.semicolons += 1;
        self.outer.clear();
        self.frame = Frame::new(Sort::Base);
        self.expect = Expect::Operand;
        self.begins = true;
        self.loose = false;
        Ok(())
    }

    /// A statement may begin without a semicolon.
    pub(super) fn bare_statement_may_begin(&self) -> bool {
        self.at_top() && self.expect == Expect::Operator && self.frame.clause == Clause::Expression
    }

    /// A statement other than `SELECT`, in its proper shape; what follows is not followed closely.
    pub(super) fn statement(&mut self, lead: Word, begins: bool) -> bool {
        if !self.has_shape(lead) {
            return false;
        }
        self.facts.statements += 1;
        self.facts.spoken_statements += u32::from(SPOKEN.contains(&lead));
        self.facts.leading_statement |= self.facts.tokens == 0 && !self.continued;
        self.facts.bare_statements += u32::from(!begins);
        self.loose = true;
        true
    }

    /// Whether what follows `lead` has the shape of its statement.
    fn has_shape(&mut self, lead: Word) -> bool {
        use Word as W;
        match lead {
            W::Create | W::Alter if self.takes(&[W::Table]) => {
                self.names_ahead() && (self.follows_another() || self.is_table_defined())
            }
            W::Drop | W::Create | W::Alter => self.takes(OBJECTS) && self.names_ahead(),
            W::Truncate => self.takes(&[W::Table]) && self.names_ahead(),
            W::Insert | W::Merge | W::Replace if self.takes(&[W::Into]) => self.names_ahead(),
            W::Insert | W::Replace => self.names_ahead() && self.within(16, &[W::Values, W::Set]),
            W::Delete => {
                while self.has_text_ahead(&[b"ignore", b"quick", b"low_priority"]) {
                    self.next();
                }
                self.takes(&[W::From]) && self.names_ahead()
            }
            W::Update => self.names_ahead() && self.within(6, &[W::Set]),
            W::Waitfor => self.waits(),
            W::Exec | W::Execute => self.names_ahead() || self.opens_ahead() || self.is_ahead(Kind::Variable),
            W::Declare => {
                self.facts.declares = self.is_ahead(Kind::Variable);
                self.facts.declares || self.names_cursor_ahead()
            }
            W::Set => self.is_ahead(Kind::Variable),
            W::Shutdown => self.ahead().is_none() || self.is_ahead(Kind::Semicolon) || self.takes(&[W::With]),
            W::Load => self.takes(&[W::Data]) || self.has_text_ahead(&[b"xml"]),
            W::Attach | W::Backup | W::Restore => self.takes(&[W::Database]),
            W::Bulk => self.takes(&[W::Insert]),
            W::Rename => self.takes(&[W::Table]),
            W::If if self.facts.tokens == 0 && !self.continued => false,
            W::If => self.takes(&[W::Exists, W::Not]) || self.is_condition_ahead(),
            W::Copy => self.opens_ahead() || self.names_ahead() && self.within(3, &[W::From, W::To]),
            W::Grant | W::Revoke => self.names_ahead() && self.within(8, &[W::To, W::From]),
            W::Call => self.facts.semicolons > 0 && self.names_ahead() && (self.continued || self.calls_soon()),
            W::Kill => self.is_ahead(Kind::Number),
            W::Do if self.opens_ahead() => self.facts.semicolons > 0,
            W::Begin if self.takes(&[W::Declare, W::Waitfor, W::Execute, W::Exec]) => true,
            W::Begin if self.has_text_ahead(&[b"try", b"goto"]) => true,
            W::Begin | W::Desc | W::Describe | W::Show | W::Handler | W::Use | W::Pragma | W::Do => {
                self.facts.semicolons > 0 && (self.names_ahead() || self.is_ahead(Kind::Text { closed: true }))
            }
            _ => false,
        }
    }

    /// Whether a statement, or a string that the text broke out of, stands before: then no prose does.
    fn follows_another(&self) -> bool {
        self.continued || self.facts.semicolons > 0
    }

    /// Whether a table's name is followed, soon, by its columns or by what changes: `create table bookings; thanks` has neither.
    fn is_table_defined(&self) -> bool {
        const CHANGES: &[&str] = &[
            "add",
            "alter",
            "as",
            "change",
            "character",
            "convert",
            "drop",
            "like",
            "modify",
            "of",
            "owner",
            "rename",
            "select",
            "set",
        ];
        let mut lexer = self.lexer;
        let defined = lexer
            .by_ref()
            .take(8)
            .any(|token| token.kind == Kind::Open || cursor::is_one_of(token.of(self.bytes), CHANGES));
        self.saw(lexer.at());
        defined
    }

    /// Whether a name, with its schema or without, is followed by its arguments.
    fn calls_soon(&self) -> bool {
        let mut lexer = self.lexer;
        let mut named =
            lexer.by_ref().take(6).skip_while(|token| matches!(token.kind, Kind::Word(_) | Kind::Name | Kind::Dot));
        let calls = named.next().is_some_and(|token| token.kind == Kind::Open);
        self.saw(lexer.at());
        calls
    }

    fn waits(&mut self) -> bool {
        let waits = self.takes(&[Word::Delay, Word::Time]);
        self.facts.waits += u32::from(waits);
        waits
    }

    pub(super) fn has_text_ahead(&self, texts: &[&[u8]]) -> bool {
        let ahead = self.ahead().map(|token| token.of(self.bytes)).unwrap_or_default();
        texts.iter().any(|text| ahead.eq_ignore_ascii_case(text))
    }

    /// `(1=1`, `(SELECT`, `(@x`: a condition of SQL, not of a programming language.
    fn is_condition_ahead(&self) -> bool {
        let mut lexer = self.lexer;
        let mut tokens = lexer.by_ref().filter(|token| !matches!(token.kind, Kind::Comment(_))).take(2);
        let opens = tokens.next().is_some_and(|token| token.kind == Kind::Open);
        let then = tokens.next().map(|token| token.kind);
        self.saw(lexer.at());
        let words = [Word::Select, Word::Exists, Word::User, Word::Not];
        if self.is_ahead(Kind::Number) && then == Some(Kind::Operator(Operator::Compare)) {
            return true;
        }
        opens
            && (matches!(then, Some(Kind::Number | Kind::Variable))
                || words.map(|word| Some(Kind::Word(word))).contains(&then))
    }

    /// `name CURSOR`.
    fn names_cursor_ahead(&self) -> bool {
        let mut lexer = self.lexer;
        let second = lexer.by_ref().filter(|token| !matches!(token.kind, Kind::Comment(_))).nth(1);
        self.saw(lexer.at());
        self.names_ahead() && second.is_some_and(|token| token.of(self.bytes).eq_ignore_ascii_case(b"cursor"))
    }

    /// Whether one of these words is among the next few tokens.
    fn within(&self, tokens: usize, words: &[Word]) -> bool {
        let mut lexer = self.lexer;
        let there =
            lexer.by_ref().take(tokens).any(|token| matches!(token.kind, Kind::Word(word) if words.contains(&word)));
        self.saw(lexer.at());
        there
    }

    /// Notes what a statement does without holding it to a grammar.
    pub(super) fn collect(&mut self, token: Token) -> Fits {
        match token.kind {
            Kind::Semicolon => return self.boundary(),
            Kind::Word(Word::Waitfor) => {
                self.waits();
            }
            Kind::Word(_) | Kind::Name => {
                let package = self.note_name(token);
                if self.opens_ahead() {
                    self.facts.call(Purpose::of(token.of(self.bytes)));
                } else if package != Purpose::Unknown {
                    self.facts.call(package);
                }
            }
            Kind::Text { closed } => self.text(token, closed),
            _ => {}
        }
        Ok(())
    }
}
