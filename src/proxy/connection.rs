//! One accepted connection, from the kernel's word on where it wanted to go to the protocol that carries it. What ends
//! here ends with a reason in the record.

use super::door::Inside;
use super::egress;
use super::exchange;
use super::http1::Guest;
use super::listen;
use super::mysql;
use super::postgres;
use super::settings::{Listener, Port, Protocol};
use super::tls::Handshake;
use super::worker::Worker;
use super::{http1, raw, tls};
use crate::flow::{ClientAddr, Connection, Direction, Names, OriginalDestination, Peer, Reason};
use crate::protocol;
use std::rc::Rc;
use std::time::SystemTime;
use tokio::net::TcpStream;

/// Serves one accepted socket to its end.
pub(super) async fn serve(worker: &Rc<Worker>, listener: usize, socket: TcpStream, from: ClientAddr) {
    let Some(listener) = worker.shared.settings.listeners.get(listener) else { return };
    // Without it small answers wait for acknowledgements; the connection works all the same.
    let _ = socket.set_nodelay(true);
    let Ok(to) = listen::original_destination(&socket, listener) else { return };
    let mut connection = Connection {
        id: worker.shared.next_connection(),
        direction: listener.direction,
        from,
        to,
        port: to.0.port(),
        names: Names::default(),
        peer: Peer::Unverified,
        protocol: "tcp",
        opened: SystemTime::now(),
    };
    let inside = worker.shared.door.enter(worker.limits());
    let _told = TellPanic::new(worker, from);
    if listener.direction == Direction::Outbound {
        connection.names = if listener.redirected { worker.names(to) } else { Names::settled() };
        if listener.redirected && inside.refused.is_none() && listener.port(to.0).is_none() {
            let _open = CountOpen::new(worker, listener.direction);
            return Box::pin(egress::serve(worker, socket, connection)).await;
        }
    }
    let port = match admitted(worker, &inside, listener, to) {
        Ok(port) => port,
        Err(reason) => return worker.refused_connection(&connection, reason),
    };
    if let (Direction::Outbound, Some(upstream)) = (listener.direction, port.upstream) {
        connection.to = OriginalDestination(upstream);
        connection.port = port.port;
    }
    let _open = CountOpen::new(worker, listener.direction);
    match worker.acceptor.accept(socket, &port.tls).await {
        Ok(tls::Accepted { stream, peer, handshake }) => {
            if !worker.lets_in(&mut connection, peer, handshake.as_ref()) {
                return;
            }
            match port.protocol {
                Protocol::Http => {
                    connection.protocol = protocol::http1::PROTOCOL.name;
                    http1::serve(worker, stream, Guest::new(connection, handshake, port)).await;
                }
                Protocol::Postgres => {
                    connection.protocol = protocol::postgres::PROTOCOL.name;
                    Box::pin(postgres::serve(worker, stream, connection, handshake, port)).await;
                }
                Protocol::Mysql => {
                    connection.protocol = protocol::mysql::PROTOCOL.name;
                    Box::pin(mysql::serve(worker, stream, connection, handshake, port)).await;
                }
                Protocol::Tcp => Box::pin(raw::serve(worker, stream, connection, handshake, port)).await,
                Protocol::Exchanges(name) => {
                    connection.protocol = name;
                    // It was registered when the configuration was read.
                    let Some(decoder) = protocol::exchanges(name, worker.limits().inspect_bytes) else { return };
                    Box::pin(exchange::serve(worker, stream, connection, handshake, port, decoder)).await;
                }
            }
        }
        Err(refusal) => worker.refused_handshake(&connection, &refusal),
    }
}

impl Worker {
    /// Notes who is at the other end, and whether it is let in.
    pub(super) fn lets_in(&self, connection: &mut Connection, peer: Peer, handshake: Option<&Handshake>) -> bool {
        connection.peer = peer;
        if let Some(handshake) = handshake {
            self.metrics.handshake(handshake.resumed, handshake.took);
        }
        let welcomed = self.welcomes(connection);
        welcomed.inspect_err(|reason| self.refused_connection(connection, *reason)).is_ok()
    }
}

fn admitted(worker: &Worker, inside: &Inside, listener: &Listener, to: OriginalDestination) -> Result<Port, Reason> {
    match inside.refused {
        Some(reason) => Err(reason),
        None => listen::declared(listener, &worker.own, to).cloned(),
    }
}

/// Counted in the metrics while it lasts.
struct CountOpen<'w>(&'w Worker, Direction);

impl<'w> CountOpen<'w> {
    fn new(worker: &'w Worker, direction: Direction) -> Self {
        worker.metrics.opened(direction);
        Self(worker, direction)
    }
}

impl Drop for CountOpen<'_> {
    fn drop(&mut self) {
        self.0.metrics.closed(self.1);
    }
}

/// A panic costs the connection it happened on, and is recorded.
pub(super) struct TellPanic<'w> {
    worker: &'w Worker,
    from: ClientAddr,
}

impl<'w> TellPanic<'w> {
    pub(super) fn new(worker: &'w Worker, from: ClientAddr) -> Self {
        Self { worker, from }
    }
}

impl Drop for TellPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.worker.shared.panicked(self.from);
        }
    }
}
