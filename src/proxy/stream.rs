//! A connection that is carried as bytes: both ways, each chunk looked at before it goes on, until both sides are done or
//! both are silent for too long. One side's end is passed on and the other may go on talking, as TCP has it. Each direction
//! keeps at most one read's worth of bytes, so a slow reader slows its sender down.

use super::deadline::Deadline;
use super::inbox::Scratch;
use super::outbox::Outbox;
use crate::flow::{Evidence, Kind, Reason, Side};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Nothing went either way for `limits.response_body_deadline`.
pub(super) const IDLE: Reason =
    Reason::new("limit-stream-idle", Kind::TooSlow, "nothing went either way on the connection");

/// Looks at every chunk before it goes on.
pub(super) trait Observe {
    /// A chunk of one side's bytes, in the order in which they were sent; never empty.
    ///
    /// # Errors
    /// It does not go on, and nothing does any more, in either direction.
    fn look(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>>;
}

/// Why a connection is cut.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) reason: Reason,
    /// What was found.
    pub(super) evidence: Vec<Evidence>,
    /// Anything else that explains it.
    pub(super) detail: Option<String>,
}

impl Cut {
    /// For this reason alone.
    pub(super) fn new(reason: Reason) -> Box<Self> {
        Box::new(Self { reason, evidence: Vec::new(), detail: None })
    }
}

/// One direction: what was read, looked at, and not yet written.
#[derive(Default)]
pub(super) struct Lane {
    waiting: Outbox,
    /// Bytes that went on, or wait to.
    carried: u64,
    state: Flowing,
}

/// How far a direction has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flowing {
    #[default]
    Open,
    /// Its sender is done; what it sent has not all been written.
    Ending,
    /// Its end was passed on.
    Ended,
}

impl Lane {
    /// Bytes carried, those included that wait to be written.
    pub(super) fn carried(&self) -> u64 {
        self.carried
    }

    /// Takes bytes that were read before.
    pub(super) fn begin(&mut self, side: Side, bytes: &[u8], observer: &mut impl Observe) -> Result<(), Box<Cut>> {
        if !bytes.is_empty() {
            observer.look(side, bytes)?;
            self.waiting.buffer().extend_from_slice(bytes);
            self.carried += bytes.len() as u64;
        }
        Ok(())
    }

    /// Carries what there is; ready when the sender's end was passed on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &Scratch,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        mut look: impl FnMut(&[u8]) -> Result<(), Box<Cut>>,
    ) -> Poll<Result<(), End>> {
        loop {
            ready!(self.waiting.poll_send(cx, to)).map_err(|_| End::Broken)?;
            match self.state {
                Flowing::Ended => return Poll::Ready(Ok(())),
                Flowing::Ending => {
                    // A peer that has gone needs no end.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.state = Flowing::Ended;
                }
                Flowing::Open => {
                    let waiting = self.waiting.buffer();
                    let read = ready!(scratch.poll_read(cx, from, Scratch::BYTES, |bytes| {
                        if !bytes.is_empty() {
                            look(bytes)?;
                            waiting.extend_from_slice(bytes);
                        }
                        Ok(bytes.len())
                    }));
                    match read {
                        Ok(Ok(0)) => self.state = Flowing::Ending,
                        Ok(Ok(count)) => self.carried += count as u64,
                        Ok(Err(cut)) => return Poll::Ready(Err(End::Cut(cut))),
                        Err(_) => return Poll::Ready(Err(End::Broken)),
                    }
                }
            }
        }
    }
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// Both sides were done.
    Over,
    /// One side broke off.
    Broken,
    /// Both were silent for too long.
    Idle,
    /// Something did not go on.
    Cut(Box<Cut>),
}

/// Carries bytes both ways until the connection ends. `up` is what the client sends.
pub(super) async fn carry<A, B>(
    (client, server): (&mut A, &mut B),
    (up, down): (&mut Lane, &mut Lane),
    observer: &mut impl Observe,
    scratch: &Scratch,
    idle: Duration,
) -> End
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut deadline = Deadline::after(idle, IDLE);
    let mut moved = 0;
    poll_fn(|cx| {
        let upward = up.poll(cx, scratch, client, server, |bytes| observer.look(Side::Client, bytes));
        if let Poll::Ready(Err(end)) = upward {
            return Poll::Ready(end);
        }
        let downward = down.poll(cx, scratch, server, client, |bytes| observer.look(Side::Server, bytes));
        match (upward, downward) {
            (_, Poll::Ready(Err(end))) => return Poll::Ready(end),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(End::Over),
            _ => {}
        }
        // What was read, less what still waits, only grows.
        let now = up.carried + down.carried - (up.waiting.len() + down.waiting.len()) as u64;
        if now > moved {
            moved = now;
            deadline.set(idle, IDLE);
        }
        deadline.poll_passed(cx).map(|_| End::Idle)
    })
    .await
}

/// Ends a connection so that its peer cannot take what it got for a whole: a reset.
pub(super) fn reset(socket: &tokio::net::TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// Cuts when a chunk holds this.
    struct Until(&'static [u8]);

    impl Observe for Until {
        fn look(&mut self, _: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
            assert!(!chunk.is_empty());
            let found = !self.0.is_empty() && chunk.windows(self.0.len()).any(|window| window == self.0);
            if found { Err(Cut::new(IDLE)) } else { Ok(()) }
        }
    }

    const WAIT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn one_side_may_go_on_when_the_other_is_done() {
        let (mut client, mut client_end) = duplex(16);
        let (mut server, mut server_end) = duplex(16);
        let (mut up, mut down) = (Lane::default(), Lane::default());
        up.begin(Side::Client, b"early ", &mut Until(b"")).unwrap();
        let talk = async {
            client_end.write_all(b"and late").await.unwrap();
            client_end.shutdown().await.unwrap();
            let mut heard = String::new();
            server_end.read_to_string(&mut heard).await.unwrap();
            assert_eq!(heard, "early and late");
            server_end.write_all(b"the answer").await.unwrap();
            drop(server_end);
            let mut answer = String::new();
            client_end.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "the answer");
        };
        let scratch = Scratch::new();
        let mut observer = Until(b"");
        let carried = carry((&mut client, &mut server), (&mut up, &mut down), &mut observer, &scratch, WAIT);
        let (end, ()) = tokio::join!(carried, talk);
        assert!(matches!(end, End::Over), "{end:?}");
        assert_eq!((up.carried(), down.carried()), (14, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn chunk_that_is_cut_does_not_go_on() {
        let (mut client, mut client_end) = duplex(64);
        let (mut server, mut server_end) = duplex(64);
        let (mut up, mut down) = (Lane::default(), Lane::default());
        client_end.write_all(b"fine").await.unwrap();
        let scratch = Scratch::new();
        let mut observer = Until(b"evil");
        let carried = carry((&mut client, &mut server), (&mut up, &mut down), &mut observer, &scratch, WAIT);
        let talk = async {
            let mut heard = [0; 4];
            server_end.read_exact(&mut heard).await.unwrap();
            server_end.write_all(b"some evil").await.unwrap();
        };
        let (end, ()) = tokio::join!(carried, talk);
        assert!(matches!(end, End::Cut(_)), "{end:?}");
        drop(client);
        let mut rest = Vec::new();
        client_end.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_its_limit() {
        let (mut client, _keep_client) = duplex(16);
        let (mut server, _keep_server) = duplex(16);
        let (mut up, mut down) = (Lane::default(), Lane::default());
        let (scratch, mut observer) = (Scratch::new(), Until(b""));
        let end = carry((&mut client, &mut server), (&mut up, &mut down), &mut observer, &scratch, WAIT).await;
        assert!(matches!(end, End::Idle), "{end:?}");
    }
}
