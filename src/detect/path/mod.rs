//! Paths that lead out of where the application looks, and files that no caller has business with. Dots and separators
//! are read in every spelling that some decoder turns into them; what counts is where the path leads.
//!
//! Steps: at most 6 for each byte.

mod secrets;
mod spelling;
mod trail;
mod upload;

use super::context::Strength::{self, Certain, Strong, Weak};
use super::finding::Finding;
use super::{Classes, Detector, Wake};
use crate::canon::cursor;
use crate::flow::{Found, Fuel, Part, Place};
use trail::Trail;

/// The registered detector.
pub(super) static PATH: PathDetector = PathDetector;

/// Looks for traversal and for files that are secrets.
#[derive(Debug)]
pub(super) struct PathDetector;

const NAME: &str = "path";

impl Detector for PathDetector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn wakes(&self) -> Wake {
        Wake { literals: LITERALS, bytes: &["%.", "\\.", "\0", "\u{80}.", "\u{80}/", "\u{80}\\", "\u{80}%"] }
    }

    fn is_worth(&self, part: &Part<'_>, _: Classes) -> bool {
        let bytes = part.canonical.as_ref();
        matches!(part.place, Place::FileName | Place::HeaderValue)
            || bytes.starts_with(b"\\\\")
            || memchr::memchr(0, bytes).is_some()
            || spelling::may_hide_any(bytes)
            || trail::may_turn(bytes)
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.trim_ascii();
        if matches!(part.place, Place::BodyOpaque | Place::FileContent) || fuel.spend(6 * part.canonical.len()).is_err()
        {
            return;
        }
        let trail = Trail::read(bytes);
        let Some((strength, name)) = verdict(part, bytes, &trail) else { return };
        let blanks = part.canonical.len() - part.canonical.trim_ascii_start().len();
        let (at, end) = (blanks + trail.at, blanks + trail.end.max(trail.at));
        Finding { strength, name, at, end }.report(NAME, part, found);
    }
}

/// What wakes the detector besides dots with separators.
const LITERALS: &[&str] = &[
    "etc/",
    "etc\\",
    "boot.ini",
    "win.ini",
    "web-inf",
    "meta-inf",
    ".env",
    ".git",
    ".svn",
    ".ssh",
    ".aws",
    ".htaccess",
    ".htpasswd",
    "proc/",
    "windows",
    "winnt",
    "var/",
    "id_rsa",
    "passwd",
    "0x2e",
    "0x2f",
    "0x5c",
    "../",
    "..\\",
    "/..",
    "\\..",
    "..;",
    "..%",
    "/./",
    "\\.\\",
    "2e2e",
    "..2f",
    "c:\\",
    "c:/",
    "_history",
    ".config/",
    ".docker",
    ".kube",
    ".npmrc",
    "web.config",
    "system32",
    ".ds_store",
    "wp-config",
    ".php",
    ".pht",
    ".phar",
    ".jsp",
    ".asp",
    ".shtml",
    ". php",
    "sess_",
    ". jsp",
    "........",
    ".cursor",
    ".claude",
    ".junie",
    ".codex/",
    ".gemini/",
    ".kiro/",
    ".opencode/",
    ".windsurf",
    ".zed/",
    ".aider",
    ".bashrc",
    ".netrc",
    ".pgpass",
    "error.log",
    "/root/.",
    "run/secrets",
    "serviceaccount/token",
    "opt/lampp",
    ".hg/",
    ".cvs/",
    ".boto",
    ".profile",
    ".vscode/",
    ".idea/",
    "server-status",
    "/php.ini",
];

/// What the trail amounts to; `bytes` are the part without the blanks around it.
fn verdict(part: &Part<'_>, bytes: &[u8], trail: &Trail) -> Option<(Strength, &'static str)> {
    if upload::is_script(part) {
        return Some((Strong, "path-script-upload"));
    }
    if matches!(part.place, Place::Path | Place::PathSegment) && upload::hides_behind_another(bytes) {
        return Some((Strong, "path-two-endings"));
    }
    let target = matches!(part.place, Place::Path | Place::PathSegment | Place::FileName);
    if trail.hidden > 0
        && (trail.run >= 1 || trail.secret.is_some())
        && (trail.hidden > 1 || trail.run >= 1)
        && bytes.len() < 4096
    {
        return Some((Certain, "path-hidden-traversal"));
    }
    if trail.run >= 1 && trail.secret.is_some() {
        return Some((if trail.run >= 2 { Certain } else { Strong }, "path-traversal-to-secret"));
    }
    if trail.evasions > 0 && trail.run >= 1 && !cursor::contains(bytes, b"...") || trail.evasions > 1 {
        return Some((Strong, "path-traversal-evasion"));
    }
    if trail.run >= 3 || trail.run >= 2 && target {
        return Some((Strong, "path-traversal"));
    }
    if is_dot_flood(bytes) || cursor::contains(bytes, b"0x2e0x2e") && bytes.len() < 1024 {
        return Some((Strong, "path-traversal-evasion"));
    }
    if trail.nul && is_named(part.place) && (trail.run >= 1 || trail.secret.is_some() || truncates(bytes)) {
        return Some((Strong, "path-nul"));
    }
    if trail.stays >= 4 && trail.stays * 3 > bytes.len() / 2 && !bytes.contains(&b' ') {
        return Some((Strong, "path-self-reference"));
    }
    if let Some(strength) = trail.secret {
        let asked = trail.rooted && is_argument(part.place);
        let strength = if asked { strength.max(Strong) } else { strength };
        return Some((if trail.rooted { strength } else { strength.min(Strong) }, "path-secret-file"));
    }
    let value = is_argument(part.place);
    if value && is_share(bytes) {
        return Some((Strong, "path-share"));
    }
    (trail.run == 2).then_some((if value { Strong } else { Weak }, "path-traversal"))
}

/// `/........x`, `/aaaa……x`: a path of one word in which a flood of dots stands, to be cut off or filtered into another
/// path. An ellipsis stands in prose, and is no path.
fn is_dot_flood(bytes: &[u8]) -> bool {
    let path = matches!(bytes.first(), Some(b'/' | b'\\')) && !bytes.iter().any(u8::is_ascii_whitespace);
    let word = bytes.get(1..).unwrap_or_default();
    let behind = memchr::memmem::find(word, b"......").is_some_and(|at| at + 6 < word.len() || at > 0);
    path && (word.starts_with(b"......") || behind && memchr::memmem::find(word, b"........").is_some())
}

/// Places whose values are arguments, which name files of the server only for an intruder.
fn is_argument(place: Place) -> bool {
    matches!(place, Place::QueryValue | Place::FormValue | Place::CookieValue)
}

/// `\\\\host\\share\\file`: a file of another host, which a server would log in to.
fn is_share(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"\\\\") else { return false };
    let host = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')).count();
    let share = rest.get(host + 1..).unwrap_or_default();
    host >= 3 && rest.get(host) == Some(&b'\\') && share.contains(&b'\\') && bytes.len() < 256
}

/// Whether a part has text in which a NUL means something.
fn is_named(place: Place) -> bool {
    !matches!(place, Place::BodyOpaque | Place::FileContent | Place::BodyText)
}

/// A NUL at the end of a name, or before the ending that the application appends or checks for.
fn truncates(bytes: &[u8]) -> bool {
    let Some(at) = memchr::memchr(0, bytes) else { return false };
    let after = bytes.get(at + 1..).unwrap_or_default();
    let named = bytes.get(..at).is_some_and(|name| name.contains(&b'.') || name.contains(&b'/'));
    named && (after.is_empty() || after.starts_with(b".") || after.contains(&b'.') && after.len() < 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn total(place: Place, value: &[u8]) -> u32 {
        let mut found = Found::default();
        PATH.inspect(&Part::plain(place, b"file", value), &mut found, &mut Fuel::new(1_000_000));
        found.total()
    }

    #[test]
    fn traversal_is_an_attack_in_every_spelling() {
        for value in [
            &b"../../../etc/passwd"[..],
            b"..\\..\\..\\windows\\win.ini",
            b"....//....//etc/hosts",
            b"..;/..;/manager",
            b"\xc0\xae\xc0\xae/\xc0\xae\xc0\xae/x",
            b"\xe0\x80\xae\xe0\x80\xae\xe0\x80\xafetc/passwd",
            b"%2e%2e%2f%2e%2e%2fx",
            b"0x2e0x2e0x2f0x2e0x2e0x2fx",
            "\u{ff0e}\u{ff0e}\u{2215}\u{ff0e}\u{ff0e}\u{2215}x".as_bytes(),
            b"images/../../../../secret.key",
            b"/..............x",
            b"/aaaaaaaaaaaaaaaaaaaa..............x",
            b"/0x2e0x2ex",
            "\u{2024}\u{2024}/\u{2024}\u{2024}/\u{2024}\u{2024}/x".as_bytes(),
        ] {
            assert!(total(Place::QueryValue, value) >= 100, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn secret_files_are_attacks_as_values() {
        for value in [
            "/etc/passwd",
            "/proc/self/environ",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "C:\\boot.ini",
            "/etc/shadow\0.png",
            "WEB-INF/web.xml",
            "/.passwd",
            "../php/php.ini",
            "......///......///etc///passwd",
        ] {
            assert!(total(Place::QueryValue, value.as_bytes()) >= 100, "{value}");
        }
        for value in ["/.env", "/.git/config", "/app/.ssh/id_rsa", "/.aws/credentials", "/.codex/auth.json"] {
            assert!(total(Place::Path, value.as_bytes()) >= 100, "{value}");
        }
    }

    #[test]
    fn scripts_are_no_uploads() {
        for name in ["a.php", "a.PHP5...", "x/y.jspx ", "a. phtml"] {
            assert!(total(Place::FileName, name.as_bytes()) >= 100, "{name}");
        }
        assert_eq!(total(Place::FileName, b"a.php.png") + total(Place::QueryValue, b"a.php"), 0);
    }

    #[test]
    fn second_ending_hides_the_first() {
        for path in [&b"/a.php;.png"[..], b"/x/a.jsp\\u003b.jpg", "/a.asp\u{5618}.gif".as_bytes()] {
            assert!(total(Place::Path, path) >= 100, "{}", String::from_utf8_lossy(path));
        }
        assert_eq!(total(Place::Path, b"/a.php.png") + total(Place::Path, b"/a.min.js;v=1.2"), 0);
    }

    #[test]
    fn nul_truncates() {
        assert!(total(Place::QueryValue, b"shell.php\0.png") >= 100);
        assert_eq!(total(Place::BodyText, b"a.b\0c"), 0);
    }

    #[test]
    fn ordinary_paths_are_nothing() {
        for value in [
            "../images/logo.png",
            "./build",
            "https://example.com/a/b.html",
            "C:\\Users\\ada\\report.docx",
            "/api/v1/environments",
            "wait... what/why",
            "1..10",
            "src/etc/hosts.rs",
            "process.env.HOME",
            ".gitignore",
            "/usr/share/doc",
            "and so on.../ etc/ more",
            "/docs/windows/install",
            "/see more......",
            "Chapter/One............ 7",
        ] {
            assert!(total(Place::JsonValue, value.as_bytes()) < 50, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_their_fuel(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut fuel = Fuel::new(100_000);
            PATH.inspect(&Part::plain(Place::QueryValue, b"q", &bytes), &mut Found::default(), &mut fuel);
            prop_assert!(100_000 - fuel.left() <= bytes.len() as u64 * 8);
        }
    }
}
