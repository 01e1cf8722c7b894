//! `podwall log learn`: what learn mode saw becomes a proposal for an allowlist. Many paths become templates, callers who
//! ask for the same share a rule. What a record holds is never trusted: a rule is proposed only if `podwall check` would
//! take it, and the owner reads all of them before they grant anything.

use super::USAGE;
use super::learn_budgets::{Proposal, Volumes};
use super::learn_statements::Statements;
use super::log::for_each_line;
use crate::canon::path::fold;
use crate::document;
use crate::policy;
use crate::record::learned::{CONNECT, Needs, Times};
use lexopt::prelude::{Long, Short, Value as Word, ValueExt};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

/// What `podwall log learn --help` says.
pub const HELP: &str = "\
Proposes an allowlist from what learn mode has seen.

Usage: podwall log learn FILE... [--name NAME] [--owner OWNER] [--all]

Writes a document with one rule for each thing that callers asked for and no rule granted, and one for
each user of a database with the statements that ran, granted or not. Requests and statements that carried a sign of an attack are never among them. Numbers, UUIDs, long tokens, and segments that
have more than 24 values become {id}. Read every rule before you use it: what nobody should have been
asking for is in it too.
Rules for what the pod calls have a budget: four times the bytes that left for the destination in the busiest hour
(of the clock, UTC) of the record, rounded up to 1, 2 or 5 with noughts, 100KiB/h at least; the figures stand beside it.
Let it learn through the busiest hours of a week. For rules that grant already, budgets are listed at the end.
  --name NAME    what the document is called (learned)
  --owner OWNER  who answers for its rules
  --all          also what the application never answered with success (a status below 400)

Exit codes: 0 good, 1 nothing to propose, 2 wrong usage or no file.
";

/// What was asked for.
#[derive(Debug)]
struct Options {
    files: Vec<PathBuf>,
    name: String,
    owner: Option<String>,
    all: bool,
}

/// Different accesses that are read from a record; what is over is counted.
const MAX_ACCESSES: usize = 100_000;

/// One access of one caller, or to one server, as a line tells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Access {
    /// Whether the pod called.
    outbound: bool,
    path: String,
    needs: Needs,
    method: String,
    /// Outbound, the host that was asked for, or the address.
    caller: String,
    port: u16,
}

/// A rule to be proposed.
#[derive(Debug, Default)]
struct Rule {
    methods: BTreeSet<String>,
    ports: BTreeSet<u16>,
    times: Times,
}

/// Rules by path, what they need, and callers.
type Rules = BTreeMap<(String, Needs, BTreeSet<String>), Rule>;

/// Runs `podwall log learn …`; `arguments` come after that.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match super::asked(parse(arguments), "log learn", HELP) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match Learned::read(&options) {
        Ok(learned) => match propose(&options, learned) {
            Some(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            None => {
                eprintln!(
                    "podwall log learn: nothing to propose: no `learned` or `statement` lines of what succeeded (--all)"
                );
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("podwall log learn: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut options = Options { files: Vec::new(), name: "learned".into(), owner: None, all: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("help") | Short('h') => return Ok(None),
            Long("name") => options.name = parser.value()?.string()?,
            Long("owner") => options.owner = Some(parser.value()?.string()?),
            Long("all") => options.all = true,
            Word(word) => options.files.push(word.into()),
            other => return Err(other.unexpected()),
        }
    }
    if options.files.is_empty() { Err("name at least one file".into()) } else { Ok(Some(options)) }
}

/// All that a record tells of.
#[derive(Default)]
struct Learned {
    seen: BTreeMap<Access, Times>,
    /// Requests that are not told one by one.
    beyond: u64,
    statements: Statements,
    volumes: Volumes,
}

impl Learned {
    fn read(options: &Options) -> io::Result<Self> {
        let (seen, beyond) = read(&options.files)?;
        let statements = Statements::read(&options.files, options.all)?;
        Ok(Self { seen, beyond, statements, volumes: Volumes::read(&options.files)? })
    }
}

/// What was asked for, and the requests that are not told one by one.
fn read(files: &[PathBuf]) -> io::Result<(BTreeMap<Access, Times>, u64)> {
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

/// The document; nothing when there is nothing to propose.
fn propose(options: &Options, learned: Learned) -> Option<String> {
    let Learned { mut seen, mut beyond, statements, volumes } = learned;
    let failed: u64 = seen.values().filter(|times| times.succeeded == 0).map(|times| times.requests).sum();
    seen.retain(|_, times| options.all || times.succeeded > 0);
    let domain = common_domain(seen.keys().map(|access| access.caller.as_str()).chain(statements.callers()));
    let (outbound, inbound): (BTreeMap<_, _>, BTreeMap<_, _>) =
        seen.into_iter().partition(|(access, _)| access.outbound);
    let one_port = inbound.keys().map(|access| access.port).collect::<BTreeSet<_>>().len() == 1;
    let mut rules = Proposed::default();
    for (key, mut rule) in grouped(inbound) {
        if one_port {
            rule.ports.clear();
        }
        rules.inbound.add(options, domain.as_deref(), "inbound", &rule, &written(&key, &rule, domain.as_deref()));
    }
    let (connections, requests): (BTreeMap<_, _>, BTreeMap<_, _>) =
        outbound.into_iter().partition(|(access, _)| access.method == CONNECT);
    for (Access { path: word, caller: host, port, .. }, times) in connections {
        let rule = Rule { times, ..Rule::default() };
        let text = written_connection(&host, port, &word, &rule, volumes.of(&host, port));
        rules.outbound.add(options, domain.as_deref(), "outbound", &rule, &text);
    }
    for ((path, needs, server), rule) in called(requests) {
        let text = written_call(&path, needs, &server, &rule, volumes.of(&server.0, server.1));
        rules.outbound.add(options, domain.as_deref(), "outbound", &rule, &text);
    }
    for (text, times) in statements.rules(|caller| short(caller, domain.as_deref())) {
        let times = Times { requests: times, ..Times::default() };
        rules.databases.add(options, domain.as_deref(), "databases", &Rule { times, ..Rule::default() }, &text);
    }
    let Proposed { inbound, outbound, databases } = &rules;
    beyond = [inbound, outbound, databases].iter().map(|rules| rules.beyond).fold(beyond, u64::saturating_add);
    beyond = beyond.saturating_add(statements.beyond);
    let requests = inbound.requests + outbound.requests + databases.requests;
    let left_out = if options.all { 0 } else { failed.saturating_add(statements.failed) };
    let head = format!(
        "# Proposed from {requests} requests and statements. Left out: {left_out} that never succeeded, {beyond} that\n\
         # no rule can tell apart. Read every rule: whatever callers asked for is here, wanted or not.\n"
    );
    let rules = inbound.listed("inbound") + &outbound.listed("outbound") + &databases.listed("databases");
    let document = if rules.is_empty() { String::new() } else { head + &document(options, domain.as_deref(), &rules) };
    let all = document + &granted(&volumes);
    (!all.is_empty()).then_some(all)
}

/// Budgets for rules that grant already, as comments: they stand in documents of their owner's.
fn granted(volumes: &Volumes) -> String {
    let rules = volumes.of_rules();
    let lines = rules.iter().map(|(rule, (host, Proposal { budget, because }))| {
        format!("#   {}: budget: {budget}    # {}: {because}\n", quoted(rule), quoted(host))
    });
    let lines: String = lines.collect();
    let head = "# Budgets for rules that grant already, each by the busiest of its destinations:\n";
    if lines.is_empty() { lines } else { format!("{head}{lines}") }
}

/// Rules of both directions.
#[derive(Default)]
struct Proposed {
    inbound: Accepted,
    outbound: Accepted,
    databases: Accepted,
}

/// Rules that `podwall check` would take.
#[derive(Default)]
struct Accepted {
    text: String,
    requests: u64,
    /// Requests of rules that it would not.
    beyond: u64,
}

impl Accepted {
    fn add(&mut self, options: &Options, domain: Option<&str>, list: &str, rule: &Rule, text: &str) {
        if is_accepted(&document(options, domain, &format!("{list}:\n{text}"))) {
            self.requests += rule.times.requests;
            self.text += text;
        } else {
            self.beyond = self.beyond.saturating_add(rule.times.requests);
        }
    }

    fn listed(&self, list: &str) -> String {
        if self.text.is_empty() { String::new() } else { format!("{list}:\n{}", self.text) }
    }
}

/// One rule for each path of each server. GET grants HEAD.
fn called(seen: BTreeMap<Access, Times>) -> BTreeMap<(String, Needs, (String, u16)), Rule> {
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

/// A rule for connections that are granted as a whole.
fn written_connection(host: &str, port: u16, word: &str, rule: &Rule, proposal: Option<Proposal>) -> String {
    let times = format!("# connections: {}", rule.times.requests);
    match proposal {
        None => {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            format!("  - {}    {times}\n", quoted(&format!("{host}:{port} {word}")))
        }
        Some(Proposal { budget, because }) => {
            let (host, word) = (quoted(host), quoted(word));
            format!(
                "  - to: {host}    {times}\n    port: {port}\n    protocol: {word}\n    budget: {budget}    # {because}\n"
            )
        }
    }
}

/// A rule for what the pod calls; on one line when it needs no more. Bodies of any size may go out.
fn written_call(
    path: &str,
    needs: Needs,
    (server, port): &(String, u16),
    rule: &Rule,
    proposal: Option<Proposal>,
) -> String {
    let times = format!("# requests: {}", rule.times.requests);
    let methods: Vec<String> = rule.methods.iter().cloned().collect();
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.~{}-".contains(&b));
    let brief = !needs.websocket && plain(path) && plain(server) && methods.iter().all(|method| plain(method));
    if brief && !needs.absolute_form && proposal.is_none() {
        return format!("  - {} {path} to {server}:{port}    {times}\n", methods.join(","));
    }
    let list = methods.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ");
    let (to, path) = (quoted(server), quoted(path));
    let mut text = format!("  - to: {to}    {times}\n    port: {port}\n    methods: [{list}]\n    path: {path}\n");
    text += if needs.websocket { "    upgrade: [websocket]\n" } else { "" };
    // No rule grants a proxy's form of target: it is told apart as what cannot be proposed.
    text += if needs.absolute_form { "    absoluteForm: true\n" } else { "" };
    if let Some(Proposal { budget, because }) = proposal {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    budget: {budget}    # {because}");
    }
    text
}

fn document(options: &Options, domain: Option<&str>, rules: &str) -> String {
    let owner = options.owner.as_ref().map_or_else(String::new, |owner| format!("owner: {}\n", quoted(owner)));
    let domain = domain.map_or_else(String::new, |domain| format!("trustDomain: {domain}\n"));
    let name = quoted(&options.name);
    format!(
        "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {{name: {name}}}\n{owner}{domain}\
         mode: shadow    # record what would be denied; enforce once nothing is missing\n{rules}"
    )
}

/// Whether `podwall check` takes it.
fn is_accepted(text: &str) -> bool {
    let context = policy::Context { now: SystemTime::now(), trust_domain: None, tls: None };
    document::read("learned", text).is_ok_and(|documents| policy::compile(&documents, &context).is_ok())
}

/// One rule for each path and set of callers. GET grants HEAD.
fn grouped(seen: BTreeMap<Access, Times>) -> Rules {
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

/// The rule on one line when it needs no more, else as a mapping.
fn written((path, needs, callers): &(String, Needs, BTreeSet<String>), rule: &Rule, domain: Option<&str>) -> String {
    let callers: Vec<String> = callers.iter().map(|caller| short(caller, domain)).collect();
    let methods: Vec<&str> = rule.methods.iter().map(String::as_str).collect();
    let times = format!("# requests: {}", rule.times.requests);
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.~{}:-".contains(&b));
    let brief =
        *needs == Needs::default() && rule.ports.is_empty() && plain(path) && callers.iter().all(|one| plain(one));
    if brief && methods.iter().all(|method| plain(method)) {
        return format!("  - {} {path} from {}    {times}\n", methods.join(","), callers.join(", "));
    }
    let list = |all: &[String]| all.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ");
    let methods: Vec<String> = rule.methods.iter().cloned().collect();
    let mut text = format!("  - from: [{}]    {times}\n", list(&callers));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "    methods: [{}]\n    path: {}", list(&methods), quoted(path));
    if !rule.ports.is_empty() {
        let _ = writeln!(text, "    port: {:?}", rule.ports.iter().collect::<Vec<_>>());
    }
    for (needed, line) in [
        (needs.websocket, "upgrade: [websocket]"),
        (needs.absolute_form, "absoluteForm: true"),
        (needs.stream, "stream: true"),
    ] {
        if needed {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// The trust domain of most callers.
fn common_domain<'a>(callers: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (domain, _) in callers.filter_map(|caller| caller.strip_prefix("spiffe://")?.split_once('/')) {
        *count.entry(domain).or_default() += 1;
    }
    count.into_iter().max_by_key(|(_, count)| *count).map(|(domain, _)| domain.to_owned())
}

/// `shop/frontend` for a service account of the document's trust domain.
fn short(caller: &str, domain: Option<&str>) -> String {
    let account = || {
        let rest = caller.strip_prefix("spiffe://")?.strip_prefix(domain?)?.strip_prefix("/ns/")?;
        let (namespace, account) = rest.split_once("/sa/")?;
        (!namespace.contains('/') && !account.contains('/')).then(|| format!("{namespace}/{account}"))
    };
    account().unwrap_or_else(|| caller.to_owned())
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(method: &str, path: &str, caller: &str) -> Access {
        let (path, method, caller) = (path.into(), method.into(), caller.into());
        Access { outbound: false, path, needs: Needs::default(), method, caller, port: 80 }
    }

    fn call(method: &str, path: &str, server: &str, port: u16) -> Access {
        Access { outbound: true, port, ..access(method, path, server) }
    }

    fn proposed(seen: Vec<(Access, u64)>) -> String {
        let times = |succeeded| Times { requests: 10, succeeded };
        let seen = seen.into_iter().map(|(access, succeeded)| (access, times(succeeded))).collect();
        let options = parse(["x".into()]).unwrap().unwrap();
        let text = propose(&options, Learned { seen, ..Learned::default() }).unwrap_or_default();
        text.split_once("inbound:\n").map(|(_, rules)| rules.to_owned()).unwrap_or_default()
    }

    const CART: &str = "spiffe://prod.example/ns/shop/sa/cart";

    #[test]
    fn callers_share_a_rule() {
        let web = "spiffe://prod.example/ns/shop/sa/web";
        let seen = [("GET", CART), ("GET", web), ("HEAD", CART), ("HEAD", web)];
        let rules = proposed(seen.map(|(method, caller)| (access(method, "/orders/7", caller), 10)).to_vec());
        assert_eq!(rules, "  - GET /orders/{id} from shop/cart, shop/web    # requests: 40\n");
    }

    #[test]
    fn calls_become_outbound_rules() {
        let seen = [
            call("GET", "/items/7", "catalog.shop", 8080),
            call("HEAD", "/items/8", "catalog.shop", 8080),
            call("POST", "/log", "10.4.7.9", 80),
            Access { needs: Needs { websocket: true, ..Needs::default() }, ..call("GET", "/live", "push.shop", 80) },
            Access {
                needs: Needs { absolute_form: true, ..Needs::default() },
                ..call("GET", "/proxied", "a.shop", 80)
            },
        ];
        let options = parse(["x".into()]).unwrap().unwrap();
        let times = Times { requests: 10, succeeded: 1 };
        let seen = seen.map(|access| (access, times)).into();
        let text = propose(&options, Learned { seen, ..Learned::default() }).unwrap();
        let rules = text.split_once("outbound:\n").unwrap().1;
        let expected = "  - GET /items/{id} to catalog.shop:8080    # requests: 20
  - to: \"push.shop\"    # requests: 10
    port: 80
    methods: [\"GET\"]
    path: \"/live\"
    upgrade: [websocket]
  - POST /log to 10.4.7.9:80    # requests: 10
";
        assert_eq!(rules, expected);
        assert!(!text.contains("inbound:") && text.contains("Left out: 0 that never succeeded, 10 that"), "{text}");
    }

    #[test]
    fn connections_become_outbound_rules() {
        let seen = [
            call(CONNECT, "ssh", "login.example", 22),
            call(CONNECT, "kafka", "2001:db8::1", 9092),
            call(CONNECT, "https", "api.example", 443),
            call(CONNECT, "no such thing", "api.example", 444),
        ];
        let options = parse(["x".into()]).unwrap().unwrap();
        let times = Times { requests: 10, succeeded: 1 };
        let seen = seen.map(|access| (access, times)).into();
        let text = propose(&options, Learned { seen, ..Learned::default() }).unwrap();
        let expected = "  - \"api.example:443 https\"    # connections: 10
  - \"[2001:db8::1]:9092 kafka\"    # connections: 10
  - \"login.example:22 ssh\"    # connections: 10
";
        assert_eq!(text.split_once("outbound:\n").unwrap().1, expected);
    }

    #[test]
    fn what_left_becomes_budgets() {
        let seen = [
            call(CONNECT, "ssh", "login.example", 22),
            call(CONNECT, "tcp", "2001:db8::1", 7000),
            call("GET", "/items", "catalog.shop", 80),
        ];
        let times = Times { requests: 10, succeeded: 1 };
        let mut learned = Learned { seen: seen.map(|access| (access, times)).into(), ..Learned::default() };
        for (rule, name, address) in [
            ("", "login.example", "192.0.2.7:22"),
            ("", "", "[2001:db8::1]:7000"),
            ("", "catalog.shop", "10.0.0.7:80"),
            ("a\nb", "x.example", "192.0.2.8:443"),
        ] {
            let since = "2026-11-22T10:00:00.000Z";
            let line = serde_json::json!({
                "rule": rule, "name": name, "address": address, "since": since, "bytes_out": 1 << 20,
            });
            learned.volumes.take(&line).unwrap();
        }
        let options = parse(["x".into()]).unwrap().unwrap();
        let text = propose(&options, learned).unwrap();
        let budget = "budget: 5MiB/h    # the busiest of 1 hours, 2026-11-22T10h UTC: 1048576 bytes out";
        let expected = format!(
            "  - to: \"login.example\"    # connections: 10
    port: 22
    protocol: \"ssh\"
    {budget}
  - to: \"2001:db8::1\"    # connections: 10
    port: 7000
    protocol: \"tcp\"
    {budget}
  - to: \"catalog.shop\"    # requests: 10
    port: 80
    methods: [\"GET\"]
    path: \"/items\"
    {budget}
# Budgets for rules that grant already, each by the busiest of its destinations:
#   \"a\\nb\": budget: 5MiB/h    # \"x.example\": {}
",
            budget.split_once("# ").unwrap().1
        );
        assert_eq!(text.split_once("outbound:\n").unwrap().1, expected);
    }

    #[test]
    fn what_never_succeeded_is_left_out() {
        let seen = vec![(access("GET", "/orders", CART), 1), (access("GET", "/.git/config", CART), 0)];
        assert_eq!(proposed(seen), "  - GET /orders from shop/cart    # requests: 10\n");
    }

    #[test]
    fn what_needs_more_than_a_line_is_a_mapping() {
        let needs = Needs { websocket: true, ..Needs::default() };
        let seen = vec![(Access { needs, ..access("GET", "/a b", "10.0.0.9") }, 1)];
        let rule = "  - from: [\"10.0.0.9\"]    # requests: 10\n    methods: [\"GET\"]\n    path: \"/a b\"\n    upgrade: [websocket]\n";
        assert_eq!(proposed(seen), rule);
    }

    #[test]
    fn what_no_policy_would_take_is_left_out() {
        let seen = vec![
            (access("G\nET", "/a", CART), 1),
            (access("GET", "/{a}b", CART), 1),
            (access("GET", "/a", "x y\n- z"), 1),
        ];
        assert_eq!(proposed(seen), "");
    }
}
