//! Session tickets whose chain is verified before rustls restores it. A ticket that is none any more (its chain has
//! ended, or cannot be read) counts as unknown: the client falls back to a full handshake with the certificate it has
//! by then, instead of being refused for the one it had.
//!
//! The chain is found in rustls' own encoding of a session (`ServerSessionValue`), which is no stable format: should it
//! change, nothing is resumed, and the test of resumption fails.

use super::trust::{Role, Trust};
use nom::bytes::complete::tag;
use nom::combinator::{all_consuming, map};
use nom::multi::{length_data, many1};
use nom::number::complete::{be_u8, be_u16, be_u24};
use nom::sequence::preceded;
use nom::{IResult, Parser as _};
use rustls::pki_types::CertificateDer;
use rustls::server::ProducesTickets;
use std::sync::Arc;
use std::time::SystemTime;

/// Encrypts with keys of its own; believes only chains that `trust` still verifies.
#[derive(Debug)]
pub(super) struct Tickets {
    keys: Arc<dyn ProducesTickets>,
    trust: Arc<Trust>,
}

impl Tickets {
    pub(super) fn new(keys: Arc<dyn ProducesTickets>, trust: Arc<Trust>) -> Self {
        Self { keys, trust }
    }

    fn believes(&self, session: &[u8]) -> bool {
        let Ok((_, chain)) = chain(session) else { return false };
        let Some((leaf, others)) = chain.split_first() else { return false };
        self.trust.verify(leaf, others, Role::Client, SystemTime::now()).is_ok()
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.keys.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.keys.lifetime()
    }

    fn encrypt(&self, session: &[u8]) -> Option<Vec<u8>> {
        self.keys.encrypt(session)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.keys.decrypt(ticket).filter(|session| self.believes(session))
    }
}

/// Server name (optional), version, suite, secret, extended master secret, then the chain (optional).
fn chain(session: &[u8]) -> IResult<&[u8], Vec<CertificateDer<'_>>> {
    let name = map(preceded(tag(&[1][..]), length_data(be_u8)), |_| ()).or(map(tag(&[0][..]), |_| ()));
    let before = (name, be_u16, be_u16, length_data(be_u8), be_u8, tag(&[1][..]));
    let (rest, list) = preceded(before, length_data(be_u24)).parse(session)?;
    let certificate = map(length_data(be_u24), CertificateDer::from);
    let (_, chain) = all_consuming(many1(certificate)).parse(list)?;
    Ok((rest, chain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::dev::{Authority, Order};
    use crate::identity::trust::Ends;
    use crate::identity::{Limits, provider};
    use rustls::RootCertStore;
    use rustls::crypto::aws_lc_rs::Ticketer;
    use rustls::pki_types::pem::PemObject;
    use std::time::Duration;

    fn session(name: &[u8], chain: &[CertificateDer<'_>]) -> Vec<u8> {
        let mut list = Vec::new();
        for certificate in chain {
            list.extend_from_slice(&u32::try_from(certificate.len()).unwrap().to_be_bytes()[1..]);
            list.extend_from_slice(certificate);
        }
        let mut session = name.to_vec();
        session.extend_from_slice(&[3, 4, 0x13, 2, 2, 7, 7, 1, 1]);
        session.extend_from_slice(&u32::try_from(list.len()).unwrap().to_be_bytes()[1..]);
        session.extend_from_slice(&list);
        session.extend_from_slice(b"and so on");
        session
    }

    fn world() -> (Authority, Tickets) {
        let end = SystemTime::now() + Duration::from_secs(3600);
        let root = Authority::new("cluster.test", end).unwrap();
        let provider = provider();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(root.certificate_pem().as_bytes()).unwrap()).unwrap();
        let mut trust = Trust::new(Limits::default(), &provider);
        trust.add("cluster.test", roots, Ends::at(end), &provider).unwrap();
        (root, Tickets::new(Ticketer::new().unwrap(), Arc::new(trust)))
    }

    fn believed(tickets: &Tickets, session: &[u8]) -> bool {
        let ticket = tickets.encrypt(session).unwrap();
        match tickets.decrypt(&ticket) {
            Some(found) => found == session,
            None => false,
        }
    }

    #[test]
    fn a_valid_chain_is_believed_with_and_without_a_name() {
        let (root, tickets) = world();
        let order = Order::workload(&root.id("a", "b").unwrap());
        let short = root.issue(&order).unwrap().chain;
        let long = root.intermediate().unwrap().issue(&order).unwrap().chain;
        for name in [&[0][..], b"\x01\x09localhost"] {
            assert!(believed(&tickets, &session(name, &short)));
            assert!(believed(&tickets, &session(name, &long)));
        }
    }

    #[test]
    fn an_ended_chain_counts_as_unknown() {
        let (root, tickets) = world();
        let ended = Order::workload(&root.id("a", "b").unwrap()).until(SystemTime::now() - Duration::from_secs(2));
        assert!(!believed(&tickets, &session(&[0], &root.issue(&ended).unwrap().chain)));
    }

    #[test]
    fn what_cannot_be_read_counts_as_unknown() {
        let (root, tickets) = world();
        let chain = root.issue(&Order::workload(&root.id("a", "b").unwrap())).unwrap().chain;
        let whole = session(&[0], &chain);
        for end in 0..whole.len() - b"and so on".len() {
            assert!(!believed(&tickets, &whole[..end]), "{end}");
        }
        assert!(!believed(&tickets, &session(&[2], &chain)));
        assert!(!believed(&tickets, &session(&[0], &[])));
    }
}
