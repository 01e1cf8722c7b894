//! TLS that is asked for in the protocol: by the client of us, by us of the server.

use super::leg::Leg;
use super::opening::Opening;
use crate::flow::{Kind, Reason};
use crate::identity::Alpn;
use crate::protocol::mysql::STATE;
use crate::protocol::mysql::handshake::{self, Answer};
use crate::protocol::mysql::packet::put;
use crate::proxy::database::Proved;
use crate::proxy::inbox::Inbox;
use crate::proxy::settings::Port;
use crate::proxy::tls::{self, Stream};
use crate::proxy::upstream::{self, Connected};

impl Opening<'_> {
    /// The client has asked for TLS: what follows must be that.
    pub(super) async fn in_tls(mut self, port: &Port) -> Option<Self> {
        let (Stream::Plain(socket), true) = (self.client.stream, self.client.inbox.is_empty()) else { return None };
        let tls::Accepted { stream, peer, handshake } = match self.worker.acceptor.secure(socket, &port.tls).await {
            Ok(accepted) => accepted,
            Err(refusal) => {
                self.worker.refused_handshake(&self.connection, &refusal);
                return None;
            }
        };
        self.client = Leg::new(stream, Inbox::default());
        let is_let_in = self.worker.lets_in(&mut self.connection, peer, handshake.as_ref());
        self.handshake = handshake;
        is_let_in.then_some(self)
    }

    /// Asks the server for TLS, and goes on in it.
    pub(super) async fn secure(
        &mut self,
        mut server: Leg,
        payload: &[u8],
        answer: &Answer,
        trust: &mut Proved,
    ) -> Option<Leg> {
        put(server.outbox.buffer(), 1, &handshake::asks_for_tls(payload, answer));
        if let Err(failed) = server.send(&mut self.deadline).await {
            return self.fail(failed, true).await;
        }
        let (Stream::Plain(socket), true) = (server.stream, server.inbox.is_empty()) else {
            return self.refuse(Reason { kind: Kind::Upstream, ..STATE }).await;
        };
        match Box::pin(upstream::secure(self.worker, socket, &trust.tls, Alpn::default())).await {
            Ok(Connected { stream, peer, generation, .. }) => {
                (trust.peer, trust.generation) = (peer, generation);
                Some(Leg::new(stream, Inbox::default()))
            }
            Err(unreached) => self.refuse(unreached.reason).await,
        }
    }
}
