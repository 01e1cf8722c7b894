//! What the commands of an operating system are called, and what makes sense after each. The table is data: a name is
//! worth an entry when running it tells an attacker something, or lets him do something.

use crate::canon::lexicon::Lexicon;

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
#[inline]
pub(super) fn takes(name: &[u8]) -> Option<Takes> {
    COMMANDS.get(name).copied()
}

/// Sorted by name, for who reads it.
#[rustfmt::skip] // a table
static COMMANDS: Lexicon<Takes, 2048> = Lexicon::of(&[
    (b"7z", PATH), (b"aa-exec", PLAINLY), (b"aa-status", END | PATH), (b"ab", PLAINLY), (b"addgroup", PLAINLY),
    (b"adduser", PLAINLY), (b"adfind", PLAINLY), (b"ag", PATH), (b"agetty", PLAINLY), (b"alias", PATH | WORD),
    (b"alpine", PLAINLY), (b"ansible", PLAINLY), (b"ansible-playbook", PLAINLY), (b"ansible-pull", PLAINLY),
    (b"ansible-vault", PLAINLY), (b"apk", PLAINLY), (b"apparmor_parser", PLAINLY), (b"apt-get", PLAINLY),
    (b"aptitude", PLAINLY), (b"ar", PATH), (b"arch", END | PATH), (b"aria2c", RARE | HOST), (b"arj", PLAINLY),
    (b"arp", RARE | END), (b"arping", RARE | HOST), (b"as", PATH), (b"ash", RARE | END | PATH | QUOTED),
    (b"aspell", PLAINLY), (b"assoc", PLAINLY), (b"atobm", PLAINLY), (b"attrib", PLAINLY),
    (b"auditctl", PLAINLY), (b"ausearch", PLAINLY), (b"awk", RARE | END | PATH | QUOTED), (b"aws", PLAINLY),
    (b"axel", RARE | HOST), (b"az", PLAINLY), (b"banner", PATH), (b"base", END | PATH), (b"base32", PLAINLY),
    (b"base64", PLAINLY), (b"basenc", PLAINLY), (b"bash", RARE | END | PATH | QUOTED), (b"batcat", PLAINLY),
    (b"batch", PATH), (b"bcdboot", PLAINLY), (b"bcdedit", PLAINLY), (b"bconsole", PLAINLY),     (b"bitsadmin", PLAINLY), (b"blkid", PLAINLY), (b"bpftrace", PLAINLY), (b"brctl", PLAINLY), (b"bsdtar", PLAINLY),
    (b"buildctl", PLAINLY), (b"builtin", PATH), (b"bunzip2", PLAINLY), (b"busctl", PLAINLY), (b"busybox", PLAINLY),
    (b"byebug", PLAINLY), (b"bzcat", PLAINLY), (b"bzdiff", PLAINLY), (b"bzgrep", PLAINLY), (b"bzip2", PLAINLY),
    (b"bzless", PLAINLY), (b"bzmore", PLAINLY), (b"c89", PLAINLY), (b"c99", PLAINLY), (b"cabal", PLAINLY),
    (b"cacls", PLAINLY), (b"cal", END | PATH), (b"call", PATH), (b"capsh", PLAINLY), (b"cargo", PLAINLY), (b"cat", PATH),
    (b"cc", PATH), (b"cd", PATH), (b"certbot", PLAINLY), (b"certreq", PLAINLY), (b"certutil", PLAINLY),
    (b"chattr", PLAINLY), (b"chef-apply", PLAINLY), (b"chef-client", PLAINLY), (b"chef-run", PLAINLY),
    (b"chef-server-ctl", PLAINLY), (b"chef-solo", PLAINLY), (b"chef-vault", PLAINLY), (b"chgrp", PLAINLY),
    (b"chisel", PLAINLY), (b"chkdsk", PLAINLY), (b"chmod", PLAINLY), (b"choco", PLAINLY), (b"choom", PLAINLY),
    (b"chown", PLAINLY), (b"chpasswd", PLAINLY), (b"chroot", PLAINLY), (b"cipher", PLAINLY), (b"cksum", PATH),
    (b"clip", PLAINLY), (b"cloudflared", PLAINLY), (b"cmd", RARE | END | PATH | QUOTED), (b"cmdkey", RARE | END),
    (b"cmp", PATH), (b"cmstp", PLAINLY), (b"column", PATH), (b"comm", PATH), (b"command", PATH),
    (b"command.com", RARE | END | PATH | QUOTED), (b"comp", PATH), (b"compact", PATH), (b"composer", PLAINLY),
    (b"consul-template", PLAINLY), (b"convert", PATH), (b"copy", PATH), (b"cowsay", PLAINLY), (b"cp", PATH),
    (b"cpio", PLAINLY), (b"cpulimit", PLAINLY), (b"crackmapexec", PLAINLY), (b"crash", PATH), (b"crictl", PLAINLY),
    (b"crontab", PLAINLY), (b"csc", PLAINLY), (b"cscript", PLAINLY), (b"csh", RARE | END | PATH | QUOTED),
    (b"csplit", PLAINLY), (b"csvde", PLAINLY), (b"csvtool", PLAINLY), (b"ctr", PLAINLY), (b"cupsfilter", PLAINLY),
    (b"curl", RARE | HOST), (b"cut", PATH), (b"dash", RARE | END | PATH | QUOTED), (b"date", END | PATH), (b"dd", PATH),
    (b"debugfs", PLAINLY), (b"del", PATH), (b"deluser", PLAINLY), (b"df", END | PATH), (b"dialog", PLAINLY),
    (b"diff", PATH), (b"dig", RARE | HOST), (b"dir", END | PATH), (b"diskpart", PLAINLY), (b"diskshadow", PLAINLY),
    (b"dispdiag", PLAINLY), (b"distcc", PLAINLY), (b"dmesg", PLAINLY), (b"dmidecode", PLAINLY), (b"dmsetup", PLAINLY),
    (b"dnf", PLAINLY), (b"dnscmd", PLAINLY), (b"dnsdomainname", RARE | END), (b"dnsmasq", PLAINLY), (b"doas", PATH),
    (b"docker", PLAINLY), (b"doctl", PLAINLY), (b"dosbox", PLAINLY), (b"doskey", PLAINLY), (b"dotnet", PLAINLY),
    (b"dpkg", PLAINLY), (b"driverquery", PLAINLY), (b"dsquery", PLAINLY), (b"dstat", PLAINLY), (b"du", END | PATH),
    (b"dumpkeys", PLAINLY), (b"dvips", PLAINLY), (b"easy_install", PLAINLY), (b"ebtables", PLAINLY),
    (b"echo", PATH | NUMBER | QUOTED | WORD), (b"ed", PATH), (b"egrep", PATH), (b"eksctl", PLAINLY), (b"elvish", PLAINLY),
    (b"emacs", PATH), (b"enscript", PLAINLY), (b"enum4linux", RARE | HOST), (b"env", END | PATH | QUOTED),
    (b"eqn", PLAINLY), (b"erase", PATH), (b"esentutl", PLAINLY), (b"espeak", PLAINLY), (b"etcdctl", PLAINLY),
    (b"ethtool", PLAINLY), (b"eval", PATH), (b"eventcreate", PLAINLY), (b"ex", PATH), (b"exec", PATH),
    (b"exiftool", PLAINLY), (b"expand", PATH), (b"expect", RARE | END | PATH | QUOTED), (b"export", PATH),
    (b"extexport", PLAINLY), (b"extrac32", PLAINLY), (b"facter", PLAINLY), (b"faillog", END | PATH),
    (b"fakeroot", PLAINLY), (b"fc", PATH), (b"fdisk", PLAINLY), (b"fetch", RARE | HOST), (b"ffuf", PLAINLY),
    (b"fgrep", PATH), (b"file", PATH), (b"find", PATH), (b"findstr", PLAINLY), (b"finger", PATH),
    (b"fish", RARE | END | PATH | QUOTED), (b"flock", PATH | QUOTED), (b"fltmc", PLAINLY), (b"fmt", PATH), (b"fold", PATH),
    (b"forfiles", PLAINLY), (b"fping", RARE | HOST), (b"free", END | PATH), (b"frpc", PLAINLY), (b"fsutil", PLAINLY),
    (b"ftp", RARE | HOST), (b"ftype", PLAINLY), (b"fuser", PLAINLY), (b"g++", PATH), (b"gawk", RARE | END | PATH | QUOTED),
    (b"gcc", PATH), (b"gcloud", PLAINLY), (b"gcore", PATH), (b"gdb", PLAINLY), (b"gem", PLAINLY), (b"genie", PATH),
    (b"genisoimage", PLAINLY), (b"getcap", PLAINLY), (b"getenforce", PLAINLY), (b"getent", RARE | END),
    (b"getmac", RARE | END), (b"ghc", PLAINLY), (b"ghci", PLAINLY), (b"ginsh", PLAINLY), (b"git", PLAINLY),
    (b"gnome-terminal", PLAINLY), (b"go", PATH), (b"gobuster", PLAINLY), (b"gpasswd", PLAINLY), (b"gpg", PLAINLY),
    (b"gpg2", PLAINLY), (b"gpresult", RARE | END), (b"gpupdate", PLAINLY), (b"grep", PATH), (b"groff", PLAINLY),
    (b"groupadd", PLAINLY), (b"groups", RARE | END), (b"gsutil", PLAINLY), (b"gtester", PLAINLY), (b"gunzip", PLAINLY),
    (b"gzip", PLAINLY), (b"halt", END | PATH | NUMBER), (b"hashcat", PLAINLY), (b"hd", PATH), (b"head", PATH),
    (b"helm", PLAINLY), (b"hexdump", PLAINLY), (b"hexedit", PLAINLY), (b"hh", PLAINLY), (b"highlight", PATH),
    (b"history", END | PATH), (b"host", PATH | HOST), (b"hostid", PLAINLY), (b"hostname", RARE | END),
    (b"hostnamectl", RARE | END), (b"hping3", PLAINLY), (b"hwinfo", PLAINLY), (b"hydra", PLAINLY), (b"icacls", PLAINLY),
    (b"iconv", PLAINLY), (b"id", END | PATH), (b"ieexec", PLAINLY), (b"ifconfig", RARE | END), (b"iftop", PLAINLY),
    (b"influx", PATH), (b"insmod", PLAINLY), (b"install", PATH), (b"installutil", PLAINLY), (b"inxi", PLAINLY),
    (b"ionice", PATH | QUOTED), (b"iostat", PLAINLY), (b"ip", PATH | HOST), (b"ip6tables", PLAINLY),
    (b"ipconfig", RARE | END), (b"iptables", PLAINLY), (b"irb", PLAINLY), (b"ispell", PLAINLY), (b"iwconfig", PLAINLY),
    (b"java", PATH), (b"javac", PATH), (b"jjs", RARE | END | PATH | QUOTED), (b"jobs", END | PATH), (b"join", PATH),
    (b"journalctl", PLAINLY), (b"jq", PLAINLY), (b"jrunscript", RARE | END | PATH | QUOTED), (b"jtag", PLAINLY),
    (b"julia", PLAINLY), (b"kill", END | PATH | NUMBER), (b"killall", END | PATH | NUMBER), (b"klist", PLAINLY),
    (b"knife", PLAINLY), (b"ksh", RARE | END | PATH | QUOTED), (b"ksshell", PLAINLY), (b"kubeadm", PLAINLY),
    (b"kubectl", PLAINLY), (b"kubelet", PLAINLY), (b"label", PATH), (b"last", END | PATH), (b"lastb", END | PATH),
    (b"lastlog", END | PATH), (b"ld", PATH), (b"ldapadd", PLAINLY), (b"ldapsearch", RARE | HOST), (b"ldconfig", PLAINLY),
    (b"ldd", PLAINLY), (b"less", PATH), (b"lessecho", PLAINLY), (b"lessfile", PLAINLY), (b"lesspipe", PLAINLY),
    (b"lftp", PLAINLY), (b"link", PATH), (b"links", RARE | HOST), (b"linpeas.sh", PLAINLY), (b"ln", PATH),
    (b"loadkeys", PLAINLY), (b"locate", PATH), (b"loginctl", PLAINLY), (b"logname", RARE | END), (b"logoff", PLAINLY),
    (b"logsave", PLAINLY), (b"look", PATH), (b"lp", PATH), (b"ls", END | PATH), (b"lsattr", PLAINLY), (b"lsblk", PLAINLY),
    (b"lscpu", RARE | END), (b"lshw", PLAINLY), (b"lsmod", PLAINLY), (b"lsof", RARE | END), (b"lspci", RARE | END),
    (b"lsusb", PLAINLY), (b"ltrace", PLAINLY), (b"lua", RARE | END | PATH | QUOTED),
    (b"luajit", RARE | END | PATH | QUOTED), (b"lualatex", PLAINLY), (b"luatex", PLAINLY), (b"lwp-download", PLAINLY),
    (b"lwp-request", PLAINLY), (b"lynx", RARE | HOST), (b"lzcat", PLAINLY), (b"lzcmp", PLAINLY), (b"lzdiff", PLAINLY),
    (b"lzless", PLAINLY), (b"lzma", PLAINLY), (b"lzmore", PLAINLY), (b"mail", PATH), (b"mailq", PLAINLY),
    (b"mailx", PLAINLY), (b"make", PATH), (b"makecab", PLAINLY), (b"man", PATH), (b"masscan", RARE | HOST),
    (b"mavinject", PLAINLY), (b"mawk", RARE | END | PATH | QUOTED), (b"md", PATH), (b"md5sum", PLAINLY),
    (b"mimikatz", PLAINLY), (b"minicom", PLAINLY), (b"mkdir", PATH), (b"mkfifo", PLAINLY), (b"mkfs", PLAINLY),
    (b"mklink", PLAINLY), (b"mknod", PLAINLY), (b"mktemp", PLAINLY), (b"mode", PATH), (b"modprobe", PLAINLY),
    (b"mongo", PLAINLY), (b"mongodump", PLAINLY), (b"mongorestore", PLAINLY), (b"mongosh", PLAINLY), (b"more", PATH),
    (b"mount", END | PATH), (b"mountvol", PLAINLY), (b"move", PATH), (b"mpstat", PLAINLY), (b"msbuild", PLAINLY),
    (b"msdt", PLAINLY), (b"msg", PATH), (b"msgattrib", PLAINLY), (b"msgcat", PLAINLY), (b"msgconv", PLAINLY),
    (b"msgfilter", PLAINLY), (b"msgmerge", PLAINLY), (b"msguniq", PLAINLY), (b"mshta", PLAINLY), (b"msiexec", PLAINLY),
    (b"msinfo32", PLAINLY), (b"msxsl", PLAINLY), (b"mt", PATH), (b"mtr", PLAINLY), (b"mutt", PLAINLY), (b"mv", PATH),
    (b"mysql", PLAINLY), (b"mysqldump", PLAINLY), (b"nano", PATH), (b"nasm", PLAINLY),
    (b"nawk", RARE | END | PATH | QUOTED), (b"nbtstat", RARE | END), (b"nc", PATH | HOST), (b"ncat", RARE | HOST),
    (b"ncftp", PLAINLY), (b"neofetch", PLAINLY), (b"nerdctl", PLAINLY), (b"net", PATH | HOST), (b"netcat", RARE | HOST),
    (b"netsh", PATH | HOST), (b"netstat", RARE | END), (b"newgrp", PLAINLY), (b"nft", PLAINLY), (b"ngrok", PLAINLY),
    (b"nice", PATH | QUOTED), (b"nikto", PLAINLY), (b"nl", PATH), (b"nltest", PLAINLY), (b"nm", PATH),
    (b"nmap", RARE | HOST), (b"nmcli", PLAINLY), (b"node", END | PATH | QUOTED), (b"nodejs", RARE | END | PATH | QUOTED),
    (b"nohup", PLAINLY), (b"npm", PLAINLY), (b"nproc", END | PATH), (b"nroff", PLAINLY), (b"nsenter", PLAINLY),
    (b"nslookup", RARE | HOST), (b"nsupdate", PLAINLY), (b"ntdsutil", PLAINLY), (b"oathtool", PLAINLY),
    (b"objdump", PLAINLY), (b"octave", PLAINLY), (b"od", PATH), (b"odbcconf", PLAINLY),     (b"openfiles", PLAINLY), (b"openssl", PLAINLY), (b"openvpn", PLAINLY), (b"openvt", PLAINLY), (b"opkg", PLAINLY),
    (b"osascript", RARE | END | PATH | QUOTED), (b"osql", PLAINLY), (b"pacman", PLAINLY), (b"pager", PATH),
    (b"pandoc", PLAINLY), (b"passwd", PATH), (b"paste", PATH), (b"patch", PATH), (b"pathping", PLAINLY),
    (b"pcalua", PLAINLY), (b"pdb", PLAINLY), (b"pdflatex", PLAINLY), (b"pdftotext", PLAINLY), (b"pdksh", PLAINLY),
    (b"perl", END | PATH | QUOTED), (b"perl5", RARE | END | PATH | QUOTED), (b"perlbug", PLAINLY), (b"pexec", PLAINLY),
    (b"pg", PATH), (b"pg_dump", PLAINLY), (b"pg_dumpall", PLAINLY), (b"pg_restore", PLAINLY), (b"pgrep", PLAINLY),
    (b"php", END | PATH | QUOTED), (b"php5", RARE | END | PATH | QUOTED), (b"php7", RARE | END | PATH | QUOTED),
    (b"php8", RARE | END | PATH | QUOTED), (b"pic", PATH), (b"pidof", PLAINLY), (b"pidstat", PLAINLY), (b"pigz", PLAINLY),
    (b"ping", PATH | HOST), (b"ping6", RARE | HOST), (b"pinky", END | PATH), (b"pip", PLAINLY), (b"pip3", PLAINLY),
    (b"pkexec", PLAINLY), (b"pkginfo", PLAINLY), (b"pkill", END | PATH | NUMBER), (b"pktmon", PLAINLY), (b"pmap", PLAINLY),
    (b"pnputil", PLAINLY), (b"podman", PLAINLY), (b"popd", PLAINLY), (b"posh", PLAINLY), (b"powercfg", PLAINLY),
    (b"poweroff", END | PATH | NUMBER), (b"powershell", RARE | END | PATH | QUOTED), (b"pr", PATH),
    (b"presentationhost", PLAINLY), (b"print", PATH | NUMBER | QUOTED | WORD), (b"printbrm", PLAINLY),
    (b"printenv", RARE | END), (b"printf", PATH | NUMBER | QUOTED | WORD), (b"procdump", PLAINLY), (b"pry", PLAINLY),
    (b"ps", END | PATH), (b"psed", PLAINLY), (b"psexec", PLAINLY), (b"psftp", PLAINLY), (b"psql", PLAINLY),
    (b"pstree", PLAINLY), (b"ptx", PLAINLY), (b"puppet", PLAINLY), (b"pushd", PLAINLY), (b"pwconv", PLAINLY),
    (b"pwd", RARE | END), (b"pwsh", RARE | END | PATH | QUOTED), (b"py3versions", PLAINLY),
    (b"python", END | PATH | QUOTED), (b"python2", RARE | END | PATH | QUOTED), (b"python3", RARE | END | PATH | QUOTED),
    (b"qappsrv", PLAINLY), (b"qprocess", PLAINLY), (b"query", 0), (b"quser", RARE | END), (b"qwinsta", RARE | END),
    (b"rake", PLAINLY), (b"rar", PATH), (b"rasdial", PLAINLY), (b"rbash", PLAINLY), (b"rc", PATH), (b"rclone", PLAINLY),
    (b"rd", PATH), (b"readelf", PLAINLY), (b"readlink", PLAINLY), (b"readonly", PATH), (b"reboot", END | PATH | NUMBER),
    (b"recover", PATH), (b"red", PATH), (b"redis-cli", PLAINLY), (b"reg", PLAINLY), (b"regasm", PLAINLY),
    (b"regedit", PLAINLY), (b"regini", PLAINLY), (b"regsvcs", PLAINLY), (b"regsvr32", PLAINLY), (b"relog", PLAINLY),
    (b"ren", PATH), (b"rename", PATH), (b"replace", PATH), (b"reset", PATH), (b"restic", PLAINLY), (b"rev", PATH),
    (b"rg", PATH), (b"rlogin", RARE | HOST), (b"rlwrap", PLAINLY), (b"rm", PATH), (b"rmdir", PATH), (b"rmmod", PLAINLY),
    (b"rndc", PLAINLY), (b"robocopy", PLAINLY), (b"route", PATH | HOST), (b"rpcclient", RARE | HOST),
    (b"rpcping", PLAINLY), (b"rpm", PLAINLY), (b"rpmquery", PLAINLY), (b"rsh", RARE | HOST), (b"rsync", PLAINLY),
    (b"rtorrent", PLAINLY), (b"ruby", END | PATH | QUOTED), (b"ruby2", RARE | END | PATH | QUOTED),
    (b"run-mailcap", PLAINLY), (b"run-parts", PLAINLY), (b"runas", PLAINLY), (b"runc", PLAINLY), (b"rundll32", PLAINLY),
    (b"runlevel", END | PATH), (b"runscripthelper", PLAINLY), (b"runuser", PLAINLY), (b"rview", PLAINLY),
    (b"rvim", PLAINLY), (b"s3cmd", PLAINLY), (b"salt-call", PLAINLY), (b"salt-key", PLAINLY), (b"salt-ssh", PLAINLY),
    (b"sc", PATH), (b"scanmem", PLAINLY), (b"schtasks", PLAINLY), (b"scp", RARE | HOST), (b"screen", PATH),
    (b"screenfetch", PLAINLY), (b"script", PATH | QUOTED), (b"scrot", PLAINLY), (b"sdelete", PLAINLY),
    (b"sed", RARE | END | PATH | QUOTED), (b"semanage", PLAINLY), (b"sendmail", PATH), (b"service", PLAINLY),
    (b"sestatus", END | PATH), (b"set", END | PATH), (b"setarch", PLAINLY), (b"setcap", PLAINLY), (b"setenforce", PLAINLY),
    (b"setfacl", PLAINLY), (b"setlock", PLAINLY), (b"setsid", PLAINLY), (b"setx", PLAINLY), (b"sfc", PLAINLY),
    (b"sftp", RARE | HOST), (b"sg", PATH), (b"sh", END | PATH | QUOTED), (b"sha1sum", PLAINLY), (b"sha256sum", PLAINLY),
    (b"shadow", PATH), (b"showmount", PLAINLY), (b"shred", PLAINLY), (b"shuf", PLAINLY),
    (b"shutdown", END | PATH | NUMBER), (b"sigverif", PLAINLY), (b"skopeo", PLAINLY), (b"sleep", END | PATH | NUMBER),
    (b"slsh", PLAINLY), (b"smbclient", RARE | HOST), (b"smbmap", RARE | HOST), (b"snap", PLAINLY), (b"socat", RARE | HOST),
    (b"soelim", PLAINLY), (b"softlimit", PLAINLY), (b"sort", PATH), (b"source", PATH), (b"split", PATH),
    (b"sqlcmd", PLAINLY), (b"sqlite3", PLAINLY), (b"sqlmap", PLAINLY), (b"sqlplus", PLAINLY), (b"ss", PATH),
    (b"ssh", PATH | HOST), (b"ssh-add", PLAINLY), (b"ssh-agent", PLAINLY), (b"ssh-copy-id", PLAINLY),
    (b"ssh-keygen", PLAINLY), (b"ssh-keyscan", PLAINLY), (b"sshd", PLAINLY), (b"sshpass", PLAINLY), (b"start", PATH),
    (b"stat", PATH), (b"stdbuf", PATH | QUOTED), (b"strace", PLAINLY), (b"strings", PATH), (b"strip", PATH),
    (b"strongswan", PLAINLY), (b"su", PATH), (b"subst", PLAINLY), (b"sudo", PATH), (b"sum", PATH), (b"svn", PLAINLY),
    (b"swapon", PLAINLY), (b"sysctl", PLAINLY), (b"sysdig", PLAINLY), (b"sysinfo", PLAINLY), (b"systemctl", PLAINLY),
    (b"systemd-resolve", PLAINLY), (b"systemd-run", PLAINLY), (b"systeminfo", RARE | END), (b"tac", PATH), (b"tail", PATH),
    (b"takeown", PLAINLY), (b"tar", PLAINLY), (b"task", PATH), (b"taskkill", PLAINLY), (b"tasklist", RARE | END),
    (b"taskset", PLAINLY), (b"tasksh", PLAINLY), (b"tbl", PLAINLY), (b"tclsh", RARE | END | PATH | QUOTED),
    (b"tcpdump", PLAINLY), (b"tcptraceroute", PLAINLY), (b"tcsh", RARE | END | PATH | QUOTED), (b"tee", PLAINLY),
    (b"telinit", PLAINLY), (b"telnet", RARE | HOST), (b"terraform", PLAINLY), (b"test", PATH), (b"tftp", RARE | HOST),
    (b"tic", PATH), (b"time", PATH | QUOTED), (b"timedatectl", PLAINLY), (b"timeout", END | PATH | NUMBER),
    (b"title", PATH), (b"tmate", PLAINLY), (b"tmux", PLAINLY), (b"top", END | PATH), (b"torify", PLAINLY),
    (b"torsocks", PLAINLY), (b"touch", PATH), (b"toybox", PLAINLY), (b"tpmtool", PLAINLY), (b"tr", PATH), (b"trace", PATH),
    (b"tracepath", RARE | HOST), (b"traceroute", RARE | HOST), (b"tracert", RARE | HOST), (b"trap", PATH | QUOTED),
    (b"tree", END | PATH), (b"troff", PLAINLY), (b"tsdiscon", PLAINLY), (b"tshark", PLAINLY), (b"tskill", PLAINLY),
    (b"tty", END | PATH), (b"type", PATH), (b"typeperf", PLAINLY), (b"ul", PATH), (b"umount", PATH), (b"uname", RARE | END),
    (b"unexpand", PLAINLY), (b"uniq", PATH), (b"unlink", PLAINLY), (b"unlzma", PLAINLY), (b"unrar", PLAINLY),
    (b"unset", PATH), (b"unshare", PLAINLY), (b"unxz", PLAINLY), (b"unzip", PLAINLY), (b"unzstd", PLAINLY),
    (b"uptime", END | PATH), (b"useradd", PLAINLY), (b"userdel", PLAINLY), (b"usermod", PLAINLY), (b"users", END | PATH),
    (b"usleep", END | PATH | NUMBER), (b"uudecode", PLAINLY), (b"uuencode", PLAINLY), (b"vagrant", PLAINLY),
    (b"vdir", PATH), (b"ver", END | PATH), (b"verclsid", PLAINLY), (b"verifier", PLAINLY), (b"verify", PATH), (b"vi", PATH),
    (b"view", PATH), (b"vigr", PLAINLY), (b"vim", PATH), (b"vimdiff", PLAINLY), (b"vipw", PLAINLY), (b"virsh", PLAINLY),
    (b"visudo", PLAINLY), (b"vmstat", PLAINLY), (b"vol", END | PATH), (b"vssadmin", PLAINLY), (b"w", END | PATH),
    (b"w3m", RARE | HOST), (b"waitfor", PLAINLY), (b"wall", PATH), (b"watch", PATH), (b"wbadmin", PLAINLY), (b"wc", PATH),
    (b"wecutil", PLAINLY), (b"wevtutil", PLAINLY), (b"wfuzz", PLAINLY), (b"wg-quick", PLAINLY), (b"wget", RARE | HOST),
    (b"whereis", PATH), (b"which", PATH), (b"who", END | PATH), (b"whoami", RARE | END), (b"whois", RARE | HOST),
    (b"winget", PLAINLY), (b"winrm", PLAINLY), (b"winrs", PLAINLY), (b"wireshark", PLAINLY), (b"wmic", PLAINLY),
    (b"write", PATH), (b"wscript", PLAINLY), (b"wusa", PLAINLY), (b"xargs", PLAINLY), (b"xcopy", PLAINLY),
    (b"xdg-open", PLAINLY), (b"xdotool", PLAINLY), (b"xelatex", PLAINLY), (b"xetex", PLAINLY), (b"xmodmap", PLAINLY),
    (b"xmore", PLAINLY), (b"xmrig", PLAINLY), (b"xpad", PLAINLY), (b"xterm", PATH | QUOTED), (b"xxd", PLAINLY),
    (b"xz", PLAINLY), (b"xzcat", PLAINLY), (b"xzcmp", PLAINLY), (b"xzdiff", PLAINLY), (b"xzegrep", PLAINLY),
    (b"xzfgrep", PLAINLY), (b"xzless", PLAINLY), (b"xzmore", PLAINLY), (b"yarn", PLAINLY), (b"yash", PLAINLY),
    (b"yelp", PLAINLY), (b"yes", PATH), (b"yum", PLAINLY), (b"zathura", PLAINLY), (b"zcat", PLAINLY), (b"zcmp", PLAINLY),
    (b"zdiff", PLAINLY), (b"zegrep", PLAINLY), (b"zfgrep", PLAINLY), (b"zforce", PLAINLY), (b"zgrep", PLAINLY),
    (b"zip", PATH), (b"zipcloak", PLAINLY), (b"zipinfo", PLAINLY), (b"zipnote", PLAINLY), (b"zipsplit", PLAINLY),
    (b"zless", PLAINLY), (b"zmore", PLAINLY), (b"zrun", PATH), (b"zsh", RARE | END | PATH | QUOTED), (b"zsoelim", PLAINLY),
    (b"zstd", PLAINLY), (b"zstdcat", PLAINLY), (b"zstdgrep", PLAINLY), (b"zstdless", PLAINLY), (b"zstdmt", PLAINLY),
    (b"zypper", PLAINLY),
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_either_case() {
        assert!(takes(b"Cat").is_some() && takes(b"whoami").is_some());
        assert!(takes(b"cats").is_none() && takes(b"").is_none() && takes(&[b'a'; 17]).is_none());
    }
}
