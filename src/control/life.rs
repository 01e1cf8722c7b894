//! A sidecar's life: everything is loaded before anything listens, what changes on disk is put to use while it runs, and
//! at its end what is in flight is let through.

use super::config::Config;
use super::status::Status;
use super::{judging, translate};
use crate::identity::{self, Roots, Store};
use crate::proxy::{Settings, Shared, Sidecar};
use crate::record::line::{Reload, Start, Stop};
use crate::record::{Metrics, Origin, Recorder, Writer};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A running sidecar.
pub struct Life {
    sidecar: Sidecar,
    writer: Writer,
    state: Arc<State>,
}

/// What reloading and the admin endpoint look at.
pub struct State {
    shared: Arc<Shared>,
    identity: Option<Arc<Store>>,
    roots: Vec<Arc<Roots>>,
    judging: judging::Sources,
    status: Status,
    metrics: Metrics,
}

/// Why a sidecar cannot start. Every problem at once.
#[derive(Debug)]
pub struct CannotStart(pub Vec<String>);

/// The record's last lines are waited for no longer than this.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl Life {
    /// Loads everything, then listens.
    ///
    /// # Errors
    /// Everything that keeps it from starting; nothing listens then.
    pub fn start(config: &Config) -> Result<Self, CannotStart> {
        let began = SystemTime::now();
        let identity = open_identity(config)?;
        let trust_domain = identity.as_ref().map(|store| store.current().own.id.trust_domain().to_owned());
        let judging = translate::judging(config, trust_domain);
        let loaded = judging.load(SystemTime::now()).map_err(CannotStart)?;
        let mut warnings = loaded.warnings.clone();
        warnings.extend(identity.iter().flat_map(|store| odd(store)));
        let settings = config.record.settings().map_err(|error| one("record", &error))?;
        let sinks = config.record.open().map_err(|error| one("record", &error))?;
        let origin = Origin { pod: config.pod.clone(), version: env!("CARGO_PKG_VERSION"), ..Origin::default() };
        let (recorder, writer) = Recorder::start(settings, origin, sinks).map_err(|error| one("record", &error))?;
        let metrics = Metrics::new();
        let engine = loaded.engine(0);
        let revision = Arc::clone(engine.revision());
        let data_path = translate::data_path(config);
        let roots = open_roots(&data_path)?;
        let shared = Shared::new(data_path, engine, identity.clone(), recorder.clone(), metrics.clone());
        let sidecar =
            Sidecar::start(shared.clone()).map_err(|cannot| one(&cannot.address.to_string(), &cannot.error))?;
        let status = Status::new(recorder, metrics.clone(), config.pod.clone(), began);
        status.started(Start {
            time: SystemTime::now(),
            revision,
            listeners: sidecar.addresses().iter().map(SocketAddr::to_string).collect(),
            warnings,
        });
        let state = State { shared, identity, roots, judging, status, metrics };
        state.measure();
        Ok(Self { sidecar, writer, state: Arc::new(state) })
    }

    /// The addresses listened on, in the order of the configuration.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.sidecar.addresses()
    }

    /// What reloading and the admin endpoint look at.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Whether every worker still runs.
    pub fn is_alive(&self) -> bool {
        self.sidecar.is_alive()
    }

    /// Stops accepting, lets what is in flight end within its limit, and writes the record's last line. Gives the number
    /// of connections that were cut.
    pub fn stop(self, why: &str) -> usize {
        let cut = self.sidecar.stop();
        let stop = Stop { time: SystemTime::now(), why: why.to_owned(), cut: cut as u64 };
        // A record that cannot be written in time has said so in its metrics.
        let _ = self.writer.stop(stop, LAST_WORDS);
        cut
    }
}

impl State {
    /// The certificates in use; nothing when every port is plaintext.
    pub fn identity(&self) -> Option<&Arc<Store>> {
        self.identity.as_ref()
    }

    /// The data path's shared state.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How it fares, for the admin endpoint.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Every file and directory whose change asks for a new engine.
    pub fn watched(&self) -> impl Iterator<Item = &std::path::PathBuf> {
        self.judging.allowlists.iter().chain(&self.judging.signatures)
    }

    /// Reads allowlists and signatures anew. All is well, or the old ones go on serving and the alarms say so.
    pub fn reload_policy(&self) {
        let before = self.shared.engine();
        match self.judging.load(SystemTime::now()) {
            Ok(loaded) => {
                let weakens = loaded.policy.weaker_than(before.policy());
                let warnings = loaded.warnings.clone();
                let engine = loaded.engine(before.revision().generation + 1);
                let revision = Arc::clone(engine.revision());
                if revision.means_the_same(before.revision()) {
                    return;
                }
                self.shared.replace_engine(engine);
                self.told(Told { warnings, weakens, ..Told::of("policy") });
            }
            Err(problems) => self.told(Told { problems, ..Told::of("policy") }),
        }
    }

    /// Reads certificates, key, bundles and roots anew, if they have changed.
    pub fn reload_identity(&self) {
        for roots in self.roots.iter().filter(|roots| roots.changed()) {
            self.replaced(roots.reload(), Vec::new);
        }
        let Some(store) = self.identity.as_ref().filter(|store| store.changed()) else { return };
        self.replaced(store.reload(), || odd(store));
    }

    fn replaced(&self, outcome: identity::Outcome, warnings: impl FnOnce() -> Vec<String>) {
        match outcome {
            identity::Outcome::Unchanged => {}
            identity::Outcome::Replaced { .. } => {
                self.told(Told { warnings: warnings(), ..Told::of("certificates") });
            }
            identity::Outcome::Kept(problems) => {
                let problems = problems.iter().map(ToString::to_string).collect();
                self.told(Told { problems, ..Told::of("certificates") });
            }
        }
    }

    /// Brings the metrics up to date that nothing on the data path writes.
    pub fn measure(&self) {
        self.metrics.held_bytes(self.shared.held_bytes() as u64);
        let Some(store) = &self.identity else { return };
        let material = store.current();
        self.status.certificate("own", material.own.not_after);
        if let Some(end) = material.bundles_end() {
            self.status.certificate("bundles", end);
        }
    }

    fn told(&self, told: Told) {
        let Told { what, problems, warnings, weakens } = told;
        let revision = Arc::clone(self.shared.engine().revision());
        self.status.reloaded(Reload { time: SystemTime::now(), what, problems, warnings, weakens, revision });
    }
}

/// What came of a reload.
struct Told {
    what: &'static str,
    problems: Vec<String>,
    warnings: Vec<String>,
    weakens: Vec<String>,
}

impl Told {
    fn of(what: &'static str) -> Self {
        Self { what, problems: Vec::new(), warnings: Vec::new(), weakens: Vec::new() }
    }
}

/// What is odd about the certificates in use, but not in the way.
fn odd(store: &Store) -> Vec<String> {
    store.current().warnings.iter().map(ToString::to_string).collect()
}

fn open_identity(config: &Config) -> Result<Option<Arc<Store>>, CannotStart> {
    let Some(identity) = &config.identity else { return Ok(None) };
    let store = Store::open(identity.sources(), config.limits.certificates());
    let store = store.map_err(|problems| CannotStart(problems.iter().map(ToString::to_string).collect()))?;
    Ok(Some(Arc::new(store)))
}

/// Reads what upstreams are verified with.
fn open_roots(settings: &Settings) -> Result<Vec<Arc<Roots>>, CannotStart> {
    let roots = settings.all_roots();
    let outcomes = roots.iter().map(|roots| roots.reload());
    let problems = outcomes.flat_map(|outcome| match outcome {
        identity::Outcome::Kept(problems) => problems,
        _ => Vec::new(),
    });
    let problems: Vec<String> = problems.map(|problem| problem.to_string()).collect();
    if problems.is_empty() { Ok(roots) } else { Err(CannotStart(problems)) }
}

fn one(what: &str, error: &std::io::Error) -> CannotStart {
    CannotStart(vec![format!("{what}: {error}")])
}

impl fmt::Display for CannotStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for CannotStart {}
