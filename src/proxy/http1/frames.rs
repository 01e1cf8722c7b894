//! A WebSocket on its way: the client's frames become messages, each is judged, and only then its frames go on, as they
//! came. A denied message ends the connection with close code 1008, towards both sides.

use super::exchange::Request;
use super::report::Progress;
use crate::engine::Case;
use crate::flow::{Cut, Judgement, Reason, Scene, Verdict};
use crate::protocol::websocket::Reader;
use crate::proxy::held::Share;
use crate::proxy::tunnel::{Gate, Shut};
use crate::proxy::worker::Worker;
use crate::record::{EventId, Revision};
use std::sync::Arc;

/// What judges a client's messages.
pub(super) struct Judged<'a, 'e> {
    pub(super) worker: &'a Worker,
    pub(super) case: &'a mut Case<'e>,
    pub(super) scene: Scene<'a>,
    pub(super) request: &'a Request,
    pub(super) revision: &'a Arc<Revision>,
    pub(super) share: &'a mut Share,
    /// Nothing, where bytes are not frames, or when it has lost its way in frames that are only watched.
    pub(super) reader: Option<Reader>,
    /// Whether it is to be given up.
    pub(super) lost: bool,
    /// Bytes that went on.
    pub(super) sent: u64,
    /// The event that shut it.
    pub(super) event: Option<EventId>,
}

impl Gate for Judged<'_, '_> {
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Shut> {
        match &mut self.reader {
            Some(reader) => reader.push(bytes),
            None => out.extend_from_slice(bytes),
        }
        while let Some(reader) = &mut self.reader {
            match reader.read() {
                Ok(None) => break,
                Ok(Some(unit)) => {
                    if !unit.payload.is_empty() {
                        self.judge(&unit.payload)?;
                    }
                    self.sent += unit.wire.len() as u64;
                    out.extend_from_slice(&unit.wire);
                    self.release(out);
                }
                Err(malformed) => {
                    self.object(malformed.why)?;
                    self.release(out);
                }
            }
        }
        let held = self.reader.as_ref().map_or(0, Reader::held);
        self.share.resize(held).or_else(|why| self.object(why))
    }
}

impl Judged<'_, '_> {
    fn judge(&mut self, payload: &[u8]) -> Result<(), Shut> {
        let limits = &self.worker.limits().body;
        let judgement = self.case.judge_message(&self.scene, self.request.view(), payload, limits);
        self.act(&judgement)
    }

    fn object(&mut self, why: Reason) -> Result<(), Shut> {
        let judgement = self.case.object(why);
        self.act(&judgement)
    }

    /// Records a denial, and shuts where its mode says so.
    fn act(&mut self, judgement: &Judgement) -> Result<(), Shut> {
        let progress = Progress { revision: self.revision, sent: self.sent, status: Some(101) };
        let event = progress.note(self.worker, &self.scene, self.request, judgement);
        if judgement.stops().is_some() {
            self.event = event;
            return Err(Shut);
        }
        if matches!(&judgement.verdict, Verdict::Deny(denial) if denial.cut == Cut::CloseSession) {
            self.lost = true;
        }
        Ok(())
    }

    /// Where frames are only watched and the reader has lost its way, what it holds goes on as it came, and so does the
    /// rest.
    fn release(&mut self, out: &mut Vec<u8>) {
        if self.lost
            && let Some(reader) = self.reader.take()
        {
            out.extend_from_slice(&reader.rest());
        }
    }
}
