//! `podwall pki dev DIR`: a certificate authority for development, with a server's, a client's and further workloads'
//! certificates. What it writes is for trying things out: the CA's key lies beside its certificate.

use crate::flow::InvalidSpiffeId;
use crate::identity::dev::{Authority, Failure, Issued, Order};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// What `podwall pki --help` says.
pub const HELP: &str = "\
Issues certificates for development.

Usage: podwall pki dev DIR [options]

Writes ca.crt and ca.key, server.crt and server.key (ns/shop/sa/orders, valid for localhost),
client.crt and client.key (ns/shop/sa/frontend), and NS-SA.crt and NS-SA.key for each workload.

  --trust-domain NAME   the trust domain (cluster.test)
  --workload NS/SA      one more workload; may be repeated
  --days N              how long everything is valid, 1 to 3650 (30)
  --force               overwrite files that exist

Exit codes: 0 done, 1 nothing could be written, 2 wrong usage.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    folder: PathBuf,
    domain: String,
    /// (namespace, service account)
    workloads: Vec<(String, String)>,
    days: u32,
    force: bool,
}

/// Runs `podwall pki …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match super::asked(parse(arguments), "pki", HELP) {
        Ok(options) => options,
        Err(code) => return code,
    };
    match issue(&options) {
        Ok(summary) => {
            print!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("podwall pki: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Options>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut words = Vec::new();
    let mut options =
        Options { folder: PathBuf::new(), domain: "cluster.test".into(), workloads: vec![], days: 30, force: false };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("trust-domain") => options.domain = parser.value()?.string()?,
            Long("workload") => options.workloads.push(workload(&parser.value()?.string()?)?),
            Long("days") => options.days = parser.value()?.parse_with(days)?,
            Long("force") => options.force = true,
            Short('h') | Long("help") => return Ok(None),
            Value(word) => words.push(word),
            other => return Err(other.unexpected()),
        }
    }
    match <[OsString; 2]>::try_from(words) {
        Ok([what, folder]) if what == "dev" => Ok(Some(Options { folder: folder.into(), ..options })),
        _ => Err("expected `dev` and one directory".into()),
    }
}

fn workload(text: &str) -> Result<(String, String), lexopt::Error> {
    match text.split_once('/') {
        Some((namespace, account)) if !account.contains('/') => Ok((namespace.into(), account.into())),
        _ => Err(format!("{text:?} is not NAMESPACE/SERVICE-ACCOUNT").into()),
    }
}

fn days(text: &str) -> Result<u32, &'static str> {
    text.parse().ok().filter(|days| (1..=3650).contains(days)).ok_or("expected 1 to 3650")
}

/// Makes everything before it writes anything.
fn issue(options: &Options) -> Result<String, Box<dyn std::error::Error>> {
    let until = SystemTime::now() + Duration::from_secs(u64::from(options.days) * 24 * 60 * 60);
    let root = Authority::new(&options.domain, until)?;
    let mut issued = vec![
        one(&root, "server", "shop", "orders", |order| order.local().until(until))?,
        one(&root, "client", "shop", "frontend", |order| order.until(until))?,
    ];
    for (namespace, account) in &options.workloads {
        let name = format!("{namespace}-{account}");
        if issued.iter().any(|other| other.name == name) {
            return Err(format!("two workloads would be written to {name}.crt").into());
        }
        issued.push(one(&root, &name, namespace, account, |order| order.until(until))?);
    }
    let mut files = vec![("ca.crt".into(), root.certificate_pem(), PUBLIC), ("ca.key".into(), root.key_pem(), SECRET)];
    for Named { name, issued, .. } in &issued {
        files.push((format!("{name}.crt"), issued.chain_pem.clone(), PUBLIC));
        files.push((format!("{name}.key"), issued.key_pem.clone(), SECRET));
    }
    fs::create_dir_all(&options.folder).map_err(|error| format!("{}: {error}", options.folder.display()))?;
    write(&options.folder, &files, options.force)?;
    Ok(summary(options, &issued))
}

/// What was issued, by the name of its files.
struct Named {
    name: String,
    id: String,
    issued: Issued,
}

fn one(
    root: &Authority,
    name: &str,
    namespace: &str,
    account: &str,
    change: impl FnOnce(Order) -> Order,
) -> Result<Named, Failure> {
    let id =
        root.id(namespace, account).map_err(|_| Failure::Name(InvalidSpiffeId("is no NAMESPACE/SERVICE-ACCOUNT")))?;
    let issued = root.issue(&change(Order::workload(&id)))?;
    Ok(Named { name: name.into(), id: id.to_string(), issued })
}

const PUBLIC: u32 = 0o644;
const SECRET: u32 = 0o600;

fn write(folder: &Path, files: &[(String, String, u32)], force: bool) -> Result<(), String> {
    for (name, _, _) in files.iter().filter(|_| !force) {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} exists; nothing was written (--force overwrites)", path.display()));
        }
    }
    for (name, content, mode) in files {
        let path = folder.join(name);
        create(&path, content, *mode).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Created anew, so that a key never passes through a file that others may read.
fn create(path: &Path, content: &str, mode: u32) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?.write_all(content.as_bytes())
}

fn summary(options: &Options, issued: &[Named]) -> String {
    let mut text = String::from("For development only: the CA's key lies beside its certificate.\n\n");
    let folder = options.folder.display();
    let mut line = |file: &str, what: &str| {
        let _ = writeln!(text, "  {:<40} {what}", format!("{folder}/{file}.{{crt,key}}")); // a string takes everything
    };
    line("ca", &format!("the bundle of trust domain {}", options.domain));
    for Named { name, id, .. } in issued {
        line(name, id);
    }
    let _ = writeln!(text, "\nValid for {} days.", options.days);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{BundleFile, Limits, Sources, Store};
    use std::os::unix::fs::PermissionsExt;

    fn arguments(line: &str) -> Result<Option<Options>, lexopt::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn options(folder: &Path, more: &str) -> Options {
        arguments(&format!("dev {} {more}", folder.display())).unwrap().unwrap()
    }

    #[test]
    fn every_option_is_understood() {
        let found =
            arguments("dev x --trust-domain d --workload a/b --workload c/d --days 7 --force").unwrap().unwrap();
        assert_eq!(found.workloads, [("a".into(), "b".into()), ("c".into(), "d".into())]);
        assert_eq!((found.domain.as_str(), found.days, found.force), ("d", 7, true));
        assert_eq!(arguments("--help").unwrap(), None);
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in
            ["", "dev", "prod x", "dev x y", "dev x --days 0", "dev x --days 3651", "dev x --workload a", "dev x -z"]
        {
            assert!(arguments(line).is_err(), "{line}");
        }
    }

    #[test]
    fn what_is_written_can_be_served_with() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let told = issue(&options(&folder, "--workload shop/cart")).unwrap();
        assert!(told.contains("spiffe://cluster.test/ns/shop/sa/cart") && told.contains("development"), "{told}");
        for name in ["server", "client", "shop-cart"] {
            let sources = Sources {
                certificate: folder.join(format!("{name}.crt")),
                key: folder.join(format!("{name}.key")),
                bundles: vec![BundleFile { domain: "cluster.test".into(), path: folder.join("ca.crt") }],
                named: Vec::new(),
            };
            let store = Store::open(sources, Limits::default()).unwrap();
            assert!(store.current().warnings.is_empty());
        }
    }

    #[test]
    fn keys_are_for_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        issue(&options(folder.path(), "")).unwrap();
        for name in ["ca.key", "server.key", "client.key"] {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn nothing_is_overwritten_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("client.key"), "mine").unwrap();
        let told = issue(&options(folder.path(), "")).unwrap_err().to_string();
        assert!(told.contains("client.key exists"), "{told}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        issue(&options(folder.path(), "--force")).unwrap();
        assert!(fs::read_to_string(folder.path().join("client.key")).unwrap().contains("PRIVATE KEY"));
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(issue(&options(folder.path(), "--trust-domain UPPER")).is_err());
        assert!(issue(&options(folder.path(), "--workload ../b")).is_err());
        assert!(issue(&options(folder.path(), "--workload a-b/c --workload a/b-c")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
