//! The stage: a folder with certificates and an allowlist, the sample service, and the sidecar before it.

use super::caller::Caller;
use super::script::Who;
use super::service::Service;
use crate::control::config::{self, Environment};
use crate::control::life::Life;
use crate::document::render_all;
use crate::identity::dev::{Authority, Issued, Order};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DOMAIN: &str = "cluster.test";
const VALID: Duration = Duration::from_secs(24 * 3600);
const ALLOWLIST: &str = include_str!("../../../deploy/examples/demo/allowlist.yaml");
const CONFIG: &str = include_str!("../../../deploy/examples/demo/podwall.yaml");

/// Everything that the demonstration needs, running.
pub(super) struct Stage {
    pub(super) address: SocketAddr,
    folder: PathBuf,
    life: Life,
    service: Service,
    frontend: Caller,
    reports: Caller,
    nobody: Caller,
    impostor: Caller,
}

impl Stage {
    /// Issues certificates, writes the configuration, starts service and sidecar.
    pub(super) async fn set() -> Result<Self, String> {
        let service = Service::start().await.map_err(|error| format!("the sample service: {error}"))?;
        let folder = folder().map_err(|error| format!("a folder for certificates: {error}"))?;
        let papers = Papers::issue(&folder)?;
        fs::write(folder.join("allowlist.yaml"), ALLOWLIST).map_err(|error| error.to_string())?;
        let variables =
            [("PODWALL_DEMO", folder.display().to_string()), ("PODWALL_DEMO_UPSTREAM", service.address.to_string())];
        let environment = Environment::of(variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let loaded = config::load::read("deploy/examples/demo/podwall.yaml", CONFIG, &environment);
        let loaded = loaded.map_err(|problems| render_all(&problems))?;
        let life = Life::start(&loaded.config).map_err(|problems| problems.to_string())?;
        let address = life.addresses().first().copied().ok_or("the sidecar listens nowhere")?;
        let Papers { ca, frontend, reports, impostor } = papers;
        let caller = |own: Option<&Issued>| caller(&ca, own).map_err(|error| error.to_string());
        let (frontend, reports) = (caller(Some(&frontend))?, caller(Some(&reports))?);
        let (nobody, impostor) = (caller(None)?, caller(Some(&impostor))?);
        Ok(Self { address, folder, life, service, frontend, reports, nobody, impostor })
    }

    pub(super) fn caller(&self, who: Who) -> &Caller {
        match who {
            Who::Frontend => &self.frontend,
            Who::Reports => &self.reports,
            Who::Nobody => &self.nobody,
            Who::Impostor => &self.impostor,
        }
    }

    /// What reached the service.
    pub(super) fn seen(&self) -> Vec<String> {
        self.service.seen()
    }

    pub(super) fn introduction(&self) -> String {
        format!(
            "A sample service on {}, its sidecar on {} (mTLS), callers with certificates of their own.\n\
             Allowlist:\n\n{}",
            self.service.address,
            self.address,
            ALLOWLIST
                .lines()
                .filter(|line| !line.starts_with('#'))
                .map(|line| format!("    {line}\n"))
                .collect::<String>()
        )
    }

    /// Commands to try while everything runs.
    pub(super) fn commands(&self) -> String {
        let folder = self.folder.display();
        let curl = format!(
            "curl --cacert {folder}/ca.crt --cert {folder}/frontend.crt --key {folder}/frontend.key \
             --resolve orders:{port}:127.0.0.1 ",
            port = self.address.port()
        );
        let at = format!("https://localhost:{}", self.address.port());
        format!(
            "Still running; Ctrl-C ends it. To try:\n\n  {curl}-H 'host: orders' {at}/orders/17\n  \
             {curl}-H 'host: orders' \"{at}/search?q=%27%20OR%201=1--\"\n  \
             {curl}-H 'host: orders' -X DELETE {at}/orders/17\n  tail -f {folder}/record.jsonl\n"
        )
    }

    /// Stops the sidecar and gives its record, line by line.
    pub(super) fn end(self) -> Result<Vec<serde_json::Value>, String> {
        self.life.stop("the demonstration is over");
        let text =
            fs::read_to_string(self.folder.join("record.jsonl")).map_err(|error| format!("the record: {error}"))?;
        // What cannot be removed is a folder under the system's temporary one, which the system clears.
        let _ = fs::remove_dir_all(&self.folder);
        text.lines().map(|line| serde_json::from_str(line).map_err(|error| error.to_string())).collect()
    }
}

/// The callers' certificates.
struct Papers {
    ca: String,
    frontend: Issued,
    reports: Issued,
    impostor: Issued,
}

impl Papers {
    fn issue(folder: &Path) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| format!("certificates: {error}");
        let until = SystemTime::now() + VALID;
        let authority = Authority::new(DOMAIN, until).map_err(|error| told(&error))?;
        let forger = Authority::new(DOMAIN, until).map_err(|error| told(&error))?;
        let issue = |by: &Authority, account: &str| {
            let order = Order::workload(&by.id("shop", account)?).local().until(until);
            by.issue(&order)
        };
        let orders = issue(&authority, "orders").map_err(|error| told(&error))?;
        let frontend = issue(&authority, "frontend").map_err(|error| told(&error))?;
        let reports = issue(&authority, "reports").map_err(|error| told(&error))?;
        let impostor = issue(&forger, "frontend").map_err(|error| told(&error))?;
        let ca = authority.certificate_pem();
        let files = [
            ("ca.crt", ca.as_str()),
            ("server.crt", &orders.chain_pem),
            ("server.key", &orders.key_pem),
            ("frontend.crt", &frontend.chain_pem),
            ("frontend.key", &frontend.key_pem),
        ];
        for (name, text) in files {
            fs::write(folder.join(name), text).map_err(|error| told(&error))?;
        }
        Ok(Self { ca, frontend, reports, impostor })
    }
}

fn caller(ca: &str, own: Option<&Issued>) -> io::Result<Caller> {
    Caller::new(ca, own.map(|own| (own.chain_pem.as_str(), own.key_pem.as_str())))
}

/// A folder of our own that only we can read.
fn folder() -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let folder = std::env::temp_dir().join(format!("podwall-demo-{:016x}", u64::from_be_bytes(random)));
    fs::DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}
