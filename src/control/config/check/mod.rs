//! A configuration held against itself and against the machine: what each setting allows alone may be wrong together.

mod identity;
mod limits;
mod listeners;

use super::Config;
use crate::document::{Document, Problem, Severity};
use crate::protocol::dns::Name;
use listeners::overlap;
use std::fs::{self, File};
use std::path::Path;

/// Everything that is wrong or unwise. The files that it names are looked for only on the machine that it is for.
pub fn check(document: &Document<Config>, on_its_machine: bool) -> Vec<Problem> {
    let mut checker = Checker { document, on_its_machine, problems: Vec::new() };
    checker.listeners();
    checker.own_ports();
    checker.upstreams();
    checker.identity();
    checker.admin();
    checker.files();
    checker.limits();
    checker.dns();
    checker.problems
}

struct Checker<'a> {
    document: &'a Document<Config>,
    on_its_machine: bool,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn dns(&mut self) {
        let Some(dns) = &self.document.value.dns else { return };
        if dns.listen.is_empty() {
            self.error("dns.listen", "an empty list", "at least one address", "leave it out for 127.0.0.1:53");
        }
        if dns.upstreams.is_empty() {
            let remedy = "name the cluster's resolvers: the `nameserver` lines of the pod's resolv.conf";
            self.error("dns.upstreams", "an empty list", "at least one resolver", remedy);
        }
        for (at, address) in dns.listen.iter().enumerate() {
            if !address.ip().is_loopback() {
                let remedy = "whoever reaches this address asks with the pod's grants";
                self.warning(&format!("dns.listen[{at}]"), &address.to_string(), "a loopback address", remedy);
            }
            if dns.upstreams.contains(address) {
                let remedy = "an upstream that is ourselves never answers";
                self.error(&format!("dns.listen[{at}]"), &address.to_string(), "an address of its own", remedy);
            }
        }
        for (list, names) in [("search", &dns.search), ("inside", &dns.inside)] {
            for (at, name) in names.iter().enumerate().filter(|(_, name)| Name::parse(name).is_none()) {
                let field = format!("dns.{list}[{at}]");
                self.error(&field, &format!("`{}`", name.escape_debug()), "a domain such as `cluster.local`", "");
            }
        }
        if dns.deadline < dns.upstream_deadline {
            let remedy = "the first upstream would use up the time of all";
            self.error("dns.deadline", "less than `dns.upstream_deadline`", "at least as much", remedy);
        }
    }

    fn admin(&mut self) {
        let config = &self.document.value;
        let listen = config.admin.listen;
        if !listen.ip().is_loopback() {
            let remedy = "metrics for others are scraped through a declared port, under the allowlist";
            self.error("admin.listen", &listen.to_string(), "a loopback address", remedy);
        }
        if let Some(at) = config.listeners.iter().position(|listener| overlap(listener.listen, listen)) {
            let found = format!("{listen}, which overlaps listeners[{at}]");
            self.error("admin.listen", &found, "an address of its own", "choose another port");
        }
    }

    fn files(&mut self) {
        let config = &self.document.value;
        if config.allowlists.is_empty() {
            self.warning("allowlists", "none", "files or directories", "everything is denied");
        }
        for (at, path) in config.allowlists.iter().enumerate() {
            self.readable(&format!("allowlists[{at}]"), path);
        }
        if !config.signatures.shipped && config.signatures.paths.is_empty() {
            self.warning(
                "signatures",
                "none",
                "`shipped: true`, or paths",
                "attacks with a signature are not detected",
            );
        }
        for (at, path) in config.signatures.paths.iter().enumerate() {
            self.readable(&format!("signatures.paths[{at}]"), path);
        }
        if !config.record.stdout && config.record.file.is_none() {
            self.warning("record", "nowhere to write to", "`stdout: true`, or a file", "refusals leave no evidence");
        }
        if let Some(path) = &config.record.mask_key {
            self.readable("record.mask_key", path);
        }
        let folder =
            config.record.file.as_ref().and_then(|file| file.path.parent()).filter(|path| !path.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| self.on_its_machine && !folder.is_dir()) {
            let found = format!("a file in {}, which is no directory", folder.display());
            self.error("record.file.path", &found, "a file in a directory that exists", "make the directory");
        }
    }

    fn readable(&mut self, field: &str, path: &Path) {
        let opened = if path.is_dir() { fs::read_dir(path).map(drop) } else { File::open(path).map(drop) };
        if let (Err(error), true) = (opened, self.on_its_machine) {
            let found = format!("{}: {error}", path.display());
            self.error(field, &found, "a file that can be read", "check the path and its permissions");
        }
    }

    fn error(&mut self, field: &str, found: &str, expected: &str, remedy: &str) {
        self.problems.push(self.document.problem(Severity::Error, field, found, expected, remedy));
    }

    fn warning(&mut self, field: &str, found: &str, expected: &str, remedy: &str) {
        self.problems.push(self.document.problem(Severity::Warning, field, found, expected, remedy));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::control::config::{Environment, load::read};
    use crate::document::Problem;

    const HEAD: &str = "apiVersion: podwall.dev/v1\nkind: Podwall\n";

    /// Field and finding of every problem, errors or warnings.
    pub(super) fn found(text: &str) -> Vec<String> {
        let problems = match read("podwall.yaml", &format!("{HEAD}{text}"), &Environment::default()) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        problems.iter().map(|Problem { field, found, .. }| format!("{field}: {found}")).collect()
    }

    pub(super) const ONE: &str = "listeners: [{listen: 127.0.0.1:1, upstream: 127.0.0.1:2, tls: off}]\n";

    #[test]
    fn least_configuration_is_warned_that_it_denies_everything() {
        assert_eq!(found(ONE), ["allowlists: none"]);
    }

    #[test]
    fn files_must_be_readable() {
        let text = "identity: {certificate: /nowhere/c, key: /nowhere/k, trust: [{domain: A, bundle: /nowhere/b}]}
allowlists: [/nowhere/a]
";
        let found = found(&format!("{ONE}{text}"));
        assert_eq!(found.len(), 5, "{found:?}");
        assert!(
            found.iter().all(|line| line.contains("/nowhere/") || line.starts_with("identity.trust[0].domain: `A`"))
        );
    }

    #[test]
    fn admin_stays_on_loopback() {
        assert_eq!(found(&format!("{ONE}admin: {{listen: 0.0.0.0:15020}}\n")), ["admin.listen: 0.0.0.0:15020"]);
    }

    #[test]
    fn all_problems_of_the_schema_come_at_once() {
        let text = "listeners: [{listen: nowhere, upstream: 1, tls: maybe}]\nlimit: {}\nworkers: 0\n";
        assert_eq!(found(text).len(), 5, "{:?}", found(text));
    }
}
