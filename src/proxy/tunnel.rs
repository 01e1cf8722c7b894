//! An upgraded connection: bytes go both ways until one side is done, or both are silent for too long. Each direction
//! keeps at most one read's worth of bytes, so a slow reader slows its sender down.

use super::deadline::Deadline;
use super::inbox::Scratch;
use super::outbox::Outbox;
use crate::flow::{Kind, Reason};
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// Nothing went either way for `limits.upgraded_idle`.
pub(super) const UPGRADED_IDLE: Reason =
    Reason::new("limit-upgraded-idle", Kind::TooSlow, "nothing went either way on the upgraded connection");

/// What one direction lets through.
pub(super) trait Gate {
    /// Appends to `out` what may go on of what came.
    ///
    /// # Errors
    /// When nothing may go on any more, in either direction.
    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Shut>;
}

/// A gate has shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut;

/// Why an upgraded connection ended, where neither side has ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Silence.
    Idle(Reason),
    /// What was to go on may not.
    Shut,
}

/// One direction: what was read and not yet written.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) waiting: Outbox,
    done: bool,
    /// Bytes carried.
    pub(super) carried: u64,
}

impl Lane {
    /// Carries what there is; ready when the sender is done. Counts in `moved` what it carried.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &Scratch,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        gate: &mut impl Gate,
    ) -> Poll<Result<io::Result<()>, Shut>> {
        loop {
            if let Err(error) = ready!(self.waiting.poll_send(cx, to)) {
                return Poll::Ready(Ok(Err(error)));
            }
            if self.done {
                return Poll::Ready(Ok(Ok(())));
            }
            let (buffer, carried) = (self.waiting.buffer(), &mut self.carried);
            let read = ready!(scratch.poll_read(cx, from, Scratch::BYTES, |bytes| {
                let before = buffer.len();
                let passed = gate.pass(bytes, buffer);
                *carried += (buffer.len() - before) as u64;
                passed.map(|()| bytes.len())
            }));
            match read {
                Ok(Ok(count)) => self.done = count == 0,
                Ok(Err(shut)) => return Poll::Ready(Err(shut)),
                Err(error) => return Poll::Ready(Ok(Err(error))),
            }
        }
    }

    /// Takes what was read before the upgrade.
    pub(super) fn begin(&mut self, bytes: &[u8], gate: &mut impl Gate) -> Result<(), Shut> {
        let passed = gate.pass(bytes, self.waiting.buffer());
        self.carried += self.waiting.buffer().len() as u64;
        passed
    }
}

/// Carries bytes both ways until one side is done and what it sent has been passed on.
///
/// # Errors
/// [`UPGRADED_IDLE`], or a gate that has shut. A side that breaks off is an end like any other: the other side is told by
/// the close.
pub(super) async fn carry<A, B>(
    client: &mut A,
    server: &mut B,
    (up, up_gate): (&mut Lane, &mut impl Gate),
    (down, down_gate): (&mut Lane, &mut impl Gate),
    scratch: &Scratch,
    idle: Duration,
) -> Result<(), Ended>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let mut deadline = Deadline::after(idle, UPGRADED_IDLE);
    poll_fn(|cx| {
        let before = up.carried + down.carried;
        let upward = up.poll(cx, scratch, client, server, up_gate);
        let downward = down.poll(cx, scratch, server, client, down_gate);
        if matches!(upward, Poll::Ready(Err(Shut))) || matches!(downward, Poll::Ready(Err(Shut))) {
            return Poll::Ready(Err(Ended::Shut));
        }
        if upward.is_ready() || downward.is_ready() {
            return Poll::Ready(Ok(()));
        }
        if up.carried + down.carried > before {
            deadline.set(idle, UPGRADED_IDLE);
        }
        deadline.poll_passed(cx).map(|reason| Err(Ended::Idle(reason)))
    })
    .await
}

/// Says that we are done, and waits until the other side is: a stream that is dropped before is reset, and what was said
/// last may be lost with it.
pub(super) async fn end(socket: &mut (impl AsyncRead + AsyncWrite + Unpin), scratch: &Scratch) -> io::Result<()> {
    socket.shutdown().await?;
    while poll_fn(|cx| scratch.poll_read(cx, socket, Scratch::BYTES, <[u8]>::len)).await? > 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// Lets everything through.
    struct Open;

    impl Gate for Open {
        fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Shut> {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_go_both_ways_until_one_side_is_done() {
        let (mut client, mut client_end) = duplex(16);
        let (mut server, mut server_end) = duplex(16);
        let scratch = Scratch::new();
        let (mut up, mut down) = (Lane::default(), Lane::default());
        up.begin(b"early", &mut Open).unwrap();
        let talk = async {
            let mut heard = [0; 9];
            client_end.write_all(b"late").await.unwrap();
            server_end.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"earlylate");
            server_end.write_all(b"answer").await.unwrap();
            drop(server_end);
            let mut answer = [0; 6];
            client_end.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"answer");
        };
        let wait = Duration::from_secs(1);
        let (mut there, mut back) = (Open, Open);
        let (ended, ()) = tokio::join!(
            carry(&mut client, &mut server, (&mut up, &mut there), (&mut down, &mut back), &scratch, wait),
            talk
        );
        assert_eq!(ended, Ok(()));
        assert_eq!((up.carried, down.carried), (9, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_at_its_limit() {
        let (mut client, _keep_client) = duplex(16);
        let (mut server, _keep_server) = duplex(16);
        let (mut up, mut down) = (Lane::default(), Lane::default());
        let wait = Duration::from_secs(1);
        let ended =
            carry(&mut client, &mut server, (&mut up, &mut Open), (&mut down, &mut Open), &Scratch::new(), wait).await;
        assert_eq!(ended, Err(Ended::Idle(UPGRADED_IDLE)));
    }
}
