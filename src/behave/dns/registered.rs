//! Where a name was registered: the labels that one owner bought, and those that he puts before them as he likes.
//!
//! A small rule instead of a list of thousands: the last label; with a country's two letters also a second-level label
//! that registries use for all (`co.uk`, `com.br`); and the providers under whose names anybody gets one. A suffix that is
//! missing here makes its customers one owner: they share a score, which is then stricter than it should be.

/// A name, cut where it was registered.
#[derive(Clone, Copy, Debug)]
pub struct Registered<'a> {
    /// What its owner puts before.
    pub below: &'a [&'a [u8]],
    /// The label that was bought, and the suffix under which it was.
    pub registered: &'a [&'a [u8]],
    /// Who gives out names there.
    pub suffix: Suffix,
}

/// Who gives out names under a suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// A registry.
    Registry,
    /// A service that gives its customers names of their choice.
    Hosting,
    /// A provider that answers all queries itself and makes up names at random: its customers see none of the queries,
    /// so that nothing can be carried out to them.
    Platform,
    /// Addresses turned into names (RFC 1035 §3.5, RFC 3596 §2.5).
    Reverse,
}

/// Second-level labels under countries that are open to all.
const SECOND: &[&str] = &[
    "ac", "adv", "art", "asn", "biz", "co", "com", "ed", "edu", "firm", "gen", "go", "gob", "gouv", "gov", "gv", "id",
    "ind", "info", "k12", "ltd", "me", "mil", "ne", "net", "nic", "nom", "or", "org", "plc", "res", "sch", "web",
];

const HOSTING: &[&str] = &[
    "3322.org",
    "afraid.org",
    "appspot.com",
    "blogspot.com",
    "chickenkiller.com",
    "ddns.net",
    "duckdns.org",
    "dyndns.com",
    "dyndns.org",
    "dynserv.com",
    "dynu.com",
    "firebaseapp.com",
    "fly.dev",
    "github.io",
    "gitlab.io",
    "gotdns.com",
    "herokuapp.com",
    "homeip.net",
    "hopto.org",
    "mooo.com",
    "myftp.org",
    "netlify.app",
    "ngrok.app",
    "ngrok.io",
    "no-ip.com",
    "no-ip.org",
    "onrender.com",
    "pages.dev",
    "servebeer.com",
    "sytes.net",
    "trycloudflare.com",
    "us.to",
    "vercel.app",
    "web.app",
    "wordpress.com",
    "workers.dev",
    "yi.org",
    "zapto.org",
];

const PLATFORM: &[&str] = &[
    "akadns.net",
    "akamai.net",
    "akamaiedge.net",
    "akamaized.net",
    "amazonaws.com",
    "azure.com",
    "azure.net",
    "azurewebsites.net",
    "cloudapp.net",
    "cloudfront.net",
    "edgekey.net",
    "edgesuite.net",
    "fastly.net",
    "googleusercontent.com",
    "googlevideo.com",
    "trafficmanager.net",
    "windows.net",
];

impl<'a> Registered<'a> {
    /// Nothing when the name is a suffix itself, or the root.
    pub fn of(labels: &'a [&'a [u8]]) -> Option<Self> {
        let (suffix, count) = suffix(labels);
        // Under a platform, and among addresses, the suffix itself is the owner.
        let own = usize::from(matches!(suffix, Suffix::Registry | Suffix::Hosting));
        let at = labels.len().checked_sub(count + own)?;
        let (below, registered) = labels.split_at_checked(at)?;
        Some(Self { below, registered, suffix })
    }

    /// What it is remembered under: the registered labels in lower case.
    pub fn key(&self) -> Box<[u8]> {
        self.registered.join(&b'.').to_ascii_lowercase().into()
    }

    /// The label that was bought.
    pub fn label(&self) -> &'a [u8] {
        self.registered.first().copied().unwrap_or_default()
    }
}

fn suffix(labels: &[&[u8]]) -> (Suffix, usize) {
    let ends = |list: &[&str]| list.iter().any(|suffix| ends_with(labels, suffix));
    match labels {
        _ if ends(HOSTING) => (Suffix::Hosting, 2),
        _ if ends(PLATFORM) => (Suffix::Platform, 2),
        _ if ends(&["in-addr.arpa", "ip6.arpa"]) => (Suffix::Reverse, 2),
        [.., second, last] if labels.len() > 2 && last.len() == 2 && is_open(second) => (Suffix::Registry, 2),
        _ => (Suffix::Registry, 1),
    }
}

fn is_open(label: &[u8]) -> bool {
    SECOND.iter().any(|open| label.eq_ignore_ascii_case(open.as_bytes()))
}

/// Whether a name's last two labels are `suffix`. Lengths differ mostly: they are compared first.
fn ends_with(labels: &[&[u8]], suffix: &str) -> bool {
    let [.., second, last] = labels else { return false };
    if second.len() + 1 + last.len() != suffix.len() {
        return false;
    }
    let Some((first, end)) = suffix.as_bytes().split_at_checked(second.len()) else { return false };
    first.eq_ignore_ascii_case(second) && end.split_first().is_some_and(|(_, end)| end.eq_ignore_ascii_case(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(name: &str) -> Option<(String, usize, Suffix)> {
        let labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).collect();
        let cut = Registered::of(&labels)?;
        Some((String::from_utf8(cut.key().into()).unwrap(), cut.below.len(), cut.suffix))
    }

    #[test]
    fn name_is_cut_where_it_was_registered() {
        for (name, registered, below, suffix) in [
            ("a.b.Example.org", "example.org", 2, Suffix::Registry),
            ("www.example.co.uk", "example.co.uk", 1, Suffix::Registry),
            ("co.uk", "co.uk", 0, Suffix::Registry),
            ("x.me.duckdns.org", "me.duckdns.org", 1, Suffix::Hosting),
            ("x.execute-api.eu-west-1.amazonaws.com", "amazonaws.com", 3, Suffix::Platform),
            ("1.0.0.10.in-addr.arpa", "in-addr.arpa", 4, Suffix::Reverse),
        ] {
            assert_eq!(cut(name), Some((registered.into(), below, suffix)), "{name}");
        }
        assert_eq!(cut("org"), None);
        assert_eq!(cut("duckdns.org"), None);
    }
}
