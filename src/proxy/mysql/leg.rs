//! One side of a session that is being opened: its packets, one by one.

use crate::flow::Reason;
use crate::protocol::mysql::handshake;
use crate::protocol::mysql::packet::{HEADER, Packet};
use crate::proxy::deadline::Deadline;
use crate::proxy::inbox::{Inbox, Scratch};
use crate::proxy::outbox::Outbox;
use crate::proxy::tls::Stream;
use crate::proxy::worker::Worker;
use std::future::poll_fn;

/// One side with what has been read of it.
pub(super) struct Leg {
    pub(super) stream: Stream,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    /// No further is read than a packet goes: TLS may follow it.
    pub(super) by_packet: bool,
}

impl Leg {
    pub(super) fn new(stream: Stream, inbox: Inbox) -> Self {
        Self { stream, inbox, outbox: Outbox::default(), by_packet: false }
    }

    /// The next packet, header and payload.
    pub(super) async fn packet(
        &mut self,
        worker: &Worker,
        deadline: &mut Deadline,
        most: usize,
    ) -> Result<Vec<u8>, Failed> {
        loop {
            let found =
                handshake::packet(self.inbox.unread(), most).map_err(|malformed| Failed::Said(malformed.why))?;
            if let Some(packet) = found {
                return Ok(self.inbox.take(packet.whole()));
            }
            let Self { stream, inbox, by_packet, .. } = self;
            let packet = Packet::of(inbox.unread()).map_or(HEADER, |packet| packet.whole());
            let wanted = if *by_packet { packet - inbox.len() } else { Scratch::BYTES };
            let filling = poll_fn(|cx| inbox.poll_fill(cx, &worker.scratch, stream, wanted));
            match deadline.within(filling).await {
                Ok(Ok(1..)) => {}
                Ok(_) => return Err(Failed::Gone),
                Err(slow) => return Err(Failed::Said(slow)),
            }
        }
    }

    pub(super) async fn send(&mut self, deadline: &mut Deadline) -> Result<(), Failed> {
        let Self { stream, outbox, .. } = self;
        match deadline.within(outbox.send(stream)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Failed::Gone),
            Err(slow) => Err(Failed::Said(slow)),
        }
    }
}

/// Why nothing came of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failed {
    /// The side has gone.
    Gone,
    /// A rule was broken.
    Said(Reason),
}
