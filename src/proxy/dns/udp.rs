//! Questions over UDP: what can be answered at once is, what must wait does so in a task of its own.

use super::Resolver;
use super::lookup::{Step, Transport};
use super::watched::Watched;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::sync::watch;

/// The longest question: a name, an OPT record with a few options.
const LONGEST: usize = 4096;
/// Questions taken in a row before others have their turn.
const AT_ONCE: usize = 32;

/// Serves a socket until the sidecar is told to stop.
pub(super) async fn serve(
    resolver: Rc<Resolver>,
    to: SocketAddr,
    socket: Rc<Watched>,
    mut stop: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; LONGEST];
    let stopped = stop.wait_for(|stop| *stop);
    tokio::pin!(stopped);
    loop {
        let taken = tokio::select! {
            biased;
            _ = &mut stopped => return,
            taken = socket.take(&mut buffer, AT_ONCE, |message, from| take(&resolver, &socket, message, from, to)) => taken,
        };
        match taken {
            Ok(AT_ONCE) => tokio::task::yield_now().await,
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn take(resolver: &Rc<Resolver>, socket: &Rc<Watched>, message: &[u8], from: SocketAddr, to: SocketAddr) {
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
fn send(socket: &Watched, answer: &[u8], to: SocketAddr) {
    let _ = socket.send_to(answer, to);
}
