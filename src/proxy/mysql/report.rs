//! What is told of a session that only MySQL has: the literals of its texts, what is bound to them, and its numbers of
//! errors.

use super::Wire;
use super::texts::Statement as Prepared;
use crate::behave::sql::Asked as Seen;
use crate::canon::sql::mysql::{Mode, literals, normalised, tokens};
use crate::flow::{Judgement, Kind, Reason};
use crate::protocol::mysql::VALUE;
use crate::protocol::mysql::accesses::{Asked, Understood};
use crate::protocol::mysql::values::Binding;
use crate::proxy::database::{Dialect, Tells};
use crate::record::EventId;
use crate::record::event::{Clipped, Sql};
use crate::record::statements::Statement;
use std::sync::Arc;

/// As the record knows it.
pub(super) static DIALECT: Dialect = Dialect { name: "mysql", mask };

/// The text without its literals.
fn mask(text: &[u8]) -> Option<Vec<u8>> {
    tokens(text, Mode::default()).map(|tokens| normalised(text, &tokens)).ok()
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
            let tokens = tokens(text, self.settings.mode).unwrap_or_default();
            literals(text, &tokens).take(Sql::MOST_VALUES).map(Clipped::text).collect()
        };
        self.subject.note(counts, (judgement, more), values, true)
    }
}

impl Wire<'_> {
    /// Reads what is bound to a statement. What is bound to one whose event waits belongs to it, as its literals do.
    pub(super) fn binds(&mut self, number: u32, statement: &Prepared, binding: Binding<'_>) -> Result<(), Reason> {
        let sql = self.subject.waiting_of(&statement.understood.fingerprint);
        self.statements.bind(number, binding, |bound| {
            if let Some(sql) = sql {
                let room = Sql::MOST_VALUES.saturating_sub(sql.values.len());
                sql.values.extend(bound.texts().take(room).map(|text| Clipped::text(&text)));
            }
        })
    }
}

/// What the client is told of a reason that ends its session: the class of the fault, no more.
pub(super) fn code(reason: &Reason) -> (u16, &'static str) {
    match reason.kind {
        // ER_BAD_HOST_ERROR, ER_MALFORMED_PACKET, ER_NET_PACKET_TOO_LARGE, ER_NET_READ_INTERRUPTED, ER_NOT_SUPPORTED_YET
        Kind::Upstream => (1042, "08S01"),
        Kind::Malformed => (1835, "HY000"),
        Kind::TooLarge | Kind::TooMany => (1153, "08S01"),
        Kind::TooSlow => (1159, "08S01"),
        Kind::Unsupported => (1235, "42000"),
        _ => (1142, "42000"),
    }
}
