//! The proposal: of each rule that was learned, whether `podwall check` would take it, and the document of those.

use super::budgets::{Proposal, Volumes};
use super::seen::{Access, Rule, called, grouped};
use super::written::{self, quoted, short};
use super::{Learned, Options};
use crate::document;
use crate::policy;
use crate::record::learned::{CONNECT, Times};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

/// The document; nothing when there is nothing to propose.
pub(super) fn propose(options: &Options, learned: Learned) -> Option<String> {
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
        rules.inbound.add(
            options,
            domain.as_deref(),
            "inbound",
            &rule,
            &written::request(&key, &rule, domain.as_deref()),
        );
    }
    let (connections, requests): (BTreeMap<_, _>, BTreeMap<_, _>) =
        outbound.into_iter().partition(|(access, _)| access.method == CONNECT);
    for (Access { path: word, caller: host, port, .. }, times) in connections {
        let rule = Rule { times, ..Rule::default() };
        let text = written::connection(&host, port, &word, &rule, volumes.of(&host, port));
        rules.outbound.add(options, domain.as_deref(), "outbound", &rule, &text);
    }
    for ((path, needs, server), rule) in called(requests) {
        let text = written::call(&path, needs, &server, &rule, volumes.of(&server.0, server.1));
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

/// The trust domain of most callers.
fn common_domain<'a>(callers: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for (domain, _) in callers.filter_map(|caller| caller.strip_prefix("spiffe://")?.split_once('/')) {
        *count.entry(domain).or_default() += 1;
    }
    count.into_iter().max_by_key(|(_, count)| *count).map(|(domain, _)| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::learn::parse;
    use crate::record::learned::Needs;

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
