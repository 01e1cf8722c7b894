//! Every shipped signature finds its hits and none of its misses, alone and among all the others.

#![allow(clippy::unwrap_used, clippy::string_slice, clippy::indexing_slicing)] // a test: what fails, fails it

use podwall::detect::{Detectors, Signature, signature};

#[test]
fn every_entry_does_what_it_promises() {
    let wrong: Vec<String> = shipped()
        .iter()
        .flat_map(|entry| signature::self_test(entry).into_iter().map(move |wrong| format!("{}: {wrong}", entry.id)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn ids_are_unique() {
    assert_eq!(signature::check_unique(&shipped()), Vec::<&str>::new());
}

#[test]
fn every_entry_says_where_to_read_more() {
    for entry in shipped() {
        assert!(entry.references.all().next().is_some(), "{}", entry.id);
    }
}

#[test]
fn hash_changes_with_the_signatures() {
    let all = Detectors::new(shipped()).hash();
    assert_eq!(all, Detectors::default().hash());
    assert_ne!(all, Detectors::new(shipped().split_off(1)).hash());
}

/// The entry that the page for authors shows loads as it stands, with its hits and misses; without its literal it does not,
/// and the author is told why.
#[test]
fn entry_of_the_page_for_authors_is_one() {
    let page = read("signatures/README.md");
    let entry = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let loaded = signature::parse("page.yaml", entry).unwrap();
    assert_eq!(loaded.iter().flat_map(signature::self_test).collect::<Vec<_>>(), Vec::<String>::new());
    let literal = entry.lines().find(|line| line.trim_start().starts_with("any:")).unwrap();
    let problems = signature::parse("page.yaml", &entry.replace(&format!("{literal}\n"), "")).unwrap_err();
    let said = podwall::document::render_all(&problems);
    assert!(said.contains("any"), "{said}");
}

/// What the page on weighing says that `podwall judge` prints is what it prints.
#[test]
fn judgement_of_the_page_on_weighing_is_one() {
    let page = read("deploy/detection.md");
    let shown: Vec<&str> =
        page.lines().skip_while(|line| !line.starts_with("    request.http: deny")).take(13).collect();
    let folder = tempfile::tempdir().unwrap();
    let request = "GET /?q=hello%20%24%7Bjndi:ldap://x/a%7D HTTP/1.1\r\nHost: shop\r\n\r\n";
    std::fs::write(folder.path().join("request.http"), request).unwrap();
    let mut judge = std::process::Command::new(env!("CARGO_BIN_EXE_podwall"));
    let said = judge.current_dir(folder.path()).args(["judge", "request.http"]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    for line in shown {
        assert!(said.contains(line.strip_prefix("    ").unwrap_or(line)), "{line}\n{said}");
    }
}

fn read(page: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

fn shipped() -> Vec<Signature> {
    signature::shipped().unwrap()
}
