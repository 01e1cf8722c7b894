//! Paths that lead out of where the application looks, and files that no caller has business with. Dots and separators
//! are read in every spelling that some decoder turns into them; what counts is where the path leads.
//!
//! Steps: at most 6 for each byte.

use super::context::Context;
use super::context::Strength::{self, Certain, Strong, Weak};
use super::literals::{Idiom, Idioms, compile};
use super::{Detector, Wake};
use crate::canon::cursor::{self, Cursor};
use crate::flow::{Found, Fuel, Hit, Part, Place};

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
        Wake { literals: LITERALS, bytes: &["%.", "\0", "\u{80}.?", "\u{80}.\x01", "\u{80}/", "\u{80}\\", "\u{80}%"] }
    }

    fn inspect(&self, part: &Part<'_>, found: &mut Found, fuel: &mut Fuel) {
        let bytes = part.canonical.as_ref();
        if matches!(part.place, Place::BodyOpaque | Place::FileContent) || fuel.spend(6 * bytes.len()).is_err() {
            return;
        }
        let trail = Trail::read(bytes);
        let Some((strength, name)) = verdict(part, &trail) else { return };
        let weight = Context::of(part).weigh(strength);
        if weight.0 > 0 {
            let range = trail.at..trail.end.max(trail.at);
            found.add(part, Hit { detector: NAME, signature: name.into(), range, weight });
        }
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
];

/// What was seen along the path.
#[derive(Debug, Default)]
struct Trail {
    /// Parts that lead upwards.
    ups: usize,
    /// Upward parts right behind one another, most of them.
    run: usize,
    /// Parts that lead nowhere: `/./././`.
    stays: usize,
    /// Dots or separators in spellings that only hide them.
    hidden: usize,
    /// Upward parts that survive a filter: `....//`, `..;/`.
    evasions: usize,
    /// A NUL byte.
    nul: bool,
    /// A file or folder that is a secret, and how secret.
    secret: Option<Strength>,
    /// The path starts the value, or what stands before it ends there.
    rooted: bool,
    /// Where the first sign starts and the last one ends.
    at: usize,
    end: usize,
}

/// One step of reading a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Dot,
    Separator,
    Other(u8),
}

impl Trail {
    fn read(bytes: &[u8]) -> Self {
        let mut trail = Self { at: bytes.len(), ..Self::default() };
        let mut segment = Segment::default();
        let mut cursor = Cursor::new(bytes, 0);
        let mut run = 0;
        while !cursor.is_at_end() {
            let at = cursor.at();
            let (token, hidden) = segment.bare_separator(&mut cursor).unwrap_or_else(|| token(&mut cursor));
            trail.hidden += usize::from(hidden);
            match token {
                Token::Separator => run = trail.close(&segment, at, run, true),
                Token::Dot => segment.dots += 1,
                Token::Other(0) => trail.nul = true,
                Token::Other(byte) => segment.push(byte, at),
            }
            if token == Token::Separator {
                segment = Segment { at: cursor.at(), ..Segment::default() };
            }
        }
        trail.close(&segment, bytes.len(), run, false);
        trail.name_secret(bytes);
        trail
    }

    /// Ends a segment; gives the number of upward segments in a row.
    fn close(&mut self, segment: &Segment, end: usize, run: usize, separated: bool) -> usize {
        if segment.is_up() {
            self.note(segment.at, end);
            self.ups += 1;
            self.evasions += usize::from(separated && segment.is_evasion());
            self.run = self.run.max(run + 1);
            return run + 1;
        }
        self.stays += usize::from(separated && segment.is_stay());
        self.stays += usize::from(segment.at > 0 && segment.dots > 4) * 4;
        if segment.others == 0 && (segment.dots == 0 || segment.is_stay()) { run } else { 0 }
    }

    fn note(&mut self, at: usize, end: usize) {
        self.at = self.at.min(at);
        self.end = self.end.max(end);
    }

    /// Looks for names of secret files, with separators in whatever spelling folded into `/`.
    fn name_secret(&mut self, bytes: &[u8]) {
        let plain = plain(bytes);
        let climbs = self.ups > 0;
        for secret in IDIOMS.find(&plain).filter(|secret| stands(&plain, secret.at, secret.end, secret.name, climbs)) {
            self.rooted |= secret.at <= 1;
            self.secret = self.secret.max(Some(secret.strength));
            if self.ups == 0 {
                self.note(0, bytes.len());
            }
        }
    }
}

/// What stands between two separators.
#[derive(Debug, Default)]
struct Segment {
    at: usize,
    dots: usize,
    others: usize,
    /// What is not a dot is junk that some servers drop: `;x`, `?`, controls.
    junk: usize,
}

impl Segment {
    /// `2f` or `5c` right behind two dots: an escape that has lost its mark.
    fn bare_separator(&self, cursor: &mut Cursor<'_>) -> Option<(Token, bool)> {
        let bare = self.dots >= 2 && self.others == 0 && (cursor.eat(b"2f") || cursor.eat(b"5c"));
        bare.then_some((Token::Separator, true))
    }

    fn push(&mut self, byte: u8, at: usize) {
        if self.others + self.dots == 0 {
            self.at = at;
        }
        self.others += 1;
        self.junk += usize::from(self.dots >= 2 && byte == b';' || byte < b' ' || byte == b'?' || byte >= 0xc0);
    }

    /// `..`, `....`, `..;`, and `?.`, which is what is left of a dot that was decoded twice.
    fn is_up(&self) -> bool {
        self.others <= self.junk && (2..=4).contains(&(self.dots + self.junk.min(1))) && self.dots >= 1
    }

    /// `.`
    fn is_stay(&self) -> bool {
        self.dots == 1 && self.others == 0
    }

    fn is_evasion(&self) -> bool {
        self.dots == 4 || self.junk > 0
    }
}

/// Reads one character in whatever spelling; tells whether the spelling hides it.
fn token(cursor: &mut Cursor<'_>) -> (Token, bool) {
    let plain = |token| (token, false);
    match cursor.peek() {
        Some(b'.') => {
            cursor.skip(1);
            plain(Token::Dot)
        }
        Some(b'/' | b'\\') => {
            cursor.skip(1);
            plain(Token::Separator)
        }
        Some(b'%' | b'0' | 0xc0.. | 0x01 | 0x00) => match hidden(cursor) {
            Some(token) => (token, true),
            None => plain(Token::Other(cursor.bump().unwrap_or(0))),
        },
        Some(byte) => {
            cursor.skip(1);
            plain(Token::Other(byte))
        }
        None => plain(Token::Separator),
    }
}

/// Spellings of dots and separators that some decoder accepts, and what careless ones make of a few broken escapes.
#[rustfmt::skip] // a table
const SPELLINGS: &[(&[u8], Token)] = &[
    (b"%2e", Token::Dot), (b"%2f", Token::Separator), (b"%5c", Token::Separator), (b"0x2e", Token::Dot),
    (b"0x2f", Token::Separator), (b"0x5c", Token::Separator), (b"%uff0e", Token::Dot), (b"%u002e", Token::Dot),
    (b"%u2215", Token::Separator), (b"%u2216", Token::Separator), (b"%uff0f", Token::Separator), (b"%uff3c", Token::Separator),
    (b"%u002f", Token::Separator), (b"%u005c", Token::Separator), (b"%uefc8", Token::Separator), (b"%uf025", Token::Separator),
    (b"%c0%ae", Token::Dot), (b"%c0%af", Token::Separator), (b"%c1%9c", Token::Separator), (b"%bg%qf", Token::Separator),
    (b"%2%e", Token::Dot), (b"\xef\xbc\x8e", Token::Dot), (b"\xef\xbc\x8f", Token::Separator), (b"\xef\xbc\xbc", Token::Separator),
    (b"\xe2\x88\x95", Token::Separator), (b"\xe2\x88\x96", Token::Separator), (b"\xe2\x81\x84", Token::Separator),
    (b"\xef\x80\xa5", Token::Separator), (b"\xee\xbf\x88", Token::Separator), (b"\xc0\xee", Token::Dot), (b"\xc0\xfe", Token::Dot),
    (b"\xc0%qf", Token::Separator), (b"\xc0%9v", Token::Separator), (b"\xc1%8s", Token::Separator), (b"\xc1%pc", Token::Separator),
    (b"\xc1\x1c", Token::Separator), (b"\xc0\x1c", Token::Separator), (b"\xc1\xaf", Token::Separator), (b"\xc0.", Token::Dot), (b"\xc0/", Token::Separator),
    (b"\xc0\\", Token::Separator), (b"\x01\xc0%9v", Token::Separator),
];

fn hidden(cursor: &mut Cursor<'_>) -> Option<Token> {
    if let Some(token) = overlong(cursor) {
        return Some(token);
    }
    SPELLINGS.iter().find(|(spelling, _)| cursor.eat(spelling)).map(|(_, token)| *token)
}

/// A character in more bytes of UTF-8 than it needs: `C0 AE`, `E0 80 AE`, up to six bytes.
fn overlong(cursor: &mut Cursor<'_>) -> Option<Token> {
    let (length, high) = match (cursor.peek()?, cursor.peek_at(1)?) {
        (0xc0, b @ 0x80..) => (2, b & 0x3f),
        (0xc1, b @ 0x80..) => (2, 0x40 | b & 0x3f),
        (0xe0, 0x80) => (3, 0),
        (0xf0, 0x80) => (4, 0),
        (0xf8, 0x80) => (5, 0),
        (0xfc, 0x80) => (6, 0),
        _ => return None,
    };
    let last = if length == 2 { high } else { cursor.peek_at(length - 1)? & 0x3f };
    let token = match last {
        b'.' => Token::Dot,
        b'/' | b'\\' => Token::Separator,
        0x1c if length > 2 => Token::Separator,
        _ => return None,
    };
    cursor.skip(length);
    Some(token)
}

/// The path with `/` for every separator and lower-case letters; controls and repeated separators dropped.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut cursor = Cursor::new(bytes, 0);
    let mut plain = Vec::with_capacity(bytes.len());
    while !cursor.is_at_end() {
        match token(&mut cursor).0 {
            Token::Dot => plain.push(b'.'),
            Token::Separator if plain.last() == Some(&b'/') => {}
            Token::Separator => plain.push(b'/'),
            Token::Other(byte) if byte > b' ' => plain.push(byte.to_ascii_lowercase()),
            Token::Other(_) => plain.push(b' '),
        }
    }
    plain
}

/// Files and folders that no caller of an application has business with, and how they stand in a path: a name with a
/// leading `/` must start a path, one that ends with `/` is a folder.
#[rustfmt::skip] // a table
const SECRETS: &[Idiom] = &[
    ("etc/passwd", Strong, "/etc/passwd"), ("etc/shadow", Certain, "/etc/shadow"),
    ("etc/gshadow", Certain, "/etc/gshadow"), ("etc/group", Strong, "/etc/group"),
    ("etc/hosts", Strong, "/etc/hosts"), ("etc/issue", Strong, "/etc/issue"), ("etc/motd", Strong, "/etc/motd"),
    ("etc/sudoers", Strong, "/etc/sudoers"), ("etc/hostname", Strong, "/etc/hostname"),
    ("etc/fstab", Strong, "/etc/fstab"), ("etc/crontab", Strong, "/etc/crontab"),
    ("etc/resolv.conf", Weak, "/etc/resolv.conf"), ("etc/ssh/", Strong, "/etc/ssh/"),
    ("etc/security/", Strong, "/etc/security/"), ("etc/apache", Weak, "/etc/apache"),
    ("etc/httpd/", Weak, "/etc/httpd/"), ("etc/nginx/", Weak, "/etc/nginx/"), ("etc/my.cnf", Strong, "/etc/my.cnf"),
    ("etc/mysql/", Weak, "/etc/mysql/"), ("etc/php", Weak, "/etc/php"), ("etc/samba/", Weak, "/etc/samba/"),
    ("etc/kubernetes/", Weak, "/etc/kubernetes/"), ("etc/master.passwd", Certain, "/etc/master.passwd"),
    ("etc/environment", Weak, "/etc/environment"), ("etc/profile", Weak, "/etc/profile"),
    ("etc/proftp", Weak, "/etc/proftp"), ("proc/self/", Strong, "/proc/self/"),
    ("proc/version", Strong, "/proc/version"), ("proc/cmdline", Strong, "/proc/cmdline"),
    ("proc/cpuinfo", Weak, "/proc/cpuinfo"), ("proc/mounts", Weak, "/proc/mounts"),
    ("proc/net/", Strong, "/proc/net/"), ("proc/1/", Strong, "/proc/1/"), ("root/.", Strong, "/root/."),
    ("var/run/secrets/", Weak, "/var/run/secrets/"), ("serviceaccount/token", Strong, "serviceaccount/token"), ("run/secrets/", Strong, "/run/secrets/"),
    ("var/log/", Weak, "/var/log/"), ("var/lib/kubelet/", Weak, "/var/lib/kubelet/"),
    ("var/mail/", Weak, "/var/mail/"), ("var/spool/cron", Weak, "/var/spool/cron"),
    ("opt/lampp/", Weak, "/opt/lampp/"), ("boot.ini", Strong, "/boot.ini"), ("win.ini", Strong, "/win.ini"),
    ("windows/system32", Weak, "windows/system32"), ("winnt/system32", Weak, "winnt/system32"),
    ("windows/repair/", Strong, "windows/repair/"), ("windows/win.ini", Certain, "windows/win.ini"),
    ("drivers/etc/hosts", Certain, "drivers/etc/hosts"), ("system32/config/sam", Certain, "system32/config/sam"),
    ("windows/", Weak, "/windows/"), ("c:/boot.ini", Certain, "c:/boot.ini"), ("web-inf/", Strong, "/web-inf/"),
    ("meta-inf/", Weak, "/meta-inf/"), (".htaccess", Strong, "/.htaccess"), (".htpasswd", Certain, "/.htpasswd"),
    (".git/", Strong, "/.git/"), (".svn/", Strong, "/.svn/"), (".hg/", Strong, "/.hg/"), (".env", Strong, "/.env"),
    (".ssh/", Strong, "/.ssh/"), ("id_rsa", Strong, "/id_rsa"), (".aws/", Strong, "/.aws/"),
    (".bash_history", Certain, "/.bash_history"), (".mysql_history", Certain, "/.mysql_history"),
    (".psql_history", Certain, "/.psql_history"), (".kube/config", Certain, "/.kube/config"),
    (".docker/config", Certain, "/.docker/config"), (".npmrc", Strong, "/.npmrc"), (".netrc", Strong, "/.netrc"),
    (".pgpass", Certain, "/.pgpass"), ("wp-config.php", Strong, "/wp-config.php"),
    ("web.config", Strong, "/web.config"), (".ds_store", Strong, "/.ds_store"), (".gitconfig", Weak, "/.gitconfig"),
    (".bashrc", Weak, "/.bashrc"), (".profile", Weak, "/.profile"), ("config.inc.php", Strong, "/config.inc.php"),
    (".config/", Weak, "/.config/"), (".vscode/", Weak, "/.vscode/"), (".idea/", Weak, "/.idea/"),
    (".dockerenv", Strong, "/.dockerenv"), (".boto", Weak, "/.boto"), (".cvs/", Weak, "/.cvs/"),
    ("server-status", Weak, "/server-status"),
    ("etc/", Strong, "../etc/"), ("usr/", Strong, "../usr/"), ("var/", Strong, "../var/"), ("opt/", Strong, "../opt/"), ("proc/", Strong, "../proc/"),
    ("home/", Strong, "../home/"), ("root/", Strong, "../root/"), ("windows/", Strong, "../windows/"), ("winnt/", Strong, "../winnt/"),
    ("logs/", Strong, "../logs/"), ("php.ini", Strong, "../php.ini"), ("program files", Strong, "../program files"), ("conf/", Strong, "../conf/"),
];

static IDIOMS: Idioms = Idioms::new(SECRETS, || compile(SECRETS));

/// Whether what was found is that file: at the start of a path (with or without the leading separator), behind an upward
/// part, or behind what ends a word; its name ends at a separator or at the end of its word.
fn stands(path: &[u8], at: usize, end: usize, name: &str, climbs: bool) -> bool {
    if name.starts_with("..") {
        return climbs && path.get(..at).is_some_and(|before| before.ends_with(b"./"));
    }
    let rooted = name.starts_with('/');
    let hidden = name.starts_with("/.");
    let before = at.checked_sub(1).and_then(|at| path.get(at)).copied();
    let ahead = at.checked_sub(2).and_then(|at| path.get(at)).copied();
    let starts = match before {
        None => climbs || !rooted || hidden || name.len() >= 9,
        Some(b'/') if hidden => ahead != Some(b'.') || climbs,
        Some(b'/') => climbs || !rooted || ahead.is_none_or(|b| !b.is_ascii_alphanumeric() && !b"_-)}>].".contains(&b)),
        Some(b) => rooted && climbs && !b.is_ascii_alphanumeric() || !rooted && !b.is_ascii_alphabetic(),
    };
    let after = path.get(end).copied();
    let ends = name.ends_with('/')
        || is_stem(name)
        || after.is_none_or(|b| !b.is_ascii_alphanumeric() && b != b'-' && b != b'_');
    starts && ends
}

/// Names that stand for any that begin with them.
fn is_stem(name: &str) -> bool {
    matches!(name, "/etc/apache" | "/etc/php" | "/etc/proftp" | "/root/." | "/.env")
}

/// What the trail amounts to.
fn verdict(part: &Part<'_>, trail: &Trail) -> Option<(Strength, &'static str)> {
    let bytes = part.canonical.as_ref();
    if names_an_upload(part) && is_script(bytes) {
        return Some((Strong, "path-script-upload"));
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
    if trail.nul && is_named(part.place) && (trail.run >= 1 || trail.secret.is_some() || truncates(bytes)) {
        return Some((Strong, "path-nul"));
    }
    if trail.stays >= 4 && trail.stays * 3 > bytes.len() / 2 {
        return Some((Strong, "path-self-reference"));
    }
    if let Some(strength) = trail.secret {
        return Some((if trail.rooted { strength } else { strength.min(Strong) }, "path-secret-file"));
    }
    let value = matches!(part.place, Place::QueryValue | Place::FormValue | Place::CookieValue);
    (trail.run == 2).then_some((if value { Strong } else { Weak }, "path-traversal"))
}

/// The name of an uploaded file, in its place or in a header made for it.
fn names_an_upload(part: &Part<'_>) -> bool {
    let header = matches!(part.place, Place::HeaderValue)
        && cursor::contains(&part.name, b"file")
        && cursor::contains(&part.name, b"name");
    header || part.place == Place::FileName
}

/// Whether a server would run a file of this name; dots and blanks behind the ending do not count.
fn is_script(name: &[u8]) -> bool {
    let end = name.iter().rposition(|b| !matches!(b, b'.' | b' ' | 0)).map_or(0, |at| at + 1);
    let name = name.get(..end).unwrap_or_default();
    let Some(dot) = name.iter().rposition(|b| *b == b'.') else { return false };
    let ending = name.get(dot + 1..).unwrap_or_default().trim_ascii();
    let stem = ending.iter().position(u8::is_ascii_digit).and_then(|at| ending.get(..at)).unwrap_or(ending);
    cursor::is_one_of(
        stem,
        &[
            "asa", "asp", "aspx", "cer", "cfm", "htaccess", "jsp", "jspf", "jspx", "phar", "php", "phps", "pht",
            "phtm", "phtml", "shtml",
        ],
    )
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
        ] {
            assert!(total(Place::QueryValue, value.as_bytes()) >= 100, "{value}");
        }
        for value in ["/.env", "/.git/config", "/app/.ssh/id_rsa", "/.aws/credentials"] {
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
        ] {
            assert!(total(Place::JsonValue, value.as_bytes()) < 50, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_within_their_fuel(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut fuel = Fuel::new(100_000);
            PATH.inspect(&Part::plain(Place::QueryValue, b"q", &bytes), &mut Found::default(), &mut fuel);
            prop_assert!(100_000 - fuel.left() <= bytes.len() as u64 * 6);
        }
    }
}
