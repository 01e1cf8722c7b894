//! A WebSocket on its way. The client's frames become messages, each is judged, and only then its frames go on, as they
//! came. The server's frames are held to the same rules; where a port watches its answers, its messages are held whole and
//! looked at like any answer. A denied message ends the connection with close code 1008, towards both sides.

use super::exchange::Request;
use super::report::Progress;
use crate::engine::{ATTACK, Beginning, Case, Disguised, Screen};
use crate::flow::{Cut, Judgement, Reason, Scene, Side, Verdict};
use crate::protocol::websocket::{Follower, Reader, Unit, of_server};
use crate::proxy::held::Share;
use crate::proxy::tunnel::{Gate, Shut};
use crate::proxy::worker::Worker;
use crate::record::{EventId, Revision};
use std::cell::RefCell;
use std::sync::Arc;

/// What both directions are judged with.
pub(super) struct Court<'a, 'e> {
    pub(super) worker: &'a Worker,
    pub(super) case: &'a mut Case<'e>,
    pub(super) scene: Scene<'a>,
    pub(super) request: &'a Request,
    pub(super) revision: &'a Arc<Revision>,
    pub(super) share: &'a mut Share,
    /// Bytes that are held of what the client sends, and of what the server does.
    pub(super) held: [usize; 2],
    /// The client's bytes that went on.
    pub(super) sent: u64,
    /// The event that ended it.
    pub(super) event: Option<EventId>,
}

/// Frames are followed no further: they break the rules, and are only watched.
struct Lost;

impl Court<'_, '_> {
    fn judge(&mut self, payload: &[u8]) -> Result<Option<Lost>, Shut> {
        let limits = &self.worker.limits().body;
        let judgement = self.case.judge_message(&self.scene, self.request.view(), payload, limits);
        if let Some(lost) = self.act(&judgement)? {
            return Ok(Some(lost));
        }
        match self.worker.over_budget(self.scene.connection, self.case, payload.len()) {
            Some(judgement) => self.act(&judgement),
            None => Ok(None),
        }
    }

    fn object(&mut self, why: Reason) -> Result<Option<Lost>, Shut> {
        let judgement = self.case.object(why);
        self.act(&judgement)
    }

    /// Records a denial, and shuts where its mode says so.
    fn act(&mut self, judgement: &Judgement) -> Result<Option<Lost>, Shut> {
        let progress = Progress { revision: self.revision, sent: self.sent, status: Some(101) };
        let event = progress.note(self.worker, &self.scene, self.request, judgement);
        if judgement.stops().is_some() {
            self.event = event;
            return Err(Shut);
        }
        let lost = matches!(&judgement.verdict, Verdict::Deny(denial) if denial.cut == Cut::CloseSession);
        Ok(lost.then_some(Lost))
    }

    /// Shuts for what a message of the server began with.
    fn unmask(&mut self, beginning: &mut Beginning) -> Result<(), Shut> {
        match self.case.unmasked(std::mem::take(beginning)) {
            Some(judgement) => self.act(&judgement).map(drop),
            None => Ok(()),
        }
    }

    fn hold(&mut self, side: Side, bytes: usize) -> Result<Option<Lost>, Shut> {
        let [client, server] = &mut self.held;
        match side {
            Side::Client => *client = bytes,
            Side::Server => *server = bytes,
        }
        let all = *client + *server;
        self.share.resize(all).map(|()| None).or_else(|why| self.object(why))
    }
}

/// What the client sends.
pub(super) struct FromClient<'c, 'a, 'e> {
    court: &'c RefCell<Court<'a, 'e>>,
    /// Nothing when it has lost its way in frames that are only watched.
    reader: Option<Reader>,
}

impl<'c, 'a, 'e> FromClient<'c, 'a, 'e> {
    /// Messages of up to `most` bytes.
    pub(super) fn new(court: &'c RefCell<Court<'a, 'e>>, most: usize) -> Self {
        Self { court, reader: Some(Reader::new(Side::Client, most)) }
    }
}

impl Gate for FromClient<'_, '_, '_> {
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Shut> {
        let mut court = self.court.borrow_mut();
        let Some(reader) = &mut self.reader else {
            out.extend_from_slice(bytes);
            return Ok(());
        };
        reader.push(bytes);
        let lost = loop {
            let lost = match reader.read() {
                Ok(None) => break None,
                Ok(Some(unit)) => {
                    let lost = if unit.payload.is_empty() { None } else { court.judge(&unit.payload)? };
                    court.sent += unit.wire.len() as u64;
                    out.extend_from_slice(&unit.wire);
                    lost
                }
                Err(malformed) => court.object(malformed.why)?.or(Some(Lost)),
            };
            if lost.is_some() {
                break lost;
            }
        };
        let lost = lost.or(court.hold(Side::Client, reader.held())?);
        if lost.is_some() {
            out.extend_from_slice(&reader.rest());
            self.reader = None;
        }
        Ok(())
    }
}

/// What the server sends.
pub(super) struct FromServer<'c, 'a, 'e> {
    court: &'c RefCell<Court<'a, 'e>>,
    way: Way,
    /// What its messages are held against as they begin.
    beginning: Beginning,
}

/// How the server's frames are read.
enum Way {
    /// As they pass.
    Follow(Follower),
    /// Message by message, each through what answers pass through.
    Hold(Reader, Box<Screen>),
    /// Not any more.
    Lost,
}

impl<'c, 'a, 'e> FromServer<'c, 'a, 'e> {
    /// Where answers are watched, messages of up to `most` bytes; otherwise of any length.
    pub(super) fn new(
        court: &'c RefCell<Court<'a, 'e>>,
        (screen, beginning): (Option<Screen>, Beginning),
        most: usize,
    ) -> Self {
        let way = match screen {
            Some(screen) => Way::Hold(Reader::new(Side::Server, most), Box::new(screen)),
            None => Way::Follow(Follower::default()),
        };
        Self { court, way, beginning }
    }

    /// Whether a frame of ours may come next.
    pub(super) fn is_between_frames(&self) -> bool {
        match &self.way {
            Way::Follow(follower) => follower.is_between_frames(),
            Way::Hold(..) => true,
            Way::Lost => false,
        }
    }

    /// Tells what was found in messages that went on.
    pub(super) fn tell(&self) {
        let mut court = self.court.borrow_mut();
        if let Some(judgement) = court.case.unmasked(self.beginning.clone()) {
            // All of it has gone on; there is nothing left to shut.
            let _ = court.act(&judgement);
        }
        let Way::Hold(_, screen) = &self.way else { return };
        if let Some(judgement) = court.case.screened(screen) {
            // All of it has gone on; there is nothing left to shut.
            let _ = court.act(&judgement);
        }
    }
}

impl Gate for FromServer<'_, '_, '_> {
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Shut> {
        let mut court = self.court.borrow_mut();
        let rest = match &mut self.way {
            Way::Follow(follower) => follow(&mut court, (follower, &mut self.beginning), bytes, out)?,
            Way::Hold(reader, screen) => hold(&mut court, (reader, &mut self.beginning), screen, bytes, out)?,
            Way::Lost => {
                out.extend_from_slice(bytes);
                None
            }
        };
        if let Some(rest) = rest {
            out.extend_from_slice(&rest);
            self.way = Way::Lost;
        }
        Ok(())
    }
}

/// Gives what was held back when the follower has lost its way.
fn follow(
    court: &mut Court<'_, '_>,
    (follower, beginning): (&mut Follower, &mut Beginning),
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, Shut> {
    let (went, held) = (out.len(), follower.rest().to_vec());
    let show = |content: &[u8], first| beginning.message(content, first).map_err(|Disguised| ATTACK);
    let Err(malformed) = follower.pass(bytes, out, show) else { return Ok(None) };
    court.unmask(beginning)?;
    court.object(malformed.why)?;
    // All that came, less what has gone on of it.
    let mut came = [&held, bytes].concat();
    Ok(Some(came.split_off((out.len() - went).min(came.len()))))
}

fn hold(
    court: &mut Court<'_, '_>,
    (reader, beginning): (&mut Reader, &mut Beginning),
    screen: &mut Screen,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<Option<Vec<u8>>, Shut> {
    reader.push(bytes);
    let lost = loop {
        match reader.read() {
            Ok(None) => break court.hold(Side::Server, reader.held())?,
            Ok(Some(unit)) => {
                let passed = beginning.message(&unit.payload, true);
                passed.or_else(|Disguised| court.unmask(beginning))?;
                show(court, screen, &unit, out)?;
            }
            Err(malformed) => break court.object(malformed.by_upstream().why)?.or(Some(Lost)),
        }
    };
    Ok(lost.map(|Lost| reader.rest()))
}

/// Passes a message on, as it came unless something in it was masked.
fn show(court: &mut Court<'_, '_>, screen: &mut Screen, unit: &Unit, out: &mut Vec<u8>) -> Result<(), Shut> {
    let mut shown = Vec::with_capacity(unit.payload.len());
    let passed = screen.pass(&unit.payload, &mut shown).and_then(|()| screen.finish(&mut shown));
    if passed.is_err() {
        if let Some(judgement) = court.case.screened(screen) {
            court.act(&judgement)?;
        }
        return Err(Shut);
    }
    match shown == unit.payload {
        true => out.extend_from_slice(&unit.wire),
        false => out.extend(of_server(unit.opcode, &shown)),
    }
    Ok(())
}
