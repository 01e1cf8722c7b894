//! `SET` in its many forms: each piece between commas is a setting, a variable, or one of the words that rule accounts.

use super::command::{Command, Read};
use super::keys::Key;
use super::lexer::{Kind, Places, Token};
use super::query::Reader;
use super::{Setting, Unreadable, literal};

/// Words that say how a transaction is isolated, and whether it writes.
const CHARACTERISTICS: [&str; 9] =
    ["isolation", "level", "read", "write", "only", "committed", "uncommitted", "repeatable", "serializable"];

impl Command<'_> {
    pub(super) fn set(mut self) -> Read {
        self.out.by_literal = true;
        self.out.verb = "SET";
        let scoped = ["session", "local"].iter().any(|word| self.is_word(1, word));
        if self.is_word(1 + usize::from(scoped), "transaction") {
            let known = |token: &Token| {
                token.kind == Kind::Comma || CHARACTERISTICS.iter().any(|word| token.is(self.text, word))
            };
            let rest = self.tokens.get(2 + usize::from(scoped)..).unwrap_or_default();
            return if rest.iter().all(known) { self.session("SET") } else { Err(Unreadable::Command) };
        }
        if ["password", "role", "default", "resource"].iter().any(|word| self.is_word(1, word)) {
            return self.admin();
        }
        if self.is_word(1, "statement") {
            return Err(Unreadable::Command);
        }
        let rest = self.tokens.get(1..).unwrap_or_default();
        for piece in pieces(rest) {
            self.assignment(piece)?;
        }
        Ok(self.out)
    }

    fn assignment(&mut self, piece: &[Token]) -> Result<(), Unreadable> {
        let is = |at: usize, word: &str| piece.get(at).is_some_and(|token| token.is(self.text, word));
        if is(0, "names") || is(0, "charset") || is(0, "character") && is(1, "set") {
            let at = if is(0, "character") { 2 } else { 1 };
            self.setting("names".to_owned(), piece.get(at..at + 1).unwrap_or_default());
            return Ok(());
        }
        if ["global", "persist", "persist_only"].iter().any(|word| is(0, word)) {
            self.out.other("ADMIN", "");
            return self.expressions(piece);
        }
        let scope = usize::from(is(0, "session") || is(0, "local"));
        let mark = piece.iter().position(|token| token.kind == Kind::Mark).ok_or(Unreadable::Incomplete)?;
        let (name, value) = (piece.get(scope..mark).unwrap_or_default(), piece.get(mark + 1..).unwrap_or_default());
        match name {
            [variable] if variable.kind == Kind::Variable => self.variable(variable, value),
            [name] => {
                let name = name.name(self.text)?.to_lowercase();
                self.setting(name, value);
            }
            _ => return Err(Unreadable::Keyword),
        }
        self.expressions(value)
    }

    /// `@a`, `@@a`, `@@session.a`
    fn variable(&mut self, variable: &Token, value: &[Token]) {
        let name = String::from_utf8_lossy(variable.of(self.text)).to_lowercase();
        let Some(name) = name.strip_prefix("@@") else { return self.out.other("SESSION", "") };
        let name = name.replace('`', "");
        match name.split_once('.') {
            None => self.setting(name, value),
            Some(("session" | "local", name)) => self.setting(name.to_owned(), value),
            Some(_) => self.out.other("ADMIN", ""),
        }
    }

    fn setting(&mut self, name: String, value: &[Token]) {
        let value = match value {
            [one] => match one.kind {
                Kind::Text => literal(self.text, one),
                Kind::Word(_) => Some(String::from_utf8_lossy(one.of(self.text)).into_owned()),
                Kind::Number => Some(String::from_utf8_lossy(one.of(self.text)).into_owned()),
                _ => None,
            },
            _ => None,
        };
        self.out.other("SET", name.clone());
        self.out.settings.push(Setting { name, value });
    }

    fn expressions(&mut self, tokens: &[Token]) -> Result<(), Unreadable> {
        // Words that stand for values are no columns.
        if matches!(tokens, [only] if !matches!(only.kind, Kind::Open)) {
            return Ok(());
        }
        if tokens.key(0) == Some(Key::Select) {
            return Err(Unreadable::Keyword);
        }
        Reader::new(self.text, tokens, &mut self.out).expressions()
    }
}

/// Tokens between the commas that stand in no parenthesis.
fn pieces(tokens: &[Token]) -> Vec<&[Token]> {
    let (mut found, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Comma if depth == 0 => {
                found.extend(tokens.get(from..at));
                from = at + 1;
            }
            _ => {}
        }
    }
    found.extend(tokens.get(from..));
    found
}
