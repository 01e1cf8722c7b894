//! What a client asks, judged message by message: what goes on, and what stands for what does not.

use super::{End, OTHER_SERVER, Wire};
use crate::engine::Engine;
use crate::flow::{Direction, Message, Past, Proof, Side};
use crate::protocol::exchange::Found;
use crate::record::Traffic;
use crate::record::flows::Carried;
use std::time::{Duration, Instant};

impl Wire<'_> {
    /// Deals with the client's messages as far as they have come, and as the server takes them.
    pub(super) fn client_messages(&mut self) -> Result<(), End> {
        let mut inbox = std::mem::take(&mut self.from_client);
        let dealt = loop {
            if inbox.is_empty() || self.to_server.len() > super::HIGH_BYTES {
                break Ok(());
            }
            match self.client_message(inbox.unread()) {
                Ok(0) => break Ok(()),
                Ok(used) => inbox.consume(used),
                Err(end) => break Err(end),
            }
        };
        self.from_client = inbox;
        dealt.and_then(|()| self.share.resize(self.from_client.len()).map_err(End::Refused))
    }

    /// Deals with the message at the beginning of `bytes`; its length, 0 when it is not whole.
    fn client_message(&mut self, bytes: &[u8]) -> Result<usize, End> {
        match self.decoder.question(bytes).map_err(|malformed| End::Refused(malformed.why))? {
            Found::Need => Ok(0),
            Found::Nothing(used) => Ok(used),
            Found::Message(used) => {
                self.still_welcome().map_err(End::Refused)?;
                self.exchanges.exchanges += 1;
                self.ask(bytes.get(..used).unwrap_or_default())?;
                self.asked = true;
                Ok(used)
            }
        }
    }

    fn ask(&mut self, message: &[u8]) -> Result<(), End> {
        let began = Instant::now();
        let (mut denied, mut rule, mut proof) = (None, None, Proof::default());
        let shown = self.decoder.asked(message, &mut |asked| {
            let past = Past::default();
            let scene = self.scene(&past);
            let engine = self.worker.engine();
            let unit = Message { side: Side::Client, accesses: asked.accesses, parts: asked.parts, last: true };
            let mut case = engine.open(&scene);
            let judgement = case.judge(&scene, &unit, &mut Engine::budget(message.len()));
            proof = case.terms().map(|terms| terms.proof.clone()).unwrap_or_default();
            rule = judgement.rules.first().cloned();
            denied = self.note(&scene, asked, judgement);
        });
        shown.map_err(|malformed| End::Refused(malformed.why))?;
        self.worker.metrics.took_judging(self.connection.direction, began.elapsed());
        match denied {
            Some(event) => self.decoder.deny(&event.to_string(), self.to_server.buffer()),
            None => {
                match (&self.server, proof) {
                    (None, proof) if self.proof == Proof::Unasked => self.proof = proof,
                    (_, proof) if proof != Proof::Unasked && proof != self.proof => {
                        return Err(End::Refused(OTHER_SERVER));
                    }
                    _ => {}
                }
                self.decoder.release(message, self.to_server.buffer());
                self.rule = rule.or(self.rule.take());
                if let Some(rule) = &self.rule {
                    self.worker.aggregate.note(&self.caller, rule, Traffic::exchange(message.len() as u64, 0));
                    if self.connection.direction == Direction::Outbound {
                        let carried = Carried::once(message.len() as u64, 0, Duration::ZERO);
                        self.worker.flowed(&self.connection, None, Some(rule), carried);
                    }
                }
            }
        }
        Ok(())
    }
}
