//! Files and folders that no caller of an application has business with.

use super::Finding;
use crate::detect::context::Strength::{Certain, Strong, Weak};
use crate::detect::literals::{Idiom, Idioms, compile};

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
    ("var/run/secrets/", Weak, "/var/run/secrets/"), ("serviceaccount/token", Strong, "serviceaccount/token"),
    ("run/secrets/", Strong, "/run/secrets/"), ("var/log/", Weak, "/var/log/"),
    ("var/lib/kubelet/", Weak, "/var/lib/kubelet/"), ("var/mail/", Weak, "/var/mail/"),
    ("var/spool/cron", Weak, "/var/spool/cron"), ("opt/lampp/", Weak, "/opt/lampp/"),
    ("boot.ini", Strong, "/boot.ini"), ("win.ini", Strong, "/win.ini"),
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
    (".pgpass", Certain, "/.pgpass"), (".passwd", Strong, "/.passwd"), ("wp-config.php", Strong, "/wp-config.php"),
    ("web.config", Strong, "/web.config"), (".ds_store", Strong, "/.ds_store"), (".gitconfig", Weak, "/.gitconfig"),
    (".bashrc", Strong, "/.bashrc"), (".profile", Weak, "/.profile"), (".cursor", Strong, "/.cursor"),
    (".claude/", Strong, "/.claude/"), (".junie/", Strong, "/.junie/"), (".aider", Strong, "/.aider"),
    (".codex/", Strong, "/.codex/"), (".gemini/", Strong, "/.gemini/"), (".kiro/", Strong, "/.kiro/"),
    (".opencode/", Strong, "/.opencode/"), (".windsurf", Strong, "/.windsurf"), (".zed/", Strong, "/.zed/"),
    (".docker/", Strong, "/.docker/"), ("wp-content/error.log", Strong, "/wp-content/error.log"), ("config.inc.php", Strong, "/config.inc.php"),
    (".config/", Weak, "/.config/"), (".vscode/", Weak, "/.vscode/"), (".idea/", Weak, "/.idea/"),
    (".dockerenv", Strong, "/.dockerenv"), (".boto", Weak, "/.boto"), (".cvs/", Weak, "/.cvs/"),
    ("tmp/sess_", Strong, "/tmp/sess_"), ("server-status", Weak, "/server-status"), ("etc/", Strong, "../etc/"),
    ("usr/", Strong, "../usr/"), ("var/", Strong, "../var/"), ("opt/", Strong, "../opt/"),
    ("proc/", Strong, "../proc/"), ("home/", Strong, "../home/"), ("root/", Strong, "../root/"),
    ("windows/", Strong, "../windows/"), ("winnt/", Strong, "../winnt/"), ("logs/", Strong, "../logs/"),
    ("php.ini", Strong, "/php.ini"), ("program files", Strong, "../program files"), ("conf/", Strong, "../conf/"),
];

static IDIOMS: Idioms = Idioms::new(SECRETS, || compile(SECRETS));

/// The secret files that a path in plain spelling names; `climbs`: it leads upwards.
pub(super) fn find(path: &[u8], climbs: bool) -> impl Iterator<Item = Finding> {
    IDIOMS.find(path).into_iter().filter(move |found| stands(path, found.at, found.end, found.name, climbs))
}

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
    matches!(
        name,
        "/.cursor"
            | "/.windsurf"
            | "/.aider"
            | "/etc/apache"
            | "/tmp/sess_"
            | "/etc/php"
            | "/etc/proftp"
            | "/root/."
            | "/.env"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::path::LITERALS;

    #[test]
    fn every_secret_wakes_the_detector() {
        for (_, _, name) in SECRETS {
            assert!(LITERALS.iter().any(|literal| name.contains(literal)), "{name}");
        }
    }
}
