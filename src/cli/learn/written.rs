//! Rules as they are written: on one line when they need no more, else as a mapping.

use super::budgets::Proposal;
use super::seen::Rule;
use crate::record::learned::Needs;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The rule on one line when it needs no more, else as a mapping.
pub(super) fn request(
    (path, needs, callers): &(String, Needs, BTreeSet<String>),
    rule: &Rule,
    domain: Option<&str>,
) -> String {
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

/// A rule for connections that are granted as a whole.
pub(super) fn connection(host: &str, port: u16, word: &str, rule: &Rule, proposal: Option<Proposal>) -> String {
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
pub(super) fn call(
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

/// `shop/frontend` for a service account of the document's trust domain.
pub(super) fn short(caller: &str, domain: Option<&str>) -> String {
    let account = || {
        let rest = caller.strip_prefix("spiffe://")?.strip_prefix(domain?)?.strip_prefix("/ns/")?;
        let (namespace, account) = rest.split_once("/sa/")?;
        (!namespace.contains('/') && !account.contains('/')).then(|| format!("{namespace}/{account}"))
    };
    account().unwrap_or_else(|| caller.to_owned())
}

/// A string of JSON is one of YAML.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
