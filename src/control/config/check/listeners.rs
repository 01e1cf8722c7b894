//! Listeners held against each other, against what they are for, and against the ports that are our own.

use super::Checker;
use crate::control::config::{Direction, Listener, roots_file};
use crate::flow::SpiffeId;
use crate::proxy::tls::Mode;
use std::net::{IpAddr, SocketAddr};

impl Checker<'_> {
    pub(super) fn listeners(&mut self) {
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
    pub(super) fn upstreams(&mut self) {
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
    pub(super) fn own_ports(&mut self) {
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
}

/// Whether both cannot be listened on at once. Port 0 is a free one each time; an IPv6 listener takes no IPv4.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified() && one.is_ipv4() == other.is_ipv4();
    let same = one.ip() == other.ip() || any(one.ip()) || any(other.ip());
    one.port() != 0 && one.port() == other.port() && same
}

#[cfg(test)]
mod tests {
    use crate::control::config::check::tests::found;

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
}
