//! Real handshakes over loopback: who is let in, who is refused and by what name, what happens to tickets and open
//! connections when certificates and bundles are replaced.

#![cfg(feature = "sidecar")]
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use podwall::flow::{Expected, IdPattern, Peer, Reason};
use podwall::identity::dev::{Authority, Issued, Order};
use podwall::identity::refusal::{
    BAD_HANDSHAKE, CHAIN_TOO_LONG, EXPIRED, NO_CERTIFICATE, NO_SPIFFE_ID, NOT_YET_VALID, NOTHING_IN_COMMON,
    OTHER_SERVER, PEER_ALERT, PEER_LEFT, SEVERAL_IDS, UNKNOWN_DOMAIN, UNKNOWN_ISSUER, WRONG_PURPOSE,
};
use podwall::identity::{Alpn, BundleFile, Limits as ChainLimits, Outcome, Refusal, Sources, Store, provider};
use podwall::proxy::tls::{
    Accepted, Acceptor, Limits, Mode, NOTHING_SAID, PLAINTEXT, Port, SILENT, SLOW, TOO_MANY, UNEXPECTED,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, NamedGroup, RootCertStore, SupportedProtocolVersion};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HOUR: Duration = Duration::from_secs(3600);
const STRICT: Port = Port { mode: Mode::Strict, alpn: Alpn::Http1, server_first: false, asked_for: false };
const PERMISSIVE: Port = Port { mode: Mode::Permissive, ..STRICT };
const OFF: Port = Port { mode: Mode::Off, ..STRICT };

/// A trust domain, its files, and a sidecar that serves with them.
struct World {
    folder: TempDir,
    root: Authority,
    store: Arc<Store>,
    acceptor: Acceptor,
}

impl World {
    fn new() -> Self {
        Self::with(Limits::default(), ChainLimits::default())
    }

    fn with(limits: Limits, chains: ChainLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = authority("cluster.test");
        write_set(folder.path(), &root, &server(&root));
        let store = Arc::new(Store::open(sources(folder.path()), chains).unwrap());
        let acceptor = Acceptor::new(Some(Arc::clone(&store)), limits);
        Self { folder, root, store, acceptor }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn frontend(&self) -> Order {
        Order::workload(&self.root.id("shop", "frontend").unwrap())
    }

    /// A client with what `root` issues for `order`.
    fn client(&self, order: &Order) -> Arc<ClientConfig> {
        client(&self.root, Some(&self.root.issue(order).unwrap()))
    }

    /// What the sidecar says to a client with this certificate.
    async fn answer(&self, order: &Order) -> Result<Accepted, Reason> {
        self.meet(&self.client(order)).await.0.map_err(|refusal| refusal.reason)
    }

    async fn meet(&self, client: &Arc<ClientConfig>) -> (Result<Accepted, Refusal>, io::Result<TlsStream<TcpStream>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut accepted = self.acceptor.accept(tcp, &STRICT).await?;
            // A byte for the client: it reads the ticket before it.
            accepted.stream.write_all(b"!").await.unwrap();
            accepted.stream.flush().await.unwrap();
            Ok(accepted)
        };
        let connect = async {
            let tcp = TcpStream::connect(address).await?;
            let name = ServerName::try_from("localhost").unwrap();
            let mut tls = TlsConnector::from(Arc::clone(client)).connect(name, tcp).await?;
            tls.read_exact(&mut [0]).await?;
            Ok(tls)
        };
        tokio::join!(serve, connect)
    }

    /// Connects twice and says whether the second time resumed.
    async fn resumes(&self, client: &Arc<ClientConfig>) -> bool {
        let (accepted, connected) = self.meet(client).await;
        let (ours, theirs) = (accepted.unwrap(), connected.unwrap());
        let resumed = theirs.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        assert_eq!(ours.handshake.unwrap().resumed, resumed);
        resumed
    }

    /// What the sidecar says to these bytes.
    async fn say(&self, port: &Port, bytes: &[u8]) -> Result<Accepted, Reason> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        client.write_all(bytes).await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let answer = self.acceptor.accept(tcp, port).await;
        answer.map_err(|refusal| refusal.reason)
    }
}

fn authority(domain: &str) -> Authority {
    Authority::new(domain, SystemTime::now() + 24 * HOUR).unwrap()
}

fn server(root: &Authority) -> Issued {
    root.issue(&Order::workload(&root.id("shop", "orders").unwrap()).local()).unwrap()
}

fn sources(folder: &Path) -> Sources {
    Sources {
        certificate: folder.join("server.crt"),
        key: folder.join("server.key"),
        bundles: vec![BundleFile { domain: "cluster.test".into(), path: folder.join("ca.crt") }],
        named: Vec::new(),
    }
}

fn write_set(folder: &Path, root: &Authority, own: &Issued) {
    fs::write(folder.join("server.crt"), &own.chain_pem).unwrap();
    fs::write(folder.join("server.key"), &own.key_pem).unwrap();
    fs::write(folder.join("ca.crt"), root.certificate_pem()).unwrap();
}

fn client(root: &Authority, own: Option<&Issued>) -> Arc<ClientConfig> {
    client_of(root, own, rustls::ALL_VERSIONS)
}

fn client_of(
    root: &Authority,
    own: Option<&Issued>,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.certificate_pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    Arc::new(match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
            builder.with_client_auth_cert(own.chain.clone(), key).unwrap()
        }
    })
}

fn reason<T>(answer: Result<T, Refusal>) -> Reason {
    match answer {
        Ok(_) => Reason::new("accepted", podwall::flow::Kind::Ours, ""),
        Err(refusal) => refusal.reason,
    }
}

fn id(accepted: &Accepted) -> &str {
    match &accepted.peer {
        Peer::Verified(identity) => identity.id.as_str(),
        Peer::Unverified => "unverified",
    }
}

// Who is let in.

#[tokio::test]
async fn a_caller_of_the_trust_domain_is_identified() {
    let world = World::new();
    let accepted = world.answer(&world.frontend()).await.unwrap();
    assert_eq!(id(&accepted), "spiffe://cluster.test/ns/shop/sa/frontend");
    let facts = accepted.handshake.unwrap();
    assert_eq!((facts.version, facts.group, facts.resumed), ("TLSv1.3", Some("X25519MLKEM768"), false));
    assert!(facts.xfcc.starts_with("By=spiffe://cluster.test/ns/shop/sa/orders;Hash="));
    assert!(facts.xfcc.ends_with(";URI=spiffe://cluster.test/ns/shop/sa/frontend"));
}

#[tokio::test]
async fn tls_1_2_is_allowed() {
    let world = World::new();
    let own = world.root.issue(&world.frontend()).unwrap();
    let client = client_of(&world.root, Some(&own), &[&rustls::version::TLS12]);
    let accepted = world.meet(&client).await.0.unwrap();
    assert_eq!(accepted.handshake.unwrap().version, "TLSv1.2");
    assert_eq!(accepted.peer.identity().unwrap().id.service_account(), Some("frontend"));
}

#[tokio::test]
async fn the_server_prefers_the_hybrid_group() {
    let world = World::new();
    let (_, connected) = world.meet(&world.client(&world.frontend())).await;
    let group = connected.unwrap().get_ref().1.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn alpn_is_what_both_speak() {
    let world = World::new();
    let mut config = (*world.client(&world.frontend())).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let accepted = world.meet(&Arc::new(config.clone())).await.0.unwrap();
    assert_eq!(accepted.handshake.unwrap().alpn, Some("http/1.1"));
    config.alpn_protocols = vec![b"http/1.0".to_vec()];
    let accepted = world.meet(&Arc::new(config.clone())).await.0.unwrap();
    assert_eq!(accepted.handshake.unwrap().alpn, Some("http/1.0"));
    config.alpn_protocols = vec![b"smtp".to_vec()];
    assert_eq!(reason(world.meet(&Arc::new(config)).await.0), NOTHING_IN_COMMON);
}

// Who is refused, by what name.

#[tokio::test]
async fn a_caller_without_certificate_is_refused() {
    let world = World::new();
    let (answer, connected) = world.meet(&client(&world.root, None)).await;
    assert_eq!(reason(answer), NO_CERTIFICATE);
    assert!(connected.is_err());
}

#[tokio::test]
async fn another_ca_is_refused_without_an_explanation_to_the_peer() {
    let world = World::new();
    let impostor = authority("cluster.test");
    let own = impostor.issue(&world.frontend()).unwrap();
    let (answer, connected) = world.meet(&client(&world.root, Some(&own))).await;
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.reason, UNKNOWN_ISSUER);
    assert_eq!(refusal.claimed.as_deref(), Some("spiffe://cluster.test/ns/shop/sa/frontend"));
    assert!(refusal.serial.is_some());
    let told = connected.unwrap_err().to_string();
    assert!(told.contains("CertificateUnknown"), "{told}");
}

#[tokio::test]
async fn a_trust_domain_without_bundle_is_refused() {
    let world = World::new();
    let mut order = world.frontend();
    order.uris = vec!["spiffe://other.test/ns/shop/sa/frontend".into()];
    assert_eq!(world.answer(&order).await.unwrap_err(), UNKNOWN_DOMAIN);
    let other = authority("other.test");
    let own = other.issue(&world.frontend()).unwrap();
    assert_eq!(reason(world.meet(&client(&world.root, Some(&own))).await.0), UNKNOWN_ISSUER);
}

#[tokio::test]
async fn unsound_certificates_are_refused_by_name() {
    let world = World::new();
    let now = SystemTime::now();
    let sound = world.frontend();
    let second = "spiffe://cluster.test/ns/shop/sa/admin";
    let both = [&sound.uris[..], &[second.into()]].concat();
    for (order, expected) in [
        (Order { uris: both, ..sound.clone() }, SEVERAL_IDS),
        (Order { uris: vec![], dns: vec!["frontend".into()], ..sound.clone() }, NO_SPIFFE_ID),
        (Order { not_after: now - Duration::from_secs(2), ..sound.clone() }, EXPIRED),
        (Order { not_before: now + HOUR / 2, ..sound.clone() }, NOT_YET_VALID),
        (Order { purposes: vec![podwall::identity::dev::Purpose::Server], ..sound.clone() }, WRONG_PURPOSE),
    ] {
        assert_eq!(world.answer(&order).await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn chain_length_is_limited_at_n() {
    let world = World::with(Limits::default(), ChainLimits { chain_length: 2, ..ChainLimits::default() });
    let first = world.root.intermediate().unwrap();
    let second = first.intermediate().unwrap();
    let issued = |ca: &Authority| client(&world.root, Some(&ca.issue(&world.frontend()).unwrap()));
    assert!(world.meet(&issued(&first)).await.0.is_ok());
    assert_eq!(reason(world.meet(&issued(&second)).await.0), CHAIN_TOO_LONG);
}

#[tokio::test]
async fn a_peer_that_does_not_believe_us_is_recorded_as_such() {
    let world = World::new();
    let own = world.root.issue(&world.frontend()).unwrap();
    let (answer, _) = world.meet(&client(&authority("cluster.test"), Some(&own))).await;
    assert_eq!(reason(answer), PEER_ALERT);
}

// Plaintext or TLS.

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn the_first_byte_tells_plaintext_from_tls() {
    let world = World::new();
    assert_eq!(world.say(&STRICT, REQUEST).await.unwrap_err(), PLAINTEXT);
    assert_eq!(world.say(&OFF, b"\x16\x03\x01").await.unwrap_err(), UNEXPECTED);
    for port in [PERMISSIVE, OFF] {
        let mut accepted = world.say(&port, REQUEST).await.unwrap();
        assert!(matches!(accepted.peer, Peer::Unverified) && accepted.handshake.is_none());
        let mut first = [0; 3];
        accepted.stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"GET");
    }
}

#[tokio::test]
async fn a_silent_client_of_a_server_first_port_is_accepted() {
    let world = World::new();
    assert!(world.say(&Port { server_first: true, ..OFF }, b"").await.is_ok());
}

#[tokio::test]
async fn a_health_check_without_a_byte_has_its_own_name() {
    let world = World::new();
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    drop(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
    let (tcp, _) = listener.accept().await.unwrap();
    assert_eq!(reason(world.acceptor.accept(tcp, &STRICT).await), NOTHING_SAID);
}

#[tokio::test]
async fn a_peer_that_leaves_in_the_handshake_has_a_name() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    peer.write_all(b"\x16\x03\x01\x02").await.unwrap();
    drop(peer);
    let (tcp, _) = listener.accept().await.unwrap();
    assert_eq!(reason(world.acceptor.accept(tcp, &STRICT).await), PEER_LEFT);
}

/// Whatever the first flight says: a named answer, and nothing is left behind.
#[tokio::test]
async fn damaged_first_flights_are_refused() {
    let world = World::new();
    let config = world.client(&world.frontend());
    let mut tls = rustls::ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    tls.write_tls(&mut hello).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for at in (1..hello.len()).step_by(5) {
        let mut damaged = hello.clone();
        damaged[at] ^= 0xff;
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        peer.write_all(&damaged).await.unwrap();
        peer.shutdown().await.unwrap();
        let (tcp, _) = listener.accept().await.unwrap();
        let refusal = world.acceptor.accept(tcp, &STRICT).await.unwrap_err();
        assert!([PEER_LEFT, BAD_HANDSHAKE, NOTHING_IN_COMMON].contains(&refusal.reason), "byte {at}: {refusal}");
    }
    assert_eq!(world.acceptor.under_way(), 0);
}

#[tokio::test]
async fn deadlines_are_kept() {
    let short = Duration::from_millis(50);
    let world =
        World::with(Limits { first_byte: short, handshake: short, ..Limits::default() }, ChainLimits::default());
    assert_eq!(world.say(&STRICT, b"").await.unwrap_err(), SILENT);
    assert_eq!(world.say(&STRICT, b"\x16\x03\x01\x02").await.unwrap_err(), SLOW);
    assert_eq!(world.acceptor.under_way(), 0);
}

#[tokio::test]
async fn handshakes_at_once_are_limited() {
    let world = World::with(Limits { at_once: 0, ..Limits::default() }, ChainLimits::default());
    assert_eq!(world.answer(&world.frontend()).await.unwrap_err(), TOO_MANY);
    let world = World::with(Limits { at_once: 1, ..Limits::default() }, ChainLimits::default());
    assert!(world.answer(&world.frontend()).await.is_ok());
}

// Tickets, and what ends trust.

#[tokio::test]
async fn a_session_is_resumed_within_a_generation() {
    let world = World::new();
    let client = world.client(&world.frontend());
    assert!(!world.resumes(&client).await);
    assert!(world.resumes(&client).await);
    assert!(world.resumes(&client).await, "a resumed handshake brings the next ticket");
}

#[tokio::test]
async fn a_tls_1_2_session_is_resumed_by_ticket() {
    let world = World::new();
    let own = world.root.issue(&world.frontend()).unwrap();
    let client = client_of(&world.root, Some(&own), &[&rustls::version::TLS12]);
    assert!(!world.resumes(&client).await);
    assert!(world.resumes(&client).await);
    rotate_leaf(&world);
    assert!(!world.resumes(&client).await);
}

#[tokio::test]
async fn no_early_data() {
    let world = World::new();
    let mut config = (*world.client(&world.frontend())).clone();
    config.enable_early_data = true;
    let client = Arc::new(config);
    world.meet(&client).await.1.unwrap();
    let (_, connected) = world.meet(&client).await;
    let connected = connected.unwrap();
    assert_eq!(connected.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    assert!(!connected.get_ref().1.is_early_data_accepted());
}

#[tokio::test]
async fn tickets_die_with_their_generation() {
    let world = World::new();
    let client = world.client(&world.frontend());
    world.resumes(&client).await;
    rotate_leaf(&world);
    assert!(!world.resumes(&client).await);
    assert!(world.resumes(&client).await);
}

#[tokio::test]
async fn a_removed_ca_is_refused_at_once_with_its_tickets() {
    let world = World::new();
    let client = world.client(&world.frontend());
    let mut open = world.meet(&client).await.0.unwrap();
    still_trusted(&world, &mut open).unwrap();
    replace_ca(&world);
    assert_eq!(reason(world.meet(&client).await.0), UNKNOWN_ISSUER, "neither ticket nor certificate is accepted");
    assert_eq!(reason(still_trusted(&world, &mut open)), UNKNOWN_ISSUER, "nor the next message of an open connection");
}

#[tokio::test]
async fn a_handshake_under_way_is_held_against_the_new_bundle() {
    let world = World::new();
    let client = world.client(&world.frontend());
    assert_eq!(reason(overtaken(&world, &client, replace_ca).await), UNKNOWN_ISSUER);
}

/// rustls restores the chain from the ticket without verifying it; the bundle changes right after.
#[tokio::test]
async fn a_resumption_under_way_is_held_against_the_new_bundle() {
    let world = World::new();
    let client = world.client(&world.frontend());
    world.resumes(&client).await;
    assert_eq!(reason(overtaken(&world, &client, replace_ca).await), UNKNOWN_ISSUER);
}

#[tokio::test]
async fn a_new_leaf_loses_no_handshake_under_way() {
    let world = World::new();
    let client = world.client(&world.frontend());
    assert!(overtaken(&world, &client, rotate_leaf).await.is_ok(), "a full one");
    world.resumes(&client).await;
    let resumed = overtaken(&world, &client, rotate_leaf).await.unwrap().handshake.unwrap().resumed;
    assert!(resumed, "a resumed one");
}

/// A handshake between whose two flights the files change.
async fn overtaken(world: &World, client: &Arc<ClientConfig>, change: fn(&World)) -> Result<Accepted, Refusal> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connect = async {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        let mut tls = rustls::ClientConnection::new(Arc::clone(client), "localhost".try_into().unwrap()).unwrap();
        send(&mut tls, &mut tcp).await;
        let mut flight = vec![0; 16384];
        while tls.is_handshaking() {
            let read = tcp.read(&mut flight).await.unwrap();
            tls.read_tls(&mut &flight[..read]).unwrap();
            tls.process_new_packets().unwrap();
        }
        change(world);
        send(&mut tls, &mut tcp).await;
        tcp
    };
    let serve = async {
        let (tcp, _) = listener.accept().await.unwrap();
        world.acceptor.accept(tcp, &STRICT).await
    };
    tokio::join!(serve, connect).0
}

async fn send(tls: &mut rustls::ClientConnection, tcp: &mut TcpStream) {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        tls.write_tls(&mut bytes).unwrap();
    }
    tcp.write_all(&bytes).await.unwrap();
}

#[tokio::test]
async fn a_new_leaf_leaves_connections_open() {
    let world = World::new();
    let (accepted, connected) = world.meet(&world.client(&world.frontend())).await;
    let (mut ours, mut theirs) = (accepted.unwrap(), connected.unwrap());
    rotate_leaf(&world);
    still_trusted(&world, &mut ours).unwrap();
    theirs.write_all(b"ping").await.unwrap();
    let mut read = [0; 4];
    ours.stream.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"ping");
    let (_, again) = world.meet(&world.client(&world.frontend())).await;
    let served = again.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_ne!(served, theirs.get_ref().1.peer_certificates().unwrap()[0], "and new ones get the new leaf");
}

#[tokio::test]
async fn an_aborted_connection_does_not_look_whole() {
    let world = World::new();
    let (accepted, connected) = world.meet(&world.client(&world.frontend())).await;
    let (ours, mut theirs) = (accepted.unwrap(), connected.unwrap());
    ours.stream.abort();
    let error = theirs.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

// The other way round: we call.

#[tokio::test]
async fn a_server_is_known_by_its_spiffe_id() {
    let (world, us) = (World::new(), World::new());
    fs::write(us.path().join("ca.crt"), world.root.certificate_pem()).unwrap();
    fs::write(world.path().join("ca.crt"), us.root.certificate_pem()).unwrap();
    assert!(matches!((us.store.reload(), world.store.reload()), (Outcome::Replaced { .. }, Outcome::Replaced { .. })));
    let expecting = |account: &str| {
        let pattern = IdPattern::parse(us.root.id("shop", account).unwrap().as_str()).unwrap();
        let expected = Expected::one_of(vec![pattern]);
        Arc::new(us.store.current().client(expected, Alpn::Http1).unwrap())
    };
    let (accepted, connected) = world.meet(&expecting("orders")).await;
    assert_eq!(id(&accepted.unwrap()), "spiffe://cluster.test/ns/shop/sa/orders");
    assert!(connected.is_ok());
    let (answer, connected) = world.meet(&expecting("stock")).await;
    assert_eq!(Refusal::of_io(&connected.unwrap_err()).reason, OTHER_SERVER);
    assert_eq!(reason(answer), PEER_ALERT);
    let (_, connected) = us.meet(&expecting("orders")).await;
    assert_eq!(Refusal::of_io(&connected.unwrap_err()).reason, UNKNOWN_ISSUER);
}

// Files.

#[test]
fn a_swapped_directory_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let root = authority("cluster.test");
    for version in ["..1", "..2"] {
        fs::create_dir(folder.path().join(version)).unwrap();
        write_set(&folder.path().join(version), &root, &server(&root));
    }
    symlink("..1", folder.path().join("..data")).unwrap();
    for name in ["server.crt", "server.key", "ca.crt"] {
        symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
    }
    let store = Store::open(sources(folder.path()), ChainLimits::default()).unwrap();
    assert!(!store.changed());
    assert_eq!(store.reload(), Outcome::Unchanged);
    let serial = store.current().own.serial.clone();
    symlink("..2", folder.path().join("..data_tmp")).unwrap();
    fs::rename(folder.path().join("..data_tmp"), folder.path().join("..data")).unwrap();
    assert!(store.changed());
    assert_eq!(store.reload(), Outcome::Replaced { generation: 2 });
    assert_ne!(store.current().own.serial, serial);
    assert!(!store.changed());
}

#[tokio::test]
async fn an_unusable_set_leaves_the_old_one_serving() {
    let world = World::new();
    let key = fs::read(world.path().join("server.key")).unwrap();
    let strange = server(&world.root).key_pem;
    for (file, content) in [
        ("server.key", strange.as_bytes()),
        ("server.key", b"no key".as_slice()),
        ("server.crt", b"".as_slice()),
        ("ca.crt", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".as_slice()),
    ] {
        let path = world.path().join(file);
        let good = fs::read(&path).unwrap();
        fs::write(&path, content).unwrap();
        assert!(world.store.changed());
        let Outcome::Kept(problems) = world.store.reload() else { panic!("{file} was used") };
        assert!(problems.iter().any(|problem| problem.file == path), "{problems:?}");
        assert!(!world.store.changed(), "reported once, not at every look");
        assert!(world.answer(&world.frontend()).await.is_ok());
        fs::write(&path, good).unwrap();
        assert_eq!(world.store.reload(), Outcome::Unchanged);
    }
    assert_eq!(fs::read(world.path().join("server.key")).unwrap(), key);
    fs::remove_file(world.path().join("ca.crt")).unwrap();
    assert!(world.store.changed());
    assert!(matches!(world.store.reload(), Outcome::Kept(_)));
    assert_eq!(world.store.generation(), 1);
}

#[test]
fn every_problem_is_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = authority("cluster.test");
    let expired = Order::workload(&root.id("a", "b").unwrap()).until(SystemTime::now() - Duration::from_secs(2));
    write_set(folder.path(), &root, &root.issue(&expired).unwrap());
    fs::write(folder.path().join("ca.crt"), server(&root).chain_pem).unwrap();
    fs::remove_file(folder.path().join("server.key")).unwrap();
    let problems = Store::open(sources(folder.path()), ChainLimits::default()).unwrap_err();
    let told = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for expected in
        ["server.crt: the chain has expired", "server.key: cannot be read", "ca.crt: certificate 1: is no CA"]
    {
        assert!(told.contains(expected), "{expected:?} is not in\n{told}");
    }
}

#[test]
fn a_leaf_outside_its_own_bundle_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    write_set(folder.path(), &authority("cluster.test"), &server(&authority("cluster.test")));
    let store = Store::open(sources(folder.path()), ChainLimits::default()).unwrap();
    assert!(store.current().warnings[0].what.contains("not trusted by our own bundles"));
}

// Another implementation's opinion.

#[tokio::test]
async fn openssl_connects_then_resumes() {
    let world = World::new();
    let own = world.root.issue(&world.frontend()).unwrap();
    fs::write(world.path().join("client.crt"), &own.chain_pem).unwrap();
    fs::write(world.path().join("client.key"), &own.key_pem).unwrap();
    for version in ["-tls1_3", "-tls1_2"] {
        let first = s_client(&world, &[version, "-sess_out", "session"]).await;
        assert!(first.contains("New, TLSv1") && first.contains("Verify return code: 0 (ok)"), "{first}");
        let second = s_client(&world, &[version, "-sess_in", "session"]).await;
        assert!(second.contains("Reused, TLSv1"), "{second}");
    }
}

async fn s_client(world: &World, more: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-CAfile", "ca.crt", "-cert", "client.crt", "-key", "client.key"])
        .args(more)
        .current_dir(world.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (tcp, _) = listener.accept().await.unwrap();
    let mut accepted = world.acceptor.accept(tcp, &STRICT).await.unwrap();
    accepted.stream.write_all(b"hello\n").await.unwrap();
    accepted.stream.shutdown().await.unwrap();
    let output = tokio::task::spawn_blocking(move || {
        drop(child.stdin.take());
        child.wait_with_output().unwrap()
    });
    String::from_utf8_lossy(&output.await.unwrap().stdout).into_owned()
}

fn still_trusted(world: &World, accepted: &mut Accepted) -> Result<(), Refusal> {
    accepted.handshake.as_mut().unwrap().still_trusted(&world.store, accepted.stream.peer_chain(), SystemTime::now())
}

/// Our own certificate is replaced; the bundle stays.
fn rotate_leaf(world: &World) {
    write_set(world.path(), &world.root, &server(&world.root));
    assert!(matches!(world.store.reload(), Outcome::Replaced { .. }));
}

/// The bundle is replaced, the CA that issued the clients is in it no more; our own certificate stays.
fn replace_ca(world: &World) {
    fs::write(world.path().join("ca.crt"), authority("cluster.test").certificate_pem()).unwrap();
    assert!(matches!(world.store.reload(), Outcome::Replaced { .. }));
}
