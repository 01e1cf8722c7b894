//! How upstreams are reached, as the platform engineer writes it.

use super::{Direction, Port, Protocol};
use crate::flow::IdPattern;
use crate::identity::system_roots;
use crate::proxy::tls::Mode;
use rustls::pki_types::ServerName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What an upstream must prove before a byte is sent to it: an identity (mTLS), or a name as on the web.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// SPIFFE IDs, one of which it must prove to the bundles of `identity.trust`; `*` is one segment. It is shown our own
    /// certificate.
    #[serde(default)]
    pub identities: Vec<String>,
    /// CA certificates that its certificate must lead to: a PEM file, or `system` for those of the image. It is shown no
    /// certificate of ours.
    #[serde(default)]
    pub roots: Option<PathBuf>,
    /// With `roots`, the name or address that its certificate must carry. Default, outbound: the host that is asked for.
    #[serde(default)]
    pub server_name: Option<String>,
    /// With `roots`, on a PostgreSQL port whose callers speak TLS to us: that all of them set `channel_binding=disable`.
    /// Otherwise they would prove the password for our certificate, and the server would expect its own.
    #[serde(default)]
    pub clients_disable_channel_binding: bool,
}

/// The file that is meant; nothing when the system has none.
pub fn roots_file(roots: &Path) -> Option<&Path> {
    if roots == Path::new("system") { system_roots() } else { Some(roots) }
}

/// What is wrong with it.
pub(super) struct Wrong {
    /// Within `upstream_tls`; empty for all of it.
    pub(super) field: String,
    pub(super) found: String,
    pub(super) expected: &'static str,
    pub(super) remedy: String,
}

impl Wrong {
    fn new(field: impl Into<String>, found: impl Into<String>, expected: &'static str, remedy: &str) -> Self {
        Self { field: field.into(), found: found.into(), expected, remedy: remedy.into() }
    }
}

impl UpstreamTls {
    /// The file of CA certificates; nothing when the system has none.
    pub fn roots_file(&self) -> Option<&Path> {
        roots_file(self.roots.as_deref()?)
    }

    /// Everything that is wrong on a port; `has_identity` says whether we have a certificate of our own.
    pub(super) fn wrong(&self, direction: Direction, port: &Port, has_identity: bool) -> Vec<Wrong> {
        let mut wrong: Vec<Wrong> = self.binds_channels(direction, port).into_iter().collect();
        match (self.identities.as_slice(), &self.roots) {
            ([], None) => {
                let remedy = "name the upstream's SPIFFE ID under `identities`, or its CA certificates under `roots`";
                wrong.push(Wrong::new("", "nothing to verify by", "`identities` or `roots`", remedy));
            }
            ([_, ..], Some(_)) => {
                let remedy = "keep `identities` for sidecars, `roots` for servers outside of the mesh";
                wrong.push(Wrong::new("", "both `identities` and `roots`", "one of the two", remedy));
            }
            ([_, ..], None) if !has_identity => {
                let remedy = "add `identity:` with certificate, key and trust (`podwall pki dev` issues some)";
                wrong.push(Wrong::new("identities", "mTLS without an identity", "an identity of our own", remedy));
            }
            _ => {}
        }
        for (at, text) in self.identities.iter().enumerate() {
            if let Err(invalid) = IdPattern::parse(text) {
                let expected = "a SPIFFE ID such as `spiffe://prod.example/ns/shop/sa/catalog`";
                let remedy = format!("{}; {}", invalid.expected, invalid.remedy);
                wrong.push(Wrong::new(format!("identities[{at}]"), format!("`{text}`"), expected, &remedy));
            }
        }
        let asks_by_name = direction == Direction::Outbound && port.protocol == Protocol::Http;
        wrong.extend(self.wrong_name(asks_by_name));
        wrong
    }

    /// With TLS on both sides of us, SCRAM binds the password to the certificate that the client sees, which is ours.
    fn binds_channels(&self, direction: Direction, port: &Port) -> Option<Wrong> {
        let field = "clients_disable_channel_binding";
        let both = port.protocol == Protocol::Postgres
            && direction == Direction::Inbound
            && port.tls.unwrap_or_default() != Mode::Off
            && self.roots.is_some();
        if both && !self.clients_disable_channel_binding {
            let remedy = "clients that bind SCRAM to our certificate are refused by the server: have them all set \
                          channel_binding=disable and say so here, or speak plaintext on one of the two sides";
            return Some(Wrong::new(field, "false, with TLS on both sides", "true", remedy));
        }
        (self.clients_disable_channel_binding && !both).then(|| {
            let remedy = "remove it: only with TLS on both sides of a PostgreSQL port is there a channel to bind to";
            Wrong::new(field, "true where it changes nothing", "false", remedy)
        })
    }

    fn wrong_name(&self, asks_by_name: bool) -> Option<Wrong> {
        let named = "a name such as `api.example.com`, or an address";
        match (&self.server_name, &self.roots) {
            (Some(name), _) if ServerName::try_from(name.as_str()).is_err() => {
                Some(Wrong::new("server_name", format!("`{name}`"), named, "without a port, without brackets"))
            }
            (Some(name), None) => {
                let remedy = "remove it: with `identities` the SPIFFE ID is the name";
                Some(Wrong::new("server_name", format!("`{name}` without `roots`"), "`roots` beside it", remedy))
            }
            (None, Some(_)) if !asks_by_name => {
                let remedy = "callers choose the host they ask for, or name none: say which name the server's certificate carries";
                Some(Wrong::new("server_name", "none", named, remedy))
            }
            _ if self.roots.is_some() && self.roots_file().is_none() => {
                let remedy = "install the image's CA certificates, or name a PEM file";
                Some(Wrong::new("roots", "`system`, and none are installed", "CA certificates", remedy))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(tls: &UpstreamTls, direction: Direction, has_identity: bool) -> Vec<String> {
        let wrong = tls.wrong(direction, &port(Protocol::Http, None), has_identity);
        wrong.into_iter().map(|wrong| format!("{}: {}", wrong.field, wrong.found)).collect()
    }

    fn port(protocol: Protocol, tls: Option<Mode>) -> Port {
        let upstream_protocol = Default::default();
        Port {
            port: 1,
            tls,
            protocol,
            upstream: None,
            upstream_protocol,
            upstream_tls: None,
            forwarders: Default::default(),
        }
    }

    fn identities(text: &str) -> UpstreamTls {
        UpstreamTls { identities: vec![text.into()], ..UpstreamTls::default() }
    }

    fn roots(name: Option<&str>) -> UpstreamTls {
        UpstreamTls { roots: Some("ca.crt".into()), server_name: name.map(Into::into), ..UpstreamTls::default() }
    }

    #[test]
    fn an_upstream_proves_an_identity_or_a_name() {
        let catalog = identities("spiffe://d/ns/shop/sa/*");
        assert!(wrong(&catalog, Direction::Outbound, true).is_empty());
        assert!(wrong(&roots(None), Direction::Outbound, false).is_empty());
        assert!(wrong(&roots(Some("::1")), Direction::Inbound, false).is_empty());
        let nothing = UpstreamTls::default();
        assert_eq!(wrong(&nothing, Direction::Outbound, true), [": nothing to verify by"]);
        let both = UpstreamTls { roots: Some("a".into()), ..catalog.clone() };
        assert_eq!(wrong(&both, Direction::Outbound, true), [": both `identities` and `roots`"]);
        assert_eq!(wrong(&catalog, Direction::Outbound, false), ["identities: mTLS without an identity"]);
    }

    #[test]
    fn an_upstream_that_callers_could_choose_is_refused() {
        assert_eq!(wrong(&roots(None), Direction::Inbound, false), ["server_name: none"]);
    }

    #[test]
    fn names_and_identities_are_well_formed() {
        assert_eq!(wrong(&identities("catalog"), Direction::Outbound, true), ["identities[0]: `catalog`"]);
        assert_eq!(wrong(&roots(Some("a:443")), Direction::Outbound, true), ["server_name: `a:443`"]);
    }

    #[test]
    fn channels_that_cannot_be_bound_are_refused() {
        let found = |says: bool, mode, direction| {
            let tls = UpstreamTls { clients_disable_channel_binding: says, ..roots(Some("db.shop")) };
            tls.wrong(direction, &port(Protocol::Postgres, mode), true).first().map(|wrong| wrong.found.clone())
        };
        let inbound = Direction::Inbound;
        assert_eq!(found(false, None, inbound).unwrap(), "false, with TLS on both sides");
        assert_eq!(found(true, Some(Mode::Strict), inbound), None);
        assert_eq!(found(false, Some(Mode::Off), inbound), None);
        assert_eq!(found(true, Some(Mode::Off), inbound).unwrap(), "true where it changes nothing");
        assert_eq!(found(false, None, Direction::Outbound), None);
        let unnamed = roots(None).wrong(Direction::Outbound, &port(Protocol::Postgres, None), true);
        assert_eq!(unnamed[0].field, "server_name");
    }
}
