//! What the commands of an operating system are called, and what makes sense after each. The table is data: a name is
//! worth an entry when running it tells an attacker something, or lets him do something.

/// What follows a command that makes sense to it; a set of the constants below.
pub(super) type Takes = u8;

/// The name is no word of any other language.
pub(super) const RARE: Takes = 1;
/// Nothing need follow.
pub(super) const END: Takes = 2;
/// A path, an option, a pattern, an expansion or a redirection.
pub(super) const PATH: Takes = 4;
/// A host, an address or a URL.
pub(super) const HOST: Takes = 8;
/// A number.
pub(super) const NUMBER: Takes = 16;
/// A quoted text.
pub(super) const QUOTED: Takes = 32;
/// Any word.
pub(super) const WORD: Takes = 64;

/// A name that is no other word: with nothing, a path or an option behind it.
const PLAINLY: Takes = RARE | END | PATH;

/// What `name` takes, if it is a command, ignoring ASCII case.
pub(super) fn takes(name: &[u8]) -> Option<Takes> {
    let mut lower = [0; 16];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let (slot, bit) = place(lower);
    if MAYBE.get(slot).copied().unwrap_or_default() & bit == 0 {
        return None;
    }
    let at = COMMANDS.binary_search_by(|(command, _)| command.as_bytes().cmp(lower)).ok()?;
    COMMANDS.get(at).map(|(_, takes)| *takes)
}

/// A bit for each name, by its hash: tells most other words without a search.
static MAYBE: [u64; 256] = {
    let mut maybe = [0; 256];
    let mut commands = COMMANDS;
    while let [(name, _), rest @ ..] = commands {
        let (slot, bit) = place(name.as_bytes());
        #[expect(clippy::indexing_slicing, reason = "slot < 256, at compile time")]
        {
            maybe[slot] |= bit;
        }
        commands = rest;
    }
    maybe
};

/// The word and the bit of a lower-case name. The word is less than 256.
const fn place(name: &[u8]) -> (usize, u64) {
    let mut hash = name.len() as u32;
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        hash = (hash ^ *byte as u32).wrapping_mul(0x0100_0193);
        rest = tail;
    }
    hash ^= hash >> 15;
    ((hash >> 6) as usize & 255, 1 << (hash & 63))
}

/// Sorted by name.
#[rustfmt::skip] // a table
const COMMANDS: &[(&str, Takes)] = &[
    ("7z", PATH), ("aa-exec", PLAINLY), ("aa-status", END | PATH), ("ab", PLAINLY), ("addgroup", PLAINLY),
    ("adduser", PLAINLY), ("adfind", PLAINLY), ("ag", PATH), ("agetty", PLAINLY), ("alias", PATH | WORD),
    ("alpine", PLAINLY), ("ansible", PLAINLY), ("ansible-playbook", PLAINLY), ("ansible-pull", PLAINLY),
    ("ansible-vault", PLAINLY), ("apk", PLAINLY), ("apparmor_parser", PLAINLY), ("apt-get", PLAINLY),
    ("aptitude", PLAINLY), ("ar", PATH), ("arch", END | PATH), ("aria2c", RARE | HOST), ("arj", PLAINLY),
    ("arp", RARE | END), ("arping", RARE | HOST), ("as", PATH), ("ash", RARE | END | PATH | QUOTED),
    ("aspell", PLAINLY), ("assoc", PLAINLY), ("atobm", PLAINLY), ("attrib", PLAINLY),
    ("auditctl", PLAINLY), ("ausearch", PLAINLY), ("awk", RARE | END | PATH | QUOTED), ("aws", PLAINLY),
    ("axel", RARE | HOST), ("az", PLAINLY), ("banner", PATH), ("base", END | PATH), ("base32", PLAINLY),
    ("base64", PLAINLY), ("basenc", PLAINLY), ("bash", RARE | END | PATH | QUOTED), ("batcat", PLAINLY),
    ("batch", PATH), ("bcdboot", PLAINLY), ("bcdedit", PLAINLY), ("bconsole", PLAINLY),     ("bitsadmin", PLAINLY), ("blkid", PLAINLY), ("bpftrace", PLAINLY), ("brctl", PLAINLY), ("bsdtar", PLAINLY),
    ("buildctl", PLAINLY), ("builtin", PATH), ("bunzip2", PLAINLY), ("busctl", PLAINLY), ("busybox", PLAINLY),
    ("byebug", PLAINLY), ("bzcat", PLAINLY), ("bzdiff", PLAINLY), ("bzgrep", PLAINLY), ("bzip2", PLAINLY),
    ("bzless", PLAINLY), ("bzmore", PLAINLY), ("c89", PLAINLY), ("c99", PLAINLY), ("cabal", PLAINLY),
    ("cacls", PLAINLY), ("cal", END | PATH), ("call", PATH), ("capsh", PLAINLY), ("cargo", PLAINLY), ("cat", PATH),
    ("cc", PATH), ("cd", PATH), ("certbot", PLAINLY), ("certreq", PLAINLY), ("certutil", PLAINLY),
    ("chattr", PLAINLY), ("chef-apply", PLAINLY), ("chef-client", PLAINLY), ("chef-run", PLAINLY),
    ("chef-server-ctl", PLAINLY), ("chef-solo", PLAINLY), ("chef-vault", PLAINLY), ("chgrp", PLAINLY),
    ("chisel", PLAINLY), ("chkdsk", PLAINLY), ("chmod", PLAINLY), ("choco", PLAINLY), ("choom", PLAINLY),
    ("chown", PLAINLY), ("chpasswd", PLAINLY), ("chroot", PLAINLY), ("cipher", PLAINLY), ("cksum", PATH),
    ("clip", PLAINLY), ("cloudflared", PLAINLY), ("cmd", RARE | END | PATH | QUOTED), ("cmdkey", RARE | END),
    ("cmp", PATH), ("cmstp", PLAINLY), ("column", PATH), ("comm", PATH), ("command", PATH),
    ("command.com", RARE | END | PATH | QUOTED), ("comp", PATH), ("compact", PATH), ("composer", PLAINLY),
    ("consul-template", PLAINLY), ("convert", PATH), ("copy", PATH), ("cowsay", PLAINLY), ("cp", PATH),
    ("cpio", PLAINLY), ("cpulimit", PLAINLY), ("crackmapexec", PLAINLY), ("crash", PATH), ("crictl", PLAINLY),
    ("crontab", PLAINLY), ("csc", PLAINLY), ("cscript", PLAINLY), ("csh", RARE | END | PATH | QUOTED),
    ("csplit", PLAINLY), ("csvde", PLAINLY), ("csvtool", PLAINLY), ("ctr", PLAINLY), ("cupsfilter", PLAINLY),
    ("curl", RARE | HOST), ("cut", PATH), ("dash", RARE | END | PATH | QUOTED), ("date", END | PATH), ("dd", PATH),
    ("debugfs", PLAINLY), ("del", PATH), ("deluser", PLAINLY), ("df", END | PATH), ("dialog", PLAINLY),
    ("diff", PATH), ("dig", RARE | HOST), ("dir", END | PATH), ("diskpart", PLAINLY), ("diskshadow", PLAINLY),
    ("dispdiag", PLAINLY), ("distcc", PLAINLY), ("dmesg", PLAINLY), ("dmidecode", PLAINLY), ("dmsetup", PLAINLY),
    ("dnf", PLAINLY), ("dnscmd", PLAINLY), ("dnsdomainname", RARE | END), ("dnsmasq", PLAINLY), ("doas", PATH),
    ("docker", PLAINLY), ("doctl", PLAINLY), ("dosbox", PLAINLY), ("doskey", PLAINLY), ("dotnet", PLAINLY),
    ("dpkg", PLAINLY), ("driverquery", PLAINLY), ("dsquery", PLAINLY), ("dstat", PLAINLY), ("du", END | PATH),
    ("dumpkeys", PLAINLY), ("dvips", PLAINLY), ("easy_install", PLAINLY), ("ebtables", PLAINLY),
    ("echo", PATH | NUMBER | QUOTED | WORD), ("ed", PATH), ("egrep", PATH), ("eksctl", PLAINLY), ("elvish", PLAINLY),
    ("emacs", PATH), ("enscript", PLAINLY), ("enum4linux", RARE | HOST), ("env", END | PATH | QUOTED),
    ("eqn", PLAINLY), ("erase", PATH), ("esentutl", PLAINLY), ("espeak", PLAINLY), ("etcdctl", PLAINLY),
    ("ethtool", PLAINLY), ("eval", PATH), ("eventcreate", PLAINLY), ("ex", PATH), ("exec", PATH),
    ("exiftool", PLAINLY), ("expand", PATH), ("expect", RARE | END | PATH | QUOTED), ("export", PATH),
    ("extexport", PLAINLY), ("extrac32", PLAINLY), ("facter", PLAINLY), ("faillog", END | PATH),
    ("fakeroot", PLAINLY), ("fc", PATH), ("fdisk", PLAINLY), ("fetch", RARE | HOST), ("ffuf", PLAINLY),
    ("fgrep", PATH), ("file", PATH), ("find", PATH), ("findstr", PLAINLY), ("finger", PATH),
    ("fish", RARE | END | PATH | QUOTED), ("flock", PATH | QUOTED), ("fltmc", PLAINLY), ("fmt", PATH), ("fold", PATH),
    ("forfiles", PLAINLY), ("fping", RARE | HOST), ("free", END | PATH), ("frpc", PLAINLY), ("fsutil", PLAINLY),
    ("ftp", RARE | HOST), ("ftype", PLAINLY), ("fuser", PLAINLY), ("g++", PATH), ("gawk", RARE | END | PATH | QUOTED),
    ("gcc", PATH), ("gcloud", PLAINLY), ("gcore", PATH), ("gdb", PLAINLY), ("gem", PLAINLY), ("genie", PATH),
    ("genisoimage", PLAINLY), ("getcap", PLAINLY), ("getenforce", PLAINLY), ("getent", RARE | END),
    ("getmac", RARE | END), ("ghc", PLAINLY), ("ghci", PLAINLY), ("ginsh", PLAINLY), ("git", PLAINLY),
    ("gnome-terminal", PLAINLY), ("go", PATH), ("gobuster", PLAINLY), ("gpasswd", PLAINLY), ("gpg", PLAINLY),
    ("gpg2", PLAINLY), ("gpresult", RARE | END), ("gpupdate", PLAINLY), ("grep", PATH), ("groff", PLAINLY),
    ("groupadd", PLAINLY), ("groups", RARE | END), ("gsutil", PLAINLY), ("gtester", PLAINLY), ("gunzip", PLAINLY),
    ("gzip", PLAINLY), ("halt", END | PATH | NUMBER), ("hashcat", PLAINLY), ("hd", PATH), ("head", PATH),
    ("helm", PLAINLY), ("hexdump", PLAINLY), ("hexedit", PLAINLY), ("hh", PLAINLY), ("highlight", PATH),
    ("history", END | PATH), ("host", PATH | HOST), ("hostid", PLAINLY), ("hostname", RARE | END),
    ("hostnamectl", RARE | END), ("hping3", PLAINLY), ("hwinfo", PLAINLY), ("hydra", PLAINLY), ("icacls", PLAINLY),
    ("iconv", PLAINLY), ("id", END | PATH), ("ieexec", PLAINLY), ("ifconfig", RARE | END), ("iftop", PLAINLY),
    ("influx", PATH), ("insmod", PLAINLY), ("install", PATH), ("installutil", PLAINLY), ("inxi", PLAINLY),
    ("ionice", PATH | QUOTED), ("iostat", PLAINLY), ("ip", PATH | HOST), ("ip6tables", PLAINLY),
    ("ipconfig", RARE | END), ("iptables", PLAINLY), ("irb", PLAINLY), ("ispell", PLAINLY), ("iwconfig", PLAINLY),
    ("java", PATH), ("javac", PATH), ("jjs", RARE | END | PATH | QUOTED), ("jobs", END | PATH), ("join", PATH),
    ("journalctl", PLAINLY), ("jq", PLAINLY), ("jrunscript", RARE | END | PATH | QUOTED), ("jtag", PLAINLY),
    ("julia", PLAINLY), ("kill", END | PATH | NUMBER), ("killall", END | PATH | NUMBER), ("klist", PLAINLY),
    ("knife", PLAINLY), ("ksh", RARE | END | PATH | QUOTED), ("ksshell", PLAINLY), ("kubeadm", PLAINLY),
    ("kubectl", PLAINLY), ("kubelet", PLAINLY), ("label", PATH), ("last", END | PATH), ("lastb", END | PATH),
    ("lastlog", END | PATH), ("ld", PATH), ("ldapadd", PLAINLY), ("ldapsearch", RARE | HOST), ("ldconfig", PLAINLY),
    ("ldd", PLAINLY), ("less", PATH), ("lessecho", PLAINLY), ("lessfile", PLAINLY), ("lesspipe", PLAINLY),
    ("lftp", PLAINLY), ("link", PATH), ("links", RARE | HOST), ("linpeas.sh", PLAINLY), ("ln", PATH),
    ("loadkeys", PLAINLY), ("locate", PATH), ("loginctl", PLAINLY), ("logname", RARE | END), ("logoff", PLAINLY),
    ("logsave", PLAINLY), ("look", PATH), ("lp", PATH), ("ls", END | PATH), ("lsattr", PLAINLY), ("lsblk", PLAINLY),
    ("lscpu", RARE | END), ("lshw", PLAINLY), ("lsmod", PLAINLY), ("lsof", RARE | END), ("lspci", RARE | END),
    ("lsusb", PLAINLY), ("ltrace", PLAINLY), ("lua", RARE | END | PATH | QUOTED),
    ("luajit", RARE | END | PATH | QUOTED), ("lualatex", PLAINLY), ("luatex", PLAINLY), ("lwp-download", PLAINLY),
    ("lwp-request", PLAINLY), ("lynx", RARE | HOST), ("lzcat", PLAINLY), ("lzcmp", PLAINLY), ("lzdiff", PLAINLY),
    ("lzless", PLAINLY), ("lzma", PLAINLY), ("lzmore", PLAINLY), ("mail", PATH), ("mailq", PLAINLY),
    ("mailx", PLAINLY), ("make", PATH), ("makecab", PLAINLY), ("man", PATH), ("masscan", RARE | HOST),
    ("mavinject", PLAINLY), ("mawk", RARE | END | PATH | QUOTED), ("md", PATH), ("md5sum", PLAINLY),
    ("mimikatz", PLAINLY), ("minicom", PLAINLY), ("mkdir", PATH), ("mkfifo", PLAINLY), ("mkfs", PLAINLY),
    ("mklink", PLAINLY), ("mknod", PLAINLY), ("mktemp", PLAINLY), ("mode", PATH), ("modprobe", PLAINLY),
    ("mongo", PLAINLY), ("mongodump", PLAINLY), ("mongorestore", PLAINLY), ("mongosh", PLAINLY), ("more", PATH),
    ("mount", END | PATH), ("mountvol", PLAINLY), ("move", PATH), ("mpstat", PLAINLY), ("msbuild", PLAINLY),
    ("msdt", PLAINLY), ("msg", PATH), ("msgattrib", PLAINLY), ("msgcat", PLAINLY), ("msgconv", PLAINLY),
    ("msgfilter", PLAINLY), ("msgmerge", PLAINLY), ("msguniq", PLAINLY), ("mshta", PLAINLY), ("msiexec", PLAINLY),
    ("msinfo32", PLAINLY), ("msxsl", PLAINLY), ("mt", PATH), ("mtr", PLAINLY), ("mutt", PLAINLY), ("mv", PATH),
    ("mysql", PLAINLY), ("mysqldump", PLAINLY), ("nano", PATH), ("nasm", PLAINLY),
    ("nawk", RARE | END | PATH | QUOTED), ("nbtstat", RARE | END), ("nc", PATH | HOST), ("ncat", RARE | HOST),
    ("ncftp", PLAINLY), ("neofetch", PLAINLY), ("nerdctl", PLAINLY), ("net", PATH | HOST), ("netcat", RARE | HOST),
    ("netsh", PATH | HOST), ("netstat", RARE | END), ("newgrp", PLAINLY), ("nft", PLAINLY), ("ngrok", PLAINLY),
    ("nice", PATH | QUOTED), ("nikto", PLAINLY), ("nl", PATH), ("nltest", PLAINLY), ("nm", PATH),
    ("nmap", RARE | HOST), ("nmcli", PLAINLY), ("node", END | PATH | QUOTED), ("nodejs", RARE | END | PATH | QUOTED),
    ("nohup", PLAINLY), ("npm", PLAINLY), ("nproc", END | PATH), ("nroff", PLAINLY), ("nsenter", PLAINLY),
    ("nslookup", RARE | HOST), ("nsupdate", PLAINLY), ("ntdsutil", PLAINLY), ("oathtool", PLAINLY),
    ("objdump", PLAINLY), ("octave", PLAINLY), ("od", PATH), ("odbcconf", PLAINLY),     ("openfiles", PLAINLY), ("openssl", PLAINLY), ("openvpn", PLAINLY), ("openvt", PLAINLY), ("opkg", PLAINLY),
    ("osascript", RARE | END | PATH | QUOTED), ("osql", PLAINLY), ("pacman", PLAINLY), ("pager", PATH),
    ("pandoc", PLAINLY), ("passwd", PATH), ("paste", PATH), ("patch", PATH), ("pathping", PLAINLY),
    ("pcalua", PLAINLY), ("pdb", PLAINLY), ("pdflatex", PLAINLY), ("pdftotext", PLAINLY), ("pdksh", PLAINLY),
    ("perl", END | PATH | QUOTED), ("perl5", RARE | END | PATH | QUOTED), ("perlbug", PLAINLY), ("pexec", PLAINLY),
    ("pg", PATH), ("pg_dump", PLAINLY), ("pg_dumpall", PLAINLY), ("pg_restore", PLAINLY), ("pgrep", PLAINLY),
    ("php", END | PATH | QUOTED), ("php5", RARE | END | PATH | QUOTED), ("php7", RARE | END | PATH | QUOTED),
    ("php8", RARE | END | PATH | QUOTED), ("pic", PATH), ("pidof", PLAINLY), ("pidstat", PLAINLY), ("pigz", PLAINLY),
    ("ping", PATH | HOST), ("ping6", RARE | HOST), ("pinky", END | PATH), ("pip", PLAINLY), ("pip3", PLAINLY),
    ("pkexec", PLAINLY), ("pkginfo", PLAINLY), ("pkill", END | PATH | NUMBER), ("pktmon", PLAINLY), ("pmap", PLAINLY),
    ("pnputil", PLAINLY), ("podman", PLAINLY), ("popd", PLAINLY), ("posh", PLAINLY), ("powercfg", PLAINLY),
    ("poweroff", END | PATH | NUMBER), ("powershell", RARE | END | PATH | QUOTED), ("pr", PATH),
    ("presentationhost", PLAINLY), ("print", PATH | NUMBER | QUOTED | WORD), ("printbrm", PLAINLY),
    ("printenv", RARE | END), ("printf", PATH | NUMBER | QUOTED | WORD), ("procdump", PLAINLY), ("pry", PLAINLY),
    ("ps", END | PATH), ("psed", PLAINLY), ("psexec", PLAINLY), ("psftp", PLAINLY), ("psql", PLAINLY),
    ("pstree", PLAINLY), ("ptx", PLAINLY), ("puppet", PLAINLY), ("pushd", PLAINLY), ("pwconv", PLAINLY),
    ("pwd", RARE | END), ("pwsh", RARE | END | PATH | QUOTED), ("py3versions", PLAINLY),
    ("python", END | PATH | QUOTED), ("python2", RARE | END | PATH | QUOTED), ("python3", RARE | END | PATH | QUOTED),
    ("qappsrv", PLAINLY), ("qprocess", PLAINLY), ("query", PATH), ("quser", RARE | END), ("qwinsta", RARE | END),
    ("rake", PLAINLY), ("rar", PATH), ("rasdial", PLAINLY), ("rbash", PLAINLY), ("rc", PATH), ("rclone", PLAINLY),
    ("rd", PATH), ("readelf", PLAINLY), ("readlink", PLAINLY), ("readonly", PATH), ("reboot", END | PATH | NUMBER),
    ("recover", PATH), ("red", PATH), ("redis-cli", PLAINLY), ("reg", PLAINLY), ("regasm", PLAINLY),
    ("regedit", PLAINLY), ("regini", PLAINLY), ("regsvcs", PLAINLY), ("regsvr32", PLAINLY), ("relog", PLAINLY),
    ("ren", PATH), ("rename", PATH), ("replace", PATH), ("reset", PATH), ("restic", PLAINLY), ("rev", PATH),
    ("rg", PATH), ("rlogin", RARE | HOST), ("rlwrap", PLAINLY), ("rm", PATH), ("rmdir", PATH), ("rmmod", PLAINLY),
    ("rndc", PLAINLY), ("robocopy", PLAINLY), ("route", PATH | HOST), ("rpcclient", RARE | HOST),
    ("rpcping", PLAINLY), ("rpm", PLAINLY), ("rpmquery", PLAINLY), ("rsh", RARE | HOST), ("rsync", PLAINLY),
    ("rtorrent", PLAINLY), ("ruby", END | PATH | QUOTED), ("ruby2", RARE | END | PATH | QUOTED),
    ("run-mailcap", PLAINLY), ("run-parts", PLAINLY), ("runas", PLAINLY), ("runc", PLAINLY), ("rundll32", PLAINLY),
    ("runlevel", END | PATH), ("runscripthelper", PLAINLY), ("runuser", PLAINLY), ("rview", PLAINLY),
    ("rvim", PLAINLY), ("s3cmd", PLAINLY), ("salt-call", PLAINLY), ("salt-key", PLAINLY), ("salt-ssh", PLAINLY),
    ("sc", PATH), ("scanmem", PLAINLY), ("schtasks", PLAINLY), ("scp", RARE | HOST), ("screen", PATH),
    ("screenfetch", PLAINLY), ("script", PATH | QUOTED), ("scrot", PLAINLY), ("sdelete", PLAINLY),
    ("sed", RARE | END | PATH | QUOTED), ("semanage", PLAINLY), ("sendmail", PATH), ("service", PLAINLY),
    ("sestatus", END | PATH), ("set", END | PATH), ("setarch", PLAINLY), ("setcap", PLAINLY), ("setenforce", PLAINLY),
    ("setfacl", PLAINLY), ("setlock", PLAINLY), ("setsid", PLAINLY), ("setx", PLAINLY), ("sfc", PLAINLY),
    ("sftp", RARE | HOST), ("sg", PATH), ("sh", END | PATH | QUOTED), ("sha1sum", PLAINLY), ("sha256sum", PLAINLY),
    ("shadow", PATH), ("showmount", PLAINLY), ("shred", PLAINLY), ("shuf", PLAINLY),
    ("shutdown", END | PATH | NUMBER), ("sigverif", PLAINLY), ("skopeo", PLAINLY), ("sleep", END | PATH | NUMBER),
    ("slsh", PLAINLY), ("smbclient", RARE | HOST), ("smbmap", RARE | HOST), ("snap", PLAINLY), ("socat", RARE | HOST),
    ("soelim", PLAINLY), ("softlimit", PLAINLY), ("sort", PATH), ("source", PATH), ("split", PATH),
    ("sqlcmd", PLAINLY), ("sqlite3", PLAINLY), ("sqlmap", PLAINLY), ("sqlplus", PLAINLY), ("ss", PATH),
    ("ssh", PATH | HOST), ("ssh-add", PLAINLY), ("ssh-agent", PLAINLY), ("ssh-copy-id", PLAINLY),
    ("ssh-keygen", PLAINLY), ("ssh-keyscan", PLAINLY), ("sshd", PLAINLY), ("sshpass", PLAINLY), ("start", PATH),
    ("stat", PATH), ("stdbuf", PATH | QUOTED), ("strace", PLAINLY), ("strings", PATH), ("strip", PATH),
    ("strongswan", PLAINLY), ("su", PATH), ("subst", PLAINLY), ("sudo", PATH), ("sum", PATH), ("svn", PLAINLY),
    ("swapon", PLAINLY), ("sysctl", PLAINLY), ("sysdig", PLAINLY), ("sysinfo", PLAINLY), ("systemctl", PLAINLY),
    ("systemd-resolve", PLAINLY), ("systemd-run", PLAINLY), ("systeminfo", RARE | END), ("tac", PATH), ("tail", PATH),
    ("takeown", PLAINLY), ("tar", PLAINLY), ("task", PATH), ("taskkill", PLAINLY), ("tasklist", RARE | END),
    ("taskset", PLAINLY), ("tasksh", PLAINLY), ("tbl", PLAINLY), ("tclsh", RARE | END | PATH | QUOTED),
    ("tcpdump", PLAINLY), ("tcptraceroute", PLAINLY), ("tcsh", RARE | END | PATH | QUOTED), ("tee", PLAINLY),
    ("telinit", PLAINLY), ("telnet", RARE | HOST), ("terraform", PLAINLY), ("test", PATH), ("tftp", RARE | HOST),
    ("tic", PATH), ("time", PATH | QUOTED), ("timedatectl", PLAINLY), ("timeout", END | PATH | NUMBER),
    ("title", PATH), ("tmate", PLAINLY), ("tmux", PLAINLY), ("top", END | PATH), ("torify", PLAINLY),
    ("torsocks", PLAINLY), ("touch", PATH), ("toybox", PLAINLY), ("tpmtool", PLAINLY), ("tr", PATH), ("trace", PATH),
    ("tracepath", RARE | HOST), ("traceroute", RARE | HOST), ("tracert", RARE | HOST), ("trap", PATH | QUOTED),
    ("tree", END | PATH), ("troff", PLAINLY), ("tsdiscon", PLAINLY), ("tshark", PLAINLY), ("tskill", PLAINLY),
    ("tty", END | PATH), ("type", PATH), ("typeperf", PLAINLY), ("ul", PATH), ("umount", PATH), ("uname", RARE | END),
    ("unexpand", PLAINLY), ("uniq", PATH), ("unlink", PLAINLY), ("unlzma", PLAINLY), ("unrar", PLAINLY),
    ("unset", PATH), ("unshare", PLAINLY), ("unxz", PLAINLY), ("unzip", PLAINLY), ("unzstd", PLAINLY),
    ("uptime", END | PATH), ("useradd", PLAINLY), ("userdel", PLAINLY), ("usermod", PLAINLY), ("users", END | PATH),
    ("usleep", END | PATH | NUMBER), ("uudecode", PLAINLY), ("uuencode", PLAINLY), ("vagrant", PLAINLY),
    ("vdir", PATH), ("ver", END | PATH), ("verclsid", PLAINLY), ("verifier", PLAINLY), ("verify", PATH), ("vi", PATH),
    ("view", PATH), ("vigr", PLAINLY), ("vim", PATH), ("vimdiff", PLAINLY), ("vipw", PLAINLY), ("virsh", PLAINLY),
    ("visudo", PLAINLY), ("vmstat", PLAINLY), ("vol", END | PATH), ("vssadmin", PLAINLY), ("w", END | PATH),
    ("w3m", RARE | HOST), ("waitfor", PLAINLY), ("wall", PATH), ("watch", PATH), ("wbadmin", PLAINLY), ("wc", PATH),
    ("wecutil", PLAINLY), ("wevtutil", PLAINLY), ("wfuzz", PLAINLY), ("wg-quick", PLAINLY), ("wget", RARE | HOST),
    ("whereis", PATH), ("which", PATH), ("who", END | PATH), ("whoami", RARE | END), ("whois", RARE | HOST),
    ("winget", PLAINLY), ("winrm", PLAINLY), ("winrs", PLAINLY), ("wireshark", PLAINLY), ("wmic", PLAINLY),
    ("write", PATH), ("wscript", PLAINLY), ("wusa", PLAINLY), ("xargs", PLAINLY), ("xcopy", PLAINLY),
    ("xdg-open", PLAINLY), ("xdotool", PLAINLY), ("xelatex", PLAINLY), ("xetex", PLAINLY), ("xmodmap", PLAINLY),
    ("xmore", PLAINLY), ("xmrig", PLAINLY), ("xpad", PLAINLY), ("xterm", PATH | QUOTED), ("xxd", PLAINLY),
    ("xz", PLAINLY), ("xzcat", PLAINLY), ("xzcmp", PLAINLY), ("xzdiff", PLAINLY), ("xzegrep", PLAINLY),
    ("xzfgrep", PLAINLY), ("xzless", PLAINLY), ("xzmore", PLAINLY), ("yarn", PLAINLY), ("yash", PLAINLY),
    ("yelp", PLAINLY), ("yes", PATH), ("yum", PLAINLY), ("zathura", PLAINLY), ("zcat", PLAINLY), ("zcmp", PLAINLY),
    ("zdiff", PLAINLY), ("zegrep", PLAINLY), ("zfgrep", PLAINLY), ("zforce", PLAINLY), ("zgrep", PLAINLY),
    ("zip", PATH), ("zipcloak", PLAINLY), ("zipinfo", PLAINLY), ("zipnote", PLAINLY), ("zipsplit", PLAINLY),
    ("zless", PLAINLY), ("zmore", PLAINLY), ("zrun", PATH), ("zsh", RARE | END | PATH | QUOTED), ("zsoelim", PLAINLY),
    ("zstd", PLAINLY), ("zstdcat", PLAINLY), ("zstdgrep", PLAINLY), ("zstdless", PLAINLY), ("zstdmt", PLAINLY),
    ("zypper", PLAINLY),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_sorted() {
        assert!(COMMANDS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn commands_are_found_in_either_case() {
        assert!(takes(b"Cat").is_some() && takes(b"whoami").is_some());
        assert!(takes(b"cats").is_none() && takes(b"").is_none() && takes(&[b'a'; 17]).is_none());
    }
}
