//! `podwall check PATHS…`: everything that is wrong, or unwise, with allowlists, bootstrap configurations and
//! signatures, before a sidecar reads them. Each path is looked at as one pod's; a bootstrap configuration together
//! with the allowlists it names.

use crate::behave;
use crate::detect::{DETECTORS, signature};
use crate::document::{self, Document, Problem, Severity, Tree};
use crate::policy::{self, Allowlist, Context, load};
use crate::protocol::redis::commands;
use lexopt::prelude::{Long, Short, Value, ValueExt};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

/// What `podwall check --help` says.
pub const HELP: &str = "\
Checks allowlists, bootstrap configurations and signatures: every problem with its line and what to do about it.

Usage: podwall check [--strict] [--short] [--trust-domain DOMAIN] PATH...

  PATH                   a file, or a directory of *.yaml and *.yml; the allowlists of one PATH are one pod's policy,
                         and so are those that a bootstrap configuration (kind: Podwall) names
  --strict               warnings count as errors
  --short                one line for each problem: FILE:LINE:COLUMN: SEVERITY: FIELD: ...
  --trust-domain DOMAIN  where callers live who are named by namespace, if the document does not say

Exit codes: 0 no errors, 1 errors (or warnings, with --strict), 2 wrong usage.
";

/// What is asked for.
struct Asked {
    paths: Vec<PathBuf>,
    strict: bool,
    short: bool,
    trust_domain: Option<String>,
}

/// What was looked at, and what was found.
#[derive(Default)]
struct Report {
    files: usize,
    rules: usize,
    problems: Vec<Problem>,
}

/// Runs `podwall check …`; `arguments` come after the command's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let asked = match super::asked(parse(arguments), "check", HELP) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let mut report = Report::default();
    asked.paths.iter().for_each(|path| report.path(path, asked.trust_domain.as_deref()));
    super::say(&report.text(asked.short));
    let worst = report.problems.iter().map(|problem| problem.severity).max();
    let refused = worst == Some(Severity::Error) || worst.is_some() && asked.strict;
    if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Nothing when help is asked for.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Asked>, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut asked = Asked { paths: Vec::new(), strict: false, short: false, trust_domain: None };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("strict") => asked.strict = true,
            Long("short") => asked.short = true,
            Long("trust-domain") => asked.trust_domain = Some(parser.value()?.string()?),
            Long("help") | Short('h') => return Ok(None),
            Value(path) => asked.paths.push(path.into()),
            other => return Err(other.unexpected()),
        }
    }
    if asked.paths.is_empty() { Err("name a file or a directory".into()) } else { Ok(Some(asked)) }
}

impl Report {
    /// One path, the documents of one pod.
    fn path(&mut self, path: &Path, trust_domain: Option<&str>) {
        let files = load::files(path).unwrap_or_else(|_| vec![path.to_owned()]);
        if files.is_empty() {
            let problem = Problem::of_file(&path.display().to_string()).found("no file").expected("*.yaml or *.yml");
            self.problems.push(problem.remedy("check the path"));
        }
        let mut allowlists = Vec::new();
        for file in &files {
            self.files += 1;
            if let Err(problems) = self.file(file, &mut allowlists) {
                self.problems.extend(problems);
            }
        }
        if !allowlists.is_empty() {
            self.compile(&allowlists, &Context { now: SystemTime::now(), trust_domain, tls: None });
        }
    }

    /// One file, by the kind of its documents. Allowlists are compiled later, together with those of other files.
    fn file(&mut self, file: &Path, allowlists: &mut Vec<Document<Allowlist>>) -> Result<(), Vec<Problem>> {
        let name = file.display().to_string();
        let text = load::text(file)?;
        let trees = document::parse(&name, &text)?;
        if trees.iter().any(|tree| tree.text("family").is_some()) {
            return signature::parse(&name, &text).map(drop);
        }
        if trees.iter().any(|tree| tree.text("kind") == Some("Podwall")) {
            return self.configuration(&name, &text);
        }
        let mut problems = Vec::new();
        for tree in trees {
            match allowlist(tree) {
                Ok(document) => allowlists.push(document),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn compile(&mut self, allowlists: &[Document<Allowlist>], context: &Context<'_>) {
        self.problems.extend(allowlists.iter().flat_map(unknown_signs));
        self.problems.extend(allowlists.iter().flat_map(unknown_commands));
        match policy::compile(allowlists, context) {
            Ok(compiled) => {
                self.rules += compiled.policy.len();
                self.problems.extend(compiled.warnings);
            }
            Err(problems) => self.problems.extend(problems),
        }
    }

    /// A bootstrap configuration, and the allowlists it names, with what is known of its ports.
    #[cfg(feature = "sidecar")]
    fn configuration(&mut self, name: &str, text: &str) -> Result<(), Vec<Problem>> {
        use crate::control::config::{self, Environment};
        use crate::proxy::tls::Mode;
        let loaded = config::load::read(name, text, &Environment::of_process())?;
        self.problems.extend(loaded.warnings);
        let listeners = loaded.config.listeners.iter();
        let inbound = listeners.filter(|listener| listener.direction == config::Direction::Inbound);
        let ports = inbound.flat_map(|listener| listener.declared().into_iter().map(move |port| (listener, port)));
        let tls = ports.map(|(listener, port)| {
            let asked = match listener.tls(&port) {
                Mode::Strict => policy::Tls::Strict,
                Mode::Permissive => policy::Tls::Permissive,
                Mode::Off => policy::Tls::Off,
            };
            (port.port, asked)
        });
        let tls = tls.collect();
        // Of several trust domains, which one is our own stands only in our certificate.
        let trusted = loaded.config.identity.iter().flat_map(|identity| &identity.trust);
        let trust_domain = match trusted.collect::<Vec<_>>().as_slice() {
            [only] => Some(only.domain.as_str()),
            _ => None,
        };
        let allowlists = load::documents(&loaded.config.allowlists)?;
        self.compile(&allowlists, &Context { now: SystemTime::now(), trust_domain, tls: Some(&tls) });
        Ok(())
    }

    #[cfg(not(feature = "sidecar"))]
    fn configuration(&mut self, name: &str, _: &str) -> Result<(), Vec<Problem>> {
        let problem = Problem::of_file(name).found("a bootstrap configuration").expected("an allowlist");
        Err(vec![problem.remedy("this build has no sidecar (feature `sidecar`)")])
    }

    fn text(&self, short: bool) -> String {
        let mut text: String = match short {
            true => self.problems.iter().map(|problem| format!("{problem}\n")).collect(),
            false => self.problems.iter().map(|problem| format!("{}\n", problem.render())).collect(),
        };
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let warnings = self.problems.len() - errors;
        let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        let (files, rules) = (count(self.files, "file"), count(self.rules, "rule"));
        text.push_str(&format!("{files}, {rules}: {}, {}\n", count(errors, "error"), count(warnings, "warning")));
        text
    }
}

/// Exceptions for signs that neither a detector nor a shipped signature gives.
fn unknown_signs(document: &Document<Allowlist>) -> Vec<Problem> {
    let shipped = signature::shipped().unwrap_or_default();
    let detectors = || DETECTORS.iter().map(|detector| detector.name());
    let observed = || [behave::dns::SIGNS, behave::sql::SIGNS, behave::stream::SIGNS].into_iter().flatten().copied();
    let known = || detectors().chain(observed()).chain(shipped.iter().map(|signature| &*signature.id));
    // What a detector recognises has a name of its own after the detector's: `sql-tautology`.
    let is_known = |sign: &str| {
        known().chain(["scan"]).any(|known| known == sign)
            || sign.split_once('-').is_some_and(|(first, _)| detectors().any(|detector| detector == first))
    };
    let mut problems = Vec::new();
    for (at, exception) in document.value.exceptions.iter().enumerate() {
        for sign in exception.signature.as_slice().iter().filter(|sign| !is_known(sign)) {
            let remedy =
                document::nearest(sign, known()).map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            let (field, found) = (format!("exceptions[{at}].signature"), format!("`{sign}`"));
            let expected = "a detector, an observer, or a shipped signature (`podwall signatures list`)";
            problems.push(document.problem(Severity::Warning, &field, found, expected, remedy));
        }
    }
    problems
}

/// Commands that are granted by a name that no command has: of a module, or a slip.
fn unknown_commands(document: &Document<Allowlist>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, rule) in document.value.caches.iter().enumerate() {
        let mut look = |field: String, name: &str, others: &[&str]| {
            let has_dot = name.contains('.');
            if others.contains(&name) || has_dot || commands::is_known(name) {
                return;
            }
            let near = document::nearest(name, commands::names()).map(|near| format!("did you mean `{near}`?"));
            let expected = "a command that is known; those of modules have a dot";
            problems.push(document.problem(
                Severity::Warning,
                &field,
                format!("`{name}`"),
                expected,
                near.unwrap_or_default(),
            ));
        };
        rule.commands.iter().for_each(|name| look(format!("caches[{at}].commands"), name, &[]));
        for (key, words) in &rule.keys {
            words.as_slice().iter().for_each(|word| look(format!("caches[{at}].keys.{key}"), word, &["read", "write"]));
        }
    }
    problems
}

/// A document without a kind we know is told which there are.
fn allowlist(tree: Tree) -> Result<Document<Allowlist>, Vec<Problem>> {
    const KINDS: [&str; 2] = ["Allowlist", "Podwall"];
    match tree.text("kind") {
        Some(kind) if !KINDS.contains(&kind) => {
            let near = document::nearest(kind, KINDS.into_iter());
            let remedy = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            let problem =
                tree.problem("kind").found(format!("kind `{kind}`")).expected("one of `Allowlist`, `Podwall`");
            Err(vec![problem.remedy(remedy)])
        }
        _ => tree.decode(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const HEAD: &str = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: a}\ntrustDomain: d\n";

    fn checked(text: &str, options: &[&str]) -> ExitCode {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        fs::write(&file, text).unwrap();
        run(options.iter().map(OsString::from).chain([file.into()]))
    }

    fn report(text: &str) -> Report {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.yaml"), text).unwrap();
        let mut report = Report::default();
        report.path(folder.path(), None);
        report
    }

    #[test]
    fn exit_code_tells_errors() {
        let good = format!("{HEAD}inbound: [GET /a from b/c]\n");
        let warned = format!("{HEAD}inbound: [GET /a from any]\n");
        assert_eq!(checked(&good, &[]), ExitCode::SUCCESS);
        assert_eq!(checked(&good, &["--strict"]), ExitCode::SUCCESS);
        assert_eq!(checked(&warned, &[]), ExitCode::SUCCESS);
        assert_eq!(checked(&warned, &["--strict", "--short"]), ExitCode::FAILURE);
        assert_eq!(checked("x: 1\n", &[]), ExitCode::FAILURE);
    }

    #[test]
    fn wrong_usage_has_its_own_code() {
        for wrong in [vec![], vec!["--nonsense"], vec!["--trust-domain"]] {
            assert_eq!(run(wrong.into_iter().map(OsString::from)), ExitCode::from(crate::cli::USAGE));
        }
    }

    #[test]
    fn unknown_kind_is_told_the_near_one() {
        let report = report("kind: AllowList\n");
        assert_eq!(report.problems.len(), 1);
        assert_eq!(report.problems[0].remedy, "did you mean `Allowlist`?");
        assert!(report.text(false).ends_with("1 file, 0 rules: 1 error, 0 warnings\n"), "{}", report.text(false));
    }

    #[test]
    fn exception_for_an_unknown_sign_is_warned_about() {
        let with = |sign: &str| {
            let rule = format!("{{name: a, owner: b, reason: c, path: /a, signature: {sign}}}");
            report(&format!("{HEAD}inbound: [GET /a from b/c]\nexceptions: [{rule}]\n")).problems
        };
        assert!(with("[sql, log4shell-jndi, sql-tautology]").is_empty());
        assert_eq!(with("log4shell-jndy")[0].remedy, "did you mean `log4shell-jndi`?");
    }

    #[test]
    fn missing_path_is_an_error() {
        let mut report = Report::default();
        report.path(Path::new("/nonexistent/podwall"), None);
        assert_eq!(report.problems.len(), 1);
    }

    #[test]
    fn signatures_are_checked_too() {
        assert!(!report("family: a\ntitle: b\nsignatures: [{id: x}]\n").problems.is_empty());
    }

    #[test]
    #[cfg(feature = "sidecar")]
    fn configuration_is_checked_with_its_allowlists() {
        let folder = tempfile::tempdir().unwrap();
        let (config, allowlist) = (folder.path().join("podwall.yaml"), folder.path().join("rules"));
        fs::write(&allowlist, format!("{HEAD}inbound: [GET /a from any, GET /b from b/c on 99]\n")).unwrap();
        let listener = "{listen: '127.0.0.1:18080', tls: off, upstream: '127.0.0.1:19000'}";
        let head = "apiVersion: podwall.dev/v1\nkind: Podwall\n";
        let text = format!("{head}listeners: [{listener}]\nallowlists: ['{}']\n", allowlist.display());
        fs::write(&config, text).unwrap();
        let mut report = Report::default();
        report.path(&config, None);
        let found: Vec<_> = report.problems.iter().map(|problem| (problem.severity, problem.field.as_str())).collect();
        assert_eq!(found, [(Severity::Warning, "inbound[1].port")], "{}", report.text(false));
        assert_eq!(report.rules, 2);
    }
}
