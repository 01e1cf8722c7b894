//! Questions over UDP: what can be answered at once is, what must wait does so in a task of its own.

use super::Resolver;
use super::lookup::{Step, Transport};
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::net::UdpSocket;
use tokio::sync::watch;

/// The longest question: a name, an OPT record with a few options.
const LONGEST: usize = 4096;
/// Questions taken in a row before others have their turn.
const AT_ONCE: usize = 32;

/// Serves a socket until the sidecar is told to stop.
pub(super) async fn serve(
    resolver: Rc<Resolver>,
    to: SocketAddr,
    socket: Rc<UdpSocket>,
    mut stop: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; LONGEST];
    loop {
        let received = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        // An error is about an answer that somebody did not take; the next question may come all the same.
        let Ok((length, from)) = received else { continue };
        take(&resolver, &socket, buffer.get(..length).unwrap_or_default(), from, to);
        // What else has come already needs no waiting.
        for _ in 0..AT_ONCE {
            let Ok((length, from)) = socket.try_recv_from(&mut buffer) else { break };
            take(&resolver, &socket, buffer.get(..length).unwrap_or_default(), from, to);
        }
    }
}

fn take(resolver: &Rc<Resolver>, socket: &Rc<UdpSocket>, message: &[u8], from: SocketAddr, to: SocketAddr) {
    match resolver.begin(message, from, to, Transport::Udp) {
        Step::Drop => {}
        Step::Answer(answer) => send(socket, &answer, from),
        Step::Wait(pending) => {
            let socket = socket.clone();
            tokio::task::spawn_local(async move {
                let answer = pending.answer().await;
                send(&socket, &answer, from);
            });
        }
    }
}

/// A client that does not take its answer asks again; nobody waits for it.
fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    let _ = socket.try_send_to(answer, to);
}
