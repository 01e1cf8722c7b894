//! Questions over TCP (RFC 7766): each with its length before it, as many in a row as a client likes, answered in the
//! order in which they are ready.

use super::Resolver;
use super::lookup::{Step, Transport};
use crate::protocol::dns::tcp;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Without a question (RFC 7766 §6.2.3), and for a client to take an answer.
const IDLE: Duration = Duration::from_secs(10);
/// After an accept that failed for want of something, before the next.
const BREATH: Duration = Duration::from_millis(50);
/// Answers that wait for a client to take them. A client that asks on is not read from until it does.
const PIPELINED: usize = 64;
/// Bytes of one question with its length; a longer one ends the connection.
const LONGEST: usize = 4096;

/// Accepts until the sidecar is told to stop.
pub(super) async fn serve(
    resolver: Rc<Resolver>,
    to: SocketAddr,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, from)) = accepted else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        let inside = resolver.worker.shared.door.enter(resolver.worker.limits());
        if inside.refused.is_none() {
            let resolver = resolver.clone();
            tokio::task::spawn_local(async move {
                talk(&resolver, stream, from, to).await;
                drop(inside);
            });
        }
    }
}

async fn talk(resolver: &Rc<Resolver>, stream: TcpStream, from: SocketAddr, to: SocketAddr) {
    // Without it small answers wait for acknowledgements; the connection works all the same.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (answers, ready) = mpsc::channel(PIPELINED);
    let writing = tokio::task::spawn_local(write(writer, ready));
    read(resolver, reader, from, to, &answers).await;
    drop(answers);
    // Answers still awaited hold the channel open until they are written, or the client takes no more.
    let _ = writing.await;
}

async fn read(
    resolver: &Rc<Resolver>,
    mut reader: OwnedReadHalf,
    from: SocketAddr,
    to: SocketAddr,
    answers: &mpsc::Sender<Vec<u8>>,
) {
    let mut buffer = Vec::with_capacity(512);
    while let Ok(Ok(1..)) = timeout(IDLE, reader.read_buf(&mut buffer)).await {
        while let Some((message, used)) = tcp::message(&buffer) {
            // A place in the queue first: whoever takes no answers is not asked for questions.
            let Ok(place) = answers.clone().reserve_owned().await else { return };
            match resolver.begin(message, from, to, Transport::Tcp) {
                Step::Drop => return,
                Step::Answer(answer) => drop(place.send(answer)),
                Step::Wait(pending) => drop(tokio::task::spawn_local(async move {
                    let answer = pending.answer().await;
                    place.send(answer);
                })),
            }
            buffer.drain(..used);
        }
        if buffer.len() >= LONGEST {
            return;
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut ready: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = ready.recv().await {
        let mut framed = Vec::with_capacity(answer.len() + 2);
        tcp::emit(&mut framed, |out| out.extend_from_slice(&answer));
        if !matches!(timeout(IDLE, writer.write_all(&framed)).await, Ok(Ok(()))) {
            return;
        }
    }
}
