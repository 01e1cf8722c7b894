//! The first bytes of an outbound connection: read from either side until they say what is spoken. What the server says
//! is kept back until the connection is judged; the server is told nothing.

use super::Known;
use crate::engine::egress;
use crate::flow::{Connection, Kind, Reason, Side};
use crate::policy::spoken::NAMED;
use crate::protocol::Malformed;
use crate::protocol::hello::{self, Hello};
use crate::protocol::identify::{Answer, SIGNS, identify};
use crate::proxy::deadline::Deadline;
use crate::proxy::inbox::Scratch;
use crate::proxy::stream::{self, IDLE};
use crate::proxy::upstream::{Unreached, dial};
use crate::proxy::worker::Worker;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The first bytes were begun and do not say what they are in time.
pub(super) const UNDECIDED: Reason =
    Reason::new("egress-undecided", Kind::TooSlow, "the first bytes do not say in time what is spoken");
/// The first message is longer than any that says what is spoken.
pub(super) const LONG: Reason =
    Reason::new("egress-opening-long", Kind::TooLarge, "the first message is longer than is looked at");

/// Bytes of one side that are kept to find out what is spoken: a ClientHello cut into small records is the longest.
const MOST_BYTES: usize = 64 << 10;

/// What opens a connection, as far as it is told by its first bytes.
#[derive(Debug, Default)]
pub(super) struct Opened {
    pub(super) protocol: Option<&'static str>,
    hello: Option<Hello>,
    /// Of SSH, the line that says who speaks which version; else empty.
    banner: Vec<u8>,
    /// The side whose bytes said so.
    pub(super) by: Option<Side>,
}

/// The first line, as far as a banner of SSH goes (RFC 4253 §4.2).
fn banner(said: &[u8]) -> Vec<u8> {
    let line = said.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    line.get(..line.len().min(255)).unwrap_or_default().to_vec()
}

/// Why a connection ended before anything was known of it.
pub(super) enum End {
    /// Its client left.
    Left,
    Unreached(Unreached),
    Refused(Reason),
}

/// A connection that has not said yet what it is.
pub(super) struct Opening<'w> {
    worker: &'w Worker,
    to: SocketAddr,
    client: TcpStream,
    server: Option<TcpStream>,
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    /// Whether a side has sent its end.
    client_done: bool,
    server_done: bool,
    spoken: Vec<&'static str>,
    deadline: Deadline,
}

/// What HTTP is called in ALPN.
const HTTP: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

impl Opened {
    /// What a rule would have to grant: a host and the word for what is spoken. Nothing where no rule for a connection as a
    /// whole should: it is judged message by message, or says no name.
    pub(super) fn to_learn(&self, connection: &Connection) -> Option<(String, &'static str)> {
        let led = || connection.names.iter().next().map_or_else(|| connection.to.host(), |name| name.asked.to_string());
        match (self.protocol, &self.hello) {
            (Some("tls"), Some(hello)) => {
                let name = hello.server_name.as_ref().filter(|_| !hello.hidden)?;
                let only_http = hello.protocols.iter().all(|offer| HTTP.contains(&offer.as_str()));
                let word = if only_http { "https" } else { "tls" };
                connection.names.lead(name, |_| true).then(|| (name.clone(), word))
            }
            (Some("tls"), None) => None,
            (Some(protocol), _) => NAMED.contains(&protocol).then(|| (led(), protocol)),
            (None, _) => Some((led(), "tcp")),
        }
    }

    pub(super) fn opening(&self) -> egress::Opening<'_> {
        egress::Opening { protocol: self.protocol, hello: self.hello.as_ref(), banner: &self.banner }
    }
}

impl<'w> Opening<'w> {
    /// `spoken` is what is granted there; nothing when nothing is acted on.
    pub(super) fn new(
        worker: &'w Worker,
        connection: &Connection,
        client: TcpStream,
        spoken: Vec<&'static str>,
    ) -> Self {
        let deadline = Deadline::after(worker.limits().upgraded_idle, IDLE);
        let (from_client, from_server) = (Vec::new(), Vec::new());
        let to = connection.to.0;
        let (client_done, server_done) = (false, false);
        Self { worker, to, client, server: None, from_client, from_server, client_done, server_done, spoken, deadline }
    }

    /// Reads until it is clear what is spoken, or that nobody knows it.
    pub(super) async fn open(mut self) -> Result<Known, End> {
        if self.server_may_speak_first() {
            self.server = Some(dial(self.worker, self.to).await.map_err(End::Unreached)?);
        }
        let mut begun = false;
        let opened = loop {
            if let Some(opened) = self.decided().map_err(End::Refused)? {
                break opened;
            }
            if self.client_done && self.from_client.is_empty() {
                return Err(End::Left);
            }
            let heard = !self.from_client.is_empty() || !self.from_server.is_empty();
            if heard && !begun {
                begun = true;
                self.deadline.set(self.worker.limits().header, UNDECIDED);
            }
            match poll_fn(|cx| self.poll_more(cx)).await {
                Ok(()) => {}
                Err(reason) if reason == UNDECIDED && self.may_be_unknown() => break Opened::default(),
                Err(reason) => return Err(End::Refused(reason)),
            }
        };
        let Self { client, server, from_client, from_server, .. } = self;
        Ok(Known { client, server, from_client, from_server, opened })
    }

    /// Whether the destination is connected to before the client has said a word.
    fn server_may_speak_first(&self) -> bool {
        let speaks = |name: &&str| SIGNS.iter().any(|sign| sign.side == Side::Server && sign.protocol == *name);
        self.spoken.is_empty() || self.spoken.iter().any(|name| *name == "tcp" || speaks(name))
    }

    /// Whether what nobody recognises can be carried: then the first bytes go on, and what follows is looked at as it comes.
    fn may_be_unknown(&self) -> bool {
        self.spoken.is_empty()
            || self.spoken.contains(&"tcp") && !self.spoken.iter().any(|name| matches!(*name, "http" | "postgres"))
    }

    /// What is spoken, once it is clear.
    fn decided(&self) -> Result<Option<Opened>, Reason> {
        let told = |side, protocol| {
            let said = if side == Side::Client { &self.from_client } else { &self.from_server };
            let banner = if protocol == "ssh" { banner(said) } else { Vec::new() };
            Opened { protocol: Some(protocol), hello: None, banner, by: Some(side) }
        };
        match identify(Side::Client, &self.from_client) {
            Answer::Is(sign) if sign.protocol == "tls" => return self.hello(),
            Answer::Is(sign) => return Ok(Some(told(Side::Client, sign.protocol))),
            Answer::Unknown => return Ok(Some(Opened { by: Some(Side::Client), ..Opened::default() })),
            Answer::NeedMore if self.client_done && !self.from_client.is_empty() => {
                return Ok(Some(Opened { by: Some(Side::Client), ..Opened::default() }));
            }
            Answer::NeedMore if self.from_client.len() >= MOST_BYTES => return Err(LONG),
            Answer::NeedMore => {}
        }
        // What a client has begun to say, it says to its end: a server's greeting does not hide it.
        if !self.from_client.is_empty() || self.from_server.is_empty() {
            return Ok(None);
        }
        match identify(Side::Server, &self.from_server) {
            Answer::Is(sign) => Ok(Some(told(Side::Server, sign.protocol))),
            Answer::NeedMore if !self.server_done && self.from_server.len() < MOST_BYTES => Ok(None),
            Answer::Unknown | Answer::NeedMore => Ok(Some(Opened { by: Some(Side::Server), ..Opened::default() })),
        }
    }

    fn hello(&self) -> Result<Option<Opened>, Reason> {
        let (protocol, by) = (Some("tls"), Some(Side::Client));
        match hello::read(&self.from_client) {
            Ok(Some(hello)) => Ok(Some(Opened { protocol, hello: Some(hello), banner: Vec::new(), by })),
            Ok(None) if self.from_client.len() >= MOST_BYTES => Err(hello::TOO_LONG),
            Ok(None) if self.client_done => Err(hello::NO_HELLO),
            Ok(None) => Ok(None),
            Err(Malformed { why, .. }) => Err(why),
        }
    }

    /// Ready when either side has said more, or is done.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let Self { worker, client, server, from_client, from_server, client_done, server_done, .. } = self;
        let mut more = false;
        if !*client_done {
            more |= poll_append(cx, &worker.scratch, client, from_client, client_done);
        }
        if let Some(server) = server.as_mut().filter(|_| !*server_done && from_server.len() < MOST_BYTES) {
            more |= poll_append(cx, &worker.scratch, server, from_server, server_done);
        }
        match more {
            true => Poll::Ready(Ok(())),
            false => self.deadline.poll_passed(cx).map(Err),
        }
    }
}

/// Whether there was anything to read, an end included.
fn poll_append(
    cx: &mut Context<'_>,
    scratch: &Scratch,
    from: &mut TcpStream,
    into: &mut Vec<u8>,
    done: &mut bool,
) -> bool {
    let had = into.len();
    match scratch.poll_read(cx, from, MOST_BYTES.saturating_sub(had), |bytes| into.extend_from_slice(bytes)) {
        Poll::Pending => false,
        Poll::Ready(read) => {
            // Nothing, or an error: either way no more comes.
            *done = read.is_err() || into.len() == had;
            true
        }
    }
}

/// For the last words of a refused connection.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A fatal alert, access_denied (RFC 8446 §6.2).
const ACCESS_DENIED: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];

/// Ends a connection that is not granted: in TLS with an alert, else with a reset.
pub(super) async fn refuse(mut known: Known) {
    if known.opened.protocol != Some("tls") {
        // Where it cannot be made the connection is closed all the same.
        return drop(stream::reset(&known.client));
    }
    let last = async {
        known.client.write_all(&ACCESS_DENIED).await?;
        known.client.shutdown().await?;
        // What the client has sent is read to its end: a reset would overtake the alert.
        tokio::io::copy(&mut known.client, &mut tokio::io::sink()).await?;
        io::Result::Ok(())
    };
    // Whether the client listened changes nothing.
    let _ = tokio::time::timeout(LAST_WORDS, last).await;
}
