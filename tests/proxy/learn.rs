//! Learn mode, as deploy/allowlist.md shows it: what callers ask for becomes a proposal that `podwall check` takes.

use crate::bench::Setup;
use crate::client::{get, post};
use crate::upstream::ok;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn podwall(arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_podwall")).args(arguments).arg(file).output().unwrap()
}

/// The block of the page that is fenced by this word.
fn fenced(word: &str) -> String {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/allowlist.md")).unwrap();
    let (_, block) = page.split_once(&format!("```{word}\n")).unwrap();
    block.split_once("```\n").unwrap().0.to_owned()
}

fn request(line: &str) -> String {
    match line.split_once(' ').unwrap() {
        ("GET", target) => get(target),
        ("POST", target) => post(target, "application/json", "{\"items\":[1,2]}"),
        (method, target) => get(target).replacen("GET", method, 1),
    }
}

#[test]
fn what_was_asked_for_is_proposed() {
    let bench = Setup::before(|talk| {
        while let Some(request) = talk.request() {
            let there = !request.contains("GET /prices");
            if !(if there { ok(talk) } else { talk.say("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n") }) {
                break;
            }
        }
    })
    .mode("learn")
    .start();
    for line in fenced("requests").lines() {
        let method = line.split(' ').next().unwrap();
        let status = bench.client().send(request(line)).answer_to(method).status;
        assert_eq!(status, if line.contains("/prices") { 404 } else { 200 }, "{line}");
    }
    let ended = bench.end();
    // The attack alone is told on a line of its own, and is not learned from.
    assert_eq!(ended.reasons(), ["attack-detected"]);
    assert!(ended.of("judged").all(|line| line["mode"] == "learn"));

    let folder = tempfile::tempdir().unwrap();
    let (record, proposal) = (folder.path().join("record.jsonl"), folder.path().join("learned.yaml"));
    fs::write(&record, &ended.record).unwrap();
    let learned = podwall(&["log", "learn", "--owner", "team-orders"], &record);
    assert!(learned.status.success(), "{}", String::from_utf8_lossy(&learned.stderr));
    let text = String::from_utf8(learned.stdout).unwrap();
    assert_eq!(text, fenced("proposal"));
    fs::write(&proposal, text).unwrap();
    let checked = podwall(&["check"], &proposal);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert_eq!(podwall(&["log", "learn"], &proposal).status.code(), Some(1));
}
