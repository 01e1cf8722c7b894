//! URLs that an application would fetch for someone who cannot: metadata services and loopback in every spelling,
//! schemes that are no web, scripts to be included from elsewhere. An ordinary URL, a webhook or a callback, is nothing.
//!
//! Steps: at most 2 for each byte, and 512 for each URL.

mod host;

use super::context::Strength::{self, Certain, Strong, Weak};
use super::finding::Finding;
use super::{Classes, Detector, Wake};
use crate::canon::cursor::{self, Cursor};
use crate::flow::{Found, Fuel, Part, Place};
use host::Host;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The registered detector.
pub(super) static URL: Url = Url;

/// Looks for URLs that lead where the sender could not go.
#[derive(Debug)]
pub(super) struct Url;

const NAME: &str = "url";

impl Detector for Url {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake {
            literals: &[
                "://",
                ":\\/\\/",
                "169.254.",
                "metadata",
                "file:/",
                "localhost",
                "///",
                ".internal",
                "php:",
                "data:",
                "jar:",
                "phar:",
                "expect:",
                ":\\\\",
                "0x7f",
                "http:1",
                "http:0",
                "https:1",
            ],
            bytes: &["/\\", "@a."],
        }
    }

    fn is_worth(&self, part: &Part<'_>, _: Classes) -> bool {
        part.canonical.starts_with(b"@") || memchr::memchr(b'\\', &part.canonical).is_some()
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if matches!(part.place, Place::BodyOpaque | Place::FileContent)
            || is_about_itself(part)
            || fuel.spend(2 * bytes.len()).is_err()
        {
            return;
        }
        let mut best = bare_host(part).or(odd_scheme(bytes));
        for at in SCHEME_END.find_iter(bytes) {
            if fuel.spend(512).is_err() {
                break;
            }
            let url = Parts::read(bytes, at);
            let judged = url.judge(part);
            best = best.max(judged.map(|(strength, name)| Finding { strength, name, at: url.at, end: url.end }));
        }
        let Some(best) = best else { return };
        best.report(NAME, part, found);
    }
}

/// What stands between a scheme and its authority.
static SCHEME_END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));

/// Whether a part is an argument that the application may fetch; one that a browser is sent back to is not.
fn is_argument(part: &Part<'_>) -> bool {
    const BACK: &[&[u8]] = &[b"redirect", b"return", b"origin", b"next", b"refer", b"continue"];
    let place = matches!(part.place, Place::QueryValue | Place::FormValue | Place::CookieValue | Place::PathSegment);
    place && !BACK.iter().any(|word| cursor::contains(&part.name, word))
}

/// Schemes that a library which fetches URLs speaks besides those of the web.
const FETCHED: &[&[u8]] = &[b"sftp", b"scp", b"smb", b"telnet", b"imap", b"pop3", b"smtp", b"ftps", b"rtsp", b"ssh2"];

/// Whether a part is an argument, or a value of a document that stands for one.
fn is_argument_or_text(part: &Part<'_>) -> bool {
    is_argument(part) || part.place == Place::JsonValue
}

/// Headers in which a client names itself or the page it comes from: a URL on loopback is ordinary there.
fn is_about_itself(part: &Part<'_>) -> bool {
    const NAMES: &[&[u8]] =
        &[b"origin", b"host", b"user-agent", b"from", b"via", b"forwarded", b"traceparent", b"authorization"];
    part.place == Place::HeaderValue && NAMES.iter().any(|name| part.name.eq_ignore_ascii_case(name))
}

/// A URL taken apart.
#[derive(Debug)]
struct Parts<'a> {
    at: usize,
    end: usize,
    scheme: &'a [u8],
    authority: &'a [u8],
    /// Path, query and fragment, with the mark that begins them.
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    /// The URL around the `://` at `colon`. At most 410 bytes of it are read.
    fn read(bytes: &'a [u8], colon: usize) -> Self {
        let before = bytes.get(..colon).unwrap_or_default();
        let from = before
            .iter()
            .rev()
            .take(24)
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            .count();
        let at = colon - from;
        let mut cursor = Cursor::new(bytes, colon + 3);
        let authority = cursor.take_up_to(256, |b| {
            b > b' ' && !matches!(b, b'/' | b'\\' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'`')
        });
        let rest = cursor.take_up_to(128, |b| b > b' ' && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'`'));
        Self { at, end: cursor.at(), scheme: bytes.get(at..colon).unwrap_or_default(), authority, rest }
    }

    fn judge(&self, part: &Part<'_>) -> Option<(Strength, &'static str)> {
        let before = part.canonical.get(..self.at).unwrap_or_default().trim_ascii_start();
        let whole = before.len() < 24 && !before.contains(&b' ');
        let host = Host::read(self.authority);
        if let Some(strength) = scheme_strength(self.scheme, self.authority, self.rest) {
            return Some((if whole { strength } else { strength.min(Weak) }, "url-scheme"));
        }
        if !is_web(self.scheme) {
            let inside = matches!(host, Host::Loopback | Host::LinkLocal | Host::Metadata | Host::Disguised);
            let fetched = FETCHED.iter().any(|scheme| self.scheme.eq_ignore_ascii_case(scheme));
            return (whole && inside && fetched && is_argument_or_text(part)).then_some((Strong, "url-scheme"));
        }
        let misleading = self.misleads().then_some((if whole { Strong } else { Weak }, "url-misleading-host"));
        let inside = matches!(host, Host::Loopback | Host::LinkLocal);
        let trusted = host == Host::Loopback && trusts_its_machine(self.authority, self.rest);
        let strength = host.strength(whole && (!inside || is_argument(part) || trusted));
        let reached = strength.map(|strength| (strength, host.name())).max(misleading);
        if reached.is_some() {
            return reached;
        }
        if whole && self.cuts_what_follows(part) {
            return Some((Strong, "url-remote-include"));
        }
        if whole { self.includes(part).map(|strength| (strength, "url-remote-include")) } else { None }
    }

    /// `http://one#@two`, `http://one\@two`: readers disagree on which the host is.
    fn misleads(&self) -> bool {
        let head = self.rest.get(..self.rest.len().min(64)).unwrap_or_default();
        let doubtful = [&b"#@"[..], b"\\@", b"#\\@", b"?@"].iter().any(|mark| head.starts_with(mark));
        doubtful || self.authority.contains(&b']') && !self.authority.contains(&b'[') || self.authority.contains(&0)
    }

    /// `https://host.example?`, `…/x.txt?`: the mark turns what the application appends into a query.
    fn cuts_what_follows(&self, part: &Part<'_>) -> bool {
        let address = self.rest.strip_suffix(b"?").unwrap_or_default();
        let short = self.rest == b"?"
            || address.ends_with(b".txt")
            || SCRIPTS.iter().any(|end| cursor::ends_with(address, end));
        short && self.end == part.canonical.len() && matches!(part.place, Place::QueryValue | Place::FormValue)
    }

    /// A script or text from elsewhere in a parameter that names a file of the application.
    fn includes(&self, part: &Part<'_>) -> Option<Strength> {
        let end = self.rest.iter().position(|b| matches!(b, b'?' | b'#' | b'%' | 0)).unwrap_or(self.rest.len());
        let (path, tail) = self.rest.split_at_checked(end)?;
        let scripted = SCRIPTS.iter().any(|ending| cursor::ends_with(path, ending));
        let texted = cursor::ends_with(path, b".txt") || cursor::ends_with(path, b".dat");
        if !(scripted || texted)
            || !matches!(
                part.place,
                Place::QueryValue
                    | Place::QueryName
                    | Place::FormValue
                    | Place::CookieValue
                    | Place::Path
                    | Place::PathSegment
            )
        {
            return None;
        }
        let cut = matches!(tail, b"?" | b"??" | b"#" | b"%00" | b"\0" | b"?\0")
            || tail.starts_with(b"?cmd=")
            || tail.starts_with(b"?c=");
        Some(if cut || is_webshell(path) || !names_a_url(&part.name) { Strong } else { Weak })
    }
}

/// Whether a port of this machine is one of a service that trusts whoever can reach it, or a path one of a runtime that
/// tells its own secrets: container engines, the kubelet, stores, the runtime of functions.
fn trusts_its_machine(authority: &[u8], rest: &[u8]) -> bool {
    const PORTS: &[&[u8]] = &[
        b"2375", b"2376", b"2379", b"2380", b"4194", b"5984", b"6379", b"6443", b"7001", b"8500", b"9200", b"10250",
        b"10255", b"10256", b"11211", b"15672", b"27017",
    ];
    let port = authority.iter().rposition(|b| *b == b':').and_then(|at| authority.get(at + 1..));
    port.is_some_and(|port| PORTS.contains(&port)) || cursor::contains(rest, b"/runtime/invocation")
}

/// Endings of what an application would run if it included it.
const SCRIPTS: &[&[u8]] = &[b".php", b".phtml", b".inc", b".asp", b".aspx", b".jsp", b".cgi", b".pl"];

/// Whether the file has the name of a tool that gives its owner a shell.
fn is_webshell(path: &[u8]) -> bool {
    const NAMES: &[&str] =
        &["alfa", "b374k", "backdoor", "c99", "cmd", "indoxploit", "r57", "shell", "webshell", "wso"];
    let file = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let name = file.split(|b| *b == b'.').next().unwrap_or_default();
    cursor::is_one_of(name, NAMES)
}

/// Whether a parameter's name says that its value is a URL of somewhere else by right.
fn names_a_url(name: &[u8]) -> bool {
    const URLS: &[&[u8]] = &[
        b"url",
        b"uri",
        b"link",
        b"href",
        b"callback",
        b"hook",
        b"redirect",
        b"return",
        b"refer",
        b"image",
        b"avatar",
        b"src",
        b"site",
        b"source",
        b"feed",
        b"website",
        b"homepage",
        b"next",
    ];
    URLS.iter().any(|word| cursor::contains(name, word))
}

fn is_web(scheme: &[u8]) -> bool {
    [&b"http"[..], b"https", b"ftp", b"ws", b"wss", b"url", b""].iter().any(|web| scheme.eq_ignore_ascii_case(web))
        || cursor::ends_with(scheme, b"http")
        || cursor::ends_with(scheme, b"https")
}

/// How clearly a scheme is one that only an intruder uses.
fn scheme_strength(scheme: &[u8], authority: &[u8], rest: &[u8]) -> Option<Strength> {
    const CERTAIN: &[&str] =
        &["dict", "expect", "gopher", "netdoc", "ogg", "phar", "ssh2.exec", "ssh2.scp", "ssh2.sftp", "ssh2.shell"];
    const STRONG: &[&str] = &["compress.bzip2", "compress.zlib", "glob", "jar", "php", "rar", "tftp", "zip", "zlib"];
    const DIRECTORY: &[&str] = &["corba", "iiop", "ldap", "ldaps", "nis", "rmi"];
    if cursor::is_one_of(scheme, CERTAIN) {
        return Some(Certain);
    }
    if cursor::is_one_of(scheme, STRONG) {
        return Some(Strong);
    }
    if cursor::is_one_of(scheme, DIRECTORY) {
        let host = Host::read(authority);
        return Some(if host.strength(true).is_some() || host.is_address() { Strong } else { Weak });
    }
    let local = scheme.eq_ignore_ascii_case(b"file") || cursor::ends_with(scheme, b"url:file");
    let system =
        rest.len() > 2 && SYSTEM.iter().any(|folder| cursor::starts_with(rest.get(1..).unwrap_or_default(), folder));
    (local && (authority.is_empty() || cursor::starts_with(authority, b"localhost"))).then_some(if system {
        Strong
    } else {
        Weak
    })
}

/// Folders that no application's own files are in.
const SYSTEM: &[&[u8]] =
    &[b"etc/", b"proc/", b"dev/", b"root/", b"var/", b"c:", b"c|", b"windows", b"sys/", b"boot", b"home/", b"/"];

/// A value that is the name or address of a metadata service, without a scheme.
fn bare_host(part: &Part<'_>) -> Option<Finding> {
    let bytes = part.canonical.as_ref();
    let path = matches!(part.place, Place::Path | Place::PathSegment | Place::HeaderName);
    if path
        || !bytes.contains(&b'.')
        || bytes.len() > 256
        || bytes.contains(&b' ')
        || cursor::find_exact(bytes, b"://").is_some_and(|at| at > 0)
    {
        return None;
    }
    let web =
        if cursor::starts_with(bytes, b"https:") { Some(6) } else { cursor::starts_with(bytes, b"http:").then_some(5) };
    let bytes = bytes.get(web.unwrap_or_default()..)?;
    let slashes = bytes.iter().take_while(|b| matches!(b, b'/' | b'\\' | b':' | b'@')).count();
    let url = bytes.get(slashes..)?;
    let end = url.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(url.len());
    let host = Host::read(url.get(..end)?);
    let (strength, name) = match host {
        Host::Metadata if bytes.contains(&b'.') => {
            (if is_argument(part) || slashes > 0 { Strong } else { Weak }, "url-metadata")
        }
        Host::Disguised if slashes > 1 => (Strong, "url-disguised-loopback"),
        Host::Loopback if is_argument(part) && url.get(end) == Some(&b'/') => (Strong, "url-loopback"),
        Host::Loopback | Host::LinkLocal if web.is_some() && is_argument(part) => (Strong, "url-loopback"),
        _ if misspelt_root(bytes, slashes, url) && is_argument(part) => (Strong, "url-misleading-host"),
        _ if slashes == 1 && bytes.starts_with(b"@") && names_a_url(&part.name) && is_host_name(url) => {
            (Strong, "url-misleading-host")
        }
        _ => return None,
    };
    Some(Finding { strength, name, at: 0, end: slashes + end })
}

/// `@host.example` behind an address that the application puts before it: what was the host becomes a user's name.
fn is_host_name(url: &[u8]) -> bool {
    let name = url.split(|b| *b == b'/').next().unwrap_or_default();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let last = name.rsplit(|b| *b == b'.').next().unwrap_or_default();
    name.iter().all(plain) && last.len() < name.len() && last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic)
}

/// `///host.example`, `/\\host.example`: browsers go to another host where checks see a path.
fn misspelt_root(bytes: &[u8], slashes: usize, url: &[u8]) -> bool {
    let roots = bytes.get(..slashes).unwrap_or_default();
    let marks = roots.iter().all(|b| matches!(b, b'/' | b'\\'))
        && (slashes >= 3 || slashes == 2 && roots.contains(&b'\\') && roots.contains(&b'/'));
    let end = url.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(url.len());
    let host = url.get(..end).unwrap_or_default();
    let named = host.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    marks && named && host.iter().rev().take_while(|b| b.is_ascii_alphabetic()).count() >= 2
}

/// `file:/etc/x`, `php:filter`, `jar:http:…`, `data:text/plain;base64` of a script: schemes that need no two slashes.
fn odd_scheme(bytes: &[u8]) -> Option<Finding> {
    let start = bytes.get(..bytes.len().min(512))?;
    let file = start.strip_prefix(b"file:").or(start.strip_prefix(b"FILE:")).is_some_and(|rest| {
        rest.starts_with(b"/")
            && !rest.starts_with(b"//")
            && SYSTEM
                .iter()
                .any(|folder| cursor::starts_with(rest.trim_ascii_start().get(1..).unwrap_or_default(), folder))
    });
    let nested = cursor::starts_with(start, b"jar:http")
        || cursor::starts_with(start, b"jar:file")
        || cursor::starts_with(start, b"url:file:");
    let program = cursor::starts_with(start, b"data:")
        && (cursor::contains(start, b"<?php") || cursor::contains(start, b"base64,PD9waH"));
    (file || nested || program).then_some(Finding {
        strength: Strong,
        name: "url-scheme",
        at: 0,
        end: start.len().min(16),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(place: Place, name: &str, value: &str) -> u32 {
        let mut found = Found::default();
        URL.inspect(&Part::plain(place, name.as_bytes(), value.as_bytes()), &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn places_that_only_the_server_reaches_are_attacks() {
        for value in [
            "http://169.254.169.254/latest/meta-data/",
            "http://2852039166/",
            "http://0xA9FEA9FE/",
            "http://[::ffff:169.254.169.254]/",
            "http://metadata.google.internal/computeMetadata/v1/",
            "http://[fd00:ec2::254]/",
            "http://100.100.100.200/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1.nip.io/",
            "http://user@127.0.0.1:80#@example.com/",
            "http://[::ffff:7f00:1]/",
            "gopher://127.0.0.1:6379/_INFO",
            "dict://127.0.0.1:11211/stat",
            "file:///etc/hostname",
            "jar:http://203.0.113.9/a.jar!/x",
            "php://filter/convert.base64-encode/resource=index.php",
            "expect://id",
        ] {
            assert!(total(Place::QueryValue, "url", value) >= 100, "{value}");
        }
    }

    #[test]
    fn scripts_from_elsewhere_are_attacks_as_files() {
        assert!(total(Place::QueryValue, "page", "http://203.0.113.9/shell.txt?") >= 100);
        assert!(total(Place::QueryValue, "include_path", "https://example.org/c.php") >= 100);
        assert!(total(Place::QueryValue, "callback", "https://example.org/done.php") < 100);
    }

    #[test]
    fn ordinary_urls_are_nothing() {
        for value in [
            "https://hooks.example.com/services/T0/B0/x?token=1",
            "http://orders.shop.svc.cluster.local:8080/items",
            "https://example.com/docs/readme.txt",
            "postgres://db:5432/shop",
            "mailto:a@example.com",
            "http://10.0.0.7:9090/metrics",
            "https://user@example.com/",
            "s3://bucket/key",
            "see https://example.com/a#b, please",
        ] {
            assert_eq!(total(Place::JsonValue, "url", value), 0, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_url_is_read(text in "[a-z:/@#\\\\.0-9x\\[\\]?]{0,100}://[0-9a-fx.:\\[\\]@/]{0,60}") {
            URL.inspect(&Part::plain(Place::QueryValue, b"q", text.as_bytes()), &mut Found::default(), &mut Fuel::new(100_000));
        }
    }
}
