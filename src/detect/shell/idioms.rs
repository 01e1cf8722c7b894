//! What only an intruder types, wherever it stands: function definitions in the environment, sockets as files, encoded
//! PowerShell, the disguised blank.

use super::Finding;
use crate::canon::cursor::{Cursor, starts_with};
use crate::detect::context::Strength::{Certain, Strong, Weak};
use crate::detect::literals::{Idiom, Idioms, compile};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// What wakes the detector besides separators.
pub(super) const LITERALS: &[&str] = &[
    "/bin/",
    "/dev/tcp",
    "powershell",
    "pwsh",
    "cmd /",
    "cmd.exe",
    "comspec",
    "downloadstring",
    "webclient",
    "iex(",
    "iex ",
    "invoke-",
    "pty.spawn",
    "for /",
    "if /",
    "wget",
    "curl",
    "nc -",
    "busybox",
    "whoami",
    "ifconfig",
    "nslookup",
    "certutil",
    "ncat -",
    "bash -",
    "sh -i",
    "if exist",
    "if not",
    "if %",
    "if \"",
    "for %",
    "perl -",
    "ruby -",
    "python -",
    "python3 -",
    "php -",
    "node -",
    "%systemroot%",
    "%windir%",
    "$shell",
    "${shell}",
    "(sleep ",
    "( sleep ",
    "(usleep ",
    "(ping ",
    "( ping ",
    "(nc ",
    "(kill",
    "(shutdown ",
    "(halt ",
    "(reboot ",
    "alias ",
    " /var",
    " /etc",
    " /tmp",
    " -c ",
    " -l",
    " -al",
    " -p",
    "time ",
    "nohup",
    " -r",
    "/dev/udp",
    "frombase64",
    "$ifs",
    "${ifs",
    "exec:",
    "|sh",
    "|bash",
    " | sh",
    " | bash",
    "'|bas'h",
    "0>&1",
    "downloadfile",
    " -e sh",
    " -e cmd",
    "|nc ",
    "/[?]",
    "/[a-",
    "ls /",
    "cat /",
    "rm /",
    "/[!",
];

#[rustfmt::skip] // a table
const TABLE: &[Idiom] = &[
    ("/dev/tcp/", Certain, "shell-network-file"), ("/dev/udp/", Certain, "shell-network-file"),
    ("bash -i", Strong, "shell-interactive"), ("sh -i >", Certain, "shell-interactive"),
    ("sh -i<", Certain, "shell-interactive"), ("sh -i 2>", Certain, "shell-interactive"),
    ("0>&1", Strong, "shell-interactive"), ("/bin/sh -i", Certain, "shell-interactive"),
    ("downloadstring(", Certain, "shell-powershell-download"),
    ("downloadfile(", Certain, "shell-powershell-download"), ("net.webclient", Strong, "shell-powershell-download"),
    ("invoke-expression", Strong, "shell-powershell"), ("invoke-webrequest", Strong, "shell-powershell-download"),
    ("invoke-mimikatz", Certain, "shell-powershell"), ("powershell -e", Strong, "shell-powershell"),
    ("powershell.exe -", Strong, "shell-powershell"), ("powershell -nop", Certain, "shell-powershell"),
    ("powershell -w hid", Certain, "shell-powershell"), ("powershell -c", Strong, "shell-powershell"),
    ("powershell c:", Strong, "shell-powershell"), ("pwsh -", Weak, "shell-powershell"),
    ("iex (", Strong, "shell-powershell"), ("iex(", Strong, "shell-powershell"),
    ("frombase64string(", Strong, "shell-powershell"), ("pty.spawn(", Certain, "shell-interactive"),
    ("$ifs", Strong, "shell-disguised-blank"), ("${ifs", Strong, "shell-disguised-blank"),
    ("%comspec%", Strong, "shell-cmd"), ("%systemroot%", Strong, "shell-cmd"), ("%windir%", Strong, "shell-cmd"),
    ("cmd /c", Strong, "shell-cmd"), ("cmd.exe /", Strong, "shell-cmd"), ("cmd.exe?/", Strong, "shell-cmd"),
    ("cmd /k", Strong, "shell-cmd"), ("for /l %", Strong, "shell-cmd"), ("for /f ", Strong, "shell-cmd"),
    ("for /r ", Strong, "shell-cmd"), ("for /d %", Strong, "shell-cmd"), ("if /i ", Strong, "shell-cmd"),
    (" -e /bin/", Certain, "shell-network-pipe"), (" -e sh", Weak, "shell-network-pipe"),
    (" -e cmd", Certain, "shell-network-pipe"), (" -c /bin/sh", Weak, "shell-network-pipe"),
    ("nc -lv", Strong, "shell-network-pipe"), ("nc -nlv", Strong, "shell-network-pipe"),
    ("|nc ", Strong, "shell-network-pipe"), ("ncat -", Strong, "shell-network-pipe"),
    ("nc -e", Certain, "shell-network-pipe"), ("exec:/bin/", Certain, "shell-network-pipe"),
    ("exec:'bash", Certain, "shell-network-pipe"), ("exec:bash", Certain, "shell-network-pipe"),
    ("busybox -c", Strong, "shell-command"), ("busybox sh", Strong, "shell-command"),
    ("busybox nc", Certain, "shell-network-pipe"), ("certutil -urlcache", Certain, "shell-cmd"),
    ("certutil.exe -", Strong, "shell-cmd"), (" | sh", Weak, "shell-download-run"),
    ("|sh", Weak, "shell-download-run"), ("|bash", Strong, "shell-download-run"),
    (" | bash", Weak, "shell-download-run"), ("'|bas'h", Certain, "shell-disguised-command"),
    ("if not defined ", Strong, "shell-cmd"), ("if not exist ", Strong, "shell-cmd"),
    ("$shell -", Strong, "shell-command"), ("${shell} -", Strong, "shell-command"), ("/[?]", Strong, "shell-globbed-path"), ("/[!", Strong, "shell-globbed-path"),
];
static IDIOMS: Idioms = Idioms::new(TABLE, || compile(TABLE));

/// The clearest idiom in `bytes`. A few steps for each byte.
pub(super) fn find(bytes: &[u8]) -> Option<Finding> {
    IDIOMS
        .find(bytes)
        .into_iter()
        .filter(|idiom| idiom.name != "shell-disguised-blank" || !is_assigned(bytes, idiom.end))
        .chain(find_grammar(bytes))
        .max_by_key(|finding| finding.strength)
}

/// The idioms that have no literal of their own.
pub(super) fn find_grammar(bytes: &[u8]) -> Option<Finding> {
    environment_function(bytes).or_else(|| control(bytes)).or_else(|| arithmetic(bytes))
}

/// `$[2+2]`: nothing but the shell's older arithmetic.
fn arithmetic(bytes: &[u8]) -> Option<Finding> {
    let inside = bytes.trim_ascii().strip_prefix(b"$[")?.strip_suffix(b"]")?;
    let sum =
        inside.iter().all(|b| b.is_ascii_digit() || b"+-*/ ".contains(b)) && inside.iter().any(u8::is_ascii_digit);
    // A `+` may have been taken for a blank.
    let joined = inside.iter().any(|b| b"+*/ ".contains(b));
    (sum && joined).then_some(Finding { strength: Strong, name: "shell-arithmetic", at: 0, end: bytes.len() })
}

/// `IFS=$IFS…` of an honest script saves the variable; `$IFS` in quotes or before a line end does not stand for a blank.
fn is_assigned(bytes: &[u8], end: usize) -> bool {
    matches!(bytes.get(end), Some(b'\n' | b'"'))
}

/// Whether a value may begin as [`control`] reads it.
pub(super) fn may_control(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|b| !matches!(b, b' ' | b'&' | b'|' | b';' | b'(')).unwrap_or(0);
    let rest = bytes.get(start..).unwrap_or_default();
    starts_with(rest, b"for ") || starts_with(rest, b"if ")
}

/// `for %x in (…)`, `if a lss b`, `if exist c:\x`: the grammar of cmd, where a value or a command begins.
fn control(bytes: &[u8]) -> Option<Finding> {
    let mut cursor = Cursor::new(bytes.get(..bytes.len().min(128)).unwrap_or_default(), 0);
    cursor.take_while(|b| matches!(b, b' ' | b'&' | b'|' | b';' | b'('));
    let at = cursor.at();
    let loops = cursor.eat(b"for ");
    if !loops && !cursor.eat(b"if ") {
        return None;
    }
    cursor.blanks();
    while cursor.eat(b"/") {
        cursor.skip(1);
        cursor.blanks();
    }
    let operand = cursor.peek();
    let variable = cursor.take_while(|b| b != b' ').len();
    cursor.blanks();
    let rest = cursor.rest();
    let compares =
        [&b"lss "[..], b"leq ", b"gtr ", b"geq ", b"equ ", b"neq "].iter().any(|word| starts_with(rest, word));
    let exists = rest.get(1..3) == Some(b":\\") && starts_with(bytes.get(at..).unwrap_or_default(), b"if");
    let runs =
        if loops { operand == Some(b'%') && variable > 1 && starts_with(rest, b"in ") } else { compares || exists };
    runs.then_some(Finding { strength: Strong, name: "shell-cmd", at, end: cursor.at() })
}

/// A function definition where an environment variable's value is expected (CVE-2014-6271): `() {` at the start of the
/// value, or anywhere when the body is empty and a command follows it.
fn environment_function(bytes: &[u8]) -> Option<Finding> {
    let mut cursor = Cursor::new(bytes, 0);
    while let Some(at) = PARAMETERS.find(cursor.rest()).map(|at| cursor.at() + at) {
        cursor = Cursor::new(bytes, at + 2);
        cursor.take_while(|b| matches!(b, b' ' | b'\t' | b'.' | b'+'));
        if !cursor.eat(b"{") {
            continue;
        }
        cursor.take_while(|b| matches!(b, b' ' | b'\t' | b'.' | b'+' | b'_'));
        let empty =
            cursor.eat(b":;") || cursor.eat(b": ;") || cursor.eat(b":.;") || cursor.eat(b"0;") || cursor.eat(b"foo;");
        let first = bytes.iter().take(at).all(|b| !b.is_ascii_alphanumeric());
        if empty || first {
            let strength = if empty { Certain } else { Strong };
            return Some(Finding { strength, name: "shell-environment-function", at, end: cursor.at() });
        }
    }
    None
}

/// The parameters of a function that is defined.
pub(super) static PARAMETERS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("()"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idioms_have_literals() {
        for (idiom, ..) in TABLE {
            assert!(LITERALS.iter().any(|literal| idiom.contains(literal)), "{idiom}");
        }
    }
}
