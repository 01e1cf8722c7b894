//! What callers asked for and what the pod called, read from a record; what is alike becomes one rule to be proposed.

use crate::canon::path::fold;
use crate::cli::log::for_each_line;
use crate::record::learned::{Needs, Times};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

/// Different accesses that are read from a record; what is over is counted.
const MAX_ACCESSES: usize = 100_000;

/// One access of one caller, or to one server, as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Access {
    /// Whether the pod called.
    pub(super) outbound: bool,
    pub(super) path: String,
    pub(super) needs: Needs,
    pub(super) method: String,
    /// Outbound, the host that was asked for, or the address.
    pub(super) caller: String,
    pub(super) port: u16,
}

/// A rule to be proposed.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) methods: BTreeSet<String>,
    pub(super) ports: BTreeSet<u16>,
    pub(super) times: Times,
}

/// Rules by path, what they need, and callers.
pub(super) type Rules = BTreeMap<(String, Needs, BTreeSet<String>), Rule>;

/// What was asked for, and the requests that are not told one by one.
pub(super) fn read(files: &[PathBuf]) -> io::Result<(BTreeMap<Access, Times>, u64)> {
    let (mut seen, mut beyond) = (BTreeMap::<Access, Times>::new(), 0_u64);
    for file in files {
        for_each_line(file, |_, line| {
            let Ok(line) = serde_json::from_str::<Value>(line) else { return Ok(()) };
            if line.get("line").and_then(Value::as_str) != Some("learned") {
                return Ok(());
            }
            let count = |field: &str| line.get(field).and_then(Value::as_u64).unwrap_or_default();
            let times = Times { requests: count("requests"), succeeded: count("succeeded") };
            match Access::of(&line) {
                Some(access) if seen.len() < MAX_ACCESSES || seen.contains_key(&access) => {
                    seen.entry(access).or_default().add(times);
                }
                _ => beyond = beyond.saturating_add(times.requests),
            }
            Ok(())
        })?;
    }
    Ok((seen, beyond))
}

impl Access {
    /// Nothing when the line tells of what was over the limits.
    fn of(line: &Value) -> Option<Self> {
        let text = |field: &str| line.get(field).and_then(Value::as_str);
        let is = |field: &str| line.get(field).and_then(Value::as_bool).unwrap_or_default();
        let needs = Needs { websocket: is("websocket"), absolute_form: is("absolute_form"), stream: is("stream") };
        let outbound = text("direction")? == "outbound";
        let host = text("host").filter(|host| outbound && !host.is_empty());
        Some(Self {
            outbound,
            path: text("path")?.to_owned(),
            needs,
            method: text("action")?.to_owned(),
            caller: host.or(text("caller"))?.to_owned(),
            port: line.get("port").and_then(Value::as_u64)?.try_into().ok()?,
        })
    }
}

/// One rule for each path and set of callers. GET grants HEAD.
pub(super) fn grouped(seen: BTreeMap<Access, Times>) -> Rules {
    let templates = fold::templates(seen.keys().map(|access| access.path.as_str()));
    let mut by_method: BTreeMap<(String, Needs, String), (BTreeSet<String>, Rule)> = BTreeMap::new();
    for ((access, times), path) in seen.into_iter().zip(templates) {
        let path = path.unwrap_or(access.path);
        let (callers, rule) = by_method.entry((path, access.needs, access.method)).or_default();
        callers.insert(access.caller);
        rule.ports.insert(access.port);
        rule.times.add(times);
    }
    let mut rules = Rules::new();
    for ((path, needs, method), (callers, of_method)) in by_method {
        let rule = rules.entry((path, needs, callers)).or_default();
        rule.methods.insert(method);
        rule.ports.extend(of_method.ports);
        rule.times.add(of_method.times);
    }
    for rule in rules.values_mut().filter(|rule| rule.methods.contains("GET")) {
        rule.methods.remove("HEAD");
    }
    rules
}

/// One rule for each path of each server. GET grants HEAD.
pub(super) fn called(seen: BTreeMap<Access, Times>) -> BTreeMap<(String, Needs, (String, u16)), Rule> {
    let templates = fold::templates(seen.keys().map(|access| access.path.as_str()));
    let mut rules: BTreeMap<_, Rule> = BTreeMap::new();
    for ((access, times), path) in seen.into_iter().zip(templates) {
        let server = (access.caller, access.port);
        let rule = rules.entry((path.unwrap_or(access.path), access.needs, server)).or_default();
        rule.methods.insert(access.method);
        rule.times.add(times);
    }
    for rule in rules.values_mut().filter(|rule| rule.methods.contains("GET")) {
        rule.methods.remove("HEAD");
    }
    rules
}
