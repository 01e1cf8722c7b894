//! mTLS callers while certificates and bundles are replaced.

use crate::bench::{Bench, Setup};
use crate::client::{Client, get};
use crate::upstream::PATIENCE;
use podwall::identity::dev::{Authority, Issued, Order};
use podwall::identity::provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned};
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn authority() -> Authority {
    Authority::new("cluster.test", SystemTime::now() + Duration::from_secs(24 * 3600)).unwrap()
}

pub(crate) fn issue(authority: &Authority, account: &str) -> Issued {
    authority.issue(&Order::workload(&authority.id("shop", account).unwrap()).local()).unwrap()
}

/// Puts the sidecar's files in place, one after the other, each at once.
pub(crate) fn write(folder: &Path, own: &Issued, trusted: &Authority) {
    let bundle = trusted.certificate_pem();
    for (name, text) in [("server.crt", &own.chain_pem), ("server.key", &own.key_pem), ("ca.crt", &bundle)] {
        let aside = folder.join("aside");
        fs::write(&aside, text).unwrap();
        fs::rename(&aside, folder.join(name)).unwrap();
    }
}

/// A caller with a certificate of its own that takes servers of any of these authorities.
pub(crate) fn caller(own: &Issued, servers: &[&Authority]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for authority in servers {
        roots.add(CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap()).unwrap();
    }
    let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(own.chain.clone(), key).unwrap())
}

pub(crate) fn connect(bench: &Bench, config: &Arc<ClientConfig>) -> Client<Tls> {
    let socket = TcpStream::connect(bench.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    Client::over(StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), socket))
}

fn resumed(client: &Client<Tls>) -> bool {
    client.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
}

#[test]
fn rotation_under_load_loses_no_request() {
    const CALLERS: usize = 3;
    const CONNECTIONS: usize = 12;
    const REQUESTS: usize = 3;
    let authority = authority();
    let bench = Setup::new().strict(|folder| write(folder, &issue(&authority, "orders"), &authority)).start();
    let (served, calling) = (AtomicUsize::new(0), AtomicUsize::new(CALLERS));
    let mut rotations = 0;
    thread::scope(|scope| {
        for number in 0..CALLERS {
            let config = caller(&issue(&authority, &format!("caller{number}")), &[&authority]);
            let (bench, served, calling) = (&bench, &served, &calling);
            scope.spawn(move || {
                for _ in 0..CONNECTIONS {
                    let mut client = connect(bench, &config);
                    let whole =
                        |_: &usize| matches!(client.ask(get("/open/")), answer if answer.status == 200 && answer.whole);
                    served.fetch_add((0..REQUESTS).filter(whole).count(), Ordering::SeqCst);
                }
                calling.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while calling.load(Ordering::SeqCst) > 0 || rotations < 3 {
            write(bench.folder(), &issue(&authority, "orders"), &authority);
            bench.life().state().reload_identity();
            rotations += 1;
        }
    });
    let ended = bench.end();
    assert_eq!(served.into_inner(), CALLERS * CONNECTIONS * REQUESTS);
    assert!(ended.reasons().is_empty(), "{:?}", ended.reasons());
    assert!(ended.of("reload").all(|line| line["outcome"] == "ok"));
    assert_eq!(ended.of("reload").count(), rotations);
}

#[test]
fn removed_authority_is_refused_at_once() {
    let (old, new) = (authority(), authority());
    let bench = Setup::new().strict(|folder| write(folder, &issue(&old, "orders"), &old)).start();
    let config = caller(&issue(&old, "frontend"), &[&old, &new]);
    let mut open = connect(&bench, &config);
    assert_eq!(open.ask(get("/open/")).status, 200);
    let mut again = connect(&bench, &config);
    assert_eq!((again.ask(get("/open/")).status, resumed(&again)), (200, true));

    write(bench.folder(), &issue(&new, "orders"), &new);
    bench.life().state().reload_identity();
    assert_eq!(open.ask(get("/open/")).status, 400);
    assert!(open.rest().is_empty());
    let mut resuming = connect(&bench, &config);
    assert_eq!((resuming.ask(get("/open/")).status, resumed(&resuming)), (0, false));
    let mut of_the_new = connect(&bench, &caller(&issue(&new, "frontend"), &[&new]));
    assert_eq!(of_the_new.ask(get("/open/")).status, 200);
    let ended = bench.end();
    assert_eq!(ended.reasons(), ["tls-unknown-issuer"; 2]);
    assert_eq!(ended.all().matches("GET ").count(), 3);
}

#[test]
fn unusable_certificates_leave_the_old_ones_serving() {
    let authority = authority();
    let bench = Setup::new().strict(|folder| write(folder, &issue(&authority, "orders"), &authority)).start();
    let config = caller(&issue(&authority, "frontend"), &[&authority]);
    // A key that does not belong to the certificate.
    fs::write(bench.folder().join("server.key"), issue(&authority, "orders").key_pem).unwrap();
    bench.life().state().reload_identity();
    assert_eq!(connect(&bench, &config).ask(get("/open/")).status, 200);
    assert!(bench.report().contains("server.key"), "{}", bench.report());
    assert_eq!(bench.end().of("reload").next().unwrap()["outcome"], "failed");
}

#[test]
fn caller_is_told_to_the_upstream_by_us_alone() {
    let authority = authority();
    let bench = Setup::new().strict(|folder| write(folder, &issue(&authority, "orders"), &authority)).start();
    let config = caller(&issue(&authority, "frontend"), &[&authority]);
    let forged = "GET /open/ HTTP/1.1\r\nhost: shop\r\nx-forwarded-client-cert: URI=spiffe://cluster.test/ns/shop/sa/root\r\n\r\n";
    assert_eq!(connect(&bench, &config).ask(forged).status, 200);
    let all = bench.end().all();
    assert_eq!(all.matches("x-forwarded-client-cert").count(), 1, "{all}");
    assert!(all.contains("URI=spiffe://cluster.test/ns/shop/sa/frontend") && !all.contains("sa/root"), "{all}");
}
