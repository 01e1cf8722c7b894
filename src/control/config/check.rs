//! A configuration held against itself and against the machine: what each setting allows alone may be wrong together.

use super::{Config, Direction, Identity, Listener, roots_file};
use crate::document::{Document, Problem, Severity};
use crate::flow::SpiffeId;
use crate::flow::peer::check_trust_domain;
use crate::protocol::dns::Name;
use crate::proxy::tls::Mode;
use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// Everything that is wrong or unwise. The files that it names are looked for only on the machine that it is for.
pub fn check(document: &Document<Config>, on_its_machine: bool) -> Vec<Problem> {
    let mut checker = Checker { document, on_its_machine, problems: Vec::new() };
    checker.listeners();
    checker.own_ports();
    checker.upstreams();
    checker.identity();
    checker.admin();
    checker.files();
    checker.limits();
    checker.dns();
    checker.problems
}

struct Checker<'a> {
    document: &'a Document<Config>,
    on_its_machine: bool,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn listeners(&mut self) {
        let listeners = &self.document.value.listeners;
        if listeners.is_empty() && self.document.value.dns.is_none() {
            self.error("listeners", "an empty list", "at least one listener", "say where connections are accepted");
        }
        for (at, listener) in listeners.iter().enumerate() {
            let field = format!("listeners[{at}]");
            if listener.redirected {
                self.redirected(listener, &field)
            } else {
                self.direct(listener, &field)
            }
            self.forwarders(&listener.forwarders, &field);
            for (number, port) in listener.ports.iter().enumerate() {
                self.forwarders(&port.forwarders, &format!("{field}.ports[{number}]"));
            }
            let earlier = listeners.iter().take(at).position(|other| overlap(other.listen, listener.listen));
            if let Some(other) = earlier {
                let found = format!("{}, which overlaps listeners[{other}]", listener.listen);
                self.error(&format!("{field}.listen"), &found, "an address of its own", "choose another port");
            }
        }
    }

    fn forwarders(&mut self, ids: &[String], field: &str) {
        for (at, id) in ids.iter().enumerate() {
            if let Err(invalid) = SpiffeId::parse(id) {
                let found = format!("`{}`, which {}", id.escape_debug(), invalid.0);
                let expected = "the SPIFFE ID of a gateway: `spiffe://cluster.local/ns/edge/sa/gateway`";
                self.error(&format!("{field}.forwarders[{at}]"), &found, expected, "");
            }
        }
    }

    fn dns(&mut self) {
        let Some(dns) = &self.document.value.dns else { return };
        if dns.listen.is_empty() {
            self.error("dns.listen", "an empty list", "at least one address", "leave it out for 127.0.0.1:53");
        }
        if dns.upstreams.is_empty() {
            let remedy = "name the cluster's resolvers: the `nameserver` lines of the pod's resolv.conf";
            self.error("dns.upstreams", "an empty list", "at least one resolver", remedy);
        }
        for (at, address) in dns.listen.iter().enumerate() {
            if !address.ip().is_loopback() {
                let remedy = "whoever reaches this address asks with the pod's grants";
                self.warning(&format!("dns.listen[{at}]"), &address.to_string(), "a loopback address", remedy);
            }
            if dns.upstreams.contains(address) {
                let remedy = "an upstream that is ourselves never answers";
                self.error(&format!("dns.listen[{at}]"), &address.to_string(), "an address of its own", remedy);
            }
        }
        for (list, names) in [("search", &dns.search), ("inside", &dns.inside)] {
            for (at, name) in names.iter().enumerate().filter(|(_, name)| Name::parse(name).is_none()) {
                let field = format!("dns.{list}[{at}]");
                self.error(&field, &format!("`{}`", name.escape_debug()), "a domain such as `cluster.local`", "");
            }
        }
        if dns.deadline < dns.upstream_deadline {
            let remedy = "the first upstream would use up the time of all";
            self.error("dns.deadline", "less than `dns.upstream_deadline`", "at least as much", remedy);
        }
    }

    fn redirected(&mut self, listener: &Listener, field: &str) {
        let outbound = listener.direction == Direction::Outbound;
        if listener.ports.is_empty() && !outbound {
            let remedy = "declare the ports of the application; a connection to any other is refused";
            self.error(&format!("{field}.ports"), "no ports", "at least one declared port", remedy);
        }
        if outbound && self.document.value.dns.is_none() {
            let remedy = "without the pod's lookups no rule that names a host grants anything";
            self.warning(field, "an outbound listener without `dns`", "`dns:` with the cluster's resolvers", remedy);
        }
        if listener.upstream_tls.is_some() {
            let remedy = "give each port its own";
            self.error(&format!("{field}.upstream_tls"), "set", "none on a redirected listener", remedy);
        }
        if listener.upstream.is_some() {
            let remedy = "give each port its upstream, or leave it out for the same port on 127.0.0.1";
            self.error(&format!("{field}.upstream"), "an upstream", "none on a redirected listener", remedy);
        }
        for (at, port) in listener.ports.iter().enumerate() {
            if listener.ports.iter().take(at).any(|other| other.port == port.port) {
                let found = format!("port {} a second time", port.port);
                self.error(&format!("{field}.ports[{at}].port"), &found, "each port once", "remove one of the two");
            }
        }
    }

    fn direct(&mut self, listener: &Listener, field: &str) {
        if listener.upstream.is_none() {
            let remedy = "say where the application listens, or write `redirected: true`";
            self.error(field, "no upstream", "`upstream: address:port`", remedy);
        }
        if !listener.ports.is_empty() {
            let remedy = "write `redirected: true`, or remove the ports";
            self.error(&format!("{field}.ports"), "ports", "none unless the listener is redirected", remedy);
        }
        let open = listener.declared().iter().any(|port| listener.tls(port) == Mode::Off);
        if open && !listener.listen.ip().is_loopback() {
            let (expected, remedy) = match listener.direction {
                Direction::Inbound => ("`strict`", "anyone who reaches this address is an unverified caller"),
                Direction::Outbound => {
                    ("a loopback address", "whoever reaches this address calls with the pod's grants")
                }
            };
            let found = format!("`off` on {}", listener.listen);
            self.warning(&format!("{field}.tls"), &found, expected, remedy);
        }
    }

    /// What is asked of upstreams, and of an application that calls out.
    fn upstreams(&mut self) {
        let config = &self.document.value;
        let outbound = config.listeners.iter().any(|listener| listener.direction == Direction::Outbound);
        match roots_file(&config.roots) {
            Some(path) if config.roots.as_path() == path => self.readable("roots", path),
            None if outbound && self.on_its_machine => {
                let remedy = "install the image's CA certificates, or name a PEM file: rules with `tls` reach nobody";
                self.warning("roots", "`system`, and none are installed", "CA certificates", remedy);
            }
            _ => {}
        }
        for (at, listener) in config.listeners.iter().enumerate() {
            for (number, port) in listener.declared().iter().enumerate() {
                let inner = if listener.redirected { format!(".ports[{number}]") } else { String::new() };
                let field = format!("listeners[{at}]{inner}");
                if let (Direction::Outbound, Some(Mode::Strict | Mode::Permissive)) = (listener.direction, port.tls) {
                    let remedy = "remove it: the application speaks plaintext to its own sidecar";
                    self.error(&format!("{field}.tls"), "TLS on an outbound listener", "`off`", remedy);
                }
                for (inner, found, remedy) in port.protocol.wrong(listener.direction, listener.tls(port)) {
                    self.error(&format!("{field}.{inner}"), found, "another", remedy);
                }
                let Some(tls) = &port.upstream_tls else { continue };
                for wrong in tls.wrong(listener.direction, port, config.identity.is_some()) {
                    let inner = if wrong.field.is_empty() { String::new() } else { format!(".{}", wrong.field) };
                    let field = format!("{field}.upstream_tls{inner}");
                    self.error(&field, &wrong.found, wrong.expected, &wrong.remedy);
                }
                if let Some(path) = tls.roots_file() {
                    self.readable(&format!("{field}.upstream_tls.roots"), path);
                }
            }
        }
    }

    /// What we listen on is never delivered to: neither by an upstream of ours nor as a declared port.
    fn own_ports(&mut self) {
        let config = &self.document.value;
        let admin = ("admin.listen".to_owned(), config.admin.listen);
        let listens = config.listeners.iter().enumerate().map(|(at, l)| (format!("listeners[{at}].listen"), l.listen));
        let own: Vec<(String, SocketAddr)> =
            listens.chain([admin]).filter(|(_, address)| address.port() != 0).collect();
        let ours = |port: u16| own.iter().find(|(_, address)| address.port() == port);
        for (at, listener) in config.listeners.iter().enumerate() {
            let inbound = listener.direction == Direction::Inbound;
            for (number, port) in listener.ports.iter().enumerate().filter(|_| inbound) {
                if let Some((owner, _)) = ours(port.port) {
                    let found = format!("port {}, which is our own ({owner})", port.port);
                    let field = format!("listeners[{at}].ports[{number}].port");
                    self.error(&field, &found, "a port of the application", "own ports are never delivered to");
                }
            }
            let upstreams =
                listener.declared().into_iter().enumerate().filter_map(|(number, p)| Some((number, p.upstream?)));
            for (number, upstream) in upstreams {
                let near = upstream.ip().is_loopback() || upstream.ip().is_unspecified();
                let owner = ours(upstream.port()).filter(|(_, address)| near || address.ip() == upstream.ip());
                if let Some((owner, _)) = owner {
                    let inner = if listener.redirected { format!(".ports[{number}]") } else { String::new() };
                    let found = format!("{upstream}, which is our own ({owner})");
                    let field = format!("listeners[{at}]{inner}.upstream");
                    self.error(&field, &found, "an address of the application", "own ports are never delivered to");
                }
            }
        }
    }

    fn identity(&mut self) {
        let config = &self.document.value;
        if let Some(identity) = &config.identity {
            self.trust(identity);
            self.readable("identity.certificate", &identity.certificate);
            self.readable("identity.key", &identity.key);
            for (at, named) in identity.named.iter().enumerate() {
                self.readable(&format!("identity.named[{at}].certificate"), &named.certificate);
                self.readable(&format!("identity.named[{at}].key"), &named.key);
            }
            return;
        }
        for (at, listener) in config.listeners.iter().enumerate() {
            for (number, port) in listener.declared().iter().enumerate() {
                let mode = match listener.tls(port) {
                    Mode::Strict => "strict",
                    Mode::Permissive => "permissive",
                    Mode::Off => continue,
                };
                let inner = if listener.redirected { format!(".ports[{number}]") } else { String::new() };
                let found = format!("`{mode}` without an identity");
                let remedy = "add `identity:` with certificate, key and trust (`podwall pki dev` issues some)";
                self.error(&format!("listeners[{at}]{inner}.tls"), &found, "an identity, or `off`", remedy);
            }
        }
    }

    fn trust(&mut self, identity: &Identity) {
        if identity.trust.is_empty() {
            let remedy = "name the trust domain of your callers and its CA certificates";
            self.error("identity.trust", "an empty list", "at least one trust domain", remedy);
        }
        for (at, trust) in identity.trust.iter().enumerate() {
            let field = format!("identity.trust[{at}]");
            if let Err(invalid) = check_trust_domain(&trust.domain) {
                let found = format!("`{}`, which {}", trust.domain, invalid.0);
                self.error(&format!("{field}.domain"), &found, "a trust domain such as `cluster.local`", "");
            }
            if identity.trust.iter().take(at).any(|other| other.domain == trust.domain) {
                let found = format!("`{}` a second time", trust.domain);
                let remedy = "put all CA certificates of a domain into one bundle";
                self.error(&format!("{field}.domain"), &found, "each trust domain once", remedy);
            }
            self.readable(&format!("{field}.bundle"), &trust.bundle);
        }
    }

    fn admin(&mut self) {
        let config = &self.document.value;
        let listen = config.admin.listen;
        if !listen.ip().is_loopback() {
            let remedy = "metrics for others are scraped through a declared port, under the allowlist";
            self.error("admin.listen", &listen.to_string(), "a loopback address", remedy);
        }
        if let Some(at) = config.listeners.iter().position(|listener| overlap(listener.listen, listen)) {
            let found = format!("{listen}, which overlaps listeners[{at}]");
            self.error("admin.listen", &found, "an address of its own", "choose another port");
        }
    }

    fn files(&mut self) {
        let config = &self.document.value;
        if config.allowlists.is_empty() {
            self.warning("allowlists", "none", "files or directories", "everything is denied");
        }
        for (at, path) in config.allowlists.iter().enumerate() {
            self.readable(&format!("allowlists[{at}]"), path);
        }
        if !config.signatures.shipped && config.signatures.paths.is_empty() {
            self.warning(
                "signatures",
                "none",
                "`shipped: true`, or paths",
                "attacks with a signature are not detected",
            );
        }
        for (at, path) in config.signatures.paths.iter().enumerate() {
            self.readable(&format!("signatures.paths[{at}]"), path);
        }
        if !config.record.stdout && config.record.file.is_none() {
            self.warning("record", "nowhere to write to", "`stdout: true`, or a file", "refusals leave no evidence");
        }
        if let Some(path) = &config.record.mask_key {
            self.readable("record.mask_key", path);
        }
        let folder =
            config.record.file.as_ref().and_then(|file| file.path.parent()).filter(|path| !path.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| self.on_its_machine && !folder.is_dir()) {
            let found = format!("a file in {}, which is no directory", folder.display());
            self.error("record.file.path", &found, "a file in a directory that exists", "make the directory");
        }
    }

    fn limits(&mut self) {
        let limits = &self.document.value.limits;
        for (field, is_zero) in zeros(self.document) {
            if is_zero {
                self.error(&field, "zero", "more than zero", "no limit can be switched off; remove it for its default");
            }
        }
        let ordered = [
            ("target_bytes", limits.target_bytes, "head_bytes", limits.head_bytes),
            ("header_bytes", limits.header_bytes, "head_bytes", limits.head_bytes),
            ("inspect_bytes", limits.inspect_bytes, "held_bytes", limits.held_bytes),
        ];
        for (small, low, large, high) in ordered {
            if low > high {
                let expected = format!("at most {large}, which is {high}");
                self.error(&format!("limits.{small}"), &low.to_string(), &expected, "");
            }
        }
        if limits.rsa_bits_least > limits.rsa_bits_most {
            let expected = format!("at most rsa_bits_most, which is {}", limits.rsa_bits_most);
            self.error("limits.rsa_bits_least", &limits.rsa_bits_least.to_string(), &expected, "");
        }
    }

    fn readable(&mut self, field: &str, path: &Path) {
        let opened = if path.is_dir() { fs::read_dir(path).map(drop) } else { File::open(path).map(drop) };
        if let (Err(error), true) = (opened, self.on_its_machine) {
            let found = format!("{}: {error}", path.display());
            self.error(field, &found, "a file that can be read", "check the path and its permissions");
        }
    }

    fn error(&mut self, field: &str, found: &str, expected: &str, remedy: &str) {
        self.problems.push(self.document.problem(Severity::Error, field, found, expected, remedy));
    }

    fn warning(&mut self, field: &str, found: &str, expected: &str, remedy: &str) {
        self.problems.push(self.document.problem(Severity::Warning, field, found, expected, remedy));
    }
}

/// Times and sizes, and whether they are zero. Numbers are held to their least by the schema.
fn zeros(document: &Document<Config>) -> Vec<(String, bool)> {
    let Config { limits: l, record: r, watch_interval, .. } = &document.value;
    let sizes = [
        ("limits.head_bytes", l.head_bytes),
        ("limits.header_bytes", l.header_bytes),
        ("limits.target_bytes", l.target_bytes),
        ("limits.trailer_bytes", l.trailer_bytes),
        ("limits.inspect_bytes", l.inspect_bytes),
        ("limits.decoded_bytes", l.decoded_bytes),
        ("limits.held_bytes", l.held_bytes),
        ("limits.chain_bytes", l.chain_bytes),
        ("record.queue_bytes", r.queue_bytes),
    ];
    let times = [
        ("limits.first_byte_deadline", l.first_byte_deadline),
        ("limits.handshake_deadline", l.handshake_deadline),
        ("limits.header_deadline", l.header_deadline),
        ("limits.body_deadline", l.body_deadline),
        ("limits.idle_deadline", l.idle_deadline),
        ("limits.send_deadline", l.send_deadline),
        ("limits.connect_deadline", l.connect_deadline),
        ("limits.response_deadline", l.response_deadline),
        ("limits.response_body_deadline", l.response_body_deadline),
        ("limits.upstream_idle_deadline", l.upstream_idle_deadline),
        ("limits.drain_deadline", l.drain_deadline),
        ("record.repeat_window", r.repeat_window),
        ("record.aggregate_interval", r.aggregate_interval),
        ("watch_interval", *watch_interval),
    ];
    let open_for = document.value.circuit_breaker.iter().map(|breaker| ("circuit_breaker.open_for", breaker.open_for));
    let file = r.file.iter().map(|file| ("record.file.max_bytes", file.max_bytes));
    let sizes = sizes.into_iter().chain(file).map(|(field, size)| (field.to_owned(), size.0 == 0));
    sizes.chain(times.into_iter().chain(open_for).map(|(field, time)| (field.to_owned(), time.0.is_zero()))).collect()
}

/// Whether both cannot be listened on at once. Port 0 is a free one each time; an IPv6 listener takes no IPv4.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified() && one.is_ipv4() == other.is_ipv4();
    let same = one.ip() == other.ip() || any(one.ip()) || any(other.ip());
    one.port() != 0 && one.port() == other.port() && same
}

#[cfg(test)]
mod tests {
    use crate::control::config::{Environment, load::read};
    use crate::document::Problem;

    const HEAD: &str = "apiVersion: podwall.dev/v1\nkind: Podwall\n";

    /// Field and finding of every problem, errors or warnings.
    fn found(text: &str) -> Vec<String> {
        let problems = match read("podwall.yaml", &format!("{HEAD}{text}"), &Environment::default()) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        problems.iter().map(|Problem { field, found, .. }| format!("{field}: {found}")).collect()
    }

    const ONE: &str = "listeners: [{listen: 127.0.0.1:1, upstream: 127.0.0.1:2, tls: off}]\n";

    #[test]
    fn least_configuration_is_warned_that_it_denies_everything() {
        assert_eq!(found(ONE), ["allowlists: none"]);
    }

    #[test]
    fn addresses_may_not_overlap() {
        let text = "listeners:
  - {listen: 127.0.0.1:1, upstream: 127.0.0.1:2, tls: off}
  - {listen: 0.0.0.0:1, upstream: 127.0.0.1:2, tls: off}
admin: {listen: 127.0.0.1:1}
";
        let found = found(text);
        assert!(found.contains(&"listeners[1].listen: 0.0.0.0:1, which overlaps listeners[0]".to_owned()), "{found:?}");
        assert!(found.contains(&"admin.listen: 127.0.0.1:1, which overlaps listeners[0]".to_owned()), "{found:?}");
    }

    #[test]
    fn both_families_may_use_one_port() {
        let of = |any| format!("  - {{listen: '{any}:3', redirected: true, ports: [{{port: 9, tls: off}}]}}\n");
        assert_eq!(found(&format!("listeners:\n{}{}", of("0.0.0.0"), of("[::]"))), ["allowlists: none"]);
    }

    #[test]
    fn own_ports_are_never_destinations() {
        let text = "listeners:
  - {listen: 127.0.0.1:1, upstream: 127.0.0.1:15020, tls: off}
  - {listen: 0.0.0.0:3, redirected: true, ports: [{port: 3, tls: off}, {port: 1, tls: off}, {port: 9, tls: off, upstream: 127.0.0.1:1}]}
";
        assert_eq!(
            found(text),
            [
                "listeners[0].upstream: 127.0.0.1:15020, which is our own (admin.listen)",
                "listeners[1].ports[0].port: port 3, which is our own (listeners[1].listen)",
                "listeners[1].ports[1].port: port 1, which is our own (listeners[0].listen)",
                "listeners[1].ports[2].upstream: 127.0.0.1:1, which is our own (listeners[0].listen)",
            ]
        );
    }

    #[test]
    fn redirected_listener_declares_its_ports() {
        let text = "listeners: [{listen: 0.0.0.0:3, redirected: true, upstream: 127.0.0.1:9}]\n";
        assert_eq!(found(text), ["listeners[0].ports: no ports", "listeners[0].upstream: an upstream"]);
        let text =
            "listeners: [{listen: 0.0.0.0:3, redirected: true, ports: [{port: 9, tls: off}, {port: 9, tls: off}]}]\n";
        assert_eq!(found(text), ["listeners[0].ports[1].port: port 9 a second time"]);
    }

    #[test]
    fn direct_listener_has_one_upstream() {
        let text = "listeners: [{listen: 127.0.0.1:3, tls: off, ports: [{port: 9}]}]\n";
        assert_eq!(found(text), ["listeners[0]: no upstream", "listeners[0].ports: ports"]);
    }

    #[test]
    fn strict_needs_an_identity() {
        let text = "listeners: [{listen: 127.0.0.1:3, upstream: 127.0.0.1:2}]\n";
        assert_eq!(found(text), ["listeners[0].tls: `strict` without an identity"]);
    }

    #[test]
    fn files_must_be_readable() {
        let text = "identity: {certificate: /nowhere/c, key: /nowhere/k, trust: [{domain: A, bundle: /nowhere/b}]}
allowlists: [/nowhere/a]
";
        let found = found(&format!("{ONE}{text}"));
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(
            found.iter().all(|line| line.contains("/nowhere/") || line.starts_with("identity.trust[0].domain: `A`"))
        );
    }

    #[test]
    fn admin_stays_on_loopback() {
        assert_eq!(found(&format!("{ONE}admin: {{listen: 0.0.0.0:15020}}\n")), ["admin.listen: 0.0.0.0:15020"]);
    }

    #[test]
    fn limits_cannot_be_zero() {
        let text = format!("{ONE}limits: {{head_bytes: 0, idle_deadline: 0s}}\n");
        let found = found(&text);
        assert!(found.contains(&"limits.head_bytes: zero".to_owned()));
        assert!(found.contains(&"limits.idle_deadline: zero".to_owned()));
    }

    #[test]
    fn limits_fit_into_each_other() {
        let text = format!("{ONE}limits: {{head_bytes: 4KiB, target_bytes: 4097, header_bytes: 4096}}\n");
        assert_eq!(found(&text), ["limits.target_bytes: 4097B"]);
    }

    #[test]
    fn all_problems_of_the_schema_come_at_once() {
        let text = "listeners: [{listen: nowhere, upstream: 1, tls: maybe}]\nlimit: {}\nworkers: 0\n";
        assert_eq!(found(text).len(), 5, "{:?}", found(text));
    }
}
