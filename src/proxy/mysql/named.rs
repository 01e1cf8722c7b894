//! Statements that a session has prepared under names, in its texts (`PREPARE s FROM '…'`). Whoever runs one is judged again if the
//! policy has changed since, as with those that have numbers. What a procedure prepares is not seen: a name that is not known
//! asks for UNREADABLE.

use super::judge::Denied;
use super::texts::Statement;
use super::{Asked as Then, Wire};
use crate::canon::sql::mysql::Prepared;
use crate::protocol::mysql::TOO_MANY;
use crate::protocol::mysql::accesses::{Asked, UNREADABLE, Understood};
use crate::protocol::mysql::emit::DENIED;
use crate::proxy::database::{End, Granted, TEXT_BYTES};
use std::collections::HashMap;
use std::rc::Rc;

/// What each name may stand for: the texts that prepared it. More than one where a text of several statements failed, and may
/// have prepared it before.
#[derive(Debug, Default)]
pub(super) struct Named(HashMap<Box<str>, Vec<Rc<Statement>>>);

impl Named {
    /// All are forgotten.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Follows a text that has run; `whole` unless it failed somewhere.
    fn follow(&mut self, text: &Rc<Statement>, whole: bool) {
        if !whole && text.understood.is_single() {
            return;
        }
        for prepared in text.understood.prepared() {
            match prepared {
                Prepared::Make(name) => {
                    let held = self.0.entry(name.as_str().into()).or_default();
                    held.retain(|known| !whole && !known.is_like(text));
                    held.push(Rc::clone(text));
                }
                Prepared::Drop(name) if whole => drop(self.0.remove(name.as_str())),
                Prepared::Use(_) | Prepared::Drop(_) | Prepared::DropAll => {}
            }
        }
    }

    fn of(&self, name: &str) -> &[Rc<Statement>] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

impl Wire<'_> {
    /// Judges what a text runs by name. What it grants brings no more rows than each of that.
    pub(super) fn named_granted(&mut self, understood: &Understood, mut granted: Granted) -> Result<Granted, Denied> {
        for name in understood.runs() {
            let held = self.named.of(name).to_vec();
            if held.is_empty() {
                self.unknown_granted()?;
            }
            for statement in held {
                self.still_granted(&statement)?;
                let rows = statement.granted.borrow().rows;
                granted.rows = granted.rows.into_iter().chain(rows).min();
            }
        }
        Ok(granted)
    }

    /// A name that no text of this session has prepared.
    fn unknown_granted(&mut self) -> Result<(), Denied> {
        let who = self.subject.who.clone();
        for database in &self.settings.databases {
            let judgement = self.subject.decide(&Asked::kind(&who.user, database, UNREADABLE).accesses(), &[]);
            if let Some(event) = self.subject.decided(&who, UNREADABLE, judgement) {
                return Err((event, DENIED));
            }
        }
        Ok(())
    }

    /// What is followed when a granted text has run.
    pub(super) fn then(&self, text: &[u8], understood: Rc<Understood>, granted: &Granted) -> Result<Then, End> {
        if understood.prepared().next().is_none() {
            return Ok(Then::Text(understood));
        }
        if self.texts.get() + text.len() > TEXT_BYTES || self.named.len() >= self.limits.statements {
            return Err(End::Refused(TOO_MANY));
        }
        let granted = (self.subject.under(), granted.clone());
        Ok(Then::Named(Statement::new(text, understood, self.settings.clone(), granted, &self.texts)))
    }

    /// Follows a text that names statements, once the server has run it; `whole` unless it failed somewhere.
    pub(super) fn names(&mut self, text: &Rc<Statement>, whole: bool) {
        let ran: Vec<_> = text.understood.runs().flat_map(|name| self.named.of(name).to_vec()).collect();
        for statement in ran.iter().filter(|statement| !statement.understood.leaves_no_trace()) {
            self.clean.forget();
            statement.understood.follow(&mut self.settings, false);
        }
        self.named.follow(text, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::sql::mysql::Server;
    use crate::protocol::mysql::settings::Settings;
    use crate::proxy::database::Under;
    use crate::proxy::database::texts::tests::granted;

    fn text(sql: &str) -> Rc<Statement> {
        let settings = Settings::new(Server::default(), 45, "shop");
        let understood = Rc::new(Understood::of(sql.as_bytes(), settings.mode, false));
        Statement::new(sql.as_bytes(), understood, settings, (Under::default(), granted(None)), &Rc::default())
    }

    fn held(named: &Named, name: &str) -> Vec<String> {
        named.of(name).iter().map(|text| String::from_utf8_lossy(&text.text).into_owned()).collect()
    }

    #[test]
    fn name_stands_for_what_prepared_it_last() {
        let (one, two) = ("PREPARE s FROM 'SELECT a FROM t'", "PREPARE S FROM 'SELECT b FROM t'");
        let mut named = Named::default();
        named.follow(&text(one), true);
        named.follow(&text(two), true);
        assert_eq!(held(&named, "s"), [two]);
        named.follow(&text(one), false);
        assert_eq!(held(&named, "s"), [two]);
        named.follow(&text("DEALLOCATE PREPARE s"), true);
        assert_eq!((held(&named, "s").len(), named.len()), (0, 0));
    }

    #[test]
    fn name_may_stand_for_what_a_text_prepared_that_failed() {
        let (one, two) = ("PREPARE s FROM 'SELECT a FROM t'", "PREPARE s FROM 'SELECT b FROM t'; SELECT c FROM t");
        let mut named = Named::default();
        named.follow(&text(one), true);
        for _ in 0..3 {
            named.follow(&text(two), false);
            named.follow(&text("DROP PREPARE s; SELECT c FROM t"), false);
        }
        assert_eq!(held(&named, "s"), [one, two]);
    }
}
