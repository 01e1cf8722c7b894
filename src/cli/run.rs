//! `podwall run`: the sidecar, until it is told to stop.

use crate::control::admin;
use crate::control::config::{self, Environment};
use crate::control::life::{Life, State};
use crate::control::socket;
use crate::control::watch::Watch;
use crate::document::render_all;
use lexopt::prelude::{Long, Short, ValueExt};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What `podwall help run` says.
pub const HELP: &str = "\
Runs the sidecar.

Usage: podwall run [--config FILE]

  --config FILE   the bootstrap configuration (/etc/podwall/podwall.yaml)

Every setting can be overridden by a variable: PODWALL_LIMITS_HEAD_BYTES=16KiB for limits.head_bytes.
SIGTERM and SIGINT stop it after what is in flight has ended; SIGHUP looks for changed files at once.

Exit codes: 0 stopped when told to, 1 could not start or a worker died, 2 wrong usage.
";

/// Where the configuration is when nobody says otherwise.
const DEFAULT: &str = "/etc/podwall/podwall.yaml";

/// Runs `podwall run …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let path = match super::asked(parse(arguments), "run", HELP) {
        Ok(path) => path,
        Err(code) => return code,
    };
    match serve(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            eprintln!("{}", problems.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<PathBuf>, lexopt::Error> {
    let mut path = PathBuf::from(DEFAULT);
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") | Short('c') => path = parser.value()?.parse()?,
            Long("help") | Short('h') => return Ok(None),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Some(path))
}

fn serve(path: &std::path::Path) -> Result<(), String> {
    let loaded = config::load(path, &Environment::of_process()).map_err(|problems| render_all(&problems))?;
    if !loaded.warnings.is_empty() {
        eprintln!("{}", render_all(&loaded.warnings));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("error: no runtime: {error}"))?;
    runtime.block_on(live(&loaded.config))
}

/// From start to stop.
async fn live(config: &config::Config) -> Result<(), String> {
    let signals = Signals::new().map_err(|error| format!("error: no signals: {error}"))?;
    let life = Life::start(config).map_err(|problems| format!("error: cannot start\n{problems}"))?;
    let admin = TcpListener::bind(config.admin.listen).await;
    let admin = admin.map_err(|error| format!("error: admin.listen {}: {error}", config.admin.listen))?;
    let serving = tokio::spawn(admin::serve(admin, life.state().status().clone()));
    let controlled = match &config.bans.socket {
        Some(path) => {
            let opened =
                socket::open(path).map_err(|error| format!("error: bans.socket {}: {error}", path.display()))?;
            Some(tokio::spawn(socket::serve(opened, life.state().shared().clone())))
        }
        None => None,
    };
    let why = told_to_stop(&life, signals, config.watch_interval.0).await;
    life.state().status().draining();
    let died = !life.is_alive();
    let cut = tokio::task::spawn_blocking(move || life.stop(why)).await.unwrap_or_default();
    serving.abort();
    controlled.iter().for_each(|task| task.abort());
    match (died, cut) {
        (true, _) => Err("error: a worker died".into()),
        (false, 0) => Ok(()),
        (false, cut) => Err(format!("{cut} connections had not ended within limits.drain_deadline")),
    }
}

/// Waits for a signal, putting to use what changes meanwhile.
async fn told_to_stop(life: &Life, mut signals: Signals, interval: Duration) -> &'static str {
    let mut watch = Watch::new(life.state().watched().cloned());
    let mut tick = tokio::time::interval(interval);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return "SIGTERM",
            _ = signals.interrupt.recv() => return "SIGINT",
            _ = signals.hangup.recv() => look(life.state(), &mut watch),
            _ = tick.tick() => look(life.state(), &mut watch),
        }
        if !life.is_alive() {
            return "a worker died";
        }
    }
}

fn look(state: &Arc<State>, watch: &mut Watch) {
    if watch.has_changed() {
        state.reload_policy();
    }
    state.reload_identity();
    state.measure();
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}
