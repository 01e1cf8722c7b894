//! An inbound port that is declared to speak what nobody takes apart (`protocol: tcp`): granted once, as a whole, carried
//! as bytes, overheard chunk by chunk. A shell that the application opens to its caller ends with its first output.

use super::egress::tell;
use super::settings::Port;
use super::stream::{self, Cut, End, Lane, Observe};
use super::tls::{Handshake, Stream};
use super::upstream;
use super::worker::Worker;
use crate::behave::stream::Way;
use crate::engine::{Engine, Overheard};
use crate::flow::{Connection, Judgement, Kind, Mode, Proof, Reason, Side};
use crate::identity::Alpn;
use crate::policy::spoken::JUDGED;
use crate::protocol::identify::{Answer, identify};
use rustls::pki_types::CertificateDer;
use std::time::SystemTime;

/// What is judged message by message is not carried as bytes.
const JUDGED_APART: Reason =
    Reason::new("tcp-protocol", Kind::Policy, "a protocol with rules of its own is spoken on a port of bytes");
/// The upstream is to prove a name, and none is configured.
const NO_NAME: Reason =
    Reason::new("upstream-tcp-name", Kind::Ours, "the upstream is to prove a name, and none is configured");
/// Bytes of a client that are kept while it is not clear what it speaks.
const MOST_BYTES: usize = 8 << 10;

/// Serves a connection to its end.
pub(super) async fn serve(
    worker: &Worker,
    mut client: Stream,
    connection: Connection,
    handshake: Option<Handshake>,
    port: Port,
) {
    let Some(granted) = tell::admit(worker, &connection) else { return };
    let target = port.target(connection.to, || None, &Proof::Unasked, &worker.shared.settings.roots);
    let Some(target) = target else { return tell::failed(worker, &connection, NO_NAME) };
    let mut server = match upstream::connect(worker, &target, Alpn::default()).await {
        Ok(connected) => connected.stream,
        Err(unreached) => return tell::unreached(worker, &connection, unreached),
    };
    let chain = client.peer_chain().to_vec();
    let generation = worker.engine().revision().generation;
    let mut observers = Observers {
        worker,
        connection: &connection,
        mode: granted.mode,
        handshake,
        chain,
        generation,
        heard: Some(Vec::new()),
        overheard: Overheard::default(),
    };
    let (mut up, mut down) = (Lane::default(), Lane::default());
    let idle = worker.limits().upgraded_idle;
    let lanes = (&mut up, &mut down);
    let end: End = stream::carry((&mut client, &mut server), lanes, &mut observers, &worker.scratch, idle).await;
    tell::ended(worker, &connection, &granted, (up.carried(), down.carried()), &end);
}

/// What looks at each chunk before it goes on.
struct Observers<'w> {
    worker: &'w Worker,
    connection: &'w Connection,
    /// What is done with verdicts.
    mode: Mode,
    handshake: Option<Handshake>,
    chain: Vec<CertificateDer<'static>>,
    generation: u64,
    /// What the client has said so far; nothing once it is clear what it speaks.
    heard: Option<Vec<u8>>,
    overheard: Overheard,
}

impl Observe for Observers<'_> {
    fn look(&mut self, side: Side, chunk: &[u8]) -> Result<(), Box<Cut>> {
        self.still_granted()?;
        if side == Side::Client {
            self.first_words(chunk)?;
        }
        let way = if side == Side::Client { Way::In } else { Way::Out };
        let (worker, connection, mode) = (self.worker, self.connection, self.mode);
        let overheard = &mut self.overheard;
        let judgement = worker.judging(connection, |scene| {
            let engine: &Engine = &worker.engine();
            overheard.look(engine, scene, || mode, (way, chunk))
        });
        judgement.map_or(Ok(()), |judgement: Judgement| tell::overheard(worker, connection, judgement))
    }
}

impl Observers<'_> {
    /// Trust and grants end when they end.
    fn still_granted(&mut self) -> Result<(), Box<Cut>> {
        let now = SystemTime::now();
        let welcome = self.worker.still_welcomes(self.connection, now);
        let trusted = welcome.and_then(|()| self.worker.still_trusts(&mut self.handshake, &self.chain, now));
        trusted.map_err(|(reason, _)| Cut::new(reason))?;
        let generation = self.worker.engine().revision().generation;
        if generation == self.generation {
            return Ok(());
        }
        self.generation = generation;
        tell::still_admits(self.worker, self.connection)
    }

    /// What is judged message by message never passes as something else.
    fn first_words(&mut self, chunk: &[u8]) -> Result<(), Box<Cut>> {
        let Some(heard) = &mut self.heard else { return Ok(()) };
        heard.extend_from_slice(chunk.get(..chunk.len().min(MOST_BYTES)).unwrap_or_default());
        match identify(Side::Client, heard) {
            Answer::NeedMore if heard.len() < MOST_BYTES => return Ok(()),
            Answer::Is(sign) if JUDGED.contains(&sign.protocol) && self.mode == Mode::Enforce => {
                let detail = Some(format!("{} on a port declared to speak tcp", sign.protocol));
                return Err(Box::new(Cut { reason: JUDGED_APART, evidence: Vec::new(), detail }));
            }
            Answer::Is(_) | Answer::Unknown | Answer::NeedMore => {}
        }
        self.heard = None;
        Ok(())
    }
}
