//! A client's connection under watch: what its frames cost us is counted as they come in, and what the library refuses by
//! itself as it goes out. Also hands over again what was read before it was known to be HTTP/2.
//!
//! The library writes frame by frame; here they are gathered, so that what the streams of one turn have to say goes out in
//! one write, and in one TLS record. And it reads for as long as there is something: here a turn ends, for the other
//! connections of the worker have theirs.

use crate::flow::Reason;
use crate::protocol::http2::PREFACE;
use crate::protocol::http2::flood::{Flood, Limits};
use crate::protocol::http2::frames::Frames;
use crate::proxy::inbox::Inbox;
use crate::proxy::outbox::Outbox;
use crate::proxy::tls::Stream;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// So much is gathered before it goes out in the middle of a turn.
const GATHERED_BYTES: usize = 32 * 1024;
/// So much of a client's frames is read in one turn. Heads that name fields by one byte each take half a millisecond
/// for it.
const TURN_BYTES: usize = 16 * 1024;

/// The connection, as the library holds it.
pub(super) struct Watched(Rc<RefCell<Watching>>);

/// The same connection, as it is looked after.
pub(super) struct Watch(Rc<RefCell<Watching>>);

struct Watching {
    stream: Stream,
    /// Read before.
    early: Inbox,
    out: Outbox,
    /// Whether what is written waits for the turn's end.
    gathers: bool,
    /// Bytes that may still be read in this turn.
    turn: usize,
    incoming: Frames,
    outgoing: Frames,
    flood: Flood,
    limits: Limits,
    since: Instant,
    /// The limit that the client's frames are over.
    over: Option<Reason>,
    /// How writing went wrong at the end of a turn, which the library has not met yet.
    failed: Option<io::ErrorKind>,
    refused: Refused,
}

/// Streams and connections that the library has refused by itself, by their error codes (RFC 9113 §7).
#[derive(Clone, Debug, Default)]
struct Refused {
    codes: Vec<(u32, u32)>,
}

impl Refused {
    /// Notes the code of a frame that tells of an error.
    fn note(&mut self, code: u32) {
        if let Some((_, count)) = self.codes.iter_mut().find(|(known, _)| *known == code) {
            *count += 1;
        } else {
            // The library has 14 codes.
            self.codes.push((code, 1));
        }
    }
}

impl Watched {
    pub(super) fn new(stream: Stream, early: Inbox, limits: Limits) -> (Self, Watch) {
        let watching = Watching {
            stream,
            early,
            out: Outbox::default(),
            gathers: false,
            turn: TURN_BYTES,
            incoming: Frames::after(PREFACE.len()),
            outgoing: Frames::default(),
            flood: Flood::default(),
            limits,
            since: Instant::now(),
            over: None,
            failed: None,
            refused: Refused::default(),
        };
        let shared = Rc::new(RefCell::new(watching));
        (Self(Rc::clone(&shared)), Watch(shared))
    }
}

impl Watch {
    /// The limit that the client's frames are over.
    pub(super) fn over(&self) -> Option<Reason> {
        self.0.borrow().over
    }

    /// What the library has refused, in words.
    pub(super) fn refused(&self) -> Option<String> {
        let refused = &self.0.borrow().refused;
        let one = |(code, count): &(u32, u32)| format!("{count} {:?}", h2::Reason::from(*code));
        (!refused.codes.is_empty()).then(|| refused.codes.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    /// Whether what is written waits for [`Watch::poll_turn`].
    pub(super) fn gather(&self, gathers: bool) {
        self.0.borrow_mut().gathers = gathers;
    }

    /// A stream was opened for a head of the client's.
    pub(super) fn opened(&self) {
        self.0.borrow_mut().flood.opened();
    }

    /// Ends a turn: what was gathered goes out, as far as it is taken; the next turn may read again. When the client takes
    /// no more, this task is woken once it does. `idle` says that nothing more is to come soon.
    pub(super) fn poll_turn(&self, cx: &mut Context<'_>, idle: bool) {
        let mut watching = self.0.borrow_mut();
        let watching = &mut *watching;
        watching.turn = TURN_BYTES;
        watching.over = watching.over.or(watching.flood.settle(watching.since.elapsed(), &watching.limits).err());
        match watching.out.poll_send_keeping(cx, &mut watching.stream) {
            Poll::Ready(Ok(())) if idle => watching.out = Outbox::default(),
            Poll::Ready(Err(error)) => {
                watching.failed = Some(error.kind());
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
    }
}

impl Watching {
    fn came(&mut self, bytes: &[u8]) {
        let Self { incoming, flood, limits, over, since, .. } = self;
        let now = since.elapsed();
        incoming.feed(bytes, |frame| {
            if let Err(reason) = flood.count(frame, now, limits) {
                *over = Some(reason);
            }
        });
    }

    fn went(&mut self, bytes: &[u8]) {
        /// NO_ERROR, INTERNAL_ERROR, CANCEL.
        const OURS: [u32; 3] = [0, 2, 8];
        let Self { outgoing, flood, refused, limits, over, since, .. } = self;
        flood.sent(bytes.len());
        outgoing.feed(bytes, |frame| {
            let Some(code) = frame.code().filter(|code| !OURS.contains(code)) else { return };
            refused.note(code);
            if let Err(reason) = flood.made_us_reset(code, since.elapsed(), limits) {
                *over = Some(reason);
            }
        });
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.over.is_some() {
            // The library is to look at nothing more; whoever polled it looks at the limit next.
            return Poll::Pending;
        }
        if let Some(kind) = self.failed {
            return Poll::Ready(Err(kind.into()));
        }
        if self.turn == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        if !self.early.is_empty() {
            let count = self.early.len().min(into.remaining());
            into.put_slice(self.early.unread().get(..count).unwrap_or_default());
            self.early.consume(count);
        } else {
            ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        }
        let came = into.filled().get(before..).unwrap_or_default();
        self.turn = self.turn.saturating_sub(came.len());
        self.came(came);
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.out.len() >= GATHERED_BYTES {
            ready!(self.out.poll_send_keeping(cx, &mut self.stream))?;
        }
        let taken = bytes.get(..bytes.len().min(GATHERED_BYTES)).unwrap_or_default();
        self.out.buffer().extend_from_slice(taken);
        self.went(taken);
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gathers { Poll::Ready(Ok(())) } else { self.out.poll_send_keeping(cx, &mut self.stream) }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_read(cx, into)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut watching = self.0.borrow_mut();
        let watching = &mut *watching;
        ready!(watching.out.poll_send_keeping(cx, &mut watching.stream))?;
        Pin::new(&mut watching.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http2::flood::CONTROL_RATE;
    use std::future::poll_fn;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    /// A connection of whose client all of this has come.
    async fn came(bytes: &[u8], limits: Limits) -> (Watched, Watch, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        client.write_all(bytes).await.unwrap();
        let mut all = vec![0; bytes.len()];
        while !bytes.is_empty() && accepted.peek(&mut all).await.unwrap() < bytes.len() {
            tokio::task::yield_now().await;
        }
        let (watched, watch) = Watched::new(Stream::Plain(accepted), Inbox::default(), limits);
        (watched, watch, client)
    }

    /// Reads until there is nothing, or the turn is over.
    async fn turn(watched: &mut Watched) -> usize {
        let (mut bytes, mut taken) = ([0; 4096], 0);
        poll_fn(|cx| {
            loop {
                let mut into = ReadBuf::new(&mut bytes);
                match Pin::new(&mut *watched).poll_read(cx, &mut into) {
                    Poll::Ready(read) => read.unwrap(),
                    Poll::Pending => return Poll::Ready(taken),
                }
                taken += into.filled().len();
            }
        })
        .await
    }

    async fn end_turn(watch: &Watch, idle: bool) {
        poll_fn(|cx| {
            watch.poll_turn(cx, idle);
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test]
    async fn hot_connection_ends_its_turn() {
        let limits = Limits { control: u32::MAX, ..Limits::default() };
        let (mut watched, watch, _client) = came(&[0; 2 * TURN_BYTES + 1][..], limits).await;
        assert_eq!(turn(&mut watched).await, TURN_BYTES);
        assert_eq!(turn(&mut watched).await, 0);
        end_turn(&watch, false).await;
        assert_eq!(turn(&mut watched).await, TURN_BYTES);
    }

    #[tokio::test]
    async fn connection_over_a_limit_is_not_read() {
        let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[0; 8]].concat();
        let bytes = [PREFACE, &ping.repeat(1000)].concat();
        let (mut watched, watch, _client) = came(&bytes, Limits { control: 10, ..Limits::default() }).await;
        let taken = turn(&mut watched).await;
        assert!(taken > 0 && taken <= 4096, "{taken}");
        assert_eq!(watch.over(), Some(CONTROL_RATE));
        end_turn(&watch, false).await;
        assert_eq!(turn(&mut watched).await, 0);
    }

    #[tokio::test]
    async fn what_is_written_waits_for_the_end_of_the_turn() {
        let (mut watched, watch, client) = came(b"", Limits::default()).await;
        watch.gather(true);
        watched.write_all(b"one").await.unwrap();
        watched.write_all(b"two").await.unwrap();
        watched.flush().await.unwrap();
        let mut heard = [0; 6];
        assert!(client.try_read(&mut heard).is_err());
        end_turn(&watch, true).await;
        client.readable().await.unwrap();
        assert_eq!(client.try_read(&mut heard).unwrap(), 6);
        assert_eq!(&heard, b"onetwo");
    }
}
