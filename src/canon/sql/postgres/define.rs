//! CREATE, ALTER, DROP: of tables and views it is asked on each of them, of what rules the server as ADMIN, of the rest as DDL
//! without a table.

use super::command::{Command, Read};
use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::query::Reader;
use super::{MOST_NAMES, Prepared, Table, Unreadable};

impl Command<'_> {
    /// CREATE, ALTER, DROP: of a table or view it is asked on it, of what rules the server as ADMIN.
    pub(super) fn define(mut self, first: Key) -> Read {
        self.out.verb = "DDL";
        let mut at = 1;
        let skipped: [&[u8]; 10] = [
            b"or",
            b"replace",
            b"temp",
            b"temporary",
            b"local",
            b"global",
            b"unlogged",
            b"recursive",
            b"materialized",
            b"foreign",
        ];
        while skipped.iter().any(|word| self.is_word(at, word)) {
            at += 1;
        }
        let admin: [&[u8]; 14] = [
            b"role",
            b"user",
            b"group",
            b"system",
            b"database",
            b"extension",
            b"language",
            b"server",
            b"data",
            b"publication",
            b"subscription",
            b"event",
            b"default",
            b"tablespace",
        ];
        let is = |words: &[&[u8]]| words.iter().any(|word| self.is_word(at, word));
        if is(&admin) {
            return self.whole("ADMIN", "ADMIN");
        }
        if !is(&[b"table", b"view", b"sequence"]) || first == Key::Drop && self.has_comma() {
            return self.whole("DDL", "DDL");
        }
        at += 1;
        while [&b"if"[..], b"not", b"exists", b"only"].iter().any(|word| self.is_word(at, word)) {
            at += 1;
        }
        let tokens = self.tokens.get(at..).unwrap_or_default();
        Reader::new(self.text, tokens, &mut self.out).relations("DDL")?;
        self.related()?;
        // `CREATE TABLE a AS EXECUTE b`
        let is_run = |pair: &[Token]| matches!(pair, [as_, run] if as_.kind == Kind::Word(Key::As) && run.kind == Kind::Word(Key::Execute));
        if let Some(at) = self.tokens.windows(2).position(is_run) {
            self.out.prepared = Some(Prepared::Use(self.tokens.name(self.text, at + 2)?));
        }
        Ok(self.out)
    }

    /// Tables that become part of the one that is defined, or whose rows it shows from then on, and the name that it is given.
    fn related(&mut self) -> Result<(), Unreadable> {
        const BEFORE: [&[&[u8]]; 6] = [
            &[b"attach", b"partition"],
            &[b"detach", b"partition"],
            &[b"partition", b"of"],
            &[b"rename", b"to"],
            &[b"inherit"],
            &[b"inherits"],
        ];
        for at in 0..self.tokens.len() {
            let stands =
                |words: &&[&[u8]]| words.iter().enumerate().all(|(ahead, word)| self.is_word(at + ahead, word));
            let Some(words) = BEFORE.into_iter().find(|words| stands(words)) else { continue };
            let is_list = self.tokens.kind(at + words.len()) == Some(Kind::Open);
            let from = at + words.len() + usize::from(is_list);
            let rest = self.tokens.get(from..).unwrap_or_default();
            let end = rest.iter().position(|token| token.kind == Kind::Close).filter(|_| is_list);
            for piece in rest
                .get(..end.unwrap_or(rest.len().min(3)))
                .unwrap_or_default()
                .split(|token| token.kind == Kind::Comma)
            {
                if !matches!(piece.kind(0), Some(Kind::Word(_) | Kind::Quoted)) {
                    continue;
                }
                let is_qualified = piece.kind(1) == Some(Kind::Dot);
                let schema = if is_qualified { Some(piece.name(self.text, 0)?) } else { None };
                let name = piece.name(self.text, if is_qualified { 2 } else { 0 })?;
                if self.out.tables.len() >= MOST_NAMES {
                    return Err(Unreadable::Names);
                }
                self.out.tables.push(Table { action: "DDL", schema, name, has_where: false });
            }
        }
        Ok(())
    }

    fn has_comma(&self) -> bool {
        self.tokens.iter().any(|token| token.kind == Kind::Comma)
    }
}
