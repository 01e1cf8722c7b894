//! A shell whose input comes from outside: its prompt or the output of what everybody types first leaves the pod, or
//! commands and stagers arrive. What a person types at a prompt is judged where it arrives, what a shell answers where it
//! leaves.

use super::{Chunk, Observer, Way, certain, contains};
use crate::behave::Sign;
use crate::flow::Weight;

const OBSERVER: &str = "shell-stream";
/// Different commands that two of together are a shell, though either may be a word of some protocol.
const REMEMBERED: usize = 4;

/// What is remembered of a connection.
#[derive(Debug, Default)]
pub struct Shell {
    /// Common commands that arrived, each once.
    typed: Vec<&'static str>,
    /// Lines in a row that are folders of a root.
    folders: usize,
    /// Lines of a file of users.
    users: usize,
    /// Whether one of them was given back.
    echoed: bool,
    /// Whether the last line was the sum that begins a long listing.
    summed: bool,
}

impl Observer for Shell {
    fn look(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        match chunk.way {
            Way::Out => self.leaving(chunk),
            Way::In => self.arriving(chunk),
        }
    }
}

impl Shell {
    fn leaving(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        if let Some(what) = chunk.lines.iter().find_map(|line| self.output(line)) {
            return Some(certain(OBSERVER, "shell-output", format!("{what} leaves")));
        }
        let begun = is_user(chunk.rest).then_some("output of id, or of a command like it,");
        let begun = begun.or_else(|| is_system(chunk.rest).then_some("output of uname"));
        if let Some(what) = begun {
            return Some(certain(OBSERVER, "shell-output", format!("{what} leaves")));
        }
        let escape =
            contains(chunk.bytes, "\u{1b}[?2004h") || contains(chunk.bytes, "\u{1b}]0;") && has_host(chunk.bytes);
        if escape || is_prompt(chunk.rest) {
            return Some(certain(OBSERVER, "shell-prompt", "a shell's prompt leaves".into()));
        }
        if let Some(echoed) = self.echo(chunk) {
            return Some(Sign {
                observer: OBSERVER,
                name: "shell-echo",
                weight: Weight(60),
                figures: format!("a terminal gives back what arrived: {echoed}"),
            });
        }
        let bare = chunk.first && chunk.lines.is_empty() && matches!(chunk.rest, b"$ " | b"# " | b"% " | b"> ");
        bare.then(|| Sign {
            observer: OBSERVER,
            name: "shell-prompt",
            weight: Weight(60),
            figures: "nothing but a prompt's sign leaves first".into(),
        })
    }

    /// What a line is the output of.
    fn output(&mut self, line: &[u8]) -> Option<&'static str> {
        let summed = std::mem::replace(&mut self.summed, is_sum(line));
        self.folders = if is_folder(line) { self.folders + 1 } else { 0 };
        if is_user(line) {
            return Some("output of id, or of a command like it,");
        }
        if is_system(line) {
            return Some("output of uname");
        }
        if is_account(line) {
            self.users += 1;
            // The first line of the file, or some of it.
            if self.users > 1 || line.starts_with(b"root:") {
                return Some("a file of users");
            }
        }
        if self.folders >= 4 || is_root_listing(line) {
            return Some("a listing of a root");
        }
        if summed && is_entry(line) {
            return Some("a long listing");
        }
        is_complaint(line).then_some("a shell's complaint")
    }

    /// A common command that arrived and leaves again as a line of its own, or behind a prompt; once.
    fn echo(&mut self, chunk: &Chunk<'_>) -> Option<&'static str> {
        let leaves = |common: &str| {
            chunk.lines.iter().chain([&chunk.rest]).any(|line| {
                let before = line.trim_ascii_end().strip_suffix(common.as_bytes());
                before.is_some_and(|before| before.is_empty() || before.ends_with(b" "))
            })
        };
        let echoed = self.typed.iter().find(|common| !self.echoed && leaves(common)).copied();
        self.echoed |= echoed.is_some();
        echoed
    }

    fn arriving(&mut self, chunk: &Chunk<'_>) -> Option<Sign> {
        if let Some(what) = stager(chunk) {
            return Some(certain(OBSERVER, "shell-stager", format!("{what} arrives")));
        }
        for line in chunk.lines {
            let line = line.trim_ascii();
            if is_command(line) {
                let shown = String::from_utf8_lossy(line.get(..line.len().min(60)).unwrap_or_default()).into_owned();
                return Some(certain(OBSERVER, "shell-command", format!("a command arrives: {shown}")));
            }
            let known = COMMON.iter().find(|common| common.as_bytes() == line);
            if let Some(common) = known.filter(|common| !self.typed.contains(common))
                && self.typed.len() < REMEMBERED
            {
                self.typed.push(common);
            }
        }
        (self.typed.len() >= 2).then(|| certain(OBSERVER, "shell-command", format!("{} arrive", self.typed.join(", "))))
    }
}

fn starts(line: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| line.starts_with(word.as_bytes()))
}

/// The digits that a text begins with, and what stands behind them.
fn digits(text: &[u8]) -> Option<&[u8]> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.get(count..).filter(|_| (1..=10).contains(&count))
}

/// `uid=0(root) gid=0(root)`, as id tells it.
fn is_user(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"uid=").and_then(digits) else { return false };
    let rest = match rest.split_first() {
        Some((b'(', named)) => {
            let end = named.iter().take(64).position(|byte| *byte == b')');
            end.and_then(|end| named.get(end + 1..)).unwrap_or_default()
        }
        _ => rest,
    };
    rest.starts_with(b" gid=") || rest.starts_with(b" euid=")
}

/// `Linux host 6.1.0-18-amd64 #1 SMP …`, as uname -a tells it; `Linux version …` is what kernels log.
fn is_system(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ');
    let system = words.next().unwrap_or_default();
    let unix = matches!(system, b"Linux" | b"Darwin" | b"FreeBSD" | b"OpenBSD" | b"NetBSD" | b"SunOS");
    let host = words.next().unwrap_or_default();
    let release = words.next().unwrap_or_default();
    let version = words.next().unwrap_or_default();
    let numbered = digits(release).is_some_and(|rest| rest.starts_with(b"."));
    unix && host != b"version" && numbered && (version.starts_with(b"#") || matches!(version, b"Darwin" | b"FreeBSD"))
}

/// A line of a file of users: `daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin`; or of their passwords.
fn is_account(line: &[u8]) -> bool {
    let fields: Vec<&[u8]> = line.splitn(9, |byte| *byte == b':').collect();
    let name = |name: &[u8]| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        (1..=32).contains(&name.len()) && name.iter().all(plain)
    };
    let number = |text: &[u8]| digits(text) == Some(b"");
    match fields.as_slice() {
        [who, secret, user, group, _, home, shell] => {
            name(who)
                && secret.len() <= 1
                && number(user)
                && number(group)
                && home.starts_with(b"/")
                && shell.starts_with(b"/")
        }
        [who, secret, changed, _, _, _, _, _, _] => name(who) && secret.starts_with(b"$") && number(changed),
        _ => false,
    }
}

/// A folder that every root has.
fn is_folder(line: &[u8]) -> bool {
    const FOLDERS: &[&[u8]] = &[
        b"bin",
        b"boot",
        b"dev",
        b"etc",
        b"home",
        b"lib",
        b"lib32",
        b"lib64",
        b"libx32",
        b"lost+found",
        b"media",
        b"mnt",
        b"opt",
        b"proc",
        b"root",
        b"run",
        b"sbin",
        b"srv",
        b"sys",
        b"tmp",
        b"usr",
        b"var",
    ];
    line.len() <= 10 && FOLDERS.contains(&line)
}

/// The same in columns.
fn is_root_listing(line: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first: Vec<&[u8]> = words.by_ref().take(5).collect();
    first.len() == 5 && first.iter().all(|word| is_folder(word))
}

/// `total 68`.
fn is_sum(line: &[u8]) -> bool {
    line.strip_prefix(b"total ").and_then(digits) == Some(b"")
}

/// `drwxr-xr-x 2 root root 4096 …`.
fn is_entry(line: &[u8]) -> bool {
    let mode = line.get(..10).unwrap_or_default();
    let (kind, bits) = mode.split_first().unwrap_or((&0, &[]));
    matches!(kind, b'd' | b'-' | b'l' | b'c' | b'b' | b'p' | b's')
        && bits.len() == 9
        && bits.iter().all(|bit| matches!(bit, b'r' | b'w' | b'x' | b's' | b'S' | b't' | b'T' | b'-'))
}

/// What shells say that have no terminal, or do not find a command.
fn is_complaint(line: &[u8]) -> bool {
    const SHELLS: &[&str] = &["sh: ", "bash: ", "zsh: ", "dash: ", "ash: ", "/bin/sh: ", "/bin/bash: ", "-bash: "];
    const SAYS: &[&str] = &[
        "cannot set terminal process group",
        "no job control in this shell",
        "can't access tty",
        "turning off NDELAY mode",
        "not found",
        "No such file or directory",
        "Permission denied",
        "Syntax error",
        "syntax error",
    ];
    let windows = ["Microsoft Windows [Version ", "Windows PowerShell"];
    starts(line, &windows) || starts(line, SHELLS) && SAYS.iter().any(|says| contains(line, says))
}

/// `root@host:/# `, `bash-5.2$ `, `/ # `, `PS C:\> `, `C:\Users>`, `>>> ` of nobody.
fn is_prompt(rest: &[u8]) -> bool {
    let line = rest;
    if line.starts_with(b"PS ") && line.trim_ascii_end().ends_with(b">") && contains(line, ":\\") {
        return true;
    }
    if let [drive, b':', b'\\', .., b'>'] = line {
        return drive.is_ascii_alphabetic();
    }
    let Some((before, sign)) = line.split_last_chunk::<2>() else { return false };
    if !matches!(sign, b"$ " | b"# " | b"% ") || before.len() > 200 {
        return false;
    }
    let versioned = ["bash-", "sh-", "zsh-", "dash-", "ksh-", "ash-"];
    let has_version = versioned.iter().filter_map(|name| before.strip_prefix(name.as_bytes())).any(|rest| {
        rest.first().is_some_and(u8::is_ascii_digit) && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
    });
    let folder = before.trim_ascii_end();
    let busybox = sign != b"% " && before.ends_with(b" ") && (folder.starts_with(b"/") || folder == b"~");
    has_version || busybox || has_host(before)
}

/// `user@host:`, or `[user@host folder]`.
fn has_host(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text.get(..text.len().min(300)).unwrap_or_default()) else { return false };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let (user, host) = text.split_at(at);
    let user = user.iter().rev().take_while(|byte| plain(byte)).count();
    let host = host.get(1..).unwrap_or_default();
    let length = host.iter().take_while(|byte| plain(byte)).count();
    let behind = host.get(length..).unwrap_or_default();
    let folder = matches!(behind, [b':', b'/' | b'~', ..]) || matches!(behind, [b':', b' ', b'/' | b'~', ..]);
    let bracket = text.starts_with(b"[") && behind.starts_with(b" ");
    user > 0 && length > 0 && (folder || bracket)
}

/// What everybody types first; two of them are a shell.
const COMMON: &[&str] = &[
    "id",
    "whoami",
    "pwd",
    "ls",
    "ls -l",
    "ls -la",
    "ls -al",
    "w",
    "who",
    "ps",
    "env",
    "hostname",
    "uname",
    "ifconfig",
    "ip a",
    "ip addr",
    "arp -a",
    "history",
    "date",
    "df -h",
    "mount",
    "netstat",
    "dir",
    "ver",
    "ipconfig",
    "systeminfo",
    "cd /",
    "cd /tmp",
    "bash",
    "sh",
    "exit",
];

/// Commands that are words of no protocol.
fn is_command(line: &[u8]) -> bool {
    const WHOLE: &[&str] = &[
        "uname -a",
        "ls /",
        "ps aux",
        "ps -ef",
        "sudo -l",
        "crontab -l",
        "bash -i",
        "sh -i",
        "/bin/sh",
        "/bin/bash",
        "/bin/sh -i",
        "/bin/bash -i",
        "whoami /all",
        "net user",
        "env | grep -i pass",
        "mount | grep",
    ];
    const BEGINNINGS: &[&str] = &[
        "cat /etc/",
        "cat /proc/",
        "cat /root/",
        "cat /home/",
        "cat /var/run/secrets/",
        "ls /",
        "ls -la /",
        "ls -l /",
        "ls -al /",
        "ls -lah /",
        "find / -",
        "python -c ",
        "python3 -c ",
        "perl -e ",
        "stty raw -echo",
        "export TERM=",
        "script -qc ",
        "script /dev/null",
        "chmod +x /",
        "chmod 777 /",
        "netstat -",
        "ss -",
        "uname -",
        "id;",
        "whoami;",
        "curl http",
        "curl -",
        "wget http",
        "wget -",
        "nc -e",
        "kubectl ",
        "iex ",
        "IEX(",
        "Invoke-Expression",
        "Get-ChildItem",
        "powershell ",
    ];
    WHOLE.iter().any(|command| command.as_bytes() == line) || starts(line, BEGINNINGS)
}

/// What is sent to become a shell.
fn stager(chunk: &Chunk<'_>) -> Option<&'static str> {
    let bytes = chunk.bytes;
    if chunk.first {
        // A length, then a program of that length: stages of attack frameworks.
        if let Some((length, program)) = bytes.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length);
            let sound = (1024..=16 << 20).contains(&length);
            if sound && (program.starts_with(b"MZ") || program.starts_with(b"\x7fELF")) {
                return Some("a program with its length before it");
            }
        }
    }
    let says = [
        ("System.Net.Sockets.TCPClient", "a PowerShell stager"),
        ("FromBase64String(", "a PowerShell stager"),
        ("DownloadString(", "a PowerShell stager"),
        ("pty.spawn(", "a terminal for a shell"),
        ("os.dup2(", "a Python stager"),
        ("/dev/tcp/", "a shell's own stager"),
    ];
    says.iter().find(|(text, _)| contains(bytes, text)).map(|(_, what)| *what)
}
