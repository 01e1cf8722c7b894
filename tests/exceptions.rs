//! `deploy/exceptions.md` is true: each example, held against the requests behind it, through the program as owners run it.

#![cfg(feature = "sidecar")]
#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// The page's blocks of code, with their languages.
fn blocks() -> Vec<(String, String)> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/exceptions.md")).unwrap();
    let fenced = page.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// A configuration whose only allowlist is this one.
fn configured(folder: &Path, allowlist: &str) {
    let head = "apiVersion: podwall.dev/v1\nkind: Allowlist\nmetadata: {name: example}\n";
    fs::write(folder.join("allowlist.yaml"), format!("{head}{allowlist}")).unwrap();
    let listeners =
        [18080, 18443].map(|port| format!("  - {{listen: '127.0.0.1:{port}', tls: off, upstream: '127.0.0.1:1'}}\n"));
    let text = format!(
        "apiVersion: podwall.dev/v1\nkind: Podwall\nlisteners:\n{}allowlists: [allowlist.yaml]\n",
        listeners.concat()
    );
    fs::write(folder.join("podwall.yaml"), text).unwrap();
}

fn podwall(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_podwall")).current_dir(folder).args(arguments).output().unwrap()
}

/// `18080 POST /articles/7 {"text": "x"} = allow`
fn judged(folder: &Path, row: &str) {
    let (asked, expected) = row.rsplit_once(" = ").unwrap();
    let mut words = asked.splitn(4, ' ');
    let [port, method, path] = [(); 3].map(|()| words.next().unwrap());
    let body = words.next().unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.1\r\nHost: shop\r\n{kind}Content-Length: {length}\r\n\r\n{body}");
    fs::write(folder.join("request.http"), request).unwrap();
    let said = podwall(folder, &["judge", "--config", "podwall.yaml", "--port", port, "request.http"]);
    let (out, error) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(out.starts_with(&format!("request.http: {expected}")), "{row}\n{out}{error}");
}

#[test]
fn every_example_of_the_page_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = 0;
    for (language, text) in blocks() {
        if language == "yaml" {
            configured(folder.path(), &text);
        } else {
            assert_eq!(language, "judged");
            text.lines().for_each(|row| judged(folder.path(), row));
            rows += text.lines().count();
        }
    }
    assert!(rows >= 10, "{rows} rows");
}

#[test]
fn exception_without_owner_or_reason_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, whole) = blocks().into_iter().find(|(language, _)| language == "yaml").unwrap();
    for (without, missing) in [
        (whole.replace("owner: team-articles\n", ""), "owner"),
        (whole.replace("    reason: the editor sends HTML; it is cleaned before it is shown\n", ""), "reason"),
        (whole.replace("    path: /articles/{id}\n", ""), "path"),
        (whole.replace("    signature: html\n", ""), "signature"),
    ] {
        configured(folder.path(), &without);
        let said = podwall(folder.path(), &["check", "allowlist.yaml"]);
        let text = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!said.status.success() && text.contains(missing), "without {missing}: {text}");
    }
}
