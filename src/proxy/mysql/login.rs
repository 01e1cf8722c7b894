//! The exchange by which a client proves itself to the server, in turns. It is passed as it is; where TLS is spoken on one side
//! only, packets are numbered from one more on there, and what would be sent as the other kind of connection asks for is
//! refused.

use super::leg::Leg;
use super::opening::Opening;
use crate::flow::{Kind, Reason};
use crate::protocol::mysql::answer::{Answer, HEAD_BYTES, Shape};
use crate::protocol::mysql::packet::{HEADER, Packet, put};
use crate::protocol::mysql::{AUTHENTICATION, STATE, handshake};

/// Packets of a server before it must have decided.
const MOST_PACKETS: usize = 32;

pub(super) struct Login<'o, 'w> {
    pub(super) opening: &'o mut Opening<'w>,
    pub(super) server: &'o mut Leg,
    /// How many packets more the server counts than the client, as it wraps.
    pub(super) shift: u8,
}

impl Login<'_, '_> {
    /// Passes the exchange to its end: the session's status, if the server takes the client.
    pub(super) async fn follow(mut self) -> Option<u16> {
        let mut answer = Answer::new(Shape::Authentication, false);
        for _ in 0..MOST_PACKETS {
            let packet = self.opening.server_packet(self.server).await?;
            let header = Packet::of(&packet)?;
            let payload = packet.get(HEADER..).unwrap_or_default();
            let number = header.number.wrapping_sub(self.shift);
            if number != self.opening.next {
                return self.opening.refuse(Reason { kind: Kind::Upstream, ..STATE }).await;
            }
            let head = payload.get(..payload.len().min(HEAD_BYTES)).unwrap_or_default();
            let seen = match answer.packet(&header, head) {
                Ok(seen) => seen,
                Err(reason) => return self.opening.refuse(Reason { kind: Kind::Upstream, ..reason }).await,
            };
            if self.shift != 0 && asks_for_other(payload) {
                return self.opening.refuse(AUTHENTICATION).await;
            }
            put(self.opening.client.outbox.buffer(), number, payload);
            self.opening.next = number.wrapping_add(1);
            self.opening.tell_client().await?;
            if seen.failed.is_some() {
                self.failed();
                return None;
            }
            if seen.over {
                return seen.status;
            }
            if seen.asks {
                self.reply().await?;
            }
        }
        self.opening.refuse(Reason { kind: Kind::Upstream, ..STATE }).await
    }

    /// Passes what the client sends.
    async fn reply(&mut self) -> Option<()> {
        let number = self.opening.next.wrapping_add(self.shift);
        let packet = self.opening.client_packet().await?;
        put(self.server.outbox.buffer(), number, packet.get(HEADER..).unwrap_or_default());
        Some(())
    }

    fn failed(&self) {
        let (sessions, now) = (&self.opening.worker.shared.sessions, self.opening.worker.now().since_start);
        sessions.login_failed(sessions.kind(crate::record::Caller::of(&self.opening.connection)), now);
    }
}

/// Whether the client is asked for what it would not send to a server in TLS, or only there.
pub(super) fn asks_for_other(payload: &[u8]) -> bool {
    let switch = payload.first() == Some(&0xfe);
    handshake::asks_for_password(payload) || switch && handshake::depends_on_tls(handshake::switched_to(payload))
}
