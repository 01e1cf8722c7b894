//! What is told of a session that only PostgreSQL has: the literals of its texts, what is bound to them, and its codes of
//! errors.

use super::Wire;
use super::texts::Statement as Prepared;
use crate::behave::sql::Asked as Seen;
use crate::canon::sql::postgres::{literals, normalised, tokens};
use crate::flow::{Judgement, Kind, Reason};
use crate::protocol::postgres::VALUE;
use crate::protocol::postgres::accesses::{Asked, Understood};
use crate::protocol::postgres::front;
use crate::proxy::database::{Dialect, Tells};
use crate::record::EventId;
use crate::record::event::{Clipped, Sql};
use crate::record::statements::Statement;
use std::rc::Rc;
use std::sync::Arc;

/// Statements of one session whose events wait for what becomes of them; of more, they are recorded at once.
const MOST_WAITING: usize = 64;

/// As the record knows it.
pub(super) static DIALECT: Dialect = Dialect { name: "postgres", mask };

/// The text without its literals.
fn mask(text: &[u8]) -> Option<Vec<u8>> {
    tokens(text, false).map(|tokens| normalised(text, &tokens)).ok()
}

/// A text as observers see it.
pub(super) fn seen(understood: &Understood) -> Seen<'_> {
    let Understood { fingerprint, normalised, .. } = understood;
    Seen { fingerprint, normalised, statements: understood.working() }
}

impl<'w> Tells<'w> for Wire<'w> {
    type Understood = Understood;
    type Asked = Asked;
    const VALUE: Reason = VALUE;

    fn counts(
        &self,
        understood: &Understood,
        asked: &Asked,
        judgement: &Judgement,
        suspicious: bool,
    ) -> Arc<Statement> {
        let text = (understood.verb(), &seen(understood));
        self.subject.counts(text, asked.told(), understood.functions(), judgement, suspicious)
    }

    fn note(
        &mut self,
        text: &[u8],
        counts: &Arc<Statement>,
        judgement: Judgement,
        more: Option<&str>,
    ) -> Option<EventId> {
        let values = || {
            let tokens = tokens(text, self.session.settings.backslash).unwrap_or_default();
            literals(text, &tokens).take(Sql::MOST_VALUES).map(Clipped::text).collect()
        };
        self.subject.note(counts, (judgement, more), values, self.session.unanswered() < MOST_WAITING)
    }
}

impl Wire<'_> {
    /// What is bound to a statement whose event waits belongs to it, as its literals do.
    pub(super) fn binds(&mut self, held: &[Rc<Prepared>], bound: &[u8]) {
        for statement in held {
            if let Some(sql) = self.subject.waiting_of(&statement.understood.fingerprint) {
                let room = Sql::MOST_VALUES.saturating_sub(sql.values.len());
                return sql.values.extend(front::values(bound).take(room).map(Clipped::text));
            }
        }
    }
}

/// What the client is told of a reason that ends its session: the class of the fault, no more.
pub(super) fn code(reason: &Reason) -> &'static str {
    match reason.kind {
        Kind::Upstream => "08006",
        Kind::Malformed => "08P01",
        Kind::TooLarge | Kind::TooMany => "54000",
        Kind::TooSlow => "57P05",
        Kind::Unsupported => "0A000",
        _ => "42501",
    }
}
