//! Who we are and whom we believe: certificates and trust domains, and where none are while TLS is asked for.

use super::Checker;
use crate::control::config::Identity;
use crate::flow::peer::check_trust_domain;
use crate::proxy::tls::Mode;

impl Checker<'_> {
    pub(super) fn identity(&mut self) {
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
}

#[cfg(test)]
mod tests {
    use crate::control::config::check::tests::found;

    #[test]
    fn strict_needs_an_identity() {
        let text = "listeners: [{listen: 127.0.0.1:3, upstream: 127.0.0.1:2}]\n";
        assert_eq!(found(text), ["listeners[0].tls: `strict` without an identity"]);
    }
}
