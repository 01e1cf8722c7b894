//! A caller: one TLS connection, one request, one answer. Bytes are sent as they are written here, because half of the
//! demonstration's requests are ones that no honest HTTP client would send.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who calls, as certificates.
#[derive(Clone)]
pub(super) struct Caller {
    config: Arc<ClientConfig>,
}

/// What came back.
pub(super) struct Reply {
    /// The status; nothing when the connection ended without one.
    pub(super) status: Option<u16>,
    /// The event id that a refusal names.
    pub(super) event: Option<String>,
    /// From the first byte of the request to the first of the answer.
    pub(super) took: Duration,
}

impl Caller {
    /// A caller that trusts `ca`, with a certificate chain and key of its own or none.
    pub(super) fn new(ca: &str, own: Option<(&str, &str)>) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let builder = ClientConfig::builder_with_provider(crate::identity::provider())
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(io::Error::other)?;
                builder.with_client_auth_cert(chain.map_err(io::Error::other)?, key).map_err(io::Error::other)?
            }
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// Sends `bytes` and reads the answer's head.
    pub(super) async fn send(&self, to: SocketAddr, bytes: &[u8]) -> Reply {
        let began = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, self.exchange(to, bytes)).await;
        let (head, took) = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => (String::new(), began.elapsed()),
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let event = head.lines().find_map(|line| line.strip_prefix("x-podwall-event: ")).map(str::to_owned);
        Reply { status, event, took }
    }

    async fn exchange(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<(String, Duration)> {
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        let mut stream = TlsConnector::from(self.config.clone()).connect(name, socket).await?;
        let began = Instant::now();
        stream.write_all(bytes).await?;
        let mut head = Vec::new();
        let mut took = None;
        let mut piece = [0; 4096];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut piece).await?;
            took.get_or_insert_with(|| began.elapsed());
            if read == 0 {
                break;
            }
            head.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
        Ok((String::from_utf8_lossy(&head).into_owned(), took.unwrap_or_default()))
    }
}
