//! The bootstrap configuration through the front door: what the documentation shows is good, and the program says so.

#![cfg(feature = "sidecar")]
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::{TempDir, tempdir};

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A folder with the files that the examples point to.
fn files() -> TempDir {
    let dir = tempdir().unwrap();
    for name in ["server.crt", "server.key", "ca.crt", "allowlist.yaml"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    dir
}

fn podwall(arguments: &[&str], files: &TempDir, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_podwall"))
        .args(arguments)
        .env("PODWALL_CERTS", files.path())
        .env("PODWALL_POLICY", files.path().join("allowlist.yaml"))
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// The fenced blocks of this language in a page, each with the line it begins on.
fn blocks(page: &str, language: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(repository(page)).unwrap();
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match &mut open {
            Some(_) if line == "```" => found.extend(open.take()),
            Some((_, block)) => block.push_str(&format!("{line}\n")),
            None if line == format!("```{language}") => open = Some((number + 2, String::new())),
            None => {}
        }
    }
    found
}

#[test]
fn documents_of_the_page_are_good() {
    let files = files();
    let blocks = blocks("deploy/configuration.md", "yaml");
    assert!(blocks.len() >= 3);
    for (line, text) in blocks {
        let path = files.path().join("podwall.yaml");
        fs::write(&path, text).unwrap();
        // A variable that a document does not use is an error, so those that it does use are all that is set.
        let used = fs::read_to_string(&path).unwrap();
        let mut check = Command::new(env!("CARGO_BIN_EXE_podwall"));
        check.args(["config", "check", path.to_str().unwrap()]);
        for (name, value) in [("PODWALL_CERTS", "."), ("PODWALL_POLICY", "allowlist.yaml")] {
            if used.contains(name) {
                check.env(name, files.path().join(value));
            }
        }
        let output = check.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "deploy/configuration.md:{line}\n{told}");
    }
}

#[test]
fn listeners_of_the_pages_are_good() {
    let files = files();
    let path = files.path().join("podwall.yaml");
    for (page, (line, text)) in ["deploy/outbound.md", "deploy/egress.md"].into_iter().flat_map(|page| {
        let found = blocks(page, "podwall");
        assert_eq!(found.len(), 1, "{page}");
        found.into_iter().map(move |block| (page, block))
    }) {
        fs::write(&path, format!("apiVersion: podwall.dev/v1\nkind: Podwall\n{text}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_podwall")).args(["config", "check"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{page}:{line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn resolver_of_the_page_is_good() {
    let files = files();
    let own = |(_, text): &(usize, String)| text.starts_with("dns:");
    let blocks: Vec<_> = blocks("deploy/dns.md", "yaml").into_iter().filter(own).collect();
    assert_eq!(blocks.len(), 1);
    for (line, text) in blocks {
        let path = files.path().join("podwall.yaml");
        fs::write(&path, format!("apiVersion: podwall.dev/v1\nkind: Podwall\nlisteners: []\n{text}")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_podwall")).args(["config", "check"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "deploy/dns.md:{line}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn example_is_good() {
    let files = files();
    let output =
        podwall(&["config", "check", repository("deploy/examples/podwall.yaml").to_str().unwrap()], &files, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn variables_of_the_page_name_settings() {
    let files = files();
    let example = repository("deploy/examples/podwall.yaml");
    let example = example.to_str().unwrap();
    let text = fs::read_to_string(repository("deploy/configuration.md")).unwrap();
    let named = text.lines().filter_map(|line| line.strip_prefix("| `PODWALL_")?.split_once("` |"));
    let mut seen = 0;
    for (cell, _) in named {
        for variable in cell.split("`, `") {
            let variable = format!("PODWALL_{}", variable.trim_start_matches("PODWALL_"));
            let (name, value) = variable.split_once('=').unwrap_or((&variable, "x"));
            let output = podwall(&["config", "--explain", example], &files, &[(name, value)]);
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || !told.contains("names no setting"), "{name}: {told}");
            seen += 1;
        }
    }
    assert!(seen >= 7, "{seen}");
}

#[test]
fn misspelled_variable_is_refused() {
    let files = files();
    let example = repository("deploy/examples/podwall.yaml");
    let output = podwall(&["config", "check", example.to_str().unwrap()], &files, &[("PODWALL_LIMITS_HEADER", "1")]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("did you mean `PODWALL_LIMITS_HEADERS`?"), "{told}");
}

#[test]
fn every_problem_is_told_with_its_place() {
    let files = files();
    let path = files.path().join("podwall.yaml");
    fs::write(
        &path,
        "apiVersion: podwall.dev/v1\nkind: Podwall\nlisteners:\n  - {lisen: 127.0.0.1:1}\nadmin: {listen: here}\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_podwall")).args(["config", "check"]).arg(&path).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    for part in [
        "podwall.yaml:4:6",
        "did you mean `listen`?",
        "listeners[0].listen: found nothing",
        "admin.listen: found text `here`",
    ] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

#[test]
fn page_of_metrics_lists_each_of_them() {
    let row = |metric: &podwall::record::metrics::Metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        format!("| `{}` | {:?} | {} | {} |", metric.name, metric.sort, labels.join(" "), metric.help)
    };
    let rows: Vec<String> = podwall::record::metrics::METRICS.iter().map(row).collect();
    let page = fs::read_to_string(repository("deploy/metrics.md")).unwrap();
    let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(listed, rows, "deploy/metrics.md should hold\n{}", rows.join("\n"));
}
